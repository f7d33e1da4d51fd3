/* SPDX-License-Identifier: Apache-2.0
 * la_cuda_gemm on the emulator against sums in float64, and the arithmetic of its blocks.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gemm_geometry.h"
#include "labench/bf16.h"
#include "labench/cuda_gemm.h"
#include "libs.h"

static double draw(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 40) / (double)(1 << 23) - 1.0;
}

__extension__ typedef _Float16 half;

static double get(const la_cuda_matrix *m, int64_t i)
{
    if (m->dtype == LA_F32) return (double)((const float *)m->data)[i];
    if (m->dtype == LA_F16) return (double)((const half *)m->data)[i];
    return (double)la_bf16_to_float(((const la_bf16 *)m->data)[i]);
}

static void put(const la_cuda_matrix *m, int64_t i, double x)
{
    if (m->dtype == LA_F32)
        ((float *)m->data)[i] = (float)x;
    else if (m->dtype == LA_F16)
        ((half *)m->data)[i] = (half)x;
    else
        ((la_bf16 *)m->data)[i] = la_bf16_from_float((float)x);
}

/* Rows of `wide` numbers `gap` apart, matrices in a row, of exactly the size that is used. */
static int64_t lay(la_cuda_matrix *m, la_dtype type, int64_t rows, int64_t wide, int64_t gap,
                   const int64_t batch[3], int64_t terms, double fill)
{
    int64_t one = (rows - 1) * (wide + gap) + wide, n = one;
    m->dtype = type;
    m->ld = wide + gap;
    m->term_step = one;
    n *= terms;
    for (int i = 2; i >= 0; i--) {
        m->step[i] = n;
        n *= batch[i];
    }
    m->data = malloc((size_t)n * la_dtype_size(type));
    assert_non_null(m->data);
    for (int64_t i = 0; i < n; i++) put(m, i, fill == 0.0 ? draw() : fill);
    return n;
}

typedef struct sizes {
    int64_t m, n, k, batch[3], terms;
    bool ta, tb, scratch;
    la_dtype a, b, c;
    float alpha, beta;
} sizes;

static double expected(const la_cuda_product *p, const la_cuda_matrix *before, const int64_t x[3],
                       int64_t i, int64_t j, double *size)
{
    int64_t a = 0, b = 0, c = i * p->c.ld + j;
    for (int l = 0; l < 3; l++) {
        a += x[l] * p->a.step[l];
        b += x[l] * p->b.step[l];
        c += x[l] * p->c.step[l];
    }
    double sum = 0.0;
    *size = 0.0;
    for (int64_t t = 0; t < p->terms; t++)
        for (int64_t l = 0; l < p->k; l++) {
            int64_t ia = p->a.transposed ? l * p->a.ld + i : i * p->a.ld + l;
            int64_t ib = p->b.transposed ? j * p->b.ld + l : l * p->b.ld + j;
            double y =
                get(&p->a, a + t * p->a.term_step + ia) * get(&p->b, b + t * p->b.term_step + ib);
            sum += y;
            *size += fabs(y);
        }
    double old = p->beta != 0.0f ? (double)p->beta * get(before, c) : 0.0;
    *size = *size * fabs((double)p->alpha) + fabs(old);
    return (double)p->alpha * sum + old;
}

