/* SPDX-License-Identifier: Apache-2.0 */
#include "plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labench/bf16.h"
#include "labench/f16.h"

double la_exactly(double x)
{
    return x;
}

double la_as_bf16(double x)
{
    return (double)la_bf16_to_float(la_bf16_from_float((float)x));
}

double la_as_f16(double x)
{
    return (double)la_f16_to_float(la_f16_from_float((float)x));
}

static double *zeros(int64_t n)
{
    double *x = calloc((size_t)n + 1, sizeof *x);
    LA_ASSERT(x);
    return x;
}

/* C[M,N] = round(alpha A[M,K] B[K,N]); strides say how A and B are walked. */
static void product(int64_t M, int64_t N, int64_t K, double alpha, const double *A, int64_t a_row,
                    int64_t a_col, const double *B, int64_t b_row, int64_t b_col, double *C,
                    la_rounding *round)
{
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            double sum = 0;
            for (int64_t k = 0; k < K; k++)
                sum += A[i * a_row + k * a_col] * B[k * b_row + j * b_col];
            C[i * N + j] = round(alpha * sum);
        }
}

static void softmax_row(double *p, int64_t n, int64_t T, la_rounding *round)
{
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) max = fmax(max, p[j]);
    for (int64_t j = 0; j < n; j++) sum += p[j] = exp(p[j] - max);
    for (int64_t j = 0; j < n; j++) p[j] = round(p[j] / sum);
    for (int64_t j = n; j < T; j++) p[j] = 0;
}

void la_plain_softmax(const la_problem *p, double scale, const la_doubles *in, const double *dout,
                      la_rounding *round, double *o, la_doubles *grads)
{
    int64_t T = p->T, dk = p->dk, dv = p->dv;
    const double *q = in->t[LA_T_Q], *k = in->t[LA_T_K], *v = in->t[LA_T_V];
    double *P = zeros(T * T), *dS = zeros(T * T);
    product(T, T, dk, scale, q, dk, 1, k, 1, dk, P, round);
    for (int64_t i = 0; i < T; i++)
        softmax_row(P + i * T, p->mask == LA_MASK_CAUSAL ? i + 1 : T, T, round);
    product(T, dv, T, 1, P, T, 1, v, dv, 1, o, round);
    product(T, T, dv, 1, dout, dv, 1, v, 1, dv, dS, round);
    for (int64_t i = 0; i < T; i++) {
        double mean = 0;
        for (int64_t c = 0; c < dv; c++) mean += dout[i * dv + c] * o[i * dv + c];
        for (int64_t j = 0; j < T; j++)
            dS[i * T + j] = round(P[i * T + j] * (dS[i * T + j] - mean));
    }
    product(T, dk, T, scale, dS, T, 1, k, dk, 1, grads->t[LA_T_Q], round);
    product(T, dk, T, scale, dS, 1, T, q, dk, 1, grads->t[LA_T_K], round);
    product(T, dv, T, 1, P, 1, T, dout, dv, 1, grads->t[LA_T_V], round);
    free(P);
    free(dS);
}

/* A recurrence over S [dk,dv]: decay, then
 *   additive   S += k u', u = v, or dt v
 *   delta      u = beta (v - S' k), S += k u'
 *   rwkv7      S += b r' + k v', r = S_{t-1}' a. */
typedef struct recurrence {
    const la_variant *variant;
    const la_doubles *in;
    la_rounding *round;
    int64_t dk, dv;
    double scale;
} recurrence;

/* What a token leaves for backward: S before, decayed, after; u and r. */
typedef struct token {
    double *before, *decayed, *after, *u, *r;
} token;

static token token_at(double *kept, int64_t dk, int64_t dv, int64_t t)
{
    double *x = kept + t * (2 * dk * dv + 2 * dv);
    double *after = x + 2 * dk * dv + 2 * dv;
    return (token){x, x + dk * dv, after, x + 2 * dk * dv, x + 2 * dk * dv + dv};
}

static double decay_of(const recurrence *r, int64_t t, int64_t c)
{
    const double *g = r->in->t[LA_T_G];
    if (r->variant->inputs & LA_IN_GATE_HEAD) return exp(g[t]);
    if (r->variant->inputs & LA_IN_GATE_CHANNEL) return exp(g[t * r->dk + c]);
    return strcmp(r->variant->name, "retnet") == 0 ? 1 - 0x1p-5 : 1;
}

/* y[dv] = round(alpha x' round(S)) */
static void read_state(const recurrence *r, double alpha, const double *x, const double *S,
                       double *y, la_rounding *round)
{
    memset(y, 0, (size_t)r->dv * sizeof(double));
    for (int64_t c = 0; c < r->dk; c++)
        for (int64_t j = 0; j < r->dv; j++) y[j] += x[c] * r->round(S[c * r->dv + j]);
    for (int64_t j = 0; j < r->dv; j++) y[j] = round(alpha * y[j]);
}

/* y[dk] = round(alpha round(S) x) */
static void read_rows(const recurrence *r, double alpha, const double *S, const double *x,
                      double *y)
{
    for (int64_t c = 0; c < r->dk; c++) {
        double sum = 0;
        for (int64_t j = 0; j < r->dv; j++) sum += r->round(S[c * r->dv + j]) * x[j];
        y[c] = r->round(alpha * sum);
    }
}

static void add_outer(const recurrence *r, double alpha, const double *x, const double *y,
                      double *S)
{
    for (int64_t c = 0; c < r->dk; c++)
        for (int64_t j = 0; j < r->dv; j++) S[c * r->dv + j] += alpha * x[c] * y[j];
}

