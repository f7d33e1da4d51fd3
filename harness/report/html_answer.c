/* SPDX-License-Identifier: Apache-2.0
 * The top of the report: what ran, and at each length who is fastest, what it costs and what it forgets.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "html_rank.h"

extern const char la_page_overview_sql[];

/* A variant with so much recall or accuracy keeps what it was shown. */
static const double keeps = 0.9;

static void name_of(la_text *out, const la_rank_row *row)
{
    la_html_text(out, row->label);
    if (row->marked) la_text_add(out, "†");
}

static const char *count(double T)
{
    static char text[24];
    return la_format_count((int64_t)T, text);
}

/* ---- one paragraph ---- */

static void add_machine(la_text *out, la_query *q)
{
    const char *threads = la_query_named_text(q, "threads");
    la_text_add(out, " on <b>");
    la_html_text(out, la_query_named_text(q, "cpu_model"));
    la_text_add(out, "</b> (%s cores%s", la_query_named_text(q, "n_cores"), *threads ? ", " : "");
    la_text_add(out, "%s%s)", threads,
                !*threads                   ? ""
                : strcmp(threads, "1") == 0 ? " thread a call"
                                            : " threads a call");
}

static void add_state(la_text *out, la_query *q)
{
    double done = la_query_named_real(q, "attempts_done"),
           planned = la_query_named_real(q, "attempts_planned");
    const char *state = la_query_named_text(q, "state");
    if (strcmp(state, "done") != 0)
        la_text_add(out, " <strong>The sweep is %s: %.0f of %.0f attempts are there.</strong>",
                    strcmp(state, "open") == 0 ? "still open" : "interrupted", done, planned);
    if (la_query_named_real(q, "quick") > 0)
        la_text_add(out, " It is a quick sweep: one round, few samples, rough numbers.");
    double warnings = la_query_named_real(q, "warnings");
    if (warnings > 0)
        la_text_add(out, " There are <a href=\"#warnings\">%.0f warning%s</a>.", warnings,
                    warnings > 1 ? "s" : "");
}

static la_status overview(la_page *page, la_err *err)
{
    la_text *out = &page->out;
    la_query *q = NULL;
    LA_TRY(la_page_query(page, la_page_overview_sql, NULL, &q, err));
    bool more = false;
    la_status st = la_query_next(q, &more, err);
    if (st == LA_OK && more) {
        const char *label = la_query_named_text(q, "label"), *note = la_query_named_text(q, "note");
        double lengths = la_query_named_real(q, "lengths");
        la_text_add(out, "<header>\n<p class=\"kicker\">labench report</p>\n<h1>Sweep ");
        la_html_text(out, la_query_named_text(q, "sweep"));
        la_text_add(out, *label ? " · " : "");
        la_html_text(out, label);
        la_text_add(out, "</h1>\n<p class=\"lead\">On ");
        la_html_text(out, la_query_named_text(q, "day"));
        la_text_add(out, " labench measured <b>%.0f variant%s</b> at ",
                    la_query_named_real(q, "variants"),
                    la_query_named_real(q, "variants") > 1 ? "s" : "");
        if (lengths > 1) {
            la_text_add(out, "%.0f lengths from %s", lengths,
                        count(la_query_named_real(q, "shortest")));
            la_text_add(out, " to %s tokens", count(la_query_named_real(q, "longest")));
        } else
            la_text_add(out, "%s tokens",
                        lengths > 0 ? count(la_query_named_real(q, "longest")) : "0");
        add_machine(out, q);
        la_text_add(out,
                    ". Of %s <a href=\"#outcomes\">cells</a> (a variant with its setting, pass or "
                    "task, and length): %s.",
                    la_query_named_text(q, "cells"), la_query_named_text(q, "outcomes"));
        add_state(out, q);
        la_text_add(out, "</p>\n");
        if (*note) {
            la_text_add(out, "<p>Note: ");
            la_html_text(out, note);
            la_text_add(out, "</p>\n");
        }
        la_text_add(out, "</header>\n");
    }
    la_query_close(q);
    return st;
}

