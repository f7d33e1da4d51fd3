/* SPDX-License-Identifier: Apache-2.0
 * Verifying variants whole: suite and relations, the sum of both, and what a wrong variant is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "labench/kit.h"
#include "registry.h"
#include "verify.h"

static la_device device;

typedef struct seen {
    int64_t impl_checks, relations, skipped, failures;
} seen;

static void count(const la_conformance_finding *finding, void *context)
{
    seen *s = context;
    if (finding->skipped)
        s->skipped++;
    else if (finding->impl)
        s->impl_checks++;
    else
        s->relations++;
    s->failures += finding->status != LA_OK;
    assert_true(finding->status == LA_OK || finding->message[0] != '\0');
}

static void test_right_variants_are_verified(void **state)
{
    (void)state;
    const la_variant *variants[] = {la_registry_find("softmax"), la_registry_find("null")};
    la_conformance_report report;
    la_err err = {0};
    seen s = {0};
    la_status st = la_verify(variants, 2, &device, LA_LEVEL_QUICK, count, &s, &report, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    assert_true(s.relations > 0);
    assert_int_equal(report.checks, s.impl_checks + s.relations);
    assert_int_equal(report.skipped, s.skipped);
    assert_int_equal(report.failures, 0);
    assert_int_equal(la_mem_live(), 0);
}

/* copy with null's reference: o = v where 0 is right. */
static void test_a_wrong_variant_is_not(void **state)
{
    (void)state;
    la_variant wrong = *la_registry_find("copy");
    wrong.reference = la_registry_find("null")->reference;
    const la_variant *variants[] = {&wrong};
    la_conformance_report report;
    la_err err = {0};
    seen s = {0};
    assert_int_equal(la_verify(variants, 1, &device, LA_LEVEL_QUICK, count, &s, &report, &err),
                     LA_E_WRONG);
    assert_true(report.failures > 0);
    assert_int_equal(report.failures, s.failures);
    assert_non_null(strstr(err.msg, "copy cpu_plain, B 1 T 1"));
}

static void test_a_relation_of_an_absent_variant_is_skipped(void **state)
{
    (void)state;
    la_relation absent = *la_relations_at(0);
    la_err err = {0};
    absent.variants[1] = "nowhere";
    assert_int_equal(la_relation_run(&absent, &device, &err), LA_E_NOTFOUND);
    assert_non_null(strstr(err.msg, "nowhere"));
}

/* A relation between variants that are not the same must not hold. */
static void test_a_false_relation_fails(void **state)
{
    (void)state;
    la_relation same = *la_relations_find("flash_is_softmax");
    la_err err = {0};
    same.variants[0] = "copy";
    same.name = "copy_is_softmax";
    assert_int_equal(la_relation_run(&same, &device, &err), LA_E_WRONG);
    assert_non_null(strstr(err.msg, "copy_is_softmax"));
    assert_int_equal(la_mem_live(), 0);
}

int main(void)
{
    la_start(2);
    la_device_cpu(&device);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_variants_are_verified),
        cmocka_unit_test(test_a_wrong_variant_is_not),
        cmocka_unit_test(test_a_relation_of_an_absent_variant_is_skipped),
        cmocka_unit_test(test_a_false_relation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
