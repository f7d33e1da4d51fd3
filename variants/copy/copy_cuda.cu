/* SPDX-License-Identifier: Apache-2.0
 * copy on the device: what the memory can do at most.
 */
#include <cuda_runtime.h>

#include "labench/cuda.h"

static la_status sizes(const la_problem *, la_pass, const void *, const la_device *, la_sizes *out,
                       la_err *)
{
    *out = la_sizes{};
    return LA_OK;
}

static size_t rows_bytes(const la_problem *p, int64_t width)
{
    return (size_t)(p->B * p->T * p->H * width) * la_dtype_size(p->dtype);
}

static la_status forward(void *self, const la_io *io, la_err *err)
{
    const la_problem *p = (const la_problem *)self;
    cudaMemcpyAsync(io->o, io->v, rows_bytes(p, p->dv), cudaMemcpyDeviceToDevice,
                    (cudaStream_t)io->stream);
    return la_cuda_launched(cudaGetLastError(), "copy forward", err);
}

static la_status backward(void *self, const la_io *io, const la_grads *grads, la_err *err)
{
    const la_problem *p = (const la_problem *)self;
    cudaStream_t stream = (cudaStream_t)io->stream;
    if (grads->dq) cudaMemsetAsync(grads->dq, 0, rows_bytes(p, p->dk), stream);
    if (grads->dk) cudaMemsetAsync(grads->dk, 0, rows_bytes(p, p->dk), stream);
    if (grads->dv)
        cudaMemcpyAsync(grads->dv, grads->dout, rows_bytes(p, p->dv), cudaMemcpyDeviceToDevice,
                        stream);
    return la_cuda_launched(cudaGetLastError(), "copy backward", err);
}

extern "C" const la_cuda_kernels la_copy_cuda = {
    .sizes = sizes, .forward = forward, .backward = backward};
