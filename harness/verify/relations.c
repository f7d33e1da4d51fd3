/* SPDX-License-Identifier: Apache-2.0
 * The table of relations.
 */
#include "relations.h"

#include <stdio.h>
#include <string.h>

#include "registry.h"
#include "relations_kit.h"

static const la_relation table[] = {
    {"local_of_full_window_is_softmax",
     {"local", "softmax"},
     "local with w >= T is softmax",
     la_relation_full_window},
    {"linformer_of_full_rank_is_softmax",
     {"linformer", "softmax"},
     "linformer with r = T and E = F = I is softmax",
     la_relation_full_rank},
    {"performer_tends_to_softmax",
     {"performer", "softmax"},
     "the error against softmax falls as 1/sqrt(M)",
     la_relation_positive_tends},
    {"performer_of_hyperbolic_tends_to_softmax",
     {"performer", "softmax"},
     "the same with kernel=hyperbolic",
     la_relation_hyperbolic_tends},
    {"performer_of_trig_tends_to_softmax",
     {"performer", "softmax"},
     "the same with kernel=trig",
     la_relation_trig_tends},
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
    {"kda_without_decay_is_deltanet",
     {"kda", "deltanet"},
     "kda with g = 0 is deltanet",
     la_relation_no_decay},
    {"kda_with_equal_channels_is_gated_deltanet",
     {"kda", "gated_deltanet"},
     "kda with the same decay in every channel is gated_deltanet",
     la_relation_equal_channels},
    {"gla_with_equal_channels_is_mamba2",
     {"gla", "mamba2"},
     "gla with the same decay in every channel is mamba2 with dt = 1",
     la_relation_equal_channels},
    {"gla_without_decay_is_linear",
     {"gla", "linear"},
     "gla with g = 0 is linear without map and denominator",
     la_relation_channels_at_rest},
    {"mamba2_without_decay_is_linear",
     {"mamba2", "linear"},
     "mamba2 with g = 0 and dt = 1 is linear without map and denominator",
     la_relation_channels_at_rest},
    {"retnet_is_gla_of_fixed_decay",
     {"retnet", "gla"},
     "gla with g = log(1 - 2^{-5-h}) everywhere is retnet",
     la_relation_fixed_decay},
    {"retnet_is_mamba2_of_fixed_decay",
     {"retnet", "mamba2"},
     "mamba2 with g = log(1 - 2^{-5-h}) and dt = 1 is retnet",
     la_relation_fixed_decay},
    {"rwkv7_of_one_key_is_kda",
     {"kda", "rwkv7"},
     "rwkv7 with a = -exp(g) k, b = beta k and beta k in the place of k is kda",
     la_relation_one_key},
    {"rwkv7_without_removal_is_gla",
     {"gla", "rwkv7"},
     "rwkv7 with a = 0 is gla",
     la_relation_no_removal},
    {"ttt_linear_of_single_tokens_is_deltanet",
     {"ttt_linear", "deltanet"},
     "ttt_linear without norm, one token a mini-batch, is deltanet over keys [k, 1]",
     la_relation_steps_are_delta},
    {"ttt_linear_of_one_batch_is_linear",
     {"ttt_linear", "linear"},
     "ttt_linear without norm, all tokens a mini-batch, is a plain sum over keys [k, 1]",
     la_relation_one_batch_is_a_sum},
    {"deltanet_recalls_orthonormal_keys",
     {"deltanet"},
     "beta = 1, s = 1, orthonormal keys: o = v for q = k",
     la_relation_exact_recall},
    {"gated_deltanet_recalls_orthonormal_keys",
     {"gated_deltanet"},
     "beta = 1, g = 0, s = 1, orthonormal keys: o = v for q = k",
     la_relation_exact_recall},
    {"kda_recalls_orthonormal_keys",
     {"kda"},
     "beta = 1, g = 0, s = 1, orthonormal keys: o = v for q = k",
     la_relation_exact_recall},
};

