/* SPDX-License-Identifier: Apache-2.0
 * The table at the end of a sweep, in a terminal's width.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "numbers.h"
#include "query.h"
#include "report.h"
#include "series.h"
#include "speedups.h"
#include "text.h"

extern const char la_table_sql[];

enum column {
    VARIANT,
    LENGTH,
    TIME,
    INTERVAL,
    SAMPLES,
    GFLOPS,
    PEAK,
    BESIDE,
    BACKWARD,
    BOTH,
    DECODE,
    WORK,
    SAVED,
    STATE,
    ERROR,
    RECALL,
    COLUMNS
};

/* need: the smaller, the sooner a column is left out of a narrow terminal; 9 never is. */
static const struct {
    const char *head;
    int need;
    bool left;
} columns[COLUMNS] = {
    [VARIANT] = {"variant", 9, true},    [LENGTH] = {"T", 9, false},
    [TIME] = {"forward", 9, false},      [INTERVAL] = {"95 % interval", 3, false},
    [SAMPLES] = {"n", 2, false},         [GFLOPS] = {"GFLOP/s", 6, false},
    [PEAK] = {"% peak", 4, false},       [BESIDE] = {"% beside", 5, false},
    [BACKWARD] = {"backward", 8, false}, [BOTH] = {"fwd+bwd", 8, false},
    [DECODE] = {"decode", 8, false},     [WORK] = {"workspace", 7, false},
    [SAVED] = {"saved", 5, false},       [STATE] = {"state", 1, false},
    [ERROR] = {"error", 5, false},       [RECALL] = {"recall", 8, false},
};

typedef struct row {
    char cell[COLUMNS][64];
    char outcome[24], message[160]; /* in the place of TIME, over the columns up to BACKWARD */
} row;

typedef struct table {
    row *rows;
    size_t n, cap;
    int width[COLUMNS];
    bool shown[COLUMNS];
    char mask[16];  /* of the rows with a star; "": none */
    char dtype[16]; /* of all rows, where they share one that is not f32; "": none */
} table;

static double real(la_query *q, const char *name)
{
    return la_query_real(q, la_query_find(q, name));
}

static const char *text(la_query *q, const char *name)
{
    const char *s = la_query_text(q, la_query_find(q, name));
    return s ? s : "";
}

static void fill_share(char cell[64], double percent)
{
    if (isfinite(percent)) snprintf(cell, 64, percent < 9.95 ? "%.1f" : "%.0f", percent);
}

static void fill_forward(row *r, la_query *q)
{
    const char *outcome = text(q, "fwd_outcome");
    double ns = real(q, "fwd_ns");
    if (isfinite(ns)) {
        char value[40], interval[40];
        la_number_time(ns, real(q, "fwd_lo"), real(q, "fwd_hi"), value, interval);
        snprintf(r->cell[TIME], sizeof r->cell[TIME], "%s", value);
        snprintf(r->cell[INTERVAL], sizeof r->cell[INTERVAL], "%s", interval);
        snprintf(r->cell[SAMPLES], sizeof r->cell[SAMPLES], "%s", text(q, "fwd_n"));
        double rate = real(q, "flop_per_s") * 1e-9;
        if (isfinite(rate))
            snprintf(r->cell[GFLOPS], sizeof r->cell[GFLOPS], rate < 9.95 ? "%.2f" : "%.0f", rate);
        fill_share(r->cell[PEAK], real(q, "pct_peak"));
        fill_share(r->cell[BESIDE], real(q, "pct_beside"));
    } else if (*outcome) {
        const char *message = text(q, "fwd_message");
        bool telling = strstr(outcome, "oom") || strstr(outcome, "timeout");
        snprintf(r->outcome, sizeof r->outcome, "%.20s", outcome);
        if (telling) snprintf(r->message, sizeof r->message, "%.150s", message);
    }
}

/* A time, or what became of the cell. */
static void fill_time(char cell[64], double ns, const char *outcome)
{
    char number[40];
    if (isfinite(ns)) {
        la_number_time(ns, (double)NAN, (double)NAN, number, NULL);
        snprintf(cell, 64, "%s", number);
    } else if (*outcome) {
        la_number_outcome(outcome, NULL, cell, 64);
    }
}

