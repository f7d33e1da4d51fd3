/* SPDX-License-Identifier: Apache-2.0
 * Backward of the recurrent family on CUDA devices, 4 of 4: the gradients of a chunk's reads, writes, weights and
 * decays (delta_back.h), from the states and their gradients that the scans left:
 *
 *   dM        = Y U'                                       where the read sees the write
 *   dreads_i  = exp(G_time(i)) . S Y_i    + sum_j dM_ij writes_j exp(G_time(i) - G_j)
 *   dwrites_j = exp(G_C - G_j) . dS U_j   + sum_i dM_ij reads_i  exp(G_time(i) - G_j)
 *   dg_t      = sum over all that crosses token t: writes before it with reads from it on, where the chunk's start
 *               and end count as a first write and a last read
 * The sums over pairs go stretch by stretch, as the scores do. Every term of dg_t holds exp(g_t), so that
 * a hard reset leaves none and nothing cancels.
 *
 * A block has one chunk of one value head and goes through the channels 32 at a time. Heads that share q and
 * k leave their parts in the work buffer, which a second kernel adds in order.
 */
#include "labench/cuda_kit.cuh"

#include "delta_back.cuh"

enum { THREADS = 256, WARPS = THREADS / LA_WARP };

namespace
{
template <la_write_rule WRITE> struct layout {
    typedef kinds<WRITE> kind;
    static const int R = kind::R, N = kind::N, LDM = N + 4;
    static const int dM = 0, reads = dM + R * LDM, writes = reads + R * LD, S = writes + N * LD,
                     dS = S + KT * LD, dreads = dS + KT * LD, dwrites = dreads + R * LD,
                     gates = dwrites + N * LD, sums = gates + C * LD, dg = sums + TIMES * LD,
                     ends = dg + C * LD, scratch = ends + R + N + 4, begin = scratch + C + WARPS,
                     floats = begin + C + 4;
    /* By head, L [TIMES,TIMES] is at sums and the pairs [C, LD] at gates; at ends are sums over channels: of reads
     * with the start, of writes with the end, and of the start with the end. */
};
} // namespace

/* This warp's tile of [C, 32]. */
__device__ static int tile_row()
{
    return warp_of() / 4 * 16;
}

__device__ static int tile_column()
{
    return warp_of() % 4 * 8;
}

/* ---- columns of S: gradients of scores and weights ---- */

__device__ static float column_of_v(const la_delta_back &w, const place &at, const void *from,
                                    int l, int64_t j)
{
    return l < at.live && j < w.c.dv ? number(w.c, from, token_of(w, at, l) * w.c.dv + j) : 0.0f;
}

/* Y [R, LD] and U [N, LD] at the columns from j0 on. */
template <la_write_rule WRITE>
__device__ static void take_columns(const la_delta_back &w, const place &at, int64_t j0, float *Y,
                                    float *U)
{
    typedef kinds<WRITE> kind;
    for (int e = (int)threadIdx.x; e < C * KT; e += THREADS) {
        int l = e / KT, i = l * LD + e % KT;
        int64_t j = j0 + e % KT, kept = (at.n * C + l) * w.W + j;
        float weight = weight_of(w, at, l);
        Y[(kind::reads - 1) * C * LD + i] = column_of_v(w, at, w.dout, l, j);
        if (!kind::solved) {
            U[i] = weight * column_of_v(w, at, w.c.v, l, j);
            continue;
        }
        bool there = j < w.W;
        float x = there ? w.X[kept] : 0.0f, d = there ? w.dU[kept] : 0.0f;
        Y[i] = kind::delta ? -weight * d : d;
        U[i] = kind::delta ? weight * x : x;
        if (kind::rank_one) U[C * LD + i] = column_of_v(w, at, w.c.v, l, j);
    }
}

/* dbeta of tokens warp, warp + WARPS, ...: what reached U, times U without its weight. */
template <la_write_rule WRITE>
__device__ static void weights_back(const la_delta_back &w, const place &at)
{
    for (int l = warp_of(); l < at.live; l += WARPS) {
        float sum = 0.0f;
        for (int64_t j = lane_of(); j < w.c.dv; j += LA_WARP) {
            int64_t kept = (at.n * C + l) * w.W + j;
            float x = kinds<WRITE>::solved ? w.X[kept] : column_of_v(w, at, w.c.v, l, j);
            sum = fmaf(w.dU[kept], x, sum);
        }
        sum = la_warp_sum(sum);
        if (lane_of() == 0) w.dbeta[token_of(w, at, l)] = sum;
    }
}

