/* SPDX-License-Identifier: Apache-2.0
 * Statements and transactions: the only place that turns SQLite's codes into sentences.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "store_internal.h"

static la_status fail_with(int code, la_err *err, la_status st)
{
    if (err) err->foreign = code;
    return st;
}

la_status la_sql_fail(la_store *store, int rc, const char *doing, la_err *err)
{
    const char *path = store->path;
    /* The connection's message belongs to its last call, which a failed open does not have. */
    const char *why = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(rc);
    switch (rc & 0xFF) {
    case SQLITE_NOMEM:
        return fail_with(rc, err, LA_FAIL(err, LA_E_NOMEM, "out of memory while using %s", path));
    case SQLITE_FULL:
        return fail_with(rc, err,
                         LA_FAIL(err, LA_E_IO,
                                 "no space left for %s; what was finished is saved: free space and "
                                 "run the same command",
                                 path));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fail_with(rc, err,
                         LA_FAIL(err, LA_E_DB,
                                 "%s is locked by another program for too long; end that program, "
                                 "or use another --db",
                                 path));
    case SQLITE_NOTADB:
        return fail_with(rc, err,
                         LA_FAIL(err, LA_E_DB,
                                 "%s is not a labench database; name another file with --db",
                                 path));
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
        return fail_with(rc, err,
                         LA_FAIL(err, LA_E_DB,
                                 "%s is damaged (%s); use a copy of it, or save what can be read: "
                                 "labench db recover --db %s",
                                 path, why, path));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
        return fail_with(rc, err,
                         LA_FAIL(err, LA_E_IO,
                                 "cannot %s %s (%s); check that the file and its folder may be "
                                 "written, or use another --db",
                                 doing, path, why));
    case SQLITE_IOERR:
        return fail_with(
            rc, err,
            LA_FAIL(err, LA_E_IO,
                    "cannot %s %s: %s (%s); what was finished is saved: check the disk "
                    "and run the same command",
                    doing, path, why, strerror(sqlite3_system_errno(store->db))));
    case SQLITE_CONSTRAINT:
        return fail_with(rc, err, LA_FAIL(err, LA_E_DB, "%s refuses a row: %s", path, why));
    case SQLITE_INTERRUPT:
        return fail_with(rc, err, LA_FAIL(err, LA_E_INTERRUPTED, "stopped while using %s", path));
    default:
        return fail_with(rc, err, LA_FAIL(err, LA_E_DB, "cannot %s %s: %s", doing, path, why));
    }
}

static la_status still_the_same_file(la_store *store, la_err *err)
{
    struct stat st;
    if (stat(store->path, &st) != 0)
        return LA_FAIL(err, LA_E_DB,
                       "%s was deleted or moved while it was in use; put it back and run the same "
                       "command",
                       store->path);
    if (st.st_dev != store->dev || st.st_ino != store->ino)
        return LA_FAIL(err, LA_E_DB,
                       "%s was replaced by another file while it was in use; run the command again",
                       store->path);
    return LA_OK;
}

la_status la_sql_begin(la_store *store, la_err *err)
{
    if (getpid() != store->pid)
        return LA_FAIL(err, LA_E_INTERNAL, "%s was opened by process %d and is used by %d",
                       store->path, (int)store->pid, (int)getpid());
    if (store->mode != LA_STORE_WRITE)
        return LA_FAIL(err, LA_E_INTERNAL, "%s was opened for reading only", store->path);
    LA_TRY(still_the_same_file(store, err));
    /* A ROLLBACK that itself ran out of memory is made up for. */
    if (!sqlite3_get_autocommit(store->db)) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    int rc = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    return rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "write", err);
}

