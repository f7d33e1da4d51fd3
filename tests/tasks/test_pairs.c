/* SPDX-License-Identifier: Apache-2.0
 * mqar and overwrite: the laws of keys, values, slots and fillers, against what sequential sampling
 * demands and against laws that it must not follow.
 */
#include "learned_kit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"

enum { SEED = 9 };

/* The slot where the pair of the context's i-th write is asked. */
static int64_t slot_of(const la_made *m, int64_t context, int64_t i)
{
    for (int64_t a = 0; a < m->n; a++)
        if (m->tokens[m->answers[a].position] == m->tokens[2 * i]) {
            assert_int_equal((m->answers[a].position - context) % 2, 0);
            return (m->answers[a].position - context) / 2;
        }
    fail_msg("pair %d is never asked", (int)i);
    return -1;
}

/* Probability that slots[0..n-1] are drawn in this order: each by its weight among what is left. */
static double in_order(double a, int64_t of, const int64_t *slots, int n)
{
    double left = 0, p = 1;
    for (int64_t g = 0; g < of; g++) left += pow((double)(g + 1), a - 1);
    for (int k = 0; k < n; k++) {
        double w = pow((double)(slots[k] + 1), a - 1);
        p *= w / left;
        left -= w;
    }
    return p;
}

/* Law of all ordered draws of n slots of `of`; `code` of a draw is its number in base `of`. Returns the
 * count of cells; cell[code] is -1 where a slot repeats. */
static int64_t law_of_draws(double a, int64_t of, int n, int64_t *cell, double *law)
{
    int64_t codes = 1, cells = 0;
    for (int k = 0; k < n; k++) codes *= of;
    for (int64_t code = 0; code < codes; code++) {
        int64_t slots[4], rest = code;
        bool repeats = false;
        for (int k = 0; k < n; k++, rest /= of) {
            slots[k] = rest % of;
            for (int j = 0; j < k; j++) repeats |= slots[j] == slots[k];
        }
        cell[code] = repeats ? -1 : cells;
        if (!repeats) law[cells++] = in_order(a, of, slots, n);
    }
    return cells;
}

enum { CELLS = 120, CODES = 625 };

static void slots_follow(const char *options, la_shape shape, double a, double not_a)
{
    la_subject s = la_subject_of("mqar", options);
    int64_t of = (shape.T - 2 * shape.n) / 2, cell[CODES], seen[CELLS] = {0};
    double law[CELLS], other[CELLS];
    int n = (int)shape.n;
    int64_t cells = law_of_draws(a, of, n, cell, law);
    for (uint64_t index = 0; index < 24000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        int64_t code = 0, base = 1;
        for (int k = 0; k < n; k++, base *= of) code += base * slot_of(&m, 2 * shape.n, k);
        assert_true(cell[code] >= 0);
        seen[cell[code]]++;
        la_made_release(&m);
    }
    la_assert_law("order of slots", seen, law, cells);
    law_of_draws(not_a, of, n, cell, other);
    la_refute_law("order of slots", seen, other, cells);
    la_subject_release(&s);
}

static void test_slots_are_drawn_one_after_another_with_their_weights(void **state)
{
    (void)state;
    slots_follow("vocab=32", (la_shape){.T = 12, .n = 2}, 0.01, 1);
    slots_follow("vocab=32", (la_shape){.T = 16, .n = 3}, 0.01, 0.1);
    slots_follow("vocab=32 a=2", (la_shape){.T = 16, .n = 3}, 2, 1.7);
    slots_follow("vocab=32", (la_shape){.T = 16, .n = 4}, 0.01, 0.5); /* every slot is used */
}

static void test_far_slots_are_uniform_unless_told(void **state)
{
    (void)state;
    slots_follow("vocab=32", (la_shape){.T = 16, .n = 3, .far = 1}, 1, 0.8);
    slots_follow("vocab=32 eval_a=0.01", (la_shape){.T = 16, .n = 3, .far = 1}, 0.01, 1);
}

