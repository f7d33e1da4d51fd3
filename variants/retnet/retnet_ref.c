/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: S_t = gamma_h S_{t-1} + k_t v_t', gamma_h = 1 - 2^{-5-h}.
 */
#include <math.h>

#include "delta_ref.h"
#include "labench/kit.h"
#include "labench/wide.h"

extern const la_reference la_retnet_reference;

LA_WIDE static void step(const la_problem *p, const la_ref_io *io, int64_t t, double *S,
                         double *held)
{
    (void)held;
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    double gamma = 1.0 - pow(2.0, -5.0 - (double)io->head);
    for (int64_t i = 0; i < dk; i++)
        for (int64_t j = 0; j < dv; j++) S[i * dv + j] = gamma * S[i * dv + j] + k[i] * v[j];
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts;
    return la_ref_recurrence(p, la_scale(p), io, step, err);
}

/* k and v get the gradient of their product, S the decayed one. */
LA_WIDE static void step_back(const la_problem *p, const la_ref_io *io, int64_t t, const double *S,
                              double *dS, const la_ref_token_grads *grads)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    double gamma = 1.0 - pow(2.0, -5.0 - (double)io->head);
    (void)S; /* enters S_t by a constant factor alone */
    for (int64_t i = 0; i < dk; i++) grads->dk[i] = 0.0;
    for (int64_t j = 0; j < dv; j++) {
        grads->dv[j] = 0.0;
        for (int64_t i = 0; i < dk; i++) {
            grads->dv[j] += k[i] * dS[i * dv + j];
            grads->dk[i] += dS[i * dv + j] * v[j];
            dS[i * dv + j] *= gamma;
        }
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    (void)opts;
    return la_ref_recurrence_backward(p, 1, la_scale(p), io, grads, step, step_back, err);
}

const la_reference la_retnet_reference = {.forward = forward, .backward = backward};
