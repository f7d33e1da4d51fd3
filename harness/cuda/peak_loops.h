/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_PEAK_LOOPS_H
#define LA_PEAK_LOOPS_H

#include "labench/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum la_peak_kind { LA_PEAK_FMA, LA_PEAK_TF32, LA_PEAK_BF16, LA_PEAK_WGMMA } la_peak_kind;
enum { LA_PEAK_THREADS = 256, LA_PEAK_CHAINS = 16, LA_PEAK_TILES = 8 };

/* `loops` rounds of the kind in each block, enqueued. out: one float on the device, never written. */
la_status la_peak_loop(la_peak_kind kind, int blocks, int loops, float *out, void *stream,
                       la_err *err);

#ifdef __cplusplus
}
#endif
#endif
