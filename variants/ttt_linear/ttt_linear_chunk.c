/* SPDX-License-Identifier: Apache-2.0
 * Forward by whole mini-batches, by several threads a head where heads are few: each has some columns of
 * W, and all that follows from them. What couples columns is the layer norm, by sums over a row; those are
 * exchanged at two meetings in a mini-batch, with work between telling and asking:
 *
 *   Z = K W + b, its means and squares               tell
 *   Y = s Q W, A = -c tril(s Q K' + 1) by rows        ask
 *   G up to its two means over a row                  tell
 *   outputs of the mini-batch before                  ask
 *   H,  W <- W - c_C K'H,  Y += A H + b, its means and squares
 *
 * What others read alternates between two places. H carries -c_C, and A what that leaves of c_i. Everything
 * is a product of matrices padded with zeros to whole vectors, so inputs are copied as they come;
 * mini-batches that are not whole are done by the first thread with products of any size.
 */
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "ttt_linear_internal.h"

#define COLUMNS 16 /* of a thread: a multiple of so many */
#define ROWS    8  /* of a product */

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
    return (int)most(1, least(n, p->dv / COLUMNS));
}

/* What the threads of one head share. */
typedef struct common {
    float *A[2];           /* [C, C] */
    float *sums[2][3];     /* of Z, G and Y: [shares, 2, C] */
    _Atomic uint32_t *met; /* [shares], 16 words apart */
    const float **from;    /* D and db as they were, of the first thread */
} common;

/* What a thread has of its own: its columns, ldv of them with padding. */
typedef struct mine {
    float *W, *W0, *D;           /* [ldk, ldv]: W = W0 + D */
    float *H, *V, *Z, *G, *Y[2]; /* [C, ldv] */
    float *K, *turned, *Q[2];    /* [C, ldk], the transpose of K, and s Q */
    float *mean, *rstd;          /* [C] of Z */
    float *mean_y, *rstd_y;      /* and of Y, or [C] of gradients */
    float *eta, *factor;         /* [C] */
    float *b, *db;               /* [ldv] */
} mine;

static int64_t columns_of(const la_problem *p, const la_ttt_options *o)
{
    int64_t shares = la_ttt_shares(p, o), units = la_ttt_up(p->dv) / COLUMNS;
    return (units + shares - 1) / shares * COLUMNS;
}

static int64_t cut_common(const la_problem *p, const la_ttt_options *o, float *at, common *c)
{
    int64_t shares = la_ttt_shares(p, o), C = la_ttt_up(o->mini_batch), used = 0;
    for (int turn = 0; turn < 2; turn++) {
        c->A[turn] = at ? at + used : NULL;
        used += C * C;
        for (int i = 0; i < 3; i++, used += shares * 2 * C)
            c->sums[turn][i] = at ? at + used : NULL;
    }
    c->met = at ? (_Atomic uint32_t *)(void *)(at + used) : NULL;
    used += shares * 16;
    c->from = at ? (const float **)(void *)(at + used) : NULL;
    return used + 16;
}

static int64_t cut_mine(const la_problem *p, const la_ttt_options *o, float *at, mine *m)
{
    int64_t C = la_ttt_up(o->mini_batch), ldk = la_ttt_up(p->dk), ldv = columns_of(p, o), used = 0;
    int64_t matrix = ldk * ldv, keys = C * ldk, values = C * ldv;
    struct {
        float **to;
        int64_t floats;
    } const cuts[] = {
        {&m->W, matrix},    {&m->W0, matrix}, {&m->D, matrix},    {&m->H, values},
        {&m->V, values},    {&m->Z, values},  {&m->G, values},    {&m->Y[0], values},
        {&m->Y[1], values}, {&m->K, keys},    {&m->turned, keys}, {&m->Q[0], keys},
        {&m->Q[1], keys},   {&m->mean, C},    {&m->rstd, C},      {&m->mean_y, C},
        {&m->rstd_y, C},    {&m->eta, C},     {&m->factor, C},    {&m->b, ldv},
        {&m->db, ldv},
    };
    for (size_t i = 0; i < LA_COUNT(cuts); i++) {
        *cuts[i].to = at ? at + used : NULL;
        used += cuts[i].floats;
    }
    return used;
}

