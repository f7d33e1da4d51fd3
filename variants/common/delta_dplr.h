/* SPDX-License-Identifier: Apache-2.0
 * The third write rule by chunks: a transition that is diagonal plus a matrix of rank one,
 *
 *   S_t = Diag(exp g_t) S_{t-1} + b_t w_t' + k_t v_t',   w_t = S_{t-1}' a_t,   o_t = S_t' (s q_t)
 *
 * Every token reads S twice, with a before its decay and with q after its write, and writes twice: what
 * a read goes in under b, and v under k. A chunk of C = LA_DELTA_BACK tokens is therefore an additive
 * chunk of 2C reads R = [a; q] and 2C writes [b; k] of the rows U = [W; V], in which W is unknown. With
 * G_t = g_1 + ... + g_t inside the chunk (G_0 = 0), a read or write at time t is one that finds S as it
 * is after t tokens: a_i is at time i - 1, the others of token i at time i.
 *
 *   M_ij = sum_c R_ic writes_jc exp(G_time(i),c - G_j,c), 0 where the write comes later       [2C,2C]
 *   W = (I - M_ab)^{-1} ((A exp(G_before)) S + M_ak V)         M_ab, M_ak: rows a, columns b and k
 *   O = s ((Q exp(G)) S + M_qb W + M_qk V),   S <- Diag(exp G_C) S + ([b; k] exp(G_C - G))' [W; V]
 *
 * A product of decays replaces the decay of a pair: near = exp(G_t - G_t0) at the read and far =
 * exp(G_t0 - G_t) at the write, where t0 starts a stretch of times in which no channel falls below e^-60
 * (float32 ends at e^-88). Writes of earlier stretches decay towards t0, those of the stretch grow
 * by at most e^60, so both factors are held whatever g is. One stretch is the usual case, and where
 * stretches begin follows from the past alone.
 */
#ifndef LA_DELTA_DPLR_H
#define LA_DELTA_DPLR_H

#include "delta_backward.h"

#define LA_DPLR_SEGMENT 64 /* tokens between the states that forward saves */
#define LA_DPLR_KEPT    (LA_DPLR_SEGMENT / LA_DELTA_BACK)

/* One chunk as the way forward leaves it; C = LA_DELTA_BACK. */
typedef struct la_dplr_chunk {
    float *S;            /* [K,W] before the chunk */
    float *reads, *in;   /* [2C,K]: a, then q; the same as they meet S, times exp(G) */
    float *writes, *out; /* [2C,K]: b, then k; the same at the chunk's end, times exp(G_C - G) */
    float *M;            /* [2C,2C] */
    float *U;            /* [2C,W]: W, then V */
    float *fade;         /* [C+1,K]: exp(G) at times 0 to C */
    float *to;           /* [C,K]: exp(G_C - G) at times 1 to C */
    double *G;           /* [C+1,K] */
    /* of the way back */
    float *dS;    /* [K,W] after the chunk */
    float *Y, *Z; /* [2C,W]: gradients of what the reads gave, and what reaches the writes */
    int64_t stretch[LA_DELTA_BACK + 2]; /* times at which stretches begin, and C + 1 */
    int stretches;
} la_dplr_chunk;

typedef struct la_dplr_walk {
    const la_delta_slice *x;
    int64_t K, W;       /* padded dk and w */
    float *near, *far;  /* [C+1,K]: of one stretch, by time; 0 outside of it and behind it */
    float *rows, *cols; /* [2C,K]: reads near, writes far */
    float *T;           /* [K,2C] */
    float *more;        /* of the way back, or O */
    const la_team *team;
    int64_t apart;     /* floats from one member's scratch to the next one's */
    float *dS, *Y, *Z; /* of a chunk, where no team keeps them */
} la_dplr_walk;

static inline int64_t la_dplr_chunk_floats(int64_t K, int64_t W, bool team)
{
    const int64_t C = LA_DELTA_BACK;
    int64_t shared = team ? K * W + 4 * C * W : 0;
    return K * W + 8 * C * K + 4 * C * C + 2 * C * W + (2 * C + 1) * K + 2 * (C + 1) * K + shared;
}

static inline int64_t la_dplr_walk_floats(int64_t K)
{
    const int64_t C = LA_DELTA_BACK;
    return 2 * (C + 1) * K + 6 * C * K;
}

static inline int64_t la_dplr_forward_work(int64_t dk, int64_t w)
{
    int64_t K = la_delta_up(dk), W = la_delta_up(w);
    return la_dplr_walk_floats(K) + la_dplr_chunk_floats(K, W, false) + LA_DELTA_BACK * W;
}

/* The recurrent form: what one prepared chunk holds (rows and numbers of pairs of tokens), scratch to prepare
 * it, what a scan keeps of w columns. */
#define LA_DPLR_NUMBERS 8

static inline int64_t la_dplr_ready_floats(int64_t dk)
{
    const int64_t pairs = LA_DELTA_BACK / 2;
    return pairs * LA_DPLR_NUMBERS + (9 * pairs + 2) * la_delta_up(dk);
}

static inline int64_t la_dplr_prepare_floats(int64_t dk)
{
    return 3 * la_delta_up(dk);
}

static inline int64_t la_dplr_scan_floats(int64_t dk, int64_t w)
{
    return (la_delta_up(dk) + 2) * la_delta_up(w);
}

