/* SPDX-License-Identifier: Apache-2.0
 * Which sweep of a merged file a sweep belongs to.
 *
 * A sweep is known by its uuid. Shares of one spec (spec hash "HASH.I/N") become one sweep of the hash HASH; its
 * environment keeps which they were: "shares": {"2/4": "uuid"}, with " unfinished" behind the uuid of one
 * that is. So a share that is merged again is found, and a second measurement of share 2 begins another sweep.
 */
#include <stdio.h>
#include <string.h>

#include "merge.h"

#define IS_SHARE "instr(spec_hash, '.') > 0"

static int64_t number(sqlite3_stmt *row, const char *name)
{
    return sqlite3_column_int64(row, la_row_column(row, name));
}

static const char *text(sqlite3_stmt *row, const char *name)
{
    return (const char *)sqlite3_column_text(row, la_row_column(row, name));
}

la_status la_merge_refuse_shares(la_store *out, la_err *err)
{
    int64_t share;
    bool found;
    LA_TRY(
        la_sql_int(out, &share, &found, err, "SELECT 1 FROM sweep WHERE " IS_SHARE " LIMIT 1", ""));
    if (!found) return LA_OK;
    return LA_FAIL(err, LA_E_ARG,
                   "%s was measured with --shard; name a new file first, and it among the others",
                   la_store_path(out));
}

/* ---- a sweep of its own ---- */

static la_status refuse_other(la_merger *m, sqlite3_stmt *row, const char *column, la_err *err)
{
    return LA_FAIL(err, LA_E_DB,
                   "%s and %s both have sweep %.8s, but differ in its %s: one of them was changed; "
                   "nothing was merged",
                   la_store_path(m->in), la_store_path(m->out), text(row, "uuid"), column);
}

static la_status check_same(la_merger *m, sqlite3_stmt *row, sqlite3_stmt *same, la_err *err)
{
    static const char *const but[] = {"sweep_id",    "build_id",     "machine_id",  "rounds",
                                      "env_json",    "finished_utc", "state",       "owner_host",
                                      "owner_boot",  "owner_pid",    "owner_start", "heartbeat_s",
                                      "created_utc", "label",        "note"};
    const char *differs = la_row_differs(row, same, but, LA_COUNT(but));
    if (!differs && la_row_ids_find(&m->build, number(row, "build_id")) != number(same, "build_id"))
        differs = "build";
    return differs ? refuse_other(m, row, differs, err) : LA_OK;
}

static la_status find_whole(la_merger *m, sqlite3_stmt *row, int64_t *target, bool *found,
                            la_err *err)
{
    sqlite3_stmt *same = NULL;
    la_status st = la_sql_prepare(m->out, "SELECT * FROM sweep WHERE uuid = ?1", &same, err);
    if (st == LA_OK) st = la_sql_bind(m->out, same, err, "s", text(row, "uuid"));
    if (st == LA_OK) st = la_row_next(m->out, same, found, err);
    if (st == LA_OK && *found) {
        *target = sqlite3_column_int64(same, 0);
        st = check_same(m, row, same, err);
    }
    sqlite3_finalize(same);
    return st;
}

static la_status add_sweep(la_merger *m, sqlite3_stmt *row, int64_t *target, la_err *err)
{
    la_row_change changes[] = {
        {.column = "sweep_id", .null = true},
        {.column = "build_id", .value = la_row_ids_find(&m->build, number(row, "build_id"))},
        {.column = "machine_id", .value = la_row_ids_find(&m->machine, number(row, "machine_id"))},
        {.column = "owner_host", .null = true},
        {.column = "owner_boot", .null = true},
        {.column = "owner_pid", .null = true},
        {.column = "owner_start", .null = true}};
    LA_TRY(la_row_insert(m->out, "sweep", row, changes, LA_COUNT(changes), target, err));
    m->counts->sweeps++;
    /* Done again once its cells are there. */
    return la_sql_run(m->out, err, "UPDATE sweep SET state = 'interrupted' WHERE sweep_id = ?1",
                      "i", *target);
}

/* ---- shares ---- */

/* Which shares a row of `in` has, as JSON; NULL: it is a whole. The text is the statement's. */
static la_status shares_of(la_merger *m, int64_t sweep, sqlite3_stmt **stmt, const char **shares,
                           la_err *err)
{
    bool more;
    *shares = NULL;
    LA_TRY(la_sql_prepare(m->in,
                          "SELECT CASE WHEN " IS_SHARE " THEN json_object("
                          "substr(spec_hash, instr(spec_hash, '.') + 1), "
                          "uuid || CASE state WHEN 'done' THEN '' ELSE ' unfinished' END) "
                          "ELSE json_extract(env_json, '$.shares') END "
                          "FROM sweep WHERE sweep_id = ?1",
                          stmt, err));
    LA_TRY(la_sql_bind(m->in, *stmt, err, "i", sweep));
    LA_TRY(la_row_next(m->in, *stmt, &more, err));
    *shares = more ? (const char *)sqlite3_column_text(*stmt, 0) : NULL;
    return LA_OK;
}

