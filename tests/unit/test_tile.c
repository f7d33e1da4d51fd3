/* SPDX-License-Identifier: Apache-2.0
 * Every tile kernel, at the instruction set that LABENCH_ISA names or at all that this machine and build
 * have, against plain loops in double; sizes around every boundary, padding filled with NaN, outputs guarded.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "labench/kit.h"
#include "labench/simd.h"
#include "labench/tile.h"
#include "simd_probe.h"

enum { MAX_SIDE = 150, PAD = 5, ROOM = MAX_SIDE * (MAX_SIDE + PAD) };
static float A[ROOM], B[ROOM], C[ROOM], D[ROOM];
static float scratch[LA_TILE_SCRATCH(MAX_SIDE)] __attribute__((aligned(64)));
static const int64_t sides[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 23, 48, 49, 64, 65, 97, 150};

static const la_tile *tables[LA_ISAS];
static size_t n_tables;

static int collect(void **state)
{
    (void)state;
    /* bf16 is a table of its own; every other set has one here. */
    la_isa best = la_isa_best(), top = best < LA_ISA_AVX512 ? best : LA_ISA_AVX512;
    for (int isa = getenv("LABENCH_ISA") ? (int)top : 0; isa <= (int)top; isa++) {
        const la_tile *t = la_tile_get((la_isa)isa);
        if (t->isa == (la_isa)isa) tables[n_tables++] = t;
    }
    assert_true(n_tables > 0);
    assert_int_equal(tables[n_tables - 1]->isa, top);
    return 0;
}

/* A matrix of normals [rows, cols] in rows of ld floats; what lies between is NaN. */
static void fill(float *x, int64_t rows, int64_t cols, int64_t ld, uint64_t stream)
{
    for (int64_t i = 0; i < ROOM; i++) x[i] = NAN;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            x[i * ld + j] =
                (float)la_random_normal(la_stream(7, stream, 0), (uint64_t)(i * ld + j));
}

/* Nothing but [rows, cols] was written: the rest is still NaN. */
static void assert_untouched(const float *x, int64_t rows, int64_t cols, int64_t ld)
{
    for (int64_t i = 0; i < ROOM; i++)
        if (ld == 0 || i / ld >= rows || i % ld >= cols) assert_true(isnan(x[i]));
}

static void assert_near(double got, double want, double magnitude, const char *what)
{
    if (!(fabs(got - want) <= 2e-6 * (magnitude + 1.0)))
        fail_msg("%s: %.9g, not %.9g", what, got, want);
}

enum form { NN, NT, TN };

static void check_product(const la_tile *t, enum form form, int64_t M, int64_t N, int64_t K,
                          int64_t pad, bool add)
{
    int64_t lda = (form == TN ? M : K) + pad, ldb = (form == NT ? K : N) + pad, ldc = N + pad;
    fill(A, form == TN ? K : M, form == TN ? M : K, lda, 1);
    fill(B, form == NT ? N : K, form == NT ? K : N, ldb, 2);
    fill(C, add ? M : 0, N, ldc, 3);
    memcpy(D, C, sizeof C);
    la_tile_product *f = form == NN ? t->nn : form == NT ? t->nt : t->tn;
    f(M, N, K, -1.5f, A, lda, B, ldb, add, C, ldc, scratch);
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            double want = add ? (double)D[i * ldc + j] : 0.0, magnitude = fabs(want);
            for (int64_t k = 0; k < K; k++) {
                double a = (double)(form == TN ? A[k * lda + i] : A[i * lda + k]);
                double b = (double)(form == NT ? B[j * ldb + k] : B[k * ldb + j]);
                want -= 1.5 * a * b;
                magnitude += 1.5 * fabs(a * b);
            }
            assert_near((double)C[i * ldc + j], want, magnitude, "product");
        }
    assert_untouched(C, M, N, ldc);
}

static void test_products_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tables; i++)
        for (int form = NN; form <= TN; form++)
            for (size_t m = 0; m < LA_COUNT(sides); m++)
                for (size_t n = 0; n < LA_COUNT(sides); n++) {
                    /* Walk K with the others: every pair of sides meets several K in all. */
                    int64_t K = sides[(m * 7 + n * 3 + (size_t)form) % LA_COUNT(sides)];
                    check_product(tables[i], (enum form)form, sides[m], sides[n], K,
                                  (int64_t)(m + n) % 2 * PAD, (m + n) % 3 == 0);
                }
}

