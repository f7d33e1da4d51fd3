/* SPDX-License-Identifier: Apache-2.0
 * A mini-batch of ttt_linear by one block: what forward and backward share.
 */
#ifndef LA_TTT_LINEAR_CUDA_CUH
#define LA_TTT_LINEAR_CUDA_CUH

#include "labench/cuda_mma.cuh"

#include "ttt_linear_cuda.h"

enum {
    LA_TTT_THREADS = 256,
    LA_TTT_WARPS = LA_TTT_THREADS / LA_WARP,
    LA_TTT_SHARED = 24 << 10, /* floats of shared memory that every device has: 96 KiB */
};

/* Buffers of a block; rows of d numbers are d apart. */
struct la_ttt_rows_of {
    float *K, *Q;           /* [R,dk]; Q times s */
    float *V, *X, *G, *H;   /* [R,dv]: X normed W'k + b */
    float *Y;               /* [R,dv]: what queries read, then normed */
    float *A;               /* [R,R] */
    float *r, *r_o, *eta;   /* [R]: 1 / std of both norms */
    float *dO, *N, *dH, *t; /* backward: [R,dv] */
    float *dA, *dx;         /* [R,R]; [R,dk] */
    float *deta;            /* [R] */
};

struct la_ttt_matrices {
    float *W, *D, *P;  /* [dk,dv]: W0 + D, the memory, the sums */
    float *b, *db, *p; /* [dv] */
};

static inline __host__ __device__ float *la_ttt_take(float *base, int64_t *used, int64_t floats)
{
    float *here = base ? base + *used : nullptr;
    *used += (floats + 3) / 4 * 4;
    return here;
}

static inline __host__ __device__ int64_t la_ttt_cut_rows(const la_ttt_call &c, bool back,
                                                          float *base, la_ttt_rows_of *r)
{
    int64_t used = 0, keys = c.R * c.dk, values = c.R * c.dv;
    r->K = la_ttt_take(base, &used, keys);
    r->Q = la_ttt_take(base, &used, keys);
    r->V = la_ttt_take(base, &used, values);
    r->X = la_ttt_take(base, &used, values);
    r->G = la_ttt_take(base, &used, values);
    r->H = la_ttt_take(base, &used, values);
    r->Y = la_ttt_take(base, &used, values);
    r->A = la_ttt_take(base, &used, c.R * c.R);
    r->r = la_ttt_take(base, &used, c.R);
    r->r_o = la_ttt_take(base, &used, c.R);
    r->eta = la_ttt_take(base, &used, c.R);
    r->dO = r->N = r->dH = r->t = r->dA = r->dx = r->deta = nullptr;
    if (!back) return used;
    r->dO = la_ttt_take(base, &used, values);
    r->N = la_ttt_take(base, &used, values);
    r->dH = la_ttt_take(base, &used, values);
    r->t = la_ttt_take(base, &used, values);
    r->dA = la_ttt_take(base, &used, c.R * c.R);
    r->dx = la_ttt_take(base, &used, keys);
    r->deta = la_ttt_take(base, &used, c.R);
    return used;
}

static inline __host__ __device__ int64_t la_ttt_cut_matrices(const la_ttt_call &c, float *base,
                                                              la_ttt_matrices *m)
{
    int64_t used = 0, n = c.dk * c.dv;
    m->W = la_ttt_take(base, &used, n);
    m->D = la_ttt_take(base, &used, n);
    m->P = la_ttt_take(base, &used, n);
    m->b = la_ttt_take(base, &used, c.dv);
    m->db = la_ttt_take(base, &used, c.dv);
    m->p = la_ttt_take(base, &used, c.dv);
    return used;
}

/* Where rows and matrices lie: first one, then both in shared memory if they fit. */
struct la_ttt_places {
    int64_t rows, matrices; /* floats */
    bool rows_shared, matrices_shared;
};

static inline __host__ __device__ la_ttt_places la_ttt_places_of(const la_ttt_call &c, bool back)
{
    la_ttt_rows_of r;
    la_ttt_matrices m;
    la_ttt_places p = {la_ttt_cut_rows(c, back, nullptr, &r), la_ttt_cut_matrices(c, nullptr, &m),
                       false, false};
    p.rows_shared = p.rows <= LA_TTT_SHARED;
    p.matrices_shared = (p.rows_shared ? p.rows : 0) + p.matrices <= LA_TTT_SHARED;
    return p;
}

static inline __host__ __device__ int64_t la_ttt_shared_floats(const la_ttt_places &p)
{
    return (p.rows_shared ? p.rows : 0) + (p.matrices_shared ? p.matrices : 0);
}

