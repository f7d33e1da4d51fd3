/* SPDX-License-Identifier: Apache-2.0
 * needle_3 - one key with a value of several tokens, in a haystack of random tokens
 */
#include "labench/kit.h"
#include "needle_task.h"

enum { VERSION = 1 };

static const la_option options[] = {
    LA_NEEDLES_VOCAB,
    LA_NEEDLES_NOISE,
    {"tokens", LA_OPTION_INT, offsetof(la_needles_options, count), 4, 2, 1 << 16, NULL,
     "tokens of the value"},
};

static la_needles needles_of(const void *task_opts)
{
    const la_needles_options *o = task_opts;
    return (la_needles){.task = "needle_3",
                        .version = VERSION,
                        .vocab = o->vocab,
                        .filler = o->filler,
                        .haystack = LA_HAYSTACK_RANDOM,
                        .needles = 1,
                        .tokens = o->count,
                        .count = "tokens"};
}

static const char definition[] =
    "  f7 f30 [needle k v1 v2 v3 v4] f11 ... f5 | ask k v1 v2 v3    answers: v1 v2 v3 v4\n"
    "\n"
    "Source    Hsieh et al. 2024, \"RULER: What's the real context size of your long-context\n"
    "          language models?\", arXiv:2404.06654: niah_single_3 of scripts/synthetic.yaml,\n"
    "          with one token for each word\n"
    "Ids       V = vocab: 0 is the mark of a needle, 1 the question, keys are 2 to V/2-1,\n"
    "          values V/2 to V-1; the haystack is made of `noise` ids from V on\n"
    "Layout    a haystack of T - 2m - 3 tokens with m = tokens, each uniform over the noise\n"
    "          ids; the needle (mark, key, m tokens of the value, uniform with repetition)\n"
    "          stands in front of any of them or behind, each as likely; then the question,\n"
    "          the key and the value without its last token. Labels at the key and behind:\n"
    "          the next token of the value, which is then written as if the model had said\n"
    "          it, so only causal models are asked\n"
    "Sizes     T >= 2m + 3\n"
    "Training  T 32, 64 and 128\n"
    "Sweep     the same at any T: the needle stands at any depth, so distance grows with T\n"
    "Chance    1 / (V - V/2)\n"
    "Depth     answers are also counted by the fifth of the haystack that their needle stands\n"
    "          in: depth0 (the first), depth20, depth40, depth60, depth80\n"
    "Differs   from the source: random tokens instead of essays, any depth instead of 40, m\n"
    "          tokens instead of the characters of a UUID; each token counts, where the\n"
    "          source counts whole answers\n";

static const la_learned learned = {
    LA_NEEDLE_LEARNED,
    .causal_only = 1,
    .version = VERSION,
};

LA_TASK(needle_3) = {
    LA_TASK_HEAD,
    .name = "needle_3",
    .summary = "a value of several tokens anywhere among random tokens",
    .definition = definition,
    LA_NEEDLE_TASK,
};
