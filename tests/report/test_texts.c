/* SPDX-License-Identifier: Apache-2.0
 * The table of a sweep, the texts of show, and how numbers are written.
 */
#include "synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "numbers.h"
#include "report.h"

static char *written(la_status (*call)(FILE *, void *, la_err *), void *context)
{
    static char *text; /* what open_memstream made; the caller frees it */
    static size_t n;
    la_err err = {0};
    FILE *f = open_memstream(&text, &n);
    expect_ok(call(f, context, &err));
    fclose(f);
    return text;
}

typedef struct ask {
    fixture *f;
    int width;
    const char *what;
} ask;

static la_status table_of(FILE *out, void *context, la_err *err)
{
    ask *a = context;
    return la_report_table(a->f->store, a->f->sweep, out, a->width, err);
}

static la_status show_of(FILE *out, void *context, la_err *err)
{
    ask *a = context;
    return la_report_show(a->f->store, a->what, out, a->width, err);
}

/* The first line that begins with `begin`, cut out; NULL when there is none. */
static char *line_of(const char *text, const char *begin)
{
    for (const char *c = text; c && *c; c = strchr(c, '\n') ? strchr(c, '\n') + 1 : NULL)
        if (strncmp(c, begin, strlen(begin)) == 0) return strndup(c, strcspn(c, "\n"));
    return NULL;
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    while (*text) {
        size_t n = strcspn(text, "\n");
        longest = n > longest ? n : longest;
        text += n + (text[n] == '\n');
    }
    return longest;
}

static void test_table_has_numbers_and_outcome_words(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    synthetic_sweep(&f);
    char *text = written(table_of, &(ask){&f, 0, NULL});
    if (getenv("LABENCH_TEST_FIGURES")) puts(text);
    char *head = line_of(text, "variant"), *flash = line_of(text, "flash             8k"),
         *oom = line_of(text, "softmax          64k"), *fnet = line_of(text, "fnet* "),
         *wrong = line_of(text, "performer         4k");
    assert_non_null(head);
    assert_non_null(strstr(head, "forward") && strstr(head, "recall") ? head : NULL);
    assert_non_null(flash);
    assert_non_null(strstr(flash, "67.5 ms   [66.7, 68.3]  20 "));
    assert_non_null(oom);
    assert_non_null(strstr(oom, "oom: 34.4 GiB wanted, limit 19.2 GiB"));
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, "  wrong"));
    assert_non_null(fnet);
    assert_non_null(strstr(text, "\n* bidirectional, the others causal\n"));
    assert_non_null(strstr(text, "\nwarnings\n  noisy ("));
    free(head), free(flash), free(oom), free(fnet), free(wrong), free(text);
    fixture_release(&f);
}

static void test_models_have_tables_of_their_own(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    synthetic_sweep(&f);
    synthetic_models(&f);
    char *text = written(table_of, &(ask){&f, 0, NULL});
    if (getenv("LABENCH_TEST_FIGURES")) puts(text);
    char *learned = strstr(text, "\nmqar: accuracy of trained models by length\n");
    assert_non_null(learned);
    char *head = line_of(learned, "variant"), *deltanet = line_of(learned, "deltanet"),
         *linformer = line_of(learned, "linformer*"), *trained = line_of(learned, "mqar  soft");
    assert_non_null(head);
    assert_non_null(strstr(head, "1k") && strstr(head, "16k") ? head : NULL);
    assert_non_null(deltanet);
    assert_non_null(strstr(deltanet, "0.990  0.990"));
    assert_non_null(linformer);
    assert_non_null(strstr(linformer, "    -      -"));
    assert_non_null(strstr(learned, "linformer: linformer was trained for 256 tokens"));
    assert_non_null(trained);
    assert_non_null(strstr(trained, "70000      3    600       1.000"));
    /* A model is in no row of the kernels' table. */
    *learned = '\0';
    assert_null(strstr(text, "dk 32"));
    free(head), free(deltanet), free(linformer), free(trained), free(text);
    fixture_release(&f);
}

