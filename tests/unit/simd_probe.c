/* SPDX-License-Identifier: Apache-2.0 */
#include "simd_probe.h"

#include "labench/simd.h"

void LA_ISA(la_probe_exp2)(int64_t n, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i += LA_VW) la_v_store(y + i, la_v_exp2(la_v_load(x + i)));
}

int LA_ISA(la_probe_lanes)(float limit, int64_t n, float *y)
{
    la_vf lane = la_v_iota();
    la_vmask below = la_v_less(lane, la_v_set(limit));
    la_v_store_n(y, la_v_select(below, lane, la_v_set(-1.0f)), n);
    return LA_VW;
}
