/* SPDX-License-Identifier: Apache-2.0
 * NVIDIA's libraries of matrix products and of Fourier transforms, found at run time: a program without them has
 * kernels of its own. Behind tables, so that tests put something in their place.
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
/* Bytes, a power of two up to 16, that every column of a side is aligned to: by where it begins, the leading
 * dimension, and the step from one matrix to the next where there are several. */
unsigned la_column_alignment(const void *data, la_dtype type, int64_t ld, int64_t step,
                             int64_t count);

/* cuFFT as far as it is used: cufftCreate and so on, whose numbers are those of cufft.h. A stream is a cudaStream_t,
 * results are pairs of floats. */
typedef struct la_cufft {
    int (*create)(int *plan);
    int (*set_auto_allocation)(int plan, int on);
    int (*make_plan_many)(int plan, int rank, long long *n, long long *inembed, long long istride,
                          long long idist, long long *onembed, long long ostride, long long odist,
                          int type, long long batch, size_t *work_bytes);
    int (*set_stream)(int plan, void *stream);
    int (*set_work_area)(int plan, void *work);
    int (*exec_r2c)(int plan, float *in, float *out);
    int (*destroy)(int plan);
} la_cufft;
#define LA_CUFFT_R2C          0x2a /* a type */
#define LA_CUFFT_ALLOC_FAILED 2    /* results; 0: all went well */
#define LA_CUFFT_INVALID_SIZE 8

/* NULL where there is none, or kernels do not run by the CUDA runtime. */
const la_cufft *la_cufft_found(void);
/* For tests: that one; NULL: the machine's. */
void la_cufft_use(const la_cufft *library);

#endif
