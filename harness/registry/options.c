/* SPDX-License-Identifier: Apache-2.0 */
#include "labench/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static void store(const la_option *o, void *opts, double value)
{
    char *at = (char *)opts + o->offset;
    if (o->type == LA_OPTION_REAL)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &(int64_t){(int64_t)value}, sizeof(int64_t));
}

void la_options_default(const la_option *table, size_t n, void *opts)
{
    for (size_t i = 0; i < n; i++) store(&table[i], opts, table[i].def);
}

static const char *list_names(const la_option *table, size_t n, char *buf, size_t cap)
{
    size_t len = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < n && len < cap; i++)
        len += (size_t)snprintf(buf + len, cap - len, "%s%s", i ? ", " : "", table[i].name);
    return buf;
}

static la_status set_choice(const la_option *o, void *opts, const char *owner, const char *value,
                            la_err *err)
{
    char all[256] = "";
    size_t len = 0;
    for (int i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], value) == 0) {
            store(o, opts, i);
            return LA_OK;
        }
        if (len < sizeof all)
            len +=
                (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", o->choices[i]);
    }
    return LA_FAIL(err, LA_E_ARG, "%s.%s has no value '%s'; there are %s", owner, o->name, value,
                   all);
}

static la_status set_bool(const la_option *o, void *opts, const char *owner, const char *value,
                          la_err *err)
{
    static const char *const words[2][4] = {{"0", "no", "false", "off"},
                                            {"1", "yes", "true", "on"}};
    for (int truth = 0; truth < 2; truth++)
        for (size_t i = 0; i < 4; i++)
            if (strcmp(words[truth][i], value) == 0) {
                store(o, opts, truth);
                return LA_OK;
            }
    return LA_FAIL(err, LA_E_ARG, "%s.%s is 0 or 1, not '%s'", owner, o->name, value);
}

static la_status set_number(const la_option *o, void *opts, const char *owner, const char *value,
                            la_err *err)
{
    char *end;
    errno = 0;
    double x = strtod(value, &end);
    bool whole = o->type == LA_OPTION_INT;
    if (end == value || *end != '\0' || !isfinite(x) || (whole && x != floor(x)))
        return LA_FAIL(err, LA_E_ARG, "%s.%s is a%s number, not '%s'", owner, o->name,
                       whole ? " whole" : "", value);
    if (!(x >= o->min && x <= o->max))
        return LA_FAIL(err, LA_E_ARG, "%s.%s must lie in %.10g..%.10g, not %s", owner, o->name,
                       o->min, o->max, value);
    store(o, opts, x);
    return LA_OK;
}

la_status la_options_set(const la_option *table, size_t n, void *opts, const char *owner,
                         const char *key, const char *value, la_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(table[i].name, key) != 0) continue;
        switch (table[i].type) {
        case LA_OPTION_CHOICE:
            return set_choice(&table[i], opts, owner, value, err);
        case LA_OPTION_BOOL:
            return set_bool(&table[i], opts, owner, value, err);
        default:
            return set_number(&table[i], opts, owner, value, err);
        }
    }
    if (n == 0) return LA_FAIL(err, LA_E_ARG, "%s has no options, so no '%s'", owner, key);
    char all[256];
    return LA_FAIL(err, LA_E_ARG, "%s has no option '%s'; there are %s", owner, key,
                   list_names(table, n, all, sizeof all));
}

size_t la_options_json(const la_option *table, size_t n, const void *opts, char *out, size_t cap)
{
    size_t len = 0;
#define PUT(...)                                                                                   \
    len += (size_t)snprintf(out ? out + (len < cap ? len : cap) : NULL, len < cap ? cap - len : 0, \
                            __VA_ARGS__)
    PUT("{");
    for (size_t i = 0; i < n; i++) {
        const char *at = (const char *)opts + table[i].offset;
        int64_t whole;
        double real;
        memcpy(&whole, at, sizeof whole);
        memcpy(&real, at, sizeof real);
        PUT("%s\"%s\":", i ? "," : "", table[i].name);
        if (table[i].type == LA_OPTION_REAL)
            PUT("%.*g", la_digits(real), real);
        else if (table[i].type == LA_OPTION_CHOICE)
            PUT("\"%s\"", table[i].choices[whole]);
        else
            PUT("%" PRId64, whole);
    }
    PUT("}");
#undef PUT
    return len;
}
