/* SPDX-License-Identifier: Apache-2.0
 * Every kind of claim where it holds, where it is broken, and where a value it needs is missing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "measured.h"
#include "toy_table.h"

/* Times in ms at 128, 256, 512, 1k: softmax grows with the square, flash with the length and meets it between
 * 256 and 512, linear falls at the end, fnet ran out of memory at 1k. */
static const struct {
    const char *variant;
    double ms[4];
} rows[] = {{"softmax", {1, 4, 16, 64}},
            {"flash", {3, 6, 12, 24}},
            {"linear", {2, 3, 5, 4}},
            {"fnet", {1, 2, 4, 0}}};

static int setup(void **state)
{
    static measured m;
    measured_open(&m);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++)
            measured_cell(
                &m, m.f.sweep,
                &(invented_cell){.variant = rows[i].variant,
                                 .length = 128 << k,
                                 .ms = rows[i].ms[k],
                                 .outcome = rows[i].ms[k] > 0 ? LA_OUTCOME_OK : LA_OUTCOME_OOM_HOST,
                                 .message = "34.4 GiB wanted"});
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    measured_close(*state);
    return 0;
}

#define TABLE                                                                                      \
    TOY_HEAD "[panel t]\ntitle = T\ncolumns = 128, 256, 512, 1k\nmeasure = time\n"                 \
             "select = length={column}\n[row softmax]\nselect = variant=softmax\n"                 \
             "[row flash]\nselect = variant=flash\n[row linear]\nselect = variant=linear\n"        \
             "[row fnet]\nselect = variant=fnet\n[row none]\nwhy = nobody built it\n"              \
             "[claim c]\ntext = it is so\n"

typedef struct trial {
    const char *claim; /* lines of the file */
    la_paper_verdict verdict;
    const char *figure; /* a part of it */
} trial;

#define HOLDS LA_VERDICT_TREND
#define MISS  LA_VERDICT_MISS
#define NOT   LA_VERDICT_NOT_RUN

