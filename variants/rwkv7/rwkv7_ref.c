/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: S_t = (Diag(exp g_t) + b_t a_t') S_{t-1} + k_t v_t'.
 */
#include <math.h>

#include "delta_ref.h"
#include "labench/kit.h"
#include "labench/wide.h"

extern const la_reference la_rwkv7_reference;

static double scale_of(const la_problem *p)
{
    return p->scale == 0.0 ? 1.0 : p->scale;
}

LA_WIDE static void step(const la_problem *p, const la_ref_io *io, int64_t t, double *S,
                         double *held)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv, *g = io->g + t * dk;
    const double *a = io->a + t * dk, *b = io->b + t * dk;
    la_ref_lookup(p, a, S, held); /* of the undecayed S */
    for (int64_t i = 0; i < dk; i++) {
        double decay = exp(g[i]);
        for (int64_t j = 0; j < dv; j++)
            S[i * dv + j] = decay * S[i * dv + j] + b[i] * held[j] + k[i] * v[j];
    }
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts;
    return la_ref_recurrence(p, scale_of(p), io, step, err);
}

/* Column by column, with w = S'a: the gradient of w is b' dS, and w passes it on to a and S. */
LA_WIDE static void step_back(const la_problem *p, const la_ref_io *io, int64_t t, const double *S,
                              double *dS, const la_ref_token_grads *grads)
{
    int64_t dk = p->dk, dv = p->dv;
    const double *k = io->k + t * dk, *v = io->v + t * dv, *g = io->g + t * dk;
    const double *a = io->a + t * dk, *b = io->b + t * dk;
    for (int64_t i = 0; i < dk; i++) {
        grads->decay[i] = exp(g[i]);
        grads->dk[i] = grads->dg[i] = grads->da[i] = grads->db[i] = 0.0;
    }
    for (int64_t j = 0; j < dv; j++) {
        double w = 0.0, dw = 0.0;
        grads->dv[j] = 0.0;
        for (int64_t i = 0; i < dk; i++) {
            w += a[i] * S[i * dv + j];
            dw += b[i] * dS[i * dv + j];
            grads->dv[j] += k[i] * dS[i * dv + j];
        }
        for (int64_t i = 0; i < dk; i++) {
            double held = S[i * dv + j], d = dS[i * dv + j];
            grads->dk[i] += d * v[j];
            grads->db[i] += d * w;
            grads->da[i] += held * dw;
            grads->dg[i] += d * grads->decay[i] * held;
            dS[i * dv + j] = grads->decay[i] * d + a[i] * dw;
        }
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    (void)opts;
    return la_ref_recurrence_backward(p, p->dk, scale_of(p), io, grads, step, step_back, err);
}

const la_reference la_rwkv7_reference = {.forward = forward, .backward = backward};
