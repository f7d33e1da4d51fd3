/* SPDX-License-Identifier: Apache-2.0
 * What the way back does otherwise where every channel has its own decay. Compiled once per instruction
 * set. Decays sit inside the sums over channels c:
 *
 *   P_ij = sum_c q_ic k_jc exp(G_ic - G_jc), A_ij = sum_c k_ic k_jc exp(G_ic - G_jc)
 *   dq_i  = exp(G_i) S s dO_i + sum_j dP_ij k_j exp(G_i - G_j)             j <= i
 *   row_i = exp(G_i) S N_i    + sum_j dA_ij k_j exp(G_i - G_j)             j <  i
 *   col_j = exp(G_C - G_j) dS U_j + sum_i (dP_ij q_i + dA_ij k_i) exp(G_i - G_j)
 *   dk = row + col
 *   dg_t  = sum over all that crosses token t: pairs j < t <= i, where chunk start and end count as the
 *           first j and last i; every term holds exp(g_t), so that a hard reset leaves none
 *
 * Where no channel of the chunk falls below e^-60 the pairs are products of q exp(G) and k exp(-G), which
 * float32 holds (it ends at e^88); else they are taken one by one, exact whatever the decays.
 */
#include <string.h>

#include "delta_backward.h"
#include "delta_product.h"
#include "delta_rows.h"

enum { C = LA_DELTA_BACK };

typedef la_delta_walk walk;
typedef la_delta_chunk_kept chunk;

/* G as an unevaluated sum, c->fade + c->grow; false where some channel falls so far that exp(-G) would be lost. */
static bool mild_sums(const walk *w, const chunk *c, int64_t t, int64_t n)
{
    const la_delta_slice *x = w->x;
    int64_t K = w->K, row = x->gate_row * x->dk;
    la_vf lowest = la_v_set(0.0f);
    const la_rows gates = la_floats(x->g, row);
    for (int64_t r = 0; r < K; r += LA_VW) {
        la_vf sum = la_v_set(0.0f), rest = sum;
        for (int64_t i = 0; i < C; i++) {
            int64_t left = i < n && r < x->dk ? x->dk - r : 0;
            la_rows_sum(la_rows_load(&gates, (t + i) * row + r, left), &sum, &rest);
            la_v_store(c->fade + i * K + r, sum);
            la_v_store(c->grow + i * K + r, rest);
        }
        lowest = la_v_min(sum, lowest);
    }
    return la_v_hmin(lowest) > -60.0f;
}

static void sums(const walk *w, const chunk *c, int64_t t, int64_t n)
{
    const la_delta_slice *x = w->x;
    int64_t K = w->K, row = x->gate_row * x->dk;
    for (int64_t i = 0; i < C; i++)
        for (int64_t r = 0; r < K; r++) {
            double g = i < n && r < x->dk ? (double)x->g[(t + i) * row + r] : 0.0;
            c->G[i * K + r] = (i ? c->G[(i - 1) * K + r] : 0.0) + g;
        }
}

/* P and A pair by pair. */
static void score_pairs(const walk *w, const chunk *c)
{
    int64_t K = w->K;
    const float *q = c->qk, *k = c->qk + C * K;
    float *decayed = w->TT;
    for (int64_t e = 0; e < 2 * C * C; e++) c->PA[e] = 0.0f;
    for (int64_t i = 0; i < C; i++)
        for (int64_t j = 0; j <= i; j++) {
            la_rows_exp(K, c->G + i * K, c->G + j * K, decayed);
            w->x->tile->mul(K, decayed, k + j * K, decayed);
            c->PA[i * C + j] = w->x->tile->dot(K, q + i * K, decayed);
            if (j < i) c->PA[(C + i) * C + j] = w->x->tile->dot(K, k + i * K, decayed);
        }
}

/* Decays and scaled copies from differences of G in float64, whatever they are. */
static void enter_steep(const walk *w, const chunk *c, int64_t t, int64_t n)
{
    int64_t K = w->K;
    const la_tile *tile = w->x->tile;
    const float *q = c->qk, *k = c->qk + C * K;
    const double *end = c->G + (C - 1) * K;
    sums(w, c, t, n);
    for (int64_t i = 0; i < C; i++) {
        la_rows_exp(K, c->G + i * K, NULL, c->fade + i * K);
        la_rows_exp(K, end, c->G + i * K, c->to + i * K);
    }
    la_rows_exp(K, end, NULL, c->whole);
    tile->mul(C * K, q, c->fade, c->in);
    tile->mul(C * K, k, c->fade, c->in + C * K);
    tile->mul(C * K, k, c->to, c->out);
    score_pairs(w, c);
}

