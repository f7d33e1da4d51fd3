/* SPDX-License-Identifier: Apache-2.0
 * A whole problem in float64: every tensor, parameter and the state, whole and in the shapes of the
 * problem. Inputs and their gradients have the same shapes, so one struct holds either.
 */
#ifndef LA_DOUBLES_H
#define LA_DOUBLES_H

#include "inputs.h"

typedef struct la_doubles {
    double *t[LA_T_COUNT]; /* NULL: not used by the variant */
    int64_t n[LA_T_COUNT];
    double *param[LA_MAX_PARAMS];
    int64_t n_param[LA_MAX_PARAMS];
    bool trainable[LA_MAX_PARAMS];
    size_t n_params;
    double *state; /* packed: the parts one after the other; NULL: none */
    int64_t n_state;
} la_doubles;

/* Zeros, or the numbers of `in`; a state of zeros when `state` and the variant has one. */
la_status la_doubles_alloc(const la_variant *variant, const la_problem *p, const void *opts,
                           bool state, la_doubles *out, la_err *err);
la_status la_doubles_of(const la_variant *variant, const void *opts, const la_inputs *in,
                        bool state, la_doubles *out, la_err *err);
void la_doubles_release(la_doubles *d);
/* The i-th array (tensors, parameters, state) that is there; NULL at the end. Parameters that are not
 * trainable are left out. *which is for la_doubles_name. */
double *la_doubles_at(const la_doubles *d, size_t i, int64_t *n, int *which);
/* The name of what la_doubles_at calls `which`. */
const char *la_doubles_name(const la_variant *variant, const la_problem *p, const void *opts,
                            int which, char buf[48]);

/* The float64 reference of a whole problem from such inputs: o [B,T,H,dv], and the packed state after the
 * last token when state_out is given. in->state is the state before the first token. */
la_status la_doubles_forward(const la_variant *variant, const la_problem *p, const void *opts,
                             const la_doubles *in, double *o, double *state_out, la_err *err);
/* The reference's gradients of sum(dout o) + sum(dstate_out state_out); dstate_out NULL: o alone. Gradients
 * of heads that share a key or value head are added up, those of parameters over everything. *grads is
 * allocated (with a state where in->state is given) and overwritten. LA_E_UNSUPPORTED: this variant's
 * reference has no backward. The same bits for any thread count. */
la_status la_doubles_backward(const la_variant *variant, const la_problem *p, const void *opts,
                              const la_doubles *in, const double *dout, const double *dstate_out,
                              la_doubles *grads, la_err *err);

#endif
