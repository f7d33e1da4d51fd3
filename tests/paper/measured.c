/* SPDX-License-Identifier: Apache-2.0 */
#include "measured.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned serial;

void measured_open(measured *m)
{
    *m = (measured){0};
    fixture_open(&m->f);
    snprintf(m->path, sizeof m->path, "%s/toy.table", m->f.folder);
    measured_from(0);
}

void measured_from(unsigned first)
{
    serial = first;
}

static void forget(measured *m)
{
    if (m->judged.paper) la_judged_release(&m->judged);
    la_paper_release(&m->paper);
}

void measured_close(measured *m)
{
    forget(m);
    fixture_release(&m->f);
}

static void finish(measured *m, int64_t cell, int64_t round, const la_attempt_row *row)
{
    la_err err = {0};
    int64_t id;
    expect_ok(la_store_claim(m->f.store, cell, round, &id, &err));
    expect_ok(la_store_finish(m->f.store, id, row, &err));
}

/* One seed of a score or a training. */
static void finish_seed(measured *m, int64_t cell, const invented_cell *c, int round)
{
    static attempt_data data;
    la_attempt_row row = sample_attempt(&data, 0);
    la_curve_row curve[10];
    char key[33];
    row.n_metrics = 0;
    if (c->scores[round] > 0) {
        double a = c->scores[round];
        data.metrics[0] =
            (la_metric_row){"accuracy", "1", a, 0, 200, fmax(0, a - 0.05), fmin(1, a + 0.05)};
        data.metrics[1] = (la_metric_row){"chance", "1", 0.5, 0, -1, (double)NAN, (double)NAN};
        data.metrics[2] = (la_metric_row){"mse", "1", 1 - a, 0, 200, (double)NAN, (double)NAN};
        row.n_metrics = 3;
    }
    snprintf(key, sizeof key, "%016x%016x", 0xab00 + serial, (unsigned)round);
    for (int i = 0; i < 10; i++)
        curve[i] = (la_curve_row){
            .step = 100 * (i + 1),
            .tokens = 1,
            .elapsed_ns = 1,
            .loss = 1,
            .val_accuracy = c->steps[round] > 0 && 100 * (i + 1) >= c->steps[round] ? 0.95 : 0.2,
            .val_worst = 0.1,
            .lr = 1,
            .grad_norm = 1};
    la_model_row model = {.key = key,
                          .config_json = "{}",
                          .variant = c->variant,
                          .task = c->task,
                          .path = "p",
                          .digest = "d",
                          .seed = (uint64_t)round,
                          .lr = 1,
                          .loss = 1,
                          .val_accuracy = 1,
                          .parameters = 1,
                          .steps = 1000,
                          .tokens = 1,
                          .train_ns = 1,
                          .threads = 1,
                          .curve = curve,
                          .n_curve = 10};
    if (c->steps[round]) row.model = &model;
    finish(m, cell, round, &row);
}

void measured_cell(measured *m, int64_t sweep, const invented_cell *c)
{
    static attempt_data data;
    la_err err = {0};
    char key[33];
    int64_t id;
    la_cell_row row = sample_cell(0, key);
    snprintf(key, sizeof key, "%032x", ++serial);
    row.variant = c->variant;
    row.pass = c->pass ? c->pass : c->task ? "eval" : "fwd";
    row.task = c->task ? c->task : "";
    row.seqlen = row.tcap = c->length;
    row.threads = c->threads ? c->threads : 2;
    row.opts_json = c->options ? c->options : "{}";
    row.task_opts_json = c->task_options ? c->task_options : "{}";
    row.model_json = c->model ? c->model : "{}";
    row.train_json = "{}";
    row.batch = 1;
    row.work_bytes = c->work;
    row.saved_bytes = row.instance_bytes = 0;
    row.flops_algo = 1e6 * (double)c->length;
    expect_ok(la_store_plan(m->f.store, sweep, m->f.device, &row, 1, &id, &err));
    if (c->outcome != LA_OUTCOME_OK || c->ms > 0) {
        la_attempt_row a = sample_attempt(&data, 12);
        for (int i = 0; i < 12; i++)
            data.samples[i] =
                (la_sample_row){1, (int64_t)(c->ms * 1e6 * (0.99 + 0.02 * i / 11)), 0};
        a.n_metrics = 0;
        a.outcome = c->outcome;
        a.message = c->message;
        if (c->outcome != LA_OUTCOME_OK) a.n_samples = 0;
        finish(m, id, 0, &a);
        return;
    }
    for (int round = 0; round < 3 && (c->scores[round] > 0 || c->steps[round]); round++)
        finish_seed(m, id, c, round);
}

la_status measured_try(measured *m, const char *table, const int64_t *sweeps, size_t n, la_err *err)
{
    forget(m);
    FILE *file = fopen(m->path, "w");
    assert_non_null(file);
    fputs(table, file);
    fclose(file);
    la_status st = la_paper_read(m->path, &m->paper, err);
    if (st != LA_OK) fail_msg("the test's own table: %s", err->msg);
    return la_paper_judge(&m->paper, LA_SCALE_CPU, n ? m->f.store : NULL, sweeps, n, &m->judged,
                          err);
}

void measured_judge(measured *m, const char *table, bool with_store)
{
    la_err err = {0};
    expect_ok(measured_try(m, table, &m->f.sweep, with_store, &err));
}

const la_found *measured_found(const measured *m, size_t panel, size_t row, size_t column)
{
    return &m->judged.cells[panel][row * m->paper.panels[panel].columns.n + column];
}

la_paper_verdict measured_verdict(const measured *m, size_t panel, size_t row, size_t column)
{
    return m->judged.verdicts[panel][row * m->paper.panels[panel].columns.n + column];
}

char *measured_print(const measured *m, const char *format, int width)
{
    la_err err = {0};
    char *text = NULL, command[] = "labench run --variants softmax";
    size_t bytes;
    char *lines[] = {command};
    la_strings commands = {.v = lines, .n = 1};
    FILE *out = open_memstream(&text, &bytes);
    expect_ok(la_paper_print(&m->judged, &commands, format, width, out, &err));
    fclose(out);
    return text;
}
