/* SPDX-License-Identifier: Apache-2.0
 * The one table of tolerances: relative RMS over the tensor and maximum over rows, by type and by how
 * the impl computes. No switch, variable or option changes them.
 */
#ifndef LA_TOLERANCE_H
#define LA_TOLERANCE_H

#include "labench/variant.h"

typedef struct la_tolerance {
    double rel_rms, max_rel;
} la_tolerance;

/* f32: 1e-5 / 1e-4 for exact forms; 1e-4 / 1e-3 for chunk forms (reordered sums, a triangular solve)
 * and performer (exponentials of the features).
 * bf16, f16: twice the error of the plain method at that type (naive softmax for the quadratic and low-rank
 * kinds, the plain recurrence for the others), where plain means that every tensor which the method would
 * store (scores, weights, u, o; the state as a product reads it) is rounded, and that sums are not. */
la_tolerance la_tolerance_of(const la_variant *variant, const la_impl *impl, la_dtype dtype);
/* The same for inputs of conformance that are not drawn as a sweep's are (resets, steps of one, keys that come
 * again). Only the recurrences in bf16 and f16 differ: right after a reset a token reads almost nothing, and
 * the plain method is off by a part of that. */
la_tolerance la_tolerance_stressed(const la_variant *variant, const la_impl *impl, la_dtype dtype);
/* How far o may move, relative to the rms of the past, when only later tokens change: 0 (the same bits), or
 * 1e-6 for performer, whose running maximum may be shared inside a chunk; in bf16 that may round a few
 * values the other way, and a value of four times the rms has steps of 2^-6 (f16: 2^-9). */
double la_tolerance_causal(const la_variant *variant, const la_impl *impl, la_dtype dtype);
/* A layer of the model or its gradient, against plain float64 loops and central differences of them:
 * 1e-5 / 1e-4, as exact forms of f32. */
la_tolerance la_tolerance_layer(void);
/* Among float64 forms of the same sums: 1e-10. */
la_tolerance la_tolerance_float64(void);

/* Gradients of an impl against the float64 reference's: f32 1e-3 / 1e-2; bf16 and f16 twice what the plain method's
 * backward makes, as above. */
la_tolerance la_tolerance_gradient(const la_variant *variant, const la_impl *impl, la_dtype dtype);
/* Gradients of the float64 reference against central differences of its forward: 1e-6, relative. */
double la_tolerance_differences(void);

#endif
