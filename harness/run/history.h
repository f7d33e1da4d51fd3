/* SPDX-License-Identifier: Apache-2.0
 * What earlier sweeps of a device, in the same database, say of how long calls take.
 */
#ifndef LA_HISTORY_H
#define LA_HISTORY_H

#include "plan.h"

typedef struct la_history la_history;

/* The newest cells of a device that have a time. */
la_status la_history_read(la_store *store, int64_t device_id, la_history **out, la_err *err);
void la_history_free(la_history *history); /* accepts NULL */
/* Fills usual_s (and usual_steps) of the plan's cells: from a cell of the same key the time of its call
 * itself; else, for kernels and trainings, from the one of the same variant, impl, pass, type and threads
 * that is nearest in cost, carried over by cost. Newer sweeps are believed before older ones; a cell that
 * nothing is known of keeps what it has. NULL: nothing is known. */
void la_history_apply(const la_history *history, la_plan *plan);

#endif
