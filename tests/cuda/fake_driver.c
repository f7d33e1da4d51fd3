/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_driver.h"
#include "fake_tensor_map.h"
#include "watched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labench/cuda.h"

int fake_devices = 1, fake_taken, fake_streams, fake_fail_take;
int fake_resets, fake_held, fake_graphs, fake_events, fake_launches, fake_fail_wait;
bool fake_no_graphs, fake_hold_ends;
double fake_clock_ns, fake_launch_ns = 5000, fake_byte_ns = 0.001;
size_t fake_free_bytes = (size_t)8 << 30;
const char *fake_uuid;
void (*fake_at_launch)(void);
static size_t bytes_taken;
static bool failed; /* for good */

/* ---- graphs ---- */

typedef struct node {
    void (*run)(void *);
    void (*end)(void *);
    void *data;
    struct node *next;
} node;
typedef struct graph {
    node *first, **last;
    int64_t kernels;
} graph;
static graph *making;

bool fake_record(void (*run)(void *), void (*end)(void *), void *data, bool kernel)
{
    if (!making) return false;
    node *n = malloc(sizeof *n);
    if (!n) abort();
    *n = (node){run, end, data, NULL};
    *making->last = n;
    making->last = &n->next;
    making->kernels += kernel;
    return true;
}

void fake_ran(void)
{
    if (fake_at_launch) fake_at_launch();
    fake_launches++;
    fake_clock_ns += fake_launch_ns;
}

static la_status graph_begin(void *stream, la_err *err)
{
    (void)stream;
    graph *g = calloc(1, sizeof *g);
    if (!g || making) return LA_FAIL(err, LA_E_DEVICE, "beginning a graph: one is being made");
    g->last = &g->first;
    making = g;
    return LA_OK;
}

static void graph_free(void *of)
{
    graph *g = of;
    if (!g) return;
    for (node *n = g->first, *next; n; n = next) {
        next = n->next;
        n->end(n->data);
        free(n);
    }
    free(g);
    fake_graphs--;
}

static la_status graph_end(void *stream, void **out, int64_t *launches, la_err *err)
{
    (void)stream;
    graph *g = making;
    if (!g) return LA_FAIL(err, LA_E_DEVICE, "ending a graph: none is being made");
    making = NULL;
    *out = NULL;
    fake_graphs++;
    if (fake_no_graphs) {
        graph_free(g);
        return LA_FAIL(err, LA_E_DEVICE, "ending a graph: operation not permitted");
    }
    *launches = g->kernels;
    *out = g;
    return LA_OK;
}

static la_status graph_launch(void *of, void *stream, la_err *err)
{
    (void)stream, (void)err;
    for (node *n = ((graph *)of)->first; n; n = n->next) n->run(n->data);
    return LA_OK;
}

/* ---- the device ---- */

#define TAKEN_HEAD 256 /* in front of a piece of memory, its size; keeps its alignment */

static la_status count(int *n, la_err *err)
{
    *n = fake_devices;
    return fake_devices >= 0 ? LA_OK : LA_FAIL(err, LA_E_DEVICE, "CUDA: no driver");
}

static la_status describe(int index, la_device *out, la_err *err)
{
    (void)err;
    *out = (la_device){.backend = LA_CUDA,
                       .index = index,
                       .memory = (size_t)8 << 30,
                       .cores = 132,
                       .l2 = 1 << 20,
                       .sm = 90};
    snprintf(out->name, sizeof out->name, "fake %d", index);
    return LA_OK;
}

static la_status select_device(int index, la_err *err)
{
    return index < fake_devices ? LA_OK : LA_FAIL(err, LA_E_DEVICE, "no device %d", index);
}

static void reset(void)
{
    fake_resets++;
}

static la_status take(size_t bytes, void **out, la_err *err)
{
    if (fake_fail_take && --fake_fail_take == 0)
        return LA_FAIL(err, LA_E_NOMEM, "%zu bytes of device memory: out of memory", bytes);
    size_t *p = bytes_taken + bytes <= fake_free_bytes ? malloc(bytes + TAKEN_HEAD) : NULL;
    if (!p) return LA_FAIL(err, LA_E_NOMEM, "%zu bytes of device memory: out of memory", bytes);
    *p = bytes;
    bytes_taken += bytes;
    fake_taken++;
    *out = (char *)p + TAKEN_HEAD;
    return LA_OK;
}

