/* SPDX-License-Identifier: Apache-2.0
 * Attention by feature maps on CUDA devices (`linear`, `performer`): what the host part hands to the launchers.
 * The mathematics is kernel_attention.h's; here sequences are cut into chunks that are computed at the same
 * time.
 *
 *   absorb   each chunk's U = F'Y and u = F'y0, F features [L,m] of its tokens, Y [L,dv] what they bring
 *   scan     states before (forward) or after (backward) each chunk: running sums of U, u, in place
 *   read     O = F S + tril(F F'_other) Y_other: outputs; with the sides turned round and from the end, dV
 *   grad     dF = X S' + x0 z' + tril(X Y'_other + x0 y0') F_other: gradients of features, of either side
 *
 * Queries bring D = dO / den with y0 = e = -(dO.o) / den, keys V with y0 = 1. Maps that are a function of one
 * or two elements of x are made where they are needed; those with a matrix W are made once, [B H, T, m] in
 * work (ld floats from row to row). Stabilised, exponents e lie there, with exp(e) = p 2^n; features of keys are p 2^(n - R_i) and of
 * queries p 2^(n + R_i - N_t), R_i of the largest exponents up to a chunk's end, N_t of the largest sum.
 */
#ifndef LA_KERNEL_CUDA_H
#define LA_KERNEL_CUDA_H

#include <stdbool.h>

#include "labench/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum la_kc_map {
    LA_KC_ELU,
    LA_KC_IDENTITY,
    LA_KC_RELU,
    LA_KC_TAYLOR2,
    LA_KC_DPFP,
    LA_KC_HEDGEHOG,
    LA_KC_POSITIVE,
    LA_KC_HYPERBOLIC,
    LA_KC_TRIG,
    LA_KC_RECTIFIED,
} la_kc_map;

/* Of a side: features are a function of one element of x; or of two; or lie in work. */
#define LA_KC_DIRECT(map) ((map) <= LA_KC_RELU)
#define LA_KC_PAIRS(map)  ((map) == LA_KC_TAYLOR2 || (map) == LA_KC_DPFP)
#define LA_KC_MADE(map)   ((map) >= LA_KC_HEDGEHOG)

/* Tokens of a tile, and of a chunk at least; what R and N leave to each side: 2^30 and no more, so that what
 * is 2^-150 of it is not lost. */
#define LA_KC_TILE 64
#define LA_KC_ROOM 30
/* Stabilised: below this a sum may miss what float32 cannot hold, and the token is computed once more. */
#define LA_KC_SMALLEST 1e-26f

typedef struct la_kc {
    la_kc_map map;
    la_dtype dtype; /* of q, k, v, o */
    int64_t B, T, H, dk, dv;
    int64_t m, ld;         /* features; floats from one row of them to the next, a multiple of 4 */
    int64_t slot;          /* floats of a state: S [m,dv], then z [m]; a multiple of 4 */
    int64_t rows;          /* of W: [H,dk,dk] of hedgehog, [rows,dk] of performer's */
    int64_t chunk, chunks; /* tokens, a multiple of LA_KC_TILE; how many in a sequence */
    bool causal, normalize, stabilised;
    float eps, read_scale, s; /* s: of performer's exponents */
    float trig_shift, floor;  /* constants of performer's maps */
    const uint32_t *pairs; /* [m] on the device: two places of the row that PAIRS is of; or NULL */
} la_kc;

/* Queries or keys, and what they bring. */
typedef struct la_kc_side {
    const void *x;       /* q or k */
    const float *phi;    /* [B H, T, m] features or exponents where the map is MADE */
    const float *N;      /* [B H, T] powers of stabilised queries; NULL: keys */
    const void *y;       /* [B,T,H,dv]: v or dout */
    const float *factor; /* [B H, T], times y; NULL: 1 */
    const float *y0;     /* [B H, T]; NULL: 1 */
    const float *den; /* [B H, T] of queries whose tokens may be `exact`: below 0 there; or NULL */
} la_kc_side;

/* Parts of a state as the interface has them, z and c NULL where there is none. */
typedef struct la_kc_state {
    float *S, *z, *c;
} la_kc_state;

/* States and their powers on the way. */
typedef struct la_kc_sums {
    float *slots; /* [B H, chunks + 1, slot] */
    float *R;     /* [B H, chunks + 1, m], slot by slot, ld from one to the next, stabilised */
    float *c;     /* [B H, 2, m]: maxima before the first token and after the last, stabilised */
} la_kc_sums;

/* ---- kernel_cuda_features.cu ---- */

/* phi [B H, T, m] of x, for all maps (T: as c says). half: scratch [B H T]. */
la_status la_kc_features(const la_kc *c, const void *x, const float *W, bool key, float *half,
                         float *phi, void *stream, la_err *err);
