/* SPDX-License-Identifier: Apache-2.0
 * The HTML report: its parts and their order, tags that close, names that would be tags, the same bytes
 * twice, and its size.
 */
#include "synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "html.h"
#include "report.h"

static char *page_of(fixture *f)
{
    la_text page = {0};
    la_err err = {0};
    expect_ok(la_report_html(f->store, f->sweep, &page, &err));
    return page.s;
}

static void release(char *page)
{
    la_text_release(&(la_text){.s = page});
}

/* The sweep that most tests read, and its page. */
static fixture shared;
static char *shared_page;

static int make_shared(void **state)
{
    (void)state;
    fixture_open(&shared);
    synthetic_sweep(&shared);
    synthetic_models(&shared);
    shared_page = page_of(&shared);
    return 0;
}

static int release_shared(void **state)
{
    (void)state;
    release(shared_page);
    fixture_release(&shared);
    return 0;
}

static void expect_order(const char *page, const char *const *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *at = strstr(page, pieces[i]);
        if (!at) print_error("nowhere behind the piece before: %s\n", pieces[i]);
        assert_non_null(at);
        page = at + strlen(pieces[i]);
    }
}

/* Behind the tag that begins at `tag`; its attributes are all in double quotes. */
static const char *tag_end(const char *tag)
{
    const char *c = tag + 1;
    for (bool quoted = false; *c && (quoted || *c != '>'); c++) {
        if (*c == '"') quoted = !quoted;
        if (*c == '<') print_error("a tag within a tag: %.60s\n", tag);
        assert_true(*c != '<');
        if (!quoted && *c == '=') assert_int_equal(c[1], '"');
    }
    assert_int_equal(*c, '>');
    return c + 1;
}

static size_t name_length(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789!ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* Every tag is closed by its own, in order; an '&' begins one of our five entities. */
static void expect_well_formed(const char *page)
{
    enum { DEEP = 64 };
    char open[DEEP][16];
    size_t depth = 0;
    for (const char *c = page; *c;) {
        if (*c == '&') {
            bool known = strncmp(c, "&amp;", 5) == 0 || strncmp(c, "&lt;", 4) == 0 ||
                         strncmp(c, "&gt;", 4) == 0 || strncmp(c, "&quot;", 6) == 0 ||
                         strncmp(c, "&#39;", 5) == 0;
            if (!known) print_error("a loose ampersand: %.60s\n", c);
            assert_true(known);
        }
        if (*c != '<') {
            c++;
            continue;
        }
        bool closes = c[1] == '/';
        const char *name = c + 1 + closes, *end = tag_end(c);
        size_t len = name_length(name);
        assert_in_range(len, 1, 15);
        if (closes) {
            bool same = depth > 0 && strlen(open[depth - 1]) == len &&
                        strncmp(open[depth - 1], name, len) == 0;
            if (!same) print_error("closes what is not open: %.60s\n", c);
            assert_true(same);
            depth--;
        } else if (end[-2] != '/' && *name != '!') {
            assert_in_range(depth, 0, DEEP - 1);
            snprintf(open[depth++], sizeof *open, "%.*s", (int)len, name);
        }
        c = end;
        /* The style and the script are ours, and end where their tag closes. */
        bool raw = !closes && (strncmp(name, "style>", 6) == 0 || strncmp(name, "script>", 7) == 0);
        if (raw) c = strstr(c, *name == 's' && name[1] == 't' ? "</style>" : "</script>");
        assert_non_null(c);
    }
    assert_int_equal(depth, 0);
}

static size_t occurrences(const char *page, const char *piece)
{
    size_t n = 0;
    for (const char *at = strstr(page, piece); at; at = strstr(at + 1, piece)) n++;
    return n;
}

static void test_parts_stand_in_their_order(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "<header>",         "<h1>Sweep ",        "id=\"answers\"",
        "id=\"outcomes\"",  "id=\"figures\"",    "id=\"fig-time\"",
        "id=\"data-time\"", "id=\"fig-memory\"", "id=\"fig-accuracy\"",
        "id=\"fig-pareto_", "id=\"cells\"",      "id=\"warnings\"",
        "id=\"failures\"",  "id=\"method\"",     "id=\"environment\"",
        "id=\"origin\"",    "hash of the rows",  "<script>"};
    char *page = shared_page;
    if (getenv("LABENCH_TEST_FIGURES")) {
        la_err err = {0};
        char path[512];
        snprintf(path, sizeof path, "%s/report.html", getenv("LABENCH_TEST_FIGURES"));
        expect_ok(la_report_html_file(shared.store, shared.sweep, path, &err));
    }
    expect_order(page, parts, LA_COUNT(parts));
    expect_well_formed(page);
    /* Nothing outside is named: no address, nothing fetched. */
    assert_null(strstr(page, "http://"));
    assert_null(strstr(page, "https://"));
    assert_null(strstr(page, "src="));
    assert_null(strstr(page, "url("));
    assert_null(strstr(page, "@import"));
}

