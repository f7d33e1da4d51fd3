/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64 and in its primal form: token by token, with the gradients of the inner loss
 * summed up in a matrix.
 */
#include <math.h>
#include <string.h>

#include "labench/wide.h"
#include "ttt_linear_internal.h"

/* One head on its way. W [dk,dv] and b [dv] hold from the start of the mini-batch; P and p are the sums
 * of eta k G' and eta G over its n tokens so far. One block of memory, in this order. */
typedef struct memory {
    double *W, *b, *P, *p;
    int64_t n;
} memory;

typedef struct head {
    int64_t dk, dv, C;
    const la_ttt_options *o;
    const double *gamma, *beta; /* [dv] */
    double s, rate;
} head;

static head head_of(const la_problem *p, const void *opts, const la_ref_io *io)
{
    const la_ttt_options *o = opts;
    return (head){.dk = p->dk,
                  .dv = p->dv,
                  .C = o->mini_batch,
                  .o = o,
                  .gamma = io->params[LA_TTT_LN_W] + io->head * p->dv,
                  .beta = io->params[LA_TTT_LN_B] + io->head * p->dv,
                  .s = la_ttt_scale(p),
                  .rate = o->rate / (double)p->dk};
}

static int64_t memory_doubles(const la_problem *p)
{
    return 2 * (p->dk + 1) * p->dv;
}

/* A memory in memory_doubles of room. */
static memory memory_at(const head *h, double *room)
{
    int64_t n = h->dk * h->dv;
    return (memory){room, room + n, room + n + h->dv, room + 2 * n + h->dv, 0};
}

static void memory_start(const head *h, const la_ref_io *io, memory *m)
{
    int64_t n = h->dk * h->dv;
    const double *W0 = io->params[LA_TTT_W0] + io->head * n;
    const double *b0 = io->params[LA_TTT_B0] + io->head * h->dv;
    const double *const *in = io->state_in;
    for (int64_t i = 0; i < n; i++) {
        m->W[i] = W0[i] + (in ? in[LA_TTT_W][i] : 0.0);
        m->P[i] = in ? in[LA_TTT_SUM_W][i] : 0.0;
    }
    for (int64_t j = 0; j < h->dv; j++) {
        m->b[j] = b0[j] + (in ? in[LA_TTT_B][j] : 0.0);
        m->p[j] = in ? in[LA_TTT_SUM_B][j] : 0.0;
    }
    m->n = in ? la_ttt_count(in[LA_TTT_N][0], h->C) : 0;
}

/* x = (z - mean) / sqrt(var + eps); returns 1 / sqrt(var + eps). */
static double normed(int64_t n, const double *z, double *x)
{
    double mean = 0.0, var = 0.0;
    for (int64_t j = 0; j < n; j++) mean += z[j] / (double)n;
    for (int64_t j = 0; j < n; j++) var += (z[j] - mean) * (z[j] - mean) / (double)n;
    double r = 1.0 / sqrt(var + LA_TTT_EPS);
    for (int64_t j = 0; j < n; j++) x[j] = (z[j] - mean) * r;
    return r;
}

/* y = r (a - mean(a) - x mean(a x)): the gradient of z from that of x, and the other way round, since
 * the map is symmetric. */
static void through_norm(int64_t n, double r, const double *x, const double *a, double *y)
{
    double mean = 0.0, along = 0.0;
    for (int64_t j = 0; j < n; j++) mean += a[j] / (double)n, along += a[j] * x[j] / (double)n;
    for (int64_t j = 0; j < n; j++) y[j] = r * (a[j] - mean - x[j] * along);
}

/* z = W'x + b */
static void apply(const head *h, const double *W, const double *b, const double *x, double *z)
{
    for (int64_t j = 0; j < h->dv; j++) z[j] = b[j];
    for (int64_t i = 0; i < h->dk; i++) {
        double xi = x[i];
        for (int64_t j = 0; j < h->dv; j++) z[j] += W[i * h->dv + j] * xi;
    }
}

/* Channel j of x carried over by the residual path. */
static double residual(const head *h, const double *x, int64_t j)
{
    return j < h->dk ? x[j] : 0.0;
}

/* Rows of dv that one token needs. */
typedef struct token {
    double *q, *z, *x, *a, *G, *zbar, *xbar; /* q has dk */
    double r, rbar, eta, weight;
} token;

