/* SPDX-License-Identifier: Apache-2.0
 * Forward by whole mini-batches, by several threads a head where heads are few. Of each mini-batch every
 * thread takes a share of the tokens, and of the rows of W:
 *
 *   1  Z = K W and H of its tokens                                 H is complete: meet
 *      Y = s Q W and A = -c tril(s Q K' + 1) of its tokens         before it waits for the others
 *   2  W <- W - c_C K'H, its rows                                  W is complete: meet
 *      Y += A H, and its outputs                                   before it waits
 *
 * What is read by others alternates between two places. H carries -c_C, and A what that leaves of c_i.
 * Everything is a product of matrices padded with zeros to whole vectors, so inputs are copied as they
 * come; mini-batches that are not whole are done by the first thread with products of any size.
 */
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "ttt_linear_internal.h"

#define SHARE 8 /* a thread's share of the tokens and of the rows is a multiple of so many */

/* What the threads of one head share, and the rows of each; leading dimensions ldk, ldv, C. */
typedef struct common {
    int64_t C, ldk, ldv;          /* of tokens, dk and dv: multiples of 16 */
    float *W[2], *H[2];           /* [ldk, ldv], [C, ldv] */
    float *K[2], *turned[2];      /* [C, ldk] and its transpose */
    float *W0, *D;                /* [ldk, ldv]: W = W0 + D; D by rows of each thread */
    float *Q, *V, *Z, *G, *Y, *A; /* [C, .] by tokens of each thread; Q is times s */
    float *rstd, *eta, *factor;   /* [C] */
    float *db, *b;                /* [threads, ldv]: each thread has its own */
    _Atomic uint32_t *met;        /* [threads], 16 words apart */
} common;

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int la_ttt_shares(const la_problem *p, const la_ttt_options *o)
{
    int64_t heads = p->B * p->H, n = p->threads / heads, C = o->mini_batch;
    if (n < 2 || p->T < 4 * C || p->dk * p->dv * C < 4096) return 1;
    return (int)most(1, least(n, least(C / SHARE, p->dk / SHARE)));
}

/* Cuts `at` into what one head needs; returns the floats it takes. */
static int64_t cut(const la_problem *p, const la_ttt_options *o, float *at, common *c)
{
    int64_t shares = la_ttt_shares(p, o), used = 0;
    *c = (common){.C = la_ttt_up(o->mini_batch), .ldk = la_ttt_up(p->dk), .ldv = la_ttt_up(p->dv)};
    int64_t matrix = c->ldk * c->ldv, keys = c->C * c->ldk, values = c->C * c->ldv;
    float *met;
    struct {
        float **to;
        int64_t floats;
    } const cuts[] = {
        {&c->W[0], matrix},    {&c->W[1], matrix},        {&c->W0, matrix},
        {&c->D, matrix},       {&c->H[0], values},        {&c->H[1], values},
        {&c->V, values},       {&c->Z, values},           {&c->G, values},
        {&c->Y, values},       {&c->K[0], keys},          {&c->K[1], keys},
        {&c->turned[0], keys}, {&c->turned[1], keys},     {&c->Q, keys},
        {&c->A, c->C * c->C},  {&c->rstd, c->C},          {&c->eta, c->C},
        {&c->factor, c->C},    {&c->db, shares * c->ldv}, {&c->b, shares * c->ldv},
        {&met, shares * 16},
    };
    for (size_t i = 0; i < LA_COUNT(cuts); i++) {
        *cuts[i].to = at ? at + used : NULL;
        used += cuts[i].floats;
    }
    c->met = (_Atomic uint32_t *)(void *)met;
    return used;
}

int64_t la_ttt_common_floats(const la_problem *p, const la_ttt_options *o)
{
    common c;
    return p->T < o->mini_batch ? 0 : cut(p, o, NULL, &c);
}

/* One thread at one head. */
typedef struct worker {
    const la_ttt *t;
    const la_ttt_head *x;
    common c;
    int share, shares;
    int64_t first, n, rows; /* its tokens, and with the padding of their number */
    int64_t from, to;       /* its rows of W */
    float *b, *db;
    uint32_t step; /* meetings so far */
} worker;

/* Tells the others that this thread has come to the next meeting, */
static void arrive(worker *w)
{
    w->step++;
    atomic_store_explicit(w->c.met + 16 * w->share, w->step, memory_order_release);
}

/* and waits until all have. Threads that are not running at the same time are given the core. */
static void wait(const worker *w)
{
    for (int i = 0; i < w->shares; i++) {
        const _Atomic uint32_t *met = w->c.met + 16 * i;
        for (int turns = 0;
             (int32_t)(atomic_load_explicit(met, memory_order_acquire) - w->step) < 0; turns++)
            if (turns > 4096) sched_yield();
    }
}

/* Rows of one head lie a page apart where heads are several, and the hardware does not look ahead: those
 * of the mini-batch after token t are asked for, one tensor at a time with arithmetic between. */
