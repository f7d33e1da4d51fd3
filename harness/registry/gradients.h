/* SPDX-License-Identifier: Apache-2.0
 * The gradients of a problem: a guarded buffer for each input, each parameter and the state, and the
 * gradient of the output (and of the outgoing state) that backward starts from.
 */
#ifndef LA_GRADIENTS_H
#define LA_GRADIENTS_H

#include "inputs.h"

typedef struct la_gradients {
    la_problem problem;
    la_buffer dout; /* of o: [B,T,H,dv], or [B,T,H*dv] for LA_IN_X */
    la_buffer
        d[LA_T_COUNT]; /* of each tensor, in its shape; empty when the variant does not use it */
    size_t n_params;
    la_buffer dparam[LA_MAX_PARAMS]; /* of trainable parameters; empty for the others */
    float *dparam_ptr[LA_MAX_PARAMS];
    la_buffer dstate_out, dstate_in; /* layout of the state; empty unless asked for */
} la_gradients;

extern const char *const la_gradient_names[LA_T_COUNT]; /* "dq", "dk", ... */

/* Bytes of all of them (at most); `state`: with dstate_out and dstate_in. */
size_t la_gradients_bytes(const la_variant *variant, const la_problem *p, const void *opts,
                          bool state);
/* Allocates without filling. */
la_status la_gradients_alloc(const la_variant *variant, const la_problem *p, const void *opts,
                             bool state, la_gradients *out, la_err *err);
void la_gradients_release(la_gradients *g); /* accepts NULL and zeroed */
/* dout, and dstate_out where there is one, normal(0,1) from a seed: other streams than the inputs. */
void la_gradients_draw(la_gradients *g, uint64_t seed);
/* NaN into everything that backward must write. */
void la_gradients_poison(la_gradients *g);
/* The argument of backward: every gradient wanted. Pointers into *g, valid as long as it is. */
la_grads la_gradients_grads(const la_gradients *g);
/* The i-th gradient that backward writes (tensors, then parameters, then the state), NULL at the end;
 * *name is that of the tensor or parameter, to be read behind a d ("q", "E", "state"). */
const la_buffer *la_gradients_at(const la_gradients *g, const la_inputs *in, size_t i,
                                 const char **name);
/* Type of one of the buffers that la_gradients_at gives: that of the tensor; float32 for parameters and
 * the state. */
la_dtype la_gradients_dtype(const la_gradients *g, const la_buffer *buf);
/* LA_E_WRONG naming the gradient that was written past its end, or a changed dout. */
la_status la_gradients_guards(const la_gradients *g, const la_inputs *in, la_err *err);
/* XXH3-64 over dout and dstate_out (what backward may not change), and over what it writes. */
uint64_t la_gradients_hash_given(const la_gradients *g);
uint64_t la_gradients_hash_made(const la_gradients *g);

#endif
