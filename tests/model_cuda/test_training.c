/* SPDX-License-Identifier: Apache-2.0
 * Small models trained on the emulator and on the CPU: the same examples, weights and draws, so the same losses
 * up to rounding.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "fake_driver.h"
#include "labench/kit.h"
#include "registry.h"
#include "train_fixture.h"
#include "trainer.h"

enum { STEPS = 6 };

typedef struct trained {
    double loss[STEPS], norm[STEPS];
    int64_t correct, total;
    double val_loss;
    int graphs; /* at the end */
} trained;

static void run(const fixture *f, trained *out)
{
    la_trainer t;
    la_err err = {0};
    if (la_trainer_init(&t, &f->config, &err) != LA_OK) fail_msg("%s", err.msg);
    for (int i = 0; i < STEPS; i++) {
        if (la_trainer_step(&t, &err) != LA_OK) fail_msg("step %d: %s", i, err.msg);
        out->loss[i] = t.step_loss;
        out->norm[i] = t.grad_norm;
    }
    if (la_trainer_validate(&t, t.config->train->validate_examples, &err) != LA_OK)
        fail_msg("%s", err.msg);
    out->correct = t.at.val[0].correct;
    out->total = t.at.val[0].total;
    out->val_loss = t.at.val[0].loss;
    out->graphs = fake_graphs;
    la_trainer_release(&t);
}

/* As they were before: each is made of its own capture, or none is. */
static void expect_graphs(const trained *device, int graphs)
{
    if (graphs >= 0) assert_int_equal(device->graphs, graphs);
    assert_int_equal(fake_graphs, 0);
}

static void on_device(fixture *f)
{
    la_err err = {0};
    if (la_device_cuda(0, &f->device, &err) != LA_OK) fail_msg("%s", err.msg);
}

/* graphs: how many the device's steps become; -1: any number, over two lengths. */
static void compare(const char *variant, int graphs, const char *const *settings)
{
    fixture f;
    trained cpu, device;
    fixture_init(&f, variant, 12);
    fixture_set(&f, "train.tokens=60");
    fixture_set(&f, "train.validate_examples=7");
    fixture_set(&f, "train.warmup=2");
    for (; *settings; settings++) fixture_set(&f, *settings);
    f.config.threads = 2;
    if (graphs < 0) { /* parameters learned for the longer are read in part at the other */
        f.config.lengths[1] = 8;
        f.config.n_lengths = 2;
    }
    run(&f, &cpu);
    on_device(&f);
    run(&f, &device);
    for (int i = 0; i < STEPS; i++)
        if (!(fabs(cpu.loss[i] - device.loss[i]) <= 2e-4 * (1.0 + cpu.loss[i])) ||
            !(fabs(cpu.norm[i] - device.norm[i]) <= 2e-3 * (1.0 + cpu.norm[i])))
            fail_msg("%s, step %d: loss %.9g on the CPU and %.9g on the device, norm %.9g and %.9g",
                     variant, i, cpu.loss[i], device.loss[i], cpu.norm[i], device.norm[i]);
    assert_int_equal(cpu.total, device.total);
    assert_true(llabs(cpu.correct - device.correct) <= 1); /* a tie may fall the other way */
    assert_true(fabs(cpu.val_loss - device.val_loss) <= 5e-4 * (1.0 + cpu.val_loss));
    assert_true(cpu.loss[0] != cpu.loss[STEPS - 1]);
    expect_graphs(&device, graphs);
    assert_int_equal(fake_taken, 0);
    assert_int_equal(fake_streams, 0);
    assert_int_equal(la_mem_live(), 0);
}

static void losses_are_those_of_the_cpu(void **state)
{
    (void)state;
    compare("copy", 1, (const char *const[]){NULL});
    fake_no_graphs = true;
    compare("copy", 0, (const char *const[]){NULL});
    fake_no_graphs = false;
}

static void with_every_piece_of_a_block(void **state)
{
    (void)state;
    compare("copy", 1,
            (const char *const[]){"model.mlp=2", "model.norm=layer", "model.pos=learned",
                                  "model.gate=silu", "model.qk_norm=l2", NULL});
    compare("copy", 0,
            (const char *const[]){"model.pos=rope", "model.dropout=0.2", "model.conv=0",
                                  "model.qk_norm=l2", NULL});
}

static void with_every_head(void **state)
{
    (void)state;
    compare("copy", 1, (const char *const[]){"task.head=1", NULL});
    compare("copy", 0, (const char *const[]){"task.head=2", NULL});
    compare("copy", 1, (const char *const[]){"task.head=3", NULL});
    compare("copy", 1, (const char *const[]){"model.logits=all", NULL});
}

