/* SPDX-License-Identifier: Apache-2.0
 * A table's file as a whole: which sections there are, in which order they depend on one another, and
 * what every file needs. Names are collected first, so that sections may stand in any order.
 */
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "alloc.h"
#include "paper_file.h"

static const char *const section_kinds[] = {"table", "scale",     "sweep", "panel",
                                            "row",   "published", "claim"};

/* ---- [table] and [scale] ---- */

static la_status take_status(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    (void)scale;
    return la_file_status(f, e, &((la_paper *)into)->status);
}

static const la_paper_key table_keys[] = {
    {.name = "title", .offset = offsetof(la_paper, title), .must = true},
    {.name = "paper", .offset = offsetof(la_paper, paper), .must = true},
    {.name = "place", .offset = offsetof(la_paper, place), .must = true},
    {.name = "page", .offset = offsetof(la_paper, page)},
    {.name = "source", .offset = offsetof(la_paper, source), .must = true},
    {.name = "status", .take = take_status, .must = true},
    {.name = "error", .offset = offsetof(la_paper, error)},
    {.name = "recipe", .offset = offsetof(la_paper, recipe), .must = true},
    {.name = "note", .offset = offsetof(la_paper, note)},
};

static la_status take_table(la_paper_file *f)
{
    for (size_t i = 0; i < f->ini.n_sections; i++) {
        const la_ini_section *section = &f->ini.sections[i];
        if (strcmp(section->name, "table") != 0) continue;
        LA_TRY(la_file_take(f, section, table_keys, LA_COUNT(table_keys), f->paper));
        if (f->paper->status == 'D' && !f->paper->error)
            return la_ini_complain(&f->ini, section->line, f->err,
                                   "values read off a figure (status D) need 'error = ...'");
        return LA_OK;
    }
    return LA_FAIL(f->err, LA_E_ARG, "%s has no [table]: is it a table of a paper?", f->ini.path);
}

static la_status take_scale(la_paper_file *f, const la_ini_section *section)
{
    la_paper_scale scale;
    const char *name = la_file_name(section, "scale");
    if (la_scale_parse(name, &scale, NULL) != LA_OK)
        return la_ini_complain(&f->ini, section->line, f->err, "'%.40s' is no scale: cpu or full",
                               name);
    const la_paper_key keys[] = {
        {.name = "text", .offset = offsetof(la_paper, text[scale]), .must = true},
        {.name = "tried", .offset = offsetof(la_paper, tried[scale])},
    };
    f->paper->scales[scale] = true;
    return la_file_take(f, section, keys, LA_COUNT(keys), f->paper);
}

/* ---- names ---- */

static la_status check_section(la_paper_file *f, const la_ini_section *section)
{
    char kind[32], near[80];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(section->name, " \t"), section->name);
    for (size_t i = 0; i < LA_COUNT(section_kinds); i++) {
        if (strcmp(kind, section_kinds[i]) != 0) continue;
        const char *name = la_file_name(section, kind);
        bool plain = *name != '\0' || i == 0;
        for (const char *c = name; *c && plain; c++)
            plain = i != 0 && (isalnum((unsigned char)*c) || strchr("_-.+", *c));
        if (plain && strcmp(name, "status") != 0) return LA_OK;
        return la_ini_complain(&f->ini, section->line, f->err,
                               i == 0  ? "[%.60s]: there is one [table], without a name"
                               : *name ? "[%.60s]: names have letters, digits and _ - . + only, "
                                         "and none is 'status'"
                                       : "[%.60s] needs a name",
                               section->name);
    }
    if (!*section->name)
        return la_ini_complain(&f->ini, f->ini.entries[section->first].line, f->err,
                               "'%.60s' stands before the first section",
                               f->ini.entries[section->first].key);
    la_file_nearest(kind, section_kinds, LA_COUNT(section_kinds), near);
    return la_ini_complain(&f->ini, section->line, f->err,
                           "no section is called [%.60s]. %sThere are table, scale, sweep, panel, "
                           "row, published and claim",
                           section->name, near);
}

