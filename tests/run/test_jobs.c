/* SPDX-License-Identifier: Apache-2.0
 * Learned cells side by side: that it happens, that nothing that is timed has company, and that the
 * models and their scores are those of one after another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "registry.h"
#include "scratch.h"

enum { JOBS = 3 };

typedef struct watched { /* what a listener saw */
    size_t most, processes, models, tests;
    bool company; /* something that is timed was not alone */
    bool twice;   /* two trainings of one rate and seed at a time */
} watched;

typedef struct sweep {
    scratch s;
    watched seen;
    size_t totals[LA_OUTCOME_COUNT];
} sweep;

static void watch(const la_run_event *e, void *context)
{
    watched *w = context;
    if (e->n_work > w->most) w->most = e->n_work;
    for (size_t i = 0; i < e->n_work; i++) {
        const la_cell *c = e->work[i].cell;
        w->company |= !c->learn && e->n_work > 1;
        for (size_t k = 0; k < i; k++) {
            const la_cell *other = e->work[k].cell;
            if (c->pass == LA_TRAIN && other->pass == LA_TRAIN)
                w->twice |= e->work[i].round == e->work[k].round && c->variant == other->variant &&
                            c->learn->train.lr <= other->learn->train.lr &&
                            c->learn->train.lr >= other->learn->train.lr;
        }
    }
    if (e->n_work > 1) {
        size_t processes = (size_t)scratch_workers();
        if (processes > w->processes) w->processes = processes;
    }
    w->models = e->models_done;
    w->tests = e->tests_done;
}

static la_run_settings settings_of(int jobs)
{
    la_run_settings settings = scratch_settings();
    settings.memory_limit = (size_t)1 << 30;
    settings.jobs = jobs;
    return settings;
}

static la_plan models(const char *variants, const char *rates, const char *steps, int seeds)
{
    la_plan plan;
    la_err err = {0};
    la_status st = scratch_models(&plan, variants, rates, steps, seeds, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    return plan;
}

static void run(sweep *w, la_plan *plan, const la_run_settings *settings)
{
    la_err err = {0};
    scratch_make(&w->s);
    la_status st = scratch_run_with(w->s.db, plan, settings, watch, &w->seen, w->totals, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    assert_true(scratch_is_sound(w->s.db));
}

/* Two kernels that are timed, and two variants of two rates and two seeds. */
static sweep both[2]; /* one after another, and side by side */

static int run_both(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        la_plan plan = models("softmax,linear", "0.01,0.003", "40", 2);
        la_err err = {0};
        assert_int_equal(scratch_add(&plan, "null", 64, 2, &err), LA_OK);
        assert_int_equal(scratch_add(&plan, "copy", 64, 2, &err), LA_OK);
        la_run_settings settings = settings_of(i ? JOBS : 1);
        run(&both[i], &plan, &settings);
        la_plan_release(&plan);
    }
    return 0;
}

static int remove_both(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) scratch_remove(&both[i].s);
    return la_mem_live() != 0;
}

/* All rows of a query as one text. */
static char *text_of(const char *db, const char *sql)
{
    la_store *store;
    la_query *q;
    bool more;
    assert_int_equal(la_store_open(db, LA_STORE_READ, &store, NULL), LA_OK);
    assert_int_equal(la_query_open(store, sql, NULL, 0, &q, NULL), LA_OK);
    assert_int_equal(la_query_next(q, &more, NULL), LA_OK);
    const char *found = more ? la_query_text(q, 0) : NULL;
    char *text = la_strdup(found ? found : "", NULL);
    la_query_close(q);
    la_store_close(store);
    return text;
}

static void same(const char *sql)
{
    char *one = text_of(both[0].s.db, sql), *other = text_of(both[1].s.db, sql);
    assert_true(strlen(one) > 40);
    assert_string_equal(one, other);
    la_free(one);
    la_free(other);
}

static void test_models_and_scores_are_those_of_one_after_another(void **state)
{
    (void)state;
    assert_int_equal(both[0].totals[LA_OUTCOME_OK], 4 + 4 + 2);
    assert_memory_equal(both[0].totals, both[1].totals, sizeof both[0].totals);
    same("SELECT group_concat(x) FROM (SELECT key || digest || val_accuracy || steps AS x "
         "FROM model ORDER BY key)");
    same("SELECT group_concat(x) FROM (SELECT c.variant || c.seqlen || l.round || m.name || "
         "coalesce(m.value, '') || l.data_digest AS x FROM v_last l JOIN v_cell c "
         "USING(cell_id) JOIN metric m USING(attempt_id) WHERE c.pass = 'eval' AND m.name <> "
         "'beside' ORDER BY x)");
}

static void test_several_are_at_work(void **state)
{
    (void)state;
    assert_int_equal(both[0].seen.most, 1);
    assert_int_equal(both[1].seen.most, JOBS);
    print_message("%zu processes at a time\n", both[1].seen.processes);
    assert_true(both[1].seen.processes >= 2); /* a leak checker at work counts too */
    assert_int_equal(both[1].seen.models, 8);
    assert_int_equal(both[1].seen.tests, 8);
}

static void test_what_is_timed_is_alone(void **state)
{
    (void)state;
    assert_false(both[0].seen.company || both[1].seen.company);
}

