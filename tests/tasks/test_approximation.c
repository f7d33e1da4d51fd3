/* SPDX-License-Identifier: Apache-2.0
 * The approximation probe: what it compares with, what it refuses, and the errors that the mathematics of
 * the variants demands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "inputs.h"
#include "instance.h"
#include "labench/kit.h"
#include "registry.h"

enum { SEED = 5 };

static la_device device;
static const la_task *task;

/* A variant at work: its options, inputs, output and what the task is told. */
typedef struct bench {
    const la_variant *v;
    la_problem p;
    char vopts[256], topts[256];
    la_inputs in;
    la_instance inst;
    la_probe_io io;
} bench;

static void set(const la_option *table, size_t n, void *opts, const char *owner, const char *text)
{
    char words[128], *rest = words;
    la_options_default(table, n, opts);
    snprintf(words, sizeof words, "%s", text);
    for (char *word; (word = strsep(&rest, " "));) {
        if (!*word) continue;
        char *value = strchr(word, '=');
        *value++ = '\0';
        assert_int_equal(la_options_set(table, n, opts, owner, word, value, NULL), LA_OK);
    }
}

static la_problem problem_of(int64_t T, int64_t d, la_mask mask)
{
    return (la_problem){.B = 1,
                        .T = T,
                        .Tcap = T,
                        .H = 2,
                        .Hkv = 2,
                        .Hqk = 2,
                        .dk = d,
                        .dv = d,
                        .mask = mask,
                        .threads = 2};
}

static void bench_make(bench *b, const char *variant, const char *vopts, const char *topts,
                       la_problem p)
{
    la_err err = {0};
    *b = (bench){.v = la_registry_find(variant), .p = p};
    assert_non_null(b->v);
    assert_true(b->v->options_size < sizeof b->vopts && task->options_size < sizeof b->topts);
    set(b->v->options, b->v->options_len, b->vopts, variant, vopts);
    set(task->options, task->options_len, b->topts, task->name, topts);
    if (task->check(b->v, &b->p, b->topts, &err) != LA_OK) fail_msg("%s", err.msg);
    assert_int_equal(la_inputs_alloc(b->v, &b->p, b->vopts, &b->in, &err), LA_OK);
    assert_int_equal(la_inputs_draw_params(&b->in, SEED, &err), LA_OK);
    const la_impl *impl = la_variant_best(b->v, &device, NULL);
    if (la_instance_create(b->v, impl, &b->p, LA_FORWARD, b->vopts, &device, &b->inst, &err))
        fail_msg("%s: %s", variant, err.msg);
    b->io = (la_probe_io){.variant = b->v,
                          .problem = &b->p,
                          .task_opts = b->topts,
                          .seed = SEED,
                          .q = b->in.t[LA_T_Q].data,
                          .k = b->in.t[LA_T_K].data,
                          .v = b->in.t[LA_T_V].data};
    assert_int_equal(task->probe_fill(&b->io, &err), LA_OK);
}

static void bench_release(bench *b)
{
    la_instance_release(&b->inst);
    la_inputs_release(&b->in);
    assert_int_equal(la_mem_live(), 0);
}

static void run(bench *b)
{
    la_io call = la_instance_io(&b->inst, &b->in);
    assert_int_equal(b->inst.impl->forward(b->inst.self, &call, NULL), LA_OK);
}

static la_score score_of(bench *b)
{
    la_score s = {0};
    assert_int_equal(task->probe_score(&b->io, b->inst.o.data, &s, NULL), LA_OK);
    assert_string_equal(s.figures[0].name, "mse");
    assert_string_equal(s.figures[1].name, "rel_rms");
    assert_int_equal(s.figures[0].n, 1);
    assert_int_equal(s.total, 0);
    return s;
}

/* Mean squared error over passes with other inputs and parameters. */
static double mse(const char *variant, const char *vopts, const char *topts, la_problem p,
                  int passes)
{
    bench b;
    la_score s = {0};
    bench_make(&b, variant, vopts, topts, p);
    for (int i = 0; i < passes; i++) {
        b.io.repeat = (uint64_t)i;
        assert_int_equal(la_inputs_draw_params(&b.in, SEED + (uint64_t)i, NULL), LA_OK);
        assert_int_equal(task->probe_fill(&b.io, NULL), LA_OK);
        run(&b);
        assert_int_equal(task->probe_score(&b.io, b.inst.o.data, &s, NULL), LA_OK);
    }
    assert_int_equal(s.figures[0].n, passes);
    bench_release(&b);
    return s.figures[0].sum / passes;
}

/* What softmax itself makes is off by rounding alone, for both masks and grouped keys. */
static void test_softmax_approximates_itself(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        la_problem p = problem_of(200, 16, i & 1 ? LA_MASK_CAUSAL : LA_MASK_BIDIRECTIONAL);
        p.Hkv = i & 2 ? 1 : 2;
        bench b;
        bench_make(&b, i & 2 ? "flash" : "softmax", "", "sigma=2 rows=0", p);
        run(&b);
        la_score s = score_of(&b);
        assert_true(s.figures[1].sum > 0 && s.figures[1].sum < 1e-5);
        bench_release(&b);
    }
}

