/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cuda.h"
#include "labench/cuda.h"

la_status la_device_cuda(int index, la_device *out, la_err *err)
{
    int n = 0;
    la_err why = {0};
    if (la_cuda()->count(&n, &why) != LA_OK)
        return LA_FAIL(err, LA_E_DEVICE, "there is no CUDA device here: %s", why.msg);
    if (n == 0) return LA_FAIL(err, LA_E_DEVICE, "there is no CUDA device here");
    if (index < 0 || index >= n)
        return LA_FAIL(err, LA_E_DEVICE, "there is no device cuda:%d; the last one is cuda:%d",
                       index, n - 1);
    return la_cuda()->describe(index, out, err);
}

la_status la_cuda_can_time(la_err *err)
{
    const char *blocking = getenv("CUDA_LAUNCH_BLOCKING");
    if (!blocking || atoi(blocking) == 0) return LA_OK;
    return LA_FAIL(
        err, LA_E_ENV,
        "CUDA_LAUNCH_BLOCKING=%.20s makes the host wait at every launch, so that no call "
        "can be timed: unset CUDA_LAUNCH_BLOCKING",
        blocking);
}

int la_rank_cuda(const la_device *dev, la_err *why)
{
    if (dev->backend == LA_CUDA) return 10;
    /* A reason that an impl for this device gave says more. */
    if (why && !*why->msg) LA_FAIL(why, LA_E_UNSUPPORTED, "it runs on CUDA devices alone");
    return 0;
}

int la_rank_second_cuda(const la_device *dev, la_err *why)
{
    return la_rank_cuda(dev, why) / 2;
}

la_status la_cuda_launched(int code, const char *what, la_err *err)
{
    if (code == 0) return LA_OK;
    la_status st = code == la_cuda()->out_of_memory ? LA_E_NOMEM : LA_E_DEVICE;
    LA_FAIL(err, st, "%s: %s", what, la_cuda()->words ? la_cuda()->words(code) : "it failed");
    if (err) err->foreign = code;
    return st;
}
