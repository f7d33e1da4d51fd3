/* SPDX-License-Identifier: Apache-2.0 */
#include "pivot.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "figure.h"
#include "speedups.h"

static const la_pivot_kind kinds[] = {
    {.name = "time",
     .what = "Time of one call",
     .value = "median_ns",
     .from = "SELECT *, median_ns AS y, lo_ns AS lo, hi_ns AS hi FROM v_time WHERE task = ''",
     .group = "pass",
     .unit = LA_PIVOT_TIME,
     .better = -1},
    {.name = "memory",
     .what = "Memory of one call besides inputs, outputs and state",
     .value = "bytes",
     .from = "SELECT *, extra_bytes AS y, NULL AS lo, NULL AS hi, NULL AS n, "
             "rounds_done AS n_rounds FROM v_memory WHERE task = ''",
     .group = "pass",
     .unit = LA_PIVOT_BYTES,
     .better = -1},
    {.name = "speedups",
     .what = "Time of an impl over that of labench's best of the same variant",
     .value = "ratio",
     .from = "SELECT c.*, json_extract(j.value, '$.ratio') AS y, json_extract(j.value, '$.lo') "
             "AS lo, json_extract(j.value, '$.hi') AS hi, min(t.n, b.n) AS n, "
             "min(t.n_rounds, b.n_rounds) AS n_rounds FROM json_each(?2) j "
             "JOIN v_cell c ON c.cell_id = json_extract(j.value, '$.cell') "
             "JOIN v_time t ON t.cell_id = c.cell_id "
             "JOIN v_time b ON b.cell_id = json_extract(j.value, '$.base')",
     .group = "pass",
     .unit = LA_PIVOT_PLAIN,
     .ratios = true},
    {.name = "accuracy",
     .what = "Share of right answers",
     .value = "accuracy",
     .from = "SELECT c.*, a.accuracy AS y, a.lo, a.hi, a.n, c.rounds_done AS n_rounds "
             "FROM v_cell c LEFT JOIN v_accuracy a ON a.cell_id = c.cell_id AND "
             "a.metric = 'accuracy' WHERE c.task <> '' AND c.pass = 'eval' AND "
             "json_extract(c.train_options, '$.difficulty') IS NULL",
     .group = "task",
     .unit = LA_PIVOT_PLAIN,
     .better = 1},
    {.name = "error",
     .what = "Difference from the float64 reference, relative RMS",
     .value = "rel_rms",
     .from = "SELECT c.*, e.rel_rms AS y, NULL AS lo, NULL AS hi, NULL AS n, "
             "c.rounds_done AS n_rounds FROM v_cell c LEFT JOIN v_error e "
             "ON e.cell_id = c.cell_id WHERE c.task = ''",
     .group = "pass",
     .unit = LA_PIVOT_ERROR},
};

/* Columns that tell rows of a table apart; those of a kernel mean nothing of a model. */
static const struct {
    const char *column, *from;
    bool of_kernel;
} axes[] = {{"impl", "impl", true},
            {"dtype", "dtype", true},
            {"batch", "batch", true},
            {"heads", "heads", true},
            {"kv_heads", "kv_heads", true},
            {"qk_heads", "qk_heads", true},
            {"dk", "dk", true},
            {"dv", "dv", true},
            {"threads", "threads", true},
            {"cache_mode", "cache_mode", true},
            {"device_name", "device_name", true},
            {"mask", "mask", false},
            {"length", "seqlen", false},
            {"options", "options", false},
            {"task_options", "task_options", false},
            {"model_options", "model_options", false},
            /* A model for each length differs in nothing but its length. */
            {"train_options",
             "iif(json_extract(train_options, '$.at_length'), "
             "json_remove(train_options, '$.lengths'), train_options)",
             false}};

static const char *const passes[] = {"fwd", "bwd", "fwdbwd", "decode", "train", "eval"};
static const char *const dtypes[] = {"f32", "bf16", "f16", "f64"};

