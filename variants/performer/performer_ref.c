/* SPDX-License-Identifier: Apache-2.0
 * The definition, in float64, of the kernels that are exponentials: phi(x)_i = exp(w_i.y - |y|^2/2)/sqrt(M),
 * y = sqrt(s) x (hyperbolic: of W and -W, one below the other), and
 *   o = sum_j phi(q).phi(k_j) v_j / sum_j phi(q).phi(k_j)
 * as running sums, token by token. The constant 1/sqrt(M) and the query's |y|^2/2 cancel. Sums of
 * feature i are kept relative to exp(c_i), c_i the largest exponent so far, as the state's definition
 * says; float64 alone would not need it before exponents of 700.
 * Gradients, f and e being exponents of queries and keys, a_t = exp(f_t - N_t), n = S' a, d = a.z, o = n / d:
 *   dn = do / d,  dd = -(do.o) / d,   df = a (S dn + z dd),   dS += a dn',  dz += a dd,
 *   de = exp(e) (dS v + dz),  dv = dS' exp(e),
 * where dS, dz hold the queries that see the key: for causal ones a second loop, from the end. They are
 * sums with exponents, too, and kept as S and z are: row i relative to exp(r_i), r_i the largest f_i - N so
 * far. With N_t the largest f_t + c_t no e + r of a key and a query that sees it is above 0.
 * Of y: dy_q = W' df (a shift of f changes nothing: sum df = 0), dy_k = W' de - y_k sum de, and
 * dW_i = sum_t df_ti y_qt' + sum_j de_ji y_kj'.
 */
#include <math.h>
#include <string.h>

#include "labench/kit.h"
#include "labench/wide.h"
#include "performer_internal.h"

typedef struct sums {
    int64_t M, dk, dv; /* features, also where they are twice the rows of W */
    int64_t rows;
    double root_s;
    double *W;         /* [dk,M], transposed */
    double *S, *z, *c; /* [M,dv], [M], [M] */
    double *e;         /* [M]: exponents of the token at hand */
} sums;

/* e_i = w_i.y */
static void project(sums *u, const double *x)
{
    memset(u->e, 0, (size_t)u->M * sizeof *u->e);
    for (int64_t d = 0; d < u->dk; d++) {
        double y = u->root_s * x[d];
        for (int64_t i = 0; i < u->M; i++) u->e[i] += u->W[d * u->M + i] * y;
    }
}

LA_WIDE static void absorb(sums *u, const double *k, const double *v)
{
    double half = 0.0;
    for (int64_t d = 0; d < u->dk; d++) half += 0.5 * u->root_s * u->root_s * k[d] * k[d];
    project(u, k);
    for (int64_t i = 0; i < u->M; i++) {
        double exponent = u->e[i] - half, *S = u->S + i * u->dv;
        if (exponent > u->c[i]) {
            double factor = exp(u->c[i] - exponent);
            u->z[i] *= factor;
            for (int64_t c = 0; c < u->dv; c++) S[c] *= factor;
            u->c[i] = exponent;
        }
        double weight = exp(exponent - u->c[i]);
        u->z[i] += weight;
        for (int64_t c = 0; c < u->dv; c++) S[c] += weight * v[c];
    }
}

LA_WIDE static void read_out(sums *u, const double *q, double *o)
{
    double top = -INFINITY, den = 0.0;
    project(u, q);
    for (int64_t i = 0; i < u->M; i++) top = fmax(top, u->e[i] + u->c[i]);
    memset(o, 0, (size_t)u->dv * sizeof *o);
    for (int64_t i = 0; i < u->M; i++) {
        double weight = exp(u->e[i] + u->c[i] - top);
        den += weight * u->z[i];
        for (int64_t c = 0; c < u->dv; c++) o[c] += weight * u->S[i * u->dv + c];
    }
    for (int64_t c = 0; c < u->dv; c++) o[c] /= den;
}

static void state_from(sums *u, const double *const *state)
{
    memset(u->S, 0, (size_t)(u->M * (u->dv + 1)) * sizeof *u->S);
    for (int64_t i = 0; i < u->M; i++) u->c[i] = -INFINITY;
    if (!state) return;
    memcpy(u->S, state[0], (size_t)(u->M * u->dv) * sizeof *u->S);
    memcpy(u->z, state[1], (size_t)u->M * sizeof *u->z);
    memcpy(u->c, state[2], (size_t)u->M * sizeof *u->c);
}

