/* SPDX-License-Identifier: Apache-2.0
 * What the kernels of attention by feature maps share: where things lie, and features.
 */
#ifndef LA_KERNEL_CUDA_CUH
#define LA_KERNEL_CUDA_CUH

#include "labench/cuda_mma.cuh"

#include "kernel_cuda.h"

/* exp(x) = p 2^n with whole n and p near 1. Whatever power is taken out later, p is the same, so that a
 * quotient keeps its bits. */
struct la_kc_power {
    float p, n;
};

__device__ static inline la_kc_power la_kc_split(float x)
{
    float n = rintf(x * 1.44269504088896341f);
    float r =
        fmaf(n, -0.693359375f, x); /* ln 2 in two pieces; the product with the first is exact */
    r = fmaf(n, 2.12194440e-4f, r);
    float y = 1.9875691500e-4f; /* exp(r), |r| below 0.35 (Cephes) */
    y = fmaf(y, r, 1.3981999507e-3f);
    y = fmaf(y, r, 8.3334519073e-3f);
    y = fmaf(y, r, 4.1665795894e-2f);
    y = fmaf(y, r, 1.6666665459e-1f);
    y = fmaf(y, r, 5.0000001201e-1f);
    return {fmaf(y, r * r, r) + 1.0f, n};
}

/* p 2^n for whole n; 0 below 2^-126, infinite from 2^128 on. */
__device__ static inline float la_kc_scaled(float p, float n)
{
    if (!(n >= -126.0f)) return 0.0f;
    if (n > 127.0f) return p * INFINITY;
    return p * la_bits_to_float((uint32_t)((int)n + 127) << 23);
}

/* R of a largest exponent c; -inf for -inf. */
__device__ static inline float la_kc_power_of(float c)
{
    return ceilf(c * 1.44269504088896341f) - (float)LA_KC_ROOM;
}

/* 2^R / exp(c), and 1 where there is nothing. */
__device__ static inline float la_kc_ratio(float c)
{
    if (!(c > -INFINITY)) return 1.0f;
    la_kc_power e = la_kc_split(c);
    return la_kc_scaled(1.0f / e.p, la_kc_power_of(c) - e.n);
}

/* What brings a row relative to 2^was to 2^is, is >= was. */
__device__ static inline float la_kc_grown(float was, float is)
{
    return is > -INFINITY ? la_kc_scaled(1.0f, was - is) : 1.0f;
}

/* Element of a tensor [B,T,H,d] where token t of (batch, head) bh begins. */
__device__ static inline int64_t la_kc_at(const la_kc &c, int64_t bh, int64_t t, int64_t d)
{
    return ((bh / c.H * c.T + t) * c.H + bh % c.H) * d;
}

/* Element j of what PAIRS multiplies: y and 1 of taylor2, both signs of dpfp. */
template <typename E> __device__ static inline float la_kc_place(const la_kc &c, const E *x, int j)
{
    const int dk = (int)c.dk;
    if (c.map == LA_KC_TAYLOR2) return j < dk ? c.s * la_to_float(x[j]) : 1.0f;
    return fmaxf(j < dk ? la_to_float(x[j]) : -la_to_float(x[j - dk]), 0.0f);
}

__device__ static inline float la_kc_weight(const la_kc &c, int a, int b)
{
    return c.map == LA_KC_TAYLOR2 && a == b && a < c.dk ? 0.70710678118654752f : 1.0f;
}

/* The feature of a number, of DIRECT maps. */
__device__ static inline float la_kc_direct(const la_kc &c, float v)
{
    if (c.map == LA_KC_RELU) return fmaxf(v, 0.0f);
    if (c.map == LA_KC_IDENTITY) return v;
    return fmaxf(v, 0.0f) + expf(fminf(v, 0.0f));
}

/* Feature i of the row x, for maps that are not MADE. */
template <typename E>
__device__ static inline float la_kc_feature(const la_kc &c, const E *x, int i)
{
    if (!LA_KC_PAIRS(c.map)) return la_kc_direct(c, la_to_float(x[i]));
    int a = (int)(c.pairs[i] & 0xffffu), b = (int)(c.pairs[i] >> 16);
    return la_kc_weight(c, a, b) * la_kc_place(c, x, a) * la_kc_place(c, x, b);
}

