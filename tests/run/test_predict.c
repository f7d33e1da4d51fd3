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
        f.known[i] = (la_known){la_predict_family(&f.plan.cells[i]), NAN, false};
    }
    *state = &f;
    return 0;
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

static void test_attempts_take_longer_than_their_calls(void **state)
{
    family *f = *state;
    const la_cell *c = &f->plan.cells[4];
    assert_true(la_predict_attempt(c, 1e-3, 0.5, 1.5, true) > 0.5);
    assert_true(la_predict_attempt(c, 20, 0.5, 1.5, false) < 25); /* its own sample */
    assert_true(la_predict_attempt(c, 1, 0.5, 1.5, false) > 4);
    assert_true(la_predict_attempt(c, 1e-3, 0.5, 1.5, true) >
                la_predict_attempt(c, 1e-3, 0.5, 1.5, false));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_families_differ_in_length_alone),
        TEST(test_nothing_known_takes_the_cost),
        TEST(test_one_length_is_carried_by_cost),
        TEST(test_two_lengths_give_an_exponent),
        TEST(test_out_of_memory_is_inherited_by_longer_cells),
        TEST(test_attempts_take_longer_than_their_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
