/* SPDX-License-Identifier: Apache-2.0
 * The figures of the report: every kind of lines that the sweep has data for, with caption and data.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "html.h"
#include "html_pen.h"

/* What goes together, in the order of the page; kinds that are named nowhere come last. */
static const struct {
    const char *title, *kinds; /* names between spaces */
} groups[] = {
    {"Time", " time decode "},
    {"Memory", " memory resident "},
    {"Speed-up", " speedup "},
    {"Accuracy", " accuracy load difficulty "},
    {"Accuracy against cost", " pareto "},
    {"More", NULL},
};

static size_t group_of(const la_kind *kind)
{
    char name[64];
    snprintf(name, sizeof name, " %.60s ", kind->name);
    size_t g = 0;
    while (groups[g].kinds && !strstr(groups[g].kinds, name)) g++;
    return g;
}

static void add_number(la_text *out, double x)
{
    if (isfinite(x)) la_text_add(out, "%.9g", x);
}

/* A name as RFC 4180 has it. */
static void add_name(la_text *out, const char *name)
{
    la_text quoted = {0};
    la_text_add(&quoted, "\"");
    for (; *name; name++) la_text_add(&quoted, *name == '"' ? "\"\"" : "%c", *name);
    la_text_add(&quoted, "\"");
    la_html_text(out, la_text_str(&quoted));
    out->failed |= quoted.failed;
    la_text_release(&quoted);
}

static void add_data(la_text *out, const char *stem, const la_lines *lines)
{
    la_text_add(out,
                "<details class=\"data\" id=\"data-%s\"><summary>Data</summary><pre>"
                "line,x,y,lo,hi,n,rounds,outcome\n",
                stem);
    for (size_t i = 0; i < lines->n; i++)
        for (size_t j = 0; j < lines->v[i].n; j++) {
            const la_point *p = &lines->v[i].points[j];
            bool good = la_point_good(p);
            add_name(out, lines->v[i].label);
            la_text_add(out, ",%.9g,", p->x);
            if (good) add_number(out, p->y);
            la_text_add(out, ",");
            if (good) add_number(out, p->lo);
            la_text_add(out, ",");
            if (good) add_number(out, p->hi);
            la_text_add(out, ",%lld,%lld,%s\n", (long long)p->n, (long long)p->rounds,
                        *p->outcome ? p->outcome : "ok");
        }
    la_text_add(out, "</pre></details>");
}

/* Letters, digits, '-' and '_' of the figure's name, for an id. */
static void make_stem(char out[128], const la_kind *kind, const char *name)
{
    snprintf(out, 128, "%s%s%s%.80s", kind->name, kind->suffix ? kind->suffix : "",
             *name ? "_" : "", name);
    for (char *c = out; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *c))
            *c = '-';
}

static la_status add_figure(la_page *page, const la_kind *kind, const char *which, const char *name,
                            const char *title, size_t *drawn, la_err *err)
{
    const la_source source = {.store = page->store, .sweep = page->sweep_id, .name = ""};
    const la_view view = {.sources = &source, .n = 1, .title = title};
    la_sketch sketch;
    bool empty;
    char stem[128];
    la_text *out = &page->out;
    make_stem(stem, kind, name);
    la_status st = la_figure_sketch(&view, kind, which, false, &sketch, &empty, err);
    if (st == LA_OK && !empty) {
        if ((*drawn)++ == 0)
            la_text_add(out, "<h3>%s</h3>\n<div class=\"figures\">\n",
                        groups[group_of(kind)].title);
        la_text_add(out, "<figure id=\"fig-%s\"><h4>", stem);
        la_html_text(out, title);
        la_text_add(out, "</h4>\n");
        la_html_svg(out, kind, &sketch, title);
        la_text_add(out, "<figcaption>");
        la_html_text(out, la_text_str(&sketch.caption));
        la_text_add(out, "</figcaption>");
        add_data(out, stem, &sketch.lines);
        la_text_add(out, "</figure>\n");
    }
    la_sketch_release(&sketch);
    return st;
}

/* The figures of a kind: one, or one for each row of its query of tasks. */
static la_status add_kind(la_page *page, const la_kind *kind, size_t *drawn, la_err *err)
{
    if (!kind->tasks) return add_figure(page, kind, NULL, "", kind->title, drawn, err);
    la_query *q = NULL;
    const char *args[] = {page->id, NULL, NULL};
    size_t n = strstr(kind->tasks, "?3") ? 3 : strstr(kind->tasks, "?2") ? 2 : 1;
    LA_TRY(la_query_open(page->store, kind->tasks, args, n, &q, err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more) {
        const char *which = la_query_text(q, 0);
        bool named = la_query_find(q, "stem") >= 0;
        char title[160];
        if (!which) continue;
        if (named)
            snprintf(title, sizeof title, "%.150s", la_query_named_text(q, "title"));
        else
            snprintf(title, sizeof title, "%.60s: %s", which, kind->title);
        st = add_figure(page, kind, which, named ? la_query_named_text(q, "stem") : which, title,
                        drawn, err);
        if (st != LA_OK) break;
    }
    la_query_close(q);
    return st;
}

la_status la_page_figures(la_page *page, la_err *err)
{
    la_text *out = &page->out;
    size_t all = 0;
    la_text_add(out, "<section id=\"figures\"><h2>Figures</h2>\n");
    for (size_t g = 0; g < LA_COUNT(groups); g++) {
        size_t drawn = 0;
        for (size_t k = 0; k < la_kinds_len; k++)
            if (!la_kinds[k].figure && group_of(&la_kinds[k]) == g)
                LA_TRY(add_kind(page, &la_kinds[k], &drawn, err));
        if (drawn) la_text_add(out, "</div>\n");
        all += drawn;
    }
    if (all == 0) la_text_add(out, "<p>There are no numbers to draw yet.</p>\n");
    la_text_add(
        out,
        "<p class=\"note\"><code>labench plot</code> draws these and more as svg and png, with "
        "the script and the data behind each.</p></section>\n");
    return LA_OK;
}
