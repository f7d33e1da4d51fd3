/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_SOFTMAX_INTERNAL_H
#define LA_SOFTMAX_INTERNAL_H

#include "labench/tile.h"
#include "labench/variant.h"

/* Up to this many keys, the products of a head are those of tiles: OpenBLAS spends as long on packing. */
#define SOFTMAX_TILE_KEYS 512

typedef struct softmax { /* an instance */
    la_problem p;
    const la_tile *tile;
} softmax;

/* Floats of all scores [B,H,T,Tcap], and of a thread's scratch for tile products, 0 where there are
 * none: both lie in `work`, in this order. Each is rounded up to 64 bytes. */
size_t la_softmax_score_floats(const la_problem *p);
size_t la_softmax_scratch_floats(const la_problem *p);

extern const la_reference la_softmax_reference;

la_status la_softmax_forward(void *self, const la_io *io, la_err *err);
la_status la_softmax_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);
la_status la_softmax_decode(void *self, const la_io *io, la_err *err);

#endif
