/* SPDX-License-Identifier: Apache-2.0
 * Textbook attention on CUDA devices: two large products around a softmax of rows, every score in memory.
 *
 *   forward   S = s Q K' [B,H,T,len] f32, P = softmax(S), o = P V
 *   backward  A = dO V', dS = P (A - rowsum(P A)), dq = s dS K, dk = s dS'Q, dv = P'dO
 *   decode    the same of one query
 *
 * Scores and the sums of every product are float32. Weights, and dS, have the type of the inputs, so that
 * tensor cores multiply them; narrow rows lie over the rows of float32 they are made of (softmax_rows.h).
 * saved: the weights [B,H,T,len], len = pos + T tokens, dense
 * work:  rows of float32 [B,H,T,Tcap]; where a cache may come in, cached and new keys and values in one
 *        place; what la_cuda_gemm wants
 */
#include "softmax_cuda.h"

#include "kv_attention.h"
#include "labench/cuda_gemm.h"
#include "labench/kit.h"
#include "softmax_internal.h"
#include "softmax_rows.h"
#include "zero_rows.h"

la_status la_softmax_cuda_check(const la_problem *p, la_pass pass, const void *opts,
                                const la_device *dev, la_err *err)
{
    (void)pass, (void)opts;
    la_device any = *dev;
    la_problem like = *p;
    any.isa = LA_ISA_AVX512_BF16;                 /* every device has bf16 */
    if (p->dtype == LA_F16) like.dtype = LA_BF16; /* and f16, which no CPU impl takes */
    return la_kv_check("softmax", &like, &any, err);
}

/* Keys and values of all heads: head h of sequence b begins b batch + h head elements behind the first. */
typedef struct keys {
    void *k, *v;
    int64_t len;
    int64_t k_ld, k_head, k_batch, v_ld, v_head, v_batch;
} keys;

static keys new_tokens(const la_problem *p, const la_io *io)
{
    int64_t k = p->Hkv * p->dk, v = p->Hkv * p->dv;
    return (keys){.k = (void *)(uintptr_t)io->k,
                  .v = (void *)(uintptr_t)io->v,
                  .len = p->T,
                  .k_ld = k,
                  .k_head = p->dk,
                  .k_batch = p->T * k,
                  .v_ld = v,
                  .v_head = p->dv,
                  .v_batch = p->T * v};
}

static keys cache(const la_problem *p, void *base, int64_t len)
{
    return (keys){.k = base,
                  .v = (char *)base + la_kv_values_at(p, p->Tcap),
                  .len = len,
                  .k_ld = p->dk,
                  .k_head = p->Tcap * p->dk,
                  .k_batch = p->Hkv * p->Tcap * p->dk,
                  .v_ld = p->dv,
                  .v_head = p->Tcap * p->dv,
                  .v_batch = p->Hkv * p->Tcap * p->dv};
}

/* ---- products ---- */

/* Rows of scores, weights or their gradients as a matrix, `tokens` rows a head. */
static la_cuda_matrix square(const la_problem *p, int64_t tokens, void *data, la_dtype type,
                             int64_t ld)
{
    int64_t group = p->H / p->Hkv, one = tokens * ld;
    return (la_cuda_matrix){
        .data = data, .dtype = type, .ld = ld, .step = {p->H * one, group * one, one}};
}

/* q, o and their gradients, [B,tokens,H,d]. */
static la_cuda_matrix queries(const la_problem *p, int64_t tokens, const void *data, int64_t d)
{
    return (la_cuda_matrix){.data = (void *)(uintptr_t)data,
                            .dtype = p->dtype,
                            .ld = p->H * d,
                            .step = {tokens * p->H * d, p->H / p->Hkv * d, d}};
}

static la_cuda_matrix matrix_k(const la_problem *p, const keys *x, bool transposed)
{
    return (la_cuda_matrix){.data = x->k,
                            .dtype = p->dtype,
                            .ld = x->k_ld,
                            .transposed = transposed,
                            .step = {x->k_batch, x->k_head, 0}};
}

static la_cuda_matrix matrix_v(const la_problem *p, const keys *x, bool transposed)
{
    return (la_cuda_matrix){.data = x->v,
                            .dtype = p->dtype,
                            .ld = x->v_ld,
                            .transposed = transposed,
                            .step = {x->v_batch, x->v_head, 0}};
}

static la_cuda_product product_of(const la_problem *p, int64_t m, int64_t n, int64_t k)
{
    return (la_cuda_product){
        .m = m, .n = n, .k = k, .batch = {p->B, p->Hkv, p->H / p->Hkv}, .alpha = 1.0f};
}

/* The only query of each head: the heads of a group become the rows of one matrix, which reads K or V once. */
static la_cuda_product folded(la_cuda_product g)
{
    if (g.m > 1) return g;
    g.m = g.batch[2];
    g.batch[2] = 1;
    g.a.ld = g.a.step[2];
    g.c.ld = g.c.step[2];
    return g;
}

