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
/* to[i] = from[i] rounded to f16 and back. */
la_status la_test_f16(const float *from, float *to, int n, void *stream, la_err *err);

#ifdef __cplusplus
}
#endif
#endif
