/* SPDX-License-Identifier: Apache-2.0
 * A sweep's life: planned once, claimed once, continued by whoever may, found by its name.
 */
#include "fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

static void test_planning_twice_finds_the_same_cells(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    char keys[5][33];
    la_cell_row rows[5];
    int64_t first[5], again[5];
    for (int i = 0; i < 5; i++) rows[i] = sample_cell(i, keys[i]);
    expect_ok(la_store_plan(f->store, f->sweep, f->device, rows, 3, first, &err));
    for (int i = 0; i < 5; i++) rows[i].rounds = 5;
    expect_ok(la_store_plan(f->store, f->sweep, f->device, rows, 5, again, &err));
    for (int i = 0; i < 3; i++) assert_int_equal(first[i], again[i]);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM cell"), 5);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM variant"), 2);
    assert_int_equal(query_number(f->store, "SELECT min(rounds) FROM cell"), 5);
    assert_int_equal(query_number(f->store, "SELECT max(ordinal) FROM cell"), 4);
    /* Another sweep has cells of its own under the same keys. */
    la_sweep_row sweep = sample_sweep(f);
    int64_t other;
    expect_ok(la_store_sweep_new(f->store, &sweep, &other, &err));
    expect_ok(la_store_plan(f->store, other, f->device, rows, 5, again, &err));
    assert_true(again[0] > first[2]);
    expect_ok(la_store_plan(f->store, other, f->device, rows, 0, NULL, &err));
}

static void test_one_key_for_two_different_cells_is_refused(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    char key[33], other_key[33];
    size_t n;
    const la_cell_column *columns = la_store_cell_columns(&n);
    planned(f, 0);
    for (size_t i = 0; i < n; i++) {
        la_cell_row row = sample_cell(0, key);
        char *field = (char *)&row + columns[i].offset;
        const char *text = strstr(columns[i].name, "_json") ? "{\"a\":1}" : "other";
        int64_t number;
        double real;
        switch (columns[i].type) {
        case LA_COLUMN_TEXT:
            memcpy(field, &text, sizeof text);
            break;
        case LA_COLUMN_REAL:
            memcpy(&real, field, sizeof real);
            real += 1;
            memcpy(field, &real, sizeof real);
            break;
        default:
            memcpy(&number, field, sizeof number);
            number += 1;
            memcpy(field, &number, sizeof number);
        }
        la_status st = la_store_plan(f->store, f->sweep, f->device, &row, 1, NULL, &err);
        assert_int_equal(st, columns[i].identity ? LA_E_INTERNAL : LA_OK);
        if (columns[i].identity) assert_non_null(strstr(err.msg, columns[i].name));
    }
    la_cell_row row = sample_cell(1, other_key);
    sample_cell(0, other_key);
    assert_int_equal(la_store_plan(f->store, f->sweep, f->device, &row, 1, NULL, &err),
                     LA_E_INTERNAL);
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM cell"), 1);
}

static void test_a_round_is_claimed_once(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    static attempt_data data;
    int64_t cell = planned(f, 0), id, other;
    uint64_t bits;
    expect_ok(la_store_claim(f->store, cell, 0, &id, &err));
    assert_int_equal(la_store_claim(f->store, cell, 0, &other, &err), LA_E_DB);
    expect_ok(la_store_claim(f->store, cell, 2, &other, &err));
    expect_ok(la_store_rounds_done(f->store, cell, &bits, &err));
    assert_int_equal(bits, 0);
    la_attempt_row row = sample_attempt(&data, 5);
    expect_ok(la_store_finish(f->store, other, &row, &err));
    expect_ok(la_store_rounds_done(f->store, cell, &bits, &err));
    assert_int_equal(bits, 4);
    assert_int_equal(la_store_claim(f->store, cell, 2, &other, &err), LA_E_DB);
    assert_int_equal(la_store_finish(f->store, other, &row, &err), LA_E_DB);
    assert_int_equal(la_store_finish(f->store, 999, &row, &err), LA_E_DB);
    assert_int_equal(la_store_claim(f->store, 999, 0, &other, &err), LA_E_DB);
    assert_int_equal(la_store_claim(f->store, cell, 64, &other, &err), LA_E_DB);
    /* An interrupted round is open again, and does not hide what it has. */
    row.outcome = LA_OUTCOME_INTERRUPTED;
    expect_ok(la_store_finish(f->store, id, &row, &err));
    expect_ok(la_store_claim(f->store, cell, 0, &id, &err));
    assert_int_equal(query_number(f->store, "SELECT rounds_done FROM v_cell"), 1);
}

