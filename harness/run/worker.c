/* SPDX-License-Identifier: Apache-2.0
 * The worker: a fresh process that runs one attempt of one cell and says over a pipe what became of
 * it. It may crash, hang or be killed: the runner notices.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child.h"
#include "memory.h"
#include "plugin_load.h"
#include "registry.h"
#include "run.h"
#include "text.h"
#include "worker.h"

#define JOB_MAX ((size_t)1 << 20)
/* Address space beyond the limit: what libraries reserve and never touch. Our own allocator and the
 * runner's watch on resident memory hold the exact limit. */
#define ADDRESS_SLACK    ((size_t)1 << 30)
#define SAMPLES_A_RECORD 512

la_status la_work_phase(la_work *w, const char *phase, la_err *err)
{
    char json[128];
    snprintf(w->phase, sizeof w->phase, "%s", phase);
    snprintf(json, sizeof json, "{\"phase\":\"%.63s\"}", phase);
    return la_record_write(w->out, LA_RECORD_PHASE, json, err);
}

void la_work_metric_add(la_work *w, const char *name, double value, double lo, double hi,
                        int64_t n_nonfinite, int64_t n_total)
{
    if (w->n_metrics == LA_WORK_METRICS) return;
    la_work_metric *m = &w->metrics[w->n_metrics++];
    *m = (la_work_metric){.unit = "1",
                          .value = value,
                          .lo = lo,
                          .hi = hi,
                          .n_nonfinite = n_nonfinite,
                          .n_total = n_total};
    snprintf(m->name, sizeof m->name, "%s", name);
}

void la_work_quantity_add(la_work *w, const char *name, const char *unit, double value, double lo,
                          double hi, int64_t n)
{
    size_t at = w->n_metrics;
    la_work_metric_add(w, name, value, lo, hi, 0, n);
    if (w->n_metrics > at) w->metrics[at].unit = unit;
}

void la_work_warn(la_work *w, const char *code, const char *format, ...)
{
    for (size_t i = 0; i < w->n_warnings; i++)
        if (strcmp(w->warnings[i].code, code) == 0) return;
    if (w->n_warnings == LA_WORK_WARNINGS) return;
    va_list args;
    va_start(args, format);
    w->warnings[w->n_warnings].code = code;
    vsnprintf(w->warnings[w->n_warnings].text, sizeof w->warnings[0].text, format, args);
    va_end(args);
    w->n_warnings++;
}

