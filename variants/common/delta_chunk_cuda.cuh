/* SPDX-License-Identifier: Apache-2.0
 * The chunk form of the recurrent family on the device: what its kernels share.
 *
 * Chunks of C = 16 tokens, G_i = g_1 + ... + g_i inside one, every exponent at most 0:
 *   P_ij = s q_i . k_j e^(G_i - G_j)  (j <= i)        T = (I + L)^-1 diag(beta),
 *   L_ij = beta_i k_i . k_j e^(G_i - G_j)  (j < i)
 *   W = V - (K e^G) S,   U = T W,   O = s (Q e^G) S + P U,   S <- e^(G_C) S + (K e^(G_C - G))' U
 * additive: U = V, and weights w_j belong to P and to K e^(G_C - G). Diagonal plus rank one: with
 * A_ab = a_i . b_j e^(G_(i-1) - G_j) (j < i), A_ak alike, T = (I - A_ab)^-1 and M = T A_ak,
 *   X = T (A e^(G-)) S + M V,   O = s (Q e^G) S + P V + P_qb X,
 *   S <- e^(G_C) S + (K e^(G_C - G))' V + (B e^(G_C - G))' X
 * Two launches. `prepare` makes all that needs no state, chunk by chunk, into a record each; `scan` carries S
 * through the chunks. C = 16 is one tile of the matrix units: T, P and U are single fragments, and
 * products with S, which do not depend on C, are nearly all there is.
 *
 * A decay by head leaves factors of tokens, which scan applies to sums: it multiplies q and k themselves. A
 * decay by channel changes q and k, and prepare writes the changed copies into the record.
 */
#ifndef LA_DELTA_CHUNK_CUDA_CUH
#define LA_DELTA_CHUNK_CUDA_CUH

#include "labench/cuda_mma.cuh"

#include "delta_cuda.h"

enum { LA_CHUNK = LA_DELTA_CUDA_CHUNK, LA_CHUNK_TILE = LA_CHUNK * LA_CHUNK };

/* Places in the record of a chunk: tables in float32, factors, copies. */
template <typename E, la_write_rule WRITE, bool CHANNEL, int DK> struct la_chunk_record {
    static const int P = 0, T = 1, PB = 2, M = 3; /* tables */
    static const int tables = WRITE == LA_WRITE_ADDITIVE ? 1 : WRITE == LA_WRITE_DELTA ? 2 : 4;
    /* By head: e^(G_i) [C], then w_i e^(G_C - G_i) [C]. By channel: e^(G_C) [DK]. */
    static const int factors = CHANNEL ? DK : 2 * LA_CHUNK;
    static const int Q = 0, K = 1, R = 2,
                     B = 3; /* copies: s q e^G, w k e^(G_C - G), what reads, b */
    static const int copies = !CHANNEL                     ? 0
                              : WRITE == LA_WRITE_ADDITIVE ? 2
                              : WRITE == LA_WRITE_DELTA    ? 3
                                                           : 4;
    static const int pitch = DK + 8; /* of rows of keys: neighbouring rows lie in different banks */
    static const int copy = LA_CHUNK * pitch;
    static const int floats = tables * LA_CHUNK_TILE + factors;
    static const int bytes = floats * (int)sizeof(float) + copies * copy * (int)sizeof(E);
    static_assert(bytes % 16 == 0, "records are copied by 16 bytes");

    __device__ static float *table(unsigned char *record, int which)
    {
        return (float *)(void *)record + which * LA_CHUNK_TILE;
    }
    __device__ static float *factor(unsigned char *record)
    {
        return (float *)(void *)record + tables * LA_CHUNK_TILE;
    }
    __device__ static E *rows(unsigned char *record, int which)
    {
        return (E *)(void *)((float *)(void *)record + floats) + which * copy;
    }
};

/* ---- tiles of 16 x 16 over the lanes of a warp ----
 * A sum has 8 numbers a lane: c[4 t + 2 h + e] is row l / 4 + 8 h, column 8 t + 2 (l % 4) + e.
 * A table lies as the right operand of x table': lane l's 8 numbers of row l / 4 + 8 h and columns
 * 8 t + 2 (l % 4) + e at 128 h + 4 l + 2 t + e. */

__device__ static inline int la_tile_row(int i)
{
    return (int)(threadIdx.x % LA_WARP) / 4 + i / 2 % 2 * 8;
}

