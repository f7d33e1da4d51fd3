/* SPDX-License-Identifier: Apache-2.0
 * The chunk form: C tokens at a time, S carried from chunk to chunk. Compiled once per instruction set.
 * With G_i the sum of the chunk's log-decays up to token i, D_ij = exp(G_i - G_j) and additive members
 * leaving out what L and K S do:
 *
 *   L = tril_strict(diag(beta) K K' . D),  P = tril(Q K' . D)                  [C,C], `scores`
 *   U = (I + L)^{-1} diag(beta) (V - diag(exp G) K S)                          [C,w], `tokens`
 *   O = s (diag(exp G) Q S + P U)                                              [C,w], `tokens`
 *   S <- exp(G_C) S + K' diag(exp(G_C - G)) U                                  [dk,w], `carry`
 *
 * The UT transform of Yang et al. 2024 (arXiv:2406.06484), with the inverse applied by substitution:
 * R rows of U are finished in registers before they are stored, and O follows while they are in cache.
 * All products are outer products of a few broadcast elements with vectors of a row, so only K' in
 * K K' needs a transpose.
 */
#include <string.h>

#include "delta_slice.h"
#include "labench/simd.h"

#define R 4 /* rows in registers */
#if defined(__AVX512F__)
#define V 4 /* and vectors of each: R V sums cover the latency of a multiply-add on two pipes */
#else
#define V 2
#endif

/* How decay meets the products: not at all; as factors of tokens (fixed, head); or, where each channel
 * has its own, inside scaled copies of q and k. */
typedef enum chunk_decay { KEEP, BY_TOKEN, BY_CHANNEL } chunk_decay;

/* One chunk of n tokens and its scratch: leading dimensions C of KT, L, P and W of S, U. */
typedef struct chunk {
    const la_delta_slice *x;
    chunk_decay decay;
    int64_t n, C, W;
    int64_t ahead; /* tokens after this chunk */
    const float *q, *k, *v, *g, *beta;
    float *o;
    float *S, *KT, *L, *P, *U;
    float *weight; /* beta_i */
    float *spare;  /* [C] for back */
    /* BY_TOKEN */
    float *hi, *lo;  /* G as an unevaluated sum: differences of long sums keep their digits */
    float *in, *out; /* exp(G_i), exp(G_n - G_i) */
    float *back;     /* exp(-G_i), while that stays below e^60 (float32 ends at e^88); else NULL */
    float whole;     /* exp(G_n) */
    /* q and k as they meet S: themselves, or by channel q exp(G), k exp(G) and k exp(G_n - G) */
    const float *q_in, *k_in, *k_out;
    int64_t in_row, out_row;
    /* BY_CHANNEL */
    double *G;                              /* [C,dk] */
    float *q_copy, *k_copy, *o_copy, *rows; /* three [C,dk]; [dk]: exp(G_n) */
} chunk;

/* sum[m][v] += a_mi B_i over i < K, a_mi = a[m down + i along] */
LA_INLINE void multiply(int rows, int vecs, int64_t K, const float *a, int64_t down, int64_t along,
                        const float *B, int64_t ldb, la_vf *sum)
{
    for (int64_t i = 0; i < K; i++, a += along, B += ldb) {
        la_vf b[V];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) b[v] = la_v_load(B + v * LA_VW);
#pragma GCC unroll 4
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[m * vecs + v] = la_v_fma(la_v_set(a[m * down]), b[v], sum[m * vecs + v]);
    }
}

LA_INLINE void clear(int n, la_vf *sum)
{
#pragma GCC unroll 16
    for (int i = 0; i < n; i++) sum[i] = la_v_set(0.0f);
}

/* ---- decays of a chunk ---- */

static void decays(chunk *c)
{
    const la_delta_slice *x = c->x;
    for (int64_t i = 0; i < c->n; i++) c->weight[i] = c->beta ? c->beta[i * x->gate_row] : 1.0f;
    c->whole = 1.0f;
    if (c->decay != BY_TOKEN) return;
    double G = 0.0;
    for (int64_t i = 0; i < c->n; i++) {
        G += c->g ? (double)c->g[i * x->gate_row] : x->log_decay;
        c->hi[i] = (float)G;
        c->lo[i] = (float)(G - (double)c->hi[i]);
    }
    if (!(G > -60.0)) c->back = NULL;
    la_vf end_hi = la_v_set(c->hi[c->n - 1]), end_lo = la_v_set(c->lo[c->n - 1]);
    for (int64_t i = 0; i < c->n; i += LA_VW) {
        int64_t m = c->n - i < LA_VW ? c->n - i : LA_VW;
        la_vf hi = la_v_load_n(c->hi + i, m), lo = la_v_load_n(c->lo + i, m);
        la_vf in = la_v_exp(hi);
        la_v_store_n(c->in + i, la_v_fma(in, lo, in), m);
        if (c->back) la_v_store_n(c->back + i, la_v_exp(la_v_set(0.0f) - (hi + lo)), m);
        la_v_store_n(c->out + i, la_v_exp((end_hi - hi) + (end_lo - lo)), m);
    }
    c->whole = c->in[c->n - 1];
}

