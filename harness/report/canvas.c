/* SPDX-License-Identifier: Apache-2.0 */
#include "canvas.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

enum { LABEL_GAP = 15, BAND_ROW = 16, MARK_FONT = 9, LABEL_FONT = 10 };

double la_text_px(const char *text, double font)
{
    double n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80; /* characters, not bytes */
    return n * font * 0.62;
}

static double place(double v, double lo, double hi, bool is_log)
{
    return is_log ? log(v / lo) / log(hi / lo) : (v - lo) / (hi - lo);
}

double la_canvas_px(const la_canvas *c, double x)
{
    return c->left + (c->right - c->left) * place(x, c->xlo, c->xhi, c->xlog);
}

double la_canvas_py(const la_canvas *c, double y)
{
    return c->bottom + (c->top - c->bottom) * place(y, c->ylo, c->yhi, c->ylog);
}

double la_canvas_y_at(const la_canvas *c, double py)
{
    double f = (py - c->bottom) / (c->top - c->bottom);
    return c->ylog ? c->ylo * pow(c->yhi / c->ylo, f) : c->ylo + f * (c->yhi - c->ylo);
}

void la_canvas_ranges(la_canvas *c, const la_kind *kind, const la_lines *lines)
{
    double xmin = DBL_MAX, xmax = 0, ymin = DBL_MAX, ymax = 0;
    c->ylog = kind->scale <= LA_SCALE_ERROR;
    c->xlog = kind->x != LA_X_STEP && kind->x != LA_X_THREADS;
    c->size_lo = DBL_MAX;
    for (size_t i = 0; i < lines->n; i++)
        for (size_t j = 0; j < lines->v[i].n; j++) {
            const la_point *p = &lines->v[i].points[j];
            xmin = fmin(xmin, p->x);
            xmax = fmax(xmax, p->x);
            c->size_lo = fmin(c->size_lo, p->size);
            c->size_hi = fmax(c->size_hi, p->size);
            if (!la_point_good(p) || (c->ylog && !(p->y > 0))) continue;
            ymin = fmin(ymin, isfinite(p->lo) && p->lo > 0 ? p->lo : p->y);
            ymax = fmax(ymax, isfinite(p->hi) ? p->hi : p->y);
        }
    c->last_x = xmax;
    for (size_t i = 0; i < c->n_rules; i++) {
        la_rule *r = &c->rules[i];
        r->inside = kind->scale != LA_SCALE_RATE || r->y <= 2.5 * ymax;
        if (!r->inside) continue;
        ymax = fmax(ymax, r->y);
        if (c->ylog) ymin = fmin(ymin, r->y);
        if (!c->xlog || !(r->slope > 0)) continue;
        xmin = fmin(xmin, 0.4 * r->y / r->slope); /* where the lines meet is always seen */
        xmax = fmax(xmax, 2.5 * r->y / r->slope);
    }
    if (!(ymax > 0)) ymax = 1; /* rates of a variant that does no operations */
    bool measured = kind->x == LA_X_TIME || kind->x == LA_X_BYTES;
    if (measured && xmax > xmin && xmax < 4 * xmin) xmin /= 2, xmax *= 2; /* little is not much */
    double air = xmax > xmin ? pow(xmax / xmin, 0.03) : 2;
    c->xlo = c->xlog ? xmin / air : 0;
    c->xhi = c->xlog ? xmax * air : xmax > 0 ? 1.03 * xmax : 1;
    if (c->ylog) {
        if (ymax < 4 * ymin) ymin /= 2, ymax *= 2;
        double pad = pow(ymax / ymin, 0.06);
        c->ylo = ymin / pad;
        c->data_hi = ymax * pad;
    } else {
        c->ylo = kind->scale == LA_SCALE_PART ? -0.03 : 0;
        c->data_hi = kind->scale == LA_SCALE_PART ? 1.04 : ymax * 1.06;
    }
    c->yhi = c->data_hi;
}

/* ---- failures ---- */

static bool is_failure(const la_point *p)
{
    return la_outcome_mark(p->outcome) != NULL;
}

