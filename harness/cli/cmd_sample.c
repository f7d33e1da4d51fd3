/* SPDX-License-Identifier: Apache-2.0
 * labench sample: examples of a learned task as arrays, for training elsewhere.
 */
#include <inttypes.h>
#include <string.h>

#include "alloc.h"
#include "commands.h"
#include "log.h"
#include "registry.h"
#include "sample.h"
#include "sizes.h"

enum { MAX_SETTINGS = 64 };

typedef struct sample_args {
    la_common common;
    const char *task, *out, *settings[MAX_SETTINGS];
    size_t n_settings;
    int64_t n, length;
    uint64_t seed;
    int split;
} sample_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    sample_args *args = context;
    switch (flag) {
    case LA_FLAG_SEED:
        return la_seed_parse("--seed", value, &args->seed, err);
    case LA_FLAG_SPLIT:
        return la_flag_choice(LA_FLAG_SPLIT, value, &args->split, err);
    case LA_FLAG_N:
        return la_size_parse("--n", value, &args->n, err);
    case LA_FLAG_LENGTH:
        return la_size_parse("--length", value, &args->length, err);
    case LA_FLAG_OUT:
        args->out = value;
        return LA_OK;
    case LA_FLAG_SET:
        if (args->n_settings == MAX_SETTINGS)
            return LA_FAIL(err, LA_E_ARG, "--set is given more than %d times", MAX_SETTINGS);
        args->settings[args->n_settings++] = value;
        return LA_OK;
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    sample_args *args = context;
    char q[64];
    if (args->task)
        return LA_FAIL(err, LA_E_ARG, "'labench sample' takes one task; '%s' is the second",
                       la_quote(word, q));
    args->task = word;
    return LA_OK;
}

static la_status find_task(const sample_args *args, const la_task **out, la_err *err)
{
    char q[64];
    if (!args->task || !args->out)
        return LA_FAIL(err, LA_E_ARG, "%s is missing: labench sample %s",
                       args->task ? "--out" : "the task", la_commands[LA_CMD_SAMPLE].words);
    *out = la_tasks_find(args->task);
    const char *near = la_tasks_nearest(args->task);
    if (!*out)
        return LA_FAIL(err, LA_E_NOTFOUND, "no task '%s'%s%s; 'labench list tasks' shows all",
                       la_quote(args->task, q), near ? ". Nearest: " : "", near ? near : "");
    if (!(*out)->learned)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s is a probe: it fills the tensors of a variant and has no tokens",
                       (*out)->name);
    return LA_OK;
}

static la_status sample(const sample_args *args, la_err *err)
{
    const la_task *t = NULL;
    void *opts;
    LA_TRY(find_task(args, &t, err));
    LA_TRY(la_task_defaults(t, &opts, err));
    la_sample_set s = {
        .task = t, .opts = opts, .seed = args->seed, .split = (la_split)args->split, .n = args->n};
    la_status st = LA_OK;
    for (size_t i = 0; i < args->n_settings && st == LA_OK; i++)
        st = la_setting_take(t->name, t->options, t->options_len, opts, args->settings[i],
                             "pairs=8", err);
    if (st == LA_OK) st = la_sample_check_target(args->out, err);
    if (st == LA_OK) st = la_sample_draw(&s, args->length, err);
    if (st == LA_OK) st = la_sample_write(&s, args->out, err);
    if (st == LA_OK)
        la_log(LA_LOG_INFO, "%s: %" PRId64 " examples of %" PRId64 " tokens -> %s (digest %s)",
               t->name, s.n, s.T, args->out, s.digest);
    la_sample_release(&s);
    la_free(opts);
    return st;
}

int la_cmd_sample(int argc, char **argv, int first)
{
    sample_args args = {.n = 1000, .seed = 1};
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_SAMPLE, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_SAMPLE, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = sample(&args, &err);
    return st == LA_OK ? LA_EXIT_OK : la_complain(&err);
}
