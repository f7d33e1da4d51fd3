/* SPDX-License-Identifier: Apache-2.0
 * Backward: segments of about 64 tokens from the last; each starts from the memory that forward saved, is
 * run through once more with its rows kept, and then its mini-batches go back from the last.
 *
 * Of a mini-batch, with A = -c tril(s Q K' + 1) and (w, X) the weight and gradient of the summed H:
 * (-c_C, dW') where the mini-batch is full, since W' = W - c_C P; else (1, dP'):
 *   N  = gradient of Zbar, from do through the norm
 *   dH = w K X + w x + A' N                       dA = tril(-c N H')
 *   dq = s (N W' + dA K) [- s c N P' after a state]
 *   dk = s dA' Q + w H X' + dZ W'                 dZ = gradient of Z, from eta dH through G
 *   dW = dW' + s Q' N + K' dZ                     db likewise with sums of rows
 * and the residual paths: do to q, less the gradient of the target to k.
 */
#include <omp.h>
#include <string.h>

#include "ttt_linear_internal.h"

/* Buffers of one thread; S mini-batches of R rows make a segment. */
typedef struct room {
    float *W, *b;                    /* [S] of [dk,dv] and [dv]: memories before each mini-batch */
    float *D, *db;                   /* the running one, less W0 and b0 */
    float *X, *G, *H, *rstd, *eta;   /* [S R, ld], and [S R] */
    float *Y, *N, *dH, *T, *spare;   /* [R, ld] */
    float *A, *dA;                   /* [R, R] */
    float *dq, *dk;                  /* [R, dk] */
    float *rstd_o, *deta, *x, *tile; /* [R], [R], [dv], scratch of products */
    float *wide;                     /* see la_ttt_head */
} room;

static int64_t room_cut(const la_problem *p, const la_ttt_options *o, float *at, room *r)
{
    int64_t R = la_ttt_most_rows(p, o), S = la_ttt_segment(o->mini_batch);
    int64_t n = la_whole_lines(p->dk * p->dv), ld = la_whole_lines(p->dv),
            dk = la_whole_lines(p->dk);
    int64_t all = S * R, square = la_whole_lines(R * R), one = la_whole_lines(R);
    struct {
        float **to;
        int64_t floats;
    } const cuts[] = {
        {&r->W, S * n},
        {&r->b, S * ld},
        {&r->D, n},
        {&r->db, ld},
        {&r->X, all * ld},
        {&r->G, all * ld},
        {&r->H, all * ld},
        {&r->rstd, la_whole_lines(all)},
        {&r->eta, la_whole_lines(all)},
        {&r->Y, R * ld},
        {&r->N, R * ld},
        {&r->dH, R * ld},
        {&r->T, R * ld},
        {&r->spare, R * ld},
        {&r->A, square},
        {&r->dA, square},
        {&r->dq, R * dk},
        {&r->dk, R * dk},
        {&r->rstd_o, one},
        {&r->deta, one},
        {&r->x, ld},
        {&r->tile, LA_TILE_SCRATCH(la_most(R, la_most(p->dk, p->dv)))},
        {&r->wide, la_ttt_wide_floats(p, R)},
    };
    int64_t used = 0;
    for (size_t i = 0; i < LA_COUNT(cuts); i++) {
        *cuts[i].to = at ? at + used : NULL;
        used += cuts[i].floats;
    }
    return used;
}

int64_t la_ttt_backward_work(const la_problem *p, const la_ttt_options *o)
{
    room r;
    return room_cut(p, o, NULL, &r);
}

int64_t la_ttt_backward_sums(const la_problem *p)
{
    return la_whole_lines(p->dk * p->dv) + 3 * la_whole_lines(p->dv);
}

/* Gradients that run through the sequence, of W, b and the norm; they lie in the sums of (batch, head). */
typedef struct running {
    float *dW, *db, *dgamma, *dbeta;
} running;

static running running_at(const la_problem *p, float *sums)
{
    int64_t n = la_whole_lines(p->dk * p->dv), ld = la_whole_lines(p->dv);
    return (running){sums, sums + n, sums + n + ld, sums + n + 2 * ld};
}