#define TOKEN_ROWS 7
static token token_at(const head *h, double *room)
{
    int64_t n = h->dk > h->dv ? h->dk : h->dv;
    return (token){.q = room,
                   .z = room + n,
                   .x = room + 2 * n,
                   .a = room + 3 * n,
                   .G = room + 4 * n,
                   .zbar = room + 5 * n,
                   .xbar = room + 6 * n};
}

/* G, the gradient of half the squared error |f(k) - v|^2 by z = W'k + b. */
LA_WIDE static void loss_gradient(const head *h, const memory *m, const double *k, const double *v,
                                  token *t)
{
    apply(h, m->W, m->b, k, t->z);
    if (h->o->norm == LA_TTT_PLAIN) {
        for (int64_t j = 0; j < h->dv; j++) t->G[j] = t->z[j] - v[j];
        return;
    }
    t->r = normed(h->dv, t->z, t->x);
    for (int64_t j = 0; j < h->dv; j++)
        t->a[j] = h->gamma[j] * (h->gamma[j] * t->x[j] + h->beta[j] + residual(h, k, j) - v[j]);
    through_norm(h->dv, t->r, t->x, t->a, t->G);
}

/* Token i of the call: the gradient joins the sums, the query meets W and b less their share of them. */
LA_WIDE static void step(const head *h, const la_ref_io *io, int64_t i, memory *m, token *t,
                         double *o)
{
    const double *k = io->k + i * h->dk, *v = io->v + i * h->dv;
    t->eta = h->rate * io->beta[i];
    t->weight = la_ttt_weight(h->o, m->n + 1);
    loss_gradient(h, m, k, v, t);
    for (int64_t c = 0; c < h->dk; c++) t->q[c] = h->s * io->q[i * h->dk + c];
    for (int64_t j = 0; j < h->dv; j++) {
        m->p[j] += t->eta * t->G[j];
        t->zbar[j] = m->b[j] - t->weight * m->p[j];
    }
    for (int64_t c = 0; c < h->dk; c++) {
        const double *W = m->W + c * h->dv, *G = t->G;
        double *P = m->P + c * h->dv, *z = t->zbar;
        double rate = t->eta * k[c], weight = t->weight, q = t->q[c];
        for (int64_t j = 0; j < h->dv; j++) {
            P[j] += rate * G[j];
            z[j] += (W[j] - weight * P[j]) * q;
        }
    }
    m->n++;
    if (h->o->norm == LA_TTT_LN) t->rbar = normed(h->dv, t->zbar, t->xbar);
    for (int64_t j = 0; o && j < h->dv; j++)
        o[j] = h->o->norm == LA_TTT_PLAIN
                   ? t->zbar[j]
                   : residual(h, t->q, j) + h->gamma[j] * t->xbar[j] + h->beta[j];
}

/* After the last token of a mini-batch its gradients are taken. */
LA_WIDE static void fold(const head *h, memory *m)
{
    if (m->n < h->C) return;
    double weight = la_ttt_weight(h->o, h->C);
    for (int64_t i = 0; i < h->dk * h->dv; i++) {
        m->W[i] -= weight * m->P[i];
        m->P[i] = 0.0;
    }
    for (int64_t j = 0; j < h->dv; j++) {
        m->b[j] -= weight * m->p[j];
        m->p[j] = 0.0;
    }
    m->n = 0;
}

static void memory_end(const head *h, const la_ref_io *io, const memory *m)
{
    int64_t n = h->dk * h->dv;
    const double *W0 = io->params[LA_TTT_W0] + io->head * n;
    const double *b0 = io->params[LA_TTT_B0] + io->head * h->dv;
    double *const *out = io->state_out;
    for (int64_t i = 0; i < n; i++) out[LA_TTT_W][i] = m->W[i] - W0[i];
    for (int64_t j = 0; j < h->dv; j++) out[LA_TTT_B][j] = m->b[j] - b0[j];
    memcpy(out[LA_TTT_SUM_W], m->P, (size_t)n * sizeof(double));
    memcpy(out[LA_TTT_SUM_B], m->p, (size_t)h->dv * sizeof(double));
    out[LA_TTT_N][0] = (double)m->n;
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    head h = head_of(p, opts, io);
    int64_t width = h.dk > h.dv ? h.dk : h.dv;
    size_t rows = (size_t)(TOKEN_ROWS * width) * sizeof(double);
    double *room = la_zalloc((size_t)memory_doubles(p) * sizeof(double) + rows, err);
    if (!room) return LA_E_NOMEM;
    memory m = memory_at(&h, room);
    token t = token_at(&h, room + memory_doubles(p));
    memory_start(&h, io, &m);
    for (int64_t i = 0, r = 0; i < p->T; i++) {
        bool wanted = r < io->n_rows && (!io->rows || io->rows[r] == i);
        step(&h, io, i, &m, &t, wanted ? io->o + r++ * h.dv : NULL);
        fold(&h, &m);
    }
    if (io->state_out) memory_end(&h, io, &m);
    la_free(room);
    return LA_OK;
}

