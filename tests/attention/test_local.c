/* SPDX-License-Identifier: Apache-2.0
 * Windows of every position against the borders of tiles, panels and vectors, at every instruction set of
 * this machine and build. The conformance suite has only windows of up to 100 tokens and 256.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "labench/kit.h"
#include "registry.h"
#include "suite.h"

static const la_variant *local;
static la_device devices[LA_ISAS];
static size_t n_devices;

static int start(void **state)
{
    (void)state;
    la_device best;
    la_device_cpu(&best);
    for (int isa = 0; isa <= (int)best.isa; isa++) {
        devices[n_devices] = best;
        devices[n_devices++].isa = (la_isa)isa;
    }
    local = la_registry_find("local");
    return local ? 0 : 1;
}

static void ok(la_status st, const la_err *err)
{
    if (st != LA_OK) fail_msg("%s", err->msg);
}

static int64_t window_option(int64_t window)
{
    char text[32];
    int64_t opts = 0; /* the one option of local is its one member */
    la_err err;
    assert_int_equal(local->options_size, sizeof opts);
    snprintf(text, sizeof text, "%lld", (long long)window);
    ok(la_options_set(local->options, local->options_len, &opts, "local", "window", text, &err),
       &err);
    return opts;
}

static la_problem problem(int64_t T, int64_t H, int64_t Hkv, int64_t dk, int64_t dv, la_mask mask)
{
    return (la_problem){.B = 1,
                        .T = T,
                        .Tcap = T,
                        .H = H,
                        .Hkv = Hkv,
                        .Hqk = H,
                        .dk = dk,
                        .dv = dv,
                        .mask = mask,
                        .threads = 2};
}

typedef la_status check_fn(const la_case *, la_err *);

/* Draws one case, asks the reference, and runs the checks on every instruction set. */
static void check_case(la_problem p, int64_t window, check_fn *const *checks, size_t n,
                       bool gradients)
{
    int64_t opts = window_option(window);
    la_inputs in;
    la_err err;
    ok(la_inputs_draw(local, &p, &opts, LA_INPUTS_DEFAULT, 5, &in, &err), &err);
    double *want = la_alloc((size_t)(p.B * p.T * p.H * p.dv) * sizeof *want, &err);
    int64_t states = la_reference_state_elements(local, &p, &opts);
    double *want_state = la_zalloc((size_t)states * sizeof *want, &err);
    bool causal = p.mask == LA_MASK_CAUSAL;
    ok(la_reference_forward(local, &p, &opts, &in, NULL, 0, NULL, causal ? want_state : NULL, 0,
                            want, &err),
       &err);
    la_case c = {.variant = local,
                 .impl = &local->impls[0],
                 .opts = &opts,
                 .p = p,
                 .seed = 5,
                 .in = &in,
                 .n_rows = p.T,
                 .want = want,
                 .want_state = causal ? want_state : NULL};
    if (gradients) ok(la_case_gradients(&c, false, &err), &err);
    for (size_t d = 0; d < n_devices; d++)
        for (size_t i = 0; i < n; i++) {
            c.device = &devices[d];
            if (checks[i](&c, &err) != LA_OK)
                fail_msg("window %lld, T %lld, %s, %s, check %zu: %s", (long long)window,
                         (long long)p.T, la_mask_name(p.mask), la_isa_name(devices[d].isa), i,
                         err.msg);
        }
    if (gradients) la_case_gradients_release(&c);
    la_inputs_release(&in);
    la_free(want);
    la_free(want_state);
}

static void test_windows_against_the_borders_of_tiles(void **state)
{
    (void)state;
    static const int64_t windows[] = {1, 15, 17, 47, 49, 63, 65, 127, 129, 257, 499, 500};
    static check_fn *const checks[] = {la_check_forward, la_check_backward, la_check_threads};
    for (size_t i = 0; i < LA_COUNT(windows); i++)
        for (int mask = 0; mask < 2; mask++)
            check_case(problem(500, 2, 1, 9, 12, (la_mask)mask), windows[i], checks,
                       LA_COUNT(checks), true);
}

/* Pieces that are shorter and longer than the ring, which they leave turned by every amount. */
static void test_pieces_through_the_ring_are_the_whole(void **state)
{
    (void)state;
    static const int64_t windows[] = {1, 2, 31, 64, 150};
    static check_fn *const checks[] = {la_check_cutting, la_check_decode, la_check_query,
                                       la_check_causality};
    for (size_t i = 0; i < LA_COUNT(windows); i++)
        check_case(problem(230, 4, 2, 8, 5, LA_MASK_CAUSAL), windows[i], checks, LA_COUNT(checks),
                   false);
}

/* A ring long enough that threads share one head's. */
static void test_decode_over_a_long_ring(void **state)
{
    (void)state;
    static check_fn *const checks[] = {la_check_decode, la_check_query};
    la_problem p = problem(1400, 1, 1, 8, 8, LA_MASK_CAUSAL);
    p.threads = 3;
    check_case(p, 900, checks, LA_COUNT(checks), false);
}

/* From a ring that 200 of 300 tokens have left, the gradients of the last 100 are those of the whole
 * sequence when nothing is wanted of the first 200. */