__device__ static inline int la_tile_column(int i)
{
    return i / 4 * 8 + (int)(threadIdx.x % 4) * 2 + i % 2;
}

/* The compiler takes x for a new number, and makes again what it would have kept. */
__device__ static inline void la_anew(float &x)
{
#ifdef __CUDACC__
    asm volatile("" : "+f"(x));
#else
    (void)x;
#endif
}

__device__ static inline void la_anew(int &x)
{
#ifdef __CUDACC__
    asm volatile("" : "+r"(x));
#else
    (void)x;
#endif
}

/* A sum that a warp has, kept as a table. */
__device__ static inline void la_table_store(float *table, const float c[8])
{
    float4 *at = (float4 *)(void *)table + threadIdx.x % LA_WARP;
    at[0] = make_float4(c[0], c[1], c[4], c[5]);
    at[32] = make_float4(c[2], c[3], c[6], c[7]);
}

__device__ static inline void la_table_load(const float *table, float x[2][2][2])
{
    const float4 *at = (const float4 *)(const void *)table + threadIdx.x % LA_WARP;
    for (int h = 0; h < 2; h++) {
        float4 y = at[32 * h];
        x[h][0][0] = y.x, x[h][0][1] = y.y, x[h][1][0] = y.z, x[h][1][1] = y.w;
    }
}

/* A sum whose transpose lies in memory, rows of `pitch` numbers apart, and the way back. */
template <typename E>
__device__ static inline void la_tile_turned(float c[8], const E *tile, int pitch)
{
    if constexpr (sizeof(E) == 2) {
        const int lane = (int)(threadIdx.x % LA_WARP);
        uint32_t pairs[4];
        la_ldmatrix_x4_trans(pairs, tile + (lane / 16 * 8 + lane % 8) * pitch + lane / 8 % 2 * 8);
#pragma unroll
        for (int i = 0; i < 8; i++) c[i] = la_to_float(E{(uint16_t)(pairs[i / 2] >> 16 * (i % 2))});
    } else {
#pragma unroll
        for (int i = 0; i < 8; i++) c[i] = tile[la_tile_column(i) * pitch + la_tile_row(i)];
    }
}

template <typename E>
__device__ static inline void la_tile_turn(const float c[8], E *tile, int pitch)
{
    if constexpr (sizeof(E) == 2) {
#pragma unroll
        for (int i = 0; i < 8; i += 2) {
            const uint32_t pair = la_pack2<E>(c[i], c[i + 1]);
            E *at = tile + la_tile_column(i) * pitch + la_tile_row(i);
            at[0].bits = (uint16_t)pair;
            at[pitch].bits = (uint16_t)(pair >> 16);
        }
    } else {
#pragma unroll
        for (int i = 0; i < 8; i++) tile[la_tile_column(i) * pitch + la_tile_row(i)] = c[i];
    }
}

/* Products of tiles: `left` holds a sum as the left operand, `right` 16 numbers k of 16 columns n. `fine` is a
 * left operand with what its rounding leaves: of two products, for what enters the state. */
template <typename E> struct la_tiles;

template <> struct la_tiles<la_bf16_t> {
    struct left {
        uint32_t a[4];
    };
    struct fine { /* a sum and what its rounding leaves */
        left high, low;
    };
    struct right {
        uint32_t b[4]; /* [n half][k half] */
    };
    __device__ static left of(const float c[8])
    {
        left x;
#pragma unroll
        for (int i = 0; i < 4; i++) x.a[i] = la_pack2<la_bf16_t>(c[2 * i], c[2 * i + 1]);
        return x;
    }
    __device__ static fine fine_of(const float c[8])
    {
        float rest[8];
        fine x;
        x.high = of(c);
#pragma unroll
        for (int i = 0; i < 8; i++) {
            uint32_t word = x.high.a[i / 2];
            rest[i] = c[i] - la_bits_to_float(i % 2 ? word & 0xffff0000u : word << 16);
        }
        x.low = of(rest);
        return x;
    }
    /* Memory [n][k]. */
    __device__ static right rows(const la_bf16_t *tile, int pitch)
    {
        int lane = (int)(threadIdx.x % LA_WARP);
        right x;
        la_ldmatrix_x4(x.b, tile + (lane / 16 * 8 + lane % 8) * pitch + lane / 8 % 2 * 8);
        return x;
    }
    /* Memory [k][n]. */
    __device__ static right across(const la_bf16_t *tile, int pitch)
    {
        int lane = (int)(threadIdx.x % LA_WARP);
        right x;
        la_ldmatrix_x4_trans(x.b, tile + lane % 16 * pitch + lane / 16 * 8);
        return x;
    }
    __device__ static right table(const float *of)
    {
        float y[2][2][2];
        right x;
        la_table_load(of, y);
#pragma unroll
        for (int i = 0; i < 4; i++)
            x.b[i] = la_pack2<la_bf16_t>(y[i / 2][i % 2][0], y[i / 2][i % 2][1]);
        return x;
    }
    __device__ static void add(float c[8], const left &x, const right &y)
    {
        la_mma<la_bf16_t>(c, x.a, y.b);
        la_mma<la_bf16_t>(c + 4, x.a, y.b + 2);
    }
    __device__ static void add(float c[8], const fine &x, const right &y)
    {
        add(c, x.low, y);
        add(c, x.high, y);
    }
};

