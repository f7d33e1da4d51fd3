/* SPDX-License-Identifier: Apache-2.0
 * Ours against published: a square for each panel of a table, with the line where both are equal.
 */
#include <math.h>
#include <string.h>

#include "alloc.h"
#include "canvas.h"
#include "figure.h"
#include "gnuplot.h"
#include "print.h"

extern const char la_paper_plot_gp[];

/* Pixels of the figure: margins of a square, what stands below one, and where the key is. */
enum { LEFT = 64, GAP = 16, BELOW = 58, HEAD = 62, FOOT = 20, KEY_X = 536, KEY_LINE = 17 };

static const la_plot_how plain; /* svg and png */

typedef struct square {
    size_t p;      /* panel */
    bool logs;     /* both axes */
    double lo, hi; /* of both */
    double left, bottom, side;
} square;

typedef struct picture {
    const la_judged *judged;
    square *squares;
    size_t n;
    la_series *looks; /* of each row */
    double height;
    size_t drawn, undrawn; /* places */
} picture;

/* ---- what there is to draw ---- */

static bool has_point(const la_judged *judged, size_t p, size_t r, size_t c)
{
    const la_found *f = la_judged_cell(judged, p, r, c);
    const la_paper_panel *panel = &judged->paper->panels[p];
    return isfinite(f->published) && isfinite(f->value) && panel->relative != (int)r &&
           la_panel_status(judged->paper, panel) != 'M';
}

static bool row_has_point(const la_judged *judged, size_t p, size_t r)
{
    for (size_t c = 0; c < judged->paper->panels[p].columns.n; c++)
        if (has_point(judged, p, r, c)) return true;
    return false;
}

static void widen(square *s, double x)
{
    if (!isfinite(x)) return;
    s->lo = fmin(s->lo, x);
    s->hi = fmax(s->hi, x);
}

static void find_range(const la_judged *judged, square *s)
{
    const la_paper_panel *panel = &judged->paper->panels[s->p];
    s->lo = (double)INFINITY;
    s->hi = -(double)INFINITY;
    for (size_t r = 0; r < judged->paper->n_rows; r++)
        for (size_t c = 0; c < panel->columns.n; c++) {
            const la_found *f = la_judged_cell(judged, s->p, r, c);
            if (!has_point(judged, s->p, r, c)) continue;
            widen(s, f->published);
            widen(s, f->value);
            widen(s, f->lo);
            widen(s, f->hi);
        }
    s->logs = !la_panel_differs(panel) && s->lo > 0 && s->hi > 8 * s->lo;
    double air = s->logs ? pow(s->hi / s->lo, 0.06) : 0.06 * (s->hi - s->lo);
    if (s->logs) {
        s->lo /= air;
        s->hi *= air;
    } else { /* from 0, and shares to the whole */
        double whole = panel->measure == LA_MEASURE_PERCENT ? 100 : 1;
        if (la_panel_differs(panel)) {
            s->hi = fmax(s->hi, whole);
            air = 0.04 * whole;
        }
        s->lo = fmin(s->lo, 0) - (s->lo < 0 || la_panel_differs(panel) ? air : 0);
        s->hi += air > 0 ? air : 1;
    }
}

/* Rows look like their variants do everywhere, with other points where a variant has several rows. */
static la_status find_looks(picture *pic, la_err *err)
{
    const la_paper *paper = pic->judged->paper;
    pic->looks = la_zalloc((paper->n_rows + 1) * sizeof *pic->looks, err);
    if (!pic->looks) return LA_E_NOMEM;
    for (size_t r = 0; r < paper->n_rows; r++) {
        const la_selectors *select = &paper->rows[r].select[pic->judged->scale];
        int line = 0;
        pic->looks[r].variant = paper->rows[r].key;
        for (size_t i = 0; i < select->n; i++)
            if (strcmp(select->v[i].key, "variant") == 0)
                pic->looks[r].variant = select->v[i].value;
        for (size_t k = 0; k < r; k++)
            line += strcmp(pic->looks[k].variant, pic->looks[r].variant) == 0;
        la_series_look(&pic->looks[r], 0, line);
    }
    return LA_OK;
}

static la_status find_squares(picture *pic, la_err *err)
{
    const la_paper *paper = pic->judged->paper;
    pic->squares = la_zalloc((paper->n_panels + 1) * sizeof *pic->squares, err);
    if (!pic->squares) return LA_E_NOMEM;
    for (size_t p = 0; p < paper->n_panels; p++) {
        bool any = false;
        for (size_t r = 0; r < paper->n_rows; r++) {
            any |= row_has_point(pic->judged, p, r);
            for (size_t c = 0; c < paper->panels[p].columns.n; c++) {
                bool has = has_point(pic->judged, p, r, c);
                pic->drawn += has;
                pic->undrawn += !has && isfinite(la_judged_cell(pic->judged, p, r, c)->published);
            }
        }
        if (!any) continue;
        square *s = &pic->squares[pic->n++];
        s->p = p;
        find_range(pic->judged, s);
    }
    return LA_OK;
}

