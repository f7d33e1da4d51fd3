/* SPDX-License-Identifier: Apache-2.0 */
#include "device_peak.h"

#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "cuda.h"
#include "device_lock.h"
#include "peak_loops.h"

#define LEAST_NS   2e6   /* of a run: far beyond the resolution of events */
#define WARM_NS    300e6 /* of the first kind's runs: an idle device's clock rises that long */
#define MOST_LOOPS (1 << 22)
#define RUNS       8
#define COPY_LEAST ((size_t)64 << 20)
#define COPY_MOST  ((size_t)512 << 20)

typedef struct bench {
    const la_device *device;
    void *stream, *start, *stop;
    int64_t began;
    la_cuda_buffer out, from, to;
} bench;

static la_status begin(bench *b, la_err *err)
{
    size_t bytes = 4 * b->device->l2;
    bytes = bytes < COPY_LEAST ? COPY_LEAST : bytes > COPY_MOST ? COPY_MOST : bytes;
    LA_TRY(la_cuda()->select(b->device->index, err));
    LA_TRY(la_cuda()->stream(&b->stream, err));
    LA_TRY(la_cuda()->event(&b->start, err));
    LA_TRY(la_cuda()->event(&b->stop, err));
    LA_TRY(la_cuda_buffer_init(&b->out, sizeof(float), b->stream, err));
    LA_TRY(la_cuda_buffer_init(&b->from, bytes, b->stream, err));
    return la_cuda_buffer_init(&b->to, bytes, b->stream, err);
}

static void end(bench *b)
{
    la_cuda_buffer_release(&b->out);
    la_cuda_buffer_release(&b->from);
    la_cuda_buffer_release(&b->to);
    if (b->start) la_cuda()->event_end(b->start);
    if (b->stop) la_cuda()->event_end(b->stop);
    if (b->stream) la_cuda()->stream_end(b->stream);
    la_cuda()->reset();
}

static la_status seconds_of_loop(bench *b, la_peak_kind kind, int blocks, int loops, double *ns,
                                 la_err *err)
{
    LA_TRY(la_cuda()->mark(b->start, b->stream, err));
    LA_TRY(la_peak_loop(kind, blocks, loops, b->out.data, b->stream, err));
    LA_TRY(la_cuda()->mark(b->stop, b->stream, err));
    LA_TRY(la_cuda()->wait(b->stream, err));
    return la_cuda()->elapsed(b->start, b->stop, ns, err);
}

/* FLOP of one round of one block. */
static double flop_of(la_peak_kind kind)
{
    double warps = LA_PEAK_THREADS / 32.0;
    switch (kind) {
    case LA_PEAK_FMA:
        return 2.0 * LA_PEAK_THREADS * LA_PEAK_CHAINS;
    case LA_PEAK_TF32:
        return 2.0 * 16 * 8 * 8 * LA_PEAK_TILES * warps;
    case LA_PEAK_BF16:
        return 2.0 * 16 * 8 * 16 * LA_PEAK_TILES * warps;
    default:
        return 2.0 * 64 * 256 * 16 * 4;
    }
}

/* All at work at a time, or the last would have a multiprocessor to themselves: of wgmma's, with 128 registers of sums a
 * thread, three fit, and two keep its tensor cores busy. */
static int blocks_of(const bench *b, la_peak_kind kind)
{
    return (kind == LA_PEAK_WGMMA ? 2 : 4) * b->device->cores;
}

/* Rounds are doubled until a run is long enough; the best rate of some such runs. The first run loads the kernel,
 * between its events. */
static la_status rate_of(bench *b, la_peak_kind kind, double *rate, la_err *err)
{
    int blocks = blocks_of(b, kind), loops = 1;
    double ns = 0;
    *rate = 0;
    LA_TRY(seconds_of_loop(b, kind, blocks, loops, &ns, err));
    for (;; loops *= 2) {
        LA_TRY(seconds_of_loop(b, kind, blocks, loops, &ns, err));
        if (ns >= LEAST_NS || loops >= MOST_LOOPS) break;
    }
    for (int i = 0; i < RUNS || (double)(la_now_ns() - b->began) < WARM_NS; i++) {
        LA_TRY(seconds_of_loop(b, kind, blocks, loops, &ns, err));
        double now = flop_of(kind) * blocks * loops / (ns * 1e-9);
        if (ns > 0 && now > *rate) *rate = now;
    }
    return LA_OK;
}

static la_status rate_of_copy(bench *b, double *rate, la_err *err)
{
    *rate = 0;
    for (int i = 0; i < RUNS; i++) {
        double ns;
        LA_TRY(la_cuda()->mark(b->start, b->stream, err));
        LA_TRY(la_cuda()->copy(b->to.data, b->from.data, b->to.bytes, b->stream, err));
        LA_TRY(la_cuda()->mark(b->stop, b->stream, err));
        LA_TRY(la_cuda()->wait(b->stream, err));
        LA_TRY(la_cuda()->elapsed(b->start, b->stop, &ns, err));
        double now = 2.0 * (double)b->to.bytes / (ns * 1e-9);
        if (ns > 0 && now > *rate) *rate = now;
    }
    return LA_OK;
}

static la_status run(bench *b, la_device_peak *out, la_err *err)
{
    double fma, tf32, wgmma = 0;
#if LA_HAVE_SM90A
    bool hopper = strstr(b->device->name, " sm_90") != NULL;
#else
    bool hopper = false;
#endif
    LA_TRY(begin(b, err));
    b->began = la_now_ns();
    LA_TRY(rate_of(b, LA_PEAK_FMA, &fma, err));
    LA_TRY(rate_of(b, LA_PEAK_TF32, &tf32, err));
    LA_TRY(rate_of(b, LA_PEAK_BF16, &out->bf16, err));
    if (hopper) LA_TRY(rate_of(b, LA_PEAK_WGMMA, &wgmma, err));
    LA_TRY(rate_of_copy(b, &out->copy, err));
    out->f32 = tf32 / 3 > fma ? tf32 / 3 : fma;
    if (wgmma > out->bf16) out->bf16 = wgmma;
    return LA_OK;
}

la_status la_device_peak_measure(const la_device *device, la_device_peak *out, la_err *err)
{
    bench b = {.device = device};
    la_cuda_about about;
    int lock;
    *out = (la_device_peak){0};
    LA_TRY(la_cuda()->about(device->index, &about, err));
    LA_TRY(la_device_lock(NULL, about.uuid, LA_DEVICE_ALONE, &lock, err));
    la_status st = run(&b, out, err);
    end(&b);
    close(lock);
    return st;
}
