/* SPDX-License-Identifier: Apache-2.0
 * Backward of softmax attention by tiles: which rows meet which keys, on which thread.
 *
 * A unit of work is one part of the query blocks of one (batch, kv head), with all query heads that
 * read it: it owns the dQ of its rows and adds to one dK and dV. So no two threads ever add to the same
 * place, and the order of every sum depends on the plan alone.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "flash_kernels.h"
#include "labench/kit.h"

enum {
    BLOCK_BYTES = 512 * 1024, /* of a block's arrays: half of a usual L2 */
    MOST_PANELS = 8,
    BLOCKS_A_PART = 8, /* wanted where a head is shared, so that parts end together */
};

void la_flash_back_plan(flash *f)
{
    const la_problem *p = &f->p;
    int64_t w = f->tile->panel, all = (p->T + w - 1) / w, heads = p->B * p->Hkv;
    double flops = la_flash_flops(f, 0);
    f->back = LA_ISA_TABLE(la_flash_back, f->tile->isa);
    f->back_parts = 1;
    while (flops >= FLASH_SERIAL_FLOPS && f->back_parts < all &&
           heads * f->back_parts % p->threads != 0 && heads * f->back_parts < 4 * p->threads)
        f->back_parts++;
    int64_t fit = BLOCK_BYTES / (w * (3 * p->dk + 2 * p->dv) * (int64_t)sizeof(float));
    int64_t fair = f->back_parts > 1 ? all / (f->back_parts * BLOCKS_A_PART) : all;
    int64_t panels = fit < MOST_PANELS ? fit : MOST_PANELS;
    if (panels > fair) panels = fair;
    f->back_panels = panels < 1 ? 1 : panels;
}

/* Floats of each array of a thread's working set, and of one part's dK and dV. */
typedef struct layout {
    size_t dk, dv, rows, scores, kt, vt, scratch, total, part_k, part_v;
} layout;

static layout layout_of(const flash *f)
{
    int64_t w = f->tile->panel, n = f->back_panels, dk = f->p.dk, dv = f->p.dv;
    layout l = {.dk = la_flash_floats(n, dk, w),
                .dv = la_flash_floats(n, dv, w),
                .rows = la_flash_floats(n, w, 1),
                .scores = la_flash_floats(FLASH_BACK_KEYS, w, 1),
                .kt = la_flash_floats(FLASH_BACK_KEYS, dk, 1),
                .vt = la_flash_floats(FLASH_BACK_KEYS, dv, 1),
                .scratch = la_flash_floats(LA_TILE_SCRATCH(w), 1, 1),
                .part_k = la_flash_floats(f->p.T, dk, 1),
                .part_v = la_flash_floats(f->p.T, dv, 1)};
    l.total = 3 * l.dk + 2 * l.dv + 2 * l.rows + 2 * l.scores + l.kt + l.vt + l.scratch;
    return l;
}

/* Floats of the dK and dV of all parts but the first. */
static size_t parts_floats(const flash *f, const layout *l)
{
    return (size_t)(f->p.B * f->p.Hkv * (f->back_parts - 1)) * (l->part_k + l->part_v);
}

size_t la_flash_back_bytes(const flash *f)
{
    layout l = layout_of(f);
    return ((size_t)f->p.threads * l.total + parts_floats(f, &l)) * sizeof(float);
}

/* Where one part of a (batch, kv head) adds its dK and dV. */
typedef struct sums {
    float *dk, *dv; /* NULL: not wanted */
    int64_t dk_step, dv_step;
} sums;

static sums sums_of(const flash *f, const la_io *io, const la_grads *grads, int64_t i, int64_t part)
{
    const la_problem *p = &f->p;
    int64_t at = i / p->Hkv * p->T * p->Hkv + i % p->Hkv;
    sums s = {.dk_step = p->Hkv * p->dk, .dv_step = p->Hkv * p->dv};
    if (grads->dk) s.dk = (float *)grads->dk + at * p->dk;
    if (grads->dv) s.dv = (float *)grads->dv + at * p->dv;
    if (part == 0) return s;
    layout l = layout_of(f);
    float *own = (float *)io->work + (size_t)p->threads * l.total +
                 (size_t)(i * (f->back_parts - 1) + part - 1) * (l.part_k + l.part_v);
    return (sums){.dk = grads->dk ? own : NULL,
                  .dv = grads->dv ? own + l.part_k : NULL,
                  .dk_step = p->dk,
                  .dv_step = p->dv};
}

