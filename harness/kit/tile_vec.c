/* SPDX-License-Identifier: Apache-2.0
 * Sweeps over a small matrix, vector helpers, and the table of tile kernels; compiled once per
 * instruction set.
 */
#include <math.h>

#include "tile_tables.h"

/* ---- transpose, by squares of SQUARE x SQUARE in registers ---- */

#if defined(__AVX512F__)
void LA_ISA(la_tile_transpose)(int64_t M, int64_t N, const float *A, int64_t lda, float *B,
                               int64_t ldb)
{
    for (int64_t j = 0; j < N; j += 16)
        for (int64_t i = 0; i < M; i += 16) {
            __mmask16 in = la_v_first_(la_at_most(N - j, 16)),
                      out = la_v_first_(la_at_most(M - i, 16));
            __m512i square[16];
#pragma GCC unroll 16
            for (int r = 0; r < 16; r++)
                square[r] = _mm512_maskz_loadu_epi32(in, A + la_at_most(i + r, M - 1) * lda + j);
            la_v_turn(square);
#pragma GCC unroll 16
            for (int r = 0; r < 16; r++)
                if (r < N - j) _mm512_mask_storeu_epi32(B + (j + r) * ldb + i, out, square[r]);
        }
}
#else
#if defined(__AVX2__)
#define SQUARE 8

/* Pairs, then quarters, then halves of the rows change places. */
static inline void transpose_square(const float *a, int64_t lda, float *b, int64_t ldb)
{
    __m256 r[8], t[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(a + i * lda);
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], _MM_SHUFFLE(1, 0, 1, 0));
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], _MM_SHUFFLE(3, 2, 3, 2));
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], _MM_SHUFFLE(1, 0, 1, 0));
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], _MM_SHUFFLE(3, 2, 3, 2));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(b + i * ldb, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(b + (i + 4) * ldb, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}
#else
#define SQUARE 4

static inline void transpose_square(const float *a, int64_t lda, float *b, int64_t ldb)
{
    la_vf r0 = la_v_load(a), r1 = la_v_load(a + lda);
    la_vf r2 = la_v_load(a + 2 * lda), r3 = la_v_load(a + 3 * lda);
    la_vf t0 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
    la_vf t1 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
    la_vf t2 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
    la_vf t3 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    la_v_store(b, __builtin_shufflevector(t0, t1, 0, 1, 4, 5));
    la_v_store(b + ldb, __builtin_shufflevector(t0, t1, 2, 3, 6, 7));
    la_v_store(b + 2 * ldb, __builtin_shufflevector(t2, t3, 0, 1, 4, 5));
    la_v_store(b + 3 * ldb, __builtin_shufflevector(t2, t3, 2, 3, 6, 7));
}
#endif

void LA_ISA(la_tile_transpose)(int64_t M, int64_t N, const float *A, int64_t lda, float *B,
                               int64_t ldb)
{
    int64_t j = 0;
    for (; j + SQUARE <= N; j += SQUARE) {
        int64_t i = 0;
        for (; i + SQUARE <= M; i += SQUARE)
            transpose_square(A + i * lda + j, lda, B + j * ldb + i, ldb);
        for (; i < M; i++)
            for (int64_t c = j; c < j + SQUARE; c++) B[c * ldb + i] = A[i * lda + c];
    }
    for (; j < N; j++)
        for (int64_t i = 0; i < M; i++) B[j * ldb + i] = A[i * lda + j];
}
#endif

/* ---- matrix times vector ---- */

static float dot(int64_t n, const float *x, const float *y)
{
    la_vf s0 = la_v_set(0.0f), s1 = s0, s2 = s0, s3 = s0;
    int64_t i = 0;
    for (; i + 4 * LA_VW <= n; i += 4 * LA_VW) {
        s0 = la_v_fma(la_v_load(x + i), la_v_load(y + i), s0);
        s1 = la_v_fma(la_v_load(x + i + LA_VW), la_v_load(y + i + LA_VW), s1);
        s2 = la_v_fma(la_v_load(x + i + 2 * LA_VW), la_v_load(y + i + 2 * LA_VW), s2);
        s3 = la_v_fma(la_v_load(x + i + 3 * LA_VW), la_v_load(y + i + 3 * LA_VW), s3);
    }
    for (; i + LA_VW <= n; i += LA_VW) s0 = la_v_fma(la_v_load(x + i), la_v_load(y + i), s0);
    if (i < n) s1 = la_v_fma(la_v_load_n(x + i, n - i), la_v_load_n(y + i, n - i), s1);
    return la_v_sum((s0 + s1) + (s2 + s3));
}

/* Row after row: a matrix is read in the order it lies in, which is worth a third where it comes from main
 * memory; several rows abreast save loads of x, and lose more by confusing the prefetcher. */
static void mv(int64_t M, int64_t N, float alpha, const float *A, int64_t lda, const float *x,
               bool add, float *y)
{
    for (int64_t i = 0; i < M; i++) {
        float value = alpha * dot(N, A + i * lda, x);
        y[i] = add ? y[i] + value : value;
    }
}

/* `vectors` whole vectors of columns, or one of n lanes; constants where this is inlined. Rows go in
 * pairs with sums of their own. */
LA_INLINE void vm_columns(const int vectors, const bool whole, int64_t n, int64_t M, float alpha,
                          const float *A, int64_t lda, const float *x, bool add, float *y)
{
    la_vf even[4], odd[4];
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) even[c] = odd[c] = la_v_set(0.0f);
    int64_t i = 0;
#define AT(p, c) (whole ? la_v_load((p) + (c)*LA_VW) : la_v_load_n((p), n))
    for (; i + 2 <= M; i += 2) {
        la_vf x0 = la_v_set(x[i]), x1 = la_v_set(x[i + 1]);
        const float *row = A + i * lda;
#pragma GCC unroll 4
        for (int c = 0; c < vectors; c++) {
            even[c] = la_v_fma(x0, AT(row, c), even[c]);
            odd[c] = la_v_fma(x1, AT(row + lda, c), odd[c]);
        }
    }
    if (i < M) {
        la_vf x0 = la_v_set(x[i]);
#pragma GCC unroll 4
        for (int c = 0; c < vectors; c++) even[c] = la_v_fma(x0, AT(A + i * lda, c), even[c]);
    }
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) {
        la_vf value = la_v_set(alpha) * (even[c] + odd[c]);
        if (add) value = value + AT(y, c);
        if (whole)
            la_v_store(y + c * LA_VW, value);
        else
            la_v_store_n(y, value, n);
    }
