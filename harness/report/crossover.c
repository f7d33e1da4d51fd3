/* SPDX-License-Identifier: Apache-2.0
 * Times of two variants over the length, where they meet, and how sure that is.
 */
#include "crossover.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "grid.h"
#include "query.h"
#include "samples.h"
#include "text.h"

extern const char la_crossover_sql[];

enum { MOST = 8 }; /* crossings of one pair */

/* ---- where ---- */

/* Where the straight line through (log a, y) and (log b, z) is 0; y and z differ in sign. */
static double zero_between(double a, double y, double b, double z)
{
    double share = y / (y - z);
    return exp(log(a) + share * (log(b) - log(a)));
}

static bool unknown(const la_race_point *p)
{
    return isnan(p->ratio.lo) || isnan(p->ratio.hi);
}

static bool may_be_equal(const la_race_point *p)
{
    return p->ratio.lo <= 1 && p->ratio.hi >= 1;
}

/* From point i, where both may be equal, towards `step`: where they no longer may. The border of the interval
 * that is nearer to 1 at the point beyond is the one that crosses. */
static double edge(const la_race_point *points, size_t n, size_t i, int step)
{
    for (;;) {
        if (step < 0 ? i == 0 : i + 1 == n) return step < 0 ? 0 : (double)INFINITY;
        const la_race_point *p = &points[i], *q = &points[i + (size_t)(ptrdiff_t)step];
        if (unknown(q)) return q->T;
        if (!may_be_equal(q)) {
            bool above = q->ratio.lo > 1;
            double y = log(above ? p->ratio.lo : p->ratio.hi);
            double z = log(above ? q->ratio.lo : q->ratio.hi);
            return y == z ? p->T : zero_between(p->T, y, q->T, z);
        }
        i += (size_t)(ptrdiff_t)step;
    }
}

/* The interval of a crossing between points i and i+1. */
static void interval(const la_race_point *points, size_t n, size_t i, la_crossover *c)
{
    const la_race_point *p = &points[i], *q = &points[i + 1];
    c->bracket = unknown(p) || unknown(q);
    c->lo = p->T;
    c->hi = q->T;
    if (c->bracket) return;
    /* Each border of the interval crosses 1 somewhere between, unless an end may be equal itself. */
    bool falls = c->second_wins;
    double near_p = log(falls ? p->ratio.lo : p->ratio.hi),
           far_q = log(falls ? q->ratio.lo : q->ratio.hi);
    double near_q = log(falls ? q->ratio.hi : q->ratio.lo),
           far_p = log(falls ? p->ratio.hi : p->ratio.lo);
    c->lo = may_be_equal(p) ? edge(points, n, i, -1) : zero_between(p->T, near_p, q->T, far_q);
    c->hi = may_be_equal(q) ? edge(points, n, i + 1, 1) : zero_between(p->T, far_p, q->T, near_q);
}

size_t la_crossovers_find(const la_race_point *points, size_t n, la_crossover *out, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        double y = log(points[i].ratio.ratio), z = log(points[i + 1].ratio.ratio);
        if (!(y * z < 0) && !(y == 0 && z != 0)) continue;
        if (count < cap) {
            la_crossover *c = &out[count];
            *c = (la_crossover){.second_wins = z < 0};
            c->T = y == 0 ? points[i].T : zero_between(points[i].T, y, points[i + 1].T, z);
            interval(points, n, i, c);
        }
        count++;
    }
    return count;
}

/* ---- reading ---- */

typedef struct race {              /* two variants in one setting */
    char *a, *b, *setting, *words; /* owned */
    char pass[12];
    la_race_point *points;
    int64_t (*cells)[2];
    size_t n, cap, cells_cap;
} race;

typedef struct races {
    race *v;
    size_t n, cap;
} races;

static void races_release(races *r)
{
    for (size_t i = 0; i < r->n; i++) {
        la_free(r->v[i].a);
        la_free(r->v[i].b);
        la_free(r->v[i].setting);
        la_free(r->v[i].words);
        la_free(r->v[i].points);
        la_free(r->v[i].cells);
    }
    la_free(r->v);
}

