/* SPDX-License-Identifier: Apache-2.0
 * Rows of a figure's query as lines: who belongs together, what tells them apart, how they look.
 */
#ifndef LA_SERIES_H
#define LA_SERIES_H

#include <stdbool.h>

#include "query.h"
#include "report.h"

/* What may tell two lines of one variant apart; a column of the query each (absent: ""). */
typedef enum la_axis {
    LA_AXIS_IMPL,
    LA_AXIS_DTYPE,
    LA_AXIS_BATCH,
    LA_AXIS_HEADS,
    LA_AXIS_KV_HEADS,
    LA_AXIS_QK_HEADS,
    LA_AXIS_DK,
    LA_AXIS_DV,
    LA_AXIS_THREADS,
    LA_AXIS_OPTIONS,
    LA_AXIS_TASK_OPTIONS,
    LA_AXIS_MODEL,
    LA_AXIS_TRAIN,
    LA_AXIS_LENGTH,
    LA_AXIS_CACHE,
    LA_AXIS_DEVICE,
    LA_AXIS_MASK,
    LA_AXIS_MEASURE, /* what of it: "resident" beside the workspace */
    LA_AXIS_SOURCE,  /* no column: the sweep, where there are several */
    LA_AXIS_COUNT
} la_axis;

typedef struct la_point {
    double x, y, lo, hi; /* y NaN where there is no number; lo, hi NaN where there is no interval */
    double size;         /* of the point: tokens; NaN where the figure has no sizes */
    int64_t n, rounds;
    char *outcome, *message; /* owned; message may be NULL */
    char *seeds;             /* owned; values of y of each seed, separated by spaces; may be NULL */
} la_point;

typedef struct la_series {
    char *variant, *label; /* owned */
    char *axis[LA_AXIS_COUNT];
    size_t source;      /* place of its sweep */
    const char *colour; /* "#0072b2"; static. These three are gnuplot's */
    int dash, shape;
    bool marked;      /* has the rarer mask: a dagger in the label */
    double exponent;  /* NaN: not fitted */
    la_point *points; /* ascending x */
    size_t n, cap;
} la_series;

typedef struct la_lines {
    la_series *v;
    size_t n, cap;
    size_t sources;
    bool varies[LA_AXIS_COUNT]; /* within a variant of one source: in the label */
    bool mixed[LA_AXIS_COUNT];  /* anywhere: not in the caption */
} la_lines;

/* Runs `sql` with the sweep's id as ?1 and `which` (may be NULL) as ?2. Its columns: variant, x, y, and any of lo, hi, n, n_rounds,
 * outcome, message and the axes. Rows of one line need not be adjacent. */
la_status la_lines_load(la_store *store, int64_t sweep_id, const char *sql, const char *which,
                        la_lines *out, la_err *err);
/* The same of several sweeps; `which` has one for each, or is NULL. Their names are in the labels. */
la_status la_lines_load_all(const la_source *sources, size_t n, const char *sql,
                            const char *const *which, la_lines *out, la_err *err);
void la_lines_release(la_lines *lines);
/* The line that the query's present row belongs to, or NULL. */
const la_series *la_lines_match(const la_lines *lines, la_query *query);
/* Exponent of y over x in each line: the longest range of a factor 16 that ends at the last point
 * with a number, three points at least. */
void la_lines_fit(la_lines *lines);
/* Gives a line its colour and filled point by its variant's name, and its dash by the place of its impl
 * among the variant's; `line` numbers the lines that have both in common, each of which looks different. */
void la_series_look(la_series *series, int impl, int line);
/* For figures of points, where no dash tells lines of one colour and point apart: gives the later ones other points. */
void la_lines_points_apart(la_lines *lines);

/* Ok, with a number? */
bool la_point_good(const la_point *point);
/* "OOM", "timeout", "wrong", "NaN", "crash", ... for a mark; NULL when the outcome needs none (ok,
 * planned, unsupported). */
const char *la_outcome_mark(const char *outcome);

#endif