/* Where one head's gradients go; NULL: not wanted. */
typedef struct target {
    const void *dout; /* as dq, dk and dv of the problem's type */
    void *dq, *dk, *dv;
    const float *after[LA_TTT_PARTS];
    float *dbeta, *before[LA_TTT_PARTS];
    bool add; /* dq and dk: another value head of the same query head came before */
} target;

/* The mini-batches of a call: the first may be the rest of one that the state began. */
typedef struct batches {
    int64_t T, C, done; /* done: tokens of it in the state */
} batches;

static int64_t batch_start(const batches *s, int64_t i)
{
    int64_t at = i * s->C - s->done;
    return at < 0 ? 0 : at < s->T ? at : s->T;
}

/* Memory and rows of mini-batches from..to-1, into places 0, 1, ... of the room. */
static void replay(const la_ttt *t, const la_ttt_head *x, const batches *s, int64_t from,
                   int64_t to, room *r)
{
    const la_problem *p = &t->p;
    const la_tile *tile = t->tile;
    int64_t n = p->dk * p->dv, ld = x->rows.ld, R = s->C < s->T ? s->C : s->T;
    float weight = (float)la_ttt_weight(&t->o, s->C);
    for (int64_t m = from; m < to; m++) {
        int64_t first = batch_start(s, m), now = batch_start(s, m + 1) - first, i = m - from;
        float *W = r->W + i * la_whole_lines(n), *b = r->b + i * ld, *X = r->X + i * R * ld;
        float *H = r->H + i * R * ld;
        la_ttt_add(t, x->W0, r->D, n, W);
        la_ttt_add(t, x->b0, r->db, p->dv, b);
        la_ttt_rows rows = la_ttt_rows_of(t, x, first, now, r->eta + i * R);
        rows.bias = b;
        tile->nn(now, p->dv, p->dk, 1.0f, rows.k, rows.qk_row, W, p->dv, false, X, ld, r->tile);
        t->rows.inner(&rows, X, r->rstd + i * R, r->G + i * R * ld, H);
        if (m + 1 == to) return;
        tile->tn(p->dk, p->dv, now, -weight, rows.k, rows.qk_row, H, ld, true, r->D, p->dv,
                 r->tile);
        for (int64_t j = 0; j < now; j++) tile->axpy(p->dv, -weight, H + j * ld, r->db);
        if (m > 0 || !x->in[0]) continue;
        tile->axpy(n, -weight, x->in[LA_TTT_SUM_W], r->D);
        tile->axpy(p->dv, -weight, x->in[LA_TTT_SUM_B], r->db);
    }
}

/* What became of the summed H: weight, gradient [dk,dv] and [dv]; NULL: nothing. */
typedef struct later {
    float weight;
    const float *X, *x;
} later;

/* Gradients of the sums before the call: those after the mini-batch, less what the queries read. */
static void sums_before(const la_ttt *t, const la_ttt_rows *rows, const later *l, const float *cN,
                        const target *to, float *scratch)
{
    int64_t n = t->p.dk * t->p.dv, dv = t->p.dv;
    float *dP = to->before[LA_TTT_SUM_W], *dp = to->before[LA_TTT_SUM_B];
    memset(dP, 0, (size_t)n * sizeof *dP);
    memset(dp, 0, (size_t)dv * sizeof *dp);
    if (l->X) {
        t->tile->axpy(n, l->weight, l->X, dP);
        t->tile->axpy(dv, l->weight, l->x, dp);
    }
    t->tile->tn(rows->dk, dv, rows->n, -rows->scale, rows->q, rows->qk_row, cN, rows->ld, true, dP,
                dv, scratch);
    for (int64_t i = 0; i < rows->n; i++) t->tile->axpy(dv, -1.0f, cN + i * rows->ld, dp);
}

/* The first mini-batch of a call also meets the sums that the state brought. */
static void state_back(const la_ttt *t, const la_ttt_head *x, const la_ttt_rows *rows,
                       const later *l, int64_t done, const target *to, room *r)
{
    if (!x->in[0] && !to->before[0]) return;
    for (int64_t i = 0; i < rows->n; i++)
        t->tile->scale(rows->dv, (float)la_ttt_weight(&t->o, done + i + 1), r->N + i * rows->ld,
                       r->spare + i * rows->ld);
    if (x->in[0])
        t->tile->nt(rows->n, rows->dk, rows->dv, -rows->scale, r->spare, rows->ld,
                    x->in[LA_TTT_SUM_W], rows->dv, true, r->dq, rows->dk, r->tile);
    if (to->before[0]) sums_before(t, rows, l, r->spare, to, r->tile);
}

