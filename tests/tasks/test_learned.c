/* SPDX-License-Identifier: Apache-2.0
 * What holds for every learned task: labels that the tokens demand, the same example in any order and
 * on any number of threads, splits apart, chance, digests of what was made before, refusals.
 */
#include "learned_kit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "alloc.h"
#include "labench/kit.h"
#include "registry.h"

enum { SEED = 5 };

/* What a case says of its examples. */
enum {
    SILENT = 1, /* no filler looks like an answer or a question: labels stand nowhere behind */
    UNEVEN =
        2, /* labels are not spread evenly, or classes are no tokens: the task's own test has their law */
    REPEATED = 4, /* so few examples exist that splits share some, as the definition says */
    LARGE = 8,    /* examples take scratch */
};
static const struct {
    const char *task, *options;
    int says;
} subjects[] = {
#include "cases_basic.h"
#include "cases_mad.h"
#include "cases_needle.h"
#include "cases_recall.h"
#include "cases_state.h"
};

/* The trained shapes and those of some lengths of a sweep. */
static size_t shapes_of(const la_subject *s, la_shape *out)
{
    static const int64_t swept[] = {128, 500, 2048};
    const la_learned *l = s->task->learned;
    size_t lengths = 0, n;
    while (l->train_lengths[lengths]) lengths++;
    n = l->mixture(s->opts, l->train_lengths, lengths, out, LA_MAX_SHAPES);
    assert_true(n >= 1 && n <= LA_MAX_SHAPES - LA_COUNT(swept));
    for (size_t i = 0; i < n; i++) assert_int_equal(out[i].far, 0);
    size_t trained = n;
    for (size_t i = 0; i < LA_COUNT(swept); i++) {
        if (l->shape_at(s->opts, swept[i], &out[n], NULL) != LA_OK) continue;
        assert_int_equal(out[n].T, swept[i]);
        assert_int_equal(out[n].far, 1);
        n++;
    }
    assert_true(n > trained);
    return n;
}

static void check_example(const la_subject *s, const la_made *m, bool silent)
{
    int64_t vocabulary = s->task->learned->vocabulary(s->opts), at = 0, groups = 1;
    const char *const *names = s->task->learned->group_names;
    for (groups = 0; names && names[groups];) groups++;
    for (int64_t t = 0; t < m->shape.T; t++)
        assert_true(m->tokens[t] >= 0 && m->tokens[t] < vocabulary);
    for (int64_t t = 0; t < m->shape.T; t++) {
        int32_t demanded = la_solve(s, m, t);
        bool answered = at < m->n && m->answers[at].position == t;
        if (!answered) {
            if (silent) assert_int_equal(demanded, -1);
            continue;
        }
        const la_answer *a = &m->answers[at++];
        assert_true(a->group >= LA_ONLY_TRAINED && a->group < (groups ? groups : 1));
        if (a->group >= 0) assert_int_equal(a->label, demanded);
        /* A head asks behind the last token, whatever position an answer is of. */
        int64_t asked = s->task->learned->head ? m->shape.T - 1 : t;
        assert_true(a->distance >= 0 && a->distance <= asked);
        if (a->group == LA_ONLY_TRAINED) continue;
        if (a->distance && !s->task->learned->head)
            assert_int_equal(m->tokens[t - a->distance], a->label);
        for (int64_t u = t; silent && u < m->shape.T; u++)
            assert_int_not_equal(m->tokens[u], a->label);
    }
    assert_int_equal(at, m->n); /* in order of position, none twice */
}

static void test_labels_are_what_the_tokens_demand(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(subjects); i++) {
        la_subject s = la_subject_of(subjects[i].task, subjects[i].options);
        la_shape shapes[LA_MAX_SHAPES];
        size_t n = shapes_of(&s, shapes);
        for (size_t j = 0; j < n; j++)
            for (uint64_t index = 0; index < 20; index++) {
                la_split split = (la_split)(index % 3);
                la_made m = la_made_of(&s, SEED, split, shapes[j], index);
                check_example(&s, &m, subjects[i].says & SILENT);
                la_made_release(&m);
            }
        la_subject_release(&s);
    }
}

/* Every learned task has a row above. */
static void test_all_learned_tasks_are_covered(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_tasks_count(); i++) {
        const la_task *t = la_tasks_at(i);
        bool found = t->kind != LA_TASK_LEARNED;
        for (size_t j = 0; j < LA_COUNT(subjects); j++)
            found |= strcmp(subjects[j].task, t->name) == 0;
        if (!found) fail_msg("task %s has no row of subjects", t->name);
    }
}

