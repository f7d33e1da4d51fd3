/* SPDX-License-Identifier: Apache-2.0
 * Is this file ours, of our version, whole, and free of foreign objects?
 *
 * The schema in the file is compared with the one this program makes, object by object: a trigger or
 * a view that someone added could change what is stored or shown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "store_internal.h"

static la_status pragma(la_store *store, const char *sql, int64_t *out, la_err *err)
{
    return la_sql_int(store, out, NULL, err, sql, "");
}

/* What the file says of itself, read in one transaction: another process may be making it. */
typedef struct passport {
    int64_t objects, application, version, pages;
} passport;

static la_status read_passport(la_store *store, passport *out, la_err *err)
{
    bool alone = sqlite3_get_autocommit(store->db);
    if (alone) LA_TRY(la_sql_run(store, err, "BEGIN", ""));
    /* The first read also rolls back what a killed writer left behind. */
    la_status st = pragma(store, "SELECT count(*) FROM sqlite_schema", &out->objects, err);
    if (st == LA_OK) st = pragma(store, "PRAGMA application_id", &out->application, err);
    if (st == LA_OK) st = pragma(store, "PRAGMA user_version", &out->version, err);
    if (st == LA_OK) st = pragma(store, "PRAGMA page_count", &out->pages, err);
    return alone ? la_sql_end(store, st, err) : st;
}

la_status la_check_identity(la_store *store, bool *empty, la_err *err)
{
    passport p;
    LA_TRY(read_passport(store, &p, err));
    /* A write lock on a file of no bytes already makes its first page. */
    *empty = p.pages <= 1 && p.objects == 0 && p.application == 0 && p.version == 0;
    if (*empty) return LA_OK;
    if (!store->found) store->found = p.version;
    if (p.application != LA_APPLICATION_ID)
        return LA_FAIL(err, LA_E_DB,
                       "%s is not a labench database but an SQLite file of another program; name "
                       "another file with --db",
                       store->path);
    if (p.version > LA_SCHEMA_VERSION)
        return LA_FAIL(err, LA_E_DB,
                       "%s has schema %" PRId64 ", this labench knows %d; use the newer labench "
                       "that wrote it, or another --db",
                       store->path, p.version, LA_SCHEMA_VERSION);
    if (p.version < 1)
        return LA_FAIL(err, LA_E_DB, "%s is damaged (schema %" PRId64 "); use another --db",
                       store->path, p.version);
    return LA_OK;
}

void la_check_plain_sql(const char *sql, char *out)
{
    char *start = out;
    char quote = 0;
    for (const char *s = sql; *s; s++) {
        if (!quote && s[0] == '-' && s[1] == '-') {
            while (s[1] && s[1] != '\n') s++;
            continue;
        }
        if (quote ? *s == quote : *s == '\'' || *s == '"') quote = quote ? 0 : *s;
        bool space = !quote && strchr(" \t\r\n", *s);
        /* ALTER TABLE puts its comma behind the line and the comment of the last column. */
        if (!quote && (*s == ',' || *s == ')') && out > start && out[-1] == ' ') out--;
        if (!space)
            *out++ = *s;
        else if (out > start && out[-1] != ' ')
            *out++ = ' ';
    }
    if (out > start && out[-1] == ' ') out--;
    *out = '\0';
}

/* One object of a schema; the strings live until the statement's next step. */
typedef struct object {
    const char *type, *name, *sql;
    bool any;
} object;

static int next_object(sqlite3_stmt *stmt, object *out)
{
    int rc = sqlite3_step(stmt);
    *out = (object){.any = rc == SQLITE_ROW};
    if (!out->any) return rc == SQLITE_DONE ? SQLITE_OK : rc;
    out->type = (const char *)sqlite3_column_text(stmt, 0);
    out->name = (const char *)sqlite3_column_text(stmt, 1);
    out->sql = (const char *)sqlite3_column_text(stmt, 2);
    return out->type && out->name && out->sql ? SQLITE_OK : SQLITE_NOMEM;
}

static la_status same_text(const char *a, const char *b, bool *same, la_err *err)
{
    size_t na = strlen(a) + 1, nb = strlen(b) + 1;
    char *plain = la_alloc(na + nb, err);
    if (!plain) return LA_E_NOMEM;
    la_check_plain_sql(a, plain);
    la_check_plain_sql(b, plain + na);
    *same = strcmp(plain, plain + na) == 0;
    la_free(plain);
    return LA_OK;
}

