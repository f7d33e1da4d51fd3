/* SPDX-License-Identifier: Apache-2.0
 * Ticks, frame and terminals of a figure.
 */
#include <math.h>
#include <stdio.h>

#include "canvas.h"

static void tick(la_ticks *out, const char *label, double at, bool minor)
{
    if (out->n == LA_MAX_TICKS) return;
    struct la_tick *t = &out->v[out->n++];
    *t = (struct la_tick){.at = at, .minor = minor};
    snprintf(t->label, sizeof t->label, "%s", label);
}

/* Powers of two; every one is labelled while there is room. */
static void length_ticks(const la_canvas *c, bool lengths, la_ticks *out)
{
    int first = (int)ceil(log2(c->xlo)), last = (int)floor(log2(c->xhi));
    int step = (last - first) / 12 + 1;
    for (int e = first; e <= last; e++) {
        char label[24];
        double at = ldexp(1.0, e);
        if (e < 0 || e > 60) continue;
        if (lengths)
            la_format_count((int64_t)1 << e, label);
        else
            snprintf(label, sizeof label, "%.0f", at);
        bool named = (last - e) % step == 0;
        tick(out, named ? label : "", at, !named);
    }
    if (out->n == 0) tick(out, "", c->xlo, false);
}

static void decade_label(char label[32], double at, la_yscale scale)
{
    if (scale == LA_SCALE_TIME) {
        static const char *const units[] = {"ns", "µs", "ms", "s"};
        int unit = 0;
        while (at >= 999.5 && unit < 3) at /= 1000, unit++;
        snprintf(label, 32, "%.15g %s", at, units[unit]);
    } else if (at >= 0.01 && at < 1e4) {
        snprintf(label, 32, "%.15g", at);
    } else {
        double e = floor(log10(at) + 1e-9), m = at / pow(10, e);
        if (fabs(m - 1) < 1e-6)
            snprintf(label, 32, "10^{%d}", (int)e);
        else
            snprintf(label, 32, "%.0f·10^{%d}", m, (int)e);
    }
}

static void decade_ticks(double lo, double hi, la_yscale scale, la_ticks *out)
{
    bool close = hi / lo < 60; /* fewer than two decades: 2 and 5 have names too */
    for (int e = (int)floor(log10(lo)); e <= (int)ceil(log10(hi)); e++)
        for (int m = 1; m <= 9; m++) {
            double at = m * pow(10, e);
            if (at < lo || at > hi) continue;
            bool named = m == 1 || (close && (m == 2 || m == 5));
            char label[32];
            decade_label(label, at, scale);
            tick(out, named ? label : "", at, !named);
        }
}

static void byte_ticks(double lo, double hi, la_ticks *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int first = (int)ceil(log2(lo)), last = (int)floor(log2(hi)), step = 1;
    while ((last - first) / step > 8) step *= 2;
    for (int e = first; e <= last; e++) {
        if (e < 0 || e % step != 0) continue;
        char label[24];
        int unit = e / 10 < 4 ? e / 10 : 4;
        snprintf(label, sizeof label, "%.0f %s", ldexp(1.0, e - 10 * unit), units[unit]);
        tick(out, label, ldexp(1.0, e), false);
    }
}

static void linear_ticks(double hi, double top, double least, la_ticks *out)
{
    if (!(top > 0)) top = 1; /* the baselines do no arithmetic: their throughput is 0 */
    double raw = top / 5, unit = pow(10, floor(log10(raw))), step = unit;
    if (raw / unit > 5)
        step = 10 * unit;
    else if (raw / unit > 2)
        step = 5 * unit;
    else if (raw / unit > 1)
        step = 2 * unit;
    step = fmax(step, least);
    for (int i = 0; i * step <= fmin(top, hi) * 1.0001; i++) {
        char label[24];
        snprintf(label, sizeof label, "%.15g", i * step);
        tick(out, label, i * step, false);
    }
}

