/* SPDX-License-Identifier: Apache-2.0
 * How long a cell will take: a call, from what shorter cells of its family took, from earlier sweeps of
 * the machine, or from its cost; an attempt, from its calls and all that is around them.
 */
#ifndef LA_PREDICT_H
#define LA_PREDICT_H

#include "run.h"

#define LA_ROUNDS_MAX 64

typedef struct la_known { /* what is known of a cell so far */
    uint64_t family;      /* la_predict_family */
    double call_s;        /* shortest call seen; NaN: none */
    bool oom;             /* ran out of memory, or was predicted to */
    size_t first, next;   /* of the family, in the plan's order; next: LA_NO_CELL after the last */
} la_known;

#define LA_NO_CELL SIZE_MAX

typedef struct la_left_out { /* why a cell gets no worker */
    la_outcome outcome;
    char why[160]; /* "needs 64 GiB (limit 8 GiB)" */
} la_left_out;

/* Equal for cells that differ in length (and task) alone: variant, impl, options, pass of the kernel,
 * shape, type, mask, threads. */
uint64_t la_predict_family(const la_cell *cell);
/* Fills `known`, of as many cells as the plan has: their families, and nothing known of them yet. */
la_status la_predict_begin(const la_plan *plan, la_known *known, la_err *err);
/* Seconds of one call (of a training: a step; of its evaluation: an example). *measured: from the times of
 * the family (an exponent is fitted once there are two lengths); else la_predict_usual. */
double la_predict_call(const la_plan *plan, const la_known *known, size_t cell, double peak_flops,
                       bool *measured);
/* What earlier sweeps say of a call; where they say nothing its cost, at the share of the peak that its
 * family usually reaches. */
double la_predict_usual(const la_cell *cell, double peak_flops);
/* Seconds that a call takes at least: its cost at the machine's peak; 0 when that is not known. */
double la_predict_floor(const la_cell *cell, double peak_flops);
/* What of the machine's peak a learned cell's threads can reach; all of it for what runs alone. */
double la_predict_peak(const la_cell *cell, double peak_flops, int peak_threads);
/* The part of a learned attempt's seconds that the sweep takes longer for it, where `jobs` of them share
 * `cores`; 1 for what runs alone. */
double la_predict_share(const la_cell *cell, int jobs, int cores);
/* Index of a shorter cell of the family that ran out of memory; -1: none. */
int64_t la_predict_oom(const la_plan *plan, const la_known *known, size_t cell);

/* Rounds of a cell whose calls take call_s (NaN: not known): a long call gets a single one, a model all
 * of its seeds. */
int la_predict_rounds(const la_cell *cell, const la_run_settings *settings, double call_s);
/* Whether a cell needs more memory than it may have, or a call of call_s more time: a quick sweep makes no
 * long ones. Where settings->predict is false nothing is left out. *out is filled when they are true. */
bool la_predict_too_large(const la_cell *cell, const la_run_settings *settings, la_left_out *out);
bool la_predict_too_slow(const la_run_settings *settings, double call_s, la_left_out *out);

/* Counts who shares float64 references: sharing and sharing_gradients of all cells that are not refused. */
la_status la_predict_references(la_plan *plan, la_err *err);
/* Seconds of the whole attempt of a round with calls of call_s, its share of the references among them. */
double la_predict_attempt(const la_cell *cell, double call_s, const la_run_settings *settings,
                          int round);
/* A bound of them: calls take several times as long as call_s, no stop rule ends early, and nobody else
 * has computed the references. */
double la_predict_longest(const la_cell *cell, double call_s, const la_run_settings *settings,
                          int round);

#endif