/* What can stand in the columns of a table; `without` are the axes it takes the place of. */
static const struct by {
    const char *name, *column, *without;
    const char *const *words; /* of a column of words; ended by n_words */
    size_t n_words;
} bys[] = {{"length", "seqlen", " length ", NULL, 0},
           {"pass", "pass", "", passes, LA_COUNT(passes)},
           {"dtype", "dtype", " dtype ", dtypes, LA_COUNT(dtypes)},
           {"threads", "threads", " threads ", NULL, 0},
           {"batch", "batch", " batch ", NULL, 0},
           {"heads", "heads", " heads kv_heads qk_heads ", NULL, 0},
           {"dim", "dk", " dk dv ", NULL, 0}};

typedef struct asked { /* --by, read */
    const struct by *known;
    char owner[64], key[64]; /* where it is none of them */
    char **words;            /* of such an option, where it has words for values: owned */
    size_t n_words, cap_words;
} asked;

static la_status read_by(const char *by, asked *out, la_err *err)
{
    *out = (asked){0};
    for (size_t i = 0; i < LA_COUNT(bys); i++)
        if (strcmp(by, bys[i].name) == 0) out->known = &bys[i];
    if (out->known) return LA_OK;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t owner = strspn(by, letters);
    size_t key = by[owner] == '.' ? strspn(by + owner + 1, letters) : 0;
    if (!owner || !key || by[owner + 1 + key] || owner > 60 || key > 60)
        return LA_FAIL(err, LA_E_ARG,
                       "--by %.60s is no column; there is length, pass, dtype, threads, batch, "
                       "heads, dim, and options as in --set: model.d_model, mqar.pairs",
                       by);
    snprintf(out->owner, sizeof out->owner, "%.*s", (int)owner, by);
    snprintf(out->key, sizeof out->key, "%s", by + owner + 1);
    return LA_OK;
}

/* A string of SQL. */
static void add_quoted(la_text *sql, const char *s)
{
    la_text_add(sql, "'");
    for (; *s; s++) la_text_bytes(sql, *s == '\'' ? "''" : s, *s == '\'' ? 2 : 1);
    la_text_add(sql, "'");
}

/* The column of options that an owner's are in. */
static const char *options_of(const asked *by)
{
    if (strcmp(by->owner, "model") == 0) return "model_options";
    return strcmp(by->owner, "train") == 0 ? "train_options" : NULL;
}

/* An option of a task or a variant is looked for where it may be. */
static void add_plain_x(la_text *sql, const asked *by)
{
    const char *column = options_of(by);
    if (by->known) {
        la_text_add(sql, "%s", by->known->column);
    } else if (column) {
        la_text_add(sql, "json_extract(%s, '$.%s')", column, by->key);
    } else {
        la_text_add(sql, "CASE '%s' WHEN task THEN json_extract(task_options, '$.%s') ", by->owner,
                    by->key);
        la_text_add(sql, "WHEN variant THEN json_extract(options, '$.%s') END", by->key);
    }
}

static size_t words_of(const asked *by, const char *const **words)
{
    *words = by->known ? by->known->words : (const char *const *)by->words;
    return by->known ? by->known->n_words : by->n_words;
}

/* A number: where the column is of words, which of them. */
static void add_x(la_text *sql, const asked *by)
{
    const char *const *words;
    size_t n = words_of(by, &words);
    if (n) la_text_add(sql, "CASE CAST(");
    add_plain_x(sql, by);
    if (n) la_text_add(sql, " AS TEXT)");
    for (size_t i = 0; i < n; i++) {
        la_text_add(sql, " WHEN ");
        add_quoted(sql, words[i]);
        la_text_add(sql, " THEN %zu", i);
    }
    if (n) la_text_add(sql, " END");
}

