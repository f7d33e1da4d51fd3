/* SPDX-License-Identifier: Apache-2.0
 * The softmax of rows and its gradient on the emulator: rows of one warp and of several, narrow results over the
 * float32 they are made of, and what a mask hides.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "labench/bf16.h"
#include "softmax_rows.h"

#define ROWS 3

static double read_as(la_dtype type, const void *x, int64_t i)
{
    return (double)(type == LA_F32 ? ((const float *)x)[i]
                                   : la_bf16_to_float(((const la_bf16 *)x)[i]));
}

static double score(int64_t row, int64_t j)
{
    return 3.0 * sin((double)(row * 31 + j * 7)) + (j == 5 ? 1e4 * (double)(row == 1) : 0.0);
}

/* want [len]: the weights of a row, in float64. */
static void weights_of(int64_t row, int64_t visible, int64_t len, double *want)
{
    double top = -INFINITY, sum = 0.0;
    for (int64_t j = 0; j < visible; j++) top = fmax(top, (double)(float)score(row, j));
    for (int64_t j = 0; j < visible; j++) sum += want[j] = exp((double)(float)score(row, j) - top);
    for (int64_t j = 0; j < len; j++) want[j] = j < visible ? want[j] / sum : 0.0;
}

static void check_rows(int64_t len, la_dtype type, bool causal)
{
    la_softmax_rows call = {
        .rows = ROWS, .len = len, .tokens = 2, .pos = len - 2, .causal = causal, .dtype = type};
    int64_t ld = la_softmax_rows_ld(type, len);
    size_t bytes = (size_t)(ROWS * len) * sizeof(float);
    float *x = malloc(bytes), *slopes = malloc(bytes);
    double *want = malloc((size_t)len * sizeof *want);
    la_err err = {0};
    for (int64_t i = 0; i < ROWS * len; i++) {
        x[i] = (float)score(i / len, i % len);
        slopes[i] = (float)cos((double)i);
    }
    assert_int_equal(la_softmax_rows_weigh(&call, x, x, ld, &err), LA_OK);
    assert_int_equal(la_softmax_rows_slopes(&call, x, ld, slopes, type, &err), LA_OK);
    double step = type == LA_F32 ? 1e-5 : ldexp(1.0, -8);
    for (int64_t row = 0; row < ROWS; row++) {
        int64_t visible = causal ? len - 1 + row % 2 : len;
        weights_of(row, visible, len, want);
        double mean = 0.0;
        for (int64_t j = 0; j < len; j++) {
            double got = read_as(type, x, row * ld + j);
            assert_true(fabs(got - want[j]) <= step * want[j] + 1e-12);
            want[j] = got;
            mean += got * (double)(float)cos((double)(row * len + j));
        }
        for (int64_t j = 0; j < len; j++) {
            double slope = want[j] * ((double)(float)cos((double)(row * len + j)) - mean);
            double got = read_as(type, slopes, row * ld + j);
            assert_true(fabs(got - slope) <= step * (fabs(slope) + want[j] * 1e-1) + 1e-12);
        }
    }
    free(x);
    free(slopes);
    free(want);
}

static void rows(void **state)
{
    (void)state;
    static const int64_t lens[] = {6, 33, 129, 300, 1025, 2600};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
        for (int way = 0; way < 4; way++) check_rows(lens[i], way & 1 ? LA_BF16 : LA_F32, way & 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
