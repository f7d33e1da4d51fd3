/* SPDX-License-Identifier: Apache-2.0
 * flash on the CPU: which rows meet which keys, on which thread.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "flash_internal.h"
#include "labench/kit.h"

enum {
    DECODE_KEYS = 256,    /* keys whose scores are held at once */
    MAX_PANELS = 8,       /* of a block: its Q and O stay in L2 with a tile of K and V */
    BLOCKS_A_THREAD = 12, /* wanted, so that threads end together */
};
/* Below this a call is over before a second thread is awake. */
#define DECODE_SERIAL_BYTES (256 * 1024)

/* Floats of each array of a block's working set, each a multiple of 64 bytes. */
typedef struct layout {
    size_t qt, ot, rows, scores, kt, vt, total;
} layout;

size_t la_flash_floats(int64_t a, int64_t b, int64_t c)
{
    return la_align((size_t)(a * b * c) * sizeof(float)) / sizeof(float);
}

static layout layout_of(const flash *f)
{
    int64_t w = f->tile->panel, n = f->panels, dk = f->p.dk, dv = f->p.dv;
    layout l = {.qt = la_flash_floats(n, dk, w),
                .ot = la_flash_floats(n, dv, w),
                .rows = la_flash_floats(n, w, 1),
                .scores = la_flash_floats(FLASH_KEYS, w, 1),
                .kt = la_flash_floats(FLASH_KEYS, dk, 1),
                .vt = la_flash_floats(FLASH_KEYS, dv, 1)};
    l.total = l.qt + l.ot + 2 * l.rows + l.scores + l.kt + l.vt;
    return l;
}

static flash plan(const la_problem *p, const la_device *dev)
{
    flash f = {.p = *p, .tile = la_tile_get(dev->isa), .scale = la_scale(p)};
    f.add = LA_ISA_TABLE(la_flash_add, f.tile->isa);
    int64_t all = (p->T + f.tile->panel - 1) / f.tile->panel;
    int64_t panels = all * p->B * p->H / ((int64_t)p->threads * BLOCKS_A_THREAD);
    f.panels = panels < 2 ? 2 : panels > MAX_PANELS ? MAX_PANELS : panels;
    if (f.panels > all) f.panels = all;
    /* The fewest parts of at least DECODE_KEYS keys that share evenly among the threads. */
    int64_t heads = p->B * p->Hkv, most = p->Tcap / DECODE_KEYS;
    f.parts = 1;
    while (f.parts < most && heads * f.parts % p->threads != 0 && heads * f.parts < 8 * p->threads)
        f.parts++;
    la_flash_back_plan(&f);
    return f;
}

la_status la_flash_sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                         la_sizes *out, la_err *err)
{
    (void)opts, (void)err;
    flash f = plan(p, dev);
    size_t cache = la_align((size_t)(p->B * p->Hkv * p->Tcap * p->dk) * sizeof(float)) +
                   (size_t)(p->B * p->Hkv * p->Tcap * p->dv) * sizeof(float);
    *out = (la_sizes){.state = cache, .instance = sizeof(flash)};
    if (pass == LA_DECODE) {
        out->work = (size_t)(p->B * p->H * f.parts * (p->dv + 2)) * sizeof(float);
        return LA_OK;
    }
    out->work = (size_t)p->threads * layout_of(&f).total * sizeof(float);
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) {
        size_t back = la_flash_back_bytes(&f);
        if (back > out->work) out->work = back;
        out->saved = (size_t)(p->B * p->H * p->T) * sizeof(float);
    }
    return LA_OK;
}

la_status la_flash_create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                          la_err *err)
{
    (void)opts;
    flash *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    *f = plan(p, dev);
    *self = f;
    return LA_OK;
}

/* ---- the cache ---- */

flash_cache la_flash_cache_of(const la_problem *p, const void *state, int64_t head)
{
    const char *V =
        (const char *)state + la_align((size_t)(p->B * p->Hkv * p->Tcap * p->dk) * sizeof(float));
    return (flash_cache){(const float *)state + head * p->Tcap * p->dk,
                         (const float *)(const void *)V + head * p->Tcap * p->dv};
}

