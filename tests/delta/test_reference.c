/* SPDX-License-Identifier: Apache-2.0
 * The float64 gradients of the delta references against central differences of their forward.
 */
#include <math.h>
#include <string.h>

#include "fixture.h"

enum { MOST = 512, NAMES = 7 };

/* One head with everything a gradient can be taken of, in this order; what is not an input stays. */
enum { Q, K, VALUES, BETA, G, STATE, AFTER };

typedef struct sample {
    la_problem p;
    double x[NAMES][MOST]; /* inputs, the state before, and the gradient of the state after */
    double dout[MOST];
    int64_t n[NAMES];
} sample;

static void draw(double *to, uint64_t stream)
{
    for (uint64_t i = 0; i < MOST; i++) to[i] = la_random_normal(la_stream(11, stream, 0), i);
}

/* beta in (0, 2) with both ends among them; g with hard resets and no decay among mild ones. */
static void set_up(sample *s, int64_t gates, int64_t T, int64_t dk, int64_t dv)
{
    s->p = problem(1, T, 1, dk, dv);
    const int64_t n[NAMES] = {T * dk, T * dk, T * dv, T, T * gates, dk * dv, dk * dv};
    memcpy(s->n, n, sizeof n);
    for (uint64_t i = 0; i < NAMES; i++) {
        assert_true(n[i] <= MOST);
        draw(s->x[i], i);
    }
    draw(s->dout, NAMES);
    for (int64_t t = 0; t < T; t++) {
        double *k = s->x[K] + t * dk, norm = 0.0;
        for (int64_t i = 0; i < dk; i++) norm += k[i] * k[i];
        for (int64_t i = 0; i < dk; i++) k[i] /= sqrt(norm);
        s->x[BETA][t] = t % 4 == 1 ? 0.0 : t % 4 == 2 ? 2.0 : 1.0 / (1.0 + exp(-s->x[BETA][t]));
    }
    for (int64_t i = 0; i < n[G]; i++)
        s->x[G][i] = i % 5 == 3 ? -50.0 : i % 5 == 1 ? -1e-3 : -exp(s->x[G][i] - 2.0);
}

/* sum of dout o, and of what comes in from the state after: the function whose gradient is wanted. */
static double value(const la_reference *reference, sample *s)
{
    double o[MOST], after[MOST], sum = 0.0;
    const double *state_in[] = {s->x[STATE]};
    double *state_out[] = {after};
    la_ref_io io = {.q = s->x[Q],
                    .k = s->x[K],
                    .v = s->x[VALUES],
                    .beta = s->x[BETA],
                    .g = s->x[G],
                    .n_rows = s->p.T,
                    .o = o,
                    .state_in = state_in,
                    .state_out = state_out};
    assert_int_equal(reference->forward(&s->p, NULL, &io, NULL), LA_OK);
    for (int64_t i = 0; i < s->p.T * s->p.dv; i++) sum += s->dout[i] * o[i];
    for (int64_t i = 0; i < s->n[AFTER]; i++) sum += s->x[AFTER][i] * after[i];
    return sum;
}

/* All gradients, or those of `only` (-1: all); the others are left as they are. */
static void gradients(const la_reference *reference, sample *s, int only, double d[NAMES][MOST])
{
    const double *state_in[] = {s->x[STATE]}, *dstate_out[] = {s->x[AFTER]};
    double *dstate_in[] = {d[STATE]}, *to[NAMES];
    for (int i = 0; i < NAMES; i++) to[i] = only < 0 || only == i ? d[i] : NULL;
    la_ref_io io = {.q = s->x[Q],
                    .k = s->x[K],
                    .v = s->x[VALUES],
                    .beta = s->x[BETA],
                    .g = s->x[G],
                    .n_rows = s->p.T,
                    .state_in = state_in};
    la_ref_grads grads = {.dout = s->dout,
                          .dstate_out = dstate_out,
                          .dq = to[Q],
                          .dk = to[K],
                          .dv = to[VALUES],
                          .dbeta = to[BETA],
                          .dg = to[G],
                          .dstate_in = to[STATE] ? dstate_in : NULL};
    assert_int_equal(reference->backward(&s->p, NULL, &io, &grads, NULL), LA_OK);
}

static void check(const char *name, int64_t T, int64_t dk, int64_t dv, double scale)
{
    static sample s;
    static double d[NAMES][MOST];
    const la_variant *v = la_registry_find(name);
    const la_reference *reference = la_variant_reference(v);
    bool channels = v->inputs & LA_IN_GATE_CHANNEL, gated = channels || v->inputs & LA_IN_GATE_HEAD;
    bool weighted = v->inputs & (LA_IN_BETA | LA_IN_DT);
    const double h = 1e-5;
    set_up(&s, channels ? dk : 1, T, dk, dv);
    s.p.scale = scale;
    for (int which = 0; which < NAMES; which++)
        for (int i = 0; i < MOST; i++) d[which][i] = NAN;
    gradients(reference, &s, -1, d);
    for (int which = Q; which <= STATE; which++)
        for (int64_t i = 0; i < s.n[which]; i++) {
            if ((which == G && !gated) || (which == BETA && !weighted)) break;
            double at = s.x[which][i];
            s.x[which][i] = at + h;
            double up = value(reference, &s);
            s.x[which][i] = at - h;
            double want = (up - value(reference, &s)) / (2.0 * h), got = d[which][i];
            s.x[which][i] = at;
            if (!(fabs(got - want) <= 1e-6 * (1.0 + fabs(want))))
                fail_msg("%s T %d: gradient %d, element %d: %.12g, not %.12g", name, (int)T, which,
                         (int)i, got, want);
        }
}

static void test_gradients_are_central_differences(void **state)
{
    (void)state;
    const char *const names[] = {"deltanet", "gated_deltanet", "retnet", "mamba2", "gla", "kda"};
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        check(names[n], 1, 3, 2, 0.0);
        check(names[n], 12, 5, 7, 0.0);
        check(names[n], 20, 8, 4, 1.0);
        check(names[n], 75, 4, 5, -0.7); /* states are kept every 32 tokens */
    }
}

static void test_unwanted_gradients_do_not_change_the_others(void **state)
{
    (void)state;
    static sample s;
    static double all[NAMES][MOST], one[NAMES][MOST];
    const la_reference *reference = la_variant_reference(la_registry_find("gated_deltanet"));
    set_up(&s, 1, 40, 4, 3);
    gradients(reference, &s, -1, all);
    for (int which = Q; which <= STATE; which++) {
        gradients(reference, &s, which, one);
        assert_memory_equal(one[which], all[which], (size_t)s.n[which] * sizeof(double));
    }
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_are_central_differences),
        cmocka_unit_test(test_unwanted_gradients_do_not_change_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
