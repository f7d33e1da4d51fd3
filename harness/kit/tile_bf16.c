/* SPDX-License-Identifier: Apache-2.0
 * Tiles in bfloat16, compiled for AVX-512 with bf16 dot products, and once more with AMX.
 *
 * The instruction multiplies pairs of neighbours along the inner dimension and adds both products to a
 * float32 lane. So B lies in pairs, each lane a column, and a pair of A is broadcast from memory, as an
 * element of A is in tile_gemm.c. The sums of a lane wait six cycles for each other and two
 * instructions start in one: blocks hold at least 16 vectors of C where the sizes allow it.
 *
 * AMX has the same pairs, 16 rows of A and 16 columns of B at a time: a product is of blocks of two by two
 * such tiles as far as they go, and of dot products for the rows and columns left over. Both take denormals
 * as 0. Sums differ in their last digits: a tile adds the products of each pair first, a dot product the
 * even and the odd ones one after the other.
 */
#include <stddef.h>

#include "tile_tables.h"

/* ---- product ---- */

/* Row i of the register block, as far as the constants mr and nv say it exists. */
#define ROWS(DO)                                                                                   \
    DO(0)                                                                                          \
    DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
#define DECLARE(i) la_vf c##i##_0 = zero, c##i##_1 = zero, c##i##_2 = zero;
#define STEP(i)                                                                                    \
    if (mr > i) {                                                                                  \
        la_vb x = la_v_pair(i < 8 ? a[(i)*down] : far[(i - 8) * down]);                            \
        c##i##_0 = la_v_dot2(b0, x, c##i##_0);                                                     \
        if (nv > 1) c##i##_1 = la_v_dot2(b1, x, c##i##_1);                                         \
        if (nv > 2) c##i##_2 = la_v_dot2(b2, x, c##i##_2);                                         \
    }
