/* SPDX-License-Identifier: Apache-2.0
 * Types narrower than float32 beside float32: what they gain in time and what they cost in accuracy.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "grid.h"
#include "numbers.h"
#include "query.h"
#include "series.h"
#include "speedups.h"

extern const char la_narrow_pairs_sql[], la_narrow_sql[];

enum { VARIANT, IMPL, PASS, TYPE, LENGTH, NARROW, WIDE, SPEEDUP, INTERVAL, ERROR, OTHER, COLUMNS };
static const char *const heads[COLUMNS] = {"variant", "impl",  "pass",     "type",          "T",
                                           "time",    "f32's", "speed-up", "95 % interval", "error",
                                           "f32's"};

static void put_error(char cell[LA_GRID_CELL], double x)
{
    if (isfinite(x)) snprintf(cell, LA_GRID_CELL, "%.1e", x);
}

static void fill(char (*row)[LA_GRID_CELL], la_query *q, const la_lines *lines)
{
    char count[24];
    const la_series *line = la_lines_match(lines, q);
    double lo = la_query_named_real(q, "lo"), hi = la_query_named_real(q, "hi");
    /* The impl has a column of its own, also where it stands in the label. */
    snprintf(row[VARIANT], LA_GRID_CELL, "%.60s",
             line ? line->label : la_query_named_text(q, "variant"));
    snprintf(row[IMPL], LA_GRID_CELL, "%.60s", la_query_named_text(q, "impl"));
    snprintf(row[PASS], LA_GRID_CELL, "%.60s", la_query_named_text(q, "pass"));
    snprintf(row[TYPE], LA_GRID_CELL, "%.60s", la_query_named_text(q, "dtype"));
    snprintf(row[LENGTH], LA_GRID_CELL, "%s",
             la_format_count((int64_t)la_query_named_real(q, "seqlen"), count));
    la_number_time(la_query_named_real(q, "narrow_ns"), (double)NAN, (double)NAN, row[NARROW],
                   NULL);
    la_number_time(la_query_named_real(q, "wide_ns"), (double)NAN, (double)NAN, row[WIDE], NULL);
    la_grid_ratio(row[SPEEDUP], la_query_named_real(q, "speedup"));
    if (isfinite(lo)) snprintf(row[INTERVAL], LA_GRID_CELL, "[%.3g, %.3g]", lo, hi);
    put_error(row[ERROR], la_query_named_real(q, "narrow_error"));
    put_error(row[OTHER], la_query_named_real(q, "wide_error"));
}

la_status la_report_narrow(la_store *store, int64_t sweep_id, FILE *out, la_err *err)
{
    char id[24];
    la_text json = {0};
    la_grid grid = {.heads = heads, .columns = COLUMNS, .left = TYPE + 1};
    la_lines lines = {0};
    la_query *q = NULL;
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    la_status st = la_ratios(store, la_narrow_pairs_sql, sweep_id, NULL, &json, err);
    if (st != LA_OK || json.len <= 2) goto done;
    st = la_lines_load(store, sweep_id, la_narrow_sql, la_text_str(&json), &lines, err);
    if (st != LA_OK) goto done;
    const char *args[] = {id, la_text_str(&json)};
    st = la_query_open(store, la_narrow_sql, args, 2, &q, err);
    bool more = st == LA_OK;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        char(*row)[LA_GRID_CELL] = la_grid_add(&grid);
        if (row)
            fill(row, q, &lines);
        else
            st = LA_FAIL(err, LA_E_NOMEM, "out of memory for a table");
    }
    la_query_close(q);
    if (st == LA_OK) {
        fputs("\nnarrow types: median time of the same impl in float32 over that in the type, and "
              "the errors of both\n",
              out);
        la_grid_print(&grid, out);
    }
done:
    la_lines_release(&lines);
    la_text_release(&json);
    la_grid_release(&grid);
    return st;
}