/* ---- in words ---- */

/* "<b>fnet</b> from 1k to 4k, <b>linear</b> from 8k on": who is best at each length of i..end. */
static bool add_runs(la_text *out, const la_ranking *r, size_t i, size_t end, int column,
                     double recalls, const char *mask, const char *head)
{
    const la_rank_row *now = NULL;
    double from = 0, to = 0;
    bool any = false;
    for (size_t next; i <= end; i = next) {
        const la_rank_row *best = NULL;
        next = end + 1;
        if (i < end) {
            next = la_ranking_end(r, i, true);
            if (next > end) next = end;
            best = la_ranking_best(r, i, next, column, recalls, mask);
        }
        bool same = best && now && strcmp(best->label, now->label) == 0;
        if (now && !same) {
            la_text_add(out, any ? ", <b>" : "<li>%s <b>", head);
            name_of(out, now);
            la_text_add(out, "</b> %s %s", from < to ? "from" : "at", count(from));
            if (from < to) la_text_add(out, " to %s", count(to));
            any = true;
        }
        if (!best) {
            now = NULL;
            continue;
        }
        if (!same) from = best->T;
        now = best;
        to = best->T;
    }
    if (any) la_text_add(out, "</li>\n");
    return any;
}

/* The longest length up to which the line of row k keeps a task at every length that was measured: 0 where at
 * none, negative where the line has no number. Its other rows are among i..end, by length. */
static double kept_to(const la_ranking *r, size_t i, size_t end, size_t k, int column)
{
    double to = -1;
    for (; i < end; i++) {
        const la_rank_row *row = &r->v[i];
        if (strcmp(row->label, r->v[k].label) != 0 || strcmp(row->mask, r->v[k].mask) != 0 ||
            !isfinite(row->q[column].v))
            continue;
        if (!(row->q[column].v >= keeps)) return fmax(to, 0);
        to = row->T;
    }
    return to;
}

/* Whether row k is the first of its line. */
static bool begins_line(const la_ranking *r, size_t i, size_t k)
{
    for (; i < k; i++)
        if (strcmp(r->v[i].label, r->v[k].label) == 0 && strcmp(r->v[i].mask, r->v[k].mask) == 0)
            return false;
    return true;
}

/* "up to 128k flash, ttt_linear; up to 4k deltanet; at no length fnet": what is kept, and forgotten. */
static void add_memory(la_text *out, const la_ranking *r, size_t i, size_t end, size_t task)
{
    int column = LA_R_TASK + (int)task;
    double before = INFINITY;
    bool any = false;
    for (;;) {
        double longest = -1;
        for (size_t k = i; k < end; k++) {
            double to = r->v[k].baseline ? -1 : kept_to(r, i, end, k, column);
            if (to < before) longest = fmax(longest, to);
        }
        if (longest < 0) break;
        if (!any) {
            la_text_add(out, "<li>");
            la_html_text(out, r->tasks[task]);
            la_text_add(out, " (%s) of 0.9 and more:",
                        r->recall && task == 0 ? "the mechanism alone" : "trained models");
        }
        la_text_add(out, any ? "; " : " ");
        any = true;
        if (longest > 0)
            la_text_add(out, "up to %s ", count(longest));
        else
            la_text_add(out, "at no length ");
        const char *separator = longest > 0 ? "<b>" : "";
        for (size_t k = i; k < end; k++) {
            if (r->v[k].baseline || !begins_line(r, i, k)) continue;
            double to = kept_to(r, i, end, k, column);
            if (to < longest || to > longest) continue;
            la_text_add(out, "%s", separator);
            name_of(out, &r->v[k]);
            separator = ", ";
        }
        if (longest > 0) la_text_add(out, "</b>");
        before = longest;
    }
    if (any) la_text_add(out, "</li>\n");
}

