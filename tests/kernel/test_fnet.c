/* SPDX-License-Identifier: Apache-2.0
 * fnet: known transforms, self-adjointness, norms, odd lengths.
 */
#include <math.h>
#include <string.h>

#include "kernel_test.h"

static void open_fnet(subject *s, int64_t T, int64_t D, const char *set)
{
    subject_open(s, "fnet", "cpu_fft", problem_of(1, T, 1, 1, D, LA_MASK_BIDIRECTIONAL, 2), set,
                 LA_INPUTS_DEFAULT);
}

/* A single one at (t, c) becomes a plane wave. */
static void test_fnet_of_an_impulse_is_a_cosine(void **state)
{
    (void)state;
    enum { T = 12, D = 10, AT = 5, AC = 3 };
    subject s;
    open_fnet(&s, T, D, "");
    float *x = subject_tensor(&s, LA_T_X), want[T * D];
    memset(x, 0, T * D * sizeof *x);
    x[AT * D + AC] = 1.0f;
    for (int t = 0; t < T; t++)
        for (int c = 0; c < D; c++)
            want[t * D + c] =
                (float)cos(6.283185307179586 * ((double)(t * AT) / T + (double)(c * AC) / D));
    assert_true(distance(subject_run(&s, NULL, NULL), want, T * D) < 1e-5);
    subject_close(&s);
}

/* <F x, y> = <x, F y> */
static void test_fnet_is_self_adjoint(void **state)
{
    (void)state;
    enum { T = 33, D = 14, N = T * D };
    subject s;
    open_fnet(&s, T, D, "");
    float *in = subject_tensor(&s, LA_T_X), x[N], y[N];
    double left = 0.0, right = 0.0, size = 0.0;
    memcpy(x, in, sizeof x);
    la_random_fill_normal(la_stream(3, 0, 0), 0, y, N, 1);
    const float *o = subject_run(&s, NULL, NULL);
    for (int i = 0; i < N; i++) left += (double)o[i] * (double)y[i];
    memcpy(in, y, sizeof y);
    o = subject_run(&s, NULL, NULL);
    for (int i = 0; i < N; i++) right += (double)o[i] * (double)x[i];
    for (int i = 0; i < N; i++) size += (double)o[i] * (double)o[i];
    assert_true(fabs(left - right) < 1e-5 * sqrt(size * N));
    subject_close(&s);
}

/* norm=ortho is norm=none over sqrt(T D). */
static void test_fnet_ortho_is_scaled(void **state)
{
    (void)state;
    enum { T = 20, D = 9 };
    subject plain, ortho;
    open_fnet(&plain, T, D, "norm=none");
    open_fnet(&ortho, T, D, "norm=ortho");
    float want[T * D];
    const float *o = subject_run(&plain, NULL, NULL);
    for (int i = 0; i < T * D; i++) want[i] = o[i] / sqrtf((float)(T * D));
    assert_true(distance(subject_run(&ortho, NULL, NULL), want, T * D) < 1e-6);
    subject_close(&plain);
    subject_close(&ortho);
}

static void test_fnet_agrees_for_any_size(void **state)
{
    (void)state;
    const int64_t sizes[][2] = {{1, 1},
                                {1, 2},
                                {2, 1},
                                {31, 1},
                                {33, 2},
                                {97, 3},
                                {257, 31},
                                {1009, 6},
                                {100, 127},
                                {64, 24},
                                /* powers of two, from 16 on a way of their own */
                                {8, 64},
                                {64, 8},
                                {16, 16},
                                {16, 512},
                                {32, 32},
                                {64, 64},
                                {128, 16},
                                {256, 32},
                                {512, 16},
                                {1024, 128}};
    for (size_t i = 0; i < LA_COUNT(sizes); i++) {
        subject s;
        open_fnet(&s, sizes[i][0], sizes[i][1], "");
        subject_agrees(&s, NULL, 0);
        subject_close(&s);
    }
}

static void declines(la_mask mask, la_pass pass, const char *reason)
{
    const la_variant *v = la_registry_find("fnet");
    la_problem p = problem_of(1, 8, 1, 4, 4, mask, 1);
    la_device device;
    la_device_cpu(&device);
    int64_t opts[8] = {0};
    la_err err = {0};
    assert_int_equal(v->impls[0].check(&p, pass, opts, &device, &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, reason));
}

static void test_fnet_declines_causal_and_decode_with_a_reason(void **state)
{
    (void)state;
    declines(LA_MASK_CAUSAL, LA_FORWARD, "mixes all tokens");
    declines(LA_MASK_BIDIRECTIONAL, LA_DECODE, "every output depends on every token");
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fnet_of_an_impulse_is_a_cosine),
        cmocka_unit_test(test_fnet_is_self_adjoint),
        cmocka_unit_test(test_fnet_ortho_is_scaled),
        cmocka_unit_test(test_fnet_agrees_for_any_size),
        cmocka_unit_test(test_fnet_declines_causal_and_decode_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
