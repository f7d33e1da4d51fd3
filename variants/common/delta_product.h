/* SPDX-License-Identifier: Apache-2.0
 * Products of small padded matrices, for files compiled once per instruction set: sizes are multiples of
 * 16, so that nothing is ragged, and the outcome may start from a matrix whose rows are scaled.
 */
#ifndef LA_DELTA_PRODUCT_H
#define LA_DELTA_PRODUCT_H

#include "labench/simd.h"
#include "register_block.h"

/* Which part of A is not zero: rows i see inner indices up to i, from i on, or all of them. */
typedef enum la_part_of { LA_WHOLE, LA_LOWER, LA_UPPER } la_part_of;

/* to[M,N] = diag(keep) from + A B, A [M,K] with element (m, i) at a[m down + i along], B [K,N].
 * from NULL: zero; keep NULL: ones. from and to have the same leading dimension and may be the same. */
typedef struct la_small_product {
    int64_t M, N, K;
    const float *a;
    int64_t down, along;
    const float *B;
    int64_t ldb;
    const float *keep, *from;
    float *to;
    int64_t ldc;
    la_part_of part;
} la_small_product;

/* All rows of a panel of `vecs` vectors from column j, `rows` at a time. */
LA_INLINE void la_small_panel(const la_small_product *x, int64_t j, const int rows, const int vecs)
{
    for (int64_t i = 0; i < x->M; i += rows) {
        la_vf sum[16];
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) {
                la_vf start = la_v_set(0.0f);
                if (x->from) start = la_v_load(x->from + (i + m) * x->ldc + j + v * LA_VW);
                if (x->keep) start = la_v_set(x->keep[i + m]) * start;
                sum[m * vecs + v] = start;
            }
        int64_t first = x->part == LA_UPPER ? i : 0;
        int64_t end = x->part == LA_LOWER ? i + rows : x->K;
        const float *a = x->a + i * x->down + first * x->along, *B = x->B + first * x->ldb + j;
        la_block_add(rows, vecs, LA_VW, end - first, a, x->down, x->along, B, x->ldb, sum);
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                la_v_store(x->to + (i + m) * x->ldc + j + v * LA_VW, sum[m * vecs + v]);
    }
}

#if defined(__AVX512F__) /* 16 sums in registers, or 8 where there is one vector */
static __attribute__((noinline, unused)) void la_small_4x4(const la_small_product *x, int64_t j)
{
    la_small_panel(x, j, 4, 4);
}

static __attribute__((noinline, unused)) void la_small_8x2(const la_small_product *x, int64_t j)
{
    la_small_panel(x, j, 8, 2);
}

static __attribute__((noinline, unused)) void la_small_8x1(const la_small_product *x, int64_t j)
{
    la_small_panel(x, j, 8, 1);
}

static __attribute__((unused)) void la_small(la_small_product x)
{
    int64_t j = 0;
    for (; j + 4 * LA_VW <= x.N; j += 4 * LA_VW) la_small_4x4(&x, j);
    for (; j + 2 * LA_VW <= x.N; j += 2 * LA_VW) la_small_8x2(&x, j);
    if (j < x.N) la_small_8x1(&x, j);
}
#else
static __attribute__((noinline, unused)) void la_small_4x2(const la_small_product *x, int64_t j)
{
    la_small_panel(x, j, 4, 2);
}

static __attribute__((unused)) void la_small(la_small_product x)
{
    for (int64_t j = 0; j < x.N; j += 2 * LA_VW) la_small_4x2(&x, j);
}
#endif

#endif
