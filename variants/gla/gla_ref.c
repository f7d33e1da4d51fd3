/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: S_t = Diag(exp g_t) S_{t-1} + k_t v_t'.
 */
#include <math.h>

#include "delta_ref.h"
#include "labench/kit.h"
#include "labench/wide.h"

extern const la_reference la_gla_reference;

LA_WIDE static void step(const la_problem *p, const la_ref_io *io, int64_t t, double *S,
                         double *held)
{
    (void)held;
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv, *g = io->g + t * dk;
    for (int64_t i = 0; i < dk; i++) {
        double decay = exp(g[i]);
        for (int64_t j = 0; j < dv; j++) S[i * dv + j] = decay * S[i * dv + j] + k[i] * v[j];
    }
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts;
    return la_ref_recurrence(p, la_scale(p), io, step, err);
}

/* Row i of S decays by exp(g_i): its gradient goes to S with that factor and to g_i with the row. */
LA_WIDE static void step_back(const la_problem *p, const la_ref_io *io, int64_t t, const double *S,
                              double *dS, const la_ref_token_grads *grads)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv, *g = io->g + t * dk;
    for (int64_t j = 0; j < dv; j++) grads->dv[j] = 0.0;
    for (int64_t i = 0; i < dk; i++) {
        double decay = exp(g[i]);
        grads->dk[i] = grads->dg[i] = 0.0;
        for (int64_t j = 0; j < dv; j++) {
            grads->dv[j] += k[i] * dS[i * dv + j];
            grads->dk[i] += dS[i * dv + j] * v[j];
            grads->dg[i] += dS[i * dv + j] * decay * S[i * dv + j];
            dS[i * dv + j] *= decay;
        }
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    (void)opts;
    return la_ref_recurrence_backward(p, p->dk, la_scale(p), io, grads, step, step_back, err);
}

const la_reference la_gla_reference = {.forward = forward, .backward = backward};