static void add_axis(la_text *sql, size_t i, const asked *by)
{
    const char *column = axes[i].column;
    char word[40];
    snprintf(word, sizeof word, " %s ", column);
    bool gone = by->known && strstr(by->known->without, word);
    const char *json = options_of(by);
    bool inside = !by->known &&
                  (json ? strcmp(json, column) == 0
                        : strcmp(column, "options") == 0 || strcmp(column, "task_options") == 0);
    if (gone)
        la_text_add(sql, ", '' AS %s", column);
    else if (axes[i].of_kernel)
        la_text_add(sql, ", iif(recipe IS NULL, %s, '') AS %s", axes[i].from, column);
    else if (inside)
        la_text_add(sql, ", json_remove(%s, '$.%s') AS %s", axes[i].from, by->key, column);
    else
        la_text_add(sql, ", %s AS %s", axes[i].from, column);
}

static la_status make_query(const la_pivot_kind *kind, const asked *by, const char *group,
                            la_text *sql, la_err *err)
{
    la_text_add(sql, "SELECT variant");
    for (size_t i = 0; i < LA_COUNT(axes); i++) add_axis(sql, i, by);
    la_text_add(sql, ", outcome, message, y, lo, hi, n, n_rounds, x FROM (SELECT *, ");
    add_x(sql, by);
    la_text_add(sql, " AS x FROM (%s)) WHERE sweep_id = CAST(?1 AS INT) AND x IS NOT NULL",
                kind->from);
    if (group) {
        la_text_add(sql, " AND %s = ", kind->group);
        add_quoted(sql, group);
    }
    la_text_add(sql, " ORDER BY ordinal, cell_id");
    return sql->failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for a query") : LA_OK;
}

/* ---- one table ---- */

static bool same(double x, double y)
{
    return !(x < y || x > y);
}

const la_point *la_pivot_at(const la_pivot *p, size_t row, double x)
{
    const la_series *s = &p->lines.v[row];
    for (size_t i = 0; i < s->n; i++)
        if (same(s->points[i].x, x)) return &s->points[i];
    return NULL;
}

bool la_pivot_absent(const la_pivot *p, size_t row)
{
    const la_series *s = &p->lines.v[row];
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->points[i].outcome, "unsupported") != 0) return false;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static char *head_of(const asked *by, double x, la_err *err)
{
    char text[40];
    const char *const *words;
    size_t i = (size_t)x, n = words_of(by, &words);
    if (i < n) return la_strdup(words[i], err);
    if (by->known && strcmp(by->known->name, "length") == 0)
        la_format_count((int64_t)x, text);
    else
        snprintf(text, sizeof text, "%.15g", x);
    return la_strdup(text, err);
}

/* The values that any row has, ascending, and their names. */
static la_status find_columns(la_pivot *p, const asked *by, la_err *err)
{
    size_t all = 0;
    for (size_t i = 0; i < p->lines.n; i++) all += p->lines.v[i].n;
    p->columns = la_alloc((all + 1) * sizeof *p->columns, err);
    p->heads = la_alloc((all + 1) * sizeof *p->heads, err);
    if (!p->columns || !p->heads) return LA_E_NOMEM;
    all = 0;
    for (size_t i = 0; i < p->lines.n; i++)
        for (size_t j = 0; j < p->lines.v[i].n; j++) p->columns[all++] = p->lines.v[i].points[j].x;
    qsort(p->columns, all, sizeof *p->columns, by_value);
    for (size_t i = 0; i < all; i++)
        if (p->n == 0 || !same(p->columns[p->n - 1], p->columns[i]))
            p->columns[p->n++] = p->columns[i];
    size_t n = p->n;
    for (p->n = 0; p->n < n; p->n++)
        if (!(p->heads[p->n] = head_of(by, p->columns[p->n], err))) return LA_E_NOMEM;
    return LA_OK;
}

