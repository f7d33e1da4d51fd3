/* SPDX-License-Identifier: Apache-2.0
 * labench show: everything about a sweep, a cell, a variant or a task.
 */
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "plugin_flags.h"
#include "plugins.h"
#include "registry.h"
#include "report.h"
#include "screen.h"
#include "sizes.h"

enum { MAX_SETTINGS = 32 };

typedef struct show_args {
    la_common common;
    const char *db, *what, *kind; /* `show task mqar`: the kind is named */
    const char *settings[MAX_SETTINGS];
    size_t n_settings;
    la_words plugins;
    bool json;
} show_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    show_args *args = context;
    if (flag == LA_FLAG_PLUGIN) return la_plugin_flag(&args->plugins, value, err);
    if (flag == LA_FLAG_SET) {
        if (args->n_settings == MAX_SETTINGS)
            return LA_FAIL(err, LA_E_ARG, "--set is given more than %d times", MAX_SETTINGS);
        args->settings[args->n_settings++] = value;
        return LA_OK;
    }
    if (flag == LA_FLAG_JSON) {
        args->json = true;
        return LA_OK;
    }
    if (flag != LA_FLAG_DB) return la_common_take(&args->common, flag, value, err);
    args->db = value;
    return LA_OK;
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    show_args *args = context;
    char q[64];
    if (args->what && !args->kind &&
        (strcmp(args->what, "task") == 0 || strcmp(args->what, "variant") == 0))
        args->kind = args->what;
    else if (args->what)
        return LA_FAIL(err, LA_E_ARG, "'labench show' takes one word; '%s' is the second",
                       la_quote(word, q));
    args->what = word;
    return LA_OK;
}

static la_status show_task(const show_args *args, const la_task *t, la_err *err)
{
    return la_show_task(t, args->settings, args->n_settings, la_screen_width(STDOUT_FILENO), stdout,
                        err);
}

static la_status show_named(const show_args *args, la_err *err)
{
    char q[64];
    bool task = strcmp(args->kind, "task") == 0;
    if (!task && args->n_settings)
        return LA_FAIL(err, LA_E_ARG,
                       "--set goes with a task here: labench show task mqar --set pairs=8");
    const la_variant *v = task ? NULL : la_registry_find(args->what);
    const la_task *t = task ? la_tasks_find(args->what) : NULL;
    if (v) return la_print_variant(v, true, stdout, err);
    if (t) return show_task(args, t, err);
    const char *near = task ? la_tasks_nearest(args->what) : la_registry_nearest(args->what);
    return LA_FAIL(err, LA_E_NOTFOUND, "no %s '%s'%s%s; 'labench list %ss' shows all", args->kind,
                   la_quote(args->what, q), near ? ". Nearest: " : "", near ? near : "",
                   args->kind);
}

static la_status show_stored(const show_args *args, const char *what, la_err *err)
{
    la_store *store;
    LA_TRY(la_store_open(la_db_path(args->db), LA_STORE_READ, &store, err));
    la_status st = args->json
                       ? la_report_show_json(store, what, stdout, err)
                       : la_report_show(store, what, stdout, la_screen_width(STDOUT_FILENO), err);
    la_store_close(store);
    return st;
}

/* Of variants and tasks `labench list --json` has it. */
static la_status refuse_json(const char *what, const char *kind, la_err *err)
{
    char q[64];
    return LA_FAIL(err, LA_E_ARG,
                   "--json is for sweeps, cells and models; '%s' is a %s: labench list %ss --json",
                   la_quote(what, q), kind, kind);
}

static la_status show(const show_args *args, la_err *err)
{
    const char *what = args->what ? args->what : "last";
    if (args->json && args->kind) return refuse_json(what, args->kind, err);
    if (args->json && la_registry_find(what)) return refuse_json(what, "variant", err);
    if (args->json && la_tasks_find(what)) return refuse_json(what, "task", err);
    if (args->json && !args->n_settings) return show_stored(args, what, err);
    if (args->kind) return show_named(args, err);
    const la_variant *v = args->n_settings ? NULL : la_registry_find(what);
    const la_task *t = la_tasks_find(what);
    if (v) return la_print_variant(v, true, stdout, err);
    if (t) return show_task(args, t, err);
    if (args->n_settings)
        return LA_FAIL(err, LA_E_ARG,
                       "--set goes with a task here: labench show task mqar --set pairs=8");
    bool known;
    LA_TRY(la_print_learning(what, stdout, &known, err));
    if (known) return LA_OK;
    if (strcmp(what, "task") == 0 || strcmp(what, "variant") == 0)
        return LA_FAIL(err, LA_E_ARG, "which %s? 'labench list %ss' shows all", what, what);
    la_status st = show_stored(args, what, err);
    bool a_sweep = strcmp(what, "last") == 0 || access(la_db_path(args->db), F_OK) != 0;
    if (st != LA_E_NOTFOUND || a_sweep) return st;
    const char *near = la_registry_nearest(what);
    if (!near) near = la_tasks_nearest(what);
    if (!near) return st;
    char q[64];
    return LA_FAIL(err, st, "no sweep, cell, variant or task '%s'. Nearest: %s", la_quote(what, q),
                   near);
}

int la_cmd_show(int argc, char **argv, int first)
{
    show_args args = {0};
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_SHOW, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_SHOW, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = la_plugin_flags_open(&args.plugins, &err);
    if (st == LA_OK) st = show(&args, &err);
    la_plugins_close();
    la_words_release(&args.plugins);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
