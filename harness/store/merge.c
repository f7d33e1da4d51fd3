/* SPDX-License-Identifier: Apache-2.0
 * Several files into one. Everything is known by content: machines, devices, builds, sweeps and attempts by
 * uuid, variants by name and code, models and cells by key. So the same file twice adds nothing, and a file
 * that has grown since adds what is new.
 */
#include "merge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A table whose rows are known by some columns of their content. */
typedef struct known_by {
    const char *table, *keys[2];
    const char *parent; /* column that refers to a machine; NULL: none */
    const char *but[8]; /* columns that may differ; NULL: nothing is compared */
    size_t n_but;
} known_by;

static const known_by machines = {.table = "machine", .keys = {"uuid"}};
static const known_by devices = {
    .table = "device",
    .keys = {"uuid"},
    .parent = "machine_id",
    .but = {"device_id", "machine_id", "mem_bytes", "driver", "runtime", "ecc"},
    .n_but = 6};
static const known_by builds = {
    .table = "build", .keys = {"uuid"}, .but = {"build_id"}, .n_but = 1};
static const known_by variants = {.table = "variant", .keys = {"name", "code_hash"}};
static const known_by models = {.table = "model", .keys = {"key"}};

/* The row of `out` that is known by the same; NULL when there is none. */
static la_status find_same(la_merger *m, const known_by *t, sqlite3_stmt *row, sqlite3_stmt **found,
                           la_err *err)
{
    char sql[128];
    sqlite3_stmt *stmt = NULL;
    snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE %s = ?1%s%s%s", t->table, t->keys[0],
             t->keys[1] ? " AND " : "", t->keys[1] ? t->keys[1] : "", t->keys[1] ? " = ?2" : "");
    *found = NULL;
    la_status st = la_sql_prepare(m->out, sql, &stmt, err);
    for (int i = 0; st == LA_OK && i < 2 && t->keys[i]; i++) {
        int rc = sqlite3_bind_value(stmt, i + 1,
                                    sqlite3_column_value(row, la_row_column(row, t->keys[i])));
        if (rc != SQLITE_OK) st = la_sql_fail(m->out, rc, "read", err);
    }
    bool more = false;
    if (st == LA_OK) st = la_row_next(m->out, stmt, &more, err);
    if (st == LA_OK && more)
        *found = stmt;
    else
        sqlite3_finalize(stmt);
    return st;
}

static la_status refuse_clash(la_merger *m, const char *what, const char *name, const char *column,
                              la_err *err)
{
    return LA_FAIL(err, LA_E_DB,
                   "%s and %s both have %s %s, but differ in its %s: one of them was changed; "
                   "nothing was merged",
                   la_store_path(m->in), la_store_path(m->out), what, name, column);
}

static la_status map_row(la_merger *m, const known_by *t, sqlite3_stmt *row, int64_t *id,
                         bool *made, la_err *err)
{
    sqlite3_stmt *same = NULL;
    LA_TRY(find_same(m, t, row, &same, err));
    *made = !same;
    la_status st = LA_OK;
    if (same) {
        const char *differs = t->n_but ? la_row_differs(row, same, t->but, t->n_but) : NULL;
        *id = sqlite3_column_int64(same, 0);
        if (differs)
            st = refuse_clash(
                m, t->table, (const char *)sqlite3_column_text(row, la_row_column(row, t->keys[0])),
                differs, err);
        if (t == &models) {
            int digest = la_row_column(row, "digest");
            const char *a = (const char *)sqlite3_column_text(row, digest),
                       *b = (const char *)sqlite3_column_text(same, digest);
            m->counts->other_models += a && b && strcmp(a, b) != 0;
        }
    } else {
        la_row_change changes[2] = {{.column = sqlite3_column_name(row, 0), .null = true}};
        size_t n = 1;
        if (t->parent)
            changes[n++] = (la_row_change){
                .column = t->parent,
                .value = la_row_ids_find(&m->machine,
                                         sqlite3_column_int64(row, la_row_column(row, t->parent)))};
        st = la_row_insert(m->out, t->table, row, changes, n, id, err);
    }
    sqlite3_finalize(same);
    return st;
}

