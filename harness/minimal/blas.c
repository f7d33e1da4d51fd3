/* SPDX-License-Identifier: Apache-2.0 */
#include "include/cblas.h"

#include <stddef.h>

const char *openblas_get_config(void)
{
    return "no OpenBLAS (a minimal build)";
}

const char *openblas_get_corename(void)
{
    return "plain loops";
}

void openblas_set_num_threads(int threads);
void openblas_set_num_threads(int threads)
{
    (void)threads;
}

void cblas_sgemm(int order, int ta, int tb, blasint M, blasint N, blasint K, float alpha,
                 const float *A, blasint lda, const float *B, blasint ldb, float beta, float *C,
                 blasint ldc)
{
    (void)order;
    ptrdiff_t a_row = ta == CblasTrans ? 1 : lda, a_k = ta == CblasTrans ? lda : 1;
    ptrdiff_t b_k = tb == CblasTrans ? 1 : ldb, b_column = tb == CblasTrans ? ldb : 1;
    for (blasint i = 0; i < M; i++)
        for (blasint j = 0; j < N; j++) {
            float sum = 0.0f, *c = &C[(ptrdiff_t)i * ldc + j];
            for (blasint k = 0; k < K; k++)
                sum += A[i * a_row + k * a_k] * B[k * b_k + j * b_column];
            *c = alpha * sum + (beta == 0.0f ? 0.0f : beta * *c);
        }
}
