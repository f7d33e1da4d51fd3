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

static void one_row(const double *x, int64_t T, int64_t D, int64_t t, double factor,
                    const double *by_token, const double *by_channel, double *re, double *im,
                    double *o)
{
    memset(re, 0, (size_t)D * sizeof *re);
    memset(im, 0, (size_t)D * sizeof *im);
    for (int64_t u = 0, at = 0; u < T; u++, at = (at + t) % T) {
        double cosine = by_token[2 * at], sine = by_token[2 * at + 1];
        for (int64_t c = 0; c < D; c++) {
            re[c] += cosine * x[u * D + c];
            im[c] -= sine * x[u * D + c];
        }
    }
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
    sums = la_alloc((size_t)(2 * D) * sizeof *sums, err);
    if (!sums) goto done;
    for (int64_t r = 0; r < n_rows; r++)
        one_row(x, T, D, rows ? rows[r] : r, la_fnet_factor(p, opts), by_token, by_channel, sums,
                sums + D, o + r * D);
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
