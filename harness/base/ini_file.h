/* SPDX-License-Identifier: Apache-2.0
 * INI files with the line of every entry, so that whoever reads one can say where it is wrong. libinih
 * parses; this keeps what it found in order.
 *
 *     [section]
 *     key = value      ; a comment
 *     set = a.b=1      ; a key may stand several times
 *     text = a long value goes on
 *         in lines that are indented
 */
#ifndef LA_INI_FILE_H
#define LA_INI_FILE_H

#include <stddef.h>

#include "labench/status.h"

typedef struct la_ini_entry {
    const char *section;     /* "" before the first header */
    const char *key, *value; /* trimmed; lines of one value are joined by one space */
    int line;
} la_ini_entry;

typedef struct la_ini_section {
    const char *name;
    int line;
    size_t first, n; /* its entries */
} la_ini_section;

typedef struct la_ini {
    char *path;
    la_ini_entry *entries;
    size_t n, cap;
    la_ini_section
        *sections; /* in order of the file; the one before any header only if it has entries */
    size_t n_sections, cap_sections;
} la_ini;

/* Reads a file of at most 1 MiB. LA_E_NOTFOUND when it is not there, LA_E_IO when it cannot be read,
 * LA_E_ARG with "path:line: what is wrong" for a line that is no entry, a line of more than 198 bytes
 * (say it in several, indented), a section that is there twice, or a byte 0. *out is released by
 * la_ini_release, also after a failure. */
la_status la_ini_read(const char *path, la_ini *out, la_err *err);
void la_ini_release(la_ini *ini);
/* LA_E_ARG: "path:line: message". */
la_status la_ini_complain(const la_ini *ini, int line, la_err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
