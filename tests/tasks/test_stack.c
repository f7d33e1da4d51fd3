/* SPDX-License-Identifier: Apache-2.0
 * palindrome and stack: what is written, how often, and what is asked.
 */
#include "learned_kit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"

enum { SEED = 41 };

static void test_palindrome_turns_round(void **state)
{
    enum { T = 18, N = T / 2, A = 6 };
    la_subject s = la_subject_of("palindrome", "alphabet=6");
    int64_t pairs[A * A] = {0}, far[A * A] = {0};
    (void)state;
    for (uint64_t index = 0; index < 3000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        for (int t = 0; t < N; t++) assert_true(m.tokens[t] >= 0 && m.tokens[t] < A);
        assert_int_equal(m.tokens[N], A);
        assert_int_equal(m.n, N - 1);
        for (int i = 1; i < N; i++) {
            assert_int_equal(m.tokens[N + i], m.tokens[N - i]);
            assert_int_equal(m.answers[i - 1].position, N + i); /* none at the separator */
            assert_int_equal(m.answers[i - 1].label, m.tokens[N - 1 - i]);
            assert_int_equal(m.answers[i - 1].distance, 2 * i + 1);
        }
        pairs[m.tokens[3] * A + m.tokens[4]]++;
        far[m.tokens[0] * A + m.tokens[N - 1]]++;
        la_made_release(&m);
    }
    la_assert_uniform("neighbours", pairs, A * A);
    la_assert_uniform("first and last", far, A * A);
    la_subject_release(&s);
}

static void test_palindrome_of_four_tokens(void **state)
{
    la_subject s = la_subject_of("palindrome", "");
    la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, (la_shape){.T = 4}, 0);
    char buf[16];
    (void)state;
    assert_int_equal(m.n, 1);
    assert_int_equal(m.answers[0].label, m.tokens[0]);
    assert_int_equal(m.tokens[2], 64);
    assert_int_equal(m.tokens[3], m.tokens[1]);
    assert_string_equal(s.task->learned->word(s.opts, 64, buf), "sep");
    assert_string_equal(s.task->learned->word(s.opts, 5, buf), "x5");
    la_made_release(&m);
    la_subject_release(&s);
}

enum { PUSH = 1, POP = 2, STACKS = 3, ELEMENTS = 7, LONGEST = 256 };

/* Stacks that a test keeps beside an example: of each element its id and whether anything was ever pushed
 * upon it. */
typedef struct piles {
    struct {
        int32_t element;
        bool covered;
    } at[STACKS][LONGEST];
    int64_t height[STACKS];
} piles;

static int64_t filled(const piles *p)
{
    int64_t n = 0;
    for (int i = 0; i < STACKS; i++) n += p->height[i] > 0;
    return n;
}

/* One operation, with all that the definition says of it; returns true when it pops. */
static bool follow(piles *p, const la_made *m, int64_t t, int64_t *answered)
{
    int32_t stack = m->tokens[t + 1] - 3, element = m->tokens[t + 2];
    assert_true(stack >= 0 && stack < STACKS);
    assert_true(element >= 3 + STACKS && element < 3 + STACKS + ELEMENTS);
    int64_t height = p->height[stack];
    if (m->tokens[t] == PUSH) {
        if (height) p->at[stack][height - 1].covered = true;
        p->at[stack][height].element = element;
        p->at[stack][height].covered = false;
        p->height[stack]++;
        return false;
    }
    assert_int_equal(m->tokens[t], POP);
    assert_true(height > 0);
    const la_answer *a = &m->answers[(*answered)++];
    assert_int_equal(a->position, t + 1);
    assert_int_equal(a->label, p->at[stack][height - 1].element);
    assert_int_equal(a->label, element);
    assert_string_equal(la_tasks_find("stack")->learned->group_names[a->group],
                        p->at[stack][height - 1].covered ? "uncovered" : "fresh");
    p->height[stack]--;
    return true;
}

