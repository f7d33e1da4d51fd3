/* SPDX-License-Identifier: Apache-2.0
 * The layers around a mixer, forward and backward by hand: norms, short convolution, gates, SwiGLU,
 * embedding, loss, AdamW. One table of functions for each instruction set, like labench/tile.h, and one for
 * CUDA devices (layers_cuda.h), whose pointers are the device's and whose functions only enqueue.
 *
 * Every function runs on the calling thread over the rows it is given (the trainer gives each thread a
 * share of the batch), allocates nothing and gives the same bits for the same sizes. Matrices are
 * row-major; N counts rows (tokens), ld is the distance of rows in floats. Outputs must not overlap
 * inputs unless said. Gradients of parameters (dw, db, ...) are ADDED to; gradients of inputs are
 * overwritten, or added to where `add` says so (a residual stream's gradient is already there).
 */
#ifndef LA_LAYERS_H
#define LA_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "labench/variant.h"

typedef enum la_act { LA_ACT_NONE, LA_ACT_SILU, LA_ACT_SIGMOID } la_act;

typedef struct la_adamw {
    float lr, beta1, beta2, eps, weight_decay; /* decoupled: w -= lr wd w */
    float correct1, correct2;                  /* 1 - beta^step */
    float grad_scale;                          /* gradients are multiplied by it first: clipping */
} la_adamw;

/* The rows of a batch by their tokens, so that a device sums each row of the table in a fixed order: `cap`
 * numbers that la_token_jobs_fill writes; embed_jobs.c says where what lies. */
typedef struct la_token_jobs {
    int64_t rows, vocabulary; /* that there is room for */
    int32_t *table;           /* la_token_jobs_size of them */
} la_token_jobs;

/* What is known of M rows whose logits come a block of classes at a time, M numbers each: the sum of e^(x - base),
 * the largest x, and what earlier powers are to be multiplied by since the last block moved the base. In front of the
 * first block base is -FLT_MAX, sum 0 and top -INFINITY. */
typedef struct la_powers {
    float *base, *sum, *top, *factor;
} la_powers;

