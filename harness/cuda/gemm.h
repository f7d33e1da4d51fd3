/* SPDX-License-Identifier: Apache-2.0
 * Ways to a product, private to the layer: gemm.c chooses.
 */
#ifndef LA_CUDA_GEMM_WAYS_H
#define LA_CUDA_GEMM_WAYS_H

#include "gemm_geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

/* gemm_mma.cu, on the matrix units: tiles of so many rows and columns, so much of the sum at a time. The small tile takes every type,
 * the large one bf16 with bf16 and f16 with f16. `splits` parts of the sum lie in work when there are
 * several. */
#define LA_GEMM_SMALL 64
#define LA_GEMM_LARGE 128
#define LA_GEMM_DEPTH 32
la_status la_gemm_mma(const la_cuda_product *product, int64_t tile, int64_t splits, la_err *err);
/* gemm_plain.cu: every size and type. */
#define LA_GEMM_PLAIN_DEPTH 16 /* its tile is the small one */
la_status la_gemm_plain(const la_cuda_product *product, int64_t splits, la_err *err);
/* C <- alpha (sum over splits of work [splits, batches, m, n]) + beta C */
la_status la_gemm_gather(const la_cuda_product *product, int64_t splits, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
