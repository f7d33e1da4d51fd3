/* SPDX-License-Identifier: Apache-2.0
 * The inner tile of flash, compiled once per instruction set: scores of a panel, online softmax, and
 * the panel's output. The build for bf16 dot products takes rows in bf16: its products are those of
 * pairs, and weights are rounded where the second product reads them; scores, maxima, sums and the
 * output are float32 in every build. With AMX the products are of tiles, and V comes turned.
 */
#include <float.h>
#include <math.h>

#include "flash_kernels.h"

enum { NV = LA_VPANEL, PANEL = NV * LA_VW, MR = LA_VW == 16 ? 8 : 4 };

/* Scores of keys [from, end) that a row may not see become -inf: row i of the vector sees those with
 * hidden + i <= j < visible + i. */
static void mask(float *scores, int64_t from, int64_t end, int64_t hidden, int64_t visible)
{
    const la_vf never = la_v_set(-INFINITY);
    for (int64_t j = from; j < end; j++) {
        float *s = scores + j * PANEL;
        la_vf after = la_v_set((float)(j - visible)), upto = la_v_set((float)(j + 1 - hidden));
        la_vf x = la_v_select(la_v_less(after, la_v_iota()), la_v_load(s), never);
        la_v_store(s, la_v_select(la_v_less(la_v_iota(), upto), x, never));
    }
}

#if defined(__AMX_BF16__)
enum { TURNED = 1 };
#else
enum { TURNED = 0 };
#endif

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
LA_INLINE void weigh(const int vectors, float *scores, int64_t n, const la_vf *top, la_vf scale,
                     la_vf *l)
{
    la_pair *pairs = (la_pair *)(void *)scores;
    la_vf low[NV];
    for (int v = 0; v < vectors; v++) low[v] = la_v_set(0.0f) - top[v];
    for (int64_t j = 0; j < n; j += 2)
        for (int v = 0; v < vectors; v++) {
            const float *s = scores + j * PANEL + v * LA_VW;
            la_vf a = weight(la_v_fma(la_v_load(s), scale, low[v])), b = la_v_set(0.0f);
            if (j + 1 < n) b = weight(la_v_fma(la_v_load(s + PANEL), scale, low[v]));
            _mm512_storeu_si512(pairs + j / 2 * PANEL + v * LA_VW, la_v_pair_of(a, b));
            l[v] += a + b;
        }
}
#else
enum { NARROW = 0 };

/* Scores [n, panel] become weights; l: their sums. */
LA_INLINE void weigh(const int vectors, float *scores, int64_t n, const la_vf *top, la_vf scale,
                     la_vf *l)
{
    la_vf low[NV];
    for (int v = 0; v < vectors; v++) low[v] = la_v_set(0.0f) - top[v];
    for (int64_t j = 0; j < n; j++)
        for (int v = 0; v < vectors; v++) {
            float *s = scores + j * PANEL + v * LA_VW;
            la_vf p = la_v_exp2(la_v_fma(la_v_load(s), scale, low[v]));
            la_v_store(s, p);
            l[v] += p;
        }
}
#endif

/* The online softmax of one panel, of which the first `vectors` (a constant where this is inlined) hold
 * rows. m: the greatest of their scores. Scores become weights relative to the new running maximum; c: what
 * brings to it what was summed before. Returns whether some c is not 1. */
LA_INLINE bool online(const int vectors, float scale2, float *scores, int64_t n, const la_vf *m,
                      float *top, float *sum, la_vf *c)
{
    la_vf to[NV], l[NV], scale = la_v_set(scale2);
    bool moved = false;
    for (int v = 0; v < vectors; v++) {
        la_vf before = la_v_load(top + v * LA_VW);
        to[v] = la_v_max(before, m[v] * scale);
        c[v] = la_v_exp2(before - to[v]);
        moved |= la_v_hmax(to[v] - before) > 0.0f;
        l[v] = la_v_set(0.0f); /* this tile's own, so that long sums keep their last digits */
        la_v_store(top + v * LA_VW, to[v]);
    }
    weigh(vectors, scores, n, to, scale, l);
    for (int v = 0; v < vectors; v++) {
        float *old = sum + v * LA_VW;
        la_v_store(old, la_v_fma(la_v_load(old), c[v], l[v]));
    }
    return moved;
}

