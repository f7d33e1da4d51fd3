/* SPDX-License-Identifier: Apache-2.0
 * The kernels of fnet_cuda.h. In shared memory a transform goes by Stockham's scheme, from one buffer to another and
 * back, so that its result is in order: behind steps whose radices multiply to l, butterfly j of a
 * step of radix r reads j + q n/r (q < r), turns by e(q (j mod l) / (l r)), and writes
 * (j / l) l r + j mod l + q l.
 */
#include "labench/cuda_kit.cuh"

#include "fnet_cuda.h"
#include "fnet_put.cuh"

static const int THREADS = 256;

struct complex_t {
    float re, im;
};

__device__ static complex_t operator+(complex_t a, complex_t b)
{
    complex_t c = {a.re + b.re, a.im + b.im};
    return c;
}

__device__ static complex_t operator-(complex_t a, complex_t b)
{
    complex_t c = {a.re - b.re, a.im - b.im};
    return c;
}

__device__ static complex_t operator*(complex_t a, complex_t b)
{
    complex_t c = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    return c;
}

/* e(k/n), 0 <= k < n. Angles are taken between -1/2 and 1/2 of a turn, where float32 has the most of them. */
template <typename I> __device__ static complex_t turn(I k, I n)
{
    if (2 * k > n) k -= n;
    float part = n < 1 << 24 ? (float)k / (float)n : (float)((double)k / (double)n);
    complex_t out;
#ifdef __CUDACC__
    sincospif(-2.0f * part, &out.im, &out.re);
#else
    out.re = (float)cos(-6.283185307179586 * (double)part);
    out.im = (float)sin(-6.283185307179586 * (double)part);
#endif
    return out;
}

/* One butterfly of radix 2 or 4. */
template <int R>
__device__ static void butterfly(const la_fnet_transform &f, int l, int j, const complex_t *from,
                                 complex_t *to)
{
    const int k = j % l, far = f.n / R;
    complex_t v[R];
#pragma unroll
    for (int q = 0; q < R; q++) v[q] = from[(j + q * far) * f.pitch];
    if (l > 1) { /* nothing turns in the first step */
        const complex_t w = turn(k, l * R);
        complex_t power = w;
#pragma unroll
        for (int q = 1; q < R; q++) {
            v[q] = v[q] * power;
            power = power * w;
        }
    }
    complex_t *out = to + ((j / l) * l * R + k) * f.pitch;
    const int step = l * f.pitch;
    if (R == 2) {
        out[0] = v[0] + v[R - 1];
        out[step] = v[0] - v[R - 1];
        return;
    }
    complex_t a = v[0] + v[2 % R], b = v[0] - v[2 % R], c = v[1] + v[3 % R], d = v[1] - v[3 % R];
    complex_t turned = {d.im, -d.re}; /* -i d */
    out[0] = a + c;
    out[step] = b + turned;
    out[2 * step] = a - c;
    out[3 * step] = b - turned;
}

/* One output of any other radix. */
__device__ static void single(const la_fnet_transform &f, int r, int l, int i,
                              const complex_t *from, complex_t *to)
{
    const int j = i % (f.n / r), e = j % l + i / (f.n / r) * l;
    complex_t sum = {0.0f, 0.0f};
    for (int q = 0; q < r; q++)
        sum = sum + from[(j + q * (f.n / r)) * f.pitch] * turn(q * e % (l * r), l * r);
    to[((j / l) * l * r + e) * f.pitch] = sum;
}

/* All columns of a block; returns where the result is. Everyone has written `a` before. */
__device__ static complex_t *transform(const la_fnet_transform &f, complex_t *a, complex_t *b)
{
    int l = 1;
    __syncthreads();
    for (int s = 0; s < f.steps; s++) {
        const int r = f.radix[s], tasks = r == 2 || r == 4 ? f.n / r : f.n;
        for (int e = (int)threadIdx.x; e < tasks * f.side; e += THREADS) {
            int column = e % f.side, j = e / f.side;
            if (r == 4)
                butterfly<4>(f, l, j, a + column, b + column);
            else if (r == 2)
                butterfly<2>(f, l, j, a + column, b + column);
            else
                single(f, r, l, j, a + column, b + column);
        }
        __syncthreads();
        complex_t *other = a;
        a = b, b = other;
        l *= r;
    }
    return a;
}

