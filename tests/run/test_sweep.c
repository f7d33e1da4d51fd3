/* SPDX-License-Identifier: Apache-2.0
 * A small sweep of every built-in variant through real workers, and what the store holds of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "alloc.h"
#include "registry.h"
#include "scratch.h"

enum { T = 96, LONG = 8192 };

typedef struct sweep {
    scratch s;
    size_t cells, totals[LA_OUTCOME_COUNT];
    size_t starts, ticks, ends, finished, last_done, last_total;
    bool in_order;
} sweep;

static void listen(const la_run_event *e, void *context)
{
    sweep *w = context;
    w->starts += e->kind == LA_RUN_START;
    w->ends += e->kind == LA_RUN_END;
    w->ticks += e->kind == LA_RUN_TICK;
    if (e->kind == LA_RUN_CELL) {
        w->finished++;
        if (e->done != w->finished || e->done > e->total || !e->attempt || !e->cell)
            w->in_order = false;
    }
    if (!(e->left_s >= 0) || !(e->elapsed_s >= 0)) w->in_order = false;
    w->last_done = e->done;
    w->last_total = e->total;
}

/* Every variant, every pass of a kernel and the probe, whether it can or not. */
static la_status all_cells(la_plan *plan, la_err *err)
{
    for (size_t i = 0; i < la_registry_count(); i++) {
        const char *name = la_registry_at(i)->name;
        LA_TRY(scratch_add(plan, name, T, 2, err));
        LA_TRY(scratch_add_pass(plan, name, LA_BACKWARD, T, 2, err));
        LA_TRY(scratch_add_pass(plan, name, LA_FWDBWD, T, 2, err));
        LA_TRY(scratch_add_pass(plan, name, LA_DECODE, T, 2, err));
        if (la_tasks_find("recall")) LA_TRY(scratch_add_pass(plan, name, LA_EVAL, T, 1, err));
    }
    if (!la_tasks_find("recall")) return LA_OK;
    LA_TRY(scratch_add_pass(plan, "softmax", LA_EVAL, LONG, 1, err));
    return scratch_add_pass(plan, "flash", LA_EVAL, LONG, 1, err);
}

static int run_sweep(void **state)
{
    static sweep w = {.in_order = true};
    la_plan plan = {0};
    la_err err = {0};
    *state = &w;
    scratch_make(&w.s);
    la_status st = all_cells(&plan, &err);
    la_run_settings settings = scratch_settings();
    settings.memory_limit = (size_t)1 << 30;
    w.cells = plan.n;
    if (st == LA_OK) st = scratch_run_with(w.s.db, &plan, &settings, listen, &w, w.totals, &err);
    la_plan_release(&plan);
    if (st != LA_OK) print_error("%s\n", err.msg);
    return st != LA_OK;
}

static int remove_sweep(void **state)
{
    scratch_remove(&((sweep *)*state)->s);
    return la_mem_live() != 0;
}

static int64_t number(void **state, const char *sql)
{
    return scratch_number(((sweep *)*state)->s.db, sql);
}

static void test_every_cell_is_ok_or_unsupported_with_a_reason(void **state)
{
    sweep *w = *state;
    la_store *store;
    la_query *q;
    bool more;
    assert_int_equal(la_store_open(w->s.db, LA_STORE_READ, &store, NULL), LA_OK);
    assert_int_equal(la_query_open(store,
                                   "SELECT variant, pass, outcome, message FROM v_cell "
                                   "WHERE outcome NOT IN ('ok', 'unsupported') "
                                   "OR (outcome = 'unsupported' AND message IS NULL)",
                                   NULL, 0, &q, NULL),
                     LA_OK);
    int bad = 0;
    while (la_query_next(q, &more, NULL) == LA_OK && more) {
        print_error("%s %s: %s, %s\n", la_query_text(q, 0), la_query_text(q, 1),
                    la_query_text(q, 2), la_query_text(q, 3) ? la_query_text(q, 3) : "");
        bad++;
    }
    la_query_close(q);
    la_store_close(store);
    assert_int_equal(bad, 0);
    assert_int_equal(w->totals[LA_OUTCOME_OK] + w->totals[LA_OUTCOME_UNSUPPORTED], w->cells);
}

static void test_ok_cells_have_their_rounds_and_samples(void **state)
{
    assert_true(number(state, "SELECT count(*) FROM v_cell WHERE outcome = 'ok'") > 5);
    assert_int_equal(number(state, "SELECT count(*) FROM v_cell WHERE outcome = 'ok' AND "
                                   "rounds_done <> CASE pass WHEN 'eval' THEN 1 ELSE 2 END"),
                     0);
    assert_int_equal(number(state,
                            "SELECT count(*) FROM v_time WHERE outcome = 'ok' AND "
                            "pass <> 'eval' AND (median_ns IS NULL OR n < 6 OR lo_ns IS NULL)"),
                     0);
    assert_int_equal(number(state, "SELECT count(*) FROM v_cell WHERE outcome = 'unsupported' AND "
                                   "rounds_done <> 1"),
                     0);
}

static void test_first_rounds_were_verified(void **state)
{
    assert_int_equal(number(state, "SELECT count(*) FROM v_flat WHERE attempt_outcome = 'ok' AND "
                                   "pass <> 'eval' AND (rel_rms IS NOT NULL) <> (round = 0)"),
                     0);
}

/* Each gradient by its name, and all of them by the worst; what forward saves is counted with bwd and fwdbwd,
 * and softmax saves its T x T probabilities. */
