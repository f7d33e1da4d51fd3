/* SPDX-License-Identifier: Apache-2.0
 * needle_multiquery - several pairs in a haystack, all of them asked
 */
#include "labench/kit.h"
#include "needle_task.h"

enum { VERSION = 1 };

static const la_option options[] = {
    LA_NEEDLES_VOCAB,
    LA_NEEDLES_NOISE,
    {"queries", LA_OPTION_INT, offsetof(la_needles_options, count), 4, 1, 1 << 16, NULL,
     "pairs in the haystack, all of which are asked"},
};

static la_needles needles_of(const void *task_opts)
{
    const la_needles_options *o = task_opts;
    return (la_needles){.task = "needle_multiquery",
                        .version = VERSION,
                        .vocab = o->vocab,
                        .filler = o->filler,
                        .haystack = LA_HAYSTACK_RANDOM,
                        .needles = o->count,
                        .tokens = 1,
                        .all_asked = true,
                        .count = "queries"};
}

static const char definition[] =
    "  f7 [needle k1 v1] f30 [needle k2 v2] f11 ... f5 | ask k2 ask k1   at the keys: v2 v1\n"
    "\n"
    "Source    Hsieh et al. 2024, \"RULER: What's the real context size of your long-context\n"
    "          language models?\", arXiv:2404.06654: niah_multiquery of\n"
    "          scripts/synthetic.yaml, with one token for each word\n"
    "Ids       V = vocab: 0 is the mark of a needle, 1 the question, keys are 2 to V/2-1,\n"
    "          values V/2 to V-1; the haystack is made of `noise` ids from V on\n"
    "Layout    n = queries needles with different keys and different values (mark, key,\n"
    "          value), among the T - 5n tokens of the haystack, each uniform over the noise\n"
    "          ids and each arrangement as likely; then for each needle, in random order, the\n"
    "          question and its key. The label, at the key, is the value. It is not written\n"
    "          again, so a bidirectional model may be asked\n"
    "Sizes     T >= 5n, n <= V/2 - 2\n"
    "Training  T 32, 64 and 128\n"
    "Sweep     the same at any T: needles stand anywhere, so distance grows with T\n"
    "Chance    1 / (V - V/2); 1/n for who knows the values but not the pairing\n"
    "Depth     answers are also counted by the fifth of the haystack that their needle stands\n"
    "          in: depth0 (the first), depth20, depth40, depth60, depth80\n"
    "Differs   from the source: random tokens instead of essays, any depth instead of 40,\n"
    "          values of one token; each question counts, where the source counts whole\n"
    "          answers\n";

static const la_learned learned = {
    LA_NEEDLE_LEARNED,
    .version = VERSION,
};

LA_TASK(needle_multiquery) = {
    LA_TASK_HEAD,
    .name = "needle_multiquery",
    .summary = "several keys and values among random tokens, all of them asked",
    .definition = definition,
    LA_NEEDLE_TASK,
};
