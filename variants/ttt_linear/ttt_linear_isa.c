/* SPDX-License-Identifier: Apache-2.0
 * The rows of a mini-batch through the layer norm, its gradient, and the gradient of that; compiled once
 * per instruction set. A row is dv channels in the L1 cache, so several short sweeps cost little.
 */
#include <math.h>

#include "delta_product.h"
#include "labench/simd.h"
#include "ttt_linear_lanes.h"

la_ttt_product LA_ISA(la_ttt_product_of);
la_ttt_weigh LA_ISA(la_ttt_weigh_rows);
la_ttt_update LA_ISA(la_ttt_update_of);
la_ttt_plus LA_ISA(la_ttt_plus_of);
la_ttt_copy LA_ISA(la_ttt_copy_rows);
la_ttt_sum LA_ISA(la_ttt_sum_rows);
la_ttt_inner LA_ISA(la_ttt_inner_rows);
la_ttt_outer LA_ISA(la_ttt_outer_rows);
la_ttt_outer_back LA_ISA(la_ttt_outer_back_rows);
la_ttt_inner_back LA_ISA(la_ttt_inner_back_rows);

LA_INLINE void add_to(float *p, int64_t c, la_vf v, int64_t lanes)
{
    store(p, c, load(p, c, lanes) + v, lanes);
}

/* z + bias -> x = (z - mean) / sqrt(var + eps), in place; returns 1 / sqrt(var + eps). */
LA_INLINE float normed(int64_t n, float *z, const float *bias)
{
    la_vf sum = la_v_set(0.0f), squares = la_v_set(0.0f);
    CHANNELS(n)
    {
        la_vf v = load(z, c, lanes) + load(bias, c, lanes);
        sum += v;
        store(z, c, v, lanes);
    }
    la_vf mean = la_v_set(la_v_sum(sum) / (float)n);
    CHANNELS(n) store(z, c, load(z, c, lanes) - mean, lanes);
    CHANNELS(n)
    {
        la_vf v = load(z, c, lanes);
        squares = la_v_fma(v, v, squares);
    }
    float r = 1.0f / sqrtf(la_v_sum(squares) / (float)n + (float)LA_TTT_EPS);
    la_vf by = la_v_set(r);
    CHANNELS(n) store(z, c, load(z, c, lanes) * by, lanes);
    return r;
}

/* y = r (a - mean(a) - x mean(a x)); y may be a. */
LA_INLINE void through_norm(int64_t n, float r, const float *x, const float *a, float *y)
{
    la_vf sum = la_v_set(0.0f), along = la_v_set(0.0f);
    CHANNELS(n)
    {
        la_vf v = load(a, c, lanes);
        sum += v;
        along = la_v_fma(v, load(x, c, lanes), along);
    }
    la_vf mean = la_v_set(la_v_sum(sum) / (float)n);
    la_vf share = la_v_set(la_v_sum(along) / (float)n), by = la_v_set(r);
    CHANNELS(n)
    store(y, c, by * (load(a, c, lanes) - mean - share * load(x, c, lanes)), lanes);
}

/* ---- some rows at a time of `vecs` whole vectors, in registers from end to end: what they wait for, above
 * all their sums, overlaps ---- */

#define WIDEST 16 /* vectors of all these rows */

/* From rows of Z, ld apart: normed, in z, and 1/std. */
LA_INLINE void normed_wide(const la_ttt_rows *r, const int rows, const int vecs, const float *Z,
                           la_vf *z, float *rstd)
{
    float mean[8], n = (float)r->dv;
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
        la_vf sum = la_v_set(0.0f);
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) {
            int at = m * vecs + v;
            z[at] = la_v_load(Z + m * r->ld + v * LA_VW) + la_v_load(r->bias + v * LA_VW);
            sum += z[at];
        }
        mean[m] = la_v_sum(sum) / n;
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
        la_vf squares = la_v_set(0.0f);
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) {
            int at = m * vecs + v;
            z[at] -= la_v_set(mean[m]);
            squares = la_v_fma(z[at], z[at], squares);
        }
        rstd[m] = 1.0f / sqrtf(la_v_sum(squares) / n + (float)LA_TTT_EPS);
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) z[m * vecs + v] *= la_v_set(rstd[m]);
}

