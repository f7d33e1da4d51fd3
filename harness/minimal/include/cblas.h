/* SPDX-License-Identifier: Apache-2.0
 * The one product that the harness asks OpenBLAS for, for builds without it (LABENCH_MINIMAL). Right and slow: what
 * such a build measures runs on the device.
 */
#ifndef LA_MINIMAL_CBLAS_H
#define LA_MINIMAL_CBLAS_H

enum { CblasRowMajor = 101, CblasNoTrans = 111, CblasTrans = 112 };
typedef int blasint;

void cblas_sgemm(int order, int ta, int tb, blasint M, blasint N, blasint K, float alpha,
                 const float *A, blasint lda, const float *B, blasint ldb, float beta, float *C,
                 blasint ldc);
const char *openblas_get_config(void);
const char *openblas_get_corename(void);

#endif