/* to_r = x_r exp(a_r - b_r) over the channels; a or b NULL: 0, x NULL: 1. */
static void scale_channels(int64_t dk, const float *x, const double *a, const double *b, float *to)
{
    for (int64_t r = 0; r < dk; r++) to[r] = (float)((a ? a[r] : 0.0) - (b ? b[r] : 0.0));
    for (int64_t r = 0; r < dk; r += LA_VW) {
        int64_t m = dk - r < LA_VW ? dk - r : LA_VW;
        la_vf scaled = la_v_exp(la_v_load_n(to + r, m));
        if (x) scaled = la_v_load_n(x + r, m) * scaled;
        la_v_store_n(to + r, scaled, m);
    }
}

static void channel_sums(const chunk *c)
{
    int64_t dk = c->x->dk, g_row = c->x->gate_row * dk;
    for (int64_t i = 0; i < c->n; i++)
        for (int64_t r = 0; r < dk; r++)
            c->G[i * dk + r] = (i ? c->G[(i - 1) * dk + r] : 0.0) + (double)c->g[i * g_row + r];
}

/* The copies of q and k that meet S. */
static void channel_copies(const chunk *c)
{
    const la_delta_slice *x = c->x;
    int64_t dk = x->dk;
    const double *end = c->G + (c->n - 1) * dk;
    for (int64_t i = 0; i < c->n; i++) {
        const float *k = c->k + i * x->qk_row;
        scale_channels(dk, c->q + i * x->qk_row, c->G + i * dk, NULL, c->q_copy + i * dk);
        scale_channels(dk, k, c->G + i * dk, NULL, c->k_copy + i * dk);
        scale_channels(dk, k, end, c->G + i * dk, c->o_copy + i * dk);
    }
    scale_channels(dk, NULL, end, NULL, c->rows);
}

/* ---- L and P ---- */

/* Row i from column j: P where column <= i, -L where column < i. */
LA_INLINE void put_scores(const chunk *c, int64_t i, int64_t j, bool delta, bool by_token, la_vf kk,
                          la_vf qk)
{
    const la_vf zero = la_v_set(0.0f);
    la_vf at = la_v_set((float)j) + la_v_iota(), row = la_v_set((float)i);
    if (by_token) {
        la_vf d;
        if (c->back)
            d = la_v_set(c->in[i]) * la_v_load(c->back + j);
        else
            d = la_v_exp((la_v_set(c->hi[i]) - la_v_load(c->hi + j)) +
                         (la_v_set(c->lo[i]) - la_v_load(c->lo + j)));
        qk = qk * d;
        kk = kk * d;
    }
    la_v_store(c->P + i * c->C + j, la_v_select(la_v_less(row, at), zero, qk));
    if (delta)
        la_v_store(c->L + i * c->C + j,
                   la_v_select(la_v_less(at, row), la_v_set(-c->weight[i]) * kk, zero));
}

/* Rows [i, i + rows) of K K' and Q K' side by side: they share the columns of KT, and either alone
 * has too few sums. q and k are those of token i. */
LA_INLINE void score_tile(const chunk *c, const float *q, const float *k, int64_t row, int64_t i,
                          int64_t j, int rows, int vecs, bool delta, bool by_token)
{
    la_vf kk[2 * R], qk[2 * R];
    const float *KT = c->KT + j, *ks[R], *qs[R];
    int64_t dk = c->x->dk;
    clear(rows * vecs, kk);
    clear(rows * vecs, qk);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++) ks[m] = k + m * row, qs[m] = q + m * row;
    for (int64_t r = 0; r < dk; r++, KT += c->C)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            la_vf b = la_v_load(KT + v * LA_VW);
#pragma GCC unroll 4
            for (int m = 0; m < rows; m++) {
                int at = m * vecs + v;
                if (delta) kk[at] = la_v_fma(la_v_set(ks[m][r]), b, kk[at]);
                qk[at] = la_v_fma(la_v_set(qs[m][r]), b, qk[at]);
            }
        }
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++)
            put_scores(c, i + m, j + v * LA_VW, delta, by_token, kk[m * vecs + v],
                       qk[m * vecs + v]);
}