static void facts(la_text *out, const la_ranking *r, size_t i, size_t end)
{
    la_text_add(out, "<ul class=\"facts\">\n");
    char head[64];
    const char *usual = *r->mask ? r->usual : NULL;
    snprintf(head, sizeof head, "Fastest forward%s%s:", usual ? ", " : "", usual ? usual : "");
    bool timed = add_runs(out, r, i, end, LA_R_FORWARD, (double)NAN, usual, head);
    snprintf(head, sizeof head, "Fastest forward, %s:", r->mask);
    if (usual) add_runs(out, r, i, end, LA_R_FORWARD, (double)NAN, r->mask, head);
    if (r->recall && timed &&
        !add_runs(out, r, i, end, LA_R_FORWARD, keeps, usual,
                  "Fastest forward with a recall of 0.9 and more:"))
        la_text_add(out, "<li>No variant has a recall of 0.9.</li>\n");
    snprintf(head, sizeof head, "Fastest forward and backward%s%s:", usual ? ", " : "",
             usual ? usual : "");
    add_runs(out, r, i, end, LA_R_BOTH, (double)NAN, usual, head);
    add_runs(out, r, i, end, LA_R_DECODE, (double)NAN, usual, "Fastest decode of one token:");
    for (size_t t = 0; t < r->n_tasks; t++) add_memory(out, r, i, end, t);
    la_text_add(out, "</ul>\n");
}

/* ---- by length ---- */

static void add_score(la_text *out, const la_quantity *q, bool best)
{
    la_text_add(out, "<td class=\"n%s%s\" data-v=\"%.6g\"", q->v >= 0.03 ? " score" : "",
                best ? " best" : "", q->v);
    if (q->v >= 0.03) la_text_add(out, " style=\"--p:%.0f%%\"", 100 * fmin(1, q->v));
    if (q->interval) la_text_add(out, " title=\"[%.3f, %.3f]\"", q->lo, q->hi);
    la_text_add(out, ">%.3f", q->v);
    if (q->most - q->v > 0.0005) la_text_add(out, "–%.3f", q->most);
    la_text_add(out, "</td>");
}

static void add_quantity(la_text *out, const la_quantity *q, int column, bool best)
{
    if (!isfinite(q->v)) {
        la_text_add(out, "<td class=\"n word\">%s</td>",
                    *q->outcome ? la_html_word(q->outcome) : "");
        return;
    }
    if (column >= LA_R_TASK) {
        add_score(out, q, best);
        return;
    }
    la_html_number_cell(out, q->v, best ? "best" : "");
    if (column == LA_R_WORK || column == LA_R_STATE)
        la_html_bytes(out, q->v);
    else
        la_html_time(out, q->v, q->interval ? q->lo : (double)NAN,
                     q->interval ? q->hi : (double)NAN, column == LA_R_FORWARD);
    la_text_add(out, "</td>");
}

static bool has_column(const la_ranking *r, size_t i, size_t end, int column)
{
    for (; i < end; i++)
        if (isfinite(r->v[i].q[column].v) || *r->v[i].q[column].outcome) return true;
    return false;
}

/* "<td>name</td><td>time</td>" of a best row, or empty boxes. */
static void add_winner(la_text *out, const la_rank_row *row, int column)
{
    la_text_add(out, "<td class=\"edge\">");
    if (row) name_of(out, row);
    la_text_add(out, "</td>");
    if (row)
        add_quantity(out, &row->q[column], column, false);
    else
        la_text_add(out, "<td class=\"n word\">none</td>");
}

typedef struct columns {
    bool both, decode, recall;
    size_t tasks;
} columns;

