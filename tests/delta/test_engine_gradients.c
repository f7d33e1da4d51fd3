/* SPDX-License-Identifier: Apache-2.0
 * Gradients of every pair of the engine's two switches, in both forms, against a float64 loop: members
 * that no variant uses yet included.
 */
#include <math.h>
#include <string.h>

#include "delta_engine.h"
#include "fixture.h"

enum { Q, K, V, BETA, G, S0, KINDS }; /* what gradients are taken of */

typedef struct sample {
    const la_recurrence *m;
    la_problem p;
    double s;
    int64_t n[KINDS], heads, gates;
    float *x[KINDS], *dout, *dS_out, *got[KINDS];
    double *want[KINDS];
} sample;

static float *drawn(uint64_t stream, int64_t n)
{
    float *x = floats(n);
    la_random_fill_normal(stream, 0, x, n, 1);
    return x;
}

static sample new_sample(const la_recurrence *m, const la_problem *p, gate_kind decays)
{
    sample a = {.m = m, .p = *p, .heads = p->B * p->H};
    int64_t rows = p->T * a.heads, states = a.heads * p->dk * p->dv;
    a.s = m->default_scale != 0.0 ? m->default_scale : la_scale(p);
    a.gates = m->decay == LA_DECAY_CHANNEL ? p->dk : 1;
    const int64_t n[] = {rows * p->dk, rows * p->dk, rows * p->dv, rows, rows * a.gates, states};
    for (uint64_t i = 0; i < KINDS; i++) {
        a.n[i] = n[i];
        a.x[i] = drawn(i, n[i]);
        a.got[i] = drawn(20 + i, n[i]);
        a.want[i] = la_zalloc((size_t)n[i] * sizeof(double), NULL);
    }
    a.dout = drawn(10, rows * p->dv);
    a.dS_out = drawn(11, states);
    make_gates(a.x[G], n[G], decays);
    for (int64_t i = 0; i < rows; i++) {
        double norm = 0.0;
        float *k = a.x[K] + i * p->dk;
        for (int64_t r = 0; r < p->dk; r++) norm += (double)k[r] * (double)k[r];
        for (int64_t r = 0; r < p->dk; r++) k[r] /= (float)sqrt(norm);
        a.x[BETA][i] = 1.0f / (1.0f + expf(-a.x[BETA][i]));
    }
    return a;
}

static void release(sample *a)
{
    for (int i = 0; i < KINDS; i++) la_free(a->x[i]), la_free(a->got[i]), la_free(a->want[i]);
    la_free(a->dout);
    la_free(a->dS_out);
}

/* Row (b, t, h) of a tensor. */
static int64_t token(const sample *a, int64_t bh, int64_t t)
{
    return (bh / a->p.H * a->p.T + t) * a->p.H + bh % a->p.H;
}

static double decay_at(const sample *a, int64_t bh, int64_t t, int64_t r)
{
    int64_t at = token(a, bh, t);
    if (a->m->decay == LA_DECAY_FIXED) return exp(a->m->log_decay(bh % a->p.H));
    if (a->m->decay == LA_DECAY_HEAD) return exp((double)a->x[G][at]);
    if (a->m->decay == LA_DECAY_CHANNEL) return exp((double)a->x[G][at * a->p.dk + r]);
    return 1.0;
}

/* What S, before the token, holds under its key for column j once it has decayed. */
static double held(const sample *a, int64_t bh, int64_t t, int64_t j, const double *S)
{
    double sum = 0.0;
    if (a->m->write != LA_WRITE_DELTA) return sum;
    for (int64_t r = 0; r < a->p.dk; r++)
        sum += (double)a->x[K][token(a, bh, t) * a->p.dk + r] * decay_at(a, bh, t, r) *
               S[r * a->p.dv + j];
    return sum;
}

