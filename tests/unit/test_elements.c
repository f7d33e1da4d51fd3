/* SPDX-License-Identifier: Apache-2.0
 * Arrays of a type known at run time, and what is drawn into them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "elements.h"
#include "gradients.h"
#include "labench/bf16.h"
#include "labench/f16.h"
#include "labench/kit.h"
#include "registry.h"

static void test_all_bf16_come_back(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits <= 0xFFFF; bits++) {
        la_bf16 x = (la_bf16)bits, y;
        double wide = la_element(&x, 0, LA_BF16);
        la_elements_from_double(&wide, 1, LA_BF16, &y);
        bool denormal = (bits & 0x7F80u) == 0;
        if (isnan(wide))
            assert_true(isnan(la_element(&y, 0, LA_BF16)));
        else
            assert_int_equal(y, denormal ? bits & 0x8000u : bits);
    }
}

static void test_all_f16_come_back(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits <= 0xFFFF; bits++) {
        la_f16 x = (la_f16)bits, y;
        double wide = la_element(&x, 0, LA_F16);
        la_elements_from_double(&wide, 1, LA_F16, &y);
        if (isnan(wide))
            assert_true(isnan(la_element(&y, 0, LA_F16)));
        else
            assert_int_equal(y, bits);
    }
    la_f16 least = 1, one = 0x3c00, most = 0x7bff;
    assert_true(la_element(&least, 0, LA_F16) == 0x1p-24);
    assert_true(la_element(&one, 0, LA_F16) == 1.0);
    assert_true(la_element(&most, 0, LA_F16) == 65504.0);
}

static void test_f16_rounds_to_nearest_even(void **state)
{
    (void)state;
    static const struct {
        float x, want;
    } cases[] = {{1.0f + 0x1p-12f, 1.0f},
                 {1.0f + 0x1p-11f, 1.0f},
                 {1.0f + 0x3p-11f, 1.0f + 0x1p-9f},
                 {1.0f + 0x1.8p-11f, 1.0f + 0x1p-10f},
                 {65519.0f, 65504.0f},
                 {65520.0f, INFINITY},
                 {-1e9f, -INFINITY},
                 {0x1p-25f, 0.0f}, /* half of the least one */
                 {0x1.8p-25f, 0x1p-24f},
                 {0x3p-25f, 0x1p-23f},
                 {0x5p-25f, 0x1p-23f},
                 {-0x1.fffp-15f, -0x1p-14f}, /* up into the normal numbers */
                 {0.0f, 0.0f}};
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        float x = cases[i].x;
        la_elements_round(&x, 1, LA_F16);
        assert_true(x == cases[i].want);
    }
}

static void test_rounds_to_nearest_even(void **state)
{
    (void)state;
    static const struct {
        float x, want;
    } cases[] = {{1.0f + 0x1p-9f, 1.0f},
                 {1.0f + 0x1p-8f, 1.0f},
                 {1.0f + 0x3p-8f, 1.0f + 0x1p-6f},
                 {1.0f + 0x1.8p-8f, 1.0f + 0x1p-7f},
                 {-3.0f, -3.0f},
                 {INFINITY, INFINITY},
                 {3.4e38f, INFINITY}};
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        float x = cases[i].x;
        la_elements_round(&x, 1, LA_BF16);
        assert_true(x == cases[i].want);
        x = cases[i].x;
        la_elements_round(&x, 1, LA_F32);
        assert_true(x == cases[i].x);
    }
}

static la_problem problem_of(int64_t T, la_dtype dtype)
{
    return (la_problem){.B = 2,
                        .T = T,
                        .Tcap = T,
                        .H = 3,
                        .Hkv = 3,
                        .Hqk = 3,
                        .dk = 17,
                        .dv = 5,
                        .dtype = dtype,
                        .threads = 2};
}

/* Whatever the blocks they are drawn in, of every kind of inputs: what f32 has, rounded; the gates too are
 * the same, unrounded. */
static void test_inputs_are_those_of_f32_rounded(void **state)
{
    (void)state;
    static const char *const names[] = {"softmax", "gated_deltanet", "rwkv7", "fnet"};
    la_err err = {0};
    for (size_t v = 0; v < LA_COUNT(names); v++)
        for (int kind = 0; kind < 2 * LA_INPUTS_KINDS; kind++) {
            const la_variant *variant = la_registry_find(names[v]);
            la_input_kind of = (la_input_kind)(kind % LA_INPUTS_KINDS);
            int64_t T = of == LA_INPUTS_DEFAULT ? 3000 : 9; /* beyond a block, and within */
            la_problem p = problem_of(T, LA_F32);
            la_problem q = problem_of(T, kind < LA_INPUTS_KINDS ? LA_BF16 : LA_F16);
            la_inputs wide, narrow;
            char opts[512] = {0};
            assert_true(variant->options_size <= sizeof opts);
            la_options_default(variant->options, variant->options_len, opts);
            assert_int_equal(la_inputs_draw(variant, &p, opts, of, 3, &wide, &err), LA_OK);
            assert_int_equal(la_inputs_draw(variant, &q, opts, of, 3, &narrow, &err), LA_OK);
            for (int i = 0; i < LA_T_COUNT; i++) {
                int64_t n = la_tensor_elements(variant, &p, (la_tensor)i);
                la_dtype dtype = la_tensor_dtype(&q, i);
                assert_int_equal(narrow.t[i].bytes, (size_t)n * la_dtype_size(dtype));
                if (n) la_elements_round(wide.t[i].data, n, dtype);
                for (int64_t e = 0; e < n; e++)
                    assert_true(la_element(wide.t[i].data, e, LA_F32) ==
                                la_element(narrow.t[i].data, e, dtype));
            }
            la_inputs_release(&wide);
            la_inputs_release(&narrow);
        }
}

