/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_FNET_INTERNAL_H
#define LA_FNET_INTERNAL_H

#include "labench/variant.h"

enum { LA_FNET_NORM_NONE, LA_FNET_NORM_ORTHO };

typedef struct la_fnet_options {
    int64_t norm;
} la_fnet_options;

extern const la_reference la_fnet_reference;

/* Factor on Y: 1, or 1/sqrt(T D) for norm=ortho. */
double la_fnet_factor(const la_problem *p, const void *opts);

la_status la_fnet_sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                        la_sizes *out, la_err *err);
la_status la_fnet_create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                         la_err *err);
void la_fnet_destroy(void *self);
la_status la_fnet_forward(void *self, const la_io *io, la_err *err);
la_status la_fnet_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);

#endif
