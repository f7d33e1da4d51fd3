/* SPDX-License-Identifier: Apache-2.0
 * The feature maps and their gradients in float64, as they are written in the papers; the sums over tokens
 * are in kernel_ref.c.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "linear_internal.h"

typedef struct member {
    int64_t map, dk, nu;
    const double *W; /* hedgehog: [dk,dk] of this head */
    double *work;    /* 4 dk */
} member;

/* max(x, 0) and max(-x, 0), one after the other. */
static void both_signs(int64_t dk, const double *x, double *r)
{
    for (int64_t c = 0; c < dk; c++) {
        r[c] = fmax(x[c], 0.0);
        r[dk + c] = fmax(-x[c], 0.0);
    }
}

/* Where element j of r turned by i comes from: roll(r, i)_j = r_{j-i}, indices modulo n. */
static int64_t turned(int64_t j, int64_t i, int64_t n)
{
    return ((j - i) % n + n) % n;
}

static void taylor2(const member *of, const double *x, double *phi)
{
    int64_t dk = of->dk, at = 1 + dk;
    double root = pow((double)dk, -0.25);
    phi[0] = 1.0;
    for (int64_t a = 0; a < dk; a++) {
        phi[1 + a] = root * x[a];
        for (int64_t b = a; b < dk; b++)
            phi[at++] = (a == b ? sqrt(0.5) : 1.0) * root * x[a] * root * x[b];
    }
}

static void taylor2_pull(const member *of, const double *x, const double *dphi, double *dx)
{
    int64_t dk = of->dk, at = 1 + dk;
    double root = pow((double)dk, -0.25);
    for (int64_t a = 0; a < dk; a++) dx[a] = root * dphi[1 + a];
    for (int64_t a = 0; a < dk; a++)
        for (int64_t b = a; b < dk; b++, at++) {
            double weight = (a == b ? sqrt(0.5) : 1.0) * root * root * dphi[at];
            dx[a] += weight * x[b];
            dx[b] += weight * x[a];
        }
}

static void dpfp(const member *of, const double *x, double *phi)
{
    int64_t n = 2 * of->dk;
    double *r = of->work;
    both_signs(of->dk, x, r);
    for (int64_t i = 1; i <= of->nu; i++)
        for (int64_t j = 0; j < n; j++) *phi++ = r[j] * r[turned(j, i, n)];
}

static void dpfp_pull(const member *of, const double *x, const double *dphi, double *dx)
{
    int64_t n = 2 * of->dk;
    double *r = of->work, *dr = r + n;
    both_signs(of->dk, x, r);
    memset(dr, 0, (size_t)n * sizeof *dr);
    for (int64_t i = 1; i <= of->nu; i++)
        for (int64_t j = 0; j < n; j++) {
            double d = *dphi++;
            dr[j] += d * r[turned(j, i, n)];
            dr[turned(j, i, n)] += d * r[j];
        }
    for (int64_t c = 0; c < of->dk; c++)
        dx[c] = x[c] > 0 ? dr[c] : x[c] < 0 ? -dr[of->dk + c] : 0.0;
}

static void hedgehog(const member *of, const double *x, double *phi)
{
    int64_t dk = of->dk;
    double *y = of->work;
    for (int64_t i = 0; i < dk; i++) {
        y[i] = 0.0;
        for (int64_t c = 0; c < dk; c++) y[i] += of->W[i * dk + c] * x[c];
    }
    for (int sign = 1; sign >= -1; sign -= 2, phi += dk) {
        double top = -INFINITY, sum = 0.0;
        for (int64_t i = 0; i < dk; i++) top = fmax(top, sign * y[i]);
        for (int64_t i = 0; i < dk; i++) sum += phi[i] = exp(sign * y[i] - top);
        for (int64_t i = 0; i < dk; i++) phi[i] /= sum;
    }
}

