/* SPDX-License-Identifier: Apache-2.0
 * labench merge: several databases into one.
 */
#include <inttypes.h>
#include <stdio.h>

#include "alloc.h"
#include "commands.h"
#include "log.h"
#include "sides.h"
#include "store.h"

typedef struct merge_args {
    la_common common;
    const char **files; /* OUT, then IN...; owned array of borrowed words */
    size_t n, cap;
} merge_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    return la_common_take(&((merge_args *)context)->common, flag, value, err);
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    merge_args *args = context;
    LA_TRY(la_grow((void **)&args->files, &args->cap, args->n + 1, sizeof *args->files, err));
    args->files[args->n++] = word;
    return LA_OK;
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static void tell(const char *path, const la_merged *m)
{
    printf("%s: %" PRId64 " sweep%s, %" PRId64 " cell%s, %" PRId64 " attempt%s", path, m->sweeps,
           plural(m->sweeps), m->cells, plural(m->cells), m->attempts, plural(m->attempts));
    if (m->models) printf(", %" PRId64 " model%s", m->models, plural(m->models));
    printf(" added");
    if (m->known) printf("; %" PRId64 " attempt%s known", m->known, plural(m->known));
    printf("\n");
    if (m->running)
        la_log(LA_LOG_WARN, "%s: %" PRId64 " attempt%s without an end left out", path, m->running,
               plural(m->running));
    if (m->other_models)
        la_log(LA_LOG_WARN,
               "%s: %" PRId64 " model%s trained with other weights than those that are there; the "
               "curves there stay",
               path, m->other_models, m->other_models == 1 ? " was" : "s were");
}

/* The files to read are opened before the one to write is made. */
static la_status merge(const merge_args *args, la_err *err)
{
    size_t n = args->n - 1;
    la_store **in = la_zalloc(n * sizeof *in, err), *out = NULL;
    la_merged *each = la_zalloc(n * sizeof *each, err);
    la_status st = in && each ? LA_OK : LA_E_NOMEM;
    for (size_t i = 0; i < n && st == LA_OK; i++)
        st = la_side_open(args->files[i + 1], "labench merge all.db a.db b.db", &in[i], err);
    if (st == LA_OK) st = la_store_open(args->files[0], LA_STORE_WRITE, &out, err);
    if (st == LA_OK) st = la_store_merge(out, in, n, each, err);
    for (size_t i = 0; i < n && st == LA_OK; i++) tell(args->files[i + 1], &each[i]);
    la_store_close(out);
    for (size_t i = 0; in && i < n; i++) la_store_close(in[i]);
    la_free(in);
    la_free(each);
    return st;
}

int la_cmd_merge(int argc, char **argv, int first)
{
    merge_args args = {0};
    la_err err = {0};
    bool help;
    int code = LA_EXIT_OK;
    la_status st =
        la_flags_parse(LA_CMD_MERGE, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_MERGE, stdout);
        la_free(args.files);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK && args.n < 2)
        st = LA_FAIL(&err, LA_E_ARG,
                     "'labench merge' needs the file to merge into and at least one to merge: "
                     "labench merge all.db a.db b.db");
    if (st == LA_OK) st = merge(&args, &err);
    if (st != LA_OK) code = la_complain(&err);
    la_free(args.files);
    return la_finish_stdout(code);
}
