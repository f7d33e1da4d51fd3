/* SPDX-License-Identifier: Apache-2.0
 * Where times meet: on lines whose crossing is known, with intervals that hold it, and out of a store.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "crossover.h"
#include "timed_cells.h"

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.9g where %.9g is right", got, want);
}

/* Ratios (meet / T)^power at 1024, 2048, ...: 1 at T = meet, whatever lies between; each times 1 +- width. */
static size_t race(la_race_point *p, size_t n, double meet, double power, double width)
{
    for (size_t i = 0; i < n; i++) {
        double T = 1024 * (double)(1 << i), r = pow(meet / T, power);
        p[i] = (la_race_point){T,
                               {r, width < 0 ? (double)NAN : r / (1 + width),
                                width < 0 ? (double)NAN : r * (1 + width)}};
    }
    return n;
}

static void test_powers_meet_where_they_must(void **state)
{
    la_race_point p[8];
    la_crossover c[2];
    static const double meets[] = {1500, 3000, 5000, 77777, 120000};
    (void)state;
    for (size_t k = 0; k < 5; k++)
        for (int up = 0; up < 2; up++) {
            double width = 0.03, power = up ? -1 : 1;
            race(p, 8, meets[k], power, width);
            assert_int_equal(la_crossovers_find(p, 8, c, 2), 1);
            near(c[0].T / meets[k], 1, 1e-9);
            assert_int_equal(c[0].second_wins, !up);
            assert_false(c[0].bracket);
            near(c[0].lo / meets[k], 1 / (1 + width), 1e-9);
            near(c[0].hi / meets[k], 1 + width, 1e-9);
        }
}

/* Nearly parallel lines with wide intervals may be equal at lengths far away, and beyond all measured. */
static void test_intervals_reach_as_far_as_equality(void **state)
{
    la_race_point p[8];
    la_crossover c[2];
    (void)state;
    race(p, 8, 8000, 0.25, 0.2); /* equal within a factor of 1.2^4 = 2.07 */
    assert_int_equal(la_crossovers_find(p, 8, c, 2), 1);
    near(c[0].lo / 8000, 1 / pow(1.2, 4), 1e-9);
    near(c[0].hi / 8000, pow(1.2, 4), 1e-9);
    race(p, 8, 8000, 0.25, 1);
    assert_int_equal(la_crossovers_find(p, 8, c, 2), 1);
    near(c[0].lo, 0, 0);
    near(c[0].hi / 8000, 16, 1e-9); /* 128000, within what was measured */
    race(p, 4, 8000, 0.25, 1);
    assert_int_equal(la_crossovers_find(p, 4, c, 2), 1);
    assert_true(isinf(c[0].hi));
}

static void test_without_intervals_the_lengths_around_are_given(void **state)
{
    la_race_point p[8];
    la_crossover c[2];
    (void)state;
    race(p, 8, 5000, 1, -1);
    assert_int_equal(la_crossovers_find(p, 8, c, 2), 1);
    assert_true(c[0].bracket);
    near(c[0].lo, 4096, 0);
    near(c[0].hi, 8192, 0);
}

static void test_never_and_more_than_once(void **state)
{
    la_race_point p[8];
    la_crossover c[2];
    (void)state;
    race(p, 8, 500, 1, 0.01);
    assert_int_equal(la_crossovers_find(p, 8, c, 2), 0);
    static const double ratios[] = {2, 0.5, 0.5, 2, 4, 0.9, 1, 1.1};
    for (int i = 0; i < 8; i++)
        p[i] = (la_race_point){1024 * (1 << i), {ratios[i], ratios[i], ratios[i]}};
    assert_int_equal(la_crossovers_find(p, 8, c, 2),
                     4); /* more than there is room for are counted */
    assert_true(c[0].second_wins);
    assert_false(c[1].second_wins);
    near(c[0].T, sqrt(1024.0 * 2048), 1e-6);
    near(c[1].T, sqrt(4096.0 * 8192), 1e-6);
}

static char *printed(fixture *f, la_crossover_how how)
{
    char *text;
    size_t n;
    la_err err = {0};
    FILE *out = open_memstream(&text, &n);
    expect_ok(la_report_crossovers(f->store, f->sweep, &how, out, &err));
    fclose(out);
    return text;
}

static void must(const char *text, const char *says)
{
    if (!strstr(text, says)) fail_msg("'%s' does not say '%s'", text, says);
}

/* softmax T^2, flash half of it, linear T: linear overtakes softmax at 3000 and flash at 6000. */
static void test_a_sweep_says_who_overtakes_whom(void **state)
{
    fixture f;
    la_err err = {0};
    la_crossover_how how = {.a = "softmax", .b = "linear"};
    (void)state;
    fixture_open(&f);
    for (int64_t T = 1024; T <= 16384; T *= 2) {
        double t = (double)T;
        timed_cell(&f, f.sweep, T, "softmax", "cpu_naive", t * t, 1);
        timed_cell(&f, f.sweep, T, "flash", "cpu_tiled", t * t / 2, 2);
        timed_cell(&f, f.sweep, T, "linear", "cpu_chunk", 3000 * t, 3);
        timed_cell(&f, f.sweep, T, "linear", "a_recurrent", 9000 * t,
                   4); /* the slower is not asked */
    }
    char *text = printed(&f, how);
    must(text, "fwd   softmax  ");
    must(text, "all: f32 causal");
    free(text);
    how.json = true;
    text = printed(&f, how);
    cJSON *all = cJSON_Parse(text);
    cJSON *one = cJSON_GetObjectItem(all->child, "crossovers")->child;
    near(cJSON_GetObjectItem(one, "length")->valuedouble / 3000, 1, 0.01);
    assert_true(cJSON_GetObjectItem(one, "lo")->valuedouble < 3000);
    assert_true(cJSON_GetObjectItem(one, "hi")->valuedouble > 3000);
    assert_string_equal(cJSON_GetObjectItem(one, "faster_after")->valuestring, "linear");
    cJSON_Delete(all);
    free(text);
    text = printed(&f, (la_crossover_how){0});
    must(text, "1 of 3 races: one is faster at every length");
    free(text);
    text = printed(&f, (la_crossover_how){.a = "flash", .b = "softmax"});
    must(text, "flash is faster than softmax at every length from 1k to 16k, ");
    free(text);
    how = (la_crossover_how){.pass = "decode"};
    expect_status(la_report_crossovers(f.store, f.sweep, &how, stdout, &err), LA_E_NOTFOUND, &err);
    must(err.msg, "two variants were not both timed at two lengths");
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powers_meet_where_they_must),
        cmocka_unit_test(test_intervals_reach_as_far_as_equality),
        cmocka_unit_test(test_without_intervals_the_lengths_around_are_given),
        cmocka_unit_test(test_never_and_more_than_once),
        cmocka_unit_test(test_a_sweep_says_who_overtakes_whom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
