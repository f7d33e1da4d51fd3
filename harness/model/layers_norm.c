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

/* ---- layer norm: two sweeps for mean and variance, so that a large mean costs no digits ---- */

LA_INLINE void add_up(int64_t n, const float *x, la_vf *sum)
{
    *sum = *sum + get(x, n);
}

LA_INLINE void add_deviation(int64_t n, float mean, const float *x, la_vf *sum)
{
    la_vf v = first_lanes(get(x, n) - la_v_set(mean), n, 0.0f);
    *sum = la_v_fma(v, v, *sum);
}

LA_INLINE void layer_out(int64_t n, float mean, float r, const float *x, const float *w,
                         const float *b, float *y)
{
    la_vf centred = (get(x, n) - la_v_set(mean)) * la_v_set(r);
    put(y, la_v_fma(centred, get(w, n), get(b, n)), n);
}

void LA_LAYER(layer_norm)(int64_t N, int64_t D, float eps, const float *x, const float *w,
                          const float *b, float *y, float *mean, float *rstd)
{
    for (int64_t i = 0; i < N; i++, x += D, y += D) {
        la_vf sum = la_v_set(0.0f), square = la_v_set(0.0f);
        for (int64_t j = 0; j < D; j += LA_VW) LA_LANES(add_up, D - j, x + j, &sum);
        float m = la_v_sum(sum) / (float)D;
        for (int64_t j = 0; j < D; j += LA_VW) LA_LANES(add_deviation, D - j, m, x + j, &square);
        float r = 1.0f / sqrtf(la_v_sum(square) / (float)D + eps);
        for (int64_t j = 0; j < D; j += LA_VW)
            LA_LANES(layer_out, D - j, m, r, x + j, w + j, b + j, y + j);
        mean[i] = m;
        rstd[i] = r;
    }
}

LA_INLINE void layer_dot(int64_t n, float mean, const float *x, const float *w, const float *dy,
                         la_vf *plain, la_vf *with_x)
{
    la_vf g = get(dy, n) * get(w, n);
    *plain = *plain + g;
    *with_x = la_v_fma(g, get(x, n) - la_v_set(mean), *with_x);
}

LA_INLINE void layer_back(int64_t n, float mean, float r, float m1, float m2, bool add,
                          const float *x, const float *w, const float *dy, float *dx, float *dw,
                          float *db)
{
    la_vf xh = (get(x, n) - la_v_set(mean)) * la_v_set(r), g = get(dy, n);
    la_vf out = la_v_fma(xh, la_v_set(-m2), la_v_fma(g, get(w, n), la_v_set(-m1))) * la_v_set(r);
    if (add) out = out + get(dx, n);
    put(dx, out, n);
    put(dw, la_v_fma(g, xh, get(dw, n)), n);
    put(db, g + get(db, n), n);
}

/* With xh = (x - mean) r and g = dy w: dx = r (g - mean(g) - xh mean(g xh)). */
void LA_LAYER(layer_norm_grad)(int64_t N, int64_t D, const float *x, const float *w,
                               const float *mean, const float *rstd, const float *dy, bool add,
                               float *dx, float *dw, float *db)
{
    for (int64_t i = 0; i < N; i++, x += D, dy += D, dx += D) {
        la_vf plain = la_v_set(0.0f), with_x = la_v_set(0.0f);
        float m = mean[i], r = rstd[i];
        for (int64_t j = 0; j < D; j += LA_VW)
            LA_LANES(layer_dot, D - j, m, x + j, w + j, dy + j, &plain, &with_x);
        float m1 = la_v_sum(plain) / (float)D, m2 = r * la_v_sum(with_x) / (float)D;
        for (int64_t j = 0; j < D; j += LA_VW)
            LA_LANES(layer_back, D - j, m, r, m1, m2, add, x + j, w + j, dy + j, dx + j, dw + j,
                     db + j);
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
