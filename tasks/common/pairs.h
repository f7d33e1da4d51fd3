/* SPDX-License-Identifier: Apache-2.0
 * Sequences of key-value pairs that are asked for again: what mqar, overwrite and forgetting_mqar share,
 * and what compositional_mqar takes of it. The definitions are the tasks'.
 */
#ifndef LA_PAIRS_H
#define LA_PAIRS_H

#include <stdbool.h>

#include "examples.h"
#include "labench/task.h"

enum { LA_PAIRS_ZERO, LA_PAIRS_NOISE, LA_PAIRS_DISTRACTOR, LA_PAIRS_UNIFORM };
extern const char *const la_pairs_fillers[];
/* Where one example of a sweep asks: anywhere behind the context, or in one of as many parts of that as 64 answers
 * take examples, and the next example in the next. Together they ask alike, but only the last part's examples
 * are to be read to their end. Auto: parts from LA_LONG_TEST on. Weights other than 1 have no parts. */
enum { LA_PAIRS_AUTO, LA_PAIRS_WHOLE, LA_PAIRS_PARTS };
extern const char *const la_pairs_spreads[];
#define LA_PAIRS_SPREAD                                                                            \
    "where one example of a sweep asks; parts: each in its part; auto: from 32k on"
extern const int64_t la_pairs_lengths[]; /* trained on by default; ends with 0 */

typedef struct la_pairs_options {
    int64_t vocab, noise, filler, pairs, eval_pairs, eval_spread;
    double a, eval_a;
    double updates; /* share of the keys written again; 0 for mqar */
} la_pairs_options;

/* The option table of mqar and overwrite; its last row, updates, is overwrite's alone. */
extern const la_option la_pairs_table[];
enum { LA_PAIRS_TABLE_MQAR = 8, LA_PAIRS_TABLE_OVERWRITE = 9 };

/* What sets these tasks apart besides their options. */
typedef struct la_pairs_kind {
    const char *task;
    int version;
    const int64_t *mixed; /* pairs trained on where the option says none; ascending, ends with 0 */
    /* A value written again differs from the one it replaces only, not from all of the example. */
    bool loose;
} la_pairs_kind;
extern const int64_t la_pairs_mixed[]; /* 4, 8, 16, 32 */

/* The members of la_learned and la_task; those that the kind decides have it in front. */
int64_t la_pairs_vocabulary(const void *task_opts);
size_t la_pairs_mixture(const la_pairs_kind *kind, const la_pairs_options *o,
                        const int64_t *lengths, size_t n_lengths, la_shape *out, size_t cap);
la_status la_pairs_shape_at(const la_pairs_kind *kind, const la_pairs_options *o, int64_t T,
                            la_shape *out, la_err *err);
la_status la_pairs_make(const la_pairs_kind *kind, const la_pairs_options *o, uint64_t seed,
                        la_split split, const la_shape *shape, uint64_t index, int32_t *tokens,
                        la_answer *answers, int64_t *n_answers, la_err *err);
la_status la_pairs_check(const la_pairs_kind *kind, const la_pairs_options *o, la_err *err);
double la_pairs_chance(const void *task_opts);
/* "k7", "v31", "." for id 0, "~5" for noise; values and noise are counted from 0, keys from 1. */
const char *la_pairs_word(const void *task_opts, int32_t token, char buf[16]);
/* eval_pairs, eval_a and eval_spread: models do not depend on them. */
extern const char *const la_pairs_asking[];
/* Pairs at a length of the sweep where the option says none: those of training, 16 of a mixture. */
int64_t la_pairs_asked(const la_pairs_options *o);
/* What is asked at each slot of an example: the pair, or -1. The first pairs are asked at the slots drawn first. */
void la_pairs_questions(const la_pairs_options *o, const la_shape *shape, uint64_t stream,
                        uint64_t index, int64_t slots, la_drawn *drawn, int32_t *asked);
/* Of n keys, those that are written a second time. */
int64_t la_pairs_updates(const la_pairs_options *o, int64_t n);

/* Bits of ids, for the keys of an example: (vocab + 7) / 8 bytes. */
void la_pairs_mark(unsigned char *any, int32_t id);
/* Token t of T where nothing is asked, of the kind o->filler; `any` marks the example's keys, for
 * distractors alone. */
int32_t la_pairs_filler(const la_pairs_options *o, const unsigned char *any, uint64_t stream,
                        int64_t t, int64_t T);

#endif
