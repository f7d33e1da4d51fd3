/* SPDX-License-Identifier: Apache-2.0
 * MAD's tasks: the laws of their definitions, sentence by sentence.
 */
#include "learned_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"

enum { SEED = 33 };

static la_made made(const la_subject *s, la_split split, int64_t T, int64_t n, uint64_t index)
{
    return la_made_of(s, SEED, split, (la_shape){.T = T, .n = n}, index);
}

/* ---- mad_recall and mad_noisy_recall ---- */

/* 8 keys and 8 values, as in the default vocabularies of both. */
enum { KEYS = 8, ORDINARY = 16 };

static void pairs_follow_their_laws(const char *task, const char *options, double noise)
{
    enum { PAIRS = 6, EXAMPLES = 6000 };
    la_subject s = la_subject_of(task, options);
    int64_t keys[KEYS] = {0}, values[KEYS] = {0}, both[KEYS * KEYS] = {0}, noises[16] = {0};
    int64_t noisy[2] = {0}, shared[2] = {0}, where[2] = {0}, lone[PAIRS - 1] = {0};
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = made(&s, LA_SPLIT_TEST, 2 * PAIRS, 0, index);
        int32_t value[KEYS];
        int distinct = 0, pairs = 0, only = -1;
        for (int k = 0; k < KEYS; k++) value[k] = -1;
        for (int i = 0; i < PAIRS; i++) {
            int32_t key = m.tokens[2 * i], v = m.tokens[2 * i + 1];
            if (i < PAIRS - 1) noisy[key >= ORDINARY]++;
            if (key >= ORDINARY) {
                assert_true(noise > 0 && i < PAIRS - 1 && v >= ORDINARY);
                noises[key - ORDINARY]++;
                noises[v - ORDINARY]++;
                continue;
            }
            assert_true(key < KEYS && v >= KEYS && v < ORDINARY);
            if (i == 0) both[key * KEYS + v - KEYS]++;
            if (value[key] < 0) {
                value[key] = v;
                values[v - KEYS]++;
                distinct++;
                assert_true(i < PAIRS - 1); /* the last is no new key */
            }
            assert_int_equal(value[key], v);
            if (i == PAIRS - 1) continue;
            keys[key]++;
            only = i;
            pairs++;
        }
        assert_true(pairs >= 1);
        if (pairs == 1) lone[only]++;
        if (distinct == 2) { /* the last is either, as likely */
            int low = 0;
            while (value[low] < 0) low++;
            where[m.tokens[2 * PAIRS - 2] == low]++;
        }
        for (int a = 0, k = 0; a < KEYS; a++) /* two keys may share a value */
            if (value[a] >= 0)
                for (int b = a + 1; b < KEYS && k == 0; b++)
                    if (value[b] >= 0) {
                        shared[value[a] == value[b]]++;
                        k = 1;
                    }
        la_made_release(&m);
    }
    la_assert_uniform("keys", keys, KEYS);
    la_assert_uniform("values", values, KEYS);
    la_assert_uniform("keys and values", both, KEYS * KEYS);
    la_assert_law("shared values", shared, (double[]){7.0 / 8, 1.0 / 8}, 2);
    if (where[0] + where[1] > 20) la_assert_uniform("last key", where, 2);
    if (noise > 0) {
        double share = noise * (PAIRS - 2) / (PAIRS - 1); /* one of the five is spared */
        la_assert_uniform("noise ids", noises, 16);
        la_assert_law("share of noise", noisy, (double[]){1 - share, share}, 2);
        la_refute_law("share of noise", noisy, (double[]){1 - noise, noise}, 2);
        if (noise > 0.5) la_assert_uniform("spared pair", lone, PAIRS - 1);
    } else
        assert_int_equal(noisy[1], 0);
    la_subject_release(&s);
}

static void test_running_pairs_follow_their_laws(void **state)
{
    (void)state;
    pairs_follow_their_laws("mad_recall", "", 0);
    pairs_follow_their_laws("mad_noisy_recall", "", 0.2);
    pairs_follow_their_laws("mad_noisy_recall", "noise=0.8", 0.8);
}

