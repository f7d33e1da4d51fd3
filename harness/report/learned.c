/* SPDX-License-Identifier: Apache-2.0
 * Tables of trained models: accuracy with a column for each length, and how the training went.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy_text.h"
#include "alloc.h"
#include "numbers.h"
#include "query.h"
#include "report.h"
#include "series.h"
#include "text.h"

extern const char la_learned_sql[], la_learned_models_sql[], la_plot_learned_tasks_sql[];

enum { MAX_LENGTHS = 32, GAP = 2 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

size_t la_lines_lengths(const la_lines *lines, double *lengths, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < lines->n; i++)
        for (size_t j = 0; j < lines->v[i].n; j++) {
            size_t k = 0;
            while (k < n && lengths[k] != lines->v[i].points[j].x) k++;
            if (k == n && n < cap) lengths[n++] = lines->v[i].points[j].x;
        }
    qsort(lengths, n, sizeof *lengths, ascending);
    return n;
}

void la_accuracy_text(const la_series *s, double x, char out[LA_ACCURACY_TEXT])
{
    *out = '\0';
    for (size_t j = 0; j < s->n; j++) {
        const la_point *p = &s->points[j];
        if (p->x != x) continue;
        if (la_point_good(p))
            snprintf(out, LA_ACCURACY_TEXT, "%.3f", p->y);
        else if (strcmp(p->outcome, "unsupported") == 0)
            snprintf(out, LA_ACCURACY_TEXT, "-");
        else
            snprintf(out, LA_ACCURACY_TEXT, "%s",
                     la_outcome_mark(p->outcome) ? la_outcome_mark(p->outcome) : "not run");
    }
}

static int label_width(const la_lines *lines)
{
    int width = 7;
    for (size_t i = 0; i < lines->n; i++) {
        int mine = (int)strlen(lines->v[i].label) + lines->v[i].marked;
        if (mine > width) width = mine;
    }
    return width;
}

void la_accuracy_mask_note(const la_lines *lines, FILE *out)
{
    for (size_t i = 0; i < lines->n; i++)
        if (lines->v[i].marked) {
            bool both = strcmp(lines->v[i].axis[LA_AXIS_MASK], "bidirectional") == 0;
            fprintf(out, "* %s, the others %s\n", both ? "bidirectional" : "causal",
                    both ? "causal" : "bidirectional");
            break;
        }
}

/* Lengths side by side while the terminal has room, then a block below. */
static void print_accuracy(const la_lines *lines, const char *task, int width, FILE *out)
{
    double lengths[MAX_LENGTHS];
    size_t n = la_lines_lengths(lines, lengths, MAX_LENGTHS);
    int first = label_width(lines), wide[MAX_LENGTHS];
    char text[LA_ACCURACY_TEXT], count[24];
    for (size_t k = 0; k < n; k++) {
        wide[k] = (int)strlen(la_format_count((int64_t)lengths[k], count));
        for (size_t i = 0; i < lines->n; i++) {
            la_accuracy_text(&lines->v[i], lengths[k], text);
            if ((int)strlen(text) > wide[k]) wide[k] = (int)strlen(text);
        }
    }
    if (n == 0) return; /* steps of difficulty alone have a table of their own */
    fprintf(out, "\n%s: accuracy of trained models by length\n", task);
    for (size_t from = 0; from < n;) {
        size_t to = from;
        for (int used = first; to < n; to++) {
            used += GAP + wide[to];
            if (width > 0 && used > width && to > from) break;
        }
        fprintf(out, "%-*s", first, "variant");
        for (size_t k = from; k < to; k++)
            fprintf(out, "%*s", wide[k] + GAP, la_format_count((int64_t)lengths[k], count));
        fputc('\n', out);
        for (size_t i = 0; i < lines->n; i++) {
            const la_series *s = &lines->v[i];
            fprintf(out, "%s%s%*s", s->label, s->marked ? "*" : "",
                    first - (int)strlen(s->label) - s->marked, "");
            for (size_t k = from; k < to; k++) {
                la_accuracy_text(s, lengths[k], text);
                fprintf(out, "%*s", wide[k] + GAP, text);
            }
            fputc('\n', out);
        }
        from = to;
    }
    la_accuracy_mask_note(lines, out);
}

