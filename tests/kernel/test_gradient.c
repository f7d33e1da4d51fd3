/* SPDX-License-Identifier: Apache-2.0
 * Gradients of linear and performer in float32 against the float64 reference, over awkward shapes, threads,
 * states and inputs.
 */
#include <math.h>
#include <string.h>

#include "kernel_test.h"

enum { DQ, DK, DV, DPARAM, DSTATE, KINDS };
static const char *const names[KINDS] = {"dq", "dk", "dv", "dW", "dstate"};

typedef struct gradients { /* of a whole problem, float32 and float64 */
    int64_t n[KINDS];
    float *got[KINDS];
    double *want[KINDS];
} gradients;

static void *zeros(int64_t n, size_t size)
{
    la_err err = {0};
    void *p = la_zalloc((size_t)(n + 1) * size, &err);
    assert_non_null(p);
    return p;
}

static float *normals(int64_t n, uint64_t stream)
{
    float *x = zeros(n, sizeof *x);
    la_random_fill_normal(stream, 0, x, n, 1);
    return x;
}

static void gradients_open(gradients *g, const subject *s)
{
    const la_problem *p = &s->p;
    int64_t tokens = p->B * p->T * p->H;
    *g = (gradients){.n = {tokens * p->dk, tokens * p->dk, tokens * p->dv}};
    for (size_t i = 0; i < s->in.n_params; i++) g->n[DPARAM] += la_param_elements(&s->in.params[i]);
    g->n[DSTATE] = (int64_t)(s->inst.state.bytes / sizeof(float));
    for (int i = 0; i < KINDS; i++) {
        g->got[i] = zeros(g->n[i], sizeof(float));
        g->want[i] = zeros(g->n[i], sizeof(double));
        for (int64_t e = 0; e < g->n[i]; e++)
            g->got[i][e] = NAN; /* all of it is to be overwritten */
    }
}

static void gradients_close(gradients *g)
{
    for (int i = 0; i < KINDS; i++) {
        la_free(g->got[i]);
        la_free(g->want[i]);
    }
}

/* Forward and backward; state_in and dstate_out may be NULL, and then no dstate_in is asked for. */
static void run(subject *s, const float *dout, const void *state_in, const void *dstate_out,
                gradients *g, float *o)
{
    la_err err = {0};
    la_instance_poison(&s->inst);
    la_io io = la_instance_io(&s->inst, &s->in);
    io.state_in = state_in;
    assert_int_equal(s->impl->forward(s->inst.self, &io, &err), LA_OK);
    for (size_t i = 0; i < s->inst.work.bytes / sizeof(float); i++)
        ((float *)s->inst.work.data)[i] = NAN;
    float *dparams[1] = {g->got[DPARAM]};
    la_grads grads = {.dout = dout,
                      .dstate_out = dstate_out,
                      .dq = g->got[DQ],
                      .dk = g->got[DK],
                      .dv = g->got[DV],
                      .dstate_in = dstate_out ? g->got[DSTATE] : NULL,
                      .dparams = g->n[DPARAM] ? dparams : NULL};
    assert_int_equal(s->impl->backward(s->inst.self, &io, &grads, &err), LA_OK);
    assert_int_equal(la_instance_guards(&s->inst, &err), LA_OK);
    if (o) memcpy(o, s->inst.o.data, s->inst.o.bytes);
}

/* Rows of (b, h) out of [B,T,H,d] into doubles, and back. */
static void cut_out(const la_problem *p, const float *x, int64_t i, int64_t d, double *to)
{
    for (int64_t t = 0; t < p->T; t++)
        for (int64_t c = 0; c < d; c++)
            to[t * d + c] = (double)x[((i / p->H * p->T + t) * p->H + i % p->H) * d + c];
}

static void put_back(const la_problem *p, const double *x, int64_t i, int64_t d, double *to)
{
    for (int64_t t = 0; t < p->T; t++)
        memcpy(to + ((i / p->H * p->T + t) * p->H + i % p->H) * d, x + t * d,
               (size_t)d * sizeof *to);
}

