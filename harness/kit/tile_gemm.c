/* SPDX-License-Identifier: Apache-2.0
 * Tile products, compiled once per instruction set.
 *
 * C is cut into panels of at most LA_NR columns. A panel of B has K rows, read in place where that is
 * fast and packed into the caller's scratch where it is not: transposed B, rows that fall into the same
 * few cache sets (K rows a multiple of 1 KiB apart evict each other from L1), a ragged last panel.
 * Down the panel, blocks of rows of A meet it in registers: an outer product for each k, with A
 * broadcast from memory. So neither A nor A' is ever packed. Beside a busy neighbour a core is short of
 * instructions to issue, not of multiplies: 6 x 4 vectors take 34 of them for 24 products, 8 x 2 26 for 16.
 */
#include "tile_tables.h"

#define LA_MR (LA_VW == 16 ? 8 : 4)

/* Rows of the highest block: their sums, nv vectors of B and a broadcast of A fill the register file (32
 * registers, or 16). */
static int64_t most_rows(int64_t nv)
{
    return nv == 4 ? 6 : LA_MR;
}

/* A row of C is written when the sum is done, and may be far away until then. */
LA_INLINE void expect(const int nv, const float *C)
{
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) __builtin_prefetch(C + v * LA_VW, 1);
}

/* C[mr, nv vectors] of one panel. A element (i, k) is a[i rs + k cs]; `last` lanes of the last vector
 * exist in C (all of them exist in the panel). Where it `copies`, no more of them exist in B either, and the
 * panel is packed as it is read: behind the products that costs little. mr, nv and `copies` are constants
 * where this is inlined. */
LA_INLINE void block(const int mr, const int nv, const bool copies, int64_t K, float alpha,
                     const float *a, int64_t rs, int64_t cs, const float *b, int64_t ldb, bool add,
                     float *C, int64_t ldc, int64_t last, float *packed)
{
    la_vf c[LA_MR][LA_NV], lanes[LA_NV];
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) c[i][v] = la_v_set(0.0f);
    for (int64_t k = 0; k < K; k++) {
        if (k < mr) expect(nv, C + k * ldc);
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            bool part = copies && v == nv - 1;
            lanes[v] = part ? la_v_load_n(b + v * LA_VW, last) : la_v_load(b + v * LA_VW);
            if (copies) la_v_store(packed + v * LA_VW, lanes[v]);
        }
        if (copies) packed += nv * LA_VW;
#pragma GCC unroll 8
        for (int i = 0; i < mr; i++) {
            la_vf x = la_v_set(a[i * rs]);
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) c[i][v] = la_v_fma(x, lanes[v], c[i][v]);
        }
        a += cs;
        b += ldb;
    }
    la_vf al = la_v_set(alpha);
#pragma GCC unroll 8
    for (int i = 0; i < mr; i++, C += ldc) {
#pragma GCC unroll 4
        for (int v = 0; v < nv - 1; v++) la_tile_put(C + v * LA_VW, c[i][v], al, add, LA_VW);
        la_tile_put(C + (nv - 1) * LA_VW, c[i][nv - 1], al, add, last);
    }
}

/* One function for each size of block: inlined into their callers, the many addresses around the loop
 * over k take registers from the accumulators. */
#define BLOCK_AS(name, mr, nv, copies)                                                             \
    static __attribute__((noinline)) void nn_##name(                                               \
        int64_t K, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,          \
        bool add, float *C, int64_t ldc, int64_t last, float *packed)                              \
    {                                                                                              \
        block(mr, nv, copies, K, alpha, a, lda, 1, b, ldb, add, C, ldc, last, packed);             \
    }                                                                                              \
    static __attribute__((noinline)) void tn_##name(                                               \
        int64_t K, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,          \
        bool add, float *C, int64_t ldc, int64_t last, float *packed)                              \
    {                                                                                              \
        block(mr, nv, copies, K, alpha, a, 1, lda, b, ldb, add, C, ldc, last, packed);             \
    }
