/* SPDX-License-Identifier: Apache-2.0
 * Tokens of a stabilised map that a chunk's common powers would drown: their sums came out below
 * LA_KC_SMALLEST, because all they see is some 100 nats below what comes later in the chunk. They are computed
 * once more, feature by feature, relative to the largest that they themselves see; den then carries a minus,
 * by which backward knows them and leaves their pairs to the kernel here. Rare, and slow on purpose.
 */
#include "labench/cuda_kit.cuh"

#include "kernel_cuda.cuh"

enum { THREADS = 128 };

/* A query, and what it sees in its chunk. */
struct query {
    int64_t bh, t, first; /* tokens first..t */
    la_kc_here at;
    const float *f, *R; /* exponents, and the powers of the state before the chunk */
    float N;
};

__device__ static query query_at(const la_kc &c, const la_kc_exact_call &call, int64_t bh,
                                 int64_t t)
{
    int64_t j = t / c.chunk;
    return {bh,
            t,
            j * c.chunk,
            la_kc_at_head(c, bh),
            call.queries.phi + (bh * c.T + t) * c.ld,
            la_kc_power_at(c, call.sums, bh, j),
            0.0f};
}

__device__ static inline const float *key_at(const la_kc &c, const la_kc_exact_call &call,
                                             int64_t bh, int64_t u)
{
    return call.keys.phi + (bh * c.T + u) * c.ld;
}

/* phi_i(q) phi_i(k) 2^-N */
__device__ static inline float both(const query &q, const float *e, int64_t i)
{
    la_kc_power a = la_kc_split(q.f[i]), b = la_kc_split(e[i]);
    return la_kc_scaled(a.p * b.p, a.n + b.n - q.N);
}

/* x of all threads, `part` [THREADS] of shared memory. */
template <typename F> __device__ static float over_block(float x, float *part, F join)
{
    part[threadIdx.x] = x;
    __syncthreads();
    for (int i = 0; i < THREADS; i++) x = join(x, part[i]);
    __syncthreads();
    return x;
}

__device__ static float sum_of(float x, float *part)
{
    part[threadIdx.x] = x;
    __syncthreads();
    float sum = 0.0f;
    for (int i = 0; i < THREADS; i++) sum += part[i];
    __syncthreads();
    return sum;
}

/* P of the token and of each that it sees, into P [chunk]; their sum and the state's with z. */
__device__ static float weights(const la_kc &c, const la_kc_exact_call &call, const query &q,
                                const float *z, float *P, float *part)
{
    float den = 0.0f;
    for (int64_t i = threadIdx.x; z && i < c.m; i += THREADS) {
        la_kc_power a = la_kc_split(q.f[i]);
        den = fmaf(la_kc_scaled(a.p, a.n + q.R[i] - q.N), z[i], den);
    }
    den = sum_of(den, part);
    for (int64_t u = q.first; u <= q.t; u++) {
        const float *e = key_at(c, call, q.bh, u);
        float sum = 0.0f;
        for (int64_t i = threadIdx.x; i < c.m; i += THREADS) sum += both(q, e, i);
        sum = sum_of(sum, part);
        if (threadIdx.x == 0) P[u - q.first] = sum;
        den += sum;
    }
    __syncthreads();
    return den;
}

/* grid: (chunks, B H). */
template <typename E>
__global__ void __launch_bounds__(THREADS, 1) exact_kernel(la_kc c, la_kc_exact_call call)
{
    LA_SHARED(float, part);
    float *P = part + THREADS;
    const int64_t bh = (int64_t)blockIdx.x / c.chunks, j = (int64_t)blockIdx.x % c.chunks,
                  end = (j + 1) * c.chunk < c.T ? (j + 1) * c.chunk : c.T;
    const float *S = la_kc_slot_at(c, call.sums, bh, j), *z = S + c.m * c.dv;
    for (int64_t t = j * c.chunk; t < end; t++) {
        const int64_t row = bh * c.T + t;
        if (call.den[row] >= LA_KC_SMALLEST) continue;
        __syncthreads(); /* everybody has read den */
        query q = query_at(c, call, bh, t);
        float top = -INFINITY;
        for (int64_t i = threadIdx.x; i < c.m; i += THREADS) {
            float seen = q.R[i];
            for (int64_t u = q.first; u <= t; u++)
                seen = fmaxf(seen, la_kc_split(key_at(c, call, bh, u)[i]).n);
            top = fmaxf(top, la_kc_split(q.f[i]).n + seen);
        }
        q.N = over_block(top, part, [](float a, float b) { return fmaxf(a, b); });
        const float den = weights(c, call, q, z, P, part);
        for (int64_t o = threadIdx.x; o < c.dv; o += THREADS) {
            float sum = 0.0f;
            for (int64_t i = 0; i < c.m; i++) {
                la_kc_power a = la_kc_split(q.f[i]);
                sum = fmaf(la_kc_scaled(a.p, a.n + q.R[i] - q.N), S[i * c.dv + o], sum);
            }
            for (int64_t u = q.first; u <= t; u++)
                sum = fmaf(P[u - q.first], la_kc_value<E>(c, call.keys, q.at, u, o), sum);
            sum *= c.read_scale / (den + c.eps);
            la_from_float(sum, (E *)call.o + la_kc_at(c, bh, t, c.dv) + o);
            if (call.o32) call.o32[row * c.dv + o] = sum;
        }
        if (threadIdx.x == 0) {
            call.den[row] = -den;
            call.N[row] = q.N;
        }
        __syncthreads(); /* before P is used again */
    }
}

