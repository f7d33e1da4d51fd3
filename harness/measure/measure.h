/* SPDX-License-Identifier: Apache-2.0
 * Timing a function: warm-up, iterations per sample, samples until the stop rule is met. Knows
 * nothing of variants.
 */
#ifndef LA_MEASURE_H
#define LA_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labench/status.h"

typedef struct la_measured { /* what is timed, and what is done around it, untimed */
    la_status (*call)(void *context, la_err *err);
    void (*before)(
        void *context); /* before each sample, untimed: flush caches, restore state; or NULL */
    /* After each sample (not after warm-up calls), untimed: hold its output to account; a failure
     * ends the measuring. NULL: none. */
    la_status (*after)(void *context, la_err *err);
    bool single; /* `before` prepares one call only: samples are single calls */
    /* A device's own clock instead of the host's: makes one call, with all that goes on around it, and says how
     * long it took. Samples are single calls, `call` and `before` are not used. NULL: the host's. */
    la_status (*timed)(void *context, int64_t *ns, la_err *err);
    /* After each call of the warm-up, `spent_ns` of the device: no more is needed. NULL: the usual rule. */
    bool (*warm)(void *context, int64_t spent_ns);
    void *context;
} la_measured;

/* Warm-up goes on this long, and for no more than a quarter of min_time_s; a device, whose warm-up its own clock
 * rules, makes so many calls at least. */
#define LA_WARMUP_S     0.02
#define LA_WARMUP_CALLS 3
/* A call longer than this many times min_time_s gets few samples, and no interval. */
#define LA_FEW_TIMES   2
#define LA_FEW_SAMPLES 3
/* They take this many times max_time_s altogether, at most. */
#define LA_FEW_LIMIT 12
/* What goes on around a sample (caches flushed, states restored, a device awaited) counts as time spent in so many parts
 * one: a call of microseconds on a device would else take seconds of samples. */
#define LA_AROUND 4
/* Seconds of a verified call that is its own and only sample. */
#define LA_SLOW_S 10.0
/* Seconds of a verified call that is one of the few: what only a first call does is lost in them. */
#define LA_COUNTED_S 2.0
/* The fewest samples whose median has an interval: calls that are no few are made so often. */
#define LA_INTERVAL_SAMPLES 6

typedef struct la_stop_rule {
    double min_time_s, max_time_s, target; /* target: half-width / median */
    int min_samples, max_samples;
    int64_t first_call_ns; /* of the verified call; a call over slow_s is its own sample */
    bool first_counts;     /* it is one of the few samples of a long call */
    double slow_s;         /* 0: none is its own sample */
} la_stop_rule;

typedef struct la_timing_sample {
    int64_t iters, total_ns;
} la_timing_sample;

typedef struct la_timing {
    la_timing_sample *samples; /* owned */
    size_t n, cap;
    const char *stop_reason; /* "target", "settled", "max_time", "slow", "samples" */
    double half_width;       /* reached, relative; NaN below 6 samples */
    int64_t warmup_iters, warmup_ns;
} la_timing;

la_status la_measure(const la_measured *what, const la_stop_rule *rule, la_timing *out,
                     la_err *err);
void la_timing_release(la_timing *timing);

/* Clock resolution and the cost of reading it, ns. */
void la_clock_probe(double *resolution_ns, double *cost_ns);

#endif
