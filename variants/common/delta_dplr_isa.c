/* SPDX-License-Identifier: Apache-2.0
 * Diagonal plus rank one, forward by chunks; the mathematics is in delta_dplr.h. Compiled once per
 * instruction set.
 */
#include "delta_dplr.h"

#include "delta_product.h"
#include "delta_rows.h"

enum { C = LA_DELTA_BACK };
#define FALL 60.0 /* of a channel's G inside a stretch, at most */

typedef la_dplr_walk walk;
typedef la_dplr_chunk chunk;

/* ---- decays ---- */

/* G at times 0 to C; the tokens that pad the chunk do not decay. */
static void sums(const walk *w, const chunk *c, int64_t t, int64_t n)
{
    const la_delta_slice *x = w->x;
    int64_t K = w->K, dk = x->dk, row = x->gate_row * dk;
    for (int64_t r = 0; r < K; r++) c->G[r] = 0.0;
    for (int64_t i = 0; i < C; i++) {
        const double *from = c->G + i * K;
        double *to = c->G + (i + 1) * K;
        const float *g = x->g + (t + i) * row;
        memcpy(to, from, (size_t)K * sizeof *to);
        for (int64_t r = 0; i < n && r < dk; r++) to[r] = from[r] + (double)g[r];
    }
}

/* Some channel falls too far between two times (or is not a number). */
static bool falls(int64_t K, const double *from, const double *to)
{
    int64_t held = 0;
    for (int64_t r = 0; r < K; r++) held += from[r] - to[r] < FALL;
    return held != K;
}

static void find_stretches(const walk *w, chunk *c)
{
    int64_t K = w->K;
    c->stretches = 1;
    c->stretch[0] = 0;
    for (int64_t t = 1; t <= C; t++)
        if (falls(K, c->G + c->stretch[c->stretches - 1] * K, c->G + t * K))
            c->stretch[c->stretches++] = t;
    c->stretch[c->stretches] = C + 1;
}

/* to = x . by for the two halves of x [2C,K], which are `first` and `second` [C,K] later in `by`. */
static void scale_halves(const walk *w, const float *x, const float *first, const float *second,
                         float *to)
{
    int64_t n = C * w->K;
    w->x->tile->mul(n, x, first, to);
    w->x->tile->mul(n, x + n, second, to + n);
}

la_dplr_stretch LA_ISA(la_dplr_stretch)(const walk *w, const chunk *c, int e)
{
    int64_t K = w->K, t0 = c->stretch[e], t1 = c->stretch[e + 1];
    la_dplr_stretch s = {.near = c->fade, .far = w->far, .rows = c->in, .cols = w->cols};
    for (int64_t f = K; e == 0 && f < t1 * K; f += LA_VW)
        la_v_store(w->far + f, la_v_set(1.0f) / la_v_load(c->fade + f));
    for (int64_t t = 1; e > 0 && t < t1; t++)
        la_rows_exp(K, c->G + t0 * K, c->G + t * K, w->far + t * K);
    memset(w->far + t1 * K, 0, (size_t)((C + 1 - t1) * K) * sizeof *w->far);
    scale_halves(w, c->writes, w->far + K, w->far + K, w->cols);
    if (c->stretches == 1) return s;
    memset(w->near, 0, (size_t)((C + 1) * K) * sizeof *w->near);
    if (e == 0) memcpy(w->near, c->fade, (size_t)(t1 * K) * sizeof *w->near);
    for (int64_t t = t0; e > 0 && t < t1; t++)
        la_rows_exp(K, c->G + t * K, c->G + t0 * K, w->near + t * K);
    scale_halves(w, c->reads, w->near, w->near + K, w->rows);
    s.near = w->near, s.rows = w->rows;
    return s;
}

/* ---- a chunk ---- */

void LA_ISA(la_dplr_mask)(float *X)
{
    const la_vf zero = la_v_set(0.0f);
    for (int64_t i = 0; i < 2 * C; i++) {
        la_vf end = la_v_set((float)(i < C ? i : i - C + 1)); /* writes that read i sees */
        for (int64_t half = 0; half < 2; half++)
            for (int64_t j = 0; j < C; j += LA_VW) {
                float *at = X + (2 * i + half) * C + j;
                la_vf column = la_v_iota() + la_v_set((float)j);
                la_v_store(at, la_v_select(la_v_less(column, end), la_v_load(at), zero));
            }
    }
}

