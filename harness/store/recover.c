/* SPDX-License-Identifier: Apache-2.0
 * What can still be read of a damaged file, in a new one.
 *
 * Tables are read by their own trees, never by an index, and each range of rows from both ends: a page that is
 * lost hides only what stands on it. Rows keep their numbers. An attempt is taken with all of its samples
 * and metrics or not at all, and a row whose parent is lost is lost too, so that the new file is sound.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rows.h"

/* Where whole pages are gone, every row that might stand there is asked for: no more than this. */
enum { MAX_FAILED_READS = 1 << 18 };

typedef struct recovery {
    la_store *in, *out;
    const char *from;  /* whose copy `in` is */
    int64_t most_rows; /* that a file of this size can have */
    int64_t failed_reads;
    la_recovered *found;
} recovery;

/* A table whose rows have numbers, and how one is taken over; NULL: as it is. */
typedef struct table {
    const char *name, *key, *where;
    la_status (*take)(recovery *r, sqlite3_stmt *row, la_err *err);
    size_t taken, lost; /* offsets in la_recovered: a number, and whether some may be lost */
} table;

/* ---- one row ---- */

/* Whether a row failed for what is in the damaged file, and not for memory or the disk of the new one. */
static bool is_damage(const recovery *r, la_status st)
{
    return st == LA_E_DB || (st == LA_E_IO && (sqlite3_errcode(r->in->db) & 0xFF) == SQLITE_IOERR);
}

static la_status copy_as_it_is(recovery *r, sqlite3_stmt *row, const char *name, la_err *err)
{
    return la_row_insert(r->out, name, row, NULL, 0, NULL, err);
}

static la_status take_sweep(recovery *r, sqlite3_stmt *row, la_err *err)
{
    static const la_row_change changes[] = {{.column = "owner_host", .null = true},
                                            {.column = "owner_boot", .null = true},
                                            {.column = "owner_pid", .null = true},
                                            {.column = "owner_start", .null = true}};
    return la_row_insert(r->out, "sweep", row, changes, LA_COUNT(changes), NULL, err);
}

static la_status take_model(recovery *r, sqlite3_stmt *row, la_err *err)
{
    LA_TRY(copy_as_it_is(r, row, "model", err));
    return la_rows_copy(r->in, r->out, "curve", "model_id", sqlite3_column_int64(row, 0), NULL, 0,
                        err);
}

/* Samples and metrics go in while the attempt has no end: it takes none afterwards. */
static la_status take_attempt(recovery *r, sqlite3_stmt *row, la_err *err)
{
    static const la_row_change changes[] = {{.column = "outcome", .null = true},
                                            {.column = "ended_utc", .null = true}};
    int64_t id = sqlite3_column_int64(row, 0);
    LA_TRY(la_row_insert(r->out, "attempt", row, changes, LA_COUNT(changes), NULL, err));
    LA_TRY(la_rows_copy(r->in, r->out, "sample", "attempt_id", id, NULL, 0, err));
    LA_TRY(la_rows_copy(r->in, r->out, "metric", "attempt_id", id, NULL, 0, err));
    return la_sql_run(r->out, err,
                      "UPDATE attempt SET outcome = ?2, ended_utc = ?3 WHERE attempt_id = ?1",
                      "iss", id, sqlite3_column_text(row, la_row_column(row, "outcome")),
                      sqlite3_column_text(row, la_row_column(row, "ended_utc")));
}

static void lose(recovery *r, const table *t)
{
    *(bool *)((char *)r->found + t->lost) = true;
}

static la_status take_row(recovery *r, const table *t, sqlite3_stmt *row, la_err *err)
{
    LA_TRY(la_sql_run(r->out, err, "SAVEPOINT one", ""));
    la_status st = t->take ? t->take(r, row, err) : copy_as_it_is(r, row, t->name, err);
    if (st == LA_OK) {
        ++*(int64_t *)((char *)r->found + t->taken);
        return la_sql_run(r->out, err, "RELEASE one", "");
    }
    if (!is_damage(r, st)) return st;
    lose(r, t);
    LA_TRY(la_sql_run(r->out, err, "ROLLBACK TO one", ""));
    return la_sql_run(r->out, err, "RELEASE one", "");
}

