/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles on the device: forward of flash and local, and their decode.
 *
 *   m' = max(m, max_j s q.k_j)   l' = l e^(m-m') + sum_j e^(s q.k_j - m')
 *   o' = o e^(m-m') + sum_j e^(s q.k_j - m') v_j,   at the end o / l and the log-sum-exp m + ln l
 *
 * A block has 64 or 128 packed query rows of one (batch, kv head) in shared memory, a warp 16 or 32 of them; O, the
 * maxima and the sums stay in registers. Tiles of K and V take turns: V of this tile is on its way while Q K'
 * runs, K of the next one while P V does. P turns from the C fragments of Q K' into A fragments where it is.
 * Where blocks are few, the keys of one are cut into parts, whose results combine_kernel joins in order.
 * Exponents are powers of 2 and masked before they are taken: a key that a row does not see adds exactly 0.
 */
#include "flash_softmax.cuh"

/* Keys of a tile. Q, K and V then fit 99 KB of shared memory for every type and width, and O and the scores of 32
 * rows a warp fit its registers: with 48 keys the code for sm_80 spills, with 32 it has 245. The host's number, which
 * the shared memory is for, is the larger one. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
static const int TALL_KEYS = 32;
#else
static const int TALL_KEYS = 48;
#endif
template <typename E, int D, int MT> struct keys_of {
    static const int n = sizeof(E) == 2 ? (MT == 2 && D == 128 ? TALL_KEYS : 64)
                         : D == 256     ? 16
                                        : 4096 / D;
};

/* ---- a block ---- */

/* s < 0: this thread's own part of the tile of Q, which the copies have brought, changes its sign. */
template <typename E, int D, int ROWS, int THREADS> __device__ static inline void negate(E *q)
{
    for (int i = (int)threadIdx.x; i < ROWS * D * (int)sizeof(E) / 16; i += THREADS) {
        const int EACH = 16 / (int)sizeof(E), CHUNKS = D / EACH;
        E *x = q + i / CHUNKS * la_flash_pitch<D>::value + i % CHUNKS * EACH;
        for (int e = 0; e < EACH; e++) la_from_float(-la_to_float(x[e]), &x[e]);
    }
}

/* grid: (tiles of rows x (batch, kv head) x splits); block: LA_FLASH_WARPS warps. Shared: Q, a tile of K, one of V. */
template <typename E, int D, int MT>
__global__ void __launch_bounds__(LA_FLASH_WARPS *LA_WARP, 2) flash_kernel(la_flash_call c)
{
    const int N = keys_of<E, D, MT>::n, P = la_flash_pitch<D>::value;
    const int ROWS = LA_FLASH_WARPS * 16 * MT, THREADS = LA_FLASH_WARPS * LA_WARP;
    LA_SHARED(E, q);
    E *k = q + ROWS * P, *v = k + N * P;
    la_flash_place at = la_flash_place_at(c, ROWS, (int64_t)blockIdx.x);
    int mine = (int)threadIdx.x / LA_WARP * 16 * MT;
    int group = (int)(c.H / c.Hkv);
    la_flash_rows rows_q = la_flash_queries<E>(c, at, c.q, c.dk);
    la_flash_rows rows_k = la_flash_keys<E, true>(c, at, c.k, c.cache_k, c.dk);
    la_flash_rows rows_v = la_flash_keys<E, true>(c, at, c.v, c.cache_v, c.dv);
    la_flash_band block = la_flash_band_of(c, at.row, ROWS),
                  warp = la_flash_band_of(c, at.row + mine, 16 * MT);
    int from = block.some.first / N * N, end = block.some.end, tiles = (end - from + N - 1) / N;
    int each = (tiles + c.splits - 1) / c.splits;
    from += at.split * each * N;
    if (from + each * N < end) end = from + each * N;

    la_flash_load<E, D, ROWS, THREADS>(q, rows_q, at.row, c.T * group);
    if (from < end) la_flash_load<E, D, N, THREADS>(k, rows_k, from, c.held + c.own);
    la_cp_async_commit();
    if (c.scale < 0.0f) {
        la_cp_async_wait<0>();
        negate<E, D, ROWS, THREADS>(q);
    }
    const float scale2 = fabsf(c.scale) * LA_LOG2E;
    la_flash_state<E, D, MT> w;
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            w.base[m][h] = -INFINITY, w.sum[m][h] = 0.0f;
#pragma unroll
            for (int i = 0; i < D / 4; i++) w.o[m][i / 2][2 * h + i % 2] = 0.0f;
        }
    for (int j = from; j < end; j += N) {
        bool any = la_flash_meets(warp, j, N), cut = la_flash_cuts(warp, j, N);
        float s[MT][N / 8][4];
        la_cp_async_wait<0>();
        __syncthreads(); /* this K is there, and nobody reads the last V any more */
        la_flash_load<E, D, N, THREADS>(v, rows_v, j, c.held + c.own);
        la_cp_async_commit();
        if (any) {
            la_flash_scores<E, D, MT, N>(s, q + mine * P, k);
            if (cut) la_flash_mask<MT, N>(c, s, at.row + mine, j, -INFINITY);
            float fade[MT][2];
            la_flash_weigh<MT, N>(s, w.base, w.sum, fade, scale2);
            la_flash_fade<D, MT>(w.o, fade);
        }
        la_cp_async_wait<0>();
        __syncthreads(); /* this V is there, and nobody reads K any more */
        if (j + N < end) la_flash_load<E, D, N, THREADS>(k, rows_k, j + N, c.held + c.own);
        la_cp_async_commit();
        if (any) la_flash_add<E, D, MT, N, true>(w.o, s, v);
    }
    la_cp_async_wait<0>(); /* of Q, where there was no key */
    if (warp.there) la_flash_leave<E, D, MT>(c, at, w, at.row + mine);
}