static void hedgehog_pull(const member *of, const double *x, double *dphi, double *dx, double *dW)
{
    int64_t dk = of->dk;
    double *dy = of->work, *both = dy + dk, mean[2] = {0}; /* hedgehog() uses work[0..dk) itself */
    hedgehog(of, x, both);
    for (int64_t i = 0; i < dk; i++) {
        mean[0] += both[i] * dphi[i];
        mean[1] += both[dk + i] * dphi[dk + i];
    }
    for (int64_t i = 0; i < dk; i++)
        dy[i] = both[i] * (dphi[i] - mean[0]) - both[dk + i] * (dphi[dk + i] - mean[1]);
    for (int64_t c = 0; dx && c < dk; c++) {
        dx[c] = 0.0;
        for (int64_t i = 0; i < dk; i++) dx[c] += of->W[i * dk + c] * dy[i];
    }
    for (int64_t i = 0; dW && i < dk; i++)
        for (int64_t c = 0; c < dk; c++) dW[i * dk + c] += dy[i] * x[c];
}

static void features(const la_ka_ref *ref, bool key, const double *x, double *phi)
{
    (void)key;
    const member *of = ref->of;
    switch (of->map) {
    case LA_LINEAR_TAYLOR2:
        taylor2(of, x, phi);
        return;
    case LA_LINEAR_DPFP:
        dpfp(of, x, phi);
        return;
    case LA_LINEAR_HEDGEHOG:
        hedgehog(of, x, phi);
        return;
    default:
        break;
    }
    for (int64_t c = 0; c < of->dk; c++)
        phi[c] = of->map == LA_LINEAR_IDENTITY ? x[c]
                 : of->map == LA_LINEAR_RELU   ? fmax(x[c], 0.0)
                 : x[c] > 0                    ? x[c] + 1
                                               : exp(x[c]);
}

static void pull(const la_ka_ref *ref, bool key, const double *x, double *dphi, double *dx,
                 double *dW)
{
    (void)key;
    const member *of = ref->of;
    if (of->map == LA_LINEAR_HEDGEHOG) hedgehog_pull(of, x, dphi, dx, dW);
    if (!dx || of->map == LA_LINEAR_HEDGEHOG) return;
    if (of->map == LA_LINEAR_TAYLOR2) taylor2_pull(of, x, dphi, dx);
    if (of->map == LA_LINEAR_DPFP) dpfp_pull(of, x, dphi, dx);
    if (of->map == LA_LINEAR_TAYLOR2 || of->map == LA_LINEAR_DPFP) return;
    for (int64_t c = 0; c < of->dk; c++) {
        double below = of->map == LA_LINEAR_RELU ? 0.0 : exp(x[c]);
        dx[c] = dphi[c] * (of->map == LA_LINEAR_IDENTITY || x[c] > 0 ? 1.0 : below);
    }
}

/* One head of the problem; `of` is the member's storage, and its work is to be freed. */
static la_status open(const la_problem *p, const void *opts, const la_ref_io *io, member *of,
                      la_ka_ref *ref, la_err *err)
{
    const la_linear_options *o = opts;
    *of = (member){.map = o->map, .dk = p->dk, .nu = o->nu};
    if (o->map == LA_LINEAR_HEDGEHOG) of->W = io->params[0] + io->head * p->dk * p->dk;
    of->work = la_alloc((size_t)(4 * p->dk) * sizeof *of->work, err);
    *ref = (la_ka_ref){.m = la_linear_width(p, opts),
                       .normalize = o->normalize,
                       .eps = o->eps,
                       .read_scale = la_linear_read_scale(p, opts),
                       .of = of,
                       .features = features,
                       .pull = pull};
    return of->work ? LA_OK : LA_E_NOMEM;
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    member of;
    la_ka_ref ref;
    LA_TRY(open(p, opts, io, &of, &ref, err));
    la_status st = la_ka_ref_forward(&ref, p, io, err);
    la_free(of.work);
    return st;
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *g, la_err *err)
{
    member of;
    la_ka_ref ref;
    LA_TRY(open(p, opts, io, &of, &ref, err));
    la_ref_grads grads = *g;
    double *dW =
        of.W && g->dparams && g->dparams[0] ? g->dparams[0] + io->head * p->dk * p->dk : NULL;
    grads.dparams = &dW;
    la_status st = la_ka_ref_backward(&ref, p, io, &grads, err);
    la_free(of.work);
    return st;
}

const la_reference la_linear_reference = {.forward = forward, .backward = backward};
