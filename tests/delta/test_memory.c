/* SPDX-License-Identifier: Apache-2.0
 * What a delta-rule memory must remember, replace and forget: known answers.
 */
#include <math.h>
#include <string.h>

#include "delta_engine.h"
#include "fixture.h"

static const char *const names[] = {"deltanet", "gated_deltanet", "kda"};

/* s = 1, one head, beta = 1, g = 0; q, k, v zero. */
static la_inputs blank(const la_variant *v, const la_problem *p)
{
    la_inputs in = inputs(v, p, LA_INPUTS_NO_DECAY);
    for (int i = LA_T_Q; i <= LA_T_V; i++) memset(in.t[i].data, 0, in.t[i].bytes);
    for (int64_t t = 0; t < p->T; t++) ((float *)in.t[LA_T_BETA].data)[t] = 1.0f;
    return in;
}

static float *row(la_inputs *in, la_tensor which, int64_t t)
{
    return (float *)in->t[which].data + t * (which == LA_T_V ? in->problem.dv : in->problem.dk);
}

/* beta = 1, g = 0, s = 1, orthonormal keys: looking a key up returns its value exactly. */
static void test_orthonormal_keys_recall_exactly(void **state)
{
    (void)state;
    enum { PAIRS = 40, FILLER = 60 };
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        la_problem p = problem(1, PAIRS + FILLER + PAIRS, 1, PAIRS, 23);
        p.scale = 1.0;
        la_inputs in = blank(v, &p);
        for (int64_t t = 0; t < PAIRS; t++) {
            row(&in, LA_T_K, t)[(t * 7) % PAIRS] = 1.0f;
            row(&in, LA_T_Q, PAIRS + FILLER + t)[(t * 7) % PAIRS] = 1.0f;
            for (int64_t c = 0; c < p.dv; c++)
                row(&in, LA_T_V, t)[c] = (float)la_random_normal(3, (uint64_t)(t * p.dv + c));
        }
        for (int64_t t = PAIRS; t < p.T; t++) ((float *)in.t[LA_T_BETA].data)[t] = 0.0f;
        float *o = floats(outputs(&p));
        for (size_t i = 0; i < cpu_forms(v); i++) {
            call(v, &v->impls[i], &p, LA_FORWARD, 32, &in, 0, NULL, NULL, o);
            for (int64_t t = 0; t < PAIRS; t++)
                for (int64_t c = 0; c < p.dv; c++)
                    assert_true(o[(PAIRS + FILLER + t) * p.dv + c] == row(&in, LA_T_V, t)[c]);
        }
        la_free(o);
        la_inputs_release(&in);
    }
}

/* A second write under a key replaces the first (beta 1), is ignored (beta 0), or leaves
 * 2 v2 - v1, the reflection (beta 2). */
static void test_beta_replaces_ignores_or_reflects(void **state)
{
    (void)state;
    for (size_t n = 0; n < LA_COUNT(names); n++)
        for (int beta = 0; beta <= 2; beta++) {
            const la_variant *v = la_registry_find(names[n]);
            la_problem p = problem(1, 2, 1, 4, 3);
            p.scale = 1.0;
            la_inputs in = blank(v, &p);
            for (int64_t t = 0; t < 2; t++) {
                row(&in, LA_T_K, t)[2] = row(&in, LA_T_Q, t)[2] = 1.0f;
                for (int64_t c = 0; c < 3; c++) row(&in, LA_T_V, t)[c] = (float)(10 * t + c + 1);
            }
            ((float *)in.t[LA_T_BETA].data)[1] = (float)beta;
            float o[6];
            for (size_t i = 0; i < cpu_forms(v); i++) {
                call(v, &v->impls[i], &p, LA_FORWARD, 16, &in, 0, NULL, NULL, o);
                for (int c = 0; c < 3; c++) {
                    float first = (float)(c + 1), second = (float)(c + 11);
                    assert_true(o[c] == first);
                    assert_true(o[3 + c] == first + (float)beta * (second - first));
                }
            }
            la_inputs_release(&in);
        }
}

static void test_gated_deltanet_without_decay_is_deltanet(void **state)
{
    (void)state;
    const la_variant *plain = la_registry_find("deltanet");
    const la_variant *gated = la_registry_find("gated_deltanet");
    la_problem p = problem(2, 150, 2, 32, 48);
    la_inputs in = inputs(gated, &p, LA_INPUTS_NO_DECAY);
    float *want = floats(outputs(&p)), *got = floats(outputs(&p));
    for (size_t i = 0; i < cpu_forms(gated); i++) {
        const la_impl *impl = &gated->impls[i];
        call(plain, form(plain, impl->name), &p, LA_FORWARD, 64, &in, 0, NULL, NULL, want);
        call(gated, impl, &p, LA_FORWARD, 64, &in, 0, NULL, NULL, got);
        assert_close(gated, impl, &p, got, want);
    }
    la_free(want);
    la_free(got);
    la_inputs_release(&in);
}

