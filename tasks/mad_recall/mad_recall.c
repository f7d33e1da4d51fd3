/* SPDX-License-Identifier: Apache-2.0
 * mad_recall - MAD's in-context recall. Its definition is the text below, its examples are made in
 * tasks/common/running.c.
 */
#include <stddef.h>

#include "examples.h"
#include "labench/kit.h"
#include "mad_steps.h"
#include "running.h"

enum { VERSION = 1 };
#define NAME "mad_recall"

static const char definition[] =
    "Pairs of a key and a value, one after another; a key that returns brings its value again.\n"
    "\n"
    "  k3 v5 k0 v1 k3 v5 k7 v1 ... k0 v1      at a key seen before: what is its value?\n"
    "\n"
    "Poli et al. 2024, \"Mechanistic Design and Scaling of Hybrid Architectures\",\n"
    "arXiv:2403.17844: in-context recall with several queries, as mad/data/instances.py of\n"
    "athms/mad-lab makes it.\n"
    "\n"
    "Ids       V = vocab: keys are 0 to V/2-1, values V/2 to V-1\n"
    "Layout    T/2 pairs. The key of each is uniform, with replacement; the value of a key is\n"
    "          drawn once an example, uniformly (several keys may share one). The key of the last\n"
    "          pair is uniform over the different keys before it, so that one question is sure\n"
    "Asked     at each key that was shown before: its value, which is the next token\n"
    "Training  every token but the first is asked for at the one before it, also those that\n"
    "          nothing decides; validation and test score the questions above alone\n"
    "Sizes     T even, at least 4. Trained at T 128 on 12800 fixed examples; sweep: any T\n"
    "Chance    1 / (V - V/2), naming any value\n"
    "Causal    the value stands behind its key in the input: no bidirectional variants\n"
    "Differs   the source's input ends before the last value, which nothing is asked at. Its\n"
    "          single query with a copy prefix is left out: MAD's settings do not use it\n"
    "Reduced   d 128 and a SwiGLU as in the source, but 400 steps of 32 examples at one lr\n"
    "          where it trains 20000 of 128 (200 epochs), with lr and weight decay chosen on\n"
    "          test data\n";

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(la_running_options, vocab), 16, 2, 1 << 20, NULL,
     "keys are ids 0 to vocab/2-1, values vocab/2 to vocab-1"},
};
static const int64_t lengths_trained[] = {128, 0};
static const la_wish wishes[] = {
    {"train", "examples", "12800"}, {"train", "lr", "3e-3"}, {"train", "steps", "400"},
    {"model", "d_model", "128"},    {"model", "mlp", "4"},   {0},
};
static const la_difficulty difficulties[] = {
    LA_MAD_STEPS_VOCAB(NAME),
    LA_MAD_STEPS_LENGTH,
    LA_MAD_STEPS_EXAMPLES,
    {0},
};

/* No noise: the table does not set those members. */
static la_running_options plain(const void *task_opts)
{
    return (la_running_options){.vocab = ((const la_running_options *)task_opts)->vocab};
}

static int64_t vocabulary(const void *task_opts)
{
    return plain(task_opts).vocab;
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    (void)task_opts;
    return la_running_shape_at(NAME, T, out, err);
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    return la_mixture_of_lengths(shape_at, task_opts, lengths, n_lengths, out, cap);
}

static int64_t most_answers(const void *task_opts, const la_shape *shape)
{
    (void)task_opts;
    return shape->T - 1;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    la_running_options o = plain(task_opts);
    return la_running_make(NAME, VERSION, &o, seed, split, shape, index, tokens, answers, n_answers,
                           err);
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    la_running_options o = plain(task_opts);
    return la_running_word(&o, token, buf);
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    (void)variant, (void)p;
    la_running_options o = plain(task_opts);
    return la_running_check(NAME, &o, err);
}

static double chance(const void *task_opts)
{
    la_running_options o = plain(task_opts);
    return la_running_chance(&o);
}

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .word = word,
    .wishes = wishes,
    .difficulties = difficulties,
    .causal_only = 1,
    .version = VERSION,
};

LA_TASK(mad_recall) = {
    LA_TASK_HEAD,
    .name = NAME,
    .kind = LA_TASK_LEARNED,
    .summary = "MAD: pairs one after another; a key that returns brings its value again",
    .paper = "arXiv:2403.17844",
    .family = "mad",
    .definition = definition,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_running_options),
    .check = check,
    .chance = chance,
    .learned = &learned,
};
