/* SPDX-License-Identifier: Apache-2.0
 * [panel NAME], [row KEY] and [published PANEL]: what stands in the table, and where ours comes from.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "alloc.h"
#include "paper_file.h"

static const struct measure_word {
    const char *word, *unit;
} measures[] = {
    [LA_MEASURE_TIME] = {"time", "ms"},
    [LA_MEASURE_MS_PER_TOKEN] = {"ms_per_token", "ms/token"},
    [LA_MEASURE_TOKEN_PER_S] = {"token_per_s", "tokens/s"},
    [LA_MEASURE_CALL_PER_S] = {"call_per_s", "calls/s"},
    [LA_MEASURE_GFLOP_PER_S] = {"gflop_per_s", "GFLOP/s"},
    [LA_MEASURE_MEMORY] = {"memory", "MiB"},
    [LA_MEASURE_MEMORY_ALL] = {"memory_all", "MiB"},
    [LA_MEASURE_STATE] = {"state", "MiB"},
    [LA_MEASURE_ACCURACY] = {"accuracy", NULL},
    [LA_MEASURE_PERCENT] = {"percent", "%"},
    [LA_MEASURE_SCALED] = {"scaled", NULL},
    [LA_MEASURE_STEPS_TO_90] = {"steps_to_90", "steps"},
};

/* ---- keys of a panel ---- */

static la_status take_columns(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    la_strings *columns = &((la_paper_panel *)into)->columns;
    (void)scale;
    LA_TRY(la_file_list(f, e, columns));
    for (size_t i = 0; i < columns->n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(columns->v[i], columns->v[j]) == 0)
                return la_file_complain(f, e, "column '%.60s' is there twice", columns->v[i]);
    return LA_OK;
}

static la_status list_at(la_paper_file *f, la_paper_panel *panel, const char *name,
                         la_paper_list **out)
{
    for (size_t i = 0; i < panel->n_lists; i++)
        if (strcmp(panel->lists[i].name, name) == 0) {
            *out = &panel->lists[i];
            return LA_OK;
        }
    LA_TRY(la_grow((void **)&panel->lists, &panel->cap_lists, panel->n_lists + 1,
                   sizeof *panel->lists, f->err));
    *out = &panel->lists[panel->n_lists++];
    **out = (la_paper_list){.name = la_strdup(name, f->err)};
    return (*out)->name ? LA_OK : LA_E_NOMEM;
}

/* "list.length.cpu" is of the list "length". */
static void list_name(const la_ini_entry *e, char *buf, size_t cap)
{
    snprintf(buf, cap, "%s", e->key + strlen("list."));
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        char *dot = strrchr(buf, '.');
        if (dot && strcmp(dot + 1, la_scale_name((la_paper_scale)s)) == 0) *dot = '\0';
    }
}

/* Lists in the order of the file, whatever scales their entries are of: the first one is the axis. */
static la_status name_lists(la_paper_file *f, const la_ini_section *section, la_paper_panel *panel)
{
    for (size_t i = 0; i < section->n; i++) {
        const la_ini_entry *e = &f->ini.entries[section->first + i];
        char name[128];
        la_paper_list *list;
        if (strncmp(e->key, "list.", strlen("list.")) != 0) continue;
        list_name(e, name, sizeof name);
        LA_TRY(list_at(f, panel, name, &list));
    }
    return LA_OK;
}

static la_status take_list(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    char name[128];
    la_paper_list *list;
    list_name(e, name, sizeof name);
    if (strcmp(name, "column") == 0)
        return la_file_complain(f, e,
                                "{column} is the name of the column; call the list otherwise");
    LA_TRY(list_at(f, into, name, &list));
    for (int s = 0; s < LA_SCALE_COUNT; s++)
        if (scale == LA_BOTH_SCALES || s == scale) LA_TRY(la_file_list(f, e, &list->v[s]));
    return LA_OK;
}

static la_status take_measure(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    la_paper_panel *panel = into;
    const char *words[LA_MEASURE_METRIC];
    char near[80];
    (void)scale;
    if (strncmp(e->value, "metric:", 7) == 0 && e->value[7]) {
        panel->measure = LA_MEASURE_METRIC;
        panel->metric = la_strdup(e->value + 7, f->err);
        return panel->metric ? LA_OK : LA_E_NOMEM;
    }
    for (int m = 0; m < LA_MEASURE_METRIC; m++) {
        words[m] = measures[m].word;
        if (strcmp(e->value, words[m]) != 0) continue;
        panel->measure = (la_measure)m;
        return LA_OK;
    }
    la_file_nearest(e->value, words, LA_COUNT(words), near);
    return la_file_complain(f, e, "nothing is measured as '%.60s'. %sOr metric:NAME", e->value,
                            near);
}

