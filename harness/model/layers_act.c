/* SPDX-License-Identifier: Apache-2.0
 * Elementwise layers: activations, log-decays, SwiGLU (Shazeer 2020, arXiv:2002.05202), rotary
 * positions (Su et al. 2021, arXiv:2104.09864).
 */
#include "layers_isa.h"

LA_INLINE void act_out(int64_t n, la_act act, float scale, const float *x, float *y)
{
    put(y, vact(act, get(x, n)) * la_v_set(scale), n);
}

void LA_LAYER(act)(int64_t n, la_act act, float scale, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i += LA_VW) LA_LANES(act_out, n - i, act, scale, x + i, y + i);
}

LA_INLINE void act_back(int64_t n, la_act act, float scale, const float *x, const float *dy,
                        float *dx)
{
    la_vf slope;
    vact_grad(act, get(x, n), &slope);
    put(dx, get(dy, n) * slope * la_v_set(scale), n);
}

void LA_LAYER(act_grad)(int64_t n, la_act act, float scale, const float *x, const float *dy,
                        float *dx)
{
    for (int64_t i = 0; i < n; i += LA_VW)
        LA_LANES(act_back, n - i, act, scale, x + i, dy + i, dx + i);
}

/* ---- log-decay g = -e^A softplus(a + b). Where there is one for each head the heads are few: a vector
 * holds the heads of one token, else channels of one head. ---- */

LA_INLINE void decay_out(int64_t n, la_vf A_log, const float *a, const float *dt_bias, float *g)
{
    put(g, -la_v_exp(A_log) * vsoftplus(get(a, n) + get(dt_bias, n)), n);
}

void LA_LAYER(decay)(int64_t N, int64_t H, int64_t D, const float *a, int64_t lda,
                     const float *A_log, const float *dt_bias, float *g)
{
    for (int64_t i = 0; i < N; i++, a += lda, g += H * D) {
        for (int64_t h = 0; D == 1 && h < H; h += LA_VW)
            LA_LANES(decay_out, H - h, get(A_log + h, H - h), a + h, dt_bias + h, g + h);
        for (int64_t h = 0; D > 1 && h < H; h++)
            for (int64_t c = h * D; c < (h + 1) * D; c += LA_VW)
                LA_LANES(decay_out, (h + 1) * D - c, la_v_set(A_log[h]), a + c, dt_bias + c, g + c);
    }
}

/* dA = dg g, and through the argument: da = -dg e^A sigmoid(a + b) = db. Returns dA by lanes. */
LA_INLINE la_vf decay_back(int64_t n, la_vf A_log, const float *a, const float *dt_bias,
                           const float *dg, float *da, float *ddt_bias)
{
    la_vf down = -get(dg, n) * la_v_exp(A_log), z = get(a, n) + get(dt_bias, n);
    la_vf through = down * vsigmoid(z);
    put(da, through, n);
    put(ddt_bias, get(ddt_bias, n) + through, n);
    return down * vsoftplus(z);
}

void LA_LAYER(decay_grad)(int64_t N, int64_t H, int64_t D, const float *a, int64_t lda,
                          const float *A_log, const float *dt_bias, const float *dg, float *da,
                          int64_t ldda, float *dA_log, float *ddt_bias)
{
    for (int64_t i = 0; i < N; i++, a += lda, da += ldda, dg += H * D) {
        for (int64_t h = 0; D == 1 && h < H; h += LA_VW) {
            int64_t n = H - h;
            la_vf dA = LA_LANES(decay_back, n, get(A_log + h, n), a + h, dt_bias + h, dg + h,
                                da + h, ddt_bias + h);
            put(dA_log + h, get(dA_log + h, n) + dA, n);
        }
        for (int64_t h = 0; D > 1 && h < H; h++)
            for (int64_t c = h * D; c < (h + 1) * D; c += LA_VW) {
                int64_t n = (h + 1) * D - c;
                la_vf dA = LA_LANES(decay_back, n, la_v_set(A_log[h]), a + c, dt_bias + c, dg + c,
                                    da + c, ddt_bias + c);
                dA_log[h] += la_v_sum(first_lanes(dA, n, 0.0f));
            }
    }
}

