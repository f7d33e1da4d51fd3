/* SPDX-License-Identifier: Apache-2.0
 * An evaluation inside its worker: a trained model answers examples of the test split at one length.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "clock.h"
#include "memory.h"
#include "worker.h"

#define EXAMPLES       128 /* where a forward is fast */
#define ENOUGH_ANSWERS 64 /* where it takes seconds: a Wilson interval of 12 points at the middle */
#define SLOW_NS        INT64_C(1000000000)
#define FAST_NS        INT64_C(2000000000)  /* for examples beyond those that are enough */
#define MOST_NS        INT64_C(60000000000) /* no example is begun that would end after this */
#define SLICE_ANSWERS  16                   /* a distance with fewer is no slice */

/* The digest of a test that was read in parts is that of its parts' digests. */
static void add_part(la_eval *sum, const la_eval *part)
{
    char both[66];
    int64_t total = sum->total + part->total;
    if (sum->examples == 0) {
        *sum = *part;
        return;
    }
    if (total > 0)
        sum->loss =
            (sum->loss * (double)sum->total + part->loss * (double)part->total) / (double)total;
    sum->examples += part->examples;
    sum->correct += part->correct;
    sum->total = total;
    for (int d = 0; d < LA_EVAL_DISTANCES; d++) {
        sum->distance_correct[d] += part->distance_correct[d];
        sum->distance_total[d] += part->distance_total[d];
    }
    int len = snprintf(both, sizeof both, "%s%s", sum->digest, part->digest);
    XXH128_hash_t h = XXH3_128bits(both, (size_t)len);
    snprintf(sum->digest, sizeof sum->digest, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64,
             (uint64_t)h.low64);
}

static la_status test(la_work *w, la_model *model, const la_shape *shape, int64_t first,
                      int64_t examples, la_eval *out, la_err *err)
{
    const la_cell *c = &w->cell;
    return la_model_eval(model, c->task, c->task_opts, shape, LA_SPLIT_TEST, w->job.seed,
                         (uint64_t)first, examples, out, err);
}

/* One example tells how long they take. Fast ones: many, in one go. Slow ones: as many as make enough
 * answers, one after another, and fewer when those would take minutes. */
static la_status headline(la_work *w, la_model *model, const la_shape *shape, la_eval *sum,
                          la_err *err)
{
    const la_cell *c = &w->cell;
    int64_t answers = c->task->learned->most_answers(c->task_opts, shape);
    int64_t least = answers > 0 ? (ENOUGH_ANSWERS + answers - 1) / answers : 1;
    int64_t start = la_now_ns();
    la_eval part;
    LA_TRY(test(w, model, shape, 0, 1, &part, err));
    int64_t took = la_now_ns() - start;
    if (took <= SLOW_NS) { /* again, warm */
        LA_TRY(test(w, model, shape, 0, 1, &part, err));
        took = la_now_ns() - start - took;
    }
    w->first_ns = took;
    if (took <= SLOW_NS) {
        int64_t examples = EXAMPLES; /* halves of it, so that most variants read the same test */
        while (examples > least && examples * took > FAST_NS) examples /= 2;
        return test(w, model, shape, 0, examples > least ? examples : least, sum, err);
    }
    add_part(sum, &part);
    for (int64_t i = 1; i < least && la_now_ns() - start + took < MOST_NS; i++) {
        LA_TRY(test(w, model, shape, i, 1, &part, err));
        add_part(sum, &part);
    }
    return LA_OK;
}

static bool is_trained_length(const la_cell *c)
{
    for (size_t i = 0; i < c->learn->n_lengths; i++)
        if (c->learn->lengths[i] == c->seqlen) return true;
    return false;
}

/* At a length that was trained on: each shape of that length, as it was trained. */
static la_status slices(la_work *w, la_model *model, la_err *err)
{
    const la_cell *c = &w->cell;
    la_shape shapes[LA_MAX_SHAPES];
    if (!is_trained_length(c)) return LA_OK;
    size_t n = c->task->learned->mixture(c->task_opts, &c->seqlen, 1, shapes, LA_MAX_SHAPES);
    for (size_t i = 0; i < n; i++) {
        la_eval part;
        char name[64];
        if (shapes[i].T != c->seqlen || shapes[i].n == 0) continue;
        LA_TRY(test(w, model, &shapes[i], 0, EXAMPLES, &part, err));
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
    LA_TRY(la_model_load(&w->train, path, &model, err));
    la_status st = evaluate(w, model, err);
    w->workspace = (int64_t)(la_mem_peak() - before);
    w->rss_peak = la_rss_peak();
    la_model_free(model);
    return st;
}