/* ---- backward: the chain rule through step and fold, from the last token ---- */

/* Gradients of the memory, before or after a token, and of that token's inputs. */
typedef struct back {
    memory d;
    double *dgamma, *dbeta;         /* [dv], added to */
    double *dq, *dk, *dv, *dbeta_t; /* of the token */
    double *da, *dx, *dG, *dz;      /* [dv]: scratch */
} back;

/* From dG to dz, dk, dv and the parameters of the norm. G = r (a - mean a - x mean(a x)) is linear in a,
 * and depends on z through x and r as well. Adds to dk, overwrites dv. */
static void loss_gradient_back(const head *h, const double *k, const double *v, const token *t,
                               back *g)
{
    int64_t n = h->dv;
    if (h->o->norm == LA_TTT_PLAIN) {
        for (int64_t j = 0; j < n; j++) g->dz[j] = g->dG[j], g->dv[j] = -g->dG[j];
        return;
    }
    double ax = 0.0, dx = 0.0, dr = 0.0;
    for (int64_t j = 0; j < n; j++) {
        ax += t->a[j] * t->x[j] / (double)n;
        dx += g->dG[j] * t->x[j] / (double)n;
        dr += g->dG[j] * t->G[j] / t->r;
    }
    through_norm(n, t->r, t->x, g->dG, g->da);
    for (int64_t j = 0; j < n; j++) {
        double gamma = h->gamma[j], da = g->da[j];
        double error = gamma * t->x[j] + h->beta[j] + residual(h, k, j) - v[j];
        g->dx[j] = -t->r * (ax * g->dG[j] + dx * t->a[j]) + gamma * gamma * da;
        g->dgamma[j] += da * (error + gamma * t->x[j]);
        g->dbeta[j] += gamma * da;
        g->dv[j] = -gamma * da;
        if (j < h->dk) g->dk[j] += gamma * da;
    }
    through_norm(n, t->r, t->x, g->dx, g->dz);
    for (int64_t j = 0; j < n; j++) g->dz[j] -= dr * t->r * t->r * t->x[j] / (double)n;
}

/* From do to dq and to the gradients of W, b and of the sums. */
LA_WIDE static void output_back(const head *h, const double *dout, const memory *m, const token *t,
                                back *g)
{
    for (int64_t c = 0; c < h->dk; c++) g->dq[c] = 0.0;
    if (h->o->norm == LA_TTT_PLAIN) {
        memcpy(g->dz, dout, (size_t)h->dv * sizeof(double));
    } else {
        for (int64_t j = 0; j < h->dv; j++) {
            if (j < h->dk) g->dq[j] = h->s * dout[j];
            g->dx[j] = h->gamma[j] * dout[j];
            g->dgamma[j] += dout[j] * t->xbar[j];
            g->dbeta[j] += dout[j];
        }
        through_norm(h->dv, t->rbar, t->xbar, g->dx, g->dz);
    }
    for (int64_t j = 0; j < h->dv; j++) {
        g->d.b[j] += g->dz[j];
        g->d.p[j] -= t->weight * g->dz[j];
    }
    for (int64_t c = 0; c < h->dk; c++)
        for (int64_t j = 0; j < h->dv; j++) {
            int64_t at = c * h->dv + j;
            g->dq[c] += h->s * (m->W[at] - t->weight * m->P[at]) * g->dz[j];
            g->d.W[at] += t->q[c] * g->dz[j];
            g->d.P[at] -= t->weight * t->q[c] * g->dz[j];
        }
}

