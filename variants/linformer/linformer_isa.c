/* SPDX-License-Identifier: Apache-2.0
 * Softmax and its gradient down a panel of transposed scores; compiled once per instruction set.
 */
#include <math.h>

#include "labench/simd.h"
#include "linformer_internal.h"

#define PANEL (LA_VPANEL * LA_VW)

static void softmax(int64_t r, float *S, float *weight)
{
    la_vf top[LA_VPANEL], sum[LA_VPANEL];
#pragma GCC unroll 3
    for (int c = 0; c < LA_VPANEL; c++) top[c] = la_v_set(-INFINITY), sum[c] = la_v_set(0.0f);
    for (int64_t j = 0; j < r; j++)
#pragma GCC unroll 3
        for (int c = 0; c < LA_VPANEL; c++)
            top[c] = la_v_max(la_v_load(S + j * PANEL + c * LA_VW), top[c]);
    for (int64_t j = 0; j < r; j++)
#pragma GCC unroll 3
        for (int c = 0; c < LA_VPANEL; c++) {
            float *at = S + j * PANEL + c * LA_VW;
            la_vf p = la_v_exp2(la_v_load(at) - top[c]);
            la_v_store(at, p);
            sum[c] += p;
        }
    for (int c = 0; c < LA_VPANEL; c++) la_v_store(weight + c * LA_VW, la_v_set(1.0f) / sum[c]);
}

static void gradient(int64_t r, const float *weight, float *S, float *dP)
{
    la_vf mean[LA_VPANEL], w[LA_VPANEL];
#pragma GCC unroll 3
    for (int c = 0; c < LA_VPANEL; c++) {
        w[c] = la_v_load(weight + c * LA_VW);
        mean[c] = la_v_set(0.0f);
    }
    for (int64_t j = 0; j < r; j++)
#pragma GCC unroll 3
        for (int c = 0; c < LA_VPANEL; c++) {
            float *at = S + j * PANEL + c * LA_VW;
            la_vf p = w[c] * la_v_load(at);
            la_v_store(at, p);
            mean[c] = la_v_fma(p, la_v_load(dP + j * PANEL + c * LA_VW), mean[c]);
        }
    for (int64_t j = 0; j < r; j++)
#pragma GCC unroll 3
        for (int c = 0; c < LA_VPANEL; c++) {
            float *d = dP + j * PANEL + c * LA_VW;
            la_v_store(d, la_v_load(S + j * PANEL + c * LA_VW) * (la_v_load(d) - mean[c]));
        }
}

const la_linformer_lanes LA_ISA(la_linformer_lanes) = {.softmax = softmax, .gradient = gradient};
