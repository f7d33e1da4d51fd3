/* SPDX-License-Identifier: Apache-2.0
 * Steps: nothing is allocated in them, the same seed gives the same bits, divergence is told, a small model
 * learns, and its score does not depend on how it is shared out.
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

static void steps(la_trainer *t, int n)
{
    la_err err = {0};
    for (int i = 0; i < n; i++)
        if (la_trainer_step(t, &err) != LA_OK) fail_msg("%s", err.msg);
}

static void start(la_trainer *t, const fixture *f)
{
    la_err err = {0};
    if (la_trainer_init(t, &f->config, &err) != LA_OK) fail_msg("%s", err.msg);
}

/* Two lengths: one with sequences for both threads, one with a single sequence. */
static void two_lengths(fixture *f, const char *variant)
{
    fixture_init(f, variant, 24);
    f->config.lengths[f->config.n_lengths++] = 96;
    f->config.threads = 2;
    fixture_set(f, "train.tokens=120");
    fixture_set(f, "train.warmup=5");
}

/* Eight sequences, of which each is a piece, for two threads. */
static void shared_turns(fixture *f)
{
    fixture_init(f, "softmax", 200);
    f->config.threads = 2;
    fixture_set(f, "train.tokens=1600");
    fixture_set(f, "model.mlp=1");
}

static void no_allocation_in_a_step(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    two_lengths(&f, "linear");
    start(&t, &f);
    long before = la_mem_count();
    steps(&t, 10);
    assert_int_equal(la_trainer_validate(&t, f.config.train->validate_examples, NULL), LA_OK);
    assert_int_equal(la_mem_count(), before);
    la_trainer_release(&t);
}

static void check_same_bits(bool shared)
{
    char digest[3][33];
    for (int i = 0; i < 3; i++) {
        fixture f;
        la_trainer t;
        if (shared)
            shared_turns(&f);
        else
            two_lengths(&f, "softmax");
        if (i == 2) f.config.seed = 9;
        start(&t, &f);
        steps(&t, 12);
        la_weights_digest(t.weights, t.spec.n, digest[i]);
        la_trainer_release(&t);
    }
    assert_string_equal(digest[0], digest[1]);
    assert_string_not_equal(digest[0], digest[2]);
}

static void same_seed_same_bits(void **state)
{
    (void)state;
    check_same_bits(false);
    check_same_bits(true);
}

static void turns_have_every_piece_once(void **state)
{
    (void)state;
    la_geometry all[] = {{.T = 256, .B = 64, .lanes = 2, .threads = 1},
                         {.T = 24, .B = 7, .lanes = 3, .threads = 1},
                         {.T = 300, .B = 7, .lanes = 3, .threads = 1},
                         {.T = 300, .B = 4, .lanes = 4, .threads = 1},
                         {.T = 300, .B = 9, .lanes = 1, .threads = 1}};
    const bool share[] = {true, false, true, true, false};
    for (size_t i = 0; i < LA_COUNT(all); i++) {
        all[i].share = la_lanes_can_share(&all[i]);
        assert_int_equal(all[i].share, share[i]);
        for (int lane = 0; lane < all[i].lanes; lane++) {
            int64_t first, last, from, to, at = 0;
            la_lane_share(&all[i], lane, &first, &last);
            for (int turn = 0; turn < LA_TURNS; turn++, at = to) {
                la_lane_turn(&all[i], lane, turn, &from, &to);
                assert_int_equal(from, at);
                assert_true(turn == 0 ? to > from : to >= from);
            }
            assert_int_equal(at * la_lane_piece(&all[i], lane), last - first);
        }
    }
}

static void add_turn(la_trainer *t, int by, int turn, const la_batch *batch, double *sum)
{
    const float *grad = t->engine.lane[0].turn_grad[turn];
    assert_int_equal(la_lane_learn_turn(&t->engine.lane[by], &t->engine.lane[0], turn, 0, batch,
                                        1592, t->weights, NULL),
                     LA_OK);
    for (int64_t i = 0; i < t->spec.n; i++) sum[i] += (double)grad[i];
}

