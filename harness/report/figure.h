/* SPDX-License-Identifier: Apache-2.0
 * Kinds of figures, and how rows become the text of a .dat and a .gp. Private to the report.
 */
#ifndef LA_FIGURE_H
#define LA_FIGURE_H

#include "series.h"
#include "text.h"

typedef enum la_yscale {
    LA_SCALE_TIME,  /* log10, ns */
    LA_SCALE_BYTES, /* log2, bytes */
    LA_SCALE_ERROR, /* log10, plain numbers */
    LA_SCALE_RATE,  /* linear from 0 */
    LA_SCALE_PART,  /* linear, 0 to 1 */
} la_yscale;

typedef enum la_xscale {
    LA_X_COUNT,   /* log2, plain counts */
    LA_X_LENGTH,  /* log2, ticks 1k 2k ... */
    LA_X_STEP,    /* linear from 0 */
    LA_X_THREADS, /* linear from 0, whole numbers */
    LA_X_RATIO,   /* log10, plain numbers */
    LA_X_TIME,    /* log10, ns */
    LA_X_BYTES,   /* log2, bytes */
} la_xscale;

typedef enum la_map { /* what the boxes of a map hold */
                      LA_MAP_ACCURACY,
                      LA_MAP_TIME,
                      LA_MAP_RATIO,  /* times faster than a base */
                      LA_MAP_WINNER, /* who is fastest */
} la_map;

typedef struct la_kind la_kind;
/* What the figures of one call share. */
typedef struct la_view {
    const la_source *sources; /* n of them; the first is the one that `alone` kinds show */
    size_t n;
    la_plot_how how;
    const char *title; /* of the present figure */
} la_view;
/* The texts of one figure. `which` is one of kind->tasks, NULL where the kind has none. *empty: no sweep
 * has data for it, and nothing was written. `stem` names its files. */
typedef la_status (*la_figure)(const la_view *view, const la_kind *kind, const char *which,
                               const char *stem, la_text *dat, la_text *gp, bool *empty,
                               la_err *err);

struct la_kind {
    const char *name, *summary, *title, *what; /* what: begins the caption */
    /* rules: lines (label, y and, where they are not horizontal, slope); may be NULL. Where tasks is
     * given, ?2 is a task. */
    const char *sql, *rules, *gp;
    const char *resident; /* instead of sql, with how.resident; may be NULL */
    /* Where given, ?2 of `sql` is what it writes of the task instead, a JSON array. */
    la_status (*rows)(la_store *store, int64_t sweep_id, const char *task, la_text *json,
                      la_err *err);
    /* Query of the tasks to draw, one figure each; NULL: one figure. Where its first column is no task, two
     * more, `stem` and `title`, name the figure. */
    const char *tasks;  /* ?2: how.base, ?3: how.length, ?4: title */
    la_figure figure;   /* NULL: lines */
    const char *suffix; /* of the file's stem, where one name stands for several figures; or NULL */
    la_yscale scale;
    la_xscale x;
    bool fit, guides; /* exponents in the labels; lines T and T^2 */
    bool front;       /* points, and the steps of those that nothing is better than */
    bool sizes;       /* points, the larger the longer (column `size`, tokens) */
    bool alone;       /* of one sweep, never of several */
    la_map map;       /* of la_figure_heat */
    bool counts;      /* the caption says by which cost model operations were counted */
    bool table;       /* no figure: intervals stand in brackets, and not as bars */
};

extern const la_kind la_kinds[];
extern const size_t la_kinds_len;
extern const char la_plot_style[]; /* style.gp, shared by all */

la_status la_figure_lines(const la_view *view, const la_kind *kind, const char *task,
                          const char *stem, la_text *dat, la_text *gp, bool *empty, la_err *err);
la_status la_figure_outcomes(const la_view *view, const la_kind *kind, const char *task,
                             const char *stem, la_text *dat, la_text *gp, bool *empty, la_err *err);
la_status la_figure_samples(const la_view *view, const la_kind *kind, const char *which,
                            const char *stem, la_text *dat, la_text *gp, bool *empty, la_err *err);
la_status la_figure_heat(const la_view *view, const la_kind *kind, const char *which,
                         const char *stem, la_text *dat, la_text *gp, bool *empty, la_err *err);

/* Facts under a figure: "Median ..., 2 threads, f32 ... Sweep 7f3a1b2c, ...". Plain text. */
la_status la_figure_caption(const la_view *view, const la_kind *kind, const la_lines *lines,
                            la_text *out, la_err *err);
/* Comment lines at the head of a .dat: sweeps, machines, builds, query. */
la_status la_figure_head(const la_view *view, const la_kind *kind, la_text *dat, la_err *err);

/* A single-quoted gnuplot string: quotes doubled, control bytes and backslashes replaced, and the
 * marks of gnuplot's enhanced text escaped. In double quotes gnuplot would run what is between
 * backticks; in single quotes it does not. */
void la_gp_quote(la_text *out, const char *text);
/* One field of a .dat between double quotes, which gnuplot reads as data only. */
void la_dat_quote(la_text *out, const char *text);
/* "7.31 µs": la_format_ns with the sign that figures have. */
const char *la_gp_time(double ns, char buf[32]);
/* Replaces @NAME@ in a template by values; names and values in pairs, ended by NULL. */
void la_gp_fill(la_text *out, const char *gp, const char *const *pairs);
/* The caption as `set label` commands, wrapped, in a figure `height` pixels high; returns the number of lines. */
int la_gp_caption(la_text *out, const char *caption, double height);
int la_gp_caption_lines(const char *caption);

enum { LA_FIGURE_WIDTH = 720, LA_FIGURE_HEIGHT = 470 };
#endif
