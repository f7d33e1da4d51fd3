/* SPDX-License-Identifier: Apache-2.0
 * The rank-one rule (rwkv7) in both forms, forward and back, against its float64 reference: with resets
 * of -50, without decay, and with both side by side in one token.
 */
#include <math.h>
#include <string.h>

#include "doubles.h"
#include "fixture.h"

typedef struct sample {
    const la_variant *v;
    la_problem p;
    la_inputs in;
    float *S0, *S_end, *o, *dout, *dS_end, *dS0;
    la_buffer d[LA_T_COUNT];
    la_doubles x, grad;
    double *want_o, *want_S;
} sample;

static float *drawn(uint64_t stream, int64_t n)
{
    float *x = floats(n);
    la_random_fill_normal(stream, 0, x, n, 1);
    return x;
}

static double *widened(const float *x, int64_t n)
{
    double *y = la_zalloc((size_t)n * sizeof *y, NULL);
    for (int64_t i = 0; i < n; i++) y[i] = (double)x[i];
    return y;
}

static void reference(sample *a)
{
    int64_t n = outputs(&a->p), states = state_size(&a->p);
    assert_int_equal(la_doubles_of(a->v, NULL, &a->in, true, &a->x, NULL), LA_OK);
    for (int64_t i = 0; i < states; i++) a->x.state[i] = (double)a->S0[i];
    a->want_o = la_zalloc((size_t)n * sizeof(double), NULL);
    a->want_S = la_zalloc((size_t)states * sizeof(double), NULL);
    assert_int_equal(la_doubles_forward(a->v, &a->p, NULL, &a->x, a->want_o, a->want_S, NULL),
                     LA_OK);
    double *dout = widened(a->dout, n), *dS = widened(a->dS_end, states);
    assert_int_equal(la_doubles_alloc(a->v, &a->p, NULL, true, &a->grad, NULL), LA_OK);
    assert_int_equal(la_doubles_backward(a->v, &a->p, NULL, &a->x, dout, dS, &a->grad, NULL),
                     LA_OK);
    la_free(dout);
    la_free(dS);
}

static sample new_sample(const la_problem *p, gate_kind decays)
{
    sample a = {.v = la_registry_find("rwkv7"), .p = *p};
    assert_non_null(a.v);
    a.in = inputs(a.v, p, LA_INPUTS_DEFAULT);
    int64_t gates = la_tensor_elements(a.v, p, LA_T_G);
    la_random_fill_normal(5, 0, a.in.t[LA_T_G].data, gates, 1);
    make_gates(a.in.t[LA_T_G].data, gates, decays);
    a.S0 = drawn(1, state_size(p));
    a.dS_end = drawn(2, state_size(p));
    a.dout = drawn(3, outputs(p));
    a.S_end = floats(state_size(p));
    a.dS0 = floats(state_size(p));
    a.o = floats(outputs(p));
    for (int i = 0; i < LA_T_COUNT; i++)
        assert_int_equal(la_buffer_init(&a.d[i], a.in.t[i].bytes, NULL), LA_OK);
    reference(&a);
    return a;
}

static void release(sample *a)
{
    for (int i = 0; i < LA_T_COUNT; i++) la_buffer_release(&a->d[i]);
    float *const own[] = {a->S0, a->S_end, a->o, a->dout, a->dS_end, a->dS0};
    for (size_t i = 0; i < LA_COUNT(own); i++) la_free(own[i]);
    la_doubles_release(&a->x);
    la_doubles_release(&a->grad);
    la_free(a->want_o);
    la_free(a->want_S);
    la_inputs_release(&a->in);
}

static void run(sample *a, const la_impl *impl)
{
    la_device device;
    la_device_cpu(&device);
    la_instance inst;
    assert_int_equal(la_instance_create(a->v, impl, &a->p, LA_FWDBWD, NULL, &device, &inst, NULL),
                     LA_OK);
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, &a->in);
    io.o = a->o, io.state_in = a->S0, io.state_out = a->S_end;
    assert_int_equal(impl->forward(inst.self, &io, NULL), LA_OK);
    la_buffer_poison(&inst.work);
    la_grads to = {.dout = a->dout,
                   .dstate_out = a->dS_end,
                   .dq = a->d[LA_T_Q].data,
                   .dk = a->d[LA_T_K].data,
                   .dv = a->d[LA_T_V].data,
                   .dg = a->d[LA_T_G].data,
                   .da = a->d[LA_T_A].data,
                   .db = a->d[LA_T_B].data,
                   .dstate_in = a->dS0};
    io.o = NULL, io.state_out = NULL;
    assert_int_equal(impl->backward(inst.self, &io, &to, NULL), LA_OK);
    assert_int_equal(la_instance_guards(&inst, NULL), LA_OK);
    la_instance_release(&inst);
}

