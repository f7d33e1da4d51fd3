/* SPDX-License-Identifier: Apache-2.0
 * associative_recall, majority and modular_arithmetic: what is drawn, how often, what it comes to.
 */
#include "learned_kit.h"

#include <math.h>
#include <string.h>

#include "labench/kit.h"

enum { SEED = 41 };

/* One map an example: every pair of a key has its value. Pairs, map and question are uniform. */
static void test_associative_recall_draws_a_map_and_asks_a_shown_key(void **state)
{
    enum { KEYS = 4, VALUES = 5, T = 10, EXAMPLES = 6000 };
    la_subject s = la_subject_of("associative_recall", "vocab=11");
    int64_t keys[KEYS] = {0}, values[VALUES] = {0}, two[KEYS * KEYS] = {0}, rank[KEYS][KEYS] = {0};
    int64_t both[VALUES * VALUES] = {0};
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        int32_t map[KEYS] = {-1, -1, -1, -1}, last[KEYS] = {0}, asked = m.tokens[T - 1];
        int64_t shown = 0, before = 0;
        for (int32_t t = 0; t < T - 2; t += 2) {
            int32_t k = m.tokens[t], v = m.tokens[t + 1];
            assert_true(k >= 0 && k < KEYS && v >= KEYS && v < KEYS + VALUES);
            assert_true(map[k] < 0 || map[k] == v);
            map[k] = v;
            last[k] = t + 1;
            keys[k]++;
        }
        two[m.tokens[0] * KEYS + m.tokens[2]]++;
        values[m.tokens[1] - KEYS]++;
        if (m.tokens[0] != m.tokens[2]) both[(m.tokens[1] - KEYS) * VALUES + m.tokens[3] - KEYS]++;
        for (int32_t k = 0; k < KEYS; k++) {
            shown += map[k] >= 0;
            before += map[k] >= 0 && k < asked;
        }
        rank[shown - 1][before]++;
        assert_int_equal(m.tokens[T - 2], 9); /* => */
        assert_true(asked >= 0 && asked < KEYS && map[asked] >= 0);
        assert_int_equal(m.n, 1);
        assert_int_equal(m.answers[0].position, T - 1);
        assert_int_equal(m.answers[0].label, map[asked]);
        assert_int_equal(m.answers[0].distance, T - 1 - last[asked]);
        la_made_release(&m);
    }
    la_assert_uniform("keys", keys, KEYS);
    la_assert_uniform("first two keys", two, KEYS * KEYS);
    la_assert_uniform("values", values, VALUES);
    la_assert_uniform("values of two keys", both, VALUES * VALUES); /* may be the same */
    for (int n = 1; n < KEYS; n++) la_assert_uniform("asked among the shown", rank[n], n + 1);
    la_subject_release(&s);
}

/* With absent=1 a key is missing as often as (1 - 1/keys)^pairs, and the answer says so. */
static void test_associative_recall_may_ask_what_was_not_shown(void **state)
{
    enum { KEYS = 9, T = 22, EXAMPLES = 4000 };
    la_subject s = la_subject_of("associative_recall", "absent=1");
    int64_t asked[KEYS] = {0}, absent = 0;
    double p = pow(1 - 1.0 / KEYS, (T - 2) / 2);
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        bool shown = false;
        asked[m.tokens[T - 1]]++;
        for (int t = 0; t < T - 2; t += 2) shown |= m.tokens[t] == m.tokens[T - 1];
        assert_int_equal(m.answers[0].label == 19, !shown);
        assert_int_equal(m.answers[0].distance == 0, !shown);
        absent += !shown;
        la_made_release(&m);
    }
    la_assert_uniform("asked", asked, KEYS);
    assert_true(fabs((double)absent / EXAMPLES - p) < 5 * sqrt(p * (1 - p) / EXAMPLES));
    la_subject_release(&s);
}

static void test_associative_recall_is_trained_on_every_token(void **state)
{
    la_subject s = la_subject_of("associative_recall", "");
    const la_learned *l = s.task->learned;
    bool wished = false;
    (void)state;
    for (const la_wish *w = l->wishes; w->owner; w++)
        wished |= strcmp(w->owner, "model") == 0 && strcmp(w->key, "logits") == 0 &&
                  strcmp(w->value, "all") == 0;
    assert_true(wished);
    assert_int_equal(l->train_lengths[0], 42); /* 20 pairs, => and a key */
    assert_int_equal(l->train_lengths[1], 0);
    la_subject_release(&s);
}

