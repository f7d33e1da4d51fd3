/* SPDX-License-Identifier: Apache-2.0 */
#include "sizes.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *la_quote(const char *text, char buf[64])
{
    size_t len = 0, i = 0;
    for (; text[i] && len < 48; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            len += (size_t)snprintf(buf + len, 64 - len, "\\x%02x", c);
        else
            buf[len++] = (char)c;
    }
    buf[len] = '\0';
    if (text[i]) memcpy(buf + len, "...", 4);
    return buf;
}

/* A piece of an argument, not NUL-terminated. */
typedef struct span {
    const char *s;
    size_t n;
} span;

static const char *span_quote(span part, char buf[64])
{
    char copy[64];
    size_t n = part.n < sizeof copy - 1 ? part.n : sizeof copy - 1;
    memcpy(copy, part.s, n);
    copy[n] = '\0';
    return la_quote(copy, buf);
}

/* Says what is wrong with a piece that is not digits and at most one of k, m, g. */
static la_status odd_size(const char *flag, span part, size_t digits, la_err *err)
{
    char q[64];
    const char *rest = part.s + digits;
    size_t left = part.n - digits;
    span_quote(part, q);
    if (memchr(part.s, ' ', part.n) || memchr(part.s, '\t', part.n))
        return LA_FAIL(err, LA_E_ARG, "%s '%s' has a space inside; write 1k,2k without spaces",
                       flag, q);
    for (size_t i = 0; i < part.n; i++)
        if ((unsigned char)part.s[i] >= 0x80)
            return LA_FAIL(err, LA_E_ARG, "%s '%s' holds a character that is not ASCII", flag, q);
    if (part.s[0] == '-')
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is negative; sizes are 1 and up", flag, q);
    if (digits == 0)
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is not a size; write 512, 4k or 1k..16k", flag, q);
    if (digits == 1 && part.s[0] == '0' && (rest[0] == 'x' || rest[0] == 'X'))
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is hexadecimal; write a decimal size", flag, q);
    if (rest[0] == '.')
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is not whole; %s", flag, q,
                       strchr("kKmMgG", part.s[part.n - 1]) ? "write 1536 for one and a half k"
                                                            : "sizes are 1 and up");
    if (rest[0] == 'e' || rest[0] == 'E')
        return LA_FAIL(err, LA_E_ARG, "%s '%s' has an exponent; write 1m or 1000000", flag, q);
    if (left >= 2 && strchr("kKmMgG", rest[0]) && (rest[1] == 'b' || rest[1] == 'B'))
        return LA_FAIL(err, LA_E_ARG,
                       "%s '%s': is that 1000 or 1024? Sizes take k, m, g (1024-based) alone", flag,
                       q);
    return LA_FAIL(err, LA_E_ARG, "%s '%s' is not a size; after the digits comes one of k, m, g",
                   flag, q);
}

static la_status one_size(const char *flag, span part, int64_t *out, la_err *err)
{
    char q[64];
    size_t digits = 0;
    while (digits < part.n && isdigit((unsigned char)part.s[digits])) digits++;
    size_t left = part.n - digits;
    int shift = 0;
    if (left == 1 && digits > 0) {
        const char *units = "kmg";
        const char *at = strchr(units, tolower((unsigned char)part.s[digits]));
        if (!at || !*at) return odd_size(flag, part, digits, err);
        shift = 10 * (int)(at - units + 1);
    } else if (left > 0 || digits == 0) {
        return odd_size(flag, part, digits, err);
    }
    int64_t value = 0;
    for (size_t i = 0; i < digits && value <= LA_COUNT_MAX; i++)
        value = value * 10 + (part.s[i] - '0');
    if (value > LA_COUNT_MAX >> shift)
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is too large; the most is 1g", flag,
                       span_quote(part, q));
    if (value == 0)
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is zero; sizes are 1 and up", flag,
                       span_quote(part, q));
    *out = value << shift;
    return LA_OK;
}

la_status la_size_parse(const char *flag, const char *text, int64_t *out, la_err *err)
{
    if (!*text) return LA_FAIL(err, LA_E_ARG, "%s is empty; write a size like 64 or 4k", flag);
    return one_size(flag, (span){text, strlen(text)}, out, err);
}

static const char *find(span in, const char *what)
{
    return memmem(in.s, in.n, what, strlen(what));
}

static la_status add(const char *flag, la_counts *out, int64_t value, la_err *err)
{
    LA_TRY(la_counts_add(out, value, err));
    if (out->n > LA_COUNTS_MAX)
        return LA_FAIL(err, LA_E_ARG, "%s has more than %d values", flag, LA_COUNTS_MAX);
    return LA_OK;
}

