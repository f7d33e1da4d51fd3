/* SPDX-License-Identifier: Apache-2.0
 * Text that is safe inside gnuplot's files, whatever a name contains.
 */
#include <stdio.h>
#include <string.h>

#include "figure.h"

void la_gp_quote(la_text *out, const char *text)
{
    la_text_add(out, "'");
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\')
            la_text_add(out, "?");
        else if (*c == '\'')
            la_text_add(out, "''");
        else if (strchr("{}^_@&~", *c))
            la_text_add(out, "\\%c", *c);
        else
            la_text_bytes(out, c, 1);
    }
    la_text_add(out, "'");
}

void la_dat_quote(la_text *out, const char *text)
{
    la_text_add(out, "\"");
    for (const char *c = text; *c; c++) {
        bool bad = (unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\' || *c == '"';
        la_text_bytes(out, bad ? "?" : c, 1);
    }
    la_text_add(out, "\"");
}

const char *la_gp_time(double ns, char buf[32])
{
    char text[24];
    la_format_ns(ns, text);
    char *us = strstr(text, " us");
    if (us) *us = '\0';
    snprintf(buf, 32, "%s%s", text, us ? " µs" : "");
    return buf;
}

/* A title stands in a comment, which a line's end would end: what follows would be obeyed. */
static void fill_one(la_text *out, const char *const *pair)
{
    if (strcmp(pair[0], "TITLE") != 0) {
        la_text_bytes(out, pair[1], strlen(pair[1]));
        return;
    }
    for (const char *c = pair[1]; *c; c++)
        la_text_bytes(out, (unsigned char)*c < 0x20 || *c == 0x7f ? "?" : c, 1);
}

void la_gp_fill(la_text *out, const char *gp, const char *const *pairs)
{
    while (*gp) {
        const char *at = strchr(gp, '@');
        const char *end = at ? strchr(at + 1, '@') : NULL;
        if (!end) break;
        const char *const *pair = pairs;
        size_t len = (size_t)(end - at - 1);
        while (*pair && !(strlen(pair[0]) == len && strncmp(pair[0], at + 1, len) == 0)) pair += 2;
        la_text_bytes(out, gp, (size_t)(at - gp));
        if (*pair) {
            fill_one(out, pair);
            gp = end + 1;
        } else {
            la_text_add(out, "@"); /* no such name: the sign stands for itself */
            gp = at + 1;
        }
    }
    la_text_bytes(out, gp, strlen(gp));
}

int la_gp_caption(la_text *out, const char *caption, double height)
{
    enum { WIDTH = 160, LINE_PX = 13, FIRST_PX = 8 };
    const char *starts[16];
    size_t lens[16];
    int n = 0;
    while (*caption && n < 16) {
        size_t len = strlen(caption), cut = len;
        if (len > WIDTH) {
            cut = WIDTH;
            while (cut > WIDTH / 2 && caption[cut] != ' ') cut--;
        }
        starts[n] = caption;
        lens[n++] = cut;
        caption += cut;
        while (*caption == ' ') caption++;
    }
    for (int i = 0; i < n; i++) {
        la_text line = {0}, quoted = {0};
        la_text_bytes(&line, starts[i], lens[i]);
        la_gp_quote(&quoted, la_text_str(&line));
        la_text_add(
            out, "set label %s at screen 0.012, screen %.4f left font ',8' tc rgb '#555555'\n",
            la_text_str(&quoted), height > 0 ? (FIRST_PX + LINE_PX * (n - 1 - i)) / height : 0);
        out->failed |= line.failed | quoted.failed;
        la_text_release(&line);
        la_text_release(&quoted);
    }
    return n;
}

int la_gp_caption_lines(const char *caption)
{
    la_text unused = {0};
    int n = la_gp_caption(&unused, caption, 0);
    la_text_release(&unused);
    return n;
}
