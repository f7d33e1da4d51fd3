/* SPDX-License-Identifier: Apache-2.0
 * The gradient of the whole network against differences of the loss, tensor by tensor.
 *
 * The loss is float32, so a single element's difference drowns in rounding: each tensor is moved along
 * its own gradient (where the loss changes most, by |g|^2 a unit) and along a random direction mixed with
 * it, and the step is chosen so that the loss moves by a few percent. A missing or doubled term changes the
 * slope by far more than the tolerance.
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

#include "labench/kit.h"
#include "train_fixture.h"
#include "trainer.h"

static la_batch batch_of(const la_trainer *t)
{
    return (la_batch){.task = t->config->task,
                      .task_opts = t->config->task_opts,
                      .shape = t->shapes[0],
                      .split = LA_SPLIT_TRAIN,
                      .seed = 5,
                      .count = t->engine.geometry[0].B,
                      .drop_stream = 77};
}

/* Loss summed over lanes; with `gradient`, lane 0's grad holds it. */
static double loss_at(la_trainer *t, bool gradient)
{
    la_batch batch = batch_of(t);
    la_lane *lane = &t->engine.lane[0];
    la_eval eval = {0};
    assert_int_equal(la_lane_make(lane, 0, &batch, NULL), LA_OK);
    la_engine_pack(&t->engine, t->weights, 0, 1);
    if (gradient)
        assert_int_equal(la_lane_learn(lane, 0, &batch, lane->n_rows, t->weights, NULL), LA_OK);
    else
        assert_int_equal(la_lane_score(lane, 0, &batch, t->weights, &eval, NULL), LA_OK);
    return lane->tally.loss / (double)lane->n_rows;
}

/* Slope of the loss along `direction` by a fourth-order central difference with step h. */
static double slope(la_trainer *t, const la_tensor_spec *s, const float *direction, double h)
{
    float *w = t->weights + s->at, *keep = malloc((size_t)s->n * sizeof *keep);
    memcpy(keep, w, (size_t)s->n * sizeof *keep);
    double at[4];
    const double steps[4] = {-2, -1, 1, 2};
    for (int i = 0; i < 4; i++) {
        for (int64_t j = 0; j < s->n; j++)
            w[j] = (float)((double)keep[j] + steps[i] * h * (double)direction[j]);
        at[i] = loss_at(t, false);
    }
    memcpy(w, keep, (size_t)s->n * sizeof *keep);
    free(keep);
    return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h);
}

static void check_tensor(la_trainer *t, const la_tensor_spec *s, const float *grad, double *worst)
{
    float *direction = malloc((size_t)s->n * sizeof *direction);
    double squares = 0, along = 0, length = 0;
    for (int64_t j = 0; j < s->n; j++) squares += (double)grad[j] * (double)grad[j];
    double norm = sqrt(squares);
    /* What a bias adds to every token, a Fourier transform gathers in token 0, which is not scored. */
    bool unseen = strcmp(t->config->variant->name, "fnet") == 0 && strstr(s->name, "norm1.b");
    if (norm < 1e-5 && unseen) {
        free(direction);
        return;
    }
    if (norm < 1e-5) fail_msg("%s has a gradient of %g only", s->name, norm);
    for (int64_t j = 0; j < s->n; j++) {
        double noise = la_random_normal(la_stream(3, 4, (uint64_t)s->at), (uint64_t)j);
        double x = (double)grad[j] / norm + 0.5 * noise / sqrt((double)s->n);
        direction[j] = (float)x;
        along += x * (double)grad[j];
        length += x * x;
    }
    /* A step that moves the loss by about 1 %, at most 0.05 a unit of the tensor. */
    double h = 0.01 / fabs(along);
    if (h * sqrt(length) > 0.05) h = 0.05 / sqrt(length);
    /* Where the loss bends within that step, a shorter one tells. */
    double difference = 0, error = INFINITY, allowed = 0;
    for (int i = 0; i < 3 && !(error < allowed); i++, h /= 5) {
        difference = slope(t, s, direction, h);
        error = fabs(difference - along) / fabs(along);
        /* What float32 lets the loss tremble by, over the step. */
        allowed = 0.01 + 1e-6 / (h * fabs(along));
    }
    if (error > *worst) *worst = error;
    if (!(error < allowed))
        fail_msg("%s %s: slope %.6g, gradient says %.6g", t->config->variant->name, s->name,
                 difference, along);
    free(direction);
}

