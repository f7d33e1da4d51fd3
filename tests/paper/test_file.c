/* SPDX-License-Identifier: Apache-2.0
 * Tables of papers as files: what is read from one, and that whatever is wrong in one is refused with its
 * line. Each refusal is made by a single change of a file that is right.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "paper.h"

static const char whole[] = "[table]\n"                                   /* 1 */
                            "title = Time over length\n"                  /* 2 */
                            "paper = Somebody, Of Speed, 2020\n"          /* 3 */
                            "place = Table 3\n"                           /* 4 */
                            "source = https://example.org/paper\n"        /* 5 */
                            "status = A\n"                                /* 6 */
                            "recipe = ten calls of each\n"                /* 7 */
                            "    and their median\n"                      /* 8 */
                            "[scale cpu]\n"                               /* 9 */
                            "text = shorter\n"                            /* 10 */
                            "tried = longer ones\n"                       /* 11 */
                            "[scale full]\n"                              /* 12 */
                            "text = as in the paper\n"                    /* 13 */
                            "[sweep kernels]\n"                           /* 14 */
                            "variants = softmax,flash\n"                  /* 15 */
                            "lengths.cpu = 128..512\n"                    /* 16 */
                            "lengths = 1k..4k\n"                          /* 17 */
                            "set = linear.map=elu\n"                      /* 18 */
                            "set.cpu = performer.features=64\n"           /* 19 */
                            "quick.cpu = yes\n"                           /* 20 */
                            "[sweep more]\n"                              /* 21 */
                            "scales = full\n"                             /* 22 */
                            "variants = linear\n"                         /* 23 */
                            "[panel fwd]\n"                               /* 24 */
                            "title = Forward\n"                           /* 25 */
                            "columns = 512, 1k, big\n"                    /* 26 */
                            "list.at.cpu = 128, 256, -\n"                 /* 27 */
                            "list.at.full = 512, 1k, 2k\n"                /* 28 */
                            "list.other = 1, 2, 3\n"                      /* 29 */
                            "measure = time\n"                            /* 30 */
                            "select = pass=fwd, length={at}\n"            /* 31 */
                            "comparable.cpu = no: another device\n"       /* 32 */
                            "tolerance = 10 %\n"                          /* 33 */
                            "[panel speedup]\n"                           /* 34 */
                            "title = Speed-up\n"                          /* 35 */
                            "columns = 1k, 4k\n"                          /* 36 */
                            "measure = metric:rel_rms\n"                  /* 37 */
                            "select = pass=fwd, length={column}\n"        /* 38 */
                            "relative = plain\n"                          /* 39 */
                            "inverse = yes\n"                             /* 40 */
                            "published = ratio\n"                         /* 41 */
                            "over = best\n"                               /* 42 */
                            "[row plain]\n"                               /* 43 */
                            "title = PyTorch\n"                           /* 44 */
                            "select = variant=softmax|flash, heads.x=2\n" /* 45 */
                            "[row quick]\n"                               /* 46 */
                            "select.cpu = variant=flash\n"                /* 47 */
                            "[row absent]\n"                              /* 48 */
                            "why = no such variant\n"                     /* 49 */
                            "panels = fwd\n"                              /* 50 */
                            "[published fwd]\n"                           /* 51 */
                            "status = B\n"                                /* 52 */
                            "plain = 0.5, ~1.25, OOM\n"                   /* 53 */
                            "absent = -, <0.1, >1e3\n"                    /* 54 */
                            "[claim faster]\n"                            /* 55 */
                            "text = it is faster\n"                       /* 56 */
                            "kind = ratio\n"                              /* 57 */
                            "rows = quick, plain\n"                       /* 58 */
                            "columns = ..512, 1k\n"                       /* 59 */
                            "high = 0.5\n"                                /* 60 */
                            "slack = 5 %\n"                               /* 61 */
                            "scales = cpu\n"                              /* 62 */
                            "[claim flat]\n"                              /* 63 */
                            "text = it stays\n"                           /* 64 */
                            "kind = bound\n"                              /* 65 */
                            "panels = speedup\n"                          /* 66 */
                            "low = 0\n";                                  /* 67 */

