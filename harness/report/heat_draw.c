/* SPDX-License-Identifier: Apache-2.0
 * How a map is drawn: panels in rows, a box for each pair of values with its number, and the line between
 * what a memory can hold and what it cannot. All places are pixels of the svg, y upwards.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canvas.h"
#include "heat.h"

enum {
    ROW_PX = 25,
    NAME_PX = 22,  /* a panel's name above its boxes */
    AXIS_PX = 36,  /* the words of its x axis and its name below */
    HEAD_PX = 46,  /* title and colours */
    GAP_PX = 16,   /* between panels */
    LEAST_PX = 40, /* of a box, where several panels share a row; a time is longer than a share */
    LEAST_TIME_PX = 54,
    LEAST_NAME_PX = 76,
    MOST_PX = 64,
    MOST_NAME_PX = 96,
    WINNER_FONT = 8,
    STEPS = 64, /* of the scale of colours */
    SCALE_PX = 160
};

typedef struct plan {                         /* where things stand */
    size_t across;                            /* panels in a row */
    double margin, box, pitch, height, below; /* pitch: from panel to panel */
} plan;

/* Dark blue to yellow with evenly rising lightness (five stops of the map cividis), so that it prints in
 * grey and colour blindness takes nothing from it. */
static unsigned sequential(double part)
{
    static const unsigned char stops[5][3] = {
        {0, 32, 77}, {65, 77, 107}, {124, 123, 120}, {188, 175, 111}, {255, 234, 70}};
    double at = fmin(fmax(part, 0), 1) * 4;
    int i = at < 4 ? (int)at : 3;
    unsigned rgb = 0;
    for (int c = 0; c < 3; c++) {
        double from = stops[i][c], to = stops[i + 1][c];
        rgb = rgb << 8 | (unsigned)lround(from + (to - from) * (at - i));
    }
    return rgb;
}

static unsigned blend(unsigned a, unsigned b, double part)
{
    unsigned rgb = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        double x = a >> shift & 255, y = b >> shift & 255;
        rgb = rgb << 8 | (unsigned)lround(x + (y - x) * fmin(fmax(part, 0), 1));
    }
    return rgb;
}

/* Orange where slower than the base, blue where faster, nearly white at 1. */
static unsigned diverging(double part)
{
    return part < 0.5 ? blend(0xd55e00, 0xf7f7f7, 2 * part)
                      : blend(0xf7f7f7, 0x0072b2, 2 * part - 1);
}

static unsigned colour_of(const la_heat *heat, double part)
{
    return heat->map == LA_MAP_RATIO ? diverging(part) : sequential(part);
}

/* The farthest of a base that a map of ratios shows; the scale is centred at 1. */
static double farthest(const la_heat *heat)
{
    return fmax(1.5, fmax(heat->hi, 1 / heat->lo));
}

/* From 0 to 1: accuracy; time by its logarithm, the fastest 1; a ratio by its logarithm, 1 in the middle. */
static double part_of(const la_heat *heat, double value)
{
    if (heat->map == LA_MAP_ACCURACY) return value;
    if (heat->map == LA_MAP_RATIO) return 0.5 + 0.5 * log(value) / log(farthest(heat));
    return heat->hi > heat->lo ? log(heat->hi / value) / log(heat->hi / heat->lo) : 1;
}

/* A variant's own colour, paler, so that its name can be read on it. */
static unsigned winner_colour(const la_heat_box *b)
{
    la_series s = {.variant = (char *)(uintptr_t)b->winner};
    la_series_look(&s, 0, 0);
    return blend((unsigned)strtoul(s.colour + 1, NULL, 16), 0xffffff, 0.6);
}

static double panel_left(const plan *p, size_t panel)
{
    return 10 + p->pitch * (double)(panel % p->across) + p->margin;
}

/* Of the lowest row's lower edge. */
static double panel_bottom(const plan *p, size_t panel, const la_heat *heat)
{
    double tall = NAME_PX + ROW_PX * (double)heat->n_rows + AXIS_PX;
    return p->height - HEAD_PX - tall * (double)(panel / p->across + 1) + AXIS_PX;
}

