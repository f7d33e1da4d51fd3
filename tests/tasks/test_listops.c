/* SPDX-License-Identifier: Apache-2.0
 * listops: trees as the generator draws them, what they are worth, where they stand.
 */
#include "learned_kit.h"

#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"

enum { SEED = 29, PAD = 0, DIGIT = 1, OPERATOR = 11, CLOSE = 15, CLS = 16, MOST = 20 };

/* What a pass over the tokens of one tree counts. */
typedef struct census {
    int64_t operators[4], digits[10];
    int64_t args[MOST + 1];                    /* operators by the number of their arguments */
    int64_t nodes[MOST + 2], opened[MOST + 2]; /* by depth: all nodes, and operators among them */
    int64_t deepest, tokens;
} census;

/* Reads a node at *at; *at is left behind it. */
static void count_node(const int32_t *tokens, int64_t *at, int64_t depth, census *c)
{
    int32_t token = tokens[(*at)++];
    assert_true(depth <= MOST);
    c->tokens++;
    c->nodes[depth]++;
    if (depth > c->deepest) c->deepest = depth;
    if (token >= DIGIT && token < OPERATOR) {
        c->digits[token - DIGIT]++;
        return;
    }
    assert_true(token >= OPERATOR && token < CLOSE);
    c->operators[token - OPERATOR]++;
    c->opened[depth]++;
    int64_t n = 0;
    for (; tokens[*at] != CLOSE; n++) count_node(tokens, at, depth + 1, c);
    assert_true(n >= 2 && n <= MOST);
    c->args[n]++;
    ++*at;
    c->tokens++;
}

/* One example is one whole tree behind padding, with CLS behind it where the head reads that. */
static int64_t check_layout(const la_made *m, bool cls, census *c)
{
    int64_t at = 0, end = cls ? m->shape.T - 1 : m->shape.T;
    while (m->tokens[at] == PAD) at++;
    int64_t begin = at;
    count_node(m->tokens, &at, 1, c);
    assert_int_equal(at, end);
    if (cls) assert_int_equal(m->tokens[end], CLS);
    assert_int_equal(m->n, 1);
    assert_int_equal(m->answers[0].position, m->shape.T - 1);
    assert_int_equal(m->answers[0].distance, 0);
    assert_int_equal(m->answers[0].group, m->tokens[begin] - OPERATOR);
    assert_true(m->answers[0].label >= 0 && m->answers[0].label < 10);
    return end - begin;
}

/* Trees of the arena: 501 to 1999 tokens, no deeper than 10, at most 10 arguments. */
static void test_the_arena_s_trees(void **state)
{
    la_subject s = la_subject_of("listops", "");
    census c = {0};
    int64_t least = 2000, most = 0;
    (void)state;
    for (uint64_t index = 0; index < 400; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 2000}, index);
        int64_t length = check_layout(&m, true, &c);
        least = length < least ? length : least;
        most = length > most ? length : most;
        la_made_release(&m);
    }
    assert_true(least >= 501 && least < 560);
    assert_true(most <= 1999 && most > 1900);
    assert_int_equal(c.deepest, 10);
    for (int n = 11; n <= MOST; n++) assert_int_equal(c.args[n], 0);
    la_assert_uniform("digits", c.digits, 10);
    la_assert_uniform("operators", c.operators, 4);
    la_subject_release(&s);
}

/* Where few trees exist their lengths have a law that can be counted by hand. */
static void test_small_trees_follow_their_law(void **state)
{
    static const struct {
        const char *options;
        int64_t T, lengths[10];
        double share[10]; /* of all trees that are neither too short nor too long */
        int n;
    } cases[] = {
        /* Two arguments, each with two digits in one of four cases. */
        {"depth=3 args=2", 11, {4, 7, 10}, {9 / 16.0, 6 / 16.0, 1 / 16.0}, 3},
        {"depth=3 args=2", 10, {4, 7}, {9 / 15.0, 6 / 15.0}, 2}, /* shorter than T */
        {"depth=3 args=2", 16, {7, 10}, {6 / 7.0, 1 / 7.0}, 2},  /* longer than T/4 */
        {"depth=3 args=2 pool=mean", 15, {4, 7, 10}, {9 / 16.0, 6 / 16.0, 1 / 16.0}, 3},
        /* Each number of arguments is as likely. */
        {"depth=2", 13, {4, 5, 6, 7, 8, 9, 10, 11, 12}, {0}, 9},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of("listops", cases[i].options);
        int64_t seen[10] = {0}, roots[4] = {0};
        census c = {0};
        for (uint64_t index = 0; index < 3000; index++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = cases[i].T}, index);
            int64_t length = check_layout(&m, !la_subject_option(&s, "pool"), &c);
            int which = 0;
            while (which < cases[i].n && cases[i].lengths[which] != length) which++;
            assert_true(which < cases[i].n);
            seen[which]++;
            roots[m.answers[0].group]++;
            la_made_release(&m);
        }
        if (cases[i].share[0] > 0)
            la_assert_law(cases[i].options, seen, cases[i].share, cases[i].n);
        else
            la_assert_uniform(cases[i].options, seen, cases[i].n);
        la_assert_uniform("operators at the root", roots, 4);
        la_assert_uniform("digits", c.digits, 10);
        la_subject_release(&s);
    }
}

