/* SPDX-License-Identifier: Apache-2.0 */
#include "run_args.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"
#include "cuda.h"
#include "memory.h"
#include "plugin_flags.h"
#include "registry.h"
#include "sizes.h"

#define THREADS_MAX 1024
#define SHARDS_MAX  10000

static la_status take_words(const char *flag, const char *value, la_words *out, la_err *err)
{
    char q[64];
    for (const char *at = value;;) {
        size_t n = strcspn(at, ",");
        if (n == 0)
            return LA_FAIL(err, LA_E_ARG, "--%s '%s' has an empty part%s", flag, la_quote(value, q),
                           *value ? "; take the extra comma out" : "; write a list of names");
        LA_TRY(la_words_add(out, at, n, err));
        if (!at[n]) return LA_OK;
        at += n + 1;
    }
}

/* A list of counts; a range that misses its end leaves a note. */
static la_status take_counts(la_run_args *args, const char *flag, const char *value, la_counts *out,
                             la_err *err)
{
    char dashed[32];
    la_text note = {0};
    snprintf(dashed, sizeof dashed, "--%s", flag);
    la_status st = la_sizes_parse(dashed, value, out, &note, err);
    if (st == LA_OK && note.len) la_text_add(&args->notes, "%s %s\n", dashed, la_text_str(&note));
    la_text_release(&note);
    return st;
}

static la_status take_threads(la_run_args *args, const char *value, la_err *err)
{
    la_counts *threads = &args->spec.threads;
    LA_TRY(take_counts(args, "threads", value, threads, err));
    if (threads->v[threads->n - 1] > THREADS_MAX)
        return LA_FAIL(err, LA_E_ARG, "--threads must lie in 1..%d", THREADS_MAX);
    la_device cpu;
    la_device_cpu(&cpu);
    if (threads->v[threads->n - 1] > cpu.cores)
        la_text_add(&args->notes, "--threads goes beyond the %d physical cores here\n", cpu.cores);
    return LA_OK;
}

/* Values of an option; names end where their lengths say. */
static la_status add_setting(la_spec *spec, const char *flag, const char *owner, size_t owner_len,
                             const char *key, size_t key_len, const char *values, la_err *err)
{
    LA_TRY(la_grow((void **)&spec->settings, &spec->cap_settings, spec->n_settings + 1,
                   sizeof *spec->settings, err));
    la_setting *s = &spec->settings[spec->n_settings++];
    *s = (la_setting){0};
    s->owner = la_alloc(owner_len + 1, err);
    s->key = la_alloc(key_len + 1, err);
    if (!s->owner || !s->key) return LA_E_NOMEM;
    snprintf(s->owner, owner_len + 1, "%s", owner);
    snprintf(s->key, key_len + 1, "%s", key);
    return take_words(flag, values, &s->values, err);
}

/* owner.key=v1,v2 */
static la_status take_setting(la_spec *spec, const char *value, la_err *err)
{
    char q[64];
    const char *dot = strchr(value, '.'), *equals = strchr(value, '=');
    if (!dot || !equals || dot > equals || dot == value || equals == dot + 1 || !equals[1])
        return LA_FAIL(err, LA_E_ARG, "--set '%s' is not OWNER.KEY=VALUE, like linear.map=elu",
                       la_quote(value, q));
    return add_setting(spec, "set", value, (size_t)(dot - value), dot + 1,
                       (size_t)(equals - dot - 1), equals + 1, err);
}

/* Flags that are short for --set. */
static const struct {
    la_flag_id flag;
    const char *owner, *key;
} shorthands[] = {
    {LA_FLAG_RECIPE, "model", "recipe"},   {LA_FLAG_LAYERS, "model", "layers"},
    {LA_FLAG_D_MODEL, "model", "d_model"}, {LA_FLAG_HEAD_DIM, "model", "head_dim"},
    {LA_FLAG_MLP, "model", "mlp"},         {LA_FLAG_CONV, "model", "conv"},
    {LA_FLAG_POS, "model", "pos"},         {LA_FLAG_STEPS, "train", "steps"},
    {LA_FLAG_LR, "train", "lr"},
};