/* With a = 0.01 the first pair is asked right away in a known share of the examples. */
static void test_first_slot_is_drawn_first_as_often_as_computed(void **state)
{
    static const struct {
        la_shape shape;
        double share;
    } known[] = {
        {{64, 4, 0}, 0.251}, {{128, 8, 0}, 0.213}, {{256, 16, 0}, 0.185}, {{512, 64, 0}, 0.167}};
    enum { EXAMPLES = 3000 };
    la_subject s = la_subject_of("mqar", "");
    (void)state;
    for (size_t i = 0; i < LA_COUNT(known); i++) {
        double p = known[i].share, sigma = sqrt(p * (1 - p) / EXAMPLES), hits = 0;
        for (uint64_t index = 0; index < EXAMPLES; index++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, known[i].shape, index);
            hits += slot_of(&m, 2 * m.shape.n, 0) == 0;
            la_made_release(&m);
        }
        assert_true(fabs(hits / EXAMPLES - p) < 0.001 + 4 * sigma);
    }
    la_subject_release(&s);
}

static void assert_whole_rest_is_asked(const char *options)
{
    la_subject s = la_subject_of("mqar", options);
    la_shape shape;
    int64_t tenths[10] = {0}, first[10] = {0};
    assert_int_equal(s.task->learned->shape_at(s.opts, 8032, &shape, NULL), LA_OK);
    for (uint64_t index = 0; index < 60; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, index);
        for (int64_t a = 0; a < m.n; a++) tenths[(m.answers[a].position - 32) / 800]++;
        first[slot_of(&m, 32, 0) / 400]++;
        la_made_release(&m);
    }
    la_assert_uniform("tenths of the rest", tenths, 10);
    la_assert_uniform("tenths, first pair", first, 10);
    la_subject_release(&s);
}

/* Questions of a long example lie anywhere behind the pairs, so distance grows with the length. */
static void test_far_questions_cover_the_whole_rest(void **state)
{
    (void)state;
    assert_whole_rest_is_asked("");
}

/* First token of an example's answers behind the context, and the last, in slots. */
static void ends_of(const la_made *m, int64_t context, int64_t step, int64_t *first, int64_t *last)
{
    *first = (m->answers[0].position - context) / step;
    *last = (m->answers[m->n - 1].position - context) / step;
}

/* From 32k tokens on example i asks in part i of as many as 64 answers take examples, each pair once. */
static void test_long_examples_ask_in_one_part_after_the_other(void **state)
{
    static const struct {
        const char *task, *options;
        int64_t T, context, step, parts;
    } cases[] = {
        {"mqar", "", 32768, 32, 2, 4},
        {"mqar", "eval_pairs=4", 32770, 8, 2, 16},
        {"mqar", "eval_pairs=24", 65536, 48, 2, 3},
        {"overwrite", "filler=distractor", 65536, 48, 2, 4},
        {"forgetting_mqar", "", 32768, 48, 2, 4},
        {"compositional_mqar", "", 32768, 48, 3, 4},
        {"mqar", "eval_spread=parts", 1024, 32, 2, 4},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of(cases[i].task, cases[i].options);
        la_shape shape;
        assert_int_equal(s.task->learned->shape_at(s.opts, cases[i].T, &shape, NULL), LA_OK);
        int64_t slots = (shape.T - cases[i].context) / cases[i].step, parts = cases[i].parts;
        for (int64_t index = 0; index < 2 * parts; index++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, (uint64_t)index);
            int64_t first, last, part = index % parts;
            ends_of(&m, cases[i].context, cases[i].step, &first, &last);
            assert_int_equal(m.n, shape.n);
            for (int64_t a = 0; a < m.n; a++)
                for (int64_t b = 0; b < a; b++)
                    assert_int_not_equal(m.answers[a].label, m.answers[b].label);
            assert_true(first >= slots * part / parts && last < slots * (part + 1) / parts);
            la_made_release(&m);
        }
        la_subject_release(&s);
    }
}

