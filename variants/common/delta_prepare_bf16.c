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
            __m512i x = _mm512_maskz_loadu_epi16(some, from + r);
            if (room == 2 * LA_VW)
                _mm512_storeu_si512(to + i * K + r, x);
            else
                _mm256_storeu_si256((__m256i_u *)(to + i * K + r), _mm512_castsi512_si256(x));
        }
    for (int64_t e = n * K; e < C * K; e += LA_VW) la_v_store_bf16(to + e, la_v_set(0.0f));
}

#if defined(__AMX_BF16__)
/* Pairs of tokens [C/2,K] by channel, [K,C/2]: eight rows of 32 channels make a square. */
static void turn_pairs(const prepared *c, const la_pair *from, la_pair *to)
{
    const int64_t K = c->K, C2 = c->C / 2;
    for (int64_t p = 0; p < C2; p += 8)
        for (int64_t r = 0; r < K; r += 2 * LA_VW) {
            bool two = K - r > LA_VW;
            __m512i square[LA_VW];
#pragma GCC unroll 8
            for (int m = 0; m < 8; m++) {
                const la_pair *row = from + (p + m) * K + r;
                square[m] = la_v_pairs(row);
                square[8 + m] = two ? la_v_pairs(row + LA_VW) : la_v_pair(0);
            }
            la_v_turn(square);
            la_pair *at = to + r * C2 + p, *further = at + LA_VW * C2;
#pragma GCC unroll 16
            for (int m = 0; m < LA_VW; m++, at += C2, further += C2) {
                _mm256_storeu_si256((__m256i_u *)at, _mm512_castsi512_si256(square[m]));
                if (two)
                    _mm256_storeu_si256((__m256i_u *)further,
                                        _mm512_extracti64x4_epi64(square[m], 1));
            }
        }
}

/* A row of 16 pairs of channels as one of the first channel and one of the second: eight pairs of tokens each. */
LA_INLINE __m512i pairs_apart(__m512i x)
{
    const __m512i order =
        _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1, 30, 28, 26, 24,
                         22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutexvar_epi16(order, x);
}

/* Pairs of channels of rows [16,K/2] as columns, [K/2,16] with rows of ldt: in whole lines, which a load of
 * a tile then takes from stores still under way. And, unless NULL, as pairs of tokens, [K,8]. */
LA_INLINE void turn_rows(const la_pair *from, int64_t K2, la_pair *to, int64_t ldt, la_pair *tokens)
{
    for (int64_t r = 0; r < K2; r += LA_VW) {
        int64_t there = K2 - r < LA_VW ? K2 - r : LA_VW;
        __m512i square[LA_VW];
#pragma GCC unroll 16
        for (int m = 0; m < LA_VW; m++) square[m] = la_v_pairs_n(from + m * K2 + r, there);
        la_v_turn(square);
#pragma GCC unroll 16
        for (int m = 0; m < LA_VW; m++)
            if (m < there) la_packed_store(to + (r + m) * ldt, square[m]);
        if (!tokens) continue;
#pragma GCC unroll 16
        for (int m = 0; m < LA_VW; m++)
            if (m < there) la_packed_store(tokens + (r + m) * LA_VW, pairs_apart(square[m]));
    }
}
#endif