LA_INLINE void inner_wide(const la_ttt_rows *r, int64_t i, const int rows, const int vecs, float *Z,
                          float *rstd, float *G, float *H)
{
    const float *k = r->k + i * r->qk_row, *v = r->v + i * r->v_row;
    float *z = Z + i * r->ld, *g = G + i * r->ld, *h = H + i * r->ld, n = (float)r->dv;
    float mean[8], share[8];
    la_vf x[WIDEST];
    normed_wide(r, rows, vecs, z, x, rstd + i);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
        la_vf sum = la_v_set(0.0f), along = la_v_set(0.0f);
#pragma GCC unroll 8
        for (int c = 0; c < vecs; c++) {
            la_vf gamma = la_v_load(r->gamma + c * LA_VW), xs = x[m * vecs + c];
            la_vf y = la_v_fma(gamma, xs, la_v_load(r->beta + c * LA_VW));
            la_vf target = la_v_load(v + m * r->v_row + c * LA_VW);
            la_vf a = gamma * (y + la_v_load(k + m * r->qk_row + c * LA_VW) - target);
            sum += a;
            along = la_v_fma(a, xs, along);
            la_v_store(z + m * r->ld + c * LA_VW, xs);
            la_v_store(g + m * r->ld + c * LA_VW, a);
        }
        mean[m] = la_v_sum(sum) / n;
        share[m] = la_v_sum(along) / n;
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
        la_vf by = la_v_set(rstd[i + m]), eta = la_v_set(r->eta[i + m]);
#pragma GCC unroll 8
        for (int c = 0; c < vecs; c++) {
            float *to = g + m * r->ld + c * LA_VW;
            la_vf off = la_v_set(mean[m]) + la_v_set(share[m]) * x[m * vecs + c];
            la_vf gradient = by * (la_v_load(to) - off);
            la_v_store(to, gradient);
            la_v_store(h + m * r->ld + c * LA_VW, eta * gradient);
        }
    }
}

LA_INLINE void outer_wide(const la_ttt_rows *r, int64_t i, const int rows, const int vecs, float *Z,
                          float *rstd, float *o)
{
    const float *q = r->q + i * r->qk_row;
    float *z = Z + i * r->ld, *out = o ? o + i * r->v_row : NULL;
    la_vf x[WIDEST], s = la_v_set(r->scale);
    normed_wide(r, rows, vecs, z, x, rstd + i);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 8
        for (int c = 0; c < vecs; c++) {
            la_vf xs = x[m * vecs + c];
            la_v_store(z + m * r->ld + c * LA_VW, xs);
            if (!out) continue;
            la_vf y = la_v_fma(la_v_load(r->gamma + c * LA_VW), xs, la_v_load(r->beta + c * LA_VW));
            la_vf own = la_v_load(q + m * r->qk_row + c * LA_VW);
            la_v_store(out + m * r->v_row + c * LA_VW, la_v_fma(s, own, y));
        }
}

/* Rows of 2, 4 and 8 vectors have loops of their own; `fn` takes rows i and following, all rows through. */
#define WIDE_ROWS(fn, r, ...)                                                                      \
    do {                                                                                           \
        int64_t i_ = 0;                                                                            \
        switch (width_of(r)) {                                                                     \
        case 2:                                                                                    \
            for (; i_ + 4 <= (r)->n; i_ += 4) fn(r, i_, 4, 2, __VA_ARGS__);                        \
            for (; i_ < (r)->n; i_++) fn(r, i_, 1, 2, __VA_ARGS__);                                \
            return;                                                                                \
        case 4:                                                                                    \
            for (; i_ + 4 <= (r)->n; i_ += 4) fn(r, i_, 4, 4, __VA_ARGS__);                        \
            for (; i_ < (r)->n; i_++) fn(r, i_, 1, 4, __VA_ARGS__);                                \
            return;                                                                                \
        case 8:                                                                                    \
            for (; i_ + 2 <= (r)->n; i_ += 2) fn(r, i_, 2, 8, __VA_ARGS__);                        \
            for (; i_ < (r)->n; i_++) fn(r, i_, 1, 8, __VA_ARGS__);                                \
            return;                                                                                \
        default:                                                                                   \
            break;                                                                                 \
        }                                                                                          \
    } while (0)