/* No shorter length, no other weight, no part too small for the pairs, none where one example has the answers. */
static void test_other_examples_ask_everywhere(void **state)
{
    static const struct {
        const char *options;
        int64_t T;
    } cases[] = {
        {"", 32766},
        {"eval_spread=whole", 65536},
        {"eval_a=0.5 eval_spread=parts", 32768},
        {"eval_pairs=64", 32768},
        {"eval_pairs=33 eval_spread=parts", 196}, /* 65 slots: one part has 32 */
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        char options[96];
        snprintf(options, sizeof options, "%s eval_spread=whole", cases[i].options);
        la_subject s = la_subject_of("mqar", cases[i].options),
                   whole = la_subject_of("mqar", options);
        la_shape shape;
        assert_int_equal(s.task->learned->shape_at(s.opts, cases[i].T, &shape, NULL), LA_OK);
        for (uint64_t index = 0; index < 4; index++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, index);
            la_made w = la_made_of(&whole, SEED, LA_SPLIT_TEST, shape, index);
            assert_true(la_made_equal(&m, &w));
            la_made_release(&m);
            la_made_release(&w);
        }
        la_subject_release(&s);
        la_subject_release(&whole);
    }
}

/* All parts together are the law of the whole. */
static void test_parts_together_cover_the_whole_rest(void **state)
{
    (void)state;
    assert_whole_rest_is_asked("eval_spread=parts");
}

static void test_keys_and_values_are_different_and_uniform(void **state)
{
    enum { EXAMPLES = 4000 };
    la_subject s = la_subject_of("mqar", "vocab=33");
    la_shape shape = {.T = 40, .n = 6};
    int64_t keys[15] = {0}, values[17] = {0}, first[15 * 17] = {0}, after[15] = {0};
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        for (int64_t i = 0; i < 12; i += 2) {
            for (int64_t j = 0; j < i; j += 2) {
                assert_int_not_equal(m.tokens[j], m.tokens[i]);
                assert_int_not_equal(m.tokens[j + 1], m.tokens[i + 1]);
            }
            keys[m.tokens[i] - 1]++;
            values[m.tokens[i + 1] - 16]++;
        }
        first[(m.tokens[0] - 1) * 17 + m.tokens[1] - 16]++;
        after[(m.tokens[2] - m.tokens[0] + 15) % 15]++;
        la_made_release(&m);
    }
    la_assert_uniform("keys", keys, 15);
    la_assert_uniform("values", values, 17);
    la_assert_uniform("first key with first value", first, 15 * 17);
    assert_int_equal(after[0], 0);
    la_assert_uniform("second key after the first", after + 1, 14);
    la_subject_release(&s);
}

/* Every pair is asked once, at its key, at even distances from the context; nothing else is. */
static void test_every_pair_is_asked_once(void **state)
{
    la_subject s = la_subject_of("mqar", "");
    la_shape shape = {.T = 256, .n = 32};
    (void)state;
    for (uint64_t index = 0; index < 50; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        assert_int_equal(m.n, 32);
        for (int64_t i = 0; i < 32; i++) {
            int64_t at = 64 + 2 * slot_of(&m, 64, i);
            for (int64_t a = 0; a < m.n; a++)
                if (m.answers[a].position == at) {
                    assert_int_equal(m.answers[a].label, m.tokens[2 * i + 1]);
                    assert_int_equal(m.answers[a].distance, at - (2 * i + 1));
                    assert_int_equal(m.answers[a].group, 0);
                }
        }
        la_made_release(&m);
    }
    la_subject_release(&s);
}

/* Counts of the filler's ids over many examples; questions are left out. */
static void count_filler(const char *options, la_shape shape, uint64_t examples, int64_t *seen,
                         int64_t cells, double *equal_a_key)
{
    la_subject s = la_subject_of("mqar", options);
    memset(seen, 0, (size_t)cells * sizeof *seen);
    *equal_a_key = 0;
    for (uint64_t index = 0; index < examples; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        int64_t at = 0;
        for (int64_t t = 2 * shape.n; t < shape.T; t++) {
            if (at < m.n && m.answers[at].position == t) {
                at++;
                continue;
            }
            assert_true(m.tokens[t] < cells);
            seen[m.tokens[t]]++;
            for (int64_t i = 0; i < shape.n; i++) *equal_a_key += m.tokens[t] == m.tokens[2 * i];
        }
        la_made_release(&m);
    }
    *equal_a_key /= (double)examples;
    la_subject_release(&s);
}