static void place_squares(picture *pic, int caption_lines)
{
    bool one = pic->n == 1;
    double side = one ? 420 : 188;
    size_t across = one ? 1 : 2, rows = (pic->n + across - 1) / across, keys = 0;
    for (size_t r = 0; r < pic->judged->paper->n_rows; r++)
        for (size_t i = 0; i < pic->n; i++)
            if (row_has_point(pic->judged, pic->squares[i].p, r)) {
                keys++;
                break;
            }
    double foot = FOOT + 13 * caption_lines;
    pic->height =
        fmax(HEAD + foot + (double)rows * (side + BELOW), HEAD + foot + KEY_LINE * (double)keys);
    for (size_t i = 0; i < pic->n; i++) {
        square *s = &pic->squares[i];
        s->side = side;
        s->left = LEFT + (double)(i % across) * (side + LEFT + GAP);
        s->bottom = pic->height - HEAD - side - (double)(i / across) * (side + BELOW);
    }
}

/* ---- the data ---- */

enum { BAND_POINTS = 129 };

/* The line of equal values with what the tolerance allows on either side. */
static void write_band(la_text *dat, const picture *pic, const square *s)
{
    const la_tolerance *t = &pic->judged->paper->panels[s->p].tolerance;
    for (int i = 0; i < BAND_POINTS; i++) {
        double f = (double)i / (BAND_POINTS - 1);
        double x = s->logs ? s->lo * pow(s->hi / s->lo, f) : s->lo + f * (s->hi - s->lo);
        double by = !t->given ? 0 : t->relative ? t->value * fabs(x) : t->value;
        double least =
            s->logs ? fmax(x - by, 1e-3 * s->lo) : x - by; /* gnuplot cuts off the rest */
        la_text_add(dat, "%.6g %.6g %.6g\n", x, least, x + by);
    }
}

static void write_data(la_text *dat, const picture *pic)
{
    const la_judged *judged = pic->judged;
    la_text_add(dat, "# %s at scale %s: published ours lo hi column\n", judged->paper->id,
                la_scale_name(judged->scale));
    for (size_t i = 0; i < pic->n; i++) {
        const square *s = &pic->squares[i];
        const la_paper_panel *panel = &judged->paper->panels[s->p];
        la_text_add(dat, "%s# panel %s: x, and the tolerance around it\n", i ? "\n\n" : "",
                    panel->name);
        write_band(dat, pic, s);
        for (size_t r = 0; r < judged->paper->n_rows; r++) {
            if (!row_has_point(judged, s->p, r)) continue;
            la_text_add(dat, "\n\n# panel %s, row %s\n", panel->name, judged->paper->rows[r].key);
            for (size_t c = 0; c < panel->columns.n; c++) {
                const la_found *f = la_judged_cell(judged, s->p, r, c);
                if (!has_point(judged, s->p, r, c)) continue;
                la_text_add(dat, "%.6g %.6g %.6g %.6g ", f->published, f->value,
                            isfinite(f->lo) ? f->lo : f->value, isfinite(f->hi) ? f->hi : f->value);
                la_dat_quote(dat, panel->columns.v[c]);
                la_text_add(dat, "\n");
            }
        }
    }
}

/* ---- the commands ---- */

static void put_text(la_text *out, const picture *pic, const char *text, double x, double y,
                     const char *how)
{
    la_text_add(out, "set label ");
    la_gp_quote(out, text);
    la_text_add(out, " at screen %.4f, screen %.4f %s\n", x / LA_FIGURE_WIDTH, y / pic->height,
                how);
}

static void write_key(la_text *out, const picture *pic)
{
    const la_paper *paper = pic->judged->paper;
    double y = pic->height - HEAD - 8;
    for (size_t r = 0; r < paper->n_rows; r++) {
        char how[120];
        bool any = false;
        for (size_t i = 0; i < pic->n; i++) any |= row_has_point(pic->judged, pic->squares[i].p, r);
        if (!any) continue;
        snprintf(
            how, sizeof how,
            "left font ',10' tc rgb '#111111' point pt %d ps 0.8 lc rgb '%s' offset char 1.2, 0",
            pic->looks[r].shape, pic->looks[r].colour);
        put_text(out, pic, paper->rows[r].title, KEY_X, y, how);
        y -= KEY_LINE;
    }
}

