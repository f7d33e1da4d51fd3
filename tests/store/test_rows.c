/* SPDX-License-Identifier: Apache-2.0
 * What goes in comes out again, and what must not change does not.
 */
#include "fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>

static void assert_text(la_store *store, const char *sql, const char *want)
{
    char got[512];
    query_text(store, sql, got, sizeof got);
    assert_string_equal(got, want);
}

static void test_machine_device_and_build_are_found_again(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    la_machine_row machine = sample_machine();
    la_device_row device = sample_device();
    la_build_row build = sample_build();
    int64_t id;
    machine.kernel = "6.2";
    expect_ok(la_store_machine(f->store, &machine, &id, &err));
    assert_int_equal(id, f->machine);
    device.peak_bw = 0;
    device.peak_flops = 200e9;
    expect_ok(la_store_device(f->store, f->machine, &device, &id, &err));
    assert_int_equal(id, f->device);
    expect_ok(la_store_build(f->store, &build, &id, &err));
    assert_int_equal(id, f->build);
    assert_text(f->store, "SELECT kernel FROM machine", "6.2");
    assert_text(f->store, "SELECT llc_bytes FROM machine", "NULL");
    assert_text(f->store, "SELECT virt FROM machine", "NULL");
    assert_int_equal(query_number(f->store, "SELECT git_dirty FROM build"), 1);
    assert_true(query_number(f->store, "SELECT flops FROM peak") == 200e9);
    assert_true(query_number(f->store, "SELECT bandwidth FROM peak") == 10e9);
}

static void test_peaks_are_kept_by_threads(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    la_peak_row out, row = {.threads = 2, .flops = 50e9, .bandwidth = 5e9, .source = "measured"};
    bool found;
    expect_ok(la_store_peak_find(f->store, f->device, 2, &out, &found, &err));
    assert_false(found);
    expect_ok(la_store_peak(f->store, f->device, &row, &err));
    row = (la_peak_row){.threads = 2, .gemm_flops = 40e9, .source = "measured"};
    expect_ok(la_store_peak(f->store, f->device, &row, &err));
    expect_ok(la_store_peak_find(f->store, f->device, 2, &out, &found, &err));
    assert_true(found);
    assert_true(out.flops == 50e9 && out.bandwidth == 5e9 && out.gemm_flops == 40e9);
    assert_string_equal(out.source, "measured");
    /* A cell of 2 threads takes the peak of 2 threads, not the one for any, and of its own type. */
    finished(f, planned(f, 0), 0, LA_OUTCOME_OK);
    assert_true(query_number(f->store, "SELECT peak_flop_per_s FROM v_time") == 50e9);
    row = (la_peak_row){.threads = 2, .bf16_flops = 100e9, .source = "measured"};
    expect_ok(la_store_peak(f->store, f->device, &row, &err));
    expect_ok(la_store_peak_find(f->store, f->device, 2, &out, &found, &err));
    assert_true(out.flops == 50e9 && out.bf16_flops == 100e9);
    assert_true(query_number(f->store, "SELECT peak_flop_per_s FROM v_time") == 50e9);
    assert_int_equal(raw_sql(f->path, "UPDATE cell SET dtype = 'bf16'"), SQLITE_OK);
    assert_true(query_number(f->store, "SELECT peak_flop_per_s FROM v_time") == 100e9);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM v_time WHERE "
                                            "peak_gemm_flop_per_s IS NOT NULL"),
                     0);
}

static void test_a_sweep_keeps_its_seed_and_environment(void **state)
{
    fixture *f = *state;
    assert_text(f->store, "SELECT seed FROM v_sweep", "18446744073709551614");
    assert_text(f->store, "SELECT json_extract(env_json, '$.governor') FROM v_sweep",
                "performance");
    assert_text(f->store, "SELECT state FROM v_sweep", "open");
    char name[9];
    la_err err = {0};
    expect_ok(la_store_sweep_name(f->store, f->sweep, name, &err));
    assert_int_equal(strlen(name), 8);
    assert_text(f->store, "SELECT sweep FROM v_sweep", name);
}

