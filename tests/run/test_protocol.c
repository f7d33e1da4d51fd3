/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "alloc.h"
#include "protocol.h"

/* A stream as a worker writes it, kept as bytes. */
typedef struct stream {
    char bytes[1 << 14];
    size_t len;
} stream;

static void add_raw(stream *s, uint32_t magic, uint32_t type, uint32_t len, const char *text,
                    uint32_t crc_xor)
{
    uint32_t head[4] = {magic, type, len, 0};
    size_t n = strlen(text);
    head[3] = (uint32_t)crc32(crc32(0, (const Bytef *)head, 12), (const Bytef *)text, (uInt)n);
    head[3] ^= crc_xor;
    memcpy(s->bytes + s->len, head, sizeof head);
    memcpy(s->bytes + s->len + sizeof head, text, n);
    s->len += sizeof head + n;
}

static void add(stream *s, la_record_type type, const char *text)
{
    add_raw(s, LA_RECORD_MAGIC, (uint32_t)type, (uint32_t)strlen(text), text, 0);
}

static void good_stream(stream *s)
{
    s->len = 0;
    add(s, LA_RECORD_START, "{\"protocol\":1}");
    add(s, LA_RECORD_PHASE, "{\"phase\":\"verify\"}");
    add(s, LA_RECORD_SAMPLES, "{\"samples\":[[1,2]]}");
    add(s, LA_RECORD_END, "{\"outcome\":\"ok\"}");
}

/* Feeds n bytes in pieces; gives the number of records, or minus the status. */
static int read_in_pieces(const char *bytes, size_t n, size_t piece, size_t *rest, la_err *err)
{
    la_record_reader reader = {0};
    int records = 0;
    la_status st = LA_OK;
    for (size_t at = 0; at < n && st == LA_OK; at += piece) {
        st = la_record_feed(&reader, bytes + at, n - at < piece ? n - at : piece, err);
        bool more = true;
        la_record record;
        while (st == LA_OK && more) {
            st = la_record_next(&reader, &record, &more, err);
            if (st == LA_OK && more) {
                records++;
                assert_int_equal(strlen(record.json), record.len);
                assert_true(record.json[0] == '{');
            }
        }
    }
    if (rest) *rest = la_record_rest(&reader);
    la_record_reader_release(&reader);
    return st == LA_OK ? records : (int)st;
}

static void test_records_come_whole_whatever_the_pieces(void **state)
{
    (void)state;
    stream s;
    good_stream(&s);
    for (size_t piece = 1; piece <= s.len; piece++) {
        size_t rest;
        assert_int_equal(read_in_pieces(s.bytes, s.len, piece, &rest, NULL), 4);
        assert_int_equal(rest, 0);
    }
}

static void test_writer_and_reader_agree(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(la_record_write(fd[1], LA_RECORD_START, "{\"a\":1}", NULL), LA_OK);
    assert_int_equal(la_record_write(fd[1], LA_RECORD_END, "{}", NULL), LA_OK);
    close(fd[1]);
    char bytes[256];
    ssize_t n = read(fd[0], bytes, sizeof bytes);
    close(fd[0]);
    assert_int_equal(n, 2 * 16 + 7 + 2);
    assert_memory_equal(bytes, "LABR", 4);
    assert_int_equal(read_in_pieces(bytes, (size_t)n, 5, NULL, NULL), 2);
}

static void test_truncated_stream_leaves_a_rest(void **state)
{
    (void)state;
    stream s;
    good_stream(&s);
    size_t cut_ok = 0;
    for (size_t n = 0; n < s.len; n++) {
        size_t rest;
        int got = read_in_pieces(s.bytes, n, 7, &rest, NULL);
        assert_true(got >= 0 && got < 4);
        cut_ok += rest == 0;
    }
    assert_int_equal(cut_ok, 4); /* before the first record and after three others */
}

static void test_every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    stream s;
    good_stream(&s);
    for (size_t bit = 0; bit < 8 * s.len; bit++) {
        s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ (1 << bit % 8));
        /* A longer length waits for bytes that never come: a rest, not all records. */
        int got = read_in_pieces(s.bytes, s.len, 64, NULL, NULL);
        if (got == 4) fail_msg("bit %zu was flipped unnoticed", bit);
        s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ (1 << bit % 8));
    }
}

static void test_forged_records_are_refused(void **state)
{
    (void)state;
    struct {
        uint32_t magic, type, len;
        const char *text;
        uint32_t crc_xor;
    } bad[] = {{0xDEADBEEF, 1, 2, "{}", 0},
               {LA_RECORD_MAGIC, 0, 2, "{}", 0},
               {LA_RECORD_MAGIC, 5, 2, "{}", 0},
               {LA_RECORD_MAGIC, 1, LA_RECORD_MAX + 1, "{}", 0},
               {LA_RECORD_MAGIC, 1, 0xFFFFFFFF, "{}", 0},
               {LA_RECORD_MAGIC, 1, 2, "{}", 1},
               {LA_RECORD_MAGIC, LA_RECORD_PHASE, 2, "{}", 0}}; /* no start */
    for (size_t i = 0; i < LA_COUNT(bad); i++) {
        stream s = {.len = 0};
        la_err err = {0};
        add_raw(&s, bad[i].magic, bad[i].type, bad[i].len, bad[i].text, bad[i].crc_xor);
        assert_int_equal(read_in_pieces(s.bytes, s.len, 64, NULL, &err), LA_E_FORMAT);
        assert_non_null(strstr(err.msg, "protocol"));
    }
    stream s;
    good_stream(&s);
    add(&s, LA_RECORD_PHASE, "{}"); /* after the end */
    assert_int_equal(read_in_pieces(s.bytes, s.len, 64, NULL, NULL), LA_E_FORMAT);
    s.len = 0;
    add(&s, LA_RECORD_START, "{}");
    add(&s, LA_RECORD_START, "{}");
    assert_int_equal(read_in_pieces(s.bytes, s.len, 64, NULL, NULL), LA_E_FORMAT);
}

static void test_noise_never_hurts_the_reader(void **state)
{
    (void)state;
    stream s;
    for (uint64_t trial = 0; trial < 3000; trial++) {
        good_stream(&s);
        uint64_t stream_id = la_stream(9, trial, 0);
        for (uint64_t i = 0; i < 1 + trial % 5; i++)
            s.bytes[la_random_below(stream_id, 2 * i, s.len)] =
                (char)la_random_below(stream_id, 2 * i + 1, 256);
        int got = read_in_pieces(s.bytes, s.len, 1 + trial % 40, NULL, NULL);
        assert_true(got == LA_E_FORMAT || (got >= 0 && got <= 4));
    }
}

static void test_a_closed_pipe_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(la_record_write(-1, LA_RECORD_START, "{}", NULL), LA_E_IO);
}

static int nothing_is_left(void **state)
{
    (void)state;
    return la_mem_live() != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_come_whole_whatever_the_pieces),
        cmocka_unit_test(test_writer_and_reader_agree),
        cmocka_unit_test(test_truncated_stream_leaves_a_rest),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_forged_records_are_refused),
        cmocka_unit_test(test_noise_never_hurts_the_reader),
        cmocka_unit_test(test_a_closed_pipe_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}
