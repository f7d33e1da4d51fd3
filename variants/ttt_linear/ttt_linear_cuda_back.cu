/* SPDX-License-Identifier: Apache-2.0
 * Gradients of ttt_linear on CUDA devices: the algebra at the top of ttt_linear_back.c, a block for the value
 * heads of one query head. Segments from the last: each starts from a memory that forward saved, is run
 * through once more with the memories before its mini-batches kept in work, and goes back from its end.
 */
#include "labench/cuda_kit.cuh"

#include "ttt_linear_cuda.cuh"

/* Gradients that run through the sequence, in work: of W, b and the norm. */
struct running {
    float *dW, *db, *dgamma, *dbeta;
};

static inline __host__ __device__ int64_t sums_of(const la_ttt_call &c)
{
    return c.dk * c.dv + 3 * c.dv;
}

__device__ static running running_at(const la_ttt_call &c, float *sums)
{
    const int64_t n = c.dk * c.dv;
    return {sums, sums + n, sums + n + c.dv, sums + n + 2 * c.dv};
}

/* What became of the summed H: weight, gradients [dk,dv] and [dv]; X NULL: nothing. */
struct later {
    float weight;
    const float *X, *x;
};

/* All that a mini-batch needs. */
struct scene {
    la_ttt_here at;
    la_ttt_rows_of r;
    la_ttt_matrices m;
    running g;
    later l;
    bool sums; /* P and p hold what the state brought */
    bool add;  /* to dq and dk: another value head of the query head came before */
};

template <typename E>
__device__ static void put(const la_ttt_call &c, const scene &s, void *tensor, float factor)
{
    if (!tensor) return;
    la_ttt_all(s.at.n * c.dk, [&](int64_t i) {
        E *to = (E *)tensor + la_ttt_key_at(c, s.at, i / c.dk) + i % c.dk;
        float x = factor * s.r.dx[i];
        la_from_float(s.add ? la_to_float(*to) + x : x, to);
    });
}

/* N, the gradient of what the norm takes, from dO; and those of gamma and beta_LN. */
template <typename E> __device__ static void outer_back(const la_ttt_call &c, const scene &s)
{
    const la_ttt_rows_of &r = s.r;
    const int64_t dv = c.dv;
    la_ttt_all(s.at.n * dv, [&](int64_t i) {
        r.dO[i] = la_to_float(((const E *)c.dout)[la_ttt_value_at(c, s.at, i / dv) + i % dv]);
        r.N[i] = c.normed ? c.params[2][s.at.h * dv + i % dv] * r.dO[i] : r.dO[i];
    });
    __syncthreads();
    if (!c.normed) return;
    la_ttt_all(dv, [&](int64_t j) {
        float by_x = s.g.dgamma[j], by_one = s.g.dbeta[j];
        for (int64_t i = 0; i < s.at.n; i++) {
            by_x = fmaf(r.dO[i * dv + j], r.Y[i * dv + j], by_x);
            by_one += r.dO[i * dv + j];
        }
        s.g.dgamma[j] = by_x;
        s.g.dbeta[j] = by_one;
    });
    la_ttt_each_row(s.at.n, [&](int64_t i) {
        la_ttt_through(dv, r.r_o[i], r.Y + i * dv, r.N + i * dv, r.N + i * dv);
    });
    __syncthreads();
}

/* dH = A'N + w (K X + x), dA = tril(-c N H'). */
template <typename E> __device__ static void between_back(const la_ttt_call &c, const scene &s)
{
    const la_ttt_rows_of &r = s.r;
    const int dk = (int)c.dk, dv = (int)c.dv, n = (int)s.at.n;
    la_ttt_products<E>::make(
        n, dv, n, [&](int i, int k) { return r.A[k * n + i]; },
        [&](int k, int j) { return r.N[k * dv + j]; },
        [&](int i, int j, float x) { r.dH[i * dv + j] = x; });
    if (s.l.X)
        la_ttt_products<E>::make(
            n, dv, dk, [&](int i, int k) { return r.K[i * dk + k]; },
            [&](int k, int j) { return s.l.X[k * dv + j]; },
            [&](int i, int j, float x) { r.dH[i * dv + j] += s.l.weight * (x + s.l.x[j]); });
    la_ttt_products<E>::make(
        n, n, dv, [&](int i, int k) { return r.N[i * dv + k]; },
        [&](int k, int j) { return r.H[j * dv + k]; },
        [&](int i, int j, float x) {
            float weight = -la_ttt_c(c, s.at.done + i + 1);
            r.dA[i * n + j] = j <= i ? weight * x : 0.0f;
        });
    __syncthreads();
}

