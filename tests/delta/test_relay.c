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

/* Fewer heads than threads, then heads that leave a thread over; the last leg and its last chunk are cut short. The
 * last three are long enough for a past that is forgotten soon to run through pieces. */
static la_problem shared(size_t i)
{
    la_problem p = i == 0   ? problem(1, 2333, 1, 17, 20)
                   : i == 1 ? problem(1, 1800, 2, 16, 9)
                   : i == 2 ? problem(1, 777, 3, 20, 33)
                   : i == 3 ? problem(1, 3400, 1, 12, 16)
                   : i == 4 ? problem(1, 9001, 1, 16, 9)
                   : i == 5 ? problem(1, 2503, 5, 14, 20)
                            : problem(1, 12421, 1, 8, 17);
    if (i == 5) p.Hqk = 1;
    p.threads = i == 1 || i == 3 || i == 6 ? 3 : 2;
    return p;
}
#define SHARED 7

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

/* The rules whose past runs through pieces where it is soon forgotten. */
static const char *const forgetful[] = {"gated_deltanet", "kda", "rwkv7"};

/* Tokens [t, end) of a tensor: all elements by `factor`, but the first of each row by `first`. */
static void scale_rows(const la_variant *v, la_inputs *in, la_tensor which, int64_t t, int64_t end,
                       float factor, float first)
{
    float *x = in->t[which].data;
    int64_t row = x ? la_tensor_elements(v, &in->problem, which) / in->problem.T : 0;
    for (int64_t e = t * row; e < end * row; e++) x[e] *= e % row == 0 ? first : factor;
}

/* The past of the second half is large enough to be there after all decays, and then nothing decays: a channel
 * that no token of that half writes keeps it to the end. */
static la_inputs lasting(const la_variant *v, const la_problem *p)
{
    la_inputs in = inputs(v, p, LA_INPUTS_DEFAULT);
    int64_t half = p->T / 2, before = half - 300, after = half + 420;
    float *g = in.t[LA_T_G].data;
    int64_t channels = la_tensor_elements(v, p, LA_T_G) / p->T;
    for (int64_t e = 0; e < p->T * channels; e++) g[e] = e < after * channels ? -0.05f : 0.0f;
    scale_rows(v, &in, LA_T_V, 0, before, 1e16f, 1e16f);
    scale_rows(v, &in, LA_T_K, before, p->T, 1.0f, 0.0f);
    scale_rows(v, &in, LA_T_B, before, p->T, 1.0f, 0.0f);
    return in;
}

static void test_the_past_runs_to_the_end_where_it_stays(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(forgetful); n++) {
        const la_variant *v = la_registry_find(forgetful[n]);
        la_problem many = problem(1, 9001, 1, 16, 9), p = many;
        many.threads = 2;
        la_inputs in = lasting(v, &p);
        float *want = floats(outputs(&p)), *got = floats(outputs(&p));
        float *S = floats(state_size(&p)), *R = floats(state_size(&p));
        call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, S, want);
        call(v, runner(v), &many, LA_FORWARD, 16, &in, 0, NULL, R, got);
        assert_true(fabsf(S[0]) > 0.01f);
        assert_states(state_size(&p), R, S, 1.0f);
        int64_t last = (p.T / 2 + 420) * p.dv, left = outputs(&p) - last;
        assert_states(left, got + last, want + last,
                      least_of(LA_INPUTS_NO_DECAY, left, want + last));
        la_free(want);
        la_free(got);
        la_free(S);
        la_free(R);
        la_inputs_release(&in);
    }
}

/* Tokens of which some bit differs: the first, and the one behind the last. */
static void differences(const la_problem *p, const float *a, const float *b, int64_t *first,
                        int64_t *end)
{
    *first = *end = 0;
    for (int64_t t = 0; t < p->T; t++) {
        if (memcmp(a + t * p->dv, b + t * p->dv, (size_t)p->dv * sizeof *a) == 0) continue;
        if (*end == 0) *first = t;
        *end = t + 1;
    }
}

/* And where it does not, a few hundred tokens behind the start of the second piece have bits of their own. (The
 * rank-one rule rounds otherwise at the start of every leg.) */
static void test_the_past_is_soon_gone(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(forgetful); n++) {
        const la_variant *v = la_registry_find(forgetful[n]);
        la_problem many = shared(4), p = many;
        p.threads = 1;
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        float *want = floats(outputs(&p)), *got = floats(outputs(&p));
        call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, NULL, want);
        call(v, runner(v), &many, LA_FORWARD, 16, &in, 0, NULL, NULL, got);
        int64_t first, end;
        differences(&p, want, got, &first, &end);
        assert_in_range(first, p.T / 2 - 300, p.T / 2);
        if (!(v->inputs & LA_IN_AB)) assert_in_range(end, first + 64, first + 300);
        la_free(want);
        la_free(got);
        la_inputs_release(&in);
    }
}

static bool has_bf16(void)
{
    la_device device;
    la_device_cpu(&device);
    return device.isa >= LA_ISA_AVX512_BF16;
}

/* Rows of a piece are rounded before what came before is added, and after. */
static void test_pieces_in_bf16_are_as_close_as_whole_sequences(void **state)
{
    (void)state;
    if (!has_bf16()) skip();
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        la_problem p = shared(4);
        p.dtype = LA_BF16;
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        double *want = la_alloc((size_t)outputs(&p) * sizeof *want, NULL);
        float *got = floats(outputs(&p));
        la_err err = {0};
        assert_int_equal(la_reference_forward(v, &p, NULL, &in, NULL, 0, NULL, NULL, 0, want, &err),
                         LA_OK);
        call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, NULL, got);
        la_error error;
        la_compare(v, &p, got, NULL, 0, want, &error);
        la_status st = la_judge(&error, la_tolerance_of(v, runner(v), LA_BF16), &err);
        if (st != LA_OK) print_error("%s: %s\n", v->name, err.msg);
        assert_int_equal(st, LA_OK);
        la_free(want);
        la_free(got);
        la_inputs_release(&in);
    }
}

/* Tokens from t on that decay no more leave every bit before, wherever t is around the start of the second piece. */
static void are_causal(const la_variant *v, la_dtype dtype)
{
    const int64_t from[] = {-900, -500, -200, -130, -66, 0, 50, 200, 1000};
    for (size_t i = 0; i < LA_COUNT(from); i++) {
        la_problem p = shared(4);
        p.dtype = dtype;
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        int64_t t = p.T / 2 + from[i];
        float *want = floats(outputs(&p)), *got = floats(outputs(&p));
        call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, NULL, want);
        scale_rows(v, &in, LA_T_G, t, p.T, 0.0f, 0.0f);
        call(v, runner(v), &p, LA_FORWARD, 16, &in, 0, NULL, NULL, got);
        assert_memory_equal(got, want, (size_t)(t * p.dv) * la_dtype_size(dtype));
        la_free(want);
        la_free(got);
        la_inputs_release(&in);
    }
}

static void test_pieces_are_causal(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        are_causal(la_registry_find(names[n]), LA_F32);
        if (has_bf16()) are_causal(la_registry_find(names[n]), LA_BF16);
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
        cmocka_unit_test(test_the_past_runs_to_the_end_where_it_stays),
        cmocka_unit_test(test_the_past_is_soon_gone),
        cmocka_unit_test(test_pieces_in_bf16_are_as_close_as_whole_sequences),
        cmocka_unit_test(test_pieces_are_causal),
        cmocka_unit_test(test_repetition_changes_nothing),
        cmocka_unit_test(test_one_thread_runs_for_many),
        cmocka_unit_test(test_training_finds_the_same_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
