/* SPDX-License-Identifier: Apache-2.0
 * Long sequences that threads run in a relay (delta_relay.h) or in pieces (delta_pieces.h) against one
 * thread: outputs, the state that goes in and out, and the states that training saves.
 */
#include "fixture.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {"deltanet", "gated_deltanet", "retnet", "mamba2", "gla",
                                    "kda",      "rwkv7"};

/* The form that has a relay. */
static const la_impl *runner(const la_variant *v)
{
    return form(v, strcmp(v->name, "rwkv7") == 0 ? "cpu_recurrent" : "cpu_chunk");
}

/* Fewer heads than threads, then heads that leave a thread over; the last leg and its last chunk are cut short. */
static la_problem shared(size_t i)
{
    la_problem p = i == 0   ? problem(1, 2333, 1, 17, 20)
                   : i == 1 ? problem(1, 1800, 2, 16, 9)
                   : i == 2 ? problem(1, 777, 3, 20, 33)
                            : problem(1, 3400, 1, 12, 16);
    p.threads = i == 0 || i == 2 ? 2 : 3;
    return p;
}
#define SHARED 4

/* Sums of thousands of tokens in another order: to 2e-5 of the number, or of `least` where it is smaller. A NaN
 * is near nothing, which assert_float_equal would let pass. */
static void assert_states(int64_t n, const float *got, const float *want, float least)
{
    for (int64_t e = 0; e < n; e++)
        assert_true(fabsf(got[e] - want[e]) <= 2e-5f * fmaxf(least, fabsf(want[e])));
}

/* Where nothing is forgotten, sums cancel from numbers as large as any. */
static float least_of(la_input_kind kind, int64_t n, const float *S)
{
    float least = 1.0f;
    for (int64_t e = 0; kind == LA_INPUTS_NO_DECAY && e < n; e++) least = fmaxf(least, fabsf(S[e]));
    return least;
}

/* S goes in and comes out at the same place, as where a prompt comes in parts. */
static void test_a_relay_is_one_thread(void **state)
{
    (void)state;
    const la_input_kind kinds[] = {LA_INPUTS_DEFAULT, LA_INPUTS_STRONG_DECAY, LA_INPUTS_NO_DECAY};
    for (size_t n = 0; n < LA_COUNT(names); n++)
        for (size_t s = 0; s < SHARED; s++)
            for (size_t kind = 0; kind < LA_COUNT(kinds); kind++) {
                const la_variant *v = la_registry_find(names[n]);
                const la_impl *impl = runner(v);
                la_problem many = shared(s), p = many;
                p.threads = 1;
                la_inputs in = inputs(v, &p, kinds[kind]);
                float *want = floats(outputs(&p)), *got = floats(outputs(&p));
                float *S = floats(state_size(&p)), *R = floats(state_size(&p));
                for (int64_t e = 0; e < state_size(&p); e++) S[e] = R[e] = (float)(e % 7) * 0.1f;
                call(v, impl, &p, LA_FORWARD, 16, &in, 0, S, S, want);
                call(v, impl, &many, LA_FORWARD, 16, &in, 0, R, R, got);
                assert_close(v, impl, &p, got, want);
                assert_states(state_size(&p), R, S, least_of(kinds[kind], state_size(&p), S));
                la_free(want);
                la_free(got);
                la_free(S);
                la_free(R);
                la_inputs_release(&in);
            }
}

/* Which thread takes which leg changes no bit. */
static void test_repetition_changes_nothing(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++)
        for (size_t s = 0; s < 2 * SHARED; s++) {
            const la_variant *v = la_registry_find(names[n]);
            la_problem p = shared(s / 2);
            la_inputs in = inputs(v, &p, s % 2 ? LA_INPUTS_NO_DECAY : LA_INPUTS_DEFAULT);
            float *want = floats(outputs(&p)), *got = floats(outputs(&p));
            call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, NULL, want);
            for (int i = 0; i < 4; i++) {
                call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, NULL, got);
                assert_memory_equal(got, want, (size_t)outputs(&p) * sizeof *got);
            }
            la_free(want);
            la_free(got);
            la_inputs_release(&in);
        }
}

/* A region inside a region has one thread: it does all parts, and nobody is waited for. */
static void test_one_thread_runs_for_many(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        la_problem p = shared(0);
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        float *want = floats(outputs(&p)), *got = floats(outputs(&p));
        call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, NULL, want);
#pragma omp parallel num_threads(2)
#pragma omp master
        call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, NULL, got);
        assert_memory_equal(got, want, (size_t)outputs(&p) * sizeof *got);
        la_free(want);
        la_free(got);
        la_inputs_release(&in);
    }
}

/* The saved states of all heads, in the order in which backward reads them. */
static float *saved_states(const la_variant *v, const la_problem *p, const la_inputs *in,
                           int64_t *n)
{
    la_device device;
    la_device_cpu(&device);
    la_instance inst;
    la_delta_options opts = {.chunk = 16};
    const la_impl *impl = runner(v);
    assert_int_equal(la_instance_create(v, impl, p, LA_FWDBWD, &opts, &device, &inst, NULL), LA_OK);
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, in);
    assert_int_equal(impl->forward(inst.self, &io, NULL), LA_OK);
    assert_int_equal(la_instance_guards(&inst, NULL), LA_OK);
    *n = (int64_t)(inst.sizes.saved / sizeof(float));
    float *copy = floats(*n);
    memcpy(copy, io.saved, (size_t)*n * sizeof *copy);
    la_instance_release(&inst);
    return copy;
}

static void test_training_finds_the_same_states(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++)
        for (size_t s = 0; s < 2 * SHARED; s++) {
            const la_variant *v = la_registry_find(names[n]);
            la_problem many = shared(s / 2), p = many;
            p.threads = 1;
            la_input_kind kind = s % 2 ? LA_INPUTS_NO_DECAY : LA_INPUTS_DEFAULT;
            la_inputs in = inputs(v, &p, kind);
            int64_t size, other;
            float *want = saved_states(v, &p, &in, &size),
                  *got = saved_states(v, &many, &in, &other);
            assert_int_equal(size, other);
            assert_true(size >= p.H * p.dk * p.dv * (p.T / 64));
            assert_states(size, got, want, least_of(kind, size, want));
            la_free(want);
            la_free(got);
            la_inputs_release(&in);
        }
}

int main(void)
{
    la_start(3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_relay_is_one_thread),
        cmocka_unit_test(test_repetition_changes_nothing),
        cmocka_unit_test(test_one_thread_runs_for_many),
        cmocka_unit_test(test_training_finds_the_same_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
