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

#include "counts.h"
#include "flash_kernels.h"
#include "labench/kit.h"

enum {
    BLOCK_BYTES = 768 * 1024, /* of a block's arrays: with a tile of keys they fit an L2 of 1 MB */
    MOST_PANELS = 8,
    BLOCKS_A_PART = 8, /* wanted where a head is shared, so that parts end together */
};

void la_flash_back_plan(flash *f)
{
    const la_problem *p = &f->p;
    int64_t w = f->tile->panel, all = (p->T + w - 1) / w, heads = p->B * p->Hkv;
    double flops = la_flash_flops(f, 0);
    f->back = LA_ISA_TABLE(la_flash_back, f->tile->isa);
    f->deltas = LA_ISA_TABLE(la_flash_deltas, f->tile->isa);
    if (f->narrow) f->back = LA_BF16_TABLE(la_flash_back, LA_ISA_AVX512_BF16);
    bool shared = flops >= FLASH_SERIAL_FLOPS;
    f->back_parts = la_even_parts(heads, p->threads, shared ? all : 1, 4);
    int64_t words = f->narrow ? 2 * p->dk + p->dv : 3 * p->dk + 2 * p->dv; /* of a row */
    int64_t fit = BLOCK_BYTES / (w * words * (int64_t)sizeof(float));
    int64_t fair = f->back_parts > 1 ? all / (f->back_parts * BLOCKS_A_PART) : all;
    int64_t panels = fit < MOST_PANELS ? fit : MOST_PANELS;
    if (panels > fair) panels = fair;
    f->back_panels = panels < 1 ? 1 : panels;
}

/* Words of each array of a thread's working set, and floats of one part's dK and dV. */
typedef struct layout {
    size_t qt, dot, dq, q, dout, rows, scores, pairs, kt, vt, kp, scratch, total, part_k, part_v;
} layout;

static layout layout_of(const flash *f)
{
    int64_t w = f->tile->panel, n = f->back_panels, dk = f->p.dk, dv = f->p.dv;
    int64_t rows = f->narrow ? n * w / 2 : n * w, pairs = f->narrow ? FLASH_BACK_KEYS / 2 : 0;
    layout l = {.qt = la_flash_floats(n, f->k2, w),
                .dot = la_flash_floats(n, f->v2, w),
                .dq = la_flash_floats(n * w, dk, 1),
                .q = la_flash_floats(rows, dk, 1),
                .dout = la_flash_floats(rows, dv, 1),
                .rows = la_flash_floats(n, w, 1),
                .scores = la_flash_floats(FLASH_BACK_KEYS, w, 1),
                .pairs = la_flash_floats(pairs, w, 1),
                .kt = la_flash_floats(FLASH_BACK_KEYS, f->k2, 1),
                .vt = la_flash_floats(FLASH_BACK_KEYS, f->v2, 1),
                .kp = la_flash_floats(pairs, dk, 1),
                .scratch = f->narrow ? 0 : la_flash_floats(LA_TILE_SCRATCH(FLASH_BACK_KEYS), 1, 1),
                .part_k = la_flash_floats(f->p.T, dk, 1),
                .part_v = la_flash_floats(f->p.T, dv, 1)};
    l.total = l.qt + l.dot + l.dq + l.q + l.dout + 2 * l.rows + 2 * l.scores + l.pairs + l.kt +
              l.vt + l.kp + l.scratch;
    return l;
}

/* Parts whose dK and dV lie in the gradients themselves: the first, unless those are rounded at the end. */
static int64_t parts_in_place(const flash *f)
{
    return f->half ? 0 : 1;
}

/* Floats of the dK and dV of all other parts. */
static size_t parts_floats(const flash *f, const layout *l)
{
    return (size_t)(f->p.B * f->p.Hkv * (f->back_parts - parts_in_place(f))) *
           (l->part_k + l->part_v);
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
    bool fresh; /* nothing is there yet, not even zeros */
} sums;

