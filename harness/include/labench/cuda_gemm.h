/* SPDX-License-Identifier: Apache-2.0
 * Products of matrices on the device, for kernels' launchers: C <- alpha A B + beta C, many at a time. They
 * only enqueue, like everything that launchers call.
 */
#ifndef LABENCH_CUDA_GEMM_H
#define LABENCH_CUDA_GEMM_H

#include <stdbool.h>

#include "labench/problem.h"
#include "labench/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The matrices of one side of a batch. Matrix (x, y, z) begins x step[0] + y step[1] + z step[2]
 * elements behind data. Its row i begins i ld elements behind that, and a row is contiguous. `transposed`:
 * what lies there is the transpose of what is multiplied. Any ld >= the length of a row and any steps
 * will do; a step of 0 reads one matrix again (never in C, where no two may overlap). */
typedef struct la_cuda_matrix {
    void *data;      /* of a and b only read */
    la_dtype dtype;  /* f32, bf16, f16 */
    bool transposed; /* not of c */
    int64_t ld;
    int64_t step[3];
    int64_t term_step; /* a and b, see terms */
} la_cuda_matrix;

/* C [m,n] = alpha sum over terms of A [m,k] B [k,n] + beta C. Term i of a and b is a matrix of its own,
 * i term_step elements further: how query heads that share a key head are summed, or sequences that share
 * a parameter. Sums are float32 whatever the types, in an order that is the same on every run; products of
 * float32 are as exact as float32 (no plain tf32); against bf16 or f16 a float32 counts with 16 bits. With beta 0 nothing is read from C. */
typedef struct la_cuda_product {
    int64_t m, n, k;
    int64_t batch[3]; /* 0 counts as 1, like terms */
    int64_t terms;
    la_cuda_matrix a, b, c;
    float alpha, beta;
    /* Scratch, on the device and 16-byte aligned, so that a product of few tiles and a long sum occupies
     * the device too. Less than la_cuda_gemm_bytes (NULL: none) is slower and nothing else; but how
     * many there are decides the order of sums. */
    void *work;
    size_t work_bytes;
    void *stream; /* cudaStream_t */
} la_cuda_product;

/* LA_E_ARG for a size below 1, LA_E_UNSUPPORTED for a type without kernel or more tiles than a launch
 * has blocks. */
LA_API la_status la_cuda_gemm(const la_cuda_product *product, la_err *err);
/* The scratch with which it is fastest; from sizes and types alone. 0 where none helps. */
LA_API size_t la_cuda_gemm_bytes(const la_cuda_product *product);

#ifdef __cplusplus
}
#endif
#endif
