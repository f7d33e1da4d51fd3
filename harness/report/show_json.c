/* SPDX-License-Identifier: Apache-2.0
 * `labench show --json`: what the text says of a sweep, a cell or a model, as rows with the names of the database.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "query.h"
#include "report.h"
#include "show.h"

/* A text that is JSON in the database is JSON here. */
static bool is_json(const char *name)
{
    size_t n = strlen(name);
    return strcmp(name, "options") == 0 || strcmp(name, "task_options") == 0 ||
           (n > 5 && strcmp(name + n - 5, "_json") == 0);
}

static void add_value(cJSON *o, const la_query *q, int column)
{
    const char *name = la_query_name(q, column), *text;
    char number[32];
    double real;
    switch (la_query_type(q, column)) {
    case LA_COLUMN_INT: /* not through a double: seeds have 64 bits */
        snprintf(number, sizeof number, "%" PRId64, la_query_int(q, column));
        cJSON_AddRawToObject(o, name, number);
        return;
    case LA_COLUMN_REAL:
        real = la_query_real(q, column);
        if (isfinite(real))
            cJSON_AddNumberToObject(o, name, real);
        else
            cJSON_AddNullToObject(o, name);
        return;
    case LA_COLUMN_TEXT:
        text = la_query_text(q, column);
        cJSON *parsed = is_json(name) ? cJSON_Parse(text) : NULL;
        if (parsed)
            cJSON_AddItemToObject(o, name, parsed);
        else
            cJSON_AddStringToObject(o, name, text);
        return;
    case LA_COLUMN_NULL:
    default:
        cJSON_AddNullToObject(o, name);
    }
}

/* An array of objects, one a row. */
static la_status add_rows(la_store *store, const char *sql, const char *id, cJSON *to,
                          const char *name, la_err *err)
{
    la_query *q;
    cJSON *rows = cJSON_AddArrayToObject(to, name);
    LA_TRY(la_query_open(store, sql, &id, 1, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        cJSON *o = cJSON_CreateObject();
        for (int i = 0; i < la_query_columns(q); i++) add_value(o, q, i);
        cJSON_AddItemToArray(rows, o);
    }
    la_query_close(q);
    return st;
}

static la_status add_sweep(la_store *store, int64_t sweep_id, cJSON *all, la_err *err)
{
    char id[24];
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    LA_TRY(add_rows(store, "SELECT * FROM v_sweep WHERE sweep_id = CAST(?1 AS INT)", id, all,
                    "sweeps", err));
    LA_TRY(add_rows(store,
                    "SELECT code, text, at_utc FROM warning WHERE sweep_id = CAST(?1 AS INT) "
                    "ORDER BY warning_id",
                    id, all, "warnings", err));
    LA_TRY(add_rows(store, "SELECT * FROM v_cell WHERE sweep_id = CAST(?1 AS INT) ORDER BY cell_id",
                    id, all, "cells", err));
    return add_rows(store,
                    "SELECT * FROM v_time WHERE sweep_id = CAST(?1 AS INT) AND median_ns > 0 "
                    "ORDER BY cell_id",
                    id, all, "times", err);
}

/* The lists of cell ?1 or model ?1 go into one object. */
typedef struct part {
    const char *name, *sql;
} part;

static const part cell_parts[] = {
    {"cell", "SELECT * FROM v_cell WHERE cell_id = CAST(?1 AS INT)"},
    {"attempts", "SELECT * FROM attempt WHERE cell_id = CAST(?1 AS INT) ORDER BY attempt_id"},
    {"samples", "SELECT a.round, s.attempt_id, s.idx, s.iters, s.total_ns, s.flags FROM sample s "
                "JOIN attempt a USING(attempt_id) WHERE a.cell_id = CAST(?1 AS INT) "
                "ORDER BY s.attempt_id, s.idx"},
    {"metrics", "SELECT a.round, m.* FROM metric m JOIN attempt a USING(attempt_id) "
                "WHERE a.cell_id = CAST(?1 AS INT) ORDER BY m.attempt_id, m.name"},
    {"warnings", "SELECT round, code, text FROM v_warnings WHERE cell_id = CAST(?1 AS INT) "
                 "ORDER BY round, code"},
};
static const part model_parts[] = {
    {"model", "SELECT * FROM model WHERE model_id = CAST(?1 AS INT)"},
    {"curve", "SELECT * FROM curve WHERE model_id = CAST(?1 AS INT) ORDER BY step"},
    {"evaluated", "SELECT c.sweep, c.cell_key, c.task, c.seqlen, m.name, m.value, m.lo, m.hi, "
                  "m.n_total, a.data_digest FROM attempt a JOIN v_cell c ON c.cell_id = a.cell_id "
                  "JOIN metric m ON m.attempt_id = a.attempt_id WHERE a.model_id = CAST(?1 AS INT) "
                  "AND c.pass = 'eval' ORDER BY a.attempt_id, m.name"},
};

static la_status add_rerun(la_store *store, const char *id, cJSON *to, la_err *err)
{
    la_query *q;
    bool more = false;
    LA_TRY(la_query_open(store, la_rerun_sql, &id, 1, &q, err));
    la_status st = la_query_next(q, &more, err);
    const char *words = st == LA_OK && more ? la_query_text(q, 0) : NULL;
    if (words) cJSON_AddStringToObject(to, "again", words);
    la_query_close(q);
    return st;
}

/* All whose key begins so, as objects of these parts. */
static la_status add_each(la_store *store, const char *ids, const char *key, const part *parts,
                          size_t n, bool cells, cJSON *list, la_err *err)
{
    la_query *q;
    bool more = true;
    LA_TRY(la_query_open(store, ids, &key, 1, &q, err));
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        char id[24];
        snprintf(id, sizeof id, "%" PRId64, la_query_int(q, 0));
        cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToArray(list, o);
        for (size_t i = 0; i < n && st == LA_OK; i++)
            st = add_rows(store, parts[i].sql, id, o, parts[i].name, err);
        if (st == LA_OK && cells) st = add_rerun(store, id, o, err);
        if (st != LA_OK) break;
    }
    la_query_close(q);
    return st;
}