/* Without noise the two tasks are one but for their random streams. */
static void test_first_questions_come_as_often_as_keys_repeat(void **state)
{
    enum { T = 16, EXAMPLES = 4000 };
    static const char *const tasks[] = {"mad_recall", "mad_noisy_recall"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        la_subject s = la_subject_of(tasks[i], i ? "noise=0" : "");
        int64_t second[2] = {0};
        for (uint64_t index = 0; index < EXAMPLES; index++) {
            la_made m = made(&s, LA_SPLIT_VALIDATION, T, 0, index);
            second[m.answers[0].position == 2]++;
            assert_int_equal(m.answers[m.n - 1].position, T - 2); /* one question is sure */
            la_made_release(&m);
        }
        la_assert_law("second pair repeats the first", second, (double[]){7.0 / 8, 1.0 / 8}, 2);
        la_subject_release(&s);
    }
}

/* Training asks for every token at the one before it; what counts is marked as in the other splits. */
static void every_token_is_trained(const char *task, bool inside)
{
    la_subject s = la_subject_of(task, "");
    for (uint64_t index = 0; index < 50; index++) {
        la_made m = made(&s, LA_SPLIT_TRAIN, 128, 0, index);
        int64_t scored = 0, asked = inside ? 128 : 127;
        assert_int_equal(m.n, asked);
        for (int64_t a = 0; a < m.n; a++) {
            const la_answer *answer = &m.answers[a];
            assert_int_equal(answer->position, a);
            if (a + 1 < 128) assert_int_equal(answer->label, m.tokens[a + 1]);
            int32_t demanded = la_solve(&s, &m, a);
            assert_int_equal(answer->group, demanded < 0 ? LA_ONLY_TRAINED : 0);
            assert_true((answer->distance > 0) == (demanded >= 0));
            scored += demanded >= 0;
        }
        assert_true(scored > 0);
        la_made_release(&m);

        m = made(&s, LA_SPLIT_TEST, 128, 0, index);
        for (int64_t t = 0, a = 0; t < 128; t++) {
            bool answered = a < m.n && m.answers[a].position == t;
            assert_true(answered == (la_solve(&s, &m, t) >= 0));
            a += answered;
        }
        la_made_release(&m);
    }
    la_subject_release(&s);
}

static void test_training_asks_for_every_token_and_others_for_what_was_seen(void **state)
{
    (void)state;
    every_token_is_trained("mad_recall", false);
    every_token_is_trained("mad_noisy_recall", false);
    every_token_is_trained("mad_fuzzy_recall", true); /* its last token lies behind the input */
}

static void test_vocabularies_without_room_are_refused(void **state)
{
    static const struct {
        const char *task, *options, *says;
    } cases[] = {
        {"mad_recall", "vocab=2", NULL},
        {"mad_noisy_recall", "vocab=18", NULL},
        {"mad_noisy_recall", "vocab=17", "raise mad_noisy_recall.vocab to 18 or more"},
        {"mad_fuzzy_recall", "vocab=7", NULL},
        {"mad_fuzzy_recall", "vocab=6", "raise it to 7 or more"},
        {"mad_fuzzy_recall", "vocab=6 key_motif=2", NULL},
        {"mad_memorization", "vocab=3", NULL},
        {"mad_selective_copying", "vocab=3", NULL},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of(cases[i].task, cases[i].options);
        const la_learned *l = s.task->learned;
        la_problem p = {.mask = LA_MASK_CAUSAL};
        la_err err = {0};
        la_status st = s.task->check(NULL, &p, s.opts, &err);
        assert_int_equal(st, cases[i].says ? LA_E_UNSUPPORTED : LA_OK);
        if (!cases[i].says) {
            la_shape shape;
            assert_int_equal(l->shape_at(s.opts, 128, &shape, &err), LA_OK);
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shape, 0);
            la_made_release(&m);
        } else if (!strstr(err.msg, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
        la_subject_release(&s);
    }
}

/* ---- mad_fuzzy_recall: 7 key tokens, 8 value tokens, pad 15 ---- */

enum { MOTIF_KEYS = 7, PAD = 15 };

typedef struct motif_pair {
    int from, key, value; /* first token, and how many of each kind */
} motif_pair;

/* Pairs of an example, of which the last lacks its last token. */
static int pairs_of(const la_made *m, motif_pair *out)
{
    int n = 0, t = 0, T = (int)m->shape.T;
    while (m->tokens[t] == PAD) t++;
    while (t < T) {
        motif_pair p = {.from = t};
        for (; t < T && m->tokens[t] < MOTIF_KEYS; t++) p.key++;
        for (; t < T && m->tokens[t] >= MOTIF_KEYS; t++) {
            assert_int_not_equal(m->tokens[t], PAD);
            p.value++;
        }
        out[n++] = p;
    }
    return n;
}

static bool same_key(const la_made *m, motif_pair a, motif_pair b)
{
    return a.key == b.key && memcmp(m->tokens + a.from, m->tokens + b.from, (size_t)a.key * 4) == 0;
}

static void all_differ(const int32_t *tokens, int n)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) assert_int_not_equal(tokens[i], tokens[j]);
}

