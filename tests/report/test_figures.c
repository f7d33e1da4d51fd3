/* SPDX-License-Identifier: Apache-2.0
 * Figures of several sweeps, over a base, of samples; every kind has the same bytes twice; gnuplot that
 * never ends, and one that looks for a terminal.
 */
#include "synthetic.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figure.h"
#include "gnuplot.h"

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

/* The caller frees it. */
static char *read_all(const char *dir, const char *name)
{
    char path[1024];
    struct stat s;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &s) != 0) return NULL;
    char *text = calloc((size_t)s.st_size + 1, 1);
    assert_int_equal(fread(text, 1, (size_t)s.st_size, f), s.st_size);
    fclose(f);
    return text;
}

static void draw(const la_source *sources, size_t n, const char *kind, const la_plot_how *how,
                 const char *dir, size_t drawn)
{
    la_err err = {0};
    la_plots counts;
    expect_ok(la_report_draw(sources, n, kind ? &kind : NULL, kind ? 1 : 0, how, dir, NULL, NULL,
                             &counts, &err));
    if (drawn) assert_int_equal(counts.drawn, drawn);
}

/* Draws everything twice, with a second between, in all formats. */
static void draw_twice(const fixture *f, const char *name)
{
    char first[512], command[1200];
    const la_source source = {f->store, f->sweep, ""};
    const la_plot_how how = {.resident = true, .pdf = true, .tikz = true};
    snprintf(first, sizeof first, "%s", folder_of(f, name));
    draw(&source, 1, NULL, &how, first, 0);
    sleep(1);
    const char *second = folder_of(f, "again");
    draw(&source, 1, NULL, &how, second, 0);
    snprintf(command, sizeof command, "diff -rq '%s' '%s'", first, second);
    assert_int_equal(system(command), 0);
    /* In TeX a bare % hides the rest of its line, and a bare _, & or # ends the run. */
    snprintf(command, sizeof command,
             "! sed -n 's/^.node.*) {\\(.*\\)};$/\\1/p' '%s'/*.tikz | grep '\\(^\\|[^\\]\\)[%%_&#]'",
             first);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "ls '%s' | sed -n 's/[._].*//p' | sort -u >> '%s/kinds'",
             first, f->folder);
    assert_int_equal(system(command), 0);
    remove_folder(first);
    snprintf(command, sizeof command, "rm -rf '%s'", second);
    assert_int_equal(system(command), 0);
}

static void test_every_kind_has_the_same_bytes_twice(void **state)
{
    (void)state;
    static void (*const fill[])(fixture *) = {synthetic_sweep, synthetic_threads, synthetic_rivals,
                                              synthetic_loads};
    char seen[4096] = "\n";
    if (!have_gnuplot()) skip();
    for (size_t i = 0; i < LA_COUNT(fill); i++) {
        fixture f;
        char name[32];
        fixture_open(&f);
        fill[i](&f);
        if (i == 0) synthetic_models(&f);
        assert_int_equal(/* peers do not say what they need */
                         raw_sql(f.path,
                                 "UPDATE cell SET work_bytes = NULL WHERE impl LIKE 'torch%'"),
                         0);
        snprintf(name, sizeof name, "once-%zu", i);
        draw_twice(&f, name);
        char *kinds = read_all(f.folder, "kinds");
        strncat(seen, kinds, sizeof seen - strlen(seen) - 1);
        free(kinds);
        fixture_release(&f);
    }
    for (size_t i = 0; i < la_plot_count(); i++) {
        char line[64];
        snprintf(line, sizeof line, "\n%s\n", la_plot_name(i));
        if (!strstr(seen, line)) fail_msg("%s was never drawn", la_plot_name(i));
    }
}

