/* SPDX-License-Identifier: Apache-2.0
 * The map of outcomes, a box for each cell, and the table of all cells that its boxes lead to.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy_text.h"
#include "alloc.h"
#include "html.h"

extern const char la_page_panels_sql[], la_page_cells_sql[];

enum { MAX_LENGTHS = 64 };

static const struct {
    const char *head, *title;
    bool number;
} heads[] = {
    {"variant", "with what else tells it from others", false},
    {"impl", "implementation and instruction set", false},
    {"setting", "batch, heads, size of a head, type, threads", false},
    {"does", "pass or task", false},
    {"length", "tokens", true},
    {"outcome", "", false},
    {"median", "time of one call", true},
    {"95 % interval", "of the median", true},
    {"n", "calls timed, or answers scored", true},
    {"rounds", "processes", true},
    {"GFLOP/s", "operations that the mathematics needs", true},
    {"% peak", "of the measured peak; beside: of the one between the samples", true},
    {"workspace", "besides inputs and outputs", true},
    {"state", "carried from token to token", true},
    {"resident", "what the first call added to resident memory", true},
    {"error", "relative, against float64", true},
    {"accuracy", "with its 95 % interval", true},
};

/* ---- the table of all cells ---- */

static void add_bytes(la_text *out, double bytes)
{
    la_html_number_cell(out, bytes, "");
    la_html_bytes(out, bytes);
    la_text_add(out, "</td>");
}

/* A rate or a share: two digits at least, none behind the point where it is large. */
static void add_rate(la_text *out, double x)
{
    la_html_number_cell(out, x, "");
    if (isfinite(x)) la_text_add(out, "%.*f", x < 9.95 ? 2 : 0, x);
    la_text_add(out, "</td>");
}

static void add_share(la_text *out, double percent, double beside)
{
    la_html_number_cell(out, percent, "");
    if (isfinite(percent)) la_text_add(out, "%.*f", percent < 9.95 ? 2 : 0, percent);
    if (isfinite(beside)) la_text_add(out, " <small>%.0f beside</small>", beside);
    la_text_add(out, "</td>");
}

static void add_setting(la_text *out, la_query *q)
{
    const char *batch = la_query_named_text(q, "batch"), *heads_ = la_query_named_text(q, "heads"),
               *kv = la_query_named_text(q, "kv_heads"), *qk = la_query_named_text(q, "qk_heads"),
               *dk = la_query_named_text(q, "dk"), *dv = la_query_named_text(q, "dv"),
               *threads = la_query_named_text(q, "threads");
    la_text_add(out, "<td>");
    if (*batch) la_text_add(out, "B %s, ", batch);
    la_text_add(out, "H %s", heads_);
    if (strcmp(kv, heads_) != 0) la_text_add(out, ", kv %s", kv);
    if (strcmp(qk, heads_) != 0) la_text_add(out, ", qk %s", qk);
    la_text_add(out, strcmp(dk, dv) == 0 ? ", d %s" : ", dk %s", dk);
    if (strcmp(dk, dv) != 0) la_text_add(out, ", dv %s", dv);
    la_text_add(out, ", ");
    la_html_text(out, la_query_named_text(q, "dtype"));
    la_text_add(out, ", %s thread%s</td>", threads, strcmp(threads, "1") == 0 ? "" : "s");
}

static void add_times(la_text *out, la_query *q)
{
    char value[40], interval[40];
    double ns = la_query_named_real(q, "median_ns"), lo = la_query_named_real(q, "lo_ns"),
           hi = la_query_named_real(q, "hi_ns");
    *interval = '\0';
    if (isfinite(ns)) la_number_time(ns, lo, hi, value, interval);
    la_html_number_cell(out, ns, "");
    la_html_time(out, ns, lo, hi, false);
    la_text_add(out, "</td>");
    la_html_number_cell(out, lo, "dim");
    la_text_add(out, "%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>", interval,
                la_query_named_text(q, "n"), la_query_named_text(q, "rounds_done"));
}

