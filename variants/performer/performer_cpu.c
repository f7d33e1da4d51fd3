/* SPDX-License-Identifier: Apache-2.0
 * Random features in float32: projections w.y, what each kernel makes of them, and the way back.
 */
#include <math.h>

#include "counts.h"
#include "labench/kit.h"
#include "labench/simd.h"
#include "performer_internal.h"

extern const la_performer_sweeps la_performer_sweeps_generic, la_performer_sweeps_avx2,
    la_performer_sweeps_avx512;

typedef struct kernel {
    bool exponents; /* features are exp of what `finish` leaves, stabilised by the engine */
    int64_t width;  /* features of each row of W */
    /* From projections in the first M of each row of phi to features or exponents; half [n] is |y|^2/2 of
     * keys, which may be overwritten, and NULL for queries, whose size cancels. NULL: nothing to do. */
    void (*finish)(const la_ka *ka, int64_t n, float *phi, float *half);
    /* From dphi to the gradient of the projections in the first M of each row, and, for keys, of |y|^2/2
     * into half [n]. */
    void (*pull)(const la_ka *ka, int64_t n, const float *phi, float *dphi, float *half);
} kernel;

static const la_performer_sweeps *sweeps(const la_ka *ka)
{
    return LA_ISA_TABLE(&la_performer_sweeps, ka->tile->isa);
}

/* ---- positive: exponents w.y - |y|^2/2 ---- */

/* The gradient of e = log phi is phi dphi. */
static void pull_exponents(const la_ka *ka, int64_t n, const float *phi, float *dphi, float *half)
{
    int64_t m = ka->m, ldm = ka->ldm;
    for (int64_t i = 0; i < n; i++) {
        ka->tile->mul(m, phi + i * ldm, dphi + i * ldm, dphi + i * ldm);
        if (half) half[i] = -ka->tile->sum(m, dphi + i * ldm);
    }
}

/* ---- hyperbolic: exponents +-w.y - |y|^2/2 ---- */

static void both_signs(const la_ka *ka, int64_t n, float *phi, float *half)
{
    int64_t M = ka->argument;
    (void)half;
    for (int64_t i = 0; i < n; i++)
        ka->tile->scale(M, -1.0f, phi + i * ka->ldm, phi + i * ka->ldm + M);
}

static void pull_both_signs(const la_ka *ka, int64_t n, const float *phi, float *dphi, float *half)
{
    int64_t M = ka->argument;
    pull_exponents(ka, n, phi, dphi, half);
    for (int64_t i = 0; i < n; i++)
        ka->tile->axpy(M, -1.0f, dphi + i * ka->ldm + M, dphi + i * ka->ldm);
}

/* ---- trig: exp(|y|^2/2) [sin w.y, cos w.y] ---- */

static void waves(const la_ka *ka, int64_t n, float *phi, float *half)
{
    for (int64_t i = 0; half && i < n; i++)
        half[i] = (float)exp((double)half[i] - LA_PERFORMER_TRIG_SHIFT);
    sweeps(ka)->waves(n, ka->argument, half, phi, ka->ldm);
}

static void pull_waves(const la_ka *ka, int64_t n, const float *phi, float *dphi, float *half)
{
    const la_tile *tile = ka->tile;
    int64_t M = ka->argument;
    for (int64_t i = 0; i < n; i++, phi += ka->ldm, dphi += ka->ldm) {
        if (half) half[i] = tile->dot(2 * M, phi, dphi);
        tile->mul(M, phi + M, dphi, dphi);     /* cos dsin */
        tile->mul(M, phi, dphi + M, dphi + M); /* sin dcos */
        tile->axpy(M, -1.0f, dphi + M, dphi);
    }
}

/* ---- relu: max(w.y, 0) + 1e-3 ---- */

static void rectify(const la_ka *ka, int64_t n, float *phi, float *half)
{
    (void)half;
    sweeps(ka)->relu(n, ka->argument, phi, ka->ldm);
}

static void pull_rectified(const la_ka *ka, int64_t n, const float *phi, float *dphi, float *half)
{
    for (int64_t i = 0; half && i < n; i++) half[i] = 0.0f;
    sweeps(ka)->relu_pull(n, ka->argument, phi, dphi, ka->ldm);
}

