/* SPDX-License-Identifier: Apache-2.0
 * For the files of the layers, which are compiled once per instruction set: names, the last lanes of a
 * row, and elementary functions on vectors.
 *   layers_norm.c   norms of rows and of heads        layers_act.c    activations, gates, rope
 *   layers_conv.c   short convolution                 layers_loss.c   cross entropy
 *   layers_embed.c  embedding, dropout                layers_optim.c  AdamW, sums
 *   layers_gates.c  decays, skip, rank one        layers_table.c  the table
 */
#ifndef LA_LAYERS_ISA_H
#define LA_LAYERS_ISA_H

#include <math.h>

#include "labench/simd.h"
#include "layers.h"

/* A function of the table is la_layer_<name>_<isa>, of the type that the table gives it. */
#define LA_LAYER(name)         LA_ISA(la_layer_##name)
#define LA_LAYER_DECLARE(name) __typeof__(*((la_layers *)0)->name) LA_LAYER(name)
LA_LAYER_DECLARE(rms_norm);
LA_LAYER_DECLARE(rms_norm_grad);
LA_LAYER_DECLARE(layer_norm);
LA_LAYER_DECLARE(layer_norm_grad);
LA_LAYER_DECLARE(head_norm);
LA_LAYER_DECLARE(head_norm_grad);
LA_LAYER_DECLARE(l2_norm);
LA_LAYER_DECLARE(l2_norm_grad);
LA_LAYER_DECLARE(conv);
LA_LAYER_DECLARE(conv_grad);
LA_LAYER_DECLARE(act);
LA_LAYER_DECLARE(act_grad);
LA_LAYER_DECLARE(decay);
LA_LAYER_DECLARE(decay_grad);
LA_LAYER_DECLARE(swiglu);
LA_LAYER_DECLARE(swiglu_grad);
LA_LAYER_DECLARE(rope);
LA_LAYER_DECLARE(embed);
LA_LAYER_DECLARE(embed_grad);
LA_LAYER_DECLARE(scatter);
LA_LAYER_DECLARE(dropout);
LA_LAYER_DECLARE(cross_entropy);
LA_LAYER_DECLARE(powers);
LA_LAYER_DECLARE(adamw);
LA_LAYER_DECLARE(sum_squares);
LA_LAYER_DECLARE(add);
LA_LAYER_DECLARE(sum_rows);
LA_LAYER_DECLARE(shift);
LA_LAYER_DECLARE(times);
LA_LAYER_DECLARE(bounded_grad);
LA_LAYER_DECLARE(skip);
LA_LAYER_DECLARE(skip_grad);
LA_LAYER_DECLARE(rank_one);
LA_LAYER_DECLARE(rank_one_grad);
LA_LAYER_DECLARE(removal_grad);

/* ---- a row, vector by vector ----
 * LA_LANES(body, n, ...) calls an inlined body(lanes, ...) with the constant LA_VW where n numbers are
 * left and with n at the end of a row, so that only the end pays for masks. */
#define LA_LANES(body, n, ...) ((n) >= LA_VW ? body(LA_VW, __VA_ARGS__) : body((n), __VA_ARGS__))

LA_INLINE la_vf get(const float *p, int64_t n)
{
    return n >= LA_VW ? la_v_load(p) : la_v_load_n(p, n);
}
LA_INLINE void put(float *p, la_vf v, int64_t n)
{
    if (n >= LA_VW)
        la_v_store(p, v);
    else
        la_v_store_n(p, v, n);
}
/* v in lanes 0..n-1, `other` in the rest. */
LA_INLINE la_vf first_lanes(la_vf v, int64_t n, float other)
{
    if (n >= LA_VW) return v;
    return la_v_select(la_v_less(la_v_iota(), la_v_set((float)n)), v, la_v_set(other));
}

/* ---- elementary functions: relative error about 1e-6 wherever the result is a normal number ---- */
/* 1 / x of numbers from 1 to 2^126, NaN for NaN: a division takes as long as ten products. */
LA_INLINE la_vf vinverse(la_vf x)
{
#if defined(__AVX512F__)
    la_vf y = _mm512_rcp14_ps(x);
    return la_v_fma(y, la_v_fma(-x, y, la_v_set(1.0f)), y);
#else
    return la_v_set(1.0f) / x;
#endif
}

