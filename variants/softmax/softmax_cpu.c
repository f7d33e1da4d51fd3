/* SPDX-License-Identifier: Apache-2.0
 * Textbook attention on the CPU: backward, each product one sweep over the whole score matrix, and decode. A
 * sweep is spread over threads by blocks of rows, so that one head is as well served as many; inside a
 * block OpenBLAS runs on the calling thread, or, for short sequences and for sums down columns of scores,
 * tile products. In bf16 backward works on widened copies of its inputs: beside T x T floats of weights
 * they are small.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "kv_attention.h"
#include "labench/kit.h"
#include "softmax_internal.h"

/* One (batch, head) in backward: where its rows are, and its key/value head's cache. */
typedef struct head {
    const float *q, *new_k, *new_v; /* steps H dk, Hkv dk, Hkv dv */
    const float *old_k, *old_v;     /* [pos, dk], [pos, dv] */
    float *scratch;                 /* the thread's own, for tile products; NULL: by OpenBLAS */
} head;

int64_t la_softmax_step(int64_t len)
{
    return ((len + 15) / 16 | 1) * 16;
}

size_t la_softmax_score_floats(const la_problem *p)
{
    return (size_t)(p->B * p->H * p->T * la_softmax_step(p->Tcap));
}

enum {
    MOST_ROWS = 512,              /* of a block in backward */
    COPIED_ROWS = 128,            /* of MOST_ROWS columns of scores: 264 KiB, they stay in L2 */
    COPIED_STEP = MOST_ROWS + 16, /* of a copy: no power of two, which would be few sets of L1 */
};

static bool by_tiles(const la_problem *p)
{
    return p->Tcap <= SOFTMAX_TILE_KEYS;
}

static size_t scratch_floats(const la_problem *p)
{
    if (!by_tiles(p)) return (size_t)(COPIED_ROWS * COPIED_STEP) + LA_TILE_SCRATCH(COPIED_ROWS);
    int64_t widest = p->dk > p->dv ? p->dk : p->dv;
    return (size_t)LA_TILE_SCRATCH(widest > p->Tcap ? widest : p->Tcap);
}

/* The calling thread's. */
static float *scratch_of(const la_problem *p, const la_io *io)
{
    size_t own = (size_t)omp_get_thread_num() * scratch_floats(p);
    return (float *)io->work + la_softmax_score_floats(p) + own;
}

/* C[M,N] = alpha op(A) op(B), or +=. */
static void times(const softmax *f, float *scratch, bool ta, bool tb, int64_t M, int64_t N,
                  int64_t K, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                  bool add, float *C, int64_t ldc)
{
    la_tile_product *small = ta ? f->tile->tn : tb ? f->tile->nt : f->tile->nn;
    if (scratch)
        small(M, N, K, alpha, A, lda, B, ldb, add, C, ldc, scratch);
    else
        la_gemm(ta, tb, M, N, K, alpha, A, lda, B, ldb, add ? 1.0f : 0.0f, C, ldc);
}

static head head_of(const la_problem *p, const la_io *io, int64_t pos, int64_t i)
{
    int64_t T = p->T, b = i / p->H, h = i % p->H, kv = h / (p->H / p->Hkv);
    int64_t slot = (b * p->Hkv + kv) * p->Tcap;
    head x = {.q = (const float *)io->q + (b * T * p->H + h) * p->dk,
              .new_k = (const float *)io->k + (b * T * p->Hkv + kv) * p->dk,
              .new_v = (const float *)io->v + (b * T * p->Hkv + kv) * p->dv};
    if (pos > 0) {
        const void *V = (const char *)io->state_in + la_kv_values_at(p, p->Tcap);
        x.old_k = (const float *)io->state_in + slot * p->dk;
        x.old_v = (const float *)V + slot * p->dv;
    }
    return x;
}

/* Rows of a block: enough blocks for every thread, and tall enough that OpenBLAS, which packs K and V
 * anew for each block, does not feel it. */
static int64_t block_rows(const la_problem *p)
{
    int64_t blocks = (4 * p->threads + p->B * p->H - 1) / (p->B * p->H);
    int64_t rows = (p->T + blocks - 1) / blocks;
    return rows < 64 ? 64 : rows > MOST_ROWS ? MOST_ROWS : rows;
}