int64_t la_ttt_common_floats(const la_problem *p, const la_ttt_options *o)
{
    common c;
    mine m;
    if (p->T < o->mini_batch) return 0;
    return cut_common(p, o, NULL, &c) + la_ttt_shares(p, o) * cut_mine(p, o, NULL, &m);
}

void la_ttt_nobody_met(const la_problem *p, const la_ttt_options *o, float *base)
{
    common c;
    cut_common(p, o, base, &c);
    memset(c.met, 0, (size_t)(la_ttt_shares(p, o) * 16) * sizeof *c.met);
}

/* One thread at one head. */
typedef struct worker {
    const la_ttt *t;
    const la_ttt_head *x;
    common c;
    mine m;
    int share, shares;
    int64_t C, Cp, ldk, ldv; /* tokens, and as padded */
    int64_t first, n, each;  /* its columns of v; of a share */
    int64_t row, rows;       /* of A, its share */
    uint32_t step;           /* meetings so far */
} worker;

/* Tells the others that this thread has come to the next meeting, */
static void tell(worker *w)
{
    w->step++;
    atomic_store_explicit(w->c.met + 16 * w->share, w->step, memory_order_release);
}

/* and waits until all have. Threads that are not running at the same time are given the core. */
static void ask(const worker *w)
{
    for (int i = 0; i < w->shares; i++) {
        const _Atomic uint32_t *met = w->c.met + 16 * i;
        for (int turns = 0;
             (int32_t)(atomic_load_explicit(met, memory_order_acquire) - w->step) < 0; turns++)
            if (turns > 4096) sched_yield();
    }
}

/* Rows of one head lie a page apart where heads are several, and the hardware does not look ahead: those
 * of the mini-batch at token t are asked for, one tensor at a time with arithmetic between. */
static void prefetch(const worker *w, const void *tensor, int64_t row, int64_t d, int64_t t)
{
    int64_t end = least(t + w->C, w->x->rows.n);
    int64_t bytes = d * (int64_t)la_dtype_size(w->t->p.dtype);
    for (int64_t i = t; i < end; i++) {
        const char *at = la_ttt_at(w->t, tensor, i * row);
        for (int64_t c = 0; c < bytes; c += 64) __builtin_prefetch(at + c, 0, 3);
    }
}

static void bring(const worker *w, int64_t t, int turn)
{
    const la_ttt_rows *r = &w->x->rows;
    const la_ttt *of = w->t;
    const la_ttt_options *o = &of->o;
    float rate = (float)(-o->rate / (double)r->dk * la_ttt_weight(o, o->mini_batch));
    of->rows.copy(w->C, r->dk, 1.0f, la_ttt_at(of, w->x->k, t * r->qk_row), r->qk_row, w->m.K,
                  w->ldk);
    of->tile->transpose(w->C, w->ldk, w->m.K, w->ldk, w->m.turned, w->Cp);
    of->rows.copy(w->C, r->dk, r->scale, la_ttt_at(of, w->x->q, t * r->qk_row), r->qk_row,
                  w->m.Q[turn], w->ldk);
    of->rows.copy(w->C, w->n, 1.0f, la_ttt_at(of, w->x->v, t * r->v_row + w->first), r->v_row,
                  w->m.V, w->ldv);
    for (int64_t i = 0; i < w->C; i++) w->m.eta[i] = rate * w->x->beta_in[(t + i) * w->x->gate_row];
}

/* This thread's columns of the padded rows; s is in Q already. */
static la_ttt_rows rows_of(const worker *w, int turn)
{
    la_ttt_rows r = w->x->rows;
    int64_t left = r.dk - w->first;
    r.n = w->C;
    r.dk = most(left, 0);
    r.dv = w->n;
    r.ld = r.v_row = w->ldv;
    r.q = w->m.Q[turn] + least(w->first, w->ldk);
    r.k = w->m.K + least(w->first, w->ldk);
    r.v = w->m.V;
    r.qk_row = w->ldk;
    if (r.gamma) r.gamma += w->first, r.beta += w->first;
    r.scale = 1.0f;
    r.bias = w->m.b;
    r.eta = w->m.eta;
    return r;
}