#define BLOCK(mr, nv)   BLOCK_AS(mr##x##nv, mr, nv, false)
#define FIRST(mr, nv)   BLOCK_AS(copying_##nv, mr, nv, true)
#define UP_TO_4(DO, nv) DO(1, nv) DO(2, nv) DO(3, nv) DO(4, nv)
#define UP_TO_6(DO, nv) UP_TO_4(DO, nv) DO(5, nv) DO(6, nv)
#define UP_TO_8(DO, nv) UP_TO_6(DO, nv) DO(7, nv) DO(8, nv)
#if LA_VW == 16
#define BLOCKS(DO)  UP_TO_8(DO, 1) UP_TO_8(DO, 2) UP_TO_8(DO, 3) UP_TO_6(DO, 4)
#define HIGHEST(DO) DO(8, 1) DO(8, 2) DO(8, 3) DO(6, 4)
#elif LA_NV == 3
#define BLOCKS(DO)  UP_TO_4(DO, 1) UP_TO_4(DO, 2) UP_TO_4(DO, 3)
#define HIGHEST(DO) DO(4, 1) DO(4, 2) DO(4, 3)
#else
#define BLOCKS(DO)  UP_TO_4(DO, 1) UP_TO_4(DO, 2)
#define HIGHEST(DO) DO(4, 1) DO(4, 2)
#endif
BLOCKS(BLOCK)
HIGHEST(FIRST)

typedef void block_fn(int64_t K, float alpha, const float *a, int64_t lda, const float *b,
                      int64_t ldb, bool add, float *C, int64_t ldc, int64_t last, float *packed);
#define ENTRY_NN(mr, nv) [0][(nv)-1][(mr)-1] = nn_##mr##x##nv,
#define ENTRY_TN(mr, nv) [1][(nv)-1][(mr)-1] = tn_##mr##x##nv,
static block_fn *const blocks[2][LA_NV][LA_MR] = {BLOCKS(ENTRY_NN) BLOCKS(ENTRY_TN)};
#define FIRST_NN(mr, nv) [0][(nv)-1] = nn_copying_##nv,
#define FIRST_TN(mr, nv) [1][(nv)-1] = tn_copying_##nv,
static block_fn *const copying[2][LA_NV] = {HIGHEST(FIRST_NN) HIGHEST(FIRST_TN)};

/* Rows of the next block where `left` are: the last two share theirs, since one of few rows waits for its sums. */
static int64_t next_rows(int64_t left, int64_t most)
{
    return left >= 2 * most ? most : left > most ? (left + 1) / 2 : left;
}

/* All M rows of one panel of `nv` vectors. Their first block packs it where there is a place for that. */
static void panel(bool trans, int64_t nv, int64_t M, int64_t K, float alpha, const float *A,
                  int64_t lda, const float *b, int64_t ldb, bool add, float *C, int64_t ldc,
                  int64_t last, float *packed)
{
    const int64_t most = most_rows(nv), along = trans ? 1 : lda;
    int64_t i = 0;
    if (packed) {
        copying[trans][nv - 1](K, alpha, A, lda, b, ldb, add, C, ldc, last, packed);
        b = packed, ldb = nv * LA_VW, i = most;
    }
    for (int64_t n; i < M; i += n) {
        n = next_rows(M - i, most);
        blocks[trans][nv - 1][n - 1](K, alpha, A + i * along, lda, b, ldb, add, C + i * ldc, ldc,
                                     last, NULL);
    }
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
 * would not stay. */
static bool conflicts(int64_t K, int64_t ldb)
{
    int64_t step = 4 * ldb & 4095, gcd = step ? step & -step : 4096;
    return ldb > LA_NR && K * gcd > 6 * 4096;
}

static void product(bool trans_a, int64_t M, float alpha, const float *A, int64_t lda,
                    const side *s, bool add, float *C, int64_t ldc)
{
    bool apart = M >= 3 * LA_MR && conflicts(s->K, s->ldb); /* fewer rows would not repay it */
    for (int64_t j = 0, n; j < s->N; j += n) {
        int64_t vectors = la_even_part((s->N - j + LA_VW - 1) / LA_VW, LA_NV);
        n = la_at_most(s->N - j, vectors * LA_VW);
        int64_t last = n - (vectors - 1) * LA_VW;
        const float *b = s->B + j;
        float *packed = NULL;
        int64_t ldb = s->ldb;
        if (s->trans || (last < LA_VW && M < most_rows(vectors))) {
            ldb = vectors * LA_VW;
            pack(s, j, n, ldb);
            b = s->scratch;
        } else if (apart || last < LA_VW) {
            packed = s->scratch;
        }
        panel(trans_a, vectors, M, s->K, alpha, A, lda, b, ldb, add, C + j, ldc, last, packed);
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