void la_canvas_xticks(const la_canvas *c, const la_kind *kind, la_ticks *out)
{
    out->n = 0;
    if (kind->x == LA_X_STEP)
        linear_ticks(c->xhi, c->last_x, 0, out);
    else if (kind->x == LA_X_THREADS)
        linear_ticks(c->xhi, c->last_x, 1, out);
    else if (kind->x == LA_X_TIME || kind->x == LA_X_RATIO)
        decade_ticks(c->xlo, c->xhi, kind->x == LA_X_TIME ? LA_SCALE_TIME : LA_SCALE_ERROR, out);
    else if (kind->x == LA_X_BYTES)
        byte_ticks(c->xlo, c->xhi, out);
    else
        length_ticks(c, kind->x == LA_X_LENGTH, out);
}

void la_canvas_yticks(const la_canvas *c, const la_kind *kind, la_ticks *out)
{
    out->n = 0;
    if (kind->scale == LA_SCALE_BYTES)
        byte_ticks(c->ylo, c->data_hi, out);
    else if (c->ylog)
        decade_ticks(c->ylo, c->data_hi, kind->scale, out);
    else
        linear_ticks(c->data_hi, kind->scale == LA_SCALE_PART ? 1 : c->data_hi, 0, out);
}

static void write_ticks(const char *axis, const la_ticks *ticks, la_text *out)
{
    la_text_add(out, "set %s (", axis);
    for (size_t i = 0; i < ticks->n; i++)
        la_text_add(out, "%s'%s' %.9g%s", i ? ", " : "", ticks->v[i].label, ticks->v[i].at,
                    ticks->v[i].minor ? " 1" : "");
    la_text_add(out, ")\n");
}

void la_canvas_ticks(const la_canvas *c, const la_kind *kind, la_text *out)
{
    la_ticks ticks;
    la_text_add(out, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n", c->xlo, c->xhi, c->ylo,
                c->yhi);
    la_canvas_xticks(c, kind, &ticks);
    write_ticks("xtics", &ticks, out);
    la_canvas_yticks(c, kind, &ticks);
    write_ticks("ytics", &ticks, out);
}

void la_canvas_frame(const la_canvas *c, const char *title, la_text *out)
{
    la_text_add(out,
                "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
                "set bmargin at screen %.4f\nset tmargin at screen %.4f\n",
                c->left / LA_FIGURE_WIDTH, c->right / LA_FIGURE_WIDTH, c->bottom / c->height,
                c->top / c->height);
    la_text_add(out, "set label ");
    la_gp_quote(out, title);
    la_text_add(out, " at screen 0.012, screen %.4f left font ',13' tc rgb '#111111'\n",
                1 - 18 / c->height);
}

void la_canvas_terminals(const la_plot_how *how, const char *stem, double height, la_text *svg,
                         la_text *png)
{
    la_text_add(svg,
                "set terminal svg size %d,%.0f fixed enhanced font 'DejaVu Sans,11' "
                "background rgb '#ffffff'\nset output '%s.svg'",
                LA_FIGURE_WIDTH, height, stem);
    la_text_add(png,
                "set terminal pngcairo size %d,%.0f enhanced font 'DejaVu Sans,11' fontscale 1.55 "
                "linewidth 2 pointscale 2 background rgb '#ffffff'\nset output '%s.png'",
                2 * LA_FIGURE_WIDTH, 2 * height, stem);
    /* A point of these is 1/72 inch: figures as wide as a page of text. */
    if (how->pdf)
        la_text_add(
            png,
            "\nreplot\nset terminal pdfcairo size %.3fin,%.3fin enhanced font 'DejaVu "
            "Sans,11' fontscale 0.62 linewidth 0.85 background rgb '#ffffff'\nset output '%s.pdf'",
            LA_FIGURE_WIDTH / 96.0, height / 96.0, stem);
    if (how->tikz)
        la_text_add(
            png,
            "\nreplot\n# Labels are gnuplot's here; labench has put them into TeX's words.\n"
            "set terminal tikz size %.3fin,%.3fin\nset output '%s.tikz'",
            LA_FIGURE_WIDTH / 96.0, height / 96.0, stem);
}
