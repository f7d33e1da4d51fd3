/* SPDX-License-Identifier: Apache-2.0
 * How far a run is: what the listener is told, and what the seconds between ticks are used for.
 */
#include <math.h>

#include "clock.h"
#include "runner_internal.h"
#include "signals.h"

#define HEARTBEAT_S 10.0
#define TICK_S      0.2
/* Seconds of attempts that count as being as predicted, before those that ran are believed; and how far. */
#define TRIAL_S        20.0
#define MOST_CORRECTED 4.0

double la_runner_peak(const la_runner *r, const la_cell *cell)
{
    return la_predict_peak(cell, r->set->peak_flops, r->set->peak_threads);
}

/* How much longer attempts of a kind take than was said, once some have: a machine is not what was thought of it,
 * or it is shared. A few seconds say little. */
static double correction(const la_runner *r, bool learned)
{
    double took = r->took_s[learned] + TRIAL_S, said = r->said_s[learned] + TRIAL_S;
    return fmin(fmax(took / said, 1 / MOST_CORRECTED), MOST_CORRECTED);
}

void la_runner_learn(la_runner *r, const la_place *place, double took_s)
{
    bool learned = place->cell->learn != NULL;
    r->took_s[learned] += took_s;
    r->said_s[learned] += place->predicted_s;
}

/* Seconds of the rounds of a cell that are still to come; *left: how many there are. */
static double seconds_of(const la_runner *r, size_t i, size_t *left, double *longest)
{
    const la_run_settings *set = r->set;
    const la_cell *c = &r->plan->cells[i];
    int rounds = la_runner_rounds_of(r, i);
    size_t open = 0;
    for (int round = 0; round < rounds; round++) open += la_runner_wanted(r, i, round);
    *left += open;
    if (open == 0 || c->refused) return 0;
    la_left_out out;
    bool measured;
    double call_s = la_predict_call(r->plan, r->known, i, la_runner_peak(r, c), &measured), sum = 0;
    if (la_predict_too_large(c, set, &out) || la_predict_too_slow(set, call_s, &out)) return 0;
    if (set->predict && la_predict_oom(r->plan, r->known, i) >= 0) return 0;
    /* Its first round will show that the others are not needed. */
    rounds = la_predict_rounds(c, set, call_s);
    for (int round = 0; round < rounds; round++) {
        if (!la_runner_wanted(r, i, round)) continue;
        double s = la_predict_attempt(c, call_s, set, round);
        *longest = fmax(*longest, s);
        sum += s;
    }
    return sum;
}

/* Attempts still to come and the seconds they will take: those that run alone one after another, learned
 * ones as many at a time as there are jobs and cores for, but no less than the longest of them. */
static size_t look_ahead(la_runner *r)
{
    const la_run_settings *set = r->set;
    size_t left = 0;
    double alone_s = 0, beside_s = 0, longest_s = 0, unused = 0;
    for (size_t i = 0; i < r->plan->n; i++) {
        const la_cell *c = &r->plan->cells[i];
        if (c->learn)
            beside_s +=
                seconds_of(r, i, &left, &longest_s) * la_predict_share(c, set->jobs, set->cores);
        else
            alone_s += seconds_of(r, i, &left, &unused);
    }
    r->left_s = alone_s * correction(r, false) + fmax(beside_s, longest_s) * correction(r, true);
    return left;
}

/* What of left_s the attempts at work have done. */
static double progress(const la_runner *r, int64_t now)
{
    double s = 0;
    for (size_t i = 0; i < r->n_at_work; i++) {
        const la_place *p = r->at_work[i];
        s += fmin(p->predicted_s * correction(r, p->cell->learn != NULL),
                  (double)(now - p->start) / 1e9) *
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
