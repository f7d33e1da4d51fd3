/* SPDX-License-Identifier: Apache-2.0
 * The two kernels of fnet_cufft.h around the library's transform. Each moves every number once; a warp takes a
 * piece of a row.
 */
#include "labench/cuda_kit.cuh"

#include "fnet_cufft.h"
#include "fnet_put.cuh"

static const int THREADS = 256, WARPS = THREADS / LA_WARP, PIECE = 4 * LA_WARP;

/* f(row, column) of every number of rows that long, a warp a piece of a row at a time. */
template <typename F>
__device__ static inline void each_number(int64_t rows, int64_t columns, int64_t pieces, F f)
{
    const int lane = (int)threadIdx.x % LA_WARP, warp = (int)threadIdx.x / LA_WARP;
    for (int64_t i = (int64_t)blockIdx.x * WARPS + warp; i < rows * pieces;
         i += (int64_t)gridDim.x * WARPS) {
        const int64_t row = i / pieces, first = i % pieces * PIECE;
#pragma unroll
        for (int j = 0; j < PIECE; j += LA_WARP) {
            const int64_t c = first + j + lane;
            if (c < columns) f(row, c);
        }
    }
}

template <typename E>
__global__ void __launch_bounds__(THREADS)
    widen_kernel(la_fnet_sheets s, const E *x, float *Z, int64_t pieces)
{
    each_number(s.B * s.T, s.D, pieces, [&](int64_t row, int64_t c) {
        Z[row * 2 * s.half + c] = la_to_float(x[row * s.D + c]);
    });
}

template <typename E>
__global__ void __launch_bounds__(THREADS)
    real_parts_kernel(la_fnet_sheets s, const float *Z, E *o, int64_t pieces)
{
    each_number(s.B * s.T, s.half, pieces, [&](int64_t row, int64_t c) {
        const int64_t b = row / s.T, t = row % s.T;
        la_fnet_put(s.T, s.D, t, c, s.factor * Z[2 * (row * s.half + c)], o + b * s.T * s.D);
    });
}

static int64_t pieces_of(int64_t columns)
{
    return (columns + PIECE - 1) / PIECE;
}

static dim3 grid_of(const la_fnet_sheets *s, int64_t pieces)
{
    int64_t blocks = (s->B * s->T * pieces + WARPS - 1) / WARPS;
    return dim3((unsigned)(blocks < 1 << 20 ? blocks : 1 << 20));
}

template <typename E>
static la_status widen(const la_fnet_sheets *s, const E *x, float *Z, void *stream, la_err *err)
{
    const int64_t pieces = pieces_of(s->D);
    LA_LAUNCH((widen_kernel<E>), grid_of(s, pieces), dim3((unsigned)THREADS), 0, stream, *s, x, Z,
              pieces);
    return LA_LAUNCHED("the widening of tokens", err);
}

template <typename E>
static la_status real_parts(const la_fnet_sheets *s, const float *Z, E *o, void *stream,
                            la_err *err)
{
    const int64_t pieces = pieces_of(s->half);
    LA_LAUNCH((real_parts_kernel<E>), grid_of(s, pieces), dim3((unsigned)THREADS), 0, stream, *s, Z,
              o, pieces);
    return LA_LAUNCHED("the real parts of a spectrum", err);
}

extern "C" la_status la_fnet_widen(const la_fnet_sheets *s, const void *x, float *Z, void *stream,
                                   la_err *err)
{
    if (s->dtype == LA_BF16) return widen(s, (const la_bf16_t *)x, Z, stream, err);
    return widen(s, (const la_f16_t *)x, Z, stream, err);
}

extern "C" la_status la_fnet_real_parts(const la_fnet_sheets *s, const float *Z, void *o,
                                        void *stream, la_err *err)
{
    if (s->dtype == LA_BF16) return real_parts(s, Z, (la_bf16_t *)o, stream, err);
    if (s->dtype == LA_F16) return real_parts(s, Z, (la_f16_t *)o, stream, err);
    return real_parts(s, Z, (float *)o, stream, err);
}