/* Pairs of tokens as the scan takes them. */
LA_INLINE void give_pairs(const prepared *c)
{
#if defined(__AMX_BF16__)
    turn_pairs(c, c->pairs, c->to.k_out);
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
#if defined(__AMX_BF16__)
    for (int64_t i = 0; i < c->n; i += LA_VW)
        turn_rows((const la_pair *)c->to.k + i * c->K / 2, c->K / 2, (la_pair *)(void *)c->KT + i,
                  c->C, NULL);
#else
    const float *pairs = (const float *)(const void *)c->to.k;
    x->tile->transpose(c->C, c->K / 2, pairs, c->K / 2, c->KT, c->C);
#endif
    float whole = 1.0f;
    if (by_token) {
        const float *g = x->g ? x->g + c->t * x->gate_row : NULL;
        whole = la_chunk_decays(x, g, c->n, &c->sums, c->to.in, c->out);
        decayed_pairs(c, c->pairs);
    } else {
        x->narrow->pairs_of_rows(c->C, c->K, c->to.k, c->K, c->pairs, c->K);
    }
    for (int64_t r = 0; r < c->K; r += LA_VW) la_v_store(c->to.whole + r, la_v_set(whole));
    give_pairs(c);
    scores(c, delta, by_token);
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

/* Copies of 16 rows, rounded [16,K], and what scores are made of, where rounded ones would not do. */
#if defined(__AMX_BF16__)
typedef la_bf16 fine; /* [16,K]: what rounding took, rounded: together they have 16 digits */
#else
typedef float fine; /* not rounded: of a span alone, [2,16,16] by its halves */
#endif
typedef struct copies {
    la_bf16 *rounded; /* or NULL */
    fine *fine;
} copies;

enum {
    SPAN = 2 * LA_VW,
    SQUARE = LA_VW * LA_VW
}; /* channels at a time; the last span may be half */

/* Row i at a span from r on: in whole lines, as tiles will read them. */
LA_INLINE void put_copies(copies to, int64_t i, int64_t r, int64_t K, la_vf x, la_vf y)
{
    bool two = K - r > LA_VW;
    __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(y, x);
    if (to.rounded && two) _mm512_storeu_si512(to.rounded + i * K + r, rounded);
    if (to.rounded && !two)
        _mm256_storeu_si256((__m256i_u *)(to.rounded + i * K + r), _mm512_castsi512_si256(rounded));
#if defined(__AMX_BF16__)
    x = x - _mm512_castsi512_ps(
                _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(rounded)), 16));
    y = y - _mm512_castsi512_ps(_mm512_slli_epi32(
                _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(rounded, 1)), 16));
    __m512i rest = (__m512i)_mm512_cvtne2ps_pbh(y, x);
    if (two)
        _mm512_storeu_si512(to.fine + i * K + r, rest);
    else
        _mm256_storeu_si256((__m256i_u *)(to.fine + i * K + r), _mm512_castsi512_si256(rest));
#else
    la_v_store(to.fine + i * LA_VW, x);
    la_v_store(to.fine + i * LA_VW + SQUARE, y);
#endif
}

/* 2^x for x <= 0, -inf too, to 3.4e-6 and with an error below 2e-4 of x: what comes of it is rounded to bf16. 1 at
 * 0 and continuous, else many small decays would add up to another rate. */
LA_INLINE la_vf decay_exp2(la_vf x)
{
    la_vf r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    la_vf y = la_v_set(1.3555747e-2f);
    y = la_v_fma(y, r, la_v_set(5.2032370e-2f));
    y = la_v_fma(y, r, la_v_set(2.4137976e-1f));
    y = la_v_fma(y, r, la_v_set(6.9303212e-1f));
    y = la_v_fma(y, r, la_v_set(1.0f));
    return _mm512_scalef_ps(y, x);
}

/* Two vectors of channels. */
typedef struct both {
    la_vf v[2];
} both;

/* Of 32 channels, of which m exist. */
LA_INLINE both both_bf16(const la_bf16 *p, int64_t m)
{
    const __mmask32 high = 0xaaaaaaaa;
    const __m512i first =
        _mm512_setr_epi32(0, 1 << 16, 2 << 16, 3 << 16, 4 << 16, 5 << 16, 6 << 16, 7 << 16, 8 << 16,
                          9 << 16, 10 << 16, 11 << 16, 12 << 16, 13 << 16, 14 << 16, 15 << 16);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(16 << 16));
    __m512i x = _mm512_maskz_loadu_epi16(m < SPAN ? (1u << m) - 1u : ~0u, p);
    return (both){{_mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(high, first, x)),
                   _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(high, second, x))}};
}

/* The decayed copies of a span, as channel_products of delta_prepare_isa.c makes them: `far` is k exp(-G), which is
 * what S takes up as well, to decay with it. Returns the least exp(G). */
