/* SPDX-License-Identifier: Apache-2.0
 * Products with a model's weights. Weights are few and every row of a batch meets them, so they are packed
 * once a step into the panels that tile products read in place, and activations never are.
 */
#ifndef LA_PRODUCTS_H
#define LA_PRODUCTS_H

#include "labench/tile.h"
#include "layers.h"

/* A matrix of weights W [M,K] in the flat array, and its panels: columns of W' [K,M] for y = x W', columns
 * of W [M,K] for dx = dy W. A panel lies alone, its rows close together. */
typedef struct la_matrix {
    int64_t place, M, K; /* place -1: there is none */
    float *across;       /* la_panels_floats(M, K) */
    float *back;         /* la_panels_floats(K, M); NULL where nothing is trained */
} la_matrix;

/* What a product computes with. */
typedef struct la_means {
    const la_tile *tile;
    int threads;             /* 1: the calling thread alone */
    float *scratch;          /* threads times LA_PRODUCT_SCRATCH floats */
    const la_layers *device; /* NULL: the CPU. Else its products, which read ... */
    const float *weights;    /* ... these */
} la_means;
#define LA_PRODUCT_ROWS    256 /* rows of x that meet a panel before the next one does */
#define LA_PRODUCT_INNER   512 /* of a long sum at a time, so that its panel stays in the L2 cache */
#define LA_PRODUCT_SCRATCH LA_TILE_SCRATCH(LA_PRODUCT_INNER)

/* Floats that N columns of K numbers take as panels. */
int64_t la_panels_floats(const la_tile *tile, int64_t N, int64_t K);
/* Packs part `index` of `count` of the panels. */
void la_matrix_pack(const la_tile *tile, const la_matrix *m, const float *weights, int index,
                    int count);

/* y[N,M] (+)= x[N,K] W' */
void la_product(const la_means *with, const la_matrix *m, int64_t N, const float *x, int64_t ldx,
                bool add, float *y, int64_t ldy);
/* dx[N,K] (+)= dy[N,M] W */
void la_product_back(const la_means *with, const la_matrix *m, int64_t N, const float *dy,
                     int64_t lddy, bool add, float *dx, int64_t lddx);
/* dW[M,K] += dy' x of N rows */
void la_product_weights(const la_means *with, int64_t N, int64_t M, int64_t K, const float *dy,
                        int64_t lddy, const float *x, int64_t ldx, float *dW);

#endif
