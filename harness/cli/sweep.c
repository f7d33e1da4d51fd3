/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "commands.h"
#include "device_peak.h"
#include "devices.h"
#include "export.h"
#include "history.h"
#include "labench/kit.h"
#include "log.h"
#include "machine.h"
#include "memory.h"
#include "models.h"
#include "peak.h"
#include "query.h"
#include "report.h"
#include "screen.h"

typedef struct sweep {
    la_run_args *args;
    la_plan *plan;
    const la_device *device;
    la_store *store;
    la_sweep_row row;
    int64_t device_id, id;
    char name[9], code[37];
    la_peak_row peak; /* of the most threads */
    la_peak_row peaks[LA_SCREEN_PEAKS];
    size_t n_peaks;
    la_finding clock; /* of the most threads; no code: none */
    bool continued;
} sweep;

static void say(const sweep *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const sweep *s, const char *format, ...)
{
    if (s->args->common.quiet) return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- what the numbers belong to: machine, device, build ---- */

static la_status store_machine(sweep *s, la_err *err)
{
    la_machine m;
    LA_TRY(la_machine_read(&m, err));
    la_machine_row row = {.uuid = m.uuid,
                          .hostname = m.hostname,
                          .cpu_model = m.cpu_model,
                          .isa = m.isa,
                          .kernel = m.kernel,
                          .distro = m.distro,
                          .virt = m.virt,
                          .env_json = m.env_json,
                          .n_sockets = m.n_sockets,
                          .n_cores = m.n_cores,
                          .n_logical = m.n_logical,
                          .n_numa = m.n_numa,
                          .ram_bytes = m.ram_bytes,
                          .l1d_bytes = m.l1d_bytes,
                          .l2_bytes = m.l2_bytes,
                          .llc_bytes = m.llc_bytes};
    la_status st = la_store_machine(s->store, &row, &s->row.machine_id, err);
    if (st == LA_OK)
        st = la_device_store(s->store, s->row.machine_id, m.uuid, s->device, &s->device_id, err);
    la_machine_release(&m);
    return st;
}

static la_status store_build(sweep *s, la_err *err)
{
    la_build b;
    la_build_read(&b);
    la_build_row row = {.uuid = b.uuid,
                        .version = b.version,
                        .git_commit = b.git_commit,
                        .cc = b.cc,
                        .cflags = b.cflags,
                        .blas = b.blas,
                        .sqlite = b.sqlite,
                        .nvcc = b.nvcc,
                        .git_dirty = b.git_dirty};
    memcpy(s->code, b.uuid, sizeof s->code);
    return la_store_build(s->store, &row, &s->row.build_id, err);
}

/* A ceiling is what was reached at best: a measurement on a busy machine never lowers it. */
static void keep_best(la_peak_row *row, const la_peak_row *before)
{
    row->flops = fmax(row->flops, before->flops);
    row->bandwidth = fmax(row->bandwidth, before->bandwidth);
    row->gemm_flops = fmax(row->gemm_flops, before->gemm_flops);
    row->bf16_flops = fmax(row->bf16_flops, before->bf16_flops);
}

/* Whatever the host's threads. */
static la_status store_device_peak(sweep *s, la_err *err)
{
    la_device_peak peak;
    la_peak_row before, row = {.source = "measured"};
    bool found;
    say(s, "measuring the peak of cuda:%d, once nobody else computes there", s->device->index);
    LA_TRY(la_device_peak_measure(s->device, &peak, err));
    row.flops = peak.f32;
    row.bf16_flops = peak.bf16;
    row.bandwidth = peak.copy;
    LA_TRY(la_store_peak_find(s->store, s->device_id, 0, &before, &found, err));
    if (found) keep_best(&row, &before);
    s->peak = row;
    return la_store_peak(s->store, s->device_id, &row, err);
}

/* The peak of each thread count of the plan: measured by every sweep, the best of all is kept. */
static la_status store_peaks(sweep *s, la_err *err)
{
    bool seen[1025] = {false};
    if (s->device->backend == LA_CUDA) return store_device_peak(s, err);
    for (size_t i = 0; i < s->plan->n; i++) {
        int threads = s->plan->cells[i].problem.threads;
        if (threads > 1024 || seen[threads]) continue;
        seen[threads] = true;
        say(s, "measuring the peak of %d thread%s", threads, threads == 1 ? "" : "s");
        la_peak peak;
        LA_TRY(la_peak_measure(threads, s->device->isa, &peak, err));
        la_peak_row row = {.threads = threads,
                           .flops = peak.flops.best,
                           .bandwidth = peak.read.best,
                           .gemm_flops = peak.sgemm.best,
                           .bf16_flops = la_peak_bf16(&peak),
                           .source = "measured"};
        la_peak_row before;
        bool found;
        LA_TRY(la_store_peak_find(s->store, s->device_id, threads, &before, &found, err));
        if (found) keep_best(&row, &before);
        LA_TRY(la_store_peak(s->store, s->device_id, &row, err));
        if (threads > s->peak.threads) {
            s->peak = row;
            if (!la_peak_finding(&peak, &s->clock)) s->clock = (la_finding){0};
        }
        if (s->n_peaks < LA_SCREEN_PEAKS) s->peaks[s->n_peaks++] = row;
    }
    s->args->settings.peak_flops = s->peak.flops;
    s->args->settings.peak_threads = (int)s->peak.threads;
    return LA_OK;
}

/* ---- new, or continued ---- */

static la_status argv_json(int argc, char **argv, char **out, la_err *err)
{
    cJSON *all = cJSON_CreateArray();
    for (int i = 1; i < argc; i++) cJSON_AddItemToArray(all, cJSON_CreateString(argv[i]));
    *out = cJSON_PrintUnformatted(all);
    cJSON_Delete(all);
    return *out ? LA_OK : LA_FAIL(err, LA_E_NOMEM, "out of memory: the command line as JSON");
}

/* The last sweep of this spec, finished or not: what --retry opens again. */
static la_status find_any(sweep *s, bool *found, la_err *err)
{
    char build[24], machine[24];
    snprintf(build, sizeof build, "%" PRId64, s->row.build_id);
    snprintf(machine, sizeof machine, "%" PRId64, s->row.machine_id);
    const char *bound[] = {s->row.spec_hash, build, machine};
    la_query *query;
    LA_TRY(la_query_open(s->store,
                         "SELECT sweep_id FROM sweep WHERE spec_hash = ?1 AND build_id = "
                         "CAST(?2 AS INT) AND machine_id = CAST(?3 AS INT) "
                         "ORDER BY sweep_id DESC LIMIT 1",
                         bound, LA_COUNT(bound), &query, err));
    la_status st = la_query_next(query, found, err);
    if (st == LA_OK && *found) s->id = la_query_int(query, 0);
    la_query_close(query);
    return st;
}

static la_status choose_sweep(sweep *s, la_err *err)
{
    const la_run_args *args = s->args;
    bool found = false;
    if (!args->fresh) {
        LA_TRY(la_store_sweep_find_open(s->store, &s->row, &found, &s->id, err));
        if (!found && args->settings.retry) LA_TRY(find_any(s, &found, err));
        if (!found && (args->resume || args->settings.retry))
            return LA_FAIL(err, LA_E_NOTFOUND,
                           "%s has no%s sweep of this command, build and machine to continue; "
                           "leave --%s out to start one",
                           la_store_path(s->store), args->settings.retry ? "" : " unfinished",
                           args->resume ? "resume" : "retry");
    }
    s->continued = found;
    if (found)
        LA_TRY(la_store_sweep_adopt(s->store, s->id, err));
    else
        LA_TRY(la_store_sweep_new(s->store, &s->row, &s->id, err));
    return la_store_sweep_name(s->store, s->id, s->name, err);
}

static la_status store_cells(sweep *s, la_err *err)
{
    la_plan *plan = s->plan;
    la_cell_row *rows = la_alloc((plan->n + 1) * sizeof *rows, err);
    int64_t *ids = la_alloc((plan->n + 1) * sizeof *ids, err);
    la_status st = rows && ids ? LA_OK : LA_E_NOMEM;
    for (size_t i = 0; i < plan->n && st == LA_OK; i++)
        la_cell_row_of(&plan->cells[i], s->code, &rows[i]);
    if (st == LA_OK) st = la_store_plan(s->store, s->id, s->device_id, rows, plan->n, ids, err);
    for (size_t i = 0; i < plan->n && st == LA_OK; i++) plan->cells[i].id = ids[i];
    la_free(rows);
    la_free(ids);
    return st;
}

static la_status count_done(la_store *store, la_plan *plan, size_t *done, size_t *all, la_err *err)
{
    *done = *all = 0;
    for (size_t i = 0; i < plan->n; i++) {
        la_cell *c = &plan->cells[i];
        LA_TRY(la_store_rounds_done(store, c->id, &c->done, err));
        *done += (size_t)__builtin_popcountll(c->done);
        *all += (size_t)c->rounds;
    }
    return LA_OK;
}

/* The unfinished sweep that these flags continue; 0: none. */
static la_status find_begun(la_store *store, const la_plan *plan, const la_run_args *args,
                            int64_t *id, la_err *err)
{
    static const char sql[] =
        "SELECT sweep_id FROM sweep JOIN build USING(build_id) JOIN machine USING(machine_id) "
        "WHERE spec_hash = ?1 AND build.uuid = ?2 AND machine.uuid = ?3 AND seed = CAST(?4 AS INT) "
        "AND quick = CAST(?5 AS INT) AND state <> 'done' ORDER BY sweep_id DESC LIMIT 1";
    char seed[24];
    bool more = false;
    la_build build;
    la_machine machine;
    la_query *query = NULL;
    la_build_read(&build);
    LA_TRY(la_machine_read(&machine, err));
    snprintf(seed, sizeof seed, "%" PRId64, (int64_t)args->spec.seed);
    const char *bound[] = {plan->spec_hash, build.uuid, machine.uuid, seed,
                           args->spec.quick ? "1" : "0"};
    la_status st = la_query_open(store, sql, bound, LA_COUNT(bound), &query, err);
    if (st == LA_OK) st = la_query_next(query, &more, err);
    *id = st == LA_OK && more ? la_query_int(query, 0) : 0;
    la_query_close(query);
    la_machine_release(&machine);
    return st;
}

la_status la_sweep_progress(la_store *store, la_plan *plan, const la_run_args *args, char name[9],
                            size_t *done, size_t *all, la_err *err)
{
    static const char sql[] = "SELECT cell_id, cell_key FROM cell WHERE sweep_id = CAST(?1 AS INT) "
                              "ORDER BY ordinal";
    char text[24];
    int64_t id = 0;
    bool more = false;
    la_query *query = NULL;
    *name = '\0';
    if (args->fresh) return LA_OK;
    LA_TRY(find_begun(store, plan, args, &id, err));
    if (id == 0) return LA_OK;
    snprintf(text, sizeof text, "%" PRId64, id);
    LA_TRY(la_query_open(store, sql, (const char *[]){text}, 1, &query, err));
    la_status st = LA_OK;
    bool same = true;
    for (size_t i = 0; i < plan->n && st == LA_OK && same; i++) {
        st = la_query_next(query, &more, err);
        same = st == LA_OK && more && strcmp(la_query_text(query, 1), plan->cells[i].key) == 0;
        if (same) plan->cells[i].id = la_query_int(query, 0);
    }
    la_query_close(query);
    if (st != LA_OK || !same) return st;
    LA_TRY(count_done(store, plan, done, all, err));
    return la_store_sweep_name(store, id, name, err);
}

la_status la_sweep_rehearse(la_plan *plan, la_run_args *args, const la_device *device,
                            la_store *store, int64_t *id, la_err *err)
{
    sweep s = {.args = args, .plan = plan, .device = device, .store = store};
    LA_TRY(store_machine(&s, err));
    LA_TRY(store_build(&s, err));
    s.row.spec_hash = plan->spec_hash;
    s.row.seed = args->spec.seed;
    s.row.rounds = plan->rounds;
    LA_TRY(la_store_sweep_new(store, &s.row, &s.id, err));
    *id = s.id;
    return store_cells(&s, err);
}

static la_status begin(sweep *s, int argc, char **argv, la_err *err)
{
    la_run_args *args = s->args;
    char *words = NULL;
    const char *path = la_db_path(args->db);
    if ((args->resume || args->settings.retry) && access(path, F_OK) != 0)
        return LA_FAIL(
            err, LA_E_NOTFOUND,
            "no file %s, so that there is nothing to continue; leave --%s out to start a "
            "sweep, or name its database with --db",
            path, args->resume ? "resume" : "retry");
    LA_TRY(la_store_open(path, LA_STORE_WRITE, &s->store, err));
    LA_TRY(store_machine(s, err));
    LA_TRY(store_build(s, err));
    LA_TRY(argv_json(argc, argv, &words, err));
    s->row.spec_hash = s->plan->spec_hash;
    s->row.argv_json = words;
    s->row.label = args->label;
    s->row.note = args->note;
    s->row.seed = args->spec.seed;
    s->row.rounds = s->plan->rounds;
    s->row.quick = args->spec.quick;
    la_status st = choose_sweep(s, err);
    if (st == LA_OK) st = store_cells(s, err);
    if (st == LA_OK) st = store_peaks(s, err);
    s->row.argv_json = NULL;
    free(words);
    return st;
}

/* ---- what is said before and after ---- */

void la_sweep_continue_line(const la_run_args *args, const char *name, size_t done, size_t all)
{
    if (args->common.quiet) return;
    fprintf(stderr, "continuing sweep %s: %zu of %zu attempts are done\n", name, done, all);
}

void la_sweep_estimate_line(const la_plan *plan, const la_run_args *args,
                            const la_estimate *estimate)
{
    if (args->common.quiet) return;
    char about[24], worst[24], need[24], limit[24], left_out[160] = "";
    size_t len = 0;
    if (estimate->done)
        len = (size_t)snprintf(left_out, sizeof left_out, ", %zu done", estimate->done);
    if (estimate->refused)
        len += (size_t)snprintf(left_out + len, sizeof left_out - len, ", %zu unsupported",
                                estimate->refused);
    if (estimate->too_large)
        len += (size_t)snprintf(left_out + len, sizeof left_out - len, ", %zu too large for memory",
                                estimate->too_large);
    if (estimate->too_slow)
        snprintf(left_out + len, sizeof left_out - len, ", %zu too slow for --%s",
                 estimate->too_slow, args->spec.quick ? "quick" : "timeout");
    int seeds = 0;
    bool kernels = false;
    for (size_t i = 0; i < plan->n; i++) {
        if (plan->cells[i].learn) seeds = plan->cells[i].rounds;
        kernels |= !plan->cells[i].learn;
    }
    fprintf(stderr, "%zu cells", plan->n);
    if (kernels) fprintf(stderr, " x %d round%s", plan->rounds, plan->rounds == 1 ? "" : "s");
    if (seeds)
        fprintf(stderr, "%s %d seed%s", kernels ? ", of learned tasks" : " x", seeds,
                seeds == 1 ? "" : "s");
    fprintf(stderr, ": %zu to run%s", estimate->runs, left_out);
    if (args->spec.shards)
        fprintf(stderr, " (share %d of %d)", args->spec.shard, args->spec.shards);
    fputc('\n', stderr);
    char device[80] = "", at[24], most[24];
    if (estimate->device_memory)
        snprintf(device, sizeof device, ", of the device %s of %s",
                 la_format_bytes((double)estimate->device_memory, at),
                 la_format_bytes((double)args->settings.device_limit, most));
    fprintf(stderr, "estimate %s, worst case %s; peak memory %s of %s%s; results -> %s\n",
            la_format_duration(estimate->seconds, about),
            la_format_duration(estimate->worst_seconds, worst),
            la_format_bytes((double)estimate->memory, need),
            la_format_bytes((double)args->settings.memory_limit, limit), device,
            args->dry_run ? "nowhere (--dry-run)" : la_db_path(args->db));
}

/* labench 0.1.0  sweep 7f3a81c2  96 cells x 3 rounds  variants 12  lengths 1k..128k  device ... */
static void start_lines(const sweep *s, const la_estimate *estimate)
{
    const la_counts *lengths = &s->args->spec.lengths;
    size_t variants = 0;
    char from[24], to[24];
    for (size_t i = 0; i < s->plan->n; i++)
        variants += i == 0 || s->plan->cells[i].variant != s->plan->cells[i - 1].variant;
    la_format_count(lengths->v[0], from);
    la_format_count(lengths->v[lengths->n - 1], to);
    char words[160];
    say(s, "labench %s  sweep %s  variants %zu  lengths %s%s%s  device %s", la_version, s->name,
        variants, from, lengths->n > 1 ? ".." : "", lengths->n > 1 ? to : "",
        la_device_words(s->device, words));
    la_sweep_estimate_line(s->plan, s->args, estimate);
}

/* What spoils numbers here: said, and kept with the sweep. */
static la_status note_findings(const sweep *s, la_err *err)
{
    static la_finding found[LA_MAX_FINDINGS];
    size_t n = la_findings((int)s->peak.threads, found);
    if (s->clock.code && !s->args->settings.beside_peak && n < LA_MAX_FINDINGS)
        found[n++] = s->clock;
    for (size_t i = 0; i < n; i++) {
        say(s, "note: %s%s%s", found[i].text, *found[i].fix ? ": " : "", found[i].fix);
        la_warning_row row = {.code = found[i].code, .text = found[i].text};
        if (!s->continued) LA_TRY(la_store_sweep_warning(s->store, s->id, &row, err));
    }
    return LA_OK;
}

static void draw_plots(const sweep *s)
{
    char dir[1024];
    const char *root = s->args->out ? s->args->out : "results";
    la_plots plots = {0};
    la_err err = {0};
    snprintf(dir, sizeof dir, "%s/%s", root, s->name);
    la_status st = la_report_plots(s->store, s->id, NULL, 0, dir, NULL, NULL, &plots, &err);
    if (st == LA_E_ENV)
        say(s, "note: %s; data and .gp files are in %s", err.msg, dir);
    else if (st != LA_OK)
        la_log(LA_LOG_WARN, "plots: %s", err.msg);
    else if (plots.drawn)
        say(s, "%zu plots in %s/", plots.drawn, dir);
}

static int code_of_totals(const la_run_args *args, const size_t totals[LA_OUTCOME_COUNT])
{
    static const la_outcome failures[] = {LA_OUTCOME_CRASH, LA_OUTCOME_KILLED, LA_OUTCOME_ERROR,
                                          LA_OUTCOME_WRONG, LA_OUTCOME_NONFINITE};
    size_t bad = 0, all = 0;
    for (size_t i = 0; i < LA_COUNT(failures); i++) bad += totals[failures[i]];
    for (int i = 0; i < LA_OUTCOME_COUNT; i++) all += i != LA_OUTCOME_OK ? totals[i] : 0;
    return bad || (args->strict && all) ? LA_EXIT_FAILED_CELLS : LA_EXIT_OK;
}

static la_status finish(const sweep *s, la_err *err)
{
    LA_TRY(la_store_sweep_end(s->store, s->id, "done", err));
    if (s->args->bare) return LA_OK;
    if (s->args->json)
        LA_TRY(la_export(s->store, s->id, "flat", "json", stdout, err));
    else
        LA_TRY(la_report_table(s->store, s->id, stdout, la_screen_width(STDOUT_FILENO), err));
    fflush(stdout); /* in one file with what is said behind it */
    draw_plots(s);
    const char *db = s->args->db;
    say(s, "next: labench show %s%s%s", s->name, db ? " --db " : "", db ? db : "");
    say(s, "      labench report %s%s%s", s->name, db ? " --db " : "", db ? db : "");
    say(s, "      labench plot time --sweep %s%s%s", s->name, db ? " --db " : "", db ? db : "");
    return LA_OK;
}

static int interrupted(const sweep *s, const la_screen *screen)
{
    la_err err;
    int number = la_run_signal();
    if (la_store_sweep_end(s->store, s->id, "interrupted", &err) != LA_OK) la_complain(&err);
    if (number == 0) {
        la_log(
            LA_LOG_ERROR,
            "stopping at the first failure (--fail-fast); %zu of %zu done and saved; run the same "
            "command to continue",
            screen->done, screen->total);
        return LA_EXIT_FAILED_CELLS;
    }
    la_log(LA_LOG_ERROR,
           "stopping after killing the running cell; %zu of %zu done and saved; run "
           "the same command to continue",
           screen->done, screen->total);
    return LA_EXIT_SIGNAL + number;
}

/* By what the database knows of this device. */
static la_status estimate_plan(const sweep *s, la_estimate *out, la_err *err)
{
    la_history *history;
    LA_TRY(la_history_read(s->store, s->device_id, &history, err));
    la_history_apply(history, s->plan);
    la_history_free(history);
    LA_TRY(la_models_mark(s->plan, &s->args->settings, s->device, la_store_path(s->store), err));
    return la_estimate_plan(s->plan, &s->args->settings, out, err);
}

int la_sweep_run(int argc, char **argv, la_plan *plan, la_run_args *args, const la_device *device)
{
    sweep s = {.args = args, .plan = plan, .device = device};
    size_t totals[LA_OUTCOME_COUNT] = {0};
    la_screen screen;
    la_estimate estimate;
    la_err err = {0};
    int code;
    la_status st = begin(&s, argc, argv, &err);
    if (st != LA_OK) goto failed;
    size_t done, all;
    int64_t reopened = 0;
    if (s.continued && args->settings.retry)
        st = la_run_retry(s.store, s.id, args->settings.retry, &reopened, &err);
    if (st == LA_OK) st = count_done(s.store, plan, &done, &all, &err);
    if (st == LA_OK) st = estimate_plan(&s, &estimate, &err);
    if (st != LA_OK) goto failed;
    start_lines(&s, &estimate);
    if (s.continued) la_sweep_continue_line(args, s.name, done, all);
    if (reopened)
        say(&s, "%" PRId64 " cell%s opened again (--retry %s)", reopened, reopened == 1 ? "" : "s",
            args->settings.retry);
    st = note_findings(&s, &err);
    if (st != LA_OK) goto failed;
    la_screen_init(&screen, args, plan);
    screen.n_peaks = s.n_peaks;
    memcpy(screen.peaks, s.peaks, s.n_peaks * sizeof *s.peaks);
    st = la_run(plan, &args->settings, device, s.store, s.id, la_screen_event, &screen, totals,
                &err);
    la_screen_release();
    if (st == LA_E_INTERRUPTED) {
        code = interrupted(&s, &screen);
        goto done;
    }
    if (st == LA_OK) st = finish(&s, &err);
    if (st != LA_OK) goto failed;
    code = la_finish_stdout(code_of_totals(args, totals));
    goto done;
failed:
    code = la_complain(&err);
done:
    la_store_close(s.store);
    return code;
}