/* As many panels in a row as leave their boxes and names legible. */
static void make_plan(plan *p, const la_heat *heat, int caption_lines)
{
    double word = 0, name = 0,
           least = heat->map == LA_MAP_WINNER ? LEAST_NAME_PX
                   : heat->map == LA_MAP_TIME ? LEAST_TIME_PX
                                              : LEAST_PX,
           columns = (double)heat->n_x, wide = LA_FIGURE_WIDTH - 10;
    for (size_t r = 0; r < heat->n_rows; r++) word = fmax(word, la_text_px(heat->row_word[r], 9));
    for (size_t i = 0; i < heat->panels.n; i++)
        name = fmax(name, la_text_px(heat->panels.v[i].label, 10));
    p->margin = word + 28;
    p->across = heat->panels.n;
    for (; p->across > 1; p->across--)
        if (wide / (double)p->across - p->margin - GAP_PX >= fmax(name, least * columns)) break;
    p->box = fmin(heat->map == LA_MAP_WINNER ? MOST_NAME_PX : MOST_PX,
                  (wide / (double)p->across - p->margin - GAP_PX) / columns);
    p->pitch =
        fmin(wide / (double)p->across, p->margin + fmax(p->box * columns, name) + 3 * GAP_PX);
    p->below = 16 + 13.0 * caption_lines;
    size_t rows = (heat->panels.n + p->across - 1) / p->across;
    p->height =
        HEAD_PX + p->below + (NAME_PX + ROW_PX * (double)heat->n_rows + AXIS_PX) * (double)rows;
}

/* ---- boxes ---- */

/* What stands in a box: a number, a variant's name as far as there is room, or why there is neither. */
static void words_of(const la_heat *heat, const la_heat_box *b, double box, char out[64])
{
    char number[32];
    const char *mark = la_outcome_mark(b->outcome), *about = la_heat_unclear(heat, b) ? "≈" : "";
    if (!la_heat_good(b)) {
        bool none = strcmp(b->outcome, "unsupported") == 0 || strcmp(b->outcome, "no_base") == 0;
        snprintf(out, 64, "%s", mark ? mark : none ? "–" : "not run");
    } else if (heat->map == LA_MAP_ACCURACY) {
        snprintf(out, 64, "%.3f", b->value);
    } else if (heat->map == LA_MAP_TIME) {
        snprintf(out, 64, "%s", la_gp_time(b->value, number));
    } else if (heat->map == LA_MAP_RATIO) {
        int digits = b->value < 0.1 ? 4 : b->value < 9.995 ? 2 : b->value < 99.95 ? 1 : 0;
        snprintf(out, 64, "%s%.*f", about, digits, b->value);
    } else {
        int room = (int)(box / la_text_px("m", WINNER_FONT)) - (*about ? 1 : 0);
        bool whole = (int)strlen(b->winner) <= room;
        snprintf(out, 64, "%s%.*s%s", about, whole ? LA_HEAT_NAME : room - 1, b->winner,
                 whole ? "" : "…");
    }
}

static void write_box(la_text *dat, const la_heat *heat, const la_heat_box *b, const plan *p,
                      double left, double bottom)
{
    bool winner = heat->map == LA_MAP_WINNER, good = la_heat_good(b);
    double part = good && !winner ? part_of(heat, b->value) : (double)NAN;
    unsigned fill = isfinite(part) ? colour_of(heat, part) : good ? winner_colour(b) : 0xf2f2f2;
    bool dark = heat->map == LA_MAP_RATIO ? fabs(part - 0.5) > 0.3 : part < 0.55;
    char words[64];
    words_of(heat, b, p->box, words);
    la_text_add(dat, "%.1f %.1f %.2f %d 0x%06x ", left + p->box * ((double)b->x + 0.5),
                bottom + ROW_PX * ((double)b->row + 0.5), p->box, ROW_PX, fill);
    la_dat_quote(dat, words);
    la_text_add(dat, " 0x%06x ", dark ? 0xffffff : 0x222222);
    la_dat_quote(dat, winner ? b->winner : b->panel->label);
    la_text_add(dat, " %s %s", heat->x_word[b->x], heat->row_word[b->row]);
    const double numbers[] = {b->value, b->lo, b->hi, b->n};
    for (size_t i = 0; i < LA_COUNT(numbers); i++)
        la_text_add(dat, isfinite(numbers[i]) ? " %.6g" : " nan", numbers[i]);
    la_text_add(dat, " %s\n", b->outcome);
}

