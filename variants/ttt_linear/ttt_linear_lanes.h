/* SPDX-License-Identifier: Apache-2.0
 * A row of channels in vectors of which the last may be short, for files compiled once per instruction set.
 */
#ifndef LA_TTT_LINEAR_LANES_H
#define LA_TTT_LINEAR_LANES_H

#include "labench/simd.h"
#include "ttt_linear_internal.h"

/* Lanes that exist at channel c of n: all, some or none. */
LA_INLINE int64_t lanes_at(int64_t n, int64_t c)
{
    return n - c >= LA_VW ? LA_VW : n > c ? n - c : 0;
}

LA_INLINE la_vf load(const float *p, int64_t c, int64_t lanes)
{
    return lanes == LA_VW ? la_v_load(p + c) : la_v_load_n(p + c, lanes);
}

LA_INLINE void store(float *p, int64_t c, la_vf v, int64_t lanes)
{
    if (lanes == LA_VW)
        la_v_store(p + c, v);
    else
        la_v_store_n(p + c, v, lanes);
}

/* Every vector of n channels: from channel c on, `lanes` of them. */
#define CHANNELS(n) for (int64_t c = 0, lanes; lanes = lanes_at(n, c), c < (n); c += LA_VW)

#endif
