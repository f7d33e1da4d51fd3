/* SPDX-License-Identifier: Apache-2.0
 * bf16: the rounding of one element, and every kernel of la_tile_bf16 against plain loops; sizes
 * around every boundary, padding filled with NaN, outputs guarded. Skipped where there is no bf16.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "labench/kit.h"
#include "labench/tile.h"

enum { MAX_SIDE = 129, PAD = 6, ROOM = MAX_SIDE * (MAX_SIDE + PAD + 1) };
static const int64_t sides[] = {0, 1, 2, 3, 8, 15, 16, 17, 31, 33, 48, 50, 64, 79, 97, 128, 129};
static const la_tile_bf16 *tile;
static la_bf16 A[ROOM] __attribute__((aligned(64))), B[ROOM] __attribute__((aligned(64)));
static float X[ROOM], C[ROOM], D[ROOM];
static la_pair P[ROOM], Q[ROOM];

static float bits(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static void test_rounding_of_one_element(void **state)
{
    (void)state;
    static const struct {
        uint32_t from;
        la_bf16 to;
    } cases[] = {
        {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81}, /* a tie goes to even */
        {0x3f818000, 0x3f82}, {0x3f817fff, 0x3f81}, {0xbf818000, 0xbf82}, {0x3fffffff, 0x4000},
        {0x7f7f7fff, 0x7f7f}, {0x7f7f8000, 0x7f80}, {0xff7fffff, 0xff80}, /* up to infinity */
        {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x7f800001, 0x7fc0}, /* NaN of low bits */
        {0xffc12345, 0xffc1}, {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x007fffff, 0x0000},
        {0x80012345, 0x8000}, {0x00800000, 0x0080},
    };
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        float x = bits(cases[i].from);
        la_bf16 one = la_bf16_from_float(x), many[40];
        assert_int_equal(one, cases[i].to);
        float xs[40];
        for (int j = 0; j < 40; j++) xs[j] = x;
        if (tile) tile->narrow(40, xs, many);
        for (int j = 0; tile && j < 40; j++) assert_int_equal(many[j], cases[i].to);
    }
    for (uint32_t b = 0; b < 0x10000; b++) { /* there and back, but for denormals and quiet NaN */
        float wide = la_bf16_to_float((la_bf16)b), got = 0.0f;
        la_bf16 one = (la_bf16)b;
        if (isnormal(wide) || isinf(wide) || (b & 0x7fff) == 0)
            assert_int_equal(la_bf16_from_float(wide), b);
        if (tile) tile->widen(1, &one, &got);
        if (tile) assert_memory_equal(&got, &wide, sizeof got);
    }
}

/* Normals [rows, cols] in rows of ld, rounded; NaN in between. X holds them unrounded. */
static void fill(la_bf16 *x, int64_t rows, int64_t cols, int64_t ld, uint64_t stream)
{
    for (int64_t i = 0; i < ROOM; i++) x[i] = 0x7fc0, X[i] = NAN;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            int64_t at = i * ld + j;
            X[at] = (float)la_random_normal(la_stream(9, stream, 0), (uint64_t)at);
            x[at] = la_bf16_from_float(X[at]);
        }
}

static void assert_near(double got, double want, double magnitude, const char *what)
{
    if (!(fabs(got - want) <= 2e-6 * (magnitude + 1.0)))
        fail_msg("%s: %.9g, not %.9g", what, got, want);
}

static double at(const la_bf16 *x, int64_t i)
{
    return (double)la_bf16_to_float(x[i]);
}

enum form { IN_PLACE, ALONG, DOWN };

/* A of a product, made from A as the form says: [M,K], or [K,M] for DOWN. */
static void check_product(enum form form, int64_t M, int64_t N, int64_t K, float alpha, bool add)
{
    int64_t rows = form == DOWN ? K : M, cols = form == DOWN ? M : K;
    int64_t lda = cols + PAD + (form == IN_PLACE ? cols % 2 : 0);
    int64_t ldb = N + PAD, ldp = N + 3, ldc = N + PAD, K2 = (K + 1) / 2;
    fill(A, rows, cols, lda, 1);
    if (form == IN_PLACE && K % 2) /* what a pair takes in must be there */
        for (int64_t i = 0; i < M; i++) A[i * lda + K] = 0;
    fill(B, K, N, ldb, 2);
    for (int64_t i = 0; i < ROOM; i++) P[i] = Q[i] = 0x7fc07fc0, C[i] = D[i] = NAN;
    for (int64_t i = 0; i < M && add; i++)
        for (int64_t j = 0; j < N; j++) C[i * ldc + j] = D[i * ldc + j] = (float)(i - j);
    tile->pairs_of_rows(K, N, B, ldb, P, ldp);
    const la_pair *a = Q;
    int64_t down = K2 + 1, along = 1;
    if (form == IN_PLACE)
        a = (const la_pair *)A, down = lda / 2;
    else if (form == ALONG)
        tile->pairs_along(M, K, A, lda, Q, down);
    else
        tile->pairs_of_rows(K, M, A, lda, Q, along = M + 2), down = 1;
    tile->product(M, N, K2, alpha, a, down, along, P, ldp, add, C, ldc);
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            double want = add ? (double)D[i * ldc + j] : 0.0, magnitude = fabs(want);
            for (int64_t k = 0; k < K; k++) {
                double term = at(A, form == DOWN ? k * lda + i : i * lda + k) * at(B, k * ldb + j);
                want += (double)alpha * term;
                magnitude += fabs((double)alpha * term);
            }
            assert_near((double)C[i * ldc + j], want, magnitude, "product");
        }
    for (int64_t i = 0; i < ROOM; i++)
        if (i / ldc >= M || i % ldc >= N) assert_true(isnan(C[i]));
}