/* The same from G as mild_sums leaves it: one exponential a channel and token, and its inverse. */
LA_INLINE la_vf exp_of_sum(const chunk *c, int64_t e)
{
    la_vf value = la_v_exp(la_v_load(c->fade + e));
    return la_v_fma(value, la_v_load(c->grow + e), value);
}

static void enter_mild(const walk *w, const chunk *c)
{
    int64_t K = w->K;
    const float *q = c->qk, *k = c->qk + C * K;
    const la_vf one = la_v_set(1.0f);
    for (int64_t r = 0; r < K; r += LA_VW) {
        la_vf whole = exp_of_sum(c, (C - 1) * K + r);
        la_v_store(c->whole + r, whole);
        for (int64_t e = r; e < C * K; e += K) {
            la_vf fade = exp_of_sum(c, e), grow = one / fade, to = whole * grow;
            la_vf key = la_v_load(k + e);
            la_v_store(c->fade + e, fade);
            la_v_store(c->grow + e, grow);
            la_v_store(c->to + e, to);
            la_v_store(c->in + e, fade * la_v_load(q + e));
            la_v_store(c->in + C * K + e, fade * key);
            la_v_store(c->back + e, grow * key);
            la_v_store(c->out + e, to * key);
        }
    }
    w->x->tile->transpose(C, K, c->back, K, w->TT, C);
    la_small((la_small_product){.M = w->stack,
                                .N = C,
                                .K = K,
                                .a = c->in,
                                .down = K,
                                .along = 1,
                                .B = w->TT,
                                .ldb = C,
                                .to = c->PA,
                                .ldc = C});
}

void LA_ISA(la_delta_channel_enter)(const walk *w, const chunk *c, int64_t t, int64_t n)
{
    bool mild = mild_sums(w, c, t, n);
    *c->mild = mild ? 1.0f : 0.0f;
    if (mild)
        enter_mild(w, c);
    else
        enter_steep(w, c, t, n);
}

/* gates [C,K] = what crosses each token from the chunk's start or to its end. T and H are still products
 * with the states. */
static void gates_of_ends(const walk *w, const chunk *c, float *gates)
{
    int64_t K = w->K, W = w->W;
    bool delta = w->stack > C;
    for (int64_t r = 0; r < K; r++)
        w->run[r] = c->whole[r] * w->x->tile->dot(W, c->S + r * W, c->dS + r * W);
    for (int64_t r = 0; r < K; r += LA_VW) {
        la_vf sum = la_v_load(w->run + r);
        for (int64_t i = C; i-- > 0;) {
            int64_t e = i * K + r;
            sum = la_v_fma(la_v_load(c->in + e), la_v_load(w->T + e), sum);
            if (delta)
                sum = la_v_fma(la_v_load(c->in + C * K + e), la_v_load(w->T + C * K + e), sum);
            la_v_store(gates + e, sum);
        }
        sum = la_v_set(0.0f);
        for (int64_t i = 0; i < C; i++) {
            int64_t e = i * K + r;
            la_v_store(gates + e, la_v_load(gates + e) + sum);
            sum = la_v_fma(la_v_load(c->out + e), la_v_load(w->H + e), sum);
        }
    }
}

/* The same from pairs, where exp(G_i - G_j) is a product: each i sums over j and passes every sum on to
 * the token behind j. */
static void gates_of_pairs(const walk *w, const chunk *c, float *gates)
{
    int64_t K = w->K;
    const float *dA = w->dPA + C * C;
    bool delta = w->stack > C;
    for (int64_t r = 0; r < K; r += LA_VW)
        for (int64_t i = 1; i < C; i++) {
            la_vf q = la_v_load(c->in + i * K + r), sum = la_v_set(0.0f);
            la_vf k = la_v_load(c->in + (C + i) * K + r);
            for (int64_t j = 0; j < i; j++) {
                la_vf sees = la_v_set(w->dPA[i * C + j]) * q;
                if (delta) sees = la_v_fma(la_v_set(dA[i * C + j]), k, sees);
                sum = la_v_fma(sees, la_v_load(c->back + j * K + r), sum);
                float *to = gates + (j + 1) * K + r;
                la_v_store(to, la_v_load(to) + sum);
            }
        }
}

