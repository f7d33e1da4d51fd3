/* SPDX-License-Identifier: Apache-2.0
 * The plain methods (naive softmax; a recurrence token by token) forward and backward, in double, for one
 * head of one sequence. Every tensor that such a method stores passes through `round`; sums do not.
 */
#ifndef LA_TEST_PLAIN_H
#define LA_TEST_PLAIN_H

#include "doubles.h"

typedef double la_rounding(double);
double la_exactly(double x);
double la_as_bf16(double x);
double la_as_f16(double x);

/* o [T,dv] and, in *grads (made by la_doubles_alloc), the gradients that belong to dout. B = H = 1.
 * Of a recurrence *grads may be NULL, for o alone. */
void la_plain_softmax(const la_problem *p, double scale, const la_doubles *in, const double *dout,
                      la_rounding *round, double *o, la_doubles *grads);
void la_plain_recurrence(const la_variant *variant, const la_problem *p, double scale,
                         const la_doubles *in, const double *dout, la_rounding *round, double *o,
                         la_doubles *grads);

#endif
