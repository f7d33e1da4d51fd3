/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention in float64, row by row, beside the output of a variant.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "approximation_internal.h"
#include "labench/kit.h"

/* Keys, transposed, and values of one (batch, key head), and a row's work; all in one allocation. */
typedef struct exact_head {
    int64_t T, dk, dv;
    double *k;       /* [dk, T] */
    double *v;       /* [T, dv] */
    double *weights; /* [threads, T] */
    double *o;       /* [threads, dv] */
} exact_head;

static la_status exact_alloc(const la_problem *p, exact_head *x, la_err *err)
{
    *x = (exact_head){.T = p->T, .dk = p->dk, .dv = p->dv};
    size_t keys = (size_t)(p->dk * p->T), values = (size_t)(p->T * p->dv);
    size_t rows = (size_t)(p->threads * p->T), outs = (size_t)(p->threads * p->dv);
    x->k = la_alloc((keys + values + rows + outs) * sizeof(double), err);
    if (!x->k) return LA_E_NOMEM;
    x->v = x->k + keys;
    x->weights = x->v + values;
    x->o = x->weights + rows;
    return LA_OK;
}

static void load(const la_probe_io *io, int64_t b, int64_t head, exact_head *x)
{
    const la_problem *p = io->problem;
    for (int64_t t = 0; t < x->T; t++) {
        const float *k = io->k + ((b * p->T + t) * p->Hkv + head) * p->dk;
        const float *v = io->v + ((b * p->T + t) * p->Hkv + head) * p->dv;
        for (int64_t c = 0; c < x->dk; c++) x->k[c * x->T + t] = (double)k[c];
        for (int64_t c = 0; c < x->dv; c++) x->v[t * x->dv + c] = (double)v[c];
    }
}

/* o [dv] of a query that sees the first n keys. */
static void attend(const exact_head *x, double scale, const float *q, int64_t n, double *weights,
                   double *o)
{
    double top = -INFINITY, sum = 0;
    memset(weights, 0, (size_t)n * sizeof *weights);
    for (int64_t c = 0; c < x->dk; c++) {
        double factor = scale * (double)q[c];
        const double *k = x->k + c * x->T;
        for (int64_t j = 0; j < n; j++) weights[j] += factor * k[j];
    }
    for (int64_t j = 0; j < n; j++) top = weights[j] > top ? weights[j] : top;
    memset(o, 0, (size_t)x->dv * sizeof *o);
    for (int64_t j = 0; j < n; j++) {
        double weight = exp(weights[j] - top);
        sum += weight;
        for (int64_t c = 0; c < x->dv; c++) o[c] += weight * x->v[j * x->dv + c];
    }
    for (int64_t c = 0; c < x->dv; c++) o[c] /= sum;
}

/* The sums of compared row i of a head. */
static void compare_row(const la_probe_io *io, const exact_head *x, int64_t b, int64_t h, int64_t i,
                        const float *o, double *difference, double *exact)
{
    const la_problem *p = io->problem;
    int64_t t = la_approximation_token(p, io->task_opts, i), at = b * p->T + t;
    int64_t n = p->mask == LA_MASK_CAUSAL ? t + 1 : p->T;
    double *weights = x->weights + omp_get_thread_num() * x->T;
    double *want = x->o + omp_get_thread_num() * x->dv;
    const float *q = io->q + (at * p->Hqk + h / (p->H / p->Hqk)) * p->dk;
    const float *got = o + (at * p->H + h) * p->dv;
    attend(x, la_scale(p), q, n, weights, want);
    *difference = *exact = 0;
    for (int64_t c = 0; c < x->dv; c++) {
        double d = (double)got[c] - want[c];
        *difference += d * d;
        *exact += want[c] * want[c];
    }
}

la_status la_approximation_sums(const la_probe_io *io, const float *o, double *difference,
                                double *exact, la_err *err)
{
    const la_problem *p = io->problem;
    int64_t rows = la_approximation_rows(p, io->task_opts), share = p->H / p->Hkv;
    exact_head x;
    double *sums = la_alloc((size_t)(2 * rows) * sizeof *sums, err);
    if (!sums) return LA_E_NOMEM;
    la_status st = exact_alloc(p, &x, err);
    *difference = *exact = 0;
    for (int64_t head = 0; head < p->B * p->H && st == LA_OK; head++) {
        int64_t b = head / p->H, h = head % p->H;
        if (h % share == 0) load(io, b, h / share, &x);
#pragma omp parallel for num_threads(p->threads) schedule(dynamic, 16)
        for (int64_t i = 0; i < rows; i++)
            compare_row(io, &x, b, h, i, o, &sums[2 * i], &sums[2 * i + 1]);
        for (int64_t i = 0; i < rows; i++) *difference += sums[2 * i], *exact += sums[2 * i + 1];
    }
    if (st == LA_OK) la_free(x.k);
    la_free(sums);
    return st;
}
