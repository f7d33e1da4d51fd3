/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static la_log_level threshold = LA_LOG_INFO;
static void (*before)(void);

void la_log_set_level(la_log_level level)
{
    threshold = level;
}

void la_log_before(void (*hook)(void))
{
    before = hook;
}

void la_log(la_log_level level, const char *format, ...)
{
    if (level > threshold) return;
    if (before) before();
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "labench: %s\n", line);
}
