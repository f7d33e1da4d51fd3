/* SPDX-License-Identifier: Apache-2.0
 * Whole rows from one file to another of the same schema, by the names of their columns.
 */
#ifndef LA_STORE_ROWS_H
#define LA_STORE_ROWS_H

#include "store_internal.h"

/* What a column gets in the other file: a number, or NULL. The rest is copied as it is. */
typedef struct la_row_change {
    const char *column;
    int64_t value;
    bool null;
} la_row_change;

/* Which number a row has in the other file; those of one table, ascending in `from`. */
typedef struct la_row_ids {
    int64_t *from, *to;
    size_t n, cap_from, cap_to;
} la_row_ids;
la_status la_row_ids_add(la_row_ids *ids, int64_t from, int64_t to, la_err *err);
int64_t la_row_ids_find(const la_row_ids *ids, int64_t from); /* -1: none */
void la_row_ids_release(la_row_ids *ids);

/* The current row of "SELECT * FROM table", with changes, as a new row of the other file; *id may be NULL. */
la_status la_row_insert(la_store *out, const char *table, sqlite3_stmt *row,
                        const la_row_change *changes, size_t n, int64_t *id, la_err *err);
/* All rows of a table where a column has this value. */
la_status la_rows_copy(la_store *in, la_store *out, const char *table, const char *column,
                       int64_t value, const la_row_change *changes, size_t n, la_err *err);
/* The first column of two rows of "SELECT * FROM table" that differs, other than those named; NULL: none. */
const char *la_row_differs(sqlite3_stmt *a, sqlite3_stmt *b, const char *const *but, size_t n);
/* The number of a column of a statement. */
int la_row_column(sqlite3_stmt *stmt, const char *name);
/* Next row; *more is false after the last. */
la_status la_row_next(la_store *store, sqlite3_stmt *stmt, bool *more, la_err *err);

#endif
