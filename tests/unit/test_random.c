/* SPDX-License-Identifier: Apache-2.0
 * Random numbers filled in at once are those drawn one by one, whatever the place, the number of threads and
 * the scale.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(filled_as_drawn)};
    la_start(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
