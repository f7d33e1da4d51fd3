/* SPDX-License-Identifier: Apache-2.0
 * Gradients of kernel attention, chunk by chunk from the end. With A = phi(Q), B = phi(K) of a chunk
 * [C,m], S, z before it (saved by forward) and den = A z + rows of P + eps the denominators, P = tril(A B'):
 *
 *   D = dO / den,   e = -(dO.o) / den      gradients of numerators [C,dv] and denominators [C]
 *   G = tril(D V' + e 1')                  of P
 *   dA = D S' + e z' + G B
 *   dB = V dS' + 1 dz' + G' A
 *   dV = B dS + P' D
 *   dS += A' D,   dz += A' e               from after the chunk to before it
 *
 * Where every query sees every key, S is the whole sum: first the queries give dA and dS, then the keys
 * dB and dV, and nothing is triangular.
 *
 * Stabilised: B and S are relative to 2^R, A to 2^-R (kernel_attention.h), so dS is, too; R falls towards
 * the start, and dS follows it by `grown`, the factors by which S grew. Numbers only shrink on their way.
 * Where the maxima of a chunk would drown its early rows, the chunk is cut in two, and the state between
 * made again; a single token is always safe.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "counts.h"
#include "kernel_attention.h"
#include "labench/kit.h"

#define MAX_CUTS 6 /* of a chunk, in halves, down to one token */
_Static_assert(LA_KA_CHUNK <= 1 << MAX_CUTS, "a chunk has more cuts");

/* Rows of the chunk that comes next: asked for before they are needed, since rows of one head lie too far
 * apart for the hardware to look ahead; and a few at a time with arithmetic between, since a core waits
 * when more than about 20 lines are on their way. */
typedef struct ahead {
    const float *rows[5]; /* q, k, v, o, dout */
    int64_t ld[5], d[5];
    int64_t n, asked; /* rows of each; of all */
} ahead;

#define ROWS_AT_ONCE 12

/* One thread's buffers. Leading dimensions: ldm of features, ldc of tokens, ldd of values. */
typedef struct back {
    const la_ka *ka;
    la_ka_buffers w;
    int64_t ldc, ldd;
    float *P, *G;     /* [chunk, ldc] */
    float *turned;    /* [max(m, dv + 1), ldc]: B' or V' */
    float *D, *e;     /* [chunk, ldd], ldd > dv; [chunk] */
    float *ones;      /* [chunk] */
    float *dphi;      /* [chunk, ldm] */
    float *dparam;    /* [ka->dparam] or NULL */
    float *wide;      /* bf16: dout, dv [chunk, dv] and dq, dk [chunk, dk] in float32 */
    la_ka_state grad; /* dS, dz; c unused */
    la_ka_state cut[MAX_CUTS];
    struct ahead *ahead;
} back;

/* A stretch of one (batch, head). NULL: not wanted. */
typedef struct span {
    la_ka_rows x;
    const float *dout;
    float *dq, *dk, *dv;
} span;

static int cuts_of(const la_ka *ka)
{
    int cuts = 0;
    if (!ka->stabilised || !la_ka_sees_past_only(ka)) return 0;
    while ((int64_t)1 << cuts < ka->chunk) cuts++;
    return cuts;
}

/* The next `floats` of base; only counts them where base is NULL. */
static float *take(float *base, int64_t *used, int64_t floats)
{
    float *here = base ? base + *used : NULL;
    *used += la_whole_lines(floats);
    return here;
}

