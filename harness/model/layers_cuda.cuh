/* SPDX-License-Identifier: Apache-2.0
 * Loops of the layers on a device. What a layer does to one element, or adds to a column, is a small struct
 * with an operator(); the loops around it are here, and every sum has a fixed order.
 */
#ifndef LA_LAYERS_CUDA_CUH
#define LA_LAYERS_CUDA_CUH

#include "labench/cuda_kit.cuh"
#include "layers_cuda.h"

/* Names of small structs come in many files; these are of one folder. */
namespace la_device_layers
{

enum { LAYER_THREADS = 256, LAYER_WARPS = 4, LAYER_BLOCKS = 16 * 132 };
enum { SUM_COLUMNS = 32, SUM_ROWS = 256, SUM_GROUPS = 64 };

/* The first failure is kept. */
static inline void layer_done(const char *what)
{
    la_layers_queue *q = la_layers_queue_now();
    la_err err = {};
    la_status st = LA_LAUNCHED(what, &err);
    if (st == LA_OK || q->status != LA_OK) return;
    q->status = st;
    q->err = err;
}

/* Room for `bytes` in the scratch of the queue; NULL is a failure of its own. */
static inline void *layer_scratch(const char *what, size_t bytes)
{
    la_layers_queue *q = la_layers_queue_now();
    if (bytes <= q->scratch_bytes) return q->scratch;
    if (q->status == LA_OK)
        q->status = LA_FAIL(&q->err, LA_E_INTERNAL, "%s wants %zu bytes of scratch, and has %zu",
                            what, bytes, q->scratch_bytes);
    return nullptr;
}

/* ---- f(i) for i < n ---- */

template <typename F> __global__ void each_kernel(int64_t n, F f)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) f(i);
}

template <typename F> static void each(const char *what, int64_t n, F f)
{
    if (n <= 0) return;
    int64_t blocks = (n + LAYER_THREADS - 1) / LAYER_THREADS;
    if (blocks > LAYER_BLOCKS) blocks = LAYER_BLOCKS;
    LA_LAUNCH((each_kernel<F>), dim3((unsigned)blocks), dim3(LAYER_THREADS), 0,
              la_layers_queue_now()->stream, n, f);
    layer_done(what);
}

/* i / n and i mod n; division of 32 bits where it is enough, which takes a quarter of the time. */
struct la_cell {
    int64_t row, column;
};
__device__ static inline la_cell cell_of(int64_t i, int64_t n)
{
    la_cell c;
    if ((uint64_t)i <= UINT32_MAX && n <= INT32_MAX)
        c.row = (int64_t)((uint32_t)i / (uint32_t)n);
    else
        c.row = i / n;
    c.column = i - c.row * n;
    return c;
}

/* ---- out[c] += sum over rows i < N of f(i, c), c < M: rows in groups, each summed by a block for a strip of
 * columns, and the groups in order. Few columns leave more threads, and more groups, for the rows. ---- */

template <typename F>
__global__ void column_sums_kernel(int64_t N, int64_t M, int64_t rows, F f, bool add, float *to)
{
    LA_SHARED(float, pool);
    const int x = (int)threadIdx.x, y = (int)threadIdx.y;
    const int columns = (int)blockDim.x, lanes = (int)blockDim.y;
    int64_t strips = (M + columns - 1) / columns;
    int64_t group = blockIdx.x / strips, c = blockIdx.x % strips * columns + x;
    int64_t end = (group + 1) * rows < N ? (group + 1) * rows : N;
    float sum = 0.0f;
    if (c < M)
        for (int64_t i = group * rows + y; i < end; i += lanes) sum += f(i, c);
    pool[y * columns + x] = sum;
    for (int half = lanes / 2; half > 0; half /= 2) {
        __syncthreads();
        if (y < half) pool[y * columns + x] += pool[(y + half) * columns + x];
    }
    if (y > 0 || c >= M) return;
    to[group * M + c] = add ? to[group * M + c] + pool[x] : pool[x];
}

struct partial_sums {
    int64_t M;
    const float *of;
    __device__ float operator()(int64_t group, int64_t c) const
    {
        return of[group * M + c];
    }
};

template <typename F>
static void column_sums(const char *what, int64_t N, int64_t M, F f, float *out)
{
    void *stream = la_layers_queue_now()->stream;
    const size_t shared = LAYER_THREADS * sizeof(float);
    if (N <= 0 || M <= 0) return;
    int64_t columns = SUM_COLUMNS;
    while (columns / 2 >= M) columns /= 2;
    int64_t groups = (N + SUM_ROWS - 1) / SUM_ROWS, most = SUM_GROUPS * (SUM_COLUMNS / columns);
    groups = groups < most ? groups : most;
    int64_t rows = (N + groups - 1) / groups, strips = (M + columns - 1) / columns;
    groups = (N + rows - 1) / rows;
    float *to = out;
    if (groups > 1) to = (float *)layer_scratch(what, (size_t)(groups * M) * sizeof(float));
    if (!to) return;
    const dim3 block((unsigned)columns, (unsigned)(LAYER_THREADS / columns));
    LA_LAUNCH((column_sums_kernel<F>), dim3((unsigned)(groups * strips)), block, shared, stream, N,
              M, rows, f, groups == 1, to);
    layer_done(what);
    if (groups == 1) return;
    partial_sums all = {M, to};
    LA_LAUNCH((column_sums_kernel<partial_sums>), dim3((unsigned)strips), block, shared, stream,
              groups, M, groups, all, true, out);
    layer_done(what);
}

/* ---- a warp a row ---- */

/* Row of this warp; it has nothing to do where that is N or more. */
__device__ static inline int64_t warp_row()
{
    return (int64_t)blockIdx.x * LAYER_WARPS + threadIdx.x / LA_WARP;
}
static inline dim3 warp_rows_grid(int64_t N)
{
    return dim3((unsigned)((N + LAYER_WARPS - 1) / LAYER_WARPS));
}
#define LAYER_ROWS(what, kernel, N, ...)                                                           \
    do {                                                                                           \
        if ((N) <= 0) return;                                                                      \
        LA_LAUNCH(kernel, warp_rows_grid(N), dim3(LAYER_WARPS *LA_WARP), 0,                        \
                  la_layers_queue_now()->stream, N, __VA_ARGS__);                                  \
        layer_done(what);                                                                          \
    } while (0)

/* ---- elementary functions ---- */

__device__ static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}
__device__ static inline float softplus(float x)
{
    return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}
__device__ static inline float act_value(int act, float x)
{
    return act == LA_ACT_NONE ? x : act == LA_ACT_SILU ? x * sigmoid(x) : sigmoid(x);
}
__device__ static inline float act_slope(int act, float x)
{
    if (act == LA_ACT_NONE) return 1.0f;
    float s = sigmoid(x), rest = 1.0f - s;
    return act == LA_ACT_SIGMOID ? s * rest : s * (1.0f + x * rest);
}

} // namespace la_device_layers
#endif
