/* SPDX-License-Identifier: Apache-2.0
 * A training inside its worker: the model is trained, or found again by its content key; its curve, its
 * validation and the time of its steps are what the attempt says.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cuda.h"
#include "memory.h"
#include "text.h"
#include "worker.h"

#define POINTS_A_RECORD 512
#define PHASE_NS        200000000 /* no more than five words a second to the screen */

typedef struct listening {
    la_work *w;
    int64_t shown_ns; /* training time when the screen was last told */
    int64_t first_step, first_ns;
    char words[64];
} listening;

/* "train 250/600 loss 1.23, 12 s left" */
static la_status show_point(const la_curve_point *point, int64_t steps, void *context)
{
    listening *l = context;
    char left[24] = "";
    int64_t taken = point->step - l->first_step, ns = point->elapsed_ns - l->first_ns;
    if (l->first_ns < 0) { /* a training that goes on began elsewhere */
        l->first_step = point->step;
        l->first_ns = point->elapsed_ns;
        taken = point->step, ns = point->elapsed_ns;
    }
    if (point->step < steps && point->elapsed_ns - l->shown_ns < PHASE_NS) return LA_OK;
    l->shown_ns = point->elapsed_ns;
    if (taken > 0)
        la_format_duration((double)ns / 1e9 / (double)taken * (double)(steps - point->step), left);
    snprintf(l->words, sizeof l->words, "train %" PRId64 "/%" PRId64 " loss %.3g%s%s%s",
             point->step, steps, point->loss, *left ? ", " : "", left, *left ? " left" : "");
    return la_work_phase(l->w, l->words, NULL);
}

static void add_real(la_text *t, double x)
{
    if (isfinite(x))
        la_text_add(t, ",%.9g", x);
    else
        la_text_add(t, ",null");
}

/* Of a curve of more points than the runner takes every second, or third, ...; the last one always. */
static la_status send_curve(la_work *w, la_err *err)
{
    const la_train_result *r = &w->trained;
    const size_t each = (r->n_curve + LA_CURVE_POINTS - 1) / LA_CURVE_POINTS;
    for (size_t at = r->n_curve ? (r->n_curve - 1) % each : 0; at < r->n_curve;) {
        la_text t = {0};
        la_text_add(&t, "{\"curve\":[");
        for (size_t i = 0; i < POINTS_A_RECORD && at < r->n_curve; i++, at += each) {
            const la_curve_point *p = &r->curve[at];
            la_text_add(&t, "%s[%" PRId64 ",%" PRId64 ",%" PRId64, i ? "," : "", p->step, p->tokens,
                        p->elapsed_ns);
            const double reals[] = {p->loss, p->val_accuracy, p->val_worst, p->lr, p->grad_norm};
            for (size_t k = 0; k < LA_COUNT(reals); k++) add_real(&t, reals[k]);
            la_text_add(&t, "]");
        }
        la_text_add(&t, "]}");
        la_status st = t.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for the curve")
                                : la_record_write(w->out, LA_RECORD_CURVE, t.s, err);
        la_text_release(&t);
        LA_TRY(st);
    }
    return LA_OK;
}

/* The steps that were timed, where there were any. */
static la_status take_samples(la_work *w, la_err *err)
{
    const la_train_result *r = &w->trained;
    w->timing.stop_reason = r->reused ? "reused" : r->stopped_early ? "learned" : "steps";
    if (r->reused || r->n_samples == 0) return LA_OK;
    w->timing.samples = la_alloc(r->n_samples * sizeof *w->timing.samples, err);
    if (!w->timing.samples) return LA_E_NOMEM;
    for (size_t i = 0; i < r->n_samples; i++)
        if (r->sample_steps[i] > 0)
            w->timing.samples[w->timing.n++] =
                (la_timing_sample){r->sample_steps[i], r->sample_ns[i]};
    return LA_OK;
}

/* Kinds of answers apart, over all shapes. */
static void add_groups(la_work *w)
{
    const la_train_result *r = &w->trained;
    const char *const *names = w->cell.task->learned->group_names;
    for (int g = 0; names && names[g]; g++) {
        int64_t correct = 0, total = 0;
        char name[64];
        for (size_t i = 0; i < r->n_val; i++) {
            correct += r->val[i].group_correct[g];
            total += r->val[i].group_total[g];
        }
        snprintf(name, sizeof name, "val.%s", names[g]);
        if (total) la_work_accuracy(w, name, correct, total);
    }
}

static void add_validation(la_work *w)
{
    const la_train_result *r = &w->trained;
    int64_t total = 0;
    double worst = NAN;
    for (size_t i = 0; i < r->n_val; i++) {
        const la_eval *e = &r->val[i];
        char name[64];
        if (e->total == 0) continue;
        double share = (double)e->correct / (double)e->total;
        if (!(worst <= share)) worst = share;
        total += e->total;
        snprintf(name, sizeof name, "val.T%" PRId64 ".n%" PRId64, e->shape.T, e->shape.n);
        la_work_accuracy(w, name, e->correct, e->total);
    }
    la_work_metric_add(w, "val_accuracy", r->val_accuracy, NAN, NAN, 0, total);
    add_groups(w);
    if (isfinite(worst)) la_work_metric_add(w, "val_worst", worst, NAN, NAN, 0, total);
}

static void add_metrics(la_work *w)
{
    const la_train_result *r = &w->trained;
    const la_cell *c = &w->cell;
    add_validation(w);
    la_work_metric_add(w, "chance", c->task->chance(c->task_opts), NAN, NAN, 0, 1);
    la_work_quantity_add(w, "loss", "1", r->loss, NAN, NAN, 1);
    la_work_quantity_add(w, "parameters", "1", (double)r->parameters, NAN, NAN, 1);
    la_work_quantity_add(w, "flops_per_token", "FLOP",
                         c->useful.flops / (double)(c->problem.B * c->problem.T), NAN, NAN, 1);
    if (r->train_ns > 0 && !r->reused)
        la_work_quantity_add(w, "tokens_per_s", "1/s",
                             (double)r->tokens * 1e9 / (double)r->train_ns, NAN, NAN, 1);
}

la_status la_work_train(la_work *w, la_err *err)
{
    listening l = {.w = w, .shown_ns = -PHASE_NS, .first_ns = -1};
    w->train = la_cell_train_config(&w->cell, &w->device, w->job.model_seed, w->job.lr);
    LA_TRY(la_work_phase(w, "train", err));
    w->rss_base = la_rss_now();
    la_rss_peak_reset();
    la_cuda_peak_reset();
    size_t before = la_mem_live();
    la_mem_peak_reset();
    LA_TRY(la_train_key(&w->train, w->model_key, &w->config_json, err));
    la_status st = la_train(&w->train, w->job.models_dir, w->job.checkpoint_s, show_point, &l,
                            &w->trained, err);
    w->workspace = (int64_t)(la_mem_peak() - before);
    w->rss_peak = la_rss_peak();
    if (w->device.backend == LA_CUDA) la_work_device_peak(w);
    if (st != LA_OK) {
        *w->model_key = '\0';
        return st;
    }
    LA_TRY(la_work_phase(w, "results", err));
    LA_TRY(send_curve(w, err));
    LA_TRY(take_samples(w, err));
    add_metrics(w);
    return LA_OK;
}
