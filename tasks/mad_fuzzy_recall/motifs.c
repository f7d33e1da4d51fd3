/* SPDX-License-Identifier: Apache-2.0
 * Pairs of motifs until the sequence is full, the probe among them and at the end.
 */
#include "motifs.h"

#include <inttypes.h>
#include <string.h>

#include "labench/kit.h"
#include "running.h"

/* Streams of an example. Pairs of the sequence are numbered; the probe has a number that none has. */
enum { KEY_SIZES, KEY_TOKENS, VALUE_SIZES, VALUE_TOKENS, OFFSET };
#define PROBE ((uint64_t)1 << 32)

typedef struct motif {
    int64_t size;
    int32_t token[LA_LONGEST_MOTIF];
} motif;

typedef struct motifs {
    const la_motifs_options *o;
    int64_t keys, values; /* tokens of each kind */
    bool mixed;           /* keys of every size */
    uint64_t key_sizes, key_tokens, value_sizes, value_tokens;
} motifs;

static motifs motifs_of(const la_motifs_options *o, const la_example *example, la_split split)
{
    int64_t keys = (o->vocab - 1) / 2;
    return (motifs){.o = o,
                    .keys = keys,
                    .values = o->vocab - 1 - keys,
                    .mixed = split == LA_SPLIT_TRAIN,
                    .key_sizes = la_example_stream(example, KEY_SIZES),
                    .key_tokens = la_example_stream(example, KEY_TOKENS),
                    .value_sizes = la_example_stream(example, VALUE_SIZES),
                    .value_tokens = la_example_stream(example, VALUE_TOKENS)};
}

la_status la_motifs_check(const char *task, const la_motifs_options *o, la_err *err)
{
    int64_t keys = (o->vocab - 1) / 2;
    if (keys >= o->key_motif && o->vocab - 1 - keys >= o->value_motif) return LA_OK;
    int64_t least = 2 * (o->key_motif > o->value_motif ? o->key_motif : o->value_motif) + 1;
    return LA_FAIL(err, LA_E_UNSUPPORTED,
                   "motifs of different tokens, %" PRId64 " of a key and %" PRId64
                   " of a value, do not fit %s.vocab %" PRId64 ": raise it to %" PRId64 " or more",
                   o->key_motif, o->value_motif, task, o->vocab, least);
}

/* The number-th ordered draw of `size` different ones of first..first+of-1. */
static motif draw(uint64_t stream, uint64_t number, int64_t size, int64_t first, int64_t of)
{
    motif m = {.size = size};
    int32_t taken[LA_LONGEST_MOTIF]; /* ascending */
    for (int64_t i = 0; i < size; i++) {
        uint64_t at = number * LA_LONGEST_MOTIF + (uint64_t)i;
        int32_t id = (int32_t)la_random_below(stream, at, (uint64_t)(of - i));
        int64_t j = 0;
        for (; j < i && taken[j] <= id; j++) id++; /* the id-th of those not taken */
        memmove(&taken[j + 1], &taken[j], (size_t)(i - j) * sizeof *taken);
        taken[j] = id;
        m.token[i] = (int32_t)first + id;
    }
    return m;
}

static motif key_of(const motifs *m, uint64_t number)
{
    int64_t most = m->o->key_motif;
    int64_t size =
        m->mixed ? 1 + (int64_t)la_random_below(m->key_sizes, number, (uint64_t)most) : most;
    return draw(m->key_tokens, number, size, 0, m->keys);
}

/* A key's value is a function of the key, so that a key that returns brings it again. */
static motif value_of(const motifs *m, const motif *key)
{
    uint64_t code = 0;
    for (int64_t i = 0; i < key->size; i++)
        code = code * (uint64_t)(m->keys + 1) + (uint64_t)key->token[i] + 1;
    int64_t size = 1 + (int64_t)la_random_below(m->value_sizes, code, (uint64_t)m->o->value_motif);
    return draw(m->value_tokens, code, size, m->keys, m->values);
}

static bool same(const motif *a, const motif *b)
{
    return a->size == b->size &&
           memcmp(a->token, b->token, (size_t)a->size * sizeof *a->token) == 0;
}

static int64_t put(const motif *m, int32_t *tokens, int64_t at)
{
    memcpy(tokens + at, m->token, (size_t)m->size * sizeof *m->token);
    return at + m->size;
}

