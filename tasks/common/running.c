/* SPDX-License-Identifier: Apache-2.0
 * Pairs one after another, and answers at every token.
 */
#include "running.h"

#include <inttypes.h>

#include "examples.h"

enum { KEYS, VALUES, SURE, NOISY, NOISE, LAST }; /* streams of an example */

void la_ask_next(la_asked *asked, int64_t position, int32_t label, int64_t distance)
{
    if (distance == 0 && !asked->all) return;
    asked->out[asked->n++] = (la_answer){.position = (int32_t)position,
                                         .label = label,
                                         .distance = (int32_t)distance,
                                         .group = distance == 0 ? LA_ONLY_TRAINED : 0};
}

/* Ids: keys, then values, then noise. */
static int64_t ordinary(const la_running_options *o)
{
    return o->vocab - o->noise_vocab;
}

static int64_t keys_of(const la_running_options *o)
{
    return ordinary(o) / 2;
}

static int64_t values_of(const la_running_options *o)
{
    return ordinary(o) - keys_of(o);
}

double la_running_chance(const void *task_opts)
{
    const la_running_options *o = task_opts;
    return 1.0 / (double)values_of(o);
}

const char *la_running_word(const void *task_opts, int32_t token, char buf[16])
{
    const la_running_options *o = task_opts;
    int64_t keys = keys_of(o), noise = ordinary(o);
    if (token < keys) return la_word_of('k', token, buf);
    return token < noise ? la_word_of('v', token - keys, buf) : la_word_of('z', token - noise, buf);
}

la_status la_running_check(const char *task, const la_running_options *o, la_err *err)
{
    if (ordinary(o) < 2)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s.vocab %" PRId64 " leaves no key and value beside %" PRId64
                       " noise ids: raise %s.vocab to %" PRId64 " or more",
                       task, o->vocab, o->noise_vocab, task, o->noise_vocab + 2);
    return LA_OK;
}

la_status la_running_shape_at(const char *task, int64_t T, la_shape *out, la_err *err)
{
    if (T % 2 != 0)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s is made of pairs: its lengths are even, not %" PRId64, task, T);
    if (T < 4 || T > LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s makes 4 to %" PRId64 " tokens, not %" PRId64,
                       task, LA_LONGEST_EXAMPLE, T);
    *out = (la_shape){.T = T, .far = 1};
    return LA_OK;
}

/* What one example is made with. */
typedef struct running {
    const la_running_options *o;
    int64_t keys, values, pairs;
    int32_t *last; /* [keys] token of the key's value when it was last shown, or -1 */
    int32_t *tokens;
    uint64_t value; /* the stream that decides the value of each key */
} running;

static void forget(running *r)
{
    for (int64_t k = 0; k < r->keys; k++) r->last[k] = -1;
}

static void show(running *r, int64_t pair, int64_t key)
{
    int64_t value = (int64_t)la_random_below(r->value, (uint64_t)key, (uint64_t)r->values);
    r->tokens[2 * pair] = (int32_t)key;
    r->tokens[2 * pair + 1] = (int32_t)(r->keys + value);
    r->last[key] = (int32_t)(2 * pair + 1);
}

/* Returns how many different keys were shown. */
static int64_t show_all(running *r, const la_example *example)
{
    uint64_t keys = la_example_stream(example, KEYS), noise = la_example_stream(example, NOISE);
    uint64_t noisy = la_example_stream(example, NOISY), shown = (uint64_t)r->pairs - 1;
    uint64_t sure = la_random_below(la_example_stream(example, SURE), 0, shown);
    int64_t distinct = 0;
    for (uint64_t i = 0; i < shown; i++) {
        if (i != sure && la_random_uniform(noisy, i) < r->o->noise) {
            for (uint64_t t = 2 * i; t < 2 * i + 2; t++)
                r->tokens[t] =
                    (int32_t)(ordinary(r->o) +
                              (int64_t)la_random_below(noise, t, (uint64_t)r->o->noise_vocab));
            continue;
        }
        int64_t key = (int64_t)la_random_below(keys, i, (uint64_t)r->keys);
        distinct += r->last[key] < 0;
        show(r, (int64_t)i, key);
    }
    return distinct;
}

/* The which-th of the keys that were shown. */
static int64_t shown_key(const running *r, int64_t which)
{
    int64_t key = 0;
    while (r->last[key] < 0 || which-- > 0) key++;
    return key;
}

static void ask(running *r, int64_t T, la_asked *asked)
{
    forget(r);
    for (int64_t t = 0; t < T; t += 2) {
        int64_t key = r->tokens[t];
        int32_t *last = key < r->keys ? &r->last[key] : NULL;
        la_ask_next(asked, t, r->tokens[t + 1], last && *last >= 0 ? t - *last : 0);
        if (last) *last = (int32_t)(t + 1);
        if (t + 2 < T) la_ask_next(asked, t + 1, r->tokens[t + 2], 0);
    }
}

la_status la_running_make(const char *task, int version, const la_running_options *o, uint64_t seed,
                          la_split split, const la_shape *shape, uint64_t index, int32_t *tokens,
                          la_answer *answers, int64_t *n_answers, la_err *err)
{
    la_shape checked;
    LA_TRY(la_running_shape_at(task, shape->T, &checked, err));
    LA_TRY(la_running_check(task, o, err));
    la_example example = la_example_of(task, version, seed, split, shape, index);
    running r = {.o = o,
                 .keys = keys_of(o),
                 .values = values_of(o),
                 .pairs = shape->T / 2,
                 .tokens = tokens,
                 .value = la_example_stream(&example, VALUES)};
    size_t bytes = la_scratch_bytes((size_t)r.keys * sizeof *r.last);
    la_scratch scratch;
    LA_TRY(la_scratch_open(&scratch, bytes, err));
    r.last = la_scratch_take(&scratch, (size_t)r.keys * sizeof *r.last);
    forget(&r);
    uint64_t distinct = (uint64_t)show_all(&r, &example);
    int64_t again =
        shown_key(&r, (int64_t)la_random_below(la_example_stream(&example, LAST), 0, distinct));
    show(&r, r.pairs - 1, again);
    la_asked asked = {.out = answers, .all = split == LA_SPLIT_TRAIN};
    ask(&r, shape->T, &asked);
    *n_answers = asked.n;
    la_scratch_close(&scratch);
    return LA_OK;
}