static void check_model(fixture *f)
{
    la_trainer t;
    la_err err = {0};
    if (la_trainer_init(&t, &f->config, &err) != LA_OK) fail_msg("%s", err.msg);
    loss_at(&t, true);
    float *grad = malloc((size_t)t.spec.n * sizeof *grad);
    memcpy(grad, t.engine.lane[0].grad, (size_t)t.spec.n * sizeof *grad);
    double worst = 0;
    for (size_t i = 0; i < t.spec.n_tensors; i++) {
        const la_tensor_spec *s = &t.spec.tensor[i];
        if (s->trainable) check_tensor(&t, s, grad + s->at, &worst);
    }
    printf("  %-16s %3zu tensors, worst relative difference %.1e\n", f->config.variant->name,
           t.spec.n_tensors, worst);
    free(grad);
    la_trainer_release(&t);
}

static const char *const card[] = {"softmax",        "flash",     "linear", "performer", "deltanet",
                                   "gated_deltanet", "linformer", "fnet",   "retnet",    "gla",
                                   "mamba2",         "kda",       "rwkv7"};

static void small(fixture *f, const char *variant, int64_t T)
{
    fixture_init(f, variant, T);
    fixture_set(f, "train.tokens=48");
    fixture_set(f, "model.d_model=12");
    fixture_set(f, "model.init=fan");
    if (strcmp(variant, "linformer") == 0) fixture_set(f, "variant.r=4");
}

static void recipe_controlled(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(card); i++) {
        fixture f;
        small(&f, card[i], 11);
        check_model(&f);
    }
}

static void recipe_paper(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(card); i++) {
        fixture f;
        small(&f, card[i], 9);
        fixture_set(&f, "model.recipe=paper");
        fixture_set(&f, "model.dropout=0");
        fixture_set(&f, "model.heads=2"); /* one feature or one mixture would hide q */
        check_model(&f);
    }
}

/* Several chunks and tiles of every form. */
static void longer_sequences(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(card); i++) {
        fixture f;
        small(&f, card[i], 150);
        fixture_set(&f, "task.n=7");
        fixture_set(&f, "model.layers=1");
        fixture_set(&f, "train.tokens=300");
        check_model(&f);
    }
}

static void every_piece(void **state)
{
    (void)state;
    static const char *const pieces[][4] = {
        {"model.gate=silu", "model.mlp=2", "model.norm=layer", "model.pos=rope"},
        {"model.gate=sigmoid", "model.neg_eigval=1", "model.conv=3", "model.pos=learned"},
        {"model.conv=0", "model.qk_norm=l2", "model.head_dim=4", "model.layers=3"},
    };
    for (size_t i = 0; i < LA_COUNT(pieces); i++)
        for (size_t v = 0; v < 5; v += 4) { /* softmax, deltanet */
            fixture f;
            small(&f, card[v], 8);
            for (size_t j = 0; j < 4; j++) fixture_set(&f, pieces[i][j]);
            check_model(&f);
        }
}

/* Groups of query heads that share keys and values: with turned and normed keys too. */
/* More sequences than go through the network together, in training and in a score. */
static void many_sequences(void **state)
{
    (void)state;
    const char *const variants[] = {"deltanet", "linformer", "softmax"};
    for (size_t i = 0; i < LA_COUNT(variants); i++) {
        fixture f;
        small(&f, variants[i], 24);
        fixture_set(&f, "train.tokens=1080"); /* 45 sequences, 15 at a time */
        fixture_set(&f, "model.dropout=0.2");
        fixture_set(&f, "model.mlp=2");
        check_model(&f);
    }
}

static void grouped_heads(void **state)
{
    (void)state;
    static const char *const variants[] = {"softmax", "flash", "local"};
    static const char *const pieces[][4] = {
        {"model.heads=4", "model.kv_heads=2", "model.head_dim=4", "model.layers=1"},
        {"model.heads=3", "model.kv_heads=1", "model.pos=rope", "model.qk_norm=l2"},
    };
    for (size_t i = 0; i < LA_COUNT(pieces); i++)
        for (size_t v = 0; v < LA_COUNT(variants); v++) {
            fixture f;
            small(&f, variants[v], 11);
            if (v == 2) fixture_set(&f, "variant.window=5");
            for (size_t j = 0; j < 4; j++) fixture_set(&f, pieces[i][j]);
            check_model(&f);
        }
}