/* Rows [i, i + rows) at the columns below `end`. */
LA_INLINE void score_rows(const chunk *c, const float *q, const float *k, int64_t row, int64_t i,
                          int64_t end, int rows, bool delta, bool by_token)
{
    int64_t j = 0;
    for (; j + LA_VW < end; j += 2 * LA_VW)
        score_tile(c, q, k, row, i, j, rows, 2, delta, by_token);
    if (j < end) score_tile(c, q, k, row, i, j, rows, 1, delta, by_token);
}

LA_INLINE void scores(const chunk *c, bool delta, bool by_token)
{
    int64_t i = 0, row = c->x->qk_row;
    c->x->tile->transpose(c->n, c->x->dk, c->k, row, c->KT, c->C);
    for (; i + R <= c->n; i += R)
        score_rows(c, c->q + i * row, c->k + i * row, row, i, i + R, R, delta, by_token);
    for (; i < c->n; i++)
        score_rows(c, c->q + i * row, c->k + i * row, row, i, i + 1, 1, delta, by_token);
}

/* ---- L and P with a decay for each channel ---- */

#define TILE 16 /* tokens that share a reference point; a multiple of LA_VW and R */

/* The tile [i0, i1) against itself, pair by pair: exact whatever the decays. */
static void score_pairs(const chunk *c, int64_t i0, int64_t i1, bool delta)
{
    int64_t dk = c->x->dk, row = c->x->qk_row;
    float *decayed = c->KT; /* free between tiles */
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = i0; j < i1; j++) {
            float qk = 0.0f, kk = 0.0f;
            if (j <= i) {
                scale_channels(dk, c->k + j * row, c->G + i * dk, c->G + j * dk, decayed);
                qk = c->x->tile->dot(dk, c->q + i * row, decayed);
            }
            if (delta && j < i) kk = c->x->tile->dot(dk, c->k + i * row, decayed);
            c->P[i * c->C + j] = qk;
            c->L[i * c->C + j] = -c->weight[i] * kk;
        }
}

/* Tiles of rows. Columns before the tile decay in two steps around its start, which neither grow: q_i
 * exp(G_i - G_start) meets k_j exp(G_start - G_j). Inside the tile the second factor grows; the product
 * is used while that stays below e^60 (float32 ends at e^88), else the pairs are taken one by one. */
static void channel_scores(const chunk *c, bool delta)
{
    int64_t dk = c->x->dk, row = c->x->qk_row;
    float *q = c->q_copy, *k = c->k_copy, *columns = c->o_copy; /* in use only later */
    for (int64_t i0 = 0; i0 < c->n; i0 += TILE) {
        int64_t i1 = i0 + TILE < c->n ? i0 + TILE : c->n;
        const double *start = i0 ? c->G + (i0 - 1) * dk : NULL;
        double range = 0.0;
        for (int64_t r = 0; r < dk; r++) {
            double fall = (start ? start[r] : 0.0) - c->G[(i1 - 1) * dk + r];
            if (fall > range) range = fall;
        }
        int64_t end = range < 60.0 ? i1 : i0;
        for (int64_t i = i0; i < i1; i++) {
            scale_channels(dk, c->q + i * row, c->G + i * dk, start, q + (i - i0) * dk);
            scale_channels(dk, c->k + i * row, c->G + i * dk, start, k + (i - i0) * dk);
        }
        for (int64_t j = 0; j < end; j++)
            scale_channels(dk, c->k + j * row, start, c->G + j * dk, columns + j * dk);
        c->x->tile->transpose(end, dk, columns, dk, c->KT, c->C);
        int64_t i = i0;
        for (; end && i + R <= i1; i += R)
            score_rows(c, q + (i - i0) * dk, k + (i - i0) * dk, dk, i, end, R, delta, false);
        for (; end && i < i1; i++)
            score_rows(c, q + (i - i0) * dk, k + (i - i0) * dk, dk, i, end, 1, delta, false);
        if (end == i0) score_pairs(c, i0, i1, delta);
    }
}

/* ---- U and O ---- */

/* Asks for `rows` rows of n floats from token i of the next chunk. Rows come in groups, with long
 * stretches of arithmetic between: too irregular for the hardware to see them coming. One tensor at a
 * time, since a core waits when more than about 20 lines are on their way. */
