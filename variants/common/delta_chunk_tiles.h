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

/* K S and Q S at columns j and, where `two`, j + 16. */
LA_INLINE void meet_state(const chunk *c, int64_t i, int64_t j, bool two, bool delta, float *ks,
                          float *qs)
{
    int64_t K2 = c->K / 2, step = la_packed_step(c->K);
    const la_pair *k = (const la_pair *)c->r.k + i * K2, *q = (const la_pair *)c->r.q + i * K2;
    const la_pair *S = c->S2 + j;
    LA_AMX_ZERO(0);
    LA_AMX_ZERO(1);
    LA_AMX_ZERO(2);
    LA_AMX_ZERO(3);
    for (int64_t e = 0; e < K2; e += step, S += step * c->W) {
        LA_AMX_LOAD(5, S, c->W);
        if (delta) {
            LA_AMX_LOAD(4, k + e, K2);
            LA_AMX_MULTIPLY(0, 4, 5);
        }
        LA_AMX_LOAD(4, q + e, K2);
        LA_AMX_MULTIPLY(2, 4, 5);
        if (!two) continue;
        LA_AMX_LOAD(5, S + SIDE, c->W);
        LA_AMX_MULTIPLY(3, 4, 5);
        if (delta) {
            LA_AMX_LOAD(4, k + e, K2);
            LA_AMX_MULTIPLY(1, 4, 5);
        }
    }
    if (delta) LA_AMX_STORE(0, ks, GROUP);
    if (delta && two) LA_AMX_STORE(1, ks + SIDE, GROUP);
    LA_AMX_STORE(2, qs, GROUP);
    if (two) LA_AMX_STORE(3, qs + SIDE, GROUP);
}

/* 16 rows of A, pairs of tokens from `a` on, times `pairs` of U at columns j: `tiles` of them. */
LA_INLINE void meet_tokens(const chunk *c, const la_pair *a, int64_t pairs, int64_t j, int tiles,
                           float *to)
{
    const la_pair *U = c->U + j;
    LA_AMX_ZERO(0);
    LA_AMX_ZERO(1);
    LA_AMX_ZERO(2);
    LA_AMX_ZERO(3);
    for (int64_t p = 0; p < pairs; p += SIDE / 2, U += SIDE / 2 * c->W) {
        LA_AMX_LOAD(6, a + p, c->C / 2);
        LA_AMX_LOAD(7, U, c->W);
        LA_AMX_MULTIPLY(0, 6, 7);
        if (tiles < 2) continue;
        LA_AMX_LOAD(7, U + SIDE, c->W);
        LA_AMX_MULTIPLY(1, 6, 7);
        if (tiles < 3) continue;
        LA_AMX_LOAD(7, U + 2 * SIDE, c->W);
        LA_AMX_MULTIPLY(2, 6, 7);
        if (tiles < 4) continue;
        LA_AMX_LOAD(7, U + 3 * SIDE, c->W);
        LA_AMX_MULTIPLY(3, 6, 7);
    }
    LA_AMX_STORE(0, to, GROUP);
    if (tiles > 1) LA_AMX_STORE(1, to + SIDE, GROUP);
    if (tiles > 2) LA_AMX_STORE(2, to + 2 * SIDE, GROUP);
    if (tiles > 3) LA_AMX_STORE(3, to + 3 * SIDE, GROUP);
}

/* U of 16 tokens at the 16 columns from j on, of which `last` exist. */
LA_INLINE void write_tokens(const chunk *c, int64_t i, int64_t j, int64_t last, bool delta,
                            const float *ks, const float *earlier)
{
    la_vf u[SIDE];
#pragma GCC unroll 16
    for (int m = 0; m < SIDE; m++) {
        const la_bf16 *from = c->v + (i + m) * c->x->v_row + j;
        u[m] = la_v_load_bf16_n(from, i + m < c->n ? last : 0);
        if (delta) u[m] = u[m] - la_v_set(c->r.in[i + m]) * la_v_load(ks + m * GROUP);
        u[m] = la_v_set(c->r.weight[i + m]) * u[m];
        if (delta && i > 0) u[m] = u[m] + la_v_load(earlier + m * GROUP);
    }
    const float *L = c->r.L + i * c->C + i;
    if (delta) {
#pragma GCC unroll 16
        for (int l = 0; l < SIDE; l++)
#pragma GCC unroll 16
            for (int m = l + 1; m < SIDE; m++)
                u[m] = la_v_fma(la_v_set(L[m * c->C + l]), u[l], u[m]);
    }
#pragma GCC unroll 8
    for (int m = 0; m < SIDE; m += 2)
        la_packed_store(c->U + (i + m) / 2 * c->W + j, la_packed_pair(u[m], u[m + 1]));
}

