/* SPDX-License-Identifier: Apache-2.0
 * selective_copy - the tokens again, without the blanks between them.
 */
#include <stddef.h>

#include "copies.h"
#include "examples.h"
#include "labench/kit.h"

enum { VERSION = 1 };

static const la_option options[] = {
    {"alphabet", LA_OPTION_INT, offsetof(la_copies_options, alphabet), 16, 4, 1 << 20, NULL,
     "ids: 0 is the blank, the last one the marker, those between are copied"},
    {"tokens", LA_OPTION_INT, offsetof(la_copies_options, tokens), 16, 1, 1 << 20, NULL,
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
    return la_copies_shape_at("selective_copy", task_opts, T, out, err);
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    return la_copies_make("selective_copy", VERSION, task_opts, true, seed, split, shape, index,
                          tokens, answers, n_answers, err);
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
    "  . x1 . . x2 . ... xM . . | m m ... m       answers at the markers m: x1 x2 ... xM\n"
    "\n"
    "Source    Gu, Dao 2023, \"Mamba\", arXiv:2312.00752, section 4.1.1. Its authors' generator\n"
    "          is not public; this is copy with its tokens at random places, as in\n"
    "          data_generator.py of MinhZou/selective-copying-mamba\n"
    "Ids       A = alphabet: 0 is the blank, A-1 the marker m, the M = tokens x are uniform\n"
    "          over 1 to A-2\n"
    "Layout    M tokens, in order, at M of the first T - M positions (each set of positions\n"
    "          as likely as any other), blanks between, M markers at the end; the j-th\n"
    "          marker's label is the j-th token, which is not written into the input again\n"
    "Sizes     2M <= T\n"
    "Training  T 64, 128 and 256 (the source: A 16, M 16, T 4128); sweep: the same M at any T\n"
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

LA_TASK(selective_copy) = {
    LA_TASK_HEAD,
    .name = "selective_copy",
    .kind = LA_TASK_LEARNED,
    .summary = "tokens scattered among blanks, again and in order",
    .paper = "arXiv:2312.00752",
    .definition = definition,
    .family = "copy",
    .options = options,
    .options_len = LA_COUNT(options),
    .options_size = sizeof(la_copies_options),
    .check = la_task_takes_all,
    .chance = chance,
    .learned = &learned,
};