static inline __host__ __device__ int64_t la_ttt_work_floats(const la_ttt_places &p)
{
    return (p.rows_shared ? 0 : p.rows) + (p.matrices_shared ? 0 : p.matrices);
}

/* `pool` in shared memory, `work` the block's own. */
__device__ static inline void la_ttt_place(const la_ttt_call &c, bool back, float *pool,
                                           float *work, la_ttt_rows_of *r, la_ttt_matrices *m)
{
    la_ttt_places p = la_ttt_places_of(c, back);
    la_ttt_cut_rows(c, back, p.rows_shared ? pool : work, r);
    la_ttt_cut_matrices(c,
                        p.matrices_shared ? pool + (p.rows_shared ? p.rows : 0)
                                          : work + (p.rows_shared ? 0 : p.rows),
                        m);
}

/* c_i of token i = 1, 2, ... of a mini-batch. */
__device__ static inline float la_ttt_c(const la_ttt_call &c, int64_t i)
{
    return c.average ? 1.0f / (float)i : 1.0f;
}

/* A (batch, head), and one of its mini-batches. */
struct la_ttt_here {
    int64_t b, h;
    int64_t first, n, done; /* tokens of the call, how many, and of the mini-batch before them */
};

__device__ static inline int64_t la_ttt_key_at(const la_ttt_call &c, const la_ttt_here &at,
                                               int64_t i)
{
    return ((at.b * c.T + at.first + i) * c.Hqk + at.h / (c.H / c.Hqk)) * c.dk;
}

__device__ static inline int64_t la_ttt_value_at(const la_ttt_call &c, const la_ttt_here &at,
                                                 int64_t i)
{
    return ((at.b * c.T + at.first + i) * c.H + at.h) * c.dv;
}

/* Tokens of the mini-batch that a state began; anything but 0..C-1 means 0. */
__device__ static inline int64_t la_ttt_begun(const la_ttt_call &c, int64_t bh)
{
    if (!c.in[0]) return 0;
    float n = c.in[4][bh];
    return n > 0.5f && n < (float)c.C - 0.5f ? (int64_t)(n + 0.5f) : 0;
}

/* f(i) for i < n, by all threads of the block. */
template <typename F> __device__ static inline void la_ttt_all(int64_t n, F f)
{
    for (int64_t i = (int64_t)threadIdx.x; i < n; i += LA_TTT_THREADS) f(i);
}

/* put(i, j, sum over k < depth of a(i, k) b(k, j)) for i < n, j < m, by all threads; nobody waits, and the
 * same thread gets the same place of every product of n x m. 16-bit problems take the matrix units, by three
 * products of tf32: a layer norm over few channels enlarges what one alone would lose. */
template <typename E> struct la_ttt_products {
    template <typename A, typename B, typename P>
    __device__ static inline void make(int n, int m, int depth, A a, B b, P put)
    {
        const int lane = (int)threadIdx.x % LA_WARP, across = (m + 7) / 8,
                  tiles = (n + 15) / 16 * across, row = lane / 4, k0 = lane % 4;
        for (int tile = (int)threadIdx.x / LA_WARP; tile < tiles; tile += LA_TTT_WARPS) {
            const int i = tile / across * 16 + row, j = tile % across * 8;
            float s[4] = {0.0f, 0.0f, 0.0f, 0.0f};
            for (int k = k0; k - k0 < depth; k += 8) {
                float x[4], y[2];
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    int r = i + e % 2 * 8, at = k + e / 2 * 4;
                    x[e] = r < n && at < depth ? a(r, at) : 0.0f;
                }
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    int at = k + e * 4, column = j + lane / 4;
                    y[e] = at < depth && column < m ? b(at, column) : 0.0f;
                }
                la_mma_split(s, la_split4(x), la_split2(y));
            }
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int r = i + e / 2 * 8, column = j + lane % 4 * 2 + e % 2;
                if (r < n && column < m) put(r, column, s[e]);
            }
        }
    }
};

template <> struct la_ttt_products<float> {
    template <typename A, typename B, typename P>
    __device__ static inline void make(int n, int m, int depth, A a, B b, P put)
    {
        for (int item = (int)threadIdx.x; item < (n + 3) / 4 * m; item += LA_TTT_THREADS) {
            const int i = item / m * 4, j = item % m;
            float s[4] = {0.0f, 0.0f, 0.0f, 0.0f};
            for (int k = 0; k < depth; k++) {
                const float y = b(k, j);
#pragma unroll
                for (int r = 0; r < 4; r++) s[r] = fmaf(a(i + r < n ? i + r : n - 1, k), y, s[r]);
            }
            for (int r = 0; r < 4 && i + r < n; r++) put(i + r, j, s[r]);
        }
    }
};