typedef struct files {
    char folder[64], path[128];
} files;

static int setup(void **state)
{
    static files f;
    strcpy(f.folder, "/tmp/labench-paper-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.path, sizeof f.path, "%s/speed.table", f.folder);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    files *f = *state;
    unlink(f->path);
    rmdir(f->folder);
    assert_int_equal(la_mem_live(), 0);
    return 0;
}

/* The file with the first `old` replaced. */
static void write_file(const files *f, const char *old, const char *new)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    const char *at = old ? strstr(whole, old) : whole + strlen(whole);
    if (!at) fail_msg("the file has no '%s'", old);
    fprintf(file, "%.*s%s%s", (int)(at - whole), whole, new, at + (old ? strlen(old) : 0));
    assert_int_equal(fclose(file), 0);
}

static void assert_words(const la_strings *words, const char *expected)
{
    char text[512] = "";
    for (size_t i = 0; i < words->n; i++) {
        strcat(text, i ? " " : "");
        strcat(text, words->v[i]);
    }
    assert_string_equal(text, expected);
}

static void read_whole(files *f, la_paper *p)
{
    la_err err = {0};
    write_file(f, NULL, "");
    if (la_paper_read(f->path, p, &err) != LA_OK) fail_msg("%s", err.msg);
}

/* ---- what is read ---- */

static void test_file_says_what_is_measured(void **state)
{
    la_paper p;
    read_whole(*state, &p);
    assert_string_equal(p.id, "speed");
    assert_string_equal(p.recipe, "ten calls of each and their median");
    assert_int_equal(p.status, 'A');
    assert_true(p.scales[LA_SCALE_CPU] && p.scales[LA_SCALE_FULL]);
    assert_string_equal(p.tried[LA_SCALE_CPU], "longer ones");
    assert_null(p.tried[LA_SCALE_FULL]);
    assert_int_equal(p.n_sweeps, 2);
    assert_words(&p.sweeps[0].words[LA_SCALE_CPU],
                 "--variants softmax,flash --lengths 128..512 --set linear.map=elu --set "
                 "performer.features=64 --quick");
    assert_words(&p.sweeps[0].words[LA_SCALE_FULL],
                 "--variants softmax,flash --lengths 1k..4k --set linear.map=elu");
    assert_false(p.sweeps[1].scales[LA_SCALE_CPU]);
    assert_words(&p.sweeps[1].words[LA_SCALE_FULL], "--variants linear");
    la_paper_release(&p);
}

static void test_file_says_what_stands_in_the_table(void **state)
{
    la_paper p;
    read_whole(*state, &p);
    const la_paper_panel *fwd = &p.panels[0], *speedup = &p.panels[1];
    assert_int_equal(fwd->columns.n, 3);
    assert_string_equal(fwd->unit, "ms");
    assert_string_equal(fwd->not_comparable[LA_SCALE_CPU], "another device");
    assert_null(fwd->not_comparable[LA_SCALE_FULL]);
    assert_true(fwd->tolerance.given && fwd->tolerance.relative);
    assert_float_equal(fwd->tolerance.value, 0.1, 1e-12);
    assert_int_equal(fwd->status, 'B');
    assert_int_equal(speedup->measure, LA_MEASURE_METRIC);
    assert_string_equal(speedup->metric, "rel_rms");
    assert_null(speedup->unit);
    assert_int_equal(speedup->relative, 0);
    assert_true(speedup->inverse && speedup->published_ratio && speedup->best);
    const la_paper_row *plain = &p.rows[0], *absent = &p.rows[2];
    assert_string_equal(plain->title, "PyTorch");
    assert_string_equal(p.rows[1].title, "quick");
    assert_true(p.rows[1].measured[LA_SCALE_CPU] && !p.rows[1].measured[LA_SCALE_FULL]);
    assert_false(absent->measured[LA_SCALE_CPU] || absent->in_panel[1]);
    assert_string_equal(plain->select[LA_SCALE_FULL].v[0].value, "softmax|flash");
    assert_null(plain->published[1]);
    assert_float_equal(plain->published[0][0].value, 0.5, 0);
    assert_float_equal(plain->published[0][1].value, 1.25, 0);
    assert_string_equal(plain->published[0][1].text, "~1.25");
    assert_true(isnan(plain->published[0][2].value));
    assert_string_equal(plain->published[0][2].text, "OOM");
    assert_null(absent->published[0][0].text);
    assert_float_equal(absent->published[0][2].value, 1000, 0);
    la_paper_release(&p);
}