/* Where the share of the memories that the pairs need passes one between two neighbours, the edge between
 * them is a piece of the line. */
static size_t write_line(la_text *dat, const la_heat *heat, const plan *p, bool all_heads)
{
    size_t pieces = 0;
    for (size_t i = 0; i < heat->n; i++) {
        const la_heat_box *b = &heat->boxes[i];
        size_t panel = (size_t)(b->panel - heat->panels.v);
        double left = panel_left(p, panel), bottom = panel_bottom(p, panel, heat);
        const la_heat_box *next[] = {la_heat_find(heat, b->panel, b->x, b->row + 1),
                                     la_heat_find(heat, b->panel, b->x + 1, b->row)};
        for (int k = 0; k < 2; k++) {
            if (!next[k] || !isfinite(b->room) || !isfinite(next[k]->room)) continue;
            if (all_heads && !(b->memories > 1)) continue;
            if (la_heat_beyond(b, all_heads ? b->memories : 1) ==
                la_heat_beyond(next[k], all_heads ? next[k]->memories : 1))
                continue;
            double x = left + p->box * (double)(b->x + (k == 1)),
                   y = bottom + ROW_PX * (double)(b->row + (k == 0));
            la_text_add(dat, "%.1f %.1f %.1f %d\n", x, y, k == 0 ? p->box : 0, k == 0 ? 0 : ROW_PX);
            pieces++;
        }
    }
    return pieces;
}

/* Returns whether the two lines have any pieces. */
static void write_data(la_text *dat, const la_heat *heat, const plan *p, bool has[2])
{
    la_text_add(dat,
                "# x y width height colour words words-colour panel %s %s value lo hi n "
                "outcome\n",
                heat->x_name, heat->row_name);
    for (size_t i = 0; i < heat->n; i++) {
        const la_heat_box *b = &heat->boxes[i];
        size_t panel = (size_t)(b->panel - heat->panels.v);
        write_box(dat, heat, b, p, panel_left(p, panel), panel_bottom(p, panel, heat));
    }
    for (int k = 0; k < 2; k++) {
        la_text_add(dat, "\n\n# as many pairs as independent keys in %s: x y dx dy\n",
                    k ? "all heads" : "one head");
        has[k] = write_line(dat, heat, p, k == 1) > 0;
        if (!has[k]) la_text_add(dat, "nan nan nan nan\n");
    }
}

/* ---- words ---- */

static void put_label(la_text *out, const char *text, double x, double y, const char *how)
{
    la_text_add(out, "set label ");
    la_gp_quote(out, text);
    la_text_add(out, " at first %.1f, first %.1f %s\n", x, y, how);
}

static void panel_words(la_text *out, const la_heat *heat, const plan *p, size_t panel)
{
    const la_series *s = &heat->panels.v[panel];
    double left = panel_left(p, panel), bottom = panel_bottom(p, panel, heat);
    double wide = p->box * (double)heat->n_x, tall = ROW_PX * (double)heat->n_rows;
    char name[96];
    snprintf(name, sizeof name, "%.80s%s", s->label, s->marked ? "†" : "");
    put_label(out, name, left, bottom + tall + 10, "left font ',10' tc rgb '#111111'");
    for (size_t x = 0; x < heat->n_x; x++)
        put_label(out, heat->x_word[x], left + p->box * ((double)x + 0.5), bottom - 9,
                  "center font ',9' tc rgb '#444444'");
    for (size_t r = 0; r < heat->n_rows; r++)
        put_label(out, heat->row_word[r], left - 5, bottom + ROW_PX * ((double)r + 0.5),
                  "right font ',9' tc rgb '#444444'");
    put_label(out, heat->x_name, left + wide / 2, bottom - 22, "center font ',9' tc rgb '#777777'");
    put_label(out, heat->row_name, left - p->margin + 12, bottom + tall / 2,
              "center rotate by 90 font ',9' tc rgb '#777777'");
}

