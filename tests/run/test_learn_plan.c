/* SPDX-License-Identifier: Apache-2.0
 * Which cells learned tasks make, and that their identity is all that decides them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above first. */
#include <cjson/cJSON.h>
#include <cmocka.h>

#include "alloc.h"
#include "plan.h"
#include "registry.h"
#include "train.h"

static la_device device;

static void add_words(la_words *words, const char *list)
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        assert_int_equal(la_words_add(words, at, n, NULL), LA_OK);
        at += n + (at[n] == ',');
    }
}

static void set(la_spec *s, const char *owner, const char *key, const char *values)
{
    assert_int_equal(la_grow((void **)&s->settings, &s->cap_settings, s->n_settings + 1,
                             sizeof *s->settings, NULL),
                     LA_OK);
    la_setting *one = &s->settings[s->n_settings++];
    *one = (la_setting){.owner = la_strdup(owner, NULL), .key = la_strdup(key, NULL)};
    add_words(&one->values, values);
}

/* softmax and flash on mqar at 64, 128 and 4096 tokens, no pass of a kernel. */
static la_spec small_spec(void)
{
    la_spec s = {.seed = 1};
    add_words(&s.variants, "softmax,flash");
    add_words(&s.tasks, "mqar");
    add_words(&s.passes, "none");
    for (int64_t T = 64; T <= 4096; T *= T == 128 ? 32 : 2)
        assert_int_equal(la_counts_add(&s.lengths, T, NULL), LA_OK);
    assert_int_equal(la_counts_add(&s.threads, 1, NULL), LA_OK);
    return s;
}

static size_t count(const la_plan *plan, la_pass pass)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n; i++) n += plan->cells[i].pass == pass;
    return n;
}

static la_plan expand(la_spec *spec)
{
    la_plan plan;
    la_err err = {0};
    la_status st = la_plan_expand(spec, &device, &plan, &err);
    if (st != LA_OK) print_error("%s\n", err.msg);
    assert_int_equal(st, LA_OK);
    la_spec_release(spec);
    return plan;
}

static void test_one_training_and_an_evaluation_for_each_length(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    spec.seeds = 3;
    la_plan plan = expand(&spec);
    assert_int_equal(count(&plan, LA_TRAIN), 2);
    assert_int_equal(count(&plan, LA_EVAL), 6);
    for (size_t i = 0; i < plan.n; i++) {
        const la_cell *c = &plan.cells[i];
        assert_int_equal(c->rounds, 3);
        assert_non_null(c->learn);
        assert_false(c->refused);
        assert_int_equal(c->problem.B, c->pass == LA_TRAIN ? 16 : 1);
        if (c->pass == LA_TRAIN) assert_int_equal(c->seqlen, 256);
        assert_true(c->need_bytes > 0 && c->useful.flops > 0);
        assert_int_equal(c->learn->group, plan.cells[i < 4 ? 0 : 4].learn->group);
    }
    assert_true(plan.cells[0].learn->group != plan.cells[4].learn->group);
    la_plan_release(&plan);
}

/* As many examples as a worker scores at once, and not one. */
static void test_memory_of_an_evaluation_is_of_all_its_examples(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    spec.threads.n = 0;
    assert_int_equal(la_counts_add(&spec.threads, 4, NULL), LA_OK);
    la_plan plan = expand(&spec);
    size_t seen = 0;
    for (size_t i = 0; i < plan.n; i++) {
        const la_cell *c = &plan.cells[i];
        if (c->pass != LA_EVAL) continue;
        la_train_config config = la_cell_train_config(c, &device, 1, 0);
        la_model_bytes one, all;
        la_shape shape;
        assert_int_equal(c->task->learned->shape_at(c->task_opts, c->seqlen, &shape, NULL), LA_OK);
        int64_t examples = la_cell_examples(c, &shape);
        assert_int_equal(la_eval_bytes(&config, 1, c->seqlen, &one, NULL), LA_OK);
        assert_int_equal(la_eval_bytes(&config, examples, c->seqlen, &all, NULL), LA_OK);
        assert_true(c->sizes.work >= all.host + all.device);
        if (examples >= 4) assert_true(c->sizes.work > one.host + one.device);
        seen += examples >= 4;
    }
    assert_true(seen > 0);
    la_plan_release(&plan);
}

static void test_axes_of_kernels_do_not_multiply_models(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    add_words(&spec.dtypes, "f32,bf16");
    for (int64_t n = 1; n <= 2; n++) {
        assert_int_equal(la_counts_add(&spec.batch, n, NULL), LA_OK);
        assert_int_equal(la_counts_add(&spec.dk, 16 * n, NULL), LA_OK);
        assert_int_equal(la_counts_add(&spec.threads, n, NULL), LA_OK);
    }
    la_plan plan = expand(&spec);
    assert_int_equal(plan.n, 8);
    la_plan_release(&plan);
}

