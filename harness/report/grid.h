/* SPDX-License-Identifier: Apache-2.0
 * A table of texts in columns as wide as their widest. Private to the report.
 */
#ifndef LA_GRID_H
#define LA_GRID_H

#include <stddef.h>
#include <stdio.h>

enum { LA_GRID_CELL = 64 };

typedef struct la_grid {
    const char *const *heads; /* borrowed */
    int columns, left;        /* the first `left` columns stand at the left, numbers at the right */
    int words;                /* and the last so many at the left again, with no space behind */
    char (*cells)[LA_GRID_CELL];
    size_t rows, cap; /* cap: in cells */
} la_grid;

/* One more row of empty cells, or NULL without memory. */
char (*la_grid_add(la_grid *grid))[LA_GRID_CELL];
void la_grid_print(const la_grid *grid, FILE *out);
void la_grid_release(la_grid *grid);
/* "3.42x": three digits; nothing where x is not finite. */
void la_grid_ratio(char cell[LA_GRID_CELL], double x);

#endif
