/* SPDX-License-Identifier: Apache-2.0
 * palindrome - the tokens again, last one first.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "examples.h"

enum { VERSION = 1, SHORTEST = 4 };
enum { SYMBOLS }; /* streams of an example */

typedef struct palindrome_options {
    int64_t alphabet;
} palindrome_options;

static const la_option options[] = {
    {"alphabet", LA_OPTION_INT, offsetof(palindrome_options, alphabet), 64, 2, 1 << 20, NULL,
     "ids of the tokens to turn round; the separator is the id behind them"},
};
static const int64_t lengths_trained[] = {32, 64, 128, 0};

static int64_t vocabulary(const void *task_opts)
{
    return ((const palindrome_options *)task_opts)->alphabet + 1;
}

static bool fits(int64_t T)
{
    return T >= SHORTEST && T % 2 == 0 && T <= LA_LONGEST_EXAMPLE;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    size_t len = 0;
    (void)task_opts;
    for (size_t i = 0; i < n_lengths && len < cap; i++)
        if (fits(lengths[i])) out[len++] = (la_shape){.T = lengths[i]};
    return len;
}

static la_status check_length(int64_t T, la_err *err)
{
    if (fits(T)) return LA_OK;
    if (T >= SHORTEST && T <= LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "palindrome goes forth and back: its lengths are even, not %" PRId64, T);
    return LA_FAIL(err, LA_E_UNSUPPORTED, "palindrome makes %d to %" PRId64 " tokens, not %" PRId64,
                   SHORTEST, LA_LONGEST_EXAMPLE, T);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    (void)task_opts;
    LA_TRY(check_length(T, err));
    *out = (la_shape){.T = T, .far = 1};
    return LA_OK;
}

static int64_t most_answers(const void *task_opts, const la_shape *shape)
{
    (void)task_opts;
    return shape->T / 2 - 1;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const palindrome_options *o = task_opts;
    int64_t n = shape->T / 2;
    LA_TRY(check_length(shape->T, err));
    la_example example = la_example_of("palindrome", VERSION, seed, split, shape, index);
    uint64_t symbols = la_example_stream(&example, SYMBOLS);
    for (int64_t t = 0; t < n; t++)
        tokens[t] = (int32_t)la_random_below(symbols, (uint64_t)t, (uint64_t)o->alphabet);
    tokens[n] = (int32_t)o->alphabet;
    for (int64_t i = 1; i < n; i++) {
        tokens[n + i] = tokens[n - i];
        answers[i - 1] = (la_answer){.position = (int32_t)(n + i),
                                     .label = tokens[n - 1 - i],
                                     .distance = (int32_t)(2 * i + 1)};
    }
    *n_answers = n - 1;
    return LA_OK;
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    if (token == ((const palindrome_options *)task_opts)->alphabet) return "sep";
    snprintf(buf, 16, "x%d", token);
    return buf;
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)((const palindrome_options *)task_opts)->alphabet;
}

static const char definition[] =
    "  x1 x2 ... xn | sep xn ... x3 x2            answers from xn on: xn-1 ... x2 x1\n"
    "\n"
    "Source    Kimi Team 2025, \"Kimi Linear: an expressive, efficient attention\n"
    "          architecture\", arXiv:2510.26692, appendix C.1; its code is not public\n"
    "Ids       A = alphabet: tokens are 0 to A-1, the separator is A\n"
    "Layout    n = T/2 tokens, uniform with repetition, the separator, and the same tokens in\n"
    "          reverse without the last. The label at each of these is the next one, which is\n"
    "          then written as if the model had said it, so only causal models are asked. The\n"
    "          first of the reversed tokens is given, as in the report's example\n"
    "Sizes     T even, T >= 4\n"
    "Training  T 32, 64 and 128, 1000 steps (the report: one model each at 256, 512, 1024 and\n"
    "          2048, two layers of two heads of 128, at most 20,000 steps)\n"
    "Sweep     any even T; an answer i tokens behind the separator stands 2i + 1 tokens back\n"
    "Chance    1 / A\n"
    "Differs   the report gives no size of the alphabet: 64 is ours\n";

static const la_wish wishes[] = {{"train", "steps", "1000"}, {NULL, NULL, NULL}};

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .word = word,
    .wishes = wishes,
    .causal_only = 1,
    .version = VERSION,
};

LA_TASK(palindrome) = {
    LA_TASK_HEAD,
    .name = "palindrome",
    .kind = LA_TASK_LEARNED,
    .family = "structure",
    .summary = "the tokens again, last one first",
    .paper = "arXiv:2510.26692",
    .definition = definition,
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(palindrome_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
