/* SPDX-License-Identifier: Apache-2.0
 * The host of a peer: a worker that draws the inputs of its cell, starts the peer's program on them,
 * watches it, and judges what it left in the outputs by the same float64 reference as our own impls.
 * The peer's times count only when its results are right. Gradients are verified on at most 2048 tokens:
 * a longer cell costs a second, short run of the program.
 */
#include "worker_peer.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"
#include "child.h"
#include "compare.h"
#include "worker.h"

typedef struct host {
    la_work *w;
    la_peer_file file; /* of the measured run */
    void *state;       /* owned; before the token of a decode cell */
    char phase[64];    /* of the peer, as last relayed */
} host;

/* ---- the job ---- */

static bool add_tensor(cJSON *all, const la_peer_tensor *t)
{
    cJSON *o = cJSON_AddObjectToObject(all, t->name);
    cJSON *shape = o ? cJSON_AddArrayToObject(o, "shape") : NULL;
    for (int i = 0; shape && i < t->rank; i++)
        if (!cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->shape[i]))) return false;
    return shape && cJSON_AddStringToObject(o, "dtype", la_dtype_name(t->dtype)) &&
           cJSON_AddNumberToObject(o, "offset", (double)t->offset) &&
           cJSON_AddNumberToObject(o, "bytes", (double)t->bytes) &&
           cJSON_AddStringToObject(o, "role", t->out ? "out" : "in");
}

/* What a worker of labench gets, and what a program of others cannot know. */
static la_status make_job(const la_work *w, const la_cell *cell, const la_stop_rule *rule,
                          const la_peer_file *file, char **json, la_err *err)
{
    char *cell_json, *plain = NULL, *text = NULL;
    const la_problem *p = &cell->problem;
    *json = NULL;
    LA_TRY(la_cell_to_json(cell, &cell_json, err));
    la_job job = w->job;
    job.cell_json = cell_json;
    job.parent = getpid();
    job.rule = *rule;
    la_status st = la_job_to_json(&job, &plain, err);
    la_free(cell_json);
    if (st != LA_OK) return st;
    cJSON *o = cJSON_Parse(plain);
    la_free(plain);
    bool ok =
        o && cJSON_AddNumberToObject(o, "scale", la_variant_scale(cell->variant, p)) &&
        cJSON_AddNumberToObject(o, "threads", p->threads) &&
        cJSON_AddNumberToObject(o, "pos", cell->pass == LA_DECODE ? (double)(p->Tcap - 1) : 0.0) &&
        cJSON_AddNumberToObject(o, "tensors_bytes", (double)file->bytes);
    cJSON *tensors = ok ? cJSON_AddObjectToObject(o, "tensors") : NULL;
    for (size_t i = 0; tensors && ok && i < file->n; i++) ok = add_tensor(tensors, &file->t[i]);
    if (tensors && ok) text = cJSON_PrintUnformatted(o);
    if (text) *json = la_strdup(text, err);
    cJSON_free(text);
    cJSON_Delete(o);
    return *json ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory for a peer's job");
}

/* ---- a run of the program ---- */

/* Asked several times a second while it runs: what the peer does is what we do. */
typedef struct listener {
    host *h;
    const la_attempt *attempt;
} listener;

static bool relay_phase(double elapsed_s, void *context)
{
    const listener *l = context;
    char words[64];
    (void)elapsed_s;
    if (strcmp(l->h->phase, l->attempt->phase) == 0) return false;
    snprintf(l->h->phase, sizeof l->h->phase, "%s", l->attempt->phase);
    snprintf(words, sizeof words, "peer: %.50s", l->h->phase);
    for (char *c = words; *c; c++)
        if (*c == '"' || *c == '\\') *c = '?';
    /* A runner that is gone has killed us, or is about to. */
    return la_work_phase(l->h->w, words, NULL) != LA_OK;
}

/* Its end is ours unless it says that all went well. */
static la_status conclude(la_work *w, const la_attempt *a, la_err *err)
{
    const char *name = w->cell.impl->name;
    if (a->row.outcome == LA_OUTCOME_OK && a->n_samples == 0) {
        w->said = LA_OUTCOME_ERROR;
        return LA_FAIL(err, LA_E_FORMAT, "protocol: %s says ok and has no samples", name);
    }
    if (a->row.outcome == LA_OUTCOME_OK) return LA_OK;
    w->said = (int)a->row.outcome;
    bool protocol = strncmp(a->message, "protocol", 8) == 0;
    return LA_FAIL(err, LA_E_INTERNAL, "%s%s%s", protocol ? "" : name, protocol ? "" : ": ",
                   *a->message ? a->message : la_outcome_word(a->row.outcome));
}

