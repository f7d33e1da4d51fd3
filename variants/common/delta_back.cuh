/* SPDX-License-Identifier: Apache-2.0
 * What the kernels of delta_back_*.cu share: products of tiles in the registers of a warp, places of chunks,
 * sums of log-decays.
 */
#ifndef LA_DELTA_BACK_CUH
#define LA_DELTA_BACK_CUH

#include "labench/cuda_kit.cuh"
#include "labench/cuda_mma.cuh"

#include "delta_back.h"

static const int C = LA_DELTA_BACK_C, TIMES = C + 1;

/* ---- products ---- */

/* A matrix by its first element: (row, column) at p[row * down + column * along]. */
struct matrix {
    const float *p;
    int down, along;
};

__device__ static inline matrix rows_of(const float *p, int ld)
{
    return {p, ld, 1};
}

__device__ static inline matrix turned(const float *p, int ld)
{
    return {p, 1, ld};
}

__device__ static inline int lane_of()
{
    return (int)(threadIdx.x % LA_WARP);
}

__device__ static inline int warp_of()
{
    return (int)(threadIdx.x / LA_WARP);
}

/* The kinds of numbers that meet in a product, f32 always the sum: tf32, whose 11 bits are more than bf16 has, and
 * three products of it for inputs in f32. For f16 too: it has 11 bits itself, and what lies between its
 * inputs and a gradient, rounded to as many, showed in rows that nearly cancel. */
struct narrow {
};
struct wide {
};

static inline bool takes_wide(la_dtype inputs)
{
    return inputs != LA_BF16;
}

/* c += a b for 16 x 8 of c in the fragments of mma (cuda_mma.cuh); depth a multiple of 16. */
__device__ static inline void multiply(narrow, const float a[4], const float b[2], float c[4])
{
    uint32_t x[4], y[2];
    for (int i = 0; i < 4; i++) x[i] = la_tf32(a[i]);
    for (int i = 0; i < 2; i++) y[i] = la_tf32(b[i]);
    la_mma_tf32(c, x, y);
}

__device__ static inline void multiply(wide, const float a[4], const float b[2], float c[4])
{
    la_mma_split(c, la_split4(a), la_split2(b));
}

template <typename HOW>
__device__ static inline void add_product(float c[4], matrix a, matrix b, int depth)
{
    const int lane = lane_of(), row = lane / 4, k = lane % 4;
    const float *pa = a.p + row * a.down + k * a.along, *pb = b.p + k * b.down + row * b.along;
    float odd[4] = {}; /* two sums in turn: a product need not wait for the one before */
#pragma unroll 2
    for (int d = 0; d < depth; d += 16, pa += 16 * a.along, pb += 16 * b.down) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float *qa = pa + half * 8 * a.along, *qb = pb + half * 8 * b.down;
            const float x[4] = {qa[0], qa[8 * a.down], qa[4 * a.along],
                                qa[8 * a.down + 4 * a.along]};
            const float y[2] = {qb[0], qb[4 * b.down]};
            multiply(HOW(), x, y, half ? odd : c);
        }
    }
#pragma unroll
    for (int e = 0; e < 4; e++) c[e] += odd[e];
}

/* Of number e of a fragment of c, which element of the 16 x 8 this lane has. */
__device__ static inline int row_of(int e)
{
    return lane_of() / 4 + 8 * (e / 2);
}

__device__ static inline int column_of(int e)
{
    return 2 * (lane_of() % 4) + e % 2;
}

/* ---- chunks ---- */

/* Chunk i of a window of head h of sequence b: its place in the work buffer, its first token, and how many of
 * its C tokens there are. */
struct place {
    int64_t b, h, n, t;
    int live;
};

__device__ static inline place place_of(const la_delta_back &w, int64_t bh, int64_t i)
{
    place at = {bh / w.c.H, bh % w.c.H, bh * w.chunks + i, w.first + i * C, C};
    if (w.c.T - at.t < C) at.live = (int)(w.c.T - at.t);
    return at;
}

/* Element i of a tensor of q's type. */
__device__ static inline float number(const la_delta_call &c, const void *p, int64_t i)
{
    if (c.dtype == LA_F32) return ((const float *)p)[i];
    if (c.dtype == LA_BF16) return la_to_float(((const la_bf16_t *)p)[i]);
    return la_to_float(((const la_f16_t *)p)[i]);
}

__device__ static inline void put(const la_delta_call &c, float x, void *p, int64_t i)
{
    if (c.dtype == LA_F32)
        ((float *)p)[i] = x;
    else if (c.dtype == LA_BF16)
        la_from_float(x, (la_bf16_t *)p + i);
    else
        la_from_float(x, (la_f16_t *)p + i);
}

/* Where token l of the chunk is in tensors [B,T,H] and, times the width of a row, [B,T,H,.]. */
__device__ static inline int64_t token_of(const la_delta_back &w, const place &at, int l)
{
    return (at.b * w.c.T + at.t + l) * w.c.H + at.h;
}

