/* SPDX-License-Identifier: Apache-2.0
 * Which attempt is next, and which may be at work beside others. What is timed is always alone. Attempts of
 * learned tasks go side by side: as many as there are jobs, while their threads fit on the cores and
 * their memory into the limit. An evaluation begins as soon as the last training of its group is over,
 * before the next training does: its scores are what the sweep is for.
 */
#include <stdio.h>
#include <string.h>

#include "runner_internal.h"
#include "signals.h"

static const la_cell *cell_of(const la_runner *r, const la_turn *t)
{
    return &r->plan->cells[t->cell];
}

static bool trains(const la_cell *c)
{
    return c->learn && c->pass == LA_TRAIN;
}

static bool evaluates(const la_cell *c)
{
    return c->learn && c->pass == LA_EVAL;
}

/* What each evaluation waits for, and the key of the model that each training makes. */
static la_status prepare(la_runner *r, la_turn *turns, size_t n, la_err *err)
{
    for (size_t i = 0; i < n; i++) {
        la_cell *c = &r->plan->cells[turns[i].cell];
        if (!c->learn || c->refused) continue;
        if (trains(c)) {
            la_train_config config =
                la_cell_train_config(c, r->device, r->set->seed + (uint64_t)turns[i].round, 0);
            LA_TRY(la_train_key(&config, turns[i].model, NULL, err));
        }
        for (size_t k = 0; k < n && evaluates(c); k++) {
            const la_cell *other = cell_of(r, &turns[k]);
            turns[i].awaits += trains(other) && other->learn->group == c->learn->group;
        }
    }
    return LA_OK;
}

/* Cores that the attempts at work may share. */
static int capacity(const la_runner *r)
{
    return r->set->cores > r->jobs ? r->set->cores : r->jobs;
}

/* A learned attempt that waits for nothing, beside those at work. */
static bool fits(const la_runner *r, const la_turn *t)
{
    const la_cell *c = cell_of(r, t);
    int threads = c->problem.threads;
    size_t bytes = c->need_bytes, limit = r->set->memory_limit;
    size_t on_device = c->device_bytes, device_limit = r->set->device_limit;
    if (t->awaits) return false;
    if (r->n_at_work == 0) return true;
    if (t->alone || r->n_at_work >= (size_t)r->jobs) return false;
    for (size_t i = 0; i < r->n_at_work; i++) {
        const la_place *p = r->at_work[i];
        if (p->turn->alone) return false;
        /* Two trainings of one model: the second will find it. */
        if (*t->model && strcmp(p->turn->model, t->model) == 0) return false;
        threads += p->cell->problem.threads;
        bytes += p->cell->need_bytes;
        on_device += p->cell->device_bytes;
    }
    return threads <= capacity(r) && (limit == 0 || bytes <= limit) &&
           (device_limit == 0 || on_device <= device_limit);
}

/* The next to start now; NULL: none before something has ended. *first: those before it are over. */
static la_turn *pick(const la_runner *r, la_turn *turns, size_t n, size_t *first)
{
    la_turn *training = NULL;
    if (r->n_at_work && !r->at_work[0]->cell->learn) return NULL;
    while (*first < n && turns[*first].over) ++*first;
    for (size_t i = *first; i < n; i++) {
        la_turn *t = &turns[i];
        const la_cell *c = cell_of(r, t);
        if (t->over || t->at_work) continue;
        if (!c->learn) return training || r->n_at_work ? training : t;
        if (!fits(r, t)) continue;
        if (evaluates(c)) return t;
        if (!training) training = t;
    }
    return training;
}

static bool is_failure(int outcome)
{
    return outcome == LA_OUTCOME_CRASH || outcome == LA_OUTCOME_ERROR ||
           outcome == LA_OUTCOME_KILLED || outcome == LA_OUTCOME_WRONG ||
           outcome == LA_OUTCOME_NONFINITE;
}

/* A training that is over is waited for no longer. */
static void release_evaluations(const la_runner *r, const la_cell *train, la_turn *turns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const la_cell *c = cell_of(r, &turns[i]);
        if (evaluates(c) && c->learn->group == train->learn->group && turns[i].awaits)
            turns[i].awaits--;
    }
}

static la_status end_turn(la_runner *r, la_place *p, la_turn *turns, size_t n, la_err *err)
{
    la_turn *t = p->turn;
    const la_cell *c = p->cell;
    bool crowded;
    la_status st = la_runner_close(r, p, &crowded, err);
    t->at_work = false;
    t->alone = t->alone || crowded;
    t->over = !crowded;
    if (t->over && trains(c)) release_evaluations(r, c, turns, n);
    if (st == LA_OK && r->set->fail_fast && is_failure(r->outcome[t->cell]))
        return LA_FAIL(err, LA_E_INTERRUPTED, "stopped at the first failure, as asked for");
    return st;
}

static la_status start_what_fits(la_runner *r, la_turn *turns, size_t n, size_t *first, la_err *err)
{
    la_turn *t;
    while (!la_run_signal() && (t = pick(r, turns, n, first))) {
        la_place *p;
        LA_TRY(la_runner_open(r, t, &p, err));
        if (!p->child) LA_TRY(end_turn(r, p, turns, n, err));
    }
    return LA_OK;
}

static void wait_for_one(la_runner *r)
{
    la_child *children[LA_JOBS_MAX];
    for (size_t i = 0; i < r->n_at_work; i++) children[i] = r->at_work[i]->child;
    la_child_wait(children, r->n_at_work, &r->watch);
}

static la_status collect(la_runner *r, la_turn *turns, size_t n, la_err *err)
{
    la_status st = LA_OK;
    for (size_t i = 0; i < r->n_at_work;) {
        la_place *p = r->at_work[i];
        if (!la_child_ended(p->child)) {
            i++;
            continue;
        }
        la_status one = end_turn(r, p, turns, n, st == LA_OK ? err : NULL); /* takes it out */
        if (st == LA_OK) st = one;
    }
    return st;
}

la_status la_runner_turns(la_runner *r, la_turn *turns, size_t n, la_err *err)
{
    size_t first = 0;
    la_status st = prepare(r, turns, n, err);
    for (;;) {
        if (st == LA_OK) st = start_what_fits(r, turns, n, &first, err);
        for (size_t i = 0; i < r->n_at_work && (st != LA_OK || la_run_signal()); i++)
            la_child_stop_now(r->at_work[i]->child);
        if (r->n_at_work == 0) break;
        wait_for_one(r);
        la_status ended = collect(r, turns, n, st == LA_OK ? err : NULL);
        if (st == LA_OK) st = ended;
    }
    if (st == LA_OK && la_run_signal())
        return LA_FAIL(err, LA_E_INTERRUPTED, "stopped by signal %d", la_run_signal());
    return st;
}
