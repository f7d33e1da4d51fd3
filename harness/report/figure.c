/* SPDX-License-Identifier: Apache-2.0
 * Lines over a length: ranges, ticks, marks of failures, labels at the line ends.
 *
 * All places are computed here, in pixels of the svg (the png is the same at twice the size), so
 * that labels can be kept apart; the .gp that results holds plain numbers.
 */
#include "figure.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "canvas.h"

/* ---- the .dat ---- */

static void add_number(la_text *dat, double y)
{
    if (isfinite(y))
        la_text_add(dat, " %.9g", y);
    else
        la_text_add(dat, " nan");
}

/* The seeds of a line's points, one a row; nothing where there is one seed. */
static bool write_seeds(la_text *dat, const la_series *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) {
        const la_point *p = &s->points[i];
        if (!la_point_good(p) || !p->seeds) continue;
        for (const char *at = p->seeds; *at;) {
            size_t len = strcspn(at, " ");
            if (!any) la_text_add(dat, "# each seed: x y\n");
            any = true;
            la_text_add(dat, "%.9g %.*s\n", p->x, (int)len, at);
            at += len + (at[len] == ' ');
        }
    }
    if (any) la_text_add(dat, "\n\n");
    return any;
}

size_t la_lines_front(const la_lines *lines, const la_point **front, size_t cap)
{
    size_t n = 0;
    double best = -DBL_MAX, after = -DBL_MAX;
    while (n < cap) {
        const la_point *next = NULL;
        for (size_t i = 0; i < lines->n; i++)
            for (size_t j = 0; j < lines->v[i].n; j++) {
                const la_point *p = &lines->v[i].points[j];
                if (!la_point_good(p) || !(p->y > best) || !(p->x > after)) continue;
                if (!next || p->x < next->x || (p->x <= next->x && p->y > next->y)) next = p;
            }
        if (!next) return n;
        front[n++] = next;
        best = next->y;
        after = next->x;
    }
    return n;
}

static void write_front(la_text *dat, const la_lines *lines, const la_canvas *c)
{
    const la_point *front[64];
    size_t n = la_lines_front(lines, front, LA_COUNT(front));
    la_text_add(dat, "# front: x y\n");
    for (size_t i = 0; i < n; i++) la_text_add(dat, "%.9g %.9g\n", front[i]->x, front[i]->y);
    if (n) la_text_add(dat, "%.9g %.9g\n", c->xhi, front[n - 1]->y);
    la_text_add(dat, n ? "\n\n" : "nan nan\n\n\n");
}

/* One block a line. A point without a number is a comment, and one empty line keeps gnuplot from
 * joining its neighbours (two would begin the next block). */
static void write_series(la_text *dat, const la_series *s, bool positive)
{
    la_text_add(dat, "# ");
    la_dat_quote(dat, s->label);
    bool sizes = s->n > 0 && isfinite(s->points[0].size);
    la_text_add(dat, "\n# x y lo hi n rounds%s\n", sizes ? " tokens" : "");
    bool broken = true, any = false;
    for (size_t i = 0; i < s->n; i++) {
        const la_point *p = &s->points[i];
        if (!la_point_good(p) || (positive && !(p->y > 0))) {
            la_text_add(dat, "# %.9g %s ", p->x, p->outcome);
            la_dat_quote(dat, p->message);
            la_text_add(dat, "\n");
            broken = true;
            continue;
        }
        if (broken && any) la_text_add(dat, "\n");
        broken = false;
        any = true;
        la_text_add(dat, "%.9g", p->x);
        add_number(dat, p->y);
        add_number(dat, p->lo);
        add_number(dat, p->hi);
        la_text_add(dat, " %lld %lld", (long long)p->n, (long long)p->rounds);
        if (sizes) add_number(dat, p->size);
        la_text_add(dat, "\n");
    }
    if (!any) la_text_add(dat, "nan nan nan nan 0 0\n");
    la_text_add(dat, "\n\n");
}

