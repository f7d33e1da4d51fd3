/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "alloc.h"

static void put32(unsigned char *to, uint32_t x)
{
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(x >> (8 * i));
}

static uint32_t get32(const char *from)
{
    uint32_t x = 0;
    for (int i = 0; i < 4; i++) x |= (uint32_t)(unsigned char)from[i] << (8 * i);
    return x;
}

static la_status write_all(int fd, const void *bytes, size_t n, la_err *err)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            int why = errno;
            la_status st = LA_FAIL(err, LA_E_IO, "cannot write a record: %s", strerror(why));
            if (err) err->foreign = why;
            return st;
        }
        p += put;
        n -= (size_t)put;
    }
    return LA_OK;
}

la_status la_record_write(int fd, la_record_type type, const char *json, la_err *err)
{
    size_t len = strlen(json);
    if (len > LA_RECORD_MAX)
        return LA_FAIL(err, LA_E_INTERNAL, "a record of %zu bytes; the most is %u", len,
                       LA_RECORD_MAX);
    unsigned char head[LA_RECORD_HEADER];
    put32(head, LA_RECORD_MAGIC);
    put32(head + 4, (uint32_t)type);
    put32(head + 8, (uint32_t)len);
    uLong crc = crc32(crc32(0, head, 12), (const Bytef *)json, (uInt)len);
    put32(head + 12, (uint32_t)crc);
    LA_TRY(write_all(fd, head, sizeof head, err));
    return write_all(fd, json, len, err);
}

la_status la_record_feed(la_record_reader *r, const void *bytes, size_t n, la_err *err)
{
    if (r->taken > 0) {
        memmove(r->bytes, r->bytes + r->taken, r->len - r->taken);
        r->len -= r->taken;
        r->taken = 0;
    }
    LA_TRY(la_grow((void **)&r->bytes, &r->cap, r->len + n + 1, 1, err));
    memcpy(r->bytes + r->len, bytes, n);
    r->len += n;
    return LA_OK;
}

static la_status check_order(la_record_reader *r, uint32_t type, la_err *err)
{
    if (r->ended) return LA_FAIL(err, LA_E_FORMAT, "protocol: a record after the end");
    if ((type == LA_RECORD_START) == r->started)
        return LA_FAIL(err, LA_E_FORMAT, "protocol: %s",
                       r->started ? "a second start" : "the first record is no start");
    r->started = true;
    r->ended = type == LA_RECORD_END;
    return LA_OK;
}

la_status la_record_next(la_record_reader *r, la_record *out, bool *more, la_err *err)
{
    *more = false;
    size_t have = r->len - r->taken;
    if (have < LA_RECORD_HEADER) return LA_OK;
    char *at = r->bytes + r->taken;
    uint32_t magic = get32(at), type = get32(at + 4), len = get32(at + 8);
    if (magic != LA_RECORD_MAGIC)
        return LA_FAIL(err, LA_E_FORMAT, "protocol: a record begins with 0x%08x, not 0x%08x", magic,
                       LA_RECORD_MAGIC);
    if (type < LA_RECORD_START || type > LA_RECORD_CURVE)
        return LA_FAIL(err, LA_E_FORMAT, "protocol: no record has type %u", type);
    if (len > LA_RECORD_MAX)
        return LA_FAIL(err, LA_E_FORMAT, "protocol: a record of %u bytes; the most is %u", len,
                       LA_RECORD_MAX);
    if (have < LA_RECORD_HEADER + len) return LA_OK;
    uLong crc = crc32(0, (const Bytef *)at, 12);
    crc = crc32(crc, (const Bytef *)at + LA_RECORD_HEADER, len);
    if (get32(at + 12) != (uint32_t)crc)
        return LA_FAIL(err, LA_E_FORMAT, "protocol: a record's checksum is 0x%08x, not 0x%08x",
                       get32(at + 12), (uint32_t)crc);
    if (memchr(at + LA_RECORD_HEADER, '\0', len))
        return LA_FAIL(err, LA_E_FORMAT, "protocol: a record with a NUL byte in its text");
    LA_TRY(check_order(r, type, err));
    /* The text is moved over its header, so that a NUL fits behind it. */
    memmove(at, at + LA_RECORD_HEADER, len);
    at[len] = '\0';
    *out = (la_record){(la_record_type)type, at, len};
    r->taken += LA_RECORD_HEADER + len;
    *more = true;
    return LA_OK;
}

size_t la_record_rest(const la_record_reader *reader)
{
    return reader->len - reader->taken;
}

void la_record_reader_release(la_record_reader *reader)
{
    if (!reader) return;
    la_free(reader->bytes);
    *reader = (la_record_reader){0};
}
