/* SPDX-License-Identifier: Apache-2.0
 * How long and how large a plan will be, before anything of it runs.
 */
#ifndef LA_CLI_ESTIMATE_H
#define LA_CLI_ESTIMATE_H

#include "run.h"

typedef struct la_estimate {
    double seconds, worst_seconds;
    size_t device_memory; /* of a CUDA device, likewise; 0: none */
    size_t memory;        /* the largest worker that will run, or those beside */
    size_t runs, done, refused, too_large, too_slow; /* cells; done: all rounds of an earlier run */
} la_estimate;

/* Fills predicted_s of the cells that run, and counts who shares references. What was learned from earlier
 * sweeps (la_history_apply) is used where it is there. */
la_status la_estimate_plan(la_plan *plan, const la_run_settings *settings, la_estimate *out,
                           la_err *err);
/* The same for one cell: false when it would be left out, with the outcome. */
bool la_estimate_runs(const la_cell *cell, const la_run_settings *settings, la_outcome *why);

#endif
