/* SPDX-License-Identifier: Apache-2.0
 * AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) and what clipping needs.
 */
#include "layers_isa.h"

typedef struct adamw_factors {
    float grad_scale, beta1, rest1, beta2, rest2; /* rest = 1 - beta */
    float keep;                                   /* 1 - lr wd */
    float step;                                   /* lr / correct1 */
    float root;                                   /* 1 / sqrt(correct2) */
    float eps;
} adamw_factors;

LA_INLINE void adamw_part(int64_t n, const adamw_factors *f, const float *g, float *w, float *m,
                          float *v)
{
    la_vf gv = get(g, n) * la_v_set(f->grad_scale);
    la_vf mv = la_v_fma(gv, la_v_set(f->rest1), get(m, n) * la_v_set(f->beta1));
    la_vf vv = la_v_fma(gv * gv, la_v_set(f->rest2), get(v, n) * la_v_set(f->beta2));
    la_vf below = la_v_fma(la_v_sqrt(vv), la_v_set(f->root), la_v_set(f->eps));
    put(m, mv, n);
    put(v, vv, n);
    put(w, get(w, n) * la_v_set(f->keep) - mv * la_v_set(f->step) / below, n);
}

void LA_LAYER(adamw)(int64_t n, const la_adamw *how, const float *g, float *w, float *m, float *v)
{
    const adamw_factors f = {
        .grad_scale = how->grad_scale,
        .beta1 = how->beta1,
        .rest1 = 1.0f - how->beta1,
        .beta2 = how->beta2,
        .rest2 = 1.0f - how->beta2,
        .keep = 1.0f - how->lr * how->weight_decay,
        .step = how->lr / how->correct1,
        .root = 1.0f / sqrtf(how->correct2),
        .eps = how->eps,
    };
    for (int64_t i = 0; i < n; i += LA_VW)
        LA_LANES(adamw_part, n - i, &f, g + i, w + i, m + i, v + i);
}

/* Squares and sums are doubles: neither a large nor a tiny gradient leaves their range. */
typedef double doubles __attribute__((vector_size(LA_VW * 4)));
typedef float halves __attribute__((vector_size(LA_VW * 2)));
enum { HALF = LA_VW / 2 };

LA_INLINE doubles square_of(const float *x)
{
    halves h;
    memcpy(&h, x, sizeof h);
    doubles d = __builtin_convertvector(h, doubles);
    return d * d;
}

double LA_LAYER(sum_squares)(int64_t n, const float *x)
{
    doubles a = {0.0}, b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 4 * HALF <= n; i += 4 * HALF) {
        a += square_of(x + i);
        b += square_of(x + i + HALF);
        c += square_of(x + i + 2 * HALF);
        d += square_of(x + i + 3 * HALF);
    }
    double sum = 0.0;
    a = (a + b) + (c + d);
    for (int j = 0; j < HALF; j++) sum += a[j];
    for (; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

LA_INLINE void add_part(int64_t n, const float *x, float *y)
{
    put(y, get(y, n) + get(x, n), n);
}

void LA_LAYER(add)(int64_t n, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i += LA_VW) LA_LANES(add_part, n - i, x + i, y + i);
}

/* `vectors` of the columns, or n lanes of one: they stay in registers over the rows. */
LA_INLINE void sum_columns(const int vectors, int64_t n, int64_t N, int64_t M, const float *y,
                           float *row)
{
    la_vf sum[4];
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) sum[c] = get(row + c * LA_VW, n);
    for (int64_t i = 0; i < N; i++, y += M)
#pragma GCC unroll 4
        for (int c = 0; c < vectors; c++) sum[c] = sum[c] + get(y + c * LA_VW, n);
#pragma GCC unroll 4
    for (int c = 0; c < vectors; c++) put(row + c * LA_VW, sum[c], n);
}

void LA_LAYER(sum_rows)(int64_t N, int64_t M, const float *y, float *row)
{
    int64_t j = 0;
    for (; j + 4 * LA_VW <= M; j += 4 * LA_VW) sum_columns(4, LA_VW, N, M, y + j, row + j);
    for (; j + LA_VW <= M; j += LA_VW) sum_columns(1, LA_VW, N, M, y + j, row + j);
    if (j < M) sum_columns(1, M - j, N, M, y + j, row + j);
}
