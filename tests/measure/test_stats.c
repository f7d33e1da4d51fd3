/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>

#include "alloc.h"
#include "stats.h"

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.9g where %.9g is right", got, want);
}

/* Ranks and levels computed from the binomial by hand (the table of the method's description). */
static void test_ranks_of_the_median_are_the_known_ones(void **state)
{
    (void)state;
    static const struct {
        size_t n, lo, hi;
        double level;
    } known[] = {{6, 1, 6, 0.969},
                 {10, 2, 9, 0.979},
                 {20, 6, 15, 0.959},
                 {50, 18, 33, 0.967},
                 {100, 40, 61, 0.965}};
    for (size_t i = 0; i < LA_COUNT(known); i++) {
        size_t lo, hi;
        double level;
        la_median_ranks(known[i].n, &lo, &hi, &level);
        assert_int_equal(lo, known[i].lo);
        assert_int_equal(hi, known[i].hi);
        near(level, known[i].level, 6e-4);
    }
    for (size_t n = 0; n < 6; n++) {
        size_t lo, hi;
        la_median_ranks(n, &lo, &hi, NULL);
        assert_int_equal(lo + hi, 0);
    }
}

static void test_ranks_hold_95_percent_for_every_n(void **state)
{
    (void)state;
    for (size_t n = 6; n < 3000; n = n < 200 ? n + 1 : n * 5 / 4) {
        size_t lo, hi;
        double level;
        la_median_ranks(n, &lo, &hi, &level);
        assert_true(lo >= 1 && hi <= n && lo < hi);
        if (level < 0.95 || level > 0.993) fail_msg("n = %zu: level %.4f", n, level);
    }
}

typedef double (*source)(uint64_t stream, uint64_t i);
static double normal(uint64_t s, uint64_t i)
{
    return 100 + la_random_normal(s, i);
}
static double lognormal(uint64_t s, uint64_t i)
{
    return exp(la_random_normal(s, i));
}
static double bimodal(uint64_t s, uint64_t i)
{
    /* 60 % near 1, 40 % near 3: the true median is where the first part has 5/6 of its mass. */
    double z = 0.1 * la_random_normal(s, 2 * i);
    return la_random_uniform(s, 2 * i + 1) < 0.6 ? 1 + z : 3 + z;
}
static double spikes(uint64_t s, uint64_t i)
{
    double z = 0.02 * la_random_normal(s, 2 * i);
    return la_random_uniform(s, 2 * i + 1) < 0.01 ? 50 : 1 + z;
}

static void covers(source draw, double median, size_t n, uint64_t seed)
{
    enum { TRIALS = 2000 };
    double x[100];
    int covered = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        uint64_t stream = la_stream(seed, 7, (uint64_t)trial);
        for (size_t i = 0; i < n; i++) x[i] = draw(stream, i);
        la_summary s;
        la_summarise(x, n, &s);
        covered += s.lo <= median && median <= s.hi;
    }
    double share = 100.0 * covered / TRIALS;
    if (share < 93 || share > 98)
        fail_msg("n = %zu: covered %.1f %%, seed %d", n, share, (int)seed);
}

static void test_interval_covers_the_true_median(void **state)
{
    (void)state;
    for (size_t n = 20; n <= 50; n += 30) {
        covers(normal, 100, n, 1);
        covers(lognormal, 1, n, 2);
        covers(bimodal, 1.0967421566, n, 3);
        covers(spikes, 1.0002506, n, 4);
    }
}

static void test_constant_data_has_width_zero(void **state)
{
    (void)state;
    double x[40];
    for (size_t i = 0; i < 40; i++) x[i] = 7;
    la_summary s;
    la_summarise(x, 40, &s);
    near(s.median, 7, 0);
    near(s.hi - s.lo, 0, 0);
    near(s.trend, 0, 0);
    near(s.lag1, 0, 0);
    assert_int_equal(s.outliers_mild + s.outliers_severe, 0);
    memset(x, 0, sizeof x);
    la_summarise(x, 40, &s);
    near(s.trend, 0, 0); /* no division by the median */
}

static void test_few_samples_have_no_interval(void **state)
{
    (void)state;
    double x[] = {3, 1, 2, 5, 4};
    la_summary s;
    la_summarise(x, 5, &s);
    near(s.median, 3, 0);
    near(s.min, 1, 0);
    near(s.max, 5, 0);
    assert_true(isnan(s.lo) && isnan(s.hi) && isnan(s.level));
    la_summarise(x, 0, &s);
    assert_true(isnan(s.median));
    la_summarise(x, 1, &s);
    near(s.median, 3, 0);
}

