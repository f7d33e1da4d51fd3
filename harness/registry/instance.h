/* SPDX-License-Identifier: Apache-2.0
 * An impl made ready for a problem, with every buffer it needs: allocated, guarded, counted.
 */
#ifndef LA_INSTANCE_H
#define LA_INSTANCE_H

#include "alloc.h"
#include "labench/variant.h"

typedef struct la_instance {
    const la_variant *variant;
    const la_impl *impl;
    la_problem problem;
    const void *opts; /* borrowed */
    la_pass pass;
    void *self;
    la_sizes sizes;
    size_t created_bytes; /* what create really took, to hold sizes.instance to */
    la_buffer state, saved, work, o;
    la_part parts[LA_MAX_PARTS];
    size_t n_parts, part_offset[LA_MAX_PARTS];
} la_instance;

/* check, sizes, buffers, create. LA_E_WRONG where sizes.state is neither 0 nor what the state's parts take.
 * `saved` is made for LA_FWDBWD and LA_BACKWARD only, `work` for impls of the CPU. Zeroed or released instances
 * may be released again. */
la_status la_instance_create(const la_variant *variant, const la_impl *impl, const la_problem *p,
                             la_pass pass, const void *opts, const la_device *device,
                             la_instance *out, la_err *err);
void la_instance_release(la_instance *in);
/* NaN into o, work, saved. */
void la_instance_poison(la_instance *in);
/* The initial state (zeros, or -inf for maxima) into in->state. */
void la_instance_state_initial(la_instance *in);
/* LA_E_WRONG naming the buffer that was written past its end. */
la_status la_instance_guards(const la_instance *in, la_err *err);
/* An io with o, work, saved (when made) of the instance and the given inputs; no state. */
struct la_inputs;
la_io la_instance_io(const la_instance *in, const struct la_inputs *inputs);

#endif
