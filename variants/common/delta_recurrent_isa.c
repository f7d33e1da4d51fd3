/* SPDX-License-Identifier: Apache-2.0
 * The recurrent form: token by token, two sweeps over S. The first reads what S holds under k; the
 * second decays, writes and reads out. Compiled once per instruction set.
 *
 *   u <- beta (v - a S'k)   (additive: u <- w v; diagonal plus rank one: u <- v, w <- S'a)
 *   S <- a S + k u' (+ b w'),   o <- s S'q
 *
 * Columns of S are independent, so the outermost loop is over blocks of columns that stay in the L1
 * cache for all tokens, and the sums u and o of a block stay in registers.
 */
#include <string.h>

#include "delta_slice.h"
#include "labench/simd.h"

/* Where one token finds its numbers. S is read from `from` and written to `to` (they may be the same);
 * a is the token's decay, or `rows` those of each channel. */
typedef struct token {
    const float *q, *k, *v;
    const float *reads, *writes; /* the vector that asks S before the decay, k or a; b, or NULL */
    float *o;
    const float *from;
    float *to;
    int64_t from_row, to_row, dk, last; /* last: columns of the last vector */
    float a, beta, scale;
    const float *rows;
} token;

typedef enum sweep_decay { KEEP, BY_HEAD, BY_CHANNEL } sweep_decay;

/* S is loaded whole unless it is the caller's own and the last vector is short. */
LA_INLINE la_vf load(const float *p, bool whole, int64_t n)
{
    return whole ? la_v_load(p) : la_v_load_n(p, n);
}

LA_INLINE void store(float *p, la_vf x, bool whole, int64_t n)
{
    if (whole)
        la_v_store(p, x);
    else
        la_v_store_n(p, x, n);
}

/* sum[n] += k_i S_i of one row, decayed or (diagonal plus rank one) not yet */
LA_INLINE void read_row(const token *t, int64_t i, int nv, la_write_rule write, sweep_decay decay,
                        bool whole, la_vf *sum)
{
    const float *S = t->from + i * t->from_row;
    bool decayed = decay == BY_CHANNEL && write == LA_WRITE_DELTA;
    la_vf k = la_v_set(decayed ? t->reads[i] * t->rows[i] : t->reads[i]);
#pragma GCC unroll 4
    for (int n = 0; n < nv; n++) sum[n] = la_v_fma(k, load(S + n * LA_VW, whole, t->last), sum[n]);
}

/* S_i <- a S_i + k_i u (+ b_i w); sum[n] += q_i S_i. Behind u lies w. */
LA_INLINE void write_row(const token *t, int64_t i, int nv, la_write_rule write, sweep_decay decay,
                         bool whole, const la_vf *u, la_vf *sum)
{
    const float *from = t->from + i * t->from_row;
    float *to = t->to + i * t->to_row;
    la_vf k = la_v_set(t->k[i]), q = la_v_set(t->q[i]);
#pragma GCC unroll 4
    for (int n = 0; n < nv; n++) {
        la_vf S = load(from + n * LA_VW, whole, t->last);
        if (decay == BY_HEAD) S = la_v_set(t->a) * S;
        if (decay == BY_CHANNEL) S = la_v_set(t->rows[i]) * S;
        S = la_v_fma(k, u[n], S);
        if (write == LA_WRITE_RANK_ONE) S = la_v_fma(la_v_set(t->writes[i]), u[nv + n], S);
        store(to + n * LA_VW, S, whole, t->last);
        sum[n] = la_v_fma(q, S, sum[n]);
    }
}

/* One token of a block of nv vectors. Several rows at a time, each with sums of its own: 8 sums cover
 * the latency of a multiply-add on two pipes. */
LA_INLINE void step(const token *t, int nv, la_write_rule write, sweep_decay decay, bool whole)
{
    const int rows = 8 / nv;
    la_vf u[8], sum[8];
    int64_t i;
#pragma GCC unroll 8
    for (int n = 0; n < 8; n++) sum[n] = la_v_set(0.0f);
    if (write != LA_WRITE_ADDITIVE) {
        for (i = 0; i + rows <= t->dk; i += rows)
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++)
                read_row(t, i + r, nv, write, decay, whole, sum + r * nv);
        for (; i < t->dk; i++) read_row(t, i, nv, write, decay, whole, sum);
    }
#pragma GCC unroll 4
    for (int n = 0; n < nv; n++) {
        la_vf held = sum[n];
#pragma GCC unroll 8
        for (int r = 1; r < rows; r++) held += sum[r * nv + n];
        if (decay == BY_HEAD) held = la_v_set(t->a) * held;
        la_vf v = load(t->v + n * LA_VW, n + 1 < nv || t->last == LA_VW, t->last);
        if (write == LA_WRITE_DELTA) v = v - held;
        u[n] = la_v_set(t->beta) * v;
        if (write == LA_WRITE_RANK_ONE) u[nv + n] = held;
    }
#pragma GCC unroll 8
    for (int n = 0; n < 8; n++) sum[n] = la_v_set(0.0f);
    for (i = 0; i + rows <= t->dk; i += rows)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
            write_row(t, i + r, nv, write, decay, whole, u, sum + r * nv);
    for (; i < t->dk; i++) write_row(t, i, nv, write, decay, whole, u, sum);
#pragma GCC unroll 4
    for (int n = 0; n < nv; n++) {
        la_vf o = sum[n];
#pragma GCC unroll 8
        for (int r = 1; r < rows; r++) o += sum[r * nv + n];
        store(t->o + n * LA_VW, la_v_set(t->scale) * o, n + 1 < nv || t->last == LA_VW, t->last);
    }
}

