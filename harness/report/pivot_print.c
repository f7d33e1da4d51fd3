/* SPDX-License-Identifier: Apache-2.0
 * Tables by a column, as text for papers and for programs.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "markup.h"
#include "numbers.h"
#include "pivot.h"

/* ---- for programs: plain numbers, interval beside them ---- */

static void put_plain(double x, const char *nothing, FILE *out)
{
    if (isfinite(x))
        la_real_put(x, out);
    else
        fputs(nothing, out);
}

static double value_of(const la_point *point)
{
    return point && la_point_good(point) ? point->y : (double)NAN;
}

static const char *outcome_of(const la_point *point)
{
    return point ? *point->outcome ? point->outcome : "ok" : "";
}

/* "median_ns" has bounds "lo_ns", "hi_ns"; "accuracy" has "lo", "hi". */
static const char *unit_of(const la_pivot_kind *kind)
{
    return kind->unit == LA_PIVOT_TIME ? "_ns" : "";
}

/* The columns of all tables; borrowed from them. */
typedef struct csv_column {
    double x;
    const char *head;
} csv_column;
typedef struct columns {
    csv_column *v;
    size_t n, cap;
} columns;

static int by_x(const void *a, const void *b)
{
    double x = ((const csv_column *)a)->x, y = ((const csv_column *)b)->x;
    return (x > y) - (x < y);
}

static la_status unite(const la_pivots *pivots, columns *all, la_err *err)
{
    for (size_t i = 0; i < pivots->n; i++)
        for (size_t c = 0; c < pivots->v[i].n; c++) {
            void *grown = all->v;
            LA_TRY(la_grow(&grown, &all->cap, all->n + 1, sizeof *all->v, err));
            all->v = grown;
            all->v[all->n++] = (csv_column){pivots->v[i].columns[c], pivots->v[i].heads[c]};
        }
    qsort(all->v, all->n, sizeof *all->v, by_x);
    size_t kept = 0;
    for (size_t i = 0; i < all->n; i++)
        if (kept == 0 || all->v[kept - 1].x < all->v[i].x) all->v[kept++] = all->v[i];
    all->n = kept;
    return LA_OK;
}

static void csv_row(const la_pivot *p, size_t row, const columns *all, FILE *out)
{
    la_csv_put(p->group, out);
    fputc(',', out);
    la_csv_put(p->lines.v[row].label, out);
    fputc(',', out);
    la_csv_put(p->lines.v[row].axis[LA_AXIS_MASK], out);
    for (size_t c = 0; c < all->n; c++) {
        const la_point *point = la_pivot_at(p, row, all->v[c].x);
        bool good = point && la_point_good(point);
        fputc(',', out);
        put_plain(value_of(point), "", out);
        fputc(',', out);
        put_plain(good ? point->lo : (double)NAN, "", out);
        fputc(',', out);
        put_plain(good ? point->hi : (double)NAN, "", out);
        fputc(',', out);
        if (good && point->n > 0) fprintf(out, "%lld", (long long)point->n);
        fputc(',', out);
        la_csv_put(outcome_of(point), out);
    }
    fputs("\r\n", out);
}

/* One head over all tables, which stand below each other. */
static la_status print_csv(const la_pivots *pivots, FILE *out, la_err *err)
{
    columns all = {0};
    la_status st = unite(pivots, &all, err);
    const la_pivot_kind *kind = pivots->v[0].kind;
    const char *unit = unit_of(kind);
    if (st == LA_OK) {
        fprintf(out, "%s,variant,mask", kind->group);
        for (size_t c = 0; c < all.n; c++) {
            const char *head = all.v[c].head;
            fprintf(out, ",%s %s,lo%s %s,hi%s %s,n %s,outcome %s", kind->value, head, unit, head,
                    unit, head, head, head);
        }
        fputs("\r\n", out);
        for (size_t i = 0; i < pivots->n; i++)
            for (size_t r = 0; r < pivots->v[i].lines.n; r++) csv_row(&pivots->v[i], r, &all, out);
    }
    la_free(all.v);
    return st;
}