static void test_products_of_any_size(void **state)
{
    (void)state;
    if (!tile) skip();
    for (int form = IN_PLACE; form <= DOWN; form++)
        for (size_t m = 0; m < LA_COUNT(sides); m++)
            for (size_t n = 0; n < LA_COUNT(sides); n++) {
                /* K walks with the others: every pair of sides meets several in all. */
                int64_t K = sides[(m * 7 + n * 3 + (size_t)form) % LA_COUNT(sides)];
                check_product((enum form)form, sides[m], sides[n], K, m % 2 ? 1.0f : -1.5f,
                              (m + n) % 3 == 0);
            }
}

/* Blocks of tiles with every kind of remainder along K, one slab and several, each way of adding. */
static void test_products_of_tiles(void **state)
{
    (void)state;
    if (!tile) skip();
    static const int64_t some[] = {32, 48, 49, 80}, pairs[] = {32, 33, 34, 62, 64, 95, 128, 129};
    for (int form = IN_PLACE; form <= DOWN; form++)
        for (size_t m = 0; m < LA_COUNT(some); m++)
            for (size_t n = 0; n < LA_COUNT(some); n++)
                for (size_t k = 0; k < LA_COUNT(pairs); k++)
                    for (int kind = 0; kind < 4; kind++)
                        check_product((enum form)form, some[m], some[n], pairs[k],
                                      kind < 2 ? 1.0f : 0.5f, kind % 2);
}

static la_pair pair(bool rounded, la_bf16 element, float x)
{
    return rounded ? la_bf16_from_float(x) : element;
}

/* Pairs along K of op(X) [K,N]: element (k, j) of X is [k ld + j], or [j ld + k] for columns. */
static void assert_pairs(bool columns, bool rounded, int64_t K, int64_t N, int64_t ld, int64_t ldt)
{
    for (int64_t i = 0; i < ROOM; i++) {
        int64_t k = 2 * (i / ldt), j = i % ldt;
        la_pair want = 0xabcdabcd; /* untouched */
        if (k < K && j < N) {
            int64_t low = columns ? j * ld + k : k * ld + j, high = low + (columns ? 1 : ld);
            want = pair(rounded, A[low], X[low]);
            if (k + 1 < K) want |= pair(rounded, A[high], X[high]) << 16;
        }
        if (P[i] != want) fail_msg("pair (%d, %d): %08x, not %08x", (int)k, (int)j, P[i], want);
    }
}

static void untouched(void)
{
    for (int64_t i = 0; i < ROOM; i++) P[i] = 0xabcdabcd;
}

static void test_pairs_of_any_size(void **state)
{
    (void)state;
    if (!tile) skip();
    for (size_t m = 0; m < LA_COUNT(sides); m++)
        for (size_t n = 0; n < LA_COUNT(sides); n++) {
            int64_t K = sides[m], N = sides[n], ld = N + PAD - 1, ldt = N + 3;
            fill(A, K, N, ld, 3);
            untouched();
            tile->pairs_of_rows(K, N, A, ld, P, ldt);
            assert_pairs(false, false, K, N, ld, ldt);
            untouched();
            tile->pairs_of_floats(K, N, X, ld, P, ldt);
            assert_pairs(false, true, K, N, ld, ldt);
            ld = K + PAD - 1; /* X [N,K] */
            fill(A, N, K, ld, 4);
            untouched();
            tile->pairs_of_columns(K, N, A, ld, P, ldt);
            assert_pairs(true, false, K, N, ld, ldt);
            untouched();
            tile->pairs_of_float_columns(K, N, X, ld, P, ldt);
            assert_pairs(true, true, K, N, ld, ldt);
            /* Rows along: pair (i, k) at [i][k], K2 of them in a row. */
            int64_t K2 = (K + 1) / 2;
            for (int floats = 0; floats < 2; floats++) {
                untouched();
                if (floats)
                    tile->pairs_along_floats(N, K, X, ld, P, K2 + 1);
                else
                    tile->pairs_along(N, K, A, ld, P, K2 + 1);
                for (int64_t i = 0; i < ROOM; i++) {
                    int64_t r = i / (K2 + 1), k = 2 * (i % (K2 + 1));
                    la_pair want = 0xabcdabcd;
                    if (r < N && k / 2 < K2) want = A[r * ld + k];
                    if (r < N && k + 1 < K) want |= (la_pair)A[r * ld + k + 1] << 16;
                    assert_int_equal(P[i], want);
                }
            }
        }
}

