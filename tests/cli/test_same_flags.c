/* SPDX-License-Identifier: Apache-2.0
 * Command lines that measure the same are told from others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "same_flags.h"

/* Words of a line between blanks. */
static void normal(const char *line, la_strings *out)
{
    char text[256], *words[32];
    size_t n = 0;
    la_err err = {0};
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) words[n++] = word;
    assert_int_equal(la_flags_normal(words, n, out, &err), LA_OK);
}

static bool same(const char *a, const char *b)
{
    la_strings first, second;
    normal(a, &first);
    normal(b, &second);
    bool equal = la_flags_same(&first, &second);
    la_strings_release(&first);
    la_strings_release(&second);
    return equal;
}

static void test_spelling_and_order_do_not_matter(void **state)
{
    (void)state;
    assert_true(same("--variants flash --jobs 2", "-j2 --variants=flash"));
    assert_true(same("-j 2", "--jobs=2"));
    assert_true(same("--set a.b=1 --set c.d=2 --quick", "--quick --set c.d=2 --set=a.b=1"));
}

static void test_where_and_how_it_is_run_does_not_matter(void **state)
{
    (void)state;
    assert_true(same("--lengths 1k", "--lengths 1k --db x.db --label mine -q --out=here -n"));
    assert_true(same("--lengths 1k", "--timeout 5 --lengths 1k --progress never --new"));
}

static void test_what_is_measured_does(void **state)
{
    (void)state;
    assert_false(same("--lengths 1k", "--lengths 2k"));
    assert_false(same("--lengths 1k", "--lengths 1k --quick"));
    assert_false(same("--set a.b=1", "--set a.b=1 --set a.b=1"));
    assert_false(same("--threads 1", "--seeds 1"));
    assert_false(same("--lengths 1k", "--lengths 1k --unheard of"));
}

static void test_stored_command_lines_are_read(void **state)
{
    (void)state;
    la_err err = {0};
    la_strings typed, stored;
    static const char *const lines[] = {
        "[\"run\",\"--variants\",\"flash\",\"--quick\",\"--db\",\"a b.db\"]",
        "[\"--quick\",\"--variants=flash\"]"};
    normal("--variants flash --quick", &typed);
    for (size_t i = 0; i < LA_COUNT(lines); i++) {
        assert_int_equal(la_flags_normal_json(lines[i], &stored, &err), LA_OK);
        assert_true(la_flags_same(&typed, &stored));
        la_strings_release(&stored);
    }
    static const char *const wrong[] = {"", "{}", "[1, null]", "no JSON"};
    for (size_t i = 0; i < LA_COUNT(wrong); i++) {
        assert_int_equal(la_flags_normal_json(wrong[i], &stored, &err), LA_OK);
        assert_false(la_flags_same(&typed, &stored));
        la_strings_release(&stored);
    }
    la_strings_release(&typed);
    assert_int_equal(la_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spelling_and_order_do_not_matter),
        cmocka_unit_test(test_where_and_how_it_is_run_does_not_matter),
        cmocka_unit_test(test_what_is_measured_does),
        cmocka_unit_test(test_stored_command_lines_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
