/* SPDX-License-Identifier: Apache-2.0
 * A judged table in every format, and its plot: what stands where, what is escaped, and that the same data give
 * the same bytes.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measured.h"
#include "toy_table.h"

static const char table[] =
    TOY_HEAD "[panel t]\ntitle = Time of a & b\ncolumn_title = length\ncolumns = 128, 256, "
             "512\nmeasure = time\n"
             "select = length={column}\ncomparable = no: a GPU\n"
             "[panel a]\ntitle = Recall\ncolumns = 128\nmeasure = accuracy\nselect = "
             "task=mqar\ntolerance = 0.02\n"
             "[row plain]\ntitle = Plain_1 | \"x\"\nselect = variant=softmax\n"
             "[row fast]\ntitle = =Fast\nselect = variant=flash\n[row none]\ntitle = None\nwhy = "
             "nobody built it\n"
             "[published t]\nplain = 10, 40, OOM\nfast = 10, 20, 30\nnone = 1, 2, 3\n"
             "[published a]\nplain = 0.99\nfast = 0.75\n"
             "[claim c]\ntext = Fast is <fast> & 50% better_\nkind = bound\npanels = t\nrows = "
             "fast\nhigh = 5\n"
             "[claim d]\ntext = Plain is fast\nkind = bound\npanels = t\nrows = plain\nhigh = 5\n";

static int setup(void **state)
{
    static measured m;
    static const char *const names[] = {"softmax", "flash"};
    measured_open(&m);
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < 3; i++)
            measured_cell(&m, m.f.sweep,
                          &(invented_cell){.variant = names[v],
                                           .length = 128 << i,
                                           .ms = v ? 1 << i : 1 << (2 * i)});
        measured_cell(
            &m, m.f.sweep,
            &(invented_cell){
                .variant = names[v], .task = "mqar", .length = 128, .scores = {v ? 0.9 : 0.98}});
    }
    measured_judge(&m, table, true);
    *state = &m;
    return 0;
}

static int teardown(void **state)
{
    measured_close(*state);
    return 0;
}

static void expect_all(const char *text, const char *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strstr(text, parts[i])) fail_msg("no '%s' in\n%s", parts[i], text);
}
#define expect_parts(text, ...)                                                                    \
    do {                                                                                           \
        const char *const parts[] = {__VA_ARGS__};                                                 \
        expect_all(text, parts, sizeof parts / sizeof *parts);                                     \
    } while (0)

/* The longest line, in characters that are all ASCII here. */
static size_t widest(const char *text)
{
    size_t most = 0;
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n > most) most = n;
        text += n + (text[n] == '\n');
    }
    return most;
}

static void test_text(void **state)
{
    char *text = measured_print(*state, "text", 80);
    expect_parts(
        text, "toy: A toy\n", "  recipe    ten calls of each\n",
        "  reduced   shorter than theirs\n", "\nTime of a & b (ms), by length\n",
        "\n=Fast\n  paper (A) ", "\n  ours ", "\n  interval ", "\n  ratio ", "0.1x",
        "\n  difference ", "+0.150\n", "not comparable: a GPU\n",
        "not comparable: None: nobody built it\n", "ours: medians with their 95 % intervals\n",
        "  trend holds  Fast is <fast> & 50% better_\n",
        "               values 1 to 4 (wanted at most 5)\n", "  miss         Plain is fast\n",
        "but Plain_1 | \"x\" at 512: 16", "  tried        longer ones\n", "\ntoy: miss\n",
        "\nmeasured by\n  labench run --variants softmax\n");
    assert_true(widest(text) <= 80);
    assert_null(strstr(text, " \n")); /* nothing trails */
    free(text);
    text = measured_print(*state, "text", 50);
    assert_true(widest(text) <= 60); /* one column at least, however narrow */
    assert_non_null(strstr(text, "256"));
    free(text);
    text = measured_print(*state, "text", 0);
    assert_non_null(strstr(text, "128"));
    free(text);
}

static void test_markdown(void **state)
{
    char *text = measured_print(*state, "md", 0);
    expect_parts(text, "# toy: A toy\n", "- verdict: **miss**\n", "## Time of a & b (ms)\n",
                 "| length |  | 128 | 256 | 512 |\n| --- | --- | ---: | ---: | ---: |\n",
                 "| Plain_1 \\| \"x\" | paper (A) | 10 | 40 | OOM |\n", "|  | ours | 1.00",
                 "|  | ratio | 0.1x |", "|  | verdict | miss | miss | miss |\n",
                 "| Fast is &lt;fast> & 50% better_ | trend holds | values 1 to 4",
                 "\nTried: longer ones\n", "\n    labench run --variants softmax\n");
    free(text);
}

static void test_latex(void **state)
{
    char *text = measured_print(*state, "latex", 0);
    expect_parts(text, "% needs \\usepackage{booktabs}\n",
                 "\\caption{Time of a \\& b (ms). Paper: ", "\\begin{tabular}{llrrr}\n\\toprule\n",
                 "  length &  & 128 & 256 & 512 \\\\\n\\midrule\n", "Plain\\_1 \\textbar{} ",
                 "{\\scriptsize [", "\\addlinespace\n", "\\bottomrule\n",
                 "\\textless{}fast\\textgreater{} \\& 50\\% better\\_ & trend holds & ");
    int open = 0;
    for (const char *c = text; *c; c++)
        if (c == text || c[-1] != '\\') open += *c == '{' ? 1 : *c == '}' ? -1 : 0;
    assert_int_equal(open, 0);
    free(text);
}

