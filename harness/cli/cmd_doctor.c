/* SPDX-License-Identifier: Apache-2.0
 * labench doctor: what this machine can do at most, and what will spoil numbers here.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>

#include "commands.h"
#include "device_report.h"
#include "labench/kit.h"
#include "log.h"
#include "machine.h"
#include "measure.h"
#include "peak.h"
#include "registry.h"
#include "sizes.h"
#include "store.h"
#include "text.h"

typedef struct doctor_args {
    la_common common;
    bool json;
    int threads;
} doctor_args;

typedef struct doctor {
    la_device device;
    la_machine machine;
    la_build build;
    la_finding findings[LA_MAX_FINDINGS];
    size_t n_findings;
    la_peak peak;
    double clock_resolution_ns, clock_cost_ns;
    la_device_report devices[LA_DEVICES_MOST];
    size_t n_devices;
} doctor;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    doctor_args *args = context;
    int64_t n;
    switch (flag) {
    case LA_FLAG_JSON:
        args->json = true;
        return LA_OK;
    case LA_FLAG_THREADS:
        LA_TRY(la_whole_parse("--threads", value, 1, 1024, &n, err));
        args->threads = (int)n;
        return LA_OK;
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static void rate_text(const char *name, const la_rate *rate, const char *unit)
{
    printf("  %-22s %8.1f %s   (median %.1f, worst %.1f of %d runs)\n", name, rate->best / 1e9,
           unit, rate->median / 1e9, rate->worst / 1e9, rate->n);
}

static void text(const doctor *d)
{
    char ram[24], llc[24];
    const la_machine *m = &d->machine;
    printf("machine  %s, %" PRId64 " cores, %" PRId64 " threads, %s RAM, last cache %s\n",
           m->cpu_model, m->n_cores, m->n_logical, la_format_bytes((double)m->ram_bytes, ram),
           la_format_bytes((double)m->llc_bytes, llc));
    printf("system   %s, %s%s%s\n", m->distro, m->kernel, *m->virt ? ", " : "", m->virt);
    printf("build    labench %s %s%s, %s, %s, own kernels %s\n", la_version,
           d->build.git_commit ? d->build.git_commit : "", d->build.git_dirty ? " (changed)" : "",
           d->build.cc, d->build.blas, la_isa_name(d->device.isa));
    printf("clock    resolution %.0f ns, reading costs %.0f ns\n", d->clock_resolution_ns,
           d->clock_cost_ns);
    printf("peak of %d thread%s\n", d->peak.threads, d->peak.threads == 1 ? "" : "s");
    rate_text("f32 multiply-add", &d->peak.flops, "GFLOP/s");
    if (d->peak.dots.n) rate_text("bf16 products", &d->peak.dots, "GFLOP/s");
    if (d->peak.dots.n && la_bf16_widens(d->device.isa))
        printf("  %-22s multiply-adds of widened rows are faster\n", "");
    rate_text("sgemm 1024", &d->peak.sgemm, "GFLOP/s");
    rate_text("read from memory", &d->peak.read, "GB/s");
    rate_text("copy in memory", &d->peak.copy, "GB/s");
    for (size_t i = 0; i < d->n_devices; i++) la_device_report_print(&d->devices[i]);
    if (d->n_findings == 0) printf("nothing found that would spoil numbers\n");
    for (size_t i = 0; i < d->n_findings; i++)
        printf("%s%s%s\n", d->findings[i].text, *d->findings[i].fix ? "\n    " : "",
               d->findings[i].fix);
}

static void rate_json(cJSON *to, const char *name, const la_rate *rate)
{
    cJSON *o = cJSON_AddObjectToObject(to, name);
    cJSON_AddNumberToObject(o, "best", rate->best);
    cJSON_AddNumberToObject(o, "median", rate->median);
    cJSON_AddNumberToObject(o, "worst", rate->worst);
}

static la_status json(const doctor *d, la_err *err)
{
    cJSON *all = cJSON_CreateObject();
    cJSON *machine = cJSON_AddObjectToObject(all, "machine");
    cJSON_AddStringToObject(machine, "cpu", d->machine.cpu_model);
    cJSON_AddNumberToObject(machine, "cores", (double)d->machine.n_cores);
    cJSON_AddNumberToObject(machine, "ram_bytes", (double)d->machine.ram_bytes);
    cJSON_AddStringToObject(machine, "kernel", d->machine.kernel);
    cJSON_AddItemToObject(machine, "environment", cJSON_Parse(d->machine.env_json));
    cJSON *peak = cJSON_AddObjectToObject(all, "peak");
    cJSON_AddNumberToObject(peak, "threads", d->peak.threads);
    rate_json(peak, "flop_per_s", &d->peak.flops);
    if (d->peak.dots.n) rate_json(peak, "bf16_flop_per_s", &d->peak.dots);
    rate_json(peak, "sgemm_flop_per_s", &d->peak.sgemm);
    rate_json(peak, "read_byte_per_s", &d->peak.read);
    rate_json(peak, "copy_byte_per_s", &d->peak.copy);
    cJSON *devices = cJSON_AddArrayToObject(all, "devices");
    for (size_t i = 0; i < d->n_devices; i++)
        cJSON_AddItemToArray(devices, la_device_report_json(&d->devices[i]));
    cJSON *findings = cJSON_AddArrayToObject(all, "findings");
    for (size_t i = 0; i < d->n_findings; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "code", d->findings[i].code);
        cJSON_AddStringToObject(o, "text", d->findings[i].text);
        cJSON_AddStringToObject(o, "fix", d->findings[i].fix);
        cJSON_AddItemToArray(findings, o);
    }
    char *words = cJSON_Print(all);
    cJSON_Delete(all);
    if (!words) return LA_FAIL(err, LA_E_NOMEM, "out of memory: the report as JSON");
    puts(words);
    free(words);
    return LA_OK;
}

/* Labench never makes a database so, but others may have switched it. */
static void look_at_database(doctor *d)
{
    const char *path = la_db_path(NULL);
    if (d->n_findings == LA_MAX_FINDINGS || !la_store_in_wal(path)) return;
    la_finding *f = &d->findings[d->n_findings++];
    f->code = "wal";
    snprintf(f->text, sizeof f->text,
             "%.80s is in WAL mode: a copy of the file alone may lack the last rows, and network "
             "file systems cannot hold it",
             path);
    snprintf(f->fix, sizeof f->fix, "sqlite3 '%.120s' 'PRAGMA journal_mode = DELETE'", path);
}

