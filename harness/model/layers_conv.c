/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution of a few taps along time, with or without SiLU.
 *
 *   pre_t = bias + sum_j w_j x_{t + j - left},   y = silu(pre)
 *   p_t = dy_t silu'(pre_t),   dx_s = sum_j w_j p_{s - j + left},   dw_j = sum_t p_t x_{t + j - left}
 *
 * The backward pass walks a sequence in blocks of BLOCK tokens, so that x and p of a block are still in
 * the L1 cache for each of the three. Width 4 away from the ends of a sequence is unrolled.
 */
#include "layers_isa.h"

enum { USUAL = 4, BLOCK = 16 };

LA_INLINE int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
LA_INLINE int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One vector of columns of sum_j w_j x_j over `count` rows of x, stride floats apart (bias may be NULL). */
LA_INLINE la_vf taps(int64_t n, int64_t count, int64_t D, const float *w, const float *bias,
                     const float *x, int64_t stride)
{
    la_vf sum = la_v_set(0.0f);
    if (bias) sum = get(bias, n);
#pragma GCC unroll 4
    for (int64_t j = 0; j < count; j++)
        sum = la_v_fma(get(w + j * D, n), get(x + j * stride, n), sum);
    return sum;
}

LA_INLINE void conv_out(int64_t n, int64_t count, int64_t D, const float *w, const float *bias,
                        const float *x, int64_t ldx, bool silu, float *y)
{
    la_vf pre = taps(n, count, D, w, bias, x, ldx);
    if (silu) pre = vact(LA_ACT_SILU, pre);
    put(y, pre, n);
}

LA_INLINE void conv_row(int64_t count, int64_t D, const float *w, const float *bias, const float *x,
                        int64_t ldx, bool silu, float *y)
{
    for (int64_t d = 0; d < D; d += LA_VW)
        LA_LANES(conv_out, D - d, count, D, w + d, bias ? bias + d : NULL, x + d, ldx, silu, y + d);
}

void LA_LAYER(conv)(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left, const float *x,
                    int64_t ldx, const float *w, const float *bias, bool silu, float *y,
                    int64_t ldy)
{
    for (int64_t i = 0; i < B * T; i++) {
        int64_t t = i % T, from = at_least(0, left - t), to = at_most(width, T + left - t);
        const float *row = x + (i - left + from) * ldx;
        if (from == 0 && to == USUAL)
            conv_row(USUAL, D, w, bias, row, ldx, silu, y + i * ldy);
        else
            conv_row(to - from, D, w + from * D, bias, row, ldx, silu, y + i * ldy);
    }
}

/* ---- backward ---- */

typedef struct conv_sizes {
    int64_t T, D, width, left;
} conv_sizes;

LA_INLINE void pre_back(int64_t n, int64_t count, int64_t D, const float *w, const float *bias,
                        const float *x, int64_t ldx, const float *dy, float *p)
{
    la_vf slope;
    vact_grad(LA_ACT_SILU, taps(n, count, D, w, bias, x, ldx), &slope);
    put(p, get(dy, n) * slope, n);
}

LA_INLINE void pre_back_row(int64_t count, int64_t D, const float *w, const float *bias,
                            const float *x, int64_t ldx, const float *dy, float *p)
{
    for (int64_t d = 0; d < D; d += LA_VW)
        LA_LANES(pre_back, D - d, count, D, w + d, bias ? bias + d : NULL, x + d, ldx, dy + d,
                 p + d);
}

/* p of tokens t0..t1-1, from x and dy of the sequence. */
static void pre_gradient(conv_sizes s, int64_t t0, int64_t t1, const float *x, int64_t ldx,
                         const float *w, const float *bias, bool silu, const float *dy, int64_t ldy,
                         float *p)
{
    for (int64_t t = t0; t < t1; t++) {
        int64_t from = at_least(0, s.left - t), to = at_most(s.width, s.T + s.left - t);
        const float *row = x + (t - s.left + from) * ldx;
        if (!silu)
            memcpy(p + t * s.D, dy + t * ldy, (size_t)s.D * sizeof *p);
        else if (from == 0 && to == USUAL)
            pre_back_row(USUAL, s.D, w, bias, row, ldx, dy + t * ldy, p + t * s.D);
        else
            pre_back_row(to - from, s.D, w + from * s.D, bias, row, ldx, dy + t * ldy, p + t * s.D);
    }
}