/* dM, with the decay of the pair where it is one by head; then also the pairs' parts in dg. Ends with a barrier. */
template <typename HOW, la_write_rule WRITE, bool CHANNEL>
__device__ static void scores_back(const la_delta_back &w, const place &at, float *pool)
{
    typedef layout<WRITE> lay;
    typedef kinds<WRITE> kind;
    const int r0 = tile_row(), c0 = tile_column();
    float acc[kind::reads * kind::writes][4] = {};
    for (int64_t j0 = 0; j0 < w.W; j0 += KT) {
        take_columns<WRITE>(w, at, j0, pool + lay::reads, pool + lay::writes);
        __syncthreads();
#pragma unroll
        for (int m = 0; m < kind::reads; m++)
#pragma unroll
            for (int n = 0; n < kind::writes; n++)
                add_product<HOW>(acc[m * kind::writes + n],
                                 rows_of(pool + lay::reads + (m * C + r0) * LD, LD),
                                 turned(pool + lay::writes + (n * C + c0) * LD, LD), KT);
        __syncthreads();
    }
    const float *L = pool + lay::sums, *M = w.M + at.n * lay::R * lay::N;
#pragma unroll
    for (int e = 0; e < 4; e++) {
        float pair = 0.0f;
#pragma unroll
        for (int m = 0; m < kind::reads; m++)
#pragma unroll
            for (int n = 0; n < kind::writes; n++) {
                int r = m * C + r0 + row_of(e), j = n * C + c0 + column_of(e);
                float x = kind::sees(r, j) ? acc[m * kind::writes + n][e] : 0.0f;
                pair = fmaf(x, M[r * lay::N + j], pair);
                if (!CHANNEL && kind::sees(r, j)) x *= expf(L[(j + 1) * TIMES + kind::time(r)]);
                pool[lay::dM + r * lay::LDM + j] = x;
            }
        if (!CHANNEL) pool[lay::gates + (r0 + row_of(e)) * LD + c0 + column_of(e)] = pair;
    }
    __syncthreads();
}

/* ---- channels of S ---- */

/* The tile's dreads and dwrites from the states, with their decays, and at `reads`, `writes` each times its read or
 * write: what crosses from the start or to the end. `whole` gets the start's with the end's, a number a
 * channel. Ends with a barrier. */
template <typename HOW, la_write_rule WRITE, bool CHANNEL>
__device__ static void states_back(const la_delta_back &w, const place &at, int64_t k0, float *pool,
                                   float *whole)
{
    typedef layout<WRITE> lay;
    typedef kinds<WRITE> kind;
    const int r0 = tile_row(), c0 = tile_column();
    float dreads[kind::reads][4] = {}, dwrites[kind::writes][4] = {}, across[KT / WARPS] = {};
    for (int64_t j0 = 0; j0 < w.W; j0 += KT) {
        take_columns<WRITE>(w, at, j0, pool + lay::reads, pool + lay::writes);
        for (int e = (int)threadIdx.x; e < KT * KT; e += THREADS) {
            int64_t c = k0 + e / KT, j = j0 + e % KT, from = (at.n * w.K + c) * w.W + j;
            bool there = c < w.K && j < w.W;
            pool[lay::S + e / KT * LD + e % KT] = there ? w.S[from] : 0.0f;
            pool[lay::dS + e / KT * LD + e % KT] = there ? w.dS[from] : 0.0f;
        }
        __syncthreads();
#pragma unroll
        for (int m = 0; m < kind::reads; m++)
            add_product<HOW>(dreads[m], rows_of(pool + lay::reads + (m * C + r0) * LD, LD),
                             turned(pool + lay::S + c0 * LD, LD), KT);
#pragma unroll
        for (int n = 0; n < kind::writes; n++)
            add_product<HOW>(dwrites[n], rows_of(pool + lay::writes + (n * C + r0) * LD, LD),
                             turned(pool + lay::dS + c0 * LD, LD), KT);
#pragma unroll
        for (int q = 0; q < KT / WARPS; q++) {
            int i = (warp_of() + q * WARPS) * LD + lane_of();
            across[q] = fmaf(pool[lay::S + i], pool[lay::dS + i], across[q]);
        }
        __syncthreads();
    }
#pragma unroll
    for (int q = 0; q < KT / WARPS; q++) {
        int c = warp_of() + q * WARPS;
        float sum = la_warp_sum(across[q]);
        if (lane_of() == 0) whole[c] = k0 + c < w.K ? sum * w.whole[at.n * w.K + k0 + c] : 0.0f;
    }
    float *sums = pool + lay::sums, *gates = pool + lay::gates;
#pragma unroll
    for (int turn = 0; turn < 2; turn++) { /* reads from the start, writes to the end */
        if (CHANNEL && threadIdx.x < KT)
            sums_around(gates + threadIdx.x, LD, turn == 0 ? 0 : C, sums + threadIdx.x);
        __syncthreads();
#pragma unroll
        for (int m = 0; m < (kind::reads > kind::writes ? kind::reads : kind::writes); m++) {
            if (m >= (turn == 0 ? kind::reads : kind::writes)) continue;
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int r = m * C + r0 + row_of(e), c = c0 + column_of(e);
                int t = turn == 0 ? kind::time(r) : r % C + 1;
                float fall = CHANNEL     ? sums[t * LD + c]
                             : turn == 0 ? sums[t]
                                         : -sums[t * TIMES + C];
                float x = turn == 0 ? dreads[m][e] * expf(fall) : dwrites[m][e] * expf(-fall);
                float by = turn == 0 ? read_at<WRITE>(w, at, r, k0 + c)
                                     : write_at<WRITE>(w, at, r, k0 + c);
                pool[(turn == 0 ? lay::dreads : lay::dwrites) + r * LD + c] = x;
                pool[(turn == 0 ? lay::reads : lay::writes) + r * LD + c] = x * by;
            }
        }
        __syncthreads();
    }
}

