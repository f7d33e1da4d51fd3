/* SPDX-License-Identifier: Apache-2.0
 * The inner tile of flash's backward, compiled once per instruction set: scores and their weights once
 * more, the gradients of both, and what they add to dQ, dK and dV.
 */
#include <math.h>

#include "flash_kernels.h"

/* The keys of a span, whose first lane's row sees keys [hidden, visible): p from scores, and from the gradients
 * of p those of the scores (slopes). p, ds, lse2 and delta begin with the span. */
LA_INLINE void weigh(const flash_back_block *b, const flash_span *s, const bool slopes,
                     int64_t hidden, int64_t visible, const float *lse2, const float *delta,
                     float *p, float *ds)
{
    const int64_t w = LA_VPANEL * LA_VW;
    const la_vf scale = la_v_set(b->scale2), zero = la_v_set(0.0f);
    for (int64_t at = 0; at < s->last - s->first; at += LA_VW) {
        const la_vf low = zero - la_v_load(lse2 + at), mean = la_v_load(delta + at);
        float *pj = p + at, *dj = ds + at;
        for (int64_t j = s->from; j < s->end; j++, pj += w, dj += w) {
            int64_t before = j - visible - at, upto = j - hidden - at; /* lanes between see it */
            la_vf x = la_v_exp2(la_v_fma(la_v_load(pj), scale, low));
            if (before >= 0 || upto < LA_VW - 1) {
                x = la_v_select(la_v_less(la_v_set((float)before), la_v_iota()), x, zero);
                x = la_v_select(la_v_less(la_v_iota(), la_v_set((float)(upto + 1))), x, zero);
            }
            la_v_store(pj, x);
            if (slopes) la_v_store(dj, x * (la_v_load(dj) - mean));
        }
    }
}

#if defined(__AVX512BF16__)
enum { NARROW = 1 };

/* Weights and gradients of the scores, n keys of `vectors` vectors of a panel, as the products of bf16 read
 * them: rows of bf16 in place of the floats they are made of, and of the gradients pairs of keys too. */
static void round_off(const flash_back_block *b, int64_t n, int64_t vectors)
{
    const int64_t w = LA_VPANEL * LA_VW;
    la_bf16 *p = (la_bf16 *)(void *)b->p, *ds = (la_bf16 *)(void *)b->ds;
    for (int64_t j = 0; j < n; j++)
        for (int64_t c = 0; c < vectors * LA_VW; c += LA_VW)
            la_v_store_bf16(p + j * w + c, la_v_load(b->p + j * w + c));
    for (int64_t j = 0; j < n; j += 2)
        for (int64_t c = 0; c < vectors * LA_VW; c += LA_VW) {
            const float *from = b->ds + j * w + c;
            la_vf low = la_v_load(from), high = la_v_set(0.0f);
            if (j + 1 < n) high = la_v_load(from + w);
            _mm512_storeu_si512(b->pairs + j / 2 * w + c, la_v_pair_of(low, high));
        }
    for (int64_t j = 0; j < n; j++)
        for (int64_t c = 0; c < vectors * LA_VW; c += LA_VW)
            la_v_store_bf16(ds + j * w + c, la_v_load(b->ds + j * w + c));
}
#else
enum { NARROW = 0 };

void LA_ISA(la_flash_deltas)(int64_t n, int64_t d, const float *o, const float *dout, int64_t step,
                             float *delta)
{
    for (int64_t i = 0; i < n; i++, o += step, dout += step) {
        la_vf sum = la_v_set(0.0f);
        int64_t c = 0;
        for (; c + LA_VW <= d; c += LA_VW)
            sum = la_v_fma(la_v_load(o + c), la_v_load(dout + c), sum);
        if (c < d) sum = la_v_fma(la_v_load_n(o + c, d - c), la_v_load_n(dout + c, d - c), sum);
        delta[i] = la_v_sum(sum);
    }
}

static void round_off(const flash_back_block *b, int64_t n, int64_t vectors)
{
    (void)b, (void)n, (void)vectors;
}
#endif

/* C[M,N] = X [M,d] times panel [d, N], of words as rows in place and panels are. */
static void rows_by_panel(const flash_back_block *b, int64_t M, int64_t N, int64_t d, const void *X,
                          int64_t step, const void *panel, float *C)
{
    const int64_t w = LA_VPANEL * LA_VW;
    if (NARROW)
        b->narrow->product(M, N, d, 1.0f, X, step, 1, panel, w, false, C, w);
    else
        b->tile->nn(M, N, d, 1.0f, X, step, panel, w, false, C, w, b->scratch);
}

