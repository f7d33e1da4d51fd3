/* SPDX-License-Identifier: Apache-2.0
 * One list of columns: every column of a cell is identity, or is listed here as none; every view
 * carries all that tells cells apart; every column says its unit.
 */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "cell.h"
#include "registry.h"

extern const char la_schema_sql[];

static fixture f;

static bool listed(const char *const *list, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], word) == 0) return true;
    return false;
}

static const la_cell_column *column_of(const char *name)
{
    size_t n;
    const la_cell_column *columns = la_store_cell_columns(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(columns[i].name, name) == 0) return &columns[i];
    return NULL;
}

/* Calls `each` for every column of a table or view. */
static size_t each_column(const char *table, void (*each)(const char *column))
{
    la_err err = {0};
    la_query *q;
    bool more;
    size_t n = 0;
    expect_ok(
        la_query_open(f.store, "SELECT name FROM pragma_table_info(?1)", &table, 1, &q, &err));
    for (; la_query_next(q, &more, &err) == LA_OK && more; n++)
        if (each) each(la_query_text(q, 0));
    la_query_close(q);
    return n;
}

/* Adding a column to `cell` fails here until it is put into LA_CELL_COLUMNS, with a decision, or
 * into this list. */
static void identity_or_listed(const char *column)
{
    static const char *const set_by_the_store[] = {
        "cell_id", "sweep_id", "cell_key", "ordinal", "variant_id", "device_id", "retry_after"};
    static const char *const not_identity[] = {
        "form",         "flops_algo",  "bytes_algo",  "flops_impl", "bytes_impl",
        "cost_model",   "state_bytes", "saved_bytes", "work_bytes", "instance_bytes",
        "output_bytes", "input_bytes", "rounds",      "recipe",     "d_model"};
    if (listed(set_by_the_store, LA_COUNT(set_by_the_store), column)) return;
    const la_cell_column *known = column_of(column);
    if (!known) print_error("cell.%s is not in LA_CELL_COLUMNS\n", column);
    assert_non_null(known);
    bool none = listed(not_identity, LA_COUNT(not_identity), column);
    if (known->identity == none) print_error("is cell.%s identity or not?\n", column);
    assert_int_equal(known->identity, !none);
}

static void test_every_column_of_a_cell_is_identity_or_listed_as_none(void **state)
{
    (void)state;
    size_t n;
    la_store_cell_columns(&n);
    assert_int_equal(each_column("cell", identity_or_listed), n + 7);
}

static void test_every_view_of_cells_tells_them_apart(void **state)
{
    (void)state;
    static const char *const views[] = {"v_cell",     "v_time", "v_memory",  "v_accuracy",
                                        "v_error",    "v_flat", "v_samples", "v_metrics",
                                        "v_warnings", "v_seed", "v_pareto",  "v_model"};
    static const char *const more[] = {"sweep",   "sweep_id", "cell_id", "variant", "device",
                                       "outcome", "message",  "quick",   "tags"};
    size_t n;
    const la_cell_column *columns = la_store_cell_columns(&n);
    la_err err = {0};
    for (size_t v = 0; v < LA_COUNT(views); v++) {
        char sql[64];
        la_query *q;
        snprintf(sql, sizeof sql, "SELECT * FROM %s", views[v]);
        expect_ok(la_query_open(f.store, sql, NULL, 0, &q, &err));
        for (size_t i = 0; i < n; i++) {
            if (!columns[i].shown) {
                assert_false(columns[i].identity);
                continue;
            }
            if (la_query_find(q, columns[i].shown) < 0)
                print_error("%s lacks %s\n", views[v], columns[i].shown);
            assert_true(la_query_find(q, columns[i].shown) >= 0);
        }
        for (size_t i = 0; i < LA_COUNT(more); i++) assert_true(la_query_find(q, more[i]) >= 0);
        /* A name twice would be ambiguous for whoever reads the export. */
        for (int i = 0; i < la_query_columns(q); i++)
            assert_int_equal(la_query_find(q, la_query_name(q, i)), i);
        la_query_close(q);
    }
}

