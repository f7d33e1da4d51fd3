/* SPDX-License-Identifier: Apache-2.0
 * `labench show` and `labench list sweeps`: everything about one sweep, cell or model.
 */
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "query.h"
#include "report.h"
#include "show.h"
#include "text.h"

/* Prints one row as "name   value" lines; columns that are NULL are left out. */
static la_status print_fields(la_store *store, const char *sql, const char *arg, FILE *out,
                              bool *any, la_err *err)
{
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, &arg, 1, &q, err));
    bool more = false;
    la_status st = la_query_next(q, &more, err);
    for (int i = 0; st == LA_OK && more && i < la_query_columns(q); i++) {
        const char *value = la_query_text(q, i);
        if (value && *value) fprintf(out, "%-12s %s\n", la_query_name(q, i), value);
    }
    if (any) *any = more;
    la_query_close(q);
    return st;
}

static la_status print_outcomes(la_store *store, const char *id, FILE *out, la_err *err)
{
    static const char sql[] =
        "SELECT outcome, count(*) FROM v_cell "
        "WHERE sweep_id = CAST(?1 AS INT) GROUP BY outcome ORDER BY 2 DESC, 1";
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, &id, 1, &q, err));
    bool more = true;
    la_status st;
    const char *separator = "outcomes     ";
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        fprintf(out, "%s%lld %s", separator, (long long)la_query_int(q, 1), la_query_text(q, 0));
        separator = ", ";
    }
    fputs("\n", out);
    la_query_close(q);
    return st;
}

static la_status show_sweep(la_store *store, int64_t sweep_id, FILE *out, int width, la_err *err)
{
    static const char sql[] =
        "SELECT sweep, uuid, state, label, note, created_utc AS begun, finished_utc AS ended, "
        "(SELECT group_concat(value, ' ') FROM json_each(argv_json)) AS command, seed, "
        "rounds || CASE quick WHEN 1 THEN ', quick' ELSE '' END AS rounds, "
        "attempts_done || ' of ' || attempts_planned || ' attempts, ' || cells || ' cells' AS "
        "done, "
        "'labench ' || version || ', ' || coalesce(git_commit, 'no commit') || "
        "CASE git_dirty WHEN 1 THEN ' with changes' ELSE '' END AS build, "
        "cc || ' ' || cflags AS compiler, blas, "
        "cpu_model || ', ' || n_cores || ' cores, ' || (ram_bytes >> 20) || ' MiB' AS machine, "
        "isa, kernel, distro, virt, env_json AS environment "
        "FROM v_sweep WHERE sweep_id = CAST(?1 AS INT)";
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)sweep_id);
    LA_TRY(print_fields(store, sql, id, out, NULL, err));
    LA_TRY(print_outcomes(store, id, out, err));
    fputs("\n", out);
    return la_report_table(store, sweep_id, out, width, err);
}

/* ---- one cell ---- */

static la_status print_attempts(la_store *store, const char *id, FILE *out, la_err *err)
{
    static const char sql[] =
        "SELECT round, attempt_outcome, n_samples, attempt_median_ns, attempt_min_ns, "
        "attempt_max_ns, stop_reason, wall_ns, rss_peak_bytes, workspace_peak_bytes, started_utc, "
        "attempt_message, stderr_tail, attempt_phase, attempt_signal "
        "FROM v_flat WHERE cell_id = CAST(?1 AS INT) ORDER BY attempt_id";
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, &id, 1, &q, err));
    bool more = true;
    la_status st;
    fputs("\nattempts\n", out);
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        char a[24], b[24], c[24];
        const char *outcome = la_query_text(q, 1), *reason = la_query_text(q, 6),
                   *message = la_query_text(q, 11), *said = la_query_text(q, 12);
        fprintf(out, "  round %lld  %s  %s", (long long)la_query_int(q, 0), la_query_text(q, 10),
                outcome ? outcome : "running");
        if (la_query_int(q, 2) > 0)
            fprintf(out, "  n=%lld  median %s  min %s  max %s  (%s)", (long long)la_query_int(q, 2),
                    la_format_ns(la_query_real(q, 3), a), la_format_ns(la_query_real(q, 4), b),
                    la_format_ns(la_query_real(q, 5), c), reason ? reason : "");
        if (la_query_type(q, 7) != LA_COLUMN_NULL)
            fprintf(out, "  worker %s", la_format_ns(la_query_real(q, 7), a));
        if (la_query_type(q, 8) != LA_COLUMN_NULL)
            fprintf(out, "  RSS %s", la_format_bytes(la_query_real(q, 8), a));
        if (la_query_type(q, 9) != LA_COLUMN_NULL)
            fprintf(out, "  workspace %s", la_format_bytes(la_query_real(q, 9), a));
        fputs("\n", out);
        if (la_query_int(q, 14) > 0)
            fprintf(out, "    signal %lld in phase %s\n", (long long)la_query_int(q, 14),
                    la_query_text(q, 13) ? la_query_text(q, 13) : "?");
        if (message && *message) fprintf(out, "    %s\n", message);
        if (said && *said) fprintf(out, "    stderr: %s\n", said);
    }
    la_query_close(q);
    return st;
}

