/* SPDX-License-Identifier: Apache-2.0
 * A database in a folder of its own, a plan made by hand, and runs of it.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "query.h"
#include "run.h"

typedef struct scratch {
    char dir[64], db[80];
} scratch;

void scratch_make(scratch *s); /* a new folder */
void scratch_remove(scratch *s);

/* One forward cell of `variant` with T tokens, one head of 8. */
la_status scratch_add(la_plan *plan, const char *variant, int64_t T, int rounds, la_err *err);
/* Likewise for any pass; LA_EVAL is the probe `recall`. */
la_status scratch_add_pass(la_plan *plan, const char *variant, la_pass pass, int64_t T, int rounds,
                           la_err *err);
/* Cells of `mqar` that train models of one block of 16 and one thread for `steps` on 64 tokens, and evaluate
 * them at 64 and 256. Lists as in a command. */
la_status scratch_models(la_plan *plan, const char *variants, const char *rates, const char *steps,
                         int seeds, la_err *err);
la_run_settings scratch_settings(void); /* short: 20 ms of samples, 256 MiB */

/* Keeps reference rows beside the database, for runs that are killed and cannot tidy up. */
void scratch_cache_beside(const char *db, la_run_settings *settings, char dir[80]);

/* The rows that a sweep hangs on, and its cells, in an open database. */
la_status scratch_prepare(la_store *store, la_plan *plan, int64_t *sweep, la_err *err);
/* Opens the database, continues the open sweep or begins one, runs the plan, ends the sweep when it
 * was run to its end. */
la_status scratch_run(const char *db, la_plan *plan, const la_run_settings *settings,
                      size_t totals[LA_OUTCOME_COUNT], la_err *err);

la_status scratch_run_with(const char *db, la_plan *plan, const la_run_settings *settings,
                           la_run_listener listener, void *context, size_t totals[LA_OUTCOME_COUNT],
                           la_err *err);

void scratch_execute(const char *db, const char *sql);
/* The first number of a query, by SQLite alone; -1 when there is none. */
int64_t scratch_number(const char *db, const char *sql);
/* "ok" of integrity_check and nothing from foreign_key_check. */
bool scratch_is_sound(const char *db);
/* Processes that run this program as a worker. */
int scratch_workers(void);
/* Until there are n of them; fails after a minute. One that is killed is there until it has been given the time to
 * end, which a busy machine takes its own for. */
void scratch_wait_for_workers(int n);

#endif
