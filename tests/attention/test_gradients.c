/* SPDX-License-Identifier: Apache-2.0
 * Backward of exact softmax attention, for the variant named on the command line (softmax or flash),
 * at every instruction set of this machine and build: against the float64 gradient, which itself is
 * checked in test_reference.c.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>

#include "compare.h"
#include "labench/kit.h"
#include "registry.h"

static const la_variant *variant;
static la_device devices[LA_ISAS];
static size_t n_devices;

enum { DQ, DK, DV, GRADS };
static const char *const names[GRADS] = {"dq", "dk", "dv"};

static int start(void **state)
{
    (void)state;
    la_device best;
    la_device_cpu(&best);
    for (int isa = 0; isa <= (int)best.isa; isa++) {
        devices[n_devices] = best;
        devices[n_devices++].isa = (la_isa)isa;
    }
    return 0;
}

static void ok(la_status st, const la_err *err)
{
    if (st != LA_OK) fail_msg("%s", err->msg);
}

static la_problem problem(int64_t B, int64_t T, int64_t H, int64_t Hkv, int64_t dk, int64_t dv,
                          la_mask mask)
{
    return (la_problem){.B = B,
                        .T = T,
                        .Tcap = T,
                        .H = H,
                        .Hkv = Hkv,
                        .Hqk = H,
                        .dk = dk,
                        .dv = dv,
                        .mask = mask,
                        .threads = 2};
}

/* A problem with its inputs and gradients, made ready on one device. */
typedef struct bench {
    la_inputs in;
    la_instance inst;
    la_io io;
    la_buffer dout, d[GRADS];
    la_grads grads;
    la_isa isa;
} bench;

static int64_t elements(const la_problem *p, int which)
{
    int64_t heads = which == DQ ? p->H : p->Hkv, d = which == DV ? p->dv : p->dk;
    return p->B * p->T * heads * d;
}

static void set_up(bench *b, const la_problem *p, la_input_kind kind, const la_device *device)
{
    la_err err;
    *b = (bench){.isa = device->isa};
    ok(la_inputs_draw(variant, p, NULL, kind, 11, &b->in, &err), &err);
    ok(la_instance_create(variant, &variant->impls[0], p, LA_FWDBWD, NULL, device, &b->inst, &err),
       &err);
    b->io = la_instance_io(&b->inst, &b->in);
    int64_t n = p->B * p->T * p->H * p->dv;
    ok(la_buffer_init(&b->dout, (size_t)n * sizeof(float), &err), &err);
    la_random_fill_normal(la_stream(3, 0, 0), 0, b->dout.data, n, 1);
    for (int i = 0; i < GRADS; i++)
        ok(la_buffer_init(&b->d[i], (size_t)elements(p, i) * sizeof(float), &err), &err);
    b->grads = (la_grads){
        .dout = b->dout.data, .dq = b->d[DQ].data, .dk = b->d[DK].data, .dv = b->d[DV].data};
}

/* Forward, then backward out of poisoned scratch into poisoned gradients. */
static void run(bench *b)
{
    la_err err;
    la_instance_poison(&b->inst);
    for (int i = 0; i < GRADS; i++) la_buffer_poison(&b->d[i]);
    ok(b->inst.impl->forward(b->inst.self, &b->io, &err), &err);
    la_buffer_poison(&b->inst.work);
    ok(b->inst.impl->backward(b->inst.self, &b->io, &b->grads, &err), &err);
    ok(la_instance_guards(&b->inst, &err), &err);
    for (int i = 0; i < GRADS; i++) assert_true(la_buffer_intact(&b->d[i]));
}

static void tear_down(bench *b)
{
    la_instance_release(&b->inst);
    la_inputs_release(&b->in);
    la_buffer_release(&b->dout);
    for (int i = 0; i < GRADS; i++) la_buffer_release(&b->d[i]);
}

/* Rows of one head out of [B,T,heads,d], and back, added. */
static void gather(const float *x, int64_t T, int64_t heads, int64_t d, int64_t b, int64_t h,
                   double *to)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t c = 0; c < d; c++)
            to[t * d + c] = (double)x[((b * T + t) * heads + h) * d + c];
}

