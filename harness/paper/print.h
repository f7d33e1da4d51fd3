/* SPDX-License-Identifier: Apache-2.0
 * What the formats of a judged table share: the words of a place, of its source, of its reasons. Private to
 * the tables of papers.
 */
#ifndef LA_PAPER_PRINT_H
#define LA_PAPER_PRINT_H

#include "judge.h"
#include "text.h"

/* What stands at one place, "" where nothing does. */
typedef struct la_place {
    char published[40], ours[40], interval[44];
    char against[24]; /* "2.1x", or "+0.02" of accuracies */
    const char *verdict;
} la_place;
void la_place_words(const la_judged *judged, size_t p, size_t r, size_t c, la_place *out);

/* Lines of a row: which part of its places each shows. */
typedef enum la_place_line {
    LA_PLACE_PUBLISHED,
    LA_PLACE_OURS,
    LA_PLACE_INTERVAL,
    LA_PLACE_AGAINST,
    LA_PLACE_VERDICT,
    LA_PLACE_LINES
} la_place_line;
const char *la_place_part(const la_place *place, la_place_line line);
/* "paper (A)" with the status of the values, "unverified" for those from memory, "ours", "ratio" or "difference"
 * for what stands against, ... */
const char *la_place_line_name(const la_judged *judged, size_t p, la_place_line line, char buf[16]);
/* Whether the line has anything in this row, columns from..to-1. */
bool la_place_line_used(const la_judged *judged, size_t p, size_t r, la_place_line line,
                        size_t from, size_t to);
/* Whether the row has a place in this panel: it is measured, or something was published of it. */
bool la_panel_has_row(const la_judged *judged, size_t p, size_t r);
/* Why a place is not comparable or not run; NULL where it is neither. */
const char *la_place_why(const la_judged *judged, size_t p, size_t r, size_t c);

bool la_panel_differs(const la_paper_panel *panel); /* differences are shown, and no ratios */
char la_panel_status(const la_paper *paper, const la_paper_panel *panel);
/* "A: read as numbers in the paper": what a status means. */
const char *la_status_meaning(char status);
/* "forward (ms)", "speed-up over softmax": title and unit. */
void la_panel_heading(const la_paper *paper, const la_paper_panel *panel, la_text *out);
/* What a column of the paper stands for where it was measured here: "64" below 256, "-" for nothing. NULL where
 * all are what the paper had. */
const char *la_panel_here(const la_paper_panel *panel, la_paper_scale scale, size_t c);
/* What the intervals are. */
const char *la_panel_interval(const la_judged *judged, size_t p);
/* One line a reason why values are missing or no verdict by number is given: "not run: softmax at 16k, 32k:
 * oom". */
la_status la_panel_reasons(const la_judged *judged, size_t p, la_strings *out, la_err *err);
/* Facts above the tables, in pairs: name, words. */
la_status la_paper_facts(const la_judged *judged, la_strings *out, la_err *err);
/* Whether a claim of the table is a miss, and there is something to say of what was tried. */
const char *la_paper_tried(const la_judged *judged);

la_status la_paper_print_text(const la_judged *judged, const la_strings *commands, int width,
                              FILE *out, la_err *err);
la_status la_paper_print_md(const la_judged *judged, const la_strings *commands, FILE *out,
                            la_err *err);
la_status la_paper_print_latex(const la_judged *judged, const la_strings *commands, FILE *out,
                               la_err *err);
void la_paper_print_csv(const la_judged *judged, FILE *out);
la_status la_paper_print_json(const la_judged *judged, const la_strings *commands, FILE *out,
                              la_err *err);

#endif
