/* SPDX-License-Identifier: Apache-2.0
 * Small layers around decays, the skip and the rank-one part of a transition; layers.h says what they compute.
 */
#include "layers_isa.h"

LA_INLINE void shift_out(int64_t n, const float *x, const float *bias, float *y)
{
    put(y, get(x, n) + get(bias, n), n);
}

void LA_LAYER(shift)(int64_t N, int64_t n, const float *x, int64_t ldx, const float *bias, float *y)
{
    for (int64_t i = 0; i < N; i++, x += ldx, y += n)
        for (int64_t c = 0; c < n; c += LA_VW) LA_LANES(shift_out, n - c, x + c, bias + c, y + c);
}

LA_INLINE void times_out(int64_t n, float scale, const float *w, const float *x, float *y)
{
    put(y, la_v_set(scale) * get(w, n) * get(x, n), n);
}

void LA_LAYER(times)(int64_t N, int64_t n, float scale, const float *w, const float *x, float *y)
{
    for (int64_t i = 0; i < N; i++, x += n, y += n)
        for (int64_t c = 0; c < n; c += LA_VW)
            LA_LANES(times_out, n - c, scale, w + c, x + c, y + c);
}

LA_INLINE void bounded_back(int64_t n, float by, const float *g, const float *dg, float *df,
                            float *dbias)
{
    la_vf gv = get(g, n), through = get(dg, n) * la_v_fma(gv * gv, la_v_set(by), gv);
    put(df, through, n);
    put(dbias, get(dbias, n) + through, n);
}

void LA_LAYER(bounded_grad)(int64_t N, int64_t n, float rate, const float *g, const float *dg,
                            float *df, int64_t ldf, float *dbias)
{
    float by = 1.0f / rate;
    for (int64_t i = 0; i < N; i++, g += n, dg += n, df += ldf)
        for (int64_t c = 0; c < n; c += LA_VW)
            LA_LANES(bounded_back, n - c, by, g + c, dg + c, df + c, dbias + c);
}

LA_INLINE void skip_out(int64_t n, float w, const float *v, float *o)
{
    put(o, la_v_fma(la_v_set(w), get(v, n), get(o, n)), n);
}

void LA_LAYER(skip)(int64_t N, int64_t H, int64_t D, const float *w, const float *v, float *o)
{
    for (int64_t row = 0; row < N * H; row++, v += D, o += D)
        for (int64_t c = 0; c < D; c += LA_VW) LA_LANES(skip_out, D - c, w[row % H], v + c, o + c);
}

LA_INLINE void skip_back(int64_t n, float w, const float *v, const float *dout, float *dv,
                         la_vf *sum)
{
    la_vf d = get(dout, n);
    *sum = la_v_fma(d, get(v, n), *sum);
    put(dv, la_v_fma(la_v_set(w), d, get(dv, n)), n);
}

void LA_LAYER(skip_grad)(int64_t N, int64_t H, int64_t D, const float *w, const float *v,
                         const float *dout, float *dv, float *dw)
{
    for (int64_t row = 0; row < N * H; row++, v += D, dout += D, dv += D) {
        la_vf sum = la_v_set(0.0f);
        for (int64_t c = 0; c < D; c += LA_VW)
            LA_LANES(skip_back, D - c, w[row % H], v + c, dout + c, dv + c, &sum);
        dw[row % H] += la_v_sum(sum);
    }
}

LA_INLINE void rank_one_out(int64_t n, const float *k, const float *a, const float *iclr,
                            const float *replacement, float *b, float *key)
{
    la_vf kv = get(k, n), rate = get(iclr, n);
    put(b, -(get(a, n) * rate), n);
    put(key, la_v_fma(kv * (rate - la_v_set(1.0f)), get(replacement, n), kv), n);
}

void LA_LAYER(rank_one)(int64_t N, int64_t D, const float *k, const float *a, const float *iclr,
                        const float *replacement, float *b, float *key)
{
    for (int64_t i = 0; i < N; i++, k += D, a += D, iclr += D, b += D, key += D)
        for (int64_t c = 0; c < D; c += LA_VW)
            LA_LANES(rank_one_out, D - c, k + c, a + c, iclr + c, replacement + c, b + c, key + c);
}

LA_INLINE void rank_one_back(int64_t n, const float *k, const float *a, const float *iclr,
                             const float *replacement, float *dk, float *da, float *db,
                             float *dreplacement)
{
    la_vf through = get(db, n), dkey = get(dk, n), rate = get(iclr, n), by = get(replacement, n);
    la_vf less = rate - la_v_set(1.0f), dkey_k = dkey * get(k, n);
    put(da, get(da, n) - through * rate, n);
    put(db, dkey_k * by - through * get(a, n), n);
    put(dreplacement, la_v_fma(dkey_k, less, get(dreplacement, n)), n);
    put(dk, la_v_fma(dkey * less, by, dkey), n);
}

void LA_LAYER(rank_one_grad)(int64_t N, int64_t D, const float *k, const float *a,
                             const float *iclr, const float *replacement, float *dk, float *da,
                             float *db, float *dreplacement)
{
    for (int64_t i = 0; i < N; i++, k += D, a += D, iclr += D, dk += D, da += D, db += D)
        for (int64_t c = 0; c < D; c += LA_VW)
            LA_LANES(rank_one_back, D - c, k + c, a + c, iclr + c, replacement + c, dk + c, da + c,
                     db + c, dreplacement + c);
}

LA_INLINE void removal_back(int64_t n, const float *k, const float *removal, const float *da,
                            const float *diclr, float *dk, float *dremoval, float *dbias)
{
    la_vf d = get(da, n);
    put(dk, get(dk, n) - get(removal, n) * d, n);
    put(dremoval, get(dremoval, n) - get(k, n) * d, n);
    put(dbias, get(dbias, n) + get(diclr, n), n);
}

void LA_LAYER(removal_grad)(int64_t N, int64_t D, const float *k, const float *removal,
                            const float *da, const float *diclr, float *dk, float *dremoval,
                            float *dbias)
{
    for (int64_t i = 0; i < N; i++, k += D, da += D, diclr += D, dk += D)
        for (int64_t c = 0; c < D; c += LA_VW)
            LA_LANES(removal_back, D - c, k + c, removal + c, da + c, diclr + c, dk + c,
                     dremoval + c, dbias + c);
}
