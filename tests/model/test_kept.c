/* SPDX-License-Identifier: Apache-2.0
 * In front of the op of the first block the rows of a token are computed once, behind that of the last block only
 * those that the head reads: loss and gradient are those of all rows, but for the order of sums.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train_fixture.h"
#include "trainer.h"

enum {
    TOKENS = 1080,
    SHORT = 24,
    LONG = 216
}; /* a piece has one LONG sequence, or several SHORT ones */

static void configure(fixture *f, const char *variant, int64_t T, const char *const *settings)
{
    fixture_init(f, variant, T);
    fixture_set(f, "train.tokens=1080");
    fixture_set(f, "model.d_model=12");
    for (; *settings; settings++) fixture_set(f, *settings);
}

/* The loss of a batch; its gradient in lane 0's grad where `learn`. */
static double loss_of(la_trainer *t, bool learn)
{
    la_lane *lane = &t->engine.lane[0];
    la_eval eval = {0};
    la_batch batch = {.task = t->config->task,
                      .task_opts = t->config->task_opts,
                      .shape = t->shapes[0],
                      .split = LA_SPLIT_TRAIN,
                      .seed = 5,
                      .count = TOKENS / t->shapes[0].T - 1, /* the last only fills up */
                      .drop_stream = 77};
    assert_int_equal(t->engine.geometry[0].B, TOKENS / t->shapes[0].T);
    assert_int_equal(la_lane_make(lane, 0, &batch, NULL), LA_OK);
    la_engine_pack(&t->engine, t->weights, 0, 1);
    if (learn)
        assert_int_equal(la_lane_learn(lane, 0, &batch, lane->n_rows, t->weights, NULL), LA_OK);
    else
        assert_int_equal(la_lane_score(lane, 0, &batch, t->weights, &eval, NULL), LA_OK);
    return lane->tally.loss;
}

static void check_gradient(const la_trainer *t, const float *all, const float *kept)
{
    for (size_t i = 0; i < t->spec.n_tensors; i++) {
        const la_tensor_spec *s = &t->spec.tensor[i];
        double largest = 0, worst = 0;
        for (int64_t j = s->at; j < s->at + s->n; j++) {
            largest = fmax(largest, fabs((double)all[j]));
            double off = fabs((double)all[j] - (double)kept[j]);
            if (!(off <= worst)) worst = off;
        }
        if (!(worst <= 1e-5 * largest + 1e-8))
            fail_msg("%s %s: %g apart, where the largest is %g", t->config->variant->name, s->name,
                     worst, largest);
    }
}

static void same_as_all_of(const char *variant, int64_t T, const char *const *settings)
{
    fixture f;
    la_trainer t;
    la_err err = {0};
    configure(&f, variant, T, settings);
    if (la_trainer_init(&t, &f.config, &err) != LA_OK) fail_msg("%s", err.msg);
    la_lane *lane = &t.engine.lane[0];
    size_t bytes = (size_t)t.spec.n * sizeof(float);
    float *kept = malloc(bytes);
    assert_non_null(kept);

    double loss = loss_of(&t, true), score = loss_of(&t, false);
    bool repeats = t.spec.block[0].project && t.spec.positions < 0 && t.spec.dropout == 0;
    assert_true(lane->kept.alone);
    assert_int_equal(lane->kept.in_line, T == LONG);
    if (T == SHORT) assert_int_equal(lane->distinct.alone, repeats);
    memcpy(kept, lane->grad, bytes);
    assert_true(loss_of(&t, true) == loss);
    assert_memory_equal(kept, lane->grad, bytes);

    lane->kept.most = lane->distinct.most = 0;
    double loss_of_all = loss_of(&t, true), score_of_all = loss_of(&t, false);
    assert_false(lane->kept.alone || lane->distinct.alone);
    assert_true(fabs(loss - loss_of_all) <= 1e-6 * loss_of_all);
    assert_true(fabs(score - score_of_all) <= 1e-6 * score_of_all);
    check_gradient(&t, lane->grad, kept);
    free(kept);
    la_trainer_release(&t);
}

static void same_as_all(const char *variant, const char *const *settings)
{
    same_as_all_of(variant, SHORT, settings);
}

static const char *const variants[] = {"softmax", "flash",     "local",     "linear",
                                       "retnet",  "gla",       "deltanet",  "gated_deltanet",
                                       "kda",     "rwkv7",     "mamba2",    "ttt_linear",
                                       "fnet",    "performer", "linformer", NULL};