/* m is the memory after token i and before its mini-batch is folded. */
LA_WIDE static void step_back(const head *h, const la_ref_io *io, int64_t i, const double *dout,
                              const memory *m, const token *t, back *g)
{
    const double *k = io->k + i * h->dk, *v = io->v + i * h->dv;
    double deta = 0.0;
    output_back(h, dout, m, t, g);
    for (int64_t j = 0; j < h->dv; j++) g->dG[j] = g->d.p[j]; /* at first the gradient of eta G */
    for (int64_t c = 0; c < h->dk; c++) {
        g->dk[c] = 0.0;
        for (int64_t j = 0; j < h->dv; j++) {
            g->dG[j] += g->d.P[c * h->dv + j] * k[c];
            g->dk[c] += g->d.P[c * h->dv + j] * t->eta * t->G[j];
        }
    }
    for (int64_t j = 0; j < h->dv; j++) {
        deta += g->dG[j] * t->G[j];
        g->dG[j] *= t->eta;
    }
    *g->dbeta_t = h->rate * deta;
    loss_gradient_back(h, k, v, t, g);
    for (int64_t j = 0; j < h->dv; j++) g->d.b[j] += g->dz[j];
    for (int64_t c = 0; c < h->dk; c++)
        for (int64_t j = 0; j < h->dv; j++) {
            g->d.W[c * h->dv + j] += k[c] * g->dz[j];
            g->dk[c] += m->W[c * h->dv + j] * g->dz[j];
        }
}

/* W' = W - w P and P' = 0: what P' was worth is lost. */
LA_WIDE static void fold_back(const head *h, const memory *m, memory *d)
{
    if (m->n < h->C) return;
    double weight = la_ttt_weight(h->o, h->C);
    for (int64_t i = 0; i < h->dk * h->dv; i++) d->P[i] = -weight * d->W[i];
    for (int64_t j = 0; j < h->dv; j++) d->p[j] = -weight * d->b[j];
}

/* Tokens between kept memories. */
#define SEGMENT 32

typedef struct room {
    double *kept, *inside, *rows, *d, *scratch;
    int64_t *kept_n;
} room;

static void room_release(room *r)
{
    la_free(r->kept);
    la_free(r->inside);
    la_free(r->rows);
    la_free(r->d);
    la_free(r->scratch);
    la_free(r->kept_n);
}

static la_status room_make(const la_problem *p, room *r, la_err *err)
{
    size_t bytes = (size_t)memory_doubles(p) * sizeof(double),
           segments = (size_t)(p->T / SEGMENT + 1);
    size_t width = (size_t)(p->dk > p->dv ? p->dk : p->dv) * sizeof(double);
    *r = (room){0};
    if ((r->kept = la_zalloc(segments * bytes, err)) &&
        (r->inside = la_zalloc((SEGMENT + 1) * bytes, err)) &&
        (r->rows = la_zalloc(SEGMENT * TOKEN_ROWS * width, err)) &&
        (r->d = la_zalloc(bytes, err)) && (r->scratch = la_zalloc(10 * width, err)) &&
        (r->kept_n = la_zalloc(segments * sizeof(int64_t), err)))
        return LA_OK;
    room_release(r);
    return LA_E_NOMEM;
}

static void memory_copy(const head *h, const memory *from, memory *to)
{
    memcpy(to->W, from->W, (size_t)(2 * (h->dk + 1) * h->dv) * sizeof(double));
    to->n = from->n;
}

/* Memories before tokens 0, SEGMENT, 2 SEGMENT, ... */
static void keep(const head *h, const la_problem *p, const la_ref_io *io, room *r)
{
    memory m = memory_at(h, r->inside);
    token t = token_at(h, r->rows);
    memory_start(h, io, &m);
    for (int64_t i = 0; i < p->T; i++) {
        if (i % SEGMENT == 0) {
            memory to = memory_at(h, r->kept + (i / SEGMENT) * memory_doubles(p));
            memory_copy(h, &m, &to);
            r->kept_n[i / SEGMENT] = m.n;
        }
        step(h, io, i, &m, &t, NULL);
        fold(h, &m);
    }
}

