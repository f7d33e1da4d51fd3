/* SPDX-License-Identifier: Apache-2.0
 * Sequences whose every token is the answer at the one before: training asks for all of them, the other
 * splits only for what earlier tokens decide. And running pairs, what mad_recall and mad_noisy_recall
 * share: key value key value ..., where a key that returns brings its value again.
 */
#ifndef LA_RUNNING_H
#define LA_RUNNING_H

#include <stdbool.h>

#include "labench/task.h"

/* Answers in the making. */
typedef struct la_asked {
    la_answer *out;
    int64_t n;
    bool all; /* training: tokens that nothing decides are asked for too, and not scored */
} la_asked;
/* The token `label` comes next after a position; `distance` back from that position it stood as the answer
 * of the same question before, 0: never. */
void la_ask_next(la_asked *asked, int64_t position, int32_t label, int64_t distance);

typedef struct la_running_options {
    int64_t vocab, noise_vocab;
    double noise; /* share of the pairs that are noise; 0 for mad_recall */
} la_running_options;

/* The members of la_learned and la_task with the task's name and its version in front. */
la_status la_running_shape_at(const char *task, int64_t T, la_shape *out, la_err *err);
la_status la_running_make(const char *task, int version, const la_running_options *o, uint64_t seed,
                          la_split split, const la_shape *shape, uint64_t index, int32_t *tokens,
                          la_answer *answers, int64_t *n_answers, la_err *err);
la_status la_running_check(const char *task, const la_running_options *o, la_err *err);
double la_running_chance(const void *task_opts);
const char *la_running_word(const void *task_opts, int32_t token, char buf[16]);

#endif
