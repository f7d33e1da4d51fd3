/* SPDX-License-Identifier: Apache-2.0
 * Between the caller's tensors and the padded matrices inside, for files compiled once per instruction
 * set: columns are padded with zeros to multiples of 16, the tokens of a last chunk with zeros to C.
 */
#ifndef LA_DELTA_ROWS_H
#define LA_DELTA_ROWS_H

#include <string.h>

#include "delta_backward.h"
#include "labench/simd.h"

/* Rows of a tensor, one a token; p NULL: it is not there. Files compiled for bf16 hold the problem's own tensors
 * in bf16 (`narrow`), all others everything in float32. */
typedef struct la_rows {
    const void *p;
    int64_t row; /* elements from one token to the next */
    bool narrow;
} la_rows;

#if defined(__AVX512BF16__)
typedef la_bf16 la_element;
#define LA_NARROW true
#else
typedef float la_element;
#define LA_NARROW false
#endif

/* A tensor of the problem's type from column j on; one that is always float32. */
static inline la_rows la_elements(const void *p, int64_t j, int64_t row)
{
    return (la_rows){p ? (const la_element *)p + j : NULL, row, LA_NARROW};
}

static inline la_rows la_floats(const float *p, int64_t row)
{
    return (la_rows){p, row, false};
}

/* Element i and those behind it, n at most. */
LA_INLINE la_vf la_rows_load(const la_rows *x, int64_t i, int64_t n)
{
#if defined(__AVX512BF16__)
    if (x->narrow) return la_v_load_bf16_n((const la_bf16 *)x->p + i, n < LA_VW ? n : LA_VW);
#endif
    const float *p = (const float *)x->p + i;
    return n < LA_VW ? la_v_load_n(p, n) : la_v_load(p);
}

LA_INLINE void la_rows_store(const la_rows *x, int64_t i, la_vf value, int64_t n)
{
    void *p = (void *)(uintptr_t)x->p;
#if defined(__AVX512BF16__)
    if (x->narrow) {
        la_v_store_bf16_n((la_bf16 *)p + i, value, n < LA_VW ? n : LA_VW);
        return;
    }
#endif
    if (n < LA_VW)
        la_v_store_n((float *)p + i, value, n);
    else
        la_v_store((float *)p + i, value);
}

/* Asks for n elements of each of the chunk's tokens from t on (those there are): rows lie apart, and long
 * stretches of arithmetic come between, too irregular for the hardware to see them coming. */
LA_INLINE void la_rows_ask(const la_delta_slice *x, la_rows from, int64_t n, int64_t t,
                           bool to_write)
{
    if (!from.p || t < 0) return;
    int64_t size = from.narrow ? 2 : 4;
    for (int64_t i = t; i < t + LA_DELTA_BACK && i < x->T; i++) {
        const char *line = (const char *)from.p + i * from.row * size;
        if (!to_write) la_ask_for(line, n * size);
        for (int64_t e = 0; to_write && e < n * size; e += 64) __builtin_prefetch(line + e, 1, 2);
    }
}

/* to [LA_DELTA_BACK,width] with rows of ld = scale times `columns` elements of the n rows from t on; zeros
 * around them. */
static inline void la_rows_fetch(la_rows from, int64_t t, int64_t n, int64_t columns, float scale,
                                 float *to, int64_t width, int64_t ld)
{
    la_vf by = la_v_set(scale);
    for (int64_t i = 0; i < n; i++, to += ld)
        for (int64_t j = 0; j < width; j += LA_VW) {
            int64_t at = (t + i) * from.row + j, left = columns > j ? columns - j : 0;
            la_v_store(to + j, by * la_rows_load(&from, at, left));
        }
    for (int64_t i = n; i < LA_DELTA_BACK; i++, to += ld) memset(to, 0, (size_t)width * sizeof *to);
}

/* n rows of `columns` floats into the caller's tensor, if it is there: scale from, or += . */
static inline void la_rows_deliver(int64_t n, int64_t columns, const float *from, int64_t ld,
                                   float scale, bool add, la_rows to, int64_t t)
{
    la_vf by = la_v_set(scale);
    for (int64_t i = 0; to.p && i < n; i++, from += ld)
        for (int64_t j = 0; j < columns; j += LA_VW) {
            int64_t at = (t + i) * to.row + j;
            la_vf x = by * la_v_load(from + j);
            if (add) x = x + la_rows_load(&to, at, columns - j);
            la_rows_store(&to, at, x, columns - j);
        }
}

/* Adds x to an unevaluated sum: what rounding takes from `sum` goes to `rest` (Knuth's two-sum). */
LA_INLINE void la_rows_sum(la_vf x, la_vf *sum, la_vf *rest)
{
    la_vf next = *sum + x, part = next - *sum;
    *rest = *rest + ((*sum - (next - part)) + (x - part));
    *sum = next;
}

/* to_r = exp(a_r - b_r) over K channels; NULL: 0. */
static inline void la_rows_exp(int64_t K, const double *a, const double *b, float *to)
{
    for (int64_t r = 0; r < K; r++) to[r] = (float)((a ? a[r] : 0.0) - (b ? b[r] : 0.0));
    for (int64_t r = 0; r < K; r += LA_VW) la_v_store(to + r, la_v_exp(la_v_load(to + r)));
}

#endif