static void write_marks(la_text *dat, const la_canvas *c)
{
    for (size_t m = 0; m < c->n_marks; m++) {
        const la_mark *mark = &c->marks[m];
        la_text_add(dat, "# failure: ");
        la_dat_quote(dat, mark->series->label);
        la_text_add(dat, " %s\n# x y-of-the-mark\n%.9g %.9g\n\n\n", mark->point->outcome,
                    mark->point->x, la_canvas_y_at(c, mark->py));
    }
}

/* ---- the plot command ---- */

int la_mark_shape(const char *outcome)
{
    if (strstr(outcome, "timeout")) return 8;                                         /* triangle */
    if (strcmp(outcome, "wrong") == 0 || strcmp(outcome, "nonfinite") == 0) return 6; /* circle */
    return 2;                                                                         /* cross */
}

/* One line: its points, joined; or, where they have sizes, apart and the larger the longer. */
static void plot_series(la_text *out, const la_series *s, size_t block, const char *x, bool sizes,
                        const la_canvas *c)
{
    la_text_add(out, "'' index %zu using %s:2", block, x);
    if (sizes)
        la_text_add(out, ":(0.4+%.5f*log($7/%.9g)) with points ps variable",
                    c->size_hi > c->size_lo ? 0.9 / log(c->size_hi / c->size_lo) : 0, c->size_lo);
    else
        la_text_add(out, " with linespoints lw 1.7 dt %d ps 0.75", s->dash);
    la_text_add(out, " pt %d lc rgb '%s'", s->shape, s->colour);
}

static double hair_of(const la_lines *lines, double hair, size_t i)
{
    return pow(hair, (double)i - 0.5 * (double)(lines->n - 1));
}

/* Where many lines lie on one another (accuracy 1.0), each is moved sideways by a hair: `hair` is
 * the factor in x between neighbours, 1 for none. */
static void plot_command(la_text *out, const la_lines *lines, const la_canvas *c, const char *stem,
                         double hair, const size_t *seeds, size_t first_mark, const la_kind *kind)
{
    const char *separator = "";
    if (kind->front) {
        la_text_add(out, "'%s.dat' index %zu using 1:2 with steps lw 1 dt 3 lc rgb '#999999'", stem,
                    first_mark - 1);
        separator = ", \\\n     ";
    }
    for (size_t i = 0; i < lines->n; i++) {
        const la_series *s = &lines->v[i];
        const char *colour = s->colour;
        char x[48] = "1";
        if (hair > 1) snprintf(x, sizeof x, "($1*%.5f)", hair_of(lines, hair, i));
        la_text_add(out,
                    "%s'%s.dat' index %zu using %s:2:3:4 with yerrorbars ps 0 lw 1 lc rgb '%s', "
                    "\\\n     ",
                    separator, stem, i, x, colour);
        plot_series(out, s, i, x, kind->sizes, c);
        separator = ", \\\n     ";
        if (seeds[i])
            la_text_add(out, "%s'%s.dat' index %zu using %s:2 with points pt 6 ps 0.35 lc rgb '%s'",
                        separator, stem, seeds[i], x, colour);
    }
    for (size_t m = 0; m < c->n_marks; m++)
        la_text_add(out,
                    "%s'%s.dat' index %zu using 1:2 with points pt %d ps 1.1 lw 1.8 lc rgb '%s'",
                    separator, stem, first_mark + m, la_mark_shape(c->marks[m].point->outcome),
                    c->marks[m].series->colour);
}

/* ---- labels, arrows ---- */

/* Text with the exponent behind: 'flash T^{1.97}'. */
static void add_label_text(la_text *out, const la_series *s, bool fit)
{
    la_text quoted = {0};
    la_gp_quote(&quoted, s->label);
    la_text_bytes(out, la_text_str(&quoted), quoted.len ? quoted.len - 1 : 0);
    if (s->marked) la_text_add(out, "†");
    if (fit && isfinite(s->exponent)) {
        double e = fabs(s->exponent) < 0.005 ? 0 : s->exponent; /* no -0.00 */
        la_text_add(out, "  {/:Italic T}^{%.2f}", e);
    }
    la_text_add(out, "'");
    out->failed |= quoted.failed;
    la_text_release(&quoted);
}

