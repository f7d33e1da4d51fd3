/* SPDX-License-Identifier: Apache-2.0
 * Reading rows.
 */
#include "query.h"

#include <math.h>
#include <string.h>

#include "alloc.h"
#include "store_internal.h"

struct la_query {
    la_store *store;
    sqlite3_stmt *stmt;
};

la_status la_query_open(la_store *store, const char *sql, const char *const *args, size_t n_args,
                        la_query **out, la_err *err)
{
    *out = NULL;
    la_query *query = la_zalloc(sizeof *query, err);
    if (!query) return LA_E_NOMEM;
    query->store = store;
    const char *rest = "";
    la_status st = LA_OK;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &query->stmt, &rest);
    if (rc != SQLITE_OK)
        st = la_sql_fail(store, rc, "read", err);
    else if (!query->stmt || !sqlite3_stmt_readonly(query->stmt) || rest[strspn(rest, " \n\t;")])
        st = LA_FAIL(err, LA_E_ARG, "a query reads, and is one statement: %s", sql);
    for (size_t i = 0; i < n_args && st == LA_OK; i++) {
        rc = args[i] ? sqlite3_bind_text(query->stmt, (int)i + 1, args[i], -1, SQLITE_TRANSIENT)
                     : sqlite3_bind_null(query->stmt, (int)i + 1);
        if (rc != SQLITE_OK) st = la_sql_fail(store, rc, "read", err);
    }
    if (st == LA_OK)
        *out = query;
    else
        la_query_close(query);
    return st;
}

la_status la_query_next(la_query *query, bool *more, la_err *err)
{
    int rc = sqlite3_step(query->stmt);
    *more = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? LA_OK
                                                 : la_sql_fail(query->store, rc, "read", err);
}

void la_query_close(la_query *query)
{
    if (!query) return;
    sqlite3_finalize(query->stmt);
    la_free(query);
}

int la_query_columns(const la_query *query)
{
    return sqlite3_column_count(query->stmt);
}

const char *la_query_name(const la_query *query, int column)
{
    const char *name = sqlite3_column_name(query->stmt, column);
    return name ? name : "";
}

la_column_type la_query_type(const la_query *query, int column)
{
    switch (sqlite3_column_type(query->stmt, column)) {
    case SQLITE_INTEGER:
        return LA_COLUMN_INT;
    case SQLITE_FLOAT:
        return LA_COLUMN_REAL;
    case SQLITE_NULL:
        return LA_COLUMN_NULL;
    default:
        return LA_COLUMN_TEXT;
    }
}

int64_t la_query_int(const la_query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

double la_query_real(const la_query *query, int column)
{
    if (sqlite3_column_type(query->stmt, column) == SQLITE_NULL) return (double)NAN;
    return sqlite3_column_double(query->stmt, column);
}

const char *la_query_text(const la_query *query, int column)
{
    return (const char *)sqlite3_column_text(query->stmt, column);
}

int la_query_find(const la_query *query, const char *name)
{
    for (int i = 0; i < la_query_columns(query); i++)
        if (strcmp(la_query_name(query, i), name) == 0) return i;
    return -1;
}

double la_query_named_real(const la_query *query, const char *name)
{
    return la_query_real(query, la_query_find(query, name));
}

const char *la_query_named_text(const la_query *query, const char *name)
{
    const char *text = la_query_text(query, la_query_find(query, name));
    return text ? text : "";
}
