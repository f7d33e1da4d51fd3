/* SPDX-License-Identifier: Apache-2.0
 * Small kernels over labench/cuda_mma.cuh and cuda_hopper.cuh, for the emulator and for a device alike: both have to agree with plain
 * loops about who holds which number.
 */
#include "labench/cuda_hopper.cuh"

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

__global__ static void through_tf32(const float *from, float *to, int n)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) to[i] = la_bits_to_float(la_tf32(from[i]) & ~0x1fffu);
}

__global__ static void takes_shared(size_t bytes)
{
    LA_SHARED(unsigned char, pool);
    if (threadIdx.x == 0) pool[bytes - 1] = 1;
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

extern "C" la_status la_test_tf32(const float *from, float *to, int n, void *stream, la_err *err)
{
    LA_LAUNCH(through_tf32, dim3((unsigned)(n + 255) / 256), dim3(256), 0, stream, from, to, n);
    return LA_LAUNCHED("rounding to tf32", err);
}

extern "C" la_status la_test_shared(size_t bytes, void *stream, int *allowed, la_err *err)
{
    LA_LAUNCH(takes_shared, dim3(1), dim3(LA_WARP), bytes, stream, bytes);
    *allowed = 227 << 10;
#ifdef __CUDACC__
    cudaFuncAttributes of;
    *allowed =
        cudaFuncGetAttributes(&of, takes_shared) == cudaSuccess ? of.maxDynamicSharedSizeBytes : 0;
#endif
    return LA_LAUNCHED("taking shared memory", err);
}

/* ---- sm_90a ---- */

static const int HM = 64, HN = 128, STAGES = 2;
static const int TILE_A = HM * 64, TILE_B = HN * 64; /* numbers of a stage */

#if LA_HOPPER
/* A warp that asks for tiles, one stage after the other as they are given back. */
__device__ static void produce(const la_tensor_map *a, const la_tensor_map *b, la_f16_t *pool,
                               la_mbarrier *full, la_mbarrier *empty, int steps, bool mn)
{
    if (threadIdx.x % LA_WARP != 0) return;
    for (int s = 0; s < steps; s++) {
        int stage = s % STAGES;
        la_f16_t *to = pool + stage * (TILE_A + TILE_B);
        la_mbarrier_wait(&empty[stage], (unsigned)(s / STAGES & 1) ^ 1);
        la_mbarrier_expect(&full[stage], (TILE_A + TILE_B) * 2);
        la_tma_load4(to, a, &full[stage], s * 64, 0, 0, 0);
        if (mn) {
            la_tma_load4(to + TILE_A, b, &full[stage], 0, s * 64, 0, 0);
            la_tma_load4(to + TILE_A + 64 * 64, b, &full[stage], 64, s * 64, 0, 0);
        } else {
            la_tma_load4(to + TILE_A, b, &full[stage], s * 64, 0, 0, 0);
        }
    }
}

/* The A fragment of this warp's 16 rows, 16 k from k0 on, out of a swizzled panel. */
__device__ static void from_panel(uint32_t f[4], const la_f16_t *panel, int k0)
{
    int lane = (int)threadIdx.x % LA_WARP, warp = (int)threadIdx.x / LA_WARP;
    int row = warp * 16 + lane % 16, piece = (k0 + lane / 16 * 8) / 8;
    la_ldmatrix_x4(f, panel + row * 64 + (piece ^ row % 8) * 8);
}
#endif

template <int WHICH>
__global__ static void __launch_bounds__(160)
    hopper(const __grid_constant__ la_tensor_map a, const __grid_constant__ la_tensor_map b,
           float *c, int steps)
{
#if LA_HOPPER
    LA_SHARED(la_f16_t, pool);
    la_mbarrier *full = (la_mbarrier *)(void *)(pool + STAGES * (TILE_A + TILE_B)),
                *empty = full + STAGES;
    const int me = (int)threadIdx.x, lane = me % LA_WARP, warp = me / LA_WARP;
    if (me == 0) {
        for (int s = 0; s < STAGES; s++) {
            la_mbarrier_init(&full[s], 1);
            la_mbarrier_init(&empty[s], 4 * LA_WARP);
        }
        la_mbarrier_ready();
    }
    __syncthreads();
    if (warp == 4) {
        produce(&a, &b, pool, full, empty, steps, WHICH == HOPPER_MN);
        return;
    }
    float sum[HN / 2];
    for (int s = 0; s < steps; s++) {
        const la_f16_t *ta = pool + s % STAGES * (TILE_A + TILE_B), *tb = ta + TILE_A;
        uint32_t f[4][4];
        la_mbarrier_wait(&full[s % STAGES], (unsigned)(s / STAGES & 1));
        if (WHICH == HOPPER_REGISTERS)
            for (int k = 0; k < 4; k++) from_panel(f[k], ta, 16 * k);
        la_wgmma_fence();
#pragma unroll
        for (int k = 0; k < 4; k++) {
            bool add = s > 0 || k > 0;
            if (WHICH == HOPPER_REGISTERS)
                la_wgmma<la_f16_t, false>(sum, f[k], la_tile_k(tb + 16 * k), add);
            else if (WHICH == HOPPER_MN)
                la_wgmma<la_f16_t, true>(sum, la_tile_k(ta + 16 * k),
                                         la_tile_mn(tb + 16 * k * 64, 64), add);
            else
                la_wgmma<la_f16_t, false>(sum, la_tile_k(ta + 16 * k), la_tile_k(tb + 16 * k), add);
        }
        la_wgmma_commit();
        la_wgmma_wait<0>();
        la_wgmma_hold(sum);
        la_mbarrier_arrive(&empty[s % STAGES]);
    }
    la_named_wait(1, 4 * LA_WARP);
    for (int j = 0; j < HN / 8; j++)
        for (int e = 0; e < 4; e++)
            c[(16 * warp + lane / 4 + e / 2 * 8) * HN + 8 * j + 2 * (lane % 4) + e % 2] =
                sum[4 * j + e];
#endif
}

extern "C" la_status la_test_hopper(hopper_unit which, const la_device *device, const uint16_t *a,
                                    const uint16_t *b, float *c, int k, void *stream, la_err *err)
{
    if (device->sm != 90)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "wgmma is of compute capability 9.0, not %d.%d",
                       device->sm / 10, device->sm % 10);
    bool mn = which == HOPPER_MN;
    la_tensor_map ma, mb;
    int64_t la[4] = {k, HM, 1, 1}, lb[4] = {mn ? HN : k, mn ? k : HN, 1, 1};
    int64_t sa[3] = {2 * k, 2 * k, 2 * k}, sb[3] = {2 * lb[0], 2 * lb[0], 2 * lb[0]};
    int box_a[4] = {64, HM, 1, 1}, box_b[4] = {64, mn ? 64 : HN, 1, 1};
    LA_TRY(la_cuda_tensor_map(&ma, LA_F16, 4, a, la, sa, box_a, err));
    LA_TRY(la_cuda_tensor_map(&mb, LA_F16, 4, b, lb, sb, box_b, err));
    size_t bytes = (size_t)STAGES * (TILE_A + TILE_B) * 2 + 2 * STAGES * sizeof(la_mbarrier);
    if (which == HOPPER_TILES)
        LA_LAUNCH((hopper<HOPPER_TILES>), dim3(1), dim3(160), bytes, stream, ma, mb, c, k / 64);
    if (which == HOPPER_REGISTERS)
        LA_LAUNCH((hopper<HOPPER_REGISTERS>), dim3(1), dim3(160), bytes, stream, ma, mb, c, k / 64);
    if (which == HOPPER_MN)
        LA_LAUNCH((hopper<HOPPER_MN>), dim3(1), dim3(160), bytes, stream, ma, mb, c, k / 64);
    return LA_LAUNCHED("a product of four warps", err);
}