static void step(const recurrence *r, int64_t t, const token *at, double *o)
{
    const la_doubles *in = r->in;
    uint32_t inputs = r->variant->inputs;
    int64_t dk = r->dk, dv = r->dv;
    const double *k = in->t[LA_T_K] + t * dk, *v = in->t[LA_T_V] + t * dv;
    double beta = in->t[LA_T_BETA] ? in->t[LA_T_BETA][t] : 1;
    for (int64_t c = 0; c < dk; c++) {
        double decay = decay_of(r, t, c);
        for (int64_t j = 0; j < dv; j++) at->decayed[c * dv + j] = decay * at->before[c * dv + j];
    }
    memcpy(at->after, at->decayed, (size_t)(dk * dv) * sizeof(double));
    memset(at->r, 0, (size_t)dv * sizeof(double));
    if (inputs & LA_IN_AB) {
        read_state(r, 1, in->t[LA_T_A] + t * dk, at->before, at->r, r->round);
        add_outer(r, 1, in->t[LA_T_B] + t * dk, at->r, at->after);
    } else if (inputs & LA_IN_BETA) {
        read_state(r, 1, k, at->decayed, at->r, la_exactly);
    }
    for (int64_t j = 0; j < dv; j++)
        at->u[j] = inputs & LA_IN_AB ? v[j] : r->round(beta * (v[j] - at->r[j]));
    add_outer(r, 1, k, at->u, at->after);
    read_state(r, r->scale, in->t[LA_T_Q] + t * dk, at->after, o, r->round);
}

/* Sums of dS times the decayed state: of each channel, or of the head. */
static void decay_back(const recurrence *r, int64_t t, const double *dS, const double *decayed,
                       double *dg)
{
    bool head = r->variant->inputs & LA_IN_GATE_HEAD;
    if (!dg) return;
    for (int64_t c = 0; c < r->dk; c++) {
        double sum = 0;
        for (int64_t j = 0; j < r->dv; j++) sum += dS[c * r->dv + j] * decayed[c * r->dv + j];
        if (head)
            dg[t] += sum;
        else
            dg[t * r->dk + c] = sum;
    }
}

/* dS: of the state after the token, becomes that of the state before. */
static void step_back(const recurrence *r, int64_t t, const token *at, double *dS, double *du,
                      la_doubles *g)
{
    const la_doubles *in = r->in;
    uint32_t inputs = r->variant->inputs;
    int64_t dk = r->dk, dv = r->dv;
    const double *k = in->t[LA_T_K] + t * dk, *v = in->t[LA_T_V] + t * dv;
    double beta = in->t[LA_T_BETA] ? in->t[LA_T_BETA][t] : 1, *dkey = g->t[LA_T_K] + t * dk;
    read_state(r, 1, k, dS, du, r->round);
    read_rows(r, 1, dS, at->u, dkey);
    for (int64_t j = 0; j < dv; j++) {
        double dv_j = inputs & LA_IN_AB ? du[j] : r->round(beta * du[j]);
        if (g->t[LA_T_BETA]) g->t[LA_T_BETA][t] += du[j] * (v[j] - at->r[j]);
        g->t[LA_T_V][t * dv + j] = dv_j;
        du[j] = dv_j;
    }
    if (inputs & LA_IN_BETA) { /* u reads the decayed state: S' k */
        double *more = zeros(dk);
        read_rows(r, -1, at->decayed, du, more);
        for (int64_t c = 0; c < dk; c++) dkey[c] = r->round(dkey[c] + more[c]);
        free(more);
        add_outer(r, -1, k, du, dS);
    }
    decay_back(r, t, dS, at->decayed, g->t[LA_T_G]);
    if (inputs & LA_IN_AB) {
        read_state(r, 1, in->t[LA_T_B] + t * dk, dS, du, r->round);
        read_rows(r, 1, at->before, du, g->t[LA_T_A] + t * dk);
        read_rows(r, 1, dS, at->r, g->t[LA_T_B] + t * dk);
    }
    for (int64_t c = 0; c < dk; c++) {
        double decay = decay_of(r, t, c);
        for (int64_t j = 0; j < dv; j++) dS[c * dv + j] *= decay;
    }
    if (inputs & LA_IN_AB) add_outer(r, 1, in->t[LA_T_A] + t * dk, du, dS);
}

void la_plain_recurrence(const la_variant *variant, const la_problem *p, double scale,
                         const la_doubles *in, const double *dout, la_rounding *round, double *o,
                         la_doubles *grads)
{
    recurrence r = {variant, in, round, p->dk, p->dv, scale};
    int64_t dk = p->dk, dv = p->dv;
    double *kept = zeros((p->T + 1) * (2 * dk * dv + 2 * dv)), *dS = zeros(dk * dv),
           *du = zeros(dv);
    for (int64_t t = 0; t < p->T; t++) {
        token at = token_at(kept, dk, dv, t);
        step(&r, t, &at, o + t * dv);
    }
    for (int64_t t = grads ? p->T : 0; t-- > 0;) {
        token at = token_at(kept, dk, dv, t);
        read_rows(&r, scale, at.after, dout + t * dv, grads->t[LA_T_Q] + t * dk);
        add_outer(&r, scale, in->t[LA_T_Q] + t * dk, dout + t * dv, dS);
        step_back(&r, t, &at, dS, du, grads);
    }
    free(kept);
    free(dS);
    free(du);
}