/* The decays of tokens [t0, t0 + n) of a scalar gate. */
static void scalar_decays(const la_delta_slice *x, int64_t t0, int64_t n, float *a)
{
    for (int64_t t = 0; t < n; t++)
        a[t] = x->decay == LA_DECAY_FIXED ? (float)x->log_decay : x->g[(t0 + t) * x->gate_row];
    for (int64_t t = 0; t < n; t += LA_VW) {
        int64_t m = n - t < LA_VW ? n - t : LA_VW;
        la_v_store_n(a + t, la_v_exp(la_v_load_n(a + t, m)), m);
    }
}

static void channel_decays(const la_delta_slice *x, int64_t t, float *rows)
{
    const float *g = x->g + t * x->gate_row * x->dk;
    for (int64_t i = 0; i < x->dk; i += LA_VW) {
        int64_t m = x->dk - i < LA_VW ? x->dk - i : LA_VW;
        la_v_store_n(rows + i, la_v_exp(la_v_load_n(g + i, m)), m);
    }
}

/* A dense block of S into `columns` columns of the caller's. */
static void copy_block(const la_delta_slice *x, const float *S, int64_t width, int64_t columns,
                       float *to)
{
    for (int64_t i = 0; i < x->dk; i++)
        memcpy(to + i * x->S_row, S + i * width, (size_t)columns * sizeof *S);
}

/* All tokens for the columns [j, j + nv vectors), of which the last has `last` columns. */
LA_INLINE void block(const la_delta_slice *x, int64_t j, int64_t last, int nv, la_write_rule write,
                     sweep_decay decay, bool whole)
{
    int64_t width = nv * LA_VW, columns = (nv - 1) * LA_VW + last;
    float *S = x->work, *a = S + x->dk * LA_DELTA_COLUMNS, *rows = a + LA_DELTA_RUN;
    /* A single token goes from the caller's state to the caller's state: copying it would double the
     * cost. Otherwise S is copied to a dense block, whose rows do not compete for cache sets. */
    bool direct = x->T == 1 && x->S_in && x->S_out;
    token t = {.from = S, .to = S, .from_row = width, .to_row = width, .dk = x->dk, .last = last};
    t.beta = 1.0f, t.scale = x->scale, t.a = 1.0f, t.rows = rows;
    if (direct) {
        t.from = x->S_in + j, t.to = x->S_out + j;
        t.from_row = t.to_row = x->S_row;
    } else {
        memset(S, 0, (size_t)(x->dk * width) * sizeof *S);
        for (int64_t i = 0; x->S_in && i < x->dk; i++)
            memcpy(S + i * width, x->S_in + i * x->S_row + j, (size_t)columns * sizeof *S);
        whole = true;
    }
    int64_t save = x->saved ? x->segment : x->T; /* the next token before which S is saved */
    for (int64_t i = 0; i < x->T; i++) {
        if (i == save) {
            copy_block(x, S, width, columns,
                       x->saved + (i / x->segment - 1) * x->dk * x->S_row + j);
            save += x->segment;
        }
        int64_t in_run = i % LA_DELTA_RUN, left = x->T - i;
        if (decay == BY_HEAD && in_run == 0)
            scalar_decays(x, i, left < LA_DELTA_RUN ? left : LA_DELTA_RUN, a);
        if (decay == BY_HEAD) t.a = a[in_run];
        if (decay == BY_CHANNEL) channel_decays(x, i, rows);
        t.q = x->q + i * x->qk_row, t.reads = t.k = x->k + i * x->qk_row;
        if (write == LA_WRITE_RANK_ONE) {
            t.reads = x->a + i * x->gate_row * x->dk;
            t.writes = x->b + i * x->gate_row * x->dk;
        }
        t.v = x->v + i * x->v_row + j, t.o = x->o + i * x->v_row + j;
        if (x->beta) t.beta = x->beta[i * x->gate_row];
        if (whole)
            step(&t, nv, write, decay, true);
        else
            step(&t, nv, write, decay, false);
    }
    if (!direct && x->S_out) copy_block(x, S, width, columns, x->S_out + j);
}

LA_INLINE void blocks(const la_delta_slice *x, la_write_rule write, sweep_decay decay)
{
    int64_t j = 0;
    for (; j + 4 * LA_VW <= x->w; j += 4 * LA_VW) block(x, j, LA_VW, 4, write, decay, true);
    for (; j + 2 * LA_VW <= x->w; j += 2 * LA_VW) block(x, j, LA_VW, 2, write, decay, true);
    for (; j < x->w; j += LA_VW) {
        int64_t last = x->w - j < LA_VW ? x->w - j : LA_VW;
        block(x, j, last, 1, write, decay, last == LA_VW);
    }
}

void LA_ISA(la_delta_recurrent)(const la_delta_slice *x)
{
    if (x->write == LA_WRITE_RANK_ONE) {
        blocks(x, LA_WRITE_RANK_ONE, BY_CHANNEL);
    } else if (x->write == LA_WRITE_DELTA) {
        if (x->decay == LA_DECAY_NONE)
            blocks(x, LA_WRITE_DELTA, KEEP);
        else if (x->decay == LA_DECAY_CHANNEL)
            blocks(x, LA_WRITE_DELTA, BY_CHANNEL);
        else
            blocks(x, LA_WRITE_DELTA, BY_HEAD);
    } else {
        if (x->decay == LA_DECAY_NONE)
            blocks(x, LA_WRITE_ADDITIVE, KEEP);
        else if (x->decay == LA_DECAY_CHANNEL)
            blocks(x, LA_WRITE_ADDITIVE, BY_CHANNEL);
        else
            blocks(x, LA_WRITE_ADDITIVE, BY_HEAD);
    }
}