static void test_a_cell_comes_back_in_every_column(void **state)
{
    fixture *f = *state;
    char key[33];
    la_cell_row row = sample_cell(3, key);
    int64_t id = planned(f, 3);
    size_t n;
    const la_cell_column *columns = la_store_cell_columns(&n);
    for (size_t i = 0; i < n; i++) {
        char sql[128], got[128];
        snprintf(sql, sizeof sql, "SELECT %s FROM cell WHERE cell_id = %d", columns[i].name,
                 (int)id);
        const char *field = (const char *)&row + columns[i].offset;
        if (columns[i].type == LA_COLUMN_TEXT) {
            const char *want;
            memcpy(&want, field, sizeof want);
            query_text(f->store, sql, got, sizeof got);
            assert_string_equal(got, want ? want : strstr(columns[i].name, "_json") ? "{}" : "");
        } else if (columns[i].type == LA_COLUMN_REAL) {
            double want;
            memcpy(&want, field, sizeof want);
            assert_true(query_number(f->store, sql) == want);
        } else {
            int64_t want;
            memcpy(&want, field, sizeof want);
            assert_int_equal(query_number(f->store, sql), want);
        }
    }
    assert_text(f->store,
                "SELECT variant || tags || origin FROM (SELECT name variant, tags, origin "
                "FROM variant)",
                "flashquadraticbuiltin");
}

/* A model and its curve hang on the attempt that trained it; another attempt that finds the model by its
 * key, or evaluates it, refers to the same row. */
static void test_a_model_is_stored_once_with_its_curve(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    attempt_data data;
    const la_curve_row curve[] = {{50, 204800, 1000, 5.5, (double)NAN, (double)NAN, 5e-3, 1.5},
                                  {100, 409600, 2000, 0.5, 0.9, 0.8, 1e-2, 0.5}};
    const la_model_row model = {.key = "00112233445566778899aabbccddeeff",
                                .config_json = "{\"layers\":2}",
                                .variant = "flash",
                                .task = "mqar",
                                .path = "a.models/x.model",
                                .digest = "d",
                                .seed = UINT64_MAX,
                                .lr = 1e-2,
                                .loss = 0.5,
                                .val_accuracy = 0.9,
                                .parameters = 70000,
                                .steps = 100,
                                .tokens = 409600,
                                .train_ns = 2000,
                                .threads = 2,
                                .curve = curve,
                                .n_curve = 2};
    for (int i = 0; i < 3; i++) {
        la_attempt_row row = sample_attempt(&data, 3);
        int64_t id, cell = planned(f, i);
        row.model = i < 2 ? &model : NULL;
        row.model_key = i < 2 ? NULL : model.key;
        row.data_digest = i < 2 ? NULL : "ffeeddccbbaa99887766554433221100";
        expect_ok(la_store_claim(f->store, cell, 0, &id, &err));
        expect_ok(la_store_finish(f->store, id, &row, &err));
    }
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM model"), 1);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM curve"), 2);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM attempt WHERE model_id = 1"), 3);
    assert_int_equal(query_number(f->store, "SELECT seed FROM model"), -1);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM curve WHERE step = 50 AND "
                                            "val_accuracy IS NULL AND loss = 5.5"),
                     1);
    assert_text(f->store, "SELECT model || data_digest FROM v_seed WHERE data_digest NOT NULL",
                "00112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100");
    /* Trained again to other weights: the row stays, and the attempt says so. */
    assert_text(f->store, "SELECT count(*) FROM warning WHERE code = 'other_model'", "0");
    la_model_row again = model;
    again.digest = "e";
    la_attempt_row row = sample_attempt(&data, 3);
    int64_t id, cell = planned(f, 3);
    row.model = &again;
    expect_ok(la_store_claim(f->store, cell, 0, &id, &err));
    expect_ok(la_store_finish(f->store, id, &row, &err));
    assert_text(f->store, "SELECT digest FROM model", "d");
    assert_int_equal(
        query_number(f->store, "SELECT attempt_id FROM warning WHERE code = 'other_model'"), id);
    assert_true(raw_sql(f->path, "DELETE FROM curve") != 0);
    assert_true(raw_sql(f->path, "UPDATE model SET val_accuracy = 1") != 0);
}

