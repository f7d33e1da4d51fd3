/* SPDX-License-Identifier: Apache-2.0
 * The views as csv, json and markdown.
 */
#include "export.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "folder.h"
#include "markup.h"
#include "new_file.h"
#include "numbers.h"
#include "pivot.h"
#include "query.h"
#include "series.h"
#include "speedups.h"
#include "text.h"

typedef struct kind {
    const char *name, *summary;
    const char *view;  /* csv and json take all its columns; NULL: the speed-ups, computed */
    const char *where; /* rows that belong to it */
    const char *order; /* unique, so that the same rows give the same bytes */
    const char *brief; /* the columns of a markdown table */
} kind;

#define CELL_BRIEF                                                                                 \
    "variant, impl, options, isa, pass, mask, dtype, batch, heads, kv_heads, qk_heads, dk, dv, "   \
    "threads, seqlen AS length"
#define OR_OUTCOME(column) "iif(outcome = 'ok', " column ", outcome) AS " column

static const kind kinds[] = {
    {"time", "time of one call: median, interval, rates, share of the peak", "v_time", "task = ''",
     "sweep_id, ordinal",
     CELL_BRIEF
     ", " OR_OUTCOME("median_ns") ", lo_ns, hi_ns, n, token_per_s, flop_per_s, pct_peak"},
    {"memory", "bytes: state, work, what forward saves, resident high water", "v_memory", "1",
     "sweep_id, ordinal",
     CELL_BRIEF ", state_bytes, work_bytes, saved_bytes, instance_bytes, output_bytes, "
                "workspace_peak_bytes, " OR_OUTCOME("rss_peak_bytes")},
    {"speedups", "each impl beside labench's best of its variant: ratios of time and memory", NULL,
     "1", "sweep_id, ordinal, impl",
     "variant, impl, base_impl, pass, mask, dtype, batch, heads, kv_heads, qk_heads, dk, dv, "
     "threads, options, seqlen AS length, "
     "their_ns, base_ns, speedup, lo, hi, n, memory_kind, memory_ratio"},
    {"accuracy", "share of right answers of a task, with interval and chance", "v_accuracy", "1",
     "sweep_id, ordinal, metric",
     "variant, impl, options, task, task_options, d_model, mask, seqlen AS length, metric, "
     "accuracy, lo, hi, n, chance"},
    {"difficulty", "accuracy of each step of a task's difficulty", "v_difficulty", "1",
     "sweep_id, ordinal",
     "variant, options, task, difficulty, step, seqlen AS length, " OR_OUTCOME(
         "accuracy") ", lo, hi, n, chance"},
    {"seeds", "accuracy of each seed of a task, with its model and data", "v_seed", "1",
     "sweep_id, ordinal, round",
     "variant, task, task_options, d_model, mask, seqlen AS length, round AS seed, accuracy, lo, "
     "hi, n, model, data_digest"},
    {"pareto", "accuracy beside the forward time and the state of the same length", "v_pareto", "1",
     "sweep_id, ordinal, time_cell_id",
     "variant, task, mask, seqlen AS length, accuracy, lo, hi, ns_per_token, state_bytes"},
    {"models", "trained models: parameters, steps, validation, speed", "v_model", "1",
     "sweep_id, ordinal, round, attempt_id",
     "variant, task, recipe, d_model, lr, seed, parameters, steps, tokens, loss, val_accuracy, "
     "train_token_per_s, model"},
    {"curves", "training curves, point by point", "v_curve", "1", "sweep_id, cell_id, round, step",
     "variant, task, recipe, d_model, peak_lr, seed, step, tokens, elapsed_ns, loss, val_accuracy, "
     "val_worst, lr, grad_norm"},
    {"error", "difference from the float64 reference", "v_error", "1", "sweep_id, ordinal",
     CELL_BRIEF ", outcome, rel_rms, max_rel, max_abs, n_nonfinite"},
    {"outcomes", "what became of each cell, with the reason", "v_cell", "1", "sweep_id, ordinal",
     CELL_BRIEF ", task, outcome, message"},
    {"flat", "one wide row per attempt: everything", "v_flat", "1",
     "sweep_id, ordinal, round, attempt_id",
     "variant, impl, pass, task, seqlen AS length, round, attempt_outcome AS outcome, n_samples, "
     "attempt_median_ns, rss_peak_bytes, rel_rms, accuracy, n_warnings"},
    {"samples", "every timing sample as measured", "v_samples", "1",
     "sweep_id, ordinal, round, attempt_id, idx",
     "variant, impl, pass, seqlen AS length, round, idx, iters, total_ns, call_ns"},
    {"metrics", "every metric of every attempt", "v_metrics", "1",
     "sweep_id, ordinal, round, attempt_id, metric",
     "variant, impl, pass, task, seqlen AS length, round, attempt_outcome AS outcome, metric, "
     "value, lo, hi, unit, n_total, n_nonfinite"},
    {"warnings", "warnings of attempts", "v_warnings", "1",
     "sweep_id, ordinal, round, attempt_id, code",
     "variant, impl, pass, seqlen AS length, round, code, text"},
    {"sweep_warnings", "warnings of whole sweeps", "v_sweep_warnings", "1",
     "sweep_id, at_utc, code", "sweep, code, text"},
    {"sweeps", "one row per sweep: command, machine, build, counts", "v_sweep", "1", "sweep_id",
     "sweep, created_utc, state, cells, attempts_done, attempts_planned, version, cpu_model, "
     "label"},
};

