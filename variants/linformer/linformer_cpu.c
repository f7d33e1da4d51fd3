/* SPDX-License-Identifier: Apache-2.0
 * Mixtures: blocks of tokens meet the rows of E for them, made contiguous; K' and V' of all heads are the
 * columns of one product each. Then panels of query rows, one in each vector lane, meet all r mixtures
 * at once, so that scores are whole columns and their maximum and sum need no second visit.
 * In bf16 rows are widened where they are read and narrowed where they are written; the mixtures stay in
 * float32: K' grows with sqrt(T / r), and a score rounded with it would be off by a part of a unit.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "labench/kit.h"
#include "labench/simd.h"
#include "linformer_internal.h"

#define MIX_FLOATS 32768 /* of E in a block: 128 KiB, beside as much of k and the sums they go to */
#define MIX_TOKENS 256   /* most of a block */

static void shape(const la_problem *p, const void *opts, const la_device *dev, linformer *f)
{
    int64_t r = la_linformer_rank(p, opts), H = p->H, d = la_most(p->dk, p->dv);
    const la_tile *tile = la_tile_get(dev->isa);
    int64_t block = la_least(la_most(MIX_FLOATS / r / 16 * 16, 16), MIX_TOKENS), w = tile->panel;
    *f = (linformer){.p = *p,
                     .r = r,
                     .block = block,
                     .keys = la_whole_lines(p->B * r * H * p->dk),
                     .values = la_whole_lines(p->B * r * H * p->dv),
                     .parts = la_even_parts(2 * p->B, p->threads, (p->T + block - 1) / block, 8),
                     .groups = la_even_parts(p->B * H, p->threads, (p->T + w - 1) / w, 8),
                     .tile = tile,
                     .narrow = p->dtype == LA_BF16 ? la_tile_bf16_get(dev->isa) : NULL,
                     .lanes = LA_ISA_TABLE(la_linformer_lanes, dev->isa)};
    linformer_layout *l = &f->own;
    int64_t rows = la_most(block * H * d, 2 * w * d); /* mixtures; a panel's rows of q and do */
    l->mix = la_whole_lines(block * r);
    l->in = p->dtype == LA_BF16 ? la_whole_lines(rows) : 0;
    l->panel = la_whole_lines(w * d);
    l->score = la_whole_lines(r * w);
    l->mixing = LA_TILE_SCRATCH(block);
    l->scratch = LA_TILE_SCRATCH(la_most(la_most(block, w), la_most(r, H * d)));
    l->total = la_most(l->mix + l->mixing, 2 * l->panel + l->score) + l->in;
}

la_status la_linformer_sizes(const la_problem *p, la_pass pass, const void *opts,
                             const la_device *dev, la_sizes *out, la_err *err)
{
    (void)err;
    linformer f;
    shape(p, opts, dev, &f);
    int64_t mixtures = f.keys + f.values;
    int64_t floats = p->threads * f.own.total + (f.parts - 1) * mixtures, saved = 0;
    if (pass == LA_FORWARD)
        floats += mixtures;
    else
        saved = mixtures, floats = la_most(floats, la_linformer_back_floats(&f));
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
    shape(p, opts, dev, f);
    *self = f;
    return LA_OK;
}

const float *la_linformer_rows(const linformer *f, const void *x, int64_t at, int64_t step,
                               int64_t n, int64_t d, float *to, int64_t *ld)
{
    *ld = f->narrow ? d : step;
    if (!f->narrow) return (const float *)x + at;
    f->narrow->widen_rows(n, d, (const la_bf16 *)x + at, step, to, d);
    return to;
}

/* ---- mixtures ---- */

void la_linformer_mix(const linformer *f, const float *E, int64_t t, int64_t n, float *to)
{
    for (int64_t j = 0; j < f->r; j++)
        memcpy(to + j * f->block, E + j * f->p.Tcap + t, (size_t)n * sizeof *to);
}

/* out [r, H d] = E x over the tokens of one part of sequence b. */
static void mixture(const linformer *f, int64_t b, int64_t part, int64_t d, const float *E,
                    const void *x, float *out, float *work)
{
    int64_t T = f->p.T, w = f->p.H * d, ld, blocks = (T + f->block - 1) / f->block;
    int64_t first = blocks * part / f->parts * f->block;
    int64_t end = la_least(blocks * (part + 1) / f->parts * f->block, T);
    float *mix = work, *scratch = mix + f->own.mix, *in = scratch + f->own.mixing;
    for (int64_t t = first; t < end; t += f->block) {
        int64_t n = la_least(end - t, f->block);
        la_linformer_mix(f, E, t, n, mix);
        const float *rows = la_linformer_rows(f, x, (b * T + t) * w, w, n, w, in, &ld);
        f->tile->nn(f->r, w, n, 1.0f, mix, f->block, rows, ld, t > first, out, w, scratch);
    }
}

