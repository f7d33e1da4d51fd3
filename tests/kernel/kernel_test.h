/* SPDX-License-Identifier: Apache-2.0
 * One impl of a variant with its inputs, for tests that look at what it computes.
 */
#ifndef LA_KERNEL_TEST_H
#define LA_KERNEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compare.h"
#include "labench/kit.h"
#include "registry.h"

typedef struct subject {
    const la_variant *variant;
    const la_impl *impl;
    la_problem p;
    la_device device;
    void *opts;
    la_inputs in;
    la_instance inst;
} subject;

la_problem problem_of(int64_t B, int64_t T, int64_t H, int64_t dk, int64_t dv, la_mask mask,
                      int threads);
/* Draws the inputs and makes the impl. `set` is "key=value,key=value" or "". Fails the test. */
void subject_open(subject *s, const char *variant, const char *impl, la_problem p, const char *set,
                  la_input_kind kind);
/* The same, made for forward and backward. */
void subject_open_training(subject *s, const char *variant, const char *impl, la_problem p,
                           const char *set, la_input_kind kind);
void subject_close(subject *s);
float *subject_tensor(subject *s, la_tensor which);
/* Forward, or decode where T is 1; work and output are poisoned first. The output, [B,T,H,dv]. */
const float *subject_run(subject *s, const void *state_in, void *state_out);
/* Runs, and holds the output to the float64 reference (of some rows; NULL: all). */
void subject_agrees(subject *s, const int64_t *rows, int64_t n_rows);
/* Largest |x - y| over n, relative to the RMS of y. */
double distance(const float *x, const float *y, int64_t n);

#endif
