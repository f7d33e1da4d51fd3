/* SPDX-License-Identifier: Apache-2.0
 * Implementations of one variant beside labench's best, where a sweep has several. Private to the report.
 */
#ifndef LA_SPEEDUPS_H
#define LA_SPEEDUPS_H

#include <stdio.h>

#include "store.h"
#include "text.h"

/* Rows as a JSON array, for the queries of speedups.sql, which take it as ?2: a row for each impl that was
 * timed beside another of the same variant on the same problem, device, threads and caches. The base is
 * labench's own impl of the least median; ratios are theirs over the base's, so that more than 1 says that
 * labench is faster (or smaller). sweep_id 0: of all sweeps. pass NULL: of all passes. */
la_status la_speedups(la_store *store, int64_t sweep_id, const char *pass, la_text *json,
                      la_err *err);
/* The same for the pairs of another query, with the same arguments: (cell, base). */
la_status la_ratios(la_store *store, const char *pairs, int64_t sweep_id, const char *pass,
                    la_text *json, la_err *err);
/* The rows of `json` with all columns that go with them. */
extern const char la_speedups_sql[];

/* Tables of `labench show`; nothing where no variant has two impls, and none was timed in two types. */
la_status la_report_speedups(la_store *store, int64_t sweep_id, FILE *out, la_err *err);
la_status la_report_narrow(la_store *store, int64_t sweep_id, FILE *out, la_err *err);

#endif
