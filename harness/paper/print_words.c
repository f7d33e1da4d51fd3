/* SPDX-License-Identifier: Apache-2.0
 * The words that all formats of a judged table share.
 */
#include <math.h>
#include <string.h>

#include "alloc.h"
#include "numbers.h"
#include "print.h"

/* ---- one place ---- */

bool la_panel_differs(const la_paper_panel *panel)
{
    bool share =
        panel->measure == LA_MEASURE_ACCURACY || panel->measure == LA_MEASURE_PERCENT ||
        panel->measure == LA_MEASURE_SCALED ||
        (panel->measure == LA_MEASURE_METRIC && strncmp(panel->metric, "accuracy", 8) == 0);
    return share && panel->relative < 0 && !panel->base.n;
}

char la_panel_status(const la_paper *paper, const la_paper_panel *panel)
{
    return panel->status ? panel->status : paper->status;
}

/* As it stands in the file, or what became of it where all are divided by one row. */
static void published_words(const la_judged *judged, size_t p, size_t r, size_t c, char out[40])
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    const la_published *row = judged->paper->rows[r].published[p];
    const la_found *f = la_judged_cell(judged, p, r, c);
    if (!row || !row[c].text) return;
    bool divided = panel->relative >= 0 && !panel->published_ratio && !isnan(row[c].value);
    if (divided && isfinite(f->published))
        la_short_number(f->published, out);
    else if (!divided)
        snprintf(out, 40, "%.38s", row[c].text);
}

/* "-0.00" is 0.00. */
static void drop_sign(char *text)
{
    if (*text && !text[1 + strspn(text + 1, "0.")]) memmove(text, text + 1, strlen(text));
}

static void our_words(const la_found *f, la_place *out)
{
    char text[32];
    if (isnan(f->value)) return;
    if (isinf(f->value))
        snprintf(out->ours, sizeof out->ours, "> %s", la_short_number(f->lo, text));
    else
        la_number_scaled(f->value, f->lo, f->hi, 1, out->ours, out->interval);
    if (*out->ours == '-') drop_sign(out->ours);
}

void la_place_words(const la_judged *judged, size_t p, size_t r, size_t c, la_place *out)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    const la_found *f = la_judged_cell(judged, p, r, c);
    char text[32];
    *out = (la_place){.verdict = ""};
    if (!judged->paper->rows[r].in_panel[p]) return;
    published_words(judged, p, r, c, out->published);
    our_words(f, out);
    bool known = la_panel_status(judged->paper, panel) != 'M' && isfinite(f->published) &&
                 isfinite(f->value) && panel->relative != (int)r;
    if (known && la_panel_differs(panel))
        snprintf(out->against, sizeof out->against, "%+.*f",
                 panel->measure == LA_MEASURE_PERCENT ? 1 : 3, f->value - f->published);
    if (*out->against) drop_sign(out->against);
    if (known && !la_panel_differs(panel) && f->published > 0)
        snprintf(out->against, sizeof out->against, "%sx",
                 la_short_number(f->value / f->published, text));
    la_paper_verdict v = judged->verdicts[p][r * panel->columns.n + c];
    bool measured =
        judged->paper->rows[r].measured[judged->scale]; /* else a reason below says it */
    if (v != LA_VERDICT_NOTHING && measured) out->verdict = la_paper_verdict_word(v);
}

const char *la_place_part(const la_place *place, la_place_line line)
{
    switch (line) {
    case LA_PLACE_PUBLISHED:
        return place->published;
    case LA_PLACE_OURS:
        return place->ours;
    case LA_PLACE_INTERVAL:
        return place->interval;
    case LA_PLACE_AGAINST:
        return place->against;
    default:
        return place->verdict;
    }
}

