/* SPDX-License-Identifier: Apache-2.0
 * A table's places filled with our values.
 */
#include "found.h"

#include <math.h>
#include <string.h>

#include "alloc.h"
#include "paper_file.h"
#include "query.h"
#include "text.h"

/* ---- selectors of one place ---- */

static la_status put_pick(la_selectors *picks, const char *key, const char *value, la_err *err)
{
    char *copy = la_strdup(value, err);
    if (!copy) return LA_E_NOMEM;
    for (size_t i = 0; i < picks->n; i++)
        if (strcmp(picks->v[i].key, key) == 0) {
            la_free(picks->v[i].value);
            picks->v[i].value = copy;
            return LA_OK;
        }
    char *name = la_strdup(key, err);
    la_status st =
        name ? la_grow((void **)&picks->v, &picks->cap, picks->n + 1, sizeof *picks->v, err)
             : LA_E_NOMEM;
    if (st != LA_OK) {
        la_free(name);
        la_free(copy);
        return st;
    }
    picks->v[picks->n++] = (la_selector){.key = name, .value = copy};
    return LA_OK;
}

/* Adds selectors with their holes filled; they win over those that are there. */
static la_status overlay(la_selectors *picks, const la_selectors *more, const la_paper_panel *panel,
                         la_paper_scale scale, size_t c, la_err *err)
{
    char value[256];
    for (size_t i = 0; i < more->n; i++) {
        LA_TRY(la_panel_fill(panel, scale, c, more->v[i].value, value, sizeof value, err));
        LA_TRY(put_pick(picks, more->v[i].key, value, err));
    }
    return LA_OK;
}

/* ---- one place ---- */

typedef struct finder {
    la_store *store;
    const la_stored_cells *cells;
    la_judged *judged;
    bool all_there; /* every sweep of the file */
    bool *used;     /* sweeps: values are from them */
    const int64_t *sweeps;
    size_t n_sweeps;
} finder;

static const la_found nothing = {.value = (double)NAN,
                                 .lo = (double)NAN,
                                 .hi = (double)NAN,
                                 .plain = (double)NAN,
                                 .published = (double)NAN};

static la_status say_why(la_found *f, const char *why, la_err *err)
{
    la_free(f->why);
    f->why = la_strdup(why, err);
    return f->why ? LA_OK : LA_E_NOMEM;
}

static void mark_used(const finder *x, const la_stored *s)
{
    for (size_t i = 0; i < x->n_sweeps; i++)
        if (x->sweeps[i] == s->sweep) x->used[i] = true;
}

/* The mean over alternatives; the ends of the interval are means as well, as if all were off alike. */
static la_status mean_of(const finder *x, const la_paper_panel *panel,
                         const la_stored *const *cells, size_t n, la_found *out, la_err *err)
{
    *out = nothing;
    for (size_t i = 0; i < n; i++) {
        la_found one;
        if (!cells[i])
            return say_why(out, x->all_there ? LA_FOUND_NO_CELL : "nothing stored",
                           err);
        mark_used(x, cells[i]);
        LA_TRY(la_stored_value(x->store, cells[i], panel, &one, err));
        if (one.why) { /* an infinite value has a reason too, and is one of a mean as well */
            *out = one;
            return LA_OK;
        }
        double weight = 1.0 / (double)n;
        out->value = weight * one.value + (i ? out->value : 0);
        out->lo = weight * one.lo + (i ? out->lo : 0);
        out->hi = weight * one.hi + (i ? out->hi : 0);
        out->n += one.n;
        out->seeds = one.seeds > out->seeds ? one.seeds : out->seeds;
    }
    return LA_OK;
}

