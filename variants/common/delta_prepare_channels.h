/* SPDX-License-Identifier: Apache-2.0
 * A chunk with a decay of channels for delta_prepare_bf16.c, which includes this behind what it needs: decayed copies
 * and scores, by tiles of AMX or by float32 products.
 */
#ifndef LA_DELTA_PREPARE_CHANNELS_H
#define LA_DELTA_PREPARE_CHANNELS_H

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
    if (!la_chunk_has_room(lowest)) return false;
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
    if (!la_chunk_has_room(lowest)) return false;
    for (int i = 0; i < LA_VW; i++)
        put_scores(c, i, 0, delta, false, sum_neighbours(sums.kk[i]), sum_neighbours(sums.qk[i]));
    return true;
}
#endif

#endif