/* Rows [n, d], ld apart, to their places in a tensor, from token `first` on. */
static void put(const la_ttt *t, int64_t n, int64_t d, float *from, int64_t ld, bool add,
                void *tensor, int64_t first, int64_t row)
{
    if (!tensor) return;
    void *to = la_ttt_at(t, tensor, first * row);
    for (int64_t i = 0; i < n; i++) {
        la_bf16 *half = (la_bf16 *)to + i * row;
        float *whole = (float *)to + i * row, *x = from + i * ld;
        if (t->half) {
            for (int64_t c = 0; add && c < d; c++) x[c] += la_bf16_to_float(half[c]);
            t->half->narrow(d, x, half);
        } else if (add) {
            t->tile->axpy(d, 1.0f, x, whole);
        } else {
            memcpy(whole, x, (size_t)d * sizeof *whole);
        }
    }
}

/* Mini-batch m, place `at` of the room. */
static void batch_back(const la_ttt *t, const la_ttt_head *x, const batches *s, int64_t m,
                       int64_t at, const target *to, const running *g, room *r)
{
    const la_tile *tile = t->tile;
    int64_t dk = t->p.dk, dv = t->p.dv, n = dk * dv, ld = x->rows.ld;
    int64_t first = batch_start(s, m), now = batch_start(s, m + 1) - first,
            R = s->C < s->T ? s->C : s->T;
    int64_t done = m == 0 ? s->done : 0;
    const float *W = r->W + at * la_whole_lines(n), *H = r->H + at * R * ld;
    la_ttt_rows rows = la_ttt_rows_of(t, x, first, now, r->eta + at * R);
    rows.bias = r->b + at * ld;
    later l = {1.0f, to->after[LA_TTT_SUM_W], to->after[LA_TTT_SUM_B]};
    if (done + now == s->C) l = (later){-(float)la_ttt_weight(&t->o, s->C), g->dW, g->db};

    bool sums = m == 0 && x->in[0];
    la_ttt_readout(t, &rows, done, W, sums ? x->in[LA_TTT_SUM_W] : NULL, x->in[LA_TTT_SUM_B], H,
                   r->A, r->spare, r->Y, r->tile);
    t->rows.outer(&rows, r->Y, r->rstd_o, NULL);
    const float *dout = la_ttt_at(t, to->dout, first * x->rows.v_row);
    float *dv_rows = to->dv ? la_ttt_at(t, to->dv, first * x->rows.v_row) : NULL;
    if (t->half) {
        float *wide = la_ttt_wide_at(t, x, R, LA_TTT_WIDE_DOUT);
        t->half->widen_rows(now, dv, (const void *)dout, x->rows.v_row, wide, rows.v_row);
        dout = wide;
        if (dv_rows) dv_rows = la_ttt_wide_at(t, x, R, LA_TTT_WIDE_DV);
    }
    t->rows.outer_back(&rows, dout, r->Y, r->rstd_o, r->N, g->dgamma, g->dbeta);

    tile->tn(now, dv, now, 1.0f, r->A, now, r->N, ld, false, r->dH, ld, r->tile);
    if (l.X) {
        tile->nn(now, dv, dk, l.weight, rows.k, rows.qk_row, l.X, dv, true, r->dH, ld, r->tile);
        for (int64_t i = 0; i < now; i++) tile->axpy(dv, l.weight, l.x, r->dH + i * ld);
    }
    tile->nt(now, now, dv, 1.0f, r->N, ld, H, ld, false, r->dA, now, r->tile);
    for (int64_t i = 0; i < now; i++) {
        float c = (float)la_ttt_weight(&t->o, done + i + 1);
        for (int64_t j = 0; j < now; j++) r->dA[i * now + j] *= j <= i ? -c : 0.0f;
    }

    tile->nt(now, dk, dv, rows.scale, r->N, ld, W, dv, false, r->dq, dk, r->tile);
    tile->nn(now, dk, now, rows.scale, r->dA, now, rows.k, rows.qk_row, true, r->dq, dk, r->tile);
    if (m == 0) state_back(t, x, &rows, &l, done, to, r);
    tile->tn(now, dk, now, rows.scale, r->dA, now, rows.q, rows.qk_row, false, r->dk, dk, r->tile);
    if (l.X) tile->nt(now, dk, dv, l.weight, H, ld, l.X, dv, true, r->dk, dk, r->tile);

    t->rows.inner_back(&rows, r->dH, r->G + at * R * ld, r->X + at * R * ld, r->rstd + at * R,
                       r->deta, r->T, dv_rows, g->dgamma, g->dbeta);
    if (t->half) put(t, now, dv, dv_rows, rows.v_row, false, to->dv, first, x->rows.v_row);
    tile->nt(now, dk, dv, 1.0f, r->dH, ld, W, dv, true, r->dk, dk, r->tile);
    for (int64_t i = 0; rows.gamma && i < now; i++) {
        int64_t both = dk < dv ? dk : dv;
        tile->axpy(both, rows.scale, dout + i * rows.v_row, r->dq + i * dk);
        tile->axpy(both, -1.0f, r->T + i * ld, r->dk + i * dk);
    }
    put(t, now, dk, r->dq, dk, to->add, to->dq, first, x->rows.qk_row);
    put(t, now, dk, r->dk, dk, to->add, to->dk, first, x->rows.qk_row);
    float rate = (float)(t->o.rate / (double)dk);
    for (int64_t i = 0; to->dbeta && i < now; i++)
        to->dbeta[(first + i) * x->gate_row] = rate * r->deta[i];

    tile->tn(dk, dv, now, rows.scale, rows.q, rows.qk_row, r->N, ld, true, g->dW, dv, r->tile);
    tile->tn(dk, dv, now, 1.0f, rows.k, rows.qk_row, r->dH, ld, true, g->dW, dv, r->tile);
    for (int64_t i = 0; i < now; i++) {
        tile->axpy(dv, 1.0f, r->N + i * ld, g->db);
        tile->axpy(dv, 1.0f, r->dH + i * ld, g->db);
    }
}