static void fill_rest(row *r, la_query *q)
{
    char number[40];
    double saved = real(q, "saved_bytes"), work = real(q, "work_bytes"),
           state = real(q, "state_bytes"), error = real(q, "error"),
           least = real(q, "recall_least"), most = real(q, "recall_most");
    const char *recall = text(q, "recall_outcome");
    fill_time(r->cell[BACKWARD], real(q, "bwd_ns"), text(q, "bwd_outcome"));
    fill_time(r->cell[BOTH], real(q, "fwdbwd_ns"), text(q, "fwdbwd_outcome"));
    fill_time(r->cell[DECODE], real(q, "decode_ns"), text(q, "decode_outcome"));
    if (isfinite(saved) && saved > 0)
        snprintf(r->cell[SAVED], sizeof r->cell[SAVED], "%s", la_format_bytes(saved, number));
    if (isfinite(work))
        snprintf(r->cell[WORK], sizeof r->cell[WORK], "%s", la_format_bytes(work, number));
    if (isfinite(state) && state > 0)
        snprintf(r->cell[STATE], sizeof r->cell[STATE], "%s", la_format_bytes(state, number));
    if (isfinite(error)) snprintf(r->cell[ERROR], sizeof r->cell[ERROR], "%.1e", error);
    if (isfinite(least) && most - least > 0.0005)
        snprintf(r->cell[RECALL], sizeof r->cell[RECALL], "%.3f-%.3f", least, most);
    else if (isfinite(least))
        snprintf(r->cell[RECALL], sizeof r->cell[RECALL], "%.3f", least);
    else if (*recall)
        la_number_outcome(recall, NULL, r->cell[RECALL], sizeof r->cell[RECALL]);
    for (int c = BACKWARD; c <= RECALL; c++)
        if (strcmp(r->cell[c], "unsupported") == 0) snprintf(r->cell[c], sizeof r->cell[c], "-");
}

static la_status load(la_store *store, int64_t sweep_id, table *t, la_err *err)
{
    char id[24], count[24];
    snprintf(id, sizeof id, "%lld", (long long)sweep_id);
    la_lines lines;
    la_query *q = NULL;
    LA_TRY(la_lines_load(store, sweep_id, la_table_sql, NULL, &lines, err));
    la_status st = la_query_open(store, la_table_sql, (const char *[]){id}, 1, &q, err);
    bool more = st == LA_OK;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        void *grown = t->rows;
        if ((st = la_grow(&grown, &t->cap, t->n + 1, sizeof *t->rows, err)) != LA_OK) break;
        t->rows = grown;
        row *r = &t->rows[t->n++];
        *r = (row){0};
        const la_series *line = la_lines_match(&lines, q);
        snprintf(r->cell[VARIANT], sizeof r->cell[VARIANT], "%.50s%s",
                 line ? line->label : text(q, "variant"), line && line->marked ? "*" : "");
        if (line && line->marked)
            snprintf(t->mask, sizeof t->mask, "%.15s", line->axis[LA_AXIS_MASK]);
        snprintf(r->cell[LENGTH], sizeof r->cell[LENGTH], "%s",
                 la_format_count((int64_t)real(q, "seqlen"), count));
        fill_forward(r, q);
        fill_rest(r, q);
    }
    if (st == LA_OK && lines.n && !lines.mixed[LA_AXIS_DTYPE] &&
        strcmp(lines.v[0].axis[LA_AXIS_DTYPE], "f32") != 0)
        snprintf(t->dtype, sizeof t->dtype, "%.15s", lines.v[0].axis[LA_AXIS_DTYPE]);
    la_query_close(q);
    la_lines_release(&lines);
    return st;
}

/* Columns that have anything in them, and their widths. */
static void measure(table *t)
{
    for (int c = 0; c < COLUMNS; c++) {
        bool any = columns[c].need == 9;
        t->width[c] = (int)strlen(columns[c].head);
        for (size_t i = 0; i < t->n; i++) {
            int width = (int)strlen(t->rows[i].cell[c]);
            any |= width > 0;
            if (width > t->width[c]) t->width[c] = width;
        }
        t->shown[c] = any;
    }
}

enum { GAP = 2 };

static int total_width(const table *t)
{
    int sum = -GAP;
    for (int c = 0; c < COLUMNS; c++) sum += t->shown[c] ? t->width[c] + GAP : 0;
    return sum;
}

