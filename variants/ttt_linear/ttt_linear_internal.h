/* SPDX-License-Identifier: Apache-2.0
 * What the files of ttt_linear share; the mathematics is at the top of ttt_linear.c.
 */
#ifndef LA_TTT_LINEAR_INTERNAL_H
#define LA_TTT_LINEAR_INTERNAL_H

#include "counts.h"
#include "delta_product.h"
#include "labench/kit.h"
#include "labench/tile.h"
#include "labench/variant.h"

enum { LA_TTT_LN, LA_TTT_PLAIN };
enum { LA_TTT_W0, LA_TTT_B0, LA_TTT_LN_W, LA_TTT_LN_B, LA_TTT_PARAMS };
/* State of one head: W [dk,dv] and b [dv], less W0 and b0, at the start of the mini-batch; the sums of
 * eta k G' and of eta G over the n tokens of it so far. */
enum { LA_TTT_W, LA_TTT_B, LA_TTT_SUM_W, LA_TTT_SUM_B, LA_TTT_N, LA_TTT_PARTS };

#define LA_TTT_EPS 1e-6 /* inside the root of the layer norm */

typedef struct la_ttt_options {
    int64_t mini_batch; /* C */
    double rate;        /* eta_t = rate beta_t / dk */
    int64_t average;    /* 1: the i-th token sees the sum of the gradients over i */
    int64_t norm;       /* LA_TTT_LN, LA_TTT_PLAIN */
} la_ttt_options;

extern const la_reference la_ttt_linear_reference;

/* s: 1 unless the problem names one. */
static inline double la_ttt_scale(const la_problem *p)
{
    return p->scale == 0.0 ? 1.0 : p->scale;
}

/* c_i, the weight of the summed gradients at token i = 1, 2, ... of a mini-batch. */
static inline double la_ttt_weight(const la_ttt_options *o, int64_t i)
{
    return o->average ? 1.0 / (double)i : 1.0;
}

/* Tokens already in the mini-batch, from the part n of a state; anything else than 0..C-1 means 0. */
static inline int64_t la_ttt_count(double n, int64_t C)
{
    return n > 0.5 && n < (double)C - 0.5 ? (int64_t)(n + 0.5) : 0;
}

size_t la_ttt_state_parts(const la_problem *p, const void *opts, la_part *out, size_t cap);

la_status la_ttt_sizes(const la_problem *p, la_pass pass, const void *opts, const la_device *dev,
                       la_sizes *out, la_err *err);
/* Of the form that goes token by token. */
la_status la_ttt_steps_sizes(const la_problem *p, la_pass pass, const void *opts,
                             const la_device *dev, la_sizes *out, la_err *err);
la_status la_ttt_create(const la_problem *p, const void *opts, const la_device *dev, void **self,
                        la_err *err);
la_status la_ttt_forward(void *self, const la_io *io, la_err *err);
la_status la_ttt_forward_recurrent(void *self, const la_io *io, la_err *err);
la_status la_ttt_decode(void *self, const la_io *io, la_err *err);
la_status la_ttt_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);

/* ---- the rows of a mini-batch, compiled once per instruction set ---- */

/* n rows of dv channels, ld floats apart in the buffers; inputs and outputs have rows of their own. */
typedef struct la_ttt_rows {
    int64_t n, dk, dv, ld;
    int64_t qk_row, v_row;     /* floats from token to token of q and k, of v and o */
    const float *gamma, *beta; /* of the layer norm; gamma NULL: none (option norm=none) */
    const float *bias;         /* b [dv] at the start of the mini-batch */
    const float *q, *k, *v;
    float scale;
    const float *eta; /* [n] */
} la_ttt_rows;

/* From Z = K W: G, its gradient of the loss, and H = eta G; with a norm also X, the normed rows (in the
 * place of Z), and 1/std. */
typedef void la_ttt_inner(const la_ttt_rows *r, float *Z, float *rstd, float *G, float *H);
/* From Zbar less its bias: o (NULL: not wanted), X in the place of Zbar, and 1/std. */
typedef void la_ttt_outer(const la_ttt_rows *r, float *Z, float *rstd, float *o);
/* From do, X and 1/std: N, the gradient of Zbar; adds to dgamma and dbeta. */
typedef void la_ttt_outer_back(const la_ttt_rows *r, const float *dout, const float *X,
                               const float *rstd, float *N, float *dgamma, float *dbeta);
/* From the gradient of H (in the place of which comes that of Z), G, X and 1/std: deta [n], the gradient
 * of the target, which is dv (NULL: not wanted) and less dk, in T; adds to dgamma and dbeta. */
