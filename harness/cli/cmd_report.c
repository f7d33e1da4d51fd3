/* SPDX-License-Identifier: Apache-2.0
 * labench report: a sweep as one HTML file, to be opened in a browser or sent to somebody.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "query.h"
#include "report.h"
#include "sizes.h"

typedef struct report_args {
    la_common common;
    const char *db, *sweep, *out;
    bool to_stdout;
} report_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    report_args *args = context;
    switch (flag) {
    case LA_FLAG_DB:
        args->db = value;
        return LA_OK;
    case LA_FLAG_OUT:
        args->out = value;
        args->to_stdout = strcmp(value, "-") == 0;
        return LA_OK;
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    report_args *args = context;
    char q[64];
    if (args->sweep)
        return LA_FAIL(err, LA_E_ARG, "'labench report' takes one sweep; '%s' is the second",
                       la_quote(word, q));
    args->sweep = word;
    return LA_OK;
}

static la_status print(la_store *store, int64_t sweep, la_err *err)
{
    la_text page = {0};
    la_status st = la_report_html(store, sweep, &page, err);
    if (st == LA_OK) fwrite(la_text_str(&page), 1, page.len, stdout);
    la_text_release(&page);
    return st;
}

static la_status report(const report_args *args, la_err *err)
{
    la_store *store;
    int64_t sweep;
    char name[9], beside[64];
    const char *db = la_db_path(args->db);
    if (!args->to_stdout) LA_TRY(la_check_target(db, args->out, err));
    LA_TRY(la_store_open(db, LA_STORE_READ, &store, err));
    la_status st = la_store_sweep_resolve(store, args->sweep ? args->sweep : "last", &sweep, err);
    if (st == LA_OK) st = la_store_sweep_name(store, sweep, name, err);
    if (st == LA_OK && args->to_stdout) {
        st = print(store, sweep, err);
    } else if (st == LA_OK) {
        snprintf(beside, sizeof beside, "results/%s/report.html", name);
        const char *path = args->out ? args->out : beside;
        st = la_report_html_file(store, sweep, path, err);
        if (st == LA_OK) printf("%s\n", path);
    }
    la_store_close(store);
    return st;
}

int la_cmd_report(int argc, char **argv, int first)
{
    report_args args = {0};
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_REPORT, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_REPORT, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = report(&args, &err);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
