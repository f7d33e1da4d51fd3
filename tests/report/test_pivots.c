/* SPDX-License-Identifier: Apache-2.0
 * Tables for papers: what stands where, which values are bold, and that each format reads as itself.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "export.h"
#include "synthetic.h"
#include "timed_cells.h"

static fixture f;

static char *exported(const char *what, const char *by, const char *format, bool bare)
{
    la_err err = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    const la_export_how how = {.what = what, .format = format, .by = by, .bare = bare};
    expect_ok(la_export_as(f.store, f.sweep, &how, out, &err));
    fclose(out);
    return text;
}

static void expect_refusal(const char *what, const char *by, int64_t sweep, la_status want,
                           const char *words)
{
    la_err err = {0};
    const la_export_how how = {.what = what, .format = "md", .by = by};
    expect_status(la_export_as(f.store, sweep, &how, stdout, &err), want, &err);
    if (!strstr(err.msg, words)) fail_msg("'%s' lacks '%s'", err.msg, words);
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *s = text; (s = strstr(s, part)); s += strlen(part)) n++;
    return n;
}

/* The line that begins with these words; free it. */
static char *line_of(const char *text, const char *words)
{
    const char *s = text;
    while (s && strncmp(s, words, strlen(words)) != 0)
        s = strchr(s, '\n') ? strchr(s, '\n') + 1 : 0;
    if (!s) fail_msg("no line begins with '%s'", words);
    return strndup(s, strcspn(s, "\n"));
}

static void expect_line(const char *text, const char *words, const char *part)
{
    char *line = line_of(text, words);
    if (!strstr(line, part)) fail_msg("'%s' lacks '%s'", line, part);
    free(line);
}

static void test_rows_are_variants_and_columns_lengths(void **state)
{
    (void)state;
    synthetic_sweep(&f);
    char *md = exported("time", "length", "md", false);
    assert_int_equal(count_of(md, "| variant | 1k | 2k | 4k | 8k | 16k | 32k | 64k | 128k |\n"), 2);
    assert_int_equal(count_of(md, "\n| softmax |"), 2); /* forward and decode */
    assert_int_equal(count_of(md, "\n| fnet"), 1);      /* it has no decode */
    assert_non_null(strstr(md, "Not defined for linformer, fnet."));
    expect_line(md, "| softmax |", "| oom | oom |");
    expect_line(strstr(md, "| performer |"), "| performer |", "| wrong |");
    assert_non_null(strstr(md, "Values in ms."));
    assert_non_null(strstr(md, "Values in µs."));
    assert_non_null(strstr(md, "linformer† |"));
    assert_non_null(strstr(md, "brackets: 95 % interval"));
    assert_null(strstr(md, "nan"));
    free(md);
    md = exported("memory", "length", "md", false);
    expect_line(md, "| flash |", "254 KiB");
    free(md);
    md = exported("accuracy", "length", "md", false);
    assert_non_null(strstr(md, "Share of right answers, recall."));
    expect_line(md, "| performer |", "0.60 [0.56, 0.64]");
    free(md);
    md = exported("error", "length", "md", false);
    expect_line(md, "| softmax |", "| 3.0e-07 |");
    assert_null(strstr(md, "**"));
    free(md);
}

/* flash and linear cannot be told apart, softmax takes twice as long. */
static void three_racers(void)
{
    timed_cell(&f, f.sweep, 1024, "flash", "cpu_tiled", 1e6, 1);
    timed_cell(&f, f.sweep, 1024, "linear", "cpu_tiled", 1.0005e6, 2);
    timed_cell(&f, f.sweep, 1024, "softmax", "cpu_naive", 2e6, 3);
    timed_cell(&f, f.sweep, 2048, "flash", "cpu_tiled", 2e6, 4);
    timed_cell(&f, f.sweep, 2048, "linear", "cpu_tiled", 1e6, 5);
    timed_cell(&f, f.sweep, 2048, "softmax", "cpu_naive", 8e6, 6);
}

