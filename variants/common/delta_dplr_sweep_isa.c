/* SPDX-License-Identifier: Apache-2.0
 * Diagonal plus rank one, a pair of tokens at a time: one sweep over S a pair. Compiled once per instruction set.
 *
 *   w = S'a;   S <- Diag(exp g) S + b w' + k v';   o = S' (s q)
 *
 * Rows are not scaled by their decay at every pair: with P the decays since the last pair that did so, S =
 * Diag(P) Z is kept as Z. With g, d the decays of the pair's tokens 1 and 2,
 *
 *   Z <- Z + (b1 / (P g)) w1' + (k1 / (P g)) v1' + (b2 / (P g d)) w2' + (k2 / (P g d)) v2'
 *   w1 = Z' (P a1)                                                  both of Z before the pair
 *   w2 = Z' (P g a2) + (b1'a2) w1 + (k1'a2) v1,   o1 = Z' (P g s q1) + (b1's q1) w1 + (k1's q1) v1
 *   o2 = Z' (P g d s q2)                                            of Z behind it
 *
 * which leaves four multiply-adds a token for each element of S: what the next pair's a read is what this one
 * leaves, so that it is summed on the way, and numbers that need no state replace the state between the tokens. Z
 * becomes S where a channel would fall below e^-20 (so that P and 1 / P stay numbers of float32 and their
 * exponents keep their digits), and at the end of every chunk of C = LA_DELTA_BACK tokens: chunks can be
 * prepared apart from each other, by any thread.
 */
#include "delta_dplr.h"
#include "delta_relay.h"
#include "delta_rows.h"

enum { C = LA_DELTA_BACK };
#define LOW 2e-9f /* about e^-20: of a channel's P, at least */

/* ---- without the state ---- */

/* A prepared pair: rows of K as they meet Z (FADE, by which Z is scaled, only where it is), and numbers. Of the
 * pair behind the chunk there are A1 and A2. */
enum { A1, A2, Q1, Q2, B1, B2, K1, K2, FADE, ROWS };
enum { BA, KA, BQ, KQ, SCALED, NUMBERS = LA_DPLR_NUMBERS };

static float *rows_at(float *ready, int64_t K, int64_t pair)
{
    return ready + C / 2 * NUMBERS + pair * ROWS * K;
}

/* Where the two tokens from t on are among rows of `row`, elements from r on; the second may not be there. */
typedef struct pair_rows {
    la_rows x;
    int64_t first, second;
} pair_rows;

LA_INLINE pair_rows rows_of(la_rows x, int64_t t, bool both)
{
    return (pair_rows){x, t * x.row, (t + both) * x.row};
}

/* exp(g). P is a product of these, as in the recurrence itself: no sum of many g loses digits of its exponent. */
LA_INLINE la_vf decay_of(la_vf g)
{
    return la_v_exp2(g * la_v_set(1.44269504088896341f));
}

/* Decays of the pair of tokens from t on, P [K] being before them: the second token's into later, P g into
 * first and P g d into fade. True where a channel of that is too low. */
LA_INLINE bool pair_decays(const la_delta_slice *x, int64_t t, bool both, const float *P,
                           float *later, float *first, float *fade)
{
    int64_t K = la_delta_up(x->dk), dk = x->dk;
    pair_rows g = rows_of(la_floats(x->g, x->gate_row * dk), t, both);
    la_vf lowest = la_v_set(1.0f);
    for (int64_t r = 0; r < K; r += LA_VW) {
        int64_t n = dk > r ? dk - r : 0;
        la_vf one = la_v_load(P + r) * decay_of(la_rows_load(&g.x, g.first + r, n));
        la_vf two = decay_of(la_rows_load(&g.x, g.second + r, both ? n : 0));
        la_v_store(later + r, two);
        la_v_store(first + r, one);
        la_v_store(fade + r, one * two);
        lowest = la_v_min(one * two, lowest);
    }
    return la_v_hmin(lowest) < LOW;
}

