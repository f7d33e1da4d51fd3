/* SPDX-License-Identifier: Apache-2.0
 * Numbers out: the views of the store as csv, json, markdown or latex. Units are in the column names.
 */
#ifndef LA_EXPORT_H
#define LA_EXPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "store.h"

/* What can be exported: "time", "memory", "accuracy", "error", "outcomes", "flat", ... */
size_t la_export_count(void);
const char *la_export_name(size_t i);
const char *la_export_summary(size_t i); /* one line */

typedef struct la_export_how {
    const char *what, *format;
    const char
        *by;   /* NULL: a row for each cell; else a table with a column for each value (pivot.h) */
    bool bare; /* tables of md and latex without intervals */
} la_export_how;

/* Whether there is such an export, which needs no sweep: LA_E_ARG with what there is. */
la_status la_export_check(const la_export_how *how, la_err *err);
/* Writes one kind of rows of a sweep (0: of all sweeps) in plan order.
 *   csv   RFC 4180 with a header; no value is an empty field; text that a spreadsheet would run as a
 *         formula gets an apostrophe in front
 *   json  {"format":"labench","schema":1,"export":...,"rows":[{...}]}; no value, and NaN, is null;
 *         options are objects
 *   md    a table of the columns a reader wants; the outcome's word stands where a number is missing, digits
 *         follow the interval
 *   latex a tabular of the same columns, with the rules of booktabs
 * With `by`, of one sweep, the best of a column is bold (in json: says so).
 * Unknown kinds, formats and columns are LA_E_ARG with what there is; a failed write is LA_E_IO. */
la_status la_export_as(la_store *store, int64_t sweep_id, const la_export_how *how, FILE *out,
                       la_err *err);
/* A row for each cell. */
la_status la_export(la_store *store, int64_t sweep_id, const char *what, const char *format,
                    FILE *out, la_err *err);
/* la_export_as into a file, which appears whole or not at all. */
la_status la_export_file(la_store *store, int64_t sweep_id, const la_export_how *how,
                         const char *path, la_err *err);

#endif