/* Appends T tokens of io to io->state_out, behind pos tokens that are copied when they come from
 * another buffer. */
static void append(const la_problem *p, const la_io *io, int64_t pos, int64_t T)
{
    if (!io->state_out || !io->k) return;
    for (int64_t i = 0; i < p->B * p->Hkv; i++) {
        int64_t b = i / p->Hkv, h = i % p->Hkv;
        flash_cache to = la_flash_cache_of(p, io->state_out, i);
        float *k = (float *)to.k, *v = (float *)to.v;
        if (io->state_in && io->state_in != io->state_out) {
            flash_cache from = la_flash_cache_of(p, io->state_in, i);
            memcpy(k, from.k, (size_t)(pos * p->dk) * sizeof *k);
            memcpy(v, from.v, (size_t)(pos * p->dv) * sizeof *v);
        }
        const float *new_k = (const float *)io->k + (b * T * p->Hkv + h) * p->dk;
        const float *new_v = (const float *)io->v + (b * T * p->Hkv + h) * p->dv;
        for (int64_t t = 0; t < T; t++) {
            memcpy(k + (pos + t) * p->dk, new_k + t * p->Hkv * p->dk, (size_t)p->dk * sizeof *k);
            memcpy(v + (pos + t) * p->dv, new_v + t * p->Hkv * p->dv, (size_t)p->dv * sizeof *v);
        }
    }
}

static la_status fits(const la_problem *p, const la_io *io, int64_t tokens, la_err *err)
{
    if ((io->state_in || io->state_out) && tokens > p->Tcap)
        return LA_FAIL(err, LA_E_ARG, "%" PRId64 " tokens do not fit a cache of capacity %" PRId64,
                       tokens, p->Tcap);
    return LA_OK;
}

/* ---- forward ---- */

static flash_block block_in(const flash *f, float *work, int64_t rows)
{
    layout l = layout_of(f);
    flash_block b = {.tile = f->tile,
                     .dk = f->p.dk,
                     .dv = f->p.dv,
                     .rows = rows,
                     .panels = (rows + f->tile->panel - 1) / f->tile->panel,
                     .scale2 = (float)(fabs(f->scale) * 1.4426950408889634)};
    b.qt = work;
    b.ot = b.qt + l.qt;
    b.top = b.ot + l.ot;
    b.sum = b.top + l.rows;
    b.scores = b.sum + l.rows;
    b.kt = b.scores + l.scores;
    b.vt = b.kt + l.kt;
    return b;
}

/* Transposes the block's rows of Q into its panels and clears the rest. */
static void enter(const flash *f, const flash_block *b, const float *q, int64_t q_step)
{
    int64_t w = f->tile->panel;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        float *qt = b->qt + i * b->dk * w;
        if (rows < w) memset(qt, 0, (size_t)(b->dk * w) * sizeof *qt);
        f->tile->transpose(rows, b->dk, q + i * w * q_step, q_step, qt, w);
        if (f->scale < 0) f->tile->scale(b->dk * w, -1.0f, qt, qt);
    }
    for (int64_t r = 0; r < b->panels * w; r++) b->top[r] = -FLT_MAX, b->sum[r] = 0.0f;
    memset(b->ot, 0, (size_t)(b->panels * b->dv * w) * sizeof *b->ot);
}

/* Divides by the sums and writes the rows of O, and their log-sum-exp where it is wanted. */
static void leave(const flash *f, const flash_block *b, float *o, int64_t o_step, float *lse)
{
    int64_t w = f->tile->panel;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        float *to = o + i * w * o_step;
        f->tile->transpose(b->dv, rows, b->ot + i * b->dv * w, w, to, o_step);
        for (int64_t r = 0; r < rows; r++) {
            float sum = b->sum[i * w + r];
            f->tile->scale(b->dv, 1.0f / sum, to + r * o_step, to + r * o_step);
            if (lse)
                lse[i * w + r] =
                    (float)(fabs(f->scale) * (double)b->top[i * w + r] + (double)logf(sum));
        }
    }
}

