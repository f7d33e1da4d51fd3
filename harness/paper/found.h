/* SPDX-License-Identifier: Apache-2.0
 * Our values of a table: which stored cells it means, and what they say. Private to the tables of papers.
 */
#ifndef LA_PAPER_FOUND_H
#define LA_PAPER_FOUND_H

#include "paper.h"

/* One cell of the store. Texts and options are owned. */
typedef struct la_stored {
    int64_t cell, sweep;
    char *key, *outcome, *message;
    char *column[13];         /* as la_stored_columns names them */
    struct cJSON *options[4]; /* of variant, task, model, training; NULL where there are none */
    double n, ns, lo_ns, hi_ns, tokens, flop; /* of a call; NaN: not known */
    double extra, all, state;                 /* bytes */
} la_stored;
typedef struct la_stored_cells {
    la_stored *v;
    size_t n, cap;
} la_stored_cells;

/* All cells of these sweeps (0: none there). */
la_status la_stored_read(la_store *store, const int64_t *sweeps, size_t n_sweeps,
                         la_stored_cells *out, la_err *err);
void la_stored_release(la_stored_cells *cells);

enum { LA_STORED_ALTERNATIVES = 64 };
/* The cells that selectors with no holes left mean, one for each combination of alternatives, NULL where
 * none is stored; *n: combinations. Keys that are not among them are found by what the panel measures.
 * LA_E_ARG where two different cells match: the message says in what they differ. */
la_status la_stored_find(const la_stored_cells *cells, const la_selectors *picks,
                         la_measure measure, const la_stored *out[LA_STORED_ALTERNATIVES],
                         size_t *n, la_err *err);

/* What a cell says in the unit of the panel: value, lo, hi, n, seeds, or why not. */
la_status la_stored_value(la_store *store, const la_stored *cell, const la_paper_panel *panel,
                          la_found *out, la_err *err);

/* Fills judged->cells, ->sweeps, ->machine, ->date and ->build. */
la_status la_found_all(la_store *store, const int64_t *sweeps, size_t n_sweeps, la_judged *judged,
                       la_err *err);

#endif
