/* SPDX-License-Identifier: Apache-2.0
 * Tokens to repeat at the end: what copy and selective_copy share. They differ only in where the tokens
 * stand; the definitions are in tasks/copy/copy.c and tasks/selective_copy/selective_copy.c.
 */
#ifndef LA_COPIES_H
#define LA_COPIES_H

#include <stdbool.h>

#include "labench/task.h"

extern const int64_t la_copies_lengths[]; /* trained on by default; ends with 0 */

typedef struct la_copies_options {
    int64_t alphabet, tokens;
} la_copies_options;

size_t la_copies_mixture(const la_copies_options *o, const int64_t *lengths, size_t n_lengths,
                         la_shape *out, size_t cap);
la_status la_copies_shape_at(const char *task, const la_copies_options *o, int64_t T, la_shape *out,
                             la_err *err);
/* scattered: the tokens stand at random places among the blanks, else in front of them. */
la_status la_copies_make(const char *task, int version, const la_copies_options *o, bool scattered,
                         uint64_t seed, la_split split, const la_shape *shape, uint64_t index,
                         int32_t *tokens, la_answer *answers, int64_t *n_answers, la_err *err);
double la_copies_chance(const la_copies_options *o);
/* "." for the blank, "m" for the marker, "x3" for a token to copy. */
const char *la_copies_word(const la_copies_options *o, int32_t token, char buf[16]);

#endif
