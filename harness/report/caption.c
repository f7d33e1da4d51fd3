/* SPDX-License-Identifier: Apache-2.0
 * What a figure's reader must know: how the numbers came about, on what, from which sweep.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comparison.h"
#include "figure.h"

/* The value that all lines share, or NULL. */
static const char *shared(const la_lines *lines, la_axis axis)
{
    return lines->n > 0 && !lines->mixed[axis] && *lines->v[0].axis[axis] ? lines->v[0].axis[axis]
                                                                          : NULL;
}

static void add_shared(la_text *out, const la_lines *lines, la_axis axis, const char *before,
                       const char *after)
{
    const char *value = shared(lines, axis);
    if (value) la_text_add(out, ", %s%s%s", before, value, after);
}

/* "The larger a point, the longer: 1k to 128k tokens." */
static void add_sizes(la_text *out, const la_lines *lines)
{
    double lo = INFINITY, hi = 0;
    char from[24], to[24];
    for (size_t i = 0; i < lines->n; i++)
        for (size_t j = 0; j < lines->v[i].n; j++) {
            lo = fmin(lo, lines->v[i].points[j].size);
            hi = fmax(hi, lines->v[i].points[j].size);
        }
    if (!(hi >= lo)) return;
    la_format_count((int64_t)lo, from);
    la_format_count((int64_t)hi, to);
    if (hi > lo)
        la_text_add(out, " The larger a point, the longer: %s to %s tokens.", from, to);
    else
        la_text_add(out, " T %s.", to);
}

/* Are these lines of trained models? */
static bool shared_learned(const la_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++)
        if (strlen(lines->v[i].axis[LA_AXIS_MODEL]) > 2) return true;
    return false;
}

/* "Median of 3 to 42 calls in 1 to 3 rounds, bars 95 % intervals (none below 6 calls)." */
static void add_statistics(la_text *out, const la_kind *kind, const la_lines *lines)
{
    if (kind->figure == la_figure_samples) return; /* nothing is summed up there */
    int64_t nmin = INT64_MAX, nmax = 0, rmin = INT64_MAX, rmax = 0;
    bool bars = false;
    for (size_t i = 0; i < lines->n; i++)
        for (size_t j = 0; j < lines->v[i].n; j++) {
            const la_point *p = &lines->v[i].points[j];
            if (!la_point_good(p)) continue;
            nmin = p->n < nmin ? p->n : nmin;
            nmax = p->n > nmax ? p->n : nmax;
            rmin = p->rounds < rmin ? p->rounds : rmin;
            rmax = p->rounds > rmax ? p->rounds : rmax;
            bars |= isfinite(p->lo);
        }
    if (nmin > nmax) return;
    char n[48], r[48];
    snprintf(n, sizeof n, nmin == nmax ? "%lld" : "%lld to %lld", (long long)nmin, (long long)nmax);
    snprintf(r, sizeof r, rmin == rmax ? "%lld" : "%lld to %lld", (long long)rmin, (long long)rmax);
    const char *rounds = rmax == 1 ? "round" : "rounds", *mark = kind->table ? "brackets" : "bars";
    if (kind->tasks && shared_learned(lines)) rounds = rmax == 1 ? "seed" : "seeds";
    if (kind->figure == la_figure_heat && kind->scale == LA_SCALE_PART)
        la_text_add(out, " %s %s.", r, rounds);
    else if (kind->figure == la_figure_heat)
        la_text_add(out, " Median of %s calls in %s %s.", n, r, rounds);
    else if (kind->scale == LA_SCALE_PART && nmax == 0)
        la_text_add(out, " %s %s%s.", r, rounds, bars ? ", mean and range" : "");
    else if (kind->scale == LA_SCALE_PART)
        la_text_add(out, " %s answers in %s %s, %s: 95 %% Wilson interval.", n, r, rounds, mark);
    else if (nmax > 0)
        la_text_add(out, " Median of %s calls in %s %s, %s%s%s.", n, r, rounds,
                    bars ? mark : "no interval below 6 calls", bars ? ": 95 % interval" : "",
                    bars && nmin < 6 ? " (none below 6 calls)" : "");
}