/* Rows and numbers of the pair from its decays. */
LA_INLINE void prepare_pair(const la_delta_slice *x, int64_t t, bool both, const float *P,
                            const float *later, const float *first, bool scaled, float *numbers,
                            float *to)
{
    int64_t K = la_delta_up(x->dk), dk = x->dk;
    pair_rows a = rows_of(la_floats(x->a, x->gate_row * dk), t, both);
    pair_rows b = rows_of(la_floats(x->b, x->gate_row * dk), t, both);
    pair_rows k = rows_of(la_elements(x->k, 0, x->qk_row), t, both);
    pair_rows q = rows_of(la_elements(x->q, 0, x->qk_row), t, both);
    const la_vf zero = la_v_set(0.0f), one = la_v_set(1.0f);
    la_vf ba = zero, ka = zero, bq = zero, kq = zero;
    for (int64_t r = 0; r < K; r += LA_VW) {
        int64_t n = dk > r ? dk - r : 0, m = both ? n : 0;
        la_vf a2 = la_rows_load(&a.x, a.second + r, m), b1 = la_rows_load(&b.x, b.first + r, n);
        la_vf k1 = la_rows_load(&k.x, k.first + r, n), q1 = la_rows_load(&q.x, q.first + r, n);
        la_vf b2 = la_rows_load(&b.x, b.second + r, m), k2 = la_rows_load(&k.x, k.second + r, m);
        la_vf q2 = la_rows_load(&q.x, q.second + r, m), in = la_v_load(first + r);
        la_vf out = la_v_load(later + r);
        la_v_store(to + A1 * K + r, la_v_load(P + r) * la_rows_load(&a.x, a.first + r, n));
        la_v_store(to + A2 * K + r, in * a2);
        la_v_store(to + Q1 * K + r, in * q1);
        ba = la_v_fma(b1, a2, ba), ka = la_v_fma(k1, a2, ka);
        bq = la_v_fma(b1, q1, bq), kq = la_v_fma(k1, q1, kq);
        if (!scaled) {
            la_vf fade = la_v_load(to + FADE * K + r), grow = one / fade;
            q2 = fade * q2, b2 = grow * b2, k2 = grow * k2;
            out = grow * out;
        }
        la_v_store(to + Q2 * K + r, q2);
        la_v_store(to + B1 * K + r, out * b1);
        la_v_store(to + K1 * K + r, out * k1);
        la_v_store(to + B2 * K + r, b2);
        la_v_store(to + K2 * K + r, k2);
    }
    numbers[BA] = la_v_sum(ba), numbers[KA] = la_v_sum(ka);
    numbers[BQ] = la_v_sum(bq), numbers[KQ] = la_v_sum(kq);
    numbers[SCALED] = scaled ? 1.0f : 0.0f;
}

/* What the pair from t on reads S with, where that is not scaled; zeros where there is none. */
static void prepare_reads(const la_delta_slice *x, int64_t t, float *to)
{
    int64_t K = la_delta_up(x->dk), row = x->gate_row * x->dk;
    int64_t there = t < x->T ? t : 0;
    bool both = there + 1 < x->T;
    pair_rows g = rows_of(la_floats(x->g, row), there, both);
    pair_rows a = rows_of(la_floats(x->a, row), there, both);
    for (int64_t r = 0; r < K; r += LA_VW) {
        int64_t n = t < x->T && x->dk > r ? x->dk - r : 0;
        la_vf fade = decay_of(la_rows_load(&g.x, g.first + r, n));
        la_v_store(to + A1 * K + r, la_rows_load(&a.x, a.first + r, n));
        la_v_store(to + A2 * K + r, fade * la_rows_load(&a.x, a.second + r, both ? n : 0));
    }
}