static const trial trials[] = {
    {"kind = bound\nrows = linear\nlow = 1.9\nhigh = 5.1\n", HOLDS,
     "values 2 to 5 (wanted 1.9 to 5.1)"},
    {"kind = bound\nrows = linear\nhigh = 4.5\n", MISS, "but linear at 512: 5"},
    {"kind = bound\nrows = linear\nhigh = 4.8\nslack = 5 %\n", HOLDS,
     "wanted at most 4.8, slack 5 %"},
    {"kind = bound\nrows = linear\nlow = 2.5\nslack = 0.6\n", HOLDS, "slack 0.6"},
    {"kind = bound\nrows = fnet\nhigh = 5\n", NOT, "missing: fnet at 1k (oom: 34.4 GiB wanted)"},
    {"kind = bound\nrows = fnet\nhigh = 5\ncolumns = ..512\n", HOLDS, "values 1 to 4"},
    {"kind = bound\nhigh = 70\n", NOT, "missing: fnet at 1k"},
    {"kind = bound\nhigh = 30\n", MISS, "softmax at 1k: 64; missing: fnet at 1k"},
    {"kind = order\nrows = softmax, flash, linear\ncolumns = 512, 1k\n", HOLDS,
     "4 of 4 comparisons"},
    {"kind = order\nrows = softmax, flash\n", MISS,
     "2 of 4 comparisons; but at 128: softmax 1, flash 3; at 256: softmax 4, flash 6"},
    {"kind = order\nrows = softmax, flash\ncolumns = 128\nsense = rises\n", HOLDS, "1 of 1"},
    {"kind = order\nrows = softmax, flash\ncolumns = 128\nslack = 2\n", HOLDS, "slack 2"},
    {"kind = order\nrows = softmax, fnet\ncolumns = 256..\n", NOT, "missing: fnet at 1k"},
    {"kind = order\nrows = softmax, fnet\nsense = rises\n", MISS, "at 256: softmax 4, fnet 2"},
    {"kind = trend\nrows = softmax, flash\nsense = rises\n", HOLDS, "6 of 6 comparisons"},
    {"kind = trend\nrows = linear\nsense = rises\n", MISS, "but linear 5 at 512, 4 at 1k"},
    {"kind = trend\nrows = linear\nsense = rises\nslack = 21 %\n", HOLDS, "3 of 3"},
    {"kind = trend\nrows = fnet\nsense = rises\n", NOT, "missing: fnet at 1k"},
    {"kind = trend\nrows = linear, flash, softmax\ncolumns = 512, 1k\nsense = rises\nalong = "
     "rows\n",
     HOLDS, "4 of 4"},
    {"kind = trend\nrows = linear, flash, softmax\nsense = falls\nalong = rows\n", MISS,
     "at 128: "},
    {"kind = slope\nrows = softmax, flash\nlow = 0.99\nhigh = 2.01\n", HOLDS, "softmax 2.00 ["},
    {"kind = slope\nrows = softmax, flash\nhigh = 1.5\n", MISS, "but softmax 2.00 ["},
    {"kind = slope\nrows = fnet\nlow = 0\n", NOT, "missing: fnet at 1k"},
    {"kind = ratio\nrows = softmax, flash\nlow = 0.3\nhigh = 3\n", HOLDS, "ratio 0.333 to 2.67"},
    {"kind = ratio\nrows = softmax, flash\nlow = 0.3\nsense = rises\n", HOLDS,
     "ratio 0.333 to 2.67"},
    {"kind = ratio\nrows = softmax, flash\nsense = falls\n", MISS,
     "but the ratio 0.333 at 128, 0.667 at 256"},
    {"kind = ratio\nrows = softmax, flash\nlow = 1\n", MISS, "but at 128: 0.333; at 256: 0.667"},
    {"kind = ratio\nrows = softmax, fnet\nlow = 1\n", NOT, "missing: fnet at 1k"},
    {"kind = crossing\nrows = softmax, flash\nlow = 200\nhigh = 600\n", HOLDS,
     "flash is below softmax from 512 on (equal near 384"},
    {"kind = crossing\nrows = softmax, flash\nhigh = 256\n", MISS, "from 512 on"},
    {"kind = crossing\nrows = flash, softmax\nhigh = 256\n", MISS, "from 128 on, but not at 1k"},
    {"kind = crossing\nrows = linear, flash\nhigh = 1k\n", MISS, "flash is never below linear"},
    {"kind = crossing\nrows = flash, linear\nhigh = 1k\n", HOLDS, "from 128 on, the first column"},
    {"kind = crossing\nrows = flash, linear\nlow = 100\n", MISS, "from 128 on, the first column"},
    {"kind = crossing\nrows = softmax, fnet\nhigh = 1k\n", NOT, "missing: fnet at 1k"},
    {"kind = gap\nrows = flash, linear\nlow = 0.9\nhigh = 21\n", HOLDS, "gap 1 to 20"},
    {"kind = gap\nrows = softmax, flash\nlow = 0\n", MISS, "but at 128: -2; at 256: -2"},
    {"kind = gap\nrows = softmax, fnet\nlow = 0\n", NOT, "missing: fnet at 1k"},
};

static void test_kinds(void **state)
{
    measured *m = *state;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        char table[2048];
        snprintf(table, sizeof table, "%s%s", TABLE, trials[i].claim);
        measured_judge(m, table, true);
        const la_claim_result *got = &m->judged.claims[0];
        if (got->verdict != trials[i].verdict || !strstr(got->figure, trials[i].figure))
            fail_msg("%s\ngave '%s': %s\nwhere '%s' is right, with %s", trials[i].claim,
                     la_paper_verdict_word(got->verdict), got->figure,
                     la_paper_verdict_word(trials[i].verdict), trials[i].figure);
    }
}

