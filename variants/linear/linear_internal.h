/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_LINEAR_INTERNAL_H
#define LA_LINEAR_INTERNAL_H

#include <stdbool.h>

#include "labench/variant.h"

typedef struct la_linear_options {
    int64_t map, normalize;
    double eps;
} la_linear_options;

extern const la_reference la_linear_reference;

/* A feature map phi: R^dk -> R^width. One row of la_linear_maps for each value of the option `map`, in
 * that order; a new map is a new row (and a new word in linear.c). */
typedef struct la_linear_map {
    int64_t (*width)(int64_t dk);
    /* n rows x [n,dk], ldx floats apart, to phi [n,width], ldphi apart */
    void (*apply)(la_isa isa, int64_t n, int64_t dk, const float *x, int64_t ldx, float *phi,
                  int64_t ldphi);
    /* dx = phi'(x)' dphi; phi = phi(x) is at hand. dx [n,dk], lddx apart */
    void (*pull)(la_isa isa, int64_t n, int64_t dk, const float *x, int64_t ldx, const float *phi,
                 const float *dphi, int64_t ldphi, float *dx, int64_t lddx);
    void (*reference)(int64_t dk, const double *x, double *phi);
    void (*reference_pull)(int64_t dk, const double *x, const double *dphi, double *dx);
} la_linear_map;

enum { LA_LINEAR_ELU, LA_LINEAR_IDENTITY };
const la_linear_map *la_linear_map_of(const void *opts);
/* s, where the definition has it: map identity with normalize=0 is the additive recurrence of the
 * recurrent family; 1 elsewhere. */
double la_linear_read_scale(const la_problem *p, const void *opts);

#endif
