/* SPDX-License-Identifier: Apache-2.0
 * A scratch folder, a store with one machine, device, build and sweep, and ready-made rows.
 */
#ifndef LA_TEST_STORE_FIXTURE_H
#define LA_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "query.h"
#include "store.h"

typedef struct fixture {
    char folder[64], path[128];
    la_store *store;
    int64_t machine, device, build, sweep;
} fixture;

/* Asserts, and prints the message of a failure. */
void expect_status(la_status got, la_status want, const la_err *err);
#define expect_ok(call) expect_status((call), LA_OK, &err)

void fixture_folder(fixture *f);  /* an empty folder; nothing opened */
void fixture_open(fixture *f);    /* folder, store, machine, device, build, sweep */
void fixture_reopen(fixture *f);  /* closes and opens again for writing */
void fixture_release(fixture *f); /* closes, deletes the folder */
/* Before and after a test of FIXTURE_TEST, whose state is the fixture. Nothing may be allocated after it. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define FIXTURE_TEST(name, f)                                                                      \
    cmocka_unit_test_prestate_setup_teardown(name, fixture_setup, fixture_teardown, f)

la_machine_row sample_machine(void);
la_device_row sample_device(void);
la_build_row sample_build(void);
la_sweep_row sample_sweep(const fixture *f);
/* Cell number i of a plan: length 1024 << i, a key made of i. key must live as long as the row. */
la_cell_row sample_cell(int i, char key[33]);
/* An attempt that is ok with n samples of 1 ms and a little, and two metrics. */
#define SAMPLES_MAX 1000
typedef struct attempt_data {
    la_sample_row samples[SAMPLES_MAX];
    la_metric_row metrics[3];
    la_warning_row warnings[1];
} attempt_data;
la_attempt_row sample_attempt(attempt_data *data, size_t n);

/* One cell planned in f->sweep; returns its id. */
int64_t planned(fixture *f, int i);
/* Claims and finishes round `round` of a cell. */
int64_t finished(fixture *f, int64_t cell, int64_t round, la_outcome outcome);

/* First column of the first row as number or text; -1, "" when there is none. */
double query_number(la_store *store, const char *sql);
void query_text(la_store *store, const char *sql, char *out, size_t cap);
/* Runs SQL on the file through a connection of its own; returns SQLite's result code. */
int raw_sql(const char *path, const char *sql);
/* The same, with the connection left open, for a process that ends at once. */
int raw_sql_dying(const char *path, const char *sql);

#endif
