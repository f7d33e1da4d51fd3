/* SPDX-License-Identifier: Apache-2.0
 * Forward by whole mini-batches. A mini-batch is three steps, of which only the second needs the one
 * before:
 *
 *   prepare   copies of K, s Q and V;  A = -c tril(s Q K' + 1)
 *   learn     Z = K W + b,  G through the norm,  H,  W <- W - c_C K'H
 *   answer    Y = s Q W + A H + b, through the norm
 *
 * Where heads are few, several threads share one. Two runners take turns at legs of some mini-batches:
 * while one learns, the other answers its last leg and prepares its next, and nothing but W and b goes from
 * one to the other. For that the W of every mini-batch of a leg is kept, in an L2 cache. With more threads
 * a runner is some of them, which have some columns of W each, and all that follows from them. What couples
 * columns is the layer norm, by sums over a row: those are exchanged at two meetings in a mini-batch and one
 * in a leg.
 *
 * H carries -c_C, and A what that leaves of c_i. [s Q, A] and [W; H] lie side by side, so that Y is one
 * product. Everything is a product of matrices padded with zeros to whole vectors; mini-batches that are not
 * whole are done by the first thread with products of any size.
 */
#include <string.h>

#include "team.h"
#include "ttt_linear_internal.h"

#define COLUMNS    16          /* of a thread: a multiple of so many */
#define LEG_FLOATS (136 << 10) /* kept for a leg, about: half of an L2 cache of 1 MiB */
#define LEG        8  /* mini-batches of a leg at least: handing on takes about as long as one */
#define LEGS       16 /* of a head, where mini-batches are few */

/* ---- who works on a head, and the memory for it ---- */

/* Members of a team are numbered runner by runner. */
typedef struct team {
    int runners, shares; /* shares: threads that have the columns of one runner */
    int64_t columns;     /* of a share, the last may have fewer */
    int64_t slots;       /* mini-batches whose matrices are kept */
} team;

static int64_t slot_floats(int64_t C, int64_t ldk, int64_t ldv)
{
    return C * ldk + C * (ldk + C) + C * ldv + (ldk + C) * ldv + C + ldv;
}

static team team_of(const la_problem *p, const la_ttt_options *o, int64_t threads)
{
    int64_t C = la_whole_lines(o->mini_batch), ldk = la_whole_lines(p->dk),
            units = la_whole_lines(p->dv) / COLUMNS;
    int64_t batches = p->T / o->mini_batch;
    team of = {.runners = 1, .shares = 1, .columns = units * COLUMNS, .slots = 2};
    if (threads < 2 || batches < LEGS || p->dk * p->dv * o->mini_batch < 4096) return of;
    int64_t each = (units + threads / 2 - 1) / (threads / 2);
    of.runners = 2;
    of.shares = (int)((units + each - 1) / each);
    of.columns = each * COLUMNS;
    of.slots = la_most(LEG, LEG_FLOATS / slot_floats(C, ldk, of.columns));
    of.slots = la_most(1, la_least(of.slots, batches / LEGS));
    return of;
}

int64_t la_ttt_shared(const la_problem *p)
{
    int64_t heads = p->B * p->H, rest = heads % p->threads;
    return 2 * rest <= p->threads && heads < 4 * p->threads ? rest : 0;
}

/* Threads for each head that is shared. */
static int64_t group_of(const la_problem *p)
{
    return la_ttt_shared(p) ? p->threads / la_ttt_shared(p) : 1;
}

int la_ttt_shares(const la_problem *p, const la_ttt_options *o)
{
    team of = team_of(p, o, group_of(p));
    return of.runners * of.shares;
}

/* What the threads of one head share. */
typedef struct common {
    atomic_uint *begun;  /* the first of them has the memory ready */
    atomic_uint *met;    /* [members], 16 words apart: meetings of a runner's shares so far */
    atomic_uint *passed; /* [members], 16 words apart: legs whose end is in its D and db */
    float *sums;         /* [runners, 2, shares, 2, C]: of Z, of G */
    float *answers;      /* [runners, slots, shares, 2, C]: of Y */
    const float **from;  /* D and db of the head as they were */
} common;

