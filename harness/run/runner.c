/* SPDX-License-Identifier: Apache-2.0
 * Rounds over cells over workers. The first round of every cell comes first, so that a sweep that is
 * stopped has a complete coarse picture; later rounds narrow it. The first round of kernels and probes
 * is followed by all of the learned tasks, models of every seed and their evaluations.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "runner_internal.h"
#include "signals.h"

/* ---- rounds ---- */

static int by_length(const la_plan *plan, size_t a, size_t b)
{
    int64_t x = plan->cells[a].seqlen, y = plan->cells[b].seqlen;
    return (x > y) - (x < y);
}

/* Learned cells of a pass: all of one seed, then the next. */
static void add_learned(la_runner *r, la_pass pass, size_t *n)
{
    for (int round = 0; round < LA_ROUNDS_MAX; round++)
        for (size_t i = 0; i < r->plan->n; i++) {
            const la_cell *c = &r->plan->cells[i];
            if (c->learn && c->pass == pass && la_runner_wanted(r, i, round))
                r->order[(*n)++] = (la_turn){.cell = i, .round = round};
        }
}

/* Cells of one round, in random order so that no drift of the machine follows an axis. A quick sweep
 * goes from short to long instead: short cells then tell which long ones to leave out. */
static la_status order_round(la_runner *r, int round, size_t *n, la_err *err)
{
    int64_t *shuffled = la_alloc((r->plan->n + 1) * sizeof *shuffled, err);
    if (!shuffled) return LA_E_NOMEM;
    int64_t total = (int64_t)r->plan->n;
    la_random_permutation(la_stream(r->set->seed, 0x6f72646572, (uint64_t)round), shuffled, total,
                          total);
    *n = 0;
    for (int64_t k = 0; k < total; k++) {
        size_t i = r->set->given_order ? (size_t)k : (size_t)shuffled[k];
        if (r->plan->cells[i].learn || !la_runner_wanted(r, i, round)) continue;
        size_t at = (*n)++;
        while (r->set->quick && !r->set->given_order && at > 0 &&
               by_length(r->plan, r->order[at - 1].cell, i) > 0) {
            r->order[at] = r->order[at - 1];
            at--;
        }
        r->order[at] = (la_turn){.cell = i, .round = round};
    }
    la_free(shuffled);
    if (round > 0) return LA_OK;
    add_learned(r, LA_TRAIN, n);
    add_learned(r, LA_EVAL, n);
    return LA_OK;
}

static la_status run_rounds(la_runner *r, la_err *err)
{
    for (int round = 0; round < r->rounds; round++) {
        size_t n;
        r->round = round;
        LA_TRY(order_round(r, round, &n, err));
        LA_TRY(la_runner_turns(r, r->order, n, err));
    }
    return LA_OK;
}

/* ---- begin and end ---- */

static la_status make_cache(la_runner *r, la_err *err)
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
static la_status make_models(la_runner *r, la_err *err)
{
    bool trains = false;
    for (size_t i = 0; i < r->plan->n; i++)
        trains |= r->plan->cells[i].learn && !r->plan->cells[i].refused;
    if (!trains) return LA_OK;
    LA_TRY(la_models_folder(r->set, la_store_path(r->store), r->own_models, err));
    r->models_dir = r->own_models;
    if (mkdir(r->models_dir, 0777) == 0 || errno == EEXIST) return LA_OK;
    return LA_FAIL(err, LA_E_IO, "cannot make %s for trained models: %s", r->models_dir,
                   strerror(errno));
}

static void drop_cache(la_runner *r)
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

static la_status begin(la_runner *r, la_err *err)
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
    LA_TRY(la_runner_load(r, err));
    for (size_t i = 0; i < r->plan->n; i++)
        if (!r->plan->cells[i].learn && r->plan->cells[i].rounds > r->rounds)
            r->rounds = r->plan->cells[i].rounds;
    if (r->set->quick || r->rounds < 1) r->rounds = 1;
    if (r->rounds > LA_ROUNDS_MAX) r->rounds = LA_ROUNDS_MAX;
    LA_TRY(make_models(r, err));
    return make_cache(r, err);
}

static void end(la_runner *r, size_t totals[LA_OUTCOME_COUNT])
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
    la_runner r = {.plan = plan,
                   .set = settings,
                   .store = store,
                   .sweep_id = sweep_id,
                   .listener = listener,
                   .context = context,
                   .device = device,
                   .start = la_now_ns()};
    r.jobs = settings->jobs < 1 ? 1 : settings->jobs > LA_JOBS_MAX ? LA_JOBS_MAX : settings->jobs;
    r.watch = (la_child_watch){
        .stop = la_runner_stop_wanted, .context = &r, .memory = settings->memory_limit};
    LA_TRY(la_signals_begin(err));
    la_status st = begin(&r, err);
    if (st == LA_OK) {
        la_runner_tell(&r, LA_RUN_START, NULL, NULL, 0);
        st = run_rounds(&r, err);
        la_runner_tell(&r, LA_RUN_END, NULL, NULL, 0);
    }
    end(&r, totals);
    la_signals_end();
    return st;
}