static la_status take_select(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    for (int s = 0; s < LA_SCALE_COUNT; s++)
        if (scale == LA_BOTH_SCALES || s == scale)
            LA_TRY(la_file_selectors(f, e, &((la_paper_panel *)into)->select[s]));
    return LA_OK;
}

static la_status take_base(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    if (!*e->value) return la_file_complain(f, e, "'base' is empty");
    return la_file_selectors(f, e, &((la_paper_panel *)into)->base);
}

static la_status take_over(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    ((la_paper_panel *)into)->best = strcmp(e->value, "best") == 0;
    if (strcmp(e->value, "best") == 0 || strcmp(e->value, "mean") == 0) return LA_OK;
    return la_file_complain(f, e, "'over' is '%.60s': write mean or best", e->value);
}

static la_status take_relative(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    size_t row;
    (void)scale;
    LA_TRY(la_file_row(f, e, e->value, &row));
    ((la_paper_panel *)into)->relative = (int)row;
    return LA_OK;
}

static la_status take_inverse(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    return la_file_yes(f, e, &((la_paper_panel *)into)->inverse);
}

static la_status take_ratio(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    ((la_paper_panel *)into)->published_ratio = true;
    if (strcmp(e->value, "ratio") == 0) return LA_OK;
    return la_file_complain(f, e, "'published' is '%.60s': write ratio or leave it out", e->value);
}

static la_status take_comparable(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    char **why = ((la_paper_panel *)into)->not_comparable;
    const char *reason = strncmp(e->value, "no:", 3) == 0 ? e->value + 3 : "";
    reason += strspn(reason, " ");
    if (!*reason && strcmp(e->value, "yes") != 0)
        return la_file_complain(f, e, "'comparable' is '%.60s': write yes, or no: and why",
                                e->value);
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        if (scale != LA_BOTH_SCALES && s != scale) continue;
        la_free(why[s]);
        why[s] = NULL;
        if (*reason && !(why[s] = la_strdup(reason, f->err))) return LA_E_NOMEM;
    }
    return LA_OK;
}

static la_status take_tolerance(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    return la_file_tolerance(f, e, &((la_paper_panel *)into)->tolerance);
}

static la_status take_axis(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    /* Lists may stand below; check_panel looks it up. */
    (void)f, (void)e, (void)scale, (void)into;
    return LA_OK;
}

static const la_paper_key panel_keys[] = {
    {.name = "title", .offset = offsetof(la_paper_panel, title), .must = true},
    {.name = "columns", .take = take_columns, .must = true},
    {.name = "column_title", .offset = offsetof(la_paper_panel, column_title)},
    {.name = "list.", .take = take_list, .by_scale = true},
    {.name = "axis", .take = take_axis},
    {.name = "measure", .take = take_measure, .must = true},
    {.name = "unit", .offset = offsetof(la_paper_panel, unit)},
    {.name = "select", .take = take_select, .by_scale = true},
    {.name = "over", .take = take_over},
    {.name = "relative", .take = take_relative},
    {.name = "inverse", .take = take_inverse},
    {.name = "base", .take = take_base},
    {.name = "published", .take = take_ratio},
    {.name = "comparable", .take = take_comparable, .by_scale = true},
    {.name = "tolerance", .take = take_tolerance},
};

/* ---- what a panel needs as a whole ---- */

static const la_ini_entry *entry_of(const la_paper_file *f, const la_ini_section *section,
                                    const char *key)
{
    for (size_t i = 0; i < section->n; i++)
        if (strcmp(f->ini.entries[section->first + i].key, key) == 0)
            return &f->ini.entries[section->first + i];
    return NULL;
}

/* Lists are as long as the columns; where a scale has none, nothing is measured at it. */
static la_status check_lists(la_paper_file *f, const la_ini_section *section, la_paper_panel *panel)
{
    for (size_t i = 0; i < panel->n_lists; i++)
        for (int s = 0; s < LA_SCALE_COUNT; s++) {
            la_strings *list = &panel->lists[i].v[s];
            if (list->n != 0 && list->n != panel->columns.n)
                return la_ini_complain(
                    &f->ini, section->line, f->err,
                    "[%.60s] has %zu columns, but list.%.40s %zu values at scale %s", section->name,
                    panel->columns.n, panel->lists[i].name, list->n,
                    la_scale_name((la_paper_scale)s));
            while (list->n < panel->columns.n) LA_TRY(la_strings_add(list, "-", 1, f->err));
        }
    return LA_OK;
}

