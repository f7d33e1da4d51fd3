/* SPDX-License-Identifier: Apache-2.0
 * labench-bench: the kernels of one device over variants, passes and lengths, each held to its reference before it
 * is timed. The part of labench that needs no library but CUDA, and SQLite for a file.
 */
#ifndef LA_BENCH_H
#define LA_BENCH_H

#include <stdbool.h>

#include "labench/variant.h"
#include "stats.h"

typedef struct la_bench_args {
    const char *variants; /* names with commas between, or "all" */
    const char *impl;     /* NULL: each variant's best one on the device */
    const char *db;       /* file; NULL: none */
    int64_t lengths[32];
    size_t n_lengths;
    la_pass passes[3];
    size_t n_passes;
    la_problem like; /* all but T */
    double time_s;   /* of measuring, for each */
    int device;
    uint64_t seed;
    bool hot, list;
} la_bench_args;

/* What one of them gave. */
typedef struct la_bench_row {
    const la_variant *variant;
    const la_impl *impl;
    la_pass pass;
    la_problem p;
    const char *outcome; /* "ok", or the word of the status */
    char reason[256];    /* of another outcome than ok */
    la_summary device;   /* ns a call by events */
    double wall_ns, rel_rms, flops, bytes;
    const char *timer; /* how: "event", "graph", "event+launch" */
    int64_t launches;
    size_t workspace, peak;
} la_bench_row;

/* Creates, verifies and times. The outcome is in the row; only the caller's own faults are returned. */
void la_bench_one(const la_bench_args *args, const la_device *device, la_bench_row *row);

typedef struct sqlite3 sqlite3; /* of SQLite's header, which need not be there */

/* The file, made with its table if need be, and a line of it a row. LA_E_UNSUPPORTED in a build without SQLite. */
la_status la_bench_open(const char *path, const la_device *device, sqlite3 **out, la_err *err);
la_status la_bench_store(sqlite3 *db, const la_bench_row *row, la_err *err);
void la_bench_close(sqlite3 *db); /* accepts NULL */

#endif