/* "f32 causal, heads 2, dk 64, dv 64, 2 threads": the setting for a person. */
static char *words_of(la_query *q, la_err *err)
{
    la_text t = {0};
    int64_t heads = (int64_t)la_query_named_real(q, "heads");
    la_text_add(&t, "%s %s, B %.0f, heads %" PRId64, la_query_named_text(q, "dtype"),
                la_query_named_text(q, "mask"), la_query_named_real(q, "batch"), heads);
    static const char *const shared[] = {"kv_heads", "qk_heads"};
    for (size_t i = 0; i < LA_COUNT(shared); i++)
        if ((int64_t)la_query_named_real(q, shared[i]) != heads)
            la_text_add(&t, ", %.2s-heads %.0f", shared[i], la_query_named_real(q, shared[i]));
    double threads = la_query_named_real(q, "threads");
    la_text_add(&t, ", dk %.0f, dv %.0f, %.0f thread%s", la_query_named_real(q, "dk"),
                la_query_named_real(q, "dv"), threads, threads == 1 ? "" : "s");
    if (strcmp(la_query_named_text(q, "cache_mode"), "hot") != 0)
        la_text_add(&t, ", %s caches", la_query_named_text(q, "cache_mode"));
    char *words = t.failed ? NULL : la_strdup(la_text_str(&t), err);
    la_text_release(&t);
    return words;
}

static la_status race_of(races *all, la_query *q, race **out, la_err *err)
{
    const char *a = la_query_named_text(q, "a"), *b = la_query_named_text(q, "b");
    const char *setting = la_query_named_text(q, "setting");
    race *r = all->n ? &all->v[all->n - 1] : NULL;
    *out = r;
    if (r && strcmp(r->a, a) == 0 && strcmp(r->b, b) == 0 && strcmp(r->setting, setting) == 0)
        return LA_OK;
    LA_TRY(la_grow((void **)&all->v, &all->cap, all->n + 1, sizeof *all->v, err));
    r = *out = &all->v[all->n++];
    *r = (race){.a = la_strdup(a, err),
                .b = la_strdup(b, err),
                .setting = la_strdup(setting, err),
                .words = words_of(q, err)};
    snprintf(r->pass, sizeof r->pass, "%.11s", la_query_named_text(q, "pass"));
    return r->a && r->b && r->setting && r->words ? LA_OK : LA_E_NOMEM;
}

static la_status add_row(races *all, la_query *q, la_err *err)
{
    race *r;
    LA_TRY(race_of(all, q, &r, err));
    LA_TRY(la_grow((void **)&r->points, &r->cap, r->n + 1, sizeof *r->points, err));
    LA_TRY(la_grow((void **)&r->cells, &r->cells_cap, r->n + 1, sizeof *r->cells, err));
    r->cells[r->n][0] = (int64_t)la_query_named_real(q, "a_cell");
    r->cells[r->n][1] = (int64_t)la_query_named_real(q, "b_cell");
    double ratio = la_query_named_real(q, "b_ns") / la_query_named_real(q, "a_ns");
    r->points[r->n++] = (la_race_point){.T = la_query_named_real(q, "seqlen"),
                                        .ratio = {ratio, (double)NAN, (double)NAN}};
    return LA_OK;
}

static la_status read_races(la_store *store, int64_t sweep_id, const la_crossover_how *how,
                            races *all, la_err *err)
{
    char id[24];
    const char *args[] = {id, how->a, how->b, how->pass};
    la_query *q = NULL;
    bool more = true;
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    la_status st = la_query_open(store, la_crossover_sql, args, LA_COUNT(args), &q, err);
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more)
        st = add_row(all, q, err);
    la_query_close(q);
    size_t lengths = 0;
    for (size_t i = 0; i < all->n; i++) lengths = all->v[i].n > lengths ? all->v[i].n : lengths;
    if (st == LA_OK && lengths < 2)
        return LA_FAIL(
            err, LA_E_NOTFOUND,
            "%s%s%s were not both timed at two lengths in this sweep: measure some, as in "
            "--lengths 1k..16k",
            how->a ? how->a : "two variants", how->a ? " and " : "", how->a ? how->b : "");
    return st;
}

