/* SPDX-License-Identifier: Apache-2.0
 * Norms of rows and of heads. With r = 1 / sqrt(mean x^2 + eps), y = x r w and g = dy w:
 *   dx = r g - x r^3 mean(g x),   dw = sum over rows of dy x r
 * (Zhang and Sennrich 2019, "Root mean square layer normalization", arXiv:1910.07467). A row is read
 * twice; it sits in the L1 cache the second time, and so do the sums of dw.
 */
#include "layers_isa.h"

LA_INLINE void add_square(int64_t n, const float *x, la_vf *sum)
{
    la_vf v = get(x, n);
    *sum = la_v_fma(v, v, *sum);
}

static inline float sum_of_squares(int64_t D, const float *x)
{
    la_vf sum = la_v_set(0.0f);
    for (int64_t j = 0; j < D; j += LA_VW) LA_LANES(add_square, D - j, x + j, &sum);
    return la_v_sum(sum);
}

/* ---- RMS norm ---- */

LA_INLINE void rms_out(int64_t n, float r, const float *x, const float *w, float *y)
{
    put(y, get(x, n) * la_v_set(r) * get(w, n), n);
}

void LA_LAYER(rms_norm)(int64_t N, int64_t D, float eps, const float *x, const float *w, float *y,
                        float *rstd)
{
    for (int64_t i = 0; i < N; i++, x += D, y += D) {
        float r = 1.0f / sqrtf(sum_of_squares(D, x) / (float)D + eps);
        for (int64_t j = 0; j < D; j += LA_VW) LA_LANES(rms_out, D - j, r, x + j, w + j, y + j);
        rstd[i] = r;
    }
}

LA_INLINE void rms_dot(int64_t n, const float *x, const float *w, const float *dy, la_vf *sum)
{
    *sum = la_v_fma(get(dy, n) * get(w, n), get(x, n), *sum);
}

LA_INLINE void rms_back(int64_t n, float r, float k, bool add, const float *x, const float *w,
                        const float *dy, float *dx, float *dw)
{
    la_vf xv = get(x, n), rdy = get(dy, n) * la_v_set(r);
    la_vf out = la_v_fma(xv, la_v_set(-k), rdy * get(w, n));
    if (add) out = out + get(dx, n);
    put(dx, out, n);
    put(dw, la_v_fma(rdy, xv, get(dw, n)), n);
}

void LA_LAYER(rms_norm_grad)(int64_t N, int64_t D, const float *x, const float *w,
                             const float *rstd, const float *dy, bool add, float *dx, float *dw)
{
    for (int64_t i = 0; i < N; i++, x += D, dy += D, dx += D) {
        la_vf sum = la_v_set(0.0f);
        for (int64_t j = 0; j < D; j += LA_VW) LA_LANES(rms_dot, D - j, x + j, w + j, dy + j, &sum);
        float r = rstd[i], k = r * r * r * la_v_sum(sum) / (float)D;
        for (int64_t j = 0; j < D; j += LA_VW)
            LA_LANES(rms_back, D - j, r, k, add, x + j, w + j, dy + j, dx + j, dw + j);
    }
}

/* ---- layer norm: two sweeps for mean and variance, so that a large mean costs no digits. Some rows go together, as
 * many as have a lane each: a root and a division then serve all of them, and what is summed over rows waits in
 * registers. ---- */

enum { TOGETHER = 2048 }; /* floats of rows that go together, at most: they stay in L1 */

static int64_t rows_together(int64_t D, int64_t left)
{
    int64_t rows = TOGETHER / D < 1 ? 1 : TOGETHER / D < LA_VW ? TOGETHER / D : LA_VW;
    return rows < left ? rows : left;
}

/* Lane i: the sum of v[i]. */
LA_INLINE la_vf sum_each(const la_vf v[LA_VW])
{
#if defined(__AVX512F__)
    la_vf a[8], b[4], c[2];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) /* of each part: lanes 0 + 2, 1 + 3 of two vectors */
        a[i] =
            _mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]) + _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) /* four sums in each part */
        b[i] = _mm512_shuffle_ps(a[2 * i], a[2 * i + 1], 0x44) +
               _mm512_shuffle_ps(a[2 * i], a[2 * i + 1], 0xee);
    for (int i = 0; i < 2; i++)
        c[i] = _mm512_shuffle_f32x4(b[2 * i], b[2 * i + 1], 0x88) +
               _mm512_shuffle_f32x4(b[2 * i], b[2 * i + 1], 0xdd);
    return _mm512_shuffle_f32x4(c[0], c[1], 0x88) + _mm512_shuffle_f32x4(c[0], c[1], 0xdd);
