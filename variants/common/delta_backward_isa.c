/* SPDX-License-Identifier: Apache-2.0
 * Gradients of the recurrent family, chunk by chunk from the last token. Compiled once per instruction
 * set. In the notation of the chunk form, with L = diag(beta) A, U = diag(beta) X, X = V - diag(exp G) K
 * S - A U, and additive members leaving out A, N and what k reads; dS enters as the gradient of S after
 * the chunk and leaves as that of S before it:
 *
 *   Y  = (I + L)^{-T} (P' s dO + diag(exp(G_C - G)) K dS)     gradient of diag(beta)^{-1} U
 *   N  = -diag(beta) Y;   dV = -N;   dbeta_i = Y_i . X_i
 *   dP = s dO U',   dA = N U'                                 lower triangles
 *   dQ = diag(exp G) s dO S' + (dP . D) K
 *   dK = diag(exp G) N S' + diag(exp(G_C - G)) U dS' + (dP . D)' Q + ((dA . D) + (dA . D)') K
 *   dS <- exp(G_C) dS + (diag(exp G) Q)' s dO + (diag(exp G) K)' N
 *
 * The transposed solve goes up from the last row. The gradient of g_t sums what every pair (i, j) with j
 * < t <= i sent across it, where chunk start and end count as the first j and last i: sums of terms that
 * a decay has made small, never differences of large ones, so that hard resets are exact.
 */
#include <string.h>

#include "delta_backward.h"
#include "delta_product.h"
#include "delta_rows.h"

enum { C = LA_DELTA_BACK, R = 4 }; /* tokens of a chunk, rows solved in registers */

typedef la_delta_walk walk;
typedef la_delta_chunk_kept chunk;

/* ---- to and from the caller's tensors ---- */

/* to_i = by_i from_i for the C rows of `ld` floats. */
static void scale_rows(const float *by, const float *from, int64_t ld, float *to)
{
    for (int64_t i = 0; i < C; i++)
        for (int64_t j = 0; j < ld; j += LA_VW)
            la_v_store(to + i * ld + j, la_v_set(by[i]) * la_v_load(from + i * ld + j));
}

/* ---- forward through a chunk again ---- */

/* D, and the decays of the chunk's start, end and whole; g is 0 for the tokens that pad it. */
static void decays(const walk *w, const chunk *c, int64_t t, int64_t n)
{
    const la_delta_slice *x = w->x;
    float hi[C], lo[C];
    double G = 0.0;
    for (int64_t i = 0; i < C; i++) {
        if (i < n && x->decay == LA_DECAY_HEAD) G += (double)x->g[(t + i) * x->gate_row];
        if (i < n && x->decay == LA_DECAY_FIXED) G += x->log_decay;
        hi[i] = (float)G;
        lo[i] = (float)(G - (double)hi[i]);
    }
    la_vf end_hi = la_v_set(hi[C - 1]), end_lo = la_v_set(lo[C - 1]), zero = la_v_set(0.0f);
    for (int64_t j = 0; j < C; j += LA_VW) {
        la_vf h = la_v_load(hi + j), l = la_v_load(lo + j), at = la_v_iota() + la_v_set((float)j);
        la_vf fade = la_v_exp(h);
        la_v_store(c->fade + j, la_v_fma(fade, l, fade));
        la_v_store(c->to + j, la_v_exp((end_hi - h) + (end_lo - l)));
        for (int64_t i = 0; i < C; i++) {
            la_vf d = la_v_exp((la_v_set(hi[i]) - h) + (la_v_set(lo[i]) - l));
            la_v_store(c->D + i * C + j, la_v_select(la_v_less(la_v_set((float)i), at), zero, d));
        }
    }
    for (int64_t r = 0; r < w->K; r++) c->whole[r] = c->fade[C - 1];
}

/* D without decay: ones on and below the diagonal. */
static void no_decays(const walk *w, const chunk *c)
{
    for (int64_t i = 0; i < C; i++)
        for (int64_t j = 0; j < C; j++) c->D[i * C + j] = j <= i ? 1.0f : 0.0f;
    for (int64_t r = 0; r < w->K; r++) c->whole[r] = 1.0f;
}