static size_t write_square(la_text *out, const picture *pic, const square *s, const char *stem,
                           size_t block)
{
    const la_judged *judged = pic->judged;
    const la_paper_panel *panel = &judged->paper->panels[s->p];
    la_text heading = {0};
    la_panel_heading(judged->paper, panel, &heading);
    bool fits = la_text_px(la_text_str(&heading), 10) < s->side + LEFT;
    put_text(out, pic, fits ? la_text_str(&heading) : panel->title, s->left - 40,
             s->bottom + s->side + 14, "left font ',10' tc rgb '#111111'");
    out->failed |= heading.failed;
    la_text_release(&heading);
    la_text_add(out,
                "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen "
                "%.4f\nset tmargin at screen %.4f\n%s\nset xrange [%.6g:%.6g]\nset yrange "
                "[%.6g:%.6g]\nset xlabel 'paper' offset 0, 0.4\nset ylabel 'ours' offset 1\n",
                s->left / LA_FIGURE_WIDTH, (s->left + s->side) / LA_FIGURE_WIDTH,
                s->bottom / pic->height, (s->bottom + s->side) / pic->height,
                s->logs ? "set logscale xy 10" : "unset logscale xy", s->lo, s->hi, s->lo, s->hi);
    la_text_add(out,
                "plot '%s.dat' index %zu using 1:2:3 with filledcurves lc rgb '#dfe7ee', \\\n"
                "     '' index %zu using 1:1 with lines dt 2 lw 0.8 lc rgb '#777777'",
                stem, block, block);
    block++;
    for (size_t r = 0; r < judged->paper->n_rows; r++) {
        if (!row_has_point(judged, s->p, r)) continue;
        la_text_add(
            out,
            ", \\\n     '' index %zu using 1:2:3:4 with yerrorbars pt %d ps 0.7 lw 1 lc rgb "
            "'%s'",
            block++, pic->looks[r].shape, pic->looks[r].colour);
    }
    la_text_add(out, "\nunset label\n");
    return block;
}

static void write_caption(la_text *out, const picture *pic)
{
    const la_judged *judged = pic->judged;
    la_text_add(
        out,
        "Each point is a place of the table: %zu of %zu that have a published value. Dashed: "
        "equal; shaded: the tolerance stated. Bars: our intervals. Paper: %s, %s (%s). "
        "Here, scale %s: %s.",
        pic->drawn, pic->drawn + pic->undrawn, judged->paper->paper, judged->paper->place,
        la_status_meaning(judged->paper->status), la_scale_name(judged->scale),
        judged->paper->text[judged->scale]);
    for (size_t i = 0; i < judged->sweeps.n; i++)
        la_text_add(out, "%s%s", i ? ", " : " Sweep ", judged->sweeps.v[i]);
    if (judged->sweeps.n)
        la_text_add(out, ", %s, %s.", judged->date ? judged->date : "",
                    judged->machine ? judged->machine : "");
}

static la_status compose(picture *pic, const char *stem, la_text *dat, la_text *gp, la_err *err)
{
    la_text caption = {0}, body = {0}, svg = {0}, png = {0};
    const char *title = pic->judged->paper->title;
    write_caption(&caption, pic);
    place_squares(pic, la_gp_caption_lines(la_text_str(&caption)));
    put_text(&body, pic, title, 9, pic->height - 18, "left font ',13' tc rgb '#111111'");
    write_key(&body, pic);
    la_gp_caption(&body, la_text_str(&caption), pic->height);
    size_t block = 0;
    for (size_t i = 0; i < pic->n; i++)
        block = write_square(&body, pic, &pic->squares[i], stem, block);
    write_data(dat, pic);
    la_canvas_terminals(&plain, stem, pic->height, &svg, &png);
    const char *pairs[] = {"TITLE", title,
                           "STEM",  stem,
                           "STYLE", la_plot_style,
                           "BODY",  la_text_str(&body),
                           "SVG",   la_text_str(&svg),
                           "PNG",   la_text_str(&png),
                           NULL};
    la_gp_fill(gp, la_paper_plot_gp, pairs);
    bool failed = caption.failed | body.failed | svg.failed | png.failed | dat->failed | gp->failed;
    la_text *all[] = {&caption, &body, &svg, &png};
    for (size_t i = 0; i < LA_COUNT(all); i++) la_text_release(all[i]);
    return failed ? LA_FAIL(err, LA_E_NOMEM, "no memory for the figure %s", stem) : LA_OK;
}

la_status la_paper_plot(const la_judged *judged, const char *dir, bool *drawn, la_err *err)
{
    picture pic = {.judged = judged};
    la_text dat = {0}, gp = {0};
    char stem[80], title[200];
    snprintf(stem, sizeof stem, "%.70s", judged->paper->id);
    snprintf(title, sizeof title, "%.80s: ours against published", judged->paper->title);
    *drawn = false;
    la_status st = find_squares(&pic, err);
    if (st == LA_OK && pic.n) {
        st = find_looks(&pic, err);
        if (st == LA_OK) st = compose(&pic, stem, &dat, &gp, err);
        if (st == LA_OK) st = la_gnuplot_draw(&plain, dir, stem, title, &dat, &gp, err);
        *drawn = st == LA_OK;
    }
    la_free(pic.squares);
    la_free(pic.looks);
    la_text_release(&dat);
    la_text_release(&gp);
    return st;
}