static la_status run_program(host *h, const la_cell *cell, const la_stop_rule *rule,
                             const la_peer_file *file, la_attempt *a, la_err *err)
{
    la_work *w = h->w;
    const la_peer *peer = w->cell.peer->peer;
    la_peer_env env;
    char *job;
    listener l = {h, a};
    LA_TRY(make_job(w, cell, rule, file, &job, err));
    la_status st = la_peer_env_make(&env, err);
    if (st == LA_OK) {
        la_child_program program = {
            .argv = peer->command, .env = env.vars, .tensors = file->fd, .shared = file->bytes};
        la_child_limits limits = {
            .memory = w->job.memory_limit, .threads = cell->problem.threads, .program = &program};
        h->phase[0] = '\0';
        st = la_work_phase(w, "peer: start", err);
        if (st == LA_OK) st = la_child_run(job, &limits, relay_phase, &l, a, err);
        la_peer_env_release(&env);
    }
    la_free(job);
    return st == LA_OK ? conclude(w, a, err) : st;
}

/* ---- what it measured ---- */

static la_status keep_samples(la_work *w, const la_attempt *a, la_err *err)
{
    la_timing *t = &w->timing;
    LA_TRY(la_grow((void **)&t->samples, &t->cap, a->n_samples, sizeof *t->samples, err));
    for (size_t i = 0; i < a->n_samples; i++)
        t->samples[i] = (la_timing_sample){a->samples[i].iters, a->samples[i].total_ns};
    t->n = a->n_samples;
    return LA_OK;
}

/* -1: not known; nothing else below 0 makes sense. */
static int64_t known(int64_t bytes)
{
    return bytes < 0 ? -1 : bytes;
}

static void keep_figures(la_work *w, const la_attempt *a)
{
    static const char *const reasons[] = {"target", "settled", "max_time", "slow", "samples"};
    for (size_t i = 0; i < LA_COUNT(reasons); i++)
        if (strcmp(a->stop_reason, reasons[i]) == 0) w->timing.stop_reason = reasons[i];
    w->timing.warmup_iters = a->row.warmup_iters;
    w->timing.warmup_ns = a->row.warmup_ns;
    w->first_ns = a->call_ns;
    w->workspace = known(a->row.workspace_peak_bytes);
    w->rss_base = known(a->row.rss_base_bytes);
    w->rss_peak = known(a->row.rss_peak_bytes);
}

static la_status check_untouched(la_work *w, const la_peer_file *file, la_err *err)
{
    const char *changed = la_peer_file_changed(file);
    if (!changed) return LA_OK;
    w->misbehaved = true;
    return LA_FAIL(err, LA_E_WRONG, "%s changed its input %s", w->cell.impl->name, changed);
}

/* Outputs began as NaN, so what was never written is found here too. */
static la_status check_finite(la_work *w, const la_peer_file *file, la_err *err)
{
    for (size_t i = 0; i < file->n; i++) {
        const la_peer_tensor *t = &file->t[i];
        if (!t->out || strncmp(t->name, "state_out.", 10) == 0) continue;
        int64_t n = (int64_t)(t->bytes / la_dtype_size(t->dtype));
        int64_t bad = la_count_nonfinite(file->map + t->offset, n, t->dtype);
        if (bad == 0) continue;
        la_work_metric_add(w, "nonfinite", (double)bad / (double)n, NAN, NAN, bad, n);
        return LA_FAIL(err, LA_E_NONFINITE,
                       "%" PRId64 " of %" PRId64 " values of %s are not finite%s", bad, n, t->name,
                       bad == n ? ": it was not written" : "");
    }
    return LA_OK;
}

/* ---- gradients ---- */

static bool same_problem(const la_problem *a, const la_problem *b)
{
    return a->T == b->T && a->B == b->B;
}

