/* SPDX-License-Identifier: Apache-2.0
 * A database of every released schema: read as it is, brought up to date row by row, and killed at every
 * statement of that.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "store_internal.h"
#include "text.h"

static fixture f;

/* ---- files ---- */

static char *text_of(const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    size_t n = 0;
    if (!in) return NULL;
    FILE *out = open_memstream(&text, &n);
    char bytes[4096];
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, in)) > 0;) fwrite(bytes, 1, got, out);
    fclose(out);
    fclose(in);
    if (len) *len = n;
    return text;
}

static void run_file(const char *path, const char *kind, int version)
{
    char name[512];
    snprintf(name, sizeof name, LA_TEST_FOLDER "/golden/%s_%d.sql", kind, version);
    char *sql = text_of(name, NULL);
    if (sql) assert_int_equal(raw_sql(path, sql), SQLITE_OK);
    free(sql);
}

/* Versions that added nothing to fill have no rows of their own. */
static void make_golden(int version)
{
    run_file(f.path, "schema", version);
    for (int v = 1; v <= version; v++) run_file(f.path, "rows", v);
}

/* ---- what is in a file ---- */

static void add_value(la_text *out, sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    la_text_add(out, " %s=%d:%s", sqlite3_column_name(row, column),
                sqlite3_column_type(row, column), text ? (const char *)text : "");
}

/* Every value of every table that the schema of `version` has, by name, in the order of the first columns. */
static char *content(const char *path, int version)
{
    static const char list[] =
        "SELECT m.name, group_concat('\"' || c.name || '\"', ', ') FROM sqlite_schema m, "
        "pragma_table_info(m.name) c WHERE m.type = 'table' GROUP BY m.name ORDER BY m.name";
    char name[512];
    snprintf(name, sizeof name, LA_TEST_FOLDER "/golden/schema_%d.sql", version);
    char *schema = text_of(name, NULL);
    sqlite3 *old, *db;
    sqlite3_stmt *table, *row;
    la_text out = {0};
    assert_non_null(schema);
    assert_int_equal(sqlite3_open(":memory:", &old), SQLITE_OK);
    assert_int_equal(sqlite3_exec(old, schema, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(old, list, -1, &table, NULL), SQLITE_OK);
    while (sqlite3_step(table) == SQLITE_ROW) {
        la_text sql = {0};
        const char *of = (const char *)sqlite3_column_text(table, 0);
        bool migrations = strcmp(of, "migration") == 0;
        la_text_add(&sql, "SELECT %s FROM \"%s\"%s ORDER BY 1, 2",
                    (const char *)sqlite3_column_text(table, 1), of,
                    migrations ? " WHERE app_version = '0.1.0' AND applied_utc = "
                                 "'2026-11-21T00:00:00Z'"
                               : "");
        assert_int_equal(sqlite3_prepare_v2(db, la_text_str(&sql), -1, &row, NULL), SQLITE_OK);
        while (sqlite3_step(row) == SQLITE_ROW) {
            la_text_add(&out, "%s", of);
            for (int i = 0; i < sqlite3_column_count(row); i++) add_value(&out, row, i);
            la_text_add(&out, "\n");
        }
        sqlite3_finalize(row);
        la_text_release(&sql);
    }
    sqlite3_finalize(table);
    sqlite3_close(old);
    sqlite3_close(db);
    free(schema);
    assert_false(out.failed);
    char *text = strdup(la_text_str(&out));
    la_text_release(&out);
    return text;
}

static int version_of(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return version;
}

static void expect_same_content(const char *path, int version, const char *want)
{
    char *have = content(path, version);
    assert_string_equal(have, want);
    free(have);
}

static void bak_name(int version, char out[256])
{
    snprintf(out, 256, "%s.v%d.bak", f.path, version);
}

/* Every view answers, whole. */
static void expect_views(la_store *store)
{
    la_err err = {0};
    la_query *views, *rows;
    bool more, row;
    int n = 0;
    expect_ok(la_query_open(store, "SELECT name FROM sqlite_schema WHERE type = 'view'", NULL, 0,
                            &views, &err));
    while (la_query_next(views, &more, &err) == LA_OK && more) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT * FROM %s", la_query_text(views, 0));
        expect_ok(la_query_open(store, sql, NULL, 0, &rows, &err));
        do expect_ok(la_query_next(rows, &row, &err));
        while (row);
        la_query_close(rows);
        n++;
    }
    la_query_close(views);
    assert_true(n > 10);
    assert_int_equal(query_number(store, "SELECT count(*) FROM v_cell"),
                     query_number(store, "SELECT count(*) FROM cell"));
}

