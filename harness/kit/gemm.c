/* SPDX-License-Identifier: Apache-2.0
 * The only file that includes cblas.h.
 */
#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <strings.h>

#include "labench/kit.h"

/* OpenBLAS asks OpenMP for its thread count. That count belongs to the calling task: one set inside a
 * parallel region of a single thread is gone after it, so it is looked at before every product. */
static int wanted = 1;

extern void openblas_set_num_threads(int threads);

void la_blas_describe(char *buf, size_t cap)
{
    snprintf(buf, cap, "%s; kernels for %s", openblas_get_config(), openblas_get_corename());
}

const char *la_blas_core(la_isa isa)
{
    return isa >= LA_ISA_AVX512 ? "SkylakeX" : isa >= LA_ISA_AVX2 ? "Haswell" : NULL;
}

bool la_blas_behind(la_isa isa)
{
    static const char *const old[] = {"Prescott", "Core2",   "Penryn",     "Dunnington",
                                      "Atom",     "Nehalem", "Sandybridge"};
    const char *loaded = openblas_get_corename();
    for (size_t i = 0; la_blas_core(isa) && i < sizeof old / sizeof *old; i++)
        if (strcasecmp(loaded, old[i]) == 0) return true;
    return false;
}

void la_gemm_threads(int threads)
{
    wanted = threads;
}

void la_gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *A,
             int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    if (!omp_in_parallel() && omp_get_max_threads() != wanted) openblas_set_num_threads(wanted);
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                (blasint)M, (blasint)N, (blasint)K, alpha, A, (blasint)lda, B, (blasint)ldb, beta,
                C, (blasint)ldc);
}