/* One head: the states of all tokens, then the gradients from the last. */
static void reference(sample *a, int64_t bh)
{
    int64_t T = a->p.T, dk = a->p.dk, dv = a->p.dv, size = dk * dv;
    double *S = la_zalloc((size_t)((T + 2) * size) * sizeof *S, NULL), *dS = S + (T + 1) * size;
    for (int64_t e = 0; e < size; e++) {
        S[e] = (double)a->x[S0][bh * size + e];
        dS[e] = (double)a->dS_out[bh * size + e];
    }
    for (int64_t t = 0; t < T; t++)
        for (int64_t j = 0; j < dv; j++) {
            int64_t at = token(a, bh, t);
            const double *from = S + t * size;
            double w = a->m->weighted ? (double)a->x[BETA][at] : 1.0;
            double u = w * ((double)a->x[V][at * dv + j] - held(a, bh, t, j, from));
            for (int64_t r = 0; r < dk; r++)
                S[(t + 1) * size + r * dv + j] =
                    decay_at(a, bh, t, r) * from[r * dv + j] + (double)a->x[K][at * dk + r] * u;
        }
    for (int64_t t = T; t-- > 0;)
        for (int64_t j = 0; j < dv; j++) {
            int64_t at = token(a, bh, t);
            const double *from = S + t * size;
            const float *q = a->x[Q] + at * dk, *k = a->x[K] + at * dk;
            double w = a->m->weighted ? (double)a->x[BETA][at] : 1.0, du = 0.0;
            double x = (double)a->x[V][at * dv + j] - held(a, bh, t, j, from);
            double dO = a->s * (double)a->dout[at * dv + j];
            for (int64_t r = 0; r < dk; r++) {
                a->want[Q][at * dk + r] += dO * S[(t + 1) * size + r * dv + j];
                dS[r * dv + j] += (double)q[r] * dO;
                du += (double)k[r] * dS[r * dv + j];
            }
            a->want[BETA][at] += du * x;
            a->want[V][at * dv + j] = w * du;
            double dheld = a->m->write == LA_WRITE_DELTA ? -w * du : 0.0;
            for (int64_t r = 0; r < dk; r++) {
                double decay = decay_at(a, bh, t, r), D = decay * from[r * dv + j];
                a->want[K][at * dk + r] += dS[r * dv + j] * w * x + dheld * D;
                double dD = dS[r * dv + j] + dheld * (double)k[r];
                a->want[G][a->gates == 1 ? at : at * dk + r] += dD * D;
                dS[r * dv + j] = decay * dD;
            }
        }
    for (int64_t e = 0; e < size; e++) a->want[S0][bh * size + e] = dS[e];
    la_free(S);
}

static void run(sample *a, la_delta_form how, int64_t chunk)
{
    const la_recurrence *m = a->m;
    la_device device;
    la_device_cpu(&device);
    la_delta_options opts = {.chunk = chunk};
    la_sizes sizes;
    la_buffer work, saved;
    void *self = NULL;
    float *o = floats(a->n[V]);
    assert_int_equal(la_delta_check(m, &a->p, LA_FWDBWD, &device, NULL), LA_OK);
    la_delta_sizes(m, how, &a->p, LA_FWDBWD, &opts, &sizes);
    assert_int_equal(la_buffer_init(&work, sizes.work, NULL), LA_OK);
    assert_int_equal(la_buffer_init(&saved, sizes.saved, NULL), LA_OK);
    la_buffer_poison(&work);
    la_buffer_poison(&saved);
    assert_int_equal(la_delta_create(m, how, &a->p, &opts, &device, &self, NULL), LA_OK);
    la_io io = {.q = a->x[Q],
                .k = a->x[K],
                .v = a->x[V],
                .beta = a->x[BETA],
                .g = a->x[G],
                .o = o,
                .state_in = a->x[S0],
                .work = work.data,
                .saved = saved.data};
    assert_int_equal(la_delta_forward(self, &io, NULL), LA_OK);
    la_buffer_poison(&work);
    la_grads grads = {.dout = a->dout,
                      .dstate_out = a->dS_out,
                      .dq = a->got[Q],
                      .dk = a->got[K],
                      .dv = a->got[V],
                      .dbeta = a->got[BETA],
                      .dg = a->got[G],
                      .dstate_in = a->got[S0]};
    assert_int_equal(la_delta_backward(self, &io, &grads, NULL), LA_OK);
    assert_true(la_buffer_intact(&work) && la_buffer_intact(&saved));
    la_buffer_release(&work);
    la_buffer_release(&saved);
    la_free(self);
    la_free(o);
}

