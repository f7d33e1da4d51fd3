/* SPDX-License-Identifier: Apache-2.0
 * Impls of one variant beside labench's best: the table, the export and the figure.
 */
#include "synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "export.h"
#include "report.h"

static char *exported(fixture *f, int64_t sweep, const char *format)
{
    static char *text; /* what open_memstream made; the caller frees it */
    static size_t n;
    la_err err = {0};
    FILE *out = open_memstream(&text, &n);
    expect_ok(la_export(f->store, sweep, "speedups", format, out, &err));
    fclose(out);
    return text;
}

static char *table_of(fixture *f)
{
    static char *text; /* what open_memstream made; the caller frees it */
    static size_t n;
    la_err err = {0};
    FILE *out = open_memstream(&text, &n);
    expect_ok(la_report_table(f->store, f->sweep, out, 0, &err));
    fclose(out);
    return text;
}

/* The numbers after "name": in the object of the row that has all three words. */
static double member(const char *json, const char *variant, const char *impl, int64_t seqlen,
                     const char *name)
{
    char a[64], b[64], c[64], d[64];
    snprintf(a, sizeof a, "\"variant\": \"%s\"", variant);
    snprintf(b, sizeof b, "\"impl\": \"%s\"", impl);
    snprintf(c, sizeof c, "\"seqlen\": %lld,", (long long)seqlen);
    snprintf(d, sizeof d, "\"%s\": ", name);
    for (const char *row = strstr(json, "\n  {"); row; row = strstr(row + 1, "\n  {")) {
        char *line = strndup(row + 1, strcspn(row + 1, "\n"));
        const char *at =
            strstr(line, a) && strstr(line, b) && strstr(line, c) ? strstr(line, d) : NULL;
        double x = at ? strtod(at + strlen(d), NULL) : (double)NAN;
        bool here = at != NULL;
        free(line);
        if (here) return x;
    }
    return (double)NAN;
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *c = strstr(text, what); c; c = strstr(c + 1, what)) n++;
    return n;
}

static void test_ratios_stand_beside_the_best_own_impl(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    synthetic_rivals(&f);
    char *json = exported(&f, f.sweep, "json");
    /* Two rivals of softmax, one of which failed at 8k; one rival and one own form of deltanet. */
    assert_int_equal(count_of(json, "\"speedup\""), 4 + 3 + 2 * 4);
    for (int64_t seqlen = 1024; seqlen <= 8192; seqlen *= 2) {
        double naive = member(json, "softmax", "torch_naive", seqlen, "speedup");
        double math = member(json, "softmax", "torch_math", seqlen, "speedup");
        double chunk = member(json, "deltanet", "torch_chunk", seqlen, "speedup");
        assert_true(fabs(naive - 0.5) < 0.005);
        assert_true(seqlen == 8192 ? isnan(math) : fabs(math - 1.8) < 0.018);
        assert_true(fabs(chunk - 3) < 0.03);
        assert_true(fabs(member(json, "deltanet", "cpu_recurrent", seqlen, "speedup") - 4) < 0.04);
        double lo = member(json, "deltanet", "torch_chunk", seqlen, "lo");
        double hi = member(json, "deltanet", "torch_chunk", seqlen, "hi");
        assert_true(lo < chunk && chunk < hi && lo > 2.8 && hi < 3.2);
    }
    assert_int_equal(count_of(json, "\"base_impl\": \"cpu_chunk\""), 8);
    assert_int_equal(count_of(json, "\"base_impl\": \"torch"), 0);
    char *all = exported(&f, 0, "json"); /* of all sweeps: there is one */
    assert_string_equal(all, json);
    free(all);
    free(json);
    fixture_release(&f);
}

static void test_every_format_has_the_rows(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    synthetic_rivals(&f);
    char *csv = exported(&f, f.sweep, "csv"), *md = exported(&f, f.sweep, "md"),
         *latex = exported(&f, f.sweep, "latex");
    assert_int_equal(count_of(csv, "\r\n"), 16);
    assert_int_equal(count_of(md, "\n"), 17);
    assert_int_equal(count_of(latex, "\n"), 15 + 7);
    assert_non_null(strstr(latex, "\\begin{tabular}{"));
    assert_non_null(strstr(latex, "softmax & torch\\_math & cpu\\_naive & fwd"));
    assert_non_null(strstr(latex, "\\end{tabular}\n"));
    free(csv);
    free(md);
    free(latex);
    fixture_release(&f);
}