static void test_sweeps_stand_beside_each_other(void **state)
{
    (void)state;
    fixture f, g;
    if (!have_gnuplot()) skip();
    fixture_open(&f);
    synthetic_sweep(&f);
    fixture_open(&g);
    synthetic_sweep(&g);
    synthetic_variant(&g, "newcomer");
    const la_source sources[] = {{f.store, f.sweep, "old"}, {g.store, g.sweep, "new"}};
    const char *dir = folder_of(&f, "beside");
    draw(sources, 2, "time", NULL, dir, 1);
    char *gp = read_all(dir, "time.gp"), *dat = read_all(dir, "time.dat");
    /* One colour for a variant, another dash and point for the second sweep. */
    assert_non_null(strstr(gp, "dt 1 ps 0.75 pt 7 lc rgb '#0072b2'"));
    assert_non_null(strstr(gp, "dt 2 ps 0.75 pt 5 lc rgb '#0072b2'"));
    assert_non_null(strstr(dat, "# \"softmax · old\"\n") && strstr(dat, "# \"softmax · new\"\n"));
    assert_non_null(strstr(dat, "# \"newcomer · new\"\n"));
    assert_null(strstr(dat, "# \"newcomer · old\"\n"));
    assert_non_null(strstr(gp, "softmax · old: OOM at 64k"));
    assert_non_null(strstr(gp, "old: sweep "));
    assert_non_null(strstr(gp, "new: sweep "));
    free(gp);
    free(dat);
    remove_folder(dir);
    /* What both agree in is drawn once; panels of both in one map. */
    dir = folder_of(&f, "beside-more");
    draw(sources, 2, "accuracy", NULL, dir, 1);
    gp = read_all(dir, "accuracy.gp");
    char *chance = strstr(gp, "'chance ");
    assert_non_null(chance);
    assert_null(strstr(chance + 1, "'chance "));
    free(gp);
    draw(sources, 2, "outcomes", NULL, dir, 1);
    dat = read_all(dir, "outcomes.dat");
    assert_non_null(strstr(dat, "\"linear · old\"") && strstr(dat, "\"linear · new\""));
    free(dat);
    remove_folder(dir);
    fixture_release(&f);
    fixture_release(&g);
}

static void test_a_kind_of_one_sweep_is_refused_for_two(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"samples"};
    fixture_open(&f);
    synthetic_sweep(&f);
    const la_source sources[] = {{f.store, f.sweep, "a"}, {f.store, f.sweep, "b"}};
    la_status st = la_report_draw(sources, 2, kinds, 1, NULL, f.folder, NULL, NULL, NULL, &err);
    expect_status(st, LA_E_ARG, &err);
    assert_non_null(strstr(err.msg, "'samples' shows one sweep at a time"));
    fixture_release(&f);
}

/* The y of a line's point at x in a .dat; NaN where there is none. */
static double at(const char *dat, const char *line, double x)
{
    char head[64];
    snprintf(head, sizeof head, "# \"%s\"\n", line);
    const char *row = strstr(dat, head), *end = row ? strstr(row, "\n\n\n") : NULL;
    for (row = row ? strchr(row, '\n') : NULL; row && row < end; row = strchr(row + 1, '\n')) {
        double px, py;
        if (sscanf(row + 1, "%lf %lf", &px, &py) == 2 && fabs(px - x) < 0.5) return py;
    }
    return (double)NAN;
}

static void test_a_base_is_one_and_the_others_are_ratios(void **state)
{
    (void)state;
    fixture f;
    if (!have_gnuplot()) skip();
    fixture_open(&f);
    synthetic_sweep(&f);
    const la_source source = {f.store, f.sweep, ""};
    const char *dir = folder_of(&f, "base");
    draw(&source, 1, "time", NULL, dir, 1);
    draw(&source, 1, "speedup", &(la_plot_how){.base = "flash"}, dir, 2);
    char *times = read_all(dir, "time.dat"), *dat = read_all(dir, "speedup_over_flash_fwd.dat"),
         *gp = read_all(dir, "speedup_over_flash_fwd.gp");
    for (double T = 1024; T <= 131072; T *= 2) {
        double want = at(times, "flash", T) / at(times, "linear", T);
        assert_true(fabs(at(dat, "linear", T) - want) < 1e-6 * want);
        assert_true(fabs(at(dat, "flash", T) - 1) < 1e-12);
    }
    assert_non_null(strstr(gp, "'as fast as flash'"));
    assert_non_null(strstr(gp, "fwd: how many times faster than flash"));
    /* Bidirectional ones are not the same problem, and are named. */
    assert_true(isnan(at(dat, "fnet", 1024)));
    assert_non_null(strstr(gp, "No time of the"));
    free(times);
    free(dat);
    free(gp);
    remove_folder(dir);
    fixture_release(&f);
}