/* Where the first token of a (batch, head) lies: rows of q, k, v and o, and of what is [B H, T]. */
struct la_kc_here {
    int64_t row, token;
};

__device__ static inline la_kc_here la_kc_at_head(const la_kc &c, int64_t bh)
{
    return {bh / c.H * c.T * c.H + bh % c.H, bh * c.T};
}

/* Token t of a tensor [B,T,H,d]. */
template <typename E>
__device__ static inline const E *la_kc_row(const la_kc &c, const void *tensor, int64_t d,
                                            const la_kc_here &at, int64_t t)
{
    return (const E *)tensor + (at.row + t * c.H) * d;
}

/* Four neighbours, `there` of which exist; the others are 0. `wide`: the address is a multiple of four. */
__device__ static inline void la_kc_load(const float *from, int there, bool wide, float x[4])
{
    if (wide && there >= 4) {
        const float4 v = *(const float4 *)(const void *)from;
        x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
        return;
    }
#pragma unroll
    for (int e = 0; e < 4; e++) x[e] = e < there ? from[e] : 0.0f;
}

template <typename E>
__device__ static inline void la_kc_load(const E *from, int there, bool wide, float x[4])
{
    if (wide && there >= 4) {
        const uint2 v = *(const uint2 *)(const void *)from;
        const E at[4] = {{(uint16_t)(v.x & 0xffffu)},
                         {(uint16_t)(v.x >> 16)},
                         {(uint16_t)(v.y & 0xffffu)},
                         {(uint16_t)(v.y >> 16)}};
#pragma unroll
        for (int e = 0; e < 4; e++) x[e] = la_to_float(at[e]);
        return;
    }
#pragma unroll
    for (int e = 0; e < 4; e++) x[e] = e < there ? la_to_float(from[e]) : 0.0f;
}

/* Two neighbours, `there` of which have a place. `wide`: the address is even. */
__device__ static inline void la_kc_store(float *to, int there, bool wide, const float x[2])
{
    if (wide && there >= 2) {
        *(float2 *)(void *)to = make_float2(x[0], x[1]);
        return;
    }
    if (there > 0) to[0] = x[0];
    if (there > 1) to[1] = x[1];
}

template <typename E>
__device__ static inline void la_kc_store(E *to, int there, bool wide, const float x[2])
{
    if (wide && there >= 2) {
        *(uint32_t *)(void *)to = la_pack2<E>(x[0], x[1]);
        return;
    }
    if (there > 0) la_from_float(x[0], to);
    if (there > 1) la_from_float(x[1], to + 1);
}

/* Features i .. i + 3 of token t, `there` of which are wanted; the others are 0. R [m]: stabilised, what the chunk
 * is relative to. */
template <typename E>
__device__ static inline void la_kc_features_of(const la_kc &c, const la_kc_side &side,
                                                const la_kc_here &at, int64_t t, int64_t i,
                                                int there, const float *R, float x[4])
{
    if (LA_KC_DIRECT(c.map)) {
        la_kc_load(la_kc_row<E>(c, side.x, c.dk, at, t) + i, there, c.dk % 4 == 0, x);
#pragma unroll
        for (int e = 0; e < 4; e++) x[e] = e < there ? la_kc_direct(c, x[e]) : 0.0f;
        return;
    }
    if (LA_KC_PAIRS(c.map)) {
        const E *row = la_kc_row<E>(c, side.x, c.dk, at, t);
#pragma unroll
        for (int e = 0; e < 4; e++) x[e] = e < there ? la_kc_feature(c, row, (int)i + e) : 0.0f;
        return;
    }
    la_kc_load(side.phi + (at.token + t) * c.ld + i, there, true, x);
    if (!R || there <= 0) return;
    float r[4], N = side.N ? side.N[at.token + t] : 0.0f;
    la_kc_load(R + i, there, true, r);
#pragma unroll
    for (int e = 0; e < 4; e++) {
        la_kc_power p = la_kc_split(x[e]);
        x[e] = e < there ? la_kc_scaled(p.p, side.N ? p.n + r[e] - N : p.n - r[e]) : 0.0f;
    }
}

