/* SPDX-License-Identifier: Apache-2.0
 * Verification of a cell's gradients, cheaply: at min(T, 2048) tokens, with the cell's own shape and
 * options, every gradient is compared with the float64 reference's. Those are computed with all cores and may be
 * kept in a folder, shared by all lengths, both passes and all impls of a variant.
 */
#ifndef LA_SAMPLED_BACKWARD_H
#define LA_SAMPLED_BACKWARD_H

#include "gradient_compare.h"

enum { LA_SAMPLED_BACKWARD_TOKENS = 2048, LA_SAMPLED_BACKWARD_BATCH = 2 };

/* Draws inputs, makes an instance, runs forward and backward and judges: LA_OK, LA_E_WRONG or
 * LA_E_NONFINITE with the gradient, the worst index and both values in the message. each[LA_GRADIENTS_MOST]
 * and *n are filled unless nothing could run. A larger batch is verified on two of its entries. cache_dir must
 * exist; NULL: nothing is kept. */
la_status la_sampled_backward(const la_variant *variant, const la_impl *impl, const la_problem *p,
                              const void *opts, const la_device *device, const char *cache_dir,
                              la_gradient_error *each, size_t *n, la_err *err);

/* The same with the gradients of whoever `run` asks (NULL: of the impl): it is given the shortened problem,
 * its inputs and g->dout, and fills g->d and g->dparam. */
typedef la_status (*la_backward_run)(void *context, const la_problem *p, const la_inputs *in,
                                     la_gradients *g, la_err *err);
la_status la_sampled_backward_of(const la_variant *variant, const la_impl *impl,
                                 const la_problem *p, const void *opts, const la_device *device,
                                 la_backward_run run, void *context, const char *cache_dir,
                                 la_gradient_error *each, size_t *n, la_err *err);
/* The problem on which gradients of p are verified, and the seed of its inputs and of dout. */
la_problem la_sampled_backward_problem(const la_problem *p);
extern const uint64_t la_sampled_backward_seed;

/* Host bytes that it takes at its peak, for a memory budget (an upper estimate). */
size_t la_sampled_backward_bytes(const la_variant *variant, const la_impl *impl,
                                 const la_problem *p, const void *opts, const la_device *device);

#endif
