/* SPDX-License-Identifier: Apache-2.0
 * Features as tensors [B H, T, m], rows ld apart, and the way back from their gradients to x and W. Projections W x
 * are exact to float32 for every type, since features are exponentials of them.
 */
#include "tile_cuda.cuh"

#include "counts.h"
#include "kernel_cuda.cuh"

/* Planes of W, which is float32 whatever the problem's type. */
static const int W_PLANES = la_tile_planes<float>::own;

/* Element (bh, t) of W: hedgehog has one a head. */
__device__ static inline const float *matrix_of(const la_kc &c, const float *W, int64_t bh)
{
    return c.map == LA_KC_HEDGEHOG ? W + bh % c.H * c.rows * c.dk : W;
}

/* Performer takes y = sqrt(s) x. */
__device__ static inline float root_of(const la_kc &c)
{
    return c.map == LA_KC_HEDGEHOG ? 1.0f : sqrtf(c.s);
}

/* ---- forward ---- */

/* Maps of one or two elements; a thread a feature. */
template <typename E> __global__ void elements_kernel(la_kc c, const E *x, float *phi, int64_t all)
{
    int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, row = at / c.m;
    if (at >= all) return;
    phi[row * c.ld + at % c.m] =
        la_kc_feature(c, x + la_kc_at(c, row / c.T, row % c.T, c.dk), (int)(at % c.m));
}

/* half of every token: |y|^2 / 2. A warp a token. */
template <typename E> __global__ void sizes_kernel(la_kc c, const E *x, float *half)
{
    int64_t row = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
    const bool there = row < c.B * c.H * c.T;
    float sum = 0.0f;
    if (there) {
        const E *of = x + la_kc_at(c, row / c.T, row % c.T, c.dk);
        for (int64_t i = threadIdx.x; i < c.dk; i += LA_WARP)
            sum = fmaf(la_to_float(of[i]), la_to_float(of[i]), sum);
    }
    sum = la_warp_sum(sum);
    if (there && threadIdx.x == 0) half[row] = 0.5f * c.s * sum;
}

/* From the projection u of a token on row i of W to its features. half: of keys, and 0 of queries. */
__device__ static void finish(const la_kc &c, float u, float half, bool key, int64_t i, float *phi)
{
    switch (c.map) {
    case LA_KC_POSITIVE:
        phi[i] = u - half;
        break;
    case LA_KC_HYPERBOLIC:
        phi[i] = u - half;
        phi[c.rows + i] = -u - half;
        break;
    case LA_KC_TRIG: {
        float size = key ? (float)exp((double)half - (double)c.trig_shift) : 1.0f;
        phi[i] = size * sinf(u);
        phi[c.rows + i] = size * cosf(u);
        break;
    }
    case LA_KC_RECTIFIED:
        phi[i] = fmaxf(u, 0.0f) + c.floor;
        break;
    default:
        phi[i] = u;
    }
}

/* Columns k.. of the tile of tokens t. */
template <typename E>
__device__ static inline void tokens_of(const la_kc &c, const E *x, const la_kc_here &at, int64_t t,
                                        int64_t k, la_bf16_t *buffer)
{
    const int tokens = la_tile_left(c.T, t), width = la_tile_left(c.dk, k);
    la_tile_fill<la_tile_planes<E>::own>(buffer, [&](int r, int i, float y[4]) {
        const E *row = la_kc_row<E>(c, x, c.dk, at, t + (r < tokens ? r : 0));
        la_kc_load(row + k + i, r < tokens ? width - i : 0, c.dk % 4 == 0, y);
    });
}

/* Columns of the gradients of projections from `row` on, of the same tokens. */
template <typename E>
__device__ static inline void gradients_of(const la_kc &c, const float *d, const la_kc_here &at,
                                           int64_t t, int64_t row, la_bf16_t *buffer)
{
    const int tokens = la_tile_left(c.T, t), rows = la_tile_left(c.rows, row);
    la_tile_fill<la_tile_planes<E>::between>(buffer, [&](int r, int i, float y[4]) {
        const int64_t token = at.token + t + (r < tokens ? r : 0);
        la_kc_load(d + token * c.ld + row + i, r < tokens ? rows - i : 0, true, y);
    });
}

