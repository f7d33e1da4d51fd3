/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution of a few taps along time, with or without SiLU.
 *
 *   pre_t = bias + sum_j w_j x_{t + j - left},   y = silu(pre)
 *   p_t = dy_t silu'(pre_t),   dx_s = sum_j w_j p_{s - j + left},   dw_j = sum_t p_t x_{t + j - left}
 *
 * The usual four taps walk down one vector of columns with the taps and the last rows in registers, so that
 * each row of x, dy and p is met once: AHEAD tokens of all columns, while those behind them are asked for, and
 * backward, whose pieces are in the L2 cache, BLOCK.
 */
#include "layers_isa.h"

enum { USUAL = 4, AHEAD = 8, BLOCK = 32 };

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
    for (int64_t j = 0; j < count; j++)
        sum = la_v_fma(get(w + j * D, n), get(x + j * stride, n), sum);
    return sum;
}

LA_INLINE void conv_out(int64_t n, int64_t count, int64_t D, const float *w, const float *bias,
                        const float *x, int64_t ldx, bool silu, float *y)
{
    la_vf pre = taps(n, count, D, w, bias, x, ldx);
    put(y, silu ? vact(LA_ACT_SILU, pre) : pre, n);
}

LA_INLINE void conv_row(int64_t count, int64_t D, const float *w, const float *bias, const float *x,
                        int64_t ldx, bool silu, float *y)
{
    for (int64_t d = 0; d < D; d += LA_VW)
        LA_LANES(conv_out, D - d, count, D, w + d, bias ? bias + d : NULL, x + d, ldx, silu, y + d);
}

/* ---- four taps, and three of the four rows that they meet ---- */

typedef struct window {
    la_vf w0, w1, w2, w3, r0, r1, r2;
} window;

LA_INLINE la_vf window_sum(const window *s, la_vf sum, la_vf row)
{
    sum = la_v_fma(s->w0, s->r0, sum);
    sum = la_v_fma(s->w1, s->r1, sum);
    sum = la_v_fma(s->w2, s->r2, sum);
    return la_v_fma(s->w3, row, sum);
}

LA_INLINE void window_move(window *s, la_vf row)
{
    s->r0 = s->r1;
    s->r1 = s->r2;
    s->r2 = row;
}

/* Tokens whose taps all lie inside; x is the first one's first row. */
LA_INLINE void usual_out(int64_t n, int64_t len, int64_t D, const float *w, const float *bias,
                         const float *x, int64_t ldx, bool silu, float *y, int64_t ldy)
{
    window s = {get(w, n), get(w + D, n),   get(w + 2 * D, n),  get(w + 3 * D, n),
                get(x, n), get(x + ldx, n), get(x + 2 * ldx, n)};
    la_vf first = bias ? get(bias, n) : la_v_set(0.0f);
    x += (USUAL - 1) * ldx;
    for (int64_t t = 0; t < len; t++, x += ldx, y += ldy) {
        __builtin_prefetch(x + AHEAD * ldx);
        la_vf row = get(x, n), pre = window_sum(&s, first, row);
        put(y, silu ? vact(LA_ACT_SILU, pre) : pre, n);
        window_move(&s, row);
    }
}

void LA_LAYER(conv)(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left, const float *x,
                    int64_t ldx, const float *w, const float *bias, bool silu, float *y,
                    int64_t ldy)
{
    for (int64_t b = 0; b < B; b++, x += T * ldx, y += T * ldy)
        for (int64_t t = 0, len; t < T; t += len) {
            int64_t from = at_least(0, left - t), to = at_most(width, T + left - t);
            const float *row = x + (t - left + from) * ldx;
            len = width == USUAL && from == 0 ? at_most(AHEAD, T + left - t - USUAL + 1) : 0;
            for (int64_t d = 0; len > 0 && d < D; d += LA_VW)
                LA_LANES(usual_out, D - d, len, D, w + d, bias ? bias + d : NULL, row + d, ldx,
                         silu, y + t * ldy + d, ldy);
            if (len > 0) continue;
            conv_row(to - from, D, w + from * D, bias, row, ldx, silu, y + t * ldy);
            len = 1;
        }
}

/* ---- backward ---- */

typedef struct conv_back { /* of one sequence; dbias may be NULL */
    int64_t T, D, width, left;
    const float *x, *w, *bias, *dy;
    int64_t ldx, ldy, lddx;
    float *dx, *dw, *dbias, *p;
    bool silu;
} conv_back;

/* p of one token from its sum of taps. */
LA_INLINE la_vf pre_back(bool silu, la_vf pre, la_vf dy)
{
    la_vf slope = la_v_set(1.0f);
    if (silu) vact_grad(LA_ACT_SILU, pre, &slope);
    return dy * slope;
}

/* Row t of T, or zeros. */
LA_INLINE la_vf row_or_zero(const float *x, int64_t ldx, int64_t t, int64_t T, int64_t n)
{
    return t >= 0 && t < T ? get(x + t * ldx, n) : la_v_set(0.0f);
}

/* Tokens t0..t1-1 of the columns from d on, and dx of the tokens `left` before them. The last three p stand
 * in c->p [3, D] in between. `ends`: rows may lie outside. */
