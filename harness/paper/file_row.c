/* SPDX-License-Identifier: Apache-2.0
 * [row KEY] and [published PANEL], and whether what the rows select can be found in their panels.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "alloc.h"
#include "paper_file.h"

static la_status take_select(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    la_paper_row *row = into;
    for (int s = 0; s < LA_SCALE_COUNT; s++) {
        if ((scale != LA_BOTH_SCALES && s != scale) || !f->paper->scales[s]) continue;
        row->measured[s] = true;
        LA_TRY(la_file_selectors(f, e, &row->select[s]));
    }
    return LA_OK;
}

static la_status take_panels(la_paper_file *f, const la_ini_entry *e, int scale, void *into)
{
    la_paper_row *row = into;
    la_strings names = {0};
    (void)scale;
    la_status st = la_file_list(f, e, &names);
    for (size_t i = 0; i < f->paper->n_panels; i++) row->in_panel[i] = false;
    for (size_t i = 0; i < names.n && st == LA_OK; i++) {
        size_t panel;
        st = la_file_panel(f, e, names.v[i], &panel);
        if (st == LA_OK) row->in_panel[panel] = true;
    }
    la_strings_release(&names);
    return st;
}

static const la_paper_key row_keys[] = {
    {.name = "title", .offset = offsetof(la_paper_row, title)},
    {.name = "select", .take = take_select, .by_scale = true},
    {.name = "panels", .take = take_panels},
    {.name = "why", .offset = offsetof(la_paper_row, why)},
};

la_status la_file_row_section(la_paper_file *f, const la_ini_section *section, la_paper_row *row)
{
    size_t n = f->paper->n_panels;
    row->in_panel = la_zalloc(n * sizeof *row->in_panel, f->err);
    row->published = la_zalloc(n * sizeof *row->published, f->err);
    if (!row->in_panel || !row->published) return LA_E_NOMEM;
    for (size_t i = 0; i < n; i++) row->in_panel[i] = true;
    LA_TRY(la_file_take(f, section, row_keys, LA_COUNT(row_keys), row));
    bool everywhere = true;
    for (int s = 0; s < LA_SCALE_COUNT; s++) everywhere &= row->measured[s] || !f->paper->scales[s];
    if (row->why && everywhere)
        return la_ini_complain(&f->ini, section->line, f->err,
                               "[%.60s] has 'select' and 'why': the latter says why there is none",
                               section->name);
    if (!row->title && !(row->title = la_strdup(row->key, f->err))) return LA_E_NOMEM;
    return LA_OK;
}

/* ---- holes ---- */

static bool hole_known(const la_paper_panel *panel, const char *name, size_t n)
{
    if (n == strlen("column") && strncmp(name, "column", n) == 0) return true;
    for (size_t i = 0; i < panel->n_lists; i++)
        if (strlen(panel->lists[i].name) == n && strncmp(panel->lists[i].name, name, n) == 0)
            return true;
    return false;
}

/* where: "[row flash]"; the braces of values are known to be pairs. */
static la_status check_selectors(la_paper_file *f, const la_paper_panel *panel,
                                 const la_selectors *select, const char *kind, const char *name,
                                 int line)
{
    for (size_t i = 0; i < select->n; i++)
        for (const char *at = strchr(select->v[i].value, '{'); at; at = strchr(at + 1, '{')) {
            size_t n = strcspn(at, "}") - 1;
            if (!hole_known(panel, at + 1, n))
                return la_ini_complain(&f->ini, line, f->err,
                                       "[%s %.60s] selects %.60s=%.60s, but [panel %.60s] has no "
                                       "'list.%.*s = ...'",
                                       kind, name, select->v[i].key, select->v[i].value,
                                       panel->name, (int)n, at + 1);
        }
    return LA_OK;
}

