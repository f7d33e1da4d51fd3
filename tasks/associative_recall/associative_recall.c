/* SPDX-License-Identifier: Apache-2.0
 * associative_recall - which value went with the key? One question behind many pairs.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "examples.h"

enum { VERSION = 1 };
enum { MAP, KEYS, QUESTION }; /* streams of an example */
enum { SHORTEST = 4 };

typedef struct associative_options {
    int64_t vocab, absent;
} associative_options;

static const la_option options[] = {
    {"vocab", LA_OPTION_INT, offsetof(associative_options, vocab), 20, 4, 1 << 20, NULL,
     "ids: keys, values, and two more (ask, none)"},
    {"absent", LA_OPTION_BOOL, offsetof(associative_options, absent), 0, 0, 1, NULL,
     "ask also for keys that were not shown: the answer is then the last id"},
};
static const int64_t lengths_trained[] = {42, 0};

static const char definition[] =
    "  k3 v5 k1 v0 k3 v5 k7 v2 ... => k1          answer at the last position: v0\n"
    "\n"
    "Source    src/dataloaders/synthetics.py of safari, the code of H3 (Fu et al. 2022,\n"
    "          arXiv:2212.14052) and Hyena (Poli et al. 2023, arXiv:2302.10866)\n"
    "Ids       V = vocab: M = V/2 - 1 keys from 0 on (rounded down), then the values, then\n"
    "          V-2, which asks (=>), and V-1, which says that there was none (.)\n"
    "Map       each example has a map of its own from keys to values, uniform and drawn with\n"
    "          repetition: keys may share a value\n"
    "Layout    T/2 - 1 pairs of a key, uniform and drawn with repetition, and the map's value\n"
    "          for it; then =>, then a key, uniform over the keys shown. Its value is the\n"
    "          label at that last position, and is not written\n"
    "Absent    with absent=1 the last key is uniform over all keys, and the label of one that\n"
    "          was not shown is the id V-1\n"
    "Sizes     T even, at least 4 (the source counts L = T - 2 tokens of pairs)\n"
    "Training  T 42 (the source: V 20, L 40; also V 10, L 20). The task wishes for\n"
    "          model.logits=all: as in the source, each token of a training example is to be\n"
    "          predicted from those before it, those that nobody can know included; causal\n"
    "          variants only, unless model.logits=scored trains on the last position alone\n"
    "Sweep     the same at any even T: keys then come again more often\n"
    "Distance  to the last of the key's values; 0 for a key that was not shown\n"
    "Chance    1 / (V - 2 - M), naming any value\n"
    "Differs   from the source: every training example is new, where it has 5,000 for 400\n"
    "          passes; examples are not compared with one another to drop equal ones\n";

/* Vocabularies of the figure on associative recall in arXiv:2302.10866. */
static const la_difficulty difficulties[] = {
    {"vocab", "associative_recall", "vocab", "10"},
    {"vocab", "associative_recall", "vocab", "30"},
    {"vocab", "associative_recall", "vocab", "40"},
    {NULL, NULL, NULL, NULL},
};

static const la_wish wishes[] = {
    {"model", "logits", "all"},
    {NULL, NULL, NULL},
};

static int64_t keys_of(const associative_options *o)
{
    return (o->vocab - 2) / 2;
}

static int64_t values_of(const associative_options *o)
{
    return o->vocab - 2 - keys_of(o);
}

static int64_t vocabulary(const void *task_opts)
{
    return ((const associative_options *)task_opts)->vocab;
}

static bool fits(int64_t T)
{
    return T % 2 == 0 && T >= SHORTEST && T <= LA_LONGEST_EXAMPLE;
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
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "associative_recall makes an even number of %d to %" PRId64
                   " tokens, not %" PRId64,
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

/* A key uniform over all, or over those with a place in last[]. */
static int64_t draw_question(const associative_options *o, uint64_t stream, const int32_t *last)
{
    int64_t keys = keys_of(o), shown = 0;
    if (o->absent) return (int64_t)la_random_below(stream, 0, (uint64_t)keys);
    for (int64_t k = 0; k < keys; k++) shown += last[k] >= 0;
    int64_t nth = (int64_t)la_random_below(stream, 0, (uint64_t)shown);
    for (int64_t k = 0;; k++)
        if (last[k] >= 0 && nth-- == 0) return k;
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    const associative_options *o = task_opts;
    int64_t T = shape->T, keys = keys_of(o);
    la_scratch scratch;
    LA_TRY(check_length(T, err));
    LA_TRY(la_scratch_open(&scratch, la_scratch_bytes((size_t)keys * sizeof(int32_t)), err));
    int32_t *last = la_scratch_take(&scratch, (size_t)keys * sizeof *last); /* place of its value */
    la_example example = la_example_of("associative_recall", VERSION, seed, split, shape, index);
    uint64_t map = la_example_stream(&example, MAP), drawn = la_example_stream(&example, KEYS);
    for (int64_t k = 0; k < keys; k++) last[k] = -1;
    for (int64_t t = 0; t < T - 2; t += 2) {
        uint64_t k = la_random_below(drawn, (uint64_t)(t / 2), (uint64_t)keys);
        tokens[t] = (int32_t)k;
        tokens[t + 1] = (int32_t)(keys + (int64_t)la_random_below(map, k, (uint64_t)values_of(o)));
        last[k] = (int32_t)(t + 1);
    }
    int64_t asked = draw_question(o, la_example_stream(&example, QUESTION), last);
    int32_t at = (int32_t)(T - 1), from = last[asked];
    tokens[T - 2] = (int32_t)(o->vocab - 2);
    tokens[T - 1] = (int32_t)asked;
    answers[0] = (la_answer){.position = at,
                             .label = from < 0 ? (int32_t)(o->vocab - 1) : tokens[from],
                             .distance = from < 0 ? 0 : at - from};
    *n_answers = 1;
    la_scratch_close(&scratch);
    return LA_OK;
}

static double chance(const void *task_opts)
{
    return 1.0 / (double)values_of(task_opts);
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    const associative_options *o = task_opts;
    int32_t keys = (int32_t)keys_of(o);
    if (token >= o->vocab - 2) return token == o->vocab - 2 ? "=>" : ".";
    snprintf(buf, 16, "%c%" PRId32, token < keys ? 'k' : 'v', token < keys ? token : token - keys);
    return buf;
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
    .version = VERSION,
};

LA_TASK(associative_recall) = {
    LA_TASK_HEAD,
    .name = "associative_recall",
    .kind = LA_TASK_LEARNED,
    .summary = "pairs with repetition, then one key: name its value (H3, Hyena)",
    .paper = "arXiv:2212.14052",
    .definition = definition,
    .family = "recall",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(associative_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
