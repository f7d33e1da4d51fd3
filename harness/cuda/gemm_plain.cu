/* SPDX-License-Identifier: Apache-2.0
 * Products of any size and type by multiply-adds in float32: a block has a tile of 64 x 64, a thread 4 x 4 of
 * it, and 16 of the sum at a time lie in shared memory as float32. Slower than tensor cores, and exact
 * to float32 whatever the inputs are.
 */
#include "labench/cuda_kit.cuh"

#include "gemm.h"

static const int TILE = LA_GEMM_PLAIN_TILE, DEPTH = LA_GEMM_PLAIN_DEPTH, THREADS = 256, EACH = 4;
/* Floats of a row of shared memory: threads that store one column of it hit different banks. */
static const int PITCH = LA_GEMM_PLAIN_TILE + 4;

__device__ static float element(const la_cuda_matrix &m, int64_t i)
{
    if (m.dtype == LA_F32) return ((const float *)m.data)[i];
    return la_to_float(((const la_bf16_t *)m.data)[i]);
}

__device__ static void store(const la_cuda_matrix &m, int64_t i, float x)
{
    if (m.dtype == LA_F32)
        ((float *)m.data)[i] = x;
    else
        la_from_float(x, (la_bf16_t *)m.data + i);
}

/* `to` [DEPTH][PITCH] = elements (outer + o, inner + d) of a matrix that holds outer index by rows if
 * `by_rows`; zeros beyond its sizes. */
__device__ static void stage(const la_cuda_matrix &m, int64_t start, bool by_rows, int64_t outer,
                             int64_t outer_n, int64_t inner, int64_t inner_n, float *to)
{
    for (int e = (int)threadIdx.x; e < TILE * DEPTH; e += THREADS) {
        int o = by_rows ? e / DEPTH : e % TILE, d = by_rows ? e % DEPTH : e / TILE;
        int64_t i = outer + o, j = inner + d;
        bool inside = i < outer_n && j < inner_n;
        int64_t at = start + (by_rows ? i * m.ld + j : j * m.ld + i);
        to[d * PITCH + o] = inside ? element(m, at) : 0.0f;
    }
}

__global__ void __launch_bounds__(THREADS) gemm_plain_kernel(la_cuda_product p, la_gemm_grid g)
{
    LA_SHARED(float, pool);
    float *as = pool, *bs = pool + DEPTH * PITCH;
    const la_gemm_place at = la_gemm_place_of(&p, &g, TILE, TILE, blockIdx.x);
    const int64_t a = la_gemm_start(&p.a, &at), b = la_gemm_start(&p.b, &at);
    const int ty = (int)threadIdx.x / (TILE / EACH), tx = (int)threadIdx.x % (TILE / EACH);
    float sum[EACH][EACH] = {};
    for (int64_t s = at.first; s < at.last; s++) {
        int64_t term = s / g.steps, inner = s % g.steps * DEPTH;
        __syncthreads(); /* nobody reads the step before any more */
        stage(p.a, a + term * p.a.term_step, !p.a.transposed, at.row, p.m, inner, p.k, as);
        stage(p.b, b + term * p.b.term_step, p.b.transposed, at.column, p.n, inner, p.k, bs);
        __syncthreads();
        for (int d = 0; d < DEPTH; d++) {
            float x[EACH], y[EACH];
#pragma unroll
            for (int i = 0; i < EACH; i++) x[i] = as[d * PITCH + ty * EACH + i];
#pragma unroll
            for (int j = 0; j < EACH; j++) y[j] = bs[d * PITCH + tx + j * (TILE / EACH)];
#pragma unroll
            for (int i = 0; i < EACH; i++)
#pragma unroll
                for (int j = 0; j < EACH; j++) sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
        }
    }
    const int64_t c = la_gemm_start(&p.c, &at);
#pragma unroll
    for (int i = 0; i < EACH; i++)
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            int64_t row = at.row + ty * EACH + i, column = at.column + tx + j * (TILE / EACH);
            if (row >= p.m || column >= p.n) continue;
            if (g.splits > 1) {
                int64_t slot = at.split * g.batches + at.index;
                ((float *)p.work)[(slot * p.m + row) * p.n + column] = sum[i][j];
                continue;
            }
            int64_t to = c + row * p.c.ld + column;
            float old = p.beta != 0.0f ? p.beta * element(p.c, to) : 0.0f;
            store(p.c, to, fmaf(p.alpha, sum[i][j], old));
        }
}

extern "C" la_status la_gemm_plain(const la_cuda_product *p, int64_t splits, la_err *err)
{
    const la_gemm_grid g = la_gemm_grid_of(p, TILE, TILE, DEPTH, splits);
    LA_LAUNCH(gemm_plain_kernel, dim3((unsigned)g.blocks), dim3(THREADS),
              2 * DEPTH * PITCH * sizeof(float), p->stream, *p, g);
    LA_TRY(LA_LAUNCHED("a product of matrices", err));
    return g.splits > 1 ? la_gemm_gather(p, g.splits, err) : LA_OK;
}

/* A thread an element of C, the whole grid on. */
__global__ void gemm_gather_kernel(la_cuda_product p, int64_t batches, int64_t splits)
{
    const int64_t matrix = p.m * p.n, all = batches * matrix;
    const int64_t ny = la_gemm_count(p.batch[1]), nz = la_gemm_count(p.batch[2]);
    for (int64_t e = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; e < all;
         e += (int64_t)gridDim.x * blockDim.x) {
        const float *part = (const float *)p.work + e;
        float sum = 0.0f;
        for (int64_t s = 0; s < splits; s++) sum += part[s * all];
        int64_t index = e / matrix, row = e % matrix / p.n, column = e % p.n;
        int64_t to = index / nz / ny * p.c.step[0] + index / nz % ny * p.c.step[1] +
                     index % nz * p.c.step[2] + row * p.c.ld + column;
        float old = p.beta != 0.0f ? p.beta * element(p.c, to) : 0.0f;
        store(p.c, to, fmaf(p.alpha, sum, old));
    }
}

extern "C" la_status la_gemm_gather(const la_cuda_product *p, int64_t splits, la_err *err)
{
    const la_gemm_grid g = la_gemm_grid_of(p, TILE, TILE, DEPTH, 1);
    int64_t blocks = la_gemm_parts(g.batches * p->m * p->n, THREADS), most = 8 * 132;
    LA_LAUNCH(gemm_gather_kernel, dim3((unsigned)(blocks < most ? blocks : most)), dim3(THREADS), 0,
              p->stream, *p, g.batches, splits);
    return LA_LAUNCHED("gathering a product of matrices", err);
}
