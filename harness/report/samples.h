/* SPDX-License-Identifier: Apache-2.0
 * The samples that a cell's summary rests on. Private to the report.
 */
#ifndef LA_SAMPLES_H
#define LA_SAMPLES_H

#include "stats.h"
#include "store.h"

/* Times of one call of a cell, ns, round after round. */
typedef struct la_samples {
    int64_t cell;
    double *x; /* owned, as round_n */
    size_t n, cap;
    size_t *round_n;
    size_t rounds, rounds_cap;
} la_samples;

/* Of the attempts that count; none where the cell is not ok. */
la_status la_samples_read(la_store *store, int64_t cell, la_samples *out, la_err *err);
void la_samples_release(la_samples *s); /* accepts zeroed */

#endif