/* n points from a to b, evenly spaced in log, those inside rounded to a multiple of 64. */
static la_status log_points(const char *flag, int64_t a, int64_t b, int64_t n, la_counts *out,
                            la_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        double share = (double)i / (double)(n - 1);
        double x = (double)a * pow((double)b / (double)a, share);
        int64_t value = i == 0 ? a : i == n - 1 ? b : (int64_t)llround(x / 64.0) * 64;
        if (value < a) value = a;
        if (value > b) value = b;
        LA_TRY(add(flag, out, value, err));
    }
    return LA_OK;
}

/* The step after ':' - "x4", "+1k", "n=9" - as (kind, number). */
static la_status range_step(const char *flag, span step, char *kind, int64_t *number, la_err *err)
{
    char q[64];
    span rest = {step.s + 1, step.n - 1};
    span_quote(step, q);
    *kind = step.n ? step.s[0] : '\0';
    if (*kind == 'n' && step.n >= 2 && step.s[1] == '=') {
        rest = (span){step.s + 2, step.n - 2};
        size_t digits = 0;
        while (digits < rest.n && isdigit((unsigned char)rest.s[digits])) digits++;
        *number = 0;
        for (size_t i = 0; i < digits && *number <= LA_COUNTS_MAX; i++)
            *number = *number * 10 + (rest.s[i] - '0');
        if (digits == 0 || digits < rest.n || *number < 2 || *number > LA_COUNTS_MAX)
            return LA_FAIL(err, LA_E_ARG, "%s ':%s': n is a whole number of points, 2 to %d", flag,
                           q, LA_COUNTS_MAX);
        return LA_OK;
    }
    if (*kind != 'x' && *kind != '+')
        return LA_FAIL(err, LA_E_ARG, "%s ':%s' is no step; there are :x4, :+1k and :n=9", flag, q);
    if (rest.n == 1 && rest.s[0] == '0')
        return LA_FAIL(err, LA_E_ARG, "%s ':%s' never moves on", flag, q);
    LA_TRY(one_size(flag, rest, number, err));
    if (*kind == 'x' && *number < 2)
        return LA_FAIL(err, LA_E_ARG, "%s ':%s' never moves on", flag, q);
    return LA_OK;
}

static la_status one_range(const char *flag, span part, const char *dots, la_counts *out,
                           la_text *note, la_err *err)
{
    char q[64], lo[24], hi[24], last[24];
    span first = {part.s, (size_t)(dots - part.s)};
    span second = {dots + 2, part.n - first.n - 2};
    span step = {0};
    const char *colon = memchr(second.s, ':', second.n);
    if (colon) {
        step = (span){colon + 1, second.n - (size_t)(colon + 1 - second.s)};
        second.n = (size_t)(colon - second.s);
    }
    span_quote(part, q);
    if (second.n && second.s[0] == '.')
        return LA_FAIL(err, LA_E_ARG, "%s '%s' has three dots; a range has two: 1k..4k", flag, q);
    if (first.n == 0 || second.n == 0)
        return LA_FAIL(err, LA_E_ARG, "%s '%s' lacks an end; write both, like 1k..16k", flag, q);
    int64_t a, b, number = 2;
    char kind = 'x';
    LA_TRY(one_size(flag, first, &a, err));
    LA_TRY(one_size(flag, second, &b, err));
    if (colon) LA_TRY(range_step(flag, step, &kind, &number, err));
    if (a > b)
        return LA_FAIL(err, LA_E_ARG, "%s %s goes down. Did you mean %s..%s?", flag, q,
                       la_format_count(b, hi), la_format_count(a, lo));
    if (kind == 'n') return log_points(flag, a, b, number, out, err);
    if (kind == '+' && (b - a) / number >= LA_COUNTS_MAX)
        return LA_FAIL(err, LA_E_ARG, "%s '%s' has more than %d values", flag, q, LA_COUNTS_MAX);
    int64_t at = a;
    for (int64_t value = a; value <= b; value = kind == 'x' ? value * number : value + number) {
        LA_TRY(add(flag, out, value, err));
        at = value;
    }
    if (at != b && note) {
        la_format_count(a, lo), la_format_count(b, hi), la_format_count(at, last);
        la_text_add(note, "%s stops at %s; write %s..%s%.*s,%s to include %s", q, last, lo, last,
                    colon ? (int)step.n + 1 : 0, colon ? colon : "", hi, hi);
    }
    return LA_OK;
}

la_status la_sizes_parse(const char *flag, const char *text, la_counts *out, la_text *note,
                         la_err *err)
{
    char q[64];
    if (!*text) return LA_FAIL(err, LA_E_ARG, "%s is empty; write sizes like 1k..16k", flag);
    for (const char *at = text;;) {
        size_t n = strcspn(at, ",");
        span part = {at, n};
        if (n == 0)
            return LA_FAIL(err, LA_E_ARG, "%s '%s' has an empty part; take the extra comma out",
                           flag, la_quote(text, q));
        const char *dots = find(part, "..");
        if (dots) {
            LA_TRY(one_range(flag, part, dots, out, note, err));
        } else {
            int64_t value;
            LA_TRY(one_size(flag, part, &value, err));
            LA_TRY(add(flag, out, value, err));
        }
        if (!at[n]) return LA_OK;
        at += n + 1;
    }
}

