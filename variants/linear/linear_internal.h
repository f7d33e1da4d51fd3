/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_LINEAR_INTERNAL_H
#define LA_LINEAR_INTERNAL_H

#include <stdbool.h>

#include "kernel_ref.h"
#include "labench/tile.h"
#include "labench/variant.h"

typedef struct la_linear_options {
    int64_t map, normalize, nu;
    double eps;
} la_linear_options;

enum { /* values of the option `map` */
       LA_LINEAR_ELU,
       LA_LINEAR_IDENTITY,
       LA_LINEAR_RELU,
       LA_LINEAR_TAYLOR2,
       LA_LINEAR_DPFP,
       LA_LINEAR_HEDGEHOG
};

extern const la_reference la_linear_reference;

/* m, the number of features. */
int64_t la_linear_width(const la_problem *p, const void *opts);
/* s, where the definition has it: map identity with normalize=0 is the additive recurrence of the
 * recurrent family; 1 elsewhere. */
double la_linear_read_scale(const la_problem *p, const void *opts);

/* Rows of one head, for a map in float32. Rows of x (and dx) lie ldx floats apart, of phi and dphi ldm. */
typedef struct la_linear_rows {
    const la_tile *tile;
    int64_t n, dk, m, nu, ldx, ldm;
    const float *x; /* [n,dk] */
    const float *W; /* hedgehog: [dk,dk] of this head */
    float *scratch; /* of tile products with inner size m, and so 8 dk floats at least */
} la_linear_rows;

/* A feature map phi: R^dk -> R^m. */
typedef struct la_linear_map {
    void (*apply)(const la_linear_rows *r, float *phi);
    /* dx = phi'(x)' dphi, or NULL; dW += its share, or NULL. phi = phi(x) is at hand, dphi is scratch. */
    void (*pull)(const la_linear_rows *r, const float *phi, float *dphi, float *dx, float *dW);
} la_linear_map;

const la_linear_map *la_linear_map_of(const void *opts, la_isa isa);

/* ---- the sweeps of the maps, compiled per instruction set: linear_isa.c ---- */
typedef struct la_linear_sweeps {
    la_linear_map elu, relu, taylor2, dpfp;
} la_linear_sweeps;

#endif