/* dq = s (N W' + dA K - c N P') and the residual path. Ends with a barrier. */
template <typename E> __device__ static void queries_back(const la_ttt_call &c, const scene &s)
{
    const la_ttt_rows_of &r = s.r;
    const int dk = (int)c.dk, dv = (int)c.dv, n = (int)s.at.n;
    la_ttt_products<E>::make(
        n, dk, dv, [&](int i, int k) { return r.N[i * dv + k]; },
        [&](int k, int j) { return s.m.W[j * dv + k]; },
        [&](int i, int j, float x) {
            if (c.normed && j < dv) x += r.dO[i * dv + j];
            r.dx[i * dk + j] = x;
        });
    la_ttt_products<E>::make(
        n, dk, n, [&](int i, int k) { return r.dA[i * n + k]; },
        [&](int k, int j) { return r.K[k * dk + j]; },
        [&](int i, int j, float x) { r.dx[i * dk + j] += x; });
    if (s.sums)
        la_ttt_products<E>::make(
            n, dk, dv, [&](int i, int k) { return r.N[i * dv + k]; },
            [&](int k, int j) { return s.m.P[j * dv + k]; },
            [&](int i, int j, float x) { r.dx[i * dk + j] -= la_ttt_c(c, s.at.done + i + 1) * x; });
    __syncthreads();
    put<E>(c, s, c.dq_out, c.scale);
    __syncthreads();
}

/* Gradients of the sums before the call: what became of them, less what the queries read. */
template <typename E>
__device__ static void sums_back(const la_ttt_call &c, const scene &s, int64_t bh)
{
    const la_ttt_rows_of &r = s.r;
    const int dk = (int)c.dk, dv = (int)c.dv, n = (int)s.at.n;
    float *dP = c.before[2] + bh * dk * dv, *dp = c.before[3] + bh * dv;
    la_ttt_products<E>::make(
        dk, dv, n, [&](int i, int k) { return r.Q[k * dk + i]; },
        [&](int k, int j) { return la_ttt_c(c, s.at.done + k + 1) * r.N[k * dv + j]; },
        [&](int i, int j, float x) {
            float kept = s.l.X ? s.l.weight * s.l.X[i * dv + j] : 0.0f;
            dP[i * dv + j] = kept - x;
        });
    la_ttt_all(dv, [&](int64_t j) {
        float x = s.l.X ? s.l.weight * s.l.x[j] : 0.0f;
        for (int i = 0; i < n; i++) x -= la_ttt_c(c, s.at.done + i + 1) * r.N[i * dv + j];
        dp[j] = x;
    });
}

/* One row of dH through G: with G = r (a - mean a - x mean(a x)) and D its gradient,
 *   da = r (D - mean D - x mean(D x)),  dx = gamma^2 da - r (mean(a x) D + mean(D x) a)
 *   dz = r (dx - mean dx - x mean(dx x)) - r x mean(D G)
 * leaves dz in D, the gradient of the target in t, and what gamma gets in dg. */
__device__ static void norm_back(const la_ttt_call &c, const scene &s, int64_t i, float *D,
                                 float *t, float *dg)
{
    const la_ttt_rows_of &r = s.r;
    const int lane = (int)threadIdx.x % LA_WARP;
    const int64_t dv = c.dv;
    const float *x = r.X + i * dv, *G = r.G + i * dv, *gamma = c.params[2] + s.at.h * dv;
    const float by = r.r[i], n = (float)dv;
    float ax = 0.0f, Dx = 0.0f, DG = 0.0f, sum = 0.0f;
    for (int64_t j = lane; j < dv; j += LA_WARP) {
        ax = fmaf(gamma[j] * la_ttt_error(c, s.at.h, r, i, j), x[j], ax);
        Dx = fmaf(D[j], x[j], Dx);
        DG = fmaf(D[j], G[j], DG);
        sum += D[j];
    }
    ax = la_warp_sum(ax) / n;
    Dx = la_warp_sum(Dx) / n;
    DG = la_warp_sum(DG) / n;
    sum = la_warp_sum(sum) / n;
    for (int64_t j = lane; j < dv; j += LA_WARP) {
        const float error = la_ttt_error(c, s.at.h, r, i, j), da = by * (D[j] - sum - x[j] * Dx);
        dg[j] = da * (error + gamma[j] * x[j]);
        t[j] = -gamma[j] * da;
        D[j] = gamma[j] * gamma[j] * da - by * (ax * D[j] + Dx * gamma[j] * error);
    }
    la_ttt_through(dv, by, x, D, D);
    for (int64_t j = lane; j < dv; j += LA_WARP) D[j] -= by * DG * x[j];
}

