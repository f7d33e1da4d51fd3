/* SPDX-License-Identifier: Apache-2.0
 * Functions of simd.h that no tile kernel shows, compiled once per instruction set.
 */
#ifndef LA_SIMD_PROBE_H
#define LA_SIMD_PROBE_H

#include <stdint.h>

/* y = 2^x; x and y hold a multiple of 16 floats. */
typedef void simd_exp2(int64_t n, const float *x, float *y);
extern simd_exp2 la_probe_exp2_generic, la_probe_exp2_avx2, la_probe_exp2_avx512;

/* Lane numbers below `limit` survive, the others become -1; the first n of them are stored. */
typedef int simd_lanes(float limit, int64_t n, float *y);
extern simd_lanes la_probe_lanes_generic, la_probe_lanes_avx2, la_probe_lanes_avx512;

#endif
