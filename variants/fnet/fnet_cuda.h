/* SPDX-License-Identifier: Apache-2.0
 * fnet on CUDA devices: how a transform is cut up, and its three kernels.
 *
 *   rows     Z_tc = sum over d of e(c d/D) x_td for the c <= D/2 that decide the others, [B,T,D/2+1]
 *            complex. Two rows are one complex transform.
 *   columns  T = T1 T2, t' = n1 T2 + n2, t = k1 + T1 k2: transforms over n1 in place, with their turns
 *            e(k1 n2/T); then over n2, whose real parts are the result at (t, c) and at (-t, D-c)
 * with e(x) = exp(-2 pi i x). Each transform of a length that shared memory holds is done there, by radices;
 * a length that does not fall apart into such is summed directly.
 */
#ifndef LA_FNET_CUDA_H
#define LA_FNET_CUDA_H

#include "labench/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LA_FNET_STEPS 16 /* radices of one length, 4 as long as it lasts */

/* A transform in shared memory: of `side` columns at a time, `pitch` numbers apart. */
typedef struct la_fnet_transform {
    int n, side, pitch, steps;
    int radix[LA_FNET_STEPS];
} la_fnet_transform;

typedef struct la_fnet_plan {
    int64_t B, T, D, half; /* half = D/2 + 1 */
    int64_t T1, T2;
    la_fnet_transform rows, first, second; /* n = D, T1, T2; 0: summed directly (rows, second) */
    la_dtype dtype;
    float factor;
} la_fnet_plan;

/* `shared`: bytes of shared memory that a block may have. */
void la_fnet_plan_make(const la_problem *p, float factor, size_t shared, la_fnet_plan *out);
/* Bytes of shared memory. */
size_t la_fnet_transform_bytes(const la_fnet_transform *f);

/* x [B,T,D] to o [B,T,D] by way of Z [B,T,half] complex. */
la_status la_fnet_cuda_run(const la_fnet_plan *plan, const void *x, void *o, float *Z, void *stream,
                           la_err *err);

#ifdef __cplusplus
}
#endif
#endif
