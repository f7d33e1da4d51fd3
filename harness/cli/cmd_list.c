/* SPDX-License-Identifier: Apache-2.0
 * labench list: what there is, one line each.
 */
#include <cjson/cJSON.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "commands.h"
#include "cuda.h"
#include "device_report.h"
#include "export.h"
#include "labench/kit.h"
#include "log.h"
#include "paper.h"
#include "plugin_flags.h"
#include "plugins.h"
#include "registry.h"
#include "report.h"
#include "sizes.h"
#include "train.h"

typedef struct list_args {
    la_common common;
    bool json, full, chosen;
    int what;
    const char *db;
    la_words plugins;
} list_args;

enum { VARIANTS, TASKS, DEVICES, SWEEPS, PAPERS, PLOTS };
static const char *const things[] = {"variants", "tasks", "devices", "sweeps", "papers", "plots"};

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    list_args *args = context;
    switch (flag) {
    case LA_FLAG_JSON:
        args->json = true;
        return LA_OK;
    case LA_FLAG_LONG:
        args->full = true;
        return LA_OK;
    case LA_FLAG_DB:
        args->db = value;
        return LA_OK;
    case LA_FLAG_PLUGIN:
        return la_plugin_flag(&args->plugins, value, err);
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    list_args *args = context;
    if (args->chosen) return LA_FAIL(err, LA_E_ARG, "'labench list' takes one word");
    args->chosen = true;
    return la_choice_parse("list", word, things, LA_COUNT(things), &args->what, err);
}

static const struct {
    uint32_t bit;
    const char *word;
} modes[] = {{LA_CAP_CAUSAL, "causal"},        {LA_CAP_BIDIRECTIONAL, "bidirectional"},
             {LA_CAP_DECODE, "decode"},        {LA_CAP_STATE_IN, "state"},
             {LA_CAP_BACKWARD, "backward"},    {LA_CAP_GROUPED_KV, "grouped_kv"},
             {LA_CAP_GROUPED_QK, "grouped_qk"}};

static uint32_t caps_of(const la_variant *v)
{
    uint32_t caps = 0;
    for (size_t i = 0; i < v->impls_len; i++) caps |= v->impls[i].caps;
    return caps;
}

static const char *mode_words(uint32_t caps, char buf[96])
{
    size_t len = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < LA_COUNT(modes); i++)
        if (caps & modes[i].bit)
            len += (size_t)snprintf(buf + len, 96 - len, "%s%s", len ? "," : "", modes[i].word);
    return buf;
}

static void option_text(const la_option *o, const void *defaults, FILE *out)
{
    char one[128];
    la_options_json(o, 1, defaults, one, sizeof one);
    char *value = strchr(one, ':');
    if (value) value[strlen(value) - 1] = '\0';
    fprintf(out, "    %-14s %s [%s]", o->name, o->help, value ? value + 1 : "");
    for (size_t i = 0; o->type == LA_OPTION_CHOICE && o->choices[i]; i++)
        fprintf(out, "%s%s", i ? ", " : " of ", o->choices[i]);
    if (o->type == LA_OPTION_INT || o->type == LA_OPTION_REAL)
        fprintf(out, " in %.10g..%.10g", o->min, o->max);
    fprintf(out, "\n");
}

la_status la_print_options(const la_option *table, size_t n, size_t bytes, FILE *out, la_err *err)
{
    if (n == 0) return LA_OK;
    void *defaults = la_zalloc(bytes, err);
    if (!defaults) return LA_E_NOMEM;
    la_options_default(table, n, defaults);
    for (size_t i = 0; i < n; i++) option_text(&table[i], defaults, out);
    la_free(defaults);
    return LA_OK;
}

la_status la_print_learning(const char *owner, FILE *out, bool *known, la_err *err)
{
    bool model = strcmp(owner, "model") == 0;
    *known = model || strcmp(owner, "train") == 0;
    if (!*known) return LA_OK;
    fprintf(out, "%s: %s; set with --set %s.KEY=VALUE,...\n", owner,
            model ? "the model of learned tasks" : "how models of learned tasks are trained",
            owner);
    if (model)
        return la_print_options(la_model_option_table, la_model_options_len, sizeof(la_model_opts),
                                out, err);
    return la_print_options(la_train_option_table, la_train_options_len, sizeof(la_train_opts), out,
                            err);
}

