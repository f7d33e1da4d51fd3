/* SPDX-License-Identifier: Apache-2.0
 * What the files of the approximation probe share.
 */
#ifndef LA_APPROXIMATION_INTERNAL_H
#define LA_APPROXIMATION_INTERNAL_H

#include "labench/task.h"

typedef struct la_approximation_options {
    int64_t samples, rows;
    double sigma;
} la_approximation_options;

/* Rows compared of each head: all tokens, or `rows` of them. */
int64_t la_approximation_rows(const la_problem *p, const la_approximation_options *o);
/* The token of compared row i: spread evenly, the last one always among them. */
int64_t la_approximation_token(const la_problem *p, const la_approximation_options *o, int64_t i);

/* Sums over all that is compared: of the squared difference of o [B,T,H,dv] from softmax attention of
 * io's q, k, v in float64, and of the square of that. Fixed order: the same for any number of threads. */
la_status la_approximation_sums(const la_probe_io *io, const float *o, double *difference,
                                double *exact, la_err *err);

#endif
