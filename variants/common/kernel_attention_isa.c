/* SPDX-License-Identifier: Apache-2.0
 * Sweeps over rows: exponents, and the gradients of quotients; compiled once per instruction set.
 */
#include <math.h>

#include "kernel_attention.h"
#include "labench/simd.h"

static void shift_max(int64_t n, int64_t m, const float *shift, float *e, int64_t lde, float *c)
{
    for (int64_t i = 0; i < m; i += LA_VW) {
        int64_t lanes = m - i < LA_VW ? m - i : LA_VW;
        la_vf top = la_v_load_n(c + i, lanes);
        for (int64_t j = 0; j < n; j++) {
            la_vf x = la_v_load_n(e + j * lde + i, lanes) - la_v_set(shift[j]);
            la_v_store_n(e + j * lde + i, x, lanes);
            top = la_v_max(top, x);
        }
        la_v_store_n(c + i, top, lanes);
    }
}

/* The n of exp(x) = p 2^n, where la_v_exp_fraction_ gives p. Unlike exp(x - base), p does not depend on what is
 * taken out. */
LA_INLINE la_vf whole_part(la_vf x)
{
    return la_v_round_(x * la_v_set(1.44269504088896341f));
}

/* p 2^n for whole n up to 1; 0 below 2^-126. */
LA_INLINE la_vf scaled(la_vf p, la_vf n)
{
    la_vf y = la_v_ldexp_(p, la_v_max(n, la_v_set(-126.0f)));
    return la_v_select(la_v_less(n, la_v_set(-126.0f)), la_v_set(0.0f), y);
}

static void exp_keys(int64_t n, int64_t m, const float *R, float *e, int64_t lde)
{
    for (int64_t j = 0; j < n; j++, e += lde)
        for (int64_t i = 0; i < m; i += LA_VW) {
            int64_t lanes = m - i < LA_VW ? m - i : LA_VW;
            la_vf x = la_v_load_n(e + i, lanes), k = whole_part(x);
            la_v_store_n(e + i, scaled(la_v_exp_fraction_(x, k), k - la_v_load_n(R + i, lanes)),
                         lanes);
        }
}

static void exp_queries(int64_t n, int64_t m, const float *R, float *f, int64_t ldf)
{
    for (int64_t j = 0; j < n; j++, f += ldf) {
        la_vf top = la_v_set(-INFINITY);
        for (int64_t i = 0; i < m; i += LA_VW) {
            /* The last vector overlaps the one before it, so that every lane exists. */
            int64_t at = m - i < LA_VW && m > LA_VW ? m - LA_VW : i;
            int64_t lanes = m - at < LA_VW ? m - at : LA_VW;
            la_vf x = la_v_load_n(f + at, lanes);
            la_vf sum = whole_part(x) + la_v_load_n(R + at, lanes);
            if (lanes < LA_VW)
                sum = la_v_select(la_v_less(la_v_iota(), la_v_set((float)lanes)), sum, top);
            top = la_v_max(top, sum);
        }
        la_vf base = la_v_set(la_v_hmax(top));
        for (int64_t i = 0; i < m; i += LA_VW) {
            int64_t lanes = m - i < LA_VW ? m - i : LA_VW;
            la_vf x = la_v_load_n(f + i, lanes), k = whole_part(x);
            k = k + la_v_load_n(R + i, lanes) - base;
            la_v_store_n(f + i, scaled(la_v_exp_fraction_(x, whole_part(x)), k), lanes);
        }
    }
}

static void numerators(int64_t n, int64_t d, const float *dout, const float *o, int64_t ld,
                       const float *den, float eps, float scale, float *D, int64_t ldd, float *e)
{
    int64_t whole = d - d % LA_VW;
    for (int64_t i = 0; i < n; i++, dout += ld, o += ld, D += ldd) {
        float inverse = 1.0f / (den[i] + eps);
        la_vf factor = la_v_set(scale * inverse), sum = la_v_set(0.0f);
        for (int64_t c = 0; c < whole; c += LA_VW) {
            la_vf x = la_v_load(dout + c);
            la_v_store(D + c, factor * x);
            sum = la_v_fma(x, la_v_load(o + c), sum);
        }
        if (whole < d) {
            la_vf x = la_v_load_n(dout + whole, d - whole);
            la_v_store_n(D + whole, factor * x, d - whole);
            sum = la_v_fma(x, la_v_load_n(o + whole, d - whole), sum);
        }
        e[i] = -inverse * la_v_sum(sum);
    }
}

static void add(int64_t n, float fa, const float *a, float fb, const float *b, float *sum)
{
    la_vf with_a = la_v_set(fa), with_b = la_v_set(fb);
    int64_t whole = n - n % LA_VW;
    for (int64_t i = 0; i < whole; i += LA_VW)
        la_v_store(sum + i, la_v_fma(with_b, la_v_load(b + i), with_a * la_v_load(a + i)));
    for (int64_t i = whole; i < n; i++) sum[i] = fa * a[i] + fb * b[i];
}

extern const la_ka_sweeps LA_ISA(la_ka_sweeps);
const la_ka_sweeps LA_ISA(la_ka_sweeps) = {shift_max, exp_keys, exp_queries, add, numerators};
