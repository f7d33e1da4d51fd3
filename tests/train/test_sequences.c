/* SPDX-License-Identifier: Apache-2.0
 * Tasks that softmax learns within a few hundred steps, and carries beyond the lengths it was trained on
 * where no position is learned.
 */
#include "train_kit.h"

static void test_softmax_learns_induction_and_keeps_it_at_greater_length(void **state)
{
    la_trained t;
    (void)state;
    la_trial_run(&(la_trial){.variant = "softmax",
                             .task = "induction",
                             .settings = "train.steps=300 train.tokens=2048",
                             .seed = 1},
                 &t);
    assert_true(la_trained_accuracy_at(&t, 64, 256) > 0.97);
    assert_true(la_trained_accuracy_at(&t, 512, 128) > 0.95);
    la_trained_release(&t);
}

static void test_softmax_learns_to_copy(void **state)
{
    la_trained t;
    (void)state;
    la_trial_run(&(la_trial){.variant = "softmax",
                             .task = "copy",
                             .settings = "task.tokens=5 train.steps=300 train.tokens=2048",
                             .lengths = {32},
                             .seed = 1},
                 &t);
    assert_true(la_trained_accuracy_at(&t, 32, 256) > 0.95);
    la_trained_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_learns_induction_and_keeps_it_at_greater_length),
        cmocka_unit_test(test_softmax_learns_to_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
