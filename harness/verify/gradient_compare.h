/* SPDX-License-Identifier: Apache-2.0
 * The gradients of an impl against the float64 reference's.
 */
#ifndef LA_GRADIENT_COMPARE_H
#define LA_GRADIENT_COMPARE_H

#include "compare.h"
#include "doubles.h"
#include "gradients.h"

enum { LA_GRADIENTS_MOST = LA_T_COUNT + LA_MAX_PARAMS + 1 };

typedef struct la_gradient_error {
    char name[48]; /* "q", "E", "state" */
    la_error e;
} la_gradient_error;

/* Compares each gradient; each[LA_GRADIENTS_MOST] and *n say how far they are, in the order of
 * la_gradients_at, and err the first that is beyond the tolerance, with its worst element. Where a gradient
 * is what is left after larger terms cancel (dq of a softmax over one token is 0), its rounding is that of
 * the terms: errors are relative to no less than a thousandth of the gradient of the values, times sqrt(dv)
 * for what depends on products do.v, and the size of the queries for what is multiplied by them.
 * `moved`, which may be NULL: the reference's gradients at inputs moved by a few units in the last place; as
 * much as they differ from `want` is beyond any float32 kernel, and is forgiven, many times over; and the
 * thousandth is thirty, as it is in types narrower than float32. */
la_status la_gradients_judge(const la_variant *variant, const la_impl *impl, const void *opts,
                             const la_inputs *in, const la_gradients *got, const la_doubles *want,
                             const la_doubles *moved, la_gradient_error *each, size_t *n,
                             la_err *err);

/* A gradient against doubles in rows of `width`; errors are relative to `least` at least. */
void la_compare_least(const void *got, la_dtype dtype, const double *want, int64_t n, int64_t width,
                      double least, la_error *out);

#endif
