/* SPDX-License-Identifier: Apache-2.0
 * Backward of the recurrent family on CUDA devices, 1 of 4: what a chunk's reads and writes are and how they see
 * each other (delta_back.h): in, out, exp(G_C), the scores M and the inverse T.
 *
 * A block has one chunk of one head and goes through the channels 32 at a time, the scores in registers. With
 * a decay by channel it makes two copies for every stretch of times (stretches_of): reads that fall
 * from the stretch's start, 0 outside of it, and writes that fall towards it or grow by at most e^60 behind
 * it. One stretch is the usual case, and the sum over stretches is exact whatever the decays.
 */
#include "labench/cuda_kit.cuh"

#include "delta_back.cuh"

enum { THREADS = 256 };

namespace
{
template <la_write_rule WRITE> struct layout {
    typedef kinds<WRITE> kind;
    static const int R = kind::R, N = kind::N, LDM = N + 4;
    static const int reads = 0, writes = reads + R * LD, gates = writes + N * LD,
                     sums = gates + C * LD, M = sums + TIMES * LD, scratch = M + R * LDM,
                     begin = scratch + C + THREADS / LA_WARP, floats = begin + C + 4;
};
} // namespace

/* The tile of channels from k0: rows as they meet S, to the work buffer; where `keep` also as they are. */
template <la_write_rule WRITE, bool CHANNEL>
__device__ static void hand_on(const la_delta_back &w, const place &at, int64_t k0, float *pool,
                               const float *L)
{
    typedef layout<WRITE> lay;
    typedef kinds<WRITE> kind;
    float *sums = pool + lay::sums, *gates = pool + lay::gates;
    for (int turn = 0; turn < 2; turn++) { /* reads from the start on, then writes to the end */
        if (CHANNEL && threadIdx.x < KT)
            sums_around(gates + threadIdx.x, LD, turn == 0 ? 0 : C, sums + threadIdx.x);
        __syncthreads();
        int rows = turn == 0 ? lay::R : lay::N;
        float *to = turn == 0 ? w.in + at.n * lay::R * w.K : w.out + at.n * lay::N * w.K;
        for (int e = (int)threadIdx.x; e < rows * KT; e += THREADS) {
            int r = e / KT, c = e % KT, t = turn == 0 ? kind::time(r) : r % C + 1;
            float x =
                turn == 0 ? read_at<WRITE>(w, at, r, k0 + c) : write_at<WRITE>(w, at, r, k0 + c);
            float fall = CHANNEL ? sums[t * LD + c] : turn == 0 ? L[t] : -L[t * TIMES + C];
            if (k0 + c < w.K) to[r * w.K + k0 + c] = x * expf(turn == 0 ? fall : -fall);
        }
        if (turn == 0 && threadIdx.x < KT && k0 + threadIdx.x < w.K)
            w.whole[at.n * w.K + k0 + threadIdx.x] =
                expf(CHANNEL ? sums[C * LD + threadIdx.x] : L[C]);
        __syncthreads();
    }
}

/* T by columns, one a lane: (I + N) T = I with N = M diag(beta), or -M_ab. */
template <la_write_rule WRITE>
__device__ static void invert(const la_delta_back &w, const place &at, const float *M)
{
    typedef layout<WRITE> lay;
    float x[C];
    const int j = lane_of();
    const float mine = kinds<WRITE>::delta ? weight_of(w, at, j) : -1.0f;
#pragma unroll
    for (int i = 0; i < C; i++) {
        float sum = i == j ? 1.0f : 0.0f;
#pragma unroll
        for (int l = 0; l < i; l++) {
            float by = kinds<WRITE>::delta ? __shfl_sync(LA_ALL, mine, l) : mine;
            sum = fmaf(-M[i * lay::LDM + l] * by, x[l], sum);
        }
        x[i] = sum;
        w.T[at.n * C * C + i * C + j] = sum;
    }
}

/* grid: chunks of a head, heads, sequences; block: THREADS. */
template <typename HOW, la_write_rule WRITE, bool CHANNEL>
__global__ void __launch_bounds__(THREADS, 2) delta_prepare_kernel(la_delta_back w)
{
    typedef layout<WRITE> lay;
    typedef kinds<WRITE> kind;
    LA_SHARED(float, pool);
    const place at = place_of(w, (int64_t)blockIdx.x / w.chunks, (int64_t)blockIdx.x % w.chunks);
    float *M = pool + lay::M;
    int *begin = (int *)(pool + lay::begin);
    float *L = pool + lay::sums; /* by head */
    if (CHANNEL)
        find_stretches(w, at, pool + lay::scratch, begin);
    else
        head_sums(w, at, pool + lay::gates, L);
    const int stretches = CHANNEL ? begin[C + 2] : 1;
    const int m0 = warp_of() / 4 * 16, n0 = warp_of() % 4 * 8;
    float acc[kind::reads * kind::writes][4] = {};
    for (int64_t k0 = 0; k0 < w.K; k0 += KT) {
        if (CHANNEL) {
            take_gates(w, at, k0, pool + lay::gates);
            __syncthreads();
        }
        hand_on<WRITE, CHANNEL>(w, at, k0, pool, L);
        for (int s = 0; s < stretches; s++) {
            copy_around<WRITE, CHANNEL>(w, at, k0, begin + s, pool + lay::gates, pool + lay::sums,
                                        pool + lay::reads, pool + lay::writes);
#pragma unroll
            for (int m = 0; m < kind::reads; m++)
#pragma unroll
                for (int n = 0; n < kind::writes; n++)
                    add_product<HOW>(acc[m * kind::writes + n],
                                     rows_of(pool + lay::reads + (m * C + m0) * LD, LD),
                                     turned(pool + lay::writes + (n * C + n0) * LD, LD), KT);
            __syncthreads();
        }
    }
#pragma unroll
    for (int m = 0; m < kind::reads; m++)
#pragma unroll
        for (int n = 0; n < kind::writes; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int r = m * C + m0 + row_of(e), j = n * C + n0 + column_of(e);
                float x = acc[m * kind::writes + n][e];
                if (!CHANNEL && kind::sees(r, j)) x *= expf(L[(j % C + 1) * TIMES + kind::time(r)]);
                if (!kind::sees(r, j)) x = 0.0f;
                M[r * lay::LDM + j] = x;
                w.M[at.n * lay::R * lay::N + r * lay::N + j] = x;
            }
    __syncthreads();
    if (kind::solved && warp_of() == 0) invert<WRITE>(w, at, M);
}

struct launch_scores {
    template <typename HOW, la_write_rule WRITE, bool CHANNEL>
    static void run(const la_delta_back *w)
    {
        LA_LAUNCH((delta_prepare_kernel<HOW, WRITE, CHANNEL>),
                  dim3((unsigned)(w->c.B * w->c.H * w->chunks)), dim3(THREADS),
                  sizeof(float) * (size_t)layout<WRITE>::floats, w->c.stream, *w);
    }
};

extern "C" la_status la_delta_back_prepare(const la_delta_back *w, la_err *err)
{
    run_by_kind<launch_scores>(w);
    return LA_LAUNCHED("the scores of a backward", err);
}
