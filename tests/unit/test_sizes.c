/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "sizes.h"

static void gives(const char *text, size_t n, const int64_t *want)
{
    la_counts c = {0};
    la_err err = {0};
    la_status st = la_sizes_parse("--lengths", text, &c, NULL, &err);
    if (st != LA_OK) print_error("%s: %s\n", text, err.msg);
    assert_int_equal(st, LA_OK);
    assert_int_equal(c.n, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(c.v[i], want[i]);
    la_counts_release(&c);
}
#define GIVES(text, ...)                                                                           \
    gives(text, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static void test_lists_and_ranges(void **state)
{
    (void)state;
    GIVES("512", 512);
    GIVES("1k,4K,2m,1g", 1024, 4096, 2 << 20, 1 << 30);
    GIVES("4k,1k,4k", 1024, 4096);
    GIVES("1k..8k", 1024, 2048, 4096, 8192);
    GIVES("1k..1k", 1024);
    GIVES("1k..64k:x4", 1024, 4096, 16384, 65536);
    GIVES("1k..3k:+1k", 1024, 2048, 3072);
    GIVES("1..3:+1", 1, 2, 3);
    GIVES("512,1k..2k,100k", 512, 1024, 2048, 102400);
    GIVES("1k..16k:n=5", 1024, 2048, 4096, 8192, 16384);
    GIVES("1k..2k:n=3", 1024, 1472, 2048);
}

/* text, what the refusal says */
static const char *const bad_sizes[][2] = {
    {"", "is empty"},
    {"0", "is zero"},
    {"-1", "negative"},
    {"1.5k", "not whole"},
    {"1kk", "after the digits comes one of"},
    {"k", "is not a size"},
    {"1k..", "lacks an end"},
    {"..1k", "lacks an end"},
    {"1k...4k", "three dots"},
    {"1k..1k:x1", "never moves"},
    {"1k..8k:x0", "never moves"},
    {"1k..8k:+0", "never moves"},
    {"1k..8k:n=0", "2 to 10000"},
    {"1k..8k:n=1", "2 to 10000"},
    {"1k..8k:n=1e9", "2 to 10000"},
    {"1k..8k:n=1000000000", "2 to 10000"},
    {"1k..8k:", "is no step"},
    {"1k..8k:*2", "is no step"},
    {"4k..1k", "Did you mean 1k..4k?"},
    {"128k..1k", "--lengths 128k..1k goes down. Did you mean 1k..128k?"},
    {"1k,,2k", "empty part"},
    {"1k,", "empty part"},
    {",1k", "empty part"},
    {"1k, 2k", "space inside"},
    {" 1k", "space inside"},
    {"99999999999999999999", "too large"},
    {"1k..16g", "too large"},
    {"1..100000:+1", "more than 10000 values"},
    {"1k..1g:+1", "more than 10000 values"},
    {"0x400", "hexadecimal"},
    {"\xef\xbc\x91k", "not ASCII"},
    {"1kb", "1000 or 1024"},
    {"1e6", "exponent"},
    {"1t", "after the digits"},
    {"+1", "is not a size"},
    {"1k\n", "after the digits"},
    {"nan", "is not a size"},
};

static void test_bad_sizes_are_refused_with_their_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(bad_sizes); i++) {
        la_counts c = {0};
        la_err err = {0};
        la_status st = la_sizes_parse("--lengths", bad_sizes[i][0], &c, NULL, &err);
        if (st != LA_E_ARG || !strstr(err.msg, bad_sizes[i][1]))
            print_error("'%s': status %d, '%s' lacks '%s'\n", bad_sizes[i][0], st, err.msg,
                        bad_sizes[i][1]);
        assert_int_equal(st, LA_E_ARG);
        assert_non_null(strstr(err.msg, bad_sizes[i][1]));
        assert_null(strchr(err.msg, '\n'));
        la_counts_release(&c);
    }
    assert_int_equal(la_mem_live(), 0);
}

