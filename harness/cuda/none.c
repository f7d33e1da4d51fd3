/* SPDX-License-Identifier: Apache-2.0
 * A build without CUDA: there are no devices, and nothing else is ever called.
 */
#include "cuda.h"
#include "device_peak.h"

static la_status count(int *n, la_err *err)
{
    *n = 0;
    return LA_FAIL(err, LA_E_DEVICE, "this labench is built without CUDA");
}

la_status la_device_peak_measure(const la_device *device, la_device_peak *out, la_err *err)
{
    (void)device, (void)out;
    return LA_FAIL(err, LA_E_DEVICE, "this labench is built without CUDA");
}

const la_cuda_driver la_cuda_built = {.count = count};
