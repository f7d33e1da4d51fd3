/* SPDX-License-Identifier: Apache-2.0
 * The forward passes of kernel_cuda.h: largest exponents, chunks' sums, their running sums, outputs. A block
 * of four warps has a tile of 64 x 64 of what it makes, and two buffers in shared memory, up to 36 KiB for narrow types and 54
 * for float32.
 */
#include "kernel_cuda_pairs.cuh"

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
        top = fmaxf(top, exponents[(bh * c.T + t) * c.ld + i]);
    R[(bh * (c.chunks + 1) + j + 1) * c.ld + i] = top;
}

/* The largest so far, as powers; and c of the state that goes out. A warp has 32 features and a line of the block the
 * chunks of one stretch. grid: (features, B H). */
__global__ void running_maxima_kernel(la_kc c, la_kc_sums sums, const float *in, float *out,
                                      int64_t groups)
{
    LA_SHARED(float, tops); /* [lines][32], of each stretch */
    const int64_t bh = (int64_t)blockIdx.x / groups,
                  i = (int64_t)blockIdx.x % groups * LA_WARP + threadIdx.x, at = bh * c.m + i;
    const bool there = i < c.m;
    const la_kc_stretch own = la_kc_stretch_of(c.chunks);
    float *R = sums.R + bh * (c.chunks + 1) * c.ld + i, top = -INFINITY;
    for (int64_t j = own.first; there && j < own.end; j++) top = fmaxf(top, R[(j + 1) * c.ld]);
    tops[threadIdx.y * LA_WARP + threadIdx.x] = top;
    const float before = there && in ? in[at] : -INFINITY; /* which may be where out is */
    __syncthreads();
    if (!there) return;
    top = before;
    for (unsigned line = 0; line < threadIdx.y; line++)
        top = fmaxf(top, tops[line * LA_WARP + threadIdx.x]);
    if (threadIdx.y == 0) {
        sums.c[2 * bh * c.m + i] = before;
        R[0] = la_kc_power_of(before);
    }
    for (int64_t j = own.first; j < own.end; j++) {
        top = fmaxf(top, R[(j + 1) * c.ld]);
        R[(j + 1) * c.ld] = la_kc_power_of(top);
    }
    if (threadIdx.y + 1 < blockDim.y) return;
    sums.c[(2 * bh + 1) * c.m + i] = top;
    if (out) out[at] = top;
}

