/* SPDX-License-Identifier: Apache-2.0
 * The first half of the chunk form for bfloat16 rows: delta_prepare_isa.c with scores from pairs of
 * channels. Compiled for AVX-512 with bf16 dot products, and for AMX. q and k enter as they are; sums, decays and
 * L are float32. With a decay of channels the chunk is prepared in float32, and what meets S, U and P
 * rounded.
 */
#include <string.h>

#include "delta_decays.h"
#include "delta_packed.h"

#define R 8 /* rows in registers, for K and Q each */

/* One chunk of n tokens and its scratch. */
typedef struct prepared {
    const la_delta_slice *x;
    la_packed to;
    int64_t t, n, C, K;
    la_chunk_sums sums;
    float *out;           /* [C]: exp(G_n - G_i), by token */
    const la_bf16 *q, *k; /* the slice's own */
    float *KT;            /* [K/2,C]: pairs of k, transposed; bits, not numbers */
    la_pair *pairs;       /* [C/2,K]: of tokens; to.k_out, unless that is turned */
} prepared;

/* ---- scores ---- */

/* Row i from column j: P where column <= i, -L where column < i. */
LA_INLINE void put_scores(const prepared *c, int64_t i, int64_t j, bool delta, bool by_token,
                          la_vf kk, la_vf qk)
{
    const la_vf zero = la_v_set(0.0f);
    la_vf at = la_v_set((float)j) + la_v_iota(), row = la_v_set((float)i);
    if (by_token) {
        la_vf d = la_chunk_fade(&c->sums, c->to.in, i, j);
        qk = qk * d;
        kk = kk * d;
    }
    qk = la_v_select(la_v_less(row, at), zero, qk);
    kk = la_v_select(la_v_less(at, row), la_v_set(-c->to.weight[i]) * kk, zero);
    if (i >= c->n) qk = kk = zero;
    la_v_store_bf16(c->to.P + i * c->C + j, qk);
    if (!delta) return;
#if defined(__AMX_BF16__)
    if (i - j < LA_VW) la_v_store(c->to.L + i * LA_VW, kk);
#else
    la_v_store(c->to.L + i * c->C + j, kk);
#endif
    la_v_store_bf16(c->to.L2 + i * c->C + j, kk);
}

#if defined(__AMX_BF16__)
/* L and P from the pairs of rows q, k and of the columns in KT. */
LA_INLINE void scores(const prepared *c, bool delta, bool by_token)
{
    float kk[LA_VW * LA_VW] __attribute__((aligned(64))) = {0};
    float qk[LA_VW * LA_VW] __attribute__((aligned(64)));
    int64_t K2 = c->K / 2, step = la_packed_step(c->K);
    const la_pair *q = (const la_pair *)c->to.q, *k = (const la_pair *)c->to.k;
    for (int64_t i = 0; i < c->n; i += LA_VW)
        for (int64_t j = 0; j <= i; j += LA_VW) {
            LA_AMX_ZERO(0);
            LA_AMX_ZERO(1);
            for (int64_t r = 0; r < K2; r += step) {
                LA_AMX_LOAD(5, c->KT + r * c->C + j, c->C);
                LA_AMX_LOAD(4, q + i * K2 + r, K2);
                LA_AMX_MULTIPLY(0, 4, 5);
                if (!delta) continue;
                LA_AMX_LOAD(4, k + i * K2 + r, K2);
                LA_AMX_MULTIPLY(1, 4, 5);
            }
            LA_AMX_STORE(0, qk, LA_VW);
            if (delta) LA_AMX_STORE(1, kk, LA_VW);
            for (int m = 0; m < LA_VW; m++)
                put_scores(c, i + m, j, delta, by_token, la_v_load(kk + m * LA_VW),
                           la_v_load(qk + m * LA_VW));
        }
}
#else
/* L and P from the pairs of rows q, k and of the columns in KT. */
LA_INLINE void scores(const prepared *c, bool delta, bool by_token)
{
    int64_t K2 = c->K / 2;
    for (int64_t i = 0; i < c->n; i += R)
        for (int64_t j = 0; j < i + R; j += LA_VW) {
            const la_pair *q = (const la_pair *)c->to.q + i * K2;
            const la_pair *k = (const la_pair *)c->to.k + i * K2;
            la_vf kk[R], qk[R];
#pragma GCC unroll 8
            for (int m = 0; m < R; m++) kk[m] = qk[m] = la_v_set(0.0f);
            for (int64_t r = 0; r < K2; r++) {
                la_vb b = la_v_pairs(c->KT + r * c->C + j);
#pragma GCC unroll 8
                for (int m = 0; m < R; m++) {
                    if (delta) kk[m] = la_v_dot2(la_v_pair(k[m * K2 + r]), b, kk[m]);
                    qk[m] = la_v_dot2(la_v_pair(q[m * K2 + r]), b, qk[m]);
                }
            }
#pragma GCC unroll 8
            for (int m = 0; m < R; m++) put_scores(c, i + m, j, delta, by_token, kk[m], qk[m]);
        }
}
#endif

