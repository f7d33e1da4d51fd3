/* SPDX-License-Identifier: Apache-2.0
 * Our values of a table out of a store, and the verdicts of its places.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "measured.h"
#include "toy_table.h"

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 + 0.002 * fabs(want)))
        fail_msg("%.9g where %.9g is right", got, want);
}

static int setup(void **state)
{
    static measured m;
    measured_open(&m);
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    measured_close(*state);
    return 0;
}

static void timed(measured *m, const char *variant, int64_t length, double ms)
{
    measured_cell(
        m, m->f.sweep,
        &(invented_cell){.variant = variant, .length = length, .ms = ms, .work = length * 1024});
}

static void test_times_and_rates(void **state)
{
    measured *m = *state;
    static const struct {
        const char *measure;
        double value;
    } cases[] = {{"time", 4},
                 {"ms_per_token", 4 / 512.0},
                 {"token_per_s", 128000},
                 {"call_per_s", 250},
                 {"gflop_per_s", 128},
                 {"memory", 0.5},
                 {"memory_all", 0.5 + 49 / 1048576.0},
                 {"state", 1 / 1048576.0}};
    timed(m, "softmax", 512, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[2048];
        snprintf(table, sizeof table,
                 TOY_HEAD "[panel t]\ntitle = T\ncolumns = 512\nmeasure = %s\n"
                          "select = length={column}\n[row s]\nselect = variant=softmax\n",
                 cases[i].measure);
        measured_judge(m, table, true);
        const la_found *f = measured_found(m, 0, 0, 0);
        near(f->value, cases[i].value);
        near(f->plain, cases[i].value);
        if (i < 5) {
            assert_int_equal(f->n, 12);
            assert_true(f->lo < f->value && f->value < f->hi && f->hi < 1.02 * f->lo);
        } else {
            assert_true(isnan(f->lo));
        }
    }
    assert_int_equal(m->judged.sweeps.n, 1);
    assert_int_equal(strlen(m->judged.sweeps.v[0]), 8);
    assert_int_equal(strlen(m->judged.date), 10);
    assert_string_equal(m->judged.machine, "A CPU, 2 cores, 16 GiB");
    assert_string_equal(m->judged.build, "0.1.0 (abcdef, changed)");
}

static void test_scores(void **state)
{
    measured *m = *state;
    static const char table[] = TOY_HEAD
        "[panel a]\ntitle = A\ncolumns = 64, 128\nmeasure = accuracy\nselect = task=mqar, "
        "length={column}\n"
        "[panel b]\ntitle = B\ncolumns = 64\nmeasure = percent\nover = best\nselect = task=mqar, "
        "length={column}\n"
        "[panel c]\ntitle = C\ncolumns = 64\nmeasure = scaled\nselect = task=mqar, length=64|128\n"
        "[panel d]\ntitle = D\ncolumns = 64\nmeasure = metric:mse\nselect = task=mqar, "
        "length={column}\n"
        "[row s]\nselect = variant=softmax\n";
    measured_cell(
        m, m->f.sweep,
        &(invented_cell){
            .variant = "softmax", .task = "mqar", .length = 64, .scores = {0.9, 0.8, 0.7}});
    measured_cell(
        m, m->f.sweep,
        &(invented_cell){.variant = "softmax", .task = "mqar", .length = 128, .scores = {0.6}});
    measured_judge(m, table, true);
    const la_found *f = measured_found(m, 0, 0, 0); /* mean and range of the seeds */
    near(f->value, 0.8);
    near(f->lo, 0.7);
    near(f->hi, 0.9);
    assert_int_equal(f->seeds, 3);
    assert_int_equal(f->n, 600);
    f = measured_found(m, 0, 0, 1); /* one seed has the interval of its answers */
    near(f->value, 0.6);
    near(f->lo, 0.55);
    near(f->hi, 0.65);
    f = measured_found(m, 1, 0, 0); /* the best, with its own interval */
    near(f->value, 90);
    near(f->lo, 85);
    near(f->hi, 95);
    f = measured_found(m, 2, 0, 0); /* chance is 0.5: 0.6 and 0.2, and their mean */
    near(f->value, 0.4);
    near(f->lo, (0.4 + 0.1) / 2);
    near(f->hi, (0.8 + 0.3) / 2);
    f = measured_found(m, 3, 0, 0);
    near(f->value, 0.2);
    assert_true(f->seeds == 3);
}

