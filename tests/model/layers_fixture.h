/* SPDX-License-Identifier: Apache-2.0
 * Tensors for the tests of layers, and gradients by central differences of a plain float64 forward.
 */
#ifndef LAYERS_FIXTURE_H
#define LAYERS_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "labench/kit.h"
#include "layers.h"

/* rows x cols numbers; as floats in rows of ld with NaN between and behind them, as doubles packed. A
 * zeroed one stands for NULL. */
typedef struct tensor {
    const char *name;
    int64_t rows, cols, ld;
    float *f;
    double *d;
} tensor;

/* Normal numbers times `scale`. */
tensor tensor_normal(const char *name, int64_t rows, int64_t cols, int64_t pad, double scale);
/* Every element `value` (NaN for what a layer must overwrite). */
tensor tensor_filled(const char *name, int64_t rows, int64_t cols, int64_t pad, float value);
void tensor_free(tensor *t);
/* Fails unless t's floats are want[rows, cols] (of doubles, plus `base`) within the tolerance of layers and
 * what lies between and behind the rows is untouched. */
void expect_tensor(const tensor *t, const double *want, double base, const char *where);

/* One layer with its inputs: forward fills y [dy.rows, dy.cols] from the tensors' doubles; the gradients are
 * those of sum dy y. What the members mean is the test's matter. */
typedef struct layer_case layer_case;
struct layer_case {
    void (*forward)(layer_case *c);
    tensor x, w, b, gate, dy;
    double *y;
    int64_t B, T, N, H, D, width, left;
    la_act act;
    double eps, scale;
    bool silu;
    const int32_t *tokens;
    char where[160]; /* sizes, for messages */
};
void layer_case_free(layer_case *c);
/* y by the float64 forward, and the gradient with respect to one of c's tensors; caller frees. */
double *layer_forward(layer_case *c);
double *layer_gradient(layer_case *c, tensor *input);

/* The table that LABENCH_ISA names, or all of this machine and build, generic first; with LA_ON_EMULATOR that of
 * devices. */
extern const la_layers *layer_tables[LA_ISAS];
extern int layer_tables_len;
int collect_tables(void **state);
int leave_tables(void **state);

double sigmoid_of(double x);
double act_of(la_act act, double x);

#endif
