/* SPDX-License-Identifier: Apache-2.0
 * Between the caller's tensors and the padded matrices inside, for files compiled once per instruction
 * set: columns are padded with zeros to multiples of 16, the tokens of a last chunk with zeros to C.
 */
#ifndef LA_DELTA_ROWS_H
#define LA_DELTA_ROWS_H

#include <string.h>

#include "delta_backward.h"
#include "labench/simd.h"

/* Asks for n floats of each of the chunk's tokens from t on (those there are): rows lie apart, and long
 * stretches of arithmetic come between, too irregular for the hardware to see them coming. */
LA_INLINE void la_rows_ask(const la_delta_slice *x, const float *p, int64_t row, int64_t n,
                           int64_t t, bool to_write)
{
    if (!p || t < 0) return;
    for (int64_t i = t; i < t + LA_DELTA_BACK && i < x->T; i++)
        for (int64_t e = 0; e < n; e += 16)
            if (to_write)
                __builtin_prefetch(p + i * row + e, 1, 2);
            else
                __builtin_prefetch(p + i * row + e, 0, 2);
}

/* to [LA_DELTA_BACK,width] with rows of ld = scale times n rows of `columns` floats; zeros around them. */
static inline void la_rows_fetch_part(int64_t n, int64_t columns, const float *from, int64_t row,
                                      float scale, float *to, int64_t width, int64_t ld)
{
    la_vf by = la_v_set(scale);
    for (int64_t i = 0; i < n; i++, from += row, to += ld) {
        int64_t j = 0;
        for (; j + LA_VW <= columns; j += LA_VW) la_v_store(to + j, by * la_v_load(from + j));
        for (; j < width; j += LA_VW)
            la_v_store(to + j, by * la_v_load_n(from + j, columns > j ? columns - j : 0));
    }
    for (int64_t i = n; i < LA_DELTA_BACK; i++, to += ld) memset(to, 0, (size_t)width * sizeof *to);
}

/* The same where the rows have nothing beside them. */
static inline void la_rows_fetch(int64_t n, int64_t columns, const float *from, int64_t row,
                                 float scale, float *to, int64_t ld)
{
    la_rows_fetch_part(n, columns, from, row, scale, to, ld, ld);
}

/* n rows of `columns` floats into the caller's tensor: scale from, or += . */
static inline void la_rows_deliver(int64_t n, int64_t columns, const float *from, int64_t ld,
                                   float scale, bool add, float *to, int64_t row)
{
    la_vf by = la_v_set(scale);
    for (int64_t i = 0; i < n; i++, from += ld, to += row)
        for (int64_t j = 0; j < columns; j += LA_VW) {
            int64_t m = columns - j < LA_VW ? columns - j : LA_VW;
            la_vf x = by * la_v_load(from + j);
            if (add) x = x + la_v_load_n(to + j, m);
            la_v_store_n(to + j, x, m);
        }
}

/* to_r = exp(a_r - b_r) over K channels; NULL: 0. */
static inline void la_rows_exp(int64_t K, const double *a, const double *b, float *to)
{
    for (int64_t r = 0; r < K; r++) to[r] = (float)((a ? a[r] : 0.0) - (b ? b[r] : 0.0));
    for (int64_t r = 0; r < K; r += LA_VW) la_v_store(to + r, la_v_exp(la_v_load(to + r)));
}

/* S [K,W] from rows of w floats (NULL: zeros), zeros around them. */
static inline void la_state_take(const la_delta_slice *x, const float *from, int64_t K, int64_t W,
                                 float *S)
{
    memset(S, 0, (size_t)(K * W) * sizeof *S);
    for (int64_t r = 0; from && r < x->dk; r++)
        memcpy(S + r * W, from + r * x->S_row, (size_t)x->w * sizeof *S);
}

/* And back into rows of the caller's (NULL: not wanted). */
static inline void la_state_give(const la_delta_slice *x, const float *S, int64_t W, float *to)
{
    for (int64_t r = 0; to && r < x->dk; r++)
        memcpy(to + r * x->S_row, S + r * W, (size_t)x->w * sizeof *S);
}

#endif
