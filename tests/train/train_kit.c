/* SPDX-License-Identifier: Apache-2.0
 * Training and evaluation from words.
 */
#include "train_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry.h"

enum { THREADS = 2 };

/* One "owner.key=value" into the options of its owner. */
static void set_word(la_trained *t, char *word)
{
    const la_variant *v = t->config.variant;
    const la_task *task = t->config.task;
    char *key = strchr(word, '.'), *value = strchr(word, '=');
    la_err err = {0};
    la_status st = LA_E_ARG;
    assert_true(key && value);
    *key++ = '\0';
    *value++ = '\0';
    if (strcmp(word, "model") == 0)
        st = la_options_set(la_model_option_table, la_model_options_len, &t->model, word, key,
                            value, &err);
    else if (strcmp(word, "train") == 0)
        st = la_options_set(la_train_option_table, la_train_options_len, &t->train, word, key,
                            value, &err);
    else if (strcmp(word, "task") == 0)
        st = la_options_set(task->options, task->options_len, t->task_opts, word, key, value, &err);
    else if (strcmp(word, "variant") == 0)
        st = la_options_set(v->options, v->options_len, t->variant_opts, word, key, value, &err);
    if (st != LA_OK) fail_msg("%s.%s=%s: %s", word, key, value, err.msg);
}

static void configure(const la_trial *trial, la_trained *t)
{
    char words[512], *rest = words;
    la_train_config *c = &t->config;
    c->variant = la_registry_find(trial->variant);
    c->task = la_tasks_find(trial->task);
    assert_true(c->variant && c->task);
    t->variant_opts = la_zalloc(c->variant->options_size + 8, NULL);
    t->task_opts = la_zalloc(c->task->options_size + 8, NULL);
    la_options_default(c->variant->options, c->variant->options_len, t->variant_opts);
    la_options_default(c->task->options, c->task->options_len, t->task_opts);
    la_options_default(la_model_option_table, la_model_options_len, &t->model);
    la_options_default(la_train_option_table, la_train_options_len, &t->train);
    snprintf(words, sizeof words, "%s", trial->settings);
    for (char *word; (word = strsep(&rest, " "));)
        if (*word) set_word(t, word);
    la_device_cpu(&t->device);
    c->variant_opts = t->variant_opts;
    c->task_opts = t->task_opts;
    c->model = &t->model;
    c->train = &t->train;
    c->device = &t->device;
    c->mask = LA_MASK_CAUSAL;
    c->seed = trial->seed;
    c->threads = THREADS;
    const int64_t *lengths = trial->lengths[0] ? trial->lengths : c->task->learned->train_lengths;
    while (c->n_lengths < 16 && lengths[c->n_lengths]) {
        c->lengths[c->n_lengths] = lengths[c->n_lengths];
        c->n_lengths++;
    }
}

void la_trial_run(const la_trial *trial, la_trained *t)
{
    la_err err = {0};
    memset(t, 0, sizeof *t);
    la_start(THREADS);
    configure(trial, t);
    snprintf(t->dir, sizeof t->dir, "/tmp/labench_train_XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    if (la_train(&t->config, t->dir, 1e9, NULL, NULL, &t->result, &err) != LA_OK)
        fail_msg("%s on %s: %s", trial->variant, trial->task, err.msg);
    const la_train_result *r = &t->result;
    printf("%s on %s [%s] seed %d: %lld steps, %.1f s, loss %.3f, validation %.3f\n",
           trial->variant, trial->task, trial->settings, (int)trial->seed, (long long)r->steps,
           (double)r->train_ns * 1e-9, r->loss, r->val_accuracy);
    fflush(stdout);
}

void la_trained_release(la_trained *t)
{
    if (t->result.path[0]) unlink(t->result.path);
    rmdir(t->dir);
    la_train_result_release(&t->result);
    la_free(t->variant_opts);
    la_free(t->task_opts);
}

double la_trained_accuracy(la_trained *t, la_shape shape, int64_t examples)
{
    la_model *model;
    la_eval eval = {0};
    la_err err = {0};
    if (la_model_load(&t->config, t->result.path, &model, &err) != LA_OK) fail_msg("%s", err.msg);
    if (la_model_eval(model, t->config.task, t->task_opts, &shape, LA_SPLIT_TEST, t->config.seed, 0,
                      examples, &eval, &err) != LA_OK)
        fail_msg("%s", err.msg);
    la_model_free(model);
    int64_t correct = 0, total = 0; /* groups part the answers */
    for (int g = 0; g < LA_MAX_GROUPS; g++) {
        correct += eval.group_correct[g];
        total += eval.group_total[g];
    }
    assert_int_equal(correct, eval.correct);
    assert_int_equal(total, eval.total);
    if (t->config.task->learned->group_names) assert_true(eval.group_total[1] > 0);
    double share = (double)eval.correct / (double)eval.total;
    printf("    T %lld n %lld%s: %.4f of %lld\n", (long long)shape.T, (long long)shape.n,
           shape.far ? " far" : "", share, (long long)eval.total);
    fflush(stdout);
    return share;
}

double la_trained_accuracy_at(la_trained *t, int64_t T, int64_t examples)
{
    la_shape shape;
    la_err err = {0};
    if (t->config.task->learned->shape_at(t->task_opts, T, &shape, &err) != LA_OK)
        fail_msg("%s", err.msg);
    return la_trained_accuracy(t, shape, examples);
}
