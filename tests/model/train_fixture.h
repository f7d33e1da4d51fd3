/* SPDX-License-Identifier: Apache-2.0
 * A small learned task of the tests' own, and configurations to train on it.
 */
#ifndef LA_TRAIN_FIXTURE_H
#define LA_TRAIN_FIXTURE_H

#include "train.h"

/* n pairs of a key (1..V/2-1) and a value (V/2..V-1) one after the other, then the keys again at random
 * places of the rest, token 0 between them. */
typedef struct pairs_opts {
    int64_t V, n;
} pairs_opts;
extern const la_task pairs_task;

typedef struct fixture {
    la_train_config config;
    la_model_opts model;
    la_train_opts train;
    pairs_opts task_opts;
    la_device device;
    char variant_opts[256];
} fixture;

/* Defaults of every option; T as the only length; d_model 16 and 2 heads, vocabulary 16, n 2. */
void fixture_init(fixture *f, const char *variant, int64_t T);
/* "model.layers=3", "train.lr=0.1", "variant.r=4"; fails the test when refused. */
void fixture_set(fixture *f, const char *assignment);

#endif
