/* SPDX-License-Identifier: Apache-2.0
 * ttt_linear where several threads share a head: by turns, and by columns where there are more than two.
 */
#include <string.h>

#include "kernel_test.h"

static void agrees(int64_t T, int64_t dk, int64_t dv, int threads, const char *set)
{
    subject s;
    subject_open(&s, "ttt_linear", "cpu_chunk",
                 problem_of(1, T, 1, dk, dv, LA_MASK_CAUSAL, threads), set, LA_INPUTS_DEFAULT);
    subject_agrees(&s, NULL, 0);
    subject_close(&s);
}

/* Mini-batches, rows and columns that are no whole number of vectors, and a last leg that is short. */
static void test_ttt_linear_agrees_for_any_number_of_threads(void **state)
{
    (void)state;
    const int threads[] = {1, 2, 3, 4, 5, 8};
    for (size_t i = 0; i < LA_COUNT(threads); i++) {
        agrees(1500, 64, 64, threads[i], "");
        agrees(701, 40, 56, threads[i], "mini_batch=20");
        agrees(701, 72, 33, threads[i], "mini_batch=8,average=0");
        agrees(500, 32, 64, threads[i], "norm=none");
    }
}

/* Turns change who does what, and no sum: from a state in the middle of a mini-batch, too. */
static void test_ttt_linear_by_turns_has_the_bits_of_one_thread(void **state)
{
    (void)state;
    enum { T = 1000, H = 3, D = 64 };
    subject one, some;
    subject_open_training(&one, "ttt_linear", "cpu_chunk",
                          problem_of(1, T, H, D, D, LA_MASK_CAUSAL, 1), "", LA_INPUTS_DEFAULT);
    subject_open_training(&some, "ttt_linear", "cpu_chunk",
                          problem_of(1, T, H, D, D, LA_MASK_CAUSAL, 2), "", LA_INPUTS_DEFAULT);
    size_t floats = (size_t)(T * H * D) * sizeof(float), bytes = one.inst.state.bytes;
    for (int calls = 0; calls < 2; calls++) {
        float *of_one = one.inst.state.data, *of_some = some.inst.state.data;
        const float *o = subject_run(&one, calls ? of_one : NULL, of_one);
        assert_memory_equal(subject_run(&some, calls ? of_some : NULL, of_some), o, floats);
        assert_memory_equal(of_some, of_one, bytes);
        assert_memory_equal(some.inst.saved.data, one.inst.saved.data, one.inst.saved.bytes);
    }
    subject_close(&one);
    subject_close(&some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ttt_linear_agrees_for_any_number_of_threads),
        cmocka_unit_test(test_ttt_linear_by_turns_has_the_bits_of_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