static void json_cell(const la_pivot *p, size_t row, size_t column, FILE *out)
{
    const la_point *point = la_pivot_at(p, row, p->columns[column]);
    if (!point) {
        fputs("null", out);
        return;
    }
    bool good = la_point_good(point);
    fprintf(out, "{\"%s\": ", p->kind->value);
    put_plain(value_of(point), "null", out);
    fprintf(out, ", \"lo%s\": ", unit_of(p->kind));
    put_plain(good ? point->lo : (double)NAN, "null", out);
    fprintf(out, ", \"hi%s\": ", unit_of(p->kind));
    put_plain(good ? point->hi : (double)NAN, "null", out);
    fprintf(out, ", \"n\": %lld, \"outcome\": ", good ? (long long)point->n : 0);
    la_json_put(outcome_of(point), out);
    fprintf(out, ", \"best\": %s}", p->best[row * p->n + column] ? "true" : "false");
}

static void json_table(const la_pivot *p, FILE *out)
{
    fprintf(out, "{\"%s\": ", p->kind->group);
    la_json_put(p->group, out);
    fputs(", \"caption\": ", out);
    la_json_put(la_text_str(&p->caption), out);
    fputs(", \"columns\": [", out);
    for (size_t c = 0; c < p->n; c++) {
        fputs(c ? ", " : "", out);
        la_json_put(p->heads[c], out);
    }
    fputs("], \"rows\": [", out);
    for (size_t r = 0; r < p->lines.n; r++) {
        fputs(r ? ",\n   {\"variant\": " : "\n   {\"variant\": ", out);
        la_json_put(p->lines.v[r].label, out);
        fputs(", \"mask\": ", out);
        la_json_put(p->lines.v[r].axis[LA_AXIS_MASK], out);
        fputs(", \"cells\": [", out);
        for (size_t c = 0; c < p->n; c++) {
            fputs(c ? ", " : "", out);
            json_cell(p, r, c, out);
        }
        fputs("]}", out);
    }
    fputs("]}", out);
}

static void print_json(const la_pivots *pivots, const char *by, FILE *out)
{
    fprintf(out, "{\"format\": \"labench\", \"schema\": %d, \"export\": ", LA_SCHEMA_VERSION);
    la_json_put(pivots->v[0].kind->name, out);
    fputs(", \"by\": ", out);
    la_json_put(by, out);
    fputs(", \"tables\": [", out);
    for (size_t i = 0; i < pivots->n; i++) {
        fputs(i ? ",\n  " : "\n  ", out);
        json_table(&pivots->v[i], out);
    }
    fputs("\n]}\n", out);
}

/* ---- for papers ---- */

typedef struct unit {
    const char *name; /* "" for none */
    double size;
} unit;

/* The unit of a whole table of times: that in which its middle value has one to three digits. Bytes, which range
 * further, have theirs beside them. */