static la_status refuse_doubles(const la_pivot *p, const char *words, const asked *by, la_err *err)
{
    for (size_t i = 0; i < p->lines.n; i++)
        for (size_t j = 1; j < p->lines.v[i].n; j++) {
            double x = p->lines.v[i].points[j].x;
            if (!same(p->lines.v[i].points[j - 1].x, x)) continue;
            char *head = head_of(by, x, err);
            if (!head) return LA_E_NOMEM;
            LA_FAIL(err, LA_E_ARG,
                    "two cells of %s would stand at %s %.60s of one table: what they differ in is "
                    "no column here; export without --by",
                    p->lines.v[i].label, words, head);
            la_free(head);
            return LA_E_ARG;
        }
    return LA_OK;
}

/* Do two rows do the same work, so that one may be better? */
static bool comparable(const la_series *a, const la_series *b)
{
    static const la_axis work[] = {LA_AXIS_BATCH, LA_AXIS_HEADS,  LA_AXIS_DK,          LA_AXIS_DV,
                                   LA_AXIS_MASK,  LA_AXIS_LENGTH, LA_AXIS_TASK_OPTIONS};
    for (size_t i = 0; i < LA_COUNT(work); i++)
        if (strcmp(a->axis[work[i]], b->axis[work[i]]) != 0) return false;
    return true;
}

static bool meet(const la_point *a, const la_point *b)
{
    double alo = isfinite(a->lo) ? a->lo : a->y, ahi = isfinite(a->lo) ? a->hi : a->y;
    double blo = isfinite(b->lo) ? b->lo : b->y, bhi = isfinite(b->lo) ? b->hi : b->y;
    return alo <= bhi && blo <= ahi;
}

/* A point that may be the best: not of a baseline, which computes nothing, nor of the rarer mask. */
static const la_point *rival(const la_pivot *p, size_t row, size_t column)
{
    const la_series *s = &p->lines.v[row];
    if (s->marked || p->baseline[row]) return NULL;
    const la_point *point = la_pivot_at(p, row, p->columns[column]);
    return point && la_point_good(point) ? point : NULL;
}

/* The best of a column among rows of the same work, and all whose interval meets its interval. */
static void find_best(la_pivot *p, size_t row, size_t column)
{
    const la_point *mine = rival(p, row, column);
    const la_point *best = mine;
    size_t rivals = 0;
    for (size_t i = 0; mine && i < p->lines.n; i++) {
        const la_point *other = rival(p, i, column);
        if (!other || !comparable(&p->lines.v[row], &p->lines.v[i])) continue;
        rivals++;
        if (p->kind->better * (other->y - best->y) > 0) best = other;
    }
    p->best[row * p->n + column] = p->kind->better && rivals > 1 && meet(mine, best);
}

static la_status find_baselines(la_store *store, int64_t sweep_id, la_pivot *p, la_err *err)
{
    static const char sql[] = "SELECT DISTINCT variant FROM v_cell WHERE "
                              "sweep_id = CAST(?1 AS INT) AND tags LIKE '%baseline%'";
    char id[24];
    la_query *q = NULL;
    bool more = true;
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    p->baseline = la_alloc((p->lines.n + 1) * sizeof *p->baseline, err);
    if (!p->baseline) return LA_E_NOMEM;
    memset(p->baseline, 0, p->lines.n * sizeof *p->baseline);
    LA_TRY(la_query_open(store, sql, (const char *[]){id}, 1, &q, err));
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more)
        for (size_t i = 0; i < p->lines.n; i++)
            p->baseline[i] |= strcmp(p->lines.v[i].variant, la_query_text(q, 0)) == 0;
    la_query_close(q);
    return st;
}

