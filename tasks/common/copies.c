/* SPDX-License-Identifier: Apache-2.0
 * Tokens to repeat at the end, behind or among blanks.
 */
#include "copies.h"

#include <inttypes.h>
#include <stdio.h>

#include "examples.h"

const int64_t la_copies_lengths[] = {64, 128, 256, 0};

enum { SYMBOLS, PLACES }; /* streams of an example */
enum { BLANK };           /* id 0; the marker is the alphabet's last id */

static bool fits(int64_t T, int64_t n)
{
    return n >= 1 && T <= LA_LONGEST_EXAMPLE && 2 * n <= T;
}

size_t la_copies_mixture(const la_copies_options *o, const int64_t *lengths, size_t n_lengths,
                         la_shape *out, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < n_lengths && len < cap; i++)
        if (fits(lengths[i], o->tokens)) out[len++] = (la_shape){.T = lengths[i], .n = o->tokens};
    return len;
}

static la_status check_room(const char *task, int64_t T, int64_t n, la_err *err)
{
    if (fits(T, n)) return LA_OK;
    if (T > LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s makes at most %" PRId64 " tokens, not %" PRId64,
                       task, LA_LONGEST_EXAMPLE, T);
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "%s shows %" PRId64 " tokens and asks for as many: it takes at least %" PRId64
                   " tokens, not %" PRId64 "; ask for fewer with %s.tokens",
                   task, n, 2 * n, T, task);
}

la_status la_copies_shape_at(const char *task, const la_copies_options *o, int64_t T, la_shape *out,
                             la_err *err)
{
    LA_TRY(check_room(task, T, o->tokens, err));
    *out = (la_shape){.T = T, .n = o->tokens, .far = 1};
    return LA_OK;
}

la_status la_copies_make(const char *task, int version, const la_copies_options *o, bool scattered,
                         uint64_t seed, la_split split, const la_shape *shape, uint64_t index,
                         int32_t *tokens, la_answer *answers, int64_t *n_answers, la_err *err)
{
    int64_t n = shape->n, shown = shape->T - n, placed = 0;
    LA_TRY(check_room(task, shape->T, n, err));
    la_example example = la_example_of(task, version, seed, split, shape, index);
    uint64_t symbols = la_example_stream(&example, SYMBOLS);
    uint64_t places = la_example_stream(&example, PLACES);
    for (int64_t t = 0; t < shown; t++) {
        /* Selection sampling: with (n - placed) of the shown - t places left to choose, each set of n
         * places is as likely as any other. */
        uint64_t r = scattered ? la_random_below(places, (uint64_t)t, (uint64_t)(shown - t)) : 0;
        tokens[t] = BLANK;
        if ((int64_t)r >= n - placed) continue;
        int64_t id =
            1 + (int64_t)la_random_below(symbols, (uint64_t)placed, (uint64_t)(o->alphabet - 2));
        tokens[t] = (int32_t)id;
        answers[placed] = (la_answer){.position = (int32_t)(shown + placed),
                                      .label = (int32_t)id,
                                      .distance = (int32_t)(shown + placed - t)};
        placed++;
    }
    for (int64_t t = shown; t < shape->T; t++) tokens[t] = (int32_t)(o->alphabet - 1);
    *n_answers = n;
    return LA_OK;
}

double la_copies_chance(const la_copies_options *o)
{
    return 1.0 / (double)(o->alphabet - 2);
}

const char *la_copies_word(const la_copies_options *o, int32_t token, char buf[16])
{
    if (token == BLANK) return ".";
    if (token == o->alphabet - 1) return "m";
    snprintf(buf, 16, "x%" PRId32, token);
    return buf;
}
