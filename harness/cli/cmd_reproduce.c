/* SPDX-License-Identifier: Apache-2.0
 * labench reproduce: a paper's table beside ours, measured where --run says so.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "folder.h"
#include "log.h"
#include "new_file.h"
#include "reproduce.h"
#include "screen.h"
#include "sizes.h"
#include "sweep.h"

typedef struct reproduce_args {
    la_common common;
    la_words words;
    la_paper_scale scale;
    const char *db, *format, *out;
    bool run, dry_run, fail_on_miss;
    /* What is being done. */
    bool folder; /* --out names one */
    la_paper *papers;
    size_t n_papers;
    la_reach reach;
    la_text claims; /* of all tables, for claims.md */
    bool failed_cells, missed;
    int stopped; /* the exit code of what ended everything, or 0 */
} reproduce_args;

static const char *const formats[] = {"text", "md", "csv", "latex", "json"};

/* ---- the command line ---- */

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    static const char *const conditions[] = {"miss"};
    reproduce_args *args = context;
    int which;
    char q[64];
    switch (flag) {
    case LA_FLAG_DB:
        args->db = value;
        return LA_OK;
    case LA_FLAG_SCALE:
        if (la_scale_parse(value, &args->scale, NULL) == LA_OK) return LA_OK;
        return LA_FAIL(err, LA_E_ARG, "--scale has no value '%s'; there are cpu, full",
                       la_quote(value, q));
    case LA_FLAG_MEASURE:
        args->run = true;
        return LA_OK;
    case LA_FLAG_DRY_RUN:
        args->dry_run = true;
        return LA_OK;
    case LA_FLAG_FORMAT:
        args->format = value;
        return la_choice_parse("--format", value, formats, LA_COUNT(formats), &which, err);
    case LA_FLAG_OUT:
        args->out = strcmp(value, "-") ? value : NULL;
        return LA_OK;
    case LA_FLAG_FAIL_ON:
        args->fail_on_miss = true;
        return la_choice_parse("--fail-on", value, conditions, LA_COUNT(conditions), &which, err);
    default:
        return la_common_take(&args->common, flag, value, err);
    }
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    return la_words_add(&((reproduce_args *)context)->words, word, strlen(word), err);
}

static bool has_word(const reproduce_args *args, const char *word)
{
    for (size_t i = 0; i < args->words.n; i++)
        if (strcmp(args->words.v[i], word) == 0) return true;
    return false;
}