/* A token whose pairs are left to kernel_cuda_exact.cu. */
__device__ static inline bool la_kc_is_exact(const la_kc_side &side, const la_kc_here &at,
                                             int64_t t)
{
    return side.den && side.den[at.token + t] < 0.0f;
}

__device__ static inline float la_kc_factor(const la_kc_side &side, const la_kc_here &at, int64_t t)
{
    return side.factor ? side.factor[at.token + t] : 1.0f;
}

__device__ static inline float la_kc_extra(const la_kc_side &side, const la_kc_here &at, int64_t t)
{
    return side.y0 ? side.y0[at.token + t] : 1.0f;
}

/* What token t brings to columns j .. j + 3, `there` of which are wanted, but for its factor. */
template <typename E>
__device__ static inline void la_kc_values(const la_kc &c, const la_kc_side &side,
                                           const la_kc_here &at, int64_t t, int64_t j, int there,
                                           float x[4])
{
    la_kc_load(la_kc_row<E>(c, side.y, c.dv, at, t) + j, there, c.dv % 4 == 0, x);
}

/* What it brings to column j. */
template <typename E>
__device__ static inline float la_kc_value(const la_kc &c, const la_kc_side &side,
                                           const la_kc_here &at, int64_t t, int64_t j)
{
    return la_kc_factor(side, at, t) * la_to_float(la_kc_row<E>(c, side.y, c.dv, at, t)[j]);
}

/* R of slot `at` of (batch, head) bh; NULL where there is none. */
__device__ static inline const float *la_kc_power_at(const la_kc &c, const la_kc_sums &sums,
                                                     int64_t bh, int64_t at)
{
    return c.stabilised ? sums.R + (bh * (c.chunks + 1) + at) * c.ld : nullptr;
}

__device__ static inline float *la_kc_slot_at(const la_kc &c, const la_kc_sums &sums, int64_t bh,
                                              int64_t at)
{
    return sums.slots + (bh * (c.chunks + 1) + at) * c.slot;
}

/* Slots of chunk j: the state that its rows see, and the powers of that; what its pairs are relative to. A
 * sequence that is not causal has one state, the whole sum. */
__device__ static inline int64_t la_kc_seen(const la_kc &c, bool back, int64_t j)
{
    if (!c.causal) return back ? 0 : c.chunks;
    return back ? j + 1 : j;
}

__device__ static inline int64_t la_kc_seen_power(const la_kc &c, bool back, int64_t j)
{
    return c.causal ? la_kc_seen(c, back, j) : c.chunks;
}

/* Chunks first..end that a line of a block has where lines share those of a sequence. */
struct la_kc_stretch {
    int64_t first, end;
};

__device__ static inline la_kc_stretch la_kc_stretch_at(int64_t chunks, int line, int lines)
{
    return {chunks * line / lines, chunks * (line + 1) / lines};
}

__device__ static inline la_kc_stretch la_kc_stretch_of(int64_t chunks)
{
    return la_kc_stretch_at(chunks, (int)threadIdx.y, (int)blockDim.y);
}

/* How many lines: one where blocks fill a device by themselves, else up to 16, of four chunks at least. */
static inline unsigned la_kc_lines(int64_t chunks, int64_t blocks)
{
    const int64_t enough = 132 * 16, most = 16;
    int64_t lines = (enough + blocks - 1) / blocks;
    if (lines > chunks / 4) lines = chunks / 4;
    return (unsigned)(lines < 1 ? 1 : lines < most ? lines : most);
}

/* launch(E{}) with the type of the problem. */
#define LA_KC_BY_TYPE(c, launch)                                                                   \
    do {                                                                                           \
        if ((c)->dtype == LA_BF16)                                                                 \
            launch(la_bf16_t);                                                                     \
        else if ((c)->dtype == LA_F16)                                                             \
            launch(la_f16_t);                                                                      \
        else                                                                                       \
            launch(float);                                                                         \
    } while (0)

static inline int64_t la_kc_tiles(int64_t n)
{
    return (n + LA_KC_TILE - 1) / LA_KC_TILE;
}

static inline la_status la_kc_blocks(int64_t blocks, la_err *err)
{
    if (blocks <= INT32_MAX) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED, "more blocks than one launch may have");
}

#endif