static la_status print_list(la_store *store, const char *head, const char *sql, const char *id,
                            FILE *out, la_err *err)
{
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, &id, 1, &q, err));
    bool more = true;
    la_status st;
    for (bool first = true; (st = la_query_next(q, &more, err)) == LA_OK && more; first = false) {
        const char *line = la_query_text(q, 0);
        if (first) fprintf(out, "\n%s\n", head);
        fprintf(out, "  %s\n", line ? line : "");
    }
    la_query_close(q);
    return st;
}

/* The options of the command line that measure this cell alone. */
const char la_rerun_sql[] =
    "SELECT 'labench run --new --variants ' || variant || "
    "CASE WHEN isa LIKE 'peer%' THEN ' --peers ' || (SELECT v.origin FROM cell k JOIN variant v ON "
    "v.variant_id = k.variant_id WHERE k.cell_id = c.cell_id) ELSE '' END || "
    "' --impls ' || impl || ' --lengths ' || "
    "seqlen || CASE task WHEN '' THEN ' --pass ' || pass || ' --tasks none' "
    "ELSE ' --tasks ' || task END || ' --mask ' || mask || ' --dtype ' || dtype || "
    "' --batch ' || batch || ' --heads ' || heads || "
    "iif(kv_heads < heads, ' --kv-heads ' || kv_heads, '') || "
    "iif(qk_heads < heads, ' --qk-heads ' || qk_heads, '') || ' --dk ' || dk || ' --dv ' || dv || "
    "' --threads ' || threads || "
    "' --seed ' || (SELECT s.seed FROM v_sweep s WHERE s.sweep_id = c.sweep_id) || "
    "coalesce((SELECT group_concat(' --set ' || c.variant || '.' || key || '=' || value, '') "
    "FROM json_each(c.options)), '') || "
    "coalesce((SELECT group_concat(' --set ' || c.task || '.' || key || '=' || value, '') "
    "FROM json_each(c.task_options)), '') || "
    /* A plugin's variant needs its file; in quotes, as a shell wants them. */
    "(SELECT CASE WHEN v.origin = 'builtin' OR c.isa LIKE 'peer%' THEN '' "
    "ELSE ' --plugin ' || char(39) || replace(v.origin, char(39), char(39, 92, 39, 39)) || "
    "char(39) END FROM cell x JOIN variant v ON v.variant_id = x.variant_id "
    "WHERE x.cell_id = c.cell_id) "
    "FROM v_cell c WHERE cell_id = CAST(?1 AS INT)";