static void test_an_attempt_comes_back_with_all_that_hangs_on_it(void **state)
{
    fixture *f = *state;
    finished(f, planned(f, 0), 0, LA_OUTCOME_OK);
    la_store *s = f->store;
    assert_text(s, "SELECT outcome FROM attempt", "ok");
    assert_text(s, "SELECT signal FROM attempt", "NULL");
    assert_text(s, "SELECT phase || stop_reason FROM attempt", "endtarget");
    assert_text(s,
                "SELECT json_array(exit_code, warmup_iters, warmup_ns, wall_ns, cpu_user_ns, "
                "cpu_sys_ns, ctx_invol, minor_faults, major_faults, workspace_peak_bytes, "
                "output_bytes, rss_peak_bytes, rss_base_bytes, checksum, load1) FROM attempt",
                "[0,3,3000000,200000000,1,2,3,4,0,12,16,5000,1000,-77,0.5]");
    assert_int_equal(query_number(s, "SELECT count(*) FROM sample"), 10);
    assert_int_equal(query_number(s, "SELECT total_ns FROM sample WHERE idx = 1"), 1009000);
    assert_text(s,
                "SELECT json_array(name, value, unit, n_nonfinite, n_total, lo, hi) FROM metric "
                "WHERE name = 'accuracy'",
                "[\"accuracy\",0.75,\"1\",0,256,0.69,0.8]");
    assert_text(s, "SELECT lo FROM metric WHERE name = 'rel_rms'", "NULL");
    assert_text(s, "SELECT code FROM v_warnings", "noisy");
    assert_int_equal(query_number(s, "SELECT n FROM summary"), 10);
    assert_int_equal(query_number(s, "SELECT median_ns FROM summary"), 1004500);
}

static void test_every_outcome_word_is_storable_and_shown(void **state)
{
    fixture *f = *state;
    for (int o = 0; o < LA_OUTCOME_COUNT; o++) {
        int64_t cell = planned(f, o);
        finished(f, cell, 0, (la_outcome)o);
        char sql[96];
        snprintf(sql, sizeof sql, "SELECT outcome FROM v_time WHERE cell_id = %d", (int)cell);
        assert_text(f->store, sql, la_outcome_word((la_outcome)o));
        la_outcome back;
        assert_int_equal(la_outcome_parse(la_outcome_word((la_outcome)o), &back, NULL), LA_OK);
        assert_int_equal(back, o);
    }
    assert_int_equal(la_outcome_parse("fine", NULL, NULL), LA_E_ARG);
    assert_int_equal(query_number(f->store, "SELECT count(median_ns) FROM v_time"), 1);
}

static void test_nan_becomes_null_and_is_counted(void **state)
{
    fixture *f = *state;
    static attempt_data data;
    la_err err = {0};
    int64_t id;
    expect_ok(la_store_claim(f->store, planned(f, 0), 0, &id, &err));
    la_attempt_row row = sample_attempt(&data, 1);
    data.metrics[0].value = (double)NAN;
    data.metrics[1].value = (double)INFINITY;
    data.metrics[1].n_nonfinite = 7;
    row.load1 = (double)NAN;
    row.outcome = LA_OUTCOME_NONFINITE;
    expect_ok(la_store_finish(f->store, id, &row, &err));
    assert_text(f->store, "SELECT value FROM metric WHERE name = 'rel_rms'", "NULL");
    assert_int_equal(
        query_number(f->store, "SELECT n_nonfinite FROM metric WHERE name = 'rel_rms'"), 1);
    assert_text(f->store, "SELECT value FROM metric WHERE name = 'accuracy'", "NULL");
    assert_int_equal(
        query_number(f->store, "SELECT n_nonfinite FROM metric WHERE name = 'accuracy'"), 7);
    assert_text(f->store, "SELECT load1 FROM attempt", "NULL");
}

