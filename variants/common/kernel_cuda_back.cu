/* SPDX-License-Identifier: Apache-2.0
 * Gradients of features, chunk-parallel: dF = X S' + x0 z' + tril(X Y' + x0 y0') F_other. With queries as rows,
 * X = dO / den, x0 = e, and the others keys with Y = V, y0 = 1; with keys as rows the other way round, and what
 * they see is the gradient of the state after them.
 */
#include "kernel_cuda_pairs.cuh"

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

/* dx of a DIRECT map from the gradient of its feature. */
template <typename E> __device__ static float slope(const la_kc &c, E x)
{
    float v = la_to_float(x);
    if (c.map == LA_KC_IDENTITY || v > 0.0f) return 1.0f;
    return c.map == LA_KC_RELU ? 0.0f : expf(v);
}

/* The tile's gradients, to dx or dphi. R: what features of these rows are relative to, `seen` of exact tokens. */
template <typename E>
__device__ static void put(const la_kc &c, const la_kc_grad_call &call, const la_kc_here &at,
                           int64_t t, int64_t feature, const float *R, const float *seen,
                           la_tile_sum &sum)
{
    const int rows = la_tile_left(c.T, t), features = la_tile_left(c.m, feature);
    la_tile_each(sum, [&](int r, int f, float x[2]) {
        const int there = features - f;
        if (r >= rows || there <= 0) return;
        if (LA_KC_DIRECT(c.map)) {
            const int64_t to = (at.row + (t + r) * c.H) * c.dk + feature + f;
            const E *from = (const E *)call.rows.x + to;
            x[0] *= slope(c, from[0]);
            if (there > 1) x[1] *= slope(c, from[1]);
            la_kc_store((E *)call.dx + to, there, c.dk % 2 == 0, x);
            return;
        }
        if (c.stabilised) {
            const bool exact = la_kc_is_exact(call.rows, at, t + r);
            const float *relative = exact ? seen : R;
            float of[4];
            la_kc_features_of<E>(c, call.rows, at, t + r, feature + f, there < 2 ? there : 2,
                                 relative, of);
            x[0] *= of[0], x[1] *= of[1];
        }
        la_kc_store(call.dphi + (at.token + t + r) * c.ld + feature + f, there, true, x);
    });
}

/* grid: (tiles of features, tiles of tokens, B H). */
template <typename E>
__global__ void __launch_bounds__(LA_TILE_THREADS, LA_TILE_FEWER)
    grad_kernel(la_kc c, la_kc_grad_call call, int64_t across, int64_t tiles)
{
    constexpr int P = la_tile_planes<E>::own, W = la_tile_planes<E>::between;
    LA_SHARED(la_bf16_t, one);
    la_bf16_t *two = one + W * LA_TILE_PLANE;
    const int64_t feature = (int64_t)blockIdx.x % across * LA_TILE,
                  t = (int64_t)blockIdx.x / across % tiles * LA_TILE,
                  bh = (int64_t)blockIdx.x / across / tiles, j = t / c.chunk;
    const int rows = la_tile_left(c.T, t), features = la_tile_left(c.m, feature);
    const la_kc_here at = la_kc_at_head(c, bh);
    const float *S = la_kc_slot_at(c, call.states, bh, la_kc_seen(c, call.back, j)),
                *z = S + c.m * c.dv;
    la_tile_sum sum;
    la_tile_zero(sum);
    for (int64_t v = 0; v < c.dv; v += LA_TILE) {
        const int width = la_tile_left(c.dv, v);
        la_tile_fill<P>(one, [&](int r, int i, float x[4]) {
            la_kc_values<E>(c, call.rows, at, t + (r < rows ? r : 0), v + i,
                            r < rows ? width - i : 0, x);
        });
        la_tile_fill<W>(two, [&](int f, int i, float x[4]) {
            la_kc_load(S + (feature + (f < features ? f : 0)) * c.dv + v + i,
                       f < features ? width - i : 0, c.dv % 4 == 0, x);
        });
        __syncthreads();
        la_tile_nt<P, W>(sum, one, two, width);
        __syncthreads();
    }
    /* What the state is relative to, and what the pairs are: those of queries are after the chunk. */
    const float *R = la_kc_power_at(c, call.states, bh, c.causal ? j + 1 : c.chunks);
    const float *seen = la_kc_power_at(c, call.states, bh, la_kc_seen_power(c, call.back, j));
    la_tile_each(sum, [&](int r, int f, float x[2]) {
        if (r >= rows) return;
        const float factor = la_kc_factor(call.rows, at, t + r);
        const bool grows = R != seen && !la_kc_is_exact(call.rows, at, t + r);
#pragma unroll
        for (int e = 0; e < 2; e++) {
            if (f + e >= features) continue;
            const int64_t i = feature + f + e;
            x[e] *= factor;
            if (c.normalize) x[e] = fmaf(la_kc_extra(call.rows, at, t + r), z[i], x[e]);
            if (grows) x[e] *= la_kc_grown(seen[i], R[i]);
        }
    });
    if (c.causal)
        la_kc_pairs<P, W>(
            c, call.back, t, c.dv, {one, two}, sum,
            [&](int r, int64_t i, int there, float x[4]) {
                la_kc_values<E>(c, call.rows, at, t + r, i, there, x);
            },
            [&](int64_t u, int64_t i, int there, float x[4]) {
                la_kc_values<E>(c, call.others, at, u, i, there, x);
            },
            [&](int r, int64_t u, float x) {
                if (la_kc_is_exact(call.rows, at, t + r) || la_kc_is_exact(call.others, at, u))
                    return 0.0f;
                x *= la_kc_factor(call.rows, at, t + r) * la_kc_factor(call.others, at, u);
                return c.normalize ? fmaf(la_kc_extra(call.rows, at, t + r),
                                          la_kc_extra(call.others, at, u), x)
                                   : x;
            },
            [&](int64_t u, int i, bool there, float x[4]) {
                if (la_kc_is_exact(call.others, at, u)) there = false;
                la_kc_features_of<E>(c, call.others, at, u, feature + i, there ? features - i : 0,
                                     R, x);
            },
            [](int) {});
    put<E>(c, call, at, t, feature, R, seen, sum);
}

extern "C" la_status la_kc_grad(const la_kc *c, const la_kc_grad_call *call, void *stream,
                                la_err *err)
{
    int64_t across = la_kc_tiles(c->m), tiles = la_kc_tiles(c->T);
    int64_t blocks = c->B * c->H * tiles * across;
    LA_TRY(la_kc_blocks(blocks, err));
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(grad_kernel<E>, dim3((unsigned)blocks), dim3(LA_TILE_THREADS),                       \
              la_tile_bytes(2 * la_tile_planes<E>::between), stream, *c, *call, across, tiles)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("gradients of features", err);
}
