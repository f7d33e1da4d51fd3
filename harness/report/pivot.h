/* SPDX-License-Identifier: Apache-2.0
 * Tables as papers have them: a row for each variant, a column for each length. Private to the report.
 */
#ifndef LA_PIVOT_H
#define LA_PIVOT_H

#include <stdio.h>

#include "series.h"
#include "text.h"

typedef enum la_pivot_unit {
    LA_PIVOT_TIME,
    LA_PIVOT_BYTES,
    LA_PIVOT_PLAIN,
    LA_PIVOT_ERROR
} la_pivot_unit;

typedef struct la_pivot_kind {
    const char *name, *what; /* what: begins the caption */
    const char *value;       /* of the columns of csv and json: "median_ns" */
    const char *from;        /* a query with y, lo, hi, n, n_rounds and the columns of v_cell */
    const char *group;       /* column that has a table for each of its values */
    la_pivot_unit unit;
    int better; /* -1: the least is best, 1: the most, 0: none is */
    bool ratios;
} la_pivot_kind;

/* One table. */
typedef struct la_pivot {
    const la_pivot_kind *kind;
    char *group;     /* the pass or task; owned */
    la_lines lines;  /* the rows; y is plain: ns, bytes, shares */
    double *columns; /* ascending; owned */
    char **heads;    /* of the columns: "1k"; owned */
    size_t n;
    bool *baseline; /* [row]: computes nothing, and is never the best; owned */
    bool *best;     /* [row * n + column]; owned */
    la_text caption;
} la_pivot;
typedef struct la_pivots {
    la_pivot *v;
    size_t n, cap;
} la_pivots;

/* The tables of a sweep. by: length, pass, dtype, threads, batch, heads, dim, or OWNER.KEY of --set (model,
 * train, a task's or a variant's name). LA_E_ARG for a kind or column that cannot be; where two cells would stand
 * at one place; and where there is nothing by that column. */
la_status la_pivots_load(la_store *store, int64_t sweep_id, const char *what, const char *by,
                         la_pivots *out, la_err *err);
/* Whether there are such tables at all, which needs no sweep: LA_E_ARG with what there is. */
la_status la_pivot_check(const char *what, const char *by, la_err *err);
void la_pivots_release(la_pivots *pivots);
/* The point of a row in the column of x, or NULL. */
const la_point *la_pivot_at(const la_pivot *pivot, size_t row, double x);
/* Whether nothing stands in a row that the mathematics does not forbid. */
bool la_pivot_absent(const la_pivot *pivot, size_t row);

/* format: csv, json, md, latex. bare: md and latex without intervals. */
la_status la_pivots_print(const la_pivots *pivots, const char *by, const char *format, bool bare,
                          FILE *out, la_err *err);

#endif
