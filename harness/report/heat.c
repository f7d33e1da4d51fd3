/* SPDX-License-Identifier: Apache-2.0
 * Accuracy, time, ratios of times or the fastest over any two axes of a sweep: which boxes there are.
 */
#include "heat.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"

const la_heat_box *la_heat_find(const la_heat *heat, const la_series *panel, size_t x, size_t row)
{
    for (size_t i = 0; i < heat->n; i++) {
        const la_heat_box *b = &heat->boxes[i];
        if (b->panel == panel && b->x == x && b->row == row) return b;
    }
    return NULL;
}

bool la_heat_beyond(const la_heat_box *box, double memories)
{
    return box->held > box->room * memories;
}

bool la_heat_unclear(const la_heat *heat, const la_heat_box *box)
{
    if (heat->map == LA_MAP_WINNER) return box->lo <= 1;
    return heat->map == LA_MAP_RATIO && box->lo <= 1 && box->hi >= 1;
}

bool la_heat_good(const la_heat_box *box)
{
    return isfinite(box->value) && strcmp(box->outcome, "ok") == 0;
}

/* ---- reading ---- */

/* Lengths as 1k, other numbers as they are, choices as words. */
static void take_word(la_query *q, const char *column, const char *axis, char out[LA_HEAT_WORD])
{
    int at = la_query_find(q, column);
    if (strcmp(axis, "length") == 0)
        la_format_count((int64_t)la_query_real(q, at), out);
    else if (la_query_type(q, at) == LA_COLUMN_REAL)
        snprintf(out, LA_HEAT_WORD, "%.6g", la_query_real(q, at));
    else
        snprintf(out, LA_HEAT_WORD, "%.20s", la_query_named_text(q, column));
}

/* A row's place on both axes; false where it has none, for it lacks one of the options. */
static bool take_place(la_heat *heat, la_query *q, la_heat_box *box)
{
    double x = la_query_named_real(q, "x"), row = la_query_named_real(q, "row");
    if (la_query_type(q, la_query_find(q, "x_value")) == LA_COLUMN_NULL ||
        la_query_type(q, la_query_find(q, "y_value")) == LA_COLUMN_NULL ||
        !(x >= 1 && x <= LA_HEAT_VALUES && row >= 1 && row <= LA_HEAT_VALUES))
        return false;
    box->x = (size_t)x - 1;
    box->row = (size_t)row - 1;
    take_word(q, "x_value", heat->x_name, heat->x_word[box->x]);
    take_word(q, "y_value", heat->row_name, heat->row_word[box->row]);
    if (box->x >= heat->n_x) heat->n_x = box->x + 1;
    if (box->row >= heat->n_rows) heat->n_rows = box->row + 1;
    return true;
}

static la_status take_box(la_heat *heat, la_query *q, la_err *err)
{
    la_heat_box box = {.panel = la_lines_match(&heat->panels, q),
                       .value = la_query_named_real(q, "y"),
                       .lo = la_query_named_real(q, "lo"),
                       .hi = la_query_named_real(q, "hi"),
                       .n = la_query_named_real(q, "n"),
                       .held = la_query_named_real(q, "held"),
                       .room = la_query_named_real(q, "room"),
                       .memories = la_query_named_real(q, "memories")};
    double chance = la_query_named_real(q, "chance");
    if (!box.panel || !take_place(heat, q, &box)) return LA_OK;
    snprintf(box.outcome, sizeof box.outcome, "%.20s", la_query_named_text(q, "outcome"));
    if (isfinite(chance)) heat->chance = chance;
    if (la_query_find(q, "name") >= 0) {
        snprintf(box.winner, sizeof box.winner, "%.39s", la_query_named_text(q, "name"));
        snprintf(heat->base, sizeof heat->base, "%s", box.winner);
    }
    if (la_heat_good(&box)) {
        heat->lo = fmin(heat->lo, box.value);
        heat->hi = fmax(heat->hi, box.value);
    }
    heat->rooms |= isfinite(box.room) && isfinite(box.held);
    void *grown = heat->boxes;
    LA_TRY(la_grow(&grown, &heat->cap, heat->n + 1, sizeof *heat->boxes, err));
    heat->boxes = grown;
    heat->boxes[heat->n++] = box;
    return LA_OK;
}

static void copy_member(const cJSON *map, const char *name, char *out, size_t cap)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(map, name);
    snprintf(out, cap, "%.*s", (int)cap - 1, cJSON_IsString(o) ? o->valuestring : "");
}

