/* SPDX-License-Identifier: Apache-2.0
 * Which kernels OpenBLAS ends up with: never older ones than this CPU's, whatever the environment says and
 * whether OpenBLAS knows the CPU or not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "shell.h"

/* "Haswell" of "... kernels for Haswell, own kernels avx2". */
static void kernels_of(const char *environment, char out[64])
{
    static const char before[] = "kernels for ";
    char line[256];
    shell_result r;
    snprintf(line, sizeof line, "%s labench doctor --threads 1", environment);
    shell_run(line, &r);
    assert_int_equal(r.code, 0);
    const char *at = strstr(r.out, before);
    assert_non_null(at);
    snprintf(out, 64, "%.*s", (int)strcspn(at + strlen(before), ","), at + strlen(before));
    shell_release(&r);
}

static void test_somebody_elses_core_is_not_obeyed(void **state)
{
    (void)state;
    char own[64], told[64];
    kernels_of("env -u OPENBLAS_CORETYPE", own);
    kernels_of("OPENBLAS_CORETYPE=Prescott", told);
    assert_string_equal(own, told);
    if (la_blas_core(la_isa_best())) assert_string_not_equal(own, "Prescott");
}

static void test_a_lower_set_lowers_products(void **state)
{
    (void)state;
    char lowered[64];
    if (la_isa_best() < LA_ISA_AVX2 || la_blas_core(la_isa_best()) == NULL) skip();
    kernels_of("LABENCH_ISA=avx2", lowered);
    assert_string_equal(lowered, "Haswell");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_somebody_elses_core_is_not_obeyed),
        cmocka_unit_test(test_a_lower_set_lowers_products),
    };
    if (argc < 2) return 1;
    shell_begin(argv[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    shell_end();
    return failed;
}
