/* SPDX-License-Identifier: Apache-2.0
 * Where things stand in a figure of lines: ranges, margins, ticks, and labels kept apart. Pixels
 * are those of the svg, y upwards from the bottom. Private to the report.
 */
#ifndef LA_CANVAS_H
#define LA_CANVAS_H

#include "figure.h"

typedef struct la_mark { /* a failure, in the band above the data */
    const la_series *series;
    const la_point *point;
    char text[96]; /* "softmax: OOM at 64k" */
    double px, py;
    bool to_left; /* the text stands left of the mark */
} la_mark;

/* A line's place in the key, which stands right of the plot in the order of the lines' ends. */
typedef struct la_tag {
    const la_series *series;
    double x, y;   /* the line's end, data */
    double px, py; /* of the key's piece of line, LA_KEY_PX wide; the name is behind it */
    bool leader;   /* a thin line leads there from the end */
} la_tag;
enum { LA_KEY_PX = 26 };

enum { LA_MAX_RULES = 8 };
typedef struct la_rule { /* a horizontal line, or y = slope x up to y */
    char label[64];
    double y, at;       /* at: of the name, part of the width */
    double slope;       /* 0: horizontal, from where the steepest slope meets it */
    size_t source;      /* place of its sweep */
    bool inside, below; /* below: the name stands under the line */
    bool to_left;       /* `at` is where the name ends */
} la_rule;

typedef struct la_canvas {
    double xlo, xhi, ylo, yhi, data_hi; /* data_hi: where the band of failures begins */
    double last_x;                      /* with any point */
    double size_lo, size_hi;            /* of the points: tokens */
    bool ylog, xlog;
    double height;                   /* of the figure, pixels: more where there are many lines */
    double left, right, bottom, top; /* of the plot, pixels */
    la_rule rules[LA_MAX_RULES];
    size_t n_rules;
    la_mark *marks;
    size_t n_marks;
    la_tag *tags;
    size_t n_tags;
    int band_rows;
} la_canvas;

/* From the lines and rules: the ranges, and which rules lie inside. */
void la_canvas_ranges(la_canvas *c, const la_kind *kind, const la_lines *lines);
/* Margins, marks and labels; `below` lines of caption stand at the bottom. */
la_status la_canvas_layout(la_canvas *c, const la_kind *kind, const la_lines *lines, int below,
                           la_err *err);
void la_canvas_release(la_canvas *c);

double la_canvas_px(const la_canvas *c, double x);
double la_canvas_py(const la_canvas *c, double y);
double la_canvas_y_at(const la_canvas *c, double py);
/* Where a flat roof begins, as a part of the width: where the steepest slope meets it. 0: there is none. */
double la_canvas_roof(const la_canvas *c, const la_rule *roof);
/* Pixels that text of this many bytes takes, about. */
double la_text_px(const char *text, double font);

enum { LA_MAX_TICKS = 128 };
typedef struct la_ticks {
    struct la_tick {
        double at;
        char label[32]; /* of gnuplot's enhanced text: 10^{-3}; "" where minor */
        bool minor;
    } v[LA_MAX_TICKS];
    size_t n;
} la_ticks;
void la_canvas_xticks(const la_canvas *c, const la_kind *kind, la_ticks *out);
void la_canvas_yticks(const la_canvas *c, const la_kind *kind, la_ticks *out);
/* Pixels by which lines that would lie upon one another stand apart; 0: they do not. */
double la_canvas_hair(const la_kind *kind, const la_lines *lines);
typedef struct la_stroke { /* from, to: data */
    double x0, y0, x1, y1;
} la_stroke;
/* A rule with a slope, from the left edge or the bottom up to its y. */
la_stroke la_canvas_slope(const la_canvas *c, const la_rule *rule);
/* The line of slope p (1, 2) from the lower left corner, clipped to the data's part. */
la_stroke la_canvas_guide(const la_canvas *c, int p);
/* Points that nothing is better than: less of x and more of y. The lowest x first; at most cap. */
size_t la_lines_front(const la_lines *lines, const la_point **front, size_t cap);
/* Gnuplot's number of the point that marks a failure: 8 triangle, 6 circle, 2 cross. */
int la_mark_shape(const char *outcome);

/* A figure of lines, before a pen draws it. */
typedef struct la_sketch {
    la_lines lines;
    la_canvas canvas;
    la_text caption;
} la_sketch;
/* Loads and lays out; with `foot` there is room for the caption under the plot. *empty: there is nothing
 * to draw. Release it in any case. */
la_status la_figure_sketch(const la_view *view, const la_kind *kind, const char *task, bool foot,
                           la_sketch *out, bool *empty, la_err *err);
void la_sketch_release(la_sketch *sketch);

void la_canvas_frame(const la_canvas *c, const char *title, la_text *out);
void la_canvas_ticks(const la_canvas *c, const la_kind *kind, la_text *out);
/* The second of them holds all but the first: `replot` ends it. */
void la_canvas_terminals(const la_plot_how *how, const char *stem, double height, la_text *svg,
                         la_text *png);

#endif