static la_status add_keyed(la_store *store, const char *key, cJSON *all, bool *found, la_err *err)
{
    cJSON *cells = cJSON_AddArrayToObject(all, "cells");
    cJSON *models = cJSON_AddArrayToObject(all, "models");
    LA_TRY(add_each(store,
                    "SELECT cell_id FROM cell WHERE substr(cell_key, 1, length(?1)) = lower(?1) "
                    "ORDER BY cell_id",
                    key, cell_parts, sizeof cell_parts / sizeof *cell_parts, true, cells, err));
    LA_TRY(add_each(store,
                    "SELECT model_id FROM model WHERE substr(key, 1, length(?1)) = lower(?1) "
                    "ORDER BY model_id",
                    key, model_parts, sizeof model_parts / sizeof *model_parts, false, models,
                    err));
    *found = cJSON_GetArraySize(cells) + cJSON_GetArraySize(models) > 0;
    return LA_OK;
}

static la_status fill(la_store *store, const char *what, cJSON *all, la_err *err)
{
    int64_t sweep_id;
    la_err why = {0};
    la_status st = la_store_sweep_resolve(store, what, &sweep_id, &why);
    if (st == LA_OK) return add_sweep(store, sweep_id, all, err);
    size_t digits = strspn(what, "0123456789abcdefABCDEF");
    bool found = false;
    if (st == LA_E_NOTFOUND && digits >= 4 && !what[digits])
        LA_TRY(add_keyed(store, what, all, &found, err));
    if (!found && err) *err = why;
    return found ? LA_OK : st;
}

la_status la_report_show_json(la_store *store, const char *what, FILE *out, la_err *err)
{
    cJSON *all = cJSON_CreateObject();
    la_status st = fill(store, what, all, err);
    char *text = st == LA_OK ? cJSON_Print(all) : NULL;
    cJSON_Delete(all);
    if (st == LA_OK && !text) st = LA_FAIL(err, LA_E_NOMEM, "out of memory: the rows as JSON");
    if (text) fprintf(out, "%s\n", text);
    cJSON_free(text);
    return st;
}