#else
    float sum[LA_VW];
    for (int i = 0; i < LA_VW; i++) sum[i] = la_v_sum(v[i]);
    return la_v_load(sum);
#endif
}

/* What a body does with `vectors` of the columns j.., or n lanes of one. */
#define COLUMNS(body, D, ...)                                                                      \
    do {                                                                                           \
        int64_t j = 0;                                                                             \
        for (; j + 4 * LA_VW <= (D); j += 4 * LA_VW) body(4, LA_VW, j, __VA_ARGS__);               \
        for (; j + LA_VW <= (D); j += LA_VW) body(1, LA_VW, j, __VA_ARGS__);                       \
        if (j < (D)) body(1, (D)-j, j, __VA_ARGS__);                                               \
    } while (0)

LA_INLINE void add_up(const int vectors, int64_t n, int64_t j, const float *x, la_vf *sum)
{
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) *sum = *sum + get(x + j + c * LA_VW, n);
}

LA_INLINE void add_deviation(const int vectors, int64_t n, int64_t j, float mean, const float *x,
                             la_vf *sum)
{
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) {
        la_vf v = first_lanes(get(x + j + c * LA_VW, n) - la_v_set(mean), n, 0.0f);
        *sum = la_v_fma(v, v, *sum);
    }
}

LA_INLINE void layer_out(const int vectors, int64_t n, int64_t j, int64_t rows, int64_t D,
                         const float *mean, const float *rstd, const float *x, const float *w,
                         const float *b, float *y)
{
    la_vf wv[4], bv[4];
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++)
        wv[c] = get(w + j + c * LA_VW, n), bv[c] = get(b + j + c * LA_VW, n);
    for (int64_t i = 0; i < rows; i++) {
        la_vf m = la_v_set(mean[i]), r = la_v_set(rstd[i]);
#pragma GCC unroll 4
        for (int c = 0; c < vectors; c++) {
            int64_t at = i * D + j + c * LA_VW;
            put(y + at, la_v_fma((get(x + at, n) - m) * r, wv[c], bv[c]), n);
        }
    }
}

void LA_LAYER(layer_norm)(int64_t N, int64_t D, float eps, const float *x, const float *w,
                          const float *b, float *y, float *mean, float *rstd)
{
    const la_vf count = la_v_set((float)D);
    for (int64_t i = 0, n; i < N; i += n, x += n * D, y += n * D) {
        la_vf sum[LA_VW];
        n = rows_together(D, N - i);
        for (int64_t k = 0; k < LA_VW; k++) sum[k] = la_v_set(0.0f);
        for (int64_t k = 0; k < n; k++) COLUMNS(add_up, D, x + k * D, &sum[k]);
        put(mean + i, sum_each(sum) / count, n);
        for (int64_t k = 0; k < n; k++) sum[k] = la_v_set(0.0f);
        for (int64_t k = 0; k < n; k++) COLUMNS(add_deviation, D, mean[i + k], x + k * D, &sum[k]);
        put(rstd + i, la_v_set(1.0f) / la_v_sqrt(sum_each(sum) / count + la_v_set(eps)), n);
        COLUMNS(layer_out, D, n, D, mean + i, rstd + i, x, w, b, y);
    }
}

LA_INLINE void layer_dot(const int vectors, int64_t n, int64_t j, float mean, const float *x,
                         const float *w, const float *dy, la_vf *plain, la_vf *with_x)
{
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) {
        int64_t at = j + c * LA_VW;
        la_vf g = get(dy + at, n) * get(w + at, n);
        *plain = *plain + g;
        *with_x = la_v_fma(g, get(x + at, n) - la_v_set(mean), *with_x);
    }
}

