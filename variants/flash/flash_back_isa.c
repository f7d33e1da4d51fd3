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

/* n keys, of which the panel's first row sees `visible`. */
static void weigh(const flash_back_block *b, int64_t panel, int64_t vectors, int64_t n,
                  int64_t visible, bool slopes)
{
    const int64_t w = LA_VPANEL * LA_VW;
    const float *lse2 = b->lse2 + panel * w, *delta = b->delta + panel * w;
    int64_t clear = visible < 0 ? 0 : visible < n ? visible : n;
    for (int64_t j = 0; j < clear; j++)
        key(b, vectors, false, 0, lse2, delta, b->p + j * w, slopes ? b->ds + j * w : NULL);
    for (int64_t j = clear; j < n; j++)
        key(b, vectors, true, j - visible + 1, lse2, delta, b->p + j * w,
            slopes ? b->ds + j * w : NULL);
}

void LA_ISA(la_flash_back)(const flash_back_block *b, const flash_back_keys *to)
{
    const la_tile *t = b->tile;
    const flash_keys *keys = &to->keys;
    const int64_t w = LA_VPANEL * LA_VW, dk = b->dk, dv = b->dv;
    const bool slopes = b->dqt || to->dk;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        int64_t vectors = (rows + LA_VW - 1) / LA_VW, lanes = vectors * LA_VW;
        int64_t n = keys->n, visible = keys->all ? n : keys->visible + i * w;
        if (visible + rows - 1 < n) n = visible + rows - 1;
        if (n <= 0) continue;
        t->nn(n, lanes, dk, 1.0f, keys->k, keys->k_step, b->qt + i * dk * w, w, false, b->p, w,
              b->scratch);
        if (slopes)
            t->nn(n, lanes, dv, 1.0f, keys->v, keys->v_step, b->dot + i * dv * w, w, false, b->ds,
                  w, b->scratch);
        weigh(b, i, vectors, n, visible, slopes);
        if (b->dqt)
            t->tn(dk, lanes, n, b->scale, keys->k, keys->k_step, b->ds, w, true,
                  b->dqt + i * dk * w, w, b->scratch);
        if (to->dk)
            t->nn(n, dk, rows, b->scale, b->ds, w, b->q + i * w * dk, dk, true, to->dk, to->dk_step,
                  b->scratch);
        if (to->dv)
            t->nn(n, dv, rows, 1.0f, b->p, w, b->dout + i * w * dv, dv, true, to->dv, to->dv_step,
                  b->scratch);
    }
}
