/* SPDX-License-Identifier: Apache-2.0
 * The table of relations.
 */
#include "relations.h"

#include <string.h>

#include "registry.h"
#include "relations_kit.h"

static const la_relation table[] = {
    {"flash_is_softmax", {"flash", "softmax"}, "flash equals softmax", la_relation_same_function},
    {"linformer_of_full_rank_is_softmax",
     {"linformer", "softmax"},
     "linformer with r = T and E = F = I is softmax",
     la_relation_full_rank},
    {"performer_tends_to_softmax",
     {"performer", "softmax"},
     "the error against softmax falls as 1/sqrt(M)",
     la_relation_tends_to_softmax},
    {"fnet_twice_is_symmetrisation",
     {"fnet"},
     "two transforms give T D / 2 (x + x mirrored)",
     la_relation_fourier_twice},
    {"linear_of_identity_is_a_plain_sum",
     {"linear"},
     "without map and denominator o_i = sum_j (q_i.k_j) v_j",
     la_relation_plain_sum},
    {"gated_deltanet_without_decay_is_deltanet",
     {"gated_deltanet", "deltanet"},
     "gated_deltanet with g = 0 is deltanet",
     la_relation_no_decay},
    {"deltanet_recalls_orthonormal_keys",
     {"deltanet"},
     "beta = 1, s = 1, orthonormal keys: o = v for q = k",
     la_relation_exact_recall},
    {"gated_deltanet_recalls_orthonormal_keys",
     {"gated_deltanet"},
     "beta = 1, g = 0, s = 1, orthonormal keys: o = v for q = k",
     la_relation_exact_recall},
#define FORMS(v)                                                                                   \
    {v "_forms_agree", {v}, "all forms and T decode steps agree", la_relation_forms_agree},        \
    {                                                                                              \
        v "_reference_is_its_steps", {v},                                                          \
            "the float64 reference in one call is T calls of one token",                           \
            la_relation_reference_steps                                                            \
    }
    FORMS("softmax"),
    FORMS("flash"),
    FORMS("linear"),
    FORMS("performer"),
    FORMS("deltanet"),
    FORMS("gated_deltanet"),
#undef FORMS
#define LAST(v)                                                                                    \
    {                                                                                              \
        v "_last_token_needs_no_mask", {v}, "the last token sees all, causal or not",              \
            la_relation_last_token                                                                 \
    }
    LAST("softmax"),
    LAST("flash"),
    LAST("linear"),
    LAST("performer"),
#undef LAST
#define GROUPED(v)                                                                                 \
    {                                                                                              \
        v "_grouped_heads_are_repeated_heads", {v}, "a shared head equals copies of it",           \
            la_relation_grouped_heads                                                              \
    }
    GROUPED("softmax"),
    GROUPED("flash"),
    GROUPED("deltanet"),
    GROUPED("gated_deltanet"),
#undef GROUPED
};

size_t la_relations_count(void)
{
    return LA_COUNT(table);
}

const la_relation *la_relations_at(size_t i)
{
    return &table[i];
}

const la_relation *la_relations_find(const char *name)
{
    for (size_t i = 0; i < LA_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

la_status la_relation_run(const la_relation *relation, const la_device *device, la_err *err)
{
    for (int i = 0; i < 2; i++)
        if (relation->variants[i] && !la_registry_find(relation->variants[i]))
            return LA_FAIL(err, LA_E_NOTFOUND, "%s: there is no variant '%s' in this build",
                           relation->name, relation->variants[i]);
    la_err why = {0};
    la_status st = relation->run(relation, device, &why);
    if (st != LA_OK) LA_FAIL(err, st, "relation %s: %s", relation->name, why.msg);
    return st;
}