const float *la_flash_contiguous(int64_t panels, const float *x, int64_t step, int64_t n, int64_t d,
                                 float *to)
{
    if (step == d || panels < 3) return x;
    for (int64_t j = 0; j < n; j++) memcpy(to + j * d, x + j * step, (size_t)d * sizeof *to);
    return to;
}

/* Passes over n keys, of which the block's first row sees `visible`. */
static void pass_over(const flash *f, const flash_block *b, const float *k, int64_t k_step,
                      const float *v, int64_t v_step, int64_t n, int64_t visible)
{
    bool all = f->p.mask == LA_MASK_BIDIRECTIONAL;
    int64_t end = all || visible + b->rows - 1 > n ? n : visible + b->rows - 1;
    for (int64_t j = 0; j < end; j += FLASH_KEYS) {
        flash_keys keys = {
            .n = end - j < FLASH_KEYS ? end - j : FLASH_KEYS, .visible = visible - j, .all = all};
        keys.k = la_flash_contiguous(b->panels, k + j * k_step, k_step, keys.n, b->dk, b->kt);
        keys.v = la_flash_contiguous(b->panels, v + j * v_step, v_step, keys.n, b->dv, b->vt);
        keys.k_step = keys.k == b->kt ? b->dk : k_step;
        keys.v_step = keys.v == b->vt ? b->dv : v_step;
        f->add(b, &keys);
    }
}

/* Rows first.. of one (batch, head) i: over the cache, then over this call's own keys. */
static void run_block(const flash *f, const la_io *io, int64_t pos, int64_t i, int64_t first,
                      int64_t rows, float *work)
{
    const la_problem *p = &f->p;
    int64_t T = p->T, b = i / p->H, h = i % p->H, kv = h / (p->H / p->Hkv);
    int64_t q_step = p->H * p->dk, o_step = p->H * p->dv;
    int64_t k_step = p->Hkv * p->dk, v_step = p->Hkv * p->dv;
    flash_block block = block_in(f, work, rows);
    enter(f, &block, (const float *)io->q + (b * T + first) * q_step + h * p->dk, q_step);
    if (pos > 0) {
        flash_cache old = la_flash_cache_of(p, io->state_in, b * p->Hkv + kv);
        pass_over(f, &block, old.k, p->dk, old.v, p->dv, pos, pos + first + 1);
    }
    pass_over(f, &block, (const float *)io->k + b * T * k_step + kv * p->dk, k_step,
              (const float *)io->v + b * T * v_step + kv * p->dv, v_step, T, first + 1);
    leave(f, &block, (float *)io->o + (b * T + first) * o_step + h * p->dv, o_step,
          io->saved ? (float *)io->saved + i * T + first : NULL);
}

la_status la_flash_forward(void *self, const la_io *io, la_err *err)
{
    const flash *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0;
    LA_TRY(fits(p, io, pos + p->T, err));
    int64_t step = f->panels * f->tile->panel, blocks = (p->T + step - 1) / step;
    int64_t heads = p->B * p->H;
    size_t own = layout_of(f).total;
    double flops = 2.0 * (double)(heads * p->T) * (double)((pos + p->T) * (p->dk + p->dv));
    int threads = flops < FLASH_SERIAL_FLOPS ? 1 : p->threads;
    /* The last rows first: under a causal mask they cost most, and the cheap ones fill the end. */
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t item = 0; item < heads * blocks; item++) {
        int64_t first = (blocks - 1 - item / heads) * step;
        int64_t rows = p->T - first < step ? p->T - first : step;
        float *work = (float *)io->work + (size_t)omp_get_thread_num() * own;
        run_block(f, io, pos, item % heads, first, rows, work);
    }
    append(p, io, pos, p->T);
    return LA_OK;
}

/* ---- decode: one query a head ---- */