/* Places the buffers from base, and returns how many floats they are. base NULL: only that. */
static int64_t place(const la_ka *ka, float *base, back *b)
{
    int64_t C = ka->chunk, used = 0;
    *b = (back){.ka = ka, .ldc = la_whole_lines(C) + 16, .ldd = la_whole_lines(ka->p.dv + 1)};
    float *forward = take(base, &used, la_ka_buffer_floats(ka));
    b->P = take(base, &used, C * b->ldc);
    b->G = take(base, &used, C * b->ldc);
    b->turned = take(base, &used, la_most(ka->m, ka->p.dv + 1) * b->ldc);
    b->D = take(base, &used, C * b->ldd);
    b->e = take(base, &used, C);
    b->ones = take(base, &used, C);
    b->dphi = take(base, &used, C * ka->ldm);
    b->dparam = take(base, &used, ka->dparam);
    b->wide = take(base, &used, la_ka_wide_floats(ka));
    float *states = take(base, &used, (1 + cuts_of(ka)) * ka->slot);
    if (!base) return used;
    for (int64_t i = 0; i < C; i++) b->ones[i] = 1.0f;
    b->w = la_ka_buffers_at(ka, forward);
    b->grad = la_ka_slot_at(ka, states, 0);
    for (int i = 0; i < cuts_of(ka); i++) b->cut[i] = la_ka_slot_at(ka, states, i + 1);
    return used;
}

int64_t la_ka_back_floats(const la_ka *ka)
{
    back b;
    return place(ka, NULL, &b);
}

static void ask(const back *b)
{
    ahead *x = b->ahead;
    int64_t end = x->asked + ROWS_AT_ONCE < 5 * x->n ? x->asked + ROWS_AT_ONCE : 5 * x->n;
    for (; x->asked < end; x->asked++) {
        int64_t which = x->asked / x->n, row = x->asked % x->n;
        la_ask_for(x->rows[which] + row * x->ld[which], x->d[which] * (int64_t)sizeof(float));
    }
}

/* ---- triangles [n,n], by blocks of rows: what is above the diagonal is mostly left out ---- */

static int64_t block_at(int64_t i, int64_t n)
{
    return n - i < LA_KA_BLOCK ? n - i : LA_KA_BLOCK;
}

/* X = tril(A Y'), Y' [K, ldc] turned already. Above the diagonal X is 0 up to the end of a block. */
static void lower_scores(const back *b, int64_t n, int64_t K, const float *A, int64_t lda,
                         const float *turned, float *X)
{
    for (int64_t i = 0; i < n; i += LA_KA_BLOCK) {
        int64_t rows = block_at(i, n), end = i + rows;
        ask(b);
        b->ka->tile->nn(rows, end, K, 1.0f, A + i * lda, lda, turned, b->ldc, false, X + i * b->ldc,
                        b->ldc, b->w.scratch);
        for (int64_t r = i; r + 1 < end; r++)
            memset(X + r * b->ldc + r + 1, 0, (size_t)(end - r - 1) * sizeof *X);
    }
}

/* Y [n,N] += X B */
static void lower_times(const back *b, int64_t n, int64_t N, const float *X, const float *B,
                        int64_t ldb, float *Y, int64_t ldy)
{
    for (int64_t i = 0; i < n; i += LA_KA_BLOCK) {
        int64_t rows = block_at(i, n);
        ask(b);
        b->ka->tile->nn(rows, N, i + rows, 1.0f, X + i * b->ldc, b->ldc, B, ldb, true, Y + i * ldy,
                        ldy, b->w.scratch);
    }
}

/* Y [n,N] += X' B */
static void upper_times(const back *b, int64_t n, int64_t N, const float *X, const float *B,
                        int64_t ldb, float *Y, int64_t ldy)
{
    for (int64_t i = 0; i < n; i += LA_KA_BLOCK) {
        ask(b);
        b->ka->tile->tn(block_at(i, n), N, n - i, 1.0f, X + i * b->ldc + i, b->ldc, B + i * ldb,
                        ldb, true, Y + i * ldy, ldy, b->w.scratch);
    }
}

/* ---- pieces of a chunk ---- */

/* bf16: o into its buffer as it was before it was rounded, since gradients of queries are differences in
 * which it has a part. A is relative to the maxima after the chunk; dphi is scratch. */