/* What concerns learned tasks. */
static la_status take_learning(la_run_args *args, la_flag_id flag, const char *value, la_err *err)
{
    la_spec *spec = &args->spec;
    int64_t n = 0;
    for (size_t i = 0; i < LA_COUNT(shorthands); i++)
        if (shorthands[i].flag == flag)
            return add_setting(spec, la_flags[flag].name, shorthands[i].owner,
                               strlen(shorthands[i].owner), shorthands[i].key,
                               strlen(shorthands[i].key), value, err);
    switch (flag) {
    case LA_FLAG_TRAIN_LENGTHS:
        return take_counts(args, "train-lengths", value, &spec->train_lengths, err);
    case LA_FLAG_TRAIN_AT_LENGTH:
        spec->train_at_length = true;
        return LA_OK;
    case LA_FLAG_JOBS:
        LA_TRY(la_whole_parse("--jobs", value, 1, LA_JOBS_MAX, &n, err));
        spec->jobs = (int)n;
        return LA_OK;
    case LA_FLAG_DIFFICULTY:
        spec->difficulty = true;
        return LA_OK;
    case LA_FLAG_HYBRID:
        spec->hybrid = la_strdup(value, err);
        return spec->hybrid ? LA_OK : LA_E_NOMEM;
    default:
        LA_TRY(la_whole_parse("--seeds", value, 1, 64, &n, err));
        spec->seeds = (int)n;
        return LA_OK;
    }
}

/* The runner knows what the words mean; that they are words of its is checked before a file is made. */
static la_status take_retry(la_run_args *args, const char *value, la_err *err)
{
    la_words words = {0};
    la_status st = take_words("retry", value, &words, err);
    for (size_t i = 0; i < words.n && st == LA_OK; i++) {
        int which = 0;
        st = la_flag_choice(LA_FLAG_RETRY, words.v[i], &which, err);
    }
    la_words_release(&words);
    args->settings.retry = value;
    return st;
}

static la_status take_memory(la_run_args *args, const char *value, la_err *err)
{
    la_device cpu;
    LA_TRY(la_bytes_parse("--memory-limit", value, &args->settings.memory_limit, err));
    la_device_cpu(&cpu);
    char asked[24], there[24];
    if (args->settings.memory_limit > cpu.memory)
        la_text_add(&args->notes, "--memory-limit %s is more than the %s of RAM here\n",
                    la_format_bytes((double)args->settings.memory_limit, asked),
                    la_format_bytes((double)cpu.memory, there));
    return LA_OK;
}

/* Remembers a flag that changes what is measured, for the hash of the sweep. */
static la_status remember(la_spec *spec, la_flag_id flag, const char *value, la_err *err)
{
    char text[96];
    int n = snprintf(text, sizeof text, "%s %.60s", la_flags[flag].name, value);
    return la_words_add(&spec->other, text, (size_t)n, err);
}

static la_status take_axis(la_run_args *args, la_flag_id flag, const char *value, la_err *err)
{
    la_spec *s = &args->spec;
    const char *name = la_flags[flag].name;
    char dashed[32];
    snprintf(dashed, sizeof dashed, "--%s", name);
    switch (flag) {
    case LA_FLAG_VARIANTS:
        return take_words(name, value, &s->variants, err);
    case LA_FLAG_IMPLS:
        return strcmp(value, "best") ? take_words(name, value, &s->impls, err) : LA_OK;
    case LA_FLAG_PEERS:
        return take_words(name, value, &s->peers, err);
    case LA_FLAG_PASS:
        return take_words(name, value, &s->passes, err);
    case LA_FLAG_TASKS:
        return take_words(name, value, &s->tasks, err);
    case LA_FLAG_DTYPE:
        return take_words(name, value, &s->dtypes, err);
    case LA_FLAG_MASK:
        return take_words(name, value, &s->masks, err);
    case LA_FLAG_LENGTHS:
        return take_counts(args, name, value, &s->lengths, err);
    case LA_FLAG_BATCH:
        return take_counts(args, name, value, &s->batch, err);
    case LA_FLAG_HEADS:
        return take_counts(args, name, value, &s->heads, err);
    case LA_FLAG_DIM:
    case LA_FLAG_DK:
        return take_counts(args, name, value, &s->dk, err);
    case LA_FLAG_DV:
        return take_counts(args, name, value, &s->dv, err);
    case LA_FLAG_KV_HEADS:
        return take_counts(args, name, value, &s->kv_heads, err);
    case LA_FLAG_QK_HEADS:
        return take_counts(args, name, value, &s->qk_heads, err);
    case LA_FLAG_SCALE:
        return la_real_parse(dashed, value, 1e-6, 1e6, &s->scale, err);
    case LA_FLAG_SET:
        return take_setting(s, value, err);
    default:
        return take_threads(args, value, err);
    }
}