/* ---- no decay, or one of tokens ---- */

/* n rows of dk elements; the rest of [C,K] zeros. */
static void copy_rows(int64_t n, int64_t C, int64_t dk, const la_bf16 *from, int64_t row,
                      la_bf16 *to, int64_t K)
{
    for (int64_t i = 0; i < n; i++, from += row)
        for (int64_t r = 0; r < K; r += 2 * LA_VW) {
            int64_t there = dk - r, room = K - r < 2 * LA_VW ? LA_VW : 2 * LA_VW;
            uint32_t some = there < 2 * LA_VW ? (1u << there) - 1u : ~0u;
            uint32_t fits = room < 2 * LA_VW ? 0xffffu : ~0u;
            _mm512_mask_storeu_epi16(to + i * K + r, fits,
                                     _mm512_maskz_loadu_epi16(some, from + r));
        }
    for (int64_t e = n * K; e < C * K; e += LA_VW) la_v_store_bf16(to + e, la_v_set(0.0f));
}

/* Pairs of tokens as the scan takes them. */
LA_INLINE void give_pairs(const prepared *c)
{
#if defined(__AMX_BF16__)
    const float *pairs = (const float *)(const void *)c->pairs; /* bits, not numbers */
    c->x->tile->transpose(c->C / 2, c->K, pairs, c->K, (float *)(void *)c->to.k_out, c->C / 2);
#endif
    (void)c;
}

/* No writes by the tokens that pad the chunk. */
LA_INLINE void pad_pairs(const prepared *c, la_pair *to)
{
    for (int64_t e = (c->n + 1) / 2 * c->K; e < c->C / 2 * c->K; e += LA_VW)
        la_packed_store(to + e, la_v_pair(0));
}

/* Pairs of tokens, [C/2,K], of k exp(G_n - G). */
static void decayed_pairs(const prepared *c, la_pair *to)
{
    for (int64_t i = 0; i < c->n; i += 2) {
        la_vf a = la_v_set(c->out[i]), b = la_v_set(i + 1 < c->n ? c->out[i + 1] : 0.0f);
        const la_bf16 *low = c->to.k + i * c->K, *high = low + c->K;
        for (int64_t r = 0; r < c->K; r += LA_VW)
            la_packed_store(to + i / 2 * c->K + r, la_packed_pair(a * la_v_load_bf16(low + r),
                                                                  b * la_v_load_bf16(high + r)));
    }
    pad_pairs(c, to);
}

LA_INLINE void tokens(prepared *c, bool delta, bool by_token)
{
    const la_delta_slice *x = c->x;
    copy_rows(c->n, c->C, x->dk, c->q, x->qk_row, c->to.q, c->K);
    copy_rows(c->n, c->C, x->dk, c->k, x->qk_row, c->to.k, c->K);
    const float *pairs = (const float *)(const void *)c->to.k;
    x->tile->transpose(c->C, c->K / 2, pairs, c->K / 2, c->KT, c->C);
    float whole = 1.0f;
    if (by_token) {
        const float *g = x->g ? x->g + c->t * x->gate_row : NULL;
        whole = la_chunk_decays(x, g, c->n, &c->sums, c->to.in, c->out);
        decayed_pairs(c, c->pairs);
    } else {
        x->narrow->pairs_of_rows(c->C, c->K, c->to.k, c->K, c->pairs, c->K);
    }
    for (int64_t r = 0; r < c->K; r += LA_VW) la_v_store(c->to.whole + r, la_v_set(whole));
    scores(c, delta, by_token);
    give_pairs(c);
}

