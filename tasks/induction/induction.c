/* SPDX-License-Identifier: Apache-2.0
 * induction - which token followed the trigger?
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "examples.h"

enum { VERSION = 1 };
enum { SYMBOLS, PLACE }; /* streams of an example */
enum { SHORTEST = 4 };

typedef struct induction_options {
    int64_t vocab;
} induction_options;

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(induction_options, vocab), 20, 4, 1 << 20, NULL,
     "ids: all but the last two are ordinary tokens"},
};
static const int64_t lengths_trained[] = {32, 64, 128, 256, 0};

static int64_t vocabulary(const void *task_opts)
{
    return ((const induction_options *)task_opts)->vocab;
}

static bool fits(int64_t T)
{
    return T >= SHORTEST && T <= LA_LONGEST_EXAMPLE;
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
    return LA_FAIL(err, LA_E_UNSUPPORTED, "induction makes %d to %" PRId64 " tokens, not %" PRId64,
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
    (void)task_opts, (void)shape;
    return 1;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const induction_options *o = task_opts;
    int64_t T = shape->T;
    LA_TRY(check_length(T, err));
    la_example example = la_example_of("induction", VERSION, seed, split, shape, index);
    uint64_t symbols = la_example_stream(&example, SYMBOLS);
    for (int64_t t = 0; t < T - 1; t++)
        tokens[t] = (int32_t)la_random_below(symbols, (uint64_t)t, (uint64_t)(o->vocab - 2));
    int64_t p = (int64_t)la_random_below(la_example_stream(&example, PLACE), 0, (uint64_t)(T - 3));
    tokens[p] = tokens[T - 1] = (int32_t)(o->vocab - 2);
    answers[0] = (la_answer){
        .position = (int32_t)(T - 1), .label = tokens[p + 1], .distance = (int32_t)(T - 2 - p)};
    *n_answers = 1;
    return LA_OK;
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)(((const induction_options *)task_opts)->vocab - 2);
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    int64_t symbols = ((const induction_options *)task_opts)->vocab - 2;
    if (token == symbols) return "=>";
    if (token > symbols) return "noop";
    snprintf(buf, 16, "x%" PRId32, token);
    return buf;
}

static const char definition[] =
    "  x x x x => y x x x x x x =>                answer at the last position: y\n"
    "\n"
    "Source    Olsson et al. 2022, \"In-context learning and induction heads\",\n"
    "          arXiv:2209.11895; as in src/dataloaders/synthetics.py of safari (Poli et al.\n"
    "          2023, arXiv:2302.10866), with one trigger and one token to copy\n"
    "Ids       vocab - 2 ordinary ids from 0 on; vocab-2 is the trigger =>; vocab-1 (the\n"
    "          source's no-op) is never written\n"
    "Layout    T - 1 ordinary tokens, uniform with repetition, then the trigger; a trigger\n"
    "          also replaces the token at p, uniform over 0 to T-4. The label is the token at\n"
    "          p + 1\n"
    "Sizes     T >= 4\n"
    "Training  T 32, 64, 128 and 256 (the source: vocab 20, T 31); sweep: p uniform at any T\n"
    "Chance    1 / (vocab - 2)\n"
    "Differs   from the source: only the last token is trained on, not every token; examples\n"
    "          are not compared with one another to drop equal ones\n";

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = lengths_trained,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = most_answers,
    .make = make,
    .word = word,
    .version = VERSION,
};

LA_TASK(induction) = {
    LA_TASK_HEAD,
    .name = "induction",
    .kind = LA_TASK_LEARNED,
    .summary = "the token that followed the trigger, named when it comes again",
    .paper = "arXiv:2209.11895",
    .definition = definition,
    .family = "recall",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(induction_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
