/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

void la_text_bytes(la_text *t, const char *bytes, size_t n)
{
    if (la_grow((void **)&t->s, &t->cap, t->len + n + 1, 1, NULL) != LA_OK) {
        t->failed = 1;
        return;
    }
    memcpy(t->s + t->len, bytes, n);
    t->len += n;
    t->s[t->len] = '\0';
}

void la_text_add(la_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n >= 0 && la_grow((void **)&t->s, &t->cap, t->len + (size_t)n + 1, 1, NULL) == LA_OK) {
        vsnprintf(t->s + t->len, (size_t)n + 1, format, again);
        t->len += (size_t)n;
    } else {
        t->failed = 1;
    }
    va_end(again);
}

void la_text_release(la_text *t)
{
    if (!t) return;
    la_free(t->s);
    *t = (la_text){0};
}

const char *la_text_str(const la_text *t)
{
    return t->s ? t->s : "";
}

const char *la_format_count(int64_t n, char buf[24])
{
    const char *unit = "";
    if (n >= 1 << 30 && n % (1 << 30) == 0)
        n >>= 30, unit = "g";
    else if (n >= 1 << 20 && n % (1 << 20) == 0)
        n >>= 20, unit = "m";
    else if (n >= 1 << 10 && n % (1 << 10) == 0)
        n >>= 10, unit = "k";
    snprintf(buf, 24, "%" PRId64 "%s", n, unit);
    return buf;
}

/* Three significant digits, never an exponent. */
static void three_digits(double x, const char *unit, char buf[24])
{
    int decimals = x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2;
    snprintf(buf, 24, "%.*f %s", decimals, x, unit);
}

const char *la_format_bytes(double bytes, char buf[24])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t u = 0;
    while (bytes >= 1023.5 && u + 1 < LA_COUNT(units)) bytes /= 1024, u++;
    if (u == 0)
        snprintf(buf, 24, "%.0f B", bytes);
    else
        three_digits(bytes, units[u], buf);
    return buf;
}

const char *la_format_ns(double ns, char buf[24])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    size_t u = 0;
    while (ns >= 999.5 && u + 1 < LA_COUNT(units)) ns /= 1000, u++;
    three_digits(ns, units[u], buf);
    return buf;
}

const char *la_format_duration(double seconds, char buf[24])
{
    if (!(seconds >= 0)) seconds = 0;
    /* A thousand years is for ever, and keeps the text within its buffer. */
    long s = lround(fmin(seconds, 3.2e10));
    if (s < 100)
        snprintf(buf, 24, "%ld s", s);
    else if (s < 3600)
        snprintf(buf, 24, "%ld min", (s + 30) / 60);
    else if (s < 72 * 3600)
        snprintf(buf, 24, "%d h %02d min", (int)(s / 3600), (int)(s % 3600 / 60));
    else
        snprintf(buf, 24, "%d days", (int)((s + 12 * 3600) / (24 * 3600)));
    return buf;
}

int la_edit_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    int row[3][MAX + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX || m > MAX) return MAX;
    for (size_t j = 0; j <= m; j++) row[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int *cur = row[i % 3], *prev = row[(i + 2) % 3], *prev2 = row[(i + 1) % 3];
        cur[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int best = prev[j - 1] +
                       (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            if (prev[j] + 1 < best) best = prev[j] + 1;
            if (cur[j - 1] + 1 < best) best = cur[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                prev2[j - 2] + 1 < best)
                best = prev2[j - 2] + 1;
            cur[j] = best;
        }
    }
    return row[n % 3][m];
}

int la_digits(double x)
{
    char text[40];
    snprintf(text, sizeof text, "%.15g", x);
    double back = strtod(text, NULL);
    return back < x || back > x ? 17 : 15;
}