/* What a thread has of its own: its columns, ldv of them with padding. Of every slot: */
typedef struct slot {
    float *K, *QA;  /* [C, ldk], [C, ldk + C]: s Q and A */
    float *V, *WH;  /* [C, ldv], in the end Y; [ldk + C, ldv]: W and H */
    float *eta, *b; /* [C], [ldv] */
} slot;

typedef struct mine {
    float *W0, *D, *db;      /* [ldk, ldv], W = W0 + D; [ldv], b = b0 + db */
    float *Z, *G;            /* [C, ldv] */
    float *turned;           /* [ldk, C] the transpose of K */
    float *mean, *rstd;      /* [C] */
    float *mean_a, *mean_ax; /* [C] */
    float *factor;           /* [C] */
    float *slots;
} mine;

typedef struct sizes {
    int64_t C, ldk, ldv, members, slots;
} sizes;

static sizes sizes_of(const la_problem *p, const la_ttt_options *o, const team *of)
{
    return (sizes){la_whole_lines(o->mini_batch), la_whole_lines(p->dk), of->columns,
                   of->runners * of->shares, of->slots};
}

static int64_t cut_common(const sizes *s, float *at, common *c)
{
    int64_t flags = 16 * s->members;
    c->begun = at ? (atomic_uint *)(void *)at : NULL;
    c->met = at ? c->begun + 16 : NULL;
    c->passed = at ? c->met + flags : NULL;
    c->from = at ? (const float **)(void *)(c->passed + flags) : NULL;
    c->sums = at ? at + 32 + 2 * flags : NULL;
    c->answers = at ? c->sums + s->members * 4 * s->C : NULL;
    return 32 + 2 * flags + s->members * (4 + 2 * s->slots) * s->C;
}

static int64_t cut_mine(const sizes *s, float *at, mine *m)
{
    int64_t C = s->C, matrix = s->ldk * s->ldv, values = C * s->ldv, used = 0;
    struct {
        float **to;
        int64_t floats;
    } const cuts[] = {
        {&m->W0, matrix}, {&m->D, matrix}, {&m->db, s->ldv},
        {&m->Z, values},  {&m->G, values}, {&m->turned, C * s->ldk},
        {&m->mean, C},    {&m->rstd, C},   {&m->mean_a, C},
        {&m->mean_ax, C}, {&m->factor, C}, {&m->slots, s->slots * slot_floats(C, s->ldk, s->ldv)},
    };
    for (size_t i = 0; i < LA_COUNT(cuts); i++) {
        *cuts[i].to = at ? at + used : NULL;
        used += cuts[i].floats;
    }
    return used;
}

static int64_t team_floats(const la_problem *p, const la_ttt_options *o, const team *of)
{
    common c;
    mine m;
    sizes s = sizes_of(p, o, of);
    return cut_common(&s, NULL, &c) + s.members * cut_mine(&s, NULL, &m);
}

int64_t la_ttt_common_floats(const la_problem *p, const la_ttt_options *o, bool together)
{
    if (p->T < o->mini_batch) return 0;
    team of = team_of(p, o, together ? group_of(p) : 1);
    return team_floats(p, o, &of);
}

void la_ttt_nobody_met(const la_problem *p, const la_ttt_options *o, float *base)
{
    team of = team_of(p, o, group_of(p));
    sizes s = sizes_of(p, o, &of);
    if (p->T < o->mini_batch) return;
    memset(base, 0, (size_t)(16 + 2 * 16 * s.members) * sizeof *base);
}

/* ---- one thread at one head ---- */

typedef struct worker {
    const la_ttt *t;
    const la_ttt_head *x;
    const la_ttt_stretch *whole;
    float *mines; /* of the members, one after the other */
    sizes s;
    common c;
    mine m;
    int runner, runners, share, shares;
    int64_t first, n; /* its columns of v */
    unsigned step;    /* meetings so far */
} worker;

static slot slot_at(const worker *w, int64_t j)
{
    int64_t C = w->s.C, ldk = w->s.ldk, ldv = w->s.ldv;
    slot s = {.K = w->m.slots + j % w->s.slots * slot_floats(C, ldk, ldv)};
    s.QA = s.K + C * ldk;
    s.V = s.QA + C * (ldk + C);
    s.WH = s.V + C * ldv;
    s.eta = s.WH + (ldk + C) * ldv;
    s.b = s.eta + C;
    return s;
}