/* Every first of a run of equal failures gets a mark. */
static la_status find_marks(la_canvas *c, const la_lines *lines, bool lengths, la_err *err)
{
    size_t cap = 0;
    for (size_t i = 0; i < lines->n; i++) {
        const la_series *s = &lines->v[i];
        for (size_t j = 0; j < s->n; j++) {
            const la_point *p = &s->points[j];
            if (!is_failure(p)) continue;
            const char *word = la_outcome_mark(p->outcome);
            const char *before = j > 0 ? la_outcome_mark(s->points[j - 1].outcome) : NULL;
            if (before && strcmp(before, word) == 0) continue;
            void *grown = c->marks;
            LA_TRY(la_grow(&grown, &cap, c->n_marks + 1, sizeof *c->marks, err));
            c->marks = grown;
            la_mark *m = &c->marks[c->n_marks++];
            char at[24];
            *m = (la_mark){.series = s, .point = p};
            snprintf(at, sizeof at, "%.0f", p->x);
            if (isfinite(p->size))
                la_format_count((int64_t)p->size, at);
            else if (lengths)
                la_format_count((int64_t)p->x, at);
            snprintf(m->text, sizeof m->text, "%.48s%s: %s at %s%s", s->label, s->marked ? "†" : "",
                     word, at, strncmp(p->outcome, "predicted", 9) == 0 ? " (predicted)" : "");
        }
    }
    return LA_OK;
}

/* Rows of the band such that no two texts touch; a mark's py is the number of its row until the height of
 * the figure is known. */
static void place_marks(la_canvas *c)
{
    enum { ROWS = 64 };
    double ends[ROWS][2]; /* what is taken in each row: leftmost, rightmost */
    int rows = 0;
    for (size_t i = 0; i < c->n_marks; i++) {
        la_mark *m = &c->marks[i];
        double width = la_text_px(m->text, MARK_FONT) + 12;
        m->px = la_canvas_px(c, m->point->x);
        m->to_left = m->px + width > c->right;
        double from = m->to_left ? m->px - width : m->px - 6, to = from + width + 6;
        int row = 0;
        while (row < rows && from < ends[row][1] && to > ends[row][0]) row++;
        if (row == ROWS) row = ROWS - 1;
        if (row == rows) {
            ends[row][0] = from;
            ends[row][1] = to;
            rows++;
        } else {
            ends[row][0] = fmin(ends[row][0], from);
            ends[row][1] = fmax(ends[row][1], to);
        }
        m->py = row;
    }
    c->band_rows = rows;
}

/* The key and the band have room, and the data most of what there is. */
static void choose_height(la_canvas *c, const la_lines *lines)
{
    enum { BAND_INSIDE = 5 }; /* rows that the usual height has room for */
    size_t named = 0;
    for (size_t i = 0; i < lines->n; i++)
        for (size_t j = 0; j < lines->v[i].n; j++)
            if (la_point_good(&lines->v[i].points[j])) {
                named++;
                break;
            }
    double key = c->bottom + 40 + LABEL_GAP * (double)named;
    int more = c->band_rows > BAND_INSIDE ? c->band_rows - BAND_INSIDE : 0;
    c->height = fmax(LA_FIGURE_HEIGHT + BAND_ROW * more, key);
    c->top = c->height - 40;
    for (size_t i = 0; i < c->n_marks; i++)
        c->marks[i].py = c->top - BAND_ROW * (c->marks[i].py + 0.6);
}

/* Makes room above the data for the band. */
static void raise_top(la_canvas *c)
{
    if (c->band_rows == 0) return;
    double part = (BAND_ROW * c->band_rows + 8) / (c->top - c->bottom);
    if (c->ylog)
        c->yhi = c->ylo * pow(c->data_hi / c->ylo, 1 / (1 - part));
    else
        c->yhi = c->ylo + (c->data_hi - c->ylo) / (1 - part);
}

/* ---- names at the line ends ---- */

static double tag_width(const la_series *s, bool fit)
{
    return la_text_px(s->label, LABEL_FONT) + (s->marked ? 6 : 0) +
           (fit && isfinite(s->exponent) ? 36 : 0);
}

static int by_py(const void *a, const void *b)
{
    const la_tag *x = a, *y = b;
    if (x->py != y->py) return x->py < y->py ? -1 : 1;
    return strcmp(x->series->label, y->series->label);
}

/* Moves sorted labels apart as little as possible: labels that would touch become a block, whose
 * middle is the mean of where its members want to be; blocks that touch are joined. */
