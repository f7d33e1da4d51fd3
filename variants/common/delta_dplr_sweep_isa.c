/* SPDX-License-Identifier: Apache-2.0
 * Diagonal plus rank one, token by token: one sweep over S a token. Compiled once per instruction set.
 *
 *   w = S'a;   S <- Diag(exp g) S + b w' + k v';   o = S' (s q)
 *
 * Two things make a sweep cheap. What the next token's a reads is what this one leaves, so that it is summed
 * on the way. And rows are not scaled by their decay at every token: with P the decays since the last
 * token that did so, S = Diag(P) Z is kept as Z,
 *
 *   Z <- Z + (b / P) w' + (k / P) v',   o = Z' (P s q),   w of the next token = Z' (P a)
 *
 * which leaves four multiply-adds for each element of S. Z becomes S where a channel would fall below e^-20
 * (so that P and 1 / P stay numbers of float32 and their exponents keep their digits), and at the end
 * of every chunk of C = LA_DELTA_BACK tokens: chunks can be prepared apart from each other, by any thread.
 */
#include "delta_dplr.h"
#include "delta_relay.h"
#include "delta_rows.h"

enum { C = LA_DELTA_BACK };
#define FALL 20.0f /* of a channel's log P, at most */

/* ---- without the state ---- */

/* One token as the sweep takes it, rows of K. Before anything else, S is scaled by `rows` where `scaled`. */
typedef struct token {
    const float *k, *b, *q, *a; /* k / P, b / P, P s q, P a of the next token */
    const float *rows;
    bool scaled;
} token;

static token token_at(const float *ready, int64_t K, int64_t i)
{
    const float *p = ready + C + i * 5 * K;
    return (token){.k = p,
                   .b = p + K,
                   .q = p + 2 * K,
                   .a = p + 3 * K,
                   .rows = p + 4 * K,
                   .scaled = ready[i] != 0.0f};
}

/* G, the log of P, behind a token; true where a channel has fallen too far. */
LA_INLINE bool fall(int64_t dk, const float *g, float *G)
{
    la_vf lowest = la_v_set(0.0f);
    la_rows gates = la_floats(g, 0);
    for (int64_t r = 0; r < dk; r += LA_VW) {
        la_vf sum = la_v_load(G + r) + la_rows_load(&gates, r, dk - r);
        la_v_store(G + r, sum);
        lowest = la_v_min(sum, lowest);
    }
    return la_v_hmax(la_v_set(0.0f) - lowest) > FALL;
}

/* The five rows of token t, whose P is exp(G), or 1 where S is scaled. */
LA_INLINE void prepare_token(const la_delta_slice *x, int64_t t, float *to, float *G, bool scaled)
{
    int64_t K = la_delta_up(x->dk), dk = x->dk, row = x->gate_row * dk;
    bool more = t + 1 < x->T;
    la_rows k = la_elements(x->k, t * x->qk_row, 0), q = la_elements(x->q, t * x->qk_row, 0);
    la_rows b = la_floats(x->b + t * row, 0), a = la_floats(x->a + (t + more) * row, 0);
    const la_vf one = la_v_set(1.0f), scale = la_v_set(x->scale);
    for (int64_t r = 0; r < K; r += LA_VW) {
        int64_t n = dk > r ? dk - r : 0;
        la_vf p = la_v_exp_falling(la_v_load(G + r)), inverse = one;
        if (scaled) {
            la_v_store(to + 4 * K + r, p);
            la_v_store(G + r, la_v_set(0.0f));
            p = one;
        } else {
            inverse = one / p;
        }
        la_v_store(to + r, inverse * la_rows_load(&k, r, n));
        la_v_store(to + K + r, inverse * la_rows_load(&b, r, n));
        la_v_store(to + 2 * K + r, p * (scale * la_rows_load(&q, r, n)));
        la_v_store(to + 3 * K + r, p * la_rows_load(&a, r, more ? n : 0));
    }
}

