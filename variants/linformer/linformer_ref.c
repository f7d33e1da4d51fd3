/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: K' = E K, V' = F V, then softmax attention over the r mixtures.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "labench/wide.h"
#include "linformer_internal.h"

/* out [r,d] = E [r,T] x [T,d], tokens in blocks that stay in the cache. E has Tcap columns a row. */
LA_WIDE static void mix(const double *E, const double *x, int64_t r, int64_t T, int64_t Tcap,
                        int64_t d, double *out)
{
    memset(out, 0, (size_t)(r * d) * sizeof *out);
    for (int64_t t0 = 0; t0 < T; t0 += 32)
        for (int64_t j = 0; j < r; j++)
            for (int64_t t = t0; t < T && t < t0 + 32; t++)
                for (int64_t c = 0; c < d; c++) out[j * d + c] += E[j * Tcap + t] * x[t * d + c];
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    int64_t T = p->T, dk = p->dk, dv = p->dv, r = la_linformer_rank(p, opts);
    double s = la_scale(p);
    double *K = la_alloc((size_t)(r * (dk + dv + 1)) * sizeof(double), err);
    if (!K) return LA_E_NOMEM;
    double *V = K + r * dk, *score = V + r * dv;
    mix(io->params[0], io->k, r, T, p->Tcap, dk, K);
    mix(io->params[1], io->v, r, T, p->Tcap, dv, V);
    for (int64_t n = 0; n < io->n_rows; n++) {
        const double *q = io->q + (io->rows ? io->rows[n] : n) * dk;
        double *o = io->o + n * dv, top = -INFINITY, sum = 0.0;
        for (int64_t j = 0; j < r; j++) {
            double dot = 0.0;
            for (int64_t c = 0; c < dk; c++) dot += q[c] * K[j * dk + c];
            score[j] = s * dot;
            if (score[j] > top) top = score[j];
        }
        memset(o, 0, (size_t)dv * sizeof *o);
        for (int64_t j = 0; j < r; j++) {
            double weight = exp(score[j] - top);
            sum += weight;
            for (int64_t c = 0; c < dv; c++) o[c] += weight * V[j * dv + c];
        }
        for (int64_t c = 0; c < dv; c++) o[c] /= sum;
    }
    la_free(K);
    return LA_OK;
}

/* x' = E x the other way: dx [T,d] = E^T dm [r,d], dE [r,T] += dm x^T. */
LA_WIDE static void unmix(const double *E, const double *x, const double *dm, int64_t r, int64_t T,
                          int64_t Tcap, int64_t d, double *dx, double *dE)
{
    memset(dx, 0, (size_t)(T * d) * sizeof *dx);
    for (int64_t j = 0; j < r; j++)
        for (int64_t t = 0; t < T; t++) {
            double e = E[j * Tcap + t];
            for (int64_t c = 0; c < d; c++) dx[t * d + c] += e * dm[j * d + c];
            dE[j * Tcap + t] += la_wide_dot(d, dm + j * d, x + t * d);
        }
}

/* One query row: P = softmax(s K' q), dP = V' do, dS = P (dP - P.dP). P and dS are [r]. */
LA_WIDE static void row_backward(const double *q, const double *dout, const double *K,
                                 const double *V, int64_t r, int64_t dk, int64_t dv, double s,
                                 double *P, double *dS)
{
    double top = -INFINITY, sum = 0.0, mean = 0.0;
    for (int64_t j = 0; j < r; j++) {
        P[j] = s * la_wide_dot(dk, q, K + j * dk);
        dS[j] = la_wide_dot(dv, dout, V + j * dv);
        if (P[j] > top) top = P[j];
    }
    for (int64_t j = 0; j < r; j++) sum += P[j] = exp(P[j] - top);
    for (int64_t j = 0; j < r; j++) mean += (P[j] /= sum) * dS[j];
    for (int64_t j = 0; j < r; j++) dS[j] = P[j] * (dS[j] - mean);
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *g, la_err *err)
{
    int64_t T = p->T, Tcap = p->Tcap, dk = p->dk, dv = p->dv, r = la_linformer_rank(p, opts);
    double s = la_scale(p);
    double *K = la_zalloc((size_t)(2 * r * (dk + dv + 1)) * sizeof(double), err);
    if (!K) return LA_E_NOMEM;
    double *V = K + r * dk, *dK = V + r * dv, *dV = dK + r * dk, *P = dV + r * dv, *dS = P + r;
    mix(io->params[0], io->k, r, T, Tcap, dk, K);
    mix(io->params[1], io->v, r, T, Tcap, dv, V);
    memset(g->dq, 0, (size_t)(T * dk) * sizeof(double));
    for (int64_t t = 0; t < T; t++) {
        const double *q = io->q + t * dk, *dout = g->dout + t * dv;
        row_backward(q, dout, K, V, r, dk, dv, s, P, dS);
        for (int64_t j = 0; j < r; j++) {
            for (int64_t c = 0; c < dk; c++) {
                g->dq[t * dk + c] += s * dS[j] * K[j * dk + c];
                dK[j * dk + c] += s * dS[j] * q[c];
            }
            for (int64_t c = 0; c < dv; c++) dV[j * dv + c] += P[j] * dout[c];
        }
    }
    unmix(io->params[0], io->k, dK, r, T, Tcap, dk, g->dk, g->dparams[0]);
    unmix(io->params[1], io->v, dV, r, T, Tcap, dv, g->dv, g->dparams[1]);
    la_free(K);
    return LA_OK;
}

const la_reference la_linformer_reference = {.forward = forward, .backward = backward};
