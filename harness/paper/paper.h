/* SPDX-License-Identifier: Apache-2.0
 * Tables of papers: what was published, what of it labench can measure, and what must hold. A table is a
 * file of text (docs/reproduce.md has its words); this reads it, finds our values in a store, tests the
 * paper's claims on them and prints both side by side. It measures nothing.
 */
#ifndef LA_PAPER_H
#define LA_PAPER_H

#include <stdbool.h>
#include <stdio.h>

#include "ini_file.h"
#include "store.h"

typedef enum la_paper_scale { LA_SCALE_CPU, LA_SCALE_FULL, LA_SCALE_COUNT } la_paper_scale;
const char *la_scale_name(la_paper_scale scale);
la_status la_scale_parse(const char *word, la_paper_scale *out, la_err *err);

/* Strings are owned by the table; NULL is "not given" unless said otherwise. */
typedef struct la_strings {
    char **v;
    size_t n, cap;
} la_strings;

/* key=value of a `select`; the value may have alternatives ("64|128") and {holes}. */
typedef struct la_selector {
    char *key, *value;
} la_selector;
typedef struct la_selectors {
    la_selector *v;
    size_t n, cap;
} la_selectors;

/* One [sweep]: flags of `labench run` as argv words ("--variants", "softmax,flash", ...). */
typedef struct la_paper_sweep {
    char *name;
    int line;
    bool scales[LA_SCALE_COUNT];
    la_strings words[LA_SCALE_COUNT]; /* without program and command */
} la_paper_sweep;

typedef enum la_measure {
    LA_MEASURE_TIME,
    LA_MEASURE_MS_PER_TOKEN,
    LA_MEASURE_TOKEN_PER_S,
    LA_MEASURE_CALL_PER_S,
    LA_MEASURE_GFLOP_PER_S,
    LA_MEASURE_MEMORY,
    LA_MEASURE_MEMORY_ALL,
    LA_MEASURE_STATE,
    LA_MEASURE_ACCURACY,
    LA_MEASURE_PERCENT,
    LA_MEASURE_SCALED,
    LA_MEASURE_STEPS_TO_90,
    LA_MEASURE_METRIC,
} la_measure;

typedef struct la_tolerance {
    double value;
    bool relative; /* of the published value */
    bool given;
} la_tolerance;

typedef struct la_paper_list { /* list.NAME of a panel */
    char *name;
    la_strings v[LA_SCALE_COUNT]; /* as many as there are columns; "-": not measured there */
} la_paper_list;

typedef struct la_paper_panel {
    char *name, *title, *column_title;
    char *unit; /* where the file gives none, that of the measure; NULL: a pure number */
    int line;
    la_strings columns;
    la_paper_list *lists;
    size_t n_lists, cap_lists;
    int axis; /* index of a list, -1: the columns */
    la_measure measure;
    char *metric;                              /* of LA_MEASURE_METRIC */
    la_selectors select[LA_SCALE_COUNT], base; /* base: n = 0 when not given */
    bool best;                                 /* of the seeds instead of their mean */
    int relative;                              /* row, -1: none */
    bool inverse, published_ratio;
    char *not_comparable[LA_SCALE_COUNT]; /* why; NULL: comparable */
    la_tolerance tolerance;
    char status; /* of its published values; 0: of the table */
} la_paper_panel;

typedef struct la_published {
    char
        *text; /* as it stands in the file: "7.31", "~0.98", "<0.1", ">100", "OOM"; NULL: nothing */
    double value; /* the number in it, a bound too; NaN: a word, or nothing */
} la_published;

typedef struct la_paper_row {
    char *key, *title, *why;
    int line;
    bool measured[LA_SCALE_COUNT]; /* has a `select` there */
    la_selectors select[LA_SCALE_COUNT];
    bool *in_panel;           /* n_panels */
    la_published **published; /* [panel][column]; a panel's may be NULL */
} la_paper_row;

typedef enum la_claim_kind {
    LA_CLAIM_BOUND,
    LA_CLAIM_ORDER,
    LA_CLAIM_TREND,
    LA_CLAIM_SLOPE,
    LA_CLAIM_RATIO,
    LA_CLAIM_CROSSING,
    LA_CLAIM_GAP,
} la_claim_kind;

typedef struct la_paper_claim {
    char *name, *text;
    int line;
    la_claim_kind kind;
    bool scales[LA_SCALE_COUNT];
    bool *panels; /* n_panels */
    size_t *rows; /* in the order given; without `rows` all that are measured at any scale;
                  * those not measured at the scale that is judged do not count */
    size_t n_rows;
    char *columns;    /* as written; NULL: all. Resolved for a panel and scale by la_claim_column */
    double low, high; /* NaN: open. For `crossing` values of the axis */
    int sense;        /* 1 rises, -1 falls, 0 not given (of `order`: -1) */
    bool along_rows;
    la_tolerance slack;
} la_paper_claim;

typedef struct la_paper {
    char *id; /* the file's name without .table */
    char *path;
    char *title, *paper, *place, *page, *source, *error, *recipe, *note;
    char status; /* 'A' 'B' 'V' 'D' 'S' 'M', '-' for none */
    bool scales[LA_SCALE_COUNT];
    char *text[LA_SCALE_COUNT], *tried[LA_SCALE_COUNT];
    la_paper_sweep *sweeps;
    size_t n_sweeps, cap_sweeps;
    la_paper_panel *panels;
    size_t n_panels, cap_panels;
    la_paper_row *rows;
    size_t n_rows, cap_rows;
    la_paper_claim *claims;
    size_t n_claims, cap_claims;
} la_paper;