static void glance_head(la_text *out, const la_ranking *r, const columns *c)
{
    la_text_add(
        out,
        "<div class=\"scroll\"><table class=\"glance\"><thead>\n"
        "<tr><th rowspan=\"2\" scope=\"col\">length</th>"
        "<th colspan=\"%zu\" scope=\"colgroup\" class=\"edge\">fastest %s%sforward, and what "
        "it costs</th>",
        4 + c->tasks, *r->mask ? r->usual : "", *r->mask ? " " : "");
    if (c->recall)
        la_text_add(
            out,
            "<th colspan=\"4\" scope=\"colgroup\" class=\"edge\">fastest with a recall of 0.9 and "
            "more</th>");
    if (c->both)
        la_text_add(
            out,
            "<th colspan=\"2\" scope=\"colgroup\" class=\"edge\">fastest forward + backward</th>");
    if (c->decode)
        la_text_add(out, "<th colspan=\"2\" scope=\"colgroup\" class=\"edge\">fastest decode</th>");
    la_text_add(
        out,
        "</tr>\n<tr><th scope=\"col\" class=\"edge\">variant</th><th scope=\"col\" "
        "class=\"n\">time</th>"
        "<th scope=\"col\" class=\"n\">workspace</th><th scope=\"col\" class=\"n\">state</th>");
    for (size_t t = 0; t < c->tasks; t++) {
        la_text_add(out, "<th scope=\"col\" class=\"n\">");
        la_html_text(out, r->tasks[t]);
        la_text_add(out, "</th>");
    }
    if (c->recall)
        la_text_add(
            out,
            "<th scope=\"col\" class=\"edge\">variant</th><th scope=\"col\" class=\"n\">time</th>"
            "<th scope=\"col\" class=\"n\">workspace</th><th scope=\"col\" class=\"n\">state</th>");
    for (int k = 0; k < c->both + c->decode; k++)
        la_text_add(
            out,
            "<th scope=\"col\" class=\"edge\">variant</th><th scope=\"col\" class=\"n\">time</th>");
    la_text_add(out, "</tr></thead><tbody>\n");
}

static void glance_row(la_text *out, const la_ranking *r, size_t i, size_t next, const columns *c)
{
    const char *usual = *r->mask ? r->usual : NULL;
    const la_rank_row *first = la_ranking_best(r, i, next, LA_R_FORWARD, (double)NAN, usual);
    la_text_add(out, "<tr data-t=\"%.0f\"><th scope=\"row\">%s</th>", r->v[i].T, count(r->v[i].T));
    add_winner(out, first, LA_R_FORWARD);
    for (int k = LA_R_WORK; k < LA_R_TASK + (int)c->tasks; k++)
        if (first)
            add_quantity(out, &first->q[k], k, false);
        else
            la_text_add(out, "<td></td>");
    if (c->recall) {
        const la_rank_row *keeper = la_ranking_best(r, i, next, LA_R_FORWARD, keeps, usual);
        add_winner(out, keeper, LA_R_FORWARD);
        for (int k = LA_R_WORK; k <= LA_R_STATE; k++)
            if (keeper)
                add_quantity(out, &keeper->q[k], k, false);
            else
                la_text_add(out, "<td></td>");
    }
    if (c->both)
        add_winner(out, la_ranking_best(r, i, next, LA_R_BOTH, (double)NAN, usual), LA_R_BOTH);
    if (c->decode)
        add_winner(out, la_ranking_best(r, i, next, LA_R_DECODE, (double)NAN, usual), LA_R_DECODE);
    la_text_add(out, "</tr>\n");
}

static void glance(la_text *out, const la_ranking *r, size_t i, size_t end)
{
    columns c = {has_column(r, i, end, LA_R_BOTH), has_column(r, i, end, LA_R_DECODE),
                 r->recall && has_column(r, i, end, LA_R_TASK), r->n_tasks};
    if (!has_column(r, i, end, LA_R_FORWARD)) return;
    glance_head(out, r, &c);
    for (size_t next; i < end; i = next) {
        next = la_ranking_end(r, i, true);
        glance_row(out, r, i, next, &c);
    }
    la_text_add(out, "</tbody></table></div>\n");
}

/* ---- everyone at one length ---- */

static void rank_head(la_text *out, const la_ranking *r, const bool *shown)
{
    static const char *const names[] = {"forward", "forward + backward", "decode", "workspace",
                                        "state"};
    la_text_add(out, "<thead><tr><th scope=\"col\">variant</th>");
    for (int c = 0; c < LA_R_COLUMNS; c++) {
        if (!shown[c]) continue;
        la_text_add(out, "<th scope=\"col\" class=\"n\">");
        la_html_text(out, c < LA_R_TASK ? names[c] : r->tasks[c - LA_R_TASK]);
        la_text_add(out, "</th>");
        if (c == LA_R_FORWARD) la_text_add(out, "<th scope=\"col\" class=\"n\">× fastest</th>");
    }
    la_text_add(out, "</tr></thead><tbody>\n");
}

