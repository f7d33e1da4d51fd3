/* SPDX-License-Identifier: Apache-2.0
 * Examples and laws.
 */
#include "learned_kit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labench/kit.h"
#include "registry.h"

enum { UNWRITTEN = -7, GUARDS = 16 };

la_subject la_subject_of(const char *task, const char *options)
{
    char words[256], *rest = words;
    la_subject s = {.task = la_tasks_find(task)};
    assert_non_null(s.task);
    s.opts = la_zalloc(s.task->options_size + 8, NULL);
    la_options_default(s.task->options, s.task->options_len, s.opts);
    strncpy(words, options, sizeof words - 1);
    words[sizeof words - 1] = '\0';
    for (char *word; (word = strsep(&rest, " "));) {
        if (!*word) continue;
        char *value = strchr(word, '=');
        la_err err = {0};
        *value++ = '\0';
        if (la_options_set(s.task->options, s.task->options_len, s.opts, task, word, value, &err) !=
            LA_OK)
            fail_msg("%s", err.msg);
    }
    return s;
}

void la_subject_release(la_subject *s)
{
    la_free(s->opts);
    s->opts = NULL;
}

la_made la_made_of(const la_subject *s, uint64_t seed, la_split split, la_shape shape,
                   uint64_t index)
{
    const la_learned *l = s->task->learned;
    int64_t most = l->most_answers(s->opts, &shape);
    la_made m = {.shape = shape};
    la_err err = {0};
    m.tokens = malloc((size_t)(shape.T + GUARDS) * sizeof *m.tokens);
    m.answers = malloc((size_t)(most + GUARDS) * sizeof *m.answers);
    for (int64_t i = 0; i < shape.T + GUARDS; i++) m.tokens[i] = UNWRITTEN;
    for (int64_t i = 0; i < most + GUARDS; i++)
        m.answers[i] = (la_answer){UNWRITTEN, UNWRITTEN, UNWRITTEN, UNWRITTEN};
    if (l->make(s->opts, seed, split, &shape, index, m.tokens, m.answers, &m.n, &err) != LA_OK)
        fail_msg("%s: %s", s->task->name, err.msg);
    assert_true(m.n >= 1 && m.n <= most);
    for (int64_t i = 0; i < GUARDS; i++) {
        assert_int_equal(m.tokens[shape.T + i], UNWRITTEN);
        assert_int_equal(m.answers[most + i].position, UNWRITTEN);
    }
    return m;
}

void la_made_release(la_made *m)
{
    free(m->tokens);
    free(m->answers);
}

bool la_made_equal(const la_made *a, const la_made *b)
{
    return a->n == b->n && a->shape.T == b->shape.T &&
           memcmp(a->tokens, b->tokens, (size_t)a->shape.T * sizeof *a->tokens) == 0 &&
           memcmp(a->answers, b->answers, (size_t)a->n * sizeof *a->answers) == 0;
}

double la_chi_square(const int64_t *seen, const double *probability, int64_t cells, int64_t total)
{
    double sum = 0;
    for (int64_t i = 0; i < cells; i++) {
        double expected = probability[i] * (double)total, off = (double)seen[i] - expected;
        assert_true(expected >= 5); /* below, the statistic has another law */
        sum += off * off / expected;
    }
    return sum;
}

static double excess(const int64_t *seen, const double *probability, int64_t cells, double *chi)
{
    int64_t total = 0;
    double whole = 0;
    for (int64_t i = 0; i < cells; i++) {
        total += seen[i];
        whole += probability[i];
    }
    assert_true(fabs(whole - 1) < 1e-9);
    *chi = la_chi_square(seen, probability, cells, total);
    double freedom = (double)(cells - 1);
    return (*chi - freedom) / sqrt(2 * freedom);
}

void la_assert_law(const char *what, const int64_t *seen, const double *probability, int64_t cells)
{
    double chi, sigmas = excess(seen, probability, cells, &chi);
    if (!(sigmas < 5))
        fail_msg("%s: chi-square %.1f over %" PRId64 " cells is %.1f deviations off", what, chi,
                 cells, sigmas);
}

void la_refute_law(const char *what, const int64_t *seen, const double *probability, int64_t cells)
{
    double chi, sigmas = excess(seen, probability, cells, &chi);
    if (!(sigmas > 5))
        fail_msg("%s: chi-square %.1f over %" PRId64 " cells cannot tell the law from another",
                 what, chi, cells);
}

void la_assert_uniform(const char *what, const int64_t *seen, int64_t cells)
{
    double *p = malloc((size_t)cells * sizeof *p);
    for (int64_t i = 0; i < cells; i++) p[i] = 1.0 / (double)cells;
    la_assert_law(what, seen, p, cells);
    free(p);
}