/* ---- SwiGLU ---- */

LA_INLINE void swiglu_out(int64_t n, const float *u, const float *v, float *h)
{
    put(h, vact(LA_ACT_SILU, get(u, n)) * get(v, n), n);
}

LA_INLINE void swiglu_outs(const float *u, const float *v, float *h)
{
    la_vf x[ABREAST], s[ABREAST];
    EACH(i) x[i] = la_v_load(u + i * LA_VW);
    vsigmoids(x, s);
    EACH(i) la_v_store(h + i * LA_VW, x[i] * s[i] * la_v_load(v + i * LA_VW));
}

void LA_LAYER(swiglu)(int64_t N, int64_t F, const float *uv, float *h)
{
    for (int64_t i = 0; i < N; i++, uv += 2 * F, h += F) {
        int64_t j = 0;
        for (; j + ABREAST * LA_VW <= F; j += ABREAST * LA_VW)
            swiglu_outs(uv + j, uv + F + j, h + j);
        for (; j < F; j += LA_VW) LA_LANES(swiglu_out, F - j, uv + j, uv + F + j, h + j);
    }
}

/* From s, the sigmoid of u. */
LA_INLINE void swiglu_slopes(int64_t n, la_vf s, float *u, float *v, float *dh)
{
    la_vf x = get(u, n), d = get(dh, n), vv = get(v, n), silu = x * s, one = la_v_set(1.0f);
    put(u, d * vv * s * la_v_fma(x, one - s, one), n);
    put(v, d * silu, n);
    put(dh, silu * vv, n);
}

LA_INLINE void swiglu_back(int64_t n, float *u, float *v, float *dh)
{
    swiglu_slopes(n, vsigmoid(get(u, n)), u, v, dh);
}

LA_INLINE void swiglu_backs(float *u, float *v, float *dh)
{
    la_vf x[ABREAST], s[ABREAST];
    EACH(i) x[i] = la_v_load(u + i * LA_VW);
    vsigmoids(x, s);
    EACH(i) swiglu_slopes(LA_VW, s[i], u + i * LA_VW, v + i * LA_VW, dh + i * LA_VW);
}

void LA_LAYER(swiglu_grad)(int64_t N, int64_t F, float *uv, float *dh)
{
    for (int64_t i = 0; i < N; i++, uv += 2 * F, dh += F) {
        int64_t j = 0;
        for (; j + ABREAST * LA_VW <= F; j += ABREAST * LA_VW)
            swiglu_backs(uv + j, uv + F + j, dh + j);
        for (; j < F; j += LA_VW) LA_LANES(swiglu_back, F - j, uv + j, uv + F + j, dh + j);
    }
}

/* ---- rotary positions: (x, y) -> (x c - y s, x s + y c); `sign` -1 turns back ---- */

LA_INLINE void rope_turn(int64_t n, float sign, const float *c, const float *s, float *x, float *y)
{
    la_vf xv = get(x, n), yv = get(y, n), cv = get(c, n), sv = get(s, n) * la_v_set(sign);
    put(x, xv * cv - yv * sv, n);
    put(y, la_v_fma(xv, sv, yv * cv), n);
}

void LA_LAYER(rope)(int64_t B, int64_t T, int64_t H, int64_t D, const float *cosine,
                    const float *sine, bool inverse, float *x, int64_t ldx)
{
    const int64_t half = D / 2;
    const float sign = inverse ? -1.0f : 1.0f;
    for (int64_t i = 0; i < B * T; i++) {
        const float *c = cosine + i % T * half, *s = sine + i % T * half;
        for (int64_t h = 0; h < H; h++) {
            float *head = x + i * ldx + h * D;
            for (int64_t j = 0; j < half; j += LA_VW)
                LA_LANES(rope_turn, half - j, sign, c + j, s + j, head + j, head + half + j);
        }
    }
}