LA_INLINE void layer_back(const int vectors, int64_t n, int64_t j, int64_t rows, int64_t D,
                          const float *mean, const float *rstd, const float *m1, const float *m2,
                          const bool add, const float *x, const float *w, const float *dy,
                          float *dx, float *dw, float *db)
{
    la_vf wv[4], dwv[4], dbv[4];
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) {
        wv[c] = get(w + j + c * LA_VW, n);
        dwv[c] = get(dw + j + c * LA_VW, n);
        dbv[c] = get(db + j + c * LA_VW, n);
    }
    for (int64_t i = 0; i < rows; i++) {
        la_vf m = la_v_set(mean[i]), r = la_v_set(rstd[i]);
        la_vf low1 = la_v_set(-m1[i]), low2 = la_v_set(-m2[i]);
#pragma GCC unroll 4
        for (int c = 0; c < vectors; c++) {
            int64_t at = i * D + j + c * LA_VW;
            la_vf xh = (get(x + at, n) - m) * r, g = get(dy + at, n);
            la_vf out = la_v_fma(xh, low2, la_v_fma(g, wv[c], low1)) * r;
            if (add) out = out + get(dx + at, n);
            put(dx + at, out, n);
            dwv[c] = la_v_fma(g, xh, dwv[c]);
            dbv[c] = dbv[c] + g;
        }
    }
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) {
        put(dw + j + c * LA_VW, dwv[c], n);
        put(db + j + c * LA_VW, dbv[c], n);
    }
}

/* With xh = (x - mean) r and g = dy w: dx = r (g - mean(g) - xh mean(g xh)). */
void LA_LAYER(layer_norm_grad)(int64_t N, int64_t D, const float *x, const float *w,
                               const float *mean, const float *rstd, const float *dy, bool add,
                               float *dx, float *dw, float *db)
{
    const la_vf count = la_v_set((float)D);
    for (int64_t i = 0, n; i < N; i += n, x += n * D, dy += n * D, dx += n * D) {
        la_vf plain[LA_VW], with_x[LA_VW];
        float m1[LA_VW], m2[LA_VW];
        n = rows_together(D, N - i);
        for (int64_t k = 0; k < LA_VW; k++) plain[k] = with_x[k] = la_v_set(0.0f);
        for (int64_t k = 0; k < n; k++)
            COLUMNS(layer_dot, D, mean[i + k], x + k * D, w, dy + k * D, &plain[k], &with_x[k]);
        la_v_store(m1, sum_each(plain) / count);
        la_v_store(m2, get(rstd + i, n) * sum_each(with_x) / count);
        if (add)
            COLUMNS(layer_back, D, n, D, mean + i, rstd + i, m1, m2, true, x, w, dy, dx, dw, db);
        else
            COLUMNS(layer_back, D, n, D, mean + i, rstd + i, m1, m2, false, x, w, dy, dx, dw, db);
    }
}

/* ---- RMS norm of a head times a gate; w NULL is the gate alone (r = 1, no w), gate NULL none ---- */

LA_INLINE void head_out(int64_t n, float r, la_act act, const float *x, const float *w,
                        const float *gate, float *y)
{
    la_vf v = get(x, n);
    if (w) v = v * la_v_set(r) * get(w, n);
    if (gate) v = v * vact(act, get(gate, n));
    put(y, v, n);
}

void LA_LAYER(head_norm)(int64_t N, int64_t H, int64_t D, float eps, const float *x, int64_t ldx,
                         const float *w, const float *gate, int64_t ldg, la_act act, float *y,
                         int64_t ldy, float *rstd)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t h = 0; h < H; h++) {
            const float *xh = x + i * ldx + h * D, *gh = gate ? gate + i * ldg + h * D : NULL;
            float *yh = y + i * ldy + h * D, r = 1.0f;
            if (w) rstd[i * H + h] = r = 1.0f / sqrtf(sum_of_squares(D, xh) / (float)D + eps);
            for (int64_t j = 0; j < D; j += LA_VW)
                LA_LANES(head_out, D - j, r, act, xh + j, w ? w + j : NULL, gh ? gh + j : NULL,
                         yh + j);
        }
}

/* What reaches the norm's output is p = dy act(gate), what reaches the gate dy n act'(gate) with
 * n = x r w. The first sweep leaves p in dx and adds up p w x; the second finishes dx. */
