/* SPDX-License-Identifier: Apache-2.0
 * What is saved of a damaged file: all that can be read, whole attempts only, in a file that is sound.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

enum { CELLS = 150 };

static fixture f;
static char damaged[192], saved[192];

/* A sweep of some cells, done, and a copy of its file to be damaged. */
static int start(void **state)
{
    (void)state;
    char copy[400];
    fixture_open(&f);
    for (int i = 0; i < CELLS; i++) {
        int64_t cell = planned(&f, i);
        for (int64_t round = 0; round < 2; round++) finished(&f, cell, round, LA_OUTCOME_OK);
    }
    la_err err = {0};
    expect_ok(la_store_sweep_end(f.store, f.sweep, "done", &err));
    snprintf(damaged, sizeof damaged, "%s/damaged.db", f.folder);
    snprintf(saved, sizeof saved, "%s/saved.db", f.folder);
    snprintf(copy, sizeof copy, "VACUUM INTO '%s'", damaged);
    assert_int_equal(raw_sql(f.path, copy), 0);
    return 0;
}

static long size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (long)st.st_size;
}

/* Pages of the damaged file, which numbers them from 1, that hold rows of a table. */
static int pages_of(const char *table, long pages[64])
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    char sql[128];
    int n = 0;
    snprintf(sql, sizeof sql,
             "SELECT pageno FROM dbstat WHERE name = '%s' AND pagetype = 'leaf' ORDER BY pageno",
             table);
    assert_int_equal(sqlite3_open(damaged, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW && n < 64) pages[n++] = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static void overwrite(long page)
{
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    int fd = open(damaged, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, noise, sizeof noise, (page - 1) * (long)sizeof noise),
                     sizeof noise);
    close(fd);
}

static la_recovered recover(void)
{
    la_err err = {0};
    la_recovered found;
    la_store *store;
    expect_status(la_store_open(damaged, LA_STORE_READ, &store, &err), LA_E_DB, &err);
    long before = size_of(damaged);
    expect_ok(la_store_recover(damaged, saved, &found, &err));
    assert_int_equal(size_of(damaged), before);
    return found;
}

/* Opens what was saved: sound by its own check, and with no attempt that lacks samples. */
static la_store *open_saved(const la_recovered *found)
{
    la_err err = {0};
    la_store *store;
    la_store_facts facts;
    expect_ok(la_store_open(saved, LA_STORE_READ, &store, &err));
    expect_ok(la_store_check(store, &facts, &err));
    assert_int_equal(facts.attempts, found->attempts);
    assert_int_equal(facts.cells, found->cells);
    assert_int_equal(facts.samples, 10 * facts.attempts);
    assert_int_equal(query_number(store, "SELECT count(*) FROM metric"), 3 * facts.attempts);
    return store;
}

static void test_a_sound_file_is_saved_whole(void **state)
{
    (void)state;
    la_err err = {0};
    la_recovered found;
    expect_ok(la_store_recover(damaged, saved, &found, &err));
    assert_int_equal(found.cells, CELLS);
    assert_int_equal(found.attempts, 2 * CELLS);
    assert_int_equal(found.unfinished, 0);
    assert_false(found.lost_cells || found.lost_attempts || found.lost_others);
    la_store *store = open_saved(&found);
    char state_[32];
    query_text(store, "SELECT state FROM sweep", state_, sizeof state_);
    assert_string_equal(state_, "done");
    assert_int_equal(query_number(store, "SELECT count(*) FROM summary"), CELLS);
    la_store_close(store);
}

static void test_a_file_that_was_cut(void **state)
{
    (void)state;
    long pages[64];
    int n = pages_of("metric", pages);
    assert_true(n > 2);
    assert_int_equal(truncate(damaged, (pages[n / 2] - 1) * 4096 + 100), 0);
    la_recovered found = recover();
    assert_true(found.attempts > 0 && found.attempts < (int64_t)2 * CELLS);
    assert_true(found.lost_attempts);
    assert_int_equal(found.unfinished, 1);
    la_store_close(open_saved(&found));
}

/* What stands behind a lost page is read from the other side, and what is between two as well. */
static void test_pages_lost_in_the_middle(void **state)
{
    (void)state;
    long pages[64];
    int n = pages_of("attempt", pages);
    assert_true(n >= 6);
    overwrite(pages[1]);
    overwrite(pages[n - 2]);
    la_recovered found = recover();
    assert_true(found.lost_attempts && !found.lost_cells);
    la_store *store = open_saved(&found);
    assert_int_equal(query_number(store, "SELECT max(attempt_id) FROM attempt"), 2 * CELLS);
    /* Two pages of n are lost, and none of the others. */
    assert_true(found.attempts > 2 * CELLS * (n - 4) / n);
    assert_int_equal(query_number(store, "SELECT count(*) FROM v_last"), found.attempts);
    la_store_close(store);
}

static void test_an_attempt_whose_samples_are_lost_is_left_out(void **state)
{
    (void)state;
    long pages[64];
    assert_true(pages_of("sample", pages) > 2);
    overwrite(pages[1]);
    la_recovered found = recover();
    assert_int_equal(found.cells, CELLS);
    assert_true(found.lost_attempts && found.attempts < (int64_t)2 * CELLS);
    la_store *store = open_saved(&found);
    char state_[32];
    query_text(store, "SELECT state FROM sweep", state_, sizeof state_);
    assert_string_equal(state_, "interrupted");
    la_store_close(store);
}

static void test_a_file_without_its_first_page(void **state)
{
    (void)state;
    la_err err = {0};
    la_recovered found;
    overwrite(1);
    expect_status(la_store_recover(damaged, saved, &found, &err), LA_E_DB, &err);
    assert_int_not_equal(access(saved, F_OK), 0);
    strcat(saved, ".part");
    assert_int_not_equal(access(saved, F_OK), 0);
}

static void test_a_file_of_an_older_schema(void **state)
{
    (void)state;
    la_err err = {0};
    la_recovered found;
    char *schema = malloc(1 << 16);
    unlink(damaged);
    FILE *in = fopen(LA_TEST_SCHEMA_1, "rb");
    assert_non_null(in);
    schema[fread(schema, 1, (1 << 16) - 1, in)] = '\0';
    fclose(in);
    assert_int_equal(raw_sql(damaged, schema), 0);
    free(schema);
    assert_int_equal(
        raw_sql(
            damaged,
            "INSERT INTO machine(machine_id, uuid, cpu_model, env_json) VALUES(1, 'm', 'c', '{}');"
            "INSERT INTO build(build_id, uuid, version, git_dirty, sqlite) "
            "VALUES(1, 'b', '0', 0, '3');"
            "INSERT INTO sweep(sweep_id, uuid, spec_hash, argv_json, build_id, machine_id, seed, "
            "rounds, quick, env_json, created_utc, state) VALUES(1, 'u', 'h', '[]', 1, 1, 1, 1, "
            "0, '{}', 'now', 'done')"),
        0);
    expect_ok(la_store_recover(damaged, saved, &found, &err));
    assert_int_equal(found.sweeps, 1);
}

#define TEST(t) cmocka_unit_test_prestate_setup_teardown(t, start, fixture_teardown, &f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_sound_file_is_saved_whole),
        TEST(test_a_file_that_was_cut),
        TEST(test_pages_lost_in_the_middle),
        TEST(test_an_attempt_whose_samples_are_lost_is_left_out),
        TEST(test_a_file_without_its_first_page),
        TEST(test_a_file_of_an_older_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
