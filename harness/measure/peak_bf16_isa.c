/* SPDX-License-Identifier: Apache-2.0
 * The loop behind the peak of bf16 products: of the instruction that kernels use.
 */
#include <immintrin.h>

#include "labench/simd.h"
#include "peak_loops.h"

#if defined(__AMX_BF16__)
/* Four tiles of sums, as blocks of a product have. An instruction multiplies 16 rows by 16 columns along 16
 * pairs: 16384 operations. A sum grows by a small step each time, and stays finite. Returns the FLOPs done. */
double la_peak_dot_amx_bf16(int64_t steps, float *sink)
{
    la_bf16 half[512], small[512];
    float sums[256];
    for (int i = 0; i < 512; i++) half[i] = 0x3f00, small[i] = 0x3a80;
    la_amx_enter(16, 16);
    LA_AMX_ZERO(0);
    LA_AMX_ZERO(1);
    LA_AMX_ZERO(2);
    LA_AMX_ZERO(3);
    LA_AMX_LOAD(4, half, 16);
    LA_AMX_LOAD(6, half, 16);
    LA_AMX_LOAD(5, small, 16);
    LA_AMX_LOAD(7, small, 16);
    for (int64_t t = 0; t < steps; t++) {
        LA_AMX_MULTIPLY(0, 4, 5);
        LA_AMX_MULTIPLY(1, 4, 7);
        LA_AMX_MULTIPLY(2, 6, 5);
        LA_AMX_MULTIPLY(3, 6, 7);
    }
    LA_AMX_STORE(0, sums, 16);
    la_amx_leave();
    *sink = sums[0];
    return 4 * 16384.0 * (double)steps;
}
#else

/* As la_peak_fma: independent chains, as many as hide a latency of six cycles at two a cycle. An
 * instruction multiplies 16 pairs and adds both products to 16 floats: 64 operations. a grows by a small
 * step each time, and stays finite. Returns the FLOPs done. */
double la_peak_dot_avx512_bf16(int64_t steps, float *sink)
{
    enum { CHAINS = 16 };
    __m512 a[CHAINS];
    __m512bh m = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.5f));
    __m512bh c = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0x1p-10f), _mm512_set1_ps(0x1p-10f));
    for (int j = 0; j < CHAINS; j++) a[j] = _mm512_set1_ps((float)j);
    for (int64_t t = 0; t < steps; t++) {
#pragma GCC unroll 16
        for (int j = 0; j < CHAINS; j++) a[j] = _mm512_dpbf16_ps(a[j], m, c);
    }
    float sum = 0;
    for (int j = 0; j < CHAINS; j++) sum += _mm512_reduce_add_ps(a[j]);
    *sink = sum;
    return 64.0 * CHAINS * (double)steps;
}
#endif
