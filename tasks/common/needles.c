/* SPDX-License-Identifier: Apache-2.0
 * Needles in a haystack: haystack, needles, questions.
 */
#include "needles.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "examples.h"

const char *const la_needles_depths[] = {"depth0",  "depth20", "depth40",
                                         "depth60", "depth80", NULL};
enum { DEPTHS = 5 };
const int64_t la_needles_lengths[] = {32, 64, 128, 0};

/* Streams of an example. */
enum { KEYS, VALUES, PLACES, FILLER, ASKED };

static int64_t keys_of(const la_needles *s)
{
    return s->vocab / 2 - LA_NEEDLE_FIRST_KEY;
}

static int64_t values_of(const la_needles *s)
{
    return s->vocab - s->vocab / 2;
}

/* Tokens of a needle: mark, key, value. */
static int64_t needle_length(const la_needles *s)
{
    return 2 + s->tokens;
}

static int64_t questions_of(const la_needles *s)
{
    return s->all_asked ? s->needles : 1;
}

/* Answers to one question. */
static int64_t answers_each(const la_needles *s)
{
    return s->one_key ? s->needles * s->tokens : s->tokens;
}

int64_t la_needles_answers(const la_needles *s)
{
    return questions_of(s) * answers_each(s);
}

/* Tokens behind the haystack: a question, the key, and all but the last of its answers. */
static int64_t tail_length(const la_needles *s)
{
    return questions_of(s) * (1 + answers_each(s));
}

static int64_t shortest(const la_needles *s)
{
    return s->needles * needle_length(s) + tail_length(s);
}

int64_t la_needles_vocabulary(const la_needles *s)
{
    return s->vocab + s->filler;
}

double la_needles_chance(const la_needles *s)
{
    return 1.0 / (double)values_of(s);
}

la_status la_needles_check(const la_needles *s, la_err *err)
{
    int64_t keys = s->one_key ? 1 : s->needles, most = keys_of(s);
    if (s->haystack == LA_HAYSTACK_NEEDLES) keys++;
    if (keys > most)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s takes %" PRId64 " different keys and %s.vocab %" PRId64 " has %" PRId64
                       ": raise %s.vocab to %" PRId64 " or more",
                       s->task, keys, s->task, s->vocab, most, s->task,
                       2 * (keys + LA_NEEDLE_FIRST_KEY));
    if (s->tokens == 1 && s->needles > values_of(s))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s takes %" PRId64 " different values and %s.vocab %" PRId64 " has %" PRId64
                       ": raise %s.vocab to %" PRId64 " or more",
                       s->task, s->needles, s->task, s->vocab, values_of(s), s->task,
                       2 * s->needles);
    return LA_OK;
}

static bool fits(const la_needles *s, int64_t T)
{
    return T >= shortest(s) && T <= LA_LONGEST_EXAMPLE;
}

/* The number of needles, where a task has one. */
static la_shape shape_of(const la_needles *s, int64_t T, int far)
{
    return (la_shape){.T = T, .n = s->needles > 1 ? s->needles : 0, .far = far};
}

size_t la_needles_mixture(const la_needles *s, const int64_t *lengths, size_t n_lengths,
                          la_shape *out, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < n_lengths && len < cap; i++)
        if (fits(s, lengths[i])) out[len++] = shape_of(s, lengths[i], 0);
    return len;
}

static la_status check_room(const la_needles *s, int64_t T, la_err *err)
{
    if (fits(s, T)) return LA_OK;
    char remedy[64] = "";
    if (T > LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s makes at most %" PRId64 " tokens, not %" PRId64,
                       s->task, LA_LONGEST_EXAMPLE, T);
    if (s->count) snprintf(remedy, sizeof remedy, "; lower %s.%s", s->task, s->count);
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "%s takes at least %" PRId64 " tokens for what it hides and asks, not %" PRId64
                   "%s",
                   s->task, shortest(s), T, remedy);
}

la_status la_needles_shape_at(const la_needles *s, int64_t T, la_shape *out, la_err *err)
{
    LA_TRY(la_needles_check(s, err));
    LA_TRY(check_room(s, T, err));
    *out = shape_of(s, T, 1);
    return LA_OK;
}

/* An example being written. */
typedef struct la_hiding {
    const la_needles *s;
    uint64_t values, places, filler;
    int32_t *tokens;
    int32_t *keys;   /* all of them, shuffled: the first are the needles' */
    int32_t *value;  /* where tokens == 1: all values, shuffled */
    int32_t *at;     /* of each needle: position of its mark */
    int32_t *depth;  /* and its fifth of the haystack */
    int64_t written; /* tokens */
} la_hiding;

static void write_needle(la_hiding *h, int32_t key, const int32_t *value, int64_t nth)
{
    int64_t length = h->s->tokens;
    h->tokens[h->written++] = LA_NEEDLE_MARK;
    h->tokens[h->written++] = key;
    for (int64_t i = 0; i < length; i++) {
        uint64_t index = (uint64_t)(nth * length + i);
        uint64_t r = value ? 0 : la_random_below(h->values, index, (uint64_t)values_of(h->s));
        h->tokens[h->written++] = value ? value[i] : (int32_t)(h->s->vocab / 2 + (int64_t)r);
    }
}

static void hide(la_hiding *h, int64_t needle, int64_t depth)
{
    h->at[needle] = (int32_t)h->written;
    h->depth[needle] = (int32_t)depth;
    write_needle(h, h->keys[h->s->one_key ? 0 : needle], h->value ? &h->value[needle] : NULL,
                 needle);
}