static la_status show_cell(la_store *store, const char *id, FILE *out, la_err *err)
{
    static const char sql[] =
        "SELECT sweep, cell_key AS cell, variant || ' ' || impl || ' (' || isa || ')' AS impl, "
        "CASE task WHEN '' THEN pass ELSE task END AS pass, seqlen AS length, mask, dtype, "
        "'B ' || batch || ', H ' || heads || ', kv ' || kv_heads || ', qk ' || qk_heads || ', dk ' "
        "|| "
        "dk || ', dv ' || dv AS shape, threads, options, task_options, cache_mode AS caches, "
        "device_name AS device, outcome, message FROM v_cell WHERE cell_id = CAST(?1 AS INT)";
    static const char metrics[] =
        "SELECT 'round ' || round || '  ' || metric || ' ' || coalesce(printf('%.4g', value), "
        "'not finite') || coalesce(printf(' [%.4g, %.4g]', lo, hi), '') || "
        "CASE unit WHEN '1' THEN '' ELSE ' ' || unit END || ' over ' || coalesce(n_total, '?') "
        "FROM v_metrics WHERE cell_id = CAST(?1 AS INT) ORDER BY round, metric";
    static const char beside[] =
        "SELECT printf('error %.2e, in f32 %.2e', e.rel_rms, g.rel_rms) || coalesce(printf("
        "'; %.2f times as fast', f.median_ns / t.median_ns), '') "
        "FROM v_time t JOIN v_time f ON f.dtype = 'f32' AND t.dtype <> 'f32' "
        "AND f.sweep_id = t.sweep_id AND f.variant = t.variant AND f.impl = t.impl "
        "AND f.task = t.task AND f.pass = t.pass AND f.mask = t.mask AND f.batch = t.batch "
        "AND f.seqlen = t.seqlen AND f.tcap = t.tcap AND f.heads = t.heads "
        "AND f.kv_heads = t.kv_heads AND f.qk_heads = t.qk_heads AND f.dk = t.dk AND f.dv = t.dv "
        "AND f.threads = t.threads AND f.options = t.options AND f.cache_mode = t.cache_mode "
        "JOIN v_error e ON e.cell_id = t.cell_id JOIN v_error g ON g.cell_id = f.cell_id "
        "WHERE t.cell_id = CAST(?1 AS INT) AND t.median_ns > 0 AND f.median_ns > 0";
    static const char sizes[] =
        "SELECT 'workspace ' || work_bytes || ', instance ' || instance_bytes || ', saved ' || "
        "saved_bytes || ', state ' || state_bytes || ', inputs ' || input_bytes || ', output ' || "
        "output_bytes FROM v_memory WHERE cell_id = CAST(?1 AS INT)";
    static const char warnings[] =
        "SELECT 'round ' || round || '  ' || code || ': ' || text FROM v_warnings "
        "WHERE cell_id = CAST(?1 AS INT) ORDER BY round, code";
    LA_TRY(print_fields(store, sql, id, out, NULL, err));
    LA_TRY(print_attempts(store, id, out, err));
    LA_TRY(print_list(store, "metrics", metrics, id, out, err));
    LA_TRY(print_list(store, "beside float32", beside, id, out, err));
    LA_TRY(print_list(store, "bytes", sizes, id, out, err));
    LA_TRY(print_list(store, "warnings", warnings, id, out, err));
    return print_list(store, "again, alone", la_rerun_sql, id, out, err);
}

static la_status show_cells(la_store *store, const char *key, FILE *out, bool *found, la_err *err)
{
    static const char sql[] = "SELECT cell_id FROM v_cell "
                              "WHERE substr(cell_key, 1, length(?1)) = lower(?1) ORDER BY cell_id";
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, &key, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)la_query_int(q, 0));
        if (*found) fputs("\n", out);
        *found = true;
        if ((st = show_cell(store, id, out, err)) != LA_OK) break;
    }
    la_query_close(q);
    return st;
}

/* ---- one model ---- */