/* X . D into both halves of X [2C,C] (P and A, or their gradients); the second has no diagonal. */
static void mask(const walk *w, const float *D, float *X)
{
    for (int64_t e = 0; e < C * C; e += LA_VW) {
        la_vf d = la_v_load(D + e);
        la_v_store(X + e, d * la_v_load(X + e));
        if (w->stack > C) la_v_store(X + C * C + e, d * la_v_load(X + C * C + e));
    }
    for (int64_t i = 0; i < C && w->stack > C; i++) X[(C + i) * C + i] = 0.0f;
}

/* The chunk's tokens, decays, and P and A. */
static void enter(const walk *w, chunk *c, int64_t t, int64_t n)
{
    const la_delta_slice *x = w->x;
    int64_t K = w->K;
    la_rows q = la_elements(x->q, 0, x->qk_row), k = la_elements(x->k, 0, x->qk_row);
    la_rows v = la_elements(x->v, 0, x->v_row);
    la_rows_ask(x, q, x->dk, t + C, false);
    la_rows_fetch(q, t, n, x->dk, 1.0f, c->qk, K, K);
    la_rows_fetch(k, t, n, x->dk, 1.0f, c->qk + C * K, K, K);
    la_rows_fetch(v, t, n, x->w, 1.0f, c->X, w->W, w->W);
    for (int64_t i = 0; i < C; i++)
        c->weight[i] = i >= n ? 0.0f : x->beta ? x->beta[(t + i) * x->gate_row] : 1.0f;
    la_rows_ask(x, k, x->dk, t + C, false);
    if (x->decay == LA_DECAY_CHANNEL) {
        no_decays(w, c);
        LA_ISA(la_delta_channel_enter)(w, c, t, n);
        mask(w, c->D, c->PA);
        return;
    }
    if (x->decay == LA_DECAY_NONE) {
        no_decays(w, c);
    } else {
        decays(w, c, t, n);
        scale_rows(c->fade, c->qk, K, c->in);
        scale_rows(c->fade, c->qk + C * K, K, c->in + C * K);
        scale_rows(c->to, c->qk + C * K, K, c->out);
    }
    la_rows_ask(x, v, x->w, t + C, false);
    x->tile->transpose(C, K, c->qk + C * K, K, w->TT, C);
    la_small((la_small_product){.M = w->stack,
                                .N = C,
                                .K = K,
                                .a = c->qk,
                                .down = K,
                                .along = 1,
                                .B = w->TT,
                                .ldb = C,
                                .to = c->PA,
                                .ldc = C});
    mask(w, c->D, c->PA);
}

/* X and U at `vecs` vectors of columns from j: R rows are finished in registers. */
LA_INLINE void solve_columns(const walk *w, const chunk *c, int64_t j, const int vecs)
{
    int64_t K = w->K, W = w->W;
    for (int64_t i = 0; i < C; i += R) {
        la_vf held[R * 4], u[R * 4];
#pragma GCC unroll 16
        for (int e = 0; e < R * vecs; e++) held[e] = la_v_set(0.0f);
        la_block_add(R, vecs, LA_VW, K, c->in + (C + i) * K, K, 1, c->S + j, W, held);
        const float *A = c->PA + (C + i) * C, *B = c->U + j;
        for (int64_t l = 0; l < i; l++, B += W)
#pragma GCC unroll 4
            for (int m = 0; m < R; m++)
#pragma GCC unroll 4
                for (int v = 0; v < vecs; v++)
                    held[m * vecs + v] = la_v_fma(la_v_set(A[m * C + l]), la_v_load(B + v * LA_VW),
                                                  held[m * vecs + v]);
#pragma GCC unroll 4
        for (int m = 0; m < R; m++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) {
                int64_t at = (i + m) * W + j + v * LA_VW;
                la_vf sum = held[m * vecs + v];
#pragma GCC unroll 4
                for (int l = 0; l < m; l++)
                    sum = la_v_fma(la_v_set(A[m * C + i + l]), u[l * vecs + v], sum);
                la_vf value = la_v_load(c->X + at) - sum;
                u[m * vecs + v] = la_v_set(c->weight[i + m]) * value;
                la_v_store(c->X + at, value);
                la_v_store(c->U + at, u[m * vecs + v]);
            }
    }
}

