/* SPDX-License-Identifier: Apache-2.0
 * What kernels are written with. A .cu file includes this first and uses no other CUDA header, so that it
 * compiles twice: by nvcc for devices, and by a C++ compiler for tests/cuda/emulator.h, where every thread
 * of a block is a fiber and a launch a loop. There kernels meet the whole conformance suite, guard
 * zones and address sanitizers, on machines without a device.
 *
 *   LA_LAUNCH((kernel<A, B>), grid, block, shared_bytes, stream, arguments...);
 *   return LA_LAUNCHED("gla forward", err);
 *   LA_SHARED(float, pool);        shared memory of the size that the launch names, 16-byte aligned
 */
#ifndef LABENCH_CUDA_KIT_CUH
#define LABENCH_CUDA_KIT_CUH

#include <math.h>
#include <stdint.h>

#include "labench/cuda.h"

#ifdef __CUDACC__
#include <cuda_runtime.h>
#define LA_LAUNCH(kernel, grid, block, shared, stream, ...)                                        \
    kernel<<<(grid), (block), (shared), (cudaStream_t)(stream)>>>(__VA_ARGS__)
#define LA_LAUNCHED(what, err) la_cuda_launched((int)cudaGetLastError(), what, err)
#define LA_SHARED(type, name)                                                                      \
    extern __shared__ __align__(16) unsigned char la_shared_bytes[];                               \
    type *name = (type *)(void *)la_shared_bytes
#else
#include "emulator.h"
#endif

/* ---- bfloat16 as its bits: a float32's upper half, rounded to nearest even ---- */

struct la_bf16_t {
    uint16_t bits;
};

__device__ static inline float la_to_float(float x)
{
    return x;
}

__device__ static inline float la_to_float(la_bf16_t x)
{
    union {
        uint32_t u;
        float f;
    } y = {(uint32_t)x.bits << 16};
    return y.f;
}

__device__ static inline void la_from_float(float x, float *out)
{
    *out = x;
}

__device__ static inline void la_from_float(float x, la_bf16_t *out)
{
    union {
        float f;
        uint32_t u;
    } y = {x};
    uint32_t rounded = y.u + 0x7fffu + (y.u >> 16 & 1u);
    if ((y.u & 0x7fffffffu) > 0x7f800000u) rounded = y.u | 0x400000u; /* NaN stays NaN */
    out->bits = (uint16_t)(rounded >> 16);
}

/* ---- warps ---- */

#define LA_WARP 32
#define LA_ALL  0xffffffffu

__device__ static inline float la_warp_sum(float x)
{
    for (int d = LA_WARP / 2; d > 0; d /= 2) x += __shfl_xor_sync(LA_ALL, x, d);
    return x;
}

__device__ static inline float la_warp_max(float x)
{
    for (int d = LA_WARP / 2; d > 0; d /= 2) x = fmaxf(x, __shfl_xor_sync(LA_ALL, x, d));
    return x;
}

#endif
