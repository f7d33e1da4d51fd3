/* SPDX-License-Identifier: Apache-2.0
 * Softmax attention by tiles on the device: backward of flash and local. With L the log-sum-exp of a row's
 * logits, and a tile of scores at a time:
 *   p_ij = e^(s q_i.k_j - L_i)   D_i = do_i.o_i   ds_ij = p_ij (do_i.v_j - D_i)
 *   dq_i = s sum_j ds_ij k_j     dk_j = s sum_i ds_ij q_i     dv_j = sum_i p_ij do_i
 *
 * One kernel, launched for dQ (a block has rows of Q and dO, tiles of K and V pass by) and for dK and dV (a block
 * has keys, with K and V; tiles of Q and dO pass by, of all heads that read them). So every gradient is
 * summed in one place, in one order, without atomics; the scores are computed twice for that (7 products).
 * The rows of a block are those of its score tiles, so that p and ds turn from C into A fragments in place, and
 * the gradients stay in registers until the end.
 */
#include "flash_place.cuh"

static const float LOG2E = 1.4426950408889634f;

enum gradient { OF_FIRST = 1, OF_SECOND = 2 }; /* dQ or dK; dV */

/* Rows of a tile that passes by, how many tiles are there at once, and warps of a block, of 16 rows each: what
 * fits 99 KB of shared memory. */
template <typename E, int D> struct tile_of {
    static const bool narrow = sizeof(E) == 2;
    static const int n = narrow ? (D == 64 ? 64 : D == 128 ? 32 : 16) : (D == 64 ? 32 : 16);
    static const int stages = D == 64 || (narrow && D == 128) ? 2 : 1;
    static const int warps = narrow || D < 256 ? 4 : 1;
};

/* Products of E take p and ds rounded to it. f16 holds 2^-14 to 65504 with all digits, and p goes far below that in a
 * long row, ds to both sides of it. So p, and ds with it, is made 2^up times as large, and a row of ds is
 * multiplied by a power of 2 of its own (fit_rows). Both are taken back from the sums, which are float32. */
template <typename E> struct range_of {
    static const bool narrow = false;
    static const int up = 0;
};
template <> struct range_of<la_f16_t> {
    static const bool narrow = true;
    static const int up = 12;
};
static const float FIT_FIRST = 0x1p60f, FIT_MOST = 0x1p15f; /* a factor to begin with; of ds */

/* log2 of 2^up e^L, and rowsum(dO o) of a packed row; a row that is not there has weights of 0. */
struct statistics {
    float lse2, delta;
};

template <typename E>
__device__ static inline statistics statistics_of(const la_flash_call &c, const la_flash_place &at,
                                                  int row)
{
    int group = (int)(c.H / c.Hkv), token = row / group;
    if (token >= c.T) return {INFINITY, 0.0f};
    int64_t i = (at.b * c.H + at.kv * group + row % group) * c.T + token;
    return {c.lse[i] * LOG2E - (float)range_of<E>::up, c.delta[i]};
}

/* grid: rows of O, ROWS_A_BLOCK a block, a warp each. */
static const int ROWS_A_BLOCK = 4;

template <typename E> __global__ void delta_kernel(la_flash_call c)
{
    int64_t row = (int64_t)blockIdx.x * ROWS_A_BLOCK + threadIdx.x / LA_WARP;
    if (row >= c.B * c.T * c.H) return;
    const E *o = (const E *)c.o + row * c.dv, *dout = (const E *)c.dout + row * c.dv;
    float sum = 0.0f;
    for (int64_t i = threadIdx.x % LA_WARP; i < c.dv; i += LA_WARP)
        sum = fmaf(la_to_float(o[i]), la_to_float(dout[i]), sum);
    sum = la_warp_sum(sum);
    int64_t b = row / (c.T * c.H), t = row / c.H % c.T, h = row % c.H;
    if (threadIdx.x % LA_WARP == 0) c.delta[(b * c.H + h) * c.T + t] = sum;
}

/* ---- one tile ---- */

