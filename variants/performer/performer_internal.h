/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_PERFORMER_INTERNAL_H
#define LA_PERFORMER_INTERNAL_H

#include "kernel_attention.h"
#include "labench/variant.h"

typedef struct la_performer_options {
    int64_t kernel, features, iid, redraw;
} la_performer_options;

enum { /* values of the option `kernel` */
       LA_PERFORMER_POSITIVE,
       LA_PERFORMER_HYPERBOLIC,
       LA_PERFORMER_TRIG,
       LA_PERFORMER_RELU
};

/* trig: keys' features are kept times exp(-40), which cancels in the quotient, so that exp(|y|^2/2) fits
 * float32 up to |y|^2/2 = 115 or so instead of 80. */
#define LA_PERFORMER_TRIG_SHIFT 40.0
/* relu: what is added to max(w.y, 0). */
#define LA_PERFORMER_RELU_FLOOR 1e-3

extern const la_reference la_performer_reference;
/* The reference of the kernels that are not exponentials: trig and relu. */
extern const la_reference la_performer_plain_reference;

/* M, the rows of W: the option, or max(1, round(dk ln dk)) where it is 0. */
int64_t la_performer_rows(const la_problem *p, const void *opts);
/* m, the number of features: M or 2 M. */
int64_t la_performer_features(const la_problem *p, const void *opts);

/* One form of the variant, ready for use. */
la_ka la_performer_member(const la_problem *p, const void *opts, bool recurrent, la_isa isa);

/* ---- sweeps over rows phi [n, m], ldm apart, compiled per instruction set: performer_isa.c ---- */
typedef struct la_performer_sweeps {
    /* phi = factor_i [sin x, cos x] of the x [n, M] in its first half; factor NULL: 1 */
    void (*waves)(int64_t n, int64_t M, const float *factor, float *phi, int64_t ldm);
    /* phi = max(phi, 0) + LA_PERFORMER_RELU_FLOOR */
    void (*relu)(int64_t n, int64_t M, float *phi, int64_t ldm);
    /* dphi = 0 where that was not above 0 */
    void (*relu_pull)(int64_t n, int64_t M, const float *phi, float *dphi, int64_t ldm);
} la_performer_sweeps;

#endif