/* Tokens t0..t1-1 once more, everything kept, and then back through them. */
static void segment_back(const head *h, const la_problem *p, const la_ref_io *io,
                         const la_ref_grads *grads, int64_t t0, int64_t t1, room *r, back *g)
{
    memory inside[SEGMENT], m = memory_at(h, r->inside + SEGMENT * memory_doubles(p));
    memory from = memory_at(h, r->kept + (t0 / SEGMENT) * memory_doubles(p));
    token t[SEGMENT];
    int64_t width = h->dk > h->dv ? h->dk : h->dv;
    double *dq = g->dq, *dk = g->dk, *dv = g->dv, *dbeta_t = g->dbeta_t;
    from.n = r->kept_n[t0 / SEGMENT];
    memory_copy(h, &from, &m);
    for (int64_t i = t0; i < t1; i++) {
        int64_t at = i - t0;
        inside[at] = memory_at(h, r->inside + at * memory_doubles(p));
        t[at] = token_at(h, r->rows + at * TOKEN_ROWS * width);
        step(h, io, i, &m, &t[at], NULL);
        memory_copy(h, &m, &inside[at]);
        fold(h, &m);
    }
    for (int64_t i = t1; i-- > t0;) {
        if (grads->dq) g->dq = grads->dq + i * h->dk;
        if (grads->dk) g->dk = grads->dk + i * h->dk;
        if (grads->dv) g->dv = grads->dv + i * h->dv;
        if (grads->dbeta) g->dbeta_t = grads->dbeta + i;
        fold_back(h, &inside[i - t0], &g->d);
        step_back(h, io, i, grads->dout + i * h->dv, &inside[i - t0], &t[i - t0], g);
    }
    g->dq = dq, g->dk = dk, g->dv = dv, g->dbeta_t = dbeta_t;
}

/* W = W0 + its part of the state, so what reaches W by the state after the last token alone does not
 * reach W0. */
static void finish(const head *h, const la_ref_io *io, const la_ref_grads *grads, const back *g)
{
    int64_t n = h->dk * h->dv, dv = h->dv;
    double *const *params = grads->dparams, *const *in = grads->dstate_in;
    const double *const *out = grads->dstate_out;
    double *dW0 = params ? params[LA_TTT_W0] : NULL, *db0 = params ? params[LA_TTT_B0] : NULL;
    for (int64_t i = 0; dW0 && i < n; i++)
        dW0[io->head * n + i] += g->d.W[i] - (out ? out[LA_TTT_W][i] : 0.0);
    for (int64_t j = 0; db0 && j < dv; j++)
        db0[io->head * dv + j] += g->d.b[j] - (out ? out[LA_TTT_B][j] : 0.0);
    for (int64_t j = 0; params && params[LA_TTT_LN_W] && j < dv; j++)
        params[LA_TTT_LN_W][io->head * dv + j] += g->dgamma[j];
    for (int64_t j = 0; params && params[LA_TTT_LN_B] && j < dv; j++)
        params[LA_TTT_LN_B][io->head * dv + j] += g->dbeta[j];
    if (!in) return;
    memcpy(in[LA_TTT_W], g->d.W, (size_t)n * sizeof(double));
    memcpy(in[LA_TTT_B], g->d.b, (size_t)dv * sizeof(double));
    memcpy(in[LA_TTT_SUM_W], g->d.P, (size_t)n * sizeof(double));
    memcpy(in[LA_TTT_SUM_B], g->d.p, (size_t)dv * sizeof(double));
    in[LA_TTT_N][0] = 0.0;
}

static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *grads, la_err *err)
{
    head h = head_of(p, opts, io);
    int64_t n = h.dk * h.dv, dv = h.dv;
    int64_t w = h.dk > dv ? h.dk : dv;
    room r;
    LA_TRY(room_make(p, &r, err));
    double *s = r.scratch;
    back g = {.d = memory_at(&h, r.d),
              .dgamma = s,
              .dbeta = s + w,
              .da = s + 2 * w,
              .dx = s + 3 * w,
              .dG = s + 4 * w,
              .dz = s + 5 * w,
              .dq = s + 6 * w,
              .dk = s + 7 * w,
              .dv = s + 8 * w,
              .dbeta_t = s + 9 * w};
    keep(&h, p, io, &r);
    const double *const *after = grads->dstate_out;
    if (after) {
        memcpy(g.d.W, after[LA_TTT_W], (size_t)n * sizeof(double));
        memcpy(g.d.b, after[LA_TTT_B], (size_t)dv * sizeof(double));
        memcpy(g.d.P, after[LA_TTT_SUM_W], (size_t)n * sizeof(double));
        memcpy(g.d.p, after[LA_TTT_SUM_B], (size_t)dv * sizeof(double));
    }
    for (int64_t t0 = (p->T - 1) / SEGMENT * SEGMENT; t0 >= 0; t0 -= SEGMENT)
        segment_back(&h, p, io, grads, t0, t0 + SEGMENT < p->T ? t0 + SEGMENT : p->T, &r, &g);
    finish(&h, io, grads, &g);
    room_release(&r);
    return LA_OK;
}

const la_reference la_ttt_linear_reference = {.forward = forward, .backward = backward};