static void test_the_store_says_how_many_were_beside(void **state)
{
    (void)state;
    static const char all[] = "SELECT count(*) FROM metric WHERE name = 'beside'",
                      some[] = "SELECT count(*) FROM metric WHERE name = 'beside' AND value > 0.5",
                      most[] = "SELECT count(*) FROM metric WHERE name = 'beside' AND (value < 0 "
                               "OR value > 2)";
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scratch_number(both[i].s.db, all), 16);
        assert_int_equal(scratch_number(both[i].s.db, most), 0);
    }
    assert_int_equal(scratch_number(both[0].s.db, some), 0);
    assert_true(scratch_number(both[1].s.db, some) > 8);
}

/* Each evaluation after the trainings of its variant, and the first variant's before the last training. */
static void test_evaluations_begin_when_their_models_are_done(void **state)
{
    (void)state;
    static const char early[] =
        "SELECT count(*) FROM attempt e JOIN v_cell c USING(cell_id) WHERE c.pass = 'eval' AND "
        "e.attempt_id < (SELECT max(t.attempt_id) FROM attempt t JOIN v_cell d USING(cell_id) "
        "WHERE d.pass = 'train' AND d.variant = c.variant)";
    for (int i = 0; i < 2; i++) assert_int_equal(scratch_number(both[i].s.db, early), 0);
    assert_true(scratch_number(both[0].s.db,
                               "SELECT (SELECT min(attempt_id) FROM attempt JOIN cell "
                               "USING(cell_id) WHERE pass = 'eval') < (SELECT max(attempt_id) "
                               "FROM attempt JOIN cell USING(cell_id) WHERE pass = 'train')"));
}

static void test_memory_is_shared(void **state)
{
    (void)state;
    sweep w = {0};
    la_plan plan = models("softmax", "0.01,0.003", "12", 2);
    la_run_settings settings = settings_of(JOBS);
    size_t most = 0;
    for (size_t i = 0; i < plan.n; i++)
        if (plan.cells[i].need_bytes > most) most = plan.cells[i].need_bytes;
    settings.memory_limit = most + most / 2;
    run(&w, &plan, &settings);
    la_plan_release(&plan);
    assert_int_equal(w.totals[LA_OUTCOME_OK], 4);
    assert_int_equal(w.seen.most, 1);
    scratch_remove(&w.s);
}

/* Threads are no part of a model's key: of two cells that train the same, one waits and finds it. */
static void test_one_model_is_not_trained_twice_at_a_time(void **state)
{
    (void)state;
    sweep w = {0};
    la_device device;
    la_err err = {0};
    la_plan plan = models("softmax", "0.01", "30", 1), again = models("softmax", "0.01", "30", 1);
    la_device_cpu(&device);
    assert_int_equal(
        la_grow((void **)&plan.cells, &plan.cap, plan.n + again.n, sizeof *plan.cells, NULL),
        LA_OK);
    for (size_t i = 0; i < again.n; i++) {
        again.cells[i].problem.threads = 2;
        assert_int_equal(la_cell_finish(&again.cells[i], &device, &err), LA_OK);
        plan.cells[plan.n++] = again.cells[i];
    }
    again.n = 0; /* moved */
    la_run_settings settings = settings_of(4);
    run(&w, &plan, &settings);
    assert_int_equal(w.totals[LA_OUTCOME_OK], 6);
    assert_false(w.seen.twice);
    assert_true(w.seen.most >= 1);
    assert_int_equal(scratch_number(w.s.db, "SELECT count(*) FROM attempt WHERE stop_reason = "
                                            "'reused'"),
                     1);
    la_plan_release(&again);
    la_plan_release(&plan);
    scratch_remove(&w.s);
}

/* Threads of more than the cores that there are: they wait for each other. */
static void test_threads_share_the_cores(void **state)
{
    (void)state;
    sweep w = {0};
    la_device device;
    la_err err = {0};
    la_plan plan = models("softmax", "0.01,0.003", "12", 1);
    la_device_cpu(&device);
    for (size_t i = 0; i < plan.n; i++) {
        plan.cells[i].problem.threads = 2;
        assert_int_equal(la_cell_finish(&plan.cells[i], &device, &err), LA_OK);
    }
    la_run_settings settings = settings_of(2);
    run(&w, &plan, &settings);
    la_plan_release(&plan);
    assert_int_equal(w.totals[LA_OUTCOME_OK], 4);
    assert_int_equal(w.seen.most, 1);
    scratch_remove(&w.s);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return la_worker_main(4, 3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_and_scores_are_those_of_one_after_another),
        cmocka_unit_test(test_several_are_at_work),
        cmocka_unit_test(test_what_is_timed_is_alone),
        cmocka_unit_test(test_the_store_says_how_many_were_beside),
        cmocka_unit_test(test_evaluations_begin_when_their_models_are_done),
        cmocka_unit_test(test_memory_is_shared),
        cmocka_unit_test(test_one_model_is_not_trained_twice_at_a_time),
        cmocka_unit_test(test_threads_share_the_cores),
    };
    return cmocka_run_group_tests(tests, run_both, remove_both);
}