/* Projections W x, and features of them. grid: (tiles of rows of W, tiles of tokens, B H). */
template <typename E>
__global__ void __launch_bounds__(LA_TILE_THREADS, LA_TILE_BLOCKS)
    project_kernel(la_kc c, const E *x, const float *W, bool key, const float *half, float *phi,
                   int64_t across, int64_t tiles)
{
    constexpr int P = la_tile_planes<E>::own;
    LA_SHARED(la_bf16_t, one);
    la_bf16_t *two = one + P * LA_TILE_PLANE;
    const int64_t row = (int64_t)blockIdx.x % across * LA_TILE,
                  t = (int64_t)blockIdx.x / across % tiles * LA_TILE,
                  bh = (int64_t)blockIdx.x / across / tiles;
    const int tokens = la_tile_left(c.T, t), rows = la_tile_left(c.rows, row);
    const la_kc_here at = la_kc_at_head(c, bh);
    const float *of = matrix_of(c, W, bh), root = root_of(c);
    la_tile_sum sum;
    la_tile_zero(sum);
    for (int64_t k = 0; k < c.dk; k += LA_TILE) {
        const int width = la_tile_left(c.dk, k);
        tokens_of(c, x, at, t, k, one);
        la_tile_fill<W_PLANES>(two, [&](int r, int i, float w[4]) {
            la_kc_load(of + (row + (r < rows ? r : 0)) * c.dk + k + i, r < rows ? width - i : 0,
                       c.dk % 4 == 0, w);
        });
        __syncthreads();
        la_tile_nt<P, W_PLANES>(sum, one, two, width);
        __syncthreads();
    }
    la_tile_each(sum, [&](int r, int i, float u[2]) {
        if (r >= tokens) return;
        const int64_t token = at.token + t + r;
        const float size = key && c.map != LA_KC_HEDGEHOG ? half[token] : 0.0f;
#pragma unroll
        for (int e = 0; e < 2; e++)
            if (i + e < rows) finish(c, root * u[e], size, key, row + i + e, phi + token * c.ld);
    });
}

/* [softmax(u), softmax(-u)] of u in the first half of each row. A warp a token. */
__global__ void softmax_kernel(la_kc c, float *phi)
{
    int64_t row = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
    const bool there = row < c.B * c.H * c.T;
    float *u = phi + (there ? row : 0) * c.ld;
    for (int sign = -1; sign <= 1; sign += 2) { /* the second half first: it is made of the first */
        float top = -INFINITY, sum = 0.0f;
        float *to = sign > 0 ? u : u + c.rows;
        for (int64_t i = threadIdx.x; there && i < c.rows; i += LA_WARP)
            top = fmaxf(top, (float)sign * u[i]);
        top = la_warp_max(top);
        for (int64_t i = threadIdx.x; there && i < c.rows; i += LA_WARP)
            sum += expf((float)sign * u[i] - top);
        sum = la_warp_sum(sum);
        for (int64_t i = threadIdx.x; there && i < c.rows; i += LA_WARP)
            to[i] = expf((float)sign * u[i] - top) / sum;
    }
}

template <typename E>
static void features(const la_kc *c, const E *x, const float *W, bool key, float *half, float *phi,
                     void *stream)
{
    int64_t rows = c->B * c->H * c->T, across = la_kc_tiles(c->rows), tiles = la_kc_tiles(c->T);
    const dim3 by_rows((unsigned)((rows + 3) / 4)), warps(LA_WARP, 4);
    if (!LA_KC_MADE(c->map)) {
        LA_LAUNCH(elements_kernel<E>, dim3((unsigned)((rows * c->m + 127) / 128)), dim3(128), 0,
                  stream, *c, x, phi, rows * c->m);
        return;
    }
    if (key && c->map != LA_KC_HEDGEHOG)
        LA_LAUNCH(sizes_kernel<E>, by_rows, warps, 0, stream, *c, x, half);
    LA_LAUNCH(project_kernel<E>, dim3((unsigned)(c->B * c->H * tiles * across)),
              dim3(LA_TILE_THREADS), la_tile_bytes(la_tile_planes<E>::own + W_PLANES), stream, *c,
              x, W, key, (const float *)half, phi, across, tiles);
    if (c->map == LA_KC_HEDGEHOG) LA_LAUNCH(softmax_kernel, by_rows, warps, 0, stream, *c, phi);
}