static void test_majority_draws_every_string_and_names_its_majority(void **state)
{
    la_subject s = la_subject_of("majority", "");
    int64_t odd[32] = {0}, even[16] = {0}, labels[2] = {0};
    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        for (int bits = 4; bits <= 5; bits++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = bits + 1}, index);
            int string = 0, ones = 0;
            for (int t = 0; t < bits; t++) {
                string |= m.tokens[t] << t;
                ones += m.tokens[t];
            }
            (bits == 5 ? odd : even)[string]++;
            assert_int_equal(m.tokens[bits], 2);
            assert_int_equal(m.n, 1);
            assert_int_equal(m.answers[0].position, bits);
            assert_int_equal(m.answers[0].label, 2 * ones > bits); /* a tie is 0 */
            if (bits == 5) labels[m.answers[0].label]++;
            la_made_release(&m);
        }
    }
    la_assert_uniform("five bits", odd, 32);
    la_assert_uniform("four bits", even, 16);
    la_assert_uniform("labels", labels, 2);
    la_subject_release(&s);
}

/* All 81 strings of four symbols out of three, with ties broken as the definition says. */
static void test_majority_of_more_symbols_has_no_ties(void **state)
{
    la_subject s = la_subject_of("majority", "symbols=3");
    int64_t seen[81] = {0}, kept = 0;
    double law[81] = {0};
    (void)state;
    for (int string = 0; string < 81; string++) {
        int digit[4], times[3] = {0}, code = 0, best = 0;
        for (int t = 0, rest = string; t < 4; t++, rest /= 3) times[digit[t] = rest % 3]++;
        for (int d = 1; d < 3; d++)
            if (times[d] > times[best]) best = d;
        bool tied = false;
        for (int d = 0; d < 3; d++) tied |= d != best && times[d] == times[best];
        for (int t = 0; tied && t < 4; t++)
            if (digit[t] != best) {
                digit[t] = best;
                tied = false;
            }
        for (int t = 3; t >= 0; t--) code = 3 * code + digit[t];
        law[code] += 1.0 / 81;
    }
    for (uint64_t index = 0; index < 12000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 5}, index);
        int code = 0, times[3] = {0};
        for (int t = 3; t >= 0; t--) code = 3 * code + m.tokens[t];
        for (int t = 0; t < 4; t++) times[m.tokens[t]]++;
        for (int d = 0; d < 3; d++)
            if (d != m.answers[0].label) assert_true(times[d] < times[m.answers[0].label]);
        assert_int_equal(m.tokens[4], 3);
        seen[code]++;
        la_made_release(&m);
    }
    for (int code = 0; code < 81; code++) {
        if (law[code] == 0) assert_int_equal(seen[code], 0);
        if (law[code] == 0) continue;
        law[kept] = law[code];
        seen[kept++] = seen[code];
    }
    la_assert_law("strings", seen, law, kept);
    for (int64_t i = 0; i < kept; i++) law[i] = 1.0 / (double)kept;
    la_refute_law("strings", seen, law, kept);
    la_subject_release(&s);
}

/* Answers at every position; what came most often so far, and the smaller id when tied. */
static void test_cumulative_majority_leans_to_small_ids_when_tied(void **state)
{
    la_subject s = la_subject_of("majority", "cumulative=1");
    int64_t fourth[2] = {0}, fifth[2] = {0}, strings[64] = {0};
    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 6}, index);
        int ones = 0, string = 0;
        assert_int_equal(m.n, 6);
        for (int t = 0; t < 6; t++) {
            ones += m.tokens[t];
            string |= m.tokens[t] << t;
            assert_int_equal(m.answers[t].position, t);
            assert_int_equal(m.answers[t].label, 2 * ones > t + 1);
        }
        strings[string]++;
        fourth[m.answers[3].label]++;
        fifth[m.answers[4].label]++;
        la_made_release(&m);
    }
    la_assert_uniform("strings", strings, 64);
    la_assert_law("fourth", fourth, (const double[]){11 / 16.0, 5 / 16.0}, 2);
    la_assert_uniform("fifth", fifth, 2);
    la_subject_release(&s);
}

