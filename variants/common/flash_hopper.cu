/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles on sm_90a, forward, bf16 and f16, as flash_forward.cu otherwise: a warp brings tiles of K
 * and V by TMA, two stages in turn, while two groups of four warps have 64 query rows each and multiply by wgmma.
 * Scores come from Q and K in shared memory; P goes from C fragments to A fragments in registers.
 *
 * Two things keep the matrix units at work while exponents are taken (Shah et al. 2024, arXiv:2407.08608, sections
 * 3.1 and 3.2). A group asks for the scores of tile t and then for P V of tile t - 1, and weighs those scores
 * while P V runs. And the groups take turns at asking, so that one weighs while the other multiplies.
 *
 * A lane of a group holds D / 2 numbers of O, 64 scores, and 32 words of P: 160 registers for D = 128, of 240.
 */
#include "flash_softmax.cuh"

#include "labench/cuda_hopper.cuh"

static const int KEYS = 128, STAGES = 2, GROUPS = 2, GROUP = 128, ROWS = 64 * GROUPS;
static const int THREADS = GROUP * (GROUPS + 1);

/* Registers a thread has at the start, when threads share all 65536 in eights, and then those that bring tiles and
 * those that multiply: no more than the block started with, or they would be waited for without end. */
static const int EACH = 65536 / THREADS / 8 * 8, FEWER = 24, MORE = 240;
static_assert(FEWER + GROUPS * MORE <= (GROUPS + 1) * EACH, "registers that change hands");

/* The first of the named barriers, one a group: its turn. */
enum { TURN = 1 };

/* Of each stage: K or V has come; both groups have done with it. */
struct ring {
    la_mbarrier full_k[STAGES], full_v[STAGES], free_k[STAGES], free_v[STAGES];
    float never_written; /* of la_wgmma_wait_behind */
};

/* Numbers of a tile of K or V, of a group's Q, and all bytes of a block; behind them the ring. */
template <int D> struct pool_of {
    static const int tile = KEYS * D, q = 64 * D;
    static const size_t bytes = (size_t)(GROUPS * q + STAGES * 2 * tile) * 2 + sizeof(ring);
};

#if LA_HOPPER
/* The rows of Q of a group into panels of 64 columns, swizzled as TMA would; all there at its first turn. */
template <typename E, int D>
__device__ static inline void load_queries(E *q, const la_flash_rows &x, int first, int end)
{
    for (int i = (int)threadIdx.x % GROUP; i < 64 * D / 8; i += GROUP) {
        int r = i / (D / 8), piece = i % (D / 8);
        bool there = first + r < end;
        const E *from = (const E *)x.own;
        if (there) from += la_flash_row(x, first + r) + piece * 8;
        la_cp_async16(q + (piece / 8 * 64 + r) * 64 + (piece % 8 ^ r % 8) * 8, from, there);
    }
    la_cp_async_commit();
    la_cp_async_wait<0>();
    la_fence_async();
}

/* ---- the group that brings tiles ---- */

/* Where tile t lies in the ring, and the phase in which it comes. */
struct place {
    int stage;
    unsigned phase;
};

__device__ static inline place place_of(int t)
{
    return {t % STAGES, (unsigned)(t / STAGES & 1)};
}

template <int D, typename E>
__device__ static inline void bring(E *to, const la_tensor_map *from, la_mbarrier *full,
                                    la_mbarrier *given_back, unsigned phase,
                                    const la_flash_place &at, int key)
{
    la_mbarrier_wait(given_back, phase);
    la_mbarrier_expect(full, pool_of<D>::tile * 2);
    for (int c = 0; c < D; c += 64)
        la_tma_load4(to + c * KEYS, from, full, c, (int)at.kv, key, (int)at.b);
}

/* By one thread: n tiles of keys from `from` on, one stage after the other as they are given back; V a tile behind K,
 * as they are asked for. */
template <typename E, int D>
__device__ static inline void produce(const la_tensor_map *k, const la_tensor_map *v, E *pool,
                                      ring *r, const la_flash_place &at, int from, int n)
{
    const int stride = 2 * pool_of<D>::tile;
    for (int t = 0; t <= n; t++) {
        place now = place_of(t), before = place_of(t - 1);
        if (t < n)
            bring<D>(pool + now.stage * stride, k, &r->full_k[now.stage], &r->free_k[now.stage],
                     now.phase ^ 1, at, from + t * KEYS);
        if (t > 0)
            bring<D>(pool + before.stage * stride + pool_of<D>::tile, v, &r->full_v[before.stage],
                     &r->free_v[before.stage], before.phase ^ 1, at, from + (t - 1) * KEYS);
    }
}

