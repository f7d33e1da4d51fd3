/* SPDX-License-Identifier: Apache-2.0
 * A sweep with one variant of each bad habit: each costs its own rows only.
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
#include "bad_variants.h"
#include "clock.h"
#include "scratch.h"

typedef struct sweep {
    scratch s;
    size_t totals[LA_OUTCOME_COUNT];
    double seconds;
} sweep;

static int run_sweep(void **state)
{
    static sweep w;
    la_plan plan = {0};
    la_err err = {0};
    scratch_make(&w.s);
    *state = &w;
    la_status st = scratch_add(&plan, "null", 64, 3, &err);
    for (size_t i = 0; i < bad_habits_len && st == LA_OK; i++)
        st = scratch_add_pass(&plan, bad_habits[i].variant, bad_habits[i].pass, 64, 3, &err);
    if (st == LA_OK) st = scratch_add(&plan, "copy", 64, 3, &err);
    la_run_settings settings = scratch_settings();
    int64_t start = la_now_ns();
    if (st == LA_OK) st = scratch_run(w.s.db, &plan, &settings, w.totals, &err);
    w.seconds = (double)(la_now_ns() - start) / 1e9;
    la_plan_release(&plan);
    if (st != LA_OK) print_error("%s\n", err.msg);
    return st != LA_OK;
}

static int remove_sweep(void **state)
{
    scratch_remove(&((sweep *)*state)->s);
    return la_mem_live() != 0;
}

static la_query *ask(la_store *store, const char *variant)
{
    la_query *q = NULL;
    la_err err = {0};
    const char *args[] = {variant};
    if (la_query_open(store,
                      "SELECT x.outcome, coalesce(x.signal, 0), coalesce(x.message, ''), "
                      "x.rounds_done, (SELECT count(*) FROM attempt a JOIN sample s ON "
                      "s.attempt_id = a.attempt_id WHERE a.cell_id = x.cell_id), "
                      "(SELECT max(length(stderr_tail)) FROM attempt a WHERE a.cell_id = x.cell_id)"
                      " FROM v_cell x WHERE x.variant = ?1",
                      args, 1, &q, &err) != LA_OK)
        fail_msg("%s", err.msg);
    return q;
}

static void test_each_habit_has_its_word(void **state)
{
    sweep *w = *state;
    la_store *store;
    bool more, all_right = true;
    assert_int_equal(la_store_open(w->s.db, LA_STORE_READ, &store, NULL), LA_OK);
    for (size_t i = 0; i < bad_habits_len; i++) {
        const bad_habit *h = &bad_habits[i];
        la_query *q = ask(store, h->variant);
        assert_int_equal(la_query_next(q, &more, NULL), LA_OK);
        assert_true(more);
        const char *outcome = la_query_text(q, 0), *message = la_query_text(q, 2);
        bool right = strcmp(outcome, la_outcome_word(h->outcome)) == 0 &&
                     (!h->signal || la_query_int(q, 1) == h->signal) &&
                     (!h->message || strstr(message, h->message)) &&
                     la_query_int(q, 3) == (h->outcome == LA_OUTCOME_OK ? 3 : 1);
        if (!right)
            print_error("%s: %s, signal %d, rounds %d, '%s'\n", h->variant, outcome,
                        (int)la_query_int(q, 1), (int)la_query_int(q, 3), message);
        all_right = all_right && right;
        la_query_close(q);
    }
    la_store_close(store);
    assert_true(all_right);
}

static void test_the_others_finish(void **state)
{
    sweep *w = *state;
    la_store *store;
    bool more;
    static const char *const good[] = {"null", "copy"};
    assert_int_equal(la_store_open(w->s.db, LA_STORE_READ, &store, NULL), LA_OK);
    for (size_t i = 0; i < 2; i++) {
        la_query *q = ask(store, good[i]);
        assert_int_equal(la_query_next(q, &more, NULL), LA_OK);
        assert_string_equal(la_query_text(q, 0), "ok");
        assert_int_equal(la_query_int(q, 3), 3);
        assert_true(la_query_int(q, 4) >= 9);
        la_query_close(q);
    }
    la_store_close(store);
}

static void test_totals_count_cells(void **state)
{
    sweep *w = *state;
    size_t all = 0, want[LA_OUTCOME_COUNT] = {[LA_OUTCOME_OK] = 2};
    for (size_t i = 0; i < bad_habits_len; i++) want[bad_habits[i].outcome]++;
    for (int o = 0; o < LA_OUTCOME_COUNT; o++) {
        all += w->totals[o];
        assert_int_equal(w->totals[o], want[o]);
    }
    assert_int_equal(all, bad_habits_len + 2);
}

static void test_a_flood_keeps_its_last_64_kib(void **state)
{
    sweep *w = *state;
    int64_t len = scratch_number(w->s.db, "SELECT max(length(stderr_tail)) FROM attempt");
    assert_int_equal(len, 65536);
    int64_t with_words = scratch_number(
        w->s.db, "SELECT count(*) FROM attempt WHERE stderr_tail LIKE '%about to abort%'");
    assert_int_equal(with_words, 1);
}

static void test_nothing_is_left_behind(void **state)
{
    sweep *w = *state;
    assert_true(scratch_is_sound(w->s.db));
    assert_int_equal(scratch_workers(), 0);
    assert_int_equal(scratch_number(w->s.db, "SELECT count(*) FROM attempt WHERE outcome IS NULL"),
                     0);
}

static void test_timeouts_cost_their_limit_and_little_more(void **state)
{
    sweep *w = *state;
    size_t slow = 0;
    for (size_t i = 0; i < bad_habits_len; i++) slow += bad_habits[i].slow;
    /* 6 s each and 2 s of grace, and what the machine is busy with. */
    assert_true(w->seconds < 8.0 * (double)slow + 40);
    int64_t longest = scratch_number(w->s.db, "SELECT max(wall_ns) FROM attempt");
    assert_true(longest > 6000000000 && longest < 14000000000);
}

int main(int argc, char **argv)
{
    bad_register();
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return la_worker_main(4, 3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_habit_has_its_word),
        cmocka_unit_test(test_the_others_finish),
        cmocka_unit_test(test_totals_count_cells),
        cmocka_unit_test(test_a_flood_keeps_its_last_64_kib),
        cmocka_unit_test(test_nothing_is_left_behind),
        cmocka_unit_test(test_timeouts_cost_their_limit_and_little_more),
    };
    return cmocka_run_group_tests(tests, run_sweep, remove_sweep);
}