#undef AT
}

static void vm(int64_t M, int64_t N, float alpha, const float *A, int64_t lda, const float *x,
               bool add, float *y)
{
    int64_t j = 0;
    for (; j + 4 * LA_VW <= N; j += 4 * LA_VW)
        vm_columns(4, true, 0, M, alpha, A + j, lda, x, add, y + j);
    for (; j + LA_VW <= N; j += LA_VW) vm_columns(1, true, 0, M, alpha, A + j, lda, x, add, y + j);
    if (j < N) vm_columns(1, false, N - j, M, alpha, A + j, lda, x, add, y + j);
}

static void rank1(int64_t M, int64_t N, const float *x, const float *y, float *A, int64_t lda)
{
    for (int64_t i = 0; i < M; i++) {
        la_vf xi = la_v_set(x[i]);
        float *row = A + i * lda;
        int64_t j = 0;
        for (; j + LA_VW <= N; j += LA_VW)
            la_v_store(row + j, la_v_fma(xi, la_v_load(y + j), la_v_load(row + j)));
        if (j < N)
            la_v_store_n(row + j,
                         la_v_fma(xi, la_v_load_n(y + j, N - j), la_v_load_n(row + j, N - j)),
                         N - j);
    }
}

LA_INLINE void update_columns(const int vectors, const bool whole, int64_t n, int64_t M,
                              float decay, const float *x, const float *u, float *A, int64_t lda,
                              float alpha, const float *z, float *y)
{
    la_vf sum[4], uc[4], d = la_v_set(decay);
#define AT(p, c) (whole ? la_v_load((p) + (c)*LA_VW) : la_v_load_n((p), n))
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) {
        sum[c] = la_v_set(0.0f);
        uc[c] = AT(u, c);
    }
    for (int64_t i = 0; i < M; i++, A += lda) {
        la_vf xi = la_v_set(x[i]), zi = la_v_set(z[i]);
#pragma GCC unroll 4
        for (int c = 0; c < vectors; c++) {
            la_vf a = la_v_fma(xi, uc[c], d * AT(A, c));
            sum[c] = la_v_fma(zi, a, sum[c]);
            if (whole)
                la_v_store(A + c * LA_VW, a);
            else
                la_v_store_n(A, a, n);
        }
    }
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) {
        la_vf value = la_v_set(alpha) * sum[c];
        if (whole)
            la_v_store(y + c * LA_VW, value);
        else
            la_v_store_n(y, value, n);
    }
#undef AT
}

static void decay_rank1_vm(int64_t M, int64_t N, float decay, const float *x, const float *u,
                           float *A, int64_t lda, float alpha, const float *z, float *y)
{
    int64_t j = 0;
    for (; j + 4 * LA_VW <= N; j += 4 * LA_VW)
        update_columns(4, true, 0, M, decay, x, u + j, A + j, lda, alpha, z, y + j);
    for (; j + LA_VW <= N; j += LA_VW)
        update_columns(1, true, 0, M, decay, x, u + j, A + j, lda, alpha, z, y + j);
    if (j < N) update_columns(1, false, N - j, M, decay, x, u + j, A + j, lda, alpha, z, y + j);
}