/* All arguments of the one operator of smallest trees are independent digits. */
static void test_digits_are_independent(void **state)
{
    la_subject s = la_subject_of("listops", "depth=2 args=2");
    int64_t trees[400] = {0};
    (void)state;
    for (uint64_t index = 0; index < 8000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 5}, index);
        trees[(m.tokens[0] - OPERATOR) * 100 + (m.tokens[1] - DIGIT) * 10 + m.tokens[2] - DIGIT]++;
        la_made_release(&m);
    }
    la_assert_uniform("trees of two digits", trees, 400);
    la_subject_release(&s);
}

/* Values that a reader can check. */
static void test_operators_do_what_they_say(void **state)
{
    la_subject s = la_subject_of("listops", "depth=2 args=4");
    int medians = 0, halves = 0;
    (void)state;
    for (uint64_t index = 0; index < 2000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, (la_shape){.T = 8}, index);
        int at = 0, n = 0, sum = 0, least = 9, most = 0, value = m.answers[0].label;
        while (m.tokens[at] == PAD) at++;
        int root = m.tokens[at++] - OPERATOR, x[4];
        for (; m.tokens[at] != CLOSE; at++) x[n++] = m.tokens[at] - DIGIT;
        for (int i = 0; i < n; i++) {
            sum += x[i];
            least = x[i] < least ? x[i] : least;
            most = x[i] > most ? x[i] : most;
        }
        if (root == 0) assert_int_equal(value, least);
        if (root == 1) assert_int_equal(value, most);
        if (root == 3) assert_int_equal(value, sum % 10);
        if (root == 2 && n == 3) assert_int_equal(value, sum - least - most);
        medians += root == 2 && n == 3;
        if (root == 2 && n == 2) assert_int_equal(value, sum / 2);
        if (root == 2 && n == 4) assert_int_equal(value, (sum - least - most) / 2);
        halves += root == 2 && n == 2 && sum % 2;
        la_made_release(&m);
    }
    assert_true(medians > 50 && halves > 50);
    la_subject_release(&s);
}

/* The definition's words about guessing: 0 and 9 are the most frequent classes, each about one in
 * six or seven. */
static void test_classes_are_as_uneven_as_said(void **state)
{
    enum { EXAMPLES = 4000 };
    static const int64_t lengths[] = {32, 128};
    la_subject s = la_subject_of("listops", "");
    (void)state;
    for (size_t i = 0; i < LA_COUNT(lengths); i++) {
        int64_t seen[10] = {0};
        for (uint64_t index = 0; index < EXAMPLES; index++) {
            la_shape shape = {.T = lengths[i], .far = 1};
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, index);
            seen[m.answers[0].label]++;
            la_made_release(&m);
        }
        for (int c = 1; c < 9; c++) assert_true(seen[c] < seen[0] && seen[c] < seen[9]);
        for (int c = 0; c < 10; c += 9)
            assert_true(seen[c] > EXAMPLES * 0.13 && seen[c] < EXAMPLES * 0.2);
    }
    la_subject_release(&s);
}

static void test_head_is_what_pool_says(void **state)
{
    la_subject cls = la_subject_of("listops", ""), mean = la_subject_of("listops", "pool=mean");
    la_head a = cls.task->learned->head(cls.opts), b = mean.task->learned->head(mean.opts);
    char buf[16];
    (void)state;
    assert_true(a.kind == LA_HEAD_CLASSES && a.classes == 10 && !a.mean);
    assert_true(b.kind == LA_HEAD_CLASSES && b.classes == 10 && b.mean);
    assert_string_equal(cls.task->learned->word(cls.opts, 1, buf), "0");
    assert_string_equal(cls.task->learned->word(cls.opts, 10, buf), "9");
    assert_string_equal(cls.task->learned->word(cls.opts, 13, buf), "[MED");
    la_subject_release(&cls);
    la_subject_release(&mean);
}

/* A length that hardly a tree has is refused, where it is asked for and where it is made. */
static void test_lengths_that_trees_do_not_have_are_refused(void **state)
{
    static const struct {
        const char *options;
        int64_t T;
        bool refused;
    } cases[] = {
        {"depth=2 args=2", 15, false}, {"depth=2 args=2", 16, true}, {"depth=2", 47, false},
        {"depth=2", 48, true},         {"depth=3", 400, true},       {"", 8192, false},
        {"", 1 << 20, true},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of("listops", cases[i].options);
        const la_learned *l = s.task->learned;
        la_shape shape = {.T = cases[i].T}, out;
        la_err err = {0};
        assert_int_equal(l->shape_at(s.opts, cases[i].T, &out, &err),
                         cases[i].refused ? LA_E_UNSUPPORTED : LA_OK);
        assert_int_equal(l->mixture(s.opts, &cases[i].T, 1, &out, 1), !cases[i].refused);
        if (cases[i].refused) {
            assert_non_null(strstr(err.msg, "hardly a tree of listops.depth"));
            if (cases[i].T < 1000)
                assert_int_equal(
                    l->make(s.opts, SEED, LA_SPLIT_TEST, &shape, 0, NULL, NULL, NULL, &err),
                    LA_E_UNSUPPORTED);
        } else {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, 1);
            la_made_release(&m);
        }
        la_subject_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_arena_s_trees),
        cmocka_unit_test(test_small_trees_follow_their_law),
        cmocka_unit_test(test_digits_are_independent),
        cmocka_unit_test(test_operators_do_what_they_say),
        cmocka_unit_test(test_classes_are_as_uneven_as_said),
        cmocka_unit_test(test_head_is_what_pool_says),
        cmocka_unit_test(test_lengths_that_trees_do_not_have_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
