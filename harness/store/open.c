/* SPDX-License-Identifier: Apache-2.0
 * Opening and closing the file: refusals before anything is written, settings of the connection,
 * making a new database.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "clock.h"
#include "store_internal.h"

/* Files up to this size are checked page by page at every open; larger ones after an unclean end. */
#define ALWAYS_CHECKED_BYTES (16 << 20)

/* Refuses what is no regular file, with the folder checked when there is no file yet. */
static la_status look_at_path(const char *path, la_store_mode mode, off_t *size, la_err *err)
{
    *size = -1;
    if (!path || !*path) return LA_FAIL(err, LA_E_ARG, "the name of the database is empty");
    if (strlen(path) > PATH_MAX - 16)
        return LA_FAIL(err, LA_E_ARG, "the name of the database is longer than %d bytes",
                       PATH_MAX - 16);
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return LA_FAIL(err, LA_E_IO, "%s is a folder; name a file in it: --db %s/labench.db",
                           path, path);
        if (!S_ISREG(st.st_mode))
            return LA_FAIL(err, LA_E_IO, "%s is no regular file; name another one with --db", path);
        /* SQLite takes a file of one byte for an empty one. */
        if (st.st_size == 1)
            return LA_FAIL(err, LA_E_DB,
                           "%s is not a labench database; name another file with --db", path);
        *size = st.st_size;
        return LA_OK;
    }
    if (errno != ENOENT)
        return LA_FAIL(err, LA_E_IO, "cannot look at %s: %s; use another --db", path,
                       strerror(errno));
    /* Anything but a link was made by another process between the two looks, and is fine. */
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return LA_FAIL(err, LA_E_IO, "%s is a link to a file that does not exist; remove the link",
                       path);
    if (mode == LA_STORE_READ)
        return LA_FAIL(err, LA_E_NOTFOUND,
                       "no file %s; name a stored run with --db, or measure one with 'labench "
                       "--variants all --db %s'",
                       path, path);
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) : 0;
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", n ? n : 1, n ? path : slash ? "/" : ".");
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return LA_FAIL(err, LA_E_IO, "%s is no folder; make it first: mkdir -p '%s'", folder,
                       folder);
    return LA_OK;
}

/* A journal with content beside the file: a writer is at work, or one was killed. */
static bool has_journal(const char *path)
{
    char real[PATH_MAX], name[PATH_MAX + 16];
    struct stat st;
    snprintf(name, sizeof name, "%s-journal", realpath(path, real) ? real : path);
    return stat(name, &st) == 0 && st.st_size > 0;
}

la_status la_sql_settings(la_store *store, la_err *err)
{
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, LA_SQL_PATIENCE_MS);
    /* Results are mailed around: what a file's schema says is not to be trusted. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    int rc =
        sqlite3_exec(store->db,
                     "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON;"
                     "PRAGMA synchronous = EXTRA;",
                     NULL, NULL, NULL);
    return rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "open", err);
}

static la_status connect_to(la_store *store, int flags, la_err *err)
{
    /* SQLite gives names such as :memory: and file:x a meaning of their own; a path has none. */
    char name[PATH_MAX + 2];
    snprintf(name, sizeof name, "%s%s", store->path[0] == '/' ? "" : "./", store->path);
    int rc = sqlite3_open_v2(name, &store->db, flags, NULL);
    if (rc != SQLITE_OK) return la_sql_fail(store, rc, "open", err);
    return la_sql_settings(store, err);
}

static la_status remember_file(la_store *store, la_err *err)
{
    struct stat st;
    if (stat(store->path, &st) != 0)
        return LA_FAIL(err, LA_E_IO, "cannot look at %s: %s", store->path, strerror(errno));
    store->dev = st.st_dev;
    store->ino = st.st_ino;
    return LA_OK;
}

/* Makes the schema, unless another process did so between our look and our lock. */
static la_status make_new(la_store *store, la_err *err)
{
    int rc = sqlite3_exec(store->db, "PRAGMA page_size = 4096", NULL, NULL, NULL);
    if (rc != SQLITE_OK) return la_sql_fail(store, rc, "make", err);
    LA_TRY(la_sql_begin(store, err));
    bool empty;
    la_status st = la_check_identity(store, &empty, err);
    if (st == LA_OK && empty) {
        rc = sqlite3_exec(store->db, la_schema_sql, NULL, NULL, NULL);
        if (rc != SQLITE_OK) st = la_sql_fail(store, rc, "make", err);
        char now[32];
        la_utc(now);
        if (st == LA_OK)
            st = la_sql_run(store, err,
                            "INSERT INTO migration(version, applied_utc, app_version) "
                            "VALUES(?1, ?2, ?3)",
                            "iss", (int64_t)LA_SCHEMA_VERSION, now, LA_VERSION);
    }
    return la_sql_end(store, st, err);
}

/* A page is written and taken back, so that a file or folder that cannot be written is found now
 * and not when the first cell is done. */