static void test_steps_to_90(void **state)
{
    measured *m = *state;
    static const char table[] = TOY_HEAD
        "[panel a]\ntitle = A\ncolumns = 64, 128, 256, 512\nmeasure = steps_to_90\nselect = "
        "task=mqar, "
        "length={column}\n[panel b]\ntitle = B\ncolumns = 128\nmeasure = steps_to_90\nover = best\n"
        "select = task=mqar, length={column}\n[row s]\nselect = variant=softmax\n";
    static const int64_t steps[4][3] = {{300, 500, 0}, {300, -1, 0}, {-1, 0, 0}, {-1, -1, 0}};
    for (int i = 0; i < 4; i++)
        measured_cell(m, m->f.sweep,
                      &(invented_cell){.variant = "softmax",
                                       .task = "mqar",
                                       .length = 64 << i,
                                       .steps = {steps[i][0], steps[i][1], steps[i][2]}});
    measured_judge(m, table, true);
    near(measured_found(m, 0, 0, 0)->value, 400);
    near(measured_found(m, 0, 0, 0)->lo, 300);
    near(measured_found(m, 0, 0, 0)->hi, 500);
    assert_true(isinf(measured_found(m, 0, 0, 1)->value));
    assert_string_equal(measured_found(m, 0, 0, 1)->why,
                        "1 of 2 seeds did not pass 90 % in 1000 steps");
    near(measured_found(m, 0, 0, 1)->lo, 300);
    for (size_t c = 2; c < 4; c++) {
        assert_true(isinf(measured_found(m, 0, 0, c)->value));
        near(measured_found(m, 0, 0, c)->lo, 1000);
    }
    near(measured_found(m, 1, 0, 0)->value, 300);
    assert_null(measured_found(m, 1, 0, 0)->why);
    char *text = measured_print(m, "text", 80);
    assert_non_null(strstr(text, "> 1000"));
    free(text);
}

/* softmax takes 1, 4, 16 ms and flash 1, 2, 4; published are 10, 40, 160 and 10, 20, 30. */
static void two_rows(measured *m)
{
    for (int i = 0; i < 3; i++) {
        timed(m, "softmax", 128 << i, 1 << (2 * i));
        timed(m, "flash", 128 << i, 1 << i);
    }
}

#define TWO_ROWS                                                                                   \
    "columns = 128, 256, 512\nmeasure = time\nselect = length={column}\n"                          \
    "[row plain]\ntitle = Plain\nselect = variant=softmax\n"                                       \
    "[row fast]\ntitle = Fast\nselect = variant=flash\n[published t]\nplain = 10, 40, 160\n"

static void test_relative_and_base(void **state)
{
    measured *m = *state;
    two_rows(m);
    measured_judge(
        m, TOY_HEAD "[panel t]\ntitle = T\nrelative = plain\n" TWO_ROWS "fast = 10, 20, -\n", true);
    const la_found *f = measured_found(m, 0, 1, 1);
    near(f->value, 0.5);
    near(f->plain, 2);
    near(f->published, 0.5);
    assert_true(f->lo < 0.499 && f->lo > 0.49 && f->hi > 0.501 && f->hi < 0.51);
    assert_true(isnan(measured_found(m, 0, 1, 2)->published));
    near(measured_found(m, 0, 0, 1)->value, 1);
    assert_int_equal(measured_verdict(m, 0, 0, 1), LA_VERDICT_NOTHING);
    measured_judge(m,
                   TOY_HEAD "[panel t]\ntitle = T\nrelative = plain\ninverse = yes\n" TWO_ROWS
                            "fast = 10, 20, 40\n",
                   true);
    f = measured_found(m, 0, 1, 2);
    near(f->value, 4);
    near(f->published, 4);
    assert_true(f->lo < f->value && f->value < f->hi);
    measured_judge(m,
                   TOY_HEAD "[panel t]\ntitle = T\nrelative = plain\npublished = ratio\n" TWO_ROWS
                            "fast = 1, 0.5, 0.25\n",
                   true);
    near(measured_found(m, 0, 1, 2)->published, 0.25);
    measured_judge(m,
                   TOY_HEAD "[panel t]\ntitle = T\nbase = variant=softmax\n" TWO_ROWS
                            "fast = 1, 0.5, 0.25\n",
                   true);
    near(measured_found(m, 0, 1, 2)->value, 0.25);
    near(measured_found(m, 0, 1, 2)->published, 0.25);
    near(measured_found(m, 0, 0, 2)->value, 1);
    measured_judge(m,
                   TOY_HEAD "[panel t]\ntitle = T\nbase = length=128\ninverse = yes\n" TWO_ROWS
                            "fast = 1, 0.5, 0.25\n",
                   true);
    near(measured_found(m, 0, 0, 2)->value, 1 / 16.0);
}

