/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_SOFTMAX_INTERNAL_H
#define LA_SOFTMAX_INTERNAL_H

#include "labench/tile.h"
#include "labench/variant.h"

typedef struct softmax { /* an instance */
    la_problem p;
    const la_tile *tile;
} softmax;

extern const la_reference la_softmax_reference;

la_status la_softmax_forward(void *self, const la_io *io, la_err *err);
la_status la_softmax_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);
la_status la_softmax_decode(void *self, const la_io *io, la_err *err);

#endif