static void state_to(const sums *u, double *const *state)
{
    if (!state) return;
    memcpy(state[0], u->S, (size_t)(u->M * u->dv) * sizeof *u->S);
    memcpy(state[1], u->z, (size_t)u->M * sizeof *u->z);
    memcpy(state[2], u->c, (size_t)u->M * sizeof *u->c);
}

/* Places S, z, c, e one after the other: M (dv + 3) doubles. */
static void sums_at(sums *u, double *base)
{
    u->S = base;
    u->z = u->S + u->M * u->dv;
    u->c = u->z + u->M;
    u->e = u->c + u->M;
}

/* W' [dk,M], with -W' beside it where there are twice the features. */
static void load_w(sums *u, const double *W)
{
    for (int64_t i = 0; i < u->M; i++)
        for (int64_t d = 0; d < u->dk; d++)
            u->W[d * u->M + i] = (i < u->rows ? 1 : -1) * W[i % u->rows * u->dk + d];
}

static bool is_plain(const void *opts)
{
    int64_t kernel = ((const la_performer_options *)opts)->kernel;
    return kernel == LA_PERFORMER_TRIG || kernel == LA_PERFORMER_RELU;
}

static la_status forward(const la_problem *p, const void *opts, const la_ref_io *io, la_err *err)
{
    if (is_plain(opts)) return la_performer_plain_reference.forward(p, opts, io, err);
    int64_t T = p->T, M = la_performer_features(p, opts);
    sums u = {.M = M, .dk = p->dk, .dv = p->dv, .root_s = sqrt(la_scale(p))};
    u.W = la_alloc((size_t)(M * (u.dk + u.dv + 3)) * sizeof(double), err);
    if (!u.W) return LA_E_NOMEM;
    sums_at(&u, u.W + M * u.dk);
    u.rows = la_performer_rows(p, opts);
    load_w(&u, io->params[0]);
    state_from(&u, io->state_in);
    bool causal = p->mask == LA_MASK_CAUSAL;
    for (int64_t t = 0, r = 0; t < T; t++) {
        absorb(&u, io->k + t * u.dk, io->v + t * u.dv);
        if (causal && r < io->n_rows && (io->rows ? io->rows[r] : r) == t)
            read_out(&u, io->q + t * u.dk, io->o + r++ * u.dv);
    }
    for (int64_t r = 0; !causal && r < io->n_rows; r++)
        read_out(&u, io->q + (io->rows ? io->rows[r] : r) * u.dk, io->o + r * u.dv);
    state_to(&u, io->state_out);
    la_free(u.W);
    return LA_OK;
}

/* One query: its dn [dv], dd, N, and df into u->e. a is [M] of scratch. */
LA_WIDE static void query_back(sums *u, const double *q, const double *dout, double *dn, double *dd,
                               double *top, double *a)
{
    double den = 0.0;
    *top = -INFINITY, *dd = 0.0;
    project(u, q);
    for (int64_t i = 0; i < u->M; i++) *top = fmax(*top, u->e[i] + u->c[i]);
    for (int64_t i = 0; i < u->M; i++) {
        a[i] = exp(u->e[i] + u->c[i] - *top);
        den += a[i] * u->z[i];
    }
    for (int64_t c = 0; c < u->dv; c++) dn[c] = 0.0; /* at first n */
    for (int64_t i = 0; i < u->M; i++)
        for (int64_t c = 0; c < u->dv; c++) dn[c] += a[i] * u->S[i * u->dv + c];
    for (int64_t c = 0; c < u->dv; c++) {
        double n = dn[c];
        dn[c] = dout[c] / den;
        *dd -= dn[c] * n / den;
    }
    for (int64_t i = 0; i < u->M; i++) {
        double sum = la_wide_dot(u->dv, u->S + i * u->dv, dn);
        u->e[i] = a[i] * (sum + u->z[i] * *dd);
    }
}

/* Adds what one query says of its S and z. */
LA_WIDE static void query_to_sums(sums *grad, const double *q, const double *dn, double dd,
                                  double top)
{
    project(grad, q);
    for (int64_t i = 0; i < grad->M; i++) {
        double exponent = grad->e[i] - top, *S = grad->S + i * grad->dv;
        if (exponent > grad->c[i]) {
            double factor = exp(grad->c[i] - exponent);
            grad->z[i] *= factor;
            for (int64_t c = 0; c < grad->dv; c++) S[c] *= factor;
            grad->c[i] = exponent;
        }
        double weight = exp(exponent - grad->c[i]);
        grad->z[i] += weight * dd;
        for (int64_t c = 0; c < grad->dv; c++) S[c] += weight * dn[c];
    }
}