typedef void la_ttt_inner_back(const la_ttt_rows *r, float *D, const float *G, const float *X,
                               const float *rstd, float *deta, float *T, float *dv, float *dgamma,
                               float *dbeta);

/* A product of padded matrices. */
typedef void la_ttt_product(const la_small_product *x);
/* A_ij = factor_i (A_ij + 1) for j <= i, else 0; A [C, C], C a multiple of 16. */
typedef void la_ttt_weigh(int64_t C, const float *factor, float *A, int64_t lda);
/* D += K'H, K [C, dk], H [C, dv]; and W = W0 + D, unless that is NULL. dk and dv are multiples of 16, and
 * rows that far apart. */
typedef void la_ttt_update(int64_t dk, int64_t dv, int64_t C, const float *K, const float *H,
                           const float *W0, float *D, float *W);

/* Rows [n,d] of a tensor, `row` elements apart, times s, as floats ld apart. */
typedef void la_ttt_copy(int64_t n, int64_t d, float s, const void *from, int64_t row, float *to,
                         int64_t ld);
/* sum [d] += the rows of x [n,d] */
typedef void la_ttt_sum(int64_t n, int64_t d, const float *x, int64_t ld, float *sum);

/* ---- the same rows where several threads each have some columns (dv is their number). Sums are
 * [shares, 2, C]: two numbers of each row ---- */

/* Z += bias; the mean of each row, and its squares about that. Without a norm only the bias. */
typedef void la_ttt_sums(const la_ttt_rows *r, float *Z, float *sums, int64_t C);
/* Of whole rows, n channels, `each` of every share but the last: mean and 1/std. */
typedef void la_ttt_moments(int64_t C, int64_t shares, int64_t each, int64_t n, const float *sums,
                            float *mean, float *rstd);
/* From Z with its bias: X in its place, a = gamma error into G, and the sums of a and a X. */
typedef void la_ttt_gradient(const la_ttt_rows *r, float *Z, const float *mean, const float *rstd,
                             float *G, float *sums, int64_t C);
/* Both sums over whole rows of n channels, over n. */
typedef void la_ttt_means(int64_t C, int64_t shares, int64_t n, const float *sums, float *mean_a,
                          float *mean_ax);
/* H = eta rstd (a - mean a - X mean(a X)) */
typedef void la_ttt_through(const la_ttt_rows *r, const float *X, const float *rstd, const float *G,
                            const float *mean_a, const float *mean_ax, float *H);
/* o, rows v_row apart, from Y with its bias */
typedef void la_ttt_outputs(const la_ttt_rows *r, const float *Y, const float *mean,
                            const float *rstd, float *o);

/* sum = a + b */
typedef void la_ttt_plus(int64_t n, const float *a, const float *b, float *sum);

typedef struct la_ttt_kernels {
    la_ttt_plus *add;
    la_ttt_sums *sums;
    la_ttt_moments *moments;
    la_ttt_gradient *gradient;
    la_ttt_means *means;
    la_ttt_through *through;
    la_ttt_outputs *outputs;
    la_ttt_copy *copy;
    la_ttt_sum *sum;
    la_ttt_product *product;
    la_ttt_weigh *weigh;
    la_ttt_update *update;
    la_ttt_inner *inner;
    la_ttt_outer *outer;
    la_ttt_outer_back *outer_back;
    la_ttt_inner_back *inner_back;
} la_ttt_kernels;

/* ---- an instance, and one (batch, head) of a call ---- */

typedef struct la_ttt {
    la_problem p;
    la_ttt_options o;
    float scale;
    const la_tile *tile;
    la_ttt_kernels rows;
    const la_tile_bf16 *half; /* bf16: what widens and narrows rows; NULL for float32 */
} la_ttt;

/* Floats of W and b together, as they are saved for backward. */
static inline int64_t la_ttt_memory(const la_problem *p)
{
    return la_whole_lines(p->dk * p->dv) + la_whole_lines(p->dv);
}

/* Mini-batches between saved memories: about 64 tokens. */
static inline int64_t la_ttt_segment(int64_t C)
{
    return C >= 64 ? 1 : (63 + C) / C;
}

/* Memories saved for one head; the first mini-batch may be the rest of one that a state began. */
static inline int64_t la_ttt_saved(const la_problem *p, int64_t C)
{
    int64_t most = 1 + (p->T - 1 + C - 1) / C;
    return (most - 1) / la_ttt_segment(C);
}

/* What a head reads and writes; row strides are in `rows`. q, k, v and o are float32 or bf16; elements of
 * them are found by la_ttt_at. */