static sums sums_of(const flash *f, const la_io *io, const la_grads *grads, int64_t i, int64_t part)
{
    const la_problem *p = &f->p;
    int64_t at = i / p->Hkv * p->T * p->Hkv + i % p->Hkv, first = parts_in_place(f);
    if (part < first) {
        sums s = {.dk_step = p->Hkv * p->dk, .dv_step = p->Hkv * p->dv};
        if (grads->dk) s.dk = (float *)grads->dk + at * p->dk;
        if (grads->dv) s.dv = (float *)grads->dv + at * p->dv;
        return s;
    }
    layout l = layout_of(f);
    float *own = (float *)io->work + (size_t)p->threads * l.total +
                 (size_t)(i * (f->back_parts - first) + part - first) * (l.part_k + l.part_v);
    return (sums){.dk = grads->dk ? own : NULL,
                  .dv = grads->dv ? own + l.part_k : NULL,
                  .dk_step = p->dk,
                  .dv_step = p->dv};
}

static void clear(float *x, int64_t step, int64_t n, int64_t d)
{
    if (x) la_flash_clear(n, (size_t)d * sizeof *x, (char *)x, (size_t)step * sizeof *x);
}

static flash_back_block block_in(const flash *f, float *work, int64_t rows)
{
    layout l = layout_of(f);
    flash_back_block b = {.tile = f->tile,
                          .narrow = f->narrow,
                          .dk = f->p.dk,
                          .k2 = f->k2,
                          .dv = f->p.dv,
                          .v2 = f->v2,
                          .rows = rows,
                          .panels = (rows + f->tile->panel - 1) / f->tile->panel,
                          .lanes = f->tile->lanes,
                          .scale = (float)f->scale,
                          .scale2 = (float)(f->scale * 1.4426950408889634)};
    int64_t vectors = (rows + b.lanes - 1) / b.lanes;
    b.slim = b.panels - vectors % b.panels;
    b.slim_rows = vectors / b.panels * b.lanes;
    float *at = work;
    b.qt = at, at += l.qt;
    b.dot = at, at += l.dot;
    b.own_dq = at, at += l.dq;
    b.own_q = at, at += l.q;
    b.own_dout = at, at += l.dout;
    b.lse2 = at, at += l.rows;
    b.delta = at, at += l.rows;
    b.p = at, at += l.scores;
    b.ds = at, at += l.scores;
    b.pairs = (la_pair *)(void *)at, at += l.pairs;
    b.kt = at, at += l.kt;
    b.vt = at, at += l.vt;
    b.kp = (la_pair *)(void *)at, at += l.kp;
    b.scratch = at;
    return b;
}

/* The block's rows of X for products of a panel, as they are or close together in `to`; in pairs of rows, or
 * widened. */
static const void *rows_of(const flash *f, const char *x, int64_t *step, int64_t rows, int64_t d,
                           void *to)
{
    const void *from = x;
    if (!f->half && la_flash_near(f, f->tile->panel, *step)) return from;
    if (f->narrow)
        f->narrow->pairs_of_rows(rows, d, from, *step, to, d);
    else if (f->half)
        f->half->widen_rows(rows, d, from, *step, to, d);
    else
        la_flash_copy(rows, (size_t)d * f->element, x, (size_t)*step * f->element, to);
    *step = d;
    return to;
}

/* Brings in the block's rows of Q, O, dO and the log-sum-exp. */
static void enter(const flash *f, flash_back_block *b, const char *q, int64_t q_step, const char *o,
                  const char *dout, int64_t o_step, const float *lse)
{
    int64_t w = f->tile->panel;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t first = la_flash_back_row(b, i), rows = la_flash_back_rows(b, i);
        la_flash_panel(f, q + (size_t)(first * q_step) * f->element, q_step, rows, b->dk,
                       (float *)b->qt + i * b->k2 * w);
        la_flash_panel(f, dout + (size_t)(first * o_step) * f->element, o_step, rows, b->dv,
                       (float *)b->dot + i * b->v2 * w);
    }
    b->q_step = q_step, b->dout_step = o_step;
    b->q = rows_of(f, q, &b->q_step, b->rows, b->dk, b->own_q);
    b->dout = rows_of(f, dout, &b->dout_step, b->rows, b->dv, b->own_dout);
    const void *y = o, *dy = dout;
    if (!f->half) f->deltas(b->rows, b->dv, y, dy, o_step, b->delta);
    for (int64_t r = 0; f->half && r < b->rows; r++)
        b->delta[r] =
            f->half->dot(b->dv, (const la_bf16 *)y + r * o_step, (const la_bf16 *)dy + r * o_step);
    for (int64_t r = 0; r < b->rows; r++) b->lse2[r] = (float)(1.4426950408889634 * (double)lse[r]);
    for (int64_t r = b->rows; r < la_flash_back_row(b, b->panels); r++)
        b->lse2[r] = INFINITY, b->delta[r] = 0.0f;
}

