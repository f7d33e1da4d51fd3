/* SPDX-License-Identifier: Apache-2.0
 * Textbook attention on CUDA devices: softmax_cuda.c puts products and kernels in a row, softmax_cache.cu
 * moves the KV cache.
 */
#ifndef LA_SOFTMAX_CUDA_H
#define LA_SOFTMAX_CUDA_H

#include "labench/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* K or V: `old` [B,Hkv,Tcap,d] holds pos tokens, `added` [B,n,Hkv,d] has n more; all of them into `to`
 * [B,Hkv,Tcap,d]. Where `to` is `old`, only those are written. */
typedef struct la_softmax_append_call {
    int64_t B, Hkv, Tcap, d, pos, n;
    size_t element; /* bytes: 2 or 4 */
    const void *old, *added;
    void *to, *stream;
} la_softmax_append_call;
la_status la_softmax_cuda_append(const la_softmax_append_call *call, la_err *err);

la_status la_softmax_cuda_check(const la_problem *p, la_pass pass, const void *opts,
                                const la_device *dev, la_err *err);
extern const la_cuda_kernels la_softmax_cuda;

#ifdef __cplusplus
}
#endif
#endif
