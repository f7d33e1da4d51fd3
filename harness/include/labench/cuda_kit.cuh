/* SPDX-License-Identifier: Apache-2.0
 * What kernels are written with. A .cu file includes this first and uses no other CUDA header, so that it
 * compiles twice: by nvcc for devices, and by a C++ compiler for tests/cuda/emulator.h, where every thread
 * of a block is a fiber and a launch a loop. There kernels meet the whole conformance suite, guard
 * zones and address sanitizers, on machines without a device.
 *
 *   LA_LAUNCH((kernel<A, B>), grid, block, shared_bytes, stream, arguments...);
 *   return LA_LAUNCHED("gla forward", err);
 *   LA_SHARED(float, pool);        shared memory of the size that the launch names, 1024-byte aligned
 *
 * Matrix units, asynchronous copies and matrix loads: labench/cuda_mma.cuh.
 */
#ifndef LABENCH_CUDA_KIT_CUH
#define LABENCH_CUDA_KIT_CUH

#include <math.h>
#include <stdint.h>

#include "labench/cuda.h"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#include <cuda_runtime.h>
/* Beyond 48 KB a kernel has to be allowed its shared memory: all that there is, whatever it asks for now. */
extern "C" void la_cuda_allow_shared(const void *kernel);
template <typename K> static inline void la_allow_shared(K *kernel, size_t bytes)
{
    if (bytes > 48 << 10) la_cuda_allow_shared((const void *)kernel);
}
#define LA_LAUNCH(kernel, grid, block, shared, stream, ...)                                        \
    (la_allow_shared(kernel, (shared)),                                                            \
     kernel<<<(grid), (block), (shared), (cudaStream_t)(stream)>>>(__VA_ARGS__))
#define LA_LAUNCHED(what, err) la_cuda_launched((int)cudaGetLastError(), what, err)
#define LA_SHARED(type, name)                                                                      \
    extern __shared__ __align__(1024) unsigned char la_shared_bytes[];                             \
    type *name = (type *)(void *)la_shared_bytes
#else
#include "emulator.h"
#include "labench/f16.h"
#endif

/* ---- 16-bit floats as their bits: a float32's upper half, and IEEE binary16 ---- */

struct la_bf16_t {
    uint16_t bits;
};

struct la_f16_t {
    uint16_t bits;
};

__device__ static inline float la_bits_to_float(uint32_t bits)
{
#ifdef __CUDACC__
    return __uint_as_float(bits);
#else
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
#endif
}

__device__ static inline uint32_t la_float_to_bits(float x)
{
#ifdef __CUDACC__
    return __float_as_uint(x);
#else
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
#endif
}

__device__ static inline float la_to_float(float x)
{
    return x;
}

__device__ static inline float la_to_float(la_bf16_t x)
{
    return la_bits_to_float((uint32_t)x.bits << 16);
}

__device__ static inline float la_to_float(la_f16_t x)
{
#ifdef __CUDACC__
    return __half2float(__ushort_as_half(x.bits));
#else
    return la_f16_to_float(x.bits);
#endif
}

/* Rounds to nearest even; NaN stays NaN. */
__device__ static inline void la_from_float(float x, float *out)
{
    *out = x;
}

__device__ static inline void la_from_float(float x, la_bf16_t *out)
{
    uint32_t bits = la_float_to_bits(x);
    uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    if ((bits & 0x7fffffffu) > 0x7f800000u) rounded = bits | 0x400000u;
    out->bits = (uint16_t)(rounded >> 16);
}

__device__ static inline void la_from_float(float x, la_f16_t *out)
{
#ifdef __CUDACC__
    out->bits = __half_as_ushort(__float2half_rn(x));
#else
    out->bits = la_f16_from_float(x);
#endif
}

/* ---- warps ---- */

#define LA_WARP 32
#define LA_ALL  0xffffffffu

__device__ static inline float la_warp_sum(float x)
{
    for (int d = LA_WARP / 2; d > 0; d /= 2) x += __shfl_xor_sync(LA_ALL, x, d);
    return x;
}

/* 2^x to about 2 units in the last place; 0 far below, also of -INFINITY. */
__device__ static inline float la_exp2(float x)
{
#ifdef __CUDACC__
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return exp2f(x);
#endif
}

__device__ static inline float la_warp_max(float x)
{
    for (int d = LA_WARP / 2; d > 0; d /= 2) x = fmaxf(x, __shfl_xor_sync(LA_ALL, x, d));
    return x;
}

#endif
