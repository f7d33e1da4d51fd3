/* SPDX-License-Identifier: Apache-2.0
 * Matrix units, matrix loads, asynchronous copies and f16 against plain loops: on the emulator, and with
 * LA_ON_DEVICE on the first device (77 without one).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cuda.h"
#include "fake_driver.h"
#include "labench/f16.h"
#include "labench/kit.h"
#include "units.h"

enum { M = 16, N = 8, MOST_K = 16 };

static float *place(const float *from, size_t n)
{
    void *p;
    la_err err = {0};
    assert_int_equal(la_cuda_keep(from, n * sizeof *from, &p, &err), LA_OK);
    return p;
}

static void fetch(float *to, const float *from, size_t n)
{
    la_err err = {0};
    assert_int_equal(la_cuda()->download(to, from, n * sizeof *to, NULL, &err), LA_OK);
    assert_int_equal(la_cuda()->wait(NULL, &err), LA_OK);
}

/* Small whole numbers over 8: exact in every type, and so is every sum. */
static float exact(int i)
{
    return (float)((i * 37 + 11) % 61 - 30) / 8.0f;
}

static float wild(int i)
{
    return (float)sin(1.7 * i + .3) * (float)(1 + i % 5);
}

static void multiply(unit which, float (*draw)(int), double most)
{
    float a[M * MOST_K], b[N * MOST_K], c[M * N], got[M * N];
    int k = which == UNIT_TF32 || which == UNIT_SPLIT ? 8 : 16;
    la_err err = {0};
    for (int i = 0; i < M * k; i++) a[i] = draw(i);
    for (int i = 0; i < N * k; i++) b[i] = draw(1000 + i);
    for (int i = 0; i < M * N; i++) c[i] = (float)i;
    float *da = place(a, (size_t)(M * k)), *db = place(b, (size_t)(N * k)), *dc = place(c, M * N);
    assert_int_equal(la_test_unit(which, da, db, dc, NULL, &err), LA_OK);
    fetch(got, dc, M * N);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double want = c[i * N + j];
            for (int t = 0; t < k; t++)
                want += (double)a[i * k + t] *
                        (double)(which == UNIT_BF16_TRANS ? b[t * N + j] : b[j * k + t]);
            if (fabs((double)got[i * N + j] - want) > most)
                fail_msg("unit %d: c[%d][%d] is %g, not %g", which, i, j, (double)got[i * N + j],
                         want);
        }
    la_cuda_drop(da), la_cuda_drop(db), la_cuda_drop(dc);
}

static void every_lane_holds_what_the_page_says(void **state)
{
    (void)state;
    for (int which = 0; which < UNITS; which++) multiply((unit)which, exact, 0.0);
}

/* Three products of tf32 are nearly float32; one is not. */
static void split_products_keep_float32(void **state)
{
    (void)state;
    multiply(UNIT_SPLIT, wild, 6e-5); /* some roundings of sums near 128, 2^-17 each */
    multiply(UNIT_TF32, wild, 0.3);
}

enum { HM = 64, HN = 128, HK = 64 * 5 };

static void hopper_products(void **state)
{
    (void)state;
    static uint16_t a[HM * HK], b[HN * HK];
    static float c[HM * HN], got[HM * HN];
    la_device device;
    la_err err = {0};
    assert_int_equal(la_device_cuda(0, &device, &err), LA_OK);
    if (device.sm != 90) skip();
    for (int i = 0; i < HM * HK; i++) a[i] = la_f16_from_float(exact(i));
    for (int i = 0; i < HN * HK; i++) b[i] = la_f16_from_float(exact(i + 7));
    uint16_t *da = (uint16_t *)place((float *)(void *)a, HM * HK / 2),
             *db = (uint16_t *)place((float *)(void *)b, HN * HK / 2);
    for (int which = 0; which < HOPPER_UNITS; which++) {
        float *dc = place(c, HM * HN);
        assert_int_equal(la_test_hopper((hopper_unit)which, &device, da, db, dc, HK, NULL, &err),
                         LA_OK);
        fetch(got, dc, HM * HN);
        for (int i = 0; i < HM; i++)
            for (int j = 0; j < HN; j++) {
                double want = 0;
                for (int t = 0; t < HK; t++)
                    want += (double)exact(i * HK + t) *
                            (double)exact(7 + (which == HOPPER_MN ? t * HN + j : j * HK + t));
                if ((double)got[i * HN + j] != want)
                    fail_msg("product %d: c[%d][%d] is %g, not %g", which, i, j,
                             (double)got[i * HN + j], want);
            }
        la_cuda_drop(dc);
    }
    la_cuda_drop(da), la_cuda_drop(db);
}