/* ---- a decay of channels ---- */

/* n rows of float32 with zeros from column dk on, rounded; the rest of [C,K] zeros. */
static void round_rows(int64_t n, int64_t C, int64_t dk, const float *from, la_bf16 *to, int64_t K)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < K; r += LA_VW) {
            int64_t m = dk - r < 0 ? 0 : dk - r < LA_VW ? dk - r : LA_VW;
            la_v_store_bf16(to + i * K + r, la_v_load_n(from + i * K + r, m));
        }
    memset(to + n * K, 0, (size_t)((C - n) * K) * sizeof *to);
}

/* Pairs of tokens, [C/2,K], of n rows of float32. */
static void pair_tokens(int64_t n, int64_t C, int64_t dk, const float *from, int64_t K, la_pair *to)
{
    for (int64_t i = 0; i < C; i += 2) {
        for (int64_t r = 0; r < K; r += LA_VW) {
            int64_t m = dk - r < 0 ? 0 : dk - r < LA_VW ? dk - r : LA_VW;
            la_vf a = la_v_load_n(from + i * K + r, i < n ? m : 0);
            la_vf b = la_v_load_n(from + (i + 1) * K + r, i + 1 < n ? m : 0);
            la_packed_store(to + i / 2 * K + r, la_packed_pair(a, b));
        }
    }
}

/* A lower triangle [C,C], rounded to `to` and (where wanted) copied; rows from n on are zero. */
static void pack_triangle(int64_t n, int64_t C, const float *from, la_bf16 *to, float *copy)
{
    const la_vf zero = la_v_set(0.0f);
    for (int64_t i = 0; i < C; i++)
        for (int64_t j = 0; j < C; j += LA_VW) {
            la_vf at = la_v_set((float)j) + la_v_iota(), x = zero;
            if (i < n && j <= i)
                x = la_v_select(la_v_less(la_v_set((float)i), at), zero,
                                la_v_load(from + i * C + j));
            la_v_store_bf16(to + i * C + j, x);
#if defined(__AMX_BF16__)
            if (copy && i >= j && i - j < LA_VW) la_v_store(copy + i * LA_VW, x);
#else
            if (copy) la_v_store(copy + i * C + j, x);
#endif
        }
}

/* In float32, by delta_prepare_isa.c, and rounded: scores of two rounded copies would be further from the
 * definition than the plain recurrence is. */
static void channels(const prepared *c, float *scratch, bool delta)
{
    const la_delta_slice *x = c->x;
    int64_t n = c->n, C = c->C, K = c->K, dk = x->dk;
    float *q = scratch, *k = q + C * K, *ready = k + C * K;
    x->narrow->widen_rows(n, dk, c->q, x->qk_row, q, K);
    x->narrow->widen_rows(n, dk, c->k, x->qk_row, k, K);
    la_delta_slice y = *x;
    y.T = n, y.shared = false;
    y.q = q, y.k = k, y.qk_row = K;
    y.beta = x->beta ? x->beta + c->t * x->gate_row : NULL;
    y.g = x->g + c->t * x->gate_row * dk;
    x->prepare_wide(&y, 0, ready, ready + la_delta_ready_floats(x->decay, dk, x->chunk));

    la_chunk_ready r = la_chunk_ready_at(dk, x->chunk, ready);
    la_chunk_copies_at(&r, dk, x->chunk, ready + la_delta_scores_floats(dk, x->chunk));
    pack_triangle(n, C, r.P, c->to.P, NULL);
    if (delta) pack_triangle(n, C, r.L, c->to.L2, c->to.L);
    round_rows(n, C, dk, r.q, c->to.q, K);
    if (delta) round_rows(n, C, dk, r.k_in, c->to.k, K);
    pair_tokens(n, C, dk, r.k_out, K, c->pairs);
    give_pairs(c);
    memcpy(c->to.whole, r.whole, (size_t)dk * sizeof *r.whole);
    memset(c->to.whole + dk, 0, (size_t)(K - dk) * sizeof *r.whole);
}

