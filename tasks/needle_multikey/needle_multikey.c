/* SPDX-License-Identifier: Apache-2.0
 * needle_multikey - one of several pairs in a haystack
 */
#include "labench/kit.h"
#include "needle_task.h"

enum { VERSION = 1 };

static const char *const haystacks[] = {"random", "needles", NULL}; /* as la_haystack */
static const la_option options[] = {
    LA_NEEDLES_VOCAB,
    LA_NEEDLES_NOISE,
    {"needles", LA_OPTION_INT, offsetof(la_needles_options, count), 4, 1, 1 << 16, NULL,
     "pairs in the haystack, of which one is asked"},
    {"haystack", LA_OPTION_CHOICE, offsetof(la_needles_options, haystack), LA_HAYSTACK_RANDOM, 0, 0,
     haystacks, "random noise ids, or further needles with other keys"},
};

static la_needles needles_of(const void *task_opts)
{
    const la_needles_options *o = task_opts;
    return (la_needles){.task = "needle_multikey",
                        .version = VERSION,
                        .vocab = o->vocab,
                        .filler = o->filler,
                        .haystack = (la_haystack)o->haystack,
                        .needles = o->count,
                        .tokens = 1,
                        .count = "needles"};
}

static const char definition[] =
    "  f7 [needle k1 v1] f30 f2 [needle k2 v2] f11 ... f5 | ask k1   answer at the last: v1\n"
    "\n"
    "Source    Hsieh et al. 2024, \"RULER: What's the real context size of your long-context\n"
    "          language models?\", arXiv:2404.06654: niah_multikey_1, and niah_multikey_2 with\n"
    "          haystack=needles, of scripts/synthetic.yaml, with one token for each word\n"
    "Ids       V = vocab: 0 is the mark of a needle, 1 the question, keys are 2 to V/2-1,\n"
    "          values V/2 to V-1; the haystack is made of `noise` ids from V on\n"
    "Layout    n = needles, with different keys and different values (mark, key, value),\n"
    "          among the T - 3n - 2 tokens of the haystack, each arrangement as likely.\n"
    "          haystack=random: each of those tokens is uniform over the noise ids;\n"
    "          haystack=needles: they are further needles, with keys that none of the n has,\n"
    "          key and value uniform with repetition, and ids V and V+1 in front where T\n"
    "          leaves one or two tokens. Then the question and the key of a uniform one of\n"
    "          the n. The label, at that key, is its value. It is not written again, so a\n"
    "          bidirectional model may be asked\n"
    "Sizes     T >= 3n + 2, n <= V/2 - 2 (V/2 - 3 with haystack=needles)\n"
    "Training  T 32, 64 and 128\n"
    "Sweep     the same at any T: needles stand anywhere, so distance grows with T\n"
    "Chance    1 / (V - V/2); 1/n for who knows the values but not the pairing\n"
    "Depth     answers are also counted by the fifth of the haystack that their needle stands\n"
    "          in: depth0 (the first), depth20, depth40, depth60, depth80\n"
    "Differs   from the source: random tokens instead of essays, any depth instead of 40,\n"
    "          keys and values of one token (niah_multikey_3 differs from niah_multikey_2 in\n"
    "          that alone)\n";

static const la_learned learned = {
    LA_NEEDLE_LEARNED,
    .version = VERSION,
};

LA_TASK(needle_multikey) = {
    LA_TASK_HEAD,
    .name = "needle_multikey",
    .summary = "several keys and values among random tokens, of which one is asked",
    .definition = definition,
    LA_NEEDLE_TASK,
};