/* O of 16 tokens at `tiles` times 16 columns, the last of which has `last`. */
LA_INLINE void read_tokens(const chunk *c, int64_t i, int64_t j, int tiles, int64_t last,
                           const float *qs, const float *tokens)
{
    int64_t rows = c->n - i < SIDE ? c->n - i : SIDE;
    for (int64_t m = 0; m < rows; m++) {
        la_bf16 *to = c->o + (i + m) * c->x->v_row + j;
        la_vf in = la_v_set(c->r.in[i + m]), s = la_v_set(c->x->scale);
        for (int v = 0; v < tiles; v++) {
            int64_t at = m * GROUP + v * SIDE;
            la_vf o = s * la_v_fma(in, la_v_load(qs + at), la_v_load(tokens + at));
            la_v_store_bf16_n(to + v * SIDE, o, v + 1 < tiles ? SIDE : last);
        }
    }
}

/* Channels [r, r + 16) of S and S2: `more` is what the chunk's tokens give. */
LA_INLINE void carry_tiles(const chunk *c, int64_t r, int64_t j, int tiles, const float *more)
{
    for (int64_t m = 0; m < SIDE; m += 2) {
        float *S = c->S + (r + m) * c->W + j;
        la_pair *S2 = c->S2 + (r + m) / 2 * c->W + j;
        la_vf a = la_v_set(c->r.whole[r + m]), b = la_v_set(c->r.whole[r + m + 1]);
#pragma GCC unroll 4
        for (int v = 0; v < tiles; v++) {
            const float *d = more + m * GROUP + v * SIDE;
            la_vf low = la_v_fma(a, la_v_load(S + v * SIDE), la_v_load(d));
            la_vf high = la_v_fma(b, la_v_load(S + c->W + v * SIDE), la_v_load(d + GROUP));
            la_v_store(S + v * SIDE, low);
            la_v_store(S + c->W + v * SIDE, high);
            la_packed_store(S2 + v * SIDE, la_packed_pair(low, high));
        }
    }
}

LA_INLINE void columns(const chunk *c, int64_t j, int tiles, int64_t last, bool delta)
{
    tile_sums sums __attribute__((aligned(64)));
    int64_t C2 = c->C / 2, row = c->x->qk_row * 2, v_row = c->x->v_row * 2;
    for (int64_t i = 0; i < c->n; i += SIDE) {
        prefetch(c, c->v + j, i, SIDE, v_row, tiles * SIDE * 2);
        for (int v = 0; v < tiles; v += 2)
            meet_state(c, i, j + v * SIDE, tiles - v > 1, delta, sums.ks + v * SIDE,
                       sums.qs + v * SIDE);
        if (j == 0 && c->alone) prefetch(c, c->k, i, SIDE, row, c->x->dk * 2);
        if (delta && i > 0)
            meet_tokens(c, (const la_pair *)c->r.L2 + i * C2, i / 2, j, tiles, sums.tokens);
        for (int v = 0; v < tiles; v++)
            write_tokens(c, i, j + v * SIDE, v + 1 < tiles ? SIDE : last, delta, sums.ks + v * SIDE,
                         sums.tokens + v * SIDE);
        if (j == 0 && c->alone) prefetch(c, c->q, i, SIDE, row, c->x->dk * 2);
        meet_tokens(c, (const la_pair *)c->r.P + i * C2, (i + SIDE) / 2, j, tiles, sums.tokens);
        prefetch(c, c->o + j, i, SIDE, v_row, tiles * SIDE * 2);
        read_tokens(c, i, j, tiles, last, sums.qs, sums.tokens);
    }
    int64_t done = (c->n + SIDE - 1) / SIDE * SIDE;
    for (int64_t i = done; i < c->C; i += 2) /* tokens that pad the chunk write nothing */
        for (int v = 0; v < tiles; v++)
            la_packed_store(c->U + i / 2 * c->W + j + v * SIDE, la_v_pair(0));
    for (int64_t r = 0; r < c->K; r += SIDE) {
        meet_tokens(c, c->r.k_out + r * C2, C2, j, tiles, sums.ks);
        carry_tiles(c, r, j, tiles, sums.ks);
    }
}

LA_INLINE void one_chunk(const chunk *c, bool delta)
{
    int64_t j = 0, w = c->x->w;
    for (; j + GROUP <= w; j += GROUP) columns(c, j, 4, SIDE, delta);
    for (; j + 2 * SIDE <= w; j += 2 * SIDE) columns(c, j, 2, SIDE, delta);
    for (; j < w; j += SIDE) columns(c, j, 1, w - j < SIDE ? w - j : SIDE, delta);
}

#endif
