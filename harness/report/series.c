/* SPDX-License-Identifier: Apache-2.0 */
#include "series.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "stats.h"
#include "text.h"

/* Column of the query, and how a value is written in a label. */
static const struct {
    const char *column, *format;
} axes[LA_AXIS_COUNT] = {
    [LA_AXIS_IMPL] = {"impl", "%s"},
    [LA_AXIS_DTYPE] = {"dtype", "%s"},
    [LA_AXIS_BATCH] = {"batch", "B %s"},
    [LA_AXIS_HEADS] = {"heads", "H %s"},
    [LA_AXIS_KV_HEADS] = {"kv_heads", "kv %s"},
    [LA_AXIS_QK_HEADS] = {"qk_heads", "qk %s"},
    [LA_AXIS_DK] = {"dk", "dk %s"},
    [LA_AXIS_DV] = {"dv", "dv %s"},
    [LA_AXIS_THREADS] = {"threads", "%s threads"},
    [LA_AXIS_OPTIONS] = {"options", "%s"},
    [LA_AXIS_TASK_OPTIONS] = {"task_options", "%s"},
    [LA_AXIS_MODEL] = {"model_options", "%s"},
    [LA_AXIS_TRAIN] = {"train_options", "%s"},
    [LA_AXIS_LENGTH] = {"length", "T %s"},
    [LA_AXIS_CACHE] = {"cache_mode", "%s"},
    [LA_AXIS_DEVICE] = {"device_name", "%s"},
    [LA_AXIS_MASK] = {"mask", "%s"},
    [LA_AXIS_MEASURE] = {"measure", "%s"},
    [LA_AXIS_SOURCE] = {"", "· %s"},
};

static char *copy_column(la_query *q, const char *name, la_err *err)
{
    int column = la_query_find(q, name);
    const char *text = column < 0 ? NULL : la_query_text(q, column);
    return la_strdup(text ? text : "", err);
}

static double real_column(la_query *q, const char *name)
{
    int column = la_query_find(q, name);
    return column < 0 ? (double)NAN : la_query_real(q, column);
}

static int64_t int_column(la_query *q, const char *name)
{
    int column = la_query_find(q, name);
    return column < 0 ? 0 : la_query_int(q, column);
}

static void series_release(la_series *s)
{
    for (size_t i = 0; i < s->n; i++) {
        la_free(s->points[i].outcome);
        la_free(s->points[i].message);
        la_free(s->points[i].seeds);
    }
    for (int a = 0; a < LA_AXIS_COUNT; a++) la_free(s->axis[a]);
    la_free(s->variant);
    la_free(s->label);
    la_free(s->points);
    *s = (la_series){0};
}

void la_lines_release(la_lines *lines)
{
    if (!lines) return;
    for (size_t i = 0; i < lines->n; i++) series_release(&lines->v[i]);
    la_free(lines->v);
    *lines = (la_lines){0};
}

static bool same_line(const la_series *a, const la_series *b)
{
    if (strcmp(a->variant, b->variant) != 0) return false;
    for (int i = 0; i < LA_AXIS_COUNT; i++)
        if (strcmp(a->axis[i], b->axis[i]) != 0) return false;
    return true;
}

/* The line of the query's row: found, or added. */
static la_status find_line(la_lines *lines, la_query *q, size_t place, const char *source,
                           la_series **out, la_err *err)
{
    la_series row = {.exponent = NAN, .source = place, .variant = copy_column(q, "variant", err)};
    bool failed = !row.variant;
    for (int a = 0; a < LA_AXIS_COUNT; a++)
        failed |= !(row.axis[a] = a == LA_AXIS_SOURCE ? la_strdup(source, err)
                                                      : copy_column(q, axes[a].column, err));
    for (size_t i = 0; !failed && i < lines->n; i++)
        if (same_line(&lines->v[i], &row)) {
            series_release(&row);
            *out = &lines->v[i];
            return LA_OK;
        }
    void *grown = lines->v;
    if (failed || la_grow(&grown, &lines->cap, lines->n + 1, sizeof *lines->v, err) != LA_OK) {
        series_release(&row);
        return LA_E_NOMEM;
    }
    lines->v = grown;
    lines->v[lines->n] = row;
    *out = &lines->v[lines->n++];
    return LA_OK;
}

