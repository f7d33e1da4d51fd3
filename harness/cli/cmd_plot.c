/* SPDX-License-Identifier: Apache-2.0
 * labench plot: a sweep as figures.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "log.h"
#include "query.h"
#include "report.h"

enum { MAX_KINDS = 32 };

typedef struct plot_args {
    la_common common;
    const char *db, *sweep, *out, *words[MAX_KINDS];
    size_t n_words;
} plot_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    plot_args *args = context;
    switch (flag) {
    case LA_FLAG_DB:
        args->db = value;
        return LA_OK;
    case LA_FLAG_SWEEP:
        args->sweep = value;
        return LA_OK;
    case LA_FLAG_OUT:
        args->out = value;
        return LA_OK;
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    plot_args *args = context;
    if (args->n_words == MAX_KINDS) return LA_FAIL(err, LA_E_ARG, "more than %d words", MAX_KINDS);
    args->words[args->n_words++] = word;
    return LA_OK;
}

/* The figure's path without its ending, for a person and for a script. */
static void drawn(const char *stem, void *context)
{
    (void)context;
    printf("%s.svg\n", stem);
}

static la_status plot(const plot_args *args, la_err *err)
{
    la_store *store;
    int64_t sweep;
    char name[9], dir[1024];
    la_plots plots = {0};
    bool all = args->n_words == 1 && strcmp(args->words[0], "all") == 0;
    LA_TRY(la_store_open(la_db_path(args->db), LA_STORE_READ, &store, err));
    la_status st = la_store_sweep_resolve(store, args->sweep ? args->sweep : "last", &sweep, err);
    if (st == LA_OK) st = la_store_sweep_name(store, sweep, name, err);
    if (st != LA_OK) goto done;
    snprintf(dir, sizeof dir, args->out ? "%s" : "results/%s", args->out ? args->out : name);
    st = la_report_plots(store, sweep, args->words, all ? 0 : args->n_words, dir, drawn, NULL,
                         &plots, err);
    if (st == LA_OK && plots.drawn == 0)
        st = LA_FAIL(err, LA_E_NOTFOUND, "sweep %s has no data for %s", name,
                     args->n_words ? "that" : "any plot");
    else if (st == LA_OK && plots.empty && args->n_words && !all)
        la_log(LA_LOG_WARN, "%zu of the kinds have no data in sweep %s", plots.empty, name);
done:
    la_store_close(store);
    return st;
}

int la_cmd_plot(int argc, char **argv, int first)
{
    plot_args args = {0};
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_PLOT, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_PLOT, stdout);
        printf("\nKIND is all, or some of\n");
        for (size_t i = 0; i < la_plot_count(); i++)
            printf("  %-12s %s\n", la_plot_heading(i), la_plot_summary(i));
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = plot(&args, &err);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
