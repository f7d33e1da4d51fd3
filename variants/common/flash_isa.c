/* SPDX-License-Identifier: Apache-2.0
 * The inner tile of flash, compiled once per instruction set: scores of a panel, online softmax, and
 * the panel's output.
 */
#include <math.h>

#include "flash_kernels.h"

/* Scores of keys [from, end) that a row may not see become -inf: row i of the panel sees those with
 * hidden + i <= j < visible + i. */
static void mask(float *scores, int vectors, int64_t from, int64_t end, int64_t hidden,
                 int64_t visible)
{
    la_vf zero = la_v_set(0.0f), never = la_v_set(-INFINITY);
    for (int64_t j = from; j < end; j++)
        for (int v = 0; v < vectors; v++) {
            float *s = scores + (j * LA_VPANEL + v) * LA_VW;
            la_vf late = la_v_set((float)(visible + v * LA_VW - j)) + la_v_iota();
            la_vf early = la_v_set((float)(j + 1 - hidden - v * LA_VW)) - la_v_iota();
            la_vf x = la_v_select(la_v_less(zero, late), la_v_load(s), never);
            la_v_store(s, la_v_select(la_v_less(zero, early), x, never));
        }
}

/* The online softmax of one panel, of which the first `vectors` (a constant where this is inlined) hold
 * rows: scores become weights relative to the new running maximum, what was summed before is brought to
 * it. */
LA_INLINE void online(const int vectors, const flash_block *b, float *top, float *sum, float *ot,
                      int64_t n)
{
    enum { NV = LA_VPANEL };
    la_vf m[NV], c[NV], l[NV], scale = la_v_set(b->scale2);
    for (int v = 0; v < vectors; v++) m[v] = la_v_load(top + v * LA_VW);
    for (int64_t j = 0; j < n; j++)
        for (int v = 0; v < vectors; v++)
            m[v] = la_v_max(m[v], la_v_load(b->scores + (j * NV + v) * LA_VW));
    bool moved = false;
    for (int v = 0; v < vectors; v++) {
        la_vf before = la_v_load(top + v * LA_VW);
        c[v] = la_v_exp2((before - m[v]) * scale);
        moved |= la_v_hmax(m[v] - before) > 0.0f;
        l[v] = la_v_set(0.0f); /* this tile's own, so that long sums keep their last digits */
        la_v_store(top + v * LA_VW, m[v]);
    }
    for (int64_t j = 0; j < n; j++)
        for (int v = 0; v < vectors; v++) {
            float *s = b->scores + (j * NV + v) * LA_VW;
            la_vf p = la_v_exp2((la_v_load(s) - m[v]) * scale);
            la_v_store(s, p);
            l[v] += p;
        }
    for (int v = 0; v < vectors; v++) {
        float *to = sum + v * LA_VW;
        la_v_store(to, la_v_fma(la_v_load(to), c[v], l[v]));
    }
    if (!moved) return;
    for (int64_t i = 0; i < b->dv; i++)
        for (int v = 0; v < vectors; v++) {
            float *o = ot + (i * NV + v) * LA_VW;
            la_v_store(o, la_v_load(o) * c[v]);
        }
}

static void online_of(int vectors, const flash_block *b, float *top, float *sum, float *ot,
                      int64_t n)
{
    switch (vectors) {
    case 1:
        online(1, b, top, sum, ot, n);
        break;
    case 2:
        online(2, b, top, sum, ot, n);
        break;
    default:
        online(LA_VPANEL, b, top, sum, ot, n);
        break;
    }
}

void LA_ISA(la_flash_add)(const flash_block *b, const flash_keys *keys)
{
    const la_tile *t = b->tile;
    const int64_t w = LA_VPANEL * LA_VW, dk = b->dk, dv = b->dv;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        int vectors = (int)((rows + LA_VW - 1) / LA_VW), lanes = vectors * LA_VW;
        int64_t n = keys->n, hidden = keys->hidden + i * w, visible = keys->visible + i * w;
        if (visible + rows - 1 < n) n = visible + rows - 1; /* what the last row sees */
        int64_t start = hidden > 0 ? hidden : 0;            /* what the first row sees */
        n -= start, hidden -= start, visible -= start;
        if (n <= 0) continue;
        const float *k = keys->k + start * keys->k_step, *v = keys->v + start * keys->v_step;
        float *qt = b->qt + i * dk * w, *ot = b->ot + i * dv * w, *p = b->scores;
        for (flash_span s = {0}; la_flash_next(&s, LA_VW, n, lanes, hidden, visible);)
            t->nn(s.end - s.from, s.last - s.first, dk, 1.0f, k + s.from * keys->k_step,
                  keys->k_step, qt + s.first, w, false, p + s.from * w + s.first, w, NULL);
        int64_t seen = hidden + lanes - 1 < n ? hidden + lanes - 1 : n; /* by all rows, from here */
        mask(p, vectors, 0, seen, hidden, visible);
        int64_t rest = seen > visible ? seen : visible;
        mask(p, vectors, rest > 0 ? rest : 0, n, hidden, visible);
        online_of(vectors, b, b->top + i * w, b->sum + i * w, ot, n);
        for (flash_span s = {0}; la_flash_next(&s, LA_VW, n, lanes, hidden, visible);)
            t->tn(dv, s.last - s.first, s.end - s.from, 1.0f, v + s.from * keys->v_step,
                  keys->v_step, p + s.from * w + s.first, w, true, ot + s.first, w, NULL);
    }
}
