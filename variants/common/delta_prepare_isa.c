/* SPDX-License-Identifier: Apache-2.0
 * The first half of the chunk form: what a chunk needs besides the state (delta_chunk.h). Compiled once per
 * instruction set. With G_i the sum of the chunk's log-decays up to token i, D_ij = exp(G_i - G_j):
 *
 *   L = tril_strict(diag(beta) K K' . D) (delta rule only), negated,   P = tril(Q K' . D)      [C,C]
 *
 * and the decays of tokens or, where each channel has its own, the decayed copies of q and k.
 */
#include "delta_chunk.h"
#include "delta_decays.h"
#include "register_block.h"

/* Rows in registers, for K and Q each, and vectors of each. */
#if defined(__AVX512F__)
#define R 8
#define V 1
#else
#define R 4
#define V 2
#endif

/* One chunk of n tokens and its scratch. */
typedef struct prepared {
    const la_delta_slice *x;
    la_chunk_ready r;
    int64_t n, C, K;
    int64_t ahead; /* tokens after this chunk; of gates, gates_ahead */
    int64_t gates_ahead;
    const float *q, *k, *g;
    float *KT; /* [K,C] */
    la_chunk_sums sums;
    float *far; /* [C,K], by channel: k exp(-G) */
    double *G;  /* [C,K], by channel */
} prepared;

/* ---- L and P ---- */

/* Row i from column j: P where column <= i, -L where column < i. */
LA_INLINE void put_scores(const prepared *c, int64_t i, int64_t j, bool delta, bool by_token,
                          la_vf kk, la_vf qk)
{
    const la_vf zero = la_v_set(0.0f);
    la_vf at = la_v_set((float)j) + la_v_iota(), row = la_v_set((float)i);
    if (by_token) {
        la_vf d = la_chunk_fade(&c->sums, c->r.in, i, j);
        qk = qk * d;
        kk = kk * d;
    }
    la_v_store(c->r.P + i * c->C + j, la_v_select(la_v_less(row, at), zero, qk));
    if (delta)
        la_v_store(c->r.L + i * c->C + j,
                   la_v_select(la_v_less(at, row), la_v_set(-c->r.weight[i]) * kk, zero));
}

/* Rows [i, i + rows) of K K' and Q K' side by side: they share the columns of KT, and either alone
 * has too few sums. q and k are those of token i. */
LA_INLINE void score_tile(const prepared *c, const float *q, const float *k, int64_t row, int64_t i,
                          int64_t j, int rows, int vecs, bool delta, bool by_token)
{
    la_vf kk[V * R], qk[V * R];
    const float *KT = c->KT + j, *end = KT + c->x->dk * c->C;
    la_block_column ks = la_block_column_of(k, row), qs = la_block_column_of(q, row);
#pragma GCC unroll 16
    for (int m = 0; m < rows * vecs; m++) kk[m] = qk[m] = la_v_set(0.0f);
    for (; KT < end; la_block_next(&ks, 1), la_block_next(&qs, 1), KT += c->C)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            la_vf b = la_v_load(KT + v * LA_VW);
#pragma GCC unroll 8
            for (int m = 0; m < rows; m++) {
                int at = m * vecs + v;
                if (delta) kk[at] = la_v_fma(la_v_set(la_block_element(&ks, m)), b, kk[at]);
                qk[at] = la_v_fma(la_v_set(la_block_element(&qs, m)), b, qk[at]);
            }
        }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++)
            put_scores(c, i + m, j + v * LA_VW, delta, by_token, kk[m * vecs + v],
                       qk[m * vecs + v]);
}

/* Rows [i, i + rows) at the columns below `end`. */
LA_INLINE void score_rows(const prepared *c, const float *q, const float *k, int64_t row, int64_t i,
                          int64_t end, int rows, bool delta, bool by_token)
{
    int64_t j = 0;
    for (; j + (V - 1) * LA_VW < end; j += V * LA_VW)
        score_tile(c, q, k, row, i, j, rows, V, delta, by_token);
    for (; j < end; j += LA_VW) score_tile(c, q, k, row, i, j, rows, 1, delta, by_token);
}

/* L and P of the chunk, given rows of q and k and the columns in KT. */
LA_INLINE void scores(const prepared *c, const float *q, const float *k, int64_t row, bool delta,
                      bool by_token)
{
    int64_t i = 0;
    for (; i + R <= c->n; i += R)
        score_rows(c, q + i * row, k + i * row, row, i, i + R, R, delta, by_token);
    for (; i < c->n; i++)
        score_rows(c, q + i * row, k + i * row, row, i, i + 1, 1, delta, by_token);
}

/* ---- L and P with a decay for each channel ---- */

#define TILE 16 /* tokens that share a reference point; a multiple of LA_VW and R */

