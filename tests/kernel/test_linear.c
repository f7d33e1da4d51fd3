/* SPDX-License-Identifier: Apache-2.0
 * linear: known answers, and what the engine below it does with threads, segments and states.
 */
#include <math.h>
#include <string.h>

#include "kernel_test.h"

/* One token sees itself alone: o = v w / (w + eps) with w = phi(q).phi(k). */
static void test_linear_of_one_token_is_its_value(void **state)
{
    (void)state;
    subject s;
    subject_open(&s, "linear", "cpu_chunk", problem_of(1, 1, 2, 5, 7, LA_MASK_CAUSAL, 1), "",
                 LA_INPUTS_DEFAULT);
    const float *o = subject_run(&s, NULL, NULL);
    assert_true(distance(o, subject_tensor(&s, LA_T_V), 2 * 7) < 1e-5);
    subject_close(&s);
}

/* Equal keys have equal weights: o is the mean of the values so far. */
static void test_linear_with_equal_keys_is_the_running_mean(void **state)
{
    (void)state;
    enum { T = 150, D = 6 };
    subject s;
    subject_open(&s, "linear", "cpu_chunk", problem_of(1, T, 1, D, D, LA_MASK_CAUSAL, 2), "",
                 LA_INPUTS_DEFAULT);
    float *k = subject_tensor(&s, LA_T_K), mean[T * D];
    const float *v = subject_tensor(&s, LA_T_V);
    for (int64_t t = 1; t < T; t++) memcpy(k + t * D, k, D * sizeof *k);
    for (int64_t c = 0; c < D; c++) {
        double sum = 0.0;
        for (int64_t t = 0; t < T; t++) {
            sum += (double)v[t * D + c];
            mean[t * D + c] = (float)(sum / (double)(t + 1));
        }
    }
    assert_true(distance(subject_run(&s, NULL, NULL), mean, T * D) < 1e-5);
    subject_close(&s);
}

/* Fewer heads than threads: sequences are cut into segments, some of them empty of chunks. */
static void test_linear_agrees_for_any_number_of_threads(void **state)
{
    (void)state;
    const int threads[] = {1, 2, 3, 5, 8};
    for (size_t i = 0; i < LA_COUNT(threads); i++)
        for (int mask = LA_MASK_CAUSAL; mask <= LA_MASK_BIDIRECTIONAL; mask++) {
            subject s;
            subject_open(&s, "linear", "cpu_chunk",
                         problem_of(1, 333, 1, 9, 20, (la_mask)mask, threads[i]), "",
                         LA_INPUTS_DEFAULT);
            subject_agrees(&s, NULL, 0);
            subject_close(&s);
        }
}

/* Longer than what threads take at a time, the last of it uneven; and heads that leave one thread over. */
static void test_linear_agrees_over_several_blocks(void **state)
{
    (void)state;
    for (int64_t H = 1; H <= 3; H += 2)
        for (int threads = 2; threads <= 5; threads++) {
            subject s;
            subject_open(&s, "linear", "cpu_chunk",
                         problem_of(1, 2500, H, 64, 64, LA_MASK_CAUSAL, threads), "",
                         LA_INPUTS_DEFAULT);
            subject_agrees(&s, NULL, 0);
            subject_close(&s);
        }
}

/* Two or three threads that take turns change who does what, and no sum. */
static void test_turns_have_the_bits_of_one_thread(void **state)
{
    (void)state;
    enum { T = 1500, H = 4, D = 64 };
    const char *const variants[] = {"linear", "performer"};
    for (size_t i = 0; i < LA_COUNT(variants); i++) {
        subject one, some;
        subject_open_training(&one, variants[i], "cpu_chunk",
                              problem_of(1, T, H, D, D, LA_MASK_CAUSAL, 1), "", LA_INPUTS_DEFAULT);
        subject_open_training(&some, variants[i], "cpu_chunk",
                              problem_of(1, T, H, D, D, LA_MASK_CAUSAL, 3), "", LA_INPUTS_DEFAULT);
        float *of_one = one.inst.state.data, *of_some = some.inst.state.data;
        memset(of_one, 0, one.inst.state.bytes); /* what pads it is nobody's */
        memset(of_some, 0, some.inst.state.bytes);
        for (int calls = 0; calls < 2; calls++) {
            const float *o = subject_run(&one, calls ? of_one : NULL, of_one);
            assert_memory_equal(subject_run(&some, calls ? of_some : NULL, of_some), o,
                                (size_t)(T * H * D) * sizeof *o);
            assert_memory_equal(of_some, of_one, one.inst.state.bytes);
            assert_memory_equal(some.inst.saved.data, one.inst.saved.data, one.inst.saved.bytes);
        }
        subject_close(&one);
        subject_close(&some);
    }
}

/* No state is the initial state, and the outgoing state is the sums over all tokens. */
static void test_linear_state_is_the_sums(void **state)
{
    (void)state;
    enum { T = 200, DK = 4, DV = 3 };
    subject s;
    subject_open(&s, "linear", "cpu_chunk", problem_of(1, T, 1, DK, DV, LA_MASK_CAUSAL, 3),
                 "map=identity,normalize=0", LA_INPUTS_DEFAULT);
    float before[T * DV], sums[DK * DV], *S = s.inst.state.data;
    assert_int_equal(s.inst.state.bytes, sizeof sums);
    memcpy(before, subject_run(&s, NULL, S), sizeof before);
    const float *k = subject_tensor(&s, LA_T_K), *v = subject_tensor(&s, LA_T_V);
    for (int i = 0; i < DK * DV; i++) {
        double sum = 0.0;
        for (int t = 0; t < T; t++) sum += (double)k[t * DK + i / DV] * (double)v[t * DV + i % DV];
        sums[i] = (float)sum;
    }
    assert_true(distance(S, sums, DK * DV) < 1e-5);
    la_instance_state_initial(&s.inst);
    assert_memory_equal(before, subject_run(&s, S, S), sizeof before);
    assert_true(distance(S, sums, DK * DV) < 1e-5);
    subject_close(&s);
}

static size_t work_bytes(const char *variant, const char *impl, int64_t T)
{
    subject s;
    la_mask mask = strcmp(variant, "linformer") == 0 ? LA_MASK_BIDIRECTIONAL : LA_MASK_CAUSAL;
    subject_open(&s, variant, impl, problem_of(1, T, 2, 8, 8, mask, 2), "", LA_INPUTS_DEFAULT);
    size_t bytes = s.inst.sizes.work + s.inst.sizes.instance + s.inst.sizes.state;
    subject_close(&s);
    return bytes;
}

static void test_memory_does_not_grow_with_length(void **state)
{
    (void)state;
    assert_int_equal(work_bytes("linear", "cpu_chunk", 1000),
                     work_bytes("linear", "cpu_chunk", 30000));
    assert_int_equal(work_bytes("performer", "cpu_chunk", 1000),
                     work_bytes("performer", "cpu_chunk", 30000));
    assert_int_equal(work_bytes("linformer", "cpu_gemm", 1000),
                     work_bytes("linformer", "cpu_gemm", 30000));
}

int main(void)
{
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_of_one_token_is_its_value),
        cmocka_unit_test(test_linear_with_equal_keys_is_the_running_mean),
        cmocka_unit_test(test_linear_agrees_for_any_number_of_threads),
        cmocka_unit_test(test_linear_agrees_over_several_blocks),
        cmocka_unit_test(test_turns_have_the_bits_of_one_thread),
        cmocka_unit_test(test_linear_state_is_the_sums),
        cmocka_unit_test(test_memory_does_not_grow_with_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
