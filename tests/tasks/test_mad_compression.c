/* SPDX-License-Identifier: Apache-2.0
 * mad_compression: tokens are uniform and independent, the last one ends them, all are asked of the last.
 */
#include "learned_kit.h"

#include <stdio.h>
#include <string.h>

#include "labench/kit.h"

enum { SEED = 33 };

static void test_tokens_are_uniform_and_independent(void **state)
{
    enum { T = 12, KEPT = 15 };
    la_subject s = la_subject_of("mad_compression", "");
    int64_t symbols[KEPT] = {0}, neighbours[KEPT * KEPT] = {0}, ends[KEPT * KEPT] = {0};
    (void)state;
    assert_int_equal(s.task->learned->vocabulary(s.opts), KEPT + 1);
    for (uint64_t index = 0; index < 3000; index++) {
        la_made m = la_made_of(&s, SEED, (la_split)(index % 3), (la_shape){.T = T}, index);
        for (int t = 0; t < T - 1; t++) {
            assert_in_range(m.tokens[t], 0, KEPT - 1);
            symbols[m.tokens[t]]++;
            if (t % 2) neighbours[m.tokens[t - 1] * KEPT + m.tokens[t]]++;
        }
        ends[m.tokens[0] * KEPT + m.tokens[T - 2]]++;
        assert_int_equal(m.tokens[T - 1], KEPT);
        la_made_release(&m);
    }
    la_assert_uniform("tokens", symbols, KEPT);
    la_assert_uniform("neighbours", neighbours, KEPT * KEPT);
    la_assert_uniform("the first and the last to keep", ends, KEPT * KEPT);
    la_subject_release(&s);
}

/* At every length and vocabulary; the end itself is trained and not scored. */
static void test_every_token_is_asked_of_the_last(void **state)
{
    static const char *const options[] = {"", "vocab=3", "vocab=128"};
    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        for (int32_t T = 2; T <= 512; T *= 4) {
            la_subject s = la_subject_of("mad_compression", options[i]);
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, (la_shape){.T = T, .far = 1}, 5);
            assert_int_equal(m.n, T);
            for (int32_t t = 0; t < T; t++) {
                const la_answer *a = &m.answers[t];
                assert_int_equal(a->position, t);
                assert_int_equal(a->label, m.tokens[t]);
                assert_int_equal(a->distance, T - 1 - t);
                assert_int_equal(a->group, t < T - 1 ? 0 : LA_ONLY_TRAINED);
            }
            la_made_release(&m);
            la_subject_release(&s);
        }
}

static void test_it_is_answered_by_a_decoder(void **state)
{
    la_subject s = la_subject_of("mad_compression", "vocab=64");
    (void)state;
    assert_int_equal(s.task->learned->head(s.opts).kind, LA_HEAD_DECODER);
    assert_true(s.task->chance(s.opts) == 1.0 / 63);
    assert_false(s.task->learned->causal_only);
    la_subject_release(&s);
}

/* One change at a time, as the source's configs/tasks/compression.yml has them. */
static void test_difficulties_are_those_of_the_source(void **state)
{
    static const char *const rows[] = {
        "vocab=32",   "vocab=64",      "vocab=128",     "length=64",     "length=128",
        "length=256", "examples=6400", "examples=3200", "examples=1600", "examples=800"};
    la_subject s = la_subject_of("mad_compression", "");
    const la_difficulty *d = s.task->learned->difficulties;
    size_t n = 0;
    (void)state;
    for (; d[n].axis; n++) {
        char row[32];
        assert_true(n < sizeof rows / sizeof *rows);
        snprintf(row, sizeof row, "%s=%s", d[n].axis, d[n].value);
        assert_string_equal(row, rows[n]);
    }
    assert_int_equal(n, sizeof rows / sizeof *rows);
    la_subject_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_are_uniform_and_independent),
        cmocka_unit_test(test_every_token_is_asked_of_the_last),
        cmocka_unit_test(test_it_is_answered_by_a_decoder),
        cmocka_unit_test(test_difficulties_are_those_of_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
