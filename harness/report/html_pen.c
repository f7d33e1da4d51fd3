/* SPDX-License-Identifier: Apache-2.0
 * The pen of the HTML report: the layout is la_canvas's, as in gnuplot's figures.
 */
#include "html_pen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"

typedef struct pen {
    la_text *out;
    const la_canvas *c;
    const la_kind *kind;
    const la_lines *lines;
} pen;

static double px(const pen *p, double x)
{
    return la_canvas_px(p->c, x);
}

/* Downwards, as svg counts. */
static double py(const pen *p, double y)
{
    return p->c->height - la_canvas_py(p->c, y);
}

/* Gnuplot's "10^{-3}" with a raised exponent. */
static void tick_text(la_text *out, const char *label)
{
    const char *at = strstr(label, "^{");
    la_text_add(out, "%.*s", at ? (int)(at - label) : 40, label);
    if (at)
        la_text_add(out, "<tspan dy=\"-4\" font-size=\"8\">%.*s</tspan>", (int)strcspn(at + 2, "}"),
                    at + 2);
}

/* What a figure's .gp calls an axis: the words stand there alone. */
static void axis_words(la_text *out, const char *gp, const char *set)
{
    const char *at = strstr(gp, set);
    if (!at) return;
    at += strlen(set);
    char words[96];
    snprintf(words, sizeof words, "%.*s", (int)fmin(90, (double)strcspn(at, "'")), at);
    la_html_text(out, words);
}

static void frame(const pen *p)
{
    const la_canvas *c = p->c;
    la_ticks ticks;
    double bottom = c->height - c->bottom, top = c->height - c->top;
    la_canvas_yticks(c, p->kind, &ticks);
    for (size_t i = 0; i < ticks.n; i++) {
        double y = py(p, ticks.v[i].at);
        if (ticks.v[i].minor) continue;
        la_text_add(
            p->out,
            "<path class=\"grid\" d=\"M%.0f %.1fH%.0f\"/><text x=\"%.0f\" y=\"%.1f\" class=\"e\">",
            c->left, y, c->right, c->left - 8, y + 4);
        tick_text(p->out, ticks.v[i].label);
        la_text_add(p->out, "</text>\n");
    }
    la_canvas_xticks(c, p->kind, &ticks);
    for (size_t i = 0; i < ticks.n; i++) {
        double x = px(p, ticks.v[i].at);
        la_text_add(p->out, "<path class=\"axis\" d=\"M%.1f %.0fv%d\"/>", x, bottom,
                    ticks.v[i].minor ? 3 : 5);
        if (ticks.v[i].minor || !*ticks.v[i].label) continue;
        la_text_add(p->out, "<text x=\"%.1f\" y=\"%.0f\" class=\"m\">", x, bottom + 18);
        tick_text(p->out, ticks.v[i].label);
        la_text_add(p->out, "</text>\n");
    }
    la_text_add(p->out, "<path class=\"axis\" d=\"M%.0f %.0fV%.0fH%.0f\"/>\n", c->left, top, bottom,
                c->right);
    la_text_add(p->out, "<text x=\"%.0f\" y=\"%.0f\" class=\"m\">", (c->left + c->right) / 2,
                bottom + 40);
    axis_words(p->out, p->kind->gp, "set xlabel '");
    la_text_add(p->out, "</text>\n<text class=\"m\" transform=\"translate(14 %.0f) rotate(-90)\">",
                (top + bottom) / 2);
    axis_words(p->out, p->kind->gp, "set ylabel '");
    la_text_add(p->out, "</text>\n");
}

