/* SPDX-License-Identifier: Apache-2.0
 * Two sweeps of a hundred cells, of which one got slower; two variants of one sweep; what is refused.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "comparison.h"
#include "timed_cells.h"

enum { CELLS = 100, SLOW = 37 };

static int64_t another_sweep(fixture *f, const char *spec)
{
    int64_t id;
    la_err err = {0};
    la_sweep_row row = sample_sweep(f);
    row.spec_hash = spec;
    expect_ok(la_store_sweep_new(f->store, &row, &id, &err));
    return id;
}

static char *printed(const la_compare_side *a, const la_compare_side *b, la_compare_how how,
                     la_compare_result *r, la_status want)
{
    char *text;
    size_t n;
    la_err err = {0};
    FILE *out = open_memstream(&text, &n);
    expect_status(la_report_compare(a, b, &how, out, r, &err), want, &err);
    fclose(out);
    if (want != LA_OK) {
        free(text);
        text = strdup(err.msg);
    }
    return text;
}

static void must(const char *text, const char *says)
{
    if (!strstr(text, says)) fail_msg("'%s' does not say '%s'", text, says);
}

static void test_one_regression_of_a_hundred_cells_is_found(void **state)
{
    fixture f;
    la_compare_result r;
    (void)state;
    fixture_open(&f);
    int64_t second = another_sweep(&f, "other");
    for (int i = 0; i < CELLS; i++) {
        timed_cell(&f, f.sweep, 1024 + i, "flash", "cpu_tiled", 1e6 * (1 + i), 1);
        timed_cell(&f, second, 1024 + i, "flash", "cpu_tiled",
                   1e6 * (1 + i) * (i == SLOW ? 1.06 : 1), 2);
    }
    timed_cell(&f, second, 1024 + CELLS, "flash", "cpu_tiled", 1e6, 2); /* on one side only */
    la_compare_side a = {f.store, f.sweep, NULL, "old"}, b = {f.store, second, NULL, "new"};
    la_compare_how how = {.min_change = 0.02};
    char *text = printed(&a, &b, how, &r, LA_OK);
    assert_int_equal(r.counts[LA_SLOWER], 1);
    assert_int_equal(r.counts[LA_FASTER], 0);
    assert_int_equal(r.alone, 1);
    assert_int_equal(r.noise_pairs, 2 * CELLS * (TIMED_ROUNDS - 1));
    assert_true(r.noise > 0.005 && r.noise < 0.03);
    must(text, "A old\nB new\n");
    must(text, "0 faster, 1 slower, ");
    must(text, "of 100 cells; 1 on one side only\n");
    free(text);
    how.json = true;
    text = printed(&b, &a, how, &r, LA_OK);
    assert_int_equal(r.counts[LA_FASTER], 1);
    cJSON *all = cJSON_Parse(text);
    cJSON *cell = cJSON_GetObjectItem(all, "cells")->child;
    while (cell && cJSON_GetObjectItem(cell, "length")->valueint != 1024 + SLOW) cell = cell->next;
    assert_non_null(cell);
    assert_string_equal(cJSON_GetObjectItem(cell, "verdict")->valuestring, "faster");
    assert_true(fabs(cJSON_GetObjectItem(cell, "ratio")->valuedouble - 1 / 1.06) < 0.02);
    cJSON_Delete(all);
    free(text);
    fixture_release(&f);
}

/* The fastest impl stands for a variant; between sweeps with several, each meets itself. */
static void test_impls_and_variants_meet_their_own_kind(void **state)
{
    fixture f;
    la_compare_result r;
    la_compare_how how = {.min_change = 0.02, .all = true};
    (void)state;
    fixture_open(&f);
    int64_t second = another_sweep(&f, "other");
    for (int i = 0; i < 4; i++) {
        timed_cell(&f, f.sweep, 1024 + i, "gla", "cpu_chunk", 1e6, 1);
        timed_cell(&f, f.sweep, 1024 + i, "gla", "a_recurrent", 3e6, 1);
        timed_cell(&f, f.sweep, 1024 + i, "kda", "cpu_chunk", 2e6, 1);
        timed_cell(&f, second, 1024 + i, "gla", "cpu_chunk", 1e6, 2);
        timed_cell(&f, second, 1024 + i, "gla", "a_recurrent", 1.5e6, 2);
    }
    la_compare_side gla = {f.store, f.sweep, "gla", "gla"}, kda = {f.store, f.sweep, "kda", "kda"};
    free(printed(&gla, &kda, how, &r, LA_OK));
    assert_int_equal(r.counts[LA_SLOWER], 4);
    assert_int_equal(r.alone, 0);
    char *text = printed(&kda, &gla, how, &r, LA_OK);
    must(text, "\ngla chunk "); /* which of them */
    free(text);
    la_compare_side a = {f.store, f.sweep, NULL, "old"}, b = {f.store, second, NULL, "new"};
    free(printed(&a, &b, how, &r, LA_OK));
    assert_int_equal(r.counts[LA_FASTER], 4);
    assert_int_equal(r.counts[LA_SAME], 4);
    assert_int_equal(r.alone, 4); /* kda */
    how.pass = "decode";
    char *why = printed(&a, &b, how, &r, LA_E_NOTFOUND);
    must(why, "no measured cell in common");
    free(why);
    fixture_release(&f);
}

static void test_machines_that_differ_are_refused_unless_asked_for(void **state)
{
    fixture f, g;
    la_compare_result r;
    la_compare_how how = {.min_change = 0.02};
    (void)state;
    fixture_open(&f);
    fixture_open(&g);
    timed_cell(&f, f.sweep, 1024 + 0, "flash", "cpu_tiled", 1e6, 1);
    timed_cell(&g, g.sweep, 1024 + 0, "flash", "cpu_tiled", 1e6, 2);
    assert_int_equal(raw_sql(g.path, "UPDATE machine SET cpu_model = 'Other 9000'"), 0);
    la_compare_side a = {f.store, f.sweep, NULL, "here"}, b = {g.store, g.sweep, NULL, "there"};
    char *text = printed(&a, &b, how, &r, LA_E_ARG);
    must(text, "differ in CPU");
    must(text, "--across");
    free(text);
    how.across = true;
    text = printed(&a, &b, how, &r, LA_OK);
    must(text, "B Other 9000");
    must(text, "8 pairs of rounds are too few to know the machine's own noise");
    free(text);
    fixture_release(&f);
    fixture_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_regression_of_a_hundred_cells_is_found),
        cmocka_unit_test(test_impls_and_variants_meet_their_own_kind),
        cmocka_unit_test(test_machines_that_differ_are_refused_unless_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
