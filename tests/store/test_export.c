/* SPDX-License-Identifier: Apache-2.0
 * Exports: quoting, what is missing, formulas, files that appear whole.
 */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export.h"

/* The export as text; free it. */
static char *exported(fixture *f, int64_t sweep, const char *what, const char *format)
{
    la_err err = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    expect_ok(la_export(f->store, sweep, what, format, out, &err));
    fclose(out);
    return text;
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *s = text; (s = strstr(s, part)); s += strlen(part)) n++;
    return n;
}

/* Cell 0 ok in two rounds, cell 1 crashed with a message full of traps, cell 2 only planned. */
static void fill(fixture *f, const char *message)
{
    static attempt_data data;
    la_err err = {0};
    int64_t id;
    int64_t cell = planned(f, 0);
    finished(f, cell, 0, LA_OUTCOME_OK);
    finished(f, cell, 1, LA_OUTCOME_OK);
    expect_ok(la_store_claim(f->store, planned(f, 1), 0, &id, &err));
    la_attempt_row row = sample_attempt(&data, 0);
    row.outcome = LA_OUTCOME_CRASH;
    row.message = message;
    row.n_metrics = 0;
    expect_ok(la_store_finish(f->store, id, &row, &err));
    planned(f, 2);
    la_warning_row warning = {"governor", "the governor is 'powersave'"};
    expect_ok(la_store_sweep_warning(f->store, f->sweep, &warning, &err));
}

/* A training cell (of another variant than the others) whose attempt made a model. */
static void fill_model(fixture *f)
{
    static attempt_data data;
    la_err err = {0};
    char key[33];
    int64_t cell, id;
    la_cell_row row = sample_cell(77, key);
    row.pass = "train";
    row.task = "mqar";
    row.variant = "flash";
    expect_ok(la_store_plan(f->store, f->sweep, f->device, &row, 1, &cell, &err));
    const la_curve_row curve = {.step = 50, .loss = 1};
    const la_model_row model = {.key = key,
                                .config_json = "{}",
                                .variant = "flash",
                                .task = "mqar",
                                .tokens = 1,
                                .train_ns = 1,
                                .curve = &curve,
                                .n_curve = 1};
    la_attempt_row attempt = sample_attempt(&data, 3);
    attempt.model = &model;
    attempt.n_metrics = 0;
    expect_ok(la_store_claim(f->store, cell, 0, &id, &err));
    expect_ok(la_store_finish(f->store, id, &attempt, &err));
}

/* An evaluation that is one step of a task's difficulty, planned only. */
static void fill_step(fixture *f)
{
    la_err err = {0};
    char key[33];
    int64_t cell;
    la_cell_row row = sample_cell(78, key);
    row.pass = "eval";
    row.task = "mqar";
    row.train_json = "{\"at_length\":0,\"difficulty\":\"vocab\",\"step\":\"32\",\"lr\":0.01}";
    expect_ok(la_store_plan(f->store, f->sweep, f->device, &row, 1, &cell, &err));
}

static void test_a_step_of_difficulty_is_named(void **state)
{
    fixture *f = *state;
    fill_step(f);
    char *csv = exported(f, f->sweep, "difficulty", "csv");
    assert_int_equal(count_of(csv, "\n"), 2);
    assert_non_null(strstr(csv, ",difficulty,step,accuracy,lo,hi,n,chance"));
    assert_non_null(strstr(csv, ",vocab,32,,,,,"));
    free(csv);
}

/* A cell of `options` at 1024 tokens, measured. */
static void fill_options(fixture *f, int i, const char *pass, const char *options)
{
    la_err err = {0};
    char key[33];
    int64_t cell;
    la_cell_row row = sample_cell(i, key);
    row.variant = "performer";
    row.pass = pass;
    row.task = strcmp(pass, "eval") == 0 ? "mqar" : "";
    row.seqlen = 1024;
    row.opts_json = options;
    row.rounds = 1;
    expect_ok(la_store_plan(f->store, f->sweep, f->device, &row, 1, &cell, &err));
    finished(f, cell, 0, LA_OUTCOME_OK);
}

/* A model whose options no kernel has stands at the time of the only ones that were timed. */
static void test_an_accuracy_meets_the_time_of_its_variant(void **state)
{
    fixture *f = *state;
    static const char rows[] = "SELECT count(*) FROM v_pareto WHERE task = 'mqar'",
                      timed[] = "SELECT count(*) FROM v_pareto WHERE task = 'mqar' "
                                "AND median_ns > 0";
    fill_options(f, 100, "eval", "{\"features\":133}");
    assert_true(query_number(f->store, rows) == 1);
    assert_true(query_number(f->store, timed) == 0);
    fill_options(f, 101, "fwd", "{\"features\":266}");
    assert_true(query_number(f->store, rows) == 1);
    assert_true(query_number(f->store, timed) == 1);
    fill_options(f, 102, "fwd", "{\"features\":64}");
    assert_true(query_number(f->store, timed) == 0);
    fill_options(f, 103, "fwd", "{\"features\":133}");
    assert_true(query_number(f->store, rows) == 1);
    assert_true(query_number(f->store, timed) == 1);
}