/* Scores become weights p, and gradients of weights become those of scores ds. */
template <bool KEYS, int WHAT, int N>
__device__ static inline void weights(float p[N / 8][4], float ds[N / 8][4], float scale2,
                                      const statistics mine[2], const statistics *passing)
{
    int pair = (int)threadIdx.x % 4 * 2;
#pragma unroll
    for (int i = 0; i < N / 2; i++) {
        statistics of = KEYS ? passing[i / 4 * 8 + pair + i % 2] : mine[i % 4 / 2];
        float x = la_exp2(fmaf(p[i / 4][i % 4], scale2, -of.lse2));
        p[i / 4][i % 4] = x;
        if (WHAT & OF_FIRST) ds[i / 4][i % 4] = x * (ds[i / 4][i % 4] - of.delta);
    }
}

/* Multiplies a warp's rows of ds by `fit`, which falls where a row would exceed FIT_MOST, and with it the row of the
 * sum, so that the largest number of the tile has 2^12 to 2^13. That is rare after a row's first tile. */
template <int D, int N>
__device__ static inline void fit_rows(float ds[N / 8][4], float sum[D / 8][4], float fit[2])
{
    float top[2] = {0.0f, 0.0f};
#pragma unroll
    for (int i = 0; i < N / 2; i++) top[i % 4 / 2] = fmaxf(top[i % 4 / 2], fabsf(ds[i / 4][i % 4]));
    if (__any_sync(LA_ALL, top[0] * fit[0] > FIT_MOST || top[1] * fit[1] > FIT_MOST)) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            top[h] = fmaxf(top[h], __shfl_xor_sync(LA_ALL, top[h], 1));
            top[h] = fmaxf(top[h], __shfl_xor_sync(LA_ALL, top[h], 2));
            float next = la_bits_to_float((266u - (la_float_to_bits(top[h]) >> 23)) << 23);
            if (!(top[h] * fit[h] > FIT_MOST)) next = fit[h];
            float fade = next / fit[h];
            fit[h] = next;
#pragma unroll
            for (int i = 0; i < D / 4; i++) sum[i / 2][2 * h + i % 2] *= fade;
        }
    }
#pragma unroll
    for (int i = 0; i < N / 2; i++) ds[i / 4][i % 4] *= fit[i % 4 / 2];
}

/* A warp's rows of a gradient, times `by`, to where x says. */
template <typename E, int D>
__device__ static inline void leave(const float sum[D / 8][4], const float by[2],
                                    const la_flash_rows &x, E *to, int first, int end)
{
    int lane = (int)threadIdx.x % LA_WARP;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int row = first + 8 * h + lane / 4;
        if (row >= end) continue;
        E *at = to + la_flash_row(x, row);
#pragma unroll
        for (int i = 0; i < D / 4; i++) {
            int col = i / 2 * 8 + lane % 4 * 2 + i % 2;
            if (col < x.d) la_from_float(by[h] * sum[i / 2][2 * h + i % 2], &at[col]);
        }
    }
}

/* ---- a block ---- */

/* Rows of the block and rows that pass by, each in two tensors: (Q, dO) and (K, V). */
struct sides {
    la_flash_rows mine[2], passing[2];
    int rows, from, end; /* of the block's kind; of the other kind, those that meet the block */
};

template <typename E, bool KEYS, int ROWS, int N>
__device__ static inline sides sides_of(const la_flash_call &c, const la_flash_place &at)
{
    int group = (int)(c.H / c.Hkv);
    la_flash_rows q = la_flash_queries<E>(c, at, c.q, c.dk);
    la_flash_rows dout = la_flash_queries<E>(c, at, c.dout, c.dv);
    la_flash_rows k = la_flash_keys<E, !KEYS>(c, at, c.k, c.cache_k, c.dk);
    la_flash_rows v = la_flash_keys<E, !KEYS>(c, at, c.v, c.cache_v, c.dv);
    if (!KEYS) {
        la_flash_band band = la_flash_band_of(c, at.row, ROWS);
        return {{q, dout}, {k, v}, c.T * group, band.some.first / N * N, band.some.end};
    }
    /* A key of token r is seen from r on, or from `window` before it, until `window` after it. */
    int last = at.row + ROWS < c.own ? at.row + ROWS : c.own;
    int from = c.causal ? at.row : at.row - c.window + 1, end = last + c.window - 1;
    if (from < 0) from = 0;
    if (end > c.T) end = c.T;
    return {{k, v}, {q, dout}, c.own, from * group, end * group};
}