/* The key: a piece of each line with its point, and its name. */
static void line_labels(la_text *out, const la_canvas *c, bool fit, bool points)
{
    for (size_t i = 0; i < c->n_tags; i++) {
        const la_tag *t = &c->tags[i];
        const la_series *s = t->series;
        double x = t->px / LA_FIGURE_WIDTH, y = t->py / c->height,
               to = (t->px + LA_KEY_PX) / LA_FIGURE_WIDTH;
        if (!points)
            la_text_add(out,
                        "set arrow from screen %.4f, screen %.4f to screen %.4f, screen %.4f "
                        "nohead lw 1.7 dt %d lc rgb '%s'\n",
                        x, y, to, y, s->dash, s->colour);
        la_text_add(out,
                    "set label '' at screen %.4f, screen %.4f point pt %d ps 0.75 lc rgb '%s'\n",
                    (x + to) / 2, y, s->shape, s->colour);
        la_text_add(out, "set label ");
        add_label_text(out, s, fit);
        la_text_add(out, " at screen %.4f, screen %.4f left font ',10' tc rgb '#222222'\n",
                    to + 6.0 / LA_FIGURE_WIDTH, y);
        if (!t->leader) continue;
        la_text_add(out,
                    "set arrow from first %.0f, first %.9g to screen %.4f, screen %.4f nohead "
                    "lw 0.5 lc rgb '%s' back\n",
                    t->x, t->y, x - 2.0 / LA_FIGURE_WIDTH, y, s->colour);
    }
}

static void failure_labels(la_text *out, const la_canvas *c)
{
    for (size_t m = 0; m < c->n_marks; m++) {
        const la_mark *mark = &c->marks[m];
        la_text_add(out, "set label ");
        la_gp_quote(out, mark->text);
        la_text_add(out, " at screen %.4f, screen %.4f %s font ',9' tc rgb '%s'\n",
                    (mark->px + (mark->to_left ? -8 : 8)) / LA_FIGURE_WIDTH, mark->py / c->height,
                    mark->to_left ? "right" : "left", mark->series->colour);
    }
    if (c->n_marks > 0)
        la_text_add(out,
                    "set arrow from graph 0, first %.9g to graph 1, first %.9g nohead dt 3 lw 0.6 "
                    "lc rgb '#bbbbbb' back\n",
                    c->data_hi, c->data_hi);
}

la_stroke la_canvas_slope(const la_canvas *c, const la_rule *r)
{
    double x0 = fmax(c->xlo, c->ylo / r->slope), x1 = fmin(c->xhi, r->y / r->slope);
    return (la_stroke){x0, r->slope * x0, x1, r->slope * x1};
}

/* Its name stands along it, near the upper end. */
static void sloped_rule(la_text *out, const la_canvas *c, const la_rule *r)
{
    la_stroke s = la_canvas_slope(c, r);
    double dx = la_canvas_px(c, s.x1) - la_canvas_px(c, s.x0);
    double dy = la_canvas_py(c, s.y1) - la_canvas_py(c, s.y0), length = hypot(dx, dy);
    if (!(length > 0)) return;
    double away = r->below ? -7 : 7; /* pixels above the line */
    double px = la_canvas_px(c, s.x1) - 0.04 * dx - away * dy / length;
    double py = la_canvas_py(c, s.y1) - 0.04 * dy + away * dx / length;
    la_text_add(
        out,
        "set arrow from first %.9g, first %.9g to first %.9g, first %.9g nohead dt 2 lw 0.8 "
        "lc rgb '#999999' back\nset label ",
        s.x0, s.y0, s.x1, s.y1);
    la_gp_quote(out, r->label);
    la_text_add(out,
                " at screen %.4f, screen %.4f right rotate by %.1f font ',9' tc rgb '#777777'\n",
                px / LA_FIGURE_WIDTH, py / c->height, atan2(dy, dx) * 57.29577951308232);
}