static void test_fillers_are_what_they_are_called(void **state)
{
    enum { IDS = 544 };
    la_shape shape = {.T = 128, .n = 8};
    int64_t seen[IDS], fillers = 400 * (128 - 16 - 8);
    double equal;
    (void)state;
    count_filler("filler=zero", shape, 400, seen, IDS, &equal);
    assert_int_equal(seen[0], fillers);

    count_filler("", shape, 400, seen, IDS, &equal);
    for (int id = 0; id < 512; id++) assert_int_equal(seen[id], 0);
    la_assert_uniform("noise", seen + 512, 32);
    count_filler("noise=5", shape, 400, seen, IDS, &equal);
    la_assert_uniform("five noise ids", seen + 512, 5);
    assert_int_equal(seen[517], 0);

    count_filler("filler=uniform", shape, 400, seen, IDS, &equal);
    la_assert_uniform("uniform", seen, 512);
    assert_true(fabs(equal - 104 * 8 / 512.0) < 0.35); /* 1.63 spurious questions an example */

    /* Each id but the example's keys is as likely: id 0 and values always, a key where it is none. */
    count_filler("filler=distractor vocab=64", shape, 1500, seen, IDS, &equal);
    assert_true(equal == 0);
    double law[64];
    for (int id = 0; id < 64; id++) law[id] = (id == 0 || id >= 32 ? 1 : 23.0 / 31) / 56;
    la_assert_law("distractor", seen, law, 64);
    for (int id = 0; id < 64; id++) law[id] = 1.0 / 64;
    la_refute_law("distractor", seen, law, 64);
}

/* The numbers printed beside Zoology's sizes: filler tokens that equal a key, V 8192. */
static void test_uniform_filler_asks_as_many_spurious_questions_as_computed(void **state)
{
    static int64_t seen[8192];
    double equal;
    (void)state;
    count_filler("filler=uniform vocab=8192", (la_shape){.T = 256, .n = 16}, 2000, seen, 8192,
                 &equal);
    assert_true(fabs(equal - 0.41) < 0.06);
    count_filler("filler=uniform vocab=8192", (la_shape){.T = 1024, .n = 256}, 60, seen, 8192,
                 &equal);
    assert_true(fabs(equal - 8) < 1.5);
}

/* Tokens 2n to 3n of overwrite: which pairs are written again, and what that does to the answers. */
static void test_half_of_the_keys_is_written_again(void **state)
{
    enum { N = 8, EXAMPLES = 6000 };
    la_subject s = la_subject_of("overwrite", "vocab=64");
    la_shape shape = {.T = 64, .n = N};
    int64_t again[N] = {0}, first[N] = {0}, pairs[N * N] = {0}, values[32] = {0};
    double law[N * (N - 1)];
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        int64_t order[N / 2], groups[2] = {0};
        for (int w = 0; w < N / 2; w++) {
            order[w] = -1;
            for (int i = 0; i < N; i++)
                if (m.tokens[2 * (N + w)] == m.tokens[2 * i]) order[w] = i;
            assert_true(order[w] >= 0);
            for (int u = 0; u < w; u++) assert_int_not_equal(order[u], order[w]);
            for (int u = 0; u < N + w; u++)
                assert_int_not_equal(m.tokens[2 * u + 1], m.tokens[2 * (N + w) + 1]);
            again[order[w]]++;
            values[m.tokens[2 * (N + w) + 1] - 32]++;
        }
        first[order[0]]++;
        pairs[order[0] * N + order[1]]++;
        for (int64_t a = 0; a < m.n; a++) {
            int64_t last = -1;
            for (int w = 0; w < N + N / 2; w++)
                if (m.tokens[2 * w] == m.tokens[m.answers[a].position]) last = w;
            groups[m.answers[a].group]++;
            assert_int_equal(m.answers[a].group, last >= N);
            assert_int_equal(m.answers[a].label, m.tokens[2 * last + 1]);
            assert_int_equal(m.answers[a].distance, m.answers[a].position - (2 * last + 1));
        }
        assert_int_equal(groups[0], N / 2);
        assert_int_equal(groups[1], N / 2);
        la_made_release(&m);
    }
    la_assert_uniform("keys written again", again, N);
    la_assert_uniform("first key written again", first, N);
    la_assert_uniform("second values", values, 32);
    int64_t cells = 0;
    for (int i = 0; i < N * N; i++)
        if (i / N != i % N) {
            pairs[cells] = pairs[i];
            law[cells++] = 1.0 / (N * (N - 1));
        }
    la_assert_law("first two written again", pairs, law, cells);
    assert_string_equal(s.task->learned->group_names[1], "overwritten");
    la_subject_release(&s);
}