/* Rows 4 KiB apart are packed on the way; the result is the same bits as from rows that are close. */
static void test_products_with_conflicting_rows_are_the_same_bits(void **state)
{
    (void)state;
    enum { K = 40, LD = 1024 };
    static const int64_t rows[] = {5, 24, 64}, columns[] = {8, 16, 24, 32, 48, 50, 64, 112};
    static float wide[K * LD];
    for (size_t i = 0; i < n_tables; i++)
        for (size_t m = 0; m < LA_COUNT(rows); m++)
            for (size_t n = 0; n < LA_COUNT(columns); n++)
                for (int form = NN; form <= TN; form += TN - NN) {
                    int64_t M = rows[m], N = columns[n], lda = form == TN ? M : K;
                    la_tile_product *f = form == TN ? tables[i]->tn : tables[i]->nn;
                    fill(A, form == TN ? K : M, lda, lda, 1);
                    fill(B, K, N, N, 2);
                    for (int64_t j = 0; j < K * LD; j++) wide[j] = NAN;
                    for (int64_t k = 0; k < K; k++)
                        memcpy(wide + k * LD, B + k * N, (size_t)N * sizeof *B);
                    fill(C, 0, 0, N, 0);
                    fill(D, 0, 0, N, 0);
                    f(M, N, K, 1.0f, A, lda, B, N, false, C, N, scratch);
                    f(M, N, K, 1.0f, A, lda, wide, LD, false, D, N, scratch);
                    assert_memory_equal(C, D, (size_t)(M * N) * sizeof *C);
                    assert_untouched(D, M, N, N);
                }
}

/* B ends where memory ends: no product reads a float beyond it, packed on the way, before, or not at all. */
static void test_products_read_nothing_behind_b(void **state)
{
    (void)state;
    static const int64_t rows[] = {1, 5, 8, 40}, columns[] = {5, 16, 33, 50, 64, 71};
    enum { K = 30 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 4 * page;
    char *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + room, page, PROT_NONE), 0);
    fill(A, 40, 40, 40, 1);
    for (size_t i = 0; i < n_tables; i++)
        for (size_t m = 0; m < LA_COUNT(rows); m++)
            for (size_t n = 0; n < LA_COUNT(columns); n++) {
                int64_t M = rows[m], N = columns[n];
                float *b = (float *)(void *)(map + room) - K * N;
                assert_true((char *)b >= map);
                tables[i]->nn(M, N, K, 1.0f, A, 40, b, N, false, C, N, scratch);
                tables[i]->nt(M, N, K, 1.0f, A, 40, b, K, false, C, N, scratch);
                tables[i]->tn(M, N, K, 1.0f, A, 40, b, N, false, C, N, scratch);
            }
    munmap(map, room + page);
}

static void test_triangular_solve_undoes_the_product(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tables; i++)
        for (size_t m = 0; m < LA_COUNT(sides); m++)
            for (size_t n = 0; n < LA_COUNT(sides); n += 2) {
                int64_t M = sides[m], N = sides[n], ldl = M + PAD, ldx = N + PAD;
                fill(A, 0, 0, ldl, 1);
                for (int64_t r = 0; r < M; r++) /* small: the solution must not grow */
                    for (int64_t c = 0; c < r; c++)
                        A[r * ldl + c] = 0.1f * (float)la_random_normal(la_stream(7, 1, 0),
                                                                        (uint64_t)(r * M + c));
                fill(B, M, N, ldx, 2);
                memcpy(C, B, sizeof C);
                tables[i]->solve_lower_unit(M, N, A, ldl, C, ldx, scratch);
                for (int64_t r = 0; r < M; r++)
                    for (int64_t j = 0; j < N; j++) {
                        double back = (double)C[r * ldx + j], magnitude = fabs(back);
                        for (int64_t c = 0; c < r; c++) {
                            double term = (double)A[r * ldl + c] * (double)C[c * ldx + j];
                            back += term;
                            magnitude += fabs(term);
                        }
                        assert_near(back, (double)B[r * ldx + j], magnitude, "solve");
                    }
                assert_untouched(C, M, N, ldx);
            }
}