/* The same of one vector and the keys that some row of it sees, of n at most, where the maximum is still to be
 * found; the output is brought to the new one. */
static void settle(const flash_block *b, float *scores, int64_t n, int64_t hidden, int64_t visible,
                   float *top, float *sum, float *ot)
{
    enum { CHAINS = 4 };
    int64_t some = (visible | NARROW) + LA_VW - 1, j = 0; /* in bf16 a border lies at a pair */
    if (n > some) n = some;
    int64_t seen = hidden + LA_VW - 1 < n ? hidden + LA_VW - 1 : n; /* by all rows, from here */
    mask(scores, 0, seen, hidden, visible);
    int64_t rest = seen > visible ? seen : visible;
    mask(scores, rest > 0 ? rest : 0, n, hidden, visible);
    la_vf m[CHAINS], c;
    for (int i = 0; i < CHAINS; i++) m[i] = la_v_set(-FLT_MAX);
    for (; j + CHAINS <= n; j += CHAINS)
        for (int i = 0; i < CHAINS; i++) m[i] = la_v_max(m[i], la_v_load(scores + (j + i) * PANEL));
    for (; j < n; j++) m[0] = la_v_max(m[0], la_v_load(scores + j * PANEL));
    m[0] = la_v_max(la_v_max(m[0], m[1]), la_v_max(m[2], m[3]));
    if (!online(1, b->scale2, scores, n, m, top, sum, &c)) return;
    for (int64_t i = 0; i < b->dv; i++) la_v_store(ot + i * PANEL, la_v_load(ot + i * PANEL) * c);
}

#if !defined(__AMX_BF16__)
/* ---- a tile that all rows of a full panel see, float32: few passes over its scores ---- */

/* c + b times the float at x. With AVX-512 the product itself reads it: one instruction fewer to issue. */
LA_INLINE la_vf fma_at(const float *x, la_vf b, la_vf c)
{
#if defined(__AVX512F__)
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(c) : "v"(b), "m"(*x));
    return c;
#else
    return la_v_fma(la_v_set(*x), b, c);
#endif
}

/* Row 2 i of x begins at[i], row 2 i + 1 `rs` floats later. Half of the rows are read by the products: all would
 * be more loads than there are slots for, none more instructions than a core issues that also serves
 * another thread. */
LA_INLINE void outer_step(const float *const at[MR / 2], int64_t rs, const float *y,
                          la_vf c[MR][NV])
{
    la_vf lanes[NV];
#pragma GCC unroll 3
    for (int v = 0; v < NV; v++) lanes[v] = la_v_load(y + v * LA_VW);
#pragma GCC unroll 4
    for (int i = 0; i < MR / 2; i++) {
#pragma GCC unroll 3
        for (int v = 0; v < NV; v++) c[2 * i][v] = fma_at(at[i], lanes[v], c[2 * i][v]);
        la_vf one = la_v_set(at[i][rs]);
#pragma GCC unroll 3
        for (int v = 0; v < NV; v++) c[2 * i + 1][v] = la_v_fma(one, lanes[v], c[2 * i + 1][v]);
    }
}

/* Sums over n of x[i rs] times a vector of y [n, panel]: those of the rows of one block. Meanwhile `ahead` is
 * fetched, `bytes` of it: a little at every step, since a burst would keep what the products read waiting. */
LA_INLINE void outer(int64_t n, const float *x, int64_t rs, int64_t cs, const float *y,
                     const char *ahead, int64_t bytes, la_vf c[MR][NV])
{
    enum { STEPS = LA_VW == 4 ? 1 : 4 }; /* vectors of four floats: more of them spill */
    const int64_t by = bytes * STEPS / n;
    const float *at[MR / 2];
#pragma GCC unroll 4
    for (int i = 0; i < MR / 2; i++) at[i] = x + 2 * i * rs;
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 3
        for (int v = 0; v < NV; v++) c[i][v] = la_v_set(0.0f);
    int64_t e = 0;
    for (; e + STEPS <= n; e += STEPS, ahead += by) {
        __builtin_prefetch(ahead, 0, 2);
#if defined(__AVX512F__)
        /* Four addresses, not one and its distances to the others: a product that reads at a sum of two
         * registers is issued as two instructions. */
        for (int i = 0; i < MR / 2 && !__builtin_constant_p(rs); i++) __asm__("" : "+r"(at[i]));
#endif
#pragma GCC unroll 4
        for (int s = 0; s < STEPS; s++, y += PANEL) {
            outer_step(at, rs, y, c);
#pragma GCC unroll 4
            for (int i = 0; i < MR / 2; i++) at[i] += cs;
        }
    }
    for (; e < n; e++, y += PANEL) {
        outer_step(at, rs, y, c);
#pragma GCC unroll 4
        for (int i = 0; i < MR / 2; i++) at[i] += cs;
    }
}