LA_INLINE void add_products(int64_t n, int64_t len, int64_t D, const float *p, const float *x,
                            int64_t ldx, float *dw)
{
    la_vf sum = get(dw, n);
    for (int64_t t = 0; t < len; t++) sum = la_v_fma(get(p + t * D, n), get(x + t * ldx, n), sum);
    put(dw, sum, n);
}

/* The same for all four taps at once: p is read once, x from the L1 cache. */
LA_INLINE void add_usual_products(int64_t n, int64_t len, int64_t D, const float *p, const float *x,
                                  int64_t ldx, float *dw)
{
    la_vf s0 = get(dw, n), s1 = get(dw + D, n), s2 = get(dw + 2 * D, n), s3 = get(dw + 3 * D, n);
    for (int64_t t = 0; t < len; t++, p += D, x += ldx) {
        la_vf pv = get(p, n);
        s0 = la_v_fma(pv, get(x, n), s0);
        s1 = la_v_fma(pv, get(x + ldx, n), s1);
        s2 = la_v_fma(pv, get(x + 2 * ldx, n), s2);
        s3 = la_v_fma(pv, get(x + 3 * ldx, n), s3);
    }
    put(dw, s0, n);
    put(dw + D, s1, n);
    put(dw + 2 * D, s2, n);
    put(dw + 3 * D, s3, n);
}

LA_INLINE void add_rows(int64_t n, int64_t len, int64_t D, const float *p, float *db)
{
    la_vf sum = get(db, n);
    for (int64_t t = 0; t < len; t++) sum = sum + get(p + t * D, n);
    put(db, sum, n);
}

/* What tokens t0..t1-1 add to dw and dbias. */
static void tap_gradients(conv_sizes s, int64_t t0, int64_t t1, const float *x, int64_t ldx,
                          const float *p, float *dw, float *dbias)
{
    const int64_t D = s.D;
    for (int64_t d = 0; dbias && d < D; d += LA_VW)
        LA_LANES(add_rows, D - d, t1 - t0, D, p + t0 * D + d, dbias + d);
    if (s.width == USUAL && t0 >= s.left && t1 - s.left + USUAL - 1 <= s.T) {
        const float *row = x + (t0 - s.left) * ldx;
        for (int64_t d = 0; d < D; d += LA_VW)
            LA_LANES(add_usual_products, D - d, t1 - t0, D, p + t0 * D + d, row + d, ldx, dw + d);
        return;
    }
    for (int64_t j = 0; j < s.width; j++) {
        int64_t from = at_least(t0, s.left - j), to = at_most(t1, s.T + s.left - j);
        if (from >= to) continue;
        const float *row = x + (from + j - s.left) * ldx;
        for (int64_t d = 0; d < D; d += LA_VW)
            LA_LANES(add_products, D - d, to - from, D, p + from * D + d, row + d, ldx,
                     dw + j * D + d);
    }
}

/* dx of tokens s0..s1-1: the convolution of p with the taps turned round. */
static void input_gradient(conv_sizes s, int64_t s0, int64_t s1, const float *w, const float *p,
                           float *dx, int64_t lddx)
{
    for (int64_t i = s0; i < s1; i++) {
        int64_t from = at_least(0, i + s.left - s.T + 1), to = at_most(s.width, i + s.left + 1);
        if (from == 0 && to == USUAL)
            conv_row(USUAL, s.D, w, NULL, p + (i + s.left) * s.D, -s.D, false, dx + i * lddx);
        else
            conv_row(to - from, s.D, w + from * s.D, NULL, p + (i + s.left - from) * s.D, -s.D,
                     false, dx + i * lddx);
    }
}

void LA_LAYER(conv_grad)(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left,
                         const float *x, int64_t ldx, const float *w, const float *bias, bool silu,
                         const float *dy, int64_t ldy, float *dx, int64_t lddx, float *dw,
                         float *dbias, float *scratch)
{
    const conv_sizes s = {T, D, width, left};
    for (int64_t b = 0; b < B; b++) {
        const float *xb = x + b * T * ldx, *dyb = dy + b * T * ldy;
        float *dxb = dx + b * T * lddx;
        int64_t done = 0; /* tokens whose dx is written: those that no later p reaches */
        for (int64_t t0 = 0; t0 < T; t0 += BLOCK) {
            int64_t t1 = at_most(T, t0 + BLOCK), ready = t1 == T ? T : at_least(done, t1 - left);
            pre_gradient(s, t0, t1, xb, ldx, w, bias, silu, dyb, ldy, scratch);
            tap_gradients(s, t0, t1, xb, ldx, scratch, dw, dbias);
            input_gradient(s, done, ready, w, scratch, dxb, lddx);
            done = ready;
        }
    }
}
