/* SPDX-License-Identifier: Apache-2.0
 * The random features of performer as estimates: the mean over draws of W is the kernel they stand for, the
 * error falls with the number of rows, and orthogonal rows make less of it than independent ones. Features
 * are read from the state after one key with v = 1.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel_test.h"

enum { D = 8, M = 16, DRAWS = 600 };

static const char *const kernels[] = {"positive", "hyperbolic", "trig", "relu"};
enum { POSITIVE, HYPERBOLIC, TRIG, RELU, KERNELS };

static const float one[D] = {0.9f, -0.4f, 0.3f, 0.7f, -0.8f, 0.2f, 0.5f, -0.6f};
static const float two[D] = {0.6f, 0.5f, -0.7f, 0.8f, -0.2f, -0.4f, 0.9f, 0.1f};

static double dot(const float *x, const float *y)
{
    double sum = 0;
    for (int c = 0; c < D; c++) sum += (double)x[c] * (double)y[c];
    return sum;
}

/* What the features' products are an estimate of: exp(s x.y), or the mean product of rectified Gaussians
 * (the arc-cosine kernel of order 1) with what 1e-3 adds to it. y = sqrt(s) x. */
static double expected(int kernel, const float *x, const float *z)
{
    double s = 1 / sqrt(D), product = s * dot(x, z);
    if (kernel != RELU) return exp(product);
    double a = sqrt(s * dot(x, x)), b = sqrt(s * dot(z, z)), angle = acos(product / (a * b));
    double pi = acos(-1.0), f = 1e-3;
    return a * b / (2 * pi) * (sin(angle) + (pi - angle) * cos(angle)) +
           f * (a + b) / sqrt(2 * pi) + f * f;
}

/* phi(x) of a key, in float64, less the constants. */
static int64_t features(subject *s, const float *x, double *phi)
{
    float *v = subject_tensor(s, LA_T_V);
    v[0] = 1.0f;
    memcpy(subject_tensor(s, LA_T_K), x, D * sizeof *x);
    subject_run(s, NULL, s->inst.state.data);
    int64_t m = s->inst.parts[0].shape[2];
    const char *state = s->inst.state.data;
    const float *S = (const float *)(const void *)(state + s->inst.part_offset[0]), *c = NULL;
    if (s->inst.n_parts > 2) c = (const float *)(const void *)(state + s->inst.part_offset[2]);
    for (int64_t i = 0; i < m; i++) phi[i] = (double)S[i] * (c ? exp((double)c[i]) : 1.0);
    return m;
}

static double estimate(int kernel, int rows, bool iid, int draw)
{
    char set[96];
    subject s;
    double a[2 * 256], b[2 * 256], sum = 0;
    snprintf(set, sizeof set, "kernel=%s,features=%d,iid=%d,redraw=%d", kernels[kernel], rows, iid,
             draw);
    subject_open(&s, "performer", "cpu_recurrent", problem_of(1, 1, 1, D, 1, LA_MASK_CAUSAL, 1),
                 set, LA_INPUTS_DEFAULT);
    int64_t m = features(&s, one, a);
    assert_int_equal(m, kernel == HYPERBOLIC || kernel == TRIG ? 2 * rows : rows);
    features(&s, two, b);
    for (int64_t i = 0; i < m; i++) sum += a[i] * b[i];
    subject_close(&s);
    if (kernel == TRIG) sum *= exp(80.0); /* what its keys are kept times, twice */
    return sum / (kernel == HYPERBOLIC ? 2 * rows : rows);
}

/* Mean and mean square of the error, over draws. */
static void errors(int kernel, int rows, bool iid, double *mean, double *square)
{
    double want = expected(kernel, one, two);
    *mean = *square = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        double off = estimate(kernel, rows, iid, draw) - want;
        *mean += off / DRAWS;
        *square += off * off / DRAWS;
    }
}

static void test_estimates_have_no_bias(void **state)
{
    (void)state;
    for (int kernel = 0; kernel < KERNELS; kernel++)
        for (int iid = 0; iid < 2; iid++) {
            double mean, square;
            errors(kernel, M, iid, &mean, &square);
            double deviation = sqrt(square / DRAWS);
            if (!(fabs(mean) < 4 * deviation))
                print_error("%s iid=%d: bias %g, deviation %g\n", kernels[kernel], iid, mean,
                            deviation);
            assert_true(fabs(mean) < 4 * deviation);
            assert_true(sqrt(square) < expected(kernel, one, two)); /* it says something */
        }
}

/* The squared error of 16 times as many independent rows is 16 times smaller. A mean square of 600 draws is
 * good to about a tenth. */
