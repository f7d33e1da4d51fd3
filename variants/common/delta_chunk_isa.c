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

/* One chunk of n tokens and its scratch: leading dimensions C of KT, L, P and W of S, U. */
typedef struct chunk {
    const la_delta_slice *x;
    int64_t n, C, W, qk_row, v_row;
    const float *q, *k, *v, *g, *beta;
    float *o;
    float *S, *KT, *L, *P, *U;
    float *hi, *lo; /* G as an unevaluated sum: differences of long sums keep their digits */
    float *in, *out, *weight; /* exp(G_i), exp(G_n - G_i), beta_i */
    bool decays;
    float whole; /* exp(G_n) */
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
    if (!c->decays) return;
    double G = 0.0;
    for (int64_t i = 0; i < c->n; i++) {
        G += c->g ? (double)c->g[i * x->gate_row] : x->log_decay;
        c->hi[i] = (float)G;
        c->lo[i] = (float)(G - (double)c->hi[i]);
    }
    la_vf end_hi = la_v_set(c->hi[c->n - 1]), end_lo = la_v_set(c->lo[c->n - 1]);
    for (int64_t i = 0; i < c->n; i += LA_VW) {
        int64_t m = c->n - i < LA_VW ? c->n - i : LA_VW;
        la_vf hi = la_v_load_n(c->hi + i, m), lo = la_v_load_n(c->lo + i, m);
        la_vf in = la_v_exp(hi);
        la_v_store_n(c->in + i, la_v_fma(in, lo, in), m);
        la_v_store_n(c->out + i, la_v_exp((end_hi - hi) + (end_lo - lo)), m);
    }
    c->whole = c->in[c->n - 1];
}

/* ---- L and P ---- */

/* Row i from column j: P where column <= i, -L where column < i. */
LA_INLINE void put_scores(const chunk *c, int64_t i, int64_t j, bool delta, la_vf kk, la_vf qk)
{
    const la_vf zero = la_v_set(0.0f);
    la_vf at = la_v_set((float)j) + la_v_iota(), row = la_v_set((float)i);
    if (c->decays) {
        la_vf d = (la_v_set(c->hi[i]) - la_v_load(c->hi + j)) +
                  (la_v_set(c->lo[i]) - la_v_load(c->lo + j));
        d = la_v_exp(d);
        qk = qk * d;
        kk = kk * d;
    }
    la_v_store(c->P + i * c->C + j, la_v_select(la_v_less(row, at), zero, qk));
    if (delta)
        la_v_store(c->L + i * c->C + j,
                   la_v_select(la_v_less(at, row), la_v_set(-c->weight[i]) * kk, zero));
}

LA_INLINE void score_rows(const chunk *c, int64_t i, int rows, bool delta)
{
    int64_t dk = c->x->dk, row = c->qk_row;
    const float *k = c->k + i * row, *q = c->q + i * row;
    int64_t j = 0;
    for (; j + LA_VW < i + rows; j += 2 * LA_VW) {
        la_vf kk[2 * R], qk[2 * R];
        clear(2 * rows, kk);
        clear(2 * rows, qk);
        if (delta) multiply(rows, 2, dk, k, row, 1, c->KT + j, c->C, kk);
        multiply(rows, 2, dk, q, row, 1, c->KT + j, c->C, qk);
#pragma GCC unroll 8
        for (int m = 0; m < 2 * rows; m++)
            put_scores(c, i + m / 2, j + m % 2 * LA_VW, delta, kk[m], qk[m]);
    }
    if (j < i + rows) {
        la_vf kk[R], qk[R];
        clear(rows, kk);
        clear(rows, qk);
        if (delta) multiply(rows, 1, dk, k, row, 1, c->KT + j, c->C, kk);
        multiply(rows, 1, dk, q, row, 1, c->KT + j, c->C, qk);
#pragma GCC unroll 4
        for (int m = 0; m < rows; m++) put_scores(c, i + m, j, delta, kk[m], qk[m]);
    }
}

LA_INLINE void scores(const chunk *c, bool delta)
{
    int64_t i = 0;
    for (; i + R <= c->n; i += R) score_rows(c, i, R, delta);
    for (; i < c->n; i++) score_rows(c, i, 1, delta);
}

/* ---- U and O ---- */

/* Rows [i, i + rows) of U and O at columns [j, j + vecs vectors), of which the last has `last`. */
LA_INLINE void token_rows(const chunk *c, int64_t i, int64_t j, int rows, int vecs, int64_t last,
                          bool delta)
{
    int64_t dk = c->x->dk, row = c->qk_row;
    const float *S = c->S + j;
    float *U = c->U + j;
    la_vf sum[R * V];
    clear(rows * vecs, sum);
    if (delta) multiply(rows, vecs, dk, c->k + i * row, row, 1, S, c->W, sum);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            const float *from = c->v + (i + m) * c->v_row + j + v * LA_VW;
            la_vf value = v + 1 < vecs || last == LA_VW ? la_v_load(from) : la_v_load_n(from, last);
            la_vf held = sum[m * vecs + v];
            if (c->decays) held = la_v_set(c->in[i + m]) * held;
            if (delta) value = value - held;
            sum[m * vecs + v] = la_v_set(c->weight[i + m]) * value;
        }
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

    clear(rows * vecs, sum);
    multiply(rows, vecs, dk, c->q + i * row, row, 1, S, c->W, sum);
    if (c->decays)