static void test_motifs_are_tuples_of_uniform_sizes(void **state)
{
    enum { T = 64, EXAMPLES = 3000 };
    la_subject s = la_subject_of("mad_fuzzy_recall", "");
    (void)state;
    for (int split = LA_SPLIT_TRAIN; split <= LA_SPLIT_TEST; split += 2) {
        int64_t key_sizes[3] = {0}, value_sizes[3] = {0}, two[49] = {0}, cells = 0, last[8] = {0};
        for (uint64_t index = 0; index < EXAMPLES; index++) {
            la_made m = made(&s, (la_split)split, T, 0, index);
            motif_pair p[T];
            int n = pairs_of(&m, p);
            for (int i = 0; i < n; i++) {
                all_differ(m.tokens + p[i].from, p[i].key);
                all_differ(m.tokens + p[i].from + p[i].key, p[i].value);
                assert_true(p[i].key >= 1 && p[i].key <= 3 && p[i].value <= 3);
                if (split == LA_SPLIT_TEST) assert_int_equal(p[i].key, 3);
            }
            /* The first pair is no matter of what fits. */
            key_sizes[p[0].key - 1]++;
            value_sizes[p[0].value - 1]++;
            last[m.tokens[p[0].from + p[0].key + p[0].value - 1] - MOTIF_KEYS]++;
            if (p[0].key > 1) two[m.tokens[p[0].from] * 7 + m.tokens[p[0].from + 1]]++;
            la_made_release(&m);
        }
        if (split == LA_SPLIT_TRAIN) la_assert_uniform("sizes of keys", key_sizes, 3);
        la_assert_uniform("sizes of values", value_sizes, 3);
        la_assert_uniform("last tokens of values", last, 8);
        for (int i = 0; i < 49; i++) {
            if (i % 8 == 0) assert_int_equal(two[i], 0);
            if (i % 8) two[cells++] = two[i];
        }
        la_assert_uniform("first two tokens of keys", two, cells);
    }
    la_subject_release(&s);
}

static void test_motifs_fill_the_sequence_and_a_key_keeps_its_value(void **state)
{
    enum { T = 64, EXAMPLES = 2000 };
    la_subject s = la_subject_of("mad_fuzzy_recall", "");
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_split split = (la_split)(index % 3);
        la_made m = made(&s, split, T, 0, index);
        motif_pair p[T], end;
        int n = pairs_of(&m, p), shown = 0;
        end = p[n - 1];
        int probe = end.key + end.value + 1; /* with the token behind the input */
        /* The pairs before the end: the last of them began where p + 6 or more tokens were left, and
         * behind it there are fewer. Counted in the sequence alone, without its pad. */
        int told = end.from - p[0].from, before = p[n - 2].from - p[0].from;
        assert_true(told >= T - probe - 6 && before < T - probe - 6);
        assert_int_equal(p[0].from, T + 1 - told - probe);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < i; j++) {
                if (!same_key(&m, p[i], p[j])) continue;
                shown += i == n - 1;
                assert_true(p[i].value == p[j].value || i == n - 1);
                assert_memory_equal(m.tokens + p[i].from, m.tokens + p[j].from,
                                    (size_t)(p[i].key + p[i].value) * 4);
                if (i == n - 1) {
                    int value = p[j].value;
                    assert_int_equal(end.value, value - 1);
                    assert_int_equal(m.answers[m.n - 1].position, T - 1);
                    assert_int_equal(m.answers[m.n - 1].label,
                                     m.tokens[p[j].from + p[j].key + value - 1]);
                }
            }
        assert_true(shown >= 1); /* what is asked at the end was shown */
        la_made_release(&m);
    }
    la_subject_release(&s);
}

