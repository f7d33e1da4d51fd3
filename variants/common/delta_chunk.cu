/* SPDX-License-Identifier: Apache-2.0
 * Geometry and launches of the chunk form on the device (delta_chunk_cuda.cuh).
 */
#include "delta_chunk_join.cuh"
#include "delta_chunk_scan.cuh"

la_status la_delta_chunk_scan_bf16(const la_scan_call *x, la_err *err);
la_status la_delta_chunk_scan_f16(const la_scan_call *x, la_err *err);
la_status la_delta_chunk_scan_f32(const la_scan_call *x, la_err *err);

template <typename E> static size_t record_bytes(const la_delta_call *c)
{
#define CASE(w, channel)                                                                           \
    if (c->write == LA_WRITE_##w && (c->decay == LA_DECAY_CHANNEL) == channel)                     \
        return c->dk <= 64    ? (size_t)la_chunk_record<E, LA_WRITE_##w, channel, 64>::bytes       \
               : c->dk <= 128 ? (size_t)la_chunk_record<E, LA_WRITE_##w, channel, 128>::bytes      \
                              : (size_t)la_chunk_record<E, LA_WRITE_##w, channel, 256>::bytes;
    CASE(ADDITIVE, false)
    CASE(ADDITIVE, true)
    CASE(DELTA, false)
    CASE(DELTA, true)
    CASE(RANK_ONE, true)
#undef CASE
    return 0;
}

/* Segments that a head is cut into, chunks of one, and columns of a block. With enough heads a block goes
 * through a head from end to end, and takes as many columns as leave a block for every processor. Where even
 * blocks of two warps are too few, a head's chunks are cut: once for the states at the cuts, once more from
 * there. A segment has LA_DELTA_CUDA_SEGMENT chunks at least, since states and transitions cost what some
 * chunks do. */
extern "C" la_delta_geometry la_delta_chunks_geometry(const la_delta_call *c)
{
    const int64_t heads = c->B * c->H, all = (c->dv + 15) / 16 * 16;
    la_delta_geometry g;
    g.chunks = (c->T + LA_CHUNK - 1) / LA_CHUNK;
    g.segments = 1;
    int64_t fewest = heads * ((c->dv + 31) / 32), most = g.chunks / LA_DELTA_CUDA_SEGMENT;
    if (2 * fewest <= LA_DELTA_CUDA_BLOCKS && most > 1) {
        int64_t wanted = 2 * LA_DELTA_CUDA_BLOCKS / fewest;
        if (wanted > 32) wanted = 32; /* they are joined one after the other */
        g.segments = wanted < most ? wanted : most;
    }
    g.segment = (g.chunks + g.segments - 1) / g.segments;
    g.segments = (g.chunks + g.segment - 1) / g.segment;
    g.wide = c->dk <= 128 ? 128 : 64; /* of 8 warps */
    while (g.wide > 32 &&
           heads * g.segments * ((c->dv + g.wide - 1) / g.wide) < LA_DELTA_CUDA_BLOCKS)
        g.wide /= 2;
    if (all < g.wide) g.wide = (int)all;
    const bool matrices = g.segments > 1 && c->write != LA_WRITE_ADDITIVE;
    g.groups = (c->dv + g.wide - 1) / g.wide;
    g.identity = matrices ? (c->dk + g.wide - 1) / g.wide : 0;
    g.blocks = heads * g.segments * (g.groups + g.identity);
    return g;
}

static size_t whole(size_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

/* Where the parts of the work lie: records, states at the cuts, what becomes of a state through a segment
 * (a matrix, or by channel what a decay leaves of it). */
struct chunk_work {
    size_t starts, transitions, bytes;
};

static chunk_work work_of(const la_delta_call *c, const la_delta_geometry *g)
{
    size_t one = c->dtype == LA_F32 ? record_bytes<float>(c) : record_bytes<la_bf16_t>(c);
    size_t heads = (size_t)(c->B * c->H), segments = heads * (size_t)g->segments;
    size_t channels = (size_t)c->dk * (c->write == LA_WRITE_ADDITIVE ? 1 : (size_t)c->dk);
    chunk_work w;
    w.starts = whole(one * heads * (size_t)g->chunks);
    w.transitions = w.bytes = w.starts;
    if (g->segments == 1) return w;
    w.transitions = w.starts + whole(segments * (size_t)(c->dk * c->dv) * sizeof(float));
    w.bytes = w.transitions + whole(segments * channels * sizeof(float));
    return w;
}

extern "C" size_t la_delta_chunks_work(const la_delta_call *c)
{
    la_delta_geometry g = la_delta_chunks_geometry(c);
    return work_of(c, &g).bytes;
}

static la_status scan(const la_scan_call *x, la_err *err)
{
    if (x->c.dtype == LA_BF16) return la_delta_chunk_scan_bf16(x, err);
    if (x->c.dtype == LA_F16) return la_delta_chunk_scan_f16(x, err);
    return la_delta_chunk_scan_f32(x, err);
}

/* S before each segment. */
static la_status cut(const la_scan_call *of, int64_t identity, float *transitions, la_err *err)
{
    const la_delta_call *c = &of->c;
    la_scan_call x = *of;
    x.goal = LA_SCAN_STATES;
    x.transitions = identity ? transitions : nullptr;
    x.groups += identity;
    la_status st = scan(&x, err);
    if (st != LA_OK) return st;
    la_segment_join join;
    join.c = *c;
    join.records = of->records;
    join.record_bytes =
        (int64_t)(c->dtype == LA_F32 ? record_bytes<float>(c) : record_bytes<la_bf16_t>(c));
    join.chunks = of->chunks, join.segments = of->segments, join.segment = of->segment;
    join.starts = of->starts, join.transitions = transitions;
    return la_delta_chunk_join(&join, err);
}

extern "C" la_status la_delta_chunks(const la_delta_call *c, void *work, la_err *err)
{
    const la_delta_geometry g = la_delta_chunks_geometry(c);
    const chunk_work w = work_of(c, &g);
    unsigned char *at = (unsigned char *)work;
    la_scan_call x;
    x.c = *c;
    x.records = at;
    x.goal = LA_SCAN_OUTPUT;
    x.chunks = g.chunks, x.segments = g.segments, x.segment = g.segment;
    x.wide = g.wide;
    x.groups = g.groups;
    x.starts = g.segments > 1 ? (float *)(void *)(at + w.starts) : nullptr;
    x.transitions = nullptr;
    if (g.blocks > INT32_MAX)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "more blocks than one launch may have");
    la_status st = la_delta_chunks_prepare(c, work, err);
    if (st == LA_OK && g.segments > 1)
        st = cut(&x, g.identity, (float *)(void *)(at + w.transitions), err);
    return st == LA_OK ? scan(&x, err) : st;
}
