/* SPDX-License-Identifier: Apache-2.0
 * Sweeps: begin, find again, take over, end. One live process owns an open sweep.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "query.h"
#include "store_internal.h"

#define OWNER_COLUMNS "owner_host, owner_boot, owner_pid, owner_start, heartbeat_s"

static la_status name_of(la_store *store, int64_t sweep_id, char out[9], la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    out[0] = '\0';
    la_status st = la_sql_prepare(store, "SELECT substr(uuid, 1, 8) FROM sweep WHERE sweep_id = ?1",
                                  &stmt, err);
    if (st == LA_OK) st = la_sql_bind(store, stmt, err, "i", sweep_id);
    if (st == LA_OK) {
        int rc = sqlite3_step(stmt);
        const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        if (text)
            snprintf(out, 9, "%s", text);
        else if (rc == SQLITE_DONE)
            st = LA_FAIL(err, LA_E_NOTFOUND, "%s has no sweep number %" PRId64, store->path,
                         sweep_id);
        else
            st = la_sql_fail(store, rc == SQLITE_ROW ? SQLITE_NOMEM : rc, "read", err);
    }
    sqlite3_finalize(stmt);
    return st;
}

la_status la_store_sweep_name(la_store *store, int64_t sweep_id, char out[9], la_err *err)
{
    return name_of(store, sweep_id, out, err);
}

la_status la_sweep_refuse_live(la_store *store, int64_t sweep_id, la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    la_owner owner = {0};
    la_status st = la_sql_prepare(
        store, "SELECT " OWNER_COLUMNS " FROM sweep WHERE sweep_id = ?1 AND state = 'open'", &stmt,
        err);
    if (st == LA_OK) st = la_sql_bind(store, stmt, err, "i", sweep_id);
    if (st == LA_OK) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            la_owner_read(stmt, 0, &owner);
        else if (rc != SQLITE_DONE)
            st = la_sql_fail(store, rc, "read", err);
    }
    sqlite3_finalize(stmt);
    if (st != LA_OK || la_owner_look(&owner) != LA_OWNER_LIVE) return st;
    char name[9];
    LA_TRY(name_of(store, sweep_id, name, err));
    int64_t silent = la_owner_now() - owner.heartbeat_s;
    return LA_FAIL(err, LA_E_DB,
                   "%s is open in sweep %s (pid %" PRId64 " on %s, alive %" PRId64
                   " s ago). Wait for it to end, or use another --db and 'labench merge'",
                   store->path, name, owner.pid, owner.host, silent > 0 ? silent : 0);
}

la_status la_store_sweep_find_open(la_store *store, const la_sweep_row *row, bool *found,
                                   int64_t *sweep_id, la_err *err)
{
    LA_TRY(la_sql_int(store, sweep_id, found, err,
                      "SELECT sweep_id FROM sweep WHERE spec_hash = ?1 AND build_id = ?2 AND "
                      "machine_id = ?3 AND seed = ?4 AND quick = ?5 AND state <> 'done' "
                      "ORDER BY sweep_id DESC LIMIT 1",
                      "siiii", row->spec_hash, row->build_id, row->machine_id, (int64_t)row->seed,
                      (int64_t)row->quick));
    return *found ? la_sweep_refuse_live(store, *sweep_id, err) : LA_OK;
}

la_status la_sweep_fresh_uuid(la_store *store, char out[37], la_err *err)
{
    bool taken = true;
    while (taken) {
        int64_t id;
        la_uuid_text(out);
        LA_TRY(la_sql_int(store, &id, &taken, err,
                          "SELECT sweep_id FROM sweep WHERE substr(uuid, 1, 8) = substr(?1, 1, 8)",
                          "s", out));
    }
    return LA_OK;
}

la_status la_store_sweep_new(la_store *store, const la_sweep_row *row, int64_t *sweep_id,
                             la_err *err)
{
    la_owner self;
    la_owner_self(&self);
    char now[32], uuid[37];
    la_utc(now);
    LA_TRY(la_sql_begin(store, err));
    la_status st = la_sweep_fresh_uuid(store, uuid, err);
    if (st == LA_OK)
        st = la_sql_run(
            store, err,
            "INSERT INTO sweep(uuid, spec_hash, argv_json, label, note, build_id, "
            "machine_id, seed, rounds, quick, env_json, created_utc, state, "
            "owner_host, owner_boot, owner_pid, owner_start, heartbeat_s) "
            "SELECT ?1, ?2, " LA_SQL_JSON(
                "?3", "[]") ", ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                            "coalesce((SELECT env_json FROM machine WHERE machine_id = ?7), '{}'), "
                            "?11, 'open', ?12, ?13, ?14, ?15, ?16",
            "sssssiiiiisssiii", uuid, row->spec_hash, row->argv_json, row->label, row->note,
            row->build_id, row->machine_id, (int64_t)row->seed, row->rounds, (int64_t)row->quick,
            now, self.host, self.boot, self.pid, self.start, self.heartbeat_s);
    if (st == LA_OK) *sweep_id = sqlite3_last_insert_rowid(store->db);
    return la_sql_end(store, st, err);
}

la_status la_sweep_interrupt(la_store *store, int64_t sweep_id, la_err *err)
{
    char now[32];
    la_utc(now);
    return la_sql_run(store, err,
                      "UPDATE attempt SET outcome = 'interrupted', ended_utc = ?2, "
                      "message = 'the run ended while this attempt was under way' "
                      "WHERE outcome IS NULL AND cell_id IN "
                      "(SELECT cell_id FROM cell WHERE sweep_id = ?1)",
                      "is", sweep_id, now);
}

la_status la_store_sweep_adopt(la_store *store, int64_t sweep_id, la_err *err)
{
    la_owner self;
    la_owner_self(&self);
    LA_TRY(la_sql_begin(store, err));
    char name[9];
    la_status st = name_of(store, sweep_id, name, err);
    /* Looked at again under the lock: two processes may have found the same orphan. */
    if (st == LA_OK) st = la_sweep_refuse_live(store, sweep_id, err);
    if (st == LA_OK) st = la_sweep_interrupt(store, sweep_id, err);
    if (st == LA_OK)
        st = la_sql_run(store, err,
                        "UPDATE sweep SET state = 'open', finished_utc = NULL, owner_host = ?2, "
                        "owner_boot = ?3, owner_pid = ?4, owner_start = ?5, heartbeat_s = ?6 "
                        "WHERE sweep_id = ?1",
                        "issiii", sweep_id, self.host, self.boot, self.pid, self.start,
                        self.heartbeat_s);
    return la_sql_end(store, st, err);
}