/* Lines behind the data: peaks, chance, bounds. Those far above the data are left to the caption. */
static void rule_lines(la_text *out, const la_canvas *c)
{
    for (size_t i = 0; i < c->n_rules; i++) {
        const la_rule *r = &c->rules[i];
        if (!r->inside) continue;
        if (r->slope > 0) {
            sloped_rule(out, c, r);
            continue;
        }
        la_text_add(
            out,
            "set arrow from graph %.4g, first %.9g to graph 1, first %.9g nohead dt 2 lw 0.8 "
            "lc rgb '#999999' back\nset label ",
            la_canvas_roof(c, r), r->y, r->y);
        la_gp_quote(out, r->label);
        la_text_add(out,
                    " at graph %.2f, first %.9g %s offset 0, char %.2f font ',9' "
                    "tc rgb '#777777'\n",
                    r->at, r->y, r->to_left ? "right" : "left", r->below ? -0.5 : 0.45);
    }
}

la_stroke la_canvas_guide(const la_canvas *c, int p)
{
    double y0 = c->ylo * pow(c->data_hi / c->ylo, 0.02), room = c->data_hi / y0;
    double x1 = c->xhi, y1 = y0 * pow(c->xhi / c->xlo, p);
    if (y1 > c->data_hi) {
        x1 = c->xlo * pow(room, 1.0 / p);
        y1 = c->data_hi;
    }
    return (la_stroke){c->xlo, y0, x1, y1};
}

/* Grey lines of slope 1 and 2. */
static void slope_guides(la_text *out, const la_canvas *c)
{
    static const char *const names[] = {"{/:Italic T}", "{/:Italic T}^2"};
    for (int p = 1; p <= 2; p++) {
        la_stroke s = la_canvas_guide(c, p);
        la_text_add(out,
                    "set arrow from first %.9g, first %.9g to first %.9g, first %.9g nohead dt 3 "
                    "lw 1 lc rgb '#aaaaaa' back\n",
                    s.x0, s.y0, s.x1, s.y1);
        /* The name stands on the line, where there is room left of its end. */
        double f = 0.93, x = s.x0 * pow(s.x1 / s.x0, f), y = s.y0 * pow(s.y1 / s.y0, f);
        la_text_add(out,
                    "set label '%s' at first %.9g, first %.9g right offset char -0.3, char 0.5 "
                    "font ',9' tc rgb '#999999' back\n",
                    names[p - 1], x, y);
    }
}

/* ---- putting it together ---- */

/* Sweeps that agree in a rule, to a part in a hundred, share its line. */
static void keep_rule(la_canvas *c, size_t source)
{
    la_rule *r = &c->rules[c->n_rules];
    for (size_t i = 0; i < c->n_rules; i++) {
        const la_rule *other = &c->rules[i];
        bool alike = (other->slope > 0) == (r->slope > 0) && other->source < source &&
                     strcspn(other->label, "0123456789") == strcspn(r->label, "0123456789");
        if (alike && fabs(other->y - r->y) <= 0.01 * r->y) return;
    }
    r->source = source;
    c->n_rules++;
}

/* Where they do not agree, each rule says whose it is. */
static void name_rules(la_canvas *c, const la_view *view)
{
    bool several = false;
    for (size_t i = 0; i < c->n_rules; i++) several |= c->rules[i].source > 0;
    for (size_t i = 0; i < c->n_rules && several; i++) {
        la_rule *r = &c->rules[i];
        size_t len = strlen(r->label);
        snprintf(r->label + len, sizeof r->label - len, " · %.24s", view->sources[r->source].name);
    }
}

