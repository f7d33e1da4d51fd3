/* SPDX-License-Identifier: Apache-2.0 */
#include "delta_ref.h"

#include <string.h>

#include "labench/kit.h"
#include "labench/wide.h"

LA_WIDE void la_ref_lookup(const la_problem *p, const double *x, const double *S, double *held)
{
    for (int64_t j = 0; j < p->dv; j++) held[j] = 0.0;
    for (int64_t i = 0; i < p->dk; i++)
        for (int64_t j = 0; j < p->dv; j++) held[j] += x[i] * S[i * p->dv + j];
}

la_status la_ref_recurrence(const la_problem *p, double s, const la_ref_io *io, la_ref_step *step,
                            la_err *err)
{
    int64_t dk = p->dk, dv = p->dv;
    size_t bytes = (size_t)(dk * dv) * sizeof(double);
    double *S = la_zalloc(bytes + (size_t)dv * sizeof(double), err);
    if (!S) return LA_E_NOMEM;
    double *held = S + dk * dv;
    if (io->state_in) memcpy(S, io->state_in[0], bytes);
    for (int64_t t = 0, r = 0; t < p->T; t++) {
        step(p, io, t, S, held);
        if (r == io->n_rows || (io->rows && io->rows[r] != t)) continue;
        double *o = io->o + r++ * dv;
        for (int64_t j = 0; j < dv; j++) {
            o[j] = 0.0;
            for (int64_t i = 0; i < dk; i++) o[j] += S[i * dv + j] * s * io->q[t * dk + i];
        }
    }
    if (io->state_out) memcpy(io->state_out[0], S, bytes);
    la_free(S);
    return LA_OK;
}

/* Tokens between kept states. */
#define SEGMENT 32

/* Everything a backward call allocates: states [T / SEGMENT] and [SEGMENT + 1] of dk dv, the gradient of
 * the state, and rows for gradients that are not wanted. */
typedef struct backward {
    double *kept, *inside, *dS, *dk, *dv, *channels, *held, *decay;
    double dbeta;
} backward;

static void release(backward *b)
{
    la_free(b->kept);
    la_free(b->inside);
    la_free(b->dS);
    la_free(b->dk);
    la_free(b->dv);
    la_free(b->channels);
    la_free(b->held);
    la_free(b->decay);
}

static la_status allocate(const la_problem *p, backward *b, la_err *err)
{
    size_t state = (size_t)(p->dk * p->dv) * sizeof(double);
    *b = (backward){0};
    if ((b->kept = la_zalloc((size_t)(p->T / SEGMENT + 1) * state, err)) &&
        (b->inside = la_zalloc((SEGMENT + 1) * state, err)) && (b->dS = la_zalloc(state, err)) &&
        (b->dk = la_zalloc((size_t)p->dk * sizeof(double), err)) &&
        (b->dv = la_zalloc((size_t)p->dv * sizeof(double), err)) &&
        (b->channels = la_zalloc((size_t)p->dk * sizeof(double), err)) &&
        (b->held = la_zalloc((size_t)p->dv * sizeof(double), err)) &&
        (b->decay = la_zalloc((size_t)p->dk * sizeof(double), err)))
        return LA_OK;
    release(b);
    return LA_E_NOMEM;
}

/* The state before each of tokens 0, SEGMENT, 2 SEGMENT, ... */
static void keep_states(const la_problem *p, const la_ref_io *io, la_ref_step *step, backward *b)
{
    size_t n = (size_t)(p->dk * p->dv), bytes = n * sizeof(double);
    double *S = b->inside;
    if (io->state_in) memcpy(S, io->state_in[0], bytes);
    for (int64_t t = 0; t < p->T; t++) {
        if (t % SEGMENT == 0) memcpy(b->kept + (size_t)(t / SEGMENT) * n, S, bytes);
        step(p, io, t, S, b->held);
    }
}

/* Token t, whose state before is S and after is S + dk dv. */
LA_WIDE static void token_back(const la_problem *p, int64_t gates, double s, const la_ref_io *io,
                               const la_ref_grads *grads, int64_t t, const double *S,
                               la_ref_step_back *back, backward *b)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *dout = grads->dout + t * dv, *q = io->q + t * dk, *after = S + dk * dv;
    for (int64_t i = 0; i < dk; i++) {
        double read = 0.0;
        for (int64_t j = 0; j < dv; j++) {
            read += after[i * dv + j] * dout[j];
            b->dS[i * dv + j] += s * q[i] * dout[j];
        }
        if (grads->dq) grads->dq[t * dk + i] = s * read;
    }
    la_ref_token_grads to = {.dk = grads->dk ? grads->dk + t * dk : b->dk,
                             .dv = grads->dv ? grads->dv + t * dv : b->dv,
                             .dbeta = grads->dbeta ? grads->dbeta + t : &b->dbeta,
                             .dg = grads->dg ? grads->dg + t * gates : b->channels,
                             .da = grads->da ? grads->da + t * dk : b->channels,
                             .db = grads->db ? grads->db + t * dk : b->channels,
                             .decay = b->decay};
    back(p, io, t, S, b->dS, &to);
}

la_status la_ref_recurrence_backward(const la_problem *p, int64_t gates, double s,
                                     const la_ref_io *io, const la_ref_grads *grads,
                                     la_ref_step *step, la_ref_step_back *back, la_err *err)
{
    size_t n = (size_t)(p->dk * p->dv), bytes = n * sizeof(double);
    backward b;
    LA_TRY(allocate(p, &b, err));
    keep_states(p, io, step, &b);
    if (grads->dstate_out) memcpy(b.dS, grads->dstate_out[0], bytes);
    for (int64_t t0 = (p->T - 1) / SEGMENT * SEGMENT; t0 >= 0; t0 -= SEGMENT) {
        int64_t t1 = t0 + SEGMENT < p->T ? t0 + SEGMENT : p->T;
        memcpy(b.inside, b.kept + (size_t)(t0 / SEGMENT) * n, bytes);
        for (int64_t t = t0; t < t1; t++) {
            double *S = b.inside + (size_t)(t - t0) * n;
            memcpy(S + n, S, bytes);
            step(p, io, t, S + n, b.held);
        }
        for (int64_t t = t1; t-- > t0;)
            token_back(p, gates, s, io, grads, t, b.inside + (size_t)(t - t0) * n, back, &b);
    }
    if (grads->dstate_in) memcpy(grads->dstate_in[0], b.dS, bytes);
    release(&b);
    return LA_OK;
}
