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

/* One run of bytes: 16 a thread, from the first aligned one on. */
__global__ void zero_run_kernel(unsigned char *to, int64_t bytes)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x,
            me = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    int64_t head = (int64_t)(-(uintptr_t)to & 15);
    if (head > bytes) head = bytes;
    int64_t pieces = (bytes - head) / 16;
    for (int64_t i = me; i < pieces; i += step)
        ((uint4 *)(void *)(to + head))[i] = make_uint4(0, 0, 0, 0);
    for (int64_t i = me; i < head; i += step) to[i] = 0;
    for (int64_t i = head + 16 * pieces + me; i < bytes; i += step) to[i] = 0;
}

extern "C" la_status la_zero_rows(void *to, int64_t rows, size_t bytes, size_t step, void *stream,
                                  la_err *err)
{
    const int64_t threads = 256, most = 8 * 132, all = rows * (int64_t)bytes;
    bool run = bytes == step || rows == 1;
    int64_t blocks = ((run ? all / 16 + 1 : all) + threads - 1) / threads;
    dim3 grid((unsigned)(blocks < most ? blocks : most)), block((unsigned)threads);
    if (all == 0) return LA_OK;
    if (run)
        LA_LAUNCH(zero_run_kernel, grid, block, 0, stream, (unsigned char *)to, all);
    else
        LA_LAUNCH(zero_rows_kernel, grid, block, 0, stream, (unsigned char *)to, rows,
                  (int64_t)bytes, (int64_t)step);
    return LA_LAUNCHED("zeros", err);
}