/* The colours from 0 to 1, or from slow to fast, right above. */
static void colour_scale(la_text *out, const la_heat *heat, const plan *p)
{
    char slow[48] = "accuracy 0", fast[48] = "1";
    if (heat->map == LA_MAP_WINNER) return; /* names say who */
    if (heat->map == LA_MAP_TIME) {
        la_gp_time(heat->hi, slow);
        la_gp_time(heat->lo, fast);
    } else if (heat->map == LA_MAP_RATIO) {
        snprintf(slow, sizeof slow, "1/%.3g", farthest(heat));
        snprintf(fast, sizeof fast, "%.3g times", farthest(heat));
    }
    double left = LA_FIGURE_WIDTH - 14 - la_text_px(fast, 9) - SCALE_PX, y = p->height - 20;
    for (int i = 0; i < STEPS; i++)
        la_text_add(out,
                    "set object rectangle from first %.2f, first %.1f to first %.2f, first %.1f "
                    "fc rgb '#%06x' fs solid noborder\n",
                    left + SCALE_PX * (double)i / STEPS, y - 6,
                    left + SCALE_PX * (double)(i + 1) / STEPS + (i + 1 < STEPS ? 0.6 : 0), y + 6,
                    colour_of(heat, (i + 0.5) / STEPS));
    put_label(out, slow, left - 5, y, "right font ',9' tc rgb '#444444'");
    put_label(out, fast, left + SCALE_PX + 5, y, "left font ',9' tc rgb '#444444'");
}

static void plot_command(la_text *out, const la_heat *heat, const char *stem, const bool has[2])
{
    la_text_add(out,
                "'%s.dat' index 0 using 1:2:($1-$3/2):($1+$3/2):($2-$4/2):($2+$4/2):5 with "
                "boxxyerror lc rgb variable, \\\n     '' index 0 using 1:2:6:7 with labels "
                "font ',%d' noenhanced tc rgb variable",
                stem, heat->map == LA_MAP_WINNER ? WINNER_FONT : 9);
    /* White under orange: seen on every colour, and in grey. The full line over the dotted one. */
    for (int k = 1; k >= 0; k--)
        if (has[k])
            la_text_add(out,
                        ", \\\n     '' index %d using 1:2:3:4 with vectors nohead lw 5 lc rgb "
                        "'#ffffff', \\\n     '' index %d using 1:2:3:4 with vectors nohead lw 2.4 "
                        "dt %d lc rgb '#d55e00'",
                        k + 1, k + 1, k ? 3 : 1);
}

la_status la_heat_draw(const la_view *view, const la_heat *heat, const la_kind *kind,
                       const char *stem, const char *caption, la_text *dat, la_text *gp,
                       la_err *err)
{
    la_text frame = {0}, plot = {0}, svg = {0}, png = {0};
    plan p;
    bool has[2];
    make_plan(&p, heat, la_gp_caption_lines(caption));
    la_text_add(&frame,
                "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\n"
                "set tmargin at screen 1\nset xrange [0:%d]\nset yrange [0:%.0f]\n",
                LA_FIGURE_WIDTH, p.height);
    put_label(&frame, heat->title, 9, p.height - 20, "left font ',13' tc rgb '#111111'");
    colour_scale(&frame, heat, &p);
    for (size_t i = 0; i < heat->panels.n; i++) panel_words(&frame, heat, &p, i);
    la_gp_caption(&frame, caption, p.height);
    write_data(dat, heat, &p, has);
    plot_command(&plot, heat, stem, has);
    la_canvas_terminals(&view->how, stem, p.height, &svg, &png);
    const char *pairs[] = {"TITLE", heat->title,        "STEM",  stem,
                           "STYLE", la_plot_style,      "FRAME", la_text_str(&frame),
                           "PLOT",  la_text_str(&plot), "SVG",   la_text_str(&svg),
                           "PNG",   la_text_str(&png),  NULL};
    la_gp_fill(gp, kind->gp, pairs);
    la_status st = LA_OK;
    if (frame.failed | plot.failed | svg.failed | png.failed | dat->failed | gp->failed)
        st = LA_FAIL(err, LA_E_NOMEM, "no memory for the figure %s", kind->name);
    la_text *all[] = {&frame, &plot, &svg, &png};
    for (size_t i = 0; i < LA_COUNT(all); i++) la_text_release(all[i]);
    return st;
}
