/* SPDX-License-Identifier: Apache-2.0
 * cuFFT on a device made of host memory: sums in float64, by the layout that a plan names. Strict where the library
 * is: a stream, scratch and no allocation of its own.
 */
#ifndef LA_TEST_FAKE_CUFFT_H
#define LA_TEST_FAKE_CUFFT_H

#include "libs.h"

extern const la_cufft fake_cufft;
extern int fake_cufft_plans; /* made and not destroyed */
extern int fake_cufft_code;  /* what the next plan fails with; 0: it is made */

/* What the last plan was asked for. Where the longest axis is odd it wants three times its result for scratch, as long
 * primes do, else as much as its result. */
typedef struct fake_cufft_plan {
    int rank, type, allocates;
    long long n[2], in[2], out[2], in_step, out_step, count;
    size_t work_bytes;
    void *work, *stream;
} fake_cufft_plan;
extern fake_cufft_plan fake_cufft_last;
#endif
