/* SPDX-License-Identifier: Apache-2.0
 * NVIDIA's library of matrix products, found at run time: a program without it multiplies with kernels of its own.
 * Behind a table, so that tests put something in its place.
 */
#ifndef LA_CUDA_LIBS_H
#define LA_CUDA_LIBS_H

#include "labench/cuda_gemm.h"

/* As BLAS has it, by columns: C [m,n] = alpha op(A) op(B) + beta C, `count` of them. A and B have one type. */
typedef struct la_column_product {
    int64_t m, n, k;
    bool ta, tb;
    const void *a, *b;
    void *c;
    int64_t lda, ldb, ldc;
    int64_t count, step_a, step_b, step_c; /* elements from one to the next */
    la_dtype type, c_type;
    float alpha, beta;
    void *work;
    size_t work_bytes;
    void *stream;
} la_column_product;

typedef struct la_cuda_libs {
    /* False: it does not do this one, and nothing was written. */
    bool (*multiply)(const la_column_product *product);
} la_cuda_libs;

/* NULL where there is none that works, or kernels do not run by the CUDA runtime. */
const la_cuda_libs *la_cuda_libs_found(void);
/* For tests: those, which may be all zeros for none; NULL: the machine's. */
void la_cuda_libs_use(const la_cuda_libs *libs);

/* The product as columns: a matrix by rows is its transpose by columns, so A and B change places. Matrices of one
 * batch axis become the count; false where that, or types, or terms do not fit. `axis`: the one. */
bool la_column_product_of(const la_cuda_product *p, int axis, la_column_product *out);

#endif
