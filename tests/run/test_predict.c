/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>

#include "alloc.h"
#include "predict.h"
#include "registry.h"
#include "scratch.h"

enum { LENGTHS = 5 };

typedef struct family {
    la_plan plan;
    la_known known[2 * LENGTHS];
} family;

/* softmax at 256, 512, ... 4096, then copy at the same lengths. */
static int setup(void **state)
{
    static family f;
    memset(&f, 0, sizeof f);
    for (int i = 0; i < 2 * LENGTHS; i++) {
        const char *name = i < LENGTHS ? "softmax" : "copy";
        if (scratch_add(&f.plan, name, 256 << i % LENGTHS, 1, NULL) != LA_OK) return 1;
    }
    *state = &f;
    return la_predict_begin(&f.plan, f.known, NULL);
}

static int teardown(void **state)
{
    la_plan_release(&((family *)*state)->plan);
    return la_mem_live() != 0;
}

static double predict(family *f, size_t i, bool want_measured)
{
    bool measured;
    double s = la_predict_call(&f->plan, f->known, i, 1e11, &measured);
    assert_int_equal(measured, want_measured);
    return s;
}

static void close_to(double got, double want)
{
    if (!(fabs(got / want - 1) < 1e-6)) fail_msg("%g where %g is right", got, want);
}

