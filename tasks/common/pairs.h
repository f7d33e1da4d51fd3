/* SPDX-License-Identifier: Apache-2.0
 * Sequences of key-value pairs that are asked for again: what mqar and overwrite share. The definition
 * stands in tasks/mqar/mqar.c; a share of keys written again in tasks/overwrite/overwrite.c.
 */
#ifndef LA_PAIRS_H
#define LA_PAIRS_H

#include "labench/task.h"

enum { LA_PAIRS_ZERO, LA_PAIRS_NOISE, LA_PAIRS_DISTRACTOR, LA_PAIRS_UNIFORM };
extern const char *const la_pairs_fillers[];
extern const int64_t la_pairs_lengths[]; /* trained on by default; ends with 0 */

typedef struct la_pairs_options {
    int64_t vocab, noise, filler, pairs, eval_pairs;
    double a, eval_a;
    double updates; /* share of the keys written again; 0 for mqar */
} la_pairs_options;

/* The option table of both; its last row, updates, is overwrite's alone. */
extern const la_option la_pairs_table[];
enum { LA_PAIRS_TABLE_MQAR = 7, LA_PAIRS_TABLE_OVERWRITE = 8 };

/* The members of la_learned and la_task with the task's name and its version in front. */
int64_t la_pairs_vocabulary(const la_pairs_options *o);
size_t la_pairs_mixture(const la_pairs_options *o, const int64_t *lengths, size_t n_lengths,
                        la_shape *out, size_t cap);
la_status la_pairs_shape_at(const char *task, const la_pairs_options *o, int64_t T, la_shape *out,
                            la_err *err);
la_status la_pairs_make(const char *task, int version, const la_pairs_options *o, uint64_t seed,
                        la_split split, const la_shape *shape, uint64_t index, int32_t *tokens,
                        la_answer *answers, int64_t *n_answers, la_err *err);
la_status la_pairs_check(const char *task, const la_pairs_options *o, la_err *err);
double la_pairs_chance(const la_pairs_options *o);
/* "k7", "v31", "." for id 0, "~5" for noise; values and noise are counted from 0, keys from 1. */
const char *la_pairs_word(const la_pairs_options *o, int32_t token, char buf[16]);
/* eval_pairs and eval_a: models do not depend on them. */
extern const char *const la_pairs_asking[];
/* Of n keys, those that are written a second time. */
int64_t la_pairs_updates(const la_pairs_options *o, int64_t n);

#endif
