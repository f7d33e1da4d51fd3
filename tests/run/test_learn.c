/* SPDX-License-Identifier: Apache-2.0
 * Learned cells through real workers: training, choice of the learning rate, evaluation, reuse, what
 * diverges, what is killed. The models are as small as can be and learn nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <stdio.h>

#include "alloc.h"
#include "choice.h"
#include "registry.h"
#include "scratch.h"

typedef struct sweep {
    scratch s;
    size_t totals[LA_OUTCOME_COUNT];
} sweep;

/* Two seeds. */
static la_plan tiny_plan(const char *rates, const char *steps)
{
    la_plan plan;
    la_err err = {0};
    la_status st = scratch_models(&plan, "softmax", rates, steps, 2, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    return plan;
}

static la_run_settings settings_of(void)
{
    la_run_settings settings = scratch_settings();
    settings.memory_limit = (size_t)1 << 30;
    return settings;
}

static void run(const char *db, la_plan *plan, const la_run_settings *settings, size_t *totals)
{
    la_err err = {0};
    la_status st = scratch_run(db, plan, settings, totals, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
}

static int64_t number(void **state, const char *sql)
{
    return scratch_number(((sweep *)*state)->s.db, sql);
}

static int run_sweep(void **state)
{
    static sweep w;
    la_run_settings settings = settings_of();
    *state = &w;
    scratch_make(&w.s);
    la_plan plan = tiny_plan("0.01,0.003", "12");
    run(w.s.db, &plan, &settings, w.totals);
    la_plan_release(&plan);
    return 0;
}

static int remove_sweep(void **state)
{
    scratch_remove(&((sweep *)*state)->s);
    return la_mem_live() != 0;
}

static void test_all_cells_are_ok(void **state)
{
    sweep *w = *state;
    assert_int_equal(w->totals[LA_OUTCOME_OK], 4);
    assert_int_equal(number(state, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"), 8);
    assert_true(scratch_is_sound(w->s.db));
}

static void test_models_and_curves_are_stored(void **state)
{
    assert_int_equal(number(state, "SELECT count(*) FROM model"), 4);
    assert_int_equal(number(state, "SELECT count(DISTINCT digest) FROM model"), 4);
    assert_int_equal(number(state, "SELECT count(*) FROM model WHERE steps <> 12 OR "
                                   "parameters < 100 OR train_ns <= 0 OR task <> 'mqar'"),
                     0);
    assert_int_equal(number(state, "SELECT count(DISTINCT model_id) FROM curve WHERE step = 12"),
                     4);
    assert_int_equal(number(state, "SELECT count(*) FROM v_model WHERE recipe = 'controlled' AND "
                                   "d_model = 16 AND seed IN ('1', '2')"),
                     4);
}

static void test_trainings_say_what_they_measured(void **state)
{
    static const char *const metrics[] = {"val_accuracy", "val_worst",      "val.T64.n4",
                                          "loss",         "parameters",     "chance",
                                          "tokens_per_s", "flops_per_token"};
    for (size_t i = 0; i < LA_COUNT(metrics); i++) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM metric JOIN attempt USING(attempt_id) JOIN cell "
                 "USING(cell_id) WHERE pass = 'train' AND name = '%s' AND value IS NOT NULL",
                 metrics[i]);
        if (number(state, sql) != 4) print_error("%s\n", metrics[i]);
        assert_int_equal(number(state, sql), 4);
    }
    assert_int_equal(number(state, "SELECT count(*) FROM v_time WHERE pass = 'train' AND "
                                   "median_ns > 0 AND batch = 4 AND seqlen = 64"),
                     2);
}

static void test_evaluations_are_scored_with_the_chosen_model(void **state)
{
    assert_int_equal(number(state, "SELECT count(*) FROM v_accuracy WHERE pass = 'eval' AND "
                                   "metric = 'accuracy' AND n >= 128 AND chance > 0 AND lo < hi"),
                     2);
    assert_int_equal(number(state, "SELECT count(*) FROM v_accuracy WHERE pass = 'eval' AND "
                                   "metric = 'accuracy.n8' AND seqlen = 64"),
                     1);
    assert_int_equal(number(state, "SELECT count(*) FROM v_accuracy WHERE pass = 'eval' AND "
                                   "metric = 'accuracy.n8' AND seqlen = 256"),
                     0);
    /* One rate for all seeds and lengths, and the same test for all models. */
    assert_int_equal(number(state, "SELECT count(DISTINCT m.lr) FROM attempt a JOIN model m "
                                   "USING(model_id) JOIN cell USING(cell_id) WHERE pass = 'eval'"),
                     1);
    assert_int_equal(number(state, "SELECT count(DISTINCT model_id) FROM attempt JOIN cell "
                                   "USING(cell_id) WHERE pass = 'eval'"),
                     2);
    assert_int_equal(number(state, "SELECT count(DISTINCT data_digest) FROM attempt JOIN cell "
                                   "USING(cell_id) WHERE pass = 'eval'"),
                     2);
}

static void test_trainings_come_before_evaluations(void **state)
{
    assert_true(number(state, "SELECT max(attempt_id) FROM attempt JOIN cell USING(cell_id) WHERE "
                              "pass = 'train'") <
                number(state, "SELECT min(attempt_id) FROM attempt JOIN cell USING(cell_id) WHERE "
                              "pass = 'eval'"));
}

static void test_a_second_sweep_trains_nothing(void **state)
{
    sweep *w = *state;
    la_run_settings settings = settings_of();
    la_plan plan = tiny_plan("0.01,0.003", "12");
    size_t totals[LA_OUTCOME_COUNT];
    int64_t samples = number(state, "SELECT count(*) FROM sample");
    int64_t before = number(state, "SELECT max(attempt_id) FROM attempt");
    run(w->s.db, &plan, &settings, totals);
    la_plan_release(&plan);
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM attempt WHERE attempt_id > %lld AND stop_reason = 'reused'",
             (long long)before);
    assert_int_equal(number(state, sql), 4);
    assert_int_equal(number(state, "SELECT count(*) FROM sample"), samples);
    assert_int_equal(number(state, "SELECT count(*) FROM model"), 4);
    assert_memory_equal(totals, w->totals, sizeof totals);
    /* Found again, a model answers as it did. */
    assert_int_equal(number(state, "SELECT count(DISTINCT value || ' ' || model_id || seqlen) FROM "
                                   "metric JOIN attempt USING(attempt_id) JOIN cell USING(cell_id) "
                                   "WHERE pass = 'eval' AND name = 'accuracy'"),
                     4);
}

/* Trainings that were done by hand: two rates, two seeds. */
static void finish(la_store *store, const la_cell *c, int round, la_outcome outcome, double value)
{
    int64_t id;
    la_metric_row metric = {.name = "val_accuracy", .unit = "1", .value = value, .n_total = 1};
    la_attempt_row row = {.outcome = outcome,
                          .message = outcome == LA_OUTCOME_OK ? NULL : "the loss is not finite",
                          .metrics = &metric,
                          .n_metrics = outcome == LA_OUTCOME_OK};
    assert_int_equal(la_store_claim(store, c->id, round, &id, NULL), LA_OK);
    assert_int_equal(la_store_finish(store, id, &row, NULL), LA_OK);
}

static void choose(const double values[2][2], int round, la_choice *out)
{
    scratch s;
    la_store *store;
    la_plan plan = tiny_plan("0.01,0.003", "12");
    int64_t id;
    scratch_make(&s);
    assert_int_equal(la_store_open(s.db, LA_STORE_WRITE, &store, NULL), LA_OK);
    assert_int_equal(scratch_prepare(store, &plan, &id, NULL), LA_OK);
    for (int rate = 0; rate < 2; rate++)
        for (int seed = 0; seed < 2; seed++)
            finish(store, &plan.cells[rate], seed,
                   values[rate][seed] < 0 ? LA_OUTCOME_NONFINITE : LA_OUTCOME_OK,
                   values[rate][seed]);
    assert_int_equal(plan.cells[2].pass, LA_EVAL);
    assert_int_equal(la_choice_make(store, &plan, &plan.cells[2], round, out, NULL), LA_OK);
    la_store_close(store);
    la_plan_release(&plan);
    scratch_remove(&s);
}

static void test_the_rate_that_validates_best_counts(void **state)
{
    (void)state;
    la_choice c;
    choose((const double[2][2]){{0.2, 0.9}, {0.7, 0.7}}, 0, &c); /* 0.003, then 0.01 */
    assert_true(c.found && c.lr > 0.009);
    choose((const double[2][2]){{0.9, 0.9}, {0.7, 0.7}}, 1, &c);
    assert_true(c.found && c.lr < 0.004);
    choose((const double[2][2]){{0.5, 0.5}, {0.5, 0.5}}, 0, &c); /* the smaller of equals */
    assert_true(c.found && c.lr < 0.004);
    choose((const double[2][2]){{0.5, 0.5}, {-1, 0.9}}, 0, &c); /* a seed that diverged counts 0 */
    assert_true(c.found && c.lr < 0.004);
    choose((const double[2][2]){{-1, -1}, {-1, 0.9}}, 1, &c);
    assert_true(c.found && c.lr > 0.009);
    choose((const double[2][2]){{-1, -1}, {-1, 0.9}}, 0, &c);
    assert_false(c.found);
    choose((const double[2][2]){{-1, -1}, {-1, -1}}, 0, &c);
    assert_false(c.found);
    assert_non_null(strstr(c.why, "nonfinite: the loss is not finite"));
}

static void test_a_rate_that_diverges_is_an_outcome(void **state)
{
    (void)state;
    scratch s;
    la_run_settings settings = settings_of();
    la_plan plan = tiny_plan("1e6", "40");
    size_t totals[LA_OUTCOME_COUNT];
    scratch_make(&s);
    run(s.db, &plan, &settings, totals);
    la_plan_release(&plan);
    assert_int_equal(totals[LA_OUTCOME_NONFINITE], 1);
    assert_int_equal(totals[LA_OUTCOME_UNSUPPORTED], 2);
    assert_int_equal(scratch_number(s.db, "SELECT count(*) FROM attempt WHERE message LIKE "
                                          "'no model: training ended nonfinite: %'"),
                     4);
    assert_int_equal(scratch_number(s.db, "SELECT count(*) FROM model"), 0);
    scratch_remove(&s);
}

static void read_digest(const char *db, char out[33])
{
    la_store *store;
    la_query *q;
    bool more;
    assert_int_equal(la_store_open(db, LA_STORE_READ, &store, NULL), LA_OK);
    assert_int_equal(
        la_query_open(store, "SELECT digest FROM model ORDER BY seed LIMIT 1", NULL, 0, &q, NULL),
        LA_OK);
    assert_int_equal(la_query_next(q, &more, NULL), LA_OK);
    assert_true(more);
    snprintf(out, 33, "%s", la_query_text(q, 0));
    la_query_close(q);
    la_store_close(store);
}

/* Killed at its time limit as often as it takes, a training ends with the bits of one that was not. */
static void test_a_killed_training_goes_on(void **state)
{
    (void)state;
    scratch whole, cut;
    la_run_settings settings = settings_of();
    char digest[33], again[33];
    scratch_make(&whole);
    scratch_make(&cut);
    la_plan plan = tiny_plan("0.01", "800");
    size_t totals[LA_OUTCOME_COUNT];
    settings.checkpoint_s = 0.05;
    run(whole.db, &plan, &settings, totals);
    assert_int_equal(totals[LA_OUTCOME_OK], 3);
    settings.timeout_s = 0.3;
    settings.retry = NULL;
    int64_t killed = 0;
    for (int i = 0; i < 60 && (i == 0 || totals[LA_OUTCOME_OK] < 3); i++) {
        if (i > 0) scratch_execute(cut.db, "UPDATE sweep SET state = 'interrupted'");
        run(cut.db, &plan, &settings, totals);
        settings.retry = "timeout";
        if (i == 20)
            settings.timeout_s = 300; /* a machine that is too slow for a third of a second */
        killed += totals[LA_OUTCOME_TIMEOUT] > 0;
    }
    assert_int_equal(totals[LA_OUTCOME_OK], 3);
    if (killed == 0) print_message("the machine was too fast: nothing was killed\n");
    read_digest(whole.db, digest);
    read_digest(cut.db, again);
    assert_string_equal(digest, again);
    la_plan_release(&plan);
    scratch_remove(&whole);
    scratch_remove(&cut);
}

/* A model too large for memory is not begun. */
static void test_too_large_a_model_is_predicted_oom(void **state)
{
    (void)state;
    scratch s;
    la_run_settings settings = settings_of();
    la_plan plan = tiny_plan("0.01", "12");
    size_t totals[LA_OUTCOME_COUNT];
    scratch_make(&s);
    settings.memory_limit = (size_t)1 << 20;
    run(s.db, &plan, &settings, totals);
    la_plan_release(&plan);
    assert_int_equal(totals[LA_OUTCOME_PREDICTED_OOM], 1);
    assert_int_equal(totals[LA_OUTCOME_UNSUPPORTED], 2);
    scratch_remove(&s);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "worker") == 0) return la_worker_main(4, 3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_cells_are_ok),
        cmocka_unit_test(test_models_and_curves_are_stored),
        cmocka_unit_test(test_trainings_say_what_they_measured),
        cmocka_unit_test(test_evaluations_are_scored_with_the_chosen_model),
        cmocka_unit_test(test_trainings_come_before_evaluations),
        cmocka_unit_test(test_a_second_sweep_trains_nothing),
        cmocka_unit_test(test_the_rate_that_validates_best_counts),
        cmocka_unit_test(test_a_rate_that_diverges_is_an_outcome),
        cmocka_unit_test(test_a_killed_training_goes_on),
        cmocka_unit_test(test_too_large_a_model_is_predicted_oom),
    };
    return cmocka_run_group_tests(tests, run_sweep, remove_sweep);
}