/* From dphi (scratch) to dx, and adds to dW (NULL: not wanted) where `add`, else overwrites. */
typedef struct la_kc_pull {
    const void *x;
    const float *W, *phi;
    float *dphi, *half; /* [B H, T, m], [B H T] */
    void *dx;
    float *dW, *parts; /* parts [la_kc_parts, elements of W] */
    bool key, add;
} la_kc_pull;
int64_t la_kc_parts(const la_kc *c);
la_status la_kc_pull_back(const la_kc *c, const la_kc_pull *p, void *stream, la_err *err);

/* ---- kernel_cuda.cu ---- */

/* R from exponents of keys, and from the state that comes in; c of the one that goes out. */
la_status la_kc_maxima(const la_kc *c, const float *exponents, const la_kc_sums *sums,
                       const la_kc_state *in, const la_kc_state *out, void *stream, la_err *err);
/* N [B H, T] of queries. */
la_status la_kc_powers(const la_kc *c, const float *exponents, const la_kc_sums *sums, float *N,
                       void *stream, la_err *err);
/* back: queries, from the end; in and out are the gradients of the states after and before. */
la_status la_kc_absorb(const la_kc *c, const la_kc_side *side, bool back, const la_kc_sums *sums,
                       void *stream, la_err *err);
la_status la_kc_scan(const la_kc *c, bool back, const la_kc_sums *sums, const la_kc_state *in,
                     const la_kc_state *out, void *stream, la_err *err);
/* Forward: rows are queries, o is divided by den [B H, T], which is written where not NULL, as is o in
 * float32, o32. back: rows are keys, o is dV. */
typedef struct la_kc_read_call {
    la_kc_side rows, others;
    la_kc_sums sums;
    bool back;
    void *o;
    float *o32, *den;
} la_kc_read_call;
la_status la_kc_read(const la_kc *c, const la_kc_read_call *call, void *stream, la_err *err);

/* ---- kernel_cuda_exact.cu: stabilised and causal, what common powers would drown ---- */

typedef struct la_kc_exact_call {
    la_kc_side queries, keys;
    la_kc_sums sums;
    float *den, *N; /* [B H, T], changed by la_kc_exact */
    void *o;        /* of la_kc_exact, with o32 or NULL */
    float *o32;
    void *dv; /* of la_kc_exact_back: this, or else dphi, of queries or of keys; all are added to */
    float *dphi;
    bool of_keys;
} la_kc_exact_call;
la_status la_kc_exact(const la_kc *c, const la_kc_exact_call *call, void *stream, la_err *err);
la_status la_kc_exact_back(const la_kc *c, const la_kc_exact_call *call, void *stream, la_err *err);

/* ---- kernel_cuda_back.cu ---- */

/* factor = scale / (den + eps) and e = -(dout.o) / (den + eps) of every token; o32 NULL: o. */
la_status la_kc_numerators(const la_kc *c, const void *dout, const void *o, const float *o32,
                           const float *den, float *factor, float *e, void *stream, la_err *err);
/* dphi [B H, T, m], or dx of a DIRECT map. `states` are those that the rows see: S of queries, its gradient
 * of keys. */
typedef struct la_kc_grad_call {
    la_kc_side rows, others;
    la_kc_sums states;
    bool back; /* rows are keys */
    float *dphi;
    void *dx;
} la_kc_grad_call;
la_status la_kc_grad(const la_kc *c, const la_kc_grad_call *call, void *stream, la_err *err);

/* ---- kernel_cuda_step.cu ---- */

/* One token from features phi_q, phi_k [B H, m]; out may be in. */
typedef struct la_kc_step_call {
    const float *phi_q, *phi_k;
    const void *v;
    void *o;
    la_kc_state in, out; /* S NULL: the initial state; not wanted */
} la_kc_step_call;
la_status la_kc_step(const la_kc *c, const la_kc_step_call *call, void *stream, la_err *err);

/* ---- kernel_cuda.c: members of la_cuda_kernels, bound to a variant by LA_KC_KERNELS ---- */

/* What a variant says of itself: `make` fills map, rows, m, stabilised, normalize, eps, read_scale, s and the
 * constants; its options are `opts`. */
typedef struct la_kc_member {
    const char *name;
    void (*make)(const la_problem *p, const void *opts, la_kc *c);
} la_kc_member;

la_status la_kc_check(const la_kc_member *m, const la_problem *p, const void *opts, la_err *err);
la_status la_kc_sizes(const la_kc_member *m, const la_problem *p, la_pass pass, const void *opts,
                      la_sizes *out, la_err *err);
/* Adds to what the mathematics needs what chunks do more. */
void la_kc_cost(const la_kc_member *m, const la_problem *p, la_pass pass, const void *opts,
                la_cost *cost);
la_status la_kc_create(const la_kc_member *m, const la_problem *p, const void *opts, void **self,
                       la_err *err);
void la_kc_destroy(void *self);
la_status la_kc_forward(void *self, const la_io *io, la_err *err);
la_status la_kc_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);
la_status la_kc_decode(void *self, const la_io *io, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