static void scatter(const double *from, int64_t T, int64_t heads, int64_t d, int64_t b, int64_t h,
                    double *x)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t c = 0; c < d; c++) x[((b * T + t) * heads + h) * d + c] += from[t * d + c];
}

static double *doubles(int64_t n)
{
    la_err err;
    double *x = la_zalloc((size_t)n * sizeof *x, &err);
    if (!x) fail_msg("%s", err.msg);
    return x;
}

/* The float64 gradients of the whole problem; the heads of a group added up. */
static void reference(const bench *b, double *want[GRADS])
{
    const la_problem *p = &b->in.problem;
    int64_t T = p->T, group = p->H / p->Hkv, size[GRADS] = {T * p->dk, T * p->dk, T * p->dv};
    double *x[GRADS], *d[GRADS], *dout = doubles(T * p->dv);
    la_err err;
    for (int i = 0; i < GRADS; i++) x[i] = doubles(size[i]), d[i] = doubles(size[i]);
    for (int64_t i = 0; i < p->B * p->H; i++) {
        int64_t s = i / p->H, h = i % p->H, kv = h / group;
        gather(b->in.t[LA_T_Q].data, T, p->H, p->dk, s, h, x[DQ]);
        gather(b->in.t[LA_T_K].data, T, p->Hkv, p->dk, s, kv, x[DK]);
        gather(b->in.t[LA_T_V].data, T, p->Hkv, p->dv, s, kv, x[DV]);
        gather(b->dout.data, T, p->H, p->dv, s, h, dout);
        la_ref_io io = {.head = h, .batch = s, .q = x[DQ], .k = x[DK], .v = x[DV], .n_rows = T};
        la_ref_grads grads = {.dout = dout, .dq = d[DQ], .dk = d[DK], .dv = d[DV]};
        ok(la_variant_reference(variant)->backward(p, NULL, &io, &grads, &err), &err);
        scatter(d[DQ], T, p->H, p->dk, s, h, want[DQ]);
        scatter(d[DK], T, p->Hkv, p->dk, s, kv, want[DK]);
        scatter(d[DV], T, p->Hkv, p->dv, s, kv, want[DV]);
    }
    for (int i = 0; i < GRADS; i++) la_free(x[i]), la_free(d[i]);
    la_free(dout);
}

/* Errors are told relative to the whole tensor: rows of dq may be 0, as the first causal one is. */
static void assert_right(const bench *b)
{
    const la_problem *p = &b->in.problem;
    double *want[GRADS];
    for (int i = 0; i < GRADS; i++) want[i] = doubles(elements(p, i));
    reference(b, want);
    for (int i = 0; i < GRADS; i++) {
        int64_t n = elements(p, i);
        double *got = doubles(n);
        for (int64_t e = 0; e < n; e++) got[e] = (double)((const float *)b->d[i].data)[e];
        la_error error;
        la_compare_doubles(got, want[i], n, n, &error);
        la_err err;
        la_tolerance tolerance = la_tolerance_of(variant, b->inst.impl, LA_F32);
        if (p->T > 1 || i == DV) { /* one token's weight is 1 whatever q and k are */
            if (la_judge(&error, tolerance, &err) != LA_OK)
                fail_msg("%s, B %d T %d H %d/%d dk %d dv %d %s, %s: %s", names[i], (int)p->B,
                         (int)p->T, (int)p->H, (int)p->Hkv, (int)p->dk, (int)p->dv,
                         la_mask_name(p->mask), la_isa_name(b->isa), err.msg);
        } else {
            assert_true(error.max_abs <= tolerance.max_rel);
        }
        la_free(got);
        la_free(want[i]);
    }
}

static void check(la_problem p, la_input_kind kind)
{
    for (size_t d = 0; d < n_devices; d++) {
        bench b;
        set_up(&b, &p, kind, &devices[d]);
        run(&b);
        assert_right(&b);
        tear_down(&b);
    }
}