static void clear(float *x, int64_t step, int64_t n, int64_t d)
{
    for (int64_t t = 0; x && t < n; t++) memset(x + t * step, 0, (size_t)d * sizeof *x);
}

static flash_back_block block_in(const flash *f, float *work, int64_t rows, bool want_dq)
{
    layout l = layout_of(f);
    flash_back_block b = {.tile = f->tile,
                          .dk = f->p.dk,
                          .dv = f->p.dv,
                          .rows = rows,
                          .panels = (rows + f->tile->panel - 1) / f->tile->panel,
                          .scale = (float)f->scale,
                          .scale2 = (float)(f->scale * 1.4426950408889634)};
    b.qt = work;
    b.dot = b.qt + l.dk;
    float *at = b.dot + l.dv;
    b.dqt = want_dq ? at : NULL;
    b.q = at + l.dk;
    b.dout = b.q + l.dk;
    b.lse2 = at + 2 * l.dk + l.dv;
    b.delta = b.lse2 + l.rows;
    b.p = b.delta + l.rows;
    b.ds = b.p + l.scores;
    b.kt = b.ds + l.scores;
    b.vt = b.kt + l.kt;
    b.scratch = b.vt + l.vt;
    return b;
}

/* Panels of X' for the block's rows of X, lanes without a row cleared. */
static void panels_of(const flash *f, const flash_back_block *b, const float *x, int64_t step,
                      int64_t d, float *to)
{
    int64_t w = f->tile->panel;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        float *panel = to + i * d * w;
        if (rows < w) memset(panel, 0, (size_t)(d * w) * sizeof *panel);
        f->tile->transpose(rows, d, x + i * w * step, step, panel, w);
    }
}

/* Brings in the block's rows of Q, O, dO and the log-sum-exp. */
static void enter(const flash *f, const flash_back_block *b, const float *q, int64_t q_step,
                  const float *o, const float *dout, int64_t o_step, const float *lse)
{
    panels_of(f, b, q, q_step, b->dk, b->qt);
    panels_of(f, b, dout, o_step, b->dv, b->dot);
    for (int64_t r = 0; r < b->rows; r++) {
        memcpy(b->q + r * b->dk, q + r * q_step, (size_t)b->dk * sizeof *q);
        memcpy(b->dout + r * b->dv, dout + r * o_step, (size_t)b->dv * sizeof *dout);
    }
    for (int64_t r = 0; r < b->panels * f->tile->panel; r++) {
        bool there = r < b->rows;
        b->lse2[r] = there ? (float)(1.4426950408889634 * (double)lse[r]) : INFINITY;
        b->delta[r] = there ? f->tile->dot(b->dv, o + r * o_step, dout + r * o_step) : 0.0f;
    }
    if (b->dqt) memset(b->dqt, 0, (size_t)(b->panels * b->dk * f->tile->panel) * sizeof *b->dqt);
}

/* Passes over the keys of a run; `first` is the block's first row. */
static void pass_over(const flash *f, const flash_back_block *b, const flash_run *run,
                      const sums *to, int64_t first)
{
    int64_t hidden, visible;
    la_flash_sees(f, run, first, &hidden, &visible);
    int64_t end = visible + b->rows - 1 < run->n ? visible + b->rows - 1 : run->n;
    for (int64_t j = hidden > 0 ? hidden : 0; j < end; j += FLASH_BACK_KEYS) {
        int64_t len = end - j < FLASH_BACK_KEYS ? end - j : FLASH_BACK_KEYS;
        flash_back_keys tile = {.keys = {.n = len, .hidden = hidden - j, .visible = visible - j}};
        flash_keys *keys = &tile.keys;
        const float *k = run->k + j * run->k_step, *v = run->v + j * run->v_step;
        keys->k = la_flash_contiguous(b->panels, k, run->k_step, len, b->dk, b->kt);
        keys->v = la_flash_contiguous(b->panels, v, run->v_step, len, b->dv, b->vt);
        keys->k_step = keys->k == b->kt ? b->dk : run->k_step;
        keys->v_step = keys->v == b->vt ? b->dv : run->v_step;
        if (to) {
            tile.dk = to->dk ? to->dk + j * to->dk_step : NULL;
            tile.dv = to->dv ? to->dv + j * to->dv_step : NULL;
            tile.dk_step = to->dk_step;
            tile.dv_step = to->dv_step;
        }
        f->back(b, &tile);
    }
}

