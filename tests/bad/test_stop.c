/* SPDX-License-Identifier: Apache-2.0
 * Signals: a sweep ends within two seconds, keeps what was finished and can be continued, even while
 * its worker hangs and ignores SIGTERM.
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
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "bad_variants.h"
#include "clock.h"
#include "scratch.h"

extern char **environ;

/* null, then a hang, then copy, in this order; `how` is "hang", or "end" where the hang answers like others. */
static int sweep_main(const char *db, const char *how)
{
    la_plan plan = {0};
    la_err err = {0};
    la_status st = scratch_add(&plan, "null", 64, 1, &err);
    if (st == LA_OK) st = scratch_add(&plan, "bad_hang", 64, 1, &err);
    if (st == LA_OK) st = scratch_add(&plan, "copy", 64, 1, &err);
    char dir[80];
    la_run_settings settings = scratch_settings();
    scratch_cache_beside(db, &settings, dir);
    settings.given_order = true;
    if (strcmp(how, "end") == 0) setenv("BAD_HANG_ENDS", "1", 1);
    if (st == LA_OK) st = scratch_run(db, &plan, &settings, NULL, &err);
    la_plan_release(&plan);
    if (st == LA_E_INTERRUPTED) return 128 + la_run_signal();
    if (st != LA_OK) fprintf(stderr, "%s\n", err.msg);
    return st == LA_OK ? 0 : 1;
}

static pid_t start_sweep(const char *db, const char *how)
{
    pid_t pid;
    char path[80], word[] = "sweep", last[8];
    snprintf(path, sizeof path, "%s", db);
    snprintf(last, sizeof last, "%s", how);
    char *argv[] = {word, word, path, last, NULL};
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    return pid;
}

static int exit_code(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status)) fail_msg("the sweep died of signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* Until the worker of the second cell runs. */
static void wait_for_the_hang(const char *db)
{
    for (int tries = 0; tries < 1200; tries++) {
        la_sleep_ns(50000000);
        if (access(db, F_OK) == 0 &&
            scratch_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'attempt'") == 1 &&
            scratch_number(db, "SELECT count(*) FROM attempt") == 2 && scratch_workers() == 1)
            return;
    }
    fail_msg("the hang had not begun after a minute");
}

/* Seconds from the signal to the end. */
static double stopped_by(int signal, int times)
{
    scratch s;
    scratch_make(&s);
    pid_t pid = start_sweep(s.db, "hang");
    wait_for_the_hang(s.db);
    la_sleep_ns(200000000);
    int64_t start = la_now_ns();
    for (int i = 0; i < times; i++) kill(pid, signal);
    assert_int_equal(exit_code(pid), 128 + signal);
    double took = (double)(la_now_ns() - start) / 1e9;
    scratch_wait_for_workers(0);
    assert_true(scratch_is_sound(s.db));
    assert_int_equal(scratch_number(s.db, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"), 1);
    if (times == 1) {
        assert_int_equal(
            scratch_number(s.db, "SELECT count(*) FROM attempt WHERE outcome = 'interrupted'"), 1);
        assert_int_equal(
            scratch_number(s.db, "SELECT count(*) FROM sweep WHERE state = 'interrupted'"), 1);
    }
    assert_int_equal(exit_code(start_sweep(s.db, "end")), 0);
    assert_int_equal(scratch_number(s.db, "SELECT count(*) FROM sweep"), 1);
    assert_int_equal(scratch_number(s.db, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"), 3);
    scratch_remove(&s);
    return took;
}

/* One of three is enough: others may have the machine for seconds. */
static void stops_within_two_seconds(int signal, int times)
{
    double took[3] = {0};
    for (int i = 0; i < 3; i++) {
        took[i] = stopped_by(signal, times);
        if (took[i] <= 2) return;
    }
    fail_msg("%.2f, %.2f, %.2f s from signal %d to the end", took[0], took[1], took[2], signal);
}

static void test_sigint_stops_within_two_seconds(void **state)
{
    (void)state;
    stops_within_two_seconds(SIGINT, 1);
}

static void test_sigterm_likewise(void **state)
{
    (void)state;
    stops_within_two_seconds(SIGTERM, 1);
}

static void test_a_second_sigint_leaves_at_once(void **state)
{
    (void)state;
    stops_within_two_seconds(SIGINT, 2);
}

int main(int argc, char **argv)
{
    bad_register();
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return la_worker_main(4, 3);
    if (argc == 4 && strcmp(argv[1], "sweep") == 0) return sweep_main(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigint_stops_within_two_seconds),
        cmocka_unit_test(test_sigterm_likewise),
        cmocka_unit_test(test_a_second_sigint_leaves_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
