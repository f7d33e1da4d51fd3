/* SPDX-License-Identifier: Apache-2.0
 * The memory of kernels that stand behind an impl of host memory: what hosted.c fills and reads back, and
 * resident.c runs again in place.
 */
#ifndef LA_HOSTED_H
#define LA_HOSTED_H

#include "cuda.h"
#include "inputs.h"
#include "labench/cuda.h"

/* What the kernels were given last, in device memory. */
typedef struct la_hosted_call {
    la_problem p; /* of decode: one token */
    la_io io;
    la_grads grads;
    const float *params[LA_MAX_PARAMS];
    float *dparams[LA_MAX_PARAMS];
    size_t o_bytes;
    int work; /* which scratch, as in work_bytes */
    bool made;
} la_hosted_call;

/* Memory is taken when a call first asks for it, so that a pass takes none of another's. */
typedef struct la_hosted {
    const la_variant *variant;
    const la_cuda_kernels *kernels;
    la_problem p;
    la_device device;
    void *opts; /* owned copy */
    void *self, *stream;
    size_t state_bytes, saved_bytes, work_bytes[3]; /* work: forward, with saving or back, decode */
    la_param params[LA_MAX_PARAMS];
    size_t n_params, created_bytes; /* created: that the kernels' create took of the device */
    la_cuda_buffer t[LA_T_COUNT], param[LA_MAX_PARAMS], o, state_in, state_out, saved, work;
    la_cuda_buffer dt[LA_T_COUNT], dparam[LA_MAX_PARAMS], dout, dstate_in, dstate_out;
    la_cuda_buffer state_kept; /* what calls in place begin with; empty: what is there */
    la_hosted_call forward, decode, backward; /* the last of each */
} la_hosted;

/* What the last calls left on the device, enqueued to be carried to the host; guard zones of everything that
 * calls may write, which waits for the stream. */
la_status la_hosted_output_down(la_hosted *h, const la_hosted_call *c, void *o, la_err *err);
la_status la_hosted_gradients_down(la_hosted *h, const la_grads *grads, la_err *err);
la_status la_hosted_guards(la_hosted *h, la_err *err);

#endif
