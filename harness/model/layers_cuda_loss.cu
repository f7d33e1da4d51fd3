/* SPDX-License-Identifier: Apache-2.0
 * The loss at scored rows, the norm of the gradient, and AdamW over all parameters, on a device. Sums are
 * doubles in a fixed order, so that a seed gives the same bits again.
 */
#include "labench/cuda_gemm.h"
#include "labench/cuda_kit.cuh"
#include "layers_cuda.cuh"

namespace la_device_layers
{
enum { WARPS = LAYER_THREADS / LA_WARP, NORM_BLOCKS = 264 };

/* Sum, maximum or minimum over a block; all threads have it. `pool` has WARPS numbers. */
template <typename T, typename F> __device__ static inline T block_all(T x, T *pool, F join)
{
    for (int d = LA_WARP / 2; d > 0; d /= 2) x = join(x, __shfl_xor_sync(LA_ALL, x, d));
    __syncthreads(); /* the pool may still be read from the time before */
    if (threadIdx.x % LA_WARP == 0) pool[threadIdx.x / LA_WARP] = x;
    __syncthreads();
    x = pool[0];
    for (int i = 1; i < WARPS; i++) x = join(x, pool[i]);
    return x;
}

/* ---- cross entropy: a block a row ---- */

struct row_result { /* of M rows, in scratch */
    double *loss;
    int32_t *right;
};

__global__ static void entropy_kernel(int64_t V, float *logits, const int32_t *labels, bool grad,
                                      float scale, row_result out)
{
    LA_SHARED(float, pool);
    int64_t row = blockIdx.x, label = labels[row];
    float *x = logits + row * V, top = -INFINITY, sum = 0.0f;
    for (int64_t j = threadIdx.x; j < V; j += LAYER_THREADS) top = fmaxf(top, x[j]);
    top = block_all(top, pool, [](float a, float b) { return fmaxf(a, b); });
    int32_t first = INT32_MAX;
    for (int64_t j = threadIdx.x; j < V; j += LAYER_THREADS) {
        sum += expf(x[j] - top);
        if (x[j] == top && (int32_t)j < first) first = (int32_t)j;
    }
    sum = block_all(sum, pool, [](float a, float b) { return a + b; });
    first = block_all(first, (int32_t *)pool, [](int32_t a, int32_t b) { return a < b ? a : b; });
    if (threadIdx.x == 0) {
        out.loss[row] = log((double)sum) + ((double)top - (double)x[label]);
        out.right[row] = first == label && !isnan(sum);
    }
    if (!grad) return;
    __syncthreads(); /* the label's logit is read above */
    for (int64_t j = threadIdx.x; j < V; j += LAYER_THREADS)
        x[j] = expf(x[j] - top) * (scale / sum) - (j == label ? scale : 0.0f);
}

__global__ static void tally_kernel(int64_t M, row_result rows, double *loss, int64_t *correct,
                                    int32_t *right)
{
    LA_SHARED(double, pool);
    double sum = 0.0, hits = 0.0;
    for (int64_t i = threadIdx.x; i < M; i += LAYER_THREADS) {
        sum += rows.loss[i];
        hits += rows.right[i];
        if (right) right[i] = rows.right[i];
    }
    sum = block_all(sum, pool, [](double a, double b) { return a + b; });
    hits = block_all(hits, pool, [](double a, double b) { return a + b; });
    if (threadIdx.x > 0) return;
    *loss += sum;
    *correct += (int64_t)hits;
}

static void cross_entropy(int64_t M, int64_t V, float *logits, const int32_t *labels, bool grad,
                          float scale, double *loss, int64_t *correct, int32_t *right)
{
    const char *what = "cross entropy";
    la_layers_queue *q = la_layers_queue_now();
    if (M <= 0) return;
    char *room = (char *)layer_scratch(what, (size_t)M * (sizeof(double) + sizeof(int32_t)));
    if (!room) return;
    row_result rows = {(double *)(void *)room,
                       (int32_t *)(void *)(room + (size_t)M * sizeof(double))};
    LA_LAUNCH(entropy_kernel, dim3((unsigned)M), dim3(LAYER_THREADS), WARPS * sizeof(float),
              q->stream, V, logits, labels, grad, scale, rows);
    layer_done(what);
    LA_LAUNCH(tally_kernel, dim3(1), dim3(LAYER_THREADS), WARPS * sizeof(double), q->stream, M,
              rows, loss, correct, right);
    layer_done(what);
}

/* ---- the update ---- */

__global__ static void squares_kernel(int64_t n, const float *g, double *partial)
{
    LA_SHARED(double, pool);
    double sum = 0.0;
    int64_t step = (int64_t)gridDim.x * LAYER_THREADS;
    for (int64_t i = (int64_t)blockIdx.x * LAYER_THREADS + threadIdx.x; i < n; i += step)
        sum += (double)g[i] * (double)g[i];
    sum = block_all(sum, pool, [](double a, double b) { return a + b; });
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ static void stock_kernel(const double *partial, const double *loss, la_step_stock *stock)
{
    LA_SHARED(double, pool);
    double sum = 0.0;
    for (int i = (int)threadIdx.x; i < NORM_BLOCKS; i += LAYER_THREADS) sum += partial[i];
    sum = block_all(sum, pool, [](double a, double b) { return a + b; });
    if (threadIdx.x > 0) return;
    double norm = sqrt(sum), mean = *loss / (double)stock->answers;
    stock->norm = norm;
    stock->loss = mean;
    stock->good = isfinite(norm) && isfinite(mean);
    stock->grad_scale = (float)(stock->clip > 0 && norm > stock->clip ? stock->clip / norm : 1.0);
}

struct adamw_element {
    const uint8_t *kind;
    const la_step_stock *stock;
    const float *g;
    float *w, *m, *v;
    __device__ void operator()(int64_t i) const
    {
        if (!stock->good || kind[i] == LA_FROZEN) return;
        const la_adamw *h = &stock->how;
        float decay = kind[i] == LA_DECAYED ? h->weight_decay : 0.0f;
        float gi = g[i] * stock->grad_scale;
        float mi = h->beta1 * m[i] + (1.0f - h->beta1) * gi;
        float vi = h->beta2 * v[i] + (1.0f - h->beta2) * (gi * gi);
        m[i] = mi;
        v[i] = vi;
        float below = sqrtf(vi) / sqrtf(h->correct2) + h->eps;
        w[i] = w[i] * (1.0f - h->lr * decay) - mi * (h->lr / h->correct1) / below;
    }
};

extern "C" void la_cuda_update(int64_t n, const uint8_t *kind, const double *loss,
                               la_step_stock *stock, const float *g, float *w, float *m, float *v)
{
    la_layers_queue *q = la_layers_queue_now();
    double *partial = (double *)layer_scratch("gradient norm", NORM_BLOCKS * sizeof(double));
    if (!partial) return;
    LA_LAUNCH(squares_kernel, dim3(NORM_BLOCKS), dim3(LAYER_THREADS), WARPS * sizeof(double),
              q->stream, n, g, partial);
    layer_done("gradient norm");
    LA_LAUNCH(stock_kernel, dim3(1), dim3(LAYER_THREADS), WARPS * sizeof(double), q->stream,
              partial, loss, stock);
    layer_done("gradient norm");
    each("AdamW", n, adamw_element{kind, stock, g, w, m, v});
}

/* ---- products ---- */

static la_cuda_matrix matrix(const float *data, int64_t ld, bool transposed)
{
    la_cuda_matrix m = {};
    m.data = (void *)(uintptr_t)data;
    m.dtype = LA_F32;
    m.transposed = transposed;
    m.ld = ld;
    return m;
}

static void gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                 const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    la_layers_queue *q = la_layers_queue_now();
    la_cuda_product p = {};
    la_err err = {};
    if (M <= 0 || N <= 0 || K <= 0 || q->status != LA_OK) return;
    p.m = M, p.n = N, p.k = K;
    p.a = matrix(A, lda, ta), p.b = matrix(B, ldb, tb), p.c = matrix(C, ldc, false);
    p.alpha = 1.0f, p.beta = beta;
    p.work = q->scratch, p.work_bytes = q->scratch_bytes;
    p.stream = q->stream;
    la_status st = la_cuda_gemm(&p, &err);
    if (st == LA_OK) return;
    q->status = st;
    q->err = err;
}

extern "C" void la_layers_cuda_loss(la_layers *t)
{
    t->cross_entropy = cross_entropy;
    t->gemm = gemm;
}
} // namespace la_device_layers
