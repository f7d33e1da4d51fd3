/* SPDX-License-Identifier: Apache-2.0 */
#include "ini_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "text.h"

#define BYTES_MAX (1 << 20)
#define LINE_MAX  198 /* what Debian's libinih takes */

typedef struct reader {
    la_ini *ini;
    const char *at; /* rest of the text */
    int line;
    bool header, indented; /* of the line that was handed out last */
    la_status st;
    la_err *err;
} reader;

la_status la_ini_complain(const la_ini *ini, int line, la_err *err, const char *format, ...)
{
    char text[sizeof err->msg];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return LA_FAIL(err, LA_E_ARG, "%s:%d: %s", ini->path, line, text);
}

static la_status add_section(reader *r, const char *name, int line)
{
    la_ini *ini = r->ini;
    for (size_t i = 0; i < ini->n_sections; i++)
        if (strcmp(ini->sections[i].name, name) == 0)
            return la_ini_complain(ini, line, r->err, "section [%s] is there already in line %d",
                                   name, ini->sections[i].line);
    LA_TRY(la_grow((void **)&ini->sections, &ini->cap_sections, ini->n_sections + 1,
                   sizeof *ini->sections, r->err));
    char *copy = la_strdup(name, r->err);
    if (!copy) return LA_E_NOMEM;
    ini->sections[ini->n_sections++] =
        (la_ini_section){.name = copy, .line = line, .first = ini->n};
    return LA_OK;
}

/* The last section has an entry, which an indented line goes on. */
static bool entry_open(const la_ini *ini)
{
    return ini->n_sections > 0 && ini->sections[ini->n_sections - 1].n > 0;
}

/* libinih asks for a line as fgets gives it. Headers are noted here, since it does not tell of them. */
static char *next_line(char *buf, int cap, void *stream)
{
    reader *r = stream;
    if (r->st != LA_OK || !*r->at) return NULL;
    size_t n = strcspn(r->at, "\n");
    bool ended = r->at[n] == '\n';
    r->line++;
    if (n > LINE_MAX || n + 2 > (size_t)cap) {
        r->st = la_ini_complain(r->ini, r->line, r->err,
                                "this line has %zu bytes; go on in indented lines after %d", n,
                                LINE_MAX);
        return NULL;
    }
    memcpy(buf, r->at, n);
    buf[n] = '\n';
    buf[n + 1] = '\0';
    r->at += n + ended;
    r->indented = isspace((unsigned char)buf[0]) != 0;
    size_t start = strspn(buf, " \t\v\f\r"), close = strcspn(buf, "]");
    if (buf[start] == '[' && buf[close] == ']' && !(r->indented && entry_open(r->ini))) {
        char name[LINE_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)(close - start - 1), buf + start + 1);
        r->st = add_section(r, name, r->line);
    }
    return buf;
}

static la_status append(reader *r, la_ini_entry *entry, const char *value)
{
    la_text joined = {0};
    la_text_add(&joined, "%s%s%s", entry->value, *entry->value && *value ? " " : "", value);
    if (joined.failed) {
        la_text_release(&joined);
        return LA_FAIL(r->err, LA_E_NOMEM, "out of memory: %s", r->ini->path);
    }
    char *copy = la_strdup(la_text_str(&joined), r->err);
    la_text_release(&joined);
    if (!copy) return LA_E_NOMEM;
    la_free((char *)entry->value);
    entry->value = copy;
    return LA_OK;
}

static la_status add_entry(reader *r, const char *key, const char *value)
{
    la_ini *ini = r->ini;
    if (r->indented && entry_open(ini)) return append(r, &ini->entries[ini->n - 1], value);
    if (!*key) return la_ini_complain(ini, r->line, r->err, "nothing stands before the '='");
    if (ini->n_sections == 0) LA_TRY(add_section(r, "", r->line));
    LA_TRY(la_grow((void **)&ini->entries, &ini->cap, ini->n + 1, sizeof *ini->entries, r->err));
    la_ini_section *section = &ini->sections[ini->n_sections - 1];
    la_ini_entry *entry = &ini->entries[ini->n];
    *entry = (la_ini_entry){.section = section->name,
                            .key = la_strdup(key, r->err),
                            .value = la_strdup(value, r->err),
                            .line = r->line};
    ini->n++;
    section->n++;
    return entry->key && entry->value ? LA_OK : LA_E_NOMEM;
}

static int take(void *user, const char *section, const char *name, const char *value)
{
    reader *r = user;
    (void)section; /* of at most 50 bytes; ours is whole */
    if (r->st == LA_OK) r->st = add_entry(r, name, value);
    return r->st == LA_OK;
}

static la_status read_text(const char *path, char **out, la_err *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return LA_FAIL(err, errno == ENOENT ? LA_E_NOTFOUND : LA_E_IO, "%s: %s", path,
                       strerror(errno));
    char *text = la_alloc(BYTES_MAX + 2, err);
    size_t n = text ? fread(text, 1, BYTES_MAX + 1, file) : 0;
    la_status st = !text          ? LA_E_NOMEM
                   : ferror(file) ? LA_FAIL(err, LA_E_IO, "%s: %s", path, strerror(errno))
                   : n > BYTES_MAX
                       ? LA_FAIL(err, LA_E_ARG, "%s is larger than 1 MiB: is it an INI file?", path)
                   : memchr(text, 0, n)
                       ? LA_FAIL(err, LA_E_ARG, "%s has a byte 0: is it an INI file?", path)
                       : LA_OK;
    fclose(file);
    if (st == LA_OK) {
        text[n] = '\0';
        *out = text;
    } else {
        la_free(text);
    }
    return st;
}

la_status la_ini_read(const char *path, la_ini *out, la_err *err)
{
    char *text = NULL;
    *out = (la_ini){0};
    out->path = la_strdup(path, err);
    if (!out->path) return LA_E_NOMEM;
    LA_TRY(read_text(path, &text, err));
    bool marked = strncmp(text, "\xEF\xBB\xBF", 3) == 0; /* the mark of UTF-8 some editors write */
    reader r = {.ini = out, .at = text + (marked ? 3 : 0), .err = err};
    int wrong = ini_parse_stream(next_line, &r, take, &r);
    la_free(text);
    if (r.st != LA_OK) return r.st;
    if (wrong < 0) return LA_FAIL(err, LA_E_NOMEM, "out of memory: %s", path);
    if (wrong > 0) return la_ini_complain(out, wrong, err, "neither [section] nor key = value");
    return LA_OK;
}

void la_ini_release(la_ini *ini)
{
    for (size_t i = 0; i < ini->n; i++) {
        la_free((char *)ini->entries[i].key);
        la_free((char *)ini->entries[i].value);
    }
    for (size_t i = 0; i < ini->n_sections; i++) la_free((char *)ini->sections[i].name);
    la_free(ini->entries);
    la_free(ini->sections);
    la_free(ini->path);
    *ini = (la_ini){0};
}