static void add_accuracy(la_text *out, la_query *q)
{
    double accuracy = la_query_named_real(q, "accuracy"), lo = la_query_named_real(q, "lo"),
           hi = la_query_named_real(q, "hi"); /* of the accuracy, where there is one */
    la_html_number_cell(out, accuracy, "");
    if (isfinite(accuracy)) la_text_add(out, "%.3f", accuracy);
    if (isfinite(accuracy) && isfinite(lo) && isfinite(hi))
        la_text_add(out, " <small>[%.3f, %.3f]</small>", lo, hi);
    la_text_add(out, "</td>");
}

static void add_row(la_text *out, la_query *q, const la_series *line, const char *panel)
{
    double x = la_query_named_real(q, "x"), error = la_query_named_real(q, "rel_rms");
    const char *outcome = la_query_named_text(q, "outcome"),
               *message = la_query_named_text(q, "message");
    char count[24];
    la_text_add(out, "<tr id=\"c");
    la_html_text(out, la_query_named_text(q, "key"));
    la_text_add(out, "\"><th scope=\"row\" title=\"");
    la_html_text(out, la_query_named_text(q, "options"));
    la_text_add(out, "\">");
    la_html_text(out, line ? line->label : la_query_named_text(q, "variant"));
    la_text_add(out, "%s</th><td>", line && line->marked ? "†" : "");
    la_html_text(out, la_query_named_text(q, "impl"));
    la_text_add(out, " ");
    la_html_text(out, la_query_named_text(q, "isa"));
    la_text_add(out, "</td>");
    add_setting(out, q);
    la_text_add(out, "<td>");
    la_html_text(out, panel);
    la_text_add(out, "</td><td class=\"n\" data-v=\"%.0f\">%s</td>", x,
                la_format_count((int64_t)x, count));
    la_text_add(out, "<td class=\"o %s\"", outcome);
    if (*message) {
        la_text_add(out, " title=\"");
        la_html_text(out, message);
        la_text_add(out, "\"");
    }
    la_text_add(out, ">%s</td>", outcome);
    add_times(out, q);
    add_rate(out, la_query_named_real(q, "gflops"));
    add_share(out, la_query_named_real(q, "pct_peak"), la_query_named_real(q, "pct_beside"));
    add_bytes(out, la_query_named_real(q, "work_bytes"));
    add_bytes(out, la_query_named_real(q, "state_bytes"));
    add_bytes(out, la_query_named_real(q, "rss_extra_bytes"));
    la_html_number_cell(out, error, "");
    if (isfinite(error)) la_text_add(out, "%.1e", error);
    la_text_add(out, "</td>");
    add_accuracy(out, q);
    la_text_add(out, "</tr>\n");
}

la_status la_page_cells(la_page *page, la_err *err)
{
    (void)err;
    la_text *out = &page->out;
    la_text_add(
        out,
        "<section id=\"cells\"><h2>All cells</h2>\n"
        "<p class=\"note\">Every number above is in this table. <code>labench show KEY</code> "
        "tells "
        "more of a cell; its key is the row's address: a box of the <a href=\"#outcomes\">map</a> "
        "leads there. <code>labench export</code> writes the numbers with all digits.</p>\n"
        "<div class=\"scroll tall\"><table class=\"sortable filter\" id=\"all\"><thead><tr>");
    for (size_t i = 0; i < LA_COUNT(heads); i++)
        la_text_add(out, "<th scope=\"col\"%s title=\"%s\">%s</th>",
                    heads[i].number ? " class=\"n\"" : "", heads[i].title, heads[i].head);
    la_text_add(out, "</tr></thead><tbody>\n");
    la_text_bytes(out, la_text_str(&page->rows), page->rows.len);
    out->failed |= page->rows.failed;
    la_text_add(out, "</tbody></table></div></section>\n");
    return LA_OK;
}

/* ---- the map ---- */

typedef struct box { /* of a line at a length */
    char key[16], text[40];
    const char *outcome; /* borrowed of the line's point; NULL: there is no cell */
    const char *message;
} box;

/* The words of a box: its number, or what became of the cell. */
static void fill_box(box *b, const la_point *p, const char *key, bool time)
{
    la_text text = {0};
    b->outcome = p->outcome;
    b->message = p->message;
    snprintf(b->key, sizeof b->key, "%.12s", key);
    if (!la_point_good(p))
        la_text_add(&text, "%s", la_html_word(p->outcome));
    else if (time)
        la_html_time(&text, p->y, p->lo, p->hi, false);
    else
        la_text_add(&text, "%.3f", p->y);
    snprintf(b->text, sizeof b->text, "%s", la_text_str(&text));
    la_text_release(&text);
}