/* D and db before mini-batch m, the first of a segment. */
static void recall(const la_ttt *t, const la_ttt_head *x, int64_t m, room *r)
{
    int64_t n = t->p.dk * t->p.dv, dv = t->p.dv;
    const float *D = x->in[LA_TTT_W], *db = x->in[LA_TTT_B];
    if (m > 0) {
        D = x->saved + (m / la_ttt_segment(t->o.mini_batch) - 1) * la_ttt_memory(&t->p);
        db = D + la_whole_lines(n);
    }
    if (D) {
        memcpy(r->D, D, (size_t)n * sizeof *D);
        memcpy(r->db, db, (size_t)dv * sizeof *db);
    } else {
        memset(r->D, 0, (size_t)n * sizeof *r->D);
        memset(r->db, 0, (size_t)dv * sizeof *r->db);
    }
}

static void head_back(const la_ttt *t, const la_ttt_head *x, const target *to, const running *g,
                      room *r)
{
    int64_t n = t->p.dk * t->p.dv, dv = t->p.dv, C = t->o.mini_batch, S = la_ttt_segment(C);
    batches s = {x->rows.n, C, x->in[0] ? la_ttt_count((double)x->in[LA_TTT_N][0], C) : 0};
    int64_t all = (s.done + s.T + C - 1) / C;
    memset(g->dW, 0, (size_t)la_ttt_backward_sums(&t->p) * sizeof *g->dW);
    if (to->after[0]) {
        memcpy(g->dW, to->after[LA_TTT_W], (size_t)n * sizeof *g->dW);
        memcpy(g->db, to->after[LA_TTT_B], (size_t)dv * sizeof *g->db);
    }
    for (int64_t from = (all - 1) / S * S; from >= 0; from -= S) {
        int64_t end = from + S < all ? from + S : all;
        recall(t, x, from, r);
        replay(t, x, &s, from, end, r);
        for (int64_t m = end; m-- > from;) batch_back(t, x, &s, m, m - from, to, g, r);
    }
    if (to->before[0]) {
        memcpy(to->before[LA_TTT_W], g->dW, (size_t)n * sizeof *g->dW);
        memcpy(to->before[LA_TTT_B], g->db, (size_t)dv * sizeof *g->db);
        to->before[LA_TTT_N][0] = 0.0f;
    }
    /* What reached W by the state after the call alone did not pass W0. */
    if (to->after[0]) {
        t->tile->axpy(n, -1.0f, to->after[LA_TTT_W], g->dW);
        t->tile->axpy(dv, -1.0f, to->after[LA_TTT_B], g->db);
    }
}

