/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64 and without a fast transform. With e(x) = exp(-2 pi i x):
 *   r_c = sum_t' e(t t'/T) x_t'c   (one sum over all tokens for a wanted row t),
 *   Y_tc = Re sum_c' e(c c'/D) r_c'.
 * O(T D + D^2) for each wanted row.
 */
#include <math.h>
#include <string.h>

#include "fnet_internal.h"
#include "labench/kit.h"
#include "labench/wide.h"

enum { TOGETHER = 16 }; /* rows */

/* cos and sin of 2 pi i/n, i < n: [n,2]. Products of indices are reduced mod n as integers, so that
 * large t t' lose nothing. */
static double *circle(int64_t n, la_err *err)
{
    double *table = la_alloc((size_t)(2 * n) * sizeof *table, err);
    for (int64_t i = 0; table && i < n; i++) {
        double angle = 6.283185307179586476925 * (double)i / (double)n;
        table[2 * i] = cos(angle);
        table[2 * i + 1] = sin(angle);
    }
    return table;
}

/* r of n rows, each re [D] and im [D]: together, since x is far larger than a cache. at: [n] of scratch. */
LA_WIDE static void over_tokens(const double *x, int64_t T, int64_t D, const int64_t *rows,
                                int64_t n, const double *by_token, int64_t *at, double *r)
{
    memset(r, 0, (size_t)(n * 2 * D) * sizeof *r);
    memset(at, 0, (size_t)n * sizeof *at);
    for (int64_t u = 0; u < T; u++)
        for (int64_t i = 0; i < n; i++) {
            double cosine = by_token[2 * at[i]], sine = by_token[2 * at[i] + 1];
            double *re = r + i * 2 * D, *im = re + D;
            for (int64_t c = 0; c < D; c++) re[c] += cosine * x[u * D + c];
            for (int64_t c = 0; c < D; c++) im[c] -= sine * x[u * D + c];
            at[i] = (at[i] + rows[i]) % T;
        }
}

static void over_channels(const double *re, int64_t D, double factor, const double *by_channel,
                          double *o)
{
    const double *im = re + D;
    for (int64_t c = 0; c < D; c++) {
        double sum = 0.0;
        for (int64_t e = 0, at = 0; e < D; e++, at = (at + c) % D)
            sum += by_channel[2 * at] * re[e] + by_channel[2 * at + 1] * im[e];
        o[c] = factor * sum;
    }
}

/* o [n_rows,D] = rows of F(x); NULL: all rows. */
static la_status transform(const la_problem *p, const void *opts, const double *x,
                           const int64_t *rows, int64_t n_rows, double *o, la_err *err)
{
    int64_t T = p->T, D = p->H * p->dv;
    la_status st = LA_E_NOMEM;
    double *by_token = circle(T, err), *by_channel = NULL, *sums = NULL;
    if (!by_token) goto done;
    by_channel = circle(D, err);
    if (!by_channel) goto done;
    sums = la_alloc((size_t)(TOGETHER * 2 * D) * sizeof *sums, err);
    if (!sums) goto done;
    for (int64_t r = 0; r < n_rows; r += TOGETHER) {
        int64_t n = n_rows - r < TOGETHER ? n_rows - r : TOGETHER, at[TOGETHER], own[TOGETHER];
        for (int64_t i = 0; i < n; i++) own[i] = rows ? rows[r + i] : r + i;
        over_tokens(x, T, D, own, n, by_token, at, sums);
        for (int64_t i = 0; i < n; i++)
            over_channels(sums + i * 2 * D, D, la_fnet_factor(p, opts), by_channel,
                          o + (r + i) * D);
    }
    st = LA_OK;
done:
    la_free(by_token);
    la_free(by_channel);
    la_free(sums);
    return st;
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    return transform(p, opts, io->x, io->rows, io->n_rows, io->o, err);
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    (void)io;
    return transform(p, opts, grads->dout, NULL, p->T, grads->dx, err);
}

const la_reference la_fnet_reference = {.forward = forward, .backward = backward};
