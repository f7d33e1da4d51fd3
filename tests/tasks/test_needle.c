/* SPDX-License-Identifier: Apache-2.0
 * The needles: where they stand, of what the haystack is made, what is asked and in which order.
 */
#include "learned_kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"

enum { SEED = 31, MARK = 0, ASK = 1, FIRST_KEY = 2 };
enum { MOST = 16 }; /* needles of an example here */

/* A needle example taken apart: the mark of each needle, and where the questions begin. */
typedef struct taken {
    int64_t n, mark[MOST], end;
} taken;

static taken take(const la_made *m)
{
    taken t = {0};
    while (m->tokens[t.end] != ASK) {
        if (m->tokens[t.end] == MARK) {
            assert_true(t.n < MOST);
            t.mark[t.n++] = t.end;
        }
        t.end++;
    }
    return t;
}

static int64_t key_of(const la_made *m, const taken *t, int64_t needle)
{
    return m->tokens[t->mark[needle] + 1] - FIRST_KEY;
}

static void expect_answer(const la_made *m, int64_t nth, int64_t position, int64_t from)
{
    assert_int_equal(m->answers[nth].position, position);
    assert_int_equal(m->answers[nth].label, m->tokens[from]);
    assert_int_equal(m->answers[nth].distance, position - from);
}

/* One pair: place, start of the phrase, key and value are uniform, and nothing else is drawn. */
static void test_needle_1_repeats_its_phrase(void **state)
{
    enum { T = 20, PHRASE = 6, V = 24, KEYS = V / 2 - 2, VALUES = V / 2 };
    la_subject s = la_subject_of("needle_1", "vocab=24 phrase=6");
    int64_t places[T - 4] = {0}, starts[PHRASE] = {0}, pairs[KEYS * VALUES] = {0};
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        taken t = take(&m);
        int64_t first = m.tokens[t.mark[0] == 0 ? 3 : 0], next = first;
        assert_int_equal(t.n, 1);
        assert_int_equal(t.end, T - 2);
        for (int64_t i = 0; i < t.end; i++) {
            if (i >= t.mark[0] && i < t.mark[0] + 3) continue;
            assert_int_equal(m.tokens[i], next);
            next = next == V + PHRASE - 1 ? V : next + 1;
        }
        int64_t key = key_of(&m, &t, 0), value = m.tokens[t.mark[0] + 2] - V / 2;
        assert_true(key >= 0 && key < KEYS && value >= 0 && value < VALUES);
        places[t.mark[0]]++;
        starts[first - V]++;
        pairs[key * VALUES + value]++;
        assert_int_equal(m.tokens[T - 1], FIRST_KEY + key);
        assert_int_equal(m.n, 1);
        expect_answer(&m, 0, T - 1, t.mark[0] + 2);
        assert_int_equal(m.answers[0].group, 5 * t.mark[0] / (T - 4));
        la_made_release(&m);
    }
    la_assert_uniform("places", places, T - 4);
    la_assert_uniform("starts of the phrase", starts, PHRASE);
    la_assert_uniform("pairs", pairs, KEYS * VALUES);
    la_subject_release(&s);
}

static void test_needle_2_hides_among_independent_tokens(void **state)
{
    enum { T = 17, NOISE = 5, V = 16 };
    la_subject s = la_subject_of("needle_2", "vocab=16 noise=5");
    int64_t places[T - 4] = {0}, filler[NOISE * NOISE] = {0}, groups[5] = {0}, law[5] = {0};
    double expected[5];
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        taken t = take(&m);
        int64_t hay[T], n = 0;
        for (int64_t i = 0; i < t.end; i++) {
            if (i >= t.mark[0] && i < t.mark[0] + 3) continue;
            hay[n] = m.tokens[i] - V;
            assert_true(hay[n] >= 0 && hay[n] < NOISE);
            n++;
        }
        assert_int_equal(n, T - 5);
        filler[hay[4] * NOISE + hay[5]]++;
        places[t.mark[0]]++;
        groups[m.answers[0].group]++;
        la_made_release(&m);
    }
    la_assert_uniform("places", places, T - 4);
    la_assert_uniform("neighbours in the haystack", filler, NOISE * NOISE);
    for (int64_t place = 0; place < T - 4; place++) law[5 * place / (T - 4)]++;
    for (int i = 0; i < 5; i++) expected[i] = (double)law[i] / (T - 4);
    la_assert_law("depths", groups, expected, 5);
    la_subject_release(&s);
}

