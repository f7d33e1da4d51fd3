/* SPDX-License-Identifier: Apache-2.0
 * Heads, what is only trained, groups, growing lengths, options that only ask: as training and evaluation
 * see them. Gradients of the heads are in test_gradient.c.
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
#include "labench/kit.h"
#include "train_fixture.h"
#include "trainer.h"

static const char *const heads[] = {"task.head=0", "task.head=1", "task.head=2", "task.head=3"};

static void start(la_trainer *t, const fixture *f)
{
    la_err err = {0};
    if (la_trainer_init(t, &f->config, &err) != LA_OK) fail_msg("%s", err.msg);
}

static void folder(char dir[32])
{
    snprintf(dir, 32, "/tmp/labench.test.XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void train(const fixture *f, const char *dir, la_train_result *out)
{
    la_err err = {0};
    if (la_train(&f->config, dir, 0, NULL, NULL, out, &err) != LA_OK) fail_msg("%s", err.msg);
}

static la_eval evaluate(const fixture *f, const char *path, const la_shape *shape, la_split split,
                        int64_t examples)
{
    la_model *model;
    la_eval eval;
    la_err err = {0};
    if (la_model_load(&f->config, path, &model, &err) != LA_OK) fail_msg("%s", err.msg);
    if (la_model_eval(model, f->config.task, f->config.task_opts, shape, split, f->config.seed, 0,
                      examples, &eval, &err) != LA_OK)
        fail_msg("%s", err.msg);
    la_model_free(model);
    return eval;
}

/* A sum that the mean of all tokens holds, and two tokens that fit one vector. */
static void heads_learn(void **state)
{
    (void)state;
    for (int head = 1; head <= 3; head++) {
        fixture f;
        la_train_result r;
        fixture_init(&f, head == 2 ? "fnet" : "linear", head == 2 ? 6 : 4);
        f.config.mask = head == 2 ? LA_MASK_BIDIRECTIONAL : LA_MASK_CAUSAL;
        fixture_set(&f, heads[head]);
        fixture_set(&f, "task.n=1");
        fixture_set(&f, "model.d_model=32");
        fixture_set(&f, "train.tokens=256");
        fixture_set(&f, "train.steps=400");
        fixture_set(&f, "train.stop=0.98");
        train(&f, NULL, &r);
        if (r.val_accuracy < 0.98) fail_msg("%s learned only %.3f", heads[head], r.val_accuracy);
        la_train_result_release(&r);
    }
}

/* The mean reads every row; an evaluation of long sequences scores what training's validation does, which
 * shares lanes and pieces otherwise and never takes single rows. */
static void evaluations_agree_with_validation(void **state)
{
    (void)state;
    char dir[32];
    folder(dir);
    for (int head = 1; head <= 3; head++)
        for (int threads = 1; threads <= 2; threads++) {
            fixture f;
            la_train_result r;
            fixture_init(&f, "flash", 2048);
            f.config.threads = threads;
            fixture_set(&f, heads[head]);
            fixture_set(&f, "train.steps=2");
            fixture_set(&f, "train.lr=0.1");
            fixture_set(&f, "train.tokens=2048");
            fixture_set(&f, "train.validate_examples=8");
            train(&f, dir, &r);
            la_eval eval =
                evaluate(&f, r.path, &r.val[0].shape, LA_SPLIT_VALIDATION, r.val[0].examples);
            assert_int_equal(eval.total, head == 3 ? 8 * 4 : 8);
            assert_int_equal(eval.total, r.val[0].total);
            assert_int_equal(eval.correct, r.val[0].correct);
            assert_true(fabs(eval.loss - r.val[0].loss) < 1e-4 * r.val[0].loss);
            unlink(r.path);
            la_train_result_release(&r);
        }
    rmdir(dir);
}

