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

#include "delta_prepare_channels.h"

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
