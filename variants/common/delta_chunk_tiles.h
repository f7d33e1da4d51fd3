/* SPDX-License-Identifier: Apache-2.0
 * One chunk of the chunk form of bfloat16 rows by tiles of AMX; delta_chunk_bf16.c has the rest of it. 16 tokens
 * at a time, and at most 64 columns: products leave float32 tiles behind, and vectors do what lies
 * between them. What follows from the tokens of the same 16 is solved in float32.
 *
 * Tiles: 0 to 3 are sums. Along channels 4 is A and 5 is B, along tokens 6 and 7: eight pairs each.
 */
#ifndef LA_DELTA_CHUNK_TILES_H
#define LA_DELTA_CHUNK_TILES_H

#include "delta_packed.h"

enum { SIDE = 16, GROUP = 4 * SIDE };

/* What the products of 16 tokens, or of 16 channels, leave. */
typedef struct tile_sums {
    float ks[SIDE * GROUP], qs[SIDE * GROUP], tokens[SIDE * GROUP];
} tile_sums;

LA_INLINE void clear_tiles(void)
{
    LA_AMX_ZERO(0);
    LA_AMX_ZERO(1);
    LA_AMX_ZERO(2);
    LA_AMX_ZERO(3);
}

LA_INLINE void store_tiles(int tiles, float *to)
{
    LA_AMX_STORE(0, to, GROUP);
    if (tiles > 1) LA_AMX_STORE(1, to + SIDE, GROUP);
    if (tiles > 2) LA_AMX_STORE(2, to + 2 * SIDE, GROUP);
    if (tiles > 3) LA_AMX_STORE(3, to + 3 * SIDE, GROUP);
}

/* Adds 16 rows [16,K/2] times S at columns j: `tiles` of them. */
LA_INLINE void meet_state(const chunk *c, const la_bf16 *rows, int64_t j, int tiles)
{
    const int64_t W = c->W, K2 = c->K / 2, step = la_packed_step(c->K);
    const la_pair *a = (const la_pair *)rows, *S = c->S2 + j, *end = a + K2;
    for (; a < end; a += step, S += step * W) {
        LA_AMX_LOAD(4, a, K2);
        LA_AMX_LOAD(5, S, W);
        LA_AMX_MULTIPLY(0, 4, 5);
        if (tiles < 2) continue;
        LA_AMX_LOAD(5, S + SIDE, W);
        LA_AMX_MULTIPLY(1, 4, 5);
        if (tiles < 3) continue;
        LA_AMX_LOAD(5, S + 2 * SIDE, W);
        LA_AMX_MULTIPLY(2, 4, 5);
        if (tiles < 4) continue;
        LA_AMX_LOAD(5, S + 3 * SIDE, W);
        LA_AMX_MULTIPLY(3, 4, 5);
    }
}

/* Adds 16 rows, pairs of tokens from `a` on, times `pairs` of U. */
LA_INLINE void meet_tokens(const chunk *c, const la_pair *a, int64_t pairs, int64_t j, int tiles)
{
    const int64_t W = c->W, C2 = c->C / 2;
    const la_pair *U = c->U + j, *end = a + pairs;
    for (; a < end; a += SIDE / 2, U += SIDE / 2 * W) {
        LA_AMX_LOAD(6, a, C2);
        LA_AMX_LOAD(7, U, W);
        LA_AMX_MULTIPLY(0, 6, 7);
        if (tiles < 2) continue;
        LA_AMX_LOAD(7, U + SIDE, W);
        LA_AMX_MULTIPLY(1, 6, 7);
        if (tiles < 3) continue;
        LA_AMX_LOAD(7, U + 2 * SIDE, W);
        LA_AMX_MULTIPLY(2, 6, 7);
        if (tiles < 4) continue;
        LA_AMX_LOAD(7, U + 3 * SIDE, W);
        LA_AMX_MULTIPLY(3, 6, 7);
    }
}