static la_status load_boxes(const la_source *source, const la_kind *kind, const char *which,
                            la_heat *heat, la_err *err)
{
    char id[24];
    LA_TRY(la_lines_load(source->store, source->sweep, kind->sql, which, &heat->panels, err));
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    la_query *q = NULL;
    LA_TRY(la_query_open(source->store, kind->sql, (const char *[]){id, which}, 2, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more)
        if ((st = take_box(heat, q, err)) != LA_OK) break;
    la_query_close(q);
    return st;
}

static la_status load(const la_view *view, const la_kind *kind, const char *which, la_heat *heat,
                      la_err *err)
{
    cJSON *map = cJSON_Parse(which);
    copy_member(map, "x_name", heat->x_name, sizeof heat->x_name);
    copy_member(map, "y_name", heat->row_name, sizeof heat->row_name);
    if (view->how.base && map) cJSON_AddStringToObject(map, "base", view->how.base);
    char pass[LA_HEAT_WORD];
    copy_member(map, "task", pass, sizeof pass);
    char *with_base = map ? cJSON_PrintUnformatted(map) : NULL;
    cJSON_Delete(map);
    if (!with_base) return LA_FAIL(err, LA_E_NOMEM, "no memory for the figure %s", kind->name);
    la_status st = load_boxes(view->sources, kind, with_base, heat, err);
    cJSON_free(with_base);
    if (kind->map == LA_MAP_RATIO)
        snprintf(heat->title, sizeof heat->title, "%s: times faster than %s over %s and %s", pass,
                 heat->base, heat->x_name, heat->row_name);
    else
        snprintf(heat->title, sizeof heat->title, "%.150s", view->title);
    return st;
}

/* ---- what is said below ---- */

/* How many answers a box has, chance, and what the lines mean. */
static void add_words(const la_heat *heat, const la_kind *kind, la_text *out)
{
    double least = INFINITY, most = 0, heads = 1;
    bool absent = false;
    for (size_t i = 0; i < heat->n; i++) {
        const la_heat_box *b = &heat->boxes[i];
        absent |= strcmp(b->outcome, "unsupported") == 0;
        heads = fmax(heads, b->memories);
        if (!la_heat_good(b)) continue;
        least = fmin(least, b->n);
        most = fmax(most, b->n);
    }
    la_text_add(out, "%s", kind->what);
    if (most > 0 && heat->map == LA_MAP_ACCURACY) {
        la_text_add(out, least < most ? " %.0f to %.0f" : " %.0f", least, most);
        la_text_add(out, " answers a box.");
    }
    if (isfinite(heat->chance)) la_text_add(out, " Chance %.2g.", heat->chance);
    if (absent) la_text_add(out, " –: cannot be.");
    if (heat->map == LA_MAP_RATIO) la_text_add(out, " The base is %s.", heat->base);
    if (!heat->rooms) return;
    la_text_add(
        out, " Beyond the orange line, towards more pairs or smaller states, there are more pairs "
             "than keys can be independent in the memory of one head (dk, or the features of a "
             "kernel)");
    if (heads > 1) la_text_add(out, "; beyond the dotted one, in those of all heads of a layer");
    la_text_add(out, ". No line: every token is kept, or all boxes lie on one side.");
}

la_status la_figure_heat(const la_view *view, const la_kind *kind, const char *which,
                         const char *stem, la_text *dat, la_text *gp, bool *empty, la_err *err)
{
    la_heat *heat = la_zalloc(sizeof *heat, err);
    if (!heat) return LA_E_NOMEM;
    la_text caption = {0}, what = {0};
    la_kind said = *kind;
    heat->map = kind->map;
    heat->lo = INFINITY;
    heat->chance = NAN;
    la_status st = load(view, kind, which, heat, err);
    *empty = st == LA_OK && heat->n == 0;
    if (st != LA_OK || *empty) goto done;
    add_words(heat, kind, &what);
    said.what = la_text_str(&what);
    st = la_figure_caption(view, &said, &heat->panels, &caption, err);
    if (st == LA_OK) st = la_figure_head(view, kind, dat, err);
    if (st == LA_OK) st = la_heat_draw(view, heat, kind, stem, la_text_str(&caption), dat, gp, err);
    if (st == LA_OK && (what.failed | caption.failed))
        st = LA_FAIL(err, LA_E_NOMEM, "no memory for the figure %s", kind->name);
done:
    la_text_release(&what);
    la_text_release(&caption);
    la_lines_release(&heat->panels);
    la_free(heat->boxes);
    la_free(heat);
    return st;
}