/* "[row a]" and "[row  a]" are two headers and one name. */
static la_status check_names(la_paper_file *f)
{
    for (size_t i = 0; i < f->ini.n_sections; i++) {
        const la_ini_section *a = &f->ini.sections[i];
        LA_TRY(check_section(f, a));
        for (size_t j = 0; j < i; j++) {
            const la_ini_section *b = &f->ini.sections[j];
            size_t n = strcspn(a->name, " \t"), m = strcspn(b->name, " \t");
            if (n != m || strncmp(a->name, b->name, n) != 0) continue;
            if (strcmp(a->name + n + strspn(a->name + n, " \t"),
                       b->name + m + strspn(b->name + m, " \t")) == 0)
                return la_ini_complain(&f->ini, a->line, f->err,
                                       "section [%.60s] is there already in line %d", a->name,
                                       b->line);
        }
    }
    return LA_OK;
}

static size_t count(const la_paper_file *f, const char *kind)
{
    size_t n = 0;
    for (size_t i = 0; i < f->ini.n_sections; i++)
        n += la_file_name(&f->ini.sections[i], kind) != NULL;
    return n;
}

/* Every array at its size, with the names in it. */
static la_status collect(la_paper_file *f)
{
    la_paper *p = f->paper;
    p->cap_sweeps = count(f, "sweep");
    p->cap_panels = count(f, "panel");
    p->cap_rows = count(f, "row");
    p->cap_claims = count(f, "claim");
    p->sweeps = la_zalloc((p->cap_sweeps + 1) * sizeof *p->sweeps, f->err);
    p->panels = la_zalloc((p->cap_panels + 1) * sizeof *p->panels, f->err);
    p->rows = la_zalloc((p->cap_rows + 1) * sizeof *p->rows, f->err);
    p->claims = la_zalloc((p->cap_claims + 1) * sizeof *p->claims, f->err);
    if (!p->sweeps || !p->panels || !p->rows || !p->claims) return LA_E_NOMEM;
    for (size_t i = 0; i < f->ini.n_sections; i++) {
        const la_ini_section *section = &f->ini.sections[i];
        const char *name;
        char **into = NULL;
        if ((name = la_file_name(section, "sweep"))) {
            p->sweeps[p->n_sweeps].line = section->line;
            into = &p->sweeps[p->n_sweeps++].name;
        } else if ((name = la_file_name(section, "panel"))) {
            p->panels[p->n_panels].relative = p->panels[p->n_panels].axis = -1;
            p->panels[p->n_panels].line = section->line;
            into = &p->panels[p->n_panels++].name;
        } else if ((name = la_file_name(section, "row"))) {
            p->rows[p->n_rows].line = section->line;
            into = &p->rows[p->n_rows++].key;
        } else if ((name = la_file_name(section, "claim"))) {
            p->claims[p->n_claims].line = section->line;
            into = &p->claims[p->n_claims++].name;
        }
        if (into && !(*into = la_strdup(name, f->err))) return LA_E_NOMEM;
    }
    return LA_OK;
}

/* ---- the whole ---- */

static la_status take_sections(la_paper_file *f)
{
    la_paper *p = f->paper;
    size_t sweep = 0, row = 0, claim = 0;
    const la_ini_section *sections = f->ini.sections;
    for (size_t i = 0; i < f->ini.n_sections; i++)
        if (la_file_name(&sections[i], "scale")) LA_TRY(take_scale(f, &sections[i]));
    for (size_t i = 0; i < f->ini.n_sections; i++)
        if (la_file_name(&sections[i], "sweep"))
            LA_TRY(la_file_sweep(f, &sections[i], &p->sweeps[sweep++]));
    LA_TRY(la_file_panels(f));
    for (size_t i = 0; i < f->ini.n_sections; i++)
        if (la_file_name(&sections[i], "row"))
            LA_TRY(la_file_row_section(f, &sections[i], &p->rows[row++]));
    LA_TRY(la_file_check_holes(f));
    for (size_t i = 0; i < f->ini.n_sections; i++)
        if (la_file_name(&sections[i], "published")) LA_TRY(la_file_published(f, &sections[i]));
    for (size_t i = 0; i < f->ini.n_sections; i++)
        if (la_file_name(&sections[i], "claim"))
            LA_TRY(la_file_claim(f, &sections[i], &p->claims[claim++]));
    return LA_OK;
}

static la_status check_sections_there(la_paper_file *f)
{
    static const char *const needed[] = {"scale", "sweep", "panel", "row"};
    for (size_t i = 0; i < LA_COUNT(needed); i++)
        if (count(f, needed[i]) == 0)
            return LA_FAIL(f->err, LA_E_ARG,
                           "%s has no [%s NAME]; docs/reproduce.md says what a table needs",
                           f->ini.path, needed[i]);
    return LA_OK;
}

