/* SPDX-License-Identifier: Apache-2.0
 * A judged table for a terminal: as many columns side by side as there is room for, then the next.
 */
#include <string.h>

#include "alloc.h"
#include "print.h"

/* Characters, not bytes. */
static size_t shown(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* Words in lines of `width` (0: one line), the first behind `at` columns that are written already, the others
 * behind as many blanks. */
static void put_wrapped(const char *text, int at, int width, FILE *out)
{
    int column = at;
    bool first = true;
    while (*text) {
        size_t len = strcspn(text, " \n");
        char word[512];
        snprintf(word, sizeof word, "%.*s", (int)len, text);
        int n = (int)shown(word);
        if (!first && width > 0 && column + 1 + n > width) {
            fprintf(out, "\n%*s", at, "");
            column = at;
        } else if (!first) {
            fputc(' ', out);
            column++;
        }
        fputs(word, out);
        column += n;
        first = false;
        text += len;
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

static void put_padded(const char *text, size_t width, FILE *out)
{
    size_t n = shown(text);
    fprintf(out, "%*s%s", n < width ? (int)(width - n) : 0, "", text);
}

/* ---- a panel ---- */

enum { LABEL = 12 }; /* "  unverified", "  difference" */

static size_t column_width(const la_judged *judged, size_t p, size_t c)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    const char *here = la_panel_here(panel, judged->scale, c);
    size_t width = shown(panel->columns.v[c]);
    if (here && shown(here) > width) width = shown(here);
    for (size_t r = 0; r < judged->paper->n_rows; r++) {
        la_place place;
        la_place_words(judged, p, r, c, &place);
        for (int line = 0; line < LA_PLACE_LINES; line++) {
            size_t n = shown(la_place_part(&place, (la_place_line)line));
            if (n > width) width = n;
        }
    }
    return width;
}

static void put_line(const la_judged *judged, size_t p, size_t r, la_place_line line, size_t from,
                     size_t to, FILE *out)
{
    char name[16];
    if (!la_place_line_used(judged, p, r, line, from, to)) return;
    fprintf(out, "  %-*s", LABEL - 2, la_place_line_name(judged, p, line, name));
    size_t gap = 0; /* blanks are written only before what stands behind them */
    for (size_t c = from; c < to; c++) {
        la_place place;
        la_place_words(judged, p, r, c, &place);
        const char *text = la_place_part(&place, line);
        gap += 2 + column_width(judged, p, c);
        if (!*text) continue;
        put_padded(text, gap, out);
        gap = 0;
    }
    fputc('\n', out);
}

/* What the columns are here, where that is something else. */
static void put_here(const la_judged *judged, size_t p, size_t from, size_t to, FILE *out)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    if (!la_panel_here(panel, judged->scale, from)) return;
    fprintf(out, "  %-*s", LABEL - 2, "here");
    for (size_t c = from; c < to; c++)
        put_padded(la_panel_here(panel, judged->scale, c), 2 + column_width(judged, p, c), out);
    fputc('\n', out);
}

static void put_block(const la_judged *judged, size_t p, size_t from, size_t to, FILE *out)
{
    const la_paper *paper = judged->paper;
    fprintf(out, "\n%*s", LABEL, "");
    for (size_t c = from; c < to; c++)
        put_padded(paper->panels[p].columns.v[c], 2 + column_width(judged, p, c), out);
    fputc('\n', out);
    put_here(judged, p, from, to, out);
    for (size_t r = 0; r < paper->n_rows; r++) {
        bool any = false;
        for (int line = 0; line < LA_PLACE_LINES && la_panel_has_row(judged, p, r); line++)
            any |= la_place_line_used(judged, p, r, (la_place_line)line, from, to);
        if (!any) continue;
        fprintf(out, "%s\n", paper->rows[r].title);
        for (int line = 0; line < LA_PLACE_LINES; line++)
            put_line(judged, p, r, (la_place_line)line, from, to, out);
    }
}

static la_status put_panel(const la_judged *judged, size_t p, int width, FILE *out, la_err *err)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    la_text heading = {0};
    la_panel_heading(judged->paper, panel, &heading);
    fputc('\n', out);
    if (panel->column_title) la_text_add(&heading, ", by %s", panel->column_title);
    put_wrapped(la_text_str(&heading), 0, width, out);
    la_text_release(&heading);
    for (size_t from = 0, to; from < panel->columns.n; from = to) {
        size_t used = LABEL;
        for (to = from; to < panel->columns.n; to++) {
            used += 2 + column_width(judged, p, to);
            if (width > 0 && used > (size_t)width && to > from) break;
        }
        put_block(judged, p, from, to, out);
    }
    const char *interval = la_panel_interval(judged, p);
    la_strings reasons = {0};
    la_status st = la_panel_reasons(judged, p, &reasons, err);
    if (interval || reasons.n || panel->status) fputc('\n', out);
    if (interval) {
        fputs("ours: ", out);
        put_wrapped(interval, 6, width, out);
    }
    if (panel->status) {
        fputs("values: ", out);
        put_wrapped(la_status_meaning(panel->status), 8, width, out);
    }
    for (size_t i = 0; i < reasons.n; i++) put_wrapped(reasons.v[i], 0, width, out);
    la_strings_release(&reasons);
    return st;
}

/* ---- around them ---- */

static void put_claims(const la_judged *judged, int width, FILE *out)
{
    const la_paper *paper = judged->paper;
    if (!paper->n_claims) return;
    fputs("\nclaims of the paper, on our values\n", out);
    for (size_t k = 0; k < paper->n_claims; k++) {
        const la_claim_result *result = &judged->claims[k];
        int at = fprintf(out, "  %-11s  ", la_paper_verdict_word(result->verdict));
        put_wrapped(paper->claims[k].text, at, width, out);
        fprintf(out, "%*s", at, "");
        put_wrapped(result->figure, at, width, out);
    }
    const char *tried = la_paper_tried(judged);
    if (!tried) return;
    int at = fprintf(out, "  %-11s  ", "tried");
    put_wrapped(tried, at, width, out);
}

la_status la_paper_print_text(const la_judged *judged, const la_strings *commands, int width,
                              FILE *out, la_err *err)
{
    la_strings facts = {0};
    la_status st = la_paper_facts(judged, &facts, err);
    fprintf(out, "%s: ", judged->paper->id);
    put_wrapped(judged->paper->title, (int)strlen(judged->paper->id) + 2, width, out);
    for (size_t i = 0; i + 1 < facts.n; i += 2) {
        int at = fprintf(out, "  %-9s ", facts.v[i]);
        put_wrapped(facts.v[i + 1], at, width, out);
    }
    la_strings_release(&facts);
    for (size_t p = 0; p < judged->paper->n_panels && st == LA_OK; p++)
        st = put_panel(judged, p, width, out, err);
    put_claims(judged, width, out);
    fprintf(out, "\n%s: %s\n", judged->paper->id, la_paper_verdict_word(judged->verdict));
    if (commands && commands->n) fputs("\nmeasured by\n", out);
    for (size_t i = 0; commands && i < commands->n; i++) fprintf(out, "  %s\n", commands->v[i]);
    return st;
}