static void check_one(const sizes *s)
{
    la_cuda_product p = {
        .m = s->m, .n = s->n, .k = s->k, .terms = s->terms, .alpha = s->alpha, .beta = s->beta};
    memcpy(p.batch, s->batch, sizeof p.batch);
    lay(&p.a, s->a, s->ta ? s->k : s->m, s->ta ? s->m : s->k, 3, s->batch, s->terms, 0.0);
    lay(&p.b, s->b, s->tb ? s->n : s->k, s->tb ? s->k : s->n, 0, s->batch, s->terms, 0.0);
    /* Without beta what lies in C is NaN: whoever reads it is found out. */
    int64_t held = lay(&p.c, s->c, s->m, s->n, 5, s->batch, 1, s->beta == 0.0f ? (double)NAN : 0.0);
    p.a.transposed = s->ta;
    p.b.transposed = s->tb;
    size_t bytes = (size_t)held * la_dtype_size(s->c);
    la_cuda_matrix before = p.c;
    before.data = malloc(bytes);
    memcpy(before.data, p.c.data, bytes);
    if (s->scratch) {
        p.work_bytes = la_cuda_gemm_bytes(&p);
        p.work = p.work_bytes ? malloc(p.work_bytes) : NULL;
    }
    la_err err = {0};
    if (la_cuda_gemm(&p, &err) != LA_OK) fail_msg("%s", err.msg);
    double step = s->c == LA_F32 ? 1e-6 : ldexp(1.0, -8);
    double bits = s->a == s->b ? 1e-6 : ldexp(1.0, -16); /* float32 against narrow numbers */
    for (int64_t y = 0; y < s->batch[0] * s->batch[1] * s->batch[2]; y++) {
        const int64_t x[3] = {y / s->batch[2] / s->batch[1], y / s->batch[2] % s->batch[1],
                              y % s->batch[2]};
        int64_t c = x[0] * p.c.step[0] + x[1] * p.c.step[1] + x[2] * p.c.step[2];
        for (int64_t i = 0; i < s->m; i++)
            for (int64_t j = 0; j < p.c.ld && c + i * p.c.ld + j < held; j++) {
                int64_t at = c + i * p.c.ld + j;
                if (j >= s->n) { /* between rows nothing is written */
                    size_t one = la_dtype_size(s->c), from = (size_t)at * one;
                    if (i + 1 < s->m)
                        assert_memory_equal((char *)p.c.data + from, (char *)before.data + from,
                                            one);
                    continue;
                }
                double size, want = expected(&p, &before, x, i, j, &size), got = get(&p.c, at);
                if (!(fabs(got - want) <= bits * size + step * fabs(want)))
                    fail_msg("%ld x %ld x %ld, (%ld, %ld): %g, not %g", (long)s->m, (long)s->n,
                             (long)s->k, (long)i, (long)j, got, want);
            }
    }
    free(p.a.data);
    free(p.b.data);
    free(p.c.data);
    free(before.data);
    free(p.work);
}

static void products(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{1, 1, 1},    {1, 70, 33},  {65, 1, 7},     {64, 64, 16},
                                        {63, 65, 17}, {130, 40, 5}, {33, 129, 100}, {70, 72, 65}};
    static const la_dtype types[][3] = {{LA_F32, LA_F32, LA_F32},    {LA_BF16, LA_BF16, LA_F32},
                                        {LA_BF16, LA_BF16, LA_BF16}, {LA_F32, LA_BF16, LA_F32},
                                        {LA_BF16, LA_F32, LA_BF16},  {LA_F16, LA_F16, LA_F16},
                                        {LA_F32, LA_F16, LA_F32},    {LA_F16, LA_F32, LA_F16},
                                        {LA_F16, LA_BF16, LA_F32},   {LA_BF16, LA_F16, LA_F32}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            for (int ways = 0; ways < 4; ways++) {
                if (t > 1 && ways != (int)(i + t) % 4) continue;
                sizes s = {.m = shapes[i][0],
                           .n = shapes[i][1],
                           .k = shapes[i][2],
                           .batch = {1 + (i == 1), 1, 1 + (i == 2) * 2},
                           .terms = 1,
                           .ta = ways & 1,
                           .tb = ways & 2,
                           .a = types[t][0],
                           .b = types[t][1],
                           .c = types[t][2],
                           .alpha = ways == 1 ? 0.5f : 1.0f,
                           .beta = ways == 2 ? -2.0f : 0.0f};
                check_one(&s);
            }
}

static void batches_and_terms(void **state)
{
    (void)state;
    sizes s = {
        .m = 20, .n = 70, .k = 19, .batch = {2, 3, 2}, .terms = 3, .tb = true, .alpha = 1.0f};
    check_one(&s);
    s.a = s.b = s.c = LA_BF16;
    s.beta = 1.0f;
    check_one(&s);
}

/* Enough of them for large tiles, each way round. */
static void large_tiles(void **state)
{
    (void)state;
    for (int ways = 0; ways < 4; ways++) {
        sizes s = {.m = 129,
                   .n = 150,
                   .k = ways ? 17 : 35,
                   .batch = {3, 11, 1},
                   .terms = 1,
                   .ta = ways & 1,
                   .tb = ways & 2,
                   .a = LA_BF16,
                   .b = LA_BF16,
                   .c = LA_BF16,
                   .alpha = 1.0f};
        if (ways == 1) s.a = s.b = s.c = LA_F16;
        check_one(&s);
    }
}