size_t la_export_count(void)
{
    return LA_COUNT(kinds);
}

const char *la_export_name(size_t i)
{
    return kinds[i].name;
}

const char *la_export_summary(size_t i)
{
    return kinds[i].summary;
}

/* The rows that are written. In a table of models the variant's name says what else tells them apart, out of a
 * second query of the same rows. */
typedef struct rows {
    la_query *q, *settings; /* settings NULL: names are enough */
    la_lines lines;
} rows;

/* One value as its format writes numbers and texts; nothing for NULL. */
static void put_cell(const rows *r, int i, void (*real)(double, FILE *),
                     void (*text)(const char *, FILE *), FILE *out)
{
    const la_query *q = r->q;
    bool named = r->settings && i == 0; /* the variant stands first in all tables */
    const la_series *line = named ? la_lines_match(&r->lines, r->settings) : NULL;
    if (line) {
        text(line->label, out);
        return;
    }
    switch (la_query_type(q, i)) {
    case LA_COLUMN_NULL:
        break;
    case LA_COLUMN_INT:
        fprintf(out, "%" PRId64, la_query_int(q, i));
        break;
    case LA_COLUMN_REAL:
        real(la_query_real(q, i), out);
        break;
    default:
        text(la_query_text(q, i) ? la_query_text(q, i) : "", out);
    }
}

/* ---- csv ---- */

static void csv_row(const rows *r, FILE *out)
{
    for (int i = 0; i < la_query_columns(r->q); i++) {
        if (i) fputc(',', out);
        put_cell(r, i, la_real_put, la_csv_put, out);
    }
    fputs("\r\n", out);
}

static void csv_head(const rows *r, FILE *out)
{
    for (int i = 0; i < la_query_columns(r->q); i++)
        fprintf(out, "%s%s", i ? "," : "", la_query_name(r->q, i));
    fputs("\r\n", out);
}

/* ---- json ---- */

static bool holds_json(const char *column)
{
    size_t n = strlen(column);
    return strcmp(column, "options") == 0 || strcmp(column, "task_options") == 0 ||
           (n > 5 && strcmp(column + n - 5, "_json") == 0);
}

/* Text of a JSON column as the value it says, any other text as a string. */
static void json_value_text(const char *column, const char *s, FILE *out)
{
    cJSON *value = holds_json(column) ? cJSON_Parse(s) : NULL;
    char *again = value ? cJSON_PrintUnformatted(value) : NULL;
    if (again)
        fputs(again, out);
    else
        la_json_put(s, out);
    cJSON_free(again);
    cJSON_Delete(value);
}