/* ---- rows, a warp each: f(i) for i < n, by whole warps ---- */

template <typename F> __device__ static inline void la_ttt_each_row(int64_t n, F f)
{
    for (int64_t i = (int64_t)threadIdx.x / LA_WARP; i < n; i += LA_TTT_WARPS) f(i);
}

/* x <- (x - mean) / sqrt(var + 1e-6); the divisor's inverse. */
__device__ static inline float la_ttt_norm(int64_t n, float *x)
{
    const int lane = (int)threadIdx.x % LA_WARP;
    float sum = 0.0f, squares = 0.0f;
    for (int64_t j = lane; j < n; j += LA_WARP) sum += x[j];
    const float mean = la_warp_sum(sum) / (float)n;
    for (int64_t j = lane; j < n; j += LA_WARP) squares = fmaf(x[j] - mean, x[j] - mean, squares);
    const float r = 1.0f / sqrtf(la_warp_sum(squares) / (float)n + 1e-6f);
    for (int64_t j = lane; j < n; j += LA_WARP) x[j] = (x[j] - mean) * r;
    return r;
}

/* y = r (a - mean(a) - x mean(a x)); y may be a. */
__device__ static inline void la_ttt_through(int64_t n, float r, const float *x, const float *a,
                                             float *y)
{
    const int lane = (int)threadIdx.x % LA_WARP;
    float sum = 0.0f, along = 0.0f;
    for (int64_t j = lane; j < n; j += LA_WARP) {
        sum += a[j];
        along = fmaf(a[j], x[j], along);
    }
    sum = la_warp_sum(sum) / (float)n;
    along = la_warp_sum(along) / (float)n;
    for (int64_t j = lane; j < n; j += LA_WARP) y[j] = r * (a[j] - sum - x[j] * along);
}

/* ---- a mini-batch forward ---- */

template <typename E>
__device__ static void la_ttt_load(const la_ttt_call &c, const la_ttt_here &at,
                                   const la_ttt_rows_of &r)
{
    la_ttt_all(at.n * c.dk, [&](int64_t i) {
        int64_t from = la_ttt_key_at(c, at, i / c.dk) + i % c.dk;
        r.K[i] = la_to_float(((const E *)c.k)[from]);
        r.Q[i] = c.scale * la_to_float(((const E *)c.q)[from]);
    });
    la_ttt_all(at.n * c.dv, [&](int64_t i) {
        r.V[i] = la_to_float(((const E *)c.v)[la_ttt_value_at(c, at, i / c.dv) + i % c.dv]);
    });
    la_ttt_all(at.n, [&](int64_t i) {
        r.eta[i] = c.rate * c.beta[(at.b * c.T + at.first + i) * c.H + at.h];
    });
}

/* W and b of D and db. */
__device__ static inline void la_ttt_weights(const la_ttt_call &c, int64_t h,
                                             const la_ttt_matrices &m)
{
    const int64_t n = c.dk * c.dv;
    la_ttt_all(n, [&](int64_t i) { m.W[i] = c.params[0][h * n + i] + m.D[i]; });
    la_ttt_all(c.dv, [&](int64_t j) { m.b[j] = c.params[1][h * c.dv + j] + m.db[j]; });
}

/* gamma x + beta_LN + k - v of channel j, before the norm's slope. */
__device__ static inline float la_ttt_error(const la_ttt_call &c, int64_t h,
                                            const la_ttt_rows_of &r, int64_t i, int64_t j)
{
    float y = fmaf(c.params[2][h * c.dv + j], r.X[i * c.dv + j], c.params[3][h * c.dv + j]);
    return y + (j < c.dk ? r.K[i * c.dk + j] : 0.0f) - r.V[i * c.dv + j];
}

/* From K, V and W to X, G and H. Ends with a barrier. */
template <typename E>
__device__ static void la_ttt_inner_of(const la_ttt_call &c, const la_ttt_here &at,
                                       const la_ttt_rows_of &r, const la_ttt_matrices &m)
{
    const int dk = (int)c.dk, dv = (int)c.dv;
    la_ttt_products<E>::make((int)at.n, dv, dk, [&](int i, int k) { return r.K[i * dk + k]; },
                             [&](int k, int j) { return m.W[k * dv + j]; },
                             [&](int i, int j, float x) { r.X[i * dv + j] = x + m.b[j]; });
    __syncthreads();
    la_ttt_each_row(at.n, [&](int64_t i) {
        float *X = r.X + i * dv, *G = r.G + i * dv;
        const int lane = (int)threadIdx.x % LA_WARP;
        if (c.normed) {
            float scale = la_ttt_norm(dv, X);
            if (lane == 0) r.r[i] = scale;
            for (int64_t j = lane; j < dv; j += LA_WARP)
                G[j] = c.params[2][at.h * dv + j] * la_ttt_error(c, at.h, r, i, j);
            la_ttt_through(dv, scale, X, G, G);
        } else {
            for (int64_t j = lane; j < dv; j += LA_WARP) G[j] = X[j] - r.V[i * dv + j];
        }
        for (int64_t j = lane; j < dv; j += LA_WARP) r.H[i * dv + j] = r.eta[i] * G[j];
    });
    __syncthreads();
}

