/* SPDX-License-Identifier: Apache-2.0
 * The INI reader: what it takes, what it refuses and in which line, and files made at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "ini_file.h"
#include "text.h"

static char path[] = "/tmp/labench-ini-XXXXXX";

static void put(const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void reads(const char *text, la_ini *ini)
{
    la_err err = {0};
    put(text, strlen(text));
    la_status st = la_ini_read(path, ini, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
}

static void holds(const la_ini *ini, size_t i, const char *section, const char *key,
                  const char *value, int line)
{
    assert_true(i < ini->n);
    assert_string_equal(ini->entries[i].section, section);
    assert_string_equal(ini->entries[i].key, key);
    assert_string_equal(ini->entries[i].value, value);
    assert_int_equal(ini->entries[i].line, line);
}

/* `says` has %s where the path belongs. */
static void refuses_bytes(const char *bytes, size_t n, const char *says)
{
    la_ini ini;
    la_err err = {0};
    char want[sizeof err.msg];
    const char *mark = strstr(says, "%s");
    snprintf(want, sizeof want, "%.*s%s%s", (int)(mark - says), says, path, mark + 2);
    put(bytes, n);
    assert_int_equal(la_ini_read(path, &ini, &err), LA_E_ARG);
    assert_string_equal(err.msg, want);
    la_ini_release(&ini);
}

static void refuses(const char *text, const char *says)
{
    refuses_bytes(text, strlen(text), says);
}

static void test_entries_come_in_order_with_their_lines(void **state)
{
    (void)state;
    la_ini ini;
    reads("; a comment\n"
          "early = 1\n"
          "\n"
          "[global]\n"
          "variants=flash,copy   ; which\n"
          "  lengths\t: 1k..4k\n"
          "set = a.b=1\n"
          "set = a.c=2\n"
          "# another comment\n"
          "[empty]\n"
          "[a long name; with odd characters]\n"
          "key =\n",
          &ini);
    holds(&ini, 0, "", "early", "1", 2);
    holds(&ini, 1, "global", "variants", "flash,copy lengths\t: 1k..4k", 5);
    holds(&ini, 2, "global", "set", "a.b=1", 7);
    holds(&ini, 3, "global", "set", "a.c=2", 8);
    holds(&ini, 4, "a long name; with odd characters", "key", "", 12);
    assert_int_equal(ini.n, 5);
    assert_int_equal(ini.n_sections, 4);
    assert_string_equal(ini.sections[0].name, "");
    assert_string_equal(ini.sections[1].name, "global");
    assert_int_equal(ini.sections[1].line, 4);
    assert_int_equal(ini.sections[1].first, 1);
    assert_int_equal(ini.sections[1].n, 3);
    assert_int_equal(ini.sections[2].n, 0);
    la_ini_release(&ini);
}

static void test_an_indented_line_goes_on_where_an_entry_is(void **state)
{
    (void)state;
    la_ini ini;
    reads("[a]\n"
          "  first = one\n" /* nothing to go on from: an entry */
          "\ttwo\n"
          "   three = 3   \n"
          "\n"
          "  four\n"
          "empty =\n"
          "  [no header]\n"
          "a_key_of_more_than_fifty_bytes_which_libinih_cuts_off_in_lines = x\n"
          "  y\n"
          "[b]\n"
          "  empty = of b\n", /* another section: no part of a's */
          &ini);
    holds(&ini, 0, "a", "first", "one two three = 3 four", 2);
    holds(&ini, 1, "a", "empty", "[no header]", 7);
    holds(&ini, 2, "a", "a_key_of_more_than_fifty_bytes_which_libinih_cuts_off_in_lines", "x y", 9);
    holds(&ini, 3, "b", "empty", "of b", 12);
    assert_int_equal(ini.n, 4);
    la_ini_release(&ini);
    reads("  [indented]\n  key = value\n", &ini);
    holds(&ini, 0, "indented", "key", "value", 2);
    la_ini_release(&ini);
}