/* residue operator residue =: each of the 3*3*3 is as likely. */
static void test_flat_arithmetic_draws_every_expression(void **state)
{
    static const struct {
        const char *options;
        int operators;
    } cases[] = {{"modulus=3", 3}, {"modulus=3 times=0", 2}, {"modulus=3 form=left", 3}};
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of("modular_arithmetic", cases[i].options);
        int64_t seen[27] = {0};
        for (uint64_t index = 0; index < 4000; index++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 4}, index);
            int32_t x = m.tokens[0], o = m.tokens[1] - 3, y = m.tokens[2];
            assert_true(x >= 0 && x < 3 && y >= 0 && y < 3 && o >= 0 && o < cases[i].operators);
            assert_int_equal(m.tokens[3], 3 + 5);
            assert_int_equal(m.answers[0].position, 3);
            assert_int_equal(m.answers[0].label, o == 0   ? (x + y) % 3
                                                 : o == 1 ? (x - y + 3) % 3
                                                          : x * y % 3);
            seen[(o * 3 + x) * 3 + y]++;
            la_made_release(&m);
        }
        la_assert_uniform(cases[i].options, seen, 9 * cases[i].operators);
        la_subject_release(&s);
    }
}

/* Places far apart draw on their own. */
static void test_flat_arithmetic_is_independent_across_places(void **state)
{
    la_subject s = la_subject_of("modular_arithmetic", "modulus=3");
    int64_t seen[81] = {0};
    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 40}, index);
        const int32_t *t = m.tokens;
        seen[((t[0] * 3 + t[38]) * 3 + t[1] - 3) * 3 + t[37] - 3]++;
        la_made_release(&m);
    }
    la_assert_uniform("places 0, 38, 1 and 37", seen, 81);
    la_subject_release(&s);
}

/* One string, two values: products before sums, or everything in order. */
static void test_products_come_first_unless_all_goes_left_to_right(void **state)
{
    la_subject plain = la_subject_of("modular_arithmetic", "");
    la_subject left = la_subject_of("modular_arithmetic", "form=left");
    int64_t differ = 0, zeros[2] = {0};
    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        la_shape shape = {.T = 6};
        la_made a = la_made_of(&plain, SEED, LA_SPLIT_TRAIN, shape, index);
        la_made b = la_made_of(&left, SEED, LA_SPLIT_TRAIN, shape, index);
        assert_memory_equal(a.tokens, b.tokens, 6 * sizeof *a.tokens);
        const int32_t *t = a.tokens;
        int32_t x = t[0], o = t[1] - 5, y = t[2], p = t[3] - 5, z = t[4];
        int32_t xy = o == 2 ? x * y : o == 1 ? x - y : x + y, yz = y * z;
        int32_t in_order = p == 2 ? xy * z : p == 1 ? xy - z : xy + z;
        int32_t first = p != 2 || o == 2 ? in_order : o == 1 ? x - yz : x + yz;
        assert_int_equal(a.answers[0].label, ((first % 5) + 5) % 5);
        assert_int_equal(b.answers[0].label, ((in_order % 5) + 5) % 5);
        differ += a.answers[0].label != b.answers[0].label;
        la_made_release(&a);
        la_made_release(&b);

        /* Far along, a value is uniform but for a product at the end: 2/3 of 1/5 and 1/3 of what a
         * product of two is, 0 with 9/25 where both are uniform. The share of 0 settles at z with
         * z = 2/15 + (z + (1 - z) / 5) / 3. */
        b = la_made_of(&left, SEED, LA_SPLIT_TEST, (la_shape){.T = 40}, index);
        zeros[b.answers[0].label == 0]++;
        la_made_release(&b);
    }
    assert_true(differ > 400);
    double z = (2.0 / 15 + 1.0 / 15) / (1 - 4.0 / 15);
    la_assert_law("zeros", zeros, (const double[]){1 - z, z}, 2);
    la_refute_law("zeros", zeros, (const double[]){0.8, 0.2}, 2);
    la_subject_release(&plain);
    la_subject_release(&left);
}

/* Tokens of the expression that starts at `at`, by its brackets. */
static int64_t length_of(const int32_t *tokens, int64_t at, int32_t m)
{
    int64_t t = at, depth = 0;
    if (tokens[t] == m + 1) return 2; /* - d */
    do depth += tokens[t] == m + 3 ? 1 : tokens[t] == m + 4 ? -1 : 0;
    while (depth && ++t);
    return t - at + 1;
}

