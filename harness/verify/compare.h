/* SPDX-License-Identifier: Apache-2.0
 * The float64 reference of a whole problem, and the comparison of an output with it.
 */
#ifndef LA_COMPARE_H
#define LA_COMPARE_H

#include "inputs.h"
#include "instance.h"
#include "tolerance.h"

typedef struct la_error { /* how far an output is from its reference */
    double rel_rms;       /* ||o - ref|| / ||ref|| over everything compared */
    double max_abs;       /* largest difference */
    /* Largest row difference: max |o - ref| of a row / rms of ref's row, or a hundredth of ref's rms (in
     * types narrower than float32 a tenth) where that is more. */
    double max_rel;
    double cosine;
    int64_t n, n_nonfinite;
    int64_t worst; /* element index (in the compared set) of max_abs, with both values */
    double worst_got, worst_want;
} la_error;

/* Reference output for the whole problem, or for some token rows of every (batch, head).
 * out is [B, n_rows, H, dv] (for LA_IN_X: [B, n_rows, H*dv]) in double, caller's. rows ascending, NULL: all T. state_in and
 * state_out are packed doubles, the parts in order as in la_state_layout but of doubles and without
 * padding; NULL: initial, not wanted. Heads are spread over `p->threads` threads. */
la_status la_reference_forward(const la_variant *variant, const la_problem *p, const void *opts,
                               const la_inputs *in, const int64_t *rows, int64_t n_rows,
                               const double *state_in, double *state_out, int64_t pos, double *out,
                               la_err *err);
/* The same over tokens from..from+p->T-1 of inputs that hold more of them (in->problem.T). */
la_status la_reference_range(const la_variant *variant, const la_problem *p, const void *opts,
                             const la_inputs *in, int64_t from, const int64_t *rows, int64_t n_rows,
                             const double *state_in, double *state_out, int64_t pos, double *out,
                             la_err *err);
/* Total doubles of the packed state. */
int64_t la_reference_state_elements(const la_variant *variant, const la_problem *p,
                                    const void *opts);
/* Packed doubles to a state buffer of the impl's layout and types, and back. */
void la_state_from_double(const la_part *parts, size_t n, const double *packed, void *state);
void la_state_to_double(const la_part *parts, size_t n, const void *state, double *packed);

/* o is the impl's output [B,T,H,dv] of dtype; want as la_reference_forward gives it for `rows`. */
void la_compare(const la_variant *variant, const la_problem *p, const void *o, const int64_t *rows,
                int64_t n_rows, const double *want, la_error *out);
/* The same for two arrays of doubles in rows of `width`; equal infinities agree. */
void la_compare_doubles(const double *got, const double *want, int64_t n, int64_t width,
                        la_error *out);
/* Not finite values in the whole output. */
int64_t la_count_nonfinite(const void *data, int64_t n, la_dtype dtype);
/* LA_OK, LA_E_WRONG or LA_E_NONFINITE with worst index and both values in the message. */
la_status la_judge(const la_error *error, la_tolerance tolerance, la_err *err);

#endif