static unit find_unit(const la_pivot *p)
{
    static const unit times[] = {{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    if (p->kind->unit != LA_PIVOT_TIME) return (unit){"", 1};
    double sum = 0;
    size_t n = 0, u = 0;
    for (size_t i = 0; i < p->lines.n; i++)
        for (size_t j = 0; j < p->lines.v[i].n; j++) {
            const la_point *point = &p->lines.v[i].points[j];
            if (!la_point_good(point) || !(point->y > 0) || p->baseline[i]) continue;
            sum += log(point->y);
            n++;
        }
    double middle = n ? exp(sum / (double)n) : 1;
    while (u < 3 && middle >= times[u + 1].size) u++;
    return times[u];
}

/* What makes a table a table, by format. */
typedef struct dress {
    void (*text)(const char *, FILE *);
    const char *bold, *light, *small, *large; /* before and after a best value, and an interval */
    const char *between, *end;                /* of cells and rows */
    const char *begin;
} dress;

static void put_value(const la_pivot *p, const la_point *point, bool best, bool bare, unit u,
                      const dress *d, FILE *out)
{
    char value[40], interval[40] = "";
    double lo = bare ? (double)NAN : point->lo, hi = bare ? (double)NAN : point->hi;
    if (p->kind->unit == LA_PIVOT_ERROR)
        snprintf(value, sizeof value, "%.1e", point->y);
    else if (p->kind->unit == LA_PIVOT_BYTES)
        la_format_bytes(point->y, value);
    else
        la_number_scaled(point->y, point->lo, point->hi, u.size, value, interval);
    fprintf(out, "%s%s%s", best ? d->bold : "", value, best ? d->light : "");
    if (*interval && isfinite(lo) && isfinite(hi))
        fprintf(out, " %s%s%s", d->small, interval, d->large);
}

static void put_row(const la_pivot *p, size_t row, bool bare, unit u, const dress *d, FILE *out)
{
    const la_series *s = &p->lines.v[row];
    fputs(d->begin, out);
    d->text(s->label, out);
    if (s->marked) d->text("†", out);
    for (size_t c = 0; c < p->n; c++) {
        const la_point *point = la_pivot_at(p, row, p->columns[c]);
        char word[64];
        fputs(d->between, out);
        if (point && la_point_good(point)) {
            put_value(p, point, p->best[row * p->n + c], bare, u, d, out);
        } else if (point && strcmp(point->outcome, "unsupported") != 0) {
            la_number_outcome(point->outcome, NULL, word, sizeof word);
            d->text(word, out);
        }
    }
    fprintf(out, "%s\n", d->end);
}

static void put_rows(const la_pivot *p, bool bare, unit u, const dress *d, FILE *out)
{
    for (size_t r = 0; r < p->lines.n; r++)
        if (!la_pivot_absent(p, r)) put_row(p, r, bare, u, d, out);
}

static void put_heads(const la_pivot *p, const dress *d, FILE *out)
{
    fprintf(out, "%svariant", d->begin);
    for (size_t c = 0; c < p->n; c++) {
        fputs(d->between, out);
        d->text(p->heads[c], out);
    }
    fprintf(out, "%s\n", d->end);
}

static void put_caption(const la_pivot *p, unit u, const dress *d, FILE *out)
{
    d->text(la_text_str(&p->caption), out);
    if (!*u.name) return;
    fputs(" Values in ", out);
    d->text(u.name, out);
    fputc('.', out);
}

static void md_table(const la_pivot *p, bool bare, FILE *out)
{
    static const dress d = {la_md_put, "**", "**", "", "", " | ", " |", "| "};
    unit u = find_unit(p);
    put_heads(p, &d, out);
    fputs("| --- |", out);
    for (size_t c = 0; c < p->n; c++) fputs(" ---: |", out);
    fputc('\n', out);
    put_rows(p, bare, u, &d, out);
    fputc('\n', out);
    put_caption(p, u, &d, out);
    fputc('\n', out);
}

static void latex_table(const la_pivot *p, const char *by, bool bare, FILE *out)
{
    static const dress d = {la_latex_put, "\\textbf{", "}",     "{\\scriptsize ",
                            "}",          " & ",       " \\\\", "  "};
    unit u = find_unit(p);
    fputs("\\begin{table}\n\\centering\n\\caption{", out);
    put_caption(p, u, &d, out);
    fputs("}\n\\begin{tabular}{l", out);
    for (size_t c = 0; c < p->n; c++) fputc('r', out);
    fprintf(out, "}\n\\toprule\n & \\multicolumn{%zu}{c}{", p->n);
    la_latex_put(by, out);
    fprintf(out, "} \\\\\n\\cmidrule{2-%zu}\n", p->n + 1);
    put_heads(p, &d, out);
    fputs("\\midrule\n", out);
    put_rows(p, bare, u, &d, out);
    fputs("\\bottomrule\n\\end{tabular}\n\\end{table}\n", out);
}

la_status la_pivots_print(const la_pivots *pivots, const char *by, const char *format, bool bare,
                          FILE *out, la_err *err)
{
    if (strcmp(format, "csv") == 0) return print_csv(pivots, out, err);
    if (strcmp(format, "json") == 0) {
        print_json(pivots, by, out);
    } else {
        bool latex = strcmp(format, "latex") == 0;
        if (latex) fputs("% needs \\usepackage{booktabs}\n", out);
        for (size_t i = 0; i < pivots->n; i++) {
            if (i) fputc('\n', out);
            if (latex)
                latex_table(&pivots->v[i], by, bare, out);
            else
                md_table(&pivots->v[i], bare, out);
        }
    }
    return LA_OK;
}