LA_INLINE void head_gate_back(int64_t n, float r, la_act act, const float *x, const float *w,
                              const float *gate, const float *dy, float *dx, float *dgate,
                              float *dw, la_vf *sum)
{
    la_vf xv = get(x, n), p = get(dy, n);
    if (gate) {
        la_vf slope, g = vact_grad(act, get(gate, n), &slope);
        la_vf normed = xv;
        if (w) normed = xv * la_v_set(r) * get(w, n);
        put(dgate, p * normed * slope, n);
        p = p * g;
    }
    put(dx, p, n);
    if (w) {
        la_vf px = p * xv;
        put(dw, la_v_fma(px, la_v_set(r), get(dw, n)), n);
        *sum = la_v_fma(px, get(w, n), *sum);
    }
}

LA_INLINE void head_back(int64_t n, float r, float k, const float *x, const float *w, float *dx)
{
    put(dx, la_v_fma(get(x, n), la_v_set(-k), get(dx, n) * la_v_set(r) * get(w, n)), n);
}

void LA_LAYER(head_norm_grad)(int64_t N, int64_t H, int64_t D, const float *x, int64_t ldx,
                              const float *w, const float *gate, int64_t ldg, la_act act,
                              const float *rstd, const float *dy, int64_t ldy, float *dx,
                              int64_t lddx, float *dgate, int64_t lddg, float *dw)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t h = 0; h < H; h++) {
            const float *xh = x + i * ldx + h * D, *gh = gate ? gate + i * ldg + h * D : NULL;
            const float *dyh = dy + i * ldy + h * D;
            float *dxh = dx + i * lddx + h * D, *dgh = gate ? dgate + i * lddg + h * D : NULL;
            float r = w ? rstd[i * H + h] : 1.0f;
            la_vf sum = la_v_set(0.0f);
            for (int64_t j = 0; j < D; j += LA_VW)
                LA_LANES(head_gate_back, D - j, r, act, xh + j, w ? w + j : NULL,
                         gh ? gh + j : NULL, dyh + j, dxh + j, dgh ? dgh + j : NULL,
                         w ? dw + j : NULL, &sum);
            if (!w) continue;
            float k = r * r * r * la_v_sum(sum) / (float)D;
            for (int64_t j = 0; j < D; j += LA_VW)
                LA_LANES(head_back, D - j, r, k, xh + j, w + j, dxh + j);
        }
}

/* ---- unit length ---- */

LA_INLINE void l2_out(int64_t n, float r, const float *x, float *y)
{
    put(y, get(x, n) * la_v_set(r), n);
}

void LA_LAYER(l2_norm)(int64_t N, int64_t H, int64_t D, float eps, const float *x, int64_t ldx,
                       float *y, int64_t ldy, float *rnorm)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t h = 0; h < H; h++) {
            const float *xh = x + i * ldx + h * D;
            float *yh = y + i * ldy + h * D;
            float r = rnorm[i * H + h] = 1.0f / sqrtf(sum_of_squares(D, xh) + eps);
            for (int64_t j = 0; j < D; j += LA_VW) LA_LANES(l2_out, D - j, r, xh + j, yh + j);
        }
}

LA_INLINE void l2_dot(int64_t n, const float *y, const float *dy, la_vf *sum)
{
    *sum = la_v_fma(get(y, n), get(dy, n), *sum);
}

LA_INLINE void l2_back(int64_t n, float r, float along, const float *y, const float *dy, float *dx)
{
    put(dx, la_v_set(r) * la_v_fma(get(y, n), la_v_set(-along), get(dy, n)), n);
}

/* dx = r (dy - y (y . dy)), exact with eps too. */
void LA_LAYER(l2_norm_grad)(int64_t N, int64_t H, int64_t D, const float *y, int64_t ldy,
                            const float *rnorm, const float *dy, int64_t lddy, float *dx,
                            int64_t lddx)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t h = 0; h < H; h++) {
            const float *yh = y + i * ldy + h * D, *dyh = dy + i * lddy + h * D;
            float *dxh = dx + i * lddx + h * D;
            la_vf sum = la_v_set(0.0f);
            for (int64_t j = 0; j < D; j += LA_VW) LA_LANES(l2_dot, D - j, yh + j, dyh + j, &sum);
            float along = la_v_sum(sum);
            for (int64_t j = 0; j < D; j += LA_VW)
                LA_LANES(l2_back, D - j, rnorm[i * H + h], along, yh + j, dyh + j, dxh + j);
        }
}
