/* SPDX-License-Identifier: Apache-2.0
 * Gradients of features, chunk-parallel: dF = X S' + x0 z' + tril(X Y' + x0 y0') F_other. With queries as rows,
 * X = dO / den, x0 = e, and the others keys with Y = V, y0 = 1; with keys as rows the other way round, and what
 * they see is the gradient of the state after them.
 */
#include "tile_cuda.cuh"

#include "kernel_cuda.cuh"

/* A warp a token. */
template <typename E>
__global__ void numerators_kernel(la_kc c, const E *dout, const E *o, const float *o32,
                                  const float *den, float *factor, float *e)
{
    int64_t row = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
    const bool there = row < c.B * c.H * c.T;
    float sum = 0.0f;
    if (there && c.normalize) {
        int64_t at = la_kc_at(c, row / c.T, row % c.T, c.dv);
        for (int64_t i = threadIdx.x; i < c.dv; i += LA_WARP) {
            float y = o32 ? o32[row * c.dv + i] : la_to_float(o[at + i]);
            sum = fmaf(la_to_float(dout[at + i]), y, sum);
        }
    }
    sum = la_warp_sum(sum);
    if (!there || threadIdx.x > 0) return;
    const float sign = c.stabilised && den[row] < 0.0f ? -1.0f : 1.0f; /* a mark: la_kc_side */
    float inverse = c.normalize ? 1.0f / (sign * den[row] + c.eps) : 1.0f;
    factor[row] = c.read_scale * inverse;
    e[row] = -inverse * sum;
}

extern "C" la_status la_kc_numerators(const la_kc *c, const void *dout, const void *o,
                                      const float *o32, const float *den, float *factor, float *e,
                                      void *stream, la_err *err)
{
    int64_t blocks = (c->B * c->H * c->T + 3) / 4;
    LA_TRY(la_kc_blocks(blocks, err));
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(numerators_kernel<E>, dim3((unsigned)blocks), dim3(LA_WARP, 4), 0, stream, *c,       \
              (const E *)dout, (const E *)o, o32, den, factor, e)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("gradients of quotients", err);
}

/* sum += tril(X Y' + x0 y0') F_other of the others in the chunk of tile t. */
template <typename E>
__device__ static void pairs(const la_kc &c, const la_kc_grad_call &call, int64_t bh, int64_t t,
                             int64_t feature, float *one, float *two, la_tile_sum &sum)
{
    const bool back = call.back;
    const int64_t j = t / c.chunk, first = back ? t : j * c.chunk;
    int64_t last = back ? (j + 1) * c.chunk : t + LA_TILE;
    if (last > c.T) last = c.T;
    const float *R = la_kc_power_at(c, call.states, bh, j + 1);
    const int rows = la_tile_left(c.T, t);
    for (int64_t u = first; u < last; u += LA_TILE) {
        const int others = la_tile_left(c.T, u);
        la_tile_sum G;
        la_tile_zero(G);
        for (int64_t v = 0; v < c.dv; v += LA_TILE) {
            const int width = la_tile_left(c.dv, v);
            la_tile_fill<E>(one, LA_TILE_ALONG, [&](int r, int i) {
                return r < rows && i < width ? la_kc_value<E>(c, call.rows, bh, t + r, v + i)
                                             : 0.0f;
            });
            la_tile_fill<E>(two, LA_TILE_ALONG, [&](int r, int i) {
                return r < others && i < width ? la_kc_value<E>(c, call.others, bh, u + r, v + i)
                                               : 0.0f;
            });
            __syncthreads();
            la_tile_nt<E>(G, one, two, width);
            __syncthreads();
        }
        la_tile_each(G, [&](int r, int o, float &x) {
            bool seen = r < rows && o < others && (back ? u + o >= t + r : u + o <= t + r) &&
                        !la_kc_is_exact(c, call.rows, bh, t + r) &&
                        !la_kc_is_exact(c, call.others, bh, u + o);
            if (seen && c.normalize)
                x += la_kc_extra(c, call.rows, bh, t + r) * la_kc_extra(c, call.others, bh, u + o);
            one[r * LA_TILE_ALONG + o] = la_tile_hold<E>(seen ? x : 0.0f);
        });
        la_tile_fill<E>(two, LA_TILE_ACROSS, [&](int r, int i) {
            return r < others && feature + i < c.m && !la_kc_is_exact(c, call.others, bh, u + r)
                       ? la_kc_feature_of<E>(c, call.others, bh, u + r, feature + i, R)
                       : 0.0f;
        });
        __syncthreads();
        la_tile_nn<E>(sum, one, two, others);
        __syncthreads();
    }
}

