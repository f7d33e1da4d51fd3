/* SPDX-License-Identifier: Apache-2.0
 * What a linear model trained on the tokens is without its norm: the delta rule where every token is a
 * mini-batch, a sum over the past where all tokens are one. Its bias is one more channel of the keys,
 * which is always 1.
 */
#include <math.h>
#include <string.h>

#include "relations_kit.h"

enum { DK = 24, DV = 40, T = 150 };

/* Numbers of few digits: their products are exact in float32. */
static void round_all(la_buffer *t, float scale, float grid)
{
    float *x = t->data;
    for (size_t i = 0; i < t->bytes / sizeof *x; i++) x[i] = roundf(x[i] * scale * grid) / grid;
}

/* Rows [x, 1] of DK + 1 from rows x of DK. */
static void add_channel(const la_buffer *from, la_buffer *to)
{
    const float *x = from->data;
    float *y = to->data;
    int64_t rows = (int64_t)(from->bytes / sizeof *x) / DK;
    for (int64_t i = 0; i < rows; i++) {
        memcpy(y + i * (DK + 1), x + i * DK, DK * sizeof *y);
        y[i * (DK + 1) + DK] = 1.0f;
    }
}

/* The learner, from weights of 0, and the other variant over keys with one channel more. */
static la_status pair(const la_relation *r, const char *options, const char *other,
                      const la_device *device, la_setting_of *s, la_setting_of *t, la_err *err)
{
    la_problem p = la_relation_problem(T, DK, DV, LA_MASK_CAUSAL), q = p;
    q.dk = DK + 1;
    p.scale = q.scale = 1.0;
    *t = (la_setting_of){0};
    LA_TRY(la_setting_make(s, r->variants[0], &p, options, LA_INPUTS_DEFAULT, device, err));
    LA_TRY(la_setting_make(t, r->variants[1], &q, other, LA_INPUTS_DEFAULT, device, err));
    for (size_t i = 0; i < s->in.n_params; i++)
        memset(s->in.param[i].data, 0, s->in.param[i].bytes);
    round_all(&s->in.t[LA_T_K], 1.0f / sqrtf(DK), 1024.0f);
    round_all(&s->in.t[LA_T_V], 1.0f, 256.0f);
    round_all(&s->in.t[LA_T_BETA], 1.0f, 8.0f);
    add_channel(&s->in.t[LA_T_Q], &t->in.t[LA_T_Q]);
    add_channel(&s->in.t[LA_T_K], &t->in.t[LA_T_K]);
    memcpy(t->in.t[LA_T_V].data, s->in.t[LA_T_V].data, s->in.t[LA_T_V].bytes);
    return LA_OK;
}

la_status la_relation_steps_are_delta(const la_relation *r, const la_device *device, la_err *err)
{
    la_setting_of s, t;
    la_status st = pair(r, "norm=none mini_batch=1 rate=24", "", device, &s, &t, err);
    if (st == LA_OK) {
        memcpy(t.in.t[LA_T_BETA].data, s.in.t[LA_T_BETA].data, s.in.t[LA_T_BETA].bytes);
        st = la_relation_equal(&s, &t, err);
    }
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}

la_status la_relation_one_batch_is_a_sum(const la_relation *r, const la_device *device, la_err *err)
{
    la_setting_of s, t;
    la_status st = pair(r, "norm=none mini_batch=256 average=0 rate=24", "map=identity normalize=0",
                        device, &s, &t, err);
    if (st == LA_OK) {
        const float *beta = s.in.t[LA_T_BETA].data;
        float *v = t.in.t[LA_T_V].data;
        for (int64_t i = 0; i < la_setting_outputs(&s); i++) v[i] *= beta[i / DV];
        st = la_relation_equal(&s, &t, err);
    }
    la_setting_release(&s);
    la_setting_release(&t);
    return st;
}
