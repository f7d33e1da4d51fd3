/* SPDX-License-Identifier: Apache-2.0
 * Cells: the plan of a sweep. One table of columns makes the INSERT, the comparison with a cell that
 * is already there, and the list of what identifies a cell.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "store_internal.h"
#include "text.h"

static const la_cell_column columns[] = {
#define COLUMN(field, kind, key, shown)                                                            \
    {#field, shown, LA_COLUMN_##kind, key, offsetof(la_cell_row, field)},
    LA_CELL_COLUMNS(COLUMN)
#undef COLUMN
};

const la_cell_column *la_store_cell_columns(size_t *n)
{
    *n = LA_COUNT(columns);
    return columns;
}

static const void *field_of(const la_cell_row *row, const la_cell_column *column)
{
    return (const char *)row + column->offset;
}

static bool is_json(const la_cell_column *column)
{
    return strstr(column->name, "_json") != NULL;
}

static la_status bind_field(la_store *store, sqlite3_stmt *stmt, int at, const la_cell_row *row,
                            const la_cell_column *column, la_err *err)
{
    const void *field = field_of(row, column);
    const char *text;
    double real;
    int64_t number;
    int rc = SQLITE_OK;
    switch (column->type) {
    case LA_COLUMN_TEXT:
        memcpy(&text, field, sizeof text);
        /* Absent text is empty, absent options are an empty object: identity has no NULL. */
        if (!text && column->identity) text = is_json(column) ? "{}" : "";
        rc = text ? sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC)
                  : sqlite3_bind_null(stmt, at);
        break;
    case LA_COLUMN_REAL:
        memcpy(&real, field, sizeof real);
        rc = isfinite(real) ? sqlite3_bind_double(stmt, at, real) : sqlite3_bind_null(stmt, at);
        break;
    default:
        memcpy(&number, field, sizeof number);
        rc = number >= 0 ? sqlite3_bind_int64(stmt, at, number) : sqlite3_bind_null(stmt, at);
    }
    return rc == SQLITE_OK ? LA_OK : la_sql_fail(store, rc, "use", err);
}

/* First numbered parameter of the columns: sweep, key, ordinal, variant, device come before. */
#define FIRST 6

static la_status prepare_insert(la_store *store, sqlite3_stmt **out, la_err *err)
{
    la_text sql = {0};
    la_text_add(&sql, "INSERT INTO cell(sweep_id, cell_key, ordinal, variant_id, device_id");
    for (size_t i = 0; i < LA_COUNT(columns); i++) la_text_add(&sql, ", %s", columns[i].name);
    la_text_add(&sql, ") VALUES(?1, ?2, ?3, ?4, ?5");
    for (size_t i = 0; i < LA_COUNT(columns); i++)
        la_text_add(&sql, is_json(&columns[i]) ? ", json(?%zu)" : ", ?%zu", FIRST + i);
    la_text_add(&sql, ")");
    la_status st = sql.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory while storing the plan")
                              : la_sql_prepare(store, la_text_str(&sql), out, err);
    la_text_release(&sql);
    return st;
}

/* Selects a cell by sweep and key: its id, then for each column of the identity whether it is equal. */
static la_status prepare_find(la_store *store, sqlite3_stmt **out, la_err *err)
{
    la_text sql = {0};
    la_text_add(&sql, "SELECT cell_id, variant_id = ?4, device_id = ?5");
    for (size_t i = 0; i < LA_COUNT(columns); i++)
        if (columns[i].identity)
            la_text_add(&sql, is_json(&columns[i]) ? ", %s IS json(?%zu)" : ", %s IS ?%zu",
                        columns[i].name, FIRST + i);
        else
            la_text_add(&sql, ", 1");
    la_text_add(&sql, " FROM cell WHERE sweep_id = ?1 AND cell_key = ?2");
    la_status st = sql.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory while storing the plan")
                              : la_sql_prepare(store, la_text_str(&sql), out, err);
    la_text_release(&sql);
    return st;
}

/* Two different cells under one key would be counted as one: a column is missing in the key. */
static la_status same_cell(sqlite3_stmt *find, const la_cell_row *row, la_err *err)
{
    for (int i = 1; i < sqlite3_column_count(find); i++) {
        if (sqlite3_column_int(find, i)) continue;
        const char *what = i == 1 ? "variant" : i == 2 ? "device" : columns[i - 3].name;
        return LA_FAIL(err, LA_E_INTERNAL,
                       "two cells of %s at length %" PRId64 " have the key %s but differ in %s",
                       row->variant, row->seqlen, row->key, what);
    }
    return LA_OK;
}

typedef struct planner {
    la_store *store;
    sqlite3_stmt *find, *insert, *more_rounds;
    int64_t sweep_id, device_id, variant_id;
    const la_cell_row *before; /* whose variant variant_id is; NULL at the start */
} planner;

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Sets p->variant_id; neighbours in a plan are mostly of one variant. */
static la_status find_variant(planner *p, const la_cell_row *row, la_err *err)
{
    static const char *const find = "SELECT variant_id FROM variant WHERE name = ?1 AND "
                                    "code_hash = ?2";
    if (p->before && same_text(row->variant, p->before->variant) &&
        same_text(row->code_hash, p->before->code_hash))
        return LA_OK;
    p->before = row;
    const char *hash = row->code_hash ? row->code_hash : "";
    bool found;
    LA_TRY(la_sql_int(p->store, &p->variant_id, &found, err, find, "ss", row->variant, hash));
    if (found) return LA_OK;
    LA_TRY(la_sql_run(p->store, err,
                      "INSERT INTO variant(name, origin, code_hash, tags) VALUES(?1, ?2, ?3, ?4)",
                      "ssss", row->variant, row->origin ? row->origin : "builtin", hash,
                      row->tags ? row->tags : ""));
    p->variant_id = sqlite3_last_insert_rowid(p->store->db);
    return LA_OK;
}