typedef struct la_ttt_head {
    la_ttt_rows rows; /* of the whole call: n is T; its q, k, v are not set */
    const void *q, *k, *v;
    void *o;
    float *wide; /* bf16: q, k [R, up(dk)] and v, o, dout, dv [R, up(dv)] of R tokens, in float32 */
    const float *beta_in; /* [T], gate_row apart */
    int64_t gate_row;
    const float *W0, *b0;
    const float *in[LA_TTT_PARTS]; /* state; NULL: the initial one */
    float *out[LA_TTT_PARTS];      /* NULL: not wanted */
    float *saved;
} la_ttt_head;

void la_ttt_head_of(const la_ttt *t, const la_io *io, int64_t T, int64_t b, int64_t h,
                    la_ttt_head *out);
/* The element at `offset` of a tensor of the problem's type. */
static inline void *la_ttt_at(const la_ttt *t, const void *tensor, int64_t offset)
{
    return (char *)(uintptr_t)tensor + offset * (int64_t)la_dtype_size(t->p.dtype);
}

/* Floats of la_ttt_head.wide for R tokens, and where its o, dout and dv lie. */
static inline int64_t la_ttt_wide_floats(const la_problem *p, int64_t R)
{
    return p->dtype == LA_BF16 ? R * (2 * la_whole_lines(p->dk) + 4 * la_whole_lines(p->dv)) : 0;
}
static inline float *la_ttt_wide_at(const la_ttt *t, const la_ttt_head *x, int64_t R, int i)
{
    return x->wide + R * (2 * la_whole_lines(t->p.dk) + i * la_whole_lines(t->p.dv));
}
enum { LA_TTT_WIDE_V, LA_TTT_WIDE_O, LA_TTT_WIDE_DOUT, LA_TTT_WIDE_DV };

/* Tokens of a mini-batch that a call can meet. */
static inline int64_t la_ttt_most_rows(const la_problem *p, const la_ttt_options *o)
{
    return o->mini_batch < p->T ? o->mini_batch : p->T;
}

/* Rows first..first+n-1 of a head; eta [n] is filled. bf16: in x->wide, until the next call. */
la_ttt_rows la_ttt_rows_of(const la_ttt *t, const la_ttt_head *x, int64_t first, int64_t n,
                           float *eta);
/* sum = a + b, n floats: W0 and what a state holds of W. */
void la_ttt_add(const la_ttt *t, const float *a, const float *b, int64_t n, float *sum);
/* Y = s Q W - c (s Q P + p + tril(s Q K' + 1) H): Zbar less its bias, for rows that come after `done`
 * tokens of their mini-batch. P NULL: no sums yet. A [n,n] keeps -c tril(s Q K' + 1); spare [n,ld]. */
void la_ttt_readout(const la_ttt *t, const la_ttt_rows *x, int64_t done, const float *W,
                    const float *P, const float *p, const float *H, float *A, float *spare,
                    float *Y, float *scratch);
int la_ttt_threads(const la_problem *p, la_pass pass);
/* Where the memory before mini-batch `batch` is kept for backward; NULL: nowhere. Before the first of
 * every segment but the first. */
float *la_ttt_saved_at(const la_ttt *t, const la_ttt_head *x, int64_t batch);

/* ---- forward by whole mini-batches, several threads a head: ttt_linear_chunk.c ---- */

/* n mini-batches from token `first`, the first of them number `batch` of the call. */
typedef struct la_ttt_stretch {
    int64_t first, n, batch;
} la_ttt_stretch;

/* Heads that threads share, the last ones: of the others all threads have as many. */
int64_t la_ttt_shared(const la_problem *p);
/* Threads that share such a head; 1: it is too small. */
int la_ttt_shares(const la_problem *p, const la_ttt_options *o);
/* Floats of a head for all of them, or for one thread that is alone with it; and what comes first, before
 * any of them starts. */
int64_t la_ttt_common_floats(const la_problem *p, const la_ttt_options *o, bool together);
void la_ttt_nobody_met(const la_problem *p, const la_ttt_options *o, float *base);
/* All `threads` threads call this at the same time. D, db: of the first; in and out. */
void la_ttt_whole(const la_ttt *t, const la_ttt_head *x, const la_ttt_stretch *s, float *D,
                  float *db, float *base, int thread, int threads);

/* Floats of work that backward wants for one thread. */
int64_t la_ttt_backward_work(const la_problem *p, const la_ttt_options *o);
/* Floats that it wants for every (batch, head): gradients of the parameters. */
int64_t la_ttt_backward_sums(const la_problem *p);

#endif
