/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"

#ifdef LA_BUILT_AMX_BF16
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const names[] = {"generic", "avx2", "avx512", "avx512_bf16", "amx_bf16"};

const char *la_isa_name(la_isa isa)
{
    return names[isa];
}

#ifdef LA_BUILT_AMX_BF16
/* Whether this process may use tiles. Their 8 KiB of registers are not a thread's before the process has
 * asked (Linux 5.16 and later know the question): the first tile would end it. */
static bool tiles(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, BF16 = 1 << 22, TILE = 1 << 24 };
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & BF16) || !(d & TILE)) return false;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

static la_isa find(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
#ifdef LA_BUILT_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
#ifdef LA_BUILT_AVX512_BF16
        bool bf16 = __builtin_cpu_supports("avx512bf16");
#ifdef LA_BUILT_AMX_BF16
        if (bf16 && tiles()) return LA_ISA_AMX_BF16;
#endif
        if (bf16) return LA_ISA_AVX512_BF16;
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

static la_isa detect(void)
{
    static atomic_int found = -1; /* threads that find it at once find the same */
    int isa = atomic_load(&found);
    if (isa < 0) atomic_store(&found, isa = (int)find());
    return (la_isa)isa;
}

la_isa la_isa_best(void)
{
    la_isa best = detect();
    const char *forced = getenv("LABENCH_ISA");
    for (int i = 0; forced && i < (int)best; i++)
        if (strcmp(forced, names[i]) == 0) return (la_isa)i;
    return best;
}

bool la_bf16_widens(la_isa isa)
{
    const char *way = getenv("LABENCH_BF16"), *set = getenv("LABENCH_ISA");
    if (way && *way) return strcmp(way, "widened") == 0;
    if (isa >= LA_ISA_AMX_BF16 || (set && strcmp(set, names[LA_ISA_AVX512_BF16]) == 0))
        return false;
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_is("intel");
#else
    return false;
#endif
}

la_status la_isa_check(la_err *err)
{
    const char *forced = getenv("LABENCH_ISA"), *way = getenv("LABENCH_BF16");
    la_isa best = detect();
    char here[64] = "";
    if (way && *way && strcmp(way, "pairs") != 0 && strcmp(way, "widened") != 0)
        return LA_FAIL(err, LA_E_ARG, "LABENCH_BF16 is '%.40s'; it is pairs or widened", way);
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