static void test_backward_from_a_ring(void **state)
{
    (void)state;
    enum { T = 300, CUT = 200, D = 6 };
    int64_t opts = window_option(70);
    la_problem p = problem(T, 1, 1, D, D, LA_MASK_CAUSAL), rest = p, before = p;
    rest.T = T - CUT;
    before.T = CUT;
    static double x[3][T * D], dout[T * D], want[3][T * D];
    la_inputs in, first, last;
    la_err err;
    ok(la_inputs_draw(local, &p, &opts, LA_INPUTS_DEFAULT, 6, &in, &err), &err);
    for (int t = 0; t < 3; t++)
        for (int i = 0; i < T * D; i++) x[t][i] = (double)((float *)in.t[t].data)[i];
    float given[(T - CUT) * D];
    for (int i = CUT * D; i < T * D; i++)
        dout[i] = (double)(given[i - CUT * D] = (float)la_random_normal(9, (uint64_t)i));
    la_ref_io ref = {.q = x[0], .k = x[1], .v = x[2], .n_rows = T};
    la_ref_grads ref_grads = {.dout = dout, .dq = want[0], .dk = want[1], .dv = want[2]};
    ok(local->reference->backward(&p, &opts, &ref, &ref_grads, &err), &err);
    ok(la_inputs_piece(local, &opts, &in, 0, CUT, &first, &err), &err);
    ok(la_inputs_piece(local, &opts, &in, CUT, T - CUT, &last, &err), &err);
    for (size_t d = 0; d < n_devices; d++) {
        la_instance one, two;
        const la_impl *impl = &local->impls[0];
        float got[3][(T - CUT) * D];
        ok(la_instance_create(local, impl, &before, LA_FORWARD, &opts, &devices[d], &one, &err),
           &err);
        ok(la_instance_create(local, impl, &rest, LA_FWDBWD, &opts, &devices[d], &two, &err), &err);
        la_io io = la_instance_io(&one, &first);
        io.state_out = one.state.data;
        ok(impl->forward(one.self, &io, &err), &err);
        io = la_instance_io(&two, &last);
        io.state_in = one.state.data;
        io.pos = CUT;
        ok(impl->forward(two.self, &io, &err), &err);
        la_grads grads = {.dout = given, .dq = got[0], .dk = got[1], .dv = got[2]};
        ok(impl->backward(two.self, &io, &grads, &err), &err);
        for (int t = 0; t < 3; t++) {
            la_error e;
            la_compare_least(got[t], LA_F32, want[t] + CUT * D, (T - CUT) * D, D, 1.0, &e);
            ok(la_judge(&e, la_tolerance_gradient(local, impl, LA_F32), &err), &err);
        }
        la_instance_release(&one);
        la_instance_release(&two);
    }
    la_inputs_release(&in);
    la_inputs_release(&first);
    la_inputs_release(&last);
}

static void test_state_and_cost_follow_the_window(void **state)
{
    (void)state;
    la_problem p = problem(4096, 2, 1, 64, 64, LA_MASK_CAUSAL), q = p;
    int64_t opts = window_option(256), wide = window_option(4096);
    q.T = q.Tcap = 16384;
    const la_variant *softmax = la_registry_find("softmax");
    la_sizes a, b;
    la_cost x, y;
    la_err err;
    ok(local->impls[0].sizes(&p, LA_FORWARD, &opts, &devices[0], &a, &err), &err);
    ok(local->impls[0].sizes(&q, LA_FORWARD, &opts, &devices[0], &b, &err), &err);
    assert_int_equal(a.state, 2 * 256 * 64 * sizeof(float));
    assert_int_equal(a.state, b.state);
    for (int pass = LA_FORWARD; pass <= LA_DECODE; pass++)
        for (int mask = 0; mask < 2; mask++) {
            p.mask = (la_mask)mask;
            ok(local->useful(&p, (la_pass)pass, &wide, &x, &err), &err);
            ok(softmax->useful(&p, (la_pass)pass, NULL, &y, &err), &err);
            assert_true(x.flops == y.flops && x.bytes == y.bytes);
            ok(local->useful(&p, (la_pass)pass, &opts, &x, &err), &err);
            double share = pass == LA_DECODE ? 1.0 / 16 : 1.0 / 8;
            assert_true(x.flops > 0.9 * share * y.flops && x.flops < 1.1 * share * y.flops);
        }
    /* Each row of a band of 3 in 5 tokens sees 3, but for those at the ends: 2 + 3 + 3 + 3 + 2. */
    p = problem(5, 1, 1, 1, 1, LA_MASK_BIDIRECTIONAL);
    opts = window_option(2);
    ok(local->useful(&p, LA_FORWARD, &opts, &x, &err), &err);
    assert_true(x.flops == 2 * 2 * 13);
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_against_the_borders_of_tiles),
        cmocka_unit_test(test_pieces_through_the_ring_are_the_whole),
        cmocka_unit_test(test_decode_over_a_long_ring),
        cmocka_unit_test(test_backward_from_a_ring),
        cmocka_unit_test(test_state_and_cost_follow_the_window),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