const char *la_place_line_name(const la_judged *judged, size_t p, la_place_line line, char buf[16])
{
    static const char *const names[] = {"paper", "ours", "interval", "ratio", "verdict"};
    const la_paper_panel *panel = &judged->paper->panels[p];
    char status = la_panel_status(judged->paper, panel);
    const char *name = names[line];
    if (line == LA_PLACE_AGAINST && la_panel_differs(panel)) name = "difference";
    if (line == LA_PLACE_PUBLISHED && status == 'M') name = "unverified";
    bool coded = line == LA_PLACE_PUBLISHED && status != 'M' && status != '-';
    snprintf(buf, 16, coded ? "%s (%c)" : "%s", name, status);
    return buf;
}

bool la_place_line_used(const la_judged *judged, size_t p, size_t r, la_place_line line,
                        size_t from, size_t to)
{
    la_place place;
    for (size_t c = from; c < to; c++) {
        la_place_words(judged, p, r, c, &place);
        if (*la_place_part(&place, line)) return true;
    }
    return false;
}

/* The reason that all places of a panel have in common; NULL: none. */
static const char *panel_why(const la_judged *judged, size_t p)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    if (panel->not_comparable[judged->scale]) return panel->not_comparable[judged->scale];
    if (la_panel_status(judged->paper, panel) == 'M') return "the published values are unverified";
    return panel->tolerance.given ? NULL : "the file states no tolerance";
}

const char *la_place_why(const la_judged *judged, size_t p, size_t r, size_t c)
{
    const la_found *f = la_judged_cell(judged, p, r, c);
    la_paper_verdict v = judged->verdicts[p][r * judged->paper->panels[p].columns.n + c];
    if (v == LA_VERDICT_NOT_RUN) return f->why;
    if (v != LA_VERDICT_NOT_COMPARABLE) return NULL;
    if (f->why) return f->why;
    return isfinite(f->published) ? panel_why(judged, p) : "what was published is no number";
}

bool la_panel_has_row(const la_judged *judged, size_t p, size_t r)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    const la_paper_row *row = &judged->paper->rows[r];
    if (!row->in_panel[p]) return false;
    for (size_t c = 0; c < panel->columns.n; c++)
        if ((row->measured[judged->scale] && la_panel_measures(panel, judged->scale, c)) ||
            (row->published[p] && row->published[p][c].text))
            return true;
    return false;
}

/* ---- a panel ---- */

const char *la_status_meaning(char status)
{
    switch (status) {
    case 'A':
        return "A: read as numbers in the paper or from its authors";
    case 'B':
        return "B: read as numbers in a full copy of the paper, or in two that agree";
    case 'V':
        return "V: recovered from the paper's vector graphics";
    case 'D':
        return "D: read off the authors' figure";
    case 'S':
        return "S: one secondary transcription";
    case 'M':
        return "M: from memory, unverified";
    default:
        return "none obtained";
    }
}

const char *la_panel_here(const la_paper_panel *panel, la_paper_scale scale, size_t c)
{
    if (panel->axis < 0) return NULL;
    const la_strings *here = &panel->lists[panel->axis].v[scale];
    bool differs = false;
    for (size_t k = 0; k < here->n && k < panel->columns.n; k++)
        differs |= strcmp(here->v[k], "-") != 0 && strcmp(here->v[k], panel->columns.v[k]) != 0;
    return differs && c < here->n ? here->v[c] : NULL;
}

void la_panel_heading(const la_paper *paper, const la_paper_panel *panel, la_text *out)
{
    la_text_add(out, "%s", panel->title ? panel->title : panel->name);
    char base[160] = "the base";
    size_t used = 0;
    if (panel->relative >= 0) snprintf(base, sizeof base, "%s", paper->rows[panel->relative].title);
    for (size_t i = 0; i < panel->base.n && used < sizeof base; i++)
        used += (size_t)snprintf(base + used, sizeof base - used, "%s%s=%s", i ? ", " : "",
                                 panel->base.v[i].key, panel->base.v[i].value);
    if (panel->relative >= 0 || panel->base.n)
        la_text_add(out, panel->inverse ? " (of %s over each)" : " (each over %s)", base);
    else if (panel->unit)
        la_text_add(out, " (%s)", panel->unit);
}