/* U of 16 tokens, of which `rows` exist, at the 16 columns from j on, of which `last` do. */
LA_INLINE void write_tokens(const chunk *c, int64_t i, int64_t j, int64_t rows, int64_t last,
                            bool delta, const float *ks, const float *earlier)
{
    const int64_t v_row = c->x->v_row, W = c->W;
    const la_bf16 *from = c->v + i * v_row + j;
    const float *in = c->r.in + i, *weight = c->r.weight + i, *L = c->r.L + i * SIDE;
    la_vf u[SIDE];
#pragma GCC unroll 16
    for (int m = 0; m < SIDE; m++, from += v_row) {
        u[m] = la_v_load_bf16_n(from, m < rows ? last : 0);
        if (delta) u[m] = u[m] - la_v_set(in[m]) * la_v_load(ks + m * GROUP);
        u[m] = la_v_set(weight[m]) * u[m];
        if (delta && i > 0) u[m] = u[m] + la_v_load(earlier + m * GROUP);
    }
    if (delta) {
#pragma GCC unroll 16
        for (int l = 0; l < SIDE; l++)
#pragma GCC unroll 16
            for (int m = l + 1; m < SIDE; m++)
                u[m] = la_v_fma(la_v_set(L[m * SIDE + l]), u[l], u[m]);
    }
    la_pair *U = c->U + i / 2 * W + j;
#pragma GCC unroll 8
    for (int m = 0; m < SIDE; m += 2, U += W) la_packed_store(U, la_packed_pair(u[m], u[m + 1]));
}

/* The same where U is V: nothing is rounded. */
LA_INLINE void copy_tokens(const chunk *c, int64_t i, int64_t j, int64_t rows, int64_t last)
{
    const int64_t v_row = c->x->v_row;
    const la_bf16 *from = c->v + i * v_row + j;
    la_pair *U = c->U + i / 2 * c->W + j;
#pragma GCC unroll 8
    for (int m = 0; m < SIDE; m += 2, U += c->W, from += 2 * v_row) {
        __mmask16 low = la_v_first_(m < rows ? last : 0),
                  high = la_v_first_(m + 1 < rows ? last : 0);
        __m512i a = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(low, from));
        __m512i b = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(high, from + v_row));
        la_packed_store(U, _mm512_or_si512(a, _mm512_slli_epi32(b, 16)));
    }
}

/* O of 16 tokens at `tiles` times 16 columns; a tile alone has `last`. qs NULL: `tokens` are all of it. */
LA_INLINE void read_tokens(const chunk *c, int64_t i, int64_t j, int64_t rows, int tiles,
                           int64_t last, const float *qs, const float *tokens)
{
    const int64_t v_row = c->x->v_row;
    const float *in = c->r.in + i;
    la_bf16 *to = c->o + i * v_row + j;
    la_vf s = la_v_set(c->x->scale);
    for (int64_t m = 0; m < rows; m++, to += v_row, tokens += GROUP) {
        la_vf o[4];
#pragma GCC unroll 4
        for (int v = 0; v < tiles; v++) {
            o[v] = la_v_load(tokens + v * SIDE);
            if (qs) o[v] = la_v_fma(la_v_set(in[m]), la_v_load(qs + m * GROUP + v * SIDE), o[v]);
            o[v] = s * o[v];
        }
        if (tiles == 1) la_v_store_bf16_n(to, o[0], last);
#pragma GCC unroll 2
        for (int v = 0; v + 1 < tiles; v += 2)
            _mm512_storeu_si512(to + v * SIDE, (__m512i)_mm512_cvtne2ps_pbh(o[v + 1], o[v]));
    }
}

/* What the chunk's tokens give channels [r, r + 16) of S. */
LA_INLINE void carry_sums(const chunk *c, int64_t r, int64_t j, int tiles, float *to)
{
    clear_tiles();
    meet_tokens(c, c->r.k_out + r * (c->C / 2), c->C / 2, j, tiles);
    store_tiles(tiles, to);
}

/* Asks for rows [i, end) to come: a few at a time, since a core waits when more than about 20 lines are on their
 * way. */
LA_INLINE void ask(const chunk *c, int64_t i, int64_t end, int64_t j, int tiles)
{
    const int64_t rows = (end < c->n ? end : c->n) - i, v_row = c->x->v_row * 2;
    prefetch(c, c->v + j, i, rows, v_row, tiles * SIDE * 2);
    prefetch(c, c->o + j, i, rows, v_row, tiles * SIDE * 2);
    if (j > 0) return;
    prefetch_keys(c, c->k, i, rows);
    prefetch_keys(c, c->q, i, rows);
}

/* Channels [r, r + 16) of S and S2: `more` is what the chunk's tokens give, and decays with S where it has not
 * yet. */
