/* SPDX-License-Identifier: Apache-2.0
 * S before each segment (delta_chunk_join.cuh), from the first: S <- A S + what the segment wrote, A being what
 * the segment makes of an identity, or of the additive rule the product of its decays. In float32: its
 * products are three of tf32.
 *
 * With matrices a block has 16 columns of a head, a warp 16 rows of them as a sum. Segments follow one
 * another, so that what a step takes is what counts: S crosses warps through shared memory with one barrier,
 * and the rows of A come a block of 32 columns ahead, also across segments.
 */
#include "delta_chunk_join.cuh"

static const int COLUMNS = 16,
                 PITCH = COLUMNS + 2;            /* of S: four rows and eight columns in 32 banks */
static const int BLOCK = 32, STEPS = BLOCK / 16; /* columns of A at a time */
static const int THREADS = 256;                  /* of kernels without matrices */

/* What the decays of a segment's chunks leave, by channel. grid: segments; a thread has channels. */
__global__ void __launch_bounds__(128) decays_of_segments(la_segment_join x)
{
    const bool channel_wise = x.c.decay == LA_DECAY_CHANNEL;
    const int64_t place = blockIdx.x, bh = place / x.segments,
                  first = place % x.segments * x.segment;
    const int64_t last = first + x.segment < x.chunks ? first + x.segment : x.chunks;
    for (int64_t i = threadIdx.x; i < x.c.dk; i += blockDim.x) {
        float left = 1.0f;
#pragma unroll 8
        for (int64_t n = first; n < last; n++) {
            const unsigned char *record = x.records + (bh * x.chunks + n) * x.record_bytes;
            const float *factor = (const float *)(const void *)record + LA_CHUNK_TILE;
            left *= factor[channel_wise ? i : LA_CHUNK - 1];
        }
        x.transitions[place * x.c.dk + i] = left;
    }
}

/* By decays. A thread has a number of the states of all heads. */
__global__ void __launch_bounds__(THREADS) join_decays(la_segment_join x)
{
    const int64_t one = x.c.dk * x.c.dv, e = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (e >= x.c.B * x.c.H * one) return;
    const int64_t bh = e / one, channel = e % one / x.c.dv;
    float *at = x.starts + bh * x.segments * one + e % one, wrote = *at;
    const float *left = x.transitions + bh * x.segments * x.c.dk + channel;
    float mine = x.c.S_in ? x.c.S_in[e] : 0.0f;
    for (int64_t n = 0; n + 1 < x.segments; n++) {
        float next = n + 2 < x.segments ? at[one] : 0.0f;
        *at = mine;
        mine = fmaf(*left, mine, wrote);
        wrote = next, at += one, left += x.c.dk;
    }
    *at = mine;
}

/* Rows l / 4 and l / 4 + 8 of the warp's 16, of each 16 columns of A four a lane. */
struct join_rows {
    float4 x[STEPS][2];
};

__device__ static void fetch_rows(const la_segment_join &x, int64_t place, int64_t column,
                                  join_rows *to)
{
    const int64_t dk = x.c.dk;
    const int lane = (int)(threadIdx.x % LA_WARP), warp = (int)(threadIdx.x / LA_WARP);
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int64_t i = 16 * warp + lane / 4 + 8 * half, m = column + 16 * s + lane % 4 * 4;
            const float *at = x.transitions + (place * dk + i) * dk + m;
            float4 y = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
            if (i < dk && dk % 4 == 0) {
                if (m < dk) y = *(const float4 *)(const void *)at;
            } else if (i < dk) {
                if (m + 0 < dk) y.x = at[0];
                if (m + 1 < dk) y.y = at[1];
                if (m + 2 < dk) y.z = at[2];
                if (m + 3 < dk) y.w = at[3];
            }
            to->x[s][half] = y;
        }
    }
}

/* sum += a block of A times the rows of S from `column` on; k of 8 stands for columns 0, 4, 8, 12, 1, 5, 9, 13 of
 * 16, then for the others, as lanes have them. */
__device__ static void add_block(float sum[2][8], const join_rows *a, const float *S)
{
    const int lane = (int)(threadIdx.x % LA_WARP);
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
        const float4 top = a->x[s][0], low = a->x[s][1];
        const float first[4] = {top.x, low.x, top.y, low.y},
                    second[4] = {top.z, low.z, top.w, low.w};
        const la_split_a left[2] = {la_split4(first), la_split4(second)};
        const float *from = S + (16 * s + lane % 4 * 4) * PITCH + lane / 4;
#pragma unroll
        for (int k = 0; k < 2; k++) {
#pragma unroll
            for (int t = 0; t < 2; t++) {
                const float *at = from + 2 * k * PITCH + 8 * t;
                const float pair[2] = {at[0], at[PITCH]};
                la_mma_split(sum[k] + 4 * t, left[k], la_split2(pair));
            }
        }
    }
}