/* Y = Q W + b + A H - c (Q P + p), A = -c tril(Q K' + 1); `sums`: P and p hold something. Then, with a norm,
 * Y is normed. Ends with a barrier. */
template <typename E>
__device__ static void la_ttt_read(const la_ttt_call &c, const la_ttt_here &at,
                                   const la_ttt_rows_of &r, const la_ttt_matrices &m, bool sums)
{
    const int dk = (int)c.dk, dv = (int)c.dv, n = (int)at.n;
    la_ttt_products<E>::make(
        n, n, dk, [&](int i, int k) { return r.Q[i * dk + k]; },
        [&](int k, int j) { return r.K[j * dk + k]; },
        [&](int i, int j, float x) {
            float weight = -la_ttt_c(c, at.done + i + 1);
            r.A[i * n + j] = j <= i ? weight * (x + 1.0f) : 0.0f;
        });
    la_ttt_products<E>::make(
        n, dv, dk, [&](int i, int k) { return r.Q[i * dk + k]; },
        [&](int k, int j) { return m.W[k * dv + j]; },
        [&](int i, int j, float x) { r.Y[i * dv + j] = x + m.b[j]; });
    __syncthreads();
    la_ttt_products<E>::make(
        n, dv, n, [&](int i, int k) { return r.A[i * n + k]; },
        [&](int k, int j) { return r.H[k * dv + j]; },
        [&](int i, int j, float x) { r.Y[i * dv + j] += x; });
    __syncthreads();
    if (sums) {
        la_ttt_products<E>::make(
            n, dv, dk, [&](int i, int k) { return r.Q[i * dk + k]; },
            [&](int k, int j) { return m.P[k * dv + j]; },
            [&](int i, int j, float x) {
                float weight = la_ttt_c(c, at.done + i + 1);
                r.Y[i * dv + j] -= weight * (x + m.p[j]);
            });
        __syncthreads();
    }
    if (!c.normed) return;
    la_ttt_each_row(at.n, [&](int64_t i) {
        float scale = la_ttt_norm(dv, r.Y + i * dv);
        if (threadIdx.x % LA_WARP == 0) r.r_o[i] = scale;
    });
    __syncthreads();
}

/* K'H and the sums of rows of H join the memory: D where the mini-batch is full (with what P held), else P.
 * True: P and p hold something afterwards. Ends with a barrier. */
template <typename E>
__device__ static bool la_ttt_join(const la_ttt_call &c, const la_ttt_here &at,
                                   const la_ttt_rows_of &r, const la_ttt_matrices &m, bool sums)
{
    const int dk = (int)c.dk, dv = (int)c.dv, n = (int)at.n;
    const bool full = at.done + at.n == c.C;
    const float weight = la_ttt_c(c, c.C);
    la_ttt_products<E>::make(
        dk, dv, n, [&](int i, int k) { return r.K[k * dk + i]; },
        [&](int k, int j) { return r.H[k * dv + j]; },
        [&](int i, int j, float x) {
            int e = i * dv + j;
            if (sums) x += m.P[e];
            if (full)
                m.D[e] -= weight * x;
            else
                m.P[e] = x;
        });
    la_ttt_all(dv, [&](int64_t j) {
        float x = sums ? m.p[j] : 0.0f;
        for (int i = 0; i < n; i++) x += r.H[i * dv + j];
        if (full)
            m.db[j] -= weight * x;
        else
            m.p[j] = x;
    });
    __syncthreads();
    return !full;
}

/* to[i] = from[i], or zeros. */
__device__ static inline void la_ttt_bring(int64_t n, const float *from, float *to)
{
    la_ttt_all(n, [&](int64_t i) { to[i] = from ? from[i] : 0.0f; });
}

#define LA_TTT_BY_TYPE(c, launch)                                                                  \
    do {                                                                                           \
        if ((c)->dtype == LA_BF16)                                                                 \
            launch(la_bf16_t);                                                                     \
        else if ((c)->dtype == LA_F16)                                                             \
            launch(la_f16_t);                                                                      \
        else                                                                                       \
            launch(float);                                                                         \
    } while (0)

#endif