static la_status map_table(la_merger *m, const known_by *t, la_row_ids *ids, la_err *err)
{
    char sql[64];
    sqlite3_stmt *row = NULL;
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1", t->table);
    la_status st = la_sql_prepare(m->in, sql, &row, err);
    while (st == LA_OK) {
        bool more, made = false;
        int64_t id = 0;
        st = la_row_next(m->in, row, &more, err);
        if (!more) break;
        int64_t from = sqlite3_column_int64(row, 0);
        if (st == LA_OK) st = map_row(m, t, row, &id, &made, err);
        if (st == LA_OK) st = la_row_ids_add(ids, from, id, err);
        if (st == LA_OK && made && t == &models) {
            la_row_change of = {.column = "model_id", .value = id};
            st = la_rows_copy(m->in, m->out, "curve", "model_id", from, &of, 1, err);
            m->counts->models++;
        }
    }
    sqlite3_finalize(row);
    return st;
}

static double real(sqlite3_stmt *row, int column)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL) return (double)NAN;
    return sqlite3_column_double(row, column);
}

/* A ceiling is what was reached at best. */
static la_status merge_peaks(la_merger *m, la_err *err)
{
    sqlite3_stmt *row = NULL;
    la_status st = la_sql_prepare(m->in,
                                  "SELECT device_id, threads, flops, bandwidth, gemm_flops, "
                                  "bf16_flops, source, at_utc FROM peak",
                                  &row, err);
    while (st == LA_OK) {
        bool more;
        st = la_row_next(m->in, row, &more, err);
        if (!more || st != LA_OK) break;
        st = la_sql_run(
            m->out, err,
            "INSERT INTO peak(device_id, threads, flops, bandwidth, gemm_flops, bf16_flops, "
            "source, at_utc) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET "
            "flops = max(coalesce(flops, ?3), coalesce(?3, flops)), "
            "bandwidth = max(coalesce(bandwidth, ?4), coalesce(?4, bandwidth)), "
            "gemm_flops = max(coalesce(gemm_flops, ?5), coalesce(?5, gemm_flops)), "
            "bf16_flops = max(coalesce(bf16_flops, ?6), coalesce(?6, bf16_flops))",
            "iiddddss", la_row_ids_find(&m->device, sqlite3_column_int64(row, 0)),
            sqlite3_column_int64(row, 1), real(row, 2), real(row, 3), real(row, 4), real(row, 5),
            sqlite3_column_text(row, 6), sqlite3_column_text(row, 7));
    }
    sqlite3_finalize(row);
    return st;
}

/* ---- cells and attempts ---- */

/* Samples and the like go in while the attempt has no end: it takes none afterwards. */
static la_status add_attempt(la_merger *m, sqlite3_stmt *row, int64_t cell, int64_t *id,
                             la_err *err)
{
    int model = la_row_column(row, "model_id"), outcome = la_row_column(row, "outcome");
    bool no_model = sqlite3_column_type(row, model) == SQLITE_NULL;
    int64_t from = sqlite3_column_int64(row, 0);
    la_row_change changes[] = {
        {.column = "attempt_id", .null = true},
        {.column = "cell_id", .value = cell},
        {.column = "outcome", .null = true},
        {.column = "ended_utc", .null = true},
        {.column = "model_id",
         .null = no_model,
         .value = la_row_ids_find(&m->model, sqlite3_column_int64(row, model))}};
    LA_TRY(la_row_insert(m->out, "attempt", row, changes, LA_COUNT(changes), id, err));
    la_row_change of[] = {{.column = "attempt_id", .value = *id},
                          {.column = "warning_id", .null = true}};
    LA_TRY(la_rows_copy(m->in, m->out, "sample", "attempt_id", from, of, 1, err));
    LA_TRY(la_rows_copy(m->in, m->out, "metric", "attempt_id", from, of, 1, err));
    LA_TRY(la_rows_copy(m->in, m->out, "warning", "attempt_id", from, of, 2, err));
    return la_sql_run(m->out, err,
                      "UPDATE attempt SET outcome = ?2, ended_utc = ?3 WHERE attempt_id = ?1",
                      "iss", *id, sqlite3_column_text(row, outcome),
                      sqlite3_column_text(row, la_row_column(row, "ended_utc")));
}

