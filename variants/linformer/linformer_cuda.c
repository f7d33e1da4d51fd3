/* SPDX-License-Identifier: Apache-2.0
 * Linformer on CUDA devices: products of matrices, and a softmax of rows of r scores. Query rows come in
 * panels whose scores stay in the device's L2 cache, so that they never reach memory.
 *
 *   forward   K' = E K, V' = F V; a panel: S = s Q K'', P = softmax(S), O = P V'
 *   backward  K' and V' are saved; a panel makes P again, then dV' += P'dO, dP = dO V'',
 *             dS = P (dP - rowsum(P dP)), dQ = s dS K', dK' += s dS'Q
 *             through the mixtures: dK = E'dK', dE = sum over sequences of dK' K', likewise dV and dF
 *
 * K', V', their gradients, scores and, in backward, weights are float32: K' is as large as its sum over tokens
 * makes it, and what dS leaves of it in dQ is small. In forward P has the type of the inputs.
 */
#include "labench/cuda_gemm.h"
#include "labench/kit.h"
#include "linformer_internal.h"
#include "softmax_rows.h"
#include "zero_rows.h"

/* Scores of a panel that stay in the L2 of the devices we know, 40 MB and more. */
#define PANEL_BYTES ((size_t)24 << 20)
#define PANEL_LEAST 64

typedef struct instance {
    la_problem p;
    int64_t r, panel;    /* query rows of a panel */
    size_t keys, values; /* bytes of K' [B,r,H,dk] and of V' [B,r,H,dv], float32 */
    size_t scores;       /* bytes of a panel's */
} instance;

static instance instance_of(const la_problem *p, const void *opts)
{
    instance f = {.p = *p, .r = la_linformer_rank(p, opts)};
    size_t heads = (size_t)(p->B * p->H), row = heads * (size_t)f.r * sizeof(float);
    f.panel = (int64_t)(PANEL_BYTES / row) / PANEL_LEAST * PANEL_LEAST;
    if (f.panel < PANEL_LEAST) f.panel = PANEL_LEAST;
    if (f.panel > p->T) f.panel = p->T;
    f.keys = la_align(row * (size_t)p->dk);
    f.values = la_align(row * (size_t)p->dv);
    f.scores = la_align(row * (size_t)f.panel);
    return f;
}

/* ---- products; T' = r mixtures ---- */

static void *at(const void *base, int64_t elements, la_dtype type)
{
    return (char *)(uintptr_t)base + (size_t)elements * la_dtype_size(type);
}

/* q, o or a gradient [B,T,H,d], from token t on. */
static la_cuda_matrix tokens(const la_problem *p, const void *x, int64_t d, int64_t t)
{
    return (la_cuda_matrix){.data = at(x, t * p->H * d, p->dtype),
                            .dtype = p->dtype,
                            .ld = p->H * d,
                            .step = {p->T * p->H * d, d, 0}};
}

/* K', V' or a gradient, [B,r,H,d]. */
static la_cuda_matrix mixtures(const instance *f, const float *x, int64_t d, bool transposed)
{
    return (la_cuda_matrix){.data = (void *)(uintptr_t)x,
                            .dtype = LA_F32,
                            .ld = f->p.H * d,
                            .transposed = transposed,
                            .step = {f->r * f->p.H * d, d, 0}};
}

/* A panel of n rows a head. */
static la_cuda_matrix square(const instance *f, int64_t n, void *x, la_dtype type, bool transposed)
{
    int64_t ld = la_softmax_rows_ld(type, f->r);
    return (la_cuda_matrix){.data = x,
                            .dtype = type,
                            .ld = ld,
                            .transposed = transposed,
                            .step = {f->p.H * n * ld, n * ld, 0}};
}

/* All heads of a sequence side by side, one matrix a sequence. */
static la_cuda_matrix joined(la_cuda_matrix m)
{
    m.step[1] = 0;
    return m;
}

static la_cuda_matrix mixer(const instance *f, const float *E, bool transposed)
{
    return (la_cuda_matrix){
        .data = (void *)(uintptr_t)E, .dtype = LA_F32, .ld = f->p.Tcap, .transposed = transposed};
}

static la_cuda_product heads_product(const instance *f, int64_t m, int64_t n, int64_t k)
{
    return (la_cuda_product){.m = m, .n = n, .k = k, .batch = {f->p.B, f->p.H, 1}, .alpha = 1.0f};
}

/* E x */
static la_cuda_product mix(const instance *f, const float *E, const void *x, int64_t d, float *to)
{
    la_cuda_product g = heads_product(f, f->r, f->p.H * d, f->p.T);
    g.batch[1] = 1;
    g.a = mixer(f, E, false);
    g.b = joined(tokens(&f->p, x, d, 0));
    g.c = joined(mixtures(f, to, d, false));
    return g;
}

