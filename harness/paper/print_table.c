/* SPDX-License-Identifier: Apache-2.0
 * A judged table in Markdown and in LaTeX: the same rows, dressed by what either needs.
 */
#include <string.h>

#include "markup.h"
#include "print.h"

/* What makes a table a table. */
typedef struct dress {
    void (*text)(const char *, FILE *);
    const char *begin, *between, *end; /* of cells and rows */
    const char *small, *large;         /* before and after an interval */
    const char *apart;                 /* between two rows of the paper */
} dress;

static const dress markdown = {la_md_put, "| ", " | ", " |\n", "", "", ""};
static const dress latex = {la_latex_put,        "  ", " & ", " \\\\\n", "{\\scriptsize ", "}",
                            "  \\addlinespace\n"};

static void put_row(const la_judged *judged, size_t p, size_t r, const dress *d, FILE *out)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    char name[16];
    bool named = false;
    for (int line = 0; line < LA_PLACE_LINES; line++) {
        la_place_line part = (la_place_line)line;
        if (part == LA_PLACE_INTERVAL || /* stands with the value */
            !la_place_line_used(judged, p, r, part, 0, panel->columns.n))
            continue;
        fputs(d->begin, out);
        d->text(named ? "" : judged->paper->rows[r].title, out);
        named = true;
        fputs(d->between, out);
        d->text(la_place_line_name(judged, p, part, name), out);
        for (size_t c = 0; c < panel->columns.n; c++) {
            la_place place;
            la_place_words(judged, p, r, c, &place);
            fputs(d->between, out);
            d->text(la_place_part(&place, part), out);
            if (part == LA_PLACE_OURS && *place.interval)
                fprintf(out, " %s%s%s", d->small, place.interval, d->large);
        }
        fputs(d->end, out);
    }
}

/* A line of heads; here: what the columns are where we measured. */
static void put_columns(const la_judged *judged, const la_paper_panel *panel, bool here,
                        const dress *d, FILE *out)
{
    fputs(d->begin, out);
    d->text(panel->column_title && !here ? panel->column_title : "", out);
    fputs(d->between, out);
    d->text(here ? "here" : "", out);
    for (size_t c = 0; c < panel->columns.n; c++) {
        fputs(d->between, out);
        d->text(here ? la_panel_here(panel, judged->scale, c) : panel->columns.v[c], out);
    }
    fputs(d->end, out);
}

static void put_rows(const la_judged *judged, size_t p, const dress *d, FILE *out)
{
    bool first = true;
    if (la_panel_here(&judged->paper->panels[p], judged->scale, 0))
        put_columns(judged, &judged->paper->panels[p], true, d, out);
    for (size_t r = 0; r < judged->paper->n_rows; r++) {
        if (!la_panel_has_row(judged, p, r)) continue;
        if (!first) fputs(d->apart, out);
        put_row(judged, p, r, d, out);
        first = false;
    }
}

/* What stands below a table: one sentence a line, each between `before` and `after`. */
static la_status put_notes(const la_judged *judged, size_t p, void (*text)(const char *, FILE *),
                           const char *before, const char *after, FILE *out, la_err *err)
{
    la_strings reasons = {0};
    const char *interval = la_panel_interval(judged, p);
    char status = judged->paper->panels[p].status;
    la_status st = la_panel_reasons(judged, p, &reasons, err);
    if (interval) {
        fprintf(out, "%sours: ", before);
        text(interval, out);
        fputs(after, out);
    }
    if (status) {
        fprintf(out, "%svalues: ", before);
        text(la_status_meaning(status), out);
        fputs(after, out);
    }
    for (size_t i = 0; i < reasons.n; i++) {
        fputs(before, out);
        text(reasons.v[i], out);
        fputs(after, out);
    }
    la_strings_release(&reasons);
    return st;
}

/* ---- Markdown ---- */

static la_status md_panel(const la_judged *judged, size_t p, FILE *out, la_err *err)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    la_text heading = {0};
    la_panel_heading(judged->paper, panel, &heading);
    fputs("\n## ", out);
    la_md_put(la_text_str(&heading), out);
    la_text_release(&heading);
    fputs("\n\n", out);
    put_columns(judged, panel, false, &markdown, out);
    fputs("| --- | --- |", out);
    for (size_t c = 0; c < panel->columns.n; c++) fputs(" ---: |", out);
    fputc('\n', out);
    put_rows(judged, p, &markdown, out);
    fputc('\n', out);
    return put_notes(judged, p, la_md_put, "- ", "\n", out, err);
}

