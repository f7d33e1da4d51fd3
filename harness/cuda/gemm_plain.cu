/* SPDX-License-Identifier: Apache-2.0
 * Products of small matrices with float32 among them, by multiply-adds: a block has a tile of 64 x 64, a thread 4 x 4
 * of it, and 16 of the sum at a time lie in shared memory as float32. What gemm_mma.cu does with
 * float32, conversions and six products, pays when matrices are large.
 */
#include "gemm_number.cuh"

static const int TILE = LA_GEMM_SMALL, DEPTH = LA_GEMM_PLAIN_DEPTH, THREADS = 256, EACH = 4;
/* Floats of a row of shared memory: threads that store one column of it hit different banks. */
static const int PITCH = LA_GEMM_SMALL + 4;

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
        to[d * PITCH + o] = inside ? la_gemm_number(m, at) : 0.0f;
    }
}

__global__ void __launch_bounds__(THREADS, 2) gemm_plain_kernel(la_cuda_product p, la_gemm_grid g)
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
            la_gemm_finish(p, c + row * p.c.ld + column, sum[i][j]);
        }
}

extern "C" la_status la_gemm_plain(const la_cuda_product *p, int64_t splits, la_err *err)
{
    const la_gemm_grid g = la_gemm_grid_of(p, TILE, TILE, DEPTH, splits);
    LA_LAUNCH(gemm_plain_kernel, dim3((unsigned)g.blocks), dim3(THREADS),
              2 * DEPTH * PITCH * sizeof(float), p->stream, *p, g);
    return LA_LAUNCHED("a product of matrices", err);
}