/* Why cells have no accuracy: for each variant and outcome, the reason of its shortest length. */
static la_status print_reasons(la_store *store, const char *id, const char *task, FILE *out,
                               la_err *err)
{
    static const char sql[] =
        "SELECT variant, message, min(seqlen), count(DISTINCT seqlen) FROM v_cell "
        "WHERE sweep_id = CAST(?1 AS INT) AND task = ?2 AND recipe IS NOT NULL AND "
        "outcome NOT IN ('ok', 'planned') AND message IS NOT NULL GROUP BY variant, outcome "
        "ORDER BY min(ordinal)";
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, (const char *[]){id, task}, 2, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more)
        fprintf(out, "  %s: %s%s\n", la_query_text(q, 0), la_query_text(q, 1),
                la_query_int(q, 3) > 1 ? "; longer ones likewise" : "");
    la_query_close(q);
    return st;
}

/* Widths of the texts at the left. */
static void widen(int *width, const char *text)
{
    int n = (int)strlen(text);
    if (n > *width) *width = n;
}

static void print_model(la_query *q, const la_lines *lines, int task_width, int label_width,
                        FILE *out)
{
    char time[24], reused[32] = "";
    const la_series *line = la_lines_match(lines, q);
    double again = la_query_named_real(q, "reused");
    if (again > 0) snprintf(reused, sizeof reused, "  %.0f reused", again);
    fprintf(out,
            "%-*s  %-*s  %3.0f  %7.2g  %9.0f  %5.0f  %5.0f  %10.3f  %10.3f  %9.0f  %8s  %s%s\n",
            task_width, la_query_named_text(q, "task"), label_width,
            line ? line->label : la_query_named_text(q, "variant"),
            la_query_named_real(q, "d_model"), la_query_named_real(q, "lr"),
            la_query_named_real(q, "parameters"), la_query_named_real(q, "seeds"),
            la_query_named_real(q, "steps"), la_query_named_real(q, "validation"),
            la_query_named_real(q, "worst"), la_query_named_real(q, "token_per_s"),
            la_format_ns(la_query_named_real(q, "train_ns"), time),
            la_query_named_text(q, "models"), reused);
}

/* A line each for the cells that trained models for a task; lines of different tasks have nothing in common
 * that their names could leave out. */
static la_status print_models(la_store *store, const char *id, const char *task, int task_width,
                              const la_lines *lines, int width, FILE *out, la_err *err)
{
    la_query *q = NULL;
    LA_TRY(la_query_open(store, la_learned_models_sql, (const char *[]){id, task}, 2, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more)
        print_model(q, lines, task_width, width, out);
    la_query_close(q);
    return st;
}

enum { MAX_TASKS = 32 };
typedef struct trained { /* what one sweep trained, a task each */
    char task[MAX_TASKS][64];
    la_lines lines[MAX_TASKS];
    size_t n;
} trained;

static la_status print_training(la_store *store, const char *id, const trained *t, FILE *out,
                                la_err *err)
{
    int task_width = 4, width = 15;
    bool any = false;
    for (size_t i = 0; i < t->n; i++) {
        if (t->lines[i].n) widen(&task_width, t->task[i]);
        for (size_t j = 0; j < t->lines[i].n; j++) widen(&width, t->lines[i].v[j].label);
        any |= t->lines[i].n > 0;
    }
    if (any)
        fprintf(out,
                "\ntraining\n%-*s  %-*s    d     rate     params  seeds  steps  validation  worst "
                "seed   tokens/s      time  models\n",
                task_width, "task", width, "variant");
    la_status st = LA_OK;
    for (size_t i = 0; i < t->n && st == LA_OK; i++)
        st = print_models(store, id, t->task[i], task_width, &t->lines[i], width, out, err);
    return st;
}

la_status la_report_learned(la_store *store, int64_t sweep_id, FILE *out, int width, la_err *err)
{
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)sweep_id);
    const char *arg = id;
    trained *t = la_zalloc(sizeof *t, err);
    if (!t) return LA_E_NOMEM;
    la_query *q = NULL;
    la_status st = la_query_open(store, la_plot_learned_tasks_sql, &arg, 1, &q, err);
    bool more = st == LA_OK;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more &&
           t->n < MAX_TASKS) {
        char *task = t->task[t->n];
        la_lines lines;
        snprintf(task, sizeof t->task[0], "%.60s", la_query_text(q, 0));
        st = la_lines_load(store, sweep_id, la_learned_models_sql, task, &t->lines[t->n], err);
        if (st == LA_OK) t->n++;
        if (st == LA_OK) st = la_lines_load(store, sweep_id, la_learned_sql, task, &lines, err);
        if (st != LA_OK) break;
        print_accuracy(&lines, task, width, out);
        la_lines_release(&lines);
        st = print_reasons(store, id, task, out, err);
    }
    la_query_close(q);
    if (st == LA_OK) st = print_training(store, id, t, out, err);
    for (size_t i = 0; i < t->n; i++) la_lines_release(&t->lines[i]);
    la_free(t);
    return st;
}