static void grouped_heads_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        const char *variant, *heads, *reason;
    } rows[] = {
        {"flash", "model.kv_heads=3", "kv_heads 3 does not divide the 2 heads of flash"},
        {"flash", "model.kv_heads=0", "kv_heads 0 does not divide the 2 heads of flash"},
        {"linear", "model.kv_heads=1", "takes no model.kv_heads 1 below its 2 heads"},
        {"fnet", "model.kv_heads=1", "fnet has no keys and values to group"},
    };
    for (size_t i = 0; i < LA_COUNT(rows); i++) {
        fixture f;
        la_trainer t;
        la_err err = {0};
        small(&f, rows[i].variant, 11);
        fixture_set(&f, "model.heads=2");
        fixture_set(&f, rows[i].heads);
        assert_int_not_equal(la_trainer_init(&t, &f.config, &err), LA_OK);
        if (!strstr(err.msg, rows[i].reason)) fail_msg("%s", err.msg);
    }
}

static void one_head(const char *variant, int64_t T, const char *head, const char *more)
{
    fixture f;
    small(&f, variant, T);
    fixture_set(&f, head);
    if (more) fixture_set(&f, more);
    check_model(&f);
}

/* Classes at the last token and at the mean of all, and a decoder: of every variant. */
static void heads_of_tasks(void **state)
{
    (void)state;
    static const char *const heads[] = {"task.head=1", "task.head=2", "task.head=3"};
    for (size_t i = 0; i < LA_COUNT(card); i++)
        for (size_t h = 0; h < LA_COUNT(heads); h++)
            one_head(card[i], 11, heads[h], h == i % 3 ? "model.norm=layer" : NULL);
}

/* Sequences longer than the rows that a head takes at a time, and more answers than those. */
static void heads_in_parts(void **state)
{
    (void)state;
    one_head("deltanet", 600, "task.head=2", "model.layers=1");
    fixture f;
    small(&f, "linear", 24);
    fixture_set(&f, "task.head=3");
    fixture_set(&f, "task.n=7");
    fixture_set(&f, "train.tokens=1080");
    check_model(&f);
}

/* So many that their logits are not made at once; the last block of them is of one. */
static void many_outputs(void **state)
{
    (void)state;
    static const char *const heads[] = {"model.norm=rms", "model.logits=all"};
    for (size_t i = 0; i < LA_COUNT(heads); i++) {
        fixture f;
        small(&f, "linear", 24);
        fixture_set(&f, "task.V=1057");
        fixture_set(&f, "train.tokens=216");
        fixture_set(&f, heads[i]);
        check_model(&f);
    }
}

/* What is only trained moves the weights. */
static void answers_that_are_only_trained(void **state)
{
    (void)state;
    one_head("softmax", 11, "task.also=1", NULL);
}

/* Feature maps with more features than dk, one with a parameter of three axes. */
static void feature_maps(void **state)
{
    (void)state;
    static const char *const maps[] = {"variant.map=taylor2", "variant.map=dpfp",
                                       "variant.map=hedgehog"};
    for (size_t i = 0; i < LA_COUNT(maps); i++) {
        fixture f;
        small(&f, "linear", 11);
        fixture_set(&f, "model.heads=3");
        fixture_set(&f, maps[i]);
        check_model(&f);
    }
}

static void mixed_stacks(void **state)
{
    (void)state;
    fixture f;
    small(&f, "deltanet", 8);
    fixture_set(&f, "model.layers=3");
    f.config.hybrid = "self*2,softmax";
    check_model(&f);
}

/* A tensor for the longest length, read at a shorter one. */
static void shorter_than_longest(void **state)
{
    (void)state;
    fixture f;
    small(&f, "linformer", 9);
    f.config.longest = 13;
    la_trainer t;
    la_err err = {0};
    if (la_trainer_init(&t, &f.config, &err) != LA_OK) fail_msg("%s", err.msg);
    const la_tensor_spec *E = la_net_find(&t.spec, "block0.E");
    assert_int_equal(E->shape[1], 13);
    loss_at(&t, true);
    const float *g = t.engine.lane[0].grad + E->at;
    for (int64_t i = 0; i < E->n; i++) {
        if (i % 13 >= 9)
            assert_true(g[i] == 0);
        else
            assert_true(g[i] != 0);
    }
    la_trainer_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipe_controlled),
        cmocka_unit_test(recipe_paper),
        cmocka_unit_test(longer_sequences),
        cmocka_unit_test(every_piece),
        cmocka_unit_test(mixed_stacks),
        cmocka_unit_test(shorter_than_longest),
        cmocka_unit_test(many_sequences),
        cmocka_unit_test(grouped_heads),
        cmocka_unit_test(grouped_heads_that_cannot_be),
        cmocka_unit_test(feature_maps),
        cmocka_unit_test(heads_of_tasks),
        cmocka_unit_test(heads_in_parts),
        cmocka_unit_test(answers_that_are_only_trained),
        cmocka_unit_test(many_outputs),
    };
    la_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