/* By the tolerance of chunk forms, over the whole tensor: backward goes by chunks whatever the form. */
static void compare(const sample *a, const char *impl, const char *what, const float *got,
                    const double *want, int64_t n)
{
    double error = 0.0, square = 0.0;
    for (int64_t i = 0; i < n; i++) {
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        square += want[i] * want[i];
    }
    la_tolerance allowed = la_tolerance_of(a->v, form(a->v, "cpu_chunk"), LA_F32);
    if (!(sqrt(error) <= allowed.rel_rms * sqrt(square)))
        fail_msg("%s, T %d dk %d dv %d: %s is off by %.3g of its rms", impl, (int)a->p.T,
                 (int)a->p.dk, (int)a->p.dv, what, sqrt(error / square));
}

/* Nothing crosses a reset but a share of e^-50 = 2e-22. */
static void check_resets(const sample *a)
{
    const float *g = a->in.t[LA_T_G].data, *dg = a->d[LA_T_G].data;
    for (int64_t i = 0; i < la_tensor_elements(a->v, &a->p, LA_T_G); i++)
        if (g[i] == -50.0f && !(fabs((double)dg[i] - a->grad.t[LA_T_G][i]) < 1e-18))
            fail_msg("gate %d is a reset, and its gradient %g", (int)i, (double)dg[i]);
}

static void check(const la_problem *p, gate_kind decays)
{
    static const char *const impls[] = {"cpu_recurrent", "cpu_chunk"};
    sample a = new_sample(p, decays);
    for (size_t f = 0; f < LA_COUNT(impls); f++) {
        run(&a, form(a.v, impls[f]));
        compare(&a, impls[f], "o", a.o, a.want_o, outputs(p));
        compare(&a, impls[f], "the state", a.S_end, a.want_S, state_size(p));
        compare(&a, impls[f], "the gradient of the state", a.dS0, a.grad.state, state_size(p));
        for (int i = 0; i < LA_T_COUNT; i++)
            if (a.x.t[i])
                compare(&a, impls[f], la_tensor_names[i], a.d[i].data, a.grad.t[i], a.x.n[i]);
        check_resets(&a);
    }
    release(&a);
}

static void check_all(gate_kind decays)
{
    const la_problem shapes[] = {problem(1, 70, 2, 16, 16), problem(2, 50, 1, 5, 21),
                                 problem(1, 131, 2, 24, 40), problem(1, 9, 1, 40, 8),
                                 problem(2, 1, 2, 8, 8)};
    for (size_t i = 0; i < LA_COUNT(shapes); i++) check(&shapes[i], decays);
}

static void test_mild_decay(void **state)
{
    (void)state;
    check_all(GATES_MILD);
}

static void test_resets_and_rest_among_mild_decay(void **state)
{
    (void)state;
    check_all(GATES_MIXED);
}

static void test_a_reset_at_every_token(void **state)
{
    (void)state;
    check_all(GATES_RESETS);
}

static void test_a_memory_that_never_forgets(void **state)
{
    (void)state;
    check_all(GATES_AT_REST);
}

static void test_resets_and_rest_side_by_side(void **state)
{
    (void)state;
    check_all(GATES_HALF);
}

static void test_value_heads_share_queries_and_keys(void **state)
{
    (void)state;
    la_problem p = problem(2, 40, 4, 16, 8);
    p.Hqk = 2;
    check(&p, GATES_MIXED);
}

/* Slices of the columns, and segments and columns by turns on the way back, are as good as the whole. */
static void test_more_threads_than_heads(void **state)
{
    (void)state;
    la_problem p = problem(1, 300, 1, 32, 70);
    p.threads = 2;
    check(&p, GATES_MILD);
    p.threads = 3, p.dv = 33;
    check(&p, GATES_HALF);
    p = problem(1, 900, 1, 64, 40); /* more chunks than are prepared at once */
    p.threads = 2;
    check(&p, GATES_MIXED);
}

/* A reset starts another stretch inside its chunk; what came before has the same bits as without it. */
static void test_a_later_reset_leaves_the_past_alone(void **state)
{
    (void)state;
    la_problem p = problem(1, 16, 1, 16, 16);
    sample a = new_sample(&p, GATES_MILD);
    float *g = a.in.t[LA_T_G].data, before[9 * 16];
    run(&a, form(a.v, "cpu_chunk"));
    memcpy(before, a.o, sizeof before);
    for (int64_t i = 9 * p.dk; i < p.T * p.dk; i++) g[i] = -50.0f;
    run(&a, form(a.v, "cpu_chunk"));
    assert_memory_equal(before, a.o, sizeof before);
    release(&a);
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mild_decay),
        cmocka_unit_test(test_resets_and_rest_among_mild_decay),
        cmocka_unit_test(test_a_reset_at_every_token),
        cmocka_unit_test(test_a_memory_that_never_forgets),
        cmocka_unit_test(test_resets_and_rest_side_by_side),
        cmocka_unit_test(test_a_later_reset_leaves_the_past_alone),
        cmocka_unit_test(test_value_heads_share_queries_and_keys),
        cmocka_unit_test(test_more_threads_than_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