static void test_bold_are_the_best_and_those_that_may_be(void **state)
{
    (void)state;
    three_racers();
    char *md = exported("time", "length", "md", true);
    char *flash = line_of(md, "| flash |"), *linear = line_of(md, "| linear |"),
         *softmax = line_of(md, "| softmax |");
    assert_int_equal(count_of(flash, "**"), 2); /* a pair: at 1k alone */
    assert_ptr_equal(strstr(flash, "**"), flash + strlen("| flash | "));
    assert_int_equal(count_of(linear, "**"), 4);
    assert_int_equal(count_of(softmax, "**"), 0);
    assert_null(strchr(md, '['));
    free(flash);
    free(linear);
    free(softmax);
    free(md);
    md = exported("time", "length", "md", false);
    assert_int_equal(count_of(md, "["), 6);
    assert_int_equal(count_of(md, "]"), 6);
    free(md);
}

/* What computes nothing is no rival, and one alone is no winner. */
static void test_no_bold_without_a_race(void **state)
{
    (void)state;
    synthetic_baseline(&f);
    timed_cell(&f, f.sweep, 1024, "flash", "cpu_tiled", 1e6, 1);
    char *md = exported("time", "length", "md", false);
    assert_null(strstr(md, "**"));
    assert_null(strstr(md, "Bold"));
    free(md);
}

static void test_latex_is_a_table_of_booktabs(void **state)
{
    (void)state;
    synthetic_sweep(&f);
    synthetic_variant(&f, "my_own & \\input{x} 100%");
    char *tex = exported("time", "length", "latex", false);
    assert_int_equal(count_of(tex, "\\toprule"), 2);
    assert_int_equal(count_of(tex, "\\midrule"), 2);
    assert_int_equal(count_of(tex, "\\bottomrule"), 2);
    assert_int_equal(count_of(tex, "\\caption{"), 2);
    assert_null(strstr(tex, "\\input"));
    assert_non_null(strstr(tex, "my\\_own \\& \\textbackslash{}input\\{x\\} 100\\%"));
    assert_non_null(strstr(tex, "linformer\\dag{}"));
    assert_non_null(strstr(tex, "\\textbf{"));
    assert_non_null(strstr(tex, " {\\scriptsize ["));
    assert_int_equal(count_of(tex, "{") - count_of(tex, "\\{"),
                     count_of(tex, "}") - count_of(tex, "\\}"));
    size_t rows = 0;
    for (char *line = strtok(tex, "\n"); line; line = strtok(NULL, "\n")) {
        size_t len = strlen(line);
        if (len < 3 || strcmp(line + len - 3, " \\\\") != 0 || strstr(line, "multicolumn"))
            continue;
        assert_int_equal(count_of(line, " & ") + 0, 8);
        rows++;
    }
    assert_int_equal(rows, 2 + 9 + 6); /* heads, forward, decode */
    free(tex);
}

static void test_csv_has_bounds_in_columns_of_their_own(void **state)
{
    (void)state;
    synthetic_sweep(&f);
    char *csv = exported("time", "length", "csv", false);
    assert_int_equal(strncmp(csv,
                             "pass,variant,mask,median_ns 1k,lo_ns 1k,hi_ns 1k,n 1k,outcome 1k,",
                             strlen("pass,variant,mask,median_ns 1k")),
                     0);
    assert_int_equal(count_of(csv, "\r\n"), 1 + 16);
    assert_int_equal(count_of(csv, "\n"), 1 + 16);
    for (char *line = strtok(csv, "\r\n"); line; line = strtok(NULL, "\r\n"))
        assert_int_equal(count_of(line, ","), 2 + 5 * 8);
    free(csv);
}

static void test_json_says_which_are_best(void **state)
{
    (void)state;
    three_racers();
    char *text = exported("time", "length", "json", false);
    cJSON *json = cJSON_Parse(text);
    assert_non_null(json);
    assert_string_equal(cJSON_GetObjectItem(json, "by")->valuestring, "length");
    cJSON *tables = cJSON_GetObjectItem(json, "tables");
    assert_int_equal(cJSON_GetArraySize(tables), 1);
    cJSON *table = cJSON_GetArrayItem(tables, 0), *rows = cJSON_GetObjectItem(table, "rows");
    assert_string_equal(cJSON_GetObjectItem(table, "pass")->valuestring, "fwd");
    assert_int_equal(cJSON_GetArraySize(rows), 3);
    static const bool best[3][2] = {{true, false}, {true, true}, {false, false}};
    for (int i = 0; i < 3; i++) {
        cJSON *cells = cJSON_GetObjectItem(cJSON_GetArrayItem(rows, i), "cells");
        for (int c = 0; c < 2; c++) {
            cJSON *cell = cJSON_GetArrayItem(cells, c);
            double x = cJSON_GetObjectItem(cell, "median_ns")->valuedouble;
            assert_true(cJSON_GetObjectItem(cell, "lo_ns")->valuedouble <= x);
            assert_true(cJSON_GetObjectItem(cell, "hi_ns")->valuedouble >= x);
            assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(cell, "best")), best[i][c]);
        }
    }
    cJSON_Delete(json);
    free(text);
}

