/* SPDX-License-Identifier: Apache-2.0
 * Solvers of the needles, palindrome and stack: written from the definitions alone.
 */
#include <stdlib.h>
#include <string.h>

#include "learned_kit.h"

enum { MARK, ASK };

/* At a question's key, and `of` - 1 positions on, answers are all that stands behind the marks with that key
 * in order of appearance, `each` tokens behind a mark. */
static int32_t solve_needles(const la_made *m, int64_t position, int64_t each, int64_t of)
{
    int64_t end = 0, asked = position;
    while (m->tokens[end] != ASK) end++;
    while (asked >= end && m->tokens[asked] != ASK) asked--;
    int64_t nth = position - asked - 1;
    if (asked < end || nth < 0 || nth >= of) return -1;
    for (int64_t t = 0; t < end; t++) {
        if (m->tokens[t] != MARK || m->tokens[t + 1] != m->tokens[asked + 1]) continue;
        if (nth < each) return m->tokens[t + 2 + nth];
        nth -= each;
    }
    return -1;
}

/* The separator is the only id `alphabet`. Behind it each token has the one before it in the first half,
 * counted from the end. */
static int32_t solve_palindrome(const la_subject *s, const la_made *m, int64_t position)
{
    int64_t separator = 0, alphabet = la_subject_option(s, "alphabet");
    while (m->tokens[separator] != alphabet) separator++;
    if (position <= separator) return -1;
    int64_t back = position - separator;
    assert_int_equal(m->tokens[position], m->tokens[separator - back]);
    return m->tokens[separator - back - 1];
}

/* What is on the popped stack, by going back over the operations and leaving out pairs. */
static int32_t solve_stack(const la_made *m, int64_t position)
{
    int64_t first = 0, popped = 0;
    while (m->tokens[first] == 0) first++;
    if ((position - first) % 3 != 1 || position < first || m->tokens[position - 1] != 2) return -1;
    for (int64_t t = position - 4; t >= first; t -= 3) {
        if (m->tokens[t + 1] != m->tokens[position]) continue;
        if (m->tokens[t] == 2)
            popped++;
        else if (popped-- == 0)
            return m->tokens[t + 2];
    }
    return -1;
}

bool la_solve_needle(const la_subject *s, const la_made *m, int64_t position, int32_t *label)
{
    const char *name = s->task->name;
    if (strcmp(name, "needle_3") == 0) {
        int64_t length = la_subject_option(s, "tokens");
        *label = solve_needles(m, position, length, length);
    } else if (strcmp(name, "needle_multivalue") == 0) {
        *label = solve_needles(m, position, 1, la_subject_option(s, "values"));
    } else if (strncmp(name, "needle_", 7) == 0) {
        *label = solve_needles(m, position, 1, 1);
    } else if (strcmp(name, "palindrome") == 0) {
        *label = solve_palindrome(s, m, position);
    } else if (strcmp(name, "stack") == 0) {
        *label = solve_stack(m, position);
    } else {
        return false;
    }
    return true;
}
