/* SPDX-License-Identifier: Apache-2.0
 * Trainings side by side of which one crashes, hangs or takes too much memory, and runs of several that
 * are stopped or killed: the others are left alone, nothing is left behind, and the end is the same.
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

enum { KILLS = 8 };

extern char **environ;

static la_run_settings settings_of(int jobs)
{
    la_run_settings settings = scratch_settings();
    settings.memory_limit = (size_t)1 << 30;
    settings.checkpoint_s = 0.05;
    settings.jobs = jobs;
    return settings;
}

static la_status run(const char *db, const char *variants, const char *rates, const char *steps,
                     const la_run_settings *settings, size_t *totals)
{
    la_plan plan;
    la_err err = {0};
    la_status st = scratch_models(&plan, variants, rates, steps, 1, &err);
    if (st == LA_OK) {
        st = scratch_run(db, &plan, settings, totals, &err);
        la_plan_release(&plan);
    }
    if (st != LA_OK) fprintf(stderr, "%s\n", err.msg);
    return st;
}

/* ---- one that misbehaves beside one that does not ---- */

static void beside_softmax(const char *bad, la_outcome outcome, const char *steps, double timeout_s)
{
    scratch s;
    char variants[64];
    size_t totals[LA_OUTCOME_COUNT];
    la_run_settings settings = settings_of(2);
    if (timeout_s > 0) settings.timeout_s = timeout_s;
    snprintf(variants, sizeof variants, "%s,softmax", bad);
    scratch_make(&s);
    assert_int_equal(run(s.db, variants, "0.01", steps, &settings, totals), LA_OK);
    for (int o = 0; o < LA_OUTCOME_COUNT; o++)
        if (totals[o]) print_message("%zu %s\n", totals[o], la_outcome_word((la_outcome)o));
    assert_int_equal(totals[LA_OUTCOME_OK], 3); /* softmax: its training and two evaluations */
    assert_int_equal(totals[outcome], 1);
    assert_int_equal(totals[LA_OUTCOME_UNSUPPORTED], 2); /* no model */
    assert_int_equal(scratch_number(s.db, "SELECT count(*) FROM attempt JOIN v_cell USING(cell_id) "
                                          "WHERE variant = 'softmax' AND attempt.outcome <> 'ok'"),
                     0);
    assert_true(scratch_is_sound(s.db));
    scratch_wait_for_workers(0);
    scratch_remove(&s);
}

static void test_a_crash_leaves_the_other_alone(void **state)
{
    (void)state;
    beside_softmax("bad_segv_back", LA_OUTCOME_CRASH, "400", 0);
}

static void test_a_hang_costs_its_own_timeout(void **state)
{
    (void)state;
    /* The limit is that of softmax too, which takes a sixtieth of it. */
    beside_softmax("bad_hang_back", LA_OUTCOME_TIMEOUT, "100", 10);
}

static void test_one_that_eats_memory_is_stopped(void **state)
{
    (void)state;
    beside_softmax("bad_eat_back", LA_OUTCOME_OOM_HOST, "400", 0);
}

/* Each fits, as nobody could predict not both together: one is stopped, and done again alone. */
static void test_too_much_together_is_done_one_by_one(void **state)
{
    (void)state;
    scratch s;
    size_t totals[LA_OUTCOME_COUNT];
    la_run_settings settings = settings_of(2);
    scratch_make(&s);
    setenv("BAD_MEETING", s.dir, 1);
    assert_int_equal(run(s.db, "bad_bulky_back", "0.01,0.003", "10", &settings, totals), LA_OK);
    unsetenv("BAD_MEETING");
    assert_int_equal(totals[LA_OUTCOME_OK], 4);
    assert_int_equal(scratch_number(s.db, "SELECT count(*) FROM attempt WHERE outcome = "
                                          "'interrupted' AND message LIKE '%with those beside%'"),
                     1);
    scratch_remove(&s);
}

static void test_fail_fast_stops_the_others(void **state)
{
    (void)state;
    scratch s;
    size_t totals[LA_OUTCOME_COUNT];
    la_run_settings settings = settings_of(2);
    settings.fail_fast = true;
    scratch_make(&s);
    assert_int_equal(run(s.db, "softmax,bad_segv_back", "0.01", "20000", &settings, totals),
                     LA_E_INTERRUPTED);
    assert_int_equal(totals[LA_OUTCOME_CRASH], 1);
    assert_int_equal(totals[LA_OUTCOME_OK], 0);
    assert_int_equal(
        scratch_number(s.db, "SELECT count(*) FROM attempt WHERE outcome = 'interrupted'"), 1);
    scratch_wait_for_workers(0);
    scratch_remove(&s);
}

/* ---- a run that is stopped or killed ---- */

/* `sweep DB hang`: three at work for long, for at this rate none learns its task and ends by that, and one
 * ignores SIGTERM; `sweep DB learn`: six models. */
static int sweep_main(const char *db, const char *what)
{
    bool hang = strcmp(what, "hang") == 0;
    char dir[80];
    la_run_settings settings = settings_of(3);
    scratch_cache_beside(db, &settings, dir);
    la_status st = hang
                       ? run(db, "softmax,bad_hang_back,linear", "1e-9", "1000000", &settings, NULL)
                       : run(db, "softmax,linear", "0.01,0.003,0.001", "600", &settings, NULL);
    if (st == LA_E_INTERRUPTED) return 128 + la_run_signal();
    return st == LA_OK ? 0 : 1;
}