/* Member `share` of this runner, or of another one. */
static int member(const worker *w, int runner, int share)
{
    return runner * w->shares + share;
}

/* Tells the other shares that this thread has come to the next meeting, and waits until all have. */
static void meet(worker *w)
{
    if (w->shares == 1) return;
    int me = member(w, w->runner, w->share), base = member(w, w->runner, 0);
    w->step++;
    atomic_store_explicit(w->c.met + 16 * me, w->step, memory_order_release);
    for (int i = 0; i < w->shares; i++) la_team_reach(w->c.met + 16 * (base + i), w->step);
}

/* Rows of one head lie a page apart where heads are several, and the hardware does not look ahead: those
 * of mini-batch j are asked for, one tensor at a time with arithmetic between. Where rows of o are not
 * there when they are written, what is stored next waits for them. */
static void ask_for(const worker *w, const void *tensor, int64_t row, int64_t d, int64_t j,
                    bool writes)
{
    if (j >= w->whole->n) return;
    int64_t C = w->t->o.mini_batch, t = w->whole->first + j * C;
    int64_t bytes = d * (int64_t)la_dtype_size(w->t->p.dtype);
    const char *at = la_ttt_at(w->t, tensor, t * row);
    row *= (int64_t)la_dtype_size(w->t->p.dtype);
    for (int64_t i = 0; i < C; i++, at += row)
        for (int64_t c = 0; c < bytes; c += 64)
            if (writes)
                __builtin_prefetch(at + c, 1, 3);
            else
                __builtin_prefetch(at + c, 0, 2);
}

/* This thread's columns of the padded rows; s is in Q already. */
static la_ttt_rows rows_of(const worker *w, const slot *s)
{
    la_ttt_rows r = w->x->rows;
    r.n = w->t->o.mini_batch;
    r.k = s->K + la_least(w->first, w->s.ldk);
    r.q = s->QA + la_least(w->first, w->s.ldk);
    r.dk = la_most(r.dk - w->first, 0);
    r.dv = w->n;
    r.ld = r.v_row = w->s.ldv;
    r.v = s->V;
    r.qk_row = w->s.ldk;
    if (r.gamma) r.gamma += w->first, r.beta += w->first;
    r.scale = 1.0f;
    r.bias = s->b;
    r.eta = s->eta;
    return r;
}

/* K, s Q, V and eta of mini-batch j. */
static void bring(const worker *w, int64_t j)
{
    const la_ttt *of = w->t;
    const la_ttt_options *o = &of->o;
    const la_ttt_rows *r = &w->x->rows;
    int64_t C = o->mini_batch, t = w->whole->first + j * C, Cp = w->s.C, ldk = w->s.ldk;
    float rate = (float)(-o->rate / (double)r->dk * la_ttt_weight(o, C));
    slot s = slot_at(w, j);
    const void *k = la_ttt_at(of, w->x->k, t * r->qk_row);
    const void *q = la_ttt_at(of, w->x->q, t * r->qk_row);
    of->rows.copy(C, r->dk, 1.0f, k, r->qk_row, s.K, ldk);
    of->rows.copy(C, r->dk, r->scale, q, r->qk_row, s.QA, ldk + Cp);
    of->rows.copy(C, w->n, 1.0f, la_ttt_at(of, w->x->v, t * r->v_row + w->first), r->v_row, s.V,
                  w->s.ldv);
    for (int64_t i = 0; i < C; i++) s.eta[i] = rate * w->x->beta_in[(t + i) * w->x->gate_row];
}

/* A of mini-batch j. */
static void score(const worker *w, int64_t j)
{
    const la_ttt *of = w->t;
    int64_t Cp = w->s.C, ldk = w->s.ldk;
    slot s = slot_at(w, j);
    of->tile->transpose(of->o.mini_batch, ldk, s.K, ldk, w->m.turned, Cp);
    of->rows.product(&(la_small_product){.M = Cp,
                                         .N = Cp,
                                         .K = w->x->rows.dk,
                                         .a = s.QA,
                                         .down = ldk + Cp,
                                         .along = 1,
                                         .B = w->m.turned,
                                         .ldb = Cp,
                                         .to = s.QA + ldk,
                                         .ldc = ldk + Cp});
    of->rows.weigh(Cp, w->m.factor, s.QA + ldk, ldk + Cp);
}