static void test_a_model_is_shown_by_its_key(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    synthetic_models(&f);
    char *text = written(show_of, &(ask){&f, 0, "000000000000abc0000000"});
    assert_non_null(strstr(text, "variant      softmax"));
    assert_non_null(strstr(text, "validation   1.0000"));
    assert_non_null(strstr(text, "\ncurve\n  step     50  loss "));
    assert_non_null(strstr(text, "mqar at T 16384  accuracy 0.9900"));
    assert_non_null(strstr(text, "data 0123456789abcdef"));
    free(text);
    fixture_release(&f);
}

static void test_table_fits_the_terminal(void **state)
{
    (void)state;
    static const int widths[] = {120, 80, 60};
    fixture f;
    fixture_open(&f);
    synthetic_sweep(&f);
    for (size_t i = 0; i < 3; i++) {
        char *text = written(table_of, &(ask){&f, widths[i], NULL});
        char *end = strstr(text, "\nwarnings");
        if (end) *end = '\0';
        assert_true((int)longest_line(text) <= widths[i]);
        assert_non_null(strstr(text, "gated_deltanet"));
        free(text);
    }
    fixture_release(&f);
}

static void test_digits_follow_the_interval(void **state)
{
    (void)state;
    char value[40], interval[40];
    la_number_time(7.3123e6, 7.24e6, 7.40e6, value, interval);
    assert_string_equal(value, "7.31 ms");
    assert_string_equal(interval, "[7.24, 7.40]");
    la_number_time(7.3123e6, 6.6e6, 8.0e6, value, interval); /* half-width 0.7: tenths at most */
    assert_string_equal(value, "7.3 ms");
    assert_string_equal(interval, "[6.6, 8.0]");
    la_number_time(123.4e6, 110e6, 140e6, value, interval); /* half-width 15: tens */
    assert_string_equal(value, "120 ms");
    la_number_time(960, 820, 1080, value, interval); /* half-width 130: no "1000 ns" */
    assert_string_equal(value, "1.0 us");
    assert_string_equal(interval, "[0.8, 1.1]");
    la_number_time(2.5e9, (double)NAN, (double)NAN, value, interval);
    assert_string_equal(value, "2.50 s");
    assert_string_equal(interval, "");
    la_number_time(0, 0, 0, value, interval);
    assert_string_equal(value, "0 ns");
}

static void test_outcomes_keep_whole_words(void **state)
{
    (void)state;
    char out[32];
    la_number_outcome("predicted_oom", "needs 34.4 GiB (limit 19.2 GiB)", out, sizeof out);
    assert_string_equal(out, "oom: needs 34.4 GiB (limit ...");
    la_number_outcome("planned", NULL, out, sizeof out);
    assert_string_equal(out, "not run yet");
    la_number_outcome("crash", "line one\nline two", out, sizeof out);
    assert_string_equal(out, "crash: line one");
}

static void test_show_tells_a_sweep_and_a_cell(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    char *sink = NULL, key[33];
    size_t n;
    fixture_open(&f);
    synthetic_sweep(&f);
    char *text = written(show_of, &(ask){&f, 0, "last"});
    assert_non_null(strstr(text, "command      labench\n"));
    assert_non_null(strstr(text, "outcomes     "));
    free(text);
    query_text(f.store, "SELECT cell_key FROM v_cell WHERE outcome = 'oom_host'", key, sizeof key);
    text = written(show_of, &(ask){&f, 0, key});
    if (getenv("LABENCH_TEST_FIGURES")) puts(text);
    assert_non_null(strstr(text, "34.4 GiB wanted"));
    assert_non_null(strstr(text, "again, alone\n  labench run --new --variants softmax"));
    free(text);
    FILE *out = open_memstream(&sink, &n);
    expect_status(la_report_show(f.store, "nonsense", out, 0, &err), LA_E_NOTFOUND, &err);
    expect_status(la_report_show(f.store, "ffffffffffff", out, 0, &err), LA_E_NOTFOUND, &err);
    fclose(out);
    free(sink);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_has_numbers_and_outcome_words),
        cmocka_unit_test(test_models_have_tables_of_their_own),
        cmocka_unit_test(test_a_model_is_shown_by_its_key),
        cmocka_unit_test(test_table_fits_the_terminal),
        cmocka_unit_test(test_digits_follow_the_interval),
        cmocka_unit_test(test_outcomes_keep_whole_words),
        cmocka_unit_test(test_show_tells_a_sweep_and_a_cell),
    };
    return cmocka_run_group_tests_name("texts", tests, NULL, NULL);
}
