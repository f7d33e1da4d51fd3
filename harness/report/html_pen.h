/* SPDX-License-Identifier: Apache-2.0
 * A sketched figure as inline svg. Private to the report.
 */
#ifndef LA_HTML_PEN_H
#define LA_HTML_PEN_H

#include "canvas.h"

/* Colours are properties of CSS (--c by day, --k by night), points hold their values as <title>; the shapes of
 * points are those of la_html_shapes. */
void la_html_svg(la_text *out, const la_kind *kind, const la_sketch *sketch, const char *title);
/* An svg of no size with one <symbol> for each shape of a point; once a page. */
void la_html_shapes(la_text *out);

#endif
