/* SPDX-License-Identifier: Apache-2.0
 * forgetting_mqar and compositional_mqar: values told again, the grid of keys, where all is asked.
 */
#include "learned_kit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"

enum { SEED = 33 };

/* Weights of slots 0..of-1 with parameter a, as probabilities. */
static void weights_of(double a, int64_t of, double *law)
{
    double sum = 0;
    for (int64_t g = 0; g < of; g++) sum += law[g] = pow((double)(g + 1), a - 1);
    for (int64_t g = 0; g < of; g++) law[g] /= sum;
}

static int64_t answer_at(const la_made *m, int32_t key, int64_t back)
{
    for (int64_t a = 0; a < m->n; a++)
        if (m->tokens[m->answers[a].position - back] == key) return a;
    fail_msg("key %d is never asked", key);
    return -1;
}

/* forgetting_mqar, n 6: three of the keys are told a value that differs from their first one. */
static void test_half_of_the_keys_is_told_another_value(void **state)
{
    enum { N = 6, U = 3, VALUES = 12, EXAMPLES = 6000 };
    la_subject s = la_subject_of("forgetting_mqar", "vocab=24 filler=zero");
    la_shape shape = {.T = 40, .n = N};
    int64_t keys[11] = {0}, values[VALUES] = {0}, off[VALUES] = {0}, pairs[N * N] = {0};
    int64_t equal = 0, cells = 0;
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        int64_t order[U];
        for (int i = 0; i < N; i++) {
            keys[m.tokens[2 * i] - 1]++;
            values[m.tokens[2 * i + 1] - 12]++;
            for (int j = 0; j < i; j++) {
                assert_int_not_equal(m.tokens[2 * j], m.tokens[2 * i]);
                assert_int_not_equal(m.tokens[2 * j + 1], m.tokens[2 * i + 1]);
            }
        }
        for (int w = 0; w < U; w++) {
            order[w] = -1;
            for (int i = 0; i < N; i++)
                if (m.tokens[2 * (N + w)] == m.tokens[2 * i]) order[w] = i;
            assert_true(order[w] >= 0);
            for (int u = 0; u < w; u++) {
                assert_int_not_equal(order[u], order[w]);
                equal += m.tokens[2 * (N + u) + 1] == m.tokens[2 * (N + w) + 1];
            }
            off[(m.tokens[2 * (N + w) + 1] - m.tokens[2 * order[w] + 1] + VALUES) % VALUES]++;
        }
        pairs[order[0] * N + order[1]]++;
        la_made_release(&m);
    }
    la_assert_uniform("keys", keys, 11);
    la_assert_uniform("first values", values, VALUES);
    assert_int_equal(off[0], 0);
    la_assert_uniform("second value after the first", off + 1, VALUES - 1);
    /* Two second values agree as often as two draws that avoid different ids: 10/121. */
    double p = 10 / 121.0, n = 3.0 * EXAMPLES;
    assert_true(fabs((double)equal / n - p) < 5 * sqrt(p * (1 - p) / n));
    for (int i = 0; i < N * N; i++) {
        if (i / N == i % N) assert_int_equal(pairs[i], 0);
        if (i / N != i % N) pairs[cells++] = pairs[i];
    }
    la_assert_uniform("first two keys told again", pairs, cells);
    la_subject_release(&s);
}

/* Every key is asked once, at an even distance behind the writes, and the last value counts. */
static void test_the_last_value_counts(void **state)
{
    enum { N = 8, CONTEXT = 24 };
    la_subject s = la_subject_of("forgetting_mqar", "filler=zero");
    la_shape shape = {.T = 64, .n = N};
    (void)state;
    assert_string_equal(s.task->learned->group_names[0], "kept");
    assert_string_equal(s.task->learned->group_names[1], "overwritten");
    for (uint64_t index = 0; index < 200; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, index);
        int64_t overwritten = 0;
        assert_int_equal(m.n, N);
        for (int i = 0; i < N; i++) {
            const la_answer *a = &m.answers[answer_at(&m, m.tokens[2 * i], 0)];
            int64_t last = i;
            for (int w = N; w < CONTEXT / 2; w++)
                if (m.tokens[2 * w] == m.tokens[2 * i]) last = w;
            assert_true(a->position >= CONTEXT && a->position % 2 == 0);
            assert_int_equal(a->label, m.tokens[2 * last + 1]);
            assert_int_equal(a->distance, a->position - (2 * last + 1));
            assert_int_equal(a->group, last >= N);
            overwritten += a->group;
        }
        assert_int_equal(overwritten, N / 2);
        la_made_release(&m);
    }
    la_subject_release(&s);
}