/* The nth piece of the haystack: a token, or a needle with a key of none that is asked. */
static void write_hay(la_hiding *h, int64_t nth)
{
    const la_needles *s = h->s;
    uint64_t start = s->haystack == LA_HAYSTACK_PHRASE
                         ? la_random_below(h->filler, 0, (uint64_t)s->filler) + (uint64_t)nth
                         : 0;
    if (s->haystack == LA_HAYSTACK_NEEDLES) {
        uint64_t others = (uint64_t)(keys_of(s) - s->needles);
        write_needle(
            h, h->keys[s->needles + (int64_t)la_random_below(h->filler, (uint64_t)nth, others)],
            NULL, s->needles + nth);
        return;
    }
    if (s->haystack == LA_HAYSTACK_RANDOM)
        start = la_random_below(h->filler, (uint64_t)nth, (uint64_t)s->filler);
    h->tokens[h->written++] = (int32_t)(s->vocab + (int64_t)(start % (uint64_t)s->filler));
}

/* Selection sampling: with `left` needles to place among the pieces that remain, each arrangement is as
 * likely as any other. */
static void write_haystack(la_hiding *h, int64_t hay)
{
    const la_needles *s = h->s;
    bool whole = s->haystack == LA_HAYSTACK_NEEDLES;
    int64_t length = needle_length(s), pieces = whole ? hay / length : hay;
    for (int64_t i = 0; whole && i < hay % length; i++)
        h->tokens[h->written++] = (int32_t)(s->vocab + i % s->filler);
    for (int64_t i = 0, placed = 0; i < pieces + s->needles; i++) {
        uint64_t r = la_random_below(h->places, (uint64_t)i, (uint64_t)(pieces + s->needles - i));
        if ((int64_t)r >= s->needles - placed) {
            write_hay(h, i - placed);
            continue;
        }
        hide(h, placed, DEPTHS * (i - placed) / (pieces + 1));
        placed++;
    }
}

/* Question, key, and the answers without the last: each answer stands behind the position that asks it. */
static void ask(la_hiding *h, int64_t needle, la_answer *answers, int64_t *n)
{
    const la_needles *s = h->s;
    int64_t each = answers_each(s);
    h->tokens[h->written++] = LA_NEEDLE_ASK;
    h->tokens[h->written++] = h->tokens[h->at[needle] + 1];
    for (int64_t i = 0; i < each; i++) {
        int64_t which = s->one_key ? i / s->tokens : needle;
        int64_t from = h->at[which] + 2 + i % s->tokens, position = h->written - 1;
        answers[(*n)++] = (la_answer){.position = (int32_t)position,
                                      .label = h->tokens[from],
                                      .distance = (int32_t)(position - from),
                                      .group = h->depth[which]};
        if (i + 1 < each) h->tokens[h->written++] = h->tokens[from];
    }
}

static void build(la_hiding *h, const la_example *example, int64_t T, int32_t *order,
                  la_answer *answers, int64_t *n_answers)
{
    const la_needles *s = h->s;
    uint64_t asked = la_example_stream(example, ASKED);
    h->values = la_example_stream(example, VALUES);
    h->places = la_example_stream(example, PLACES);
    h->filler = la_example_stream(example, FILLER);
    la_draw_distinct(la_example_stream(example, KEYS), LA_NEEDLE_FIRST_KEY, keys_of(s),
                     s->one_key ? 1 : s->needles, h->keys);
    if (h->value)
        la_draw_distinct(h->values, (int32_t)(s->vocab / 2), values_of(s), s->needles, h->value);
    write_haystack(h, T - shortest(s));
    la_draw_distinct(asked, 0, s->needles, questions_of(s), order);
    *n_answers = 0;
    for (int64_t q = 0; q < questions_of(s); q++)
        ask(h, s->one_key ? 0 : order[q], answers, n_answers);
    LA_ASSERT(h->written == T);
}

la_status la_needles_make(const la_needles *s, uint64_t seed, la_split split, const la_shape *shape,
                          uint64_t index, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                          la_err *err)
{
    LA_TRY(la_needles_check(s, err));
    LA_TRY(check_room(s, shape->T, err));
    size_t keys = (size_t)keys_of(s) * sizeof(int32_t), each = (size_t)s->needles * sizeof(int32_t);
    size_t values = s->tokens == 1 ? (size_t)values_of(s) * sizeof(int32_t) : 0;
    la_scratch scratch;
    LA_TRY(la_scratch_open(
        &scratch, la_scratch_bytes(keys) + la_scratch_bytes(values) + 3 * la_scratch_bytes(each),
        err));
    la_hiding h = {.s = s, .tokens = tokens};
    h.keys = la_scratch_take(&scratch, keys);
    h.value = values ? la_scratch_take(&scratch, values) : NULL;
    h.at = la_scratch_take(&scratch, each);
    h.depth = la_scratch_take(&scratch, each);
    int32_t *order = la_scratch_take(&scratch, each);
    la_example example = la_example_of(s->task, s->version, seed, split, shape, index);
    build(&h, &example, shape->T, order, answers, n_answers);
    la_scratch_close(&scratch);
    return LA_OK;
}

const char *la_needles_word(const la_needles *s, int32_t token, char buf[16])
{
    if (token == LA_NEEDLE_MARK) return "needle";
    if (token == LA_NEEDLE_ASK) return "ask";
    if (token < s->vocab / 2)
        snprintf(buf, 16, "k%d", token - LA_NEEDLE_FIRST_KEY);
    else if (token < s->vocab)
        snprintf(buf, 16, "v%d", token - (int32_t)(s->vocab / 2));
    else
        snprintf(buf, 16, "f%d", token - (int32_t)s->vocab);
    return buf;
}