static pid_t start_sweep(const char *db, const char *what)
{
    pid_t pid;
    char path[80], word[] = "sweep", kind[8];
    snprintf(path, sizeof path, "%s", db);
    snprintf(kind, sizeof kind, "%s", what);
    char *argv[] = {word, word, path, kind, NULL};
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    return pid;
}

static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Seconds from the signal to the end. */
static double stopped_by(int times)
{
    scratch s;
    scratch_make(&s);
    pid_t pid = start_sweep(s.db, "hang");
    scratch_wait_for_workers(3);
    la_sleep_ns(300000000);
    int64_t start = la_now_ns();
    for (int i = 0; i < times; i++) kill(pid, SIGINT);
    int status = status_of(pid);
    double took = (double)(la_now_ns() - start) / 1e9;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT);
    scratch_wait_for_workers(0);
    assert_true(scratch_is_sound(s.db));
    if (times == 1) {
        assert_int_equal(
            scratch_number(s.db, "SELECT count(*) FROM attempt WHERE outcome = 'interrupted'"), 3);
        assert_int_equal(
            scratch_number(s.db, "SELECT count(*) FROM sweep WHERE state = 'interrupted'"), 1);
    }
    scratch_remove(&s);
    return took;
}

/* One of three is enough: others may have the machine for seconds. */
static void stops_within_two_seconds(int times)
{
    double took[3] = {0};
    for (int i = 0; i < 3; i++) {
        took[i] = stopped_by(times);
        if (took[i] <= 2) return;
    }
    fail_msg("%.2f, %.2f, %.2f s from the signal to the end", took[0], took[1], took[2]);
}

static void test_sigint_stops_all_within_two_seconds(void **state)
{
    (void)state;
    stops_within_two_seconds(1);
}

static void test_a_second_sigint_kills_all(void **state)
{
    (void)state;
    stops_within_two_seconds(2);
}

/* The digests of all models, in the order of their keys. */
static void digests(const char *db, char out[400])
{
    la_store *store;
    la_query *q;
    bool more;
    assert_int_equal(la_store_open(db, LA_STORE_READ, &store, NULL), LA_OK);
    assert_int_equal(la_query_open(store,
                                   "SELECT group_concat(digest) FROM (SELECT digest FROM model "
                                   "ORDER BY key)",
                                   NULL, 0, &q, NULL),
                     LA_OK);
    assert_int_equal(la_query_next(q, &more, NULL), LA_OK);
    snprintf(out, 400, "%s", la_query_text(q, 0));
    la_query_close(q);
    la_store_close(store);
}

/* Killed with three at work again and again, and continued: the models are those of an unbroken run of one
 * after another. */
static void test_a_killed_run_ends_with_the_same_models(void **state)
{
    (void)state;
    scratch whole, cut;
    size_t totals[LA_OUTCOME_COUNT];
    la_run_settings settings = settings_of(1);
    scratch_make(&whole);
    scratch_make(&cut);
    assert_int_equal(run(whole.db, "softmax,linear", "0.01,0.003,0.001", "600", &settings, totals),
                     LA_OK);
    assert_int_equal(totals[LA_OUTCOME_OK], 10);
    int killed = 0;
    for (uint64_t k = 0; k < KILLS; k++) {
        pid_t pid = start_sweep(cut.db, "learn");
        la_sleep_ns((int64_t)(150 + la_random_below(la_stream(8, k, 0), 0, 500)) * 1000000);
        kill(pid, k % 2 ? SIGINT : SIGKILL);
        int status = status_of(pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
        killed++;
        scratch_wait_for_workers(0);
    }
    assert_true(killed > 0);
    print_message("%d kills hit\n", killed);
    settings.jobs = 3;
    assert_int_equal(run(cut.db, "softmax,linear", "0.01,0.003,0.001", "600", &settings, totals),
                     LA_OK);
    assert_int_equal(totals[LA_OUTCOME_OK], 10);
    assert_int_equal(scratch_number(cut.db, "SELECT count(*) FROM (SELECT 1 FROM attempt WHERE "
                                            "outcome = 'ok' GROUP BY cell_id, round HAVING "
                                            "count(*) > 1)"),
                     0);
    assert_int_equal(scratch_number(cut.db, "SELECT count(*) FROM attempt WHERE outcome IS NULL"),
                     0);
    char expected[400], found[400];
    digests(whole.db, expected);
    digests(cut.db, found);
    assert_int_equal(strlen(found), 6 * 33 - 1);
    assert_string_equal(found, expected);
    assert_true(scratch_is_sound(cut.db));
    scratch_remove(&whole);
    scratch_remove(&cut);
}

static int nothing_is_left(void **state)
{
    (void)state;
    return la_mem_live() != 0;
}

int main(int argc, char **argv)
{
    bad_register();
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return la_worker_main(4, 3);
    if (argc == 4 && strcmp(argv[1], "sweep") == 0) return sweep_main(argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_crash_leaves_the_other_alone),
        cmocka_unit_test(test_a_hang_costs_its_own_timeout),
        cmocka_unit_test(test_one_that_eats_memory_is_stopped),
        cmocka_unit_test(test_too_much_together_is_done_one_by_one),
        cmocka_unit_test(test_fail_fast_stops_the_others),
        cmocka_unit_test(test_sigint_stops_all_within_two_seconds),
        cmocka_unit_test(test_a_second_sigint_kills_all),
        cmocka_unit_test(test_a_killed_run_ends_with_the_same_models),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
