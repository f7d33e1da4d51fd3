/* SPDX-License-Identifier: Apache-2.0 */
#include "estimate.h"

#include <math.h>

#include "predict.h"

/* A quick sweep makes no call that takes longer. */
#define QUICK_CALL_S 5.0
/* A call that takes longer gets a single round. */
#define ONE_ROUND_S 0.3

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
    if (settings->predict && settings->quick &&
        la_predict_floor(cell, settings->peak_flops) > QUICK_CALL_S) {
        *why = LA_OUTCOME_PREDICTED_TIMEOUT;
        return false;
    }
    return true;
}

void la_estimate_plan(la_plan *plan, const la_run_settings *settings, la_estimate *out)
{
    *out = (la_estimate){0};
    for (size_t i = 0; i < plan->n; i++) {
        la_cell *cell = &plan->cells[i];
        if (!cell->refused) cell->predicted_s = call_seconds(cell, settings->peak_flops);
        la_outcome why;
        if (!la_estimate_runs(cell, settings, &why)) {
            out->refused += why == LA_OUTCOME_UNSUPPORTED;
            out->too_large += why == LA_OUTCOME_PREDICTED_OOM;
            out->too_slow += why == LA_OUTCOME_PREDICTED_TIMEOUT;
            continue;
        }
        out->runs++;
        if (cell->need_bytes > out->memory) out->memory = cell->need_bytes;
        double call = cell->predicted_s;
        int rounds = call > ONE_ROUND_S && !cell->learn ? 1 : cell->rounds;
        for (int round = 0; round < rounds; round++) {
            double least = settings->min_time_s, most = settings->max_time_s;
            out->seconds += la_predict_attempt(cell, call, least, most, round == 0);
            out->worst_seconds += la_predict_attempt(cell, 4 * call, most, most, round == 0);
        }
    }
}