LA_INLINE void prefetch(const chunk *c, const float *p, int64_t i, int rows, int64_t row, int64_t n)
{
    for (int64_t m = i; m < i + rows && m < c->ahead; m++)
        for (int64_t e = 0; e < n; e += 16) __builtin_prefetch(p + (c->n + m) * row + e, 0, 2);
}

/* Rows [i, i + rows) of U and O at columns [j, j + vecs vectors), of which the last has `last`. */
LA_INLINE void token_rows(const chunk *c, int64_t i, int64_t j, int rows, int vecs, int64_t last,
                          bool delta, bool by_token)
{
    int64_t dk = c->x->dk, row = c->in_row, v_row = c->x->v_row;
    const float *S = c->S + j;
    float *U = c->U + j;
    prefetch(c, c->v + j, i, rows, v_row, vecs * LA_VW);
    la_vf sum[R * V];
    clear(rows * vecs, sum);
    if (delta) multiply(rows, vecs, dk, c->k_in + i * row, row, 1, S, c->W, sum);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            const float *from = c->v + (i + m) * v_row + j + v * LA_VW;
            la_vf value = v + 1 < vecs || last == LA_VW ? la_v_load(from) : la_v_load_n(from, last);
            la_vf held = sum[m * vecs + v];
            if (by_token) held = la_v_set(c->in[i + m]) * held;
            if (delta) value = value - held;
            sum[m * vecs + v] = la_v_set(c->weight[i + m]) * value;
        }
    if (j == 0) prefetch(c, c->k, i, rows, c->x->qk_row, dk);
    if (delta) {
        const float *L = c->L + i * c->C;
        multiply(rows, vecs, i, L, c->C, 1, U, c->W, sum);
#pragma GCC unroll 4
        for (int m = 1; m < rows; m++)
#pragma GCC unroll 4
            for (int l = 0; l < m; l++)
#pragma GCC unroll 4
                for (int v = 0; v < vecs; v++)
                    sum[m * vecs + v] = la_v_fma(la_v_set(L[m * c->C + i + l]), sum[l * vecs + v],
                                                 sum[m * vecs + v]);
    }
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            la_v_store(U + (i + m) * c->W + v * LA_VW, sum[m * vecs + v]);

    if (j == 0) prefetch(c, c->q, i, rows, c->x->qk_row, dk);
    clear(rows * vecs, sum);
    multiply(rows, vecs, dk, c->q_in + i * row, row, 1, S, c->W, sum);
    if (by_token)
#pragma GCC unroll 4
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) sum[m * vecs + v] *= la_v_set(c->in[i + m]);
    prefetch(c, c->o + j, i, rows, v_row, vecs * LA_VW);
    multiply(rows, vecs, i + rows, c->P + i * c->C, c->C, 1, U, c->W, sum);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            float *to = c->o + (i + m) * v_row + j + v * LA_VW;
            la_vf o = la_v_set(c->x->scale) * sum[m * vecs + v];
            if (v + 1 < vecs || last == LA_VW)
                la_v_store(to, o);
            else
                la_v_store_n(to, o, last);
        }
}

/* ---- S ---- */

/* Rows [r, r + rows) of S <- exp(G_n) S + K' U, where exp(G_n - G_i) is in K or in U already. */
LA_INLINE void carry_rows(const chunk *c, int64_t r, int64_t j, int rows, int vecs)
{
    la_vf sum[R * V];
    float *S = c->S + r * c->W + j;
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++) {
        la_vf whole = la_v_set(c->decay == BY_CHANNEL ? c->rows[r + m] : c->whole);
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            sum[m * vecs + v] = whole * la_v_load(S + m * c->W + v * LA_VW);
    }
    multiply(rows, vecs, c->n, c->k_out + r, 1, c->out_row, c->U + j, c->W, sum);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) la_v_store(S + m * c->W + v * LA_VW, sum[m * vecs + v]);
}

/* ---- a chunk, block of columns by block of columns ---- */

LA_INLINE void columns(const chunk *c, int64_t j, int vecs, int64_t last, bool delta, bool by_token)
{
    int64_t i = 0;
    for (; i + R <= c->n; i += R) token_rows(c, i, j, R, vecs, last, delta, by_token);
    for (; i < c->n; i++) token_rows(c, i, j, 1, vecs, last, delta, by_token);
    for (i = 0; by_token && i < c->n; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            float *U = c->U + i * c->W + j + v * LA_VW;
            la_v_store(U, la_v_set(c->out[i]) * la_v_load(U));
        }
    int64_t r = 0, dk = c->x->dk;
    for (; r + R <= dk; r += R) carry_rows(c, r, j, R, vecs);
    for (; r < dk; r++) carry_rows(c, r, j, 1, vecs);
}