const char *la_panel_interval(const la_judged *judged, size_t p)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    int seeds = 0;
    bool any = false;
    for (size_t i = 0; i < judged->paper->n_rows * panel->columns.n; i++) {
        const la_found *f = &judged->cells[p][i];
        any |= isfinite(f->lo) && isfinite(f->hi);
        if (f->seeds > seeds) seeds = f->seeds;
    }
    if (seeds > 1 && panel->best) return "the best of several seeds, with its own 95 % interval";
    if (seeds > 1) return "the mean of several seeds, with the least and the largest of them";
    if (!any) return NULL;
    if (panel->relative >= 0 || panel->base.n)
        return "ratios with the widest interval that the 95 % intervals of both values allow";
    return panel->measure < LA_MEASURE_MEMORY ? "medians with their 95 % intervals"
                                              : "with 95 % intervals";
}

/* Columns of a row that have the reason of column c: " at 16k, 32k", nothing for all. Marks them as said. */
static void columns_of(const la_judged *judged, size_t p, size_t r, size_t c, bool *said,
                       la_text *out)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    const char *why = la_place_why(judged, p, r, c);
    la_text names = {0};
    size_t same = 0;
    for (size_t k = 0; k < panel->columns.n; k++) {
        const char *other = la_place_why(judged, p, r, k);
        if (!other || strcmp(other, why) != 0) continue;
        said[k] = true;
        same++;
        la_text_add(&names, "%s%s", same > 1 ? ", " : " at ", panel->columns.v[k]);
    }
    if (same < panel->columns.n) la_text_add(out, "%s", la_text_str(&names));
    out->failed |= names.failed;
    la_text_release(&names);
}

typedef struct reason { /* "not run", "softmax; flash", " at 16k: oom" */
    const char *verdict;
    la_text rows, tail;
} reason;
typedef struct reasons {
    reason *v;
    size_t n, cap;
} reasons;

/* Rows with equal reasons in the same columns stand in one line. */
static la_status add_reason(reasons *all, const char *verdict, const char *row, const la_text *tail,
                            la_err *err)
{
    for (size_t i = 0; i < all->n; i++) {
        reason *one = &all->v[i];
        if (strcmp(one->verdict, verdict) != 0 ||
            strcmp(la_text_str(&one->tail), la_text_str(tail)) != 0)
            continue;
        la_text_add(&one->rows, "; %s", row);
        return LA_OK;
    }
    LA_TRY(la_grow((void **)&all->v, &all->cap, all->n + 1, sizeof *all->v, err));
    reason *one = &all->v[all->n++];
    *one = (reason){.verdict = verdict};
    la_text_add(&one->rows, "%s", row);
    la_text_add(&one->tail, "%s", la_text_str(tail));
    return LA_OK;
}

static la_status row_reasons(const la_judged *judged, size_t p, size_t r, reasons *all, la_err *err)
{
    size_t columns = judged->paper->panels[p].columns.n;
    const char *common = panel_why(judged, p);
    bool *said = la_zalloc(columns + 1, err);
    if (!said) return LA_E_NOMEM;
    la_status st = LA_OK;
    for (size_t c = 0; c < columns && st == LA_OK; c++) {
        const char *why = la_place_why(judged, p, r, c);
        if (said[c] || !why || why == common) continue;
        la_text tail = {0};
        columns_of(judged, p, r, c, said, &tail);
        la_text_add(&tail, ": %s", why);
        st = add_reason(all, la_paper_verdict_word(judged->verdicts[p][r * columns + c]),
                        judged->paper->rows[r].title, &tail, err);
        la_text_release(&tail);
    }
    la_free(said);
    return st;
}