static const kernel kernels[] = {
    [LA_PERFORMER_POSITIVE] = {true, 1, NULL, pull_exponents},
    [LA_PERFORMER_HYPERBOLIC] = {true, 2, both_signs, pull_both_signs},
    [LA_PERFORMER_TRIG] = {false, 2, waves, pull_waves},
    [LA_PERFORMER_RELU] = {false, 1, rectify, pull_rectified},
};

/* ---- what they share ---- */

int64_t la_performer_rows(const la_problem *p, const void *opts)
{
    const la_performer_options *o = opts;
    if (o->features > 0) return o->features;
    int64_t M = (int64_t)round((double)p->dk * log((double)p->dk));
    return M > 1 ? M : 1;
}

int64_t la_performer_features(const la_problem *p, const void *opts)
{
    return kernels[((const la_performer_options *)opts)->kernel].width * la_performer_rows(p, opts);
}

/* Floats between rows of W' in `shared`. */
static int64_t stride(const la_ka *ka)
{
    return la_whole_lines(ka->argument);
}

static void features(const la_ka *ka, const float *const *in, const float *shared, int64_t head,
                     int64_t n, const float *x, int64_t ldx, float *phi, float *shift,
                     float *scratch)
{
    (void)head;
    const kernel *of = ka->map;
    int64_t dk = ka->p.dk, M = ka->argument;
    float s = (float)la_scale(&ka->p), root = sqrtf(s);
    if (shared)
        ka->tile->nn(n, M, dk, root, x, ldx, shared, stride(ka), false, phi, ka->ldm, scratch);
    else
        ka->tile->mv(M, dk, root, in[0], dk, x, false, phi);
    for (int64_t i = 0; shift && i < n; i++)
        shift[i] = 0.5f * s * ka->tile->dot(dk, x + i * ldx, x + i * ldx);
    if (of->finish) of->finish(ka, n, phi, shift);
}

/* With y = sqrt(s) x and de the gradient of W y: dW += de y', dy = W' de and, for keys, y times the gradient
 * of |y|^2/2. A query's size cancels. */
static void pull(const la_ka *ka, const float *const *in, int64_t head, int64_t n, const float *x,
                 int64_t ldx, bool key, const float *phi, float *dphi, float *dx, float *dparam,
                 float *scratch)
{
    (void)head;
    const kernel *of = ka->map;
    const la_tile *tile = ka->tile;
    int64_t dk = ka->p.dk, M = ka->argument, ldm = ka->ldm;
    float s = (float)la_scale(&ka->p), root = sqrtf(s), half[LA_KA_CHUNK];
    of->pull(ka, n, phi, dphi, key ? half : NULL);
    if (dparam) tile->tn(M, dk, n, root, dphi, ldm, x, ldx, true, dparam, dk, scratch);
    if (!dx) return;
    tile->nn(n, dk, M, root, dphi, ldm, in[0], dk, false, dx, ldx, scratch);
    for (int64_t i = 0; key && i < n; i++) tile->axpy(dk, s * half[i], x + i * ldx, dx + i * ldx);
}

/* W' [dk, stride]: rows of features, so that products read it in place. */
static void transpose_w(const la_ka *ka, const float *const *in, float *shared)
{
    ka->tile->transpose(ka->argument, ka->p.dk, in[0], ka->p.dk, shared, stride(ka));
}

la_ka la_performer_member(const la_problem *p, const void *opts, bool recurrent, la_isa isa)
{
    const kernel *of = &kernels[((const la_performer_options *)opts)->kernel];
    la_ka ka = {.p = *p,
                .m = la_performer_features(p, opts),
                .stabilised = of->exponents,
                .normalize = true,
                .recurrent = recurrent,
                .read_scale = 1.0f,
                .features = features,
                .pull = pull,
                .prepare = transpose_w,
                .map = of,
                .argument = la_performer_rows(p, opts)};
    ka.dparam = ka.argument * p->dk;
    ka.shared = stride(&ka) * p->dk;
    la_ka_init(&ka, isa);
    return ka;
}
