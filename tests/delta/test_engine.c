/* SPDX-License-Identifier: Apache-2.0
 * Every pair of the engine's two switches, in both forms, against a float64 loop: members that no
 * variant uses yet included.
 */
#include <math.h>
#include <string.h>

#include "delta_engine.h"
#include "fixture.h"

typedef struct tensors {
    float *q, *k, *v, *beta, *g, *S, *S_end, *o;
} tensors;

/* Decays of one token and head: dk of them, or the same for all channels. */
static double decay_at(const la_recurrence *m, const la_problem *p, const tensors *x, int64_t bth,
                       int64_t h, int64_t r)
{
    if (m->decay == LA_DECAY_FIXED) return exp(m->log_decay(h));
    if (m->decay == LA_DECAY_HEAD) return exp((double)x->g[bth]);
    if (m->decay == LA_DECAY_CHANNEL) return exp((double)x->g[bth * p->dk + r]);
    return 1.0;
}

/* The definition, S [dk,dv] of one head from x->S on; also leaves the last state. */
static void reference(const la_recurrence *m, const la_problem *p, double s, const tensors *x,
                      int64_t b, int64_t h, double *S, float *o)
{
    int64_t dk = p->dk, dv = p->dv;
    for (int64_t e = 0; e < dk * dv; e++) S[e] = (double)x->S[(b * p->H + h) * dk * dv + e];
    for (int64_t t = 0; t < p->T; t++) {
        int64_t bth = (b * p->T + t) * p->H + h;
        const float *q = x->q + bth * dk, *k = x->k + bth * dk, *v = x->v + bth * dv;
        double weight = m->weighted ? (double)x->beta[bth] : 1.0;
        for (int64_t j = 0; j < dv; j++) {
            double held = 0.0, read = 0.0;
            for (int64_t r = 0; r < dk; r++) {
                S[r * dv + j] *= decay_at(m, p, x, bth, h, r);
                held += (double)k[r] * S[r * dv + j];
            }
            double u = weight * ((double)v[j] - (m->write == LA_WRITE_DELTA ? held : 0.0));
            for (int64_t r = 0; r < dk; r++) {
                S[r * dv + j] += (double)k[r] * u;
                read += s * (double)q[r] * S[r * dv + j];
            }
            o[bth * dv + j] = (float)read;
        }
    }
}

static float *drawn(uint64_t stream, int64_t n)
{
    float *x = floats(n);
    la_random_fill_normal(stream, 0, x, n, 1);
    return x;
}

static void check_member(const la_recurrence *m, const la_problem *p, int64_t chunk,
                         gate_kind decays)
{
    int64_t rows = p->B * p->T * p->H, dk = p->dk, dv = p->dv, states = p->B * p->H * dk * dv;
    int64_t n_gates = m->decay == LA_DECAY_CHANNEL ? rows * dk : rows;
    tensors x = {drawn(1, rows * dk), drawn(2, rows * dk), drawn(3, rows * dv), drawn(4, rows),
                 drawn(5, n_gates),   drawn(6, states),    floats(states),      floats(rows * dv)};
    make_gates(x.g, n_gates, decays);
    for (int64_t i = 0; i < rows; i++) {
        double norm = 0.0;
        for (int64_t r = 0; r < dk; r++) norm += (double)x.k[i * dk + r] * (double)x.k[i * dk + r];
        for (int64_t r = 0; r < dk; r++) x.k[i * dk + r] /= (float)sqrt(norm);
        x.beta[i] = 1.0f / (1.0f + expf(-x.beta[i]));
    }
    double s = m->default_scale != 0.0 ? m->default_scale : la_scale(p);
    float *want = floats(rows * dv), *S_want = floats(states);
    double *S = la_alloc((size_t)(dk * dv) * sizeof *S, NULL);
    for (int64_t i = 0; i < p->B * p->H; i++) {
        reference(m, p, s, &x, i / p->H, i % p->H, S, want);
        for (int64_t e = 0; e < dk * dv; e++) S_want[i * dk * dv + e] = (float)S[e];
    }
    la_device device;
    la_device_cpu(&device);
    la_delta_options opts = {.chunk = chunk};
    const la_variant *like = la_registry_find("deltanet");
    for (int f = 0; f < 2; f++) {
        la_delta_form how = f ? LA_DELTA_CHUNK : LA_DELTA_RECURRENT;
        const la_impl *held_to = form(like, f ? "cpu_chunk" : "cpu_recurrent");
        la_sizes sizes;
        void *self = NULL;
        la_delta_sizes(m, how, p, LA_FORWARD, &opts, &sizes);
        la_buffer work;
        assert_int_equal(la_buffer_init(&work, sizes.work, NULL), LA_OK);
        la_buffer_poison(&work);
        assert_int_equal(la_delta_create(m, how, p, &opts, &device, &self, NULL), LA_OK);
        la_io io = {.q = x.q,
                    .k = x.k,
                    .v = x.v,
                    .beta = x.beta,
                    .g = x.g,
                    .o = x.o,
                    .state_in = x.S,
                    .state_out = x.S_end,
                    .work = work.data};
        assert_int_equal(la_delta_forward(self, &io, NULL), LA_OK);
        assert_true(la_buffer_intact(&work));
        la_buffer_release(&work);
        la_free(self);
        assert_close(like, held_to, p, x.o, want);
        la_problem as_rows = problem(p->B, dk, p->H, 1, dv); /* S [B,H,dk,dv] as [B,T,H,dv] */
        assert_close(like, held_to, &as_rows, x.S_end, S_want);
    }
    float *all[] = {x.q, x.k, x.v, x.beta, x.g, x.S, x.S_end, x.o, want, S_want};
    for (size_t i = 0; i < LA_COUNT(all); i++) la_free(all[i]);
    la_free(S);
}

static void check_all(gate_kind decays)
{
    const la_problem shapes[] = {problem(1, 70, 2, 16, 16), problem(2, 50, 1, 5, 21),
                                 problem(1, 33, 2, 24, 40)};
    for (size_t m = 0; m < every_pair_len; m++)
        for (size_t i = 0; i < LA_COUNT(shapes); i++) {
            if (decays != GATES_MILD && every_pair[m].decay < LA_DECAY_HEAD) continue;
            check_member(&every_pair[m], &shapes[i], 16, decays);
            check_member(&every_pair[m], &shapes[i], 40, decays);
            check_member(&every_pair[m], &shapes[i], 64, decays);
        }
}

static void test_every_pair_with_mild_decay(void **state)
{
    (void)state;
    check_all(GATES_MILD);
}

static void test_every_pair_with_resets_and_rest_among_mild_decay(void **state)
{
    (void)state;
    check_all(GATES_MIXED);
}

static void test_every_pair_with_a_reset_at_every_token(void **state)
{
    (void)state;
    check_all(GATES_RESETS);
}

static void test_every_pair_that_never_forgets(void **state)
{
    (void)state;
    check_all(GATES_AT_REST);
}

static void test_every_pair_with_resets_and_rest_side_by_side(void **state)
{
    (void)state;
    check_all(GATES_HALF);
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair_with_mild_decay),
        cmocka_unit_test(test_every_pair_with_resets_and_rest_among_mild_decay),
        cmocka_unit_test(test_every_pair_with_a_reset_at_every_token),
        cmocka_unit_test(test_every_pair_that_never_forgets),
        cmocka_unit_test(test_every_pair_with_resets_and_rest_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