static la_status merge_attempt(la_merger *m, sqlite3_stmt *row, int64_t cell, int64_t *id,
                               bool *made, la_err *err)
{
    static const char *const but[] = {"attempt_id", "cell_id", "model_id"};
    static const known_by attempts = {.table = "attempt", .keys = {"uuid"}};
    sqlite3_stmt *same = NULL;
    LA_TRY(find_same(m, &attempts, row, &same, err));
    *made = !same;
    la_status st = LA_OK;
    if (same) {
        *id = sqlite3_column_int64(same, 0);
        const char *differs = sqlite3_column_int64(same, la_row_column(same, "cell_id")) != cell
                                  ? "cell"
                                  : la_row_differs(row, same, but, LA_COUNT(but));
        if (differs)
            st = refuse_clash(m, "attempt",
                              (const char *)sqlite3_column_text(row, la_row_column(row, "uuid")),
                              differs, err);
        m->counts->known++;
    } else {
        st = add_attempt(m, row, cell, id, err);
        m->counts->attempts++;
    }
    sqlite3_finalize(same);
    return st;
}

/* The attempts of a cell in their order: of one round the last counts. */
static la_status merge_attempts(la_merger *m, int64_t from, int64_t cell, int64_t retry_after,
                                la_err *err)
{
    sqlite3_stmt *row = NULL;
    int64_t retry = 0;
    bool changed = false;
    la_status st = la_sql_prepare(
        m->in, "SELECT * FROM attempt WHERE cell_id = ?1 ORDER BY attempt_id", &row, err);
    if (st == LA_OK) st = la_sql_bind(m->in, row, err, "i", from);
    while (st == LA_OK) {
        bool more, made = false;
        int64_t id = 0;
        st = la_row_next(m->in, row, &more, err);
        if (!more || st != LA_OK) break;
        int64_t number = sqlite3_column_int64(row, 0);
        if (sqlite3_column_type(row, la_row_column(row, "outcome")) == SQLITE_NULL) {
            m->counts->running++;
            continue;
        }
        st = merge_attempt(m, row, cell, &id, &made, err);
        changed |= made;
        if (number <= retry_after && id > retry) retry = id;
    }
    sqlite3_finalize(row);
    if (st == LA_OK && retry)
        st = la_sql_run(m->out, err,
                        "UPDATE cell SET retry_after = max(retry_after, ?2) WHERE cell_id = ?1",
                        "ii", cell, retry);
    return st == LA_OK && changed ? la_store_summarise(m->out, cell, err) : st;
}

static la_status merge_cell(la_merger *m, sqlite3_stmt *row, int64_t sweep, la_err *err)
{
    int64_t cell, rounds = sqlite3_column_int64(row, la_row_column(row, "rounds"));
    int64_t retry = sqlite3_column_int64(row, la_row_column(row, "retry_after"));
    const char *key = (const char *)sqlite3_column_text(row, la_row_column(row, "cell_key"));
    bool found;
    LA_TRY(la_sql_int(m->out, &cell, &found, err,
                      "SELECT cell_id FROM cell WHERE sweep_id = ?1 AND cell_key = ?2", "is", sweep,
                      key));
    if (found) {
        LA_TRY(la_sql_run(m->out, err,
                          "UPDATE cell SET rounds = ?2 WHERE cell_id = ?1 AND rounds < ?2", "ii",
                          cell, rounds));
    } else {
        int variant = la_row_column(row, "variant_id"), device = la_row_column(row, "device_id");
        la_row_change changes[] = {
            {.column = "cell_id", .null = true},
            {.column = "sweep_id", .value = sweep},
            {.column = "retry_after"},
            {.column = "variant_id",
             .value = la_row_ids_find(&m->variant, sqlite3_column_int64(row, variant))},
            {.column = "device_id",
             .value = la_row_ids_find(&m->device, sqlite3_column_int64(row, device))}};
        LA_TRY(la_row_insert(m->out, "cell", row, changes, LA_COUNT(changes), &cell, err));
        m->counts->cells++;
    }
    return merge_attempts(m, sqlite3_column_int64(row, 0), cell, retry, err);
}

