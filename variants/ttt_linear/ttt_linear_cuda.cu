/* SPDX-License-Identifier: Apache-2.0
 * ttt_linear forward on CUDA devices, mini-batch by mini-batch; the mathematics is at the top of ttt_linear.c.
 */
#include "labench/cuda_kit.cuh"

#include "ttt_linear_cuda.cuh"

template <typename E>
__device__ static void outputs(const la_ttt_call &c, const la_ttt_here &at, const la_ttt_rows_of &r)
{
    la_ttt_all(at.n * c.dv, [&](int64_t e) {
        const int64_t i = e / c.dv, j = e % c.dv;
        float y = r.Y[e];
        if (c.normed) {
            y = fmaf(c.params[2][at.h * c.dv + j], y, c.params[3][at.h * c.dv + j]);
            if (j < c.dk) y += r.Q[i * c.dk + j];
        }
        la_from_float(y, (E *)c.o + la_ttt_value_at(c, at, i) + j);
    });
}

/* D and db for backward, before the first mini-batch of every segment but the first. */
__device__ static void save(const la_ttt_call &c, int64_t bh, int64_t batch,
                            const la_ttt_matrices &m)
{
    if (!c.saved || batch == 0 || batch % c.segment) return;
    const int64_t n = c.dk * c.dv;
    float *to = c.saved + (bh * c.saves + batch / c.segment - 1) * c.memory;
    la_ttt_bring(n, m.D, to);
    la_ttt_bring(c.dv, m.db, to + n);
}

/* Blocks that a multiprocessor has room for at least, by registers; 0: the compiler's choice. On sm_120 it chooses two,
 * 128 registers a thread, and float32 spills; its shared memory has room for one of 64 channels anyway. */
template <typename E> struct fewest_blocks {
    static const int value = 0;
};
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1200
template <> struct fewest_blocks<float> {
    static const int value = 1;
};
#endif

/* A block a (batch, head). */
template <typename E>
__global__ void __launch_bounds__(LA_TTT_THREADS, fewest_blocks<E>::value)
    ttt_kernel(la_ttt_call c, int64_t own)
{
    LA_SHARED(float, pool);
    const int64_t bh = blockIdx.x, n = c.dk * c.dv;
    la_ttt_rows_of r;
    la_ttt_matrices m;
    la_ttt_place(c, false, pool, c.work + bh * own, &r, &m);
    la_ttt_here at = {bh / c.H, bh % c.H, 0, 0, la_ttt_begun(c, bh)};
    bool sums = c.in[0] != nullptr;
    la_ttt_bring(n, sums ? c.in[0] + bh * n : nullptr, m.D);
    la_ttt_bring(c.dv, sums ? c.in[1] + bh * c.dv : nullptr, m.db);
    la_ttt_bring(n, sums ? c.in[2] + bh * n : nullptr, m.P);
    la_ttt_bring(c.dv, sums ? c.in[3] + bh * c.dv : nullptr, m.p);
    for (int64_t batch = 0; at.first < c.T; batch++) {
        at.n = c.C - at.done < c.T - at.first ? c.C - at.done : c.T - at.first;
        save(c, bh, batch, m);
        la_ttt_weights(c, at.h, m);
        la_ttt_load<E>(c, at, r);
        __syncthreads();
        la_ttt_inner_of<E>(c, at, r, m);
        la_ttt_read<E>(c, at, r, m, sums);
        outputs<E>(c, at, r);
        sums = la_ttt_join<E>(c, at, r, m, sums);
        at.done = sums ? at.done + at.n : 0;
        at.first += at.n;
    }
    if (!c.out[0]) return;
    la_ttt_bring(n, m.D, c.out[0] + bh * n);
    la_ttt_bring(c.dv, m.db, c.out[1] + bh * c.dv);
    la_ttt_bring(n, sums ? m.P : nullptr, c.out[2] + bh * n);
    la_ttt_bring(c.dv, sums ? m.p : nullptr, c.out[3] + bh * c.dv);
    if (threadIdx.x == 0) c.out[4][bh] = (float)at.done;
}

extern "C" la_status la_ttt_cuda_launch(const la_ttt_call *c, la_err *err)
{
    la_ttt_places p = la_ttt_places_of(*c, false);
    if (c->B * c->H > INT32_MAX)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "more blocks than one launch may have");
#define LAUNCH(E)                                                                                  \
    LA_LAUNCH(ttt_kernel<E>, dim3((unsigned)(c->B * c->H)), dim3(LA_TTT_THREADS),                  \
              (size_t)la_ttt_shared_floats(p) * sizeof(float), c->stream, *c,                      \
              la_ttt_work_floats(p))
    LA_TTT_BY_TYPE(c, LAUNCH);
#undef LAUNCH
    return LA_LAUNCHED("ttt_linear forward", err);
}