/* Numbers of column `column` in the rows of one line, summed; *rows: how many. */
static double column_sum(const char *dat, const char *line, int column, int *rows)
{
    char quoted[64];
    double sum = 0;
    *rows = 0;
    snprintf(quoted, sizeof quoted, " \"%s\" ", line);
    for (const char *row = strstr(dat, quoted); row; row = strstr(row + 1, quoted)) {
        const char *c = row + strlen(quoted);
        for (int i = 0; i < column; i++) c += strcspn(c, " ") + 1;
        sum += strtod(c, NULL);
        ++*rows;
    }
    return sum;
}

static void test_all_samples_are_in_their_figure(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    int rows;
    if (!have_gnuplot()) skip();
    fixture_open(&f);
    synthetic_sweep(&f);
    const la_source source = {f.store, f.sweep, ""};
    const char *dir = folder_of(&f, "samples");
    draw(&source, 1, "samples", &(la_plot_how){.length = 4096}, dir, 2);
    char *dat = read_all(dir, "samples_fwd.dat"), *gp = read_all(dir, "samples_fwd.gp");
    la_query *q = NULL;
    bool more;
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)f.sweep);
    expect_ok(la_query_open(f.store,
                            "SELECT count(*) FROM v_samples WHERE sweep_id = CAST(?1 AS INT) AND "
                            "variant = 'flash' AND pass = 'fwd' AND seqlen = 4096",
                            (const char *[]){id}, 1, &q, &err));
    expect_ok(la_query_next(q, &more, &err));
    assert_true(la_query_int(q, 0) > 0);
    assert_true(fabs(column_sum(dat, "flash", 2, &rows) - (double)la_query_int(q, 0)) < 0.5);
    la_query_close(q);
    assert_true(rows > 1);
    column_sum(dat, "performer", 2, &rows); /* wrong at 4k: no time counts */
    assert_int_equal(rows, 0);
    assert_non_null(strstr(gp, "T 4k."));
    free(dat);
    free(gp);
    remove_folder(dir);
    fixture_release(&f);
}

static void test_maps_of_ratios_and_of_the_fastest(void **state)
{
    (void)state;
    fixture f;
    if (!have_gnuplot()) skip();
    fixture_open(&f);
    synthetic_threads(&f);
    const la_source source = {f.store, f.sweep, ""};
    const char *dir = folder_of(&f, "maps");
    draw(&source, 1, "heatmap", NULL, dir, 3);
    char *ratio = read_all(dir, "heatmap_ratio_fwd_length_threads.dat"),
         *first = read_all(dir, "heatmap_winner_fwd_length_threads.dat"),
         *gp = read_all(dir, "heatmap_ratio_fwd_length_threads.gp");
    /* With one thread both take as long: nearly white, and said to be unsure. With four, 4 / 2.56. */
    assert_non_null(strstr(gp, "fwd: times faster than flash over length and threads"));
    assert_non_null(strstr(ratio, " 0xf7f7f7 \"≈1.00\" 0x222222 \"deltanet\" 8k 1 1 "));
    assert_non_null(strstr(ratio, " \"0.64\" 0xffffff \"deltanet\" 8k 4 0.64"));
    assert_non_null(strstr(first, " \"flash\" 0x222222 \"flash\" 8k 4 1.56"));
    assert_non_null(strstr(first, " \"≈"));
    free(ratio);
    free(first);
    free(gp);
    remove_folder(dir);
    fixture_release(&f);
}

static void test_resident_memory_is_dotted_on_request(void **state)
{
    (void)state;
    fixture f;
    if (!have_gnuplot()) skip();
    fixture_open(&f);
    synthetic_sweep(&f);
    const la_source source = {f.store, f.sweep, ""};
    const char *dir = folder_of(&f, "resident");
    draw(&source, 1, "memory", &(la_plot_how){.resident = true}, dir, 1);
    char *dat = read_all(dir, "memory.dat"), *gp = read_all(dir, "memory.gp");
    assert_non_null(strstr(dat, "# \"linear resident\"\n") && strstr(dat, "# \"linear\"\n"));
    assert_non_null(strstr(gp, "dt 3 ps 0.75 pt 9 lc rgb '#d55e00'"));
    assert_non_null(strstr(gp, "Dotted: what resident memory grew by"));
    free(dat);
    free(gp);
    remove_folder(dir);
    fixture_release(&f);
}

