/* SPDX-License-Identifier: Apache-2.0
 * The forward passes of kernel_cuda.h: largest exponents, chunks' sums, their running sums, outputs. A block
 * of four warps has a tile of 64 x 64 of what it makes, and two buffers in shared memory, 36 KiB.
 */
#include "tile_cuda.cuh"

#include "kernel_cuda.cuh"

/* ---- the largest exponents ---- */

/* Largest exponent of each feature in each chunk. grid: (features, chunks, B H), a thread a feature. */
__global__ void chunk_maxima_kernel(la_kc c, const float *exponents, float *R, int64_t groups)
{
    int64_t i = (int64_t)blockIdx.x % groups * blockDim.x + threadIdx.x;
    int64_t bh = (int64_t)blockIdx.x / groups / c.chunks,
            j = (int64_t)blockIdx.x / groups % c.chunks;
    if (i >= c.m) return;
    int64_t end = (j + 1) * c.chunk < c.T ? (j + 1) * c.chunk : c.T;
    float top = -INFINITY;
    for (int64_t t = j * c.chunk; t < end; t++)
        top = fmaxf(top, exponents[(bh * c.T + t) * c.m + i]);
    R[(bh * (c.chunks + 1) + j + 1) * c.m + i] = top;
}

/* The largest so far, as powers; and c of the state that goes out. */
__global__ void running_maxima_kernel(la_kc c, la_kc_sums sums, const float *in, float *out)
{
    int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= c.B * c.H * c.m) return;
    int64_t bh = at / c.m, i = at % c.m;
    float top = in ? in[at] : -INFINITY, *R = sums.R + bh * (c.chunks + 1) * c.m + i;
    sums.c[2 * bh * c.m + i] = top;
    R[0] = la_kc_power_of(top);
    for (int64_t j = 1; j <= c.chunks; j++) {
        top = fmaxf(top, R[j * c.m]);
        R[j * c.m] = la_kc_power_of(top);
    }
    sums.c[(2 * bh + 1) * c.m + i] = top;
    if (out) out[at] = top;
}

extern "C" la_status la_kc_maxima(const la_kc *c, const float *exponents, const la_kc_sums *sums,
                                  const la_kc_state *in, const la_kc_state *out, void *stream,
                                  la_err *err)
{
    const unsigned threads = 128;
    int64_t groups = (c->m + threads - 1) / threads, blocks = c->B * c->H * c->chunks * groups;
    LA_TRY(la_kc_blocks(blocks, err));
    LA_LAUNCH(chunk_maxima_kernel, dim3((unsigned)blocks), dim3(threads), 0, stream, *c, exponents,
              sums->R, groups);
    LA_LAUNCH(running_maxima_kernel, dim3((unsigned)((c->B * c->H * c->m + threads - 1) / threads)),
              dim3(threads), 0, stream, *c, *sums, (const float *)in->c, out->c);
    return LA_LAUNCHED("the largest exponents", err);
}

/* N of a query: no feature is above 2^LA_KC_ROOM. A warp a token. */
__global__ void powers_kernel(la_kc c, const float *exponents, la_kc_sums sums, float *N)
{
    int64_t row = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
    bool there = row < c.B * c.H * c.T;
    float top = -INFINITY;
    if (there) {
        int64_t bh = row / c.T, j = row % c.T / c.chunk;
        const float *R = la_kc_power_at(c, sums, bh, c.causal ? j + 1 : c.chunks);
        for (int64_t i = threadIdx.x; i < c.m; i += LA_WARP)
            top = fmaxf(top, la_kc_split(exponents[row * c.m + i]).n + R[i]);
    }
    top = la_warp_max(top);
    if (there && threadIdx.x == 0) N[row] = top - (float)LA_KC_ROOM;
}

extern "C" la_status la_kc_powers(const la_kc *c, const float *exponents, const la_kc_sums *sums,
                                  float *N, void *stream, la_err *err)
{
    int64_t blocks = (c->B * c->H * c->T + 3) / 4;
    LA_TRY(la_kc_blocks(blocks, err));
    LA_LAUNCH(powers_kernel, dim3((unsigned)blocks), dim3(LA_WARP, 4), 0, stream, *c, exponents,
              *sums, N);
    return LA_LAUNCHED("the powers of queries", err);
}

