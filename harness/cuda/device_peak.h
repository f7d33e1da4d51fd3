/* SPDX-License-Identifier: Apache-2.0
 * What a device can do at most, measured: the 100 % of "% of peak" there.
 */
#ifndef LA_DEVICE_PEAK_H
#define LA_DEVICE_PEAK_H

#include "labench/variant.h"

/* Per second, the best of several runs. */
typedef struct la_device_peak {
    double
        f32; /* FLOP of float32: multiply-adds, or three products of tf32 for one, what is more */
    double bf16; /* FLOP of the matrix units, f32 sums */
    double copy; /* bytes read and written by a copy of some L2 caches */
} la_device_peak;

/* About half a second, alone on the device: waits until it is free. Leaves no context there. */
la_status la_device_peak_measure(const la_device *device, la_device_peak *out, la_err *err);

#endif