static la_status check_sweeps(la_paper_file *f)
{
    const la_paper *p = f->paper;
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        bool found = !p->scales[s];
        for (size_t i = 0; i < p->n_sweeps; i++) found |= p->sweeps[i].scales[s];
        if (!found)
            return LA_FAIL(f->err, LA_E_ARG, "%s: no [sweep NAME] runs at [scale %s]", f->ini.path,
                           la_scale_name((la_paper_scale)s));
    }
    return LA_OK;
}

static la_status take_id(la_paper_file *f, const char *path)
{
    static const char end[] = ".table";
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    if (n <= strlen(end) || strcmp(name + n - strlen(end), end) != 0)
        return LA_FAIL(f->err, LA_E_ARG, "%s: a table's file is called ID.table", path);
    f->paper->path = la_strdup(path, f->err);
    f->paper->id = la_strdup(name, f->err);
    if (!f->paper->path || !f->paper->id) return LA_E_NOMEM;
    f->paper->id[n - strlen(end)] = '\0';
    return LA_OK;
}

la_status la_paper_read(const char *path, la_paper *out, la_err *err)
{
    la_paper_file f = {.paper = out, .err = err};
    *out = (la_paper){0};
    LA_TRY(take_id(&f, path));
    la_status st = la_ini_read(path, &f.ini, err);
    if (st == LA_OK) st = check_names(&f);
    if (st == LA_OK) st = take_table(&f);
    if (st == LA_OK) st = check_sections_there(&f);
    if (st == LA_OK) st = collect(&f);
    if (st == LA_OK) st = take_sections(&f);
    if (st == LA_OK) st = check_sweeps(&f);
    la_ini_release(&f.ini);
    return st;
}

/* ---- release ---- */

static void release_panel(la_paper_panel *panel)
{
    char *texts[] = {panel->name, panel->title, panel->column_title, panel->unit, panel->metric};
    for (size_t i = 0; i < LA_COUNT(texts); i++) la_free(texts[i]);
    la_strings_release(&panel->columns);
    la_selectors_release(&panel->base);
    for (size_t i = 0; i < panel->n_lists; i++) {
        la_free(panel->lists[i].name);
        for (int s = 0; s < LA_SCALE_COUNT; s++) la_strings_release(&panel->lists[i].v[s]);
    }
    la_free(panel->lists);
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        la_selectors_release(&panel->select[s]);
        la_free(panel->not_comparable[s]);
    }
}

static void release_row(const la_paper *paper, la_paper_row *row)
{
    la_free(row->key);
    la_free(row->title);
    la_free(row->why);
    for (int s = 0; s < LA_SCALE_COUNT; s++) la_selectors_release(&row->select[s]);
    for (size_t p = 0; row->published && p < paper->n_panels; p++) {
        for (size_t c = 0; row->published[p] && c < paper->panels[p].columns.n; c++)
            la_free(row->published[p][c].text);
        la_free(row->published[p]);
    }
    la_free(row->published);
    la_free(row->in_panel);
}

void la_paper_release(la_paper *paper)
{
    char *texts[] = {paper->id,   paper->path,   paper->title, paper->paper,  paper->place,
                     paper->page, paper->source, paper->error, paper->recipe, paper->note};
    for (size_t i = 0; i < LA_COUNT(texts); i++) la_free(texts[i]);
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        la_free(paper->text[s]);
        la_free(paper->tried[s]);
    }
    for (size_t i = 0; i < paper->n_sweeps; i++) {
        la_free(paper->sweeps[i].name);
        for (int s = 0; s < LA_SCALE_COUNT; s++) la_strings_release(&paper->sweeps[i].words[s]);
    }
    for (size_t i = 0; i < paper->n_rows; i++) release_row(paper, &paper->rows[i]);
    for (size_t i = 0; i < paper->n_panels; i++) release_panel(&paper->panels[i]);
    for (size_t i = 0; i < paper->n_claims; i++) {
        la_paper_claim *claim = &paper->claims[i];
        la_free(claim->name);
        la_free(claim->text);
        la_free(claim->columns);
        la_free(claim->panels);
        la_free(claim->rows);
    }
    la_free(paper->sweeps);
    la_free(paper->panels);
    la_free(paper->rows);
    la_free(paper->claims);
    *paper = (la_paper){0};
}