static void test_needle_3_names_its_value_token_by_token(void **state)
{
    enum { T = 24, M = 3, V = 16, VALUES = 8 };
    la_subject s = la_subject_of("needle_3", "vocab=16 tokens=3");
    int64_t values[VALUES * VALUES] = {0}, ends[VALUES * VALUES] = {0}, places[T - 2 * M - 2] = {0};
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        taken t = take(&m);
        const int32_t *value = &m.tokens[t.mark[0] + 2];
        assert_int_equal(t.n, 1);
        assert_int_equal(t.end, T - M - 1);
        assert_int_equal(m.tokens[t.end + 1], m.tokens[t.mark[0] + 1]);
        assert_int_equal(m.n, M);
        for (int i = 0; i < M; i++) {
            assert_true(value[i] >= V / 2 && value[i] < V);
            expect_answer(&m, i, t.end + 1 + i, t.mark[0] + 2 + i);
            if (i + 1 < M) assert_int_equal(m.tokens[t.end + 2 + i], value[i]);
        }
        values[(value[0] - V / 2) * VALUES + value[1] - V / 2]++;
        ends[(value[0] - V / 2) * VALUES + value[2] - V / 2]++;
        places[t.mark[0]]++;
        la_made_release(&m);
    }
    la_assert_uniform("first two tokens", values, VALUES * VALUES);
    la_assert_uniform("first and last token", ends, VALUES * VALUES);
    la_assert_uniform("places", places, T - 2 * M - 2);
    la_subject_release(&s);
}

/* Of n needles and as many tokens of haystack, which stand where: 0 for a token, 1 for a needle. */
static int arrangement(const la_made *m, const taken *t)
{
    int which = 0, unit = 0;
    for (int64_t i = 0; i < t->end; unit++) {
        if (m->tokens[i] == MARK) which |= 1 << unit;
        i += m->tokens[i] == MARK ? 3 : 1;
    }
    return which;
}

static void test_multikey_asks_any_of_needles_anywhere(void **state)
{
    enum { N = 3, T = 3 * N + 3 + 2, V = 16, KEYS = 6, VALUES = 8 };
    la_subject s = la_subject_of("needle_multikey", "vocab=16 needles=3");
    int64_t sets[64] = {0}, cells = 0, asked[N] = {0}, keys[KEYS * KEYS] = {0},
            values[VALUES * VALUES] = {0};
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T, .n = N}, index);
        taken t = take(&m);
        int64_t which = -1;
        assert_int_equal(t.n, N);
        sets[arrangement(&m, &t)]++;
        for (int i = 0; i < N; i++)
            if (m.tokens[t.mark[i] + 1] == m.tokens[T - 1]) which = i;
        assert_true(which >= 0);
        asked[which]++;
        keys[key_of(&m, &t, 0) * KEYS + key_of(&m, &t, 2)]++;
        values[(m.tokens[t.mark[0] + 2] - V / 2) * VALUES + m.tokens[t.mark[2] + 2] - V / 2]++;
        assert_int_equal(m.n, 1);
        expect_answer(&m, 0, T - 1, t.mark[which] + 2);
        la_made_release(&m);
    }
    for (int i = 0; i < 64; i++)
        if (__builtin_popcount((unsigned)i) == N) sets[cells++] = sets[i];
    la_assert_uniform("arrangements", sets, cells);
    la_assert_uniform("asked needle", asked, N);
    int64_t different = 0;
    for (int i = 0; i < KEYS * KEYS; i++) /* keys differ */
        if (i / KEYS != i % KEYS)
            keys[different++] = keys[i];
        else
            assert_int_equal(keys[i], 0);
    la_assert_uniform("first and last key", keys, different);
    different = 0;
    for (int i = 0; i < VALUES * VALUES; i++) /* and values */
        if (i / VALUES != i % VALUES)
            values[different++] = values[i];
        else
            assert_int_equal(values[i], 0);
    la_assert_uniform("first and last value", values, different);
    la_subject_release(&s);
}

