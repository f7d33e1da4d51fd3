/* SPDX-License-Identifier: Apache-2.0
 * Memory runs out in the runner: the n-th allocation fails, for n = 1, 2, ... until a whole sweep gets
 * through. An error is returned, nothing is leaked, the database stays sound and can be continued.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "alloc.h"
#include "scratch.h"

enum { MOST = 3000 };

/* A refused cell, one that is too large, and (dear: it starts a process) one that runs. */
static la_status small_sweep(const char *db, bool with_worker, la_err *err)
{
    la_plan plan = {0};
    la_status st = scratch_add(&plan, "softmax", 1 << 15, 3, err);
    if (st == LA_OK && with_worker) st = scratch_add(&plan, "null", 64, 1, err);
    la_run_settings settings = scratch_settings();
    if (st == LA_OK) st = scratch_run(db, &plan, &settings, NULL, err);
    la_plan_release(&plan);
    return st;
}

/* Counts from 1 upwards: `step` allocations later each time. Returns the n that was not reached. */
static long fail_each(bool with_worker, bool and_all_later, long first, long step)
{
    scratch s;
    scratch_make(&s);
    size_t live = la_mem_live();
    long n = first;
    for (; n < MOST; n += step) {
        la_err err = {0};
        unlink(s.db);
        long before = la_mem_count();
        la_mem_fail_at(n, and_all_later);
        la_status st = small_sweep(s.db, with_worker, &err);
        long used = la_mem_count() - before;
        la_mem_fail_at(0, false);
        if (la_mem_live() != live)
            fail_msg("allocation %ld: %zu bytes leaked", n, la_mem_live() - live);
        if (used < n) {
            assert_int_equal(st, LA_OK);
            break;
        }
        if (st == LA_OK) fail_msg("allocation %ld failed and nobody noticed", n);
        assert_true(st == LA_E_NOMEM || st == LA_E_DB || st == LA_E_IO);
        if (!*err.msg) fail_msg("allocation %ld: status %d without a message", n, st);
        if (access(s.db, F_OK) == 0 &&
            scratch_number(s.db, "SELECT count(*) FROM sqlite_schema") > 0 &&
            !scratch_is_sound(s.db))
            fail_msg("allocation %ld: the database is damaged", n);
    }
    /* What the last failure left is continued. */
    assert_true(n < MOST);
    scratch_remove(&s);
    return n;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    long n = fail_each(false, false, 1, 1);
    print_message("%ld allocations without a worker\n", n - 1);
    assert_true(n > 20);
}

static void test_all_later_ones_may_fail_too(void **state)
{
    (void)state;
    assert_true(fail_each(false, true, 1, 3) > 20);
}

static void test_with_a_worker_running(void **state)
{
    (void)state;
    long n = fail_each(true, false, 2, 4);
    print_message("%ld allocations with a worker\n", n - 1);
}

static void test_a_sweep_continues_after_the_failure(void **state)
{
    (void)state;
    scratch s;
    la_err err = {0};
    scratch_make(&s);
    la_mem_fail_at(60, true);
    assert_true(small_sweep(s.db, true, &err) != LA_OK);
    la_mem_fail_at(0, false);
    la_status st = small_sweep(s.db, true, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    assert_int_equal(scratch_number(s.db, "SELECT count(*) FROM v_outcome WHERE outcome = 'ok'"),
                     1);
    assert_int_equal(
        scratch_number(s.db, "SELECT count(*) FROM v_outcome WHERE outcome = 'predicted_oom'"), 1);
    scratch_remove(&s);
}

static int nothing_is_left(void **state)
{
    (void)state;
    return la_mem_live() != 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return la_worker_main(4, 3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_all_later_ones_may_fail_too),
        cmocka_unit_test(test_with_a_worker_running),
        cmocka_unit_test(test_a_sweep_continues_after_the_failure),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
