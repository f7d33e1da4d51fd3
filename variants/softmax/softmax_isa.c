/* SPDX-License-Identifier: Apache-2.0
 * Scores of a row into weights, compiled once per instruction set.
 */
#include "labench/simd.h"
#include "softmax_internal.h"

float LA_ISA(la_softmax_weigh)(int64_t n, float top, float *x)
{
    la_vf m = la_v_set(top), s0 = la_v_set(0.0f), s1 = s0;
    int64_t i = 0;
    for (; i + 2 * LA_VW <= n; i += 2 * LA_VW) {
        la_vf e0 = la_v_exp_falling(la_v_load(x + i) - m);
        la_vf e1 = la_v_exp_falling(la_v_load(x + i + LA_VW) - m);
        la_v_store(x + i, e0);
        la_v_store(x + i + LA_VW, e1);
        s0 += e0;
        s1 += e1;
    }
    float tail = 0.0f;
    for (; i < n; i += LA_VW) {
        int64_t count = n - i < LA_VW ? n - i : LA_VW;
        float lanes[LA_VW];
        la_v_store(lanes, la_v_exp_falling(la_v_load_n(x + i, count) - m));
        for (int64_t c = 0; c < count; c++) tail += x[i + c] = lanes[c];
    }
    return la_v_sum(s0 + s1) + tail;
}