/* 10 needles and 2 tokens that no needle fills; one is asked, and only it has its key. */
static void test_multikey_haystack_of_needles(void **state)
{
    enum { UNITS = 10, T = 2 + 3 * UNITS + 2, V = 20, KEYS = 8, VALUES = 10 };
    la_subject s = la_subject_of("needle_multikey", "vocab=20 needles=3 haystack=needles");
    int64_t places[UNITS] = {0}, keys[KEYS] = {0}, values[VALUES] = {0}, others[KEYS - 1] = {0};
    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T, .n = 3}, index);
        taken t = take(&m);
        int64_t which = -1, asked = m.tokens[T - 1] - FIRST_KEY;
        assert_int_equal(t.n, UNITS);
        assert_int_equal(m.tokens[0], V);
        assert_int_equal(m.tokens[1], V + 1);
        for (int i = 0; i < UNITS; i++) {
            assert_int_equal(t.mark[i], 2 + 3 * i);
            int64_t key = key_of(&m, &t, i), value = m.tokens[t.mark[i] + 2] - V / 2;
            assert_true(key >= 0 && key < KEYS && value >= 0 && value < VALUES);
            if (key == asked) {
                assert_int_equal(which, -1);
                which = i;
            }
        }
        assert_true(which >= 0);
        int64_t other = key_of(&m, &t, (which + 1) % UNITS);
        places[which]++;
        keys[asked]++;
        others[other - (other > asked)]++;
        values[m.answers[0].label - V / 2]++;
        expect_answer(&m, 0, T - 1, t.mark[which] + 2);
        la_made_release(&m);
    }
    la_assert_uniform("place of the asked needle", places, UNITS);
    la_assert_uniform("asked key", keys, KEYS);
    la_assert_uniform("keys beside it", others, KEYS - 1);
    la_assert_uniform("values", values, VALUES);
    la_subject_release(&s);
}

static void test_multivalue_names_all_in_order(void **state)
{
    enum { N = 3, T = 4 * N + 1 + 3, V = 16, KEYS = 6, VALUES = 8 };
    la_subject s = la_subject_of("needle_multivalue", "vocab=16 values=3");
    int64_t sets[64] = {0}, cells = 0, keys[KEYS] = {0}, values[VALUES * VALUES] = {0};
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T, .n = N}, index);
        taken t = take(&m);
        assert_int_equal(t.n, N);
        assert_int_equal(m.n, N);
        assert_int_equal(t.end, T - N - 1);
        assert_int_equal(m.tokens[t.end + 1] - FIRST_KEY, key_of(&m, &t, 0));
        for (int i = 0; i < N; i++) {
            assert_int_equal(key_of(&m, &t, i), key_of(&m, &t, 0));
            expect_answer(&m, i, t.end + 1 + i, t.mark[i] + 2);
            if (i + 1 < N) assert_int_equal(m.tokens[t.end + 2 + i], m.tokens[t.mark[i] + 2]);
        }
        sets[arrangement(&m, &t)]++;
        keys[key_of(&m, &t, 0)]++;
        values[(m.answers[0].label - V / 2) * VALUES + m.answers[2].label - V / 2]++;
        la_made_release(&m);
    }
    for (int i = 0; i < 64; i++)
        if (__builtin_popcount((unsigned)i) == N) sets[cells++] = sets[i];
    la_assert_uniform("arrangements", sets, cells);
    la_assert_uniform("keys", keys, KEYS);
    int64_t different = 0;
    for (int i = 0; i < VALUES * VALUES; i++)
        if (i / VALUES != i % VALUES)
            values[different++] = values[i];
        else
            assert_int_equal(values[i], 0);
    la_assert_uniform("first and last value", values, different);
    la_subject_release(&s);
}

/* Every needle is asked once, in any order. */
static void test_multiquery_asks_all_in_any_order(void **state)
{
    enum { N = 3, T = 5 * N + 4 };
    la_subject s = la_subject_of("needle_multiquery", "vocab=16 queries=3");
    int64_t orders[27] = {0}, cells = 0;
    (void)state;
    for (uint64_t index = 0; index < 3000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T, .n = N}, index);
        taken t = take(&m);
        int order = 0, met = 0;
        assert_int_equal(t.n, N);
        assert_int_equal(m.n, N);
        assert_int_equal(t.end, T - 2 * N);
        for (int q = 0; q < N; q++) {
            int64_t at = t.end + 2 * q, which = 0;
            assert_int_equal(m.tokens[at], ASK);
            while (m.tokens[t.mark[which] + 1] != m.tokens[at + 1]) which++;
            expect_answer(&m, q, at + 1, t.mark[which] + 2);
            order = 3 * order + (int)which;
            met |= 1 << which;
        }
        assert_int_equal(met, 7);
        orders[order]++;
        la_made_release(&m);
    }
    for (int i = 0; i < 27; i++)
        if (orders[i]) orders[cells++] = orders[i];
    assert_int_equal(cells, 6);
    la_assert_uniform("orders of the questions", orders, 6);
    la_subject_release(&s);
}