static la_store *opened(la_store_mode mode)
{
    la_err err = {0};
    la_store *store;
    expect_ok(la_store_open(f.path, mode, &store, &err));
    return store;
}

/* ---- tests ---- */

static int start(void **state)
{
    (void)state;
    fixture_folder(&f);
    return 0;
}

static void remove_all(int version)
{
    char bak[256];
    bak_name(version, bak);
    unlink(bak);
    unlink(f.path);
}

/* A schema is released with its number: what changes afterwards needs the next one, and a golden file. */
static void test_every_version_has_its_file_and_the_last_is_todays(void **state)
{
    (void)state;
    for (int v = 1; v <= LA_SCHEMA_VERSION; v++) {
        char name[512];
        snprintf(name, sizeof name, LA_TEST_FOLDER "/golden/schema_%d.sql", v);
        char *golden = text_of(name, NULL);
        if (!golden) fail_msg("no %s: copy harness/store/schema.sql there", name);
        char *plain = malloc(strlen(golden) + strlen(la_schema_sql) + 2);
        la_check_plain_sql(golden, plain);
        char number[48];
        snprintf(number, sizeof number, "PRAGMA user_version = %d;", v);
        assert_non_null(strstr(plain, number));
        if (v == LA_SCHEMA_VERSION) {
            char *today = plain + strlen(plain) + 1;
            la_check_plain_sql(la_schema_sql, today);
            if (strcmp(plain, today) != 0)
                fail_msg("schema.sql is not what version %d was released as: count "
                         "LA_SCHEMA_VERSION up",
                         v);
        }
        free(plain);
        free(golden);
    }
}

static void test_reading_changes_nothing(void **state)
{
    (void)state;
    for (int v = 1; v <= LA_SCHEMA_VERSION; v++) {
        make_golden(v);
        size_t n, m;
        char bak[256], *was = text_of(f.path, &n);
        assert_int_equal(chmod(f.path, 0444), 0);
        la_store *store = opened(LA_STORE_READ);
        assert_int_equal(query_number(store, "PRAGMA user_version"), LA_SCHEMA_VERSION);
        expect_views(store);
        la_store_close(store);
        char *is = text_of(f.path, &m);
        assert_int_equal(n, m);
        assert_memory_equal(was, is, n);
        bak_name(v, bak);
        assert_int_not_equal(access(bak, F_OK), 0);
        free(was);
        free(is);
        remove_all(v);
    }
}