static void test_rates_make_trainings_and_no_evaluations(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    set(&spec, "train", "lr", "0.03,0.01,1e-2");
    set(&spec, "model", "layers", "1,2");
    la_plan plan = expand(&spec);
    assert_int_equal(count(&plan, LA_TRAIN), 2 * 2 * 2); /* 0.01 and 1e-2 are one */
    assert_int_equal(count(&plan, LA_EVAL), 2 * 2 * 3);
    const la_cell *first = &plan.cells[0], *test = &plan.cells[2];
    assert_int_equal(first->pass, LA_TRAIN);
    assert_true(first->learn->train.lr < plan.cells[1].learn->train.lr);
    assert_int_equal(test->pass, LA_EVAL);
    assert_int_equal(test->learn->n_rates, 2);
    assert_int_equal(test->learn->group, first->learn->group);
    assert_non_null(strstr(test->learn->train_json, "\"lr\":[0.01,0.03"));
    la_plan_release(&plan);
}

/* Values of an option that only asks share a training, each with evaluations of its own. */
static void test_what_only_asks_trains_once(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    set(&spec, "mqar", "eval_pairs", "4,8,16");
    set(&spec, "train", "lr", "0.03,0.01");
    la_plan plan = expand(&spec);
    assert_int_equal(count(&plan, LA_TRAIN), 2 * 2);
    assert_int_equal(count(&plan, LA_EVAL), 2 * 3 * 3);
    for (size_t i = 0; i < plan.n; i++) {
        const la_cell *c = &plan.cells[i], *first = &plan.cells[i < plan.n / 2 ? 0 : plan.n / 2];
        assert_int_equal(c->learn->group, first->learn->group);
        for (size_t j = 0; j < i; j++) assert_string_not_equal(c->key, plan.cells[j].key);
    }
    la_plan_release(&plan);

    spec = small_spec();
    set(&spec, "mqar", "pairs", "4,8"); /* these are trained on */
    plan = expand(&spec);
    assert_int_equal(count(&plan, LA_TRAIN), 2 * 2);
    la_plan_release(&plan);
}

/* The first value that is asked cannot be; the training does not fall with it. */
static void test_a_question_that_cannot_be_leaves_the_training(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    set(&spec, "mqar", "vocab", "8");
    set(&spec, "mqar", "pairs", "3");
    set(&spec, "mqar", "eval_pairs", "4,3,5");
    la_plan plan = expand(&spec);
    assert_int_equal(count(&plan, LA_TRAIN), 2);
    for (size_t i = 0; i < plan.n; i++) {
        const la_cell *c = &plan.cells[i];
        bool asks_three = strstr(c->task_opts_json, "\"eval_pairs\":3") != NULL;
        assert_int_equal(c->refused, !asks_three);
        if (c->pass == LA_TRAIN) assert_true(asks_three);
    }
    la_plan_release(&plan);
}

static void test_at_length_trains_at_each(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    spec.train_at_length = true;
    la_plan plan = expand(&spec);
    assert_int_equal(count(&plan, LA_TRAIN), 6);
    assert_int_equal(count(&plan, LA_EVAL), 6);
    for (size_t i = 0; i < plan.n; i += 2) {
        assert_int_equal(plan.cells[i].seqlen, plan.cells[i + 1].seqlen);
        assert_int_equal(plan.cells[i].learn->lengths[0], plan.cells[i].seqlen);
        assert_int_equal(plan.cells[i].learn->group, plan.cells[i + 1].learn->group);
    }
    la_plan_release(&plan);
}

static void check_identities(const la_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        la_cell again;
        la_err err = {0};
        char *json, *twice;
        assert_int_equal(la_cell_to_json(&plan->cells[i], &json, &err), LA_OK);
        la_status st = la_cell_from_json(json, &device, &again, &err);
        if (st != LA_OK) print_error("%s\n", err.msg);
        assert_int_equal(st, LA_OK);
        assert_int_equal(la_cell_to_json(&again, &twice, &err), LA_OK);
        assert_string_equal(json, twice);
        assert_string_equal(plan->cells[i].key, again.key);
        assert_int_equal(plan->cells[i].learn->group, again.learn->group);
        assert_string_equal(again.learn->hybrid, "self,softmax");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(plan->cells[i].key, plan->cells[j].key);
        la_free(json);
        la_free(twice);
        la_cell_release(&again);
    }
}