static void target_of(const la_ttt *t, const la_grads *grads, int64_t b, int64_t h, target *out)
{
    const la_problem *p = &t->p;
    int64_t group = p->H / p->Hqk, qk = (b * p->T * p->Hqk + h / group) * p->dk;
    int64_t gate = b * p->T * p->H + h, value = gate * p->dv;
    la_part parts[LA_TTT_PARTS];
    size_t at[LA_TTT_PARTS];
    *out = (target){.dout = la_ttt_at(t, grads->dout, value),
                    .dq = grads->dq ? la_ttt_at(t, grads->dq, qk) : NULL,
                    .dk = grads->dk ? la_ttt_at(t, grads->dk, qk) : NULL,
                    .dv = grads->dv ? la_ttt_at(t, grads->dv, value) : NULL,
                    .dbeta = grads->dbeta ? grads->dbeta + gate : NULL,
                    .add = h % group > 0};
    la_ttt_state_parts(p, &t->o, parts, LA_TTT_PARTS);
    la_state_layout(parts, LA_TTT_PARTS, at);
    for (int i = 0; i < LA_TTT_PARTS; i++) {
        int64_t from = (b * p->H + h) * (la_part_elements(&parts[i]) / (p->B * p->H));
        const char *after = grads->dstate_out;
        char *before = grads->dstate_in;
        if (after) out->after[i] = (const float *)(const void *)(after + at[i]) + from;
        if (before) out->before[i] = (float *)(void *)(before + at[i]) + from;
    }
}

/* Gradients of the parameters of head h: the sequences' in their order. */
static void gather(const la_ttt *t, const float *sums, float *const *dparams, int64_t h)
{
    const la_problem *p = &t->p;
    int64_t n = p->dk * p->dv;
    for (int64_t b = 0; b < p->B; b++) {
        float *at = (float *)(uintptr_t)sums + (b * p->H + h) * la_ttt_backward_sums(p);
        running g = running_at(p, at);
        const float *const from[LA_TTT_PARAMS] = {g.dW, g.db, g.dgamma, g.dbeta};
        for (int i = 0; i < LA_TTT_PARAMS; i++) {
            int64_t each = i == LA_TTT_W0 ? n : p->dv;
            if (!dparams[i]) continue;
            if (b == 0)
                memcpy(dparams[i] + h * each, from[i], (size_t)each * sizeof(float));
            else
                t->tile->axpy(each, 1.0f, from[i], dparams[i] + h * each);
        }
    }
}

la_status la_ttt_backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    (void)err;
    const la_ttt *t = self;
    const la_problem *p = &t->p;
    int64_t group = p->H / p->Hqk, floats = la_ttt_backward_work(p, &t->o);
    float *sums = io->work, *work = sums + p->B * p->H * la_ttt_backward_sums(p);
    int threads = la_ttt_threads(p, LA_BACKWARD);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t i = 0; i < p->B * p->Hqk; i++) {
        room r;
        room_cut(p, &t->o, work + floats * omp_get_thread_num(), &r);
        for (int64_t j = 0; j < group; j++) {
            int64_t b = i / p->Hqk, h = i % p->Hqk * group + j;
            la_ttt_head x;
            target to;
            la_ttt_head_of(t, io, p->T, b, h, &x);
            x.wide = r.wide;
            target_of(t, grads, b, h, &to);
            running g = running_at(p, sums + (b * p->H + h) * la_ttt_backward_sums(p));
            head_back(t, &x, &to, &g, &r);
        }
    }
    for (int64_t h = 0; grads->dparams && h < p->H; h++) gather(t, sums, grads->dparams, h);
    return LA_OK;
}