/* From dH to dZ in its place; dv, dbeta and the gradients of the norm. No barrier behind: dZ stands since the one
 * inside, and what is still read then, dO, t and deta, nobody writes before the mini-batch's end. */
template <typename E> __device__ static void inner_back(const la_ttt_call &c, const scene &s)
{
    const la_ttt_rows_of &r = s.r;
    const int64_t dv = c.dv;
    la_ttt_each_row(s.at.n, [&](int64_t i) {
        const int lane = (int)threadIdx.x % LA_WARP;
        float *D = r.dH + i * dv, *t = r.t + i * dv, sum = 0.0f;
        for (int64_t j = lane; j < dv; j += LA_WARP) {
            sum = fmaf(D[j], r.G[i * dv + j], sum);
            D[j] *= r.eta[i];
            if (!c.normed) t[j] = -D[j];
        }
        sum = la_warp_sum(sum);
        if (lane == 0) r.deta[i] = sum;
        if (c.normed) norm_back(c, s, i, D, t, r.dO + i * dv);
    });
    __syncthreads();
    la_ttt_all(dv, [&](int64_t j) {
        float by_x = s.g.dgamma[j], by_one = s.g.dbeta[j];
        for (int64_t i = 0; c.normed && i < s.at.n; i++) {
            by_x += r.dO[i * dv + j];
            by_one -= r.t[i * dv + j];
        }
        s.g.dgamma[j] = by_x;
        s.g.dbeta[j] = by_one;
    });
    if (c.dv_out)
        la_ttt_all(s.at.n * dv, [&](int64_t i) {
            la_from_float(r.t[i], (E *)c.dv_out + la_ttt_value_at(c, s.at, i / dv) + i % dv);
        });
    if (c.dbeta)
        la_ttt_all(s.at.n, [&](int64_t i) {
            c.dbeta[(s.at.b * c.T + s.at.first + i) * c.H + s.at.h] = c.rate * r.deta[i];
        });
}

/* dk = dA'Q + w H X' + dZ W', less the gradient of the target. No barrier behind: dx is still read. */
template <typename E> __device__ static void keys_back(const la_ttt_call &c, const scene &s)
{
    const la_ttt_rows_of &r = s.r;
    const int dk = (int)c.dk, dv = (int)c.dv, n = (int)s.at.n;
    la_ttt_products<E>::make(
        n, dk, n, [&](int i, int k) { return r.dA[k * n + i]; },
        [&](int k, int j) { return r.Q[k * dk + j]; },
        [&](int i, int j, float x) {
            if (c.normed && j < dv) x -= r.t[i * dv + j];
            r.dx[i * dk + j] = x;
        });
    if (s.l.X)
        la_ttt_products<E>::make(
            n, dk, dv, [&](int i, int k) { return r.H[i * dv + k]; },
            [&](int k, int j) { return s.l.X[j * dv + k]; },
            [&](int i, int j, float x) { r.dx[i * dk + j] += s.l.weight * x; });
    la_ttt_products<E>::make(
        n, dk, dv, [&](int i, int k) { return r.dH[i * dv + k]; },
        [&](int k, int j) { return s.m.W[j * dv + k]; },
        [&](int i, int j, float x) { r.dx[i * dk + j] += x; });
    __syncthreads();
    put<E>(c, s, c.dk_out, 1.0f);
}

