/* SPDX-License-Identifier: Apache-2.0
 * What a management library says, and that none is no error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "nvml.h"

static void what_the_library_says_is_read(void **state)
{
    (void)state;
    la_nvml_state s;
    la_err err = {0};
    char words[96];
    la_nvml_library(LA_FAKE_NVML);
    assert_int_equal(la_nvml_read("0000:01:00.0", &s, &err), LA_OK);
    assert_int_equal(s.sm_hz, 1200000000);
    assert_int_equal(s.sm_max_hz, 1980000000);
    assert_int_equal(s.reasons, 0x45);
    assert_string_equal(la_nvml_reasons_text(s.reasons, words), "power cap, heat");
    assert_int_equal(s.celsius, 88);
    assert_true(s.watts == 699.5);
    assert_true(s.watts_limit == 0.0); /* a function that this library lacks */
    assert_int_equal(s.free_bytes, 6000);
    assert_int_equal(s.all_bytes, 8000);
    assert_int_equal(s.processes, 2);
    la_nvml_library(NULL);
}

static void other_devices_are_not_known(void **state)
{
    (void)state;
    la_nvml_state s;
    la_err err = {0};
    la_nvml_library(LA_FAKE_NVML);
    assert_int_equal(la_nvml_read("0000:02:00.0", &s, &err), LA_E_ENV);
    assert_non_null(strstr(err.msg, "0000:02:00.0"));
    la_nvml_library(NULL);
}

static void without_a_library_nothing_is_known(void **state)
{
    (void)state;
    la_nvml_state s;
    la_err err = {0};
    la_nvml_library("there is no such library");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(la_nvml_read("0000:01:00.0", &s, &err), LA_E_ENV);
        assert_non_null(strstr(err.msg, "clocks and temperature are not known"));
        assert_int_equal(s.celsius, -1);
    }
    la_nvml_library(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_library_says_is_read),
        cmocka_unit_test(other_devices_are_not_known),
        cmocka_unit_test(without_a_library_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