/* Vectors of a row, where it is one of the widths that have a loop of their own. */
static int width_of(const la_ttt_rows *r)
{
    bool whole = r->gamma && r->dv % LA_VW == 0 && r->dk >= r->dv;
    int64_t vecs = r->dv / LA_VW;
    return whole && (vecs == 2 || vecs == 4 || vecs == 8) ? (int)vecs : 0;
}

void LA_ISA(la_ttt_inner_rows)(const la_ttt_rows *r, float *Z, float *rstd, float *G, float *H)
{
    int64_t n = r->dv;
    WIDE_ROWS(inner_wide, r, Z, rstd, G, H);
    for (int64_t i = 0; i < r->n; i++) {
        float *z = Z + i * r->ld, *g = G + i * r->ld, *h = H + i * r->ld;
        const float *k = r->k + i * r->qk_row, *v = r->v + i * r->v_row;
        la_vf eta = la_v_set(r->eta[i]);
        if (!r->gamma) {
            CHANNELS(n)
            {
                la_vf e = load(z, c, lanes) + load(r->bias, c, lanes) - load(v, c, lanes);
                store(g, c, e, lanes);
                store(h, c, eta * e, lanes);
            }
            continue;
        }
        rstd[i] = normed(n, z, r->bias);
        CHANNELS(n)
        {
            la_vf gamma = load(r->gamma, c, lanes);
            la_vf y = la_v_fma(gamma, load(z, c, lanes), load(r->beta, c, lanes));
            la_vf error = y + load(k, c, lanes_at(r->dk, c) < lanes ? lanes_at(r->dk, c) : lanes) -
                          load(v, c, lanes);
            store(g, c, gamma * error, lanes);
        }
        through_norm(n, rstd[i], z, g, g);
        CHANNELS(n) store(h, c, eta * load(g, c, lanes), lanes);
    }
}

void LA_ISA(la_ttt_outer_rows)(const la_ttt_rows *r, float *Z, float *rstd, float *o)
{
    int64_t n = r->dv;
    la_vf s = la_v_set(r->scale);
    WIDE_ROWS(outer_wide, r, Z, rstd, o);
    for (int64_t i = 0; i < r->n; i++) {
        float *z = Z + i * r->ld, *out = o ? o + i * r->v_row : NULL;
        const float *q = r->q + i * r->qk_row;
        if (!r->gamma) {
            if (out) CHANNELS(n) store(out, c, load(z, c, lanes) + load(r->bias, c, lanes), lanes);
            continue;
        }
        rstd[i] = normed(n, z, r->bias);
        if (!out) continue;
        CHANNELS(n)
        {
            la_vf y =
                la_v_fma(load(r->gamma, c, lanes), load(z, c, lanes), load(r->beta, c, lanes));
            la_vf x = load(q, c, lanes_at(r->dk, c) < lanes ? lanes_at(r->dk, c) : lanes);
            store(out, c, la_v_fma(s, x, y), lanes);
        }
    }
}

