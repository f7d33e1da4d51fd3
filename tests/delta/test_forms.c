/* SPDX-License-Identifier: Apache-2.0
 * The forms of the delta variants agree with one another, however a sequence is cut.
 */
#include "fixture.h"

#include <math.h>

static const char *const names[] = {"deltanet", "gated_deltanet", "retnet", "mamba2", "gla", "kda"};
static const int64_t chunks[] = {16, 50, 64, 256};

static void test_chunk_is_recurrent(void **state)
{
    (void)state;
    const la_problem shapes[] = {problem(1, 1, 1, 1, 1), problem(2, 37, 3, 5, 7),
                                 problem(1, 130, 2, 64, 64), problem(1, 300, 1, 24, 100),
                                 problem(1, 65, 2, 33, 17)};
    const la_input_kind kinds[] = {LA_INPUTS_DEFAULT, LA_INPUTS_STRONG_DECAY, LA_INPUTS_BETA_EDGES};
    for (size_t n = 0; n < LA_COUNT(names); n++)
        for (size_t s = 0; s < LA_COUNT(shapes); s++)
            for (size_t kind = 0; kind < LA_COUNT(kinds); kind++) {
                const la_variant *v = la_registry_find(names[n]);
                const la_impl *chunk = form(v, "cpu_chunk");
                const la_problem *p = &shapes[s];
                la_inputs in = inputs(v, p, kinds[kind]);
                float *want = floats(outputs(p)), *got = floats(outputs(p));
                call(v, form(v, "cpu_recurrent"), p, LA_FORWARD, 64, &in, 0, NULL, NULL, want);
                for (size_t c = 0; c < LA_COUNT(chunks); c++) {
                    call(v, chunk, p, LA_FORWARD, chunks[c], &in, 0, NULL, NULL, got);
                    assert_close(v, chunk, p, got, want);
                }
                la_free(want);
                la_free(got);
                la_inputs_release(&in);
            }
}

static void test_both_forms_are_decode_steps(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        la_problem p = problem(1, 83, 2, 20, 37), one = p;
        one.T = 1;
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        float *want = floats(outputs(&p)), *got = floats(outputs(&p)), *S = floats(state_size(&p));
        for (int64_t t = 0; t < p.T; t++)
            call(v, form(v, "cpu_chunk"), &one, LA_DECODE, 64, &in, t, S, S, want + t * p.H * p.dv);
        for (size_t i = 0; i < cpu_forms(v); i++) {
            call(v, &v->impls[i], &p, LA_FORWARD, 16, &in, 0, NULL, NULL, got);
            assert_close(v, &v->impls[i], &p, got, want);
        }
        la_free(want);
        la_free(got);
        la_free(S);
        la_inputs_release(&in);
    }
}

/* Every place to cut 70 tokens in two, the state handed over; also with another chunk behind it. */
static void test_a_sequence_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        la_problem p = problem(1, 70, 1, 12, 19);
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        float *want = floats(outputs(&p)), *got = floats(outputs(&p)), *S = floats(state_size(&p));
        for (size_t i = 0; i < cpu_forms(v); i++) {
            const la_impl *impl = &v->impls[i];
            call(v, impl, &p, LA_FORWARD, 64, &in, 0, NULL, NULL, want);
            for (int64_t cut = 1; cut < p.T; cut++) {
                la_problem first = p, second = p;
                first.T = cut, second.T = p.T - cut;
                call(v, impl, &first, LA_FORWARD, 16, &in, 0, NULL, S, got);
                call(v, impl, &second, LA_FORWARD, 32, &in, cut, S, S, got + cut * p.dv);
                assert_close(v, impl, &p, got, want);
            }
        }
        la_free(want);
        la_free(got);
        la_free(S);
        la_inputs_release(&in);
    }
}

/* dv is split over threads when heads are few; columns of S never meet. */
static void test_threads_do_not_change_the_result(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        la_problem p = problem(1, 200, 1, 30, 75), many = p;
        many.threads = 3;
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        float *want = floats(outputs(&p)), *got = floats(outputs(&p));
        float *S = floats(state_size(&p)), *T = floats(state_size(&p));
        for (size_t i = 0; i < cpu_forms(v); i++) {
            call(v, &v->impls[i], &p, LA_FORWARD, 64, &in, 0, NULL, S, want);
            call(v, &v->impls[i], &many, LA_FORWARD, 64, &in, 0, NULL, T, got);
            assert_close(v, &v->impls[i], &p, got, want);
            for (int64_t e = 0; e < state_size(&p); e++) assert_true(fabsf(S[e] - T[e]) <= 1e-5f);
        }
        la_free(want);
        la_free(got);
        la_free(S);
        la_free(T);
        la_inputs_release(&in);
    }
}

/* What threads make of a shared chunk is not seen half made by another: 100 calls have the same bits. */
static void test_shared_chunks_are_whole(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        const la_impl *impl = form(v, "cpu_chunk");
        la_problem p = problem(1, 800, 1, 40, 100);
        p.threads = 3;
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        float *want = floats(outputs(&p)), *got = floats(outputs(&p));
        call(v, impl, &p, LA_FORWARD, 50, &in, 0, NULL, NULL, want);
        for (int i = 0; i < 100; i++) {
            call(v, impl, &p, LA_FORWARD, 50, &in, 0, NULL, NULL, got);
            assert_memory_equal(got, want, (size_t)outputs(&p) * sizeof *got);
        }
        la_free(want);
        la_free(got);
        la_inputs_release(&in);
    }
}

/* Value heads that share a query/key head are heads with that q and k. */
static void test_grouped_heads_are_repeated_keys(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        la_problem p = problem(2, 45, 6, 8, 11), grouped = p;
        grouped.Hqk = 2;
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT), few = inputs(v, &grouped, 0);
        for (int64_t bt = 0; bt < p.B * p.T; bt++)
            for (int64_t h = 0; h < p.H; h++)
                for (int64_t c = 0; c < p.dk; c++) {
                    int64_t to = (bt * p.H + h) * p.dk + c, from = (bt * 2 + h / 3) * p.dk + c;
                    ((float *)in.t[LA_T_Q].data)[to] = ((float *)few.t[LA_T_Q].data)[from];
                    ((float *)in.t[LA_T_K].data)[to] = ((float *)few.t[LA_T_K].data)[from];
                }
        float *want = floats(outputs(&p)), *got = floats(outputs(&p));
        for (size_t i = 0; i < cpu_forms(v); i++) {
            call(v, &v->impls[i], &p, LA_FORWARD, 32, &in, 0, NULL, NULL, want);
            call(v, &v->impls[i], &grouped, LA_FORWARD, 32, &few, 0, NULL, NULL, got);
            assert_close(v, &v->impls[i], &p, got, want);
        }
        la_free(want);
        la_free(got);
        la_inputs_release(&in);
        la_inputs_release(&few);
    }
}

int main(void)
{
    la_start(3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk_is_recurrent),
        cmocka_unit_test(test_both_forms_are_decode_steps),
        cmocka_unit_test(test_a_sequence_may_be_cut_anywhere),
        cmocka_unit_test(test_threads_do_not_change_the_result),
        cmocka_unit_test(test_shared_chunks_are_whole),
        cmocka_unit_test(test_grouped_heads_are_repeated_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