/* Where the block's rows of dQ are added up: in place, or close together. */
static void begin(const flash *f, flash_back_block *b, char *dq, int64_t step, int64_t held)
{
    bool in_place = !f->half && la_flash_near(f, f->tile->panel, step);
    b->dq = in_place ? (float *)(void *)dq : b->own_dq;
    b->dq_step = in_place ? step : b->dk;
    b->fresh_dq = held == 0 && f->window >= f->p.T;
    if (!b->fresh_dq) clear(b->dq, b->dq_step, b->rows, b->dk);
}

/* Writes those that are not in place. */
static void leave(const flash *f, const flash_back_block *b, char *dq, int64_t step)
{
    void *rows = dq;
    if (b->dq == rows) return;
    if (f->half) {
        f->half->narrow_rows(b->rows, b->dk, b->dq, b->dk, rows, step);
        return;
    }
    for (int64_t r = 0; r < b->rows; r++)
        memcpy((float *)rows + r * step, b->dq + r * b->dk, (size_t)b->dk * sizeof(float));
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
        flash_back_keys tile = {.keys = {.n = len, .hidden = hidden - j, .visible = visible - j},
                                .first = j == 0};
        flash_keys *keys = &tile.keys;
        const char *k = run->k + (size_t)(j * run->k_step) * f->element;
        const char *v = run->v + (size_t)(j * run->v_step) * f->element;
        const void *rows = k;
        keys->k = la_flash_rows(f, b->panels, k, run->k_step, len, b->dk, b->kt, &keys->k_step);
        keys->v = la_flash_rows(f, b->panels, v, run->v_step, len, b->dv, b->vt, &keys->v_step);
        if (f->narrow && b->dq)
            f->narrow->pairs_of_rows(len, b->dk, rows, run->k_step, b->kp, b->dk);
        if (to) {
            tile.dk = to->dk ? to->dk + j * to->dk_step : NULL;
            tile.dv = to->dv ? to->dv + j * to->dv_step : NULL;
            tile.dk_step = to->dk_step;
            tile.dv_step = to->dv_step;
            tile.fresh = to->fresh;
        }
        f->back(b, &tile);
    }
}

/* Rows first.. of query head i = b H + h. The cache's own gradients are nobody's. */
static void run_block(const flash *f, const la_io *io, const la_grads *grads, const sums *to,
                      int64_t pos, int64_t i, int64_t first, int64_t rows, float *work)
{
    const la_problem *p = &f->p;
    int64_t T = p->T, b = i / p->H, h = i % p->H, kv = h / (p->H / p->Hkv);
    int64_t q_step = p->H * p->dk, o_step = p->H * p->dv;
    int64_t q_at = (b * T + first) * q_step + h * p->dk,
            o_at = (b * T + first) * o_step + h * p->dv;
    flash_back_block block = block_in(f, work, rows);
    const size_t q_first = (size_t)q_at * f->element, o_first = (size_t)o_at * f->element;
    char *dq = grads->dq ? (char *)grads->dq + q_first : NULL;
    enter(f, &block, (const char *)io->q + q_first, q_step, (const char *)io->o + o_first,
          (const char *)grads->dout + o_first, o_step, (const float *)io->saved + i * T + first);
    int64_t held = dq ? la_flash_held(f, pos) : 0;
    if (dq) begin(f, &block, dq, q_step, held);
    for (int64_t from = 0; from < held;) {
        flash_run old = la_flash_cached(f, io->state_in, b * p->Hkv + kv, pos, held, from);
        pass_over(f, &block, &old, NULL, first);
        from += old.n;
    }
    flash_run own = la_flash_own(f, io, b, kv);
    pass_over(f, &block, &own, to, first);
    if (dq) leave(f, &block, dq, q_step);
}