/* ---- a table ---- */

/* Rows from..to in one direction until one cannot be read. *next: the row behind the last that could. */
static la_status read_rows(recovery *r, const table *t, int64_t from, int64_t to, bool up,
                           int64_t *next, bool *whole, la_err *err)
{
    char sql[256];
    sqlite3_stmt *rows = NULL;
    snprintf(sql, sizeof sql,
             "SELECT * FROM %s NOT INDEXED WHERE %s BETWEEN ?1 AND ?2%s ORDER BY %s %s", t->name,
             t->key, t->where, t->key, up ? "ASC" : "DESC");
    *next = up ? from : to;
    *whole = false;
    la_status st = la_sql_prepare(r->in, sql, &rows, err);
    if (st == LA_OK) st = la_sql_bind(r->in, rows, err, "ii", from, to);
    for (bool more = st == LA_OK; more && st == LA_OK;) {
        la_status read = la_row_next(r->in, rows, &more, err);
        *whole = read == LA_OK && !more;
        if (read != LA_OK && !is_damage(r, read)) st = read;
        if (!more) break;
        *next = sqlite3_column_int64(rows, 0) + (up ? 1 : -1);
        st = take_row(r, t, rows, err);
    }
    sqlite3_finalize(rows);
    return st;
}

/* Rows from..to, each once: from below, from above, then what is between by halves. */
static la_status read_range(recovery *r, const table *t, int64_t from, int64_t to, la_err *err)
{
    bool whole = false;
    LA_TRY(read_rows(r, t, from, to, true, &from, &whole, err));
    if (!whole && from <= to) LA_TRY(read_rows(r, t, from, to, false, &to, &whole, err));
    if (whole) return LA_OK;
    lose(r, t);
    if (from >= to || ++r->failed_reads > MAX_FAILED_READS) return LA_OK;
    int64_t middle = from + (to - from) / 2;
    LA_TRY(read_range(r, t, from, middle, err));
    return read_range(r, t, middle + 1, to, err);
}

static la_status read_table(recovery *r, const table *t, la_err *err)
{
    r->failed_reads = 0;
    la_status st = read_range(r, t, 1, r->most_rows, err);
    if (!is_damage(r, st)) return st;
    lose(r, t); /* not even its definition is left */
    return LA_OK;
}

/* Peaks have no numbers, and the next sweep measures what is missing. */
static la_status read_peaks(recovery *r, la_err *err)
{
    sqlite3_stmt *row = NULL;
    bool more = true;
    la_status st = la_sql_prepare(r->in, "SELECT * FROM peak", &row, err);
    while (st == LA_OK && (st = la_row_next(r->in, row, &more, err)) == LA_OK && more)
        st = copy_as_it_is(r, row, "peak", err);
    sqlite3_finalize(row);
    return is_damage(r, st) ? LA_OK : st;
}

/* ---- all of them ---- */

#define COUNTED(field) offsetof(la_recovered, field)
static const table tables[] = {
    {"machine", "machine_id", "", NULL, COUNTED(others), COUNTED(lost_others)},
    {"device", "device_id", "", NULL, COUNTED(others), COUNTED(lost_others)},
    {"build", "build_id", "", NULL, COUNTED(others), COUNTED(lost_others)},
    {"variant", "variant_id", "", NULL, COUNTED(others), COUNTED(lost_others)},
    {"sweep", "sweep_id", "", take_sweep, COUNTED(sweeps), COUNTED(lost_others)},
    {"cell", "cell_id", "", NULL, COUNTED(cells), COUNTED(lost_cells)},
    {"model", "model_id", "", take_model, COUNTED(models), COUNTED(lost_others)},
    /* One that was running has no result. */
    {"attempt", "attempt_id", " AND outcome IS NOT NULL", take_attempt, COUNTED(attempts),
     COUNTED(lost_attempts)},
    {"warning", "warning_id", "", NULL, COUNTED(others), COUNTED(lost_others)},
};