/* After g = -50 in every channel nothing of the past is left: the rest is a sequence of its own. */
static void forget(const la_variant *v)
{
    const int64_t resets[] = {1, 15, 16, 40, 63, 64, 99};
    la_problem p = problem(1, 100, 1, 16, 20);
    for (size_t r = 0; r < LA_COUNT(resets); r++) {
        la_problem rest = p;
        rest.T = p.T - resets[r];
        la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
        int64_t gates = v->inputs & LA_IN_GATE_CHANNEL ? p.dk : 1;
        for (int64_t c = 0; c < gates; c++)
            ((float *)in.t[LA_T_G].data)[resets[r] * gates + c] = -50.0f;
        float *want = floats(outputs(&rest)), *got = floats(outputs(&p));
        for (size_t i = 0; i < cpu_forms(v); i++) {
            call(v, &v->impls[i], &rest, LA_FORWARD, 64, &in, resets[r], NULL, NULL, want);
            call(v, &v->impls[i], &p, LA_FORWARD, 64, &in, 0, NULL, NULL, got);
            assert_close(v, &v->impls[i], &rest, got + resets[r] * p.dv, want);
        }
        la_free(want);
        la_free(got);
        la_inputs_release(&in);
    }
}

static void test_a_hard_reset_forgets_everything(void **state)
{
    (void)state;
    const char *const gated[] = {"gated_deltanet", "mamba2", "gla", "kda"};
    for (size_t n = 0; n < LA_COUNT(gated); n++) forget(la_registry_find(gated[n]));
}

/* Resets early in a chunk make G large; small decays behind them must keep their digits. G as a plain
 * float32 sum is wrong by 1e-4 here. */
static void survive(const la_variant *v)
{
    int64_t gates = v->inputs & LA_IN_GATE_CHANNEL ? 16 : 1;
    la_problem p = problem(1, 256, 1, 16, 16);
    la_inputs in = inputs(v, &p, LA_INPUTS_DEFAULT);
    for (int64_t e = 0; e < p.T * gates; e++) {
        int64_t t = e / gates;
        ((float *)in.t[LA_T_G].data)[e] = t < 200 ? -50.0f : -1e-3f * (float)(t % 7);
    }
    double *want = la_alloc((size_t)outputs(&p) * sizeof *want, NULL);
    float *got = floats(outputs(&p));
    la_delta_options opts = {.chunk = 256};
    la_err err = {0};
    assert_int_equal(la_reference_forward(v, &p, &opts, &in, NULL, 0, NULL, NULL, 0, want, &err),
                     LA_OK);
    call(v, form(v, "cpu_chunk"), &p, LA_FORWARD, 256, &in, 0, NULL, NULL, got);
    la_error error;
    la_compare(v, &p, got, NULL, 0, want, &error);
    /* Held to the tolerance of exact forms, ten times below that of chunk forms. */
    la_status st = la_judge(&error, la_tolerance_of(v, form(v, "cpu_recurrent"), LA_F32), &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    la_free(want);
    la_free(got);
    la_inputs_release(&in);
}

static void test_small_decays_survive_large_sums(void **state)
{
    (void)state;
    const char *const gated[] = {"gated_deltanet", "mamba2", "gla", "kda"};
    for (size_t n = 0; n < LA_COUNT(gated); n++) survive(la_registry_find(gated[n]));
}

static void test_refusals_have_reasons(void **state)
{
    (void)state;
    la_device device;
    la_device_cpu(&device);
    la_delta_options opts = {.chunk = 64};
    for (size_t n = 0; n < LA_COUNT(names); n++) {
        const la_variant *v = la_registry_find(names[n]);
        for (size_t i = 0; i < cpu_forms(v); i++) {
            la_err err = {0};
            la_problem p = problem(1, 8, 4, 8, 8);
            p.mask = LA_MASK_BIDIRECTIONAL;
            assert_int_equal(v->impls[i].check(&p, LA_FORWARD, &opts, &device, &err),
                             LA_E_UNSUPPORTED);
            assert_non_null(strstr(err.msg, "causal only"));
            p.mask = LA_MASK_CAUSAL, p.Hkv = 2;
            assert_int_equal(v->impls[i].check(&p, LA_FORWARD, &opts, &device, &err),
                             LA_E_UNSUPPORTED);
            assert_non_null(strstr(err.msg, "kv-heads 2"));
        }
    }
}

int main(void)
{
    la_start(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orthonormal_keys_recall_exactly),
        cmocka_unit_test(test_beta_replaces_ignores_or_reflects),
        cmocka_unit_test(test_gated_deltanet_without_decay_is_deltanet),
        cmocka_unit_test(test_a_hard_reset_forgets_everything),
        cmocka_unit_test(test_small_decays_survive_large_sums),
        cmocka_unit_test(test_refusals_have_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
