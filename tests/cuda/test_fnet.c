/* SPDX-License-Identifier: Apache-2.0
 * fnet's kernels on the emulator against sums in float64, where a length is cut in two, falls apart into odd
 * primes, or is summed directly; and how lengths are cut up.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fnet_cuda.h"

#define SHARED (99 * 1024)

static double value(int64_t i)
{
    return sin((double)i * 1.7) + 0.3 * cos((double)(i * i % 1009));
}

static void check_plan(const la_fnet_plan *plan)
{
    int64_t B = plan->B, T = plan->T, D = plan->D, n = B * T * D;
    float *x = malloc((size_t)n * sizeof *x), *o = malloc((size_t)n * sizeof *o);
    float *Z = malloc((size_t)(B * T * plan->half * 2) * sizeof *Z);
    for (int64_t i = 0; i < n; i++) x[i] = (float)value(i), o[i] = NAN;
    la_err err = {0};
    assert_int_equal(la_fnet_cuda_run(plan, x, o, Z, NULL, &err), LA_OK);
    double size = sqrt((double)(T * D)), worst = 0.0;
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < T; t += 1 + T / 9)
            for (int64_t c = 0; c < D; c++) {
                double sum = 0.0;
                for (int64_t i = 0; i < T * D; i++) {
                    double angle =
                        (double)(i / D * t % T) / (double)T + (double)(i % D * c % D) / (double)D;
                    sum += (double)x[b * T * D + i] * cos(6.283185307179586 * angle);
                }
                double off = fabs((double)o[(b * T + t) * D + c] - (double)plan->factor * sum);
                assert_true(off == off);
                if (off > worst) worst = off;
            }
    if (!(worst <= 1e-5 * size)) fail_msg("T %ld D %ld: off by %g", (long)T, (long)D, worst);
    free(x);
    free(o);
    free(Z);
}

static la_fnet_plan plan_of(int64_t B, int64_t T, int64_t D)
{
    la_problem p = {.B = B, .T = T, .H = 1, .dv = D};
    la_fnet_plan plan;
    la_fnet_plan_make(&p, 0.5f, SHARED, &plan);
    return plan;
}

static void transforms(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{1, 1, 1},  {2, 8, 4},   {1, 5, 16}, {3, 7, 11},
                                        {1, 30, 2}, {1, 288, 6}, {2, 300, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        la_fnet_plan plan = plan_of(shapes[i][0], shapes[i][1], shapes[i][2]);
        assert_int_equal(plan.T1 > 1, plan.T > 256);
        check_plan(&plan);
    }
    la_fnet_plan direct = plan_of(2, 33, 10);
    direct.rows.n = direct.second.n = 0;
    check_plan(&direct);
}

static void fits(const la_fnet_transform *f, int64_t n)
{
    int64_t product = 1;
    assert_int_equal(f->n, n);
    for (int i = 0; i < f->steps; i++) product *= f->radix[i];
    assert_int_equal(product, n);
    assert_true(f->side >= 1 && f->pitch >= f->side);
    assert_true(la_fnet_transform_bytes(f) <= SHARED);
}

static void cuts(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1,    16,   257,     1000,    4096,        16384,
                                      9973, 8198, 1 << 17, 1 << 24, 1000 * 1000, 4093};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        la_fnet_plan plan = plan_of(1, lengths[i], 64);
        assert_int_equal(plan.T1 * plan.T2, lengths[i]);
        if (plan.second.n) {
            fits(&plan.first, plan.T1);
            fits(&plan.second, plan.T2);
        } else {
            assert_true(plan.T2 > 4096); /* a prime of 9973, 4099 of 8198 */
        }
        plan = plan_of(1, 2, lengths[i]);
        if (plan.rows.n)
            fits(&plan.rows, lengths[i]);
        else
            assert_true(lengths[i] * 16 > SHARED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(transforms), cmocka_unit_test(cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
