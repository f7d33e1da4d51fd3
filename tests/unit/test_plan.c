/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "plan.h"
#include "registry.h"

static void put(la_words *words, const char *list)
{
    for (size_t n; *list; list += n + (list[n] == ',')) {
        n = strcspn(list, ",");
        assert_int_equal(la_words_add(words, list, n, NULL), LA_OK);
    }
}

static la_spec spec_of(const char *variants)
{
    la_spec s = {.seed = 1};
    put(&s.variants, variants);
    put(&s.tasks, "none");
    assert_int_equal(la_counts_add(&s.lengths, 64, NULL), LA_OK);
    return s;
}

static void set(la_spec *s, const char *owner, const char *key, const char *values)
{
    assert_int_equal(la_grow((void **)&s->settings, &s->cap_settings, s->n_settings + 1,
                             sizeof *s->settings, NULL),
                     LA_OK);
    la_setting *to = &s->settings[s->n_settings++];
    *to = (la_setting){.owner = la_strdup(owner, NULL), .key = la_strdup(key, NULL)};
    put(&to->values, values);
}

/* Expands and releases the spec; the plan is the caller's. */
static la_status expand(la_spec *s, la_plan *plan, la_err *err)
{
    la_device device;
    la_device_cpu(&device);
    la_status st = la_plan_expand(s, &device, plan, err);
    la_spec_release(s);
    return st;
}

static void refuses(la_spec s, const char *message)
{
    la_plan plan;
    la_err err = {0};
    assert_int_equal(expand(&s, &plan, &err), LA_E_ARG);
    if (!strstr(err.msg, message)) print_error("got: %s\nwant: %s\n", err.msg, message);
    assert_non_null(strstr(err.msg, message));
    assert_int_equal(la_mem_live(), 0);
}

static void test_counts_stay_ascending_and_distinct(void **state)
{
    (void)state;
    la_counts c = {0};
    const int64_t in[] = {5, 1, 5, 9, 3, 1};
    for (size_t i = 0; i < LA_COUNT(in); i++)
        assert_int_equal(la_counts_add(&c, in[i], NULL), LA_OK);
    const int64_t want[] = {1, 3, 5, 9};
    assert_int_equal(c.n, 4);
    assert_memory_equal(c.v, want, sizeof want);
    la_counts_release(&c);
}

static void test_all_leaves_the_baselines_out(void **state)
{
    (void)state;
    la_words words = {0};
    const la_variant **list;
    size_t n;
    put(&words, "all");
    assert_int_equal(la_plan_variants(&words, &list, &n, NULL), LA_OK);
    assert_true(n >= 1);
    for (size_t i = 0; i < n; i++) assert_int_not_equal(list[i]->family, LA_FAMILY_BASELINE);
    la_free(list);
    put(&words, "baseline,-copy");
    assert_int_equal(la_plan_variants(&words, &list, &n, NULL), LA_OK);
    bool null = false, copy = false;
    for (size_t i = 0; i < n; i++) {
        null |= strcmp(list[i]->name, "null") == 0;
        copy |= strcmp(list[i]->name, "copy") == 0;
    }
    assert_true(null && !copy);
    la_free(list);
    la_words_release(&words);
}

static void test_globs_and_tags_choose_variants(void **state)
{
    (void)state;
    la_words words = {0};
    const la_variant **list;
    size_t n;
    put(&words, "soft*,nul?");
    assert_int_equal(la_plan_variants(&words, &list, &n, NULL), LA_OK);
    assert_int_equal(n, 2);
    assert_string_equal(list[0]->name, "softmax");
    assert_string_equal(list[1]->name, "null");
    la_free(list);
    la_words_release(&words);
    put(&words, "tag:decode");
    assert_int_equal(la_plan_variants(&words, &list, &n, NULL), LA_OK);
    bool softmax = false;
    for (size_t i = 0; i < n; i++) softmax |= strcmp(list[i]->name, "softmax") == 0;
    assert_true(softmax);
    la_free(list);
    la_words_release(&words);
}

static void test_bad_variant_words_are_refused(void **state)
{
    (void)state;
    refuses(spec_of("sofmax"), "no variant 'sofmax'. Nearest: softmax.");
    refuses(spec_of("softmax,softmax"), "names 'softmax' twice");
    refuses(spec_of("softmax,-softmax"), "leaves none");
    refuses(spec_of("-softmax"), "write all,-softmax");
    refuses(spec_of("tag:quick"), "no variant has the tag 'quick'");
    refuses(spec_of("zz*"), "no variant is called 'zz*'");
}