/* The key is the hash of a cell's JSON: every column of the identity is in there, under its own name or
 * the one listed, and what else is in there is listed too. */
static void test_the_key_is_made_of_the_identity(void **state)
{
    (void)state;
    static const char *const renamed[][2] = {{"cache_mode", "cache"}, {"input_dist", "inputs"}};
    /* A device of another kind is another backend; tokens of a call follow from pass and length. */
    static const char *const besides[] = {"variant", "backend", "tokens"};
    const la_variant *softmax = la_registry_find("softmax");
    la_device device;
    la_device_cpu(&device);
    la_cell cell = {.variant = softmax,
                    .impl = &softmax->impls[0],
                    .problem = {1, 64, 64, 2, 2, 2, 8, 8, LA_MASK_CAUSAL, LA_F32, 0, 1},
                    .seqlen = 64,
                    .rounds = 3};
    la_err err = {0};
    expect_ok(la_cell_finish(&cell, &device, &err));
    char *text;
    expect_ok(la_cell_to_json(&cell, &text, &err));
    cJSON *json = cJSON_Parse(text);
    assert_non_null(json);
    size_t n, found = 0;
    const la_cell_column *columns = la_store_cell_columns(&n);
    for (size_t i = 0; i < n; i++) {
        const char *name = columns[i].shown;
        for (size_t r = 0; name && r < LA_COUNT(renamed); r++)
            if (strcmp(name, renamed[r][0]) == 0) name = renamed[r][1];
        bool in_key = name && cJSON_GetObjectItemCaseSensitive(json, name);
        if (in_key != columns[i].identity)
            print_error("%s is %sidentity and %sin the key\n", columns[i].name,
                        columns[i].identity ? "" : "not ", in_key ? "" : "not ");
        assert_int_equal(in_key, columns[i].identity);
        found += in_key;
    }
    for (size_t i = 0; i < LA_COUNT(besides); i++)
        assert_non_null(cJSON_GetObjectItemCaseSensitive(json, besides[i]));
    assert_int_equal(cJSON_GetArraySize(json), found + LA_COUNT(besides));
    cJSON_Delete(json);
    la_free(text);
    la_cell_release(&cell);
}

/* The schema is its own documentation: bytes, ns and counts are told in a comment or by the name. */
static void test_every_size_and_time_says_its_unit(void **state)
{
    (void)state;
    const char *at = la_schema_sql;
    size_t columns = 0;
    for (; at && (at = strstr(at, "\n  ")); at++) {
        char name[40], type[8];
        if (sscanf(at, "\n %39[a-z0-9_] %7[A-Z]", name, type) != 2) continue;
        if (strcmp(type, "REAL") != 0 || strchr(at + 1, '\n') == NULL) continue;
        size_t line = strcspn(at + 1, "\n");
        bool comment = memmem(at, line, "--", 2) != NULL;
        bool in_name = strstr(name, "_ns") || strstr(name, "_bytes");
        /* The end of an interval has the unit of its value. */
        bool same = strcmp(name, "hi") == 0;
        if (!comment && !in_name && !same) print_error("%s has no unit\n", name);
        assert_true(comment || in_name || same);
        columns++;
    }
    assert_true(columns > 15);
}

