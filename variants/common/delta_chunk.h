/* SPDX-License-Identifier: Apache-2.0
 * The two halves of the chunk form, and what the first hands to the second. `prepare` makes what does not
 * depend on the state: the scores, the sums of decays and the decayed copies of q and k. `scan` carries
 * the state through. Chunks are prepared in any order and by any thread; columns of S never meet, so the
 * scan may be shared by columns.
 */
#ifndef LA_DELTA_CHUNK_H
#define LA_DELTA_CHUNK_H

#include "delta_slice.h"

/* How decay meets the products: not at all; as factors of tokens (fixed, head); or, where each channel
 * has its own, inside scaled copies of q and k. */
typedef enum la_chunk_decay { LA_KEEP, LA_BY_TOKEN, LA_BY_CHANNEL } la_chunk_decay;

static inline la_chunk_decay la_chunk_decay_of(la_decay decay)
{
    return decay == LA_DECAY_NONE      ? LA_KEEP
           : decay == LA_DECAY_CHANNEL ? LA_BY_CHANNEL
                                       : LA_BY_TOKEN;
}

/* A prepared chunk. G_i is the sum of its log-decays up to token i, K is dk padded. */
typedef struct la_chunk_ready {
    float *L, *P;            /* [C,C] */
    float *weight;           /* [C]: beta_i */
    float *in, *out;         /* [C]: exp(G_i), exp(G_n - G_i), by token */
    float *whole;            /* [K]: exp(G_n), by channel; its first element, by token */
    float *q, *k_in, *k_out; /* [C,K]: q exp(G), k exp(G) and k exp(G_n - G), by channel */
} la_chunk_ready;

/* The place of one, without copies, in la_delta_scores_floats floats; every piece is a multiple of 16 of them. */
static inline la_chunk_ready la_chunk_ready_at(int64_t dk, int64_t chunk, float *at)
{
    int64_t C = la_delta_up(chunk), K = la_delta_up(dk);
    la_chunk_ready r = {.L = at, .P = at + C * C};
    at += 2 * C * C;
    r.weight = at, at += C;
    r.in = at, at += C;
    r.out = at, at += C;
    r.whole = at, at += K;
    return r;
}

/* The place of its copies in la_delta_copies_floats floats. */
static inline void la_chunk_copies_at(la_chunk_ready *r, int64_t dk, int64_t chunk, float *at)
{
    int64_t size = la_delta_up(chunk) * la_delta_up(dk);
    r->q = at, r->k_in = at + size, r->k_out = at + 2 * size;
}

/* The copies and the decay of the whole chunk from token t on alone, into their places in `ready`, which are not
 * those of other threads; scratch is of la_delta_sums_floats floats. Where threads share a head each makes its own:
 * taking those of another core costs more than exponentials do. */
typedef void la_delta_copies_fn(const la_delta_slice *x, int64_t t, la_chunk_ready ready,
                                float *scratch);
la_delta_copies_fn la_delta_copies_generic, la_delta_copies_avx2, la_delta_copies_avx512;

#endif