/* Y and N at `vecs` vectors of columns from j, from the last rows up, and Y . X of these columns. */
LA_INLINE void solve_back_columns(const walk *w, const chunk *c, int64_t j, const int vecs,
                                  bool delta)
{
    int64_t K = w->K, W = w->W;
    const float *P = c->PA, *A = c->PA + C * C, *dO = c->dO + j;
    float *N = c->dO + C * W + j, *dots = c->dots + j / LA_VW * C;
    for (int64_t i = C - R; i >= 0; i -= R) {
        la_vf y[R * 4];
#pragma GCC unroll 16
        for (int e = 0; e < R * vecs; e++) y[e] = la_v_set(0.0f);
        la_block_add(R, vecs, LA_VW, K, c->out + i * K, K, 1, c->dS + j, W, y);
        for (int64_t l = i; l < C; l++)
#pragma GCC unroll 4
            for (int m = 0; m < R; m++)
#pragma GCC unroll 4
                for (int v = 0; v < vecs; v++)
                    y[m * vecs + v] = la_v_fma(la_v_set(P[l * C + i + m]),
                                               la_v_load(dO + l * W + v * LA_VW), y[m * vecs + v]);
        for (int64_t l = i + R; delta && l < C; l++)
#pragma GCC unroll 4
            for (int m = 0; m < R; m++)
#pragma GCC unroll 4
                for (int v = 0; v < vecs; v++)
                    y[m * vecs + v] = la_v_fma(la_v_set(A[l * C + i + m]),
                                               la_v_load(N + l * W + v * LA_VW), y[m * vecs + v]);
        la_vf n[R * 4];
#pragma GCC unroll 4
        for (int m = R - 1; m >= 0; m--) {
            la_vf sum = la_v_set(0.0f);
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) {
                la_vf value = y[m * vecs + v];
#pragma GCC unroll 4
                for (int l = m + 1; delta && l < R; l++)
                    value = la_v_fma(la_v_set(A[(i + l) * C + i + m]), n[l * vecs + v], value);
                n[m * vecs + v] = la_v_set(-c->weight[i + m]) * value;
                la_v_store(N + (i + m) * W + v * LA_VW, n[m * vecs + v]);
                sum = la_v_fma(value, la_v_load(c->X + (i + m) * W + j + v * LA_VW), sum);
            }
            dots[i + m] = la_v_sum(sum);
        }
    }
}

#if defined(__AVX512F__)
enum { WIDE = 4 };
#else
enum { WIDE = 2 };
#endif

static void solve(const walk *w, const chunk *c)
{
    int64_t j = 0;
    for (; j + WIDE * LA_VW <= w->W; j += WIDE * LA_VW) solve_columns(w, c, j, WIDE);
    for (; j + 2 * LA_VW <= w->W; j += 2 * LA_VW) solve_columns(w, c, j, 2);
    for (; j < w->W; j += LA_VW) solve_columns(w, c, j, 1);
}

/* The columns [j, end), and in dots [.,C] one sum for each panel of them, zeros between. */
static void solve_back(const walk *w, const chunk *c, int64_t j, int64_t end)
{
    memset(c->dots + j / LA_VW * C, 0, (size_t)((end - j) / LA_VW * C) * sizeof *c->dots);
    if (w->stack > C) {
        for (; j + WIDE * LA_VW <= end; j += WIDE * LA_VW) solve_back_columns(w, c, j, WIDE, true);
        for (; j + 2 * LA_VW <= end; j += 2 * LA_VW) solve_back_columns(w, c, j, 2, true);
        for (; j < end; j += LA_VW) solve_back_columns(w, c, j, 1, true);
    } else {
        for (; j + 2 * LA_VW <= end; j += 2 * LA_VW) solve_back_columns(w, c, j, 2, false);
        for (; j < end; j += LA_VW) solve_back_columns(w, c, j, 1, false);
    }
}

/* S after the chunk, into the next chunk's place (NULL: nobody asks). */
static void leave(const walk *w, const chunk *c, float *next)
{
    if (w->stack > C)
        solve(w, c);
    else
        scale_rows(c->weight, c->X, w->W, c->U);
    w->x->tile->transpose(C, w->W, c->U, w->W, c->UT, C);
    if (next)
        la_small((la_small_product){.M = w->K,
                                    .N = w->W,
                                    .K = C,
                                    .a = c->out,
                                    .down = 1,
                                    .along = w->K,
                                    .B = c->U,
                                    .ldb = w->W,
                                    .keep = c->whole,
                                    .from = c->S,
                                    .to = next,
                                    .ldc = w->W});
}

