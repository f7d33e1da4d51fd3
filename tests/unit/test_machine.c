/* SPDX-License-Identifier: Apache-2.0
 * The machine record, the build record, the findings and the measured peaks.
 */
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs setjmp.h, stdarg.h, stddef.h and stdint.h first. */
#include <cmocka.h>

#include "labench/kit.h"
#include "machine.h"
#include "peak.h"
#include "sysfile.h"

static void test_machine_keeps_its_uuid(void **state)
{
    (void)state;
    la_machine a, b;
    la_err err;
    assert_int_equal(la_machine_read(&a, &err), LA_OK);
    assert_int_equal(la_machine_read(&b, &err), LA_OK);
    assert_int_equal(strlen(a.uuid), 36);
    assert_string_equal(a.uuid, b.uuid);
    assert_true(a.n_logical >= 1 && a.n_cores <= a.n_logical);
    assert_true(a.ram_bytes > 1 << 20);
    assert_true(*a.cpu_model && *a.kernel);
    la_machine_release(&a);
    la_machine_release(&b);
    la_machine_release(NULL);
}

static void test_environment_is_json_and_records_variables(void **state)
{
    (void)state;
    la_machine m;
    la_err err;
    setenv("OMP_PLACES", "a \"quoted\" one", 1);
    assert_int_equal(la_machine_read(&m, &err), LA_OK);
    unsetenv("OMP_PLACES");
    cJSON *json = cJSON_Parse(m.env_json);
    assert_non_null(json);
    const cJSON *vars = cJSON_GetObjectItem(json, "variables");
    const cJSON *places = cJSON_GetObjectItem(vars, "OMP_PLACES");
    assert_string_equal(cJSON_GetStringValue(places), "a \"quoted\" one");
    cJSON_Delete(json);
    la_machine_release(&m);
}

static void test_findings_name_a_set_variable_and_its_cure(void **state)
{
    (void)state;
    la_finding found[LA_MAX_FINDINGS];
    setenv("OMP_PROC_BIND", "true", 1);
    size_t n = la_findings(1, found), hits = 0;
    unsetenv("OMP_PROC_BIND");
    for (size_t i = 0; i < n; i++)
        if (strcmp(found[i].code, "variable") == 0 && strstr(found[i].text, "OMP_PROC_BIND=true"))
            hits += strcmp(found[i].fix, "unset OMP_PROC_BIND") == 0;
    assert_int_equal(hits, 1);
}

static void test_a_clock_that_comes_and_goes_is_found(void **state)
{
    (void)state;
    la_finding found = {0};
    la_peak steady = {.threads = 2,
                      .flops = {.best = 200e9, .median = 199e9, .worst = 180e9, .n = 12}},
            swings = steady;
    assert_false(la_peak_finding(&steady, &found));
    assert_null(found.code);
    swings.flops.worst = 120e9;
    assert_true(la_peak_finding(&swings, &found));
    assert_string_equal(found.code, "clock");
    assert_non_null(
        strstr(found.text, "2 threads went from 120 to 200 GFLOP/s within 12 short runs"));
    assert_non_null(strstr(found.fix, "--beside-peak"));
}

static void test_build_is_described(void **state)
{
    (void)state;
    la_build build;
    la_build_read(&build);
    assert_string_equal(build.version, "0.1.0");
    assert_non_null(strstr(build.blas, "OpenBLAS"));
    assert_int_equal(strlen(build.uuid), 36);
    if (build.git_commit) assert_int_equal(strlen(build.git_commit), 40);
}

static void test_peaks_are_positive_and_ordered(void **state)
{
    (void)state;
    la_peak peak;
    la_err err;
    assert_int_equal(la_peak_measure(1, la_isa_best(), &peak, &err), LA_OK);
    const la_rate *rates[] = {&peak.flops, &peak.sgemm, &peak.read, &peak.copy};
    for (size_t i = 0; i < LA_COUNT(rates); i++) {
        assert_true(rates[i]->worst > 0 && rates[i]->n >= 6);
        assert_true(rates[i]->worst <= rates[i]->median && rates[i]->median <= rates[i]->best);
    }
#ifndef __SANITIZE_ADDRESS__ /* which slows our loop down and not OpenBLAS */
    /* No product of matrices is faster than its multiply-adds; half is left for a busy machine, and another try for
     * one that was busy all the while that one of them took. */
    for (int tries = 0; tries < 4 && !(peak.sgemm.best < 2 * peak.flops.best); tries++)
        assert_int_equal(la_peak_measure(1, la_isa_best(), &peak, &err), LA_OK);
    if (!(peak.sgemm.best < 2 * peak.flops.best))
        fail_msg("products %g, multiply-adds %g", peak.sgemm.best, peak.flops.best);
#endif
    if (la_isa_best() >= LA_ISA_AVX512_BF16) assert_true(peak.dots.worst > 0);
    assert_int_equal(la_peak_measure(0, la_isa_best(), &peak, &err), LA_E_ARG);
}

static void test_sysfile_refuses_what_is_not_there(void **state)
{
    (void)state;
    char buf[8];
    assert_false(la_sysfile_line("/proc/no such file", buf, sizeof buf));
    assert_string_equal(buf, "");
    assert_int_equal(la_sysfile_int("/proc/self/comm"), -1);
    assert_false(la_sysfile_field("/proc/meminfo", "NoSuchField", buf, sizeof buf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_keeps_its_uuid),
        cmocka_unit_test(test_environment_is_json_and_records_variables),
        cmocka_unit_test(test_findings_name_a_set_variable_and_its_cure),
        cmocka_unit_test(test_a_clock_that_comes_and_goes_is_found),
        cmocka_unit_test(test_build_is_described),
        cmocka_unit_test(test_peaks_are_positive_and_ordered),
        cmocka_unit_test(test_sysfile_refuses_what_is_not_there),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