/* Rows first.. of query head i = b H + h. The cache's own gradients are nobody's. */
static void run_block(const flash *f, const la_io *io, const la_grads *grads, const sums *to,
                      int64_t pos, int64_t i, int64_t first, int64_t rows, float *work)
{
    const la_problem *p = &f->p;
    int64_t T = p->T, b = i / p->H, h = i % p->H, kv = h / (p->H / p->Hkv), w = f->tile->panel;
    int64_t q_step = p->H * p->dk, o_step = p->H * p->dv;
    int64_t q_at = (b * T + first) * q_step + h * p->dk,
            o_at = (b * T + first) * o_step + h * p->dv;
    flash_back_block block = block_in(f, work, rows, grads->dq != NULL);
    enter(f, &block, (const float *)io->q + q_at, q_step, (const float *)io->o + o_at,
          (const float *)grads->dout + o_at, o_step, (const float *)io->saved + i * T + first);
    for (int64_t held = grads->dq ? la_flash_held(f, pos) : 0, from = 0; from < held;) {
        flash_run old = la_flash_cached(f, io->state_in, b * p->Hkv + kv, pos, held, from);
        pass_over(f, &block, &old, NULL, first);
        from += old.n;
    }
    flash_run own = la_flash_own(p, io, b, kv);
    pass_over(f, &block, &own, to, first);
    for (int64_t j = 0; grads->dq && j < block.panels; j++) {
        int64_t n = rows - j * w < w ? rows - j * w : w;
        f->tile->transpose(p->dk, n, block.dqt + j * p->dk * w, w,
                           (float *)grads->dq + q_at + j * w * q_step, q_step);
    }
}

/* A part takes every back_parts-th block of rows, there and back again: under a causal mask blocks
 * cost more the later they are, and so every part has as much to do. */
static void run_part(const flash *f, const la_io *io, const la_grads *grads, int64_t pos, int64_t i,
                     int64_t part, float *work)
{
    const la_problem *p = &f->p;
    int64_t group = p->H / p->Hkv, step = f->back_panels * f->tile->panel, parts = f->back_parts;
    sums to = sums_of(f, io, grads, i, part);
    clear(to.dk, to.dk_step, p->T, p->dk);
    clear(to.dv, to.dv_step, p->T, p->dv);
    for (int64_t g = 0; g < group; g++)
        for (int64_t n = 0; n * step < p->T; n++) {
            int64_t turn = n / parts % 2 ? parts - 1 - n % parts : n % parts;
            if (turn != part) continue;
            int64_t first = n * step, rows = p->T - first < step ? p->T - first : step;
            run_block(f, io, grads, &to, pos, i * group + g, first, rows, work);
        }
}

/* Rows first.. of dK and dV of one (batch, kv head): the parts after the first are added, in order. */
static void join(const flash *f, const la_io *io, const la_grads *grads, int64_t i, int64_t first,
                 int64_t rows)
{
    sums to = sums_of(f, io, grads, i, 0);
    for (int64_t part = 1; part < f->back_parts; part++) {
        sums from = sums_of(f, io, grads, i, part);
        for (int64_t t = first; t < first + rows; t++) {
            if (to.dk)
                f->tile->axpy(f->p.dk, 1.0f, from.dk + t * from.dk_step, to.dk + t * to.dk_step);
            if (to.dv)
                f->tile->axpy(f->p.dv, 1.0f, from.dv + t * from.dv_step, to.dv + t * to.dv_step);
        }
    }
}

la_status la_flash_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const flash *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, heads = p->B * p->Hkv, parts = f->back_parts;
    size_t own = layout_of(f).total;
    int threads = la_flash_flops(f, pos) < FLASH_SERIAL_FLOPS ? 1 : p->threads;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t unit = 0; unit < heads * parts; unit++) {
        float *work = (float *)io->work + (size_t)omp_get_thread_num() * own;
        run_part(f, io, grads, pos, unit / parts, unit % parts, work);
    }
    if (parts == 1) return LA_OK;
    const int64_t step = 256, chunks = (p->T + step - 1) / step;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t c = 0; c < heads * chunks; c++) {
        int64_t first = c % chunks * step;
        join(f, io, grads, c / chunks, first, p->T - first < step ? p->T - first : step);
    }
    return LA_OK;
}
