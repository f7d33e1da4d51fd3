/* SPDX-License-Identifier: Apache-2.0
 * A small learned task of the tests' own, and configurations to train on it.
 */
#ifndef LA_TRAIN_FIXTURE_H
#define LA_TRAIN_FIXTURE_H

#include "train.h"

/* n pairs of a key (1..V/2-1) and a value (V/2..V-1) one after the other, then the keys again at random
 * places of the rest, token 0 between them. What is asked:
 *   head 0   the value at each key's second place, of group `even` or `odd` by that place; with `also` the
 *            value at its first place too, in training alone
 *   head 1   class: the sum of the values modulo 5, at the last token; 2: at the mean of all
 *   head 3   decoder: the n pairs
 * `ask` decides nothing, and only asks. */
typedef struct pairs_opts {
    int64_t V, n, head, also, ask;
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