LA_INLINE void carry_tiles(const chunk *c, int64_t r, int64_t j, int tiles, bool undecayed,
                           const float *more)
{
    const int64_t W = c->W;
    const float *whole = c->r.whole + r;
    float *S = c->S + r * W + j;
    la_pair *S2 = c->S2 + r / 2 * W + j;
    int64_t some = (c->n * SIDE + c->K - 1) / c->K, first = r / SIDE * some;
    for (int m = 0; m < SIDE; m += 2, S += 2 * W, S2 += W, more += 2 * GROUP) {
        ask(c, first + some * m / SIDE, first + some * (m + 2) / SIDE, j, tiles);
        la_vf a = la_v_set(whole[m]), b = la_v_set(whole[m + 1]);
#pragma GCC unroll 4
        for (int v = 0; v < tiles; v++) {
            float *low = S + v * SIDE, *high = low + W;
            la_vf x = la_v_load(low), y = la_v_load(high);
            la_vf p = la_v_load(more + v * SIDE), q = la_v_load(more + GROUP + v * SIDE);
            if (undecayed)
                x = a * (x + p), y = b * (y + q);
            else
                x = la_v_fma(a, x, p), y = la_v_fma(b, y, q);
            la_v_store(low, x);
            la_v_store(high, y);
            la_packed_store(S2 + v * SIDE, la_packed_pair(x, y));
        }
    }
}

LA_INLINE void carry(const chunk *c, int64_t j, int tiles, bool undecayed, float *sums)
{
    for (int64_t r = 0; r < c->K; r += SIDE) {
        carry_sums(c, r, j, tiles, sums);
        carry_tiles(c, r, j, tiles, undecayed, sums);
    }
}

/* 16 tokens. Where decays are of tokens, what Q finds in S is scaled before the chunk's own is added. */
LA_INLINE void token_tiles(const chunk *c, int64_t i, int64_t j, int tiles, int64_t last,
                           bool delta, bool by_token, tile_sums *sums)
{
    const int64_t C2 = c->C / 2;
    int64_t rows = c->n - i < SIDE ? c->n - i : SIDE;
    if (delta) {
        clear_tiles();
        meet_state(c, c->r.k + i * c->K, j, tiles);
        store_tiles(tiles, sums->ks);
    }
    if (delta && i > 0) {
        clear_tiles();
        meet_tokens(c, (const la_pair *)c->r.L2 + i * C2, i / 2, j, tiles);
        store_tiles(tiles, sums->tokens);
    }
    clear_tiles();
    meet_state(c, c->r.q + i * c->K, j, tiles);
    if (by_token) {
        store_tiles(tiles, sums->qs);
        clear_tiles();
    }
    for (int v = 0; v < tiles; v++)
        if (!delta && !c->x->beta)
            copy_tokens(c, i, j + v * SIDE, rows, v + 1 < tiles ? SIDE : last);
        else
            write_tokens(c, i, j + v * SIDE, rows, v + 1 < tiles ? SIDE : last, delta,
                         sums->ks + v * SIDE, sums->tokens + v * SIDE);
    meet_tokens(c, (const la_pair *)c->r.P + i * C2, (i + SIDE) / 2, j, tiles);
    store_tiles(tiles, sums->tokens);
    read_tokens(c, i, j, rows, tiles, last, by_token ? sums->qs : NULL, sums->tokens);
}

LA_INLINE void columns(const chunk *c, int64_t j, int tiles, int64_t last, bool delta)
{
    tile_sums sums __attribute__((aligned(64)));
    int64_t done = (c->n + SIDE - 1) / SIDE * SIDE;
    bool by_token = la_chunk_decay_of(c->x->decay) == LA_BY_TOKEN;
    for (int64_t i = 0; i < c->n; i += SIDE)
        token_tiles(c, i, j, tiles, last, delta, by_token, &sums);
    for (int64_t i = done; i < c->C; i += 2) /* tokens that pad the chunk write nothing */
        for (int v = 0; v < tiles; v++)
            la_packed_store(c->U + i / 2 * c->W + j + v * SIDE, la_v_pair(0));
    if (c->r.undecayed[0] != 0.0f)
        carry(c, j, tiles, true, sums.ks);
    else
        carry(c, j, tiles, false, sums.ks);
}

LA_INLINE void one_chunk(const chunk *c, bool delta)
{
    int64_t j = 0, w = c->x->w;
    for (; j + GROUP <= w; j += GROUP) columns(c, j, 4, SIDE, delta);
    for (; j + 2 * SIDE <= w; j += 2 * SIDE) columns(c, j, 2, SIDE, delta);
    for (; j < w; j += SIDE) columns(c, j, 1, w - j < SIDE ? w - j : SIDE, delta);
}

#endif