LA_INLINE void one_chunk(chunk *c, bool delta, bool by_token)
{
    const la_delta_slice *x = c->x;
    c->back = c->spare;
    c->q_in = c->q, c->k_in = c->k_out = c->k;
    c->in_row = c->out_row = x->qk_row;
    decays(c);
    if (c->decay == BY_CHANNEL) {
        channel_sums(c);
        channel_scores(c, delta);
        channel_copies(c);
        c->q_in = c->q_copy, c->k_in = c->k_copy, c->k_out = c->o_copy;
        c->in_row = c->out_row = x->dk;
    } else {
        scores(c, delta, by_token);
    }
    int64_t j = 0;
    for (; j + V * LA_VW <= x->w; j += V * LA_VW) columns(c, j, V, LA_VW, delta, by_token);
    for (; V > 2 && j + 2 * LA_VW <= x->w; j += 2 * LA_VW) columns(c, j, 2, LA_VW, delta, by_token);
    for (; j < x->w; j += LA_VW)
        columns(c, j, 1, x->w - j < LA_VW ? x->w - j : LA_VW, delta, by_token);
}

/* The loops are written once and compiled for each pair of switches. */
static void delta_chunk(chunk *c)
{
    one_chunk(c, true, false);
}

static void delta_decay_chunk(chunk *c)
{
    one_chunk(c, true, true);
}

static void additive_chunk(chunk *c)
{
    one_chunk(c, false, false);
}

static void additive_decay_chunk(chunk *c)
{
    one_chunk(c, false, true);
}

/* Scratch of la_delta_chunk_work floats; every piece is a multiple of 16 of them. */
static void layout(chunk *c, float *work)
{
    int64_t C = c->C, dk = la_delta_up(c->x->dk);
    c->S = work, work += dk * c->W;
    c->KT = work, work += dk * C;
    c->L = work, work += C * C;
    c->P = work, work += C * C;
    c->U = work, work += C * c->W;
    c->weight = work, work += C;
    c->hi = work, work += C;
    c->lo = work, work += C;
    c->in = work, work += C;
    c->out = work, work += C;
    c->spare = work, work += C;
    if (c->decay != BY_CHANNEL) return;
    c->G = (double *)(void *)work, work += 2 * C * dk;
    c->q_copy = work, work += C * dk;
    c->k_copy = work, work += C * dk;
    c->o_copy = work, work += C * dk;
    c->rows = work;
}

/* S into [dk] rows of the caller's. */
static void copy_state(const chunk *c, float *to)
{
    for (int64_t i = 0; i < c->x->dk; i++)
        memcpy(to + i * c->x->S_row, c->S + i * c->W, (size_t)c->x->w * sizeof *c->S);
}

void LA_ISA(la_delta_chunk)(const la_delta_slice *x)
{
    chunk c = {.x = x, .C = la_delta_up(x->chunk), .W = la_delta_up(x->w)};
    c.decay = x->decay == LA_DECAY_NONE      ? KEEP
              : x->decay == LA_DECAY_CHANNEL ? BY_CHANNEL
                                             : BY_TOKEN;
    layout(&c, x->work);
    void (*step)(chunk *) = x->write == LA_WRITE_DELTA
                                ? (c.decay == BY_TOKEN ? delta_decay_chunk : delta_chunk)
                                : (c.decay == BY_TOKEN ? additive_decay_chunk : additive_chunk);
    memset(c.S, 0, (size_t)(x->dk * c.W) * sizeof *c.S);
    for (int64_t i = 0; x->S_in && i < x->dk; i++)
        memcpy(c.S + i * c.W, x->S_in + i * x->S_row, (size_t)x->w * sizeof *c.S);
    int64_t g_row = x->gate_row * (c.decay == BY_CHANNEL ? x->dk : 1);
    for (int64_t t = 0; t < x->T; t += x->chunk) {
        c.n = x->T - t < x->chunk ? x->T - t : x->chunk;
        c.ahead = x->T - t - c.n;
        c.q = x->q + t * x->qk_row, c.k = x->k + t * x->qk_row;
        c.v = x->v + t * x->v_row, c.o = x->o + t * x->v_row;
        c.beta = x->beta ? x->beta + t * x->gate_row : NULL;
        c.g = x->g ? x->g + t * g_row : NULL;
        step(&c);
        int64_t done = t + c.n;
        if (x->saved && c.ahead > 0 && done % x->segment == 0)
            copy_state(&c, x->saved + (done / x->segment - 1) * x->dk * x->S_row);
    }
    if (x->S_out) copy_state(&c, x->S_out);
}
