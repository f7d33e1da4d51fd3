/* SPDX-License-Identifier: Apache-2.0
 * Figures: marks of failures, the same bytes from the same rows, names that would be commands,
 * gnuplot missing or broken.
 */
#include "synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "canvas.h"
#include "figure.h"
#include "gnuplot.h"
#include "report.h"

static char *read_all(const char *dir, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    la_text text = {0};
    char block[4096];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0) la_text_bytes(&text, block, n);
    fclose(f);
    return text.s;
}

static bool exists(const char *dir, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

/* LABENCH_TEST_FIGURES=folder keeps the figures there, to be looked at. */
static const char *folder_of(const fixture *f, const char *name)
{
    static char path[512];
    const char *kept = getenv("LABENCH_TEST_FIGURES");
    snprintf(path, sizeof path, "%s/%s", kept ? kept : f->folder, name);
    return path;
}

static void remove_folder(const char *path)
{
    char command[600];
    if (getenv("LABENCH_TEST_FIGURES")) return;
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static bool have_gnuplot(void)
{
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

static void test_plots_draw_every_kind_and_mark_failures(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_plots counts;
    fixture_open(&f);
    synthetic_sweep(&f);
    synthetic_models(&f);
    if (!have_gnuplot()) skip();
    const char *dir = folder_of(&f, "eight");
    static const char *const stems[] = {"time",
                                        "throughput",
                                        "roofline_fwd",
                                        "roofline_decode",
                                        "decode",
                                        "memory",
                                        "accuracy",
                                        "error",
                                        "outcomes",
                                        "accuracy_mqar",
                                        "curves_mqar",
                                        "pareto_mqar",
                                        "pareto_recall",
                                        "pareto_state_mqar",
                                        "pareto_state_recall",
                                        "throughput_tokens",
                                        "speedup_over_softmax_fwd",
                                        "speedup_over_softmax_decode",
                                        "samples_fwd",
                                        "samples_decode"};
    expect_ok(la_report_plots(f.store, f.sweep, NULL, 0, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, LA_COUNT(stems));
    /* One load only, no backward, one thread count, one impl of each and no peer: `load`, `time`,
     * `throughput` and `memory` of both passes, `scaling`, `speedup` beside peers, `resident` and all of
     * `heatmap` stay empty. */
    assert_int_equal(counts.empty, 11);
    assert_false(exists(dir, "load.svg"));
    for (size_t i = 0; i < LA_COUNT(stems); i++) {
        static const char *const endings[] = {"svg", "png", "gp", "dat"};
        for (size_t k = 0; k < 4; k++) {
            char name[64];
            snprintf(name, sizeof name, "%s.%s", stems[i], endings[k]);
            if (!exists(dir, name)) print_error("no %s\n", name);
            assert_true(exists(dir, name));
        }
    }
    char *dat = read_all(dir, "time.dat"), *gp = read_all(dir, "time.gp"),
         *svg = read_all(dir, "time.svg");
    /* The failure is a comment where the number would be, and a mark of its own at 64k. */
    assert_non_null(strstr(dat, "# 65536 oom_host \"34.4 GiB wanted, limit 19.2 GiB\""));
    assert_non_null(strstr(dat, "# failure: \"softmax\" oom_host\n# x y-of-the-mark\n65536 "));
    assert_non_null(strstr(dat, "# failure: \"linformer\" timeout\n# x y-of-the-mark\n131072 "));
    assert_non_null(strstr(dat, "# failure: \"performer\" wrong\n# x y-of-the-mark\n4096 "));
    assert_non_null(strstr(gp, "'softmax: OOM at 64k'"));
    assert_non_null(strstr(gp, "'linformer†: timeout at 128k'"));
    assert_non_null(strstr(gp, "pt 2 ") && strstr(gp, "pt 8 ") && strstr(gp, "pt 6 "));
    /* The wrong time at 4k is no point, and the line does not pass over it. */
    char *gap = strstr(dat, "# 4096 wrong");
    assert_non_null(gap);
    assert_non_null(strstr(gap, "\n\n8192 "));
    assert_non_null(strstr(gp, "flash  {/:Italic T}^{1.97}"));
    assert_non_null(strstr(svg, "<title>Forward time</title>"));
    la_text_release(&(la_text){.s = dat});
    la_text_release(&(la_text){.s = gp});
    la_text_release(&(la_text){.s = svg});
    remove_folder(dir);
    fixture_release(&f);
}

/* " dt 2 pt 7 ps 0.75 lc rgb '#0072b2'" of each line of the figure, in their order. */
static size_t looks_of(const char *gp, char looks[64][64])
{
    size_t n = 0;
    const char *at = strstr(gp, "\nplot ");
    for (at = at ? strstr(at, "linespoints") : NULL; at && n < 64;
         at = strstr(at + 1, "linespoints")) {
        const char *dash = strstr(at, "dt ");
        if (!dash) break;
        size_t len = strcspn(dash, ",\\\n");
        snprintf(looks[n++], 64, "%.*s", (int)(len < 63 ? len : 63), dash);
    }
    return n;
}

/* Points of `block` of a .dat: its x, y and last column; returns how many. */
static int points_of(const char *dat, const char *block, double x[], double y[], double last[])
{
    int n = 0;
    const char *at = strstr(dat, block);
    at = at ? strstr(at, "\n# x") : NULL;
    for (at = at ? strchr(at + 1, '\n') : NULL; at && at[1] != '\n'; at = strchr(at + 1, '\n')) {
        char row[160];
        snprintf(row, sizeof row, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
        assert_int_equal(sscanf(row, "%lf %lf", &x[n], &y[n]), 2);
        last[n++] = strtod(strrchr(row, ' '), NULL);
    }
    return n;
}

/* One point a thread count at the longest length, beside the line of as many times faster. */
static void test_threads_have_a_figure(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_plots counts;
    const char *kinds[] = {"scaling", "roofline"};
    double x[16], y[16], last[16];
    if (!have_gnuplot()) skip();
    fixture_open(&f);
    synthetic_threads(&f);
    const char *dir = folder_of(&f, "threads");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 2, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 2);
    char *dat = read_all(dir, "scaling_fwd.dat"), *gp = read_all(dir, "scaling_fwd.gp");
    assert_int_equal(points_of(dat, "# \"flash\"", x, y, last), 3);
    for (int i = 0; i < 3; i++) assert_true(fabs(x[i] - (1 << i)) < 1e-9);
    for (int i = 0; i < 3; i++) assert_true(fabs(y[i] - (1 << i)) < 0.01);
    assert_int_equal(points_of(dat, "# \"deltanet\"", x, y, last), 3);
    assert_true(fabs(y[1] - 1.6) < 0.01 && fabs(y[2] - 2.56) < 0.02);
    assert_non_null(strstr(gp, "'ideal'"));
    assert_non_null(strstr(gp, "T 8k"));
    la_text_release(&(la_text){.s = dat});
    la_text_release(&(la_text){.s = gp});
    gp = read_all(dir, "roofline_fwd.gp");
    assert_non_null(strstr(gp, "flash 1 thread'"));
    la_text_release(&(la_text){.s = gp});
    remove_folder(dir);
    fixture_release(&f);
}

/* A point stands at operations a byte and operations a second, under the measured roofs. */
static void test_rates_stand_under_their_roofs(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_plots counts;
    const char *kinds[] = {"roofline"};
    double x[16], y[16], last[16];
    if (!have_gnuplot()) skip();
    fixture_open(&f);
    synthetic_sweep(&f);
    const char *dir = folder_of(&f, "roofline");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 2); /* forward and decode */
    char *dat = read_all(dir, "roofline_fwd.dat"), *gp = read_all(dir, "roofline_fwd.gp");
    /* Linear in its length: 8 lengths of one rate, 5e7 operations in 0.7 ms at 1k. */
    assert_int_equal(points_of(dat, "# \"linear\"", x, y, last), 8);
    for (int i = 0; i < 8; i++) {
        double t = last[i] / 1024;
        double want = 5e7 * t / (0.7e6 * pow(t, 1.01) * 1.02);
        assert_true(fabs(y[i] - want) < 0.02 * want);
        assert_true(fabs(x[i] - 5e7 * t / 2e5) < 1e-6 * x[i]);
    }
    assert_non_null(strstr(gp, "f32 multiply-adds 100 GFLOP/s"));
    assert_non_null(strstr(gp, "reading memory"));
    assert_non_null(strstr(gp, "rotate by"));
    assert_non_null(strstr(gp, "1k to 128k tokens"));
    la_text_release(&(la_text){.s = dat});
    la_text_release(&(la_text){.s = gp});
    remove_folder(dir);
    fixture_release(&f);
}

static void test_each_roof_begins_where_the_slope_meets_it(void **state)
{
    (void)state;
    la_canvas c = {.xlo = 1,
                   .xhi = 1000,
                   .xlog = true,
                   .right = 300,
                   .rules = {{.y = 1000}, {.y = 100}, {.y = 1000, .slope = 10}},
                   .n_rules = 3};
    assert_true(fabs(la_canvas_roof(&c, &c.rules[0]) - 2.0 / 3) < 1e-9);
    assert_true(fabs(la_canvas_roof(&c, &c.rules[1]) - 1.0 / 3) < 1e-9);
    c.n_rules = 2;
    assert_true(la_canvas_roof(&c, &c.rules[1]) == 0);
}

/* With every variant and several impls of most, no two lines look alike, each has its place in the key, and
 * a variant looks as it does in another sweep. */
static void test_every_line_can_be_told_apart(void **state)
{
    (void)state;
    static char looks[64][64], others[64][64];
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"time", "speedup"};
    if (!have_gnuplot()) skip();
    fixture_open(&f);
    synthetic_family(&f);
    const char *dir = folder_of(&f, "family");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 2, dir, NULL, NULL, NULL, &err));
    char *gp = read_all(dir, "time.gp");
    size_t n = looks_of(gp, looks);
    assert_int_equal(n, 31);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(looks[i], looks[j]) == 0) fail_msg("lines %zu and %zu: %s", j, i, looks[i]);
    size_t keys = 0;
    for (const char *c = strstr(gp, "set label '' at"); c; c = strstr(c + 1, "set label '' at"))
        keys++;
    assert_int_equal(keys, n);
    la_text_release(&(la_text){.s = gp});
    remove_folder(dir);
    fixture_release(&f);
    fixture_open(&f);
    synthetic_rivals(&f);
    dir = folder_of(&f, "few");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, NULL, &err));
    gp = read_all(dir, "time.gp");
    size_t few = looks_of(gp, others), found = 0;
    for (size_t i = 0; i < few; i++)
        for (size_t j = 0; j < n; j++) found += strcmp(others[i], looks[j]) == 0;
    assert_int_equal(few, 7);
    assert_int_equal(found, few);
    la_text_release(&(la_text){.s = gp});
    remove_folder(dir);
    fixture_release(&f);
}

