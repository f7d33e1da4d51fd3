/* SPDX-License-Identifier: Apache-2.0
 * What the pieces of a block share.
 */
#ifndef LA_BLOCK_H
#define LA_BLOCK_H

#include "engine.h"

typedef struct
    la_rows { /* the N = B T rows of one lane in one block; or, behind the op, N of them */
    const la_layers *L;
    const la_block *b;
    la_acts *a;
    const float *w;
    la_lane *lane;
    const la_matrix *matrix; /* [LA_MATRICES] */
    int64_t B, T, N;
    float *in, *out;  /* the stream in front of the block and behind it */
    float *dpart[3];  /* gradients of what the op reads */
    float *dx, *dy;   /* gradients: of the stream, in place; of the joint projection */
    float *du, *dout; /* of what goes through the output matrix, and of the op's output */
} la_rows;

/* block_gates.c: beta (or dt) and g from the joint projection a->y, and from their gradients to
 * lane->dy; the skip D v on the variant's output a->o, and from its gradient dout to that of v. */
void la_gates_forward(const la_rows *r);
void la_gates_backward(const la_rows *r);
/* block_rank_one.c: a, b and the key that is written, from k and the joint projection; and back. */
void la_rank_one_forward(const la_rows *r);
void la_rank_one_backward(const la_rows *r);
void la_skip_forward(const la_rows *r);
void la_skip_backward(const la_rows *r, const float *dout);

#endif
