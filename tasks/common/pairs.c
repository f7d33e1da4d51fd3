/* SPDX-License-Identifier: Apache-2.0
 * Key-value sequences: context, questions, filler.
 */
#include "pairs.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "examples.h"

const char *const la_pairs_fillers[] = {"zero", "noise", "distractor", "uniform", NULL};
const char *const la_pairs_spreads[] = {"auto", "whole", "parts", NULL};
const int64_t la_pairs_lengths[] = {64, 128, 256, 0};
const char *const la_pairs_asking[] = {"eval_pairs", "eval_a", "eval_spread", NULL};

const la_option la_pairs_table[LA_PAIRS_TABLE_OVERWRITE] = {
    {"vocab", LA_OPTION_INT, offsetof(la_pairs_options, vocab), 512, 4, 1 << 20, NULL,
     "keys are ids 1 to vocab/2-1, values vocab/2 to vocab-1"},
    {"noise", LA_OPTION_INT, offsetof(la_pairs_options, noise), 32, 1, 1 << 16, NULL,
     "ids from vocab on, for the filler noise"},
    {"filler", LA_OPTION_CHOICE, offsetof(la_pairs_options, filler), LA_PAIRS_NOISE, 0, 0,
     la_pairs_fillers, "tokens between questions: id 0, noise ids, any but the keys, any id"},
    {"pairs", LA_OPTION_INT, offsetof(la_pairs_options, pairs), 0, 0, 1 << 20, NULL,
     "pairs while training; 0: 4, 8, 16 and 32, those that fit the length"},
    {"eval_pairs", LA_OPTION_INT, offsetof(la_pairs_options, eval_pairs), 0, 0, 1 << 20, NULL,
     "pairs at a length of the sweep; 0: as trained, 16 of the mixture"},
    {"a", LA_OPTION_REAL, offsetof(la_pairs_options, a), 0.01, 1e-3, 10, NULL,
     "where training asks: slot g has weight (g+1)^(a-1); 1: uniform"},
    {"eval_a", LA_OPTION_REAL, offsetof(la_pairs_options, eval_a), 1, 1e-3, 10, NULL,
     "the same at a length of the sweep; 1: distance grows with the length"},
    {"eval_spread", LA_OPTION_CHOICE, offsetof(la_pairs_options, eval_spread), LA_PAIRS_AUTO, 0, 0,
     la_pairs_spreads, LA_PAIRS_SPREAD},
    {"updates", LA_OPTION_REAL, offsetof(la_pairs_options, updates), 0.5, 0, 1, NULL,
     "share of the keys that are written again"},
};

const int64_t la_pairs_mixed[] = {4, 8, 16, 32, 0};

/* Streams of an example. */
enum { KEYS, VALUES, UPDATED, SLOTS, FILLER, REPLACEMENTS };

static int64_t keys_of(const la_pairs_options *o)
{
    return o->vocab / 2 - 1; /* id 0 is the filler zero */
}

static int64_t values_of(const la_pairs_options *o)
{
    return o->vocab - o->vocab / 2;
}

int64_t la_pairs_asked(const la_pairs_options *o)
{
    enum { OF_MIXTURE = 16 };
    return o->eval_pairs ? o->eval_pairs : o->pairs ? o->pairs : OF_MIXTURE;
}

int64_t la_pairs_updates(const la_pairs_options *o, int64_t n)
{
    return (int64_t)(o->updates * (double)n);
}

/* Tokens that n pairs need: two for each write, two for each question. */
static int64_t room_for(const la_pairs_options *o, int64_t n)
{
    return 2 * (n + la_pairs_updates(o, n)) + 2 * n;
}

int64_t la_pairs_vocabulary(const void *task_opts)
{
    const la_pairs_options *o = task_opts;
    return o->vocab + (o->filler == LA_PAIRS_NOISE ? o->noise : 0);
}

double la_pairs_chance(const void *task_opts)
{
    const la_pairs_options *o = task_opts;
    return 1.0 / (double)values_of(o);
}