static void write_box(la_text *out, const box *b)
{
    if (!b->outcome) {
        la_text_add(out, "<td></td>");
        return;
    }
    la_text_add(out, "<td class=\"o %s\"", *b->outcome ? b->outcome : "ok");
    if (b->message && *b->message) {
        la_text_add(out, " title=\"");
        la_html_text(out, b->message);
        la_text_add(out, "\"");
    }
    la_text_add(out, "><a href=\"#c");
    la_html_text(out, b->key);
    la_text_add(out, "\">%s</a></td>", b->text);
}

static void write_panel(la_text *out, const char *words, const la_lines *lines, const box *boxes,
                        const double *lengths, size_t n)
{
    char count[24];
    la_text_add(out, "<div class=\"scroll panel\"><table class=\"map\"><caption>");
    la_html_text(out, words);
    la_text_add(out, "</caption><thead><tr><td></td>");
    for (size_t k = 0; k < n; k++)
        la_text_add(out, "<th scope=\"col\">%s</th>", la_format_count((int64_t)lengths[k], count));
    la_text_add(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < lines->n; i++) {
        la_text_add(out, "<tr><th scope=\"row\">");
        la_html_text(out, lines->v[i].label);
        la_text_add(out, "%s</th>", lines->v[i].marked ? "†" : "");
        for (size_t k = 0; k < n; k++) write_box(out, &boxes[i * n + k]);
        la_text_add(out, "</tr>\n");
    }
    la_text_add(out, "</tbody></table></div>\n");
}

/* A panel's rows go to both the map and the table of all cells. */
static la_status add_panel(la_page *page, const char *panel, const char *words, bool time,
                           la_err *err)
{
    la_lines lines;
    la_query *q = NULL;
    double lengths[MAX_LENGTHS];
    LA_TRY(la_lines_load(page->store, page->sweep_id, la_page_cells_sql, panel, &lines, err));
    size_t n = la_lines_lengths(&lines, lengths, MAX_LENGTHS);
    box *boxes = la_zalloc((lines.n * n + 1) * sizeof *boxes, err);
    la_status st = boxes ? la_page_query(page, la_page_cells_sql, panel, &q, err) : LA_E_NOMEM;
    bool more = true;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        const la_series *line = la_lines_match(&lines, q);
        double x = la_query_named_real(q, "x");
        add_row(&page->rows, q, line, words);
        size_t k = 0, j = 0;
        while (k < n && lengths[k] != x) k++;
        while (line && j < line->n && line->points[j].x != x) j++;
        if (line && k < n && j < line->n)
            fill_box(&boxes[(size_t)(line - lines.v) * n + k], &line->points[j],
                     la_query_named_text(q, "key"), time);
    }
    if (st == LA_OK) write_panel(&page->out, words, &lines, boxes, lengths, n);
    la_query_close(q);
    la_free(boxes);
    la_lines_release(&lines);
    return st;
}

la_status la_page_map(la_page *page, la_err *err)
{
    la_query *q = NULL;
    la_text *out = &page->out;
    LA_TRY(la_page_query(page, la_page_panels_sql, NULL, &q, err));
    la_text_add(
        out,
        "<section id=\"outcomes\"><h2>What became of every cell</h2>\n"
        "<p class=\"note\">Times are medians of one call, accuracies shares of right answers. A "
        "word stands where there is no number, pale where it was predicted and not tried; – says "
        "that the mathematics has no such form. "
        "The reason is shown on hovering; a box leads to its row of <a href=\"#cells\">all "
        "cells</a>.</p>\n<div class=\"panels\">\n");
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        char panel[128], words[128];
        const char *shown = la_query_text(q, 1);
        snprintf(panel, sizeof panel, "%.120s", la_query_text(q, 0));
        snprintf(words, sizeof words, "%.120s", shown && *shown ? shown : panel);
        bool time = strcmp(la_query_named_text(q, "what"), "time") == 0;
        if ((st = add_panel(page, panel, words, time, err)) != LA_OK) break;
    }
    la_query_close(q);
    la_text_add(out, "</div></section>\n");
    return st;
}
