/* SPDX-License-Identifier: Apache-2.0
 * A writer is killed with SIGKILL at random moments, again and again. After each kill the file is
 * whole, every attempt that was reported finished is there with all its samples, none is there twice.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"

enum { KILLS = 30, CELLS = 60, ROUNDS = 3, SAMPLES = 100, ALL = CELLS * ROUNDS };

static fixture f;
static attempt_data data;

/* Continues the sweep as a run does, and tells each finished attempt (its id) to fd after the store
 * said that it is in. After `most` of them it waits for its end, or a kill that comes late on a busy machine would
 * come after all. Ends with status 0 when all is done. */
static void writer(int fd, size_t most)
{
    la_err err = {0};
    la_store *store;
    la_sweep_row sweep = sample_sweep(&f);
    char keys[CELLS][33];
    la_cell_row rows[CELLS];
    int64_t ids[CELLS], sweep_id, id;
    bool found;
    if (la_store_open(f.path, LA_STORE_WRITE, &store, &err) != LA_OK) goto failed;
    if (la_store_sweep_find_open(store, &sweep, &found, &sweep_id, &err) != LA_OK) goto failed;
    if (found ? la_store_sweep_adopt(store, sweep_id, &err) != LA_OK
              : la_store_sweep_new(store, &sweep, &sweep_id, &err) != LA_OK)
        goto failed;
    for (int i = 0; i < CELLS; i++) rows[i] = sample_cell(i, keys[i]);
    if (la_store_plan(store, sweep_id, f.device, rows, CELLS, ids, &err) != LA_OK) goto failed;
    la_attempt_row row = sample_attempt(&data, SAMPLES);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CELLS; i++) {
            uint64_t bits;
            if (la_store_rounds_done(store, ids[i], &bits, &err) != LA_OK) goto failed;
            if (bits >> round & 1) continue;
            if (la_store_claim(store, ids[i], round, &id, &err) != LA_OK ||
                la_store_finish(store, id, &row, &err) != LA_OK)
                goto failed;
            if (write(fd, &id, sizeof id) != sizeof id) _exit(3);
            if (--most == 0) pause();
        }
    la_store_sweep_end(store, sweep_id, "done", &err);
    _exit(0);
failed:
    print_error("%s\n", err.msg);
    _exit(2);
}

static int64_t reported[ALL * 2];
static size_t n_reported;

static void take_reports(int fd, size_t most)
{
    int64_t id;
    for (size_t i = 0; i < most && read(fd, &id, sizeof id) == sizeof id; i++) {
        assert_true(n_reported < LA_COUNT(reported));
        reported[n_reported++] = id;
    }
}

/* Starts a writer; kills it `us` microseconds after it reported `reports` attempts, or lets it end
 * when us is negative. Returns its wait status. */
static int run_and_kill(size_t reports, int us)
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        writer(fds[1], us >= 0 ? reports + 3 : SIZE_MAX);
    }
    close(fds[1]);
    if (us >= 0) {
        take_reports(fds[0], reports);
        usleep((useconds_t)us);
        kill(pid, SIGKILL);
    }
    take_reports(fds[0], SIZE_MAX);
    close(fds[0]);
    waitpid(pid, &status, 0);
    return status;
}

