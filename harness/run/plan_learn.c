/* SPDX-License-Identifier: Apache-2.0
 * The cells of learned tasks: for each variant, its options, the task's, the model's and those of its
 * training one cell that trains (one for each learning rate) and one evaluation for each length of the
 * sweep. They do not multiply over the axes of kernels: a model has shapes of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "plan_internal.h"
#include "registry.h"
#include "spec.h"

/* A quick sweep trains one block, for fewer steps. */
enum { QUICK_LAYERS = 1, QUICK_STEPS = 400 };

/* A model of more is large: with gradients and moments it takes 128 MB and more. */
#define SMALL_PARAMETERS 8000000

/* Where a small model wants another option than a kernel that is timed. */
static const struct {
    const char *variant, *key, *value;
} model_defaults[] = {{"performer", "features", "64"}, {"linformer", "r", "16"}};

bool la_plan_learns(const la_axes *x)
{
    for (size_t i = 0; i < x->n_tasks; i++)
        if (x->tasks[i]->kind == LA_TASK_LEARNED) return true;
    return false;
}

/* Kinds of models of one variant with one set of options. */
static size_t count_kinds(const la_axes *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n_tasks; i++)
        if (x->tasks[i]->kind == LA_TASK_LEARNED)
            n += la_plan_combinations(x->spec, x->tasks[i]->name) * la_plan_steps(x, x->tasks[i]);
    n *= la_plan_combinations(x->spec, "model") * la_plan_combinations(x->spec, "train");
    return n * x->n_masks;
}

size_t la_plan_trainings(const la_axes *x)
{
    const la_setting *lr = la_plan_setting(x->spec, "train", "lr");
    size_t lengths = x->spec->train_at_length ? x->lengths.n : 1;
    return count_kinds(x) * lengths * (lr ? lr->values.n : 1);
}

size_t la_plan_learn_cells(const la_axes *x)
{
    return la_plan_trainings(x) + count_kinds(x) * x->lengths.n;
}

/* ---- what the command line says ---- */

/* "kda*3,softmax": names of variants or `self`, each with a count or none. */
static la_status check_hybrid(const char *pattern, la_err *err)
{
    if (strlen(pattern) >= sizeof((la_learn *)0)->hybrid)
        return LA_FAIL(err, LA_E_ARG, "--hybrid '%.40s...' is longer than %zu characters", pattern,
                       sizeof((la_learn *)0)->hybrid - 1);
    for (const char *at = pattern;;) {
        size_t len = strcspn(at, ","), name_len = strcspn(at, "*,");
        char name[48];
        snprintf(name, sizeof name, "%.*s", name_len < 40 ? (int)name_len : 40, at);
        if (name_len == 0)
            return LA_FAIL(err, LA_E_ARG, "--hybrid '%.60s' has an empty part", pattern);
        const char *near = la_registry_nearest(name);
        if (strcmp(name, "self") != 0 && !la_registry_find(name))
            return LA_FAIL(err, LA_E_ARG, "--hybrid: no variant '%s'%s%s", name,
                           near ? ". Nearest: " : "; 'self' is the one of --variants",
                           near ? near : "");
        if (at[name_len] == '*') {
            char *end;
            long count = strtol(at + name_len + 1, &end, 10);
            if (end != at + len || count < 1 || count > 64)
                return LA_FAIL(err, LA_E_ARG,
                               "--hybrid '%.60s': after %s* stands a count of layers, 1..64",
                               pattern, name);
        }
        if (!at[len]) return LA_OK;
        at += len + 1;
    }
}

la_status la_plan_learn_check(const la_axes *x, la_err *err)
{
    const la_spec *s = x->spec;
    const la_setting *lr = la_plan_setting(s, "train", "lr");
    if (s->difficulty) LA_TRY(la_plan_check_steps(x, err));
    if (!la_plan_learns(x)) {
        const char *flag = s->train_lengths.n   ? "train-lengths"
                           : s->train_at_length ? "train-at-length"
                           : s->hybrid          ? "hybrid"
                           : s->seeds           ? "seeds"
                                                : NULL;
        if (!flag) return LA_OK;
        return LA_FAIL(err, LA_E_ARG, "--%s is for learned tasks, and this sweep has none", flag);
    }
    if (lr && lr->values.n > LA_CELL_RATES)
        return LA_FAIL(err, LA_E_ARG, "%zu learning rates are more than %d", lr->values.n,
                       LA_CELL_RATES);
    if (s->train_lengths.n > LA_COUNT(((la_learn *)0)->lengths))
        return LA_FAIL(err, LA_E_ARG, "--train-lengths has %zu lengths; the most is %zu",
                       s->train_lengths.n, LA_COUNT(((la_learn *)0)->lengths));
    return s->hybrid ? check_hybrid(s->hybrid, err) : LA_OK;
}

