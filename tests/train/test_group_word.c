/* SPDX-License-Identifier: Apache-2.0
 * The swaps of S5 need transitions that mirror: two layers of deltanet with beta in (0,2) follow
 * twelve of them, with beta in (0,1) they lose the thread (Grazzi et al. 2024, arXiv:2411.12537).
 */
#include "train_kit.h"

#define SWAPS "model.layers=2 model.heads=8 train.lr=1e-2 train.tokens=2048 train.steps=1000"

typedef struct shares {
    double to_12, from_9; /* right answers of the first twelve, and of the ninth to the twelfth */
} shares;

static shares follow(const char *settings)
{
    la_trained t;
    la_trial_run(
        &(la_trial){.variant = "deltanet", .task = "group_word", .settings = settings, .seed = 3},
        &t);
    double to_8 = la_trained_accuracy_at(&t, 8, 1024), to_12 = la_trained_accuracy_at(&t, 12, 1024);
    la_trained_release(&t);
    return (shares){.to_12 = to_12, .from_9 = 3 * to_12 - 2 * to_8};
}

static void test_deltanet_with_beta_below_2_follows_swaps_of_s5(void **state)
{
    (void)state;
    assert_true(follow(SWAPS " model.neg_eigval=1").to_12 > 0.97);
}

static void test_deltanet_with_beta_below_1_does_not(void **state)
{
    (void)state;
    assert_true(follow(SWAPS " model.neg_eigval=0").from_9 < 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deltanet_with_beta_below_2_follows_swaps_of_s5),
        cmocka_unit_test(test_deltanet_with_beta_below_1_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
