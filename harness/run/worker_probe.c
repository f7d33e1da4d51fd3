/* SPDX-License-Identifier: Apache-2.0
 * A probe inside its worker: memories written into q, k and v, read back through forward, scored.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "clock.h"
#include "stats.h"
#include "suite.h"
#include "worker.h"

void la_work_accuracy(la_work *w, const char *name, int64_t correct, int64_t total)
{
    double lo, hi;
    if (total == 0) return;
    la_wilson(correct, total, &lo, &hi);
    la_work_metric_add(w, name, (double)correct / (double)total, lo, hi, 0, total);
}

static void add_score(la_work *w, const char *slice, int64_t correct, int64_t total)
{
    char name[64];
    snprintf(name, sizeof name, "accuracy%s%s", slice ? "." : "", slice ? slice : "");
    la_work_accuracy(w, name, correct, total);
}

static la_probe_io probe_io(la_work *w, uint64_t repeat)
{
    la_inputs *in = &w->in;
    return (la_probe_io){.variant = w->cell.variant,
                         .problem = &w->cell.problem,
                         .task_opts = w->cell.task_opts,
                         .seed = w->job.seed,
                         .repeat = repeat,
                         .q = in->t[LA_T_Q].data,
                         .k = in->t[LA_T_K].data,
                         .v = in->t[LA_T_V].data,
                         .beta = in->t[LA_T_BETA].data,
                         .g = in->t[LA_T_G].data,
                         .a = in->t[LA_T_A].data,
                         .b = in->t[LA_T_B].data};
}

static bool enough(const la_work *w, const la_score *sum, int64_t samples, int64_t done)
{
    int64_t answers = la_cell_answers((double)w->first_ns / 1e9);
    return samples ? done >= samples : sum->total >= answers || done >= LA_CELL_REPEATS;
}

/* The last tokens alone, behind a cache of all others; the rows of all other tokens in `all` are no numbers. */
static la_status ask_last(la_work *w, float *all, la_err *err)
{
    const la_problem *p = &w->cell.problem, *q = &w->inst.problem;
    la_inputs whole = w->in;
    int64_t before = p->T - q->T, row = p->H * p->dv;
    la_sampled_fill_cache(w->cell.variant, q, w->cell.opts, &whole, before, w->inst.state.data);
    LA_TRY(la_inputs_piece(w->cell.variant, w->cell.opts, &whole, before, q->T, &w->in, err));
    w->io = la_instance_io(&w->inst, &w->in);
    w->io.state_in = w->io.state_out = w->inst.state.data;
    w->io.pos = before;
    la_status st = la_work_checked_call(w, err);
    la_inputs_release(&w->in);
    w->in = whole;
    memset(all, 0xff, (size_t)(p->B * p->T * row) * sizeof *all);
    for (int64_t b = 0; b < p->B; b++)
        memcpy(all + (b * p->T + before) * row, (const float *)w->inst.o.data + b * q->T * row,
               (size_t)(q->T * row) * sizeof *all);
    return st;
}

/* `all`: for the output of a whole sequence whose last tokens alone are asked; NULL: all of them are. */
static la_status repeats(la_work *w, float *all, la_score *sum, la_err *err)
{
    const la_task *t = w->cell.task;
    int64_t samples = t->probe_samples ? t->probe_samples(w->cell.task_opts) : 0;
    bool none = t->answers(&w->cell.problem, w->cell.task_opts) <= 0;
    for (uint64_t repeat = 0; repeat == 0 || !enough(w, sum, samples, (int64_t)repeat); repeat++) {
        LA_TRY(la_work_phase(w, "fill", err));
        if (samples) LA_TRY(la_inputs_draw_params(&w->in, w->job.seed + repeat, err));
        la_probe_io io = probe_io(w, repeat);
        LA_TRY(t->probe_fill(&io, err));
        LA_TRY(la_work_phase(w, "forward", err));
        LA_TRY(all ? ask_last(w, all, err) : la_work_checked_call(w, err));
        LA_TRY(la_work_phase(w, "score", err));
        LA_TRY(t->probe_score(&io, all ? all : w->inst.o.data, sum, err));
        if (none) break;
    }
    return LA_OK;
}

/* Means over forward passes, and NAME.sd: how much they vary from pass to pass. */
static void add_figures(la_work *w, const la_score *sum)
{
    for (int i = 0; i < LA_SCORE_FIGURES && sum->figures[i].name[0]; i++) {
        char name[64];
        int64_t n = sum->figures[i].n;
        la_mean m = la_mean_of(sum->figures[i].sum, sum->figures[i].squares, n);
        la_work_metric_add(w, sum->figures[i].name, m.mean, m.lo, m.hi, !isfinite(m.mean), n);
        snprintf(name, sizeof name, "%s.sd", sum->figures[i].name);
        if (n > 1) la_work_metric_add(w, name, m.sd, NAN, NAN, !isfinite(m.sd), n);
    }
}

la_status la_work_probe(la_work *w, la_err *err)
{
    la_cell *c = &w->cell;
    LA_TRY(la_work_phase(w, "inputs", err));
    LA_TRY(la_inputs_alloc(c->variant, &c->problem, c->opts, &w->in, err));
    LA_TRY(la_inputs_draw_params(&w->in, w->job.seed, err));
    LA_TRY(la_work_phase(w, "create", err));
    la_problem called;
    bool part = la_cell_called(c, &called);
    LA_TRY(la_instance_create(c->variant, c->impl, &called, LA_FORWARD, c->opts, &w->device,
                              &w->inst, err));
    w->io = la_instance_io(&w->inst, &w->in);
    la_score sum = {0};
    float *all = part ? la_alloc(c->output_bytes, err) : NULL;
    la_status st = part && !all ? LA_E_NOMEM : repeats(w, all, &sum, err);
    la_free(all);
    if (part) w->first_ns = 0; /* of no whole call, by which others are expected */
    LA_TRY(st);
    if (sum.total == 0 && sum.figures[0].n == 0)
        return LA_FAIL(err, LA_E_INTERNAL, "task %s scored no answers", c->task->name);
    add_figures(w, &sum);
    add_score(w, NULL, sum.correct, sum.total);
    for (int i = 0; i < LA_SCORE_SLICES && sum.slices[i].name[0]; i++)
        add_score(w, sum.slices[i].name, sum.slices[i].correct, sum.slices[i].total);
    if (c->task->chance)
        la_work_metric_add(w, "chance", c->task->chance(c->task_opts), NAN, NAN, 0, sum.total);
    return LA_OK;
}
