/* SPDX-License-Identifier: Apache-2.0
 * An evaluation inside its worker: a trained model answers examples of the test split at one length.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "cuda.h"
#include "memory.h"
#include "worker.h"

#define SLICE_ANSWERS 16 /* a distance with fewer is no slice */

static la_status test(la_work *w, la_model *model, const la_shape *shape, int64_t first,
                      int64_t examples, la_eval *out, la_err *err)
{
    const la_cell *c = &w->cell;
    return la_model_eval(model, c->task, c->task_opts, shape, LA_SPLIT_TEST, w->job.seed,
                         (uint64_t)first, examples, out, err);
}

/* On any machine as many, and of every variant: its digest says so. */
static la_status headline(la_work *w, la_model *model, const la_shape *shape, la_eval *out,
                          la_err *err)
{
    int64_t examples = la_cell_examples(&w->cell, shape);
    int64_t start = la_now_ns();
    LA_TRY(test(w, model, shape, 0, examples, out, err));
    w->first_ns = (la_now_ns() - start) / examples;
    return LA_OK;
}

/* At a length that was trained on: each shape of that length, as it was trained. */
static la_status slices(la_work *w, la_model *model, la_err *err)
{
    const la_cell *c = &w->cell;
    la_shape shapes[LA_MAX_SHAPES];
    size_t n = la_cell_slices(c, shapes);
    for (size_t i = 0; i < n; i++) {
        la_eval part;
        char name[64];
        LA_TRY(test(w, model, &shapes[i], 0, LA_CELL_EXAMPLES, &part, err));
        snprintf(name, sizeof name, "accuracy.n%" PRId64, shapes[i].n);
        la_work_accuracy(w, name, part.correct, part.total);
    }
    return LA_OK;
}

static void distances(la_work *w, const la_eval *e)
{
    for (int d = 0; d < LA_EVAL_DISTANCES; d++) {
        char name[64];
        if (e->distance_total[d] < SLICE_ANSWERS) continue;
        snprintf(name, sizeof name, "accuracy.d%" PRId64, INT64_C(1) << d);
        la_work_accuracy(w, name, e->distance_correct[d], e->distance_total[d]);
    }
}

static void groups(la_work *w, const la_eval *e)
{
    const char *const *names = w->cell.task->learned->group_names;
    for (int g = 0; names && names[g]; g++) {
        char name[64];
        if (e->group_total[g] == 0) continue;
        snprintf(name, sizeof name, "accuracy.%s", names[g]);
        la_work_accuracy(w, name, e->group_correct[g], e->group_total[g]);
    }
}

static la_status evaluate(la_work *w, la_model *model, la_err *err)
{
    const la_cell *c = &w->cell;
    la_shape shape;
    la_eval sum = {0};
    LA_TRY(c->task->learned->shape_at(c->task_opts, c->seqlen, &shape, err));
    LA_TRY(la_work_phase(w, "test", err));
    LA_TRY(headline(w, model, &shape, &sum, err));
    if (sum.total == 0)
        return LA_FAIL(err, LA_E_INTERNAL, "task %s scored no answers", c->task->name);
    la_work_accuracy(w, "accuracy", sum.correct, sum.total);
    la_work_metric_add(w, "chance", c->task->chance(c->task_opts), NAN, NAN, 0, sum.total);
    la_work_metric_add(w, "loss", sum.loss, NAN, NAN, 0, sum.total);
    distances(w, &sum);
    groups(w, &sum);
    memcpy(w->data_digest, sum.digest, sizeof w->data_digest);
    LA_TRY(la_work_phase(w, "slices", err));
    return slices(w, model, err);
}

la_status la_work_eval(la_work *w, la_err *err)
{
    char path[4096];
    la_model *model = NULL;
    w->train = la_cell_train_config(&w->cell, &w->device, w->job.model_seed, w->job.lr);
    LA_TRY(la_work_phase(w, "load", err));
    LA_TRY(la_train_key(&w->train, w->model_key, NULL, err));
    if (!w->job.models_dir) return LA_FAIL(err, LA_E_FORMAT, "the job names no folder of models");
    snprintf(path, sizeof path, "%s/%s.model", w->job.models_dir, w->model_key);
    w->rss_base = la_rss_now();
    la_rss_peak_reset();
    size_t before = la_mem_live();
    la_mem_peak_reset();
    la_cuda_peak_reset();
    LA_TRY(la_model_load(&w->train, path, &model, err));
    la_status st = evaluate(w, model, err);
    w->workspace = (int64_t)(la_mem_peak() - before);
    w->rss_peak = la_rss_peak();
    if (w->device.backend == LA_CUDA) la_work_device_peak(w);
    la_model_free(model);
    return st;
}
