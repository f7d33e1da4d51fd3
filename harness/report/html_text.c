/* SPDX-License-Identifier: Apache-2.0
 * Texts, numbers and small tables of the report.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "html.h"

/* Bytes of the character at s, which is UTF-8 of a character that HTML allows; 0: it is not. */
static size_t character(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (n == 1) return s[0] >= 0x20 && s[0] != 0x7f ? 1 : s[0] == '\n' || s[0] == '\t';
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    unsigned long code = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0; /* the end of the text too */
        code = code << 6 | (s[i] & 0x3fu);
    }
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool surrogate = code >= 0xd800 && code < 0xe000, control = code < 0xa0;
    return code < least[n] || code > 0x10ffff || surrogate || control ? 0 : n;
}

void la_html_text(la_text *out, const char *text)
{
    static const struct {
        char c;
        const char *entity;
    } marks[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    while (*text) {
        const char *entity = NULL;
        for (size_t i = 0; i < LA_COUNT(marks); i++)
            if (*text == marks[i].c) entity = marks[i].entity;
        size_t n = character((const unsigned char *)text);
        if (entity || n == 0)
            la_text_add(out, "%s", entity ? entity : "\xef\xbf\xbd");
        else
            la_text_bytes(out, text, n);
        text += n ? n : 1;
    }
}

static void with_micro(la_text *out, const char *number)
{
    const char *us = strstr(number, " us");
    la_text_add(out, "%.*s%s", us ? (int)(us - number) : 40, number, us ? " µs" : "");
}

void la_html_time(la_text *out, double ns, double lo, double hi, bool interval)
{
    char value[40], between[40];
    if (!isfinite(ns)) return;
    la_number_time(ns, lo, hi, value, between);
    with_micro(out, value);
    if (interval && *between) la_text_add(out, " <small>%s</small>", between);
}

void la_html_bytes(la_text *out, double bytes)
{
    char text[24];
    if (isfinite(bytes)) la_text_add(out, "%s", la_format_bytes(bytes, text));
}

void la_html_number_cell(la_text *out, double value, const char *more)
{
    if (isfinite(value))
        la_text_add(out, "<td class=\"n%s%s\" data-v=\"%.9g\">", *more ? " " : "", more, value);
    else
        la_text_add(out, "<td class=\"n%s%s\">", *more ? " " : "", more);
}

const char *la_html_word(const char *outcome)
{
    const char *mark = la_outcome_mark(outcome);
    if (mark) return mark;
    if (strcmp(outcome, "unsupported") == 0) return "–";
    return strcmp(outcome, "planned") == 0 ? "not run" : "ok";
}

la_status la_page_query(const la_page *page, const char *sql, const char *which, la_query **out,
                        la_err *err)
{
    const char *args[] = {page->id, which};
    return la_query_open(page->store, sql, args, which ? 2 : 1, out, err);
}

static void table_cell(la_text *out, const la_query *q, int column)
{
    const char *text = la_query_text(q, column);
    bool number = la_query_type(q, column) != LA_COLUMN_TEXT && text;
    if (number)
        la_html_number_cell(out, la_query_real(q, column), "");
    else
        la_text_add(out, "<td>");
    if (la_query_type(q, column) == LA_COLUMN_REAL)
        la_text_add(out, "%.4g", la_query_real(q, column));
    else
        la_html_text(out, text ? text : "");
    la_text_add(out, "</td>");
}

la_status la_page_table(la_page *page, const char *sql, const char *title, la_err *err)
{
    la_query *q = NULL;
    la_text *out = &page->out;
    LA_TRY(la_page_query(page, sql, NULL, &q, err));
    bool more = true, first = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        if (first) {
            if (*title) la_text_add(out, "<h3>%s</h3>\n", title);
            la_text_add(out, "<div class=\"scroll\"><table class=\"sortable\"><thead><tr>");
            for (int i = 0; i < la_query_columns(q); i++) {
                la_text_add(out, "<th scope=\"col\">");
                la_html_text(out, la_query_name(q, i));
                la_text_add(out, "</th>");
            }
            la_text_add(out, "</tr></thead><tbody>\n");
        }
        first = false;
        la_text_add(out, "<tr>");
        for (int i = 0; i < la_query_columns(q); i++) table_cell(out, q, i);
        la_text_add(out, "</tr>\n");
    }
    if (!first) la_text_add(out, "</tbody></table></div>\n");
    la_query_close(q);
    return st;
}
