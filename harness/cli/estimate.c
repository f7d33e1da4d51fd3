/* SPDX-License-Identifier: Apache-2.0 */
#include "estimate.h"

#include <math.h>

#include "predict.h"

/* A quick sweep makes no call that takes longer. */
#define QUICK_CALL_S 5.0
/* A call that takes longer gets a single round. */
#define ONE_ROUND_S 0.3

static double peak_of(const la_cell *cell, const la_run_settings *settings)
{
    return la_predict_peak(cell, settings->peak_flops, settings->peak_threads);
}

bool la_estimate_runs(const la_cell *cell, const la_run_settings *settings, la_outcome *why)
{
    if (cell->refused) {
        *why = cell->outcome;
        return false;
    }
    if (settings->predict && cell->need_bytes > settings->memory_limit) {
        *why = LA_OUTCOME_PREDICTED_OOM;
        return false;
    }
    if (settings->predict && settings->device_limit &&
        cell->device_bytes > settings->device_limit) {
        *why = LA_OUTCOME_PREDICTED_OOM;
        return false;
    }
    if (settings->predict && settings->quick &&
        la_predict_floor(cell, peak_of(cell, settings)) > QUICK_CALL_S) {
        *why = LA_OUTCOME_PREDICTED_TIMEOUT;
        return false;
    }
    return true;
}

/* The largest learned workers, as many as there may be at one time; descending. */
typedef struct largest {
    size_t bytes[LA_JOBS_MAX], n;
} largest;

static void keep_largest(largest *l, size_t bytes, int jobs)
{
    size_t most = jobs > 1 ? (size_t)jobs : 1, at = l->n < most ? l->n++ : most - 1;
    if (l->bytes[at] > bytes) return; /* a fresh place holds 0 */
    for (; at > 0 && l->bytes[at - 1] < bytes; at--) l->bytes[at] = l->bytes[at - 1];
    l->bytes[at] = bytes;
}

/* No more of them run at one time than fit. */
static size_t memory_beside(const largest *l, size_t limit)
{
    size_t sum = 0;
    for (size_t i = 0; i < l->n && (i == 0 || sum + l->bytes[i] <= limit); i++) sum += l->bytes[i];
    return sum;
}

/* What all rounds of a cell take; *longest: of one of them. */
static double rounds_of(const la_cell *cell, const la_run_settings *settings, bool worst,
                        double *longest)
{
    double call = cell->predicted_s, sum = 0;
    int rounds = (call > ONE_ROUND_S || settings->quick) && !cell->learn ? 1 : cell->rounds;
    for (int round = 0; round < rounds; round++) {
        if (cell->done >> round & 1) continue;
        double s = worst ? la_predict_longest(cell, call, settings, round)
                         : la_predict_attempt(cell, call, settings, round);
        *longest = fmax(*longest, s);
        sum += s;
    }
    return sum;
}

/* Learned cells are at work beside each other: they take what they leave of the cores, and no less than the
 * longest attempt of them. */
static double all_of(const la_plan *plan, const la_run_settings *settings, bool worst)
{
    double alone = 0, beside = 0, longest = 0, unused = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const la_cell *cell = &plan->cells[i];
        la_outcome why;
        if (!la_estimate_runs(cell, settings, &why)) continue;
        /* Shorter cells of its family will have told the sweep. */
        if (!worst && settings->predict && settings->quick && cell->predicted_s > QUICK_CALL_S)
            continue;
        double s = rounds_of(cell, settings, worst, cell->learn ? &longest : &unused);
        if (cell->learn)
            beside += s * la_predict_share(cell, settings->jobs, settings->cores);
        else
            alone += s;
    }
    return alone + fmax(beside, longest);
}

la_status la_estimate_plan(la_plan *plan, const la_run_settings *settings, la_estimate *out,
                           la_err *err)
{
    largest learned = {0};
    *out = (la_estimate){0};
    LA_TRY(la_predict_references(plan, err));
    for (size_t i = 0; i < plan->n; i++) {
        la_cell *cell = &plan->cells[i];
        if (!cell->refused) cell->predicted_s = la_predict_usual(cell, peak_of(cell, settings));
        la_outcome why;
        if (!la_estimate_runs(cell, settings, &why)) {
            out->refused += why == LA_OUTCOME_UNSUPPORTED;
            out->too_large += why == LA_OUTCOME_PREDICTED_OOM;
            out->too_slow += why == LA_OUTCOME_PREDICTED_TIMEOUT;
            continue;
        }
        out->runs++;
        if (cell->need_bytes > out->memory) out->memory = cell->need_bytes;
        if (cell->device_bytes > out->device_memory) out->device_memory = cell->device_bytes;
        if (cell->learn) keep_largest(&learned, cell->need_bytes, settings->jobs);
    }
    out->seconds = all_of(plan, settings, false);
    out->worst_seconds = fmax(all_of(plan, settings, true), out->seconds);
    size_t sum = memory_beside(&learned, settings->memory_limit);
    if (sum > out->memory) out->memory = sum;
    return LA_OK;
}