extern "C" la_status la_kc_maxima(const la_kc *c, const float *exponents, const la_kc_sums *sums,
                                  const la_kc_state *in, const la_kc_state *out, void *stream,
                                  la_err *err)
{
    const unsigned threads = 128;
    int64_t groups = (c->m + threads - 1) / threads, blocks = c->B * c->H * c->chunks * groups,
            narrow = (c->m + LA_WARP - 1) / LA_WARP;
    LA_TRY(la_kc_blocks(blocks + c->B * c->H * narrow, err));
    LA_LAUNCH(chunk_maxima_kernel, dim3((unsigned)blocks), dim3(threads), 0, stream, *c, exponents,
              sums->R, groups);
    const unsigned lines = la_kc_lines(c->chunks, c->B * c->H * narrow);
    LA_LAUNCH(running_maxima_kernel, dim3((unsigned)(c->B * c->H * narrow)), dim3(LA_WARP, lines),
              lines * LA_WARP * sizeof(float), stream, *c, *sums, (const float *)in->c, out->c,
              narrow);
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
            top = fmaxf(top, la_kc_split(exponents[row * c.ld + i]).n + R[i]);
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

/* grid: (tiles of columns, tiles of features, chunks, B H). W: planes of what tokens bring. */
template <typename E, int W>
__global__ void __launch_bounds__(LA_TILE_THREADS, LA_TILE_BLOCKS)
    absorb_kernel(la_kc c, la_kc_side side, la_kc_sums sums, bool back, int64_t across,
                  int64_t down)
{
    constexpr int P = la_tile_planes<E>::own;
    LA_SHARED(la_bf16_t, F);
    la_bf16_t *Y = F + P * LA_TILE_PLANE;
    float *part = (float *)(void *)(Y + W * LA_TILE_PLANE); /* [64] */
    const int64_t column = (int64_t)blockIdx.x % across * LA_TILE,
                  feature = (int64_t)blockIdx.x / across % down * LA_TILE,
                  chunk = (int64_t)blockIdx.x / across / down, bh = chunk / c.chunks,
                  j = chunk % c.chunks;
    const la_kc_here at = la_kc_at_head(c, bh);
    const float *R = la_kc_power_at(c, sums, bh, !c.causal ? c.chunks : back ? j : j + 1);
    const int64_t end = (j + 1) * c.chunk < c.T ? (j + 1) * c.chunk : c.T;
    const int features = la_tile_left(c.m, feature), columns = la_tile_left(c.dv, column);
    const int me = (int)threadIdx.x % LA_TILE, half = (int)threadIdx.x / LA_TILE;
    const bool sums_z = column == 0 && c.normalize;
    la_tile_sum sum;
    float z = 0.0f; /* of feature `me`, tokens of one parity */
    la_tile_zero(sum);
    for (int64_t t = j * c.chunk; t < end; t += LA_TILE) {
        const int rows = la_tile_left(end, t);
        la_tile_fill<P>(F, [&](int r, int i, float x[4]) {
            la_kc_features_of<E>(c, side, at, t + (r < rows ? r : 0), feature + i,
                                 r < rows ? features - i : 0, R, x);
        });
        la_tile_fill<W>(Y, [&](int r, int i, float x[4]) {
            const int64_t token = t + (r < rows ? r : 0);
            la_kc_values<E>(c, side, at, token, column + i, r < rows ? columns - i : 0, x);
            const float factor = la_kc_factor(side, at, token);
#pragma unroll
            for (int e = 0; e < 4; e++) x[e] *= factor;
        });
        __syncthreads();
        la_tile_tn<P, W>(sum, F, Y, rows);
        for (int r = half; sums_z && r < rows; r += 2)
            z = fmaf(la_tile_at<P>(F, r, me), la_kc_extra(side, at, t + r), z);
        __syncthreads();
    }
    float *to = la_kc_slot_at(c, sums, bh, back ? j : j + 1);
    la_tile_each(sum, [&](int r, int i, float x[2]) {
        if (r < features)
            la_kc_store(to + (feature + r) * c.dv + column + i, columns - i, c.dv % 2 == 0, x);
    });
    if (column > 0) return;
    if (half) part[me] = z;
    __syncthreads();
    if (half == 0 && me < features) to[c.m * c.dv + feature + me] = z + part[me];
}

template <typename E, int W>
static void absorb(const la_kc *c, const la_kc_side *side, const la_kc_sums *sums, bool back,
                   int64_t across, int64_t down, int64_t blocks, void *stream)
{
    LA_LAUNCH((absorb_kernel<E, W>), dim3((unsigned)blocks), dim3(LA_TILE_THREADS),
              la_tile_bytes(la_tile_planes<E>::own + W) + LA_TILE * sizeof(float), stream, *c,
              *side, *sums, back, across, down);
}

extern "C" la_status la_kc_absorb(const la_kc *c, const la_kc_side *side, bool back,
                                  const la_kc_sums *sums, void *stream, la_err *err)
{
    int64_t across = la_kc_tiles(c->dv), down = la_kc_tiles(c->m);
    int64_t blocks = c->B * c->H * c->chunks * across * down;
    LA_TRY(la_kc_blocks(blocks, err));
#define LAUNCH(E)                                                                                  \
    do {                                                                                           \
        typedef la_tile_planes<E> planes;                                                          \
        if (back)                                                                                  \
            absorb<E, planes::between>(c, side, sums, back, across, down, blocks, stream);         \
        else                                                                                       \
            absorb<E, planes::own>(c, side, sums, back, across, down, blocks, stream);             \
    } while (0)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("what chunks bring", err);
}

/* ---- their running sums ---- */

/* An element of a state on its way through the slots: x of slot s at s * slot, R of it at s * ld or NULL. */
struct element {
    float *x;
    const float *R;
    int64_t slot, ld;
};

/* sum of what chunks first..end bring, from `sum` on; `keep`: and after each of them into its slot. Eight are asked
 * for at once, since each of them may come from far. */
template <bool KEEP>
__device__ static float through(const la_kc &c, const element &e, bool back, int64_t first,
                                int64_t end, float sum)
{
    enum { AHEAD = 8 };
    for (int64_t from = first; from < end; from += AHEAD) {
        float x[AHEAD], grown[AHEAD];
        const int n = end - from < AHEAD ? (int)(end - from) : AHEAD;
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            const int64_t j = from + (i < n ? i : 0), to = back ? c.chunks - 1 - j : j + 1,
                          low = back ? to : j;
            x[i] = e.x[to * e.slot];
            grown[i] = e.R ? la_kc_grown(e.R[low * e.ld], e.R[(low + 1) * e.ld]) : 1.0f;
        }
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            if (i >= n) break;
            sum = fmaf(sum, grown[i], x[i]);
            const int64_t j = from + i;
            if (KEEP) e.x[(back ? c.chunks - 1 - j : j + 1) * e.slot] = sum;
        }
    }
    return sum;
}