/* Ascending; equal ones once. */
static la_status take_rates(const la_spec *spec, la_learn *learn, la_err *err)
{
    const la_setting *lr = la_plan_setting(spec, "train", "lr");
    learn->n_rates = 0;
    for (size_t i = 0; i < (lr ? lr->values.n : 1); i++) {
        la_train_opts one = learn->train;
        if (lr)
            LA_TRY(la_options_set(la_train_option_table, la_train_options_len, &one, "train", "lr",
                                  lr->values.v[i], err));
        size_t at = learn->n_rates;
        while (at > 0 && learn->rates[at - 1] > one.lr) at--;
        if (at > 0 && !(learn->rates[at - 1] < one.lr)) continue;
        memmove(&learn->rates[at + 1], &learn->rates[at],
                (learn->n_rates - at) * sizeof *learn->rates);
        learn->rates[at] = one.lr;
        learn->n_rates++;
    }
    learn->train.lr = learn->rates[0];
    return LA_OK;
}

/* ---- cells ---- */

/* Threads of one model. Small ones are trained side by side, where cores that train a model each beat
 * cores that share one, whose steps are too short to divide; where there are fewer models than jobs, each
 * gets its part of the cores. A large one gets all cores and is alone: its memory is not there many
 * times, and its hours are not to be spent on one core while others are idle. */
static int model_threads(const la_axes *x, int64_t parameters)
{
    int all = (int)x->threads.v[0];
    if (x->spec->threads.n > 0 || x->spec->jobs < 2 || parameters > SMALL_PARAMETERS) return all;
    size_t models = 0, seeds = x->spec->seeds > 0 ? (size_t)x->spec->seeds : 1;
    for (size_t i = 0; i < x->n_variants; i++)
        models += la_plan_combinations(x->spec, x->variants[i]->name);
    models *= la_plan_trainings(x) * seeds;
    int beside = models < (size_t)x->spec->jobs ? (int)models : x->spec->jobs;
    return beside > 0 && all / beside > 1 ? all / beside : 1;
}

/* The columns of a cell: the shape of the variant's own mixer in the model (the first block where a
 * hybrid has none), with `tokens` of one length at a time, and the impl that trains it. What cannot be
 * keeps a shape that says no more than the options do; la_cell_finish finds the reason. */
static void take_shape(const la_axes *x, la_cell *cell, int64_t tokens)
{
    la_problem *p = &cell->problem;
    la_mask mask = p->mask;
    int64_t T = cell->seqlen, B = tokens > T ? tokens / T : 1;
    la_err why;
    la_net net = {0};
    *p = (la_problem){.B = B,
                      .T = T,
                      .Tcap = T,
                      .H = 1,
                      .Hkv = 1,
                      .Hqk = 1,
                      .dk = cell->learn->model.d_model,
                      .dv = cell->learn->model.d_model,
                      .mask = mask,
                      .dtype = LA_F32,
                      .threads = (int)x->threads.v[0]};
    cell->impl = la_variant_best(cell->variant, x->device, &why);
    if (!cell->impl) cell->impl = &cell->variant->impls[0];
    la_train_config config = la_cell_train_config(cell, x->device, 1, 0);
    if (la_net_init(&config, &net, &why) == LA_OK) {
        p->threads = model_threads(x, net.trainable);
        const la_block *b = &net.block[0];
        for (int64_t i = 0; i < net.layers && b->variant != cell->variant; i++) b = &net.block[i];
        *p = la_block_problem(&net, b, B, T, p->threads);
        const la_impl *impl = la_block_impl(b, p, LA_FWDBWD, x->device, &why);
        if (impl && b->variant == cell->variant) cell->impl = impl;
    }
    la_net_release(&net);
}

static la_status add_pass(la_axes *x, la_cell *proto, la_pass pass, int64_t T, la_err *err)
{
    proto->pass = pass;
    proto->seqlen = T;
    take_shape(x, proto, pass == LA_TRAIN ? proto->learn->train.tokens : T);
    return la_plan_add(x, proto, err);
}

