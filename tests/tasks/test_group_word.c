/* SPDX-License-Identifier: Apache-2.0
 * group_word: products that make a group, elements that are drawn evenly, where answers stand.
 */
#include "learned_kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"

enum { SEED = 23, MOST = 120, ORDERS = 61 };

/* The whole table of products, from examples alone: product so far, element, product after it. */
static void table_of(const la_subject *s, int order, int16_t *table)
{
    int left = order * order;
    memset(table, -1, (size_t)left * sizeof *table);
    for (uint64_t index = 0; left > 0; index++) {
        assert_true(index < 1000);
        la_made m = la_made_of(s, SEED, LA_SPLIT_TEST, (la_shape){.T = 2000, .far = 1}, index);
        int before = 0;
        for (int64_t t = 0; t < m.n; t++) {
            int16_t *cell = &table[before * order + m.tokens[t]];
            before = m.answers[t].label;
            assert_true(before >= 0 && before < order);
            left -= *cell < 0;
            if (*cell >= 0) assert_int_equal(*cell, before);
            *cell = (int16_t)before;
        }
        la_made_release(&m);
    }
}

static void check_axioms(const int16_t *of, int n)
{
    for (int a = 0; a < n; a++) {
        bool inverse = false;
        assert_int_equal(of[a], a); /* 0 is neutral on both sides */
        assert_int_equal(of[a * n], a);
        for (int b = 0; b < n; b++) {
            inverse |= of[a * n + b] == 0 && of[b * n + a] == 0;
            for (int c = 0; c < n; c++)
                if (of[of[a * n + b] * n + c] != of[a * n + of[b * n + c]])
                    fail_msg("(%d %d) %d is not %d (%d %d)", a, b, c, a, b, c);
        }
        assert_true(inverse);
    }
}

/* How often an element must be taken to be the neutral one again: how many elements have each such
 * order tells these groups from any other of their size. */
static void check_orders(const int16_t *of, int n, const int expected[7], int order_60)
{
    int seen[ORDERS] = {0};
    for (int a = 0; a < n; a++) {
        int order = 1;
        for (int power = a; power != 0; power = of[power * n + a]) order++;
        assert_true(order < ORDERS);
        seen[order]++;
    }
    for (int order = 1; order < 7; order++) assert_int_equal(seen[order], expected[order]);
    assert_int_equal(seen[60], order_60);
}

static void test_products_make_the_group(void **state)
{
    static const struct {
        const char *options;
        int n, orders[7], order_60;
        bool commutes;
    } groups[] = {
        {"group=s3 moves=0", 6, {0, 1, 3, 2, 0, 0, 0}, 0, false},
        {"group=s5 moves=0", 120, {0, 1, 25, 20, 30, 24, 20}, 0, false},
        {"group=a5 moves=0", 60, {0, 1, 15, 20, 0, 24, 0}, 0, false},
        {"group=z60 moves=0", 60, {0, 1, 1, 2, 2, 4, 2}, 16, true},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(groups); i++) {
        la_subject s = la_subject_of("group_word", groups[i].options);
        int n = groups[i].n, differ = 0;
        int16_t *table = malloc((size_t)(n * n) * sizeof *table);
        table_of(&s, n, table);
        check_axioms(table, n);
        check_orders(table, n, groups[i].orders, groups[i].order_60);
        for (int a = 0; a < n; a++)
            for (int b = 0; b < n; b++) differ += table[a * n + b] != table[b * n + a];
        assert_true((differ == 0) == groups[i].commutes);
        assert_int_equal(s.task->learned->vocabulary(s.opts), n);
        assert_true(fabs(s.task->chance(s.opts) * n - 1) < 1e-12);
        free(table);
        la_subject_release(&s);
    }
}

static void test_elements_are_even_and_independent(void **state)
{
    la_subject s = la_subject_of("group_word", "group=s3 moves=0"),
               large = la_subject_of("group_word", "moves=0");
    int64_t triples[216] = {0}, elements[MOST] = {0}, labels[MOST] = {0};
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 7}, index);
        triples[m.tokens[0] * 36 + m.tokens[3] * 6 + m.tokens[6]]++;
        la_made_release(&m);
        m = la_made_of(&large, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 12}, index);
        elements[m.tokens[index % 12]]++;
        labels[m.answers[index % 12].label]++;
        la_made_release(&m);
    }
    la_assert_uniform("elements at three places", triples, 216);
    la_assert_uniform("elements of s5", elements, MOST);
    la_assert_uniform("answers of s5", labels, MOST);
    la_subject_release(&s);
    la_subject_release(&large);
}

/* The elements that move few things, each as likely, and none besides; their products are in the
 * end all elements evenly. */
static void test_moves_leaves_the_elements_that_move_few(void **state)
{
    static const struct {
        const char *options;
        int n, most, drawn;
    } cases[] = {
        {"group=s3", 6, 2, 4},           {"", 120, 2, 11},        {"group=a5", 60, 3, 21},
        {"moves=2", 120, 2, 11},         {"moves=3", 120, 3, 31}, {"moves=5", 120, 5, 120},
        {"group=a5 moves=3", 60, 3, 21}, {"moves=4", 120, 4, 76},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of("group_word", cases[i].options);
        int64_t seen[MOST] = {0}, late[MOST] = {0}, drawn = 0;
        for (uint64_t index = 0; index < 1500; index++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 60}, index);
            for (int t = 0; t < 60; t++) seen[m.tokens[t]]++;
            late[m.answers[59].label]++;
            la_made_release(&m);
        }
        for (int32_t e = 0; e < cases[i].n; e++) {
            char buf[16];
            const char *word = s.task->learned->word(s.opts, e, buf);
            int moved = 0;
            for (int place = 0; word[place]; place++) moved += word[place] != '1' + place;
            assert_true((seen[e] > 0) == (moved <= cases[i].most));
            if (seen[e]) seen[drawn++] = seen[e];
        }
        assert_int_equal(drawn, cases[i].drawn);
        la_assert_uniform(cases[i].options, seen, drawn);
        la_assert_uniform(cases[i].options, late, cases[i].n);
        la_subject_release(&s);
    }
}

