/* SPDX-License-Identifier: Apache-2.0
 * labench plot: a sweep as figures.
 */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "commands.h"
#include "log.h"
#include "query.h"
#include "report.h"
#include "sides.h"
#include "sizes.h"

enum { MAX_KINDS = 32, MAX_SIDES = 8, NAME = 40 };

typedef struct plot_args {
    la_common common;
    const char *db, *sweep, *out, *words[MAX_KINDS], *with[MAX_SIDES];
    size_t n_words, n_with;
    la_plot_how how;
} plot_args;

static la_status take_terminals(plot_args *args, const char *value, la_err *err)
{
    for (const char *at = value;;) {
        size_t len = strcspn(at, ",");
        char word[24];
        int which;
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), at);
        LA_TRY(la_flag_choice(LA_FLAG_TERMINAL, word, &which, err));
        args->how.pdf |= which == 0;
        args->how.tikz |= which == 1;
        if (!at[len]) return LA_OK;
        at += len + 1;
    }
}

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
    case LA_FLAG_WITH:
        if (args->n_with == MAX_SIDES - 1)
            return LA_FAIL(err, LA_E_ARG, "--with is given more than %d times", MAX_SIDES - 1);
        args->with[args->n_with++] = value;
        return LA_OK;
    case LA_FLAG_BASE:
        args->how.base = value;
        return LA_OK;
    case LA_FLAG_RESIDENT:
        args->how.resident = true;
        return LA_OK;
    case LA_FLAG_LENGTH:
        return la_size_parse("--length", value, &args->how.length, err);
    case LA_FLAG_TERMINAL:
        return take_terminals(args, value, err);
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    plot_args *args = context;
    for (size_t i = 0; i < args->n_words; i++)
        if (strcmp(args->words[i], word) == 0) return LA_OK;
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

/* A sweep to draw, and what it may be called. */
typedef struct side {
    la_store *store;
    int64_t sweep;
    char path[1024], label[NAME], file[NAME], id[9], name[2 * NAME];
} side;

static la_status read_label(side *s, la_err *err)
{
    char id[24], path[sizeof s->path];
    la_query *q = NULL;
    bool more = true;
    snprintf(id, sizeof id, "%lld", (long long)s->sweep);
    LA_TRY(la_query_open(s->store, "SELECT label FROM v_sweep WHERE sweep_id = CAST(?1 AS INT)",
                         (const char *[]){id}, 1, &q, err));
    la_status st = la_query_next(q, &more, err);
    if (st == LA_OK && more)
        snprintf(s->label, sizeof s->label, "%.39s", la_query_named_text(q, "label"));
    la_query_close(q);
    snprintf(path, sizeof path, "%s", s->path);
    const char *file = basename(path);
    size_t len = strlen(file) > 3 && strcmp(file + strlen(file) - 3, ".db") == 0 ? strlen(file) - 3
                                                                                 : strlen(file);
    snprintf(s->file, sizeof s->file, "%.*s", (int)(len < NAME ? len : NAME - 1), file);
    return st;
}

static la_status open_side(side *s, bool of_with, const char *sweep, la_err *err)
{
    if (of_with)
        LA_TRY(la_side_open(s->path, "--with other.db:last", &s->store, err));
    else
        LA_TRY(la_store_open(s->path, LA_STORE_READ, &s->store, err));
    LA_TRY(la_store_sweep_resolve(s->store, sweep, &s->sweep, err));
    LA_TRY(la_store_sweep_name(s->store, s->sweep, s->id, err));
    return read_label(s, err);
}

static bool all_differ(const side *sides, size_t n, size_t offset)
{
    for (size_t i = 0; i < n; i++) {
        const char *a = (const char *)&sides[i] + offset;
        if (!*a) return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(a, (const char *)&sides[j] + offset) == 0) return false;
    }
    return true;
}

/* Sweeps are told apart by their labels, else by their files, else by their ids, whichever does. */
static la_status name_sides(side *sides, size_t n, la_err *err)
{
    const size_t offsets[] = {offsetof(side, label), offsetof(side, file), offsetof(side, id)};
    for (size_t k = 0; k < LA_COUNT(offsets); k++) {
        if (!all_differ(sides, n, offsets[k])) continue;
        for (size_t i = 0; i < n; i++)
            snprintf(sides[i].name, sizeof sides[i].name, "%s",
                     (const char *)&sides[i] + offsets[k]);
        return LA_OK;
    }
    return LA_FAIL(err, LA_E_ARG, "sweep %s of %s is drawn beside itself; --with takes another",
                   sides[0].id, sides[0].path);
}

