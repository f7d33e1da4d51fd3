/* SPDX-License-Identifier: Apache-2.0
 * The loop behind the peak of bf16 dot products.
 */
#include <immintrin.h>

#include "peak_loops.h"

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
