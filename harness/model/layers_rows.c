/* SPDX-License-Identifier: Apache-2.0
 * Rows that are moved, and the small layers around them, as the compiler makes them.
 */
#include "layers_rows.h"

#include <math.h>
#include <string.h>

#include "labench/kit.h"

void la_layer_zero(int64_t n, float *x)
{
    memset(x, 0, (size_t)n * sizeof *x);
}

void la_layer_copy_rows(int64_t N, int64_t n, const float *from, int64_t ld_from, float *to,
                        int64_t ld_to)
{
    for (int64_t i = 0; i < N; i++)
        memcpy(to + i * ld_to, from + i * ld_from, (size_t)n * sizeof *to);
}

static void add_up(int64_t n, const float *from, float *to)
{
    for (int64_t j = 0; j < n; j++) to[j] += from[j];
}

void la_layer_add_rows(int64_t N, int64_t n, const float *from, int64_t ld_from, float *to,
                       int64_t ld_to)
{
    for (int64_t i = 0; i < N; i++) add_up(n, from + i * ld_from, to + i * ld_to);
}

void la_layer_spread(int64_t N, int64_t M, const float *row, bool add, float *y)
{
    if (add)
        la_layer_add_rows(N, M, row, 0, y, M);
    else
        la_layer_copy_rows(N, M, row, 0, y, M);
}

void la_layer_gather(int64_t n, int64_t D, const int32_t *at, int64_t first, const float *x,
                     float *y)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(y + i * D, x + (at[i] - first) * D, (size_t)D * sizeof *y);
}

void la_layer_add_places(int64_t n, int64_t D, int64_t T, const int32_t *at, const float *table,
                         float *y)
{
    for (int64_t i = 0; i < n; i++) add_up(D, table + at[i] % T * D, y + i * D);
}

void la_layer_step(int64_t N, int64_t H, const float *A_log, const float *g, float *dt)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t h = 0; h < H; h++) dt[i * H + h] = -g[i * H + h] * expf(-A_log[h]);
}

void la_layer_step_grad(int64_t N, int64_t H, const float *A_log, const float *dt, const float *ddt,
                        float *dg, float *dA_log)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t h = 0; h < H; h++) {
            int64_t e = i * H + h;
            dA_log[h] -= ddt[e] * dt[e];
            dg[e] -= ddt[e] * expf(-A_log[h]);
        }
}

void la_layer_gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                   const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    la_gemm(ta, tb, M, N, K, 1.0f, A, lda, B, ldb, beta, C, ldc);
}