static void test_the_top_answers_by_length(void **state)
{
    (void)state;
    char *page = shared_page;
    /* Eight variants, eight lengths, three kinds of cells, and the models'. */
    assert_non_null(strstr(page, "<b>8 variants</b> at 8 lengths from 1k to 128k tokens"));
    assert_non_null(strstr(page, "Fastest forward, causal: <b>linear</b> from 1k to 128k"));
    assert_non_null(strstr(page, "Fastest forward, bidirectional: <b>fnet†</b> from 1k to 128k"));
    /* linear is faster, but recalls 0.4. */
    assert_non_null(strstr(page,
                           "recall of 0.9 and more: <b>flash</b> at 1k, <b>deltanet</b> from 2k "
                           "to 128k"));
    assert_non_null(strstr(page, "recall (the mechanism alone) of 0.9 and more: up to 128k <b>"));
    assert_non_null(strstr(page, "; at no length linear, linformer†, performer"));
    assert_non_null(strstr(page, "mqar (trained models) of 0.9 and more: up to 16k <b>"));
    /* The row of 8k, and softmax's words where it has no time. */
    char *row =
        strstr(page, "<tr data-t=\"8192\"><th scope=\"row\">8k</th><td class=\"edge\">linear</td>");
    assert_non_null(row);
    char *rank = strstr(page, "<section class=\"rank\" data-t=\"65536\">");
    assert_non_null(rank);
    char *softmax = strstr(rank, "<th scope=\"row\">softmax</th><td class=\"n word\">OOM</td>");
    assert_non_null(softmax);
    assert_true(softmax < strstr(rank, "</section>"));
}

static void test_failures_say_why_and_how_to_run_them_again(void **state)
{
    (void)state;
    char *page = shared_page, *failures = strstr(page, "<section id=\"failures\">");
    assert_non_null(failures);
    /* Two cells of softmax at 64k and at 128k, two of linformer, one of performer; models of fnet asked at five
     * lengths. */
    assert_int_equal(occurrences(failures, "<details class=\"failure\">"), 12);
    assert_non_null(strstr(failures, "<b>oom_host</b>"));
    assert_non_null(strstr(failures, "softmax fwd at 64k</a>: 34.4 GiB wanted, limit 19.2 GiB"));
    assert_non_null(strstr(failures, "labench run --new --variants softmax --impls cpu_naive"));
    assert_non_null(strstr(failures, "row 17 differs"));
    assert_non_null(strstr(failures, "<h3>No such form</h3>"));
    assert_non_null(strstr(failures, "fnet has no keys"));
}

static void test_boxes_of_the_map_lead_to_rows(void **state)
{
    (void)state;
    char *page = shared_page, *end = strstr(page, "</div></section>\n<section id=\"figures\">");
    assert_non_null(end);
    *end = '\0';
    size_t boxes = occurrences(strstr(page, "id=\"outcomes\""), "<a href=\"#c0"), rows;
    *end = '<';
    rows = occurrences(page, "<tr id=\"c0");
    assert_int_equal(rows, 8 * 8 * 3 + 8 * 6); /* the models: trained once, asked at five lengths */
    assert_int_equal(boxes, rows);
}

