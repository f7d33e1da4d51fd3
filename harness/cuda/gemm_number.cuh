/* SPDX-License-Identifier: Apache-2.0
 * One number of a matrix, whatever its type.
 */
#ifndef LA_GEMM_NUMBER_CUH
#define LA_GEMM_NUMBER_CUH

#include "labench/cuda_kit.cuh"

#include "gemm.h"

__device__ static inline float la_gemm_number(const la_cuda_matrix &m, int64_t i)
{
    if (m.dtype == LA_F32) return ((const float *)m.data)[i];
    if (m.dtype == LA_F16) return la_to_float(((const la_f16_t *)m.data)[i]);
    return la_to_float(((const la_bf16_t *)m.data)[i]);
}

__device__ static inline void la_gemm_put(const la_cuda_matrix &m, int64_t i, float x)
{
    if (m.dtype == LA_F32)
        ((float *)m.data)[i] = x;
    else if (m.dtype == LA_F16)
        la_from_float(x, (la_f16_t *)m.data + i);
    else
        la_from_float(x, (la_bf16_t *)m.data + i);
}

__device__ static inline void la_gemm_finish(const la_cuda_product &p, int64_t i, float sum)
{
    float old = p.beta != 0.0f ? p.beta * la_gemm_number(p.c, i) : 0.0f;
    la_gemm_put(p.c, i, fmaf(p.alpha, sum, old));
}

#endif
