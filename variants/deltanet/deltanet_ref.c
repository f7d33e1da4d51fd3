/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: S_t = (I - beta_t k_t k_t') S_{t-1} + beta_t k_t v_t'.
 */
#include "delta_ref.h"
#include "labench/kit.h"
#include "labench/wide.h"

extern const la_reference la_deltanet_reference;

LA_WIDE static void step(const la_problem *p, const la_ref_io *io, int64_t t, double *S,
                         double *held)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    la_ref_lookup(p, k, S, held);
    for (int64_t i = 0; i < dk; i++)
        for (int64_t j = 0; j < dv; j++) S[i * dv + j] += io->beta[t] * k[i] * (v[j] - held[j]);
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts;
    return la_ref_recurrence(p, la_scale(p), io, step, err);
}

/* With u = beta (v - S'k) and S_t = S + k u': the gradient of u is dS' k, and u passes it on to v, to
 * beta, and through what was held to S and k. */
LA_WIDE static void step_back(const la_problem *p, const la_ref_io *io, int64_t t, const double *S,
                              double *dS, const la_ref_token_grads *grads)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    double beta = io->beta[t];
    for (int64_t i = 0; i < dk; i++) grads->dk[i] = 0.0;
    *grads->dbeta = 0.0;
    for (int64_t j = 0; j < dv; j++) {
        double held = 0.0, du = 0.0;
        for (int64_t i = 0; i < dk; i++) {
            held += k[i] * S[i * dv + j];
            du += k[i] * dS[i * dv + j];
        }
        *grads->dbeta += du * (v[j] - held);
        grads->dv[j] = beta * du;
        for (int64_t i = 0; i < dk; i++) {
            grads->dk[i] += dS[i * dv + j] * beta * (v[j] - held) - beta * du * S[i * dv + j];
            dS[i * dv + j] -= k[i] * beta * du;
        }
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    (void)opts;
    return la_ref_recurrence_backward(p, 1, la_scale(p), io, grads, step, step_back, err);
}

const la_reference la_deltanet_reference = {.forward = forward, .backward = backward};
