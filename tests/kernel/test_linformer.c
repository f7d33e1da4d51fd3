/* SPDX-License-Identifier: Apache-2.0
 * linformer: E and F, and what it declines. That r = T and E = F = I is softmax is among the relations.
 */
#include <string.h>

#include "gradient_compare.h"
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

/* Made for 90 tokens and given 50: the first 50 columns of E and F count, and the others get gradient 0. */
static void test_linformer_of_fewer_tokens_uses_the_first_columns(void **state)
{
    (void)state;
    enum { T = 50, CAP = 90, R = 17 };
    la_problem p = problem_of(2, T, 2, 8, 6, LA_MASK_BIDIRECTIONAL, 2);
    p.Tcap = CAP;
    subject s;
    subject_open(&s, "linformer", "cpu_gemm", p, "r=17", LA_INPUTS_DEFAULT);
    assert_int_equal(s.in.params[0].shape[0], R);
    assert_int_equal(s.in.params[0].shape[1], CAP);
    subject_agrees(&s, NULL, 0);

    la_err err = {0};
    la_instance inst;
    la_gradients g;
    la_doubles in, want;
    assert_int_equal(
        la_instance_create(s.variant, s.impl, &p, LA_FWDBWD, s.opts, &s.device, &inst, &err),
        LA_OK);
    assert_int_equal(la_gradients_alloc(s.variant, &p, s.opts, false, &g, &err), LA_OK);
    la_gradients_draw(&g, 3);
    la_instance_poison(&inst);
    la_gradients_poison(&g);
    la_io io = la_instance_io(&inst, &s.in);
    la_grads grads = la_gradients_grads(&g);
    assert_int_equal(s.impl->forward(inst.self, &io, &err), LA_OK);
    assert_int_equal(s.impl->backward(inst.self, &io, &grads, &err), LA_OK);
    static double dout[2 * T * 2 * 6];
    for (size_t i = 0; i < LA_COUNT(dout); i++) dout[i] = (double)((float *)g.dout.data)[i];
    assert_int_equal(la_doubles_of(s.variant, s.opts, &s.in, false, &in, &err), LA_OK);
    assert_int_equal(la_doubles_alloc(s.variant, &p, s.opts, false, &want, &err), LA_OK);
    assert_int_equal(la_doubles_backward(s.variant, &p, s.opts, &in, dout, NULL, &want, &err),
                     LA_OK);
    la_gradient_error each[LA_GRADIENTS_MOST];
    size_t n;
    la_status st =
        la_gradients_judge(s.variant, s.impl, s.opts, &s.in, &g, &want, NULL, each, &n, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    assert_int_equal(n, 5);
    for (int64_t j = 0; j < R; j++)
        for (int64_t t = T; t < CAP; t++) assert_true(g.dparam_ptr[1][j * CAP + t] == 0.0f);
    la_doubles_release(&in);
    la_doubles_release(&want);
    la_gradients_release(&g);
    la_instance_release(&inst);
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
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linformer_has_at_most_as_many_mixtures_as_tokens),
        cmocka_unit_test(test_linformer_of_one_mixture_gives_its_value_to_all),
        cmocka_unit_test(test_linformer_of_fewer_tokens_uses_the_first_columns),
        cmocka_unit_test(test_linformer_declines_causal_and_decode_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
