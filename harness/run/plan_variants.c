/* SPDX-License-Identifier: Apache-2.0
 * Which variants a list of words means.
 */
#include <fnmatch.h>
#include <string.h>

#include "alloc.h"
#include "plan.h"
#include "registry.h"
#include "text.h"

/* The eight of the first comparison. Groups by family need no list. */
static const char *const card[] = {"softmax",   "flash", "linear",   "performer",
                                   "linformer", "fnet",  "deltanet", "gated_deltanet"};

static bool in_card(const la_variant *v)
{
    for (size_t i = 0; i < LA_COUNT(card); i++)
        if (strcmp(card[i], v->name) == 0) return true;
    return false;
}

static const struct {
    const char *word;
    uint32_t caps;
} cap_tags[] = {{"causal", LA_CAP_CAUSAL},
                {"bidirectional", LA_CAP_BIDIRECTIONAL},
                {"decode", LA_CAP_DECODE},
                {"state", LA_CAP_STATE_IN},
                {"backward", LA_CAP_BACKWARD}};

static uint32_t caps_of(const la_variant *v)
{
    uint32_t caps = 0;
    for (size_t i = 0; i < v->impls_len; i++) caps |= v->impls[i].caps;
    return caps;
}

/* Families, what some impl can do, and `linear`: time that grows in proportion to T. */
static bool has_tag(const la_variant *v, const char *tag)
{
    if (strcmp(la_family_name(v->family), tag) == 0) return true;
    if (strcmp(tag, "linear") == 0)
        return v->family == LA_FAMILY_KERNEL || v->family == LA_FAMILY_LOW_RANK ||
               v->family == LA_FAMILY_RECURRENT;
    for (size_t i = 0; i < LA_COUNT(cap_tags); i++)
        if (strcmp(cap_tags[i].word, tag) == 0) return (caps_of(v) & cap_tags[i].caps) != 0;
    return false;
}

static bool matches(const la_variant *v, const char *word)
{
    if (strncmp(word, "tag:", 4) == 0) return has_tag(v, word + 4);
    if (strcmp(v->name, word) == 0) return true;
    if (la_registry_find(word)) return false; /* a variant's name hides a group's */
    if (strcmp(word, "all") == 0) return v->family != LA_FAMILY_BASELINE;
    if (strcmp(word, "card") == 0) return in_card(v);
    if (strpbrk(word, "*?[")) return fnmatch(word, v->name, 0) == 0;
    return strcmp(la_family_name(v->family), word) == 0;
}

static la_status no_variant(const char *word, la_err *err)
{
    static const char *const groups[] = {"all", "card", "recurrent", "quadratic", "baseline"};
    const char *near = la_registry_nearest(word);
    if (strncmp(word, "tag:", 4) == 0)
        return LA_FAIL(err, LA_E_ARG,
                       "no variant has the tag '%.40s'; tags are families "
                       "(recurrent, kernel, ...), causal, decode, state, linear",
                       word + 4);
    if (strpbrk(word, "*?["))
        return LA_FAIL(err, LA_E_ARG,
                       "no variant is called '%.40s'. 'labench list variants' shows all %zu.", word,
                       la_registry_count());
    for (size_t i = 0; !near && i < LA_COUNT(groups); i++)
        if (la_edit_distance(word, groups[i]) <= 1) near = groups[i];
    if (!near)
        return LA_FAIL(err, LA_E_ARG, "no variant '%.40s'. 'labench list variants' shows all %zu.",
                       word, la_registry_count());
    return LA_FAIL(err, LA_E_ARG,
                   "no variant '%.40s'. Nearest: %s. 'labench list variants' shows all %zu.", word,
                   near, la_registry_count());
}

/* Takes every match of `word` into (or out of) the list, which keeps the order of the words. */
static la_status apply_word(const char *word, bool minus, const la_variant **list, size_t *n,
                            la_err *err)
{
    bool any = false;
    for (size_t i = 0; i < la_registry_count(); i++) {
        const la_variant *v = la_registry_at(i);
        if (!matches(v, word)) continue;
        any = true;
        size_t at = 0;
        while (at < *n && list[at] != v) at++;
        if (!minus && at == *n) list[(*n)++] = v;
        if (minus && at < *n) {
            memmove(&list[at], &list[at + 1], (*n - at - 1) * sizeof *list);
            (*n)--;
        }
    }
    /* A group may be empty in this build; a name may not. */
    bool group = strcmp(word, "all") == 0 || strcmp(word, "card") == 0;
    for (int f = LA_FAMILY_QUADRATIC; f <= LA_FAMILY_BASELINE; f++)
        group |= strcmp(word, la_family_name((la_family)f)) == 0;
    return any || group ? LA_OK : no_variant(word, err);
}

la_status la_plan_variants(const la_words *words, const la_variant ***out, size_t *n, la_err *err)
{
    *out = NULL;
    *n = 0;
    if (words->n == 0) return LA_FAIL(err, LA_E_ARG, "no variants; write --variants all");
    const la_variant **list = la_alloc((la_registry_count() + 1) * sizeof *list, err);
    if (!list) return LA_E_NOMEM;
    la_status st = LA_OK;
    for (size_t i = 0; i < words->n && st == LA_OK; i++) {
        const char *word = words->v[i];
        bool minus = word[0] == '-';
        for (size_t j = 0; j < i && st == LA_OK; j++)
            if (strcmp(words->v[j], word) == 0)
                st = LA_FAIL(err, LA_E_ARG, "--variants names '%.40s' twice", word);
        if (st == LA_OK && !word[minus])
            st = LA_FAIL(err, LA_E_ARG, "--variants has an empty part; take the extra comma out");
        if (st == LA_OK && minus && i == 0)
            st = LA_FAIL(err, LA_E_ARG, "--variants starts by taking '%.40s' away; write all,%.40s",
                         word + 1, word);
        if (st == LA_OK) st = apply_word(word + minus, minus, list, n, err);
    }
    if (st == LA_OK && *n == 0)
        st = LA_FAIL(err, LA_E_ARG, "--variants leaves none; every one was taken away again");
    if (st != LA_OK) {
        la_free(list);
        return st;
    }
    *out = list;
    return LA_OK;
}