la_status la_print_variant(const la_variant *v, bool full, FILE *out, la_err *err)
{
    char words[96];
    fprintf(out, "%-15s %-10s %-34s %s\n", v->name, la_family_name(v->family),
            mode_words(caps_of(v) & (LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL | LA_CAP_DECODE), words),
            v->summary);
    if (!full) return LA_OK;
    fprintf(out, "  paper %s, %s%s%s\n", v->paper, v->cost_words,
            v->same_as ? ", computes the same as " : "", v->same_as ? v->same_as : "");
    if (*la_registry_origin(v)) fprintf(out, "  plugin %s\n", la_registry_origin(v));
    for (size_t i = 0; i < v->impls_len; i++) {
        la_device device;
        la_err why = {0};
        const la_impl *impl = &v->impls[i];
        bool here = impl->backend != LA_CUDA || la_device_cuda(0, &device, &why) == LA_OK;
        fprintf(out, "  %-16s %s%s%s\n", impl->name, mode_words(impl->caps, words),
                here ? "" : "; not here: ", here ? "" : why.msg);
    }
    return la_print_options(v->options, v->options_len, v->options_size, out, err);
}

/* Accuracy of guessing with the default options; below 0 where nothing is guessed. */
static la_status default_chance(const la_task *t, double *chance, la_err *err)
{
    void *defaults;
    *chance = -1;
    if (!t->chance) return LA_OK;
    LA_TRY(la_task_defaults(t, &defaults, err));
    *chance = t->chance(defaults);
    la_free(defaults);
    return LA_OK;
}

static const char *kind_of(const la_task *t)
{
    return t->kind == LA_TASK_PROBE ? "probe" : "learned";
}

static la_status print_task(const la_task *t, bool full, la_err *err)
{
    LA_TRY(la_print_task_line(t, stdout, err));
    if (!full) return LA_OK;
    printf("  paper %s\n", t->paper);
    return la_print_options(t->options, t->options_len, t->options_size, stdout, err);
}

static cJSON *options_json(const la_option *table, size_t n)
{
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++) {
        static const char *const types[] = {"int", "real", "bool", "choice"};
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", table[i].name);
        cJSON_AddStringToObject(o, "type", types[table[i].type]);
        if (table[i].type == LA_OPTION_CHOICE)
            cJSON_AddStringToObject(o, "default", table[i].choices[(int)table[i].def]);
        else
            cJSON_AddNumberToObject(o, "default", table[i].def);
        cJSON_AddStringToObject(o, "help", table[i].help);
        cJSON_AddItemToArray(all, o);
    }
    return all;
}

static cJSON *variant_json(const la_variant *v)
{
    cJSON *o = cJSON_CreateObject(), *impls = cJSON_AddArrayToObject(o, "impls");
    char words[96];
    cJSON_AddStringToObject(o, "name", v->name);
    cJSON_AddStringToObject(o, "family", la_family_name(v->family));
    cJSON_AddStringToObject(o, "summary", v->summary);
    cJSON_AddStringToObject(o, "paper", v->paper);
    cJSON_AddStringToObject(o, "cost", v->cost_words);
    if (*la_registry_origin(v)) cJSON_AddStringToObject(o, "plugin", la_registry_origin(v));
    for (size_t i = 0; i < v->impls_len; i++) {
        cJSON *impl = cJSON_CreateObject();
        cJSON_AddStringToObject(impl, "name", v->impls[i].name);
        cJSON_AddStringToObject(impl, "modes", mode_words(v->impls[i].caps, words));
        cJSON_AddItemToArray(impls, impl);
    }
    cJSON_AddItemToObject(o, "options", options_json(v->options, v->options_len));
    return o;
}

static cJSON *task_json(const la_task *t, double chance)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", t->name);
    cJSON_AddStringToObject(o, "kind", kind_of(t));
    if (t->family) cJSON_AddStringToObject(o, "family", t->family);
    if (chance >= 0) cJSON_AddNumberToObject(o, "chance", chance);
    cJSON_AddStringToObject(o, "summary", t->summary);
    cJSON_AddStringToObject(o, "paper", t->paper);
    if (t->definition) cJSON_AddStringToObject(o, "definition", t->definition);
    cJSON_AddItemToObject(o, "options", options_json(t->options, t->options_len));
    if (t->learned) {
        cJSON *lengths = cJSON_AddArrayToObject(o, "train_lengths");
        for (const int64_t *T = t->learned->train_lengths; *T > 0; T++)
            cJSON_AddItemToArray(lengths, cJSON_CreateNumber((double)*T));
    }
    return o;
}

static cJSON *device_json(const la_device *d)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", "cpu");
    cJSON_AddStringToObject(o, "model", d->name);
    cJSON_AddNumberToObject(o, "cores", d->cores);
    cJSON_AddStringToObject(o, "isa", la_isa_name(d->isa));
    cJSON_AddNumberToObject(o, "memory_bytes", (double)d->memory);
    return o;
}

static void add_cuda_json(cJSON *all)
{
    la_device_report reports[LA_DEVICES_MOST];
    size_t n = la_device_reports(reports);
    for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(all, la_device_report_json(&reports[i]));
}