const la_series *la_lines_match(const la_lines *lines, la_query *q)
{
    for (size_t i = 0; i < lines->n; i++) {
        const la_series *s = &lines->v[i];
        int column = la_query_find(q, "variant");
        const char *value = column < 0 ? NULL : la_query_text(q, column);
        bool same = value && strcmp(value, s->variant) == 0;
        for (int a = 0; a < LA_AXIS_COUNT && same; a++) {
            column = la_query_find(q, axes[a].column);
            value = column < 0 ? NULL : la_query_text(q, column);
            same = strcmp(value ? value : "", s->axis[a]) == 0;
        }
        if (same) return s;
    }
    return NULL;
}

static la_status add_row(la_lines *lines, la_query *q, size_t place, const char *source,
                         la_err *err)
{
    la_series *s;
    LA_TRY(find_line(lines, q, place, source, &s, err));
    void *grown = s->points;
    LA_TRY(la_grow(&grown, &s->cap, s->n + 1, sizeof *s->points, err));
    s->points = grown;
    la_point *p = &s->points[s->n];
    *p = (la_point){.x = real_column(q, "x"),
                    .y = real_column(q, "y"),
                    .lo = real_column(q, "lo"),
                    .hi = real_column(q, "hi"),
                    .size = real_column(q, "size"),
                    .n = int_column(q, "n"),
                    .rounds = int_column(q, "n_rounds")};
    p->outcome = copy_column(q, "outcome", err);
    p->message = copy_column(q, "message", err);
    p->seeds = copy_column(q, "seeds", err);
    s->n++; /* release frees what is there */
    return p->outcome && p->message && p->seeds ? LA_OK : LA_E_NOMEM;
}

static void compare_axes(la_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++)
        for (size_t j = i + 1; j < lines->n; j++)
            for (int a = 0; a < LA_AXIS_COUNT; a++) {
                const la_series *x = &lines->v[i], *y = &lines->v[j];
                if (strcmp(x->axis[a], y->axis[a]) == 0) continue;
                lines->mixed[a] = true;
                /* What differs from sweep to sweep only is told by the name of the sweep. */
                if (a == LA_AXIS_SOURCE ||
                    (x->source == y->source && strcmp(x->variant, y->variant) == 0))
                    lines->varies[a] = true;
            }
}

/* Adds those members of the options object `json` that differ in some line of the same variant. */
static void add_options(la_text *label, const la_lines *lines, const la_series *s, la_axis axis)
{
    cJSON *mine = cJSON_Parse(s->axis[axis]);
    for (const cJSON *item = mine ? mine->child : NULL; item; item = item->next) {
        bool differs = false;
        for (size_t i = 0; i < lines->n && !differs; i++) {
            if (strcmp(lines->v[i].variant, s->variant) != 0) continue;
            cJSON *other = cJSON_Parse(lines->v[i].axis[axis]);
            const cJSON *twin = cJSON_GetObjectItemCaseSensitive(other, item->string);
            differs = !twin || !cJSON_Compare(twin, item, 1);
            cJSON_Delete(other);
        }
        if (!differs) continue;
        char *value = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
        la_text_add(label, " %s %s", item->string, value ? value : cJSON_GetStringValue(item));
        cJSON_free(value);
    }
    cJSON_Delete(mine);
}

/* A line of a peer says so even where it is the only one of its variant. */
static bool of_peer(const la_series *s)
{
    const char *impl = s->axis[LA_AXIS_IMPL];
    return *impl && strncmp(impl, "cpu_", 4) != 0 && strncmp(impl, "cuda_", 5) != 0;
}