la_status la_store_sweep_end(la_store *store, int64_t sweep_id, const char *state, la_err *err)
{
    if (strcmp(state, "done") != 0 && strcmp(state, "interrupted") != 0)
        return LA_FAIL(err, LA_E_ARG, "a sweep ends as done or interrupted, not '%s'", state);
    char now[32];
    la_utc(now);
    LA_TRY(la_sql_begin(store, err));
    la_status st = la_sweep_interrupt(store, sweep_id, err);
    if (st == LA_OK)
        st = la_sql_run(store, err,
                        "UPDATE sweep SET state = ?2, finished_utc = ?3, owner_host = NULL, "
                        "owner_boot = NULL, owner_pid = NULL, owner_start = NULL "
                        "WHERE sweep_id = ?1",
                        "iss", sweep_id, state, now);
    return la_sql_end(store, st, err);
}

la_status la_store_heartbeat(la_store *store, int64_t sweep_id, la_err *err)
{
    sqlite3_busy_timeout(store->db, 0);
    la_status st = la_sql_begin(store, err);
    if (st == LA_OK) {
        st = la_sql_run(store, err, "UPDATE sweep SET heartbeat_s = ?2 WHERE sweep_id = ?1", "ii",
                        sweep_id, la_owner_now());
        st = la_sql_end(store, st, err);
    }
    sqlite3_busy_timeout(store->db, LA_SQL_PATIENCE_MS);
    return st;
}

la_status la_store_sweep_warning(la_store *store, int64_t sweep_id, const la_warning_row *row,
                                 la_err *err)
{
    char now[32];
    la_utc(now);
    LA_TRY(la_sql_begin(store, err));
    la_status st = la_sql_run(store, err,
                              "INSERT INTO warning(sweep_id, code, text, at_utc) "
                              "VALUES(?1, ?2, ?3, ?4)",
                              "isss", sweep_id, row->code, row->text, now);
    return la_sql_end(store, st, err);
}

/* Hex digits and dashes only, so that a name cannot be a pattern. */
static bool is_uuid_prefix(const char *name)
{
    return name[strspn(name, "0123456789abcdefABCDEF-")] == '\0' && strlen(name) <= 36;
}

la_status la_store_sweep_resolve(la_store *store, const char *name, int64_t *sweep_id, la_err *err)
{
    bool found, last = !name || !*name || strcmp(name, "last") == 0;
    if (last) {
        LA_TRY(la_sql_int(store, sweep_id, &found, err, "SELECT max(sweep_id) FROM sweep", ""));
        return found ? LA_OK
                     : LA_FAIL(err, LA_E_NOTFOUND,
                               "%s holds no sweep yet; measure one with 'labench --variants all "
                               "--db %s'",
                               store->path, store->path);
    }
    int64_t count = 0;
    if (is_uuid_prefix(name))
        LA_TRY(la_sql_int(
            store, &count, NULL, err,
            "SELECT count(*) FROM sweep WHERE substr(uuid, 1, length(?1)) = lower(?1)", "s", name));
    if (count == 0)
        return LA_FAIL(err, LA_E_NOTFOUND,
                       "%s has no sweep '%s'; 'labench list sweeps' shows those it has",
                       store->path, name);
    if (count > 1)
        return LA_FAIL(err, LA_E_ARG,
                       "'%s' could be any of %" PRId64
                       " sweeps; type more digits ('labench list sweeps' shows them)",
                       name, count);
    return la_sql_int(store, sweep_id, NULL, err,
                      "SELECT sweep_id FROM sweep WHERE substr(uuid, 1, length(?1)) = lower(?1)",
                      "s", name);
}