static void test_other_columns(void **state)
{
    (void)state;
    synthetic_threads(&f);
    char *md = exported("time", "threads", "md", false);
    assert_non_null(strstr(md, "| variant | 1 | 2 | 4 |\n"));
    assert_non_null(strstr(md, "| flash T 4k |"));
    free(md);
    md = exported("time", "pass", "md", false);
    assert_non_null(strstr(md, "| variant | fwd |\n"));
    free(md);
}

static void test_options_are_columns(void **state)
{
    (void)state;
    synthetic_grid(&f, false);
    char *md = exported("accuracy", "model.d_model", "md", false);
    assert_non_null(strstr(md, "| variant | 16 | 32 | 64 |\n"));
    assert_int_equal(count_of(md, "\n| softmax eval_pairs "), 3);
    free(md);
    md = exported("accuracy", "mqar.eval_pairs", "md", false);
    assert_non_null(strstr(md, "| variant | 4 | 16 | 64 |\n"));
    assert_int_equal(count_of(md, "\n| softmax"), 3);
    free(md);
}

static void test_speedups_have_a_row_an_impl(void **state)
{
    (void)state;
    synthetic_rivals(&f);
    char *md = exported("speedups", "length", "md", false);
    expect_line(md, "| softmax torch_math", "1.8");
    assert_null(strstr(md, "**"));
    free(md);
}

static void test_twice_the_same_bytes(void **state)
{
    (void)state;
    synthetic_sweep(&f);
    static const char *const formats[] = {"csv", "json", "md", "latex"};
    for (size_t i = 0; i < LA_COUNT(formats); i++) {
        char *one = exported("time", "length", formats[i], false);
        char *two = exported("time", "length", formats[i], false);
        assert_string_equal(one, two);
        free(one);
        free(two);
    }
}

static void test_what_cannot_be_a_table_is_refused(void **state)
{
    (void)state;
    synthetic_sweep(&f);
    expect_refusal("flat", "length", f.sweep, LA_E_ARG, "there is time, memory, speedups");
    expect_refusal("time", "lenght", f.sweep, LA_E_ARG,
                   "--by lenght is no column; there is length");
    expect_refusal("time", "a.b'", f.sweep, LA_E_ARG, "is no column");
    expect_refusal("time", "a.", f.sweep, LA_E_ARG, "is no column");
    expect_refusal("time", ".b", f.sweep, LA_E_ARG, "is no column");
    expect_refusal("time", "", f.sweep, LA_E_ARG, "is no column");
    expect_refusal("time", "performer.features", f.sweep, LA_E_NOTFOUND, "no time by performer");
    expect_refusal("time", "length", 0, LA_E_ARG, "is of one sweep");
    /* Two cells that differ in nothing that a table shows. */
    timed_cell(&f, f.sweep, 1024, "flash", "cpu_a", 1e6, 1);
    timed_cell(&f, f.sweep, 1024, "flash", "cpu_b", 1e6, 2);
    expect_refusal("time", "length", f.sweep, LA_E_ARG, "two cells of flash");
}

int main(void)
{
#define TEST(name) FIXTURE_TEST(name, &f)
    const struct CMUnitTest tests[] = {
        TEST(test_rows_are_variants_and_columns_lengths),
        TEST(test_bold_are_the_best_and_those_that_may_be),
        TEST(test_no_bold_without_a_race),
        TEST(test_latex_is_a_table_of_booktabs),
        TEST(test_csv_has_bounds_in_columns_of_their_own),
        TEST(test_json_says_which_are_best),
        TEST(test_other_columns),
        TEST(test_options_are_columns),
        TEST(test_speedups_have_a_row_an_impl),
        TEST(test_twice_the_same_bytes),
        TEST(test_what_cannot_be_a_table_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
