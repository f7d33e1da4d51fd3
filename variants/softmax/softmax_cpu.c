/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "softmax_internal.h"

/* Softmax of the first `visible` scores of a row, in place; the rest becomes 0. */
static void row_softmax(float *row, int64_t visible, int64_t len)
{
    float top = -INFINITY, sum = 0.0f;
    for (int64_t j = 0; j < visible; j++) top = fmaxf(top, row[j]);
    for (int64_t j = 0; j < visible; j++) sum += row[j] = expf(row[j] - top);
    for (int64_t j = 0; j < visible; j++) row[j] /= sum;
    memset(row + visible, 0, (size_t)(len - visible) * sizeof *row);
}

la_status la_softmax_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const la_problem *p = self;
    int64_t T = p->T, H = p->H, heads = p->B * H;
    float s = (float)la_scale(p);
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t i = 0; i < heads; i++) {
        int64_t b = i / H, h = i % H;
        const float *q = (const float *)io->q + (b * T * H + h) * p->dk;
        const float *k = (const float *)io->k + (b * T * H + h) * p->dk;
        const float *v = (const float *)io->v + (b * T * H + h) * p->dv;
        float *o = (float *)io->o + (b * T * H + h) * p->dv;
        float *scores = (float *)io->work + i * T * T;
        la_gemm(false, true, T, T, p->dk, s, q, H * p->dk, k, H * p->dk, 0.0f, scores, T);
        for (int64_t t = 0; t < T; t++)
            row_softmax(scores + t * T, p->mask == LA_MASK_CAUSAL ? t + 1 : T, T);
        la_gemm(false, false, T, p->dv, T, 1.0f, scores, T, v, H * p->dv, 0.0f, o, H * p->dv);
    }
    return LA_OK;
}

/* One token over the cache; with no k, the query alone: nothing is appended. */
la_status la_softmax_decode(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const la_problem *p = self;
    int64_t cap = p->Tcap, n = io->pos + (io->k ? 1 : 0);
    size_t v_at = la_align((size_t)(p->B * p->H * cap * p->dk) * sizeof(float));
    float s = (float)la_scale(p);
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t i = 0; i < p->B * p->H; i++) {
        float *k = (float *)io->state_out + i * cap * p->dk;
        float *v = (float *)(void *)((char *)io->state_out + v_at) + i * cap * p->dv;
        const float *q = (const float *)io->q + i * p->dk;
        float *o = (float *)io->o + i * p->dv, *score = (float *)io->work + i * cap;
        if (io->state_in != io->state_out) {
            const float *k_in = (const float *)io->state_in + i * cap * p->dk;
            const char *v_in = (const char *)io->state_in + v_at;
            memcpy(k, k_in, (size_t)(io->pos * p->dk) * sizeof *k);
            memcpy(v, v_in + (size_t)(i * cap * p->dv) * sizeof *v,
                   (size_t)(io->pos * p->dv) * sizeof *v);
        }
        memset(o, 0, (size_t)p->dv * sizeof *o);
        if (n == 0) continue;
        if (io->k) {
            memcpy(k + io->pos * p->dk, (const float *)io->k + i * p->dk,
                   (size_t)p->dk * sizeof *k);
            memcpy(v + io->pos * p->dv, (const float *)io->v + i * p->dv,
                   (size_t)p->dv * sizeof *v);
        }
        la_gemm(false, true, 1, n, p->dk, s, q, p->dk, k, p->dk, 0.0f, score, n);
        row_softmax(score, n, n);
        la_gemm(false, false, 1, p->dv, n, 1.0f, score, n, v, p->dv, 0.0f, o, p->dv);
    }
    return LA_OK;
}