/* E'x' */
static la_cuda_product unmix(const instance *f, const float *E, const float *x, int64_t d, void *to)
{
    la_cuda_product g = heads_product(f, f->p.T, f->p.H * d, f->r);
    g.batch[1] = 1;
    g.a = mixer(f, E, true);
    g.b = joined(mixtures(f, x, d, false));
    g.c = joined(tokens(&f->p, to, d, 0));
    return g;
}

/* The sum over sequences of dx' x' */
static la_cuda_product mixer_slope(const instance *f, const float *dx, const void *x, int64_t d,
                                   float *to)
{
    la_cuda_product g = heads_product(f, f->r, f->p.T, f->p.H * d);
    g.batch[0] = g.batch[1] = 1;
    g.terms = f->p.B;
    g.a = mixtures(f, dx, d, false);
    g.a.term_step = g.a.step[0];
    g.b = tokens(&f->p, x, d, 0);
    g.b.transposed = true;
    g.b.term_step = g.b.step[0];
    g.c = mixer(f, to, false);
    return g;
}

/* A panel's x m' of n rows from token t on, for rows x and mixtures m. */
static la_cuda_product panel_scores(const instance *f, int64_t t, int64_t n, const void *x,
                                    const float *m, int64_t d, float *to)
{
    la_cuda_product g = heads_product(f, n, f->r, d);
    g.a = tokens(&f->p, x, d, t);
    g.b = mixtures(f, m, d, true);
    g.c = square(f, n, to, LA_F32, false);
    return g;
}

/* A panel's weights, of that type, times mixtures. */
static la_cuda_product panel_rows(const instance *f, int64_t t, int64_t n, void *P, la_dtype type,
                                  const float *m, int64_t d, void *to)
{
    la_cuda_product g = heads_product(f, n, d, f->r);
    g.a = square(f, n, P, type, false);
    g.b = mixtures(f, m, d, false);
    g.c = tokens(&f->p, to, d, t);
    return g;
}

/* What a panel's weights and rows add to the gradient of mixtures. */
static la_cuda_product panel_mixtures(const instance *f, int64_t t, int64_t n, void *P,
                                      la_dtype type, const void *x, int64_t d, float *to)
{
    la_cuda_product g = heads_product(f, f->r, d, n);
    g.a = square(f, n, P, type, true);
    g.b = tokens(&f->p, x, d, t);
    g.c = mixtures(f, to, d, false);
    g.beta = t > 0 ? 1.0f : 0.0f;
    return g;
}

/* ---- scratch: K', V'; in backward dK', dV'; one or two panels; what la_cuda_gemm wants ---- */

typedef struct layout {
    size_t keys, values, dkeys, dvalues, S, dS, split, split_bytes, total;
} layout;

static void want(layout *l, la_cuda_product g)
{
    size_t bytes = la_cuda_gemm_bytes(&g);
    if (bytes > l->split_bytes) l->split_bytes = bytes;
}

static layout layout_of(const instance *f, bool backward)
{
    const la_problem *p = &f->p;
    layout l = {.values = f->keys, .dkeys = f->keys + f->values};
    l.dvalues = l.dkeys + (backward ? f->keys : 0);
    l.S = l.dvalues + (backward ? f->values : 0);
    l.dS = l.S + f->scores;
    l.split = l.dS + (backward ? f->scores : 0);
    want(&l, mix(f, NULL, NULL, p->dk, NULL));
    want(&l, mix(f, NULL, NULL, p->dv, NULL));
    want(&l, panel_scores(f, 0, f->panel, NULL, NULL, p->dk, NULL));
    want(&l, panel_rows(f, 0, f->panel, NULL, p->dtype, NULL, p->dv, NULL));
    if (backward) {
        want(&l, panel_rows(f, 0, f->panel, NULL, LA_F32, NULL, p->dk, NULL));
        want(&l, panel_mixtures(f, 0, f->panel, NULL, LA_F32, NULL, p->dk, NULL));
        want(&l, panel_mixtures(f, 0, f->panel, NULL, LA_F32, NULL, p->dv, NULL));
        want(&l, mixer_slope(f, NULL, NULL, p->dk, NULL));
        want(&l, mixer_slope(f, NULL, NULL, p->dv, NULL));
    }
    l.total = l.split + la_align(l.split_bytes);
    return l;
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)dev, (void)err;
    const instance f = instance_of(p, opts);
    bool backward = pass == LA_BACKWARD || pass == LA_FWDBWD;
    *out = (la_sizes){.work = layout_of(&f, backward).total, .instance = sizeof(instance)};
    if (backward) out->saved = f.keys + f.values;
    return LA_OK;
}

static la_status create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err)
{
    (void)dev;
    instance *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    *f = instance_of(p, opts);
    *self = f;
    return LA_OK;
}

/* ---- calls ---- */

typedef struct call {
    const instance *f;
    const la_io *io;
    char *work;
    layout l;
} call;

static float *part(const call *c, size_t offset)
{
    return (float *)(void *)(c->work + offset);
}