/* ---- vectors ---- */

static float sum(int64_t n, const float *x)
{
    la_vf s0 = la_v_set(0.0f), s1 = s0, s2 = s0, s3 = s0;
    int64_t i = 0;
    for (; i + 4 * LA_VW <= n; i += 4 * LA_VW) {
        s0 += la_v_load(x + i);
        s1 += la_v_load(x + i + LA_VW);
        s2 += la_v_load(x + i + 2 * LA_VW);
        s3 += la_v_load(x + i + 3 * LA_VW);
    }
    for (; i < n; i += LA_VW) s0 += la_v_load_n(x + i, la_at_most(n - i, LA_VW));
    return la_v_sum((s0 + s1) + (s2 + s3));
}

static float max(int64_t n, const float *x)
{
    la_vf m0 = la_v_set(-INFINITY), m1 = m0;
    int64_t i = 0;
    for (; i + 2 * LA_VW <= n; i += 2 * LA_VW) {
        m0 = la_v_max(la_v_load(x + i), m0);
        m1 = la_v_max(la_v_load(x + i + LA_VW), m1);
    }
    for (; i + LA_VW <= n; i += LA_VW) m0 = la_v_max(la_v_load(x + i), m0);
    float top = la_v_hmax(la_v_max(m0, m1));
    for (; i < n; i++) top = x[i] > top ? x[i] : top;
    return top;
}

static void scale(int64_t n, float a, const float *x, float *y)
{
    la_vf av = la_v_set(a);
    int64_t i = 0;
    for (; i + LA_VW <= n; i += LA_VW) la_v_store(y + i, av * la_v_load(x + i));
    for (; i < n; i++) y[i] = a * x[i];
}

static void axpy(int64_t n, float a, const float *x, float *y)
{
    la_vf av = la_v_set(a);
    int64_t i = 0;
    for (; i + LA_VW <= n; i += LA_VW)
        la_v_store(y + i, la_v_fma(av, la_v_load(x + i), la_v_load(y + i)));
    for (; i < n; i++) y[i] += a * x[i];
}

static void mul(int64_t n, const float *x, const float *z, float *y)
{
    int64_t i = 0;
    for (; i + LA_VW <= n; i += LA_VW) la_v_store(y + i, la_v_load(x + i) * la_v_load(z + i));
    for (; i < n; i++) y[i] = x[i] * z[i];
}

static float exp_sum(int64_t n, float a, float b, const float *x, float *y)
{
    la_vf av = la_v_set(a), bv = la_v_set(b), s0 = la_v_set(0.0f), s1 = s0;
    int64_t i = 0;
    for (; i + 2 * LA_VW <= n; i += 2 * LA_VW) {
        la_vf e0 = la_v_exp(la_v_fma(av, la_v_load(x + i), bv));
        la_vf e1 = la_v_exp(la_v_fma(av, la_v_load(x + i + LA_VW), bv));
        la_v_store(y + i, e0);
        la_v_store(y + i + LA_VW, e1);
        s0 += e0;
        s1 += e1;
    }
    float tail = 0.0f;
    for (; i < n; i += LA_VW) {
        int64_t m = la_at_most(n - i, LA_VW);
        float lanes[LA_VW];
        la_v_store(lanes, la_v_exp(la_v_fma(av, la_v_load_n(x + i, m), bv)));
        for (int64_t c = 0; c < m; c++) tail += y[i + c] = lanes[c];
    }
    return la_v_sum(s0 + s1) + tail;
}

static void scale_rows(int64_t M, int64_t N, const float *d, const float *A, int64_t lda, float *B,
                       int64_t ldb)
{
    for (int64_t i = 0; i < M; i++) scale(N, d[i], A + i * lda, B + i * ldb);
}

const la_tile LA_ISA(la_tile) = {
    .isa = LA_VW == 16  ? LA_ISA_AVX512
           : LA_VW == 8 ? LA_ISA_AVX2
                        : LA_ISA_GENERIC,
    .lanes = LA_VW,
    .panel = LA_VPANEL * LA_VW,
    .widest = LA_NR,
    .nn = LA_ISA(la_tile_nn),
    .nt = LA_ISA(la_tile_nt),
    .tn = LA_ISA(la_tile_tn),
    .solve_lower_unit = LA_ISA(la_tile_solve),
    .mv = mv,
    .vm = vm,
    .rank1 = rank1,
    .decay_rank1_vm = decay_rank1_vm,
    .transpose = LA_ISA(la_tile_transpose),
    .scale_rows = scale_rows,
    .dot = dot,
    .sum = sum,
    .max = max,
    .scale = scale,
    .axpy = axpy,
    .mul = mul,
    .exp_sum = exp_sum,
};
