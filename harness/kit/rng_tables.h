/* SPDX-License-Identifier: Apache-2.0
 * What the per-ISA file rng_fill.c and rng.c give each other. Each _plain is one number at a time by the
 * C library's functions, and defines the bits of the others.
 */
#ifndef LA_RNG_TABLES_H
#define LA_RNG_TABLES_H

#include <stdint.h>

/* out[4 b + j] = the j-th normal number of block `block` + b, times scale. */
typedef void la_normals_fill(uint64_t stream, uint64_t block, double scale, float *out,
                             int64_t blocks);
/* x = -exp(x - 2) */
typedef void la_decays_map(float *x, int64_t n);
/* y = x / (1 + exp(-y)) */
typedef void la_gated_map(const float *x, float *y, int64_t n);

la_normals_fill la_normals_plain, la_normals_generic, la_normals_avx2, la_normals_avx512;
la_decays_map la_decays_plain, la_decays_generic, la_decays_avx2, la_decays_avx512;
la_gated_map la_gated_plain, la_gated_generic, la_gated_avx2, la_gated_avx512;

#endif
