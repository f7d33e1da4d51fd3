/* SPDX-License-Identifier: Apache-2.0
 * Gradients of the recurrent family on CUDA devices: the plan of a call and its launchers.
 *
 * All seven members are one algebra over chunks of C tokens. A chunk reads S with NR kinds of rows, `reads`
 * (the last kind is s q; the delta rule also reads with k, the rank-one rule with a, both first), and writes
 * with NW kinds of keys, `writes` (k; of rank one b, then k), the rows U. Times run from 0, before the chunk,
 * to C: token i writes at time i + 1 and reads there too, but for a, which reads at time i.
 *
 *   in  = reads  . exp(G_time)        as they meet S at the chunk's start      [NR C, K]
 *   out = writes . exp(G_C - G)       as they are left at its end              [NW C, K]
 *   M   = scores of reads and writes with the decay between, 0 where the write is not seen: below the
 *         diagonal for the first kind of reads, with it for q                  [NR C, NW C]
 *   T   = (I + M_k diag(beta))^-1 of the delta rule, (I - M_ab)^-1 of rank one [C, C]
 *   X   = T (V - in_k S), U = diag(beta) X       or      W = T (in_a S + M_ak V), U = [W; V]
 *   S  <- exp(G_C) S + out' U
 * and from the last chunk, with Y the gradients of what the reads gave, dO for q:
 *   Z   = out dS + M_q' dO
 *   dV  = dX = T' diag(beta) Z, dU = Z - M_k' dX, Y = [-dX; dO]   or   dW = T' Z_b, dV = Z_k + M_ak' dW
 *   dS <- exp(G_C) dS + in' Y
 * Both scans act on columns of S apart; scores and gradients of reads, writes and decays need one chunk
 * alone, so that four kernels do: prepare, states, back, gradients. None of them waits for another block.
 *
 * The work buffer holds what they hand on (f32) for a window of chunks; a long sequence takes several, from
 * the last. The states between windows come from a first pass forward. Rows of K and W are padded with
 * zeros, and so are the last chunk's tokens: a token of zeros changes neither states nor gradients.
 */
#ifndef LA_DELTA_BACK_H
#define LA_DELTA_BACK_H

#include "delta_cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LA_DELTA_BACK_C    32 /* tokens of a chunk */
#define LA_DELTA_BACK_COLS 16 /* columns of S that a block of a scan has */
#define LA_DELTA_BACK_WORK                                                                         \
    ((size_t)1 << 30) /* what a window may take, but for states between windows */

/* Floats of the work buffer for one chunk of one head, each part at a multiple of 4. */
typedef struct la_delta_back_sizes {
    int64_t K, W; /* dk and dv padded */
    int64_t in, out, whole, M, T, S, X, dU, parts;
    int64_t chunk; /* their sum, S twice */
} la_delta_back_sizes;

typedef struct la_delta_back_plan {
    la_delta_back_sizes each;
    int64_t chunks;  /* of a window; the last window may have fewer */
    int64_t windows; /* that cover the sequence */
    int64_t state;   /* floats of one state [dk,dv] of every head */
    int64_t floats;  /* of the work buffer */
} la_delta_back_plan;

/* Pure: the division of a problem. `most` bytes for a window's chunks, at least one chunk of each head. */
la_delta_back_plan la_delta_back_divide(la_write_rule write, const la_problem *p, size_t most);

/* One call, all on the device. dq to dS_in may be NULL: not wanted. */
typedef struct la_delta_back {
    la_delta_call c;     /* inputs as those of forward */
    const void *dout;    /* [B,T,H,dv] */
    const float *dS_out; /* NULL: zeros */
    void *dq, *dk, *dv;  /* of the type of q, k, v */
    float *dbeta, *dg, *da, *db, *dS_in;
    size_t shared; /* bytes that a block may have of shared memory (la_delta_back_shared) */
    /* of the window at hand; numbers of chunk i of head bh at (bh * chunks + i) times those of one chunk */
    int64_t first, chunks; /* its first token, its chunks */
    int64_t K, W;
    float *in, *out, *whole, *M, *T, *S, *dS, *X, *dU;
    float *dq_part, *dk_part; /* [chunk,C,K]: by value head, where those share q and k; else NULL */
} la_delta_back;

/* Bytes that a block may have on the current device. */
size_t la_delta_back_shared(void);

/* Launchers, each over one window. States between windows are [B,H,dk,dv]. */
la_status la_delta_back_prepare(const la_delta_back *w, la_err *err);
/* From `from` (NULL: zeros) to `to`; S of every chunk is kept where `keep`. */
la_status la_delta_back_states(const la_delta_back *w, const float *from, float *to, bool keep,
                               la_err *err);
/* From the gradient of the state behind the window (NULL: zeros) to that before it (NULL: not wanted). */
la_status la_delta_back_scan(const la_delta_back *w, const float *from, float *to, la_err *err);
la_status la_delta_back_gradients(const la_delta_back *w, la_err *err);

/* The host's part: a whole backward with `most` as above; work as la_delta_back_divide says. */
la_status la_delta_back_run(la_delta_back *w, const la_problem *p, size_t most, float *work,
                            la_err *err);

#ifdef __cplusplus
}
#endif
#endif