/* Two impls by three numbers of threads, of one colour, in a figure that has no dashes. */
static void test_points_without_lines_have_shapes_of_their_own(void **state)
{
    (void)state;
    char name[] = "deltanet";
    la_series six[6] = {0};
    la_lines lines = {.v = six, .n = 6};
    for (int i = 0; i < 6; i++) {
        six[i].variant = name;
        la_series_look(&six[i], i / 3, i % 3);
    }
    la_lines_points_apart(&lines);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++) assert_int_not_equal(six[i].shape, six[j].shape);
    la_series first = {.variant = name};
    la_series_look(&first, 0, 0);
    assert_int_equal(six[0].shape, first.shape);
}

/* What differs by little is not drawn from one edge to the other. */
static void test_an_axis_of_bytes_is_never_narrow(void **state)
{
    (void)state;
    char ok[] = "ok";
    la_point points[] = {{.x = 32768, .y = 0.1, .outcome = ok},
                         {.x = 33280, .y = 0.9, .outcome = ok}};
    la_series one = {.points = points, .n = 2};
    la_lines lines = {.v = &one, .n = 1};
    la_canvas c = {0};
    la_kind kind = {.x = LA_X_BYTES, .scale = LA_SCALE_PART};
    la_canvas_ranges(&c, &kind, &lines);
    assert_true(c.xlo <= 16384 && c.xhi >= 65536);
    kind.x = LA_X_LENGTH;
    la_canvas_ranges(&c, &kind, &lines);
    assert_true(c.xlo > 32000 && c.xhi < 34000);
}