/* Fields of every line, with quoted ones. */
static void test_csv(void **state)
{
    char *text = measured_print(*state, "csv", 0);
    size_t lines = 0;
    for (const char *at = text; *at; lines++) {
        int fields = 1;
        bool quoted = false;
        for (; *at && (quoted || *at != '\r'); at++) {
            if (*at == '"') quoted = !quoted;
            fields += *at == ',' && !quoted;
        }
        assert_int_equal(fields, 19);
        assert_int_equal(at[1], '\n');
        at += 2;
    }
    assert_int_equal(lines, 1 + 9 + 2 + 2); /* None was not published in the second panel */
    expect_parts(text, "toy,cpu,place,t,\"Plain_1 | \"\"x\"\"\",512,,ms,OOM,,A,15.99", "\"'=Fast\"",
                 ",None,128,,ms,1,1,A,,,,,0,0,not comparable,nobody built it\r\n",
                 "toy,cpu,claim,,Plain is fast,,,,,,,,,,,,,miss,");
    free(text);
}

static void test_json(void **state)
{
    measured *m = *state;
    char *text = measured_print(m, "json", 0);
    cJSON *o = cJSON_Parse(text);
    assert_non_null(o);
    assert_string_equal(cJSON_GetObjectItem(o, "verdict")->valuestring, "miss");
    assert_string_equal(cJSON_GetObjectItem(o, "sweeps")->child->valuestring,
                        m->judged.sweeps.v[0]);
    cJSON *panels = cJSON_GetObjectItem(o, "panels"), *claims = cJSON_GetObjectItem(o, "claims");
    assert_int_equal(cJSON_GetArraySize(panels), 2);
    assert_int_equal(cJSON_GetArraySize(claims), 2);
    cJSON *places = cJSON_GetObjectItem(cJSON_GetArrayItem(panels, 0), "places");
    assert_int_equal(cJSON_GetArraySize(places), 9);
    cJSON *place = cJSON_GetArrayItem(places, 2);
    assert_string_equal(cJSON_GetObjectItem(place, "published_text")->valuestring, "OOM");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(place, "published")));
    assert_true(cJSON_GetObjectItem(place, "ours")->valuedouble > 15.9);
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(places, 6), "why")->valuestring,
                        "nobody built it");
    cJSON_Delete(o);
    free(text);
}

/* Where we measured something else than the paper's columns say, that stands below them. */
static void test_other_columns(void **state)
{
    measured *m = *state;
    measured_judge(m,
                   TOY_HEAD
                   "[panel t]\ntitle = T\ncolumns = 1024, 2048\nlist.at = 128, -\nmeasure = time\n"
                   "select = length={at}\n[row r]\nselect = variant=softmax\n",
                   true);
    static const char *const formats[][2] = {{"text", "\n  here    "},
                                             {"md", "|  | here | 128 | - |\n"},
                                             {"latex", "   & here & 128 & - \\\\\n"},
                                             {"csv", ",r,1024,128,ms,"},
                                             {"json", "\"here\":\t\"128\""}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char *text = measured_print(m, formats[i][0], 80);
        expect_all(text, &formats[i][1], 1);
        free(text);
    }
    measured_judge(m, table, true);
    char *text = measured_print(m, "text", 80);
    assert_null(strstr(text, "  here"));
    free(text);
}

static void test_claims_and_refusal(void **state)
{
    measured *m = *state;
    la_err err = {0};
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    expect_ok(la_paper_print_claims(&m->judged, out, &err));
    la_status st = la_paper_print(&m->judged, NULL, "html", 0, out, &err);
    fclose(out);
    expect_status(st, LA_E_ARG, &err);
    assert_string_equal(err.msg, "there is no format 'html'; there is text, md, csv, latex, json");
    assert_true(
        strncmp(text, "| toy | Fast is &lt;fast> & 50% better_ | trend holds | values 1", 60) == 0);
    assert_non_null(strstr(text, "\n| toy | Plain is fast | miss | "));
    free(text);
}

static char *read_whole(const char *folder, const char *name)
{
    static char bytes[400000];
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f) fail_msg("no %s", path);
    bytes[fread(bytes, 1, sizeof bytes - 1, f)] = '\0';
    fclose(f);
    return strdup(bytes);
}

static void test_plot(void **state)
{
    measured *m = *state;
    la_err err = {0};
    bool drawn = false;
    char *before = NULL;
    if (access("/usr/bin/gnuplot", X_OK) != 0) skip();
    for (int i = 0; i < 2; i++) {
        expect_ok(la_paper_plot(&m->judged, m->f.folder, &drawn, &err));
        assert_true(drawn);
        char *svg = read_whole(m->f.folder, "toy.svg");
        if (before) assert_string_equal(before, svg);
        free(before);
        before = svg;
    }
    expect_parts(before, "<title>A toy: ours against published</title>", ">Recall<", ">=Fast<");
    assert_null(strstr(before, ">None<")); /* it has no values of ours */
    free(before);
    char *gp = read_whole(m->f.folder, "toy.gp");
    expect_parts(gp, "set logscale xy 10\n", "unset logscale xy\n", "with filledcurves");
    free(gp);
    measured_judge(m, table, false);
    expect_ok(la_paper_plot(&m->judged, m->f.folder, &drawn, &err));
    assert_false(drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_markdown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_latex, setup, teardown),
        cmocka_unit_test_setup_teardown(test_csv, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claims_and_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plot, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