static void test_gradients_are_the_reference(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        la_mask mask = (la_mask)m;
        check(problem(1, 1, 1, 1, 4, 4, mask), LA_INPUTS_DEFAULT);
        check(problem(2, 2, 3, 1, 1, 1, mask), LA_INPUTS_DEFAULT);
        check(problem(3, 17, 2, 2, 5, 9, mask), LA_INPUTS_DEFAULT);
        check(problem(2, 64, 2, 2, 32, 32, mask), LA_INPUTS_DEFAULT);
        check(problem(1, 131, 1, 1, 33, 47, mask), LA_INPUTS_WIDE);
        check(problem(1, 300, 2, 2, 64, 64, mask), LA_INPUTS_DEFAULT);
        check(problem(1, 500, 1, 1, 24, 130, mask), LA_INPUTS_DEFAULT);
    }
}

static void test_groups_add_up_their_query_heads(void **state)
{
    (void)state;
    for (int mask = 0; mask < 2; mask++) {
        check(problem(2, 70, 6, 2, 8, 12, (la_mask)mask), LA_INPUTS_DEFAULT);
        check(problem(1, 450, 4, 1, 16, 8, (la_mask)mask), LA_INPUTS_DEFAULT);
        check(problem(1, 600, 2, 1, 16, 8, (la_mask)mask), LA_INPUTS_DEFAULT);
    }
}

static void test_other_scales(void **state)
{
    (void)state;
    const double scales[] = {1.0, -0.5, 1e-3};
    for (size_t i = 0; i < LA_COUNT(scales); i++) {
        la_problem p = problem(1, 150, 2, 2, 8, 8, LA_MASK_CAUSAL);
        p.scale = scales[i];
        check(p, LA_INPUTS_DEFAULT);
    }
}

/* What is not wanted is neither written nor a reason for other bits elsewhere. */
static void test_gradients_come_one_by_one(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++)
        for (int mask = 0; mask < 2; mask++) {
            la_problem p = problem(2, 120, 4, 2, 12, 20, (la_mask)mask);
            bench all, some;
            set_up(&all, &p, LA_INPUTS_DEFAULT, &devices[d]);
            set_up(&some, &p, LA_INPUTS_DEFAULT, &devices[d]);
            run(&all);
            for (int wanted = 0; wanted < 8; wanted++) {
                some.grads.dq = wanted & 1 ? some.d[DQ].data : NULL;
                some.grads.dk = wanted & 2 ? some.d[DK].data : NULL;
                some.grads.dv = wanted & 4 ? some.d[DV].data : NULL;
                run(&some);
                for (int i = 0; i < GRADS; i++) {
                    const float *got = some.d[i].data;
                    if (wanted >> i & 1)
                        assert_memory_equal(got, all.d[i].data, all.d[i].bytes);
                    else
                        for (int64_t e = 0; e < elements(&p, i); e++) assert_true(isnan(got[e]));
                }
            }
            tear_down(&all);
            tear_down(&some);
        }
}

/* Two runs give the same bits, one head on several threads included. */
static void test_runs_repeat_bit_for_bit(void **state)
{
    (void)state;
    for (int mask = 0; mask < 2; mask++)
        for (int threads = 1; threads <= 3; threads++) {
            la_problem p = problem(1, 900, 1, 1, 32, 32, (la_mask)mask);
            p.threads = threads;
            bench a, b;
            set_up(&a, &p, LA_INPUTS_DEFAULT, &devices[n_devices - 1]);
            set_up(&b, &p, LA_INPUTS_DEFAULT, &devices[n_devices - 1]);
            run(&a);
            for (int again = 0; again < 5; again++) {
                run(&b);
                for (int i = 0; i < GRADS; i++)
                    assert_memory_equal(a.d[i].data, b.d[i].data, a.d[i].bytes);
            }
            assert_right(&a);
            tear_down(&a);
            tear_down(&b);
        }
}

/* Logits of thousands, of both signs: nearly one-hot rows, everything finite. */
static void test_large_logits_stay_finite(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++)
        for (int mask = 0; mask < 2; mask++) {
            la_problem p = problem(1, 200, 2, 2, 16, 24, (la_mask)mask);
            p.scale = 1.0;
            bench b;
            set_up(&b, &p, LA_INPUTS_BIG_LOGITS, &devices[d]);
            run(&b);
            for (int i = 0; i < GRADS; i++)
                assert_int_equal(la_count_nonfinite(b.d[i].data, elements(&p, i), LA_F32), 0);
            tear_down(&b);
        }
}