static la_status load_rules(const la_view *view, size_t place, const la_kind *kind, la_canvas *c,
                            const char *task, la_err *err)
{
    const la_source *source = &view->sources[place];
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)source->sweep);
    la_query *q = NULL;
    const char *args[] = {id, task};
    LA_TRY(la_query_open(source->store, kind->rules, args, strstr(kind->rules, "?2") ? 2 : 1, &q,
                         err));
    bool more = true;
    la_status st;
    while ((st = la_query_next(q, &more, err)) == LA_OK && more && c->n_rules < LA_MAX_RULES) {
        la_rule *r = &c->rules[c->n_rules];
        const char *label = la_query_text(q, 0);
        r->y = la_query_real(q, 1);
        r->slope = la_query_find(q, "slope") < 0 ? 0 : la_query_real(q, la_query_find(q, "slope"));
        if (!label || !isfinite(r->y)) continue;
        if (r->slope > 0 || kind->sizes)
            snprintf(r->label, sizeof r->label, "%.60s", label);
        else if (kind->scale == LA_SCALE_RATE)
            snprintf(r->label, sizeof r->label, "%.32s %.0f", label, r->y);
        else if (kind->scale == LA_SCALE_PART)
            snprintf(r->label, sizeof r->label, "%.32s %.1g", label, r->y);
        else
            snprintf(r->label, sizeof r->label, "%.32s", label);
        keep_rule(c, place);
    }
    la_query_close(q);
    return st;
}

static bool has_numbers(const la_lines *lines, bool positive)
{
    for (size_t i = 0; i < lines->n; i++)
        for (size_t j = 0; j < lines->v[i].n; j++)
            if (la_point_good(&lines->v[i].points[j]) && (!positive || lines->v[i].points[j].y > 0))
                return true;
    return false;
}

static void add_rules_to_caption(la_text *caption, const la_canvas *c)
{
    for (size_t i = 0; i < c->n_rules; i++)
        if (!c->rules[i].inside)
            la_text_add(caption, " Not shown: %s %s.", c->rules[i].label,
                        c->rules[i].y > 10 ? "GFLOP/s" : "");
}

/* Blocks of the .dat: the lines, what seeds they have, the front, the marks. */
static size_t write_blocks(la_text *dat, const la_kind *kind, const la_lines *lines,
                           const la_canvas *c, size_t *seeds)
{
    size_t block = lines->n;
    for (size_t i = 0; i < lines->n; i++) write_series(dat, &lines->v[i], c->ylog);
    for (size_t i = 0; i < lines->n; i++) {
        seeds[i] = 0;
        if (write_seeds(dat, &lines->v[i])) seeds[i] = block++;
    }
    if (kind->front) {
        write_front(dat, lines, c);
        block++;
    }
    write_marks(dat, c);
    return block;
}

double la_canvas_hair(const la_kind *kind, const la_lines *lines)
{
    bool close = kind->scale == LA_SCALE_PART && kind->x == LA_X_LENGTH && lines->n;
    return close ? fmin(4, 14.0 / (double)lines->n) : 0;
}

static la_status compose(const la_view *view, const la_kind *kind, const la_sketch *sketch,
                         const char *stem, la_text *dat, la_text *gp, la_err *err)
{
    const la_lines *lines = &sketch->lines;
    const la_canvas *c = &sketch->canvas;
    const char *caption = la_text_str(&sketch->caption);
    size_t *seeds = la_zalloc((lines->n + 1) * sizeof *seeds, err);
    if (!seeds) return LA_E_NOMEM;
    double hair = pow(c->xhi / c->xlo, la_canvas_hair(kind, lines) / (c->right - c->left));
    la_text frame = {0}, axes = {0}, marks = {0}, plot = {0}, svg = {0}, png = {0};
    size_t first_mark = write_blocks(dat, kind, lines, c, seeds);
    la_canvas_frame(c, view->title, &frame);
    la_gp_caption(&frame, caption, c->height);
    la_canvas_ticks(c, kind, &axes);
    if (kind->guides) slope_guides(&marks, c);
    rule_lines(&marks, c);
    line_labels(&marks, c, kind->fit, kind->front || kind->sizes);
    failure_labels(&marks, c);
    plot_command(&plot, lines, c, stem, hair, seeds, first_mark, kind);
    la_canvas_terminals(&view->how, stem, c->height, &svg, &png);
    const char *pairs[] = {"TITLE", view->title,        "STEM",  stem,
                           "STYLE", la_plot_style,      "FRAME", la_text_str(&frame),
                           "AXES",  la_text_str(&axes), "MARKS", la_text_str(&marks),
                           "PLOT",  la_text_str(&plot), "SVG",   la_text_str(&svg),
                           "PNG",   la_text_str(&png),  NULL};
    la_gp_fill(gp, kind->gp, pairs);
    la_status st = LA_OK;
    if (frame.failed | axes.failed | marks.failed | plot.failed | svg.failed | png.failed |
        dat->failed | gp->failed)
        st = LA_FAIL(err, LA_E_NOMEM, "no memory for the figure %s", kind->name);
    la_text *all[] = {&frame, &axes, &marks, &plot, &svg, &png};
    for (size_t i = 0; i < LA_COUNT(all); i++) la_text_release(all[i]);
    la_free(seeds);
    return st;
}

