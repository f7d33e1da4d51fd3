/* SPDX-License-Identifier: Apache-2.0 */
#include "labench/status.h"

#include <stdio.h>
#include <stdlib.h>

la_status la_vfail(la_err *err, la_status status, const char *file, int line, const char *format,
                   va_list args)
{
    if (!err) return status;
    err->status = status;
    err->foreign = 0;
    err->file = file;
    err->line = line;
    vsnprintf(err->msg, sizeof err->msg, format, args);
    return status;
}

la_status la_fail(la_err *err, la_status status, const char *file, int line, const char *format,
                  ...)
{
    va_list args;
    va_start(args, format);
    la_vfail(err, status, file, line, format, args);
    va_end(args);
    return status;
}

const char *la_status_word(la_status status)
{
    switch (status) {
#define WORD(name, value, word, text)                                                              \
    case name:                                                                                     \
        return word;
        LA_STATUS_LIST(WORD)
#undef WORD
    }
    return "unknown";
}

const char *la_status_text(la_status status)
{
    switch (status) {
#define TEXT(name, value, word, text)                                                              \
    case name:                                                                                     \
        return text;
        LA_STATUS_LIST(TEXT)
#undef TEXT
    }
    return "unknown status";
}

void la_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "labench: bug: %s does not hold (%s:%d)\n", what, file, line);
    abort();
}