const char *la_pairs_word(const void *task_opts, int32_t token, char buf[16])
{
    const la_pairs_options *o = task_opts;
    int32_t keys = (int32_t)(o->vocab / 2), vocab = (int32_t)o->vocab;
    if (token == 0) return ".";
    char kind = token < keys ? 'k' : token < vocab ? 'v' : '~';
    snprintf(buf, 16, "%c%" PRId32, kind, token - (kind == 'k' ? 0 : kind == 'v' ? keys : vocab));
    return buf;
}

static bool fits(const la_pairs_options *o, int64_t T, int64_t n)
{
    return T % 2 == 0 && T <= LA_LONGEST_EXAMPLE && room_for(o, n) <= T;
}

size_t la_pairs_mixture(const la_pairs_kind *kind, const la_pairs_options *o,
                        const int64_t *lengths, size_t n_lengths, la_shape *out, size_t cap)
{
    const int64_t own[] = {o->pairs, 0}, *pairs = o->pairs ? own : kind->mixed;
    size_t len = 0;
    for (size_t i = 0; i < n_lengths; i++)
        for (size_t j = 0; pairs[j] && len < cap; j++)
            if (fits(o, lengths[i], pairs[j]))
                out[len++] = (la_shape){.T = lengths[i], .n = pairs[j]};
    return len;
}

static la_status check_vocab(const la_pairs_kind *kind, const la_pairs_options *o, int64_t n,
                             const char *remedy, la_err *err)
{
    int64_t values = kind->loose ? n : n + la_pairs_updates(o, n);
    if (n > keys_of(o))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%" PRId64 " pairs with different keys do not fit %s.vocab %" PRId64
                       ", which has %" PRId64 " keys: raise %s.vocab to %" PRId64 " or more%s",
                       n, kind->task, o->vocab, keys_of(o), kind->task, 2 * (n + 1), remedy);
    if (values > values_of(o))
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%" PRId64 " different values do not fit %s.vocab %" PRId64
                       ", which has %" PRId64 ": raise %s.vocab to %" PRId64 " or more%s",
                       values, kind->task, o->vocab, values_of(o), kind->task, 2 * values, remedy);
    return LA_OK;
}

la_status la_pairs_check(const la_pairs_kind *kind, const la_pairs_options *o, la_err *err)
{
    int64_t most = 0;
    char remedy[96];
    for (const int64_t *n = kind->mixed; *n; n++) most = *n;
    snprintf(remedy, sizeof remedy, ", or lower %s.pairs (0 stands for up to %" PRId64 ")",
             kind->task, most);
    LA_TRY(check_vocab(kind, o, o->pairs ? o->pairs : most, remedy, err));
    snprintf(remedy, sizeof remedy, ", or lower %s.eval_pairs", kind->task);
    return check_vocab(kind, o, la_pairs_asked(o), remedy, err);
}

static la_status check_room(const char *task, const la_pairs_options *o, int64_t T, int64_t n,
                            la_err *err)
{
    if (T % 2 != 0)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s asks at every second token: its lengths are even, not %" PRId64, task,
                       T);
    if (T > LA_LONGEST_EXAMPLE)
        return LA_FAIL(err, LA_E_UNSUPPORTED, "%s makes at most %" PRId64 " tokens, not %" PRId64,
                       task, LA_LONGEST_EXAMPLE, T);
    if (n < 1 || room_for(o, n) > T)
        return LA_FAIL(err, LA_E_UNSUPPORTED,
                       "%s with %" PRId64 " pairs takes at least %" PRId64 " tokens, not %" PRId64
                       ": ask for fewer with %s.eval_pairs",
                       task, n, room_for(o, n), T, task);
    return LA_OK;
}

la_status la_pairs_shape_at(const la_pairs_kind *kind, const la_pairs_options *o, int64_t T,
                            la_shape *out, la_err *err)
{
    LA_TRY(check_vocab(kind, o, la_pairs_asked(o), "", err));
    LA_TRY(check_room(kind->task, o, T, la_pairs_asked(o), err));
    *out = (la_shape){.T = T, .n = la_pairs_asked(o), .far = 1};
    return LA_OK;
}