/* What one part of a cache gives for one query head: o over its own maximum and sum. */
typedef struct partial {
    float *top, *sum, *o;
} partial;

static partial partial_of(const flash *f, const la_io *io, int64_t head, int64_t part)
{
    float *at = (float *)io->work + (head * f->parts + part) * (f->p.dv + 2);
    return (partial){at, at + 1, at + 2};
}

static void add_keys(const flash *f, partial r, const float *q, const float *k, const float *v,
                     int64_t n)
{
    const la_tile *t = f->tile;
    float score[DECODE_KEYS];
    t->mv(n, f->p.dk, (float)f->scale, k, f->p.dk, q, false, score);
    float top = fmaxf(*r.top, t->max(n, score)), before = expf(*r.top - top);
    float sum = t->exp_sum(n, 1.0f, -top, score, score);
    if (before != 1.0f) t->scale(f->p.dv, before, r.o, r.o);
    t->vm(n, f->p.dv, 1.0f, v, f->p.dv, score, true, r.o);
    *r.sum = *r.sum * before + sum;
    *r.top = top;
}

/* Part `part` of the cache of kv head i, for all query heads that read it. */
static void run_part(const flash *f, const la_io *io, int64_t pos, int64_t i, int64_t part)
{
    const la_problem *p = &f->p;
    int64_t group = p->H / p->Hkv, first = i * group; /* = b H + kv group */
    for (int64_t g = 0; g < group; g++) {
        partial r = partial_of(f, io, first + g, part);
        *r.top = -FLT_MAX;
        *r.sum = 0.0f;
        memset(r.o, 0, (size_t)p->dv * sizeof *r.o);
    }
    const float *q = (const float *)io->q + first * p->dk;
    int64_t from = pos * part / f->parts, to = pos * (part + 1) / f->parts;
    for (int64_t j = from; j < to; j += DECODE_KEYS) {
        flash_cache c = la_flash_cache_of(p, io->state_in, i);
        int64_t n = to - j < DECODE_KEYS ? to - j : DECODE_KEYS;
        for (int64_t g = 0; g < group; g++)
            add_keys(f, partial_of(f, io, first + g, part), q + g * p->dk, c.k + j * p->dk,
                     c.v + j * p->dv, n);
    }
    for (int64_t g = 0; io->k && part == f->parts - 1 && g < group; g++)
        add_keys(f, partial_of(f, io, first + g, part), q + g * p->dk,
                 (const float *)io->k + i * p->dk, (const float *)io->v + i * p->dv, 1);
}

/* The parts of one query head, brought to a common maximum. No key at all gives 0. */
static void join(const flash *f, const la_io *io, int64_t head)
{
    int64_t dv = f->p.dv;
    float *o = (float *)io->o + head * dv, top = -FLT_MAX, sum = 0.0f;
    memset(o, 0, (size_t)dv * sizeof *o);
    for (int64_t i = 0; i < f->parts; i++) top = fmaxf(top, *partial_of(f, io, head, i).top);
    for (int64_t i = 0; i < f->parts; i++) {
        partial r = partial_of(f, io, head, i);
        float weight = expf(*r.top - top);
        sum += weight * *r.sum;
        f->tile->axpy(dv, weight, r.o, o);
    }
    if (sum > 0.0f) f->tile->scale(dv, 1.0f / sum, o, o);
}

la_status la_flash_decode(void *self, const la_io *io, la_err *err)
{
    const flash *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, heads = p->B * p->Hkv;
    LA_TRY(fits(p, io, pos + (io->k != NULL), err));
    size_t bytes = (size_t)(heads * pos * (p->dk + p->dv)) * sizeof(float);
#pragma omp parallel for num_threads(p->threads) schedule(static) if (bytes > DECODE_SERIAL_BYTES)
    for (int64_t i = 0; i < heads * f->parts; i++) run_part(f, io, pos, i / f->parts, i % f->parts);
    for (int64_t i = 0; i < p->B * p->H; i++) join(f, io, i);
    append(p, io, pos, 1);
    return LA_OK;
}
