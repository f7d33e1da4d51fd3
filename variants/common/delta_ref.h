/* SPDX-License-Identifier: Apache-2.0
 * What the float64 references of the recurrent family share: everything but the mathematics.
 */
#ifndef LA_DELTA_REF_H
#define LA_DELTA_REF_H

#include "labench/variant.h"

/* One token's transition: S [dk,dv] from S_{t-1} to S_t. */
typedef void la_ref_step(const la_problem *p, const la_ref_io *io, int64_t t, double *S);

/* S from state_in (or zero); for each token `step`, and o_t = S_t' (s q_t) where row t is wanted; S
 * into state_out. */
la_status la_ref_recurrence(const la_problem *p, double s, const la_ref_io *io, la_ref_step *step,
                            la_err *err);

#endif
