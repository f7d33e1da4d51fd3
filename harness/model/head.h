/* SPDX-License-Identifier: Apache-2.0
 * What stands behind the last block: from the stream to logits, and back. Three kinds, as tasks name them:
 * tokens (the embedding again at each scored row), classes (a matrix of its own, at the last row of a
 * sequence or at the mean of all), decoder (each scored position out of the last row of its sequence).
 */
#ifndef LA_HEAD_H
#define LA_HEAD_H

#include "engine.h"

/* Sequences of the batch that go through the network together: places from..from+B-1 of the lane's, whose
 * scored rows are row..row+n_rows-1 of lane->row. */
typedef struct la_piece {
    const la_geometry *g;
    size_t geometry;
    int64_t from, B, N, row, n_rows;
    int64_t place; /* of the first sequence in the whole batch */
} la_piece;

/* Whether the rows that are scored are those that are read. */
bool la_head_takes_rows(const la_net *spec);
/* Tells the last block which rows of the stream the head will read. */
void la_head_want(la_lane *lane, const la_piece *p);
/* Logits of scored rows first..first+n-1 of the lane into lane->logits [n, outputs]; n <= head_rows. Where rows are
 * kept alone these are in kept.x. */
void la_head_forward(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n);
/* From the gradient in lane->logits: that of the stream into kept.dx where rows are kept alone, else added to
 * lane->dx, which was zeroed before the piece's first rows; those of parameters to lane->grad. Follows
 * la_head_forward of the same rows. */
void la_head_backward(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n);
/* Floating-point operations of one answer, forward: of a sequence of T tokens. */
double la_head_flops(const la_net *spec, int64_t T);

#endif