static void test_writing_keeps_every_row_and_the_old_file(void **state)
{
    (void)state;
    for (int v = 1; v <= LA_SCHEMA_VERSION; v++) {
        make_golden(v);
        char bak[256], *was = content(f.path, v);
        bak_name(v, bak);
        assert_true(strlen(was) > 4000);
        la_store *store = opened(LA_STORE_WRITE);
        expect_views(store);
        assert_int_equal(query_number(store, "SELECT count(*) FROM migration"),
                         v < LA_SCHEMA_VERSION ? 2 : 1);
        assert_int_equal(query_number(store, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
        char check[32];
        query_text(store, "PRAGMA integrity_check", check, sizeof check);
        assert_string_equal(check, "ok");
        la_store_close(store);
        assert_int_equal(version_of(f.path), LA_SCHEMA_VERSION);
        expect_same_content(f.path, v, was);
        assert_int_equal(access(bak, F_OK) == 0, v < LA_SCHEMA_VERSION);
        if (v < LA_SCHEMA_VERSION) {
            assert_int_equal(version_of(bak), v);
            expect_same_content(bak, v, was);
        }
        free(was);
        remove_all(v);
    }
}

/* What new columns say of old rows. */
static void test_new_columns_have_their_defaults(void **state)
{
    (void)state;
    make_golden(1);
    la_store *store = opened(LA_STORE_WRITE);
    assert_int_equal(query_number(store, "SELECT count(*) FROM cell WHERE model_json = '{}' AND "
                                         "train_json = '{}' AND recipe IS NULL AND d_model = 0"),
                     3);
    assert_int_equal(query_number(store, "SELECT count(*) FROM attempt WHERE model_id IS NULL AND "
                                         "data_digest IS NULL"),
                     5);
    assert_int_equal(query_number(store, "SELECT count(*) FROM peak WHERE bf16_flops IS NULL"), 2);
    assert_int_equal(query_number(store, "SELECT count(*) FROM model"), 0);
    la_store_close(store);
}

/* Without room for the copy nothing is changed. */
static void test_no_copy_no_change(void **state)
{
    (void)state;
    make_golden(1);
    la_err err = {0};
    la_store *store;
    char bak[256], inside[300], *was = content(f.path, 1);
    bak_name(1, bak);
    assert_int_equal(mkdir(bak, 0777), 0); /* a folder cannot be replaced by a file */
    snprintf(inside, sizeof inside, "%s/x", bak);
    assert_int_equal(mkdir(inside, 0777), 0);
    assert_int_equal(la_store_open(f.path, LA_STORE_WRITE, &store, &err), LA_E_IO);
    assert_non_null(strstr(err.msg, ".v1.bak"));
    assert_int_equal(version_of(f.path), 1);
    expect_same_content(f.path, 1, was);
    snprintf(inside, sizeof inside, "%s.part", bak);
    assert_int_not_equal(access(inside, F_OK), 0);
    free(was);
    snprintf(inside, sizeof inside, "%s/x", bak);
    rmdir(inside);
    rmdir(bak);
}

/* ---- kills ---- */

static int countdown;

/* The process is gone before its next statement. */
static int count_statement(unsigned kind, void *context, void *p, void *x)
{
    (void)kind, (void)context, (void)p, (void)x;
    if (--countdown == 0) raise(SIGKILL);
    return 0;
}

static int watch(sqlite3 *db, const char **message, const struct sqlite3_api_routines *api)
{
    (void)message, (void)api;
    const char *name = sqlite3_db_filename(db, "main");
    if (!name || !*name) return SQLITE_OK; /* what is in memory is not lost */
    sqlite3_trace_v2(db, SQLITE_TRACE_STMT, count_statement, NULL);
    return SQLITE_OK;
}

/* Migrates in a child that is killed at moment k; true: it got through before that. */
static bool migrate_and_die(int k)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        la_err err = {0};
        la_store *store;
        countdown = k;
        sqlite3_auto_extension((void (*)(void))watch);
        if (la_store_open(f.path, LA_STORE_WRITE, &store, &err) != LA_OK) _exit(1);
        countdown = 0;
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) return false;
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

static void copy_file(const char *from, const char *to)
{
    size_t n = 0;
    char *bytes = text_of(from, &n);
    FILE *out = fopen(to, "wb");
    assert_non_null(bytes);
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    free(bytes);
}

static void test_a_kill_at_any_statement_loses_nothing(void **state)
{
    (void)state;
    char golden[256];
    snprintf(golden, sizeof golden, "%s.golden", f.path);
    for (int v = 1; v < LA_SCHEMA_VERSION; v++) {
        int old = 0, k = 1;
        make_golden(v);
        copy_file(f.path, golden);
        char *was = content(f.path, v);
        /* The statements of the versions after the first are a part of its own. */
        for (bool through = false; !through; k += v == 1 ? 1 : 10) {
            through = migrate_and_die(k);
            expect_same_content(f.path, v, was); /* SQLite takes back what was begun */
            int is = version_of(f.path);
            assert_true(is == v || is == LA_SCHEMA_VERSION);
            old += is == v;
            if (is == v) assert_true(migrate_and_die(0));
            assert_int_equal(version_of(f.path), LA_SCHEMA_VERSION);
            expect_same_content(f.path, v, was);
            remove_all(v);
            copy_file(golden, f.path);
        }
        assert_true(old > 5);
        la_store_close(opened(LA_STORE_WRITE));
        free(was);
        remove_all(v);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, start, fixture_teardown, &f)
    const struct CMUnitTest tests[] = {
        TEST(test_every_version_has_its_file_and_the_last_is_todays),
        TEST(test_reading_changes_nothing),
        TEST(test_writing_keeps_every_row_and_the_old_file),
        TEST(test_new_columns_have_their_defaults),
        TEST(test_no_copy_no_change),
        TEST(test_a_kill_at_any_statement_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