/* Lines of two tokens' g, a, b, q and k, to be asked for. */
enum { LINES = 10 };
typedef struct lines {
    const char *at[LINES];
} lines;

/* Those of the tokens from t on, or of the last one where there are none. */
LA_INLINE lines lines_of(const la_delta_slice *x, int64_t t)
{
    lines to;
    int64_t row = x->gate_row * x->dk;
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        int64_t at = t + i < x->T ? t + i : x->T - 1;
        to.at[5 * i] = (const char *)(x->g + at * row);
        to.at[5 * i + 1] = (const char *)(x->a + at * row);
        to.at[5 * i + 2] = (const char *)(x->b + at * row);
        to.at[5 * i + 3] = la_elements(x->q, at * x->qk_row, 0).p;
        to.at[5 * i + 4] = la_elements(x->k, at * x->qk_row, 0).p;
    }
    return to;
}

/* In channels [r, r + 16), and of bf16 twice as many. */
LA_INLINE void ask(const lines *from, int64_t r)
{
#pragma GCC unroll 16
    for (int i = 0; i < LINES; i++)
        __builtin_prefetch(from->at[i] + r * (int64_t)sizeof(float), 0, 2);
}

/* scratch: 3 rows. */
LA_INLINE void prepare(const la_delta_slice *x, int64_t t, float *ready, float *scratch, bool asks)
{
    int64_t K = la_delta_up(x->dk), end = x->T - t < C ? x->T : t + C, i = 0;
    float *ones = scratch, *later = scratch + K, *first = later + K;
    const float *P = ones;
    for (int64_t r = 0; r < K; r++) ones[r] = 1.0f;
    for (; t < end; t += 2, i++) {
        bool both = t + 1 < x->T;
        float *numbers = ready + i * NUMBERS, *to = rows_at(ready, K, i), *fade = to + FADE * K;
        lines ahead = lines_of(x, t + C);
        for (int64_t r = 0; asks && r < x->dk; r += 16) ask(&ahead, r);
        bool scaled = pair_decays(x, t, both, P, later, first, fade) || t + 2 >= end;
        if (scaled)
            prepare_pair(x, t, both, P, later, first, true, numbers, to);
        else
            prepare_pair(x, t, both, P, later, first, false, numbers, to);
        P = scaled ? ones : fade;
    }
    prepare_reads(x, t, rows_at(ready, K, i));
}

/* Chunk tokens [t, t + C) into `ready`: numbers and rows of its pairs. */
void LA_ISA(la_dplr_prepare)(const la_delta_slice *x, int64_t t, float *ready, float *scratch)
{
    prepare(x, t, ready, scratch, true);
}

/* ---- with the state ---- */

enum { VECS = 2 }; /* of columns, at most */

/* A pair at a panel of `vecs` vectors of columns, of which the last has `last`. */
typedef struct step {
    const float *numbers, *rows;
    la_rows v, o;          /* at these columns */
    int64_t first, second; /* of v and o: where the tokens are; the same where there is one */
    int64_t last;
} step;

LA_INLINE la_vf take(const step *at, int64_t i, const int vecs, int n)
{
    return la_rows_load(&at->v, i + n * LA_VW, n + 1 < vecs ? LA_VW : at->last);
}

LA_INLINE void give(const step *at, int64_t i, const int vecs, int n, la_vf value)
{
    la_rows_store(&at->o, i + n * LA_VW, value, n + 1 < vecs ? LA_VW : at->last);
}

/* Asks for v and o of the pair from t on. */
LA_INLINE void ask_columns(const la_delta_slice *x, const step *at, int64_t t, const int vecs)
{
    for (int64_t i = t; i < t + 2 && i < x->T; i++)
#pragma GCC unroll 2
        for (int n = 0; n < vecs; n++) {
            int64_t e = i * x->v_row + n * LA_VW;
            __builtin_prefetch((const la_element *)at->v.p + e, 0, 2);
            __builtin_prefetch((const la_element *)at->o.p + e, 1, 2);
        }
}