/* A small problem is over before a second thread is awake. */
int la_softmax_threads(const la_problem *p, int64_t pos)
{
    double flops = 2.0 * (double)(p->B * p->H * p->T) * (double)((pos + p->T) * (p->dk + p->dv));
    return flops < 1e6 ? 1 : p->threads;
}

/* ---- backward: A = dO V', dS = P (A - rowsum(P A)), dQ = s dS K; dK = s dS' Q and dV = P' dO ---- */

/* One (batch, head) in backward. */
typedef struct slopes {
    const float *weights, *dout; /* [T, pos + T], steps of `step`; step H dv */
    float *a;                    /* [T, pos + T], steps of `step`: A, then dS */
    int64_t step;
    float *dq, *dk, *dv; /* steps H dk, Hkv dk, Hkv dv; NULL: not wanted */
} slopes;

static slopes slopes_of(const la_problem *p, const la_io *io, const la_grads *grads, int64_t pos,
                        int64_t i)
{
    int64_t T = p->T, b = i / p->H, h = i % p->H, kv = h / (p->H / p->Hkv);
    int64_t step = la_softmax_step(pos + T);
    slopes g = {.weights = (const float *)io->saved + i * T * step,
                .dout = (const float *)grads->dout + (b * T * p->H + h) * p->dv,
                .a = (float *)io->work + i * T * step,
                .step = step};
    if (grads->dq) g.dq = (float *)grads->dq + (b * T * p->H + h) * p->dk;
    if (grads->dk) g.dk = (float *)grads->dk + (b * T * p->Hkv + kv) * p->dk;
    if (grads->dv) g.dv = (float *)grads->dv + (b * T * p->Hkv + kv) * p->dv;
    return g;
}

static void weight_slopes(const softmax *f, const head *x, const slopes *g, int64_t pos,
                          int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    int64_t dv = p->dv;
    float *to = g->a + first * g->step;
    const float *dout = g->dout + first * p->H * dv;
    if (pos > 0)
        times(f, x->scratch, false, true, rows, pos, dv, 1.0f, dout, p->H * dv, x->old_v, dv, false,
              to, g->step);
    times(f, x->scratch, false, true, rows, p->T, dv, 1.0f, dout, p->H * dv, x->new_v, p->Hkv * dv,
          false, to + pos, g->step);
}

static void score_slopes(const softmax *f, const slopes *g, int64_t pos, int64_t first,
                         int64_t rows)
{
    int64_t len = pos + f->p.T;
    bool causal = f->p.mask == LA_MASK_CAUSAL;
    for (int64_t i = first; i < first + rows; i++) {
        int64_t visible = causal ? pos + i + 1 : len;
        const float *weight = g->weights + i * g->step;
        float *a = g->a + i * g->step;
        f->tile->mul(visible, weight, a, a);
        f->tile->axpy(visible, -f->tile->sum(visible, a), weight, a);
        memset(a + visible, 0, (size_t)(len - visible) * sizeof *a);
    }
}

static void query_slopes(const softmax *f, const head *x, const slopes *g, int64_t pos,
                         int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    int64_t dk = p->dk;
    float s = (float)la_scale(p), *to = g->dq + first * p->H * dk;
    const float *ds = g->a + first * g->step;
    if (pos > 0)
        times(f, x->scratch, false, false, rows, dk, pos, s, ds, g->step, x->old_k, dk, false, to,
              p->H * dk);
    times(f, x->scratch, false, false, rows, dk, p->T, s, ds + pos, g->step, x->new_k, p->Hkv * dk,
          pos > 0, to, p->H * dk);
}

/* C [n,d] = alpha S' X, or +=, of n columns of scores S [T, steps of lds] and rows X [T,d]. Rows of scores lie
 * pages apart: each is read once, into a copy that the product meets in L2. */