static la_status compare_schemas(la_store *store, sqlite3_stmt *want, sqlite3_stmt *have,
                                 la_err *err)
{
    for (;;) {
        object w, h;
        int rc = next_object(want, &w);
        if (rc == SQLITE_OK) rc = next_object(have, &h);
        if (rc != SQLITE_OK) return la_sql_fail(store, rc, "read", err);
        if (!w.any && !h.any) return LA_OK;
        int order = !h.any ? -1 : !w.any ? 1 : strcmp(w.name, h.name);
        if (order < 0)
            return LA_FAIL(err, LA_E_DB, "%s is damaged (no %s %s); use another --db", store->path,
                           w.type, w.name);
        if (order > 0)
            return LA_FAIL(
                err, LA_E_DB,
                "%s holds a %s '%s' that is not labench's and could falsify results; use "
                "another --db, or remove it if you trust the rest: sqlite3 %s 'DROP %s "
                "\"%s\"'",
                store->path, h.type, h.name, store->path, h.type, h.name);
        bool same = false;
        LA_TRY(same_text(w.sql, h.sql, &same, err));
        if (!same || strcmp(w.type, h.type) != 0)
            return LA_FAIL(
                err, LA_E_DB,
                "%s has another definition of %s '%s' than this labench: another program "
                "changed it, or an unfinished version of labench made it; use another "
                "--db",
                store->path, h.type, h.name);
    }
}

la_status la_check_schema(la_store *store, la_err *err)
{
    /* What ANALYZE makes (sqlite_stat1) and automatic indexes are not ours to judge. */
    static const char *const list =
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema "
        "WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY name COLLATE BINARY";
    sqlite3 *memory = NULL;
    sqlite3_stmt *want = NULL, *have = NULL;
    la_status st = LA_OK;
    int rc = sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_exec(memory, la_schema_sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(memory, list, -1, &want, NULL);
    if (rc != SQLITE_OK) st = la_sql_fail(store, rc, "check", err);
    if (st == LA_OK) st = la_sql_prepare(store, list, &have, err);
    if (st == LA_OK) st = compare_schemas(store, want, have, err);
    sqlite3_finalize(want);
    sqlite3_finalize(have);
    sqlite3_close(memory);
    return st;
}

static la_status check_pages(la_store *store, const char *pragma_text, la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    la_status st = la_sql_prepare(store, pragma_text, &stmt, err);
    if (st == LA_OK) {
        int rc = sqlite3_step(stmt);
        const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        if (!text)
            st = la_sql_fail(store, rc == SQLITE_ROW ? SQLITE_NOMEM : rc, "check", err);
        else if (strcmp(text, "ok") != 0)
            st = LA_FAIL(err, LA_E_DB,
                         "%s is damaged (%s); use a copy of it, or save what can be read: "
                         "labench db recover --db %s",
                         store->path, text, store->path);
    }
    sqlite3_finalize(stmt);
    int64_t orphans = 0;
    if (st == LA_OK)
        st = la_sql_int(store, &orphans, NULL, err, "SELECT count(*) FROM pragma_foreign_key_check",
                        "");
    if (st == LA_OK && orphans > 0)
        st = LA_FAIL(err, LA_E_DB,
                     "%s is damaged (%" PRId64 " rows refer to nothing); use another --db",
                     store->path, orphans);
    return st;
}

la_status la_check_pages(la_store *store, la_err *err)
{
    return check_pages(store, "PRAGMA quick_check(1)", err);
}

/* A summary is a cache of samples: no constraint holds the two together. */
static la_status check_summaries(la_store *store, la_err *err)
{
    int64_t n;
    LA_TRY(la_sql_int(store, &n, NULL, err,
                      "SELECT count(*) FROM summary y WHERE y.n <> (SELECT count(*) FROM v_last l "
                      "JOIN sample p ON p.attempt_id = l.attempt_id WHERE l.cell_id = y.cell_id "
                      "AND l.outcome = 'ok')",
                      ""));
    if (n == 0) return LA_OK;
    return LA_FAIL(err, LA_E_DB,
                   "%s is damaged (%" PRId64 " summaries do not count the samples of their cells); "
                   "use another --db",
                   store->path, n);
}

la_status la_store_check(la_store *store, la_store_facts *out, la_err *err)
{
    static const char *const tables[] = {"sweep", "cell", "attempt", "sample", "model"};
    int64_t *counts[] = {&out->sweeps, &out->cells, &out->attempts, &out->samples, &out->models};
    *out = (la_store_facts){.schema = store->found};
    LA_TRY(check_pages(store, "PRAGMA integrity_check(1)", err));
    LA_TRY(check_summaries(store, err));
    for (size_t i = 0; i < LA_COUNT(tables); i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        LA_TRY(la_sql_int(store, counts[i], NULL, err, sql, ""));
    }
    return la_sql_int(store, &out->bytes, NULL, err,
                      "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", "");
}
