/* SPDX-License-Identifier: Apache-2.0
 * The recurrent form of the family on the device: token by token, and the decode step.
 *
 *   u <- beta (v - a S'k)   (additive: u <- w v; diagonal plus rank one: u <- v, w <- S'a)
 *   S <- a S + k u' (+ b w'),   o <- s S'q
 *
 * Columns of S never meet, so a block has 32 of one (batch, head): a lane has a column, a warp 32 rows of
 * it in registers, and only sums over rows cross warps. A token's vectors are staged in shared memory by
 * all threads, for two tokens in turn, so that the next ones are on their way while this one is computed.
 * S is read once and written once. It serves every size, and is what the chunk form is held to.
 */
#include "labench/cuda_kit.cuh"

#include "delta_cuda.h"

static const int ROWS = LA_DELTA_STEP_ROWS;

/* Which of them a member stages. */
template <la_write_rule WRITE, la_decay DECAY> struct staged {
    static const bool rank_one = WRITE == LA_WRITE_RANK_ONE;
    static const bool channel = DECAY == LA_DECAY_CHANNEL;
    static const int n = 2 + 2 * rank_one + channel;
    static const int fade = 2 + 2 * rank_one; /* place of FADE */
};

/* Numbers of a token, its place among those of q and k and among those with a head of their own, zeros beyond dk,
 * into `to` [n][K]; K = rows of the block. */
template <typename E, la_write_rule WRITE, la_decay DECAY>
__device__ static void stage(const la_delta_call &c, int64_t query, int64_t token, int rows,
                             float *to)
{
    typedef staged<WRITE, DECAY> what;
    const int64_t qk = query * c.dk, gate = token * c.dk;
    int threads = (int)(blockDim.x * blockDim.y),
        me = (int)(threadIdx.y * blockDim.x + threadIdx.x);
    for (int i = me; i < rows; i += threads) {
        bool inside = i < c.dk;
        to[0 * rows + i] = inside ? la_to_float(((const E *)c.q)[qk + i]) : 0.0f;
        to[1 * rows + i] = inside ? la_to_float(((const E *)c.k)[qk + i]) : 0.0f;
        if (what::rank_one) {
            to[2 * rows + i] = inside ? c.a[gate + i] : 0.0f;
            to[3 * rows + i] = inside ? c.b[gate + i] : 0.0f;
        }
        if (what::channel) to[what::fade * rows + i] = inside ? expf(c.g[gate + i]) : 0.0f;
    }
}

/* The sum over warps of what each has for this column. `part` [warps][32] is free again behind the next
 * barrier. */
__device__ static float over_warps(float mine, float *part)
{
    if (blockDim.y == 1) return mine;
    part[threadIdx.y * LA_WARP + threadIdx.x] = mine;
    __syncthreads();
    float sum = 0.0f;
    for (unsigned w = 0; w < blockDim.y; w++) sum += part[w * LA_WARP + threadIdx.x];
    return sum;
}

