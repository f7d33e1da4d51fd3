/* SPDX-License-Identifier: Apache-2.0
 * Geometry and launches of the chunk form on the device (delta_chunk_cuda.cuh).
 */
#include "delta_chunk_scan.cuh"

la_status la_delta_chunk_scan_bf16(const la_scan_call *x, la_err *err);
la_status la_delta_chunk_scan_f16(const la_scan_call *x, la_err *err);
la_status la_delta_chunk_scan_f32(const la_scan_call *x, la_err *err);

template <typename E> static size_t record_bytes(const la_delta_call *c)
{
#define CASE(w, channel)                                                                           \
    if (c->write == LA_WRITE_##w && (c->decay == LA_DECAY_CHANNEL) == channel)                     \
        return c->dk <= 64 ? (size_t)la_chunk_record<E, LA_WRITE_##w, channel, 64>::bytes          \
                           : (size_t)la_chunk_record<E, LA_WRITE_##w, channel, 128>::bytes;
    CASE(ADDITIVE, false)
    CASE(ADDITIVE, true)
    CASE(DELTA, false)
    CASE(DELTA, true)
    CASE(RANK_ONE, true)
#undef CASE
    return 0;
}

static int64_t chunks_of(const la_delta_call *c)
{
    return (c->T + LA_CHUNK - 1) / LA_CHUNK;
}

extern "C" size_t la_delta_chunks_work(const la_delta_call *c)
{
    size_t one = c->dtype == LA_F32 ? record_bytes<float>(c) : record_bytes<la_bf16_t>(c);
    return one * (size_t)(c->B * c->H * chunks_of(c));
}

/* Columns of a block: as few as fill the device with blocks, not less than two warps' nor more than there are. */
static int width_of(const la_delta_call *c)
{
    int wide = 128;
    while (wide > 32 && c->B * c->H * ((c->dv + wide - 1) / wide) < LA_DELTA_CUDA_BLOCKS) wide /= 2;
    int64_t all = (c->dv + 15) / 16 * 16;
    return all < wide ? (int)all : wide;
}

extern "C" la_status la_delta_chunks(const la_delta_call *c, void *work, la_err *err)
{
    la_scan_call x;
    x.c = *c;
    x.records = (const unsigned char *)work;
    x.chunks = chunks_of(c);
    x.wide = width_of(c);
    x.groups = (c->dv + x.wide - 1) / x.wide;
    if (c->B * c->H * x.groups > INT32_MAX)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "more blocks than one launch may have");
    la_status st = la_delta_chunks_prepare(c, work, err);
    if (st != LA_OK) return st;
    if (c->dtype == LA_BF16) return la_delta_chunk_scan_bf16(&x, err);
    if (c->dtype == LA_F16) return la_delta_chunk_scan_f16(&x, err);
    return la_delta_chunk_scan_f32(&x, err);
}
