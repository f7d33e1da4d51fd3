/* SPDX-License-Identifier: Apache-2.0
 * What the float64 references of the recurrent family share: everything but the mathematics.
 */
#ifndef LA_DELTA_REF_H
#define LA_DELTA_REF_H

#include "labench/variant.h"

/* One token's transition: S [dk,dv] from S_{t-1} to S_t. held: scratch of [dv]. */
typedef void la_ref_step(const la_problem *p, const la_ref_io *io, int64_t t, double *S,
                         double *held);

/* held = S'x: what S has stored under x, row by row. */
void la_ref_lookup(const la_problem *p, const double *x, const double *S, double *held);

/* S from state_in (or zero); for each token `step`, and o_t = S_t' (s q_t) where row t is wanted; S
 * into state_out. */
la_status la_ref_recurrence(const la_problem *p, double s, const la_ref_io *io, la_ref_step *step,
                            la_err *err);

/* Where one token's gradients go: dk, da, db [dk], dv [dv], dbeta one number, dg one, or [dk] where each
 * channel has its own decay. Never NULL. */
typedef struct la_ref_token_grads {
    double *dk, *dv, *dbeta, *dg, *da, *db;
    double *decay; /* scratch of [dk] */
} la_ref_token_grads;

/* The same token backwards: S is S_{t-1}; dS [dk,dv] comes in as the gradient with respect to S_t and
 * leaves as that with respect to S_{t-1}. Overwrites what `grads` points to of what the member has. */
typedef void la_ref_step_back(const la_problem *p, const la_ref_io *io, int64_t t, const double *S,
                              double *dS, const la_ref_token_grads *grads);

/* The gradients of la_ref_recurrence, where a token has `gates` numbers of g (1 or dk); from the last token to the first: dS takes s q_t dout_t', dq_t = s
 * S_t dout_t, then `back`. States are kept every few tokens and recomputed between. */
la_status la_ref_recurrence_backward(const la_problem *p, int64_t gates, double s,
                                     const la_ref_io *io, const la_ref_grads *grads,
                                     la_ref_step *step, la_ref_step_back *back, la_err *err);

#endif
