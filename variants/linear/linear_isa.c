/* SPDX-License-Identifier: Apache-2.0
 * Feature maps and their gradients row by row, compiled once per instruction set.
 */
#include <math.h>

#include "labench/simd.h"
#include "linear_internal.h"

LA_INLINE int64_t lanes_at(int64_t c, int64_t n)
{
    return n - c < LA_VW ? n - c : LA_VW;
}

/* ---- elu(x) + 1 = max(x, 0) + exp(min(x, 0)) ---- */

LA_INLINE la_vf elu_of(la_vf x)
{
    la_vf zero = la_v_set(0.0f);
    return la_v_max(zero, x) + la_v_exp_falling(la_v_min(zero, x));
}

static void elu(const la_linear_rows *r, float *phi)
{
    const float *x = r->x;
    int64_t dk = r->dk, whole = dk - dk % LA_VW;
    for (int64_t i = 0; i < r->n; i++, x += r->ldx, phi += r->ldm) {
        for (int64_t c = 0; c < whole; c += LA_VW) la_v_store(phi + c, elu_of(la_v_load(x + c)));
        if (whole < dk)
            la_v_store_n(phi + whole, elu_of(la_v_load_n(x + whole, dk - whole)), dk - whole);
    }
}

/* phi' is exp(x) = phi below 0, where phi < 1, and 1 above, where phi > 1. */
static void elu_pull(const la_linear_rows *r, const float *phi, float *dphi, float *dx, float *dW)
{
    (void)dW;
    la_vf one = la_v_set(1.0f);
    for (int64_t i = 0; dx && i < r->n; i++, phi += r->ldm, dphi += r->ldm, dx += r->ldx)
        for (int64_t c = 0; c < r->dk; c += LA_VW) {
            int64_t lanes = lanes_at(c, r->dk);
            la_vf slope = la_v_min(la_v_load_n(phi + c, lanes), one);
            la_v_store_n(dx + c, slope * la_v_load_n(dphi + c, lanes), lanes);
        }
}

/* ---- max(x, 0) ---- */

static void relu(const la_linear_rows *r, float *phi)
{
    const float *x = r->x;
    la_vf zero = la_v_set(0.0f);
    for (int64_t i = 0; i < r->n; i++, x += r->ldx, phi += r->ldm)
        for (int64_t c = 0; c < r->dk; c += LA_VW) {
            int64_t lanes = lanes_at(c, r->dk);
            la_v_store_n(phi + c, la_v_max(zero, la_v_load_n(x + c, lanes)), lanes);
        }
}

static void relu_pull(const la_linear_rows *r, const float *phi, float *dphi, float *dx, float *dW)
{
    (void)dW;
    la_vf zero = la_v_set(0.0f);
    for (int64_t i = 0; dx && i < r->n; i++, phi += r->ldm, dphi += r->ldm, dx += r->ldx)
        for (int64_t c = 0; c < r->dk; c += LA_VW) {
            int64_t lanes = lanes_at(c, r->dk);
            la_vmask on = la_v_less(zero, la_v_load_n(phi + c, lanes));
            la_v_store_n(dx + c, la_v_select(on, la_v_load_n(dphi + c, lanes), zero), lanes);
        }
}

/* ---- taylor2: [1, y, y_a^2 / sqrt(2), y_a y_b for a < b], pairs in the order of a, then b ---- */

#define ROOT_HALF 0.70710678118654752f

static la_vf scale_of(const la_linear_rows *r)
{
    return la_v_set((float)pow((double)r->dk, -0.25));
}

static void taylor2(const la_linear_rows *r, float *phi)
{
    const float *x = r->x;
    la_vf root = scale_of(r);
    for (int64_t i = 0; i < r->n; i++, x += r->ldx, phi += r->ldm) {
        float *y = phi + 1, *pair = y + r->dk;
        phi[0] = 1.0f;
        for (int64_t c = 0; c < r->dk; c += LA_VW) {
            int64_t lanes = lanes_at(c, r->dk);
            la_v_store_n(y + c, root * la_v_load_n(x + c, lanes), lanes);
        }
        for (int64_t a = 0; a < r->dk; a++) {
            la_vf factor = la_v_set(y[a]);
            for (int64_t c = a; c < r->dk; c += LA_VW) {
                int64_t lanes = lanes_at(c, r->dk);
                la_v_store_n(pair + c - a, factor * la_v_load_n(y + c, lanes), lanes);
            }
            pair[0] *= ROOT_HALF;
            pair += r->dk - a;
        }
    }
}

/* With the square's gradient times sqrt(1/2), a pair (a, b >= a) gives dphi_ab y_b to dy_a and dphi_ab y_a to
 * dy_b: a square gives twice the same. dy is where dphi of y was. */