/* Intervals are dear: only where there is a crossing. */
static la_status add_intervals(la_store *store, race *r, la_err *err)
{
    for (size_t i = 0; i < r->n; i++) {
        la_samples x = {0}, y = {0};
        la_status st = la_samples_read(store, r->cells[i][0], &x, err);
        if (st == LA_OK) st = la_samples_read(store, r->cells[i][1], &y, err);
        if (st == LA_OK)
            la_ratio_rounds(y.x, y.round_n, y.rounds, x.x, x.round_n, x.rounds,
                            &r->points[i].ratio);
        la_samples_release(&x);
        la_samples_release(&y);
        LA_TRY(st);
    }
    return LA_OK;
}

/* ---- printing ---- */

static const char *length_words(double T, char buf[24])
{
    if (T <= 0) return "below";
    if (isinf(T)) return "beyond";
    if (T < 10000)
        snprintf(buf, 24, "%.0f", T);
    else
        snprintf(buf, 24, "%.3gk", T / 1024);
    return buf;
}

enum { PASS, FIRST, UP_TO, INTERVAL, THEN, SETTING, COLUMNS };
static const char *const heads[COLUMNS] = {"pass",          "faster", "up to T",
                                           "95 % interval", "then",   "setting"};

static void fill(char (*cell)[LA_GRID_CELL], const race *r, const la_crossover *c)
{
    char at[24], lo[24], hi[24];
    snprintf(cell[PASS], LA_GRID_CELL, "%s", r->pass);
    snprintf(cell[FIRST], LA_GRID_CELL, "%.60s", c->second_wins ? r->a : r->b);
    snprintf(cell[THEN], LA_GRID_CELL, "%.60s", c->second_wins ? r->b : r->a);
    snprintf(cell[UP_TO], LA_GRID_CELL, "%s", length_words(c->T, at));
    snprintf(cell[INTERVAL], LA_GRID_CELL, c->bracket ? "between %s and %s" : "[%s, %s]",
             length_words(c->lo, lo), length_words(c->hi, hi));
    snprintf(cell[SETTING], LA_GRID_CELL, "%.63s", r->words);
}

static void print_none(const race *r, FILE *out)
{
    char from[24], to[24];
    double least = INFINITY, most = 0;
    bool second = r->points[0].ratio.ratio < 1;
    for (size_t i = 0; i < r->n; i++) {
        double x = second ? 1 / r->points[i].ratio.ratio : r->points[i].ratio.ratio;
        least = fmin(least, x);
        most = fmax(most, x);
    }
    fprintf(out,
            "%s: %s is faster than %s at every length from %s to %s, %.3g to %.3g times (%s)\n",
            r->pass, second ? r->b : r->a, second ? r->a : r->b,
            la_format_count((int64_t)r->points[0].T, from),
            la_format_count((int64_t)r->points[r->n - 1].T, to), least, most, r->words);
}

static void add_end(cJSON *o, const char *name, double T)
{
    if (T > 0 && isfinite(T)) cJSON_AddNumberToObject(o, name, T);
}

static void add_json(cJSON *all, const race *r, const la_crossover *c, size_t n)
{
    cJSON *o = cJSON_CreateObject(), *list;
    cJSON_AddStringToObject(o, "a", r->a);
    cJSON_AddStringToObject(o, "b", r->b);
    cJSON_AddStringToObject(o, "pass", r->pass);
    cJSON_AddStringToObject(o, "setting", r->words);
    list = cJSON_AddArrayToObject(o, "ratios"); /* of b over a, at each length */
    for (size_t i = 0; i < r->n; i++) {
        cJSON *p = cJSON_CreateObject();
        cJSON_AddNumberToObject(p, "length", r->points[i].T);
        cJSON_AddNumberToObject(p, "ratio", r->points[i].ratio.ratio);
        cJSON_AddItemToArray(list, p);
    }
    list = cJSON_AddArrayToObject(o, "crossovers");
    for (size_t i = 0; i < n; i++) {
        cJSON *p = cJSON_CreateObject();
        cJSON_AddNumberToObject(p, "length", c[i].T);
        add_end(p, "lo", c[i].lo);
        add_end(p, "hi", c[i].hi);
        cJSON_AddStringToObject(p, "faster_before", c[i].second_wins ? r->a : r->b);
        cJSON_AddStringToObject(p, "faster_after", c[i].second_wins ? r->b : r->a);
        cJSON_AddBoolToObject(p, "interval_is_bracket", c[i].bracket);
        cJSON_AddItemToArray(list, p);
    }
    cJSON_AddItemToArray(all, o);
}