static void test_matrix_vector_sweeps(void **state)
{
    (void)state;
    static float x[MAX_SIDE], u[MAX_SIDE], y[MAX_SIDE + 1], y2[MAX_SIDE + 1];
    for (size_t i = 0; i < n_tables; i++)
        for (size_t m = 0; m < LA_COUNT(sides); m++)
            for (size_t n = 0; n < LA_COUNT(sides); n++) {
                const la_tile *t = tables[i];
                int64_t M = sides[m], N = sides[n], ld = N + PAD;
                bool add = (m + n) % 2;
                fill(A, M, N, ld, 1);
                for (int64_t j = 0; j < MAX_SIDE; j++) {
                    x[j] = (float)la_random_normal(5, (uint64_t)j);
                    u[j] = (float)la_random_normal(6, (uint64_t)j);
                }
                for (int64_t j = 0; j <= MAX_SIDE; j++) y[j] = y2[j] = add ? 2.0f : NAN;
                y[M] = y2[N] = 77.0f;
                t->mv(M, N, 0.5f, A, ld, x, add, y);
                t->vm(M, N, 0.5f, A, ld, x, add, y2);
                assert_true(y[M] == 77.0f && y2[N] == 77.0f);
                for (int64_t r = 0; r < M; r++) {
                    double want = add ? 2.0 : 0.0;
                    for (int64_t j = 0; j < N; j++)
                        want += 0.5 * (double)A[r * ld + j] * (double)x[j];
                    assert_near((double)y[r], want, 150, "mv");
                }
                for (int64_t j = 0; j < N; j++) {
                    double want = add ? 2.0 : 0.0;
                    for (int64_t r = 0; r < M; r++)
                        want += 0.5 * (double)A[r * ld + j] * (double)x[r];
                    assert_near((double)y2[j], want, 150, "vm");
                }
                memcpy(B, A, sizeof A);
                t->rank1(M, N, x, u, B, ld);
                memcpy(C, A, sizeof A);
                y2[N] = 77.0f;
                t->decay_rank1_vm(M, N, 0.25f, x, u, C, ld, 3.0f, y, y2);
                assert_true(y2[N] == 77.0f);
                for (int64_t r = 0; r < M; r++)
                    for (int64_t j = 0; j < N; j++) {
                        double a = (double)A[r * ld + j], xu = (double)x[r] * (double)u[j];
                        assert_near((double)B[r * ld + j], a + xu, 10, "rank1");
                        assert_near((double)C[r * ld + j], 0.25 * a + xu, 10, "decay_rank1");
                    }
                for (int64_t j = 0; j < N; j++) {
                    double want = 0.0, magnitude = 0.0;
                    for (int64_t r = 0; r < M; r++) {
                        double term = 3.0 * (double)C[r * ld + j] * (double)y[r];
                        want += term;
                        magnitude += fabs(term);
                    }
                    assert_near((double)y2[j], want, magnitude, "decay_rank1_vm");
                }
                assert_untouched(B, M, N, ld);
                assert_untouched(C, M, N, ld);
            }
}

static void test_transpose_and_row_scaling(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tables; i++)
        for (size_t m = 0; m < LA_COUNT(sides); m++)
            for (size_t n = 0; n < LA_COUNT(sides); n++) {
                int64_t M = sides[m], N = sides[n], lda = N + PAD, ldb = M + 3;
                fill(A, M, N, lda, 1);
                fill(B, 0, 0, ldb, 0);
                tables[i]->transpose(M, N, A, lda, B, ldb);
                for (int64_t r = 0; r < M; r++)
                    for (int64_t c = 0; c < N; c++) assert_true(A[r * lda + c] == B[c * ldb + r]);
                assert_untouched(B, N, M, ldb);
                fill(D, M, 1, 1, 4);
                fill(C, 0, 0, lda, 0);
                tables[i]->scale_rows(M, N, D, A, lda, C, lda);
                for (int64_t r = 0; r < M; r++)
                    for (int64_t c = 0; c < N; c++)
                        assert_true(C[r * lda + c] == D[r] * A[r * lda + c]);
                assert_untouched(C, M, N, lda);
            }
}

static void test_vector_helpers_of_any_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tables; i++)
        for (int64_t n = 0; n <= MAX_SIDE; n++) {
            const la_tile *t = tables[i];
            fill(A, 1, n, n, 1);
            fill(B, 1, n, n, 2);
            double dot = 0, sum = 0, top = -INFINITY;
            for (int64_t j = 0; j < n; j++) {
                dot += (double)A[j] * (double)B[j];
                sum += (double)A[j];
                top = fmax(top, (double)A[j]);
            }
            assert_near((double)t->dot(n, A, B), dot, 150, "dot");
            assert_near((double)t->sum(n, A), sum, 150, "sum");
            assert_true((double)t->max(n, A) == top);
            memcpy(C, A, sizeof A);
            t->scale(n, 3.0f, C, C);
            memcpy(D, B, sizeof B);
            t->axpy(n, -2.0f, A, D);
            for (int64_t j = 0; j < n; j++) {
                assert_true(C[j] == 3.0f * A[j]);
                assert_near((double)D[j], (double)B[j] - 2.0 * (double)A[j], 3, "axpy");
            }
            assert_untouched(C, 1, n, n);
            assert_untouched(D, 1, n, n);
            t->mul(n, A, B, C);
            for (int64_t j = 0; j < n; j++) assert_true(C[j] == A[j] * B[j]);
            assert_untouched(C, 1, n, n);
        }
}