static void ask_for(const worker *w, const void *tensor, int64_t row, int64_t d, int64_t t)
{
    int64_t end = least(t + w->first + w->n, w->x->rows.n);
    int64_t bytes = d * (int64_t)la_dtype_size(w->t->p.dtype);
    for (int64_t i = t + w->first; i < end; i++) {
        const char *at = la_ttt_at(w->t, tensor, i * row);
        for (int64_t c = 0; c < bytes; c += 64) __builtin_prefetch(at + c, 0, 3);
    }
}

/* Keys of this thread's tokens of the mini-batch at token t. */
static void bring_keys(const worker *w, int64_t t, int turn)
{
    const la_ttt_rows *r = &w->x->rows;
    float *K = w->c.K[turn] + w->first * w->c.ldk;
    w->t->rows.copy(w->n, r->dk, 1.0f, la_ttt_at(w->t, w->x->k, (t + w->first) * r->qk_row),
                    r->qk_row, K, w->c.ldk);
    w->t->tile->transpose(w->n, w->c.ldk, K, w->c.ldk, w->c.turned[turn] + w->first, w->c.C);
}

static void bring_values(const worker *w, int64_t t)
{
    const la_ttt_rows *r = &w->x->rows;
    int64_t at = t + w->first;
    float rate =
        (float)(-w->t->o.rate / (double)r->dk * la_ttt_weight(&w->t->o, w->t->o.mini_batch));
    w->t->rows.copy(w->n, r->dv, 1.0f, la_ttt_at(w->t, w->x->v, at * r->v_row), r->v_row,
                    w->c.V + w->first * w->c.ldv, w->c.ldv);
    w->t->rows.copy(w->n, r->dk, r->scale, la_ttt_at(w->t, w->x->q, at * r->qk_row), r->qk_row,
                    w->c.Q + w->first * w->c.ldk, w->c.ldk);
    for (int64_t i = 0; i < w->n; i++)
        w->c.eta[w->first + i] = rate * w->x->beta_in[(at + i) * w->x->gate_row];
}

/* This thread's padded rows; s is in Q already. */
static la_ttt_rows rows_of(const worker *w, int turn)
{
    const common *c = &w->c;
    la_ttt_rows r = w->x->rows;
    r.n = w->rows;
    r.q = c->Q + w->first * c->ldk;
    r.k = c->K[turn] + w->first * c->ldk;
    r.v = c->V + w->first * c->ldv;
    r.qk_row = c->ldk;
    r.v_row = c->ldv;
    r.scale = 1.0f;
    r.bias = w->b;
    r.eta = c->eta + w->first;
    return r;
}

/* to = from + A B, M rows from `first` of A and to; leading dimension of A lda. */
static void product(const worker *w, int64_t M, int64_t N, int64_t K, const float *a, int64_t down,
                    int64_t along, const float *B, int64_t ldb, const float *from, float *to)
{
    w->t->rows.product(&(la_small_product){.M = M,
                                           .N = N,
                                           .K = K,
                                           .a = a,
                                           .down = down,
                                           .along = along,
                                           .B = B,
                                           .ldb = ldb,
                                           .from = from,
                                           .to = to,
                                           .ldc = ldb});
}

static void add_bias(worker *w)
{
    la_ttt_add(w->t, w->x->b0, w->db, w->x->rows.dv, w->b);
}

/* Rows of the saved memory before mini-batch `batch`; see la_ttt_save. */
static void save(const worker *w, int64_t batch)
{
    const la_ttt *t = w->t;
    int64_t dv = t->p.dv;
    float *to = la_ttt_saved_at(t, w->x, batch);
    if (!to) return;
    for (int64_t i = w->from; i < least(w->to, t->p.dk); i++)
        memcpy(to + i * dv, w->c.D + i * w->c.ldv, (size_t)dv * sizeof *to);
    if (w->share == 0) memcpy(to + la_ttt_up(t->p.dk * dv), w->db, (size_t)dv * sizeof *to);
}

