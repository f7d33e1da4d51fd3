/* SPDX-License-Identifier: Apache-2.0
 * What the kernels of attention by feature maps do with the tokens of a chunk, tile by tile.
 */
#ifndef LA_KERNEL_CUDA_PAIRS_CUH
#define LA_KERNEL_CUDA_PAIRS_CUH

#include "tile_cuda.cuh"

#include "kernel_cuda.cuh"

/* Two buffers of a block. */
struct la_kc_buffers {
    la_bf16_t *one, *two;
};

/* sum += tril(w(A A_other')) B_other over the tiles of the chunk that the tile of tokens t sees, before it or
 * (back) behind it. Fills as of la_tile_fill: row(r, i, x) and other(u, i, x) of A at tokens t + r and u (`depth` wide,
 * and zeros beyond), second(u, i, x) of B; tokens that do not exist are not asked for. weigh(r, u, x): w of a pair.
 * then(n): the product of a tile of n tokens is made, and buffer one still holds what was multiplied. */
template <int P, int W, typename Row, typename Other, typename Weigh, typename Second,
          typename Then>
__device__ static inline void la_kc_pairs(const la_kc &c, bool back, int64_t t, int64_t depth,
                                          const la_kc_buffers &at, la_tile_sum &sum, Row row,
                                          Other other, Weigh weigh, Second second, Then then)
{
    const int64_t chunk = t / c.chunk * c.chunk, first = back ? t : chunk;
    int64_t last = back ? chunk + c.chunk : t + LA_TILE;
    if (last > c.T) last = c.T;
    const int rows = la_tile_left(c.T, t);
    for (int64_t u = first; u < last; u += LA_TILE) {
        const int others = la_tile_left(c.T, u);
        la_tile_sum G;
        la_tile_zero(G);
        for (int64_t i = 0; i < depth; i += LA_TILE) {
            const int width = la_tile_left(depth, i);
            la_tile_fill<P>(at.one, [&](int r, int f, float x[4]) {
                row(r < rows ? r : rows - 1, i + f, r < rows ? width - f : 0, x);
            });
            la_tile_fill<P>(at.two, [&](int o, int f, float x[4]) {
                other(u + (o < others ? o : others - 1), i + f, o < others ? width - f : 0, x);
            });
            __syncthreads();
            la_tile_nt<P, P>(G, at.one, at.two, width);
            __syncthreads();
        }
        la_tile_each(G, [&](int r, int o, float x[2]) {
#pragma unroll
            for (int e = 0; e < 2; e++) {
                const int64_t to = u + o + e;
                bool seen = r < rows && o + e < others && (back ? to >= t + r : to <= t + r);
                x[e] = seen ? weigh(r, to, x[e]) : 0.0f;
            }
            la_tile_put2<W>(at.one, r, o, x);
        });
        la_tile_fill<P>(at.two, [&](int o, int i, float x[4]) {
            second(u + (o < others ? o : others - 1), i, o < others, x);
        });
        __syncthreads();
        la_tile_nn<W, P>(sum, at.one, at.two, others);
        then(others);
        __syncthreads();
    }
}

#endif
