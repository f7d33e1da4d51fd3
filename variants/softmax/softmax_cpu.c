/* SPDX-License-Identifier: Apache-2.0
 * Textbook attention on the CPU: all scores, all weights, all outputs, each one sweep over the whole
 * score matrix. A sweep is spread over threads by blocks of rows, so that one head is as well served
 * as many; inside a block OpenBLAS runs on the calling thread, or, for short sequences, tile products.
 */
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "labench/kit.h"
#include "softmax_internal.h"

/* One (batch, head): where its rows are, and its key/value head's cache. */
typedef struct head {
    const float *q, *new_k, *new_v; /* steps H dk, Hkv dk, Hkv dv */
    const float *old_k, *old_v;     /* [pos, dk], [pos, dv] */
    float *o, *scores;              /* step H dv; [T, pos + T], in `saved` where it is given */
    float *scratch;                 /* the thread's own, for tile products; NULL: by OpenBLAS */
} head;

static float *cache_v(const la_problem *p, void *state)
{
    size_t k = la_align((size_t)(p->B * p->Hkv * p->Tcap * p->dk) * sizeof(float));
    return (float *)(void *)((char *)state + k);
}

size_t la_softmax_score_floats(const la_problem *p)
{
    return la_align((size_t)(p->B * p->H * p->T * p->Tcap) * sizeof(float)) / sizeof(float);
}

size_t la_softmax_scratch_floats(const la_problem *p)
{
    if (p->Tcap > SOFTMAX_TILE_KEYS) return 0;
    int64_t widest = p->dk > p->dv ? p->dk : p->dv;
    return (size_t)LA_TILE_SCRATCH(widest > p->Tcap ? widest : p->Tcap);
}

/* The calling thread's. */
static float *scratch_of(const la_problem *p, const la_io *io)
{
    size_t own = la_softmax_scratch_floats(p);
    if (own == 0) return NULL;
    return (float *)io->work + la_softmax_score_floats(p) + (size_t)omp_get_thread_num() * own;
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
              .o = (float *)io->o + (b * T * p->H + h) * p->dv,
              .scores = (float *)(io->saved ? io->saved : io->work) + i * T * (pos + T)};
    if (io->k) {
        x.new_k = (const float *)io->k + (b * T * p->Hkv + kv) * p->dk;
        x.new_v = (const float *)io->v + (b * T * p->Hkv + kv) * p->dv;
    }
    if (pos > 0) {
        x.old_k = (const float *)io->state_in + slot * p->dk;
        x.old_v = cache_v(p, (void *)(uintptr_t)io->state_in) + slot * p->dv;
    }
    return x;
}

/* Rows first.. of the scores s Q K'. */
static void score_rows(const softmax *f, const head *x, int64_t pos, int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    int64_t len = pos + p->T, dk = p->dk;
    float s = (float)la_scale(p), *to = x->scores + first * len;
    const float *q = x->q + first * p->H * dk;
    if (pos > 0)
        times(f, x->scratch, false, true, rows, pos, dk, s, q, p->H * dk, x->old_k, dk, false, to,
              len);
    times(f, x->scratch, false, true, rows, p->T, dk, s, q, p->H * dk, x->new_k, p->Hkv * dk, false,
          to + pos, len);
}

/* Softmax of the first `visible` scores of a row, in place; the rest becomes 0. */
static void row_softmax(const la_tile *t, float *row, int64_t visible, int64_t len)
{
    float sum = t->exp_sum(visible, 1.0f, -t->max(visible, row), row, row);
    t->scale(visible, 1.0f / sum, row, row);
    memset(row + visible, 0, (size_t)(len - visible) * sizeof *row);
}

static void weigh_rows(const softmax *f, const head *x, int64_t pos, int64_t first, int64_t rows)
{
    int64_t len = pos + f->p.T;
    bool causal = f->p.mask == LA_MASK_CAUSAL;
    for (int64_t i = first; i < first + rows; i++)
        row_softmax(f->tile, x->scores + i * len, causal ? pos + i + 1 : len, len);
}

/* Rows first.. of P V. */
static void output_rows(const softmax *f, const head *x, int64_t pos, int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    int64_t len = pos + p->T, dv = p->dv;
    const float *w = x->scores + first * len;
    float *o = x->o + first * p->H * dv;
    if (pos > 0)
        times(f, x->scratch, false, false, rows, dv, pos, 1.0f, w, len, x->old_v, dv, false, o,
              p->H * dv);
    times(f, x->scratch, false, false, rows, dv, p->T, 1.0f, w + pos, len, x->new_v, p->Hkv * dv,
          pos > 0, o, p->H * dv);
}

