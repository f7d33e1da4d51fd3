/* SPDX-License-Identifier: Apache-2.0
 * The inner tile of flash's backward, compiled once per instruction set: scores and their weights once
 * more, the gradients of both, and what they add to dQ, dK and dV.
 */
#include <math.h>

#include "flash_kernels.h"

/* One key of a panel of `vectors` vectors: p from scores; from the gradient of p that of the score. Row i
 * sees the key where before < i <= upto. */
LA_INLINE void key(const flash_back_block *b, int64_t vectors, bool masked, int64_t before,
                   int64_t upto, const float *lse2, const float *delta, float *p, float *ds)
{
    la_vf scale = la_v_set(b->scale2), zero = la_v_set(0.0f);
    for (int64_t v = 0; v < vectors; v++) {
        int64_t at = v * LA_VW;
        la_vf w = la_v_exp2(la_v_fma(la_v_load(p + at), scale, zero - la_v_load(lse2 + at)));
        if (masked) {
            la_vf late = la_v_iota() + la_v_set((float)(at - before));
            la_vf early = la_v_set((float)(upto + 1 - at)) - la_v_iota();
            w = la_v_select(la_v_less(zero, late), w, zero);
            w = la_v_select(la_v_less(zero, early), w, zero);
        }
        la_v_store(p + at, w);
        if (ds) la_v_store(ds + at, w * (la_v_load(ds + at) - la_v_load(delta + at)));
    }
}

/* The keys of a span against its lanes of panel i, whose first row sees keys [hidden, visible). */
static void meet(const flash_back_block *b, const flash_back_keys *to, int64_t i,
                 const flash_span *span, int64_t hidden, int64_t visible)
{
    const la_tile *t = b->tile;
    const flash_keys *keys = &to->keys;
    const int64_t w = LA_VPANEL * LA_VW, dk = b->dk, dv = b->dv, first = span->first;
    const int64_t from = span->from, n = span->end - from, row = i * w + first;
    const int64_t lanes = span->last - first, vectors = lanes / LA_VW;
    const int64_t rows = b->rows - row < lanes ? b->rows - row : lanes;
    const bool slopes = b->dqt || to->dk;
    const float *k = keys->k + from * keys->k_step, *v = keys->v + from * keys->v_step;
    float *p = b->p, *ds = b->ds;
    t->nn(n, lanes, dk, 1.0f, k, keys->k_step, b->qt + i * dk * w + first, w, false, p, w,
          b->scratch);
    if (slopes)
        t->nn(n, lanes, dv, 1.0f, v, keys->v_step, b->dot + i * dv * w + first, w, false, ds, w,
              b->scratch);
    for (int64_t j = 0; j < n; j++) {
        int64_t before = from + j - visible - first, upto = from + j - hidden - first;
        float *slope = slopes ? ds + j * w : NULL;
        if (before >= 0 || upto < lanes - 1)
            key(b, vectors, true, before, upto, b->lse2 + row, b->delta + row, p + j * w, slope);
        else
            key(b, vectors, false, 0, 0, b->lse2 + row, b->delta + row, p + j * w, slope);
    }
    if (b->dqt)
        t->tn(dk, lanes, n, b->scale, k, keys->k_step, ds, w, true, b->dqt + i * dk * w + first, w,
              b->scratch);
    if (to->dk)
        t->nn(n, dk, rows, b->scale, ds, w, b->q + row * dk, dk, true, to->dk + from * to->dk_step,
              to->dk_step, b->scratch);
    if (to->dv)
        t->nn(n, dv, rows, 1.0f, p, w, b->dout + row * dv, dv, true, to->dv + from * to->dv_step,
              to->dv_step, b->scratch);
}

void LA_ISA(la_flash_back)(const flash_back_block *b, const flash_back_keys *to)
{
    const int64_t w = LA_VPANEL * LA_VW;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        int64_t lanes = (rows + LA_VW - 1) / LA_VW * LA_VW, n = to->keys.n;
        int64_t hidden = to->keys.hidden + i * w, visible = to->keys.visible + i * w;
        if (visible + rows - 1 < n) n = visible + rows - 1; /* what the last row sees */
        flash_span s = {.end = hidden > 0 ? hidden : 0};    /* what the first row sees */
        while (la_flash_next(&s, LA_VW, n, lanes, hidden, visible))
            meet(b, to, i, &s, hidden, visible);
    }
}