static void test_columns_have_numbers_and_fill_holes_by_scale(void **state)
{
    la_paper p;
    la_err err = {0};
    char text[32];
    read_whole(*state, &p);
    const la_paper_panel *fwd = &p.panels[0], *speedup = &p.panels[1];
    assert_float_equal(la_panel_axis(fwd, LA_SCALE_FULL, 2), 2048, 0);
    assert_float_equal(la_panel_axis(speedup, LA_SCALE_CPU, 1), 4096, 0);
    assert_true(isnan(la_panel_axis(fwd, LA_SCALE_CPU, 2)));
    assert_false(la_panel_measures(fwd, LA_SCALE_CPU, 2));
    assert_int_equal(la_panel_fill(fwd, LA_SCALE_CPU, 1, "a{at}b{other}{column}", text, 32, &err),
                     LA_OK);
    assert_string_equal(text, "a256b21k");
    assert_int_equal(la_panel_fill(fwd, LA_SCALE_CPU, 2, "{at}", text, 32, &err), LA_E_NOTFOUND);
    assert_string_equal(err.msg, "not measured at scale cpu");
    assert_int_equal(la_panel_fill(fwd, LA_SCALE_CPU, 0, "{at}", text, 3, &err), LA_E_ARG);
    la_paper_release(&p);
}

static void test_claims_know_their_rows_and_columns(void **state)
{
    la_paper p;
    read_whole(*state, &p);
    const la_paper_claim *faster = &p.claims[0], *flat = &p.claims[1];
    assert_int_equal(faster->n_rows, 2);
    assert_int_equal(faster->rows[0], 1);
    assert_int_equal(faster->rows[1], 0);
    assert_false(faster->scales[LA_SCALE_FULL]);
    assert_true(isnan(faster->low));
    assert_float_equal(faster->high, 0.5, 0);
    assert_true(faster->slack.relative);
    /* "..512" is of the axis: 128 and 256 at cpu, 512 at full; "1k" is a name. */
    const bool meant[LA_SCALE_COUNT][3] = {{true, true, false}, {true, true, false}};
    for (int s = 0; s < LA_SCALE_COUNT; s++)
        for (size_t c = 0; c < 3; c++)
            assert_int_equal(la_claim_column(faster, &p.panels[0], (la_paper_scale)s, c),
                             meant[s][c]);
    assert_false(flat->panels[0]);
    assert_int_equal(flat->n_rows, 2);
    assert_true(la_claim_column(flat, &p.panels[1], LA_SCALE_CPU, 1));
    la_paper_release(&p);
}

/* ---- what is refused ---- */

typedef struct refusal {
    const char *old, *new, *says;
} refusal;

static void assert_refused(const files *f, const refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        la_paper p;
        la_err err = {0};
        write_file(f, cases[i].old, cases[i].new);
        la_status st = la_paper_read(f->path, &p, &err);
        la_paper_release(&p);
        if (st != LA_E_ARG || !strstr(err.msg, cases[i].says))
            fail_msg("'%s' for '%s': %s, not '%s'", cases[i].new, cases[i].old,
                     st == LA_OK ? "taken" : err.msg, cases[i].says);
    }
}