/* Rows [0, 16) of what a sweep does to S; sums are those of outputs and of what the next pair's a read. */
LA_INLINE void sweep_rows(const float *rows, const float *next, int64_t K, const int vecs,
                          bool scaled, float *S, const la_vf *v, const la_vf *w, la_vf *o,
                          la_vf *held)
{
#pragma GCC unroll 2
    for (int64_t r = 0; r < 16; r++, S += vecs * LA_VW) {
        la_vf q1 = la_v_set(rows[Q1 * K + r]), q2 = la_v_set(rows[Q2 * K + r]);
        la_vf k1 = la_v_set(rows[K1 * K + r]), k2 = la_v_set(rows[K2 * K + r]);
        la_vf b1 = la_v_set(rows[B1 * K + r]), b2 = la_v_set(rows[B2 * K + r]);
        la_vf a1 = la_v_set(next[A1 * K + r]), a2 = la_v_set(next[A2 * K + r]);
#pragma GCC unroll 2
        for (int n = 0; n < vecs; n++) {
            la_vf s = la_v_load(S + n * LA_VW);
            o[n] = la_v_fma(q1, s, o[n]);
            if (scaled) s = la_v_set(rows[FADE * K + r]) * s;
            s = la_v_fma(k2, v[VECS + n], la_v_fma(k1, v[n], s));
            s = la_v_fma(b2, w[VECS + n], la_v_fma(b1, w[n], s));
            la_v_store(S + n * LA_VW, s);
            o[VECS + n] = la_v_fma(q2, s, o[VECS + n]);
            held[n] = la_v_fma(a1, s, held[n]);
            held[VECS + n] = la_v_fma(a2, s, held[VECS + n]);
        }
    }
}

/* One sweep over S [K] of the panel's vectors. held: what the pair's a read but for what its first token writes,
 * then that of the next one. ahead: lines to ask for on the way, or NULL. */
LA_INLINE void sweep(const step *at, int64_t K, float scale, const int vecs, bool scaled, float *S,
                     la_vf *held, const lines *ahead)
{
    const float *rows = at->rows, *next = rows + ROWS * K, *numbers = at->numbers;
    const la_vf by = la_v_set(scale);
    la_vf v[2 * VECS], w[2 * VECS], o[2 * VECS];
#pragma GCC unroll 2
    for (int n = 0; n < vecs; n++) {
        v[n] = take(at, at->first, vecs, n), v[VECS + n] = take(at, at->second, vecs, n);
        w[n] = held[n];
        w[VECS + n] = la_v_fma(la_v_set(numbers[KA]), v[n], held[VECS + n]);
        w[VECS + n] = la_v_fma(la_v_set(numbers[BA]), w[n], w[VECS + n]);
        o[n] = o[VECS + n] = held[n] = held[VECS + n] = la_v_set(0.0f);
    }
    for (int64_t r = 0; r < K; r += 16) {
        if (ahead) ask(ahead, r);
        sweep_rows(rows + r, next + r, K, vecs, scaled, S + r * vecs * LA_VW, v, w, o, held);
    }
#pragma GCC unroll 2
    for (int n = 0; n < vecs; n++) {
        o[n] = la_v_fma(la_v_set(numbers[KQ]), v[n], o[n]);
        o[n] = la_v_fma(la_v_set(numbers[BQ]), w[n], o[n]);
        give(at, at->second, vecs, n, by * o[VECS + n]);
        give(at, at->first, vecs, n, by * o[n]);
    }
}

