/* SPDX-License-Identifier: Apache-2.0
 * Tile products, compiled once per instruction set.
 *
 * C is cut into panels of LA_NR columns. A panel of B is K x LA_NR floats, read in place where that is
 * fast and packed into the caller's scratch where it is not: transposed B, rows that fall into the same
 * few cache sets (K rows a multiple of 1 KiB apart evict each other from L1), a ragged last panel.
 * Down the panel, blocks of LA_MR rows of A meet it in registers: an outer product for each k, with A
 * broadcast from memory. So neither A nor A' is ever packed.
 */
#include "tile_tables.h"

/* Row i of the register block, as far as the constants mr and nv say it exists. */
#define ROWS(DO)   DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define DECLARE(i) la_vf c##i##0 = zero, c##i##1 = zero, c##i##2 = zero;
#define STEP(i)                                                                                    \
    if (mr > i) {                                                                                  \
        la_vf x = la_v_set(a[i * rs]);                                                             \
        c##i##0 = la_v_fma(x, b0, c##i##0);                                                        \
        if (nv > 1) c##i##1 = la_v_fma(x, b1, c##i##1);                                            \
        if (nv > 2) c##i##2 = la_v_fma(x, b2, c##i##2);                                            \
    }
#define FINISH(i)                                                                                  \
    if (mr > i) {                                                                                  \
        if (nv > 1) la_tile_put(C, c##i##0, al, add, LA_VW);                                       \
        if (nv > 2) la_tile_put(C + LA_VW, c##i##1, al, add, LA_VW);                               \
        la_tile_put(C + (nv - 1) * LA_VW,                                                          \
                    nv == 1   ? c##i##0                                                            \
                    : nv == 2 ? c##i##1                                                            \
                              : c##i##2,                                                           \
                    al, add, last);                                                                \
        C += ldc;                                                                                  \
    }

/* A row of C is written when the sum is done, and may be far away until then. */
LA_INLINE void expect(const int nv, const float *C)
{
    __builtin_prefetch(C, 1);
    if (nv > 1) __builtin_prefetch(C + LA_VW, 1);
    if (nv > 2) __builtin_prefetch(C + 2 * LA_VW, 1);
}

/* C[mr, nv vectors] of one panel. A element (i, k) is a[i rs + k cs]; `last` lanes of the last vector
 * exist in C (all of them exist in the panel). mr and nv are constants where this is inlined. */
LA_INLINE void block(const int mr, const int nv, int64_t K, float alpha, const float *a, int64_t rs,
                     int64_t cs, const float *b, int64_t ldb, bool add, float *C, int64_t ldc,
                     int64_t last)
{
    const la_vf zero = la_v_set(0.0f);
    ROWS(DECLARE)
    for (int64_t k = 0; k < K; k++) {
        la_vf b0 = la_v_load(b), b1 = zero, b2 = zero;
        if (k < mr) expect(nv, C + k * ldc);
        if (nv > 1) b1 = la_v_load(b + LA_VW);
        if (nv > 2) b2 = la_v_load(b + 2 * LA_VW);
        ROWS(STEP)
        a += cs;
        b += ldb;
    }
    la_vf al = la_v_set(alpha);
    ROWS(FINISH)
}

/* One function for each size of block: inlined into their callers, the many addresses around the loop
 * over k take registers from the accumulators. */
#define BLOCK(mr, nv)                                                                              \
    static __attribute__((noinline)) void nn_##mr##x##nv(                                          \
        int64_t K, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,          \
        bool add, float *C, int64_t ldc, int64_t last)                                             \
    {                                                                                              \
        block(mr, nv, K, alpha, a, lda, 1, b, ldb, add, C, ldc, last);                             \
    }                                                                                              \
    static __attribute__((noinline)) void tn_##mr##x##nv(                                          \
        int64_t K, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,          \
        bool add, float *C, int64_t ldc, int64_t last)                                             \
    {                                                                                              \
        block(mr, nv, K, alpha, a, 1, lda, b, ldb, add, C, ldc, last);                             \
    }
#define BLOCKS_OF(nv) BLOCK(1, nv) BLOCK(2, nv) BLOCK(4, nv)
BLOCKS_OF(1)
BLOCKS_OF(2)
#if LA_NV > 2
BLOCKS_OF(3)
#endif
#if LA_MR == 8
BLOCK(8, 1)
BLOCK(8, 2)
BLOCK(8, 3)
#endif

typedef void block_fn(int64_t K, float alpha, const float *a, int64_t lda, const float *b,
                      int64_t ldb, bool add, float *C, int64_t ldc, int64_t last);

/* Blocks of 8 (where the registers allow it), 4, 2 and 1 rows, by their number of vectors. */
#if LA_MR == 8
#define SIZES(t, nv)                                                                               \
    {                                                                                              \
        t##_1x##nv, t##_2x##nv, t##_4x##nv, t##_8x##nv                                             \
    }
#else
#define SIZES(t, nv)                                                                               \
    {                                                                                              \
        t##_1x##nv, t##_2x##nv, t##_4x##nv                                                         \
    }
#endif
#if LA_NV > 2
#define TABLE(t)                                                                                   \
    {                                                                                              \
        SIZES(t, 1), SIZES(t, 2), SIZES(t, 3)                                                      \
    }
#else
#define TABLE(t)                                                                                   \
    {                                                                                              \
        SIZES(t, 1), SIZES(t, 2)                                                                   \
    }
