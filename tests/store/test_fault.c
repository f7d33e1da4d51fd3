/* SPDX-License-Identifier: Apache-2.0
 * The n-th allocation fails, n = 1, 2, ... until the operation succeeds: once that one alone, once
 * all later ones too. Each time an error comes back, nothing leaks, and the file is whole with either
 * all of the operation in it or nothing.
 */
#include "fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "export.h"

enum { FILE_BYTES = 1 << 20 };

/* SQLite's own allocator with a countdown in front. */
static sqlite3_mem_methods real;
static long countdown; /* 0: off */
static bool later, hit;
static long dense = 100; /* allocations of which each is failed; then a sample of the rest */

static bool fails(void)
{
    if (countdown == 0 || --countdown > 0) return false;
    hit = true;
    countdown = later ? 1 : 0;
    return true;
}

static void *fault_malloc(int n)
{
    return fails() ? NULL : real.xMalloc(n);
}

static void *fault_realloc(void *p, int n)
{
    return fails() ? NULL : real.xRealloc(p, n);
}

static fixture f;
static int64_t attempt; /* claimed in the prepared file */
static attempt_data data;

typedef struct operation {
    const char *name;
    la_status (*run)(la_store *store, la_err *err);
    bool open;        /* the operation is opening itself: `run` is not used */
    bool fresh;       /* of a file that is not there yet */
    const char *done; /* query: 1 when the operation is in the file, 0 when not; else it is half */
} operation;

static la_status run_begin(la_store *store, la_err *err)
{
    la_machine_row machine = sample_machine();
    la_device_row device = sample_device();
    la_build_row build = sample_build();
    la_sweep_row sweep = sample_sweep(&f);
    la_peak_row peak = {.threads = 2, .flops = 1e9, .source = "measured"};
    int64_t id;
    bool found;
    LA_TRY(la_store_machine(store, &machine, &id, err));
    LA_TRY(la_store_device(store, f.machine, &device, &id, err));
    LA_TRY(la_store_build(store, &build, &id, err));
    LA_TRY(la_store_peak(store, f.device, &peak, err));
    LA_TRY(la_store_peak_find(store, f.device, 2, &peak, &found, err));
    sweep.label = "second";
    LA_TRY(la_store_sweep_find_open(store, &sweep, &found, &id, err));
    return la_store_sweep_new(store, &sweep, &id, err);
}

static la_status run_plan(la_store *store, la_err *err)
{
    char keys[6][33];
    la_cell_row rows[6];
    for (int i = 0; i < 6; i++) rows[i] = sample_cell(i, keys[i]);
    return la_store_plan(store, f.sweep, f.device, rows, 6, NULL, err);
}

static la_status run_claim(la_store *store, la_err *err)
{
    int64_t id;
    return la_store_claim(store, 1, 1, &id, err);
}

static la_status run_finish(la_store *store, la_err *err)
{
    la_attempt_row row = sample_attempt(&data, 20);
    row.stderr_tail = "bad bytes: \xff";
    return la_store_finish(store, attempt, &row, err);
}

static la_status run_adopt(la_store *store, la_err *err)
{
    return la_store_sweep_adopt(store, f.sweep, err);
}

static la_status run_export(la_store *store, la_err *err)
{
    FILE *null = fopen("/dev/null", "w");
    assert_non_null(null);
    la_status st = la_export(store, f.sweep, "flat", "json", null, err);
    if (st == LA_OK) st = la_export(store, 0, "time", "csv", null, err);
    int64_t id;
    if (st == LA_OK) st = la_store_sweep_resolve(store, "last", &id, err);
    fclose(null);
    return st;
}

static const operation operations[] = {
    {"making a file", NULL, true, true, "SELECT count(*) FROM migration"},
    {"opening a file", NULL, true, false, "SELECT count(*) FROM migration"},
    {"beginning a sweep", run_begin, false, false,
     "SELECT count(*) FROM sweep WHERE label = 'second'"},
    {"planning", run_plan, false, false, "SELECT (count(*) - 1) / 5.0 FROM cell"},
    {"claiming", run_claim, false, false, "SELECT count(*) FROM attempt WHERE round = 1"},
    {"finishing", run_finish, false, false,
     "SELECT ((SELECT count(*) FROM sample) + (SELECT count(*) FROM summary) + (SELECT count(*) "
     "FROM attempt WHERE outcome = 'ok') + (SELECT count(*) FROM warning)) / 23.0"},
    {"adopting", run_adopt, false, false,
     "SELECT count(*) FROM attempt WHERE outcome = 'interrupted'"},
    {"exporting", run_export, false, false, "SELECT 1"},
};