/* Of many key tokens a key hardly comes twice by itself, so the probe's first pair is where it was put:
 * the first that begins at its offset or behind it. */
static void test_the_probe_is_put_at_a_uniform_offset(void **state)
{
    enum { T = 102, MOST = 2, EXAMPLES = 6000, OFFSETS = T - 2 * MOST };
    la_subject s = la_subject_of("mad_fuzzy_recall", "vocab=4096 key_motif=1 value_motif=1");
    int64_t seen[(OFFSETS + 1) / 2] = {0}, cells = 0;
    double law[(OFFSETS + 1) / 2] = {0};
    (void)state;
    for (uint64_t index = 0; index < EXAMPLES; index++) {
        la_made m = made(&s, LA_SPLIT_TEST, T, 0, index);
        int64_t at = 3, first;
        for (int t = 0; t < 3; t++) assert_int_equal(m.tokens[t], 4095);
        for (first = at; m.tokens[first] != m.tokens[T - 1];) first += 2;
        assert_true(first < T - 1);
        seen[(first - at) / 2]++;
        la_made_release(&m);
    }
    /* Pairs begin at 0, 2, ... below T - 4; an offset above the last of them means that one. */
    for (int64_t offset = 0; offset < OFFSETS; offset++) {
        int64_t put = (offset + 1) / 2 * 2, most = T - MOST - 2 * MOST;
        if (offset > most) put = most;
        law[put / 2] += 1.0 / OFFSETS;
        if (put / 2 + 1 > cells) cells = put / 2 + 1;
    }
    la_assert_law("places of the probe", seen, law, cells);
    la_subject_release(&s);
}

/* ---- mad_memorization ---- */

enum { BY_HEART = 127 };

static void read_map(const char *options, int32_t map[BY_HEART])
{
    la_subject s = la_subject_of("mad_memorization", options);
    int left = BY_HEART;
    for (int k = 0; k < BY_HEART; k++) map[k] = -1;
    for (uint64_t index = 0; left > 0; index++) {
        la_made m = la_made_of(&s, index % 5, (la_split)(index % 3),
                               (la_shape){.T = 32 << index % 2, .far = index % 2}, index);
        for (int64_t a = 0; a < m.n; a++) {
            int32_t *value = &map[m.tokens[2 * a]];
            assert_int_equal(m.answers[a].position, 2 * a + 1);
            assert_int_equal(m.tokens[2 * a + 1], 255);
            left -= *value < 0;
            if (*value < 0) *value = m.answers[a].label;
            assert_int_equal(*value, m.answers[a].label); /* in every split, seed and length */
        }
        la_made_release(&m);
    }
    la_subject_release(&s);
}

static void test_a_map_is_fixed_and_no_value_comes_twice(void **state)
{
    int32_t map[BY_HEART], other[BY_HEART];
    int64_t low[2] = {0};
    int used[256] = {0}, agree = 0;
    (void)state;
    read_map("", map);
    read_map("map=1", other);
    for (int k = 0; k < BY_HEART; k++) {
        assert_true(map[k] >= 127 && map[k] < 255);
        assert_int_equal(used[map[k]]++, 0);
        agree += map[k] == other[k];
        low[(map[k] < 191) == (k < 64)]++; /* values in no order of the keys */
    }
    assert_true(agree < 8);
    la_assert_uniform("halves of keys and values", low, 2);
}

static void test_memorized_keys_are_uniform(void **state)
{
    la_subject s = la_subject_of("mad_memorization", "");
    int64_t keys[BY_HEART] = {0}, repeats[2] = {0};
    (void)state;
    for (uint64_t index = 0; index < 500; index++) {
        la_made m = made(&s, LA_SPLIT_TEST, 32, 0, index);
        assert_int_equal(m.n, 16);
        for (int t = 0; t < 32; t += 2) keys[m.tokens[t]]++;
        repeats[m.tokens[0] == m.tokens[2]]++;
        repeats[m.tokens[4] == m.tokens[6]]++;
        la_made_release(&m);
    }
    la_assert_uniform("keys", keys, BY_HEART);
    la_assert_law("with replacement", repeats, (double[]){126.0 / 127, 1.0 / 127}, 2);
    la_subject_release(&s);
}

