/* SPDX-License-Identifier: Apache-2.0
 * What the files that merge databases share.
 */
#ifndef LA_STORE_MERGE_H
#define LA_STORE_MERGE_H

#include "rows.h"

typedef struct la_merger {
    la_store *in, *out;
    la_row_ids machine, device, build, variant, model; /* numbers of `in` in `out` */
    la_merged *counts;
} la_merger;

/* merge_sweep.c: the sweep that a row of `in` belongs to in `out`, made when there is none. */
la_status la_merge_sweep_target(la_merger *m, sqlite3_stmt *row, int64_t *target, la_err *err);
/* After its cells: whether the sweep is done, from when to when it ran. */
la_status la_merge_sweep_settle(la_merger *m, sqlite3_stmt *row, int64_t target, la_err *err);
/* LA_E_DB: a file that is merged into holds no shares itself. */
la_status la_merge_refuse_shares(la_store *out, la_err *err);

#endif
