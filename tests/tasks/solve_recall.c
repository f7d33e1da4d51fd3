/* SPDX-License-Identifier: Apache-2.0
 * Solvers of forgetting_mqar, compositional_mqar, associative_recall, majority and modular_arithmetic:
 * written from the definitions alone.
 */
#include <stdlib.h>
#include <string.h>

#include "learned_kit.h"

/* The writes are the first n + u pairs; a key behind them is answered by its last write. */
static int32_t solve_forgetting(const la_subject *s, const la_made *m, int64_t position)
{
    int64_t vocab = la_subject_option(s, "vocab"), writes = m->shape.n;
    int32_t key = m->tokens[position], answer = -1;
    double updates;
    memcpy(&updates, (const char *)s->opts + s->task->options[s->task->options_len - 1].offset,
           sizeof updates);
    writes += (int64_t)(updates * (double)m->shape.n);
    if (position < 2 * writes || key < 1 || key >= vocab / 2) return -1;
    for (int64_t w = 0; w < writes; w++) {
        int32_t k = m->tokens[2 * w], v = m->tokens[2 * w + 1];
        assert_true(k >= 1 && k < vocab / 2 && v >= vocab / 2 && v < vocab);
        if (k == key) answer = v;
    }
    return answer;
}

/* The first 3n tokens are a key of two tokens and its value, n times. */
static int32_t solve_compositional(const la_subject *s, const la_made *m, int64_t position)
{
    int64_t vocab = la_subject_option(s, "vocab"), third = vocab / 3;
    if (position < 3 * m->shape.n + 1) return -1;
    for (int64_t w = 0; w < m->shape.n; w++) {
        const int32_t *t = m->tokens + 3 * w;
        assert_true(t[0] >= 1 && t[0] < third && t[1] >= third && t[1] < 2 * third);
        assert_true(t[2] >= 2 * third && t[2] < vocab);
        if (t[0] == m->tokens[position - 1] && t[1] == m->tokens[position]) return t[2];
    }
    return -1;
}

static int32_t solve_associative(const la_subject *s, const la_made *m, int64_t position)
{
    int64_t vocab = la_subject_option(s, "vocab");
    if (position != m->shape.T - 1) return -1;
    assert_int_equal(m->tokens[position - 1], vocab - 2);
    for (int64_t t = 0; t < m->shape.T - 2; t += 2)
        if (m->tokens[t] == m->tokens[position]) return m->tokens[t + 1];
    return (int32_t)(vocab - 1);
}

/* Every symbol is counted anew at every position that is asked. */
static int32_t solve_majority(const la_subject *s, const la_made *m, int64_t position)
{
    int64_t symbols = la_subject_option(s, "symbols"), best = 0, most = 0;
    if (!la_subject_option(s, "cumulative") && m->tokens[position] != symbols) return -1;
    for (int64_t symbol = 0; symbol < symbols; symbol++) {
        int64_t times = 0;
        for (int64_t t = 0; t <= position; t++) times += m->tokens[t] == symbol;
        if (times <= most) continue;
        most = times;
        best = symbol;
    }
    return (int32_t)best;
}

/* Recursive descent over the tokens: sums of products of residues, negations and brackets. */
typedef struct reader {
    const int32_t *at;
    int64_t m;
} reader;
static int64_t sum_of(reader *r);

static int64_t factor_of(reader *r)
{
    int64_t x;
    if (*r->at == r->m + 1) {
        r->at++;
        return (r->m - factor_of(r)) % r->m;
    }
    if (*r->at == r->m + 3) {
        r->at++;
        x = sum_of(r);
        assert_int_equal(*r->at, r->m + 4);
        r->at++;
        return x;
    }
    assert_true(*r->at >= 0 && *r->at < r->m);
    return *r->at++;
}

static int64_t product_of(reader *r)
{
    int64_t x = factor_of(r);
    while (*r->at == r->m + 2) {
        r->at++;
        x = x * factor_of(r) % r->m;
    }
    return x;
}

static int64_t sum_of(reader *r)
{
    int64_t x = product_of(r);
    while (*r->at == r->m || *r->at == r->m + 1) {
        bool minus = *r->at++ == r->m + 1;
        int64_t y = product_of(r);
        x = minus ? (x - y + r->m) % r->m : (x + y) % r->m;
    }
    return x;
}

static int64_t left_to_right(reader *r)
{
    int64_t x = factor_of(r);
    while (*r->at >= r->m && *r->at <= r->m + 2) {
        int64_t o = *r->at++ - r->m, y = factor_of(r);
        x = o == 2 ? x * y : o == 1 ? x - y + r->m : x + y;
        x %= r->m;
    }
    return x;
}

static int32_t solve_modular(const la_subject *s, const la_made *m, int64_t position)
{
    int64_t modulus = la_subject_option(s, "modulus");
    if (m->tokens[position] != modulus + 5) return -1;
    reader r = {m->tokens, modulus};
    int64_t x = la_subject_option(s, "form") == 1 ? left_to_right(&r) : sum_of(&r);
    assert_int_equal(r.at - m->tokens, position);
    return (int32_t)x;
}

bool la_solve_recall(const la_subject *s, const la_made *m, int64_t position, int32_t *label)
{
    static const struct {
        const char *task;
        int32_t (*solve)(const la_subject *, const la_made *, int64_t);
    } solvers[] = {{"forgetting_mqar", solve_forgetting},
                   {"compositional_mqar", solve_compositional},
                   {"associative_recall", solve_associative},
                   {"majority", solve_majority},
                   {"modular_arithmetic", solve_modular}};
    for (size_t i = 0; i < sizeof solvers / sizeof *solvers; i++)
        if (strcmp(s->task->name, solvers[i].task) == 0) {
            *label = solvers[i].solve(s, m, position);
            return true;
        }
    return false;
}
