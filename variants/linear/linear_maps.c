/* SPDX-License-Identifier: Apache-2.0
 * The feature maps of linear attention: their widths, and the functions that make them.
 */
#include <string.h>

#include "labench/simd.h"
#include "linear_internal.h"

extern const la_linear_sweeps la_linear_sweeps_generic, la_linear_sweeps_avx2,
    la_linear_sweeps_avx512;

int64_t la_linear_width(const la_problem *p, const void *opts)
{
    const la_linear_options *o = opts;
    int64_t dk = p->dk;
    switch (o->map) {
    case LA_LINEAR_TAYLOR2:
        return 1 + dk + dk * (dk + 1) / 2;
    case LA_LINEAR_DPFP:
        return 2 * dk * o->nu;
    case LA_LINEAR_HEDGEHOG:
        return 2 * dk;
    default:
        return dk;
    }
}

static void identity(const la_linear_rows *r, float *phi)
{
    for (int64_t i = 0; i < r->n; i++)
        memcpy(phi + i * r->ldm, r->x + i * r->ldx, (size_t)r->dk * sizeof *phi);
}

static void identity_pull(const la_linear_rows *r, const float *phi, float *dphi, float *dx,
                          float *dW)
{
    (void)phi, (void)dW;
    for (int64_t i = 0; dx && i < r->n; i++)
        memcpy(dx + i * r->ldx, dphi + i * r->ldm, (size_t)r->dk * sizeof *dx);
}

static void softmax_in_place(const la_tile *tile, int64_t n, float *x)
{
    float sum = tile->exp_sum(n, 1.0f, -tile->max(n, x), x, x);
    tile->scale(n, 1.0f / sum, x, x);
}

/* [softmax(W x), softmax(-W x)]: one product, then rows in place. */
static void hedgehog(const la_linear_rows *r, float *phi)
{
    int64_t dk = r->dk;
    if (r->n == 1)
        r->tile->mv(dk, dk, 1.0f, r->W, dk, r->x, false, phi);
    else
        r->tile->nt(r->n, dk, dk, 1.0f, r->x, r->ldx, r->W, dk, false, phi, r->ldm, r->scratch);
    for (int64_t i = 0; i < r->n; i++, phi += r->ldm) {
        r->tile->scale(dk, -1.0f, phi, phi + dk);
        softmax_in_place(r->tile, dk, phi);
        softmax_in_place(r->tile, dk, phi + dk);
    }
}

/* Of each half, phi (dphi - phi.dphi); of W x, the first less the second. */
static void hedgehog_pull(const la_linear_rows *r, const float *phi, float *dphi, float *dx,
                          float *dW)
{
    const la_tile *tile = r->tile;
    int64_t dk = r->dk, ldm = r->ldm;
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t half = 0; half < 2; half++) {
            const float *p = phi + i * ldm + half * dk;
            float *d = dphi + i * ldm + half * dk, mean = tile->dot(dk, p, d);
            tile->mul(dk, p, d, d);
            tile->axpy(dk, -mean, p, d);
            if (half) tile->axpy(dk, -1.0f, d, d - dk);
        }
    if (dW) tile->tn(dk, dk, r->n, 1.0f, dphi, ldm, r->x, r->ldx, true, dW, dk, r->scratch);
    if (dx) tile->nn(r->n, dk, dk, 1.0f, dphi, ldm, r->W, dk, false, dx, r->ldx, r->scratch);
}

const la_linear_map *la_linear_map_of(const void *opts, la_isa isa)
{
    static const la_linear_map of_identity = {identity, identity_pull};
    static const la_linear_map of_hedgehog = {hedgehog, hedgehog_pull};
    const la_linear_options *o = opts;
    const la_linear_sweeps *sweeps = LA_ISA_TABLE(&la_linear_sweeps, isa);
    switch (o->map) {
    case LA_LINEAR_IDENTITY:
        return &of_identity;
    case LA_LINEAR_RELU:
        return &sweeps->relu;
    case LA_LINEAR_TAYLOR2:
        return &sweeps->taylor2;
    case LA_LINEAR_DPFP:
        return &sweeps->dpfp;
    case LA_LINEAR_HEDGEHOG:
        return &of_hedgehog;
    default:
        return &sweeps->elu;
    }
}