/* c->fade; false where there may be more than one stretch. */
static bool fade(const walk *w, const chunk *c, int64_t t, int64_t n)
{
    const la_delta_slice *x = w->x;
    int64_t K = w->K, row = x->gate_row * x->dk;
    la_vf lowest = la_v_set(0.0f);
    const la_rows gates = la_floats(x->g, row);
    for (int64_t r = 0; r < K; r += LA_VW) {
        la_vf sum = la_v_set(0.0f), rest = sum;
        la_v_store(c->fade + r, la_v_set(1.0f));
        for (int64_t i = 0; i < C; i++) {
            int64_t left = i < n && r < x->dk ? x->dk - r : 0;
            la_rows_sum(la_rows_load(&gates, (t + i) * row + r, left), &sum, &rest);
            la_vf value = la_v_exp(sum);
            la_v_store(c->fade + (i + 1) * K + r, la_v_fma(value, rest, value));
        }
        lowest = la_v_min(sum, lowest);
    }
    return la_v_hmin(lowest) > 0.1f - (float)FALL;
}

/* What tokens see of each other follows from the past alone, bit by bit: `fade` and where stretches begin do,
 * and the first stretch is the same whether there are others. */
static void decays(const walk *w, chunk *c, int64_t t, int64_t n)
{
    int64_t K = w->K;
    const double *end = c->G + C * K;
    const float *whole = c->fade + C * K;
    if (fade(w, c, t, n)) {
        c->stretches = 1, c->stretch[0] = 0, c->stretch[1] = C + 1;
        for (int64_t r = 0; r < K; r += LA_VW)
            for (int64_t e = r; e < C * K; e += K)
                la_v_store(c->to + e, la_v_load(whole + r) / la_v_load(c->fade + K + e));
    } else {
        sums(w, c, t, n);
        find_stretches(w, c);
        for (int64_t i = 0; i < C; i++) la_rows_exp(K, end, c->G + (i + 1) * K, c->to + i * K);
    }
    scale_halves(w, c->reads, c->fade, c->fade + K, c->in);
    scale_halves(w, c->writes, c->to, c->to, c->out);
}

static void scores(const walk *w, const chunk *c)
{
    for (int e = 0; e < c->stretches; e++) {
        la_dplr_stretch s = LA_ISA(la_dplr_stretch)(w, c, e);
        w->x->tile->transpose(2 * C, w->K, s.cols, w->K, w->T, 2 * C);
        la_small((la_small_product){.M = 2 * C,
                                    .N = 2 * C,
                                    .K = w->K,
                                    .a = s.rows,
                                    .down = w->K,
                                    .along = 1,
                                    .B = w->T,
                                    .ldb = 2 * C,
                                    .from = e ? c->M : NULL,
                                    .to = c->M,
                                    .ldc = 2 * C});
    }
    LA_ISA(la_dplr_mask)(c->M);
}

/* to [C,W] = (rows of `in`) S, then += M (rows) U for one half of the writes after the other. */
static void read_state(const walk *w, const chunk *c, const float *in, float *to)
{
    la_small((la_small_product){.M = C,
                                .N = w->W,
                                .K = w->K,
                                .a = in,
                                .down = w->K,
                                .along = 1,
                                .B = c->S,
                                .ldb = w->W,
                                .to = to,
                                .ldc = w->W});
}

static void read_writes(const walk *w, const float *M, const float *U, float *to)
{
    la_small((la_small_product){.M = C,
                                .N = w->W,
                                .K = C,
                                .a = M,
                                .down = 2 * C,
                                .along = 1,
                                .B = U,
                                .ldb = w->W,
                                .from = to,
                                .to = to,
                                .ldc = w->W,
                                .part = LA_LOWER});
}

