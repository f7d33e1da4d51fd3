/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cuda.h"
#include "labench/cuda.h"

#define GUARD      256 /* bytes; a multiple of what any load needs for its alignment */
#define GUARD_BYTE 0xA5
#define FRESH      0xFF /* a NaN of every type we have: who reads what nobody wrote is found out */

static const la_cuda_driver *driver = &la_cuda_built;
static atomic_size_t live, peak, limit;
static atomic_bool ran_out;

const la_cuda_driver *la_cuda(void)
{
    return driver;
}

void la_cuda_use(const la_cuda_driver *to)
{
    driver = to ? to : &la_cuda_built;
}

size_t la_cuda_live(void)
{
    return live;
}

size_t la_cuda_peak(void)
{
    return peak;
}

void la_cuda_peak_reset(void)
{
    peak = live;
}

bool la_cuda_ran_out(void)
{
    return ran_out;
}

void la_cuda_limit(size_t bytes)
{
    limit = bytes;
}

static size_t tail(size_t bytes)
{
    return (bytes + GUARD - 1) / GUARD * GUARD + GUARD - bytes;
}

static size_t whole(size_t bytes)
{
    return GUARD + bytes + tail(bytes);
}

static la_status make_fresh(const la_cuda_buffer *buf, void *stream, la_err *err)
{
    LA_TRY(driver->fill(buf->base, GUARD_BYTE, GUARD, stream, err));
    LA_TRY(driver->fill(buf->data, FRESH, buf->bytes, stream, err));
    return driver->fill((char *)buf->data + buf->bytes, GUARD_BYTE, tail(buf->bytes), stream, err);
}

/* What of the buffer a driver that watches its memory may see touched. */
static void allow(const la_cuda_buffer *buf, bool guards)
{
    if (!driver->only) return;
    if (guards)
        driver->only(buf->base, 0, whole(buf->bytes));
    else
        driver->only(buf->base, GUARD, buf->bytes);
}

la_status la_cuda_buffer_init(la_cuda_buffer *buf, size_t bytes, void *stream, la_err *err)
{
    void *base = NULL;
    *buf = (la_cuda_buffer){.bytes = bytes};
    if (bytes == 0) return LA_OK;
    if (limit && live + bytes > limit) {
        ran_out = true;
        return LA_FAIL(err, LA_E_NOMEM,
                       "out of device memory: %zu bytes beside %zu would pass the limit of %zu",
                       bytes, (size_t)live, (size_t)limit);
    }
    la_status st = driver->take(whole(bytes), &base, err);
    if (st != LA_OK) {
        ran_out = ran_out || st == LA_E_NOMEM;
        return st;
    }
    buf->base = base;
    buf->data = buf->base + GUARD;
    live += bytes;
    if (live > peak) peak = live;
    st = make_fresh(buf, stream, err);
    if (st == LA_OK)
        allow(buf, false);
    else
        la_cuda_buffer_release(buf);
    return st;
}

void la_cuda_buffer_release(la_cuda_buffer *buf)
{
    if (!buf || !buf->base) return;
    driver->give(buf->base);
    live -= buf->bytes;
    *buf = (la_cuda_buffer){0};
}

static bool is_guard(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != GUARD_BYTE) return false;
    return true;
}

static la_status guards_down(const la_cuda_buffer *buf, void *before, void *after, size_t behind,
                             void *stream, la_err *err)
{
    LA_TRY(driver->download(before, buf->base, GUARD, stream, err));
    LA_TRY(driver->download(after, (char *)buf->data + buf->bytes, behind, stream, err));
    return driver->wait(stream, err);
}

la_status la_cuda_buffer_guards(const la_cuda_buffer *buf, const char *name, void *stream,
                                la_err *err)
{
    unsigned char before[GUARD], after[2 * GUARD];
    if (!buf->base) return LA_OK;
    size_t behind = tail(buf->bytes);
    allow(buf, true);
    la_status st = guards_down(buf, before, after, behind, stream, err);
    allow(buf, false);
    LA_TRY(st);
    if (is_guard(before, GUARD) && is_guard(after, behind)) return LA_OK;
    return LA_FAIL(err, LA_E_WRONG, "wrote outside its %s buffer of %zu bytes on the device", name,
                   buf->bytes);
}

/* ---- constants ---- */

typedef struct kept {
    la_cuda_buffer buf;
    struct kept *next;
} kept;
static kept *constants; /* of all impls; made and ended by one thread */

la_status la_cuda_keep(const void *from, size_t bytes, void **out, la_err *err)
{
    *out = NULL;
    if (bytes == 0) return LA_OK;
    kept *k = calloc(1, sizeof *k);
    if (!k) return LA_FAIL(err, LA_E_NOMEM, "out of memory for a constant");
    la_status st = la_cuda_buffer_init(&k->buf, bytes, NULL, err);
    if (st == LA_OK && from) st = driver->upload(k->buf.data, from, bytes, NULL, err);
    if (st == LA_OK) st = driver->wait(NULL, err);
    if (st != LA_OK) {
        la_cuda_buffer_release(&k->buf);
        free(k);
        return st;
    }
    k->next = constants;
    constants = k;
    *out = k->buf.data;
    return LA_OK;
}

void la_cuda_drop(void *p)
{
    kept **at = &constants;
    while (*at && (*at)->buf.data != p) at = &(*at)->next;
    if (!p || !*at) return;
    kept *k = *at;
    *at = k->next;
    la_cuda_buffer_release(&k->buf);
    free(k);
}
