/* SPDX-License-Identifier: Apache-2.0
 * The real part of the half spectrum decides two places of the result. Behind labench/cuda_kit.cuh.
 */
#ifndef LA_FNET_PUT_CUH
#define LA_FNET_PUT_CUH

/* A number of the result of one sequence, o [T,D], at (t, c) with c <= D/2 and at (-t, D-c). */
template <typename E>
__device__ static inline void la_fnet_put(int64_t T, int64_t D, int64_t t, int64_t c, float re,
                                          E *o)
{
    la_from_float(re, o + t * D + c);
    if (c > 0 && 2 * c < D) la_from_float(re, o + (t ? T - t : 0) * D + D - c);
}

#endif
