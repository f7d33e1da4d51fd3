/* SPDX-License-Identifier: Apache-2.0
 * The rank test against all orders, Holm against its textbook, the noise floor, and what is no verdict.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>

#include "verdict.h"

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.9g where %.9g is right", got, want);
}

/* Twice the share of ways to choose n of n+m ranks whose U is at most that of these samples, or U's mirror. */
static double by_all_orders(const double *x, size_t n, const double *y, size_t m)
{
    double u = 0, low = 0, all = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) u += x[i] > y[j];
    u = fmin(u, (double)(n * m) - u);
    for (unsigned set = 0; set < 1u << (n + m); set++) {
        if ((size_t)__builtin_popcount(set) != n) continue;
        double mine = 0;
        for (size_t i = 0; i < n + m; i++)
            for (size_t j = 0; j < i; j++) mine += (set >> i & 1) && !(set >> j & 1);
        low += mine <= u;
        all++;
    }
    return fmin(1.0, 2 * low / all);
}

static void test_rank_test_counts_all_orders(void **state)
{
    (void)state;
    for (uint64_t s = 0; s < 60; s++) {
        double x[6], y[6];
        size_t n = 1 + s % 6, m = 1 + s / 6 % 6;
        for (size_t i = 0; i < 6; i++) {
            x[i] = la_random_uniform(la_stream(3, 1, s), i);
            y[i] = la_random_uniform(la_stream(3, 2, s), i) + 0.3 * (double)(s % 3);
        }
        near(la_mann_whitney(x, n, y, m), by_all_orders(x, n, y, m), 1e-12);
        near(la_mann_whitney(x, n, y, m), la_mann_whitney(y, m, x, n), 1e-12);
    }
}

/* The method's page: 3 and 3 samples reach 0.1, 4 and 4 0.029, 6 and 6 0.002. */
static void test_least_p_of_small_samples(void **state)
{
    static const struct {
        size_t n;
        double p;
    } known[] = {{3, 0.1}, {4, 0.0286}, {6, 0.00216}};
    double x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {11, 12, 13, 14, 15, 16};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        near(la_mann_whitney_least(known[i].n, known[i].n), known[i].p, 5e-5);
        near(la_mann_whitney(x, known[i].n, y, known[i].n), known[i].p, 5e-5);
    }
    assert_true(isnan(la_mann_whitney(x, 0, y, 3)));
}

/* The approximation meets the exact law where one gives way to the other, and ties are no difference. */
static void test_large_and_tied_samples_are_approximated(void **state)
{
    double x[21], y[21], tied[30];
    (void)state;
    for (uint64_t s = 0; s < 20; s++) {
        for (size_t i = 0; i < 21; i++) {
            x[i] = la_random_normal(la_stream(4, 1, s), i);
            y[i] = la_random_normal(la_stream(4, 2, s), i) + 0.05 * (double)s;
        }
        double exact = la_mann_whitney(x, 20, y, 20);
        y[20] = x[20] = 1e9; /* one tie of two at the end: hardly a change but of the method */
        near(la_mann_whitney(x, 21, y, 21), exact, 0.05);
    }
    for (size_t i = 0; i < 30; i++) tied[i] = 7;
    near(la_mann_whitney(tied, 30, tied, 30), 1, 0);
    near(la_mann_whitney(tied, 5, tied, 9), 1, 0);
}

static void test_holm_steps_down(void **state)
{
    double p[] = {0.01, 0.04, NAN, 0.03, 0.005}, want[] = {0.03, 0.06, NAN, 0.06, 0.02};
    (void)state;
    assert_int_equal(la_holm(p, 5, p, NULL), LA_OK);
    for (int i = 0; i < 5; i++)
        if (i == 2)
            assert_true(isnan(p[i]));
        else
            near(p[i], want[i], 1e-12);
}

static void test_noise_floor_is_the_95th_of_a_hundred(void **state)
{
    double d[100];
    (void)state;
    for (int i = 0; i < 100; i++) d[i] = (i % 2 ? -1 : 1) * 0.001 * (double)(100 - i);
    near(la_noise_floor(d, 100), 0.095, 1e-12);
    assert_true(isnan(la_noise_floor(d, 0)));
}

/* What too few samples say is nothing, and the reason says so. */
static void test_too_few_samples_are_unclear_with_a_reason(void **state)
{
    double one[3] = {1, 2, 3}, many[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t n3 = 3, n8 = 8, none = 0;
    la_verdict_rule rule = {.min_change = 0.02, .alpha = 0.05};
    la_timings few = {one, &n3, 1}, enough = {many, &n8, 1}, empty = {one, &none, 1};
    la_judgement j;
    (void)state;
    assert_int_equal(la_verdicts_make(&few, &enough, 1, &rule, &j, NULL), LA_OK);
    assert_int_equal(j.verdict, LA_UNCLEAR);
    assert_string_equal(j.why, "3 and 8 samples are too few for an interval");
    assert_int_equal(la_verdicts_make(&empty, &enough, 1, &rule, &j, NULL), LA_OK);
    assert_int_equal(j.verdict, LA_UNCLEAR);
    assert_int_equal(j.more_rounds, 0);
}

/* All of one side's rounds must say the same: two that are slower and one that is faster say nothing. */
static void test_rounds_that_disagree_are_no_difference(void **state)
{
    double a[60], b[60];
    size_t n[3] = {20, 20, 20};
    la_verdict_rule rule = {.min_change = 0.02, .alpha = 0.05};
    la_judgement j;
    (void)state;
    for (size_t i = 0; i < 60; i++) {
        double luck = 1 + 1e-4 * la_random_uniform(5, i);
        a[i] = (i < 20 ? 1300 : 1000) * luck;
        b[i] = 1200 * luck;
    }
    la_timings first = {a, n, 3}, second = {b, n, 3};
    assert_int_equal(la_verdicts_make(&first, &second, 1, &rule, &j, NULL), LA_OK);
    assert_int_equal(j.verdict, LA_UNCLEAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rank_test_counts_all_orders),
        cmocka_unit_test(test_least_p_of_small_samples),
        cmocka_unit_test(test_large_and_tied_samples_are_approximated),
        cmocka_unit_test(test_holm_steps_down),
        cmocka_unit_test(test_noise_floor_is_the_95th_of_a_hundred),
        cmocka_unit_test(test_too_few_samples_are_unclear_with_a_reason),
        cmocka_unit_test(test_rounds_that_disagree_are_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