/* Chunk tokens [t, t + C) into `ready`: C flags, then 5 rows a token. scratch: a row. */
void LA_ISA(la_dplr_prepare)(const la_delta_slice *x, int64_t t, float *ready, float *scratch)
{
    int64_t K = la_delta_up(x->dk), row = x->gate_row * x->dk;
    int64_t n = x->T - t < C ? x->T - t : C;
    la_rows_ask(x, la_floats(x->g, row), x->dk, t + C, false);
    la_rows_ask(x, la_floats(x->a, row), x->dk, t + C, false);
    la_rows_ask(x, la_floats(x->b, row), x->dk, t + C, false);
    la_rows_ask(x, la_elements(x->q, 0, x->qk_row), x->dk, t + C, false);
    la_rows_ask(x, la_elements(x->k, 0, x->qk_row), x->dk, t + C, false);
    memset(scratch, 0, (size_t)K * sizeof *scratch);
    for (int64_t i = 0; i < n; i++) {
        float *to = ready + C + i * 5 * K;
        bool scaled = fall(x->dk, x->g + (t + i) * row, scratch) || i + 1 == n;
        ready[i] = scaled ? 1.0f : 0.0f;
        if (scaled)
            prepare_token(x, t + i, to, scratch, true);
        else
            prepare_token(x, t + i, to, scratch, false);
    }
}

/* ---- with the state ---- */

/* One sweep for `vecs` vectors of columns: S [K] rows of as many, v and o at these columns of one token;
 * held is what the token's a read, and becomes what the next one's reads. */
LA_INLINE void sweep(const token *t, int64_t K, const int vecs, bool scaled, la_rows v, la_rows o,
                     int64_t last, float *S, la_vf *held)
{
    enum { SUMS = 4 };
    const int rows = SUMS / vecs; /* with sums of their own: they cover the latency */
    la_vf u[4], out[SUMS], next[SUMS];
#pragma GCC unroll 4
    for (int n = 0; n < vecs; n++) u[n] = la_rows_load(&v, n * LA_VW, n + 1 < vecs ? LA_VW : last);
#pragma GCC unroll 4
    for (int n = 0; n < SUMS; n++) out[n] = next[n] = la_v_set(0.0f);
    for (int64_t r = 0; r < K; r += rows, S += rows * vecs * LA_VW)
#pragma GCC unroll 4
        for (int m = 0; m < rows; m++) {
            la_vf k = la_v_set(t->k[r + m]), b = la_v_set(t->b[r + m]);
            la_vf q = la_v_set(t->q[r + m]), a = la_v_set(t->a[r + m]);
#pragma GCC unroll 4
            for (int n = 0; n < vecs; n++) {
                float *at = S + (m * vecs + n) * LA_VW;
                la_vf s = la_v_load(at);
                if (scaled) s = la_v_set(t->rows[r + m]) * s;
                s = la_v_fma(b, held[n], la_v_fma(k, u[n], s));
                la_v_store(at, s);
                out[m * vecs + n] = la_v_fma(q, s, out[m * vecs + n]);
                next[m * vecs + n] = la_v_fma(a, s, next[m * vecs + n]);
            }
        }
#pragma GCC unroll 4
    for (int n = 0; n < vecs; n++) {
        la_vf sum = out[n];
        held[n] = next[n];
#pragma GCC unroll 4
        for (int m = 1; m < rows; m++) sum += out[m * vecs + n], held[n] += next[m * vecs + n];
        la_rows_store(&o, n * LA_VW, sum, n + 1 < vecs ? LA_VW : last);
    }
}

/* A panel of columns [j, j + vecs vectors), of which the last has `last`, through one prepared chunk. */
LA_INLINE void panel(const la_delta_slice *x, int64_t t, const float *ready, int64_t j,
                     int64_t last, const int vecs, float *held)
{
    int64_t K = la_delta_up(x->dk), n = x->T - t < C ? x->T - t : C;
    float *S = x->work + K * j;
    la_vf w[4];
    la_rows_ask(x, la_elements(x->v, j, x->v_row), vecs * LA_VW, t + C, false);
    la_rows_ask(x, la_elements(x->o, j, x->v_row), vecs * LA_VW, t + C, true);
#pragma GCC unroll 4
    for (int m = 0; m < vecs; m++) w[m] = la_v_load(held + j + m * LA_VW);
    for (int64_t i = 0; i < n; i++) {
        token at = token_at(ready, K, i);
        int64_t row = (t + i) * x->v_row + j;
        la_rows v = la_elements(x->v, row, 0), o = la_elements(x->o, row, 0);
        if (at.scaled)
            sweep(&at, K, vecs, true, v, o, last, S, w);
        else
            sweep(&at, K, vecs, false, v, o, last, S, w);
    }
#pragma GCC unroll 4
    for (int m = 0; m < vecs; m++) la_v_store(held + j + m * LA_VW, w[m]);
}