static la_status open_sides(const plot_args *args, side *sides, la_err *err)
{
    const char *db = la_db_path(args->db), *sweep;
    if (strlen(db) >= sizeof sides->path)
        return LA_FAIL(err, LA_E_ARG, "the path %.60s... is too long", db);
    snprintf(sides->path, sizeof sides->path, "%s", db);
    LA_TRY(open_side(&sides[0], false, args->sweep ? args->sweep : "last", err));
    for (size_t i = 0; i < args->n_with; i++) {
        side *s = &sides[i + 1];
        LA_TRY(la_side_split(args->with[i], db, s->path, sizeof s->path, &sweep, err));
        LA_TRY(open_side(s, true, sweep, err));
    }
    return args->n_with ? name_sides(sides, args->n_with + 1, err) : LA_OK;
}

/* A base that was measured nowhere would leave figures out without a word. */
static la_status check_base(const side *sides, size_t n, const char *base, la_err *err)
{
    bool more = false;
    for (size_t i = 0; i < n && !more; i++) {
        la_query *q = NULL;
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)sides[i].sweep);
        LA_TRY(la_query_open(sides[i].store,
                             "SELECT 1 FROM v_cell WHERE sweep_id = CAST(?1 AS INT) AND task = '' "
                             "AND variant = ?2 LIMIT 1",
                             (const char *[]){id, base}, 2, &q, err));
        la_status st = la_query_next(q, &more, err);
        la_query_close(q);
        LA_TRY(st);
    }
    char q[64];
    if (more) return LA_OK;
    return LA_FAIL(err, LA_E_ARG,
                   "--base %s: sweep %s timed no such variant; 'labench show' names "
                   "those it has",
                   la_quote(base, q), sides[0].id);
}

static bool draws_all(const plot_args *args)
{
    return args->n_words == 1 && strcmp(args->words[0], "all") == 0;
}

static bool draws(const plot_args *args, const char *kind)
{
    if (args->n_words == 0) return true;
    for (size_t i = 0; i < args->n_words; i++)
        if (strcmp(args->words[i], kind) == 0 || strcmp(args->words[i], "all") == 0) return true;
    return false;
}

/* What needs no database: kinds that there are, and what one of them looks at. */
static la_status check_how(const plot_args *args, la_err *err)
{
    if (!draws_all(args)) LA_TRY(la_plot_check(args->words, args->n_words, err));
    if (args->how.resident && !draws(args, "memory"))
        return LA_FAIL(err, LA_E_ARG, "--resident is of 'labench plot memory'");
    if (args->how.length && !draws(args, "samples"))
        return LA_FAIL(err, LA_E_ARG, "--length is of 'labench plot samples'");
    return LA_OK;
}

/* results/ID, with the ids of all that are drawn. */
static void default_folder(const side *sides, size_t n, char *dir, size_t cap)
{
    size_t len = (size_t)snprintf(dir, cap, "results/%s", sides[0].id);
    for (size_t i = 1; i < n && len < cap; i++)
        len += (size_t)snprintf(dir + len, cap - len, "-%s", sides[i].id);
}

static la_status draw(const plot_args *args, const side *sides, la_err *err)
{
    size_t n = args->n_with + 1;
    bool all = draws_all(args);
    la_source sources[MAX_SIDES];
    la_plots plots = {0};
    char dir[1024];
    for (size_t i = 0; i < n; i++)
        sources[i] = (la_source){sides[i].store, sides[i].sweep, sides[i].name};
    if (args->how.base) LA_TRY(check_base(sides, n, args->how.base, err));
    if (args->out && strlen(args->out) >= sizeof dir)
        return LA_FAIL(err, LA_E_ARG, "--out %.60s... is too long a path", args->out);
    if (args->out)
        snprintf(dir, sizeof dir, "%s", args->out);
    else
        default_folder(sides, n, dir, sizeof dir);
    bool fresh = access(dir, F_OK) != 0;
    LA_TRY(la_report_draw(sources, n, args->words, all ? 0 : args->n_words, &args->how, dir, drawn,
                          NULL, &plots, err));
    if (plots.drawn == 0 && fresh) rmdir(dir);
    if (plots.drawn == 0)
        return LA_FAIL(err, LA_E_NOTFOUND, "sweep %s has no data for %s", sides[0].id,
                       args->n_words ? "that" : "any plot");
    if (plots.without && !all)
        la_log(LA_LOG_WARN, "sweep %s has no data for %zu of the kinds", sides[0].id,
               plots.without);
    return LA_OK;
}

static la_status plot(const plot_args *args, la_err *err)
{
    side *sides = la_zalloc(MAX_SIDES * sizeof *sides, err);
    if (!sides) return LA_E_NOMEM;
    la_status st = check_how(args, err);
    if (st == LA_OK) st = open_sides(args, sides, err);
    if (st == LA_OK) st = draw(args, sides, err);
    for (size_t i = 0; i < MAX_SIDES; i++) la_store_close(sides[i].store);
    la_free(sides);
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
        printf("Ours against what a paper published: labench reproduce ID --out FOLDER/\n");
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = plot(&args, &err);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
