/* SPDX-License-Identifier: Apache-2.0 */
#include "numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* x rounded to 10^-decimals; decimals may be negative: tens, hundreds. */
static void rounded(double x, int decimals, char out[40])
{
    double unit = pow(10, -decimals);
    if (decimals < 0) x = round(x / unit) * unit;
    snprintf(out, 40, "%.*f", decimals > 0 ? decimals : 0, x);
}

/* Three significant digits, or fewer when the interval says so, or one more when it allows. */
static int decimals_of(double x, double half)
{
    int decimals = x > 0 ? 2 - (int)floor(log10(x)) : 0;
    if (!(half > 0)) return decimals;
    int certain = -(int)floor(log10(half));
    if (!(x > 0)) return certain > 0 ? certain : 0;
    int least = decimals - 2; /* the first digit stands, however wide the interval */
    decimals = certain < decimals + 1 ? certain : decimals + 1;
    return decimals < least ? least : decimals;
}

void la_number_scaled(double x, double lo, double hi, double unit, char value[40],
                      char interval[40])
{
    double half = 0.5 * (hi - lo) / unit;
    int decimals = decimals_of(x / unit, half);
    if (interval) *interval = '\0';
    rounded(x / unit, decimals, value);
    if (!interval || !isfinite(half)) return;
    char text[2][40];
    rounded(lo / unit, decimals, text[0]);
    rounded(hi / unit, decimals, text[1]);
    snprintf(interval, 40, "[%.16s, %.16s]", text[0], text[1]);
}

void la_number_time(double ns, double lo, double hi, char value[40], char interval[40])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    int u = 0;
    double scale = 1;
    char number[40];
    while (u < 3 && ns / scale >= 999.5) scale *= 1000, u++;
    /* 996 ns to the nearest ten is no 1000 ns. */
    double step = pow(10, -decimals_of(ns / scale, 0.5 * (hi - lo) / scale));
    if (u < 3 && round(ns / scale / step) * step >= 999.5) scale *= 1000, u++;
    la_number_scaled(ns, lo, hi, scale, number, interval);
    snprintf(value, 40, "%.30s %s", number, units[u]);
}

void la_number_outcome(const char *outcome, const char *message, char *out, size_t cap)
{
    static const char *const words[][2] = {{"oom_host", "oom"},
                                           {"oom_device", "oom on the device"},
                                           {"predicted_oom", "oom"},
                                           {"predicted_timeout", "timeout"}};
    const char *word = outcome;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(outcome, words[i][0]) == 0) word = words[i][1];
    if (!message || !*message || strcmp(outcome, "planned") == 0) {
        snprintf(out, cap, "%s", strcmp(outcome, "planned") == 0 ? "not run yet" : word);
        return;
    }
    size_t len = strcspn(message, "\n");
    snprintf(out, cap, "%s: %.*s", word, (int)len, message);
    if (strlen(word) + 2 + len < cap) return;
    static const char more[] = " ...";
    if (cap <= sizeof more) return;
    char *cut = out + cap - sizeof more; /* whole words only */
    while (cut > out && *cut != ' ') cut--;
    if (cut > out) memcpy(cut, more, sizeof more);
}