/* What one example is made with. Ids and slots are indexed by pair. */
typedef struct memory {
    int64_t n, updates, context, slots;
    int32_t *key;     /* [n], the rest of the keys behind them */
    int32_t *value;   /* [n + updates]: first values, then the second ones in order of writing; and
                         * room for all values of the vocabulary */
    int32_t *updated; /* [updates]: pairs written again, in order; the other pairs behind them */
    int32_t *last;    /* [n] token of the value that counts */
    int32_t *asked;   /* [slots] pair asked there, or -1 */
    la_drawn *drawn;  /* [n] */
    unsigned char *any; /* [(vocab + 7) / 8] bit: the id is one of the example's keys */
    la_scratch scratch;
} memory;

static la_status memory_open(memory *m, const la_pairs_options *o, const la_shape *shape,
                             la_err *err)
{
    m->n = shape->n;
    m->updates = la_pairs_updates(o, m->n);
    m->context = 2 * (m->n + m->updates);
    m->slots = (shape->T - m->context) / 2;
    int64_t writes = m->n + m->updates;
    size_t id = sizeof(int32_t), keys = (size_t)keys_of(o) * id;
    size_t values = (size_t)(writes > values_of(o) ? writes : values_of(o)) * id;
    size_t pairs = (size_t)m->n * id, slots = (size_t)m->slots * id;
    size_t drawn = (size_t)m->n * sizeof(la_drawn), bits = (size_t)(o->vocab + 7) / 8;
    size_t bytes = la_scratch_bytes(keys) + la_scratch_bytes(values) + 2 * la_scratch_bytes(pairs) +
                   la_scratch_bytes(slots) + la_scratch_bytes(drawn) + la_scratch_bytes(bits);
    LA_TRY(la_scratch_open(&m->scratch, bytes, err));
    m->key = la_scratch_take(&m->scratch, keys);
    m->value = la_scratch_take(&m->scratch, values);
    m->updated = la_scratch_take(&m->scratch, pairs);
    m->last = la_scratch_take(&m->scratch, pairs);
    m->asked = la_scratch_take(&m->scratch, slots);
    m->drawn = la_scratch_take(&m->scratch, drawn);
    m->any = la_scratch_take(&m->scratch, bits);
    return LA_OK;
}

/* Values n.. of a loose kind: each uniform over those that differ from the value it replaces. */
static void draw_replacements(memory *m, const la_pairs_options *o, uint64_t stream)
{
    int32_t first = (int32_t)(o->vocab / 2);
    for (int64_t u = 0; u < m->updates; u++) {
        int32_t old = m->value[m->updated[u]];
        int32_t id =
            first + (int32_t)la_random_below(stream, (uint64_t)u, (uint64_t)(values_of(o) - 1));
        m->value[m->n + u] = id < old ? id : id + 1;
    }
}

/* key value key value ..., then the pairs written again. */
static void write_context(memory *m, bool loose, const la_pairs_options *o,
                          const la_example *example, int32_t *tokens)
{
    int64_t writes = m->n + m->updates;
    la_draw_distinct(la_example_stream(example, KEYS), 1, keys_of(o), m->n, m->key);
    la_draw_distinct(la_example_stream(example, VALUES), (int32_t)(o->vocab / 2), values_of(o),
                     loose ? m->n : writes, m->value);
    la_draw_distinct(la_example_stream(example, UPDATED), 0, m->n, m->updates, m->updated);
    if (loose) draw_replacements(m, o, la_example_stream(example, REPLACEMENTS));
    for (int64_t w = 0; w < writes; w++) {
        int64_t pair = w < m->n ? w : m->updated[w - m->n];
        tokens[2 * w] = m->key[pair];
        tokens[2 * w + 1] = m->value[w];
        m->last[pair] = (int32_t)(2 * w + 1);
    }
}

static int64_t parts_of(const la_pairs_options *o, const la_shape *shape, int64_t slots)
{
    int64_t parts = (LA_TEST_ANSWERS + shape->n - 1) / shape->n;
    bool weighted = o->eval_a < 1 || o->eval_a > 1;
    if (!shape->far || weighted || o->eval_spread == LA_PAIRS_WHOLE) return 1;
    if (o->eval_spread == LA_PAIRS_AUTO && shape->T < LA_LONG_TEST) return 1;
    return slots / parts < shape->n ? 1 : parts;
}

