/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: o_i = sum_j p_ij v_j, p_i = softmax_j(s q_i.k_j), one row at a time.
 * The state is the KV cache of `pos` earlier tokens.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "softmax_internal.h"

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    (void)opts;
    int64_t T = p->T, dk = p->dk, dv = p->dv, pos = io->pos, total = pos + T;
    double s = la_scale(p);
    double *score = la_alloc((size_t)total * sizeof(double), err);
    if (!score) return LA_E_NOMEM;
    for (int64_t r = 0; r < io->n_rows; r++) {
        int64_t i = io->rows ? io->rows[r] : r;
        const double *q = io->q + i * dk;
        int64_t visible = p->mask == LA_MASK_CAUSAL ? pos + i + 1 : total;
        double top = -INFINITY, sum = 0.0;
        for (int64_t j = 0; j < visible; j++) {
            const double *k = j < pos ? io->state_in[0] + j * dk : io->k + (j - pos) * dk;
            double dot = 0.0;
            for (int64_t c = 0; c < dk; c++) dot += q[c] * k[c];
            score[j] = s * dot;
            if (score[j] > top) top = score[j];
        }
        double *o = io->o + r * dv;
        memset(o, 0, (size_t)dv * sizeof *o);
        for (int64_t j = 0; j < visible; j++) {
            const double *v = j < pos ? io->state_in[1] + j * dv : io->v + (j - pos) * dv;
            double weight = exp(score[j] - top);
            sum += weight;
            for (int64_t c = 0; c < dv; c++) o[c] += weight * v[c];
        }
        for (int64_t c = 0; c < dv; c++) o[c] /= sum;
    }
    la_free(score);
    if (io->state_out) {
        if (io->state_in && io->state_in[0] != io->state_out[0]) {
            memcpy(io->state_out[0], io->state_in[0], (size_t)(pos * dk) * sizeof(double));
            memcpy(io->state_out[1], io->state_in[1], (size_t)(pos * dv) * sizeof(double));
        }
        memcpy(io->state_out[0] + pos * dk, io->k, (size_t)(T * dk) * sizeof(double));
        memcpy(io->state_out[1] + pos * dv, io->v, (size_t)(T * dv) * sizeof(double));
    }
    return LA_OK;
}

const la_reference la_softmax_reference = {.forward = forward};