/* to = a [W; H] or, with K = dk, a W */
static void product(const worker *w, const slot *s, const float *a, int64_t lda, int64_t K,
                    float *to)
{
    w->t->rows.product(&(la_small_product){.M = w->s.C,
                                           .N = w->s.ldv,
                                           .K = K,
                                           .a = a,
                                           .down = lda,
                                           .along = 1,
                                           .B = s->WH,
                                           .ldb = w->s.ldv,
                                           .to = to,
                                           .ldc = w->s.ldv});
}

/* Sums over columns, of the shares of this runner: of Z, of G; of the Y of mini-batch j. */
static float *sums_of(const worker *w, int which)
{
    return w->c.sums + (w->runner * 2 + which) * w->shares * 2 * w->s.C;
}

static float *answers_of(const worker *w, int64_t j)
{
    int64_t slots = w->s.slots;
    return w->c.answers + (w->runner * slots + j % slots) * w->shares * 2 * w->s.C;
}

/* H from Z, columns of which the other shares have. */
static void gradient(worker *w, const la_ttt_rows *r, float *H)
{
    const la_ttt_kernels *f = &w->t->rows;
    const mine *m = &w->m;
    int64_t C = w->s.C, dv = w->x->rows.dv, own = w->share * 2 * C;
    float *of_Z = sums_of(w, 0), *of_G = sums_of(w, 1);
    f->sums(r, m->Z, of_Z + own, C);
    meet(w);
    if (r->gamma) f->moments(C, w->shares, w->s.ldv, dv, of_Z, m->mean, m->rstd);
    f->gradient(r, m->Z, m->mean, m->rstd, m->G, of_G + own, C);
    meet(w);
    if (r->gamma) f->means(C, w->shares, dv, of_G, m->mean_a, m->mean_ax);
    f->through(r, m->Z, m->rstd, m->G, m->mean_a, m->mean_ax, H);
}

/* Columns of the saved memory before mini-batch j. */
static void save(const worker *w, int64_t j)
{
    const la_ttt *t = w->t;
    int64_t dv = t->p.dv;
    float *to = la_ttt_saved_at(t, w->x, w->whole->batch + j);
    if (!to) return;
    for (int64_t i = 0; i < t->p.dk; i++)
        memcpy(to + i * dv + w->first, w->m.D + i * w->s.ldv, (size_t)w->n * sizeof *to);
    memcpy(to + la_whole_lines(t->p.dk * dv) + w->first, w->m.db, (size_t)w->n * sizeof *to);
}

/* H of mini-batch j; D and db behind it, and, where `more`, W and b for the next. */
static void learn(worker *w, int64_t j, bool more)
{
    const la_ttt_kernels *f = &w->t->rows;
    const mine *m = &w->m;
    slot s = slot_at(w, j), next = slot_at(w, j + 1);
    int64_t ldk = w->s.ldk, ldv = w->s.ldv;
    float *H = s.WH + ldk * ldv;
    la_ttt_rows r = rows_of(w, &s);
    save(w, j);
    product(w, &s, s.K, ldk, w->x->rows.dk, m->Z);
    if (w->runners == 1) ask_for(w, w->x->v, w->x->rows.v_row, w->n, j + 1, false);
    if (w->shares == 1)
        f->inner(&r, m->Z, m->rstd, m->G, H);
    else
        gradient(w, &r, H);
    f->update(ldk, ldv, r.n, s.K, H, m->W0, m->D, more ? next.WH : NULL);
    f->sum(r.n, w->n, H, ldv, m->db);
    if (more) f->add(w->n, w->x->b0 + w->first, m->db, next.b);
}

static void put(const worker *w, const slot *s, int64_t j)
{
    int64_t row = w->x->rows.v_row, t = w->whole->first + j * w->t->o.mini_batch;
    void *o = la_ttt_at(w->t, w->x->o, t * row + w->first);
    w->t->half->narrow_rows(w->t->o.mini_batch, w->n, s->V, w->s.ldv, o, row);
}