/* Every tenth of a step over the whole range, and the edges. */
static void test_exp_over_its_whole_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tables; i++) {
        double worst = 0.0;
        for (double from = -87.3; from < 88.7; from += 1.0) {
            int64_t n = 0;
            for (; n < 101 && from + 0.01 * (double)n <= 88.72; n++)
                A[n] = (float)(from + 0.01 * (double)n);
            float sum = tables[i]->exp_sum(n, 1.0f, 0.0f, A, B);
            double want_sum = 0.0;
            for (int64_t j = 0; j < n; j++) {
                double want = exp((double)A[j]);
                want_sum += want;
                worst = fmax(worst, fabs((double)B[j] - want) / want);
            }
            if (want_sum < 3e38) assert_true(fabs((double)sum - want_sum) <= 1e-6 * want_sum);
        }
        if (!(worst <= 3e-7)) fail_msg("exp: relative error %g", worst);
        float edges[] = {0.0f, -0.0f, -INFINITY, -88.0f, -1e9f, 89.0f, INFINITY, NAN}, out[8];
        tables[i]->exp_sum(8, 1.0f, 0.0f, edges, out);
        assert_true(out[0] == 1.0f && out[1] == 1.0f);
        assert_true(out[2] == 0.0f && out[3] == 0.0f && out[4] == 0.0f);
        assert_true(isinf(out[5]) && isinf(out[6]) && isnan(out[7]));
        assert_true(tables[i]->exp_sum(0, 1.0f, 0.0f, A, A) == 0.0f);
        float x = 2.0f, y;
        assert_true(tables[i]->exp_sum(1, 3.0f, -6.0f, &x, &y) == 1.0f && y == 1.0f);
    }
}

static void test_powers_of_two_for_weights(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tables; i++) {
        simd_exp2 *exp2_of = LA_ISA_TABLE(la_probe_exp2, tables[i]->isa);
        double worst = 0.0;
        for (float from = -126.0f; from < 126.0f; from += 1.0f) {
            float x[64], y[64];
            for (int j = 0; j < 64; j++) x[j] = from + (float)j / 64.0f;
            exp2_of(64, x, y);
            for (int j = 0; j < 64; j++)
                worst = fmax(worst, fabs((double)y[j] / exp2((double)x[j]) - 1.0));
            assert_true(y[0] == exp2f(from)); /* whole powers are exact */
        }
        if (!(worst <= 2e-7)) fail_msg("exp2: relative error %g", worst);
        float edges[16] = {0.0f, -0.0f, -150.5f, -1e30f, -INFINITY, NAN, 1.0f}, out[16];
        exp2_of(16, edges, out);
        assert_true(out[0] == 1.0f && out[1] == 1.0f && out[6] == 2.0f && isnan(out[5]));
        /* Exactly 0, whatever the process does with denormals: masked keys rest on it. */
        assert_true(out[2] == 0.0f && out[3] == 0.0f && out[4] == 0.0f);
    }
}

static void test_lanes_compare_select_and_store(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_tables; i++) {
        simd_lanes *lanes = LA_ISA_TABLE(la_probe_lanes, tables[i]->isa);
        for (int limit = 0; limit <= tables[i]->lanes; limit++)
            for (int n = 0; n <= tables[i]->lanes; n++) {
                float y[17];
                for (int j = 0; j < 17; j++) y[j] = 77.0f;
                assert_int_equal(lanes((float)limit, n, y), tables[i]->lanes);
                for (int j = 0; j < 17; j++)
                    assert_true(y[j] == (j >= n ? 77.0f : j < limit ? (float)j : -1.0f));
            }
    }
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_any_size),
        cmocka_unit_test(test_products_with_conflicting_rows_are_the_same_bits),
        cmocka_unit_test(test_products_read_nothing_behind_b),
        cmocka_unit_test(test_triangular_solve_undoes_the_product),
        cmocka_unit_test(test_matrix_vector_sweeps),
        cmocka_unit_test(test_transpose_and_row_scaling),
        cmocka_unit_test(test_vector_helpers_of_any_length),
        cmocka_unit_test(test_exp_over_its_whole_range),
        cmocka_unit_test(test_powers_of_two_for_weights),
        cmocka_unit_test(test_lanes_compare_select_and_store),
    };
    return cmocka_run_group_tests(tests, collect, NULL);
}
