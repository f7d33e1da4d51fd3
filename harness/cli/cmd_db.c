/* SPDX-License-Identifier: Apache-2.0
 * labench db: care of a database.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "store.h"
#include "text.h"

typedef struct db_args {
    la_common common;
    const char *what, *db, *out;
} db_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    db_args *args = context;
    switch (flag) {
    case LA_FLAG_DB:
        args->db = value;
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
    db_args *args = context;
    if (args->what)
        return LA_FAIL(err, LA_E_ARG,
                       "'labench db' does one thing at a time; the file is named with --db");
    args->what = word;
    return LA_OK;
}

static la_status check(const db_args *args, la_store *store, la_err *err)
{
    (void)args;
    la_store_facts f;
    char size[24];
    LA_TRY(la_store_check(store, &f, err));
    printf("%s is sound: schema %" PRId64 ", %s; %" PRId64 " sweeps, %" PRId64 " cells, %" PRId64
           " attempts, %" PRId64 " samples, %" PRId64 " models\n",
           la_store_path(store), f.schema, la_format_bytes((double)f.bytes, size), f.sweeps,
           f.cells, f.attempts, f.samples, f.models);
    if (f.schema < LA_SCHEMA_VERSION)
        printf("this labench writes schema %d; 'labench db migrate --db %s' brings it up to date\n",
               LA_SCHEMA_VERSION, la_store_path(store));
    return LA_OK;
}

/* A file that is not there yet: --out, else the database's name and an ending. */
static la_status name_new(const db_args *args, const char *ending, la_text *name, la_err *err)
{
    la_text_add(name, "%s%s", args->out ? args->out : la_db_path(args->db),
                args->out ? "" : ending);
    if (name->failed) return LA_FAIL(err, LA_E_NOMEM, "out of memory: the name of a copy");
    if (access(la_text_str(name), F_OK) != 0) return LA_OK;
    return LA_FAIL(err, LA_E_ARG, "%s is there already; name another file with --out",
                   la_text_str(name));
}

static la_status backup(const db_args *args, la_store *store, la_err *err)
{
    la_text name = {0};
    la_status st = name_new(args, ".bak", &name, err);
    if (st == LA_OK) st = la_store_copy(store, la_text_str(&name), err);
    if (st == LA_OK) printf("%s is a copy of %s\n", la_text_str(&name), la_store_path(store));
    la_text_release(&name);
    return st;
}

static la_status migrate(const db_args *args, la_store *store, la_err *err)
{
    la_store_facts f;
    la_store *written;
    LA_TRY(la_store_check(store, &f, err));
    if (f.schema == LA_SCHEMA_VERSION) {
        printf("%s has schema %d already\n", la_store_path(store), LA_SCHEMA_VERSION);
        return LA_OK;
    }
    LA_TRY(la_store_open(la_db_path(args->db), LA_STORE_WRITE, &written, err));
    la_store_close(written);
    printf("%s: schema %" PRId64 " is now %d; as it was: %s.v%" PRId64 ".bak\n",
           la_store_path(store), f.schema, LA_SCHEMA_VERSION, la_store_path(store), f.schema);
    return LA_OK;
}

static void tell_recovered(const char *from, const char *to, const la_recovered *found)
{
    printf("%s holds what can be read of %s: %" PRId64 " sweeps, %" PRId64 " cells, %" PRId64
           " attempts, %" PRId64 " models\n",
           to, from, found->sweeps, found->cells, found->attempts, found->models);
    printf("lost, at least in part: %s%s%s%s\n", found->lost_cells ? "cells " : "",
           found->lost_attempts ? "attempts " : "", found->lost_others ? "what goes with them" : "",
           found->lost_cells || found->lost_attempts || found->lost_others ? "" : "nothing");
    if (found->lost_cells || found->lost_attempts)
        printf("'sqlite3 %s .recover' may find more rows, but not which belong together\n", from);
    if (found->unfinished)
        printf("%" PRId64 " sweeps are to be continued: run their commands again with --db %s\n",
               found->unfinished, to);
}

static la_status recover(const db_args *args, la_err *err)
{
    la_text name = {0};
    la_recovered found;
    la_status st = name_new(args, ".recovered", &name, err);
    if (st == LA_OK) st = la_store_recover(la_db_path(args->db), la_text_str(&name), &found, err);
    if (st == LA_OK) tell_recovered(la_db_path(args->db), la_text_str(&name), &found);
    la_text_release(&name);
    return st;
}

static la_status do_it(const db_args *args, int which, la_err *err)
{
    static la_status (*const doings[])(const db_args *, la_store *, la_err *) = {check, backup,
                                                                                 migrate};
    la_store *store;
    LA_TRY(la_store_open(la_db_path(args->db), LA_STORE_READ, &store, err));
    la_status st = doings[which](args, store, err);
    la_store_close(store);
    return st;
}

int la_cmd_db(int argc, char **argv, int first)
{
    static const char *const words[] = {"check", "backup", "migrate", "recover"};
    enum { BACKUP = 1, RECOVER = 3 };
    db_args args = {0};
    la_err err = {0};
    bool help;
    int which = 0;
    la_status st =
        la_flags_parse(LA_CMD_DB, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_DB, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK && !args.what)
        st =
            LA_FAIL(&err, LA_E_ARG, "'labench db' needs a word: check, backup, migrate or recover");
    if (st == LA_OK)
        st = la_choice_parse("'labench db'", args.what, words, LA_COUNT(words), &which, &err);
    if (st == LA_OK && args.out && which != BACKUP && which != RECOVER)
        st = LA_FAIL(&err, LA_E_ARG,
                     "--out names the new file of 'labench db backup' and 'labench db recover'");
    if (st == LA_OK) st = which == RECOVER ? recover(&args, &err) : do_it(&args, which, &err);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