/* n floats, at most a vector of them. */
LA_INLINE la_vf some(const float *p, int64_t n)
{
    return n == LA_VW ? la_v_load(p) : la_v_load_n(p, n);
}

/* Asks for a line of a row of the next chunk, where there is such a row: `ahead` of them. */
LA_INLINE void ask(const prepared *c, int64_t ahead, const float *p, int64_t row, int64_t i)
{
    if (i < ahead) __builtin_prefetch(p + (c->n + i) * row, 0, 2);
}

/* The decayed copies of a chunk of at most TILE tokens, every exponential taken once: exp(G_i) is a
 * running product, as in the recurrence itself, and exp(-G_i) its inverse. Those that the scores need, those
 * that meet S, or both. False where a channel falls below e^-60, whose inverse would not leave float32 room;
 * the copies are then of no use. */
LA_INLINE bool channel_products(const prepared *c, bool delta, bool for_scores, bool for_scan)
{
    const la_delta_slice *x = c->x;
    const la_chunk_ready *to = &c->r;
    int64_t K = c->K, g_row = x->gate_row * x->dk;
    la_vf lowest = la_v_set(1.0f);
    for (int64_t r = 0; r < x->dk; r += LA_VW) {
        int64_t m = x->dk - r < LA_VW ? x->dk - r : LA_VW;
        la_vf fade[TILE], G = la_v_set(1.0f);
        for (int64_t i = 0; i < c->n; i++) {
            ask(c, c->gates_ahead, c->g + r, g_row, i);
            if (!for_scan) {
                ask(c, c->ahead, c->k + r, x->qk_row, i);
                ask(c, c->ahead, c->q + r, x->qk_row, i);
            }
            la_vf k = some(c->k + i * x->qk_row + r, m);
            fade[i] = la_v_exp(some(c->g + i * g_row + r, m));
            G = G * fade[i];
            la_v_store(to->q + i * K + r, G * some(c->q + i * x->qk_row + r, m));
            if (delta) la_v_store(to->k_in + i * K + r, G * k);
            if (for_scores) la_v_store(c->far + i * K + r, k / G);
        }
        la_v_store(to->whole + r, G);
        lowest = la_v_min(lowest, G);
        G = la_v_set(1.0f);
        for (int64_t i = c->n - 1; for_scan && i >= 0; i--) {
            la_v_store(to->k_out + i * K + r, G * some(c->k + i * x->qk_row + r, m));
            G = G * fade[i];
        }
    }
    return la_chunk_has_room(lowest);
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

static void channel_sums(const prepared *c)
{
    int64_t dk = c->x->dk, g_row = c->x->gate_row * dk;
    for (int64_t i = 0; i < c->n; i++)
        for (int64_t r = 0; r < dk; r++)
            c->G[i * dk + r] = (i ? c->G[(i - 1) * dk + r] : 0.0) + (double)c->g[i * g_row + r];
}

/* The copies of q and k that meet S, from the sums. */
static void channel_copies(const prepared *c)
{
    const la_delta_slice *x = c->x;
    int64_t dk = x->dk, K = c->K;
    const double *end = c->G + (c->n - 1) * dk;
    for (int64_t i = 0; i < c->n; i++) {
        const float *k = c->k + i * x->qk_row;
        scale_channels(dk, c->q + i * x->qk_row, c->G + i * dk, NULL, c->r.q + i * K);
        scale_channels(dk, k, c->G + i * dk, NULL, c->r.k_in + i * K);
        scale_channels(dk, k, end, c->G + i * dk, c->r.k_out + i * K);
    }
    scale_channels(dk, NULL, end, NULL, c->r.whole);
}

/* The tile [i0, i1) against itself, pair by pair: exact whatever the decays. */
static void score_pairs(const prepared *c, int64_t i0, int64_t i1, bool delta)
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
            c->r.P[i * c->C + j] = qk;
            c->r.L[i * c->C + j] = -c->r.weight[i] * kk;
        }
}

/* Tiles of rows. Columns before the tile decay in two steps around its start, which neither grow: q_i
 * exp(G_i - G_start) meets k_j exp(G_start - G_j). Inside the tile the second factor grows; the product
 * is used while that stays below e^60 (float32 ends at e^88), else the pairs are taken one by one. */
