/* SPDX-License-Identifier: Apache-2.0
 * Files that are not ours, not whole, or not writable: each refused with a sentence, none changed,
 * never a crash.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static fixture f;

static void close_store(void)
{
    la_store_close(f.store);
    f.store = NULL;
}

/* A closed file with some content. */
static void fill_and_close(int cells)
{
    for (int i = 0; i < cells; i++) finished(&f, planned(&f, i), 0, LA_OUTCOME_OK);
    la_err err = {0};
    expect_ok(la_store_sweep_end(f.store, f.sweep, "done", &err));
    close_store();
}

static unsigned char *read_all(const char *path, size_t *n)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    fseek(in, 0, SEEK_END);
    *n = (size_t)ftell(in);
    rewind(in);
    unsigned char *bytes = malloc(*n + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n, in), *n);
    fclose(in);
    return bytes;
}

static void write_all(const char *path, const void *bytes, size_t n)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(out);
}

static void refused(la_store_mode mode, la_status want, const char *part)
{
    la_err err = {0};
    la_store *store;
    la_status st = la_store_open(f.path, mode, &store, &err);
    if (st != want || !strstr(err.msg, part))
        print_error("wanted %s with '%s', got %s: %s\n", la_status_word(want), part,
                    la_status_word(st), err.msg);
    assert_int_equal(st, want);
    assert_null(store);
    assert_non_null(strstr(err.msg, part));
}

static void refused_both(la_status want, const char *part)
{
    refused(LA_STORE_READ, want, part);
    refused(LA_STORE_WRITE, want, part);
}

static void test_other_files_are_not_ours(void **state)
{
    (void)state;
    close_store();
    size_t n, again;
    static const char text[] =
        "This is a letter and no database, and it is long enough to have "
        "more than the hundred bytes of a header, which are looked at first.";
    write_all(f.path, text, sizeof text);
    refused_both(LA_E_DB, "is not a labench database");
    unsigned char *bytes = read_all(f.path, &n);
    assert_int_equal(n, sizeof text);
    assert_memory_equal(bytes, text, n);
    free(bytes);
    write_all(f.path, "x", 1);
    refused_both(LA_E_DB, "is not a labench database");
    unlink(f.path);
    assert_int_equal(raw_sql(f.path, "CREATE TABLE letters(a)"), SQLITE_OK);
    bytes = read_all(f.path, &n);
    refused_both(LA_E_DB, "SQLite file of another program");
    unsigned char *after = read_all(f.path, &again);
    assert_int_equal(n, again);
    assert_memory_equal(bytes, after, n);
    free(bytes);
    free(after);
}

static void test_an_empty_file_is_made_ours_and_holds_nothing_to_read(void **state)
{
    (void)state;
    close_store();
    write_all(f.path, "", 0);
    refused(LA_STORE_READ, LA_E_DB, "is empty");
    la_err err = {0};
    expect_ok(la_store_open(f.path, LA_STORE_WRITE, &f.store, &err));
    assert_int_equal(query_number(f.store, "SELECT version FROM migration"), LA_SCHEMA_VERSION);
    assert_int_equal(query_number(f.store, "PRAGMA application_id"), 0x4C41424E);
}

static void test_a_newer_schema_is_refused(void **state)
{
    (void)state;
    fill_and_close(1);
    assert_int_equal(raw_sql(f.path, "PRAGMA user_version = 9"), SQLITE_OK);
    refused_both(LA_E_DB, "has schema 9, this labench knows 8");
    assert_int_equal(raw_sql(f.path, "PRAGMA user_version = 0"), SQLITE_OK);
    refused_both(LA_E_DB, "is damaged");
}