/* From words to words, as the definition says it: the example that stands there. */
static void test_words_are_what_stands_where(void **state)
{
    static const char *const steps[][3] = {
        {"12345", "12435", "12435"}, {"12435", "21345", "21435"}, {"21435", "13245", "24135"}};
    la_subject s = la_subject_of("group_word", "group=s5 pauses=1 moves=0");
    const la_learned *l = s.task->learned;
    (void)state;
    int found = 0;
    for (uint64_t index = 0; index < 4000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 40}, index);
        int32_t before = 0;
        for (int64_t k = 0; k < m.n; k++) {
            char a[16], b[16], c[16];
            const char *had = l->word(s.opts, before, a),
                       *take = l->word(s.opts, m.tokens[2 * k], b);
            before = m.answers[k].label;
            for (size_t i = 0; i < LA_COUNT(steps); i++) {
                if (strcmp(had, steps[i][0]) != 0 || strcmp(take, steps[i][1]) != 0) continue;
                assert_string_equal(l->word(s.opts, before, c), steps[i][2]);
                found |= 1 << i;
            }
        }
        la_made_release(&m);
    }
    assert_int_equal(found, 7);
    char buf[16];
    assert_string_equal(l->word(s.opts, 120, buf), ".");
    la_subject_release(&s);
    s = la_subject_of("group_word", "group=z60 moves=0");
    assert_string_equal(l->word(s.opts, 17, buf), "17");
    la_subject_release(&s);
}

static void test_pauses_stand_behind_each_element(void **state)
{
    la_subject s = la_subject_of("group_word", "pauses=3 moves=0");
    la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 48}, 4);
    (void)state;
    assert_int_equal(s.task->learned->vocabulary(s.opts), 121);
    assert_int_equal(m.n, 12);
    for (int t = 0; t < 48; t++) assert_true((m.tokens[t] == 120) == (t % 4 != 0));
    for (int k = 0; k < 12; k++) assert_int_equal(m.answers[k].position, 4 * k + 3);
    assert_int_equal(m.answers[0].label, m.tokens[0]);
    la_made_release(&m);
    /* Lengths that no whole number of elements fills are left out of a training. */
    static const int64_t lengths[] = {3, 8, 10, 12};
    la_shape out[4];
    assert_int_equal(s.task->learned->mixture(s.opts, lengths, 4, out, 4), 2);
    assert_int_equal(out[0].T, 8);
    assert_int_equal(out[1].T, 12);
    la_subject_release(&s);
}

static void test_slices_go_by_the_number_of_elements(void **state)
{
    static const int64_t ends[] = {4, 8, 12, 20, 40, 128, 512};
    la_subject s = la_subject_of("group_word", "pauses=1 moves=0");
    la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, (la_shape){.T = 1100, .far = 1}, 0);
    (void)state;
    for (int64_t k = 1; k <= m.n; k++) {
        int slice = 0;
        while (slice < 7 && k > ends[slice]) slice++;
        assert_int_equal(m.answers[k - 1].group, slice);
        assert_int_equal(m.answers[k - 1].distance, 0);
    }
    la_made_release(&m);
    la_subject_release(&s);
}

static void test_moves_that_do_not_make_the_group_are_refused(void **state)
{
    static const struct {
        const char *options, *says;
    } cases[] = {
        {"moves=0", NULL},
        {"", NULL},
        {"moves=2", NULL},
        {"group=z60", NULL},
        {"moves=1", "elements of s5 move 2 to 5 things"},
        {"group=a5 moves=2", "elements of a5 move 3 to 5 things"},
        {"group=s3 moves=4", "elements of s3 move 2 to 3 things"},
        {"group=z60 moves=2", "set group_word.moves to 0, not 2"},
        {"group=z60 moves=0", NULL},
    };
    la_problem p = {.B = 1, .T = 8, .Tcap = 8, .H = 1, .Hkv = 1, .Hqk = 1, .dk = 8, .dv = 8};
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of("group_word", cases[i].options);
        la_err err = {0};
        la_status st = s.task->check(la_registry_find("softmax"), &p, s.opts, &err);
        assert_int_equal(st, cases[i].says ? LA_E_UNSUPPORTED : LA_OK);
        if (cases[i].says && !strstr(err.msg, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
        la_subject_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_make_the_group),
        cmocka_unit_test(test_elements_are_even_and_independent),
        cmocka_unit_test(test_moves_leaves_the_elements_that_move_few),
        cmocka_unit_test(test_words_are_what_stands_where),
        cmocka_unit_test(test_pauses_stand_behind_each_element),
        cmocka_unit_test(test_slices_go_by_the_number_of_elements),
        cmocka_unit_test(test_moves_that_do_not_make_the_group_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
