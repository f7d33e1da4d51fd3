/* SPDX-License-Identifier: Apache-2.0 */
#include "markup.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "labench/status.h"

void la_csv_put(const char *s, FILE *out)
{
    bool formula = strchr("=+-@\t\r", s[0]) && s[0];
    if (!formula && !s[strcspn(s, ",\"\r\n")]) {
        fputs(s, out);
        return;
    }
    fputs(formula ? "\"'" : "\"", out);
    for (; *s; s++) {
        if (*s == '"') fputc('"', out);
        fputc(*s, out);
    }
    fputc('"', out);
}

void la_json_put(const char *s, FILE *out)
{
    fputc('"', out);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c < 0x20 || c == 0x7F)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

void la_md_put(const char *s, FILE *out)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c == 0x7F)
            fputc(' ', out);
        else if (c == '<')
            fputs("&lt;", out);
        else if (strchr("|\\`*[]#", c))
            fprintf(out, "\\%c", c);
        else
            fputc(c, out);
    }
}

void la_latex_put(const char *s, FILE *out)
{
    la_latex_put_n(s, strlen(s), out);
}

void la_latex_put_n(const char *s, size_t n, FILE *out)
{
    /* Commands that every encoding of fonts has. */
    static const char *const escapes[][2] = {{"\\", "\\textbackslash{}"},
                                             {"~", "\\textasciitilde{}"},
                                             {"^", "\\textasciicircum{}"},
                                             {"<", "\\textless{}"},
                                             {">", "\\textgreater{}"},
                                             {"|", "\\textbar{}"},
                                             {"\"", "{\\char34}"},
                                             {"†", "\\dag{}"},
                                             {"µ", "$\\mu$"},
                                             {"·", "$\\cdot$"},
                                             {"×", "$\\times$"},
                                             {"–", "--"},
                                             {"…", "\\ldots{}"},
                                             {"≈", "$\\approx$"},
                                             {"\u00a0", "~"},
                                             {"≥", "$\\ge$"},
                                             {"≤", "$\\le$"}};
    for (const char *end = s + n; s < end;) {
        const char *text = NULL;
        size_t len = 1;
        for (size_t i = 0; i < LA_COUNT(escapes) && !text; i++)
            if (strncmp(s, escapes[i][0], strlen(escapes[i][0])) == 0) {
                text = escapes[i][1];
                len = strlen(escapes[i][0]);
            }
        unsigned char c = (unsigned char)*s;
        if (text)
            fputs(text, out);
        else if (c < 0x20 || c == 0x7F)
            fputc(' ', out);
        else
            fprintf(out, strchr("&%$#_{}", c) ? "\\%c" : "%c", c);
        s += len;
    }
}

void la_real_put(double x, FILE *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        double back = strtod(text, NULL);
        if (!(back < x || back > x)) break;
    }
    fputs(text, out);
}