/* ---- back through a chunk ---- */

/* T = [s dO; N] S' and H = U dS', by their transposes: S times the columns of GT and UT. */
static void read_states(const walk *w, const chunk *c)
{
    int64_t K = w->K, W = w->W, both = w->stack;
    const la_tile *tile = w->x->tile;
    tile->transpose(both, W, c->dO, W, w->GT, 2 * C);
    la_small((la_small_product){.M = K,
                                .N = both,
                                .K = W,
                                .a = c->S,
                                .down = W,
                                .along = 1,
                                .B = w->GT,
                                .ldb = 2 * C,
                                .to = w->TT,
                                .ldc = 2 * C});
    tile->transpose(K, both, w->TT, 2 * C, w->T, K);
    la_small((la_small_product){.M = K,
                                .N = C,
                                .K = W,
                                .a = c->dS,
                                .down = W,
                                .along = 1,
                                .B = c->UT,
                                .ldb = C,
                                .to = w->TT,
                                .ldc = C});
    tile->transpose(K, C, w->TT, C, w->H, K);
}

/* sum + a . b, lane by lane */
LA_INLINE la_vf add_dot(int64_t K, const float *a, const float *b, la_vf sum)
{
    for (int64_t r = 0; r < K; r += LA_VW) sum = la_v_fma(la_v_load(a + r), la_v_load(b + r), sum);
    return sum;
}

/* dg of n tokens: row i of dPA . PA sums what its pairs sent across the tokens between. */
static void gate_gradients(const walk *w, const chunk *c, int64_t n, float *dg)
{
    int64_t K = w->K, row = w->x->gate_row;
    const la_vf zero = la_v_set(0.0f);
    float across[C] = {0}, wrote[C + 1] = {0};
    for (int64_t i = 0; i < C; i++)
        wrote[i + 1] = wrote[i] + la_v_sum(add_dot(K, w->H + i * K, c->out + i * K, zero));
    float start = c->whole[0] * w->x->tile->dot(K * w->W, c->S, c->dS); /* from start to end */
    for (int64_t i = n; i-- > 0;) {
        la_vf sum = zero, row_i = la_v_set((float)i);
        la_vf from_start = add_dot(K, w->T + i * K, c->in + i * K, zero);
        if (w->stack > C)
            from_start = add_dot(K, w->T + (C + i) * K, c->in + (C + i) * K, from_start);
        start += la_v_sum(from_start);
        for (int64_t j = 0; j < C; j += LA_VW) {
            int64_t e = i * C + j;
            la_vf pair =
                la_v_fma(la_v_load(w->dPA + e), la_v_load(c->PA + e), la_v_load(across + j));
            if (w->stack > C)
                pair = la_v_fma(la_v_load(w->dPA + C * C + e), la_v_load(c->PA + C * C + e), pair);
            la_v_store(across + j, pair);
            la_vf at = la_v_iota() + la_v_set((float)j);
            sum = sum + la_v_select(la_v_less(at, row_i), pair, zero);
        }
        dg[i * row] = start + wrote[i] + la_v_sum(sum);
    }
}

/* T becomes the gradients of q and k, but for what k wrote. */
static void token_gradients(const walk *w, const chunk *c)
{
    int64_t K = w->K;
    const float *k = c->qk + C * K, *dA = w->dPA + C * C;
    const float *fade = w->x->decay == LA_DECAY_NONE ? NULL : c->fade;
    float *dq = w->T, *dk = w->T + C * K;
    if (w->y->dq)
        la_small((la_small_product){.M = C,
                                    .N = K,
                                    .K = C,
                                    .a = w->dPA,
                                    .down = C,
                                    .along = 1,
                                    .B = k,
                                    .ldb = K,
                                    .keep = fade,
                                    .from = dq,
                                    .to = dq,
                                    .ldc = K,
                                    .part = LA_LOWER});
    if (!w->y->dk) return;
    if (w->stack > C) {
        w->x->tile->transpose(C, C, dA, C, w->both, C);
        for (int64_t e = 0; e < C * C; e += LA_VW)
            la_v_store(w->both + e, la_v_load(w->both + e) + la_v_load(dA + e));
        la_small((la_small_product){.M = C,
                                    .N = K,
                                    .K = C,
                                    .a = w->both,
                                    .down = C,
                                    .along = 1,
                                    .B = k,
                                    .ldb = K,
                                    .keep = fade,
                                    .from = dk,
                                    .to = dk,
                                    .ldc = K});
    }
    la_small((la_small_product){.M = C,
                                .N = K,
                                .K = C,
                                .a = w->dPA,
                                .down = 1,
                                .along = C,
                                .B = c->qk,
                                .ldb = K,
                                .from = w->stack > C ? dk : NULL,
                                .to = dk,
                                .ldc = K,
                                .part = LA_UPPER});
    for (int64_t i = 0; i < C; i++)
        for (int64_t r = 0; r < K; r += LA_VW) {
            la_vf h = la_v_load(w->H + i * K + r);
            if (fade) h = la_v_set(c->to[i]) * h;
            la_v_store(dk + i * K + r, la_v_load(dk + i * K + r) + h);
        }
}

