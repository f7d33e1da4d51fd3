/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"

static const char *const names[] = {"generic", "avx2", "avx512", "avx512_bf16"};

const char *la_isa_name(la_isa isa)
{
    return names[isa];
}

static la_isa detect(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
#ifdef LA_BUILT_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
#ifdef LA_BUILT_AVX512_BF16
        if (__builtin_cpu_supports("avx512bf16")) return LA_ISA_AVX512_BF16;
#endif
        return LA_ISA_AVX512;
    }
#endif
#ifdef LA_BUILT_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return LA_ISA_AVX2;
#endif
#endif
    return LA_ISA_GENERIC;
}

la_isa la_isa_best(void)
{
    la_isa best = detect();
    const char *forced = getenv("LABENCH_ISA");
    for (int i = 0; forced && i < (int)best; i++)
        if (strcmp(forced, names[i]) == 0) return (la_isa)i;
    return best;
}

la_status la_isa_check(la_err *err)
{
    const char *forced = getenv("LABENCH_ISA");
    la_isa best = detect();
    char here[64] = "";
    if (!forced || !*forced) return LA_OK;
    for (int i = 0; i <= (int)best; i++) {
        if (strcmp(forced, names[i]) == 0) return LA_OK;
        strcat(strcat(here, i ? ", " : ""), names[i]);
    }
    return LA_FAIL(err, LA_E_ARG, "LABENCH_ISA is '%.40s'; this CPU and build have %s", forced,
                   here);
}

la_status la_bf16_check(const la_problem *p, const la_device *dev, const char *name, la_err *err)
{
    if (p->dtype != LA_BF16 || dev->isa >= LA_ISA_AVX512_BF16) return LA_OK;
    const char *forced = getenv("LABENCH_ISA");
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "%s in bf16 needs AVX-512 BF16, and %s has %s: use --dtype f32", name,
                   forced ? "LABENCH_ISA" : "this CPU or build", la_isa_name(dev->isa));
}
