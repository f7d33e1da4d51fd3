/* SPDX-License-Identifier: Apache-2.0
 * What is computed, without pointers: shapes, type, mask.
 *
 * Tensors are contiguous, last index fastest:
 *   q [B,T,Hqk,dk]  k [B,T,Hqk or Hkv,dk]  v [B,T,Hkv or H,dv]  o [B,T,H,dv]  x [B,T,H*dv]
 *   beta, g (per head) [B,T,H]             g (per channel), a, b [B,T,H,dk]
 * For the softmax kind Hqk = H and key/value heads are Hkv (grouped heads); for the recurrent kind
 * Hkv = H and query/key heads are Hqk (grouped values). Both are H unless asked for.
 */
#ifndef LABENCH_PROBLEM_H
#define LABENCH_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum la_backend { LA_CPU, LA_CUDA } la_backend;
/* fwd, bwd, fwdbwd and decode are passes of a kernel; train and eval are passes of a model or task. */
typedef enum la_pass { LA_FORWARD, LA_BACKWARD, LA_FWDBWD, LA_DECODE, LA_TRAIN, LA_EVAL } la_pass;
typedef enum la_mask { LA_MASK_CAUSAL, LA_MASK_BIDIRECTIONAL } la_mask;
typedef enum la_dtype { LA_F32, LA_BF16, LA_F16, LA_F64 } la_dtype;

typedef struct la_problem {
    int64_t B, T;        /* sequences, tokens of this call (new tokens when a state comes in) */
    int64_t Tcap;        /* capacity of a KV cache, >= tokens in it after the call; = T otherwise */
    int64_t H, Hkv, Hqk; /* heads; key/value heads; query/key heads */
    int64_t dk, dv;
    la_mask mask;
    la_dtype dtype; /* of q k v o x and KV caches; gates, dt and recurrent states are f32 */
    double scale;   /* s in variants' definitions; 0: the variant's default */
    int threads;    /* >= 1 */
} la_problem;

/* Refuses sizes < 1, heads that do not divide, and element counts beyond 2^48. */
LA_API la_status la_problem_check(const la_problem *p, la_err *err);
/* Bytes of one element: 4, 2, 2, 8. */
LA_API size_t la_dtype_size(la_dtype dtype);
/* "f32"; "fwd"; "causal"; "cpu". The parsers return LA_E_ARG for other words. */
LA_API const char *la_dtype_name(la_dtype dtype);
LA_API const char *la_pass_name(la_pass pass);
LA_API const char *la_mask_name(la_mask mask);
LA_API const char *la_backend_name(la_backend backend);
LA_API la_status la_dtype_parse(const char *word, la_dtype *out, la_err *err);
LA_API la_status la_pass_parse(const char *word, la_pass *out, la_err *err);
LA_API la_status la_mask_parse(const char *word, la_mask *out, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