static la_status show_model(la_store *store, const char *id, FILE *out, la_err *err)
{
    static const char sql[] =
        "SELECT key AS model, variant, task, printf('%u', seed) AS seed, "
        "printf('%g', lr) AS rate, parameters, steps, tokens, "
        "printf('%.4g', loss) AS loss, printf('%.4f', val_accuracy) AS validation, "
        "printf('%.1f s on %d threads, %.0f tokens/s', train_ns / 1e9, threads, "
        "tokens * 1e9 / train_ns) || coalesce((SELECT printf(', %.1f others beside it', m.value) "
        "FROM "
        "attempt a JOIN metric m ON m.attempt_id = a.attempt_id AND m.name = 'beside' AND m.value "
        ">= "
        "0.05 JOIN cell c ON c.cell_id = a.cell_id AND c.pass = 'train' WHERE a.model_id = "
        "model.model_id AND a.stop_reason <> 'reused' ORDER BY a.attempt_id LIMIT 1), '') "
        "AS training, path AS file, digest AS weights, "
        "created_utc AS made, config_json AS config FROM model WHERE model_id = CAST(?1 AS INT)";
    static const char curve[] =
        "SELECT printf('step %6d  loss %-9.4g', step, loss) || "
        "coalesce(printf('  validation %.3f, worst %.3f', val_accuracy, val_worst), '') || "
        "coalesce(printf('  rate %.2e', lr), '') || "
        "coalesce(printf('  gradient %.3g', grad_norm), '') "
        "FROM curve WHERE model_id = CAST(?1 AS INT) AND (val_accuracy IS NOT NULL OR step = "
        "(SELECT max(step) FROM curve WHERE model_id = CAST(?1 AS INT))) ORDER BY step";
    static const char evals[] =
        "SELECT printf('sweep %s  %s at T %d  accuracy %.4f [%.4f, %.4f] of %d answers', c.sweep, "
        "c.task, c.seqlen, m.value, m.lo, m.hi, m.n_total) || coalesce('  data ' || "
        "a.data_digest, '') FROM attempt a JOIN v_cell c ON c.cell_id = a.cell_id JOIN metric m ON "
        "m.attempt_id = a.attempt_id AND m.name = 'accuracy' "
        "WHERE a.model_id = CAST(?1 AS INT) AND c.pass = 'eval' ORDER BY a.attempt_id";
    static const char slices[] =
        "SELECT printf('T %d  %s  %.4f of %d', c.seqlen, substr(m.name, 10), m.value, m.n_total) "
        "FROM attempt a JOIN v_cell c ON c.cell_id = a.cell_id JOIN metric m ON "
        "m.attempt_id = a.attempt_id AND m.name LIKE 'accuracy.%' "
        "WHERE a.model_id = CAST(?1 AS INT) AND c.pass = 'eval' AND c.sweep_id = (SELECT "
        "max(d.sweep_id) FROM attempt b JOIN cell d ON d.cell_id = b.cell_id WHERE b.model_id = "
        "CAST(?1 AS INT) AND d.pass = 'eval') ORDER BY c.seqlen, length(m.name), m.name";
    LA_TRY(print_fields(store, sql, id, out, NULL, err));
    LA_TRY(print_list(store, "curve", curve, id, out, err));
    LA_TRY(print_list(store, "evaluated", evals, id, out, err));
    return print_list(store, "slices (nX: pairs, dX: answers X to 2X-1 tokens back)", slices, id,
                      out, err);
}

static la_status show_models(la_store *store, const char *key, FILE *out, bool *found, la_err *err)
{
    static const char sql[] = "SELECT model_id FROM model "
                              "WHERE substr(key, 1, length(?1)) = lower(?1) ORDER BY model_id";
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, &key, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)la_query_int(q, 0));
        if (*found) fputs("\n", out);
        *found = true;
        if ((st = show_model(store, id, out, err)) != LA_OK) break;
    }
    la_query_close(q);
    return st;
}

la_status la_report_show(la_store *store, const char *what, FILE *out, int width, la_err *err)
{
    int64_t sweep_id;
    la_status st = la_store_sweep_resolve(store, what, &sweep_id, err);
    if (st == LA_OK) return show_sweep(store, sweep_id, out, width, err);
    bool found = false;
    size_t digits = strspn(what, "0123456789abcdefABCDEF");
    if (st != LA_E_NOTFOUND || digits < 4 || what[digits]) return st;
    la_err sweep_err;
    if (err) sweep_err = *err;
    LA_TRY(show_cells(store, what, out, &found, err));
    LA_TRY(show_models(store, what, out, &found, err));
    if (!found && err) *err = sweep_err;
    return found ? LA_OK : LA_E_NOTFOUND;
}

la_status la_report_sweeps(la_store *store, FILE *out, la_err *err)
{
    static const char sql[] =
        "SELECT sweep, substr(replace(created_utc, 'T', ' '), 1, 16), state, attempts_done, "
        "attempts_planned, coalesce(label, ''), "
        "(SELECT group_concat(value, ' ') FROM json_each(argv_json)) FROM v_sweep ORDER BY "
        "sweep_id";
    la_query *q = NULL;
    LA_TRY(la_query_open(store, sql, NULL, 0, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        const char *label = la_query_text(q, 5), *command = la_query_text(q, 6);
        fprintf(out, "%s  %s  %-11s  %lld/%lld  %s%s%s\n", la_query_text(q, 0), la_query_text(q, 1),
                la_query_text(q, 2), (long long)la_query_int(q, 3), (long long)la_query_int(q, 4),
                label, *label ? "  " : "", command ? command : "");
    }
    la_query_close(q);
    return st;
}
