/* SPDX-License-Identifier: Apache-2.0
 * How long a cell will take, from what shorter cells of its family took, else from its cost.
 */
#ifndef LA_PREDICT_H
#define LA_PREDICT_H

#include "plan.h"

typedef struct la_known { /* what is known of a cell so far */
    uint64_t family;      /* la_predict_family */
    double call_s;        /* shortest call seen; NaN: none */
    bool oom;             /* ran out of memory, or was predicted to */
} la_known;

/* Equal for cells that differ in length (and task) alone: variant, impl, options, pass of the kernel,
 * shape, type, mask, threads. */
uint64_t la_predict_family(const la_cell *cell);
/* Seconds of one call. *measured: from the times of the family (an exponent is fitted once there are
 * two lengths); else the cost at a fifth of the peak. */
double la_predict_call(const la_plan *plan, const la_known *known, size_t cell, double peak_flops,
                       bool *measured);
/* Seconds that a call takes at least: its cost at the machine's peak; 0 when that is not known. */
double la_predict_floor(const la_cell *cell, double peak_flops);
/* Seconds of a whole attempt with calls of call_s. */
double la_predict_attempt(const la_cell *cell, double call_s, double min_time_s, double max_time_s,
                          bool verify);
/* What of the machine's peak a learned cell's threads can reach; all of it for what runs alone. */
double la_predict_peak(const la_cell *cell, double peak_flops, int peak_threads);
/* The part of a learned attempt's seconds that the sweep takes longer for it, where `jobs` of them share
 * `cores`; 1 for what runs alone. */
double la_predict_share(const la_cell *cell, int jobs, int cores);
/* Index of a shorter cell of the family that ran out of memory; -1: none. */
int64_t la_predict_oom(const la_plan *plan, const la_known *known, size_t cell);

#endif
