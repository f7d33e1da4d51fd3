/* SPDX-License-Identifier: Apache-2.0
 * One token of attention by feature maps: the decode step. S is read once and written once; a lane has a
 * column, warps share the features. Where a state is stabilised its rows stay relative to exp(c_i).
 */
#include "labench/cuda_kit.cuh"

#include "kernel_cuda.cuh"

enum { WARPS = 8 };

/* c_i after the token. */
__device__ static inline float after(const la_kc_step_call &call, int64_t at)
{
    return fmaxf(call.in.S ? call.in.c[at] : -INFINITY, call.phi_k[at]);
}

/* What brings row i of the state that comes in to the new c. */
__device__ static inline float fading(const la_kc &c, const la_kc_step_call &call, int64_t at)
{
    if (!call.in.S) return 0.0f;
    return c.stabilised ? expf(call.in.c[at] - after(call, at)) : 1.0f;
}

__device__ static inline float key_weight(const la_kc &c, const la_kc_step_call &call, int64_t at)
{
    return c.stabilised ? expf(call.phi_k[at] - after(call, at)) : call.phi_k[at];
}

/* grid: (groups of 32 columns, B H); block: (32, WARPS). */
template <typename E> __global__ void step_kernel(la_kc c, la_kc_step_call call, int64_t groups)
{
    LA_SHARED(float, part); /* [2, WARPS, 32] */
    const int lane = (int)threadIdx.x, warp = (int)threadIdx.y;
    const int64_t bh = (int64_t)blockIdx.x / groups,
                  j = (int64_t)blockIdx.x % groups * LA_WARP + lane, base = bh * c.m;
    const bool mine = j < c.dv;
    float N = 0.0f, o = 0.0f, den = 0.0f;
    if (c.stabilised) {
        N = -INFINITY;
        for (int64_t i = warp * LA_WARP + lane; i < c.m; i += WARPS * LA_WARP)
            N = fmaxf(N, call.phi_q[base + i] + after(call, base + i));
        N = la_warp_max(N);
        if (lane == 0) part[warp] = N;
        __syncthreads();
        for (int w = 0; w < WARPS; w++) N = fmaxf(N, part[w]);
        __syncthreads(); /* before part is used again */
    }
    const float v = mine ? la_to_float(((const E *)call.v)[bh * c.dv + j]) : 0.0f;
    for (int64_t i = warp; i < c.m; i += WARPS) {
        const int64_t at = base + i, e = at * c.dv + j;
        const float fade = fading(c, call, at), k = key_weight(c, call, at);
        const float q = c.stabilised ? expf(call.phi_q[at] + after(call, at) - N) : call.phi_q[at];
        float S = call.in.S && mine ? fade * call.in.S[e] : 0.0f;
        S = fmaf(k, v, S);
        if (mine && call.out.S) call.out.S[e] = S;
        o = fmaf(q, S, o);
        if (c.normalize) den = fmaf(q, (call.in.S ? fade * call.in.z[at] : 0.0f) + k, den);
    }
    part[warp * LA_WARP + lane] = o;
    part[(WARPS + warp) * LA_WARP + lane] = den;
    __syncthreads();
    if (warp > 0) return;
    for (int w = 1; w < WARPS; w++) {
        o += part[w * LA_WARP + lane];
        den += part[(WARPS + w) * LA_WARP + lane];
    }
    float factor = c.normalize ? c.read_scale / (den + c.eps) : c.read_scale;
    if (mine) la_from_float(factor * o, (E *)call.o + bh * c.dv + j);
}

/* z and c, once nobody reads those that came in any more. */
__global__ void step_tail_kernel(la_kc c, la_kc_step_call call)
{
    int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= c.B * c.H * c.m) return;
    float fade = fading(c, call, at), k = key_weight(c, call, at), top = 0.0f;
    if (c.stabilised) top = after(call, at);
    call.out.z[at] = (call.in.S ? fade * call.in.z[at] : 0.0f) + k;
    if (c.stabilised) call.out.c[at] = top;
}

extern "C" la_status la_kc_step(const la_kc *c, const la_kc_step_call *call, void *stream,
                                la_err *err)
{
    int64_t groups = (c->dv + LA_WARP - 1) / LA_WARP, blocks = c->B * c->H * groups;
    LA_TRY(la_kc_blocks(blocks + c->B * c->H * c->m / 128, err));
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(step_kernel<E>, dim3((unsigned)blocks), dim3(LA_WARP, WARPS),                        \
              2 * WARPS * LA_WARP * sizeof(float), stream, *c, *call, groups)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    if (call->out.z)
        LA_LAUNCH(step_tail_kernel, dim3((unsigned)((c->B * c->H * c->m + 127) / 128)), dim3(128),
                  0, stream, *c, *call);
    return LA_LAUNCHED("a decode step of feature maps", err);
}
