/* SPDX-License-Identifier: Apache-2.0
 * mqar - multi-query associative recall: pairs of a key and a value, then the keys again.
 */
#include "examples.h"
#include "labench/kit.h"
#include "pairs.h"

enum { VERSION = 1 };

static const la_pairs_kind kind = {.task = "mqar", .version = VERSION, .mixed = la_pairs_mixed};

/* mqar writes no key again, and its table does not set that member. */
static la_pairs_options plain(const void *task_opts)
{
    la_pairs_options o = *(const la_pairs_options *)task_opts;
    o.updates = 0;
    return o;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    la_pairs_options o = plain(task_opts);
    return la_pairs_mixture(&kind, &o, lengths, n_lengths, out, cap);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    la_pairs_options o = plain(task_opts);
    return la_pairs_shape_at(&kind, &o, T, out, err);
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    la_pairs_options o = plain(task_opts);
    return la_pairs_make(&kind, &o, seed, split, shape, index, tokens, answers, n_answers, err);
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    (void)variant, (void)p;
    la_pairs_options o = plain(task_opts);
    return la_pairs_check(&kind, &o, err);
}

static const char definition[] =
    "  key1 value1 key2 value2 ... keyn valuen | . . key2 . . . keyn . key1 . .\n"
    "\n"
    "Source    Arora et al. 2023, \"Zoology\", arXiv:2312.04927; zoology/data/multiquery_ar.py\n"
    "          of its code\n"
    "Ids       V = vocab: 0 is the filler zero, keys are 1 to V/2-1, values V/2 to V-1; the\n"
    "          filler noise has `noise` further ids from V on\n"
    "Context   n different keys and n different values, each drawn uniformly; tokens 0 to\n"
    "          2n-1\n"
    "Questions the T - 2n tokens behind have S = (T - 2n) / 2 slots of two tokens. n of them\n"
    "          are drawn one after another without replacement, slot g with a weight of a\n"
    "          (g+1)^(a-1); the i-th drawn asks key i. The key stands on the slot's first\n"
    "          token and its value is the label at that same position: it is not written into\n"
    "          the input, so a bidirectional model may be asked too\n"
    "Filler    every other token there: zero = id 0; noise = uniform over the noise ids;\n"
    "          distractor = uniform over V but never one of the example's keys; uniform =\n"
    "          uniform over V (the source's random_non_queries, which may ask spurious\n"
    "          questions)\n"
    "Sizes     T even, 4n <= T, n <= V/2 - 1\n"
    "Training  T 64, 128 and 256 with n 4, 8, 16 and 32 where they fit, a = 0.01: most\n"
    "          questions come soon\n"
    "Sweep     n = eval_pairs (0: as trained, 16 of the mixture), a = eval_a = 1: questions\n"
    "          uniform over the rest, so distance grows with T;\n"
    "          from 32k tokens on (eval_spread = auto) one example asks in one of p equal parts of\n"
    "          the slots and the next in the next, p = 64/n rounded up: together uniform too\n"
    "Chance    1 / (V - V/2), naming any value; 1/n for who knows the example's values but\n"
    "          not the pairing\n"
    "Differs   from the source: the filler comes from the example's own seed, V may be below\n"
    "          T\n";

/* One model is asked for fewer and for more pairs, as in the sizes of Based (Arora et al. 2024,
 * arXiv:2402.18668, figure 2). */
static const la_difficulty difficulties[] = {
    {"pairs", "mqar", "eval_pairs", "4"},
    {"pairs", "mqar", "eval_pairs", "8"},
    {"pairs", "mqar", "eval_pairs", "32"},
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
    .version = VERSION,
};

LA_TASK(mqar) = {
    LA_TASK_HEAD,
    .name = "mqar",
    .kind = LA_TASK_LEARNED,
    .summary = "keys and values, then the keys again: name the value",
    .paper = "arXiv:2312.04927",
    .definition = definition,
    .family = "recall",
    .options = la_pairs_table,
    .options_len = LA_PAIRS_TABLE_MQAR,
    .options_size = sizeof(la_pairs_options),
    .check = check,
    .chance = la_pairs_chance,
    .learned = &learned,
};
