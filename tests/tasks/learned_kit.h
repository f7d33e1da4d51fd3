/* SPDX-License-Identifier: Apache-2.0
 * What the tests of learned tasks share: examples, solvers written from the definitions alone, and
 * chi-square.
 */
#ifndef LEARNED_KIT_H
#define LEARNED_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <stdbool.h>

#include "labench/task.h"

/* A task with options, its shapes' examples are made with it. Release with la_subject_release. */
typedef struct la_subject {
    const la_task *task;
    void *opts;
} la_subject;
/* Options from "key=value key=value". */
la_subject la_subject_of(const char *task, const char *options);
void la_subject_release(la_subject *s);

/* One example; tokens and answers are followed by guards that making must leave alone. */
typedef struct la_made {
    la_shape shape;
    int32_t *tokens;
    la_answer *answers;
    int64_t n;
} la_made;
la_made la_made_of(const la_subject *s, uint64_t seed, la_split split, la_shape shape,
                   uint64_t index);
void la_made_release(la_made *m);
bool la_made_equal(const la_made *a, const la_made *b);

/* The label that the tokens alone demand at a position, or -1 where the definition asks nothing. */
int32_t la_solve(const la_subject *s, const la_made *m, int64_t position);
/* The same for the tasks of one file; false: not one of them. */
bool la_solve_mad(const la_subject *s, const la_made *m, int64_t position, int32_t *label);
bool la_solve_needle(const la_subject *s, const la_made *m, int64_t position, int32_t *label);
bool la_solve_recall(const la_subject *s, const la_made *m, int64_t position, int32_t *label);
bool la_solve_state(const la_subject *s, const la_made *m, int64_t position, int32_t *label);
/* An option of whole numbers. */
int64_t la_subject_option(const la_subject *s, const char *name);

/* Sum of (seen - expected)^2 / expected. */
double la_chi_square(const int64_t *seen, const double *probability, int64_t cells, int64_t total);
/* Fails when the counts are further from the law than chance allows: chi-square beyond its mean plus
 * five standard deviations (seeds are fixed, so a failure is no accident). */
void la_assert_law(const char *what, const int64_t *seen, const double *probability, int64_t cells);
/* The same for equal probabilities. */
void la_assert_uniform(const char *what, const int64_t *seen, int64_t cells);
/* Fails when the counts agree with a law they should not have. */
void la_refute_law(const char *what, const int64_t *seen, const double *probability, int64_t cells);

#endif
