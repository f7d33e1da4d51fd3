/* SPDX-License-Identifier: Apache-2.0
 * mad_noisy_recall - MAD's noisy in-context recall. Its definition is the text below, its examples are
 * made in tasks/common/running.c.
 */
#include <stddef.h>

#include "examples.h"
#include "labench/kit.h"
#include "mad_steps.h"
#include "running.h"

enum { VERSION = 1 };
#define NAME "mad_noisy_recall"

static const char definition[] =
    "mad_recall with pairs of noise among those of a key and a value.\n"
    "\n"
    "  k3 v5 z1 z9 k0 v1 k3 v5 z4 z4 ... k0 v1      at a key seen before: what is its value?\n"
    "\n"
    "Poli et al. 2024, \"Mechanistic Design and Scaling of Hybrid Architectures\",\n"
    "arXiv:2403.17844: noisy in-context recall with several queries, as mad/data/instances.py of\n"
    "athms/mad-lab makes it.\n"
    "\n"
    "Ids       V = vocab, of which N = noise_vocab are noise, R = V - N: keys are 0 to R/2-1,\n"
    "          values R/2 to R-1, noise R to V-1\n"
    "Layout    T/2 pairs. All but the last, and one more that is drawn uniformly, are noise with\n"
    "          a probability of `noise`: two noise ids, uniform and independent. The others are\n"
    "          those of mad_recall: a uniform key, with replacement; the value of a key drawn\n"
    "          once an example, uniformly. The key of the last pair is uniform over the different\n"
    "          keys before it, so that one question is sure\n"
    "Asked     at each key that was shown before: its value, which is the next token\n"
    "Training  every token but the first is asked for at the one before it, noise too;\n"
    "          validation and test score the questions above alone\n"
    "Sizes     T even, at least 4. Trained at T 128 on 12800 fixed examples; sweep: any T\n"
    "Chance    1 / (R - R/2), naming any value\n"
    "Causal    the value stands behind its key in the input: no bidirectional variants\n"
    "Differs   the source's input ends before the last value, which nothing is asked at; its\n"
    "          pair that is never noise may be the last one, which never is. Its single query\n"
    "          with a copy prefix is left out: MAD's settings do not use it\n"
    "Reduced   as mad_recall: 400 steps of 32 examples at one lr for 20000 of 128 (200\n"
    "          epochs) with lr and weight decay chosen on test data\n";

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(la_running_options, vocab), 32, 3, 1 << 20, NULL,
     "ids of keys, values and noise together"},
    {"noise_vocab", LA_OPTION_INT, offsetof(la_running_options, noise_vocab), 16, 1, 1 << 20, NULL,
     "the last ids of vocab, which are noise"},
    {"noise", LA_OPTION_REAL, offsetof(la_running_options, noise), 0.2, 0, 0.999, NULL,
     "share of the pairs that are noise"},
};
static const int64_t lengths_trained[] = {128, 0};
static const la_wish wishes[] = {
    {"train", "examples", "12800"}, {"train", "lr", "3e-3"}, {"train", "steps", "400"},
    {"model", "d_model", "128"},    {"model", "mlp", "4"},   {0},
};
static const la_difficulty difficulties[] = {
    {"vocab", NAME, "vocab", "48"},
    {"vocab", NAME, "vocab", "80"},
    {"vocab", NAME, "vocab", "144"},
    LA_MAD_STEPS_LENGTH,
    LA_MAD_STEPS_EXAMPLES,
    {"noise", NAME, "noise", "0.4"},
    {"noise", NAME, "noise", "0.6"},
    {"noise", NAME, "noise", "0.8"},
    {0},
};

static int64_t vocabulary(const void *task_opts)
{
    return ((const la_running_options *)task_opts)->vocab;
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
    return la_running_make(NAME, VERSION, task_opts, seed, split, shape, index, tokens, answers,
                           n_answers, err);
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    (void)variant, (void)p;
    return la_running_check(NAME, task_opts, err);
}

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .word = la_running_word,
    .wishes = wishes,
    .difficulties = difficulties,
    .causal_only = 1,
    .version = VERSION,
};

LA_TASK(mad_noisy_recall) = {
    LA_TASK_HEAD,
    .name = NAME,
    .kind = LA_TASK_LEARNED,
    .summary = "MAD: mad_recall with pairs of noise in between",
    .paper = "arXiv:2403.17844",
    .family = "mad",
    .definition = definition,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_running_options),
    .check = check,
    .chance = la_running_chance,
    .learned = &learned,
};