static bool has_number(const la_series *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (la_point_good(&s->points[i])) return true;
    return false;
}

static void add_setting(la_text *out, const la_lines *lines)
{
    const char *device = shared(lines, LA_AXIS_DEVICE), *length = shared(lines, LA_AXIS_LENGTH);
    char count[24];
    if (length) la_text_add(out, " T %s.", la_format_count(strtoll(length, NULL, 10), count));
    bool placed = device || lines->mixed[LA_AXIS_DEVICE]; /* some figures have no such column */
    if (placed) la_text_add(out, " %s", device ? device : "Several devices");
    add_shared(out, lines, LA_AXIS_THREADS, "", " threads");
    add_shared(out, lines, LA_AXIS_DTYPE, "", "");
    add_shared(out, lines, LA_AXIS_BATCH, "B ", "");
    add_shared(out, lines, LA_AXIS_HEADS, "H ", "");
    const char *dk = shared(lines, LA_AXIS_DK), *dv = shared(lines, LA_AXIS_DV);
    if (dk && dv && strcmp(dk, dv) == 0) {
        la_text_add(out, ", d %s", dk);
    } else {
        add_shared(out, lines, LA_AXIS_DK, "dk ", "");
        add_shared(out, lines, LA_AXIS_DV, "dv ", "");
    }
    add_shared(out, lines, LA_AXIS_CACHE, "caches ", "");
    const char *mask = shared(lines, LA_AXIS_MASK);
    if (mask) la_text_add(out, "%s%s", placed ? ", " : " All ", mask);
    if (mask || placed) la_text_add(out, ".");
    for (size_t i = 0; i < lines->n && !mask; i++)
        if (lines->v[i].marked && has_number(&lines->v[i])) {
            bool both = strcmp(lines->v[i].axis[LA_AXIS_MASK], "bidirectional") == 0;
            la_text_add(out, " † %s, the others %s.", both ? "bidirectional" : "causal",
                        both ? "causal" : "bidirectional");
            break;
        }
}

/* The words for a member of an options object that is worth a reader's time. */
static void add_member(la_text *out, const cJSON *options, const char *name, const char *words,
                       const char **separator)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(options, name);
    if (cJSON_IsString(o) && *o->valuestring && strcmp(o->valuestring, "auto") != 0)
        la_text_add(out, "%s%s%s", *separator, words, o->valuestring);
    else if (cJSON_IsNumber(o) && o->valuedouble > 0) /* -1: as the recipe says */
        la_text_add(out, "%s%s%.6g", *separator, words, o->valuedouble);
    else if (cJSON_IsArray(o)) {
        la_text_add(out, "%s%s", *separator, words);
        for (const cJSON *item = o->child; item; item = item->next)
            la_text_add(out, "%s%.6g", item == o->child ? "" : "/", item->valuedouble);
    } else
        return;
    *separator = ", ";
}

static void add_model(la_text *out, const la_lines *lines)
{
    static const char *const model[][2] = {
        {"recipe", ""},  {"layers", "blocks "}, {"d_model", "d "},    {"heads", "heads "},
        {"mlp", "MLP "}, {"pos", "positions "}, {"hybrid", "hybrid "}};
    static const char *const train[][2] = {{"lengths", "T "},   {"at_length", "at each T "},
                                           {"steps", "steps "}, {"tokens", "tokens a step "},
                                           {"lr", "rate "},     {"lr_grid", "rates "}};
    const char *json = shared(lines, LA_AXIS_MODEL), *separator = " Model: ";
    cJSON *o = json ? cJSON_Parse(json) : NULL;
    for (size_t i = 0; i < LA_COUNT(model); i++)
        add_member(out, o, model[i][0], model[i][1], &separator);
    cJSON_Delete(o);
    if (*separator == ',') la_text_add(out, ".");
    json = shared(lines, LA_AXIS_TRAIN);
    separator = " Trained: ";
    o = json ? cJSON_Parse(json) : NULL;
    for (size_t i = 0; i < LA_COUNT(train); i++)
        add_member(out, o, train[i][0], train[i][1], &separator);
    cJSON_Delete(o);
    if (*separator == ',') la_text_add(out, ".");
}