void LA_ISA(la_ttt_outer_back_rows)(const la_ttt_rows *r, const float *dout, const float *X,
                                    const float *rstd, float *N, float *dgamma, float *dbeta)
{
    int64_t n = r->dv;
    for (int64_t i = 0; i < r->n; i++) {
        const float *d = dout + i * r->v_row, *x = X + i * r->ld;
        float *out = N + i * r->ld;
        if (!r->gamma) {
            CHANNELS(n) store(out, c, load(d, c, lanes), lanes);
            continue;
        }
        CHANNELS(n)
        {
            la_vf v = load(d, c, lanes);
            add_to(dgamma, c, v * load(x, c, lanes), lanes);
            add_to(dbeta, c, v, lanes);
            store(out, c, load(r->gamma, c, lanes) * v, lanes);
        }
        through_norm(n, rstd[i], x, out, out);
    }
}

/* One row of inner_back with a norm. With G = r (a - mean a - x mean(a x)) and D its gradient,
 *   da = r (D - mean D - x mean(D x))                            (the map is symmetric)
 *   dx = gamma^2 da - r (mean(a x) D + mean(D x) a)              a = gamma (gamma x + beta - target)
 *   dz = r (dx - mean dx - x mean(dx x)) - r x mean(D G)         the last from r itself
 * Takes D from d and leaves dz there; T gets the gradient of the target, -gamma da. */
LA_INLINE void inner_row_back(const la_ttt_rows *r, int64_t i, float *d, const float *G,
                              const float *x, float rstd, float *T, float *dgamma, float *dbeta)
{
    int64_t n = r->dv;
    const float *k = r->k + i * r->qk_row, *v = r->v + i * r->v_row;
    la_vf zero = la_v_set(0.0f), ax = zero, Dx = zero, DG = zero, sum = zero;
    CHANNELS(n)
    {
        la_vf D = load(d, c, lanes), xs = load(x, c, lanes), gamma = load(r->gamma, c, lanes);
        la_vf error = la_v_fma(gamma, xs, load(r->beta, c, lanes)) +
                      load(k, c, lanes_at(r->dk, c) < lanes ? lanes_at(r->dk, c) : lanes) -
                      load(v, c, lanes);
        store(T, c, error, lanes);
        ax = la_v_fma(gamma * error, xs, ax);
        Dx = la_v_fma(D, xs, Dx);
        DG = la_v_fma(D, load(G, c, lanes), DG);
        sum += D;
    }
    la_vf by = la_v_set(rstd), mean = la_v_set(la_v_sum(sum) / (float)n);
    la_vf mean_ax = la_v_set(la_v_sum(ax) / (float)n), mean_Dx = la_v_set(la_v_sum(Dx) / (float)n);
    CHANNELS(n)
    {
        la_vf D = load(d, c, lanes), xs = load(x, c, lanes), gamma = load(r->gamma, c, lanes);
        la_vf error = load(T, c, lanes), da = by * (D - mean - xs * mean_Dx);
        la_vf dx = gamma * gamma * da - by * (mean_ax * D + mean_Dx * gamma * error);
        add_to(dgamma, c, da * (error + gamma * xs), lanes);
        add_to(dbeta, c, gamma * da, lanes);
        store(T, c, zero - gamma * da, lanes);
        store(d, c, dx, lanes);
    }
    through_norm(n, rstd, x, d, d);
    la_vf share = la_v_set(rstd * la_v_sum(DG) / (float)n);
    CHANNELS(n) store(d, c, load(d, c, lanes) - share * load(x, c, lanes), lanes);
}

void LA_ISA(la_ttt_inner_back_rows)(const la_ttt_rows *r, float *D, const float *G, const float *X,
                                    const float *rstd, float *deta, float *T, float *dv,
                                    float *dgamma, float *dbeta)
{
    int64_t n = r->dv;
    for (int64_t i = 0; i < r->n; i++) {
        float *d = D + i * r->ld, *t = T + i * r->ld;
        const float *g = G + i * r->ld;
        la_vf sum = la_v_set(0.0f), eta = la_v_set(r->eta[i]);
        CHANNELS(n)
        {
            la_vf v = load(d, c, lanes);
            sum = la_v_fma(v, load(g, c, lanes), sum);
            store(d, c, eta * v, lanes);
        }
        deta[i] = la_v_sum(sum);
        if (r->gamma)
            inner_row_back(r, i, d, g, X + i * r->ld, rstd[i], t, dgamma, dbeta);
        else
            CHANNELS(n) store(t, c, la_v_set(0.0f) - load(d, c, lanes), lanes);
        if (dv) CHANNELS(n) store(dv, i * r->v_row + c, load(t, c, lanes), lanes);
    }
}