static void only_trained_is_never_scored(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    fixture_init(&f, "softmax", 24);
    fixture_set(&f, "train.tokens=120");
    fixture_set(&f, "task.also=1");
    start(&t, &f);
    la_lane *lane = &t.engine.lane[0];
    la_batch batch = {
        .task = f.config.task, .task_opts = f.config.task_opts, .shape = t.shapes[0], .count = 5};
    assert_int_equal(la_lane_make(lane, 0, &batch, NULL), LA_OK);
    assert_int_equal(lane->n_rows, 5 * 4);
    for (int split = LA_SPLIT_VALIDATION; split <= LA_SPLIT_TEST; split++) {
        batch.split = (la_split)split;
        assert_int_equal(la_lane_make(lane, 0, &batch, NULL), LA_OK);
        assert_int_equal(lane->n_rows, 5 * 2);
        for (int64_t i = 0; i < lane->n_rows; i++) assert_true(lane->made.row[i] % 24 >= 4);
    }
    assert_int_equal(la_trainer_validate(&t, f.config.train->validate_examples, NULL), LA_OK);
    assert_int_equal(t.at.val[0].total, 2 * 128);
    la_trainer_release(&t);
}

static void same_groups(const la_eval *a, const la_eval *b)
{
    for (int g = 0; g < LA_MAX_GROUPS; g++) {
        assert_int_equal(a->group_correct[g], b->group_correct[g]);
        assert_int_equal(a->group_total[g], b->group_total[g]);
    }
}

/* Counted in validation, kept in the checkpoint, the same in an evaluation. */
static void groups_are_counted(void **state)
{
    (void)state;
    char dir[32];
    fixture f;
    la_train_result r, again;
    folder(dir);
    fixture_init(&f, "softmax", 24);
    f.config.threads = 2;
    fixture_set(&f, "train.steps=5");
    train(&f, dir, &r);
    const la_eval *v = &r.val[0];
    assert_int_equal(v->total, 256);
    assert_true(v->group_total[0] > 64 && v->group_total[1] > 64);
    assert_int_equal(v->group_total[0] + v->group_total[1], v->total);
    assert_int_equal(v->group_correct[0] + v->group_correct[1], v->correct);
    train(&f, dir, &again);
    assert_true(again.reused);
    same_groups(v, &again.val[0]);
    la_eval eval = evaluate(&f, r.path, &v->shape, LA_SPLIT_VALIDATION, 128);
    assert_int_equal(eval.group_total[1], v->group_total[1]);
    unlink(r.path);
    rmdir(dir);
    la_train_result_release(&r);
    la_train_result_release(&again);
}

static void lengths_grow(void **state)
{
    (void)state;
    /* Not in order, and one length in two shapes. */
    const la_shape shapes[] = {{.T = 64}, {.T = 16}, {.T = 32}, {.T = 16, .n = 2}, {.T = 128}};
    size_t n = LA_COUNT(shapes);
    la_train_opts o = {.steps = 100, .curriculum = 0};
    assert_int_equal(la_curriculum_length(&o, shapes, n, 0), 128);
    o.curriculum = 0.6;
    const struct {
        int64_t step, longest;
    } rows[] = {{0, 16}, {19, 16}, {20, 32}, {39, 32}, {40, 64}, {59, 64}, {60, 128}, {99, 128}};
    for (size_t i = 0; i < LA_COUNT(rows); i++)
        assert_int_equal(la_curriculum_length(&o, shapes, n, rows[i].step), rows[i].longest);
    o.plan_steps = 200;
    assert_int_equal(la_curriculum_length(&o, shapes, n, 39), 16);
    assert_int_equal(la_curriculum_length(&o, shapes, n, 120), 128);
    o.curriculum = 1;
    assert_int_equal(la_curriculum_length(&o, shapes, n, 199), 64);
    assert_int_equal(la_curriculum_length(&o, shapes, 1, 3), 64);
}

static void configure_growth(fixture *f, const char *head)
{
    fixture_init(f, "deltanet", 12);
    f->config.lengths[f->config.n_lengths++] = 24;
    f->config.lengths[f->config.n_lengths++] = 40;
    fixture_set(f, head);
    fixture_set(f, "train.curriculum=0.8");
    fixture_set(f, "train.tokens=240");
    fixture_set(f, "train.steps=40");
    fixture_set(f, "train.validate_every=10");
    fixture_set(f, "train.stop=0");
}

/* 240 tokens a batch are 20 sequences of 12: tokens a step tell the length. */
static void steps_keep_to_the_longest_length(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    int64_t seen[41] = {0};
    configure_growth(&f, heads[0]);
    start(&t, &f);
    for (int64_t step = 0; step < 40; step++) {
        int64_t before = t.at.examples;
        assert_int_equal(la_trainer_step(&t, NULL), LA_OK);
        int64_t T = 240 / (t.at.examples - before);
        assert_true(T <= la_curriculum_length(&f.train, t.shapes, t.n_shapes, step));
        if (step < 10) assert_int_equal(T, 12);
        seen[T]++;
    }
    assert_true(seen[12] > 10 && seen[24] > 0 && seen[40] > 0);
    la_trainer_release(&t);
}

