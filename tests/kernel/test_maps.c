/* SPDX-License-Identifier: Apache-2.0
 * The feature maps of linear attention against what their papers say of them: without the denominator, one
 * token with v = 1 gives o = phi(q).phi(k).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel_test.h"

enum { H = 3, D = 7 };

typedef double similarity(const float *q, const float *k, const float *W);

/* Both forms and every head against the formula. W is drawn anew, so that hedgehog's does something. */
static void map_is(const char *set, int64_t m, similarity *fn)
{
    const char *const impls[] = {"cpu_chunk", "cpu_recurrent"};
    char options[64];
    snprintf(options, sizeof options, "%s,normalize=0", set);
    for (size_t i = 0; i < LA_COUNT(impls); i++) {
        subject s;
        subject_open(&s, "linear", impls[i], problem_of(1, 1, H, D, 1, LA_MASK_CAUSAL, 1), options,
                     LA_INPUTS_DEFAULT);
        assert_int_equal(s.inst.parts[0].shape[2], m);
        float *v = subject_tensor(&s, LA_T_V), *W = NULL, want[H];
        if (s.in.n_params) {
            W = s.in.param[0].data;
            for (int e = 0; e < H * D * D; e++)
                W[e] += 0.3f * (float)la_random_normal(5, (uint64_t)e);
        }
        for (int h = 0; h < H; h++) {
            v[h] = 1.0f;
            want[h] = (float)fn(subject_tensor(&s, LA_T_Q) + h * D,
                                subject_tensor(&s, LA_T_K) + h * D, W ? W + h * D * D : NULL);
        }
        assert_true(distance(subject_run(&s, NULL, NULL), want, H) < 1e-5);
        subject_close(&s);
    }
}

static double relu_similarity(const float *q, const float *k, const float *W)
{
    (void)W;
    double sum = 0;
    for (int c = 0; c < D; c++) sum += fmax((double)q[c], 0) * fmax((double)k[c], 0);
    return sum;
}

static void test_relu_drops_negative_channels(void **state)
{
    (void)state;
    map_is("map=relu", D, relu_similarity);
}

/* The series of exp, as far as the square. */
static double taylor2_similarity(const float *q, const float *k, const float *W)
{
    (void)W;
    double x = 0;
    for (int c = 0; c < D; c++) x += (double)q[c] * (double)k[c] / sqrt(D);
    return 1 + x + x * x / 2;
}

static void test_taylor2_is_the_series_of_exp(void **state)
{
    (void)state;
    map_is("map=taylor2", 1 + D + D * (D + 1) / 2, taylor2_similarity);
}

/* Element c of [max(x, 0), max(-x, 0)], c modulo 2 D. */
static double signed_part(const float *x, int c)
{
    c = (c % (2 * D) + 2 * D) % (2 * D);
    return fmax(c < D ? (double)x[c] : -(double)x[c - D], 0);
}

static double dpfp_similarity(const float *q, const float *k, int nu)
{
    double sum = 0;
    for (int i = 1; i <= nu; i++)
        for (int c = 0; c < 2 * D; c++)
            sum += signed_part(q, c) * signed_part(q, c - i) * signed_part(k, c) *
                   signed_part(k, c - i);
    return sum;
}

static double dpfp3(const float *q, const float *k, const float *W)
{
    (void)W;
    return dpfp_similarity(q, k, 3);
}

static double dpfp1(const float *q, const float *k, const float *W)
{
    (void)W;
    return dpfp_similarity(q, k, 1);
}

/* 2 D turns are a whole one, 16 are more. */
static double dpfp16(const float *q, const float *k, const float *W)
{
    (void)W;
    return dpfp_similarity(q, k, 16);
}

static void test_dpfp_multiplies_rolled_signs(void **state)
{
    (void)state;
    map_is("map=dpfp", 2 * D * 3, dpfp3);
    map_is("map=dpfp,nu=1", 2 * D, dpfp1);
    map_is("map=dpfp,nu=16", 2 * D * 16, dpfp16);
}

