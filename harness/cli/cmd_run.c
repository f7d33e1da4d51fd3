/* SPDX-License-Identifier: Apache-2.0
 * labench run: from flags to a plan, and what it would cost.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "log.h"
#include "models.h"
#include "plugin_flags.h"
#include "plugins.h"
#include "registry.h"
#include "reproduce.h"
#include "screen.h"
#include "sizes.h"
#include "sweep.h"

/* A note per line, each as its own message. */
void la_run_tell_notes(const la_text *notes)
{
    for (const char *at = la_text_str(notes); *at;) {
        size_t n = strcspn(at, "\n");
        la_log(LA_LOG_WARN, "%.*s", (int)n, at);
        at += n + (at[n] == '\n');
    }
}

static la_status check_device_memory(const la_plan *plan, const la_run_settings *settings,
                                     la_err *err)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < plan->n; i++)
        if (!plan->cells[i].refused && plan->cells[i].device_bytes < least)
            least = plan->cells[i].device_bytes;
    if (!settings->device_limit || settings->device_limit >= least || !settings->predict ||
        least == SIZE_MAX)
        return LA_OK;
    char limit[24], need[24];
    return LA_FAIL(err, LA_E_ARG, "--device-memory %s leaves no room: the smallest cell needs %s",
                   la_format_bytes((double)settings->device_limit, limit),
                   la_format_bytes((double)least, need));
}

/* A limit that no cell fits below is a slip; the cells would all be predicted_oom. */
static la_status check_memory(const la_plan *plan, const la_run_settings *settings, la_err *err)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < plan->n; i++)
        if (!plan->cells[i].refused && plan->cells[i].need_bytes < least)
            least = plan->cells[i].need_bytes;
    LA_TRY(check_device_memory(plan, settings, err));
    if (settings->memory_limit >= least || !settings->predict || least == SIZE_MAX) return LA_OK;
    char limit[24], need[24];
    return LA_FAIL(err, LA_E_ARG, "--memory-limit %s leaves no room: the smallest cell needs %s",
                   la_format_bytes((double)settings->memory_limit, limit),
                   la_format_bytes((double)least, need));
}

static bool is_set(const la_spec *spec, const char *owner)
{
    for (size_t i = 0; i < spec->n_settings; i++)
        if (strcmp(spec->settings[i].owner, owner) == 0) return true;
    return false;
}

/* Of a model's many options those that the command line sets: "lr=0.01 layers=2". */
static void dry_settings(const la_learn *learn, const la_spec *spec)
{
    for (size_t i = 0; i < spec->n_settings; i++) {
        const la_setting *s = &spec->settings[i];
        bool model = strcmp(s->owner, "model") == 0;
        if (!model && strcmp(s->owner, "train") != 0) continue;
        cJSON *o = cJSON_Parse(model ? learn->model_json : learn->train_json);
        char *value = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(o, s->key));
        printf("  %s=%s", s->key, value ? value : "?");
        cJSON_free(value);
        cJSON_Delete(o);
    }
}

static void dry_row(const la_plan *plan, const la_cell *cell, const la_run_args *args)
{
    const la_run_settings *settings = &args->settings;
    char words[128], sizes[128], need[24], call[24];
    const char *unit = !cell->learn ? "a call" : cell->pass == LA_TRAIN ? "a step" : "an example";
    la_outcome why;
    printf("%-52s %-13s ", la_cell_words(cell, words), la_mask_name(cell->problem.mask));
    if (la_estimate_runs(cell, settings, &why))
        printf("%10s  about %s %s", la_format_bytes((double)cell->need_bytes, need),
               la_format_ns(cell->predicted_s * 1e9, call), unit);
    else if (cell->refused)
        printf("%s: %s", la_outcome_word(why), cell->reason);
    else
        printf("%10s  %s", la_format_bytes((double)cell->need_bytes, need), la_outcome_word(why));
    if (la_screen_sizes(plan, cell, sizes, sizeof sizes))
        printf("  %.*s", (int)strlen(sizes) - 1, sizes);
    /* Options tell cells apart only where some were set. */
    if (is_set(&args->spec, cell->variant->name)) printf("  %s", cell->opts_json);
    if (cell->task && is_set(&args->spec, cell->task->name)) printf("  %s", cell->task_opts_json);
    if (cell->learn) dry_settings(cell->learn, &args->spec);
    printf("\n");
}