static la_status make_label(const la_lines *lines, la_series *s, la_err *err)
{
    la_text label = {0};
    la_text_add(&label, "%s", s->variant);
    for (int a = 0; a < LA_AXIS_COUNT; a++) {
        if (!lines->varies[a] && !(a == LA_AXIS_IMPL && of_peer(s))) continue;
        if (a >= LA_AXIS_OPTIONS && a <= LA_AXIS_TRAIN) {
            add_options(&label, lines, s, (la_axis)a);
        } else if (a == LA_AXIS_LENGTH) {
            char count[24];
            la_text_add(&label, " T %s", la_format_count(strtoll(s->axis[a], NULL, 10), count));
        } else if (*s->axis[a]) {
            const char *value = s->axis[a];
            if (a == LA_AXIS_IMPL && strncmp(value, "cpu_", 4) == 0) value += 4;
            la_text_add(&label, " ");
            char text[128];
            /* The format is one of the table above, each with one %s. */
            const char *at = strstr(axes[a].format, "%s");
            bool one = a == LA_AXIS_THREADS && strcmp(value, "1") == 0;
            snprintf(text, sizeof text, "%.*s%.96s%s", (int)(at - axes[a].format), axes[a].format,
                     value, one ? " thread" : at + 2);
            la_text_add(&label, "%s", text);
        }
    }
    if (label.failed) {
        la_text_release(&label);
        return LA_FAIL(err, LA_E_NOMEM, "no memory for the label of %s", s->variant);
    }
    enum { LONGEST = 40 };
    if (label.len > LONGEST) { /* cut between characters, not within one */
        size_t cut = LONGEST;
        while (cut > 0 && ((unsigned char)label.s[cut] & 0xc0) == 0x80) cut--;
        label.s[cut] = '\0';
        label.len = cut;
        la_text_add(&label, "...");
    }
    s->label = la_strdup(la_text_str(&label), err);
    la_text_release(&label);
    return s->label ? LA_OK : LA_E_NOMEM;
}

/* How many lines have an impl in common within one source, at most. */
static int most_alike(const la_lines *lines)
{
    int most = 1;
    for (size_t i = 0; i < lines->n; i++) {
        int n = 0;
        for (size_t j = 0; j < lines->n; j++) {
            const la_series *a = &lines->v[i], *b = &lines->v[j];
            n += a->source == b->source && strcmp(a->variant, b->variant) == 0 &&
                 strcmp(a->axis[LA_AXIS_IMPL], b->axis[LA_AXIS_IMPL]) == 0;
        }
        most = n > most ? n : most;
    }
    return most;
}

/* The place of an impl is among all that the sweep has of its variant, and not this figure's rows alone. A
 * line looks in the second sweep as one more of its kind would in the first. */