static void json_row(const la_query *q, bool first, FILE *out)
{
    fputs(first ? "\n  {" : ",\n  {", out);
    for (int i = 0; i < la_query_columns(q); i++) {
        fputs(i ? ", " : "", out);
        la_json_put(la_query_name(q, i), out);
        fputs(": ", out);
        double real = la_query_real(q, i);
        const char *text = NULL;
        switch (la_query_type(q, i)) {
        case LA_COLUMN_INT:
            fprintf(out, "%" PRId64, la_query_int(q, i));
            break;
        case LA_COLUMN_REAL:
            if (isfinite(real))
                la_real_put(real, out);
            else
                fputs("null", out);
            break;
        case LA_COLUMN_TEXT:
            text = la_query_text(q, i);
            json_value_text(la_query_name(q, i), text ? text : "", out);
            break;
        default:
            fputs("null", out);
        }
    }
    fputc('}', out);
}

/* ---- markdown ---- */

static void md_real(double x, FILE *out)
{
    fprintf(out, x >= 1e3 && x < 1e7 ? "%.0f" : "%.4g", x);
}

/* A bound stands with its value, in one cell. */
static bool is_bound(const rows *r, int i)
{
    static const char *const names[] = {"lo", "hi", "lo_ns", "hi_ns"};
    for (size_t k = 0; i < la_query_columns(r->q) && k < LA_COUNT(names); k++)
        if (strcmp(la_query_name(r->q, i), names[k]) == 0) return true;
    return false;
}

static bool has_bounds(const rows *r, int i)
{
    return !is_bound(r, i) && is_bound(r, i + 1) && is_bound(r, i + 2);
}

static bool in_ns(const char *name)
{
    size_t n = strlen(name);
    return n > 3 && strcmp(name + n - 3, "_ns") == 0;
}

/* "7.31 ms [7.24, 7.40]", where there is an interval. */
static void put_measured(const rows *r, int i, void (*text)(const char *, FILE *), FILE *out)
{
    double x = la_query_real(r->q, i), lo = la_query_real(r->q, i + 1),
           hi = la_query_real(r->q, i + 2);
    char value[40], interval[40];
    bool number = la_query_type(r->q, i) != LA_COLUMN_TEXT && isfinite(x);
    bool time = in_ns(la_query_name(r->q, i));
    if (!number || (!time && !(isfinite(lo) && isfinite(hi)))) {
        put_cell(r, i, md_real, text, out);
        return;
    }
    if (time)
        la_number_time(x, lo, hi, value, interval);
    else
        la_number_scaled(x, lo, hi, 1, value, interval);
    fprintf(out, "%s%s%s", value, *interval ? " " : "", interval);
}

/* The cells of the head or of the present row. */
static void put_cells(const rows *r, bool head, const char *between,
                      void (*text)(const char *, FILE *), FILE *out)
{
    for (int i = 0; i < la_query_columns(r->q); i++) {
        if (is_bound(r, i)) continue;
        if (i) fputs(between, out);
        const char *name = la_query_name(r->q, i);
        char brief[64];
        bool measured = has_bounds(r, i);
        snprintf(brief, sizeof brief, "%.*s", (int)strlen(name) - (in_ns(name) ? 3 : 0), name);
        if (head)
            text(measured ? brief : name, out);
        else if (measured)
            put_measured(r, i, text, out);
        else
            put_cell(r, i, md_real, text, out);
    }
}

static void md_head(const rows *r, FILE *out)
{
    fputs("| ", out);
    put_cells(r, true, " | ", la_md_put, out);
    fputs(" |\n|", out);
    for (int i = 0; i < la_query_columns(r->q); i++)
        if (!is_bound(r, i)) fputs(" --- |", out);
    fputc('\n', out);
}

static void md_row(const rows *r, FILE *out)
{
    fputs("| ", out);
    put_cells(r, false, " | ", la_md_put, out);
    fputs(" |\n", out);
}

/* ---- latex ---- */

static void latex_head(const rows *r, FILE *out)
{
    fputs("% needs \\usepackage{booktabs}\n\\begin{tabular}{", out);
    for (int i = 0; i < la_query_columns(r->q); i++)
        if (!is_bound(r, i)) fputc('l', out);
    fputs("}\n\\toprule\n", out);
    put_cells(r, true, " & ", la_latex_put, out);
    fputs(" \\\\\n\\midrule\n", out);
}

static void latex_row(const rows *r, FILE *out)
{
    put_cells(r, false, " & ", la_latex_put, out);
    fputs(" \\\\\n", out);
}

/* ---- all ---- */

