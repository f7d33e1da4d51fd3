/* SPDX-License-Identifier: Apache-2.0
 * What a person sees of a sweep: the table at its end, its texts, its figures. Everything is read
 * from the store; nothing here knows how to run anything.
 */
#ifndef LA_REPORT_H
#define LA_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "store.h"
#include "text.h"

/* The table at the end of a sweep: a row per variant and length, outcome words in place of numbers,
 * then the warnings by kind. width: columns of the terminal, 0: no limit (not a terminal). */
la_status la_report_table(la_store *store, int64_t sweep_id, FILE *out, int width, la_err *err);

/* `labench show`: what is a sweep's name (uuid prefix, "last" or ""), or at least 4 hex digits of a
 * cell's key. LA_E_NOTFOUND when it is neither. */
la_status la_report_show(la_store *store, const char *what, FILE *out, int width, la_err *err);
/* The same as one JSON object of rows, with the names of the database: "sweeps", "warnings", "cells" and "times" of a
 * sweep; else "cells" and "models" with the rows of their attempts, samples, metrics, curves. */
la_status la_report_show_json(la_store *store, const char *what, FILE *out, la_err *err);

/* `labench list sweeps`: one line each, newest last. */
la_status la_report_sweeps(la_store *store, FILE *out, la_err *err);

/* Kinds of figures, in the order of `labench plot all`: "time", "throughput", ... */
size_t la_plot_count(void);
const char *la_plot_name(size_t i);
/* The name, or "" where a list has it already: several figures may have one name. */
const char *la_plot_heading(size_t i);
const char *la_plot_summary(size_t i);

/* LA_E_ARG with the nearest one where a name is of no kind. */
la_status la_plot_check(const char *const *names, size_t n, la_err *err);

typedef struct la_plots { /* what la_report_plots did */
    size_t drawn;         /* figures (each an svg, a png, a .gp and a .dat) */
    size_t empty;         /* kinds for which the sweep has no data: nothing was written */
    size_t without;       /* names asked for of which nothing was drawn */
} la_plots;

/* Draws the kinds (n = 0: all that have data) into dir, which is made when missing. Files appear
 * whole or not at all. The same rows give the same bytes. When gnuplot is missing or fails, .gp and
 * .dat are there and LA_E_ENV is returned with the line to type. An unknown kind is LA_E_ARG with
 * the nearest one. done (may be NULL) is told each figure's path without its ending. */
la_status la_report_plots(la_store *store, int64_t sweep_id, const char *const *kinds, size_t n,
                          const char *dir, void (*done)(const char *stem, void *context),
                          void *context, la_plots *out, la_err *err);

/* A sweep of a figure. name: what tells its lines from those of the others, where there are several. */
typedef struct la_source {
    la_store *store; /* borrowed */
    int64_t sweep;
    const char *name;
} la_source;

typedef struct la_plot_how {
    const char *base; /* of `speedup`: a variant; NULL: softmax or flash, where there is one */
    int64_t length;   /* of `samples`; 0: the longest that most have */
    bool resident;    /* `memory` with what resident memory grew by */
    bool pdf, tikz;   /* beside svg and png */
} la_plot_how;

/* The same for lines of several sweeps in one figure, in the order given. Kinds that show one sweep alone
 * count as empty, and are refused where they are asked for by name. how may be NULL. */
la_status la_report_draw(const la_source *sources, size_t n_sources, const char *const *kinds,
                         size_t n, const la_plot_how *how, const char *dir,
                         void (*done)(const char *stem, void *context), void *context,
                         la_plots *out, la_err *err);

/* The sweep as one HTML file: answers by length, map, figures, every cell, warnings, failures, method,
 * environment. It needs no network and can be read without its script; the same rows give the same bytes.
 * The text is added to nothing: what `out` held is released. */
la_status la_report_html(la_store *store, int64_t sweep_id, la_text *out, la_err *err);
/* The same into a file, which appears whole or not at all; its folder is made when missing. */
la_status la_report_html_file(la_store *store, int64_t sweep_id, const char *path, la_err *err);

/* Tables of trained models: accuracy by length for each task, and how they were trained. Nothing where
 * the sweep trained none. */
la_status la_report_learned(la_store *store, int64_t sweep_id, FILE *out, int width, la_err *err);
/* For each task of a sweep over difficulties the accuracy of every step, and their mean. */
la_status la_report_difficulty(la_store *store, int64_t sweep_id, FILE *out, int width,
                               la_err *err);

#endif