static la_status take_reasons(const reasons *all, la_strings *out, la_err *err)
{
    for (size_t i = 0; i < all->n; i++) {
        const reason *one = &all->v[i];
        la_text line = {0};
        la_text_add(&line, "%s: %s%s", one->verdict, la_text_str(&one->rows),
                    la_text_str(&one->tail));
        la_status st = line.failed ? LA_E_NOMEM : la_strings_add(out, line.s, line.len, err);
        la_text_release(&line);
        LA_TRY(st);
    }
    return LA_OK;
}

la_status la_panel_reasons(const la_judged *judged, size_t p, la_strings *out, la_err *err)
{
    const la_paper *paper = judged->paper;
    size_t columns = paper->panels[p].columns.n;
    const char *why = panel_why(judged, p);
    bool meant = false;
    for (size_t i = 0; i < paper->n_rows * columns && why; i++)
        meant |= isfinite(judged->cells[p][i].published);
    reasons all = {0};
    la_text tail = {0};
    la_status st = LA_OK;
    la_text_add(&tail, "%s", why ? why : "");
    if (meant) st = add_reason(&all, "not comparable", "", &tail, err);
    la_text_release(&tail);
    for (size_t r = 0; r < paper->n_rows && st == LA_OK; r++)
        if (la_panel_has_row(judged, p, r)) st = row_reasons(judged, p, r, &all, err);
    if (st == LA_OK) st = take_reasons(&all, out, err);
    for (size_t i = 0; i < all.n; i++) {
        la_text_release(&all.v[i].rows);
        la_text_release(&all.v[i].tail);
    }
    la_free(all.v);
    return st;
}

/* ---- the table ---- */

static la_status add_fact(la_strings *out, const char *name, const char *words, la_err *err)
{
    if (!words || !*words) return LA_OK;
    LA_TRY(la_strings_add(out, name, strlen(name), err));
    return la_strings_add(out, words, strlen(words), err);
}

la_status la_paper_facts(const la_judged *judged, la_strings *out, la_err *err)
{
    const la_paper *paper = judged->paper;
    la_text values = {0}, measured = {0}, place = {0};
    la_text_add(&place, "%s, %s", paper->paper, paper->place);
    if (paper->page) la_text_add(&place, ", page %s", paper->page);
    la_text_add(&values, "%s (%s)", paper->source, la_status_meaning(paper->status));
    if (paper->error) la_text_add(&values, "; %s", paper->error);
    for (size_t i = 0; i < judged->sweeps.n; i++)
        la_text_add(&measured, "%s%s", i ? ", " : "sweep ", judged->sweeps.v[i]);
    if (judged->sweeps.n)
        la_text_add(&measured, "; %s; %s; labench %s", judged->date ? judged->date : "",
                    judged->machine ? judged->machine : "", judged->build ? judged->build : "");
    else
        la_text_add(&measured, "nothing is stored");
    la_status st = add_fact(out, "paper", la_text_str(&place), err);
    if (st == LA_OK) st = add_fact(out, "values", la_text_str(&values), err);
    if (st == LA_OK) st = add_fact(out, "recipe", paper->recipe, err);
    if (st == LA_OK) st = add_fact(out, "scale", la_scale_name(judged->scale), err);
    if (st == LA_OK) st = add_fact(out, "reduced", paper->text[judged->scale], err);
    if (st == LA_OK) st = add_fact(out, "measured", la_text_str(&measured), err);
    if (st == LA_OK) st = add_fact(out, "note", paper->note, err);
    bool failed = place.failed | values.failed | measured.failed;
    la_text_release(&place);
    la_text_release(&values);
    la_text_release(&measured);
    return failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for a table") : st;
}

const char *la_paper_tried(const la_judged *judged)
{
    for (size_t k = 0; k < judged->paper->n_claims; k++)
        if (judged->claims[k].verdict == LA_VERDICT_MISS)
            return judged->paper->tried[judged->scale];
    return NULL;
}