extern "C" la_status la_kc_features(const la_kc *c, const void *x, const float *W, bool key,
                                    float *half, float *phi, void *stream, la_err *err)
{
    int64_t rows = c->B * c->H * c->T;
    LA_TRY(la_kc_blocks(LA_KC_MADE(c->map) ? rows + rows / LA_KC_TILE * la_kc_tiles(c->rows)
                                           : (rows * c->m + 127) / 128,
                        err));
#define LAUNCH(E) features(c, (const E *)x, W, key, half, phi, stream)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("features", err);
}

/* ---- back, maps of two elements: a thread an element of dx ---- */

/* The place of pair (a, b >= a) of taylor2. */
__device__ static inline int64_t pair_at(int64_t dk, int64_t a, int64_t b)
{
    return 1 + dk + a * dk - a * (a - 1) / 2 + b - a;
}

template <typename E>
__device__ static float taylor2_back(const la_kc &c, const E *x, const float *dphi, int64_t a)
{
    float sum = dphi[1 + a];
    for (int64_t b = 0; b < c.dk; b++) {
        float d = dphi[pair_at(c.dk, a < b ? a : b, a < b ? b : a)], y = c.s * la_to_float(x[b]);
        sum = fmaf(a == b ? 1.41421356237309505f * d : d, y, sum);
    }
    return c.s * sum;
}

/* Of r turned by i, element j is r_{j-i}: of feature (i, j), r_j has dphi r_{j-i} and r_{j-i} dphi r_j. */
template <typename E>
__device__ static float dpfp_back(const la_kc &c, const E *x, const float *dphi, int64_t a)
{
    float v = la_to_float(x[a]), sum = 0.0f;
    if (v == 0.0f) return 0.0f;
    const int64_t n = 2 * c.dk, j = v > 0.0f ? a : c.dk + a;
    for (int64_t i = 1; i <= c.m / n; i++, dphi += n) {
        int64_t before = ((j - i) % n + n) % n, after = (j + i) % n;
        sum = fmaf(dphi[j], la_kc_place(c, x, (int)before), sum);
        sum = fmaf(dphi[after], la_kc_place(c, x, (int)after), sum);
    }
    return v > 0.0f ? sum : -sum;
}

template <typename E>
__global__ void pairs_back_kernel(la_kc c, const E *x, const float *dphi, E *dx, int64_t all)
{
    int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, row = at / c.dk, a = at % c.dk;
    if (at >= all) return;
    int64_t from = la_kc_at(c, row / c.T, row % c.T, c.dk);
    const float *d = dphi + row * c.ld;
    float g =
        c.map == LA_KC_TAYLOR2 ? taylor2_back(c, x + from, d, a) : dpfp_back(c, x + from, d, a);
    la_from_float(g, dx + from + a);
}

/* ---- back, maps with W ---- */

/* dphi -> the gradient of the projections, in the first `rows` of each row, and of |y|^2 / 2 in half. Of
 * exponents dphi is that of e. A warp a token. */
__global__ void projections_back_kernel(la_kc c, const float *phi, float *dphi, float *half)
{
    int64_t row = (int64_t)blockIdx.x * blockDim.y + threadIdx.y, M = c.rows;
    const bool there = row < c.B * c.H * c.T;
    const float *p = phi + (there ? row : 0) * c.ld;
    float *d = dphi + (there ? row : 0) * c.ld, first = 0.0f, second = 0.0f;
    for (int64_t i = threadIdx.x; there && i < M; i += LA_WARP) {
        if (c.map == LA_KC_HEDGEHOG || c.map == LA_KC_TRIG) {
            first = fmaf(p[i], d[i], first);
            second = fmaf(p[M + i], d[M + i], second);
        } else if (c.stabilised) {
            first -= d[i];
            second -= c.m > M ? d[M + i] : 0.0f;
        }
    }
    first = la_warp_sum(first);
    second = la_warp_sum(second);
    for (int64_t i = threadIdx.x; there && i < M; i += LA_WARP) {
        if (c.map == LA_KC_HEDGEHOG)
            d[i] = p[i] * (d[i] - first) - p[M + i] * (d[M + i] - second);
        else if (c.map == LA_KC_HYPERBOLIC)
            d[i] -= d[M + i];
        else if (c.map == LA_KC_TRIG)
            d[i] = p[M + i] * d[i] - p[i] * d[M + i];
        else if (c.map == LA_KC_RECTIFIED && !(p[i] > c.floor))
            d[i] = 0.0f;
    }
    if (there && threadIdx.x == 0) half[row] = first + second;
}

