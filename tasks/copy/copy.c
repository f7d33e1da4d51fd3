/* SPDX-License-Identifier: Apache-2.0
 * copy - the first tokens again, after a long pause.
 */
#include <stddef.h>

#include "copies.h"
#include "examples.h"
#include "labench/kit.h"

enum { VERSION = 1 };

static const la_option options[] = {
    {"alphabet", LA_OPTION_INT, offsetof(la_copies_options, alphabet), 10, 4, 1 << 20, NULL,
     "ids: 0 is the blank, the last one the marker, those between are copied"},
    {"tokens", LA_OPTION_INT, offsetof(la_copies_options, tokens), 10, 1, 1 << 20, NULL,
     "tokens to repeat"},
};

static int64_t vocabulary(const void *task_opts)
{
    return ((const la_copies_options *)task_opts)->alphabet;
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    return la_copies_mixture(task_opts, lengths, n_lengths, out, cap);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    return la_copies_shape_at("copy", task_opts, T, out, err);
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    return la_copies_make("copy", VERSION, task_opts, false, seed, split, shape, index, tokens,
                          answers, n_answers, err);
}

static double chance(const void *task_opts)
{
    return la_copies_chance(task_opts);
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    return la_copies_word(task_opts, token, buf);
}

static const char definition[] =
    "  x1 x2 ... xM | . . ... . | m m ... m       answers at the markers m: x1 x2 ... xM\n"
    "\n"
    "Source    Arjovsky, Shah, Bengio 2015, \"Unitary evolution recurrent neural networks\",\n"
    "          arXiv:1511.06464; as in src/dataloaders/datasets/copying.py of the code of S4\n"
    "          (Gu et al. 2021, arXiv:2111.00396)\n"
    "Ids       A = alphabet: 0 is the blank, A-1 the marker m, the M = tokens x are uniform\n"
    "          over 1 to A-2\n"
    "Layout    M tokens, N = T - 2M blanks, M markers; the j-th marker's label is the j-th\n"
    "          token, which is not written into the input again\n"
    "Sizes     2M <= T\n"
    "Training  T 64, 128 and 256 (the source: A 10, M 10, N 100, so T 120)\n"
    "Sweep     the same M at any T, so that the distance T - M of every answer grows with T\n"
    "Chance    1 / (A - 2)\n";

static const la_learned learned = {
    .vocabulary = vocabulary,
    .train_lengths = la_copies_lengths,
    .mixture = mixture,
    .shape_at = shape_at,
    .most_answers = la_task_answers_n,
    .make = make,
    .word = word,
    .version = VERSION,
};

LA_TASK(copy) = {
    LA_TASK_HEAD,
    .name = "copy",
    .kind = LA_TASK_LEARNED,
    .summary = "the first tokens again, after a pause",
    .paper = "arXiv:1511.06464",
    .definition = definition,
    .family = "copy",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_copies_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
