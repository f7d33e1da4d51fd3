/* SPDX-License-Identifier: Apache-2.0
 * Verdicts: of each place of a table, of its claims, of the table.
 */
#include "judge.h"

#include <math.h>

#include "alloc.h"
#include "found.h"

const char *la_paper_verdict_word(la_paper_verdict verdict)
{
    static const char *const words[] = {"match",          "trend holds", "miss",
                                        "not comparable", "not run",     "-"};
    return words[verdict];
}

/* "<0.1" and ">100" are bounds: what lies beyond, or misses it by no more than the tolerance, agrees. */
static bool within(const la_paper_panel *panel, const la_published *published, const la_found *f)
{
    double tolerance =
        panel->tolerance.value * (panel->tolerance.relative ? fabs(f->published) : 1);
    double off = f->value - f->published;
    return *published->text == '<'   ? off <= tolerance
           : *published->text == '>' ? off >= -tolerance
                                     : fabs(off) <= tolerance;
}

/* Whether a number of ours can be held against the published one. Values from memory are none. */
static bool can_compare(const la_judged *judged, size_t p, size_t r, size_t c)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    const la_found *f = la_judged_cell(judged, p, r, c);
    char status = panel->status ? panel->status : judged->paper->status;
    return !panel->not_comparable[judged->scale] && panel->tolerance.given && status != 'M' &&
           isfinite(f->published) && isfinite(f->value) && panel->relative != (int)r;
}

/* What the claims that touch a place say of it together. */
static la_paper_verdict touched(const la_judged *judged, size_t p, size_t r, size_t c)
{
    const la_paper *paper = judged->paper;
    la_paper_verdict all = LA_VERDICT_NOTHING;
    for (size_t k = 0; k < paper->n_claims; k++) {
        if (!la_claim_touches(judged, &paper->claims[k], p, r, c)) continue;
        la_paper_verdict one = judged->claims[k].verdict;
        if (one == LA_VERDICT_MISS) return one;
        if (one == LA_VERDICT_TREND) all = one;
    }
    return all;
}

static la_paper_verdict judge_place(const la_judged *judged, size_t p, size_t r, size_t c)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    const la_paper_row *row = &judged->paper->rows[r];
    const la_found *f = la_judged_cell(judged, p, r, c);
    bool published = row->published[p] && row->published[p][c].text;
    if (!row->in_panel[p] || (size_t)panel->relative == r) return LA_VERDICT_NOTHING;
    if (!row->measured[judged->scale])
        return published ? LA_VERDICT_NOT_COMPARABLE : LA_VERDICT_NOTHING;
    if (isnan(f->value)) return LA_VERDICT_NOT_RUN;
    bool comparable = can_compare(judged, p, r, c);
    if (comparable && within(panel, &row->published[p][c], f)) return LA_VERDICT_MATCH;
    la_paper_verdict by_claims = touched(judged, p, r, c);
    if (by_claims != LA_VERDICT_NOTHING) return by_claims;
    if (comparable) return LA_VERDICT_MISS;
    return published ? LA_VERDICT_NOT_COMPARABLE : LA_VERDICT_NOTHING;
}

/* Of all places and claims; the header of la_judged and docs/reproduce.md have the order. */
static la_paper_verdict judge_table(const la_judged *judged)
{
    const la_paper *paper = judged->paper;
    size_t places[LA_VERDICT_NOTHING + 1] = {0}, claims[LA_VERDICT_NOTHING + 1] = {0};
    size_t off = 0; /* comparable places that do not match */
    for (size_t k = 0; k < paper->n_claims; k++) claims[judged->claims[k].verdict]++;
    for (size_t p = 0; p < paper->n_panels; p++) {
        size_t columns = paper->panels[p].columns.n;
        for (size_t i = 0; i < paper->n_rows * columns; i++) {
            la_paper_verdict v = judged->verdicts[p][i];
            if (v != LA_VERDICT_NOT_COMPARABLE || isfinite(judged->cells[p][i].value)) places[v]++;
            off += v != LA_VERDICT_MATCH && can_compare(judged, p, i / columns, i % columns);
        }
    }
    if (claims[LA_VERDICT_MISS]) return LA_VERDICT_MISS;
    if (places[LA_VERDICT_MATCH] && !off) return LA_VERDICT_MATCH;
    if (claims[LA_VERDICT_TREND]) return LA_VERDICT_TREND;
    if (places[LA_VERDICT_MISS]) return LA_VERDICT_MISS;
    return places[LA_VERDICT_MATCH]            ? LA_VERDICT_MATCH
           : places[LA_VERDICT_NOT_COMPARABLE] ? LA_VERDICT_NOT_COMPARABLE
                                               : LA_VERDICT_NOT_RUN;
}

static la_status make_room(la_judged *judged, la_err *err)
{
    const la_paper *paper = judged->paper;
    judged->cells = la_zalloc((paper->n_panels + 1) * sizeof *judged->cells, err);
    judged->verdicts = la_zalloc((paper->n_panels + 1) * sizeof *judged->verdicts, err);
    judged->claims = la_zalloc((paper->n_claims + 1) * sizeof *judged->claims, err);
    if (!judged->cells || !judged->verdicts || !judged->claims) return LA_E_NOMEM;
    for (size_t p = 0; p < paper->n_panels; p++) {
        size_t n = paper->n_rows * paper->panels[p].columns.n;
        judged->cells[p] = la_zalloc((n + 1) * sizeof **judged->cells, err);
        judged->verdicts[p] = la_zalloc((n + 1) * sizeof **judged->verdicts, err);
        if (!judged->cells[p] || !judged->verdicts[p]) return LA_E_NOMEM;
    }
    return LA_OK;
}

la_status la_paper_judge(const la_paper *paper, la_paper_scale scale, la_store *store,
                         const int64_t *sweeps, size_t n_sweeps, la_judged *out, la_err *err)
{
    *out = (la_judged){.paper = paper, .scale = scale};
    LA_TRY(make_room(out, err));
    LA_TRY(la_found_all(store, sweeps, n_sweeps, out, err));
    for (size_t k = 0; k < paper->n_claims; k++)
        LA_TRY(la_claim_test(out, &paper->claims[k], &out->claims[k], err));
    for (size_t p = 0; p < paper->n_panels; p++) {
        size_t columns = paper->panels[p].columns.n;
        for (size_t r = 0; r < paper->n_rows; r++)
            for (size_t c = 0; c < columns; c++)
                out->verdicts[p][r * columns + c] = judge_place(out, p, r, c);
    }
    out->verdict = judge_table(out);
    return LA_OK;
}

void la_judged_release(la_judged *judged)
{
    const la_paper *paper = judged->paper;
    for (size_t p = 0; paper && p < paper->n_panels; p++) {
        size_t n = paper->n_rows * paper->panels[p].columns.n;
        for (size_t i = 0; judged->cells && judged->cells[p] && i < n; i++)
            la_free(judged->cells[p][i].why);
        if (judged->cells) la_free(judged->cells[p]);
        if (judged->verdicts) la_free(judged->verdicts[p]);
    }
    for (size_t k = 0; paper && judged->claims && k < paper->n_claims; k++)
        la_free(judged->claims[k].figure);
    la_free(judged->cells);
    la_free(judged->verdicts);
    la_free(judged->claims);
    la_strings_release(&judged->sweeps);
    la_free(judged->machine);
    la_free(judged->date);
    la_free(judged->build);
    *judged = (la_judged){0};
}
