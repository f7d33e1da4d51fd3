/* SPDX-License-Identifier: Apache-2.0
 * needle_1 - one pair in a haystack that repeats itself
 */
#include "labench/kit.h"
#include "needle_task.h"

enum { VERSION = 1 };

static const la_option options[] = {
    LA_NEEDLES_VOCAB,
    {"phrase", LA_OPTION_INT, offsetof(la_needles_options, filler), 16, 1, 1 << 16, NULL,
     "ids from vocab on, which the haystack repeats in this order"},
};

static la_needles needles_of(const void *task_opts)
{
    const la_needles_options *o = task_opts;
    return (la_needles){.task = "needle_1",
                        .version = VERSION,
                        .vocab = o->vocab,
                        .filler = o->filler,
                        .haystack = LA_HAYSTACK_PHRASE,
                        .needles = 1,
                        .tokens = 1};
}

static const char definition[] =
    "  f3 f4 ... f15 f0 f1 [needle k v] f2 f3 ... f8 | ask k     answer at the last token: v\n"
    "\n"
    "Source    Hsieh et al. 2024, \"RULER: What's the real context size of your long-context\n"
    "          language models?\", arXiv:2404.06654: niah_single_1 of scripts/synthetic.yaml,\n"
    "          with one token for each word\n"
    "Ids       V = vocab: 0 is the mark of a needle, 1 the question, keys are 2 to V/2-1,\n"
    "          values V/2 to V-1; the haystack is made of `phrase` ids from V on\n"
    "Layout    a haystack of T - 5 tokens is the phrase V, V+1, ..., V + phrase - 1 again and\n"
    "          again, from a uniform one on; the needle (mark, key, value) stands in front of\n"
    "          any of its tokens or behind it, each as likely; then the question and the key.\n"
    "          The label, at the key, is the value. It is not written again, so a\n"
    "          bidirectional model may be asked\n"
    "Sizes     T >= 5\n"
    "Training  T 32, 64 and 128\n"
    "Sweep     the same at any T: the needle stands at any depth, so distance grows with T\n"
    "Chance    1 / (V - V/2)\n"
    "Depth     answers are also counted by the fifth of the haystack that their needle stands\n"
    "          in: depth0 (the first), depth20, depth40, depth60, depth80\n"
    "Differs   from the source: any depth instead of 40, values of one token instead of seven\n"
    "          digits, the phrase starts anywhere and the needle may stand inside it\n";

static const la_learned learned = {
    LA_NEEDLE_LEARNED,
    .version = VERSION,
};

LA_TASK(needle_1) = {
    LA_TASK_HEAD,
    .name = "needle_1",
    .summary = "one key and value anywhere in a phrase that repeats itself",
    .definition = definition,
    LA_NEEDLE_TASK,
};