/* Every cell of a plan comes back from its JSON with the same text and key, and no two are equal. */
static void test_identity_comes_back(void **state)
{
    (void)state;
    for (int difficulty = 0; difficulty < 2; difficulty++) {
        la_spec spec = small_spec();
        spec.difficulty = difficulty;
        spec.hybrid = la_strdup("self,softmax", NULL);
        set(&spec, "train", "lr", "0.01,0.03");
        set(&spec, "train", "steps", difficulty ? "10" : "10,20");
        la_plan plan = expand(&spec);
        check_identities(&plan);
        la_plan_release(&plan);
    }
}

/* The JSON of an owner's options with one of them changed. */
static char *changed_json(const la_option *table, size_t len, const void *opts, size_t bytes,
                          const la_difficulty *d)
{
    void *own = la_zalloc(bytes + 1, NULL);
    memcpy(own, opts, bytes);
    if (d)
        assert_int_equal(la_options_set(table, len, own, d->owner, d->key, d->value, NULL), LA_OK);
    size_t n = la_options_json(table, len, own, NULL, 0);
    char *json = la_alloc(n + 1, NULL);
    la_options_json(table, len, own, json, n + 1);
    la_free(own);
    return json;
}

static bool of_owner(const la_difficulty *d, const char *owner)
{
    return d && d->owner && strcmp(d->owner, owner) == 0;
}

static void assert_options(const la_option *table, size_t len, const void *base, const void *now,
                           size_t bytes, const la_difficulty *d)
{
    char *want = changed_json(table, len, base, bytes, d);
    char *have = changed_json(table, len, now, bytes, NULL);
    assert_string_equal(want, have);
    la_free(want);
    la_free(have);
}

/* `cell` is `base` with what d says changed, and with nothing else. */
static void assert_step(const la_cell *base, const la_cell *cell, const la_difficulty *d)
{
    const la_task *t = base->task;
    const la_learn *l = cell->learn;
    assert_string_equal(l->difficulty, d->axis);
    assert_string_equal(l->step, d->value);
    assert_options(t->options, t->options_len, base->task_opts, cell->task_opts, t->options_size,
                   of_owner(d, t->name) ? d : NULL);
    assert_options(la_model_option_table, la_model_options_len, &base->learn->model, &l->model,
                   sizeof l->model, of_owner(d, "model") ? d : NULL);
    assert_options(la_train_option_table, la_train_options_len, &base->learn->train, &l->train,
                   sizeof l->train, of_owner(d, "train") ? d : NULL);
    if (d->owner) {
        assert_int_equal(cell->seqlen, base->seqlen);
        assert_int_equal(l->n_lengths, base->learn->n_lengths);
    } else {
        assert_int_equal(cell->seqlen, atoll(d->value));
        assert_int_equal(l->n_lengths, 1);
        assert_int_equal(l->lengths[0], cell->seqlen);
    }
}

/* Every evaluation has a training of its group, every group one for each rate. */
static void assert_trained(const la_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        size_t same = 0;
        for (size_t j = 0; j < plan->n; j++)
            same += plan->cells[j].pass == LA_TRAIN &&
                    plan->cells[j].learn->group == plan->cells[i].learn->group;
        assert_int_equal(same, 1);
    }
}

/* For every task: the baseline, then each step in its order, all else the same. */
static void test_difficulty_changes_one_thing_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_task *t = la_tasks_at(i);
        const la_difficulty *d = t->learned ? t->learned->difficulties : NULL;
        if (!d || !d->axis) continue;
        la_spec spec = {.seed = 1, .difficulty = true};
        add_words(&spec.variants, "softmax");
        add_words(&spec.tasks, t->name);
        assert_int_equal(la_counts_add(&spec.lengths, 1024, NULL), LA_OK);
        assert_int_equal(la_counts_add(&spec.threads, 1, NULL), LA_OK);
        la_plan plan = expand(&spec);
        const la_cell *base = NULL;
        for (size_t k = 0; k < plan.n; k++) {
            const la_cell *c = &plan.cells[k];
            if (c->refused) print_error("%s: %s\n", t->name, c->reason);
            assert_false(c->refused);
            assert_true(strcmp(c->learn->difficulty, "") == 0 || c->pass == LA_EVAL);
            if (c->pass != LA_EVAL) continue;
            if (base)
                assert_step(base, c, d++);
            else
                assert_string_equal((base = c)->learn->difficulty, "baseline");
        }
        assert_null(d->axis);
        assert_trained(&plan);
        la_plan_release(&plan);
    }
}