static void test_bytes_that_are_no_utf8_become_question_marks(void **state)
{
    fixture *f = *state;
    static attempt_data data;
    la_err err = {0};
    int64_t id;
    expect_ok(la_store_claim(f->store, planned(f, 0), 0, &id, &err));
    la_attempt_row row = sample_attempt(&data, 0);
    row.stderr_tail = "a\xff\xc3\xa4\xc3(\xed\xa0\x80z\xe2\x82";
    expect_ok(la_store_finish(f->store, id, &row, &err));
    assert_text(f->store, "SELECT stderr_tail FROM attempt", "a?\xc3\xa4?(???z??");
}

static void test_a_finished_attempt_is_frozen(void **state)
{
    fixture *f = *state;
    finished(f, planned(f, 0), 0, LA_OUTCOME_OK);
    static const char *const tries[] = {
        "UPDATE attempt SET outcome = 'wrong'",
        "UPDATE attempt SET rss_peak_bytes = 0",
        "UPDATE attempt SET outcome = NULL, ended_utc = NULL",
        "DELETE FROM attempt",
        "UPDATE sample SET total_ns = 1",
        "DELETE FROM sample",
        "INSERT INTO sample VALUES(1, 99, 1, 1, 0)",
        "UPDATE metric SET value = 1",
        "DELETE FROM metric",
        "INSERT INTO metric VALUES(1, 'better', 1, '1', 0, 1, NULL, NULL)",
        "DELETE FROM sweep",
        "DELETE FROM cell",
    };
    for (size_t i = 0; i < LA_COUNT(tries); i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "PRAGMA foreign_keys = ON; %s", tries[i]);
        int rc = raw_sql(f->path, sql);
        if (rc != SQLITE_CONSTRAINT) print_error("not refused: %s\n", tries[i]);
        assert_int_equal(rc, SQLITE_CONSTRAINT);
    }
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM sample"), 10);
}

static void test_rows_that_make_no_sense_are_refused_whole(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    char keys[2][33];
    la_cell_row cells[2];
    struct {
        int64_t *field, bad;
    } tries[] = {{&cells[1].batch, 0}, {&cells[1].seqlen, -1}, {&cells[1].heads, 3},
                 {&cells[1].dk, 0},    {&cells[1].rounds, 0},  {&cells[1].rounds, 65}};
    for (size_t i = 0; i < LA_COUNT(tries); i++) {
        cells[0] = sample_cell(0, keys[0]);
        cells[1] = sample_cell(1, keys[1]);
        *tries[i].field = tries[i].bad;
        assert_int_equal(la_store_plan(f->store, f->sweep, f->device, cells, 2, NULL, &err),
                         LA_E_DB);
    }
    cells[0] = sample_cell(0, keys[0]);
    cells[1] = sample_cell(1, keys[1]);
    cells[1].pass = "sideways";
    assert_int_equal(la_store_plan(f->store, f->sweep, f->device, cells, 2, NULL, &err), LA_E_DB);
    cells[1] = sample_cell(1, keys[1]);
    cells[1].opts_json = "{";
    assert_int_equal(la_store_plan(f->store, f->sweep, f->device, cells, 2, NULL, &err), LA_E_DB);
    cells[1] = sample_cell(1, keys[1]);
    assert_int_equal(la_store_plan(f->store, 999, f->device, cells, 2, NULL, &err), LA_E_DB);
    assert_int_equal(la_store_plan(f->store, f->sweep, 999, cells, 2, NULL, &err), LA_E_DB);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM cell"), 0);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM variant"), 0);
    assert_true(raw_sql(f->path, "INSERT INTO sweep(uuid, spec_hash) VALUES('a', 'b')") !=
                SQLITE_OK);
    assert_int_equal(raw_sql(f->path, "UPDATE sweep SET seed = 'seven'"), SQLITE_CONSTRAINT);
}