/* A part takes every back_parts-th block of rows, there and back again: under a causal mask blocks
 * cost more the later they are, and so every part has as much to do. The last block comes first: where its last
 * row sees all keys, what it gives them need not be added to zeros. */
static void run_part(const flash *f, const la_io *io, const la_grads *grads, int64_t pos, int64_t i,
                     int64_t part, float *work)
{
    const la_problem *p = &f->p;
    int64_t group = p->H / p->Hkv, step = f->back_panels * f->tile->panel, parts = f->back_parts;
    sums to = sums_of(f, io, grads, i, part);
    to.fresh = parts == 1 && f->window >= p->T;
    if (!to.fresh) {
        clear(to.dk, to.dk_step, p->T, p->dk);
        clear(to.dv, to.dv_step, p->T, p->dv);
    }
    for (int64_t g = 0; g < group; g++)
        for (int64_t n = (p->T - 1) / step; n >= 0; n--) {
            int64_t turn = n / parts % 2 ? parts - 1 - n % parts : n % parts;
            if (turn != part) continue;
            int64_t first = n * step, rows = p->T - first < step ? p->T - first : step;
            run_block(f, io, grads, &to, pos, i * group + g, first, rows, work);
            to.fresh = false;
        }
}

/* Rows first.. of dK and dV of one (batch, kv head): the parts after the first are added, in order, and what
 * is not in place yet is rounded into it. */
static void join(const flash *f, const la_io *io, const la_grads *grads, int64_t i, int64_t first,
                 int64_t rows)
{
    const la_problem *p = &f->p;
    sums to = sums_of(f, io, grads, i, 0);
    for (int64_t part = 1; part < f->back_parts; part++) {
        sums from = sums_of(f, io, grads, i, part);
        for (int64_t t = first; t < first + rows; t++) {
            if (to.dk)
                f->tile->axpy(p->dk, 1.0f, from.dk + t * from.dk_step, to.dk + t * to.dk_step);
            if (to.dv)
                f->tile->axpy(p->dv, 1.0f, from.dv + t * from.dv_step, to.dv + t * to.dv_step);
        }
    }
    if (!f->half) return;
    int64_t at = (i / p->Hkv * p->T + first) * p->Hkv + i % p->Hkv;
    if (to.dk)
        f->half->narrow_rows(rows, p->dk, to.dk + first * p->dk, p->dk,
                             (la_bf16 *)grads->dk + at * p->dk, p->Hkv * p->dk);
    if (to.dv)
        f->half->narrow_rows(rows, p->dv, to.dv + first * p->dv, p->dv,
                             (la_bf16 *)grads->dv + at * p->dv, p->Hkv * p->dv);
}

/* Each part on one thread. */
static void run_parts(const flash *f, const la_io *io, const la_grads *grads, int64_t pos,
                      int threads)
{
    int64_t parts = f->back_parts, units = f->p.B * f->p.Hkv * parts;
    size_t own = layout_of(f).total;
    float *work = io->work;
    if (threads == 1) { /* a region of one thread costs as much as a few rows */
        for (int64_t i = 0; i < units; i++) run_part(f, io, grads, pos, i / parts, i % parts, work);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < units; i++)
        run_part(f, io, grads, pos, i / parts, i % parts,
                 work + (size_t)omp_get_thread_num() * own);
}

la_status la_flash_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const flash *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, heads = p->B * p->Hkv, parts = f->back_parts;
    int threads = la_flash_flops(f, pos) < FLASH_SERIAL_FLOPS ? 1 : p->threads;
    run_parts(f, io, grads, pos, threads);
    if (parts == parts_in_place(f)) return LA_OK;
    const int64_t step = 256, chunks = (p->T + step - 1) / step;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t c = 0; c < heads * chunks; c++) {
        int64_t first = c % chunks * step;
        join(f, io, grads, c / chunks, first, p->T - first < step ? p->T - first : step);
    }
    return LA_OK;
}