/* Without names, every task that has steps. */
static void test_difficulty_takes_all_tasks_that_have_steps(void **state)
{
    (void)state;
    size_t with = 0;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_learned *l = la_tasks_at(i)->learned;
        with += l && l->difficulties && l->difficulties->axis;
    }
    la_spec spec = {.seed = 1, .difficulty = true};
    add_words(&spec.variants, "softmax");
    assert_int_equal(la_counts_add(&spec.lengths, 1024, NULL), LA_OK);
    assert_int_equal(la_counts_add(&spec.threads, 1, NULL), LA_OK);
    la_plan plan = expand(&spec);
    for (size_t i = 0; i < plan.n; i++)
        with -= strcmp(plan.cells[i].learn->difficulty, "baseline") == 0;
    assert_int_equal(with, 0);
    la_plan_release(&plan);
}

static void test_model_defaults_of_performer_and_linformer(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    la_words_release(&spec.variants);
    add_words(&spec.variants, "performer,linformer");
    la_plan plan = expand(&spec);
    assert_non_null(strstr(plan.cells[0].opts_json, "\"features\":64"));
    const la_cell *last = &plan.cells[plan.n - 1];
    assert_string_equal(last->opts_json, "{\"r\":16}");
    assert_int_equal(last->problem.mask, LA_MASK_BIDIRECTIONAL);
    assert_int_equal(last->seqlen, 4096); /* its projections were trained for 256 tokens */
    assert_true(last->refused);
    assert_int_equal(last->outcome, LA_OUTCOME_UNSUPPORTED);
    if (last->impl->caps & LA_CAP_BACKWARD) assert_false(last[-1].refused);
    la_plan_release(&plan);
}

static void test_what_cannot_be_evaluated_says_why(void **state)
{
    (void)state;
    la_spec spec = small_spec();
    assert_int_equal(la_counts_add(&spec.lengths, 8, NULL), LA_OK);
    la_plan plan = expand(&spec);
    const la_cell *c = &plan.cells[1];
    assert_int_equal(c->seqlen, 8);
    assert_true(c->refused);
    assert_true(strlen(c->reason) > 10);
    assert_false(plan.cells[0].refused);
    la_plan_release(&plan);
}

/* Threads of the models of a sweep of softmax and flash with these settings, on 8 cores. */
static int threads_of(int jobs, int given, int seeds, const char *d_model)
{
    la_device kept = device;
    la_spec spec = small_spec();
    spec.jobs = jobs;
    spec.seeds = seeds;
    la_counts_release(&spec.threads);
    if (given) assert_int_equal(la_counts_add(&spec.threads, given, NULL), LA_OK);
    set(&spec, "model", "d_model", d_model);
    device.cores = 8;
    la_plan plan = expand(&spec);
    device = kept;
    int threads = plan.cells[0].problem.threads;
    for (size_t i = 0; i < plan.n; i++) {
        assert_int_equal(plan.cells[i].problem.threads, threads);
        assert_int_equal(plan.cells[i].learn->group, plan.cells[i < 4 ? 0 : 4].learn->group);
    }
    la_plan_release(&plan);
    return threads;
}

static void test_threads_of_models_follow_from_jobs_and_size(void **state)
{
    (void)state;
    assert_int_equal(threads_of(8, 0, 4, "64"), 1); /* as many models as cores */
    assert_int_equal(threads_of(8, 0, 1, "64"), 4); /* two models */
    assert_int_equal(threads_of(4, 0, 4, "64"), 2);
    assert_int_equal(threads_of(1, 0, 4, "64"), 8);
    assert_int_equal(threads_of(0, 0, 4, "64"), 8);
    assert_int_equal(threads_of(8, 3, 4, "64"), 3);   /* as was asked for */
    assert_int_equal(threads_of(8, 0, 4, "1024"), 8); /* large */
    assert_int_equal(threads_of(16, 0, 16, "64"), 1);
}

static int setup(void **state)
{
    (void)state;
    la_device_cpu(&device);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_training_and_an_evaluation_for_each_length),
        cmocka_unit_test(test_memory_of_an_evaluation_is_of_all_its_examples),
        cmocka_unit_test(test_axes_of_kernels_do_not_multiply_models),
        cmocka_unit_test(test_rates_make_trainings_and_no_evaluations),
        cmocka_unit_test(test_at_length_trains_at_each),
        cmocka_unit_test(test_what_only_asks_trains_once),
        cmocka_unit_test(test_a_question_that_cannot_be_leaves_the_training),
        cmocka_unit_test(test_identity_comes_back),
        cmocka_unit_test(test_difficulty_changes_one_thing_at_a_time),
        cmocka_unit_test(test_difficulty_takes_all_tasks_that_have_steps),
        cmocka_unit_test(test_model_defaults_of_performer_and_linformer),
        cmocka_unit_test(test_what_cannot_be_evaluated_says_why),
        cmocka_unit_test(test_threads_of_models_follow_from_jobs_and_size),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