static void rows_of_tokens(void **state)
{
    (void)state;
    for (const char *const *v = variants; *v; v++) same_as_all(*v, (const char *[]){NULL});
}

/* Gates, an MLP, learned positions; nothing projected, in fnet. */
static void blocks_of_papers(void **state)
{
    (void)state;
    const char *const settings[] = {"model.recipe=paper", "model.heads=2", "model.dropout=0",
                                    "model.init=fan", NULL};
    for (const char *const *v = variants; *v; v++) same_as_all(*v, settings);
}

static void pieces_of_blocks(void **state)
{
    (void)state;
    static const char *const gated[] = {"model.gate=silu", "model.norm=layer", "model.layers=1",
                                        "model.dropout=0.2", NULL};
    static const char *const deep[] = {"model.mlp=2", "model.layers=3", "model.conv=0", NULL};
    const char *const some[] = {"linear", "mamba2", "kda", "softmax"};
    for (size_t i = 0; i < LA_COUNT(some); i++) {
        same_as_all(some[i], gated);
        same_as_all(some[i], deep);
    }
}

static void last_tokens_of_classes(void **state)
{
    (void)state;
    const char *const settings[] = {"task.head=1", "model.mlp=1", NULL};
    for (const char *const *v = variants; *v; v++) same_as_all(*v, settings);
}

/* Every row is one: they go through the head and back in two blocks at least. */
static void logits_at_all_rows(void **state)
{
    (void)state;
    const char *const settings[] = {"model.logits=all", "model.mlp=2", NULL};
    const char *const gated[] = {"model.logits=all", "model.gate=silu", "model.norm=layer", NULL};
    for (const char *const *v = variants; *v; v++) same_as_all(*v, settings);
    same_as_all("linear", gated);
    same_as_all("softmax", gated);
}

/* They follow one another up to the last token of the sequence, and so do all rows of the piece that are kept. */
static void rows_in_line(void **state)
{
    (void)state;
    const char *const settings[] = {"model.logits=all", "model.mlp=2", NULL};
    const char *const gated[] = {"model.logits=all", "model.gate=silu", "model.norm=layer", NULL};
    const char *const papers[] = {"model.logits=all", "model.recipe=paper", "model.heads=2",
                                  "model.dropout=0",  "model.init=fan",     NULL};
    for (const char *const *v = variants; *v; v++) {
        same_as_all_of(*v, LONG, settings);
        same_as_all_of(*v, LONG, gated);
        same_as_all_of(*v, LONG, papers);
    }
}

/* Their loss is taken a block of outputs at a time. */
static void many_outputs(void **state)
{
    (void)state;
    const char *const settings[] = {"model.logits=all", "model.mlp=2", "task.V=1300", NULL};
    const char *const some[] = {"linear", "softmax"};
    for (size_t i = 0; i < LA_COUNT(some); i++) same_as_all(some[i], settings);
}

/* Where more is read than the scored rows all are computed. */
static void others_take_all_rows(void **state)
{
    (void)state;
    static const char *const settings[][2] = {{"task.head=2"}, {"task.head=3"}};
    for (size_t i = 0; i < LA_COUNT(settings); i++) {
        fixture f;
        la_trainer t;
        configure(&f, "linear", SHORT, settings[i]);
        assert_int_equal(la_trainer_init(&t, &f.config, NULL), LA_OK);
        assert_true(loss_of(&t, true) > 0);
        assert_false(t.engine.lane[0].kept.alone);
        la_trainer_release(&t);
    }
}

/* Hardly a token comes twice. */
static void tokens_that_differ(void **state)
{
    (void)state;
    fixture f;
    la_trainer t;
    configure(&f, "linear", SHORT, (const char *[]){"task.V=1024", "task.n=8", NULL});
    assert_int_equal(la_trainer_init(&t, &f.config, NULL), LA_OK);
    assert_true(loss_of(&t, true) > 0);
    const la_lane *lane = &t.engine.lane[0];
    assert_true(lane->distinct.most > 0);
    assert_false(lane->distinct.alone);
    assert_true(lane->kept.alone);
    la_trainer_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_tokens),     cmocka_unit_test(blocks_of_papers),
        cmocka_unit_test(pieces_of_blocks),   cmocka_unit_test(last_tokens_of_classes),
        cmocka_unit_test(logits_at_all_rows), cmocka_unit_test(others_take_all_rows),
        cmocka_unit_test(tokens_that_differ), cmocka_unit_test(many_outputs),
        cmocka_unit_test(rows_in_line),
    };
    la_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