/* Pairs of rows of x, each a column of shared memory. */
template <typename E>
__global__ void __launch_bounds__(THREADS) rows_kernel(la_fnet_plan p, const E *x, complex_t *Z)
{
    LA_SHARED(complex_t, a);
    const la_fnet_transform &f = p.rows;
    const int D = (int)p.D, half = (int)p.half;
    const int64_t first = (int64_t)blockIdx.x * 2 * f.side, rows = p.B * p.T;
    for (int e = (int)threadIdx.x; e < D * f.side; e += THREADS) {
        int64_t row = first + 2 * (e / D), at = row * D + e % D;
        complex_t in = {0.0f, 0.0f};
        if (row < rows) in.re = la_to_float(x[at]);
        if (row + 1 < rows) in.im = la_to_float(x[at + D]);
        a[e % D * f.pitch + e / D] = in;
    }
    const complex_t *z = transform(f, a, a + D * f.pitch);
    for (int e = (int)threadIdx.x; e < half * f.side; e += THREADS) {
        int c = e % half, pair = e / half;
        int64_t row = first + 2 * pair;
        complex_t u = z[c * f.pitch + pair], v = z[(c ? D - c : 0) * f.pitch + pair];
        complex_t even = {0.5f * (u.re + v.re), 0.5f * (u.im - v.im)};
        complex_t odd = {0.5f * (u.im + v.im), 0.5f * (v.re - u.re)};
        if (row < rows) Z[row * half + c] = even;
        if (row + 1 < rows) Z[(row + 1) * half + c] = odd;
    }
}

/* Element c of one row of Z, from the sum itself: a thread each. */
template <typename E>
__global__ void __launch_bounds__(THREADS)
    rows_direct_kernel(la_fnet_plan p, const E *x, complex_t *Z)
{
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < p.B * p.T * p.half;
         i += (int64_t)gridDim.x * THREADS) {
        int64_t row = i / p.half, c = i % p.half, at = 0;
        complex_t sum = {0.0f, 0.0f};
        for (int64_t d = 0; d < p.D; d++) {
            float value = la_to_float(x[row * p.D + d]);
            complex_t w = turn(at, p.D);
            sum.re = fmaf(value, w.re, sum.re), sum.im = fmaf(value, w.im, sum.im);
            at += c;
            if (at >= p.D) at -= p.D;
        }
        Z[i] = sum;
    }
}

/* Transforms over n1 of `side` columns, for one n2, in place. */
__global__ void __launch_bounds__(THREADS)
    first_kernel(la_fnet_plan p, complex_t *Z, int64_t groups)
{
    LA_SHARED(complex_t, a);
    const la_fnet_transform &f = p.first;
    const int64_t b = blockIdx.x / groups / p.T2, n2 = blockIdx.x / groups % p.T2;
    const int64_t first = blockIdx.x % groups * f.side;
    complex_t *from = Z + (b * p.T + n2) * p.half + first;
    for (int e = (int)threadIdx.x; e < f.n * f.side; e += THREADS) {
        int c = e % f.side, n1 = e / f.side;
        const complex_t none = {0.0f, 0.0f};
        a[n1 * f.pitch + c] = first + c < p.half ? from[n1 * p.T2 * p.half + c] : none;
    }
    const complex_t *z = transform(f, a, a + f.n * f.pitch);
    for (int e = (int)threadIdx.x; e < f.n * f.side; e += THREADS) {
        int c = e % f.side, k1 = e / f.side;
        if (first + c < p.half)
            from[k1 * p.T2 * p.half + c] = z[k1 * f.pitch + c] * turn(k1 * n2, p.T);
    }
}

/* Transforms over n2 of `side` columns, for one k1. */
template <typename E>
__global__ void __launch_bounds__(THREADS)
    second_kernel(la_fnet_plan p, const complex_t *Z, E *o, int64_t groups)
{
    LA_SHARED(complex_t, a);
    const la_fnet_transform &f = p.second;
    const int64_t b = blockIdx.x / groups / p.T1, k1 = blockIdx.x / groups % p.T1;
    const int64_t first = blockIdx.x % groups * f.side;
    const complex_t *from = Z + (b * p.T + k1 * p.T2) * p.half + first;
    for (int e = (int)threadIdx.x; e < f.n * f.side; e += THREADS) {
        int c = e % f.side, n2 = e / f.side;
        const complex_t none = {0.0f, 0.0f};
        a[n2 * f.pitch + c] = first + c < p.half ? from[n2 * p.half + c] : none;
    }
    const complex_t *z = transform(f, a, a + f.n * f.pitch);
    for (int e = (int)threadIdx.x; e < f.n * f.side; e += THREADS) {
        int c = e % f.side, k2 = e / f.side;
        if (first + c < p.half)
            la_fnet_put(p.T, p.D, k1 + p.T1 * k2, first + c, p.factor * z[k2 * f.pitch + c].re,
                        o + b * p.T * p.D);
    }
}

