/* SPDX-License-Identifier: Apache-2.0
 * Order statistics of timings. The interval of the median is distribution-free: x(l)..x(u) covers the
 * true median with probability P(l <= Bin(n, 1/2) < u), whatever the samples' distribution.
 */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

#define LEVEL     0.95
#define Z_95      1.959963984540054
#define MIN_CI    6   /* below it x(1)..x(n) itself covers less than 95 % */
#define MAX_PAIRS 400 /* Theil-Sen takes all pairs of so many samples, evenly chosen beyond */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* P(Bin(n, 1/2) <= k - 1), in logarithms so that n may be large. */
static double binomial_below(size_t n, size_t k)
{
    double sum = 0.0;
    for (size_t i = 0; i < k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) -
                   (double)n * 0.69314718055994530942);
    return sum;
}

/* The largest l with P(Bin < l) <= 2.5 %, started near the normal approximation. */
void la_median_ranks(size_t n, size_t *lo, size_t *hi, double *level)
{
    *lo = *hi = 0;
    if (level) *level = NAN;
    if (n < MIN_CI) return;
    double guess = (double)n / 2 - Z_95 * sqrt((double)n) / 2 - 2;
    size_t l = guess > 1 ? (size_t)guess : 1;
    double tail = binomial_below(n, l);
    while (l > 1 && tail > (1 - LEVEL) / 2) tail = binomial_below(n, --l);
    for (;;) {
        double next = binomial_below(n, l + 1);
        if (next > (1 - LEVEL) / 2 || 2 * (l + 1) > n) break;
        tail = next;
        l++;
    }
    *lo = l;
    *hi = n + 1 - l;
    if (level) *level = 1 - 2 * tail;
}

/* Linear interpolation between order statistics (R's type 7). */
static double quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    double w = at - (double)i;
    return sorted[i] + w * (sorted[i + 1] - sorted[i]);
}

static void count_outliers(const double *sorted, size_t n, la_summary *out)
{
    double iqr = out->q3 - out->q1;
    for (size_t i = 0; i < n; i++) {
        double away = fmax(out->q1 - sorted[i], sorted[i] - out->q3);
        if (away > 3.0 * iqr)
            out->outliers_severe++;
        else if (away > 1.5 * iqr)
            out->outliers_mild++;
    }
}

static double autocorrelation(const double *x, size_t n)
{
    double mean = 0, c0 = 0, c1 = 0;
    for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        c0 += (x[i] - mean) * (x[i] - mean);
        if (i) c1 += (x[i] - mean) * (x[i - 1] - mean);
    }
    /* Constant data leave only the rounding of their mean. */
    return c0 > 1e-24 * (double)n * mean * mean ? c1 / c0 : 0.0;
}

/* Median of the slopes of all pairs, times the run's length: how far the time drifted. */
static double theil_sen(const double *x, size_t n)
{
    size_t used = n < MAX_PAIRS ? n : MAX_PAIRS;
    if (used < 2) return 0.0;
    double *slopes = la_alloc(used * (used - 1) / 2 * sizeof *slopes, NULL);
    if (!slopes) return NAN;
    size_t count = 0;
    for (size_t a = 0; a < used; a++)
        for (size_t b = a + 1; b < used; b++) {
            size_t i = a * (n - 1) / (used - 1), j = b * (n - 1) / (used - 1);
            slopes[count++] = (x[j] - x[i]) / (double)(j - i);
        }
    qsort(slopes, count, sizeof *slopes, by_value);
    double slope = quantile(slopes, count, 0.5);
    la_free(slopes);
    return slope * (double)(n - 1);
}

static void all_unknown(la_summary *out)
{
    *out = (la_summary){.median = NAN,
                        .q1 = NAN,
                        .q3 = NAN,
                        .min = NAN,
                        .max = NAN,
                        .lo = NAN,
                        .hi = NAN,
                        .level = NAN,
                        .trend = NAN,
                        .lag1 = NAN};
}

void la_summarise(const double *x, size_t n, la_summary *out)
{
    all_unknown(out);
    out->n = n;
    if (n == 0) return;
    double *sorted = la_alloc(n * sizeof *sorted, NULL);
    if (!sorted) {
        out->n = 0;
        return;
    }
    memcpy(sorted, x, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    out->median = quantile(sorted, n, 0.5);
    out->q1 = quantile(sorted, n, 0.25);
    out->q3 = quantile(sorted, n, 0.75);
    out->min = sorted[0];
    out->max = sorted[n - 1];
    size_t lo, hi;
    la_median_ranks(n, &lo, &hi, &out->level);
    if (lo) out->lo = sorted[lo - 1], out->hi = sorted[hi - 1];
    count_outliers(sorted, n, out);
    la_free(sorted);
    double drift = theil_sen(x, n);
    if (isnan(drift)) out->n = 0;
    out->trend = out->median != 0 ? drift / out->median : 0.0;
    out->lag1 = autocorrelation(x, n);
}

typedef struct weighted {
    double x, weight;
} weighted;

static int by_x(const void *a, const void *b)
{
    return by_value(&((const weighted *)a)->x, &((const weighted *)b)->x);
}

/* Median of samples whose weights sum to 1; between two samples where the half falls on a border. */
static double weighted_median(const weighted *w, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += w[i].weight;
        if (fabs(sum - 0.5) < 1e-9 && i + 1 < n) return 0.5 * (w[i].x + w[i + 1].x);
        if (sum > 0.5) return w[i].x;
    }
    return w[n - 1].x;
}