/* Two models of one variant: their rows in a table say by what they differ. */
static void test_tables_of_models_name_what_varied(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    for (int i = 0; i < 2; i++) {
        char key[33];
        int64_t cell;
        la_cell_row row = sample_cell(90 + i, key);
        row.pass = "eval";
        row.task = "mqar";
        row.train_json = "{\"at_length\":0,\"difficulty\":\"vocab\",\"step\":\"32\"}";
        row.variant = "flash";
        row.model_json = i ? "{\"layers\":2,\"mlp\":4}" : "{\"layers\":2,\"mlp\":0}";
        expect_ok(la_store_plan(f->store, f->sweep, f->device, &row, 1, &cell, &err));
    }
    char *md = exported(f, f->sweep, "difficulty", "md");
    assert_non_null(strstr(md, " mlp 0 |"));
    assert_non_null(strstr(md, " mlp 4 |"));
    assert_null(strstr(md, "layers"));
    free(md);
}

static void test_every_kind_exports_in_every_format(void **state)
{
    fixture *f = *state;
    fill(f, "it crashed");
    fill_model(f);
    fill_step(f);
    static const char *const formats[] = {"csv", "json", "md", "latex"};
    for (size_t i = 0; i < la_export_count(); i++) {
        for (size_t j = 0; j < LA_COUNT(formats); j++) {
            char *one = exported(f, f->sweep, la_export_name(i), formats[j]);
            char *all = exported(f, 0, la_export_name(i), formats[j]);
            assert_string_equal(one, all);
            bool empty = strcmp(la_export_name(i), "speedups") == 0; /* there is one impl */
            assert_true(empty || count_of(one, "\n") > 1);
            if (j == 1 && !empty) {
                cJSON *json = cJSON_Parse(one);
                assert_non_null(json);
                assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(json, "rows")) > 0);
                cJSON_Delete(json);
            }
            free(one);
            free(all);
            char *none = exported(f, 999, la_export_name(i), formats[j]);
            assert_null(strstr(none, "softmax"));
            free(none);
        }
        assert_true(strlen(la_export_summary(i)) > 0);
    }
}

static void test_csv_has_a_row_a_cell_and_empty_fields_for_what_is_missing(void **state)
{
    fixture *f = *state;
    fill(f, "it crashed");
    char *csv = exported(f, f->sweep, "time", "csv");
    assert_int_equal(count_of(csv, "\r\n"), 4);
    assert_int_equal(count_of(csv, "\n"), 4);
    assert_non_null(strstr(csv, ",median_ns,lo_ns,hi_ns,"));
    assert_non_null(strstr(csv, ",1004500,"));
    assert_non_null(strstr(csv, ",crash,it crashed,"));
    assert_non_null(strstr(csv, ",,,,,,"));
    assert_null(strstr(csv, "nan"));
    /* The same number of fields in every row: quoted text in these rows holds one comma or none. */
    size_t commas = 0;
    for (char *line = strtok(csv, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        size_t quoted = count_of(line, "{\"\"map\"\":\"\"elu\"\"}");
        size_t n = count_of(line, ",");
        if (!commas) commas = n;
        assert_int_equal(n, commas);
        assert_true(quoted <= 1);
    }
    free(csv);
}

static void test_csv_quotes_text_and_defuses_formulas(void **state)
{
    fixture *f = *state;
    fill(f, "=cmd|' /C calc'!A0, \"quoted\"\nnext");
    char *csv = exported(f, f->sweep, "outcomes", "csv");
    assert_non_null(strstr(csv, ",\"'=cmd|' /C calc'!A0, \"\"quoted\"\"\nnext\","));
    free(csv);
}

static void test_json_has_null_for_nan_and_objects_for_options(void **state)
{
    fixture *f = *state;
    fill(f, "a \"quote\", a \\ and \x01 \t\n </script>");
    char *text = exported(f, f->sweep, "time", "json");
    cJSON *json = cJSON_Parse(text);
    assert_non_null(json);
    assert_int_equal(cJSON_GetObjectItem(json, "schema")->valueint, LA_SCHEMA_VERSION);
    cJSON *rows = cJSON_GetObjectItem(json, "rows");
    assert_int_equal(cJSON_GetArraySize(rows), 3);
    cJSON *ok = cJSON_GetArrayItem(rows, 0), *crash = cJSON_GetArrayItem(rows, 1);
    assert_true(cJSON_GetObjectItem(ok, "median_ns")->valuedouble == 1004500);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(crash, "median_ns")));
    assert_string_equal(cJSON_GetObjectItem(crash, "message")->valuestring,
                        "a \"quote\", a \\ and \x01 \t\n </script>");
    cJSON *options = cJSON_GetObjectItem(ok, "options");
    assert_string_equal(cJSON_GetObjectItem(options, "map")->valuestring, "elu");
    cJSON_Delete(json);
    free(text);
}