/* s q K' into f32 rows; with `v`, dO V'. */
static la_cuda_product scores(const la_problem *p, int64_t tokens, const keys *x, const void *q,
                              bool v, float *to)
{
    la_cuda_product g = product_of(p, tokens, x->len, v ? p->dv : p->dk);
    g.a = queries(p, tokens, q, g.k);
    g.b = v ? matrix_v(p, x, true) : matrix_k(p, x, true);
    g.c = square(p, tokens, to, LA_F32, x->len);
    if (!v) g.alpha = (float)la_scale(p);
    return folded(g);
}

/* Rows of P V; with `k`, s dS K. */
static la_cuda_product mixed(const la_problem *p, int64_t tokens, const keys *x, const void *rows,
                             int64_t ld, bool k, void *to)
{
    la_cuda_product g = product_of(p, tokens, k ? p->dk : p->dv, x->len);
    g.a = square(p, tokens, (void *)(uintptr_t)rows, p->dtype, ld);
    g.b = k ? matrix_k(p, x, false) : matrix_v(p, x, false);
    g.c = queries(p, tokens, to, g.n);
    if (k) g.alpha = (float)la_scale(p);
    return folded(g);
}

/* P'dO; with `k`, s dS'q: of the new tokens, from column pos on, over the rows of a group's heads. */
static la_cuda_product gathered(const la_problem *p, int64_t pos, const void *rows, int64_t ld,
                                const void *q, bool k, void *to)
{
    int64_t group = p->H / p->Hkv, d = k ? p->dk : p->dv;
    la_cuda_product g = product_of(p, p->T, d, p->T);
    g.terms = group;
    g.batch[2] = 1;
    g.a = square(p, p->T, (char *)(uintptr_t)rows + (size_t)pos * la_dtype_size(p->dtype), p->dtype,
                 ld);
    g.a.transposed = true;
    g.a.term_step = g.a.step[2];
    g.b = queries(p, p->T, q, d);
    g.b.term_step = g.b.step[2];
    g.c = (la_cuda_matrix){
        .data = to, .dtype = p->dtype, .ld = p->Hkv * d, .step = {p->T * p->Hkv * d, d, 0}};
    if (k) g.alpha = (float)la_scale(p);
    return g;
}

/* ---- scratch ---- */

typedef struct layout {
    size_t cache, split, split_bytes, total; /* where each begins; the rows come first */
} layout;

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* For `tokens` queries of a head. */
static layout layout_of(const la_problem *p, int64_t tokens, bool backward)
{
    la_problem one = *p;
    one.T = tokens;
    size_t bytes = la_align(la_kv_bytes(p, p->Tcap));
    const keys x = cache(p, NULL, p->Tcap);
    la_cuda_product o = mixed(&one, tokens, &x, NULL, 0, false, NULL);
    layout l = {.cache = la_align((size_t)(p->B * p->H * tokens * p->Tcap) * sizeof(float))};
    l.split_bytes = la_cuda_gemm_bytes(&o);
    if (backward) {
        la_cuda_product dq = mixed(&one, tokens, &x, NULL, 0, true, NULL);
        la_cuda_product dk = gathered(&one, 0, NULL, 0, NULL, true, NULL);
        la_cuda_product dv = gathered(&one, 0, NULL, 0, NULL, false, NULL);
        l.split_bytes = most(most(l.split_bytes, la_cuda_gemm_bytes(&dq)),
                             most(la_cuda_gemm_bytes(&dk), la_cuda_gemm_bytes(&dv)));
    }
    l.split = l.cache + (p->Tcap > tokens ? bytes : 0); /* no room, no cache */
    l.total = l.split + la_align(l.split_bytes);
    return l;
}

static la_status sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err)
{
    (void)dev, (void)err;
    la_part parts[2];
    size_t n = la_kv_state_parts(p, opts, parts, 2);
    bool backward = pass == LA_BACKWARD || pass == LA_FWDBWD;
    layout l = layout_of(p, pass == LA_DECODE ? 1 : p->T, backward);
    *out = (la_sizes){.state = la_state_layout(parts, n, NULL), .work = l.total};
    if (backward) out->saved = (size_t)(p->B * p->H * p->T * p->Tcap) * la_dtype_size(p->dtype);
    return LA_OK;
}

/* ---- calls ---- */

typedef struct call {
    const la_problem *p; /* T: queries of a head */
    const la_io *io;
    int64_t pos;
    layout l;
    keys all;
} call;

static la_status run(const call *c, la_cuda_product g, la_err *err)
{
    g.stream = c->io->stream;
    g.work = (char *)c->io->work + c->l.split;
    g.work_bytes = c->l.split_bytes;
    return la_cuda_gemm(&g, err);
}