static la_status take_measuring(la_run_args *args, la_flag_id flag, const char *value, la_err *err)
{
    la_run_settings *set = &args->settings;
    char dashed[32];
    int64_t n = 0;
    int choice = 0;
    double percent;
    snprintf(dashed, sizeof dashed, "--%s", la_flags[flag].name);
    switch (flag) {
    case LA_FLAG_ROUNDS:
        LA_TRY(la_whole_parse(dashed, value, 1, 64, &n, err));
        args->spec.rounds = (int)n;
        return LA_OK;
    case LA_FLAG_TIME:
        LA_TRY(la_seconds_parse(dashed, value, &set->min_time_s, err));
        return remember(&args->spec, flag, value, err);
    case LA_FLAG_MAX_TIME:
        LA_TRY(la_seconds_parse(dashed, value, &set->max_time_s, err));
        return remember(&args->spec, flag, value, err);
    case LA_FLAG_TARGET:
        LA_TRY(la_real_parse(dashed, value, 0.01, 50, &percent, err));
        set->target = percent / 100;
        return remember(&args->spec, flag, value, err);
    case LA_FLAG_MIN_SAMPLES:
        LA_TRY(la_whole_parse(dashed, value, 1, 100000, &n, err));
        set->min_samples = (int)n;
        return remember(&args->spec, flag, value, err);
    case LA_FLAG_CACHE:
        LA_TRY(la_flag_choice(LA_FLAG_CACHE, value, &choice, err));
        args->spec.cold = choice == 1;
        args->cache_chosen = true;
        return LA_OK;
    case LA_FLAG_BESIDE_PEAK:
        set->beside_peak = true;
        return remember(&args->spec, flag, "", err);
    case LA_FLAG_TIMEOUT:
        return la_seconds_parse(dashed, value, &set->timeout_s, err);
    case LA_FLAG_SEED:
        LA_TRY(la_seed_parse(dashed, value, &args->spec.seed, err));
        set->seed = args->spec.seed;
        return LA_OK;
    case LA_FLAG_DEVICE_MEMORY:
        return la_bytes_parse(dashed, value, &set->device_limit, err);
    default:
        return take_memory(args, value, err);
    }
}

static la_status take_shard(la_spec *spec, const char *value, la_err *err)
{
    char left[16] = "", q[64];
    int64_t n = 0, i = 0;
    size_t len = strcspn(value, "/");
    if (!value[len] || len == 0 || len >= sizeof left)
        return LA_FAIL(err, LA_E_ARG, "--shard '%s' is not I/N, like 2/4", la_quote(value, q));
    memcpy(left, value, len);
    LA_TRY(la_whole_parse("--shard I/N: N", value + len + 1, 1, SHARDS_MAX, &n, err));
    LA_TRY(la_whole_parse("--shard I/N: I", left, 1, n, &i, err));
    /* One share of one is everything. */
    spec->shard = n > 1 ? (int)i : 0;
    spec->shards = n > 1 ? (int)n : 0;
    return LA_OK;
}