static void assert_whole(void)
{
    la_err err = {0};
    la_store *store;
    /* Reading works at once, journal or not; writing may be first as well. */
    expect_ok(la_store_open(f.path, n_reported % 2 ? LA_STORE_READ : LA_STORE_WRITE, &store, &err));
    char text[64];
    query_text(store, "SELECT integrity_check FROM pragma_integrity_check", text, sizeof text);
    assert_string_equal(text, "ok");
    assert_int_equal(query_number(store, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_int_equal(query_number(store, "SELECT count(*) FROM sweep WHERE spec_hash = 'spec-1'"),
                     n_reported || query_number(store, "SELECT count(*) FROM cell") > 0
                         ? 1
                         : query_number(store, "SELECT count(*) FROM sweep"));
    /* Samples and metrics of finished attempts are complete; there are none of others. */
    assert_int_equal(query_number(store,
                                  "SELECT count(*) FROM attempt a WHERE (outcome IS 'ok') <> "
                                  "((SELECT count(*) FROM sample s WHERE s.attempt_id = "
                                  "a.attempt_id) = 100)"),
                     0);
    assert_int_equal(query_number(store,
                                  "SELECT count(*) FROM (SELECT 1 FROM attempt WHERE outcome "
                                  "= 'ok' GROUP BY cell_id, round HAVING count(*) > 1)"),
                     0);
    for (size_t i = 0; i < n_reported; i++) {
        char sql[96];
        snprintf(sql, sizeof sql, "SELECT outcome FROM attempt WHERE attempt_id = %lld",
                 (long long)reported[i]);
        query_text(store, sql, text, sizeof text);
        assert_string_equal(text, "ok");
    }
    la_store_close(store);
}

static void test_kills_lose_nothing_and_count_nothing_twice(void **state)
{
    (void)state;
    fixture_folder(&f);
    la_err err = {0};
    expect_ok(la_store_open(f.path, LA_STORE_WRITE, &f.store, &err));
    la_machine_row machine = sample_machine();
    la_device_row device = sample_device();
    la_build_row build = sample_build();
    expect_ok(la_store_machine(f.store, &machine, &f.machine, &err));
    expect_ok(la_store_device(f.store, f.machine, &device, &f.device, &err));
    expect_ok(la_store_build(f.store, &build, &f.build, &err));
    la_store_close(f.store);
    f.store = NULL;
    unsigned random = 20261121;
    int killed = 0, at_work = 0;
    for (int k = 0; k < KILLS; k++) {
        size_t before = n_reported;
        random = random * 1103515245 + 12345;
        /* Every fourth while it opens, adopts or plans, the others while it stores. */
        int status = run_and_kill(k % 4 ? (size_t)(1 + k % 3) : 0,
                                  (int)(random / 65536 % (k % 4 ? 2000 : 10000)));
        killed += WIFSIGNALED(status);
        at_work += n_reported > before;
        if (!WIFSIGNALED(status)) assert_int_equal(status, 0);
        assert_whole();
    }
    print_message("%d kills hit a writer, %d while it was storing, %zu of %d attempts done\n",
                  killed, at_work, n_reported, ALL);
    assert_true(killed >= KILLS / 2 && at_work >= KILLS / 2);
    assert_int_equal(run_and_kill(0, -1), 0);
    assert_whole();
    expect_ok(la_store_open(f.path, LA_STORE_READ, &f.store, &err));
    assert_int_equal(query_number(f.store, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"),
                     ALL);
    assert_int_equal(query_number(f.store, "SELECT count(*) FROM v_time WHERE n = 300"), CELLS);
    /* At most one attempt is redone for each kill. */
    assert_true(query_number(f.store, "SELECT count(*) FROM attempt WHERE outcome <> 'ok'") <=
                KILLS);
    fixture_release(&f);
    assert_int_equal(la_mem_live(), 0);
}

/* Making the file is atomic as well. */
static void test_kills_while_the_file_is_made(void **state)
{
    (void)state;
    unsigned random = 7;
    for (int k = 0; k < KILLS; k++) {
        la_err err = {0};
        fixture_folder(&f);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            la_store *store;
            _exit(la_store_open(f.path, LA_STORE_WRITE, &store, &err) == LA_OK ? 0 : 1);
        }
        random = random * 1103515245 + 12345;
        usleep(random / 65536 % 6000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        expect_ok(la_store_open(f.path, LA_STORE_WRITE, &f.store, &err));
        assert_int_equal(query_number(f.store, "SELECT count(*) FROM migration"), 1);
        fixture_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kills_lose_nothing_and_count_nothing_twice),
        cmocka_unit_test(test_kills_while_the_file_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