/* dbeta of n tokens. */
static void weight_gradients(const walk *w, const chunk *c, int64_t n, float *dbeta)
{
    float sum[C] = {0};
    for (int64_t panel = 0; panel < w->W / LA_VW; panel++)
        for (int64_t i = 0; i < C; i++) sum[i] += c->dots[panel * C + i];
    for (int64_t i = 0; i < n; i++) dbeta[i * w->x->gate_row] = sum[i];
}

/* The gradients of the chunk's tokens, dS behind it and N being there. */
static void chunk_gradients(const walk *w, const chunk *c, int64_t t, int64_t n)
{
    const la_delta_slice *x = w->x;
    const la_delta_gradients *y = w->y;
    int64_t K = w->K, W = w->W;
    if (y->dbeta) weight_gradients(w, c, n, y->dbeta + t * x->gate_row);
    la_rows dq = la_elements(y->dq, 0, x->qk_row), dk = la_elements(y->dk, 0, x->qk_row);
    la_rows_deliver(n, x->w, c->dO + C * W, W, -1.0f, false, la_elements(y->dv, 0, x->v_row), t);
    if (!y->dg && !y->dq && !y->dk) return;
    la_small((la_small_product){.M = w->stack,
                                .N = C,
                                .K = W,
                                .a = c->dO,
                                .down = W,
                                .along = 1,
                                .B = c->UT,
                                .ldb = C,
                                .to = w->dPA,
                                .ldc = C});
    la_rows_ask(x, dq, x->dk, t, true);
    read_states(w, c);
    la_rows_ask(x, dk, x->dk, t, true);
    if (y->dg && x->decay == LA_DECAY_HEAD) gate_gradients(w, c, n, y->dg + t * x->gate_row);
    mask(w, c->D, w->dPA);
    if (x->decay == LA_DECAY_CHANNEL) LA_ISA(la_delta_channel_gradients)
    (w, c, n, y->dg ? y->dg + t * x->gate_row * x->dk : NULL);
    else token_gradients(w, c);
    la_rows_deliver(n, x->dk, w->T, K, 1.0f, y->add, dq, t);
    la_rows_deliver(n, x->dk, w->T + C * K, K, 1.0f, y->add, dk, t);
}

/* ---- scratch ---- */

/* Chunk number i of the segment that member `rank` has. */
static chunk chunk_at(const walk *w, int rank, int64_t i)
{
    int64_t K = w->K, W = w->W;
    bool team = w->team->size > 1;
    float *p = w->kept + rank * w->apart + i * la_delta_kept_floats(w->x->decay, K, W, team);
    chunk c = {0};
    c.S = p, p += K * W;
    c.qk = p, p += 2 * C * K;
    c.U = p, p += C * W;
    c.X = p, p += C * W;
    c.UT = p, p += C * W;
    c.PA = p, p += 2 * C * C;
    c.D = p, p += C * C;
    c.weight = p, p += C;
    c.fade = p, p += C;
    c.to = p, p += C;
    c.whole = p, p += K;
    c.dS = w->dS, c.dO = w->dO, c.dots = w->dots;
    if (team) {
        c.dS = p, p += K * W;
        c.dO = p, p += 2 * C * W;
        c.dots = p, p += C * W;
    }
    c.in = c.qk, c.out = c.qk + C * K;
    if (w->x->decay == LA_DECAY_NONE) return c;
    c.in = p, p += 2 * C * K;
    c.out = p, p += C * K;
    if (w->x->decay != LA_DECAY_CHANNEL) return c;
    c.fade = p, p += C * K;
    c.to = p, p += C * K;
    c.grow = p, p += C * K;
    c.back = p, p += C * K;
    c.G = (double *)(void *)p, p += 2 * C * K;
    c.mild = p;
    return c;
}