LA_INLINE void usual_back(int64_t n, const conv_back *c, int64_t d, int64_t t0, int64_t t1,
                          bool ends)
{
    const int64_t D = c->D, T = c->T, left = c->left, ahead = USUAL - 1 - left;
    const float *w = c->w + d, *x = c->x + d, *dy = c->dy + d;
    float *p = c->p + d, *dx = c->dx + d, *dw = c->dw + d;
    la_vf zero = la_v_set(0.0f), first = c->bias ? get(c->bias + d, n) : zero;
    la_vf w0 = get(w, n), w1 = get(w + D, n), w2 = get(w + 2 * D, n), w3 = get(w + 3 * D, n);
    la_vf s0 = get(dw, n), s1 = get(dw + D, n), s2 = get(dw + 2 * D, n), s3 = get(dw + 3 * D, n);
    window out = {w3, w2, w1, w0, get(p, n), get(p + D, n), get(p + 2 * D, n)};
    window in = {.w0 = w0,
                 .w1 = w1,
                 .w2 = w2,
                 .w3 = w3,
                 .r0 = row_or_zero(x, c->ldx, t0 - left, T, n),
                 .r1 = row_or_zero(x, c->ldx, t0 - left + 1, T, n),
                 .r2 = row_or_zero(x, c->ldx, t0 - left + 2, T, n)};
    la_vf sum = zero;
    for (int64_t t = t0; t < t1; t++) {
        la_vf row =
            ends ? row_or_zero(x, c->ldx, t + ahead, T, n) : get(x + (t + ahead) * c->ldx, n);
        la_vf pre = window_sum(&in, first, row);
        la_vf back = ends ? row_or_zero(dy, c->ldy, t, T, n) : get(dy + t * c->ldy, n);
        back = pre_back(c->silu, pre, back);
        s0 = la_v_fma(back, in.r0, s0);
        s1 = la_v_fma(back, in.r1, s1);
        s2 = la_v_fma(back, in.r2, s2);
        s3 = la_v_fma(back, row, s3);
        sum = sum + back;
        if (!ends || t >= left) put(dx + (t - left) * c->lddx, window_sum(&out, zero, back), n);
        window_move(&in, row);
        window_move(&out, back);
    }
    put(dw, s0, n);
    put(dw + D, s1, n);
    put(dw + 2 * D, s2, n);
    put(dw + 3 * D, s3, n);
    put(p, out.r0, n);
    put(p + D, out.r1, n);
    put(p + 2 * D, out.r2, n);
    if (c->dbias) put(c->dbias + d, get(c->dbias + d, n) + sum, n);
}

static void usual_ends(const conv_back *c, int64_t t0, int64_t t1)
{
    for (int64_t d = 0; d < c->D; d += LA_VW) LA_LANES(usual_back, c->D - d, c, d, t0, t1, true);
}

static void usual_middle(const conv_back *c, int64_t t0, int64_t t1)
{
    for (int64_t d = 0; d < c->D; d += LA_VW) LA_LANES(usual_back, c->D - d, c, d, t0, t1, false);
}

/* dx of a token stands when the p of the `left` behind it do: their place is T + left - 1 at last. */
static void usual_gradient(const conv_back *c)
{
    int64_t end = c->T + c->left, last = end - USUAL + 1;
    memset(c->p, 0, (size_t)((USUAL - 1) * c->D) * sizeof *c->p);
    usual_ends(c, 0, c->left);
    for (int64_t t = c->left; t < last; t += BLOCK) usual_middle(c, t, at_most(t + BLOCK, last));
    usual_ends(c, last, end);
}

LA_INLINE void pre_out(int64_t n, const conv_back *c, int64_t d, int64_t count, const float *w,
                       const float *x, const float *dy, float *p)
{
    la_vf pre = taps(n, count, c->D, w + d, c->bias ? c->bias + d : NULL, x + d, c->ldx);
    put(p + d, pre_back(c->silu, pre, get(dy + d, n)), n);
}

LA_INLINE void add_product(int64_t n, const float *p, const float *x, float *dw)
{
    put(dw, la_v_fma(get(p, n), x ? get(x, n) : la_v_set(1.0f), get(dw, n)), n);
}

static void add_products(int64_t D, const float *p, const float *x, float *dw)
{
    for (int64_t d = 0; d < D; d += LA_VW)
        LA_LANES(add_product, D - d, p + d, x ? x + d : NULL, dw + d);
}

/* Any number of taps. */
static void gradient(const conv_back *c)
{
    const int64_t T = c->T, D = c->D, left = c->left;
    for (int64_t t = 0; t < T; t++) {
        int64_t from = at_least(0, left - t), to = at_most(c->width, T + left - t);
        const float *row = c->x + (t - left) * c->ldx;
        float *p = c->p + t * D;
        for (int64_t d = 0; d < D; d += LA_VW)
            LA_LANES(pre_out, D - d, c, d, to - from, c->w + from * D, row + from * c->ldx,
                     c->dy + t * c->ldy, p);
        for (int64_t j = from; j < to; j++) add_products(D, p, row + j * c->ldx, c->dw + j * D);
        if (c->dbias) add_products(D, p, NULL, c->dbias);
    }
    for (int64_t t = 0; t < T; t++) {
        int64_t from = at_least(0, t + left - T + 1), to = at_most(c->width, t + left + 1);
        conv_row(to - from, D, c->w + from * D, NULL, c->p + (t + left - from) * D, -D, false,
                 c->dx + t * c->lddx);
    }
}

void LA_LAYER(conv_grad)(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left,
                         const float *x, int64_t ldx, const float *w, const float *bias, bool silu,
                         const float *dy, int64_t ldy, float *dx, int64_t lddx, float *dw,
                         float *dbias, float *scratch)
{
    conv_back c = {T, D, width, left, x, w, bias, dy, ldx, ldy, lddx, dx, dw, dbias, scratch, silu};
    bool usual = width == USUAL && T >= USUAL && left < USUAL;
    for (int64_t b = 0; b < B; b++, c.x += T * ldx, c.dy += T * ldy, c.dx += T * lddx)
        if (usual)
            usual_gradient(&c);
        else
            gradient(&c);
}