static void reference(subject *s, const float *dout, gradients *g)
{
    const la_problem *p = &s->p;
    la_err err = {0};
    int64_t nk = p->T * p->dk, nv = p->T * p->dv;
    double *x = zeros(4 * nk + 3 * nv, sizeof *x), *W = zeros(g->n[DPARAM], sizeof *W);
    double *q = x, *k = q + nk, *dq = k + nk, *dk = dq + nk, *v = dk + nk, *dv = v + nv;
    double *dout_of = dv + nv;
    for (int64_t i = 0; i < g->n[DPARAM]; i++) W[i] = (double)s->in.param_ptr[0][i];
    const double *params[1] = {W};
    double *dparams[1] = {g->want[DPARAM]};
    for (int64_t i = 0; i < p->B * p->H; i++) {
        cut_out(p, subject_tensor(s, LA_T_Q), i, p->dk, q);
        cut_out(p, subject_tensor(s, LA_T_K), i, p->dk, k);
        cut_out(p, subject_tensor(s, LA_T_V), i, p->dv, v);
        cut_out(p, dout, i, p->dv, dout_of);
        la_ref_io io = {.head = i % p->H, .q = q, .k = k, .v = v, .params = params, .n_rows = p->T};
        la_ref_grads grads = {.dout = dout_of, .dq = dq, .dk = dk, .dv = dv, .dparams = dparams};
        if (g->n[DPARAM] == 0) grads.dparams = NULL;
        assert_int_equal(s->variant->reference->backward(p, s->opts, &io, &grads, &err), LA_OK);
        put_back(p, dq, i, p->dk, g->want[DQ]);
        put_back(p, dk, i, p->dk, g->want[DK]);
        put_back(p, dv, i, p->dv, g->want[DV]);
    }
    la_free(x);
    la_free(W);
}

static double rms(const double *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    return n ? sqrt(sum / (double)n) : 0.0;
}

/* RMS of the difference over that of the reference. A gradient may vanish by cancellation (one token's
 * output does not depend on q and k): then a hundredth of the largest is what counts. */
static double off_by(const gradients *g, int kind)
{
    int64_t n = g->n[kind];
    double off = 0.0, scale = rms(g->want[kind], n);
    for (int i = 0; i < DSTATE; i++) scale = fmax(scale, 0.01 * rms(g->want[i], g->n[i]));
    for (int64_t i = 0; i < n; i++) {
        double d = (double)g->got[kind][i] - g->want[kind][i];
        off += d * d;
    }
    return n ? sqrt(off / (double)n) / scale : 0.0;
}

static void agrees(const char *variant, const char *set, la_problem p, la_input_kind kind)
{
    subject s;
    gradients g;
    subject_open_training(&s, variant, "cpu_chunk", p, set, kind);
    gradients_open(&g, &s);
    float *dout = normals(g.n[DV], 11);
    run(&s, dout, NULL, NULL, &g, NULL);
    reference(&s, dout, &g);
    double bound = la_tolerance_of(s.variant, s.impl, LA_F32).rel_rms * 10;
    for (int i = 0; i < DSTATE; i++) {
        double off = off_by(&g, i);
        if (!(off <= bound))
            print_error("%s %s %s: off by %g (B %d T %d H %d dk %d dv %d %s)\n", variant, set,
                        names[i], off, (int)p.B, (int)p.T, (int)p.H, (int)p.dk, (int)p.dv,
                        la_mask_name(p.mask));
        assert_true(off <= bound);
    }
    la_free(dout);
    gradients_close(&g);
    subject_close(&s);
}

typedef struct shape {
    int64_t B, T, H, dk, dv;
    int threads;
} shape;

static const shape shapes[] = {
    {1, 1, 1, 1, 1, 1},     {2, 1, 3, 5, 7, 2},     {1, 17, 2, 16, 16, 2},
    {2, 64, 1, 8, 24, 1},   {1, 65, 1, 3, 5, 3},    {3, 127, 2, 20, 9, 2},
    {1, 200, 2, 33, 65, 2}, {1, 333, 1, 64, 64, 2}, {2, 130, 2, 32, 32, 1},
};

static void over_shapes(const char *variant, const char *set, la_input_kind kind)
{
    for (size_t i = 0; i < LA_COUNT(shapes); i++)
        for (int mask = LA_MASK_CAUSAL; mask <= LA_MASK_BIDIRECTIONAL; mask++) {
            const shape *x = &shapes[i];
            agrees(variant, set,
                   problem_of(x->B, x->T, x->H, x->dk, x->dv, (la_mask)mask, x->threads), kind);
        }
}

static void test_linear_gradients_agree_with_the_reference(void **state)
{
    (void)state;
    over_shapes("linear", "", LA_INPUTS_DEFAULT);
    over_shapes("linear", "normalize=0", LA_INPUTS_DEFAULT);
    over_shapes("linear", "map=identity,normalize=0", LA_INPUTS_WIDE);
}