/* K' and V' of all sequences by the threads of the calling region; parts after the first are summed into
 * `more`, [parts - 1] times K' and V', and added in order. */
static void mixtures(const linformer *f, const la_io *io, float *K, float *more, float *work)
{
    int64_t B = f->p.B, H = f->p.H, r = f->r, dk = f->p.dk, dv = f->p.dv,
            both = f->keys + f->values;
#pragma omp for schedule(static)
    for (int64_t i = 0; i < 2 * B * f->parts; i++) {
        int64_t part = i % f->parts, b = i / f->parts / 2;
        float *to = part ? more + (part - 1) * both : K;
        if (i / f->parts % 2)
            mixture(f, b, part, dv, io->params[1], io->v, to + f->keys + b * r * H * dv, work);
        else
            mixture(f, b, part, dk, io->params[0], io->k, to + b * r * H * dk, work);
    }
    if (f->parts == 1) return;
#pragma omp for schedule(static)
    for (int64_t j = 0; j < both; j += 4096)
        for (int64_t part = 1; part < f->parts; part++)
            f->tile->axpy(la_least(both - j, 4096), 1.0f, more + (part - 1) * both + j, K + j);
}

/* ---- attention ---- */

void la_linformer_enter(const linformer *f, int64_t n, int64_t d, const float *x, int64_t ld,
                        float *to)
{
    int64_t w = f->tile->panel;
    if (n < w) memset(to, 0, (size_t)(d * w) * sizeof *to);
    f->tile->transpose(n, d, x, ld, to, w);
}

void la_linformer_score(const linformer *f, const float *qt, const float *K, float *S,
                        float *weight)
{
    int64_t w = f->tile->panel, dk = f->p.dk;
    float scale2 = (float)(la_scale(&f->p) * 1.4426950408889634);
    /* B is one panel wide and read in place: no scratch. */
    f->tile->nn(f->r, w, dk, scale2, K, f->p.H * dk, qt, w, false, S, w, NULL);
    f->lanes.softmax(f->r, S, weight);
}

void la_linformer_leave(const linformer *f, int64_t n, int64_t d, const float *x,
                        const float *factor, void *out, int64_t at, int64_t step, float *rows)
{
    float *to = f->narrow ? rows : (float *)out + at;
    int64_t ld = f->narrow ? d : step;
    f->tile->transpose(d, n, x, f->tile->panel, to, ld);
    if (factor) f->tile->scale_rows(n, d, factor, to, ld, to, ld);
    if (f->narrow) f->narrow->narrow_rows(n, d, rows, d, (la_bf16 *)out + at, step);
}

/* n query rows of one head from token t on. */
static void attend(const linformer *f, const la_io *io, int64_t i, int64_t t, const float *K,
                   float *work)
{
    int64_t T = f->p.T, H = f->p.H, dk = f->p.dk, dv = f->p.dv, r = f->r, w = f->tile->panel, ld;
    int64_t b = i / H, h = i % H, n = la_least(T - t, w), row = (b * T + t) * H + h;
    const float *V = K + f->keys + (b * r * H + h) * dv;
    float *panel = work, *ot = panel + f->own.panel, *S = ot + f->own.panel;
    float *in = S + f->own.score, weight[LA_TILE_PANEL];
    const float *q = la_linformer_rows(f, io->q, row * dk, H * dk, n, dk, in, &ld);
    la_linformer_enter(f, n, dk, q, ld, panel);
    la_linformer_score(f, panel, K + (b * r * H + h) * dk, S, weight);
    f->tile->tn(dv, w, r, 1.0f, V, H * dv, S, w, false, ot, w, NULL);
    la_linformer_leave(f, n, dv, ot, weight, io->o, row * dv, H * dv, in);
}

la_status la_linformer_forward(void *self, const la_io *io, la_err *err)
{
    (void)err;
    const linformer *f = self;
    int64_t w = f->tile->panel, tiles = (f->p.T + w - 1) / w, both = f->keys + f->values;
    float *K = io->saved ? io->saved : io->work;
    float *more = io->saved ? io->work : K + both, *sets = more + (f->parts - 1) * both;
#pragma omp parallel num_threads(f->p.threads)
    {
        float *work = sets + omp_get_thread_num() * f->own.total;
        mixtures(f, io, K, more, work);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < f->p.B * f->p.H * tiles; i++)
            attend(f, io, i / tiles, i % tiles * w, K, work);
    }
    return LA_OK;
}
