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

/* The register block of a product: LA_MR rows of A by LA_NV vectors of B. LA_MR LA_NV accumulators,
 * LA_NV vectors of B and a broadcast of A fill the register file (32 registers, or 16). */
#define LA_MR (LA_VW == 16 ? 8 : 4)
#define LA_NV LA_VPANEL
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

/* Vectors of the next panel, of `left`: twice two keep the machine busier than three and one. */
LA_INLINE int64_t la_panel_vectors(int64_t left)
{
    return left == LA_NV + 1 && LA_NV > 2 ? LA_NV - 1 : la_at_most(left, LA_NV);
}

#endif
