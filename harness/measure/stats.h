/* SPDX-License-Identifier: Apache-2.0
 * Order statistics. No sample is ever thrown away.
 */
#ifndef LA_STATS_H
#define LA_STATS_H

#include <stddef.h>
#include <stdint.h>

typedef struct la_summary {
    size_t n;
    double median, q1, q3, min, max;
    double lo, hi; /* distribution-free 95 % interval of the median; NaN below 6 samples */
    double level;  /* its exact coverage */
    size_t outliers_mild, outliers_severe; /* Tukey's fences; counted, never removed */
    double trend;                          /* Theil-Sen slope over the whole run / median */
    double lag1;                           /* autocorrelation */
} la_summary;

/* x may be in any order of time; it is not changed. n = 0 gives NaN everywhere; so does a lack of
 * memory, and out->n is then 0. */
void la_summarise(const double *x, size_t n, la_summary *out);
/* Ranks (1-based) of the interval's ends for n samples; 0, 0 when n < 6. */
void la_median_ranks(size_t n, size_t *lo, size_t *hi, double *level);
/* Rounds weigh the same: median and quartiles over the pooled samples of equal-weight rounds, the interval the
 * wider of within and across rounds, trend and autocorrelation the median of the rounds' own. x holds the rounds
 * one after the other. */
void la_summarise_rounds(const double *x, const size_t *round_n, size_t rounds, la_summary *out);
/* Median of x over that of y, each pooled over rounds that weigh the same. The interval is a two-level
 * bootstrap of both; with fewer than five rounds on a side, which say little about what differs from
 * process to process, it is widened to what the rounds' own medians allow. NaN below 6 samples on a side;
 * all NaN when a side is empty or memory is short. */
typedef struct la_ratio {
    double ratio, lo, hi;
} la_ratio;
void la_ratio_rounds(const double *x, const size_t *x_n, size_t x_rounds, const double *y,
                     const size_t *y_n, size_t y_rounds, la_ratio *out);
/* Wilson score interval of k right out of n, 95 %. */
void la_wilson(int64_t k, int64_t n, double *lo, double *hi);
/* Mean of n numbers from their sum and sum of squares, their standard deviation, and Student's 95 % interval
 * of the mean. NaN where there is none: of no numbers, and of one all but the mean. */
typedef struct la_mean {
    double mean, sd, lo, hi;
} la_mean;
la_mean la_mean_of(double sum, double squares, int64_t n);
/* Least-squares slope of log y over log x; NaN with fewer than 2 points. */
double la_fit_exponent(const double *x, const double *y, size_t n);

#endif