static void test_plots_of_the_same_rows_have_the_same_bytes(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    fixture_open(&f);
    synthetic_sweep(&f);
    if (!have_gnuplot()) skip();
    char first[512];
    snprintf(first, sizeof first, "%s", folder_of(&f, "first"));
    const char *kinds[] = {"time", "outcomes"}, *second = folder_of(&f, "second");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 2, first, NULL, NULL, NULL, &err));
    sleep(1); /* a clock in the bytes would show */
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 2, second, NULL, NULL, NULL, &err));
    char command[1200];
    snprintf(command, sizeof command, "diff -r '%s' '%s'", first, second);
    assert_int_equal(system(command), 0);
    remove_folder(first);
    remove_folder(second);
    fixture_release(&f);
}

static void test_plots_draw_recall_over_load(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"load"};
    la_plots counts;
    fixture_open(&f);
    synthetic_loads(&f);
    if (!have_gnuplot()) skip();
    const char *dir = folder_of(&f, "loads");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 1);
    char *dat = read_all(dir, "load.dat");
    assert_non_null(strstr(dat, "\n8 1 ") && strstr(dat, "\n256 0.078125 "));
    la_text_release(&(la_text){.s = dat});
    remove_folder(dir);
    fixture_release(&f);
}

/* No operations: a rate of 0 has no scale, which once cost a loop without end. */
/* Rows of one block of a .dat, comments apart. */
static int rows_of_block(const char *dat, int block)
{
    int rows = 0, empty = 0;
    for (const char *line = dat; *line && block >= 0;) {
        size_t len = strcspn(line, "\n");
        empty = len == 0 ? empty + 1 : 0;
        if (empty == 2) block--;
        rows += block == 0 && len > 0 && *line != '#';
        line += len + (line[len] == '\n');
    }
    return rows;
}

