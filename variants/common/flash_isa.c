/* SPDX-License-Identifier: Apache-2.0
 * The inner tile of flash, compiled once per instruction set: scores of a panel, online softmax, and
 * the panel's output. The build for bf16 dot products takes rows in bf16: its products are those of
 * pairs, and weights are rounded where the second product reads them; scores, maxima, sums and the
 * output are float32 in every build.
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

#if defined(__AVX512BF16__)
enum { NARROW = 1 };

/* 2^x for x <= 0 to 1e-4, a twentieth of the rounding that follows. Exactly 0 for -inf. */
LA_INLINE la_vf weight(la_vf x)
{
    la_vf r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    la_vf y = la_v_set(5.5838283e-2f);
    y = la_v_fma(y, r, la_v_set(2.4263948e-1f));
    y = la_v_fma(y, r, la_v_set(6.9313673e-1f));
    y = la_v_fma(y, r, la_v_set(9.9992456e-1f));
    return _mm512_scalef_ps(y, x - r);
}

/* Scores [n, panel] become weights in pairs of keys [ceil(n / 2), panel], in the same place: a row of
 * pairs lies no later than the scores it is made of. l: sums of the weights, before they are rounded. */
LA_INLINE void weigh(const int vectors, float *scores, int64_t n, const la_vf *m, la_vf scale,
                     la_vf *l)
{
    la_pair *pairs = (la_pair *)(void *)scores;
    for (int64_t j = 0; j < n; j += 2)
        for (int v = 0; v < vectors; v++) {
            const float *s = scores + (j * LA_VPANEL + v) * LA_VW;
            la_vf a = weight((la_v_load(s) - m[v]) * scale), b = la_v_set(0.0f);
            if (j + 1 < n) b = weight((la_v_load(s + LA_VPANEL * LA_VW) - m[v]) * scale);
            _mm512_storeu_si512(pairs + (j / 2 * LA_VPANEL + v) * LA_VW, la_v_pair_of(a, b));
            l[v] += a + b;
        }
}
#else
enum { NARROW = 0 };

/* Scores [n, panel] become weights; l: their sums. */
LA_INLINE void weigh(const int vectors, float *scores, int64_t n, const la_vf *m, la_vf scale,
                     la_vf *l)
{
    for (int64_t j = 0; j < n; j++)
        for (int v = 0; v < vectors; v++) {
            float *s = scores + (j * LA_VPANEL + v) * LA_VW;
            la_vf p = la_v_exp2((la_v_load(s) - m[v]) * scale);
            la_v_store(s, p);
            l[v] += p;
        }
}
#endif

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
    weigh(vectors, b->scores, n, m, scale, l);
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

/* Scores of the keys of a span against its lanes; qt and scores are those of the panel. */
static void score(const flash_block *b, const flash_span *s, const uint32_t *k, int64_t k_step,
                  const uint32_t *qt, float *scores)
{
    const int64_t w = LA_VPANEL * LA_VW, n = s->end - s->from, lanes = s->last - s->first;
    const void *rows = k + s->from * k_step, *cols = qt + s->first;
    float *to = scores + s->from * w + s->first;
    if (NARROW)
        b->narrow->product(n, lanes, b->k2, 1.0f, rows, k_step, 1, cols, w, false, to, w);
    else
        b->tile->nn(n, lanes, b->dk, 1.0f, rows, k_step, cols, w, false, to, w, NULL);
}

/* Adds what the keys of a span give to the output of its lanes. In bf16 a span starts at a pair. */
static void output(const flash_block *b, const flash_span *s, const uint32_t *v, int64_t v_step,
                   const uint32_t *weights, float *ot)
{
    const int64_t w = LA_VPANEL * LA_VW, n = s->end - s->from, lanes = s->last - s->first;
    const int64_t from = NARROW ? s->from / 2 : s->from;
    const void *rows = v + from * v_step, *p = weights + from * w + s->first;
    if (NARROW)
        b->narrow->product(b->dv, lanes, (n + 1) / 2, 1.0f, rows, 1, v_step, p, w, true,
                           ot + s->first, w);
    else
        b->tile->tn(b->dv, lanes, n, 1.0f, rows, v_step, p, w, true, ot + s->first, w, NULL);
}

void LA_ISA(la_flash_add)(const flash_block *b, const flash_keys *keys)
{
    const int64_t w = LA_VPANEL * LA_VW, dv = b->dv;
    for (int64_t i = 0; i < b->panels; i++) {
        int64_t rows = b->rows - i * w < w ? b->rows - i * w : w;
        int vectors = (int)((rows + LA_VW - 1) / LA_VW), lanes = vectors * LA_VW;
        int64_t n = keys->n, hidden = keys->hidden + i * w, visible = keys->visible + i * w;
        if (visible + rows - 1 < n) n = visible + rows - 1; /* what the last row sees */
        int64_t start = hidden > 0 ? hidden : 0;            /* what the first row sees */
        if (NARROW) start &= ~INT64_C(1);
        n -= start, hidden -= start, visible -= start;
        if (n <= 0) continue;
        const uint32_t *k = (const uint32_t *)keys->k + start * keys->k_step;
        const uint32_t *v = (const uint32_t *)keys->v + start / (NARROW + 1) * keys->v_step;
        const uint32_t *qt = (const uint32_t *)b->qt + i * (NARROW ? b->k2 : b->dk) * w;
        float *ot = b->ot + i * dv * w, *p = b->scores;
        /* Borders of spans at pairs of keys: a little more is scored, and hidden like the rest. */
        int64_t early = NARROW ? hidden & ~INT64_C(1) : hidden, late = visible | NARROW;
        for (flash_span s = {0}; la_flash_next(&s, LA_VW, n, lanes, early, late);)
            score(b, &s, k, keys->k_step, qt, p);
        int64_t seen = hidden + lanes - 1 < n ? hidden + lanes - 1 : n; /* by all rows, from here */
        mask(p, vectors, 0, seen, hidden, visible);
        int64_t rest = seen > visible ? seen : visible;
        mask(p, vectors, rest > 0 ? rest : 0, n, hidden, visible);
        online_of(vectors, b, b->top + i * w, b->sum + i * w, ot, n);
        for (flash_span s = {0}; la_flash_next(&s, LA_VW, n, lanes, early, late);)
            output(b, &s, v, keys->v_step, (const uint32_t *)(const void *)p, ot);
    }
}
