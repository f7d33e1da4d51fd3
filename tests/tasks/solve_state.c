/* SPDX-License-Identifier: Apache-2.0
 * Solvers of group_word and listops: written from the definitions alone.
 */
#include <stdlib.h>
#include <string.h>

#include "learned_kit.h"

enum { S3, S5, A5, Z60 };

/* All arrangements of `things` in the dictionary's order, those with an even number of swaps only
 * where asked; returns how many. */
static int arrangements(int things, bool even, char out[120][5])
{
    int n = 0, all = 1;
    for (int i = 0; i < things; i++) all *= things;
    for (int code = 0; code < all; code++) {
        char a[5] = {0};
        bool seen[5] = {false}, whole = true;
        for (int i = things - 1, rest = code; i >= 0; i--, rest /= things)
            a[i] = (char)(rest % things);
        for (int i = 0; i < things; i++) {
            whole &= !seen[(int)a[i]];
            seen[(int)a[i]] = true;
        }
        if (!whole) continue;
        int swaps = 0; /* that sort it */
        char b[5];
        memcpy(b, a, sizeof b);
        for (int i = 0; i < things; i++)
            while (b[i] != i) {
                char other = b[(int)b[i]];
                b[(int)b[i]] = b[i];
                b[i] = other;
                swaps++;
            }
        if (even && swaps % 2) continue;
        memcpy(out[n++], a, 5);
    }
    return n;
}

static int32_t solve_group_word(const la_subject *s, const la_made *m, int64_t position)
{
    static char lists[3][120][5];
    static int sizes[3];
    int64_t group = la_subject_option(s, "group"), step = la_subject_option(s, "pauses") + 1;
    if (!sizes[0]) {
        sizes[S3] = arrangements(3, false, lists[S3]);
        sizes[S5] = arrangements(5, false, lists[S5]);
        sizes[A5] = arrangements(5, true, lists[A5]);
    }
    if (position % step != step - 1) return -1;
    if (group == Z60) {
        int32_t sum = 0;
        for (int64_t t = 0; t <= position; t += step) sum += m->tokens[t];
        return sum % 60;
    }
    char things[5] = {0, 1, 2, 3, 4}, before[5];
    int n = group == S3 ? 3 : 5;
    for (int64_t t = 0; t <= position; t += step) {
        memcpy(before, things, sizeof before);
        for (int i = 0; i < n; i++) things[i] = before[(int)lists[group][m->tokens[t]][i]];
    }
    for (int32_t e = 0; e < sizes[group]; e++)
        if (memcmp(lists[group][e], things, (size_t)n) == 0) return e;
    return -1;
}

static int by_size(const void *x, const void *y)
{
    return *(const int *)x - *(const int *)y;
}

/* What [MIN, [MAX, [MED or [SM of n digits is: all of them read off the digits in order. */
static int apply(int32_t operator_id, int *x, int n)
{
    int sum = 0;
    qsort(x, (size_t)n, sizeof *x, by_size);
    for (int i = 0; i < n; i++) sum += x[i];
    if (operator_id == 11) return x[0];
    if (operator_id == 12) return x[n - 1];
    if (operator_id == 14) return sum % 10;
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* From the left, as a person would: each ] turns what stands since the last open bracket to one
 * digit. */
static int32_t solve_listops(const la_subject *s, const la_made *m, int64_t position)
{
    enum { CLOSING = 15, END = 16 };
    bool cls = la_subject_option(s, "pool") == 0;
    int32_t line[4096]; /* ids, of which digits are 1..10 */
    int64_t n = 0, end = cls ? position : position + 1;
    if (cls ? m->tokens[position] != END : position != m->shape.T - 1) return -1;
    for (int64_t t = 0; t < end; t++) {
        int x[32], count = 0;
        if (m->tokens[t] == 0 && n == 0) continue;
        if (m->tokens[t] != CLOSING) {
            assert_true(n < 4096);
            line[n++] = m->tokens[t];
            continue;
        }
        while (line[n - 1] <= 10) x[count++] = line[--n] - 1;
        line[n - 1] = 1 + apply(line[n - 1], x, count);
    }
    return n == 1 ? line[0] - 1 : -1;
}

bool la_solve_state(const la_subject *s, const la_made *m, int64_t position, int32_t *label)
{
    if (strcmp(s->task->name, "group_word") == 0)
        *label = solve_group_word(s, m, position);
    else if (strcmp(s->task->name, "listops") == 0)
        *label = solve_listops(s, m, position);
    else
        return false;
    return true;
}
