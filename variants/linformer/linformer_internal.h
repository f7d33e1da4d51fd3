/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_LINFORMER_INTERNAL_H
#define LA_LINFORMER_INTERNAL_H

#include "labench/tile.h"
#include "labench/variant.h"

typedef struct la_linformer_options {
    int64_t r;
} la_linformer_options;

extern const la_reference la_linformer_reference;

/* Rows of E and F: the option, but never more than tokens they are made for. */
int64_t la_linformer_rank(const la_problem *p, const void *opts);

/* What exists once per instruction set. Scores lie transposed, [r, panel] with one query row in each
 * lane, and come in units of log 2. */
typedef struct la_linformer_lanes {
    /* S becomes 2^(S - top) for the maximum `top` of each lane, and weight [panel] one over its sum. */
    void (*softmax)(int64_t r, float *S, float *weight);
    /* From those, and the gradients dP of the weights: P = weight S, and in dP those of the scores,
     * P (dP - sum over r of P dP). */
    void (*gradient)(int64_t r, const float *weight, float *S, float *dP);
} la_linformer_lanes;
extern const la_linformer_lanes la_linformer_lanes_generic, la_linformer_lanes_avx2,
    la_linformer_lanes_avx512;

/* Floats of each array in a thread's part of the work, multiples of 64 bytes. */
typedef struct linformer_layout {
    int64_t mix;     /* rows of E for a block of tokens, [r, block] */
    int64_t in;      /* bf16: rows of an input as floats */
    int64_t panel;   /* transposed rows of one head, [dk or dv, panel] */
    int64_t score;   /* [r, panel] */
    int64_t mixing;  /* scratch of the product that mixes, all that forward has */
    int64_t scratch; /* of any product of backward */
    int64_t total;   /* of forward */
} linformer_layout;

typedef struct linformer {
    la_problem p;
    int64_t r, block;     /* block: tokens that meet E and F at a time */
    int64_t keys, values; /* floats of K' [B,r,H,dk] and of V' [B,r,H,dv] */
    int64_t parts;        /* that the tokens of a mixture are shared out to */
    int64_t groups; /* backward: parts that the tiles of one (batch, head) are shared out to */
    linformer_layout own;
    const la_tile *tile;
    const la_tile_bf16 *narrow; /* NULL in f32 */
    la_linformer_lanes lanes;
} linformer;

/* n rows of d numbers, `step` apart in x from element `at` on, as floats: in place, or widened into `to`.
 * *ld is how far apart they then are. */
const float *la_linformer_rows(const linformer *f, const void *x, int64_t at, int64_t step,
                               int64_t n, int64_t d, float *to, int64_t *ld);
/* Rows of E for tokens t.. of a block, contiguous. */
void la_linformer_mix(const linformer *f, const float *E, int64_t t, int64_t n, float *to);
/* Rows of one head, n <= panel, transposed; lanes without a row are 0. */
void la_linformer_enter(const linformer *f, int64_t n, int64_t d, const float *x, int64_t ld,
                        float *to);
/* Scores of a panel of rows with all mixtures and what their softmax leaves, see la_linformer_lanes. */
void la_linformer_score(const linformer *f, const float *qt, const float *K, float *S,
                        float *weight);
/* x [d, panel] transposed to n rows from element `at` of out on; row i times factor[i], or times 1. */
void la_linformer_leave(const linformer *f, int64_t n, int64_t d, const float *x,
                        const float *factor, void *out, int64_t at, int64_t step, float *rows);

/* Floats that backward needs of all threads' work. */
int64_t la_linformer_back_floats(const linformer *f);

la_status la_linformer_sizes(const la_problem *p, la_pass pass, const void *opts,
                             const la_device *dev, la_sizes *out, la_err *err);
la_status la_linformer_create(const la_problem *p, const void *opts, const la_device *dev,
                              void **self, la_err *err);
la_status la_linformer_forward(void *self, const la_io *io, la_err *err);
la_status la_linformer_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);

#endif
