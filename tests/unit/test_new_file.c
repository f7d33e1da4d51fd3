/* SPDX-License-Identifier: Apache-2.0
 * Files that appear whole or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "new_file.h"

static char folder[] = "/tmp/labench-new-file-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "%s/x", folder);
    unlink(path);
    return rmdir(folder); /* fails where anything else is left */
}

static void holds(const char *path, const char *text)
{
    char got[32] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(got, 1, sizeof got - 1, f);
    fclose(f);
    got[n] = '\0';
    assert_string_equal(got, text);
}

static void test_what_was_there_stays_until_the_end(void **state)
{
    (void)state;
    char path[96];
    la_new_file file;
    snprintf(path, sizeof path, "%s/x", folder);
    assert_int_equal(la_new_file_open(&file, path, NULL), LA_OK);
    fputs("one", file.f);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(la_new_file_close(&file, LA_OK, NULL), LA_OK);
    holds(path, "one");
    assert_int_equal(la_new_file_open(&file, path, NULL), LA_OK);
    fputs("two", file.f);
    holds(path, "one");
    assert_int_equal(la_new_file_close(&file, LA_E_NOMEM, NULL), LA_E_NOMEM);
    holds(path, "one");
    assert_int_equal(access(file.beside, F_OK), -1);
    assert_int_equal(la_new_file_open(&file, path, NULL), LA_OK);
    fputs("three", file.f);
    assert_int_equal(la_new_file_close(&file, LA_OK, NULL), LA_OK);
    holds(path, "three");
}

static void test_what_cannot_be_written_is_said(void **state)
{
    (void)state;
    char path[96];
    static char longest[2 * LA_NEW_FILE_PATH];
    la_err err = {0};
    la_new_file file;
    snprintf(path, sizeof path, "%s/none/x", folder);
    assert_int_equal(la_new_file_open(&file, path, &err), LA_E_IO);
    assert_non_null(strstr(err.msg, path));
    memset(longest, 'a', sizeof longest - 1);
    assert_int_equal(la_new_file_open(&file, longest, &err), LA_E_ARG);
    /* A folder cannot be replaced by a file. */
    snprintf(path, sizeof path, "%s/d", folder);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(la_new_file_open(&file, path, &err), LA_OK);
    assert_int_equal(la_new_file_close(&file, LA_OK, &err), LA_E_IO);
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_there_stays_until_the_end),
        cmocka_unit_test(test_what_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
