/* SPDX-License-Identifier: Apache-2.0
 * ttt_linear on CUDA devices: what the host part hands to the launchers. A block has one (batch, head), since
 * the layer norm of each mini-batch joins all columns of W and the next one starts from its result; its rows
 * and, where they fit, W and what goes with it lie in shared memory, else in work.
 */
#ifndef LA_TTT_LINEAR_CUDA_H
#define LA_TTT_LINEAR_CUDA_H

#include <stdbool.h>

#include "labench/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As LA_TTT_PARTS and LA_TTT_PARAMS of ttt_linear_internal.h, which is for the CPU. */
enum { LA_TTT_CUDA_PARTS = 5, LA_TTT_CUDA_PARAMS = 4 };

typedef struct la_ttt_call {
    int64_t B, T, H, Hqk, dk, dv;
    int64_t C, R;         /* tokens of a mini-batch, and at most of one in this call */
    int64_t segment;      /* mini-batches between saved memories */
    int64_t saves;        /* memories saved for one head */
    int64_t memory;       /* floats of one: D [dk,dv], then db [dv] */
    la_dtype dtype;       /* of q, k, v, o */
    float scale, rate;    /* s; a token's rate is rate beta */
    bool average, normed; /* c_i = 1 / i; with a layer norm */
    const void *q, *k, *v;
    const float *beta;
    const float *params[LA_TTT_CUDA_PARAMS]; /* W0, b0, gamma, beta_LN */
    void *o;
    const float
        *in[LA_TTT_CUDA_PARTS];    /* [B,H] of W, b, sum_W, sum_b, n; NULL: the initial state */
    float *out[LA_TTT_CUDA_PARTS]; /* NULL: not wanted */
    float *saved;                  /* [B,H,saves] memories, or NULL */
    float *work;                   /* la_ttt_cuda_floats */
    void *stream;
    /* of backward; NULL: not wanted */
    const void *dout;
    void *dq_out, *dk_out, *dv_out;
    float *dbeta;
    const float *after[LA_TTT_CUDA_PARTS];
    float *before[LA_TTT_CUDA_PARTS];
    float *dparams[LA_TTT_CUDA_PARAMS];
} la_ttt_call;

/* Floats of work of a pass. */
int64_t la_ttt_cuda_floats(const la_ttt_call *call, bool back);
/* T tokens from a state to a state; and back. */
la_status la_ttt_cuda_launch(const la_ttt_call *call, la_err *err);
la_status la_ttt_cuda_launch_back(const la_ttt_call *call, la_err *err);

extern const la_cuda_kernels la_ttt_cuda_kernels;

#ifdef __cplusplus
}
#endif
#endif