/* C[M,d] = or += alpha S [M,R] Y [R,d], of weights or gradients, panel columns wide, and rows of the block. */
static void scores_by_rows(const flash_back_block *b, int64_t M, int64_t d, int64_t R, float alpha,
                           const void *S, const void *Y, int64_t step, bool add, float *C,
                           int64_t ldc)
{
    const int64_t w = LA_VPANEL * LA_VW;
    if (NARROW)
        b->narrow->product(M, d, (R + 1) / 2, alpha, S, w / 2, 1, Y, step, add, C, ldc);
    else
        b->tile->nn(M, d, R, alpha, S, w, Y, step, add, C, ldc, b->scratch);
}

/* The keys of a span against its lanes of panel i, whose first row sees keys [hidden, visible). */
static void meet(const flash_back_block *b, const flash_back_keys *to, int64_t i,
                 const flash_span *span, int64_t hidden, int64_t visible)
{
    const flash_keys *keys = &to->keys;
    const int64_t w = LA_VPANEL * LA_VW, dk = b->dk, dv = b->dv, first = span->first;
    const int64_t from = span->from, n = span->end - from, row = la_flash_back_row(b, i) + first;
    const int64_t lanes = span->last - first, vectors = lanes / LA_VW;
    const int64_t rows = b->rows - row < lanes ? b->rows - row : lanes;
    const int64_t k2 = NARROW ? b->k2 : dk, v2 = NARROW ? b->v2 : dv;
    const int64_t at = NARROW ? row / 2 : row; /* of the block's rows, or their pairs */
    const bool slopes = b->dq || to->dk, add = !to->fresh || i < b->panels - 1;
    const uint32_t *k = (const uint32_t *)keys->k + from * keys->k_step;
    const uint32_t *v = (const uint32_t *)keys->v + from * keys->v_step;
    const uint32_t *qt = (const uint32_t *)b->qt + i * k2 * w + first;
    const uint32_t *dot = (const uint32_t *)b->dot + i * v2 * w + first;
    float *p = b->p, *ds = b->ds;
    rows_by_panel(b, n, lanes, k2, k, keys->k_step, qt, p);
    if (slopes) rows_by_panel(b, n, lanes, v2, v, keys->v_step, dot, ds);
    hidden += first, visible += first;
    if (slopes)
        weigh(b, span, true, hidden, visible, b->lse2 + row, b->delta + row, p, ds);
    else
        weigh(b, span, false, hidden, visible, b->lse2 + row, b->delta + row, p, ds);
    round_off(b, n, vectors);
    float *dq = b->dq ? b->dq + row * b->dq_step : NULL;
    const bool add_dq = !(b->fresh_dq && to->first && from == 0);
    if (dq && NARROW)
        b->narrow->product(rows, dk, (n + 1) / 2, b->scale, b->pairs, 1, w, b->kp + from / 2 * dk,
                           dk, add_dq, dq, b->dq_step);
    else if (dq)
        b->tile->tn(rows, dk, n, b->scale, ds, w, (const float *)(const void *)k, keys->k_step,
                    add_dq, dq, b->dq_step, b->scratch);
    if (to->dk)
        scores_by_rows(b, n, dk, rows, b->scale, ds, (const uint32_t *)b->q + at * b->q_step,
                       b->q_step, add, to->dk + from * to->dk_step, to->dk_step);
    if (to->dv)
        scores_by_rows(b, n, dv, rows, 1.0f, p, (const uint32_t *)b->dout + at * b->dout_step,
                       b->dout_step, add, to->dv + from * to->dv_step, to->dv_step);
}

void LA_ISA(la_flash_back)(const flash_back_block *b, const flash_back_keys *to)
{
    for (int64_t i = b->panels - 1; i >= 0; i--) {
        int64_t first = la_flash_back_row(b, i), rows = la_flash_back_rows(b, i);
        int64_t lanes = (rows + LA_VW - 1) / LA_VW * LA_VW, n = to->keys.n;
        int64_t hidden = to->keys.hidden + first, visible = to->keys.visible + first;
        if (visible + rows - 1 < n) n = visible + rows - 1; /* what the last row sees */
        int64_t start = hidden > 0 ? hidden : 0;            /* what the first row sees */
        int64_t early = hidden, late = visible;
        if (NARROW) { /* borders at pairs of keys: a little more is done, and its weights are 0 */
            start &= ~INT64_C(1);
            early &= ~INT64_C(1);
            late |= 1;
        }
        flash_span s = {.end = start};
        while (la_flash_next(&s, LA_VW, n, lanes, early, late)) meet(b, to, i, &s, hidden, visible);
    }
}