static la_status assign_looks(const la_source *source, size_t place, la_lines *lines, la_err *err)
{
    static const char sql[] = "SELECT DISTINCT variant, impl FROM v_cell "
                              "WHERE sweep_id = CAST(?1 AS INT) ORDER BY variant, impl";
    char id[24], before[64] = "";
    int impl = 0;
    int alike = lines->sources > 1 ? most_alike(lines) : 0;
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    la_query *q = NULL;
    LA_TRY(la_query_open(source->store, sql, (const char *[]){id}, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        const char *variant = la_query_text(q, 0), *name = la_query_text(q, 1);
        int line = alike * (int)place;
        impl = strcmp(before, variant) == 0 ? impl + 1 : 0;
        snprintf(before, sizeof before, "%.60s", variant);
        for (size_t i = 0; i < lines->n; i++) {
            la_series *s = &lines->v[i];
            const char *own = s->axis[LA_AXIS_IMPL];
            /* Figures whose lines are no impl's have them in the order of the first. */
            bool same = *own ? strcmp(own, name) == 0 : impl == 0;
            if (!same || s->source != place || strcmp(s->variant, variant) != 0) continue;
            if (*s->axis[LA_AXIS_MEASURE]) { /* the line before in another measure */
                la_series_look(s, impl, line > 0 ? line - 1 : 0);
                s->dash = 3;
            } else {
                la_series_look(s, impl, line++);
            }
        }
    }
    la_query_close(q);
    return st;
}

static int by_x(const void *a, const void *b)
{
    double x = ((const la_point *)a)->x, y = ((const la_point *)b)->x;
    return (x > y) - (x < y);
}

/* The dagger goes to the rarer mask. */
static void mark_masks(la_lines *lines)
{
    size_t causal = 0;
    for (size_t i = 0; i < lines->n; i++)
        causal += strcmp(lines->v[i].axis[LA_AXIS_MASK], "causal") == 0;
    const char *rare = 2 * causal >= lines->n ? "bidirectional" : "causal";
    for (size_t i = 0; i < lines->n; i++)
        lines->v[i].marked =
            lines->mixed[LA_AXIS_MASK] && strcmp(lines->v[i].axis[LA_AXIS_MASK], rare) == 0;
}

static la_status read_source(const la_source *source, size_t place, const char *sql,
                             const char *which, bool named, la_lines *out, la_err *err)
{
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    la_query *q = NULL;
    LA_TRY(la_query_open(source->store, sql, (const char *[]){id, which}, which ? 2 : 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more)
        if ((st = add_row(out, q, place, named ? source->name : "", err)) != LA_OK) break;
    la_query_close(q);
    return st;
}

la_status la_lines_load_all(const la_source *sources, size_t n, const char *sql,
                            const char *const *which, la_lines *out, la_err *err)
{
    *out = (la_lines){.sources = n};
    la_status st = LA_OK;
    for (size_t i = 0; i < n && st == LA_OK; i++)
        st = read_source(&sources[i], i, sql, which ? which[i] : NULL, n > 1, out, err);
    compare_axes(out);
    /* The mask is told by a dagger, unless one variant was run with both. */
    mark_masks(out);
    for (size_t i = 0; st == LA_OK && i < out->n; i++) {
        qsort(out->v[i].points, out->v[i].n, sizeof(la_point), by_x);
        la_series_look(&out->v[i], 0, 0);
        st = make_label(out, &out->v[i], err);
    }
    for (size_t i = 0; i < n && st == LA_OK; i++) st = assign_looks(&sources[i], i, out, err);
    if (st != LA_OK) la_lines_release(out);
    return st;
}

la_status la_lines_load(la_store *store, int64_t sweep_id, const char *sql, const char *which,
                        la_lines *out, la_err *err)
{
    const la_source source = {.store = store, .sweep = sweep_id, .name = ""};
    return la_lines_load_all(&source, 1, sql, which ? &which : NULL, out, err);
}

bool la_point_good(const la_point *p)
{
    return isfinite(p->y) && (!*p->outcome || strcmp(p->outcome, "ok") == 0);
}

void la_lines_fit(la_lines *lines)
{
    enum { MAX = 256, FACTOR = 16, LEAST = 3 };
    for (size_t i = 0; i < lines->n; i++) {
        la_series *s = &lines->v[i];
        double x[MAX], y[MAX], last = 0;
        size_t n = 0;
        for (size_t j = s->n; j-- > 0 && n < MAX;) {
            const la_point *p = &s->points[j];
            if (!la_point_good(p) || !(p->y > 0)) continue;
            if (last == 0) last = p->x;
            if (p->x * FACTOR < last) break;
            x[n] = p->x;
            y[n++] = p->y;
        }
        s->exponent = n >= LEAST && x[n - 1] * 4 <= last ? la_fit_exponent(x, y, n) : (double)NAN;
    }
}

const char *la_outcome_mark(const char *outcome)
{
    static const char *const marks[][2] = {{"wrong", "wrong"},
                                           {"nonfinite", "NaN"},
                                           {"oom_host", "OOM"},
                                           {"oom_device", "OOM"},
                                           {"killed", "killed"},
                                           {"timeout", "timeout"},
                                           {"crash", "crash"},
                                           {"error", "error"},
                                           {"interrupted", "interrupted"},
                                           {"predicted_oom", "OOM"},
                                           {"predicted_timeout", "timeout"}};
    for (size_t i = 0; i < LA_COUNT(marks); i++)
        if (strcmp(outcome, marks[i][0]) == 0) return marks[i][1];
    return NULL;
}