static void test_a_map_has_a_box_for_every_two_values_and_the_line(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"heatmap"};
    la_plots counts;
    fixture_open(&f);
    synthetic_grid(&f, false);
    if (!have_gnuplot()) skip();
    const char *dir = folder_of(&f, "maps");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 1);
    assert_true(exists(dir, "heatmap_mqar_d_model_eval_pairs.svg") &&
                exists(dir, "heatmap_mqar_d_model_eval_pairs.png"));
    char *dat = read_all(dir, "heatmap_mqar_d_model_eval_pairs.dat");
    assert_int_equal(rows_of_block(dat, 0), 3 * 3 * 3);
    /* Numbers, and the words of what has none. */
    assert_non_null(strstr(dat, "\"1.000\" 0x222222 \"softmax\" 16 64 1 0.96 1 256 ok"));
    assert_non_null(strstr(dat, "\"0.200\" 0xffffff \"linear\" 32 64 0.2 "));
    assert_non_null(strstr(dat, "\"0.500\" 0xffffff \"deltanet\" 32 64 0.5 "));
    assert_non_null(strstr(dat, "0xf2f2f2 \"timeout\" 0x222222 \"deltanet\" 64 64 nan"));
    assert_non_null(strstr(dat, "0xf2f2f2 \"–\" 0x222222 \"linear\" 16 64 nan"));
    /* dk is 8, 16, 32: the line goes above 4, 16 and 16 pairs and up between the first two, in the two panels
     * that have one; twice that for both heads: above 16, 16 and 64, and up to the top. */
    assert_int_equal(rows_of_block(dat, 1), 2 * 4);
    assert_int_equal(rows_of_block(dat, 2), 2 * 3);
    char *svg = read_all(dir, "heatmap_mqar_d_model_eval_pairs.svg");
    assert_non_null(strstr(svg, "<title>mqar: accuracy over d_model and eval_pairs</title>"));
    assert_non_null(strstr(svg, "timeout"));
    la_text_release(&(la_text){.s = dat});
    la_text_release(&(la_text){.s = svg});
    remove_folder(dir);
    fixture_release(&f);
}

static void test_a_map_of_time_runs_from_slow_to_fast(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"heatmap"};
    la_plots counts;
    fixture_open(&f);
    synthetic_threads(&f);
    if (!have_gnuplot()) skip();
    const char *dir = folder_of(&f, "times");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 3); /* times, ratios, the fastest */
    char *dat = read_all(dir, "heatmap_time_fwd_length_threads.dat");
    assert_non_null(dat);
    assert_int_equal(rows_of_block(dat, 0), 2 * 2 * 3);
    /* The darkest colour is the slowest (both variants with one thread), the lightest the fastest. */
    const char *slow = strstr(dat, " 0x00204d "), *fast = strstr(dat, " 0xffea46 ");
    assert_true(slow && fast && !strstr(fast + 1, " 0xffea46 "));
    assert_ptr_equal(strstr(slow, " \"33.4 ms\" 0xffffff \"deltanet\" 8k 1 "), slow + 9);
    assert_ptr_equal(strstr(fast, " \"4.18 ms\" 0x222222 \"flash\" 4k 4 "), fast + 9);
    la_text_release(&(la_text){.s = dat});
    remove_folder(dir);
    fixture_release(&f);
}