template <typename E, int D, bool KEYS>
__device__ static inline void bring(E *tile, statistics *stats, const la_flash_call &c,
                                    const la_flash_place &at, const sides &x, int j)
{
    const int N = tile_of<E, D>::n, THREADS = tile_of<E, D>::warps * LA_WARP;
    int end = KEYS ? c.T * (int)(c.H / c.Hkv) : c.held + c.own;
    la_flash_load<E, D, N, THREADS>(tile, x.passing[0], j, end);
    la_flash_load<E, D, N, THREADS>(tile + N * la_flash_pitch<D>::value, x.passing[1], j, end);
    la_cp_async_commit();
    if (KEYS)
        for (int i = (int)threadIdx.x; i < N; i += THREADS)
            stats[i] = statistics_of<E>(c, at, j + i);
}

/* grid: (tiles of rows x (batch, kv head)). Shared: two tiles of the block, two of each stage, and of queries that
 * pass by their statistics. */
template <typename E, int D, bool KEYS, int WHAT>
__global__ void __launch_bounds__(tile_of<E, D>::warps *LA_WARP) back_kernel(la_flash_call c)
{
    const int N = tile_of<E, D>::n, STAGES = tile_of<E, D>::stages, P = la_flash_pitch<D>::value;
    const int ROWS = tile_of<E, D>::warps * 16, THREADS = tile_of<E, D>::warps * LA_WARP;
    LA_SHARED(E, first);
    E *second = first + ROWS * P, *tiles = second + ROWS * P;
    statistics *stats = (statistics *)(void *)(tiles + STAGES * 2 * N * P);
    int64_t heads = c.B * c.Hkv, head = (int64_t)blockIdx.x % heads;
    la_flash_place at = {head / c.Hkv, head % c.Hkv, (int)((int64_t)blockIdx.x / heads) * ROWS, 0};
    int mine = (int)threadIdx.x / LA_WARP * 16;
    sides x = sides_of<E, KEYS, ROWS, N>(c, at);

    la_flash_load<E, D, ROWS, THREADS>(first, x.mine[0], at.row, x.rows);
    la_flash_load<E, D, ROWS, THREADS>(second, x.mine[1], at.row, x.rows);
    if (x.from < x.end) bring<E, D, KEYS>(tiles, stats, c, at, x, x.from);
    const float scale2 = c.scale * LOG2E, hidden = c.scale < 0.0f ? INFINITY : -INFINITY;
    statistics own[2];
    float fit[2] = {range_of<E>::narrow ? FIT_FIRST : 1.0f, range_of<E>::narrow ? FIT_FIRST : 1.0f};
    float sum[2][D / 8][4];
#pragma unroll
    for (int i = 0; i < D; i++) sum[i / (D / 2)][i / 4 % (D / 8)][i % 4] = 0.0f;
    for (int h = 0; h < 2 && !KEYS; h++)
        own[h] = statistics_of<E>(c, at, at.row + mine + 8 * h + (int)threadIdx.x % LA_WARP / 4);
    la_flash_band rows = la_flash_band_of(c, at.row + mine, 16);
    for (int j = x.from, stage = 0; j < x.end; j += N, stage = (stage + 1) % STAGES) {
        int next = (stage + 1) % STAGES;
        la_cp_async_wait<0>();
        __syncthreads(); /* this tile is there, and nobody reads the last one any more */
        if (STAGES > 1 && j + N < x.end)
            bring<E, D, KEYS>(tiles + next * 2 * N * P, stats + next * N, c, at, x, j + N);
        const E *tile = tiles + stage * 2 * N * P;
        if (KEYS) rows = la_flash_band_of(c, j, N);
        int key = KEYS ? c.held + at.row + mine : j, keys = KEYS ? 16 : N;
        if (la_flash_meets(rows, key, keys)) {
            float p[1][N / 8][4], ds[1][N / 8][4];
            la_flash_scores<E, D, 1, N>(p, first + mine * P, tile);
            if (WHAT & OF_FIRST) la_flash_scores<E, D, 1, N>(ds, second + mine * P, tile + N * P);
            if (la_flash_cuts(rows, key, keys)) {
                if (KEYS)
                    la_flash_mask_keys<N>(c, p[0], key, j, hidden);
                else
                    la_flash_mask<1, N>(c, p, at.row + mine, j, hidden);
            }
            weights<KEYS, WHAT, N>(p[0], ds[0], scale2, own, stats + stage * N);
            if constexpr (range_of<E>::narrow && WHAT & OF_FIRST)
                fit_rows<D, N>(ds[0], sum[0], fit);
            if (WHAT & OF_FIRST) la_flash_add<E, D, 1, N>(&sum[0], ds, tile);
            if (WHAT & OF_SECOND) la_flash_add<E, D, 1, N>(&sum[1], p, tile + N * P);
        }
        if (STAGES > 1) continue;
        __syncthreads(); /* nobody reads the only tile any more */
        if (j + N < x.end) bring<E, D, KEYS>(tiles, stats, c, at, x, j + N);
    }
    la_cp_async_wait<0>(); /* of the block's own rows, where nothing meets them */
    const float down = 1.0f / (float)(1 << range_of<E>::up), by[2] = {down, down};
    const float by_fit[2] = {c.scale * down / fit[0], c.scale * down / fit[1]};
    void *to = KEYS ? c.d_k : c.d_q;
    if ((WHAT & OF_FIRST) && to)
        leave<E, D>(sum[0], by_fit, x.mine[0],
                    (E *)to + ((const E *)x.mine[0].own - (const E *)(KEYS ? c.k : c.q)),
                    at.row + mine, x.rows);
    if ((WHAT & OF_SECOND) && c.d_v)
        leave<E, D>(sum[1], by, x.mine[1], (E *)c.d_v + ((const E *)x.mine[1].own - (const E *)c.v),
                    at.row + mine, x.rows);
}