#if defined(__AMX_BF16__)
/* Rows [16,K] as sums of two bf16, which together have 16 digits. */
typedef struct split {
    la_bf16 *high, *low;
} split;

LA_INLINE void put_split(split to, int64_t at, la_vf x)
{
    __m256i high = (__m256i)_mm512_cvtneps_pbh(x);
    la_vf rest = x - _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
    _mm256_storeu_si256((__m256i_u *)(to.high + at), high);
    la_v_store_bf16(to.low + at, rest);
}

/* 1 / x for normal x, to a last digit or two. */
LA_INLINE la_vf inverse(la_vf x)
{
    la_vf y = _mm512_rcp14_ps(x);
    return la_v_fma(y, _mm512_fnmadd_ps(x, y, la_v_set(1.0f)), y);
}

/* The decayed copies, as channel_products of delta_prepare_isa.c makes them: `far` is k exp(-G). */
LA_INLINE bool split_channels(const prepared *c, split q, split k, split far, bool delta)
{
    const la_delta_slice *x = c->x;
    const int64_t K = c->K, dk = x->dk, n = c->n, row = x->qk_row, g_row = x->gate_row * dk;
    const float *g = x->g + c->t * g_row;
    const la_vf log2_e = la_v_set(1.44269504088896341f), zero = la_v_set(0.0f);
    int64_t ahead = x->T - c->t - n;
    la_vf lowest = la_v_set(1.0f);
    for (int64_t r = 0; r < K; r += LA_VW) {
        int64_t m = dk - r < 0 ? 0 : dk - r < LA_VW ? dk - r : LA_VW;
        la_vf fade[LA_VW], out[LA_VW], G = la_v_set(1.0f);
        for (int64_t i = 0; i < n; i++) {
            if (i < ahead) __builtin_prefetch(g + (n + i) * g_row + r, 0, 2);
            la_vf key = la_v_load_bf16_n(c->k + i * row + r, m);
            fade[i] = la_v_exp2(log2_e * la_v_load_n(g + i * g_row + r, m));
            G = G * fade[i];
            put_split(q, i * K + r, G * la_v_load_bf16_n(c->q + i * row + r, m));
            if (delta) put_split(k, i * K + r, G * key);
            put_split(far, i * K + r, inverse(G) * key);
        }
        for (int64_t i = n; i < LA_VW; i++) {
            put_split(q, i * K + r, zero);
            if (delta) put_split(k, i * K + r, zero);
            put_split(far, i * K + r, zero);
            out[i] = zero;
        }
        la_v_store(c->to.whole + r, G);
        lowest = la_v_min(lowest, G);
        G = la_v_set(1.0f);
        for (int64_t i = n - 1; i >= 0; i--) {
            out[i] = G * la_v_load_bf16_n(c->k + i * row + r, m);
            G = G * fade[i];
        }
        for (int64_t i = 0; i < LA_VW; i += 2)
            la_packed_store(c->pairs + i / 2 * K + r, la_packed_pair(out[i], out[i + 1]));
    }
    return -la_v_hmax(zero - lowest) > 8.75e-27f;
}

/* A chunk of at most 16 tokens whose decays leave room, as channel_products says. Scores are of the sums of
 * two: a product of their lower halves would be below the last digit. */