static la_status run(const call *c, la_cuda_product g, float alpha, la_err *err)
{
    g.alpha = alpha;
    g.stream = c->io->stream;
    g.work = part(c, c->l.split);
    g.work_bytes = c->l.split_bytes;
    return la_cuda_gemm(&g, err);
}

/* The weights of n rows from token t on, of that type, in place of their scores. */
static la_status weigh(const call *c, int64_t t, int64_t n, const float *keys, la_dtype type,
                       float *S, la_softmax_rows *rows, la_err *err)
{
    const instance *f = c->f;
    const la_problem *p = &f->p;
    *rows = (la_softmax_rows){
        .rows = p->B * p->H * n, .len = f->r, .tokens = n, .dtype = type, .stream = c->io->stream};
    LA_TRY(run(c, panel_scores(f, t, n, c->io->q, keys, p->dk, S), (float)la_scale(p), err));
    return la_softmax_rows_weigh(rows, S, S, la_softmax_rows_ld(type, f->r), err);
}

static int64_t panel_of(const instance *f, int64_t t)
{
    return f->p.T - t < f->panel ? f->p.T - t : f->panel;
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    const instance *f = self;
    const la_problem *p = &f->p;
    call c = {.f = f, .io = io, .work = io->work, .l = layout_of(f, false)};
    char *kept = io->saved ? io->saved : c.work;
    float *keys = (float *)(void *)kept, *values = (float *)(void *)(kept + f->keys);
    float *S = part(&c, c.l.S);
    LA_TRY(run(&c, mix(f, io->params[0], io->k, p->dk, keys), 1.0f, err));
    LA_TRY(run(&c, mix(f, io->params[1], io->v, p->dv, values), 1.0f, err));
    for (int64_t t = 0; t < p->T; t += f->panel) {
        int64_t n = panel_of(f, t);
        la_softmax_rows rows;
        LA_TRY(weigh(&c, t, n, keys, p->dtype, S, &rows, err));
        LA_TRY(run(&c, panel_rows(f, t, n, S, p->dtype, values, p->dv, io->o), 1.0f, err));
    }
    return LA_OK;
}

/* What n rows from token t on give: dq, and their share of dK' and dV'. */
static la_status panel_backward(const call *c, const la_grads *g, int64_t t, la_err *err)
{
    const instance *f = c->f;
    const la_problem *p = &f->p;
    const float *keys = c->io->saved;
    const float *values = (const float *)(const void *)((const char *)c->io->saved + f->keys);
    int64_t n = panel_of(f, t);
    float s = (float)la_scale(p), *S = part(c, c->l.S), *dS = part(c, c->l.dS);
    la_softmax_rows rows;
    LA_TRY(weigh(c, t, n, keys, LA_F32, S, &rows, err));
    LA_TRY(run(c, panel_mixtures(f, t, n, S, LA_F32, g->dout, p->dv, part(c, c->l.dvalues)), 1.0f,
               err));
    LA_TRY(run(c, panel_scores(f, t, n, g->dout, values, p->dv, dS), 1.0f, err));
    LA_TRY(la_softmax_rows_slopes(&rows, S, f->r, dS, LA_F32, err));
    if (g->dq) LA_TRY(run(c, panel_rows(f, t, n, dS, LA_F32, keys, p->dk, g->dq), s, err));
    return run(c, panel_mixtures(f, t, n, dS, LA_F32, c->io->q, p->dk, part(c, c->l.dkeys)), s,
               err);
}

/* Through one mixer: the gradients of what it mixed, and of itself. */
static la_status through(const call *c, const float *E, const void *x, const float *dm, int64_t d,
                         void *dx, float *dE, la_err *err)
{
    const instance *f = c->f;
    const la_problem *p = &f->p;
    if (dx) LA_TRY(run(c, unmix(f, E, dm, d, dx), 1.0f, err));
    if (!dE) return LA_OK;
    size_t one = sizeof(float);
    LA_TRY(la_zero_rows(dE + p->T, f->r, (size_t)(p->Tcap - p->T) * one, (size_t)p->Tcap * one,
                        c->io->stream, err));
    return run(c, mixer_slope(f, dm, x, d, dE), 1.0f, err);
}

static la_status backward(void *self, const la_io *io, const la_grads *g, la_err *err)
{
    const instance *f = self;
    const la_problem *p = &f->p;
    call c = {.f = f, .io = io, .work = io->work, .l = layout_of(f, true)};
    for (int64_t t = 0; t < p->T; t += f->panel) LA_TRY(panel_backward(&c, g, t, err));
    float *dE = g->dparams ? g->dparams[0] : NULL, *dF = g->dparams ? g->dparams[1] : NULL;
    LA_TRY(through(&c, io->params[0], io->k, part(&c, c.l.dkeys), p->dk, g->dk, dE, err));
    return through(&c, io->params[1], io->v, part(&c, c.l.dvalues), p->dv, g->dv, dF, err);
}

const la_cuda_kernels la_linformer_cuda = {
    .sizes = sizes, .create = create, .destroy = la_free, .forward = forward, .backward = backward};