#if defined(__AVX512F__)
enum { WIDE = 4 };
#else
enum { WIDE = 2 };
#endif

/* Columns of the panel that starts at j; each panel has its K rows of S one after the other. */
static int64_t panel_columns(const la_delta_slice *x, int64_t j)
{
    int64_t vectors = (x->w - j + LA_VW - 1) / LA_VW;
    return (vectors >= WIDE ? WIDE : vectors >= 2 ? 2 : 1) * LA_VW;
}

static void take_state(const la_delta_slice *x, float *held)
{
    int64_t K = la_delta_up(x->dk);
    for (int64_t j = 0, columns; j < x->w; j += columns) {
        columns = panel_columns(x, j);
        int64_t there = x->w - j < columns ? x->w - j : columns;
        float *S = x->work + K * j;
        memset(S, 0, (size_t)(K * columns) * sizeof *S);
        for (int64_t r = 0; x->S_in && r < x->dk; r++)
            memcpy(S + r * columns, x->S_in + r * x->S_row + j, (size_t)there * sizeof *S);
        x->tile->vm(x->dk, columns, 1.0f, S, columns, x->a, false, held + j);
    }
}

static void give_state(const la_delta_slice *x, float *to)
{
    int64_t K = la_delta_up(x->dk);
    for (int64_t j = 0, columns; j < x->w; j += columns) {
        columns = panel_columns(x, j);
        int64_t there = x->w - j < columns ? x->w - j : columns;
        const float *S = x->work + K * j;
        for (int64_t r = 0; r < x->dk; r++)
            memcpy(to + r * x->S_row + j, S + r * columns, (size_t)there * sizeof *S);
    }
}

/* The chunk from token t on. */
static void chunk(const la_delta_slice *x, int64_t t, const float *ready)
{
    float *held = x->work + la_delta_up(x->dk) * la_delta_up(x->w);
    if (t == 0) take_state(x, held);
    for (int64_t j = 0, columns; j < x->w; j += columns) {
        columns = panel_columns(x, j);
        int64_t last = x->w - j - (columns - LA_VW);
        last = last < LA_VW ? last : LA_VW;
        if (columns == 4 * LA_VW)
            panel(x, t, ready, j, last, 4, held);
        else if (columns == 2 * LA_VW)
            panel(x, t, ready, j, last, 2, held);
        else
            panel(x, t, ready, j, last, 1, held);
    }
    int64_t done = t + C;
    if (x->saved && done < x->T && done % x->segment == 0)
        give_state(x, x->saved + (done / x->segment - 1) * x->dk * x->S_row);
    if (x->S_out && done >= x->T) give_state(x, x->S_out);
}

void LA_ISA(la_dplr_scan)(const la_delta_slice *x, int64_t t0, int64_t t1, float *ready)
{
    for (int64_t t = t0; t < t1; t += C, ready += la_dplr_ready_floats(x->dk)) chunk(x, t, ready);
}

/* ---- a leg of a relay ---- */

void LA_ISA(la_dplr_leg_prepare)(const la_delta_slice *x, const la_delta_leg *leg)
{
    float *ready = leg->ready;
    for (int64_t t = leg->start; t < leg->end; t += C, ready += la_dplr_ready_floats(x->dk))
        LA_ISA(la_dplr_prepare)(x, t, ready, leg->scratch + la_dplr_scan_floats(x->dk, x->w));
}

/* What the sweep keeps of the state is what is handed on. */
void LA_ISA(la_dplr_leg_carry)(const la_delta_slice *x, const la_delta_leg *leg)
{
    size_t bytes = (size_t)la_dplr_scan_floats(x->dk, x->w) * sizeof *x->work;
    if (leg->start > 0) memcpy(x->work, leg->in, bytes);
    LA_ISA(la_dplr_scan)(x, leg->start, leg->end, leg->ready);
    memcpy(leg->out, x->work, bytes);
}

void LA_ISA(la_dplr_sweep)(const la_delta_slice *x)
{
    float *ready = x->work + la_dplr_scan_floats(x->dk, x->w);
    float *scratch = ready + la_dplr_ready_floats(x->dk);
    for (int64_t t = 0; t < x->T; t += C) {
        LA_ISA(la_dplr_prepare)(x, t, ready, scratch);
        chunk(x, t, ready);
    }
}
