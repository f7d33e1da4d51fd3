/* SPDX-License-Identifier: Apache-2.0
 * Textbook attention, forward: every score of a few rows, their softmax, their output, and so the three
 * sweeps meet a row while it is in cache. All scores are written and kept, as the textbook has it.
 * Keys and values are packed once for all rows, and taken from the cache and bf16 on the way: K' in
 * panels of keys, V in panels of channels, so that tile products read both in place.
 */
#include <omp.h>
#include <string.h>

#include "kv_attention.h"
#include "labench/kit.h"
#include "labench/simd.h"
#include "softmax_internal.h"

enum {
    MOST_ROWS = 32,        /* of a block */
    VALUE_KEYS = 256,      /* of V that the rows of a block meet at once: 64 KiB at dv = 64 */
    BLOCK_BYTES = 2 << 20, /* of scores of a block */
};

/* Floats of one packed kv head, of a thread's rows in float32 and of its scratch. */
typedef struct layout {
    size_t keys, values, rows, scratch, total;
} layout;

static int64_t panels_of(int64_t n, int64_t width)
{
    return (n + width - 1) / width;
}

static layout layout_of(const softmax *f, int64_t len)
{
    const la_problem *p = &f->p;
    int64_t w = f->tile->panel, lanes = f->tile->lanes, d = p->dk > p->dv ? p->dk : p->dv;
    int64_t inner = p->dk > VALUE_KEYS ? p->dk : VALUE_KEYS;
    bool narrow = p->dtype == LA_BF16;
    layout l = {.keys = (size_t)(panels_of(len, w) * w * p->dk),
                .values = (size_t)(len * panels_of(p->dv, lanes) * lanes),
                .rows = narrow ? (size_t)(w > MOST_ROWS ? w : MOST_ROWS) * (size_t)d * 2 : 0,
                .scratch = (size_t)LA_TILE_SCRATCH(inner)};
    size_t heads = (size_t)(p->B * p->Hkv);
    l.total = heads * (l.keys + l.values) + (size_t)p->threads * (l.rows + l.scratch);
    return l;
}

size_t la_softmax_packed_floats(const softmax *f)
{
    return layout_of(f, f->p.Tcap).total;
}

/* ---- packing ---- */

/* Columns of each panel of V: of all its vectors, as evenly as whole vectors allow. */
static int64_t width_of(const softmax *f)
{
    int64_t lanes = f->tile->lanes, vectors = panels_of(f->p.dv, lanes);
    int64_t panels = panels_of(vectors, f->tile->panel / lanes);
    return panels_of(vectors, panels) * lanes;
}

/* Rows of the problem's type as floats: in place, or widened into `to`. */
static const float *as_floats(const softmax *f, const char *x, int64_t step, int64_t n, int64_t d,
                              float *to, int64_t *to_step)
{
    const void *rows = x;
    *to_step = f->narrow ? d : step;
    if (!f->narrow) return rows;
    f->narrow->widen_rows(n, d, rows, step, to, d);
    return to;
}

/* n tokens, at `first` of the packed head, whose keys and values lie at k and v. */
typedef struct tokens {
    const char *k, *v;
    int64_t k_step, v_step, first, n;
} tokens;

static tokens cached(const softmax *f, const la_io *io, int64_t kv, int64_t pos)
{
    const la_problem *p = &f->p;
    size_t size = la_dtype_size(p->dtype);
    const char *K = io->state_in, *V = K + la_kv_values_at(p, p->Tcap);
    return (tokens){.k = K + (size_t)(kv * p->Tcap * p->dk) * size,
                    .v = V + (size_t)(kv * p->Tcap * p->dv) * size,
                    .k_step = p->dk,
                    .v_step = p->dv,
                    .n = pos};
}