static void test_short_bracket_expressions_are_residues(void **state)
{
    static const int32_t shapes[4][4] = {{0}, {6, 0}, {8, 0, 9}, {8, 6, 0, 9}};
    la_subject s = la_subject_of("modular_arithmetic", "form=brackets");
    int64_t seen[4][5] = {{0}};
    (void)state;
    for (uint64_t index = 0; index < 1000; index++)
        for (int n = 1; n <= 4; n++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = n + 1}, index);
            int32_t d = m.tokens[n / 2];
            assert_true(d >= 0 && d < 5);
            for (int t = 0; t < n; t++)
                assert_int_equal(m.tokens[t], t == n / 2 ? d : shapes[n - 1][t]);
            assert_int_equal(m.tokens[n], 10);
            assert_int_equal(m.answers[0].label, n % 2 ? d : (5 - d) % 5);
            seen[n - 1][d]++;
            la_made_release(&m);
        }
    for (int n = 0; n < 4; n++) la_assert_uniform("residues", seen[n], 5);
    la_subject_release(&s);
}

/* ( l o r ): where the operator of the whole stands, which it is, and that l is split as evenly. */
static void test_bracket_expressions_split_evenly(void **state)
{
    enum { N = 12, M = 5 };
    la_subject s = la_subject_of("modular_arithmetic", "form=brackets");
    la_subject sums = la_subject_of("modular_arithmetic", "form=brackets times=0");
    int64_t split[N - 4] = {0}, operators[3] = {0}, two[2] = {0}, inner[4] = {0};
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = N + 1}, index);
        int64_t l = length_of(m.tokens, 1, M), r = length_of(m.tokens, l + 2, M);
        assert_int_equal(m.tokens[0], M + 3);
        assert_int_equal(m.tokens[N - 1], M + 4);
        assert_int_equal(l + r + 3, N);
        split[l - 1]++;
        operators[m.tokens[l + 1] - M]++;
        if (l == 8) inner[length_of(m.tokens, 2, M) - 1]++;
        la_made_release(&m);
        m = la_made_of(&sums, SEED, LA_SPLIT_TRAIN, (la_shape){.T = N + 1}, index);
        l = length_of(m.tokens, 1, M);
        two[m.tokens[l + 1] - M]++;
        la_made_release(&m);
    }
    la_assert_uniform("length of the left side", split, N - 4);
    la_assert_uniform("operators", operators, 3);
    la_assert_uniform("sums and differences", two, 2);
    la_assert_uniform("split of the left side", inner, 4);
    la_subject_release(&s);
    la_subject_release(&sums);
}

static void test_arithmetic_trains_on_2_to_10_tokens(void **state)
{
    static const int64_t lengths[] = {2, 3, 4, 5};
    (void)state;
    for (int brackets = 0; brackets < 2; brackets++) {
        la_subject s =
            la_subject_of("modular_arithmetic", brackets ? "form=brackets" : "form=plain");
        const la_learned *l = s.task->learned;
        la_shape shapes[4];
        size_t n = 0;
        while (l->train_lengths[n]) n++;
        assert_int_equal(l->train_lengths[0], 2);
        assert_int_equal(l->train_lengths[n - 1], 10);
        assert_int_equal(l->mixture(s.opts, lengths, 4, shapes, 4), brackets ? 4 : 2);
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
        {"associative_recall", "", 8, "k8"},
        {"associative_recall", "", 9, "v0"},
        {"associative_recall", "", 18, "=>"},
        {"associative_recall", "", 19, "."},
        {"majority", "", 1, "1"},
        {"majority", "", 2, "?"},
        {"modular_arithmetic", "", 4, "4"},
        {"modular_arithmetic", "", 5, "+"},
        {"modular_arithmetic", "", 6, "-"},
        {"modular_arithmetic", "", 7, "*"},
        {"modular_arithmetic", "", 8, "("},
        {"modular_arithmetic", "", 9, ")"},
        {"modular_arithmetic", "", 10, "="},
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
        cmocka_unit_test(test_associative_recall_draws_a_map_and_asks_a_shown_key),
        cmocka_unit_test(test_associative_recall_may_ask_what_was_not_shown),
        cmocka_unit_test(test_associative_recall_is_trained_on_every_token),
        cmocka_unit_test(test_majority_draws_every_string_and_names_its_majority),
        cmocka_unit_test(test_majority_of_more_symbols_has_no_ties),
        cmocka_unit_test(test_cumulative_majority_leans_to_small_ids_when_tied),
        cmocka_unit_test(test_flat_arithmetic_draws_every_expression),
        cmocka_unit_test(test_flat_arithmetic_is_independent_across_places),
        cmocka_unit_test(test_products_come_first_unless_all_goes_left_to_right),
        cmocka_unit_test(test_short_bracket_expressions_are_residues),
        cmocka_unit_test(test_bracket_expressions_split_evenly),
        cmocka_unit_test(test_arithmetic_trains_on_2_to_10_tokens),
        cmocka_unit_test(test_tokens_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
