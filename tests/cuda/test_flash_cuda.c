/* SPDX-License-Identifier: Apache-2.0
 * Attention by tiles on the emulator, its launchers called straight, against plain loops: sequences of many tiles
 * through the ring of sm_90a, which shapes of the conformance suite are too short or too few for; and gradients
 * in f16 whose scores' own are far above and below what that type holds.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_driver.h"
#include "flash_cuda.h"
#include "labench/bf16.h"
#include "labench/f16.h"
#include "labench/kit.h"

extern bool emulated_fences; /* emulator_hopper.h */

enum { Q, K, V, DOUT, INPUTS, GRADIENTS = 3 };

typedef struct setting {
    la_dtype dtype;
    int B, T, H, Hkv, d, window, splits;
    bool causal, hopper;
    float size[INPUTS]; /* deviation of each input */
    int rise;           /* octaves that v and dout go up from the first to the last token */
} setting;

/* Inputs as the kernel reads them, what it leaves, and both as float64. */
typedef struct tensors {
    size_t queries, keys, rows; /* numbers of q and o; of k and v; of the log-sum-exps */
    uint16_t *bits[INPUTS], *o, *grad[GRADIENTS];
    double *x[INPUTS], *want_o, *want_grad[GRADIENTS], *want_lse;
    float *lse, *delta, *part_o, *part_lse;
} tensors;

static void *take(size_t n, size_t size)
{
    la_err err = {0};
    void *p = la_zalloc(n * size, &err);
    assert_non_null(p);
    return p;
}

static double number(la_dtype type, uint16_t bits)
{
    return (double)(type == LA_BF16 ? la_bf16_to_float(bits) : la_f16_to_float(bits));
}

static tensors draw(const setting *s)
{
    tensors t = {.rows = (size_t)(s->B * s->T * s->H)};
    t.queries = t.rows * (size_t)s->d;
    t.keys = t.queries / (size_t)s->H * (size_t)s->Hkv;
    float *drawn = take(t.queries, sizeof *drawn);
    for (int i = 0; i < INPUTS; i++) {
        size_t n = i == K || i == V ? t.keys : t.queries;
        t.bits[i] = take(n, sizeof *t.bits[i]);
        t.x[i] = take(n, sizeof *t.x[i]);
        la_random_fill_scaled(la_stream(11, (uint32_t)i, 0), 0, (double)s->size[i], drawn,
                              (int64_t)n, 1);
        for (size_t e = 0; e < n; e++) {
            size_t token = e / (n / (size_t)(s->B * s->T)) % (size_t)s->T;
            if (i >= V) drawn[e] *= exp2f((float)(s->rise * (int)token) / (float)s->T);
            t.bits[i][e] =
                s->dtype == LA_BF16 ? la_bf16_from_float(drawn[e]) : la_f16_from_float(drawn[e]);
            t.x[i][e] = number(s->dtype, t.bits[i][e]);
        }
    }
    la_free(drawn);
    for (int i = 0; i < GRADIENTS; i++) {
        t.grad[i] = take(t.queries, sizeof *t.grad[i]);
        t.want_grad[i] = take(t.queries, sizeof *t.want_grad[i]);
    }
    t.o = take(t.queries, sizeof *t.o);
    t.want_o = take(t.queries, sizeof *t.want_o);
    t.want_lse = take(t.rows, sizeof *t.want_lse);
    t.lse = take(t.rows, sizeof *t.lse);
    t.delta = take(t.rows, sizeof *t.delta);
    t.part_o = take(t.queries * (size_t)s->splits, sizeof *t.part_o);
    t.part_lse = take(t.rows * (size_t)s->splits, sizeof *t.part_lse);
    return t;
}

static void release(tensors *t)
{
    for (int i = 0; i < INPUTS; i++) la_free(t->bits[i]), la_free(t->x[i]);
    for (int i = 0; i < GRADIENTS; i++) la_free(t->grad[i]), la_free(t->want_grad[i]);
    la_free(t->o), la_free(t->want_o), la_free(t->want_lse), la_free(t->lse);
    la_free(t->delta), la_free(t->part_o), la_free(t->part_lse);
}

