/* SPDX-License-Identifier: Apache-2.0
 * Texts and numbers written so that they mean themselves: in CSV, JSON, Markdown and LaTeX.
 */
#ifndef LA_MARKUP_H
#define LA_MARKUP_H

#include <stdio.h>

/* A field (RFC 4180); what a spreadsheet would run as a formula gets an apostrophe in front. */
void la_csv_put(const char *s, FILE *out);
/* With its quotes. */
void la_json_put(const char *s, FILE *out);
/* Within a cell of a table. */
void la_md_put(const char *s, FILE *out);
/* Within a cell of a table or a sentence; the few characters beyond ASCII that labench writes become commands,
 * others are kept as UTF-8. */
void la_latex_put(const char *s, FILE *out);
/* The first n bytes of s, which ends in NUL somewhere behind them. */
void la_latex_put_n(const char *s, size_t n, FILE *out);
/* The shortest text that reads back as the same number. */
void la_real_put(double x, FILE *out);

#endif
