/* SPDX-License-Identifier: Apache-2.0 */
#include "reproduce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "machine.h"
#include "peak.h"
#include "plugin_flags.h"
#include "plugins.h"
#include "query.h"
#include "registry.h"
#include "same_flags.h"
#include "sweep.h"

static la_status make_argv(const la_strings *words, la_planned *out, la_err *err)
{
    static char program[] = "labench", command[] = "run";
    out->argv = la_zalloc((words->n + 3) * sizeof *out->argv, err);
    if (!out->argv) return LA_E_NOMEM;
    out->argv[out->argc++] = program;
    out->argv[out->argc++] = command;
    for (size_t i = 0; i < words->n; i++) out->argv[out->argc++] = words->v[i];
    return LA_OK;
}

static la_status make_label(const la_paper *paper, la_paper_scale scale, la_planned *out,
                            la_err *err)
{
    la_text text = {0};
    la_text_add(&text, "%s, %s, %s", paper->id, la_scale_name(scale), out->of->name);
    out->label = text.failed ? NULL : la_strdup(la_text_str(&text), err);
    la_text_release(&text);
    return out->label ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory: a label");
}

la_status la_planned_open(const la_paper *paper, size_t sweep, la_paper_scale scale,
                          const la_reach *reach, la_planned *out, la_err *err)
{
    la_err why = {0};
    bool help = false;
    *out = (la_planned){.of = &paper->sweeps[sweep]};
    LA_TRY(make_argv(&out->of->words[scale], out, err));
    LA_TRY(make_label(paper, scale, out, err));
    la_status st = la_run_args_parse(out->argc, out->argv, 2, &out->args, &help, &why);
    out->args.label = out->label;
    out->args.bare = true;
    if (st == LA_OK) st = la_run_prepare(&out->args, &out->plan, &out->device, &why);
    if (st != LA_OK)
        return LA_FAIL(err, st, "%s:%d: [sweep %s] at scale %s: %s", paper->path, out->of->line,
                       out->of->name, la_scale_name(scale), why.msg);
    return la_reach_estimate(reach, &out->plan, &out->args.settings, &out->estimate, err);
}

void la_planned_close(la_planned *planned)
{
    la_plan_release(&planned->plan);
    la_peers_release();
    la_plugins_close();
    la_run_args_release(&planned->args);
    la_free(planned->argv);
    la_free(planned->label);
    *planned = (la_planned){0};
}

/* Takes a row of the query below: a sweep of the same cells, else the first one of the same flags. */
static la_status take_sweep(const la_planned *planned, const la_strings *flags, la_query *query,
                            la_kept *out, la_err *err)
{
    bool done = strcmp(la_query_named_text(query, "state"), "done") == 0;
    bool same = strcmp(la_query_named_text(query, "spec_hash"), planned->plan.spec_hash) == 0;
    int64_t *id = done ? &out->sweep : &out->unfinished;
    if (*id) return LA_OK;
    if (!same) {
        la_strings theirs;
        la_status st = la_flags_normal_json(la_query_named_text(query, "argv_json"), &theirs, err);
        same = st == LA_OK && done && la_flags_same(flags, &theirs);
        la_strings_release(&theirs);
        LA_TRY(st);
    }
    if (!same) return LA_OK;
    *id = la_query_int(query, la_query_find(query, "sweep_id"));
    snprintf(done ? out->name : out->unfinished_name, sizeof out->name, "%.8s",
             la_query_named_text(query, "uuid"));
    return LA_OK;
}

