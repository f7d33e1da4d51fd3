/* SPDX-License-Identifier: Apache-2.0
 * Which of the models that were trained an evaluation takes.
 */
#ifndef LA_CHOICE_H
#define LA_CHOICE_H

#include "plan.h"

typedef struct la_choice {
    bool found;    /* a model of this round's seed is there */
    double lr;     /* that validates best, mean over the seeds; the smaller of equals */
    char why[256]; /* not found: what became of the training, as a sentence */
} la_choice;

/* For an evaluation cell of the plan: reads what the store holds of the cells that train its group, so
 * that a sweep that is continued chooses the same. A seed that could not be trained counts 0. */
la_status la_choice_make(la_store *store, const la_plan *plan, const la_cell *eval, int round,
                         la_choice *out, la_err *err);

#endif
