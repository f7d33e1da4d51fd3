/* SPDX-License-Identifier: Apache-2.0
 * Which rows of attention by tiles lie where, and which keys they see; see flash_cuda.h for how rows are packed and
 * keys are numbered.
 */
#ifndef LA_FLASH_PLACE_CUH
#define LA_FLASH_PLACE_CUH

#include "flash_tile.cuh"

#include "flash_cuda.h"

/* Keys [first, end). */
struct la_flash_span {
    int first, end;
};

/* What the query at `at` sees. */
__host__ __device__ static inline la_flash_span la_flash_seen(const la_flash_call &c, int at)
{
    int n = c.held + c.own, first = at + 1 - c.window, end = c.causal ? at + 1 : at + c.window;
    return {first > 0 ? first : 0, end < n ? end : n};
}

/* Packed rows of queries first..first+n-1, as far as they are there, and what any and all of them see. */
struct la_flash_band {
    bool there;
    la_flash_span some, all;
};

__host__ __device__ static inline la_flash_band la_flash_band_of(const la_flash_call &c, int first,
                                                                 int n)
{
    int group = (int)(c.H / c.Hkv), rows = c.T * group, last = first + n - 1;
    if (first >= rows) return {false, {0, 0}, {0, 0}};
    if (last >= rows) last = rows - 1;
    la_flash_span top = la_flash_seen(c, c.base + first / group);
    la_flash_span bottom = la_flash_seen(c, c.base + last / group);
    return {true, {top.first, bottom.end}, {bottom.first, top.end}};
}

/* Whether some of these rows see some of the keys first..first+n-1, and whether some pair does not. */
__host__ __device__ static inline bool la_flash_meets(const la_flash_band &rows, int first, int n)
{
    return rows.there && first < rows.some.end && first + n > rows.some.first;
}

__host__ __device__ static inline bool la_flash_cuts(const la_flash_band &rows, int first, int n)
{
    return first < rows.all.first || first + n > rows.all.end;
}

/* A block: its (batch, kv head), its first row, and which part of the keys it has. */
struct la_flash_place {
    int64_t b, kv;
    int row, split;
};

/* Block `item` of those with `rows` rows each. Heads go by groups whose keys and values stay in the L2 cache
 * (la_flash_call.together); in a group the last rows come first, since under a causal mask they cost most; the
 * parts of the keys of a block stand side by side. */
__host__ __device__ static inline la_flash_place la_flash_place_at(const la_flash_call &c, int rows,
                                                                   int64_t item)
{
    int64_t heads = c.B * c.Hkv, most = c.together > 0 && c.together < heads ? c.together : heads;
    int all = c.T * (int)(c.H / c.Hkv), tiles = (all + rows - 1) / rows;
    int split = (int)(item % c.splits);
    item /= c.splits;
    int64_t first = item / (most * tiles) * most,
            some = heads - first < most ? heads - first : most;
    item -= first * tiles;
    int64_t head = first + item % some;
    return {head / c.Hkv, head % c.Hkv, (tiles - 1 - (int)(item / some)) * rows, split};
}

/* Rows [B,T,H,d] of the query heads (q, o and their gradients) of a block. */
template <typename E>
__host__ __device__ static inline la_flash_rows
la_flash_queries(const la_flash_call &c, const la_flash_place &at, const void *x, int64_t d)
{
    int group = (int)(c.H / c.Hkv);
    return {(const E *)x + (at.b * c.T * c.H + at.kv * group) * d,
            nullptr,
            c.H * d,
            d,
            group,
            0,
            0,
            1,
            (int)d,
            d * sizeof(E) % 16 == 0};
}

/* Rows of keys or values of a block: those of the cache (CACHED: else they are left out), then [B,own,Hkv,d]. */
template <typename E, bool CACHED>
__host__ __device__ static inline la_flash_rows
la_flash_keys(const la_flash_call &c, const la_flash_place &at, const void *own, const void *cache,
              int64_t d)
{
    return {(const E *)own + (at.b * c.own * c.Hkv + at.kv) * d,
            (const E *)cache + (at.b * c.Hkv + at.kv) * c.capacity * d,
            c.Hkv * d,
            0,
            1,
            CACHED ? c.held : 0,
            c.slot,
            c.capacity,
            (int)d,
            d * sizeof(E) % 16 == 0};
}

/* Scores of keys that a row does not see become `hidden`. `row` is the warp's first query, `key` the first column. */
template <int MT, int N>
__device__ static inline void la_flash_mask(const la_flash_call &c, float s[MT][N / 8][4], int row,
                                            int key, float hidden)
{
    int lane = (int)threadIdx.x % LA_WARP, group = (int)(c.H / c.Hkv);
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            la_flash_span sees =
                la_flash_seen(c, c.base + (row + 16 * m + 8 * h + lane / 4) / group);
            int first = sees.first - key - lane % 4 * 2, end = sees.end - key - lane % 4 * 2;
#pragma unroll
            for (int i = 0; i < N / 4; i++) {
                int j = i / 2 * 8 + i % 2;
                if (j < first || j >= end) s[m][i / 2][2 * h + i % 2] = hidden;
            }
        }
}

/* The same of 16 rows that are keys and columns that are queries. */
template <int N>
__device__ static inline void la_flash_mask_keys(const la_flash_call &c, float s[N / 8][4], int key,
                                                 int row, float hidden)
{
    int lane = (int)threadIdx.x % LA_WARP, group = (int)(c.H / c.Hkv), mine = key + lane / 4;
#pragma unroll
    for (int i = 0; i < N / 4; i++) {
        la_flash_span sees =
            la_flash_seen(c, c.base + (row + i / 2 * 8 + lane % 4 * 2 + i % 2) / group);
#pragma unroll
        for (int h = 0; h < 2; h++)
            if (mine + 8 * h < sees.first || mine + 8 * h >= sees.end)
                s[i / 2][2 * h + i % 2] = hidden;
    }
}

#endif