static void test_gradients_are_those_of_f32_rounded(void **state)
{
    (void)state;
    const la_variant *variant = la_registry_find("copy");
    la_problem p = problem_of(1001, LA_F32), q = problem_of(1001, LA_BF16);
    la_gradients wide, narrow;
    la_err err = {0};
    assert_int_equal(la_gradients_alloc(variant, &p, NULL, false, &wide, &err), LA_OK);
    assert_int_equal(la_gradients_alloc(variant, &q, NULL, false, &narrow, &err), LA_OK);
    la_gradients_draw(&wide, 9);
    la_gradients_draw(&narrow, 9);
    int64_t n = p.B * p.T * p.H * p.dv;
    assert_int_equal(2 * narrow.dout.bytes, wide.dout.bytes);
    la_elements_round(wide.dout.data, n, LA_BF16);
    for (int64_t e = 0; e < n; e++)
        assert_true(la_element(wide.dout.data, e, LA_F32) ==
                    la_element(narrow.dout.data, e, LA_BF16));
    la_gradients_poison(&narrow);
    for (int64_t e = 0; e < n; e++)
        assert_true(isnan(la_element(narrow.d[LA_T_V].data, e, LA_BF16)));
    la_gradients_release(&wide);
    la_gradients_release(&narrow);
}

static void test_types_without_numbers_are_refused(void **state)
{
    (void)state;
    la_problem p = problem_of(4, LA_F64);
    la_inputs in;
    la_err err = {0};
    assert_int_equal(
        la_inputs_draw(la_registry_find("copy"), &p, NULL, LA_INPUTS_DEFAULT, 1, &in, &err),
        LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "type f64"));
}

/* The one place that knows who has the instruction. */
static void test_bf16_is_refused_below_its_instruction(void **state)
{
    (void)state;
    la_problem p = problem_of(4, LA_BF16);
    la_device dev;
    la_err err = {0};
    la_device_cpu(&dev);
    dev.isa = LA_ISA_AVX512;
    assert_int_equal(la_bf16_check(&p, &dev, "flash", &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "flash"));
    assert_non_null(strstr(err.msg, "AVX-512 BF16"));
    dev.isa = LA_ISA_AVX512_BF16;
    assert_int_equal(la_bf16_check(&p, &dev, "flash", &err), LA_OK);
    p.dtype = LA_F32;
    dev.isa = LA_ISA_GENERIC;
    assert_int_equal(la_bf16_check(&p, &dev, "flash", &err), LA_OK);
}

/* Every byte counts, at the borders of the pieces that threads take too; how many threads does not. */
static void test_hash_is_of_every_byte_and_no_thread(void **state)
{
    (void)state;
    const size_t bytes = ((size_t)3 << 20) + 5;
    const size_t at[] = {0, (1 << 20) - 1, 1 << 20, ((size_t)2 << 20) + 1, bytes - 1};
    unsigned char *x = la_zalloc(bytes, NULL);
    assert_non_null(x);
    uint64_t whole = la_elements_hash(x, bytes, 7);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        x[at[i]] = 1;
        assert_true(la_elements_hash(x, bytes, 7) != whole);
        x[at[i]] = 0;
    }
    la_start(1);
    assert_true(la_elements_hash(x, bytes, 7) == whole);
    la_start(2);
    assert_true(la_elements_hash(x, bytes, 8) != whole);
    assert_true(la_elements_hash(x, bytes - 1, 7) != whole);
    la_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_bf16_come_back),
        cmocka_unit_test(test_rounds_to_nearest_even),
        cmocka_unit_test(test_all_f16_come_back),
        cmocka_unit_test(test_f16_rounds_to_nearest_even),
        cmocka_unit_test(test_inputs_are_those_of_f32_rounded),
        cmocka_unit_test(test_gradients_are_those_of_f32_rounded),
        cmocka_unit_test(test_types_without_numbers_are_refused),
        cmocka_unit_test(test_bf16_is_refused_below_its_instruction),
        cmocka_unit_test(test_hash_is_of_every_byte_and_no_thread),
    };
    la_start(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