/* One key: de into grad->e, and dv where wanted. */
LA_WIDE static void key_back(sums *grad, const double *k, const double *v, double *dvalue)
{
    double half = 0.0;
    for (int64_t d = 0; d < grad->dk; d++) half += 0.5 * grad->root_s * grad->root_s * k[d] * k[d];
    project(grad, k);
    for (int64_t c = 0; dvalue && c < grad->dv; c++) dvalue[c] = 0.0;
    for (int64_t i = 0; i < grad->M; i++) {
        double weight = exp(grad->e[i] - half + grad->c[i]);
        const double *S = grad->S + i * grad->dv;
        for (int64_t c = 0; dvalue && c < grad->dv; c++) dvalue[c] += weight * S[c];
        grad->e[i] = weight * (grad->z[i] + la_wide_dot(grad->dv, S, v));
    }
}

/* Exponents' gradients u->e of a row x, back to x and W; norm: the exponents have -|y|^2/2. */
LA_WIDE static void pull(const sums *u, const double *x, bool norm, double *dx, double *dW)
{
    double all = 0.0, s = u->root_s;
    for (int64_t i = 0; norm && i < u->M; i++) all += u->e[i];
    for (int64_t d = 0; dx && d < u->dk; d++) {
        double dy = la_wide_dot(u->M, u->W + d * u->M, u->e);
        dx[d] = s * (dy - s * x[d] * all);
    }
    for (int64_t i = 0; dW && i < u->M; i++) {
        double e = (i < u->rows ? 1 : -1) * s * u->e[i], *row = dW + i % u->rows * u->dk;
        for (int64_t d = 0; d < u->dk; d++) row[d] += e * x[d];
    }
}

/* The sums so far, queries in order; then the gradients of the sums, from the end. */
static void both_ways(const la_problem *p, const la_ref_io *io, const la_ref_grads *g, sums *u,
                      sums *grad, double *of_tokens, double *a)
{
    int64_t T = p->T, dk = p->dk, dv = p->dv;
    bool causal = p->mask == LA_MASK_CAUSAL;
    double *dW = g->dparams ? g->dparams[0] : NULL;
    double *dn = of_tokens, *dd = dn + T * dv, *top = dd + T;
    for (int64_t t = 0; !causal && t < T; t++) absorb(u, io->k + t * dk, io->v + t * dv);
    for (int64_t t = 0; t < T; t++) {
        const double *q = io->q + t * dk;
        if (causal) absorb(u, io->k + t * dk, io->v + t * dv);
        query_back(u, q, g->dout + t * dv, dn + t * dv, dd + t, top + t, a);
        pull(u, q, false, g->dq ? g->dq + t * dk : NULL, dW);
    }
    for (int64_t t = 0; !causal && t < T; t++)
        query_to_sums(grad, io->q + t * dk, dn + t * dv, dd[t], top[t]);
    for (int64_t t = T - 1; t >= 0; t--) {
        const double *k = io->k + t * dk;
        if (causal) query_to_sums(grad, io->q + t * dk, dn + t * dv, dd[t], top[t]);
        key_back(grad, k, io->v + t * dv, g->dv ? g->dv + t * dv : NULL);
        pull(grad, k, true, g->dk ? g->dk + t * dk : NULL, dW);
    }
}

/* Without gradients of states: nobody may ask for them. */
static la_status backward(const la_problem *p, const void *opts, const la_ref_io *io,
                          const la_ref_grads *g, la_err *err)
{
    if (is_plain(opts)) return la_performer_plain_reference.backward(p, opts, io, g, err);
    int64_t T = p->T, M = la_performer_features(p, opts), one = M * (p->dv + 3);
    size_t n = (size_t)(M * p->dk + 2 * one + T * (p->dv + 2) + M);
    sums u = {.M = M, .dk = p->dk, .dv = p->dv, .root_s = sqrt(la_scale(p))};
    u.W = la_alloc(n * sizeof(double), err);
    if (!u.W) return LA_E_NOMEM;
    u.rows = la_performer_rows(p, opts);
    load_w(&u, io->params[0]);
    sums grad = u;
    sums_at(&u, u.W + M * u.dk);
    sums_at(&grad, u.S + one);
    state_from(&u, io->state_in);
    state_from(&grad, NULL);
    double *of_tokens = grad.S + one;
    both_ways(p, io, g, &u, &grad, of_tokens, of_tokens + T * (p->dv + 2));
    la_free(u.W);
    return LA_OK;
}

const la_reference la_performer_reference = {.forward = forward, .backward = backward};
