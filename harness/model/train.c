/* SPDX-License-Identifier: Apache-2.0
 * A whole training: found, continued or begun; steps, validations, checkpoints, the curve.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"
#include "clock.h"
#include "log.h"
#include "trainer.h"

enum { SAMPLE_STEPS = 10 }; /* steps of one timing sample */

typedef struct la_run {
    la_trainer t;
    const char *path; /* NULL: nothing is written */
    char *json;
    double checkpoint_s;
    int64_t written_ns;
    la_train_listener listener;
    void *context;
    la_train_result *out;
    size_t cap_steps, cap_ns;
    int64_t sample_steps, sample_ns; /* of the sample in work */
} la_run;

void la_train_result_release(la_train_result *result)
{
    if (!result) return;
    la_free(result->curve);
    la_free(result->sample_steps);
    la_free(result->sample_ns);
    result->curve = NULL;
    result->sample_steps = result->sample_ns = NULL;
    result->n_curve = result->n_samples = 0;
}

/* The curve changes hands. */
static void give(la_progress *at, la_train_result *out)
{
    out->stopped_early = at->stopped_early;
    out->steps = at->step;
    out->tokens = at->tokens;
    out->train_ns = at->train_ns;
    out->loss = at->loss;
    out->val_accuracy = at->val_accuracy;
    memcpy(out->val, at->val, sizeof out->val);
    out->n_val = at->n_val;
    out->curve = at->curve;
    out->n_curve = at->n_curve;
    at->curve = NULL;
    at->n_curve = at->cap_curve = 0;
}

static la_status add_sample(la_run *r, la_err *err)
{
    la_train_result *out = r->out;
    size_t n = out->n_samples + 1;
    LA_TRY(la_grow((void **)&out->sample_steps, &r->cap_steps, n, sizeof(int64_t), err));
    LA_TRY(la_grow((void **)&out->sample_ns, &r->cap_ns, n, sizeof(int64_t), err));
    out->sample_steps[n - 1] = r->sample_steps;
    out->sample_ns[n - 1] = r->sample_ns;
    out->n_samples = n;
    r->sample_steps = r->sample_ns = 0;
    return LA_OK;
}

static la_status add_point(la_run *r, double accuracy, double worst, la_err *err)
{
    la_progress *at = &r->t.at;
    LA_TRY(la_grow((void **)&at->curve, &at->cap_curve, at->n_curve + 1, sizeof *at->curve, err));
    la_curve_point point = {.step = at->step,
                            .tokens = at->tokens,
                            .elapsed_ns = at->train_ns,
                            .loss = at->loss_sum / (double)at->loss_steps,
                            .val_accuracy = accuracy,
                            .val_worst = worst,
                            .lr = r->t.lr,
                            .grad_norm = r->t.grad_norm};
    at->curve[at->n_curve++] = point;
    at->loss = point.loss;
    at->loss_sum = 0;
    at->loss_steps = 0;
    if (!r->listener) return LA_OK;
    return r->listener(&point, r->t.config->train->steps, r->context);
}

static la_status write_checkpoint(la_run *r, la_err *err)
{
    if (!r->path) return LA_OK;
    la_trainer *t = &r->t;
    la_arrays now;
    LA_TRY(la_trainer_arrays(t, &now, err));
    LA_TRY(la_checkpoint_write(r->path, r->out->key, r->json, &t->at, t->spec.n, now.weights, now.m,
                               now.v, err));
    r->written_ns = la_now_ns();
    return LA_OK;
}

static la_status timed_step(la_run *r, la_err *err)
{
    int64_t start = la_now_ns();
    LA_TRY(la_trainer_step(&r->t, err));
    int64_t ns = la_now_ns() - start;
    r->t.at.train_ns += ns;
    r->sample_ns += ns;
    r->sample_steps++;
    return r->sample_steps == SAMPLE_STEPS ? add_sample(r, err) : LA_OK;
}

/* Of all shapes the mean share of right answers, and the worst. */
static void val_scores(const la_progress *at, double *mean, double *worst)
{
    double sum = 0;
    *worst = 1;
    for (size_t i = 0; i < at->n_val; i++) {
        double share =
            (double)at->val[i].correct / (double)(at->val[i].total ? at->val[i].total : 1);
        sum += share;
        *worst = share < *worst ? share : *worst;
    }
    *mean = sum / (double)at->n_val;
}

int64_t la_train_glance(const la_train_opts *o)
{
    int64_t part = o->validate_examples / 4, least = LA_TRAIN_GLANCE;
    part = part > least ? part : least;
    return part < o->validate_examples ? part : o->validate_examples;
}

/* Validates; true in *stop when every shape is learned. On the way to the last step a part of the examples shows
 * where training is; only where each shape passes on these are all of them asked. */
static la_status validate(la_run *r, bool last, bool *stop, la_err *err)
{
    const la_train_opts *o = r->t.config->train;
    la_progress *at = &r->t.at;
    int64_t glance = la_train_glance(o);
    double worst = 1;
    if (!last) {
        LA_TRY(la_trainer_validate(&r->t, glance, err));
        val_scores(at, &at->val_accuracy, &worst);
    }
    bool passed = o->stop > 0 && worst >= o->stop;
    if (last || (passed && glance < o->validate_examples)) {
        LA_TRY(la_trainer_validate(&r->t, o->validate_examples, err));
        val_scores(at, &at->val_accuracy, &worst);
    }
    *stop = o->stop > 0 && worst >= o->stop;
    return add_point(r, at->val_accuracy, worst, err);
}

