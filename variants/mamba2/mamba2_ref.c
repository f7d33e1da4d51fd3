/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: S_t = exp(g_t) S_{t-1} + dt_t k_t v_t', dt in the slot of beta.
 */
#include <math.h>

#include "delta_ref.h"
#include "labench/kit.h"
#include "labench/wide.h"

extern const la_reference la_mamba2_reference;

/* The paper reads with C as it is: s is 1 unless the problem names another. */
static double scale_of(const la_problem *p)
{
    return p->scale == 0.0 ? 1.0 : p->scale;
}

LA_WIDE static void step(const la_problem *p, const la_ref_io *io, int64_t t, double *S,
                         double *held)
{
    (void)held;
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    double decay = exp(io->g[t]), dt = io->beta[t];
    for (int64_t i = 0; i < dk; i++)
        for (int64_t j = 0; j < dv; j++) S[i * dv + j] = decay * S[i * dv + j] + dt * k[i] * v[j];
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts;
    return la_ref_recurrence(p, scale_of(p), io, step, err);
}

/* dt, k and v get the gradient of their product; g that of the decayed S. */
LA_WIDE static void step_back(const la_problem *p, const la_ref_io *io, int64_t t, const double *S,
                              double *dS, const la_ref_token_grads *grads)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    double decay = exp(io->g[t]), dt = io->beta[t];
    for (int64_t i = 0; i < dk; i++) grads->dk[i] = 0.0;
    *grads->dbeta = *grads->dg = 0.0;
    for (int64_t j = 0; j < dv; j++) {
        grads->dv[j] = 0.0;
        for (int64_t i = 0; i < dk; i++) {
            double d = dS[i * dv + j];
            grads->dv[j] += d * dt * k[i];
            grads->dk[i] += d * dt * v[j];
            *grads->dbeta += d * k[i] * v[j];
            *grads->dg += d * decay * S[i * dv + j];
            dS[i * dv + j] = decay * d;
        }
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    (void)opts;
    return la_ref_recurrence_backward(p, 1, scale_of(p), io, grads, step, step_back, err);
}

const la_reference la_mamba2_reference = {.forward = forward, .backward = backward};
