/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64: o_i = sum_j p_ij v_j, p_i = softmax_j(s q_i.k_j), one row at a time.
 * The state is the KV cache of `pos` earlier tokens.
 *
 * Its gradient, with a_ij = do_i.v_j (the gradient of p_ij) and D_i = sum_j p_ij a_ij:
 *   ds_ij = p_ij (a_ij - D_i)
 *   dq_i = s sum_j ds_ij k_j   dk_j = s sum_i ds_ij q_i   dv_j = sum_i p_ij do_i
 * Cached tokens are constants.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "labench/wide.h"
#include "softmax_internal.h"

LA_WIDE static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io,
                                 la_err *err)
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
            score[j] = s * la_wide_dot(dk, q, k);
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

/* y += a x, where y is wanted. */
static void add(int64_t n, double a, const double *x, double *y)
{
    if (!y) return;
    for (int64_t c = 0; c < n; c++) y[c] += a * x[c];
}

/* Row i: its weights p and their gradients a, both [visible]; then what it gives to every gradient. */
LA_WIDE static void row_backward(const la_problem *p, const la_ref_io *io,
                                 const la_ref_grads *grads, int64_t i, double *weight, double *a)
{
    int64_t dk = p->dk, dv = p->dv, pos = io->pos;
    int64_t visible = p->mask == LA_MASK_CAUSAL ? pos + i + 1 : pos + p->T;
    const double *q = io->q + i * dk, *dout = grads->dout + i * dv;
    double s = la_scale(p), top = -INFINITY, sum = 0.0, D = 0.0;
    for (int64_t j = 0; j < visible; j++) {
        const double *k = j < pos ? io->state_in[0] + j * dk : io->k + (j - pos) * dk;
        const double *v = j < pos ? io->state_in[1] + j * dv : io->v + (j - pos) * dv;
        weight[j] = s * la_wide_dot(dk, q, k);
        a[j] = la_wide_dot(dv, dout, v);
        if (weight[j] > top) top = weight[j];
    }
    for (int64_t j = 0; j < visible; j++) sum += weight[j] = exp(weight[j] - top);
    for (int64_t j = 0; j < visible; j++) D += (weight[j] /= sum) * a[j];
    for (int64_t j = 0; j < visible; j++) {
        const double *k = j < pos ? io->state_in[0] + j * dk : io->k + (j - pos) * dk;
        double ds = weight[j] * (a[j] - D);
        add(dk, s * ds, k, grads->dq ? grads->dq + i * dk : NULL);
        if (j < pos) continue;
        add(dk, s * ds, q, grads->dk ? grads->dk + (j - pos) * dk : NULL);
        add(dv, weight[j], dout, grads->dv ? grads->dv + (j - pos) * dv : NULL);
    }
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    (void)opts;
    int64_t T = p->T, total = io->pos + T;
    double *rows = la_alloc((size_t)(2 * total) * sizeof(double), err);
    if (!rows) return LA_E_NOMEM;
    if (grads->dq) memset(grads->dq, 0, (size_t)(T * p->dk) * sizeof(double));
    if (grads->dk) memset(grads->dk, 0, (size_t)(T * p->dk) * sizeof(double));
    if (grads->dv) memset(grads->dv, 0, (size_t)(T * p->dv) * sizeof(double));
    for (int64_t i = 0; i < T; i++) row_backward(p, io, grads, i, rows, rows + total);
    la_free(rows);
    return LA_OK;
}

const la_reference la_softmax_reference = {.forward = forward, .backward = backward};
