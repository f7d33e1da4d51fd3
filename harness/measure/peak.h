/* SPDX-License-Identifier: Apache-2.0
 * What this machine can do at most, measured: the 100 % of "% of peak". About a second.
 */
#ifndef LA_PEAK_H
#define LA_PEAK_H

#include <stdbool.h>

#include "labench/variant.h"
#include "machine.h"

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
/* FLOP/s that rows of bf16 can be multiplied at: as pairs, or widened where that is faster; 0: not at all. */
double la_peak_bf16(const la_peak *peak);
/* Whether runs of the multiply-adds differed by more than a busy neighbour's share: what to do about it. */
bool la_peak_finding(const la_peak *peak, la_finding *out);
/* The multiply-adds alone, from a few runs: a tenth of a second. */
la_rate la_peak_arithmetic(int threads, la_isa isa);

/* The same rate again and again, for what is measured in between: on a machine whose clocks come and go, a share
 * of a peak of a minute ago says little. */
typedef struct la_gauge {
    double (*loop)(int64_t steps, float *sink);
    int threads;
    int64_t steps; /* some 10 ms of them */
} la_gauge;

/* Of the products of a type: multiply-adds of f32, of bf16 dot products or tiles, or those of f32 where bf16 is
 * widened. False: the instruction set has none. As la_peak_measure, it uses `threads` threads. */
bool la_gauge_init(int threads, la_isa isa, la_dtype dtype, la_gauge *out);
double la_gauge_read(const la_gauge *gauge); /* FLOP/s now */

#endif
