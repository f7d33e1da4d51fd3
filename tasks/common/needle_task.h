/* SPDX-License-Identifier: Apache-2.0
 * The members of a needle task, each by its la_needles. A task's one file defines needles_of, includes
 * this and describes itself.
 */
#ifndef LA_NEEDLE_TASK_H
#define LA_NEEDLE_TASK_H

#include "needles.h"

/* What the options of this task mean. */
static la_needles needles_of(const void *task_opts);

static int64_t vocabulary(const void *task_opts)
{
    la_needles s = needles_of(task_opts);
    return la_needles_vocabulary(&s);
}

static size_t mixture(const void *task_opts, const int64_t *lengths, size_t n_lengths,
                      la_shape *out, size_t cap)
{
    la_needles s = needles_of(task_opts);
    return la_needles_mixture(&s, lengths, n_lengths, out, cap);
}

static la_status shape_at(const void *task_opts, int64_t T, la_shape *out, la_err *err)
{
    la_needles s = needles_of(task_opts);
    return la_needles_shape_at(&s, T, out, err);
}

static int64_t most_answers(const void *task_opts, const la_shape *shape)
{
    (void)shape;
    la_needles s = needles_of(task_opts);
    return la_needles_answers(&s);
}

static la_status make(const void *task_opts, uint64_t seed, la_split split, const la_shape *shape,
                      uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                      la_err *err)
{
    la_needles s = needles_of(task_opts);
    return la_needles_make(&s, seed, split, shape, index, tokens, answers, n_answers, err);
}

static const char *word(const void *task_opts, int32_t token, char buf[16])
{
    la_needles s = needles_of(task_opts);
    return la_needles_word(&s, token, buf);
}

static la_status check(const la_variant *variant, const la_problem *p, const void *task_opts,
                       la_err *err)
{
    (void)variant, (void)p;
    la_needles s = needles_of(task_opts);
    return la_needles_check(&s, err);
}

static double chance(const void *task_opts)
{
    la_needles s = needles_of(task_opts);
    return la_needles_chance(&s);
}

/* What the descriptors of all needle tasks have alike. */
#define LA_NEEDLE_LEARNED                                                                          \
    .vocabulary = vocabulary, .train_lengths = la_needles_lengths, .mixture = mixture,             \
    .shape_at = shape_at, .most_answers = most_answers, .make = make,                              \
    .group_names = la_needles_depths, .word = word
#define LA_NEEDLE_TASK                                                                             \
    .kind = LA_TASK_LEARNED, .family = "needle", .paper = "arXiv:2404.06654", .options = options,  \
    .options_len = LA_COUNT(options), .options_size = sizeof(la_needles_options), .check = check,  \
    .chance = chance, .learned = &learned

#endif
