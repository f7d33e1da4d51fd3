/* SPDX-License-Identifier: Apache-2.0
 * Reading: run a query, walk its rows. Views (v_time, v_memory, v_accuracy, v_flat) hold the
 * definitions of derived numbers, so that tables, exports and plots cannot disagree.
 */
#ifndef LA_QUERY_H
#define LA_QUERY_H

#include "store.h"

typedef struct la_query la_query;

/* Read-only SQL, one statement, with ?1, ?2 ... bound from args (text; NULL binds NULL). A text
 * compared with a column of numbers is taken as a number. */
la_status la_query_open(la_store *store, const char *sql, const char *const *args, size_t n_args,
                        la_query **out, la_err *err);
/* *more is false at the end. */
la_status la_query_next(la_query *query, bool *more, la_err *err);
void la_query_close(la_query *query); /* accepts NULL */

int la_query_columns(const la_query *query);
const char *la_query_name(const la_query *query, int column);
la_column_type la_query_type(const la_query *query, int column);
int64_t la_query_int(const la_query *query, int column);
double la_query_real(const la_query *query, int column);      /* NaN when NULL */
const char *la_query_text(const la_query *query, int column); /* NULL when NULL; until next */
int la_query_find(const la_query *query, const char *name);   /* -1: no such column */
/* By the column's name, which must be there; the text is "" when NULL. */
double la_query_named_real(const la_query *query, const char *name);
const char *la_query_named_text(const la_query *query, const char *name);

/* Resolves "", "last" or a uuid prefix to a sweep; LA_E_NOTFOUND, or LA_E_ARG when two match. */
la_status la_store_sweep_resolve(la_store *store, const char *name, int64_t *sweep_id, la_err *err);

#endif