static void test_one_thing_at_a_time_is_no_map(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"heatmap"};
    la_plots counts;
    fixture_open(&f);
    synthetic_grid(&f, true);
    const char *dir = folder_of(&f, "no-maps");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, &counts, &err));
    assert_int_equal(counts.drawn, 0);
    remove_folder(dir);
    fixture_release(&f);
}

static void test_plots_of_a_baseline_alone_end(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_plots counts;
    fixture_open(&f);
    synthetic_baseline(&f);
    if (!have_gnuplot()) skip();
    const char *dir = folder_of(&f, "baseline");
    expect_ok(la_report_plots(f.store, f.sweep, NULL, 0, dir, NULL, NULL, &counts, &err));
    assert_true(exists(dir, "time.svg") && exists(dir, "memory.svg"));
    assert_false(exists(dir, "throughput.svg") || exists(dir, "error.svg"));
    remove_folder(dir);
    fixture_release(&f);
}

static void test_names_are_never_run(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"time"};
    char marker[200], name[800];
    fixture_open(&f);
    snprintf(marker, sizeof marker, "%s/ran", f.folder);
    snprintf(name, sizeof name, "`touch %s`'; system('touch %s') #\"$(touch %s)\n\\{^_@&~@DAT@",
             marker, marker, marker);
    synthetic_variant(&f, name);
    if (!have_gnuplot()) skip();
    const char *dir = folder_of(&f, "hostile");
    expect_ok(la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, NULL, &err));
    assert_int_equal(access(marker, F_OK), -1);
    assert_true(exists(dir, "time.svg"));
    remove_folder(dir);
    fixture_release(&f);
}

static void test_quoting_leaves_no_way_out(void **state)
{
    (void)state;
    la_text t = {0};
    la_gp_quote(&t, "a'b_c`d\n\\");
    assert_string_equal(t.s, "'a''b\\_c`d?\?'");
    la_text_release(&t);
    la_dat_quote(&t, "a\"b\nc");
    assert_string_equal(t.s, "\"a?b?c\"");
    la_text_release(&t);
    const char *pairs[] = {"A", "@B@", "B", "x", NULL};
    la_gp_fill(&t, "1 @A@ @C@ @B@ @", pairs); /* values are not filled again */
    assert_string_equal(t.s, "1 @B@ @C@ x @");
    la_text_release(&t);
    /* A title stands in a comment, which ends with its line. */
    const char *titled[] = {"TITLE", "a\n!rm\r", "BODY", "b\nc", NULL};
    la_gp_fill(&t, "# @TITLE@.\n@BODY@", titled);
    assert_string_equal(t.s, "# a?!rm?.\nb\nc");
    la_text_release(&t);
}

static void test_labels_of_tikz_are_what_tex_reads(void **state)
{
    (void)state;
    static const struct {
        const char *gnuplot, *tex;
    } labels[] = {
        {"95 % of a_b & c#", "95 \\% of a\\_b \\& c\\#"},
        {"gated\\_deltanet\\@  {/:Italic T}^{1.97}", "gated\\_deltanet@  \\textit{T}$^{1.97}$"},
        {"{/:Italic T}^2 µs†", "\\textit{T}$^{2}$ $\\mu$s\\dag{}"},
        {"3·10^{-7}", "3$\\cdot$10$^{-7}$"},
        {"{\"chunk\":16}", "\\{{\\char34}chunk{\\char34}:16\\}"},
        {"{/:Italic ", "\\{/:Italic "},
        {"1^", "1$^{}$"},
        {"", ""},
    };
    la_err err;
    for (size_t i = 0; i < LA_COUNT(labels); i++) {
        la_text raw = {0}, want = {0}, out = {0};
        la_text_add(&raw, "%%%% generated with GNUPLOT\n%%%% Mon Jan  1 00:00:00 2001\n");
        la_text_add(&raw, "\\draw (0,0) {a_b};\n\\node[gp] at (1.000,2.000) {%s};\n\\end{x}",
                    labels[i].gnuplot);
        la_text_add(&want, "%%%% generated with GNUPLOT\n");
        la_text_add(&want, "\\draw (0,0) {a_b};\n\\node[gp] at (1.000,2.000) {%s};\n\\end{x}",
                    labels[i].tex);
        expect_ok(la_tikz_finish(&raw, &out, &err));
        assert_string_equal(out.s, want.s);
        la_text_release(&raw);
        la_text_release(&want);
        la_text_release(&out);
    }
}