#pragma GCC unroll 4
        for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) sum[m * vecs + v] *= la_v_set(c->in[i + m]);
    multiply(rows, vecs, i + rows, c->P + i * c->C, c->C, 1, U, c->W, sum);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            float *to = c->o + (i + m) * c->v_row + j + v * LA_VW;
            la_vf o = la_v_set(c->x->scale) * sum[m * vecs + v];
            if (v + 1 < vecs || last == LA_VW)
                la_v_store(to, o);
            else
                la_v_store_n(to, o, last);
        }
}

/* ---- S ---- */

/* Rows [r, r + rows) of S <- exp(G_n) S + K' U; the rows of U carry exp(G_n - G_i) already. */
LA_INLINE void carry_rows(const chunk *c, int64_t r, int64_t j, int rows, int vecs)
{
    la_vf sum[R * V];
    la_vf whole = la_v_set(c->whole);
    float *S = c->S + r * c->W + j;
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            sum[m * vecs + v] = whole * la_v_load(S + m * c->W + v * LA_VW);
    multiply(rows, vecs, c->n, c->k + r, 1, c->qk_row, c->U + j, c->W, sum);
#pragma GCC unroll 4
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) la_v_store(S + m * c->W + v * LA_VW, sum[m * vecs + v]);
}

/* ---- a chunk, block of columns by block of columns ---- */

LA_INLINE void columns(const chunk *c, int64_t j, int vecs, int64_t last, bool delta)
{
    int64_t i = 0;
    for (; i + R <= c->n; i += R) token_rows(c, i, j, R, vecs, last, delta);
    for (; i < c->n; i++) token_rows(c, i, j, 1, vecs, last, delta);
    if (c->decays)
        for (i = 0; i < c->n; i++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) {
                float *U = c->U + i * c->W + j + v * LA_VW;
                la_v_store(U, la_v_set(c->out[i]) * la_v_load(U));
            }
    int64_t r = 0, dk = c->x->dk;
    for (; r + R <= dk; r += R) carry_rows(c, r, j, R, vecs);
    for (; r < dk; r++) carry_rows(c, r, j, 1, vecs);
}

LA_INLINE void one_chunk(chunk *c, bool delta)
{
    const la_delta_slice *x = c->x;
    decays(c);
    x->tile->transpose(c->n, x->dk, c->k, c->qk_row, c->KT, c->C);
    scores(c, delta);
    int64_t j = 0;
    for (; j + V * LA_VW <= x->w; j += V * LA_VW) columns(c, j, V, LA_VW, delta);
    for (; j < x->w; j += LA_VW) columns(c, j, 1, x->w - j < LA_VW ? x->w - j : LA_VW, delta);
}

static void delta_chunk(chunk *c)
{
    one_chunk(c, true);
}

static void additive_chunk(chunk *c)
{
    one_chunk(c, false);
}

void LA_ISA(la_delta_chunk)(const la_delta_slice *x)
{
    chunk c = {.x = x,
               .C = la_delta_up(x->chunk),
               .W = la_delta_up(x->w),
               .qk_row = x->qk_row,
               .v_row = x->v_row,
               .decays = x->decay != LA_DECAY_NONE};
    float *work = x->work;
    c.S = work, work += x->dk * c.W;
    c.KT = work, work += x->dk * c.C;
    c.L = work, work += c.C * c.C;
    c.P = work, work += c.C * c.C;
    c.U = work, work += c.C * c.W;
    c.hi = work, work += c.C;
    c.lo = work, work += c.C;
    c.in = work, work += c.C;
    c.out = work, work += c.C;
    c.weight = work;

    memset(c.S, 0, (size_t)(x->dk * c.W) * sizeof *c.S);
    for (int64_t i = 0; x->S_in && i < x->dk; i++)
        memcpy(c.S + i * c.W, x->S_in + i * x->S_row, (size_t)x->w * sizeof *c.S);
    for (int64_t t = 0; t < x->T; t += x->chunk) {
        c.n = x->T - t < x->chunk ? x->T - t : x->chunk;
        c.q = x->q + t * x->qk_row, c.k = x->k + t * x->qk_row;
        c.v = x->v + t * x->v_row, c.o = x->o + t * x->v_row;
        c.beta = x->beta ? x->beta + t * x->gate_row : NULL;
        c.g = x->g ? x->g + t * x->gate_row : NULL;
        if (x->write == LA_WRITE_DELTA)
            delta_chunk(&c);
        else
            additive_chunk(&c);
    }
    for (int64_t i = 0; x->S_out && i < x->dk; i++)
        memcpy(x->S_out + i * x->S_row, c.S + i * c.W, (size_t)x->w * sizeof *c.S);
}
