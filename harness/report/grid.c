/* SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"

#include <math.h>
#include <string.h>

#include "alloc.h"

char (*la_grid_add(la_grid *grid))[LA_GRID_CELL]
{
    size_t columns = (size_t)grid->columns;
    void *grown = grid->cells;
    if (la_grow(&grown, &grid->cap, (grid->rows + 1) * columns, sizeof *grid->cells, NULL) != LA_OK)
        return NULL;
    grid->cells = grown;
    char(*row)[LA_GRID_CELL] = grid->cells + grid->rows++ * columns;
    memset(row, 0, columns * sizeof *row);
    return row;
}

static size_t width_of(const la_grid *grid, int c)
{
    size_t width = strlen(grid->heads[c]);
    for (size_t i = 0; i < grid->rows; i++) {
        size_t n = strlen(grid->cells[i * (size_t)grid->columns + (size_t)c]);
        if (n > width) width = n;
    }
    return width;
}

void la_grid_print(const la_grid *grid, FILE *out)
{
    for (size_t i = 0; i <= grid->rows; i++) {
        for (int c = 0; c < grid->columns; c++) {
            const char *cell =
                i == 0 ? grid->heads[c] : grid->cells[(i - 1) * (size_t)grid->columns + (size_t)c];
            int pad = (int)(width_of(grid, c) - strlen(cell));
            if (c > 0) fputs("  ", out);
            if (c + 1 == grid->columns && grid->words)
                fputs(cell, out);
            else if (c < grid->left || c >= grid->columns - grid->words)
                fprintf(out, "%s%*s", cell, pad, "");
            else
                fprintf(out, "%*s%s", pad, "", cell);
        }
        fputc('\n', out);
    }
}

void la_grid_release(la_grid *grid)
{
    la_free(grid->cells);
    grid->cells = NULL;
    grid->rows = grid->cap = 0;
}

void la_grid_ratio(char cell[LA_GRID_CELL], double x)
{
    if (!isfinite(x)) return;
    snprintf(cell, LA_GRID_CELL, x < 9.995 ? "%.2fx" : x < 99.95 ? "%.1fx" : "%.0fx", x);
}
