/* SPDX-License-Identifier: Apache-2.0
 * The inner tile of flash's backward, compiled once per instruction set: scores and their weights once
 * more, the gradients of both, and what they add to dQ, dK and dV.
 */
#include <math.h>

#include "flash_internal.h"

/* One key j of a panel of `vectors` vectors: p from scores; from the gradient of p that of the score.
 * Row i of the panel sees the key where hidden < i + 1. */
LA_INLINE void key(const flash_back_block *b, int64_t vectors, bool masked, int64_t hidden,
                   const float *lse2, const float *delta, float *p, float *ds)
{
    la_vf scale = la_v_set(b->scale2), zero = la_v_set(0.0f);
    for (int64_t v = 0; v < vectors; v++) {
        int64_t at = v * LA_VW;
        la_vf w = la_v_exp2(la_v_fma(la_v_load(p + at), scale, zero - la_v_load(lse2 + at)));
        if (masked) {
            la_vf row = la_v_iota() + la_v_set((float)(at + 1 - hidden));
            w = la_v_select(la_v_less(zero, row), w, zero);
        }
        la_v_store(p + at, w);
        if (ds) la_v_store(ds + at, w * (la_v_load(ds + at) - la_v_load(delta + at)));
    }
}

/* Keys [from, end) against lanes [first, lanes) of panel i, whose first row sees `visible` keys. */
static void meet(const flash_back_block *b, const flash_back_keys *to, int64_t i, int64_t from,
                 int64_t end, int64_t first, int64_t visible)
{
    const la_tile *t = b->tile;
    const flash_keys *keys = &to->keys;
    const int64_t w = LA_VPANEL * LA_VW, dk = b->dk, dv = b->dv, n = end - from,
                  row = i * w + first;
    const int64_t rows = b->rows - row < w - first ? b->rows - row : w - first;
    const int64_t vectors = (rows + LA_VW - 1) / LA_VW, lanes = vectors * LA_VW;
    const bool slopes = b->dqt || to->dk;
    const float *k = keys->k + from * keys->k_step, *v = keys->v + from * keys->v_step;
    float *p = b->p, *ds = b->ds;
    t->nn(n, lanes, dk, 1.0f, k, keys->k_step, b->qt + i * dk * w + first, w, false, p, w,
          b->scratch);
    if (slopes)
        t->nn(n, lanes, dv, 1.0f, v, keys->v_step, b->dot + i * dv * w + first, w, false, ds, w,
              b->scratch);
    for (int64_t j = 0; j < n; j++) {
        int64_t hidden = from + j + 1 - visible - first;
        float *slope = slopes ? ds + j * w : NULL;
        if (hidden > 0)
            key(b, vectors, true, hidden, b->lse2 + row, b->delta + row, p + j * w, slope);
        else
            key(b, vectors, false, 0, b->lse2 + row, b->delta + row, p + j * w, slope);
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
        int64_t n = to->keys.n, visible = to->keys.all ? n : to->keys.visible + i * w;
        if (visible + rows - 1 < n) n = visible + rows - 1; /* what the last row sees */
        /* Along the diagonal, the rows of a vector see LA_VW keys more than those of the last. */
        for (int64_t first = 0, from = 0; first < rows && from < n; first += LA_VW) {
            int64_t end = visible + first + LA_VW - 1 < n ? visible + first + LA_VW - 1 : n;
            if (end <= from) continue;
            meet(b, to, i, from, end, first, visible);
            from = end;
        }
    }
}
