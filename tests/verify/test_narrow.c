/* SPDX-License-Identifier: Apache-2.0
 * The tolerances of bf16 and f16 are twice what the plain methods make at that type, and no more: the plain
 * methods are computed here, with every tensor that they store rounded, and go the way of an impl
 * through comparison and judgement.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "compare.h"
#include "elements.h"
#include "gradient_compare.h"
#include "labench/kit.h"
#include "plain.h"
#include "registry.h"

enum { SEED = 5 };

static void must(la_status st, const la_err *err)
{
    if (st != LA_OK) print_error("%s\n", err->msg);
    assert_int_equal(st, LA_OK);
}

/* One problem with its reference: what is right, in double. */
typedef struct question {
    const la_variant *variant;
    const la_impl *impl;
    la_problem p;
    void *opts;
    la_inputs in;
    la_gradients g;
    la_doubles wide, want_grads, grads;
    double *dout, *want, *o;
} question;

static void open_question(question *a, const char *name, const int64_t shape[3], la_mask mask,
                          la_input_kind kind, la_dtype dtype, uint64_t seed)
{
    int64_t T = shape[0], dk = shape[1], dv = shape[2];
    la_err err = {0};
    *a = (question){.variant = la_registry_find(name)};
    const la_variant *v = a->variant;
    assert_non_null(v);
    a->impl = &v->impls[0];
    a->p = (la_problem){.B = 1, .T = T, .Tcap = T, .H = 1, .Hkv = 1, .Hqk = 1, .threads = 1};
    a->p.dk = dk, a->p.dv = dv, a->p.mask = mask, a->p.dtype = dtype;
    const la_problem *p = &a->p;
    a->opts = la_zalloc(v->options_size + 8, NULL);
    la_options_default(v->options, v->options_len, a->opts);
    int64_t n = T * dv;
    a->want = la_zalloc((size_t)n * sizeof(double), NULL);
    a->o = la_zalloc((size_t)n * sizeof(double), NULL);
    must(la_inputs_draw(v, p, a->opts, kind, seed, &a->in, &err), &err);
    must(la_doubles_of(v, a->opts, &a->in, false, &a->wide, &err), &err);
    must(la_doubles_forward(v, p, a->opts, &a->wide, a->want, NULL, &err), &err);
}

/* The question has gradients too. */
static void ask_gradients(question *a)
{
    const la_variant *v = a->variant;
    const la_problem *p = &a->p;
    int64_t n = p->T * p->dv;
    la_err err = {0};
    must(la_gradients_alloc(v, p, a->opts, false, &a->g, &err), &err);
    la_gradients_draw(&a->g, SEED);
    a->dout = la_zalloc((size_t)n * sizeof(double), NULL);
    la_elements_to_double(a->g.dout.data, p->dtype, 0, n, a->dout);
    must(la_doubles_alloc(v, p, a->opts, false, &a->want_grads, &err), &err);
    must(la_doubles_alloc(v, p, a->opts, false, &a->grads, &err), &err);
    must(la_doubles_backward(v, p, a->opts, &a->wide, a->dout, NULL, &a->want_grads, &err), &err);
}

static void close_question(question *a)
{
    la_inputs_release(&a->in);
    la_gradients_release(&a->g);
    la_doubles_release(&a->wide);
    la_doubles_release(&a->want_grads);
    la_doubles_release(&a->grads);
    la_free(a->opts);
    la_free(a->dout);
    la_free(a->want);
    la_free(a->o);
}

/* The plain method's answer, into a->o and, if gradients are asked, a->grads. */
static void answer(question *a, la_rounding *round)
{
    double scale = la_variant_scale(a->variant, &a->p);
    for (int i = 0; i < LA_T_COUNT; i++)
        if (a->grads.t[i]) memset(a->grads.t[i], 0, (size_t)a->grads.n[i] * sizeof(double));
    if (a->variant->family == LA_FAMILY_QUADRATIC)
        la_plain_softmax(&a->p, scale, &a->wide, a->dout, round, a->o, &a->grads);
    else
        la_plain_recurrence(a->variant, &a->p, scale, &a->wide, a->dout, round, a->o,
                            a->dout ? &a->grads : NULL);
}

static void same(const double *got, const double *want, int64_t n)
{
    la_error e;
    la_err err = {0};
    la_compare_doubles(got, want, n, n, &e);
    must(la_judge(&e, la_tolerance_float64(), &err), &err);
}

/* Without rounding the plain method is the reference. */
static void answers_right(question *a)
{
    answer(a, la_exactly);
    same(a->o, a->want, a->p.T * a->p.dv);
    for (int i = 0; i < LA_T_COUNT; i++)
        if (a->grads.t[i]) same(a->grads.t[i], a->want_grads.t[i], a->grads.n[i]);
}

static void keep_worst(la_tolerance *worst, const la_error *e)
{
    assert_int_equal(e->n_nonfinite, 0);
    worst->rel_rms = fmax(worst->rel_rms, e->rel_rms);
    worst->max_rel = fmax(worst->max_rel, e->max_rel);
}