static void test_verdicts_of_places(void **state)
{
    measured *m = *state;
    two_rows(m);
    static const char claim[] =
        "[claim c]\ntext = Fast is fast\nkind = bound\nrows = fast\ncolumns = "
        "512\nhigh = 5\n";
    char table[2048];
    snprintf(table, sizeof table,
             TOY_HEAD "[panel t]\ntitle = T\ntolerance = 10 %%\n" TWO_ROWS
                      "fast = 1.05, 4, 30\n[row none]\ntitle = None\nwhy = nobody built it\n"
                      "[row late]\nselect = variant=linear\n%s",
             claim);
    measured_judge(m, table, true);
    assert_int_equal(measured_verdict(m, 0, 1, 0), LA_VERDICT_MATCH);
    assert_int_equal(measured_verdict(m, 0, 1, 1), LA_VERDICT_MISS);
    assert_int_equal(measured_verdict(m, 0, 1, 2), LA_VERDICT_TREND); /* the claim holds */
    assert_int_equal(measured_verdict(m, 0, 2, 0), LA_VERDICT_NOTHING);
    assert_string_equal(measured_found(m, 0, 2, 0)->why, "nobody built it");
    assert_int_equal(measured_verdict(m, 0, 3, 0), LA_VERDICT_NOT_RUN);
    assert_string_equal(measured_found(m, 0, 3, 0)->why, "no such cell in the sweeps");
    assert_int_equal(m->judged.verdict, LA_VERDICT_TREND);

    snprintf(table, sizeof table,
             TOY_HEAD "[panel t]\ntitle = T\ncomparable = no: a GPU\n" TWO_ROWS
                      "fast = 1.05, 4, 30\n[row none]\ntitle = None\nwhy = nobody built it\n%s",
             claim);
    measured_judge(m, table, true);
    assert_int_equal(measured_verdict(m, 0, 1, 0), LA_VERDICT_NOT_COMPARABLE);
    assert_int_equal(measured_verdict(m, 0, 1, 2), LA_VERDICT_TREND);
    measured_judge(m, table, false);
    assert_int_equal(measured_verdict(m, 0, 1, 0), LA_VERDICT_NOT_RUN);
    assert_string_equal(measured_found(m, 0, 1, 0)->why, "nothing stored");
    assert_int_equal(m->judged.claims[0].verdict, LA_VERDICT_NOT_RUN);
    assert_int_equal(m->judged.verdict, LA_VERDICT_NOT_RUN);
}

#define ONE_PANEL(more)                                                                            \
    TOY_HEAD "[panel t]\ntitle = T\ncolumns = 128\nmeasure = time\nselect = length={column}" more

/* Options of the variant, the task, the model; another owner's say nothing; alternatives are averaged. */
static void test_selectors(void **state)
{
    measured *m = *state;
    static const struct {
        const char *select;
        double value; /* 0: an error */
    } cases[] = {
        {", variant=linear, linear.map=relu", 4},
        {", variant=linear, linear.map=elu, threads=1", 2},
        {", variant=linear, linear.map=elu|relu, threads=1|2",
         0}, /* relu has no time of one thread */
        {", variant=linear, linear.map=elu, threads=1|2", 2.5},
        {", variant=linear, linear.map=elu, threads=2, softmax.scale=7, dim=64", 0},
        {", variant=linear, linear.map=elu, threads=2, softmax.scale=7, dk=64, dv=32, "
         "impl=cpu_naive",
         3},
        {", variant=linear, linear.eps=0.001, linear.map=elu, threads=2, batch=1, heads=4, "
         "kv_heads=2",
         3},
        {", variant=linear, linear.map=tanh", 0},
        {", variant=softmax, dtype=f32, mask=causal, pass=fwd", 1},
        {", variant=softmax, mask=bidirectional", 0},
    };
    const char *const options[] = {"{\"map\":\"elu\",\"eps\":1e-3}",
                                   "{\"map\":\"relu\",\"eps\":1e-3}"};
    measured_cell(
        m, m->f.sweep,
        &(invented_cell){
            .variant = "linear", .length = 128, .ms = 2, .threads = 1, .options = options[0]});
    measured_cell(
        m, m->f.sweep,
        &(invented_cell){.variant = "linear", .length = 128, .ms = 3, .options = options[0]});
    measured_cell(
        m, m->f.sweep,
        &(invented_cell){.variant = "linear", .length = 128, .ms = 4, .options = options[1]});
    timed(m, "softmax", 128, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[2048];
        snprintf(table, sizeof table, ONE_PANEL("%s\n[row r]\nselect =\n"), cases[i].select);
        measured_judge(m, table, true);
        if (cases[i].value > 0)
            near(measured_found(m, 0, 0, 0)->value, cases[i].value);
        else
            assert_string_equal(measured_found(m, 0, 0, 0)->why, "no such cell in the sweeps");
    }
}

