/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "compare.h"
#include "registry.h"

static void test_every_builtin_variant_is_valid(void **state)
{
    (void)state;
    assert_true(la_registry_count() > 0);
    for (size_t i = 0; i < la_registry_count(); i++) {
        la_err err = {0};
        la_status st = la_variant_validate(la_registry_at(i), &err);
        if (st != LA_OK) print_error("%s\n", err.msg);
        assert_int_equal(st, LA_OK);
        assert_non_null(la_variant_reference(la_registry_at(i)));
        if (i) assert_true(strcmp(la_registry_at(i - 1)->name, la_registry_at(i)->name) < 0);
    }
}

static void refused(const la_variant *v, const char *part)
{
    la_err err = {0};
    assert_int_equal(la_variant_validate(v, &err), LA_E_ARG);
    if (!strstr(err.msg, part)) fail_msg("'%s' says nothing of '%s'", err.msg, part);
}

static void test_options_have_names_of_their_own_and_defaults_in_range(void **state)
{
    (void)state;
    la_option options[] = {
        {.name = "a", .type = LA_OPTION_INT, .def = 3, .min = 1, .max = 9, .help = "h"},
        {.name = "b", .type = LA_OPTION_REAL, .offset = 8, .def = 0, .max = 1, .help = "h"}};
    la_variant v = *la_registry_find("copy");
    v.options = options;
    v.options_len = 2;
    v.options_size = 16;
    assert_int_equal(la_variant_validate(&v, NULL), LA_OK);
    options[0].def = 10;
    refused(&v, "option a: the default 10 does not lie in 1..9");
    options[0].def = 3;
    options[1].min = 0.5;
    refused(&v, "option b");
    options[1].min = 0;
    options[1].name = "a";
    refused(&v, "two options called a");
}

static void no_twin(const la_variant *v, const char *part)
{
    la_err err = {0};
    assert_int_equal(la_registry_add(v, &err), LA_E_ARG);
    if (!strstr(err.msg, part)) fail_msg("'%s' says nothing of '%s'", err.msg, part);
    assert_null(la_registry_find("twin"));
}

/* The reference that a variant borrows reads its options, inputs and scale. */
static void test_what_borrows_a_reference_suits_it(void **state)
{
    (void)state;
    const la_variant *linear = la_registry_find("linear");
    assert_true(linear->options_len > 0);
    la_variant v = *linear;
    v.name = "twin";
    v.reference = NULL;
    v.same_as = "linear";
    assert_int_equal(la_registry_add(&v, NULL), LA_OK);
    la_registry_remove(&v);
    v.options_len = 0;
    no_twin(&v, "option 1 is to be");
    v.options_len = linear->options_len;
    v.inputs |= LA_IN_BETA;
    no_twin(&v, "other inputs");
    v.inputs = linear->inputs;
    v.default_scale = 3;
    no_twin(&v, "default_scale is 3");
}

static void test_every_builtin_task_is_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++)
        assert_int_equal(la_task_validate(la_tasks_at(i), NULL), LA_OK);
}

static void test_a_misspelt_name_has_a_nearest(void **state)
{
    (void)state;
    assert_string_equal(la_registry_nearest("sofmax"), "softmax");
    assert_null(la_registry_nearest("entirely_else"));
}

static void test_softmax_agrees_with_its_reference(void **state)
{
    (void)state;
    const la_variant *v = la_registry_find("softmax");
    la_device device;
    la_device_cpu(&device);
    la_problem p = {.B = 2,
                    .T = 37,
                    .Tcap = 37,
                    .H = 3,
                    .Hkv = 3,
                    .Hqk = 3,
                    .dk = 5,
                    .dv = 7,
                    .mask = LA_MASK_CAUSAL,
                    .threads = 2};
    la_err err = {0};
    la_inputs in;
    la_instance inst;
    assert_int_equal(la_inputs_draw(v, &p, NULL, LA_INPUTS_DEFAULT, 1, &in, &err), LA_OK);
    assert_int_equal(
        la_instance_create(v, &v->impls[0], &p, LA_FORWARD, NULL, &device, &inst, &err), LA_OK);
    la_instance_poison(&inst);
    la_io io = la_instance_io(&inst, &in);
    assert_int_equal(inst.impl->forward(inst.self, &io, &err), LA_OK);
    double *want = la_alloc((size_t)(p.B * p.T * p.H * p.dv) * sizeof(double), &err);
    assert_int_equal(la_reference_forward(v, &p, NULL, &in, NULL, 0, NULL, NULL, 0, want, &err),
                     LA_OK);
    la_error error;
    la_compare(v, &p, inst.o.data, NULL, 0, want, &error);
    la_status st = la_judge(&error, la_tolerance_of(v, inst.impl, p.dtype), &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    assert_int_equal(la_instance_guards(&inst, &err), LA_OK);
    la_free(want);
    la_instance_release(&inst);
    la_inputs_release(&in);
    assert_int_equal(la_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_builtin_variant_is_valid),
        cmocka_unit_test(test_options_have_names_of_their_own_and_defaults_in_range),
        cmocka_unit_test(test_what_borrows_a_reference_suits_it),
        cmocka_unit_test(test_every_builtin_task_is_valid),
        cmocka_unit_test(test_a_misspelt_name_has_a_nearest),
        cmocka_unit_test(test_softmax_agrees_with_its_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