/* ---- what chunks bring ---- */

/* grid: (tiles of columns, tiles of features, chunks, B H). */
template <typename E>
__global__ void __launch_bounds__(LA_TILE_THREADS)
    absorb_kernel(la_kc c, la_kc_side side, la_kc_sums sums, bool back, int64_t across,
                  int64_t down)
{
    LA_SHARED(float, F);
    float *Y = F + LA_TILE_BUFFER;
    const int64_t column = (int64_t)blockIdx.x % across * LA_TILE,
                  feature = (int64_t)blockIdx.x / across % down * LA_TILE,
                  chunk = (int64_t)blockIdx.x / across / down, bh = chunk / c.chunks,
                  j = chunk % c.chunks;
    const float *R = la_kc_power_at(c, sums, bh, !c.causal ? c.chunks : back ? j : j + 1);
    const int64_t end = (j + 1) * c.chunk < c.T ? (j + 1) * c.chunk : c.T;
    const int me = (int)threadIdx.x;
    la_tile_sum sum;
    float z = 0.0f; /* of feature `me`, by the first threads of the first tile of columns */
    la_tile_zero(sum);
    for (int64_t t = j * c.chunk; t < end; t += LA_TILE) {
        const int rows = la_tile_left(end, t);
        la_tile_fill<E>(F, LA_TILE_ACROSS, [&](int r, int i) {
            return r < rows && feature + i < c.m
                       ? la_kc_feature_of<E>(c, side, bh, t + r, feature + i, R)
                       : 0.0f;
        });
        la_tile_fill<E>(Y, LA_TILE_ACROSS, [&](int r, int i) {
            return r < rows && column + i < c.dv ? la_kc_value<E>(c, side, bh, t + r, column + i)
                                                 : 0.0f;
        });
        __syncthreads();
        la_tile_tn<E>(sum, F, Y, rows);
        for (int r = 0; column == 0 && c.normalize && me < LA_TILE && r < rows; r++)
            z = fmaf(F[r * LA_TILE_ACROSS + me], la_kc_extra(c, side, bh, t + r), z);
        __syncthreads();
    }
    float *to = la_kc_slot_at(c, sums, bh, back ? j : j + 1);
    la_tile_each(sum, [&](int r, int i, float &x) {
        if (feature + r < c.m && column + i < c.dv) to[(feature + r) * c.dv + column + i] = x;
    });
    if (column == 0 && me < LA_TILE && feature + me < c.m) to[c.m * c.dv + feature + me] = z;
}

extern "C" la_status la_kc_absorb(const la_kc *c, const la_kc_side *side, bool back,
                                  const la_kc_sums *sums, void *stream, la_err *err)
{
    int64_t across = la_kc_tiles(c->dv), down = la_kc_tiles(c->m);
    int64_t blocks = c->B * c->H * c->chunks * across * down;
    LA_TRY(la_kc_blocks(blocks, err));
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(absorb_kernel<E>, dim3((unsigned)blocks), dim3(LA_TILE_THREADS),                     \
              2 * LA_TILE_BUFFER * sizeof(float), stream, *c, *side, *sums, back, across, down)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("what chunks bring", err);
}

/* Running sums over chunks, in place: a thread an element of a state. Forward, slot j + 1 holds what chunk j
 * brings and then what comes after it; back, slot j what chunk j brings and then what comes before it. */
