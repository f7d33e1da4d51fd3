/* SPDX-License-Identifier: Apache-2.0
 * Where the blocks of a product are: pure arithmetic, the same on the host and on the device.
 */
#ifndef LA_GEMM_GEOMETRY_H
#define LA_GEMM_GEOMETRY_H

#include "labench/cuda_gemm.h"

#ifdef __CUDACC__
#define LA_BOTH __host__ __device__
#else
#define LA_BOTH
#endif

/* Blocks of a product whose tiles are rows x columns of C and `depth` of the sum at a time. */
typedef struct la_gemm_grid {
    int64_t tiles_m, tiles_n, batches;
    int64_t steps; /* of depth, in one term */
    int64_t all;   /* steps x terms */
    int64_t
        splits; /* parts of `all`, each a block's; above 1, each writes C of its own into work */
    int64_t blocks;
} la_gemm_grid;

/* What one block does. */
typedef struct la_gemm_place {
    int64_t row, column;        /* first of its tile */
    int64_t x, y, z;            /* its matrix of the batch */
    int64_t index;              /* the same as one number */
    int64_t split, first, last; /* steps first <= s < last */
} la_gemm_place;

static inline LA_BOTH int64_t la_gemm_count(int64_t n)
{
    return n > 0 ? n : 1;
}

static inline LA_BOTH int64_t la_gemm_parts(int64_t n, int64_t of)
{
    return (n + of - 1) / of;
}

static inline LA_BOTH la_gemm_grid la_gemm_grid_of(const la_cuda_product *p, int64_t rows,
                                                   int64_t columns, int64_t depth, int64_t splits)
{
    la_gemm_grid g;
    g.tiles_m = la_gemm_parts(p->m, rows);
    g.tiles_n = la_gemm_parts(p->n, columns);
    g.batches =
        la_gemm_count(p->batch[0]) * la_gemm_count(p->batch[1]) * la_gemm_count(p->batch[2]);
    g.steps = la_gemm_parts(p->k, depth);
    g.all = g.steps * la_gemm_count(p->terms);
    g.splits = splits < g.all ? splits : g.all;
    g.blocks = g.tiles_m * g.tiles_n * g.batches * g.splits;
    return g;
}

/* Neighbours in the grid share rows of A in stripes of 8 tiles, whose columns of B stay in L2. */
static inline LA_BOTH la_gemm_place la_gemm_place_of(const la_cuda_product *p,
                                                     const la_gemm_grid *g, int64_t rows,
                                                     int64_t columns, int64_t block)
{
    const int64_t stripe = 8;
    la_gemm_place at;
    int64_t tiles = g->tiles_m * g->tiles_n, tile = block % tiles, rest = block / tiles;
    int64_t group = tile / (stripe * g->tiles_n), top = group * stripe;
    int64_t high = g->tiles_m - top < stripe ? g->tiles_m - top : stripe;
    int64_t inside = tile - group * stripe * g->tiles_n;
    at.row = (top + inside % high) * rows;
    at.column = inside / high * columns;
    at.index = rest % g->batches;
    at.split = rest / g->batches;
    int64_t ny = la_gemm_count(p->batch[1]), nz = la_gemm_count(p->batch[2]);
    at.z = at.index % nz;
    at.y = at.index / nz % ny;
    at.x = at.index / nz / ny;
    at.first = g->all * at.split / g->splits;
    at.last = g->all * (at.split + 1) / g->splits;
    return at;
}

/* Elements from the data of a side to its matrix of the batch. */
static inline LA_BOTH int64_t la_gemm_start(const la_cuda_matrix *m, const la_gemm_place *at)
{
    return at->x * m->step[0] + at->y * m->step[1] + at->z * m->step[2];
}

/* Which sides may be read 16 bytes at a time from multiples of eight columns, and whether C (or, when sums
 * are split, work) may be written in pairs from even ones. */
typedef struct la_gemm_aligned {
    bool a, b, c;
} la_gemm_aligned;

static inline LA_BOTH bool la_gemm_multiples(const la_cuda_matrix *m, int64_t bytes)
{
    int64_t size = m->dtype == LA_F32 ? 4 : 2, any = (int64_t)(intptr_t)m->data;
    any |= (m->ld | m->step[0] | m->step[1] | m->step[2] | m->term_step) * size;
    return any % bytes == 0;
}

static inline LA_BOTH la_gemm_aligned la_gemm_aligned_of(const la_cuda_product *p, bool split)
{
    la_gemm_aligned is;
    is.a = la_gemm_multiples(&p->a, 16);
    is.b = la_gemm_multiples(&p->b, 16);
    is.c = split ? p->n % 2 == 0 : la_gemm_multiples(&p->c, p->c.dtype == LA_F32 ? 8 : 4);
    return is;
}

#endif
