/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "labench/kit.h"

static void flush_denormals(void)
{
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040u); /* FTZ, DAZ */
#endif
}

void la_start(int threads)
{
    flush_denormals();
#pragma omp parallel num_threads(threads)
    flush_denormals();
    la_gemm_threads(threads);
}