static void test_a_megabyte_of_argument_is_refused_shortly(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    char *text = malloc(N + 1);
    assert_non_null(text);
    memset(text, '9', N);
    text[N] = '\0';
    la_counts c = {0};
    la_err err = {0};
    assert_int_equal(la_sizes_parse("--lengths", text, &c, NULL, &err), LA_E_ARG);
    assert_true(strlen(err.msg) < 200);
    free(text);
    la_counts_release(&c);
}

static void test_a_range_that_misses_its_end_says_so(void **state)
{
    (void)state;
    la_counts c = {0};
    la_text note = {0};
    assert_int_equal(la_sizes_parse("--lengths", "1k..100k", &c, &note, NULL), LA_OK);
    assert_string_equal(la_text_str(&note),
                        "1k..100k stops at 64k; write 1k..64k,100k to include 100k");
    la_counts_release(&c);
    la_text_release(&note);
    assert_int_equal(la_sizes_parse("--lengths", "1k..100k:x4", &c, &note, NULL), LA_OK);
    assert_string_equal(la_text_str(&note),
                        "1k..100k:x4 stops at 64k; write 1k..64k:x4,100k to include 100k");
    la_counts_release(&c);
    la_text_release(&note);
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
    } good[] = {{"1", 1},
                {"512m", (size_t)512 << 20},
                {"2GiB", (size_t)2 << 30},
                {"2g", (size_t)2 << 30},
                {"3KiB", 3072},
                {"1t", (size_t)1 << 40}};
    for (size_t i = 0; i < LA_COUNT(good); i++) {
        size_t got = 0;
        assert_int_equal(la_bytes_parse("--memory-limit", good[i].text, &got, NULL), LA_OK);
        assert_int_equal(got, good[i].bytes);
    }
    static const char *const bad[] = {"",    "0",    "-1",           "g",  "1gb",
                                      "1 g", "1.5g", "99999999999g", "nan"};
    for (size_t i = 0; i < LA_COUNT(bad); i++) {
        size_t got;
        assert_int_equal(la_bytes_parse("--memory-limit", bad[i], &got, NULL), LA_E_ARG);
    }
}

static void test_seconds_and_numbers(void **state)
{
    (void)state;
    double s = 0;
    assert_int_equal(la_seconds_parse("--timeout", "1.5", &s, NULL), LA_OK);
    assert_true(s == 1.5);
    assert_int_equal(la_seconds_parse("--timeout", "200ms", &s, NULL), LA_OK);
    assert_true(s == 200 * 1e-3);
    assert_int_equal(la_seconds_parse("--timeout", "2h", &s, NULL), LA_OK);
    assert_true(s == 7200);
    static const char *const bad[] = {"0", "-1", "nan", "inf",  "1e400",
                                      "",  "s",  "1x",  "0x10", " 1"};
    for (size_t i = 0; i < LA_COUNT(bad); i++)
        assert_int_equal(la_seconds_parse("--timeout", bad[i], &s, NULL), LA_E_ARG);
    assert_int_equal(la_real_parse("--target", "100", 0.1, 50, &s, NULL), LA_E_ARG);
    assert_int_equal(la_real_parse("--target", "3", 0.1, 50, &s, NULL), LA_OK);
    int64_t n;
    static const char *const not_whole[] = {"",  "1.0", "1k", "-", "99999999999999999999",
                                            "0", "11"};
    for (size_t i = 0; i < LA_COUNT(not_whole); i++)
        assert_int_equal(la_whole_parse("--rounds", not_whole[i], 1, 10, &n, NULL), LA_E_ARG);
    uint64_t seed;
    assert_int_equal(la_seed_parse("--seed", "18446744073709551615", &seed, NULL), LA_OK);
    assert_true(seed == UINT64_MAX);
    assert_int_equal(la_seed_parse("--seed", "18446744073709551616", &seed, NULL), LA_E_ARG);
    assert_int_equal(la_seed_parse("--seed", "-1", &seed, NULL), LA_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_and_ranges),
        cmocka_unit_test(test_bad_sizes_are_refused_with_their_reason),
        cmocka_unit_test(test_a_megabyte_of_argument_is_refused_shortly),
        cmocka_unit_test(test_a_range_that_misses_its_end_says_so),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_seconds_and_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
