/* SPDX-License-Identifier: Apache-2.0
 * What the files of the conformance suite share: a case, and guarded calls of an impl.
 */
#ifndef LA_SUITE_H
#define LA_SUITE_H

#include "conformance.h"
#include "gradient_compare.h"

/* A problem with its inputs and what the reference makes of them; the impl under test is set in
 * turn. Pointers are borrowed from the driver. */
typedef struct la_case {
    const la_variant *variant;
    const la_impl *impl;
    const la_device *device;
    const void *opts;
    la_problem p;
    int many; /* threads to be tried beside 1, 2 and 3; 0: none */
    la_input_kind kind;
    uint64_t seed;
    const la_inputs *in;
    const int64_t *rows; /* tokens that can be compared; NULL: all */
    int64_t n_rows;
    const double *want;       /* [B, n_rows, H, dv] */
    const double *want_state; /* packed, after T tokens; NULL: not causal or no state */
    /* Of backward, where an impl has one; else NULL. */
    const float *dout;       /* [B,T,H,dv]; 0 at tokens that cannot be compared */
    const la_doubles *dwant; /* the reference's gradients */
    const la_doubles
        *moved; /* and at inputs moved in their last bits, where that matters; else NULL */
} la_case;

/* Tokens from..from+n-1 of every tensor and all parameters; the caller releases `out`. */
la_status la_inputs_piece(const la_variant *variant, const void *opts, const la_inputs *whole,
                          int64_t from, int64_t n, la_inputs *out, la_err *err);

/* An instance of the case's impl for T tokens (capacity as the case) with these threads. */
la_status la_case_instance(const la_case *c, la_pass pass, int64_t T, int threads, la_instance *out,
                           la_err *err);
/* One forward or decode call with poisoned o and work; refuses NaN guards broken, inputs or the state before
 * changed, and memory allocated. */
la_status la_case_call(la_instance *inst, const la_inputs *in, const void *state_in,
                       void *state_out, int64_t pos, la_err *err);
/* A hash of the state that a call starts from; 0 where it may be written to, or there is none. */
uint64_t la_case_state_hash(const la_instance *inst, const la_io *io);
/* Holds a whole output [B,T,H,dv] to the reference. */
la_status la_case_judge(const la_case *c, const void *o, la_err *err);
/* Holds a state buffer after T tokens to the reference's. */
la_status la_case_judge_state(const la_case *c, const void *state, la_err *err);
/* Number i of the counts of threads to try, without those of the case itself; 0: no more. */
int la_case_threads(const la_case *c, size_t i);
/* Bytes of one token row of the output over all heads, and of the whole output. */
size_t la_case_row_bytes(const la_case *c);

/* Option set `index` of a variant into opts: 0 the defaults, then one option changed at a time; words
 * says which ("" for the defaults). few: of whole numbers the extremes only. *end: there is no such set. */
la_status la_suite_options(const la_variant *variant, int64_t index, bool few, void *opts,
                           char *words, size_t cap, bool *end, la_err *err);

/* The checks. Each returns LA_OK or fails with the finding's sentence. */
la_status la_check_descriptor(const la_case *c, la_err *err);
la_status la_check_cost(const la_case *c, la_err *err);
la_status la_check_refusals(const la_case *c, la_err *err);
la_status la_check_sizes(const la_case *c, la_err *err);
la_status la_check_forward(const la_case *c, la_err *err);
la_status la_check_repeat(const la_case *c, la_err *err);
la_status la_check_threads(const la_case *c, la_err *err);
la_status la_check_causality(const la_case *c, la_err *err);
la_status la_check_cutting(const la_case *c, la_err *err);
la_status la_check_decode(const la_case *c, la_err *err);
la_status la_check_query(const la_case *c, la_err *err);
la_status la_check_backward(const la_case *c, la_err *err);
la_status la_check_backward_repeat(const la_case *c, la_err *err);
la_status la_check_backward_threads(const la_case *c, la_err *err);
la_status la_check_backward_state(const la_case *c, la_err *err);

/* A case's gradients by the reference: `dout` and `dwant` (and `moved`, for a delicate case) are filled in
 * the case, and are the caller's to release by la_case_gradients_release. */
la_status la_case_gradients(la_case *c, bool delicate, la_err *err);
void la_case_gradients_release(la_case *c);
/* Inputs of the case, q and k moved by about two units in the last place. */
la_status la_case_moved_inputs(const la_case *c, la_inputs *out, la_err *err);

#endif
