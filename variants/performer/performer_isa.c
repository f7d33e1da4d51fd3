/* SPDX-License-Identifier: Apache-2.0
 * Sines, cosines and rectified features, compiled once per instruction set.
 */
#include "labench/simd.h"
#include "performer_internal.h"

LA_INLINE int64_t lanes_at(int64_t c, int64_t n)
{
    return n - c < LA_VW ? n - c : LA_VW;
}

LA_INLINE la_vf polynomial(la_vf z, float a, float b, float c)
{
    return la_v_fma(la_v_fma(la_v_set(a), z, la_v_set(b)), z, la_v_set(c));
}

/* Cephes' scheme (Moshier): x = n pi/2 + r with pi/2 in three pieces, polynomials in r, and the quarter of
 * the circle that n falls in. Absolute error below 2e-7 for |x| up to 8192; beyond, arguments in float32
 * say less and less about the angle, and results stay within [-1, 1]. */
LA_INLINE void sine_cosine(la_vf x, la_vf *sine, la_vf *cosine)
{
    const la_vf half = la_v_set(0.5f), most = la_v_set(0.7854f), least = la_v_set(-0.7854f);
    la_vf n = la_v_round_(x * la_v_set(0.63661977236758134f));
    la_vf r = la_v_fma(n, la_v_set(-1.5703125f), x);
    r = la_v_fma(n, la_v_set(-4.837512969970703125e-4f), r);
    r = la_v_fma(n, la_v_set(-7.54978995489188216e-8f), r);
    r = la_v_max(least, la_v_min(most, r));
    la_vf z = r * r;
    la_vf s =
        la_v_fma(polynomial(z, -1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f) * z, r, r);
    la_vf c = polynomial(z, 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f);
    c = la_v_fma(c * z, z, la_v_fma(z, la_v_set(-0.5f), la_v_set(1.0f)));
    /* floor of whole numbers over 4 and over 2, by rounding what lies between */
    la_vf quarter = n - la_v_set(4.0f) * la_v_round_(n * la_v_set(0.25f) - la_v_set(0.375f));
    la_vf odd = quarter - la_v_set(2.0f) * la_v_round_(quarter * half - la_v_set(0.25f));
    la_vmask swap = la_v_less(half, odd);
    la_vf up = la_v_select(swap, c, s), along = la_v_select(swap, s, c), zero = la_v_set(0.0f);
    *sine = la_v_select(la_v_less(la_v_set(1.5f), quarter), zero - up, up);
    la_vf left = la_v_select(la_v_less(quarter, la_v_set(2.5f)), zero - along, along);
    *cosine = la_v_select(la_v_less(half, quarter), left, along);
}

static void waves(int64_t n, int64_t M, const float *factor, float *phi, int64_t ldm)
{
    for (int64_t i = 0; i < n; i++, phi += ldm) {
        la_vf size = la_v_set(factor ? factor[i] : 1.0f);
        for (int64_t c = 0; c < M; c += LA_VW) {
            int64_t lanes = lanes_at(c, M);
            la_vf sine, cosine;
            sine_cosine(la_v_load_n(phi + c, lanes), &sine, &cosine);
            la_v_store_n(phi + c, size * sine, lanes);
            la_v_store_n(phi + M + c, size * cosine, lanes);
        }
    }
}

static void relu(int64_t n, int64_t M, float *phi, int64_t ldm)
{
    la_vf zero = la_v_set(0.0f), floor = la_v_set((float)LA_PERFORMER_RELU_FLOOR);
    for (int64_t i = 0; i < n; i++, phi += ldm)
        for (int64_t c = 0; c < M; c += LA_VW) {
            int64_t lanes = lanes_at(c, M);
            la_v_store_n(phi + c, la_v_max(zero, la_v_load_n(phi + c, lanes)) + floor, lanes);
        }
}

static void relu_pull(int64_t n, int64_t M, const float *phi, float *dphi, int64_t ldm)
{
    la_vf zero = la_v_set(0.0f), floor = la_v_set((float)LA_PERFORMER_RELU_FLOOR);
    for (int64_t i = 0; i < n; i++, phi += ldm, dphi += ldm)
        for (int64_t c = 0; c < M; c += LA_VW) {
            int64_t lanes = lanes_at(c, M);
            la_vmask on = la_v_less(floor, la_v_load_n(phi + c, lanes));
            la_v_store_n(dphi + c, la_v_select(on, la_v_load_n(dphi + c, lanes), zero), lanes);
        }
}

extern const la_performer_sweeps LA_ISA(la_performer_sweeps);
const la_performer_sweeps LA_ISA(la_performer_sweeps) = {waves, relu, relu_pull};