/* Row `i` of the next tile, those of V after those of K; beyond them something that is there already. */
static const char *row_ahead(const flash_keys *keys, int64_t i)
{
    const flash_ahead *a = &keys->ahead;
    if (i < a->rows) return a->k + i * a->k_step;
    i -= a->rows;
    return i < a->rows ? a->v + i * a->v_step : keys->k;
}

/* Scores of the keys, and the greatest of every lane; `next`: the row ahead to begin with. */
static __attribute__((noinline)) void score_whole(const flash_keys *keys, int64_t next, int64_t dk,
                                                  const float *qt, float *scores, float *most)
{
    const int64_t bytes = dk * (int64_t)sizeof(float), n = keys->n, k_step = keys->k_step;
    const float *k = keys->k;
    for (int v = 0; v < NV; v++) la_v_store(most + v * LA_VW, la_v_set(-FLT_MAX));
    for (int64_t j = 0; j < n; j += MR) {
        la_vf c[MR][NV];
        outer(dk, k + j * k_step, k_step, 1, qt, row_ahead(keys, next++), bytes, c);
#pragma GCC unroll 3
        for (int v = 0; v < NV; v++) {
            la_vf m = la_v_load(most + v * LA_VW);
#pragma GCC unroll 8
            for (int i = 0; i < MR; i++) {
                la_v_store(scores + (j + i) * PANEL + v * LA_VW, c[i][v]);
                m = la_v_max(m, c[i][v]);
            }
            la_v_store(most + v * LA_VW, m);
        }
    }
}

/* ot = ot times `before` of its lane, plus V' times weights. */
static __attribute__((noinline)) void output_whole(const flash_keys *keys, int64_t next, int64_t dv,
                                                   const float *weights, const float *before,
                                                   float *ot)
{
    const int64_t bytes = dv * (int64_t)sizeof(float), v_step = keys->v_step;
    for (int64_t j = 0; j < dv; j += MR) {
        const float *v = (const float *)keys->v + j / FLASH_SIDE * keys->v_side + j % FLASH_SIDE;
        la_vf c[MR][NV];
        outer(keys->n, v, 1, v_step, weights, row_ahead(keys, next++), bytes, c);
#pragma GCC unroll 3
        for (int e = 0; e < NV; e++) {
            la_vf by = la_v_load(before + e * LA_VW);
#pragma GCC unroll 8
            for (int i = 0; i < MR; i++) {
                float *o = ot + (j + i) * PANEL + e * LA_VW;
                la_v_store(o, la_v_fma(la_v_load(o), by, c[i][e]));
            }
        }
    }
}

static void add_whole(const flash_block *b, const flash_keys *keys, int64_t panel)
{
    float most[PANEL], before[PANEL], *top = b->top + panel * PANEL, *sum = b->sum + panel * PANEL;
    const int64_t scored = keys->n / MR, next = panel * (scored + b->dv / MR);
    la_vf m[NV], c[NV];
    score_whole(keys, next, b->dk, (const float *)b->qt + panel * b->dk * PANEL, b->scores, most);
    for (int v = 0; v < NV; v++) m[v] = la_v_load(most + v * LA_VW);
    online(NV, b->scale2, b->scores, keys->n, m, top, sum, c);
    for (int v = 0; v < NV; v++) la_v_store(before + v * LA_VW, c[v]);
    output_whole(keys, next + scored, b->dv, b->scores, before, b->ot + panel * b->dv * PANEL);
}

#endif

/* ---- any tile ---- */

