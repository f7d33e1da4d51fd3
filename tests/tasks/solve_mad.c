/* SPDX-License-Identifier: Apache-2.0
 * Solvers of the six MAD tasks: written from the definitions alone.
 */
#include <string.h>

#include "learned_kit.h"

/* Pairs stand at even positions; a key is answered as it was the last time. */
static int32_t solve_pairs(const la_made *m, int64_t position, int64_t keys)
{
    if (position % 2 != 0 || m->tokens[position] >= keys) return -1;
    for (int64_t t = position - 2; t >= 0; t -= 2)
        if (m->tokens[t] == m->tokens[position]) return m->tokens[t + 1];
    return -1;
}

/* Key tokens from..value-1 and value tokens value..end-1. */
typedef struct span {
    int64_t from, value, end;
} span;

static span span_at(const la_made *m, int64_t from, int64_t keys)
{
    span s = {.from = from, .value = from};
    while (s.value < m->shape.T && m->tokens[s.value] < keys) s.value++;
    for (s.end = s.value; s.end < m->shape.T && m->tokens[s.end] >= keys;) s.end++;
    return s;
}

/* The value's token behind `position`, where the same key had one before. */
static int32_t solve_motifs(const la_made *m, int64_t position, int64_t pad)
{
    int64_t from = 0, keys = pad / 2;
    span asked = {0};
    while (m->tokens[from] == pad) from++;
    int64_t first = from;
    for (; from <= position; from = asked.end) asked = span_at(m, from, keys);
    if (position < first || position + 1 < asked.value) return -1;
    int64_t nth = position + 1 - asked.value, size = asked.value - asked.from;
    for (from = first; from < asked.from;) {
        span s = span_at(m, from, keys);
        from = s.end;
        if (s.value - s.from == size &&
            memcmp(m->tokens + s.from, m->tokens + asked.from, (size_t)size * 4) == 0)
            return nth < s.end - s.value ? m->tokens[s.value + nth] : -1;
    }
    return -1;
}

/* The sequence does not say: a key's label is the one that it had first, whichever example that was. */
static int32_t solve_by_heart(const la_subject *s, const la_made *m, int64_t position)
{
    enum { MAPS = 4, KEYS = 4096 };
    static struct {
        int64_t vocab, map, label[KEYS]; /* 0: not met yet; no value is 0 */
    } maps[MAPS];
    int64_t vocab = la_subject_option(s, "vocab"), map = la_subject_option(s, "map"), i = 0;
    if (m->tokens[position] != vocab - 1) return -1;
    while (maps[i].vocab && (maps[i].vocab != vocab || maps[i].map != map)) assert_true(++i < MAPS);
    maps[i].vocab = vocab;
    maps[i].map = map;
    int64_t *label = &maps[i].label[m->tokens[position - 1]];
    for (int64_t a = 0; a < m->n && *label == 0; a++)
        if (m->answers[a].position == position) *label = m->answers[a].label;
    return (int32_t)*label;
}

/* Behind the copy token, the j-th blank is answered by the j-th token in front of it that is no blank. */
static int32_t solve_scattered(const la_made *m, int64_t position, int64_t vocab)
{
    int64_t copy = 0, nth;
    while (m->tokens[copy] != vocab - 1) copy++;
    nth = position - copy - 1;
    for (int64_t t = 0; t < copy && nth >= 0; t++)
        if (m->tokens[t] != vocab - 2 && nth-- == 0) return m->tokens[t];
    return -1;
}

bool la_solve_mad(const la_subject *s, const la_made *m, int64_t position, int32_t *label)
{
    const char *name = s->task->name;
    bool noisy = strcmp(name, "mad_noisy_recall") == 0;
    if (strncmp(name, "mad_", 4) != 0) return false;
    int64_t vocab = la_subject_option(s, "vocab");
    if (noisy || strcmp(name, "mad_recall") == 0)
        *label = solve_pairs(m, position,
                             (vocab - (noisy ? la_subject_option(s, "noise_vocab") : 0)) / 2);
    else if (strcmp(name, "mad_fuzzy_recall") == 0)
        *label = solve_motifs(m, position, vocab - 1);
    else if (strcmp(name, "mad_memorization") == 0)
        *label = solve_by_heart(s, m, position);
    else if (strcmp(name, "mad_selective_copying") == 0)
        *label = solve_scattered(m, position, vocab);
    else if (strcmp(name, "mad_compression") == 0)
        *label = m->tokens[position];
    else
        return false;
    return true;
}
