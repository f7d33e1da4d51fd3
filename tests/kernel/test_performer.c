/* SPDX-License-Identifier: Apache-2.0
 * performer: its random features, and exponents that leap.
 */
#include <math.h>
#include <string.h>

#include "kernel_test.h"

enum { D = 16 };

static float *draw_w(int64_t M, const char *set)
{
    subject s;
    la_err err = {0};
    subject_open(&s, "performer", "cpu_chunk", problem_of(1, 1, 1, D, 1, LA_MASK_CAUSAL, 1), set,
                 LA_INPUTS_DEFAULT);
    assert_int_equal(s.in.params[0].shape[0], M);
    float *W = la_alloc((size_t)(M * D) * sizeof *W, &err);
    assert_non_null(W);
    memcpy(W, s.in.param_ptr[0], (size_t)(M * D) * sizeof *W);
    subject_close(&s);
    return W;
}

static double dot(const float *x, const float *y)
{
    double sum = 0.0;
    for (int c = 0; c < D; c++) sum += (double)x[c] * (double)y[c];
    return sum;
}

/* Blocks of dk rows are orthogonal; squared norms are chi-squared with dk degrees of freedom: mean dk,
 * variance 2 dk. With 4096 of them the mean is within 0.35 of 16 (4 deviations). */
static void test_performer_features_are_orthogonal_blocks_with_chi_norms(void **state)
{
    (void)state;
    enum { M = 4096 };
    float *W = draw_w(M, "features=4096");
    double mean = 0.0, variance = 0.0, worst = 0.0;
    for (int64_t i = 0; i < M; i++) {
        double norm2 = dot(W + i * D, W + i * D);
        mean += norm2 / M;
        variance += (norm2 - D) * (norm2 - D) / M;
        for (int64_t j = i / D * D; j < i; j++)
            worst = fmax(worst, fabs(dot(W + i * D, W + j * D)));
    }
    la_free(W);
    assert_true(worst < 1e-4);
    assert_true(fabs(mean - D) < 0.35);
    assert_true(fabs(variance - 2 * D) < 5.0);
}

static void test_performer_iid_features_are_not_orthogonal(void **state)
{
    (void)state;
    float *W = draw_w(64, "features=64,iid=1");
    assert_true(fabs(dot(W, W + D)) > 1e-2);
    la_free(W);
}

static void test_performer_redraws_by_seed(void **state)
{
    (void)state;
    float *a = draw_w(64, "features=64"), *b = draw_w(64, "features=64,redraw=1");
    float *again = draw_w(64, "features=64,redraw=1");
    assert_memory_not_equal(a, b, 64 * D * sizeof *a);
    assert_memory_equal(b, again, 64 * D * sizeof *a);
    la_free(a);
    la_free(b);
    la_free(again);
}

static void test_performer_default_number_of_features(void **state)
{
    (void)state;
    la_free(draw_w(44, "")); /* round(16 ln 16) = round(44.36) */
}

static void test_performer_agrees_for_wide_inputs_and_any_threads(void **state)
{
    (void)state;
    const int threads[] = {1, 2, 5};
    for (size_t i = 0; i < LA_COUNT(threads); i++)
        for (int mask = LA_MASK_CAUSAL; mask <= LA_MASK_BIDIRECTIONAL; mask++) {
            subject s;
            subject_open(&s, "performer", "cpu_chunk",
                         problem_of(1, 400, 1, 64, 32, (la_mask)mask, threads[i]), "",
                         LA_INPUTS_WIDE);
            subject_agrees(&s, NULL, 0);
            subject_close(&s);
        }
}

static void test_performer_agrees_over_several_blocks(void **state)
{
    (void)state;
    subject s;
    subject_open(&s, "performer", "cpu_chunk", problem_of(1, 1500, 1, 64, 64, LA_MASK_CAUSAL, 2),
                 "", LA_INPUTS_WIDE);
    subject_agrees(&s, NULL, 0);
    subject_close(&s);
}