/* dx = root d W + s half x. grid: (tiles of dk, tiles of tokens, B H). */
template <typename E>
__global__ void __launch_bounds__(LA_TILE_THREADS, LA_TILE_BLOCKS)
    unproject_kernel(la_kc c, const E *x, const float *W, const float *d, const float *half, E *dx,
                     int64_t across, int64_t tiles)
{
    constexpr int P = la_tile_planes<E>::between;
    LA_SHARED(la_bf16_t, one);
    la_bf16_t *two = one + P * LA_TILE_PLANE;
    const int64_t k = (int64_t)blockIdx.x % across * LA_TILE,
                  t = (int64_t)blockIdx.x / across % tiles * LA_TILE,
                  bh = (int64_t)blockIdx.x / across / tiles;
    const int tokens = la_tile_left(c.T, t), width = la_tile_left(c.dk, k);
    const la_kc_here at = la_kc_at_head(c, bh);
    const float *of = matrix_of(c, W, bh), root = root_of(c);
    la_tile_sum sum;
    la_tile_zero(sum);
    for (int64_t row = 0; row < c.rows; row += LA_TILE) {
        const int rows = la_tile_left(c.rows, row);
        gradients_of<E>(c, d, at, t, row, one);
        la_tile_fill<P>(two, [&](int r, int i, float w[4]) {
            la_kc_load(of + (row + (r < rows ? r : 0)) * c.dk + k + i, r < rows ? width - i : 0,
                       c.dk % 4 == 0, w);
        });
        __syncthreads();
        la_tile_nn<P, P>(sum, one, two, rows);
        __syncthreads();
    }
    la_tile_each(sum, [&](int r, int i, float g[2]) {
        if (r >= tokens || i >= width) return;
        const int64_t to = (at.row + (t + r) * c.H) * c.dk + k + i;
        const float size = half ? c.s * half[at.token + t + r] : 0.0f;
#pragma unroll
        for (int e = 0; e < 2; e++) {
            g[e] *= root;
            if (half && i + e < width) g[e] = fmaf(size, la_to_float(x[to + e]), g[e]);
        }
        la_kc_store(dx + to, width - i, c.dk % 2 == 0, g);
    });
}

/* Sequences that W is summed over: those of a head, or all. */
__device__ static inline int64_t sequences(const la_kc &c)
{
    return c.map == LA_KC_HEDGEHOG ? c.B : c.B * c.H;
}

/* One part of dW = root d'x: of the tiles of tokens, every `parts`-th. grid: (tiles of dk, tiles of rows of
 * W, parts, heads of W). */
template <typename E>
__global__ void __launch_bounds__(LA_TILE_THREADS, LA_TILE_BLOCKS)
    parameter_kernel(la_kc c, const E *x, const float *d, float *to, int64_t across, int64_t down,
                     int64_t parts)
{
    constexpr int P = la_tile_planes<E>::between, OWN = la_tile_planes<E>::own;
    LA_SHARED(la_bf16_t, one);
    la_bf16_t *two = one + P * LA_TILE_PLANE;
    const int64_t k = (int64_t)blockIdx.x % across * LA_TILE,
                  row = (int64_t)blockIdx.x / across % down * LA_TILE,
                  part = (int64_t)blockIdx.x / across / down % parts,
                  head = (int64_t)blockIdx.x / across / down / parts;
    const int64_t tiles = (c.T + LA_TILE - 1) / LA_TILE, all = sequences(c) * tiles;
    const int width = la_tile_left(c.dk, k), rows = la_tile_left(c.rows, row);
    la_tile_sum sum;
    la_tile_zero(sum);
    for (int64_t tile = part; tile < all; tile += parts) {
        const int64_t sequence = tile / tiles, t = tile % tiles * LA_TILE,
                      bh = c.map == LA_KC_HEDGEHOG ? sequence * c.H + head : sequence;
        const la_kc_here at = la_kc_at_head(c, bh);
        gradients_of<E>(c, d, at, t, row, one);
        tokens_of(c, x, at, t, k, two);
        __syncthreads();
        la_tile_tn<P, OWN>(sum, one, two, la_tile_left(c.T, t));
        __syncthreads();
    }
    const float root = root_of(c);
    const int64_t heads = c.map == LA_KC_HEDGEHOG ? c.H : 1;
    to += (part * heads + head) * c.rows * c.dk;
    la_tile_each(sum, [&](int r, int i, float g[2]) {
        g[0] *= root, g[1] *= root;
        if (r < rows) la_kc_store(to + (row + r) * c.dk + k + i, width - i, c.dk % 2 == 0, g);
    });
}

