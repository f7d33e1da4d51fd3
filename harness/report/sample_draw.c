/* SPDX-License-Identifier: Apache-2.0
 * Every sample of the cells of one pass and length: a strip in the order they were taken, beside the share
 * that took no longer. Drift, two modes and a round unlike the others are seen here. All places are pixels
 * of the svg, y upwards.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "canvas.h"
#include "samples.h"

enum {
    ROW_PX = 58,
    PANEL_PX = 44, /* of a row: the rest is air */
    HEAD_PX = 56,  /* title, colours of the rounds */
    AXIS_PX = 36,  /* below the last row */
    COLUMN_PX = 3, /* of a strip: the samples in it are drawn as one */
    STEPS = 80,    /* of a share's line, at most */
    MAX_ROWS = 40,
    ROUNDS = 7 /* colours; then they come again */
};
/* Times over the median that panels show; what lies beyond is marked at their edge. */
static const double LEAST = 0.5, MOST = 3;

static const char *const colours[ROUNDS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                            "#e69f00", "#56b4e9", "#000000"};

typedef struct row {
    const la_series *line;
    la_samples samples;
    double median;
} row;

typedef struct board {
    la_lines lines;
    row *rows;
    size_t n, left_out, most_rounds;
    double lo, hi;                /* of all ratios shown */
    double left, right, from, to; /* the strip, and the shares beside it */
    double height;
} board;

/* ---- reading ---- */

