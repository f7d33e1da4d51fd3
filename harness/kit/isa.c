/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"

static const char *const names[] = {"generic", "avx2", "avx512"};

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
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return LA_ISA_AVX512;
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