/* With rounding: its errors as an impl's are measured. */
static void measure_output(question *a, la_tolerance *output)
{
    void *o = la_zalloc((size_t)(a->p.T * a->p.dv) * la_dtype_size(a->p.dtype), NULL);
    la_error e;
    answer(a, a->p.dtype == LA_F16 ? la_as_f16 : la_as_bf16);
    la_elements_from_double(a->o, a->p.T * a->p.dv, a->p.dtype, o);
    la_compare(a->variant, &a->p, o, NULL, 0, a->want, &e);
    keep_worst(output, &e);
    la_free(o);
}

static void measure(question *a, la_tolerance *output, la_tolerance *gradient)
{
    la_gradient_error each[LA_GRADIENTS_MOST];
    size_t n;
    measure_output(a, output);
    for (int i = 0; i < LA_T_COUNT; i++)
        if (a->grads.t[i])
            la_elements_from_double(a->grads.t[i], a->grads.n[i], la_tensor_dtype(&a->p, i),
                                    a->g.d[i].data);
    la_gradients_judge(a->variant, a->impl, a->opts, &a->in, &a->g, &a->want_grads, NULL, each, &n,
                       NULL);
    for (size_t i = 0; i < n; i++) keep_worst(gradient, &each[i].e);
}

static void at_most_twice(const char *what, la_tolerance allowed, la_tolerance plain)
{
    print_message("%s: plain %.3g / %.3g, allowed %.3g / %.3g\n", what, plain.rel_rms,
                  plain.max_rel, allowed.rel_rms, allowed.max_rel);
    assert_true(allowed.rel_rms > plain.rel_rms && allowed.rel_rms <= 2 * plain.rel_rms);
    assert_true(allowed.max_rel > plain.max_rel && allowed.max_rel <= 2 * plain.max_rel);
}

/* The inputs on which conformance judges outputs alone: resets and steps of one, keys that come again, in as
 * many rows as its shapes have.
 * `output` is the worst of them. */
static void stress(const char *name, la_dtype dtype, la_tolerance *output)
{
    static const int64_t shapes[][4] = {{300, 48, 80, 5}, {1000, 64, 64, 2}}; /* the last: heads */
    static const la_input_kind kinds[] = {LA_INPUTS_STRONG_DECAY, LA_INPUTS_NO_DECAY,
                                          LA_INPUTS_BETA_EDGES};
    for (size_t k = 0; k < LA_COUNT(kinds); k++)
        for (size_t s = 0; s < LA_COUNT(shapes); s++)
            for (int64_t head = 0; head < shapes[s][3]; head++) {
                question a;
                if (!la_input_kind_applies(la_registry_find(name), kinds[k])) continue;
                open_question(&a, name, shapes[s], LA_MASK_CAUSAL, kinds[k], dtype,
                              SEED + (uint64_t)head);
                measure_output(&a, output);
                close_question(&a);
            }
}

static void hold(const char *const *names, size_t n_names, bool both_masks, la_dtype dtype)
{
    /* Two tokens or more: with one, dq and dk of a softmax are what is left when all cancels. */
    static const int64_t shapes[][3] = {{7, 17, 3},    {63, 16, 64},    {65, 64, 17},
                                        {100, 16, 24}, {130, 128, 128}, {300, 48, 80}};
    la_tolerance output = {0}, gradient = {0};
    const la_variant *v = la_registry_find(names[0]);
    for (size_t i = 0; i < n_names; i++)
        for (size_t s = 0; s < LA_COUNT(shapes); s++)
            for (int mask = 0; mask <= both_masks; mask++) {
                question a;
                open_question(&a, names[i], shapes[s], (la_mask)mask, LA_INPUTS_DEFAULT, dtype,
                              SEED);
                ask_gradients(&a);
                answers_right(&a);
                measure(&a, &output, &gradient);
                close_question(&a);
            }
    at_most_twice("o", la_tolerance_of(v, &v->impls[0], dtype), output);
    at_most_twice("gradients", la_tolerance_gradient(v, &v->impls[0], dtype), gradient);
}

static void test_softmax(void **state)
{
    static const char *const names[] = {"softmax"};
    (void)state;
    hold(names, LA_COUNT(names), true, LA_BF16);
    hold(names, LA_COUNT(names), true, LA_F16);
}

static void test_recurrences(void **state)
{
    static const char *const names[] = {"gated_deltanet", "deltanet", "kda",  "gla",
                                        "retnet",         "mamba2",   "rwkv7"};
    const la_variant *v = la_registry_find(names[0]);
    (void)state;
    for (la_dtype dtype = LA_BF16; dtype <= LA_F16; dtype++) {
        hold(names, LA_COUNT(names), false, dtype);
        la_tolerance output = {0};
        for (size_t i = 0; i < LA_COUNT(names); i++) stress(names[i], dtype, &output);
        at_most_twice("o, stressed", la_tolerance_stressed(v, &v->impls[0], dtype), output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_recurrences),
    };
    la_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