static void test_errors_fall_with_the_rows(void **state)
{
    (void)state;
    for (int kernel = 0; kernel < KERNELS; kernel++) {
        double mean, few, many;
        errors(kernel, M, true, &mean, &few);
        errors(kernel, 16 * M, true, &mean, &many);
        if (!(few / many > 11 && few / many < 23))
            print_error("%s: %g over %g is %g\n", kernels[kernel], few, many, few / many);
        assert_true(few / many > 11 && few / many < 23);
    }
}

/* Of softmax's kernels; relu has no such theorem. */
static void test_orthogonal_rows_err_less_than_independent_ones(void **state)
{
    (void)state;
    for (int kernel = 0; kernel <= TRIG; kernel++) {
        double mean, orthogonal, independent;
        errors(kernel, D, false, &mean, &orthogonal);
        errors(kernel, D, true, &mean, &independent);
        if (!(orthogonal < 0.9 * independent))
            print_error("%s: %g orthogonal, %g independent\n", kernels[kernel], orthogonal,
                        independent);
        assert_true(orthogonal < 0.9 * independent);
    }
}

/* +-w together cancel the odd terms of the error. */
static void test_hyperbolic_errs_less_than_positive(void **state)
{
    (void)state;
    double mean, positive, hyperbolic;
    errors(POSITIVE, M, false, &mean, &positive);
    errors(HYPERBOLIC, M, false, &mean, &hyperbolic);
    assert_true(hyperbolic < positive);
}

/* Sines and cosines of angles up to thousands, by the state of a key along one row of W. */
static void test_waves_of_large_angles(void **state)
{
    (void)state;
    const double angles[] = {0,    1e-4, 0.7,  0.8,   1.5,   1.6,    2.3,    2.4,  3.1,
                             3.2,  -0.9, -2.0, -3.14, -4.0,  9.0,    -11.0,  12.6, 14.0,
                             15.3, 40.0, 73.1, 300.5, -99.0, 1000.0, -5000.0};
    for (size_t i = 0; i < LA_COUNT(angles); i++) {
        subject s;
        double phi[8];
        subject_open(&s, "performer", "cpu_recurrent", problem_of(1, 1, 1, D, 1, LA_MASK_CAUSAL, 1),
                     "kernel=trig,features=4", LA_INPUTS_DEFAULT);
        float *W = s.in.param[0].data, x[D] = {0};
        double root = sqrt(1 / sqrt(D));
        memset(W, 0, 4 * D * sizeof *W);
        x[0] = (float)(1e-3 / root);
        W[0] = (float)angles[i] * 1e3f;
        assert_int_equal(features(&s, x, phi), 8);
        double angle = (double)W[0] * (double)x[0] * root, kept = exp(40.0), allowed = 1e-6;
        allowed += fabs(angle) * 3e-7; /* the rounding of the angle itself */
        assert_true(fabs(phi[0] * kept - sin(angle)) < allowed);
        assert_true(fabs(phi[4] * kept - cos(angle)) < allowed);
        assert_true(fabs(phi[1] * kept) < 1e-6 && fabs(phi[5] * kept - 1) < 1e-5);
        subject_close(&s);
    }
}

/* Keys whose exp(|y|^2/2) alone would overflow. */
static void test_trig_of_long_keys_is_finite(void **state)
{
    (void)state;
    subject s;
    enum { T = 100 };
    subject_open(&s, "performer", "cpu_chunk", problem_of(1, T, 1, D, 3, LA_MASK_CAUSAL, 1),
                 "kernel=trig", LA_INPUTS_DEFAULT);
    float *k = subject_tensor(&s, LA_T_K);
    for (int t = 0; t < T; t++) {
        double norm = sqrt(dot(k + t * D, k + t * D)), want = sqrt(2 * 110.0 * sqrt(D));
        for (int c = 0; c < D; c++) k[t * D + c] *= (float)(want / norm);
    }
    const float *o = subject_run(&s, NULL, NULL);
    assert_int_equal(la_count_nonfinite(o, T * 3, LA_F32), 0);
    assert_true(distance(o, subject_tensor(&s, LA_T_V), 3) < 1e-4); /* the first sees itself */
    subject_close(&s);
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimates_have_no_bias),
        cmocka_unit_test(test_errors_fall_with_the_rows),
        cmocka_unit_test(test_orthogonal_rows_err_less_than_independent_ones),
        cmocka_unit_test(test_hyperbolic_errs_less_than_positive),
        cmocka_unit_test(test_waves_of_large_angles),
        cmocka_unit_test(test_trig_of_long_keys_is_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
