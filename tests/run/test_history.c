/* SPDX-License-Identifier: Apache-2.0 */
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
#include "attempt.h"
#include "history.h"
#include "models.h"
#include "predict.h"
#include "registry.h"
#include "scratch.h"
#include "trainer.h"

enum { DEVICE = 1 };

static int setup(void **state)
{
    static scratch s;
    scratch_make(&s);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return la_mem_live() != 0;
}

static void close_to(double got, double want)
{
    if (!(fabs(got / want - 1) < 1e-6)) fail_msg("%g where %g is right", got, want);
}

static void add(la_plan *plan, const char *variant, la_pass pass, int64_t T)
{
    la_err err = {0};
    if (scratch_add_pass(plan, variant, pass, T, 1, &err) != LA_OK) fail_msg("%s", err.msg);
}

/* A finished sweep whose cells took call_s[i] a call, and wall_s in all. */
static void keep(const scratch *s, la_plan *plan, const double *call_s, double wall_s)
{
    la_store *store;
    la_err err = {0};
    int64_t sweep, attempt;
    assert_int_equal(la_store_open(s->db, LA_STORE_WRITE, &store, &err), LA_OK);
    assert_int_equal(scratch_prepare(store, plan, &sweep, &err), LA_OK);
    for (size_t i = 0; i < plan->n; i++) {
        la_attempt a;
        la_attempt_init(&a);
        la_attempt_conclude(&a, LA_OUTCOME_OK, "known");
        la_sample_row sample = {.iters = 10, .total_ns = (int64_t)(10e9 * call_s[i])};
        la_attempt_row *row = &a.row;
        row->wall_ns = (int64_t)(wall_s * 1e9);
        if (call_s[i] > 0) row->samples = &sample, row->n_samples = 1;
        assert_int_equal(la_store_claim(store, plan->cells[i].id, 0, &attempt, &err), LA_OK);
        la_status st = la_store_finish(store, attempt, row, &err);
        if (st != LA_OK) fail_msg("%s", err.msg);
        row->samples = NULL;
        row->n_samples = 0;
        la_attempt_release(&a);
    }
    assert_int_equal(la_store_sweep_end(store, sweep, "done", &err), LA_OK);
    la_store_close(store);
}

static void apply(const scratch *s, la_plan *plan)
{
    la_store *store;
    la_history *history;
    la_err err = {0};
    assert_int_equal(la_store_open(s->db, LA_STORE_READ, &store, &err), LA_OK);
    la_status st = la_history_read(store, DEVICE, &history, &err);
    if (st != LA_OK) fail_msg("%s", err.msg);
    la_history_apply(history, plan);
    la_history_free(history);
    la_store_close(store);
}

static double ratio(const la_cell *a, const la_cell *b)
{
    return a->really.flops / b->really.flops;
}

static void test_calls_are_known_or_carried_over(void **state)
{
    la_plan past = {0}, plan = {0};
    add(&past, "softmax", LA_FORWARD, 256);
    add(&past, "softmax", LA_FORWARD, 2048);
    keep(*state, &past, (const double[]){1e-3, 8e-3}, 0.5);
    add(&plan, "softmax", LA_FORWARD, 256);
    add(&plan, "softmax", LA_FORWARD, 512);
    add(&plan, "softmax", LA_FORWARD, 4096);
    add(&plan, "softmax", LA_EVAL, 256); /* recall calls the same kernel */
    add(&plan, "softmax", LA_DECODE, 256);
    add(&plan, "deltanet", LA_FORWARD, 256);
    apply(*state, &plan);
    close_to(plan.cells[0].usual_s, 1e-3);
    close_to(plan.cells[1].usual_s, 1e-3 * ratio(&plan.cells[1], &past.cells[0]));
    close_to(plan.cells[2].usual_s, 8e-3 * ratio(&plan.cells[2], &past.cells[1]));
    close_to(plan.cells[3].usual_s, 1e-3);
    assert_true(plan.cells[4].usual_s == 0);
    assert_true(plan.cells[5].usual_s == 0);
    la_plan_release(&plan);
    la_plan_release(&past);
}

static void test_the_newer_sweep_is_believed(void **state)
{
    la_plan plan = {0};
    add(&plan, "softmax", LA_FORWARD, 256);
    keep(*state, &plan, (const double[]){1e-3}, 0.5);
    keep(*state, &plan, (const double[]){3e-3}, 0.5);
    apply(*state, &plan);
    close_to(plan.cells[0].usual_s, 3e-3);
    la_plan_release(&plan);
}

