/* SPDX-License-Identifier: Apache-2.0
 * What this machine can do at most, measured: the 100 % of "% of peak". About a second.
 */
#ifndef LA_PEAK_H
#define LA_PEAK_H

#include "labench/variant.h"

typedef struct la_rate { /* per second; the best of n short runs is the peak, their spread shown */
    double best, median, worst;
    int n;
} la_rate;

typedef struct la_peak {
    int threads;
    la_isa isa;         /* of the multiply-add loop */
    la_rate flops;      /* f32 multiply-adds counted as 2, register-only, FLOP/s */
    la_rate dots;       /* bf16 dot products likewise; n = 0 where the set has none */
    la_rate sgemm;      /* la_gemm on 1024 x 1024 x 1024, FLOP/s */
    la_rate read, copy; /* byte/s, working set far beyond the caches; copy counts both ways */
    size_t stream_bytes;
} la_peak;

/* Uses `threads` threads (la_start is called with them) and up to 1 GiB. */
la_status la_peak_measure(int threads, la_isa isa, la_peak *out, la_err *err);
/* The multiply-adds alone, from a few runs: a tenth of a second. */
la_rate la_peak_arithmetic(int threads, la_isa isa);

#endif