/* Forks; the child opens the store anew, runs `act`, and exits without closing or ending anything,
 * as if killed. */
static void in_dying_child(fixture *f, void (*act)(fixture *))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        la_err err = {0};
        if (la_store_open(f->path, LA_STORE_WRITE, &f->store, &err) != LA_OK) _exit(1);
        act(f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void start_and_die(fixture *f)
{
    la_err err = {0};
    int64_t cell, id;
    char key[33];
    la_sweep_row sweep = sample_sweep(f);
    sweep.spec_hash = "orphan";
    la_cell_row row = sample_cell(0, key);
    if (la_store_sweep_new(f->store, &sweep, &f->sweep, &err) != LA_OK ||
        la_store_plan(f->store, f->sweep, f->device, &row, 1, &cell, &err) != LA_OK)
        _exit(2);
    finished(f, cell, 0, LA_OUTCOME_OK);
    if (la_store_claim(f->store, cell, 1, &id, &err) != LA_OK) _exit(3);
}

static void test_what_a_dead_process_left_is_continued(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    in_dying_child(f, start_and_die);
    fixture_reopen(f);
    la_sweep_row row = sample_sweep(f);
    row.spec_hash = "orphan";
    bool found;
    int64_t sweep, id;
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &sweep, &err));
    assert_true(found);
    expect_ok(la_store_sweep_adopt(f->store, sweep, &err));
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM attempt WHERE outcome = "
                                            "'interrupted' AND ended_utc IS NOT NULL"),
                     1);
    f->sweep = sweep;
    int64_t cell = planned(f, 0);
    uint64_t bits;
    expect_ok(la_store_rounds_done(f->store, cell, &bits, &err));
    assert_int_equal(bits, 1);
    expect_ok(la_store_claim(f->store, cell, 1, &id, &err));
    char text[64];
    query_text(f->store, "SELECT outcome FROM v_cell", text, sizeof text);
    assert_string_equal(text, "ok");
    assert_int_equal(query_number(f->store, "SELECT median_ns FROM v_time"), 1004500);
}

static void test_another_spec_seed_or_build_is_another_sweep(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    bool found;
    int64_t id;
    la_sweep_row row = sample_sweep(f);
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &id, &err));
    assert_true(found);
    assert_int_equal(id, f->sweep);
    row.spec_hash = "spec-2";
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &id, &err));
    assert_false(found);
    row = sample_sweep(f);
    row.seed = 1;
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &id, &err));
    assert_false(found);
    row = sample_sweep(f);
    row.build_id++;
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &id, &err));
    assert_false(found);
    row = sample_sweep(f);
    expect_ok(la_store_sweep_end(f->store, f->sweep, "interrupted", &err));
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &id, &err));
    assert_true(found);
    expect_ok(la_store_sweep_end(f->store, f->sweep, "done", &err));
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &id, &err));
    assert_false(found);
    assert_int_equal(la_store_sweep_end(f->store, f->sweep, "tired", &err), LA_E_ARG);
    assert_int_equal(la_store_sweep_adopt(f->store, 999, &err), LA_E_NOTFOUND);
}

static void test_a_live_owner_keeps_its_sweep(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    bool found;
    int64_t id;
    la_sweep_row row = sample_sweep(f);
    /* Owned by our parent, a live process that is not this one. */
    char sql[256];
    int fd = getppid();
    snprintf(sql, sizeof sql, "/proc/%d/stat", fd);
    FILE *stat = fopen(sql, "r");
    assert_non_null(stat);
    char text[1024] = {0};
    assert_true(fread(text, 1, sizeof text - 1, stat) > 0);
    fclose(stat);
    char *s = strrchr(text, ')');
    for (int field = 2; field < 22; field++) s = strchr(s + 1, ' ');
    snprintf(sql, sizeof sql, "UPDATE sweep SET owner_pid = %d, owner_start = %ld", fd,
             strtol(s, NULL, 10));
    assert_int_equal(raw_sql(f->path, sql), SQLITE_OK);
    assert_int_equal(la_store_sweep_find_open(f->store, &row, &found, &id, &err), LA_E_DB);
    assert_non_null(strstr(err.msg, "is open in sweep"));
    assert_non_null(strstr(err.msg, "Wait for it to end, or use another --db"));
    assert_int_equal(la_store_sweep_adopt(f->store, f->sweep, &err), LA_E_DB);
    /* The same pid with another start time is another process: the owner is dead. */
    assert_int_equal(raw_sql(f->path, "UPDATE sweep SET owner_start = owner_start + 1"), SQLITE_OK);
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &id, &err));
    assert_true(found);
    /* The machine was booted again. */
    assert_int_equal(raw_sql(f->path, "UPDATE sweep SET owner_start = owner_start - 1, "
                                      "owner_boot = 'earlier'"),
                     SQLITE_OK);
    expect_ok(la_store_sweep_find_open(f->store, &row, &found, &id, &err));
    /* Another host: alive while its heartbeat is young. */
    assert_int_equal(raw_sql(f->path, "UPDATE sweep SET owner_host = 'elsewhere', heartbeat_s = "
                                      "CAST(strftime('%s', 'now') AS INT) - 60"),
                     SQLITE_OK);
    assert_int_equal(la_store_sweep_find_open(f->store, &row, &found, &id, &err), LA_E_DB);
    assert_non_null(strstr(err.msg, "elsewhere"));
    assert_int_equal(
        raw_sql(f->path,
                "UPDATE sweep SET heartbeat_s = CAST(strftime('%s', 'now') AS INT) - 1000"),
        SQLITE_OK);
    expect_ok(la_store_sweep_adopt(f->store, f->sweep, &err));
    expect_ok(la_store_heartbeat(f->store, f->sweep, &err));
    assert_true(
        query_number(f->store,
                     "SELECT CAST(strftime('%s', 'now') AS INT) - heartbeat_s FROM sweep") <= 2);
}