/* The sums over pairs by products: T and H become dq, row and col. */
static void pairs_by_product(const walk *w, const chunk *c)
{
    int64_t K = w->K;
    const la_tile *tile = w->x->tile;
    float *dq = w->T, *row = w->T + C * K, *col = w->TT;
    const float *dA = w->dPA + C * C;
    la_small_product at = {.M = C,
                           .N = K,
                           .K = C,
                           .a = w->dPA,
                           .down = C,
                           .along = 1,
                           .B = c->back,
                           .ldb = K,
                           .from = dq,
                           .to = dq,
                           .ldc = K,
                           .part = LA_LOWER};
    la_small(at);
    tile->mul(C * K, dq, c->fade, dq);
    if (w->stack > C) {
        at.a = dA, at.from = at.to = row;
        la_small(at);
        tile->mul(C * K, row, c->fade, row);
    }
    at = (la_small_product){.M = C,
                            .N = K,
                            .K = C,
                            .a = w->dPA,
                            .down = 1,
                            .along = C,
                            .B = c->in,
                            .ldb = K,
                            .to = col,
                            .ldc = K,
                            .part = LA_UPPER};
    la_small(at);
    if (w->stack > C) {
        at.a = dA, at.B = c->in + C * K, at.from = col;
        la_small(at);
    }
    for (int64_t e = 0; e < C * K; e += LA_VW) {
        la_vf wrote = la_v_load(c->to + e) * la_v_load(w->H + e);
        la_v_store(w->H + e, la_v_fma(la_v_load(c->grow + e), la_v_load(col + e), wrote));
    }
}

/* The same, one pair at a time, and the gates' pairs with it (gates NULL: not wanted). */
static void pairs_one_by_one(const walk *w, const chunk *c, float *gates)
{
    int64_t K = w->K;
    const la_tile *tile = w->x->tile;
    const float *q = c->qk, *k = c->qk + C * K, *dA = w->dPA + C * C;
    float *dq = w->T, *row = w->T + C * K, *d = w->TT;
    bool delta = w->stack > C;
    tile->mul(C * K, dq, c->fade, dq);
    if (delta) tile->mul(C * K, row, c->fade, row);
    tile->mul(C * K, w->H, c->to, w->H);
    for (int64_t i = 0; i < C; i++) {
        memset(w->run, 0, (size_t)K * sizeof *w->run);
        for (int64_t j = 0; j <= i; j++) {
            la_rows_exp(K, c->G + i * K, c->G + j * K, d);
            la_vf dp = la_v_set(w->dPA[i * C + j]);
            la_vf da = la_v_set(delta ? dA[i * C + j] : 0.0f);
            for (int64_t r = 0; r < K; r += LA_VW) {
                float *to_q = dq + i * K + r, *to_row = row + i * K + r, *to_col = w->H + j * K + r;
                la_vf decay = la_v_load(d + r), kj = decay * la_v_load(k + j * K + r);
                la_v_store(to_q, la_v_fma(dp, kj, la_v_load(to_q)));
                la_vf sees = dp * la_v_load(q + i * K + r);
                if (delta) {
                    la_v_store(to_row, la_v_fma(da, kj, la_v_load(to_row)));
                    sees = la_v_fma(da, la_v_load(k + i * K + r), sees);
                }
                la_v_store(to_col, la_v_fma(decay, sees, la_v_load(to_col)));
                if (!gates || j == i) continue;
                la_vf sum = la_v_fma(kj, sees, la_v_load(w->run + r));
                float *to_gate = gates + (j + 1) * K + r;
                la_v_store(w->run + r, sum);
                la_v_store(to_gate, la_v_load(to_gate) + sum);
            }
        }
    }
}

/* T becomes the gradients of q and k; dg those of the gates of n tokens (NULL: not wanted). H holds U dS'
 * and dPA is masked. */
void LA_ISA(la_delta_channel_gradients)(const walk *w, const chunk *c, int64_t n, float *dg)
{
    int64_t K = w->K, g_row = w->x->gate_row * w->x->dk;
    float *row = w->T + C * K, *gates = dg ? w->TT + C * K : NULL;
    if (gates) gates_of_ends(w, c, gates);
    if (w->stack == C) memset(row, 0, (size_t)(C * K) * sizeof *row);
    if (*c->mild != 0.0f) {
        if (gates) gates_of_pairs(w, c, gates);
        pairs_by_product(w, c);
    } else {
        pairs_one_by_one(w, c, gates);
    }
    for (int64_t i = 0; gates && i < n; i++)
        memcpy(dg + i * g_row, gates + i * K, (size_t)w->x->dk * sizeof *dg);
    for (int64_t e = 0; e < C * K; e += LA_VW)
        la_v_store(row + e, la_v_load(row + e) + la_v_load(w->H + e));
}