/* The smallest length is all needle and question, and one more token is the haystack. */
static void test_smallest_lengths_have_no_haystack(void **state)
{
    la_subject s = la_subject_of("needle_2", "");
    la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, (la_shape){.T = 5}, 0);
    (void)state;
    assert_int_equal(m.tokens[0], MARK);
    assert_int_equal(m.tokens[3], ASK);
    assert_int_equal(m.answers[0].group, 0);
    la_made_release(&m);
    la_subject_release(&s);
}

/* What the tokens before a question say of the answer is nothing but the needle: with the value struck out,
 * every label is as likely. */
static void test_labels_do_not_hang_on_places_or_keys(void **state)
{
    enum { T = 12, VALUES = 4, PLACES = T - 4 };
    la_subject s = la_subject_of("needle_2", "vocab=8 noise=2");
    int64_t cells[PLACES * 2 * VALUES] = {0};
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, (la_shape){.T = T, .far = 1}, index);
        taken t = take(&m);
        cells[(t.mark[0] * 2 + key_of(&m, &t, 0)) * VALUES + m.answers[0].label - 4]++;
        la_made_release(&m);
    }
    la_assert_uniform("place, key and label", cells, PLACES * 2 * VALUES);
    la_subject_release(&s);
}

static void test_vocabularies_too_small_are_refused_in_a_sentence(void **state)
{
    static const struct {
        const char *task, *options, *says;
    } cases[] = {
        {"needle_1", "vocab=8", NULL},
        {"needle_multikey", "vocab=12 needles=4", NULL},
        {"needle_multikey", "vocab=12 needles=4 haystack=needles",
         "takes 5 different keys and needle_multikey.vocab 12 has 4: raise needle_multikey.vocab "
         "to 14"},
        {"needle_multikey", "vocab=13 needles=5", "raise needle_multikey.vocab to 14 or more"},
        {"needle_multivalue", "vocab=8 values=4", NULL},
        {"needle_multivalue", "vocab=8 values=5",
         "takes 5 different values and needle_multivalue.vocab 8 has 4: raise "
         "needle_multivalue.vocab to 10 or more"},
        {"needle_multiquery", "vocab=512 queries=255", "raise needle_multiquery.vocab to 514"},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of(cases[i].task, cases[i].options);
        la_problem p = {.B = 1, .T = 256, .mask = LA_MASK_CAUSAL, .threads = 1};
        la_err err = {0};
        la_status st = s.task->check(la_registry_find("softmax"), &p, s.opts, &err);
        assert_int_equal(st, cases[i].says ? LA_E_UNSUPPORTED : LA_OK);
        if (cases[i].says && !strstr(err.msg, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
        la_subject_release(&s);
    }
}

static void test_words_name_every_kind_of_token(void **state)
{
    static const struct {
        int32_t token;
        const char *word;
    } cases[] = {{0, "needle"}, {1, "ask"},    {2, "k0"},  {255, "k253"},
                 {256, "v0"},   {511, "v255"}, {512, "f0"}};
    la_subject s = la_subject_of("needle_2", "");
    char buf[16];
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++)
        assert_string_equal(s.task->learned->word(s.opts, cases[i].token, buf), cases[i].word);
    la_subject_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needle_1_repeats_its_phrase),
        cmocka_unit_test(test_needle_2_hides_among_independent_tokens),
        cmocka_unit_test(test_needle_3_names_its_value_token_by_token),
        cmocka_unit_test(test_multikey_asks_any_of_needles_anywhere),
        cmocka_unit_test(test_multikey_haystack_of_needles),
        cmocka_unit_test(test_multivalue_names_all_in_order),
        cmocka_unit_test(test_multiquery_asks_all_in_any_order),
        cmocka_unit_test(test_smallest_lengths_have_no_haystack),
        cmocka_unit_test(test_labels_do_not_hang_on_places_or_keys),
        cmocka_unit_test(test_vocabularies_too_small_are_refused_in_a_sentence),
        cmocka_unit_test(test_words_name_every_kind_of_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