/* Member 0's scratch starts with what the team shares; the others leave that place free. */
static walk layout(const la_delta_slice *x, const la_delta_gradients *y, const la_team *team)
{
    bool shared = team->size > 1;
    walk w = {.x = x, .y = y, .team = team, .K = la_delta_up(x->dk), .W = la_delta_up(x->w)};
    int64_t K = w.K, W = w.W;
    w.stack = x->write == LA_WRITE_DELTA ? 2 * C : C;
    w.apart = la_delta_backward_work(x->decay, x->dk, x->w, x->T, x->segment, shared);
    w.dS = x->work;
    w.kept = x->work + K * W;
    float *own =
        w.kept + team->rank * w.apart +
        la_delta_kept_chunks(x->T, x->segment) * la_delta_kept_floats(x->decay, K, W, shared);
    w.dO = own, own += 2 * C * W;
    w.dots = own, own += C * W;
    w.GT = own, own += 2 * C * W;
    w.T = own, own += 2 * C * K;
    w.TT = own, own += 2 * C * K;
    w.H = own, own += C * K;
    w.dPA = own, own += 2 * C * C;
    w.both = own, own += C * C;
    w.run = own;
    return w;
}

/* ---- the steps of the walk ---- */

static float *state_before(void *self, int64_t i)
{
    const walk *w = self;
    return chunk_at(w, w->team->rank, i).S;
}

static void again(void *self, la_delta_place at, float *next)
{
    const walk *w = self;
    chunk c = chunk_at(w, at.rank, at.i);
    enter(w, &c, at.t, at.n);
    leave(w, &c, next);
}

static float *state_gradient_after(void *self, la_delta_place at)
{
    return chunk_at(self, at.rank, at.i).dS;
}

/* N at the columns [j, end). */
static void scan(void *self, la_delta_place at, int64_t j, int64_t end)
{
    const walk *w = self;
    const la_delta_slice *x = w->x;
    chunk c = chunk_at(w, at.rank, at.i);
    int64_t columns = x->w < end ? x->w - j : end - j;
    la_rows dout = la_elements(w->y->dout, j, x->v_row);
    la_rows_fetch(dout, at.t, at.n, columns, x->scale, c.dO + j, end - j, w->W);
    la_rows_ask(x, la_elements(w->y->dv, j, x->v_row), columns, at.t, true);
    solve_back(w, &c, j, end);
    la_rows_ask(x, dout, columns, at.t - C, false);
}

static void carry(void *self, la_delta_place at, int64_t j, int64_t end, float *before)
{
    const walk *w = self;
    chunk c = chunk_at(w, at.rank, at.i);
    la_small((la_small_product){.M = w->K,
                                .N = end - j,
                                .K = w->stack,
                                .a = c.in,
                                .down = 1,
                                .along = w->K,
                                .B = c.dO + j,
                                .ldb = w->W,
                                .keep = c.whole,
                                .from = c.dS + j,
                                .to = before + j,
                                .ldc = w->W});
}

static void gradients(void *self, la_delta_place at)
{
    const walk *w = self;
    chunk c = chunk_at(w, at.rank, at.i);
    chunk_gradients(w, &c, at.t, at.n);
}

void LA_ISA(la_delta_backward)(const la_delta_slice *x, const la_delta_gradients *y,
                               const la_team *team)
{
    walk w = layout(x, y, team);
    const la_delta_way_back back = {.x = x,
                                    .team = team,
                                    .K = w.K,
                                    .W = w.W,
                                    .dS = w.dS,
                                    .self = &w,
                                    .state = state_before,
                                    .again = again,
                                    .after = state_gradient_after,
                                    .scan = scan,
                                    .carry = carry,
                                    .gradients = gradients};
    la_delta_walk_back(&back, y->dS_out, y->dS_in);
}