static void test_a_bad_sample_takes_its_attempt_back(void **state)
{
    fixture *f = *state;
    static attempt_data data;
    la_err err = {0};
    int64_t cell = planned(f, 0), id;
    expect_ok(la_store_claim(f->store, cell, 0, &id, &err));
    la_attempt_row row = sample_attempt(&data, 20);
    data.samples[19].iters = 0;
    assert_int_equal(la_store_finish(f->store, id, &row, &err), LA_E_DB);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM sample"), 0);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM metric"), 0);
    data.samples[19].iters = 1;
    expect_ok(la_store_finish(f->store, id, &row, &err));
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM sample"), 20);
}

static void test_a_query_reads_and_is_one_statement(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    la_query *query;
    assert_int_equal(la_query_open(f->store, "DELETE FROM sweep", NULL, 0, &query, &err), LA_E_ARG);
    assert_int_equal(la_query_open(f->store, "SELECT 1; SELECT 2", NULL, 0, &query, &err),
                     LA_E_ARG);
    assert_int_equal(la_query_open(f->store, "", NULL, 0, &query, &err), LA_E_ARG);
    assert_int_equal(la_query_open(f->store, "SELECT nothing", NULL, 0, &query, &err), LA_E_DB);
    assert_null(query);
    planned(f, 0);
    planned(f, 1);
    const char *args[] = {"1024", NULL};
    expect_ok(la_query_open(f->store,
                            "SELECT seqlen, ?2, variant, scale FROM v_cell WHERE seqlen > ?1", args,
                            2, &query, &err));
    bool more;
    expect_ok(la_query_next(query, &more, &err));
    assert_true(more);
    assert_int_equal(la_query_columns(query), 4);
    assert_int_equal(la_query_type(query, 0), LA_COLUMN_INT);
    assert_int_equal(la_query_int(query, 0), 1025);
    assert_int_equal(la_query_type(query, 1), LA_COLUMN_NULL);
    assert_true(isnan(la_query_real(query, 1)));
    assert_null(la_query_text(query, 1));
    assert_int_equal(la_query_type(query, la_query_find(query, "variant")), LA_COLUMN_TEXT);
    assert_string_equal(la_query_text(query, 2), "flash");
    assert_int_equal(la_query_type(query, 3), LA_COLUMN_REAL);
    assert_int_equal(la_query_find(query, "nothing"), -1);
    expect_ok(la_query_next(query, &more, &err));
    assert_false(more);
    la_query_close(query);
    la_query_close(NULL);
}

int main(void)
{
    static fixture f;
#define TEST(name) FIXTURE_TEST(name, &f)
    const struct CMUnitTest tests[] = {
        TEST(test_machine_device_and_build_are_found_again),
        TEST(test_peaks_are_kept_by_threads),
        TEST(test_a_sweep_keeps_its_seed_and_environment),
        TEST(test_a_cell_comes_back_in_every_column),
        TEST(test_a_model_is_stored_once_with_its_curve),
        TEST(test_an_attempt_comes_back_with_all_that_hangs_on_it),
        TEST(test_every_outcome_word_is_storable_and_shown),
        TEST(test_nan_becomes_null_and_is_counted),
        TEST(test_bytes_that_are_no_utf8_become_question_marks),
        TEST(test_a_finished_attempt_is_frozen),
        TEST(test_rows_that_make_no_sense_are_refused_whole),
        TEST(test_a_bad_sample_takes_its_attempt_back),
        TEST(test_a_query_reads_and_is_one_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