static void outputs_again(const back *b, la_ka_state st, const span *s, bool moved)
{
    const la_ka *ka = b->ka;
    const float *a = b->w.a;
    int64_t n = s->x.n, m = ka->m, dv = ka->p.dv, ldm = ka->ldm;
    if (!la_ka_is_half(ka) || !ka->normalize) return;
    if (moved) a = b->dphi;
    for (int64_t i = 0; moved && i < n; i++)
        ka->tile->mul(m, b->w.a + i * ldm, b->w.grown, b->dphi + i * ldm);
    ka->tile->nn(n, dv, m, 1.0f, a, ldm, st.S, dv, false, s->x.o, s->x.ldv, b->w.scratch);
    if (la_ka_sees_past_only(ka)) lower_times(b, n, dv, b->P, s->x.v, s->x.ldv, s->x.o, s->x.ldv);
    for (int64_t i = 0; i < n; i++) {
        float *o = s->x.o + i * s->x.ldv;
        ka->tile->scale(dv, ka->read_scale / (b->w.den[i] + ka->eps), o, o);
    }
}

/* D and e from the denominators in w.den. */
static void numerators(const back *b, const span *s)
{
    const la_ka *ka = b->ka;
    int64_t n = s->x.n, dv = ka->p.dv, ldv = s->x.ldv;
    if (ka->normalize)
        la_ka_sweeps_get(ka->tile->isa)
            ->numerators(n, dv, s->dout, s->x.o, ldv, b->w.den, ka->eps, ka->read_scale, b->D,
                         b->ldd, b->e);
    for (int64_t i = 0; !ka->normalize && i < n; i++)
        ka->tile->scale(dv, ka->read_scale, s->dout + i * ldv, b->D + i * b->ldd);
}

/* Whether something asks for gradients of features, of queries or keys. */
static bool wants(const back *b, const float *dx)
{
    return dx || b->dparam;
}

/* dphi = D S' + e z' */
static void queries_from_state(const back *b, la_ka_state st, int64_t n)
{
    const la_ka *ka = b->ka;
    ask(b);
    ka->tile->nt(n, ka->m, ka->p.dv, 1.0f, b->D, b->ldd, st.S, ka->p.dv, false, b->dphi, ka->ldm,
                 b->w.scratch);
    if (ka->normalize) ka->tile->rank1(n, ka->m, b->e, st.z, b->dphi, ka->ldm);
}

/* dphi = V dS' + 1 dz' and dV = B dS */
static void keys_from_state(const back *b, const span *s)
{
    const la_ka *ka = b->ka;
    int64_t n = s->x.n, m = ka->m, dv = ka->p.dv;
    if (wants(b, s->dk)) {
        ask(b);
        ka->tile->nt(n, m, dv, 1.0f, s->x.v, s->x.ldv, b->grad.S, dv, false, b->dphi, ka->ldm,
                     b->w.scratch);
        if (ka->normalize) ka->tile->rank1(n, m, b->ones, b->grad.z, b->dphi, ka->ldm);
    }
    if (s->dv) {
        ask(b);
        ka->tile->nn(n, dv, m, 1.0f, b->w.b, ka->ldm, b->grad.S, dv, false, s->dv, s->x.ldv,
                     b->w.scratch);
    }
}

/* dS += A' D, dz += A' e */
static void add_to_grad(const back *b, int64_t n)
{
    const la_ka *ka = b->ka;
    ask(b);
    ka->tile->tn(ka->m, ka->p.dv, n, 1.0f, b->w.a, ka->ldm, b->D, b->ldd, true, b->grad.S, ka->p.dv,
                 b->w.scratch);
    if (ka->normalize) ka->tile->vm(n, ka->m, 1.0f, b->w.a, ka->ldm, b->e, true, b->grad.z);
}

static void pull_queries(const back *b, const span *s)
{
    b->ka->pull(b->ka, s->x.params, s->x.head, s->x.n, s->x.q, s->x.ldk, false, b->w.a, b->dphi,
                s->dq, b->dparam, b->w.scratch);
}

