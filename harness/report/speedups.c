/* SPDX-License-Identifier: Apache-2.0
 * Ratios of medians with their intervals, from the samples of the store.
 */
#include "speedups.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "grid.h"
#include "numbers.h"
#include "query.h"
#include "samples.h"
#include "series.h"

extern const char la_speedups_pairs_sql[];

static void add_number(la_text *json, const char *name, double x)
{
    if (isfinite(x)) la_text_add(json, ", \"%s\": %.17g", name, x);
}

static la_status add_pair(la_store *store, int64_t cell, int64_t base, la_samples *kept,
                          la_text *json, la_err *err)
{
    la_samples theirs;
    if (kept->cell != base) { /* one base stands beside several */
        la_samples_release(kept);
        LA_TRY(la_samples_read(store, base, kept, err));
    }
    LA_TRY(la_samples_read(store, cell, &theirs, err));
    la_ratio r;
    la_ratio_rounds(theirs.x, theirs.round_n, theirs.rounds, kept->x, kept->round_n, kept->rounds,
                    &r);
    la_samples_release(&theirs);
    la_text_add(json, "%s{\"cell\": %" PRId64 ", \"base\": %" PRId64, json->len > 1 ? ", " : "",
                cell, base);
    add_number(json, "ratio", r.ratio);
    add_number(json, "lo", r.lo);
    add_number(json, "hi", r.hi);
    la_text_add(json, "}");
    return LA_OK;
}

la_status la_ratios(la_store *store, const char *pairs, int64_t sweep_id, const char *pass,
                    la_text *json, la_err *err)
{
    char id[24];
    la_samples kept = {0};
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    la_query *q = NULL;
    const char *args[] = {sweep_id ? id : NULL, pass};
    LA_TRY(la_query_open(store, pairs, args, 2, &q, err));
    la_text_add(json, "[");
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more)
        if ((st = add_pair(store, la_query_int(q, 0), la_query_int(q, 1), &kept, json, err)) !=
            LA_OK)
            break;
    la_text_add(json, "]");
    la_query_close(q);
    la_samples_release(&kept);
    if (st == LA_OK && json->failed)
        st = LA_FAIL(err, LA_E_NOMEM, "no memory for the speed-ups of a sweep");
    return st;
}

la_status la_speedups(la_store *store, int64_t sweep_id, const char *pass, la_text *json,
                      la_err *err)
{
    return la_ratios(store, la_speedups_pairs_sql, sweep_id, pass, json, err);
}

/* ---- the table ---- */

enum { VARIANT, IMPL, BASE, PASS, LENGTH, THEIRS, OURS, SPEEDUP, INTERVAL, MEMORY, COLUMNS };
static const char *const heads[COLUMNS] = {
    "variant", "impl",      "beside",   "pass",          "T",
    "time",    "labench's", "speed-up", "95 % interval", "memory"};

/* What the table takes of the rows. The impl has a column of its own, and so no place in the label, which
 * says what else tells rows of a variant apart. */
static const char table_columns[] =
    "variant, impl AS their_impl, base_impl, pass, dtype, mask, batch, heads, kv_heads, qk_heads, "
    "dk, dv, threads, options, cache_mode, device_name, seqlen, seqlen AS x, their_ns, base_ns, "
    "speedup, lo, "
    "hi, memory_ratio, memory_kind";

static void fill(char (*row)[LA_GRID_CELL], la_query *q, const la_lines *lines)
{
    char count[24];
    const la_series *line = la_lines_match(lines, q);
    double lo = la_query_named_real(q, "lo"), hi = la_query_named_real(q, "hi");
    snprintf(row[VARIANT], LA_GRID_CELL, "%.60s",
             line ? line->label : la_query_named_text(q, "variant"));
    snprintf(row[IMPL], LA_GRID_CELL, "%.60s", la_query_named_text(q, "their_impl"));
    snprintf(row[BASE], LA_GRID_CELL, "%.60s", la_query_named_text(q, "base_impl"));
    snprintf(row[PASS], LA_GRID_CELL, "%.60s", la_query_named_text(q, "pass"));
    snprintf(row[LENGTH], LA_GRID_CELL, "%s",
             la_format_count((int64_t)la_query_named_real(q, "seqlen"), count));
    la_number_time(la_query_named_real(q, "their_ns"), (double)NAN, (double)NAN, row[THEIRS], NULL);
    la_number_time(la_query_named_real(q, "base_ns"), (double)NAN, (double)NAN, row[OURS], NULL);
    la_grid_ratio(row[SPEEDUP], la_query_named_real(q, "speedup"));
    if (isfinite(lo)) snprintf(row[INTERVAL], LA_GRID_CELL, "[%.3g, %.3g]", lo, hi);
    la_grid_ratio(row[MEMORY], la_query_named_real(q, "memory_ratio"));
    if (row[MEMORY][0] && strcmp(la_query_named_text(q, "memory_kind"), "resident") == 0)
        strcat(row[MEMORY], " RSS");
}

static void print(const la_grid *grid, FILE *out)
{
    bool resident = false;
    for (size_t i = 0; i < grid->rows; i++)
        resident |= strstr(grid->cells[i * COLUMNS + MEMORY], "RSS") != NULL;
    fprintf(out,
            "\nspeed-ups: median time of an impl over that of labench's best of the same variant, "
            "and its bytes likewise\n");
    la_grid_print(grid, out);
    if (resident)
        fputs("RSS: by how much the processes grew; one of the two does not tell its workspace\n",
              out);
}

la_status la_report_speedups(la_store *store, int64_t sweep_id, FILE *out, la_err *err)
{
    char id[24];
    la_text json = {0}, sql = {0};
    la_grid grid = {.heads = heads, .columns = COLUMNS, .left = PASS + 1};
    la_lines lines = {0};
    la_query *q = NULL;
    snprintf(id, sizeof id, "%" PRId64, sweep_id);
    la_status st = la_speedups(store, sweep_id, NULL, &json, err);
    if (st != LA_OK || json.len <= 2) goto done;
    la_text_add(&sql, "SELECT %s FROM (\n%s\n) ORDER BY variant, ordinal, seqlen, their_impl",
                table_columns, la_speedups_sql);
    if (sql.failed | json.failed) st = LA_FAIL(err, LA_E_NOMEM, "out of memory for a query");
    if (st == LA_OK)
        st = la_lines_load(store, sweep_id, la_text_str(&sql), la_text_str(&json), &lines, err);
    if (st != LA_OK) goto done;
    const char *args[] = {id, la_text_str(&json)};
    st = la_query_open(store, la_text_str(&sql), args, 2, &q, err);
    bool more = st == LA_OK;
    while (st == LA_OK && (st = la_query_next(q, &more, err)) == LA_OK && more) {
        char(*row)[LA_GRID_CELL] = la_grid_add(&grid);
        if (row)
            fill(row, q, &lines);
        else
            st = LA_FAIL(err, LA_E_NOMEM, "out of memory for a table");
    }
    la_query_close(q);
    if (st == LA_OK) print(&grid, out);
done:
    la_lines_release(&lines);
    la_text_release(&json);
    la_text_release(&sql);
    la_grid_release(&grid);
    return st;
}