static void compare(const sample *a, int kind)
{
    const la_variant *like = la_registry_find("deltanet");
    la_tolerance tolerance = la_tolerance_of(like, form(like, "cpu_chunk"), LA_F32);
    double error = 0.0, square = 0.0;
    for (int64_t i = 0; i < a->n[kind]; i++) {
        double d = (double)a->got[kind][i] - a->want[kind][i];
        /* Nothing crosses a reset but a share of e^-50 = 2e-22. */
        if (kind == G && a->x[G][i] == -50.0f && !(fabs(d) < 1e-18))
            fail_msg("%s, T %d: gate %d is a reset, and its gradient %g", a->m->name, (int)a->p.T,
                     (int)i, (double)a->got[kind][i]);
        error += d * d;
        square += a->want[kind][i] * a->want[kind][i];
    }
    if (!(sqrt(error) <= tolerance.rel_rms * sqrt(square)))
        fail_msg("%s, T %d dk %d dv %d: gradient %d is off by %.3g of its rms", a->m->name,
                 (int)a->p.T, (int)a->p.dk, (int)a->p.dv, kind, sqrt(error / square));
}

static void check_all(gate_kind decays)
{
    la_problem shapes[] = {problem(1, 70, 2, 16, 16), problem(2, 50, 1, 5, 21),
                           problem(1, 131, 2, 24, 40), problem(1, 9, 1, 40, 8),
                           problem(1, 200, 1, 20, 50)};
    shapes[2].threads = 5, shapes[4].threads = 3; /* teams of 2 and 3 threads, and of 3 */
    for (size_t m = 0; m < every_pair_len; m++)
        for (size_t i = 0; i < LA_COUNT(shapes); i++) {
            if (decays != GATES_MILD && every_pair[m].decay < LA_DECAY_HEAD) continue;
            sample a = new_sample(&every_pair[m], &shapes[i], decays);
            for (int64_t bh = 0; bh < a.heads; bh++) reference(&a, bh);
            for (int f = 0; f < 2; f++) {
                run(&a, f ? LA_DELTA_CHUNK : LA_DELTA_RECURRENT, 16 + 24 * (int64_t)(i % 4));
                for (int kind = 0; kind < KINDS; kind++) {
                    bool has = kind == BETA ? every_pair[m].weighted
                               : kind == G  ? every_pair[m].decay >= LA_DECAY_HEAD
                                            : true;
                    if (has) compare(&a, kind);
                }
            }
            release(&a);
        }
}

static void test_gradients_of_every_pair_with_mild_decay(void **state)
{
    (void)state;
    check_all(GATES_MILD);
}

static void test_gradients_of_every_pair_with_resets_and_rest_among_mild_decay(void **state)
{
    (void)state;
    check_all(GATES_MIXED);
}

static void test_gradients_of_every_pair_with_a_reset_at_every_token(void **state)
{
    (void)state;
    check_all(GATES_RESETS);
}

static void test_gradients_of_every_pair_that_never_forgets(void **state)
{
    (void)state;
    check_all(GATES_AT_REST);
}

static void test_gradients_of_every_pair_with_resets_and_rest_side_by_side(void **state)
{
    (void)state;
    check_all(GATES_HALF);
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_of_every_pair_with_mild_decay),
        cmocka_unit_test(test_gradients_of_every_pair_with_resets_and_rest_among_mild_decay),
        cmocka_unit_test(test_gradients_of_every_pair_with_a_reset_at_every_token),
        cmocka_unit_test(test_gradients_of_every_pair_that_never_forgets),
        cmocka_unit_test(test_gradients_of_every_pair_with_resets_and_rest_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
