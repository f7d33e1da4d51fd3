/* SPDX-License-Identifier: Apache-2.0
 * parity - is the number of ones odd?
 */
#include <inttypes.h>
#include <stddef.h>

#include "examples.h"

enum { VERSION = 1 };
enum { PLAIN_BITS, CUMULATIVE_BITS }; /* streams of an example */
enum { QUESTION = 2 };

typedef struct parity_options {
    int64_t cumulative;
} parity_options;

static const la_option options[] = {
    {"cumulative", LA_OPTION_BOOL, offsetof(parity_options, cumulative), 0, 0, 1, NULL,
     "answer at every position instead of the last only"},
};
static const int64_t lengths_trained[] = {3,  4,  5,  6,  8,  10, 12, 14, 16,
                                          19, 22, 25, 28, 32, 36, 40, 0};

static int64_t vocabulary(const void *task_opts)
{
    (void)task_opts;
    return 3;
}

static int64_t shortest(const parity_options *o)
{
    return o->cumulative ? 1 : 2;
}

static bool fits(const parity_options *o, int64_t T)
{
    return T >= shortest(o) && T <= LA_LONGEST_EXAMPLE;
}

static la_status check_length(const parity_options *o, int64_t T, la_err *err)
{
    if (fits(o, T)) return LA_OK;
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "parity makes %" PRId64 " to %" PRId64 " tokens, not %" PRId64, shortest(o),
                   LA_LONGEST_EXAMPLE, T);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    LA_TRY(check_length(task_opts, T, err));
    *out = (la_shape){.T = T, .far = 1};
    return LA_OK;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    return la_mixture_of_lengths(shape_at, task_opts, lengths, n_lengths, out, cap);
}

static int64_t most_answers(const void *task_opts, const la_shape *shape)
{
    return ((const parity_options *)task_opts)->cumulative ? shape->T : 1;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const parity_options *o = task_opts;
    int64_t T = shape->T, bits = o->cumulative ? T : T - 1;
    LA_TRY(check_length(o, T, err));
    la_example example = la_example_of("parity", VERSION, seed, split, shape, index);
    uint64_t stream = la_example_stream(&example, o->cumulative ? CUMULATIVE_BITS : PLAIN_BITS);
    uint32_t odd = 0, word = 0;
    for (int64_t t = 0; t < bits; t++) {
        if (t % 32 == 0) word = la_random_u32(stream, (uint64_t)(t / 32));
        uint32_t bit = word >> (t % 32) & 1;
        tokens[t] = (int32_t)bit;
        odd ^= bit;
        if (o->cumulative) answers[t] = (la_answer){.position = (int32_t)t, .label = (int32_t)odd};
    }
    *n_answers = bits;
    if (o->cumulative) return LA_OK;
    tokens[bits] = QUESTION;
    answers[0] = (la_answer){.position = (int32_t)bits, .label = (int32_t)odd};
    *n_answers = 1;
    return LA_OK;
}

static double chance(const void *task_opts)
{
    (void)task_opts;
    return 0.5;
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    static const char *const words[] = {"0", "1", "?"};
    (void)task_opts, (void)buf;
    return words[token];
}

static const char definition[] =
    "  1 0 1 1 0 1 0 0 ?            answer at the last position: 0 or 1\n"
    "\n"
    "The smallest task that needs a state which every token turns over: a transition with an\n"
    "eigenvalue of -1.\n"
    "\n"
    "Source     Grazzi et al. 2024, \"Unlocking state-tracking in linear RNNs through negative\n"
    "           eigenvalues\", arXiv:2411.12537 (train on 3 to 40 tokens, test on 40 to 256);\n"
    "           examples as in zoology/data/circuits.py of Zoology's code (Arora et al. 2023)\n"
    "Ids        0 and 1 are bits and answers, 2 is the question ?\n"
    "Plain      T - 1 uniform bits, then ?; the label there is their sum modulo 2. T >= 2\n"
    "Cumulative T uniform bits; the label at each position is the sum of the bits up to it\n"
    "           modulo 2. T >= 1\n"
    "Training   16 lengths between 3 and 40, each as likely; sweep: any T. Short strings are\n"
    "           few, so the splits share the shortest ones: what is asked is the length\n"
    "           beyond training\n"
    "           Models have beta up to 2 where there is one, so that a transition can turn the\n"
    "           state over; model.neg_eigval=0 is beta up to 1, which cannot\n"
    "Distance   none: every bit matters\n"
    "Chance     1/2\n";

static const la_wish wishes[] = {{"model", "neg_eigval", "1"}, {0}};

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .word = word,
    .wishes = wishes,
    .version = VERSION,
};

LA_TASK(parity) = {
    LA_TASK_HEAD,
    .name = "parity",
    .kind = LA_TASK_LEARNED,
    .summary = "whether the number of ones so far is odd",
    .paper = "arXiv:2411.12537",
    .definition = definition,
    .family = "state",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(parity_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
