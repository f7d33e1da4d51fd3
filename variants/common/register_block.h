/* SPDX-License-Identifier: Apache-2.0
 * The innermost loop of what is fused with a product, for files compiled once per instruction set: sums
 * of outer products that stay in registers, so that a caller may start them from a decayed state, mask,
 * scale or solve them, and go on, without a matrix in between. Whole products are la_tile's.
 */
#ifndef LA_REGISTER_BLOCK_H
#define LA_REGISTER_BLOCK_H

#include "labench/simd.h"

#define LA_BLOCK_VECS 4 /* at most, in a row of a block */

/* sum[m vecs + v] += sum over i < K of a[m down + i along] B[i ldb + v LA_VW ..]: rows x vecs vectors, the
 * last of a row with `last` lanes. rows (at most 8) and vecs are constants where this is inlined, and 8
 * vectors or more cover the latency of a multiply-add on two pipes. */
LA_INLINE void la_block_add(const int rows, const int vecs, int64_t last, int64_t K, const float *a,
                            int64_t down, int64_t along, const float *B, int64_t ldb, la_vf *sum)
{
    for (int64_t i = 0; i < K; i++, a += along, B += ldb) {
        la_vf b[LA_BLOCK_VECS];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            const float *from = B + v * LA_VW;
            b[v] = v + 1 < vecs || last == LA_VW ? la_v_load(from) : la_v_load_n(from, last);
        }
#pragma GCC unroll 8
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[m * vecs + v] = la_v_fma(la_v_set(a[m * down]), b[v], sum[m * vecs + v]);
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