static void test_families_differ_in_length_alone(void **state)
{
    family *f = *state;
    for (size_t i = 0; i < 2 * LENGTHS; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(f->known[i].family == f->known[j].family, i / LENGTHS == j / LENGTHS);
}

/* Each cell is in one list, which begins with its first of the plan and goes up. */
static void test_families_are_lists(void **state)
{
    family *f = *state;
    for (size_t i = 0; i < 2 * LENGTHS; i++) {
        size_t n = 0, at = f->known[i].first;
        assert_int_equal(at, i / LENGTHS * LENGTHS);
        for (; at != LA_NO_CELL; at = f->known[at].next, n++)
            assert_int_equal(at, f->known[i].first + n);
        assert_int_equal(n, LENGTHS);
    }
}

static void test_nothing_known_takes_the_cost(void **state)
{
    family *f = *state;
    double short_s = predict(f, 0, false), long_s = predict(f, 4, false);
    assert_true(short_s > 0 && long_s > 100 * short_s);
    close_to(la_predict_floor(&f->plan.cells[4], 1e11), f->plan.cells[4].really.flops / 1e11);
    assert_true(la_predict_floor(&f->plan.cells[4], 1e11) < long_s);
    assert_true(la_predict_floor(&f->plan.cells[4], 0) == 0);
}

static void test_one_length_is_carried_by_cost(void **state)
{
    family *f = *state;
    f->known[1].call_s = 0.01;
    close_to(predict(f, 2, true), 0.04);
    close_to(predict(f, 4, true), 0.64);
    close_to(predict(f, 1, true), 0.01);
    predict(f, 0, false); /* longer cells say nothing of shorter ones */
    predict(f, LENGTHS + 2, false);
}

static void test_two_lengths_give_an_exponent(void **state)
{
    family *f = *state;
    for (size_t i = 0; i < 3; i++) f->known[i].call_s = 1e-3 * pow(2, 2.5 * (double)i);
    close_to(predict(f, 3, true), 1e-3 * pow(2, 7.5));
    /* Overhead at the short end must not hide the square to come. */
    for (size_t i = 0; i < 3; i++) f->known[i].call_s = 1e-3;
    assert_true(predict(f, 4, true) >= 0.5 * 1e-3 * 16);
}

static void test_out_of_memory_is_inherited_by_longer_cells(void **state)
{
    family *f = *state;
    assert_int_equal(la_predict_oom(&f->plan, f->known, 3), -1);
    f->known[2].oom = true;
    assert_int_equal(la_predict_oom(&f->plan, f->known, 3), 2);
    assert_int_equal(la_predict_oom(&f->plan, f->known, 1), -1);
    assert_int_equal(la_predict_oom(&f->plan, f->known, 2), -1);
    assert_int_equal(la_predict_oom(&f->plan, f->known, LENGTHS + 4), -1);
}

static void test_what_earlier_sweeps_say_comes_before_the_cost(void **state)
{
    family *f = *state;
    f->plan.cells[2].usual_s = 0.25;
    close_to(predict(f, 2, false), 0.25);
    f->known[1].call_s = 0.01; /* and this sweep's own before both */
    close_to(predict(f, 2, true), 0.04);
}

static void test_an_unknown_peak_depends_on_the_instructions(void **state)
{
    family *f = *state;
    la_cell *c = &f->plan.cells[4];
    const la_isa order[] = {LA_ISA_AVX512_BF16, LA_ISA_AVX2, LA_ISA_GENERIC};
    double last = 0;
    for (size_t i = 0; i < LA_COUNT(order); i++) {
        c->isa = order[i];
        double s = la_predict_usual(c, 0);
        assert_true(s > last);
        last = s;
    }
}

static la_run_settings usual_settings(void)
{
    return (la_run_settings){
        .min_time_s = 0.2, .max_time_s = 0.5, .min_samples = 10, .jobs = 2, .cores = 2};
}

static void test_what_is_left_out(void **state)
{
    family *f = *state;
    la_run_settings set = usual_settings();
    la_left_out out;
    la_cell *c = &f->plan.cells[0];
    c->device_bytes = 5000;
    assert_false(la_predict_too_large(c, &set, &out)); /* nothing predicted, no limits */
    set.predict = true;
    assert_false(la_predict_too_large(c, &set, &out));
    set.memory_limit = c->need_bytes;
    assert_false(la_predict_too_large(c, &set, &out));
    set.memory_limit--;
    assert_true(la_predict_too_large(c, &set, &out));
    assert_int_equal(out.outcome, LA_OUTCOME_PREDICTED_OOM);
    set.memory_limit = 0;
    set.device_limit = 4096;
    assert_true(la_predict_too_large(c, &set, &out));
    assert_string_equal(out.why, "needs 4.88 KiB of the device (limit 4.00 KiB)");
    assert_false(la_predict_too_slow(&set, 1e6, &out));
    set.timeout_s = 7;
    assert_false(la_predict_too_slow(&set, 7, &out));
    assert_true(la_predict_too_slow(&set, 8, &out));
    assert_int_equal(out.outcome, LA_OUTCOME_PREDICTED_TIMEOUT);
    assert_string_equal(out.why, "a call would take about 8 s (timeout 7 s)");
    set.quick = true;
    assert_true(la_predict_too_slow(&set, 6, &out));
    set.predict = false;
    assert_false(la_predict_too_slow(&set, 8, &out));
    assert_false(la_predict_too_large(c, &set, &out));
}

static void test_rounds(void **state)
{
    family *f = *state;
    la_run_settings set = usual_settings();
    la_cell c = f->plan.cells[0];
    la_learn learn = {0};
    c.rounds = 5;
    assert_int_equal(la_predict_rounds(&c, &set, NAN), 5);
    assert_int_equal(la_predict_rounds(&c, &set, 0.1), 5);
    assert_int_equal(la_predict_rounds(&c, &set, 1), 1);
    c.learn = &learn; /* a model of each seed, however long a step is */
    set.quick = true;
    assert_int_equal(la_predict_rounds(&c, &set, 1), 5);
    c.rounds = 1000;
    assert_int_equal(la_predict_rounds(&c, &set, 1), LA_ROUNDS_MAX);
    c.learn = NULL;
    assert_int_equal(la_predict_rounds(&c, &set, 0.1), 1);
    set.quick = false;
    c.refused = true;
    assert_int_equal(la_predict_rounds(&c, &set, 0.1), 1);
}

static void between(double s, double least, double most)
{
    if (!(s >= least && s <= most)) fail_msg("%g s where %g to %g are right", s, least, most);
}

/* Cells whose inputs and references are next to nothing: what is left is the stop rule. */
static void test_attempts_with_known_calls(void **state)
{
    family *f = *state;
    const la_cell *c = &f->plan.cells[0];
    la_run_settings set = usual_settings();
    between(la_predict_attempt(c, 1e-6, &set, 1), 0.2, 0.6);
    between(la_predict_attempt(c, 1e-3, &set, 1), 0.2, 0.6);
    between(la_predict_attempt(c, 0.05, &set, 1), 0.55, 1.3); /* ten samples or more */
    between(la_predict_attempt(c, 0.19, &set, 1), 1.3, 1.8);  /* six, beyond max_time */
    between(la_predict_attempt(c, 1, &set, 0), 4, 4.3);       /* three, after the first call */
    between(la_predict_attempt(c, 2.2, &set, 0), 6.6, 6.9);   /* which is one of a long call's */
    between(la_predict_attempt(c, 7, &set, 0), 7, 7.3);       /* and all that there is time for */
    between(la_predict_attempt(c, 20, &set, 1), 20, 20.5);    /* its own sample */
    set.quick = true;
    between(la_predict_attempt(c, 1e-3, &set, 1), 0, 0.2);
    between(la_predict_attempt(c, 0.1, &set, 1), 0.4, 1);
}

static void test_the_worst_case_is_a_bound(void **state)
{
    family *f = *state;
    la_run_settings set = usual_settings();
    const double calls[] = {1e-6, 1e-3, 0.05, 0.19, 0.25, 1, 5, 20};
    for (size_t i = 0; i < LA_COUNT(calls); i++)
        for (size_t cell = 0; cell < f->plan.n; cell++) {
            const la_cell *c = &f->plan.cells[cell];
            double usual = la_predict_attempt(c, calls[i], &set, 0);
            double worst = la_predict_longest(c, calls[i], &set, 0);
            assert_true(worst >= 2 * usual - 1e-9 || worst >= set.max_time_s);
            assert_true(worst >= 2 * calls[i]);
        }
}

static void test_references_are_shared(void **state)
{
    (void)state;
    la_plan plan = {0};
    la_run_settings set = usual_settings();
    assert_int_equal(scratch_add(&plan, "deltanet", 1 << 16, 1, NULL), LA_OK);
    double alone = la_predict_attempt(&plan.cells[0], 1e-3, &set, 0);
    double later = la_predict_attempt(&plan.cells[0], 1e-3, &set, 1);
    assert_true(alone > later); /* only the first round compares */
    assert_int_equal(scratch_add_pass(&plan, "deltanet", LA_FWDBWD, 1 << 16, 1, NULL), LA_OK);
    assert_int_equal(scratch_add_pass(&plan, "deltanet", LA_FWDBWD, 1 << 15, 1, NULL), LA_OK);
    assert_int_equal(scratch_add_pass(&plan, "deltanet", LA_DECODE, 1 << 16, 1, NULL), LA_OK);
    assert_int_equal(scratch_add_pass(&plan, "deltanet", LA_EVAL, 1 << 16, 1, NULL), LA_OK);
    assert_int_equal(scratch_add(&plan, "flash", 512, 1, NULL), LA_OK);
    assert_int_equal(scratch_add(&plan, "softmax", 512, 1, NULL), LA_OK);
    assert_int_equal(la_predict_references(&plan, NULL), LA_OK);
    const int want[][2] = {{3, 0}, {3, 2}, {1, 2}, {3, 0}, {0, 0}, {2, 0}, {2, 0}};
    for (size_t i = 0; i < plan.n; i++) {
        assert_int_equal(plan.cells[i].sharing, want[i][0]);
        assert_int_equal(plan.cells[i].sharing_gradients, want[i][1]);
    }
    double shared = la_predict_attempt(&plan.cells[0], 1e-3, &set, 0);
    assert_true(later < shared && shared < alone);
    assert_true(shared - later < 0.6 * (alone - later)); /* memory is poisoned by each */
    la_plan_release(&plan);
}

static void test_a_probe_is_scored(void **state)
{
    (void)state;
    la_plan plan = {0};
    la_run_settings set = usual_settings();
    assert_int_equal(scratch_add_pass(&plan, "performer", LA_EVAL, 4096, 1, NULL), LA_OK);
    la_cell *c = &plan.cells[0];
    double recall = la_predict_attempt(c, 1e-3, &set, 0);
    c->task = la_tasks_find("approximation");
    assert_non_null(c->task);
    la_free(c->task_opts);
    c->task_opts = NULL;
    assert_int_equal(la_cell_default_options(c, NULL), LA_OK);
    double usual = la_predict_attempt(c, 1e-3, &set, 0), calls;
    /* Fifteen samples of 1024 rows, each over half of the keys. */
    double flops = 15 * 1024.0 * 2048 * 2 * (8 + 8);
    assert_true(usual > recall && usual > flops / 2e10);
    calls = la_predict_attempt(c, 1, &set, 0) - usual;
    close_to(calls, 15 * (1 - 1e-3));
    la_plan_release(&plan);
}

static void test_learned_attempts_count_steps_and_examples(void **state)
{
    (void)state;
    la_plan plan;
    la_run_settings set = usual_settings();
    assert_int_equal(scratch_models(&plan, "linear", "1e-2", "100", 1, NULL), LA_OK);
    for (size_t i = 0; i < plan.n; i++) {
        la_cell *c = &plan.cells[i];
        c->usual_steps = 100;
        la_shape shape, shapes[LA_MAX_SHAPES];
        double calls = la_predict_attempt(c, 1, &set, 0) - la_predict_attempt(c, 0, &set, 0);
        if (c->pass == LA_TRAIN) {
            /* 100 steps of 256 tokens, and 20 validations of 4 examples a shape, where all are taken. */
            size_t n = c->task->learned->mixture(c->task_opts, c->learn->lengths,
                                                 c->learn->n_lengths, shapes, LA_MAX_SHAPES);
            assert_true(n > 0);
            close_to(calls, 100 + 20 * 4 * 64.0 * (double)n / (3 * 256));
            c->usual_steps = 50;
            close_to(la_predict_attempt(c, 1, &set, 0) - la_predict_attempt(c, 0, &set, 0),
                     50 + 10 * 4 * 64.0 * (double)n / (3 * 256));
            assert_true(la_predict_longest(c, 1, &set, 0) > 4 * calls);
            continue;
        }
        assert_int_equal(c->task->learned->shape_at(c->task_opts, c->seqlen, &shape, NULL), LA_OK);
        size_t slices = la_cell_slices(c, shapes);
        assert_true((slices > 0) == (c->seqlen == 64));
        close_to(calls, (double)la_cell_examples(c, &shape) + 128 * (double)slices);
    }
    la_plan_release(&plan);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_families_differ_in_length_alone),
        TEST(test_families_are_lists),
        TEST(test_nothing_known_takes_the_cost),
        TEST(test_one_length_is_carried_by_cost),
        TEST(test_two_lengths_give_an_exponent),
        TEST(test_out_of_memory_is_inherited_by_longer_cells),
        TEST(test_what_earlier_sweeps_say_comes_before_the_cost),
        TEST(test_an_unknown_peak_depends_on_the_instructions),
        TEST(test_what_is_left_out),
        TEST(test_rounds),
        TEST(test_attempts_with_known_calls),
        TEST(test_the_worst_case_is_a_bound),
        TEST(test_references_are_shared),
        TEST(test_a_probe_is_scored),
        TEST(test_learned_attempts_count_steps_and_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