/* dW (+)= the parts, in order. */
__global__ void parts_kernel(const float *parts, int64_t n, int64_t elements, bool add, float *dW)
{
    int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= elements) return;
    float sum = add ? dW[i] : 0.0f;
    for (int64_t p = 0; p < n; p++) sum += parts[p * elements + i];
    dW[i] = sum;
}

/* Enough blocks for a device, and no more parts than tiles. */
extern "C" int64_t la_kc_parts(const la_kc *c)
{
    bool by_heads = c->map == LA_KC_HEDGEHOG;
    int64_t tiles = (by_heads ? c->B : c->B * c->H) * la_kc_tiles(c->T);
    int64_t each = la_kc_tiles(c->dk) * la_kc_tiles(c->rows) * (by_heads ? c->H : 1);
    return la_least(tiles, (264 + each - 1) / each);
}

template <typename E> static void pull(const la_kc *c, const la_kc_pull *p, void *stream)
{
    const int64_t rows = c->B * c->H * c->T, across = la_kc_tiles(c->dk);
    const int64_t down = la_kc_tiles(c->rows), tiles = la_kc_tiles(c->T), parts = la_kc_parts(c);
    const int between = la_tile_planes<E>::between;
    const E *x = (const E *)p->x;
    LA_LAUNCH(projections_back_kernel, dim3((unsigned)((rows + 3) / 4)), dim3(LA_WARP, 4), 0,
              stream, *c, p->phi, p->dphi, p->half);
    bool norm = p->key && (c->stabilised || c->map == LA_KC_TRIG);
    if (p->dx)
        LA_LAUNCH(unproject_kernel<E>, dim3((unsigned)(c->B * c->H * tiles * across)),
                  dim3(LA_TILE_THREADS), la_tile_bytes(2 * between), stream, *c, x, p->W,
                  (const float *)p->dphi, norm ? (const float *)p->half : nullptr, (E *)p->dx,
                  across, tiles);
    if (!p->dW) return;
    const int64_t heads = c->map == LA_KC_HEDGEHOG ? c->H : 1, elements = heads * c->rows * c->dk;
    LA_LAUNCH(parameter_kernel<E>, dim3((unsigned)(across * down * parts * heads)),
              dim3(LA_TILE_THREADS), la_tile_bytes(between + la_tile_planes<E>::own), stream, *c, x,
              (const float *)p->dphi, p->parts, across, down, parts);
    LA_LAUNCH(parts_kernel, dim3((unsigned)((elements + 127) / 128)), dim3(128), 0, stream,
              (const float *)p->parts, parts, elements, p->add, p->dW);
}

extern "C" la_status la_kc_pull_back(const la_kc *c, const la_kc_pull *p, void *stream, la_err *err)
{
    const int64_t rows = c->B * c->H * c->T, all = rows * c->dk;
    LA_TRY(la_kc_blocks(all / 128 + rows + la_kc_tiles(c->rows) * la_kc_tiles(c->dk) * 264, err));
    if (LA_KC_PAIRS(c->map)) {
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(pairs_back_kernel<E>, dim3((unsigned)((all + 127) / 128)), dim3(128), 0, stream, *c, \
              (const E *)p->x, (const float *)p->dphi, (E *)p->dx, all)
        LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    } else {
#define LAUNCH(E) pull<E>(c, p, stream)
        LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    }
    return LA_LAUNCHED("gradients of feature maps", err);
}