static void test_foreign_objects_are_refused(void **state)
{
    (void)state;
    fill_and_close(1);
    static const char *const acts[] = {
        "CREATE TRIGGER better AFTER INSERT ON summary BEGIN UPDATE summary SET median_ns = 1; END",
        "CREATE VIEW aaa AS SELECT 1", "CREATE TABLE zzz(a)", "CREATE INDEX mine ON cell(dk)"};
    static const char *const undos[] = {"DROP TRIGGER better", "DROP VIEW aaa", "DROP TABLE zzz",
                                        "DROP INDEX mine"};
    for (size_t i = 0; i < LA_COUNT(acts); i++) {
        assert_int_equal(raw_sql(f.path, acts[i]), SQLITE_OK);
        refused_both(LA_E_DB, "is not labench's");
        assert_int_equal(raw_sql(f.path, undos[i]), SQLITE_OK);
    }
    /* A view of ours that shows something else, a trigger of ours that is gone. */
    assert_int_equal(raw_sql(f.path, "DROP VIEW v_sweep_warnings;"
                                     "CREATE VIEW v_sweep_warnings AS SELECT 1 AS a"),
                     SQLITE_OK);
    refused_both(LA_E_DB, "has another definition of view 'v_sweep_warnings'");
    assert_int_equal(raw_sql(f.path, "DROP VIEW v_sweep_warnings"), SQLITE_OK);
    refused_both(LA_E_DB, "no view v_sweep_warnings");
}

static void test_what_analyze_leaves_is_no_harm(void **state)
{
    (void)state;
    fill_and_close(2);
    assert_int_equal(raw_sql(f.path, "ANALYZE"), SQLITE_OK);
    la_err err = {0};
    expect_ok(la_store_open(f.path, LA_STORE_WRITE, &f.store, &err));
}

static void test_wal_is_turned_back(void **state)
{
    (void)state;
    fill_and_close(1);
    assert_int_equal(raw_sql(f.path, "PRAGMA journal_mode = WAL; UPDATE sweep SET label = 'w'"),
                     SQLITE_OK);
    assert_true(la_store_in_wal(f.path));
    assert_false(la_store_in_wal("/nowhere/at/all.db"));
    assert_false(la_store_in_wal("/dev/null"));
    la_err err = {0};
    expect_ok(la_store_open(f.path, LA_STORE_READ, &f.store, &err));
    close_store();
    expect_ok(la_store_open(f.path, LA_STORE_WRITE, &f.store, &err));
    char label[16];
    query_text(f.store, "SELECT label FROM sweep", label, sizeof label);
    assert_string_equal(label, "w");
    close_store();
    assert_false(la_store_in_wal(f.path));
    /* Bytes 18 and 19 of the file: 1 is a rollback journal, 2 is WAL. */
    size_t n;
    unsigned char *bytes = read_all(f.path, &n);
    assert_int_equal(bytes[18], 1);
    assert_int_equal(bytes[19], 1);
    free(bytes);
}

static void test_places_that_cannot_be_a_database(void **state)
{
    (void)state;
    close_store();
    unlink(f.path);
    refused(LA_STORE_READ, LA_E_NOTFOUND, "no file");
    char name[sizeof f.path];
    memcpy(name, f.path, sizeof name);
    assert_int_equal(symlink("/nowhere/at/all", f.path), 0);
    refused_both(LA_E_IO, "is a link to a file that does not exist");
    unlink(f.path);
    assert_int_equal(mkfifo(f.path, 0600), 0);
    refused_both(LA_E_IO, "is no regular file");
    unlink(f.path);
    snprintf(f.path, sizeof f.path, "%s", f.folder);
    refused_both(LA_E_IO, "is a folder");
    snprintf(f.path, sizeof f.path, "%s/no/such.db", f.folder);
    refused(LA_STORE_WRITE, LA_E_IO, "mkdir -p");
    snprintf(f.path, sizeof f.path, "/dev/full");
    refused_both(LA_E_IO, "is no regular file");
    memcpy(f.path, name, sizeof name);
    la_err err = {0};
    la_store *store;
    assert_int_equal(la_store_open("", LA_STORE_WRITE, &store, &err), LA_E_ARG);
    char *lengthy = malloc(100001);
    assert_non_null(lengthy);
    memset(lengthy, 'a', 100000);
    lengthy[100000] = '\0';
    assert_int_equal(la_store_open(lengthy, LA_STORE_WRITE, &store, &err), LA_E_ARG);
    free(lengthy);
}