/* dW += s q'N + K'dZ, and b likewise. Nobody reads what was there any more. */
template <typename E> __device__ static void memory_back(const la_ttt_call &c, const scene &s)
{
    const la_ttt_rows_of &r = s.r;
    const int dk = (int)c.dk, dv = (int)c.dv, n = (int)s.at.n;
    la_ttt_products<E>::make(
        dk, dv, n, [&](int i, int k) { return r.Q[k * dk + i]; },
        [&](int k, int j) { return r.N[k * dv + j]; },
        [&](int i, int j, float x) { s.g.dW[i * dv + j] += x; });
    la_ttt_products<E>::make(
        dk, dv, n, [&](int i, int k) { return r.K[k * dk + i]; },
        [&](int k, int j) { return r.dH[k * dv + j]; },
        [&](int i, int j, float x) { s.g.dW[i * dv + j] += x; });
    la_ttt_all(dv, [&](int64_t j) {
        float x = s.g.db[j];
        for (int i = 0; i < n; i++) x += r.N[i * dv + j] + r.dH[i * dv + j];
        s.g.db[j] = x;
    });
    __syncthreads();
}

/* The mini-batch at s.at, whose D and db are there. */
template <typename E> __device__ static void batch_back(const la_ttt_call &c, scene &s)
{
    const int64_t bh = s.at.b * c.H + s.at.h, n = c.dk * c.dv;
    s.l = {1.0f, c.after[0] ? c.after[2] + bh * n : nullptr,
           c.after[0] ? c.after[3] + bh * c.dv : nullptr};
    if (s.at.done + s.at.n == c.C) s.l = {-la_ttt_c(c, c.C), s.g.dW, s.g.db};
    la_ttt_weights(c, s.at.h, s.m);
    la_ttt_load<E>(c, s.at, s.r);
    __syncthreads();
    la_ttt_inner_of<E>(c, s.at, s.r, s.m);
    la_ttt_read<E>(c, s.at, s.r, s.m, s.sums);
    outer_back<E>(c, s);
    between_back<E>(c, s);
    queries_back<E>(c, s);
    if (s.at.first == 0 && c.before[0]) sums_back<E>(c, s, bh);
    inner_back<E>(c, s);
    keys_back<E>(c, s);
    __syncthreads();
    memory_back<E>(c, s);
}

/* Mini-batch `batch` of a call that has `begun` tokens of the first. */
__device__ static void go_to(const la_ttt_call &c, int64_t begun, int64_t batch, la_ttt_here &at)
{
    int64_t from = batch * c.C - begun, to = from + c.C;
    at.first = from < 0 ? 0 : from;
    at.done = batch == 0 ? begun : 0;
    at.n = (to < c.T ? to : c.T) - at.first;
}

/* D and db of mini-batch `batch`, the first of a segment; and P and p of the first. */
__device__ static void recall(const la_ttt_call &c, scene &s, int64_t bh, int64_t batch)
{
    const int64_t n = c.dk * c.dv, memory = c.memory;
    const float *D = c.in[0] ? c.in[0] + bh * n : nullptr,
                *db = c.in[0] ? c.in[1] + bh * c.dv : nullptr;
    if (batch > 0) {
        D = c.saved + (bh * c.saves + batch / c.segment - 1) * memory;
        db = D + n;
    }
    la_ttt_bring(n, D, s.m.D);
    la_ttt_bring(c.dv, db, s.m.db);
    s.sums = batch == 0 && c.in[0];
    if (s.sums) {
        la_ttt_bring(n, c.in[2] + bh * n, s.m.P);
        la_ttt_bring(c.dv, c.in[3] + bh * c.dv, s.m.p);
    }
    __syncthreads();
}

