/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LA_TEST_UNITS_H
#define LA_TEST_UNITS_H

#include "labench/cuda.h"

/* One warp multiplies by the matrix unit: c [16][8] += a [16][k] b [8][k]', k 16 of 16-bit numbers or 8 of
 * float32. Everything on the device. */
typedef enum unit {
    UNIT_BF16,
    UNIT_F16,
    UNIT_BF16_TRANS, /* b is [k][8] and loaded transposed */
    UNIT_TF32,
    UNIT_SPLIT,
} unit;
#define UNITS 5

#ifdef __cplusplus
extern "C" {
#endif

/* a and b are float32, rounded to the unit's type by the kernel. */
la_status la_test_unit(unit which, const float *a, const float *b, float *c, void *stream,
                       la_err *err);
/* c [64][128] = a [64][k] b, k a multiple of 64, by wgmma on tiles that TMA brings in two stages; b is [128][k], or
 * with HOPPER_MN [k][128]. LA_E_UNSUPPORTED where the device is not of compute capability 9.0. */
typedef enum hopper_unit { HOPPER_TILES, HOPPER_REGISTERS, HOPPER_MN } hopper_unit;
#define HOPPER_UNITS 3
la_status la_test_hopper(hopper_unit which, const la_device *device, const uint16_t *a,
                         const uint16_t *b, float *c, int k, void *stream, la_err *err);
/* to[i] = from[i] rounded to f16 and back, or to the upper 19 bits that tf32 has. */
la_status la_test_f16(const float *from, float *to, int n, void *stream, la_err *err);
la_status la_test_tf32(const float *from, float *to, int n, void *stream, la_err *err);
/* Launches a kernel with so many bytes of shared memory; *allowed: how many it may have from then on. */
la_status la_test_shared(size_t bytes, void *stream, int *allowed, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
