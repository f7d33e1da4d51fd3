/* SPDX-License-Identifier: Apache-2.0
 * Query rows go in tiles of ROWS through all r mixtures at once, so that a tile's scores are whole
 * rows: their maximum and sum need no second visit, and backward makes them again in the same way.
 */
#include <omp.h>
#include <string.h>

#include "labench/kit.h"
#include "labench/tile.h"
#include "linformer_internal.h"

#define ROWS 64 /* query rows of a tile */

typedef struct linformer {
    la_problem p;
    int64_t r;
    int64_t keys, values; /* floats of K' and of V' */
    int64_t scores;       /* floats of a thread's tile of scores */
    int64_t scratch;      /* floats of a thread's scratch for products */
    int64_t groups; /* backward: parts that the tiles of one (batch, head) are shared out to */
    const la_tile *tile;
} linformer;

static int64_t round_up(int64_t floats)
{
    return (floats + 15) / 16 * 16;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void shape(const la_problem *p, const void *opts, linformer *f)
{
    int64_t r = la_linformer_rank(p, opts), inner = most(most(r, p->dk), most(p->dv, ROWS));
    int64_t heads = p->B * p->H, tiles = (p->T + ROWS - 1) / ROWS;
    int64_t groups = heads >= p->threads ? 1 : (p->threads + heads - 1) / heads;
    *f = (linformer){.p = *p,
                     .r = r,
                     .keys = round_up(p->B * r * p->H * p->dk),
                     .values = round_up(p->B * r * p->H * p->dv),
                     .scores = round_up(ROWS * r),
                     .scratch = LA_TILE_SCRATCH(inner),
                     .groups = groups < tiles ? groups : tiles};
}

la_status la_linformer_sizes(const la_problem *p, la_pass pass, const void *opts,
                             const la_device *dev, la_sizes *out, la_err *err)
{
    (void)dev, (void)err;
    linformer f;
    shape(p, opts, &f);
    int64_t mixtures = f.keys + f.values, floats = p->threads * (f.scores + f.scratch), saved = 0;
    if (pass == LA_FORWARD) {
        floats += mixtures;
    } else {
        saved = mixtures;
        floats = f.groups * mixtures + p->threads * (2 * f.scores + f.scratch);
    }
    *out = (la_sizes){.saved = (size_t)saved * sizeof(float),
                      .work = (size_t)floats * sizeof(float),
                      .instance = sizeof(linformer)};
    return LA_OK;
}

la_status la_linformer_create(const la_problem *p, const void *opts, const la_device *dev,
                              void **self, la_err *err)
{
    linformer *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    shape(p, opts, f);
    f->tile = la_tile_get(dev->isa);
    *self = f;
    return LA_OK;
}

/* The scores of n query rows with all mixtures, softmaxed but for the factor weight[i] of each row.
 * P is [n, r]. */
static void score(const linformer *f, int64_t n, const float *q, const float *K, float *P,
                  float *weight, float *scratch)
{
    const la_tile *tile = f->tile;
    int64_t row = f->p.H * f->p.dk, r = f->r;
    tile->nt(n, r, f->p.dk, (float)la_scale(&f->p), q, row, K, row, false, P, r, scratch);
    for (int64_t i = 0; i < n; i++) {
        float *x = P + i * r;
        weight[i] = 1.0f / tile->exp_sum(r, 1.0f, -tile->max(r, x), x, x);
    }
}

static void attend(const linformer *f, int64_t n, const float *q, const float *K, const float *V,
                   float *o, float *P, float *scratch)
{
    const la_tile *tile = f->tile;
    int64_t row = f->p.H * f->p.dv, dv = f->p.dv, r = f->r;
    float weight[ROWS];
    score(f, n, q, K, P, weight, scratch);
    tile->nn(n, dv, r, 1.0f, P, r, V, row, false, o, row, scratch);
    for (int64_t i = 0; i < n; i++) tile->scale(dv, weight[i], o + i * row, o + i * row);
}

la_status la_linformer_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const linformer *f = self;
    int64_t T = f->p.T, Tcap = f->p.Tcap, H = f->p.H, dk = f->p.dk, dv = f->p.dv, r = f->r;
    float *work = io->work, *K = io->saved ? io->saved : work, *V = K + f->keys;
    float *per_thread = io->saved ? work : V + f->values;
    for (int64_t b = 0; b < f->p.B; b++) {
        const float *k = (const float *)io->k + b * T * H * dk;
        const float *v = (const float *)io->v + b * T * H * dv;
        la_gemm(false, false, r, H * dk, T, 1.0f, io->params[0], Tcap, k, H * dk, 0.0f,
                K + b * r * H * dk, H * dk);
        la_gemm(false, false, r, H * dv, T, 1.0f, io->params[1], Tcap, v, H * dv, 0.0f,
                V + b * r * H * dv, H * dv);
    }
    int64_t tiles = (T + ROWS - 1) / ROWS;
#pragma omp parallel for num_threads(f->p.threads) schedule(static)
    for (int64_t i = 0; i < f->p.B * H * tiles; i++) {
        int64_t b = i / (H * tiles), h = i / tiles % H, t = i % tiles * ROWS;
        float *P = per_thread + omp_get_thread_num() * (f->scores + f->scratch);
        attend(f, T - t < ROWS ? T - t : ROWS, (const float *)io->q + ((b * T + t) * H + h) * dk,
               K + (b * r * H + h) * dk, V + (b * r * H + h) * dv,
               (float *)io->o + ((b * T + t) * H + h) * dv, P, P + f->scores);
    }
    return LA_OK;
}

