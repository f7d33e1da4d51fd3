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
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "alloc.h"
#include "bad_variants.h"
#include "scratch.h"

#define LIMIT_S 6

typedef struct sweep {
    scratch s;
    size_t totals[LA_OUTCOME_COUNT];
} sweep;

/* The slow ones with a limit that ends them, or all others with one that a busy machine keeps. */
static la_status run_habits(sweep *w, bool slow, la_err *err)
{
    la_plan plan = {0};
    la_run_settings settings = scratch_settings();
    size_t totals[LA_OUTCOME_COUNT];
    if (slow) settings.timeout_s = LIMIT_S;
    la_status st = slow ? LA_OK : scratch_add(&plan, "null", 64, 3, err);
    for (size_t i = 0; i < bad_habits_len && st == LA_OK; i++)
        if (bad_habits[i].slow == slow)
            st = scratch_add_pass(&plan, bad_habits[i].variant, bad_habits[i].pass, 64, 3, err);
    if (st == LA_OK && !slow) st = scratch_add(&plan, "copy", 64, 3, err);
    if (st == LA_OK) st = scratch_run(w->s.db, &plan, &settings, totals, err);
    la_plan_release(&plan);
    for (int o = 0; o < LA_OUTCOME_COUNT && st == LA_OK; o++) w->totals[o] += totals[o];
    return st;
}

static int run_sweeps(void **state)
{
    static sweep w;
    la_err err = {0};
    scratch_make(&w.s);
    *state = &w;
    la_status st = run_habits(&w, false, &err);
    if (st == LA_OK) st = run_habits(&w, true, &err);
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
    scratch_wait_for_workers(0);
    assert_int_equal(scratch_number(w->s.db, "SELECT count(*) FROM attempt WHERE outcome IS NULL"),
                     0);
}

static void ended_within(const char *db, int signal, const char *which, int64_t least_ms,
                         int64_t most_ms)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT %s(wall_ns) / 1000000 FROM attempt WHERE outcome = 'timeout' AND signal = %d",
             which, signal);
    int64_t ms = scratch_number(db, sql);
    if (ms < least_ms || ms > most_ms) fail_msg("%s: %lld", sql, (long long)ms);
}

/* Of those that SIGTERM ends, and of those that it does not and that have two seconds of grace, the one that the
 * machine had time for; and no other takes for ever. */
static void test_timeouts_cost_their_limit_and_little_more(void **state)
{
    const char *db = ((sweep *)*state)->s.db;
    int64_t limit_ms = 1000 * LIMIT_S, grace_ms = 2000;
    ended_within(db, SIGTERM, "min", limit_ms, limit_ms + 1900);
    ended_within(db, SIGKILL, "min", limit_ms + grace_ms, limit_ms + grace_ms + 1900);
    ended_within(db, SIGTERM, "max", limit_ms, 10 * limit_ms);
    ended_within(db, SIGKILL, "max", limit_ms + grace_ms, 10 * limit_ms);
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
    return cmocka_run_group_tests(tests, run_sweeps, remove_sweep);
}