static void test_a_taken_over_attempt_cannot_be_finished_by_its_first_owner(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    static attempt_data data;
    int64_t id;
    expect_ok(la_store_claim(f->store, planned(f, 0), 0, &id, &err));
    expect_ok(la_store_sweep_adopt(f->store, f->sweep, &err));
    la_attempt_row row = sample_attempt(&data, 5);
    assert_int_equal(la_store_finish(f->store, id, &row, &err), LA_E_DB);
    assert_non_null(strstr(err.msg, "another run took over"));
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM sample"), 0);
}

static void test_failures_can_be_opened_for_another_try(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    uint64_t bits;
    int64_t cells, ok = planned(f, 0), bad = planned(f, 1), id;
    finished(f, ok, 0, LA_OUTCOME_OK);
    finished(f, bad, 0, LA_OUTCOME_OK);
    finished(f, bad, 1, LA_OUTCOME_CRASH);
    expect_ok(la_store_retry(f->store, f->sweep, 1u << LA_OUTCOME_CRASH | 1u << LA_OUTCOME_ERROR,
                             &cells, &err));
    assert_int_equal(cells, 1);
    expect_ok(la_store_rounds_done(f->store, ok, &bits, &err));
    assert_int_equal(bits, 1);
    expect_ok(la_store_rounds_done(f->store, bad, &bits, &err));
    assert_int_equal(bits, 0);
    finished(f, bad, 0, LA_OUTCOME_OK);
    finished(f, bad, 1, LA_OUTCOME_OK);
    assert_int_equal(la_store_claim(f->store, bad, 1, &id, &err), LA_E_DB);
    char text[64];
    query_text(f->store, "SELECT outcome FROM v_cell WHERE variant = 'flash'", text, sizeof text);
    assert_string_equal(text, "ok");
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM attempt"), 5);
    assert_int_equal(query_number(f->store, "SELECT n_rounds FROM v_time WHERE variant = 'flash'"),
                     2);
}

/* Somebody writes: the beat is missed, and nobody waits for it. */
static void test_a_heartbeat_waits_for_nobody(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    int64_t start = la_now_ns();
    assert_int_equal(la_store_heartbeat(f->store, f->sweep, &err), LA_E_DB);
    assert_true(la_now_ns() - start < 5000000000);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    expect_ok(la_store_heartbeat(f->store, f->sweep, &err));
}

static void test_names_find_sweeps(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    int64_t second, id;
    la_sweep_row row = sample_sweep(f);
    expect_ok(la_store_sweep_new(f->store, &row, &second, &err));
    assert_int_equal(raw_sql(f->path,
                             "UPDATE sweep SET uuid = 'abcd0000-0000-0000-0000-000000000001'"
                             " WHERE sweep_id = 1;"
                             "UPDATE sweep SET uuid = 'abce0000-0000-0000-0000-000000000002'"
                             " WHERE sweep_id = 2"),
                     SQLITE_OK);
    expect_ok(la_store_sweep_resolve(f->store, "", &id, &err));
    assert_int_equal(id, second);
    expect_ok(la_store_sweep_resolve(f->store, NULL, &id, &err));
    assert_int_equal(id, second);
    expect_ok(la_store_sweep_resolve(f->store, "last", &id, &err));
    assert_int_equal(id, second);
    expect_ok(la_store_sweep_resolve(f->store, "ABCD", &id, &err));
    assert_int_equal(id, f->sweep);
    expect_ok(la_store_sweep_resolve(f->store, "abce0000-0000-0000-0000-000000000002", &id, &err));
    assert_int_equal(id, second);
    assert_int_equal(la_store_sweep_resolve(f->store, "abc", &id, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "2 sweeps"));
    static const char *const none[] = {"abcf", "a%", "_", "abcd0000-0000-0000-0000-000000000001x",
                                       "'"};
    for (size_t i = 0; i < LA_COUNT(none); i++)
        assert_int_equal(la_store_sweep_resolve(f->store, none[i], &id, &err), LA_E_NOTFOUND);
}