static void test_sections_are_refused_with_their_line(void **state)
{
    static const refusal cases[] = {
        {"[table]", "", "speed.table:2: 'title' stands before the first section"},
        {"[table]", "[tables]", "speed.table:1: no section is called [tables]. Nearest: table."},
        {"[table]", "[scale full]",
         "speed.table:12: section [scale full] is there already in line 1"},
        {"[table]\n", "[table old]\n", "speed.table:1: [table old]: there is one [table]"},
        {"[row quick]", "[row]", "speed.table:46: [row] needs a name"},
        {"[row quick]", "[row a,b]", "speed.table:46: [row a,b]: names have letters"},
        {"[row quick]", "[row status]", "none is 'status'"},
        {"[row quick]", "[row  plain]", "speed.table:46: section [row  plain] is there already"},
        {"[scale full]", "[scale gpu]", "speed.table:12: 'gpu' is no scale: cpu or full"},
        {"title = Time over length\n", "", "speed.table:1: [table] needs 'title = ...'"},
        {"title = Time", "titel = Time",
         "speed.table:2: [table] has no key 'titel'. Nearest: title."},
        {"status = A", "status = E", "speed.table:6: status 'E' is none of A, B"},
        {"status = A", "status = D", "speed.table:1: values read off a figure"},
        {"status = B", "status = D", "speed.table:51: values read off a figure"},
        {"status = B", "status = none", "speed.table:51: [published fwd] has values, but"},
        {"place = Table 3", "place =", "speed.table:4: 'place' is empty"},
        {"place = Table 3", "title = 3", "speed.table:4: 'title' is there already in line 2"},
        {"source =", "source.cpu =", "speed.table:5: 'source' cannot differ by scale"},
        {"text = shorter\n", "", "speed.table:9: [scale cpu] needs 'text = ...'"},
    };
    assert_refused(*state, cases, LA_COUNT(cases));
}

static void test_files_without_what_a_table_needs_are_refused(void **state)
{
    static const char head[] = "[table]\ntitle=a\npaper=b\nplace=c\nsource=d\nstatus=A\nrecipe=e\n";
    static const struct {
        const char *rest, *says;
    } cases[] = {
        {"", "has no [scale NAME]"},
        {"[scale cpu]\ntext=a\n", "has no [sweep NAME]"},
        {"[scale cpu]\ntext=a\n[sweep a]\nvariants=flash\n", "has no [panel NAME]"},
        {"[scale cpu]\ntext=a\n[sweep a]\nvariants=flash\n[panel a]\ntitle=a\n",
         "has no [row NAME]"},
        {"[scale cpu]\ntext=a\n[scale full]\ntext=b\n[sweep a]\nscales=cpu\nvariants=flash\n"
         "[panel a]\ntitle=a\ncolumns=1\nmeasure=time\n[row a]\nselect=\n",
         "no [sweep NAME] runs at [scale full]"},
    };
    files *f = *state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_paper p;
        la_err err = {0};
        FILE *file = fopen(f->path, "w");
        assert_non_null(file);
        fprintf(file, "%s%s", head, cases[i].rest);
        fclose(file);
        assert_int_equal(la_paper_read(f->path, &p, &err), LA_E_ARG);
        la_paper_release(&p);
        if (!strstr(err.msg, cases[i].says)) fail_msg("%s, not '%s'", err.msg, cases[i].says);
    }
    la_paper p;
    la_err err = {0};
    assert_int_equal(la_paper_read("/nowhere/a.table", &p, &err), LA_E_NOTFOUND);
    la_paper_release(&p);
    assert_int_equal(la_paper_read("a.ini", &p, &err), LA_E_ARG);
    assert_string_equal(err.msg, "a.ini: a table's file is called ID.table");
    la_paper_release(&p);
}

static void test_sweeps_are_refused_with_their_line(void **state)
{
    static const refusal cases[] = {
        {"set = linear.map=elu", "db = my.db", "speed.table:18: --db is for who runs the table"},
        {"quick.cpu = yes", "quick =", "speed.table:20: 'quick' is empty; a switch is 'yes'"},
        {"quick.cpu = yes", "lengths = 3", "speed.table:20: 'lengths' is there already in line 17"},
        {"scales = full", "scales = huge", "speed.table:22: 'huge' is no scale"},
        {"scales = full", "scales = cpu,",
         "speed.table:22: 'scales' has nothing between or behind"},
        {"scales = full", "scales = ,", "speed.table:22: 'scales' has nothing to begin with"},
        {"variants = linear\n", "", "speed.table:21: [sweep more] has no flags at scale full"},
    };
    assert_refused(*state, cases, LA_COUNT(cases));
}