static la_status load(const la_source *source, const la_kind *kind, const char *which, board *b,
                      la_err *err)
{
    char id[24];
    la_query *q = NULL;
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    LA_TRY(la_lines_load(source->store, source->sweep, kind->sql, which, &b->lines, err));
    if (!(b->rows = la_zalloc((MAX_ROWS + 1) * sizeof *b->rows, err))) return LA_E_NOMEM;
    LA_TRY(la_query_open(source->store, kind->sql, (const char *[]){id, which}, 2, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        row r = {.line = la_lines_match(&b->lines, q), .median = la_query_named_real(q, "y")};
        if (!r.line || !(r.median > 0)) continue;
        if (b->n == MAX_ROWS) {
            b->left_out++;
            continue;
        }
        st = la_samples_read(source->store, (int64_t)la_query_named_real(q, "cell_id"), &r.samples,
                             err);
        if (st != LA_OK) break;
        if (r.samples.n == 0) {
            la_samples_release(&r.samples);
            continue;
        }
        b->most_rounds = r.samples.rounds > b->most_rounds ? r.samples.rounds : b->most_rounds;
        b->rows[b->n++] = r;
    }
    la_query_close(q);
    return st;
}

static void find_range(board *b)
{
    b->lo = 0.95;
    b->hi = 1.1;
    for (size_t i = 0; i < b->n; i++)
        for (size_t k = 0; k < b->rows[i].samples.n; k++) {
            double ratio = b->rows[i].samples.x[k] / b->rows[i].median;
            b->lo = fmin(b->lo, fmax(ratio, LEAST));
            b->hi = fmax(b->hi, fmin(ratio, MOST));
        }
}

/* ---- places ---- */

static double bottom_of(const board *b, size_t i)
{
    return b->height - HEAD_PX - ROW_PX * (double)(i + 1) + (ROW_PX - PANEL_PX) / 2.0;
}

/* Of a ratio in its panel, 0 to 1, by logarithm. */
static double part_of(const board *b, double ratio)
{
    return log(fmin(fmax(ratio, b->lo), b->hi) / b->lo) / log(b->hi / b->lo);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One column: samples [first, first + n) of a round. `sorted` has room for them. */
static void write_column(const board *b, size_t i, size_t round, size_t first, size_t n, double x,
                         double *sorted, la_text *dat, la_text *cut, bool *any_cut)
{
    const row *r = &b->rows[i];
    memcpy(sorted, r->samples.x + first, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    double least = sorted[0], most = sorted[n - 1], y0 = bottom_of(b, i);
    double median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    la_text_add(dat, "%.1f %.1f %.1f %.1f 0x%s ", x, y0 + PANEL_PX * part_of(b, median / r->median),
                y0 + PANEL_PX * part_of(b, least / r->median),
                y0 + PANEL_PX * part_of(b, most / r->median), colours[round % ROUNDS] + 1);
    la_dat_quote(dat, r->line->label);
    la_text_add(dat, " %zu %zu %zu %.9g %.9g %.9g\n", round, first, n, median, least, most);
    if (most > b->hi * r->median || least < b->lo * r->median) {
        bool above = most > b->hi * r->median;
        la_text_add(cut, "%.1f %.1f 0x%s\n", x, y0 + (above ? PANEL_PX : 0),
                    colours[round % ROUNDS] + 1);
        *any_cut = true;
    }
}

/* The rounds of a row follow each other, each as wide as its share of the samples. */
static void write_strip(const board *b, size_t i, double *sorted, la_text *dat, la_text *cut,
                        bool *any_cut, la_text *frame)
{
    const la_samples *s = &b->rows[i].samples;
    double columns = floor((b->right - b->left) / COLUMN_PX);
    size_t a_column = (size_t)ceil((double)s->n / columns);
    double pitch = (b->right - b->left) / (double)s->n, y0 = bottom_of(b, i);
    for (size_t round = 0, first = 0; round < s->rounds; first += s->round_n[round++]) {
        for (size_t k = 0; k < s->round_n[round]; k += a_column) {
            size_t n = s->round_n[round] - k < a_column ? s->round_n[round] - k : a_column;
            double x = b->left + pitch * ((double)(first + k) + 0.5 * (double)n);
            write_column(b, i, round, first + k, n, x, sorted, dat, cut, any_cut);
        }
        if (first > 0)
            la_text_add(frame,
                        "set arrow from first %.1f, first %.1f to first %.1f, first %.1f nohead "
                        "lw 0.6 lc rgb '#bbbbbb' back\n",
                        b->left + pitch * (double)first, y0, b->left + pitch * (double)first,
                        y0 + PANEL_PX);
    }
}

/* A line of steps for each round, and an empty line between. */
static void write_shares(const board *b, size_t i, double *sorted, la_text *out)
{
    const row *r = &b->rows[i];
    double y0 = bottom_of(b, i);
    for (size_t round = 0, first = 0; round < r->samples.rounds;
         first += r->samples.round_n[round++]) {
        size_t n = r->samples.round_n[round], step = n / STEPS + 1;
        memcpy(sorted, r->samples.x + first, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, ascending);
        for (size_t k = 0; k < n; k = k + step < n || k == n - 1 ? k + step : n - 1)
            la_text_add(out, "%.1f %.1f 0x%s\n",
                        b->from + (b->to - b->from) * part_of(b, sorted[k] / r->median),
                        y0 + PANEL_PX * (double)(k + 1) / (double)n, colours[round % ROUNDS] + 1);
        la_text_add(out, "\n");
    }
    la_text_add(out, "\n");
}

/* ---- words and lines ---- */

static void put(la_text *out, const char *text, double x, double y, const char *how)
{
    la_text_add(out, "set label ");
    la_gp_quote(out, text);
    la_text_add(out, " at first %.1f, first %.1f %s\n", x, y, how);
}

static void rule(la_text *out, double x0, double y0, double x1, double y1, const char *how)
{
    la_text_add(out, "set arrow from first %.1f, first %.1f to first %.1f, first %.1f nohead %s\n",
                x0, y0, x1, y1, how);
}

/* Ticks at times over the median that lie inside, with few enough that their words keep apart. */
static size_t choose_ticks(const board *b, double ticks[8])
{
    static const double wide[] = {0.5, 0.7, 1, 1.4, 2, 3}, narrow[] = {0.8, 0.9, 1, 1.1, 1.25, 1.4};
    const double *all = b->hi / b->lo > 1.6 ? wide : narrow;
    size_t n = 0;
    for (size_t i = 0; i < 6; i++)
        if (all[i] >= b->lo * 0.999 && all[i] <= b->hi * 1.001) ticks[n++] = all[i];
    return n;
}

static void row_frame(la_text *out, const board *b, size_t i)
{
    const row *r = &b->rows[i];
    double y0 = bottom_of(b, i), one = y0 + PANEL_PX * part_of(b, 1), ticks[8];
    char name[96], facts[64], time[32];
    snprintf(name, sizeof name, "%.80s%s", r->line->label, r->line->marked ? "†" : "");
    put(out, name, b->left - 40, y0 + PANEL_PX / 2.0 + 7, "right font ',10' tc rgb '#111111'");
    snprintf(facts, sizeof facts, "%s, n %zu", la_gp_time(r->median, time), r->samples.n);
    put(out, facts, b->left - 40, y0 + PANEL_PX / 2.0 - 8, "right font ',8' tc rgb '#666666'");
    rule(out, b->left, one, b->right, one, "dt 2 lw 0.6 lc rgb '#999999' back");
    rule(out, b->from + (b->to - b->from) * part_of(b, 1), y0,
         b->from + (b->to - b->from) * part_of(b, 1), y0 + PANEL_PX,
         "dt 2 lw 0.6 lc rgb '#999999' back");
    rule(out, b->left, y0, b->left, y0 + PANEL_PX, "lw 0.8 lc rgb '#333333'");
    rule(out, b->left, y0, b->right, y0, "lw 0.8 lc rgb '#333333'");
    rule(out, b->from, y0, b->from, y0 + PANEL_PX, "lw 0.8 lc rgb '#333333'");
    rule(out, b->from, y0, b->to, y0, "lw 0.8 lc rgb '#333333'");
    const double ends[] = {b->lo, 1, b->hi};
    for (size_t k = 0; k < 3; k++) {
        char word[24];
        double y = y0 + PANEL_PX * part_of(b, ends[k]);
        snprintf(word, sizeof word, "%.2f", ends[k]);
        if (k == 1 || fabs(y - one) > 10)
            put(out, word, b->left - 5, y, "right font ',8' tc rgb '#444444'");
    }
    size_t n = choose_ticks(b, ticks);
    for (size_t k = 0; k < n; k++) {
        double x = b->from + (b->to - b->from) * part_of(b, ticks[k]);
        rule(out, x, y0, x, y0 - 3, "lw 0.8 lc rgb '#333333'");
    }
}

static void words(la_text *out, const board *b, const char *title)
{
    double low = bottom_of(b, b->n - 1), ticks[8], x = b->left;
    put(out, title, 9, b->height - 20, "left font ',13' tc rgb '#111111'");
    for (size_t r = 0; r < b->most_rounds && r < ROUNDS; r++) {
        char word[32], how[64];
        snprintf(word, sizeof word, r ? "%zu" : "round %zu", r + 1);
        snprintf(how, sizeof how, "left font ',9' tc rgb '%s'", colours[r]);
        put(out, word, x, b->height - HEAD_PX + 8, how);
        x += la_text_px(word, 9) + 14;
    }
    put(out, "share that took no longer", b->from, b->height - HEAD_PX + 8,
        "left font ',9' tc rgb '#444444'");
    size_t n = choose_ticks(b, ticks);
    for (size_t k = 0; k < n; k++) {
        char word[24];
        snprintf(word, sizeof word, "%.3g", ticks[k]);
        put(out, word, b->from + (b->to - b->from) * part_of(b, ticks[k]), low - 12,
            "center font ',8' tc rgb '#444444'");
    }
    put(out, "samples in their order", (b->left + b->right) / 2, low - 26,
        "center font ',10' tc rgb '#111111'");
    put(out, "time over the median", (b->from + b->to) / 2, low - 26,
        "center font ',10' tc rgb '#111111'");
}

static la_status write_data(const board *b, la_text *dat, la_text *frame, bool *any_cut,
                            la_err *err)
{
    la_text cut = {0};
    size_t most = 1;
    for (size_t i = 0; i < b->n; i++)
        most = b->rows[i].samples.n > most ? b->rows[i].samples.n : most;
    double *sorted = la_alloc(most * sizeof *sorted, err);
    if (!sorted) return LA_E_NOMEM;
    la_text_add(dat, "# x y least most colour line round first n median_ns least_ns most_ns\n");
    for (size_t i = 0; i < b->n; i++) write_strip(b, i, sorted, dat, &cut, any_cut, frame);
    la_text_add(dat, "\n\n# x y colour\n");
    for (size_t i = 0; i < b->n; i++) {
        la_text shares = {0};
        write_shares(b, i, sorted, &shares);
        /* One empty line between rows too: two would begin a block. */
        if (shares.len) la_text_bytes(dat, shares.s, shares.len - 1);
        dat->failed |= shares.failed;
        la_text_release(&shares);
    }
    la_text_add(dat, "\n# x y colour of what lies beyond\n%s", *any_cut ? cut.s : "nan nan 0\n");
    dat->failed |= cut.failed;
    la_text_release(&cut);
    la_free(sorted);
    return LA_OK;
}

static la_status compose(const la_view *view, const la_kind *kind, const char *stem, board *b,
                         la_text *dat, la_text *gp, la_err *err)
{
    la_text caption = {0}, frame = {0}, svg = {0}, png = {0}, plot = {0};
    double widest = 0;
    bool cut = false;
    la_status st = la_figure_caption(view, kind, &b->lines, &caption, err);
    if (st == LA_OK) st = la_figure_head(view, kind, dat, err);
    if (st != LA_OK) goto done;
    if (b->left_out)
        la_text_add(&caption, " The first %d of %zu lines.", MAX_ROWS, b->n + b->left_out);
    la_text_add(&caption,
                " Several samples in one column: from least to most. Triangles at an edge: beyond "
                "it.");
    for (size_t i = 0; i < b->n; i++) widest = fmax(widest, la_text_px(b->rows[i].line->label, 10));
    b->left = fmin(fmax(widest, 90) + 54, LA_FIGURE_WIDTH / 2.5);
    b->to = LA_FIGURE_WIDTH - 16;
    b->from = b->to - 170;
    b->right = b->from - 26;
    b->height = HEAD_PX + ROW_PX * (double)b->n + AXIS_PX +
                13.0 * la_gp_caption_lines(la_text_str(&caption)) + 8;
    la_text_add(&frame,
                "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\n"
                "set tmargin at screen 1\nset xrange [0:%d]\nset yrange [0:%.0f]\n",
                LA_FIGURE_WIDTH, b->height);
    for (size_t i = 0; i < b->n; i++) row_frame(&frame, b, i);
    words(&frame, b, view->title);
    la_gp_caption(&frame, la_text_str(&caption), b->height);
    if ((st = write_data(b, dat, &frame, &cut, err)) != LA_OK) goto done;
    la_text_add(&plot,
                "'%s.dat' index 0 using 1:3:(0):($4-$3):5 with vectors nohead lw 1.2 lc rgb "
                "variable, \\\n     '' index 0 using 1:2:5 with points pt 7 ps 0.22 lc rgb "
                "variable, \\\n     '' index 1 using 1:2:3 with lines lw 1.3 lc rgb variable",
                stem);
    if (cut)
        la_text_add(&plot,
                    ", \\\n     '' index 2 using 1:2:3 with points pt 8 ps 0.5 lc rgb variable");
    la_canvas_terminals(&view->how, stem, b->height, &svg, &png);
    const char *pairs[] = {"TITLE", view->title,        "STEM",  stem,
                           "STYLE", la_plot_style,      "FRAME", la_text_str(&frame),
                           "PLOT",  la_text_str(&plot), "SVG",   la_text_str(&svg),
                           "PNG",   la_text_str(&png),  NULL};
    la_gp_fill(gp, kind->gp, pairs);
    if (caption.failed | frame.failed | svg.failed | png.failed | plot.failed | dat->failed |
        gp->failed)
        st = LA_FAIL(err, LA_E_NOMEM, "no memory for the figure %s", kind->name);
done:
    la_text_release(&caption);
    la_text_release(&frame);
    la_text_release(&svg);
    la_text_release(&png);
    la_text_release(&plot);
    return st;
}

la_status la_figure_samples(const la_view *view, const la_kind *kind, const char *which,
                            const char *stem, la_text *dat, la_text *gp, bool *empty, la_err *err)
{
    board b = {0};
    la_status st = load(view->sources, kind, which, &b, err);
    *empty = st == LA_OK && b.n == 0;
    if (st == LA_OK && !*empty) {
        find_range(&b);
        st = compose(view, kind, stem, &b, dat, gp, err);
    }
    for (size_t i = 0; i < b.n; i++) la_samples_release(&b.rows[i].samples);
    la_free(b.rows);
    la_lines_release(&b.lines);
    return st;
}
