/* SPDX-License-Identifier: Apache-2.0
 * The innermost loop of what is fused with a product, for files compiled once per instruction set: sums
 * of outer products that stay in registers, so that a caller may start them from a decayed state, mask,
 * scale or solve them, and go on, without a matrix in between. Whole products are la_tile's.
 */
#ifndef LA_REGISTER_BLOCK_H
#define LA_REGISTER_BLOCK_H

#include "labench/simd.h"

#define LA_BLOCK_VECS 4 /* at most, in a row of a block */

/* Column by column of up to 8 rows `down` floats apart, within reach of two pointers and three distances: with one of
 * each row's own a loop over columns has more integers than registers, and gcc keeps the rest in vectors, whose way
 * back takes a port of the multiply-adds. */
typedef struct la_block_column {
    const float *high, *low;
    int64_t down, down3;
} la_block_column;

LA_INLINE la_block_column la_block_column_of(const float *a, int64_t down)
{
    return (la_block_column){a, a + 4 * down, down, 3 * down};
}

LA_INLINE float la_block_element(const la_block_column *x, int m)
{
    return (m < 4 ? x->high : x->low)[m % 4 == 3 ? x->down3 : m % 4 * x->down];
}

LA_INLINE void la_block_next(la_block_column *x, int64_t along)
{
    x->high += along, x->low += along;
}

/* sum[m vecs + v] += sum over i < K of a[m down + i along] B[i ldb + v LA_VW ..]: rows x vecs vectors, the
 * last of a row with `last` lanes. rows (at most 8) and vecs are constants where this is inlined, and 8
 * vectors or more cover the latency of a multiply-add on two pipes. */
LA_INLINE void la_block_add(const int rows, const int vecs, int64_t last, int64_t K, const float *a,
                            int64_t down, int64_t along, const float *B, int64_t ldb, la_vf *sum)
{
    la_block_column x = la_block_column_of(a, down);
    for (const float *end = B + K * ldb; B != end; la_block_next(&x, along), B += ldb) {
        la_vf b[LA_BLOCK_VECS];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            const float *from = B + v * LA_VW;
            b[v] = v + 1 < vecs || last == LA_VW ? la_v_load(from) : la_v_load_n(from, last);
        }
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++) {
            la_vf y = la_v_set(la_block_element(&x, m));
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) sum[m * vecs + v] = la_v_fma(y, b[v], sum[m * vecs + v]);
        }
    }
}

/* Row m of sum += the rows l < m before it times L[m ldl + l], from the first on: a triangle of `rows`, whose
 * diagonal and upper half are not read. Constants as above. */
LA_INLINE void la_block_solve(const int rows, const int vecs, const float *L, int64_t ldl,
                              la_vf *sum)
{
#pragma GCC unroll 8
    for (int m = 1; m < rows; m++)
#pragma GCC unroll 8
        for (int l = 0; l < m; l++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[m * vecs + v] =
                    la_v_fma(la_v_set(L[m * ldl + l]), sum[l * vecs + v], sum[m * vecs + v]);
}

#endif