static void give(void *p)
{
    size_t *head = (size_t *)(void *)((char *)p - TAKEN_HEAD);
    bytes_taken -= *head;
    fake_taken--;
    free(head);
}

static void only(void *piece, size_t from, size_t bytes)
{
    la_watch_close(piece, *(size_t *)(void *)((char *)piece - TAKEN_HEAD));
    la_watch_open((char *)piece + from, bytes);
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

typedef struct moved {
    void *to;
    const void *from; /* NULL: filled */
    size_t bytes;
    int byte;
} moved;

static void move(void *data)
{
    const moved *m = data;
    if (m->from)
        memcpy(m->to, m->from, m->bytes);
    else
        memset(m->to, m->byte, m->bytes);
    fake_clock_ns += fake_byte_ns * (double)m->bytes;
}

static la_status enqueue(moved m)
{
    moved *kept = making ? malloc(sizeof *kept) : NULL;
    if (making && !kept) abort();
    if (kept) *kept = m;
    if (!fake_record(move, free, kept, false)) move(&m);
    return LA_OK;
}

static la_status carry(void *to, const void *from, size_t bytes, void *stream, la_err *err)
{
    (void)stream;
    if (failed) return la_cuda_launched(700, "a copy", err);
    return enqueue((moved){.to = to, .from = from, .bytes = bytes});
}

static la_status fill(void *to, int byte, size_t bytes, void *stream, la_err *err)
{
    (void)stream, (void)err;
    return enqueue((moved){.to = to, .bytes = bytes, .byte = byte});
}

static la_status wait(void *stream, la_err *err)
{
    (void)stream;
    if (making) return LA_FAIL(err, LA_E_DEVICE, "waiting while a graph is made");
    if (fake_fail_wait && --fake_fail_wait == 0) failed = true;
    return failed ? la_cuda_launched(700, "waiting for the device", err) : LA_OK;
}

static la_status memory(size_t *free_bytes, size_t *total, la_err *err)
{
    (void)err;
    *free_bytes = fake_free_bytes - bytes_taken;
    *total = (size_t)8 << 30;
    return LA_OK;
}

static la_status about(int index, la_cuda_about *out, la_err *err)
{
    (void)err;
    *out = (la_cuda_about){
        .driver = 13000, .runtime = 13000, .sm_hz = 1980000000, .mem_hz = 3201000000, .ecc = true};
    snprintf(out->uuid, sizeof out->uuid, "GPU-%08d", index);
    if (index == 0 && fake_uuid) snprintf(out->uuid, sizeof out->uuid, "%s", fake_uuid);
    snprintf(out->bus, sizeof out->bus, "0000:%02d:00.0", index + 1);
    return LA_OK;
}

static la_status event_make(void **out, la_err *err)
{
    (void)err;
    *out = calloc(1, sizeof(double));
    fake_events++;
    return LA_OK;
}

static void event_end(void *event)
{
    fake_events--;
    free(event);
}

static la_status mark(void *event, void *stream, la_err *err)
{
    (void)stream, (void)err;
    *(double *)event = fake_clock_ns;
    return LA_OK;
}

static la_status elapsed(void *from, void *to, double *ns, la_err *err)
{
    (void)err;
    *ns = *(double *)to - *(double *)from;
    return LA_OK;
}

static la_status hold(void *stream, atomic_int *go, la_err *err)
{
    (void)stream;
    if (atomic_load(go)) return LA_FAIL(err, LA_E_INTERNAL, "held by a flag that is up already");
    fake_held++;
    if (fake_hold_ends) atomic_store(go, LA_CUDA_GAVE_UP);
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
    .reset = reset,
    .take = take,
    .give = give,
    .only = only,
    .stream = stream_make,
    .stream_end = stream_end,
    .upload = carry,
    .download = carry,
    .fill = fill,
    .copy = carry,
    .wait = wait,
    .tensor_map = tensor_map,
    .words = words,
    .out_of_memory = 2,
    .memory = memory,
    .about = about,
    .event = event_make,
    .event_end = event_end,
    .mark = mark,
    .elapsed = elapsed,
    .graph_begin = graph_begin,
    .graph_end = graph_end,
    .graph_launch = graph_launch,
    .graph_free = graph_free,
    .hold = hold,
};