static void by_columns(const softmax *f, float *scratch, int64_t n, int64_t d, float alpha,
                       const float *S, int64_t lds, const float *X, int64_t step, bool add,
                       float *C, int64_t ldc)
{
    int64_t T = f->p.T;
    if (by_tiles(&f->p)) {
        times(f, scratch, true, false, n, d, T, alpha, S, lds, X, step, add, C, ldc);
        return;
    }
    for (int64_t t = 0; t < T; t += COPIED_ROWS) {
        int64_t rows = T - t < COPIED_ROWS ? T - t : COPIED_ROWS;
        for (int64_t r = 0; r < rows; r++)
            memcpy(scratch + r * COPIED_STEP, S + (t + r) * lds, (size_t)n * sizeof *S);
        f->tile->tn(n, d, rows, alpha, scratch, COPIED_STEP, X + t * step, step, add || t > 0, C,
                    ldc, scratch + COPIED_ROWS * COPIED_STEP);
    }
}

/* Rows first.. of dK and dV of one (batch, kv head): its query heads are added up in order. */
static void key_slopes(const softmax *f, const la_io *io, const la_grads *grads, int64_t pos,
                       int64_t kv, int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    int64_t group = p->H / p->Hkv;
    float s = (float)la_scale(p);
    for (int64_t n = 0; n < group; n++) {
        int64_t i = kv * group + n; /* = b H + h */
        head x = head_of(p, io, pos, i);
        slopes g = slopes_of(p, io, grads, pos, i);
        float *scratch = scratch_of(p, io);
        if (g.dk)
            by_columns(f, scratch, rows, p->dk, s, g.a + pos + first, g.step, x.q, p->H * p->dk,
                       n > 0, g.dk + first * p->Hkv * p->dk, p->Hkv * p->dk);
        if (g.dv)
            by_columns(f, scratch, rows, p->dv, 1.0f, g.weights + pos + first, g.step, g.dout,
                       p->H * p->dv, n > 0, g.dv + first * p->Hkv * p->dv, p->Hkv * p->dv);
    }
}

/* Rows first.. of one sweep over query head i, or, the last, over kv head i. */
static void backward_rows(const softmax *f, const la_io *io, const la_grads *grads, int64_t pos,
                          int sweep, int64_t i, int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    bool a = grads->dq || grads->dk; /* dV takes the weights alone */
    if (sweep == 3) {
        if (grads->dk || grads->dv) key_slopes(f, io, grads, pos, i, first, rows);
        return;
    }
    head x = head_of(p, io, pos, i);
    x.scratch = by_tiles(p) ? scratch_of(p, io) : NULL;
    slopes g = slopes_of(p, io, grads, pos, i);
    if (sweep == 0 && a) weight_slopes(f, &x, &g, pos, first, rows);
    if (sweep == 1 && a) score_slopes(f, &g, pos, first, rows);
    if (sweep == 2 && g.dq) query_slopes(f, &x, &g, pos, first, rows);
}

static void backward(const softmax *f, const la_io *io, const la_grads *grads)
{
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, step = block_rows(p), group = p->H / p->Hkv;
    int64_t blocks = (p->T + step - 1) / step, heads = p->B * p->H;
    int threads = la_softmax_threads(p, pos);
    if (blocks == 1) { /* as in forward, all sweeps over the heads of one group */
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int64_t kv = 0; kv < p->B * p->Hkv; kv++) {
            for (int64_t i = kv * group; i < (kv + 1) * group; i++)
                for (int sweep = 0; sweep < 3; sweep++)
                    backward_rows(f, io, grads, pos, sweep, i, 0, p->T);
            backward_rows(f, io, grads, pos, 3, kv, 0, p->T);
        }
        return;
    }
    for (int sweep = 0; sweep < 4; sweep++) {
        int64_t items = (sweep == 3 ? p->B * p->Hkv : heads) * blocks;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int64_t item = 0; item < items; item++) {
            int64_t first = item % blocks * step;
            int64_t rows = p->T - first < step ? p->T - first : step;
            backward_rows(f, io, grads, pos, sweep, item / blocks, first, rows);
        }
    }
}

/* ---- bf16: the same on widened copies ---- */

/* Floats of the copies: q, k, v, dout and the cache; dq, dk and dv. */
typedef struct copies {
    size_t q, k, v, o, cache_k, cache_v, total;
} copies;

