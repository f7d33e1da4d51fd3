/* SPDX-License-Identifier: Apache-2.0
 * --difficulty: every task with steps at its defaults and with one thing changed at a time, each trained
 * and asked at its own length, as MAD does (Poli et al. 2024, arXiv:2403.17844).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_internal.h"
#include "registry.h"
#include "text.h"

bool la_plan_has_steps(const la_task *task)
{
    return task->learned && task->learned->difficulties && task->learned->difficulties->axis;
}

size_t la_plan_steps(const la_axes *x, const la_task *task)
{
    size_t n = 0;
    if (x->spec->difficulty && la_plan_has_steps(task))
        while (task->learned->difficulties[n].axis) n++;
    return n + 1;
}

static la_status refuse_task(const la_task *task, la_err *err)
{
    la_text all = {0};
    for (size_t i = 0; i < la_tasks_count(); i++)
        if (la_plan_has_steps(la_tasks_at(i)))
            la_text_add(&all, "%s%s", all.len ? ", " : "", la_tasks_at(i)->name);
    la_status st = LA_FAIL(err, LA_E_ARG, "%s has no steps of difficulty; there are some for %s",
                           task->name, la_text_str(&all));
    la_text_release(&all);
    return st;
}

/* One thing changes at a time, and --difficulty says which. Learning rates are chosen from. */
static la_status check_setting(const la_axes *x, const la_setting *s, la_err *err)
{
    bool model = strcmp(s->owner, "model") == 0, train = strcmp(s->owner, "train") == 0;
    if (s->values.n > 1 && !(train && strcmp(s->key, "lr") == 0) &&
        (model || train || la_tasks_find(s->owner)))
        return LA_FAIL(err, LA_E_ARG,
                       "--difficulty changes one thing at a time: give %s.%s one value", s->owner,
                       s->key);
    for (size_t i = 0; i < x->n_tasks; i++)
        for (const la_difficulty *d = x->tasks[i]->learned->difficulties; d->axis; d++)
            if (d->owner && strcmp(d->owner, s->owner) == 0 && strcmp(d->key, s->key) == 0)
                return LA_FAIL(err, LA_E_ARG,
                               "--difficulty changes %s.%s itself: take it out of the line",
                               s->owner, s->key);
    return LA_OK;
}

la_status la_plan_check_steps(const la_axes *x, la_err *err)
{
    if (x->n_passes > 0)
        return LA_FAIL(err, LA_E_ARG, "--difficulty trains and asks: --pass is none beside it");
    for (size_t i = 0; i < x->n_tasks; i++)
        if (!la_plan_has_steps(x->tasks[i])) return refuse_task(x->tasks[i], err);
    if (x->n_tasks == 0)
        return LA_FAIL(err, LA_E_ARG, "--difficulty needs a task with steps, and none is named");
    for (size_t i = 0; i < x->spec->n_settings; i++)
        LA_TRY(check_setting(x, &x->spec->settings[i], err));
    return LA_OK;
}

la_status la_plan_add_steps(la_axes *x, la_cell *proto, size_t which, la_err *err)
{
    const la_difficulty *d = proto->task->learned->difficulties;
    x->step = NULL;
    la_status st = la_plan_learn_task(x, proto, which, err);
    for (; d->axis && st == LA_OK; d++) {
        x->step = d;
        st = la_plan_learn_task(x, proto, which, err);
    }
    x->step = NULL;
    return st;
}

la_status la_plan_take_step(const la_axes *x, const char *owner, const la_option *table, size_t len,
                            void *opts, la_err *err)
{
    const la_difficulty *d = x->step;
    if (!d || !d->owner || strcmp(d->owner, owner) != 0) return LA_OK;
    return la_options_set(table, len, opts, owner, d->key, d->value, err);
}

void la_plan_name_step(const la_axes *x, la_learn *learn)
{
    const la_difficulty *d = x->step;
    snprintf(learn->difficulty, sizeof learn->difficulty, "%s", d ? d->axis : "baseline");
    snprintf(learn->step, sizeof learn->step, "%s", d ? d->value : "");
}

void la_plan_step_lengths(const la_axes *x, const la_task *task, la_learn *learn)
{
    const int64_t *own = task->learned->train_lengths;
    learn->n_lengths = 0;
    if (x->step && !x->step->owner)
        learn->lengths[learn->n_lengths++] = strtoll(x->step->value, NULL, 10);
    else
        while (learn->n_lengths < LA_COUNT(learn->lengths) && own[learn->n_lengths] > 0) {
            learn->lengths[learn->n_lengths] = own[learn->n_lengths];
            learn->n_lengths++;
        }
}