/* Copies the cache on where state_out is another buffer, and appends T tokens. */
static void append(const la_problem *p, const la_io *io, int64_t pos)
{
    if (!io->state_out || !io->k) return;
    for (int64_t i = 0; i < p->B * p->Hkv; i++) {
        int64_t b = i / p->Hkv, h = i % p->Hkv, T = p->T;
        float *k = (float *)io->state_out + i * p->Tcap * p->dk;
        float *v = cache_v(p, io->state_out) + i * p->Tcap * p->dv;
        if (io->state_in && io->state_in != io->state_out) {
            const float *from_v = cache_v(p, (void *)(uintptr_t)io->state_in);
            memcpy(k, (const float *)io->state_in + i * p->Tcap * p->dk,
                   (size_t)(pos * p->dk) * sizeof *k);
            memcpy(v, from_v + i * p->Tcap * p->dv, (size_t)(pos * p->dv) * sizeof *v);
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

/* Rows of a block: enough blocks for every thread, and tall enough that OpenBLAS, which packs K and V
 * anew for each block, does not feel it. */
static int64_t block_rows(const la_problem *p)
{
    int64_t blocks = (4 * p->threads + p->B * p->H - 1) / (p->B * p->H);
    int64_t rows = (p->T + blocks - 1) / blocks;
    return rows < 64 ? 64 : rows > 512 ? 512 : rows;
}

/* A small problem is over before a second thread is awake. */
static int threads_for(const la_problem *p, int64_t pos)
{
    double flops = 2.0 * (double)(p->B * p->H * p->T) * (double)((pos + p->T) * (p->dk + p->dv));
    return flops < 1e6 ? 1 : p->threads;
}

la_status la_softmax_forward(void *self, const la_io *io, la_err *err)
{
    const softmax *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, step = block_rows(p);
    int64_t blocks = (p->T + step - 1) / step, items = p->B * p->H * blocks;
    LA_TRY(fits(p, io, pos + p->T, err));
    int threads = threads_for(p, pos);
    /* Sweeps over all heads, or, where a head is one block, all sweeps over one head after another:
     * its scores stay in cache between them. */
    int each = blocks == 1 ? 3 : 1;
    for (int begin = 0; begin < 3; begin += each) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int64_t item = 0; item < items; item++) {
            head x = head_of(p, io, pos, item / blocks);
            x.scratch = scratch_of(p, io);
            int64_t first = item % blocks * step;
            int64_t rows = p->T - first < step ? p->T - first : step;
            for (int sweep = begin; sweep < begin + each; sweep++) {
                if (sweep == 0) score_rows(f, &x, pos, first, rows);
                if (sweep == 1) weigh_rows(f, &x, pos, first, rows);
                if (sweep == 2) output_rows(f, &x, pos, first, rows);
            }
        }
    }
    append(p, io, pos);
    return LA_OK;
}

/* ---- backward: A = dO V', dS = P (A - rowsum(P A)), dQ = s dS K; dK = s dS' Q and dV = P' dO ---- */

/* One (batch, head) in backward. */
typedef struct slopes {
    const float *weights, *dout; /* [T, pos + T]; step H dv */
    float *a;                    /* [T, pos + T]: A, then dS */
    float *dq, *dk, *dv;         /* steps H dk, Hkv dk, Hkv dv; NULL: not wanted */
} slopes;

static slopes slopes_of(const la_problem *p, const la_io *io, const la_grads *grads, int64_t pos,
                        int64_t i)
{
    int64_t T = p->T, b = i / p->H, h = i % p->H, kv = h / (p->H / p->Hkv);
    slopes g = {.weights = (const float *)io->saved + i * T * (pos + T),
                .dout = (const float *)grads->dout + (b * T * p->H + h) * p->dv,
                .a = (float *)io->work + i * T * (pos + T)};
    if (grads->dq) g.dq = (float *)grads->dq + (b * T * p->H + h) * p->dk;
    if (grads->dk) g.dk = (float *)grads->dk + (b * T * p->Hkv + kv) * p->dk;
    if (grads->dv) g.dv = (float *)grads->dv + (b * T * p->Hkv + kv) * p->dv;
    return g;
}

static void weight_slopes(const softmax *f, const head *x, const slopes *g, int64_t pos,
                          int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    int64_t len = pos + p->T, dv = p->dv;
    float *to = g->a + first * len;
    const float *dout = g->dout + first * p->H * dv;
    if (pos > 0)
        times(f, x->scratch, false, true, rows, pos, dv, 1.0f, dout, p->H * dv, x->old_v, dv, false,
              to, len);
    times(f, x->scratch, false, true, rows, p->T, dv, 1.0f, dout, p->H * dv, x->new_v, p->Hkv * dv,
          false, to + pos, len);
}

static void score_slopes(const softmax *f, const slopes *g, int64_t pos, int64_t first,
                         int64_t rows)
{
    int64_t len = pos + f->p.T;
    bool causal = f->p.mask == LA_MASK_CAUSAL;
    for (int64_t i = first; i < first + rows; i++) {
        int64_t visible = causal ? pos + i + 1 : len;
        const float *weight = g->weights + i * len;
        float *a = g->a + i * len;
        f->tile->mul(visible, weight, a, a);
        f->tile->axpy(visible, -f->tile->sum(visible, a), weight, a);
        memset(a + visible, 0, (size_t)(len - visible) * sizeof *a);
    }
}

static void query_slopes(const softmax *f, const head *x, const slopes *g, int64_t pos,
                         int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    int64_t len = pos + p->T, dk = p->dk;
    float s = (float)la_scale(p), *to = g->dq + first * p->H * dk;
    const float *ds = g->a + first * len;
    if (pos > 0)
        times(f, x->scratch, false, false, rows, dk, pos, s, ds, len, x->old_k, dk, false, to,
              p->H * dk);
    times(f, x->scratch, false, false, rows, dk, p->T, s, ds + pos, len, x->new_k, p->Hkv * dk,
          pos > 0, to, p->H * dk);
}

/* Rows first.. of dK and dV of one (batch, kv head): its query heads are added up in order. */
static void key_slopes(const softmax *f, const la_io *io, const la_grads *grads, int64_t pos,
                       int64_t kv, int64_t first, int64_t rows)
{
    const la_problem *p = &f->p;
    int64_t len = pos + p->T, group = p->H / p->Hkv;
    float s = (float)la_scale(p);
    for (int64_t n = 0; n < group; n++) {
        int64_t i = kv * group + n; /* = b H + h */
        head x = head_of(p, io, pos, i);
        x.scratch = scratch_of(p, io);
        slopes g = slopes_of(p, io, grads, pos, i);
        if (g.dk)
            times(f, x.scratch, true, false, rows, p->dk, p->T, s, g.a + pos + first, len, x.q,
                  p->H * p->dk, n > 0, g.dk + first * p->Hkv * p->dk, p->Hkv * p->dk);
        if (g.dv)
            times(f, x.scratch, true, false, rows, p->dv, p->T, 1.0f, g.weights + pos + first, len,
                  g.dout, p->H * p->dv, n > 0, g.dv + first * p->Hkv * p->dv, p->Hkv * p->dv);
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
    x.scratch = scratch_of(p, io);
    slopes g = slopes_of(p, io, grads, pos, i);
    if (sweep == 0 && a) weight_slopes(f, &x, &g, pos, first, rows);
    if (sweep == 1 && a) score_slopes(f, &g, pos, first, rows);
    if (sweep == 2 && g.dq) query_slopes(f, &x, &g, pos, first, rows);
}

la_status la_softmax_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const softmax *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, step = block_rows(p), group = p->H / p->Hkv;
    int64_t blocks = (p->T + step - 1) / step, heads = p->B * p->H;
    int threads = threads_for(p, pos);
    if (blocks == 1) { /* as in forward, all sweeps over the heads of one group */
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int64_t kv = 0; kv < p->B * p->Hkv; kv++) {
            for (int64_t i = kv * group; i < (kv + 1) * group; i++)
                for (int sweep = 0; sweep < 3; sweep++)
                    backward_rows(f, io, grads, pos, sweep, i, 0, p->T);
            backward_rows(f, io, grads, pos, 3, kv, 0, p->T);
        }
        return LA_OK;
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
    return LA_OK;
}

/* ---- decode ---- */

/* One query of one head: over pos cached keys, and its own where there is one. */
static void decode_head(const softmax *f, const la_io *io, int64_t pos, int64_t i)
{
    const la_problem *p = &f->p;
    head x = head_of(p, io, pos, i);
    int64_t n = pos + (io->k != NULL);
    float s = (float)la_scale(p), *score = (float *)io->work + i * p->Tcap;
    memset(x.o, 0, (size_t)p->dv * sizeof *x.o);
    if (n == 0) return; /* an empty cache and no token: the sum over no keys */
    if (pos > 0) f->tile->mv(pos, p->dk, s, x.old_k, p->dk, x.q, false, score);
    if (io->k) score[pos] = s * f->tile->dot(p->dk, x.new_k, x.q);
    row_softmax(f->tile, score, n, n);
    if (pos > 0) f->tile->vm(pos, p->dv, 1.0f, x.old_v, p->dv, score, true, x.o);
    if (io->k) f->tile->axpy(p->dv, score[pos], x.new_v, x.o);
}

la_status la_softmax_decode(void *self, const la_io *io, la_err *err)
{
    const softmax *f = self;
    const la_problem *p = &f->p;
    int64_t pos = io->state_in ? io->pos : 0, heads = p->B * p->H;
    LA_TRY(fits(p, io, pos + (io->k != NULL), err));
    size_t bytes = (size_t)(heads * pos * (p->dk + p->dv)) * sizeof(float);
#pragma omp parallel for num_threads(p->threads) schedule(static) if (bytes > 256 * 1024)
    for (int64_t i = 0; i < heads; i++) decode_head(f, io, pos, i);
    append(p, io, pos);
    return LA_OK;
}