__device__ static inline int64_t query_of(const la_delta_back &w, const place &at, int l)
{
    return (at.b * w.c.T + at.t + l) * w.c.Hqk + at.h / (w.c.H / w.c.Hqk);
}

/* beta, or the weight of the write; 0 for tokens that are not there. */
__device__ static inline float weight_of(const la_delta_back &w, const place &at, int l)
{
    if (l >= at.live) return 0.0f;
    return w.c.beta ? w.c.beta[token_of(w, at, l)] : 1.0f;
}

/* A member's kinds of reads and writes. */
template <la_write_rule WRITE> struct kinds {
    static const int reads = WRITE == LA_WRITE_ADDITIVE ? 1 : 2;
    static const int writes = WRITE == LA_WRITE_RANK_ONE ? 2 : 1;
    static const int R = reads * C, N = writes * C; /* rows of them */
    static const bool rank_one = WRITE == LA_WRITE_RANK_ONE;
    static const bool delta = WRITE == LA_WRITE_DELTA;
    static const bool solved = WRITE != LA_WRITE_ADDITIVE;
    /* The time of row r of the reads; that of row r of the writes is r % C + 1. */
    __device__ static inline int time(int r)
    {
        return r % C + (rank_one && r < C ? 0 : 1);
    }
    /* Whether read r sees write j. */
    __device__ static inline bool sees(int r, int j)
    {
        int i = r % C, l = j % C;
        return solved && r < C ? l < i : l <= i;
    }
};

/* Row r, channel c of the reads or writes, 0 beyond; s is in q. */
template <la_write_rule WRITE>
__device__ static inline float read_at(const la_delta_back &w, const place &at, int r, int64_t c)
{
    typedef kinds<WRITE> kind;
    int l = r % C;
    if (l >= at.live || c >= w.c.dk) return 0.0f;
    if (r / C == kind::reads - 1)
        return w.c.scale * number(w.c, w.c.q, query_of(w, at, l) * w.c.dk + c);
    if (kind::rank_one) return w.c.a[token_of(w, at, l) * w.c.dk + c];
    return number(w.c, w.c.k, query_of(w, at, l) * w.c.dk + c);
}

template <la_write_rule WRITE>
__device__ static inline float write_at(const la_delta_back &w, const place &at, int r, int64_t c)
{
    int l = r % C;
    if (l >= at.live || c >= w.c.dk) return 0.0f;
    if (kinds<WRITE>::rank_one && r < C) return w.c.b[token_of(w, at, l) * w.c.dk + c];
    return number(w.c, w.c.k, query_of(w, at, l) * w.c.dk + c);
}

/* ---- launches ---- */

/* OF::run<HOW, WRITE, CHANNEL>(w, more...) of the kinds that a call has. */
template <typename OF, la_write_rule WRITE, bool CHANNEL, typename... A>
static inline void run_of(const la_delta_back *w, A... more)
{
    if (takes_wide(w->c.dtype))
        OF::template run<wide, WRITE, CHANNEL>(w, more...);
    else
        OF::template run<narrow, WRITE, CHANNEL>(w, more...);
}

template <typename OF, typename... A>
static inline void run_by_kind(const la_delta_back *w, A... more)
{
    const bool channel = w->c.decay == LA_DECAY_CHANNEL;
    if (w->c.write == LA_WRITE_RANK_ONE)
        run_of<OF, LA_WRITE_RANK_ONE, true>(w, more...);
    else if (w->c.write == LA_WRITE_DELTA)
        channel ? run_of<OF, LA_WRITE_DELTA, true>(w, more...)
                : run_of<OF, LA_WRITE_DELTA, false>(w, more...);
    else
        channel ? run_of<OF, LA_WRITE_ADDITIVE, true>(w, more...)
                : run_of<OF, LA_WRITE_ADDITIVE, false>(w, more...);
}

/* ---- decays ---- */

/* The log-decay of token l: a number for all channels. */
__device__ static inline float head_gate(const la_delta_back &w, const place &at, int l)
{
    if (l >= at.live) return 0.0f;
    if (w.c.fixed) return w.c.fixed[w.c.H + at.h];
    return w.c.g ? w.c.g[token_of(w, at, l)] : 0.0f;
}

__device__ static inline float channel_gate(const la_delta_back &w, const place &at, int l,
                                            int64_t c)
{
    return l < at.live && c < w.c.dk ? w.c.g[token_of(w, at, l) * w.c.dk + c] : 0.0f;
}

/* sums[time * ld] for times 0 to C: the log-decays between time 0 + `around` and that time, negative sums before
 * it turned round, so that no sum is a difference of longer ones; g[l * ld] is token l's. */
__device__ static inline void sums_around(const float *g, int ld, int around, float *sums)
{
    float sum = 0.0f;
    for (int t = around; t <= C; t++) {
        if (t > around) sum += g[(t - 1) * ld];
        sums[t * ld] = sum;
    }
    sum = 0.0f;
    for (int t = around; t-- > 0;) {
        sum -= g[t * ld];
        sums[t * ld] = sum;
    }
}