static void test_ends_of_lines_and_files(void **state)
{
    (void)state;
    la_ini ini;
    reads("[a]\r\nkey = value\r\n\r\nother = 2", &ini);
    holds(&ini, 0, "a", "key", "value", 2);
    holds(&ini, 1, "a", "other", "2", 4);
    la_ini_release(&ini);
    reads("\xEF\xBB\xBF[a]\nkey = \xC3\xA4\n", &ini);
    holds(&ini, 0, "a", "key", "\xC3\xA4", 2);
    la_ini_release(&ini);
    reads("", &ini);
    assert_int_equal(ini.n, 0);
    assert_int_equal(ini.n_sections, 0);
    la_ini_release(&ini);
    reads("\n\n; nothing\n", &ini);
    assert_int_equal(ini.n_sections, 0);
    la_ini_release(&ini);
}

static void test_what_is_no_entry_is_refused_with_its_line(void **state)
{
    (void)state;
    refuses("[a]\nkey = 1\nno entry\n", "%s:3: neither [section] nor key = value");
    refuses("[a]\n[b\n", "%s:2: neither [section] nor key = value");
    refuses("= 1\n", "%s:1: nothing stands before the '='");
    refuses("[a]\nk = 1\n[b]\n[a]\n", "%s:4: section [a] is there already in line 1");
    refuses_bytes("a = 1\n\0b = 2\n", 13, "%s has a byte 0: is it an INI file?");
    refuses_bytes("\x7f"
                  "ELF\x02\x01\x01\x00\x00",
                  9, "%s has a byte 0: is it an INI file?");
}

static void test_long_lines_and_files(void **state)
{
    (void)state;
    char line[256];
    la_ini ini;
    memset(line, 'x', sizeof line);
    memcpy(line, "k = ", 4);
    line[198] = '\n', line[199] = '\0';
    reads(line, &ini);
    assert_int_equal(strlen(ini.entries[0].value), 194);
    la_ini_release(&ini);
    line[198] = 'x', line[199] = '\n', line[200] = '\0';
    refuses(line, "%s:1: this line has 199 bytes; go on in indented lines after 198");

    size_t n = 10u << 20; /* one line of 10 MB */
    char *big = la_alloc(n, NULL);
    assert_non_null(big);
    memset(big, 'x', n);
    refuses_bytes(big, n, "%s is larger than 1 MiB: is it an INI file?");
    n = 1u << 20; /* as large as may be, in comments */
    memset(big, ';', n);
    for (size_t i = 63; i < n; i += 64) big[i] = '\n';
    put(big, n);
    la_err err = {0};
    assert_int_equal(la_ini_read(path, &ini, &err), LA_OK);
    la_ini_release(&ini);
    la_free(big);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    la_ini ini;
    la_err err = {0};
    assert_int_equal(la_ini_read("/nowhere/x.ini", &ini, &err), LA_E_NOTFOUND);
    assert_string_equal(err.msg, "/nowhere/x.ini: No such file or directory");
    la_ini_release(&ini);
    assert_int_equal(la_ini_read("/tmp", &ini, &err), LA_E_IO);
    la_ini_release(&ini);
}

static void test_a_complaint_names_file_and_line(void **state)
{
    (void)state;
    la_ini ini;
    la_err err = {0};
    reads("a = 1\n", &ini);
    assert_int_equal(la_ini_complain(&ini, 7, &err, "no key '%s'", "%d"), LA_E_ARG);
    char want[128];
    snprintf(want, sizeof want, "%s:7: no key '%%d'", path);
    assert_string_equal(err.msg, want);
    la_ini_release(&ini);
}

static uint64_t drawn = 88172645463325252u;
static unsigned draw(unsigned below) /* xorshift; the same files in every run */
{
    drawn ^= drawn << 13, drawn ^= drawn >> 7, drawn ^= drawn << 17;
    return (unsigned)(drawn % below);
}

