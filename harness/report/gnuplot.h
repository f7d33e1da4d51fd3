/* SPDX-License-Identifier: Apache-2.0
 * Files that appear whole or not at all, and gnuplot as a program. Private to the report.
 */
#ifndef LA_GNUPLOT_H
#define LA_GNUPLOT_H

#include "report.h"
#include "text.h"

/* Seconds that gnuplot may take for a figure; tests lower it. */
extern int la_gnuplot_limit_s;

/* Writes dir/name through a temporary file, fsync and rename. */
la_status la_write_file(const char *dir, const char *name, const char *bytes, size_t n,
                        la_err *err);
/* Writes <stem>.dat and <stem>.gp, runs gnuplot (60 s at most) in a temporary folder inside dir,
 * and moves <stem>.svg and <stem>.png beside them. LA_E_ENV: gnuplot is missing or failed; the .dat
 * and the .gp are there. `title` is what screen readers say of the svg. */
la_status la_gnuplot_draw(const la_plot_how *how, const char *dir, const char *stem,
                          const char *title, const la_text *dat, const la_text *gp, la_err *err);

/* What gnuplot wrote for TikZ, without its date and with labels that TeX reads. */
la_status la_tikz_finish(const la_text *raw, la_text *out, la_err *err);

/* The same in two steps, for who has something else to do meanwhile. `dir` stays until the end, which
 * releases *out. */
typedef struct la_gnuplot la_gnuplot;
la_status la_gnuplot_begin(const char *dir, const char *stem, const char *title, const la_text *dat,
                           const la_text *gp, la_gnuplot **out, la_err *err);
la_status la_gnuplot_end(la_gnuplot *g, const la_plot_how *how, la_err *err);

#endif
