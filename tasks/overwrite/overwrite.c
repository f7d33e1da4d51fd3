/* SPDX-License-Identifier: Apache-2.0
 * overwrite - multi-query associative recall where some keys are written again: the last value
 * counts.
 */
#include "examples.h"
#include "labench/kit.h"
#include "pairs.h"

enum { VERSION = 1 };

static const la_pairs_kind kind = {
    .task = "overwrite", .version = VERSION, .mixed = la_pairs_mixed};

static const char *const groups[] = {"kept", "overwritten", NULL};

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    return la_pairs_mixture(&kind, task_opts, lengths, n_lengths, out, cap);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    return la_pairs_shape_at(&kind, task_opts, T, out, err);
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    return la_pairs_make(&kind, task_opts, seed, split, shape, index, tokens, answers, n_answers,
                         err);
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    (void)variant, (void)p;
    return la_pairs_check(&kind, task_opts, err);
}

static const char definition[] =
    "  key1 value1 ... keyn valuen keyi value'1 keyj value'2 ... | . . keyj . . key2 . keyi . .\n"
    "\n"
    "A memory that adds what it is told still holds the first value; one that writes the\n"
    "difference (the delta rule) does not.\n"
    "\n"
    "Source    after zoology/data/forgetting_mqar.py of the code of Zoology (Arora et al.\n"
    "          2023, arXiv:2312.04927)\n"
    "Ids       V = vocab: 0 is the filler zero, keys are 1 to V/2-1, values V/2 to V-1; the\n"
    "          filler noise has `noise` further ids from V on\n"
    "Context   n different keys, each with a value; then u = updates * n (rounded down) of\n"
    "          them, drawn uniformly and in random order, each with another value. All n + u\n"
    "          values of an example differ\n"
    "Questions n slots of the S = (T - 2(n + u)) / 2 behind, two tokens each, ask every key\n"
    "          once; they are drawn one after another without replacement, slot g with a\n"
    "          weight of a (g+1)^(a-1). The label, at the question's own position, is the\n"
    "          value written last\n"
    "Filler    every other token there: zero = id 0; noise = uniform over the noise ids;\n"
    "          distractor = uniform over V but never one of the example's keys; uniform =\n"
    "          uniform over V\n"
    "Sizes     T even, 4n + 2u <= T (5n with updates 0.5), n <= V/2 - 1, n + u <= V - V/2\n"
    "Training  T 64, 128 and 256 with n 4, 8, 16 and 32 where they fit, a = 0.01\n"
    "Sweep     n = eval_pairs (0: as trained, 16 of the mixture), a = eval_a = 1;\n"
    "          from 32k tokens on (eval_spread = auto) one example asks in one of p equal parts of\n"
    "          the slots and the next in the next, p = 64/n rounded up: together uniform too\n"
    "Answers   groups `kept` (written once) and `overwritten`; distance is to the value that\n"
    "          counts\n"
    "Chance    1 / (V - V/2); a model that never overwrites gets `kept` right and\n"
    "          `overwritten` wrong\n"
    "Differs   from the source: a new value differs from every value of the example, not only\n"
    "          from one; the filler comes from the example's own seed\n";

/* One model is asked for fewer and for more pairs, as in the sizes of Based (Arora et al. 2024,
 * arXiv:2402.18668, figure 2). */
static const la_difficulty difficulties[] = {
    {"pairs", "overwrite", "eval_pairs", "4"},
    {"pairs", "overwrite", "eval_pairs", "8"},
    {"pairs", "overwrite", "eval_pairs", "32"},
    {NULL, NULL, NULL, NULL},
};

static const la_learned learned = {
    .vocabulary = la_pairs_vocabulary,
    .train_lengths = la_pairs_lengths,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = la_task_answers_n,
    .make = make,
    .word = la_pairs_word,
    .asking_options = la_pairs_asking,
    .difficulties = difficulties,
    .group_names = groups,
    .version = VERSION,
};

LA_TASK(overwrite) = {
    LA_TASK_HEAD,
    .name = "overwrite",
    .kind = LA_TASK_LEARNED,
    .summary = "mqar with half of the keys written again: the last value counts",
    .paper = "arXiv:2312.04927",
    .definition = definition,
    .family = "recall",
    .options = la_pairs_table,
    .options_len = LA_PAIRS_TABLE_OVERWRITE,
    .options_size = sizeof(la_pairs_options),
    .check = check,
    .chance = la_pairs_chance,
    .learned = &learned,
};