/* ---- parts of the keys ---- */

/* grid: rows of O, COMBINED a block, a warp each. */
static const int COMBINED = 4;

template <typename E> __global__ void combine_kernel(la_flash_call c)
{
    int64_t rows = c.B * c.T * c.H;
    int64_t row = (int64_t)blockIdx.x * COMBINED + threadIdx.x / LA_WARP;
    if (row >= rows) return;
    float top = -INFINITY, sum = 0.0f;
    for (int i = 0; i < c.splits; i++) top = fmaxf(top, c.part_lse[i * rows + row]);
    float from = top == -INFINITY ? 0.0f : top;
    for (int i = 0; i < c.splits; i++) sum += la_exp2(c.part_lse[i * rows + row] - from);
    float whole = sum > 0.0f ? 1.0f / sum : 0.0f;
    for (int64_t col = threadIdx.x % LA_WARP; col < c.dv; col += LA_WARP) {
        float o = 0.0f;
        for (int i = 0; i < c.splits; i++) {
            float part = la_exp2(c.part_lse[i * rows + row] - from) * whole;
            o = fmaf(part, c.part_o[(i * rows + row) * c.dv + col], o);
        }
        la_from_float(o, (E *)c.o + row * c.dv + col);
    }
    if (c.lse && threadIdx.x % LA_WARP == 0) {
        int64_t b = row / (c.T * c.H), t = row / c.H % c.T, h = row % c.H;
        c.lse[(b * c.H + h) * c.T + t] = (top + log2f(sum)) * LA_LN2;
    }
}

/* ---- launches ---- */

template <typename E, int D, int MT> static void launch(const la_flash_call *c)
{
    const int rows = LA_FLASH_WARPS * 16 * MT, all = c->T * (int)(c->H / c->Hkv);
    int64_t blocks = (all + rows - 1) / rows * c->B * c->Hkv * c->splits;
    const size_t shared =
        (size_t)((rows + 2 * keys_of<E, D, MT>::n) * la_flash_pitch<D>::value) * sizeof(E);
    static_assert(shared <= LA_FLASH_SHARED_MOST, "tiles of Q, K and V");
    LA_LAUNCH((flash_kernel<E, D, MT>), dim3((unsigned)blocks), dim3(LA_FLASH_WARPS * LA_WARP),
              shared, c->stream, *c);
}