/* Few tiles and long sums: parts of them meet in the scratch. */
static void split_sums(void **state)
{
    (void)state;
    sizes s = {.m = 70,
               .n = 33,
               .k = 700,
               .batch = {1, 2, 1},
               .terms = 2,
               .ta = true,
               .scratch = true,
               .alpha = 0.5f,
               .beta = 1.0f};
    la_cuda_product p = {.m = s.m, .n = s.n, .k = s.k, .batch = {1, 2, 1}, .terms = 2};
    assert_true(la_cuda_gemm_bytes(&p) >= 2 * sizeof(float) * 2 * 70 * 33);
    check_one(&s);
    s.a = s.b = s.c = LA_BF16;
    check_one(&s);
}

/* ---- a library in the place of cuBLASLt: loops by columns ---- */

static int library_calls, library_refuses; /* the n-th call is refused; 0: none */

static double entry(const la_column_product *p, const void *x, int64_t i)
{
    la_cuda_matrix m = {.data = (void *)(uintptr_t)x, .dtype = p->type};
    return get(&m, i);
}

static bool library_multiply(const la_column_product *p)
{
    if (++library_calls == library_refuses) return false;
    const la_cuda_matrix c = {.data = p->c, .dtype = p->c_type};
    for (int64_t b = 0; b < p->count; b++)
        for (int64_t i = 0; i < p->m; i++)
            for (int64_t j = 0; j < p->n; j++) {
                int64_t at = b * p->step_c + i + j * p->ldc;
                double sum = 0.0;
                for (int64_t l = 0; l < p->k; l++)
                    sum +=
                        entry(p, p->a, b * p->step_a + (p->ta ? l + i * p->lda : i + l * p->lda)) *
                        entry(p, p->b, b * p->step_b + (p->tb ? j + l * p->ldb : l + j * p->ldb));
                double old = p->beta != 0.0f ? (double)p->beta * get(&c, at) : 0.0;
                put(&c, at, (double)p->alpha * sum + old);
            }
    return true;
}

static void by_a_library(void **state)
{
    (void)state;
    static const la_cuda_libs none, fake = {library_multiply};
    sizes s = {.m = 128,
               .n = 130,
               .k = 129,
               .batch = {2, 1, 3},
               .terms = 1,
               .alpha = 0.5f,
               .a = LA_BF16,
               .b = LA_BF16};
    la_cuda_libs_use(&fake);
    for (int ways = 0; ways < 4; ways++) {
        s.ta = ways & 1;
        s.tb = ways & 2;
        s.beta = ways == 3 ? 1.0f : 0.0f;
        library_calls = 0;
        check_one(&s);
        assert_int_equal(library_calls, 2); /* of three each */
    }
    library_refuses = 2; /* what is left is done by kernels, and C counts once */
    library_calls = 0;
    check_one(&s);
    library_refuses = 0;
    library_calls = 0;
    s.a = LA_F32; /* of two types */
    s.batch[0] = 1;
    check_one(&s);
    s.a = LA_BF16;
    s.k = 127; /* too small to ask */
    check_one(&s);
    assert_int_equal(library_calls, 0);
    la_cuda_libs_use(&none);
}

/* No more is promised of a side than its place and steps keep. */
static void alignment_is_what_pointers_and_steps_give(void **state)
{
    (void)state;
    static _Alignas(64) char at[64];
    assert_int_equal(la_column_alignment(at, LA_F32, 64, 4096, 3), 16);
    assert_int_equal(la_column_alignment(at + 32, LA_BF16, 72, 8, 2), 16);
    assert_int_equal(la_column_alignment(at + 8, LA_F32, 64, 4096, 3), 8);
    assert_int_equal(la_column_alignment(at, LA_F32, 129, 0, 1), 4); /* odd columns */
    assert_int_equal(la_column_alignment(at, LA_BF16, 129, 0, 1), 2);
    assert_int_equal(la_column_alignment(at, LA_F16, 132, 0, 1), 8);
    assert_int_equal(la_column_alignment(at, LA_BF16, 128, 129, 2), 2);  /* an odd step */
    assert_int_equal(la_column_alignment(at, LA_BF16, 128, 129, 1), 16); /* which is never made */
}