/* The mini-batch at token t, and the keys of the next one, if `more`. */
static void batch(worker *w, int64_t t, int turn, bool more)
{
    const common *c = &w->c;
    const la_ttt *of = w->t;
    int64_t dk = of->p.dk, C = of->o.mini_batch, ldk = c->ldk, ldv = c->ldv;
    const la_ttt_rows *x = &w->x->rows;
    la_ttt_rows r = rows_of(w, turn);
    float *Z = c->Z + w->first * ldv, *Y = c->Y + w->first * ldv, *A = c->A + w->first * c->C;
    float *H = c->H[turn], *G = c->G + w->first * ldv, *rstd = c->rstd + w->first;
    bring_values(w, t);
    ask_for(w, w->x->q, x->qk_row, dk, t + C);
    product(w, w->rows, ldv, dk, r.k, ldk, 1, c->W[turn], ldv, NULL, Z);
    of->rows.inner(&r, Z, rstd, G, H + w->first * ldv);
    arrive(w);

    product(w, w->rows, ldv, dk, r.q, ldk, 1, c->W[turn], ldv, NULL, Y);
    if (more) bring_keys(w, t + C, 1 - turn);
    ask_for(w, w->x->v, x->v_row, of->p.dv, t + C);
    product(w, w->rows, c->C, dk, r.q, ldk, 1, c->turned[turn], c->C, NULL, A);
    of->rows.weigh(w->rows, w->first, c->C, c->factor + w->first, A);
    wait(w);

    product(w, w->to - w->from, ldv, C, c->K[turn] + w->from, 1, ldk, H, ldv, c->D + w->from * ldv,
            c->D + w->from * ldv);
    la_ttt_add(of, c->W0 + w->from * ldv, c->D + w->from * ldv, (w->to - w->from) * ldv,
               c->W[1 - turn] + w->from * ldv);
    arrive(w);

    ask_for(w, w->x->k, x->qk_row, dk, t + 2 * C);
    product(w, w->rows, ldv, C, A, c->C, 1, H, ldv, Y, Y);
    r.n = w->n;
    void *o = la_ttt_at(of, w->x->o, (t + w->first) * x->v_row);
    if (!of->half) r.v_row = x->v_row;
    of->rows.outer(&r, Y, rstd, of->half ? G : o);
    if (of->half) of->half->narrow_rows(w->n, r.dv, G, ldv, o, x->v_row);
    of->rows.sum(C, of->p.dv, H, ldv, w->db);
    add_bias(w);
    wait(w);
}

/* What the first thread prepares: padding, W0, D, W, and what is left of c_i behind c_C. */
static void open_head(const la_ttt *t, const la_ttt_head *x, const float *D, const float *db,
                      const common *c, float *base, float *end)
{
    int64_t dk = t->p.dk, dv = t->p.dv, C = t->o.mini_batch;
    memset(base, 0, (size_t)(end - base) * sizeof *base);
    for (int64_t i = 0; i < dk; i++) {
        memcpy(c->W0 + i * c->ldv, x->W0 + i * dv, (size_t)dv * sizeof *D);
        memcpy(c->D + i * c->ldv, D + i * dv, (size_t)dv * sizeof *D);
    }
    la_ttt_add(t, c->W0, c->D, c->ldk * c->ldv, c->W[0]);
    memcpy(c->db, db, (size_t)dv * sizeof *db);
    for (int64_t i = 0; i < C; i++)
        c->factor[i] = (float)(la_ttt_weight(&t->o, i + 1) / la_ttt_weight(&t->o, C));
}

static void close_head(const la_ttt *t, const common *c, float *D, float *db)
{
    for (int64_t i = 0; i < t->p.dk; i++)
        memcpy(D + i * t->p.dv, c->D + i * c->ldv, (size_t)t->p.dv * sizeof *D);
    memcpy(db, c->db, (size_t)t->p.dv * sizeof *db);
}

/* Part i of n whole shares of `all`. */
static int64_t border(int64_t all, int64_t i, int64_t n)
{
    return (all + SHARE - 1) / SHARE * i / n * SHARE;
}

void la_ttt_whole(const la_ttt *t, const la_ttt_head *x, const la_ttt_stretch *s, float *D,
                  float *db, float *base, int share, int shares)
{
    worker w = {.t = t, .x = x, .share = share, .shares = shares};
    cut(&t->p, &t->o, base, &w.c);
    int64_t C = t->o.mini_batch;
    w.first = border(C, share, shares);
    w.n = least(border(C, share + 1, shares), C) - w.first;
    w.rows = border(C, share + 1, shares) - w.first;
    w.from = border(w.c.ldk, share, shares);
    w.to = border(w.c.ldk, share + 1, shares);
    w.db = w.c.db + share * w.c.ldv;
    w.b = w.c.b + share * w.c.ldv;
    if (share == 0) open_head(t, x, D, db, &w.c, base, (float *)(void *)w.c.met);
    arrive(&w);
    wait(&w);
    if (share > 0) memcpy(w.db, w.c.db, (size_t)t->p.dv * sizeof *db);
    add_bias(&w);
    bring_keys(&w, s->first, 0);
    arrive(&w);
    wait(&w);
    for (int64_t i = 0; i < s->n; i++) {
        save(&w, s->batch + i);
        batch(&w, s->first + i * C, (int)(i & 1), i + 1 < s->n);
    }
    if (share == 0) close_head(t, &w.c, D, db);
}

void la_ttt_nobody_met(const la_problem *p, const la_ttt_options *o, float *base)
{
    common c;
    cut(p, o, base, &c);
    memset(c.met, 0, (size_t)(la_ttt_shares(p, o) * 16) * sizeof *c.met);
}