/* By tf32, for f16, whose numbers tf32 holds and whose states may outgrow f16, and by three products of it for
 * float32. The matrix unit's k of 8 stands for pairs in the order 0 2 4 6 1 3 5 7, in which a lane has them. */
template <typename E> struct la_tiles {
    static const bool split = sizeof(E) == 4;
    struct left {
        la_split_a a[2];
    };
    struct fine {
        left both;
    };
    struct right {
        la_split_b b[2][2]; /* [n half][k half] */
    };
    __device__ static left of(const float c[8])
    {
        left x;
#pragma unroll
        for (int k = 0; k < 2; k++) {
            const float y[4] = {c[4 * k], c[4 * k + 2], c[4 * k + 1], c[4 * k + 3]};
            x.a[k] = la_split4(y);
        }
        return x;
    }
    __device__ static fine fine_of(const float c[8])
    {
        return fine{of(c)};
    }
    __device__ static right rows(const E *tile, int pitch)
    {
        if constexpr (split)
            return from(tile, pitch, 1);
        else
            return of_pairs(la_tiles<la_bf16_t>::rows((const la_bf16_t *)tile, pitch));
    }
    __device__ static right across(const E *tile, int pitch)
    {
        if constexpr (split)
            return from(tile, 1, pitch);
        else
            return of_pairs(la_tiles<la_bf16_t>::across((const la_bf16_t *)tile, pitch));
    }
    /* Of f16, which lie as bf16 do and are tf32 as they are. */
    __device__ static right of_pairs(const la_tiles<la_bf16_t>::right &pairs)
    {
        right x;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const uint32_t pair = pairs.b[i / 2];
            x.b[i / 4][i / 2 % 2].high[i % 2] =
                la_float_to_bits(la_to_float(E{(uint16_t)(pair >> 16 * (i % 2))}));
        }
        return x;
    }
    __device__ static right from(const E *tile, int n_step, int k_step)
    {
        int lane = (int)(threadIdx.x % LA_WARP);
        right x;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const E *at =
                tile + (i / 2 * 8 + lane / 4) * n_step + (i % 2 * 8 + lane % 4 * 2) * k_step;
            const float y[2] = {la_to_float(at[0]), la_to_float(at[k_step])};
            x.b[i / 2][i % 2] = la_split2(y);
        }
        return x;
    }
    __device__ static right table(const float *of)
    {
        float y[2][2][2];
        right x;
        la_table_load(of, y);
#pragma unroll
        for (int i = 0; i < 4; i++) x.b[i / 2][i % 2] = la_split2(y[i / 2][i % 2]);
        return x;
    }
    __device__ static void add(float c[8], const left &x, const right &y)
    {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            if (split)
                la_mma_split(c + i / 2 * 4, x.a[i % 2], y.b[i / 2][i % 2]);
            else
                la_mma_tf32(c + i / 2 * 4, x.a[i % 2].high, y.b[i / 2][i % 2].high);
        }
    }
    __device__ static void add(float c[8], const fine &x, const right &y)
    {
        if (!split) {
#pragma unroll
            for (int i = 0; i < 4; i++)
                la_mma_tf32(c + i / 2 * 4, x.both.a[i % 2].low, y.b[i / 2][i % 2].high);
        }
        add(c, x.both, y);
    }
};

#endif
