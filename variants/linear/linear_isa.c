/* SPDX-License-Identifier: Apache-2.0
 * elu(x) + 1 = max(x, 0) + exp(min(x, 0)) and its gradient, compiled once per instruction set.
 */
#include "labench/simd.h"

void LA_ISA(la_linear_elu)(int64_t n, int64_t dk, const float *x, int64_t ldx, float *phi,
                           int64_t ldphi);

LA_INLINE la_vf elu(la_vf x)
{
    la_vf zero = la_v_set(0.0f);
    return la_v_max(zero, x) + la_v_exp_falling(la_v_min(zero, x));
}

void LA_ISA(la_linear_elu)(int64_t n, int64_t dk, const float *x, int64_t ldx, float *phi,
                           int64_t ldphi)
{
    int64_t whole = dk - dk % LA_VW;
    for (int64_t i = 0; i < n; i++, x += ldx, phi += ldphi) {
        for (int64_t c = 0; c < whole; c += LA_VW) la_v_store(phi + c, elu(la_v_load(x + c)));
        if (whole < dk)
            la_v_store_n(phi + whole, elu(la_v_load_n(x + whole, dk - whole)), dk - whole);
    }
}

void LA_ISA(la_linear_elu_pull)(int64_t n, int64_t dk, const float *phi, const float *dphi,
                                int64_t ldphi, float *dx, int64_t lddx);

/* phi' is exp(x) = phi below 0, where phi < 1, and 1 above, where phi > 1. */
void LA_ISA(la_linear_elu_pull)(int64_t n, int64_t dk, const float *phi, const float *dphi,
                                int64_t ldphi, float *dx, int64_t lddx)
{
    la_vf one = la_v_set(1.0f);
    for (int64_t i = 0; i < n; i++, phi += ldphi, dphi += ldphi, dx += lddx)
        for (int64_t c = 0; c < dk; c += LA_VW) {
            int64_t lanes = dk - c < LA_VW ? dk - c : LA_VW;
            la_vf slope = la_v_min(la_v_load_n(phi + c, lanes), one);
            la_v_store_n(dx + c, slope * la_v_load_n(dphi + c, lanes), lanes);
        }
}
