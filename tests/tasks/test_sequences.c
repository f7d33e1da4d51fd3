/* SPDX-License-Identifier: Apache-2.0
 * copy, selective_copy, induction and parity: where things stand and how often.
 */
#include "learned_kit.h"

#include <stdlib.h>

#include "labench/kit.h"

enum { SEED = 21 };

static void test_copy_shows_pauses_and_asks(void **state)
{
    la_subject s = la_subject_of("copy", "");
    la_shape shape = {.T = 120, .n = 10};
    int64_t symbols[8] = {0}, pairs[64] = {0};
    (void)state;
    for (uint64_t index = 0; index < 600; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        for (int t = 0; t < 10; t++) {
            assert_true(m.tokens[t] >= 1 && m.tokens[t] <= 8);
            symbols[m.tokens[t] - 1]++;
            assert_int_equal(m.answers[t].position, 110 + t);
            assert_int_equal(m.answers[t].label, m.tokens[t]);
            assert_int_equal(m.answers[t].distance, 110);
        }
        pairs[(m.tokens[0] - 1) * 8 + m.tokens[1] - 1]++;
        for (int t = 10; t < 110; t++) assert_int_equal(m.tokens[t], 0);
        for (int t = 110; t < 120; t++) assert_int_equal(m.tokens[t], 9);
        assert_int_equal(m.n, 10);
        la_made_release(&m);
    }
    la_assert_uniform("symbols", symbols, 8);
    la_assert_uniform("first two symbols", pairs, 64);
    la_subject_release(&s);
}

/* Every set of 3 of the 6 places is as likely. */
static void test_selective_copy_scatters_evenly(void **state)
{
    la_subject s = la_subject_of("selective_copy", "tokens=3");
    la_shape shape = {.T = 9, .n = 3};
    int64_t sets[64] = {0}, symbols[14] = {0}, cells = 0;
    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, index);
        int places = 0, placed = 0;
        for (int t = 0; t < 6; t++) {
            if (m.tokens[t] == 0) continue;
            assert_int_equal(m.answers[placed].label, m.tokens[t]);
            assert_int_equal(m.answers[placed].position, 6 + placed);
            assert_int_equal(m.answers[placed].distance, 6 + placed - t);
            symbols[m.tokens[t] - 1]++;
            places |= 1 << t;
            placed++;
        }
        assert_int_equal(placed, 3);
        for (int t = 6; t < 9; t++) assert_int_equal(m.tokens[t], 15);
        sets[places]++;
        la_made_release(&m);
    }
    for (int i = 0; i < 64; i++)
        if (__builtin_popcount((unsigned)i) == 3) sets[cells++] = sets[i];
    assert_int_equal(cells, 20);
    la_assert_uniform("places", sets, 20);
    la_assert_uniform("symbols", symbols, 14);
    la_subject_release(&s);
}

static void test_selective_copy_with_no_room_for_blanks_is_copy(void **state)
{
    la_subject s = la_subject_of("selective_copy", "");
    la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 32, .n = 16}, 0);
    (void)state;
    for (int t = 0; t < 16; t++) assert_int_equal(m.answers[t].label, m.tokens[t]);
    la_made_release(&m);
    la_subject_release(&s);
}

static void test_induction_hides_its_trigger_anywhere(void **state)
{
    enum { T = 20 };
    la_subject s = la_subject_of("induction", "vocab=12");
    int64_t places[T - 3] = {0}, symbols[10] = {0}, labels[10] = {0};
    (void)state;
    for (uint64_t index = 0; index < 3000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = T}, index);
        int at = -1;
        for (int t = 0; t < T - 1; t++) {
            assert_true(m.tokens[t] >= 0 && m.tokens[t] <= 10);
            if (m.tokens[t] < 10) {
                symbols[m.tokens[t]]++;
                continue;
            }
            assert_int_equal(at, -1);
            at = t;
        }
        assert_true(at >= 0 && at < T - 3);
        places[at]++;
        labels[m.answers[0].label]++;
        assert_int_equal(m.tokens[T - 1], 10);
        assert_int_equal(m.n, 1);
        assert_int_equal(m.answers[0].position, T - 1);
        assert_int_equal(m.answers[0].label, m.tokens[at + 1]);
        assert_int_equal(m.answers[0].distance, T - 1 - (at + 1));
        la_made_release(&m);
    }
    la_assert_uniform("places of the trigger", places, T - 3);
    la_assert_uniform("ordinary tokens", symbols, 10);
    la_assert_uniform("labels", labels, 10);
    la_subject_release(&s);
}

static void test_parity_draws_every_string(void **state)
{
    la_subject plain = la_subject_of("parity", "");
    la_subject cumulative = la_subject_of("parity", "cumulative=1");
    int64_t strings[64] = {0}, ends[2] = {0}, all[64] = {0};
    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        la_made m = la_made_of(&plain, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 7}, index);
        int bits = 0;
        for (int t = 0; t < 6; t++) bits |= m.tokens[t] << t;
        strings[bits]++;
        assert_int_equal(m.tokens[6], 2);
        assert_int_equal(m.n, 1);
        assert_int_equal(m.answers[0].position, 6);
        assert_int_equal(m.answers[0].label, __builtin_popcount((unsigned)bits) % 2);
        la_made_release(&m);

        m = la_made_of(&cumulative, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 6}, index);
        assert_int_equal(m.n, 6);
        bits = 0;
        for (int t = 0; t < 6; t++) {
            bits |= m.tokens[t] << t;
            assert_int_equal(m.answers[t].label, __builtin_popcount((unsigned)bits) % 2);
        }
        all[bits]++;
        ends[m.answers[5].label]++;
        la_made_release(&m);
    }
    la_assert_uniform("strings", strings, 64);
    la_assert_uniform("cumulative strings", all, 64);
    la_assert_uniform("labels", ends, 2);
    la_subject_release(&plain);
    la_subject_release(&cumulative);
}

/* Beyond 32 bits further words of the stream are used: late bits are fair and their own. */
static void test_parity_bits_are_independent_across_words(void **state)
{
    la_subject s = la_subject_of("parity", "");
    int64_t cells[8] = {0};
    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, (la_shape){.T = 100}, index);
        cells[m.tokens[3] + 2 * m.tokens[35] + 4 * m.tokens[98]]++;
        la_made_release(&m);
    }
    la_assert_uniform("bits 3, 35 and 98", cells, 8);
    la_subject_release(&s);
}

static void test_parity_trains_on_lengths_3_to_40(void **state)
{
    la_subject s = la_subject_of("parity", "");
    const int64_t *lengths = s.task->learned->train_lengths;
    size_t n = 0;
    (void)state;
    while (lengths[n]) n++;
    assert_int_equal(n, 16);
    assert_int_equal(lengths[0], 3);
    assert_int_equal(lengths[n - 1], 40);
    la_subject_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_shows_pauses_and_asks),
        cmocka_unit_test(test_selective_copy_scatters_evenly),
        cmocka_unit_test(test_selective_copy_with_no_room_for_blanks_is_copy),
        cmocka_unit_test(test_induction_hides_its_trigger_anywhere),
        cmocka_unit_test(test_parity_draws_every_string),
        cmocka_unit_test(test_parity_bits_are_independent_across_words),
        cmocka_unit_test(test_parity_trains_on_lengths_3_to_40),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