static void test_rows_are_widened_and_narrowed(void **state)
{
    (void)state;
    if (!tile) skip();
    for (size_t n = 0; n < LA_COUNT(sides); n++) {
        int64_t M = 5, N = sides[n], ld = N + PAD, ldy = N + 3;
        fill(A, M, N, ld, 5);
        for (int64_t i = 0; i < ROOM; i++) B[i] = 0xabcd, C[i] = 77.0f;
        tile->widen_rows(M, N, A, ld, C, ldy);
        tile->narrow_rows(M, N, X, ld, B, ldy);
        for (int64_t i = 0; i < ROOM; i++) {
            bool in = i / ldy < M && i % ldy < N;
            int64_t from = i / ldy * ld + i % ldy;
            assert_int_equal(B[i], in ? A[from] : 0xabcd);
            assert_true(C[i] == (in ? la_bf16_to_float(A[from]) : 77.0f));
        }
    }
}

static void test_matrix_vector_sweeps(void **state)
{
    (void)state;
    if (!tile) skip();
    static float x[MAX_SIDE], y[MAX_SIDE + 1];
    static la_bf16 h[MAX_SIDE + 1];
    for (int64_t j = 0; j < MAX_SIDE; j++) {
        x[j] = (float)la_random_normal(5, (uint64_t)j);
        h[j] = la_bf16_from_float((float)la_random_normal(6, (uint64_t)j));
    }
    h[MAX_SIDE] = 0x7fc0;
    for (size_t m = 0; m < LA_COUNT(sides); m++)
        for (size_t n = 0; n < LA_COUNT(sides); n++) {
            int64_t M = sides[m], N = sides[n], ld = N + PAD - 1;
            bool add = (m + n) % 2;
            fill(A, M, N, ld, 1);
            const la_bf16 *tail = h + MAX_SIDE - N; /* a NaN right behind it */
            for (int64_t j = 0; j <= MAX_SIDE; j++) y[j] = add ? 2.0f : NAN;
            y[M] = 77.0f;
            tile->mv(M, N, 0.5f, A, ld, tail, add, y);
            assert_true(y[M] == 77.0f);
            for (int64_t r = 0; r < M; r++) {
                double want = add ? 2.0 : 0.0, all = 0.0;
                for (int64_t j = 0; j < N; j++) all += at(A, r * ld + j) * at(tail, j);
                assert_near((double)y[r], want + 0.5 * all, 150, "mv");
                if (r < 2) assert_near((double)tile->dot(N, A + r * ld, tail), all, 150, "dot");
            }
            for (int64_t j = 0; j <= MAX_SIDE; j++) y[j] = add ? 2.0f : NAN;
            y[N] = 77.0f;
            tile->vm(M, N, 0.5f, A, ld, x, add, y);
            assert_true(y[N] == 77.0f);
            for (int64_t j = 0; j < N; j++) {
                double want = add ? 2.0 : 0.0;
                for (int64_t r = 0; r < M; r++) want += 0.5 * at(A, r * ld + j) * (double)x[r];
                assert_near((double)y[j], want, 150, "vm");
            }
        }
}

static void test_bf16_is_refused_below_its_instruction_set(void **state)
{
    (void)state;
    la_problem p = {.dtype = LA_BF16};
    la_err err = {0};
    for (int isa = 0; isa < LA_ISAS; isa++) {
        la_device dev = {.isa = (la_isa)isa};
        la_status want = isa < LA_ISA_AVX512_BF16 ? LA_E_UNSUPPORTED : LA_OK;
        p.dtype = LA_BF16;
        assert_int_equal(la_bf16_check(&p, &dev, "flash", &err), want);
        if (want != LA_OK) assert_non_null(strstr(err.msg, la_isa_name(dev.isa)));
        p.dtype = LA_F32;
        assert_int_equal(la_bf16_check(&p, &dev, "flash", &err), LA_OK);
    }
    assert_null(la_tile_bf16_get(LA_ISA_AVX512));
    if (la_isa_best() < LA_ISA_AMX_BF16) return;
    assert_ptr_not_equal(la_tile_bf16_get(LA_ISA_AVX512_BF16), la_tile_bf16_get(LA_ISA_AMX_BF16));
}

int main(void)
{
    la_start(1);
    tile = la_tile_bf16_get(la_isa_best());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding_of_one_element),
        cmocka_unit_test(test_products_of_any_size),
        cmocka_unit_test(test_products_of_tiles),
        cmocka_unit_test(test_pairs_of_any_size),
        cmocka_unit_test(test_rows_are_widened_and_narrowed),
        cmocka_unit_test(test_matrix_vector_sweeps),
        cmocka_unit_test(test_bf16_is_refused_below_its_instruction_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