/* Writes the sequence from tokens[0] on and returns its length, which is less than T. */
static int64_t tell(const motifs *m, const la_example *example, int64_t T, int32_t *tokens)
{
    motif probe = key_of(m, PROBE), answer = value_of(m, &probe);
    int64_t p = probe.size + answer.size, most = m->o->key_motif + m->o->value_motif, at = 0;
    int64_t offset =
        (int64_t)la_random_below(la_example_stream(example, OFFSET), 0, (uint64_t)(T - 2 * p));
    /* A pair has at most `most` tokens, so one begins in the last `most` places where one may. */
    if (offset > T - p - 2 * most) offset = T - p - 2 * most;
    bool shown = false;
    for (uint64_t number = 0; at < T - p - most; number++) {
        motif key = at >= offset && !shown ? probe : key_of(m, number), value = value_of(m, &key);
        shown |= same(&key, &probe);
        at = put(&value, tokens, put(&key, tokens, at));
    }
    LA_ASSERT(shown);
    return put(&answer, tokens, put(&probe, tokens, at));
}

/* Where keys were last shown: open addressing, by hash of the key's tokens. */
typedef struct places {
    const int32_t *tokens;
    int32_t *at; /* [mask + 1] first token of a key, or -1 */
    uint64_t mask;
} places;

/* The entry of the key of `size` tokens that begins at `start`: its own, or a free one. */
static int32_t *place_of(const places *seen, int64_t start, int64_t size, int64_t keys)
{
    const int32_t *key = seen->tokens + start;
    uint64_t h = (uint64_t)size;
    for (int64_t i = 0; i < size; i++) h = (h ^ (uint64_t)key[i]) * 0x9E3779B97F4A7C15u;
    for (h ^= h >> 32;; h++) {
        int32_t *entry = &seen->at[h & seen->mask];
        if (*entry < 0) return entry;
        const int32_t *other = seen->tokens + *entry;
        /* What follows a key is a value, so a longer key than this one differs there too. */
        if (memcmp(other, key, (size_t)size * sizeof *key) == 0 && other[size] >= keys)
            return entry;
    }
}

/* Reads the sequence that begins behind `pad` tokens pair by pair; T tokens are input, the one behind
 * them is `last`. */
static void ask(const motifs *m, places *seen, int64_t pad, int64_t T, int32_t last,
                la_asked *asked)
{
    const int32_t *tokens = seen->tokens;
    for (int64_t t = 0; t < pad; t++) la_ask_next(asked, t, tokens[t + 1], 0);
    for (int64_t t = pad; t < T;) {
        int64_t start = t;
        while (t < T && tokens[t] < m->keys) t++;
        int32_t *entry = place_of(seen, start, t - start, m->keys);
        int64_t back = *entry < 0 ? 0 : start - *entry;
        *entry = (int32_t)start;
        for (int64_t i = start; i + 1 < t; i++) la_ask_next(asked, i, tokens[i + 1], 0);
        /* Position i asks for token i + 1, which stood at i + 1 - back before. */
        for (; t < T && tokens[t] >= m->keys; t++)
            la_ask_next(asked, t - 1, tokens[t], back ? back - 1 : 0);
        if (t < T) la_ask_next(asked, t - 1, tokens[t], 0);
        if (t == T) la_ask_next(asked, T - 1, last, back - 1);
    }
}

la_status la_motifs_make(const la_motifs_options *o, const la_example *example, la_split split,
                         int64_t T, int32_t *tokens, la_answer *answers, int64_t *n_answers,
                         la_err *err)
{
    motifs m = motifs_of(o, example, split);
    uint64_t entries = 16; /* more than pairs, of which each takes two tokens or more */
    while (entries < (uint64_t)T) entries *= 2;
    size_t bytes = (size_t)entries * sizeof(int32_t);
    la_scratch scratch;
    LA_TRY(la_scratch_open(&scratch, la_scratch_bytes(bytes), err));
    places seen = {.tokens = tokens, .at = la_scratch_take(&scratch, bytes), .mask = entries - 1};
    memset(seen.at, -1, bytes);
    int64_t len = tell(&m, example, T, tokens), pad = T + 1 - len;
    int32_t last = tokens[len - 1];
    memmove(tokens + pad, tokens, (size_t)(len - 1) * sizeof *tokens);
    for (int64_t t = 0; t < pad; t++) tokens[t] = (int32_t)(o->vocab - 1);
    la_asked asked = {.out = answers, .all = split == LA_SPLIT_TRAIN};
    ask(&m, &seen, pad, T, last, &asked);
    *n_answers = asked.n;
    la_scratch_close(&scratch);
    return LA_OK;
}
