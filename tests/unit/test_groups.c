/* SPDX-License-Identifier: Apache-2.0
 * Which variants the words of --variants mean, of all that there are. What a word means of a variant is asserted
 * for those of the table below; one that joins the library may join it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "plan.h"
#include "registry.h"

enum { MOST = 64 };

/* Every name, its family, and the groups it belongs to besides `all` (or `baseline`) and its family. */
static const struct {
    const char *name, *family;
    bool card;
} members[] = {
    {"softmax", "quadratic", true},
    {"flash", "quadratic", true},
    {"local", "quadratic", false},
    {"linear", "kernel", true},
    {"performer", "kernel", true},
    {"linformer", "low_rank", true},
    {"fnet", "fourier", true},
    {"deltanet", "recurrent", true},
    {"gated_deltanet", "recurrent", true},
    {"retnet", "recurrent", false},
    {"gla", "recurrent", false},
    {"mamba2", "recurrent", false},
    {"kda", "recurrent", false},
    {"rwkv7", "recurrent", false},
    {"ttt_linear", "recurrent", false},
    {"null", "baseline", false},
    {"copy", "baseline", false},
};

/* -1: a variant of which this test knows nothing. */
static int member_of(const char *name)
{
    for (size_t i = 0; i < LA_COUNT(members); i++)
        if (strcmp(members[i].name, name) == 0) return (int)i;
    return -1;
}

/* How often each variant of the registry is in the list that the words make. */
static void choose(const char *text, int times[MOST])
{
    la_words words = {0};
    const la_variant **list;
    size_t n;
    la_err err = {0};
    assert_true(la_registry_count() <= MOST);
    for (const char *at = text; *at; at += strcspn(at, ","), at += *at == ',')
        assert_int_equal(la_words_add(&words, at, strcspn(at, ","), NULL), LA_OK);
    if (la_plan_variants(&words, &list, &n, &err) != LA_OK) fail_msg("%s: %s", text, err.msg);
    memset(times, 0, MOST * sizeof *times);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < la_registry_count(); j++) times[j] += list[i] == la_registry_at(j);
    la_free(list);
    la_words_release(&words);
}

typedef bool belongs_fn(const la_variant *v, int member);

static void holds(const char *words, belongs_fn *belongs)
{
    int times[MOST];
    size_t known = 0;
    choose(words, times);
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        int member = member_of(v->name);
        if (member < 0) continue;
        known++;
        int want = belongs(v, member);
        if (times[i] != want)
            fail_msg("'%s' has %s %d times, not %d", words, v->name, times[i], want);
    }
    assert_int_equal(known, LA_COUNT(members));
}

static bool family_is(int member, const char *family)
{
    return strcmp(members[member].family, family) == 0;
}

static bool in_all(const la_variant *v, int m)
{
    (void)v;
    return !family_is(m, "baseline");
}

static bool in_card(const la_variant *v, int m)
{
    (void)v;
    return members[m].card;
}

static bool in_recurrent(const la_variant *v, int m)
{
    (void)v;
    return family_is(m, "recurrent");
}

static bool in_quadratic(const la_variant *v, int m)
{
    (void)v;
    return family_is(m, "quadratic");
}

static bool in_baseline(const la_variant *v, int m)
{
    (void)v;
    return family_is(m, "baseline");
}

static bool all_but_fnet(const la_variant *v, int m)
{
    return in_all(v, m) && strcmp(v->name, "fnet") != 0;
}

static bool all_but_the_recurrent(const la_variant *v, int m)
{
    return in_all(v, m) && !in_recurrent(v, m);
}

static bool card_and_the_recurrent(const la_variant *v, int m)
{
    return in_card(v, m) || in_recurrent(v, m);
}

static bool card_without_quadratic_but_local(const la_variant *v, int m)
{
    return (in_card(v, m) && !in_quadratic(v, m)) || strcmp(v->name, "local") == 0;
}

static bool everything(const la_variant *v, int m)
{
    (void)v, (void)m;
    return true;
}

static bool linear_in_length(const la_variant *v, int m)
{
    (void)v;
    return family_is(m, "kernel") || family_is(m, "low_rank") || family_is(m, "recurrent");
}

static bool only_linear(const la_variant *v, int m)
{
    (void)m;
    return strcmp(v->name, "linear") == 0;
}

static uint32_t caps_of(const la_variant *v)
{
    uint32_t caps = 0;
    for (size_t i = 0; i < v->impls_len; i++) caps |= v->impls[i].caps;
    return caps;
}

static bool decodes(const la_variant *v, int m)
{
    (void)m;
    return caps_of(v) & LA_CAP_DECODE;
}

static void test_groups_over_all_names(void **state)
{
    (void)state;
    holds("all", in_all);
    holds("card", in_card);
    holds("recurrent", in_recurrent);
    holds("quadratic", in_quadratic);
    holds("baseline", in_baseline);
    holds("all,-fnet", all_but_fnet);
    holds("all,-recurrent", all_but_the_recurrent);
    holds("card,recurrent", card_and_the_recurrent);
    holds("recurrent,card", card_and_the_recurrent);
    holds("card,-quadratic,local", card_without_quadratic_but_local);
    holds("all,baseline", everything);
    holds("tag:linear", linear_in_length);
    holds("tag:decode", decodes);
    holds("all,-tag:decode,tag:decode,null,copy", everything);
}

/* The tag `linear` and the variant of that name are two things. */
static void test_a_name_hides_a_group(void **state)
{
    (void)state;
    holds("linear", only_linear);
    holds("linear,-deltanet", only_linear);
}

static void test_every_name_stands_for_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < la_registry_count(); i++) {
        int times[MOST];
        choose(la_registry_at(i)->name, times);
        for (size_t j = 0; j < la_registry_count(); j++) assert_int_equal(times[j], i == j);
        int member = member_of(la_registry_at(i)->name);
        if (member < 0) continue;
        assert_string_equal(la_family_name(la_registry_at(i)->family), members[member].family);
    }
}

/* The list keeps the order of the words, and inside a group that of the names. */
static void test_order(void **state)
{
    (void)state;
    la_words words = {0};
    const la_variant **list;
    size_t n;
    assert_int_equal(la_words_add(&words, "softmax", 7, NULL), LA_OK);
    assert_int_equal(la_words_add(&words, "quadratic", 9, NULL), LA_OK);
    assert_int_equal(la_plan_variants(&words, &list, &n, NULL), LA_OK);
    assert_int_equal(n, 3);
    assert_string_equal(list[0]->name, "softmax");
    assert_string_equal(list[1]->name, "flash");
    assert_string_equal(list[2]->name, "local");
    la_free(list);
    la_words_release(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_over_all_names),
        cmocka_unit_test(test_a_name_hides_a_group),
        cmocka_unit_test(test_every_name_stands_for_itself),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