/* softmax(sign W x)_i */
static double soft(const float *W, const float *x, int sign, int i)
{
    double sum = 0, own = 0;
    for (int r = 0; r < D; r++) {
        double y = 0;
        for (int c = 0; c < D; c++) y += (double)W[r * D + c] * (double)x[c];
        sum += exp(sign * y);
        if (r == i) own = exp(sign * y);
    }
    return own / sum;
}

static double hedgehog_similarity(const float *q, const float *k, const float *W)
{
    double sum = 0;
    for (int sign = -1; sign <= 1; sign += 2)
        for (int i = 0; i < D; i++) sum += soft(W, q, sign, i) * soft(W, k, sign, i);
    return sum;
}

static void test_hedgehog_is_a_softmax_of_each_sign(void **state)
{
    (void)state;
    map_is("map=hedgehog", 2 * D, hedgehog_similarity);
}

static void test_hedgehog_starts_from_the_identity(void **state)
{
    (void)state;
    subject s;
    subject_open(&s, "linear", "cpu_chunk", problem_of(1, 1, H, D, 1, LA_MASK_CAUSAL, 1),
                 "map=hedgehog", LA_INPUTS_DEFAULT);
    assert_int_equal(s.in.n_params, 1);
    assert_int_equal(la_param_elements(&s.in.params[0]), H * D * D);
    for (int e = 0; e < H * D * D; e++)
        assert_true(s.in.param_ptr[0][e] == (e % (D * D) / D == e % D ? 1.0f : 0.0f));
    subject_close(&s);
}

/* With relu a query may share no direction with any key so far: nothing to read, and not NaN. */
static void test_an_empty_denominator_gives_zero(void **state)
{
    (void)state;
    const char *const sets[] = {"map=relu", "map=dpfp"};
    for (size_t i = 0; i < LA_COUNT(sets); i++) {
        subject s;
        enum { T = 20 };
        subject_open(&s, "linear", "cpu_chunk", problem_of(1, T, 1, D, 2, LA_MASK_CAUSAL, 1),
                     sets[i], LA_INPUTS_DEFAULT);
        float *q = subject_tensor(&s, LA_T_Q), *k = subject_tensor(&s, LA_T_K), zeros[2 * T] = {0};
        for (int e = 0; e < T * D; e++) {
            q[e] = e % D < 3 ? fabsf(q[e]) : 0.0f;
            k[e] = e % D < 3 ? 0.0f : fabsf(k[e]);
        }
        if (i == 1) /* products of neighbours must not meet either */
            for (int e = 0; e < T * D; e++) k[e] = e % D > 4 ? k[e] : 0.0f;
        assert_memory_equal(subject_run(&s, NULL, NULL), zeros, sizeof zeros);
        subject_close(&s);
    }
}

/* Options two at a time; the conformance suite takes them one at a time. */
static void test_maps_agree_with_the_reference(void **state)
{
    (void)state;
    const char *const sets[] = {"map=relu,eps=0.5",         "map=relu,normalize=0",
                                "map=taylor2,normalize=0",  "map=dpfp,nu=1,eps=0.5",
                                "map=dpfp,nu=5,eps=0.5",    "map=dpfp,normalize=0",
                                "map=hedgehog,normalize=0", "map=hedgehog"};
    for (size_t i = 0; i < LA_COUNT(sets); i++)
        for (int mask = LA_MASK_CAUSAL; mask <= LA_MASK_BIDIRECTIONAL; mask++) {
            subject s;
            subject_open(&s, "linear", "cpu_chunk", problem_of(2, 150, 3, 20, 9, (la_mask)mask, 2),
                         sets[i], LA_INPUTS_DEFAULT);
            subject_agrees(&s, NULL, 0);
            subject_close(&s);
        }
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relu_drops_negative_channels),
        cmocka_unit_test(test_taylor2_is_the_series_of_exp),
        cmocka_unit_test(test_dpfp_multiplies_rolled_signs),
        cmocka_unit_test(test_hedgehog_is_a_softmax_of_each_sign),
        cmocka_unit_test(test_hedgehog_starts_from_the_identity),
        cmocka_unit_test(test_an_empty_denominator_gives_zero),
        cmocka_unit_test(test_maps_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