/* Options of the task that all lines share, "pairs 32, keys random"; zeros, which mean off, are left
 * out. */
static void add_task(la_text *out, const la_lines *lines)
{
    const char *json = shared(lines, LA_AXIS_TASK_OPTIONS), *separator = " Task: ";
    cJSON *options = json ? cJSON_Parse(json) : NULL;
    for (const cJSON *o = options ? options->child : NULL; o; o = o->next) {
        if (cJSON_IsString(o))
            la_text_add(out, "%s%s %s", separator, o->string, o->valuestring);
        else if (cJSON_IsNumber(o) && (o->valuedouble > 0 || o->valuedouble < 0))
            la_text_add(out, "%s%s %.6g", separator, o->string, o->valuedouble);
        else
            continue;
        separator = ", ";
    }
    if (*separator == ',') la_text_add(out, ".");
    cJSON_Delete(options);
}

/* Lines that have nothing to draw and no mark: those the mathematics forbids, those not run yet. */
static void add_absent(la_text *out, const la_lines *lines, const char *outcome, const char *words,
                       bool whole)
{
    const char *separator = words;
    for (size_t i = 0; i < lines->n; i++) {
        const la_series *s = &lines->v[i];
        size_t hits = 0;
        for (size_t j = 0; j < s->n; j++) hits += strcmp(s->points[j].outcome, outcome) == 0;
        if (hits == 0 || (whole && hits < s->n)) continue;
        if (i > 0 && separator != words && strcmp(lines->v[i - 1].variant, s->variant) == 0)
            continue; /* one variant with several settings: named once */
        la_text_add(out, "%s%s", separator, s->variant);
        separator = ", ";
    }
    if (separator != words) la_text_add(out, ".");
}

static void add_absences(la_text *out, const la_lines *lines)
{
    add_absent(out, lines, "unsupported", " Not defined for ", true);
    add_absent(out, lines, "planned", " Not run yet: ", false);
    add_absent(out, lines, "no_base", " No time of the base with their mask and setting: ", true);
}

/* "Sweep 1a2b3c4d of 2026-01-31, labench 0.1.0 (abcdef0)." */
static la_status add_sweep(const la_source *source, const char *before, la_text *out, la_err *err)
{
    static const char sql[] = "SELECT sweep, substr(created_utc, 1, 10), version, "
                              "substr(git_commit, 1, 7), git_dirty, quick, state "
                              "FROM v_sweep WHERE sweep_id = CAST(?1 AS INT)";
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    la_query *q = NULL;
    LA_TRY(la_query_open(source->store, sql, (const char *[]){id}, 1, &q, err));
    bool more = false;
    la_status st = la_query_next(q, &more, err);
    if (st == LA_OK && more) {
        const char *commit = la_query_text(q, 3);
        la_text_add(out, " %s %s of %s%s, labench %s", before, la_query_text(q, 0),
                    la_query_text(q, 1), la_query_int(q, 5) ? ", quick" : "", la_query_text(q, 2));
        if (commit) la_text_add(out, " (%s%s)", commit, la_query_int(q, 4) ? ", changed" : "");
        la_text_add(out, ".");
    }
    la_query_close(q);
    return st;
}

/* What two sweeps were not made with alike: " second differs from first in machine, compiler." */
static la_status add_differences(const la_source *a, const la_source *b, la_text *out, la_err *err)
{
    const la_source *const sources[] = {a, b};
    la_query *q[2] = {NULL, NULL};
    bool more = false;
    la_status st = LA_OK;
    for (int i = 0; i < 2 && st == LA_OK; i++) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)sources[i]->sweep);
        st = la_query_open(sources[i]->store, la_circumstances_sql, (const char *[]){id}, 1, &q[i],
                           err);
        if (st == LA_OK) st = la_query_next(q[i], &more, err);
    }
    const char *separator = "";
    for (size_t i = 0; st == LA_OK && i < LA_CIRCUMSTANCES; i++) {
        const char *column = la_circumstances[i].column;
        if (strcmp(la_query_named_text(q[0], column), la_query_named_text(q[1], column)) == 0)
            continue;
        if (!*separator) la_text_add(out, " %s differs from %s in ", b->name, a->name);
        la_text_add(out, "%s%s", separator, la_circumstances[i].words);
        separator = ", ";
    }
    if (*separator) la_text_add(out, ".");
    la_query_close(q[0]);
    la_query_close(q[1]);
    return st;
}