static void rules(const pen *p)
{
    const la_canvas *c = p->c;
    for (size_t i = 0; i < c->n_rules; i++) {
        const la_rule *r = &c->rules[i];
        if (!r->inside) continue;
        if (r->slope > 0) {
            la_stroke s = la_canvas_slope(c, r);
            double x0 = px(p, s.x0), y0 = py(p, s.y0), x1 = px(p, s.x1), y1 = py(p, s.y1);
            double length = hypot(x1 - x0, y1 - y0);
            if (!(length > 0)) continue;
            la_text_add(p->out,
                        "<path class=\"rule\" d=\"M%.1f %.1fL%.1f %.1f\"/><text class=\"e s\" "
                        "transform=\"translate(%.1f %.1f) rotate(%.1f)\">",
                        x0, y0, x1, y1, x1 - 0.04 * (x1 - x0), y1 - 0.04 * (y1 - y0),
                        atan2(y1 - y0, x1 - x0) * 57.29577951308232);
            la_text_add(p->out, "<tspan dy=\"%d\">", r->below ? 12 : -5);
            la_html_text(p->out, r->label);
            la_text_add(p->out, "</tspan></text>\n");
            continue;
        }
        double width = c->right - c->left, y = py(p, r->y);
        la_text_add(p->out,
                    "<path class=\"rule\" d=\"M%.1f %.1fH%.1f\"/><text class=\"%ss\" x=\"%.1f\" "
                    "y=\"%.1f\">",
                    c->left + la_canvas_roof(c, r) * width, y, c->right, r->to_left ? "e " : "",
                    c->left + r->at * width, y + (r->below ? 11 : -4));
        la_html_text(p->out, r->label);
        la_text_add(p->out, "</text>\n");
    }
    for (int n = 1; n <= 2 && p->kind->guides; n++) {
        la_stroke s = la_canvas_guide(c, n);
        double x0 = px(p, s.x0), y0 = py(p, s.y0), x1 = px(p, s.x1), y1 = py(p, s.y1);
        la_text_add(
            p->out,
            "<path class=\"guide\" d=\"M%.1f %.1fL%.1f %.1f\"/><text class=\"e s\" x=\"%.1f\" "
            "y=\"%.1f\"><tspan class=\"i\">T</tspan>%s</text>\n",
            x0, y0, x1, y1, x0 + 0.93 * (x1 - x0) - 4, y0 + 0.93 * (y1 - y0) - 5,
            n == 2 ? "<tspan dy=\"-4\" font-size=\"8\">2</tspan>" : "");
    }
}

/* ---- lines ---- */