static void test_scales_that_are_not_there_are_refused(void **state)
{
    static const char *const names[] = {"lengths.cpu = 1", "scales = cpu",
                                        "select.cpu = task=mqar"};
    static const char *const where[] = {"variants = linear", "scales = full", "select = pass=fwd,"};
    files *f = *state;
    for (size_t i = 0; i < LA_COUNT(names); i++) {
        la_paper p;
        la_err err = {0};
        write_file(f, where[i], names[i]);
        /* Without [scale cpu] the rest of it goes too. */
        FILE *file = fopen(f->path, "r");
        char text[4096];
        size_t n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[n] = '\0';
        memcpy(strstr(text, "[scale cpu]"), ";scale cpu]", 11);
        memcpy(strstr(text, "text = shorter"), "note = shorter", 14);
        memcpy(strstr(text, "tried = longer"), "error = longer", 14);
        file = fopen(f->path, "w");
        fputs(text, file);
        fclose(file);
        assert_int_equal(la_paper_read(f->path, &p, &err), LA_E_ARG);
        la_paper_release(&p);
        if (!strstr(err.msg, ": there is no [scale cpu]")) fail_msg("%s", err.msg);
    }
}

static void test_panels_are_refused_with_their_line(void **state)
{
    static const refusal cases[] = {
        {"columns = 512, 1k, big", "columns = 512, 1k, 512",
         "speed.table:26: column '512' is there"},
        {"columns = 512, 1k, big", "columns = 512, 1k, big, 3",
         "speed.table:24: [panel fwd] has 4 columns, but list.at 3 values at scale cpu"},
        {"list.other = 1, 2, 3", "list.column = 1, 2, 3", "speed.table:29: {column} is the name"},
        {"list.other = 1, 2, 3", "axis = often", "speed.table:29: there is no 'list.often = ...'"},
        {"measure = time", "measure = tine",
         "speed.table:30: nothing is measured as 'tine'. Nearest: time."},
        {"measure = metric:rel_rms", "measure = metric:", "speed.table:37: nothing is measured as"},
        {"select = pass=fwd, length={at}", "select = pass=fwd, lenght=4",
         "speed.table:31: no cells are selected by 'lenght'. Nearest: length."},
        {"select = pass=fwd, length={at}", "select = pass=fwd, pass=bwd",
         "speed.table:31: 'pass' is selected twice"},
        {"select = pass=fwd, length={at}", "select = fwd", "speed.table:31: 'fwd' is no selector"},
        {"select = pass=fwd, length={at}", "select = length=1||2",
         "speed.table:31: an alternative of 'length=1||2' is empty"},
        {"select = pass=fwd, length={at}", "select = length={at",
         "speed.table:31: 'length={at' has a brace too many"},
        {"select = pass=fwd, length={at}", "select = length={att}",
         "speed.table:24: [panel fwd] selects length={att}, but [panel fwd] has no 'list.att"},
        {"comparable.cpu = no: another", "comparable = another", "speed.table:32: 'comparable' is"},
        {"comparable.cpu = no: another device",
         "comparable = no:", "speed.table:32: 'comparable' is"},
        {"tolerance = 10 %", "tolerance = ten",
         "speed.table:33: 'tolerance' is 'ten': write a number"},
        {"tolerance = 10 %", "tolerance = -1 %", "speed.table:33: 'tolerance' is '-1 %'"},
        {"relative = plain", "relative = other", "speed.table:39: there is no [row other]"},
        {"relative = plain\n", "relative = plain\nbase = variant=flash\n",
         "speed.table:34: [panel speedup] has both 'relative' and 'base'"},
        {"relative = plain\n", "base =\n", "speed.table:39: 'base' is empty"},
        {"relative = plain\n", "", "speed.table:39: 'inverse' has no meaning without"},
        {"relative = plain\ninverse = yes\n", "",
         "speed.table:39: 'published = ratio' has no meaning"},
        {"relative = plain", "relative = absent",
         "speed.table:34: [panel speedup] is relative to [row absent], which is not in it"},
        {"inverse = yes", "inverse = 1", "speed.table:40: 'inverse' is '1': write yes or no"},
        {"published = ratio", "published = ms", "speed.table:41: 'published' is 'ms': write ratio"},
        {"over = best", "over = all", "speed.table:42: 'over' is 'all': write mean or best"},
    };
    assert_refused(*state, cases, LA_COUNT(cases));
}

