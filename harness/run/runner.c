/* SPDX-License-Identifier: Apache-2.0
 * Rounds over cells over workers. The first round of every cell comes first, so that a sweep that is
 * stopped has a complete coarse picture; later rounds narrow it. The first round of kernels and probes
 * is followed by all of the learned tasks: every model of every seed, then every evaluation.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "attempt.h"
#include "child.h"
#include "choice.h"
#include "clock.h"
#include "job.h"
#include "predict.h"
#include "query.h"
#include "run.h"
#include "signals.h"
#include "text.h"

#define ONE_ROUND_S     0.3  /* a longer call gets a single round */
#define SLOW_S          10.0 /* the verified call is then the sample */
#define QUICK_CALL_S    5.0  /* longer calls are not made in a quick sweep */
#define LEAST_TIMEOUT_S 120.0
#define HEARTBEAT_S     10.0
#define TICK_S          0.2
#define MAX_ROUNDS      64
#define CHECKPOINT_S    10.0

typedef struct turn { /* one attempt to come */
    size_t cell;
    int round;
} turn;

typedef struct runner {
    la_plan *plan;
    const la_run_settings *set;
    la_store *store;
    int64_t sweep_id;
    la_run_listener listener;
    void *context;
    la_known *known; /* per cell */
    uint64_t *done;  /* per cell: bits of finished rounds */
    int8_t *outcome; /* per cell: what became of it so far; -1: nothing yet */
    turn *order;     /* of one round */
    const char *cache_dir, *models_dir;
    char own_cache[64];
    char own_models[1024];
    int64_t start, last_beat, last_tick;
    double left_s;
    size_t attempts_done, attempts_total;
    int round, rounds;
    const la_cell *running;
    const la_attempt *attempt; /* of the running cell */
} runner;

/* ---- what is there already ---- */

/* The worst word wins: a failure of any round is the cell's. */
static void note_outcome(runner *r, size_t i, la_outcome outcome)
{
    if (outcome == LA_OUTCOME_INTERRUPTED) return;
    if (r->outcome[i] < 0 || r->outcome[i] == LA_OUTCOME_OK) r->outcome[i] = (int8_t)outcome;
    if (outcome == LA_OUTCOME_OOM_HOST || outcome == LA_OUTCOME_OOM_DEVICE ||
        outcome == LA_OUTCOME_PREDICTED_OOM)
        r->known[i].oom = true;
}

static void note_call(runner *r, size_t i, double call_s)
{
    if (!(call_s > 0)) return;
    if (isnan(r->known[i].call_s) || call_s < r->known[i].call_s) r->known[i].call_s = call_s;
}

static la_status load_cell(runner *r, size_t i, la_err *err)
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
            note_outcome(r, i, outcome);
        note_call(r, i, la_query_real(q, 1) / 1e9);
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

static int rounds_of(const runner *r, size_t i);

