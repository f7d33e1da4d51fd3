/* SPDX-License-Identifier: Apache-2.0
 * labench compare: is B faster than A?
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "comparison.h"
#include "query.h"
#include "registry.h"
#include "sides.h"
#include "sizes.h"

typedef struct compare_args {
    la_stored stored;
    const char *word[2];
    int words;
    bool fail[LA_VERDICTS];
    la_compare_how how;
} compare_args;

static la_status take_fail_on(compare_args *args, const char *value, la_err *err)
{
    for (const char *at = value;;) {
        size_t len = strcspn(at, ",");
        char word[24];
        int which;
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), at);
        LA_TRY(la_flag_choice(LA_FLAG_FAIL_ON, word, &which, err));
        if (which == 4)
            return LA_FAIL(err, LA_E_ARG,
                           "--fail-on miss is of 'labench reproduce'; compare has slower, faster, "
                           "changed, unclear");
        args->fail[LA_SLOWER] |= which == 0 || which == 2;
        args->fail[LA_FASTER] |= which == 1 || which == 2;
        args->fail[LA_UNCLEAR] |= which == 3;
        if (!at[len]) return LA_OK;
        at += len + 1;
    }
}

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    compare_args *args = context;
    switch (flag) {
    case LA_FLAG_FAIL_ON:
        return take_fail_on(args, value, err);
    case LA_FLAG_MIN_CHANGE:
        LA_TRY(la_real_parse("--min-change", value, 0, 100, &args->how.min_change, err));
        args->how.min_change /= 100;
        return LA_OK;
    case LA_FLAG_ACROSS:
        args->how.across = true;
        return LA_OK;
    default:
        return la_stored_take(&args->stored, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    compare_args *args = context;
    char q[64];
    if (args->words == 2)
        return LA_FAIL(err, LA_E_ARG, "'labench compare' takes two words; '%s' is the third",
                       la_quote(word, q));
    args->word[args->words++] = word;
    return LA_OK;
}

/* One side as it was found; `path` is the database, `words` what a person reads. */
typedef struct found {
    la_store *store;
    la_compare_side side;
    char path[1024], words[200];
} found;

/* The first id that a query of sweeps gives; 0: none. */
static la_status first_sweep(la_store *store, const char *sql, const char *arg, int64_t *id,
                             la_err *err)
{
    la_query *q = NULL;
    bool more = true;
    *id = 0;
    la_status st = la_query_open(store, sql, &arg, 1, &q, err);
    if (st == LA_OK) st = la_query_next(q, &more, err);
    if (st == LA_OK && more) *id = la_query_int(q, 0);
    la_query_close(q);
    return st;
}

static la_status find_sweep(found *f, const char *word, la_err *err)
{
    static const char of_build[] =
        "SELECT sweep_id FROM v_sweep WHERE git_commit LIKE ?1 || '%' AND state = 'done' "
        "ORDER BY sweep_id DESC LIMIT 1";
    static const char before_last[] =
        "SELECT sweep_id FROM v_sweep WHERE ?1 IS NOT NULL ORDER BY sweep_id DESC LIMIT 1 OFFSET 1";
    char q[64];
    if (strcmp(word, "previous") == 0) {
        LA_TRY(first_sweep(f->store, before_last, word, &f->side.sweep, err));
        if (f->side.sweep) return LA_OK;
        return LA_FAIL(err, LA_E_NOTFOUND, "%s holds one sweep, so there is no previous one",
                       f->path);
    }
    if (strncmp(word, "build:", 6) != 0)
        return la_store_sweep_resolve(f->store, word, &f->side.sweep, err);
    size_t len = strlen(word + 6);
    if (len < 4 || strspn(word + 6, "0123456789abcdef") != len)
        return LA_FAIL(err, LA_E_ARG,
                       "'%s': behind build: stand at least 4 hex digits of a commit, as 'labench "
                       "export sweeps --sweep all' shows them",
                       la_quote(word, q));
    LA_TRY(first_sweep(f->store, of_build, word + 6, &f->side.sweep, err));
    if (f->side.sweep) return LA_OK;
    return LA_FAIL(err, LA_E_NOTFOUND, "%s holds no finished sweep of commit %s", f->path,
                   la_quote(word + 6, q));
}