/* "Operations are counted by useful-1." */
static la_status add_cost_model(const la_source *source, la_text *out, la_err *err)
{
    static const char sql[] = "SELECT DISTINCT cost_model FROM v_time WHERE sweep_id = CAST(?1 AS "
                              "INT) AND task = '' AND flop > 0 AND cost_model <> '' ORDER BY 1";
    char id[24];
    const char *separator = " Operations are counted by ";
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    la_query *q = NULL;
    LA_TRY(la_query_open(source->store, sql, (const char *[]){id}, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        la_text_add(out, "%s%s", separator, la_query_text(q, 0));
        separator = ", ";
    }
    if (*separator == ',') la_text_add(out, ".");
    la_query_close(q);
    return st;
}

la_status la_figure_caption(const la_view *view, const la_kind *kind, const la_lines *lines,
                            la_text *out, la_err *err)
{
    la_text_add(out, "%s", kind->what);
    if (kind->resident && view->how.resident)
        la_text_add(out, " Dotted: what resident memory grew by in the first call, its results "
                         "included.");
    if (kind->sizes) add_sizes(out, lines);
    if (kind->counts) LA_TRY(add_cost_model(view->sources, out, err));
    add_statistics(out, kind, lines);
    add_setting(out, lines);
    add_task(out, lines);
    add_model(out, lines);
    if (kind->map != LA_MAP_WINNER) add_absences(out, lines); /* whose panels are no variants */
    for (size_t i = 0; i < view->n; i++) {
        char name[80];
        snprintf(name, sizeof name, "%.60s: sweep", view->sources[i].name);
        LA_TRY(add_sweep(&view->sources[i], view->n > 1 ? name : "Sweep", out, err));
    }
    for (size_t i = 1; i < view->n; i++)
        LA_TRY(add_differences(&view->sources[0], &view->sources[i], out, err));
    return LA_OK;
}

static la_status add_head(const la_source *source, la_text *dat, la_err *err)
{
    static const char sql[] =
        "SELECT 'sweep ' || uuid || ' of ' || created_utc || ', seed ' || seed, "
        "'machine ' || cpu_model || ', ' || coalesce(n_cores, '?') || ' cores, ' || "
        "coalesce(kernel, '') || ', ' || coalesce(distro, ''), "
        "'labench ' || version || ' ' || coalesce(git_commit, '') || "
        "CASE git_dirty WHEN 1 THEN ' with changes' ELSE '' END, "
        "'compiler ' || coalesce(cc, '') || ' ' || coalesce(cflags, ''), "
        "'blas ' || coalesce(blas, '') FROM v_sweep WHERE sweep_id = CAST(?1 AS INT)";
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    la_query *q = NULL;
    LA_TRY(la_query_open(source->store, sql, (const char *[]){id}, 1, &q, err));
    bool more = false;
    la_status st = la_query_next(q, &more, err);
    for (int i = 0; st == LA_OK && more && i < la_query_columns(q); i++) {
        const char *text = la_query_text(q, i);
        la_text_add(dat, "# ");
        la_dat_quote(dat, text ? text : "");
        la_text_add(dat, "\n");
    }
    la_query_close(q);
    return st;
}

la_status la_figure_head(const la_view *view, const la_kind *kind, la_text *dat, la_err *err)
{
    for (size_t i = 0; i < view->n; i++) {
        if (view->n > 1) {
            la_text_add(dat, "# ");
            la_dat_quote(dat, view->sources[i].name);
            la_text_add(dat, "\n");
        }
        LA_TRY(add_head(&view->sources[i], dat, err));
    }
    const char *sql = kind->resident && view->how.resident ? kind->resident : kind->sql;
    for (const char *line = sql; *line;) {
        size_t len = strcspn(line, "\n");
        la_text_add(dat, "# %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
    return LA_OK;
}
