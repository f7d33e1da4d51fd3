/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "bench.h"

#if LA_HAVE_SQLITE
#include <sqlite3.h>

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS bench ("
    " at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), device TEXT NOT NULL,"
    " variant TEXT NOT NULL, impl TEXT, pass TEXT NOT NULL, dtype TEXT NOT NULL,"
    " mask TEXT NOT NULL, B INT, T INT, H INT, Hkv INT, Hqk INT, dk INT, dv INT,"
    " outcome TEXT NOT NULL, reason TEXT, timer TEXT, launches INT, samples INT, median_ns REAL,"
    " lo_ns REAL, hi_ns REAL, wall_ns REAL, rel_rms REAL, flops REAL, bytes REAL,"
    " workspace_bytes INT, peak_bytes INT);"
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT)";

static la_status fail(sqlite3 *db, const char *what, la_err *err)
{
    return LA_FAIL(err, LA_E_DB, "%s: %s", what, sqlite3_errmsg(db));
}

la_status la_bench_open(const char *path, const la_device *device, sqlite3 **out, la_err *err)
{
    sqlite3_stmt *set = NULL;
    if (sqlite3_open(path, out) != SQLITE_OK ||
        sqlite3_exec(*out, schema, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(*out, "INSERT OR REPLACE INTO meta VALUES ('device', ?)", -1, &set,
                           NULL) != SQLITE_OK ||
        sqlite3_bind_text(set, 1, device->name, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_step(set) != SQLITE_DONE) {
        fail(*out, path, err);
        sqlite3_finalize(set);
        sqlite3_close(*out);
        *out = NULL;
        return LA_E_DB;
    }
    sqlite3_finalize(set);
    return LA_OK;
}

typedef struct binder {
    sqlite3_stmt *to;
    int n;
} binder;

static void text(binder *b, const char *value)
{
    if (value && *value)
        sqlite3_bind_text(b->to, ++b->n, value, -1, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(b->to, ++b->n);
}

static void number(binder *b, double value)
{
    if (isnan(value))
        sqlite3_bind_null(b->to, ++b->n);
    else
        sqlite3_bind_double(b->to, ++b->n, value);
}

static void whole(binder *b, int64_t value)
{
    sqlite3_bind_int64(b->to, ++b->n, value);
}

la_status la_bench_store(sqlite3 *db, const la_bench_row *row, la_err *err)
{
    static const char insert[] =
        "INSERT INTO bench (device, variant, impl, pass, dtype, mask, B, T, H, Hkv, Hqk, dk, dv,"
        " outcome, reason, timer, launches, samples, median_ns, lo_ns, hi_ns, wall_ns, rel_rms,"
        " flops, bytes, workspace_bytes, peak_bytes) VALUES ((SELECT value FROM meta WHERE"
        " key = 'device'), ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
    binder b = {NULL, 0};
    const la_problem *p = &row->p;
    if (sqlite3_prepare_v2(db, insert, -1, &b.to, NULL) != SQLITE_OK)
        return fail(db, "storing a row", err);
    text(&b, row->variant->name);
    text(&b, row->impl ? row->impl->name : NULL);
    text(&b, la_pass_name(row->pass));
    text(&b, la_dtype_name(p->dtype));
    text(&b, la_mask_name(p->mask));
    const int64_t sizes[] = {p->B, p->T, p->H, p->Hkv, p->Hqk, p->dk, p->dv};
    for (size_t i = 0; i < LA_COUNT(sizes); i++) whole(&b, sizes[i]);
    text(&b, row->outcome);
    text(&b, row->reason);
    text(&b, row->timer);
    whole(&b, row->launches);
    whole(&b, (int64_t)row->device.n);
    const double figures[] = {row->device.median, row->device.lo, row->device.hi, row->wall_ns,
                              row->rel_rms,       row->flops,     row->bytes};
    for (size_t i = 0; i < LA_COUNT(figures); i++) number(&b, figures[i]);
    whole(&b, (int64_t)row->workspace);
    whole(&b, (int64_t)row->peak);
    la_status st = sqlite3_step(b.to) == SQLITE_DONE ? LA_OK : fail(db, "storing a row", err);
    sqlite3_finalize(b.to);
    return st;
}

void la_bench_close(sqlite3 *db)
{
    sqlite3_close(db);
}
#else
la_status la_bench_open(const char *path, const la_device *device, sqlite3 **out, la_err *err)
{
    (void)device;
    *out = NULL;
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "no rows can go to %s: built without SQLite; leave out --db", path);
}

la_status la_bench_store(sqlite3 *db, const la_bench_row *row, la_err *err)
{
    (void)db, (void)row;
    return LA_FAIL(err, LA_E_INTERNAL, "a row for no file");
}

void la_bench_close(sqlite3 *db)
{
    (void)db;
}
#endif
