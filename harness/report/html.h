/* SPDX-License-Identifier: Apache-2.0
 * The parts of a sweep's HTML report, in the order of the page. Private to the report.
 */
#ifndef LA_HTML_H
#define LA_HTML_H

#include "numbers.h"
#include "query.h"
#include "series.h"
#include "text.h"

typedef struct la_page {
    la_store *store; /* borrowed */
    int64_t sweep_id;
    char id[24]; /* the sweep's, for queries */
    la_text out;
    la_text rows; /* of the table of all cells, written while the map is */
} la_page;

/* Text as it may stand between tags and in quoted attributes, whatever it holds: marks of HTML as entities,
 * control bytes and what is not UTF-8 as U+FFFD. */
void la_html_text(la_text *out, const char *text);
/* "7.31 ms" with the micro sign; "" where ns is not finite. */
void la_html_time(la_text *out, double ns, double lo, double hi, bool interval);
void la_html_bytes(la_text *out, double bytes);
/* `<td class="n" data-v="7310000">` where the value is finite: what a script sorts by. Else `<td>`. */
void la_html_number_cell(la_text *out, double value, const char *more);
/* The word that stands in the place of a number: "OOM", "unsupported", ...; static. */
const char *la_html_word(const char *outcome);

/* A query of the sweep: its id is ?1, `which` (may be NULL) ?2. */
la_status la_page_query(const la_page *page, const char *sql, const char *which, la_query **out,
                        la_err *err);
/* A table of `sql`, whose columns are its heads; nothing at all where there are no rows. */
la_status la_page_table(la_page *page, const char *sql, const char *title, la_err *err);

la_status la_page_summary(la_page *page, la_err *err); /* what ran, and the answers by length */
la_status la_page_map(la_page *page, la_err *err);     /* outcomes; fills page->rows */
la_status la_page_figures(la_page *page, la_err *err);
la_status la_page_cells(la_page *page, la_err *err);
la_status la_page_warnings(la_page *page, la_err *err);
la_status la_page_failures(la_page *page, la_err *err);
la_status la_page_method(la_page *page, la_err *err);
la_status la_page_environment(la_page *page, la_err *err);
la_status la_page_origin(la_page *page, la_err *err);

#endif
