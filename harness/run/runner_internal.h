/* SPDX-License-Identifier: Apache-2.0
 * What the files of the runner share: runner.c (rounds), runner_load.c (what is there already),
 * runner_attempt.c (one attempt from claim to row), runner_turns.c (which attempt is next, and which may
 * be at work beside others) and runner_tell.c (how far things are).
 */
#ifndef LA_RUNNER_INTERNAL_H
#define LA_RUNNER_INTERNAL_H

#include <assert.h>

#include "attempt.h"
#include "child.h"
#include "models.h"
#include "predict.h"
#include "run.h"

static_assert(LA_JOBS_MAX <= LA_CHILDREN_MAX, "every job is a child");

typedef struct la_turn { /* one attempt to come */
    size_t cell;
    int round;
    bool at_work, over;
    bool alone;     /* beside others it took too much memory */
    size_t awaits;  /* of an evaluation: trainings of its group that are not over */
    char model[33]; /* of a training: the key of its model; "": none */
} la_turn;

typedef struct la_place { /* one attempt at work */
    la_turn *turn;
    la_cell *cell;
    la_attempt attempt;
    int64_t id; /* in the store */
    int64_t start;
    la_child *child;               /* NULL: it needs no worker, or has none yet */
    double predicted_s, longest_s; /* what it will take, usually and in the worst case */
    double beside_ns;              /* others at work, summed over time */
} la_place;

typedef struct la_runner {
    la_plan *plan;
    const la_run_settings *set;
    const la_device *device;
    la_store *store;
    int64_t sweep_id;
    la_run_listener listener;
    void *context;
    la_known *known; /* per cell */
    uint64_t *done;  /* per cell: bits of finished rounds */
    int8_t *outcome; /* per cell: what became of it so far; -1: nothing yet */
    la_turn *order;  /* of one round */
    const char *cache_dir, *models_dir;
    char own_cache[64];
    char own_models[LA_MODELS_PATH];
    int64_t start, last_beat, last_tick, last_change;
    double left_s;
    /* Of attempts that ran to their end: seconds that they took and that they were said to take, of those that
     * run alone and of learned ones. */
    double took_s[2], said_s[2];
    size_t attempts_done, attempts_total;
    int round, rounds;
    int jobs;                       /* learned attempts at work at once, at most */
    la_place *at_work[LA_JOBS_MAX]; /* the first that was started first */
    size_t n_at_work;
    la_child_watch watch;
} la_runner;

/* runner_load.c */
la_status la_runner_load(la_runner *r, la_err *err);
void la_runner_note_outcome(la_runner *r, size_t cell, la_outcome outcome);
void la_runner_note_call(la_runner *r, size_t cell, double call_s);
/* Rounds of this cell, as far as is known now, and whether one of them is still to be done. */
int la_runner_rounds_of(const la_runner *r, size_t cell);
bool la_runner_wanted(const la_runner *r, size_t cell, int round);

/* runner_attempt.c. A place is opened for a turn: claimed, decided beforehand, or given a worker. It is
 * closed when that has ended: stored, told, freed; *crowded: it is to be tried again, alone. */
la_status la_runner_open(la_runner *r, la_turn *turn, la_place **out, la_err *err);
la_status la_runner_close(la_runner *r, la_place *place, bool *crowded, la_err *err);

/* runner_tell.c. The place that an event is about; NULL: the first at work. */
void la_runner_tell(la_runner *r, int kind, const la_place *place, const la_attempt_row *attempt,
                    double cell_s);
double la_runner_peak(const la_runner *r, const la_cell *cell); /* for predictions; 0: unknown */
void la_runner_learn(la_runner *r, const la_place *place, double took_s);
bool la_runner_stop_wanted(double elapsed_s, void *runner); /* a la_child_stop */

/* runner_turns.c: all of these turns, learned ones side by side and all others alone, in this order. */
la_status la_runner_turns(la_runner *r, la_turn *turns, size_t n, la_err *err);

#endif
