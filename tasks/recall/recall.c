/* SPDX-License-Identifier: Apache-2.0
 * recall - can the mechanism look up what it was told?
 */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

#include "recall_internal.h"

static const char *const key_words[] = {"random", "orthogonal", NULL};
static const char *const filler_words[] = {"null", "random", NULL};

static const la_option options[] = {
    {"pairs", LA_OPTION_INT, offsetof(la_recall_options, pairs), 32, 1, 1 << 24, NULL,
     "key-value pairs to remember"},
    {"load", LA_OPTION_INT, offsetof(la_recall_options, load), 0, 0, 1 << 24, NULL,
     "pairs = T / load instead of a fixed number; 0: off"},
    {"keys", LA_OPTION_CHOICE, offsetof(la_recall_options, keys), LA_RECALL_KEYS_RANDOM, 0, 0,
     key_words, "random unit keys, or orthogonal ones (at most dk pairs)"},
    {"filler", LA_OPTION_CHOICE, offsetof(la_recall_options, filler), LA_RECALL_FILLER_NULL, 0, 0,
     filler_words, "tokens between the pairs: null, or random keys and values"},
    {"sharpness", LA_OPTION_REAL, offsetof(la_recall_options, sharpness), 0, 0, 1e4, NULL,
     "scale times sharpness of the query; 0: 2 ln T + 8 with logits, else 1"},
    {"correlation", LA_OPTION_REAL, offsetof(la_recall_options, correlation), 0, 0, 0.999, NULL,
     "cosine that any two keys share on average"},
    {"overwrite", LA_OPTION_REAL, offsetof(la_recall_options, overwrite), 0, 0, 1, NULL,
     "share of the pairs written again with another value"},
    {"decay", LA_OPTION_REAL, offsetof(la_recall_options, decay), 0, -50, 0, NULL,
     "log-decay g at the tokens between the pairs"},
};

int64_t la_recall_pairs(const la_problem *p, const la_recall_options *o)
{
    return o->load ? p->T / o->load : o->pairs;
}

int64_t la_recall_overwritten(const la_problem *p, const la_recall_options *o)
{
    return (int64_t)llround(o->overwrite * (double)la_recall_pairs(p, o));
}

int64_t la_recall_key_heads(const la_variant *variant, const la_problem *p)
{
    return variant->family == LA_FAMILY_RECURRENT ? p->Hqk : p->Hkv;
}

int64_t la_recall_value_heads(const la_variant *variant, const la_problem *p)
{
    return variant->family == LA_FAMILY_RECURRENT ? p->H : p->Hkv;
}

static la_status check_room(const la_problem *p, const la_recall_options *o, la_err *err)
{
    int64_t pairs = la_recall_pairs(p, o), writes = pairs + la_recall_overwritten(p, o);
    if (pairs < 1)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "recall.load %" PRId64 " leaves no pair in %" PRId64 " tokens", o->load,
                       p->T);
    if (writes > p->T / 2)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "recall writes %" PRId64 " pairs in the first half: it needs at least "
                       "%" PRId64 " tokens, not %" PRId64,
                       writes, 2 * writes, p->T);
    if (o->keys == LA_RECALL_KEYS_ORTHOGONAL && pairs > p->dk)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%" PRId64 " orthogonal keys do not fit into dk = %" PRId64, pairs, p->dk);
    return LA_OK;
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    const la_recall_options *o = task_opts;
    if (!(variant->inputs & LA_IN_QKV))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no keys and no queries to recall with",
                       variant->name);
    if (p->dtype != LA_F32)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "recall fills f32 tensors, not %s",
                       la_dtype_name(p->dtype));
    if (p->dv < 2)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "256 code vectors cannot be told apart by direction with dv = %" PRId64,
                       p->dv);
    LA_TRY(check_room(p, o, err));
    if (o->keys == LA_RECALL_KEYS_ORTHOGONAL && o->correlation > 0)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "orthogonal keys have no correlation, so recall.correlation %g cannot be",
                       o->correlation);
    if (la_recall_overwritten(p, o) > 0 && p->mask == LA_MASK_BIDIRECTIONAL)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "without an order of tokens no value is the newer one: recall.overwrite "
                       "needs a causal mask");
    if (o->decay < 0 && !(variant->inputs & (LA_IN_GATE_HEAD | LA_IN_GATE_CHANNEL)))
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s has no decay, so recall.decay %g cannot be",
                       variant->name, o->decay);
    return LA_OK;
}

static double chance(const void *task_opts)
{
    (void)task_opts;
    return 1.0 / LA_RECALL_CODES;
}

static int64_t answers(const la_problem *p, const void *task_opts)
{
    return p->B * p->H * la_recall_pairs(p, task_opts);
}

static int64_t read_rows(const la_problem *p, const void *task_opts)
{
    return la_recall_pairs(p, task_opts);
}

static const char definition[] =
    "Pairs (key, value) are written at random tokens of the first half: k = key, v = one of\n"
    "256 code vectors, beta = 1, g = 0. The last tokens ask: q = sharpness * key. The output\n"
    "is decoded to the code of the largest cosine. No training: the score is what the\n"
    "mathematics of the mechanism can hold in its state, and not what a model learned to put\n"
    "there.\n"
    "\n"
    "Source    Arora et al. 2023, \"Zoology\", arXiv:2312.04927 (multi-query recall); Schlag et\n"
    "          al. 2021, arXiv:2102.11174 (capacity of fast weights)\n"
    "Keys      unit vectors of R^dk, random or orthogonal (up to dk), with a common cosine on\n"
    "          request\n"
    "Sharpness s * sharpness = 2 ln T + 8 where scores pass through exp, so that one key\n"
    "          outweighs T others; 1 elsewhere\n"
    "Filler    null: k = 0, v = 0, beta = 0; or random unit keys and values with beta = 1\n"
    "Load      pairs = T / load, so that what must be held grows with the length\n"
    "Overwrite this share of the pairs is written again with another value; the newer one\n"
    "          counts\n"
    "Decay     g at the tokens between; 0 keeps the memory\n"
    "a, b      -exp(g) k and k: what was held under the key is taken away, as the delta rule\n"
    "          does\n"
    "Chance    1/256\n";

LA_TASK(recall) = {
    LA_TASK_HEAD,
    .name = "recall",
    .kind = LA_TASK_PROBE,
    .summary = "key-value pairs looked up again, without training",
    .paper = "arXiv:2312.04927",
    .definition = definition,
    .family = "probe",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_recall_options),
    .check = check,
    .chance = chance,
    .answers = answers,
    .probe_fill = la_recall_fill,
    .probe_score = la_recall_score,
    .probe_read = read_rows,
};