/* grid: groups of columns of every head; block: (32 columns, warps). */
template <typename E, la_write_rule WRITE, la_decay DECAY>
__global__ void __launch_bounds__(LA_WARP *LA_DELTA_STEP_WARPS)
    delta_step_kernel(la_delta_call c, unsigned groups)
{
    typedef staged<WRITE, DECAY> what;
    LA_SHARED(float, pool);
    const int rows = (int)blockDim.y * ROWS, first = (int)threadIdx.y * ROWS;
    const unsigned bh = blockIdx.x / groups;
    const int64_t j = (int64_t)(blockIdx.x % groups) * LA_WARP + threadIdx.x;
    const bool mine = j < c.dv;
    float *held_part = pool + 2 * what::n * rows, *o_part = held_part + blockDim.y * LA_WARP;
    float S[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        int64_t i = first + r;
        bool there = c.S_in && mine && i < c.dk;
        S[r] = there ? c.S_in[(bh * c.dk + i) * c.dv + j] : 0.0f;
    }
    int64_t token = bh / c.H * c.T * c.H + bh % c.H;
    int64_t query = bh / c.H * c.T * c.Hqk + bh % c.H / (c.H / c.Hqk);
    float fade = DECAY == LA_DECAY_FIXED ? c.fixed[bh % c.H] : 1.0f;
    float *now = pool, *next = pool + what::n * rows;
    stage<E, WRITE, DECAY>(c, query, token, rows, now);
    for (int64_t left = c.T; left > 0; left--) {
        __syncthreads(); /* this token is staged; nobody reads the one before any more */
        query += c.Hqk;
        if (left > 1) stage<E, WRITE, DECAY>(c, query, token + c.H, rows, next);
        if (DECAY == LA_DECAY_HEAD) fade = expf(c.g[token]);
        float v = mine ? la_to_float(((const E *)c.v)[token * c.dv + j]) : 0.0f;
        float beta = c.beta ? c.beta[token] : 1.0f, held = 0.0f;
        if (WRITE != LA_WRITE_ADDITIVE) {
            const float *reads = now + first + (what::rank_one ? 2 : 1) * rows;
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                float k = reads[r];
                if (what::channel && !what::rank_one) k *= now[first + what::fade * rows + r];
                held = fmaf(k, S[r], held);
            }
            held = over_warps(held, held_part);
            if (DECAY == LA_DECAY_FIXED || DECAY == LA_DECAY_HEAD) held *= fade;
        }
        float u = beta * (WRITE == LA_WRITE_DELTA ? v - held : v), o = 0.0f;
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            float s = S[r];
            if (DECAY == LA_DECAY_FIXED || DECAY == LA_DECAY_HEAD) s *= fade;
            if (what::channel) s *= now[first + what::fade * rows + r];
            s = fmaf(now[first + rows + r], u, s);
            if (what::rank_one) s = fmaf(now[first + 3 * rows + r], held, s);
            o = fmaf(now[first + r], s, o);
            S[r] = s;
        }
        o = over_warps(o, o_part);
        if (mine && threadIdx.y == 0) la_from_float(c.scale * o, (E *)c.o + token * c.dv + j);
        token += c.H;
        float *const free = now;
        now = next, next = free;
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        int64_t i = first + r;
        if (c.S_out && mine && i < c.dk) c.S_out[(bh * c.dk + i) * c.dv + j] = S[r];
    }
}

template <typename E, la_write_rule WRITE, la_decay DECAY>
static void launch(const la_delta_call *c)
{
    unsigned warps = (unsigned)((c->dk + ROWS - 1) / ROWS);
    int64_t groups = (c->dv + LA_WARP - 1) / LA_WARP;
    size_t floats =
        (size_t)2 * staged<WRITE, DECAY>::n * warps * ROWS + (size_t)2 * warps * LA_WARP;
    LA_LAUNCH((delta_step_kernel<E, WRITE, DECAY>), dim3((unsigned)(groups * c->B * c->H)),
              dim3(LA_WARP, warps), floats * sizeof(float), c->stream, *c, (unsigned)groups);
}

template <typename E> static bool launch_of(const la_delta_call *c)
{
#define CASE(w, d)                                                                                 \
    if (c->write == LA_WRITE_##w && c->decay == LA_DECAY_##d) {                                    \
        launch<E, LA_WRITE_##w, LA_DECAY_##d>(c);                                                  \
        return true;                                                                               \
    }
    CASE(ADDITIVE, NONE)
    CASE(ADDITIVE, FIXED)
    CASE(ADDITIVE, HEAD)
    CASE(ADDITIVE, CHANNEL)
    CASE(DELTA, NONE)
    CASE(DELTA, HEAD)
    CASE(DELTA, CHANNEL)
    CASE(RANK_ONE, CHANNEL)
#undef CASE
    return false;
}

extern "C" la_status la_delta_step(const la_delta_call *c, la_err *err)
{
    if (c->B * c->H * ((c->dv + LA_WARP - 1) / LA_WARP) > INT32_MAX)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "more blocks than one launch may have");
    bool there = c->dtype == LA_BF16  ? launch_of<la_bf16_t>(c)
                 : c->dtype == LA_F16 ? launch_of<la_f16_t>(c)
                                      : launch_of<float>(c);
    if (!there) return LA_FAIL(err, LA_E_INTERNAL, "a write rule and decay without a kernel");
    return LA_LAUNCHED("the recurrent form", err);
}