static la_status merge_cells(la_merger *m, int64_t from, int64_t sweep, la_err *err)
{
    sqlite3_stmt *row = NULL;
    la_status st = la_sql_prepare(
        m->in, "SELECT * FROM cell WHERE sweep_id = ?1 ORDER BY ordinal, cell_id", &row, err);
    if (st == LA_OK) st = la_sql_bind(m->in, row, err, "i", from);
    while (st == LA_OK) {
        bool more;
        st = la_row_next(m->in, row, &more, err);
        if (!more || st != LA_OK) break;
        st = merge_cell(m, row, sweep, err);
    }
    sqlite3_finalize(row);
    return st;
}

/* Those of the sweep itself, once each. */
static la_status merge_warnings(la_merger *m, int64_t from, int64_t sweep, la_err *err)
{
    sqlite3_stmt *row = NULL;
    la_status st = la_sql_prepare(
        m->in, "SELECT code, text, at_utc FROM warning WHERE sweep_id = ?1 ORDER BY warning_id",
        &row, err);
    if (st == LA_OK) st = la_sql_bind(m->in, row, err, "i", from);
    while (st == LA_OK) {
        bool more;
        st = la_row_next(m->in, row, &more, err);
        if (!more || st != LA_OK) break;
        st = la_sql_run(m->out, err,
                        "INSERT INTO warning(sweep_id, code, text, at_utc) SELECT ?1, ?2, ?3, ?4 "
                        "WHERE NOT EXISTS (SELECT 1 FROM warning WHERE sweep_id = ?1 AND "
                        "code = ?2 AND text = ?3 AND at_utc = ?4)",
                        "isss", sweep, sqlite3_column_text(row, 0), sqlite3_column_text(row, 1),
                        sqlite3_column_text(row, 2));
    }
    sqlite3_finalize(row);
    return st;
}

static la_status merge_sweep(la_merger *m, sqlite3_stmt *row, la_err *err)
{
    int64_t from = sqlite3_column_int64(row, 0), target;
    LA_TRY(la_sweep_refuse_live(m->in, from, err));
    LA_TRY(la_merge_sweep_target(m, row, &target, err));
    LA_TRY(merge_cells(m, from, target, err));
    LA_TRY(merge_warnings(m, from, target, err));
    return la_merge_sweep_settle(m, row, target, err);
}

static la_status merge_tables(la_merger *m, la_err *err)
{
    LA_TRY(map_table(m, &machines, &m->machine, err));
    LA_TRY(map_table(m, &devices, &m->device, err));
    LA_TRY(merge_peaks(m, err));
    LA_TRY(map_table(m, &builds, &m->build, err));
    LA_TRY(map_table(m, &variants, &m->variant, err));
    LA_TRY(map_table(m, &models, &m->model, err));
    sqlite3_stmt *row = NULL;
    la_status st = la_sql_prepare(m->in, "SELECT * FROM sweep ORDER BY sweep_id", &row, err);
    while (st == LA_OK) {
        bool more;
        st = la_row_next(m->in, row, &more, err);
        if (!more || st != LA_OK) break;
        st = merge_sweep(m, row, err);
    }
    sqlite3_finalize(row);
    return st;
}

/* What is read is of one moment. */
static la_status merge_file(la_merger *m, la_err *err)
{
    LA_TRY(la_sql_run(m->in, err, "BEGIN", ""));
    la_status st = merge_tables(m, err);
    sqlite3_exec(m->in->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

la_status la_store_merge(la_store *out, la_store *const *in, size_t n, la_merged *each, la_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (in[i]->dev == out->dev && in[i]->ino == out->ino)
            return LA_FAIL(err, LA_E_ARG, "%s is to be merged into itself; name another file first",
                           la_store_path(out));
    LA_TRY(la_sql_begin(out, err));
    la_status st = la_merge_refuse_shares(out, err);
    for (size_t i = 0; i < n && st == LA_OK; i++) {
        each[i] = (la_merged){0};
        la_merger m = {.in = in[i], .out = out, .counts = &each[i]};
        st = merge_file(&m, err);
        la_row_ids_release(&m.machine);
        la_row_ids_release(&m.device);
        la_row_ids_release(&m.build);
        la_row_ids_release(&m.variant);
        la_row_ids_release(&m.model);
    }
    return la_sql_end(out, st, err);
}