/* to = from + A B; from, to and B have the same leading dimension. */
static void product(const worker *w, int64_t M, int64_t N, int64_t K, const float *a, int64_t down,
                    int64_t along, const float *B, const float *from, float *to)
{
    w->t->rows.product(&(la_small_product){.M = M,
                                           .N = N,
                                           .K = K,
                                           .a = a,
                                           .down = down,
                                           .along = along,
                                           .B = B,
                                           .ldb = N,
                                           .from = from,
                                           .to = to,
                                           .ldc = N});
}

static float *sums_of(const worker *w, int turn, int which)
{
    return w->c.sums[turn][which] + w->share * 2 * w->Cp;
}

/* Outputs of the mini-batch at token t. */
static void finish(const worker *w, int64_t t, int turn)
{
    const la_ttt *of = w->t;
    const mine *m = &w->m;
    int64_t row = w->x->rows.v_row;
    la_ttt_rows r = rows_of(w, turn);
    void *o = la_ttt_at(of, w->x->o, t * row + w->first);
    if (r.gamma)
        of->rows.moments(w->Cp, w->shares, w->each, w->x->rows.dv, w->c.sums[turn][2], m->mean_y,
                         m->rstd_y);
    if (!of->half) r.v_row = row; /* else by way of V, which is used up by then */
    of->rows.outputs(&r, m->Y[turn], m->mean_y, m->rstd_y, of->half ? m->V : o);
    if (of->half) of->half->narrow_rows(w->C, w->n, m->V, w->ldv, o, row);
}

/* Rows of the saved memory before mini-batch `batch`. */
static void save(const worker *w, int64_t batch)
{
    const la_ttt *t = w->t;
    int64_t dv = t->p.dv;
    float *to = la_ttt_saved_at(t, w->x, batch);
    if (!to) return;
    for (int64_t i = 0; i < t->p.dk; i++)
        memcpy(to + i * dv + w->first, w->m.D + i * w->ldv, (size_t)w->n * sizeof *to);
    memcpy(to + la_ttt_up(t->p.dk * dv) + w->first, w->m.db, (size_t)w->n * sizeof *to);
}

/* The mini-batch at token t, and the outputs of the one before, if there is one. */
static void batch(worker *w, int64_t t, int turn, bool more)
{
    const la_ttt *of = w->t;
    const mine *m = &w->m;
    const la_ttt_rows *x = &w->x->rows;
    int64_t dk = x->dk, C = w->C, Cp = w->Cp, ldk = w->ldk, ldv = w->ldv;
    float *A = w->c.A[turn] + w->row * Cp, *Y = m->Y[turn];
    bring(w, t, turn);
    la_ttt_rows r = rows_of(w, turn);
    product(w, Cp, ldv, dk, m->K, ldk, 1, m->W, NULL, m->Z);
    of->rows.sums(&r, m->Z, sums_of(w, turn, 0), Cp);
    tell(w);

    prefetch(w, w->x->q, x->qk_row, dk, t + C);
    product(w, Cp, ldv, dk, m->Q[turn], ldk, 1, m->W, NULL, Y);
    prefetch(w, w->x->k, x->qk_row, dk, t + C);
    if (w->rows > 0) {
        product(w, w->rows, Cp, dk, m->Q[turn] + w->row * ldk, ldk, 1, m->turned, NULL, A);
        of->rows.weigh(w->rows, w->row, Cp, m->factor + w->row, A);
    }
    ask(w);

    if (r.gamma)
        of->rows.moments(Cp, w->shares, w->each, x->dv, w->c.sums[turn][0], m->mean, m->rstd);
    of->rows.gradient(&r, m->Z, m->mean, m->rstd, m->G, sums_of(w, turn, 1), Cp);
    tell(w);

    prefetch(w, la_ttt_at(of, w->x->v, w->first), x->v_row, w->n, t + C);
    if (more) finish(w, t - C, 1 - turn);
    ask(w);

    if (r.gamma) of->rows.means(Cp, w->shares, x->dv, w->c.sums[turn][1], m->mean_y, m->rstd_y);
    of->rows.through(&r, m->Z, m->rstd, m->G, m->mean_y, m->rstd_y, m->H);
    product(w, ldk, ldv, C, m->K, 1, ldk, m->H, m->D, m->D);
    la_ttt_add(of, m->W0, m->D, ldk * ldv, m->W);
    product(w, Cp, ldv, C, w->c.A[turn], Cp, 1, m->H, Y, Y);
    of->rows.sums(&r, Y, sums_of(w, turn, 2), Cp);
    of->rows.sum(C, w->n, m->H, ldv, m->db);
    la_ttt_add(of, w->x->b0 + w->first, m->db, w->n, m->b);
}

