/* SPDX-License-Identifier: Apache-2.0
 * A map of numbers over two axes, a panel for each variant: its boxes, and how they are drawn. Private to
 * the report.
 */
#ifndef LA_HEAT_H
#define LA_HEAT_H

#include "figure.h"

enum { LA_HEAT_VALUES = 32, LA_HEAT_WORD = 24, LA_HEAT_NAME = 40 };

typedef struct la_heat_box {
    const la_series *panel;
    size_t x, row; /* of the axes' values, from 0; rows count upwards */
    double value, lo, hi, n;
    double held, room; /* pairs, and independent keys of one head's memory; NaN: none */
    double memories;   /* heads that could share the pairs */
    char outcome[24], winner[LA_HEAT_NAME];
} la_heat_box;

typedef struct la_heat {
    char title[160];
    char x_name[LA_HEAT_WORD], row_name[LA_HEAT_WORD];
    char x_word[LA_HEAT_VALUES][LA_HEAT_WORD], row_word[LA_HEAT_VALUES][LA_HEAT_WORD];
    size_t n_x, n_rows;
    la_map map; /* values are shares, ns, or ratios */
    char base[LA_HEAT_NAME];
    double lo, hi; /* of all values */
    double chance; /* NaN: not known */
    la_lines panels;
    la_heat_box *boxes;
    size_t n, cap;
    bool rooms; /* some box has a room: the caption explains the line */
} la_heat;

/* NULL: the sweep has no such box. */
const la_heat_box *la_heat_find(const la_heat *heat, const la_series *panel, size_t x, size_t row);
/* More pairs than keys can be independent in one memory, or in `memories` of them. */
bool la_heat_beyond(const la_heat_box *box, double memories);

/* The intervals of the two times behind a box meet, so that it says nothing sure. */
bool la_heat_unclear(const la_heat *heat, const la_heat_box *box);
/* A number in the box: ok, and known. */
bool la_heat_good(const la_heat_box *box);
/* The texts of the figure, from the boxes and the caption. */
la_status la_heat_draw(const la_view *view, const la_heat *heat, const la_kind *kind,
                       const char *stem, const char *caption, la_text *dat, la_text *gp,
                       la_err *err);

#endif