/* Turns of lane 0 by itself and by the other; together they are all that it has to learn. */
static void a_turn_is_the_same_on_any_thread(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    shared_turns(&f);
    start(&t, &f);
    la_batch batch = {.task = f.config.task,
                      .task_opts = f.config.task_opts,
                      .shape = t.shapes[0],
                      .split = LA_SPLIT_TRAIN,
                      .seed = 5,
                      .count = 8};
    size_t n = (size_t)t.spec.n;
    double *own = calloc(n, sizeof *own), *other = calloc(n, sizeof *other), largest = 0;
    la_lane *lane = &t.engine.lane[0];
    assert_true(own && other && t.engine.geometry[0].share);
    assert_int_equal(la_lane_make(lane, 0, &batch, NULL), LA_OK);
    la_engine_pack(&t.engine, t.weights, 0, 1);
    for (int turn = 0; turn < LA_TURNS; turn++) {
        int64_t from, to;
        la_lane_turn(&t.engine.geometry[0], 0, turn, &from, &to);
        if (from == to) continue;
        add_turn(&t, 0, turn, &batch, own);
        double loss = lane->turn_tally[turn].loss;
        add_turn(&t, 1, turn, &batch, other);
        assert_true(loss > 0 && lane->turn_tally[turn].loss == loss);
    }
    assert_memory_equal(own, other, n * sizeof *own);
    assert_int_equal(la_lane_learn(lane, 0, &batch, 1592, t.weights, NULL), LA_OK);
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)lane->grad[i]));
    for (size_t i = 0; i < n; i++)
        assert_true(fabs(own[i] - (double)lane->grad[i]) <= 1e-5 * largest);
    free(own);
    free(other);
    la_trainer_release(&t);
}

static void threads_change_rounding_only(void **state)
{
    (void)state;
    double loss[2];
    for (int i = 0; i < 2; i++) {
        fixture f;
        la_trainer t;
        two_lengths(&f, "softmax");
        f.config.threads = 1 + i;
        la_gemm_threads(f.config.threads);
        start(&t, &f);
        steps(&t, 6);
        loss[i] = t.step_loss;
        la_trainer_release(&t);
    }
    assert_true(fabs(loss[0] - loss[1]) < 1e-3 * loss[0]);
}

static void a_fixed_set_is_permuted(void **state)
{
    (void)state;
    /* 60 examples in batches of 5: the first 12 batches hold each once, and so do the next 12. */
    fixture f;
    la_trainer t;
    fixture_init(&f, "softmax", 24);
    fixture_set(&f, "train.tokens=120");
    fixture_set(&f, "task.V=64");
    start(&t, &f);
    la_batch batch = {.task = f.config.task,
                      .task_opts = f.config.task_opts,
                      .shape = t.shapes[0],
                      .seed = 3,
                      .set = 60,
                      .count = 5};
    uint64_t sums[2] = {0, 0}, in_order = 0;
    for (uint64_t i = 0; i < 24; i++) {
        batch.first = i * 5;
        assert_int_equal(la_lane_make(&t.engine.lane[0], 0, &batch, NULL), LA_OK);
        for (int64_t j = 0; j < 5 * 24; j++) {
            uint64_t mix = (uint64_t)t.engine.lane[0].made.tokens[j] * (uint64_t)(j % 24 + 1);
            sums[i / 12] += mix * mix;
        }
    }
    batch.set = 0;
    for (uint64_t i = 0; i < 12; i++) {
        batch.first = i * 5;
        assert_int_equal(la_lane_make(&t.engine.lane[0], 0, &batch, NULL), LA_OK);
        for (int64_t j = 0; j < 5 * 24; j++) {
            uint64_t mix = (uint64_t)t.engine.lane[0].made.tokens[j] * (uint64_t)(j % 24 + 1);
            in_order += mix * mix;
        }
    }
    assert_true(sums[0] == sums[1]);
    assert_true(sums[0] == in_order);
    la_trainer_release(&t);
}

/* model.logits all: a label for every token that has a next one or an answer, in training alone. */
static void all_positions_have_labels(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    fixture_init(&f, "softmax", 24);
    fixture_set(&f, "train.tokens=120");
    fixture_set(&f, "model.logits=all");
    start(&t, &f);
    la_lane *lane = &t.engine.lane[0];
    la_batch batch = {
        .task = f.config.task, .task_opts = f.config.task_opts, .shape = t.shapes[0], .count = 5};
    assert_int_equal(la_lane_make(lane, 0, &batch, NULL), LA_OK);
    assert_in_range(lane->n_rows, 5 * 23, 5 * 24);
    int64_t next = 0;
    for (int64_t i = 0; i < lane->n_rows; i++) {
        if (i > 0) assert_true(lane->made.row[i] > lane->made.row[i - 1]);
        next += lane->made.row[i] % 24 < 23 &&
                lane->made.label[i] == lane->made.tokens[lane->made.row[i] + 1];
    }
    assert_true(next >= 5 * (23 - 2)); /* two answers an example */
    batch.split = LA_SPLIT_VALIDATION;
    assert_int_equal(la_lane_make(lane, 0, &batch, NULL), LA_OK);
    assert_int_equal(lane->n_rows, 5 * 2);
    la_trainer_release(&t);

    la_err err = {0};
    fixture_init(&f, "fnet", 24);
    fixture_set(&f, "model.logits=all");
    f.config.mask = LA_MASK_BIDIRECTIONAL;
    assert_int_equal(la_train_check(&f.config, &err), LA_E_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "next token"));
}

