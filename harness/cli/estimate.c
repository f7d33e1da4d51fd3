/* SPDX-License-Identifier: Apache-2.0 */
#include "estimate.h"

#include <math.h>

#include "predict.h"

static double peak_of(const la_cell *cell, const la_run_settings *settings)
{
    return la_predict_peak(cell, settings->peak_flops, settings->peak_threads);
}

bool la_estimate_runs(const la_cell *cell, const la_run_settings *settings, la_outcome *why)
{
    la_left_out out = {.outcome = cell->outcome};
    bool left_out =
        cell->refused || la_predict_too_large(cell, settings, &out) ||
        la_predict_too_slow(settings, la_predict_floor(cell, peak_of(cell, settings)), &out);
    if (left_out) *why = out.outcome;
    return !left_out;
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
    for (size_t i = 0; i < l->n && (i == 0 || limit == 0 || sum + l->bytes[i] <= limit); i++)
        sum += l->bytes[i];
    return sum;
}

/* Whether a round of it is still to come. */
static bool is_open(const la_cell *cell, const la_run_settings *settings)
{
    int rounds = la_predict_rounds(cell, settings, cell->predicted_s);
    return __builtin_popcountll(cell->done) < rounds;
}

/* What all rounds of a cell take that are still to come; *longest: of one of them. */
static double rounds_of(const la_cell *cell, const la_run_settings *settings, bool worst,
                        double *longest)
{
    double call = cell->predicted_s, sum = 0;
    int rounds = la_predict_rounds(cell, settings, call);
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
        la_left_out out;
        if (!la_estimate_runs(cell, settings, &why)) continue;
        /* Shorter cells of its family will have told the sweep. */
        if (!worst && la_predict_too_slow(settings, cell->predicted_s, &out)) continue;
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
        if (!is_open(cell, settings)) {
            out->done++;
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
