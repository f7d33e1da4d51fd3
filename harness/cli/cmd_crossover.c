/* SPDX-License-Identifier: Apache-2.0
 * labench crossover: from which length on is one variant faster than another?
 */
#include <string.h>

#include "commands.h"
#include "crossover.h"
#include "query.h"
#include "sizes.h"

typedef struct crossover_args {
    la_stored stored;
    int words;
    la_crossover_how how;
} crossover_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    crossover_args *args = context;
    return la_stored_take(&args->stored, flag, value, err);
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    crossover_args *args = context;
    char q[64];
    if (args->words == 2)
        return LA_FAIL(err, LA_E_ARG,
                       "'labench crossover' takes two variants; '%s' is the third word",
                       la_quote(word, q));
    *(args->words++ ? &args->how.b : &args->how.a) = word;
    return LA_OK;
}

/* A name that the sweep has; peers' variants and plugins are known by it alone. */
static la_status check_variant(la_store *store, int64_t sweep, const char *name, la_err *err)
{
    static const char sql[] =
        "SELECT max(variant = ?2), group_concat(DISTINCT variant) FROM v_cell "
        "WHERE sweep_id = CAST(?1 AS INT) AND task = ''";
    char id[24], q[64];
    la_query *query = NULL;
    bool more = true;
    snprintf(id, sizeof id, "%lld", (long long)sweep);
    LA_TRY(la_query_open(store, sql, (const char *[]){id, name}, 2, &query, err));
    la_status st = la_query_next(query, &more, err);
    const char *known = st == LA_OK ? la_query_text(query, 1) : NULL;
    if (st == LA_OK && la_query_int(query, 0) != 1)
        st = LA_FAIL(err, LA_E_NOTFOUND, "the sweep has no times of '%s'; it has %s",
                     la_quote(name, q), known ? known : "none at all");
    la_query_close(query);
    return st;
}

static la_status crossover(const crossover_args *args, la_err *err)
{
    la_store *store;
    int64_t sweep;
    const char *words[] = {args->how.a, args->how.b};
    if (args->words == 1)
        return LA_FAIL(err, LA_E_ARG,
                       "'labench crossover' takes two variants, or none for each against each");
    if (args->words == 2 && strcmp(words[0], words[1]) == 0)
        return LA_FAIL(err, LA_E_ARG, "%s never overtakes itself: name two variants", words[0]);
    LA_TRY(la_store_open(la_db_path(args->stored.db), LA_STORE_READ, &store, err));
    la_status st = la_store_sweep_resolve(store, args->stored.sweep ? args->stored.sweep : "last",
                                          &sweep, err);
    for (int i = 0; i < args->words && st == LA_OK; i++)
        st = check_variant(store, sweep, words[i], err);
    if (st == LA_OK) st = la_report_crossovers(store, sweep, &args->how, stdout, err);
    la_store_close(store);
    return st;
}

int la_cmd_crossover(int argc, char **argv, int first)
{
    crossover_args args = {0};
    la_err err = {0};
    bool help;
    la_status st = la_flags_parse(LA_CMD_CROSSOVER, argc, argv, first, take_flag, take_word, &args,
                                  &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_CROSSOVER, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.stored.common);
    args.how.pass = args.stored.pass;
    args.how.all = args.stored.all;
    args.how.json = args.stored.json;
    if (st == LA_OK) st = crossover(&args, &err);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