/* The rows of o, or where they wait to be narrowed. */
static float *outputs_of(const worker *w, const slot *s, int64_t j, la_ttt_rows *r)
{
    int64_t row = w->x->rows.v_row, t = w->whole->first + j * w->t->o.mini_batch;
    r->qk_row = w->s.ldk + w->s.C;
    if (w->t->half) return s->V;
    r->v_row = row;
    return (float *)w->x->o + t * row + w->first;
}

/* Outputs of mini-batch j. Where columns are shared, Y is in the place of V: see `sum_up`. */
static void answer(const worker *w, int64_t j)
{
    const la_ttt_kernels *f = &w->t->rows;
    const mine *m = &w->m;
    slot s = slot_at(w, j);
    la_ttt_rows r = rows_of(w, &s);
    float *o = outputs_of(w, &s, j, &r);
    if (w->shares == 1) {
        product(w, &s, s.QA, w->s.ldk + w->s.C, w->s.ldk + w->s.C, m->Z);
        f->outer(&r, m->Z, m->rstd, o);
    } else {
        if (r.gamma)
            f->moments(w->s.C, w->shares, w->s.ldv, w->x->rows.dv, answers_of(w, j), m->mean,
                       m->rstd);
        f->outputs(&r, s.V, m->mean, m->rstd, o);
    }
    if (w->t->half) put(w, &s, j);
}

/* Y of mini-batch j, and what the other shares want to know of it. */
static void sum_up(const worker *w, int64_t j)
{
    slot s = slot_at(w, j);
    la_ttt_rows r = rows_of(w, &s);
    product(w, &s, s.QA, w->s.ldk + w->s.C, w->s.ldk + w->s.C, s.V);
    w->t->rows.sums(&r, s.V, answers_of(w, j) + w->share * 2 * w->s.C, w->s.C);
}

/* ---- legs ---- */

/* Memory at the start of leg `leg`, which begins with mini-batch j. */
static void receive(const worker *w, int64_t leg, int64_t j)
{
    const la_ttt *t = w->t;
    const mine *m = &w->m;
    slot s = slot_at(w, j);
    int64_t ldv = w->s.ldv, ldk = w->s.ldk, n = w->n;
    if (leg == 0) {
        la_team_reach(w->c.begun, 1);
        const float *D = w->c.from[0] + w->first, *db = w->c.from[1] + w->first;
        for (int64_t i = 0; i < t->p.dk; i++)
            memcpy(m->D + i * ldv, D + i * t->p.dv, (size_t)n * sizeof *D);
        memcpy(m->db, db, (size_t)n * sizeof *db);
    } else if (w->runners > 1) {
        mine before;
        int from = member(w, (int)((leg - 1) % w->runners), w->share);
        cut_mine(&w->s, w->mines + from * cut_mine(&w->s, NULL, &before), &before);
        la_team_reach(w->c.passed + 16 * from, (unsigned)leg);
        memcpy(m->D, before.D, (size_t)(ldk * ldv) * sizeof *m->D);
        memcpy(m->db, before.db, (size_t)n * sizeof *m->db);
    }
    la_ttt_add(t, m->W0, m->D, ldk * ldv, s.WH);
    la_ttt_add(t, w->x->b0 + w->first, m->db, n, s.b);
}

static void pass_on(const worker *w, int64_t leg)
{
    atomic_uint *passed = w->c.passed + 16 * member(w, w->runner, w->share);
    atomic_store_explicit(passed, (unsigned)(leg + 1), memory_order_release);
}

/* This thread's columns of D and db, to where they came from. */
static void end(const worker *w)
{
    float *D = (float *)(uintptr_t)w->c.from[0], *db = (float *)(uintptr_t)w->c.from[1];
    for (int64_t i = 0; i < w->t->p.dk; i++)
        memcpy(D + i * w->t->p.dv + w->first, w->m.D + i * w->s.ldv, (size_t)w->n * sizeof *D);
    memcpy(db + w->first, w->m.db, (size_t)w->n * sizeof *db);
}