static bool is_folder(const char *path)
{
    struct stat st;
    size_t n = strlen(path);
    return (n > 0 && path[n - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static la_status check_args(reproduce_args *args, la_err *err)
{
    if (args->words.n == 0)
        return LA_FAIL(err, LA_E_ARG,
                       "which table? 'labench reproduce list' shows all; 'all' takes every one");
    for (int i = 0; i < 2; i++)
        if (has_word(args, i ? "all" : "list") && args->words.n > 1)
            return LA_FAIL(err, LA_E_ARG, "'%s' stands alone", i ? "all" : "list");
    if (has_word(args, "list") && (args->run || args->dry_run || args->format || args->out))
        return LA_FAIL(err, LA_E_ARG,
                       "'labench reproduce list' only lists: name tables for --run, --dry-run, "
                       "--format or --out");
    if (args->dry_run && (args->format || args->out || args->fail_on_miss))
        return LA_FAIL(err, LA_E_ARG,
                       "--dry-run makes no table: leave --format, --out and --fail-on out");
    bool many = args->words.n > 1 || has_word(args, "all");
    args->folder = args->out && (many || is_folder(args->out));
    if (!args->folder) LA_TRY(la_check_target(la_db_path(args->db), args->out, err));
    if (args->out && !args->folder) LA_TRY(la_make_folder_of(args->out, err));
    if (args->folder && args->format)
        return LA_FAIL(err, LA_E_ARG,
                       "--out %s is a folder, which gets md, json and figures; leave --format out",
                       args->out);
    if (many && !args->out && args->format &&
        (strcmp(args->format, "csv") == 0 || strcmp(args->format, "json") == 0))
        return LA_FAIL(err, LA_E_ARG, "several tables are no %s file; give --out FOLDER",
                       args->format);
    return LA_OK;
}

/* ---- which tables ---- */

static la_status add_paper(reproduce_args *args, const char *path, size_t *cap, la_err *err)
{
    LA_TRY(la_grow((void **)&args->papers, cap, args->n_papers + 1, sizeof *args->papers, err));
    la_paper *paper = &args->papers[args->n_papers++];
    LA_TRY(la_paper_read(path, paper, err));
    if (paper->scales[args->scale]) return LA_OK;
    if (!has_word(args, "all"))
        return LA_FAIL(err, LA_E_ARG, "%s has no [scale %s]", path, la_scale_name(args->scale));
    la_paper_release(&args->papers[--args->n_papers]);
    return LA_OK;
}

/* All of them are read before anything is measured. */
static la_status read_papers(reproduce_args *args, la_err *err)
{
    char path[PATH_MAX];
    size_t cap = 0;
    if (has_word(args, "all"))
        for (size_t i = 0; la_paper_at(i, path, sizeof path); i++)
            LA_TRY(add_paper(args, path, &cap, err));
    else
        for (size_t i = 0; i < args->words.n; i++) {
            LA_TRY(la_paper_find(args->words.v[i], path, sizeof path, err));
            LA_TRY(add_paper(args, path, &cap, err));
        }
    if (args->n_papers > 0) return LA_OK;
    return LA_FAIL(err, LA_E_NOTFOUND, "there is no table of scale %s; 'labench reproduce list'",
                   la_scale_name(args->scale));
}

/* ---- one table ---- */

typedef struct found {
    int64_t *sweeps; /* one for each that runs at the scale */
    size_t n, there;
    double missing_s;
    la_strings commands;
} found;

static void found_release(found *f)
{
    la_free(f->sweeps);
    la_strings_release(&f->commands);
}

/* Runs a sweep of a table; its exit code. */
static int measure(const reproduce_args *args, const la_paper *paper, la_planned *planned)
{
    char about[24];
    if (!args->common.quiet)
        fprintf(stderr, "%s (table %zu of %zu), sweep %s: about %s\n", paper->id,
                (size_t)(paper - args->papers) + 1, args->n_papers, planned->of->name,
                la_format_duration(planned->estimate.seconds, about));
    planned->args.db = args->db;
    planned->args.common = args->common;
    la_run_tell_notes(&planned->args.notes);
    return la_sweep_run(planned->argc, planned->argv, &planned->plan, &planned->args,
                        &planned->device);
}

static la_status find(const reproduce_args *args, const la_planned *planned, la_kept *out,
                      la_err *err)
{
    la_store *store = NULL;
    la_status st = la_store_if_there(args->db, &store, err);
    if (st == LA_OK) st = la_planned_find(planned, store, out, err);
    la_store_close(store);
    return st;
}

static la_status dry_line(const la_planned *planned, const la_kept *stored, const char *command)
{
    char about[24];
    la_format_duration(planned->estimate.seconds, about);
    printf("  %s\n    %zu cells, about %s; ", command, planned->plan.n, about);
    if (stored->sweep)
        printf("stored as %s\n", stored->name);
    else if (stored->unfinished)
        printf("unfinished as %s, --run continues it\n", stored->unfinished_name);
    else
        printf("not stored\n");
    return LA_OK;
}

/* Finds a sweep, measures it where that is wanted, and keeps its command. */
static la_status one_sweep(reproduce_args *args, const la_paper *paper, size_t sweep, found *f,
                           la_err *err)
{
    la_planned planned = {0};
    la_kept stored = {0};
    la_text command = {0};
    la_status st = la_planned_open(paper, sweep, args->scale, &args->reach, &planned, err);
    if (st != LA_OK) goto done;
    la_planned_command(&planned, &command);
    st = la_strings_add(&f->commands, la_text_str(&command), command.len, err);
    if (st == LA_OK) st = find(args, &planned, &stored, err);
    if (st == LA_OK && args->dry_run) st = dry_line(&planned, &stored, la_text_str(&command));
    if (st == LA_OK && args->run && !stored.sweep) {
        int code = measure(args, paper, &planned);
        if (code > LA_EXIT_FAILED_CELLS) args->stopped = code;
        args->failed_cells |= code == LA_EXIT_FAILED_CELLS;
        if (!args->stopped) st = find(args, &planned, &stored, err);
    }
    if (st == LA_OK) {
        f->there += stored.sweep != 0;
        f->missing_s += stored.sweep ? 0 : planned.estimate.seconds;
        f->sweeps[f->n++] = stored.sweep;
    }
done:
    la_text_release(&command);
    la_planned_close(&planned);
    return st;
}

static la_status find_sweeps(reproduce_args *args, const la_paper *paper, found *f, la_err *err)
{
    f->sweeps = la_zalloc((paper->n_sweeps + 1) * sizeof *f->sweeps, err);
    if (!f->sweeps) return LA_E_NOMEM;
    for (size_t i = 0; i < paper->n_sweeps && !args->stopped; i++)
        if (paper->sweeps[i].scales[args->scale]) LA_TRY(one_sweep(args, paper, i, f, err));
    return LA_OK;
}

static void tell_missing(const reproduce_args *args, const la_paper *paper, const found *f)
{
    char about[24];
    if (f->there == f->n || args->common.quiet) return;
    fprintf(stderr, "%s: %zu of %zu sweeps %s not in %s; add --run to measure, about %s\n",
            paper->id, f->n - f->there, f->n, f->n - f->there == 1 ? "is" : "are",
            la_db_path(args->db), la_format_duration(f->missing_s, about));
}

/* ---- output ---- */

/* text NULL: the table in `format`. */
static la_status write_file(const char *path, const la_judged *judged, const la_strings *commands,
                            const char *format, const char *text, la_err *err)
{
    la_new_file file;
    LA_TRY(la_new_file_open(&file, path, err));
    la_status st = LA_OK;
    if (text)
        fputs(text, file.f);
    else
        st = la_paper_print(judged, commands, format, 0, file.f, err);
    return la_new_file_close(&file, st, err);
}

/* FOLDER/NAME ENDING */
static la_status path_in(const reproduce_args *args, const char *name, const char *ending,
                         char buf[PATH_MAX], la_err *err)
{
    size_t n = strlen(args->out);
    const char *slash = n > 0 && args->out[n - 1] == '/' ? "" : "/";
    if (snprintf(buf, PATH_MAX, "%s%s%s%s", args->out, slash, name, ending) < PATH_MAX)
        return LA_OK;
    return LA_FAIL(err, LA_E_ARG, "the path %.60s... is too long", args->out);
}

static la_status write_folder(reproduce_args *args, const la_judged *judged,
                              const la_strings *commands, la_err *err)
{
    static const char *const kept[] = {"md", "json"};
    char path[PATH_MAX], ending[16];
    bool drawn;
    la_err plot = {0};
    LA_TRY(la_make_folder(args->out, err));
    for (size_t i = 0; i < LA_COUNT(kept); i++) {
        snprintf(ending, sizeof ending, ".%s", kept[i]);
        LA_TRY(path_in(args, judged->paper->id, ending, path, err));
        LA_TRY(write_file(path, judged, commands, kept[i], NULL, err));
    }
    la_status st = la_paper_plot(judged, args->out, &drawn, &plot);
    if (st == LA_E_ENV) la_log(LA_LOG_WARN, "%s", plot.msg);
    if (st != LA_OK && st != LA_E_ENV) return LA_FAIL(err, st, "%s", plot.msg);
    printf("%-28s %s\n", judged->paper->id, la_paper_verdict_word(judged->verdict));
    return LA_OK;
}

static la_status add_claims(reproduce_args *args, const la_judged *judged, la_err *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&text, &n);
    if (!file) return LA_FAIL(err, LA_E_NOMEM, "out of memory: the claims");
    la_status st = la_paper_print_claims(judged, file, err);
    fclose(file);
    if (args->claims.len == 0)
        la_text_add(&args->claims, "| table | claim | verdict | figure |\n"
                                   "| --- | --- | --- | --- |\n");
    la_text_bytes(&args->claims, text, n);
    free(text);
    if (st == LA_OK && args->claims.failed)
        st = LA_FAIL(err, LA_E_NOMEM, "out of memory: the claims");
    return st;
}

static la_status show(reproduce_args *args, const la_judged *judged, const la_strings *commands,
                      la_err *err)
{
    const char *format = args->format ? args->format : "text";
    args->missed |= judged->verdict == LA_VERDICT_MISS;
    if (args->folder) {
        LA_TRY(add_claims(args, judged, err));
        return write_folder(args, judged, commands, err);
    }
    if (args->out) return write_file(args->out, judged, commands, format, NULL, err);
    if (judged->paper != args->papers) printf("\n");
    int width = strcmp(format, "text") == 0 ? la_screen_width(STDOUT_FILENO) : 0;
    LA_TRY(la_paper_print(judged, commands, format, width, stdout, err));
    fflush(stdout);
    return LA_OK;
}

static la_status one_table(reproduce_args *args, const la_paper *paper, la_err *err)
{
    found f = {0};
    la_judged judged = {0};
    la_store *store = NULL;
    if (args->dry_run) printf("%s, scale %s\n", paper->id, la_scale_name(args->scale));
    la_status st = find_sweeps(args, paper, &f, err);
    if (st == LA_OK && args->dry_run)
        st = la_reproduce_rehearse(paper, args->scale, &args->reach, err);
    if (st != LA_OK || args->stopped || args->dry_run) goto done;
    st = la_store_if_there(args->db, &store, err);
    if (st == LA_OK) st = la_paper_judge(paper, args->scale, store, f.sweeps, f.n, &judged, err);
    if (st == LA_OK) st = show(args, &judged, &f.commands, err);
    if (st == LA_OK) tell_missing(args, paper, &f);
done:
    la_judged_release(&judged);
    la_store_close(store);
    found_release(&f);
    return st;
}

static la_status reproduce(reproduce_args *args, la_err *err)
{
    char path[PATH_MAX];
    la_store *store = NULL;
    LA_TRY(read_papers(args, err));
    la_status st = la_store_if_there(args->db, &store, err);
    if (st == LA_OK) st = la_reach_find(store, &args->reach, err);
    la_store_close(store);
    LA_TRY(st);
    for (size_t i = 0; i < args->n_papers && !args->stopped; i++)
        LA_TRY(one_table(args, &args->papers[i], err));
    if (!args->folder || args->stopped || args->dry_run) return LA_OK;
    LA_TRY(path_in(args, "claims", ".md", path, err));
    return write_file(path, NULL, NULL, NULL, la_text_str(&args->claims), err);
}

static int code_of(const reproduce_args *args)
{
    if (args->stopped) return args->stopped;
    if (args->fail_on_miss && args->missed) return LA_EXIT_CONDITION;
    return args->failed_cells ? LA_EXIT_FAILED_CELLS : LA_EXIT_OK;
}

int la_cmd_reproduce(int argc, char **argv, int first)
{
    reproduce_args args = {0};
    la_err err = {0};
    bool help;
    int code;
    la_status st = la_flags_parse(LA_CMD_REPRODUCE, argc, argv, first, take_flag, take_word, &args,
                                  &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_REPRODUCE, stdout);
        code = LA_EXIT_OK;
        goto done;
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = check_args(&args, &err);
    if (st == LA_OK && has_word(&args, "list")) {
        code = la_reproduce_list(args.db);
        goto done;
    }
    if (st == LA_OK) st = reproduce(&args, &err);
    fflush(stdout);
    code = st == LA_OK ? code_of(&args) : la_complain(&err);
done:
    for (size_t i = 0; i < args.n_papers; i++) la_paper_release(&args.papers[i]);
    la_free(args.papers);
    la_reach_release(&args.reach);
    la_text_release(&args.claims);
    la_words_release(&args.words);
    return la_finish_stdout(code);
}