static copies copies_of(const la_problem *p)
{
    size_t rows = (size_t)(p->B * p->T), held = (size_t)(p->B * p->Hkv * p->Tcap);
    copies c = {.q = la_align(rows * (size_t)(p->H * p->dk) * sizeof(float)),
                .k = la_align(rows * (size_t)(p->Hkv * p->dk) * sizeof(float)),
                .v = la_align(rows * (size_t)(p->Hkv * p->dv) * sizeof(float)),
                .o = la_align(rows * (size_t)(p->H * p->dv) * sizeof(float)),
                .cache_k = la_align(held * (size_t)p->dk * sizeof(float)),
                .cache_v = la_align(held * (size_t)p->dv * sizeof(float))};
    c.total = 2 * (c.q + c.k + c.v) + c.o + c.cache_k + c.cache_v;
    return c;
}

size_t la_softmax_backward_bytes(const softmax *f)
{
    const la_problem *p = &f->p;
    size_t tiles = (size_t)p->threads * scratch_floats(p) * sizeof(float);
    return tiles + (p->dtype == LA_BF16 ? copies_of(p).total : 0);
}

/* Widens or rounds `rows` rows of d elements, spread over threads. */
static void widen(const softmax *f, int threads, int64_t rows, int64_t d, const la_bf16 *x,
                  float *y)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) f->narrow->widen(d, x + r * d, y + r * d);
}

static void narrow(const softmax *f, int threads, int64_t rows, int64_t d, const float *x,
                   la_bf16 *y)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) f->narrow->narrow(d, x + r * d, y + r * d);
}

static void widen_cache(const softmax *f, const la_io *io, int64_t pos, float *K, float *V)
{
    const la_problem *p = &f->p;
    const char *from = io->state_in;
    const void *k = from, *v = from + la_kv_values_at(p, p->Tcap);
    for (int64_t i = 0; i < p->B * p->Hkv; i++) {
        int64_t at = i * p->Tcap;
        f->narrow->widen(pos * p->dk, (const la_bf16 *)k + at * p->dk, K + at * p->dk);
        f->narrow->widen(pos * p->dv, (const la_bf16 *)v + at * p->dv, V + at * p->dv);
    }
}

static void backward_of_copies(const softmax *f, const la_io *io, const la_grads *grads)
{
    const la_problem *p = &f->p;
    copies c = copies_of(p);
    int64_t pos = io->state_in ? io->pos : 0, rows = p->B * p->T;
    int64_t q = p->H * p->dk, k = p->Hkv * p->dk, v = p->Hkv * p->dv, o = p->H * p->dv;
    int threads = la_softmax_threads(p, pos);
    char *at =
        (char *)io->work +
        (la_softmax_score_floats(p) + (size_t)p->threads * scratch_floats(p)) * sizeof(float);
    void *wide[9];
    const size_t sizes[9] = {c.q, c.k, c.v, c.o, c.q, c.k, c.v, c.cache_k, c.cache_v};
    for (int i = 0; i < 9; i++) wide[i] = at, at += sizes[i];
    widen(f, threads, rows, q, io->q, wide[0]);
    widen(f, threads, rows, k, io->k, wide[1]);
    widen(f, threads, rows, v, io->v, wide[2]);
    widen(f, threads, rows, o, grads->dout, wide[3]);
    if (pos > 0) widen_cache(f, io, pos, wide[7], wide[8]);
    softmax as_f32 = *f;
    as_f32.p.dtype = LA_F32;
    la_io in = *io;
    in.q = wide[0], in.k = wide[1], in.v = wide[2];
    if (pos > 0) in.state_in = wide[7];
    la_grads g = {.dout = wide[3],
                  .dq = grads->dq ? wide[4] : NULL,
                  .dk = grads->dk ? wide[5] : NULL,
                  .dv = grads->dv ? wide[6] : NULL};
    backward(&as_f32, &in, &g);
    if (g.dq) narrow(f, threads, rows, q, g.dq, grads->dq);
    if (g.dk) narrow(f, threads, rows, k, g.dk, grads->dk);
    if (g.dv) narrow(f, threads, rows, v, g.dv, grads->dv);
}

la_status la_softmax_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const softmax *f = self;
    if (f->narrow)
        backward_of_copies(f, io, grads);
    else
        backward(f, io, grads);
    return LA_OK;
}

/* ---- decode ---- */

size_t la_softmax_decode_bytes(const softmax *f)
{
    const la_problem *p = &f->p;
    size_t heads = (size_t)(p->B * p->H);
    return heads * (size_t)(p->Tcap + (f->narrow ? p->dv : 0)) * sizeof(float);
}