static void test_outliers_are_counted_and_kept(void **state)
{
    (void)state;
    double x[22];
    for (size_t i = 0; i < 20; i++) x[i] = (double)i; /* quartiles near 5 and 16 */
    x[20] = 35;
    x[21] = 1000;
    la_summary s;
    la_summarise(x, 22, &s);
    assert_int_equal(s.outliers_mild, 1);
    assert_int_equal(s.outliers_severe, 1);
    assert_int_equal(s.n, 22);
    near(s.max, 1000, 0);
}

static void test_drift_shows_as_trend(void **state)
{
    (void)state;
    enum { N = 1000 };
    double x[N];
    for (size_t i = 0; i < N; i++)
        x[i] = 100 + 10.0 * (double)i / (N - 1) + 0.5 * la_random_normal(5, i);
    la_summary s;
    la_summarise(x, N, &s);
    near(s.trend, 10.0 / 105.0, 0.005);
    assert_true(s.lag1 > 0.8);
}

static void test_rounds_weigh_the_same(void **state)
{
    (void)state;
    /* A long round near 1, two short ones near 2: pooled the median would be 1. */
    double x[30];
    size_t rounds[] = {10, 10, 10}, uneven[] = {24, 3, 3};
    for (size_t i = 0; i < 30; i++) x[i] = i < 24 ? 1 + 1e-3 * (double)i : 2;
    la_summary s;
    la_summarise_rounds(x, uneven, 3, &s);
    near(s.median, 2, 0);
    near(s.q1, 1.0175, 1e-12); /* three quarters of the long round, which is a third of all */
    near(s.q3, 2, 0);
    assert_true(s.lo <= 1.01 && s.hi >= 2);
    for (size_t i = 0; i < 30; i++) x[i] = (double)(1 + i / 10);
    la_summarise_rounds(x, rounds, 3, &s);
    near(s.median, 2, 0);
    near(s.lo, 1, 0); /* the rounds disagree, and the interval says so */
    near(s.hi, 3, 0);
    near(s.trend, 0, 0); /* but nothing drifted within one */
    near(s.lag1, 0, 0);
}

static void test_many_rounds_are_bootstrapped(void **state)
{
    (void)state;
    /* Rounds differ by 5 %, samples within a round by 0.1 %: only rounds tell the uncertainty. */
    enum { ROUNDS = 8, N = 20 };
    double x[ROUNDS * N];
    size_t n[ROUNDS];
    for (size_t r = 0; r < ROUNDS; r++) {
        n[r] = N;
        double level = 100 + 5 * la_random_normal(11, r);
        for (size_t i = 0; i < N; i++) x[r * N + i] = level + 0.1 * la_random_normal(12, r * N + i);
    }
    la_summary pooled, s;
    la_summarise(x, ROUNDS * N, &pooled);
    la_summarise_rounds(x, n, ROUNDS, &s);
    assert_true(s.lo <= pooled.lo && s.hi >= pooled.hi);
    assert_true(s.hi - s.lo > 2);
    assert_true(s.hi - s.lo > 1.2 * (pooled.hi - pooled.lo));
}

static void test_ratio_of_medians(void **state)
{
    (void)state;
    double x[12], y[12];
    size_t n[] = {6, 6}, none[] = {0, 0}, few[] = {3, 2};
    la_ratio r;
    for (size_t i = 0; i < 12; i++) x[i] = 6, y[i] = 4;
    la_ratio_rounds(x, n, 2, y, n, 2, &r);
    near(r.ratio, 1.5, 0);
    near(r.lo, 1.5, 0);
    near(r.hi, 1.5, 0);
    /* Rounds that disagree: what their medians allow. */
    for (size_t i = 6; i < 12; i++) x[i] = 8;
    la_ratio_rounds(x, n, 2, y, n, 2, &r);
    near(r.ratio, 7.0 / 4, 1e-12);
    near(r.lo, 6.0 / 4, 1e-12);
    near(r.hi, 8.0 / 4, 1e-12);
    la_ratio_rounds(x, few, 2, y, n, 2, &r);
    near(r.ratio, 1.5, 0);
    assert_true(isnan(r.lo) && isnan(r.hi));
    la_ratio_rounds(x, none, 2, y, n, 2, &r);
    assert_true(isnan(r.ratio));
}

