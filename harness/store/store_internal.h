/* SPDX-License-Identifier: Apache-2.0
 * What the files of this layer share: the handle, transactions, and statements in one call.
 */
#ifndef LA_STORE_INTERNAL_H
#define LA_STORE_INTERNAL_H

#include <sqlite3.h>
#include <sys/types.h>

#include "store.h"

#define LA_APPLICATION_ID 0x4C41424E /* "LABN" */

extern const char la_schema_sql[];

struct la_store {
    sqlite3 *db;
    char *path; /* as given */
    la_store_mode mode;
    pid_t pid; /* that opened it: an SQLite connection does not survive a fork */
    dev_t dev; /* of the file, to notice that it was deleted or replaced */
    ino_t ino;
    int64_t found; /* schema of the file when it was opened; 0: it was made */
};

/* SQL: the parameter's JSON without white space, `absent` when it is NULL; text that is no JSON is an
 * error. Not json_valid(): when memory runs out, it says that the text is not valid. */
#define LA_SQL_JSON(parameter, absent) "json(coalesce(" parameter ", '" absent "'))"

/* Turns an SQLite result code into a status and a sentence that says what to do. `doing` completes
 * "cannot ... FILE": "open", "write". */
la_status la_sql_fail(la_store *store, int rc, const char *doing, la_err *err);

/* BEGIN IMMEDIATE, after checking that this process may write and the file is still the same. */
la_status la_sql_begin(la_store *store, la_err *err);
/* Commits when st is LA_OK, else rolls back; returns st, or what the commit said. */
la_status la_sql_end(la_store *store, la_status st, la_err *err);

/* Prepares one statement; *out is NULL on failure. */
la_status la_sql_prepare(la_store *store, const char *sql, sqlite3_stmt **out, la_err *err);
/* Binds ?1, ?2, ... by the letters of `types`:
 *   i int64_t   n int64_t, negative is NULL   d double, NaN and infinite are NULL
 *   s const char *, NULL is NULL; bytes that are no UTF-8 become '?' */
la_status la_sql_bind(la_store *store, sqlite3_stmt *stmt, la_err *err, const char *types, ...);
/* Runs a bound statement that gives no rows, and makes it ready for the next binding. */
la_status la_sql_step(la_store *store, sqlite3_stmt *stmt, la_err *err);
/* Prepare, bind, run. Rows are dropped. */
la_status la_sql_run(la_store *store, la_err *err, const char *sql, const char *types, ...);
/* Prepare, bind, and take the first column of the first row; *found (may be NULL) is false when
 * there is no row or it is NULL, and *out is then 0. */
la_status la_sql_int(la_store *store, int64_t *out, bool *found, la_err *err, const char *sql,
                     const char *types, ...);

/* check.c: is this file ours, whole, and free of foreign objects? Fails with LA_E_DB and a sentence
 * when not. *empty: it has no content at all and may be made ours. */
la_status la_check_identity(la_store *store, bool *empty, la_err *err);
la_status la_check_schema(la_store *store, la_err *err);
la_status la_check_pages(la_store *store, la_err *err);
/* The text of a statement without comments, and with each run of white space as one space. */
void la_check_plain_sql(const char *sql, char *out);

/* migrate.c: makes an older file's schema that of today, in one transaction or not at all. */
la_status la_migrate(la_store *store, la_err *err);
/* The same for a file that must not be changed: the store goes on with a copy in memory. */
la_status la_migrate_copy(la_store *store, la_err *err);
/* open.c: the settings of a connection. */
la_status la_sql_settings(la_store *store, la_err *err);

/* sweep.c. LA_E_DB with a sentence when a live process other than this one owns the sweep. */
la_status la_sweep_refuse_live(la_store *store, int64_t sweep_id, la_err *err);
/* A UUID whose first 8 digits, the sweep's name, no other sweep of the file has. */
la_status la_sweep_fresh_uuid(la_store *store, char out[37], la_err *err);
/* Attempts that are running become `interrupted`. */
la_status la_sweep_interrupt(la_store *store, int64_t sweep_id, la_err *err);
/* attempt.c: the summary of a cell from its samples, as la_store_finish leaves it. */
la_status la_store_summarise(la_store *store, int64_t cell_id, la_err *err);

/* How long a statement waits for who holds the file. */
#define LA_SQL_PATIENCE_MS 30000

/* owner.c: processes that hold sweeps. */
typedef struct la_owner {
    char host[256], boot[64];
    int64_t pid, start, heartbeat_s;
} la_owner;
void la_owner_self(la_owner *out);
typedef enum la_owner_state {
    LA_OWNER_NONE,
    LA_OWNER_SELF,
    LA_OWNER_LIVE,
    LA_OWNER_DEAD
} la_owner_state;
la_owner_state la_owner_look(const la_owner *owner);
/* From five columns: host, boot, pid, start, heartbeat. */
void la_owner_read(sqlite3_stmt *stmt, int column, la_owner *out);
/* Seconds since 1970, UTC. */
int64_t la_owner_now(void);

/* A random UUID as text. */
void la_uuid_text(char out[37]);

#endif
