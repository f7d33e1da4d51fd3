/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "text.h"

la_status la_row_ids_add(la_row_ids *ids, int64_t from, int64_t to, la_err *err)
{
    LA_TRY(la_grow((void **)&ids->from, &ids->cap_from, ids->n + 1, sizeof *ids->from, err));
    LA_TRY(la_grow((void **)&ids->to, &ids->cap_to, ids->n + 1, sizeof *ids->to, err));
    ids->from[ids->n] = from;
    ids->to[ids->n++] = to;
    return LA_OK;
}

int64_t la_row_ids_find(const la_row_ids *ids, int64_t from)
{
    size_t low = 0, high = ids->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids->from[middle] < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ids->n && ids->from[low] == from ? ids->to[low] : -1;
}

void la_row_ids_release(la_row_ids *ids)
{
    la_free(ids->from);
    la_free(ids->to);
    *ids = (la_row_ids){0};
}

int la_row_column(sqlite3_stmt *stmt, const char *name)
{
    int n = sqlite3_column_count(stmt), i = 0;
    while (i < n && strcmp(sqlite3_column_name(stmt, i), name) != 0) i++;
    LA_ASSERT(i < n);
    return i;
}

la_status la_row_next(la_store *store, sqlite3_stmt *stmt, bool *more, la_err *err)
{
    int rc = sqlite3_step(stmt);
    *more = rc == SQLITE_ROW;
    return *more || rc == SQLITE_DONE ? LA_OK : la_sql_fail(store, rc, "read", err);
}

/* For rows like those of `row`, whose file may be older and lack columns. */
static la_status prepare_insert(la_store *out, const char *table, sqlite3_stmt *row,
                                sqlite3_stmt **stmt, la_err *err)
{
    la_text sql = {0};
    int columns = sqlite3_column_count(row);
    la_text_add(&sql, "INSERT INTO %s", table);
    for (int i = 0; i < columns; i++)
        la_text_add(&sql, "%s\"%s\"", i ? ", " : "(", sqlite3_column_name(row, i));
    la_text_add(&sql, ") VALUES");
    for (int i = 1; i <= columns; i++) la_text_add(&sql, "%s?%d", i > 1 ? ", " : "(", i);
    la_text_add(&sql, ")");
    la_status st = sql.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory: rows of %s", table)
                              : la_sql_prepare(out, la_text_str(&sql), stmt, err);
    la_text_release(&sql);
    return st;
}

static la_status put_row(la_store *out, sqlite3_stmt *insert, sqlite3_stmt *row,
                         const la_row_change *changes, size_t n, la_err *err)
{
    int rc = SQLITE_OK;
    for (int i = 0; i < sqlite3_column_count(row) && rc == SQLITE_OK; i++) {
        const la_row_change *change = NULL;
        for (size_t c = 0; c < n; c++)
            if (strcmp(changes[c].column, sqlite3_column_name(row, i)) == 0) change = &changes[c];
        rc = !change        ? sqlite3_bind_value(insert, i + 1, sqlite3_column_value(row, i))
             : change->null ? sqlite3_bind_null(insert, i + 1)
                            : sqlite3_bind_int64(insert, i + 1, change->value);
    }
    if (rc != SQLITE_OK) return la_sql_fail(out, rc, "write", err);
    return la_sql_step(out, insert, err);
}

la_status la_row_insert(la_store *out, const char *table, sqlite3_stmt *row,
                        const la_row_change *changes, size_t n, int64_t *id, la_err *err)
{
    sqlite3_stmt *insert = NULL;
    la_status st = prepare_insert(out, table, row, &insert, err);
    if (st == LA_OK) st = put_row(out, insert, row, changes, n, err);
    if (st == LA_OK && id) *id = sqlite3_last_insert_rowid(out->db);
    sqlite3_finalize(insert);
    return st;
}

la_status la_rows_copy(la_store *in, la_store *out, const char *table, const char *column,
                       int64_t value, const la_row_change *changes, size_t n, la_err *err)
{
    sqlite3_stmt *read = NULL, *insert = NULL;
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE %s = ?1", table, column);
    la_status st = la_sql_prepare(in, sql, &read, err);
    if (st == LA_OK) st = la_sql_bind(in, read, err, "i", value);
    if (st == LA_OK) st = prepare_insert(out, table, read, &insert, err);
    for (bool more = true; st == LA_OK;) {
        st = la_row_next(in, read, &more, err);
        if (!more) break;
        if (st == LA_OK) st = put_row(out, insert, read, changes, n, err);
    }
    sqlite3_finalize(read);
    sqlite3_finalize(insert);
    return st;
}

static bool same_value(sqlite3_stmt *a, sqlite3_stmt *b, int i)
{
    if (sqlite3_column_type(a, i) != sqlite3_column_type(b, i)) return false;
    if (sqlite3_column_type(a, i) == SQLITE_INTEGER)
        return sqlite3_column_int64(a, i) == sqlite3_column_int64(b, i);
    if (sqlite3_column_type(a, i) == SQLITE_FLOAT) {
        double x = sqlite3_column_double(a, i), y = sqlite3_column_double(b, i);
        return memcmp(&x, &y, sizeof x) == 0;
    }
    const void *x = sqlite3_column_blob(a, i), *y = sqlite3_column_blob(b, i);
    int n = sqlite3_column_bytes(a, i);
    return n == sqlite3_column_bytes(b, i) && (n == 0 || memcmp(x, y, (size_t)n) == 0);
}

const char *la_row_differs(sqlite3_stmt *a, sqlite3_stmt *b, const char *const *but, size_t n)
{
    for (int i = 0; i < sqlite3_column_count(a); i++) {
        const char *name = sqlite3_column_name(a, i);
        bool skip = false;
        for (size_t s = 0; s < n; s++) skip |= strcmp(but[s], name) == 0;
        if (!skip && !same_value(a, b, i)) return name;
    }
    return NULL;
}