static void tensor_maps_are_checked(void **state)
{
    (void)state;
    static _Alignas(16) uint16_t base[64];
    la_tensor_map map;
    la_err err = {0};
    int64_t lengths[4] = {64, 1, 1, 1}, strides[3] = {128, 128, 128}, odd[3] = {120, 128, 128};
    int box[4] = {64, 1, 1, 1}, wide[4] = {128, 1, 1, 1};
    assert_int_equal(la_cuda_tensor_map(&map, LA_F32, 4, base, lengths, strides, box, &err),
                     LA_E_ARG);
    assert_int_equal(la_cuda_tensor_map(&map, LA_BF16, 6, base, lengths, strides, box, &err),
                     LA_E_ARG);
    assert_int_equal(la_cuda_tensor_map(&map, LA_BF16, 4, base + 1, lengths, strides, box, &err),
                     LA_E_ARG);
    assert_int_equal(la_cuda_tensor_map(&map, LA_BF16, 4, base, lengths, odd, box, &err), LA_E_ARG);
    assert_int_equal(la_cuda_tensor_map(&map, LA_BF16, 4, base, lengths, strides, wide, &err),
                     LA_E_ARG);
    assert_string_equal(err.msg, "dimension 0 of a tensor map's box has 128 of 1 to 64");
    lengths[1] = 0;
    assert_int_equal(la_cuda_tensor_map(&map, LA_BF16, 4, base, lengths, strides, box, &err),
                     LA_E_ARG);
}

static void f16_rounds_to_nearest_even(void **state)
{
    (void)state;
    static const struct {
        float from, to;
    } of[] = {{1.0f, 1.0f},
              {1.00048828125f, 1.0f},         /* halfway: to even */
              {1.00146484375f, 1.001953125f}, /* halfway: to even */
              {65504.0f, 65504.0f},
              {65519.0f, 65504.0f},
              {65520.0f, INFINITY},
              {-1e9f, -INFINITY},
              {6.103515625e-05f, 6.103515625e-05f}, /* the smallest normal one */
              {5.9604645e-08f, 5.9604645e-08f},     /* the smallest of all */
              {2.9e-08f, 0.0f},
              {3.1e-08f, 5.9604645e-08f},
              {6.1e-05f, 6.0975552e-05f},
              {-0.0f, -0.0f},
              {3.14159274f, 3.140625f}};
    enum { n = LA_COUNT(of) };
    float from[n + 1], got[n + 1];
    la_err err = {0};
    for (size_t i = 0; i < n; i++) from[i] = of[i].from;
    from[n] = NAN;
    float *d = place(from, n + 1), *to = place(from, n + 1);
    assert_int_equal(la_test_f16(d, to, n + 1, NULL, &err), LA_OK);
    fetch(got, to, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (got[i] != of[i].to || signbit(got[i]) != signbit(of[i].to))
            fail_msg("%.9g became %.9g, not %.9g", (double)from[i], (double)got[i],
                     (double)of[i].to);
    }
    assert_true(isnan(got[n]));
    la_cuda_drop(d), la_cuda_drop(to);
}

static void tf32_rounds_to_nearest(void **state)
{
    (void)state;
    const float bit = 0x1p-10f;
    const struct {
        float from, to;
    } of[] = {{1.0f, 1.0f},
              {1.0f + 0.499f * bit, 1.0f},
              {1.0f + 0.5f * bit, 1.0f + bit}, /* halfway: away from zero */
              {1.0f + 1.5f * bit, 1.0f + 2.0f * bit},
              {-1.0f - 0.5f * bit, -1.0f - bit},
              {-1.0f - 0.499f * bit, -1.0f},
              {2.0f - 0.25f * bit, 2.0f}, /* into the next power */
              {0.0f, 0.0f},
              {INFINITY, INFINITY},
              {-3e38f, -0x1.c38p127f}};
    enum { n = LA_COUNT(of) };
    static const uint32_t all_ones = 0xffffffffu; /* the NaN that tests fill memory with */
    float from[n + 2], got[n + 2];
    la_err err = {0};
    for (size_t i = 0; i < n; i++) from[i] = of[i].from;
    from[n] = NAN;
    memcpy(&from[n + 1], &all_ones, sizeof all_ones);
    float *d = place(from, n + 2), *to = place(from, n + 2);
    assert_int_equal(la_test_tf32(d, to, n + 2, NULL, &err), LA_OK);
    fetch(got, to, n + 2);
    for (size_t i = 0; i < n; i++)
        if (got[i] != of[i].to)
            fail_msg("%a became %a, not %a", (double)from[i], (double)got[i], (double)of[i].to);
    assert_true(isnan(got[n]) && isnan(got[n + 1]));
    la_cuda_drop(d), la_cuda_drop(to);
}

/* A launch with little shared memory takes nothing from one with more that another thread is about to make. */
static void shared_memory_is_never_taken_back(void **state)
{
    (void)state;
    int more, less, again;
    la_err err = {0};
    assert_int_equal(la_test_shared(96 << 10, NULL, &more, &err), LA_OK);
    assert_int_equal(la_test_shared(64 << 10, NULL, &less, &err), LA_OK);
    assert_int_equal(la_test_shared(1 << 10, NULL, &again, &err), LA_OK);
    assert_true(more >= 96 << 10);
    assert_int_equal(less, more);
    assert_int_equal(again, more);
}

int main(void)
{
    la_start(1);
#ifdef LA_ON_DEVICE
    la_device device;
    la_err err = {0};
    if (la_device_cuda(0, &device, &err) != LA_OK) {
        printf("%s\n", err.msg);
        return 77;
    }
#else
    la_cuda_use(&fake_driver);
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lane_holds_what_the_page_says),
        cmocka_unit_test(split_products_keep_float32),
        cmocka_unit_test(hopper_products),
        cmocka_unit_test(tensor_maps_are_checked),
        cmocka_unit_test(f16_rounds_to_nearest_even),
        cmocka_unit_test(tf32_rounds_to_nearest),
        cmocka_unit_test(shared_memory_is_never_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
