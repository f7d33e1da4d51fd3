/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_driver.h"
#include "fake_tensor_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fake_devices = 1, fake_taken, fake_streams, fake_fail_take;

static la_status count(int *n, la_err *err)
{
    *n = fake_devices;
    return fake_devices >= 0 ? LA_OK : LA_FAIL(err, LA_E_DEVICE, "CUDA: no driver");
}

static la_status describe(int index, la_device *out, la_err *err)
{
    (void)err;
    *out = (la_device){.backend = LA_CUDA, .index = index, .memory = 1 << 30, .sm = 90};
    snprintf(out->name, sizeof out->name, "fake %d", index);
    return LA_OK;
}

static la_status select_device(int index, la_err *err)
{
    return index < fake_devices ? LA_OK : LA_FAIL(err, LA_E_DEVICE, "no device %d", index);
}

static la_status take(size_t bytes, void **out, la_err *err)
{
    if (fake_fail_take && --fake_fail_take == 0)
        return LA_FAIL(err, LA_E_NOMEM, "%zu bytes of device memory: out of memory", bytes);
    *out = malloc(bytes);
    if (!*out) return LA_FAIL(err, LA_E_NOMEM, "malloc");
    fake_taken++;
    return LA_OK;
}

static void give(void *p)
{
    fake_taken--;
    free(p);
}

static la_status stream_make(void **out, la_err *err)
{
    (void)err;
    static int one;
    *out = &one;
    fake_streams++;
    return LA_OK;
}

static void stream_end(void *stream)
{
    (void)stream;
    fake_streams--;
}

static la_status carry(void *to, const void *from, size_t bytes, void *stream, la_err *err)
{
    (void)stream, (void)err;
    memcpy(to, from, bytes);
    return LA_OK;
}

static la_status fill(void *to, int byte, size_t bytes, void *stream, la_err *err)
{
    (void)stream, (void)err;
    memset(to, byte, bytes);
    return LA_OK;
}

static la_status wait(void *stream, la_err *err)
{
    (void)stream, (void)err;
    return LA_OK;
}

static la_status tensor_map(la_tensor_map *out, la_dtype dtype, int rank, const void *base,
                            const int64_t *lengths, const int64_t *strides, const int *box,
                            la_err *err)
{
    (void)dtype, (void)err;
    fake_tensor_map map = {.base = base, .rank = rank};
    for (int i = 0; i < rank; i++) {
        map.lengths[i] = (int32_t)lengths[i];
        map.box[i] = (int16_t)box[i];
        if (i) map.strides[i - 1] = strides[i - 1];
    }
    _Static_assert(sizeof map <= sizeof *out, "a map of the fake driver fits");
    memcpy(out, &map, sizeof map);
    return LA_OK;
}

static const char *words(int code)
{
    return code == 2 ? "out of memory" : "an illegal memory access was encountered";
}

const la_cuda_driver fake_driver = {
    .count = count,
    .describe = describe,
    .select = select_device,
    .take = take,
    .give = give,
    .stream = stream_make,
    .stream_end = stream_end,
    .upload = carry,
    .download = carry,
    .fill = fill,
    .wait = wait,
    .tensor_map = tensor_map,
    .words = words,
    .out_of_memory = 2,
};
