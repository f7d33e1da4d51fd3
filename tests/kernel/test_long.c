/* SPDX-License-Identifier: Apache-2.0
 * Long sequences: rounding that adds up over tens of thousands of tokens stays within the tolerances.
 */
#include "kernel_test.h"

#define T 50000

static const int64_t rows[] = {0, 63, 64, 12345, 25000, 49999};

static void long_run(const char *variant, const char *impl, la_mask mask, la_input_kind kind)
{
    subject s;
    subject_open(&s, variant, impl, problem_of(1, T, 1, 64, 64, mask, 2), "", kind);
    subject_agrees(&s, rows, LA_COUNT(rows));
    subject_close(&s);
}

static void test_linear_agrees_over_a_long_sequence(void **state)
{
    (void)state;
    long_run("linear", "cpu_chunk", LA_MASK_CAUSAL, LA_INPUTS_DEFAULT);
    long_run("linear", "cpu_chunk", LA_MASK_BIDIRECTIONAL, LA_INPUTS_DEFAULT);
}

static void test_performer_agrees_over_a_long_sequence(void **state)
{
    (void)state;
    long_run("performer", "cpu_chunk", LA_MASK_CAUSAL, LA_INPUTS_DEFAULT);
    long_run("performer", "cpu_chunk", LA_MASK_CAUSAL, LA_INPUTS_WIDE);
    long_run("performer", "cpu_chunk", LA_MASK_BIDIRECTIONAL, LA_INPUTS_WIDE);
}

static void test_linformer_agrees_over_a_long_sequence(void **state)
{
    (void)state;
    long_run("linformer", "cpu_gemm", LA_MASK_BIDIRECTIONAL, LA_INPUTS_DEFAULT);
}

static void test_fnet_agrees_over_a_long_sequence(void **state)
{
    (void)state;
    long_run("fnet", "cpu_fft", LA_MASK_BIDIRECTIONAL, LA_INPUTS_DEFAULT);
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_agrees_over_a_long_sequence),
        cmocka_unit_test(test_performer_agrees_over_a_long_sequence),
        cmocka_unit_test(test_linformer_agrees_over_a_long_sequence),
        cmocka_unit_test(test_fnet_agrees_over_a_long_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