static la_status summarise(recovery *r, la_err *err)
{
    sqlite3_stmt *row = NULL;
    bool more = true;
    la_status st = la_sql_prepare(
        r->out, "SELECT DISTINCT cell_id FROM attempt WHERE outcome = 'ok'", &row, err);
    while (st == LA_OK && (st = la_row_next(r->out, row, &more, err)) == LA_OK && more)
        st = la_store_summarise(r->out, sqlite3_column_int64(row, 0), err);
    sqlite3_finalize(row);
    return st;
}

/* The command of a sweep that may lack something continues it. */
static la_status reopen(recovery *r, la_err *err)
{
    la_recovered *f = r->found;
    LA_TRY(la_sql_run(r->out, err,
                      "UPDATE sweep SET state = 'interrupted', finished_utc = NULL WHERE "
                      "state = 'open' OR ?1 OR (?2 AND EXISTS (SELECT 1 FROM v_cell c WHERE "
                      "c.sweep_id = sweep.sweep_id AND c.rounds_done < c.rounds))",
                      "ii", (int64_t)f->lost_cells, (int64_t)f->lost_attempts));
    return la_sql_int(r->out, &f->unfinished, NULL, err,
                      "SELECT count(*) FROM sweep WHERE state <> 'done'", "");
}

static la_status read_all(recovery *r, la_err *err)
{
    for (size_t i = 0; i < LA_COUNT(tables); i++) LA_TRY(read_table(r, &tables[i], err));
    if (r->found->sweeps == 0)
        return LA_FAIL(err, LA_E_DB, "nothing can be read of %s; use a copy of it or another --db",
                       r->from);
    LA_TRY(read_peaks(r, err));
    LA_TRY(summarise(r, err));
    return reopen(r, err);
}

static la_status fill(recovery *r, const char *part, la_err *err)
{
    LA_TRY(la_store_open(part, LA_STORE_WRITE, &r->out, err));
    LA_TRY(la_sql_begin(r->out, err));
    la_status st = la_sql_end(r->out, read_all(r, err), err);
    la_store_facts facts;
    return st == LA_OK ? la_store_check(r->out, &facts, err) : st;
}

/* ---- the damaged file ---- */

/* The numbers of the first page alone: the rest of the schema may be lost. */
static la_status check_header(recovery *r, la_err *err)
{
    int64_t application, version;
    LA_TRY(la_sql_int(r->in, &application, NULL, err, "PRAGMA application_id", ""));
    LA_TRY(la_sql_int(r->in, &version, NULL, err, "PRAGMA user_version", ""));
    if (application != LA_APPLICATION_ID)
        return LA_FAIL(err, LA_E_DB, "%s is not a labench database; name another file with --db",
                       r->from);
    if (version <= LA_SCHEMA_VERSION) return LA_OK;
    return LA_FAIL(err, LA_E_DB,
                   "%s has schema %" PRId64
                   ", this labench knows %d; use the newer labench that wrote it",
                   r->from, version, LA_SCHEMA_VERSION);
}