/* The slot of the first key of the context, against the weights of training and of a sweep. */
static void first_slots_follow(const char *task, const char *options, la_shape shape,
                               int64_t context, int64_t width, double a, double not_a)
{
    enum { MOST = 32 };
    la_subject s = la_subject_of(task, options);
    int64_t of = (shape.T - context) / width, seen[MOST] = {0}, cells = of < 12 ? of : 12;
    double law[MOST], other[MOST];
    assert_true(of <= MOST);
    for (uint64_t index = 0; index < 4000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        for (int64_t i = 0; i < m.n; i++) {
            int64_t at = m.answers[i].position - (width - 2);
            if (memcmp(m.tokens + at, m.tokens, (size_t)(width - 1) * sizeof *m.tokens) != 0)
                continue;
            assert_int_equal((at - context) % width, 0);
            int64_t slot = (at - context) / width;
            seen[slot < cells ? slot : cells - 1]++;
        }
        la_made_release(&m);
    }
    weights_of(a, of, law);
    weights_of(not_a, of, other);
    for (int64_t g = cells; g < of; g++) {
        law[cells - 1] += law[g];
        other[cells - 1] += other[g];
    }
    la_assert_law(task, seen, law, cells);
    la_refute_law(task, seen, other, cells);
    la_subject_release(&s);
}

static void test_the_first_key_is_asked_by_the_weights(void **state)
{
    (void)state;
    first_slots_follow("forgetting_mqar", "filler=zero vocab=64", (la_shape){64, 4, 0}, 12, 2, 0.01,
                       1);
    first_slots_follow("forgetting_mqar", "filler=zero vocab=64", (la_shape){64, 4, 1}, 12, 2, 1,
                       0.5);
    first_slots_follow("compositional_mqar", "filler=zero vocab=64", (la_shape){64, 4, 0}, 12, 3,
                       0.01, 1);
    first_slots_follow("compositional_mqar", "filler=zero vocab=64", (la_shape){65, 4, 1}, 12, 3, 1,
                       0.5);
    first_slots_follow("compositional_mqar", "filler=zero vocab=64 eval_a=0.01",
                       (la_shape){64, 4, 1}, 12, 3, 0.01, 0.5);
}

/* Counts of tokens behind the writes that are no question, over many examples. */
static void count_filler(const char *task, const char *options, la_shape shape, int64_t context,
                         int64_t question, int64_t *seen, int64_t ids)
{
    la_subject s = la_subject_of(task, options);
    memset(seen, 0, (size_t)ids * sizeof *seen);
    for (uint64_t index = 0; index < 600; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        int64_t at = 0;
        for (int64_t t = context; t < shape.T; t++) {
            bool asked = at < m.n && t > m.answers[at].position - question;
            if (!asked) seen[m.tokens[t]]++;
            if (at < m.n && t == m.answers[at].position) at++;
        }
        assert_int_equal(at, m.n);
        la_made_release(&m);
    }
    la_subject_release(&s);
}

static void test_fillers_are_what_they_are_called(void **state)
{
    static const struct {
        const char *task, *options;
        la_shape shape;
        int64_t context, question;
    } cases[] = {{"forgetting_mqar", "vocab=90 noise=7", {100, 8, 0}, 24, 1},
                 {"compositional_mqar", "vocab=90 noise=7", {101, 9, 0}, 27, 2}};
    int64_t seen[97];
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        int64_t fillers =
            600 * (cases[i].shape.T - cases[i].context - cases[i].question * cases[i].shape.n);
        char text[64];
#define COUNT(filler)                                                                              \
    snprintf(text, sizeof text, "%s filler=" filler, cases[i].options);                            \
    count_filler(cases[i].task, text, cases[i].shape, cases[i].context, cases[i].question, seen, 97)
        COUNT("uniform");
        la_assert_uniform("uniform", seen, 90);
        COUNT("zero");
        assert_int_equal(seen[0], fillers);
        COUNT("noise");
        la_assert_uniform("noise", seen + 90, 7);
        int64_t noise = 0;
        for (int id = 90; id < 97; id++) noise += seen[id];
        assert_int_equal(noise, fillers);
#undef COUNT
    }
}

/* A distractor is no part of a key, and every other id is as likely. */
static void test_distractors_spare_the_keys(void **state)
{
    la_subject s = la_subject_of("compositional_mqar", "vocab=36 filler=distractor");
    la_shape shape = {.T = 60, .n = 9};
    int64_t seen[36] = {0};
    double law[36];
    (void)state;
    for (uint64_t index = 0; index < 2000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        int64_t at = 0;
        for (int64_t t = 27; t < shape.T; t++) {
            if (at < m.n && t >= m.answers[at].position - 1) {
                at += t == m.answers[at].position;
                continue;
            }
            for (int64_t w = 0; w < 27; w += 3) {
                assert_int_not_equal(m.tokens[t], m.tokens[w]);
                assert_int_not_equal(m.tokens[t], m.tokens[w + 1]);
            }
            seen[m.tokens[t]]++;
        }
        la_made_release(&m);
    }
    /* 3 of 11 first keys and 3 of 12 second keys are spoken for; 30 ids are left. */
    for (int id = 0; id < 36; id++)
        law[id] = (id == 0 || id >= 24 ? 1 : id < 12 ? 8 / 11.0 : 9 / 12.0) / 30;
    la_assert_law("distractor", seen, law, 36);
    la_subject_release(&s);
}