/* ---- launches ---- */

template <typename E, int D, bool KEYS, int WHAT> static void launch(const la_flash_call *c)
{
    typedef tile_of<E, D> tile;
    const int rows = tile::warps * 16, all = KEYS ? c->own : c->T * (int)(c->H / c->Hkv);
    int64_t blocks = (all + rows - 1) / rows * c->B * c->Hkv;
    const size_t tiles =
        (size_t)((2 * rows + tile::stages * 2 * tile::n) * la_flash_pitch<D>::value) * sizeof(E);
    const size_t shared =
        tiles + (KEYS ? (size_t)(tile::stages * tile::n) * sizeof(statistics) : 0);
    static_assert(shared <= LA_FLASH_SHARED_MOST, "tiles of both sides");
    LA_LAUNCH((back_kernel<E, D, KEYS, WHAT>), dim3((unsigned)blocks), dim3(tile::warps * LA_WARP),
              shared, c->stream, *c);
}

/* dK and dV together fit a lane's registers up to 128 channels. */
template <typename E, int D> static void launch_width(const la_flash_call *c)
{
    if (c->d_q) launch<E, D, false, OF_FIRST>(c);
    if constexpr (D <= 128) {
        if (c->d_k || c->d_v) launch<E, D, true, OF_FIRST | OF_SECOND>(c);
    } else {
        if (c->d_k) launch<E, D, true, OF_FIRST>(c);
        if (c->d_v) launch<E, D, true, OF_SECOND>(c);
    }
}

template <typename E> static void launch_type(const la_flash_call *c)
{
    int64_t width = c->dk > c->dv ? c->dk : c->dv;
    LA_LAUNCH((delta_kernel<E>),
              dim3((unsigned)((c->B * c->T * c->H + ROWS_A_BLOCK - 1) / ROWS_A_BLOCK)),
              dim3(ROWS_A_BLOCK * LA_WARP), 0, c->stream, *c);
    if (width <= 64)
        launch_width<E, 64>(c);
    else if (width <= 128)
        launch_width<E, 128>(c);
    else
        launch_width<E, 256>(c);
}

extern "C" la_status la_flash_cuda_gradients(const la_flash_call *c, la_err *err)
{
    if (!c->d_q && !c->d_k && !c->d_v) return LA_OK;
    if (c->dtype == LA_BF16)
        launch_type<la_bf16_t>(c);
    else if (c->dtype == LA_F16)
        launch_type<la_f16_t>(c);
    else
        launch_type<float>(c);
    return LA_LAUNCHED("gradients of attention by tiles", err);
}