static la_status load_lines(const la_view *view, const la_kind *kind, const char *task,
                            la_lines *lines, la_err *err)
{
    const char *sql = kind->resident && view->how.resident ? kind->resident : kind->sql;
    const char **which = la_zalloc(view->n * sizeof *which, err);
    la_text *json = la_zalloc(view->n * sizeof *json, err);
    la_status st = which && json ? LA_OK : LA_E_NOMEM;
    for (size_t i = 0; i < view->n && st == LA_OK; i++) {
        const la_source *s = &view->sources[i];
        which[i] = task;
        if (!kind->rows) continue;
        st = kind->rows(s->store, s->sweep, task, &json[i], err);
        which[i] = la_text_str(&json[i]);
    }
    if (st == LA_OK)
        st = la_lines_load_all(view->sources, view->n, sql, task ? which : NULL, lines, err);
    for (size_t i = 0; json && i < view->n; i++) la_text_release(&json[i]);
    la_free(json);
    la_free(which);
    return st;
}

la_status la_figure_sketch(const la_view *view, const la_kind *kind, const char *task, bool foot,
                           la_sketch *out, bool *empty, la_err *err)
{
    *out = (la_sketch){0};
    LA_TRY(load_lines(view, kind, task, &out->lines, err));
    *empty = !has_numbers(&out->lines, kind->scale != LA_SCALE_PART);
    if (*empty) return LA_OK;
    if (kind->fit) la_lines_fit(&out->lines);
    if (kind->sizes || kind->front) la_lines_points_apart(&out->lines);
    la_canvas *c = &out->canvas;
    for (size_t i = 0; i < view->n && kind->rules; i++)
        LA_TRY(load_rules(view, i, kind, c, task, err));
    name_rules(c, view);
    la_canvas_ranges(c, kind, &out->lines);
    LA_TRY(la_figure_caption(view, kind, &out->lines, &out->caption, err));
    add_rules_to_caption(&out->caption, c);
    if (out->caption.failed) return LA_FAIL(err, LA_E_NOMEM, "no memory for a caption");
    int below = foot ? la_gp_caption_lines(la_text_str(&out->caption)) : 0;
    LA_TRY(la_canvas_layout(c, kind, &out->lines, below, err));
    /* The leaders begin where the line is drawn. */
    double hair = pow(c->xhi / c->xlo, la_canvas_hair(kind, &out->lines) / (c->right - c->left));
    for (size_t i = 0; i < c->n_tags; i++)
        c->tags[i].x *= hair_of(&out->lines, hair, (size_t)(c->tags[i].series - out->lines.v));
    return LA_OK;
}

void la_sketch_release(la_sketch *sketch)
{
    la_text_release(&sketch->caption);
    la_canvas_release(&sketch->canvas);
    la_lines_release(&sketch->lines);
}

la_status la_figure_lines(const la_view *view, const la_kind *kind, const char *task,
                          const char *stem, la_text *dat, la_text *gp, bool *empty, la_err *err)
{
    la_sketch sketch;
    la_status st = la_figure_sketch(view, kind, task, true, &sketch, empty, err);
    if (st == LA_OK && !*empty) st = la_figure_head(view, kind, dat, err);
    if (st == LA_OK && !*empty) st = compose(view, kind, &sketch, stem, dat, gp, err);
    la_sketch_release(&sketch);
    return st;
}
