/* SPDX-License-Identifier: Apache-2.0
 * Softmax of rows in device memory: a block a row, which it reads twice and writes once; the second time it
 * mostly comes from caches. Sums have a fixed order.
 *
 * Where narrow results go over the row of float32 they are made of, element j lands on element j/2, which
 * some thread has read before the barrier of its piece: results never get ahead of what is read.
 */
#include "labench/cuda_kit.cuh"

#include "softmax_rows.h"

static const int EACH = 4; /* numbers of a thread in one piece of a row */

/* Maximum and sum of exponentials relative to it, of numbers seen so far. */
struct tally {
    float top, sum;
};

__device__ static tally join(tally a, tally b)
{
    float top = fmaxf(a.top, b.top);
    tally out = {top, 0.0f};
    if (a.sum > 0.0f) out.sum += a.sum * expf(a.top - top);
    if (b.sum > 0.0f) out.sum += b.sum * expf(b.top - top);
    return out;
}

/* Of the block, the same in every thread. `part` [warps] is free again behind the next barrier. */
__device__ static tally join_block(tally mine, tally *part)
{
    for (int d = LA_WARP / 2; d > 0; d /= 2) {
        tally other = {__shfl_xor_sync(LA_ALL, mine.top, d), __shfl_xor_sync(LA_ALL, mine.sum, d)};
        mine = join(mine, other);
    }
    if (blockDim.x == LA_WARP) return mine;
    if (threadIdx.x % LA_WARP == 0) part[threadIdx.x / LA_WARP] = mine;
    __syncthreads();
    tally all = part[0];
    for (unsigned w = 1; w < blockDim.x / LA_WARP; w++) all = join(all, part[w]);
    return all;
}

__device__ static float sum_block(float mine, float *part)
{
    mine = la_warp_sum(mine);
    if (blockDim.x == LA_WARP) return mine;
    if (threadIdx.x % LA_WARP == 0) part[threadIdx.x / LA_WARP] = mine;
    __syncthreads();
    float all = part[0];
    for (unsigned w = 1; w < blockDim.x / LA_WARP; w++) all += part[w];
    return all;
}

__device__ static int64_t visible_of(const la_softmax_rows &c, int64_t row)
{
    int64_t n = c.causal ? c.pos + row % c.tokens + 1 : c.len;
    return n < c.len ? n : c.len;
}

template <typename E>
__global__ void __launch_bounds__(256)
    weigh_kernel(la_softmax_rows c, const float *scores, E *to, int64_t ld)
{
    LA_SHARED(tally, part);
    const int n = (int)blockDim.x, me = (int)threadIdx.x;
    for (int64_t row = blockIdx.x; row < c.rows; row += gridDim.x) {
        const float *from = scores + row * c.len;
        const int64_t visible = visible_of(c, row);
        tally mine = {-INFINITY, 0.0f};
        for (int64_t j = me; j < visible; j += n) { /* one exponential, whichever is larger */
            float x = from[j], apart = mine.top - x, e = expf(-fabsf(apart));
            mine.sum = apart >= 0.0f ? mine.sum + e : mine.sum * e + 1.0f;
            mine.top = fmaxf(mine.top, x);
        }
        const tally all = join_block(mine, part);
        const float factor = 1.0f / all.sum;
        for (int64_t first = 0; first < c.len; first += (int64_t)n * EACH) {
            float weight[EACH];
#pragma unroll
            for (int e = 0; e < EACH; e++) {
                int64_t j = first + e * n + me;
                weight[e] = j < visible ? expf(from[j] - all.top) * factor : 0.0f;
            }
            __syncthreads();
#pragma unroll
            for (int e = 0; e < EACH; e++) {
                int64_t j = first + e * n + me;
                if (j < c.len) la_from_float(weight[e], to + row * ld + j);
            }
        }
    }
}

/* W: of the weights, E: of the result. */
template <typename W, typename E>
__global__ void __launch_bounds__(256) slopes_kernel(la_softmax_rows c, const W *weights,
                                                     int64_t weights_ld, float *slopes, int64_t ld)
{
    LA_SHARED(float, part);
    const int n = (int)blockDim.x, me = (int)threadIdx.x;
    for (int64_t row = blockIdx.x; row < c.rows; row += gridDim.x) {
        const float *from = slopes + row * c.len;
        const W *weight = weights + row * weights_ld;
        E *to = (E *)(void *)slopes + row * ld;
        const int64_t visible = visible_of(c, row);
        float mine = 0.0f;
        for (int64_t j = me; j < visible; j += n)
            mine = fmaf(la_to_float(weight[j]), from[j], mine);
        const float mean = sum_block(mine, part);
        for (int64_t first = 0; first < c.len; first += (int64_t)n * EACH) {
            float slope[EACH];
#pragma unroll
            for (int e = 0; e < EACH; e++) {
                int64_t j = first + e * n + me;
                slope[e] = j < visible ? la_to_float(weight[j]) * (from[j] - mean) : 0.0f;
            }
            __syncthreads();
#pragma unroll
            for (int e = 0; e < EACH; e++) {
                int64_t j = first + e * n + me;
                if (j < c.len) la_from_float(slope[e], to + j);
            }
        }
    }
}

/* Threads for a row: enough for its length, and one warp for short ones, which then needs no barriers. */
static unsigned threads_of(int64_t len)
{
    return len > 1024 ? 256 : len > 256 ? 128 : 32;
}

static unsigned blocks_of(int64_t rows)
{
    return (unsigned)(rows < 1 << 20 ? rows : 1 << 20);
}

template <typename E>
static void weigh(const la_softmax_rows *c, const float *scores, void *to, int64_t ld)
{
    LA_LAUNCH((weigh_kernel<E>), dim3(blocks_of(c->rows)), dim3(threads_of(c->len)),
              256 / LA_WARP * sizeof(tally), c->stream, *c, scores, (E *)to, ld);
}

template <typename W, typename E>
static void differ(const la_softmax_rows *c, const void *weights, int64_t weights_ld, float *slopes)
{
    LA_LAUNCH((slopes_kernel<W, E>), dim3(blocks_of(c->rows)), dim3(threads_of(c->len)),
              256 / LA_WARP * sizeof(float), c->stream, *c, (const W *)weights, weights_ld, slopes,
              c->len * (int64_t)(sizeof(float) / sizeof(E)));
}

extern "C" la_status la_softmax_rows_weigh(const la_softmax_rows *c, const float *scores, void *to,
                                           int64_t ld, la_err *err)
{
    if (c->dtype == LA_BF16)
        weigh<la_bf16_t>(c, scores, to, ld);
    else if (c->dtype == LA_F16)
        weigh<la_f16_t>(c, scores, to, ld);
    else
        weigh<float>(c, scores, to, ld);
    return LA_LAUNCHED("the softmax of rows", err);
}

extern "C" la_status la_softmax_rows_slopes(const la_softmax_rows *c, const void *weights,
                                            int64_t ld, float *slopes, la_dtype type, la_err *err)
{
    bool wide = type == LA_F32;
    if (c->dtype == LA_BF16)
        wide ? differ<la_bf16_t, float>(c, weights, ld, slopes)
             : differ<la_bf16_t, la_bf16_t>(c, weights, ld, slopes);
    else if (c->dtype == LA_F16)
        wide ? differ<la_f16_t, float>(c, weights, ld, slopes)
             : differ<la_f16_t, la_f16_t>(c, weights, ld, slopes);
    else
        differ<float, float>(c, weights, ld, slopes);
    return LA_LAUNCHED("the gradient of the softmax of rows", err);
}