/* A window is compared with the float64 reference of softmax, made by other code. */
static void test_error_is_that_from_the_reference(void **state)
{
    (void)state;
    const la_variant *softmax = la_registry_find("softmax");
    bench b;
    bench_make(&b, "local", "window=32", "rows=0", problem_of(150, 16, LA_MASK_CAUSAL));
    run(&b);
    int64_t n = b.p.T * b.p.H * b.p.dv;
    double *want = la_alloc((size_t)n * sizeof *want, NULL), diff = 0, norm = 0;
    assert_int_equal(
        la_reference_forward(softmax, &b.p, NULL, &b.in, NULL, b.p.T, NULL, NULL, 0, want, NULL),
        LA_OK);
    const float *got = b.inst.o.data;
    for (int64_t i = 0; i < n; i++) {
        diff += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        norm += want[i] * want[i];
    }
    la_free(want);
    la_score s = score_of(&b);
    assert_true(fabs(s.figures[0].sum / (diff / (double)n) - 1) < 1e-9);
    assert_true(fabs(s.figures[1].sum / sqrt(diff / norm) - 1) < 1e-9);
    assert_true(s.figures[1].sum > 0.01);
    bench_release(&b);
}

/* Zeros are off by as much as the exact output is large; rows compared always include the last. */
static void test_of_zeros_the_error_is_one(void **state)
{
    (void)state;
    bench b;
    bench_make(&b, "flash", "", "rows=7", problem_of(100, 16, LA_MASK_CAUSAL));
    memset(b.inst.o.data, 0, b.inst.o.bytes);
    assert_true(fabs(score_of(&b).figures[1].sum - 1) < 1e-12);
    assert_int_equal(task->answers(&b.p, b.topts), 2 * 7);
    run(&b);
    double near = score_of(&b).figures[0].sum;
    ((float *)b.inst.o.data)[(b.p.T - 1) * b.p.H * b.p.dv] += 1.0f;
    assert_true(score_of(&b).figures[0].sum > near + 0.9 / (2 * 7 * 16));
    bench_release(&b);
}

/* More random features are nearer, by about as many; orthogonal ones are nearer than independent. */
static void test_random_features_come_nearer(void **state)
{
    (void)state;
    la_problem p = problem_of(512, 16, LA_MASK_BIDIRECTIONAL);
    static const char few[] = "features=8", many[] = "features=512",
                      iid[] = "features=512 iid=1 kernel=trig",
                      orthogonal[] = "features=512 kernel=trig", mild[] = "sigma=0.5 rows=128";
    double with_few = mse("performer", few, mild, p, 8);
    double with_many = mse("performer", many, mild, p, 8);
    assert_true(with_many < with_few / 8);
    assert_true(mse("performer", orthogonal, mild, p, 8) < mse("performer", iid, mild, p, 8));
}

/* The series to second order is near where products are small, and off where they are not. */
static void test_a_series_holds_near_zero(void **state)
{
    (void)state;
    la_problem p = problem_of(256, 16, LA_MASK_CAUSAL);
    double small = mse("linear", "map=taylor2", "sigma=0.25", p, 1);
    assert_true(small < 1e-6);
    assert_true(mse("linear", "map=taylor2", "sigma=2", p, 1) > 1000 * small);
    assert_true(mse("linear", "map=elu", "sigma=0.25", p, 1) > 10 * small);
}

static void test_what_it_refuses(void **state)
{
    (void)state;
    static const char *const names[] = {"deltanet", "fnet", "retnet"};
    la_problem p = problem_of(64, 16, LA_MASK_CAUSAL);
    char opts[64];
    la_err err;
    set(task->options, task->options_len, opts, task->name, "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(task->check(la_registry_find(names[i]), &p, opts, &err), LA_E_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "does not stand for softmax attention"));
    }
    p.dtype = LA_BF16;
    assert_int_equal(task->check(la_registry_find("flash"), &p, opts, &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "not bf16"));
    assert_int_equal(
        la_options_set(task->options, task->options_len, opts, task->name, "samples", "0", &err),
        LA_E_ARG);
}

/* Without a chance a task must say how many samples it takes. */
static void test_a_task_of_figures_is_valid(void **state)
{
    (void)state;
    la_task t = *task;
    la_err err;
    assert_int_equal(la_task_validate(&t, NULL), LA_OK);
    t.probe_samples = NULL;
    assert_int_equal(la_task_validate(&t, &err), LA_E_ARG);
    assert_non_null(strstr(err.msg, "chance"));
}

static int start(void **state)
{
    (void)state;
    la_start(2);
    la_device_cpu(&device);
    task = la_tasks_find("approximation");
    return task ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_approximates_itself),
        cmocka_unit_test(test_error_is_that_from_the_reference),
        cmocka_unit_test(test_of_zeros_the_error_is_one),
        cmocka_unit_test(test_random_features_come_nearer),
        cmocka_unit_test(test_a_series_holds_near_zero),
        cmocka_unit_test(test_what_it_refuses),
        cmocka_unit_test(test_a_task_of_figures_is_valid),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