static tokens own(const softmax *f, const la_io *io, int64_t kv, int64_t pos)
{
    const la_problem *p = &f->p;
    size_t size = la_dtype_size(p->dtype);
    int64_t at = kv / p->Hkv * p->T * p->Hkv + kv % p->Hkv;
    return (tokens){.k = (const char *)io->k + (size_t)(at * p->dk) * size,
                    .v = (const char *)io->v + (size_t)(at * p->dv) * size,
                    .k_step = p->Hkv * p->dk,
                    .v_step = p->Hkv * p->dv,
                    .first = pos,
                    .n = p->T};
}

/* Those of the tokens that lie in panel i of the keys. */
static void pack(const softmax *f, const tokens *x, int64_t i, int64_t len, float *keys,
                 float *values, float *rows)
{
    const la_tile *t = f->tile;
    int64_t w = t->panel, dk = f->p.dk, dv = f->p.dv, step, width = width_of(f);
    int64_t from = i * w > x->first ? i * w : x->first;
    int64_t end = (i + 1) * w < x->first + x->n ? (i + 1) * w : x->first + x->n, n = end - from;
    if (n <= 0) return;
    size_t size = la_dtype_size(f->p.dtype), skip = (size_t)(from - x->first);
    const char *k = x->k + skip * (size_t)x->k_step * size;
    const char *v = x->v + skip * (size_t)x->v_step * size;
    const float *kf = as_floats(f, k, x->k_step, n, dk, rows, &step);
    t->transpose(n, dk, kf, step, keys + i * dk * w + (from - i * w), w);
    const float *vf = as_floats(f, v, x->v_step, n, dv, rows, &step);
    for (int64_t c = 0; c < dv; c += width) {
        int64_t m = dv - c < width ? dv - c : width;
        int64_t wide = panels_of(m, t->lanes) * t->lanes;
        float *to = values + c * len + from * wide;
        for (int64_t r = 0; r < n; r++) {
            memcpy(to + r * wide, vf + r * step + c, (size_t)m * sizeof *to);
            for (int64_t z = m; z < wide; z++) to[r * wide + z] = 0.0f;
        }
    }
}

/* ---- rows ---- */

/* A block of rows of one head. */
typedef struct block {
    const float *q, *keys, *values;
    int64_t q_step, rows, visible, len; /* the first row sees `visible` keys */
    float *scores, *o, *scratch;        /* [rows, len], steps of `step`; [rows, dv], of o_step */
    int64_t step, o_step;
} block;

static void attend(const softmax *f, const block *b, bool weights_kept)
{
    const la_tile *t = f->tile;
    const la_problem *p = &f->p;
    int64_t w = t->panel, dk = p->dk, dv = p->dv, len = b->len, width = width_of(f);
    bool causal = p->mask == LA_MASK_CAUSAL;
    float sums[MOST_ROWS];
    for (int64_t j = 0; j < len; j += w)
        t->nn(b->rows, len - j < w ? len - j : w, dk, (float)la_scale(p), b->q, b->q_step,
              b->keys + j * dk, w, false, b->scores + j, b->step, b->scratch);
    for (int64_t r = 0; r < b->rows; r++) {
        float *row = b->scores + r * b->step;
        int64_t visible = causal ? b->visible + r : len;
        sums[r] = 1.0f / f->weigh(visible, t->max(visible, row), row);
        memset(row + visible, 0, (size_t)(len - visible) * sizeof *row);
        if (weights_kept) t->scale(visible, sums[r], row, row);
    }
    for (int64_t j = 0; j < len; j += VALUE_KEYS)
        for (int64_t c = 0; c < dv; c += width) {
            int64_t m = dv - c < width ? dv - c : width,
                    n = len - j < VALUE_KEYS ? len - j : VALUE_KEYS;
            int64_t wide = panels_of(m, t->lanes) * t->lanes;
            t->nn(b->rows, m, n, 1.0f, b->scores + j, b->step, b->values + c * len + j * wide, wide,
                  j > 0, b->o + c, b->o_step, b->scratch);
        }
    if (!weights_kept) t->scale_rows(b->rows, dv, sums, b->o, b->o_step, b->o, b->o_step);
}

