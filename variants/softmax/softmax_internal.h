/* SPDX-License-Identifier: Apache-2.0
 * Textbook attention on the CPU: what its files share.
 *   softmax_forward.c  scores, weights and outputs of a few rows at a time
 *   softmax_isa.c      weights of a row
 *   softmax_cpu.c      backward, decode, the cache
 */
#ifndef LA_SOFTMAX_INTERNAL_H
#define LA_SOFTMAX_INTERNAL_H

#include "labench/tile.h"
#include "labench/variant.h"

/* Up to this many keys, the products of a head in backward are those of tiles: OpenBLAS spends as long on
 * packing. */
#define SOFTMAX_TILE_KEYS 512

typedef struct softmax { /* an instance */
    la_problem p;
    const la_tile *tile;
    const la_tile_bf16 *narrow; /* in bf16, else NULL */
    /* x = exp(x - top), in place, where no x is above top; returns the sum. */
    float (*weigh)(int64_t n, float top, float *x);
} softmax;

float la_softmax_weigh_generic(int64_t n, float top, float *x);
float la_softmax_weigh_avx2(int64_t n, float top, float *x);
float la_softmax_weigh_avx512(int64_t n, float top, float *x);

/* From one row of `len` scores to the next, in floats: an odd number of cache lines, since rows that are a
 * power of two apart would share few sets of a cache. */
int64_t la_softmax_step(int64_t len);
/* `work` holds all scores [B,H,T,Tcap], each row padded, and behind them what a forward packs, or
 * what a backward needs beside them. In decode it is this many bytes of its own. */
size_t la_softmax_score_floats(const la_problem *p);
size_t la_softmax_packed_floats(const softmax *f);
size_t la_softmax_backward_bytes(const softmax *f);
size_t la_softmax_decode_bytes(const softmax *f);
/* A small problem is over before a second thread is awake. */
int la_softmax_threads(const la_problem *p, int64_t pos);

extern const la_reference la_softmax_reference;

la_status la_softmax_forward(void *self, const la_io *io, la_err *err);
la_status la_softmax_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);
la_status la_softmax_decode(void *self, const la_io *io, la_err *err);

#endif
