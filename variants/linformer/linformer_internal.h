/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_LINFORMER_INTERNAL_H
#define LA_LINFORMER_INTERNAL_H

#include "labench/variant.h"

typedef struct la_linformer_options {
    int64_t r;
} la_linformer_options;

extern const la_reference la_linformer_reference;

/* Rows of E and F: the option, but never more than tokens they are made for. */
int64_t la_linformer_rank(const la_problem *p, const void *opts);

la_status la_linformer_sizes(const la_problem *p, la_pass pass, const void *opts,
                             const la_device *dev, la_sizes *out, la_err *err);
la_status la_linformer_create(const la_problem *p, const void *opts, const la_device *dev,
                              void **self, la_err *err);
la_status la_linformer_forward(void *self, const la_io *io, la_err *err);
la_status la_linformer_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);

#endif