static void taylor2_pull(const la_linear_rows *r, const float *phi, float *dphi, float *dx,
                         float *dW)
{
    (void)dW;
    la_vf root = scale_of(r);
    for (int64_t i = 0; dx && i < r->n; i++, phi += r->ldm, dphi += r->ldm, dx += r->ldx) {
        const float *y = phi + 1;
        float *dy = dphi + 1, *pair = dy + r->dk;
        for (int64_t a = 0; a < r->dk; a++) {
            la_vf factor = la_v_set(y[a]), sum = la_v_set(0.0f);
            pair[0] *= ROOT_HALF;
            for (int64_t c = a; c < r->dk; c += LA_VW) {
                int64_t lanes = lanes_at(c, r->dk);
                la_vf d = la_v_load_n(pair + c - a, lanes);
                sum = la_v_fma(d, la_v_load_n(y + c, lanes), sum);
                la_v_store_n(dy + c, la_v_fma(d, factor, la_v_load_n(dy + c, lanes)), lanes);
            }
            dy[a] += la_v_sum(sum);
            pair += r->dk - a;
        }
        for (int64_t c = 0; c < r->dk; c += LA_VW) {
            int64_t lanes = lanes_at(c, r->dk);
            la_v_store_n(dx + c, root * la_v_load_n(dy + c, lanes), lanes);
        }
    }
}

/* ---- dpfp: r = [max(x, 0), max(-x, 0)], block i of phi is r times r turned by i ---- */

/* r twice, so that r turned by i starts 2 dk - i further. */
static void both_signs_twice(int64_t dk, const float *x, float *twice)
{
    la_vf zero = la_v_set(0.0f);
    for (int64_t c = 0; c < dk; c += LA_VW) {
        int64_t lanes = lanes_at(c, dk);
        la_vf v = la_v_load_n(x + c, lanes), up = la_v_max(zero, v),
              down = la_v_max(zero, zero - v);
        la_v_store_n(twice + c, up, lanes);
        la_v_store_n(twice + dk + c, down, lanes);
        la_v_store_n(twice + 2 * dk + c, up, lanes);
        la_v_store_n(twice + 3 * dk + c, down, lanes);
    }
}

static void dpfp(const la_linear_rows *r, float *phi)
{
    int64_t width = 2 * r->dk;
    for (int64_t i = 0; i < r->n; i++) {
        const float *a = r->scratch;
        float *out = phi + i * r->ldm;
        both_signs_twice(r->dk, r->x + i * r->ldx, r->scratch);
        for (int64_t turn = 1; turn <= r->nu; turn++, out += width) {
            const float *b = a + width - turn % width;
            for (int64_t c = 0; c < width; c += LA_VW) {
                int64_t lanes = lanes_at(c, width);
                la_v_store_n(out + c, la_v_load_n(a + c, lanes) * la_v_load_n(b + c, lanes), lanes);
            }
        }
    }
}

/* The gradient of r, gathered over both of its copies. */
static void dpfp_pull(const la_linear_rows *r, const float *phi, float *dphi, float *dx, float *dW)
{
    (void)phi, (void)dW;
    int64_t dk = r->dk, width = 2 * dk;
    float *a = r->scratch, *da = a + 2 * width;
    for (int64_t i = 0; dx && i < r->n; i++) {
        const float *d = dphi + i * r->ldm, *x = r->x + i * r->ldx;
        both_signs_twice(dk, x, a);
        memset(da, 0, (size_t)(2 * width) * sizeof *da);
        for (int64_t turn = 1; turn <= r->nu; turn++, d += width) {
            int64_t at = width - turn % width;
            for (int64_t c = 0; c < width; c += LA_VW) {
                int64_t lanes = lanes_at(c, width);
                la_vf g = la_v_load_n(d + c, lanes);
                la_vf sum = la_v_load_n(da + c, lanes);
                la_v_store_n(da + c, la_v_fma(g, la_v_load_n(a + at + c, lanes), sum), lanes);
                sum = la_v_load_n(da + at + c, lanes);
                la_v_store_n(da + at + c, la_v_fma(g, la_v_load_n(a + c, lanes), sum), lanes);
            }
        }
        for (int64_t c = 0; c < dk; c++) {
            float up = da[c] + da[width + c], down = da[dk + c] + da[width + dk + c];
            dx[i * r->ldx + c] = x[c] > 0.0f ? up : x[c] < 0.0f ? -down : 0.0f;
        }
    }
}

extern const la_linear_sweeps LA_ISA(la_linear_sweeps);
const la_linear_sweeps LA_ISA(la_linear_sweeps) = {
    {elu, elu_pull}, {relu, relu_pull}, {taylor2, taylor2_pull}, {dpfp, dpfp_pull}};