/* Values of an option that only asks share one model, and so do steps of difficulty that only ask: of
 * trainings that are alike the first that can be stays. */
static void keep_one_training(la_plan *plan)
{
    la_cell *last = &plan->cells[plan->n - 1];
    for (la_cell *c = plan->cells; c < last; c++) {
        if (c->pass != LA_TRAIN || c->learn->group != last->learn->group) continue;
        if (c->learn->train.lr < last->learn->train.lr ||
            c->learn->train.lr > last->learn->train.lr)
            continue;
        if (c->refused && !last->refused) {
            la_cell swap = *c;
            *c = *last;
            *last = swap;
        }
        la_plan_drop_last(plan);
        return;
    }
}

static la_status add_training(la_axes *x, la_cell *proto, la_err *err)
{
    la_learn all = *proto->learn, *learn = proto->learn;
    la_status st = LA_OK;
    *learn->difficulty = *learn->step = '\0';
    for (size_t i = 0; i < all.n_rates && st == LA_OK; i++) {
        learn->rates[0] = learn->train.lr = all.rates[i];
        learn->n_rates = 1;
        st = add_pass(x, proto, LA_TRAIN, learn->lengths[learn->n_lengths - 1], err);
        if (st == LA_OK && (proto->task->learned->asking_options || x->spec->difficulty))
            keep_one_training(x->plan);
    }
    *learn = all;
    return st;
}

static la_status add_model(la_axes *x, la_cell *proto, la_err *err)
{
    const la_spec *s = x->spec;
    la_learn *learn = proto->learn;
    LA_TRY(take_rates(s, learn, err));
    if (s->difficulty) {
        la_plan_name_step(x, learn);
        la_plan_step_lengths(x, proto->task, learn);
        LA_TRY(add_training(x, proto, err));
        return add_pass(x, proto, LA_EVAL, learn->lengths[learn->n_lengths - 1], err);
    }
    for (size_t i = 0; s->train_at_length && i < x->lengths.n; i++) {
        learn->at_length = true;
        learn->lengths[0] = x->lengths.v[i];
        learn->n_lengths = 1;
        LA_TRY(add_training(x, proto, err));
        LA_TRY(add_pass(x, proto, LA_EVAL, x->lengths.v[i], err));
    }
    if (s->train_at_length) return LA_OK;
    const int64_t *own = proto->task->learned->train_lengths;
    size_t cap = LA_COUNT(learn->lengths);
    learn->n_lengths = 0;
    for (size_t i = 0; s->train_lengths.n ? i < s->train_lengths.n : i < cap && own[i] > 0; i++)
        learn->lengths[learn->n_lengths++] = s->train_lengths.n ? s->train_lengths.v[i] : own[i];
    LA_TRY(add_training(x, proto, err));
    for (size_t i = 0; i < x->lengths.n; i++)
        LA_TRY(add_pass(x, proto, LA_EVAL, x->lengths.v[i], err));
    return LA_OK;
}

/* A fresh struct of defaults with what was set; `opts` is as large as the table says. */
static la_status take_options(const la_spec *spec, const char *owner, const la_option *table,
                              size_t len, void *opts, size_t bytes, size_t which, la_err *err)
{
    void *made = NULL;
    la_status st = la_plan_options(spec, owner, table, len, bytes, which, &made, err);
    if (st == LA_OK && made) memcpy(opts, made, bytes);
    la_free(made);
    return st;
}

static const la_wish *wish_of(const la_task *task, const char *owner, const char *key)
{
    for (const la_wish *w = task->learned->wishes; w && w->owner; w++)
        if (strcmp(w->owner, owner) == 0 && strcmp(w->key, key) == 0) return w;
    return NULL;
}

/* What the task wants of the model or of its training, where the command line says nothing. */
static la_status take_wishes(const la_spec *spec, const la_task *task, const char *owner,
                             const la_option *table, size_t len, void *opts, la_err *err)
{
    for (size_t i = 0; i < len; i++) {
        const la_wish *w = wish_of(task, owner, table[i].name);
        if (w && !la_plan_setting(spec, owner, w->key))
            LA_TRY(la_options_set(table, len, opts, owner, w->key, w->value, err));
    }
    return LA_OK;
}

/* Neither the command line nor the task says how much, so that a quick sweep may. */
static bool left_open(const la_spec *s, const la_task *task, const char *owner, const char *key)
{
    return !la_plan_setting(s, owner, key) && !wish_of(task, owner, key);
}

