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

static la_conformance_report verify(const la_variant *variant, seen *s)
{
    la_conformance_settings settings = {
        .device = &device, .level = LA_LEVEL_QUICK, .listener = count, .context = s};
    la_conformance_report report;
    la_err err = {0};
    if (la_verify_variant(variant, &settings, &report, &err) != LA_OK) fail_msg("%s", err.msg);
    return report;
}

static void a_right_variant_is_verified(const char *name)
{
    seen s = {0};
    la_conformance_report report = verify(la_registry_find(name), &s);
    if (report.failures) print_error("%s\n", report.first);
    assert_true(s.relations > 0 || strcmp(name, "null") == 0);
    assert_int_equal(report.checks, s.impl_checks + s.relations);
    assert_int_equal(report.skipped, s.skipped);
    assert_int_equal(report.failures, 0);
    assert_int_equal(la_mem_live(), 0);
}

static void test_right_variants_are_verified(void **state)
{
    (void)state;
    a_right_variant_is_verified("softmax");
    a_right_variant_is_verified("null");
}

/* copy with null's reference: o = v where 0 is right. */
static void test_a_wrong_variant_is_not(void **state)
{
    (void)state;
    la_variant wrong = *la_registry_find("copy");
    wrong.reference = la_registry_find("null")->reference;
    seen s = {0};
    la_conformance_report report = verify(&wrong, &s);
    assert_true(report.failures > 0);
    assert_int_equal(report.failures, s.failures);
    assert_non_null(strstr(report.first, "copy cpu_plain, B 1 T 1"));
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