template <typename E> static void launch_combine(const la_flash_call *c)
{
    LA_LAUNCH((combine_kernel<E>), dim3((unsigned)((c->B * c->T * c->H + COMBINED - 1) / COMBINED)),
              dim3(COMBINED * LA_WARP), 0, c->stream, *c);
}

extern "C" la_status la_flash_cuda_combine(const la_flash_call *c, la_err *err)
{
    if (c->splits == 1) return LA_OK;
    if (c->dtype == LA_BF16)
        launch_combine<la_bf16_t>(c);
    else if (c->dtype == LA_F16)
        launch_combine<la_f16_t>(c);
    else
        launch_combine<float>(c);
    return LA_LAUNCHED("parts of attention by tiles", err);
}

template <typename E> static void launch_narrow(const la_flash_call *c, int64_t width, bool tall)
{
    if (width <= 64)
        tall ? launch<E, 64, 2>(c) : launch<E, 64, 1>(c);
    else if (width <= 128)
        tall ? launch<E, 128, 2>(c) : launch<E, 128, 1>(c);
    else
        launch<E, 256, 1>(c);
}

static void launch_wide(const la_flash_call *c, int64_t width)
{
    if (width <= 64)
        launch<float, 64, 1>(c);
    else if (width <= 128)
        launch<float, 128, 1>(c);
    else
        launch<float, 256, 1>(c);
}

extern "C" la_status la_flash_cuda_attend(const la_flash_call *c, la_err *err)
{
    int64_t width = c->dk > c->dv ? c->dk : c->dv;
    bool tall = la_flash_cuda_rows(c->dtype, width, c->T * (c->H / c->Hkv)) == 128;
    if (c->dtype == LA_BF16)
        launch_narrow<la_bf16_t>(c, width, tall);
    else if (c->dtype == LA_F16)
        launch_narrow<la_f16_t>(c, width, tall);
    else
        launch_wide(c, width);
    LA_TRY(LA_LAUNCHED("attention by tiles", err));
    return la_flash_cuda_combine(c, err);
}

/* ---- the cache ---- */

/* Items of one (batch, kv head): the newest tokens of this call that fit, then what is held elsewhere. */
__host__ __device__ static inline int64_t appended(const la_flash_keep &a)
{
    return a.T < a.capacity ? a.T : a.capacity;
}

/* E: an integer of an element's size. A thread goes on by the whole grid. */
template <typename E> __global__ void append_kernel(la_flash_keep a)
{
    int64_t news = appended(a), items = news + (a.from ? a.held : 0);
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
         i < a.B * a.Hkv * items * a.width; i += step) {
        int64_t c = i % a.width, item = i / a.width % items, head = i / a.width / items;
        int64_t b = head / a.Hkv, kv = head % a.Hkv, t = a.T - news + item;
        int64_t place = item < news ? (a.pos + t) % a.capacity : item - news;
        int64_t to = (head * a.capacity + place) * a.width + c;
        if (item < news)
            ((E *)a.to)[to] = ((const E *)a.tokens)[((b * a.T + t) * a.Hkv + kv) * a.width + c];
        else if ((place - a.pos % a.capacity + a.capacity) % a.capacity >= a.T) /* none is newer */
            ((E *)a.to)[to] = ((const E *)a.from)[to];
    }
}

extern "C" la_status la_flash_cuda_append(const la_flash_keep *a, la_err *err)
{
    const int64_t threads = 256, most = 8 * 132;
    int64_t items = a->B * a->Hkv * (appended(*a) + (a->from ? a->held : 0)) * a->width;
    int64_t blocks = (items + threads - 1) / threads;
    dim3 grid((unsigned)(blocks < most ? blocks : most));
    if (a->element == 2)
        LA_LAUNCH(append_kernel<uint16_t>, grid, dim3((unsigned)threads), 0, a->stream, *a);
    else
        LA_LAUNCH(append_kernel<uint32_t>, grid, dim3((unsigned)threads), 0, a->stream, *a);
    return LA_LAUNCHED("tokens into the cache", err);
}
