/* SPDX-License-Identifier: Apache-2.0
 * One attempt, from its claim in the store to its row there.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "choice.h"
#include "clock.h"
#include "job.h"
#include "measure.h"
#include "runner_internal.h"
#include "text.h"

#define LEAST_TIMEOUT_S 120.0
#define CHECKPOINT_S    10.0

/* Outcomes that are known without a worker. */
static bool decide_beforehand(const la_runner *r, size_t i, double call_s, bool measured,
                              la_attempt *a)
{
    const la_cell *c = &r->plan->cells[i];
    la_left_out out;
    char words[128];
    if (c->refused) {
        la_attempt_conclude(a, c->outcome, "%s", c->reason);
        return true;
    }
    /* Before anything of the family was measured only the cost at full speed is certain. */
    double least = measured ? call_s : la_predict_floor(c, la_runner_peak(r, c));
    if (la_predict_too_large(c, r->set, &out) || la_predict_too_slow(r->set, least, &out)) {
        la_attempt_conclude(a, out.outcome, "%s", out.why);
        return true;
    }
    int64_t shorter = r->set->predict ? la_predict_oom(r->plan, r->known, i) : -1;
    if (shorter < 0) return false;
    la_attempt_conclude(a, LA_OUTCOME_PREDICTED_OOM, "%s ran out of memory",
                        la_cell_words(&r->plan->cells[shorter], words));
    return true;
}

/* The inputs of a round are its own. The state that decode starts from is dear: its inputs are those of
 * the first round. All models answer the same test. */
static uint64_t job_seed(const la_runner *r, const la_cell *cell, int round)
{
    if (cell->learn) return r->set->seed;
    return la_cell_seed(cell, r->set->seed, cell->pass == LA_DECODE ? 0 : round);
}

static la_status make_job(const la_runner *r, const la_cell *cell, int round, double lr,
                          char **json, la_err *err)
{
    const la_run_settings *s = r->set;
    char *cell_json;
    LA_TRY(la_cell_to_json(cell, &cell_json, err));
    la_job job = {.cell_json = cell_json,
                  .parent = getpid(),
                  .seed = job_seed(r, cell, round),
                  .verify = round == 0,
                  .beside_peak = s->beside_peak,
                  .memory_limit = s->memory_limit,
                  .device_limit = s->device_limit,
                  .cache_dir = r->cache_dir,
                  .models_dir = r->models_dir,
                  .model_seed = s->seed + (uint64_t)round,
                  .lr = lr,
                  .peer = cell->peer ? cell->peer->peer->path : NULL,
                  .checkpoint_s = s->checkpoint_s > 0 ? s->checkpoint_s : CHECKPOINT_S,
                  .rule = {.min_time_s = s->min_time_s,
                           .max_time_s = s->max_time_s,
                           .target = s->target,
                           .min_samples = s->min_samples,
                           .max_samples = s->quick ? LA_FEW_SAMPLES : 0,
                           .slow_s = LA_SLOW_S}};
    for (size_t i = 0; i < la_plugins_count(); i++)
        if (la_cell_uses(cell, la_plugins_variant(i)))
            job.plugins[job.n_plugins++] = *la_plugins_at(i);
    la_status st = la_job_to_json(&job, json, err);
    la_free(cell_json);
    return st;
}

/* Its threads are bound to cores where nothing else may be at work. On a device the driver's threads, which inherit
 * what the first one is bound to, are at work, and one of them holds streams. */
static bool may_be_beside(const la_runner *r, const la_cell *c)
{
    if (c->impl->backend == LA_CUDA) return true;
    return c->learn && r->jobs > 1 && (c->problem.threads < r->set->cores || !r->set->cores);
}

/* Ten times what it should take, and more where that was a guess. */
static double usual_timeout(const la_place *p)
{
    return fmax(LEAST_TIMEOUT_S, fmax(10 * p->predicted_s, 4 * p->longest_s));
}

static la_status start_worker(la_runner *r, la_place *p, double lr, la_err *err)
{
    const la_cell *c = p->cell;
    la_child_limits limits = {.timeout_s =
                                  r->set->timeout_s > 0 ? r->set->timeout_s : usual_timeout(p),
                              .memory = r->set->memory_limit,
                              .expected = c->need_bytes,
                              .threads = c->problem.threads,
                              .beside = may_be_beside(r, c)};
    char *job;
    LA_TRY(make_job(r, c, p->turn->round, lr, &job, err));
    la_status st = la_child_start(job, &limits, &p->attempt, &p->child, err);
    la_free(job);
    return st;
}

/* An evaluation needs a model: true when there is none, and the attempt says why. */
static la_status find_model(la_runner *r, la_place *p, double *lr, bool *missing, la_err *err)
{
    const la_cell *c = p->cell;
    la_choice choice;
    *lr = 0;
    *missing = false;
    if (c->refused || !c->learn || c->pass != LA_EVAL) return LA_OK;
    LA_TRY(la_choice_make(r->store, r->plan, c, p->turn->round, &choice, err));
    *lr = choice.lr;
    *missing = !choice.found;
    if (*missing) la_attempt_conclude(&p->attempt, LA_OUTCOME_UNSUPPORTED, "%s", choice.why);
    return LA_OK;
}

