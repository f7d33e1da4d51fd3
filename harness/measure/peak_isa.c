/* SPDX-License-Identifier: Apache-2.0
 * The loops behind the peaks, compiled once per instruction set.
 */
#include <stdint.h>

#include "peak_loops.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX__)
#define WIDTH 8
#else
#define WIDTH 4
#endif
typedef float vec __attribute__((vector_size(WIDTH * 4)));

/* Twelve independent chains hide the latency of the multiply-add (4 cycles, two a cycle) and leave
 * registers for the two constants on every set with 16 registers. a tends to 1: no overflow, no
 * denormals. Returns the FLOPs done. */
double JOIN(la_peak_fma, LA_ISA_SUFFIX)(int64_t steps, float *sink)
{
    enum { CHAINS = 12 };
    vec a[CHAINS], m, c;
    for (int i = 0; i < WIDTH; i++) m[i] = 0.999f, c[i] = 0.001f;
    for (int j = 0; j < CHAINS; j++)
        for (int i = 0; i < WIDTH; i++) a[j][i] = (float)(i + j);
    for (int64_t t = 0; t < steps; t++) {
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; j++) a[j] = a[j] * m + c;
    }
    float sum = 0;
    for (int j = 0; j < CHAINS; j++)
        for (int i = 0; i < WIDTH; i++) sum += a[j][i];
    *sink = sum;
    return 2.0 * WIDTH * CHAINS * (double)steps;
}

/* Sums n floats (a multiple of 128, 64-byte aligned). */
float JOIN(la_peak_read, LA_ISA_SUFFIX)(const float *x, int64_t n)
{
    enum { CHAINS = 8 };
    const vec *v = (const vec *)x;
    vec a[CHAINS] = {0};
    for (int64_t i = 0; i < n / WIDTH; i += CHAINS) {
#pragma GCC unroll 8
        for (int j = 0; j < CHAINS; j++) a[j] += v[i + j];
    }
    float sum = 0;
    for (int j = 0; j < CHAINS; j++)
        for (int i = 0; i < WIDTH; i++) sum += a[j][i];
    return sum;
}