/* A gnuplot of our own comes first in PATH; returns what that was. */
static char *pretend(const fixture *f, const char *script)
{
    char program[128], search[4096], *path = strdup(getenv("PATH"));
    snprintf(program, sizeof program, "%s/gnuplot", f->folder);
    FILE *out = fopen(program, "w");
    fprintf(out, "#!/bin/sh\n%s", script);
    fclose(out);
    chmod(program, 0755);
    snprintf(search, sizeof search, "%s:%s", f->folder, path);
    setenv("PATH", search, 1);
    return path;
}

static void pretend_no_more(char *path)
{
    setenv("PATH", path, 1);
    free(path);
}

static void test_a_gnuplot_without_end_is_stopped(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const char *kinds[] = {"time"};
    char dir[128], name[160];
    fixture_open(&f);
    synthetic_variant(&f, "any");
    char *path = pretend(&f, "sleep 100 &\nwait\n");
    snprintf(dir, sizeof dir, "%s/hung", f.folder);
    int limit = la_gnuplot_limit_s;
    assert_int_equal(limit, 60);
    la_gnuplot_limit_s = 1;
    la_status st = la_report_plots(f.store, f.sweep, kinds, 1, dir, NULL, NULL, NULL, &err);
    la_gnuplot_limit_s = limit;
    pretend_no_more(path);
    expect_status(st, LA_E_ENV, &err);
    assert_non_null(strstr(err.msg, "more than 1 s"));
    snprintf(name, sizeof name, "%s/time.dat", dir);
    assert_int_equal(access(name, R_OK), 0);
    snprintf(name, sizeof name, "%s/time.svg", dir);
    assert_int_not_equal(access(name, R_OK), 0);
    remove_folder(dir);
    fixture_release(&f);
}

/* Draws as the foreground of a terminal of its own; 0 where gnuplot came to its end with status 3. */
static int draw_in_a_terminal(const char *terminal, const char *dir)
{
    la_text text = {0};
    la_err err = {0};
    if (setsid() < 0 || open(terminal, O_RDWR) < 0) return 1;
    la_gnuplot_limit_s = 5;
    la_text_add(&text, "plot x\n");
    la_gnuplot_draw(&(la_plot_how){0}, dir, "time", "Time", &text, &text, &err);
    la_text_release(&text);
    return strstr(err.msg, "ended with status 3") ? 0 : 2;
}

/* What is no foreground of a terminal is stopped where it reads or sets it. */
static void test_a_gnuplot_is_not_stopped_by_the_terminal(void **state)
{
    (void)state;
    fixture f;
    int status = -1, terminal = posix_openpt(O_RDWR | O_NOCTTY);
    char name[64];
    assert_true(terminal >= 0);
    assert_int_equal(grantpt(terminal) | unlockpt(terminal), 0);
    assert_int_equal(ptsname_r(terminal, name, sizeof name), 0);
    fixture_folder(&f);
    char *path = pretend(&f, "stty sane < /dev/tty\nread line < /dev/tty\nexit 3\n");
    pid_t pid = fork();
    if (pid == 0) _exit(draw_in_a_terminal(name, f.folder));
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(terminal);
    pretend_no_more(path);
    fixture_release(&f);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_has_the_same_bytes_twice),
        cmocka_unit_test(test_sweeps_stand_beside_each_other),
        cmocka_unit_test(test_a_kind_of_one_sweep_is_refused_for_two),
        cmocka_unit_test(test_a_base_is_one_and_the_others_are_ratios),
        cmocka_unit_test(test_all_samples_are_in_their_figure),
        cmocka_unit_test(test_maps_of_ratios_and_of_the_fastest),
        cmocka_unit_test(test_resident_memory_is_dotted_on_request),
        cmocka_unit_test(test_a_gnuplot_without_end_is_stopped),
        cmocka_unit_test(test_a_gnuplot_is_not_stopped_by_the_terminal),
    };
    return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
