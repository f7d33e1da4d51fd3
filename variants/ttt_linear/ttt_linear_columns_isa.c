/* SPDX-License-Identifier: Apache-2.0
 * The rows of a mini-batch through the layer norm and its gradient, in steps between which threads that
 * have different columns add up what they know of a row. Compiled once per instruction set. Rows do not
 * depend on each other, so that their sums overlap.
 */
#include "labench/simd.h"
#include "ttt_linear_lanes.h"

la_ttt_sums LA_ISA(la_ttt_sums_of);
la_ttt_moments LA_ISA(la_ttt_moments_of);
la_ttt_gradient LA_ISA(la_ttt_gradient_of);
la_ttt_means LA_ISA(la_ttt_means_of);
la_ttt_through LA_ISA(la_ttt_through_of);
la_ttt_outputs LA_ISA(la_ttt_outputs_of);

/* x as far as it has channels, of those from c. */
LA_INLINE la_vf residual(const float *x, int64_t dk, int64_t c, int64_t lanes)
{
    int64_t there = lanes_at(dk, c);
    return there >= lanes ? load(x, c, lanes)
           : there > 0    ? la_v_load_n(x + c, there)
                          : la_v_set(0.0f);
}

void LA_ISA(la_ttt_sums_of)(const la_ttt_rows *r, float *Z, float *sums, int64_t C)
{
    int64_t n = r->dv;
    for (int64_t i = 0; i < r->n; i++) {
        float *z = Z + i * r->ld;
        la_vf sum = la_v_set(0.0f), squares = la_v_set(0.0f);
        CHANNELS(n)
        {
            la_vf v = load(z, c, lanes) + load(r->bias, c, lanes);
            sum += v;
            store(z, c, v, lanes);
        }
        if (!r->gamma) continue;
        float mean = n > 0 ? la_v_sum(sum) / (float)n : 0.0f;
        CHANNELS(n)
        {
            la_vf v = load(z, c, lanes) - la_v_set(mean);
            if (lanes < LA_VW)
                v = la_v_select(la_v_less(la_v_iota(), la_v_set((float)lanes)), v, la_v_set(0.0f));
            squares = la_v_fma(v, v, squares);
        }
        sums[i] = mean;
        sums[C + i] = la_v_sum(squares);
    }
}

/* The squares about the mean of all are those about the means of parts, and those of the parts' means. */
void LA_ISA(la_ttt_moments_of)(int64_t C, int64_t shares, int64_t each, int64_t n,
                               const float *sums, float *mean, float *rstd)
{
    for (int64_t i = 0; i < C; i += LA_VW) {
        la_vf total = la_v_set(0.0f), squares = la_v_set(0.0f);
        for (int64_t s = 0; s < shares; s++) {
            int64_t has = n - s * each < each ? n - s * each : each;
            la_vf part = la_v_set((float)(has > 0 ? has : 0) / (float)n);
            total = la_v_fma(part, la_v_load(sums + s * 2 * C + i), total);
        }
        for (int64_t s = 0; s < shares; s++) {
            int64_t has = n - s * each < each ? n - s * each : each;
            la_vf weight = la_v_set((float)(has > 0 ? has : 0));
            la_vf off = la_v_load(sums + s * 2 * C + i) - total;
            squares += la_v_fma(weight * off, off, la_v_load(sums + s * 2 * C + C + i));
        }
        la_vf variance = la_v_fma(squares, la_v_set(1.0f / (float)n), la_v_set((float)LA_TTT_EPS));
        la_v_store(mean + i, total);
        la_v_store(rstd + i, la_v_set(1.0f) / la_v_sqrt(variance));
    }
}

void LA_ISA(la_ttt_gradient_of)(const la_ttt_rows *r, float *Z, const float *mean,
                                const float *rstd, float *G, float *sums, int64_t C)
{
    int64_t n = r->dv;
    for (int64_t i = 0; i < r->n; i++) {
        float *z = Z + i * r->ld, *g = G + i * r->ld;
        const float *k = r->k + i * r->qk_row, *v = r->v + i * r->v_row;
        la_vf sum = la_v_set(0.0f), along = la_v_set(0.0f);
        if (!r->gamma) {
            CHANNELS(n) store(g, c, load(z, c, lanes) - load(v, c, lanes), lanes);
            continue;
        }
        la_vf shift = la_v_set(mean[i]), by = la_v_set(rstd[i]);
        CHANNELS(n)
        {
            la_vf gamma = load(r->gamma, c, lanes), x = by * (load(z, c, lanes) - shift);
            la_vf y = la_v_fma(gamma, x, load(r->beta, c, lanes));
            la_vf a = gamma * (y + residual(k, r->dk, c, lanes) - load(v, c, lanes));
            store(z, c, x, lanes);
            store(g, c, a, lanes);
            sum += a; /* 0 where gamma is not loaded */
            along = la_v_fma(a, x, along);
        }
        sums[i] = la_v_sum(sum);
        sums[C + i] = la_v_sum(along);
    }
}

void LA_ISA(la_ttt_means_of)(int64_t C, int64_t shares, int64_t n, const float *sums, float *mean_a,
                             float *mean_ax)
{
    la_vf by = la_v_set(1.0f / (float)n);
    for (int64_t i = 0; i < C; i += LA_VW) {
        la_vf a = la_v_set(0.0f), ax = la_v_set(0.0f);
        for (int64_t s = 0; s < shares; s++) {
            a += la_v_load(sums + s * 2 * C + i);
            ax += la_v_load(sums + s * 2 * C + C + i);
        }
        la_v_store(mean_a + i, by * a);
        la_v_store(mean_ax + i, by * ax);
    }
}

void LA_ISA(la_ttt_through_of)(const la_ttt_rows *r, const float *X, const float *rstd,
                               const float *G, const float *mean_a, const float *mean_ax, float *H)
{
    int64_t n = r->dv;
    for (int64_t i = 0; i < r->n; i++) {
        const float *x = X + i * r->ld, *g = G + i * r->ld;
        float *h = H + i * r->ld;
        la_vf eta = la_v_set(r->eta[i]);
        if (!r->gamma) {
            CHANNELS(n) store(h, c, eta * load(g, c, lanes), lanes);
            continue;
        }
        la_vf a = la_v_set(mean_a[i]), ax = la_v_set(mean_ax[i]), by = eta * la_v_set(rstd[i]);
        CHANNELS(n)
        store(h, c, by * (load(g, c, lanes) - a - ax * load(x, c, lanes)), lanes);
    }
}

void LA_ISA(la_ttt_outputs_of)(const la_ttt_rows *r, const float *Y, const float *mean,
                               const float *rstd, float *o)
{
    int64_t n = r->dv;
    for (int64_t i = 0; i < r->n; i++) {
        const float *y = Y + i * r->ld, *q = r->q + i * r->qk_row;
        float *out = o + i * r->v_row;
        if (!r->gamma) {
            CHANNELS(n) store(out, c, load(y, c, lanes), lanes);
            continue;
        }
        la_vf shift = la_v_set(mean[i]), by = la_v_set(rstd[i]);
        CHANNELS(n)
        {
            la_vf x = by * (load(y, c, lanes) - shift);
            x = la_v_fma(load(r->gamma, c, lanes), x, load(r->beta, c, lanes));
            store(out, c, x + residual(q, r->dk, c, lanes), lanes);
        }
    }
}