static la_status find_axis(la_paper_file *f, const la_ini_section *section, la_paper_panel *panel)
{
    const la_ini_entry *e = entry_of(f, section, "axis");
    panel->axis = panel->n_lists ? 0 : -1;
    for (size_t i = 0; e && i < panel->n_lists; i++)
        if (strcmp(panel->lists[i].name, e->value) == 0) {
            panel->axis = (int)i;
            return LA_OK;
        }
    return e ? la_file_complain(f, e, "there is no 'list.%.60s = ...'", e->value) : LA_OK;
}

static la_status check_panel(la_paper_file *f, const la_ini_section *section, la_paper_panel *panel)
{
    bool divided = panel->relative >= 0 || panel->base.n > 0;
    LA_TRY(check_lists(f, section, panel));
    LA_TRY(find_axis(f, section, panel));
    if (panel->relative >= 0 && panel->base.n > 0)
        return la_ini_complain(&f->ini, section->line, f->err,
                               "[%.60s] has both 'relative' and 'base': only one can be",
                               section->name);
    if (panel->inverse && !divided)
        return la_file_complain(f, entry_of(f, section, "inverse"),
                                "'inverse' has no meaning without 'relative' or 'base'");
    if (panel->published_ratio && panel->relative < 0)
        return la_file_complain(f, entry_of(f, section, "published"),
                                "'published = ratio' has no meaning without 'relative'");
    if (!panel->unit && !divided && panel->measure != LA_MEASURE_METRIC &&
        measures[panel->measure].unit) {
        panel->unit = la_strdup(measures[panel->measure].unit, f->err);
        if (!panel->unit) return LA_E_NOMEM;
    }
    return LA_OK;
}

la_status la_file_panels(la_paper_file *f)
{
    size_t p = 0;
    for (size_t i = 0; i < f->ini.n_sections; i++) {
        const la_ini_section *section = &f->ini.sections[i];
        if (!la_file_name(section, "panel")) continue;
        la_paper_panel *panel = &f->paper->panels[p++];
        LA_TRY(name_lists(f, section, panel));
        LA_TRY(la_file_take(f, section, panel_keys, LA_COUNT(panel_keys), panel));
        LA_TRY(check_panel(f, section, panel));
    }
    return LA_OK;
}

/* ---- columns ---- */

bool la_panel_measures(const la_paper_panel *panel, la_paper_scale scale, size_t c)
{
    for (size_t i = 0; i < panel->n_lists; i++)
        if (strcmp(panel->lists[i].v[scale].v[c], "-") == 0) return false;
    return true;
}

double la_panel_axis(const la_paper_panel *panel, la_paper_scale scale, size_t c)
{
    const la_strings *of = panel->axis < 0 ? &panel->columns : &panel->lists[panel->axis].v[scale];
    double value = NAN;
    la_paper_number(of->v[c], true, &value);
    return value;
}

/* What a hole stands for; NULL: nothing. */
static const char *filling(const la_paper_panel *panel, la_paper_scale scale, size_t c,
                           const char *name, size_t len)
{
    if (len == strlen("column") && strncmp(name, "column", len) == 0) return panel->columns.v[c];
    for (size_t i = 0; i < panel->n_lists; i++)
        if (strlen(panel->lists[i].name) == len && strncmp(panel->lists[i].name, name, len) == 0)
            return panel->lists[i].v[scale].v[c];
    return NULL;
}

la_status la_panel_fill(const la_paper_panel *panel, la_paper_scale scale, size_t c,
                        const char *value, char *out, size_t cap, la_err *err)
{
    size_t len = 0;
    for (const char *at = value; *at;) {
        size_t n = strcspn(at, "{");
        const char *piece = at;
        at += n;
        if (n == 0) {
            n = strcspn(at, "}");
            piece = filling(panel, scale, c, at + 1, n - 1);
            if (!piece)
                return LA_FAIL(err, LA_E_ARG, "panel %s has nothing for %.*s}", panel->name, (int)n,
                               at);
            if (strcmp(piece, "-") == 0)
                return LA_FAIL(err, LA_E_NOTFOUND, "not measured at scale %s",
                               la_scale_name(scale));
            at += n + (at[n] == '}');
            n = strlen(piece);
        }
        if (len + n + 1 > cap)
            return LA_FAIL(err, LA_E_ARG, "'%.60s' becomes longer than %zu bytes", value, cap - 1);
        memcpy(out + len, piece, n);
        len += n;
    }
    if (cap > 0) out[len] = '\0';
    return LA_OK;
}