#define FINISH(i)                                                                                  \
    if (mr > i) {                                                                                  \
        if (nv > 1) la_tile_put(C, c##i##_0, al, add, LA_VW);                                      \
        if (nv > 2) la_tile_put(C + LA_VW, c##i##_1, al, add, LA_VW);                              \
        la_tile_put(C + (nv - 1) * LA_VW,                                                          \
                    nv == 1   ? c##i##_0                                                           \
                    : nv == 2 ? c##i##_1                                                           \
                              : c##i##_2,                                                          \
                    al, add, last);                                                                \
        C += ldc;                                                                                  \
    }

/* C[mr, nv vectors], of the last of which `last` lanes exist in B and in C. Pair (i, k) of A is
 * a[i down + k along]. mr and nv are constants where this is inlined. */
LA_INLINE void block(const int mr, const int nv, int64_t K2, float alpha, const la_pair *a,
                     int64_t down, int64_t along, const la_pair *b, int64_t ldb, bool add, float *C,
                     int64_t ldc, int64_t last)
{
    const la_vf zero = la_v_set(0.0f);
    const la_pair *far = mr > 8 ? a + 8 * down : a;
    __asm__(
        ""
        : "+r"(far)); /* rows as distances from two places: from one they would not fit registers */
    ROWS(DECLARE)
    for (int64_t k = 0; k < K2; k++) {
        la_vb end = la_v_pairs_n(b + (nv - 1) * LA_VW, last);
        la_vb b0 = nv > 1 ? la_v_pairs(b) : end;
        la_vb b1 = nv > 2 ? la_v_pairs(b + LA_VW) : end, b2 = end;
        ROWS(STEP)
        a += along;
        far += along;
        b += ldb;
    }
    la_vf al = la_v_set(alpha);
    ROWS(FINISH)
}

/* One function for each size of block: inlined into their caller, the many addresses around the loop
 * over k take registers from the accumulators. */
#define BLOCK(mr, nv)                                                                              \
    static __attribute__((noinline)) void block_##mr##x##nv(                                       \
        int64_t K2, float alpha, const la_pair *a, int64_t down, int64_t along, const la_pair *b,  \
        int64_t ldb, bool add, float *C, int64_t ldc, int64_t last)                                \
    {                                                                                              \
        block(mr, nv, K2, alpha, a, down, along, b, ldb, add, C, ldc, last);                       \
    }
#define BLOCKS_OF(nv) BLOCK(1, nv) BLOCK(2, nv) BLOCK(4, nv) BLOCK(8, nv)
BLOCKS_OF(1)
BLOCKS_OF(2)
BLOCKS_OF(3)
BLOCK(16, 1)

typedef void block_fn(int64_t K2, float alpha, const la_pair *a, int64_t down, int64_t along,
                      const la_pair *b, int64_t ldb, bool add, float *C, int64_t ldc, int64_t last);

enum { SIZES = 5 }; /* of 1, 2, 4, 8 and 16 rows */
static block_fn *const blocks[3][SIZES] = {{block_1x1, block_2x1, block_4x1, block_8x1, block_16x1},
                                           {block_1x2, block_2x2, block_4x2, block_8x2, NULL},
                                           {block_1x3, block_2x3, block_4x3, block_8x3, NULL}};

static void dots(int64_t M, int64_t N, int64_t K2, float alpha, const la_pair *A, int64_t down,
                 int64_t along, const la_pair *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    for (int64_t j = 0; j < N;) {
        int64_t left = (N - j + LA_VW - 1) / LA_VW;
        int64_t nv =
            left == 4 ? 2 : la_at_most(left, 3); /* twice two keep busier than three and one */
        int64_t last = la_at_most(N - j - (nv - 1) * LA_VW, LA_VW), i = 0;
        for (int size = nv == 1 ? SIZES - 1 : SIZES - 2; size >= 0; size--)
            for (; i + (1 << size) <= M; i += 1 << size)
                blocks[nv - 1][size](K2, alpha, A + i * down, down, along, B + j, ldb, add,
                                     C + i * ldc + j, ldc, last);
        j += nv * LA_VW;
    }
}

#if defined(__AMX_BF16__)
enum {
    SIDE = 16,           /* of a tile: rows, pairs, columns */
    SLAB = 64,           /* pairs of A turned at a time, where they do not lie along its rows */
    WORTH = 4 * 16 * 16, /* rows by columns; below this a configuration costs more than it saves */
};

/* One block: two by two tiles of C, of which the second row and column need not exist, and their part of A
 * and B. The last step may have fewer than 16 pairs: `rest` of them are read, the others are 0. */
typedef struct tile_block {
    const la_pair *A, *B;
    float *C;
    int64_t down, ldb, ldc, steps, rest;
    bool two_down, two_across;
} tile_block;

LA_INLINE void multiply_tiles(const tile_block *b, const la_pair *A, int64_t down, const la_pair *B,
                              int64_t ldb)
{
    LA_AMX_LOAD(4, A, down);
    LA_AMX_LOAD(5, B, ldb);
    LA_AMX_MULTIPLY(0, 4, 5);
    if (b->two_across) {
        LA_AMX_LOAD(7, B + SIDE, ldb);
        LA_AMX_MULTIPLY(1, 4, 7);
    }
    if (!b->two_down) return;
    LA_AMX_LOAD(6, A + SIDE * down, down);
    LA_AMX_MULTIPLY(2, 6, 5);
    if (b->two_across) LA_AMX_MULTIPLY(3, 6, 7);
}

/* The last pairs, with zeros behind them. */
static __attribute__((noinline)) void multiply_rest(const tile_block *b, const la_pair *A,
                                                    const la_pair *B)
{
    la_pair a[2 * SIDE * SIDE] __attribute__((aligned(64)));
    la_pair c[2 * SIDE * SIDE] __attribute__((aligned(64)));
    int64_t rows = b->two_down ? 2 * SIDE : SIDE;
    for (int64_t i = 0; i < rows; i++)
        _mm512_store_si512(a + i * SIDE, la_v_pairs_n(A + i * b->down, b->rest));
    for (int64_t k = 0; k < SIDE; k++)
        for (int64_t j = 0; j < (b->two_across ? 2 : 1); j++)
            _mm512_store_si512(c + (2 * k + j) * SIDE,
                               k < b->rest ? la_v_pairs(B + k * b->ldb + j * SIDE) : la_v_pair(0));
    multiply_tiles(b, a, SIDE, c, 2 * SIDE);
}

/* The block's sums, from what C holds where `from_C`, else from zero, into tiles 0 to 3. */
static void sum_block(const tile_block *b, bool from_C)
{
    LA_AMX_ZERO(0);
    LA_AMX_ZERO(1);
    LA_AMX_ZERO(2);
    LA_AMX_ZERO(3);
    if (from_C) {
        LA_AMX_LOAD(0, b->C, b->ldc);
        if (b->two_across) LA_AMX_LOAD(1, b->C + SIDE, b->ldc);
        if (b->two_down) LA_AMX_LOAD(2, b->C + SIDE * b->ldc, b->ldc);
        if (b->two_down && b->two_across) LA_AMX_LOAD(3, b->C + SIDE * b->ldc + SIDE, b->ldc);
    }
    const la_pair *A = b->A, *B = b->B;
    for (int64_t k = 0; k < b->steps; k++, A += SIDE, B += SIDE * b->ldb)
        multiply_tiles(b, A, b->down, B, b->ldb);
    if (b->rest) multiply_rest(b, A, B);
}

static void put_block(const tile_block *b, float *C, int64_t ldc)
{
    LA_AMX_STORE(0, C, ldc);
    if (b->two_across) LA_AMX_STORE(1, C + SIDE, ldc);
    if (b->two_down) LA_AMX_STORE(2, C + SIDE * ldc, ldc);
    if (b->two_down && b->two_across) LA_AMX_STORE(3, C + SIDE * ldc + SIDE, ldc);
}

static void one_block(const tile_block *b, float alpha, bool add)
{
    if (alpha == 1.0f) {
        sum_block(b, add);
        put_block(b, b->C, b->ldc);
        return;
    }
    float sums[4 * SIDE * SIDE] __attribute__((aligned(64)));
    sum_block(b, false);
    put_block(b, sums, 2 * SIDE);
    for (int64_t i = 0; i < (b->two_down ? 2 * SIDE : SIDE); i++)
        for (int64_t j = 0; j < (b->two_across ? 2 * SIDE : SIDE); j += LA_VW)
            la_tile_put(b->C + i * b->ldc + j, la_v_load(sums + i * 2 * SIDE + j), la_v_set(alpha),
                        add, LA_VW);
}

/* Two rows of tiles, or one, by N columns; A lies along its rows. */
static void tile_rows(bool two_down, int64_t N, int64_t K2, float alpha, const la_pair *A,
                      int64_t down, const la_pair *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    for (int64_t j = 0; j < N; j += 2 * SIDE) {
        tile_block b = {.A = A,
                        .B = B + j,
                        .C = C + j,
                        .down = down,
                        .ldb = ldb,
                        .ldc = ldc,
                        .steps = K2 / SIDE,
                        .rest = K2 % SIDE,
                        .two_down = two_down,
                        .two_across = N - j > SIDE};
        one_block(&b, alpha, add);
    }
}

/* A [rows, K2] from pairs down its columns. */
static void turn(int64_t rows, int64_t K2, const la_pair *A, int64_t along, la_pair *to)
{
    for (int64_t i = 0; i < rows; i += SIDE)
        for (int64_t k = 0; k < K2; k += SIDE) {
            __m512i square[SIDE];
#pragma GCC unroll 16
            for (int r = 0; r < SIDE; r++)
                square[r] = la_v_pairs(A + la_at_most(k + r, K2 - 1) * along + i);
            la_v_turn(square);
#pragma GCC unroll 16
            for (int r = 0; r < SIDE; r++) _mm512_store_si512(to + (i + r) * SLAB + k, square[r]);
        }
}

/* The same of any M that is a multiple of a tile's rows. */
static void tiles(int64_t M, int64_t N, int64_t K2, float alpha, const la_pair *A, int64_t down,
                  int64_t along, const la_pair *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    la_pair turned[2 * SIDE * SLAB] __attribute__((aligned(64)));
    la_amx_enter(SIDE, SIDE);
    for (int64_t i = 0; i < M; i += 2 * SIDE) {
        bool two_down = M - i > SIDE;
        if (along == 1) {
            tile_rows(two_down, N, K2, alpha, A + i * down, down, B, ldb, add, C + i * ldc, ldc);
            continue;
        }
        for (int64_t k = 0; k < K2; k += SLAB) {
            int64_t n = la_at_most(K2 - k, SLAB);
            turn(two_down ? 2 * SIDE : SIDE, n, A + k * along + i, along, turned);
            tile_rows(two_down, N, n, alpha, turned, SLAB, B + k * ldb, ldb, add || k > 0,
                      C + i * ldc, ldc);
        }
    }
    la_amx_leave();
}

static void product(int64_t M, int64_t N, int64_t K2, float alpha, const la_pair *A, int64_t down,
                    int64_t along, const la_pair *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    int64_t rows = M / SIDE * SIDE, columns = N / SIDE * SIDE;
    if (K2 < SIDE || rows * columns < WORTH || (along != 1 && down != 1))
        rows = columns = 0;
    else
        tiles(rows, columns, K2, alpha, A, down, along, B, ldb, add, C, ldc);
    if (columns < N)
        dots(rows, N - columns, K2, alpha, A, down, along, B + columns, ldb, add, C + columns, ldc);
    if (rows < M)
        dots(M - rows, N, K2, alpha, A + rows * down, down, along, B, ldb, add, C + rows * ldc,
             ldc);
}
#else
static void product(int64_t M, int64_t N, int64_t K2, float alpha, const la_pair *A, int64_t down,
                    int64_t along, const la_pair *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    dots(M, N, K2, alpha, A, down, along, B, ldb, add, C, ldc);
}
#endif

/* ---- pairs ---- */

LA_INLINE __mmask32 first32(int64_t n)
{
    return n >= 32 ? 0xffffffffu : (1u << n) - 1u;
}

/* 32 elements, of which n exist; the others are 0. */
LA_INLINE __m512i load32(const la_bf16 *x, int64_t n)
{
    return _mm512_maskz_loadu_epi16(first32(n), x);
}

/* The same from n floats, rounded: the earlier ones in the low half. */
LA_INLINE __m512i round32(const float *x, int64_t n)
{
    la_vf lo = n < LA_VW ? la_v_load_n(x, n) : la_v_load(x), hi = la_v_set(0.0f);
    if (n > LA_VW) hi = n < 32 ? la_v_load_n(x + LA_VW, n - LA_VW) : la_v_load(x + LA_VW);
    return (__m512i)_mm512_cvtne2ps_pbh(hi, lo);
}

/* Element c of two rows becomes pair c, for 16 columns from `from` (0 or 16). */
LA_INLINE la_vb interleave(__m512i even, __m512i odd, const int from)
{
    const __m512i step = _mm512_set1_epi32(0x00010001);
    __m512i pick = _mm512_setr_epi32(0x200000, 0x210001, 0x220002, 0x230003, 0x240004, 0x250005,
                                     0x260006, 0x270007, 0x280008, 0x290009, 0x2a000a, 0x2b000b,
                                     0x2c000c, 0x2d000d, 0x2e000e, 0x2f000f);
    if (from) pick = _mm512_add_epi16(pick, _mm512_slli_epi32(step, 4));
    return _mm512_permutex2var_epi16(even, pick, odd);
}

LA_INLINE void put_pairs(la_pair *to, la_vb pairs, int64_t n)
{
    _mm512_mask_storeu_epi32(to, n < LA_VW ? la_v_first_(n) : (__mmask16)0xffff, pairs);
}

#define PAIRS_OF_ROWS(name, type, load)                                                            \
    static void name(int64_t K, int64_t N, const type *X, int64_t ldx, la_pair *to, int64_t ldt)   \
    {                                                                                              \
        for (int64_t k = 0; k < K; k += 2, to += ldt) {                                            \
            const type *even = X + k * ldx, *odd = even + ldx;                                     \
            for (int64_t j = 0; j < N; j += 32) {                                                  \
                __m512i e = load(even + j, N - j), o = _mm512_setzero_si512();                     \
                if (k + 1 < K) o = load(odd + j, N - j);                                           \
                put_pairs(to + j, interleave(e, o, 0), N - j);                                     \
                if (N - j > 16) put_pairs(to + j + 16, interleave(e, o, 16), N - j - 16);          \
            }                                                                                      \
        }                                                                                          \
    }
PAIRS_OF_ROWS(pairs_of_rows, la_bf16, load32)
PAIRS_OF_ROWS(pairs_of_floats, float, round32)

#define PAIRS_ALONG(name, type, load)                                                              \
    static void name(int64_t M, int64_t K, const type *X, int64_t ldx, la_pair *to, int64_t ldt)   \
    {                                                                                              \
        for (int64_t i = 0; i < M; i++, X += ldx, to += ldt)                                       \
            for (int64_t k = 0; k < K; k += 32)                                                    \
                put_pairs(to + k / 2, load(X + k, K - k), (K - k + 1) / 2);                        \
    }
PAIRS_ALONG(pairs_along, la_bf16, load32)
PAIRS_ALONG(pairs_along_floats, float, round32)

#define PAIRS_OF_COLUMNS(name, type, load)                                                         \
    static void name(int64_t K, int64_t N, const type *X, int64_t ldx, la_pair *to, int64_t ldt)   \
    {                                                                                              \
        for (int64_t j = 0; j < N; j += 16)                                                        \
            for (int64_t k = 0; k < K; k += 32) {                                                  \
                __m512i square[16];                                                                \
                _Pragma("GCC unroll 16") for (int r = 0; r < 16; r++) square[r] =                  \
                    load(X + la_at_most(j + r, N - 1) * ldx + k, K - k);                           \
                la_v_turn(square);                                                                 \
                la_pair *row = to + k / 2 * ldt + j;                                               \
                _Pragma("GCC unroll 16") for (int r = 0; r < 16; r++) if (k + 2 * r < K)           \
                    put_pairs(row + r * ldt, square[r], N - j);                                    \
            }                                                                                      \
    }
PAIRS_OF_COLUMNS(pairs_of_columns, la_bf16, load32)
PAIRS_OF_COLUMNS(pairs_of_float_columns, float, round32)

/* ---- rows of elements ---- */

static void widen(int64_t n, const la_bf16 *x, float *y)
{
    int64_t i = 0;
    for (; i + LA_VW <= n; i += LA_VW) la_v_store(y + i, la_v_load_bf16(x + i));
    if (i < n) la_v_store_n(y + i, la_v_load_bf16_n(x + i, n - i), n - i);
}

static void narrow(int64_t n, const float *x, la_bf16 *y)
{
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) _mm512_storeu_si512(y + i, round32(x + i, 32));
    if (i < n) _mm512_mask_storeu_epi16(y + i, first32(n - i), round32(x + i, n - i));
}