static double dot(const double *a, const double *b, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void add(double *to, double by, const double *x, int n)
{
    for (int i = 0; i < n; i++) to[i] += by * x[i];
}

/* One query: its output and log-sum-exp, and what it gives to the gradients. p [T] is work. */
static void define_row(const setting *s, tensors *t, int b, int at, int h, double *p)
{
    int d = s->d, kv = h / (s->H / s->Hkv), first = at + 1 - s->window, end = at + s->window;
    size_t row = (size_t)((b * s->T + at) * s->H + h), q = row * (size_t)d;
    double top = -INFINITY, sum = 0.0, scale = 1.0 / sqrt((double)d), *o = t->want_o + q;
    if (first < 0) first = 0;
    if (s->causal) end = at + 1;
    if (end > s->T) end = s->T;
#define KEY(j) ((size_t)(((b * s->T + (j)) * s->Hkv + kv) * d))
    for (int j = first; j < end; j++) {
        p[j] = scale * dot(t->x[Q] + q, t->x[K] + KEY(j), d);
        top = fmax(top, p[j]);
    }
    for (int j = first; j < end; j++) sum += p[j] = exp(p[j] - top);
    t->want_lse[(size_t)((b * s->H + h) * s->T + at)] = top + log(sum);
    for (int j = first; j < end; j++) add(o, p[j] /= sum, t->x[V] + KEY(j), d);
    const double *dout = t->x[DOUT] + q;
    double delta = dot(o, dout, d);
    for (int j = first; j < end; j++) {
        double ds = scale * p[j] * (dot(dout, t->x[V] + KEY(j), d) - delta);
        add(t->want_grad[Q] + q, ds, t->x[K] + KEY(j), d);
        add(t->want_grad[K] + KEY(j), ds, t->x[Q] + q, d);
        add(t->want_grad[V] + KEY(j), p[j], dout, d);
    }
#undef KEY
}

static void define(const setting *s, tensors *t)
{
    double *p = take((size_t)s->T, sizeof *p);
    for (int b = 0; b < s->B; b++)
        for (int at = 0; at < s->T; at++)
            for (int h = 0; h < s->H; h++) define_row(s, t, b, at, h, p);
    la_free(p);
}

static la_flash_call call_of(const setting *s, const tensors *t)
{
    return (la_flash_call){.B = s->B,
                           .H = s->H,
                           .Hkv = s->Hkv,
                           .dk = s->d,
                           .dv = s->d,
                           .T = s->T,
                           .own = s->T,
                           .window = s->window,
                           .causal = s->causal,
                           .capacity = 1,
                           .dtype = s->dtype,
                           .scale = 1.0f / sqrtf((float)s->d),
                           .q = t->bits[Q],
                           .k = t->bits[K],
                           .v = t->bits[V],
                           .cache_k = t->bits[Q],
                           .cache_v = t->bits[Q],
                           .o = t->o,
                           .lse = t->lse,
                           .splits = s->splits,
                           .part_o = t->part_o,
                           .part_lse = t->part_lse,
                           .together = 1,
                           .dout = t->bits[DOUT],
                           .d_q = t->grad[Q],
                           .d_k = t->grad[K],
                           .d_v = t->grad[V],
                           .delta = t->delta};
}

/* Root of the mean square of got - want, against that of want. */
static double error_of(la_dtype type, const uint16_t *got, const double *want, size_t n)
{
    double error = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++) {
        double e = number(type, got[i]) - want[i];
        error += e * e, size += want[i] * want[i];
    }
    return sqrt(error / size);
}

static void succeeds(la_status st, const la_err *err)
{
    if (st != LA_OK) print_error("%s\n", err->msg);
    assert_int_equal(st, LA_OK);
}

/* NaN fails too. */
static void at_most(const char *what, double got, double most)
{
    if (!(got <= most)) fail_msg("%s is %g from the definition, more than %g", what, got, most);
}

static void check_forward(const setting *s)
{
    tensors t = draw(s);
    la_err err = {0};
    define(s, &t);
    la_flash_call c = call_of(s, &t);
    assert_true(!s->hopper || la_flash_cuda_hopper_takes(&c));
    succeeds((s->hopper ? la_flash_cuda_hopper : la_flash_cuda_attend)(&c, &err), &err);
    at_most("o", error_of(s->dtype, t.o, t.want_o, t.queries), s->dtype == LA_BF16 ? 6e-3 : 1e-3);
    for (size_t i = 0; i < t.rows; i++)
        at_most("a log-sum-exp", fabs((double)t.lse[i] - t.want_lse[i]), 2e-5);
    release(&t);
}

static void tiles_go_through_the_ring(void **state)
{
    (void)state;
    const int all = 1 << 30;
    const setting of[] = {
        {LA_BF16, 1, 650, 1, 1, 64, all, 1, false, true, {2, 1, 1, 1}, 0},
        {LA_BF16, 2, 330, 2, 1, 64, all, 1, true, true, {2, 1, 1, 1}, 0},
        {LA_F16, 1, 500, 1, 1, 64, 170, 1, true, true, {2, 1, 1, 1}, 0},
        {LA_F16, 1, 410, 2, 2, 64, 70, 1, false, true, {2, 1, 1, 1}, 0},
        {LA_F16, 1, 520, 1, 1, 128, all, 1, true, true, {2, 1, 1, 1}, 0},
        {LA_BF16, 2, 300, 1, 1, 64, all, 5, true, true, {2, 1, 1, 1}, 0}, /* some parts are empty */
        {LA_BF16, 1, 3, 1, 1, 64, all, 1, true, true, {2, 1, 1, 1}, 0}, /* one group has no rows */
        {LA_BF16, 2, 150, 3, 3, 64, 40, 2, true, false, {2, 1, 1, 1}, 0},
    };
    for (size_t i = 0; i < LA_COUNT(of); i++) check_forward(&of[i]);
}