la_status la_sql_end(la_store *store, la_status st, la_err *err)
{
    if (st == LA_OK) {
        int rc = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
        if (rc != SQLITE_OK) st = la_sql_fail(store, rc, "write", err);
    }
    /* Some errors roll back by themselves; a second ROLLBACK would only fail. */
    if (st != LA_OK && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

la_status la_sql_prepare(la_store *store, const char *sql, sqlite3_stmt **out, la_err *err)
{
    int rc = sqlite3_prepare_v2(store->db, sql, -1, out, NULL);
    return rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "use", err);
}

/* Length of the UTF-8 sequence at s, or 0 when it is none. */
static size_t utf8_length(const unsigned char *s)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xC2 && s[0] < 0xE0 ? 2
               : s[0] >= 0xE0 && s[0] < 0xF0 ? 3
               : s[0] >= 0xF0 && s[0] < 0xF5 ? 4
                                             : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if (n == 3 && ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] >= 0xA0))) return 0;
    if (n == 4 && ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] >= 0x90))) return 0;
    return n;
}

static int bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
    if (!text) return sqlite3_bind_null(stmt, i);
    const unsigned char *s = (const unsigned char *)text;
    size_t len = 0, n;
    while (s[len] && (n = utf8_length(s + len)) > 0) len += n;
    if (!s[len]) return sqlite3_bind_text64(stmt, i, text, len, SQLITE_STATIC, SQLITE_UTF8);
    len = strlen(text);
    char *copy = sqlite3_malloc64(len + 1);
    if (!copy) return SQLITE_NOMEM;
    memcpy(copy, text, len + 1);
    for (size_t at = 0; at < len; at += n) {
        n = utf8_length((const unsigned char *)copy + at);
        if (!n) copy[at] = '?', n = 1;
    }
    return sqlite3_bind_text64(stmt, i, copy, len, sqlite3_free, SQLITE_UTF8);
}

static la_status bind_all(la_store *store, sqlite3_stmt *stmt, la_err *err, const char *types,
                          va_list args)
{
    int rc = SQLITE_OK;
    for (int i = 1; types[i - 1] && rc == SQLITE_OK; i++) {
        int64_t number;
        double real;
        switch (types[i - 1]) {
        case 'i':
            rc = sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
            break;
        case 'n':
            number = va_arg(args, int64_t);
            rc = number < 0 ? sqlite3_bind_null(stmt, i) : sqlite3_bind_int64(stmt, i, number);
            break;
        case 'd':
            real = va_arg(args, double);
            rc = isfinite(real) ? sqlite3_bind_double(stmt, i, real) : sqlite3_bind_null(stmt, i);
            break;
        case 's':
            rc = bind_text(stmt, i, va_arg(args, const char *));
            break;
        default:
            LA_ASSERT(!"a letter of la_sql_bind");
        }
    }
    return rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "use", err);
}

la_status la_sql_bind(la_store *store, sqlite3_stmt *stmt, la_err *err, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    la_status st = bind_all(store, stmt, err, types, args);
    va_end(args);
    return st;
}

la_status la_sql_step(la_store *store, sqlite3_stmt *stmt, la_err *err)
{
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
    }
    la_status st = rc == SQLITE_DONE ? LA_OK : la_sql_fail(store, rc, "write", err);
    sqlite3_reset(stmt);
    return st;
}

la_status la_sql_run(la_store *store, la_err *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    la_status st = la_sql_prepare(store, sql, &stmt, err);
    if (st == LA_OK) {
        va_list args;
        va_start(args, types);
        st = bind_all(store, stmt, err, types, args);
        va_end(args);
    }
    if (st == LA_OK) st = la_sql_step(store, stmt, err);
    sqlite3_finalize(stmt);
    return st;
}

la_status la_sql_int(la_store *store, int64_t *out, bool *found, la_err *err, const char *sql,
                     const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    bool any = false;
    *out = 0;
    la_status st = la_sql_prepare(store, sql, &stmt, err);
    if (st == LA_OK) {
        va_list args;
        va_start(args, types);
        st = bind_all(store, stmt, err, types, args);
        va_end(args);
    }
    if (st == LA_OK) {
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            any = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
            *out = sqlite3_column_int64(stmt, 0);
        } else if (rc != SQLITE_DONE) {
            st = la_sql_fail(store, rc, "read", err);
        }
    }
    sqlite3_finalize(stmt);
    if (found) *found = any;
    return st;
}