static void divergence_is_told(void **state)
{
    (void)state;
    fixture f;
    la_train_result result;
    la_err err = {0};
    fixture_init(&f, "softmax", 24);
    fixture_set(&f, "train.lr=1e6");
    fixture_set(&f, "train.warmup=0");
    fixture_set(&f, "train.tokens=240");
    fixture_set(&f, "train.weight_decay=100");
    fixture_set(&f, "train.validate_every=5");
    assert_int_equal(la_train(&f.config, NULL, 0, NULL, NULL, &result, &err), LA_E_NONFINITE);
    assert_non_null(strstr(err.msg, "learning rate"));
    la_train_result_release(&result);
}

static int points;

static la_status listen(const la_curve_point *point, int64_t n, void *context)
{
    (void)context;
    assert_true(point->step <= n);
    points++;
    return LA_OK;
}

static void learn_config(fixture *f)
{
    fixture_init(f, "softmax", 16);
    fixture_set(f, "model.d_model=32");
    fixture_set(f, "train.tokens=1024");
    fixture_set(f, "train.steps=400");
    fixture_set(f, "train.stop=0.98");
}

static void a_model_learns_and_is_found_again(void **state)
{
    (void)state;
    char dir[] = "/tmp/labench.test.XXXXXX", message[64];
    assert_non_null(mkdtemp(dir));
    fixture f;
    la_train_result result, again;
    la_err err = {0};
    learn_config(&f);
    points = 0;
    if (la_train(&f.config, dir, 1e9, listen, NULL, &result, &err) != LA_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(points, (int)result.n_curve);
    assert_true(result.n_samples > 0 && !result.reused && result.parameters > 0);
    if (result.val_accuracy < 0.98) fail_msg("learned only %.3f", result.val_accuracy);
    assert_int_equal(la_train(&f.config, dir, 1e9, NULL, NULL, &again, &err), LA_OK);
    assert_true(again.reused && again.n_samples == 0 && again.n_curve == result.n_curve);
    assert_string_equal(again.digest, result.digest);
    assert_true(again.val_accuracy == result.val_accuracy);
    assert_int_equal(again.val[0].correct, result.val[0].correct);
    assert_true(memcmp(again.curve, result.curve, sizeof *again.curve) != 0 ||
                again.curve[0].loss == result.curve[0].loss);

    la_model *model;
    la_eval one, two;
    la_shape shape = {.T = 32, .n = 2};
    assert_int_equal(la_model_load(&f.config, result.path, &model, &err), LA_OK);
    assert_int_equal(la_model_eval(model, f.config.task, f.config.task_opts, &shape, LA_SPLIT_TEST,
                                   7, 0, 75, &one, &err),
                     LA_OK);
    la_model_free(model);
    f.config.threads = 2;
    assert_int_equal(la_model_load(&f.config, result.path, &model, &err), LA_OK);
    assert_int_equal(la_model_eval(model, f.config.task, f.config.task_opts, &shape, LA_SPLIT_TEST,
                                   7, 0, 75, &two, &err),
                     LA_OK);
    la_model_free(model);
    assert_int_equal(one.total, 150);
    assert_int_equal(one.total, two.total);
    assert_true(llabs(one.correct - two.correct) <= 1);
    assert_string_equal(one.digest, two.digest);
    int64_t sliced = 0;
    for (int i = 0; i < LA_EVAL_DISTANCES; i++) sliced += one.distance_total[i];
    assert_int_equal(sliced, one.total);
    assert_true((double)one.correct / 150 > 0.5);

    f.config.seed = 5; /* another model */
    assert_int_equal(la_model_load(&f.config, result.path, &model, &err), LA_E_FORMAT);
    snprintf(message, sizeof message, "%s", "another configuration");
    assert_non_null(strstr(err.msg, message));
    unlink(result.path);
    rmdir(dir);
    la_train_result_release(&result);
    la_train_result_release(&again);
}

/* Right answers of a validation on the way are whole numbers of a glance's, those of the last one of all. */
static la_status whole_answers(const la_curve_point *point, int64_t n, void *context)
{
    double glance = *(const double *)context, right = point->val_accuracy * glance;
    if (isnan(point->val_accuracy) || point->step == n) return LA_OK;
    assert_true(fabs(right - round(right)) < 1e-9 * glance);
    points++;
    return LA_OK;
}

static void on_the_way_a_part_is_validated(void **state)
{
    (void)state;
    fixture f;
    la_train_result r;
    la_err err = {0};
    learn_config(&f);
    fixture_set(&f, "train.steps=10");
    fixture_set(&f, "train.validate_every=1");
    assert_int_equal(la_train_glance(f.config.train), 32);
    double asked = 32 * 2; /* two answers an example */
    points = 0;
    assert_int_equal(la_train(&f.config, NULL, 0, whole_answers, &asked, &r, &err), LA_OK);
    assert_int_equal(points, 9);
    assert_int_equal(r.n_val, 1);
    assert_int_equal(r.val[0].total, 128 * 2);
    la_train_result_release(&r);
    fixture_set(&f, "train.validate_examples=1000");
    assert_int_equal(la_train_glance(f.config.train), 250);
    fixture_set(&f, "train.validate_examples=7");
    assert_int_equal(la_train_glance(f.config.train), 7);
}

/* Every shape must pass on all examples: a model that stops early was asked all of them. */
static void who_stops_was_asked_everything(void **state)
{
    (void)state;
    fixture f;
    la_train_result r;
    la_err err = {0};
    learn_config(&f);
    assert_int_equal(la_train(&f.config, NULL, 0, NULL, NULL, &r, &err), LA_OK);
    assert_true(r.stopped_early);
    assert_int_equal(r.val[0].total, 128 * 2);
    assert_true((double)r.val[0].correct >= 0.98 * (double)r.val[0].total);
    la_train_result_release(&r);
}

/* At a length where an evaluation asks the last block at the scored rows only, it scores what the training
 * engine, which never does, finds in its validation. */
static void few_rows_are_rows_of_all(void **state)
{
    (void)state;
    char dir[] = "/tmp/labench.test.XXXXXX";
    assert_non_null(mkdtemp(dir));
    const char *const variants[] = {"flash", "softmax"};
    for (int i = 0; i < 2; i++) {
        fixture f;
        la_train_result r;
        la_model *model;
        la_eval eval;
        la_err err = {0};
        fixture_init(&f, variants[i], 2048);
        f.config.threads = 1 + i;
        fixture_set(&f, "train.steps=2");
        fixture_set(&f, "train.lr=0.1");
        fixture_set(&f, "train.tokens=2048");
        fixture_set(&f, "train.validate_examples=3");
        if (i == 0) fixture_set(&f, "model.kv_heads=1");
        if (la_train(&f.config, dir, 1e9, NULL, NULL, &r, &err) != LA_OK) fail_msg("%s", err.msg);
        assert_int_equal(la_model_load(&f.config, r.path, &model, &err), LA_OK);
        assert_int_equal(la_model_eval(model, f.config.task, f.config.task_opts, &r.val[0].shape,
                                       LA_SPLIT_VALIDATION, f.config.seed, 0, 3, &eval, &err),
                         LA_OK);
        assert_int_equal(eval.total, r.val[0].total);
        assert_int_equal(eval.correct, r.val[0].correct);
        assert_true(fabs(eval.loss - r.val[0].loss) < 1e-4 * r.val[0].loss);
        la_model_free(model);
        unlink(r.path);
        la_train_result_release(&r);
    }
    rmdir(dir);
}

static void planned_bytes_are_taken(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    la_model_bytes bytes = {0};
    size_t planned, before = la_mem_live();
    two_lengths(&f, "softmax");
    assert_int_equal(la_train_bytes(&f.config, &bytes, NULL), LA_OK);
    planned = bytes.host;
    start(&t, &f);
    double taken = (double)(la_mem_live() - before);
    assert_true(taken > 0.8 * (double)planned && taken < 1.3 * (double)planned + 1e5);
    la_trainer_release(&t);
    assert_int_equal(la_mem_live(), before);
}

static void no_memory_is_no_crash(void **state)
{
    (void)state;
    fixture f;
    two_lengths(&f, "softmax");
    size_t before = la_mem_live();
    for (long n = 1; n < 400; n++) {
        la_trainer t;
        la_mem_fail_at(n, true);
        la_status st = la_trainer_init(&t, &f.config, NULL);
        la_mem_fail_at(0, false);
        if (st == LA_OK) {
            la_trainer_release(&t);
            assert_true(n > 5);
            break;
        }
        assert_int_equal(st, LA_E_NOMEM);
        assert_int_equal(la_mem_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_allocation_in_a_step),
        cmocka_unit_test(same_seed_same_bits),
        cmocka_unit_test(turns_have_every_piece_once),
        cmocka_unit_test(a_turn_is_the_same_on_any_thread),
        cmocka_unit_test(threads_change_rounding_only),
        cmocka_unit_test(a_fixed_set_is_permuted),
        cmocka_unit_test(all_positions_have_labels),
        cmocka_unit_test(divergence_is_told),
        cmocka_unit_test(a_model_learns_and_is_found_again),
        cmocka_unit_test(on_the_way_a_part_is_validated),
        cmocka_unit_test(who_stops_was_asked_everything),
        cmocka_unit_test(few_rows_are_rows_of_all),
        cmocka_unit_test(planned_bytes_are_taken),
        cmocka_unit_test(no_memory_is_no_crash),
    };
    la_start(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
