/* SPDX-License-Identifier: Apache-2.0
 * What a check of a database finds, and that it tells the schema of the file from today's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"

static fixture f;

static void test_a_sound_file_is_counted(void **state)
{
    (void)state;
    la_err err = {0};
    la_store_facts facts;
    finished(&f, planned(&f, 1), 0, LA_OUTCOME_OK);
    finished(&f, planned(&f, 2), 0, LA_OUTCOME_CRASH);
    fixture_reopen(&f);
    expect_ok(la_store_check(f.store, &facts, &err));
    assert_int_equal(facts.schema, LA_SCHEMA_VERSION);
    assert_int_equal(facts.sweeps, 1);
    assert_int_equal(facts.cells, 2);
    assert_int_equal(facts.attempts, 2);
    assert_int_equal(facts.samples, 20);
    assert_int_equal(facts.models, 0);
    assert_true(facts.bytes > 4096 && facts.bytes % 4096 == 0);
}

static void finds(const char *says)
{
    la_err err = {0};
    la_store_facts facts;
    fixture_reopen(&f);
    expect_status(la_store_check(f.store, &facts, &err), LA_E_DB, &err);
    if (!strstr(err.msg, says)) fail_msg("'%s' says nothing of '%s'", err.msg, says);
}

static void test_a_summary_that_belongs_to_other_samples(void **state)
{
    (void)state;
    finished(&f, planned(&f, 1), 0, LA_OUTCOME_OK);
    assert_int_equal(raw_sql(f.path, "UPDATE summary SET n = n + 1"), 0);
    finds("1 summaries do not count the samples of their cells");
}

/* An index that leads elsewhere is found by reading each row through it, which opening does not. */
static void test_an_index_that_lacks_a_row(void **state)
{
    (void)state;
    finished(&f, planned(&f, 1), 0, LA_OUTCOME_OK);
    finished(&f, planned(&f, 2), 0, LA_OUTCOME_OK);
    assert_int_equal(raw_sql(f.path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
                                     "replace(sql, 'cell(cell_key)', 'cell(impl)') WHERE name = "
                                     "'cell_by_key'"),
                     0);
    assert_int_equal(raw_sql(f.path, "REINDEX cell_by_key"), 0);
    assert_int_equal(raw_sql(f.path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = "
                                     "replace(sql, 'cell(impl)', 'cell(cell_key)') WHERE name = "
                                     "'cell_by_key'"),
                     0);
    finds("is damaged (row 1 missing from index cell_by_key)");
}

static void test_the_schema_of_the_file_is_told(void **state)
{
    (void)state;
    char old[192], *schema = malloc(1 << 16);
    la_err err = {0};
    la_store *store;
    la_store_facts facts;
    snprintf(old, sizeof old, "%s/old.db", f.folder);
    FILE *in = fopen(LA_TEST_SCHEMA_1, "rb");
    assert_non_null(in);
    schema[fread(schema, 1, (1 << 16) - 1, in)] = '\0';
    fclose(in);
    assert_int_equal(raw_sql(old, schema), 0);
    free(schema);
    expect_ok(la_store_open(old, LA_STORE_READ, &store, &err));
    expect_ok(la_store_check(store, &facts, &err));
    la_store_close(store);
    assert_int_equal(facts.schema, 1);
    expect_ok(la_store_open(old, LA_STORE_WRITE, &store, &err));
    la_store_close(store);
    expect_ok(la_store_open(old, LA_STORE_READ, &store, &err));
    expect_ok(la_store_check(store, &facts, &err));
    la_store_close(store);
    assert_int_equal(facts.schema, LA_SCHEMA_VERSION);
}

#define TEST(t) FIXTURE_TEST(t, &f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_sound_file_is_counted),
        TEST(test_a_summary_that_belongs_to_other_samples),
        TEST(test_an_index_that_lacks_a_row),
        TEST(test_the_schema_of_the_file_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