/* grid: groups of columns of every head; block: a warp for each 16 rows. */
__global__ void __launch_bounds__(2 * LA_DELTA_CUDA_DK)
    join_matrices(la_segment_join x, int64_t groups)
{
    LA_SHARED(float, S); /* two in turn of [dk up to a BLOCK][PITCH] */
    const int64_t dk = x.c.dk, dv = x.c.dv, bh = (int64_t)blockIdx.x / groups;
    const int64_t blocks = (dk + BLOCK - 1) / BLOCK, rows = blocks * BLOCK;
    const int64_t j0 = (int64_t)blockIdx.x % groups * COLUMNS, i0 = threadIdx.x / LA_WARP * 16;
    float mine[8];
#pragma unroll
    for (int e = 0; e < 8; e++) {
        const int64_t i = i0 + la_tile_row(e), j = j0 + la_tile_column(e);
        const bool there = x.c.S_in && i < dk && j < dv;
        mine[e] = there ? x.c.S_in[(bh * dk + i) * dv + j] : 0.0f;
    }
    for (int64_t e = threadIdx.x; e < 2 * rows * PITCH; e += blockDim.x) S[e] = 0.0f;
    const bool zeros = !x.c.S_in; /* then the first segment has no matrix */
    join_rows ahead;
    if (zeros < x.segments - 1) fetch_rows(x, bh * x.segments + zeros, 0, &ahead);
    __syncthreads(); /* rows beyond dk are zeros */
    for (int64_t n = 0; n < x.segments; n++) {
        const int64_t place = bh * x.segments + n;
        float *now = S + (n & 1) * rows * PITCH, sum[2][8] = {}, wrote[8];
        const bool more = n + 1 < x.segments;
#pragma unroll
        for (int e = 0; e < 8; e++) {
            const int64_t i = i0 + la_tile_row(e), j = j0 + la_tile_column(e);
            const int64_t at = (place * dk + i) * dv + j;
            wrote[e] = 0.0f;
            if (i < dk) now[i * PITCH + la_tile_column(e)] = mine[e];
            if (i >= dk || j >= dv) continue;
            if (more) wrote[e] = x.starts[at];
            x.starts[at] = mine[e];
        }
        __syncthreads(); /* S is whole; nobody reads the one before any more */
        if (!more) break;
        for (int64_t m = 0; m < blocks && (n > 0 || !zeros); m++) {
            const join_rows a = ahead;
            const bool end = m + 1 == blocks;
            if (!end || n + 2 < x.segments)
                fetch_rows(x, place + end, end ? 0 : (m + 1) * BLOCK, &ahead);
            add_block(sum, &a, now + m * BLOCK * PITCH);
        }
#pragma unroll
        for (int e = 0; e < 8; e++) mine[e] = sum[0][e] + sum[1][e] + wrote[e];
    }
}

la_status la_delta_chunk_join(const la_segment_join *x, la_err *err)
{
    const int64_t heads = x->c.B * x->c.H, groups = (x->c.dv + COLUMNS - 1) / COLUMNS;
    if (x->c.write != LA_WRITE_ADDITIVE) {
        const int64_t warps = (x->c.dk + 15) / 16, rows = (x->c.dk + BLOCK - 1) / BLOCK * BLOCK;
        LA_LAUNCH(join_matrices, dim3((unsigned)(heads * groups)), dim3(32 * (unsigned)warps),
                  (size_t)(2 * rows * PITCH) * sizeof(float), x->c.stream, *x, groups);
        return LA_LAUNCHED("segments of a sequence", err);
    }
    LA_LAUNCH(decays_of_segments, dim3((unsigned)(heads * x->segments)), dim3(128), 0, x->c.stream,
              *x);
    la_status st = LA_LAUNCHED("decays of segments", err);
    if (st != LA_OK) return st;
    const int64_t numbers = heads * x->c.dk * x->c.dv;
    LA_LAUNCH(join_decays, dim3((unsigned)((numbers + THREADS - 1) / THREADS)), dim3(THREADS), 0,
              x->c.stream, *x);
    return LA_LAUNCHED("segments of a sequence", err);
}
