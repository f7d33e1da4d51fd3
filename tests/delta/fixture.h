/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the delta family share: problems, calls and comparisons in a line each.
 */
#ifndef TESTS_DELTA_FIXTURE_H
#define TESTS_DELTA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "compare.h"
#include "delta_engine.h"
#include "labench/kit.h"
#include "registry.h"

/* One thread unless changed; scale 0: the default. */
la_problem problem(int64_t B, int64_t T, int64_t H, int64_t dk, int64_t dv);
int64_t outputs(const la_problem *p);    /* floats of o */
int64_t state_size(const la_problem *p); /* floats of S of the whole problem */

/* Inputs of seed 7. */
la_inputs inputs(const la_variant *variant, const la_problem *p, la_input_kind kind);

/* One call of an impl into o (and state_out), scratch poisoned, guards checked. The tokens [t0, t0 + T)
 * of the inputs are used, where p->T = T and `in` may be longer (then B must be 1). */
void call(const la_variant *variant, const la_impl *impl, const la_problem *p, la_pass pass,
          int64_t chunk, const la_inputs *in, int64_t t0, const float *state_in, float *state_out,
          float *o);

/* How many impls are for the CPU: they come first. */
size_t cpu_forms(const la_variant *variant);
/* The two forms of a variant by name. */
const la_impl *form(const la_variant *variant, const char *impl);

/* Fails unless got agrees with want to what impls of this form are held to. */
void assert_close(const la_variant *variant, const la_impl *impl, const la_problem *p,
                  const float *got, const float *want);

float *floats(int64_t n); /* la_free it */

/* Every pair of the engine's two switches; of a fixed decay there is retention, a head that resets at every
 * token, and one that never forgets. */
extern const la_recurrence every_pair[];
extern const size_t every_pair_len;

/* Log-decays of drawn (normal) numbers g [n]. */
typedef enum gate_kind {
    GATES_MILD,
    GATES_MIXED,  /* -50 and 0 among mild ones: next to each other in channels, tokens and chunks */
    GATES_RESETS, /* -50 everywhere */
    GATES_AT_REST, /* 0 everywhere */
    GATES_HALF,    /* -50 or 0, at random */
    GATES_KINDS
} gate_kind;
extern const char *const gates_names[GATES_KINDS];
void make_gates(float *g, int64_t n, gate_kind kind);

#endif