static la_status find_value(const finder *x, size_t p, const la_selectors *row,
                            const la_selectors *base, size_t c, la_found *out, la_err *err)
{
    const la_paper_panel *panel = &x->judged->paper->panels[p];
    la_paper_scale scale = x->judged->scale;
    const la_stored *cells[LA_STORED_ALTERNATIVES];
    size_t n = 0;
    la_selectors picks = {0};
    la_status st = overlay(&picks, &panel->select[scale], panel, scale, c, err);
    if (st == LA_OK) st = overlay(&picks, row, panel, scale, c, err);
    if (st == LA_OK && base) st = overlay(&picks, base, panel, scale, c, err);
    if (st == LA_OK) st = la_stored_find(x->cells, &picks, panel->measure, cells, &n, err);
    if (st == LA_OK) st = mean_of(x, panel, cells, n, out, err);
    la_selectors_release(&picks);
    return st;
}

/* a / b, with the widest interval that theirs allow. */
static void divide(const la_found *a, const la_found *b, la_found *out)
{
    out->value = a->value / b->value;
    out->lo = a->lo / b->hi;
    out->hi = a->hi / b->lo;
    if (!isfinite(out->value)) out->value = (double)NAN;
}

/* *out becomes a quotient of itself and `other`, or has the reason of who is missing. */
static la_status relate(const la_paper_panel *panel, const la_found *other, const char *name,
                        la_found *out, la_err *err)
{
    la_found self = *out;
    char why[320];
    if (self.why && !isfinite(self.value)) return LA_OK;
    if (other->why || !(other->value > 0)) {
        snprintf(why, sizeof why, "%.80s: %.200s", name, other->why ? other->why : "is 0");
        out->value = out->lo = out->hi = (double)NAN;
        return say_why(out, why, err);
    }
    if (panel->inverse)
        divide(other, &self, out);
    else
        divide(&self, other, out);
    if (isfinite(out->value)) return LA_OK;
    out->lo = out->hi = (double)NAN;
    return say_why(out, "is divided by 0", err);
}

/* Says where the table is wrong. */
static la_status complain(const la_paper *paper, size_t p, size_t r, size_t c, la_err *err)
{
    char why[400];
    snprintf(why, sizeof why, "%.390s", err ? err->msg : "");
    return LA_FAIL(err, LA_E_ARG, "%s:%d: [panel %.40s], row %.40s, column %.40s: %s", paper->path,
                   paper->rows[r].line, paper->panels[p].name, paper->rows[r].key,
                   paper->panels[p].columns.v[c], why);
}

static la_status find_place(const finder *x, size_t p, size_t r, size_t c, la_found *out,
                            la_err *err)
{
    const la_paper *paper = x->judged->paper;
    const la_paper_panel *panel = &paper->panels[p];
    const la_paper_row *row = &paper->rows[r];
    la_paper_scale scale = x->judged->scale;
    *out = nothing;
    if (!row->in_panel[p]) return LA_OK;
    if (!row->measured[scale])
        return say_why(out, row->why ? row->why : "labench has nothing like it", err);
    if (!la_panel_measures(panel, scale, c)) {
        char why[64];
        snprintf(why, sizeof why, "not measured at scale %s", la_scale_name(scale));
        return say_why(out, why, err);
    }
    la_status st = find_value(x, p, &row->select[scale], NULL, c, out, err);
    if (st == LA_OK) out->plain = out->value;
    if (st == LA_OK && panel->base.n) {
        la_found base = nothing;
        st = find_value(x, p, &row->select[scale], &panel->base, c, &base, err);
        if (st == LA_OK) st = relate(panel, &base, "the base", out, err);
        la_free(base.why);
    }
    return st == LA_E_ARG ? complain(paper, p, r, c, err) : st;
}

/* ---- all places ---- */

static double published_value(const la_paper *paper, size_t p, size_t r, size_t c)
{
    const la_published *of = paper->rows[r].published[p];
    return of ? of[c].value : (double)NAN;
}