/* What crosses the tokens from the start or to the end, by channel: dg [C, LD] of this tile. */
template <la_write_rule WRITE> __device__ static void gates_of_ends(float *pool, const float *whole)
{
    typedef layout<WRITE> lay;
    typedef kinds<WRITE> kind;
    if (threadIdx.x >= KT) return;
    const float *reads = pool + lay::reads + threadIdx.x,
                *writes = pool + lay::writes + threadIdx.x;
    float *dg = pool + lay::dg + threadIdx.x, sum = whole[threadIdx.x];
    for (int l = C; l-- > 0;) {
        sum += reads[(lay::R - C + l) * LD];
        if (kind::delta) sum += reads[l * LD];
        if (kind::rank_one && l + 1 < C) sum += reads[(l + 1) * LD];
        dg[l * LD] = sum;
    }
    sum = 0.0f;
    for (int l = 0; l < C; l++) {
        dg[l * LD] += sum;
#pragma unroll
        for (int n = 0; n < kind::writes; n++) sum += writes[(n * C + l) * LD];
    }
}

/* The pairs' parts in dg by channel (a lane has one), of the reads warp, warp + WARPS, ... of a stretch: mine[l] is
 * that of token l. A read passes the sum over its writes up to each on to the token behind that. */
template <la_write_rule WRITE>
__device__ static void gates_of_pairs(const float *pool, const int *t, float mine[C])
{
    typedef layout<WRITE> lay;
    typedef kinds<WRITE> kind;
    const float *reads = pool + lay::reads + lane_of(), *writes = pool + lay::writes + lane_of();
    for (int r = warp_of(); r < lay::R; r += WARPS) {
        int time = kind::time(r);
        if (time < t[0] || time >= t[1]) continue;
        float by = reads[r * LD], sum = 0.0f;
        const float *dM = pool + lay::dM + r * lay::LDM;
#pragma unroll
        for (int l = 1; l < C; l++) {
            sum = fmaf(dM[l - 1], writes[(l - 1) * LD], sum);
            if (kind::rank_one) sum = fmaf(dM[C + l - 1], writes[(C + l - 1) * LD], sum);
            mine[l] = fmaf(l < time ? by : 0.0f, sum, mine[l]);
        }
    }
}

