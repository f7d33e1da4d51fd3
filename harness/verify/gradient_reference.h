/* SPDX-License-Identifier: Apache-2.0
 * The float64 gradients of a variant's reference, held to central differences of its forward.
 */
#ifndef LA_GRADIENT_REFERENCE_H
#define LA_GRADIENT_REFERENCE_H

#include "inputs.h"

/* Every tensor, trainable parameter and, with `state`, the state before and after: along one random
 * direction of each, and for some of its elements alone. LA_E_WRONG says which, with both values. */
la_status la_gradient_reference_check(const la_variant *variant, const la_problem *p,
                                      const void *opts, la_input_kind kind, bool state,
                                      uint64_t seed, la_err *err);

#endif