la_status la_bytes_parse(const char *flag, const char *text, size_t *out, la_err *err)
{
    static const struct {
        const char *word;
        int shift;
    } units[] = {{"", 0},     {"k", 10},   {"m", 20},   {"g", 30},  {"t", 40},
                 {"kib", 10}, {"mib", 20}, {"gib", 30}, {"tib", 40}};
    char q[64];
    la_quote(text, q);
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    if (digits == 0 || digits > 18)
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is not a number of bytes; write 8GiB or 8g", flag,
                       q);
    uint64_t value = strtoull(text, NULL, 10);
    for (size_t i = 0; i < LA_COUNT(units); i++) {
        if (strcasecmp(unit, units[i].word) != 0) continue;
        if (value == 0)
            return LA_FAIL(err, LA_E_ARG, "%s '%s' is zero; it must leave room for a cell", flag,
                           q);
        if (value > (UINT64_MAX >> 1) >> units[i].shift)
            return LA_FAIL(err, LA_E_ARG, "%s '%s' is too large", flag, q);
        *out = (size_t)value << units[i].shift;
        return LA_OK;
    }
    if (strlen(unit) == 2 && (unit[1] == 'b' || unit[1] == 'B'))
        return LA_FAIL(err, LA_E_ARG, "%s '%s': is that 1000 or 1024? Write 8g or 8GiB", flag, q);
    return LA_FAIL(err, LA_E_ARG,
                   "%s '%s' is not a number of bytes; units are k, m, g or KiB, "
                   "MiB, GiB",
                   flag, q);
}

/* A plain decimal number; what strtod takes besides (inf, nan, hexadecimal, spaces) is refused. */
static la_status decimal(const char *flag, const char *text, double *out, const char **rest,
                         la_err *err)
{
    char q[64];
    char *end;
    const char *digits = text + (*text == '-');
    if (!isdigit((unsigned char)*digits) || (digits[0] == '0' && tolower(digits[1]) == 'x'))
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is not a number", flag, la_quote(text, q));
    errno = 0;
    *out = strtod(text, &end);
    if (!isfinite(*out) || errno == ERANGE)
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is out of range", flag, la_quote(text, q));
    *rest = end;
    return LA_OK;
}

la_status la_seconds_parse(const char *flag, const char *text, double *out, la_err *err)
{
    static const struct {
        const char *word;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"min", 60}, {"h", 3600}};
    char q[64];
    const char *unit = "";
    double value = 0;
    LA_TRY(decimal(flag, text, &value, &unit, err));
    for (size_t i = 0; i < LA_COUNT(units); i++) {
        if (strcmp(unit, units[i].word) != 0) continue;
        value *= units[i].seconds;
        if (!(value > 0) || !(value <= 1e7))
            return LA_FAIL(err, LA_E_ARG, "%s '%s' must be above 0 and below four months", flag,
                           la_quote(text, q));
        *out = value;
        return LA_OK;
    }
    return LA_FAIL(err, LA_E_ARG, "%s '%s' is not a time; units are ms, s, min, h", flag,
                   la_quote(text, q));
}

la_status la_real_parse(const char *flag, const char *text, double min, double max, double *out,
                        la_err *err)
{
    char q[64];
    const char *rest = "";
    LA_TRY(decimal(flag, text, out, &rest, err));
    if (*rest) return LA_FAIL(err, LA_E_ARG, "%s '%s' is not a number", flag, la_quote(text, q));
    if (!(*out >= min && *out <= max))
        return LA_FAIL(err, LA_E_ARG, "%s must lie in %.10g..%.10g, not '%s'", flag, min, max,
                       la_quote(text, q));
    return LA_OK;
}

la_status la_whole_parse(const char *flag, const char *text, int64_t min, int64_t max, int64_t *out,
                         la_err *err)
{
    char q[64];
    const char *digits = text + (*text == '-');
    if (!*digits || digits[strspn(digits, "0123456789")])
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is not a whole number", flag, la_quote(text, q));
    errno = 0;
    *out = strtoll(text, NULL, 10);
    if (errno == ERANGE || *out < min || *out > max)
        return LA_FAIL(err, LA_E_ARG, "%s must lie in %" PRId64 "..%" PRId64 ", not '%s'", flag,
                       min, max, la_quote(text, q));
    return LA_OK;
}

la_status la_seed_parse(const char *flag, const char *text, uint64_t *out, la_err *err)
{
    char q[64];
    errno = 0;
    bool digits = *text && !text[strspn(text, "0123456789")];
    *out = digits ? strtoull(text, NULL, 10) : 0;
    if (!digits || errno == ERANGE)
        return LA_FAIL(err, LA_E_ARG, "%s '%s' is not a seed; write a whole number below 2^64",
                       flag, la_quote(text, q));
    return LA_OK;
}