static la_status train_on(la_run *r, la_err *err)
{
    const la_train_opts *o = r->t.config->train;
    la_progress *at = &r->t.at;
    int64_t every = o->validate_every > 5 ? o->validate_every / 5 : 1;
    while (!at->finished) {
        bool stop = false;
        LA_TRY(timed_step(r, err));
        bool last = at->step >= o->steps, validated = at->step % o->validate_every == 0 || last;
        if (validated)
            LA_TRY(validate(r, last, &stop, err));
        else if (at->step % every == 0)
            LA_TRY(add_point(r, (double)NAN, (double)NAN, err));
        at->stopped_early = stop && !last;
        at->finished = stop || last;
        bool due = r->checkpoint_s > 0
                       ? (double)(la_now_ns() - r->written_ns) >= r->checkpoint_s * 1e9
                       : validated;
        if (due && !at->finished) LA_TRY(write_checkpoint(r, err));
    }
    la_arrays end;
    LA_TRY(la_trainer_arrays(&r->t, &end, err));
    la_weights_digest(end.weights, r->t.spec.n, r->out->digest);
    if (r->sample_steps) LA_TRY(add_sample(r, err));
    return write_checkpoint(r, err);
}

static la_status adopt(la_run *r, la_checkpoint *c, la_err *err)
{
    la_trainer *t = &r->t;
    if (c->n != t->spec.n)
        return LA_FAIL(err, LA_E_FORMAT,
                       "the model %s has %lld numbers where its configuration has %lld", r->path,
                       (long long)c->n, (long long)t->spec.n);
    LA_TRY(la_trainer_adopt(t, &(la_arrays){c->array[0], c->array[1], c->array[2]}, err));
    t->at = c->at;
    c->at.curve = NULL;
    return LA_OK;
}

/* What lies at the path: nothing (*c stays empty), a checkpoint of this configuration, or something else,
 * which is refused; a damaged one is put aside, since training can make it anew. */
static la_status look(la_run *r, la_checkpoint *c, la_err *err)
{
    la_err why = {0};
    la_status st = la_checkpoint_read(r->path, c, &why);
    if (st == LA_E_NOTFOUND) return LA_OK;
    if (st == LA_E_FORMAT) {
        char aside[4096 + 16];
        snprintf(aside, sizeof aside, "%s.damaged", r->path);
        if (rename(r->path, aside) != 0)
            return LA_FAIL(err, LA_E_IO, "%s; it cannot be put aside: %s", why.msg,
                           strerror(errno));
        la_log(LA_LOG_WARN, "%s; it lies in %s now, and the model is trained again", why.msg,
               aside);
        return LA_OK;
    }
    if (st != LA_OK) {
        if (err) *err = why;
        return st;
    }
    if (strcmp(c->key, r->out->key) == 0) return LA_OK;
    la_checkpoint_release(c);
    return LA_FAIL(err, LA_E_FORMAT, "the model %s is of another configuration", r->path);
}

static la_status reuse(la_run *r, la_checkpoint *c)
{
    r->out->reused = true;
    la_weights_digest(c->array[0], c->n, r->out->digest);
    give(&c->at, r->out);
    return LA_OK;
}

static la_status run(la_run *r, const la_train_config *config, la_err *err)
{
    la_checkpoint found = {0};
    if (r->path) LA_TRY(look(r, &found, err));
    if (found.bytes && found.at.finished) {
        la_status st = reuse(r, &found);
        la_checkpoint_release(&found);
        return st;
    }
    la_status st = la_trainer_init(&r->t, config, err);
    if (st == LA_OK && found.bytes) {
        st = adopt(r, &found, err);
        r->out->resumed = st == LA_OK;
    }
    la_checkpoint_release(&found);
    if (st != LA_OK) return st;
    r->written_ns = la_now_ns();
    st = train_on(r, err);
    give(&r->t.at, r->out);
    return st;
}

la_status la_train(const la_train_config *config, const char *dir, double checkpoint_s,
                   la_train_listener listener, void *context, la_train_result *out, la_err *err)
{
    *out = (la_train_result){0};
    la_run r = {.checkpoint_s = checkpoint_s, .listener = listener, .context = context, .out = out};
    LA_TRY(la_train_check(config, err));
    LA_TRY(la_train_key(config, out->key, &r.json, err));
    la_status st = LA_OK;
    if (dir) {
        size_t len = strlen(dir) + sizeof out->key + sizeof "/.model";
        if (len >= sizeof out->path)
            st = LA_FAIL(err, LA_E_ARG, "the path of the models is too long: %s", dir);
        else if (mkdir(dir, 0777) != 0 && errno != EEXIST)
            st = LA_FAIL(err, LA_E_IO, "the folder %s cannot be made: %s", dir, strerror(errno));
        snprintf(out->path, sizeof out->path, "%s/%s.model", dir, out->key);
        r.path = out->path;
    }
    out->parameters = la_train_parameters(config);
    if (st == LA_OK) st = run(&r, config, err);
    la_trainer_release(&r.t);
    la_free(r.json);
    return st;
}
