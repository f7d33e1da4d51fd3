/* SPDX-License-Identifier: Apache-2.0
 * linformer: E and F, and what it declines. That r = T and E = F = I is softmax is among the relations.
 */
#include <string.h>

#include "kernel_test.h"

static void test_linformer_has_at_most_as_many_mixtures_as_tokens(void **state)
{
    (void)state;
    subject s;
    subject_open(&s, "linformer", "cpu_gemm", problem_of(1, 10, 1, 4, 4, LA_MASK_BIDIRECTIONAL, 1),
                 "", LA_INPUTS_DEFAULT);
    assert_int_equal(s.in.params[0].shape[0], 10);
    subject_close(&s);
    subject_open(&s, "linformer", "cpu_gemm", problem_of(1, 300, 1, 4, 4, LA_MASK_BIDIRECTIONAL, 1),
                 "", LA_INPUTS_DEFAULT);
    assert_int_equal(s.in.params[0].shape[0], 256);
    assert_int_equal(s.in.params[1].shape[1], 300);
    subject_close(&s);
}

/* Rows of E that are all alike make all mixtures one, and o the one value F V makes of V. */
static void test_linformer_of_one_mixture_gives_its_value_to_all(void **state)
{
    (void)state;
    enum { T = 70, DV = 5 };
    subject s;
    subject_open(&s, "linformer", "cpu_gemm", problem_of(1, T, 1, 8, DV, LA_MASK_BIDIRECTIONAL, 2),
                 "r=1", LA_INPUTS_DEFAULT);
    const float *F = s.in.param_ptr[1], *v = subject_tensor(&s, LA_T_V);
    float want[T * DV];
    for (int c = 0; c < DV; c++) {
        double sum = 0.0;
        for (int t = 0; t < T; t++) sum += (double)F[t] * (double)v[t * DV + c];
        for (int t = 0; t < T; t++) want[t * DV + c] = (float)sum;
    }
    assert_true(distance(subject_run(&s, NULL, NULL), want, T * DV) < 1e-5);
    subject_close(&s);
}

static void declines(la_mask mask, la_pass pass, const char *reason)
{
    const la_variant *v = la_registry_find("linformer");
    la_problem p = problem_of(1, 8, 1, 4, 4, mask, 1);
    la_device device;
    la_device_cpu(&device);
    int64_t opts[8] = {256};
    la_err err = {0};
    assert_int_equal(v->impls[0].check(&p, pass, opts, &device, &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, reason));
}

static void test_linformer_declines_causal_and_decode_with_a_reason(void **state)
{
    (void)state;
    declines(LA_MASK_CAUSAL, LA_FORWARD, "future tokens");
    declines(LA_MASK_BIDIRECTIONAL, LA_DECODE, "no decode");
    declines(LA_MASK_BIDIRECTIONAL, LA_FWDBWD, "no backward");
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linformer_has_at_most_as_many_mixtures_as_tokens),
        cmocka_unit_test(test_linformer_of_one_mixture_gives_its_value_to_all),
        cmocka_unit_test(test_linformer_declines_causal_and_decode_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
