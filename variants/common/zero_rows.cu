/* SPDX-License-Identifier: Apache-2.0
 * Zeros where no kernel writes: outputs over nothing, gradients of what was not read.
 */
#include "labench/cuda_kit.cuh"

#include "zero_rows.h"

__global__ void zero_rows_kernel(unsigned char *to, int64_t rows, int64_t bytes, int64_t step)
{
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < rows * bytes;
         i += (int64_t)gridDim.x * blockDim.x)
        to[i / bytes * step + i % bytes] = 0;
}

extern "C" la_status la_zero_rows(void *to, int64_t rows, size_t bytes, size_t step, void *stream,
                                  la_err *err)
{
    const int64_t threads = 256, most = 8 * 132;
    int64_t blocks = (rows * (int64_t)bytes + threads - 1) / threads;
    if (blocks == 0) return LA_OK;
    LA_LAUNCH(zero_rows_kernel, dim3((unsigned)(blocks < most ? blocks : most)),
              dim3((unsigned)threads), 0, stream, (unsigned char *)to, rows, (int64_t)bytes,
              (int64_t)step);
    return LA_LAUNCHED("zeros", err);
}
