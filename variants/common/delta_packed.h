/* SPDX-License-Identifier: Apache-2.0
 * What the two halves of the chunk form share for bfloat16 rows (delta_prepare_bf16.c, delta_chunk_bf16.c).
 */
#ifndef LA_DELTA_PACKED_H
#define LA_DELTA_PACKED_H

#include "delta_chunk.h"
#include "labench/simd.h"

/* A chunk ready to be scanned; K is dk padded. */
typedef struct la_packed {
    float *L; /* [C,C]: for rows that are finished together; for tiles [C,16], their own columns */
    float *weight;    /* [C]: beta_i */
    float *in;        /* [C]: exp(G_i), or 1 */
    float *whole;     /* [K]: exp(G_n) */
    float *undecayed; /* not 0: k_out is times exp(-G) alone, and decays with S */
    la_bf16 *L2, *P;  /* [C,C]; as pairs [C,C/2] */
    la_bf16 *q, *k;   /* [C,K]; as pairs [C,K/2]; by channel times exp(G) */
    la_pair *k_out;   /* [C/2,K]: of tokens, times exp(G_n - G); for tiles [K,C/2] */
} la_packed;

static inline la_packed la_packed_at(const la_delta_slice *x, float *at)
{
    int64_t C = la_delta_up(x->chunk), K = la_delta_up(x->dk);
    la_packed p = {.L = at, .weight = at + C * C, .in = at + C * C + C};
    at += C * C + 2 * C;
    p.whole = at, at += K;
    p.undecayed = at, at += LA_DELTA_ALIGN;
    p.L2 = (la_bf16 *)(void *)at, at += C * C / 2;
    p.P = (la_bf16 *)(void *)at, at += C * C / 2;
    p.q = (la_bf16 *)(void *)at, at += C * K / 2;
    p.k = (la_bf16 *)(void *)at, at += C * K / 2;
    p.k_out = (la_pair *)(void *)at;
    return p;
}

/* Lane by lane (low, high), rounded: both at once, then interleaved. */
LA_INLINE la_vb la_packed_pair(la_vf low, la_vf high)
{
    const la_vb order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (la_vb)_mm512_cvtne2ps_pbh(high, low));
}

LA_INLINE void la_packed_store(la_pair *p, la_vb x)
{
    _mm512_storeu_si512(p, x);
}

/* Rows of a slice that are of bf16. */
static inline const la_bf16 *la_packed_rows(const float *p, int64_t elements)
{
    return (const la_bf16 *)(const void *)p + elements;
}

/* Pairs of channels that a step of a product along them takes: a whole tile, or half of one. */
static inline int la_packed_step(int64_t K)
{
    return K % 32 ? 8 : 16;
}

/* Around all that the two halves do: tiles as delta_chunk_tiles.h has them. */
LA_INLINE void la_packed_enter(const la_delta_slice *x)
{
#if defined(__AMX_BF16__)
    la_amx_enter(la_packed_step(la_delta_up(x->dk)), 8);
#endif
    (void)x;
}
LA_INLINE void la_packed_leave(void)
{
#if defined(__AMX_BF16__)
    la_amx_leave();
#endif
}

/* la_delta_prepare_bf16 between the two. */
la_delta_prepare_fn LA_ISA(la_packed_prepare);

#endif
