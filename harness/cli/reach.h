/* SPDX-License-Identifier: Apache-2.0
 * What this machine reaches, for estimates of sweeps that are not begun.
 */
#ifndef LA_CLI_REACH_H
#define LA_CLI_REACH_H

#include "estimate.h"
#include "history.h"

typedef struct la_reach {
    double flops; /* f32, with so many threads, at most */
    int threads;
    la_history *history; /* owned; NULL: none */
} la_reach;

/* From the store (may be NULL); a peak that it does not know is measured in a moment. */
la_status la_reach_find(la_store *store, la_reach *out, la_err *err);
void la_reach_release(la_reach *reach);
/* Gives the settings the peak, and estimates the plan by it and by the history. */
la_status la_reach_estimate(const la_reach *reach, la_plan *plan, la_run_settings *settings,
                            la_estimate *out, la_err *err);

#endif
