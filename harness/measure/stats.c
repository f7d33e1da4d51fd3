/* SPDX-License-Identifier: Apache-2.0
 * Order statistics of timings. The interval of the median is distribution-free: x(l)..x(u) covers the
 * true median with probability P(l <= Bin(n, 1/2) < u), whatever the samples' distribution.
 */
#include "stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

#define LEVEL       0.95
#define Z_95        1.959963984540054
#define MANY_ROUNDS 5   /* from so many on, resampling them says how they differ */
#define MIN_CI      6   /* below it x(1)..x(n) itself covers less than 95 % */
#define MAX_PAIRS   400 /* Theil-Sen takes all pairs of so many samples, evenly chosen beyond */

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

/* The k-th smallest, k from 0; what lies before it is then no larger, what lies behind it no smaller (Hoare's
 * find). */
static double kth(double *x, int64_t n, int64_t k)
{
    for (int64_t from = 0, to = n - 1; from < to;) {
        double pivot = x[from + (to - from) / 2];
        int64_t i = from, j = to;
        while (i <= j) {
            while (x[i] < pivot) i++;
            while (x[j] > pivot) j--;
            if (i > j) break;
            double t = x[i];
            x[i++] = x[j];
            x[j--] = t;
        }
        if (k > j && k < i) break;
        if (k <= j)
            to = j;
        else
            from = i;
    }
    return x[k];
}

/* That of quantile, of numbers in any order, which are moved about. */
static double median_of(double *x, size_t n)
{
    size_t below = (n - 1) / 2;
    double low = kth(x, (int64_t)n, (int64_t)below), high = INFINITY;
    if (n % 2) return low;
    for (size_t i = below + 1; i < n; i++) high = fmin(high, x[i]);
    return low + 0.5 * (high - low);
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
    double slope = median_of(slopes, count); /* sorting 80 000 of them would take 10 ms */
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

/* Samples of rounds that weigh the same, sorted once: a resample is a weight for each rank. */
typedef struct pool {
    const size_t *round_n;
    size_t n, n_live; /* samples; rounds that have any */
    size_t *start;    /* of each round, first sample */
    size_t *live;     /* those rounds */
    size_t *rank;     /* of each sample */
    double *sorted, *weight;
} pool;

typedef struct placed {
    double x;
    size_t at;
} placed;

static int by_x(const void *a, const void *b)
{
    return by_value(&((const placed *)a)->x, &((const placed *)b)->x);
}

static void pool_release(pool *p)
{
    la_free(p->start);
    la_free(p->sorted);
    *p = (pool){0};
}

/* False when memory is short. */
static bool pool_init(pool *p, const double *x, const size_t *round_n, size_t rounds)
{
    *p = (pool){.round_n = round_n};
    for (size_t r = 0; r < rounds; r++) p->n += round_n[r];
    placed *order = la_alloc((p->n + 1) * sizeof *order, NULL);
    p->start = la_alloc((2 * rounds + p->n + 1) * sizeof *p->start, NULL);
    p->sorted = la_alloc((2 * p->n + 1) * sizeof *p->sorted, NULL);
    if (!order || !p->start || !p->sorted) {
        la_free(order);
        pool_release(p);
        return false;
    }
    p->live = p->start + rounds;
    p->rank = p->live + rounds;
    p->weight = p->sorted + p->n;
    for (size_t r = 0, at = 0; r < rounds; at += round_n[r++]) {
        p->start[r] = at;
        if (round_n[r]) p->live[p->n_live++] = r;
    }
    for (size_t i = 0; i < p->n; i++) order[i] = (placed){x[i], i};
    qsort(order, p->n, sizeof *order, by_x);
    for (size_t i = 0; i < p->n; i++) {
        p->sorted[i] = order[i].x;
        p->rank[order[i].at] = i;
    }
    la_free(order);
    return true;
}

/* What has `part` of the weights, which sum to 1, below it; between two samples where that falls on a border. */
static double weighted_quantile(const pool *p, double part)
{
    double sum = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        sum += p->weight[i];
        if (sum > part + 1e-9) return p->sorted[i];
        if (!(sum > part - 1e-9)) continue;
        for (size_t j = i + 1; j < p->n; j++)
            if (p->weight[j] > 0) return 0.5 * (p->sorted[i] + p->sorted[j]);
        return p->sorted[i];
    }
    return p->sorted[p->n - 1];
}

/* All samples, each round as heavy as any other. */
static void weigh_rounds(pool *p)
{
    for (size_t r = 0; r < p->n_live; r++) {
        size_t round = p->live[r];
        for (size_t i = 0; i < p->round_n[round]; i++)
            p->weight[p->rank[p->start[round] + i]] = 1.0 / (double)(p->round_n[round] * p->n_live);
    }
}

/* One resample: rounds with replacement, then samples within each; the median of the whole. */
static double resampled_median(pool *p, uint64_t stream)
{
    uint64_t draw = 0;
    for (size_t i = 0; i < p->n; i++) p->weight[i] = 0.0;
    for (size_t r = 0; r < p->n_live; r++) {
        size_t pick = p->live[la_random_below(stream, draw++, p->n_live)], n = p->round_n[pick];
        for (size_t i = 0; i < n; i++)
            p->weight[p->rank[p->start[pick] + la_random_below(stream, draw++, n)]] +=
                1.0 / (double)(n * p->n_live);
    }
    return weighted_quantile(p, 0.5);
}