/* ---- checkpoints, evaluation ---- */

static char folder[] = "/tmp/la_cuda_training_XXXXXX";

static void remove_model(const la_train_result *r)
{
    remove(r->path);
}

static void train_whole(const fixture *f, const char *dir, la_train_result *out)
{
    la_err err = {0};
    if (la_train(&f->config, dir, 0, NULL, NULL, out, &err) != LA_OK) fail_msg("%s", err.msg);
}

static la_status stop_late(const la_curve_point *point, int64_t steps, void *context)
{
    (void)steps, (void)context;
    return point->step >= 5 ? LA_E_INTERRUPTED : LA_OK;
}

static void small(fixture *f)
{
    fixture_init(f, "copy", 12);
    fixture_set(f, "train.tokens=60");
    fixture_set(f, "train.steps=6");
    fixture_set(f, "train.validate_every=2");
    fixture_set(f, "train.validate_examples=7");
    fixture_set(f, "train.stop=0");
    on_device(f);
}

static void broken_off_and_continued(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    la_train_result whole, broken, rest;
    small(&f);
    train_whole(&f, NULL, &whole);
    assert_int_equal(la_train(&f.config, folder, 0, stop_late, NULL, &broken, &err),
                     LA_E_INTERRUPTED);
    train_whole(&f, folder, &rest);
    assert_true(rest.resumed);
    assert_string_equal(rest.digest, whole.digest);
    remove_model(&rest);
    la_train_result_release(&whole);
    la_train_result_release(&broken);
    la_train_result_release(&rest);
    assert_int_equal(fake_taken, 0);
    assert_int_equal(la_mem_live(), 0);
}

static void evaluate(const fixture *f, const char *path, la_eval *out)
{
    la_model *model;
    la_err err = {0};
    const la_shape shape = {.T = 20, .n = 2};
    if (la_model_load(&f->config, path, &model, &err) != LA_OK) fail_msg("%s", err.msg);
    if (la_model_eval(model, f->config.task, f->config.task_opts, &shape, LA_SPLIT_TEST, 5, 0, 11,
                      out, &err) != LA_OK)
        fail_msg("%s", err.msg);
    la_model_free(model);
}

/* A model of the device is one of the CPU too. */
static void read_by_either(void **state)
{
    (void)state;
    fixture f;
    la_train_result r;
    la_eval device, cpu;
    small(&f);
    train_whole(&f, folder, &r);
    evaluate(&f, r.path, &device);
    la_device_cpu(&f.device);
    evaluate(&f, r.path, &cpu);
    assert_string_equal(cpu.digest, device.digest);
    assert_int_equal(cpu.total, device.total);
    assert_true(llabs(cpu.correct - device.correct) <= 1);
    assert_true(fabs(cpu.loss - device.loss) <= 1e-4 * (1.0 + cpu.loss));
    int64_t groups = 0, distances = 0;
    for (int g = 0; g < LA_MAX_GROUPS; g++) groups += device.group_total[g];
    for (int s = 0; s < LA_EVAL_DISTANCES; s++) distances += device.distance_correct[s];
    assert_int_equal(groups, device.total);
    assert_int_equal(distances, device.correct);
    remove_model(&r);
    la_train_result_release(&r);
    assert_int_equal(fake_taken, 0);
    assert_int_equal(la_mem_live(), 0);
}

static void numbers_that_are_none_end_it(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    la_err err = {0};
    small(&f);
    f.train.lr = 1e30;
    assert_int_equal(la_trainer_init(&t, &f.config, &err), LA_OK);
    la_status st = LA_OK;
    la_arrays now;
    for (int i = 0; i < 40 && st == LA_OK; i++) st = la_trainer_step(&t, &err);
    assert_int_equal(st, LA_E_NONFINITE);
    assert_int_equal(la_trainer_arrays(&t, &now, &err), LA_OK);
    la_trainer_release(&t);
}

/* ---- memory, and several at once ---- */

static void planned_bytes_are_taken(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    la_model_bytes planned;
    la_err err = {0};
    small(&f);
    size_t host = la_mem_live();
    assert_int_equal(la_train_bytes(&f.config, &planned, &err), LA_OK);
    assert_int_equal(la_trainer_init(&t, &f.config, &err), LA_OK);
    assert_int_equal(la_cuda_live(), planned.device);
    assert_true(la_mem_live() - host < planned.host + 100000);
    la_trainer_release(&t);
    assert_int_equal(la_cuda_live(), 0);
    la_cuda_limit(planned.device - 1);
    assert_int_equal(la_trainer_init(&t, &f.config, &err), LA_E_NOMEM);
    la_cuda_limit(0);
    assert_int_equal(la_cuda_live(), 0);
    assert_int_equal(la_mem_live(), host);
}

