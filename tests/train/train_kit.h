/* SPDX-License-Identifier: Apache-2.0
 * What the end-to-end tests of training share: a task learned by a variant in a temporary folder, and
 * read back at other lengths.
 */
#ifndef TRAIN_KIT_H
#define TRAIN_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "train.h"

typedef struct la_trial {
    const char *variant, *task;
    const char *settings; /* "task.pairs=4 model.conv=0 train.steps=200 variant.C=16" */
    int64_t lengths[16];  /* trained on; none: the task's */
    uint64_t seed;
} la_trial;

typedef struct la_trained {
    la_train_config config;
    la_model_opts model;
    la_train_opts train;
    void *variant_opts, *task_opts;
    la_device device;
    char dir[64];
    la_train_result result;
} la_trained;

/* Trains; fails the test where training fails. Prints what it took, for who reads the log. */
void la_trial_run(const la_trial *trial, la_trained *out);
void la_trained_release(la_trained *t);
/* Share of right answers over `examples` of the test split. */
double la_trained_accuracy(la_trained *t, la_shape shape, int64_t examples);
/* The same at a length of a sweep. */
double la_trained_accuracy_at(la_trained *t, int64_t T, int64_t examples);

#endif