la_status la_planned_find(const la_planned *planned, la_store *store, la_kept *out, la_err *err)
{
    static const char sql[] =
        "SELECT s.sweep_id, s.uuid, s.state, s.spec_hash, s.argv_json FROM sweep s "
        "JOIN machine m USING(machine_id) "
        "ORDER BY s.spec_hash = ?1 DESC, m.uuid = ?2 DESC, s.sweep_id DESC";
    la_machine machine;
    la_query *query = NULL;
    la_strings flags = {0};
    bool more = true;
    *out = (la_kept){0};
    if (!store) return LA_OK;
    LA_TRY(la_machine_read(&machine, err));
    const char *bound[] = {planned->plan.spec_hash, machine.uuid};
    la_status st = la_flags_normal(planned->argv + 2, (size_t)planned->argc - 2, &flags, err);
    if (st == LA_OK) st = la_query_open(store, sql, bound, 2, &query, err);
    while (st == LA_OK && (st = la_query_next(query, &more, err)) == LA_OK && more)
        st = take_sweep(planned, &flags, query, out, err);
    la_query_close(query);
    la_strings_release(&flags);
    la_machine_release(&machine);
    return st;
}

/* A word that no shell changes stands as it is, any other in single quotes. */
static void add_quoted(const char *word, la_text *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=.,:/@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        la_text_add(out, "%s", word);
        return;
    }
    la_text_add(out, "'");
    for (; *word; word++)
        if (*word == '\'')
            la_text_add(out, "'\\''");
        else
            la_text_bytes(out, word, 1);
    la_text_add(out, "'");
}

void la_planned_command(const la_planned *planned, la_text *out)
{
    for (int i = 0; i < planned->argc; i++) {
        if (i) la_text_add(out, " ");
        add_quoted(planned->argv[i], out);
    }
}

/* ---- a table without numbers ---- */

/* "fwd, flash: no cell at 8k, 16k" */
static void tell_row(const la_judged *judged, size_t p, size_t r)
{
    const la_paper_panel *panel = &judged->paper->panels[p];
    bool any = false;
    for (size_t c = 0; c < panel->columns.n; c++) {
        const char *why = judged->cells[p][r * panel->columns.n + c].why;
        if (!why || strcmp(why, LA_FOUND_NO_CELL) != 0) continue;
        if (!any)
            printf("  %s, %s: no sweep has a cell for", panel->name, judged->paper->rows[r].key);
        printf("%s %s", any ? "," : "", panel->columns.v[c]);
        any = true;
    }
    if (any) printf("\n");
}

static la_status rehearse(const la_paper *paper, la_paper_scale scale, const la_reach *reach,
                          la_store *store, int64_t *sweeps, la_err *err)
{
    size_t n = 0;
    la_judged judged = {0};
    la_status st = LA_OK;
    for (size_t i = 0; i < paper->n_sweeps && st == LA_OK; i++) {
        la_planned planned;
        if (!paper->sweeps[i].scales[scale]) continue;
        st = la_planned_open(paper, i, scale, reach, &planned, err);
        if (st == LA_OK)
            st = la_sweep_rehearse(&planned.plan, &planned.args, &planned.device, store,
                                   &sweeps[n++], err);
        la_planned_close(&planned);
    }
    if (st == LA_OK) st = la_paper_judge(paper, scale, store, sweeps, n, &judged, err);
    for (size_t p = 0; p < paper->n_panels && st == LA_OK; p++)
        for (size_t r = 0; r < paper->n_rows; r++)
            if (paper->rows[r].in_panel[p]) tell_row(&judged, p, r);
    la_judged_release(&judged);
    return st;
}

la_status la_reproduce_rehearse(const la_paper *paper, la_paper_scale scale, const la_reach *reach,
                                la_err *err)
{
    char folder[512], path[544];
    la_store *store = NULL;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.480s/labench-table-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int64_t *sweeps = la_zalloc((paper->n_sweeps + 1) * sizeof *sweeps, err);
    if (!sweeps) return LA_E_NOMEM;
    la_status st = mkdtemp(folder) ? LA_OK
                                   : LA_FAIL(err, LA_E_IO, "no temporary folder %s: %s", folder,
                                             strerror(errno));
    if (st == LA_OK) {
        snprintf(path, sizeof path, "%s/plan.db", folder);
        st = la_store_open(path, LA_STORE_WRITE, &store, err);
        if (st == LA_OK) st = rehearse(paper, scale, reach, store, sweeps, err);
        la_store_close(store);
        unlink(path);
        rmdir(folder);
    }
    la_free(sweeps);
    return st;
}
