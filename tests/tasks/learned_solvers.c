/* SPDX-License-Identifier: Apache-2.0
 * Every task solved from its tokens alone, as its definition reads: slowly, and without a look at how
 * examples are made. The vocabulary's layout is the only thing taken from the options.
 */
#include <stdlib.h>
#include <string.h>

#include "learned_kit.h"

int64_t la_subject_option(const la_subject *s, const char *name)
{
    for (size_t i = 0; i < s->task->options_len; i++)
        if (strcmp(s->task->options[i].name, name) == 0) {
            int64_t value;
            memcpy(&value, (const char *)s->opts + s->task->options[i].offset, sizeof value);
            return value;
        }
    fail_msg("%s has no option %s", s->task->name, name);
    return 0;
}

static bool is_key(int64_t id, int64_t vocab)
{
    return id >= 1 && id < vocab / 2;
}

static bool is_value(int64_t id, int64_t vocab)
{
    return id >= vocab / 2 && id < vocab;
}

/* The context is the longest start that reads key value key value, up to the tokens that the number of
 * writes allows; a key behind it is a question, and the value written last behind that key is its answer. */
static int32_t solve_pairs(const la_subject *s, const la_made *m, int64_t position, int64_t writes)
{
    int64_t vocab = la_subject_option(s, "vocab");
    int32_t key = m->tokens[position], answer = -1;
    if (position < 2 * writes || !is_key(key, vocab)) return -1;
    for (int64_t w = 0; w < writes; w++) {
        assert_true(is_key(m->tokens[2 * w], vocab) && is_value(m->tokens[2 * w + 1], vocab));
        if (m->tokens[2 * w] == key) answer = m->tokens[2 * w + 1];
    }
    return answer;
}

/* The j-th marker from the front is answered by the j-th token that is neither blank nor marker. */
static int32_t solve_copies(const la_subject *s, const la_made *m, int64_t position)
{
    int64_t marker = la_subject_option(s, "alphabet") - 1, nth = 0;
    if (m->tokens[position] != marker) return -1;
    for (int64_t t = 0; t < position; t++) nth += m->tokens[t] == marker;
    for (int64_t t = 0; t < position; t++)
        if (m->tokens[t] != 0 && m->tokens[t] != marker && nth-- == 0) return m->tokens[t];
    return -1;
}

static int32_t solve_induction(const la_subject *s, const la_made *m, int64_t position)
{
    int64_t trigger = la_subject_option(s, "vocab") - 2;
    if (m->tokens[position] != trigger) return -1;
    for (int64_t t = 0; t + 1 < position; t++)
        if (m->tokens[t] == trigger) return m->tokens[t + 1];
    return -1;
}

static int32_t solve_parity(const la_subject *s, const la_made *m, int64_t position)
{
    bool asked = la_subject_option(s, "cumulative") || m->tokens[position] == 2;
    int64_t ones = 0;
    if (!asked) return -1;
    for (int64_t t = 0; t <= position; t++) ones += m->tokens[t] == 1;
    return (int32_t)(ones % 2);
}

int32_t la_solve(const la_subject *s, const la_made *m, int64_t position)
{
    const char *name = s->task->name;
    if (strcmp(name, "mqar") == 0) return solve_pairs(s, m, position, m->shape.n);
    if (strcmp(name, "overwrite") == 0) {
        double updates;
        memcpy(&updates, (const char *)s->opts + s->task->options[s->task->options_len - 1].offset,
               sizeof updates);
        return solve_pairs(s, m, position, m->shape.n + (int64_t)(updates * (double)m->shape.n));
    }
    if (strcmp(name, "copy") == 0 || strcmp(name, "selective_copy") == 0)
        return solve_copies(s, m, position);
    if (strcmp(name, "induction") == 0) return solve_induction(s, m, position);
    if (strcmp(name, "parity") == 0) return solve_parity(s, m, position);
    int32_t label = -1;
    if (la_solve_mad(s, m, position, &label) || la_solve_needle(s, m, position, &label) ||
        la_solve_recall(s, m, position, &label) || la_solve_state(s, m, position, &label))
        return label;
    fail_msg("no solver for task %s: write one from its definition", name);
    return -1;
}
