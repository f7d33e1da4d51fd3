/* SPDX-License-Identifier: Apache-2.0
 * Verdicts about simulated machines: equals are hardly ever told apart, what is 5 % slower is found, and one
 * regression among a hundred cells is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "verdict.h"

enum { ROUNDS = 5, SAMPLES = 16, CELLS = 200, FEW = 100 }; /* a judgement takes 17 ms */
typedef struct machine {
    double between, within; /* of processes, and of the calls of one, as shares */
    double noise;           /* what its own A/A differences are, once measured */
} machine;

/* Samples of one side of one cell: a process has its own speed, a call its own luck, one in 30 is disturbed
 * and takes up to half as long again. */
static void simulate(double *x, machine how, double slower, uint64_t side, uint64_t cell)
{
    uint64_t s = la_stream(side, 77, cell);
    for (uint64_t r = 0; r < ROUNDS; r++) {
        double speed = exp(how.between * la_random_normal(s, 1000 + r));
        for (uint64_t i = 0; i < SAMPLES; i++) {
            uint64_t at = r * SAMPLES + i;
            double luck = exp(how.within * fabs(la_random_normal(s, at)));
            if (la_random_uniform(s, 5000 + at) < 1.0 / 30)
                luck *= 1 + 0.5 * la_random_uniform(s, 9000 + at);
            x[at] = 1000 * slower * speed * luck;
        }
    }
}

typedef struct sides {
    double x[2][CELLS][ROUNDS * SAMPLES];
    size_t round_n[ROUNDS];
    la_timings first[CELLS], second[CELLS];
    la_judgement out[CELLS];
} sides;

static sides *sides_of(machine how, double slower, size_t slow_cells, uint64_t seed)
{
    sides *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (int r = 0; r < ROUNDS; r++) s->round_n[r] = SAMPLES;
    for (size_t c = 0; c < CELLS; c++) {
        simulate(s->x[0][c], how, 1, 2 * seed, c);
        simulate(s->x[1][c], how, c < slow_cells ? slower : 1, 2 * seed + 1, c);
        s->first[c] = (la_timings){s->x[0][c], s->round_n, ROUNDS};
        s->second[c] = (la_timings){s->x[1][c], s->round_n, ROUNDS};
    }
    return s;
}

static size_t judge(sides *s, size_t cells, double noise, size_t counts[LA_VERDICTS])
{
    la_verdict_rule rule = {.noise = noise, .min_change = 0.02, .alpha = 0.05};
    memset(counts, 0, LA_VERDICTS * sizeof *counts);
    assert_int_equal(la_verdicts_make(s->first, s->second, cells, &rule, s->out, NULL), LA_OK);
    for (size_t c = 0; c < cells; c++) {
        counts[s->out[c].verdict]++;
        assert_true(s->out[c].why[0]);
    }
    return counts[LA_FASTER] + counts[LA_SLOWER];
}

static machine quiet = {0.004, 0.004, 0}, usual = {0.01, 0.01, 0}, loud = {0.05, 0.05, 0};

static int measure_noise(void **state)
{
    machine *all[] = {&quiet, &usual, &loud};
    double d[FEW];
    size_t counts[LA_VERDICTS];
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        sides *s = sides_of(*all[k], 1, 0, 40);
        judge(s, FEW, 0, counts);
        for (size_t c = 0; c < FEW; c++) d[c] = s->out[c].ratio.ratio - 1;
        free(s);
        all[k]->noise = la_noise_floor(d, FEW);
    }
    return 0;
}

static void test_equals_are_hardly_ever_told_apart(void **state)
{
    const machine *all[] = {&quiet, &usual, &loud};
    size_t counts[LA_VERDICTS];
    (void)state;
    for (size_t k = 0; k < 3; k++)
        for (int known = 0; known < 2; known++) {
            sides *s = sides_of(*all[k], 1, 0, 50 + k);
            size_t wrong = judge(s, CELLS, known ? all[k]->noise : 0, counts);
            if (wrong > CELLS / 20) fail_msg("machine %zu: %zu of %d false", k, wrong, CELLS);
            if (k == 0) assert_true(counts[LA_SAME] > CELLS * 9 / 10);
            free(s);
        }
}

static void test_five_percent_are_found(void **state)
{
    const machine *all[] = {&quiet, &usual};
    size_t counts[LA_VERDICTS];
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        sides *s = sides_of(*all[k], 1.05, FEW, 60 + k);
        judge(s, FEW, all[k]->noise, counts);
        if (counts[LA_SLOWER] < FEW * 95 / 100 || counts[LA_FASTER])
            fail_msg("machine %zu: %zu of %d found, %zu turned round", k, counts[LA_SLOWER], FEW,
                     counts[LA_FASTER]);
        free(s);
    }
}

static void test_one_regression_among_a_hundred_cells_is_one(void **state)
{
    size_t counts[LA_VERDICTS];
    (void)state;
    size_t false_ones = 0;
    for (uint64_t seed = 70; seed < 73; seed++) {
        sides *s = sides_of(usual, 1.08, 1, seed);
        judge(s, FEW, usual.noise, counts);
        assert_int_equal(counts[LA_SLOWER], 1);
        false_ones += counts[LA_FASTER];
        assert_int_equal(s->out[0].verdict, LA_SLOWER);
        free(s);
    }
    assert_true(false_ones <= 1); /* of 297 */
}

/* A loud machine says so, and how much longer to measure. */
static void test_a_loud_machine_is_unclear(void **state)
{
    size_t counts[LA_VERDICTS];
    (void)state;
    sides *s = sides_of(loud, 1.05, FEW, 90);
    judge(s, FEW, loud.noise, counts);
    assert_true(counts[LA_UNCLEAR] > FEW / 2);
    for (size_t c = 0; c < FEW; c++)
        if (s->out[c].verdict == LA_UNCLEAR) assert_true(s->out[c].more_rounds >= 0);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_are_hardly_ever_told_apart),
        cmocka_unit_test(test_five_percent_are_found),
        cmocka_unit_test(test_one_regression_among_a_hundred_cells_is_one),
        cmocka_unit_test(test_a_loud_machine_is_unclear),
    };
    return cmocka_run_group_tests(tests, measure_noise, NULL);
}