/* Two-level bootstrap: 2000 resamples of rounds, then of samples within them, from a fixed seed; of the
 * median of x, or with y of the median of x over that of y. */
static void bootstrap(pool *x, pool *y, double *lo, double *hi)
{
    enum { RESAMPLES = 2000 };
    double *medians = la_alloc(RESAMPLES * sizeof *medians, NULL);
    for (int s = 0; medians && s < RESAMPLES; s++) {
        medians[s] = resampled_median(x, la_stream(1, 0x626f6f74, (uint64_t)s));
        if (y) medians[s] /= resampled_median(y, la_stream(2, 0x626f6f74, (uint64_t)s));
    }
    if (medians) {
        qsort(medians, RESAMPLES, sizeof *medians, by_value);
        *lo = quantile(medians, RESAMPLES, (1 - LEVEL) / 2);
        *hi = quantile(medians, RESAMPLES, (1 + LEVEL) / 2);
    }
    la_free(medians);
}

void la_summarise_rounds(const double *x, const size_t *round_n, size_t rounds, la_summary *out)
{
    size_t n = 0;
    pool p;
    for (size_t r = 0; r < rounds; r++) n += round_n[r];
    la_summarise(x, n, out);
    if (n == 0 || rounds < 2) return;
    double *trends = la_alloc(2 * rounds * sizeof *trends, NULL);
    if (!trends || !pool_init(&p, x, round_n, rounds)) {
        la_free(trends);
        out->n = 0;
        return;
    }
    double *lags = trends + rounds;
    weigh_rounds(&p);
    out->median = weighted_quantile(&p, 0.5);
    out->q1 = weighted_quantile(&p, 0.25);
    out->q3 = weighted_quantile(&p, 0.75);
    out->outliers_mild = out->outliers_severe = 0;
    count_outliers(p.sorted, n, out);
    /* The interval across rounds: the union of the rounds' own intervals, or of their medians where
     * a round is too short to have one; the two-level bootstrap once there are rounds enough. */
    double lo = NAN, hi = NAN;
    for (size_t r = 0; r < p.n_live; r++) {
        la_summary one;
        la_summarise(x + p.start[p.live[r]], round_n[p.live[r]], &one);
        lo = fmin(lo, isnan(one.lo) ? one.median : one.lo);
        hi = fmax(hi, isnan(one.hi) ? one.median : one.hi);
        trends[r] = one.trend;
        lags[r] = one.lag1;
    }
    /* From one process to the next nothing drifts. */
    out->trend = median_of(trends, p.n_live);
    out->lag1 = median_of(lags, p.n_live);
    la_free(trends);
    if (p.n_live >= MANY_ROUNDS) bootstrap(&p, NULL, &lo, &hi);
    if (n >= MIN_CI) {
        out->lo = fmin(out->lo, lo);
        out->hi = fmax(out->hi, hi);
    }
    pool_release(&p);
}

/* Least and largest of the rounds' own medians. */
static void extreme_medians(const pool *p, const double *x, double *least, double *most)
{
    *least = INFINITY;
    *most = -INFINITY;
    for (size_t r = 0; r < p->n_live; r++) {
        la_summary one;
        la_summarise(x + p->start[p->live[r]], p->round_n[p->live[r]], &one);
        *least = fmin(*least, one.median);
        *most = fmax(*most, one.median);
    }
}

void la_ratio_rounds(const double *x, const size_t *x_n, size_t x_rounds, const double *y,
                     const size_t *y_n, size_t y_rounds, la_ratio *out)
{
    pool p = {0}, q = {0};
    *out = (la_ratio){NAN, NAN, NAN};
    if (!pool_init(&p, x, x_n, x_rounds) || !pool_init(&q, y, y_n, y_rounds)) goto done;
    if (p.n == 0 || q.n == 0) goto done;
    weigh_rounds(&p);
    weigh_rounds(&q);
    out->ratio = weighted_quantile(&p, 0.5) / weighted_quantile(&q, 0.5);
    if (p.n < MIN_CI || q.n < MIN_CI) goto done;
    bootstrap(&p, &q, &out->lo, &out->hi);
    if (p.n_live < MANY_ROUNDS || q.n_live < MANY_ROUNDS) {
        double x_least, x_most, y_least, y_most;
        extreme_medians(&p, x, &x_least, &x_most);
        extreme_medians(&q, y, &y_least, &y_most);
        out->lo = fmin(out->lo, x_least / y_most);
        out->hi = fmax(out->hi, x_most / y_least);
    }
done:
    pool_release(&p);
    pool_release(&q);
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

/* Student's t that 97.5 % lie below, by its expansion in 1/degrees; exact where that is off by more than
 * a thousandth. */
static double student(int64_t degrees)
{
    static const double few[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365};
    double z = Z_95, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z, d = (double)degrees;
    if (degrees <= (int64_t)(sizeof few / sizeof *few)) return few[degrees - 1];
    return z + (z3 + z) / (4 * d) + (5 * z5 + 16 * z3 + 3 * z) / (96 * d * d) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * d * d * d);
}

la_mean la_mean_of(double sum, double squares, int64_t n)
{
    double N = (double)n, none = (double)NAN;
    la_mean m = {none, none, none, none};
    if (n > 0) m.mean = sum / N;
    if (n < 2 || !isfinite(squares)) return m;
    m.sd = sqrt(fmax(0.0, squares - sum * m.mean) / (N - 1));
    double half = student(n - 1) * m.sd / sqrt(N);
    m.lo = m.mean - half;
    m.hi = m.mean + half;
    return m;
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