/* compositional_mqar, n 9: three first keys with three second keys, each pair once. */
static void test_keys_form_a_grid(void **state)
{
    enum { N = 9, SIDE = 3, EXAMPLES = 5000 };
    la_subject s = la_subject_of("compositional_mqar", "vocab=36 filler=zero");
    la_shape shape = {.T = 60, .n = N};
    int64_t firsts[11] = {0}, seconds[12] = {0}, values[12] = {0}, same[3] = {0};
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        for (int i = 0; i < N; i++) {
            const int32_t *t = m.tokens + 3 * i;
            int like_first = 0, like_second = 0;
            firsts[t[0] - 1]++;
            seconds[t[1] - 12]++;
            values[t[2] - 24]++;
            for (int j = 0; j < N; j++) {
                const int32_t *u = m.tokens + 3 * j;
                like_first += u[0] == t[0];
                like_second += u[1] == t[1];
                if (i != j) assert_false(u[0] == t[0] && u[1] == t[1]);
                if (i != j) assert_int_not_equal(u[2], t[2]);
            }
            assert_int_equal(like_first, SIDE); /* either token alone leaves three values */
            assert_int_equal(like_second, SIDE);
        }
        same[m.tokens[0] == m.tokens[3] ? 0 : m.tokens[1] == m.tokens[4] ? 1 : 2]++;
        la_made_release(&m);
    }
    la_assert_uniform("first keys", firsts, 11);
    la_assert_uniform("second keys", seconds, 12);
    la_assert_uniform("values", values, 12);
    /* Of the 8 other cells of the grid, 2 share the row, 2 the column, 4 neither. */
    la_assert_law("order", same, (const double[]){0.25, 0.25, 0.5}, 3);
    la_subject_release(&s);
}

/* Each key is asked once, by its two tokens, with its value at the second. */
static void test_both_tokens_are_asked(void **state)
{
    la_subject s = la_subject_of("compositional_mqar", "");
    la_shape shape = {.T = 256, .n = 36};
    (void)state;
    for (uint64_t index = 0; index < 30; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, index);
        bool asked[36] = {false};
        assert_int_equal(m.n, 36);
        for (int64_t a = 0; a < m.n; a++) {
            int64_t at = m.answers[a].position, which = -1;
            for (int64_t i = 0; i < 36; i++)
                if (m.tokens[at - 1] == m.tokens[3 * i] && m.tokens[at] == m.tokens[3 * i + 1])
                    which = i;
            assert_true(which >= 0 && !asked[which]);
            asked[which] = true;
            assert_int_equal((at - 1 - 108) % 3, 0);
            assert_int_equal(m.answers[a].label, m.tokens[3 * which + 2]);
            assert_int_equal(m.answers[a].distance, at - (3 * which + 2));
        }
        la_made_release(&m);
    }
    la_subject_release(&s);
}

static void expect_mixture(const char *task, const char *options, const la_shape *want, size_t n)
{
    la_subject s = la_subject_of(task, options);
    la_shape got[LA_MAX_SHAPES];
    const la_learned *l = s.task->learned;
    assert_int_equal(l->mixture(s.opts, l->train_lengths, 3, got, LA_MAX_SHAPES), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i].T, want[i].T);
        assert_int_equal(got[i].n, want[i].n);
    }
    assert_int_equal(l->mixture(s.opts, l->train_lengths, 3, got, 1), n > 0);
    la_subject_release(&s);
}

static void test_mixtures_hold_the_squares_that_fit(void **state)
{
    static const la_shape forgetting[] = {{64, 4, 0},   {64, 9, 0},   {128, 4, 0}, {128, 9, 0},
                                          {128, 16, 0}, {128, 25, 0}, {256, 4, 0}, {256, 9, 0},
                                          {256, 16, 0}, {256, 25, 0}, {256, 36, 0}};
    static const la_shape compositional[] = {{64, 4, 0},   {64, 9, 0},  {128, 4, 0}, {128, 9, 0},
                                             {128, 16, 0}, {256, 4, 0}, {256, 9, 0}, {256, 16, 0},
                                             {256, 25, 0}, {256, 36, 0}};
    static const la_shape eight[] = {{64, 8, 0}, {128, 8, 0}, {256, 8, 0}};
    (void)state;
    expect_mixture("forgetting_mqar", "", forgetting, LA_COUNT(forgetting));
    expect_mixture("compositional_mqar", "", compositional, LA_COUNT(compositional));
    expect_mixture("forgetting_mqar", "pairs=8", eight, 3);
    expect_mixture("compositional_mqar", "pairs=100", NULL, 0);
}

