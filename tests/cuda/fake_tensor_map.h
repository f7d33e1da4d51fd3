/* SPDX-License-Identifier: Apache-2.0
 * What the fake driver writes into a la_tensor_map, for the emulator to read.
 */
#ifndef LA_FAKE_TENSOR_MAP_H
#define LA_FAKE_TENSOR_MAP_H

#include "labench/cuda.h"

typedef struct fake_tensor_map {
    const void *base;
    int64_t strides[LA_TENSOR_RANK - 1];
    int32_t lengths[LA_TENSOR_RANK];
    int16_t box[LA_TENSOR_RANK];
    int32_t rank;
} fake_tensor_map;

#endif