#endif
enum { SIZES_LEN = LA_MR == 8 ? 4 : 3 };
static block_fn *const blocks[2][LA_NV][SIZES_LEN] = {TABLE(nn), TABLE(tn)};

/* All M rows of one panel of `nv` vectors. */
static void panel(bool trans, int64_t nv, int64_t M, int64_t K, float alpha, const float *A,
                  int64_t lda, const float *b, int64_t ldb, bool add, float *C, int64_t ldc,
                  int64_t last)
{
    int64_t i = 0;
    for (int size = SIZES_LEN - 1; size >= 0; size--)
        for (; i + (1 << size) <= M; i += 1 << size)
            blocks[trans][nv - 1][size](K, alpha, A + (trans ? i : i * lda), lda, b, ldb, add,
                                        C + i * ldc, ldc, last);
}

typedef struct side { /* op(B) [K,N] and where it is packed */
    const float *B;
    int64_t ldb, N, K;
    bool trans;
    float *scratch;
} side;

/* Columns j.. of op(B), n of them, as a panel padded with zeros to whole vectors: scratch [K, width]. */
static void pack(const side *s, int64_t j, int64_t n, int64_t width)
{
    if (s->trans) {
        if (n < width)
            for (int64_t k = 0; k < s->K; k++)
                for (int64_t c = n; c < width; c++) s->scratch[k * width + c] = 0.0f;
        LA_ISA(la_tile_transpose)(n, s->K, s->B + j * s->ldb, s->ldb, s->scratch, width);
        return;
    }
    const float *from = s->B + j;
    float *to = s->scratch;
    for (int64_t k = 0; k < s->K; k++, from += s->ldb, to += width) {
        int64_t c = 0;
        for (; c + LA_VW <= n; c += LA_VW) la_v_store(to + c, la_v_load(from + c));
        if (c < n) la_v_store(to + c, la_v_load_n(from + c, n - c));
    }
}

/* K rows, ldb floats apart, share 4096 / gcd(4 ldb, 4096) places in L1; above half its ways the panel
 * would not stay. Packing costs as much as a few rows of the product. */
static bool conflicts(int64_t M, int64_t K, int64_t ldb)
{
    int64_t step = 4 * ldb & 4095, gcd = step ? step & -step : 4096;
    return ldb > LA_NR && M >= 3 * LA_MR && K * gcd > 6 * 4096;
}

static void product(bool trans_a, int64_t M, float alpha, const float *A, int64_t lda,
                    const side *s, bool add, float *C, int64_t ldc)
{
    bool whole = s->trans || conflicts(M, s->K, s->ldb);
    for (int64_t j = 0, n; j < s->N; j += n) {
        int64_t vectors = la_panel_vectors((s->N - j + LA_VW - 1) / LA_VW);
        n = la_at_most(s->N - j, vectors * LA_VW);
        int64_t last = n - (vectors - 1) * LA_VW;
        const float *b = s->B + j;
        int64_t ldb = s->ldb;
        if (whole || last < LA_VW) {
            ldb = vectors * LA_VW;
            pack(s, j, n, ldb);
            b = s->scratch;
        }
        panel(trans_a, vectors, M, s->K, alpha, A, lda, b, ldb, add, C + j, ldc, last);
    }
}

void LA_ISA(la_tile_nn)(int64_t M, int64_t N, int64_t K, float alpha, const float *A, int64_t lda,
                        const float *B, int64_t ldb, bool add, float *C, int64_t ldc,
                        float *scratch)
{
    product(false, M, alpha, A, lda, &(side){B, ldb, N, K, false, scratch}, add, C, ldc);
}

void LA_ISA(la_tile_nt)(int64_t M, int64_t N, int64_t K, float alpha, const float *A, int64_t lda,
                        const float *B, int64_t ldb, bool add, float *C, int64_t ldc,
                        float *scratch)
{
    product(false, M, alpha, A, lda, &(side){B, ldb, N, K, true, scratch}, add, C, ldc);
}

void LA_ISA(la_tile_tn)(int64_t M, int64_t N, int64_t K, float alpha, const float *A, int64_t lda,
                        const float *B, int64_t ldb, bool add, float *C, int64_t ldc,
                        float *scratch)
{
    product(true, M, alpha, A, lda, &(side){B, ldb, N, K, false, scratch}, add, C, ldc);
}

/* Blocks of LA_MR rows: what the solved rows above contribute is one product, the rest is a small
 * triangle row by row. */
void LA_ISA(la_tile_solve)(int64_t M, int64_t N, const float *L, int64_t ldl, float *X, int64_t ldx,
                           float *scratch)
{
    for (int64_t i = 0; i < M; i += LA_MR) {
        int64_t end = i + LA_MR < M ? i + LA_MR : M;
        if (i > 0) LA_ISA(la_tile_nn)
        (end - i, N, i, -1.0f, L + i * ldl, ldl, X, ldx, true, X + i * ldx, ldx, scratch);
        for (int64_t r = i + 1; r < end; r++)
            for (int64_t j = 0; j < N; j += LA_VW) {
                int64_t n = N - j < LA_VW ? N - j : LA_VW;
                la_vf x = la_v_load_n(X + r * ldx + j, n);
                for (int64_t c = i; c < r; c++)
                    x = la_v_fma(la_v_set(-L[r * ldl + c]), la_v_load_n(X + c * ldx + j, n), x);
                la_v_store_n(X + r * ldx + j, x, n);
            }
    }
}