/* Running sums over chunks, in place. Forward, slot j + 1 holds what chunk j brings and then what comes after it;
 * back, slot j what chunk j brings and then what comes before it. A warp has 32 elements of a state and a line
 * of the block the chunks of one stretch: their sums first, then from those of the stretches before. */
__global__ void scan_kernel(la_kc c, la_kc_sums sums, bool back, la_kc_state in, la_kc_state out)
{
    LA_SHARED(float, parts); /* [lines][32]: of each stretch */
    const int64_t slot = c.slot, matrix = c.m * c.dv,
                  at = (int64_t)blockIdx.x * LA_WARP + threadIdx.x, bh = at / slot, e = at % slot;
    const int lane = (int)threadIdx.x, line = (int)threadIdx.y, lines = (int)blockDim.y;
    const bool there = bh < c.B * c.H && e < (c.normalize ? matrix + c.m : matrix);
    const bool is_z = e >= matrix;
    const int64_t i = is_z ? e - matrix : e / c.dv, place = is_z ? bh * c.m + i : bh * matrix + e;
    const float *from = is_z ? in.z : in.S, *R = la_kc_power_at(c, sums, bh, 0);
    const float *maxima = c.stabilised ? sums.c + 2 * bh * c.m + i : nullptr;
    float *to = is_z ? out.z : out.S;
    const element mine = {la_kc_slot_at(c, sums, bh, 0) + e, R && c.causal ? R + i : nullptr, slot,
                          c.ld};
    const la_kc_stretch own = la_kc_stretch_of(c.chunks);
    const float given = there && from ? from[place] : 0.0f; /* `to` may be where it lies */
    if (lines > 1) {
        if (there)
            parts[line * LA_WARP + lane] = through<false>(c, mine, back, own.first, own.end, 0.0f);
        __syncthreads();
    }
    if (!there) return;
    float sum = given;
    if (maxima) sum *= back ? la_kc_ratio(maxima[c.m]) : 1.0f / la_kc_ratio(maxima[0]);
    if (line == 0) mine.x[back ? c.chunks * slot : 0] = sum;
    if (R && !c.causal && !back) sum *= la_kc_grown(R[i], R[c.chunks * c.ld + i]); /* the last */
    for (int l = 0; l < line; l++) {
        if (mine.R) {
            const la_kc_stretch s = la_kc_stretch_at(c.chunks, l, lines);
            const int64_t low = back ? c.chunks - s.end : s.first,
                          high = back ? c.chunks - s.first : s.end;
            sum *= la_kc_grown(mine.R[low * c.ld], mine.R[high * c.ld]);
        }
        sum += parts[l * LA_WARP + lane];
    }
    sum = through<true>(c, mine, back, own.first, own.end, sum);
    if (line + 1 < lines) return;
    if (maxima) sum *= back ? 1.0f / la_kc_ratio(maxima[0]) : la_kc_ratio(maxima[c.m]);
    if (to) to[place] = sum;
}

extern "C" la_status la_kc_scan(const la_kc *c, bool back, const la_kc_sums *sums,
                                const la_kc_state *in, const la_kc_state *out, void *stream,
                                la_err *err)
{
    const int64_t blocks = (c->B * c->H * c->slot + LA_WARP - 1) / LA_WARP;
    const unsigned lines = la_kc_lines(c->chunks, blocks);
    LA_TRY(la_kc_blocks(blocks, err));
    LA_LAUNCH(scan_kernel, dim3((unsigned)blocks), dim3(LA_WARP, lines),
              lines * LA_WARP * sizeof(float), stream, *c, *sums, back, *in, *out);
    return LA_LAUNCHED("states of chunks", err);
}

/* ---- outputs ---- */

/* Forward, sums of the features of a row, two threads each: with z, and of a row of P. */
template <int P>
__device__ static float row_of(const la_bf16_t *buffer, const float *weights, int n)
{
    const int row = (int)threadIdx.x / 2, half = (int)threadIdx.x % 2;
    float sum = 0.0f;
    for (int i = half; i < n; i += 2)
        sum = fmaf(weights ? weights[i] : 1.0f, la_tile_at<P>(buffer, row, i), sum);
    return sum;
}