static void test_rows_and_values_are_refused_with_their_line(void **state)
{
    static const refusal cases[] = {
        {"heads.x=2", "length={at}",
         "speed.table:43: [row plain] selects length={at}, but [panel speedup] has no 'list.at"},
        {"panels = fwd\n", "panels = bwd\n", "speed.table:50: there is no [panel bwd]"},
        {"title = PyTorch", "why = PyTorch", "speed.table:43: [row plain] has 'select' and 'why'"},
        {"[published fwd]", "[published bwd]", "speed.table:51: there is no [panel bwd]"},
        {"[published fwd]", "[published speedup]", "speed.table:53: 3 values for 2 columns"},
        {"plain = 0.5, ~1.25, OOM", "fast = 1, 2, 3", "speed.table:53: there is no [row fast]"},
        {"plain = 0.5, ~1.25, OOM", "plain = 0.5, 1", "speed.table:53: 2 values for 3 columns"},
        {"plain = 0.5, ~1.25, OOM", "plain = 0.5, 1.2x, 3", "speed.table:53: '1.2x' is no value"},
        {"plain = 0.5, ~1.25, OOM", "plain = 0.5, ~x, 3", "speed.table:53: '~x' is no value"},
        {"plain = 0.5, ~1.25, OOM", "absent = 1, 2, 3",
         "speed.table:54: row 'absent' has its values"},
        {"[published fwd]\nstatus = B\nplain = 0.5, ~1.25, OOM\nabsent = -, <0.1, >1e3",
         "[published speedup]\nabsent = 1, 2",
         "speed.table:52: [row absent] is not in [panel speedup]"},
    };
    assert_refused(*state, cases, LA_COUNT(cases));
}

static void test_claims_are_refused_with_their_line(void **state)
{
    static const refusal cases[] = {
        {"kind = ratio", "kind = ration",
         "speed.table:57: no claim is of kind 'ration'. Nearest: ratio."},
        {"text = it is faster\n", "", "speed.table:55: [claim faster] needs 'text = ...'"},
        {"rows = quick, plain", "rows = quick, absent",
         "speed.table:58: [row absent] has no 'select'"},
        {"rows = quick, plain", "rows = quick, quick",
         "speed.table:58: row 'quick' is there twice"},
        {"rows = quick, plain", "rows = quick",
         "speed.table:55: [claim faster] is about 1 rows; ratio needs 2"},
        {"rows = quick, plain", "rows = quick, plain, quick, plain",
         "speed.table:58: row 'quick' is"},
        {"scales = cpu\n", "",
         "speed.table:55: [claim faster] finds 1 of its rows measured at scale full"},
        {"columns = ..512, 1k", "columns = ..64, 1m",
         "speed.table:55: [claim faster] names the column '..64'"},
        {"columns = ..512, 1k", "columns = large",
         "names the column 'large', which its panels do not"},
        {"high = 0.5", "high = half", "speed.table:60: 'high' is 'half', which is no number"},
        {"high = 0.5", "high = inf", "speed.table:60: 'high' is 'inf', which is no number"},
        {"high = 0.5", "high = 0.5\nlow = 0.6",
         "speed.table:55: [claim faster] has 'low' above 'high'"},
        {"high = 0.5\n", "", "speed.table:55: [claim faster] needs 'low', 'high' or 'sense'"},
        {"kind = ratio", "kind = order",
         "speed.table:55: [claim faster] has 'low' or 'high', which"},
        {"slack = 5 %", "along = rows",
         "speed.table:55: [claim faster] has 'along', which its kind"},
        {"slack = 5 %", "along = up", "speed.table:61: 'along' is 'up': write columns or rows"},
        {"slack = 5 %", "sense = up", "speed.table:61: 'sense' is 'up': write rises or falls"},
        {"slack = 5 %", "slack = 5 % or so", "speed.table:61: 'slack' is"},
        {"low = 0", "slack = 0", "speed.table:63: [claim flat] needs 'low' or 'high'"},
        {"low = 0", "low = 0\nsense = falls", "speed.table:63: [claim flat] has 'sense', which"},
        {"kind = bound\npanels = speedup\nlow = 0", "kind = trend",
         "speed.table:63: [claim flat] needs 'sense = rises' or 'falls'"},
        {"kind = bound\npanels = speedup",
         "kind = slope\npanels = fwd\ncolumns = 512\nscales = cpu",
         "speed.table:63: [claim flat] needs two columns of [panel fwd] at scale cpu, and means 1"},
        {"panels = speedup", "panels = fwd\nrows = plain\ncolumns = 4k", "names the column '4k'"},
    };
    assert_refused(*state, cases, LA_COUNT(cases));
}