/* Asks for rows [i, i + n) of a cache of `all`, `row` bytes each: the hardware looks ahead to the end of a page. */
static void ask_for(const char *x, int64_t i, int64_t n, int64_t all, int64_t row)
{
    if (n > all - i) n = all - i;
    la_ask_for(x + i * row, n * row);
}

enum { FEW_ROWS = 16, ROWS_AHEAD = 64 };

/* score[n] = s K q, of n rows of K. */
static void scores_of(const softmax *f, int64_t n, const char *K, const void *q, float *score)
{
    int64_t dk = f->p.dk, row = dk * (int64_t)la_dtype_size(f->p.dtype);
    float s = (float)la_scale(&f->p);
    for (int64_t i = 0; i < n; i += FEW_ROWS) {
        int64_t few = n - i < FEW_ROWS ? n - i : FEW_ROWS;
        const void *rows = K + i * row;
        ask_for(K, i + ROWS_AHEAD, few, n, row);
        if (f->narrow)
            f->narrow->mv(few, dk, s, rows, dk, q, false, score + i);
        else
            f->tile->mv(few, dk, s, rows, dk, q, false, score + i);
    }
}

/* o += V' weight */
static void add_values(const softmax *f, int64_t n, const char *V, const float *weight, float *o)
{
    int64_t dv = f->p.dv, row = dv * (int64_t)la_dtype_size(f->p.dtype);
    for (int64_t i = 0; i < n; i += FEW_ROWS) {
        int64_t few = n - i < FEW_ROWS ? n - i : FEW_ROWS;
        const void *rows = V + i * row;
        ask_for(V, i + ROWS_AHEAD, few, n, row);
        if (f->narrow)
            f->narrow->vm(few, dv, 1.0f, rows, dv, weight + i, true, o);
        else
            f->tile->vm(few, dv, 1.0f, rows, dv, weight + i, true, o);
    }
}

/* One query of one head: over pos cached keys, and its own where there is one. */
static void decode_head(const softmax *f, const la_io *io, int64_t pos, int64_t i)
{
    const la_problem *p = &f->p;
    size_t size = la_dtype_size(p->dtype);
    int64_t n = pos + (io->k != NULL), kv = i / (p->H / p->Hkv); /* = b Hkv + h / group */
    float *score = (float *)io->work + i * p->Tcap;
    float *o = f->narrow ? (float *)io->work + p->B * p->H * p->Tcap + i * p->dv
                         : (float *)io->o + i * p->dv;
    const char *q = (const char *)io->q + (size_t)(i * p->dk) * size;
    const char *K = (const char *)io->state_in + (size_t)(kv * p->Tcap * p->dk) * size;
    const char *V = (const char *)io->state_in + la_kv_values_at(p, p->Tcap) +
                    (size_t)(kv * p->Tcap * p->dv) * size;
    memset(o, 0, (size_t)p->dv * sizeof *o);
    if (n > 0) { /* else an empty cache and no token: the sum over no keys */
        if (pos > 0) scores_of(f, pos, K, q, score);
        if (io->k)
            scores_of(f, 1, (const char *)io->k + (size_t)(kv * p->dk) * size, q, score + pos);
        float sum = f->weigh(n, f->tile->max(n, score), score);
        f->tile->scale(n, 1.0f / sum, score, score);
        if (pos > 0) add_values(f, pos, V, score, o);
        if (io->k)
            add_values(f, 1, (const char *)io->v + (size_t)(kv * p->dv) * size, score + pos, o);
    }
    if (f->narrow) f->narrow->narrow(p->dv, o, (la_bf16 *)io->o + i * p->dv);
}

la_status la_softmax_decode(void *self, const la_io *io, la_err *err)
{
    const softmax *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, heads = p->B * p->H;
    LA_TRY(la_kv_fits(p, io, pos + (io->k != NULL), err));
    size_t bytes = (size_t)(heads * pos * (p->dk + p->dv)) * la_dtype_size(p->dtype);
#pragma omp parallel for num_threads(p->threads) schedule(static) if (bytes > 256 * 1024)
    for (int64_t i = 0; i < heads; i++) decode_head(f, io, pos, i);
    la_kv_append(p, p->Tcap, io, pos, 1);
    return LA_OK;
}
