/* SPDX-License-Identifier: Apache-2.0
 * Lengths that are powers of two, by transforms of our own over vectors of LA_VW independent sequences.
 *
 * Y does not change when x is replaced by its even part f_tc = (x_tc + x_-t,-c) / 2 (indices mod T and
 * D), and Y_-t,-c = Y_tc. So half of the numbers are enough on the whole way:
 *   rows     G_tc = sum_c' f_tc' e(c c'/D), c = 0..D/2, where e(x) = exp(-2 pi i x). Each f_t is real: two
 *            rows make one complex transform. And f even means G_-t,c = conj G_tc.
 *   columns  Y_tc = sum_t' e(t t'/T) G_t'c, real, in two steps that fit the caches, with T = T1 T2,
 *            t' = T2 a + b and t = k + T1 j:
 *              A_kb = e(b k/T) sum_a e(a k/T1) G_(T2 a + b),  b = 0..T2/2, as A_k,T2-b = conj A_kb
 *              Y_(k + T1 j) = sum_b e(b j/T2) A_kb,           real: two k make one complex transform
 * Step one takes a b at a time from rows of x to A_kb of all k and c; step two takes k and T1-k, which
 * hold the mirror images of each other's tokens, to whole rows of o.
 */
#ifndef LA_FNET_FOLD_H
#define LA_FNET_FOLD_H

#include <stdbool.h>

#include "labench/tile.h"

/* Smallest T and D; both are powers of two. */
#define LA_FNET_FOLD_LEAST 16

typedef struct la_fnet_fold la_fnet_fold;

/* What exists once per instruction set. */
typedef struct la_fnet_steps {
    /* Step one for one b of 0..T2/2. */
    void (*rows)(const la_fnet_fold *f, const void *x, int64_t b, float *A, float *scratch);
    /* Step two for one pair of 0..T1/2-1; pair 0 is k = 0 and T1/2. */
    void (*columns)(const la_fnet_fold *f, const float *A, int64_t pair, void *o, float *scratch);
} la_fnet_steps;

extern const la_fnet_steps la_fnet_steps_generic, la_fnet_steps_avx2, la_fnet_steps_avx512;

struct la_fnet_fold {
    int64_t T, D, T1, T2;  /* T1 is T2, or half of it */
    int64_t half, columns; /* D/2+1 columns of G, and that rounded up to whole vectors */
    int64_t row;           /* floats from a folded row to the next */
    int64_t spectrum; /* floats of A [T1, T2/2+1, 2, columns], planes of real and imaginary parts */
    int64_t scratch;  /* floats of one thread */
    float factor;
    la_fnet_steps steps;
    const la_tile *tile;
    const la_tile_bf16 *narrow; /* x and o are bf16; NULL: float32. Everything between is float32 */
    float *turns;               /* owns the four tables */
    /* exp(-2 pi i j/n) as pairs, j < n, for n = D, T1 and T2; and j <= T/2 for n = T */
    const float *turn_D, *turn_T1, *turn_T2, *turn_T;
};

/* Whether the lengths of a problem are such. */
bool la_fnet_fold_takes(const la_problem *p);
/* All but the tables. */
void la_fnet_fold_shape(const la_problem *p, la_isa isa, la_fnet_fold *f);
size_t la_fnet_fold_turns(const la_fnet_fold *f); /* floats of the tables */
la_status la_fnet_fold_prepare(la_fnet_fold *f, float factor, la_err *err); /* makes the tables */
/* Y of one x [T,D] into o, by the threads of the parallel region that calls it. */
void la_fnet_fold_run(const la_fnet_fold *f, const void *x, void *o, float *A, float *scratch);

#endif