/* Alone, mini-batch by mini-batch. */
static void go_alone(worker *w)
{
    const la_ttt_head *x = w->x;
    int64_t n = w->whole->n;
    receive(w, 0, 0);
    for (int64_t j = 0; j < n; j++) {
        bring(w, j);
        ask_for(w, x->q, x->rows.qk_row, x->rows.dk, j + 1, false);
        score(w, j);
        ask_for(w, x->o, x->rows.v_row, w->n, j, true);
        learn(w, j, j + 1 < n);
        ask_for(w, x->k, x->rows.qk_row, x->rows.dk, j + 1, false);
        answer(w, j);
    }
    end(w);
}

/* Mini-batches [from, to) of a leg; `ahead` of them are the runner's next. */
static void run_leg(worker *w, int64_t leg, int64_t from, int64_t to, int64_t ahead)
{
    const la_ttt_head *x = w->x;
    for (int64_t j = from; j < to; j++) bring(w, j), score(w, j);
    receive(w, leg, from);
    for (int64_t j = from; j < to; j++) learn(w, j, j + 1 < to);
    if (to == w->whole->n) end(w);
    pass_on(w, leg);
    for (int64_t j = from; w->shares > 1 && j < to; j++) sum_up(w, j);
    meet(w);
    for (int64_t j = from; j < to; j++) {
        ask_for(w, la_ttt_at(w->t, x->o, w->first), x->rows.v_row, w->n, j, true);
        ask_for(w, x->q, x->rows.qk_row, x->rows.dk, j + ahead, false);
        ask_for(w, x->k, x->rows.qk_row, x->rows.dk, j + ahead, false);
        answer(w, j);
        ask_for(w, la_ttt_at(w->t, x->v, w->first), x->rows.v_row, w->n, j + ahead, false);
    }
}

static void go_by_turns(worker *w)
{
    int64_t n = w->whole->n, each = w->s.slots, legs = (n + each - 1) / each;
    for (int64_t leg = w->runner; leg < legs; leg += w->runners)
        run_leg(w, leg, leg * each, la_least(n, (leg + 1) * each), w->runners * each);
    if (w->runner > 0 || w->share > 0) return;
    /* The memory is whole again when all columns are behind the last leg. */
    for (int i = 0; i < w->shares; i++)
        la_team_reach(w->c.passed + 16 * member(w, (int)((legs - 1) % w->runners), i),
                      (unsigned)legs);
}

/* Padding, W0, and what is left of c_i behind c_C. */
static void begin(const worker *w, int64_t floats)
{
    const la_ttt *t = w->t;
    const mine *m = &w->m;
    int64_t C = t->o.mini_batch;
    bool padded = w->s.C > C || w->s.ldk > t->p.dk || w->s.ldv > w->n;
    if (padded) memset(m->W0, 0, (size_t)floats * sizeof *m->W0);
    for (int64_t i = 0; i < t->p.dk; i++)
        memcpy(m->W0 + i * w->s.ldv, w->x->W0 + i * t->p.dv + w->first,
               (size_t)w->n * sizeof *m->W0);
    for (int64_t i = 0; i < C; i++)
        m->factor[i] = (float)(la_ttt_weight(&t->o, i + 1) / la_ttt_weight(&t->o, C));
}

void la_ttt_whole(const la_ttt *t, const la_ttt_head *x, const la_ttt_stretch *s, float *D,
                  float *db, float *base, int thread, int threads)
{
    team of = team_of(&t->p, &t->o, threads > 1 ? group_of(&t->p) : 1);
    worker w = {.t = t,
                .x = x,
                .whole = s,
                .s = sizes_of(&t->p, &t->o, &of),
                .runner = thread / of.shares,
                .runners = of.runners,
                .share = thread % of.shares,
                .shares = of.shares};
    w.mines = base + cut_common(&w.s, base, &w.c);
    int64_t floats = cut_mine(&w.s, NULL, &w.m);
    cut_mine(&w.s, w.mines + thread * floats, &w.m);
    w.first = w.share * of.columns;
    w.n = la_least(of.columns, t->p.dv - w.first);
    begin(&w, floats);
    if (thread == 0) {
        w.c.from[0] = D, w.c.from[1] = db;
        atomic_store_explicit(w.c.begun, 1, memory_order_release);
    }
    if (of.runners == 1)
        go_alone(&w);
    else
        go_by_turns(&w);
}