template <typename E>
__device__ static void head_back(const la_ttt_call &c, scene &s, float *memories)
{
    const int64_t bh = s.at.b * c.H + s.at.h, n = c.dk * c.dv, begun = la_ttt_begun(c, bh),
                  all = (begun + c.T + c.C - 1) / c.C, memory = c.memory;
    la_ttt_bring(n, c.after[0] ? c.after[0] + bh * n : nullptr, s.g.dW);
    la_ttt_bring(c.dv, c.after[0] ? c.after[1] + bh * c.dv : nullptr, s.g.db);
    la_ttt_bring(2 * c.dv, nullptr, s.g.dgamma);
    for (int64_t from = (all - 1) / c.segment * c.segment; from >= 0; from -= c.segment) {
        const int64_t end = from + c.segment < all ? from + c.segment : all;
        recall(c, s, bh, from);
        for (int64_t batch = from; batch < end; batch++) {
            float *kept = memories + (batch - from) * memory;
            la_ttt_bring(n, s.m.D, kept);
            la_ttt_bring(c.dv, s.m.db, kept + n);
            if (batch + 1 == end) break;
            go_to(c, begun, batch, s.at);
            la_ttt_weights(c, s.at.h, s.m);
            la_ttt_load<E>(c, s.at, s.r);
            __syncthreads();
            la_ttt_inner_of<E>(c, s.at, s.r, s.m);
            la_ttt_join<E>(c, s.at, s.r, s.m, s.sums && batch == 0);
        }
        __syncthreads();
        for (int64_t batch = end; batch-- > from;) {
            const float *kept = memories + (batch - from) * memory;
            la_ttt_bring(n, kept, s.m.D);
            la_ttt_bring(c.dv, kept + n, s.m.db);
            s.sums = batch == 0 && c.in[0];
            go_to(c, begun, batch, s.at);
            __syncthreads();
            batch_back<E>(c, s);
        }
    }
    if (c.before[0]) {
        la_ttt_bring(n, s.g.dW, c.before[0] + bh * n);
        la_ttt_bring(c.dv, s.g.db, c.before[1] + bh * c.dv);
        if (threadIdx.x == 0) c.before[4][bh] = 0.0f;
    }
    __syncthreads();
    /* What reached W by the state after the call alone did not pass W0. */
    if (c.after[0]) la_ttt_all(n, [&](int64_t i) { s.g.dW[i] -= c.after[0][bh * n + i]; });
    if (c.after[0]) la_ttt_all(c.dv, [&](int64_t j) { s.g.db[j] -= c.after[1][bh * c.dv + j]; });
    __syncthreads();
}

static inline __host__ __device__ int64_t block_floats(const la_ttt_call &c)
{
    return la_ttt_work_floats(la_ttt_places_of(c, true)) + c.segment * c.memory;
}

/* A block a query head of a sequence. */
template <typename E>
__global__ void __launch_bounds__(LA_TTT_THREADS) ttt_back_kernel(la_ttt_call c)
{
    LA_SHARED(float, pool);
    const int64_t own = block_floats(c), group = c.H / c.Hqk;
    float *work = c.work + (int64_t)blockIdx.x * own, *sums = c.work + c.B * c.Hqk * own;
    scene s;
    la_ttt_place(c, true, pool, work, &s.r, &s.m);
    s.at = {(int64_t)blockIdx.x / c.Hqk, 0, 0, 0, 0};
    for (int64_t i = 0; i < group; i++) {
        s.at.h = (int64_t)blockIdx.x % c.Hqk * group + i;
        s.add = i > 0;
        s.g = running_at(c, sums + (s.at.b * c.H + s.at.h) * sums_of(c));
        head_back<E>(c, s, work + own - c.segment * c.memory);
    }
}

/* Gradients of parameters: the sums of a head over sequences, in order. */
__global__ void parameters_kernel(la_ttt_call c, const float *sums)
{
    const int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, each = sums_of(c),
                  h = at / each, e = at % each, n = c.dk * c.dv;
    if (h >= c.H) return;
    float x = 0.0f;
    for (int64_t b = 0; b < c.B; b++) x += sums[(b * c.H + h) * each + e];
    const int which = e < n ? 0 : (int)((e - n) / c.dv) + 1;
    if (!c.dparams[which]) return;
    c.dparams[which][which == 0 ? h * n + e : h * c.dv + (e - n) % c.dv] = x;
}

extern "C" int64_t la_ttt_cuda_floats(const la_ttt_call *c, bool back)
{
    if (!back) return c->B * c->H * la_ttt_work_floats(la_ttt_places_of(*c, false));
    return c->B * c->Hqk * block_floats(*c) + c->B * c->H * sums_of(*c);
}

extern "C" la_status la_ttt_cuda_launch_back(const la_ttt_call *c, la_err *err)
{
    la_ttt_places p = la_ttt_places_of(*c, true);
    const int64_t all = c->H * sums_of(*c);
    if (c->B * c->Hqk > INT32_MAX)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "more blocks than one launch may have");
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(ttt_back_kernel<E>, dim3((unsigned)(c->B * c->Hqk)), dim3(LA_TTT_THREADS),           \
              (size_t)la_ttt_shared_floats(p) * sizeof(float), c->stream, *c)
    LA_TTT_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    const float *sums = c->work + c->B * c->Hqk * block_floats(*c);
    LA_LAUNCH(parameters_kernel, dim3((unsigned)((all + 127) / 128)), dim3(128), 0, c->stream, *c,
              sums);
    return LA_LAUNCHED("ttt_linear backward", err);
}