/* grid: (tiles of columns, tiles of tokens, B H). */
template <typename E>
__global__ void __launch_bounds__(LA_TILE_THREADS, LA_TILE_FEWER)
    read_kernel(la_kc c, la_kc_read_call call, int64_t across, int64_t tiles)
{
    constexpr int P = la_tile_planes<E>::own, W = la_tile_planes<E>::between;
    LA_SHARED(la_bf16_t, one);
    la_bf16_t *two = one + W * LA_TILE_PLANE;
    float *weights = (float *)(void *)(two + W * LA_TILE_PLANE), *factor = weights + LA_TILE;
    const int64_t column = (int64_t)blockIdx.x % across * LA_TILE,
                  t = (int64_t)blockIdx.x / across % tiles * LA_TILE,
                  bh = (int64_t)blockIdx.x / across / tiles, j = t / c.chunk;
    const int me = (int)threadIdx.x, rows = la_tile_left(c.T, t),
              columns = la_tile_left(c.dv, column);
    const la_kc_here at = la_kc_at_head(c, bh);
    const bool divides = c.normalize && !call.back;
    la_tile_sum sum;
    float den = 0.0f;
    la_tile_zero(sum);
    if (c.causal) {
        const float *R = la_kc_power_at(c, call.sums, bh, j + 1);
        la_kc_pairs<P, W>(
            c, call.back, t, c.m, {one, two}, sum,
            [&](int r, int64_t i, int there, float x[4]) {
                la_kc_features_of<E>(c, call.rows, at, t + r, i, there, R, x);
            },
            [&](int64_t u, int64_t i, int there, float x[4]) {
                if (la_kc_is_exact(call.others, at, u)) there = 0;
                la_kc_features_of<E>(c, call.others, at, u, i, there, R, x);
            },
            [&](int, int64_t u, float x) { return x * la_kc_factor(call.others, at, u); },
            [&](int64_t u, int i, bool there, float x[4]) {
                la_kc_values<E>(c, call.others, at, u, column + i, there ? columns - i : 0, x);
            },
            [&](int n) {
                if (divides) den += row_of<W>(one, nullptr, n);
            });
    }
    const float *R = la_kc_power_at(c, call.sums, bh, la_kc_seen_power(c, call.back, j));
    const float *S = la_kc_slot_at(c, call.sums, bh, la_kc_seen(c, call.back, j));
    for (int64_t i = 0; i < c.m; i += LA_TILE) {
        const int width = la_tile_left(c.m, i);
        la_tile_fill<P>(one, [&](int r, int f, float x[4]) {
            la_kc_features_of<E>(c, call.rows, at, t + (r < rows ? r : 0), i + f,
                                 r < rows ? width - f : 0, R, x);
        });
        la_tile_fill<W>(two, [&](int f, int o, float x[4]) {
            la_kc_load(S + (i + (f < width ? f : 0)) * c.dv + column + o,
                       f < width ? columns - o : 0, c.dv % 4 == 0, x);
        });
        if (divides && me < LA_TILE) weights[me] = me < width ? S[c.m * c.dv + i + me] : 0.0f;
        __syncthreads();
        la_tile_nn<P, W>(sum, one, two, width);
        if (divides) den += row_of<P>(one, weights, width);
        __syncthreads();
    }
    if (divides) {
        den += __shfl_xor_sync(LA_ALL, den, 1);
        if (me % 2 == 0) factor[me / 2] = c.read_scale / (den + c.eps);
        if (me % 2 == 0 && me / 2 < rows && call.den && column == 0)
            call.den[at.token + t + me / 2] = den;
        __syncthreads();
    }
    la_tile_each(sum, [&](int r, int o, float x[2]) {
        if (r >= rows || o >= columns) return;
        const float scale = divides ? factor[r] : call.back ? 1.0f : c.read_scale;
        x[0] *= scale, x[1] *= scale;
        E *to = (E *)call.o + (at.row + (t + r) * c.H) * c.dv + column + o;
        la_kc_store(to, columns - o, c.dv % 2 == 0, x);
        if (call.o32)
            la_kc_store(call.o32 + (at.token + t + r) * c.dv + column + o, columns - o,
                        c.dv % 2 == 0, x);
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
              la_tile_bytes(2 * la_tile_planes<E>::between) + 2 * LA_TILE * sizeof(float), stream, \
              *c, *call, across, tiles)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("outputs of feature maps", err);
}