static void test_axes_multiply(void **state)
{
    (void)state;
    la_spec s = spec_of("softmax,null");
    la_plan plan;
    la_err err = {0};
    assert_int_equal(la_counts_add(&s.lengths, 128, NULL), LA_OK);
    assert_int_equal(la_counts_add(&s.heads, 1, NULL), LA_OK);
    assert_int_equal(la_counts_add(&s.heads, 4, NULL), LA_OK);
    put(&s.passes, "fwd");
    put(&s.masks, "causal,bidirectional");
    assert_int_equal(expand(&s, &plan, &err), LA_OK);
    assert_int_equal(plan.n, 2 * 2 * 2 * 2);
    assert_int_equal(plan.rounds, 3);
    for (size_t i = 0; i < plan.n; i++) {
        assert_false(plan.cells[i].refused);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(plan.cells[i].key, plan.cells[j].key);
    }
    la_plan_release(&plan);
    assert_int_equal(la_mem_live(), 0);
}

/* Each number of shared heads meets each number of heads that it divides; who cannot share says so. */
/* The times of a process differ from the next one's, its answers do not. */
static void test_probes_have_one_round_unless_more_are_asked_for(void **state)
{
    (void)state;
    for (int asked = 0; asked <= 4; asked += 4) {
        la_spec s = spec_of("softmax");
        la_plan plan;
        size_t probes = 0;
        la_words_release(&s.tasks);
        put(&s.tasks, "recall,approximation");
        s.rounds = asked;
        assert_int_equal(expand(&s, &plan, NULL), LA_OK);
        for (size_t i = 0; i < plan.n; i++) {
            const la_cell *c = &plan.cells[i];
            bool scores = c->task && strcmp(c->task->name, "recall") == 0;
            probes += c->task != NULL;
            assert_int_equal(c->rounds, asked ? asked : scores ? 1 : 3);
        }
        assert_int_equal(probes, 2);
        la_plan_release(&plan);
    }
}

static void test_grouped_heads_are_an_axis(void **state)
{
    (void)state;
    la_spec s = spec_of("flash,linear");
    static const int64_t heads[] = {2, 8}, kv_heads[] = {1, 2, 8};
    for (size_t i = 0; i < LA_COUNT(heads); i++)
        assert_int_equal(la_counts_add(&s.heads, heads[i], NULL), LA_OK);
    for (size_t i = 0; i < LA_COUNT(kv_heads); i++)
        assert_int_equal(la_counts_add(&s.kv_heads, kv_heads[i], NULL), LA_OK);
    put(&s.passes, "decode");
    la_plan plan;
    la_err err = {0};
    if (expand(&s, &plan, &err) != LA_OK) fail_msg("%s", err.msg);
    static const int64_t want[][2] = {{2, 1}, {2, 2}, {8, 1}, {8, 2}, {8, 8}};
    size_t n = LA_COUNT(want);
    assert_int_equal(plan.n, 2 * n);
    for (size_t i = 0; i < 2 * n; i++) {
        const la_problem *p = &plan.cells[i].problem;
        assert_int_equal(p->H, want[i % n][0]);
        assert_int_equal(p->Hkv, want[i % n][1]);
        assert_int_equal(plan.cells[i].refused, i >= n && p->Hkv != p->H);
    }
    assert_non_null(strstr(plan.cells[n].reason, "takes no kv-heads 1 below heads 2"));
    assert_true(plan.cells[2].sizes.state * 8 == plan.cells[4].sizes.state);
    la_plan_release(&plan);
}

static void test_auto_mask_is_not_counted_twice(void **state)
{
    (void)state;
    la_spec s = spec_of("softmax");
    la_plan plan;
    put(&s.passes, "fwd");
    put(&s.masks, "auto,causal");
    assert_int_equal(expand(&s, &plan, NULL), LA_OK);
    assert_int_equal(plan.n, 1);
    assert_int_equal(plan.cells[0].problem.mask, LA_MASK_CAUSAL);
    la_plan_release(&plan);
}

static void test_what_cannot_exist_is_a_refused_cell(void **state)
{
    (void)state;
    la_spec s = spec_of("softmax,null");
    la_plan plan;
    assert_int_equal(expand(&s, &plan, NULL), LA_OK);
    size_t refused = 0;
    for (size_t i = 0; i < plan.n; i++) {
        if (!plan.cells[i].refused) continue;
        refused++;
        assert_string_equal(plan.cells[i].variant->name, "null");
        assert_int_equal(plan.cells[i].pass, LA_DECODE);
        assert_int_equal(plan.cells[i].outcome, LA_OUTCOME_UNSUPPORTED);
        assert_true(strlen(plan.cells[i].reason) > 10);
    }
    assert_int_equal(refused, 1);
    la_plan_release(&plan);
    s = spec_of("null");
    put(&s.passes, "decode");
    refuses(s, "null has no decode");
}