static la_status find(const compare_args *args, int i, const char *variant, found *f, la_err *err)
{
    const char *sweep,
        *word = variant ? (args->stored.sweep ? args->stored.sweep : "last") : args->word[i];
    char name[9];
    LA_TRY(la_side_split(word, la_db_path(args->stored.db), f->path, sizeof f->path, &sweep, err));
    if (sweep == word)
        LA_TRY(la_store_open(f->path, LA_STORE_READ, &f->store, err));
    else
        LA_TRY(la_side_open(f->path, "labench compare a.db b.db:last", &f->store, err));
    LA_TRY(find_sweep(f, sweep, err));
    LA_TRY(la_store_sweep_name(f->store, f->side.sweep, name, err));
    f->side.store = f->store;
    f->side.variant = variant;
    f->side.name = f->words;
    if (variant)
        snprintf(f->words, sizeof f->words, "%s of sweep %s", variant, name);
    else
        snprintf(f->words, sizeof f->words, "sweep %s of %.160s", name, f->path);
    return LA_OK;
}

/* The word as a variant of labench, or as one that the database knows, of a plugin or a peer; NULL: it is none. */
static la_status find_variant(const compare_args *args, const char *word, const char **out,
                              la_err *err)
{
    const la_variant *v = la_registry_find(word);
    la_store *store = NULL;
    la_query *q = NULL;
    bool more = false;
    *out = v ? v->name : NULL;
    if (v || strchr(word, ':') || strstr(word, ".db")) return LA_OK;
    /* Where there is none, or it cannot be read, the sweep's own name has its sentence. */
    if (la_store_if_there(args->stored.db, &store, NULL) != LA_OK || !store) return LA_OK;
    la_status st =
        la_query_open(store, "SELECT 1 FROM v_cell WHERE variant = ?1 LIMIT 1", &word, 1, &q, err);
    if (st == LA_OK) st = la_query_next(q, &more, err);
    la_query_close(q);
    la_store_close(store);
    if (more) *out = word;
    return st;
}

static la_status compare(const compare_args *args, bool *failed, la_err *err)
{
    const char *variant[2];
    found side[2] = {{0}, {0}};
    la_compare_result result;
    if (args->words != 2)
        return LA_FAIL(err, LA_E_ARG,
                       "'labench compare' takes two: sweeps (last, previous, 1a2b3c4d, x.db, "
                       "x.db:last), builds (build:COMMIT) or variants");
    for (int i = 0; i < 2; i++) LA_TRY(find_variant(args, args->word[i], &variant[i], err));
    if (!variant[0] != !variant[1])
        return LA_FAIL(err, LA_E_ARG, "%s is a variant and %s is none: compare two of one kind",
                       args->word[variant[0] ? 0 : 1], args->word[variant[0] ? 1 : 0]);
    if (args->stored.sweep && !variant[0])
        return LA_FAIL(err, LA_E_ARG,
                       "--sweep says where two variants are compared; %s and %s "
                       "are none",
                       args->word[0], args->word[1]);
    la_status st = find(args, 0, variant[0], &side[0], err);
    if (st == LA_OK) st = find(args, 1, variant[1], &side[1], err);
    if (st == LA_OK && strcmp(side[0].words, side[1].words) == 0)
        st = LA_FAIL(err, LA_E_ARG, "%s is compared with itself; name another one", side[0].words);
    if (st == LA_OK)
        st = la_report_compare(&side[0].side, &side[1].side, &args->how, stdout, &result, err);
    for (int v = 0; st == LA_OK && v < LA_VERDICTS; v++)
        *failed |= args->fail[v] && result.counts[v] > 0;
    la_store_close(side[0].store);
    la_store_close(side[1].store);
    return st;
}

int la_cmd_compare(int argc, char **argv, int first)
{
    compare_args args = {.how = {.min_change = 0.02}};
    la_err err = {0};
    bool help, failed = false;
    la_status st =
        la_flags_parse(LA_CMD_COMPARE, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_COMPARE, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.stored.common);
    args.how.pass = args.stored.pass;
    args.how.all = args.stored.all;
    args.how.json = args.stored.json;
    if (st == LA_OK) st = compare(&args, &failed, &err);
    return la_finish_stdout(st != LA_OK ? la_complain(&err)
                            : failed    ? LA_EXIT_CONDITION
                                        : LA_EXIT_OK);
}
