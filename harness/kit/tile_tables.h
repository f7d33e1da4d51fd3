/* SPDX-License-Identifier: Apache-2.0
 * What the per-ISA files of the tile kernels give each other; X stands for an ISA suffix.
 *   tile_gemm.c  products and the triangular solve
 *   tile_vec.c   sweeps, vectors, and the table itself
 *   tile_bf16.c  the table in bf16
 */
#ifndef LA_TILE_TABLES_H
#define LA_TILE_TABLES_H

#include "labench/simd.h"
#include "labench/tile.h"

#define LA_TILE_DECLARE(X)                                                                         \
    extern const la_tile la_tile_##X;                                                              \
    la_tile_product la_tile_nn_##X, la_tile_nt_##X, la_tile_tn_##X;                                \
    void la_tile_solve_##X(int64_t M, int64_t N, const float *L, int64_t ldl, float *X_,           \
                           int64_t ldx, float *scratch);                                           \
    void la_tile_transpose_##X(int64_t M, int64_t N, const float *A, int64_t lda, float *B,        \
                               int64_t ldb);

LA_TILE_DECLARE(generic)
LA_TILE_DECLARE(avx2)
LA_TILE_DECLARE(avx512)
extern const la_tile_bf16 la_tile_bf16_avx512_bf16, la_tile_bf16_amx_bf16;

/* Vectors of the widest panel of a product. */
#define LA_NV (LA_VW == 16 ? 4 : LA_VPANEL)
#define LA_NR (LA_NV * LA_VW)

/* n lanes of C = alpha c, or +=. */
LA_INLINE void la_tile_put(float *to, la_vf c, la_vf alpha, bool add, int64_t n)
{
    if (n == LA_VW) {
        if (add)
            la_v_store(to, la_v_fma(alpha, c, la_v_load(to)));
        else
            la_v_store(to, alpha * c);
    } else if (add) {
        la_v_store_n(to, la_v_fma(alpha, c, la_v_load_n(to, n)), n);
    } else {
        la_v_store_n(to, alpha * c, n);
    }
}

LA_INLINE int64_t la_at_most(int64_t n, int64_t limit)
{
    return n < limit ? n : limit;
}

/* The first of as few parts of n as may be, none above `most`, of about one size. */
LA_INLINE int64_t la_even_part(int64_t n, int64_t most)
{
    int64_t parts = (n + most - 1) / most;
    return (n + parts - 1) / parts;
}

#endif
