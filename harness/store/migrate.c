/* SPDX-License-Identifier: Apache-2.0
 * Bringing the schema of an older file up to date.
 *
 * A newer version only adds: columns at the end of a table (listed here), and tables, indexes, views and
 * triggers of new names. So a migration adds the columns, drops our own views and triggers, and makes
 * whatever the schema of today has and the file has not. That the result is exactly the schema of today is
 * checked before the transaction is committed; what someone else put into the file is found by that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "store_internal.h"
#include "text.h"

static const struct {
    int64_t version; /* that has the column first */
    const char *sql;
} added[] = {
    {2, "ALTER TABLE cell ADD COLUMN model_json TEXT NOT NULL DEFAULT '{}'"},
    {2, "ALTER TABLE cell ADD COLUMN train_json TEXT NOT NULL DEFAULT '{}'"},
    {2, "ALTER TABLE cell ADD COLUMN recipe TEXT"},
    {2, "ALTER TABLE cell ADD COLUMN d_model INT NOT NULL DEFAULT 0"},
    {2, "ALTER TABLE attempt ADD COLUMN model_id INT REFERENCES model"},
    {2, "ALTER TABLE attempt ADD COLUMN data_digest TEXT"},
    {4, "ALTER TABLE peak ADD COLUMN bf16_flops REAL CHECK(bf16_flops > 0)"},
    {6, "ALTER TABLE device ADD COLUMN sms INT"},
    {6, "ALTER TABLE device ADD COLUMN l2_bytes INT"},
    {6, "ALTER TABLE device ADD COLUMN sm_hz INT"},
    {6, "ALTER TABLE device ADD COLUMN mem_hz INT"},
    {6, "ALTER TABLE device ADD COLUMN driver INT"},
    {6, "ALTER TABLE device ADD COLUMN runtime INT"},
    {6, "ALTER TABLE device ADD COLUMN ecc INT"},
};

/* Runs `list` on the schema of today: each row is a statement for the file. */
static la_status run_each(la_store *store, sqlite3 *today, const char *list, la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    la_status st = LA_OK;
    int rc = sqlite3_prepare_v2(today, list, -1, &stmt, NULL);
    while (rc == SQLITE_OK && st == LA_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(stmt, 0);
        rc = sql ? SQLITE_OK : SQLITE_NOMEM;
        if (sql) st = la_sql_run(store, err, sql, "");
    }
    sqlite3_finalize(stmt);
    if (st == LA_OK && rc != SQLITE_DONE) st = la_sql_fail(store, rc, "update", err);
    return st;
}

static la_status drop_ours(la_store *store, sqlite3 *today, la_err *err)
{
    return run_each(store, today,
                    "SELECT 'DROP ' || type || ' IF EXISTS \"' || name || '\"' FROM sqlite_schema "
                    "WHERE type IN ('view', 'trigger') ORDER BY type, rowid DESC",
                    err);
}

static la_status make_missing(la_store *store, sqlite3 *today, la_err *err)
{
    LA_TRY(run_each(store, today,
                    "SELECT replace(sql, 'CREATE TABLE ', 'CREATE TABLE IF NOT EXISTS ') "
                    "FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' "
                    "ORDER BY rowid",
                    err));
    LA_TRY(run_each(store, today,
                    "SELECT replace(replace(sql, 'CREATE INDEX ', 'CREATE INDEX IF NOT EXISTS '), "
                    "'CREATE UNIQUE INDEX ', 'CREATE UNIQUE INDEX IF NOT EXISTS ') "
                    "FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY rowid",
                    err));
    return run_each(store, today,
                    "SELECT sql FROM sqlite_schema WHERE type IN ('view', 'trigger') "
                    "ORDER BY rowid",
                    err);
}

static la_status change(la_store *store, int64_t from, sqlite3 *today, la_err *err)
{
    la_status st = drop_ours(store, today, err);
    for (size_t i = 0; i < LA_COUNT(added) && st == LA_OK; i++)
        if (added[i].version > from) st = la_sql_run(store, err, added[i].sql, "");
    if (st == LA_OK) st = make_missing(store, today, err);
    char now[32], version[48];
    la_utc(now);
    snprintf(version, sizeof version, "PRAGMA user_version = %d", LA_SCHEMA_VERSION);
    if (st == LA_OK) st = la_sql_run(store, err, version, "");
    if (st == LA_OK)
        st = la_sql_run(store, err,
                        "INSERT INTO migration(version, applied_utc, app_version) "
                        "VALUES(?1, ?2, ?3)",
                        "iss", (int64_t)LA_SCHEMA_VERSION, now, LA_VERSION);
    return st == LA_OK ? la_check_schema(store, err) : st;
}

static la_status version_of(la_store *store, int64_t *version, la_err *err)
{
    return la_sql_int(store, version, NULL, err, "PRAGMA user_version", "");
}

/* Keeps the file as it is, and changes it; what could not be changed needs no copy. */
static la_status change_file(la_store *store, int64_t from, sqlite3 *today, la_err *err)
{
    la_text bak = {0};
    la_text_add(&bak, "%s.v%" PRId64 ".bak", store->path, from);
    la_status st = bak.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for a name")
                              : la_store_copy(store, la_text_str(&bak), err);
    if (st == LA_OK) {
        st = change(store, from, today, err);
        if (st != LA_OK) unlink(la_text_str(&bak));
    }
    la_text_release(&bak);
    return st;
}

la_status la_migrate(la_store *store, la_err *err)
{
    int64_t version;
    LA_TRY(version_of(store, &version, err));
    if (version >= LA_SCHEMA_VERSION) return LA_OK;
    sqlite3 *today = NULL;
    int rc = sqlite3_open_v2(":memory:", &today, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_exec(today, la_schema_sql, NULL, NULL, NULL);
    la_status st = rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "update", err);
    if (st == LA_OK && store->mode == LA_STORE_WRITE) {
        st = la_sql_begin(store, err);
        /* Another process may have done it between our look and our lock. */
        if (st == LA_OK) st = version_of(store, &version, err);
        if (st == LA_OK && version < LA_SCHEMA_VERSION)
            st = change_file(store, version, today, err);
        st = la_sql_end(store, st, err);
    } else if (st == LA_OK) {
        st = change(store, version, today, err);
    }
    sqlite3_close(today);
    return st;
}

la_status la_migrate_copy(la_store *store, la_err *err)
{
    int64_t version;
    LA_TRY(version_of(store, &version, err));
    if (version >= LA_SCHEMA_VERSION) return LA_OK;
    sqlite3 *copy = NULL;
    int rc = sqlite3_open_v2(":memory:", &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL);
    sqlite3_backup *backup =
        rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", store->db, "main") : NULL;
    if (backup) {
        sqlite3_backup_step(backup, -1);
        rc = sqlite3_backup_finish(backup);
    } else if (rc == SQLITE_OK) {
        rc = sqlite3_errcode(copy);
    }
    if (rc != SQLITE_OK) {
        sqlite3_close(copy);
        return la_sql_fail(store, rc, "copy", err);
    }
    sqlite3_close_v2(store->db);
    store->db = copy;
    LA_TRY(la_sql_settings(store, err));
    return la_migrate(store, err);
}
