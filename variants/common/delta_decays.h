/* SPDX-License-Identifier: Apache-2.0
 * Decays of the tokens of a chunk, for files compiled once per instruction set. G_i is the sum of the
 * chunk's log-decays up to token i.
 */
#ifndef LA_DELTA_DECAYS_H
#define LA_DELTA_DECAYS_H

#include "delta_slice.h"
#include "labench/simd.h"

typedef struct la_chunk_sums {
    float *hi, *lo; /* [C]: G as an unevaluated sum: differences of long sums keep their digits */
    float *back; /* [C]: exp(-G_i), while that stays below e^60 (float32 ends at e^88); else NULL */
} la_chunk_sums;

/* Of n tokens with log-decays g (NULL: the fixed one): in_i = exp(G_i), out_i = exp(G_n - G_i). Returns
 * exp(G_n). */
static inline float la_chunk_decays(const la_delta_slice *x, const float *g, int64_t n,
                                    la_chunk_sums *s, float *in, float *out)
{
    double G = 0.0;
    for (int64_t i = 0; i < n; i++) {
        G += g ? (double)g[i * x->gate_row] : x->log_decay;
        s->hi[i] = (float)G;
        s->lo[i] = (float)(G - (double)s->hi[i]);
    }
    if (!(G > -60.0)) s->back = NULL;
    la_vf end_hi = la_v_set(s->hi[n - 1]), end_lo = la_v_set(s->lo[n - 1]);
    for (int64_t i = 0; i < n; i += LA_VW) {
        int64_t m = n - i < LA_VW ? n - i : LA_VW;
        la_vf hi = la_v_load_n(s->hi + i, m), lo = la_v_load_n(s->lo + i, m);
        la_vf fade = la_v_exp(hi);
        la_v_store_n(in + i, la_v_fma(fade, lo, fade), m);
        if (s->back) la_v_store_n(s->back + i, la_v_exp(la_v_set(0.0f) - (hi + lo)), m);
        la_v_store_n(out + i, la_v_exp((end_hi - hi) + (end_lo - lo)), m);
    }
    return in[n - 1];
}

/* exp(G_i - G_j) for a vector of columns from j; of no use where j > i. */
LA_INLINE la_vf la_chunk_fade(const la_chunk_sums *s, const float *in, int64_t i, int64_t j)
{
    if (s->back) return la_v_set(in[i]) * la_v_load(s->back + j);
    return la_v_exp((la_v_set(s->hi[i]) - la_v_load(s->hi + j)) +
                    (la_v_set(s->lo[i]) - la_v_load(s->lo + j)));
}

/* Whether inverses of decays have room in float32: the least of these lanes is above e^-60. */
LA_INLINE bool la_chunk_has_room(la_vf lowest)
{
    return la_v_hmin(lowest) > 8.75e-27f;
}

#endif