la_status la_file_check_holes(la_paper_file *f)
{
    const la_paper *p = f->paper;
    for (size_t i = 0; i < p->n_panels; i++) {
        const la_paper_panel *panel = &p->panels[i];
        LA_TRY(check_selectors(f, panel, &panel->base, "panel", panel->name, panel->line));
        for (int s = 0; s < LA_SCALE_COUNT; s++) {
            LA_TRY(check_selectors(f, panel, &panel->select[s], "panel", panel->name, panel->line));
            for (size_t r = 0; r < p->n_rows; r++)
                if (p->rows[r].in_panel[i])
                    LA_TRY(check_selectors(f, panel, &p->rows[r].select[s], "row", p->rows[r].key,
                                           p->rows[r].line));
        }
        if (panel->relative < 0) continue;
        const la_paper_row *row = &p->rows[panel->relative];
        if (!row->in_panel[i])
            return la_ini_complain(&f->ini, panel->line, f->err,
                                   "[panel %.60s] is relative to [row %.60s], which is not in it",
                                   panel->name, row->key);
    }
    return LA_OK;
}

/* ---- published values ---- */

/* "7.31", "~0.98", "<0.1", ">100", "-", or a word that does not look like a number. */
static la_status take_value(la_paper_file *f, const la_ini_entry *e, const char *word,
                            la_published *out)
{
    out->value = NAN;
    if (strcmp(word, "-") == 0) return LA_OK;
    const char *number = word + (strchr("~<>", *word) != NULL);
    number += strspn(number, " ");
    if (!la_paper_number(number, false, &out->value) &&
        (number != word || strchr("0123456789+-.", *word)))
        return la_file_complain(f, e,
                                "'%.60s' is no value: write a number, ~0.98, <0.1, >100, - or a "
                                "word such as OOM",
                                word);
    out->text = la_strdup(word, f->err);
    return out->text ? LA_OK : LA_E_NOMEM;
}

static la_status take_line(la_paper_file *f, const la_ini_entry *e, size_t panel)
{
    la_strings words = {0};
    size_t r, n = f->paper->panels[panel].columns.n;
    LA_TRY(la_file_row(f, e, e->key, &r));
    la_paper_row *row = &f->paper->rows[r];
    if (!row->in_panel[panel])
        return la_file_complain(f, e, "[row %.60s] is not in [panel %.60s]", row->key,
                                f->paper->panels[panel].name);
    if (row->published[panel])
        return la_file_complain(f, e, "row '%.60s' has its values already", row->key);
    la_status st = la_file_list(f, e, &words);
    if (st == LA_OK && words.n != n)
        st = la_file_complain(f, e, "%zu values for %zu columns", words.n, n);
    if (st == LA_OK) {
        row->published[panel] = la_zalloc(n * sizeof **row->published, f->err);
        if (!row->published[panel]) st = LA_E_NOMEM;
    }
    for (size_t c = 0; c < n && st == LA_OK; c++)
        st = take_value(f, e, words.v[c], &row->published[panel][c]);
    la_strings_release(&words);
    return st;
}

la_status la_file_published(la_paper_file *f, const la_ini_section *section)
{
    size_t panel;
    const la_ini_entry head = {.line = section->line};
    LA_TRY(la_file_panel(f, &head, la_file_name(section, "published"), &panel));
    for (size_t i = 0; i < section->n; i++) {
        const la_ini_entry *e = &f->ini.entries[section->first + i];
        if (strcmp(e->key, "status") == 0)
            LA_TRY(la_file_status(f, e, &f->paper->panels[panel].status));
        else
            LA_TRY(take_line(f, e, panel));
    }
    char status =
        f->paper->panels[panel].status ? f->paper->panels[panel].status : f->paper->status;
    if (status == '-')
        return la_ini_complain(&f->ini, section->line, f->err,
                               "[%.60s] has values, but their status is none", section->name);
    if (status == 'D' && !f->paper->error)
        return la_ini_complain(&f->ini, section->line, f->err,
                               "values read off a figure (status D) need 'error = ...' in [table]");
    return LA_OK;
}