void la_pairs_questions(const la_pairs_options *o, const la_shape *shape, uint64_t stream,
                        uint64_t index, int64_t slots, la_drawn *drawn, int32_t *asked)
{
    int64_t parts = parts_of(o, shape, slots), part = (int64_t)(index % (uint64_t)parts);
    int64_t from = slots * part / parts, end = slots * (part + 1) / parts;
    for (int64_t g = 0; g < slots; g++) asked[g] = -1;
    la_draw_power(stream, shape->far ? o->eval_a : o->a, end - from, shape->n, drawn);
    for (int64_t i = 0; i < shape->n; i++) asked[from + drawn[i].slot] = (int32_t)i;
}

void la_pairs_mark(unsigned char *any, int32_t id)
{
    any[id / 8] |= (unsigned char)(1u << (id % 8));
}

/* Any id but the example's keys, by trying again. */
static int32_t distractor(const unsigned char *any, uint64_t stream, int64_t t, int64_t T,
                          int64_t vocab)
{
    for (int64_t at = t;; at += T) {
        int64_t id = (int64_t)la_random_below(stream, (uint64_t)at, (uint64_t)vocab);
        if (!(any[id / 8] >> (id % 8) & 1)) return (int32_t)id;
    }
}

int32_t la_pairs_filler(const la_pairs_options *o, const unsigned char *any, uint64_t stream,
                        int64_t t, int64_t T)
{
    switch (o->filler) {
    case LA_PAIRS_NOISE:
        return (int32_t)(o->vocab +
                         (int64_t)la_random_below(stream, (uint64_t)t, (uint64_t)o->noise));
    case LA_PAIRS_DISTRACTOR:
        return distractor(any, stream, t, T, o->vocab);
    case LA_PAIRS_UNIFORM:
        return (int32_t)la_random_below(stream, (uint64_t)t, (uint64_t)o->vocab);
    default:
        return 0;
    }
}

static void fill(memory *m, const la_pairs_options *o, const la_example *example, int64_t T,
                 int32_t *tokens)
{
    uint64_t stream = la_example_stream(example, FILLER);
    if (o->filler == LA_PAIRS_DISTRACTOR) {
        memset(m->any, 0, (size_t)(o->vocab + 7) / 8);
        for (int64_t i = 0; i < m->n; i++) la_pairs_mark(m->any, m->key[i]);
    }
    for (int64_t t = m->context; t < T; t++) {
        int64_t off = t - m->context;
        if (off % 2 == 0 && m->asked[off / 2] >= 0) continue;
        tokens[t] = la_pairs_filler(o, m->any, stream, t, T);
    }
}

static int64_t ask(const memory *m, int32_t *tokens, la_answer *answers)
{
    int64_t len = 0;
    for (int64_t g = 0; g < m->slots; g++) {
        int32_t pair = m->asked[g];
        if (pair < 0) continue;
        int32_t at = (int32_t)(m->context + 2 * g), from = m->last[pair];
        tokens[at] = m->key[pair];
        answers[len++] = (la_answer){.position = at,
                                     .label = tokens[from],
                                     .distance = at - from,
                                     .group = from >= 2 * m->n};
    }
    return len;
}

la_status la_pairs_make(const la_pairs_kind *kind, const la_pairs_options *o, uint64_t seed,
                        la_split split, const la_shape *shape, uint64_t index, int32_t *tokens,
                        la_answer *answers, int64_t *n_answers, la_err *err)
{
    memory m;
    LA_TRY(check_room(kind->task, o, shape->T, shape->n, err));
    LA_TRY(check_vocab(kind, o, shape->n, "", err));
    LA_TRY(memory_open(&m, o, shape, err));
    la_example example = la_example_of(kind->task, kind->version, seed, split, shape, index);
    write_context(&m, kind->loose, o, &example, tokens);
    la_pairs_questions(o, shape, la_example_stream(&example, SLOTS), index, m.slots, m.drawn,
                       m.asked);
    fill(&m, o, &example, shape->T, tokens);
    *n_answers = ask(&m, tokens, answers);
    la_scratch_close(&m.scratch);
    return LA_OK;
}