static void test_decode_cells_hold_one_new_token(void **state)
{
    (void)state;
    la_spec s = spec_of("softmax");
    la_plan plan;
    put(&s.passes, "decode");
    assert_int_equal(expand(&s, &plan, NULL), LA_OK);
    assert_int_equal(plan.n, 1);
    assert_int_equal(plan.cells[0].problem.T, 1);
    assert_int_equal(plan.cells[0].problem.Tcap, 64);
    assert_int_equal(plan.cells[0].seqlen, 64);
    la_plan_release(&plan);
}

static void test_bad_axes_are_refused(void **state)
{
    (void)state;
    la_spec s = spec_of("softmax");
    put(&s.passes, "forward");
    refuses(s, "no pass 'forward'");
    s = spec_of("softmax");
    put(&s.passes, "fwd,fwd");
    refuses(s, "--pass names 'fwd' twice");
    s = spec_of("softmax");
    put(&s.dtypes, "f8");
    refuses(s, "no type 'f8'");
    s = spec_of("softmax");
    put(&s.masks, "upper");
    refuses(s, "no mask 'upper'");
    s = spec_of("softmax");
    put(&s.impls, "cpu_magic");
    refuses(s, "no variant of this sweep has it");
    s = spec_of("softmax");
    assert_int_equal(la_counts_add(&s.kv_heads, 1, NULL), LA_OK);
    assert_int_equal(la_counts_add(&s.kv_heads, 3, NULL), LA_OK);
    refuses(s, "kv-heads 3 does not divide heads 2");
    s = spec_of("deltanet");
    assert_int_equal(la_counts_add(&s.qk_heads, 4, NULL), LA_OK);
    refuses(s, "qk-heads 4 does not divide heads 2");
    s = spec_of("softmax");
    assert_int_equal(la_counts_add(&s.dk, 1000000000, NULL), LA_OK);
    refuses(s, "more than 2^48 elements");
    s = spec_of("softmax");
    set(&s, "softmax", "window", "3");
    refuses(s, "softmax has no options");
    s = spec_of("softmax");
    set(&s, "null", "x", "3");
    refuses(s, "null is not part of this sweep");
    s = spec_of("softmax");
    set(&s, "sotfmax", "x", "3");
    refuses(s, "no variant or task 'sotfmax'. Nearest: softmax");
}

static void test_too_many_cells_need_a_yes(void **state)
{
    (void)state;
    la_spec s = spec_of("softmax");
    for (int i = 1; i <= 400; i++) {
        assert_int_equal(la_counts_add(&s.lengths, i, NULL), LA_OK);
        assert_int_equal(la_counts_add(&s.dv, i, NULL), LA_OK);
    }
    refuses(s, "add --yes");
}

static void test_the_hash_follows_what_is_measured(void **state)
{
    (void)state;
    la_plan a, b;
    la_spec s = spec_of("softmax");
    assert_int_equal(expand(&s, &a, NULL), LA_OK);
    s = spec_of("softmax");
    assert_int_equal(expand(&s, &b, NULL), LA_OK);
    assert_string_equal(a.spec_hash, b.spec_hash);
    la_plan_release(&b);
    s = spec_of("softmax");
    s.seed = 2;
    assert_int_equal(expand(&s, &b, NULL), LA_OK);
    assert_string_not_equal(a.spec_hash, b.spec_hash);
    la_plan_release(&b);
    s = spec_of("softmax");
    put(&s.other, "max-time 3");
    assert_int_equal(expand(&s, &b, NULL), LA_OK);
    assert_string_not_equal(a.spec_hash, b.spec_hash);
    la_plan_release(&b);
    la_plan_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_stay_ascending_and_distinct),
        cmocka_unit_test(test_all_leaves_the_baselines_out),
        cmocka_unit_test(test_globs_and_tags_choose_variants),
        cmocka_unit_test(test_bad_variant_words_are_refused),
        cmocka_unit_test(test_axes_multiply),
        cmocka_unit_test(test_probes_have_one_round_unless_more_are_asked_for),
        cmocka_unit_test(test_grouped_heads_are_an_axis),
        cmocka_unit_test(test_auto_mask_is_not_counted_twice),
        cmocka_unit_test(test_what_cannot_exist_is_a_refused_cell),
        cmocka_unit_test(test_decode_cells_hold_one_new_token),
        cmocka_unit_test(test_bad_axes_are_refused),
        cmocka_unit_test(test_too_many_cells_need_a_yes),
        cmocka_unit_test(test_the_hash_follows_what_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