static void test_claims_on_numbers_need_an_axis_of_numbers(void **state)
{
    static const refusal cases[] = {
        {"columns = 1k, 4k\nmeasure = metric:rel_rms\nselect = pass=fwd, length={column}\nrelative "
         "= "
         "plain\ninverse = yes\npublished = ratio\nover = best\n",
         "columns = a, b\nmeasure = time\nselect = pass=fwd\n", ""},
    };
    files *f = *state;
    la_paper p;
    la_err err = {0};
    write_file(f, cases[0].old, cases[0].new);
    assert_int_equal(la_paper_read(f->path, &p, &err), LA_OK);
    la_paper_release(&p);
    FILE *file = fopen(f->path, "a");
    fputs("[claim steep]\ntext = a\nkind = slope\nlow = 1\npanels = speedup\n", file);
    fclose(file);
    assert_int_equal(la_paper_read(f->path, &p, &err), LA_E_ARG);
    assert_non_null(
        strstr(err.msg, "[claim steep] needs a number for column 'a' of [panel speedup]"));
    la_paper_release(&p);
}

/* Any allocation may fail; what was read so far is released. */
static void test_running_out_of_memory_leaves_nothing(void **state)
{
    files *f = *state;
    write_file(f, NULL, "");
    size_t before = la_mem_live();
    int failed = 0;
    for (long n = 1;; n++) {
        la_paper p;
        la_err err = {0};
        la_mem_fail_at(n, false);
        la_status st = la_paper_read(f->path, &p, &err);
        la_mem_fail_at(0, false);
        la_paper_release(&p);
        assert_int_equal(la_mem_live(), before);
        if (st == LA_OK) break;
        assert_int_equal(st, LA_E_NOMEM);
        failed++;
    }
    assert_true(failed > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_says_what_is_measured),
        cmocka_unit_test(test_file_says_what_stands_in_the_table),
        cmocka_unit_test(test_columns_have_numbers_and_fill_holes_by_scale),
        cmocka_unit_test(test_claims_know_their_rows_and_columns),
        cmocka_unit_test(test_sections_are_refused_with_their_line),
        cmocka_unit_test(test_files_without_what_a_table_needs_are_refused),
        cmocka_unit_test(test_sweeps_are_refused_with_their_line),
        cmocka_unit_test(test_scales_that_are_not_there_are_refused),
        cmocka_unit_test(test_panels_are_refused_with_their_line),
        cmocka_unit_test(test_rows_and_values_are_refused_with_their_line),
        cmocka_unit_test(test_claims_are_refused_with_their_line),
        cmocka_unit_test(test_claims_on_numbers_need_an_axis_of_numbers),
        cmocka_unit_test(test_running_out_of_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