/* eps where a divisor may be nearly 0, which makes some gradients huge and hang on the last bits. */
static void test_gradients_of_maps_agree_with_the_reference(void **state)
{
    (void)state;
    const char *const sets[] = {
        "map=relu,eps=0.5",           "map=relu,normalize=0", "map=taylor2",
        "map=taylor2,normalize=0",    "map=dpfp,eps=0.5",     "map=dpfp,nu=2,normalize=0",
        "map=dpfp,nu=16,normalize=0", "map=hedgehog",         "map=hedgehog,normalize=0"};
    for (size_t i = 0; i < LA_COUNT(sets); i++) over_shapes("linear", sets[i], LA_INPUTS_DEFAULT);
}

static void test_performer_gradients_agree_with_the_reference(void **state)
{
    (void)state;
    over_shapes("performer", "", LA_INPUTS_DEFAULT);
    over_shapes("performer", "features=13", LA_INPUTS_WIDE);
    over_shapes("performer", "", LA_INPUTS_WIDE);
}

static void test_gradients_of_performer_kernels_agree_with_the_reference(void **state)
{
    (void)state;
    over_shapes("performer", "kernel=hyperbolic", LA_INPUTS_DEFAULT);
    over_shapes("performer", "kernel=hyperbolic,features=13", LA_INPUTS_WIDE);
    over_shapes("performer", "kernel=relu", LA_INPUTS_DEFAULT);
    over_shapes("performer", "kernel=relu,features=13", LA_INPUTS_WIDE);
    /* Short rows and many features: what trig estimates is then positive, and the quotient steady. */
    for (size_t i = 0; i < LA_COUNT(shapes); i++)
        for (int mask = LA_MASK_CAUSAL; mask <= LA_MASK_BIDIRECTIONAL; mask++) {
            const shape *x = &shapes[i];
            la_problem p = problem_of(x->B, x->T, x->H, x->dk, x->dv, (la_mask)mask, x->threads);
            p.scale = 0.5 / (double)x->dk;
            agrees("performer", "kernel=trig,features=120", p, LA_INPUTS_DEFAULT);
        }
}

/* Exponents that climb by 40 every few tokens: chunks must be cut, some down to one token. */
static void test_performer_gradients_survive_leaping_exponents(void **state)
{
    (void)state;
    enum { T = 100, D = 4 };
    subject s;
    gradients g;
    subject_open_training(&s, "performer", "cpu_chunk",
                          problem_of(1, T, 1, D, D, LA_MASK_CAUSAL, 1), "features=8",
                          LA_INPUTS_DEFAULT);
    gradients_open(&g, &s);
    float *k = subject_tensor(&s, LA_T_K), *dout = normals(g.n[DV], 12);
    for (int t = 0; t < T; t++) /* |k| falls from 20 to 0.1, and -|y|^2/2 climbs by 100 */
        for (int c = 0; c < D; c++) k[t * D + c] *= 20.0f * (1.0f - (float)t / (T + 1));
    run(&s, dout, NULL, NULL, &g, NULL);
    reference(&s, dout, &g);
    for (int i = 0; i < DSTATE; i++) {
        double off = off_by(&g, i);
        if (!(off <= 1e-3)) print_error("%s: off by %g\n", names[i], off);
        assert_true(off <= 1e-3);
    }
    la_free(dout);
    gradients_close(&g);
    subject_close(&s);
}

/* Cutting: the gradients of a whole sequence are those of its two pieces, the state handed over forwards
 * and its gradient backwards. */
