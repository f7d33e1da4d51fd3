/* SPDX-License-Identifier: Apache-2.0
 * The way back through a sequence: what the engine hands to it and what its files share.
 *
 * Forward keeps S at the start of every segment but the first (a segment is at least 64 tokens: dk dv / 64
 * floats a token, less than one input where dk <= 64). Backward goes through the segments from the last.
 * It first runs forward through a segment again, LA_DELTA_BACK tokens at a time, and keeps what each
 * chunk made in scratch; then it goes back through these chunks with dS, the gradient of the state.
 *
 * Threads share the heads. Where there are more threads than heads, those of one head are a team that takes as
 * many segments at once as it has members: each runs forward through one of them, then each takes some columns
 * of dS through all of them from the last, keeping dS and N of every chunk, and then each makes the
 * gradients of the segment that it had. Nothing is made twice.
 *
 * Everything inside is padded with zeros to multiples of 16: channels, columns, and the last chunk's
 * tokens (a token of zeros changes neither the state nor any gradient), so no loop is ragged.
 */
#ifndef LA_DELTA_BACKWARD_H
#define LA_DELTA_BACKWARD_H

#include "delta_slice.h"
#include "team.h"

#define LA_DELTA_BACK 16 /* C here: tokens of a chunk on the way back */

/* The gradients of one (batch, value head): rows as those of the tensors; NULL: not wanted. */
typedef struct la_delta_gradients {
    const float *dout;
    const float *dS_out; /* NULL: zeros */
    float *dq, *dk, *dv, *dbeta, *dg, *da, *db, *dS_in;
    bool add; /* to dq and dk: an earlier head of the group has written them */
} la_delta_gradients;

/* One chunk as the way forward leaves it. G_i: the sum of the chunk's log-decays up to token i. */
typedef struct la_delta_chunk_kept {
    float *S;         /* [K,W] before the chunk */
    float *qk;        /* [2C,K]: q, then k */
    float *in;        /* [2C,K]: q exp(G) and k exp(G), as they read S; or qk itself */
    float *out;       /* [C,K]: k exp(G_C - G), as it writes S; or k itself */
    float *U, *X;     /* [C,W]: what is written, and U without its weight: V - held, or V */
    float *UT;        /* [W,C] */
    float *PA;        /* [2C,C]: P and A = L without its weight, 0 where no token sees another */
    float *D;         /* [C,C]: exp(G_i - G_j) for j <= i, else 0; ones for a decay by channel */
    float *weight;    /* [C]: beta */
    float *fade, *to; /* exp(G), exp(G_C - G): [C], or [C,K] by channel */
    float *whole;     /* [K]: exp(G_C) */
    float *dS;        /* [K,W] after the chunk */
    float *dO;        /* [2C,W]: s dout, then N = -(gradient of what was held) */
    float *dots;      /* [C,W/lanes]: sums over parts of a row, which make dbeta */
    /* by channel only */
    float *mild;        /* 1 where float32 can hold exp(-G), else 0 */
    float *grow, *back; /* [C,K]: exp(-G) and k exp(-G), where it can */
    double *G;          /* [C,K] */
} la_delta_chunk_kept;

typedef struct la_delta_walk {
    const la_delta_slice *x;
    const la_delta_gradients *y;
    int64_t K, W,
        stack; /* padded dk and w; 2 C rows of q and k where k reads too (delta), else C */
    const la_team *team;
    float *kept;      /* of all chunks of the first member's segment */
    int64_t apart;    /* floats from there to the next member's */
    float *dS;        /* [K,W] behind the block of segments at hand */
    float *dO, *dots; /* of a chunk, where no team keeps them */
    float *GT;        /* [W,2C]: dO' */
    float *T;         /* [2C,K]: gradients of q, then of k */
    float *TT;        /* [K,2C] */
    float *H;         /* [C,K]: U dS', the gradient of what k wrote */
    float *dPA;       /* [2C,C] */
    float *both;      /* [C,C]: dA + dA' */
    float *run;       /* [K]: by channel, a running sum */
} la_delta_walk;

static inline int64_t la_delta_segment(int64_t chunk)
{
    return (63 + chunk) / chunk * chunk;
}

