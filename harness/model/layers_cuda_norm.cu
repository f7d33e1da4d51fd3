/* SPDX-License-Identifier: Apache-2.0
 * Norms of rows and of heads on a device: a warp a row, which is read twice and comes from the L1 cache the second
 * time. The formulas stand in layers_norm.c.
 */
#include "labench/cuda_kit.cuh"
#include "layers_cuda.cuh"

namespace la_device_layers
{
/* Sum of f(j) over the lanes' columns j < D. */
template <typename F> __device__ static inline float row_sum(int64_t D, F f)
{
    float sum = 0.0f;
    for (int64_t j = threadIdx.x % LA_WARP; j < D; j += LA_WARP) sum += f(j);
    return la_warp_sum(sum);
}
template <typename F> __device__ static inline void row_each(int64_t D, F f)
{
    for (int64_t j = threadIdx.x % LA_WARP; j < D; j += LA_WARP) f(j);
}
__device__ static inline bool first_lane()
{
    return threadIdx.x % LA_WARP == 0;
}

/* ---- RMS norm ---- */

__global__ static void rms_kernel(int64_t N, int64_t D, float eps, const float *x, const float *w,
                                  float *y, float *rstd)
{
    int64_t i = warp_row();
    if (i >= N) return;
    x += i * D, y += i * D;
    float squares = row_sum(D, [&](int64_t j) { return x[j] * x[j]; });
    float r = 1.0f / sqrtf(squares / (float)D + eps);
    row_each(D, [&](int64_t j) { y[j] = x[j] * r * w[j]; });
    if (first_lane()) rstd[i] = r;
}

static void rms_norm(int64_t N, int64_t D, float eps, const float *x, const float *w, float *y,
                     float *rstd)
{
    LAYER_ROWS("rms norm", rms_kernel, N, D, eps, x, w, y, rstd);
}

__global__ static void rms_grad_kernel(int64_t N, int64_t D, const float *x, const float *w,
                                       const float *rstd, const float *dy, bool add, float *dx)
{
    int64_t i = warp_row();
    if (i >= N) return;
    x += i * D, dy += i * D, dx += i * D;
    float r = rstd[i], dot = row_sum(D, [&](int64_t j) { return dy[j] * w[j] * x[j]; });
    float k = r * r * r * dot / (float)D;
    row_each(D, [&](int64_t j) {
        float out = r * dy[j] * w[j] - x[j] * k;
        dx[j] = add ? dx[j] + out : out;
    });
}

/* What row i adds to dw; mean NULL: 0. */
struct norm_weight_part {
    int64_t D;
    const float *x, *mean, *rstd, *dy;
    __device__ float operator()(int64_t i, int64_t j) const
    {
        return dy[i * D + j] * (x[i * D + j] - (mean ? mean[i] : 0.0f)) * rstd[i];
    }
};
struct plain_part {
    int64_t D;
    const float *x;
    __device__ float operator()(int64_t i, int64_t j) const
    {
        return x[i * D + j];
    }
};

/* The sums for dw come first: dx may be added to what dy is. */
static void rms_norm_grad(int64_t N, int64_t D, const float *x, const float *w, const float *rstd,
                          const float *dy, bool add, float *dx, float *dw)
{
    column_sums("rms norm, back", N, D, norm_weight_part{D, x, nullptr, rstd, dy}, dw);
    LAYER_ROWS("rms norm, back", rms_grad_kernel, N, D, x, w, rstd, dy, add, dx);
}

/* ---- layer norm ---- */

__global__ static void layer_kernel(int64_t N, int64_t D, float eps, const float *x, const float *w,
                                    const float *b, float *y, float *mean, float *rstd)
{
    int64_t i = warp_row();
    if (i >= N) return;
    x += i * D, y += i * D;
    float m = row_sum(D, [&](int64_t j) { return x[j]; }) / (float)D;
    float squares = row_sum(D, [&](int64_t j) { return (x[j] - m) * (x[j] - m); });
    float r = 1.0f / sqrtf(squares / (float)D + eps);
    row_each(D, [&](int64_t j) { y[j] = (x[j] - m) * r * w[j] + b[j]; });
    if (first_lane()) mean[i] = m, rstd[i] = r;
}

static void layer_norm(int64_t N, int64_t D, float eps, const float *x, const float *w,
                       const float *b, float *y, float *mean, float *rstd)
{
    LAYER_ROWS("layer norm", layer_kernel, N, D, eps, x, w, b, y, mean, rstd);
}

__global__ static void layer_grad_kernel(int64_t N, int64_t D, const float *x, const float *w,
                                         const float *mean, const float *rstd, const float *dy,
                                         bool add, float *dx)
{
    int64_t i = warp_row();
    if (i >= N) return;
    x += i * D, dy += i * D, dx += i * D;
    float m = mean[i], r = rstd[i];
    float m1 = row_sum(D, [&](int64_t j) { return dy[j] * w[j]; }) / (float)D;
    float m2 = r * row_sum(D, [&](int64_t j) { return dy[j] * w[j] * (x[j] - m); }) / (float)D;
    row_each(D, [&](int64_t j) {
        float out = (dy[j] * w[j] - m1 - (x[j] - m) * r * m2) * r;
        dx[j] = add ? dx[j] + out : out;
    });
}

static void layer_norm_grad(int64_t N, int64_t D, const float *x, const float *w, const float *mean,
                            const float *rstd, const float *dy, bool add, float *dx, float *dw,
                            float *db)
{
    column_sums("layer norm, back", N, D, norm_weight_part{D, x, mean, rstd, dy}, dw);
    column_sums("layer norm, back", N, D, plain_part{D, dy}, db);
    LAYER_ROWS("layer norm, back", layer_grad_kernel, N, D, x, w, mean, rstd, dy, add, dx);
}

/* ---- RMS norm of a head times a gate; row i of N H is head i mod H of a token ---- */

struct heads {
    int64_t H, D, ldx, ldg, ldy;
    int act;
    const float *x, *w, *gate;
    __device__ int64_t at(int64_t i, int64_t ld) const
    {
        la_cell c = cell_of(i, H);
        return c.row * ld + c.column * D;
    }
};

__global__ static void head_kernel(int64_t rows, heads a, float eps, float *y, float *rstd)
{
    int64_t i = warp_row();
    if (i >= rows) return;
    const float *x = a.x + a.at(i, a.ldx), *gate = a.gate ? a.gate + a.at(i, a.ldg) : nullptr;
    y += a.at(i, a.ldy);
    float r = 1.0f;
    if (a.w) {
        float squares = row_sum(a.D, [&](int64_t j) { return x[j] * x[j]; });
        r = 1.0f / sqrtf(squares / (float)a.D + eps);
        if (first_lane()) rstd[i] = r;
    }
    row_each(a.D, [&](int64_t j) {
        float v = a.w ? x[j] * r * a.w[j] : x[j];
        y[j] = gate ? v * act_value(a.act, gate[j]) : v;
    });
}

static void head_norm(int64_t N, int64_t H, int64_t D, float eps, const float *x, int64_t ldx,
                      const float *w, const float *gate, int64_t ldg, la_act act, float *y,
                      int64_t ldy, float *rstd)
{
    heads a = {H, D, ldx, ldg, ldy, act, x, w, gate};
    LAYER_ROWS("head norm", head_kernel, N * H, a, eps, y, rstd);
}

__global__ static void head_grad_kernel(int64_t rows, heads a, const float *rstd, const float *dy,
                                        float *dx, int64_t lddx, float *dgate, int64_t lddg)
{
    int64_t i = warp_row();
    if (i >= rows) return;
    const float *x = a.x + a.at(i, a.ldx), *gate = a.gate ? a.gate + a.at(i, a.ldg) : nullptr;
    dy += a.at(i, a.ldy), dx += a.at(i, lddx);
    float r = a.w ? rstd[i] : 1.0f, k = 0.0f;
    auto passed = [&](int64_t j) { return gate ? dy[j] * act_value(a.act, gate[j]) : dy[j]; };
    if (a.w) {
        float sum = row_sum(a.D, [&](int64_t j) { return passed(j) * x[j] * a.w[j]; });
        k = r * r * r * sum / (float)a.D;
    }
    if (gate) {
        float *to = dgate + a.at(i, lddg);
        row_each(a.D, [&](int64_t j) {
            float normed = a.w ? x[j] * r * a.w[j] : x[j];
            to[j] = dy[j] * normed * act_slope(a.act, gate[j]);
        });
    }
    row_each(a.D, [&](int64_t j) { dx[j] = a.w ? passed(j) * r * a.w[j] - x[j] * k : passed(j); });
}

struct head_weight_part {
    heads a;
    const float *rstd, *dy;
    __device__ float operator()(int64_t i, int64_t j) const
    {
        float p = dy[a.at(i, a.ldy) + j];
        if (a.gate) p *= act_value(a.act, a.gate[a.at(i, a.ldg) + j]);
        return p * a.x[a.at(i, a.ldx) + j] * rstd[i];
    }
};

static void head_norm_grad(int64_t N, int64_t H, int64_t D, const float *x, int64_t ldx,
                           const float *w, const float *gate, int64_t ldg, la_act act,
                           const float *rstd, const float *dy, int64_t ldy, float *dx, int64_t lddx,
                           float *dgate, int64_t lddg, float *dw)
{
    heads a = {H, D, ldx, ldg, ldy, act, x, w, gate};
    if (w) column_sums("head norm, back", N * H, D, head_weight_part{a, rstd, dy}, dw);
    LAYER_ROWS("head norm, back", head_grad_kernel, N * H, a, rstd, dy, dx, lddx, dgate, lddg);
}

/* ---- unit length ---- */

__global__ static void l2_kernel(int64_t rows, int64_t H, int64_t D, float eps, const float *x,
                                 int64_t ldx, float *y, int64_t ldy, float *rnorm)
{
    int64_t i = warp_row();
    if (i >= rows) return;
    la_cell c = cell_of(i, H);
    x += c.row * ldx + c.column * D, y += c.row * ldy + c.column * D;
    float r = 1.0f / sqrtf(row_sum(D, [&](int64_t j) { return x[j] * x[j]; }) + eps);
    row_each(D, [&](int64_t j) { y[j] = x[j] * r; });
    if (first_lane()) rnorm[i] = r;
}

static void l2_norm(int64_t N, int64_t H, int64_t D, float eps, const float *x, int64_t ldx,
                    float *y, int64_t ldy, float *rnorm)
{
    LAYER_ROWS("l2 norm", l2_kernel, N * H, H, D, eps, x, ldx, y, ldy, rnorm);
}

__global__ static void l2_grad_kernel(int64_t rows, int64_t H, int64_t D, const float *y,
                                      int64_t ldy, const float *rnorm, const float *dy,
                                      int64_t lddy, float *dx, int64_t lddx)
{
    int64_t i = warp_row();
    if (i >= rows) return;
    la_cell c = cell_of(i, H);
    y += c.row * ldy + c.column * D;
    dy += c.row * lddy + c.column * D, dx += c.row * lddx + c.column * D;
    float r = rnorm[i], along = row_sum(D, [&](int64_t j) { return y[j] * dy[j]; });
    row_each(D, [&](int64_t j) { dx[j] = r * (dy[j] - y[j] * along); });
}

static void l2_norm_grad(int64_t N, int64_t H, int64_t D, const float *y, int64_t ldy,
                         const float *rnorm, const float *dy, int64_t lddy, float *dx, int64_t lddx)
{
    LAYER_ROWS("l2 norm, back", l2_grad_kernel, N * H, H, D, y, ldy, rnorm, dy, lddy, dx, lddx);
}

extern "C" void la_layers_cuda_norm(la_layers *t)
{
    t->rms_norm = rms_norm;
    t->rms_norm_grad = rms_norm_grad;
    t->layer_norm = layer_norm;
    t->layer_norm_grad = layer_norm_grad;
    t->head_norm = head_norm;
    t->head_norm_grad = head_norm_grad;
    t->l2_norm = l2_norm;
    t->l2_norm_grad = l2_norm_grad;
}
} // namespace la_device_layers