static void pieces_make_the_whole(const char *set, la_mask mask_of_tokens, int64_t first)
{
    enum { T = 150, D = 12, E = 7 };
    subject whole, one, two;
    gradients g, g1, g2;
    subject_open_training(&whole, "linear", "cpu_chunk",
                          problem_of(1, T, 1, D, E, mask_of_tokens, 1), set, LA_INPUTS_DEFAULT);
    subject_open_training(&one, "linear", "cpu_chunk",
                          problem_of(1, first, 1, D, E, mask_of_tokens, 1), set, LA_INPUTS_DEFAULT);
    subject_open_training(&two, "linear", "cpu_chunk",
                          problem_of(1, T - first, 1, D, E, mask_of_tokens, 1), set,
                          LA_INPUTS_DEFAULT);
    gradients_open(&g, &whole), gradients_open(&g1, &one), gradients_open(&g2, &two);
    const int64_t d[3] = {D, D, E};
    for (int i = 0; i < 3; i++) {
        const float *from = subject_tensor(&whole, (la_tensor)i);
        memcpy(subject_tensor(&one, (la_tensor)i), from, (size_t)(first * d[i]) * sizeof(float));
        memcpy(subject_tensor(&two, (la_tensor)i), from + first * d[i],
               (size_t)((T - first) * d[i]) * sizeof(float));
    }
    float *dout = normals(g.n[DV], 13), *dstate_out = normals(g.n[DSTATE], 14);
    float *state_in = normals(g.n[DSTATE], 15), *between = zeros(g.n[DSTATE], sizeof(float));
    for (int64_t i = 0; i < g.n[DSTATE]; i++) state_in[i] = 1.0f + fabsf(state_in[i]);
    run(&whole, dout, state_in, dstate_out, &g, NULL);
    subject_run(&one, state_in, between);
    run(&two, dout + first * E, between, dstate_out, &g2, NULL);
    run(&one, dout, state_in, g2.got[DSTATE], &g1, NULL);
    for (int i = 0; i < 3; i++) {
        assert_true(distance(g1.got[i], g.got[i], g1.n[i]) < 1e-3);
        assert_true(distance(g2.got[i], g.got[i] + g1.n[i], g2.n[i]) < 1e-3);
    }
    int64_t S = D * E, z = (int64_t)(one.inst.part_offset[one.inst.n_parts - 1] / sizeof(float));
    assert_true(distance(g1.got[DSTATE], g.got[DSTATE], S) < 1e-3);
    if (z) assert_true(distance(g1.got[DSTATE] + z, g.got[DSTATE] + z, D) < 1e-3);
    la_free(dout), la_free(dstate_out), la_free(state_in), la_free(between);
    gradients_close(&g), gradients_close(&g1), gradients_close(&g2);
    subject_close(&whole), subject_close(&one), subject_close(&two);
}

static void test_linear_gradients_of_two_pieces_are_those_of_the_whole(void **state)
{
    (void)state;
    pieces_make_the_whole("", LA_MASK_CAUSAL, 64);
    pieces_make_the_whole("", LA_MASK_CAUSAL, 101);
    pieces_make_the_whole("normalize=0", LA_MASK_CAUSAL, 149);
    pieces_make_the_whole("map=identity,normalize=0", LA_MASK_CAUSAL, 1);
}

/* What is not asked for is not touched, and the rest keeps its bits; the same call gives the same bits. */
static void test_gradients_alone_are_those_together(void **state)
{
    (void)state;
    const char *const variants[] = {"linear", "performer"};
    for (size_t v = 0; v < LA_COUNT(variants); v++)
        for (int mask = LA_MASK_CAUSAL; mask <= LA_MASK_BIDIRECTIONAL; mask++) {
            subject s;
            gradients g, again;
            subject_open_training(&s, variants[v], "cpu_chunk",
                                  problem_of(2, 90, 2, 10, 6, (la_mask)mask, 2), "",
                                  LA_INPUTS_DEFAULT);
            gradients_open(&g, &s), gradients_open(&again, &s);
            float *dout = normals(g.n[DV], 16);
            run(&s, dout, NULL, NULL, &g, NULL);
            la_err err = {0};
            la_io io = la_instance_io(&s.inst, &s.in);
            float *dparams[1] = {again.got[DPARAM]};
            la_grads alone[] = {{.dout = dout, .dq = again.got[DQ]},
                                {.dout = dout, .dk = again.got[DK]},
                                {.dout = dout, .dv = again.got[DV]},
                                {.dout = dout, .dparams = dparams}};
            for (int i = 0; i < (g.n[DPARAM] ? 4 : 3); i++) {
                assert_int_equal(s.impl->backward(s.inst.self, &io, &alone[i], &err), LA_OK);
                assert_memory_equal(g.got[i], again.got[i], (size_t)g.n[i] * sizeof(float));
            }
            la_free(dout);
            gradients_close(&g), gradients_close(&again);
            subject_close(&s);
        }
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_gradients_agree_with_the_reference),
        cmocka_unit_test(test_gradients_of_maps_agree_with_the_reference),
        cmocka_unit_test(test_performer_gradients_agree_with_the_reference),
        cmocka_unit_test(test_gradients_of_performer_kernels_agree_with_the_reference),
        cmocka_unit_test(test_performer_gradients_survive_leaping_exponents),
        cmocka_unit_test(test_linear_gradients_of_two_pieces_are_those_of_the_whole),
        cmocka_unit_test(test_gradients_alone_are_those_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