typedef struct la_layers {
    la_isa isa;

    /* y = x / rms(x) * w over rows of D; rstd[N] = 1/sqrt(mean x^2 + eps) is kept for backward. */
    void (*rms_norm)(int64_t N, int64_t D, float eps, const float *x, const float *w, float *y,
                     float *rstd);
    void (*rms_norm_grad)(int64_t N, int64_t D, const float *x, const float *w, const float *rstd,
                          const float *dy, bool add, float *dx, float *dw);
    /* y = (x - mean) rstd w + b */
    void (*layer_norm)(int64_t N, int64_t D, float eps, const float *x, const float *w,
                       const float *b, float *y, float *mean, float *rstd);
    void (*layer_norm_grad)(int64_t N, int64_t D, const float *x, const float *w, const float *mean,
                            const float *rstd, const float *dy, bool add, float *dx, float *dw,
                            float *db);

    /* RMS norm of each head's D numbers, times act(gate): y = x rstd w act(gate). Rows of x, gate and y
     * are [H, D] with ld floats between tokens; w [D] is shared by the heads; gate NULL: no gate. rstd
     * [N, H]. w NULL: no norm, the gate alone; rstd and dw are not touched then, dgate not without gate. */
    void (*head_norm)(int64_t N, int64_t H, int64_t D, float eps, const float *x, int64_t ldx,
                      const float *w, const float *gate, int64_t ldg, la_act act, float *y,
                      int64_t ldy, float *rstd);
    void (*head_norm_grad)(int64_t N, int64_t H, int64_t D, const float *x, int64_t ldx,
                           const float *w, const float *gate, int64_t ldg, la_act act,
                           const float *rstd, const float *dy, int64_t ldy, float *dx, int64_t lddx,
                           float *dgate, int64_t lddg, float *dw);

    /* Depthwise convolution along T of each of B sequences, then SiLU where `silu`:
     * pre_t = sum_j w[j] x_{t + j - left} (+ bias), zero outside; causal: left = width - 1; centred: left =
     * width / 2. x [B,T,D] ldx, w [width, D], bias [D] or NULL, y [B,T,D] ldy. */
    void (*conv)(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left, const float *x,
                 int64_t ldx, const float *w, const float *bias, bool silu, float *y, int64_t ldy);
    /* Recomputes pre from x; dbias NULL where it is not wanted. scratch: T*D floats. */
    void (*conv_grad)(int64_t B, int64_t T, int64_t D, int64_t width, int64_t left, const float *x,
                      int64_t ldx, const float *w, const float *bias, bool silu, const float *dy,
                      int64_t ldy, float *dx, int64_t lddx, float *dw, float *dbias,
                      float *scratch);

    /* y = x / sqrt(sum x^2 + eps) for each of H heads of D numbers; rnorm [N, H]. y may be x. */
    void (*l2_norm)(int64_t N, int64_t H, int64_t D, float eps, const float *x, int64_t ldx,
                    float *y, int64_t ldy, float *rnorm);
    /* From y and rnorm; dx may be dy. */
    void (*l2_norm_grad)(int64_t N, int64_t H, int64_t D, const float *y, int64_t ldy,
                         const float *rnorm, const float *dy, int64_t lddy, float *dx,
                         int64_t lddx);

    /* SiLU or sigmoid times `scale`, n numbers; y may be x. The gradient is from x; dx may be dy. */
    void (*act)(int64_t n, la_act act, float scale, const float *x, float *y);
    void (*act_grad)(int64_t n, la_act act, float scale, const float *x, const float *dy,
                     float *dx);

    /* Log-decays g = -exp(A_log[h]) softplus(a + dt_bias) of D channels a head (1: one for the head); a
     * [N, H D] with ld, A_log [H], dt_bias [H D], g [N, H D]. */
    void (*decay)(int64_t N, int64_t H, int64_t D, const float *a, int64_t lda, const float *A_log,
                  const float *dt_bias, float *g);
    void (*decay_grad)(int64_t N, int64_t H, int64_t D, const float *a, int64_t lda,
                       const float *A_log, const float *dt_bias, const float *dg, float *da,
                       int64_t ldda, float *dA_log, float *ddt_bias);

    /* h = silu(u) v of rows [u | v] (2F numbers, ld 2F); h [N, F]. */
    void (*swiglu)(int64_t N, int64_t F, const float *uv, float *h);
    /* In place: uv becomes its gradient, and dh, that of h, becomes h again. */
    void (*swiglu_grad)(int64_t N, int64_t F, float *uv, float *dh);

    /* Rotary positions over pairs (i, i + D/2) of each head, D even, angle t theta^(-2i/D), in place;
     * inverse gives the gradient. cosine and sine: [T, D/2] tables. */
    void (*rope)(int64_t B, int64_t T, int64_t H, int64_t D, const float *cosine, const float *sine,
                 bool inverse, float *x, int64_t ldx);

    /* x[row] = table[token[row]] (+ positions[row mod T]); positions [>= T, D] or NULL. The CPU needs no jobs. */
    void (*embed)(int64_t N, int64_t T, int64_t D, const int32_t *tokens, const float *table,
                  const float *positions, float *x);
    void (*embed_grad)(int64_t N, int64_t T, int64_t D, const int32_t *tokens,
                       const la_token_jobs *jobs, const float *dx, float *dtable,
                       float *dpositions);
    /* Inverted dropout in place: element i is kept when random bit stream (stream, first + i) says so,
     * and multiplied by 1/(1-p). The same call on the gradient is its backward. */
    void (*dropout)(int64_t n, float p, uint64_t stream, uint64_t first, float *x);

    /* Rows of M logits over V classes become the gradient of the mean loss: (softmax - onehot) scale.
     * *loss += sum of -log p (double), *correct += rows whose largest logit is the label's (the lowest id
     * of equals). `grad` false: logits are left as they are. A row with a NaN or +inf makes *loss NaN and
     * is not correct. right[i] becomes whether row i is; NULL: not wanted. */
    void (*cross_entropy)(int64_t M, int64_t V, float *logits, const int32_t *labels, bool grad,
                          float scale, double *loss, int64_t *correct, int32_t *right);

    /* Logits x [n, ld] of the next n classes, a column for each of M rows, become powers, and the `done` classes
     * that lie in front of them are multiplied by factor. Returns whether one is not 1, which is rare behind the
     * first block. A NaN or +inf makes the row's sum NaN. NULL on a device. */
    bool (*powers)(int64_t done, int64_t n, int64_t M, float *x, int64_t ld, const la_powers *p);

    void (*adamw)(int64_t n, const la_adamw *how, const float *g, float *w, float *m, float *v);
    double (*sum_squares)(int64_t n, const float *x); /* in double: the norm of a gradient */
    void (*add)(int64_t n, const float *x, float *y); /* y += x */

    /* ---- rows that are moved, and small sums: layers_rows.c ---- */
    void (*zero)(int64_t n, float *x);
    /* n numbers of each of N rows; to = from, to += from. */
    void (*copy_rows)(int64_t N, int64_t n, const float *from, int64_t ld_from, float *to,
                      int64_t ld_to);
    void (*add_rows)(int64_t N, int64_t n, const float *from, int64_t ld_from, float *to,
                     int64_t ld_to);
    /* Each row of y [N, M] = or += row; and row += the sum of all rows of y. */
    void (*spread)(int64_t N, int64_t M, const float *row, bool add, float *y);
    void (*sum_rows)(int64_t N, int64_t M, const float *y, float *row);
    /* y[i] = x[at[i] - first], and back y[at[i] - first] += x[i]; equal places are neighbours where it is a
     * device that adds. */
    void (*gather)(int64_t n, int64_t D, const int32_t *at, int64_t first, const float *x,
                   float *y);
    void (*scatter)(int64_t n, int64_t D, const int32_t *at, int64_t first, const float *x,
                    float *y);
    /* y[i] += table[at[i] mod T] */
    void (*add_places)(int64_t n, int64_t D, int64_t T, const int32_t *at, const float *table,
                       float *y);
    /* y[N, n] = x + bias; y = scale w x; bias and w [n] */
    void (*shift)(int64_t N, int64_t n, const float *x, int64_t ldx, const float *bias, float *y);
    void (*times)(int64_t N, int64_t n, float scale, const float *w, const float *x, float *y);

    /* block_gates.c says what these are for. g = -rate sigmoid(.): dg -> df = dg g (1 + g / rate), dbias +=
     * its sum. */
    void (*bounded_grad)(int64_t N, int64_t n, float rate, const float *g, const float *dg,
                         float *df, int64_t ldf, float *dbias);
    /* dt = -g exp(-A_log); from ddt: dg -= ddt exp(-A_log), dA_log -= sum of ddt dt. */
    void (*step)(int64_t N, int64_t H, const float *A_log, const float *g, float *dt);
    void (*step_grad)(int64_t N, int64_t H, const float *A_log, const float *dt, const float *ddt,
                      float *dg, float *dA_log);
    /* o += w[h] v; from dout: dv += w[h] dout, dw += sum of dout v. */
    void (*skip)(int64_t N, int64_t H, int64_t D, const float *w, const float *v, float *o);
    void (*skip_grad)(int64_t N, int64_t H, int64_t D, const float *w, const float *v,
                      const float *dout, float *dv, float *dw);
    /* block_rank_one.c: b = -a iclr, key = k (1 + (iclr - 1) replacement), and back: dk holds that of key and
     * db that of b; they leave as those of k and of iclr, da as that of a. Then what passes a and iclr. */
    void (*rank_one)(int64_t N, int64_t D, const float *k, const float *a, const float *iclr,
                     const float *replacement, float *b, float *key);
    void (*rank_one_grad)(int64_t N, int64_t D, const float *k, const float *a, const float *iclr,
                          const float *replacement, float *dk, float *da, float *db,
                          float *dreplacement);
    void (*removal_grad)(int64_t N, int64_t D, const float *k, const float *removal,
                         const float *da, const float *diclr, float *dk, float *dremoval,
                         float *dbias);
    /* C[M,N] = op(A) op(B) + beta C, for the small products that no panels are packed for. */
    void (*gemm)(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                 const float *B, int64_t ldb, float beta, float *C, int64_t ldc);
} la_layers;

/* The table for an instruction set, or for the best one below it that this build contains. */
const la_layers *la_layers_get(la_isa isa);

#endif