/* A la_backward_run: the measured run's own gradients where it was short enough, else another run. */
static la_status gradients_of_peer(void *context, const la_problem *p, const la_inputs *in,
                                   la_gradients *g, la_err *err)
{
    host *h = context;
    la_work *w = h->w;
    if (same_problem(p, &w->cell.problem)) {
        la_peer_file_gradients(&h->file, in, g);
        return LA_OK;
    }
    la_cell cell = w->cell; /* the texts of its options are borrowed */
    la_peer_file file;
    la_attempt a;
    la_stop_rule once = {.max_time_s = 1e-3, .target = 1, .min_samples = 1, .max_samples = 1};
    cell.problem = *p;
    cell.seqlen = p->T;
    LA_TRY(la_peer_file_make(cell.variant, p, cell.pass, cell.opts, in, g, NULL, &file, err));
    la_attempt_init(&a);
    la_status st = run_program(h, &cell, &once, &file, &a, err);
    if (st == LA_OK) st = check_untouched(w, &file, err);
    if (st == LA_OK) la_peer_file_gradients(&file, in, g);
    la_attempt_release(&a);
    la_peer_file_release(&file);
    return st;
}

/* ---- the whole of it ---- */

static la_status draw(host *h, la_err *err)
{
    la_work *w = h->w;
    const la_cell *c = &w->cell;
    la_part parts[LA_MAX_PARTS];
    LA_TRY(la_work_phase(w, "inputs", err));
    if (!w->decode) {
        LA_TRY(la_inputs_draw(c->variant, &c->problem, c->opts, LA_INPUTS_DEFAULT, w->job.seed,
                              &w->in, err));
        if (!la_work_has_backward(w)) return LA_OK;
        LA_TRY(la_gradients_alloc(c->variant, &c->problem, c->opts, false, &w->grads, err));
        la_gradients_draw(&w->grads, w->job.seed);
        return LA_OK;
    }
    if (!c->variant->state_parts)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no state to decode from", c->variant->name);
    size_t n = c->variant->state_parts(&c->problem, c->opts, parts, LA_MAX_PARTS);
    h->state = la_zalloc(la_state_layout(parts, n, NULL), err);
    if (!h->state) return LA_E_NOMEM;
    return la_sampled_decode(c->variant, &c->problem, c->opts, w->job.seed, w->job.cache_dir,
                             &w->in, h->state, &w->sampled, err);
}

static la_status verify(host *h, la_err *err)
{
    la_work *w = h->w;
    const char *cache = w->job.cache_dir;
    /* These inputs are those of the gradients' reference, which keeps its own rows under their name. */
    if (w->job.seed == la_sampled_backward_seed) w->job.cache_dir = NULL;
    la_status st = la_work_output_verify(w, la_peer_file_find(&h->file, "o"), err);
    w->job.cache_dir = cache;
    if (st == LA_OK && la_work_has_backward(w))
        st = la_work_gradients_verify(w, gradients_of_peer, h, err);
    return st;
}

static la_status measured_run(host *h, la_err *err)
{
    la_work *w = h->w;
    const la_cell *c = &w->cell;
    la_attempt a;
    LA_TRY(la_peer_file_make(c->variant, &c->problem, c->pass, c->opts, &w->in,
                             la_work_has_backward(w) ? &w->grads : NULL, h->state, &h->file, err));
    la_attempt_init(&a);
    la_status st = run_program(h, c, &w->job.rule, &h->file, &a, err);
    keep_figures(w, &a);
    if (st == LA_OK) st = check_untouched(w, &h->file, err);
    if (st == LA_OK) st = check_finite(w, &h->file, err);
    if (st == LA_OK && w->job.verify) st = verify(h, err);
    if (st == LA_OK) st = keep_samples(w, &a, err);
    la_attempt_release(&a);
    return st;
}

la_status la_work_peer(la_work *w, la_err *err)
{
    host h = {.w = w, .file = {.fd = -1}};
    w->decode = w->cell.pass == LA_DECODE;
    la_problem short_one = la_sampled_backward_problem(&w->cell.problem);
    if (la_work_has_backward(w) && w->job.verify && same_problem(&short_one, &w->cell.problem))
        w->job.seed = la_sampled_backward_seed;
    la_status st = draw(&h, err);
    if (st == LA_OK) st = measured_run(&h, err);
    la_peer_file_release(&h.file);
    la_free(h.state);
    return st;
}