static la_status stop_at_the_third(const la_curve_point *point, int64_t steps, void *context)
{
    (void)steps, (void)context;
    return point->step >= 30 ? LA_FAIL(NULL, LA_E_INTERRUPTED, "enough") : LA_OK;
}

/* Broken off behind the checkpoint of step 20 and continued: the bits of an unbroken run. */
static void a_broken_training_ends_with_the_same_bits(void **state)
{
    (void)state;
    for (size_t h = 0; h < LA_COUNT(heads); h++) {
        char dir[32], other[32];
        fixture f;
        la_train_result r, broken, continued;
        la_err err = {0};
        folder(dir);
        folder(other);
        configure_growth(&f, heads[h]);
        train(&f, dir, &r);
        assert_int_not_equal(la_train(&f.config, other, 0, stop_at_the_third, NULL, &broken, &err),
                             LA_OK);
        la_train_result_release(&broken);
        train(&f, other, &continued);
        assert_true(continued.resumed);
        assert_string_equal(continued.digest, r.digest);
        same_groups(&continued.val[0], &r.val[0]);
        unlink(r.path);
        unlink(continued.path);
        rmdir(dir);
        rmdir(other);
        la_train_result_release(&r);
        la_train_result_release(&continued);
    }
}

static void key_of(const char *setting, char key[33])
{
    fixture f;
    char *json;
    fixture_init(&f, "softmax", 24);
    if (setting) fixture_set(&f, setting);
    assert_int_equal(la_train_key(&f.config, key, &json, NULL), LA_OK);
    assert_null(strstr(json, "\"ask\""));
    assert_non_null(strstr(json, "\"also\""));
    la_free(json);
}

static void what_only_asks_is_not_in_the_key(void **state)
{
    (void)state;
    char plain[33], key[33];
    key_of(NULL, plain);
    key_of("task.ask=7", key);
    assert_string_equal(key, plain);
    static const char *const others[] = {"task.also=1", "task.head=2", "train.curriculum=0.5"};
    for (size_t i = 0; i < LA_COUNT(others); i++) {
        key_of(others[i], key);
        assert_string_not_equal(key, plain);
    }
}

static void planned_bytes_are_taken(void **state)
{
    (void)state;
    for (size_t h = 0; h < LA_COUNT(heads); h++) {
        char dir[32];
        fixture f;
        la_trainer t;
        la_train_result r;
        la_model_bytes bytes = {0};
        size_t planned, before = la_mem_live();
        folder(dir);
        fixture_init(&f, "linear", 24);
        fixture_set(&f, heads[h]);
        fixture_set(&f, "model.d_model=64");
        fixture_set(&f, "train.steps=1");
        assert_int_equal(la_train_bytes(&f.config, &bytes, NULL), LA_OK);
        planned = bytes.host;
        start(&t, &f);
        double taken = (double)(la_mem_live() - before);
        assert_true(taken > 0.9 * (double)planned && taken < 1.1 * (double)planned + 1e5);
        la_trainer_release(&t);
        assert_int_equal(la_mem_live(), before);
        train(&f, dir, &r);
        for (int64_t T = 24; T <= 4096; T += 4072) {
            la_shape shape = {.T = T, .n = 2};
            assert_int_equal(la_eval_bytes(&f.config, 8, T, &bytes, NULL), LA_OK);
            planned = bytes.host;
            before = la_mem_live();
            la_mem_peak_reset();
            (void)evaluate(&f, r.path, &shape, LA_SPLIT_TEST, 8);
            taken = (double)(la_mem_peak() - before);
            if (taken < 0.9 * (double)planned || taken > 1.1 * (double)planned + 5e5)
                fail_msg("%s T %d: %.0f planned, %.0f taken", heads[h], (int)T, (double)planned,
                         taken);
        }
        unlink(r.path);
        rmdir(dir);
        la_train_result_release(&r);
    }
}

