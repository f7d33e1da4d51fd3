/* SPDX-License-Identifier: Apache-2.0
 * What an earlier run of the sweep left, and what that leaves to do.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "query.h"
#include "runner_internal.h"

/* The worst word wins: a failure of any round is the cell's. */
void la_runner_note_outcome(la_runner *r, size_t i, la_outcome outcome)
{
    if (outcome == LA_OUTCOME_INTERRUPTED) return;
    if (r->outcome[i] < 0 || r->outcome[i] == LA_OUTCOME_OK) r->outcome[i] = (int8_t)outcome;
    if (outcome == LA_OUTCOME_OOM_HOST || outcome == LA_OUTCOME_OOM_DEVICE ||
        outcome == LA_OUTCOME_PREDICTED_OOM)
        r->known[i].oom = true;
}

void la_runner_note_call(la_runner *r, size_t i, double call_s)
{
    if (!(call_s > 0)) return;
    if (isnan(r->known[i].call_s) || call_s < r->known[i].call_s) r->known[i].call_s = call_s;
}

int la_runner_rounds_of(const la_runner *r, size_t i)
{
    const la_cell *c = &r->plan->cells[i];
    bool failed = r->outcome[i] >= 0 && r->outcome[i] != LA_OUTCOME_OK;
    if (failed && !c->learn) return 1; /* another seed may go better */
    return la_predict_rounds(c, r->set, r->known[i].call_s);
}

bool la_runner_wanted(const la_runner *r, size_t i, int round)
{
    return round < la_runner_rounds_of(r, i) && !(r->done[i] >> round & 1);
}

static la_status load_cell(la_runner *r, size_t i, la_err *err)
{
    static const char sql[] =
        "SELECT a.outcome, (SELECT min(1.0 * s.total_ns / s.iters) FROM sample s "
        "WHERE s.attempt_id = a.attempt_id) FROM attempt a JOIN cell c ON c.cell_id = a.cell_id "
        "WHERE a.cell_id = CAST(?1 AS INTEGER) AND a.outcome IS NOT NULL "
        "AND a.attempt_id > c.retry_after ORDER BY a.attempt_id";
    char id[24];
    const char *args[] = {id};
    snprintf(id, sizeof id, "%" PRId64, r->plan->cells[i].id);
    LA_TRY(la_store_rounds_done(r->store, r->plan->cells[i].id, &r->done[i], err));
    if (r->done[i] == 0) return LA_OK;
    la_query *q;
    LA_TRY(la_query_open(r->store, sql, args, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        la_outcome outcome;
        if (la_outcome_parse(la_query_text(q, 0), &outcome, NULL) == LA_OK)
            la_runner_note_outcome(r, i, outcome);
        la_runner_note_call(r, i, la_query_real(q, 1) / 1e9);
    }
    la_query_close(q);
    return st;
}

static la_status parse_retry(const char *words, uint32_t *bits, la_err *err)
{
    static const struct {
        const char *word;
        uint32_t bits;
    } groups[] = {
        {"failed", 1u << LA_OUTCOME_CRASH | 1u << LA_OUTCOME_ERROR | 1u << LA_OUTCOME_KILLED |
                       1u << LA_OUTCOME_WRONG | 1u << LA_OUTCOME_NONFINITE},
        {"timeout", 1u << LA_OUTCOME_TIMEOUT | 1u << LA_OUTCOME_PREDICTED_TIMEOUT},
        {"oom",
         1u << LA_OUTCOME_OOM_HOST | 1u << LA_OUTCOME_OOM_DEVICE | 1u << LA_OUTCOME_PREDICTED_OOM},
        {"all", (1u << LA_OUTCOME_COUNT) - 1},
    };
    *bits = 0;
    for (const char *at = words; *at;) {
        size_t len = strcspn(at, ",");
        uint32_t found = 0;
        for (size_t g = 0; g < LA_COUNT(groups); g++)
            if (strlen(groups[g].word) == len && strncmp(groups[g].word, at, len) == 0)
                found = groups[g].bits;
        if (!found)
            return LA_FAIL(err, LA_E_ARG, "--retry knows failed, timeout, oom and all, not '%.*s'",
                           len > 40 ? 40 : (int)len, at);
        *bits |= found;
        at += len + (at[len] == ',');
    }
    return LA_OK;
}

/* A training that is done again opens the evaluations that had no model for want of it. */
static la_status reopen_evaluations(la_runner *r, la_err *err)
{
    const la_plan *plan = r->plan;
    for (size_t t = 0; t < plan->n; t++) {
        const la_cell *train = &plan->cells[t];
        if (!train->learn || train->pass != LA_TRAIN || train->refused) continue;
        if (__builtin_popcountll(r->done[t]) >= la_runner_rounds_of(r, t)) continue;
        for (size_t i = 0; i < plan->n; i++) {
            const la_cell *c = &plan->cells[i];
            if (!c->learn || c->pass != LA_EVAL || c->learn->group != train->learn->group ||
                c->refused || r->outcome[i] != LA_OUTCOME_UNSUPPORTED)
                continue;
            LA_TRY(la_store_reopen(r->store, c->id, err));
            r->done[i] = 0;
            r->outcome[i] = -1;
        }
    }
    return LA_OK;
}

la_status la_run_retry(la_store *store, int64_t sweep_id, const char *words, int64_t *cells,
                       la_err *err)
{
    uint32_t bits;
    LA_TRY(parse_retry(words, &bits, err));
    return la_store_retry(store, sweep_id, bits, cells, err);
}

la_status la_runner_load(la_runner *r, la_err *err)
{
    int64_t reopened;
    if (r->set->retry) LA_TRY(la_run_retry(r->store, r->sweep_id, r->set->retry, &reopened, err));
    LA_TRY(la_predict_begin(r->plan, r->known, err));
    for (size_t i = 0; i < r->plan->n; i++) {
        r->outcome[i] = -1;
        LA_TRY(load_cell(r, i, err));
    }
    return reopen_evaluations(r, err);
}