/* ---- the groups that multiply ---- */

/* By all of a group, whose barrier it is too. */
__device__ static inline void take_turn(int group)
{
    la_named_wait(TURN + group, GROUP * GROUPS);
}

__device__ static inline void pass_turn(int group)
{
    la_named_arrive(TURN + 1 - group, GROUP * GROUPS);
}

/* By every warp: nothing of it reads the tile any more. */
__device__ static inline void give_back(la_mbarrier *of)
{
    __syncwarp();
    if (threadIdx.x % LA_WARP == 0) la_mbarrier_arrive(of);
}

/* Asks for the scores of a group's 64 rows against a tile of K. */
template <typename E, int D>
__device__ static inline void ask_scores(float (&s)[KEYS / 2], const E *q, const E *k)
{
#pragma unroll
    for (int c = 0; c < D; c += 16)
        la_wgmma<E, false>(s, la_tile_k(q + c / 64 * 64 * 64 + c % 64),
                           la_tile_k(k + c / 64 * KEYS * 64 + c % 64), c > 0);
    la_wgmma_commit();
}

/* Asks for O += P V. */
template <typename E, int D>
__device__ static inline void ask_values(float (&o)[D / 2], const uint32_t (&p)[KEYS / 16][4],
                                         const E *v)
{
#pragma unroll
    for (int j = 0; j < KEYS; j += 16)
        la_wgmma<E, true>(o, p[j / 16], la_tile_mn(v + j * 64, KEYS), true);
    la_wgmma_commit();
}

template <typename E>
__device__ static inline void pack(uint32_t (&p)[KEYS / 16][4], const float (&s)[KEYS / 2])
{
#pragma unroll
    for (int i = 0; i < KEYS / 4; i++) p[i / 4][i % 4] = la_pack2<E>(s[2 * i], s[2 * i + 1]);
}

/* One group, its Q in shared memory: `first` is its first row. Both go through all n tiles of the block, so that they
 * meet at the turns; what a row does not see is masked and weighs 0, so that NaN among its values stays NaN. */
template <typename E, int D>
__device__ static inline void consume(const la_flash_call &c, const E *q, const E *pool, ring *r,
                                      int group, int first, int from, int n,
                                      la_flash_state<E, D, 1> &w)
{
    const E *values = pool + pool_of<D>::tile;
    const int stride = 2 * pool_of<D>::tile;
    const float scale2 = c.scale * LA_LOG2E;
    float s[1][KEYS / 8][4], fade[1][2];
    uint32_t p[KEYS / 16][4];
    float(&scores)[KEYS / 2] = reinterpret_cast<float(&)[KEYS / 2]>(s);
    float(&o)[D / 2] = reinterpret_cast<float(&)[D / 2]>(w.o);
    const int row = first + (int)threadIdx.x % GROUP / LA_WARP * 16;
    const la_flash_band rows = la_flash_band_of(c, first, 64);

    if (group == 1) pass_turn(group); /* the other begins */
    la_mbarrier_wait(&r->full_k[0], 0);
    take_turn(group);
    la_wgmma_fence();
    ask_scores<E, D>(scores, q, pool);
    if (group == 0 || n > 1) pass_turn(group);
    la_wgmma_wait<0>();
    la_wgmma_hold(scores);
    give_back(&r->free_k[0]);
    if (la_flash_cuts(rows, from, KEYS)) la_flash_mask<1, KEYS>(c, s, row, from, -INFINITY);
    la_flash_weigh<1, KEYS>(s, w.base, w.sum, fade, scale2);
    pack<E>(p, scores);
    for (int t = 1; t < n; t++) {
        place now = place_of(t), before = place_of(t - 1);
        int j = from + t * KEYS;
        la_mbarrier_wait(&r->full_k[now.stage], now.phase);
        la_mbarrier_wait(&r->full_v[before.stage], before.phase);
        take_turn(group);
        la_wgmma_hold(o);
        la_wgmma_hold(p);
        la_wgmma_fence();
        ask_scores<E, D>(scores, q, pool + now.stage * stride);
        ask_values<E, D>(o, p, values + before.stage * stride);
        if (group == 0 || t + 1 < n) pass_turn(group);
        la_wgmma_wait<1>();
        la_wgmma_hold(scores);
        give_back(&r->free_k[now.stage]);
        if (la_flash_cuts(rows, j, KEYS)) la_flash_mask<1, KEYS>(c, s, row, j, -INFINITY);
        la_flash_weigh<1, KEYS>(s, w.base, w.sum, fade, scale2);
        la_wgmma_wait_behind<0>(w.sum[0][0] + w.sum[0][1], &r->never_written);
        la_wgmma_hold(o);
        la_wgmma_hold(p);
        give_back(&r->free_v[before.stage]);
        la_flash_fade<D, 1>(w.o, fade);
        pack<E>(p, scores);
    }
    place last = place_of(n - 1);
    la_mbarrier_wait(&r->full_v[last.stage], last.phase);
    la_wgmma_hold(o);
    la_wgmma_hold(p);
    la_wgmma_fence();
    ask_values<E, D>(o, p, values + last.stage * stride);
    la_wgmma_wait<0>();
    la_wgmma_hold(o);
    la_wgmma_hold(p);
}
#endif

