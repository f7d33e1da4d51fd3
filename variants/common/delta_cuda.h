/* SPDX-License-Identifier: Apache-2.0
 * The recurrent family on CUDA devices: what the host part hands to the launchers.
 */
#ifndef LA_DELTA_CUDA_H
#define LA_DELTA_CUDA_H

#include "delta_engine.h"
#include "labench/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One call: tensors as in delta_engine.h, all on the device. */
typedef struct la_delta_call {
    la_write_rule write;
    la_decay decay;
    int64_t B, T, H, Hqk, dk, dv;
    la_dtype dtype; /* of q, k, v, o */
    float scale;
    const void *q, *k, *v;
    const float *a, *b, *beta, *g; /* NULL where the member has none */
    const float *fixed;            /* [2,H] of a fixed decay: gamma_h, then log gamma_h; or NULL */
    void *o;
    const float *S_in; /* NULL: zeros */
    float *S_out;      /* NULL: not wanted; may be S_in */
    void *stream;
} la_delta_call;

/* Rows of S that a warp of delta_step.cu keeps in registers, a column a lane; warps of a block share dk. With 16 of
 * them a thread may have 128 registers; with 32, 64 were too few for S and all around it. */
#define LA_DELTA_STEP_ROWS  32
#define LA_DELTA_STEP_WARPS 16
/* The largest dk of every pass. Backward keeps dk x 16 numbers of S in a block, which it has room for. */
#define LA_DELTA_STEP_DK (LA_DELTA_STEP_WARPS * LA_DELTA_STEP_ROWS)

/* Token by token: any T, decode too. */
la_status la_delta_step(const la_delta_call *call, la_err *err);

/* By chunks: any T, dk up to LA_DELTA_CUDA_DK; `work` has the bytes that la_delta_chunks_work says. */
#define LA_DELTA_CUDA_CHUNK   16  /* tokens: a tile of the matrix units */
#define LA_DELTA_CUDA_DK      256 /* channels whose states the registers of two warps hold */
#define LA_DELTA_CUDA_BLOCKS  128 /* that keep a device busy */
#define LA_DELTA_CUDA_SEGMENT 8   /* chunks of a segment, at least */
typedef struct la_delta_geometry {
    int64_t chunks, segments,
        segment;      /* of a head; `segment` chunks in each but perhaps the last */
    int wide;         /* columns of a block, a multiple of 16 */
    int64_t groups;   /* blocks that share the columns of a segment */
    int64_t identity; /* and those for what becomes of an identity through it */
    int64_t blocks;   /* of the largest launch of the scan */
} la_delta_geometry;
la_delta_geometry la_delta_chunks_geometry(const la_delta_call *call);
size_t la_delta_chunks_work(const la_delta_call *call);
la_status la_delta_chunks_prepare(const la_delta_call *call, void *records, la_err *err);
la_status la_delta_chunks(const la_delta_call *call, void *work, la_err *err);

/* Members of la_cuda_kernels, `member` bound by LA_DELTA_CUDA. */
la_status la_delta_cuda_check(const la_recurrence *member, const la_problem *p, la_pass pass,
                              const la_device *dev, la_err *err);
la_status la_delta_cuda_chunk_check(const la_recurrence *member, const la_problem *p, la_pass pass,
                                    const la_device *dev, la_err *err);
la_status la_delta_cuda_sizes(const la_recurrence *member, la_delta_form form, const la_problem *p,
                              la_pass pass, const void *opts, la_sizes *out);
la_status la_delta_cuda_create(const la_recurrence *member, const la_problem *p, void **self,
                               la_err *err);
void la_delta_cuda_destroy(void *self);
la_status la_delta_cuda_step(void *self, const la_io *io, la_err *err);
la_status la_delta_cuda_chunks(void *self, const la_io *io, la_err *err);
la_status la_delta_cuda_decode(void *self, const la_io *io, la_err *err);
la_status la_delta_cuda_backward(void *self, const la_io *io, const la_grads *grads, la_err *err);

/* Backward, by chunks for every form of forward (delta_back.h). It asks nothing of forward: no saved bytes, and
 * states are made again in `work`. */
size_t la_delta_cuda_back_work(la_write_rule write, const la_problem *p);
/* `call` as forward's. */
la_status la_delta_cuda_back(const la_delta_call *call, const la_problem *p, const la_grads *grads,
                             void *work, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