/* Element c of one token, from the sum over all of them: a thread each. */
template <typename E>
__global__ void __launch_bounds__(THREADS)
    columns_direct_kernel(la_fnet_plan p, const complex_t *Z, E *o)
{
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < p.B * p.T * p.half;
         i += (int64_t)gridDim.x * THREADS) {
        int64_t c = i % p.half, t = i / p.half % p.T, b = i / p.half / p.T, at = 0;
        const complex_t *from = Z + b * p.T * p.half + c;
        float sum = 0.0f;
        for (int64_t u = 0; u < p.T; u++) {
            complex_t w = turn(at, p.T), z = from[u * p.half];
            sum = fmaf(z.re, w.re, sum) - z.im * w.im;
            at += t;
            if (at >= p.T) at -= p.T;
        }
        la_fnet_put(p.T, p.D, t, c, p.factor * sum, o + b * p.T * p.D);
    }
}

static dim3 whole_grid(int64_t n)
{
    int64_t blocks = (n + THREADS - 1) / THREADS;
    return dim3((unsigned)(blocks < 1 << 20 ? blocks : 1 << 20));
}

static la_status launchable(int64_t blocks, la_err *err)
{
    if (blocks <= INT32_MAX) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED, "fnet: more blocks than one launch may have");
}

template <typename E>
static la_status run(const la_fnet_plan *p, const E *x, E *o, complex_t *Z, void *stream,
                     la_err *err)
{
    const dim3 block((unsigned)THREADS), all = whole_grid(p->B * p->T * p->half);
    const la_fnet_transform *rows = &p->rows, *first = &p->first, *second = &p->second;
    if (rows->n == 0) {
        LA_LAUNCH((rows_direct_kernel<E>), all, block, 0, stream, *p, x, Z);
    } else {
        int64_t blocks = (p->B * p->T + 2 * rows->side - 1) / (2 * rows->side);
        LA_TRY(launchable(blocks, err));
        LA_LAUNCH((rows_kernel<E>), dim3((unsigned)blocks), block, la_fnet_transform_bytes(rows),
                  stream, *p, x, Z);
    }
    LA_TRY(LA_LAUNCHED("the transform of tokens", err));
    if (second->n == 0) {
        LA_LAUNCH((columns_direct_kernel<E>), all, block, 0, stream, *p, Z, o);
        return LA_LAUNCHED("the transform over tokens", err);
    }
    if (p->T1 > 1) {
        int64_t groups = (p->half + first->side - 1) / first->side;
        LA_TRY(launchable(p->B * p->T2 * groups, err));
        LA_LAUNCH(first_kernel, dim3((unsigned)(p->B * p->T2 * groups)), block,
                  la_fnet_transform_bytes(first), stream, *p, Z, groups);
        LA_TRY(LA_LAUNCHED("the first transform over tokens", err));
    }
    int64_t groups = (p->half + second->side - 1) / second->side;
    LA_TRY(launchable(p->B * p->T1 * groups, err));
    LA_LAUNCH((second_kernel<E>), dim3((unsigned)(p->B * p->T1 * groups)), block,
              la_fnet_transform_bytes(second), stream, *p, Z, o, groups);
    return LA_LAUNCHED("the second transform over tokens", err);
}

extern "C" la_status la_fnet_cuda_run(const la_fnet_plan *p, const void *x, void *o, float *Z,
                                      void *stream, la_err *err)
{
    complex_t *z = (complex_t *)(void *)Z;
    if (p->dtype == LA_BF16) return run(p, (const la_bf16_t *)x, (la_bf16_t *)o, z, stream, err);
    if (p->dtype == LA_F16) return run(p, (const la_f16_t *)x, (la_f16_t *)o, z, stream, err);
    return run(p, (const float *)x, (float *)o, z, stream, err);
}