static void test_examples_do_not_depend_on_order_or_threads(void **state)
{
    enum { EXAMPLES = 64 };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(subjects); i++) {
        la_subject s = la_subject_of(subjects[i].task, subjects[i].options);
        la_shape shapes[LA_MAX_SHAPES];
        size_t n = shapes_of(&s, shapes);
        la_made first[EXAMPLES], again[EXAMPLES];
        for (int e = 0; e < EXAMPLES; e++)
            first[e] =
                la_made_of(&s, SEED, LA_SPLIT_TEST, shapes[(size_t)e % n], (uint64_t)(e * e));
#pragma omp parallel for num_threads(4) schedule(dynamic, 1)
        for (int k = 0; k < EXAMPLES; k++) {
            int e = EXAMPLES - 1 - k;
            again[e] =
                la_made_of(&s, SEED, LA_SPLIT_TEST, shapes[(size_t)e % n], (uint64_t)(e * e));
        }
        for (int e = 0; e < EXAMPLES; e++) {
            assert_true(la_made_equal(&first[e], &again[e]));
            la_made_release(&first[e]);
            la_made_release(&again[e]);
        }
        la_subject_release(&s);
    }
}

static uint64_t digest_of(const la_made *m)
{
    XXH64_hash_t tokens = XXH3_64bits(m->tokens, (size_t)m->shape.T * sizeof *m->tokens);
    return XXH3_64bits_withSeed(m->answers, (size_t)m->n * sizeof *m->answers, tokens);
}

static int by_value(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

/* Splits, seeds, near and far, and indices: none shares an example with another. */
static void test_splits_and_seeds_share_no_example(void **state)
{
    enum { EACH = 800, SETS = 5 };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(subjects); i++) {
        if (subjects[i].says & REPEATED) continue;
        la_subject s = la_subject_of(subjects[i].task, subjects[i].options);
        la_shape far;
        assert_int_equal(s.task->learned->shape_at(s.opts, 128, &far, NULL), LA_OK);
        la_shape near = {.T = far.T, .n = far.n};
        const struct {
            uint64_t seed;
            la_split split;
            la_shape shape;
        } sets[SETS] = {{SEED, LA_SPLIT_TRAIN, far},
                        {SEED, LA_SPLIT_VALIDATION, far},
                        {SEED, LA_SPLIT_TEST, far},
                        {SEED + 1, LA_SPLIT_TRAIN, far},
                        {SEED, LA_SPLIT_TRAIN, near}};
        uint64_t seen[EACH * SETS];
        for (int k = 0; k < EACH * SETS; k++) {
            la_made m = la_made_of(&s, sets[k / EACH].seed, sets[k / EACH].split,
                                   sets[k / EACH].shape, (uint64_t)(k % EACH));
            seen[k] = XXH3_64bits(m.tokens, (size_t)m.shape.T * sizeof *m.tokens);
            la_made_release(&m);
        }
        qsort(seen, EACH * SETS, sizeof *seen, by_value);
        for (int k = 1; k < EACH * SETS; k++) assert_true(seen[k] != seen[k - 1]);
        la_subject_release(&s);
    }
}

/* Labels are spread evenly over 1/chance ids, so no fixed guess does better than chance. */
static void test_guessing_scores_chance(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(subjects); i++) {
        if (subjects[i].says & UNEVEN) continue;
        la_subject s = la_subject_of(subjects[i].task, subjects[i].options);
        la_shape shape;
        int64_t vocabulary = s.task->learned->vocabulary(s.opts), answers = 0, cells = 0;
        int64_t *seen = calloc((size_t)vocabulary, sizeof *seen);
        double chance = s.task->chance(s.opts);
        assert_int_equal(s.task->learned->shape_at(s.opts, 100, &shape, NULL), LA_OK);
        for (uint64_t index = 0; (double)answers < 40 / chance; index++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, index);
            for (int64_t a = 0; a < m.n; a++) {
                if (m.answers[a].group == LA_ONLY_TRAINED) continue;
                seen[m.answers[a].label]++;
                answers++;
            }
            la_made_release(&m);
        }
        for (int64_t id = 0; id < vocabulary; id++)
            if (seen[id]) seen[cells++] = seen[id];
        assert_int_equal(cells, llround(1 / chance));
        la_assert_uniform(subjects[i].task, seen, cells);
        free(seen);
        la_subject_release(&s);
    }
}