/* The colour by night: light enough on a dark page; black becomes nearly white. */
static void night(const char *colour, char out[8])
{
    unsigned rgb = (unsigned)strtoul(*colour == '#' ? colour + 1 : "888888", NULL, 16);
    double c[3] = {(rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0};
    double light = 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
    bool grey = fmax(c[0], fmax(c[1], c[2])) - fmin(c[0], fmin(c[1], c[2])) < 0.05;
    double least = grey ? 0.85 : 0.5;
    double more = light < least ? (least - light) / (1 - light) : 0;
    for (int i = 0; i < 3; i++) c[i] += more * (1 - c[i]);
    snprintf(out, 8, "#%02x%02x%02x", (unsigned)lround(255 * c[0]) & 255,
             (unsigned)lround(255 * c[1]) & 255, (unsigned)lround(255 * c[2]) & 255);
}

static void begin_series(const pen *p, const la_series *s, const char *of)
{
    char light[8];
    night(s->colour, light);
    la_text_add(p->out, "<g class=\"%s\" data-s=\"%td\" style=\"--c:%s;--k:%s\">", of,
                s - p->lines->v, s->colour, light);
}

static bool drawn(const pen *p, const la_point *point)
{
    return la_point_good(point) && (!p->c->ylog || point->y > 0);
}

static void add_value(la_text *out, la_yscale scale, double y)
{
    char text[24];
    if (scale == LA_SCALE_TIME)
        la_html_time(out, y, (double)NAN, (double)NAN, false);
    else if (scale == LA_SCALE_BYTES)
        la_text_add(out, "%s", la_format_bytes(y, text));
    else if (scale == LA_SCALE_PART)
        la_text_add(out, "%.3f", y);
    else
        la_text_add(out, "%.3g", y);
}

static void add_x(la_text *out, la_xscale scale, double x)
{
    char text[24];
    if (scale == LA_X_LENGTH)
        la_text_add(out, "%s tokens", la_format_count((int64_t)x, text));
    else if (scale == LA_X_TIME)
        add_value(out, LA_SCALE_TIME, x);
    else if (scale == LA_X_BYTES)
        add_value(out, LA_SCALE_BYTES, x);
    else
        la_text_add(out,
                    scale == LA_X_STEP      ? "step %.6g"
                    : scale == LA_X_THREADS ? "%.6g threads"
                                            : "%.4g",
                    x);
}

/* "flash at 8k tokens: 7.31 ms [7.24 ms, 7.40 ms], n 42" */
static void add_title(const pen *p, const la_series *s, const la_point *point)
{
    la_text *out = p->out;
    char count[24];
    la_text_add(out, "<title>");
    la_html_text(out, s->label);
    la_text_add(out, "%s at ", s->marked ? "†" : "");
    add_x(out, p->kind->x, point->x);
    if (isfinite(point->size))
        la_text_add(out, ", %s tokens", la_format_count((int64_t)point->size, count));
    la_text_add(out, ": ");
    add_value(out, p->kind->scale, point->y);
    if (isfinite(point->lo) && isfinite(point->hi)) {
        la_text_add(out, " [");
        add_value(out, p->kind->scale, point->lo);
        la_text_add(out, ", ");
        add_value(out, p->kind->scale, point->hi);
        la_text_add(out, "]");
    }
    if (point->n > 0) la_text_add(out, ", n %lld", (long long)point->n);
    la_text_add(out, "</title>");
}

/* Error bars and joined points; a point without a number is a gap. */
static void add_paths(const pen *p, const la_series *s, double dx)
{
    bool joined = false, any = false;
    for (size_t j = 0; j < s->n; j++) {
        const la_point *q = &s->points[j];
        if (!drawn(p, q) || !isfinite(q->lo) || !isfinite(q->hi)) continue;
        double lo = p->c->ylog ? fmax(q->lo, p->c->ylo) : q->lo;
        la_text_add(p->out, any ? "M%.1f %.1fV%.1f" : "<path class=\"bar\" d=\"M%.1f %.1fV%.1f",
                    px(p, q->x) + dx, py(p, lo), py(p, q->hi));
        any = true;
    }
    if (any) la_text_add(p->out, "\"/>");
    if (p->kind->sizes || p->kind->front) return;
    any = false;
    for (size_t j = 0; j < s->n; j++) {
        const la_point *q = &s->points[j];
        if (!drawn(p, q)) {
            joined = false;
            continue;
        }
        if (!any) la_text_add(p->out, "<path class=\"line d%d\" d=\"", s->dash);
        la_text_add(p->out, "%c%.1f %.1f", joined ? 'L' : 'M', px(p, q->x) + dx, py(p, q->y));
        joined = any = true;
    }
    if (any) la_text_add(p->out, "\"/>");
}

static void add_seeds(const pen *p, const la_point *q, double x)
{
    if (!q->seeds) return;
    for (const char *at = q->seeds; *at;) {
        char *end;
        double y = strtod(at, &end);
        if (end == at) return;
        la_text_add(p->out, "<circle class=\"seed\" cx=\"%.1f\" cy=\"%.1f\" r=\"1.7\"/>", x,
                    py(p, y));
        at = end + strspn(end, " ");
    }
}

static void add_points(const pen *p, const la_series *s, double dx)
{
    double range = p->c->size_hi > p->c->size_lo ? log(p->c->size_hi / p->c->size_lo) : 0;
    for (size_t j = 0; j < s->n; j++) {
        const la_point *q = &s->points[j];
        if (!drawn(p, q)) continue;
        double x = px(p, q->x) + dx, y = py(p, q->y), scale = 1;
        if (p->kind->sizes && isfinite(q->size))
            scale = 0.53 + (range > 0 ? 1.2 * log(q->size / p->c->size_lo) / range : 0);
        add_seeds(p, q, x);
        la_text_add(p->out, "<g class=\"p\" transform=\"translate(%.1f %.1f)%s", x, y,
                    p->kind->sizes ? "" : "\">");
        if (p->kind->sizes) la_text_add(p->out, " scale(%.2f)\">", scale);
        add_title(p, s, q);
        la_text_add(p->out, "<circle r=\"9\"/><use href=\"#p%d\"/></g>", s->shape);
    }
}

static void series(const pen *p)
{
    double hair = la_canvas_hair(p->kind, p->lines);
    for (size_t i = 0; i < p->lines->n; i++) {
        const la_series *s = &p->lines->v[i];
        double dx = hair * ((double)i - 0.5 * (double)(p->lines->n - 1));
        begin_series(p, s, "s");
        add_paths(p, s, dx);
        add_points(p, s, dx);
        la_text_add(p->out, "</g>\n");
    }
}

static void front(const pen *p)
{
    const la_point *points[64];
    size_t n = p->kind->front ? la_lines_front(p->lines, points, LA_COUNT(points)) : 0;
    if (n == 0) return;
    la_text_add(p->out, "<path class=\"guide\" d=\"M%.1f %.1f", px(p, points[0]->x),
                py(p, points[0]->y));
    for (size_t i = 1; i < n; i++)
        la_text_add(p->out, "H%.1fV%.1f", px(p, points[i]->x), py(p, points[i]->y));
    la_text_add(p->out, "H%.1f\"/>\n", p->c->right);
}

static void marks(const pen *p)
{
    const la_canvas *c = p->c;
    if (c->n_marks)
        la_text_add(p->out, "<path class=\"guide\" d=\"M%.0f %.1fH%.0f\"/>\n", c->left,
                    py(p, c->data_hi), c->right);
    for (size_t m = 0; m < c->n_marks; m++) {
        const la_mark *mark = &c->marks[m];
        double y = c->height - mark->py;
        begin_series(p, mark->series, "s");
        la_text_add(p->out, "<g class=\"p\" transform=\"translate(%.1f %.1f)\"><title>", mark->px,
                    y);
        la_html_text(p->out, mark->text);
        if (mark->point->message && *mark->point->message) {
            la_text_add(p->out, ": ");
            la_html_text(p->out, mark->point->message);
        }
        la_text_add(p->out,
                    "</title><circle r=\"9\"/><use href=\"#p%d\"/></g><text class=\"mark%s\" "
                    "x=\"%.1f\" y=\"%.1f\">",
                    la_mark_shape(mark->point->outcome), mark->to_left ? " e" : "",
                    mark->px + (mark->to_left ? -9 : 9), y + 3);
        la_html_text(p->out, mark->text);
        la_text_add(p->out, "</text></g>\n");
    }
}

/* The key, right of the plot, in the order of the lines' ends. */
static void key(const pen *p)
{
    const la_canvas *c = p->c;
    for (size_t i = 0; i < c->n_tags; i++) {
        const la_tag *t = &c->tags[i];
        const la_series *s = t->series;
        double y = c->height - t->py;
        begin_series(p, s, "s key");
        if (t->leader)
            la_text_add(p->out, "<path class=\"leader\" d=\"M%.1f %.1fL%.1f %.1f\"/>", px(p, t->x),
                        py(p, t->y), t->px - 2, y);
        if (!p->kind->front && !p->kind->sizes)
            la_text_add(p->out, "<path class=\"line d%d\" d=\"M%.1f %.1fh%d\"/>", s->dash, t->px, y,
                        LA_KEY_PX);
        la_text_add(p->out,
                    "<use href=\"#p%d\" x=\"%.1f\" y=\"%.1f\"/><text x=\"%.1f\" y=\"%.1f\">",
                    s->shape, t->px + LA_KEY_PX / 2.0, y, t->px + LA_KEY_PX + 6, y + 4);
        la_html_text(p->out, s->label);
        la_text_add(p->out, "%s", s->marked ? "†" : "");
        if (p->kind->fit && isfinite(s->exponent)) {
            double e = fabs(s->exponent) < 0.005 ? 0 : s->exponent; /* no -0.00 */
            la_text_add(p->out,
                        " <tspan class=\"x\"><tspan class=\"i\">T</tspan><tspan dy=\"-4\" "
                        "font-size=\"8\">%.2f</tspan></tspan>",
                        e);
        }
        la_text_add(p->out, "</text></g>\n");
    }
}

void la_html_svg(la_text *out, const la_kind *kind, const la_sketch *sketch, const char *title)
{
    pen p = {out, &sketch->canvas, kind, &sketch->lines};
    la_text_add(out, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", LA_FIGURE_WIDTH,
                sketch->canvas.height - 26);
    la_html_text(out, title);
    /* The title stands above the figure, and the place that gnuplot gives it is cut off. */
    la_text_add(out, "\">\n<g transform=\"translate(0 -26)\">\n");
    frame(&p);
    rules(&p);
    front(&p);
    series(&p);
    marks(&p);
    key(&p);
    la_text_add(out, "</g></svg>\n");
}

void la_html_shapes(la_text *out)
{
    la_text_add(out, "<svg width=\"0\" height=\"0\" class=\"shapes\" aria-hidden=\"true\"><defs>"
                     "<path id=\"p7\" d=\"M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z\"/>"
                     "<path id=\"p5\" d=\"M-3.3 -3.3h6.6v6.6h-6.6z\"/>"
                     "<path id=\"p9\" d=\"M0 -4.6L4.2 2.9H-4.2z\"/>"
                     "<path id=\"p11\" d=\"M0 4.6L4.2 -2.9H-4.2z\"/>"
                     "<path id=\"p13\" d=\"M0 -4.8L4.8 0L0 4.8L-4.8 0z\"/>"
                     "<path id=\"p15\" d=\"M0 -4.4L4.2 -1.4L2.6 3.6H-2.6L-4.2 -1.4z\"/>"
                     "<path id=\"p2\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.8\" "
                     "d=\"M-4 -4L4 4M-4 4L4 -4\"/>"
                     "<path id=\"p6\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.8\" "
                     "d=\"M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z\"/>"
                     "<path id=\"p8\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.8\" "
                     "d=\"M0 -4.6L4.2 2.9H-4.2z\"/></defs></svg>\n");
}
