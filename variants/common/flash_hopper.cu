/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles on sm_90a, forward, bf16 and f16, as flash_forward.cu otherwise: a warp brings tiles of K
 * and V by TMA, two stages in turn, while two groups of four warps have 64 query rows each and multiply by wgmma.
 * Scores come from Q and K in shared memory; P goes from C fragments to A fragments in registers. One group's
 * softmax runs under the other's products. Roles and tiles: Shah et al. 2024, arXiv:2407.08608, section 3.1.
 */
#include "flash_softmax.cuh"

#include "labench/cuda_hopper.cuh"

static const int KEYS = 128, STAGES = 2, GROUPS = 2, ROWS = 64 * GROUPS;
static const int THREADS = 128 * (GROUPS + 1);

/* Numbers of a tile of K or V, and all bytes of a block; behind them the barriers. */
template <int D> struct pool_of {
    static const int tile = KEYS * D, q = ROWS * D;
    static const size_t bytes =
        (size_t)(q + STAGES * 2 * tile) * 2 + 2 * STAGES * sizeof(la_mbarrier);
};

#if LA_HOPPER
/* The rows of Q into panels of 64 columns, swizzled as TMA would. */
template <typename E, int D>
__device__ static inline void load_queries(E *q, const la_flash_rows &x, int first, int end)
{
    for (int i = (int)threadIdx.x; i < ROWS * D / 8; i += THREADS) {
        int r = i / (D / 8), piece = i % (D / 8);
        bool there = first + r < end;
        const E *from = (const E *)x.own;
        if (there) from += la_flash_row(x, first + r) + piece * 8;
        E *panel = q + piece / 8 * ROWS * 64;
        la_cp_async16(panel + r * 64 + (piece % 8 ^ r % 8) * 8, from, there);
    }
    la_cp_async_commit();
    la_cp_async_wait<0>();
    la_fence_async();
}

/* By one thread: tiles of keys from..end, one stage after the other as they are given back. */
template <typename E, int D>
__device__ static inline void produce(const la_tensor_map *k, const la_tensor_map *v, E *pool,
                                      la_mbarrier *full, la_mbarrier *empty,
                                      const la_flash_place &at, int from, int end)
{
    int step = 0;
    for (int j = from; j < end; j += KEYS, step++) {
        int stage = step % STAGES;
        E *to = pool + stage * 2 * pool_of<D>::tile;
        la_mbarrier_wait(&empty[stage], (unsigned)(step / STAGES & 1) ^ 1);
        la_mbarrier_expect(&full[stage], 2 * pool_of<D>::tile * 2);
        for (int c = 0; c < D; c += 64) {
            E *panel = to + c * KEYS;
            la_tma_load4(panel, k, &full[stage], c, (int)at.kv, j, (int)at.b);
            la_tma_load4(panel + pool_of<D>::tile, v, &full[stage], c, (int)at.kv, j, (int)at.b);
        }
    }
}

/* Scores of a group's 64 rows against a tile of K. */
template <typename E, int D>
__device__ static inline void multiply_keys(float (&s)[KEYS / 2], const E *q, const E *k)
{
    la_wgmma_fence();
#pragma unroll
    for (int c = 0; c < D; c += 16)
        la_wgmma<E, false>(s, la_tile_k(q + c / 64 * ROWS * 64 + c % 64),
                           la_tile_k(k + c / 64 * KEYS * 64 + c % 64), c > 0);
    la_wgmma_commit();
    la_wgmma_wait<0>();
    la_wgmma_hold(s);
}

template <typename E, int D>
__device__ static inline void multiply_values(float (&o)[D / 2], const float (&s)[KEYS / 2],
                                              const E *v)
{
    uint32_t p[KEYS / 16][4];
#pragma unroll
    for (int i = 0; i < KEYS / 4; i++) p[i / 4][i % 4] = la_pack2<E>(s[2 * i], s[2 * i + 1]);
    la_wgmma_hold(o);
    la_wgmma_fence();
#pragma unroll
    for (int j = 0; j < KEYS; j += 16)
        la_wgmma<E, true>(o, p[j / 16], la_tile_mn(v + j * 64, KEYS), true);
    la_wgmma_commit();
    la_wgmma_wait<0>();
    la_wgmma_hold(o);
}