void LA_ISA(la_ttt_product_of)(const la_small_product *x)
{
    la_small(*x);
}

/* Rows [i, i + rows) at columns [j, j + vecs vectors). */
LA_INLINE void update_block(int64_t i, int64_t j, const int rows, const int vecs, int64_t dk,
                            int64_t dv, int64_t C, const float *K, const float *H, const float *W0,
                            float *D, float *W)
{
    la_vf sum[16];
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            sum[m * vecs + v] = la_v_load(D + (i + m) * dv + j + v * LA_VW);
    la_block_add(rows, vecs, LA_VW, C, K + i, 1, dk, H + j, dv, sum);
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            int64_t at = (i + m) * dv + j + v * LA_VW;
            la_v_store(D + at, sum[m * vecs + v]);
            if (W) la_v_store(W + at, la_v_load(W0 + at) + sum[m * vecs + v]);
        }
}

void LA_ISA(la_ttt_update_of)(int64_t dk, int64_t dv, int64_t C, const float *K, const float *H,
                              const float *W0, float *D, float *W)
{
    int64_t j = 0;
#if defined(__AVX512F__)
    for (; j + 4 * LA_VW <= dv; j += 4 * LA_VW)
        for (int64_t i = 0; i < dk; i += 4) update_block(i, j, 4, 4, dk, dv, C, K, H, W0, D, W);
    for (; j < dv; j += LA_VW)
        for (int64_t i = 0; i < dk; i += 8) update_block(i, j, 8, 1, dk, dv, C, K, H, W0, D, W);
#else
    for (; j < dv; j += 2 * LA_VW)
        for (int64_t i = 0; i < dk; i += 4) update_block(i, j, 4, 2, dk, dv, C, K, H, W0, D, W);
#endif
}

void LA_ISA(la_ttt_weigh_rows)(int64_t C, const float *factor, float *A, int64_t lda)
{
    la_vf one = la_v_set(1.0f), zero = la_v_set(0.0f);
    for (int64_t i = 0; i < C; i++)
        for (int64_t j = 0; j < C; j += LA_VW) {
            la_vf at = la_v_set((float)j) + la_v_iota(), here = la_v_set((float)i);
            la_vf x = la_v_set(factor[i]) * (la_v_load(A + i * lda + j) + one);
            la_v_store(A + i * lda + j, la_v_select(la_v_less(here, at), zero, x));
        }
}

void LA_ISA(la_ttt_copy_rows)(int64_t n, int64_t d, float s, const void *from, int64_t row,
                              float *to, int64_t ld)
{
    const float *x = from;
    la_vf factor = la_v_set(s);
    for (int64_t i = 0; i < n; i++, x += row, to += ld)
        CHANNELS(d) store(to, c, factor * load(x, c, lanes), lanes);
}

void LA_ISA(la_ttt_sum_rows)(int64_t n, int64_t d, const float *x, int64_t ld, float *sum)
{
    CHANNELS(d)
    {
        la_vf even = load(sum, c, lanes), odd = la_v_set(0.0f);
        for (int64_t i = 0; i + 1 < n; i += 2) {
            even += load(x + i * ld, c, lanes);
            odd += load(x + (i + 1) * ld, c, lanes);
        }
        if (n % 2) even += load(x + (n - 1) * ld, c, lanes);
        store(sum, c, even + odd, lanes);
    }
}

void LA_ISA(la_ttt_plus_of)(int64_t n, const float *a, const float *b, float *sum)
{
    CHANNELS(n) store(sum, c, load(a, c, lanes) + load(b, c, lanes), lanes);
}