/* A joined sweep of the same spec that has these shares, or lacks them and has no others of their numbers. */
static la_status find_joined(la_merger *m, sqlite3_stmt *row, const char *hash, const char *shares,
                             int64_t *target, bool *found, la_err *err)
{
    return la_sql_int(
        m->out, target, found, err,
        "SELECT s.sweep_id FROM sweep s WHERE s.spec_hash = ?1 AND s.build_id = ?2 AND "
        "s.seed = ?3 AND s.quick = ?4 AND s.label IS ?5 AND "
        "json_type(s.env_json, '$.shares') = 'object' AND NOT EXISTS ("
        "SELECT 1 FROM json_each(?6) a, json_each(s.env_json, '$.shares') b WHERE "
        /* another measurement of the same share, or shares of another number */
        "(a.key = b.key AND substr(a.value, 1, 36) <> substr(b.value, 1, 36)) OR "
        "substr(a.key, instr(a.key, '/')) <> substr(b.key, instr(b.key, '/'))) "
        "ORDER BY (SELECT count(*) FROM json_each(?6) a, json_each(s.env_json, '$.shares') b "
        "WHERE a.key = b.key) DESC, s.sweep_id LIMIT 1",
        "siiiss", hash, la_row_ids_find(&m->build, number(row, "build_id")), number(row, "seed"),
        number(row, "quick"), text(row, "label"), shares);
}

/* Makes a sweep of its own out of that of a share: another uuid, the whole's hash, the command without
 * --shard. */
static la_status make_joined(la_merger *m, int64_t target, const char *hash, la_err *err)
{
    char uuid[37];
    LA_TRY(la_sweep_fresh_uuid(m->out, uuid, err));
    return la_sql_run(m->out, err,
                      "UPDATE sweep SET uuid = ?2, spec_hash = ?3, "
                      "env_json = json_set(env_json, '$.shares', json('{}')), argv_json = ("
                      "SELECT json_group_array(w.value) FROM json_each(sweep.argv_json) w WHERE "
                      "w.value <> '--shard' AND w.value NOT LIKE '--shard=%' AND NOT EXISTS ("
                      "SELECT 1 FROM json_each(sweep.argv_json) v WHERE v.key = w.key - 1 AND "
                      "v.value = '--shard')) WHERE sweep_id = ?1",
                      "iss", target, uuid, hash);
}

static la_status find_or_join(la_merger *m, sqlite3_stmt *row, const char *shares, int64_t *target,
                              bool *found, la_err *err)
{
    char hash[33];
    snprintf(hash, sizeof hash, "%.*s", (int)strcspn(text(row, "spec_hash"), "."),
             text(row, "spec_hash"));
    LA_TRY(find_joined(m, row, hash, shares, target, found, err));
    if (!*found) {
        LA_TRY(add_sweep(m, row, target, err));
        LA_TRY(make_joined(m, *target, hash, err));
    }
    return la_sql_run(m->out, err,
                      "UPDATE sweep SET env_json = json_patch(env_json, "
                      "json_object('shares', json(?2))) WHERE sweep_id = ?1",
                      "is", *target, shares);
}

/* ---- both ---- */

la_status la_merge_sweep_target(la_merger *m, sqlite3_stmt *row, int64_t *target, la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *shares;
    bool found = false;
    la_status st = shares_of(m, sqlite3_column_int64(row, 0), &stmt, &shares, err);
    if (st == LA_OK && shares)
        st = find_or_join(m, row, shares, target, &found, err);
    else if (st == LA_OK)
        st = find_whole(m, row, target, &found, err);
    if (st == LA_OK && !found && !shares) st = add_sweep(m, row, target, err);
    sqlite3_finalize(stmt);
    if (st != LA_OK || !found) return st;
    LA_TRY(la_sweep_refuse_live(m->out, *target, err));
    return la_sweep_interrupt(m->out, *target, err);
}

/* Times of two machines stand beside each other in one sweep: whoever reads it is told. */
static la_status note_machines(la_merger *m, int64_t target, la_err *err)
{
    return la_sql_run(
        m->out, err,
        "INSERT INTO warning(sweep_id, code, text, at_utc) SELECT ?1, 'machines', "
        "'the shares were measured on several machines: times of different cells do not compare', "
        "s.created_utc FROM sweep s WHERE s.sweep_id = ?1 AND "
        "(SELECT count(DISTINCT device_id) FROM cell WHERE sweep_id = ?1) > 1 AND NOT EXISTS "
        "(SELECT 1 FROM warning WHERE sweep_id = ?1 AND code = 'machines')",
        "i", target);
}

la_status la_merge_sweep_settle(la_merger *m, sqlite3_stmt *row, int64_t target, la_err *err)
{
    LA_TRY(note_machines(m, target, err));
    /* A joined sweep is done when it has as many finished shares as there are. */
    return la_sql_run(
        m->out, err,
        "UPDATE sweep SET owner_host = NULL, owner_boot = NULL, owner_pid = NULL, "
        "owner_start = NULL, rounds = max(rounds, ?4), "
        "created_utc = min(created_utc, ?2), "
        "finished_utc = nullif(max(coalesce(finished_utc, ''), coalesce(?3, '')), ''), "
        "state = CASE WHEN state = 'done' OR (?5 = 'done' AND NOT ?6) THEN 'done' "
        "WHEN json_type(env_json, '$.shares') = 'object' THEN "
        "(SELECT CASE WHEN count(*) = max(CAST(substr(j.key, instr(j.key, '/') + 1) AS INT)) "
        "AND sum(j.value LIKE '% unfinished') = 0 THEN 'done' ELSE 'interrupted' END "
        "FROM json_each(sweep.env_json, '$.shares') j) "
        "ELSE 'interrupted' END WHERE sweep_id = ?1",
        "issisi", target, text(row, "created_utc"), text(row, "finished_utc"),
        number(row, "rounds"), text(row, "state"),
        (int64_t)(strchr(text(row, "spec_hash"), '.') != NULL));
}