static void test_no_sweep_is_a_sentence(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    int64_t id;
    fixture_folder(&f);
    expect_ok(la_store_open(f.path, LA_STORE_WRITE, &f.store, &err));
    assert_int_equal(la_store_sweep_resolve(f.store, "last", &id, &err), LA_E_NOTFOUND);
    assert_non_null(strstr(err.msg, "holds no sweep yet"));
    fixture_release(&f);
}

static void test_two_sweeps_run_in_one_file_at_once(void **state)
{
    fixture *f = *state;
    la_err err = {0};
    pid_t child[2];
    for (int c = 0; c < 2; c++) {
        child[c] = fork();
        assert_true(child[c] >= 0);
        if (child[c]) continue;
        fixture mine = *f;
        la_sweep_row row = sample_sweep(f);
        row.spec_hash = c ? "left" : "right";
        if (la_store_open(f->path, LA_STORE_WRITE, &mine.store, &err) != LA_OK ||
            la_store_sweep_new(mine.store, &row, &mine.sweep, &err) != LA_OK)
            _exit(1);
        for (int i = 0; i < 20; i++) finished(&mine, planned(&mine, i), 0, LA_OUTCOME_OK);
        _exit(0);
    }
    for (int c = 0; c < 2; c++) {
        int status;
        waitpid(child[c], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(query_number(f->store, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"),
                     40);
}

static void test_many_processes_make_one_file(void **state)
{
    (void)state;
    enum { MAKERS = 8, TIMES = 5 };
    for (int t = 0; t < TIMES; t++) {
        fixture f;
        la_err err = {0};
        pid_t child[MAKERS];
        fixture_folder(&f);
        for (int c = 0; c < MAKERS; c++) {
            child[c] = fork();
            assert_true(child[c] >= 0);
            if (child[c]) continue;
            la_store *store;
            la_build_row build = sample_build();
            int64_t id;
            la_status st = la_store_open(f.path, LA_STORE_WRITE, &store, &err);
            if (st == LA_OK) st = la_store_build(store, &build, &id, &err);
            if (st != LA_OK) print_error("%s\n", err.msg);
            la_store_close(store);
            _exit(st == LA_OK ? 0 : 1);
        }
        for (int c = 0; c < MAKERS; c++) {
            int status;
            waitpid(child[c], &status, 0);
            assert_int_equal(status, 0);
        }
        expect_ok(la_store_open(f.path, LA_STORE_READ, &f.store, &err));
        assert_int_equal(query_number(f.store, "SELECT count(*) FROM migration"), 1);
        assert_int_equal(query_number(f.store, "SELECT count(*) FROM build"), 1);
        fixture_release(&f);
    }
}

static void test_a_handle_is_not_used_across_a_fork(void **state)
{
    fixture *f = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        la_err err = {0};
        _exit(la_store_heartbeat(f->store, f->sweep, &err) == LA_E_INTERNAL ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    static fixture f;
#define TEST(name) FIXTURE_TEST(name, &f)
    const struct CMUnitTest tests[] = {
        TEST(test_planning_twice_finds_the_same_cells),
        TEST(test_one_key_for_two_different_cells_is_refused),
        TEST(test_a_round_is_claimed_once),
        TEST(test_what_a_dead_process_left_is_continued),
        TEST(test_another_spec_seed_or_build_is_another_sweep),
        TEST(test_a_live_owner_keeps_its_sweep),
        TEST(test_a_taken_over_attempt_cannot_be_finished_by_its_first_owner),
        TEST(test_failures_can_be_opened_for_another_try),
        TEST(test_a_heartbeat_waits_for_nobody),
        TEST(test_names_find_sweeps),
        TEST(test_no_sweep_is_a_sentence),
        TEST(test_two_sweeps_run_in_one_file_at_once),
        TEST(test_many_processes_make_one_file),
        TEST(test_a_handle_is_not_used_across_a_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