static void test_the_table_says_how_much(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    synthetic_sweep(&f); /* one impl of each: no table */
    char *text = table_of(&f);
    assert_null(strstr(text, "speed-ups"));
    free(text);
    fixture_release(&f);
    fixture_open(&f);
    synthetic_rivals(&f);
    text = table_of(&f);
    char *at = strstr(text, "speed-ups");
    assert_non_null(at);
    char *row = strstr(at, "softmax   torch_math     cpu_naive  fwd   1k ");
    if (!row) fail_msg("%s", at);
    row[strcspn(row, "\n")] = '\0';
    if (!strstr(row, "7.52 ms") || !strstr(row, " 1.80x ")) fail_msg("%s", row);
    assert_non_null(strchr(row, '['));
    free(text);
    fixture_release(&f);
}

/* The same impl in two types: how many times faster, and at what error. */
static void test_types_stand_beside_float32(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    synthetic_sweep(&f); /* float32 alone */
    char *text = table_of(&f);
    assert_null(strstr(text, "narrow types"));
    assert_null(strstr(text, "all in"));
    free(text);
    fixture_release(&f);
    fixture_open(&f);
    synthetic_types(&f, true);
    text = table_of(&f);
    assert_null(strstr(text, "speed-ups"));
    assert_null(strstr(text, "all in"));
    char *at = strstr(text, "narrow types");
    assert_non_null(at);
    char *row = strstr(at, "flash    cpu_tiled  fwd   bf16  2k");
    if (!row) fail_msg("%s", at);
    row[strcspn(row, "\n")] = '\0';
    if (!strstr(row, " 1.60x ") || !strstr(row, "2.0e-03") || !strstr(row, "4.0e-07"))
        fail_msg("%s", row);
    free(text);
    fixture_release(&f);
    fixture_open(&f);
    synthetic_types(&f, false); /* bf16 alone: said once, and compared with nothing */
    text = table_of(&f);
    assert_null(strstr(text, "narrow types"));
    assert_non_null(strstr(text, "\nall in bf16\n"));
    free(text);
    fixture_release(&f);
}

/* `labench show` of a cell has float32 beside it. */
static void test_a_cell_stands_beside_float32(void **state)
{
    (void)state;
    fixture f;
    char *text, key[40];
    size_t n;
    la_err err = {0};
    fixture_open(&f);
    synthetic_types(&f, true);
    query_text(f.store, "SELECT cell_key FROM cell WHERE dtype = 'bf16' AND seqlen = 2048", key,
               sizeof key);
    FILE *out = open_memstream(&text, &n);
    expect_ok(la_report_show(f.store, key, out, 0, &err));
    fclose(out);
    if (!strstr(text, "error 2.00e-03, in f32 4.00e-07; 1.60 times as fast")) fail_msg("%s", text);
    free(text);
    fixture_release(&f);
}

static bool have_gnuplot(void)
{
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

/* Peers declare no workspace; what a call added to resident memory is known of them and of ours. */
static void test_memory_beside_peers_has_a_figure(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_plots counts;
    char dir[512], path[640], command[640];
    const char *kinds[] = {"resident"};
    fixture_open(&f);
    synthetic_rivals(&f);
    if (!have_gnuplot()) skip();
    snprintf(dir, sizeof dir, "%s/memory", f.folder);
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 0);
    int rc = raw_sql(f.path, "UPDATE cell SET work_bytes = NULL WHERE impl LIKE 'torch%'");
    assert_int_equal(rc, 0);
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 1);
    snprintf(path, sizeof path, "%s/resident_fwd.svg", dir);
    assert_int_equal(access(path, R_OK), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
    fixture_release(&f);
}

static void test_a_figure_for_each_pass(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_plots counts;
    const char *kept = getenv("LABENCH_TEST_FIGURES");
    char dir[512], path[640], command[640];
    fixture_open(&f);
    synthetic_rivals(&f);
    if (!have_gnuplot()) skip();
    snprintf(dir, sizeof dir, "%s/rivals", kept ? kept : f.folder);
    const char *kinds[] = {"speedup"};
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 2); /* beside labench's best, and over softmax */
    snprintf(path, sizeof path, "%s/speedup_fwd.svg", dir);
    assert_int_equal(access(path, R_OK), 0);
    snprintf(path, sizeof path, "%s/speedup_decode.svg", dir);
    assert_int_not_equal(access(path, R_OK), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (!kept) assert_int_equal(system(command), 0);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ratios_stand_beside_the_best_own_impl),
        cmocka_unit_test(test_every_format_has_the_rows),
        cmocka_unit_test(test_the_table_says_how_much),
        cmocka_unit_test(test_types_stand_beside_float32),
        cmocka_unit_test(test_a_cell_stands_beside_float32),
        cmocka_unit_test(test_a_figure_for_each_pass),
        cmocka_unit_test(test_memory_beside_peers_has_a_figure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