static void refusals(void **state)
{
    (void)state;
    la_err err = {0};
    la_cuda_product p = {.m = 1, .n = 0, .k = 1, .alpha = 1.0f};
    assert_int_equal(la_cuda_gemm(&p, &err), LA_E_ARG);
    p.n = 1;
    p.b.dtype = LA_F64;
    assert_int_equal(la_cuda_gemm(&p, &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "f64"));
    p.b.dtype = LA_F32;
    p.m = p.n = (int64_t)1 << 24;
    assert_int_equal(la_cuda_gemm(&p, &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "tiles"));
}

/* Every tile of every matrix and every step of the sum belongs to exactly one block. */
static void blocks_cover(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {{1, 1, 1}, {640, 130, 100}, {1100, 64, 33}, {1500, 700, 1}};
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++) {
        la_cuda_product p = {.m = shapes[c][0],
                             .n = shapes[c][1],
                             .k = shapes[c][2],
                             .batch = {2, 0, 3},
                             .terms = 2};
        la_gemm_grid g = la_gemm_grid_of(&p, 64, 64, 16, 5);
        int64_t cells = g.tiles_m * g.tiles_n * g.batches * g.all;
        unsigned char *seen = calloc((size_t)cells, 1);
        for (int64_t b = 0; b < g.blocks; b++) {
            la_gemm_place at = la_gemm_place_of(&p, &g, 64, 64, b);
            assert_true(at.first < at.last);
            assert_int_equal(at.index, at.x * 3 + at.z);
            assert_int_equal(at.y, 0);
            int64_t tile = (at.index * g.tiles_m + at.row / 64) * g.tiles_n + at.column / 64;
            for (int64_t s = at.first; s < at.last; s++) seen[tile * g.all + s]++;
        }
        for (int64_t i = 0; i < cells; i++) assert_int_equal(seen[i], 1);
        free(seen);
    }
    /* Beyond 2^31 elements and with steps that a product of int32 would lose. */
    la_cuda_product p = {.m = 1 << 20, .n = 1 << 16, .k = 64, .batch = {4, 1, 1}};
    p.c.step[0] = (int64_t)1 << 36;
    la_gemm_grid g = la_gemm_grid_of(&p, 64, 64, 16, 1);
    la_gemm_place at = la_gemm_place_of(&p, &g, 64, 64, g.blocks - 1);
    assert_int_equal(at.x, 3);
    assert_int_equal(la_gemm_start(&p.c, &at), 3 * ((int64_t)1 << 36));
}

/* Of one sign, so that what a matrix unit cuts off a sum at each step adds up. */
static void long_sums_of_float32_are_rounded(void **state)
{
    (void)state;
    enum { M = 32, N = 32, K = 4096 };
    static float a[M * K], b[K * N], c[M * N];
    la_err err = {0};
    for (int i = 0; i < M * K; i++) a[i] = (float)(1.0 + 0.5 * draw());
    for (int i = 0; i < K * N; i++) b[i] = (float)(1.0 + 0.5 * draw());
    la_cuda_product p = {.m = M, .n = N, .k = K, .alpha = 1.0f};
    p.a = (la_cuda_matrix){.data = a, .dtype = LA_F32, .ld = K};
    p.b = (la_cuda_matrix){.data = b, .dtype = LA_F32, .ld = N};
    p.c = (la_cuda_matrix){.data = c, .dtype = LA_F32, .ld = N};
    if (la_cuda_gemm(&p, &err) != LA_OK) fail_msg("%s", err.msg);
    for (int i = 0; i < M * N; i++) {
        double want = 0.0, got = (double)c[i];
        for (int k = 0; k < K; k++) want += (double)a[i / N * K + k] * (double)b[k * N + i % N];
        if (!(fabs(got - want) <= 2e-6 * want)) fail_msg("%d: %.9g, not %.9g", i, got, want);
    }
}

int main(void)
{
    static const la_cuda_libs none;
    la_cuda_libs_use(&none); /* what is here is host memory */
    const struct CMUnitTest tests[] = {cmocka_unit_test(products),
                                       cmocka_unit_test(batches_and_terms),
                                       cmocka_unit_test(large_tiles),
                                       cmocka_unit_test(split_sums),
                                       cmocka_unit_test(by_a_library),
                                       cmocka_unit_test(alignment_is_what_pointers_and_steps_give),
                                       cmocka_unit_test(refusals),
                                       cmocka_unit_test(blocks_cover),
                                       cmocka_unit_test(long_sums_of_float32_are_rounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