/* The same by head: dg of the chunk, from sums over channels. */
template <la_write_rule WRITE>
__device__ static void gates_by_head(const la_delta_back &w, const place &at, const float *pool)
{
    typedef layout<WRITE> lay;
    const float *ends = pool + lay::ends, *pairs = pool + lay::gates;
    int l = (int)threadIdx.x;
    if (l >= at.live) return;
    float sum = ends[lay::R + lay::N];
    for (int i = l; i < C; i++) {
        for (int m = 0; m < lay::R; m += C) sum += ends[m + i];
        for (int j = 0; j < l; j++) sum += pairs[i * LD + j];
    }
    for (int j = 0; j < l; j++) sum += ends[lay::R + j];
    w.dg[token_of(w, at, l)] = sum;
}

/* The pairs' parts of dreads and dwrites around one stretch; `pool` holds its copies. */
template <typename HOW, la_write_rule WRITE, bool CHANNEL>
__device__ static void pairs_back(float *pool, const int *t)
{
    typedef layout<WRITE> lay;
    typedef kinds<WRITE> kind;
    const int r0 = tile_row(), c0 = tile_column();
    const float *sums = pool + lay::sums, *dM = pool + lay::dM;
#pragma unroll
    for (int m = 0; m < kind::reads; m++) {
        float acc[4] = {};
        add_product<HOW>(acc, rows_of(dM + (m * C + r0) * lay::LDM, lay::LDM),
                         rows_of(pool + lay::writes + c0, LD), lay::N);
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int r = m * C + r0 + row_of(e), c = c0 + column_of(e), time = kind::time(r);
            if (CHANNEL && (time < t[0] || time >= t[1])) continue;
            float near = CHANNEL ? expf(sums[time * LD + c]) : 1.0f;
            pool[lay::dreads + r * LD + c] += near * acc[e];
        }
    }
#pragma unroll
    for (int n = 0; n < kind::writes; n++) {
        float acc[4] = {};
        add_product<HOW>(acc, turned(dM + n * C + r0, lay::LDM),
                         rows_of(pool + lay::reads + c0, LD), lay::R);
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int r = n * C + r0 + row_of(e), c = c0 + column_of(e), time = r % C + 1;
            if (CHANNEL && time >= t[1]) continue;
            float far = CHANNEL ? expf(-sums[time * LD + c]) : 1.0f;
            pool[lay::dwrites + r * LD + c] += far * acc[e];
        }
    }
}

/* The tile's gradients to the caller's tensors, those of shared q and k to the work buffer. */
template <la_write_rule WRITE, bool CHANNEL>
__device__ static void deliver(const la_delta_back &w, const place &at, int64_t k0,
                               const float *pool)
{
    typedef layout<WRITE> lay;
    typedef kinds<WRITE> kind;
    const float *dreads = pool + lay::dreads, *dwrites = pool + lay::dwrites;
    for (int e = (int)threadIdx.x; e < at.live * KT; e += THREADS) {
        int l = e / KT, i = l * LD + e % KT;
        int64_t c = k0 + e % KT, own = token_of(w, at, l) * w.c.dk + c;
        if (c >= w.c.dk) continue;
        float dq = w.c.scale * dreads[(lay::R - C) * LD + i];
        float dk = dwrites[(lay::N - C) * LD + i];
        if (kind::delta) dk += dreads[i];
        if (kind::rank_one && w.da) w.da[own] = dreads[i];
        if (kind::rank_one && w.db) w.db[own] = dwrites[i];
        if (CHANNEL && w.dg) w.dg[own] = pool[lay::dg + i];
        if (w.dq_part) {
            w.dq_part[(at.n * C + l) * w.K + c] = dq;
            w.dk_part[(at.n * C + l) * w.K + c] = dk;
            continue;
        }
        if (w.dq) put(w.c, dq, w.dq, own);
        if (w.dk) put(w.c, dk, w.dk, own);
    }
}