static la_status list_json(int what, la_err *err)
{
    cJSON *all = cJSON_CreateArray();
    la_device cpu;
    if (what == VARIANTS)
        for (size_t i = 0; i < la_registry_count(); i++)
            cJSON_AddItemToArray(all, variant_json(la_registry_at(i)));
    if (what == TASKS)
        for (size_t i = 0; i < la_tasks_count(); i++) {
            double chance = 0;
            la_status st = default_chance(la_tasks_at(i), &chance, err);
            if (st != LA_OK) {
                cJSON_Delete(all);
                return st;
            }
            cJSON_AddItemToArray(all, task_json(la_tasks_at(i), chance));
        }
    if (what == PLOTS)
        for (size_t i = 0; i < la_plot_count(); i++) {
            cJSON *o = cJSON_CreateObject();
            cJSON_AddStringToObject(o, "name", la_plot_name(i));
            cJSON_AddStringToObject(o, "summary", la_plot_summary(i));
            cJSON_AddItemToArray(all, o);
        }
    if (what == DEVICES) {
        la_device_cpu(&cpu);
        cJSON_AddItemToArray(all, device_json(&cpu));
        add_cuda_json(all);
    }
    char *text = cJSON_Print(all);
    cJSON_Delete(all);
    if (!text) return LA_FAIL(err, LA_E_NOMEM, "out of memory: the list as JSON");
    puts(text);
    free(text);
    return LA_OK;
}

static la_status list_sweeps(const list_args *args, la_err *err)
{
    la_store *store;
    LA_TRY(la_store_open(la_db_path(args->db), LA_STORE_READ, &store, err));
    la_status st = args->json ? la_export(store, 0, "sweeps", "json", stdout, err)
                              : la_report_sweeps(store, stdout, err);
    la_store_close(store);
    return st;
}

/* One line each, or an array. A wrong file is refused, with its line, and hides no other. */
static la_status list_papers(const list_args *args, la_err *err)
{
    char path[PATH_MAX];
    la_status st = LA_OK;
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; la_paper_at(i, path, sizeof path); i++) {
        la_paper paper;
        la_err why = {0};
        la_status one = la_paper_read(path, &paper, &why);
        if (one != LA_OK && st != LA_OK) {
            la_log(LA_LOG_ERROR, "%s", why.msg);
        } else if (one != LA_OK) {
            st = one;
            if (err) *err = why;
        } else if (args->json) {
            cJSON *o = cJSON_CreateObject();
            cJSON_AddStringToObject(o, "id", paper.id);
            cJSON_AddStringToObject(o, "title", paper.title);
            cJSON_AddStringToObject(o, "paper", paper.paper);
            cJSON_AddStringToObject(o, "place", paper.place);
            cJSON_AddItemToArray(all, o);
        } else {
            printf("%-28s %s\n", paper.id, paper.title);
        }
        la_paper_release(&paper);
    }
    char *text = args->json ? cJSON_Print(all) : NULL;
    if (text) puts(text);
    free(text);
    cJSON_Delete(all);
    return st;
}

static la_status list_text(const list_args *args, la_err *err)
{
    if (args->what == VARIANTS)
        for (size_t i = 0; i < la_registry_count(); i++)
            LA_TRY(la_print_variant(la_registry_at(i), args->full, stdout, err));
    if (args->what == TASKS)
        for (size_t i = 0; i < la_tasks_count(); i++)
            LA_TRY(print_task(la_task_in_order(i), args->full, err));
    if (args->what == PLOTS)
        for (size_t i = 0; i < la_plot_count(); i++)
            printf("%-12s %s\n", la_plot_heading(i), la_plot_summary(i));
    if (args->what == DEVICES) {
        la_device cpu;
        char memory[24];
        la_device_cpu(&cpu);
        printf("cpu  %s  %d cores  %s  %s\n", cpu.name, cpu.cores, la_isa_name(cpu.isa),
               la_format_bytes((double)cpu.memory, memory));
        la_device cuda;
        la_err why = {0};
        la_status st = la_device_cuda(0, &cuda, &why);
        for (int k = 1; st == LA_OK; st = la_device_cuda(k++, &cuda, &why))
            printf("cuda:%d  %s  %d multiprocessors  %s\n", cuda.index, cuda.name, cuda.cores,
                   la_format_bytes((double)cuda.memory, memory));
        if (st != LA_OK && !strstr(why.msg, "the last one")) printf("%s\n", why.msg);
    }
    return LA_OK;
}

static la_status list(list_args *args, la_err *err)
{
    LA_TRY(la_plugin_flags_open(&args->plugins, err));
    return args->what == SWEEPS   ? list_sweeps(args, err)
           : args->what == PAPERS ? list_papers(args, err)
           : args->json           ? list_json(args->what, err)
                                  : list_text(args, err);
}

int la_cmd_list(int argc, char **argv, int first)
{
    list_args args = {0};
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_LIST, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_LIST, stdout);
    } else if (st == LA_OK) {
        la_common_apply(&args.common);
        st = list(&args, &err);
    }
    la_plugins_close();
    la_words_release(&args.plugins);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