static void pull_keys(const back *b, const span *s)
{
    b->ka->pull(b->ka, s->x.params, s->x.head, s->x.n, s->x.k, s->x.ldk, true, b->w.b, b->dphi,
                s->dk, b->dparam, b->w.scratch);
}

/* ---- causal ---- */

static bool grows(const back *b)
{
    bool moved = false;
    for (int64_t i = 0; b->ka->stabilised && i < b->ka->m; i++)
        moved = moved || b->w.grown[i] != 1.0f;
    return moved;
}

/* A and B (relative to the maxima after the chunk), P, and the denominators where they are used. False:
 * these are too small to trust. dphi is scratch. */
static bool scores(const back *b, la_ka_state st, const span *s)
{
    const la_ka *ka = b->ka;
    const la_tile *tile = ka->tile;
    int64_t n = s->x.n, m = ka->m;
    la_ka_features_of_queries(ka, &s->x, &b->w);
    la_ka_keys(ka, st, &s->x, &b->w);
    if (ka->stabilised) la_ka_sweeps_get(tile->isa)->exp_queries(n, m, b->w.R, b->w.a, ka->ldm);
    tile->transpose(n, m, b->w.b, ka->ldm, b->turned, b->ldc);
    lower_scores(b, n, m, b->w.a, ka->ldm, b->turned, b->P);
    if (!ka->normalize) return true;
    const float *z = st.z;
    if (ka->stabilised) {
        tile->mul(m, st.z, b->w.grown, b->dphi);
        z = b->dphi;
    }
    tile->mv(n, m, 1.0f, b->w.a, ka->ldm, z, false, b->w.den);
    for (int64_t i = 0; i < n; i++) {
        b->w.den[i] += tile->sum(i + 1, b->P + i * b->ldc);
        if (ka->stabilised && n > 1 && !(b->w.den[i] >= LA_KA_SMALLEST_DENOMINATOR)) return false;
    }
    return true;
}

/* G = tril(D V' + e 1'): e is one more column of D, and a row of ones one more of V'. */
static void score_gradients(const back *b, const span *s)
{
    const la_ka *ka = b->ka;
    int64_t n = s->x.n, dv = ka->p.dv;
    ka->tile->transpose(n, dv, s->x.v, s->x.ldv, b->turned, b->ldc);
    for (int64_t i = 0; ka->normalize && i < n; i++) {
        b->D[i * b->ldd + dv] = b->e[i];
        b->turned[dv * b->ldc + i] = 1.0f;
    }
    lower_scores(b, n, ka->normalize ? dv + 1 : dv, b->D, b->ldd, b->turned, b->G);
}

static void queries_causal(const back *b, la_ka_state st, const span *s, bool moved)
{
    const la_ka *ka = b->ka;
    int64_t n = s->x.n, m = ka->m, ldm = ka->ldm;
    queries_from_state(b, st, n);
    for (int64_t i = 0; moved && i < n; i++)
        ka->tile->mul(m, b->dphi + i * ldm, b->w.grown, b->dphi + i * ldm);
    lower_times(b, n, m, b->G, b->w.b, ldm, b->dphi, ldm);
    pull_queries(b, s);
}