/* W_i += sum over l < i of M_il W_l, four vectors of columns at a time where there are. */
LA_INLINE void substitute_columns(const walk *w, const chunk *c, int64_t j, const int vecs)
{
    for (int64_t i = 1; i < C; i++) {
        float *row = c->U + i * w->W + j;
        la_vf sum[4];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) sum[v] = la_v_load(row + v * LA_VW);
        const float *from = c->U + j;
        for (int64_t l = 0; l < i; l++, from += w->W)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[v] =
                    la_v_fma(la_v_set(c->M[i * 2 * C + l]), la_v_load(from + v * LA_VW), sum[v]);
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) la_v_store(row + v * LA_VW, sum[v]);
    }
}

void LA_ISA(la_dplr_enter)(const walk *w, chunk *c, int64_t t, int64_t n)
{
    const la_delta_slice *x = w->x;
    int64_t K = w->K, ab = x->gate_row * x->dk, j = 0;
    la_rows q = la_elements(x->q, 0, x->qk_row), k = la_elements(x->k, 0, x->qk_row);
    la_rows v = la_elements(x->v, 0, x->v_row), a = la_floats(x->a, ab), b = la_floats(x->b, ab);
    la_rows_fetch(a, t, n, x->dk, 1.0f, c->reads, K, K);
    la_rows_fetch(q, t, n, x->dk, 1.0f, c->reads + C * K, K, K);
    la_rows_fetch(b, t, n, x->dk, 1.0f, c->writes, K, K);
    la_rows_fetch(k, t, n, x->dk, 1.0f, c->writes + C * K, K, K);
    la_rows_fetch(v, t, n, x->w, 1.0f, c->U + C * w->W, w->W, w->W);
    la_rows_ask(x, a, x->dk, t + C, false);
    decays(w, c, t, n);
    la_rows_ask(x, la_floats(x->g, ab), x->dk, t + C, false);
    scores(w, c);
    la_rows_ask(x, b, x->dk, t + C, false);
    read_state(w, c, c->in, c->U);
    la_rows_ask(x, k, x->dk, t + C, false);
    read_writes(w, c->M + C, c->U + C * w->W, c->U);
    la_rows_ask(x, q, x->dk, t + C, false);
    for (; j + 4 * LA_VW <= w->W; j += 4 * LA_VW) substitute_columns(w, c, j, 4);
    for (; j < w->W; j += LA_VW) substitute_columns(w, c, j, 1);
    la_rows_ask(x, v, x->w, t + C, false);
}

void LA_ISA(la_dplr_leave)(const walk *w, const chunk *c, float *next)
{
    la_small((la_small_product){.M = w->K,
                                .N = w->W,
                                .K = 2 * C,
                                .a = c->out,
                                .down = 1,
                                .along = w->K,
                                .B = c->U,
                                .ldb = w->W,
                                .keep = c->fade + C * w->K,
                                .from = c->S,
                                .to = next,
                                .ldc = w->W});
}

void LA_ISA(la_dplr_forward)(const la_delta_slice *x)
{
    const la_team alone = {.size = 1};
    walk w = la_dplr_walk_in(x, &alone, 0, 1);
    chunk c = la_dplr_chunk_at(&w, 0, 0);
    float *O = w.more;
    la_rows o = la_elements(x->o, 0, x->v_row);
    la_state_take(x, x->S_in, w.K, w.W, c.S);
    for (int64_t t = 0; t < x->T; t += C) {
        int64_t n = x->T - t < C ? x->T - t : C, done = t + n;
        LA_ISA(la_dplr_enter)(&w, &c, t, n);
        la_rows_ask(x, o, x->w, t, true);
        read_state(&w, &c, c.in + C * w.K, O);
        read_writes(&w, c.M + 2 * C * C, c.U, O);
        read_writes(&w, c.M + 2 * C * C + C, c.U + C * w.W, O);
        la_rows_deliver(n, x->w, O, w.W, x->scale, false, o, t);
        LA_ISA(la_dplr_leave)(&w, &c, c.S);
        la_state_give(x, c.S, w.W, la_state_saved(x, done));
    }
    la_state_give(x, c.S, w.W, x->S_out);
}
