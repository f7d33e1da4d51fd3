/* SPDX-License-Identifier: Apache-2.0
 * What an attempt costs: bytes in the file and time to commit.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clock.h"

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* 100 samples an attempt, three rounds a cell, each of three metrics and now and then a warning. */
static void test_an_attempt_of_100_samples_takes_4_kib_at_most(void **state)
{
    (void)state;
    enum { CELLS = 100, ROUNDS = 3, N = CELLS * ROUNDS };
    static int64_t claim_ns[N], finish_ns[N];
    static attempt_data data;
    fixture f;
    la_err err = {0};
    /* On a disk where there is one: the time of a commit is the time of the disk. */
    setenv("TMPDIR", "/var/tmp", 0);
    fixture_open(&f);
    struct stat before, after;
    assert_int_equal(stat(f.path, &before), 0);
    for (int i = 0; i < N; i++) {
        int64_t id, cell = planned(&f, i % CELLS), t0 = la_now_ns();
        expect_ok(la_store_claim(f.store, cell, i / CELLS, &id, &err));
        int64_t t1 = la_now_ns();
        la_attempt_row row = sample_attempt(&data, 100);
        for (size_t s = 0; s < 100; s++) data.samples[s].total_ns = 123456789 + (int64_t)s * 104729;
        row.n_warnings = i % 10 == 0;
        row.checksum = -(int64_t)0x123456789abcdef;
        expect_ok(la_store_finish(f.store, id, &row, &err));
        claim_ns[i] = t1 - t0;
        finish_ns[i] = la_now_ns() - t1;
    }
    assert_int_equal(stat(f.path, &after), 0);
    double bytes = (double)(after.st_size - before.st_size) / N;
    qsort(claim_ns, N, sizeof *claim_ns, by_value);
    qsort(finish_ns, N, sizeof *finish_ns, by_value);
    print_message(
        "%.0f bytes an attempt; claim %.2f ms, finish %.2f ms (medians), %.2f ms at most\n", bytes,
        1e-6 * (double)claim_ns[N / 2], 1e-6 * (double)finish_ns[N / 2],
        1e-6 * (double)finish_ns[N - 1]);
    assert_true(bytes <= 4096);
    fixture_release(&f);
}

/* A sweep of 10000 cells is planned in a moment. */
static void test_a_large_plan_is_one_short_transaction(void **state)
{
    (void)state;
    enum { CELLS = 10000 };
    fixture f;
    la_err err = {0};
    fixture_open(&f);
    la_cell_row *rows = calloc(CELLS, sizeof *rows);
    char(*keys)[33] = calloc(CELLS, sizeof *keys);
    assert_non_null(rows);
    assert_non_null(keys);
    for (int i = 0; i < CELLS; i++) rows[i] = sample_cell(i, keys[i]);
    int64_t t0 = la_now_ns();
    expect_ok(la_store_plan(f.store, f.sweep, f.device, rows, CELLS, NULL, &err));
    int64_t t1 = la_now_ns();
    expect_ok(la_store_plan(f.store, f.sweep, f.device, rows, CELLS, NULL, &err));
    int64_t t2 = la_now_ns();
    print_message("%d cells planned in %.0f ms, found again in %.0f ms\n", CELLS,
                  1e-6 * (double)(t1 - t0), 1e-6 * (double)(t2 - t1));
    assert_int_equal(query_number(f.store, "SELECT count(*) FROM cell"), CELLS);
    free(rows);
    free(keys);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_plan_is_one_short_transaction),
        cmocka_unit_test(test_an_attempt_of_100_samples_takes_4_kib_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