/* ---- file.c ---- */

/* Reads and checks a file whole: every key known, every name that is used defined, lists as long as
 * the columns, numbers numbers. LA_E_ARG "path:line: what is wrong". Flags of sweeps are checked by
 * whoever runs them. *out is released by la_paper_release, also after a failure. */
la_status la_paper_read(const char *path, la_paper *out, la_err *err);
void la_paper_release(la_paper *paper);
/* Whether column c of a panel is meant by a claim at this scale: those that are not measured at it
 * (a list has "-" there) are not. */
bool la_claim_column(const la_paper_claim *claim, const la_paper_panel *panel, la_paper_scale scale,
                     size_t c);
/* False: a list has "-" for the column at this scale. */
bool la_panel_measures(const la_paper_panel *panel, la_paper_scale scale, size_t c);
/* The number on the axis of a column at this scale ("1k" is 1024); NaN: it has none there. */
double la_panel_axis(const la_paper_panel *panel, la_paper_scale scale, size_t c);
/* Fills {holes} of a selector's value for a column: LA_E_NOTFOUND "not measured at scale cpu" where the
 * list says "-". */
la_status la_panel_fill(const la_paper_panel *panel, la_paper_scale scale, size_t c,
                        const char *value, char *out, size_t cap, la_err *err);

/* ---- papers.c: which tables there are ---- */

/* Path of the i-th table: the folders of LABENCH_PAPER_PATH, then those that came with labench, by name. A
 * name that is there twice counts once, as it is found first. */
bool la_paper_at(size_t i, char *buf, size_t cap);
/* A word of `labench reproduce`: a path with a slash or ending in .table, else the ID of a table that is
 * searched for; LA_E_NOTFOUND with the nearest one. */
la_status la_paper_find(const char *word, char *buf, size_t cap, la_err *err);

/* ---- found.c: our values ---- */

typedef struct la_found {
    double value, lo,
        hi;       /* as printed: in the unit of the panel, relative where it says so; NaN: none */
    double plain; /* before `relative` and `base` */
    double published; /* in the same sense; NaN: none */
    int64_t n;        /* samples or answers behind it */
    int seeds;        /* lo and hi of several are the least and the largest of them */
    char *why;        /* without a value: "nothing stored", "oom_host at 34.4 GiB", ... */
} la_found;

/* `why` of a place that the sweeps of a table, all of them there, have no cell for. */
#define LA_FOUND_NO_CELL "no such cell in the sweeps"

typedef enum la_paper_verdict {
    LA_VERDICT_MATCH,
    LA_VERDICT_TREND,
    LA_VERDICT_MISS,
    LA_VERDICT_NOT_COMPARABLE,
    LA_VERDICT_NOT_RUN,
    LA_VERDICT_NOTHING, /* nothing published, and nothing claimed of it */
} la_paper_verdict;
const char *la_paper_verdict_word(la_paper_verdict verdict);

typedef struct la_claim_result {
    la_paper_verdict verdict; /* TREND, MISS or NOT_RUN */
    char *figure;             /* what was found: "slope 1.98 [1.96, 2.01] of softmax, ..." */
} la_claim_result;

typedef struct la_judged { /* a table beside what was found; owned */
    const la_paper *paper;
    la_paper_scale scale;
    la_found **cells;            /* [panel][row * columns + column] */
    la_paper_verdict **verdicts; /* likewise */
    la_claim_result *claims;
    la_paper_verdict verdict;
    la_strings sweeps;            /* first 8 digits of those the values are from */
    char *machine, *date, *build; /* of them: in words */
} la_judged;

/* Looks our values up in these sweeps (ids, one for each sweep of the file that runs at this scale, 0:
 * not there; others may be there too) and judges. A store of NULL has nothing. LA_E_ARG "path:line: ..." where two cells match one
 * place. *out is released by la_judged_release, also after a failure. */
la_status la_paper_judge(const la_paper *paper, la_paper_scale scale, la_store *store,
                         const int64_t *sweeps, size_t n_sweeps, la_judged *out, la_err *err);
void la_judged_release(la_judged *judged);

/* ---- print.c ---- */

/* format: text (width columns, 0: no limit), md, csv, latex (booktabs), json. commands: one line each, how
 * the sweeps are measured. */
la_status la_paper_print(const la_judged *judged, const la_strings *commands, const char *format,
                         int width, FILE *out, la_err *err);
/* One line a claim for a summary table in Markdown: table, claim, verdict, figure. */
la_status la_paper_print_claims(const la_judged *judged, FILE *out, la_err *err);

/* ---- plot.c ---- */

/* Ours against published as dir/ID.svg and .png, with .gp and .dat; dir is there. *drawn is false, and nothing
 * written, where no value has both. Without gnuplot LA_E_ENV, as of la_report_plots. */
la_status la_paper_plot(const la_judged *judged, const char *dir, bool *drawn, la_err *err);

/* ---- shared ---- */
la_status la_strings_add(la_strings *strings, const char *s, size_t len, la_err *err);
void la_strings_release(la_strings *strings);

#endif