/* Leaves out what is least needed until the table fits. */
static void fit(table *t, int width)
{
    while (width > 0 && total_width(t) > width) {
        int least = -1;
        for (int c = 0; c < COLUMNS; c++)
            if (t->shown[c] && columns[c].need < 9 &&
                (least < 0 || columns[c].need < columns[least].need))
                least = c;
        if (least < 0) return;
        t->shown[least] = false;
    }
}

static void print_row(const table *t, const row *r, FILE *out)
{
    int end = COLUMNS;
    while (end > 0 && (!t->shown[end - 1] || !*r->cell[end - 1])) end--; /* no blanks at the end */
    if (*r->outcome && end <= TIME) end = TIME + 1;
    for (int c = 0; c < end; c++) {
        if (!t->shown[c]) continue;
        if (c > 0) fputs("  ", out);
        if (*r->outcome && c == TIME) {
            /* The reason takes the place of the columns up to the backward time. */
            int room = t->width[TIME];
            while (c + 1 < BACKWARD) {
                c++;
                room += t->shown[c] ? t->width[c] + GAP : 0;
            }
            char clipped[160];
            size_t cap = (size_t)room + 1 < sizeof clipped ? (size_t)room + 1 : sizeof clipped;
            la_number_outcome(r->outcome, r->message, clipped, cap);
            fprintf(out, "%-*s", c + 1 >= end ? 0 : room, clipped);
            continue;
        }
        int pad = t->width[c] - (int)strlen(r->cell[c]);
        if (columns[c].left)
            fprintf(out, "%s%*s", r->cell[c], c + 1 == end ? 0 : pad, "");
        else
            fprintf(out, "%*s%s", pad, "", r->cell[c]);
    }
    fputc('\n', out);
}

static void print(const table *t, FILE *out)
{
    row head = {0};
    for (int c = 0; c < COLUMNS; c++)
        snprintf(head.cell[c], sizeof head.cell[c], "%s", columns[c].head);
    print_row(t, &head, out);
    for (size_t i = 0; i < t->n; i++) print_row(t, &t->rows[i], out);
}

/* Warnings by kind, with how many cells each touches and one of the texts. */
static la_status print_warnings(la_store *store, int64_t sweep_id, FILE *out, la_err *err)
{
    static const char sql[] =
        "SELECT code, count(*), count(DISTINCT cell_id), min(text) FROM ("
        "SELECT code, cell_id, text FROM v_warnings WHERE sweep_id = CAST(?1 AS INT) UNION ALL "
        "SELECT code, NULL, text FROM v_sweep_warnings WHERE sweep_id = CAST(?1 AS INT)) "
        "GROUP BY code ORDER BY code";
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)sweep_id);
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, (const char *[]){id}, 1, &q, err));
    bool more = true, first = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        long long cells = la_query_int(q, 2);
        if (first) fputs("\nwarnings\n", out);
        first = false;
        fprintf(out, "  %s", la_query_text(q, 0));
        if (cells > 0) fprintf(out, " (%lld %s)", cells, cells == 1 ? "cell" : "cells");
        fprintf(out, ": %s\n", la_query_text(q, 3));
    }
    la_query_close(q);
    return st;
}

la_status la_report_table(la_store *store, int64_t sweep_id, FILE *out, int width, la_err *err)
{
    table t = {0};
    la_status st = load(store, sweep_id, &t, err);
    if (st == LA_OK) {
        measure(&t);
        fit(&t, width);
        if (t.n) print(&t, out);
        if (*t.mask)
            fprintf(out, "* %s, the others %s\n", t.mask,
                    strcmp(t.mask, "causal") == 0 ? "bidirectional" : "causal");
        if (*t.dtype) fprintf(out, "all in %s\n", t.dtype);
        st = la_report_learned(store, sweep_id, out, width, err);
        if (st == LA_OK) st = la_report_difficulty(store, sweep_id, out, width, err);
        if (st == LA_OK) st = la_report_speedups(store, sweep_id, out, err);
        if (st == LA_OK) st = la_report_narrow(store, sweep_id, out, err);
        if (st == LA_OK) st = print_warnings(store, sweep_id, out, err);
    }
    if (st == LA_OK && ferror(out)) st = LA_FAIL(err, LA_E_IO, "the table could not be written");
    la_free(t.rows);
    return st;
}