/* What backward reads and writes of one (batch, head): pointers to its first row, rows of H*d. */
typedef struct head {
    const float *q, *dout, *K, *V;
    float *dq, *dK, *dV; /* dq NULL: not wanted */
} head;

/* n query rows from token t: dq, and their share of dK' and dV'. */
static void tile_backward(const linformer *f, const head *x, int64_t t, int64_t n, bool add,
                          float *P, float *dS, float *scratch)
{
    const la_tile *tile = f->tile;
    int64_t dk = f->p.dk, dv = f->p.dv, r = f->r, wk = f->p.H * dk, wv = f->p.H * dv;
    float s = (float)la_scale(&f->p), weight[ROWS];
    const float *q = x->q + t * wk, *dout = x->dout + t * wv;
    score(f, n, q, x->K, P, weight, scratch);
    tile->nt(n, r, dv, 1.0f, dout, wv, x->V, wv, false, dS, r, scratch);
    for (int64_t i = 0; i < n; i++) {
        float *p = P + i * r, *d = dS + i * r;
        tile->scale(r, weight[i], p, p);
        float mean = tile->dot(r, p, d);
        for (int64_t j = 0; j < r; j++) d[j] = p[j] * (d[j] - mean);
    }
    tile->tn(r, dv, n, 1.0f, P, r, dout, wv, add, x->dV, wv, scratch);
    tile->tn(r, dk, n, s, dS, r, q, wk, add, x->dK, wk, scratch);
    if (x->dq) tile->nn(n, dk, r, s, dS, r, x->K, wk, false, x->dq + t * wk, wk, scratch);
}

/* dx = E^T dm and dE = sum over batch of dm x^T, for one of k and v; rows of H*d floats. */
static void unmix(const linformer *f, int64_t d, const float *E, const float *x, const float *dm,
                  float *dx, float *dE)
{
    int64_t T = f->p.T, Tcap = f->p.Tcap, r = f->r, w = f->p.H * d;
    for (int64_t b = 0; b < f->p.B; b++) {
        if (dx)
            la_gemm(true, false, T, w, r, 1.0f, E, Tcap, dm + b * r * w, w, 0.0f, dx + b * T * w,
                    w);
        if (dE)
            la_gemm(false, true, r, T, w, 1.0f, dm + b * r * w, w, x + b * T * w, w,
                    b ? 1.0f : 0.0f, dE, Tcap);
    }
    for (int64_t j = 0; dE && T < Tcap && j < r; j++)
        memset(dE + j * Tcap + T, 0, (size_t)(Tcap - T) * sizeof *dE);
}

static void attend_backward(const linformer *f, const la_io *io, const la_grads *grads, float *dK,
                            float *per_thread)
{
    int64_t T = f->p.T, H = f->p.H, dk = f->p.dk, dv = f->p.dv, r = f->r, heads = f->p.B * H;
    int64_t tiles = (T + ROWS - 1) / ROWS, mixtures = f->keys + f->values;
    const float *K = io->saved, *V = K + f->keys;
#pragma omp parallel for num_threads(f->p.threads) schedule(static)
    for (int64_t i = 0; i < heads * f->groups; i++) {
        int64_t g = i % f->groups, b = i / f->groups / H, h = i / f->groups % H;
        int64_t tk = (b * T * H + h) * dk, tv = (b * T * H + h) * dv;
        int64_t mk = (b * r * H + h) * dk, mv = (b * r * H + h) * dv;
        float *part = dK + g * mixtures;
        head x = {.q = (const float *)io->q + tk,
                  .dout = (const float *)grads->dout + tv,
                  .K = K + mk,
                  .V = V + mv,
                  .dq = grads->dq ? (float *)grads->dq + tk : NULL,
                  .dK = part + mk,
                  .dV = part + f->keys + mv};
        float *P = per_thread + omp_get_thread_num() * (2 * f->scores + f->scratch);
        int64_t first = tiles * g / f->groups, last = tiles * (g + 1) / f->groups;
        for (int64_t t = first * ROWS; t < T && t < last * ROWS; t += ROWS)
            tile_backward(f, &x, t, T - t < ROWS ? T - t : ROWS, t > first * ROWS, P, P + f->scores,
                          P + 2 * f->scores);
    }
    for (int64_t g = 1; g < f->groups; g++) f->tile->axpy(mixtures, 1.0f, dK + g * mixtures, dK);
}

la_status la_linformer_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const linformer *f = self;
    float *dK = io->work;
    attend_backward(f, io, grads, dK, dK + f->groups * (f->keys + f->values));
    float *dE = grads->dparams ? grads->dparams[0] : NULL;
    float *dF = grads->dparams ? grads->dparams[1] : NULL;
    unmix(f, f->p.dk, io->params[0], io->k, dK, grads->dk, dE);
    unmix(f, f->p.dv, io->params[1], io->v, dK + f->keys, grads->dv, dF);
    return LA_OK;
}
