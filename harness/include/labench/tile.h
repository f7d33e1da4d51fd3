/* SPDX-License-Identifier: Apache-2.0
 * Small dense kernels for tiles that sit in the L1 or L2 cache: what chunk forms, tiled attention and
 * feature maps are made of. One table of functions for each instruction set; every function runs on the
 * calling thread, allocates nothing, and gives the same bits whenever it is called with the same sizes.
 *
 * Matrices are row-major with a leading dimension (floats between rows). No alignment is needed; 64-byte
 * aligned rows are fastest. Any size including 0 is fine. Nothing outside the named elements is read or
 * written, so padding may hold NaN. Outputs must not overlap inputs unless said.
 */
#ifndef LABENCH_TILE_H
#define LABENCH_TILE_H

#include <stdbool.h>
#include <stdint.h>

#include "labench/bf16.h"
#include "labench/variant.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Widest panel of B that a product packs, in floats. */
#define LA_TILE_PANEL 64
/* Floats of scratch that a product with inner size K needs (one packed panel of B). */
#define LA_TILE_SCRATCH(K) ((K)*LA_TILE_PANEL)

/* C[M,N] = alpha op(A) op(B), or += where `add`. C is not read unless `add`.
 * Every product takes scratch of LA_TILE_SCRATCH(K) floats, 64-byte aligned. */
typedef void la_tile_product(int64_t M, int64_t N, int64_t K, float alpha, const float *A,
                             int64_t lda, const float *B, int64_t ldb, bool add, float *C,
                             int64_t ldc, float *scratch);

/* Asks for the `bytes` from p on, a line at a time, into the L2 cache: for rows that lie apart, with arithmetic
 * between one and the next, which the hardware does not see coming. p may lie where nothing is. */
static inline void la_ask_for(const void *p, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)p + i, 0, 2);
}

typedef struct la_tile {
    la_isa isa;
    int lanes; /* floats of a vector: 4, 8, 16 */
    /* Columns of a panel of a caller's own kernels, and the most that a product takes at once. A matrix B
     * of whole vectors, ldb = N and at most `widest` columns is read in place, with nothing packed. */
    int panel, widest;

    la_tile_product *nn; /* A[M,K], B[K,N] */
    la_tile_product *nt; /* A[M,K], B[N,K]: rows times rows, as in Q K' */
    la_tile_product *tn; /* A[K,M], B[K,N]: as in K' V */

    /* L X = R for a unit lower triangular L [M,M] (its diagonal and upper part are not read) and N right
     * sides: X [M,N] holds R before and the solution after. Scratch as a product with K = M. */
    void (*solve_lower_unit)(int64_t M, int64_t N, const float *L, int64_t ldl, float *X,
                             int64_t ldx, float *scratch);

    /* y[M] = alpha A x (A [M,N], x [N]), or += */
    void (*mv)(int64_t M, int64_t N, float alpha, const float *A, int64_t lda, const float *x,
               bool add, float *y);
    /* y[N] = alpha A' x (A [M,N], x [M]), or += */
    void (*vm)(int64_t M, int64_t N, float alpha, const float *A, int64_t lda, const float *x,
               bool add, float *y);
    /* A[M,N] += x y' */
    void (*rank1)(int64_t M, int64_t N, const float *x, const float *y, float *A, int64_t lda);
    /* One sweep over A [M,N]: A = decay A + x u', then y[N] = alpha A' z. With `vm` for A' k before it,
     * a token of a decayed delta rule is two sweeps over its state. */
    void (*decay_rank1_vm)(int64_t M, int64_t N, float decay, const float *x, const float *u,
                           float *A, int64_t lda, float alpha, const float *z, float *y);
    /* B[N,M] = A'; A [M,N] */
    void (*transpose)(int64_t M, int64_t N, const float *A, int64_t lda, float *B, int64_t ldb);
    /* Row i of A [M,N] times d[i], into B (which may be A). */
    void (*scale_rows)(int64_t M, int64_t N, const float *d, const float *A, int64_t lda, float *B,
                       int64_t ldb);

    /* Vectors. y may be x everywhere. */
    float (*dot)(int64_t n, const float *x, const float *y);
    float (*sum)(int64_t n, const float *x);
    float (*max)(int64_t n, const float *x); /* -inf for n = 0; NaN elements may be passed over */
    void (*scale)(int64_t n, float a, const float *x, float *y);      /* y = a x */
    void (*axpy)(int64_t n, float a, const float *x, float *y);       /* y += a x */
    void (*mul)(int64_t n, const float *x, const float *z, float *y); /* y = x z, elementwise */
    /* y = exp(a x + b): relative error below 3e-7 beyond the rounding of the argument; 0 for arguments
     * under -87.3 (-inf too), infinity above 88.72. Returns the sum of y. */
    float (*exp_sum)(int64_t n, float a, float b, const float *x, float *y);
} la_tile;