static la_status try_writing(la_store *store, la_err *err)
{
    if (sqlite3_db_readonly(store->db, "main") == 1)
        return la_sql_fail(store, SQLITE_READONLY, "write", err);
    LA_TRY(la_sql_begin(store, err));
    int rc = sqlite3_exec(store->db, "PRAGMA user_version = 0", NULL, NULL, NULL);
    la_status st = rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "write", err);
    rc = sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    /* Kept, the lock would shut every other program out. */
    if (rc != SQLITE_OK && st == LA_OK) st = la_sql_fail(store, rc, "write", err);
    return st;
}

/* An open sweep whose owner is gone: the last run ended without saying so. */
static la_status ended_uncleanly(la_store *store, bool *unclean, la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    *unclean = false;
    LA_TRY(la_sql_prepare(store,
                          "SELECT owner_host, owner_boot, owner_pid, owner_start, heartbeat_s "
                          "FROM sweep WHERE state = 'open'",
                          &stmt, err));
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && !*unclean) {
        la_owner owner;
        la_owner_read(stmt, 0, &owner);
        *unclean = la_owner_look(&owner) == LA_OWNER_DEAD;
    }
    la_status st =
        rc == SQLITE_ROW || rc == SQLITE_DONE ? LA_OK : la_sql_fail(store, rc, "read", err);
    sqlite3_finalize(stmt);
    return st;
}

static la_status check_content(la_store *store, bool journal, off_t size, la_err *err)
{
    LA_TRY(la_check_schema(store, err));
    bool unclean;
    LA_TRY(ended_uncleanly(store, &unclean, err));
    if (size > ALWAYS_CHECKED_BYTES && !journal && !(unclean && store->mode == LA_STORE_WRITE))
        return LA_OK;
    return la_check_pages(store, err);
}

static la_status open_for_writing(la_store *store, la_err *err)
{
    LA_TRY(connect_to(store, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err));
    bool empty;
    LA_TRY(la_check_identity(store, &empty, err));
    LA_TRY(remember_file(store, err));
    if (empty) return make_new(store, err);
    LA_TRY(la_migrate(store, err));
    /* Someone may have switched the file to WAL, which fails on network file systems. */
    int rc = sqlite3_exec(store->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    return rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "write", err);
}

static la_status open_for_reading(la_store *store, la_err *err)
{
    bool empty;
    la_err first = {0};
    la_status st = connect_to(store, SQLITE_OPEN_READONLY, &first);
    if (st == LA_OK) st = la_check_identity(store, &empty, &first);
    if (st == LA_E_IO && (first.foreign & 0xFF) == SQLITE_READONLY) {
        /* A killed writer left its journal: rolling back to the last commit needs write access. */
        sqlite3_close_v2(store->db);
        store->db = NULL;
        st = connect_to(store, SQLITE_OPEN_READWRITE, &first);
        if (st == LA_OK) st = la_check_identity(store, &empty, &first);
    }
    if (st != LA_OK) {
        if (err) *err = first;
        return st;
    }
    if (empty)
        return LA_FAIL(err, LA_E_DB, "%s is empty; name a stored run with --db", store->path);
    LA_TRY(remember_file(store, err));
    LA_TRY(la_migrate_copy(store, err));
    int rc = sqlite3_exec(store->db, "PRAGMA query_only = ON", NULL, NULL, NULL);
    return rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "open", err);
}

la_status la_store_open(const char *path, la_store_mode mode, la_store **out, la_err *err)
{
    *out = NULL;
    off_t size;
    LA_TRY(look_at_path(path, mode, &size, err));
    la_store *store = la_zalloc(sizeof *store, err);
    if (!store) return LA_E_NOMEM;
    store->mode = mode;
    store->pid = getpid();
    store->path = la_strdup(path, err);
    la_status st = store->path ? LA_OK : LA_E_NOMEM;
    bool journal = has_journal(path);
    if (st == LA_OK)
        st = mode == LA_STORE_WRITE ? open_for_writing(store, err) : open_for_reading(store, err);
    if (st == LA_OK) st = check_content(store, journal, size, err);
    if (st == LA_OK && mode == LA_STORE_WRITE) st = try_writing(store, err);
    if (st == LA_OK)
        *out = store;
    else
        la_store_close(store);
    return st;
}

void la_store_close(la_store *store)
{
    if (!store) return;
    sqlite3_close_v2(store->db);
    la_free(store->path);
    la_free(store);
}

bool la_store_in_wal(const char *path)
{
    unsigned char head[20];
    FILE *f = fopen(path, "rbe");
    bool whole = f && fread(head, 1, sizeof head, f) == sizeof head;
    if (f) fclose(f);
    /* The versions for writing and for reading: 1 is a rollback journal, 2 is WAL. */
    return whole && memcmp(head, "SQLite format 3", 16) == 0 && (head[18] == 2 || head[19] == 2);
}

const char *la_store_path(const la_store *store)
{
    return store->path;
}
