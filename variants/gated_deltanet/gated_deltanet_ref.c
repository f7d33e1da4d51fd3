/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: S_t = exp(g_t) (I - beta_t k_t k_t') S_{t-1} + beta_t k_t v_t'.
 */
#include <math.h>

#include "delta_ref.h"
#include "labench/kit.h"
#include "labench/wide.h"

extern const la_reference la_gated_deltanet_reference;

LA_WIDE static void step(const la_problem *p, const la_ref_io *io, int64_t t, double *S,
                         double *held)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    double decay = exp(io->g[t]);
    for (int64_t i = 0; i < dk * dv; i++) S[i] *= decay;
    la_ref_lookup(p, k, S, held);
    for (int64_t i = 0; i < dk; i++)
        for (int64_t j = 0; j < dv; j++) S[i * dv + j] += io->beta[t] * k[i] * (v[j] - held[j]);
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts;
    return la_ref_recurrence(p, la_scale(p), io, step, err);
}

/* With D = exp(g) S, u = beta (v - D'k) and S_t = D + k u': the gradient of u is dS' k, and u passes it
 * on to v, to beta, and through what was held to D and k; D passes its own on to S and g. */
LA_WIDE static void step_back(const la_problem *p, const la_ref_io *io, int64_t t, const double *S,
                              double *dS, const la_ref_token_grads *grads)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    double beta = io->beta[t], decay = exp(io->g[t]);
    for (int64_t i = 0; i < dk; i++) grads->dk[i] = 0.0;
    *grads->dbeta = *grads->dg = 0.0;
    for (int64_t j = 0; j < dv; j++) {
        double held = 0.0, du = 0.0;
        for (int64_t i = 0; i < dk; i++) {
            held += k[i] * decay * S[i * dv + j];
            du += k[i] * dS[i * dv + j];
        }
        *grads->dbeta += du * (v[j] - held);
        grads->dv[j] = beta * du;
        for (int64_t i = 0; i < dk; i++) {
            double D = decay * S[i * dv + j];
            grads->dk[i] += dS[i * dv + j] * beta * (v[j] - held) - beta * du * D;
            double dD = dS[i * dv + j] - k[i] * beta * du;
            *grads->dg += dD * D;
            dS[i * dv + j] = decay * dD;
        }
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    (void)opts;
    return la_ref_recurrence_backward(p, 1, la_scale(p), io, grads, step, step_back, err);
}

const la_reference la_gated_deltanet_reference = {.forward = forward, .backward = backward};