/* A sweep asks for as many pairs as were trained, unless it is told how many. */
static void test_a_sweep_asks_what_was_trained(void **state)
{
    static const char *const tasks[] = {"mqar", "overwrite", "forgetting_mqar",
                                        "compositional_mqar"};
    static const struct {
        const char *options;
        int64_t n;
    } cases[] = {{"", 16}, {"pairs=4", 4}, {"eval_pairs=9", 9}, {"pairs=4 eval_pairs=9", 9}};
    (void)state;
    for (size_t t = 0; t < LA_COUNT(tasks); t++)
        for (size_t i = 0; i < LA_COUNT(cases); i++) {
            la_subject s = la_subject_of(tasks[t], cases[i].options);
            la_err err = {0};
            la_shape shape;
            assert_int_equal(s.task->learned->shape_at(s.opts, 256, &shape, &err), LA_OK);
            assert_int_equal(shape.n, cases[i].n);
            la_subject_release(&s);
        }
}

static void test_what_cannot_be_is_refused_in_a_sentence(void **state)
{
    static const struct {
        const char *task, *options, *says;
    } cases[] = {
        {"forgetting_mqar", "", NULL},
        {"forgetting_mqar", "vocab=74 updates=1", NULL}, /* values may come twice */
        {"forgetting_mqar", "vocab=72", "raise forgetting_mqar.vocab to 74 or more"},
        {"forgetting_mqar", "vocab=72", "(0 stands for up to 36)"},
        {"compositional_mqar", "vocab=108", NULL},
        {"compositional_mqar", "vocab=102",
         "36 values with keys of their own do not fit compositional_mqar.vocab 102"},
        {"compositional_mqar", "vocab=30 pairs=9 eval_pairs=16", "lower compositional_mqar.eval"},
        {"compositional_mqar", "pairs=8", "not 8: set compositional_mqar.pairs to a square"},
        {"compositional_mqar", "eval_pairs=15", "set compositional_mqar.eval_pairs to a square"},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of(cases[i].task, cases[i].options);
        la_err err = {0};
        la_problem p = {.B = 1, .T = 256};
        la_status st = s.task->check(la_registry_find("softmax"), &p, s.opts, &err);
        assert_int_equal(st, cases[i].says ? LA_E_UNSUPPORTED : LA_OK);
        if (cases[i].says && !strstr(err.msg, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
        la_subject_release(&s);
    }
}

static void test_tokens_have_words(void **state)
{
    static const struct {
        const char *task, *options;
        int32_t token;
        const char *word;
    } cases[] = {
        {"forgetting_mqar", "vocab=64 filler=noise", 0, "."},
        {"forgetting_mqar", "vocab=64 filler=noise", 31, "k31"},
        {"forgetting_mqar", "vocab=64 filler=noise", 33, "v1"},
        {"forgetting_mqar", "vocab=64 filler=noise", 66, "~2"},
        {"compositional_mqar", "vocab=36 filler=noise", 0, "."},
        {"compositional_mqar", "vocab=36 filler=noise", 11, "a11"},
        {"compositional_mqar", "vocab=36 filler=noise", 12, "b0"},
        {"compositional_mqar", "vocab=36 filler=noise", 35, "v11"},
        {"compositional_mqar", "vocab=36 filler=noise", 40, "~4"},
    };
    char buf[16];
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of(cases[i].task, cases[i].options);
        assert_string_equal(s.task->learned->word(s.opts, cases[i].token, buf), cases[i].word);
        la_subject_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_of_the_keys_is_told_another_value),
        cmocka_unit_test(test_the_last_value_counts),
        cmocka_unit_test(test_the_first_key_is_asked_by_the_weights),
        cmocka_unit_test(test_fillers_are_what_they_are_called),
        cmocka_unit_test(test_distractors_spare_the_keys),
        cmocka_unit_test(test_keys_form_a_grid),
        cmocka_unit_test(test_both_tokens_are_asked),
        cmocka_unit_test(test_mixtures_hold_the_squares_that_fit),
        cmocka_unit_test(test_a_sweep_asks_what_was_trained),
        cmocka_unit_test(test_what_cannot_be_is_refused_in_a_sentence),
        cmocka_unit_test(test_tokens_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
