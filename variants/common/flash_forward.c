/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles, forward and decode: which rows meet which keys, on which thread.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "flash_kernels.h"
#include "labench/kit.h"

enum {
    DECODE_KEYS = 256,    /* keys whose scores are held at once */
    MAX_PANELS = 8,       /* of a block: its Q and O stay in L2 with a tile of K and V */
    BLOCKS_A_THREAD = 12, /* wanted, so that threads end together */
    SPLIT_KEYS = 1024,    /* of the cache, worth a part of their own */
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

static flash plan(const la_problem *p, int64_t window, const la_device *dev)
{
    flash f = {.p = *p, .tile = la_tile_get(dev->isa), .window = window, .scale = la_scale(p)};
    f.capacity = window < p->Tcap ? window : p->Tcap;
    f.add = LA_ISA_TABLE(la_flash_add, f.tile->isa);
    int64_t all = (p->T + f.tile->panel - 1) / f.tile->panel;
    int64_t panels = all * p->B * p->H / ((int64_t)p->threads * BLOCKS_A_THREAD);
    f.panels = panels < 2 ? 2 : panels > MAX_PANELS ? MAX_PANELS : panels;
    if (f.panels > all) f.panels = all;
    /* Few rows over a long cache: each block's keys are shared out too. */
    int64_t units = p->B * p->H * ((all + f.panels - 1) / f.panels);
    int64_t spare = (f.capacity - p->T) / SPLIT_KEYS;
    f.splits = 1;
    while (f.splits < spare && units < 4 * p->threads && units * f.splits % p->threads != 0)
        f.splits++;
    /* The fewest parts of at least DECODE_KEYS keys that share evenly among the threads. */
    int64_t heads = p->B * p->Hkv, most = f.capacity / DECODE_KEYS;
    f.parts = 1;
    while (f.parts < most && heads * f.parts % p->threads != 0 && heads * f.parts < 8 * p->threads)
        f.parts++;
    la_flash_back_plan(&f);
    return f;
}

/* Blocks of query rows of all heads. */
static int64_t blocks_of(const flash *f)
{
    int64_t step = f->panels * f->tile->panel;
    return f->p.B * f->p.H * ((f->p.T + step - 1) / step);
}

/* Working sets of a forward: one for each thread; where keys are cut into parts, one for each of them. */
static int64_t sets_of(const flash *f)
{
    return f->splits > 1 ? blocks_of(f) * f->splits : f->p.threads;
}

static size_t keys_bytes(const flash *f)
{
    return la_align((size_t)(f->p.B * f->p.Hkv * f->capacity * f->p.dk) * sizeof(float));
}

la_status la_flash_sizes(const la_problem *p, la_pass pass, int64_t window, const la_device *dev,
                         la_sizes *out)
{
    flash f = plan(p, window, dev);
    size_t values = (size_t)(p->B * p->Hkv * f.capacity * p->dv) * sizeof(float);
    *out = (la_sizes){.state = keys_bytes(&f) + values, .instance = sizeof(flash)};
    if (pass == LA_DECODE) {
        out->work = (size_t)(p->B * p->H * f.parts * (p->dv + 2)) * sizeof(float);
        return LA_OK;
    }
    out->work = (size_t)sets_of(&f) * layout_of(&f).total * sizeof(float);
    if (pass == LA_BACKWARD || pass == LA_FWDBWD) {
        size_t back = la_flash_back_bytes(&f);
        if (back > out->work) out->work = back;
        out->saved = (size_t)(p->B * p->H * p->T) * sizeof(float);
    }
    return LA_OK;
}

la_status la_flash_create(const la_problem *p, int64_t window, const la_device *dev, void **self,
                          la_err *err)
{
    flash *f = la_alloc(sizeof *f, err);
    if (!f) return LA_E_NOMEM;
    *f = plan(p, window, dev);
    *self = f;
    return LA_OK;
}

/* ---- the cache ---- */

/* Keys and values of one (batch, kv head): [capacity, dk], [capacity, dv]. */
static void cache_of(const flash *f, const void *state, int64_t head, const float **k,
                     const float **v)
{
    const char *V = (const char *)state + keys_bytes(f);
    *k = (const float *)state + head * f->capacity * f->p.dk;
    *v = (const float *)(const void *)V + head * f->capacity * f->p.dv;
}

int64_t la_flash_held(const flash *f, int64_t pos)
{
    return pos < f->capacity ? pos : f->capacity;
}

flash_run la_flash_cached(const flash *f, const void *state, int64_t head, int64_t pos,
                          int64_t count, int64_t from)
{
    int64_t slot = (pos - count + from) % f->capacity, n = count - from;
    flash_run run = {.k_step = f->p.dk, .v_step = f->p.dv, .before = n};
    cache_of(f, state, head, &run.k, &run.v);
    run.k += slot * run.k_step;
    run.v += slot * run.v_step;
    run.n = n < f->capacity - slot ? n : f->capacity - slot;
    return run;
}

flash_run la_flash_own(const la_problem *p, const la_io *io, int64_t b, int64_t kv)
{
    int64_t at = b * p->T * p->Hkv + kv;
    return (flash_run){.k = (const float *)io->k + at * p->dk,
                       .v = (const float *)io->v + at * p->dv,
                       .k_step = p->Hkv * p->dk,
                       .v_step = p->Hkv * p->dv,
                       .n = p->T};
}

void la_flash_sees(const flash *f, const flash_run *run, int64_t row, int64_t *hidden,
                   int64_t *visible)
{
    int64_t at = run->before + row;
    *hidden = at + 1 - f->window;
    *visible = f->p.mask == LA_MASK_BIDIRECTIONAL ? at + f->window : at + 1;
}

double la_flash_flops(const flash *f, int64_t pos)
{
    const la_problem *p = &f->p;
    int64_t keys = pos + p->T < f->window ? pos + p->T : f->window;
    return 2.0 * (double)(p->B * p->H * p->T) * (double)(keys * (p->dk + p->dv));
}

/* Puts T tokens of io into io->state_out, behind those that are held, which are copied when they come
 * from another buffer. */
static void append(const flash *f, const la_io *io, int64_t pos, int64_t T)
{
    const la_problem *p = &f->p;
    if (!io->state_out || !io->k) return;
    int64_t held = la_flash_held(f, pos), dk = p->dk, dv = p->dv;
    for (int64_t i = 0; i < p->B * p->Hkv; i++) {
        const float *to_k, *to_v, *from_k, *from_v;
        int64_t at = i / p->Hkv * T * p->Hkv + i % p->Hkv;
        cache_of(f, io->state_out, i, &to_k, &to_v);
        float *k = (float *)(uintptr_t)to_k, *v = (float *)(uintptr_t)to_v;
        if (io->state_in && io->state_in != io->state_out) {
            cache_of(f, io->state_in, i, &from_k, &from_v);
            memcpy(k, from_k, (size_t)(held * dk) * sizeof *k);
            memcpy(v, from_v, (size_t)(held * dv) * sizeof *v);
        }
        const float *new_k = (const float *)io->k + at * dk;
        const float *new_v = (const float *)io->v + at * dv;
        for (int64_t t = T > f->capacity ? T - f->capacity : 0; t < T; t++) {
            int64_t slot = (pos + t) % f->capacity;
            memcpy(k + slot * dk, new_k + t * p->Hkv * dk, (size_t)dk * sizeof *k);
            memcpy(v + slot * dv, new_v + t * p->Hkv * dv, (size_t)dv * sizeof *v);
        }
    }
}

/* A cache that holds the window never overflows. */
static la_status fits(const flash *f, const la_io *io, int64_t tokens, la_err *err)
{
    if ((io->state_in || io->state_out) && tokens > f->capacity && f->capacity < f->window)
        return LA_FAIL(err, LA_E_ARG, "%" PRId64 " tokens do not fit a cache of capacity %" PRId64,
                       tokens, f->capacity);
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

/* Passes over the keys of a run; `first` is the block's first row. */
static void pass_over(const flash *f, const flash_block *b, const flash_run *run, int64_t first)
{
    int64_t hidden, visible;
    la_flash_sees(f, run, first, &hidden, &visible);
    int64_t end = visible + b->rows - 1 < run->n ? visible + b->rows - 1 : run->n;
    for (int64_t j = hidden > 0 ? hidden : 0; j < end; j += FLASH_KEYS) {
        flash_keys keys = {.n = end - j < FLASH_KEYS ? end - j : FLASH_KEYS,
                           .hidden = hidden - j,
                           .visible = visible - j};
        const float *k = run->k + j * run->k_step, *v = run->v + j * run->v_step;
        keys.k = la_flash_contiguous(b->panels, k, run->k_step, keys.n, b->dk, b->kt);
        keys.v = la_flash_contiguous(b->panels, v, run->v_step, keys.n, b->dv, b->vt);
        keys.k_step = keys.k == b->kt ? b->dk : run->k_step;
        keys.v_step = keys.v == b->vt ? b->dv : run->v_step;
        f->add(b, &keys);
    }
}

/* A block of query rows: rows first.. of (batch, head) i = b H + h. */
typedef struct rows_of_head {
    int64_t i, first, rows;
} rows_of_head;

/* Item 0 is the last block of the first head: under a causal mask the last rows cost most, and the cheap
 * ones fill the end. */
static rows_of_head rows_of(const flash *f, int64_t item)
{
    int64_t heads = f->p.B * f->p.H, step = f->panels * f->tile->panel;
    int64_t first = (blocks_of(f) / heads - 1 - item / heads) * step;
    return (rows_of_head){item % heads, first, f->p.T - first < step ? f->p.T - first : step};
}

/* A block over part `part` of the cache, and over this call's own keys in the last part. */
static void run_block(const flash *f, const la_io *io, int64_t pos, const rows_of_head *r,
                      int64_t part, float *work)
{
    const la_problem *p = &f->p;
    int64_t T = p->T, b = r->i / p->H, h = r->i % p->H, kv = h / (p->H / p->Hkv);
    int64_t q_step = p->H * p->dk, held = la_flash_held(f, pos);
    flash_block block = block_in(f, work, r->rows);
    enter(f, &block, (const float *)io->q + (b * T + r->first) * q_step + h * p->dk, q_step);
    int64_t from = held * part / f->splits, to = held * (part + 1) / f->splits;
    while (from < to) {
        flash_run old = la_flash_cached(f, io->state_in, b * p->Hkv + kv, pos, held, from);
        if (old.n > to - from) old.n = to - from;
        pass_over(f, &block, &old, r->first);
        from += old.n;
    }
    if (part < f->splits - 1) return;
    flash_run own = la_flash_own(p, io, b, kv);
    pass_over(f, &block, &own, r->first);
}

/* Adds what another part of the keys gave: both are brought to the common maximum. */
static void merge(const flash_block *to, const flash_block *from)
{
    int64_t w = to->tile->panel, dv = to->dv;
    for (int64_t r = 0; r < to->panels * w; r++) {
        float top = fmaxf(to->top[r], from->top[r]), *o = to->ot + r / w * dv * w + r % w;
        const float *x = from->ot + r / w * dv * w + r % w;
        float c = exp2f((to->top[r] - top) * to->scale2);
        float d = exp2f((from->top[r] - top) * to->scale2);
        for (int64_t i = 0; i < dv; i++) o[i * w] = c * o[i * w] + d * x[i * w];
        to->sum[r] = c * to->sum[r] + d * from->sum[r];
        to->top[r] = top;
    }
}

/* Joins the parts of a block, whose working sets lie `own` floats apart, in order, and writes its rows. */
static void finish(const flash *f, const la_io *io, const rows_of_head *r, float *work, size_t own)
{
    const la_problem *p = &f->p;
    int64_t b = r->i / p->H, h = r->i % p->H, o_step = p->H * p->dv;
    flash_block block = block_in(f, work, r->rows);
    for (int64_t part = 1; part < f->splits; part++) {
        flash_block other = block_in(f, work + (size_t)part * own, r->rows);
        merge(&block, &other);
    }
    leave(f, &block, (float *)io->o + (b * p->T + r->first) * o_step + h * p->dv, o_step,
          io->saved ? (float *)io->saved + r->i * p->T + r->first : NULL);
}

la_status la_flash_forward(void *self, const la_io *io, la_err *err)
{
    const flash *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, blocks = blocks_of(f), splits = f->splits;
    LA_TRY(fits(f, io, pos + p->T, err));
    size_t own = layout_of(f).total;
    float *work = io->work;
    int threads = la_flash_flops(f, pos) < FLASH_SERIAL_FLOPS ? 1 : p->threads;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t unit = 0; unit < blocks * splits; unit++) {
        rows_of_head r = rows_of(f, unit / splits);
        float *set = work + (size_t)(splits > 1 ? unit : omp_get_thread_num()) * own;
        run_block(f, io, pos, &r, unit % splits, set);
        if (splits == 1) finish(f, io, &r, set, own);
    }
    for (int64_t item = 0; splits > 1 && item < blocks; item++) {
        rows_of_head r = rows_of(f, item);
        finish(f, io, &r, work + (size_t)(item * splits) * own, own);
    }
    append(f, io, pos, p->T);
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
    /* A new token takes one place of the window; without one, the query sees all of it. */
    int64_t most = io->k ? f->window - 1 : f->window;
    int64_t count = la_flash_held(f, pos) < most ? la_flash_held(f, pos) : most;
    int64_t from = count * part / f->parts, to = count * (part + 1) / f->parts;
    while (from < to) {
        flash_run c = la_flash_cached(f, io->state_in, i, pos, count, from);
        int64_t n = to - from < DECODE_KEYS ? to - from : DECODE_KEYS;
        if (n > c.n) n = c.n;
        for (int64_t g = 0; g < group; g++)
            add_keys(f, partial_of(f, io, first + g, part), q + g * p->dk, c.k, c.v, n);
        from += n;
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
    LA_TRY(fits(f, io, pos + (io->k != NULL), err));
    size_t bytes = (size_t)(heads * la_flash_held(f, pos) * (p->dk + p->dv)) * sizeof(float);
#pragma omp parallel for num_threads(p->threads) schedule(static) if (bytes > DECODE_SERIAL_BYTES)
    for (int64_t i = 0; i < heads * f->parts; i++) run_part(f, io, pos, i / f->parts, i % f->parts);
    for (int64_t i = 0; i < p->B * p->H; i++) join(f, io, i);
    append(f, io, pos, 1);
    return LA_OK;
}