/* Rows of Q are written by threads and read by wgmma. */
static void queries_without_a_fence_are_found_out(void **state)
{
    (void)state;
    const setting s = {LA_BF16, 1, 130, 1, 1, 64, 1 << 30, 1, true, true, {2, 1, 1, 1}, 0};
    tensors t = draw(&s);
    la_err err = {0};
    define(&s, &t);
    la_flash_call c = call_of(&s, &t);
    emulated_fences = false;
    la_status st = la_flash_cuda_hopper(&c, &err);
    emulated_fences = true;
    succeeds(st, &err);
    assert_false(error_of(s.dtype, t.o, t.want_o, t.queries) <= 6e-3);
    succeeds(la_flash_cuda_hopper(&c, &err), &err);
    at_most("o", error_of(s.dtype, t.o, t.want_o, t.queries), 6e-3);
    release(&t);
}

/* The largest error of the three gradients, among those that are asked. */
static void check_gradients(const setting *s, unsigned asked, double most)
{
    static const char *const names[] = {"dq", "dk", "dv"};
    tensors t = draw(s);
    la_err err = {0};
    define(s, &t);
    la_flash_call c = call_of(s, &t);
    succeeds(la_flash_cuda_attend(&c, &err), &err);
    succeeds(la_flash_cuda_gradients(&c, &err), &err);
    for (int i = 0; i < GRADIENTS; i++)
        if (asked & 1u << i)
            at_most(names[i],
                    error_of(s->dtype, t.grad[i], t.want_grad[i], i == Q ? t.queries : t.keys),
                    most);
    release(&t);
}

/* ds is of the order of v do. Where those rise, factors have to fall from tile to tile. */
static void gradients_of_f16_have_any_size(void **state)
{
    (void)state;
    const int all = 1 << 30;
    const float large = 300.0f, small = 1e-3f;
    setting s = {LA_F16, 1, 150, 2, 1, 48, all, 1, true, false, {1, 1, 1, 1}, 0};
    check_gradients(&s, 7, 4e-3);
    s = (setting){LA_F16, 1, 150, 2, 1, 48, all, 1, true, false, {.05f, .05f, large, large}, 0};
    check_gradients(&s, 7, 4e-3);
    s = (setting){LA_F16, 1, 150, 2, 1, 48, all, 1, true, false, {small, small, 40, 40}, 6};
    check_gradients(&s, 7, 4e-3);
    s = (setting){LA_F16, 1, 150, 1, 1, 48, all, 1, false, false, {small, 500, .02f, small}, 0};
    check_gradients(&s, 1u << Q, 4e-3);
    s = (setting){LA_F16, 1, 150, 1, 1, 48, all, 1, false, false, {500, small, .02f, small}, 0};
    check_gradients(&s, 1u << K, 4e-3);
}

/* A query that weighs all keys alike: what a matrix unit cuts off the sum of values at each step adds up. */
static void long_sums_of_float32_are_rounded(void **state)
{
    (void)state;
    enum { KEYS = 4096, D = 64 };
    float *q = take(D, sizeof *q), *k = take(KEYS * D, sizeof *k), *v = take(KEYS * D, sizeof *v),
          *o = take(D, sizeof *o);
    la_err err = {0};
    la_random_fill_scaled(la_stream(12, 0, 0), 0, 0.2, v, KEYS * D, 1);
    for (int i = 0; i < KEYS * D; i++) v[i] += 1.0f;
    la_flash_call c = {.B = 1,
                       .H = 1,
                       .Hkv = 1,
                       .dk = D,
                       .dv = D,
                       .T = 1,
                       .own = KEYS,
                       .base = KEYS - 1,
                       .window = 1 << 30,
                       .causal = true,
                       .capacity = KEYS,
                       .dtype = LA_F32,
                       .scale = 1.0f,
                       .q = q,
                       .k = k,
                       .v = v,
                       .cache_k = q,
                       .cache_v = q,
                       .o = o,
                       .splits = 1};
    if (la_flash_cuda_attend(&c, &err) != LA_OK) fail_msg("%s", err.msg);
    for (int i = 0; i < D; i++) {
        double want = 0.0, got = (double)o[i];
        for (int j = 0; j < KEYS; j++) want += (double)v[j * D + i] / KEYS;
        if (!(fabs(got - want) <= 2e-6 * want)) fail_msg("%d: %.9g, not %.9g", i, got, want);
    }
    la_free(q), la_free(k), la_free(v), la_free(o);
}

int main(void)
{
    la_start(1);
    la_cuda_use(&fake_driver);
    const struct CMUnitTest tests[] = {cmocka_unit_test(tiles_go_through_the_ring),
                                       cmocka_unit_test(queries_without_a_fence_are_found_out),
                                       cmocka_unit_test(gradients_of_f16_have_any_size),
                                       cmocka_unit_test(long_sums_of_float32_are_rounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