static inline int64_t la_dplr_sweep_work(int64_t dk, int64_t w)
{
    return la_dplr_scan_floats(dk, w) + la_dplr_ready_floats(dk) + la_dplr_prepare_floats(dk);
}

/* Of one member of a team. */
static inline int64_t la_dplr_backward_work(int64_t dk, int64_t dv, int64_t T, int64_t segment,
                                            bool team)
{
    const int64_t C = LA_DELTA_BACK;
    int64_t K = la_delta_up(dk), W = la_delta_up(dv), chunks = la_delta_kept_chunks(T, segment);
    int64_t back = K * W + 6 * C * W + 4 * C * C + 7 * C * K;
    return la_dplr_walk_floats(K) + chunks * la_dplr_chunk_floats(K, W, team) + back;
}

/* The place of chunk `i` in the scratch of member `rank`, which starts with the walk's own. */
static inline la_dplr_chunk la_dplr_chunk_at(const la_dplr_walk *w, int rank, int64_t i)
{
    const int64_t C = LA_DELTA_BACK, K = w->K, W = w->W;
    bool team = w->team->size > 1;
    float *p = w->x->work + rank * w->apart + la_dplr_walk_floats(K);
    p += i * la_dplr_chunk_floats(K, W, team);
    la_dplr_chunk c = {.dS = w->dS, .Y = w->Y, .Z = w->Z};
    c.S = p, p += K * W;
    c.reads = p, p += 2 * C * K;
    c.in = p, p += 2 * C * K;
    c.writes = p, p += 2 * C * K;
    c.out = p, p += 2 * C * K;
    c.M = p, p += 4 * C * C;
    c.U = p, p += 2 * C * W;
    c.fade = p, p += (C + 1) * K;
    c.to = p, p += C * K;
    c.G = (double *)(void *)p, p += 2 * (C + 1) * K;
    if (team) {
        c.dS = p, p += K * W;
        c.Y = p, p += 2 * C * W;
        c.Z = p;
    }
    return c;
}

/* `apart` floats of scratch for each member of the team, each with place for `chunks`. */
static inline la_dplr_walk la_dplr_walk_in(const la_delta_slice *x, const la_team *team,
                                           int64_t apart, int64_t chunks)
{
    const int64_t C = LA_DELTA_BACK;
    la_dplr_walk w = {.x = x, .K = la_delta_up(x->dk), .W = la_delta_up(x->w)};
    w.team = team, w.apart = apart;
    float *p = x->work + team->rank * apart;
    w.near = p, p += (C + 1) * w.K;
    w.far = p, p += (C + 1) * w.K;
    w.rows = p, p += 2 * C * w.K;
    w.cols = p, p += 2 * C * w.K;
    w.T = p, p += 2 * C * w.K;
    w.more = p + chunks * la_dplr_chunk_floats(w.K, w.W, team->size > 1);
    return w;
}

/* The chunk of tokens [t, t + n), S being there: everything up to U. */
typedef void la_dplr_enter_fn(const la_dplr_walk *w, la_dplr_chunk *c, int64_t t, int64_t n);
/* S after the chunk, which may be where S before it was. */
typedef void la_dplr_leave_fn(const la_dplr_walk *w, const la_dplr_chunk *c, float *next);
/* near, far, rows and cols of stretch number e; near is c->fade and rows c->in where there is but one. */
typedef struct la_dplr_stretch {
    const float *near, *far, *rows, *cols;
} la_dplr_stretch;
typedef la_dplr_stretch la_dplr_stretch_fn(const la_dplr_walk *w, const la_dplr_chunk *c, int e);
/* X [2C,2C] where the write does not come after the read, else 0. */
typedef void la_dplr_mask_fn(float *X);

la_dplr_enter_fn la_dplr_enter_generic, la_dplr_enter_avx2, la_dplr_enter_avx512,
    la_dplr_enter_avx512_bf16;
la_dplr_leave_fn la_dplr_leave_generic, la_dplr_leave_avx2, la_dplr_leave_avx512,
    la_dplr_leave_avx512_bf16;
la_dplr_stretch_fn la_dplr_stretch_generic, la_dplr_stretch_avx2, la_dplr_stretch_avx512,
    la_dplr_stretch_avx512_bf16;
la_dplr_mask_fn la_dplr_mask_generic, la_dplr_mask_avx2, la_dplr_mask_avx512,
    la_dplr_mask_avx512_bf16;

/* The recurrent form, and its halves. */
la_delta_prepare_fn la_dplr_prepare_generic, la_dplr_prepare_avx2, la_dplr_prepare_avx512,
    la_dplr_prepare_avx512_bf16;
la_delta_scan_fn la_dplr_scan_generic, la_dplr_scan_avx2, la_dplr_scan_avx512,
    la_dplr_scan_avx512_bf16;
la_delta_kernel la_dplr_sweep_generic, la_dplr_sweep_avx2, la_dplr_sweep_avx512,
    la_dplr_sweep_avx512_bf16;
la_delta_kernel la_dplr_forward_generic, la_dplr_forward_avx2, la_dplr_forward_avx512,
    la_dplr_forward_avx512_bf16;
la_delta_backward_kernel la_dplr_backward_generic, la_dplr_backward_avx2, la_dplr_backward_avx512,
    la_dplr_backward_avx512_bf16;

#endif