/* All of a panel are divided by one row, or it by them; what was published likewise. */
static la_status relate_panel(la_judged *judged, size_t p, la_err *err)
{
    const la_paper *paper = judged->paper;
    const la_paper_panel *panel = &paper->panels[p];
    size_t columns = panel->columns.n;
    for (size_t r = 0; r < paper->n_rows; r++)
        for (size_t c = 0; c < columns; c++)
            judged->cells[p][r * columns + c].published = published_value(paper, p, r, c);
    if (panel->relative < 0) return LA_OK;
    size_t one = (size_t)panel->relative;
    for (size_t c = 0; c < columns; c++) {
        la_found base = judged->cells[p][one * columns + c];
        for (size_t r = 0; r < paper->n_rows; r++) {
            la_found *f = &judged->cells[p][r * columns + c];
            if (!panel->published_ratio)
                f->published =
                    panel->inverse ? base.published / f->published : f->published / base.published;
            if (!paper->rows[r].in_panel[p] || r == one) continue;
            LA_TRY(relate(panel, &base, paper->rows[one].title, f, err));
        }
        la_found *self = &judged->cells[p][one * columns + c];
        if (!isfinite(self->value)) continue;
        self->value = 1;
        self->lo = self->hi = (double)NAN;
    }
    return LA_OK;
}

static la_status describe(la_store *store, const finder *x, la_judged *judged, la_err *err)
{
    static const char sql[] =
        "SELECT sweep, substr(created_utc, 1, 10), cpu_model || ', ' || n_cores || ' cores, ' || "
        "printf('%.0f GiB', ram_bytes / 1073741824.0), version || coalesce(' (' || "
        "substr(git_commit, 1, 10) || iif(git_dirty, ', changed)', ')'), '') FROM v_sweep "
        "WHERE sweep_id = CAST(?1 AS INT)";
    char **const into[] = {&judged->date, &judged->machine, &judged->build};
    for (size_t i = 0; i < x->n_sweeps; i++) {
        char id[24];
        la_query *q = NULL;
        bool more = false;
        if (!x->used[i]) continue;
        snprintf(id, sizeof id, "%lld", (long long)x->sweeps[i]);
        LA_TRY(la_query_open(store, sql, (const char *[]){id}, 1, &q, err));
        la_status st = la_query_next(q, &more, err);
        const char *name = more ? la_query_text(q, 0) : NULL;
        if (st == LA_OK && name) st = la_strings_add(&judged->sweeps, name, strlen(name), err);
        for (size_t k = 0; k < LA_COUNT(into) && st == LA_OK && more; k++) {
            const char *word = la_query_text(q, (int)k + 1);
            la_text all = {0};
            if (!word || (*into[k] && strstr(*into[k], word))) continue;
            la_text_add(&all, "%s%s%s", *into[k] ? *into[k] : "", *into[k] ? "; " : "", word);
            la_free(*into[k]);
            *into[k] = la_strdup(la_text_str(&all), err);
            if (!*into[k]) st = LA_E_NOMEM;
            la_text_release(&all);
        }
        la_query_close(q);
        LA_TRY(st);
    }
    return LA_OK;
}

static la_status find_all(const finder *x, la_judged *judged, la_err *err)
{
    const la_paper *paper = judged->paper;
    for (size_t p = 0; p < paper->n_panels; p++) {
        size_t columns = paper->panels[p].columns.n;
        for (size_t r = 0; r < paper->n_rows; r++)
            for (size_t c = 0; c < columns; c++)
                LA_TRY(find_place(x, p, r, c, &judged->cells[p][r * columns + c], err));
        LA_TRY(relate_panel(judged, p, err));
    }
    return LA_OK;
}

la_status la_found_all(la_store *store, const int64_t *sweeps, size_t n_sweeps, la_judged *judged,
                       la_err *err)
{
    la_stored_cells cells = {0};
    finder x = {.store = store,
                .cells = &cells,
                .judged = judged,
                .sweeps = sweeps,
                .n_sweeps = n_sweeps,
                .all_there = store && n_sweeps > 0};
    for (size_t i = 0; i < n_sweeps; i++) x.all_there &= sweeps[i] != 0;
    x.used = la_zalloc((n_sweeps + 1) * sizeof *x.used, err);
    if (!x.used) return LA_E_NOMEM;
    la_status st = la_stored_read(store, sweeps, n_sweeps, &cells, err);
    if (st == LA_OK) st = find_all(&x, judged, err);
    if (st == LA_OK) st = describe(store, &x, judged, err);
    la_stored_release(&cells);
    la_free(x.used);
    return st;
}
