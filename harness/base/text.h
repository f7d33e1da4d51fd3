/* SPDX-License-Identifier: Apache-2.0
 * Growing strings and the way labench prints numbers.
 */
#ifndef LA_TEXT_H
#define LA_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

/* A growing string; {0} is empty and ready. Running out of memory sets `failed` and keeps what is
 * there, so that a caller may check once at the end. */
typedef struct la_text {
    char *s; /* NUL-terminated once something was added; NULL before */
    size_t len, cap;
    int failed;
} la_text;

void la_text_add(la_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void la_text_bytes(la_text *t, const char *bytes, size_t n);
void la_text_release(la_text *t);
const char *la_text_str(const la_text *t); /* "" when empty */

/* "1k", "384", "1m": token counts, 1024-based where exact. buf of at least 24 bytes. */
const char *la_format_count(int64_t n, char buf[24]);
/* "18.4 MiB" */
const char *la_format_bytes(double bytes, char buf[24]);
/* "7.31 ms", from nanoseconds, three significant digits */
const char *la_format_ns(double ns, char buf[24]);
/* "12 s", "38 min", "2 h 10 min", "8 days" */
const char *la_format_duration(double seconds, char buf[24]);

/* Digits with which printf's %.*g gives a text that strtod takes back to x: 15 where they do, else 17. */
int la_digits(double x);

/* Edits (insert, delete, replace, swap) between two words, case aside; for "nearest:" hints. */
int la_edit_distance(const char *a, const char *b);

#endif