static void md_claims(const la_judged *judged, FILE *out)
{
    const la_paper *paper = judged->paper;
    const char *tried = la_paper_tried(judged);
    if (!paper->n_claims) return;
    fputs("\n## Claims of the paper, on our values\n\n| claim | verdict | figure |\n"
          "| --- | --- | --- |\n",
          out);
    for (size_t k = 0; k < paper->n_claims; k++) {
        fputs("| ", out);
        la_md_put(paper->claims[k].text, out);
        fprintf(out, " | %s | ", la_paper_verdict_word(judged->claims[k].verdict));
        la_md_put(judged->claims[k].figure, out);
        fputs(" |\n", out);
    }
    if (!tried) return;
    fputs("\nTried: ", out);
    la_md_put(tried, out);
    fputc('\n', out);
}

la_status la_paper_print_md(const la_judged *judged, const la_strings *commands, FILE *out,
                            la_err *err)
{
    la_strings facts = {0};
    la_status st = la_paper_facts(judged, &facts, err);
    fprintf(out, "# %s: ", judged->paper->id);
    la_md_put(judged->paper->title, out);
    fputs("\n\n", out);
    for (size_t i = 0; i + 1 < facts.n; i += 2) {
        fprintf(out, "- %s: ", facts.v[i]);
        la_md_put(facts.v[i + 1], out);
        fputc('\n', out);
    }
    fprintf(out, "- verdict: **%s**\n", la_paper_verdict_word(judged->verdict));
    la_strings_release(&facts);
    for (size_t p = 0; p < judged->paper->n_panels && st == LA_OK; p++)
        st = md_panel(judged, p, out, err);
    md_claims(judged, out);
    if (commands && commands->n) fputs("\n## Measured by\n\n", out);
    for (size_t i = 0; commands && i < commands->n; i++) fprintf(out, "    %s\n", commands->v[i]);
    return st;
}

/* ---- LaTeX ---- */

static la_status latex_panel(const la_judged *judged, size_t p, FILE *out, la_err *err)
{
    const la_paper *paper = judged->paper;
    const la_paper_panel *panel = &paper->panels[p];
    la_text caption = {0};
    la_panel_heading(paper, panel, &caption);
    la_text_add(&caption, ". Paper: %s, %s. Here, at scale %s: %s.", paper->paper, paper->place,
                la_scale_name(judged->scale), paper->text[judged->scale]);
    fputs("\\begin{table}\n\\centering\n\\caption{", out);
    la_latex_put(la_text_str(&caption), out);
    la_text_release(&caption);
    fputs("}\n\\begin{tabular}{ll", out);
    for (size_t c = 0; c < panel->columns.n; c++) fputc('r', out);
    fputs("}\n\\toprule\n", out);
    put_columns(judged, panel, false, &latex, out);
    fputs("\\midrule\n", out);
    put_rows(judged, p, &latex, out);
    fputs("\\bottomrule\n\\end{tabular}\n", out);
    la_status st = put_notes(judged, p, la_latex_put, "\n{\\footnotesize ", "}\n", out, err);
    fputs("\\end{table}\n\n", out);
    return st;
}

static void latex_claims(const la_judged *judged, FILE *out)
{
    const la_paper *paper = judged->paper;
    const char *tried = la_paper_tried(judged);
    if (!paper->n_claims) return;
    fputs("\\begin{table}\n\\centering\n\\caption{Claims of the paper, on our values: ", out);
    la_latex_put(paper->title, out);
    fputs(".}\n\\begin{tabular}{p{0.38\\linewidth}lp{0.38\\linewidth}}\n\\toprule\n"
          "  claim & verdict & figure \\\\\n\\midrule\n",
          out);
    for (size_t k = 0; k < paper->n_claims; k++) {
        fputs("  ", out);
        la_latex_put(paper->claims[k].text, out);
        fprintf(out, " & %s & ", la_paper_verdict_word(judged->claims[k].verdict));
        la_latex_put(judged->claims[k].figure, out);
        fputs(" \\\\\n", out);
    }
    fputs("\\bottomrule\n\\end{tabular}\n", out);
    if (tried) {
        fputs("\n{\\footnotesize tried: ", out);
        la_latex_put(tried, out);
        fputs("}\n", out);
    }
    fputs("\\end{table}\n", out);
}

la_status la_paper_print_latex(const la_judged *judged, const la_strings *commands, FILE *out,
                               la_err *err)
{
    la_strings facts = {0};
    la_status st = la_paper_facts(judged, &facts, err);
    fputs("% needs \\usepackage{booktabs}\n", out);
    for (size_t i = 0; i + 1 < facts.n; i += 2)
        fprintf(out, "%% %s: %s\n", facts.v[i], facts.v[i + 1]);
    for (size_t i = 0; commands && i < commands->n; i++)
        fprintf(out, "%% measured by: %s\n", commands->v[i]);
    la_strings_release(&facts);
    for (size_t p = 0; p < judged->paper->n_panels && st == LA_OK; p++)
        st = latex_panel(judged, p, out, err);
    latex_claims(judged, out);
    return st;
}