static void next_tokens_are_for_heads_of_tokens(void **state)
{
    (void)state;
    for (size_t h = 0; h < LA_COUNT(heads); h++) {
        fixture f;
        la_err err = {0};
        fixture_init(&f, "softmax", 24);
        fixture_set(&f, heads[h]);
        fixture_set(&f, "model.logits=all");
        assert_int_equal(la_train_check(&f.config, &err), h ? LA_E_UNSUPPORTED : LA_OK);
        if (h) assert_non_null(strstr(err.msg, "not answered by tokens"));
    }
}

/* Tokens of an example behind which nothing is asked. */
static int64_t early_of(uint64_t index)
{
    return 512 << index % 2;
}

static la_status make_early(const void *opts, uint64_t seed, la_split split, const la_shape *shape,
                            uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n,
                            la_err *err)
{
    la_shape early = {.T = early_of(index), .n = shape->n};
    for (int64_t t = early.T; t < shape->T; t++) tokens[t] = (int32_t)(1 + t % 7);
    return pairs_task.learned->make(opts, seed, split, &early, index, tokens, answers, n, err);
}

static la_eval asked_long(const fixture *f, const char *path, int64_t T, int64_t examples,
                          size_t *peak)
{
    la_learned learned = *pairs_task.learned;
    la_task task = pairs_task;
    la_model *model;
    la_eval eval;
    la_err err = {0};
    learned.make = make_early;
    task.learned = &learned;
    la_shape shape = {.T = T, .n = 2};
    assert_int_equal(la_model_load(&f->config, path, &model, &err), LA_OK);
    size_t before = la_mem_live();
    la_mem_peak_reset();
    if (la_model_eval(model, &task, f->config.task_opts, &shape, LA_SPLIT_TEST, f->config.seed, 0,
                      examples, &eval, &err) != LA_OK)
        fail_msg("%s", err.msg);
    *peak = la_mem_peak() - before;
    la_model_free(model);
    return eval;
}

/* A causal model reads a long example up to its last answer: the scores are those of all of it, and so is the digest. A
 * bidirectional one reads it to its end. */
static void long_examples_are_read_to_their_last_answer(void **state)
{
    enum { LONG = LA_LONG_TEST, SHORT = 1024 };
    static const char *const variants[] = {"flash", "gla", "linear", "fnet"};
    (void)state;
    char dir[32], digest[33] = "";
    folder(dir);
    for (size_t v = 0; v < LA_COUNT(variants); v++)
        for (int threads = 1; threads <= 2; threads++) {
            fixture f;
            la_train_result r;
            la_model_bytes whole;
            size_t peak, ignored;
            fixture_init(&f, variants[v], 64);
            f.config.threads = threads;
            fixture_set(&f, "train.steps=3");
            fixture_set(&f, "train.lr=0.1");
            fixture_set(&f, "train.tokens=128");
            train(&f, dir, &r);
            la_eval eval = asked_long(&f, r.path, LONG, 3, &peak);
            la_eval all = asked_long(&f, r.path, SHORT, 3, &ignored);
            assert_int_equal(eval.total, 6);
            assert_int_equal(la_eval_bytes(&f.config, 1, LONG, &whole, NULL), LA_OK);
            if (f.config.mask == LA_MASK_CAUSAL) {
                assert_int_equal(eval.correct, all.correct);
                assert_true(fabs(eval.loss - all.loss) < 1e-5 * all.loss);
                assert_true(peak < whole.host / 4);
            } else
                assert_true(peak > whole.host / 2);
            if (!*digest) snprintf(digest, sizeof digest, "%s", eval.digest);
            assert_string_equal(eval.digest, digest);
            assert_string_not_equal(eval.digest, all.digest);
            unlink(r.path);
            la_train_result_release(&r);
        }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_learn),
        cmocka_unit_test(evaluations_agree_with_validation),
        cmocka_unit_test(long_examples_are_read_to_their_last_answer),
        cmocka_unit_test(only_trained_is_never_scored),
        cmocka_unit_test(groups_are_counted),
        cmocka_unit_test(lengths_grow),
        cmocka_unit_test(steps_keep_to_the_longest_length),
        cmocka_unit_test(a_broken_training_ends_with_the_same_bits),
        cmocka_unit_test(what_only_asks_is_not_in_the_key),
        cmocka_unit_test(planned_bytes_are_taken),
        cmocka_unit_test(next_tokens_are_for_heads_of_tokens),
    };
    la_start(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