/* How a format writes its rows; json is written by hand, for it counts them. */
static const struct {
    const char *name;
    void (*head)(const rows *, FILE *), (*row)(const rows *, FILE *);
    const char *foot;
    bool brief; /* the columns of a table, not all */
} formats[] = {{"csv", csv_head, csv_row, "", false},
               {"json", NULL, NULL, "", false},
               {"md", md_head, md_row, "", true},
               {"latex", latex_head, latex_row, "\\bottomrule\n\\end{tabular}\n", true}};

static la_status find_kind(const char *what, const kind **out, la_err *err)
{
    la_text names = {0};
    *out = NULL;
    for (size_t i = 0; i < LA_COUNT(kinds); i++) {
        if (strcmp(what, kinds[i].name) == 0) *out = &kinds[i];
        la_text_add(&names, "%s%s", i ? ", " : "", kinds[i].name);
    }
    la_status st = LA_OK;
    if (!*out)
        st = LA_FAIL(err, LA_E_ARG, "there is no '%s' to export; there is %s", what,
                     la_text_str(&names));
    la_text_release(&names);
    return st;
}

/* Rows of models, whose settings may have varied. */
static bool of_models(const kind *k)
{
    static const char *const views[] = {"v_accuracy", "v_difficulty", "v_seed",
                                        "v_pareto",   "v_model",      "v_curve"};
    bool found = false;
    for (size_t i = 0; i < LA_COUNT(views); i++) found |= k->view && strcmp(k->view, views[i]) == 0;
    return found;
}

/* Whether the rows are of one task: settings of different ones have nothing in common to be told apart by. */
static la_status of_one_task(la_store *store, int64_t sweep_id, const kind *k, bool *one,
                             la_err *err)
{
    char sql[160], id[24];
    const char *args[] = {id};
    la_query *q = NULL;
    bool more;
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    snprintf(sql, sizeof sql, "SELECT count(DISTINCT task) FROM %s WHERE sweep_id = ?1", k->view);
    la_status st = la_query_open(store, sql, args, 1, &q, err);
    if (st == LA_OK) st = la_query_next(q, &more, err);
    *one = st == LA_OK && la_query_int(q, 0) == 1;
    la_query_close(q);
    return st;
}

static la_status open_query(la_store *store, int64_t sweep_id, const kind *k, const char *columns,
                            const char *json, la_text *sql, la_query **out, la_err *err)
{
    char id[24];
    la_text_add(sql, "SELECT %s FROM ", columns);
    if (k->view)
        la_text_add(sql, "%s", k->view);
    else
        la_text_add(sql, "(\n%s\n)", la_speedups_sql);
    la_text_add(sql, " WHERE %s AND %s ORDER BY %s", k->where,
                sweep_id ? "sweep_id = ?1" : "?1 IS NULL", k->order);
    if (sql->failed) return LA_FAIL(err, LA_E_NOMEM, "out of memory for a query");
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    const char *args[] = {sweep_id ? id : NULL, json};
    return la_query_open(store, la_text_str(sql), args, k->view ? 1 : 2, out, err);
}

/* What tells models of one variant apart: their labels, and a query that says whose each row is. */
static la_status open_settings(la_store *store, int64_t sweep_id, const kind *k, rows *out,
                               la_err *err)
{
    static const char columns[] =
        "variant, options, task_options, model_options, train_options, mask, 0 AS x, 0 AS y";
    la_text sql = {0};
    bool one;
    la_status st = of_one_task(store, sweep_id, k, &one, err);
    if (st == LA_OK && one) {
        st = open_query(store, sweep_id, k, columns, NULL, &sql, &out->settings, err);
        if (st == LA_OK)
            st = la_lines_load(store, sweep_id, la_text_str(&sql), NULL, &out->lines, err);
    }
    la_text_release(&sql);
    return st;
}

static void close_rows(rows *r)
{
    la_query_close(r->q);
    la_query_close(r->settings);
    la_lines_release(&r->lines);
}