/* dx of a DIRECT map from the gradient of its feature. */
template <typename E> __device__ static float slope(const la_kc &c, E x)
{
    float v = la_to_float(x);
    if (c.map == LA_KC_IDENTITY || v > 0.0f) return 1.0f;
    return c.map == LA_KC_RELU ? 0.0f : expf(v);
}

/* grid: (tiles of features, tiles of tokens, B H). */
template <typename E>
__global__ void __launch_bounds__(LA_TILE_THREADS)
    grad_kernel(la_kc c, la_kc_grad_call call, int64_t across, int64_t tiles)
{
    LA_SHARED(float, one);
    float *two = one + LA_TILE_BUFFER;
    const int64_t feature = (int64_t)blockIdx.x % across * LA_TILE,
                  t = (int64_t)blockIdx.x / across % tiles * LA_TILE,
                  bh = (int64_t)blockIdx.x / across / tiles, j = t / c.chunk;
    const int rows = la_tile_left(c.T, t), features = la_tile_left(c.m, feature);
    const float *S = la_kc_slot_at(c, call.states, bh, la_kc_seen(c, call.back, j)),
                *z = S + c.m * c.dv;
    la_tile_sum sum;
    la_tile_zero(sum);
    for (int64_t v = 0; v < c.dv; v += LA_TILE) {
        const int width = la_tile_left(c.dv, v);
        la_tile_fill<E>(one, LA_TILE_ALONG, [&](int r, int i) {
            return r < rows && i < width ? la_kc_value<E>(c, call.rows, bh, t + r, v + i) : 0.0f;
        });
        la_tile_fill<E>(two, LA_TILE_ALONG, [&](int f, int i) {
            return f < features && i < width ? S[(feature + f) * c.dv + v + i] : 0.0f;
        });
        __syncthreads();
        la_tile_nt<E>(sum, one, two, width);
        __syncthreads();
    }
    /* What the state is relative to, and what the pairs are: those of queries are after the chunk. */
    const float *R = la_kc_power_at(c, call.states, bh, c.causal ? j + 1 : c.chunks);
    const float *seen = la_kc_power_at(c, call.states, bh, la_kc_seen_power(c, call.back, j));
    la_tile_each(sum, [&](int r, int f, float &x) {
        if (r >= rows || f >= features) return;
        if (c.normalize) x = fmaf(la_kc_extra(c, call.rows, bh, t + r), z[feature + f], x);
        if (R != seen && !la_kc_is_exact(c, call.rows, bh, t + r))
            x *= la_kc_grown(seen[feature + f], R[feature + f]);
    });
    if (c.causal) pairs<E>(c, call, bh, t, feature, one, two, sum);
    la_tile_each(sum, [&](int r, int f, float &x) {
        if (r >= rows || f >= features) return;
        if (LA_KC_DIRECT(c.map)) {
            int64_t at = la_kc_at(c, bh, t + r, c.dk) + feature + f;
            la_from_float(slope(c, ((const E *)call.rows.x)[at]) * x, (E *)call.dx + at);
            return;
        }
        if (c.stabilised)
            x *= la_kc_feature_of<E>(c, call.rows, bh, t + r, feature + f,
                                     la_kc_is_exact(c, call.rows, bh, t + r) ? seen : R);
        call.dphi[(bh * c.T + t + r) * c.m + feature + f] = x;
    });
}

extern "C" la_status la_kc_grad(const la_kc *c, const la_kc_grad_call *call, void *stream,
                                la_err *err)
{
    int64_t across = la_kc_tiles(c->m), tiles = la_kc_tiles(c->T);
    int64_t blocks = c->B * c->H * tiles * across;
    LA_TRY(la_kc_blocks(blocks, err));
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(grad_kernel<E>, dim3((unsigned)blocks), dim3(LA_TILE_THREADS),                       \
              2 * LA_TILE_BUFFER * sizeof(float), stream, *c, *call, across, tiles)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("gradients of features", err);
}
