/* SPDX-License-Identifier: Apache-2.0
 * labench reproduce list: which tables there are, what they cost here and what of them is stored.
 */
#include <limits.h>
#include <string.h>

#include "log.h"
#include "reproduce.h"

/* What a table costs and has at one scale. */
typedef struct scale_cost {
    double seconds;
    size_t sweeps, stored;
    char name[9]; /* of a stored sweep */
} scale_cost;

static la_status cost_of(const la_paper *paper, la_paper_scale scale, la_store *store,
                         const la_reach *reach, scale_cost *out, la_err *err)
{
    *out = (scale_cost){0};
    for (size_t i = 0; i < paper->n_sweeps; i++) {
        if (!paper->sweeps[i].scales[scale]) continue;
        la_planned planned;
        la_kept stored;
        la_status st = la_planned_open(paper, i, scale, reach, &planned, err);
        if (st == LA_OK) st = la_planned_find(&planned, store, &stored, err);
        if (st == LA_OK) {
            out->sweeps++;
            out->seconds += planned.estimate.seconds;
            out->stored += stored.sweep != 0;
            if (stored.sweep) memcpy(out->name, stored.name, sizeof out->name);
        }
        la_planned_close(&planned);
        LA_TRY(st);
    }
    return LA_OK;
}

/* "cpu a1b2c3d4, full 1 of 2" */
static void add_stored(const scale_cost *cost, la_paper_scale scale, la_text *out)
{
    if (cost->stored == 0) return;
    la_text_add(out, "%s%s ", out->len ? ", " : "", la_scale_name(scale));
    if (cost->stored < cost->sweeps)
        la_text_add(out, "%zu of %zu", cost->stored, cost->sweeps);
    else if (cost->sweeps == 1)
        la_text_add(out, "%s", cost->name);
    else
        la_text_add(out, "all %zu", cost->sweeps);
}

/* Text in lines of at most 80 columns, two of them empty; a long word stands alone. */
static void print_folded(const char *text)
{
    for (size_t at = 0; *text;) {
        size_t n = strcspn(text, " ");
        if (at > 0 && at + 1 + n > 78) {
            printf("\n");
            at = 0;
        }
        printf("%s%.*s", at ? " " : "  ", (int)n, text);
        at += n + (at > 0);
        text += n + strspn(text + n, " ");
    }
    printf("\n");
}

static void print_lines(const la_paper *paper, char about[LA_SCALE_COUNT][24], const char *stored)
{
    printf("%-28s %-11s %-11s %6zu  %s\n", paper->id, about[LA_SCALE_CPU], about[LA_SCALE_FULL],
           paper->n_claims, stored);
    print_folded(paper->title);
    char place[512];
    snprintf(place, sizeof place, "%.100s of %.380s", paper->place, paper->paper);
    print_folded(place);
}

static la_status print_paper(const la_paper *paper, la_store *store, const la_reach *reach,
                             la_err *err)
{
    char about[LA_SCALE_COUNT][24];
    la_text stored = {0};
    la_status st = LA_OK;
    for (int s = 0; s < LA_SCALE_COUNT && st == LA_OK; s++) {
        scale_cost cost;
        snprintf(about[s], sizeof about[s], "-");
        if (!paper->scales[s]) continue;
        st = cost_of(paper, (la_paper_scale)s, store, reach, &cost, err);
        if (st != LA_OK) break;
        la_format_duration(cost.seconds, about[s]);
        add_stored(&cost, (la_paper_scale)s, &stored);
    }
    if (st == LA_OK && stored.failed) st = LA_FAIL(err, LA_E_NOMEM, "out of memory: a list");
    if (st == LA_OK) print_lines(paper, about, stored.len ? la_text_str(&stored) : "-");
    la_text_release(&stored);
    return st;
}

int la_reproduce_list(const char *db)
{
    char path[PATH_MAX];
    la_store *store;
    la_err err = {0};
    int code = LA_EXIT_OK;
    la_reach reach = {0};
    la_status first = la_store_if_there(db, &store, &err);
    if (first == LA_OK) first = la_reach_find(store, &reach, &err);
    if (first != LA_OK) {
        la_store_close(store);
        return la_complain(&err);
    }
    for (size_t i = 0; la_paper_at(i, path, sizeof path); i++) {
        la_paper paper;
        if (i == 0)
            printf("%-28s %-11s %-11s %6s  %s\n", "table", "cpu, about", "full", "claims",
                   "stored");
        la_status st = la_paper_read(path, &paper, &err);
        if (st == LA_OK) st = print_paper(&paper, store, &reach, &err);
        fflush(stdout);
        /* A wrong file hides no other. */
        if (st != LA_OK) code = la_complain(&err);
        la_paper_release(&paper);
    }
    la_reach_release(&reach);
    la_store_close(store);
    return la_finish_stdout(code);
}
