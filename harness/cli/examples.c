/* SPDX-License-Identifier: Apache-2.0
 * An example as a person reads it: words in lines, answers below their questions.
 */
#include "examples.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "alloc.h"

enum {
    RUN = 8,    /* tokens in a row that may be left out when nothing there is asked or remembered */
    ALIKE = 5,  /* equal tokens in a row, likewise */
    MOST = 220, /* words of an example; more lose their middle */
    WORD = 16,  /* bytes of a word */
    LABEL = 40, /* bytes of a label, or of a note on what is left out */
    AROUND = 1, /* neighbours that stay beside what matters */
};

/* What stands in one place of the print. */
typedef struct cell {
    char word[LABEL], label[LABEL];
} cell;

la_status la_example_room(const la_task *t, const void *opts, const la_shape *shape,
                          la_drawn_example *out, la_err *err)
{
    int64_t most = t->learned->most_answers(opts, shape);
    *out = (la_drawn_example){.shape = *shape};
    out->tokens = la_alloc((size_t)shape->T * sizeof *out->tokens, err);
    if (out->tokens) out->answers = la_alloc((size_t)(most + 1) * sizeof *out->answers, err);
    if (out->answers) return LA_OK;
    la_example_release(out);
    return LA_E_NOMEM;
}

void la_example_release(la_drawn_example *e)
{
    la_free(e->tokens);
    la_free(e->answers);
    *e = (la_drawn_example){0};
}

static void token_word(const la_task *t, const void *opts, int32_t token, char out[LABEL])
{
    char buf[WORD];
    if (t->learned->word)
        snprintf(out, LABEL, "%s", t->learned->word(opts, token, buf));
    else
        snprintf(out, LABEL, "%" PRId32, token);
}

static void answer_word(const la_task *t, const void *opts, int32_t label, char out[LABEL])
{
    const la_learned *l = t->learned;
    char buf[WORD];
    if (!l->head || l->head(opts).kind != LA_HEAD_CLASSES)
        token_word(t, opts, label, out);
    else if (l->label_word)
        snprintf(out, LABEL, "%s", l->label_word(opts, label, buf));
    else
        snprintf(out, LABEL, "%" PRId32, label);
}

static void mark(bool *matters, int64_t T, int64_t at)
{
    for (int64_t t = at - AROUND; t <= at + AROUND; t++)
        if (t >= 0 && t < T) matters[t] = true;
}

/* Where something is asked or remembered; false: no answer says what it remembers. */
static bool mark_all(const la_drawn_example *e, bool *matters)
{
    bool places = false;
    for (int64_t i = 0; i < e->n; i++) {
        const la_answer *a = &e->answers[i];
        if (a->group == LA_ONLY_TRAINED) continue;
        mark(matters, e->shape.T, a->position);
        if (a->distance <= 0) continue;
        mark(matters, e->shape.T, a->position - a->distance);
        places = true;
    }
    return places;
}

/* Tokens from `at` on that may be left out. */
static int64_t idle_run(const la_drawn_example *e, const bool *matters, bool places, int64_t at)
{
    int64_t idle = 0, alike = 0, T = e->shape.T;
    while (places && at + idle < T && !matters[at + idle]) idle++;
    if (idle > RUN) return idle;
    while (at + alike < T && !matters[at + alike] && e->tokens[at + alike] == e->tokens[at])
        alike++;
    return alike > ALIKE ? alike : 0;
}

/* The cells of an example, at most T of them. */
static size_t cells_of(const la_task *t, const void *opts, const la_drawn_example *e,
                       const bool *matters, bool places, cell *out)
{
    size_t n = 0;
    int64_t answer = 0, T = e->shape.T;
    for (int64_t at = 0; at < T; at++) {
        int64_t run = idle_run(e, matters, places, at);
        if (run) { /* two in front, one behind, a note between */
            token_word(t, opts, e->tokens[at], out[n++].word);
            token_word(t, opts, e->tokens[at + 1], out[n++].word);
            snprintf(out[n++].word, LABEL, "(%" PRId64 " more)", run - 3);
            at += run - 1;
        }
        token_word(t, opts, e->tokens[at], out[n].word);
        while (answer < e->n && e->answers[answer].position < at) answer++;
        if (answer < e->n && e->answers[answer].position == at &&
            e->answers[answer].group != LA_ONLY_TRAINED)
            answer_word(t, opts, e->answers[answer].label, out[n].label);
        n++;
    }
    return n;
}

static size_t drop_middle(cell *cells, size_t n)
{
    enum { FRONT = MOST * 2 / 3, BACK = MOST - FRONT };
    if (n <= MOST) return n;
    cells[FRONT] = (cell){0};
    snprintf(cells[FRONT].word, LABEL, "(%zu more)", n - FRONT - BACK);
    memmove(&cells[FRONT + 1], &cells[n - BACK], BACK * sizeof *cells);
    return FRONT + 1 + BACK;
}

static int wide(const cell *c)
{
    size_t word = strlen(c->word), label = strlen(c->label);
    return (int)(word > label ? word : label);
}

/* `n` words or their labels in columns, without blanks at the end. */
static void print_row(const cell *cells, size_t n, bool labels, int indent, FILE *out)
{
    int owed = indent;
    for (size_t i = 0; i < n; i++) {
        const char *text = labels ? cells[i].label : cells[i].word;
        if (*text) {
            fprintf(out, "%*s%s", owed, "", text);
            owed = 0;
        }
        owed += wide(&cells[i]) - (int)strlen(text) + 1;
    }
    fputc('\n', out);
}

static void print_cells(const cell *cells, size_t n, int indent, int width, FILE *out)
{
    for (size_t first = 0, last; first < n; first = last) {
        int used = indent;
        bool labels = false;
        for (last = first; last < n && (last == first || used + wide(&cells[last]) <= width);
             last++) {
            used += wide(&cells[last]) + 1;
            labels |= *cells[last].label != '\0';
        }
        print_row(&cells[first], last - first, false, indent, out);
        if (labels) print_row(&cells[first], last - first, true, indent, out);
    }
}

la_status la_print_example(const la_task *t, const void *opts, const la_drawn_example *e,
                           int indent, int width, FILE *out, la_err *err)
{
    size_t T = (size_t)e->shape.T;
    cell *cells = la_zalloc((T + 1) * sizeof *cells, err);
    bool *matters = cells ? la_zalloc(T + 1, err) : NULL;
    if (matters) {
        bool places = mark_all(e, matters);
        size_t n = drop_middle(cells, cells_of(t, opts, e, matters, places, cells));
        print_cells(cells, n, indent, width, out);
    }
    la_free(matters);
    la_free(cells);
    return matters ? LA_OK : LA_E_NOMEM;
}
