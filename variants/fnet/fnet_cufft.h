/* SPDX-License-Identifier: Apache-2.0
 * fnet by cuFFT: one real transform over both axes of a sequence, which gives the half Z [B,T,D/2+1] of its
 * spectrum, and then its real parts in their two places. Narrow types are widened first, to where Z will be.
 */
#ifndef LA_FNET_CUFFT_H
#define LA_FNET_CUFFT_H

#include "labench/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct la_fnet_sheets {
    int64_t B, T, D, half; /* half = D/2 + 1 */
    la_dtype dtype;        /* of x and o */
    float factor;          /* on the result */
} la_fnet_sheets;

/* x [B,T,D] of bf16 or f16 to float32, rows 2 half numbers apart. */
la_status la_fnet_widen(const la_fnet_sheets *sheets, const void *x, float *Z, void *stream,
                        la_err *err);
/* Z [B,T,half] complex to o [B,T,D]. */
la_status la_fnet_real_parts(const la_fnet_sheets *sheets, const float *Z, void *o, void *stream,
                             la_err *err);

/* Members of la_impl. */
int la_fnet_cufft_rank(const la_device *dev, la_err *why);
la_status la_fnet_cufft_check(const la_problem *p, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