LA_INLINE la_vf copy_span(const prepared *c, int64_t r, copies q, copies k, copies far, bool delta)
{
    const la_delta_slice *x = c->x;
    const int64_t K = c->K, dk = x->dk, n = c->n, row = x->qk_row, g_row = x->gate_row * dk;
    const float *gate = x->g + c->t * g_row + r;
    const la_vf log2_e = la_v_set(1.44269504088896341f), zero = la_v_set(0.0f);
    int64_t ahead = x->T - c->t - n, left = dk - r;
    int64_t m[2] = {left < LA_VW ? left : LA_VW, left < LA_VW ? 0 : left - LA_VW};
    if (m[1] > LA_VW) m[1] = LA_VW;
    la_vf G[2] = {la_v_set(1.0f), la_v_set(1.0f)};
    for (int64_t i = 0; i < n; i++, gate += g_row) {
        if (i < ahead) __builtin_prefetch(gate + n * g_row, 0, 2);
        if (i < ahead) __builtin_prefetch(gate + n * g_row + LA_VW, 0, 2);
        both key = both_bf16(c->k + i * row + r, left);
        both query = both_bf16(c->q + i * row + r, left);
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++)
            G[h] = G[h] * decay_exp2(log2_e * la_v_load_n(gate + h * LA_VW, m[h]));
        put_copies(q, i, r, K, G[0] * query.v[0], G[1] * query.v[1]);
        if (delta) put_copies(k, i, r, K, G[0] * key.v[0], G[1] * key.v[1]);
        put_copies(far, i, r, K, _mm512_rcp14_ps(G[0]) * key.v[0],
                   _mm512_rcp14_ps(G[1]) * key.v[1]);
    }
    for (int64_t i = n; i < LA_VW; i++) {
        put_copies(q, i, r, K, zero, zero);
        if (delta) put_copies(k, i, r, K, zero, zero);
        put_copies(far, i, r, K, zero, zero);
    }
    la_v_store(c->to.whole + r, G[0]);
    if (K - r > LA_VW) la_v_store(c->to.whole + r + LA_VW, G[1]);
    return la_v_min(G[0], G[1]); /* 1 where there are no channels */
}

/* Whether inverses have room in float32: no channel falls below e^-60. */
LA_INLINE bool has_room(la_vf lowest)
{
    return -la_v_hmax(la_v_set(0.0f) - lowest) > 8.75e-27f;
}

