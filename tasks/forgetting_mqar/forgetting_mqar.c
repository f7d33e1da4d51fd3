/* SPDX-License-Identifier: Apache-2.0
 * forgetting_mqar - associative recall where some keys are told another value: the last counts.
 */
#include <stddef.h>

#include "examples.h"
#include "labench/kit.h"
#include "pairs.h"

enum { VERSION = 1 };

static const int64_t mixed[] = {4, 9, 16, 25, 36, 0};
static const la_pairs_kind kind = {
    .task = "forgetting_mqar", .version = VERSION, .mixed = mixed, .loose = true};

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(la_pairs_options, vocab), 8192, 4, 1 << 20, NULL,
     "keys are ids 1 to vocab/2-1, values vocab/2 to vocab-1"},
    {"noise", LA_OPTION_INT, offsetof(la_pairs_options, noise), 32, 1, 1 << 16, NULL,
     "ids from vocab on, for the filler noise"},
    {"filler", LA_OPTION_CHOICE, offsetof(la_pairs_options, filler), LA_PAIRS_ZERO, 0, 0,
     la_pairs_fillers, "tokens between questions: id 0, noise ids, any but the keys, any id"},
    {"pairs", LA_OPTION_INT, offsetof(la_pairs_options, pairs), 0, 0, 1 << 20, NULL,
     "keys while training; 0: 4, 9, 16, 25 and 36, those that fit the length"},
    {"eval_pairs", LA_OPTION_INT, offsetof(la_pairs_options, eval_pairs), 0, 0, 1 << 20, NULL,
     "keys at a length of the sweep; 0: as trained, 16 of the mixture"},
    {"a", LA_OPTION_REAL, offsetof(la_pairs_options, a), 0.01, 1e-3, 10, NULL,
     "where training asks: slot g has weight (g+1)^(a-1); 1: uniform"},
    {"eval_a", LA_OPTION_REAL, offsetof(la_pairs_options, eval_a), 1, 1e-3, 10, NULL,
     "the same at a length of the sweep; 1: distance grows with the length"},
    {"eval_spread", LA_OPTION_CHOICE, offsetof(la_pairs_options, eval_spread), LA_PAIRS_AUTO, 0, 0,
     la_pairs_spreads, LA_PAIRS_SPREAD},
    {"updates", LA_OPTION_REAL, offsetof(la_pairs_options, updates), 0.5, 0, 1, NULL,
     "share of the keys that are written again"},
};

static const char *const groups[] = {"kept", "overwritten", NULL};

static const char definition[] =
    "  key1 value1 ... keyn valuen keyi value'1 keyj value'2 ... | . . keyj . . key2 . keyi . .\n"
    "\n"
    "Half of the keys are told another value later, and every key is asked for the value told\n"
    "last. Unlike overwrite it has the sizes, the filler and the draws of its source.\n"
    "\n"
    "Source    zoology/data/forgetting_mqar.py of the code of Zoology (Arora et al. 2023,\n"
    "          arXiv:2312.04927)\n"
    "Ids       V = vocab: 0 is the filler zero, keys are 1 to V/2-1, values V/2 to V-1; the\n"
    "          filler noise has `noise` further ids from V on\n"
    "Context   n different keys, each with a value, and these n values differ; then\n"
    "          u = updates * n (rounded down) of the keys, drawn uniformly without\n"
    "          replacement and in random order, each with a value drawn uniformly from those\n"
    "          that differ from its first one (the source: 4 of 8)\n"
    "Questions n slots of the S = (T - 2(n + u)) / 2 behind, two tokens each, ask every key\n"
    "          once; they are drawn one after another without replacement, slot g with a\n"
    "          weight of a (g+1)^(a-1), and the i-th drawn asks key i. The key stands on the\n"
    "          slot's first token; the label, at that same position, is the value told last\n"
    "Filler    every other token there: zero = id 0; noise = uniform over the noise ids;\n"
    "          distractor = uniform over V but never one of the example's keys; uniform =\n"
    "          uniform over V (it may ask spurious questions)\n"
    "Sizes     T even, 4n + 2u <= T (5n with updates 0.5), n <= V/2 - 1\n"
    "Training  T 64, 128 and 256 with n 4, 9, 16, 25 and 36 where they fit, a = 0.01\n"
    "Sweep     n = eval_pairs (0: as trained, 16 of the mixture), a = eval_a = 1: questions\n"
    "          uniform over the rest, so distance grows with T;\n"
    "          from 32k tokens on (eval_spread = auto) one example asks in one of p equal parts of\n"
    "          the slots and the next in the next, p = 64/n rounded up: together uniform too\n"
    "Answers   groups `kept` (told once) and `overwritten`; distance is to the value that\n"
    "          counts\n"
    "Chance    1 / (V - V/2); a model that never forgets gets `kept` right and `overwritten`\n"
    "          wrong\n"
    "Differs   from the source: it means a new value to differ from the one it replaces, and\n"
    "          compares with that of another key; its number of updates does not grow with n;\n"
    "          the filler is zero unless told (there: uniform), and comes from the\n"
    "          example's own seed; V may be below T\n";

/* With 8192 ids to learn, the delta variants need more steps than usual. */
static const la_wish wishes[] = {
    {"train", "steps", "1000"},
    {NULL, NULL, NULL},
};

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

static const la_learned learned = {
    .vocabulary = la_pairs_vocabulary,
    .train_lengths = la_pairs_lengths,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = la_task_answers_n,
    .make = make,
    .group_names = groups,
    .word = la_pairs_word,
    .asking_options = la_pairs_asking,
    .wishes = wishes,
    .version = VERSION,
};

LA_TASK(forgetting_mqar) = {
    LA_TASK_HEAD,
    .name = "forgetting_mqar",
    .kind = LA_TASK_LEARNED,
    .summary = "Zoology's mqar with half of the keys told another value: the last one counts",
    .paper = "arXiv:2312.04927",
    .definition = definition,
    .family = "recall",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_pairs_options),
    .check = check,
    .chance = la_pairs_chance,
    .learned = &learned,
};