static void test_overwrite_counts_its_updates_down(void **state)
{
    static const struct {
        const char *options;
        int64_t n, updates;
    } cases[] = {{"updates=0", 6, 0}, {"updates=1", 6, 6}, {"updates=0.5", 7, 3}};
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of("overwrite", cases[i].options);
        la_shape shape = {.T = 64, .n = cases[i].n};
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, 0);
        int64_t overwritten = 0;
        for (int64_t a = 0; a < m.n; a++) overwritten += m.answers[a].group;
        assert_int_equal(overwritten, cases[i].updates);
        la_made_release(&m);
        la_subject_release(&s);
    }
}

static void expect_mixture(const char *task, const char *options, const la_shape *want, size_t n)
{
    la_subject s = la_subject_of(task, options);
    static const int64_t lengths[] = {30, 64, 101, 128, 256};
    la_shape got[LA_MAX_SHAPES];
    assert_int_equal(s.task->learned->mixture(s.opts, lengths, 5, got, LA_MAX_SHAPES), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i].T, want[i].T);
        assert_int_equal(got[i].n, want[i].n);
    }
    la_subject_release(&s);
}

static void test_mixtures_hold_the_pairs_that_fit(void **state)
{
    static const la_shape mqar[] = {{30, 4, 0},  {64, 4, 0},  {64, 8, 0},   {64, 16, 0},
                                    {128, 4, 0}, {128, 8, 0}, {128, 16, 0}, {128, 32, 0},
                                    {256, 4, 0}, {256, 8, 0}, {256, 16, 0}, {256, 32, 0}};
    static const la_shape overwrite[] = {{30, 4, 0},   {64, 4, 0},   {64, 8, 0},  {128, 4, 0},
                                         {128, 8, 0},  {128, 16, 0}, {256, 4, 0}, {256, 8, 0},
                                         {256, 16, 0}, {256, 32, 0}};
    static const la_shape twenty[] = {{128, 20, 0}, {256, 20, 0}};
    (void)state;
    expect_mixture("mqar", "", mqar, LA_COUNT(mqar));
    expect_mixture("overwrite", "", overwrite, LA_COUNT(overwrite));
    expect_mixture("mqar", "pairs=20", twenty, 2);
    expect_mixture("mqar", "pairs=65", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_drawn_one_after_another_with_their_weights),
        cmocka_unit_test(test_far_slots_are_uniform_unless_told),
        cmocka_unit_test(test_first_slot_is_drawn_first_as_often_as_computed),
        cmocka_unit_test(test_far_questions_cover_the_whole_rest),
        cmocka_unit_test(test_long_examples_ask_in_one_part_after_the_other),
        cmocka_unit_test(test_other_examples_ask_everywhere),
        cmocka_unit_test(test_parts_together_cover_the_whole_rest),
        cmocka_unit_test(test_keys_and_values_are_different_and_uniform),
        cmocka_unit_test(test_every_pair_is_asked_once),
        cmocka_unit_test(test_fillers_are_what_they_are_called),
        cmocka_unit_test(test_uniform_filler_asks_as_many_spurious_questions_as_computed),
        cmocka_unit_test(test_half_of_the_keys_is_written_again),
        cmocka_unit_test(test_overwrite_counts_its_updates_down),
        cmocka_unit_test(test_mixtures_hold_the_pairs_that_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
