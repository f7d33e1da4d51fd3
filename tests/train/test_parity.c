/* SPDX-License-Identifier: Apache-2.0
 * Parity needs a transition that can turn the state over: with beta in (0,2) deltanet has an eigenvalue
 * down to -1, with beta in (0,1) it has none below 0 (Grazzi et al. 2024, arXiv:2411.12537).
 */
#include "train_kit.h"

#define ONE_LAYER "model.layers=1 train.steps=400 train.tokens=2048"

static double parity_at_40(const char *settings)
{
    la_trained t;
    la_trial_run(&(la_trial){.variant = "deltanet",
                             .task = "parity",
                             .settings = settings,
                             .lengths = {3, 4, 6, 8, 12, 16, 22, 28, 34, 40},
                             .seed = 3},
                 &t);
    double share = la_trained_accuracy_at(&t, 40, 1024);
    la_trained_release(&t);
    return share;
}

static void test_deltanet_with_beta_below_2_learns_parity(void **state)
{
    (void)state;
    assert_true(parity_at_40(ONE_LAYER " model.neg_eigval=1") > 0.97);
}

static void test_deltanet_with_beta_below_1_guesses_parity(void **state)
{
    (void)state;
    assert_true(parity_at_40(ONE_LAYER " model.neg_eigval=0") < 0.6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deltanet_with_beta_below_2_learns_parity),
        cmocka_unit_test(test_deltanet_with_beta_below_1_guesses_parity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