/* What is written is read back, however it is spaced and cut into lines. */
static void test_random_files_are_read_back(void **state)
{
    (void)state;
    for (int file = 0; file < 100; file++) {
        la_text text = {0};
        char keys[32][16], values[32][64];
        int sections[32], n = 0;
        for (int s = 0; s < 4; s++) {
            la_text_add(&text, "%s[s%d]%s\n", draw(2) ? "; remark\n" : "\n", s,
                        draw(2) ? " ; x" : "");
            for (unsigned k = draw(8); k > 0; k--, n++) {
                static const char letters[] = "abcxyz019.,=:[]#-_/'\"\\";
                sections[n] = s;
                snprintf(keys[n], sizeof keys[n], "k%u-%u", draw(10), draw(1000));
                la_text_add(&text, "%s%s%s", keys[n], draw(2) ? " = " : "=", draw(2) ? "\t" : "");
                size_t len = 0;
                for (unsigned words = draw(4); words > 0; words--) {
                    if (len) values[n][len++] = ' ';
                    if (len && draw(2))
                        la_text_add(&text, "\n    ");
                    else if (len)
                        la_text_add(&text, " ");
                    size_t from = len;
                    for (unsigned i = 0, end = 1 + draw(12); i < end; i++)
                        /* '#' and ';' at the start of a line would make it a comment */
                        values[n][len++] = letters[i ? draw(sizeof letters - 1) : draw(6)];
                    la_text_bytes(&text, values[n] + from, len - from);
                }
                values[n][len] = '\0';
                la_text_add(&text, "%s\n", draw(4) ? "" : "  ");
            }
        }
        la_ini ini;
        reads(la_text_str(&text), &ini);
        assert_int_equal(ini.n, n);
        assert_int_equal(ini.n_sections, 4);
        for (int i = 0; i < n; i++) {
            assert_string_equal(ini.entries[i].key, keys[i]);
            assert_string_equal(ini.entries[i].value, values[i]);
            assert_int_equal(ini.entries[i].section[1] - '0', sections[i]);
        }
        la_ini_release(&ini);
        la_text_release(&text);
    }
}

/* Bytes at random, and good files with bytes changed: read or refused with a sentence, never more. */
static void test_random_bytes_do_no_harm(void **state)
{
    (void)state;
    static const char alphabet[] = "[]=:;#\n\n\n \t\r\\\"'ab-1\xEF\xBB\xBF\xFF";
    static const char good[] = "[global]\nvariants = flash,copy\nset = a.b=1\n  ,2\n[x]\nq = yes\n";
    size_t taken = 0;
    for (int file = 0; file < 1000; file++) {
        char bytes[400];
        size_t n;
        if (file % 2) {
            n = draw(sizeof bytes);
            for (size_t i = 0; i < n; i++)
                bytes[i] = draw(20) ? alphabet[draw(sizeof alphabet - 1)] : (char)draw(256);
        } else {
            n = sizeof good - 1 - draw(4);
            memcpy(bytes, good, n);
            for (unsigned flips = 1 + draw(4); flips > 0; flips--)
                bytes[draw((unsigned)n)] = alphabet[draw(sizeof alphabet - 1)];
        }
        put(bytes, n);
        la_ini ini;
        la_err err = {0};
        la_status st = la_ini_read(path, &ini, &err);
        size_t in_sections = 0;
        int line = 0;
        if (st == LA_OK) {
            taken++;
            for (size_t s = 0; s < ini.n_sections; s++) {
                assert_int_equal(ini.sections[s].first, in_sections);
                in_sections += ini.sections[s].n;
            }
            assert_int_equal(in_sections, ini.n);
            for (size_t i = 0; i < ini.n; i++) {
                assert_true(*ini.entries[i].key);
                assert_true(ini.entries[i].line > line);
                line = ini.entries[i].line;
            }
        } else {
            assert_int_equal(st, LA_E_ARG);
            assert_int_equal(strncmp(err.msg, path, strlen(path)), 0);
        }
        la_ini_release(&ini);
    }
    assert_in_range(taken, 100, 900); /* both ends were met */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_come_in_order_with_their_lines),
        cmocka_unit_test(test_an_indented_line_goes_on_where_an_entry_is),
        cmocka_unit_test(test_ends_of_lines_and_files),
        cmocka_unit_test(test_what_is_no_entry_is_refused_with_its_line),
        cmocka_unit_test(test_long_lines_and_files),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_a_complaint_names_file_and_line),
        cmocka_unit_test(test_random_files_are_read_back),
        cmocka_unit_test(test_random_bytes_do_no_harm),
    };
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