static void test_md_says_the_outcome_where_a_number_is_missing(void **state)
{
    fixture *f = *state;
    fill(f, "a | pipe and <b>");
    char *md = exported(f, f->sweep, "time", "md");
    assert_int_equal(count_of(md, "\n"), 5);
    assert_non_null(strstr(md, "| crash |"));
    assert_non_null(strstr(md, "| planned |"));
    free(md);
    md = exported(f, f->sweep, "outcomes", "md");
    assert_non_null(strstr(md, "a \\| pipe and &lt;b>"));
    free(md);
}

static void test_numbers_read_back_as_they_were(void **state)
{
    fixture *f = *state;
    static attempt_data data;
    la_err err = {0};
    int64_t id;
    expect_ok(la_store_claim(f->store, planned(f, 0), 0, &id, &err));
    la_attempt_row row = sample_attempt(&data, 1);
    data.metrics[0].value = 0.1 + 0.2;
    expect_ok(la_store_finish(f->store, id, &row, &err));
    char *csv = exported(f, f->sweep, "error", "csv");
    assert_non_null(strstr(csv, ",0.30000000000000004,"));
    free(csv);
}

static void test_unknown_words_are_refused_with_what_there_is(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    assert_int_equal(la_export(f->store, 0, "tyme", "csv", stdout, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "time, memory"));
    assert_int_equal(la_export(f->store, 0, "time", "xml", stdout, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "csv, json, md, latex"));
}

static void test_a_file_appears_whole_or_not_at_all(void **state)
{
    fixture *f = *state;
    fill(f, "it crashed");
    la_err err = {0};
    char path[128], part[160];
    snprintf(path, sizeof path, "%s/out.csv", f->folder);
    snprintf(part, sizeof part, "%s.tmp%ld", path, (long)getpid());
    expect_ok(la_export_file(f->store, f->sweep, &(la_export_how){.what = "time", .format = "csv"},
                             path, &err));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(part, F_OK), 0);
    unlink(path);
    assert_int_equal(la_export_file(f->store, f->sweep,
                                    &(la_export_how){.what = "tyme", .format = "csv"}, path, &err),
                     LA_E_ARG);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(part, F_OK), 0);
    /* Folders are made on the way, for words that are known only. */
    char below[160];
    snprintf(below, sizeof below, "%s/new/one/out.csv", f->folder);
    const la_export_how wrong = {.what = "time", .format = "cvs"},
                        right = {.what = "time", .format = "csv"};
    assert_int_equal(la_export_file(f->store, f->sweep, &wrong, below, &err), LA_E_ARG);
    snprintf(part, sizeof part, "%s/new", f->folder);
    assert_int_not_equal(access(part, F_OK), 0);
    expect_ok(la_export_file(f->store, f->sweep, &right, below, &err));
    assert_int_equal(access(below, F_OK), 0);
    assert_int_equal(unlink(below), 0);
    for (int i = 0; i < 2; i++) {
        *strrchr(below, '/') = '\0';
        assert_int_equal(rmdir(below), 0);
    }
    assert_int_equal(la_export_file(f->store, f->sweep, &right, "/dev/null/all.csv", &err),
                     LA_E_IO);
    /* A device that is always full. */
    FILE *full = fopen("/dev/full", "w");
    if (!full) return;
    assert_int_equal(la_export(f->store, f->sweep, "samples", "csv", full, &err), LA_E_IO);
    fclose(full);
}

int main(void)
{
    static fixture f;
#define TEST(name) FIXTURE_TEST(name, &f)
    const struct CMUnitTest tests[] = {
        TEST(test_every_kind_exports_in_every_format),
        TEST(test_a_step_of_difficulty_is_named),
        TEST(test_an_accuracy_meets_the_time_of_its_variant),
        TEST(test_tables_of_models_name_what_varied),
        TEST(test_csv_has_a_row_a_cell_and_empty_fields_for_what_is_missing),
        TEST(test_csv_quotes_text_and_defuses_formulas),
        TEST(test_json_has_null_for_nan_and_objects_for_options),
        TEST(test_md_says_the_outcome_where_a_number_is_missing),
        TEST(test_numbers_read_back_as_they_were),
        TEST(test_unknown_words_are_refused_with_what_there_is),
        TEST(test_a_file_appears_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