static la_softmax_rows rows_of(const call *c)
{
    const la_problem *p = c->p;
    return (la_softmax_rows){.rows = p->B * p->H * p->T,
                             .len = c->all.len,
                             .tokens = p->T,
                             .pos = c->pos,
                             .causal = p->mask == LA_MASK_CAUSAL,
                             .dtype = p->dtype,
                             .stream = c->io->stream};
}

/* Cached and new tokens into the cache at `to`. */
static la_status append(const la_problem *p, const la_io *io, int64_t pos, void *to, la_err *err)
{
    size_t v = la_kv_values_at(p, p->Tcap);
    la_softmax_append_call one = {.B = p->B,
                                  .Hkv = p->Hkv,
                                  .Tcap = p->Tcap,
                                  .d = p->dk,
                                  .pos = pos,
                                  .n = io->k ? p->T : 0,
                                  .element = la_dtype_size(p->dtype),
                                  .old = io->state_in,
                                  .added = io->k,
                                  .to = to,
                                  .stream = io->stream};
    LA_TRY(la_softmax_cuda_append(&one, err));
    one.d = p->dv;
    one.old = io->state_in ? (const char *)io->state_in + v : NULL;
    one.added = io->v;
    one.to = (char *)to + v;
    return la_softmax_cuda_append(&one, err);
}

/* Puts the cache on where it is wanted, and finds all keys and values. */
static la_status begin(const la_problem *p, const la_io *io, bool backward, call *c, la_err *err)
{
    *c = (call){.p = p, .io = io, .pos = io->state_in ? io->pos : 0};
    LA_TRY(la_kv_fits(p, io, c->pos + (io->k ? p->T : 0), err));
    c->l = layout_of(p, p->T, backward);
    void *held = backward ? NULL : io->state_out;
    if (held && io->k) LA_TRY(append(p, io, c->pos, held, err));
    if (!io->k) { /* a query alone */
        c->all = cache(p, (void *)(uintptr_t)io->state_in, c->pos);
        return LA_OK;
    }
    c->all = new_tokens(p, io);
    if (c->pos == 0) return LA_OK;
    if (!held) {
        held = (char *)io->work + c->l.cache;
        LA_TRY(append(p, io, c->pos, held, err));
    }
    c->all = cache(p, held, c->pos + p->T);
    return LA_OK;
}

static la_status attend(const call *c, la_err *err)
{
    const la_problem *p = c->p;
    const la_softmax_rows rows = rows_of(c);
    void *P = c->io->saved ? c->io->saved : c->io->work;
    /* Scores of float32 may lie where weights will; narrow ones are made elsewhere. */
    float *S = p->dtype == LA_F32 ? P : c->io->work;
    int64_t len = c->all.len, ld = P == S ? la_softmax_rows_ld(p->dtype, len) : len;
    LA_TRY(run(c, scores(p, p->T, &c->all, c->io->q, false, S), err));
    LA_TRY(la_softmax_rows_weigh(&rows, S, P, ld, err));
    return run(c, mixed(p, p->T, &c->all, P, ld, false, c->io->o), err);
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    call c;
    LA_TRY(begin(self, io, false, &c, err));
    return attend(&c, err);
}

static la_status decode(void *self, const la_io *io, la_err *err)
{
    call c;
    la_problem p = *(const la_problem *)self;
    p.T = 1;
    LA_TRY(begin(&p, io, false, &c, err));
    if (c.all.len > 0) return attend(&c, err);
    /* An empty cache and no token: the sum over no keys. */
    size_t bytes = (size_t)(p.B * p.H * p.dv) * la_dtype_size(p.dtype);
    return la_zero_rows(io->o, 1, bytes, bytes, io->stream, err);
}

static la_status backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    call c;
    LA_TRY(begin(self, io, true, &c, err));
    const la_problem *p = c.p;
    const la_softmax_rows rows = rows_of(&c);
    int64_t len = c.all.len, ld = la_softmax_rows_ld(p->dtype, len);
    if (grads->dv)
        LA_TRY(run(&c, gathered(p, c.pos, io->saved, len, grads->dout, false, grads->dv), err));
    if (!grads->dq && !grads->dk) return LA_OK;
    LA_TRY(run(&c, scores(p, p->T, &c.all, grads->dout, true, io->work), err));
    LA_TRY(la_softmax_rows_slopes(&rows, io->saved, len, io->work, p->dtype, err));
    if (grads->dq) LA_TRY(run(&c, mixed(p, p->T, &c.all, io->work, ld, true, grads->dq), err));
    if (grads->dk) LA_TRY(run(&c, gathered(p, c.pos, io->work, ld, io->q, true, grads->dk), err));
    return LA_OK;
}

const la_cuda_kernels la_softmax_cuda = {
    .sizes = sizes, .forward = forward, .backward = backward, .decode = decode};
