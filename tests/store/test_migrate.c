/* SPDX-License-Identifier: Apache-2.0
 * Files of older schemas: read as they are, brought up to date when written to, or refused whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "store_internal.h"

static fixture f;

static char *text_of(const char *path)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    char *text = calloc(1, 1 << 16);
    assert_true(fread(text, 1, (1 << 16) - 1, in) > 1000);
    fclose(in);
    return text;
}

/* A version 1 file with one cell and one finished attempt. */
static void make_version_1(void)
{
    char *schema = text_of(LA_TEST_FOLDER "/golden/schema_1.sql");
    assert_int_equal(raw_sql(f.path, schema), SQLITE_OK);
    free(schema);
    assert_int_equal(
        raw_sql(
            f.path,
            "INSERT INTO migration VALUES(1, '2026-11-21T00:00:00Z', '0.1.0');"
            "INSERT INTO machine(machine_id, uuid, cpu_model, env_json) VALUES(1, 'm', 'c', '{}');"
            "INSERT INTO device VALUES(1, 1, 'cpu', 'd', 'A CPU', 1);"
            "INSERT INTO build(build_id, uuid, version, git_dirty, sqlite) VALUES(1,'b','0',0,'3');"
            "INSERT INTO variant VALUES(1, 'flash', 'builtin', 'h', 'quadratic');"
            "INSERT INTO sweep(sweep_id, uuid, spec_hash, argv_json, build_id, machine_id, seed, "
            "rounds, quick, env_json, created_utc, state) VALUES(1, 'abcdef01-2', 's', '[]', 1, 1, "
            "1, 1, 0, '{}', '2026-11-21T00:00:00Z', 'done');"
            "INSERT INTO cell(cell_id, sweep_id, cell_key, ordinal, variant_id, device_id, impl, "
            "form, isa, task, pass, dtype, mask, batch, seqlen, tcap, heads, kv_heads, qk_heads, "
            "dk, dv, threads, scale, cache_mode, input_dist, opts_json, task_opts_json, rounds) "
            "VALUES(1, 1, 'k', 0, 1, 1, 'cpu_tiled', 'tiled', 'avx2', '', 'fwd', 'f32', 'causal', "
            "1, 64, 64, 1, 1, 1, 8, 8, 1, 0, 'hot', 'n', '{}', '{}', 1);"
            "INSERT INTO attempt(attempt_id, uuid, cell_id, round, started_utc, ended_utc, "
            "outcome) VALUES(1, 'a', 1, 0, '2026-11-21T00:00:00Z', '2026-11-21T00:00:01Z', 'ok');"),
        SQLITE_OK);
}

static int start(void **state)
{
    (void)state;
    fixture_folder(&f);
    make_version_1();
    return 0;
}

static la_store *opened(la_store_mode mode)
{
    la_err err = {0};
    la_store *store;
    expect_ok(la_store_open(f.path, mode, &store, &err));
    return store;
}

static void expect_content(la_store *store)
{
    assert_int_equal(query_number(store, "PRAGMA user_version"), LA_SCHEMA_VERSION);
    assert_int_equal(query_number(store, "SELECT count(*) FROM v_time WHERE outcome = 'ok'"), 1);
    assert_int_equal(query_number(store, "SELECT d_model FROM v_cell"), 0);
    assert_int_equal(query_number(store, "SELECT count(*) FROM v_curve"), 0);
    assert_int_equal(query_number(store, "SELECT count(*) FROM migration"), 2);
}

static void test_reading_leaves_an_old_file_as_it_is(void **state)
{
    (void)state;
    char command[512];
    snprintf(command, sizeof command, "cp %s %s.was", f.path, f.path);
    assert_int_equal(system(command), 0);
    la_store *store = opened(LA_STORE_READ);
    expect_content(store);
    la_store_close(store);
    snprintf(command, sizeof command, "cmp %s %s.was && rm %s.was", f.path, f.path, f.path);
    assert_int_equal(system(command), 0);
}

static void test_writing_brings_an_old_file_up_to_date(void **state)
{
    (void)state;
    la_store *store = opened(LA_STORE_WRITE);
    expect_content(store);
    la_store_close(store);
    store = opened(LA_STORE_READ); /* its schema is exactly that of today */
    expect_content(store);
    la_store_close(store);
}

static void test_a_foreign_trigger_keeps_an_old_file_old(void **state)
{
    (void)state;
    assert_int_equal(raw_sql(f.path, "CREATE TRIGGER better AFTER INSERT ON metric BEGIN "
                                     "DELETE FROM warning; END"),
                     SQLITE_OK);
    la_err err = {0};
    la_store *store;
    for (int mode = LA_STORE_READ; mode <= LA_STORE_WRITE; mode++) {
        assert_int_equal(la_store_open(f.path, (la_store_mode)mode, &store, &err), LA_E_DB);
        assert_non_null(strstr(err.msg, "'better' that is not labench's"));
    }
    /* Nothing of the migration is left: without the trigger it starts from version 1 again. */
    assert_int_equal(raw_sql(f.path, "DROP TRIGGER better"), SQLITE_OK);
    store = opened(LA_STORE_WRITE);
    expect_content(store);
    la_store_close(store);
}

static void test_an_old_file_that_lacks_a_table_is_refused(void **state)
{
    (void)state;
    assert_int_equal(raw_sql(f.path, "DROP TABLE sample; CREATE TABLE sample(x)"), SQLITE_OK);
    la_err err = {0};
    la_store *store;
    assert_int_equal(la_store_open(f.path, LA_STORE_WRITE, &store, &err), LA_E_DB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(test_reading_leaves_an_old_file_as_it_is, start,
                                                 fixture_teardown, &f),
        cmocka_unit_test_prestate_setup_teardown(test_writing_brings_an_old_file_up_to_date, start,
                                                 fixture_teardown, &f),
        cmocka_unit_test_prestate_setup_teardown(test_a_foreign_trigger_keeps_an_old_file_old,
                                                 start, fixture_teardown, &f),
        cmocka_unit_test_prestate_setup_teardown(test_an_old_file_that_lacks_a_table_is_refused,
                                                 start, fixture_teardown, &f),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