static void no_device_memory_is_no_crash(void **state)
{
    (void)state;
    fixture f;
    small(&f);
    for (int n = 1;; n++) {
        la_trainer t;
        fake_fail_take = n;
        la_status st = la_trainer_init(&t, &f.config, NULL);
        fake_fail_take = 0;
        if (st == LA_OK) {
            la_trainer_release(&t);
            assert_true(n > 5);
            break;
        }
        assert_int_equal(st, LA_E_NOMEM);
        assert_int_equal(fake_taken, 0);
        assert_int_equal(fake_streams, 0);
        assert_int_equal(la_mem_live(), 0);
    }
}

static void a_write_beside_the_weights_is_found(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    la_arrays now;
    la_err err = {0};
    small(&f);
    assert_int_equal(la_trainer_init(&t, &f.config, &err), LA_OK);
    assert_int_equal(la_trainer_step(&t, &err), LA_OK);
    assert_int_equal(la_trainer_arrays(&t, &now, &err), LA_OK);
    t.weights[t.spec.n] = 1.0f;
    assert_int_equal(la_trainer_arrays(&t, &now, &err), LA_E_WRONG);
    la_trainer_release(&t);
}

/* Two trainings that take turns on streams of their own are what each is alone. */
static void by_turns(void **state)
{
    (void)state;
    enum { STEPS_EACH = 4 };
    fixture f[2];
    la_trainer t[2];
    la_err err = {0};
    double alone[2][STEPS_EACH];
    for (int i = 0; i < 2; i++) {
        small(&f[i]);
        f[i].config.seed = 3 + (uint64_t)i;
        if (i) fixture_set(&f[i], "model.mlp=2");
        assert_int_equal(la_trainer_init(&t[i], &f[i].config, &err), LA_OK);
        for (int s = 0; s < STEPS_EACH; s++) {
            assert_int_equal(la_trainer_step(&t[i], &err), LA_OK);
            alone[i][s] = t[i].step_loss;
        }
        la_trainer_release(&t[i]);
    }
    for (int i = 0; i < 2; i++) assert_int_equal(la_trainer_init(&t[i], &f[i].config, &err), LA_OK);
    for (int s = 0; s < STEPS_EACH; s++)
        for (int i = 0; i < 2; i++) {
            assert_int_equal(la_trainer_step(&t[i], &err), LA_OK);
            assert_true(t[i].step_loss == alone[i][s]);
        }
    for (int i = 0; i < 2; i++) la_trainer_release(&t[i]);
    assert_int_equal(fake_taken, 0);
}

/* ---- every variant that can be trained on a device ---- */

static bool trains_on_device(const la_variant *v)
{
    for (size_t i = 0; i < v->impls_len; i++)
        if (v->impls[i].backend == LA_CUDA && v->impls[i].caps & LA_CAP_BACKWARD) return true;
    return false;
}

static void every_variant(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        if (!trains_on_device(v)) continue;
        printf("%s\n", v->name);
        compare(v->name, -1, (const char *const[]){NULL});
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    fixture f;
    la_err err = {0};
    const la_variant *null = la_registry_find("null");
    la_variant of_the_cpu = *null; /* as a plugin is: without a kernel for devices */
    assert_int_equal(null->impls[0].backend, LA_CPU);
    of_the_cpu.name = "of_the_cpu";
    of_the_cpu.impls_len = 1;
    assert_int_equal(la_registry_add(&of_the_cpu, &err), LA_OK);
    fixture_init(&f, "of_the_cpu", 12);
    on_device(&f);
    assert_int_equal(la_train_check(&f.config, &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "on CUDA devices"));
    la_registry_remove(&of_the_cpu);
}

int main(int argc, char **argv)
{
    la_start(2);
    la_cuda_use(&fake_driver);
    if (!mkdtemp(folder)) return 1;
    if (argc > 1 && strcmp(argv[1], "variants") == 0) {
        const struct CMUnitTest all[] = {cmocka_unit_test(every_variant)};
        rmdir(folder);
        return cmocka_run_group_tests(all, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_those_of_the_cpu),
        cmocka_unit_test(with_every_piece_of_a_block),
        cmocka_unit_test(with_every_head),
        cmocka_unit_test(broken_off_and_continued),
        cmocka_unit_test(read_by_either),
        cmocka_unit_test(numbers_that_are_none_end_it),
        cmocka_unit_test(planned_bytes_are_taken),
        cmocka_unit_test(no_device_memory_is_no_crash),
        cmocka_unit_test(a_write_beside_the_weights_is_found),
        cmocka_unit_test(by_turns),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failures;
}
