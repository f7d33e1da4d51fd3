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

/* Nothing of the sweep is measured yet: the prediction is by cost alone. */
static double call_seconds(la_cell *cell, double peak)
{
    la_plan one = {.cells = cell, .n = 1, .cap = 1};
    la_known known = {.call_s = NAN};
    bool measured;
    return la_predict_call(&one, &known, 0, peak, &measured);
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

void la_estimate_plan(la_plan *plan, const la_run_settings *settings, la_estimate *out)
{
    double longest = 0, worst_longest = 0, beside = 0, worst_beside = 0;
    largest learned = {0};
    *out = (la_estimate){0};
    for (size_t i = 0; i < plan->n; i++) {
        la_cell *cell = &plan->cells[i];
        if (!cell->refused) cell->predicted_s = call_seconds(cell, peak_of(cell, settings));
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
        double call = cell->predicted_s;
        int rounds = call > ONE_ROUND_S && !cell->learn ? 1 : cell->rounds;
        for (int round = 0; round < rounds; round++) {
            double least = settings->min_time_s, most = settings->max_time_s;
            double s = la_predict_attempt(cell, call, least, most, round == 0);
            double worst = la_predict_attempt(cell, 4 * call, most, most, round == 0);
            if (!cell->learn) {
                out->seconds += s;
                out->worst_seconds += worst;
                continue;
            }
            double share = la_predict_share(cell, settings->jobs, settings->cores);
            beside += s * share;
            worst_beside += worst * share;
            longest = fmax(longest, s);
            worst_longest = fmax(worst_longest, worst);
        }
    }
    out->seconds += fmax(beside, longest);
    out->worst_seconds += fmax(worst_beside, worst_longest);
    size_t sum = memory_beside(&learned, settings->memory_limit);
    if (sum > out->memory) out->memory = sum;
}