int la_cmd_doctor(int argc, char **argv, int first)
{
    static doctor d;
    doctor_args args = {0};
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_DOCTOR, argc, argv, first, take_flag, NULL, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_DOCTOR, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st != LA_OK) return la_complain(&err);
    la_device_cpu(&d.device);
    int threads = args.threads ? args.threads : d.device.cores;
    la_log(LA_LOG_INFO, "measuring the peak of %d thread%s", threads, threads == 1 ? "" : "s");
    d.n_findings = la_findings(threads, d.findings); /* before we are the load ourselves */
    look_at_database(&d);
    d.n_devices = la_device_reports(d.devices);
    for (size_t i = 0; i < d.n_devices; i++)
        la_device_findings(&d.devices[i], d.findings, &d.n_findings);
    la_build_read(&d.build);
    la_clock_probe(&d.clock_resolution_ns, &d.clock_cost_ns);
    st = la_machine_read(&d.machine, &err);
    if (st == LA_OK) st = la_peak_measure(threads, d.device.isa, &d.peak, &err);
    if (st == LA_OK && d.n_findings < LA_MAX_FINDINGS)
        d.n_findings += la_peak_finding(&d.peak, &d.findings[d.n_findings]);
    if (st == LA_OK && args.json) st = json(&d, &err);
    if (st == LA_OK && !args.json) text(&d);
    la_machine_release(&d.machine);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