/* The table for an instruction set, or for the best one below it that this build contains. */
LA_API const la_tile *la_tile_get(la_isa isa);

/* ---- bfloat16, with sums in float32 ----
 * The dot products of the instruction take neighbours along the inner dimension K two at a time. A pair
 * is 32 bits, the element of lower k in the low half; where K is odd, the last pair has 0 above. K2 is
 * the number of pairs, ceil(K/2). Leading dimensions count elements of their own array. Products of two
 * elements are exact; denormals count as 0. */
typedef uint32_t la_pair __attribute__((__may_alias__)); /* it may be read where la_bf16 lie */

typedef struct la_tile_bf16 {
    /* Products are fastest where M is a multiple of `rows` and N of `panel`. */
    int rows, panel;

    /* C[M,N] = alpha sum over k of A(i,k) B(k,j), or += where `add`; C is not read unless `add`. Pair
     * (i, k) of A is A[i down + k along]:
     *   rows of bf16 with even K, in place: (const la_pair *)X, down = ldx / 2, along = 1 (ldx even, X at a
     *     multiple of 4 bytes); any other rows through pairs_along
     *   A' given as [K,M]: pairs_of_rows, and down = 1, along = ldt.
     * B is pairs [K2,N] with rows of ldb, read in place, nothing is packed. */
    void (*product)(int64_t M, int64_t N, int64_t K2, float alpha, const la_pair *A, int64_t down,
                    int64_t along, const la_pair *B, int64_t ldb, bool add, float *C, int64_t ldc);

    /* X [K,N] -> pairs [K2,N]: two rows interleaved; from f32 with rounding. */
    void (*pairs_of_rows)(int64_t K, int64_t N, const la_bf16 *X, int64_t ldx, la_pair *to,
                          int64_t ldt);
    void (*pairs_of_floats)(int64_t K, int64_t N, const float *X, int64_t ldx, la_pair *to,
                            int64_t ldt);
    /* X [N,K] -> pairs [K2,N]: a transpose of pairs. */
    void (*pairs_of_columns)(int64_t K, int64_t N, const la_bf16 *X, int64_t ldx, la_pair *to,
                             int64_t ldt);
    void (*pairs_of_float_columns)(int64_t K, int64_t N, const float *X, int64_t ldx, la_pair *to,
                                   int64_t ldt);
    /* X [M,K] -> pairs [M,K2]: rows as they are, for A of a product. */
    void (*pairs_along)(int64_t M, int64_t K, const la_bf16 *X, int64_t ldx, la_pair *to,
                        int64_t ldt);
    void (*pairs_along_floats)(int64_t M, int64_t K, const float *X, int64_t ldx, la_pair *to,
                               int64_t ldt);

    void (*widen)(int64_t n, const la_bf16 *x, float *y);
    void (*narrow)(int64_t n, const float *x, la_bf16 *y); /* to nearest even */
    /* Y [M,N] = X [M,N] */
    void (*widen_rows)(int64_t M, int64_t N, const la_bf16 *X, int64_t ldx, float *Y, int64_t ldy);
    void (*narrow_rows)(int64_t M, int64_t N, const float *X, int64_t ldx, la_bf16 *Y, int64_t ldy);

    float (*dot)(int64_t n, const la_bf16 *x, const la_bf16 *y);
    /* y[M] = alpha A x (A [M,N], x [N]), or += */
    void (*mv)(int64_t M, int64_t N, float alpha, const la_bf16 *A, int64_t lda, const la_bf16 *x,
               bool add, float *y);
    /* y[N] = alpha A' x (A [M,N], x [M]), or +=; A is widened, x not rounded */
    void (*vm)(int64_t M, int64_t N, float alpha, const la_bf16 *A, int64_t lda, const float *x,
               bool add, float *y);
} la_tile_bf16;

/* NULL where the instruction set, or this build, has no bf16 dot products. */
LA_API const la_tile_bf16 *la_tile_bf16_get(la_isa isa);

#ifdef __cplusplus
}
#endif
#endif