static la_status open_rows(la_store *store, int64_t sweep_id, const kind *k, bool brief, rows *out,
                           la_err *err)
{
    la_text sql = {0}, json = {0};
    *out = (rows){0};
    la_status st = k->view ? LA_OK : la_speedups(store, sweep_id, NULL, &json, err);
    if (st == LA_OK && json.failed) st = LA_FAIL(err, LA_E_NOMEM, "out of memory for a query");
    if (st == LA_OK)
        st = open_query(store, sweep_id, k, brief ? k->brief : "*", la_text_str(&json), &sql,
                        &out->q, err);
    if (st == LA_OK && brief && of_models(k) && sweep_id)
        st = open_settings(store, sweep_id, k, out, err);
    la_text_release(&sql);
    la_text_release(&json);
    if (st != LA_OK) close_rows(out);
    return st;
}

static la_status next_row(rows *r, bool *more, la_err *err)
{
    LA_TRY(la_query_next(r->q, more, err));
    return r->settings && *more ? la_query_next(r->settings, &(bool){false}, err) : LA_OK;
}

static la_status write_rows(la_store *store, int64_t sweep_id, const kind *k, size_t f, FILE *out,
                            la_err *err)
{
    rows r;
    LA_TRY(open_rows(store, sweep_id, k, formats[f].brief, &r, err));
    bool json = !formats[f].row;
    if (json)
        fprintf(out, "{\"format\": \"labench\", \"schema\": %d, \"export\": \"%s\", \"rows\": [",
                LA_SCHEMA_VERSION, k->name);
    else
        formats[f].head(&r, out);
    bool more = false, first = true;
    la_status st;
    while ((st = next_row(&r, &more, err)) == LA_OK && more && !ferror(out)) {
        if (json)
            json_row(r.q, first, out);
        else
            formats[f].row(&r, out);
        first = false;
    }
    fputs(json ? first ? "]}\n" : "\n]}\n" : formats[f].foot, out);
    close_rows(&r);
    return st;
}

static la_status write_tables(la_store *store, int64_t sweep_id, const la_export_how *how,
                              FILE *out, la_err *err)
{
    if (!sweep_id)
        return LA_FAIL(err, LA_E_ARG,
                       "a table by a column is of one sweep; name it with --sweep ID");
    la_pivots pivots;
    LA_TRY(la_pivots_load(store, sweep_id, how->what, how->by, &pivots, err));
    la_status st = la_pivots_print(&pivots, how->by, how->format, how->bare, out, err);
    la_pivots_release(&pivots);
    return st;
}

/* What is wanted and in which format, as places in their tables. */
static la_status look_up(const la_export_how *how, const kind **k, size_t *f, la_err *err)
{
    for (*f = 0; *f < LA_COUNT(formats); ++*f)
        if (strcmp(how->format, formats[*f].name) == 0) return find_kind(how->what, k, err);
    return LA_FAIL(err, LA_E_ARG, "there is no format '%s'; there is csv, json, md, latex",
                   how->format);
}

la_status la_export_check(const la_export_how *how, la_err *err)
{
    size_t f;
    const kind *k;
    LA_TRY(look_up(how, &k, &f, err));
    return how->by ? la_pivot_check(how->what, how->by, err) : LA_OK;
}

la_status la_export_as(la_store *store, int64_t sweep_id, const la_export_how *how, FILE *out,
                       la_err *err)
{
    size_t f;
    const kind *k;
    LA_TRY(look_up(how, &k, &f, err));
    la_status st = how->by ? write_tables(store, sweep_id, how, out, err)
                           : write_rows(store, sweep_id, k, f, out, err);
    errno = 0;
    if (st == LA_OK && (fflush(out) != 0 || ferror(out)))
        st = LA_FAIL(err, LA_E_IO, "cannot write the export: %s",
                     errno ? strerror(errno) : "the write failed");
    return st;
}

la_status la_export(la_store *store, int64_t sweep_id, const char *what, const char *format,
                    FILE *out, la_err *err)
{
    return la_export_as(store, sweep_id, &(la_export_how){.what = what, .format = format}, out,
                        err);
}

la_status la_export_file(la_store *store, int64_t sweep_id, const la_export_how *how,
                         const char *path, la_err *err)
{
    size_t format;
    const kind *k;
    LA_TRY(look_up(how, &k, &format, err));
    LA_TRY(la_make_folder_of(path, err));
    la_new_file file;
    LA_TRY(la_new_file_open(&file, path, err));
    return la_new_file_close(&file, la_export_as(store, sweep_id, how, file.f, err), err);
}