/* A training that is done again opens the evaluations that had no model for want of it. */
static la_status reopen_evaluations(runner *r, la_err *err)
{
    const la_plan *plan = r->plan;
    for (size_t t = 0; t < plan->n; t++) {
        const la_cell *train = &plan->cells[t];
        if (!train->learn || train->pass != LA_TRAIN || train->refused) continue;
        if (__builtin_popcountll(r->done[t]) >= rounds_of(r, t)) continue;
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

static la_status load(runner *r, la_err *err)
{
    if (r->set->retry) {
        uint32_t bits;
        int64_t reopened;
        LA_TRY(parse_retry(r->set->retry, &bits, err));
        LA_TRY(la_store_retry(r->store, r->sweep_id, bits, &reopened, err));
    }
    for (size_t i = 0; i < r->plan->n; i++) {
        r->known[i] = (la_known){la_predict_family(&r->plan->cells[i]), NAN, false};
        r->outcome[i] = -1;
        LA_TRY(load_cell(r, i, err));
    }
    return reopen_evaluations(r, err);
}

/* ---- what is to do ---- */

/* Rounds of this cell, as far as is known now. */
static int rounds_of(const runner *r, size_t i)
{
    const la_cell *c = &r->plan->cells[i];
    int rounds = (r->set->quick && !c->learn) || c->rounds < 1 ? 1 : c->rounds;
    if (rounds > MAX_ROUNDS) rounds = MAX_ROUNDS;
    if (c->learn && !c->refused) return rounds; /* each is another seed */
    if (c->refused || (r->outcome[i] >= 0 && r->outcome[i] != LA_OUTCOME_OK)) return 1;
    if (r->known[i].call_s > ONE_ROUND_S) return 1;
    return rounds;
}

static bool wanted(const runner *r, size_t i, int round)
{
    return round < rounds_of(r, i) && !(r->done[i] >> round & 1);
}

static double call_of(const runner *r, size_t i, bool *measured)
{
    return la_predict_call(r->plan, r->known, i, r->set->peak_flops, measured);
}

static double attempt_of(const runner *r, size_t i, double call_s, int round)
{
    return la_predict_attempt(&r->plan->cells[i], call_s, r->set->min_time_s, r->set->max_time_s,
                              round == 0);
}

/* Attempts still to come and the seconds they will take. */
static size_t look_ahead(runner *r)
{
    size_t left = 0;
    r->left_s = 0;
    for (size_t i = 0; i < r->plan->n; i++) {
        bool first = true, measured;
        double call_s = 0;
        for (int round = 0; round < rounds_of(r, i); round++) {
            if (!wanted(r, i, round)) continue;
            left++;
            if (r->plan->cells[i].refused) continue;
            if (first) call_s = call_of(r, i, &measured);
            first = false;
            double s = attempt_of(r, i, call_s, round);
            bool skipped = r->plan->cells[i].need_bytes > r->set->memory_limit ||
                           (r->set->quick && call_s > QUICK_CALL_S);
            if (!skipped) r->left_s += s;
        }
    }
    return left;
}

static void tell(runner *r, int kind, const la_cell *cell, const la_attempt_row *attempt,
                 double cell_s)
{
    if (!r->listener) return;
    la_run_event e = {.cell = cell,
                      .attempt = attempt,
                      .round = r->round,
                      .rounds = r->rounds,
                      .done = r->attempts_done,
                      .elapsed_s = (double)(la_now_ns() - r->start) / 1e9,
                      .cell_s = cell_s};
    e.kind = kind;
    if (cell && !attempt && r->attempt) e.phase = r->attempt->phase;
    if (cell && cell->learn) e.rounds = cell->rounds;
    /* The running attempt is part of what is left, and part of it is over. */
    if (kind == LA_RUN_CELL || kind == LA_RUN_START) e.total = e.done + look_ahead(r);
    if (e.total) r->attempts_total = e.total;
    e.total = r->attempts_total;
    e.left_s = fmax(0, r->left_s - cell_s);
    for (size_t i = 0; i < r->plan->n; i++)
        if (r->outcome[i] >= 0) e.outcomes[r->outcome[i]]++;
    r->listener(&e, r->context);
}

/* ---- one attempt ---- */

static bool stop_wanted(double elapsed_s, void *context)
{
    runner *r = context;
    la_signals_drain();
    int64_t now = la_now_ns();
    bool status = la_signals_status_wanted();
    if (status) tell(r, LA_RUN_STATUS, r->running, NULL, elapsed_s);
    if (!status && now - r->last_tick > (int64_t)(TICK_S * 1e9)) {
        r->last_tick = now;
        tell(r, LA_RUN_TICK, r->running, NULL, elapsed_s);
    }
    if (now - r->last_beat > (int64_t)(HEARTBEAT_S * 1e9)) {
        r->last_beat = now;
        la_store_heartbeat(r->store, r->sweep_id, NULL); /* a missed beat harms nothing */
    }
    return la_run_signal() != 0;
}

/* Outcomes that are known without a worker. */
static bool decide_beforehand(const runner *r, size_t i, double call_s, bool measured,
                              la_attempt *a)
{
    const la_cell *c = &r->plan->cells[i];
    char need[24], limit[24], words[128];
    if (c->refused) {
        la_attempt_conclude(a, c->outcome, "%s", c->reason);
        return true;
    }
    if (!r->set->predict) return false;
    if (r->set->memory_limit && c->need_bytes > r->set->memory_limit) {
        la_attempt_conclude(a, LA_OUTCOME_PREDICTED_OOM, "needs %s (limit %s)",
                            la_format_bytes((double)c->need_bytes, need),
                            la_format_bytes((double)r->set->memory_limit, limit));
        return true;
    }
    int64_t shorter = la_predict_oom(r->plan, r->known, i);
    if (shorter >= 0) {
        la_attempt_conclude(a, LA_OUTCOME_PREDICTED_OOM, "%s ran out of memory",
                            la_cell_words(&r->plan->cells[shorter], words));
        return true;
    }
    /* Before anything of the family was measured only the cost at full speed is certain. */
    double least = measured ? call_s : la_predict_floor(c, r->set->peak_flops);
    if (r->set->quick && least > QUICK_CALL_S) {
        la_attempt_conclude(a, LA_OUTCOME_PREDICTED_TIMEOUT,
                            "a call would take about %.3g s; a quick sweep makes none over %.0f s",
                            least, QUICK_CALL_S);
        return true;
    }
    if (r->set->timeout_s > 0 && least > r->set->timeout_s) {
        la_attempt_conclude(a, LA_OUTCOME_PREDICTED_TIMEOUT,
                            "a call would take about %.3g s (timeout %.3g s)", least,
                            r->set->timeout_s);
        return true;
    }
    return false;
}

/* The inputs of a round are its own. The state that decode starts from is dear: its inputs are those of
 * the first round. All models answer the same test. */
static uint64_t job_seed(const runner *r, const la_cell *cell, int round)
{
    if (cell->learn) return r->set->seed;
    return la_cell_seed(cell, r->set->seed, cell->pass == LA_DECODE ? 0 : round);
}

static la_status make_job(const runner *r, const la_cell *cell, int round, double lr, char **json,
                          la_err *err)
{
    const la_run_settings *s = r->set;
    char *cell_json;
    LA_TRY(la_cell_to_json(cell, &cell_json, err));
    la_job job = {.cell_json = cell_json,
                  .parent = getpid(),
                  .seed = job_seed(r, cell, round),
                  .verify = round == 0,
                  .memory_limit = s->memory_limit,
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
                           .max_samples = s->quick ? 3 : 0,
                           .slow_s = SLOW_S}};
    for (size_t i = 0; i < la_plugins_count(); i++)
        if (la_cell_uses(cell, la_plugins_variant(i)))
            job.plugins[job.n_plugins++] = *la_plugins_at(i);
    la_status st = la_job_to_json(&job, json, err);
    la_free(cell_json);
    return st;
}

static la_status run_worker(runner *r, const turn *t, double call_s, double lr, la_attempt *a,
                            la_err *err)
{
    size_t i = t->cell;
    int round = t->round;
    const la_cell *c = &r->plan->cells[i];
    double predicted = attempt_of(r, i, call_s, round);
    la_child_limits limits = {.timeout_s = r->set->timeout_s > 0
                                               ? r->set->timeout_s
                                               : fmax(LEAST_TIMEOUT_S, 10 * predicted),
                              .memory = r->set->memory_limit,
                              .threads = c->problem.threads};
    char *job;
    LA_TRY(make_job(r, c, round, lr, &job, err));
    la_status st = la_child_run(job, &limits, stop_wanted, r, a, err);
    la_free(job);
    return st;
}

static void note_end(runner *r, size_t i, int round, const la_attempt *a)
{
    const la_attempt_row *row = &a->row;
    note_outcome(r, i, row->outcome);
    if (row->outcome == LA_OUTCOME_INTERRUPTED) return;
    r->done[i] |= (uint64_t)1 << round;
    r->attempts_done++;
    for (size_t s = 0; s < row->n_samples; s++)
        note_call(r, i, (double)row->samples[s].total_ns / (double)row->samples[s].iters / 1e9);
    /* A probe has no samples: its forward was timed once, cold. */
    if (row->n_samples == 0 && row->outcome == LA_OUTCOME_OK)
        note_call(r, i, (double)a->call_ns / 1e9);
}

/* An evaluation needs a model: true when there is none, and the attempt says why. */
static la_status find_model(runner *r, const la_cell *c, int round, la_attempt *a, double *lr,
                            bool *missing, la_err *err)
{
    la_choice choice;
    *lr = 0;
    *missing = false;
    if (c->refused || !c->learn || c->pass != LA_EVAL) return LA_OK;
    LA_TRY(la_choice_make(r->store, r->plan, c, round, &choice, err));
    *lr = choice.lr;
    *missing = !choice.found;
    if (*missing) la_attempt_conclude(a, LA_OUTCOME_UNSUPPORTED, "%s", choice.why);
    return LA_OK;
}

static la_status run_attempt(runner *r, const turn *t, la_err *err)
{
    size_t i = t->cell;
    int round = t->round;
    la_cell *c = &r->plan->cells[i];
    double lr;
    bool missing;
    la_attempt a;
    int64_t id;
    bool measured;
    LA_TRY(la_store_claim(r->store, c->id, round, &id, err));
    la_attempt_init(&a);
    a.hosted = c->peer != NULL;
    r->running = c;
    r->attempt = &a;
    double call_s = c->refused ? 0 : call_of(r, i, &measured);
    c->predicted_s = call_s;
    int64_t start = la_now_ns();
    la_status st = find_model(r, c, round, &a, &lr, &missing, err);
    if (st == LA_OK && missing) {
        snprintf(a.phase, sizeof a.phase, "plan");
    } else if (st == LA_OK && decide_beforehand(r, i, call_s, !c->refused && measured, &a)) {
        snprintf(a.phase, sizeof a.phase, "plan");
    } else if (st == LA_OK) {
        tell(r, LA_RUN_TICK, c, NULL, 0);
        la_err why;
        st = run_worker(r, t, call_s, lr, &a, &why);
        /* Our own trouble is not the cell's: it stays to be done. */
        if (st != LA_OK) {
            la_attempt_conclude(&a, LA_OUTCOME_INTERRUPTED, "%s", why.msg);
            if (err) *err = why;
        }
    }
    a.model.variant = c->variant->name;
    a.model.task = c->task ? c->task->name : "";
    const la_attempt_row *row = la_attempt_finish(&a);
    la_status stored = la_store_finish(r->store, id, row, st == LA_OK ? err : NULL);
    if (stored == LA_OK) {
        note_end(r, i, round, &a);
        tell(r, LA_RUN_CELL, c, row, (double)(la_now_ns() - start) / 1e9);
    }
    if (st == LA_OK) st = stored;
    r->running = NULL;
    r->attempt = NULL;
    la_attempt_release(&a);
    return st;
}

/* ---- rounds ---- */

static int by_length(const la_plan *plan, size_t a, size_t b)
{
    int64_t x = plan->cells[a].seqlen, y = plan->cells[b].seqlen;
    return (x > y) - (x < y);
}

/* Learned cells of a pass: the short evaluations first. */
static void add_learned(runner *r, la_pass pass, size_t *n)
{
    for (int round = 0; round < MAX_ROUNDS; round++)
        for (size_t i = 0; i < r->plan->n; i++) {
            const la_cell *c = &r->plan->cells[i];
            if (c->learn && c->pass == pass && wanted(r, i, round))
                r->order[(*n)++] = (turn){i, round};
        }
}

/* Cells of one round, in random order so that no drift of the machine follows an axis. A quick sweep
 * goes from short to long instead: short cells then tell which long ones to leave out. */
static la_status order_round(runner *r, int round, size_t *n, la_err *err)
{
    int64_t *shuffled = la_alloc((r->plan->n + 1) * sizeof *shuffled, err);
    if (!shuffled) return LA_E_NOMEM;
    int64_t total = (int64_t)r->plan->n;
    la_random_permutation(la_stream(r->set->seed, 0x6f72646572, (uint64_t)round), shuffled, total,
                          total);
    *n = 0;
    for (int64_t k = 0; k < total; k++) {
        size_t i = r->set->given_order ? (size_t)k : (size_t)shuffled[k];
        if (r->plan->cells[i].learn || !wanted(r, i, round)) continue;
        size_t at = (*n)++;
        while (r->set->quick && !r->set->given_order && at > 0 &&
               by_length(r->plan, r->order[at - 1].cell, i) > 0) {
            r->order[at] = r->order[at - 1];
            at--;
        }
        r->order[at] = (turn){i, round};
    }
    la_free(shuffled);
    if (round > 0) return LA_OK;
    add_learned(r, LA_TRAIN, n);
    add_learned(r, LA_EVAL, n);
    return LA_OK;
}

static bool is_failure(int outcome)
{
    return outcome == LA_OUTCOME_CRASH || outcome == LA_OUTCOME_ERROR ||
           outcome == LA_OUTCOME_KILLED || outcome == LA_OUTCOME_WRONG ||
           outcome == LA_OUTCOME_NONFINITE;
}

static la_status run_rounds(runner *r, la_err *err)
{
    for (int round = 0; round < r->rounds; round++) {
        size_t n;
        r->round = round;
        LA_TRY(order_round(r, round, &n, err));
        for (size_t k = 0; k < n; k++) {
            size_t i = r->order[k].cell;
            r->round = r->order[k].round;
            if (!la_run_signal()) LA_TRY(run_attempt(r, &r->order[k], err));
            if (la_run_signal())
                return LA_FAIL(err, LA_E_INTERRUPTED, "stopped by signal %d", la_run_signal());
            if (r->set->fail_fast && is_failure(r->outcome[i]))
                return LA_FAIL(err, LA_E_INTERRUPTED, "stopped at the first failure, as asked for");
        }
    }
    return LA_OK;
}

/* ---- begin and end ---- */

static la_status make_cache(runner *r, la_err *err)
{
    r->cache_dir = r->set->cache_dir;
    if (r->cache_dir) return LA_OK;
    const char *tmp = getenv("TMPDIR");
    int len = snprintf(r->own_cache, sizeof r->own_cache, "%s/labench-XXXXXX",
                       tmp && *tmp ? tmp : "/tmp");
    if (len >= (int)sizeof r->own_cache)
        snprintf(r->own_cache, sizeof r->own_cache, "/tmp/labench-XXXXXX");
    if (!mkdtemp(r->own_cache)) {
        int why = errno;
        r->own_cache[0] = '\0';
        return LA_FAIL(err, LA_E_IO, "cannot make a folder for reference rows: %s", strerror(why));
    }
    r->cache_dir = r->own_cache;
    return LA_OK;
}

/* The folder beside the database, made when something is to be trained. */
static la_status make_models(runner *r, la_err *err)
{
    bool trains = false;
    for (size_t i = 0; i < r->plan->n; i++)
        trains |= r->plan->cells[i].learn && !r->plan->cells[i].refused;
    if (!trains) return LA_OK;
    r->models_dir = r->set->models_dir;
    if (!r->models_dir) {
        const char *db = la_store_path(r->store);
        size_t len = strlen(db);
        if (len > 3 && strcmp(db + len - 3, ".db") == 0) len -= 3;
        if (snprintf(r->own_models, sizeof r->own_models, "%.*s.models", (int)len, db) >=
            (int)sizeof r->own_models)
            return LA_FAIL(err, LA_E_IO, "the path %.60s... is too long to keep models beside", db);
        r->models_dir = r->own_models;
    }
    if (mkdir(r->models_dir, 0777) == 0 || errno == EEXIST) return LA_OK;
    return LA_FAIL(err, LA_E_IO, "cannot make %s for trained models: %s", r->models_dir,
                   strerror(errno));
}

static void drop_cache(runner *r)
{
    if (!r->own_cache[0]) return;
    DIR *dir = opendir(r->own_cache);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char path[400];
        snprintf(path, sizeof path, "%s/%s", r->own_cache, entry->d_name);
        unlink(path);
    }
    if (dir) closedir(dir);
    rmdir(r->own_cache);
}

