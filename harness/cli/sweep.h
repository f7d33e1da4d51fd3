/* SPDX-License-Identifier: Apache-2.0
 * A planned sweep carried out: the database, the start, the run, the end.
 */
#ifndef LA_CLI_SWEEP_H
#define LA_CLI_SWEEP_H

#include "estimate.h"
#include "run_args.h"

/* From args to a plan: device, plugins, cells, and whether any of them fits into memory. */
la_status la_run_prepare(la_run_args *args, la_plan *plan, la_device *device, la_err *err);
/* The plan as a sweep of a store, with nothing measured: what a table of a paper would find. */
la_status la_sweep_rehearse(la_plan *plan, la_run_args *args, const la_device *device,
                            la_store *store, int64_t *id, la_err *err);
void la_run_tell_notes(const la_text *notes);
/* Runs or continues; returns the exit code. */
int la_sweep_run(int argc, char **argv, la_plan *plan, la_run_args *args, const la_device *device);
/* "96 cells x 3 rounds ... estimate 38 min, worst case 2 h 10 min; ..." on stderr. */
void la_sweep_estimate_line(const la_plan *plan, const la_run_args *args,
                            const la_estimate *estimate);

/* What of the plan an unfinished sweep of a store has that these flags would continue: its name ("": there is
 * none), attempts that are done, and all; fills `done` of the cells. */
la_status la_sweep_progress(la_store *store, la_plan *plan, const la_run_args *args, char name[9],
                            size_t *done, size_t *all, la_err *err);
void la_sweep_continue_line(const la_run_args *args, const char *name, size_t done, size_t all);

#endif