/* Keys along one feature of W, each longer than the one before: with |y| = |w| the exponent is at its
 * largest, |w|^2/2. Earlier rows of the chunk would underflow beside it if they shared its scale. */
static void leap(subject *s, int64_t from)
{
    float *k = subject_tensor(s, LA_T_K), *q = subject_tensor(s, LA_T_Q);
    int64_t dk = s->p.dk;
    const float *w = s->in.param_ptr[0];
    double y_per_x = sqrt(la_scale(&s->p));
    for (int64_t t = 0; t < from; t++)
        for (int64_t c = 0; c < dk; c++) {
            k[t * dk + c] = (float)(-0.5 * (double)w[c] / y_per_x);
            q[t * dk + c] = (float)(2.0 * (double)w[c] / y_per_x);
        }
    for (int64_t t = from; t < s->p.T; t++)
        for (int64_t c = 0; c < dk; c++) k[t * dk + c] = (float)((double)w[c] / y_per_x);
}

static void test_performer_survives_leaping_exponents(void **state)
{
    (void)state;
    const int64_t leaps[] = {1, 20, 63, 64, 100};
    for (size_t i = 0; i < LA_COUNT(leaps); i++) {
        subject s;
        subject_open(&s, "performer", "cpu_chunk", problem_of(1, 130, 1, 64, 8, LA_MASK_CAUSAL, 1),
                     "", LA_INPUTS_DEFAULT);
        leap(&s, leaps[i]);
        subject_agrees(&s, NULL, 0);
        subject_close(&s);
    }
}

/* What a leap later in the chunk does to the rows before it: nothing that can be seen. */
static void test_performer_rows_before_a_leap_do_not_feel_it(void **state)
{
    (void)state;
    enum { T = 60, CUT = 20 };
    subject calm, leaping;
    la_problem p = problem_of(1, T, 1, 64, 8, LA_MASK_CAUSAL, 1);
    subject_open(&calm, "performer", "cpu_chunk", p, "", LA_INPUTS_DEFAULT);
    subject_open(&leaping, "performer", "cpu_chunk", p, "", LA_INPUTS_DEFAULT);
    leap(&calm, T);
    leap(&leaping, CUT);
    const float *a = subject_run(&leaping, NULL, NULL), *b = subject_run(&calm, NULL, NULL);
    double allowed = la_tolerance_causal(leaping.variant, leaping.impl, LA_F32);
    assert_true(distance(a, b, CUT * 8) <= allowed);
    subject_close(&calm);
    subject_close(&leaping);
}

/* Maxima that no later token passes: earlier rows keep their very bits. */
static void test_performer_is_causal_bit_for_bit_between_ordinary_tokens(void **state)
{
    (void)state;
    enum { T = 100, CUT = 50 };
    subject s;
    subject_open(&s, "performer", "cpu_chunk", problem_of(1, T, 1, 32, 8, LA_MASK_CAUSAL, 1), "",
                 LA_INPUTS_DEFAULT);
    float before[CUT * 8], *k = subject_tensor(&s, LA_T_K);
    memcpy(before, subject_run(&s, NULL, NULL), sizeof before);
    for (int i = CUT * 32; i < T * 32; i++) k[i] *= -1.5f;
    assert_memory_equal(before, subject_run(&s, NULL, NULL), sizeof before);
    subject_close(&s);
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_performer_features_are_orthogonal_blocks_with_chi_norms),
        cmocka_unit_test(test_performer_iid_features_are_not_orthogonal),
        cmocka_unit_test(test_performer_redraws_by_seed),
        cmocka_unit_test(test_performer_default_number_of_features),
        cmocka_unit_test(test_performer_agrees_for_wide_inputs_and_any_threads),
        cmocka_unit_test(test_performer_agrees_over_several_blocks),
        cmocka_unit_test(test_performer_survives_leaping_exponents),
        cmocka_unit_test(test_performer_rows_before_a_leap_do_not_feel_it),
        cmocka_unit_test(test_performer_is_causal_bit_for_bit_between_ordinary_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