/* A panel from column j on through the prepared chunk from token t on. kept [2] rows of W: held. */
LA_INLINE void panel(const la_delta_slice *x, int64_t t, float *ready, int64_t j, int64_t last,
                     const int vecs, bool asks, float *kept)
{
    int64_t K = la_delta_up(x->dk), W = la_delta_up(x->w), end = x->T - t < C ? x->T : t + C;
    int64_t row = x->v_row;
    float *S = x->work + K * j, scale = x->scale;
    step at = {.v = la_elements(x->v, j, row), .o = la_elements(x->o, j, row), .last = last};
    la_vf held[2 * VECS];
#pragma GCC unroll 2
    for (int n = 0; n < vecs; n++) {
        held[n] = la_v_load(kept + j + n * LA_VW);
        held[VECS + n] = la_v_load(kept + W + j + n * LA_VW);
    }
    for (int64_t i = 0; t < end; t += 2, i++) {
        at.numbers = ready + i * NUMBERS, at.rows = rows_at(ready, K, i);
        at.first = t * row, at.second = t + 1 < end ? at.first + row : at.first;
        ask_columns(x, &at, t + C, vecs);
        lines ahead;
        if (asks) ahead = lines_of(x, t + C);
        if (at.numbers[SCALED] != 0.0f)
            sweep(&at, K, scale, vecs, true, S, held, asks ? &ahead : NULL);
        else
            sweep(&at, K, scale, vecs, false, S, held, asks ? &ahead : NULL);
    }
#pragma GCC unroll 2
    for (int n = 0; n < vecs; n++) {
        la_v_store(kept + j + n * LA_VW, held[n]);
        la_v_store(kept + W + j + n * LA_VW, held[VECS + n]);
    }
}

/* Columns of the panel that starts at j; each panel has its K rows of S one after the other. */
static int64_t panel_columns(const la_delta_slice *x, int64_t j)
{
    return x->w - j > LA_VW ? VECS * LA_VW : LA_VW;
}

/* held [2,W]: what the first pair reads, as `ready` has it. */
static void take_state(const la_delta_slice *x, float *ready, float *held)
{
    int64_t K = la_delta_up(x->dk), W = la_delta_up(x->w);
    const float *a = rows_at(ready, K, 0);
    for (int64_t j = 0, columns; j < x->w; j += columns) {
        columns = panel_columns(x, j);
        int64_t there = x->w - j < columns ? x->w - j : columns;
        float *S = x->work + K * j;
        memset(S, 0, (size_t)(K * columns) * sizeof *S);
        for (int64_t r = 0; x->S_in && r < x->dk; r++)
            memcpy(S + r * columns, x->S_in + r * x->S_row + j, (size_t)there * sizeof *S);
        x->tile->vm(x->dk, columns, 1.0f, S, columns, a + A1 * K, false, held + j);
        x->tile->vm(x->dk, columns, 1.0f, S, columns, a + A2 * K, false, held + W + j);
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
static void chunk(const la_delta_slice *x, int64_t t, float *ready, bool asks)
{
    int64_t K = la_delta_up(x->dk), W = la_delta_up(x->w);
    float *held = x->work + K * W;
    if (t == 0) take_state(x, ready, held);
    for (int64_t j = 0, columns; j < x->w; j += columns) {
        columns = panel_columns(x, j);
        int64_t last = x->w - j - (columns - LA_VW);
        last = last < LA_VW ? last : LA_VW;
        if (columns == LA_VW)
            panel(x, t, ready, j, last, 1, asks && j == 0, held);
        else
            panel(x, t, ready, j, last, VECS, asks && j == 0, held);
    }
    int64_t done = t + C;
    float *saved = la_state_saved(x, done);
    if (saved) give_state(x, saved);
    if (x->S_out && done >= x->T) give_state(x, x->S_out);
}

void LA_ISA(la_dplr_scan)(const la_delta_slice *x, int64_t t0, int64_t t1, float *ready)
{
    for (int64_t t = t0; t < t1; t += C, ready += la_dplr_ready_floats(x->dk))
        chunk(x, t, ready, false);
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
        prepare(x, t, ready, scratch, false);
        chunk(x, t, ready, true);
    }
}
