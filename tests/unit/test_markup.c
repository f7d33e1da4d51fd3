/* SPDX-License-Identifier: Apache-2.0
 * Texts that would mean something else in CSV, JSON, Markdown or LaTeX.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "labench/status.h"
#include "markup.h"

static void expect(void (*put)(const char *, FILE *), const char *in, const char *want)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    put(in, out);
    fclose(out);
    assert_string_equal(text, want);
    free(text);
}

static void test_csv(void **state)
{
    (void)state;
    expect(la_csv_put, "plain text", "plain text");
    expect(la_csv_put, "", "");
    expect(la_csv_put, "a, \"b\"\nc", "\"a, \"\"b\"\"\nc\"");
    static const char *const formulas[] = {"=1+1", "+1", "-1", "@SUM(A1)"};
    for (size_t i = 0; i < LA_COUNT(formulas); i++) {
        char want[32];
        snprintf(want, sizeof want, "\"'%s\"", formulas[i]);
        expect(la_csv_put, formulas[i], want);
    }
}

static void test_json(void **state)
{
    (void)state;
    expect(la_json_put, "a \"b\" \\ \n\t\x7f</script>",
           "\"a \\\"b\\\" \\\\ \\n\\u0009\\u007f</script>\"");
}

static void test_markdown(void **state)
{
    (void)state;
    expect(la_md_put, "a|b `c` *d* [e]\n<b>", "a\\|b \\`c\\` \\*d\\* \\[e\\] &lt;b>");
}

static void test_latex(void **state)
{
    (void)state;
    expect(la_latex_put, "100 % of $5 & a_b #1 {x}", "100 \\% of \\$5 \\& a\\_b \\#1 \\{x\\}");
    expect(la_latex_put, "\\input{/etc/passwd}^~",
           "\\textbackslash{}input\\{/etc/passwd\\}\\textasciicircum{}\\textasciitilde{}");
    expect(la_latex_put, "a<b>|\"", "a\\textless{}b\\textgreater{}\\textbar{}{\\char34}");
    expect(la_latex_put, "≈ 2–3…", "$\\approx$ 2--3\\ldots{}");
    expect(la_latex_put, "fnet†, 3 µs, 2×3\n", "fnet\\dag{}, 3 $\\mu$s, 2$\\times$3 ");
}

static void test_numbers_read_back(void **state)
{
    (void)state;
    static const double numbers[] = {0,      1,      0.1 + 0.2, 1.0 / 3, 1e300,
                                     5e-324, -2.5e7, 0.1,       1004500, 1e15 + 0.3};
    for (size_t i = 0; i < LA_COUNT(numbers); i++) {
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        la_real_put(numbers[i], out);
        fclose(out);
        double back = strtod(text, NULL);
        assert_memory_equal(&back, &numbers[i], sizeof back);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_markdown),
        cmocka_unit_test(test_latex),
        cmocka_unit_test(test_numbers_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