static void rank(la_text *out, const la_ranking *r, size_t i, size_t end, const bool *shown)
{
    const char *usual = *r->mask ? r->usual : NULL;
    const la_rank_row *first = la_ranking_best(r, i, end, LA_R_FORWARD, (double)NAN, usual);
    la_text_add(out,
                "<section class=\"rank\" data-t=\"%.0f\"><h4>%s tokens</h4>\n"
                "<div class=\"scroll\"><table class=\"sortable\">",
                r->v[i].T, count(r->v[i].T));
    rank_head(out, r, shown);
    for (; i < end; i++) {
        const la_rank_row *row = &r->v[i];
        la_text_add(out, "<tr%s><th scope=\"row\">", row->baseline ? " class=\"base\"" : "");
        name_of(out, row);
        la_text_add(out, "</th>");
        for (int c = 0; c < LA_R_COLUMNS; c++) {
            if (!shown[c]) continue;
            add_quantity(out, &row->q[c], c, row->best[c]);
            if (c != LA_R_FORWARD) continue;
            double ratio = first ? row->q[c].v / first->q[c].v : (double)NAN;
            la_html_number_cell(out, ratio, "dim");
            if (isfinite(ratio)) la_text_add(out, ratio < 9.95 ? "%.2f" : "%.0f", ratio);
            la_text_add(out, "</td>");
        }
        la_text_add(out, "</tr>\n");
    }
    la_text_add(out, "</tbody></table></div></section>\n");
}

static void answers(la_text *out, const la_ranking *r)
{
    for (size_t i = 0, end; i < r->n; i = end) {
        end = la_ranking_end(r, i, false);
        bool shown[LA_R_COLUMNS];
        for (int c = 0; c < LA_R_COLUMNS; c++) shown[c] = has_column(r, i, end, c);
        la_text_add(out, "<h3>");
        la_html_text(out, r->v[i].kernel ? r->v[i].setting
                                         : "Trained models without times of their own");
        la_text_add(out, "</h3>\n");
        facts(out, r, i, end);
        glance(out, r, i, end);
        la_text_add(out, "<div class=\"ranks\">\n");
        for (size_t k = i, next; k < end; k = next) {
            next = la_ranking_end(r, k, true);
            rank(out, r, k, next, shown);
        }
        la_text_add(out, "</div>\n");
    }
}

static void notes(la_text *out, const la_ranking *r)
{
    if (r->n == 0) return;
    la_text_add(
        out,
        "<p class=\"note\">Bold: the best of its column, and all whose 95 %% intervals overlap "
        "with it. ");
    if (r->v[0].kernel)
        la_text_add(
            out,
            "Times are medians of one call. Workspace is what a forward call takes besides inputs "
            "and outputs; state is what a sequence carries from token to token. ");
    if (r->recall)
        la_text_add(
            out,
            "Recall is the share of stored pairs that the mechanism itself gives back, nothing "
            "trained. ");
    if (r->n_tasks > r->recall)
        la_text_add(out, "%s those of small trained models, asked at this length. ",
                    r->recall ? "The other accuracies are" : "Accuracies are");
    if (*r->mask) la_text_add(out, "† %s, the others %s: not the same work.", r->mask, r->usual);
    la_text_add(out, "</p>\n");
}

la_status la_page_summary(la_page *page, la_err *err)
{
    la_ranking r;
    la_text *out = &page->out;
    LA_TRY(overview(page, err));
    LA_TRY(la_ranking_load(page, &r, err));
    la_text_add(out, "<section id=\"answers\"><h2>Which one, at my length?</h2>\n");
    if (r.n == 0) la_text_add(out, "<p>Nothing was measured by length.</p>\n");
    answers(out, &r);
    notes(out, &r);
    la_text_add(out, "</section>\n");
    la_ranking_release(&r);
    return LA_OK;
}