static la_status begin(runner *r, la_err *err)
{
    size_t n = r->plan->n + 1;
    r->known = la_zalloc(n * sizeof *r->known, err);
    r->done = la_zalloc(n * sizeof *r->done, err);
    r->outcome = la_zalloc(n * sizeof *r->outcome, err);
    size_t turns = 1;
    for (size_t i = 0; i < r->plan->n; i++)
        turns += r->plan->cells[i].learn ? (size_t)r->plan->cells[i].rounds : 1;
    r->order = la_zalloc(turns * sizeof *r->order, err);
    if (!r->known || !r->done || !r->outcome || !r->order) return LA_E_NOMEM;
    LA_TRY(load(r, err));
    for (size_t i = 0; i < r->plan->n; i++)
        if (!r->plan->cells[i].learn && r->plan->cells[i].rounds > r->rounds)
            r->rounds = r->plan->cells[i].rounds;
    if (r->set->quick || r->rounds < 1) r->rounds = 1;
    if (r->rounds > MAX_ROUNDS) r->rounds = MAX_ROUNDS;
    LA_TRY(make_models(r, err));
    return make_cache(r, err);
}

static void end(runner *r, size_t totals[LA_OUTCOME_COUNT])
{
    if (totals) {
        memset(totals, 0, LA_OUTCOME_COUNT * sizeof *totals);
        for (size_t i = 0; r->outcome && i < r->plan->n; i++)
            if (r->outcome[i] >= 0) totals[r->outcome[i]]++;
    }
    drop_cache(r);
    la_free(r->known);
    la_free(r->done);
    la_free(r->outcome);
    la_free(r->order);
}

la_status la_run(la_plan *plan, const la_run_settings *settings, const la_device *device,
                 la_store *store, int64_t sweep_id, la_run_listener listener, void *context,
                 size_t totals[LA_OUTCOME_COUNT], la_err *err)
{
    (void)device; /* a worker finds out for itself what it runs on */
    runner r = {.plan = plan,
                .set = settings,
                .store = store,
                .sweep_id = sweep_id,
                .listener = listener,
                .context = context,
                .start = la_now_ns()};
    LA_TRY(la_signals_begin(err));
    la_status st = begin(&r, err);
    if (st == LA_OK) {
        tell(&r, LA_RUN_START, NULL, NULL, 0);
        st = run_rounds(&r, err);
        tell(&r, LA_RUN_END, NULL, NULL, 0);
    }
    end(&r, totals);
    la_signals_end();
    return st;
}
