/* SPDX-License-Identifier: Apache-2.0
 * What a task says of itself: its definition, words of tokens, wishes, steps of difficulty.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "learned_kit.h"
#include "registry.h"
#include "train.h"

enum { WIDEST = 96, MOST_WORDS = 3000 };

/* Every task: more than a line, none too wide, nothing but printable characters. */
static void test_definitions_can_be_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_task *t = la_tasks_at(i);
        if (!t->definition || strlen(t->definition) < 200)
            fail_msg("task %s has no definition worth the name", t->name);
        for (const char *at = t->definition; *at;) {
            size_t n = strcspn(at, "\n");
            if (n > WIDEST) fail_msg("task %s: '%.*s' is wider than 96", t->name, (int)n, at);
            if (n && at[n - 1] == ' ') fail_msg("task %s: '%.*s' ends blank", t->name, (int)n, at);
            for (size_t c = 0; c < n; c++)
                if (at[c] < ' ' || at[c] > '~')
                    fail_msg("task %s: '%.*s' is not plain ASCII", t->name, (int)n, at);
            at += n + (at[n] == '\n');
        }
    }
}

static int by_text(const void *x, const void *y)
{
    return strcmp(x, y);
}

/* No two tokens share a word, and a word is one: a person could write the example back. */
static void check_words(const la_task *t, const void *opts)
{
    int64_t all = t->learned->vocabulary(opts), n = all < MOST_WORDS ? all : MOST_WORDS;
    char(*words)[16] = calloc((size_t)n, sizeof *words);
    for (int64_t i = 0; i < n; i++) {
        /* The first and the last ids: kinds of tokens meet at both ends. */
        int64_t id = i < n / 2 ? i : all - n + i;
        char buf[16] = "";
        const char *word = t->learned->word(opts, (int32_t)id, buf);
        size_t len = word ? strlen(word) : 0;
        if (len < 1 || len > 15 || word[strcspn(word, " \t\n")])
            fail_msg("task %s: token %" PRId64 " has no word", t->name, id);
        memcpy(words[i], word, len + 1);
    }
    qsort(words, (size_t)n, sizeof *words, by_text);
    for (int64_t i = 1; i < n; i++)
        if (strcmp(words[i], words[i - 1]) == 0)
            fail_msg("task %s: two tokens are called '%s'", t->name, words[i]);
    free(words);
}

static void test_tokens_and_labels_have_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_task *t = la_tasks_at(i);
        if (!t->learned) continue;
        if (!t->learned->word) fail_msg("task %s has no words of its tokens", t->name);
        la_subject s = la_subject_of(t->name, "");
        check_words(t, s.opts);
        la_head head = t->learned->head ? t->learned->head(s.opts) : (la_head){0};
        for (int64_t c = 0;
             head.kind == LA_HEAD_CLASSES && t->learned->label_word && c < head.classes; c++) {
            char buf[16] = "";
            assert_true(strlen(t->learned->label_word(s.opts, (int32_t)c, buf)) > 0);
        }
        la_subject_release(&s);
    }
}

/* Sets one option of an owner in a struct of that owner's own. */
static void check_setting(const la_task *t, const char *owner, const char *key, const char *value)
{
    la_model_opts model;
    la_train_opts train;
    la_err err = {0};
    la_status st;
    la_subject s = la_subject_of(t->name, "");
    if (strcmp(owner, "model") == 0) {
        la_options_default(la_model_option_table, la_model_options_len, &model);
        st = la_options_set(la_model_option_table, la_model_options_len, &model, owner, key, value,
                            &err);
    } else if (strcmp(owner, "train") == 0) {
        la_options_default(la_train_option_table, la_train_options_len, &train);
        st = la_options_set(la_train_option_table, la_train_options_len, &train, owner, key, value,
                            &err);
    } else {
        assert_string_equal(owner, t->name);
        st = la_options_set(t->options, t->options_len, s.opts, owner, key, value, &err);
        if (st == LA_OK) st = t->check(NULL, NULL, s.opts, &err);
    }
    if (st != LA_OK) fail_msg("task %s: %s", t->name, err.msg);
    la_subject_release(&s);
}