/* 100 examples of a shape, as they were made when the version was set. A change of these numbers is a
 * change of the data: raise the task's version with it. */
static const struct {
    const char *task, *options;
    la_shape shape;
    uint64_t digest;
} golden[] = {
#include "golden_basic.h"
#include "golden_mad.h"
#include "golden_needle.h"
#include "golden_recall.h"
#include "golden_state.h"
};

static void test_examples_are_those_of_their_version(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < LA_COUNT(golden); i++) {
        la_subject s = la_subject_of(golden[i].task, golden[i].options);
        uint64_t all[100];
        for (uint64_t index = 0; index < 100; index++) {
            la_split split = (la_split)(index % 3);
            la_made m = la_made_of(&s, 1, split, golden[i].shape, index);
            all[index] = digest_of(&m);
            la_made_release(&m);
        }
        uint64_t digest = XXH3_64bits(all, sizeof all);
        if (digest != golden[i].digest) {
            const la_shape *shape = &golden[i].shape;
            printf("{\"%s\", \"%s\", {%" PRId64 ", %" PRId64 ", %d}, 0x%016" PRIx64 "},\n",
                   golden[i].task, golden[i].options, shape->T, shape->n, shape->far, digest);
            wrong++;
        }
        la_subject_release(&s);
    }
    if (wrong) fail_msg("%d digests differ from the table: see above", wrong);
}

static void test_trained_shapes_allocate_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(subjects); i++) {
        if (subjects[i].says & LARGE) continue;
        la_subject s = la_subject_of(subjects[i].task, subjects[i].options);
        la_shape shapes[LA_MAX_SHAPES];
        size_t n = shapes_of(&s, shapes);
        long before = la_mem_count();
        for (size_t j = 0; j < n; j++) {
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TRAIN, shapes[j], 0);
            la_made_release(&m);
        }
        assert_int_equal(la_mem_count(), before);
        la_subject_release(&s);
    }
}

static void test_large_shapes_give_their_memory_back_and_refuse_without_it(void **state)
{
    la_subject s = la_subject_of("mqar", "");
    la_shape shape = {.T = 65536, .n = 16, .far = 1};
    int32_t *tokens = malloc((size_t)shape.T * sizeof *tokens);
    la_answer answers[16];
    int64_t n;
    la_err err = {0};
    (void)state;
    size_t live = la_mem_live();
    la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, 3);
    assert_int_equal(la_mem_live(), live);
    la_mem_fail_at(1, true);
    assert_int_equal(
        s.task->learned->make(s.opts, SEED, LA_SPLIT_TEST, &shape, 3, tokens, answers, &n, &err),
        LA_E_NOMEM);
    la_mem_fail_at(0, false);
    la_made_release(&m);
    la_subject_release(&s);
    free(tokens);
}

static void test_mixture_keeps_to_its_room(void **state)
{
    static const int64_t lengths[] = {64, 128, 256};
    la_shape out[3] = {{0}};
    la_subject s = la_subject_of("mqar", "");
    (void)state;
    assert_int_equal(s.task->learned->mixture(s.opts, lengths, 3, out, 2), 2);
    assert_int_equal(out[2].T, 0);
    la_subject_release(&s);
}

static const struct {
    const char *task, *options;
    int64_t T;
    const char *says; /* NULL: T is fine, the shortest that is */
} refusals[] = {
#include "refusals_basic.h"
#include "refusals_mad.h"
#include "refusals_needle.h"
#include "refusals_recall.h"
#include "refusals_state.h"
};