/* One stretch of at most a chunk, st the state before it; b->grad from after it to before it. */
static void back_causal(const back *b, la_ka_state st, const span *s, int cut)
{
    const la_ka *ka = b->ka;
    int64_t n = s->x.n, m = ka->m, dv = ka->p.dv;
    if (!scores(b, st, s)) {
        int64_t half = n / 2;
        span first = *s, second = *s;
        first.x.n = half;
        second.x.n = n - half;
        second.x.q += half * s->x.ldk, second.x.k += half * s->x.ldk;
        second.x.v += half * s->x.ldv, second.x.o += half * s->x.ldv;
        second.dout += half * s->x.ldv;
        if (s->dq) second.dq += half * s->x.ldk;
        if (s->dk) second.dk += half * s->x.ldk;
        if (s->dv) second.dv += half * s->x.ldv;
        la_ka_copy_state(ka, b->cut[cut], st);
        la_ka_chunk_absorb(ka, b->cut[cut], &first.x, &b->w);
        back_causal(b, b->cut[cut], &second, cut + 1);
        back_causal(b, st, &first, cut + 1);
        return;
    }
    bool moved = grows(b);
    outputs_again(b, st, s, moved);
    numerators(b, s);
    if (wants(b, s->dq) || wants(b, s->dk)) score_gradients(b, s);
    if (wants(b, s->dq)) queries_causal(b, st, s, moved);
    keys_from_state(b, s);
    if (wants(b, s->dk)) {
        upper_times(b, n, m, b->G, b->w.a, ka->ldm, b->dphi, ka->ldm);
        pull_keys(b, s);
    }
    if (s->dv) upper_times(b, n, dv, b->P, b->D, b->ldd, s->dv, s->x.ldv);
    add_to_grad(b, n);
    for (int64_t i = 0; moved && i < m; i++) {
        if (b->w.grown[i] == 1.0f) continue;
        ka->tile->scale(dv, b->w.grown[i], b->grad.S + i * dv, b->grad.S + i * dv);
        b->grad.z[i] *= b->w.grown[i];
    }
}

static void back_past(const back *b, la_ka_state st, const span *s)
{
    back_causal(b, st, s, 0);
}

/* ---- every query sees every key: st is the whole sum ---- */

static void back_queries(const back *b, la_ka_state st, const span *s)
{
    la_ka_queries_of_sum(b->ka, st, &s->x, &b->w);
    outputs_again(b, st, s, false);
    numerators(b, s);
    add_to_grad(b, s->x.n);
    if (!wants(b, s->dq)) return;
    queries_from_state(b, st, s->x.n);
    pull_queries(b, s);
}

static void back_keys(const back *b, la_ka_state st, const span *s)
{
    la_ka_keys(b->ka, st, &s->x, &b->w);
    keys_from_state(b, s);
    if (wants(b, s->dk)) pull_keys(b, s);
}

/* ---- whole sequences ---- */

static span span_at(const back *b, const la_io *io, const la_grads *g, int64_t i, int64_t chunk)
{
    const la_ka *ka = b->ka;
    int64_t row = la_ka_row(ka, i, chunk * ka->chunk), dk = ka->p.dk, dv = ka->p.dv;
    span s = {.x = la_ka_chunk_rows(ka, io, i, chunk, LA_KA_Q | LA_KA_K | LA_KA_V, &b->w)};
    if (!la_ka_is_half(ka)) {
        s.dout = (const float *)g->dout + row * dv;
        if (g->dq) s.dq = (float *)g->dq + row * dk;
        if (g->dk) s.dk = (float *)g->dk + row * dk;
        if (g->dv) s.dv = (float *)g->dv + row * dv;
        return s;
    }
    float *dout = b->wide, *at = dout + ka->chunk * s.x.ldv;
    s.dout = la_ka_widened(ka, g->dout, row, s.x.n, dv, dout);
    if (g->dv) s.dv = at;
    if (g->dq) s.dq = at + ka->chunk * s.x.ldv;
    if (g->dk) s.dk = at + ka->chunk * (s.x.ldv + s.x.ldk);
    return s;
}

/* bf16: the gradients of a span that `which` names to their tensors. */
static void put(const back *b, const la_grads *g, int64_t i, int64_t chunk, const span *s,
                unsigned which)
{
    const la_ka *ka = b->ka;
    int64_t row = la_ka_row(ka, i, chunk * ka->chunk), dk = ka->p.dk, dv = ka->p.dv, n = s->x.n;
    if (which & LA_KA_Q) la_ka_put(ka, n, dk, s->dq, s->x.ldk, g->dq, row);
    if (which & LA_KA_K) la_ka_put(ka, n, dk, s->dk, s->x.ldk, g->dk, row);
    if (which & LA_KA_V) la_ka_put(ka, n, dv, s->dv, s->x.ldv, g->dv, row);
}

