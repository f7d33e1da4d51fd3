/* SPDX-License-Identifier: Apache-2.0
 * Needles in a haystack, as tokens: what the needle tasks share. A needle is a mark, a key and a value;
 * needles stand anywhere in a haystack, and what is asked stands behind it.
 */
#ifndef LA_NEEDLES_H
#define LA_NEEDLES_H

#include <stdbool.h>
#include <stddef.h>

#include "labench/task.h"

typedef enum la_haystack {
    LA_HAYSTACK_RANDOM,  /* filler ids, each uniform */
    LA_HAYSTACK_NEEDLES, /* needles that nobody asks for */
    LA_HAYSTACK_PHRASE,  /* all filler ids in order, again and again, from a uniform one on */
} la_haystack;

enum { LA_NEEDLE_MARK, LA_NEEDLE_ASK, LA_NEEDLE_FIRST_KEY }; /* ids; keys go on to vocab / 2 - 1 */

/* The options of all needle tasks; each task's table sets some of them. */
typedef struct la_needles_options {
    int64_t vocab, filler, count, haystack;
} la_needles_options;

#define LA_NEEDLES_VOCAB                                                                           \
    {                                                                                              \
        "vocab", LA_OPTION_INT, offsetof(la_needles_options, vocab), 512, 8, 1 << 20, NULL,        \
            "id 0 is the mark, 1 the question, keys go from 2 to vocab/2-1, values to vocab-1"     \
    }
#define LA_NEEDLES_NOISE                                                                           \
    {                                                                                              \
        "noise", LA_OPTION_INT, offsetof(la_needles_options, filler), 32, 1, 1 << 16, NULL,        \
            "ids from vocab on, of which the haystack is made"                                     \
    }

/* One needle task with its options. */
typedef struct la_needles {
    const char *task;
    int version;
    la_haystack haystack;
    int64_t vocab, filler; /* filler ids go from vocab on */
    int64_t needles;       /* in the haystack */
    int64_t tokens;        /* of a value */
    bool all_asked;        /* every needle instead of one */
    bool one_key;      /* all needles have the same key, which is asked once: all values in order of
                            * appearance */
    const char *count; /* the option that makes an example shorter; NULL: none does */
} la_needles;

int64_t la_needles_vocabulary(const la_needles *s);
double la_needles_chance(const la_needles *s);
/* Answers of one example. */
int64_t la_needles_answers(const la_needles *s);
la_status la_needles_check(const la_needles *s, la_err *err);
size_t la_needles_mixture(const la_needles *s, const int64_t *lengths, size_t n_lengths,
                          la_shape *out, size_t cap);
la_status la_needles_shape_at(const la_needles *s, int64_t T, la_shape *out, la_err *err);
la_status la_needles_make(const la_needles *s, uint64_t seed, la_split split, const la_shape *shape,
                          uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                          la_err *err);
const char *la_needles_word(const la_needles *s, int32_t token, char buf[16]);
/* Where a needle stands, from the front: fifths of the haystack. */
extern const char *const la_needles_depths[];
extern const int64_t la_needles_lengths[]; /* trained on by default; ends with 0 */

#endif
