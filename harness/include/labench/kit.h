/* SPDX-License-Identifier: Apache-2.0
 * What variants and tasks may use besides their own folder: memory, random numbers, matrix products.
 */
#ifndef LABENCH_KIT_H
#define LABENCH_KIT_H

#include <stdbool.h>

#include "labench/problem.h"
#include "labench/variant.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- start of a process that computes: flush-to-zero and denormals-are-zero in every thread (strong
 * decays reach denormals, which cost 10 to 100 times), and the thread count of la_gemm ---- */
LA_API void la_start(int threads);

/* ---- memory: only for create() and references; 64-byte aligned; la_free(NULL) is fine ---- */
LA_API void *la_alloc(size_t bytes, la_err *err);  /* NULL and LA_E_NOMEM with the bytes wanted */
LA_API void *la_zalloc(size_t bytes, la_err *err); /* zeroed */
LA_API void la_free(void *p);

/* ---- instruction set ---- */
LA_API const char *la_isa_name(la_isa isa);
/* Best set that this CPU has and this build contains; LABENCH_ISA=generic|avx2|avx512|avx512_bf16|amx_bf16
 * lowers it. The first call asks the system for the registers of AMX, for all threads of the process. */
LA_API la_isa la_isa_best(void);
/* Refuses a LABENCH_ISA that names none, or one that is not here, with those that are; and another LABENCH_BF16
 * than the two. */
LA_API la_status la_isa_check(la_err *err);
/* Whether kernels widen bf16 rows and multiply in float32 instead of multiplying pairs: where a CPU's dot products
 * are the slower ones (Intel's, half the rate of multiply-adds; not AMD's, nor tiles of AMX).
 * LABENCH_BF16=pairs|widened decides otherwise, and LABENCH_ISA=avx512_bf16 asks for pairs. */
LA_API bool la_bf16_widens(la_isa isa);
/* Refuses a bf16 problem where the device has no bf16 dot products, in the name of an impl. */
LA_API la_status la_bf16_check(const la_problem *p, const la_device *dev, const char *name,
                               la_err *err);

/* ---- random numbers: Philox 4x32-10; element i of stream s can be made alone, in any order ---- */
/* A stream id from a seed and up to two numbers that tell streams apart. */
LA_API uint64_t la_stream(uint64_t seed, uint64_t tensor, uint64_t part);
LA_API uint32_t la_random_u32(uint64_t stream, uint64_t index);
LA_API uint64_t la_random_below(uint64_t stream, uint64_t index, uint64_t n); /* uniform in [0,n) */
LA_API double la_random_uniform(uint64_t stream, uint64_t index);             /* in (0,1) */
LA_API double la_random_normal(uint64_t stream, uint64_t index);
/* out[i] = la_random_normal(stream, first + i), faster; uses up to `threads` threads. */
LA_API void la_random_fill_normal(uint64_t stream, uint64_t first, float *out, int64_t n,
                                  int threads);
/* The same times `scale`, rounded once. */
LA_API void la_random_fill_scaled(uint64_t stream, uint64_t first, double scale, float *out,
                                  int64_t n, int threads);
/* Drawn normal numbers as gates: x = -exp(x - 2), and y = x / (1 + exp(-y)), each rounded once. */
LA_API void la_random_to_decays(float *x, int64_t n, int threads);
LA_API void la_random_to_gated(const float *x, float *y, int64_t n, int threads);
/* Fisher-Yates: the first n entries of a random permutation of 0..of-1, into out; of entries of
 * scratch are needed in out. */
LA_API void la_random_permutation(uint64_t stream, int64_t *out, int64_t of, int64_t n);
/* Draws a parameter as its descriptor says. out has la_param_elements(param) floats. */
LA_API la_status la_param_draw(const la_param *param, uint64_t seed, float *out, la_err *err);

/* ---- large matrix products (OpenBLAS), row-major: C[M,N] = alpha op(A) op(B) + beta C ----
 * Called from a parallel region it runs on the calling thread alone; outside it uses the threads of
 * la_gemm_threads (set by the harness). */
LA_API void la_gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *A,
                    int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc);
LA_API void la_gemm_threads(int threads);
/* Name, version, options and chosen kernels of the BLAS behind la_gemm, at most cap bytes. */
LA_API void la_blas_describe(char *buf, size_t cap);
/* What OpenBLAS calls its kernels for an instruction set; NULL: plain C. */
LA_API const char *la_blas_core(la_isa isa);
/* Whether it has loaded kernels of an older one: it falls back to SSE on a CPU that it does not know. */
LA_API bool la_blas_behind(la_isa isa);

#ifdef __cplusplus
}
#endif
#endif