static void test_other_scales_and_panels(void **state)
{
    measured *m = *state;
    measured_judge(m,
                   TOY_HEAD "[scale full]\ntext = as in the paper\n"
                            "[panel a]\ntitle = A\ncolumns = 128, 1k\nlist.at.cpu = 128, -\n"
                            "list.at.full = 128, 1k\nmeasure = time\nselect = length={at}\n"
                            "[panel b]\ntitle = B\ncolumns = 256\nmeasure = time\n"
                            "select = length={column}\n[row fnet]\nselect = variant=fnet\n"
                            "[claim here]\ntext = x\nkind = bound\nhigh = 1.5\n"
                            "[claim there]\ntext = y\nkind = bound\nhigh = 9\nscales = full\n",
                   true);
    /* The column that is not measured at this scale is not missing; panels are named where there are two. */
    assert_int_equal(m->judged.claims[0].verdict, LA_VERDICT_MISS);
    assert_non_null(strstr(m->judged.claims[0].figure, "but b: fnet at 256: 2"));
    assert_null(strstr(m->judged.claims[0].figure, "missing"));
    assert_int_equal(m->judged.claims[1].verdict, LA_VERDICT_NOT_RUN);
    assert_string_equal(m->judged.claims[1].figure, "not tested at scale cpu");
    assert_int_equal(measured_verdict(m, 0, 0, 0),
                     LA_VERDICT_MISS); /* its claim is broken elsewhere */
    assert_int_equal(measured_verdict(m, 0, 0, 1), LA_VERDICT_NOT_RUN);
    assert_string_equal(measured_found(m, 0, 0, 1)->why, "not measured at scale cpu");
}

/* A row that only another scale measures stands between two that are compared. */
static void test_rows_of_other_scales(void **state)
{
    measured *m = *state;
    measured_judge(m,
                   TOY_HEAD "[scale full]\ntext = as in the paper\n"
                            "[panel a]\ntitle = A\ncolumns = 512, 1k\nmeasure = time\n"
                            "select = length={column}\n[row softmax]\nselect = variant=softmax\n"
                            "[row fnet]\nselect.full = variant=fnet\nwhy = too long\n"
                            "[row flash]\nselect = variant=flash\n"
                            "[claim order]\ntext = x\nkind = order\nrows = softmax, fnet, flash\n"
                            "[claim trend]\ntext = y\nkind = trend\nrows = softmax, fnet, flash\n"
                            "sense = falls\nalong = rows\n",
                   true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(m->judged.claims[i].verdict, HOLDS);
        assert_string_equal(m->judged.claims[i].figure, "2 of 2 comparisons");
    }
}

/* A training that never reaches 90 % takes more steps than any that does, and no one knows how many more. */
static void test_never_reached(void **state)
{
    measured *m = *state;
    static const struct {
        const char *variant;
        int64_t steps;
    } models[] = {{"softmax", 300}, {"flash", -1}, {"linear", -1}};
    static const char head[] =
        TOY_HEAD "[panel t]\ntitle = T\ncolumns = 64\nmeasure = steps_to_90\n"
                 "select = task=mqar, length={column}\n[row softmax]\nselect = variant=softmax\n"
                 "[row flash]\nselect = variant=flash\n[row linear]\nselect = variant=linear\n"
                 "[claim a]\ntext = a\nkind = order\nrows = softmax, flash\nsense = rises\n"
                 "[claim b]\ntext = b\nkind = order\nrows = flash, linear\n"
                 "[claim c]\ntext = c\nkind = bound\nrows = flash\nhigh = 900\n"
                 "[claim d]\ntext = d\nkind = ratio\nrows = softmax, flash\nhigh = 1\n";
    for (int i = 0; i < 3; i++)
        measured_cell(m, m->f.sweep,
                      &(invented_cell){.variant = models[i].variant,
                                       .task = "mqar",
                                       .length = 64,
                                       .steps = {models[i].steps}});
    measured_judge(m, head, true);
    assert_int_equal(m->judged.claims[0].verdict, LA_VERDICT_TREND);
    assert_int_equal(m->judged.claims[1].verdict, LA_VERDICT_NOT_RUN);
    assert_int_equal(m->judged.claims[2].verdict, LA_VERDICT_MISS);
    assert_int_equal(m->judged.claims[3].verdict, LA_VERDICT_NOT_RUN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_scales_and_panels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_of_other_scales, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never_reached, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