static void spread(la_tag *tags, size_t n, double lo, double hi)
{
    enum { MAX = 128 };
    double first[MAX]; /* place of each block's lowest label */
    size_t begin[MAX + 1], blocks = 0;
    if (n > MAX) n = MAX;
    double gap = n > 1 ? fmin(LABEL_GAP, (hi - lo) / (double)(n - 1)) : LABEL_GAP;
    for (size_t i = 0; i < n; i++) {
        begin[blocks] = i;
        first[blocks++] = tags[i].py;
        begin[blocks] = i + 1;
        for (;;) {
            size_t b = blocks - 1, len = begin[b + 1] - begin[b];
            double mean = 0, height = gap * (double)(len - 1);
            for (size_t k = begin[b]; k < begin[b + 1]; k++) mean += tags[k].py / (double)len;
            first[b] = fmax(lo, fmin(hi - height, mean - height / 2));
            if (b == 0) break;
            double below = first[b - 1] + gap * (double)(begin[b] - begin[b - 1]);
            if (first[b] >= below) break;
            begin[b] = begin[b + 1]; /* joins the block below */
            blocks--;
        }
    }
    for (size_t b = 0; b < blocks; b++)
        for (size_t k = begin[b]; k < begin[b + 1]; k++)
            tags[k].py = first[b] + gap * (double)(k - begin[b]);
}

double la_canvas_roof(const la_canvas *c, const la_rule *roof)
{
    double steepest = 0;
    for (size_t i = 0; i < c->n_rules; i++) steepest = fmax(steepest, c->rules[i].slope);
    if (!(steepest > 0) || !c->xlog) return 0;
    return fmax(0, (la_canvas_px(c, roof->y / steepest) - c->left) / (c->right - c->left));
}

/* How much a box of text covers points and lines of the figure. */
static double covered(const la_canvas *c, const la_lines *lines, double x, double y, double width)
{
    double hits = 0;
    for (size_t i = 0; i < lines->n; i++) {
        const la_series *s = &lines->v[i];
        double px0 = NAN, py0 = NAN;
        for (size_t j = 0; j < s->n; j++) {
            const la_point *p = &s->points[j];
            if (!la_point_good(p) || (c->ylog && !(p->y > 0))) {
                px0 = NAN;
                continue;
            }
            double px1 = la_canvas_px(c, p->x), py1 = la_canvas_py(c, p->y);
            enum { STEPS = 16 };
            for (int k = 1; k <= STEPS; k++) {
                double f = isfinite(px0) ? (double)k / STEPS : 1;
                double px = isfinite(px0) ? px0 + f * (px1 - px0) : px1;
                double py = isfinite(px0) ? py0 + f * (py1 - py0) : py1;
                hits += px > x - 3 && px < x + width + 3 && fabs(py - y) < 8;
            }
            px0 = px1;
            py0 = py1;
        }
    }
    if (y < c->bottom + 4 || y > la_canvas_py(c, c->data_hi) - 4) hits += 40;
    if (x < c->left || x + width > c->right) hits += 1e4; /* into the key */
    return hits;
}

/* A line that ends before the others is named too, without a leader across them. */
static la_status place_tags(la_canvas *c, const la_lines *lines, bool leaders, la_err *err)
{
    c->tags = la_alloc((lines->n + 1) * sizeof *c->tags, err);
    if (!c->tags) return LA_E_NOMEM;
    for (size_t i = 0; i < lines->n; i++) {
        const la_series *s = &lines->v[i];
        const la_point *last = NULL;
        for (size_t j = 0; j < s->n; j++)
            if (la_point_good(&s->points[j]) && (!c->ylog || s->points[j].y > 0))
                last = &s->points[j];
        if (!last) continue;
        c->tags[c->n_tags++] = (la_tag){.series = s,
                                        .x = last->x,
                                        .y = last->y,
                                        .px = c->right + 16,
                                        .py = la_canvas_py(c, last->y),
                                        .leader = leaders && !(last->x < c->last_x)};
    }
    qsort(c->tags, c->n_tags, sizeof *c->tags, by_py);
    spread(c->tags, c->n_tags, c->bottom + 4, c->top - 4);
    for (size_t i = 0; i < c->n_tags; i++)
        c->tags[i].leader &= fabs(c->tags[i].py - la_canvas_py(c, c->tags[i].y)) > 1;
    return LA_OK;
}

