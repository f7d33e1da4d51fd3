/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles, forward: which rows meet which keys, on which thread.
 */
#include <float.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "flash_kernels.h"
#include "kv_attention.h"
#include "labench/kit.h"

enum {
    BLOCK_BYTES = 384 * 1024, /* of a block's Q and O: they stay in L2 with a tile of K and V */
    FEW_PANELS = 8,           /* fewer would copy tiles too often, wherever they stay */
    BLOCKS_A_THREAD = 12,     /* wanted, so that threads end together */
    SPLIT_KEYS = 1024,        /* of the cache, worth a part of their own */
};

/* Floats of each array of a block's working set, each a multiple of 64 bytes. */
typedef struct layout {
    size_t qt, ot, rows, scores, kt, vt, total;
} layout;

static int64_t sides_of(int64_t channels)
{
    return (channels + FLASH_SIDE - 1) / FLASH_SIDE;
}

static layout layout_of(const flash *f)
{
    int64_t w = f->tile->panel, n = f->panels, dv = f->p.dv;
    layout l = {.qt = la_flash_floats(n, f->k2, w),
                .ot = la_flash_floats(n, dv, w),
                .rows = la_flash_floats(n, w, 1),
                .scores = la_flash_floats(FLASH_KEYS, w, 1),
                .kt = la_flash_floats(FLASH_KEYS, f->k2, 1),
                .vt = f->narrow ? la_flash_floats(FLASH_KEYS / 2, dv, 1)
                                : la_flash_floats(FLASH_KEYS, sides_of(dv), FLASH_SIDE)};
    l.total = l.qt + l.ot + 2 * l.rows + l.scores + l.kt + l.vt;
    return l;
}