static cJSON *dry_json(const la_cell *cell, const la_run_settings *settings)
{
    cJSON *o = cJSON_CreateObject();
    la_outcome why;
    bool runs = la_estimate_runs(cell, settings, &why);
    cJSON_AddStringToObject(o, "key", cell->key);
    cJSON_AddStringToObject(o, "variant", cell->variant->name);
    cJSON_AddStringToObject(o, "impl", cell->impl->name);
    cJSON_AddStringToObject(o, "task", cell->task ? cell->task->name : "");
    cJSON_AddStringToObject(o, "pass", la_pass_name(cell->pass));
    cJSON_AddStringToObject(o, "dtype", la_dtype_name(cell->problem.dtype));
    cJSON_AddStringToObject(o, "mask", la_mask_name(cell->problem.mask));
    cJSON_AddNumberToObject(o, "length", (double)cell->seqlen);
    cJSON_AddNumberToObject(o, "batch", (double)cell->problem.B);
    cJSON_AddNumberToObject(o, "heads", (double)cell->problem.H);
    cJSON_AddNumberToObject(o, "kv_heads", (double)cell->problem.Hkv);
    cJSON_AddNumberToObject(o, "qk_heads", (double)cell->problem.Hqk);
    cJSON_AddNumberToObject(o, "dk", (double)cell->problem.dk);
    cJSON_AddNumberToObject(o, "dv", (double)cell->problem.dv);
    cJSON_AddNumberToObject(o, "scale", cell->problem.scale);
    cJSON_AddStringToObject(o, "cache", cell->cold ? "cold" : "hot");
    cJSON_AddNumberToObject(o, "threads", cell->problem.threads);
    cJSON_AddItemToObject(o, "options", cJSON_Parse(cell->opts_json));
    cJSON_AddItemToObject(o, "task_options", cJSON_Parse(cell->task_opts_json));
    cJSON_AddItemToObject(o, "model_options",
                          cJSON_Parse(cell->learn ? cell->learn->model_json : "{}"));
    cJSON_AddItemToObject(o, "train_options",
                          cJSON_Parse(cell->learn ? cell->learn->train_json : "{}"));
    cJSON_AddStringToObject(o, "outcome", runs ? "planned" : la_outcome_word(why));
    if (cell->refused) {
        cJSON_AddStringToObject(o, "reason", cell->reason);
    } else {
        cJSON_AddNumberToObject(o, "need_bytes", (double)cell->need_bytes);
        cJSON_AddNumberToObject(o, "predicted_s", cell->predicted_s);
    }
    return o;
}

/* By what the database knows of this machine, where there is one, and by what is done already; a CPU's peak says
 * nothing of a CUDA device. */
static la_status rehearse(la_plan *plan, la_run_args *args, const la_device *device,
                          la_estimate *out, la_err *err)
{
    la_reach reach = {0};
    la_store *store;
    char name[9] = "";
    size_t done, all;
    la_status st = LA_OK;
    /* Of one that cannot be read the sweep itself will tell. */
    if (la_store_if_there(args->db, &store, NULL) != LA_OK) store = NULL;
    if (device->backend != LA_CUDA) st = la_reach_find(store, &reach, err);
    if (st == LA_OK && store) st = la_sweep_progress(store, plan, args, name, &done, &all, err);
    la_store_close(store);
    if (st == LA_OK) st = la_models_mark(plan, &args->settings, device, la_db_path(args->db), err);
    if (st == LA_OK) st = la_reach_estimate(&reach, plan, &args->settings, out, err);
    if (st == LA_OK && *name) la_sweep_continue_line(args, name, done, all);
    la_reach_release(&reach);
    return st;
}

static int dry_run(la_plan *plan, la_run_args *args, const la_device *device)
{
    la_estimate found, *estimate = &found;
    la_err err = {0};
    if (rehearse(plan, args, device, estimate, &err) != LA_OK) return la_complain(&err);
    if (!args->json) {
        for (size_t i = 0; i < plan->n; i++) dry_row(plan, &plan->cells[i], args);
        la_sweep_estimate_line(plan, args, estimate);
        return la_finish_stdout(LA_EXIT_OK);
    }
    cJSON *all = cJSON_CreateObject(), *cells = cJSON_AddArrayToObject(all, "cells");
    cJSON_AddStringToObject(all, "spec_hash", plan->spec_hash);
    cJSON_AddNumberToObject(all, "rounds", plan->rounds);
    cJSON_AddNumberToObject(all, "estimate_s", estimate->seconds);
    cJSON_AddNumberToObject(all, "worst_s", estimate->worst_seconds);
    cJSON_AddNumberToObject(all, "peak_bytes", (double)estimate->memory);
    for (size_t i = 0; i < plan->n; i++)
        cJSON_AddItemToArray(cells, dry_json(&plan->cells[i], &args->settings));
    char *text = cJSON_Print(all);
    cJSON_Delete(all);
    if (!text) {
        la_log(LA_LOG_ERROR, "out of memory: the plan as JSON");
        return LA_EXIT_ENVIRONMENT;
    }
    puts(text);
    free(text);
    return la_finish_stdout(LA_EXIT_OK);
}

la_status la_run_prepare(la_run_args *args, la_plan *plan, la_device *device, la_err *err)
{
    LA_TRY(la_device_choose(args->device, device, err));
    LA_TRY(la_device_settings(args, device, err));
    LA_TRY(la_plugin_flags_open(&args->plugins, err));
    LA_TRY(la_plan_expand(&args->spec, device, plan, err));
    return check_memory(plan, &args->settings, err);
}

int la_cmd_run(int argc, char **argv, int first)
{
    la_run_args args;
    la_plan plan = {0};
    la_device device;
    la_err err = {0};
    bool help;
    int code;
    la_status st = la_run_args_parse(argc, argv, first, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_RUN, stdout);
        code = la_finish_stdout(LA_EXIT_OK);
        goto done;
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = la_run_prepare(&args, &plan, &device, &err);
    if (st != LA_OK) {
        code = la_complain(&err);
        goto done;
    }
    la_run_tell_notes(&args.notes);
    code = args.dry_run ? dry_run(&plan, &args, &device)
                        : la_sweep_run(argc, argv, &plan, &args, &device);
done:
    la_plan_release(&plan);
    la_peers_release();
    la_plugins_close();
    la_run_args_release(&args);
    return code;
}