/* Whether a slope goes through a box of text. */
static bool crossed(const la_canvas *c, const la_rule *slope, double x, double y, double width)
{
    bool hit = false;
    la_stroke s = la_canvas_slope(c, slope);
    double x0 = la_canvas_px(c, s.x0), y0 = la_canvas_py(c, s.y0);
    double rise = (la_canvas_py(c, s.y1) - y0) / (la_canvas_px(c, s.x1) - x0);
    for (double px = x - 3; px < x + width + 3; px += 2)
        hit |= px >= x0 && px <= la_canvas_px(c, s.x1) && fabs(y0 + rise * (px - x0) - y) < 8;
    return hit;
}

/* How much a rule's name covers the lines and names of others, of which those before it are placed. */
static double others(const la_canvas *c, size_t rule, double x, double y, double width)
{
    double hits = 0, wide = c->right - c->left;
    for (size_t i = 0; i < c->n_rules; i++) {
        const la_rule *o = &c->rules[i];
        if (i == rule || !o->inside) continue;
        if (o->slope > 0) {
            hits += crossed(c, o, x, y, width) ? 20 : 0;
            continue;
        }
        double py = la_canvas_py(c, o->y);
        hits += fabs(py - y) < 7 ? 2 : 0;
        if (i > rule) continue;
        double from = c->left + o->at * wide, to = from + la_text_px(o->label, MARK_FONT);
        bool beside = fabs(py + (o->below ? -8 : 8) - y) < 13;
        hits += beside && x < to + 4 && x + width > from - 4 ? 100 : 0;
    }
    return hits;
}

/* Slopes may lie as good as upon one another: the name of the steepest stands above it, those of others below. */
static void place_slopes(la_canvas *c)
{
    for (size_t i = 0; i < c->n_rules; i++)
        for (size_t j = 0; j < c->n_rules; j++)
            c->rules[i].below |= c->rules[i].slope > 0 && c->rules[j].inside &&
                                 c->rules[j].slope > c->rules[i].slope;
}

/* Each rule's name stands where it covers least. */
static void place_rules(la_canvas *c, const la_lines *lines)
{
    static const double tries[] = {0.01, 0.25, 0.5, 0.75};
    place_slopes(c);
    for (size_t i = 0; i < c->n_rules; i++) {
        la_rule *r = &c->rules[i];
        double best = DBL_MAX, width = la_text_px(r->label, MARK_FONT);
        double from = la_canvas_roof(c, r);
        if (!r->inside) continue;
        for (size_t k = 0; k < 2 * LA_COUNT(tries); k++) {
            double at = from + (1 - from) * tries[k % LA_COUNT(tries)];
            if (r->slope > 0) break; /* its name goes along it */
            bool below = k >= LA_COUNT(tries);
            double x = c->left + at * (c->right - c->left);
            double y = la_canvas_py(c, r->y) + (below ? -8 : 8);
            double cost = covered(c, lines, x, y, width) + others(c, i, x, y, width);
            if (!(cost < best)) continue;
            best = cost;
            r->at = at;
            r->below = below;
            r->to_left = false;
        }
        /* A roof that is shorter than its name. */
        if (from > 0 && from * (c->right - c->left) + width > c->right - c->left &&
            !(r->slope > 0)) {
            r->at = 1;
            r->to_left = true;
            r->below = false;
        }
    }
}

la_status la_canvas_layout(la_canvas *c, const la_kind *kind, const la_lines *lines, int below,
                           la_err *err)
{
    double width = 0;
    for (size_t i = 0; i < lines->n; i++) width = fmax(width, tag_width(&lines->v[i], kind->fit));
    c->left = 84;
    c->right = LA_FIGURE_WIDTH - fmin(16 + LA_KEY_PX + 12 + width, LA_FIGURE_WIDTH / 2.2);
    c->bottom = 54 + 13 * below;
    LA_TRY(find_marks(c, lines, kind->x == LA_X_LENGTH, err));
    place_marks(c);
    choose_height(c, lines);
    raise_top(c);
    LA_TRY(place_tags(c, lines, !kind->front && !kind->sizes, err));
    place_rules(c, lines);
    return LA_OK;
}

void la_canvas_release(la_canvas *c)
{
    la_free(c->marks);
    la_free(c->tags);
    *c = (la_canvas){0};
}