/* Names that mean something else to SQLite are names of files to us. */
static void test_odd_names_are_names(void **state)
{
    (void)state;
    close_store();
    char before[512];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f.folder), 0);
    static const char *const names[] = {":memory:", "file:x?mode=memory", "a b'c\"%d.db", "-x"};
    for (size_t i = 0; i < LA_COUNT(names); i++) {
        la_err err = {0};
        expect_ok(la_store_open(names[i], LA_STORE_WRITE, &f.store, &err));
        assert_int_equal(access(names[i], F_OK), 0);
        close_store();
        expect_ok(la_store_open(names[i], LA_STORE_READ, &f.store, &err));
        close_store();
    }
    assert_int_equal(chdir(before), 0);
}

/* Runs `act` in a child that is an ordinary user where this one is root; 0 when it held. */
static int as_ordinary_user(int (*act)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(77);
        _exit(act());
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int writing_is_refused_reading_is_not(void)
{
    la_err err = {0};
    la_store *store;
    if (la_store_open(f.path, LA_STORE_WRITE, &store, &err) != LA_E_IO) return 1;
    if (!strstr(err.msg, "may be written")) return 2;
    if (la_store_open(f.path, LA_STORE_READ, &store, &err) != LA_OK) return 3;
    la_query *q;
    bool more;
    if (la_query_open(store, "SELECT * FROM v_time", NULL, 0, &q, &err) != LA_OK) return 4;
    if (la_query_next(q, &more, &err) != LA_OK || !more) return 5;
    la_query_close(q);
    la_store_close(store);
    return 0;
}

static int making_is_refused(void)
{
    la_err err = {0};
    la_store *store;
    char path[160];
    snprintf(path, sizeof path, "%s/new.db", f.folder);
    return la_store_open(path, LA_STORE_WRITE, &store, &err) == LA_E_IO ? 0 : 1;
}

static void test_what_may_not_be_written_is_read(void **state)
{
    (void)state;
    fill_and_close(1);
    /* A file that may not be written, then a folder that may not. */
    assert_int_equal(chmod(f.folder, 0777), 0);
    assert_int_equal(chmod(f.path, 0444), 0);
    int rc = as_ordinary_user(writing_is_refused_reading_is_not);
    assert_true(rc == 0 || rc == 77);
    assert_int_equal(chmod(f.path, 0666), 0);
    assert_int_equal(chmod(f.folder, 0555), 0);
    int in_folder = as_ordinary_user(writing_is_refused_reading_is_not);
    int made = as_ordinary_user(making_is_refused);
    assert_int_equal(chmod(f.folder, 0700), 0);
    assert_true(in_folder == 0 || in_folder == 77);
    assert_true(made == 0 || made == 77);
}

static void test_a_file_that_goes_away_is_noticed(void **state)
{
    (void)state;
    la_err err = {0};
    int64_t cell = planned(&f, 0), id;
    char other[160];
    snprintf(other, sizeof other, "%s/b.db", f.folder);
    assert_int_equal(rename(f.path, other), 0);
    assert_int_equal(la_store_claim(f.store, cell, 0, &id, &err), LA_E_DB);
    assert_non_null(strstr(err.msg, "was deleted or moved"));
    write_all(f.path, "", 0);
    assert_int_equal(la_store_claim(f.store, cell, 0, &id, &err), LA_E_DB);
    assert_non_null(strstr(err.msg, "was replaced"));
    assert_int_equal(rename(other, f.path), 0);
    expect_ok(la_store_claim(f.store, cell, 0, &id, &err));
}

/* A child changes many pages and dies before it commits: its journal must be played back. */
static void leave_a_hot_journal(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(raw_sql_dying(f.path,
                            "PRAGMA cache_size = 2; BEGIN IMMEDIATE;"
                            "UPDATE sweep SET label = 'half done', note = hex(zeroblob(50000))"));
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    char journal[160];
    struct stat st;
    snprintf(journal, sizeof journal, "%s-journal", f.path);
    assert_int_equal(stat(journal, &st), 0);
    assert_true(st.st_size > 0);
}

static int a_journal_is_a_sentence(void)
{
    la_err err = {0};
    la_store *store;
    if (la_store_open(f.path, LA_STORE_READ, &store, &err) != LA_E_IO) return 1;
    return strstr(err.msg, "check that the file and its folder may be written") ? 0 : 2;
}

static void test_what_a_killed_writer_left_is_rolled_back(void **state)
{
    (void)state;
    static const la_store_mode modes[] = {LA_STORE_READ, LA_STORE_WRITE};
    fill_and_close(5);
    for (size_t i = 0; i < LA_COUNT(modes); i++) {
        leave_a_hot_journal();
        assert_int_equal(chmod(f.folder, 0555), 0);
        int rc = as_ordinary_user(a_journal_is_a_sentence);
        assert_int_equal(chmod(f.folder, 0700), 0);
        assert_true(rc == 0 || rc == 77);
        la_err err = {0};
        expect_ok(la_store_open(f.path, modes[i], &f.store, &err));
        char label[32];
        query_text(f.store, "SELECT label FROM sweep", label, sizeof label);
        assert_string_equal(label, "a label");
        close_store();
    }
}

/* Reads everything there is to read; whatever it says, it comes back. */
static void read_everything(void)
{
    static const char *const views[] = {"v_time", "v_memory", "v_accuracy", "v_error",
                                        "v_flat", "v_sweep",  "v_samples",  "v_warnings"};
    la_err err = {0};
    la_store *store;
    if (la_store_open(f.path, LA_STORE_READ, &store, &err) != LA_OK) {
        assert_true(strlen(err.msg) > 0);
        return;
    }
    for (size_t i = 0; i < LA_COUNT(views); i++) {
        char sql[64];
        la_query *q;
        bool more = true;
        snprintf(sql, sizeof sql, "SELECT * FROM %s", views[i]);
        if (la_query_open(store, sql, NULL, 0, &q, &err) != LA_OK) continue;
        while (more && la_query_next(q, &more, &err) == LA_OK)
            for (int c = 0; more && c < la_query_columns(q); c++) la_query_text(q, c);
        la_query_close(q);
    }
    la_store_close(store);
}

static void test_truncated_files_are_refused(void **state)
{
    (void)state;
    fill_and_close(30);
    size_t n;
    unsigned char *bytes = read_all(f.path, &n);
    for (size_t keep = 2; keep < n;
         keep = keep < 200 ? keep + 37 : keep + 4096 - keep % 512 + 100) {
        write_all(f.path, bytes, keep);
        refused_both(LA_E_DB, "");
    }
    /* Not so whole pages: what is cut off is missed. */
    write_all(f.path, bytes, n - 4096);
    refused_both(LA_E_DB, "is damaged");
    free(bytes);
}

static void test_zeroed_pages_are_refused(void **state)
{
    (void)state;
    fill_and_close(30);
    size_t n;
    unsigned char *bytes = read_all(f.path, &n), *bad = malloc(n);
    assert_non_null(bad);
    for (size_t page = 0; page < n / 4096; page++) {
        memcpy(bad, bytes, n);
        memset(bad + page * 4096, 0, 4096);
        write_all(f.path, bad, n);
        refused_both(LA_E_DB, "");
    }
    free(bad);
    free(bytes);
}

static void test_random_damage_never_crashes(void **state)
{
    (void)state;
    fill_and_close(30);
    size_t n;
    unsigned char *bytes = read_all(f.path, &n), *bad = malloc(n);
    assert_non_null(bad);
    uint64_t x = 20261121;
    int found = 0;
    enum { TRIES = 120 };
    for (int i = 0; i < TRIES; i++) {
        memcpy(bad, bytes, n);
        for (int k = 0; k < 1 + i % 16; k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            /* Every third one near the start of a page, where its structure is. */
            size_t at = (x >> 20) % n;
            if (i % 3 == 0) at = at / 4096 * 4096 + at % 64;
            bad[at] = (unsigned char)(x >> 56);
        }
        write_all(f.path, bad, n);
        la_err err = {0};
        la_store *store;
        la_status st = la_store_open(f.path, LA_STORE_WRITE, &store, &err);
        if (st == LA_OK) {
            la_store_close(store);
        } else {
            assert_true(st == LA_E_DB || st == LA_E_IO);
            found++;
        }
        read_everything();
    }
    /* A byte of a text or a number may be any byte; most damage is seen. */
    print_message("%d of %d damaged files refused\n", found, TRIES);
    assert_true(found > TRIES / 3);
    free(bad);
    free(bytes);
}

/* No byte beyond `limit` may be written by this process from here on. */
static void limit_file_size(rlim_t limit)
{
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit r = {limit, limit};
    setrlimit(RLIMIT_FSIZE, &r);
}

static int write_until_full(void)
{
    la_err err = {0};
    la_store *store;
    static attempt_data data;
    if (la_store_open(f.path, LA_STORE_WRITE, &store, &err) != LA_OK) return 1;
    if (la_store_sweep_adopt(store, f.sweep, &err) != LA_OK) return 2;
    struct stat size;
    if (stat(f.path, &size) != 0) return 3;
    limit_file_size((rlim_t)size.st_size + 20000);
    la_status st = LA_OK;
    int i;
    for (i = 1; i < 200 && st == LA_OK; i++) {
        char key[33];
        int64_t cell, id;
        la_cell_row row = sample_cell(i, key);
        st = la_store_plan(store, f.sweep, f.device, &row, 1, &cell, &err);
        if (st == LA_OK) st = la_store_claim(store, cell, 0, &id, &err);
        la_attempt_row attempt = sample_attempt(&data, 100);
        if (st == LA_OK) st = la_store_finish(store, id, &attempt, &err);
    }
    if (st != LA_E_IO) return 4;
    if (!strstr(err.msg, "is saved")) return 5;
    la_store_close(store);
    return i > 3 ? 0 : 6;
}

static void test_a_full_disk_keeps_what_was_committed(void **state)
{
    (void)state;
    fill_and_close(1);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(write_until_full());
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    fixture_reopen(&f);
    assert_int_equal(query_number(f.store,
                                  "SELECT count(*) FROM attempt a WHERE outcome = 'ok' AND "
                                  "cell_id > 1 AND 100 <> (SELECT count(*) FROM sample s "
                                  "WHERE s.attempt_id = a.attempt_id)"),
                     0);
    assert_true(query_number(f.store, "SELECT count(*) FROM attempt WHERE outcome = 'ok'") > 2);
    char text[32];
    query_text(f.store, "SELECT integrity_check FROM pragma_integrity_check", text, sizeof text);
    assert_string_equal(text, "ok");
}

static int open_without_room(void)
{
    limit_file_size(0);
    la_err err = {0};
    la_store *store;
    if (la_store_open(f.path, LA_STORE_WRITE, &store, &err) != LA_E_IO) return 1;
    char path[160];
    snprintf(path, sizeof path, "%s/new.db", f.folder);
    return la_store_open(path, LA_STORE_WRITE, &store, &err) == LA_E_IO ? 0 : 2;
}

static void test_no_room_is_found_when_opening(void **state)
{
    (void)state;
    fill_and_close(1);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(open_without_room());
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
#define TEST(name) FIXTURE_TEST(name, &f)
    const struct CMUnitTest tests[] = {
        TEST(test_other_files_are_not_ours),
        TEST(test_an_empty_file_is_made_ours_and_holds_nothing_to_read),
        TEST(test_a_newer_schema_is_refused),
        TEST(test_foreign_objects_are_refused),
        TEST(test_what_analyze_leaves_is_no_harm),
        TEST(test_wal_is_turned_back),
        TEST(test_places_that_cannot_be_a_database),
        TEST(test_odd_names_are_names),
        TEST(test_what_may_not_be_written_is_read),
        TEST(test_a_file_that_goes_away_is_noticed),
        TEST(test_what_a_killed_writer_left_is_rolled_back),
        TEST(test_truncated_files_are_refused),
        TEST(test_zeroed_pages_are_refused),
        TEST(test_random_damage_never_crashes),
        TEST(test_a_full_disk_keeps_what_was_committed),
        TEST(test_no_room_is_found_when_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
