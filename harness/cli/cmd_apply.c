/* SPDX-License-Identifier: Apache-2.0
 * labench apply: a variant on the user's own arrays.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "apply.h"
#include "commands.h"
#include "log.h"
#include "plugin_flags.h"
#include "registry.h"
#include "sizes.h"

enum { MAX_SETTINGS = 64 };

typedef struct apply_args {
    la_common common;
    la_apply a;
    const char *variant, *settings[MAX_SETTINGS];
    size_t n_settings;
    la_words plugins;
} apply_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    apply_args *args = context;
    la_apply *a = &args->a;
    int64_t n;
    int choice;
    switch (flag) {
    case LA_FLAG_VARIANT:
        args->variant = value;
        return LA_OK;
    case LA_FLAG_IN:
        a->in = value;
        return LA_OK;
    case LA_FLAG_OUT:
        a->out = value;
        return LA_OK;
    case LA_FLAG_FORM:
        a->form = strcmp(value, "best") ? value : NULL;
        return LA_OK;
    case LA_FLAG_STATE:
        a->with_state = true;
        return LA_OK;
    case LA_FLAG_GRAD:
        a->with_grad = true;
        return LA_OK;
    case LA_FLAG_MASK:
        LA_TRY(la_flag_choice(LA_FLAG_MASK, value, &choice, err));
        a->mask = choice - 1;
        return LA_OK;
    case LA_FLAG_SCALE:
        return la_real_parse("--scale", value, 1e-6, 1e6, &a->scale, err);
    case LA_FLAG_SEED:
        return la_seed_parse("--seed", value, &a->seed, err);
    case LA_FLAG_THREADS:
        LA_TRY(la_whole_parse("--threads", value, 1, 1024, &n, err));
        a->threads = (int)n;
        return LA_OK;
    case LA_FLAG_PLUGIN:
        return la_plugin_flag(&args->plugins, value, err);
    case LA_FLAG_SET:
        if (args->n_settings == MAX_SETTINGS)
            return LA_FAIL(err, LA_E_ARG, "--set is given more than %d times", MAX_SETTINGS);
        args->settings[args->n_settings++] = value;
        return LA_OK;
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status prepare(apply_args *args, la_err *err)
{
    la_apply *a = &args->a;
    char q[64];
    if (!args->variant || !a->in || !a->out)
        return LA_FAIL(err, LA_E_ARG, "--%s is missing: labench apply %s",
                       !args->variant ? "variant"
                       : !a->in       ? "in"
                                      : "out",
                       la_commands[LA_CMD_APPLY].words);
    const la_variant *v = a->variant = la_registry_find(args->variant);
    if (!v) {
        const char *near = la_registry_nearest(args->variant);
        return LA_FAIL(err, LA_E_ARG, "no variant '%s'%s%s. 'labench list variants' shows all %zu.",
                       la_quote(args->variant, q), near ? ". Nearest: " : "", near ? near : "",
                       la_registry_count());
    }
    if (v->options_len) {
        a->opts = la_zalloc(v->options_size, err);
        if (!a->opts) return LA_E_NOMEM;
        la_options_default(v->options, v->options_len, a->opts);
    }
    for (size_t i = 0; i < args->n_settings; i++)
        LA_TRY(la_setting_take(v->name, v->options, v->options_len, a->opts, args->settings[i],
                               "map=elu", err));
    return LA_OK;
}

int la_cmd_apply(int argc, char **argv, int first)
{
    la_device cpu;
    la_device_cpu(&cpu);
    apply_args args = {.a = {.mask = -1, .seed = 1, .threads = cpu.cores}};
    la_apply *a = &args.a;
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_APPLY, argc, argv, first, take_flag, NULL, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_APPLY, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    int code = LA_EXIT_OK;
    if (st == LA_OK) st = la_plugin_flags_open(&args.plugins, &err);
    if (st == LA_OK && la_plugin_elsewhere(argc, argv, &code)) goto done;
    if (st == LA_OK) st = prepare(&args, &err);
    if (st == LA_OK) st = la_apply_read(a, &err);
    if (st == LA_OK)
        st = a->form && strcmp(a->form, "reference") == 0 ? la_apply_reference(a, &err)
                                                          : la_apply_kernel(a, &err);
    if (st == LA_OK) st = la_apply_write(a, &err);
    if (st != LA_OK) {
        code = la_complain(&err);
    } else {
        char words[192];
        const la_problem *p = &a->p;
        la_shape_words((int64_t[]){p->B, p->T, p->H, p->dv}, 4, words);
        la_log(LA_LOG_INFO, "%s (%s, %s): o %s -> %s/o.npy", a->variant->name, a->how,
               la_mask_name(p->mask), words, a->out);
    }
done:
    la_apply_release(a);
    la_words_release(&args.plugins);
    return code;
}
