/* SPDX-License-Identifier: Apache-2.0
 * Ways to a product, private to the layer: gemm.c chooses.
 */
#ifndef LA_CUDA_GEMM_WAYS_H
#define LA_CUDA_GEMM_WAYS_H

#include "gemm_geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

/* gemm_plain.cu: every size and type, multiply-adds in float32. `splits` parts of the sum, whose results
 * lie in work when there are several. */
#define LA_GEMM_PLAIN_TILE  64
#define LA_GEMM_PLAIN_DEPTH 16
la_status la_gemm_plain(const la_cuda_product *product, int64_t splits, la_err *err);
/* C <- alpha (sum over splits of work [splits, batches, m, n]) + beta C */
la_status la_gemm_gather(const la_cuda_product *product, int64_t splits, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