__global__ void scan_kernel(la_kc c, la_kc_sums sums, bool back, la_kc_state in, la_kc_state out)
{
    const int64_t slot = c.slot, matrix = c.m * c.dv;
    int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, bh = at / slot, e = at % slot;
    if (bh >= c.B * c.H || (e >= matrix && !c.normalize)) return;
    const bool is_z = e >= matrix;
    const int64_t i = is_z ? e - matrix : e / c.dv, there = is_z ? bh * c.m + i : bh * matrix + e;
    const float *from = is_z ? in.z : in.S, *R = la_kc_power_at(c, sums, bh, 0);
    float *to = is_z ? out.z : out.S, *x = la_kc_slot_at(c, sums, bh, 0) + e;
    const float *maxima = c.stabilised ? sums.c + 2 * bh * c.m + i : nullptr;
    float sum = from ? from[there] : 0.0f;
    if (maxima) sum *= back ? la_kc_ratio(maxima[c.m]) : 1.0f / la_kc_ratio(maxima[0]);
    if (!back) x[0] = sum;
    if (back) x[c.chunks * slot] = sum;
    for (int64_t j = 0; j < c.chunks; j++) {
        int64_t to_slot = back ? c.chunks - 1 - j : j + 1, low = back ? to_slot : j;
        if (R && c.causal) sum *= la_kc_grown(R[low * c.m + i], R[(low + 1) * c.m + i]);
        if (R && !c.causal && !back && j == 0)
            sum *= la_kc_grown(R[i], R[c.chunks * c.m + i]); /* all is relative to the last */
        sum += x[to_slot * slot];
        x[to_slot * slot] = sum;
    }
    if (maxima) sum *= back ? 1.0f / la_kc_ratio(maxima[0]) : la_kc_ratio(maxima[c.m]);
    if (to) to[there] = sum;
}

extern "C" la_status la_kc_scan(const la_kc *c, bool back, const la_kc_sums *sums,
                                const la_kc_state *in, const la_kc_state *out, void *stream,
                                la_err *err)
{
    const int64_t threads = 128, all = c->B * c->H * c->slot,
                  blocks = (all + threads - 1) / threads;
    LA_TRY(la_kc_blocks(blocks, err));
    LA_LAUNCH(scan_kernel, dim3((unsigned)blocks), dim3((unsigned)threads), 0, stream, *c, *sums,
              back, *in, *out);
    return LA_LAUNCHED("states of chunks", err);
}

/* ---- outputs ---- */

/* Forward, sums of the features of a row, twice two threads each: with z, and of a row of P. */
__device__ static float row_of(const float *buffer, const float *weights, int n)
{
    const int row = (int)threadIdx.x / 2, half = (int)threadIdx.x % 2;
    float sum = 0.0f;
    for (int i = half; i < n; i += 2)
        sum += (weights ? weights[i] : 1.0f) * buffer[row * LA_TILE_ALONG + i];
    return sum;
}

/* The pairs of a tile with itself and with the others of its chunk: sum += tril(F F_other') Y_other, of P its
 * own row sums to den. */
template <typename E>
__device__ static void pairs(const la_kc &c, const la_kc_read_call &call, int64_t bh, int64_t t,
                             int64_t column, float *one, float *two, la_tile_sum &sum, float &den)
{
    const bool back = call.back;
    const int64_t j = t / c.chunk, first = back ? t : j * c.chunk;
    int64_t last = back ? (j + 1) * c.chunk : t + LA_TILE;
    if (last > c.T) last = c.T;
    const float *R = la_kc_power_at(c, call.sums, bh, j + 1);
    const int rows = la_tile_left(c.T, t);
    for (int64_t u = first; u < last; u += LA_TILE) {
        const int others = la_tile_left(c.T, u);
        la_tile_sum P;
        la_tile_zero(P);
        for (int64_t i = 0; i < c.m; i += LA_TILE) {
            const int width = la_tile_left(c.m, i);
            la_tile_fill<E>(one, LA_TILE_ALONG, [&](int r, int f) {
                return r < rows && f < width
                           ? la_kc_feature_of<E>(c, call.rows, bh, t + r, i + f, R)
                           : 0.0f;
            });
            la_tile_fill<E>(two, LA_TILE_ALONG, [&](int r, int f) {
                return r < others && f < width && !la_kc_is_exact(c, call.others, bh, u + r)
                           ? la_kc_feature_of<E>(c, call.others, bh, u + r, i + f, R)
                           : 0.0f;
            });
            __syncthreads();
            la_tile_nt<E>(P, one, two, width);
            __syncthreads();
        }
        la_tile_each(P, [&](int r, int o, float &x) {
            bool seen = o < others && (back ? u + o >= t + r : u + o <= t + r);
            one[r * LA_TILE_ALONG + o] = la_tile_hold<E>(seen ? x : 0.0f);
        });
        la_tile_fill<E>(two, LA_TILE_ACROSS, [&](int r, int o) {
            return r < others && column + o < c.dv
                       ? la_kc_value<E>(c, call.others, bh, u + r, column + o)
                       : 0.0f;
        });
        __syncthreads();
        la_tile_nn<E>(sum, one, two, others);
        if (c.normalize && !back) den += row_of(one, nullptr, others);
        __syncthreads();
    }
}