static la_status add_caption(la_store *store, int64_t sweep_id, la_pivot *p, la_err *err)
{
    char what[160];
    snprintf(what, sizeof what, "%.80s%s%.60s.", p->kind->what, *p->group ? ", " : "", p->group);
    const la_kind figure = {.what = what,
                            .tasks = "",
                            .table = true,
                            .scale = p->kind->better > 0 ? LA_SCALE_PART : LA_SCALE_TIME};
    const la_source source = {.store = store, .sweep = sweep_id, .name = ""};
    const la_view view = {.sources = &source, .n = 1};
    LA_TRY(la_figure_caption(&view, &figure, &p->lines, &p->caption, err));
    bool bold = false;
    for (size_t i = 0; i < p->lines.n * p->n; i++) bold |= p->best[i];
    if (bold)
        la_text_add(&p->caption, " Bold: the best of a column, and all whose interval meets its.");
    return p->caption.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for a caption") : LA_OK;
}

static la_status load_table(la_store *store, int64_t sweep_id, const char *by_words,
                            const asked *by, bool grouped, const char *json, la_pivot *p,
                            la_err *err)
{
    la_text sql = {0};
    la_status st = make_query(p->kind, by, grouped ? p->group : NULL, &sql, err);
    if (st == LA_OK) st = la_lines_load(store, sweep_id, la_text_str(&sql), json, &p->lines, err);
    la_text_release(&sql);
    if (st != LA_OK) return st;
    LA_TRY(refuse_doubles(p, by_words, by, err));
    LA_TRY(find_columns(p, by, err));
    LA_TRY(find_baselines(store, sweep_id, p, err));
    p->best = la_alloc((p->lines.n * p->n + 1) * sizeof *p->best, err);
    if (!p->best) return LA_E_NOMEM;
    for (size_t i = 0; i < p->lines.n; i++)
        for (size_t c = 0; c < p->n; c++) find_best(p, i, c);
    return add_caption(store, sweep_id, p, err);
}

/* ---- all tables ---- */

static void release(la_pivot *p)
{
    la_free(p->group);
    la_lines_release(&p->lines);
    la_free(p->columns);
    for (size_t i = 0; i < p->n; i++) la_free(p->heads[i]);
    la_free(p->heads);
    la_free(p->baseline);
    la_free(p->best);
    la_text_release(&p->caption);
}

void la_pivots_release(la_pivots *pivots)
{
    for (size_t i = 0; i < pivots->n; i++) release(&pivots->v[i]);
    la_free(pivots->v);
    *pivots = (la_pivots){0};
}

static la_status add_table(la_pivots *out, const la_pivot_kind *kind, const char *group,
                           la_err *err)
{
    void *grown = out->v;
    LA_TRY(la_grow(&grown, &out->cap, out->n + 1, sizeof *out->v, err));
    out->v = grown;
    out->v[out->n] = (la_pivot){.kind = kind, .group = la_strdup(group, err)};
    return out->v[out->n++].group ? LA_OK : LA_E_NOMEM;
}

/* A table for each value of the kind's group, in the order of the plan. */
static la_status find_groups(la_store *store, int64_t sweep_id, const la_pivot_kind *kind,
                             const char *json, la_pivots *out, la_err *err)
{
    la_text sql = {0};
    char id[24];
    la_query *q = NULL;
    bool more = true;
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    la_text_add(&sql,
                "SELECT %s FROM (%s) WHERE sweep_id = CAST(?1 AS INT) GROUP BY 1 "
                "ORDER BY min(ordinal), min(cell_id)",
                kind->group, kind->from);
    const char *args[] = {id, json};
    la_status st = sql.failed
                       ? LA_FAIL(err, LA_E_NOMEM, "out of memory for a query")
                       : la_query_open(store, la_text_str(&sql), args, json ? 2 : 1, &q, err);
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more)
        st = add_table(out, kind, la_query_text(q, 0) ? la_query_text(q, 0) : "", err);
    la_query_close(q);
    la_text_release(&sql);
    return st;
}

/* Tables without rows or columns are left out. */
static void drop_empty(la_pivots *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < out->n; i++) {
        if (out->v[i].n == 0)
            release(&out->v[i]);
        else
            out->v[kept++] = out->v[i];
    }
    out->n = kept;
}