static void test_gradients_were_verified(void **state)
{
    static const char sql[] =
        "SELECT count(*) FROM v_flat f WHERE attempt_outcome = 'ok' AND round = 0 AND "
        "pass IN ('bwd', 'fwdbwd') AND rel_rms >= (SELECT max(value) FROM metric m WHERE "
        "m.attempt_id = f.attempt_id AND m.name IN ('rel_rms.dq', 'rel_rms.dv', 'rel_rms.dx'))";
    assert_true(number(state, sql) >= 16);
    assert_int_equal(number(state, "SELECT count(*) FROM v_flat WHERE pass IN ('bwd', 'fwdbwd') "
                                   "AND rel_rms > 1e-3"),
                     0);
    assert_int_equal(number(state, "SELECT count(*) FROM v_flat WHERE pass NOT IN ('bwd', "
                                   "'fwdbwd') AND saved_bytes > 0"),
                     0);
    assert_true(number(state, "SELECT saved_bytes FROM v_flat WHERE variant = 'softmax' AND "
                              "pass = 'fwdbwd' AND round = 0") >= T * T * 4);
}

static void test_memory_is_known(void **state)
{
    assert_int_equal(number(state,
                            "SELECT count(*) FROM v_flat WHERE attempt_outcome = 'ok' AND "
                            "(workspace_peak_bytes IS NULL OR rss_peak_bytes < rss_base_bytes "
                            "OR rss_base_bytes < 1000000)"),
                     0);
    /* A kernel allocates in create alone, so that the sum of the sizes is the peak. */
    assert_int_equal(number(state, "SELECT count(*) FROM v_flat WHERE attempt_outcome = 'ok' AND "
                                   "workspace_peak_bytes > work_bytes + saved_bytes + "
                                   "instance_bytes"),
                     0);
    assert_true(number(state, "SELECT workspace_peak_bytes FROM v_flat WHERE variant = 'softmax' "
                              "AND pass = 'fwd' AND round = 0") >= T * T * 4);
}

/* Same seed, same inputs; another round, other inputs; but a decode state is that of round 0. */
static void test_inputs_follow_the_round(void **state)
{
    assert_int_equal(number(state, "SELECT count(DISTINCT checksum) FROM v_flat WHERE "
                                   "variant = 'copy' AND pass = 'fwd'"),
                     2);
}

static void test_recall_is_scored(void **state)
{
    if (!la_tasks_find("recall")) skip();
    assert_true(number(state, "SELECT count(*) FROM v_accuracy WHERE metric = 'accuracy' AND "
                              "accuracy BETWEEN lo AND hi AND n >= 256") > 3);
    assert_int_equal(number(state, "SELECT count(*) FROM v_accuracy WHERE variant = 'softmax' AND "
                                   "metric = 'accuracy' AND accuracy = 1.0"),
                     2);
    assert_int_equal(number(state, "SELECT count(*) FROM v_accuracy WHERE seqlen = 8192 AND "
                                   "metric = 'accuracy' AND accuracy = 1.0 AND n >= 256"),
                     2);
}

static void test_listener_hears_of_each_attempt(void **state)
{
    sweep *w = *state;
    assert_true(w->in_order);
    assert_int_equal(w->starts, 1);
    assert_int_equal(w->ends, 1);
    assert_true(w->ticks > 0);
    assert_int_equal(w->last_done, w->last_total);
    assert_int_equal(w->finished, number(state, "SELECT count(*) FROM attempt"));
}

static void test_a_finished_sweep_has_nothing_left_to_do(void **state)
{
    sweep *w = *state;
    int64_t before = number(state, "SELECT count(*) FROM attempt");
    la_plan plan = {0};
    la_err err = {0};
    la_run_settings settings = scratch_settings();
    settings.memory_limit = (size_t)1 << 30;
    assert_int_equal(all_cells(&plan, &err), LA_OK);
    /* Only an unfinished sweep is continued: this one is opened again by hand. */
    scratch_execute(w->s.db, "UPDATE sweep SET state = 'interrupted'");
    size_t totals[LA_OUTCOME_COUNT];
    la_status st = scratch_run(w->s.db, &plan, &settings, totals, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    la_plan_release(&plan);
    assert_int_equal(number(state, "SELECT count(*) FROM attempt"), before);
    assert_memory_equal(totals, w->totals, sizeof totals);
}

static void test_retry_measures_again(void **state)
{
    sweep *w = *state;
    la_plan plan = {0};
    la_err err = {0};
    la_run_settings settings = scratch_settings();
    int64_t before = number(state, "SELECT count(*) FROM attempt");
    scratch_execute(w->s.db, "UPDATE sweep SET state = 'interrupted'");
    assert_int_equal(scratch_add(&plan, "null", T, 2, &err), LA_OK);
    settings.retry = "all";
    assert_int_equal(scratch_run(w->s.db, &plan, &settings, NULL, &err), LA_OK);
    assert_int_equal(number(state, "SELECT count(*) FROM attempt"), before + 2);
    settings.retry = "never";
    scratch_execute(w->s.db, "UPDATE sweep SET state = 'interrupted'");
    assert_int_equal(scratch_run(w->s.db, &plan, &settings, NULL, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "never"));
    la_plan_release(&plan);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return la_worker_main(4, 3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_is_ok_or_unsupported_with_a_reason),
        cmocka_unit_test(test_ok_cells_have_their_rounds_and_samples),
        cmocka_unit_test(test_first_rounds_were_verified),
        cmocka_unit_test(test_gradients_were_verified),
        cmocka_unit_test(test_memory_is_known),
        cmocka_unit_test(test_inputs_follow_the_round),
        cmocka_unit_test(test_recall_is_scored),
        cmocka_unit_test(test_listener_hears_of_each_attempt),
        cmocka_unit_test(test_a_finished_sweep_has_nothing_left_to_do),
        cmocka_unit_test(test_retry_measures_again),
    };
    return cmocka_run_group_tests(tests, run_sweep, remove_sweep);
}