/* As many different keys as the definition says are in the fixed training set. */
static void test_a_training_set_holds_the_share_of_keys_that_is_said(void **state)
{
    static const struct {
        const char *options;
        double low, high;
    } cases[] = {
        {"vocab=2048", 0.97, 0.99}, {"vocab=4096", 0.85, 0.88}, {"vocab=8192", 0.61, 0.65}};
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of("mad_memorization", cases[i].options);
        int64_t keys = (la_subject_option(&s, "vocab") - 1) / 2, met = 0;
        char *seen = calloc((size_t)keys, 1);
        for (uint64_t index = 0; index < 256; index++) {
            la_made m = made(&s, LA_SPLIT_TRAIN, 32, 0, index);
            for (int t = 0; t < 32; t += 2) {
                met += !seen[m.tokens[t]];
                seen[m.tokens[t]] = 1;
            }
            la_made_release(&m);
        }
        assert_true((double)met > cases[i].low * (double)keys);
        assert_true((double)met < cases[i].high * (double)keys);
        free(seen);
        la_subject_release(&s);
    }
}

/* ---- mad_selective_copying ---- */

/* Three tokens and two blanks: each blank is before one of the tokens, so a layout with both before the
 * same has a probability of 1/9, one with two different ones of 2/9. */
static void test_blanks_stand_before_tokens_drawn_uniformly(void **state)
{
    la_subject s = la_subject_of("mad_selective_copying", "tokens=3");
    int64_t layouts[9] = {0}, symbols[14] = {0}, pairs[196] = {0}, cells = 0;
    double law[6];
    (void)state;
    for (uint64_t index = 0; index < 6000; index++) {
        la_made m = made(&s, (la_split)(index % 3), 9, 3, index);
        int before[3] = {0}, placed = 0;
        for (int t = 0; t < 5; t++) {
            if (m.tokens[t] == 14) {
                assert_true(placed < 3); /* the last token is directly before the copy token */
                before[placed]++;
                continue;
            }
            assert_true(m.tokens[t] >= 0 && m.tokens[t] < 14);
            assert_int_equal(m.answers[placed].label, m.tokens[t]);
            assert_int_equal(m.answers[placed].position, 6 + placed);
            assert_int_equal(m.answers[placed].distance, 6 + placed - t);
            symbols[m.tokens[t]]++;
            placed++;
        }
        assert_int_equal(placed, 3);
        assert_int_equal(m.n, 3);
        assert_int_equal(m.tokens[5], 15);
        for (int t = 6; t < 9; t++) assert_int_equal(m.tokens[t], 14);
        pairs[m.answers[0].label * 14 + m.answers[1].label]++;
        layouts[before[0] * 3 + before[1]]++;
        la_made_release(&m);
    }
    for (int i = 0; i < 9; i++) {
        int a = i / 3, b = i % 3;
        if (a + b > 2) {
            assert_int_equal(layouts[i], 0);
            continue;
        }
        law[cells] = a == 2 || b == 2 || a + b == 0 ? 1.0 / 9 : 2.0 / 9;
        layouts[cells++] = layouts[i];
    }
    assert_int_equal(cells, 6);
    la_assert_law("layouts", layouts, law, 6);
    la_assert_uniform("symbols", symbols, 14);
    la_assert_uniform("first two symbols", pairs, 196);
    la_subject_release(&s);
}

/* ---- settings ---- */

static const char *wish_of(const la_task *task, const char *owner, const char *key)
{
    for (const la_wish *w = task->learned->wishes; w && w->owner; w++)
        if (strcmp(w->owner, owner) == 0 && strcmp(w->key, key) == 0) return w->value;
    return "";
}

