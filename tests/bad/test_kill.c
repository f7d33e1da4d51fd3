/* SPDX-License-Identifier: Apache-2.0
 * The process that runs a sweep is killed at random moments, and the same sweep continued: nothing is
 * lost, nothing is there twice, the database is sound, no worker is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "scratch.h"

enum { KILLS = 20, CELLS = 60, ROUNDS = 3 };

extern char **environ;

/* The sweep, as a program of its own: `sweep DB`. */
static int sweep_main(const char *db)
{
    la_plan plan = {0};
    la_err err = {0};
    la_status st = LA_OK;
    for (int i = 0; i < CELLS && st == LA_OK; i++)
        st = scratch_add(&plan, i % 2 ? "copy" : "null", 16 + i, ROUNDS, &err);
    char dir[80];
    la_run_settings settings = scratch_settings();
    scratch_cache_beside(db, &settings, dir);
    if (st == LA_OK) st = scratch_run(db, &plan, &settings, NULL, &err);
    la_plan_release(&plan);
    if (st != LA_OK) fprintf(stderr, "%s\n", err.msg);
    return st == LA_OK ? 0 : 1;
}

static pid_t start_sweep(const char *db)
{
    pid_t pid;
    char path[80], word[] = "sweep", name[] = "sweep";
    snprintf(path, sizeof path, "%s", db);
    char *argv[] = {name, word, path, NULL};
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    return pid;
}

static int end_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int64_t finished(const char *db)
{
    return access(db, F_OK) == 0
               ? scratch_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'attempt'") ==
                         1
                     ? scratch_number(db, "SELECT count(*) FROM attempt WHERE outcome = 'ok'")
                     : 0
               : 0;
}

static void test_kills_lose_nothing(void **state)
{
    (void)state;
    scratch s;
    scratch_make(&s);
    int killed = 0;
    int64_t done = 0;
    uint64_t longest_ms = 400;
    /* Until half of it is done: how often that is depends on the machine. */
    for (uint64_t k = 0; k < KILLS && done < CELLS * ROUNDS / 2; k++) {
        pid_t pid = start_sweep(s.db);
        la_sleep_ns((int64_t)(20 + la_random_below(la_stream(20, k, 0), 0, longest_ms)) * 1000000);
        kill(pid, SIGKILL);
        int status = end_of(pid);
        if (!WIFSIGNALED(status)) { /* it was faster; the next start would be another sweep */
            assert_int_equal(WEXITSTATUS(status), 0);
            done = finished(s.db);
            break;
        }
        killed++;
        int64_t now = finished(s.db);
        if (now < done) fail_msg("%d attempts were finished, %d are left", (int)done, (int)now);
        done = now;
        if (done == 0 && longest_ms < 30000) longest_ms *= 2; /* a slow machine is still starting */
    }
    print_message("%d kills hit, %d of %d attempts done by then\n", killed, (int)done,
                  CELLS * ROUNDS);
    assert_true(killed > 1);
    assert_true(done > 0);
    /* Workers die with their runner, at the latest when they next touch the pipe. */
    scratch_wait_for_workers(0);

    if (done < CELLS * ROUNDS) assert_int_equal(end_of(start_sweep(s.db)), 0);
    assert_true(scratch_is_sound(s.db));
    const char *db = s.db;
    assert_int_equal(scratch_number(db, "SELECT count(*) FROM sweep"), 1);
    assert_int_equal(scratch_number(db, "SELECT count(*) FROM cell"), CELLS);
    assert_int_equal(scratch_number(db, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"),
                     CELLS * ROUNDS);
    assert_int_equal(scratch_number(db,
                                    "SELECT count(*) FROM (SELECT 1 FROM attempt WHERE "
                                    "outcome = 'ok' GROUP BY cell_id, round HAVING count(*) > 1)"),
                     0);
    assert_int_equal(scratch_number(db, "SELECT count(*) FROM attempt WHERE outcome IS NULL"), 0);
    assert_int_equal(scratch_number(db, "SELECT count(*) FROM attempt WHERE outcome NOT IN "
                                        "('ok', 'interrupted')"),
                     0);
    assert_true(scratch_number(db, "SELECT count(*) FROM attempt WHERE outcome = 'interrupted'") <=
                killed);
    assert_int_equal(scratch_number(db, "SELECT count(*) FROM attempt a WHERE outcome = 'ok' AND "
                                        "NOT EXISTS (SELECT 1 FROM sample s WHERE s.attempt_id = "
                                        "a.attempt_id)"),
                     0);
    scratch_remove(&s);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return la_worker_main(4, 3);
    if (argc == 3 && strcmp(argv[1], "sweep") == 0) return sweep_main(argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kills_lose_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
