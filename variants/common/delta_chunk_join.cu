/* SPDX-License-Identifier: Apache-2.0
 * S before each segment (delta_chunk_join.cuh), from the first: S <- A S + what the segment wrote, A being what
 * the segment makes of an identity, or of the additive rule the product of its decays. In float32.
 */
#include "delta_chunk_join.cuh"

static const int THREADS = 256, COLUMNS = 32, LINES = THREADS / COLUMNS;
static const int ROWS = LA_DELTA_CUDA_DK / LINES; /* of S that a thread makes, in one column */

/* What the decays of a segment's chunks leave, by channel. grid: segments; a thread has channels. */
__global__ void __launch_bounds__(128) decays_of_segments(la_segment_join x)
{
    const bool channel_wise = x.c.decay == LA_DECAY_CHANNEL;
    const int64_t place = blockIdx.x, bh = place / x.segments,
                  first = place % x.segments * x.segment;
    const int64_t last = first + x.segment < x.chunks ? first + x.segment : x.chunks;
    for (int64_t i = threadIdx.x; i < x.c.dk; i += blockDim.x) {
        float left = 1.0f;
        for (int64_t n = first; n < last; n++) {
            const unsigned char *record = x.records + (bh * x.chunks + n) * x.record_bytes;
            const float *factor = (const float *)(const void *)record + LA_CHUNK_TILE;
            left *= factor[channel_wise ? i : LA_CHUNK - 1];
        }
        x.transitions[place * x.c.dk + i] = left;
    }
}

/* grid: groups of columns of every head; block: 32 columns, rows in turn. */
template <bool MATRIX>
__global__ void __launch_bounds__(256) join_segments(la_segment_join x, int64_t groups)
{
    LA_SHARED(float, S); /* [dk][COLUMNS], of MATRIX alone */
    const int64_t dk = x.c.dk, dv = x.c.dv, bh = (int64_t)blockIdx.x / groups;
    const int lane = (int)(threadIdx.x % COLUMNS), line = (int)(threadIdx.x / COLUMNS);
    const int64_t j = (int64_t)blockIdx.x % groups * COLUMNS + lane;
    float mine[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        int64_t i = line + LINES * r;
        bool there = x.c.S_in && i < dk && j < dv;
        mine[r] = there ? x.c.S_in[(bh * dk + i) * dv + j] : 0.0f;
    }
    for (int64_t n = 0; n < x.segments; n++) {
        const int64_t place = bh * x.segments + n;
        float wrote[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            int64_t i = line + LINES * r, at = (place * dk + i) * dv + j;
            wrote[r] = 0.0f;
            if (i < dk && j < dv) {
                wrote[r] = x.starts[at];
                x.starts[at] = mine[r];
            }
            if (MATRIX && i < dk) S[i * COLUMNS + lane] = mine[r];
        }
        if (MATRIX) __syncthreads();
        const float *A = x.transitions + place * dk * (MATRIX ? dk : 1);
        for (int64_t m = 0; MATRIX && m < dk; m++) {
            float s = S[m * COLUMNS + lane];
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                int64_t i = line + LINES * r;
                wrote[r] = fmaf(i < dk ? A[i * dk + m] : 0.0f, s, wrote[r]);
            }
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            int64_t i = line + LINES * r;
            mine[r] = MATRIX ? wrote[r] : fmaf(i < dk ? A[i] : 0.0f, mine[r], wrote[r]);
        }
        if (MATRIX) __syncthreads(); /* S is read */
    }
}

la_status la_delta_chunk_join(const la_segment_join *x, la_err *err)
{
    const int64_t heads = x->c.B * x->c.H, groups = (x->c.dv + COLUMNS - 1) / COLUMNS;
    const dim3 blocks((unsigned)(heads * groups));
    if (x->c.write != LA_WRITE_ADDITIVE) {
        LA_LAUNCH((join_segments<true>), blocks, dim3(THREADS),
                  (size_t)x->c.dk * COLUMNS * sizeof(float), x->c.stream, *x, groups);
        return LA_LAUNCHED("segments of a sequence", err);
    }
    LA_LAUNCH(decays_of_segments, dim3((unsigned)(heads * x->segments)), dim3(128), 0, x->c.stream,
              *x);
    la_status st = LA_LAUNCHED("decays of segments", err);
    if (st != LA_OK) return st;
    LA_LAUNCH((join_segments<false>), blocks, dim3(THREADS), 0, x->c.stream, *x, groups);
    return LA_LAUNCHED("segments of a sequence", err);
}