#if defined(__AMX_BF16__)
/* Scores are of the sums of two: a product of their lower halves would be below the last digit. */
LA_INLINE bool near_channels(const prepared *c, float *scratch, bool delta)
{
    int64_t K = c->K, K2 = K / 2, step = la_packed_step(K);
    la_bf16 *at = (la_bf16 *)(void *)scratch;
    copies q = {c->to.q, at}, k = {c->to.k, at + LA_VW * K};
    copies far = {at + 2 * LA_VW * K, at + 3 * LA_VW * K};
    la_pair *high = (la_pair *)(void *)(scratch + 2 * LA_VW * K), *low = high + LA_VW * K2;
    la_vf lowest = la_v_set(1.0f);
    for (int64_t r = 0; r < K; r += SPAN)
        lowest = la_v_min(lowest, copy_span(c, r, q, k, far, delta));
    if (!has_room(lowest)) return false;
    turn_rows((const la_pair *)far.fine, K2, low, LA_VW, NULL);
    turn_rows((const la_pair *)far.rounded, K2, high, LA_VW, c->to.k_out);

    float qk[LA_VW * LA_VW] __attribute__((aligned(64)));
    float kk[LA_VW * LA_VW] __attribute__((aligned(64))) = {0};
    LA_AMX_ZERO(0);
    LA_AMX_ZERO(1);
    for (int64_t r = 0; r < K2; r += step) {
        LA_AMX_LOAD(5, high + r * LA_VW, LA_VW);
        LA_AMX_LOAD(4, q.fine + 2 * r, K2);
        LA_AMX_MULTIPLY(0, 4, 5);
        if (delta) {
            LA_AMX_LOAD(4, k.fine + 2 * r, K2);
            LA_AMX_MULTIPLY(1, 4, 5);
            LA_AMX_LOAD(4, k.rounded + 2 * r, K2);
            LA_AMX_MULTIPLY(1, 4, 5);
        }
        LA_AMX_LOAD(4, q.rounded + 2 * r, K2);
        LA_AMX_MULTIPLY(0, 4, 5);
        LA_AMX_LOAD(5, low + r * LA_VW, LA_VW);
        LA_AMX_MULTIPLY(0, 4, 5);
        if (delta) {
            LA_AMX_LOAD(4, k.rounded + 2 * r, K2);
            LA_AMX_MULTIPLY(1, 4, 5);
        }
    }
    LA_AMX_STORE(0, qk, LA_VW);
    if (delta) LA_AMX_STORE(1, kk, LA_VW);
    for (int m = 0; m < LA_VW; m++)
        put_scores(c, m, 0, delta, false, la_v_load(kk + m * LA_VW), la_v_load(qk + m * LA_VW));
    return true;
}
#else
/* A square of 8 x 8 pairs of lanes changes rows for columns: pairs, quarters, halves. */
LA_INLINE void turn_doubles(__m512d r[8])
{
    __m512d t[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
    }
    /* t[2 p + c] holds, in its part e, columns 2 e + c of rows 2 p and 2 p + 1. */
#pragma GCC unroll 2
    for (int c = 0; c < 2; c++) {
        __m512d a = _mm512_shuffle_f64x2(t[c], t[2 + c], 0x88); /* parts 0 and 2 */
        __m512d b = _mm512_shuffle_f64x2(t[c], t[2 + c], 0xdd); /* parts 1 and 3 */
        __m512d d = _mm512_shuffle_f64x2(t[4 + c], t[6 + c], 0x88);
        __m512d e = _mm512_shuffle_f64x2(t[4 + c], t[6 + c], 0xdd);
        r[c] = _mm512_shuffle_f64x2(a, d, 0x88);
        r[4 + c] = _mm512_shuffle_f64x2(a, d, 0xdd);
        r[2 + c] = _mm512_shuffle_f64x2(b, e, 0x88);
        r[6 + c] = _mm512_shuffle_f64x2(b, e, 0xdd);
    }
}

/* Eight rows of `far` at 16 channels: in their place columns of pairs of channels, eight tokens a vector, and
 * rounded as pairs of tokens. */
LA_INLINE void turn_far(float *far, la_pair *pairs, int64_t K)
{
    __m512d square[8];
#pragma GCC unroll 4
    for (int m = 0; m < 8; m += 2) {
        la_vf a = la_v_load(far + m * LA_VW), b = la_v_load(far + (m + 1) * LA_VW);
        la_packed_store(pairs + m / 2 * K, la_packed_pair(a, b));
        square[m] = _mm512_castps_pd(a), square[m + 1] = _mm512_castps_pd(b);
    }
    turn_doubles(square);
#pragma GCC unroll 8
    for (int m = 0; m < 8; m++) la_v_store(far + m * LA_VW, _mm512_castpd_ps(square[m]));
}

/* Two neighbours, over and over. */
LA_INLINE la_vf two_channels(const float *p)
{
    double x;
    memcpy(&x, p, sizeof x);
    return _mm512_castpd_ps(_mm512_set1_pd(x));
}

/* Scores on their way, in float32: a lane has the even or the odd channels of one of eight columns. */
typedef struct near_sums {
    float qk[LA_VW][2 * LA_VW], kk[LA_VW][2 * LA_VW];
} near_sums;

