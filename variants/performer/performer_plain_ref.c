/* SPDX-License-Identifier: Apache-2.0
 * The kernels of performer that are not exponentials, in float64, y = sqrt(s) x:
 *   trig  exp(|y|^2/2) [sin W y, cos W y]: of queries exp(|y|^2/2) cancels; of keys it is kept times exp(-40),
 *         which cancels, too, but is seen in the state
 *   relu  max(W y, 0) + 1e-3
 * The constant 1/sqrt(M) cancels. The sums over tokens are in kernel_ref.c.
 */
#include <math.h>

#include "kernel_ref.h"
#include "labench/kit.h"
#include "performer_internal.h"

typedef struct member {
    int64_t dk, M;
    bool trig;
    double root_s;
    const double *W; /* [M,dk] */
} member;

static double project(const member *of, int64_t i, const double *x)
{
    double sum = 0.0;
    for (int64_t c = 0; c < of->dk; c++) sum += of->W[i * of->dk + c] * (of->root_s * x[c]);
    return sum;
}

/* What a row's waves are multiplied by. */
static double height(const member *of, bool key, const double *x)
{
    double half = 0.0;
    for (int64_t c = 0; c < of->dk; c++) half += 0.5 * of->root_s * of->root_s * x[c] * x[c];
    return key ? exp(half - LA_PERFORMER_TRIG_SHIFT) : 1.0;
}

static void features(const la_ka_ref *ref, bool key, const double *x, double *phi)
{
    const member *of = ref->of;
    double factor = of->trig ? height(of, key, x) : 1.0;
    for (int64_t i = 0; i < of->M; i++) {
        double e = project(of, i, x);
        phi[i] = of->trig ? factor * sin(e) : fmax(e, 0.0) + LA_PERFORMER_RELU_FLOOR;
        if (of->trig) phi[of->M + i] = factor * cos(e);
    }
}

static void pull(const la_ka_ref *ref, bool key, const double *x, double *dphi, double *dx,
                 double *dW)
{
    const member *of = ref->of;
    double factor = of->trig ? height(of, key, x) : 1.0, dhalf = 0.0;
    for (int64_t i = 0; i < of->M; i++) { /* dphi becomes the gradient of the projection */
        double e = project(of, i, x);
        if (of->trig) {
            double by_sine = factor * dphi[i], by_cosine = factor * dphi[of->M + i];
            dphi[i] = by_sine * cos(e) - by_cosine * sin(e);
            if (key) dhalf += by_sine * sin(e) + by_cosine * cos(e);
        } else if (!(e > 0)) {
            dphi[i] = 0.0;
        }
    }
    for (int64_t c = 0; c < of->dk; c++) {
        double dy = dhalf * of->root_s * x[c];
        for (int64_t i = 0; i < of->M; i++) dy += of->W[i * of->dk + c] * dphi[i];
        if (dx) dx[c] = of->root_s * dy;
        for (int64_t i = 0; dW && i < of->M; i++) dW[i * of->dk + c] += dphi[i] * of->root_s * x[c];
    }
}

static member member_of(const la_problem *p, const void *opts, const la_ref_io *io, la_ka_ref *ref)
{
    const la_performer_options *o = opts;
    *ref = (la_ka_ref){.m = la_performer_features(p, opts),
                       .normalize = true,
                       .read_scale = 1.0,
                       .features = features,
                       .pull = pull};
    return (member){.dk = p->dk,
                    .M = la_performer_rows(p, opts),
                    .trig = o->kernel == LA_PERFORMER_TRIG,
                    .root_s = sqrt(la_scale(p)),
                    .W = io->params[0]};
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    la_ka_ref ref;
    member of = member_of(p, opts, io, &ref);
    ref.of = &of;
    return la_ka_ref_forward(&ref, p, io, err);
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *g, la_err *err)
{
    la_ka_ref ref;
    member of = member_of(p, opts, io, &ref);
    ref.of = &of;
    return la_ka_ref_backward(&ref, p, io, g, err);
}

const la_reference la_performer_plain_reference = {.forward = forward, .backward = backward};
