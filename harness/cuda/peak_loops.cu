/* SPDX-License-Identifier: Apache-2.0
 * Loops that do nothing but multiply and add, for what a device can do at most: operands stay in registers or
 * shared memory, and are random numbers, since units draw less power, and run faster, on zeros.
 */
#include "labench/cuda_hopper.cuh"

#include "peak_loops.h"

/* A number in [-1, 1) of its own for each i. */
__device__ static inline float number(unsigned i)
{
    i = (i ^ 61u) ^ (i >> 16);
    i *= 9u;
    i ^= i >> 4;
    i *= 0x27d4eb2du;
    i ^= i >> 15;
    return (float)(i & 0xffffu) / 32768.0f - 1.0f;
}

__device__ static inline uint32_t pair(unsigned i)
{
    la_bf16_t low, high;
    la_from_float(number(2 * i), &low);
    la_from_float(number(2 * i + 1), &high);
    return (uint32_t)low.bits | (uint32_t)high.bits << 16;
}

/* The sums are used, and never written: no sum of these is that number. */
__device__ static inline void keep(float sum, float *out)
{
    if (sum == 1.2345678e30f) *out = sum;
}

__global__ void peak_fma_kernel(int loops, float *out)
{
    float c[LA_PEAK_CHAINS], a = number(threadIdx.x), sum = 0;
    for (int i = 0; i < LA_PEAK_CHAINS; i++) c[i] = number(1000 + i);
    for (int l = 0; l < loops; l++)
#pragma unroll
        for (int i = 0; i < LA_PEAK_CHAINS; i++) c[i] = fmaf(c[i], a, 0.5f);
    for (int i = 0; i < LA_PEAK_CHAINS; i++) sum += c[i];
    keep(sum, out);
}

template <bool TF32> __global__ void peak_mma_kernel(int loops, float *out)
{
    float c[LA_PEAK_TILES][4] = {}, sum = 0;
    uint32_t a[4], b[2];
    for (int i = 0; i < 4; i++) a[i] = pair(threadIdx.x * 8 + i);
    for (int i = 0; i < 2; i++) b[i] = pair(threadIdx.x * 8 + 4 + i);
    for (int l = 0; l < loops; l++)
#pragma unroll
        for (int i = 0; i < LA_PEAK_TILES; i++) {
            if (TF32)
                la_mma_tf32(c[i], a, b);
            else
                la_mma<la_bf16_t>(c[i], a, b);
        }
    for (int i = 0; i < LA_PEAK_TILES; i++)
        for (int e = 0; e < 4; e++) sum += c[i][e];
    keep(sum, out);
}

/* One group of four warps: 64 x 256 += 64 x 16 by 16 x 256, four of them at a time. */
__global__ void __launch_bounds__(128) peak_wgmma_kernel(int loops, float *out)
{
#if LA_HOPPER
    LA_SHARED(uint32_t, tiles); /* A: 64 rows of 64 numbers; B: 256 */
    const int words = (64 + 256) * 64 / 2;
    float c[128] = {}, sum = 0;
    for (int i = (int)threadIdx.x; i < words; i += 128) tiles[i] = pair((unsigned)i);
    la_fence_async();
    __syncthreads();
    uint64_t a = la_tile_k(tiles), b = la_tile_k(tiles + 64 * 64 / 2);
    for (int l = 0; l < loops; l++) {
        la_wgmma_fence();
#pragma unroll
        for (int k = 0; k < 4; k++) /* the next 16 k: 32 bytes, in units of 16 */
            la_wgmma<la_bf16_t, false>(c, a + (uint64_t)(2 * k), b + (uint64_t)(2 * k), true);
        la_wgmma_commit();
        la_wgmma_wait<0>();
    }
    la_wgmma_hold(c);
    for (int i = 0; i < 128; i++) sum += c[i];
    keep(sum, out);
#else
    (void)loops, (void)out;
    __trap(); /* of a build that should not have chosen it */
#endif
}

extern "C" la_status la_peak_loop(la_peak_kind kind, int blocks, int loops, float *out,
                                  void *stream, la_err *err)
{
    dim3 grid((unsigned)blocks), threads(LA_PEAK_THREADS);
    switch (kind) {
    case LA_PEAK_FMA:
        LA_LAUNCH(peak_fma_kernel, grid, threads, 0, stream, loops, out);
        break;
    case LA_PEAK_TF32:
        LA_LAUNCH(peak_mma_kernel<true>, grid, threads, 0, stream, loops, out);
        break;
    case LA_PEAK_BF16:
        LA_LAUNCH(peak_mma_kernel<false>, grid, threads, 0, stream, loops, out);
        break;
    default:
        LA_LAUNCH(peak_wgmma_kernel, grid, dim3(128), (64 + 256) * 128, stream, loops, out);
    }
    return LA_LAUNCHED("a loop of multiply-adds", err);
}