/* e^-x = 2^n e^-r of a whole n, with |r| <= ln(2) / 2 in two steps as in la_v_exp; n lies in [-126, 126], beyond which
 * a sigmoid is 1 or nearly 0. */
LA_INLINE la_vf halvings(la_vf x, la_vf *r)
{
    x = la_v_min(la_v_set(87.0f), la_v_max(la_v_set(-87.0f), x));
    la_vf n = la_v_round_(x * la_v_set(-1.44269504088896341f));
    *r = la_v_fma(n, la_v_set(0.693359375f), x);
    *r = la_v_fma(n, la_v_set(-2.12194440e-4f), *r);
    return n;
}

/* 2^n e^-r: relative error below 2e-7. */
LA_INLINE la_vf falling(la_vf n, la_vf r)
{
    la_vf y = la_v_set(-8.29027314e-3f);
    y = la_v_fma(y, r, la_v_set(4.18981649e-2f));
    y = la_v_fma(y, r, la_v_set(-1.66676387e-1f));
    y = la_v_fma(y, r, la_v_set(4.99991477e-1f));
    y = la_v_fma(y, r, la_v_set(-9.99999702e-1f));
    y = la_v_fma(y, r, la_v_set(1.0f));
#if defined(__AVX512F__)
    return _mm512_scalef_ps(y, n);
#else
    return la_v_ldexp_(y, n);
#endif
}

LA_INLINE la_vf vsigmoid(la_vf x)
{
    la_vf r, n = halvings(x, &r);
    return vinverse(la_v_set(1.0f) + falling(n, r));
}

/* Of ABREAST vectors, a step of each at a time: a core does not look far enough ahead to begin with the second
 * while the first goes through all of its steps. */
enum { ABREAST = 4 };
#define EACH(i) _Pragma("GCC unroll 4") for (int i = 0; i < ABREAST; i++)
LA_INLINE void vsigmoids(const la_vf x[ABREAST], la_vf y[ABREAST])
{
    la_vf n[ABREAST], r[ABREAST];
    EACH(i) n[i] = halvings(x[i], &r[i]);
    EACH(i) y[i] = la_v_set(1.0f) + falling(n[i], r[i]);
    EACH(i) y[i] = vinverse(y[i]);
}

/* log(1 + e^x) = max(x, 0) + log1p(u), u = e^-|x|, with log1p(u) = 2 artanh(u / (2 + u)): the argument
 * of artanh is at most 1/3 and eight terms of its series are enough. */
LA_INLINE la_vf vsoftplus(la_vf x)
{
    la_vf zero = la_v_set(0.0f);
    la_vf u = la_v_exp(la_v_select(la_v_less(x, zero), x, -x));
    la_vf s = u / (la_v_set(2.0f) + u), z = s * s;
    la_vf p = la_v_set(1.0f / 15.0f);
    p = la_v_fma(p, z, la_v_set(1.0f / 13.0f));
    p = la_v_fma(p, z, la_v_set(1.0f / 11.0f));
    p = la_v_fma(p, z, la_v_set(1.0f / 9.0f));
    p = la_v_fma(p, z, la_v_set(1.0f / 7.0f));
    p = la_v_fma(p, z, la_v_set(1.0f / 5.0f));
    p = la_v_fma(p, z, la_v_set(1.0f / 3.0f));
    p = la_v_fma(p, z, la_v_set(1.0f));
    return la_v_fma(s + s, p, la_v_select(la_v_less(x, zero), zero, x));
}

LA_INLINE la_vf vact(la_act act, la_vf x)
{
    if (act == LA_ACT_NONE) return x;
    la_vf s = vsigmoid(x);
    if (act == LA_ACT_SILU) return x * s;
    return s;
}
/* The activation and its derivative. */
LA_INLINE la_vf vact_grad(la_act act, la_vf x, la_vf *slope)
{
    la_vf one = la_v_set(1.0f);
    *slope = one;
    if (act == LA_ACT_NONE) return x;
    la_vf s = vsigmoid(x), rest = one - s;
    *slope = s * rest;
    if (act == LA_ACT_SIGMOID) return s;
    *slope = s * la_v_fma(x, rest, one);
    return x * s;
}

#endif