static la_status decide_or_start(la_runner *r, la_place *p, la_err *err)
{
    const la_run_settings *set = r->set;
    size_t i = p->turn->cell;
    la_cell *c = p->cell;
    bool measured = false, missing;
    double lr, call_s = 0;
    if (!c->refused)
        call_s = la_predict_call(r->plan, r->known, i, la_runner_peak(r, c), &measured);
    c->predicted_s = call_s;
    if (!c->refused) {
        p->predicted_s = la_predict_attempt(c, call_s, set, p->turn->round);
        p->longest_s = la_predict_longest(c, call_s, set, p->turn->round);
    }
    LA_TRY(find_model(r, p, &lr, &missing, err));
    if (missing || decide_beforehand(r, i, call_s, measured, &p->attempt)) {
        snprintf(p->attempt.phase, sizeof p->attempt.phase, "plan");
        return LA_OK;
    }
    la_runner_tell(r, LA_RUN_TICK, p, NULL, 0);
    return start_worker(r, p, lr, err);
}

/* Before the number of attempts at work changes. */
static void count_beside(la_runner *r)
{
    int64_t now = la_now_ns();
    double others = (double)r->n_at_work - 1;
    for (size_t i = 0; i < r->n_at_work; i++)
        r->at_work[i]->beside_ns += others * (double)(now - r->last_change);
    r->last_change = now;
}

la_status la_runner_open(la_runner *r, la_turn *turn, la_place **out, la_err *err)
{
    la_place *p = la_zalloc(sizeof *p, err);
    if (!p) return LA_E_NOMEM;
    p->turn = turn;
    p->cell = &r->plan->cells[turn->cell];
    la_status st = la_store_claim(r->store, p->cell->id, turn->round, &p->id, err);
    if (st != LA_OK) {
        la_free(p);
        return st;
    }
    la_attempt_init(&p->attempt);
    p->attempt.hosted = p->cell->peer != NULL;
    count_beside(r);
    r->at_work[r->n_at_work++] = p;
    turn->at_work = true;
    p->start = r->last_change;
    la_err why = {0};
    st = decide_or_start(r, p, &why);
    *out = p;
    if (st == LA_OK) return LA_OK;
    /* Our own trouble is not the cell's: it stays to be done. */
    bool crowded;
    la_attempt_conclude(&p->attempt, LA_OUTCOME_INTERRUPTED, "%s", why.msg);
    la_runner_close(r, p, &crowded, NULL);
    if (err) *err = why;
    return st;
}

static void note_end(la_runner *r, size_t i, int round, const la_attempt *a)
{
    const la_attempt_row *row = &a->row;
    la_runner_note_outcome(r, i, row->outcome);
    if (row->outcome == LA_OUTCOME_INTERRUPTED) return;
    r->done[i] |= (uint64_t)1 << round;
    r->attempts_done++;
    for (size_t s = 0; s < row->n_samples; s++)
        la_runner_note_call(r, i,
                            (double)row->samples[s].total_ns / (double)row->samples[s].iters / 1e9);
    /* A probe has no samples: its forward was timed once, cold, if it was a whole one. */
    if (row->n_samples == 0 && row->outcome == LA_OUTCOME_OK && a->call_ns > 0)
        la_runner_note_call(r, i, (double)a->call_ns / 1e9);
}

/* What its worker was, once it has ended. A number is left for whoever compares speeds: how many others were
 * at work meanwhile, on average. */
static la_status bury(la_place *p, la_err *err)
{
    la_err why = {0};
    if (!p->child) return LA_OK;
    la_status st = la_child_end(p->child, &why);
    p->child = NULL;
    double ns = (double)(la_now_ns() - p->start);
    if (st == LA_OK && p->cell->learn)
        st = la_attempt_measure(&p->attempt, "beside", ns > 0 ? p->beside_ns / ns : 0, &why);
    if (st == LA_OK) return LA_OK;
    la_attempt_conclude(&p->attempt, LA_OUTCOME_INTERRUPTED, "%s", why.msg);
    if (err) *err = why;
    return st;
}

static void leave(la_runner *r, const la_place *p)
{
    size_t i = 0;
    while (r->at_work[i] != p) i++;
    r->n_at_work--;
    memmove(&r->at_work[i], &r->at_work[i + 1], (r->n_at_work - i) * sizeof *r->at_work);
}

la_status la_runner_close(la_runner *r, la_place *p, bool *crowded, la_err *err)
{
    la_attempt *a = &p->attempt;
    count_beside(r);
    la_status st = bury(p, err);
    leave(r, p);
    a->model.variant = p->cell->variant->name;
    a->model.task = p->cell->task ? p->cell->task->name : "";
    const la_attempt_row *row = la_attempt_finish(a);
    la_status stored = la_store_finish(r->store, p->id, row, st == LA_OK ? err : NULL);
    *crowded = a->crowded && row->outcome == LA_OUTCOME_INTERRUPTED;
    if (stored == LA_OK) {
        bool reused = row->stop_reason && strcmp(row->stop_reason, "reused") == 0;
        if (row->outcome == LA_OUTCOME_OK && !reused)
            la_runner_learn(r, p, (double)row->wall_ns / 1e9);
        note_end(r, p->turn->cell, p->turn->round, a);
        la_runner_tell(r, LA_RUN_CELL, p, row, (double)(la_now_ns() - p->start) / 1e9);
    }
    la_attempt_release(a);
    la_free(p);
    return st == LA_OK ? stored : st;
}
