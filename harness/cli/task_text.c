/* SPDX-License-Identifier: Apache-2.0
 * What there is to say about a task: a line of the list, or all of it.
 */
#include <inttypes.h>
#include <string.h>

#include "alloc.h"
#include "commands.h"
#include "examples.h"
#include "registry.h"
#include "text.h"

enum { EXAMPLES = 3, INDENT = 2, WIDTH = 92, SHORT = 8 };

/* In this order; what has no family comes last. */
static const char *const families[] = {"probe", "recall",    "copy", "needle",
                                       "mad",   "structure", "state"};

static const char *family_of(const la_task *t)
{
    return t->family ? t->family : "other";
}

static size_t rank_of(const la_task *t)
{
    size_t i = 0;
    while (i < LA_COUNT(families) && strcmp(families[i], family_of(t)) != 0) i++;
    return i;
}

const la_task *la_task_in_order(size_t i)
{
    for (size_t rank = 0; rank <= LA_COUNT(families); rank++)
        for (size_t k = 0; k < la_tasks_count(); k++)
            if (rank_of(la_tasks_at(k)) == rank && i-- == 0) return la_tasks_at(k);
    return NULL;
}

la_status la_task_defaults(const la_task *t, void **opts, la_err *err)
{
    *opts = la_zalloc(t->options_size + 1, err);
    if (!*opts) return LA_E_NOMEM;
    la_options_default(t->options, t->options_len, *opts);
    return LA_OK;
}

la_status la_print_task_line(const la_task *t, FILE *out, la_err *err)
{
    void *opts;
    char guess[24];
    LA_TRY(la_task_defaults(t, &opts, err));
    snprintf(guess, sizeof guess, t->chance ? "chance %.3g" : "", t->chance ? t->chance(opts) : 0);
    la_free(opts);
    fprintf(out, "%-22s %-9s %-15s %s\n", t->name, family_of(t), guess, t->summary);
    return LA_OK;
}

/* ---- everything ---- */

static void print_definition(const la_task *t, FILE *out)
{
    if (!t->definition) return;
    fputc('\n', out);
    for (const char *at = t->definition; *at;) {
        size_t n = strcspn(at, "\n");
        fprintf(out, n ? "  %.*s\n" : "\n", (int)n, at);
        at += n + (at[n] == '\n');
    }
}

static void print_wishes(const la_learned *l, FILE *out)
{
    if (!l->wishes || !l->wishes->owner) return;
    fputs("\ntrained with, where the command line says nothing\n ", out);
    for (const la_wish *w = l->wishes; w->owner; w++)
        fprintf(out, " %s.%s=%s", w->owner, w->key, w->value);
    fputc('\n', out);
}

static void print_difficulties(const la_learned *l, FILE *out)
{
    const la_difficulty *d = l->difficulties;
    if (!d || !d->axis) return;
    fputs("\nsteps of difficulty, one change at a time: --difficulty\n", out);
    for (const la_difficulty *first = d; d->axis; d++) {
        bool same = d > first && strcmp(d->axis, d[-1].axis) == 0;
        if (!same && d->owner)
            fprintf(out, "%s  %-10s %s.%s = %s", d > first ? "\n" : "", d->axis, d->owner, d->key,
                    d->value);
        else if (!same)
            fprintf(out, "%s  %-10s T = %s", d > first ? "\n" : "", d->axis, d->value);
        else
            fprintf(out, ", %s", d->value);
    }
    fputc('\n', out);
}

static void print_learned(const la_task *t, const void *opts, FILE *out)
{
    const la_learned *l = t->learned;
    fprintf(out, "  %" PRId64 " ids; trained at T", l->vocabulary(opts));
    for (int i = 0; l->train_lengths[i]; i++)
        fprintf(out, "%s %" PRId64, i ? "," : "", l->train_lengths[i]);
    fprintf(out, "; examples of version %d%s\n", l->version,
            l->causal_only ? "; causal models only" : "");
    for (int i = 0; l->group_names && l->group_names[i]; i++)
        fprintf(out, "%s%s", i ? ", " : "  answers counted apart: ", l->group_names[i]);
    if (l->group_names && l->group_names[0]) fputc('\n', out);
    for (int i = 0; l->asking_options && l->asking_options[i]; i++)
        fprintf(out, "%s%s",
                i ? ", " : "  one model is asked under all values of: ", l->asking_options[i]);
    if (l->asking_options && l->asking_options[0]) fputc('\n', out);
}

static bool only_trained(const la_drawn_example *e)
{
    int64_t i = 0;
    while (i < e->n && e->answers[i].group != LA_ONLY_TRAINED) i++;
    return i < e->n;
}

static la_status print_three(const la_task *t, const void *opts, const la_shape *shape, int width,
                             FILE *out, la_err *err)
{
    la_drawn_example e;
    bool more = false;
    LA_TRY(la_example_room(t, opts, shape, &e, err));
    la_status st = LA_OK;
    fprintf(out, "\nthree examples of training, T %" PRId64, shape->T);
    if (shape->n) fprintf(out, ", n %" PRId64, shape->n);
    fputs(", seed 1; below a token stands what it asks for\n", out);
    for (uint64_t i = 0; i < EXAMPLES && st == LA_OK; i++) {
        st = t->learned->make(opts, 1, LA_SPLIT_TRAIN, shape, i, e.tokens, e.answers, &e.n, err);
        fputs(i ? "\n" : "", out);
        if (st == LA_OK) st = la_print_example(t, opts, &e, INDENT, width, out, err);
        more |= st == LA_OK && only_trained(&e);
    }
    if (more) fputs("\n  Other positions are in the loss of training too, and not scored.\n", out);
    la_example_release(&e);
    return st;
}

static la_status print_examples(const la_task *t, const void *opts, int width, FILE *out,
                                la_err *err)
{
    la_shape shapes[LA_MAX_SHAPES];
    const int64_t *lengths = t->learned->train_lengths;
    size_t n = 0;
    while (lengths[n]) n++;
    n = t->learned->mixture(opts, lengths, n, shapes, LA_MAX_SHAPES);
    if (n == 0) return LA_OK;
    size_t first = 0; /* one of three tokens shows little */
    while (first + 1 < n && shapes[first].T < SHORT) first++;
    if (width < 40 || width > WIDTH) width = WIDTH;
    return print_three(t, opts, &shapes[first], width, out, err);
}

la_status la_show_task(const la_task *t, const char *const *settings, size_t n, int width,
                       FILE *out, la_err *err)
{
    void *opts;
    LA_TRY(la_task_defaults(t, &opts, err));
    la_status st = LA_OK;
    for (size_t i = 0; i < n && st == LA_OK; i++)
        st =
            la_setting_take(t->name, t->options, t->options_len, opts, settings[i], "pairs=8", err);
    if (st == LA_OK) st = la_print_task_line(t, out, err);
    if (st != LA_OK) {
        la_free(opts);
        return st;
    }
    fprintf(out, "  paper %s\n", t->paper);
    if (t->learned) print_learned(t, opts, out);
    print_definition(t, out);
    if (t->options_len) {
        fprintf(out, "\noptions, set with --set %s.KEY=VALUE\n", t->name);
        st = la_print_options(t->options, t->options_len, t->options_size, out, err);
    }
    if (st == LA_OK && t->learned) {
        print_wishes(t->learned, out);
        print_difficulties(t->learned, out);
        st = print_examples(t, opts, width, out, err);
    }
    la_free(opts);
    return st;
}