/* Scores of the keys of a span against its lanes; qt and scores are those of the panel. */
static void score(const flash_block *b, const flash_span *s, const uint32_t *k, int64_t k_step,
                  const uint32_t *qt, float *scores)
{
    const int64_t w = PANEL, n = s->end - s->from, lanes = s->last - s->first;
    const void *rows = k + s->from * k_step, *cols = qt + s->first;
    float *to = scores + s->from * w + s->first;
    if (NARROW)
        b->narrow->product(n, lanes, b->k2, 1.0f, rows, k_step, 1, cols, w, false, to, w);
    else
        b->tile->nn(n, lanes, b->dk, 1.0f, rows, k_step, cols, w, false, to, w, NULL);
}

/* Adds what the keys of a span give to the output of its lanes. In bf16 a span starts at a pair. */
static void output(const flash_block *b, const flash_span *s, const uint32_t *v,
                   const flash_keys *keys, const uint32_t *weights, float *ot)
{
    const int64_t w = PANEL, n = s->end - s->from, lanes = s->last - s->first, dv = b->dv;
    const int64_t from = NARROW ? s->from / 2 : s->from, v_step = keys->v_step;
    const void *rows = v + (TURNED ? from : from * v_step), *p = weights + from * w + s->first;
    if (NARROW) {
        b->narrow->product(dv, lanes, (n + 1) / 2, 1.0f, rows, TURNED ? v_step : 1,
                           TURNED ? 1 : v_step, p, w, true, ot + s->first, w);
        return;
    }
    const int64_t most = keys->v_side == FLASH_SIDE ? dv : FLASH_SIDE; /* rows in place: in one */
    for (int64_t c = 0; c < dv; c += most) {
        const float *side = (const float *)rows + c / FLASH_SIDE * keys->v_side;
        b->tile->tn(dv - c < most ? dv - c : most, lanes, n, 1.0f, side, v_step, p, w, true,
                    ot + c * w + s->first, w, NULL);
    }
}

static void add_part(const flash_block *b, const flash_keys *keys, int64_t panel)
{
    int64_t rows = b->rows - panel * PANEL < PANEL ? b->rows - panel * PANEL : PANEL;
    int vectors = (int)((rows + LA_VW - 1) / LA_VW), lanes = vectors * LA_VW;
    int64_t n = keys->n, hidden = keys->hidden, visible = keys->visible, dv = b->dv;
    if (visible + rows - 1 < n) n = visible + rows - 1; /* what the last row sees */
    int64_t start = hidden > 0 ? hidden : 0;            /* what the first row sees */
    if (NARROW) start &= ~INT64_C(1);
    n -= start, hidden -= start, visible -= start;
    if (n <= 0) return;
    const uint32_t *k = (const uint32_t *)keys->k + start * keys->k_step;
    const uint32_t *v =
        (const uint32_t *)keys->v + start / (NARROW + 1) * (TURNED ? 1 : keys->v_step);
    const uint32_t *qt = (const uint32_t *)b->qt + panel * (NARROW ? b->k2 : b->dk) * PANEL;
    float *ot = b->ot + panel * dv * PANEL, *p = b->scores;
    /* Borders of spans at pairs of keys: a little more is scored, and hidden like the rest. */
    int64_t early = NARROW ? hidden & ~INT64_C(1) : hidden, late = visible | NARROW;
    for (flash_span s = {0}; la_flash_next(&s, LA_VW, n, lanes, early, late);)
        score(b, &s, k, keys->k_step, qt, p);
    for (int64_t i = 0; i < lanes; i += LA_VW) {
        float *top = b->top + panel * PANEL + i, *sum = b->sum + panel * PANEL + i;
        settle(b, p + i, n, hidden + i, visible + i, top, sum, ot + i);
    }
    for (flash_span s = {0}; la_flash_next(&s, LA_VW, n, lanes, early, late);)
        output(b, &s, v, keys, (const uint32_t *)(const void *)p, ot);
}

#if defined(__AMX_BF16__)
enum { SIDE = 16 };

/* 16 keys, or channels, of A, against the panel: `steps` of 16 pairs, added to tiles 0 to 2. */
LA_INLINE void tiles_of(const uint32_t *a, int64_t a_step, const uint32_t *lanes, int64_t pairs)
{
    for (int64_t e = 0; e < pairs; e += SIDE, a += SIDE, lanes += SIDE * PANEL) {
        LA_AMX_LOAD(4, a, a_step);
        LA_AMX_LOAD(5, lanes, PANEL);
        LA_AMX_MULTIPLY(0, 4, 5);
        LA_AMX_LOAD(6, lanes + LA_VW, PANEL);
        LA_AMX_MULTIPLY(1, 4, 6);
        LA_AMX_LOAD(7, lanes + 2 * LA_VW, PANEL);
        LA_AMX_MULTIPLY(2, 4, 7);
    }
}

