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
/* What the output matrix reads of scored rows first..first+n-1 of the lane, into lane->final.y; n <= head_rows. Where
 * rows are kept alone they are in kept.x. */
void la_head_forward(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n);
/* Their loss and right answers, added to the lane's; scale times the gradient of the loss takes the place of final.y,
 * that of the matrix is added to lane->grad. Scale 0: no gradient, but which rows are right. */
void la_head_loss(la_lane *lane, const float *w, int64_t first, int64_t n, float scale);
/* From the gradient in final.y: that of the stream into kept.dx where rows are kept alone, else added to
 * lane->dx, which was zeroed before the piece's first rows; those of parameters to lane->grad. Follows
 * la_head_forward and la_head_loss of the same rows. */
void la_head_backward(la_lane *lane, const la_piece *p, const float *w, int64_t first, int64_t n);
/* The same for a lane that goes by blocks of outputs, head_loss.c: whether one does whose products have so many
 * threads; how many outputs of a row lane->logits has room for. */
void la_loss_of_blocks(la_lane *lane, const float *w, int64_t first, int64_t n, float scale);
bool la_loss_by_blocks(const la_engine *e, int threads);
int64_t la_loss_outputs(const la_engine *e);
/* At how many lengths lanes do; at all of them, the output matrix needs no panels. */
size_t la_loss_blocked(const la_engine *e);
/* Floating-point operations of one answer, forward: of a sequence of T tokens. */
double la_head_flops(const la_net *spec, int64_t T);

#endif
