/* SPDX-License-Identifier: Apache-2.0
 * Option sets to test: the defaults, then each option away from its default, one at a time.
 */
#include <math.h>
#include <stdio.h>

#include "suite.h"

enum { NUMBERS = 6 };

/* Values of a whole number besides its default. few: the smallest and the largest, and of one that may be anything, as
 * a seed, a single one. */
static int64_t numbers_of(const la_option *o, bool few, double to[NUMBERS])
{
    static const double numbers[NUMBERS] = {1, 2, 3, 5, 17, 100};
    int64_t n = 0;
    for (size_t j = 0; j < NUMBERS; j++)
        if (numbers[j] >= o->min && numbers[j] <= o->max && numbers[j] != o->def)
            to[n++] = numbers[j];
    if (!few || n < 2) return n;
    to[1] = to[n - 1];
    return o->max > INT32_MAX ? 1 : 2;
}

/* Value number i of an option besides its default, as text; false when there are no more. */
static bool other_value(const la_option *o, int64_t i, bool few, char text[32])
{
    double numbers[NUMBERS];
    switch (o->type) {
    case LA_OPTION_CHOICE:
        if (i >= (int64_t)o->def) i++;
        for (int64_t j = 0; j <= i; j++)
            if (!o->choices[j]) return false;
        snprintf(text, 32, "%s", o->choices[i]);
        return true;
    case LA_OPTION_BOOL:
        snprintf(text, 32, "%d", o->def == 0.0);
        return i == 0;
    case LA_OPTION_INT:
        if (i >= numbers_of(o, few, numbers)) return false;
        snprintf(text, 32, "%.0f", numbers[i]);
        return true;
    case LA_OPTION_REAL:
        snprintf(text, 32, "%.17g", isfinite(o->max) ? 0.5 * (o->def + o->max) : 2.0 * o->def);
        return i == 0;
    }
    return false;
}

la_status la_suite_options(const la_variant *variant, int64_t index, bool few, void *opts,
                           char *words, size_t cap, bool *end, la_err *err)
{
    la_options_default(variant->options, variant->options_len, opts);
    words[0] = '\0';
    *end = false;
    if (index-- == 0) return LA_OK;
    for (size_t i = 0; i < variant->options_len; i++) {
        char text[32];
        for (int64_t j = 0; other_value(&variant->options[i], j, few, text); j++) {
            if (index-- > 0) continue;
            snprintf(words, cap, "%s=%s", variant->options[i].name, text);
            return la_options_set(variant->options, variant->options_len, opts, variant->name,
                                  variant->options[i].name, text, err);
        }
    }
    *end = true;
    return LA_OK;
}