/* grid: chunks of a head, heads, sequences; block: THREADS. */
template <typename HOW, la_write_rule WRITE, bool CHANNEL>
__global__ void __launch_bounds__(THREADS, 2) delta_gradients_kernel(la_delta_back w)
{
    typedef layout<WRITE> lay;
    LA_SHARED(float, pool);
    const place at = place_of(w, (int64_t)blockIdx.x / w.chunks, (int64_t)blockIdx.x % w.chunks);
    int *begin = (int *)(pool + lay::begin);
    float *whole = pool + lay::scratch, *ends = pool + lay::ends;
    if (w.dbeta) weights_back<WRITE>(w, at);
    if (CHANNEL)
        find_stretches(w, at, pool + lay::scratch, begin);
    else
        head_sums(w, at, pool + lay::gates, pool + lay::sums);
    const int stretches = CHANNEL ? begin[C + 2] : 1;
    scores_back<HOW, WRITE, CHANNEL>(w, at, pool);
    for (int e = (int)threadIdx.x; e <= lay::R + lay::N; e += THREADS) ends[e] = 0.0f;
    for (int64_t k0 = 0; k0 < w.K; k0 += KT) {
        if (CHANNEL) take_gates(w, at, k0, pool + lay::gates);
        states_back<HOW, WRITE, CHANNEL>(w, at, k0, pool, whole);
        if (CHANNEL) {
            gates_of_ends<WRITE>(pool, whole);
        } else {
            for (int r = warp_of(); r < lay::R + lay::N; r += WARPS) { /* writes lie behind reads */
                float sum = la_warp_sum(pool[lay::reads + r * LD + lane_of()]);
                if (lane_of() == 0) ends[r] += sum;
            }
            if (threadIdx.x == 0)
                for (int c = 0; c < KT; c++) ends[lay::R + lay::N] += whole[c];
        }
        __syncthreads();
        float mine[C] = {};
        for (int s = 0; s < stretches; s++) {
            copy_around<WRITE, CHANNEL>(w, at, k0, begin + s, pool + lay::gates, pool + lay::sums,
                                        pool + lay::reads, pool + lay::writes);
            pairs_back<HOW, WRITE, CHANNEL>(pool, begin + s);
            if (CHANNEL && w.dg) gates_of_pairs<WRITE>(pool, begin + s, mine);
            __syncthreads();
        }
        for (int p = 0; CHANNEL && w.dg && p < WARPS;
             p++) { /* in order: the same bits every time */
            if (warp_of() == p)
#pragma unroll
                for (int l = 1; l < C; l++) pool[lay::dg + l * LD + lane_of()] += mine[l];
            __syncthreads();
        }
        deliver<WRITE, CHANNEL>(w, at, k0, pool);
        __syncthreads();
    }
    if (!CHANNEL && w.dg) gates_by_head<WRITE>(w, at, pool);
}

/* dq and dk of the window where value heads share them: the parts of a group's heads, in order. A thread has one
 * number; grid: all of them. */
__global__ void __launch_bounds__(THREADS, 2) delta_groups_kernel(la_delta_back w)
{
    int64_t e = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    int64_t c = e % w.c.dk, hq = e / w.c.dk % w.c.Hqk, t = e / w.c.dk / w.c.Hqk;
    int64_t tokens = w.chunks * C, b = t / tokens, l = t % tokens, group = w.c.H / w.c.Hqk;
    if (b >= w.c.B || w.first + l >= w.c.T) return;
    float dq = 0.0f, dk = 0.0f;
    for (int64_t h = hq * group; h < (hq + 1) * group; h++) {
        int64_t from = (((b * w.c.H + h) * w.chunks + l / C) * C + l % C) * w.K + c;
        dq += w.dq_part[from];
        dk += w.dk_part[from];
    }
    int64_t to = ((b * w.c.T + w.first + l) * w.c.Hqk + hq) * w.c.dk + c;
    if (w.dq) put(w.c, dq, w.dq, to);
    if (w.dk) put(w.c, dk, w.dk, to);
}

struct launch_gradients {
    template <typename HOW, la_write_rule WRITE, bool CHANNEL>
    static void run(const la_delta_back *w)
    {
        LA_LAUNCH((delta_gradients_kernel<HOW, WRITE, CHANNEL>),
                  dim3((unsigned)(w->c.B * w->c.H * w->chunks)), dim3(THREADS),
                  sizeof(float) * (size_t)layout<WRITE>::floats, w->c.stream, *w);
    }
};

extern "C" la_status la_delta_back_gradients(const la_delta_back *w, la_err *err)
{
    run_by_kind<launch_gradients>(w);
    LA_TRY(LA_LAUNCHED("the gradients of tokens", err));
    if (!w->dq_part) return LA_OK;
    int64_t numbers = w->c.B * w->chunks * C * w->c.Hqk * w->c.dk;
    LA_LAUNCH(delta_groups_kernel, dim3((unsigned)((numbers + THREADS - 1) / THREADS)),
              dim3(THREADS), 0, w->c.stream, *w);
    return LA_LAUNCHED("the sums over groups", err);
}