/* Logarithms of the decay between two times, by head: L[from * TIMES + to]. Ends with a barrier. */
__device__ static inline void head_sums(const la_delta_back &w, const place &at, float *gates,
                                        float *L)
{
    if (threadIdx.x < C) gates[threadIdx.x] = head_gate(w, at, (int)threadIdx.x);
    __syncthreads();
    if (threadIdx.x < TIMES) sums_around(gates, 1, (int)threadIdx.x, L + threadIdx.x * TIMES);
    __syncthreads();
}

/* A product of exp(G_t - G_0) and exp(G_0 - G_j) replaces the decay between two times where float32 holds both:
 * as long as no channel falls by more than this from time 0 on. */
#define LA_DELTA_BACK_FALL 60.0f

/* Stretches of times [begin[i], begin[i + 1]) in which that holds; falls[l] is the largest fall of a channel at
 * token l, most that of one over the whole chunk. Returns how many; begin has C + 2 places. */
__host__ __device__ static inline int stretches_of(const float *falls, float most, int *begin)
{
    int n = 0;
    float sum = 0.0f;
    begin[n++] = 0;
    for (int t = 1; t <= LA_DELTA_BACK_C && !(most < LA_DELTA_BACK_FALL); t++) {
        sum += falls[t - 1];
        if (sum < LA_DELTA_BACK_FALL) continue;
        begin[n++] = t;
        sum = 0.0f;
    }
    begin[n] = LA_DELTA_BACK_C + 1;
    return n;
}

/* The block finds the stretches of a chunk with decays by channel, into begin[0..]; the number is behind them, at
 * begin[C + 2]. `scratch` holds C + warps numbers. Ends with a barrier. */
__device__ static inline void find_stretches(const la_delta_back &w, const place &at,
                                             float *scratch, int *begin)
{
    int warps = (int)blockDim.x / LA_WARP;
    for (int l = warp_of(); l < C; l += warps) {
        float fall = 0.0f;
        for (int64_t c = lane_of(); c < w.c.dk; c += LA_WARP)
            fall = fmaxf(fall, -channel_gate(w, at, l, c));
        fall = la_warp_max(fall);
        if (lane_of() == 0) scratch[l] = fall;
    }
    float most = 0.0f;
    for (int64_t c = threadIdx.x; c < w.c.dk; c += blockDim.x) {
        float sum = 0.0f;
        for (int l = 0; l < C; l++) sum -= channel_gate(w, at, l, c);
        most = fmaxf(most, sum);
    }
    most = la_warp_max(most);
    if (lane_of() == 0) scratch[C + warp_of()] = most;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int i = 0; i < warps; i++) most = fmaxf(most, scratch[C + i]);
        begin[C + 2] = stretches_of(scratch, most, begin);
    }
    __syncthreads();
}

/* ---- tiles of KT channels ---- */

static const int KT = 32,
                 LD = KT + 4; /* rows of a tile lie LD apart: fragments then meet no bank twice */

/* The gates of a chunk's tile of channels from k0 on, [C, LD]. */
__device__ static inline void take_gates(const la_delta_back &w, const place &at, int64_t k0,
                                         float *gates)
{
    for (int e = (int)threadIdx.x; e < C * KT; e += (int)blockDim.x)
        gates[e / KT * LD + e % KT] = channel_gate(w, at, e / KT, k0 + e % KT);
}

/* The tile's reads and writes around the start of the stretch [t[0], t[1]): reads that fall from there, 0 outside of
 * it, and writes that fall towards it or grow behind it, 0 beyond. With a decay by head they are as
 * they come, and `t`, `gates` and `sums` are not asked. Barriers before and behind. */
template <la_write_rule WRITE, bool CHANNEL>
__device__ static inline void copy_around(const la_delta_back &w, const place &at, int64_t k0,
                                          const int *t, const float *gates, float *sums,
                                          float *reads, float *writes)
{
    typedef kinds<WRITE> kind;
    if (CHANNEL && threadIdx.x < KT) sums_around(gates + threadIdx.x, LD, t[0], sums + threadIdx.x);
    __syncthreads();
    for (int e = (int)threadIdx.x; e < kind::R * KT; e += (int)blockDim.x) {
        int r = e / KT, c = e % KT, time = kind::time(r);
        float x = 0.0f;
        if (!CHANNEL)
            x = read_at<WRITE>(w, at, r, k0 + c);
        else if (time >= t[0] && time < t[1])
            x = read_at<WRITE>(w, at, r, k0 + c) * expf(sums[time * LD + c]);
        reads[r * LD + c] = x;
    }
    for (int e = (int)threadIdx.x; e < kind::N * KT; e += (int)blockDim.x) {
        int r = e / KT, c = e % KT, time = r % C + 1;
        float x = 0.0f;
        if (!CHANNEL)
            x = write_at<WRITE>(w, at, r, k0 + c);
        else if (time < t[1])
            x = write_at<WRITE>(w, at, r, k0 + c) * expf(-sums[time * LD + c]);
        writes[r * LD + c] = x;
    }
    __syncthreads();
}

#endif
