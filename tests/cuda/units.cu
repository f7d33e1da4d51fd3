/* SPDX-License-Identifier: Apache-2.0
 * Small kernels over labench/cuda_mma.cuh, for the emulator and for a device alike: both have to agree with plain
 * loops about who holds which number.
 */
#include "labench/cuda_mma.cuh"

#include "units.h"

static const int M = 16, N = 8, K = 16;

__device__ static void add_out(float *c, const float sum[4])
{
    int lane = (int)threadIdx.x;
    for (int i = 0; i < 4; i++) c[(lane / 4 + i / 2 * 8) * N + lane % 4 * 2 + i % 2] += sum[i];
}

/* Through asynchronous copies and matrix loads. Rows of 16 numbers are 32 bytes; of 8, 16 bytes. */
template <typename E, bool TRANS>
__global__ static void narrow(const float *a, const float *b, float *c, E *staged)
{
    LA_SHARED(E, pool); /* a [16][16], then b [8][16] or [16][8] */
    int lane = (int)threadIdx.x, total = M * K + N * K;
    for (int i = lane; i < total; i += LA_WARP)
        la_from_float(i < M * K ? a[i] : b[i - M * K], &staged[i]);
    __syncthreads();
    for (int i = lane; i < total / 8; i += LA_WARP)
        la_cp_async16(pool + i * 8, staged + i * 8, true);
    la_cp_async_commit();
    la_cp_async_wait<0>();
    __syncthreads();
    uint32_t fa[4], fb[2];
    float sum[4] = {0, 0, 0, 0};
    la_ldmatrix_x4(fa, pool + (lane % 8 + lane / 8 % 2 * 8) * K + lane / 16 * 8);
    const E *pb = pool + M * K;
    if (TRANS)
        la_ldmatrix_x2_trans(fb, pb + lane % 16 * N);
    else
        la_ldmatrix_x2(fb, pb + lane % 8 * K + lane / 8 % 2 * 8);
    la_mma<E>(sum, fa, fb);
    add_out(c, sum);
}

template <bool SPLIT> __global__ static void wide(const float *a, const float *b, float *c)
{
    int lane = (int)threadIdx.x, row = lane / 4, k = lane % 4;
    float sum[4] = {0, 0, 0, 0};
    float na[4] = {a[row * 8 + k], a[(row + 8) * 8 + k], a[row * 8 + k + 4],
                   a[(row + 8) * 8 + k + 4]};
    float nb[2] = {b[row * 8 + k], b[row * 8 + k + 4]};
    if (SPLIT) {
        la_mma_split(sum, la_split4(na), la_split2(nb));
    } else {
        uint32_t fa[4], fb[2];
        for (int i = 0; i < 4; i++) fa[i] = la_tf32(na[i]);
        for (int i = 0; i < 2; i++) fb[i] = la_tf32(nb[i]);
        la_mma_tf32(sum, fa, fb);
    }
    add_out(c, sum);
}

__global__ static void through_f16(const float *from, float *to, int n)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= n) return;
    la_f16_t x;
    la_from_float(from[i], &x);
    to[i] = la_to_float(x);
}

template <typename E, bool TRANS>
static la_status narrow_one(const float *a, const float *b, float *c, void *stream, la_err *err)
{
    const int bytes = (M * K + N * K) * 2;
    void *staged;
    float zeros[(M * K + N * K) / 2] = {0};
    LA_TRY(la_cuda_keep(zeros, (size_t)bytes, &staged, err));
    LA_LAUNCH((narrow<E, TRANS>), dim3(1), dim3(LA_WARP), bytes, stream, a, b, c, (E *)staged);
    la_status st = LA_LAUNCHED("a matrix unit", err);
    la_cuda_drop(staged); /* waits */
    return st;
}

extern "C" la_status la_test_unit(unit which, const float *a, const float *b, float *c,
                                  void *stream, la_err *err)
{
    if (which == UNIT_BF16) return narrow_one<la_bf16_t, false>(a, b, c, stream, err);
    if (which == UNIT_F16) return narrow_one<la_f16_t, false>(a, b, c, stream, err);
    if (which == UNIT_BF16_TRANS) return narrow_one<la_bf16_t, true>(a, b, c, stream, err);
    if (which == UNIT_TF32)
        LA_LAUNCH((wide<false>), dim3(1), dim3(LA_WARP), 0, stream, a, b, c);
    else
        LA_LAUNCH((wide<true>), dim3(1), dim3(LA_WARP), 0, stream, a, b, c);
    return LA_LAUNCHED("a matrix unit", err);
}

extern "C" la_status la_test_f16(const float *from, float *to, int n, void *stream, la_err *err)
{
    LA_LAUNCH(through_f16, dim3((unsigned)(n + 255) / 256), dim3(256), 0, stream, from, to, n);
    return LA_LAUNCHED("rounding to f16", err);
}