/* The pairs of those tokens, added to dV, or to the gradients of exponents of queries, or of keys. */
template <typename E>
__global__ void __launch_bounds__(THREADS, 1) exact_back_kernel(la_kc c, la_kc_exact_call call)
{
    LA_SHARED(float, part);
    float *P = part + THREADS;
    const int64_t bh = (int64_t)blockIdx.x / c.chunks, j = (int64_t)blockIdx.x % c.chunks,
                  end = (j + 1) * c.chunk < c.T ? (j + 1) * c.chunk : c.T;
    for (int64_t t = j * c.chunk; t < end; t++) {
        const int64_t row = bh * c.T + t;
        if (call.den[row] >= 0.0f) continue;
        query q = query_at(c, call, bh, t);
        q.N = call.N[row];
        if (call.dv) {
            weights(c, call, q, nullptr, P, part);
            for (int64_t o = threadIdx.x; o < c.dv; o += THREADS)
                for (int64_t u = q.first; u <= t; u++) {
                    E *to = (E *)call.dv + la_kc_at(c, bh, u, c.dv) + o;
                    float x = P[u - q.first] * la_kc_value<E>(c, call.queries, q.at, t, o);
                    la_from_float(la_to_float(*to) + x, to);
                }
            __syncthreads();
            continue;
        }
        for (int64_t u = q.first; u <= t; u++) { /* P: G of the pair */
            float sum = 0.0f;
            for (int64_t o = threadIdx.x; o < c.dv; o += THREADS)
                sum = fmaf(la_kc_value<E>(c, call.queries, q.at, t, o),
                           la_kc_value<E>(c, call.keys, q.at, u, o), sum);
            sum = sum_of(sum, part);
            if (threadIdx.x == 0) P[u - q.first] = sum + la_kc_extra(call.queries, q.at, t);
        }
        __syncthreads();
        for (int64_t i = threadIdx.x; i < c.m; i += THREADS)
            for (int64_t u = q.first; u <= t; u++) {
                float x = P[u - q.first] * both(q, key_at(c, call, bh, u), i);
                call.dphi[(bh * c.T + (call.of_keys ? u : t)) * c.ld + i] += x;
            }
        __syncthreads();
    }
}

static la_status blocks_of(const la_kc *c, int64_t *blocks, la_err *err)
{
    *blocks = c->B * c->H * c->chunks;
    return la_kc_blocks(*blocks, err);
}

extern "C" la_status la_kc_exact(const la_kc *c, const la_kc_exact_call *call, void *stream,
                                 la_err *err)
{
    int64_t blocks;
    LA_TRY(blocks_of(c, &blocks, err));
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(exact_kernel<E>, dim3((unsigned)blocks), dim3(THREADS),                              \
              (THREADS + (size_t)c->chunk) * sizeof(float), stream, *c, *call)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("tokens of small sums", err);
}

extern "C" la_status la_kc_exact_back(const la_kc *c, const la_kc_exact_call *call, void *stream,
                                      la_err *err)
{
    int64_t blocks;
    LA_TRY(blocks_of(c, &blocks, err));
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(exact_back_kernel<E>, dim3((unsigned)blocks), dim3(THREADS),                         \
              (THREADS + (size_t)c->chunk) * sizeof(float), stream, *c, *call)
    LA_KC_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("pairs of tokens of small sums", err);
}
