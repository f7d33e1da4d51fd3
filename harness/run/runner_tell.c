/* SPDX-License-Identifier: Apache-2.0
 * How far a run is: what the listener is told, and what the seconds between ticks are used for.
 */
#include <math.h>

#include "clock.h"
#include "runner_internal.h"
#include "signals.h"

#define HEARTBEAT_S 10.0
#define TICK_S      0.2

double la_runner_peak(const la_runner *r, const la_cell *cell)
{
    return la_predict_peak(cell, r->set->peak_flops, r->set->peak_threads);
}

/* Attempts still to come and the seconds they will take: those that run alone one after another, learned
 * ones as many at a time as there are jobs and cores for, but no less than the longest of them. */
static size_t look_ahead(la_runner *r)
{
    const la_run_settings *set = r->set;
    size_t left = 0;
    double alone_s = 0, beside_s = 0, longest_s = 0;
    for (size_t i = 0; i < r->plan->n; i++) {
        const la_cell *c = &r->plan->cells[i];
        bool first = true, measured;
        double call_s = 0;
        for (int round = 0; round < la_runner_rounds_of(r, i); round++) {
            if (!la_runner_wanted(r, i, round)) continue;
            left++;
            if (c->refused) continue;
            if (first)
                call_s = la_predict_call(r->plan, r->known, i, la_runner_peak(r, c), &measured);
            first = false;
            if (c->need_bytes > set->memory_limit ||
                (set->device_limit && c->device_bytes > set->device_limit) ||
                (set->quick && call_s > LA_QUICK_CALL_S))
                continue;
            double s = la_predict_attempt(c, call_s, set->min_time_s, set->max_time_s, round == 0);
            if (c->learn) {
                beside_s += s * la_predict_share(c, set->jobs, set->cores);
                longest_s = fmax(longest_s, s);
            } else {
                alone_s += s;
            }
        }
    }
    r->left_s = alone_s + fmax(beside_s, longest_s);
    return left;
}

/* What of left_s the attempts at work have done. */
static double progress(const la_runner *r, int64_t now)
{
    double s = 0;
    for (size_t i = 0; i < r->n_at_work; i++) {
        const la_place *p = r->at_work[i];
        s += fmin(p->predicted_s, (double)(now - p->start) / 1e9) *
             la_predict_share(p->cell, r->set->jobs, r->set->cores);
    }
    return s;
}

static void add_models(const la_runner *r, la_run_event *e)
{
    for (size_t i = 0; i < r->plan->n; i++) {
        const la_cell *c = &r->plan->cells[i];
        if (r->outcome[i] >= 0) e->outcomes[r->outcome[i]]++;
        if (!c->learn || c->refused) continue;
        bool train = c->pass == LA_TRAIN;
        *(train ? &e->models : &e->tests) += (size_t)la_runner_rounds_of(r, i);
        *(train ? &e->models_done : &e->tests_done) += (size_t)__builtin_popcountll(r->done[i]);
    }
}

void la_runner_tell(la_runner *r, int kind, const la_place *place, const la_attempt_row *attempt,
                    double cell_s)
{
    if (!r->listener) return;
    static la_run_work work[LA_JOBS_MAX];
    int64_t now = la_now_ns();
    la_run_event e = {.attempt = attempt,
                      .round = r->round,
                      .rounds = r->rounds,
                      .done = r->attempts_done,
                      .elapsed_s = (double)(now - r->start) / 1e9,
                      .cell_s = cell_s,
                      .work = work,
                      .n_work = r->n_at_work,
                      .jobs = r->jobs};
    e.kind = kind;
    if (!place && r->n_at_work) place = r->at_work[0];
    if (place) {
        e.cell = place->cell;
        e.round = place->turn->round;
        if (!attempt) e.phase = place->attempt.phase;
        if (place->cell->learn) e.rounds = place->cell->rounds;
    }
    for (size_t i = 0; i < r->n_at_work; i++) {
        const la_place *p = r->at_work[i];
        work[i] = (la_run_work){p->cell, p->attempt.phase, p->turn->round};
    }
    /* The attempts at work are part of what is left, and part of them is over. */
    if (kind == LA_RUN_CELL || kind == LA_RUN_START) r->attempts_total = e.done + look_ahead(r);
    e.total = r->attempts_total;
    e.left_s = fmax(0, r->left_s - progress(r, now));
    add_models(r, &e);
    r->listener(&e, r->context);
}

bool la_runner_stop_wanted(double elapsed_s, void *context)
{
    la_runner *r = context;
    la_signals_drain();
    int64_t now = la_now_ns();
    bool status = la_signals_status_wanted();
    if (status) la_runner_tell(r, LA_RUN_STATUS, NULL, NULL, elapsed_s);
    if (!status && now - r->last_tick > (int64_t)(TICK_S * 1e9)) {
        r->last_tick = now;
        la_runner_tell(r, LA_RUN_TICK, NULL, NULL, elapsed_s);
    }
    if (now - r->last_beat > (int64_t)(HEARTBEAT_S * 1e9)) {
        r->last_beat = now;
        la_store_heartbeat(r->store, r->sweep_id, NULL); /* a missed beat harms nothing */
    }
    return la_run_signal() != 0;
}