static void test_without_gnuplot_the_data_are_kept(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    fixture_open(&f);
    synthetic_sweep(&f);
    char *path = strdup(getenv("PATH"));
    setenv("PATH", f.folder, 1);
    char dir[128];
    snprintf(dir, sizeof dir, "%s/none", f.folder);
    la_status st = la_report_plots(f.store, f.sweep, NULL, 0, dir, NULL, NULL, NULL, &err);
    setenv("PATH", path, 1);
    free(path);
    expect_status(st, LA_E_ENV, &err);
    assert_non_null(strstr(err.msg, "apt-get install"));
    assert_true(exists(dir, "time.dat") && exists(dir, "time.gp") && exists(dir, "outcomes.gp"));
    assert_false(exists(dir, "time.svg"));
    remove_folder(dir);
    fixture_release(&f);
}

static void test_a_broken_gnuplot_is_told_and_leaves_no_half_figure(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"time"};
    fixture_open(&f);
    synthetic_sweep(&f);
    char program[128], dir[128], search[4096];
    snprintf(program, sizeof program, "%s/gnuplot", f.folder);
    FILE *script = fopen(program, "w");
    fputs("#!/bin/sh\necho half > time.svg\necho 'no such terminal' >&2\nexit 1\n", script);
    fclose(script);
    chmod(program, 0755);
    char *path = strdup(getenv("PATH"));
    snprintf(search, sizeof search, "%s:%s", f.folder, path);
    setenv("PATH", search, 1);
    snprintf(dir, sizeof dir, "%s/broken", f.folder);
    la_status st = la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, NULL, &err);
    setenv("PATH", path, 1);
    free(path);
    expect_status(st, LA_E_ENV, &err);
    assert_non_null(strstr(err.msg, "no such terminal"));
    assert_true(exists(dir, "time.dat"));
    assert_false(exists(dir, "time.svg"));
    remove_folder(dir);
    unlink(program);
    fixture_release(&f);
}

static void test_an_unknown_kind_is_refused_with_the_nearest(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"tme"};
    fixture_open(&f);
    la_status st = la_report_plots(f.store, f.sweep, kinds, 1, f.folder, NULL, NULL, NULL, &err);
    expect_status(st, LA_E_ARG, &err);
    assert_non_null(strstr(err.msg, "Nearest: time."));
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plots_draw_every_kind_and_mark_failures),
        cmocka_unit_test(test_threads_have_a_figure),
        cmocka_unit_test(test_rates_stand_under_their_roofs),
        cmocka_unit_test(test_each_roof_begins_where_the_slope_meets_it),
        cmocka_unit_test(test_every_line_can_be_told_apart),
        cmocka_unit_test(test_points_without_lines_have_shapes_of_their_own),
        cmocka_unit_test(test_an_axis_of_bytes_is_never_narrow),
        cmocka_unit_test(test_plots_of_the_same_rows_have_the_same_bytes),
        cmocka_unit_test(test_plots_draw_recall_over_load),
        cmocka_unit_test(test_a_map_has_a_box_for_every_two_values_and_the_line),
        cmocka_unit_test(test_a_map_of_time_runs_from_slow_to_fast),
        cmocka_unit_test(test_one_thing_at_a_time_is_no_map),
        cmocka_unit_test(test_plots_of_a_baseline_alone_end),
        cmocka_unit_test(test_names_are_never_run),
        cmocka_unit_test(test_quoting_leaves_no_way_out),
        cmocka_unit_test(test_labels_of_tikz_are_what_tex_reads),
        cmocka_unit_test(test_without_gnuplot_the_data_are_kept),
        cmocka_unit_test(test_a_broken_gnuplot_is_told_and_leaves_no_half_figure),
        cmocka_unit_test(test_an_unknown_kind_is_refused_with_the_nearest),
    };
    return cmocka_run_group_tests_name("plots", tests, NULL, NULL);
}