/* One resample: rounds with replacement, then samples within each; the median of the whole. */
static double resampled_median(const double *x, const size_t *round_n, const size_t *start,
                               size_t rounds, const size_t *live, size_t n_live, uint64_t stream,
                               weighted *w)
{
    size_t n = 0;
    uint64_t draw = 0;
    (void)rounds;
    for (size_t r = 0; r < n_live; r++) {
        size_t pick = live[la_random_below(stream, draw++, n_live)];
        for (size_t i = 0; i < round_n[pick]; i++) {
            size_t j = (size_t)la_random_below(stream, draw++, round_n[pick]);
            w[n++] = (weighted){x[start[pick] + j], 1.0 / (double)(round_n[pick] * n_live)};
        }
    }
    qsort(w, n, sizeof *w, by_x);
    return weighted_median(w, n);
}

/* Two-level bootstrap: 2000 resamples of rounds, then of samples within them, from a fixed seed. */
static void bootstrap(const double *x, const size_t *round_n, const size_t *start, size_t rounds,
                      const size_t *live, size_t n_live, double *lo, double *hi)
{
    enum { RESAMPLES = 2000 };
    size_t widest = 1;
    for (size_t r = 0; r < rounds; r++)
        if (round_n[r] > widest) widest = round_n[r];
    weighted *w = la_alloc(n_live * widest * sizeof *w, NULL);
    double *medians = la_alloc(RESAMPLES * sizeof *medians, NULL);
    if (w && medians) {
        for (int s = 0; s < RESAMPLES; s++)
            medians[s] = resampled_median(x, round_n, start, rounds, live, n_live,
                                          la_stream(1, 0x626f6f74, (uint64_t)s), w);
        qsort(medians, RESAMPLES, sizeof *medians, by_value);
        *lo = quantile(medians, RESAMPLES, (1 - LEVEL) / 2);
        *hi = quantile(medians, RESAMPLES, (1 + LEVEL) / 2);
    }
    la_free(w);
    la_free(medians);
}

void la_summarise_rounds(const double *x, const size_t *round_n, size_t rounds, la_summary *out)
{
    size_t n = 0, n_live = 0;
    for (size_t r = 0; r < rounds; r++) n += round_n[r];
    la_summarise(x, n, out);
    if (n == 0 || rounds < 2) return;
    size_t *start = la_alloc(2 * rounds * sizeof *start, NULL);
    weighted *w = la_alloc(n * sizeof *w, NULL);
    if (!start || !w) {
        out->n = 0;
        goto done;
    }
    size_t *live = start + rounds, at = 0;
    for (size_t r = 0; r < rounds; r++) {
        start[r] = at;
        at += round_n[r];
        if (round_n[r]) live[n_live++] = r;
    }
    for (size_t r = 0; r < rounds; r++)
        for (size_t i = 0; i < round_n[r]; i++)
            w[start[r] + i] = (weighted){x[start[r] + i], 1.0 / (double)(round_n[r] * n_live)};
    qsort(w, n, sizeof *w, by_x);
    out->median = weighted_median(w, n);
    /* The interval across rounds: the union of the rounds' own intervals, or of their medians where
     * a round is too short to have one; the two-level bootstrap once there are rounds enough. */
    double lo = NAN, hi = NAN;
    for (size_t r = 0; r < rounds; r++) {
        la_summary one;
        la_summarise(x + start[r], round_n[r], &one);
        lo = fmin(lo, isnan(one.lo) ? one.median : one.lo);
        hi = fmax(hi, isnan(one.hi) ? one.median : one.hi);
    }
    if (n_live >= 5) bootstrap(x, round_n, start, rounds, live, n_live, &lo, &hi);
    if (n >= MIN_CI) {
        out->lo = fmin(out->lo, lo);
        out->hi = fmax(out->hi, hi);
    }
done:
    la_free(start);
    la_free(w);
}

void la_wilson(int64_t k, int64_t n, double *lo, double *hi)
{
    if (n <= 0) {
        *lo = *hi = NAN;
        return;
    }
    double N = (double)n, p = (double)k / N, z2 = Z_95 * Z_95;
    double centre = (p + z2 / (2 * N)) / (1 + z2 / N);
    double half = Z_95 / (1 + z2 / N) * sqrt(p * (1 - p) / N + z2 / (4 * N * N));
    *lo = k == 0 ? 0.0 : fmax(0.0, centre - half);
    *hi = k == n ? 1.0 : fmin(1.0, centre + half);
}

double la_fit_exponent(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xx = 0, xy = 0;
    if (n < 2) return NAN;
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] > 0) || !(y[i] > 0)) return NAN;
        mx += log(x[i]) / (double)n;
        my += log(y[i]) / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double dx = log(x[i]) - mx;
        xx += dx * dx;
        xy += dx * (log(y[i]) - my);
    }
    return xx > 0 ? xy / xx : (double)NAN;
}