/* Padding, W0, D, W, b, and what is left of c_i behind c_C. */
static void begin(const worker *w, const float *D, const float *db, float *own, int64_t floats)
{
    const la_ttt *t = w->t;
    const mine *m = &w->m;
    int64_t dv = t->p.dv, n = w->n, ldv = w->ldv;
    memset(own, 0, (size_t)floats * sizeof *own);
    for (int64_t i = 0; i < t->p.dk; i++) {
        memcpy(m->W0 + i * ldv, w->x->W0 + i * dv + w->first, (size_t)n * sizeof *D);
        memcpy(m->D + i * ldv, D + i * dv + w->first, (size_t)n * sizeof *D);
    }
    la_ttt_add(t, m->W0, m->D, w->ldk * ldv, m->W);
    memcpy(m->db, db + w->first, (size_t)n * sizeof *db);
    la_ttt_add(t, w->x->b0 + w->first, m->db, n, m->b);
    for (int64_t i = 0; i < w->C; i++)
        m->factor[i] = (float)(la_ttt_weight(&t->o, i + 1) / la_ttt_weight(&t->o, w->C));
}

/* Its columns of D and db, where they came from. */
static void end(const worker *w, float *D, float *db)
{
    int64_t dv = w->t->p.dv;
    for (int64_t i = 0; i < w->t->p.dk; i++)
        memcpy(D + i * dv + w->first, w->m.D + i * w->ldv, (size_t)w->n * sizeof *D);
    memcpy(db + w->first, w->m.db, (size_t)w->n * sizeof *db);
}

static void meet(worker *w)
{
    tell(w);
    ask(w);
}

void la_ttt_whole(const la_ttt *t, const la_ttt_head *x, const la_ttt_stretch *s, float *D,
                  float *db, float *base, int share, int shares)
{
    worker w = {.t = t, .x = x, .share = share, .shares = shares};
    int64_t floats = cut_mine(&t->p, &t->o, NULL, &w.m);
    float *own = base + cut_common(&t->p, &t->o, base, &w.c) + share * floats;
    /* One thread alone has all columns, though there is room for several. */
    la_problem alone = t->p;
    if (shares == 1) alone.threads = 1, own = base + cut_common(&t->p, &t->o, base, &w.c);
    floats = cut_mine(&alone, &t->o, own, &w.m);
    w.C = t->o.mini_batch, w.Cp = la_ttt_up(w.C), w.ldk = la_ttt_up(t->p.dk);
    w.ldv = w.each = columns_of(&alone, &t->o);
    w.first = least(share * w.each, t->p.dv);
    w.n = least(w.each, t->p.dv - w.first);
    w.row = w.Cp / ROWS * share / shares * ROWS;
    w.rows = w.Cp / ROWS * (share + 1) / shares * ROWS - w.row;
    if (share == 0) w.c.from[0] = D, w.c.from[1] = db;
    meet(&w);
    /* The first thread alone knows where the memory is, and it lies where it has to be in the end. */
    D = (float *)(uintptr_t)w.c.from[0], db = (float *)(uintptr_t)w.c.from[1];
    begin(&w, D, db, own, floats);
    for (int64_t i = 0; i < s->n; i++) {
        save(&w, s->batch + i);
        batch(&w, s->first + i * w.C, (int)(i & 1), i > 0);
    }
    meet(&w);
    finish(&w, s->first + (s->n - 1) * w.C, (int)((s->n - 1) & 1));
    end(&w, D, db);
    meet(&w);
}
