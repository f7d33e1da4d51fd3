/* SPDX-License-Identifier: Apache-2.0
 * Random numbers filled in at once are those drawn one by one, whatever the place, the number of threads,
 * the scale and the instruction set; so are the gates made of them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "labench/kit.h"

enum { MOST = 20011 }; /* more than a thread takes alone */

static void filled_as_drawn(void **state)
{
    (void)state;
    const int64_t sizes[] = {0, 1, 3, 4, 7, 64, MOST};
    float *x = malloc((MOST + 1) * sizeof *x);
    assert_non_null(x);
    for (uint64_t first = 0; first < 5; first++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const int64_t n = sizes[i];
            const double scale = i % 2 ? 0.3 : 1.0;
            x[n] = 7.0f;
            if (i % 2)
                la_random_fill_scaled(11, first, scale, x, n, 2);
            else
                la_random_fill_normal(11, first, x, n, 2);
            for (int64_t j = 0; j < n; j++) {
                float want = (float)(scale * la_random_normal(11, first + (uint64_t)j));
                assert_true(x[j] == want);
            }
            assert_true(x[n] == 7.0f);
        }
    free(x);
}

enum { MANY = 1 << 19 };

static void many_are_those_of_the_library(void **state)
{
    (void)state;
    const uint64_t first = (UINT64_C(1) << 34) - 1000; /* counters past 32 bits */
    float *x = malloc(MANY * sizeof *x), *y = malloc(MANY * sizeof *y);
    assert_true(x && y);
    la_random_fill_normal(12, first, x, MANY, 2);
    for (int64_t i = 0; i < MANY; i++)
        assert_true(x[i] == (float)la_random_normal(12, first + (uint64_t)i));
    memcpy(y, x, MANY * sizeof *y);
    la_random_to_decays(y, MANY - 1, 2);
    for (int64_t i = 0; i < MANY - 1; i++) assert_true(y[i] == (float)-exp((double)x[i] - 2.0));
    assert_true(y[MANY - 1] == x[MANY - 1]);
    la_random_fill_normal(13, 0, y, MANY, 2);
    la_random_to_gated(x, y, MANY - 1, 2);
    for (int64_t i = 0; i < MANY - 1; i++) {
        double iclr = 1.0 / (1.0 + exp(-(double)(float)la_random_normal(13, (uint64_t)i)));
        assert_true(y[i] == (float)((double)x[i] * iclr));
    }
    free(x);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(filled_as_drawn),
                                       cmocka_unit_test(many_are_those_of_the_library)};
    la_start(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