static void test_lengths_that_cannot_be_are_refused_in_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < LA_COUNT(refusals); i++) {
        la_subject s = la_subject_of(refusals[i].task, refusals[i].options);
        const la_learned *l = s.task->learned;
        la_shape shape = {0};
        la_err err = {0};
        la_status st = l->shape_at(s.opts, refusals[i].T, &shape, &err);
        if (!refusals[i].says) {
            if (st != LA_OK) fail_msg("%s", err.msg);
            la_made m = la_made_of(&s, SEED, LA_SPLIT_TEST, shape, 0);
            check_example(&s, &m, false);
            la_made_release(&m);
        } else {
            assert_int_equal(st, LA_E_UNSUPPORTED);
            if (!strstr(err.msg, refusals[i].says))
                fail_msg("'%s' does not say '%s'", err.msg, refusals[i].says);
            la_answer answer;
            int64_t n;
            int32_t token;
            assert_int_equal(l->shape_at(s.opts, 4096, &shape, NULL),
                             strstr(refusals[i].says, "vocab") ? LA_E_UNSUPPORTED : LA_OK);
            if (shape.T == 0) shape.n = 300;
            shape.T = refusals[i].T;
            assert_int_equal(
                l->make(s.opts, SEED, LA_SPLIT_TEST, &shape, 0, &token, &answer, &n, &err),
                LA_E_UNSUPPORTED);
        }
        la_subject_release(&s);
    }
}

static void test_vocabularies_too_small_are_refused_in_a_sentence(void **state)
{
    static const struct {
        const char *task, *options, *says;
    } cases[] = {
        {"mqar", "", NULL},
        {"mqar", "vocab=66", NULL},
        {"mqar", "vocab=65", "32 pairs with different keys do not fit mqar.vocab 65"},
        {"mqar", "vocab=64", "raise mqar.vocab to 66 or more, or lower mqar.pairs"},
        {"mqar", "vocab=64 pairs=31", NULL},
        {"mqar", "vocab=8 pairs=3 eval_pairs=4", "or lower mqar.eval_pairs"},
        {"overwrite", "vocab=96", NULL},
        {"overwrite", "vocab=94", "48 different values do not fit overwrite.vocab 94"},
        {"overwrite", "vocab=94 updates=0", NULL},
        {"copy", "alphabet=4", NULL},
    };
    (void)state;
    for (size_t i = 0; i < LA_COUNT(cases); i++) {
        la_subject s = la_subject_of(cases[i].task, cases[i].options);
        la_problem p = {.B = 1,
                        .T = 256,
                        .Tcap = 256,
                        .H = 1,
                        .Hkv = 1,
                        .Hqk = 1,
                        .dk = 8,
                        .dv = 8,
                        .mask = LA_MASK_CAUSAL,
                        .threads = 1};
        la_err err = {0};
        la_status st = s.task->check(la_registry_find("softmax"), &p, s.opts, &err);
        assert_int_equal(st, cases[i].says ? LA_E_UNSUPPORTED : LA_OK);
        if (cases[i].says && !strstr(err.msg, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
        la_subject_release(&s);
    }
}

/* A descriptor that lacks a learned member, or has one of a probe, is not taken. */
static void test_learned_tasks_are_validated(void **state)
{
    const la_task *good = la_tasks_find("mqar"), *probe = la_tasks_find("recall");
    static const int64_t falling[] = {128, 64, 0}, none[] = {0};
    static const char *const many[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", NULL};
    (void)state;
    la_task t = *good;
    la_learned l = *good->learned;
    t.learned = &l;
    assert_int_equal(la_task_validate(&t, NULL), LA_OK);
    t.answers = probe->answers;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
    t.answers = NULL;
    t.probe_read = probe->probe_read;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
    t.probe_read = NULL;
    l.make = NULL;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
    l.make = good->learned->make;
    l.version = 0;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
    l.version = 1;
    l.group_names = many;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
    l.group_names = NULL;
    l.train_lengths = falling;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
    l.train_lengths = none;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
    t.learned = NULL;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
    t = *probe;
    t.learned = good->learned;
    assert_int_equal(la_task_validate(&t, NULL), LA_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_are_what_the_tokens_demand),
        cmocka_unit_test(test_all_learned_tasks_are_covered),
        cmocka_unit_test(test_examples_do_not_depend_on_order_or_threads),
        cmocka_unit_test(test_splits_and_seeds_share_no_example),
        cmocka_unit_test(test_guessing_scores_chance),
        cmocka_unit_test(test_examples_are_those_of_their_version),
        cmocka_unit_test(test_trained_shapes_allocate_nothing),
        cmocka_unit_test(test_large_shapes_give_their_memory_back_and_refuse_without_it),
        cmocka_unit_test(test_mixture_keeps_to_its_room),
        cmocka_unit_test(test_lengths_that_cannot_be_are_refused_in_a_sentence),
        cmocka_unit_test(test_vocabularies_too_small_are_refused_in_a_sentence),
        cmocka_unit_test(test_learned_tasks_are_validated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