static void test_stack_draws_its_operations(void **state)
{
    enum { OPERATIONS = 12, T = 3 * OPERATIONS + 2 };
    la_subject s = la_subject_of("stack", "stacks=3 elements=7 pops=0.25");
    int64_t drawn[STACKS * STACKS] = {0}, elements[ELEMENTS * ELEMENTS] = {0}, kinds[2] = {0},
                           last[STACKS] = {0};
    (void)state;
    for (uint64_t index = 0; index < 3000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        piles p = {.height = {0}};
        int64_t answered = 0, full = 0;
        assert_int_equal(m.tokens[0], 0);
        assert_int_equal(m.tokens[1], 0);
        for (int i = 0; i < OPERATIONS; i++) {
            int64_t t = 2 + 3 * i;
            bool was_filled = p.height[m.tokens[t + 1] - 3] > 0, end = i + 1 == OPERATIONS;
            full = filled(&p);
            int64_t before = 0;
            for (int k = 0; k < m.tokens[t + 1] - 3; k++) before += p.height[k] > 0;
            bool pops = follow(&p, &m, t, &answered);
            if (!end && was_filled) kinds[pops]++;
            if (!end || full == 0) continue;
            assert_true(pops);
            if (full == STACKS) last[before]++;
        }
        assert_int_equal(answered, m.n);
        drawn[(m.tokens[3] - 3) * STACKS + m.tokens[6] - 3]++;
        if (m.tokens[5] == PUSH)
            elements[(m.tokens[4] - 3 - STACKS) * ELEMENTS + m.tokens[7] - 3 - STACKS]++;
        la_made_release(&m);
    }
    la_assert_uniform("stacks of the first two operations", drawn, STACKS * STACKS);
    la_assert_uniform("elements of two pushes", elements, ELEMENTS * ELEMENTS);
    la_assert_law("pops of what is not empty", kinds, (double[]){0.75, 0.25}, 2);
    la_assert_uniform("stack of the last operation", last, STACKS);
    la_subject_release(&s);
}

/* Where every stack is empty in the end, the last operation pushes: pop follows push on a single stack. */
static void test_stack_of_one_that_always_pops(void **state)
{
    la_subject s = la_subject_of("stack", "stacks=1 pops=1");
    la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, (la_shape){.T = 9}, 0);
    (void)state;
    assert_int_equal(m.n, 1);
    assert_int_equal(m.tokens[0], PUSH);
    assert_int_equal(m.tokens[3], POP);
    assert_int_equal(m.tokens[6], PUSH);
    assert_int_equal(m.answers[0].distance, 2);
    la_made_release(&m);
    la_subject_release(&s);
}

/* Without pops there is one answer, the last operation's. */
static void test_stack_that_never_pops_is_asked_once(void **state)
{
    la_subject s = la_subject_of("stack", "pops=0");
    la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, (la_shape){.T = 300}, 0);
    (void)state;
    assert_int_equal(m.n, 1);
    assert_int_equal(m.answers[0].position, 298);
    la_made_release(&m);
    la_subject_release(&s);
}

/* As the definition says, a stack's height grows as the square root of the operations on it: the walk
 * that is turned back at 0, of mean sqrt(2 m / pi) after m of them. */
static void test_stacks_grow_as_a_reflected_walk(void **state)
{
    enum { T = 3 * 6400, EXAMPLES = 40, M = 100 };
    la_subject s = la_subject_of("stack", "");
    double sum = 0;
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        sum += (double)(T / 3 - 2 * m.n) / 64;
        la_made_release(&m);
    }
    double mean = sum / EXAMPLES, expected = sqrt(2 * M / 3.14159265358979);
    if (!(fabs(mean / expected - 1) < 0.1)) fail_msg("%g elements a stack, not %g", mean, expected);
    la_subject_release(&s);
}

/* The share of pops that uncover, as the definition gives it. */
static void test_shares_of_uncovered_pops(void **state)
{
    static const struct {
        const char *options;
        int64_t T, examples;
        double low, high;
    } cases[] = {{"", 256, 600, 0.025, 0.035},
                 {"", 2048, 40, 0.23, 0.27},
                 {"stacks=8", 256, 200, 0.23, 0.27}};
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of("stack", cases[i].options);
        int64_t kinds[2] = {0};
        for (int64_t index = 0; index < cases[i].examples; index++) {
            la_made m =
                la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = cases[i].T}, (uint64_t)index);
            for (int64_t a = 0; a < m.n; a++) kinds[m.answers[a].group]++;
            la_made_release(&m);
        }
        double share = (double)kinds[1] / (double)(kinds[0] + kinds[1]);
        if (!(share > cases[i].low && share < cases[i].high))
            fail_msg("T %" PRId64 " %s: a share of %g", cases[i].T, cases[i].options, share);
        la_subject_release(&s);
    }
}

static void test_stack_has_words(void **state)
{
    static const char *const words[] = {".", "push", "pop", "s0", "s63", "e0", "e63"};
    static const int32_t tokens[] = {0, 1, 2, 3, 66, 67, 130};
    la_subject s = la_subject_of("stack", "");
    char buf[16];
    (void)state;
    for (size_t i = 0; i < LA_COUNT(words); i++)
        assert_string_equal(s.task->learned->word(s.opts, tokens[i], buf), words[i]);
    assert_int_equal(s.task->learned->vocabulary(s.opts), 131);
    la_subject_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_palindrome_turns_round),
        cmocka_unit_test(test_palindrome_of_four_tokens),
        cmocka_unit_test(test_stack_draws_its_operations),
        cmocka_unit_test(test_stack_of_one_that_always_pops),
        cmocka_unit_test(test_stack_that_never_pops_is_asked_once),
        cmocka_unit_test(test_stacks_grow_as_a_reflected_walk),
        cmocka_unit_test(test_shares_of_uncovered_pops),
        cmocka_unit_test(test_stack_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
