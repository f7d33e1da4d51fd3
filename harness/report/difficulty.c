/* SPDX-License-Identifier: Apache-2.0
 * The table of a sweep over difficulties: a row for each step of a task, a column for each variant, and
 * their mean, which is a task's score in MAD (Poli et al. 2024, arXiv:2403.17844).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "accuracy_text.h"
#include "query.h"
#include "report.h"

extern const char la_difficulty_sql[];

enum { MAX_STEPS = 64, GAP = 2 };

typedef struct steps { /* of one task, in order */
    char name[MAX_STEPS][64];
    double x[MAX_STEPS];
    size_t n;
    int width; /* of the longest name */
} steps;

static la_status find_steps(la_store *store, const char *id, const char *task, steps *out,
                            la_err *err)
{
    static const char sql[] =
        "SELECT difficulty || iif(step = '', '', ' ' || step), min(ordinal) FROM v_difficulty "
        "WHERE sweep_id = CAST(?1 AS INT) AND task = ?2 GROUP BY difficulty, step "
        "ORDER BY min(ordinal)";
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, (const char *[]){id, task}, 2, &q, err));
    bool more = true;
    la_status st;
    out->n = 0;
    out->width = (int)strlen("difficulty");
    while ((st = la_query_next(q, &more, err)) == LA_OK && more && out->n < MAX_STEPS) {
        char *name = out->name[out->n];
        snprintf(name, sizeof out->name[0], "%.60s", la_query_text(q, 0));
        out->x[out->n++] = la_query_real(q, 1);
        if ((int)strlen(name) > out->width) out->width = (int)strlen(name);
    }
    la_query_close(q);
    return st;
}

/* Mean over all steps; NaN where one of them has no accuracy. */
static double score_of(const la_series *s, const steps *all)
{
    double sum = 0;
    for (size_t i = 0; i < all->n; i++) {
        double y = NAN;
        for (size_t j = 0; j < s->n; j++)
            if (!(s->points[j].x < all->x[i]) && !(s->points[j].x > all->x[i]) &&
                la_point_good(&s->points[j]))
                y = s->points[j].y;
        sum += y;
    }
    return sum / (double)all->n;
}

static int column_width(const la_series *s, const steps *all)
{
    char text[LA_ACCURACY_TEXT];
    int wide = (int)strlen(s->label) + s->marked;
    for (size_t i = 0; i < all->n; i++) {
        la_accuracy_text(s, all->x[i], text);
        if ((int)strlen(text) > wide) wide = (int)strlen(text);
    }
    return wide > 5 ? wide : 5;
}

/* Variants first..last-1 side by side. */
static void print_block(const la_lines *lines, size_t first, size_t last, const steps *all,
                        FILE *out)
{
    char text[LA_ACCURACY_TEXT];
    fprintf(out, "%-*s", all->width, "difficulty");
    for (size_t i = first; i < last; i++) {
        const la_series *s = &lines->v[i];
        fprintf(out, "%*s%s%s", GAP + column_width(s, all) - (int)strlen(s->label) - s->marked, "",
                s->label, s->marked ? "*" : "");
    }
    for (size_t k = 0; k < all->n; k++) {
        fprintf(out, "\n%-*s", all->width, all->name[k]);
        for (size_t i = first; i < last; i++) {
            la_accuracy_text(&lines->v[i], all->x[k], text);
            fprintf(out, "%*s", GAP + column_width(&lines->v[i], all), text);
        }
    }
    fprintf(out, "\n%-*s", all->width, "score");
    for (size_t i = first; i < last; i++) {
        double score = score_of(&lines->v[i], all);
        snprintf(text, sizeof text, score >= 0 ? "%.3f" : "-", score);
        fprintf(out, "%*s", GAP + column_width(&lines->v[i], all), text);
    }
    fputc('\n', out);
}

static void print_task(const la_lines *lines, const char *task, const steps *all, int width,
                       FILE *out)
{
    fprintf(out, "\n%s: accuracy with one thing changed at a time; the score is the mean of all\n",
            task);
    for (size_t first = 0, last; first < lines->n; first = last) {
        int used = all->width;
        for (last = first; last < lines->n; last++) {
            used += GAP + column_width(&lines->v[last], all);
            if (width > 0 && used > width && last > first) break;
        }
        print_block(lines, first, last, all, out);
    }
    la_accuracy_mask_note(lines, out);
}

la_status la_report_difficulty(la_store *store, int64_t sweep_id, FILE *out, int width, la_err *err)
{
    static const char sql[] = "SELECT task FROM v_difficulty WHERE sweep_id = CAST(?1 AS INT) "
                              "GROUP BY task ORDER BY min(ordinal)";
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)sweep_id);
    const char *arg = id;
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, &arg, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        char task[64];
        steps all;
        la_lines lines;
        snprintf(task, sizeof task, "%.60s", la_query_text(q, 0));
        if ((st = find_steps(store, id, task, &all, err)) != LA_OK) break;
        if ((st = la_lines_load(store, sweep_id, la_difficulty_sql, task, &lines, err)) != LA_OK)
            break;
        print_task(&lines, task, &all, width, out);
        la_lines_release(&lines);
    }
    la_query_close(q);
    return st;
}