static void test_names_stay_texts(void **state)
{
    (void)state;
    static const char *const names[] = {"</script><script>alert(1)</script>",
                                        "\"><img src=x onerror=alert(1)>",
                                        "<!--",
                                        "a&b'c",
                                        "half a letter \xc3",
                                        "\x1b[2J bell \a"};
    fixture f;
    fixture_open(&f);
    synthetic_sweep(&f);
    for (size_t i = 0; i < LA_COUNT(names); i++) synthetic_variant(&f, names[i]);
    char *page = page_of(&f);
    expect_well_formed(page);
    assert_int_equal(occurrences(page, "<script>"), 1);
    assert_int_equal(occurrences(page, "</script>"), 1);
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "<!--"));
    assert_null(strstr(page, "\x1b"));
    assert_null(strstr(page, "\xc3<"));
    assert_non_null(strstr(page, "&lt;/script&gt;&lt;script&gt;alert(1)"));
    assert_non_null(strstr(page, "a&amp;b&#39;c"));
    assert_non_null(strstr(page, "half a letter ?")); /* the store's doing */
    release(page);
    fixture_release(&f);
}

static void test_bytes_that_html_may_not_hold_are_replaced(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"plain µ † 𝛼", "plain µ † 𝛼"},
        {"\x01", "\xef\xbf\xbd"},
        {"a\xc3", "a\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* an overlong '/' */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xf4\x90\x80\x80z", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"},
        {"\xc2\x85", "\xef\xbf\xbd\xef\xbf\xbd"}, /* a control character in two bytes */
        {"<&>\"'", "&lt;&amp;&gt;&quot;&#39;"},
    };
    for (size_t i = 0; i < LA_COUNT(texts); i++) {
        la_text out = {0};
        la_html_text(&out, texts[i][0]);
        assert_string_equal(la_text_str(&out), texts[i][1]);
        la_text_release(&out);
    }
}

static void test_same_rows_same_bytes(void **state)
{
    (void)state;
    char *again = page_of(&shared);
    assert_string_equal(again, shared_page);
    release(again);
}

/* Eight variants, ten more of three cells each, many lengths: a thousand cells in less than 5 MB. */
static void test_a_thousand_cells_fit(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    synthetic_sweep(&f);
    synthetic_models(&f);
    synthetic_family(&f);
    synthetic_loads(&f);
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "variant_of_mine_%d", i);
        synthetic_variant(&f, name);
    }
    char *page = page_of(&f);
    size_t cells = occurrences(page, "<tr id=\"c"), bytes = strlen(page);
    print_message("%zu cells, %zu bytes\n", cells, bytes);
    assert_in_range(cells, 1000, 1500);
    assert_in_range(bytes, 100000, 5000000);
    release(page);
    fixture_release(&f);
}

static void test_an_empty_sweep_has_a_page(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    char *page = page_of(&f);
    expect_well_formed(page);
    assert_non_null(strstr(page, "Nothing was measured by length."));
    assert_non_null(strstr(page, "There are no numbers to draw yet."));
    release(page);
    fixture_release(&f);
}

static void test_files_appear_whole(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    char path[512];
    fixture_open(&f);
    synthetic_variant(&f, "mine");
    snprintf(path, sizeof path, "%s/new/folder/page.html", f.folder);
    expect_ok(la_report_html_file(f.store, f.sweep, path, &err));
    assert_int_equal(access(path, R_OK), 0);
    snprintf(path, sizeof path, "%s/", f.folder);
    assert_int_equal(la_report_html_file(f.store, f.sweep, path, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "is a folder; --out takes the file"));
    snprintf(path, sizeof path, "%s/new/folder/page.html/x.html", f.folder);
    assert_int_equal(la_report_html_file(f.store, f.sweep, path, &err), LA_E_IO);
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s/new'", f.folder);
    assert_int_equal(system(command), 0);
    fixture_release(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest large[] = {cmocka_unit_test(test_a_thousand_cells_fit)};
    if (argc > 1 && strcmp(argv[1], "size") == 0) return cmocka_run_group_tests(large, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_stand_in_their_order),
        cmocka_unit_test(test_the_top_answers_by_length),
        cmocka_unit_test(test_failures_say_why_and_how_to_run_them_again),
        cmocka_unit_test(test_boxes_of_the_map_lead_to_rows),
        cmocka_unit_test(test_names_stay_texts),
        cmocka_unit_test(test_bytes_that_html_may_not_hold_are_replaced),
        cmocka_unit_test(test_same_rows_same_bytes),
        cmocka_unit_test(test_an_empty_sweep_has_a_page),
        cmocka_unit_test(test_files_appear_whole),
    };
    return cmocka_run_group_tests(tests, make_shared, release_shared);
}