static void widen_rows(int64_t M, int64_t N, const la_bf16 *X, int64_t ldx, float *Y, int64_t ldy)
{
    for (int64_t i = 0; i < M; i++) widen(N, X + i * ldx, Y + i * ldy);
}

static void narrow_rows(int64_t M, int64_t N, const float *X, int64_t ldx, la_bf16 *Y, int64_t ldy)
{
    for (int64_t i = 0; i < M; i++) narrow(N, X + i * ldx, Y + i * ldy);
}

/* ---- matrix times vector, as decode has it ---- */

static float dot(int64_t n, const la_bf16 *x, const la_bf16 *y)
{
    la_vf s0 = la_v_set(0.0f), s1 = s0;
    int64_t i = 0;
    for (; i + 64 <= n; i += 64) {
        s0 = la_v_dot2(la_v_pairs(x + i), la_v_pairs(y + i), s0);
        s1 = la_v_dot2(la_v_pairs(x + i + 32), la_v_pairs(y + i + 32), s1);
    }
    for (; i < n; i += 32) s0 = la_v_dot2(load32(x + i, n - i), load32(y + i, n - i), s0);
    return la_v_sum(s0 + s1);
}

/* Eight rows at a time: eight chains of additions hide the latency of one. */
static void mv(int64_t M, int64_t N, float alpha, const la_bf16 *A, int64_t lda, const la_bf16 *x,
               bool add, float *y)
{
    for (int64_t i = 0; i < M; i += 8) {
        const la_bf16 *row[8];
        la_vf sum[8];
#pragma GCC unroll 8
        for (int r = 0; r < 8; r++) {
            row[r] = A + la_at_most(i + r, M - 1) * lda;
            sum[r] = la_v_set(0.0f);
        }
        int64_t j = 0;
        for (; j + 64 <= N; j += 64) { /* along each row first, as the cache lies */
            la_vb x0 = la_v_pairs(x + j), x1 = la_v_pairs(x + j + 32);
#pragma GCC unroll 8
            for (int r = 0; r < 8; r++) {
                sum[r] = la_v_dot2(la_v_pairs(row[r] + j), x0, sum[r]);
                sum[r] = la_v_dot2(la_v_pairs(row[r] + j + 32), x1, sum[r]);
            }
        }
        for (; j + 32 <= N; j += 32) {
            la_vb xj = la_v_pairs(x + j);
#pragma GCC unroll 8
            for (int r = 0; r < 8; r++) sum[r] = la_v_dot2(la_v_pairs(row[r] + j), xj, sum[r]);
        }
        if (j < N) {
            la_vb xj = load32(x + j, N - j);
#pragma GCC unroll 8
            for (int r = 0; r < 8; r++) sum[r] = la_v_dot2(load32(row[r] + j, N - j), xj, sum[r]);
        }
#pragma GCC unroll 8
        for (int r = 0; r < 8; r++)
            if (r < M - i) {
                float value = alpha * la_v_sum(sum[r]);
                y[i + r] = add ? y[i + r] + value : value;
            }
    }
}