/* Impls that run with this mask, and how often one counts: decode steps are one more form. */
static int forms(const la_variant *v, uint32_t mask)
{
    int n = 0;
    for (size_t i = 0; i < v->impls_len; i++) {
        uint32_t caps = v->impls[i].caps;
        if (!(caps & mask)) continue;
        n += 1 + (mask == LA_CAP_CAUSAL && (caps & LA_CAP_DECODE));
    }
    return n;
}

static bool some_impl(const la_variant *v, uint32_t all_of)
{
    for (size_t i = 0; i < v->impls_len; i++)
        if ((v->impls[i].caps & all_of) == all_of) return true;
    return false;
}

static bool has_forms(const la_variant *v)
{
    return forms(v, LA_CAP_CAUSAL) > 1 || forms(v, LA_CAP_BIDIRECTIONAL) > 1;
}

static bool has_state(const la_variant *v)
{
    return v->state_parts && (some_impl(v, LA_CAP_CAUSAL | LA_CAP_DECODE) ||
                              some_impl(v, LA_CAP_CAUSAL | LA_CAP_STATE_IN));
}

static bool has_both_masks(const la_variant *v)
{
    return v->family != LA_FAMILY_BASELINE && some_impl(v, LA_CAP_CAUSAL | LA_CAP_BIDIRECTIONAL);
}

static bool has_groups(const la_variant *v)
{
    return some_impl(v, LA_CAP_GROUPED_QK) || some_impl(v, LA_CAP_GROUPED_KV);
}

static bool has_same(const la_variant *v)
{
    return v->same_as && la_registry_find(v->same_as);
}

/* What holds of any variant that has what it takes. */
static const struct {
    const char *name; /* after the variant's name and _ */
    const char *statement;
    bool (*applies)(const la_variant *);
    la_status (*run)(const la_relation *, const la_device *, la_err *);
} generic[] = {
    {"is", "it equals the variant that it says it is the same as", has_same,
     la_relation_same_function},
    {"forms_agree", "all forms and T decode steps agree", has_forms, la_relation_forms_agree},
    {"reference_is_its_steps", "the float64 reference in one call is T calls of one token",
     has_state, la_relation_reference_steps},
    {"last_token_needs_no_mask", "the last token sees all, causal or not", has_both_masks,
     la_relation_last_token},
    {"grouped_heads_are_repeated_heads", "a shared head equals copies of it", has_groups,
     la_relation_grouped_heads},
};

enum { NAME_SIZE = 96, ROWS_MAX = 1024 };
static la_relation rows[ROWS_MAX];
static char names[ROWS_MAX][NAME_SIZE];
static size_t rows_len, variants_seen;

static void fill(void)
{
    if (variants_seen == la_registry_count()) return;
    rows_len = 0;
    for (size_t i = 0; i < LA_COUNT(table); i++) rows[rows_len++] = table[i];
    variants_seen = la_registry_count();
    for (size_t r = 0; r < LA_COUNT(generic); r++)
        for (size_t i = 0; i < variants_seen; i++) {
            const la_variant *v = la_registry_at(i);
            if (!generic[r].applies(v) || rows_len == ROWS_MAX) continue;
            bool same = generic[r].run == la_relation_same_function;
            snprintf(names[rows_len], NAME_SIZE, "%s_%s%s%s", v->name, generic[r].name,
                     same ? "_" : "", same ? v->same_as : "");
            rows[rows_len] = (la_relation){.name = names[rows_len],
                                           .variants = {v->name, same ? v->same_as : NULL},
                                           .statement = generic[r].statement,
                                           .run = generic[r].run};
            rows_len++;
        }
}

size_t la_relations_count(void)
{
    fill();
    return rows_len;
}

size_t la_relations_named(void)
{
    return LA_COUNT(table);
}

const la_relation *la_relations_at(size_t i)
{
    fill();
    return &rows[i];
}

const la_relation *la_relations_find(const char *name)
{
    fill();
    for (size_t i = 0; i < rows_len; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
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