/* grid: (tiles of rows x (batch, kv head) x splits); block: the groups that multiply, and the one that brings
 * tiles. */
template <typename E, int D>
__global__ void __launch_bounds__(THREADS, 1)
    hopper_kernel(const __grid_constant__ la_tensor_map k, const __grid_constant__ la_tensor_map v,
                  const __grid_constant__ la_flash_call c)
{
#if LA_HOPPER
    LA_SHARED(E, q);
    E *pool = q + GROUPS * pool_of<D>::q;
    ring *r = (ring *)(void *)(pool + STAGES * 2 * pool_of<D>::tile);
    la_flash_place at = la_flash_place_at(c, ROWS, (int64_t)blockIdx.x);
    la_flash_band block = la_flash_band_of(c, at.row, ROWS);
    int from = block.some.first / KEYS * KEYS, end = block.some.end;
    int tiles = (end - from + KEYS - 1) / KEYS, each = (tiles + c.splits - 1) / c.splits;
    from += at.split * each * KEYS;
    if (from + each * KEYS < end) end = from + each * KEYS;
    const int n = from < end ? (end - from + KEYS - 1) / KEYS : 0;
    int group = (int)threadIdx.x / GROUP;
    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            la_mbarrier_init(&r->full_k[i], 1);
            la_mbarrier_init(&r->full_v[i], 1);
            la_mbarrier_init(&r->free_k[i], GROUPS * GROUP / LA_WARP);
            la_mbarrier_init(&r->free_v[i], GROUPS * GROUP / LA_WARP);
        }
        la_mbarrier_ready();
    }
    __syncthreads();
    if (group == GROUPS) {
        la_registers_fewer<FEWER>();
        if (threadIdx.x % GROUP == 0) produce<E, D>(&k, &v, pool, r, at, from, n);
        return;
    }
    la_registers_more<MORE>();
    int first = at.row + group * 64, rows = c.T * (int)(c.H / c.Hkv);
    la_flash_state<E, D, 1> w;
#pragma unroll
    for (int i = 0; i < D / 2; i++) w.o[0][i / 4][i % 4] = 0.0f;
    for (int h = 0; h < 2; h++) w.base[0][h] = -INFINITY, w.sum[0][h] = 0.0f;
    q += group * pool_of<D>::q;
    load_queries<E, D>(q, la_flash_queries<E>(c, at, c.q, c.dk), first, rows);
    if (n > 0) consume<E, D>(c, q, pool, r, group, first, from, n, w);
    if (first < rows)
        la_flash_leave<E, D, 1>(c, at, w, first + (int)threadIdx.x % GROUP / LA_WARP * 16);
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
    blocks *= c->splits;
    LA_LAUNCH((hopper_kernel<E, D>), dim3((unsigned)blocks), dim3(THREADS), pool_of<D>::bytes,
              c->stream, k, v, *c);
    LA_TRY(LA_LAUNCHED("attention by tiles of sm_90a", err));
    return la_flash_cuda_combine(c, err);
}

extern "C" bool la_flash_cuda_hopper_takes(const la_flash_call *c)
{
    bool narrow = c->dtype == LA_BF16 || c->dtype == LA_F16;
    bool plain = c->held == 0 && c->own == c->T && c->scale > 0.0f;
    return narrow && plain && c->dk == c->dv && (c->dk == 64 || c->dk == 128);
}

extern "C" la_status la_flash_cuda_hopper(const la_flash_call *c, la_err *err)
{
    if (c->dtype == LA_BF16)
        return c->dk == 64 ? launch<la_bf16_t, 64>(c, err) : launch<la_bf16_t, 128>(c, err);
    return c->dk == 64 ? launch<la_f16_t, 64>(c, err) : launch<la_f16_t, 128>(c, err);
}