static la_status bind_row(planner *p, sqlite3_stmt *stmt, const la_cell_row *row, int64_t ordinal,
                          bool identity_only, la_err *err)
{
    sqlite3_reset(stmt);
    LA_TRY(la_sql_bind(p->store, stmt, err, "isiii", p->sweep_id, row->key, ordinal, p->variant_id,
                       p->device_id));
    for (size_t i = 0; i < LA_COUNT(columns); i++)
        if (columns[i].identity || !identity_only)
            LA_TRY(bind_field(p->store, stmt, (int)(FIRST + i), row, &columns[i], err));
    return LA_OK;
}

static la_status plan_one(planner *p, const la_cell_row *row, int64_t ordinal, int64_t *id,
                          la_err *err)
{
    LA_TRY(find_variant(p, row, err));
    LA_TRY(bind_row(p, p->find, row, ordinal, true, err));
    int rc = sqlite3_step(p->find);
    if (rc == SQLITE_ROW) {
        *id = sqlite3_column_int64(p->find, 0);
        LA_TRY(same_cell(p->find, row, err));
        sqlite3_reset(p->find);
        /* The same sweep asked for with more rounds. */
        LA_TRY(la_sql_bind(p->store, p->more_rounds, err, "ii", *id, row->rounds));
        return la_sql_step(p->store, p->more_rounds, err);
    }
    if (rc != SQLITE_DONE) return la_sql_fail(p->store, rc, "read", err);
    LA_TRY(bind_row(p, p->insert, row, ordinal, false, err));
    LA_TRY(la_sql_step(p->store, p->insert, err));
    *id = sqlite3_last_insert_rowid(p->store->db);
    return LA_OK;
}

la_status la_store_plan(la_store *store, int64_t sweep_id, int64_t device_id,
                        const la_cell_row *cells, size_t n, int64_t *ids, la_err *err)
{
    planner p = {.store = store, .sweep_id = sweep_id, .device_id = device_id};
    LA_TRY(la_sql_begin(store, err));
    la_status st = prepare_find(store, &p.find, err);
    if (st == LA_OK) st = prepare_insert(store, &p.insert, err);
    if (st == LA_OK)
        st = la_sql_prepare(store, "UPDATE cell SET rounds = ?2 WHERE cell_id = ?1 AND rounds < ?2",
                            &p.more_rounds, err);
    for (size_t i = 0; i < n && st == LA_OK; i++) {
        int64_t id = 0;
        /* A share keeps the order of the whole plan. */
        int64_t ordinal = cells[i].ordinal > (int64_t)i ? cells[i].ordinal : (int64_t)i;
        st = plan_one(&p, &cells[i], ordinal, &id, err);
        if (st == LA_OK && ids) ids[i] = id;
    }
    sqlite3_finalize(p.find);
    sqlite3_finalize(p.insert);
    sqlite3_finalize(p.more_rounds);
    return la_sql_end(store, st, err);
}

la_status la_store_rounds_done(la_store *store, int64_t cell_id, uint64_t *bits, la_err *err)
{
    sqlite3_stmt *stmt = NULL;
    *bits = 0;
    la_status st = la_sql_prepare(
        store,
        "SELECT DISTINCT a.round FROM attempt a JOIN cell c ON c.cell_id = a.cell_id "
        "WHERE a.cell_id = ?1 AND a.outcome <> 'interrupted' AND a.attempt_id > c.retry_after",
        &stmt, err);
    if (st == LA_OK) st = la_sql_bind(store, stmt, err, "i", cell_id);
    int rc = SQLITE_DONE;
    while (st == LA_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        *bits |= (uint64_t)1 << (sqlite3_column_int(stmt, 0) & 63);
    if (st == LA_OK && rc != SQLITE_DONE) st = la_sql_fail(store, rc, "read", err);
    sqlite3_finalize(stmt);
    return st;
}

la_status la_store_retry(la_store *store, int64_t sweep_id, uint32_t outcomes, int64_t *cells,
                         la_err *err)
{
    LA_TRY(la_sql_begin(store, err));
    la_status st = LA_OK;
    *cells = 0;
    for (int o = 0; o < LA_OUTCOME_COUNT && st == LA_OK; o++) {
        if (!(outcomes >> o & 1)) continue;
        st = la_sql_run(store, err,
                        "UPDATE cell SET retry_after = (SELECT max(attempt_id) FROM attempt a "
                        "WHERE a.cell_id = cell.cell_id) WHERE cell_id IN (SELECT cell_id FROM "
                        "v_outcome WHERE sweep_id = ?1 AND outcome = ?2)",
                        "is", sweep_id, la_outcome_word((la_outcome)o));
        *cells += sqlite3_changes(store->db);
    }
    return la_sql_end(store, st, err);
}

la_status la_store_reopen(la_store *store, int64_t cell_id, la_err *err)
{
    LA_TRY(la_sql_begin(store, err));
    la_status st = la_sql_run(store, err,
                              "UPDATE cell SET retry_after = (SELECT max(attempt_id) FROM attempt "
                              "a WHERE a.cell_id = cell.cell_id) WHERE cell_id = ?1 AND EXISTS "
                              "(SELECT 1 FROM attempt a WHERE a.cell_id = cell.cell_id)",
                              "i", cell_id);
    return la_sql_end(store, st, err);
}