static void write_file(const char *path, const char *bytes, size_t n)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(out);
}

/* Byte by byte what it was, with no journal that says otherwise. */
static bool unchanged(const char *path, const char *bytes, size_t size)
{
    static char now[FILE_BYTES];
    char journal[176];
    snprintf(journal, sizeof journal, "%s-journal", path);
    FILE *in = fopen(path, "rb");
    size_t n = in ? fread(now, 1, sizeof now, in) : 0;
    if (in) fclose(in);
    return access(journal, F_OK) != 0 && n == size && memcmp(now, bytes, size) == 0;
}

/* Whether a failed operation left nothing, a good one all; the file is whole in both cases. */
static void assert_all_or_nothing(const operation *op, const char *path, la_status st)
{
    la_err err = {0};
    la_store *store;
    expect_ok(la_store_open(path, LA_STORE_WRITE, &store, &err));
    double done = query_number(store, op->done);
    if (!op->open && st == LA_OK) assert_true(done == 1);
    assert_true(done == 0 || done == 1);
    char text[64];
    query_text(store, "SELECT integrity_check FROM pragma_integrity_check", text, sizeof text);
    assert_string_equal(text, "ok");
    la_store_close(store);
}

/* Fails allocation n of ours (sqlite false) or of SQLite's. Returns false when there was none. */
static bool try_once(const operation *op, bool sqlite, long n, const char *bytes, size_t size)
{
    char path[160];
    snprintf(path, sizeof path, "%s/copy.db", f.folder);
    unlink(path);
    if (!op->fresh) write_file(path, bytes, size);
    la_err err = {0};
    la_store *store = NULL;
    la_status st = LA_OK;
    if (!op->open) expect_ok(la_store_open(path, LA_STORE_WRITE, &store, &err));
    long before = la_mem_count();
    if (sqlite)
        countdown = n;
    else
        la_mem_fail_at(n, later);
    hit = false;
    st = op->open ? la_store_open(path, LA_STORE_WRITE, &store, &err) : op->run(store, &err);
    countdown = 0;
    la_mem_fail_at(0, false);
    bool reached = sqlite ? hit : la_mem_count() - before >= n;
    la_store_close(store);
    if (st != LA_OK && st != LA_E_NOMEM)
        print_error("%s, allocation %ld: %s: %s\n", op->name, n, la_status_word(st), err.msg);
    assert_true(st == LA_OK || st == LA_E_NOMEM);
    if (st != LA_OK) assert_true(strlen(err.msg) > 0);
    if (!reached) assert_int_equal(st, LA_OK);
    assert_int_equal(la_mem_live(), 0);
    if (st == LA_OK || op->fresh || !unchanged(path, bytes, size))
        assert_all_or_nothing(op, path, st);
    return reached;
}

static void test_a_failed_allocation_is_an_error_and_nothing_else(void **state)
{
    (void)state;
    FILE *in = fopen(f.path, "rb");
    assert_non_null(in);
    static char bytes[FILE_BYTES];
    size_t size = fread(bytes, 1, sizeof bytes, in);
    assert_true(size > 0 && size < sizeof bytes);
    fclose(in);
    for (size_t i = 0; i < LA_COUNT(operations); i++)
        for (int mode = 0; mode < 4; mode++) {
            bool sqlite = mode & 1;
            later = mode & 2;
            long n = 1;
            /* Opening parses the schema in thousands of like allocations. */
            while (try_once(&operations[i], sqlite, n, bytes, size))
                n += n > dense ? 1 + n / 16 : 1;
            if (mode == 1) print_message("%s: up to %ld allocations\n", operations[i].name, n);
        }
}

/* With the argument `all`, by hand, allocations up to the 3000th are failed one by one. */
int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "all") == 0) dense = 3000;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods faulty = real;
    faulty.xMalloc = fault_malloc;
    faulty.xRealloc = fault_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &faulty) != SQLITE_OK) return 1;
    fixture_open(&f);
    la_err err = {0};
    if (la_store_claim(f.store, planned(&f, 0), 0, &attempt, &err) != LA_OK) return 1;
    la_store_close(f.store);
    f.store = NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_allocation_is_an_error_and_nothing_else),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_release(&f);
    return rc;
}