static la_status connect_to(recovery *r, la_err *err)
{
    la_store *in = r->in;
    char name[PATH_MAX + 2];
    snprintf(name, sizeof name, "%s%s", in->path[0] == '/' ? "" : "./", in->path);
    int rc = sqlite3_open_v2(name, &in->db, SQLITE_OPEN_READWRITE, NULL);
    if (rc != SQLITE_OK) return la_sql_fail(in, rc, "open", err);
    sqlite3_extended_result_codes(in->db, 1);
    sqlite3_busy_timeout(in->db, LA_SQL_PATIENCE_MS);
    sqlite3_db_config(in->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* With writable_schema SQLite takes a file that is shorter than it says, and a schema that it cannot read
     * to its end. */
    rc = sqlite3_exec(in->db,
                      "PRAGMA writable_schema = ON; PRAGMA query_only = ON;"
                      "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0",
                      NULL, NULL, NULL);
    if (rc != SQLITE_OK) return la_sql_fail(in, rc, "open", err);
    return check_header(r, err);
}

/* What can be read of `from`, in whole pages: what SQLite would add to a page that was cut, it would believe. */
static la_status copy_file(const char *from, const char *to, off_t bytes, la_err *err)
{
    char block[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    la_status st = in >= 0 && out >= 0 ? LA_OK : LA_E_IO;
    for (off_t at = 0; st == LA_OK && at < bytes;) {
        size_t want = bytes - at < (off_t)sizeof block ? (size_t)(bytes - at) : sizeof block;
        ssize_t n = pread(in, block, want, at);
        /* A place of the disk that cannot be read is a page of zeros, which is no page. */
        if (n < 0 && errno == EIO) memset(block, 0, (size_t)(n = (ssize_t)want));
        if (n <= 0) break;
        if (write(out, block, (size_t)n) != n) st = LA_E_IO;
        at += n;
    }
    if (st != LA_OK) LA_FAIL(err, st, "cannot copy %s to %s: %s", from, to, strerror(errno));
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    return st;
}

/* A copy to read: SQLite rolls back what a killed writer left in the journal beside it. */
static la_status copy_damaged(const char *from, const char *copy, off_t bytes, la_err *err)
{
    char journal[PATH_MAX + 16], beside[PATH_MAX + 16];
    unsigned char head[18] = {0};
    struct stat look;
    FILE *f = fopen(from, "rbe");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f) fclose(f);
    off_t page = n == sizeof head ? head[16] << 8 | head[17] : 0;
    if (page == 1) page = 65536;
    if (memcmp(head, "SQLite format 3", 16) != 0 || page < 512)
        return LA_FAIL(err, LA_E_DB, "%s is not a labench database; name another file with --db",
                       from);
    LA_TRY(copy_file(from, copy, bytes / page * page, err));
    snprintf(journal, sizeof journal, "%s-journal", from);
    snprintf(beside, sizeof beside, "%s-journal", copy);
    if (stat(journal, &look) != 0 || look.st_size == 0) return LA_OK;
    return copy_file(journal, beside, look.st_size, err);
}

static la_status open_damaged(recovery *r, la_err *err)
{
    int64_t bytes;
    LA_TRY(connect_to(r, err));
    LA_TRY(la_sql_int(r->in, &bytes, NULL, err,
                      "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                      ""));
    r->most_rows = bytes / 8 + 1;
    return LA_OK;
}

static void remove_copy(const char *copy)
{
    char journal[PATH_MAX + 16];
    snprintf(journal, sizeof journal, "%s-journal", copy);
    unlink(copy);
    unlink(journal);
}

la_status la_store_recover(const char *from, const char *to, la_recovered *out, la_err *err)
{
    char part[PATH_MAX], copy[PATH_MAX];
    struct stat look;
    *out = (la_recovered){0};
    if (strlen(from) >= PATH_MAX - 16 || strlen(to) >= PATH_MAX - 16)
        return LA_FAIL(err, LA_E_ARG, "the name of a database is longer than %d bytes",
                       PATH_MAX - 16);
    snprintf(part, sizeof part, "%s.part", to);
    snprintf(copy, sizeof copy, "%s.part.in", to);
    if (stat(from, &look) != 0)
        return LA_FAIL(err, LA_E_NOTFOUND, "cannot look at %s: %s; name the damaged file with --db",
                       from, strerror(errno));
    if (!S_ISREG(look.st_mode))
        return LA_FAIL(err, LA_E_IO, "%s is no regular file; name another one with --db", from);
    la_store in = {.path = copy, .mode = LA_STORE_READ, .pid = getpid()};
    recovery r = {.in = &in, .found = out, .from = from};
    unlink(part); /* of a run that was killed */
    la_status st = copy_damaged(from, copy, look.st_size, err);
    if (st == LA_OK) st = open_damaged(&r, err);
    if (st == LA_OK) st = fill(&r, part, err);
    la_store_close(r.out);
    sqlite3_close_v2(in.db);
    remove_copy(copy);
    if (st == LA_OK && rename(part, to) != 0)
        st = LA_FAIL(err, LA_E_IO, "cannot make %s: %s", to, strerror(errno));
    if (st != LA_OK) unlink(part);
    return st;
}
