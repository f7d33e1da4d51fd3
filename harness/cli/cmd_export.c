/* SPDX-License-Identifier: Apache-2.0
 * labench export: rows of the store for other programs.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "export.h"
#include "query.h"
#include "sizes.h"

typedef struct export_args {
    la_common common;
    const char *db, *sweep, *out;
    la_export_how how;
} export_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    export_args *args = context;
    int choice;
    switch (flag) {
    case LA_FLAG_DB:
        args->db = value;
        return LA_OK;
    case LA_FLAG_SWEEP:
        args->sweep = value;
        return LA_OK;
    case LA_FLAG_FORMAT:
        args->how.format = value;
        LA_TRY(la_flag_choice(flag, value, &choice, err));
        if (strcmp(value, "text") == 0)
            return LA_FAIL(
                err, LA_E_ARG,
                "--format text is of 'labench reproduce'; export has csv, json, md, latex");
        return LA_OK;
    case LA_FLAG_BY:
        args->how.by = value;
        return LA_OK;
    case LA_FLAG_INTERVALS:
        LA_TRY(la_flag_choice(flag, value, &choice, err));
        args->how.bare = choice == 1;
        return LA_OK;
    case LA_FLAG_OUT:
        args->out = strcmp(value, "-") ? value : NULL;
        return LA_OK;
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    export_args *args = context;
    char q[64];
    if (args->how.what)
        return LA_FAIL(err, LA_E_ARG, "'labench export' takes one word; '%s' is the second",
                       la_quote(word, q));
    args->how.what = word;
    return LA_OK;
}

static la_status export(const export_args *args, la_err *err)
{
    la_store *store;
    int64_t sweep = 0;
    const char *db = la_db_path(args->db);
    la_export_how how = args->how;
    if (!how.what) how.what = "flat";
    if (how.bare && !how.by)
        return LA_FAIL(err, LA_E_ARG,
                       "--intervals goes with --by: only tables by a column show "
                       "them in brackets");
    if (!how.format) how.format = la_flags[LA_FLAG_FORMAT].def;
    LA_TRY(la_export_check(&how, err));
    LA_TRY(la_check_target(db, args->out, err));
    LA_TRY(la_store_open(db, LA_STORE_READ, &store, err));
    la_status st = LA_OK;
    if (!args->sweep || strcmp(args->sweep, "all") != 0)
        st = la_store_sweep_resolve(store, args->sweep ? args->sweep : "last", &sweep, err);
    if (st == LA_OK)
        st = args->out ? la_export_file(store, sweep, &how, args->out, err)
                       : la_export_as(store, sweep, &how, stdout, err);
    la_store_close(store);
    return st;
}

int la_cmd_export(int argc, char **argv, int first)
{
    export_args args = {0};
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_EXPORT, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_EXPORT, stdout);
        printf("\nWHAT is one of\n");
        for (size_t i = 0; i < la_export_count(); i++)
            printf("  %-12s %s\n", la_export_name(i), la_export_summary(i));
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = export(&args, &err);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