static bool channels_by_tiles(const prepared *c, float *scratch, bool delta)
{
    int64_t K = c->K, K2 = K / 2, step = la_packed_step(K);
    if (c->C > LA_VW) return false;
    la_bf16 *at = (la_bf16 *)(void *)scratch;
    split q = {c->to.q, at}, k = {c->to.k, at + LA_VW * K};
    split far = {at + 2 * LA_VW * K, at + 3 * LA_VW * K};
    float *high = scratch + 2 * LA_VW * K, *low = high + LA_VW * K2;
    if (!split_channels(c, q, k, far, delta)) return false;
    const float *words = (const float *)(const void *)far.high; /* bits, not numbers */
    c->x->tile->transpose(LA_VW, K2, words, K2, high, LA_VW);
    words = (const float *)(const void *)far.low;
    c->x->tile->transpose(LA_VW, K2, words, K2, low, LA_VW);

    float qk[LA_VW * LA_VW] __attribute__((aligned(64)));
    float kk[LA_VW * LA_VW] __attribute__((aligned(64))) = {0};
    LA_AMX_ZERO(0);
    LA_AMX_ZERO(1);
    for (int64_t r = 0; r < K2; r += step) {
        LA_AMX_LOAD(5, high + r * LA_VW, LA_VW);
        LA_AMX_LOAD(4, q.low + 2 * r, K2);
        LA_AMX_MULTIPLY(0, 4, 5);
        if (delta) {
            LA_AMX_LOAD(4, k.low + 2 * r, K2);
            LA_AMX_MULTIPLY(1, 4, 5);
            LA_AMX_LOAD(4, k.high + 2 * r, K2);
            LA_AMX_MULTIPLY(1, 4, 5);
        }
        LA_AMX_LOAD(4, q.high + 2 * r, K2);
        LA_AMX_MULTIPLY(0, 4, 5);
        LA_AMX_LOAD(5, low + r * LA_VW, LA_VW);
        LA_AMX_MULTIPLY(0, 4, 5);
        if (delta) {
            LA_AMX_LOAD(4, k.high + 2 * r, K2);
            LA_AMX_MULTIPLY(1, 4, 5);
        }
    }
    LA_AMX_STORE(0, qk, LA_VW);
    if (delta) LA_AMX_STORE(1, kk, LA_VW);
    for (int m = 0; m < LA_VW; m++)
        put_scores(c, m, 0, delta, false, la_v_load(kk + m * LA_VW), la_v_load(qk + m * LA_VW));
    give_pairs(c);
    return true;
}
#endif

LA_INLINE void prepare(prepared *c, float *scratch, bool delta)
{
    la_chunk_decay decay = la_chunk_decay_of(c->x->decay);
#if defined(__AMX_BF16__)
    if (decay == LA_BY_CHANNEL && channels_by_tiles(c, scratch, delta)) return;
#endif
    if (decay == LA_BY_CHANNEL)
        channels(c, scratch, delta);
    else if (decay == LA_BY_TOKEN)
        tokens(c, delta, true);
    else
        tokens(c, delta, false);
}

static void prepare_delta(prepared *c, float *scratch)
{
    prepare(c, scratch, true);
}

static void prepare_additive(prepared *c, float *scratch)
{
    prepare(c, scratch, false);
}

void LA_ISA(la_packed_prepare)(const la_delta_slice *x, int64_t t, float *ready, float *scratch)
{
    prepared c = {.x = x, .t = t, .C = la_delta_up(x->chunk), .K = la_delta_up(x->dk)};
    c.n = x->T - t < x->chunk ? x->T - t : x->chunk;
    c.to = la_packed_at(x, ready);
    c.q = la_packed_rows(x->q, t * x->qk_row), c.k = la_packed_rows(x->k, t * x->qk_row);
    c.pairs = c.to.k_out;
    float *at = scratch; /* `channels` begins anew behind these */
#if defined(__AMX_BF16__)
    c.pairs = (la_pair *)(void *)at, at += c.K / 2 * c.C;
    scratch = at;
#endif
    c.KT = at, at += c.K / 2 * c.C;
    c.sums.hi = at, at += c.C;
    c.sums.lo = at, at += c.C;
    c.sums.back = at, at += c.C;
    c.out = at;
    for (int64_t i = 0; i < c.C; i++) {
        c.to.weight[i] = i >= c.n ? 0.0f : x->beta ? x->beta[(t + i) * x->gate_row] : 1.0f;
        c.to.in[i] = 1.0f;
    }
    (x->write == LA_WRITE_DELTA ? prepare_delta : prepare_additive)(&c, scratch);
}

void LA_ISA(la_delta_prepare_bf16)(const la_delta_slice *x, int64_t t, float *ready, float *scratch)
{
    la_packed_enter(x);
    LA_ISA(la_packed_prepare)(x, t, ready, scratch);
    la_packed_leave();
}