/* Rows of a block: its scores stay in cache between the sweeps, and there is a block for every thread. */
static int64_t rows_of(const la_problem *p, int64_t len)
{
    int64_t fit = BLOCK_BYTES / (len * (int64_t)sizeof(float)) / 8 * 8;
    int64_t fair = (p->T * p->B * p->H / (4 * (int64_t)p->threads) + 7) / 8 * 8;
    int64_t rows = fit < fair ? fit : fair;
    return rows < 8 ? 8 : rows > MOST_ROWS ? MOST_ROWS : rows;
}

/* Rows first.. of query head i = b H + h. */
static void run_rows(const softmax *f, const la_io *io, int64_t pos, int64_t i, int64_t first,
                     int64_t step, const float *packed, float *rows)
{
    const la_problem *p = &f->p;
    layout l = layout_of(f, pos + p->T);
    size_t size = la_dtype_size(p->dtype);
    int64_t b = i / p->H, h = i % p->H, kv = b * p->Hkv + h / (p->H / p->Hkv), len = pos + p->T;
    int64_t apart = la_softmax_step(len);
    block x = {.rows = p->T - first < step ? p->T - first : step,
               .visible = pos + first + 1,
               .len = len,
               .keys = packed + (size_t)kv * (l.keys + l.values),
               .scores = (float *)(io->saved ? io->saved : io->work) + (i * p->T + first) * apart,
               .step = apart,
               .scratch = rows + l.rows,
               .o_step = p->H * p->dv};
    x.values = x.keys + l.keys;
    int64_t at = (b * p->T + first) * p->H + h;
    x.q = as_floats(f, (const char *)io->q + (size_t)(at * p->dk) * size, p->H * p->dk, x.rows,
                    p->dk, rows, &x.q_step);
    if (!f->narrow) {
        x.o = (float *)io->o + at * p->dv;
        attend(f, &x, io->saved != NULL);
        return;
    }
    x.o = rows + l.rows / 2;
    x.o_step = p->dv;
    attend(f, &x, io->saved != NULL);
    f->narrow->narrow_rows(x.rows, p->dv, x.o, p->dv, (la_bf16 *)io->o + at * p->dv, p->H * p->dv);
}

la_status la_softmax_forward(void *self, const la_io *io, la_err *err)
{
    const softmax *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, len = pos + p->T, step = rows_of(p, len);
    int64_t blocks = panels_of(p->T, step), panels = panels_of(len, f->tile->panel);
    int64_t kv_heads = p->B * p->Hkv;
    LA_TRY(la_kv_fits(p, io, len, err));
    layout l = layout_of(f, len);
    float *packed = (float *)io->work + la_softmax_score_floats(p);
    float *threads_own = packed + (size_t)kv_heads * (l.keys + l.values);
    int threads = la_softmax_threads(p, pos);
#pragma omp parallel num_threads(threads)
    {
        float *rows = threads_own + (size_t)omp_get_thread_num() * (l.rows + l.scratch);
#pragma omp for schedule(static)
        for (int64_t item = 0; item < kv_heads * panels; item++) {
            int64_t kv = item / panels;
            float *keys = packed + (size_t)kv * (l.keys + l.values);
            tokens new = own(f, io, kv, pos);
            if (pos > 0) {
                tokens old = cached(f, io, kv, pos);
                pack(f, &old, item % panels, len, keys, keys + l.keys, rows);
            }
            pack(f, &new, item % panels, len, keys, keys + l.keys, rows);
        }
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < p->B * p->H * blocks; item++)
            run_rows(f, io, pos, item / blocks, item % blocks * step, step, packed, rows);
    }
    la_kv_append(p, p->Tcap, io, pos, p->T);
    return LA_OK;
}
