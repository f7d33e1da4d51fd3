/* SPDX-License-Identifier: Apache-2.0
 * The float64 gradients of linear and performer against central differences of their own forward, state
 * and parameters included.
 */
#include <math.h>
#include <string.h>

#include "kernel_test.h"

enum { T = 7, DK = 4, DV = 3, MAX = 2048 };

typedef struct small { /* one head: everything its loss depends on, and what weighs its outputs */
    const la_variant *variant;
    la_problem p;
    void *opts;
    double x[MAX];      /* q, k, v, parameters, state S, z */
    double weight[MAX]; /* of o, state_out S, z */
    int64_t params, state[2], n;
    bool with_state;
} small;

static void bind(const small *s, const double *x, la_ref_io *io, const double **params,
                 const double **state)
{
    *io = (la_ref_io){.q = x, .k = x + T * DK, .v = x + 2 * T * DK, .n_rows = T};
    params[0] = io->v + T * DV;
    state[0] = params[0] + s->params;
    state[1] = state[0] + s->state[0];
    io->params = params;
    if (s->with_state) io->state_in = state;
}

static double loss(const small *s, const double *x)
{
    la_err err = {0};
    la_ref_io io;
    const double *params[1], *state[2];
    double out[MAX], sum = 0.0;
    double *state_out[2] = {out + T * DV, out + T * DV + s->state[0]};
    bind(s, x, &io, params, state);
    io.o = out;
    if (s->with_state) io.state_out = state_out;
    assert_int_equal(s->variant->reference->forward(&s->p, s->opts, &io, &err), LA_OK);
    int64_t n = T * DV + (s->with_state ? s->state[0] + s->state[1] : 0);
    for (int64_t i = 0; i < n; i++) sum += s->weight[i] * out[i];
    return sum;
}

static void gradient(const small *s, double *g)
{
    la_err err = {0};
    la_ref_io io;
    const double *params[1], *state[2];
    const double *dstate_out[2] = {s->weight + T * DV, s->weight + T * DV + s->state[0]};
    bind(s, s->x, &io, params, state);
    double *dparams[1] = {g + (params[0] - s->x)};
    double *dstate_in[2] = {g + (state[0] - s->x), g + (state[1] - s->x)};
    la_ref_grads grads = {.dout = s->weight,
                          .dq = g,
                          .dk = g + T * DK,
                          .dv = g + 2 * T * DK,
                          .dparams = s->params ? dparams : NULL};
    if (s->with_state) grads.dstate_out = dstate_out, grads.dstate_in = dstate_in;
    memset(g, 0, MAX * sizeof *g);
    assert_int_equal(s->variant->reference->backward(&s->p, s->opts, &io, &grads, &err), LA_OK);
}

/* The fourth-order central difference of every element against the gradient. The step is short because
 * elu bends at 0. */
static void differences_agree(const char *variant, const char *set, la_mask mask, bool with_state,
                              double wide)
{
    subject from;
    small s = {.with_state = with_state};
    subject_open(&from, variant, "cpu_chunk", problem_of(1, T, 1, DK, DV, mask, 1), set,
                 LA_INPUTS_DEFAULT);
    s.variant = from.variant, s.p = from.p, s.opts = from.opts;
    for (size_t i = 0; i < from.in.n_params; i++) s.params += la_param_elements(&from.in.params[i]);
    for (size_t i = 0; with_state && i < from.inst.n_parts; i++)
        s.state[i] = la_part_elements(&from.inst.parts[i]);
    int64_t rows = 2 * T * DK + T * DV;
    s.n = rows + s.params + s.state[0] + s.state[1];
    assert_true(s.n <= MAX);
    for (int64_t i = 0; i < s.n; i++)
        s.x[i] = (i < 2 * T * DK ? wide : 1.0) * la_random_normal(1, (uint64_t)i);
    for (int64_t i = 0; i < s.state[1]; i++) /* a sum of weights that were positive */
        s.x[s.n - s.state[1] + i] = 1.0 + fabs(s.x[s.n - s.state[1] + i]);
    for (int64_t i = 0; i < MAX; i++) s.weight[i] = la_random_normal(2, (uint64_t)i);
    double g[MAX], worst = 0.0, square = 0.0;
    gradient(&s, g);
    for (int64_t i = 0; i < s.n; i++) {
        const double h = 1e-5, at = s.x[i], offset[4] = {-2 * h, -h, h, 2 * h};
        double f[4];
        for (int j = 0; j < 4; j++) {
            s.x[i] = at + offset[j];
            f[j] = loss(&s, s.x);
        }
        s.x[i] = at;
        double want = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h), off = fabs(g[i] - want);
        if (!(off <= worst)) worst = off;
        square += want * want;
    }
    double rms = sqrt(square / (double)s.n);
    if (!(worst <= 1e-6 * rms)) print_error("%s %s: off by %g of %g\n", variant, set, worst, rms);
    assert_true(worst <= 1e-6 * rms);
    subject_close(&from);
}

static void test_linear_reference_gradients_are_differences(void **state)
{
    (void)state;
    const char *const sets[] = {"",
                                "normalize=0",
                                "map=identity,normalize=0",
                                "eps=0.5",
                                "map=relu,eps=0.5",
                                "map=relu,normalize=0",
                                "map=taylor2",
                                "map=dpfp,eps=0.5",
                                "map=dpfp,nu=2,normalize=0",
                                "map=hedgehog"};
    for (size_t i = 0; i < LA_COUNT(sets); i++)
        for (int mask = LA_MASK_CAUSAL; mask <= LA_MASK_BIDIRECTIONAL; mask++)
            for (int with_state = 0; with_state < 2; with_state++)
                differences_agree("linear", sets[i], (la_mask)mask, with_state, 1.0);
}

static void test_performer_reference_gradients_are_differences(void **state)
{
    (void)state;
    for (int mask = LA_MASK_CAUSAL; mask <= LA_MASK_BIDIRECTIONAL; mask++) {
        differences_agree("performer", "", (la_mask)mask, false, 1.0);
        differences_agree("performer", "features=9", (la_mask)mask, false, 3.0);
        differences_agree("performer", "kernel=hyperbolic,features=9", (la_mask)mask, false, 2.0);
        differences_agree("performer", "kernel=trig,features=40", (la_mask)mask, false, 0.5);
        differences_agree("performer", "kernel=relu", (la_mask)mask, false, 1.0);
    }
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_reference_gradients_are_differences),
        cmocka_unit_test(test_performer_reference_gradients_are_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