/* One group: `first` is its first row. */
template <typename E, int D>
__device__ static inline void consume(const la_flash_call &c, const E *q, const E *pool,
                                      la_mbarrier *full, la_mbarrier *empty,
                                      const la_flash_place &at, int first, int from, int end)
{
    la_flash_state<E, D, 1> w;
    float s[1][KEYS / 8][4];
    float(&scores)[KEYS / 2] = reinterpret_cast<float(&)[KEYS / 2]>(s);
    float(&o)[D / 2] = reinterpret_cast<float(&)[D / 2]>(w.o);
    int warp = (int)threadIdx.x / LA_WARP % 4, step = 0;
    la_flash_band rows = la_flash_band_of(c, first, 64);
    for (int i = 0; i < D / 2; i++) o[i] = 0.0f;
    for (int h = 0; h < 2; h++) w.base[0][h] = -INFINITY, w.sum[0][h] = 0.0f;
    for (int j = from; j < end; j += KEYS, step++) {
        int stage = step % STAGES;
        const E *k = pool + stage * 2 * pool_of<D>::tile;
        la_mbarrier_wait(&full[stage], (unsigned)(step / STAGES & 1));
        if (la_flash_meets(rows, j, KEYS)) {
            multiply_keys<E, D>(scores, q, k);
            if (la_flash_cuts(rows, j, KEYS))
                la_flash_mask<1, KEYS>(c, s, first + 16 * warp, j, -INFINITY);
            la_flash_weights<E, D, 1, KEYS>(s, w, c.scale * LA_LOG2E);
            multiply_values<E, D>(o, scores, k + pool_of<D>::tile);
        }
        la_mbarrier_arrive(&empty[stage]);
    }
    if (rows.there) la_flash_leave<E, D, 1>(c, at, w, first + 16 * warp);
}
#endif

/* grid: (tiles of rows x (batch, kv head)); block: the group that brings tiles, and those that multiply. */
template <typename E, int D>
__global__ void __launch_bounds__(THREADS, 1)
    hopper_kernel(const __grid_constant__ la_tensor_map k, const __grid_constant__ la_tensor_map v,
                  const __grid_constant__ la_flash_call c)
{
#if LA_HOPPER
    LA_SHARED(E, q);
    E *pool = q + pool_of<D>::q;
    la_mbarrier *full = (la_mbarrier *)(void *)(pool + STAGES * 2 * pool_of<D>::tile),
                *empty = full + STAGES;
    la_flash_place at = la_flash_place_of(c, ROWS);
    la_flash_rows rows_q = la_flash_queries<E>(c, at, c.q, c.dk);
    la_flash_band block = la_flash_band_of(c, at.row, ROWS);
    int from = block.some.first / KEYS * KEYS, end = block.some.end;
    int group = (int)threadIdx.x / 128;
    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            la_mbarrier_init(&full[i], 1);
            la_mbarrier_init(&empty[i], 128 * GROUPS);
        }
        la_mbarrier_ready();
    }
    load_queries<E, D>(q, rows_q, at.row, c.T * (int)(c.H / c.Hkv));
    __syncthreads();
    if (group == GROUPS) {
        la_registers_fewer<24>();
        if (threadIdx.x % 128 == 0) produce<E, D>(&k, &v, pool, full, empty, at, from, end);
    } else {
        la_registers_more<240>();
        consume<E, D>(c, q + group * 64 * 64, pool, full, empty, at, at.row + group * 64, from,
                      end);
    }
#else
    __trap(); /* of a build that should not have chosen it */
#endif
}

/* Keys (or values) [B,T,Hkv,D] in boxes of 64 columns of one head and KEYS tokens. */
static la_status map_of(const la_flash_call *c, const void *x, int64_t d, la_tensor_map *out,
                        la_err *err)
{
    const int64_t lengths[4] = {d, c->Hkv, c->own, c->B};
    const int64_t strides[3] = {2 * d, 2 * d * c->Hkv, 2 * d * c->Hkv * c->own};
    const int box[4] = {64, 1, KEYS, 1};
    return la_cuda_tensor_map(out, c->dtype, 4, x, lengths, strides, box, err);
}

template <typename E, int D> static la_status launch(const la_flash_call *c, la_err *err)
{
    la_tensor_map k, v;
    LA_TRY(map_of(c, c->k, D, &k, err));
    LA_TRY(map_of(c, c->v, D, &v, err));
    int64_t rows = c->T * (c->H / c->Hkv), blocks = (rows + ROWS - 1) / ROWS * c->B * c->Hkv;
    LA_LAUNCH((hopper_kernel<E, D>), dim3((unsigned)blocks), dim3(THREADS), pool_of<D>::bytes,
              c->stream, k, v, *c);
    return LA_LAUNCHED("attention by tiles of sm_90a", err);
}

extern "C" bool la_flash_cuda_hopper_takes(const la_flash_call *c)
{
    bool narrow = c->dtype == LA_BF16 || c->dtype == LA_F16;
    bool plain = c->held == 0 && c->own == c->T && c->splits == 1 && c->scale > 0.0f;
    return narrow && plain && c->dk == c->dv && (c->dk == 64 || c->dk == 128);
}

extern "C" la_status la_flash_cuda_hopper(const la_flash_call *c, la_err *err)
{
    if (c->dtype == LA_BF16)
        return c->dk == 64 ? launch<la_bf16_t, 64>(c, err) : launch<la_bf16_t, 128>(c, err);
    return c->dk == 64 ? launch<la_f16_t, 64>(c, err) : launch<la_f16_t, 128>(c, err);
}