typedef struct printer {
    la_grid grid;
    cJSON *json;
    size_t races, without; /* of those: nobody overtakes */
} printer;

static la_status take_race(la_store *store, race *r, const la_crossover_how *how, printer *p,
                           FILE *out, la_err *err)
{
    la_crossover found[MOST];
    if (r->n < 2) return LA_OK;
    size_t n = la_crossovers_find(r->points, r->n, found, MOST);
    if (n) LA_TRY(add_intervals(store, r, err));
    n = la_crossovers_find(r->points, r->n, found, MOST);
    if (n > MOST) n = MOST;
    if (how->json) {
        if (n || how->all || how->a) add_json(p->json, r, found, n);
        return LA_OK;
    }
    if (n == 0 && (how->all || how->a)) print_none(r, out);
    p->races++;
    p->without += n == 0;
    for (size_t i = 0; i < n; i++) {
        char(*cell)[LA_GRID_CELL] = la_grid_add(&p->grid);
        if (!cell) return LA_FAIL(err, LA_E_NOMEM, "out of memory for a table");
        fill(cell, r, &found[i]);
    }
    return LA_OK;
}

/* Whether all rows are of one setting: it is taken out of them. */
static bool one_setting(la_grid *grid, char common[LA_GRID_CELL])
{
    for (size_t i = 1; i < grid->rows; i++)
        if (strcmp(grid->cells[i * COLUMNS + SETTING], grid->cells[SETTING]) != 0) return false;
    snprintf(common, LA_GRID_CELL, "%s", grid->cells[SETTING]);
    for (size_t i = 0; i < grid->rows; i++) grid->cells[i * COLUMNS + SETTING][0] = '\0';
    return true;
}

static la_status print_all(printer *p, const la_crossover_how *how, FILE *out, la_err *err)
{
    if (p->json) {
        char *text = cJSON_Print(p->json);
        if (!text) return LA_FAIL(err, LA_E_NOMEM, "out of memory: crossovers as JSON");
        fprintf(out, "%s\n", text);
        free(text);
        return LA_OK;
    }
    if (p->grid.rows) {
        char common[LA_GRID_CELL] = "";
        bool one = one_setting(&p->grid, common);
        const char *names[COLUMNS];
        memcpy(names, heads, sizeof names);
        if (one) names[SETTING] = "";
        p->grid.heads = names;
        la_grid_print(&p->grid, out);
        if (one) fprintf(out, "all: %s\n", common);
    }
    if (p->without && !how->all && !how->a)
        fprintf(out,
                "%zu of %zu races: one is faster at every length both were timed at (--all shows "
                "them)\n",
                p->without, p->races);
    return LA_OK;
}

la_status la_report_crossovers(la_store *store, int64_t sweep_id, const la_crossover_how *how,
                               FILE *out, la_err *err)
{
    races all = {0};
    printer p = {.grid = {.heads = heads, .columns = COLUMNS, .left = THEN, .words = 2},
                 .json = how->json ? cJSON_CreateArray() : NULL};
    la_status st = read_races(store, sweep_id, how, &all, err);
    for (size_t i = 0; i < all.n && st == LA_OK; i++)
        st = take_race(store, &all.v[i], how, &p, out, err);
    if (st == LA_OK) st = print_all(&p, how, out, err);
    la_grid_release(&p.grid);
    cJSON_Delete(p.json);
    races_release(&all);
    return st;
}