/* Two cells, two rounds: what the views say can be computed by hand. */
static void test_rates_follow_from_the_median(void **state)
{
    (void)state;
    la_err err = {0};
    static attempt_data data;
    int64_t id, cell = planned(&f, 0);
    for (int round = 0; round < 2; round++) {
        expect_ok(la_store_claim(f.store, cell, round, &id, &err));
        la_attempt_row row = sample_attempt(&data, 8);
        for (int i = 0; i < 8; i++) data.samples[i] = (la_sample_row){4, 4000000, 0};
        row.rss_peak_bytes = 5000 + 100 * round;
        data.metrics[1] = (la_metric_row){
            "accuracy",       "1", round ? 1.0 : 0.5, 0, round ? 300 : 100, round ? 0.9 : 0.4,
            round ? 1.0 : 0.6};
        expect_ok(la_store_finish(f.store, id, &row, &err));
    }
    la_store *s = f.store;
    assert_int_equal(query_number(s, "SELECT median_ns FROM v_time"), 1000000);
    assert_int_equal(query_number(s, "SELECT lo_ns FROM v_time"), 1000000);
    assert_int_equal(query_number(s, "SELECT n FROM v_time"), 16);
    assert_int_equal(query_number(s, "SELECT tokens FROM v_time"), 2048);
    assert_int_equal(query_number(s, "SELECT token_per_s FROM v_time"), 2048000);
    assert_true(query_number(s, "SELECT flop_per_s FROM v_time") == 1e9);
    assert_true(query_number(s, "SELECT pct_peak FROM v_time") == 1.0);
    assert_true(query_number(s, "SELECT pct_bandwidth FROM v_time") == 2.0);
    assert_true(query_number(s, "SELECT flop_per_byte FROM v_time") == 5.0);
    assert_int_equal(query_number(s, "SELECT extra_bytes FROM v_memory"), 14);
    assert_int_equal(query_number(s, "SELECT extra_state_bytes FROM v_memory"), 15);
    assert_int_equal(query_number(s, "SELECT rss_extra_bytes FROM v_memory"), 4100);
    assert_true(query_number(s, "SELECT accuracy FROM v_accuracy") == 0.875);
    assert_true(query_number(s, "SELECT lo FROM v_accuracy") == 0.4);
    assert_int_equal(query_number(s, "SELECT n FROM v_accuracy"), 400);
    assert_true(query_number(s, "SELECT chance FROM v_accuracy") == 1.0 / 256);
    assert_true(query_number(s, "SELECT rel_rms FROM v_error") == 2e-6);
    assert_int_equal(query_number(s, "SELECT attempt_median_ns FROM v_flat"), 1000000);
    assert_int_equal(query_number(s, "SELECT n_samples FROM v_flat"), 8);
    assert_int_equal(query_number(s, "SELECT count(*) FROM v_flat"), 2);
}

/* A time of a wrong answer is none, whatever the other rounds say. */
static void test_a_wrong_round_takes_the_time_away(void **state)
{
    (void)state;
    int64_t cell = planned(&f, 0);
    finished(&f, cell, 0, LA_OUTCOME_OK);
    finished(&f, cell, 1, LA_OUTCOME_WRONG);
    char text[32];
    query_text(f.store, "SELECT outcome FROM v_time", text, sizeof text);
    assert_string_equal(text, "wrong");
    query_text(f.store, "SELECT median_ns FROM v_time", text, sizeof text);
    assert_string_equal(text, "NULL");
    assert_int_equal(query_number(f.store, "SELECT count(*) FROM v_accuracy WHERE n > 256"), 0);
    assert_int_equal(query_number(f.store, "SELECT count(*) FROM v_error"), 1);
}

/* A decode call makes one token of each sequence. */
static void test_decode_counts_tokens_of_one_call(void **state)
{
    (void)state;
    la_err err = {0};
    char key[33];
    la_cell_row row = sample_cell(0, key);
    int64_t cell;
    row.pass = "decode";
    expect_ok(la_store_plan(f.store, f.sweep, f.device, &row, 1, &cell, &err));
    finished(&f, cell, 0, LA_OUTCOME_OK);
    assert_int_equal(query_number(f.store, "SELECT tokens FROM v_time"), 2);
    assert_int_equal(query_number(f.store, "SELECT ns_per_token FROM v_time"), 502250);
}

int main(void)
{
#define TEST(name) FIXTURE_TEST(name, &f)
    const struct CMUnitTest tests[] = {
        TEST(test_every_column_of_a_cell_is_identity_or_listed_as_none),
        TEST(test_the_key_is_made_of_the_identity),
        TEST(test_every_view_of_cells_tells_them_apart),
        TEST(test_every_size_and_time_says_its_unit),
        TEST(test_rates_follow_from_the_median),
        TEST(test_a_wrong_round_takes_the_time_away),
        TEST(test_decode_counts_tokens_of_one_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
