/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: K' = E K, V' = F V, then softmax attention over the r mixtures.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "linformer_internal.h"

/* out [r,d] = E [r,T] x [T,d], tokens in blocks that stay in the cache. */
static void mix(const double *E, const double *x, int64_t r, int64_t T, int64_t d, double *out)
{
    memset(out, 0, (size_t)(r * d) * sizeof *out);
    for (int64_t t0 = 0; t0 < T; t0 += 32)
        for (int64_t j = 0; j < r; j++)
            for (int64_t t = t0; t < T && t < t0 + 32; t++)
                for (int64_t c = 0; c < d; c++) out[j * d + c] += E[j * T + t] * x[t * d + c];
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    int64_t T = p->T, dk = p->dk, dv = p->dv, r = la_linformer_rank(p, opts);
    double s = la_scale(p);
    double *K = la_alloc((size_t)(r * (dk + dv + 1)) * sizeof(double), err);
    if (!K) return LA_E_NOMEM;
    double *V = K + r * dk, *score = V + r * dv;
    mix(io->params[0], io->k, r, T, dk, K);
    mix(io->params[1], io->v, r, T, dv, V);
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

const la_reference la_linformer_reference = {.forward = forward};