/* n of 32 * `n_blocks` columns of A' x, widened: even columns in the low halves, odd ones in the high. */
LA_INLINE void vm_columns(const int n_blocks, int64_t n, int64_t M, float alpha, const la_bf16 *A,
                          int64_t lda, const float *x, bool add, float *y)
{
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    la_vf even[4], odd[4];
#pragma GCC unroll 4
    for (int c = 0; c < n_blocks; c++) even[c] = odd[c] = la_v_set(0.0f);
    for (int64_t i = 0; i < M; i++, A += lda) {
        la_vf xi = la_v_set(x[i]);
#pragma GCC unroll 4
        for (int c = 0; c < n_blocks; c++) {
            la_vb a = load32(A + 32 * c, n - 32 * c);
            even[c] = la_v_fma(xi, la_v_low(a), even[c]);
            odd[c] = la_v_fma(xi, la_v_high(a), odd[c]);
        }
    }
    la_vf al = la_v_set(alpha);
#pragma GCC unroll 4
    for (int c = 0; c < n_blocks; c++)
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++) {
            la_vf v = al * _mm512_permutex2var_ps(even[c], half ? second : first, odd[c]);
            int64_t from = 32 * c + 16 * half, m = n - from;
            if (m <= 0) continue;
            m = la_at_most(m, LA_VW);
            __mmask16 lanes = la_v_first_(m);
            if (add) v = v + _mm512_maskz_loadu_ps(lanes, y + from);
            _mm512_mask_storeu_ps(y + from, lanes, v);
        }
}

static void vm(int64_t M, int64_t N, float alpha, const la_bf16 *A, int64_t lda, const float *x,
               bool add, float *y)
{
    int64_t j = 0;
    for (; j + 128 <= N; j += 128) vm_columns(4, 128, M, alpha, A + j, lda, x, add, y + j);
    for (; j + 64 <= N; j += 64) vm_columns(2, 64, M, alpha, A + j, lda, x, add, y + j);
    for (; j < N; j += 32)
        vm_columns(1, la_at_most(N - j, 32), M, alpha, A + j, lda, x, add, y + j);
}

const la_tile_bf16 LA_ISA(la_tile_bf16) = {
    .rows = 8,
    .panel = 3 * LA_VW,
    .product = product,
    .pairs_of_rows = pairs_of_rows,
    .pairs_of_floats = pairs_of_floats,
    .pairs_of_columns = pairs_of_columns,
    .pairs_of_float_columns = pairs_of_float_columns,
    .pairs_along = pairs_along,
    .pairs_along_floats = pairs_along_floats,
    .widen = widen,
    .narrow = narrow,
    .widen_rows = widen_rows,
    .narrow_rows = narrow_rows,
    .dot = dot,
    .mv = mv,
    .vm = vm,
};