/* Floats that a chunk keeps in scratch; those of a team keep what goes from thread to thread too. */
static inline int64_t la_delta_kept_floats(la_decay decay, int64_t K, int64_t W, bool team)
{
    const int64_t C = LA_DELTA_BACK;
    int64_t floats = K * W + 2 * C * K + 3 * C * W + 3 * C * C + 3 * C + K;
    if (decay != LA_DECAY_NONE) floats += 3 * C * K;
    if (decay == LA_DECAY_CHANNEL) floats += 6 * C * K + C;
    if (team) floats += K * W + 3 * C * W;
    return floats;
}

/* Chunks of the longest segment of T tokens. */
static inline int64_t la_delta_kept_chunks(int64_t T, int64_t segment)
{
    return ((T < segment ? T : segment) + LA_DELTA_BACK - 1) / LA_DELTA_BACK;
}

/* Of one member. */
static inline int64_t la_delta_backward_work(la_decay decay, int64_t dk, int64_t dv, int64_t T,
                                             int64_t segment, bool team)
{
    const int64_t C = LA_DELTA_BACK;
    int64_t K = la_delta_up(dk), W = la_delta_up(dv);
    int64_t chunks = la_delta_kept_chunks(T, segment);
    return chunks * la_delta_kept_floats(decay, K, W, team) + K * W + 5 * C * W + 5 * C * K +
           3 * C * C + K;
}

/* ---- the order of things (delta_walk.c) ---- */

/* A chunk: number i of the segment that member `rank` has; its n tokens from t on. */
typedef struct la_delta_place {
    int rank;
    int64_t i, t, n;
} la_delta_place;

/* What is done to a chunk, in this order; `self` is handed on. */
typedef struct la_delta_way_back {
    const la_delta_slice *x;
    const la_team *team;
    int64_t K, W;
    float *dS; /* [K,W] behind the block of segments at hand, shared by the team */
    void *self;
    float *(*state)(void *self, int64_t i); /* S before this member's chunk i */
    /* Forward through a chunk of its own; S after it into next, unless NULL. */
    void (*again)(void *self, la_delta_place at, float *next);
    float *(*after)(void *self,
                    la_delta_place at); /* dS after the chunk; not called of one member */
    /* At the columns [j, end): what dS after the chunk gives its tokens, then dS before it. */
    void (*scan)(void *self, la_delta_place at, int64_t j, int64_t end);
    void (*carry)(void *self, la_delta_place at, int64_t j, int64_t end, float *before);
    void (*gradients)(void *self, la_delta_place at); /* of the chunk's tokens, all columns there */
} la_delta_way_back;

/* From the gradient of the last state (NULL: zeros) to that of the first (NULL: not wanted). Every member of
 * the team calls it. */
void la_delta_walk_back(const la_delta_way_back *back, const float *dS_out, float *dS_in);

/* By channel: the decays of chunk tokens [t, t + n) with P and A (not masked yet), and the end of the way
 * back: from T and H as products with the states and a masked dPA to the gradients. */
typedef void la_delta_channel_enter_fn(const la_delta_walk *w, const la_delta_chunk_kept *c,
                                       int64_t t, int64_t n);
typedef void la_delta_channel_gradients_fn(const la_delta_walk *w, const la_delta_chunk_kept *c,
                                           int64_t n, float *dg);
la_delta_channel_enter_fn la_delta_channel_enter_generic, la_delta_channel_enter_avx2,
    la_delta_channel_enter_avx512, la_delta_channel_enter_avx512_bf16;
la_delta_channel_gradients_fn la_delta_channel_gradients_generic, la_delta_channel_gradients_avx2,
    la_delta_channel_gradients_avx512, la_delta_channel_gradients_avx512_bf16;

/* slice->work: that of the team's first member. */
typedef void la_delta_backward_kernel(const la_delta_slice *slice, const la_delta_gradients *grads,
                                      const la_team *team);
la_delta_backward_kernel la_delta_backward_generic, la_delta_backward_avx2,
    la_delta_backward_avx512, la_delta_backward_avx512_bf16;

#endif
