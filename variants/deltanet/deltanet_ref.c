/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: S_t = (I - beta_t k_t k_t') S_{t-1} + beta_t k_t v_t'.
 */
#include "delta_ref.h"
#include "labench/kit.h"

extern const la_reference la_deltanet_reference;

static void step(const la_problem *p, const la_ref_io *io, int64_t t, double *S)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv;
    for (int64_t j = 0; j < dv; j++) {
        double held = 0.0; /* what S has stored under k */
        for (int64_t i = 0; i < dk; i++) held += k[i] * S[i * dv + j];
        for (int64_t i = 0; i < dk; i++) S[i * dv + j] += io->beta[t] * k[i] * (v[j] - held);
    }
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts;
    return la_ref_recurrence(p, la_scale(p), io, step, err);
}

const la_reference la_deltanet_reference = {.forward = forward};