static void test_wishes_are_options_of_models_and_training(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_task *t = la_tasks_at(i);
        for (const la_wish *w = t->learned ? t->learned->wishes : NULL; w && w->owner; w++) {
            assert_true(strcmp(w->owner, "model") == 0 || strcmp(w->owner, "train") == 0);
            check_setting(t, w->owner, w->key, w->value);
        }
    }
}

static void check_step(const la_task *t, const la_difficulty *d)
{
    la_shape shape;
    la_err err = {0};
    if (d->owner) {
        assert_non_null(d->key);
        check_setting(t, d->owner, d->key, d->value);
        return;
    }
    char *end;
    int64_t T = strtoll(d->value, &end, 10);
    assert_true(T > 0 && *end == '\0');
    la_subject s = la_subject_of(t->name, "");
    if (t->learned->shape_at(s.opts, T, &shape, &err) != LA_OK) fail_msg("%s", err.msg);
    if (t->learned->mixture(s.opts, &T, 1, &shape, 1) != 1)
        fail_msg("task %s cannot be trained at its step of %" PRId64 " tokens", t->name, T);
    la_subject_release(&s);
}

static void test_steps_of_difficulty_can_be_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_task *t = la_tasks_at(i);
        for (const la_difficulty *d = t->learned ? t->learned->difficulties : NULL; d && d->axis;
             d++) {
            check_step(t, d);
            /* They are kept in a cell's JSON, and in its 24 bytes. */
            assert_true(strlen(d->axis) < 24 && strlen(d->value) < 24);
            assert_true(!strpbrk(d->axis, "\"\\ ") && !strpbrk(d->value, "\"\\ "));
            for (const la_difficulty *e = t->learned->difficulties; e < d; e++) {
                assert_false(strcmp(e->axis, d->axis) == 0 && strcmp(e->value, d->value) == 0);
                /* Steps of one axis stand together. */
                if (strcmp(e->axis, d->axis) == 0) assert_string_equal(d[-1].axis, d->axis);
            }
        }
    }
}

static void test_asking_options_are_options_of_the_task(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_task *t = la_tasks_at(i);
        const char *const *asking = t->learned ? t->learned->asking_options : NULL;
        for (; asking && *asking; asking++) {
            size_t k = 0;
            while (k < t->options_len && strcmp(t->options[k].name, *asking) != 0) k++;
            assert_true(k < t->options_len);
        }
    }
}

/* What is trained is the same under all values of an asking option. */
static void test_asking_options_leave_training_examples_alone(void **state)
{
    static const char *const asked[][2] = {
        {"mqar", "eval_pairs=4 eval_a=0.5 eval_spread=parts"},
        {"overwrite", "eval_pairs=4 eval_a=0.5 eval_spread=parts"}};
    (void)state;
    for (size_t i = 0; i < LA_COUNT(asked); i++) {
        la_subject plain = la_subject_of(asked[i][0], ""),
                   other = la_subject_of(asked[i][0], asked[i][1]);
        la_shape shapes[LA_MAX_SHAPES];
        const la_learned *l = plain.task->learned;
        size_t n = l->mixture(other.opts, l->train_lengths, 3, shapes, LA_MAX_SHAPES);
        assert_int_equal(n, l->mixture(plain.opts, l->train_lengths, 3, shapes, LA_MAX_SHAPES));
        for (size_t k = 0; k < n; k++) {
            la_made a = la_made_of(&plain, 3, LA_SPLIT_TRAIN, shapes[k], 7);
            la_made b = la_made_of(&other, 3, LA_SPLIT_TRAIN, shapes[k], 7);
            assert_true(la_made_equal(&a, &b));
            la_made_release(&a);
            la_made_release(&b);
        }
        la_subject_release(&plain);
        la_subject_release(&other);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions_can_be_printed),
        cmocka_unit_test(test_tokens_and_labels_have_words),
        cmocka_unit_test(test_wishes_are_options_of_models_and_training),
        cmocka_unit_test(test_steps_of_difficulty_can_be_taken),
        cmocka_unit_test(test_asking_options_are_options_of_the_task),
        cmocka_unit_test(test_asking_options_leave_training_examples_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
