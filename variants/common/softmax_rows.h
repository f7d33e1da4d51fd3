/* SPDX-License-Identifier: Apache-2.0
 * The softmax of rows that lie in device memory, and its gradient, between products of matrices.
 */
#ifndef LA_SOFTMAX_ROWS_H
#define LA_SOFTMAX_ROWS_H

#include <stdbool.h>

#include "labench/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rows of `len` numbers. What is read of float32 lies densely, [rows, len]. Results may be written over it,
 * rows of `dtype` then begin where its rows do: la_softmax_rows_ld elements apart. */
typedef struct la_softmax_rows {
    int64_t rows, len;
    int64_t tokens, pos; /* causal: row r sees pos + r mod tokens + 1 numbers, the rest becomes 0 */
    bool causal;
    la_dtype dtype; /* of what is written, and of weights that are read */
    void *stream;
} la_softmax_rows;

/* Elements from row to row where results lie over rows of float32. */
static inline int64_t la_softmax_rows_ld(la_dtype dtype, int64_t len)
{
    return len * (int64_t)(sizeof(float) / la_dtype_size(dtype));
}

/* to = softmax of scores; rows of `to` are ld apart. to may be scores, with the ld above. */
la_status la_softmax_rows_weigh(const la_softmax_rows *call, const float *scores, void *to,
                                int64_t ld, la_err *err);
/* slopes = weights (slopes - sum of weights slopes), of gradients of the weights those of the scores, as
 * numbers of `type` over the float32 that was there. */
la_status la_softmax_rows_slopes(const la_softmax_rows *call, const void *weights,
                                 int64_t weights_ld, float *slopes, la_dtype type, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