static la_status keep_word(asked *by, const char *word, la_err *err)
{
    LA_TRY(la_grow((void **)&by->words, &by->cap_words, by->n_words + 1, sizeof *by->words, err));
    by->words[by->n_words] = la_strdup(word, err);
    return by->words[by->n_words++] ? LA_OK : LA_E_NOMEM;
}

static void forget_words(asked *by)
{
    for (size_t i = 0; i < by->n_words; i++) la_free(by->words[i]);
    la_free(by->words);
}

/* The values of an option of which any is a word, in the order of the plan. */
static la_status find_words(la_store *store, int64_t sweep_id, const la_pivot_kind *kind,
                            const char *json, asked *by, la_err *err)
{
    la_text sql = {0};
    char id[24];
    la_query *q = NULL;
    bool more = true, words = false;
    if (by->known) return LA_OK;
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    la_text_add(&sql, "SELECT CAST(x AS TEXT), typeof(x) = 'text' FROM (SELECT *, ");
    add_plain_x(&sql, by);
    la_text_add(&sql,
                " AS x FROM (%s)) WHERE sweep_id = CAST(?1 AS INT) AND x IS NOT NULL GROUP BY 1 "
                "ORDER BY min(ordinal)",
                kind->from);
    const char *args[] = {id, json};
    la_status st = sql.failed
                       ? LA_FAIL(err, LA_E_NOMEM, "out of memory for a query")
                       : la_query_open(store, la_text_str(&sql), args, json ? 2 : 1, &q, err);
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        words = words || la_query_int(q, 1) != 0;
        st = keep_word(by, la_query_text(q, 0), err);
    }
    la_query_close(q);
    la_text_release(&sql);
    if (st == LA_OK && !words) {
        forget_words(by);
        by->words = NULL;
        by->n_words = by->cap_words = 0;
    }
    return st;
}

static la_status find_kind(const char *what, const la_pivot_kind **out, la_err *err)
{
    *out = NULL;
    for (size_t i = 0; i < LA_COUNT(kinds); i++)
        if (strcmp(what, kinds[i].name) == 0) *out = &kinds[i];
    return *out ? LA_OK
                : LA_FAIL(err, LA_E_ARG,
                          "there is no table of '%.60s' by a column; there is time, memory, "
                          "speedups, accuracy, error",
                          what);
}

la_status la_pivot_check(const char *what, const char *by, la_err *err)
{
    const la_pivot_kind *kind;
    asked column;
    LA_TRY(find_kind(what, &kind, err));
    return read_by(by, &column, err);
}

la_status la_pivots_load(la_store *store, int64_t sweep_id, const char *what, const char *by,
                         la_pivots *out, la_err *err)
{
    asked column;
    la_text json = {0};
    const la_pivot_kind *kind;
    *out = (la_pivots){0};
    LA_TRY(find_kind(what, &kind, err));
    LA_TRY(read_by(by, &column, err));
    bool grouped = !(column.known && strcmp(column.known->name, kind->group) == 0);
    la_status st = kind->ratios ? la_speedups(store, sweep_id, NULL, &json, err) : LA_OK;
    const char *rows = kind->ratios ? la_text_str(&json) : NULL;
    if (st == LA_OK) st = find_words(store, sweep_id, kind, rows, &column, err);
    if (st == LA_OK && grouped) st = find_groups(store, sweep_id, kind, rows, out, err);
    if (st == LA_OK && !grouped) st = add_table(out, kind, "", err);
    for (size_t i = 0; st == LA_OK && i < out->n; i++)
        st = load_table(store, sweep_id, by, &column, grouped, rows, &out->v[i], err);
    la_text_release(&json);
    forget_words(&column);
    if (st == LA_OK) drop_empty(out);
    if (st == LA_OK && out->n == 0)
        st = LA_FAIL(err, LA_E_NOTFOUND, "the sweep has no %s by %.120s to export", what, by);
    if (st != LA_OK) la_pivots_release(out);
    return st;
}