/* Baselines, and as many steps of each axis as MAD's configuration has. */
static void test_baselines_and_steps_are_those_of_mad(void **state)
{
    static const struct {
        const char *task, *examples;
        int64_t T;
        const char *steps; /* axis: values */
    } cases[] = {
        {"mad_recall", "12800", 128,
         "vocab 32 vocab 64 vocab 128 length 256 length 512 length 1024 examples 6400 "
         "examples 3200 examples 1600 examples 800 "},
        {"mad_noisy_recall", "12800", 128,
         "vocab 48 vocab 80 vocab 144 length 256 length 512 length 1024 examples 6400 "
         "examples 3200 examples 1600 examples 800 noise 0.4 noise 0.6 noise 0.8 "},
        {"mad_fuzzy_recall", "12800", 128,
         "vocab 32 vocab 64 vocab 128 length 256 length 512 length 1024 examples 6400 "
         "examples 3200 examples 1600 examples 800 "},
        {"mad_memorization", "256", 32, "vocab 512 vocab 1024 vocab 2048 vocab 4096 vocab 8192 "},
        {"mad_selective_copying", "12800", 256,
         "vocab 32 vocab 64 vocab 128 length 512 length 1024 examples 6400 examples 3200 "
         "examples 1600 examples 800 tokens 32 tokens 64 tokens 96 "},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of(cases[i].task, "");
        const la_learned *l = s.task->learned;
        char steps[512] = "";
        assert_int_equal(l->train_lengths[0], cases[i].T);
        assert_int_equal(l->train_lengths[1], 0);
        assert_string_equal(wish_of(s.task, "train", "examples"), cases[i].examples);
        for (const la_difficulty *d = l->difficulties; d->axis; d++) {
            size_t at = strlen(steps);
            snprintf(steps + at, sizeof steps - at, "%s %s ", d->axis, d->value);
            la_shape shape;
            if (!d->owner)
                assert_int_equal(l->shape_at(s.opts, atol(d->value), &shape, NULL), LA_OK);
            else if (strcmp(d->owner, "train") != 0) {
                char words[64];
                assert_string_equal(d->owner, cases[i].task);
                snprintf(words, sizeof words, "%s=%s", d->key, d->value);
                la_subject harder = la_subject_of(d->owner, words);
                la_made m = made(&harder, LA_SPLIT_TEST, cases[i].T,
                                 strcmp(d->axis, "tokens") == 0 ? atol(d->value) : 16, 0);
                la_made_release(&m);
                la_subject_release(&harder);
            }
        }
        assert_string_equal(steps, cases[i].steps);
        la_subject_release(&s);
    }
}

static void test_words_say_what_ids_are(void **state)
{
    static const struct {
        const char *task;
        int32_t token;
        const char *word;
    } cases[] = {
        {"mad_recall", 7, "k7"},
        {"mad_recall", 8, "v0"},
        {"mad_noisy_recall", 15, "v7"},
        {"mad_noisy_recall", 16, "z0"},
        {"mad_fuzzy_recall", 6, "k6"},
        {"mad_fuzzy_recall", 7, "v0"},
        {"mad_fuzzy_recall", 15, "pad"},
        {"mad_memorization", 126, "k126"},
        {"mad_memorization", 127, "v0"},
        {"mad_memorization", 255, "insert"},
        {"mad_selective_copying", 13, "x13"},
        {"mad_selective_copying", 14, "."},
        {"mad_selective_copying", 15, "copy"},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of(cases[i].task, "");
        char buf[16];
        assert_string_equal(s.task->learned->word(s.opts, cases[i].token, buf), cases[i].word);
        la_subject_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running_pairs_follow_their_laws),
        cmocka_unit_test(test_first_questions_come_as_often_as_keys_repeat),
        cmocka_unit_test(test_training_asks_for_every_token_and_others_for_what_was_seen),
        cmocka_unit_test(test_vocabularies_without_room_are_refused),
        cmocka_unit_test(test_motifs_are_tuples_of_uniform_sizes),
        cmocka_unit_test(test_motifs_fill_the_sequence_and_a_key_keeps_its_value),
        cmocka_unit_test(test_the_probe_is_put_at_a_uniform_offset),
        cmocka_unit_test(test_a_map_is_fixed_and_no_value_comes_twice),
        cmocka_unit_test(test_memorized_keys_are_uniform),
        cmocka_unit_test(test_a_training_set_holds_the_share_of_keys_that_is_said),
        cmocka_unit_test(test_blanks_stand_before_tokens_drawn_uniformly),
        cmocka_unit_test(test_baselines_and_steps_are_those_of_mad),
        cmocka_unit_test(test_words_say_what_ids_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