static la_status add_models(la_axes *x, la_cell *proto, la_err *err)
{
    const la_spec *s = x->spec;
    const la_task *task = proto->task;
    size_t models = la_plan_combinations(s, "model"), trains = la_plan_combinations(s, "train");
    for (size_t i = 0; i < models * trains; i++) {
        la_learn learn = {0};
        LA_TRY(take_options(s, "model", la_model_option_table, la_model_options_len, &learn.model,
                            sizeof learn.model, i / trains, err));
        LA_TRY(take_options(s, "train", la_train_option_table, la_train_options_len, &learn.train,
                            sizeof learn.train, i % trains, err));
        LA_TRY(take_wishes(s, task, "model", la_model_option_table, la_model_options_len,
                           &learn.model, err));
        LA_TRY(take_wishes(s, task, "train", la_train_option_table, la_train_options_len,
                           &learn.train, err));
        LA_TRY(la_plan_take_step(x, "model", la_model_option_table, la_model_options_len,
                                 &learn.model, err));
        LA_TRY(la_plan_take_step(x, "train", la_train_option_table, la_train_options_len,
                                 &learn.train, err));
        if (s->quick && left_open(s, task, "model", "layers")) learn.model.layers = QUICK_LAYERS;
        if (s->quick && left_open(s, task, "train", "steps")) learn.train.steps = QUICK_STEPS;
        if (s->hybrid) snprintf(learn.hybrid, sizeof learn.hybrid, "%s", s->hybrid);
        proto->learn = &learn;
        la_status st = add_model(x, proto, err);
        proto->learn = NULL;
        LA_TRY(st);
    }
    return LA_OK;
}

la_status la_plan_learn_task(la_axes *x, la_cell *proto, size_t which, la_err *err)
{
    const la_task *t = proto->task;
    la_status st = la_plan_options(x->spec, t->name, t->options, t->options_len, t->options_size,
                                   which, &proto->task_opts, err);
    if (st == LA_OK)
        st = la_plan_take_step(x, t->name, t->options, t->options_len, proto->task_opts, err);
    if (st == LA_OK) st = add_models(x, proto, err);
    la_free(proto->task_opts);
    proto->task_opts = NULL;
    return st;
}

static la_status add_tasks(la_axes *x, la_cell *proto, la_err *err)
{
    la_status st = LA_OK;
    for (size_t i = 0; i < x->n_tasks && st == LA_OK; i++) {
        const la_task *t = proto->task = x->tasks[i];
        if (t->kind != LA_TASK_LEARNED) continue;
        for (size_t c = 0; c < la_plan_combinations(x->spec, t->name) && st == LA_OK; c++)
            st = x->spec->difficulty ? la_plan_add_steps(x, proto, c, err)
                                     : la_plan_learn_task(x, proto, c, err);
    }
    return st;
}

static la_status set_model_defaults(const la_spec *spec, const la_variant *v, void *opts,
                                    la_err *err)
{
    for (size_t i = 0; i < LA_COUNT(model_defaults); i++)
        if (strcmp(model_defaults[i].variant, v->name) == 0 &&
            !la_plan_setting(spec, v->name, model_defaults[i].key))
            LA_TRY(la_options_set(v->options, v->options_len, opts, v->name, model_defaults[i].key,
                                  model_defaults[i].value, err));
    return LA_OK;
}

la_status la_plan_learn(la_axes *x, const la_variant *v, la_err *err)
{
    if (!la_plan_learns(x)) return LA_OK;
    la_status st = LA_OK;
    for (size_t c = 0; c < la_plan_combinations(x->spec, v->name) && st == LA_OK; c++) {
        la_cell proto = {.variant = v, .rounds = x->spec->seeds > 0 ? x->spec->seeds : 1};
        st = la_plan_options(x->spec, v->name, v->options, v->options_len, v->options_size, c,
                             &proto.opts, err);
        if (st == LA_OK) st = set_model_defaults(x->spec, v, proto.opts, err);
        for (size_t m = 0; m < x->n_masks && st == LA_OK; m++) {
            if (la_plan_masked_before(x, v, m)) continue;
            proto.problem.mask = la_plan_mask(v, x->masks[m]);
            st = add_tasks(x, &proto, err);
        }
        la_free(proto.opts);
    }
    return st;
}