static flash plan(const la_problem *p, int64_t window, const la_device *dev)
{
    flash f = {.p = *p,
               .tile = la_tile_get(dev->isa),
               .element = la_dtype_size(p->dtype),
               .k2 = p->dk,
               .v2 = p->dv,
               .window = window,
               .capacity = window < p->Tcap ? window : p->Tcap,
               .scale = la_scale(p)};
    f.add = LA_ISA_TABLE(la_flash_add, f.tile->isa);
    if (p->dtype == LA_BF16) f.half = la_tile_bf16_get(dev->isa);
    if (p->dtype == LA_BF16 && !la_bf16_widens(dev->isa)) {
        f.narrow = f.half;
        f.add = LA_AMX_TABLE(la_flash_add, dev->isa);
        f.turned = dev->isa >= LA_ISA_AMX_BF16;
        f.k2 = (p->dk + 1) / 2;
        f.v2 = (p->dv + 1) / 2;
    }
    int64_t all = (p->T + f.tile->panel - 1) / f.tile->panel;
    int64_t panels = all * p->B * p->H / ((int64_t)p->threads * BLOCKS_A_THREAD);
    int64_t most = BLOCK_BYTES / (f.tile->panel * (f.k2 + p->dv) * (int64_t)sizeof(float));
    if (most < FEW_PANELS) most = FEW_PANELS;
    f.panels = panels < 2 ? 2 : panels > most ? most : panels;
    if (f.panels > all) f.panels = all;
    /* Few rows over a long cache: each block's keys are shared out too. */
    int64_t units = p->B * p->H * ((all + f.panels - 1) / f.panels);
    int64_t spare = (f.capacity - p->T) / SPLIT_KEYS;
    f.splits = la_even_parts(units, p->threads, spare, 4);
    la_flash_decode_plan(&f);
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

la_status la_flash_sizes(const la_problem *p, la_pass pass, int64_t window, const la_device *dev,
                         la_sizes *out)
{
    flash f = plan(p, window, dev);
    *out = (la_sizes){.state = la_kv_bytes(p, f.capacity), .instance = sizeof(flash)};
    if (pass == LA_DECODE) {
        out->work = la_flash_decode_bytes(&f);
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

static flash_block block_in(const flash *f, float *work, int64_t rows)
{
    layout l = layout_of(f);
    flash_block b = {.tile = f->tile,
                     .narrow = f->narrow,
                     .dk = f->p.dk,
                     .k2 = f->k2,
                     .dv = f->p.dv,
                     .rows = rows,
                     .panels = (rows + f->tile->panel - 1) / f->tile->panel,
                     .scale2 = (float)(fabs(f->scale) * 1.4426950408889634)};
    b.qt = work;
    b.ot = work + l.qt;
    b.top = b.ot + l.ot;
    b.sum = b.top + l.rows;
    b.scores = b.sum + l.rows;
    b.kt = b.scores + l.scores;
    b.vt = b.scores + l.scores + l.kt;
    return b;
}

/* n words of Q change their sign. */
static void negate(const flash *f, int64_t n, void *words)
{
    if (!f->narrow) f->tile->scale(n, -1.0f, words, words);
    la_pair *pairs = words;
    for (int64_t i = 0; f->narrow && i < n; i++) pairs[i] ^= 0x80008000u;
}

/* Brings the block's rows of Q into its panels. */
static void enter(const flash *f, const flash_block *b, const char *q, int64_t q_step)
{
    int64_t w = f->tile->panel, words = f->k2 * w;
    size_t bytes = (size_t)(w * q_step) * f->element;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        la_flash_panel(f, q + (size_t)i * bytes, q_step, rows, b->dk, (float *)b->qt + i * words);
    }
    if (f->scale < 0) negate(f, b->panels * words, b->qt);
    for (int64_t r = 0; r < b->panels * w; r++) b->top[r] = -FLT_MAX, b->sum[r] = 0.0f;
    memset(b->ot, 0, (size_t)(b->panels * b->dv * w) * sizeof *b->ot);
}

/* Divides by the sums and writes the rows of O, and their log-sum-exp where it is wanted. */
static void leave(const flash *f, const flash_block *b, char *o, int64_t o_step, float *lse)
{
    int64_t w = f->tile->panel;
    size_t bytes = (size_t)(w * o_step) * f->element;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        float *sum = b->sum + i * w;
        for (int64_t r = 0; r < rows; r++) {
            double top = 0.6931471805599453 * (double)b->top[i * w + r];
            if (lse) lse[i * w + r] = (float)(top + (double)logf(sum[r]));
            sum[r] = 1.0f / sum[r];
        }
        la_flash_unpanel(f, b->ot + i * b->dv * w, b->dv, rows, sum, o + (size_t)i * bytes, o_step,
                         b->scores);
    }
}

/* n rows of V in pairs of keys, into b->vt. Returns the words between rows. */
static int64_t pair_values(const flash *f, const flash_block *b, const char *v, int64_t step,
                           int64_t n)
{
    enum { SLAB = 64, TURNED_STEP = FLASH_KEYS / 2 }; /* channels of a slab: they fit b->scores */
    const la_bf16 *rows = (const la_bf16 *)(const void *)v;
    if (!f->turned) {
        f->narrow->pairs_of_rows(n, b->dv, rows, step, b->vt, b->dv);
        return b->dv;
    }
    for (int64_t i = 0; i < b->dv; i += SLAB) {
        int64_t channels = b->dv - i < SLAB ? b->dv - i : SLAB;
        f->narrow->pairs_of_rows(n, channels, rows + i, step, (la_pair *)(void *)b->scores, SLAB);
        f->tile->transpose((n + 1) / 2, channels, b->scores, SLAB, (float *)b->vt + i * TURNED_STEP,
                           TURNED_STEP);
    }
    return TURNED_STEP;
}

/* n rows of V in float32, into b->vt by FLASH_SIDE channels where several panels will pass over them, or where
 * they are widened. */
static void side_values(const flash *f, const flash_block *b, const char *v, int64_t step,
                        flash_keys *keys)
{
    const float *rows = (const float *)(const void *)v;
    const la_bf16 *half = (const la_bf16 *)(const void *)v;
    keys->v = rows, keys->v_step = step, keys->v_side = FLASH_SIDE;
    if (b->panels < 3 && !f->half) return;
    keys->v = b->vt, keys->v_step = FLASH_SIDE, keys->v_side = keys->n * FLASH_SIDE;
    for (int64_t c = 0; c < b->dv; c += FLASH_SIDE) {
        float *to = (float *)b->vt + c * keys->n;
        size_t width = (size_t)(b->dv - c < FLASH_SIDE ? b->dv - c : FLASH_SIDE);
        if (f->half) {
            f->half->widen_rows(keys->n, (int64_t)width, half + c, step, to, FLASH_SIDE);
            continue;
        }
        for (int64_t i = 0; i < keys->n; i++, to += FLASH_SIDE)
            if (width == FLASH_SIDE) /* one vector, no call */
                memcpy(to, rows + i * step + c, FLASH_SIDE * sizeof *to);
            else
                memcpy(to, rows + i * step + c, width * sizeof *to);
    }
}

/* Passes over the keys of a run; `first` is the block's first row. */
static void pass_over(const flash *f, const flash_block *b, const flash_run *run, int64_t first)
{
    int64_t hidden, visible;
    la_flash_sees(f, run, first, &hidden, &visible);
    int64_t end = visible + b->rows - 1 < run->n ? visible + b->rows - 1 : run->n;
    const int64_t k_bytes = run->k_step * (int64_t)f->element;
    const int64_t v_bytes = run->v_step * (int64_t)f->element;
    for (int64_t j = hidden > 0 ? hidden : 0; j < end; j += FLASH_KEYS) {
        flash_keys keys = {.n = end - j < FLASH_KEYS ? end - j : FLASH_KEYS,
                           .hidden = hidden - j,
                           .visible = visible - j};
        const char *k = run->k + j * k_bytes, *v = run->v + j * v_bytes;
        int64_t next = end - j - keys.n;
        keys.ahead = (flash_ahead){.k = k + keys.n * k_bytes,
                                   .v = v + keys.n * v_bytes,
                                   .k_step = k_bytes,
                                   .v_step = v_bytes,
                                   .rows = next < FLASH_KEYS ? next : FLASH_KEYS};
        keys.k = la_flash_rows(f, b->panels, k, run->k_step, keys.n, b->dk, b->kt, &keys.k_step);
        if (f->narrow) {
            keys.v = b->vt;
            keys.v_step = pair_values(f, b, v, run->v_step, keys.n);
        } else {
            side_values(f, b, v, run->v_step, &keys);
        }
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
    size_t at = (size_t)((b * T + r->first) * q_step + h * p->dk);
    enter(f, &block, (const char *)io->q + at * f->element, q_step);
    int64_t from = held * part / f->splits, to = held * (part + 1) / f->splits;
    while (from < to) {
        flash_run old = la_flash_cached(f, io->state_in, b * p->Hkv + kv, pos, held, from);
        if (old.n > to - from) old.n = to - from;
        pass_over(f, &block, &old, r->first);
        from += old.n;
    }
    if (part < f->splits - 1) return;
    flash_run own = la_flash_own(f, io, b, kv);
    pass_over(f, &block, &own, r->first);
}

/* Adds what another part of the keys gave: both are brought to the common maximum. */
static void merge(const flash_block *to, const flash_block *from)
{
    int64_t w = to->tile->panel, dv = to->dv;
    for (int64_t r = 0; r < to->panels * w; r++) {
        float top = fmaxf(to->top[r], from->top[r]), *o = to->ot + r / w * dv * w + r % w;
        const float *x = from->ot + r / w * dv * w + r % w;
        float c = exp2f(to->top[r] - top), d = exp2f(from->top[r] - top);
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
    size_t at = (size_t)((b * p->T + r->first) * o_step + h * p->dv);
    leave(f, &block, (char *)io->o + at * f->element, o_step,
          io->saved ? (float *)io->saved + r->i * p->T + r->first : NULL);
}

/* A part of the keys of a block, in a working set of `own` floats: the thread's, or the part's. */
static void run_unit(const flash *f, const la_io *io, int64_t pos, int64_t unit, int thread,
                     size_t own)
{
    rows_of_head r = rows_of(f, unit / f->splits);
    float *set = (float *)io->work + (size_t)(f->splits > 1 ? unit : thread) * own;
    run_block(f, io, pos, &r, unit % f->splits, set);
    if (f->splits == 1) finish(f, io, &r, set, own);
}

la_status la_flash_forward(void *self, const la_io *io, la_err *err)
{
    const flash *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, blocks = blocks_of(f), splits = f->splits,
            units = blocks * splits;
    LA_TRY(la_flash_fits(f, io, pos + p->T, err));
    size_t own = layout_of(f).total;
    float *work = io->work;
    int threads = la_flash_flops(f, pos) < FLASH_SERIAL_FLOPS ? 1 : p->threads;
    if (threads == 1) /* a region of one thread costs as much as a few rows */
        for (int64_t unit = 0; unit < units; unit++) run_unit(f, io, pos, unit, 0, own);
    else
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int64_t unit = 0; unit < units; unit++)
            run_unit(f, io, pos, unit, omp_get_thread_num(), own);
    for (int64_t item = 0; splits > 1 && item < blocks; item++) {
        rows_of_head r = rows_of(f, item);
        finish(f, io, &r, work + (size_t)(item * splits) * own, own);
    }
    la_kv_append(p, f->capacity, io, pos, p->T);
    return LA_OK;
}
