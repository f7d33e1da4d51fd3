/* SPDX-License-Identifier: Apache-2.0
 * Products with packed weights, over blocks of rows. With more than one thread, blocks are shared out; each is
 * computed alone, so the bits do not depend on the number of threads.
 */
#include "products.h"

#include <omp.h>
#include <string.h>

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Columns of the panel that begins where `rest` are left: all are about as wide, since a block of one vector is
 * slower than two of two. */
static int64_t panel_width(const la_tile *t, int64_t rest)
{
    int64_t panels = (rest + t->widest - 1) / t->widest, even = (rest + panels - 1) / panels;
    return at_most((even + t->lanes - 1) / t->lanes * t->lanes, rest);
}

/* Floats between the rows of a panel of n columns: whole vectors. */
static int64_t panel_stride(const la_tile *t, int64_t n)
{
    return (n + t->lanes - 1) / t->lanes * t->lanes;
}

int64_t la_panels_floats(const la_tile *tile, int64_t N, int64_t K)
{
    int64_t floats = 0;
    for (int64_t j = 0, n; j < N; j += n) {
        n = panel_width(tile, N - j);
        floats += panel_stride(tile, n) * K;
    }
    return floats;
}

void la_matrix_pack(const la_tile *tile, const la_matrix *m, const float *weights, int index,
                    int count)
{
    const float *W = weights + m->place;
    int turn = 0;
    float *to = m->across;
    for (int64_t j = 0, n; j < m->M; j += n, turn++) {
        n = panel_width(tile, m->M - j);
        int64_t ld = panel_stride(tile, n);
        if (turn % count == index) tile->transpose(n, m->K, W + j * m->K, m->K, to, ld);
        to += ld * m->K;
    }
    to = m->back;
    for (int64_t j = 0, n; to && j < m->K; j += n, turn++) {
        n = panel_width(tile, m->K - j);
        int64_t ld = panel_stride(tile, n);
        for (int64_t i = 0; turn % count == index && i < m->M; i++)
            memcpy(to + i * ld, W + i * m->K + j, (size_t)n * sizeof *to);
        to += ld * m->M;
    }
}

/* C[rows, N] (+)= A[rows, K] B with B [K,N] in panels. */
static void with_panels(const la_tile *t, int64_t rows, int64_t N, int64_t K, const float *A,
                        int64_t lda, const float *panels, bool add, float *C, int64_t ldc,
                        float *scratch)
{
    for (int64_t j = 0, n; j < N; j += n) {
        n = panel_width(t, N - j);
        int64_t ld = panel_stride(t, n);
        for (int64_t k = 0; k < K; k += LA_PRODUCT_INNER)
            t->nn(rows, n, at_most(LA_PRODUCT_INNER, K - k), 1.0f, A + k, lda, panels + k * ld, ld,
                  add || k > 0, C + j, ldc, scratch);
        panels += ld * K;
    }
}

static void over_rows(const la_means *with, int64_t rows, int64_t N, int64_t K, const float *A,
                      int64_t lda, const float *panels, bool add, float *C, int64_t ldc)
{
    int64_t each = (rows + with->threads - 1) / with->threads;
    each = at_most((each + 7) / 8 * 8, LA_PRODUCT_ROWS);
    int64_t blocks = each ? (rows + each - 1) / each : 0;
    if (with->threads == 1) { /* a region of one thread costs as much as a few rows */
        for (int64_t i = 0; i < rows; i += each)
            with_panels(with->tile, at_most(each, rows - i), N, K, A + i * lda, lda, panels, add,
                        C + i * ldc, ldc, with->scratch);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(with->threads)
    for (int64_t i = 0; i < blocks; i++) {
        int64_t first = i * each, n = at_most(each, rows - first);
        with_panels(with->tile, n, N, K, A + first * lda, lda, panels, add, C + first * ldc, ldc,
                    with->scratch + omp_get_thread_num() * LA_PRODUCT_SCRATCH);
    }
}

void la_product(const la_means *with, const la_matrix *m, int64_t N, const float *x, int64_t ldx,
                bool add, float *y, int64_t ldy)
{
    if (with->device)
        with->device->gemm(false, true, N, m->M, m->K, x, ldx, with->weights + m->place, m->K,
                           add ? 1.0f : 0.0f, y, ldy);
    else
        over_rows(with, N, m->M, m->K, x, ldx, m->across, add, y, ldy);
}

void la_product_back(const la_means *with, const la_matrix *m, int64_t N, const float *dy,
                     int64_t lddy, bool add, float *dx, int64_t lddx)
{
    if (with->device)
        with->device->gemm(false, false, N, m->K, m->M, dy, lddy, with->weights + m->place, m->K,
                           add ? 1.0f : 0.0f, dx, lddx);
    else
        over_rows(with, N, m->K, m->M, dy, lddy, m->back, add, dx, lddx);
}

/* Rows first.. of dW, n of them. */
static void weights_part(const la_tile *t, int64_t N, int64_t first, int64_t n, int64_t K,
                         const float *dy, int64_t lddy, const float *x, int64_t ldx, float *dW,
                         float *scratch)
{
    for (int64_t i = 0; i < N; i += LA_PRODUCT_ROWS) {
        int64_t rows = at_most(LA_PRODUCT_ROWS, N - i);
        for (int64_t j = 0, wide; j < K; j += wide) {
            wide = panel_width(t, K - j);
            t->tn(n, wide, rows, 1.0f, dy + i * lddy + first, lddy, x + i * ldx + j, ldx, true,
                  dW + first * K + j, K, scratch);
        }
    }
}

void la_product_weights(const la_means *with, int64_t N, int64_t M, int64_t K, const float *dy,
                        int64_t lddy, const float *x, int64_t ldx, float *dW)
{
    const int64_t part = 64;
    if (with->device) {
        with->device->gemm(true, false, M, K, N, dy, lddy, x, ldx, 1.0f, dW, K);
        return;
    }
    if (with->threads == 1) {
        weights_part(with->tile, N, 0, M, K, dy, lddy, x, ldx, dW, with->scratch);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(with->threads)
    for (int64_t first = 0; first < M; first += part)
        weights_part(with->tile, N, first, at_most(part, M - first), K, dy, lddy, x, ldx, dW,
                     with->scratch + omp_get_thread_num() * LA_PRODUCT_SCRATCH);
}
