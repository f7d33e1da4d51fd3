/* SPDX-License-Identifier: Apache-2.0
 * labench apply: numbers in, numbers out. The shapes of the files are the problem.
 */
#ifndef LA_CLI_APPLY_H
#define LA_CLI_APPLY_H

#include "gradients.h"
#include "instance.h"
#include "npy.h"

typedef struct la_apply {
    const la_variant *variant;
    void *opts; /* owned */
    const char *in, *out, *form;
    int mask; /* la_mask, or -1: causal where there is one */
    double scale;
    uint64_t seed;
    int threads;
    bool with_state, with_grad;

    la_problem p; /* Tcap = pos + T */
    la_npy t[LA_T_COUNT];
    la_param params[LA_MAX_PARAMS];
    la_npy param[LA_MAX_PARAMS];
    bool drawn[LA_MAX_PARAMS];
    size_t n_params;
    la_part parts[LA_MAX_PARTS]; /* of the state after the call */
    size_t n_parts;
    la_npy state_in[LA_MAX_PARTS]; /* KV caches: [B,heads,pos,d] */
    bool has_state;
    int64_t pos;

    la_npy dout, dstate_out[LA_MAX_PARTS]; /* with_grad */
    bool has_dstate;

    la_dtype dtype; /* of the results: LA_F64 for the reference, else LA_F32 */
    la_buffer o, state[LA_MAX_PARTS];
    la_buffer d[LA_T_COUNT], dparam[LA_MAX_PARAMS], dstate_in[LA_MAX_PARTS];
    char how[96]; /* "cpu_chunk forward" */
} la_apply;

void la_apply_release(la_apply *a);
/* Reads and checks every file; draws the parameters that are not there. */
la_status la_apply_read(la_apply *a, la_err *err);
/* Fill o and, with_state, state. */
la_status la_apply_kernel(la_apply *a, la_err *err);
la_status la_apply_reference(la_apply *a, la_err *err);
la_status la_apply_write(const la_apply *a, la_err *err);

/* Parts of the above that --grad adds; nothing without it. The kernel's backward takes the io that its
 * forward had. */
la_status la_apply_read_gradients(la_apply *a, la_err *err);
la_status la_apply_kernel_backward(la_apply *a, const la_instance *inst, const la_io *io,
                                   const la_inputs *in, la_err *err);
la_status la_apply_reference_backward(la_apply *a, la_err *err);
la_status la_apply_write_gradients(const la_apply *a, la_err *err);
void la_apply_release_gradients(la_apply *a);
/* Shape of o; returns its rank. */
int la_apply_output_shape(const la_apply *a, int64_t shape[4]);

/* A tensor's file, without .npy: "q", ..., and "dt" for what lies in the slot of beta as a step size. */
const char *la_apply_name(const la_apply *a, int which);

#endif
