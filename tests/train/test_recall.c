/* SPDX-License-Identifier: Apache-2.0
 * Recall learned from end to end: pairs are looked up where a token can see the one before it, and a
 * memory that writes the difference forgets what was overwritten.
 */
#include "train_kit.h"

#include <stdio.h>

/* 4 pairs in 64 tokens, as training's smoke test, with a smaller vocabulary and half the tokens. */
#define FOUR_PAIRS                                                                                 \
    "task.pairs=4 task.eval_pairs=4 task.eval_a=0.01 task.filler=zero train.steps=200 "            \
    "train.plan_steps=600 train.tokens=2048"

static double four_pairs(const char *settings)
{
    la_trained t;
    la_trial_run(
        &(la_trial){
            .variant = "softmax", .task = "mqar", .settings = settings, .lengths = {64}, .seed = 1},
        &t);
    double share = la_trained_accuracy_at(&t, 64, 256);
    la_trained_release(&t);
    return share;
}

static void test_softmax_learns_to_look_up_pairs(void **state)
{
    (void)state;
    assert_true(four_pairs(FOUR_PAIRS) > 0.95);
}

/* Without the short convolution a value does not know its key: one of the four values is guessed. */
static void test_softmax_without_convolution_knows_the_values_only(void **state)
{
    (void)state;
    double share = four_pairs(FOUR_PAIRS " model.conv=0");
    assert_true(share < 0.35);
    assert_true(share > 0.1); /* above naming any of 256 values */
}

static double overwritten(const char *variant, const char *more)
{
    char settings[256];
    la_trained t;
    snprintf(settings, sizeof settings,
             "task.pairs=8 task.eval_pairs=8 task.filler=zero train.steps=250 train.tokens=2048%s",
             more);
    la_trial_run(&(la_trial){.variant = variant,
                             .task = "overwrite",
                             .settings = settings,
                             .lengths = {64},
                             .seed = 1},
                 &t);
    double share = la_trained_accuracy_at(&t, 64, 256);
    la_trained_release(&t);
    return share;
}

/* Both with unit keys and no denominator, so that only the rule of writing differs. */
static void test_delta_overwrites_where_an_additive_memory_does_not(void **state)
{
    (void)state;
    double delta = overwritten("deltanet", "");
    assert_true(delta > 0.85);
    assert_true(overwritten("linear", " variant.map=identity model.qk_norm=l2") < delta - 0.2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_learns_to_look_up_pairs),
        cmocka_unit_test(test_softmax_without_convolution_knows_the_values_only),
        cmocka_unit_test(test_delta_overwrites_where_an_additive_memory_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