/* The interval holds the true ratio in most repetitions: one process each, and three whose level moves. */
static void test_ratio_interval_covers_the_true_ratio(void **state)
{
    (void)state;
    enum { TRIALS = 120, N = 30 };
    for (size_t rounds = 1; rounds <= 3; rounds += 2) {
        int covered = 0;
        for (uint64_t trial = 0; trial < TRIALS; trial++) {
            double x[N], y[N];
            size_t n[3] = {N / rounds, N / rounds, N / rounds};
            uint64_t s = la_stream(21, rounds, trial);
            for (size_t i = 0; i < N; i++) {
                uint64_t round = rounds > 1 ? i / (N / rounds) : 0;
                double moved = rounds > 1 ? 1 : 0;
                x[i] =
                    200 + 4 * moved * la_random_normal(s + 1, round) + 5 * la_random_normal(s, i);
                y[i] = 100 + 2 * moved * la_random_normal(s + 2, round) +
                       3 * la_random_normal(s, N + i);
            }
            la_ratio r;
            la_ratio_rounds(x, n, rounds, y, n, rounds, &r);
            covered += r.lo <= 2 && 2 <= r.hi;
        }
        double share = 100.0 * covered / TRIALS;
        if (share < 90) fail_msg("%zu rounds: covered %.1f %%", rounds, share);
    }
}

static void test_wilson_interval_is_the_known_one(void **state)
{
    (void)state;
    double lo, hi;
    la_wilson(90, 100, &lo, &hi); /* 0.8256..0.9448, as in the textbooks */
    near(lo, 0.82563, 1e-4);
    near(hi, 0.94477, 1e-4);
    la_wilson(256, 256, &lo, &hi);
    near(hi, 1, 0);
    assert_true(lo > 0.98 && lo < 1);
    la_wilson(0, 256, &lo, &hi);
    near(lo, 0, 0);
    assert_true(hi > 0 && hi < 0.02);
    la_wilson(0, 0, &lo, &hi);
    assert_true(isnan(lo) && isnan(hi));
}

static void test_mean_has_the_interval_of_student(void **state)
{
    (void)state;
    la_mean m = la_mean_of(1 + 2 + 3 + 4 + 5, 1 + 4 + 9 + 16 + 25, 5);
    near(m.mean, 3, 1e-15);
    near(m.sd, sqrt(2.5), 1e-12);
    near(m.hi - m.mean, 2.7764 * sqrt(0.5), 1e-3); /* t of 4 degrees */
    near(m.mean - m.lo, 2.7764 * sqrt(0.5), 1e-3);
    m = la_mean_of(0, 15, 15); /* 14 degrees: 2.1448; sd sqrt(15/14) */
    near(m.hi, 2.1448 / sqrt(14.0), 1e-3);
    m = la_mean_of(7, 49, 1);
    near(m.mean, 7, 0);
    assert_true(isnan(m.sd) && isnan(m.lo) && isnan(m.hi));
    assert_true(isnan(la_mean_of(0, 0, 0).mean));
    m = la_mean_of((double)INFINITY, (double)INFINITY, 3);
    assert_true(isinf(m.mean) && isnan(m.hi));
}

static void test_exponent_of_a_power_law(void **state)
{
    (void)state;
    double x[] = {1024, 2048, 4096, 8192}, y[4];
    for (size_t i = 0; i < 4; i++) y[i] = 3e-9 * pow(x[i], 1.97);
    near(la_fit_exponent(x, y, 4), 1.97, 1e-9);
    assert_true(isnan(la_fit_exponent(x, y, 1)));
    y[2] = 0;
    assert_true(isnan(la_fit_exponent(x, y, 4)));
}

static int nothing_is_left(void **state)
{
    (void)state;
    return la_mem_live() != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_of_the_median_are_the_known_ones),
        cmocka_unit_test(test_ranks_hold_95_percent_for_every_n),
        cmocka_unit_test(test_interval_covers_the_true_median),
        cmocka_unit_test(test_constant_data_has_width_zero),
        cmocka_unit_test(test_few_samples_have_no_interval),
        cmocka_unit_test(test_outliers_are_counted_and_kept),
        cmocka_unit_test(test_drift_shows_as_trend),
        cmocka_unit_test(test_rounds_weigh_the_same),
        cmocka_unit_test(test_many_rounds_are_bootstrapped),
        cmocka_unit_test(test_ratio_of_medians),
        cmocka_unit_test(test_ratio_interval_covers_the_true_ratio),
        cmocka_unit_test(test_wilson_interval_is_the_known_one),
        cmocka_unit_test(test_mean_has_the_interval_of_student),
        cmocka_unit_test(test_exponent_of_a_power_law),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
