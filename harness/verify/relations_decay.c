/* SPDX-License-Identifier: Apache-2.0
 * Relations between recurrent members that differ by how they decay.
 */
#include <math.h>

#include "labench/kit.h"
#include "relations_kit.h"

enum { LENGTH = 150, DK = 24, DV = 40 };

static void fill(la_buffer *to, float value)
{
    float *x = to->data;
    for (size_t i = 0; x && i < to->bytes / sizeof *x; i++) x[i] = value;
}

/* Two settings of one shape and scale, the second with the first's q, k, v and beta. */
static la_status pair(const la_relation *r, const char *options, la_input_kind kind,
                      const la_device *device, la_setting_of *s, la_setting_of *t, la_err *err)
{
    la_problem p = la_relation_problem(LENGTH, DK, DV, LA_MASK_CAUSAL);
    p.scale = 0.3; /* mamba2 has a default of its own */
    *t = (la_setting_of){0};
    LA_TRY(la_setting_make(s, r->variants[0], &p, "", kind, device, err));
    LA_TRY(la_setting_make(t, r->variants[1], &p, options, kind, device, err));
    la_setting_copy_inputs(t, s);
    return LA_OK;
}

/* Every channel of a token decays as the head does; with mild decays, and with resets among them. A
 * member without beta takes the other's dt as 1. */
la_status la_relation_equal_channels(const la_relation *r, const la_device *device, la_err *err)
{
    static const la_input_kind kinds[] = {LA_INPUTS_DEFAULT, LA_INPUTS_STRONG_DECAY,
                                          LA_INPUTS_NO_DECAY};
    for (size_t i = 0; i < LA_COUNT(kinds); i++) {
        la_setting_of s, t;
        la_status st = pair(r, "", kinds[i], device, &s, &t, err);
        if (st == LA_OK) {
            const float *head = t.in.t[LA_T_G].data;
            float *channel = s.in.t[LA_T_G].data;
            int64_t n = t.p.B * t.p.T * t.p.H;
            for (int64_t e = 0; e < n * DK; e++) channel[e] = head[e / DK];
            if (!s.in.t[LA_T_BETA].data) fill(&t.in.t[LA_T_BETA], 1.0f);
            st = la_relation_equal(&s, &t, err);
        }
        la_setting_release(&s);
        la_setting_release(&t);
        LA_TRY(st);
    }
    return LA_OK;
}

/* No decay at all: the plain sum of linear attention without map and denominator. */
la_status la_relation_channels_at_rest(const la_relation *r, const la_device *device, la_err *err)
{
    la_setting_of s, t;
    la_status st = pair(r, "map=identity normalize=0", LA_INPUTS_NO_DECAY, device, &s, &t, err);
    if (st == LA_OK) {
        fill(&s.in.t[LA_T_BETA], 1.0f);
        st = la_relation_equal(&s, &t, err);
    }
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}

/* g_t = log(1 - 2^{-5-h}) at every token and channel: the second member is then the first. */
la_status la_relation_fixed_decay(const la_relation *r, const la_device *device, la_err *err)
{
    la_setting_of s, t;
    la_status st = pair(r, "", LA_INPUTS_DEFAULT, device, &s, &t, err);
    if (st == LA_OK) {
        float *g = t.in.t[LA_T_G].data;
        int64_t n = (int64_t)(t.in.t[LA_T_G].bytes / sizeof *g), rows = t.p.B * t.p.T * t.p.H;
        for (int64_t e = 0; e < n; e++)
            g[e] = (float)log1p(-pow(2.0, -5.0 - (double)(e / (n / rows) % t.p.H)));
        fill(&t.in.t[LA_T_BETA], 1.0f);
        /* A g of float32 is off by up to 2^-25 of itself: more than what float64 forms are held to. */
        st = la_relation_equal_kernels(&s, &t, err);
    }
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}

/* The second (rwkv7) removes and writes under the first's (kda's) key. */
static void take_key(la_setting_of *t, const la_setting_of *s)
{
    const float *k = s->in.t[LA_T_K].data, *g = s->in.t[LA_T_G].data;
    const float *beta = s->in.t[LA_T_BETA].data;
    float *a = t->in.t[LA_T_A].data, *b = t->in.t[LA_T_B].data, *key = t->in.t[LA_T_K].data;
    for (int64_t e = 0; e < t->p.B * t->p.T * t->p.H * DK; e++) {
        a[e] = (float)(-exp((double)g[e]) * (double)k[e]);
        b[e] = key[e] = beta[e / DK] * k[e];
    }
}

/* Decays of -50 and 0 and beta of 1/2 and 1: then nothing that take_key makes is rounded visibly. */
static void only_round_numbers(la_setting_of *s)
{
    float *g = s->in.t[LA_T_G].data, *beta = s->in.t[LA_T_BETA].data;
    for (int64_t e = 0; e < s->p.B * s->p.T * s->p.H * DK; e++) {
        g[e] = g[e] < -0.5f ? -50.0f : 0.0f;
        if (e % DK == 0) beta[e / DK] = beta[e / DK] < 0.5f ? 0.5f : 1.0f;
    }
}

la_status la_relation_one_key(const la_relation *r, const la_device *device, la_err *err)
{
    static const la_input_kind kinds[] = {LA_INPUTS_DEFAULT, LA_INPUTS_STRONG_DECAY,
                                          LA_INPUTS_NO_DECAY, LA_INPUTS_DEFAULT};
    for (size_t i = 0; i < LA_COUNT(kinds); i++) {
        la_setting_of s, t;
        bool exact = i + 1 == LA_COUNT(kinds);
        la_status st = pair(r, "", kinds[i], device, &s, &t, err);
        if (st == LA_OK) {
            if (exact) only_round_numbers(&s);
            la_setting_copy_inputs(&t, &s);
            take_key(&t, &s);
            st = exact ? la_relation_equal(&s, &t, err) : la_relation_equal_kernels(&s, &t, err);
        }
        la_setting_release(&s);
        la_setting_release(&t);
        LA_TRY(st);
    }
    return LA_OK;
}

/* Nothing is read under a: b writes nothing, whatever it is. */
la_status la_relation_no_removal(const la_relation *r, const la_device *device, la_err *err)
{
    la_setting_of s, t;
    la_status st = pair(r, "", LA_INPUTS_DEFAULT, device, &s, &t, err);
    if (st == LA_OK) {
        fill(&t.in.t[LA_T_A], 0.0f);
        st = la_relation_equal(&s, &t, err);
    }
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}