static la_status read_job(int in, la_text *text, la_err *err)
{
    char bytes[4096];
    for (;;) {
        ssize_t n = read(in, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return LA_FAIL(err, LA_E_IO, "cannot read the job: %s", strerror(errno));
        if (n == 0) break;
        la_text_bytes(text, bytes, (size_t)n);
        if (text->failed || text->len > JOB_MAX)
            return LA_FAIL(err, LA_E_FORMAT, "the job is too long");
    }
    return LA_OK;
}

/* The kernel should pick this process and not the runner or the user's editor; no core files. */
static void become_expendable(void)
{
    FILE *f = fopen("/proc/self/oom_score_adj", "we");
    if (f) {
        fputs("1000", f);
        fclose(f);
    }
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

/* After la_start: the stacks of the threads are part of what is there already. */
static void limit_memory(const la_work *w)
{
    size_t limit = w->job.memory_limit;
    if (limit == 0) return;
    la_mem_limit(limit);
    int64_t now = la_vm_size();
    if (w->cell.peer || w->cell.impl->backend != LA_CPU || now < 0)
        return; /* CUDA reserves far more than it uses; a peer would inherit the limit */
    rlim_t most = (rlim_t)now + (rlim_t)limit + ADDRESS_SLACK;
    setrlimit(RLIMIT_AS, &(struct rlimit){most, most});
}

static la_status send_samples(la_work *w, la_err *err)
{
    for (size_t at = 0; at < w->timing.n;) {
        la_text t = {0};
        la_text_add(&t, "{\"samples\":[");
        for (size_t i = 0; i < SAMPLES_A_RECORD && at < w->timing.n; i++, at++)
            la_text_add(&t, "%s[%lld,%lld]", i ? "," : "", (long long)w->timing.samples[at].iters,
                        (long long)w->timing.samples[at].total_ns);
        la_text_add(&t, "]}");
        la_status st = t.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for the samples")
                                : la_record_write(w->out, LA_RECORD_SAMPLES, t.s, err);
        la_text_release(&t);
        LA_TRY(st);
    }
    return LA_OK;
}

/* Before la_start sets the floating-point mode, so that a change of it is seen. */
static la_status load_plugins(la_work *w, la_err *err)
{
    const la_plugin *plugin;
    if (w->job.n_plugins) LA_TRY(la_work_phase(w, "plugin", err));
    for (size_t i = 0; i < w->job.n_plugins; i++)
        LA_TRY(la_plugin_load(w->job.plugins[i].path, w->job.plugins[i].code, &plugin, err));
    return LA_OK;
}

static la_status run_cell(la_work *w, la_err *err)
{
    la_device device;
    la_peer *peer;
    LA_TRY(load_plugins(w, err));
    LA_TRY(la_cell_json_device(w->job.cell_json, w->job.peer != NULL, &device, err));
    if (w->job.peer) LA_TRY(la_peer_load(w->job.peer, &peer, err));
    LA_TRY(la_cell_from_json(w->job.cell_json, &device, &w->cell, err));
    if (w->cell.refused) return LA_FAIL(err, LA_E_UNSUPPORTED, "%s", w->cell.reason);
    w->device = device;
    w->device.isa = w->cell.isa;
    LA_TRY(la_work_phase(w, "limits", err));
    la_start(w->cell.problem.threads);
    limit_memory(w);
    LA_TRY(la_work_device_open(w, err));
    la_status st = w->cell.peer               ? la_work_peer(w, err)
                   : !w->cell.task            ? la_work_timing(w, err)
                   : !w->cell.learn           ? la_work_probe(w, err)
                   : w->cell.pass == LA_TRAIN ? la_work_train(w, err)
                                              : la_work_eval(w, err);
    return st == LA_OK ? send_samples(w, err) : st;
}

static void release(la_work *w)
{
    la_timing_release(&w->timing);
    la_sampled_release(&w->sampled);
    la_instance_release(&w->inst);
    la_gradients_release(&w->grads);
    la_inputs_release(&w->in);
    la_free(w->state_copy);
    la_free(w->flush);
    la_free(w->rates);
    la_train_result_release(&w->trained);
    la_free(w->config_json);
    la_cell_release(&w->cell);
    la_job_release(&w->job);
}

static la_status send_end(la_work *w, la_status st, const la_err *why, la_err *err)
{
    char *json;
    LA_TRY(la_work_end_json(w, st, why, &json, err));
    la_status sent = la_record_write(w->out, LA_RECORD_END, json, err);
    la_free(json);
    return sent;
}

int la_worker_main(int in, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    become_expendable();
    la_child_keep_cores();
    la_work w = {.out = out,
                 .said = -1,
                 .workspace = -1,
                 .rss_base = -1,
                 .rss_peak = -1,
                 .phase = "start",
                 .lock = -1};
    la_text text = {0};
    la_err err = {0};
    la_status st = read_job(in, &text, &err);
    if (st == LA_OK) st = la_job_read(la_text_str(&text), &w.job, &err);
    la_text_release(&text);
    close(in);
    /* The runner may have died before the line above asked to die with it. */
    if (st == LA_OK && w.job.parent != getppid()) return 1;
    char json[64];
    snprintf(json, sizeof json, "{\"protocol\":%d,\"pid\":%d}", LA_PROTOCOL_VERSION, (int)getpid());
    if (la_record_write(out, LA_RECORD_START, json, NULL) != LA_OK) return 1;
    if (st == LA_OK) st = run_cell(&w, &err);
    la_mem_limit(0); /* the last words must fit */
    la_status sent = send_end(&w, st, &err, NULL);
    release(&w);
    la_peers_release();
    return sent == LA_OK ? 0 : 1;
}
