/* SPDX-License-Identifier: Apache-2.0
 * needle_multivalue - several values of one key in a haystack
 */
#include "labench/kit.h"
#include "needle_task.h"

enum { VERSION = 1 };

static const la_option options[] = {
    LA_NEEDLES_VOCAB,
    LA_NEEDLES_NOISE,
    {"values", LA_OPTION_INT, offsetof(la_needles_options, count), 4, 2, 1 << 16, NULL,
     "values of the key, each in a needle of its own"},
};

static la_needles needles_of(const void *task_opts)
{
    const la_needles_options *o = task_opts;
    return (la_needles){.task = "needle_multivalue",
                        .version = VERSION,
                        .vocab = o->vocab,
                        .filler = o->filler,
                        .haystack = LA_HAYSTACK_RANDOM,
                        .needles = o->count,
                        .tokens = 1,
                        .one_key = true,
                        .count = "values"};
}

static const char definition[] =
    "  f7 [needle k v1] f30 f2 [needle k v2] f11 ... f5 | ask k v1   answers: v1 v2\n"
    "\n"
    "Source    Hsieh et al. 2024, \"RULER: What's the real context size of your long-context\n"
    "          language models?\", arXiv:2404.06654: niah_multivalue of\n"
    "          scripts/synthetic.yaml, with one token for each word\n"
    "Ids       V = vocab: 0 is the mark of a needle, 1 the question, keys are 2 to V/2-1,\n"
    "          values V/2 to V-1; the haystack is made of `noise` ids from V on\n"
    "Layout    n = values needles (mark, key, value) with one key and different values, among\n"
    "          the T - 4n - 1 tokens of the haystack, each uniform over the noise ids and\n"
    "          each arrangement as likely; then the question, the key, and the values in\n"
    "          order of appearance without the last. Labels at the key and behind: the next\n"
    "          value, which is then written as if the model had said it, so only causal\n"
    "          models are asked\n"
    "Sizes     T >= 4n + 1, n <= V - V/2\n"
    "Training  T 32, 64 and 128, 1000 steps\n"
    "Sweep     the same at any T: needles stand anywhere, so distance grows with T\n"
    "Chance    1 / (V - V/2); 1/n for who knows the values but not their order\n"
    "Depth     answers are also counted by the fifth of the haystack that their needle stands\n"
    "          in: depth0 (the first), depth20, depth40, depth60, depth80\n"
    "Differs   from the source: random tokens instead of essays, any depth instead of 40,\n"
    "          values of one token; they are asked in order of appearance, where the source\n"
    "          takes any order, and each counts, where the source counts whole answers\n";

static const la_wish wishes[] = {{"train", "steps", "1000"}, {NULL, NULL, NULL}};

static const la_learned learned = {
    LA_NEEDLE_LEARNED,
    .wishes = wishes,
    .causal_only = 1,
    .version = VERSION,
};

LA_TASK(needle_multivalue) = {
    LA_TASK_HEAD,
    .name = "needle_multivalue",
    .summary = "several values of one key among random tokens, all named in order",
    .definition = definition,
    LA_NEEDLE_TASK,
};
