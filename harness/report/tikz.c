/* SPDX-License-Identifier: Apache-2.0
 * gnuplot's TikZ, made fit for TeX: the terminal dates its file, and writes labels as it is given them, with
 * the marks of gnuplot's enhanced text and with characters that mean something to TeX.
 */
#include <stdlib.h>
#include <string.h>

#include "gnuplot.h"
#include "markup.h"

/* What stands behind a mark: a group in braces, without them, or one character. From *from to what is returned. */
static const char *operand(const char *at, const char *end, const char **from)
{
    const char *close = at < end && *at == '{' ? memchr(at, '}', (size_t)(end - at)) : NULL;
    *from = close ? at + 1 : at;
    return close ? close : at < end ? at + 1 : at;
}

/* Enhanced text as the figures have it: a backslash before what is no mark, {/:Italic word}, and powers. */
static void put_label(const char *s, const char *end, FILE *out)
{
    static const char italic[] = "{/:Italic ";
    while (s < end) {
        const char *from = s, *to;
        if (*s == '\\' && s + 1 < end) {
            la_latex_put_n(s + 1, 1, out);
            s += 2;
        } else if (*s == '^') {
            to = operand(s + 1, end, &from);
            fprintf(out, "$^{%.*s}$", (int)(to - from), from);
            s = to + (from > s + 1);
        } else if ((size_t)(end - s) > sizeof italic &&
                   strncmp(s, italic, sizeof italic - 1) == 0 &&
                   (to = memchr(s, '}', (size_t)(end - s)))) {
            from = s + sizeof italic - 1;
            fputs("\\textit{", out);
            la_latex_put_n(from, (size_t)(to - from), out);
            fputc('}', out);
            s = to + 1;
        } else {
            size_t n = strcspn(s + 1, "\\^{") + 1;
            if (s + n > end) n = (size_t)(end - s);
            la_latex_put_n(s, n, out);
            s += n;
        }
    }
}

/* A line of the file: `\node[options] at (place) {label};`, or one without words. */
static void put_line(const char *s, const char *end, FILE *out)
{
    static const char open[] = ") {", close[] = "};";
    const char *label = strncmp(s, "\\node[", 6) == 0 ? strstr(s, open) : NULL;
    const char *last = end - (sizeof close - 1);
    if (!label || label >= last || strncmp(last, close, sizeof close - 1) != 0) {
        fwrite(s, 1, (size_t)(end - s), out);
        return;
    }
    label += sizeof open - 1;
    fwrite(s, 1, (size_t)(label - s), out);
    put_label(label, last, out);
    fputs(close, out);
}

la_status la_tikz_finish(const la_text *raw, la_text *out, la_err *err)
{
    static const char head[] = "%% generated with GNUPLOT";
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return LA_FAIL(err, LA_E_NOMEM, "out of memory: a TikZ figure");
    bool dated = false; /* the next line */
    for (const char *at = la_text_str(raw), *end; *at; at = *end ? end + 1 : end) {
        end = at + strcspn(at, "\n");
        bool left_out = dated && strncmp(at, "%%", 2) == 0;
        dated = strncmp(at, head, sizeof head - 1) == 0;
        if (left_out) continue;
        put_line(at, end, f);
        if (*end) fputc('\n', f);
    }
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        free(text);
        return LA_FAIL(err, LA_E_NOMEM, "out of memory: a TikZ figure");
    }
    la_text_bytes(out, text, size);
    free(text);
    return LA_OK;
}
