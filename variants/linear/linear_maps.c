/* SPDX-License-Identifier: Apache-2.0
 * The feature maps of linear attention.
 */
#include <math.h>
#include <string.h>

#include "labench/simd.h"
#include "linear_internal.h"

typedef void elu_fn(int64_t n, int64_t dk, const float *x, int64_t ldx, float *phi, int64_t ldphi);
extern elu_fn la_linear_elu_generic, la_linear_elu_avx2, la_linear_elu_avx512;
typedef void pull_fn(int64_t n, int64_t dk, const float *phi, const float *dphi, int64_t ldphi,
                     float *dx, int64_t lddx);
extern pull_fn la_linear_elu_pull_generic, la_linear_elu_pull_avx2, la_linear_elu_pull_avx512;

static int64_t same_width(int64_t dk)
{
    return dk;
}

static void elu(la_isa isa, int64_t n, int64_t dk, const float *x, int64_t ldx, float *phi,
                int64_t ldphi)
{
    LA_ISA_TABLE(la_linear_elu, isa)(n, dk, x, ldx, phi, ldphi);
}

static void elu_reference(int64_t dk, const double *x, double *phi)
{
    for (int64_t c = 0; c < dk; c++) phi[c] = x[c] > 0 ? x[c] + 1 : exp(x[c]);
}

static void elu_pull(la_isa isa, int64_t n, int64_t dk, const float *x, int64_t ldx,
                     const float *phi, const float *dphi, int64_t ldphi, float *dx, int64_t lddx)
{
    (void)x, (void)ldx;
    LA_ISA_TABLE(la_linear_elu_pull, isa)(n, dk, phi, dphi, ldphi, dx, lddx);
}

static void elu_reference_pull(int64_t dk, const double *x, const double *dphi, double *dx)
{
    for (int64_t c = 0; c < dk; c++) dx[c] = dphi[c] * (x[c] > 0 ? 1 : exp(x[c]));
}

static void identity(la_isa isa, int64_t n, int64_t dk, const float *x, int64_t ldx, float *phi,
                     int64_t ldphi)
{
    (void)isa;
    for (int64_t i = 0; i < n; i++) memcpy(phi + i * ldphi, x + i * ldx, (size_t)dk * sizeof *phi);
}

static void identity_reference(int64_t dk, const double *x, double *phi)
{
    memcpy(phi, x, (size_t)dk * sizeof *phi);
}

static void identity_pull(la_isa isa, int64_t n, int64_t dk, const float *x, int64_t ldx,
                          const float *phi, const float *dphi, int64_t ldphi, float *dx,
                          int64_t lddx)
{
    (void)isa, (void)x, (void)ldx, (void)phi;
    for (int64_t i = 0; i < n; i++)
        memcpy(dx + i * lddx, dphi + i * ldphi, (size_t)dk * sizeof *dx);
}

static void identity_reference_pull(int64_t dk, const double *x, const double *dphi, double *dx)
{
    (void)x;
    memcpy(dx, dphi, (size_t)dk * sizeof *dx);
}

static const la_linear_map maps[] = {
    [LA_LINEAR_ELU] = {same_width, elu, elu_pull, elu_reference, elu_reference_pull},
    [LA_LINEAR_IDENTITY] = {same_width, identity, identity_pull, identity_reference,
                            identity_reference_pull},
};

const la_linear_map *la_linear_map_of(const void *opts)
{
    return &maps[((const la_linear_options *)opts)->map];
}
