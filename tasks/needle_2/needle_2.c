/* SPDX-License-Identifier: Apache-2.0
 * needle_2 - one pair in a haystack of random tokens
 */
#include "labench/kit.h"
#include "needle_task.h"

enum { VERSION = 1 };

static const la_option options[] = {
    LA_NEEDLES_VOCAB,
    LA_NEEDLES_NOISE,
};

static la_needles needles_of(const void *task_opts)
{
    const la_needles_options *o = task_opts;
    return (la_needles){.task = "needle_2",
                        .version = VERSION,
                        .vocab = o->vocab,
                        .filler = o->filler,
                        .haystack = LA_HAYSTACK_RANDOM,
                        .needles = 1,
                        .tokens = 1};
}

static const char definition[] =
    "  f7 f30 f2 [needle k v] f11 ... f5 | ask k                 answer at the last token: v\n"
    "\n"
    "Source    Hsieh et al. 2024, \"RULER: What's the real context size of your long-context\n"
    "          language models?\", arXiv:2404.06654: niah_single_2 of scripts/synthetic.yaml,\n"
    "          with one token for each word\n"
    "Ids       V = vocab: 0 is the mark of a needle, 1 the question, keys are 2 to V/2-1,\n"
    "          values V/2 to V-1; the haystack is made of `noise` ids from V on\n"
    "Layout    a haystack of T - 5 tokens, each uniform over the noise ids; the needle (mark,\n"
    "          key, value) stands in front of any of them or behind, each as likely; then the\n"
    "          question and the key. The label, at the key, is the value. It is not written\n"
    "          again, so a bidirectional model may be asked\n"
    "Sizes     T >= 5\n"
    "Training  T 32, 64 and 128\n"
    "Sweep     the same at any T: the needle stands at any depth, so distance grows with T\n"
    "Chance    1 / (V - V/2)\n"
    "Depth     answers are also counted by the fifth of the haystack that their needle stands\n"
    "          in: depth0 (the first), depth20, depth40, depth60, depth80\n"
    "Differs   from the source: random tokens instead of essays, any depth instead of 40,\n"
    "          values of one token instead of seven digits\n";

static const la_learned learned = {
    LA_NEEDLE_LEARNED,
    .version = VERSION,
};

LA_TASK(needle_2) = {
    LA_TASK_HEAD,
    .name = "needle_2",
    .summary = "one key and value anywhere among random tokens",
    .definition = definition,
    LA_NEEDLE_TASK,
};