static void channel_scores(const prepared *c, bool delta)
{
    int64_t dk = c->x->dk, row = c->x->qk_row;
    float *q = c->r.q, *k = c->r.k_in, *columns = c->far; /* the copies come later */
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

LA_INLINE void channels(const prepared *c, bool delta, bool for_scan)
{
    if (c->n <= TILE && channel_products(c, delta, true, for_scan)) {
        c->x->tile->transpose(c->n, c->x->dk, c->far, c->K, c->KT, c->C);
        scores(c, c->r.q, c->r.k_in, c->K, delta, false);
        return;
    }
    channel_sums(c);
    channel_scores(c, delta);
    if (for_scan) channel_copies(c);
}

LA_INLINE void prepare(prepared *c, bool delta, la_chunk_decay decay)
{
    if (decay == LA_BY_CHANNEL) {
        if (c->x->shared)
            channels(c, delta, false);
        else
            channels(c, delta, true);
        return;
    }
    if (decay == LA_BY_TOKEN)
        c->r.whole[0] = la_chunk_decays(c->x, c->g, c->n, &c->sums, c->r.in, c->r.out);
    c->x->tile->transpose(c->n, c->x->dk, c->k, c->x->qk_row, c->KT, c->C);
    scores(c, c->q, c->k, c->x->qk_row, delta, decay == LA_BY_TOKEN);
}

/* The loops are written once and compiled for each pair of switches. */
static void prepare_delta(prepared *c, la_chunk_decay decay)
{
    if (decay == LA_KEEP) prepare(c, true, LA_KEEP);
    if (decay == LA_BY_TOKEN) prepare(c, true, LA_BY_TOKEN);
    if (decay == LA_BY_CHANNEL) prepare(c, true, LA_BY_CHANNEL);
}

static void prepare_additive(prepared *c, la_chunk_decay decay)
{
    if (decay == LA_KEEP) prepare(c, false, LA_KEEP);
    if (decay == LA_BY_TOKEN) prepare(c, false, LA_BY_TOKEN);
    if (decay == LA_BY_CHANNEL) prepare(c, false, LA_BY_CHANNEL);
}

/* Asks for what n tokens from t on have one number of: lines too far apart for the hardware to see them
 * coming, and the sum of decays waits for each. */
static void ask_for_gates(const la_delta_slice *x, int64_t t, int64_t n, la_chunk_decay decay)
{
    int64_t a_line = x->gate_row < 16 ? 16 / x->gate_row : 1;
    int64_t left = la_delta_left(x, t), end = t + (n < left ? n : left);
    for (int64_t i = t; i < end; i += a_line) {
        if (x->beta) __builtin_prefetch(x->beta + i * x->gate_row);
        if (decay == LA_BY_TOKEN && x->g) __builtin_prefetch(x->g + i * x->gate_row);
    }
}

static prepared begin(const la_delta_slice *x, int64_t t, la_chunk_ready ready)
{
    prepared c = {.x = x, .r = ready, .C = la_delta_up(x->chunk), .K = la_delta_up(x->dk)};
    c.n = x->T - t < x->chunk ? x->T - t : x->chunk;
    c.ahead = x->T - t - c.n;
    c.gates_ahead = la_delta_left(x, t + c.n);
    c.q = x->q + t * x->qk_row, c.k = x->k + t * x->qk_row;
    c.g = x->g ? x->g + t * x->gate_row * (x->decay == LA_DECAY_CHANNEL ? x->dk : 1) : NULL;
    return c;
}

void LA_ISA(la_delta_prepare)(const la_delta_slice *x, int64_t t, float *ready, float *scratch)
{
    la_chunk_decay decay = la_chunk_decay_of(x->decay);
    prepared c = begin(x, t, la_chunk_ready_at(x->dk, x->chunk, ready));
    c.KT = scratch, scratch += c.K * c.C;
    c.sums.hi = scratch, scratch += c.C;
    c.sums.lo = scratch, scratch += c.C;
    c.sums.back = scratch, scratch += c.C;
    if (decay == LA_BY_CHANNEL) {
        c.far = scratch, scratch += c.C * c.K;
        c.G = (double *)(void *)scratch, scratch += 2 * c.C * c.K;
        la_chunk_copies_at(&c.r, x->dk, x->chunk,
                           x->shared ? scratch : ready + la_delta_scores_floats(x->dk, x->chunk));
    }
    ask_for_gates(x, t + c.n, c.n, decay);
    for (int64_t i = 0; i < c.n; i++)
        c.r.weight[i] = x->beta ? x->beta[(t + i) * x->gate_row] : 1.0f;
    c.r.whole[0] = 1.0f;
    if (x->write == LA_WRITE_DELTA)
        prepare_delta(&c, decay);
    else
        prepare_additive(&c, decay);
}

void LA_ISA(la_delta_copies)(const la_delta_slice *x, int64_t t, la_chunk_ready ready,
                             float *scratch)
{
    prepared c = begin(x, t, ready);
    c.G = (double *)(void *)scratch;
    bool delta = x->write == LA_WRITE_DELTA;
    if (c.n <= TILE && (delta ? channel_products(&c, true, false, true)
                              : channel_products(&c, false, false, true)))
        return;
    channel_sums(&c);
    channel_copies(&c);
}