/* grid: (tiles of columns, tiles of tokens, B H). */
template <typename E>
__global__ void __launch_bounds__(LA_TILE_THREADS)
    read_kernel(la_kc c, la_kc_read_call call, int64_t across, int64_t tiles)
{
    LA_SHARED(float, one);
    float *two = one + LA_TILE_BUFFER, *weights = two + LA_TILE_BUFFER, *factor = weights + LA_TILE;
    const int64_t column = (int64_t)blockIdx.x % across * LA_TILE,
                  t = (int64_t)blockIdx.x / across % tiles * LA_TILE,
                  bh = (int64_t)blockIdx.x / across / tiles, j = t / c.chunk;
    const int me = (int)threadIdx.x, rows = la_tile_left(c.T, t),
              columns = la_tile_left(c.dv, column);
    const bool divides = c.normalize && !call.back;
    const float *R = la_kc_power_at(c, call.sums, bh, la_kc_seen_power(c, call.back, j));
    const float *S = la_kc_slot_at(c, call.sums, bh, la_kc_seen(c, call.back, j));
    la_tile_sum sum;
    float den = 0.0f;
    la_tile_zero(sum);
    if (c.causal) pairs<E>(c, call, bh, t, column, one, two, sum, den);
    for (int64_t i = 0; i < c.m; i += LA_TILE) {
        const int width = la_tile_left(c.m, i);
        la_tile_fill<E>(one, LA_TILE_ALONG, [&](int r, int f) {
            return r < rows && f < width ? la_kc_feature_of<E>(c, call.rows, bh, t + r, i + f, R)
                                         : 0.0f;
        });
        la_tile_fill<E>(two, LA_TILE_ACROSS, [&](int f, int o) {
            return f < width && o < columns ? S[(i + f) * c.dv + column + o] : 0.0f;
        });
        if (divides && me < LA_TILE) weights[me] = me < width ? S[c.m * c.dv + i + me] : 0.0f;
        __syncthreads();
        la_tile_nn<E>(sum, one, two, width);
        if (divides) den += row_of(one, weights, width);
        __syncthreads();
    }
    if (divides) {
        den += __shfl_xor_sync(LA_ALL, den, 1);
        if (me % 2 == 0) factor[me / 2] = c.read_scale / (den + c.eps);
        if (me % 2 == 0 && me / 2 < rows && call.den && column == 0)
            call.den[bh * c.T + t + me / 2] = den;
        __syncthreads();
    }
    la_tile_each(sum, [&](int r, int o, float &x) {
        if (r >= rows || o >= columns) return;
        float y = x * (divides ? factor[r] : call.back ? 1.0f : c.read_scale);
        la_from_float(y, (E *)call.o + la_kc_at(c, bh, t + r, c.dv) + column + o);
        if (call.o32) call.o32[(bh * c.T + t + r) * c.dv + column + o] = y;
    });
}

extern "C" la_status la_kc_read(const la_kc *c, const la_kc_read_call *call, void *stream,
                                la_err *err)
{
    int64_t across = la_kc_tiles(c->dv), tiles = la_kc_tiles(c->T);
    int64_t blocks = c->B * c->H * tiles * across;
    LA_TRY(la_kc_blocks(blocks, err));
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(read_kernel<E>, dim3((unsigned)blocks), dim3(LA_TILE_THREADS),                       \
              (2 * LA_TILE_BUFFER + 2 * LA_TILE) * sizeof(float), stream, *c, *call, across,       \
              tiles)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("outputs of feature maps", err);
}