/* Adds `squares` halves of a span to rows [i, i + rows) at the first eight columns, or at both eights. */
LA_INLINE void near_rows(const float *q, const float *k, const float *far, int squares, int i,
                         int rows, int eights, bool delta, near_sums *sums)
{
    la_vf kk[16], qk[16];
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 2
        for (int h = 0; h < eights; h++) {
            qk[m * eights + h] = la_v_load(sums->qk[i + m] + h * LA_VW);
            if (delta) kk[m * eights + h] = la_v_load(sums->kk[i + m] + h * LA_VW);
        }
    q += i * LA_VW, k += i * LA_VW;
    for (int s = 0; s < squares; s++, q += SQUARE - LA_VW, k += SQUARE - LA_VW, far += SQUARE / 2)
        for (int p = 0; p < LA_VW / 2; p++, q += 2, k += 2, far += LA_VW) {
            la_vf b[2] = {la_v_load(far)};
            if (eights > 1) b[1] = la_v_load(far + SQUARE / 2);
#pragma GCC unroll 8
            for (int m = 0; m < rows; m++) {
                la_vf x = two_channels(q + m * LA_VW), y = two_channels(k + m * LA_VW);
#pragma GCC unroll 2
                for (int h = 0; h < eights; h++) {
                    int at = m * eights + h;
                    qk[at] = la_v_fma(x, b[h], qk[at]);
                    if (delta) kk[at] = la_v_fma(y, b[h], kk[at]);
                }
            }
        }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 2
        for (int h = 0; h < eights; h++) {
            la_v_store(sums->qk[i + m] + h * LA_VW, qk[m * eights + h]);
            if (delta) la_v_store(sums->kk[i + m] + h * LA_VW, kk[m * eights + h]);
        }
}

/* The even lanes of two vectors plus the odd ones. */
LA_INLINE la_vf sum_neighbours(const float *p)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    la_vf x = la_v_load(p), y = la_v_load(p + LA_VW);
    return _mm512_permutex2var_ps(x, even, y) + _mm512_permutex2var_ps(x, odd, y);
}

/* Scores of rows by the columns up to them, span by span: what is read again and again is then in the nearest
 * cache, and S beside it. */
LA_INLINE bool near_channels(const prepared *c, float *scratch, bool delta)
{
    const int64_t K = c->K;
    copies q = {c->to.q, scratch}, k = {c->to.k, scratch + 2 * SQUARE};
    copies far = {NULL, scratch + 4 * SQUARE};
    near_sums sums __attribute__((aligned(64))) = {0};
    la_vf lowest = la_v_set(1.0f);
    for (int64_t r = 0; r < K; r += SPAN) {
        lowest = la_v_min(lowest, copy_span(c, r, q, k, far, delta));
        int squares = K - r > LA_VW ? 2 : 1;
        for (int s = 0; s < squares; s++)
            for (int i = 0; i < LA_VW; i += 8)
                turn_far(far.fine + s * SQUARE + i * LA_VW, c->to.k_out + i / 2 * K + r + s * LA_VW,
                         K);
        near_rows(q.fine, k.fine, far.fine, squares, 0, 8, 1, delta, &sums);
        if (!delta) near_rows(q.fine, k.fine, far.fine, squares, 8, 8, 2, false, &sums);
        for (int i = 8; delta && i < LA_VW; i += 4)
            near_rows(q.fine, k.fine, far.fine, squares, i, 4, 2, true, &sums);
    }
    if (!has_room(lowest)) return false;
    for (int i = 0; i < LA_VW; i++)
        put_scores(c, i, 0, delta, false, sum_neighbours(sums.kk[i]), sum_neighbours(sums.qk[i]));
    return true;
}
#endif

LA_INLINE void prepare(prepared *c, float *scratch, bool delta)
{
    la_chunk_decay decay = la_chunk_decay_of(c->x->decay);
    if (decay == LA_BY_CHANNEL && c->C == LA_VW && near_channels(c, scratch, delta))
        c->to.undecayed[0] = 1.0f;
    else if (decay == LA_BY_CHANNEL)
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
    c.to.undecayed[0] = 0.0f;
    (x->write == LA_WRITE_DELTA ? prepare_delta : prepare_additive)(&c, scratch);
}

void LA_ISA(la_delta_prepare_bf16)(const la_delta_slice *x, int64_t t, float *ready, float *scratch)
{
    la_packed_enter(x);
    LA_ISA(la_packed_prepare)(x, t, ready, scratch);
    la_packed_leave();
}