/* A token's gradients come from rows that see it: other dout before token t leaves dk, dv from t on. */
static void test_gradients_respect_causality(void **state)
{
    (void)state;
    for (size_t d = 0; d < n_devices; d++) {
        la_problem p = problem(1, 230, 1, 1, 10, 6, LA_MASK_CAUSAL);
        bench a, b;
        set_up(&a, &p, LA_INPUTS_DEFAULT, &devices[d]);
        set_up(&b, &p, LA_INPUTS_DEFAULT, &devices[d]);
        const int64_t t = 101;
        for (int64_t i = 0; i < t * p.dv; i++) ((float *)b.dout.data)[i] = 7.0f;
        run(&a);
        run(&b);
        const int64_t width[GRADS] = {p.dk, p.dk, p.dv};
        for (int i = 0; i < GRADS; i++) {
            size_t before = (size_t)(t * width[i]) * sizeof(float);
            const char *x = a.d[i].data, *y = b.d[i].data;
            assert_memory_equal(x + before, y + before, a.d[i].bytes - before);
            assert_memory_not_equal(x, y, before);
        }
        tear_down(&a);
        tear_down(&b);
    }
}

/* Keys and values out of a cache have no gradients, but their share in dq: as in the whole sequence
 * when only its last tokens count. */
static void test_cached_tokens_are_constants(void **state)
{
    (void)state;
    enum { POS = 75, T = 90, D = 12 };
    for (size_t d = 0; d < n_devices; d++) {
        la_problem p = problem(1, POS + T, 1, 1, D, D, LA_MASK_CAUSAL), late = p;
        late.T = T;
        bench whole, b;
        set_up(&whole, &p, LA_INPUTS_DEFAULT, &devices[d]);
        set_up(&b, &late, LA_INPUTS_DEFAULT, &devices[d]);
        memset(whole.dout.data, 0, POS * D * sizeof(float));
        memcpy((float *)whole.dout.data + POS * D, b.dout.data, b.dout.bytes);
        for (int i = LA_T_Q; i <= LA_T_V; i++)
            memcpy(b.in.t[i].data, (const float *)whole.in.t[i].data + POS * D, b.in.t[i].bytes);
        la_buffer_poison(&b.inst.state);
        char *K = b.inst.state.data;
        memcpy(K, whole.in.t[LA_T_K].data, POS * D * sizeof(float));
        memcpy(K + b.inst.part_offset[1], whole.in.t[LA_T_V].data, POS * D * sizeof(float));
        b.io.state_in = K;
        b.io.pos = POS;
        run(&b);
        double *want[GRADS], got[T * D];
        for (int i = 0; i < GRADS; i++) want[i] = doubles(elements(&p, i));
        reference(&whole, want);
        for (int i = 0; i < GRADS; i++) {
            for (int e = 0; e < T * D; e++) got[e] = (double)((const float *)b.d[i].data)[e];
            la_error error;
            la_err err;
            la_compare_doubles(got, want[i] + POS * D, T * D, T * D, &error);
            ok(la_judge(&error, la_tolerance_of(variant, b.inst.impl, LA_F32), &err), &err);
            la_free(want[i]);
        }
        tear_down(&whole);
        tear_down(&b);
    }
}

int main(int argc, char **argv)
{
    variant = argc == 2 ? la_registry_find(argv[1]) : NULL;
    if (!variant) return 2;
    la_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_are_the_reference),
        cmocka_unit_test(test_groups_add_up_their_query_heads),
        cmocka_unit_test(test_other_scales),
        cmocka_unit_test(test_gradients_come_one_by_one),
        cmocka_unit_test(test_runs_repeat_bit_for_bit),
        cmocka_unit_test(test_large_logits_stay_finite),
        cmocka_unit_test(test_gradients_respect_causality),
        cmocka_unit_test(test_cached_tokens_are_constants),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