static la_status take_switch(la_run_args *args, la_flag_id flag, const char *value, la_err *err)
{
    int choice = 0;
    switch (flag) {
    case LA_FLAG_QUICK:
        args->spec.quick = args->settings.quick = true;
        return LA_OK;
    case LA_FLAG_CAREFUL:
        args->spec.careful = true;
        return LA_OK;
    case LA_FLAG_FAIL_FAST:
        args->settings.fail_fast = true;
        return LA_OK;
    case LA_FLAG_NO_PREDICT:
        args->settings.predict = false;
        return LA_OK;
    case LA_FLAG_ORDER:
        LA_TRY(la_flag_choice(LA_FLAG_ORDER, value, &choice, err));
        args->settings.given_order = choice == 1;
        return LA_OK;
    case LA_FLAG_PROGRESS:
        LA_TRY(la_flag_choice(LA_FLAG_PROGRESS, value, &choice, err));
        args->progress = (la_when)choice;
        return LA_OK;
    case LA_FLAG_RESUME:
        args->resume = true;
        return LA_OK;
    case LA_FLAG_SHARD:
        return take_shard(&args->spec, value, err);
    case LA_FLAG_NEW:
        args->fresh = true;
        return LA_OK;
    case LA_FLAG_DRY_RUN:
        args->dry_run = true;
        return LA_OK;
    case LA_FLAG_JSON:
        args->json = true;
        return LA_OK;
    case LA_FLAG_STRICT:
        args->strict = true;
        return LA_OK;
    case LA_FLAG_YES:
        args->spec.many = true;
        return LA_OK;
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    la_run_args *args = context;
    switch (flag) {
    case LA_FLAG_VARIANTS:
    case LA_FLAG_IMPLS:
    case LA_FLAG_PEERS:
    case LA_FLAG_PASS:
    case LA_FLAG_TASKS:
    case LA_FLAG_DTYPE:
    case LA_FLAG_MASK:
    case LA_FLAG_LENGTHS:
    case LA_FLAG_BATCH:
    case LA_FLAG_HEADS:
    case LA_FLAG_DIM:
    case LA_FLAG_DK:
    case LA_FLAG_DV:
    case LA_FLAG_KV_HEADS:
    case LA_FLAG_QK_HEADS:
    case LA_FLAG_SCALE:
    case LA_FLAG_SET:
    case LA_FLAG_THREADS:
        return take_axis(args, flag, value, err);
    case LA_FLAG_ROUNDS:
    case LA_FLAG_TIME:
    case LA_FLAG_MAX_TIME:
    case LA_FLAG_TARGET:
    case LA_FLAG_MIN_SAMPLES:
    case LA_FLAG_CACHE:
    case LA_FLAG_BESIDE_PEAK:
    case LA_FLAG_TIMEOUT:
    case LA_FLAG_SEED:
    case LA_FLAG_MEMORY_LIMIT:
    case LA_FLAG_DEVICE_MEMORY:
        return take_measuring(args, flag, value, err);
    case LA_FLAG_TRAIN_LENGTHS:
    case LA_FLAG_TRAIN_AT_LENGTH:
    case LA_FLAG_DIFFICULTY:
    case LA_FLAG_SEEDS:
    case LA_FLAG_JOBS:
    case LA_FLAG_LR:
    case LA_FLAG_STEPS:
    case LA_FLAG_RECIPE:
    case LA_FLAG_LAYERS:
    case LA_FLAG_D_MODEL:
    case LA_FLAG_HEAD_DIM:
    case LA_FLAG_MLP:
    case LA_FLAG_CONV:
    case LA_FLAG_POS:
    case LA_FLAG_HYBRID:
        return take_learning(args, flag, value, err);
    case LA_FLAG_RETRY:
        return take_retry(args, value, err);
    case LA_FLAG_PLUGIN:
        return la_plugin_flag(&args->plugins, value, err);
    case LA_FLAG_DEVICE:
        args->device = value;
        return LA_OK;
    case LA_FLAG_DB:
        args->db = value;
        return LA_OK;
    case LA_FLAG_LABEL:
        args->label = value;
        return LA_OK;
    case LA_FLAG_NOTE:
        args->note = value;
        return LA_OK;
    case LA_FLAG_OUT:
        args->out = value;
        return LA_OK;
    default:
        return take_switch(args, flag, value, err);
    }
}

/* What flags left open. */
static la_status fill_defaults(la_run_args *args, la_err *err)
{
    la_run_settings *set = &args->settings;
    bool quick = args->spec.quick, careful = args->spec.careful;
    if (args->spec.variants.n == 0)
        return LA_FAIL(err, LA_E_ARG,
                       "--variants is missing: which? 'labench list variants' shows all; "
                       "--variants all takes every one");
    struct stat out;
    if (args->out && stat(args->out, &out) == 0 && !S_ISDIR(out.st_mode))
        return LA_FAIL(err, LA_E_ARG, "--out %s is a file; name a folder for the figures",
                       args->out);
    if (args->spec.lengths.n == 0) {
        const char *def = la_flags[LA_FLAG_LENGTHS].def;
        LA_TRY(la_sizes_parse("--lengths", def, &args->spec.lengths, NULL, err));
    }
    la_device cpu;
    la_device_cpu(&cpu);
    if (args->spec.jobs == 0) args->spec.jobs = cpu.cores < LA_JOBS_MAX ? cpu.cores : LA_JOBS_MAX;
    set->jobs = args->spec.jobs;
    set->cores = cpu.cores;
    double least = quick ? 0.3 : careful ? 0.5 : 0.1, most = quick ? 0.3 : careful ? 15 : 0.5;
    if (set->max_time_s > 0 && set->min_time_s > set->max_time_s)
        return LA_FAIL(err, LA_E_ARG, "--time %g is more than --max-time %g", set->min_time_s,
                       set->max_time_s);
    if (set->max_time_s == 0) set->max_time_s = fmax(most, set->min_time_s);
    if (set->min_time_s == 0) set->min_time_s = fmin(least, set->max_time_s);
    if (set->target == 0) set->target = careful ? 0.01 : 0.03;
    if (set->min_samples == 0) set->min_samples = quick ? 3 : 10;
    if (set->memory_limit == 0) set->memory_limit = la_memory_free() / 10 * 8;
    return LA_OK;
}

la_status la_run_args_parse(int argc, char **argv, int first, la_run_args *out, bool *help,
                            la_err *err)
{
    *out = (la_run_args){.device = "auto"};
    out->spec.seed = out->settings.seed = 1;
    out->settings.predict = true;
    la_status st = la_flags_parse(LA_CMD_RUN, argc, argv, first, take_flag, NULL, out, help, err);
    if (st != LA_OK || *help) return st;
    return fill_defaults(out, err);
}

la_status la_run_flag_check(la_flag_id flag, const char *value, la_err *err)
{
    la_run_args args = {0};
    la_status st = take_flag(&args, flag, value, err);
    la_run_args_release(&args);
    return st;
}

bool la_run_setting_name(la_flag_id flag, const char *value, char out[96])
{
    if (flag == LA_FLAG_SET) {
        snprintf(out, 96, "%.*s", (int)strcspn(value, "="), value);
        return true;
    }
    for (size_t i = 0; i < LA_COUNT(shorthands); i++)
        if (shorthands[i].flag == flag) {
            snprintf(out, 96, "%s.%s", shorthands[i].owner, shorthands[i].key);
            return true;
        }
    return false;
}

void la_run_args_release(la_run_args *args)
{
    la_spec_release(&args->spec);
    la_words_release(&args->plugins);
    la_text_release(&args->notes);
}

la_status la_device_choose(const char *name, la_device *out, la_err *err)
{
    char q[64];
    if (strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0) {
        la_device_cpu(out);
        return LA_OK;
    }
    if (strcmp(name, "cuda") == 0 ||
        (strncmp(name, "cuda:", 5) == 0 && name[5] && !name[5 + strspn(name + 5, "0123456789")])) {
        la_err why = {0};
        int index = name[4] ? atoi(name + 5) : 0;
        if (la_device_cuda(index, out, &why) != LA_OK)
            return LA_FAIL(err, LA_E_DEVICE, "%s; use --device cpu", why.msg);
        return LA_OK;
    }
    return LA_FAIL(err, LA_E_ARG, "no device '%s'; there are auto, cpu, cuda and cuda:N",
                   la_quote(name, q));
}