LA_INLINE void store_tiles(float *to)
{
    LA_AMX_STORE(0, to, PANEL);
    LA_AMX_STORE(1, to + LA_VW, PANEL);
    LA_AMX_STORE(2, to + 2 * LA_VW, PANEL);
}

/* A tile of a multiple of 32 keys that all rows of a full panel see. */
static __attribute__((noinline)) void add_tiles(const flash_block *b, const flash_keys *keys,
                                                int64_t panel)
{
    const int64_t n = keys->n, k2 = b->k2, k_step = keys->k_step, v_step = keys->v_step;
    const uint32_t *k = keys->k, *v = keys->v, *qt = (const uint32_t *)b->qt + panel * k2 * PANEL;
    float *ot = b->ot + panel * b->dv * PANEL, *scores = b->scores;
    la_vf m[NV], c[NV];
    for (int i = 0; i < NV; i++) m[i] = la_v_set(-FLT_MAX);
    for (int64_t j = 0; j < n; j += SIDE) {
        float *to = scores + j * PANEL;
        LA_AMX_ZERO(0);
        LA_AMX_ZERO(1);
        LA_AMX_ZERO(2);
        tiles_of(k + j * k_step, k_step, qt, k2);
        store_tiles(to);
        for (int i = 0; i < SIDE; i++, to += PANEL)
#pragma GCC unroll 3
            for (int e = 0; e < NV; e++) m[e] = la_v_max(m[e], la_v_load(to + e * LA_VW));
    }
    bool moved =
        online(NV, b->scale2, scores, n, m, b->top + panel * PANEL, b->sum + panel * PANEL, c);
    const uint32_t *weights = (const uint32_t *)(const void *)scores;
    for (int64_t i = 0; i < b->dv; i += SIDE, ot += SIDE * PANEL) {
        for (int64_t j = 0; moved && j < SIDE; j++)
            for (int e = 0; e < NV; e++) {
                float *o = ot + j * PANEL + e * LA_VW;
                la_v_store(o, la_v_load(o) * c[e]);
            }
        LA_AMX_LOAD(0, ot, PANEL);
        LA_AMX_LOAD(1, ot + LA_VW, PANEL);
        LA_AMX_LOAD(2, ot + 2 * LA_VW, PANEL);
        tiles_of(v + i * v_step, v_step, weights, n / 2);
        store_tiles(ot);
    }
}

void LA_ISA(la_flash_add)(const flash_block *b, const flash_keys *keys)
{
    bool tiles = keys->n % 32 == 0 && b->k2 % SIDE == 0 && b->dv % SIDE == 0, entered = false;
    for (int64_t i = 0; i < b->panels; i++) {
        flash_keys own = *keys; /* as the panel's first row sees them */
        own.hidden += i * PANEL, own.visible += i * PANEL;
        bool full = b->rows - i * PANEL > PANEL - LA_VW; /* no vector without a row */
        bool whole = tiles && full && own.hidden + PANEL - 1 <= 0 && own.visible >= own.n;
        if (whole && !entered) la_amx_enter(SIDE, SIDE);
        if (whole)
            add_tiles(b, &own, i);
        else
            add_part(b, &own, i); /* whose products leave */
        entered = whole;
    }
    if (entered) la_amx_leave();
}
#else
void LA_ISA(la_flash_add)(const flash_block *b, const flash_keys *keys)
{
    bool blocks = !NARROW && keys->n % MR == 0 && b->dv % MR == 0;
    for (int64_t i = 0; i < b->panels; i++) {
        flash_keys own = *keys; /* as the panel's first row sees them */
        own.hidden += i * PANEL, own.visible += i * PANEL;
        bool full = b->rows - i * PANEL > PANEL - LA_VW; /* no vector without a row */
        if (blocks && full && own.hidden + PANEL - 1 <= 0 && own.visible >= own.n)
            add_whole(b, &own, i);
        else
            add_part(b, &own, i);
    }
}
#endif