/* An attempt with the calls that follow from a past one takes as long. */
static void test_models_take_as_long_as_they_did(void **state)
{
    la_plan plan;
    la_run_settings set = {.min_time_s = 0.2, .max_time_s = 1.5, .min_samples = 10};
    assert_int_equal(scratch_models(&plan, "linear", "1e-2", "100", 1, NULL), LA_OK);
    double call_s[8] = {0};
    for (size_t i = 0; i < plan.n; i++) call_s[i] = plan.cells[i].pass == LA_TRAIN ? 0.02 : 0;
    keep(*state, &plan, call_s, 3);
    apply(*state, &plan);
    for (size_t i = 0; i < plan.n; i++) {
        const la_cell *c = &plan.cells[i];
        if (c->pass == LA_TRAIN)
            close_to(c->usual_s, 0.02);
        else
            close_to(la_predict_attempt(c, la_predict_usual(c, 1e11), &set, 0), 3);
    }
    la_plan_release(&plan);
}

static void test_models_that_are_there_are_not_trained(void **state)
{
    la_plan plan;
    la_device device;
    scratch *s = *state;
    la_err err = {0};
    la_run_settings set = {.min_time_s = 0.2, .max_time_s = 1.5, .seed = 1, .models_dir = s->dir};
    la_device_cpu(&device);
    assert_int_equal(scratch_models(&plan, "linear", "1e-2", "100", 2, NULL), LA_OK);
    la_cell *c = plan.cells;
    while (c->pass != LA_TRAIN) c++;
    double before = la_predict_attempt(c, 1, &set, 1);
    char key[33], path[200];
    la_train_config config = la_cell_train_config(c, &device, 2, 0);
    assert_int_equal(la_train_key(&config, key, NULL, &err), LA_OK);
    snprintf(path, sizeof path, "%s/%s.model", s->dir, key);
    float x[4] = {0};
    la_progress at = {.step = 1};
    assert_int_equal(la_checkpoint_write(path, key, "{}", &at, 4, x, x, x, &err), LA_OK);
    assert_int_equal(la_models_mark(&plan, &set, &device, s->db, &err), LA_OK);
    assert_true(c->trained == 0); /* it was only begun */
    at.finished = true;
    assert_int_equal(la_checkpoint_write(path, key, "{}", &at, 4, x, x, x, &err), LA_OK);
    assert_int_equal(la_models_mark(&plan, &set, &device, s->db, &err), LA_OK);
    assert_true(c->trained == 2); /* of the second seed */
    assert_true(la_predict_attempt(c, 1, &set, 1) < 1 && before > 50);
    assert_true(la_predict_attempt(c, 1, &set, 0) > 50);
    assert_true(la_predict_longest(c, 1, &set, 1) > 50);
    la_plan_release(&plan);
}

static void test_models_lie_beside_the_database(void **state)
{
    (void)state;
    char folder[LA_MODELS_PATH], long_path[2 * LA_MODELS_PATH];
    la_run_settings set = {0};
    assert_int_equal(la_models_folder(&set, "a/x.db", folder, NULL), LA_OK);
    assert_string_equal(folder, "a/x.models");
    assert_int_equal(la_models_folder(&set, "a/x", folder, NULL), LA_OK);
    assert_string_equal(folder, "a/x.models");
    set.models_dir = "m";
    assert_int_equal(la_models_folder(&set, "a/x.db", folder, NULL), LA_OK);
    assert_string_equal(folder, "m");
    memset(long_path, 'a', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    set.models_dir = NULL;
    assert_int_equal(la_models_folder(&set, long_path, folder, NULL), LA_E_IO);
}

static void test_an_empty_database_says_nothing(void **state)
{
    la_plan none = {0}, plan = {0};
    add(&plan, "softmax", LA_FORWARD, 256);
    keep(*state, &none, NULL, 0);
    apply(*state, &plan);
    assert_true(plan.cells[0].usual_s == 0);
    la_history_apply(NULL, &plan);
    la_plan_release(&plan);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_calls_are_known_or_carried_over),
        TEST(test_the_newer_sweep_is_believed),
        TEST(test_models_take_as_long_as_they_did),
        TEST(test_models_that_are_there_are_not_trained),
        TEST(test_models_lie_beside_the_database),
        TEST(test_an_empty_database_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
