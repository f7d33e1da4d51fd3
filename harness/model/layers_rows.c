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

void la_layer_sum_rows(int64_t N, int64_t M, const float *y, float *row)
{
    for (int64_t i = 0; i < N; i++) add_up(M, y + i * M, row);
}

void la_layer_gather(int64_t n, int64_t D, const int32_t *at, int64_t first, const float *x,
                     float *y)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(y + i * D, x + (at[i] - first) * D, (size_t)D * sizeof *y);
}

void la_layer_scatter(int64_t n, int64_t D, const int32_t *at, int64_t first, const float *x,
                      float *y)
{
    for (int64_t i = 0; i < n; i++) add_up(D, x + i * D, y + (at[i] - first) * D);
}

void la_layer_add_places(int64_t n, int64_t D, int64_t T, const int32_t *at, const float *table,
                         float *y)
{
    for (int64_t i = 0; i < n; i++) add_up(D, table + at[i] % T * D, y + i * D);
}

void la_layer_shift(int64_t N, int64_t n, const float *x, int64_t ldx, const float *bias, float *y)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < n; c++) y[i * n + c] = x[i * ldx + c] + bias[c];
}

void la_layer_times(int64_t N, int64_t n, float scale, const float *w, const float *x, float *y)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < n; c++) y[i * n + c] = scale * w[c] * x[i * n + c];
}

void la_layer_bounded_grad(int64_t N, int64_t n, float rate, const float *g, const float *dg,
                           float *df, int64_t ldf, float *dbias)
{
    float by = 1.0f / rate;
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < n; c++) {
            float through = dg[i * n + c] * g[i * n + c] * (1.0f + by * g[i * n + c]);
            df[i * ldf + c] = through;
            dbias[c] += through;
        }
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

void la_layer_skip(int64_t N, int64_t H, int64_t D, const float *w, const float *v, float *o)
{
    for (int64_t row = 0; row < N * H; row++, v += D, o += D)
        for (int64_t i = 0; i < D; i++) o[i] += w[row % H] * v[i];
}

void la_layer_skip_grad(int64_t N, int64_t H, int64_t D, const float *w, const float *v,
                        const float *dout, float *dv, float *dw)
{
    for (int64_t row = 0; row < N * H; row++) {
        float sum = 0.0f;
        for (int64_t i = row * D; i < (row + 1) * D; i++) {
            sum += dout[i] * v[i];
            dv[i] += w[row % H] * dout[i];
        }
        dw[row % H] += sum;
    }
}

void la_layer_rank_one(int64_t N, int64_t D, const float *k, const float *a, const float *iclr,
                       const float *replacement, float *b, float *key)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < D; c++) {
            int64_t e = i * D + c;
            b[e] = -a[e] * iclr[e];
            key[e] = k[e] * (1.0f + (iclr[e] - 1.0f) * replacement[c]);
        }
}

void la_layer_rank_one_grad(int64_t N, int64_t D, const float *k, const float *a, const float *iclr,
                            const float *replacement, float *dk, float *da, float *db,
                            float *dreplacement)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < D; c++) {
            int64_t e = i * D + c;
            float through = db[e], dkey = dk[e], less = iclr[e] - 1.0f;
            da[e] -= through * iclr[e];
            db[e] = dkey * k[e] * replacement[c] - through * a[e];
            dreplacement[c] += dkey * k[e] * less;
            dk[e] = dkey * (1.0f + less * replacement[c]);
        }
}

void la_layer_removal_grad(int64_t N, int64_t D, const float *k, const float *removal,
                           const float *da, const float *diclr, float *dk, float *dremoval,
                           float *dbias)
{
    for (int64_t i = 0; i < N; i++)
        for (int64_t c = 0; c < D; c++) {
            int64_t e = i * D + c;
            dk[e] -= removal[c] * da[e];
            dremoval[c] -= k[e] * da[e];
            dbias[c] += diclr[e];
        }
}

void la_layer_gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                   const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    la_gemm(ta, tb, M, N, K, 1.0f, A, lda, B, ldb, beta, C, ldc);
}