static void test_two_cells_at_one_place_are_refused(void **state)
{
    measured *m = *state;
    la_err err = {0};
    timed(m, "softmax", 128, 1);
    measured_cell(m, m->f.sweep,
                  &(invented_cell){.variant = "softmax",
                                   .length = 128,
                                   .ms = 1,
                                   .threads = 1,
                                   .options = "{\"scale\":2}"});
    measured_cell(
        m, m->f.sweep,
        &(invented_cell){.variant = "linear", .length = 128, .ms = 1, .options = "{\"nu\":2}"});
    measured_cell(
        m, m->f.sweep,
        &(invented_cell){.variant = "linear", .length = 128, .ms = 1, .options = "{\"nu\":3}"});
    la_status st =
        measured_try(m, ONE_PANEL("\n[row r]\nselect = variant=softmax\n"), &m->f.sweep, 1, &err);
    expect_status(st, LA_E_ARG, &err);
    assert_non_null(strstr(err.msg,
                           "toy.table:18: [panel t], row r, column 128: two cells of the sweeps "
                           "match, which differ in threads; say in 'select' which"));
    st = measured_try(m, ONE_PANEL("\n[row r]\nselect = variant=linear\n"), &m->f.sweep, 1, &err);
    expect_status(st, LA_E_ARG, &err);
    assert_non_null(strstr(err.msg, "which differ in linear.nu; "));
    st = measured_try(
        m,
        ONE_PANEL(", threads=1|2|3|4|5|6|7|8|9, batch=1|2|3|4|5|6|7|8\n[row r]\nselect = "
                  "variant=linear\n"),
        &m->f.sweep, 1, &err);
    expect_status(st, LA_E_ARG, &err);
    assert_non_null(strstr(err.msg, "72 combinations of alternatives are more than 64"));
}