typedef void chunk_fn(const back *b, la_ka_state st, const span *s);

/* All chunks of (batch, head) i, each with the state saved for it. */
static void each_chunk(back *b, chunk_fn *fn, const la_io *io, const la_grads *g, int64_t i,
                       bool from_end)
{
    const la_ka *ka = b->ka;
    int64_t chunks = la_ka_chunks(ka);
    for (int64_t done = 0; done < chunks; done++) {
        int64_t c = from_end ? chunks - 1 - done : done, then = from_end ? c - 1 : c + 1;
        span s = span_at(b, io, g, i, c);
        ahead next = {.n = 0};
        if (done + 1 < chunks && !la_ka_is_half(ka)) {
            span x = span_at(b, io, g, i, then);
            next = (ahead){.rows = {x.x.q, x.x.k, x.x.v, x.x.o, x.dout},
                           .ld = {x.x.ldk, x.x.ldk, x.x.ldv, x.x.ldv, x.x.ldv},
                           .d = {ka->p.dk, ka->p.dk, ka->p.dv, ka->p.dv, ka->p.dv},
                           .n = x.x.n};
        }
        b->ahead = &next;
        fn(b, la_ka_slot_at(ka, io->saved, from_end ? i * chunks + c : i), &s);
        unsigned queries = fn == back_keys ? 0 : LA_KA_Q;
        put(b, g, i, c, &s, fn == back_queries ? queries : queries | LA_KA_K | LA_KA_V);
    }
    b->ahead = NULL;
}

static void one_head(back *b, const la_io *io, const la_grads *g, int64_t i)
{
    const la_ka *ka = b->ka;
    if (g->dstate_out) {
        la_ka_copy_state(ka, b->grad, la_ka_part_at(ka, g->dstate_out, i));
    } else {
        memset(b->grad.S, 0, (size_t)(ka->m * ka->p.dv) * sizeof(float));
        if (b->grad.z) memset(b->grad.z, 0, (size_t)ka->m * sizeof(float));
    }
    if (la_ka_sees_past_only(ka)) {
        each_chunk(b, back_past, io, g, i, true);
    } else {
        each_chunk(b, back_queries, io, g, i, false);
        each_chunk(b, back_keys, io, g, i, false);
    }
    if (g->dstate_in) la_ka_copy_state(ka, la_ka_part_at(ka, g->dstate_in, i), b->grad);
}

/* A thread adds up the parameter's gradients of its heads; the sum over threads follows, in order. */
la_status la_ka_backward(void *self, const la_io *io, const la_grads *g, la_err *err)
{
    (void)err;
    const la_ka *ka = self;
    float *base = (float *)io->work + la_whole_lines(ka->shared);
    float *dparam = ka->dparam && g->dparams ? g->dparams[0] : NULL;
    int threads = 1;
    if (ka->prepare) ka->prepare(ka, io->params, io->work);
#pragma omp parallel num_threads(ka->p.threads)
    {
        back b;
        int thread = omp_get_thread_num();
        place(ka, base + thread * ka->back_per_thread, &b);
        if (!dparam) b.dparam = NULL;
        if (dparam) memset(b.dparam, 0, (size_t)ka->dparam * sizeof *b.dparam);
#pragma omp single nowait
        threads = omp_get_num_threads();
#pragma omp for schedule(static)
        for (int64_t i = 0; i < ka->p.B * ka->p.H; i++) one_head(&b, io, g, i);
    }
    for (int thread = 0; dparam && thread < threads; thread++) {
        back b;
        place(ka, base + thread * ka->back_per_thread, &b);
        if (thread == 0) memcpy(dparam, b.dparam, (size_t)ka->dparam * sizeof *dparam);
        if (thread > 0) ka->tile->axpy(ka->dparam, 1.0f, b.dparam, dparam);
    }
    return LA_OK;
}