/* What became of a cell stands in the place of its value; memory is known all the same. */
static void test_words_of_failures(void **state)
{
    measured *m = *state;
    static const struct {
        la_outcome outcome;
        const char *message, *why;
    } cases[] = {{LA_OUTCOME_OOM_HOST, "34.4 GiB wanted", "oom: 34.4 GiB wanted"},
                 {LA_OUTCOME_PREDICTED_OOM, "needs 32 GiB", "oom: needs 32 GiB"},
                 {LA_OUTCOME_TIMEOUT, "120 s", "timeout: 120 s"},
                 {LA_OUTCOME_UNSUPPORTED, "it has no decode", "unsupported: it has no decode"},
                 {LA_OUTCOME_WRONG, "row 17 differs", "wrong: row 17 differs"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[2048];
        measured_cell(m, m->f.sweep,
                      &(invented_cell){.variant = "softmax",
                                       .length = 200 + (int64_t)i,
                                       .work = 1 << 20,
                                       .outcome = cases[i].outcome,
                                       .message = cases[i].message});
        snprintf(table, sizeof table,
                 TOY_HEAD
                 "[panel t]\ntitle = T\ncolumns = %zu\nmeasure = time\nselect = length={column}\n"
                 "[panel u]\ntitle = U\ncolumns = %zu\nmeasure = memory\nselect = "
                 "length={column}\n[row r]\nselect = variant=softmax\n",
                 200 + i, 200 + i);
        measured_judge(m, table, true);
        assert_string_equal(measured_found(m, 0, 0, 0)->why, cases[i].why);
        assert_true(isnan(measured_found(m, 0, 0, 0)->value));
        assert_int_equal(measured_verdict(m, 0, 0, 0), LA_VERDICT_NOT_RUN);
        if (i < 3)
            near(measured_found(m, 1, 0, 0)->value, 1);
        else
            assert_non_null(measured_found(m, 1, 0, 0)->why);
        char *text = measured_print(m, "text", 80);
        assert_non_null(strstr(text, cases[i].why));
        free(text);
    }
}

/* A cell that two sweeps of the file have is one cell, and counts where it succeeded; a sweep that is not there
 * has nothing. */
static void test_several_sweeps(void **state)
{
    measured *m = *state;
    la_err err = {0};
    la_sweep_row row = sample_sweep(&m->f);
    int64_t ids[3] = {m->f.sweep, 0, 0};
    static const char table[] = TOY_HEAD
        "[panel t]\ntitle = T\ncolumns = 128, 256, 512\nmeasure = time\nselect = length={column}\n"
        "[row r]\nselect = variant=softmax\n";
    expect_ok(la_store_sweep_new(m->f.store, &row, &ids[1], &err));
    for (int i = 0; i < 2; i++) {
        measured_from(0); /* the same keys in both sweeps */
        measured_cell(m, ids[i],
                      &(invented_cell){.variant = "softmax",
                                       .length = 128,
                                       .ms = 5,
                                       .outcome = i ? LA_OUTCOME_OK : LA_OUTCOME_KILLED,
                                       .message = "signal 9"});
        measured_cell(m, ids[i],
                      &(invented_cell){.variant = "softmax", .length = 256, .ms = i + 1});
    }
    expect_ok(measured_try(m, table, ids, 2, &err));
    near(measured_found(m, 0, 0, 0)->value, 5);
    near(measured_found(m, 0, 0, 1)->value, 1);
    assert_string_equal(measured_found(m, 0, 0, 2)->why, "no such cell in the sweeps");
    assert_int_equal(m->judged.sweeps.n, 2);
    expect_ok(measured_try(m, table, ids, 3, &err)); /* the third is yet to come */
    assert_string_equal(measured_found(m, 0, 0, 2)->why, "nothing stored");
}

static void test_bounds_and_unverified_values(void **state)
{
    measured *m = *state;
    static const struct {
        const char *published, *status;
        la_paper_verdict verdict;
    } cases[] = {{"4.1", "A", LA_VERDICT_MATCH},
                 {"~4.1", "S", LA_VERDICT_MATCH},
                 {"5", "A", LA_VERDICT_MISS},
                 {"<5", "A", LA_VERDICT_MATCH},
                 {"<3", "A", LA_VERDICT_MISS},
                 {">3", "A", LA_VERDICT_MATCH},
                 {">5", "A", LA_VERDICT_MISS},
                 {"4", "M", LA_VERDICT_NOT_COMPARABLE},
                 {"OOM", "A", LA_VERDICT_NOT_COMPARABLE},
                 {"-", "A", LA_VERDICT_NOTHING}};
    timed(m, "softmax", 128, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[2048];
        snprintf(
            table, sizeof table,
            ONE_PANEL(
                "\ntolerance = 0.2\n[row r]\nselect = variant=softmax\n[published t]\nstatus = "
                "%s\nr = %s\n"),
            cases[i].status, cases[i].published);
        measured_judge(m, table, true);
        assert_int_equal(measured_verdict(m, 0, 0, 0), cases[i].verdict);
        char *text = measured_print(m, "text", 80);
        bool memory = *cases[i].status == 'M';
        assert_int_equal(strstr(text, "unverified") != NULL, memory);
        if (!memory && *cases[i].published != '-') {
            char line[16];
            snprintf(line, sizeof line, "  paper (%s)", cases[i].status);
            assert_non_null(strstr(text, line));
        }
        free(text);
    }
}

/* The table is a miss when a claim is, whatever else; a match when all numbers are; else its trend holds. */
static void test_verdicts_of_tables(void **state)
{
    measured *m = *state;
    static const struct {
        const char *published, *claim;
        la_paper_verdict verdict;
    } cases[] = {{"4", "", LA_VERDICT_MATCH},         {"4", "high = 3", LA_VERDICT_MISS},
                 {"4", "high = 5", LA_VERDICT_MATCH}, {"9", "high = 5", LA_VERDICT_TREND},
                 {"9", "", LA_VERDICT_MISS},          {"OOM", "", LA_VERDICT_NOT_COMPARABLE}};
    timed(m, "softmax", 128, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[2048];
        snprintf(
            table, sizeof table,
            ONE_PANEL(
                "\ntolerance = 5 %%\n[row r]\nselect = variant=softmax\n[published t]\nr = %s\n"
                "%s%s\n"),
            cases[i].published, *cases[i].claim ? "[claim c]\ntext = c\nkind = bound\n" : "",
            cases[i].claim);
        measured_judge(m, table, true);
        assert_int_equal(m->judged.verdict, cases[i].verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_times_and_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scores, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steps_to_90, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relative_and_base, setup, teardown),
        cmocka_unit_test_setup_teardown(test_verdicts_of_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_selectors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_cells_at_one_place_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_of_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_sweeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds_and_unverified_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_verdicts_of_tables, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
